//! Which processes of a service get requests from its load balancer.
//!
//! ```text
//!  every 10 s   ask each process ─┬─ it answers    5 in a row: back into the rotation
//!                                 └─ error, late   2 in a row: out of it
//! ```
//!
//! The check asks for what the service cannot do without, so it sees the process's own view of
//! Redis. While all processes are where their answers put them nobody asks; the eager mode always
//! does. What ejects processes whose requests fail is in `outliers.rs`.

use std::mem;

use demand::answer::{Answer, AnswerTimeline};
use demand::{Balancing, Mode};
use sim::{Probability, SimDuration, SimTime, StreamKey};

use super::failing::Load;
use super::outliers::{Failures, Outliers};
use crate::event::{BalancerTimer, Cx, Event, Grid, Looks};
use crate::ids::{Id, ServiceId};
use crate::spec::balancer::{BalancerCheckSpec, BalancerSpec, OutliersSpec};

/// The processes of one service that get requests.
#[derive(Clone, Debug)]
pub struct Rotation {
    service: ServiceId,
    balancing: Balancing,
    check: Option<BalancerCheckSpec>,
    outliers: Option<Outliers>,
    ignored_below: Option<Probability>,
    processes: Vec<Checked>,
    /// Those in the rotation, from each instant on.
    history: demand::Rotation,
    /// When it asks.
    asks: Looks,
    first: SimTime,
    mode: Mode,
}

/// What the balancer thinks of a process.
#[derive(Clone, Copy, Debug)]
struct Checked {
    in_rotation: bool,
    fails: u32,
    passes: u32,
    /// It has been asked and has not answered yet.
    asked: bool,
}

impl Rotation {
    /// All `processes` of a service are in the rotation. `phase` is the time of the first check.
    pub fn new(
        spec: Option<BalancerSpec>,
        processes: usize,
        service: ServiceId,
        phase: SimDuration,
        mode: Mode,
    ) -> Rotation {
        let process = Checked {
            in_rotation: true,
            fails: 0,
            passes: 0,
            asked: false,
        };
        // No two balancers ask at the same instant.
        let turn = SimDuration::from_nanos(1 + service.index() as u64);
        Rotation {
            service,
            balancing: spec.map_or(Balancing::Sticky, |spec| spec.kind.balancing()),
            check: spec.and_then(|spec| spec.check),
            outliers: None,
            ignored_below: spec.and_then(|spec| spec.ignored_below),
            processes: vec![process; processes],
            history: vec![(SimTime::ZERO, (0..processes).collect())],
            asks: Looks::default(),
            first: SimTime::ZERO + phase + turn,
            mode,
        }
    }

    /// With a rule that ejects processes whose requests fail. `phase` is the time of the first
    /// sweep.
    pub fn with_outliers(
        mut self,
        spec: OutliersSpec,
        phase: SimDuration,
        draws: StreamKey,
    ) -> Rotation {
        let of = (self.processes.len(), self.service);
        self.outliers = Some(Outliers::new(spec, of, SimTime::ZERO + phase, draws));
        self
    }

    /// The processes that get requests, from each instant on.
    pub fn history(&self) -> &demand::Rotation {
        &self.history
    }

    /// The processes that get requests now.
    pub fn in_rotation(&self) -> &[usize] {
        let (_, processes) = self.history.last().expect("a rotation has a start");
        processes
    }

    /// How many times its equal part each process gets of the requests, if one holds its worker for
    /// so many seconds and `rate` come to a process each second; 0: none.
    pub fn parts(&self, held: &[f64], rate: f64) -> Vec<f64> {
        let in_rotation = self.in_rotation();
        let all = held.len() as f64;
        let mut parts = vec![0.0; held.len()];
        for process in in_rotation {
            parts[*process] = all / in_rotation.len() as f64;
        }
        if self.balancing == Balancing::LeastBusy && rate > 0.0 {
            self.even_out(held, rate * all, &mut parts);
        }
        parts
    }

