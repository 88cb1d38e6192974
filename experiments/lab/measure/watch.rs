//! One strike seen by the client: when it starts, when it is over, and what came of every write.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant, SystemTime};

use rand::RngExt as _;
use sim::{Purpose, Streams};

use crate::Order;
use crate::machine;
use crate::probe::{Attempt, INTERVAL, KINDS, Probe, TIMEOUT};
use crate::real::process::Server;
use crate::real::resp::Connection;
use crate::real::wait::{ms, now};
use crate::row::Row;

/// Writes for so long without a failure end a run.
const CLEAN: Duration = Duration::from_secs(3);
/// Before the phase.
const LEAD: Duration = Duration::from_millis(500);

/// What the client saw.
pub struct Watched {
    pub phase_ms: f64,
    pub fault: Instant,
    /// Milliseconds of the day (UTC), the clock of the logs.
    pub fault_of_day_ms: f64,
    pub attempts: Vec<Attempt>,
    pub capped: bool,
}

/// Starts the client, strikes after a random phase, waits until it is over.
pub fn watch(order: &Order, phase_max_ms: f64, probe: &mut Probe, victim: &mut Server) -> Watched {
    let streams = Streams::for_trial(order.command.seed, order.index as u64);
    let phase_ms = streams
        .stream(Purpose(1), 0)
        .random_range(0.0..phase_max_ms);
    let timeout_ms = order
        .command
        .node_timeout_ms
        .max(order.command.down_after_ms);
    let cap = Duration::from_millis(10 * timeout_ms + 30_000);
    let (attempts, stop) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let (fault, fault_of_day_ms, capped) = thread::scope(|scope| {
        scope.spawn(|| probe.run(&attempts, &stop));
        sleep(LEAD + Duration::from_secs_f64(phase_ms / 1e3));
        let (fault, of_day) = (now(), of_day_ms());
        if order.command.cond.hangs() {
            victim.stop();
        } else {
            victim.send_kill();
        }
        let over = || over(&attempts.lock().expect("the client runs"), fault);
        while !over() && fault.elapsed() < cap {
            sleep(2 * INTERVAL);
        }
        let capped = !over();
        stop.store(true, Ordering::Relaxed);
        (fault, of_day, capped)
    });
    Watched {
        phase_ms,
        fault,
        fault_of_day_ms,
        attempts: attempts.into_inner().expect("the client is done"),
        capped,
    }
}

/// Failed after the fault, and clean for long enough since.
fn over(attempts: &[Attempt], fault: Instant) -> bool {
    let last_failed = attempts
        .iter()
        .rposition(|a| a.failed.is_some() && a.end >= fault);
    let Some(last_failed) = last_failed else {
        return false;
    };
    let recovered = attempts.get(last_failed + 1);
    recovered.is_some_and(|first| attempts[attempts.len() - 1].end >= first.end + CLEAN)
}

#[allow(clippy::disallowed_methods)] // compared with a real server's log, nothing else
fn of_day_ms() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("after 1970").as_secs_f64() % 86_400.0 * 1e3
}

impl Watched {
    /// Milliseconds after the fault.
    fn at(&self, instant: Instant) -> f64 {
        ms(self.fault, instant) - ms(instant, self.fault)
    }

    fn first_failed(&self) -> Option<usize> {
        let after = |a: &Attempt| a.failed.is_some() && a.end >= self.fault;
        self.attempts.iter().position(after)
    }

    /// Start of the first failed attempt.
    pub fn first_fail_ms(&self) -> Option<f64> {
        self.first_failed()
            .map(|first| self.at(self.attempts[first].start))
    }

    /// The columns from `first_ok_ms` to `resume_ms`.
    pub fn put_recovery(&self, row: &mut Row) {
        let Some(first_failed) = self.first_failed() else {
            for name in ["first_ok_ms", "recovered_ms", "unavail_ms"] {
                row.ms(name, None);
            }
            row.put("fail_windows", 0);
            row.ms("fail_window_sum_ms", Some(0.0));
            row.ms("resume_ms", None);
            return;
        };
        let windows: Vec<(f64, Option<f64>)> = self.windows(first_failed);
        let first_ok = windows.first().and_then(|(_, end)| *end);
        let recovered = windows.last().and_then(|(_, end)| *end);
        let start = windows.first().map_or(0.0, |(start, _)| *start);
        row.ms("first_ok_ms", first_ok);
        row.ms("recovered_ms", recovered);
        row.ms("unavail_ms", recovered.map(|end| end - start));
        row.put("fail_windows", windows.len());
        let length = |(start, end): &(f64, Option<f64>)| end.map(|end| end - start);
        row.ms("fail_window_sum_ms", windows.iter().map(length).sum());
        row.ms("resume_ms", None);
    }

