//! The laboratory's client: one writer, one attempt every 10 ms, and what it sees of an outage.
//!
//! An attempt writes on a persistent connection to the node that the client takes for the owner.
//! A redirection (MOVED) is followed at once. After a timeout or a reset the connection is dropped.
//! After each failed attempt the client asks one other server for the topology, in turn, and uses
//! the address that it is told. The server that it asks may be dead or hung itself, which costs the
//! time that it costs. The next attempt begins an interval after this one did, or when all that is
//! over.
//!
//! ```text
//!   crash:  write ✗ reset, ask │ write ✗ refused, ask │ …            │ write ✓   every 10 ms
//!   hang:   write ……… ✗ 200 ms, ask │ write ……… ✗ 200 ms, ask │ …    │ write ✓   every 201 ms
//! ```
//!
//! The client is the same for every kind of [`Deployment`]; they differ in which nodes it asks. It
//! sees nothing but answers. Left out: failures by OOM, after which the real client asks nobody.

use rand::RngExt as _;
use sim::{Rng, SimDuration, SimTime};

use super::setting::ProbeSpec;

/// Connecting, or asking and being answered, on loopback. Measured: the write that ends an outage
/// by a crash ends 0.3 ms after its attempt began, connection included.
const ROUND_TRIP: SimDuration = SimDuration::from_micros(150);
/// A wait for a reply ends this late, in microseconds: as the load of a run's machine has it, drawn
/// once a run. Measured: a write that times out, the question after it and their connections take
/// 201.0 ms (median of the means of 40 runs; nine in ten 200.8 to 201.4).
const TIMEOUT_LATE_US: (u64, u64) = (150, 750);
/// From SIGCONT to the first answer: the process is scheduled again and reads what has queued up.
/// Measured: 0.5 to 5.6 ms, median 1.5 ms.
const RESUME: SimDuration = SimDuration::from_micros(1_500);
/// Redirections that one attempt follows.
const HOPS_MAX: u32 = 5;

/// A server that a client can connect to, by its place in the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(pub u16);

/// What becomes of bytes that are sent to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// It reads them.
    Runs,
    /// Its kernel takes them; the process reads them when it goes on, if ever.
    Stopped {
        /// When it goes on.
        resumes: Option<SimTime>,
    },
    /// There is no process: connections are refused, those that stood were reset.
    Gone,
}

/// What a running server answers to a write into the shard under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteAnswer {
    /// Done.
    Ok,
    /// That shard's owner is there.
    Moved(Address),
    /// The cluster, as this server sees it, is down.
    ClusterDown,
    /// It is a replica that does not redirect.
    ReadOnly,
}

/// Servers that a client talks to. Times never run back.
pub trait Deployment {
    /// Lets time pass.
    fn until(&mut self, at: SimTime);
    /// Whether a server is there.
    fn presence(&self, server: Address) -> ProcessState;
    /// What a running data node answers to a write.
    fn write(&self, node: Address) -> WriteAnswer;
    /// The servers that a client asks for the topology, in turn.
    fn guides(&self) -> std::ops::Range<u16>;
    /// Which data node a running guide names as the owner of the shard under test.
    fn owner_told_by(&self, guide: Address) -> Option<Address>;
}

/// Failed attempts by kind, as the columns `e_*` count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// No reply in time.
    pub timeout: u32,
    /// Nobody listens.
    pub refused: u32,
    /// The connection was closed.
    pub reset: u32,
    /// CLUSTERDOWN.
    pub cluster_down: u32,
    /// More redirections than a client follows.
    pub moved_loop: u32,
    /// READONLY.
    pub read_only: u32,
}

/// What the client has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeLog {
    /// Attempts.
    pub attempts: u32,
    /// Good ones.
    pub ok: u32,
    /// The others.
    pub failures: Failures,
    /// Redirections that were followed.
    pub moved_followed: u32,
    /// Questions for the topology.
    pub questions: u32,
    /// When the first failed attempt began.
    pub first_fail: Option<SimTime>,
    /// When the last failed attempt, with the question after it, was over.
    pub last_fail: Option<SimTime>,
    /// When the first good write after the last failure was done.
    pub recovered: Option<SimTime>,
    /// Writes that had failed for the client and that the server did when it went on.
    pub done_late: u32,
}

/// The client.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    spec: ProbeSpec,
    /// How late a wait for a reply ends.
    late: SimDuration,
    now: SimTime,
    target: Address,
    connected: bool,
    next_guide: u16,
    /// Writes that wait in the kernel of a stopped server.
    queued: Option<(Address, u32)>,
    log: ProbeLog,
}

/// How one exchange of a request and its reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    Answered,
    TimedOut,
    Refused,
    Reset,
}