    /// `least-busy` evens out the requests in progress. While they are fewer than the processes, a
    /// slow process has one all the time and the others share the rest; beyond that all have as
    /// many. A process whose requests never end gets none, unless all are like that.
    fn even_out(&self, held: &[f64], rate: f64, parts: &mut [f64]) {
        let one_each = |process: &usize| 1.0 / held[*process].max(HELD_MIN_S);
        let mut slowest_first = self.in_rotation().to_vec();
        slowest_first.sort_by(|one, other| held[*other].total_cmp(&held[*one]));
        let all: f64 = slowest_first.iter().map(one_each).sum();
        let (mut left, count) = (rate, held.len() as f64);
        for (place, process) in slowest_first.iter().enumerate() {
            let even = left / (slowest_first.len() - place) as f64;
            let gets = match rate < all {
                true => one_each(process).min(even),
                false if all > 0.0 => rate * one_each(process) / all,
                false => even,
            };
            parts[*process] = gets / rate * count;
            left -= gets;
        }
    }

    /// Does it eject processes whose requests fail?
    pub fn ejects(&self) -> bool {
        self.outliers.is_some()
    }

    /// The requests of each process fail like this from now on.
    pub(super) fn note(&mut self, failures: &[Failures], load: &Load, cx: &mut Cx) {
        if let Some(outliers) = &mut self.outliers {
            for (process, failures) in failures.iter().enumerate() {
                outliers.note(process, *failures, load, cx);
            }
        }
    }

    /// Is a process ejected because its requests failed?
    fn is_ejected(&self, process: usize) -> bool {
        let outliers = self.outliers.as_ref();
        outliers.is_some_and(|outliers| outliers.is_ejected(process))
    }

    /// The trial begins, or processes may answer differently now.
    pub fn reconsider(&mut self, answers: &[Answer], cx: &mut Cx) {
        let Some(check) = self.check else {
            return;
        };
        // One that does not answer may do so while the check waits for it.
        let at_rest = |(place, (process, answer)): (usize, (&Checked, &Answer))| {
            let passed = passes(*answer, check.timeout);
            match process.in_rotation {
                // A check that passes ends an ejection.
                true => process.fails == 0 && passed == Some(true) && !self.is_ejected(place),
                false => process.passes == 0 && passed == Some(false),
            }
        };
        let mut processes = self.processes.iter().zip(answers).enumerate();
        let rests = processes.all(at_rest);
        if rests && self.mode == Mode::Lazy {
            return;
        }
        let grid = Grid {
            first: self.first,
            every: check.every,
        };
        let at = grid.after(cx.now);
        if at < cx.end {
            let event = Event::Balancer(self.service, BalancerTimer::Asks);
            self.asks.plan(at, event, cx);
        }
    }

    /// It asks every process, those that have not answered have run out of time, or a process is
    /// ejected or back. May requests go elsewhere, or an ejection begin to be counted anew?
    pub fn on_timer(
        &mut self,
        timer: BalancerTimer,
        answers: &[&AnswerTimeline],
        name: &str,
        cx: &mut Cx,
    ) -> bool {
        let only = "only its rule plans this";
        let counts_anew = match timer {
            BalancerTimer::Asks => self.ask(self.check.expect(only), answers, name, cx),
            BalancerTimer::TimesOut => {
                let check = self.check.expect(only);
                let asked_at = cx.now.saturating_sub(check.timeout);
                let mut returned = false;
                for (process, answers) in answers.iter().enumerate() {
                    if mem::take(&mut self.processes[process].asked) {
                        let passed = answered_since(answers, asked_at, check.timeout);
                        returned |= self.take(process, Some(passed), name, cx);
                    }
                }
                returned
            }
            BalancerTimer::Ejects { process } => {
                let outliers = self.outliers.as_mut().expect(only);
                outliers.eject(process, name, cx);
                true
            }
            BalancerTimer::Returns { process } => {
                let outliers = self.outliers.as_mut().expect(only);
                outliers.uneject(process, name, cx);
                true
            }
        };
        self.rotate(name, cx) || counts_anew
    }

    /// It asks every process. Does that end an ejection?
    fn ask(
        &mut self,
        check: BalancerCheckSpec,
        answers: &[&AnswerTimeline],
        name: &str,
        cx: &mut Cx,
    ) -> bool {
        self.asks.looked();
        let mut returned = false;
        for (process, answers) in answers.iter().enumerate() {
            let passed = passes(answers.last(), check.timeout);
            self.processes[process].asked = passed.is_none();
            returned |= self.take(process, passed, name, cx);
        }
        if self.processes.iter().any(|process| process.asked) {
            let event = Event::Balancer(self.service, BalancerTimer::TimesOut);
            cx.agenda.after(check.timeout, event);
        }
        returned
    }