    /// Unbroken stretches of failures: start of the first failed attempt, end of the next good one.
    fn windows(&self, first_failed: usize) -> Vec<(f64, Option<f64>)> {
        let mut windows: Vec<(f64, Option<f64>)> = Vec::new();
        let mut open = false;
        for attempt in &self.attempts[first_failed..] {
            match (attempt.failed.is_some(), open) {
                (true, false) => windows.push((self.at(attempt.start), None)),
                (false, true) => {
                    windows.last_mut().expect("one is open").1 = Some(self.at(attempt.end));
                }
                (true, true) | (false, false) => {}
            }
            open = attempt.failed.is_some();
        }
        windows
    }

    /// The columns from `attempts` to the end.
    pub fn put_writes(&self, row: &mut Row, probe: &Probe, prefix: &str, primary: u16) {
        let ok = self.attempts.iter().filter(|a| a.failed.is_none()).count();
        row.put("attempts", self.attempts.len());
        row.put("ok", ok);
        for (kind, column) in KINDS.into_iter().zip(ERROR_COLUMNS) {
            let of_kind = |a: &&Attempt| a.failed == Some(kind);
            row.put(column, self.attempts.iter().filter(of_kind).count());
        }
        row.put("moved_followed", probe.moved_followed);
        row.put("topo_refreshes", probe.questions);
        row.put("acked", ok);
        let present = present(primary, prefix, self.attempts.len());
        let count = |failed: bool, there: bool| {
            let fits = |(n, a): &(usize, &Attempt)| {
                a.failed.is_some() == failed && present.contains(n) == there
            };
            self.attempts.iter().enumerate().filter(fits).count()
        };
        row.put("acked_lost", count(false, false));
        row.put("unacked_present", count(true, true));
        row.put("capped", u8::from(self.capped));
    }

    /// The columns about the machine and the client's pace.
    pub fn put_machine(&self, row: &mut Row, cpu: machine::CpuTime, load: String) {
        row.put("load1_start", load);
        row.put("load1_end", machine::load());
        let busy = machine::busy_share(cpu, machine::cpu_time());
        row.put("cpu_busy_frac", format!("{busy:.3}"));
        let clean_from = self.attempts.iter().rposition(|a| a.failed.is_some());
        let clean = &self.attempts[clean_from.map_or(0, |last| last + 1)..];
        let rate = clean.first().zip(clean.last()).map(|(first, last)| {
            (clean.len() - 1) as f64 * INTERVAL.as_secs_f64() * 1e3 / ms(first.start, last.start)
        });
        row.put(
            "probe_rate_frac",
            rate.map_or(String::new(), |r| format!("{r:.4}")),
        );
        row.put("sock_timeout_ms", TIMEOUT.as_millis());
        row.put("probe_interval_ms", INTERVAL.as_millis());
    }
}

const ERROR_COLUMNS: [&str; KINDS.len()] = [
    "e_timeout",
    "e_connect_timeout",
    "e_refused",
    "e_reset",
    "e_clusterdown",
    "e_moved_loop",
    "e_oom",
    "e_readonly",
    "e_loading",
    "e_masterdown",
    "e_misconf",
    "e_tryagain",
    "e_other",
];

/// Which of the client's keys the final primary has.
fn present(primary: u16, prefix: &str, count: usize) -> BTreeSet<usize> {
    let mut connection = Connection::open(primary, Duration::from_secs(10)).expect("it serves");
    let keys: Vec<String> = (0..count).map(|n| format!("{prefix}{n}")).collect();
    let mut found = BTreeSet::new();
    for (chunk, keys) in keys.chunks(500).enumerate() {
        let mut command = vec!["MGET"];
        command.extend(keys.iter().map(String::as_str));
        let values = connection.call(&command).expect("it serves");
        let there = values
            .items()
            .iter()
            .enumerate()
            .filter(|(_, v)| v.text().is_some());
        found.extend(there.map(|(n, _)| chunk * 500 + n));
    }
    found
}