impl Probe {
    /// A client that begins at `now` and takes `target` for the owner.
    pub fn new(spec: ProbeSpec, target: Address, now: SimTime, rng: &mut Rng) -> Probe {
        let late_us = rng.random_range(TIMEOUT_LATE_US.0..TIMEOUT_LATE_US.1);
        Probe {
            spec,
            late: SimDuration::from_micros(late_us),
            now,
            target,
            connected: false,
            next_guide: 0,
            queued: None,
            log: ProbeLog::default(),
        }
    }

    /// What it has seen so far.
    pub fn log(&self) -> &ProbeLog {
        &self.log
    }

    /// When its next attempt begins.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// One attempt, with everything up to the next.
    pub fn attempt<D: Deployment>(&mut self, servers: &mut D) {
        let began = self.now;
        self.log.attempts += 1;
        let tried = self.target;
        match self.write(servers) {
            Ok(()) => {
                self.log.ok += 1;
                if self.log.last_fail.is_some() {
                    self.log.recovered.get_or_insert(self.now);
                }
            }
            Err(count) => {
                *count(&mut self.log.failures) += 1;
                self.log.first_fail.get_or_insert(began);
                self.ask(servers, tried);
                self.log.last_fail = Some(self.now);
                self.log.recovered = None;
            }
        }
        self.now = self.now.max(began + self.spec.interval);
    }

    /// Writes once, redirections included. An error is the kind of failure.
    fn write<D: Deployment>(&mut self, servers: &mut D) -> Result<(), Kind> {
        for _ in 0..=HOPS_MAX {
            let exchange = self.exchange(servers, self.target, self.connected);
            self.connected = exchange == Exchange::Answered;
            match exchange {
                Exchange::Answered => {}
                Exchange::TimedOut => {
                    let before = self.queued.filter(|(node, _)| *node == self.target);
                    self.queued = Some((self.target, before.map_or(0, |(_, n)| n) + 1));
                    return Err(|failures| &mut failures.timeout);
                }
                Exchange::Refused => return Err(|failures| &mut failures.refused),
                Exchange::Reset => return Err(|failures| &mut failures.reset),
            }
            let late = self.queued.filter(|(node, _)| *node == self.target);
            match servers.write(self.target) {
                WriteAnswer::Ok => {
                    // It goes on, and what had queued up was before this write.
                    self.log.done_late += late.map_or(0, |(_, n)| n);
                    self.queued = None;
                    return Ok(());
                }
                WriteAnswer::Moved(owner) => {
                    self.log.moved_followed += 1;
                    self.turn_to(owner);
                }
                WriteAnswer::ClusterDown => return Err(|failures| &mut failures.cluster_down),
                WriteAnswer::ReadOnly => return Err(|failures| &mut failures.read_only),
            }
        }
        Err(|failures| &mut failures.moved_loop)
    }

    /// Asks the next server in turn, but not the one that has just failed.
    fn ask<D: Deployment>(&mut self, servers: &mut D, failed: Address) {
        let guides = servers.guides();
        let count = guides.end - guides.start;
        let in_turn = |turn: u16| Address(guides.start + turn % count);
        if in_turn(self.next_guide) == failed {
            self.next_guide = (self.next_guide + 1) % count;
        }
        let guide = in_turn(self.next_guide);
        self.next_guide = (self.next_guide + 1) % count;
        if guide == failed {
            return; // there is no other
        }
        self.log.questions += 1;
        if self.exchange(servers, guide, false) == Exchange::Answered
            && let Some(owner) = servers.owner_told_by(guide)
        {
            self.turn_to(owner);
        }
    }

    fn turn_to(&mut self, owner: Address) {
        self.connected &= owner == self.target;
        self.target = owner;
    }

    /// Sends a request and waits for its reply. When it was answered, the servers' time is the
    /// instant at which the server answered.
    fn exchange<D: Deployment>(
        &mut self,
        servers: &mut D,
        to: Address,
        connected: bool,
    ) -> Exchange {
        if !connected {
            servers.until(self.now + ROUND_TRIP / 2);
            self.now += ROUND_TRIP;
            if servers.presence(to) == ProcessState::Gone {
                return Exchange::Refused;
            }
        }
        let sent = self.now;
        servers.until(sent + ROUND_TRIP / 2);
        let deadline = sent + self.spec.timeout;
        match servers.presence(to) {
            ProcessState::Gone => {
                self.now = sent + ROUND_TRIP;
                Exchange::Reset
            }
            ProcessState::Runs => {
                self.now = sent + ROUND_TRIP;
                Exchange::Answered
            }
            ProcessState::Stopped { resumes: Some(at) } if at + RESUME <= deadline => {
                servers.until(at + RESUME);
                self.now = at + RESUME;
                Exchange::Answered
            }
            ProcessState::Stopped { .. } => {
                self.now = deadline + self.late;
                Exchange::TimedOut
            }
        }
    }
}

