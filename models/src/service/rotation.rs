//! Which processes of a service get requests from its load balancer.
//!
//! ```text
//!  every 10 s   ask each process ─┬─ it answers    5 in a row: back into the rotation
//!                                 └─ error, late   2 in a row: out of it
//! ```
//!
//! The check asks for what the service cannot do without, so it sees the process's own view of
//! Redis. While all processes are where their answers put them nobody asks; the eager mode always
//! does.

use demand::answer::{Answer, AnswerTimeline};
use demand::{Balancing, Mode};
use sim::{SimDuration, SimTime};

use crate::event::{BalancerTimer, Cx, Event, Grid, Looks};
use crate::ids::{Id, ServiceId};
use crate::spec::balancer::{BalancerCheckSpec, BalancerSpec};

/// The processes of one service that get requests.
#[derive(Clone, Debug)]
pub struct Rotation {
    service: ServiceId,
    balancing: Balancing,
    check: Option<BalancerCheckSpec>,
    processes: Vec<Checked>,
    /// Those that get requests, from each instant on.
    gets: demand::Rotation,
    /// When it asks.
    asks: Looks,
    first: SimTime,
    mode: Mode,
}

/// What the balancer thinks of a process.
#[derive(Clone, Copy, Debug)]
struct Checked {
    inside: bool,
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
        let in_rotation = Checked {
            inside: true,
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
            processes: vec![in_rotation; processes],
            gets: vec![(SimTime::ZERO, (0..processes).collect())],
            asks: Looks::default(),
            first: SimTime::ZERO + phase + turn,
            mode,
        }
    }

    /// The processes that get requests, from each instant on.
    pub fn history(&self) -> &demand::Rotation {
        &self.gets
    }

    /// The processes that get requests now.
    pub fn gets(&self) -> &[usize] {
        let (_, gets) = self.gets.last().expect("a rotation has a start");
        gets
    }

    /// How many times its equal part each process gets of the requests, if one holds its worker for
    /// so many seconds; 0: none. `least-busy` evens out the requests in progress.
    pub fn parts(&self, held: &[f64]) -> Vec<f64> {
        let gets = self.gets();
        let weight = |process: usize| match self.balancing {
            _ if !gets.contains(&process) => 0.0,
            Balancing::LeastBusy => 1.0 / held[process],
            Balancing::Sticky | Balancing::Random | Balancing::RoundRobin => 1.0,
        };
        let weights: Vec<f64> = (0..held.len()).map(weight).collect();
        let all: f64 = weights.iter().sum();
        let part = |weight: f64| weight * held.len() as f64 / all.max(f64::MIN_POSITIVE);
        weights.into_iter().map(part).collect()
    }

    /// The trial begins, or processes may answer differently now.
    pub fn reconsider(&mut self, answers: &[Answer], cx: &mut Cx) {
        let Some(check) = self.check else {
            return;
        };
        let at_rest = |(process, answer): (&Checked, &Answer)| match process.inside {
            true => process.fails == 0 && passes(*answer, check.timeout) == Some(true),
            false => process.passes == 0 && passes(*answer, check.timeout) != Some(true),
        };
        let rests = self.processes.iter().zip(answers).all(at_rest);
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

    /// It asks every process, or those that have not answered have run out of time. Does the
    /// rotation change?
    pub fn on_timer(
        &mut self,
        timer: BalancerTimer,
        answers: &[&AnswerTimeline],
        name: &str,
        cx: &mut Cx,
    ) -> bool {
        let check = self.check.expect("only a check plans this");
        match timer {
            BalancerTimer::Asks => {
                self.asks.looked();
                for (process, answers) in self.processes.iter_mut().zip(answers) {
                    let passed = passes(answers.last(), check.timeout);
                    process.asked = passed.is_none();
                    process.take(passed, &check);
                }
                if self.processes.iter().any(|process| process.asked) {
                    let event = Event::Balancer(self.service, BalancerTimer::TimesOut);
                    cx.agenda.after(check.timeout, event);
                }
            }
            BalancerTimer::TimesOut => {
                let asked_at = cx.now.saturating_sub(check.timeout);
                let asked = |(process, _): &(&mut Checked, _)| process.asked;
                for (process, answers) in self.processes.iter_mut().zip(answers).filter(asked) {
                    process.asked = false;
                    process.take(Some(answered_since(answers, asked_at)), &check);
                }
            }
        }
        self.rotate(&check, name, cx)
    }

    /// Those get requests that are in the rotation now.
    fn rotate(&mut self, check: &BalancerCheckSpec, name: &str, cx: &mut Cx) -> bool {
        let all = 0..self.processes.len();
        let inside = all
            .clone()
            .filter(|process| self.processes[*process].inside);
        let inside: Vec<usize> = inside.collect();
        let share = inside.len() as f64 / all.len() as f64;
        let ignored = check
            .ignored_below
            .is_some_and(|least| inside.is_empty() || share < least.get());
        let gets: Vec<usize> = match ignored {
            true => all.clone().collect(),
            false => inside,
        };
        if gets == self.gets() {
            return false;
        }
        cx.ledger.trace(cx.now, || match (gets.len(), ignored) {
            (0, _) => format!("{name}: the load balancer has no process left"),
            (_, true) => {
                format!("{name}: too few pass the load balancer's check, all get requests")
            }
            (left, false) => {
                format!("{name}: {left} of {} processes get requests", all.len())
            }
        });
        cx.ledger.mark(cx.now, name, || {
            format!("{} of {} get requests", gets.len(), all.len())
        });
        match self.gets.last_mut() {
            Some((at, last)) if *at == cx.now => *last = gets,
            Some(_) | None => self.gets.push((cx.now, gets)),
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
                self.inside |= self.passes >= check.passes;
            }
            Some(false) => {
                (self.passes, self.fails) = (0, (self.fails + 1).min(check.fails));
                self.inside &= self.fails < check.fails;
            }
        }
        if self.inside && self.fails == 0 {
            // A process in the rotation has nothing to prove.
            self.passes = 0;
        }
        if !self.inside && self.passes == 0 {
            self.fails = 0;
        }
    }
}

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

/// Has a process that did not answer at `asked` answered since, and well?
fn answered_since(answers: &AnswerTimeline, asked: SimTime) -> bool {
    let changes = answers.changes();
    let later = changes.partition_point(|(at, _)| *at <= asked);
    let first = changes[later..]
        .iter()
        .find(|(_, answer)| *answer != Answer::Hang);
    first.is_some_and(|(_, answer)| answer.captures())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_leaves_after_failures_in_a_row_and_returns_after_successes() {
        let check: BalancerCheckSpec =
            toml::from_str("every = '10s'\ntimeout = '5s'\nfails = 2\npasses = 3")
                .expect("a check");
        let mut process = Checked {
            inside: true,
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
        for (number, (passed, inside)) in script.into_iter().enumerate() {
            process.take(Some(passed), &check);
            assert_eq!(process.inside, inside, "{number}");
        }
    }

    #[test]
    fn a_hang_that_ends_within_the_timeout_passes() {
        let at = |s| SimTime::ZERO + SimDuration::from_secs(s);
        let mut line = AnswerTimeline::new();
        line.set(at(9), Answer::Hang);
        line.set(at(12), Answer::Ok);
        assert!(answered_since(&line, at(10)));
        line.set(at(20), Answer::Hang);
        assert!(!answered_since(&line, at(20)));
        let timeout = SimDuration::from_secs(1);
        assert_eq!(passes(Answer::Late(timeout), timeout), None);
        assert_eq!(passes(Answer::Late(timeout / 2), timeout), Some(true));
    }
}