    /// A check of a process has passed or failed, or is not answered yet. Does that end its
    /// ejection?
    fn take(&mut self, process: usize, passed: Option<bool>, name: &str, cx: &mut Cx) -> bool {
        let check = self.check.expect("there is one that asked");
        self.processes[process].take(passed, &check);
        if let Some(outliers) = &mut self.outliers
            && passed == Some(true)
            && self.processes[process].in_rotation
            && outliers.is_ejected(process)
        {
            outliers.uneject(process, name, cx);
            return true;
        }
        false
    }

    /// Those get requests that are in the rotation now.
    fn rotate(&mut self, name: &str, cx: &mut Cx) -> bool {
        let all = 0..self.processes.len();
        let passing = all
            .clone()
            .filter(|process| self.processes[*process].in_rotation && !self.is_ejected(*process));
        let passing: Vec<usize> = passing.collect();
        let share = passing.len() as f64 / all.len() as f64;
        let ignored = self
            .ignored_below
            .is_some_and(|least| passing.is_empty() || share < least.get());
        let rotation: Vec<usize> = match ignored {
            true => all.clone().collect(),
            false => passing,
        };
        if rotation == self.in_rotation() {
            return false;
        }
        cx.ledger.trace(cx.now, || match (rotation.len(), ignored) {
            (0, _) => format!("{name}: the load balancer has no process left"),
            (_, true) => {
                format!("{name}: too few are left to the load balancer, all get requests")
            }
            (left, false) => {
                format!("{name}: {left} of {} processes get requests", all.len())
            }
        });
        cx.ledger.mark(cx.now, name, || {
            format!("{} of {} get requests", rotation.len(), all.len())
        });
        match self.history.last_mut() {
            Some((at, last)) if *at == cx.now => *last = rotation,
            Some(_) | None => self.history.push((cx.now, rotation)),
        }
        true
    }
}

impl Checked {
    /// A check has passed or failed, or is not answered yet.
    fn take(&mut self, passed: Option<bool>, check: &BalancerCheckSpec) {
        match passed {
            None => {}
            Some(true) => {
                (self.fails, self.passes) = (0, (self.passes + 1).min(check.passes));
                self.in_rotation |= self.passes >= check.passes;
            }
            Some(false) => {
                (self.passes, self.fails) = (0, (self.fails + 1).min(check.fails));
                self.in_rotation &= self.fails < check.fails;
            }
        }
        if self.in_rotation && self.fails == 0 {
            // A process in the rotation has nothing to prove.
            self.passes = 0;
        }
        if !self.in_rotation && self.passes == 0 {
            self.fails = 0;
        }
    }
}

/// Shares of `least-busy` count no request as shorter than this.
const HELD_MIN_S: f64 = 1e-6;

/// Does a check pass that meets this answer? `None`: it waits.
fn passes(answer: Answer, timeout: SimDuration) -> Option<bool> {
    match answer {
        Answer::Ok | Answer::Spool => Some(true),
        Answer::Late(after) if after < timeout => Some(true),
        Answer::Unacknowledged(after) if after < timeout => Some(false),
        Answer::Late(_) | Answer::Unacknowledged(_) | Answer::Hang => None,
        Answer::Error(_) => Some(false),
    }
}