/// Which count a failure goes to.
type Kind = fn(&mut Failures) -> &mut u32;

#[cfg(test)]
mod tests {
    use sim::{Purpose, Streams};

    use super::*;

    const FAULT: SimTime = SimTime::from_nanos(1_000_000_000);

    /// Three servers. Server 0 owns the shard and is struck; from `moved_at` on server 1 owns it,
    /// and the caller knows that.
    struct Script {
        now: SimTime,
        fault: ProcessState,
        moved_at: SimTime,
    }

    impl Script {
        fn owner(&self) -> Address {
            Address(u16::from(self.now >= self.moved_at))
        }
    }

    impl Deployment for Script {
        fn until(&mut self, at: SimTime) {
            assert!(at >= self.now, "time runs forward");
            self.now = at;
        }

        fn presence(&self, server: Address) -> ProcessState {
            let over = match self.fault {
                ProcessState::Stopped { resumes } => resumes.is_some_and(|at| self.now >= at),
                ProcessState::Runs | ProcessState::Gone => false,
            };
            match server {
                Address(0) if self.now >= FAULT && !over => self.fault,
                Address(_) => ProcessState::Runs,
            }
        }

        fn write(&self, node: Address) -> WriteAnswer {
            match self.owner() {
                owner if owner == node => WriteAnswer::Ok,
                owner => WriteAnswer::Moved(owner),
            }
        }

        fn guides(&self) -> std::ops::Range<u16> {
            0..3
        }

        fn owner_told_by(&self, _: Address) -> Option<Address> {
            Some(self.owner())
        }
    }

    /// Two seconds of writing, the fault after one of them.
    fn watch(fault: ProcessState, moved_after_ms: u64) -> ProbeLog {
        let mut servers = Script {
            now: SimTime::ZERO,
            fault,
            moved_at: FAULT + SimDuration::from_millis(moved_after_ms),
        };
        let spec = ProbeSpec {
            interval: SimDuration::from_millis(10),
            timeout: SimDuration::from_millis(200),
        };
        let mut rng = Streams::for_trial(1, 1).stream(Purpose(1), 0);
        let start = SimTime::ZERO + SimDuration::from_millis(5);
        let mut probe = Probe::new(spec, Address(0), start, &mut rng);
        while probe.now() < SimTime::ZERO + SimDuration::from_secs(2) {
            probe.attempt(&mut servers);
        }
        *probe.log()
    }

    fn unavailable_ms(log: &ProbeLog) -> f64 {
        let (from, to) = (log.first_fail.unwrap(), log.recovered.unwrap());
        (to - from).as_secs_f64() * 1e3
    }

    #[test]
    fn a_crash_is_a_reset_and_then_a_refusal_every_interval() {
        // Attempts at 5, 15, …, 255 ms after the fault fail; the question after that of 255 ms is
        // the first that is answered with the new owner.
        let log = watch(ProcessState::Gone, 250);
        let expected = Failures {
            reset: 1,
            refused: 25,
            ..Failures::default()
        };
        assert_eq!(log.failures, expected);
        assert_eq!((log.questions, log.moved_followed), (26, 0));
        assert_eq!(log.attempts, log.ok + 26);
        let took = unavailable_ms(&log);
        assert!((260.0..261.0).contains(&took), "{took} ms");
    }

    #[test]
    fn a_hang_takes_a_timeout_for_every_attempt() {
        let log = watch(ProcessState::Stopped { resumes: None }, 250);
        assert_eq!(log.failures.timeout, 2);
        assert_eq!(log.questions, 2);
        let took = unavailable_ms(&log);
        assert!((400.0..404.0).contains(&took), "{took} ms");
        assert_eq!(log.done_late, 0, "it never went on");
    }

    #[test]
    fn a_server_that_goes_on_answers_the_write_that_waits_and_does_the_others() {
        let resumes = Some(FAULT + SimDuration::from_millis(500));
        let log = watch(ProcessState::Stopped { resumes }, 10_000);
        assert_eq!((log.failures.timeout, log.done_late), (2, 2));
        let took = unavailable_ms(&log);
        assert!((496.0..497.0).contains(&took), "{took} ms");
    }

    #[test]
    fn a_server_that_goes_on_after_it_was_replaced_redirects() {
        let resumes = Some(FAULT + SimDuration::from_millis(100));
        let log = watch(ProcessState::Stopped { resumes }, 50);
        assert_eq!(log.failures, Failures::default());
        assert_eq!((log.first_fail, log.moved_followed), (None, 1));
    }
}