/// Has a process that had not answered at once at `asked` answered in time, and well? What waits
/// for Redis waits until Redis answers, whether or not a spool opens. A late answer is on its way.
fn answered_since(answers: &AnswerTimeline, asked: SimTime, timeout: SimDuration) -> bool {
    if answers.at(asked) != Answer::Hang {
        return false;
    }
    let changes = answers.changes();
    let later = changes.partition_point(|(at, _)| *at <= asked);
    let helps = |(_, answer): &&(SimTime, Answer)| !matches!(answer, Answer::Hang | Answer::Spool);
    let late = match changes[later..].iter().find(helps) {
        Some((at, Answer::Ok)) => Some(*at),
        Some((at, Answer::Late(after))) => Some(at.saturating_add(*after)),
        Some(_) | None => None,
    };
    late.is_some_and(|at| at < asked.saturating_add(timeout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use demand::answer::Cause;

    #[test]
    fn a_process_leaves_after_failures_in_a_row_and_returns_after_successes() {
        let check: BalancerCheckSpec =
            toml::from_str("every = '10s'\ntimeout = '5s'\nfails = 2\npasses = 3")
                .expect("a check");
        let mut process = Checked {
            in_rotation: true,
            fails: 0,
            passes: 0,
            asked: false,
        };
        let script = [
            (true, true),
            (false, true),
            (true, true),
            (false, true),
            (false, false),
            (true, false),
            (true, false),
            (false, false),
            (true, false),
            (true, false),
            (true, true),
            (false, true),
        ];
        for (number, (passed, in_rotation)) in script.into_iter().enumerate() {
            process.take(Some(passed), &check);
            assert_eq!(process.in_rotation, in_rotation, "{number}");
        }
    }

    #[test]
    fn a_hang_that_ends_within_the_timeout_passes() {
        let at = |s| SimTime::ZERO + SimDuration::from_secs(s);
        let second = SimDuration::from_secs(1);
        // Hangs from 9 s on, and then this; asked at 10 s, with 5 s to answer.
        let passed = |then: &[(u64, Answer)]| {
            let mut line = AnswerTimeline::new();
            line.set(at(9), Answer::Hang);
            then.iter()
                .for_each(|(s, answer)| line.set(at(*s), *answer));
            answered_since(&line, at(10), second * 5)
        };
        let late = Answer::Late(second * 3);
        assert!(passed(&[(14, Answer::Ok)]) && passed(&[(11, late)]));
        assert!(!passed(&[]) && !passed(&[(15, Answer::Ok)]) && !passed(&[(12, late)]));
        assert!(!passed(&[
            (11, Answer::Error(Cause::Oom)),
            (12, Answer::Ok)
        ]));
        // A spool that opens does not reach what waits for Redis.
        let spool = (11, Answer::Spool);
        assert!(!passed(&[spool]) && passed(&[spool, (12, Answer::Hang), (13, Answer::Ok)]));
        // Nor does a better answer reach what is answered late already.
        let mut line = AnswerTimeline::new();
        line.set(at(9), Answer::Late(second * 5));
        line.set(at(11), Answer::Ok);
        assert!(!answered_since(&line, at(10), second * 5));
        assert_eq!(passes(Answer::Late(second), second), None);
        assert_eq!(passes(Answer::Late(second / 2), second), Some(true));
    }

    #[test]
    fn the_least_busy_gets_the_presses_in_proportion_to_its_pace() {
        let spec = |kind: &str| toml::from_str(&format!("kind = '{kind}'")).expect("a balancer");
        let rotation = |kind| {
            let id = ServiceId::from_index(0);
            Rotation::new(Some(spec(kind)), 2, id, SimDuration::ZERO, Mode::Lazy)
        };
        let least = rotation("least-busy");
        let parts = least.parts(&[1.0, 3.0], 10.0);
        assert!((parts[0] - 1.5).abs() < 1e-9 && (parts[1] - 0.5).abs() < 1e-9);
        assert_eq!(least.parts(&[1.0, f64::INFINITY], 10.0), [2.0, 0.0]);
        // 50 a second of 20 ms keep one process busy, and one that hangs for 3 s takes one in 3 s.
        let parts = least.parts(&[0.02, 3.0], 12.0);
        assert!((parts[1] - 1.0 / 3.0 / 12.0).abs() < 1e-9, "{parts:?}");
        // One that fails at once is idle like the other one.
        assert_eq!(least.parts(&[0.02, 0.0], 12.0), [1.0, 1.0]);
        assert_eq!(least.parts(&[f64::INFINITY; 2], 10.0), [1.0, 1.0]);
        assert_eq!(least.parts(&[0.0; 2], 10.0), [1.0, 1.0]);
        assert_eq!(rotation("random").parts(&[1.0, 3.0], 10.0), [1.0, 1.0]);
    }
}
