//! Circuit breakers: which calls are let through, by what became of those before.
//!
//! ```text
//!            too many failures                  open_for is over
//!  closed ───────────────────────► open ─────────────────────────► half-open
//!    ▲                              ▲                                │    │
//!    │                              └───────── trial calls fail ─────┘    │
//!    └──────────────────────────────────────── trial calls succeed ───────┘
//! ```
//!
//! Three kinds (`population.rs`): by the last calls, as resilience4j's count-based window does
//! (CircuitBreakerStateMachine.java, FixedSizeSlidingWindowMetrics.java); by the last seconds, as
//! Hystrix does (HystrixCircuitBreaker.java, ten buckets); by failures in a row, as Envoy's outlier
//! detection does (outlier_detection_impl.cc). One breaker stands for those of all processes of a
//! service. Bias: many small ones open later and less evenly than one that sees every call.
//!
//! Left out: slow calls as failures, Envoy's limit on the share of hosts that may be ejected.

use std::collections::VecDeque;

use sim::{SimDuration, SimTime};

use crate::population::Breaker;

/// A breaker at work.
#[derive(Clone, Debug)]
pub(super) struct CircuitBreaker {
    kind: Breaker,
    state: State,
    /// The last outcomes: true for a failure. By count only.
    last: VecDeque<bool>,
    /// Failures among them, or failures in a row.
    failures: u32,
    /// Bucket number, calls and failures in it; by time only.
    buckets: VecDeque<(u64, u32, u32)>,
    /// Ejections without a success in between.
    ejections: u32,
    /// How often it has opened.
    #[cfg(test)]
    pub opened: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: SimTime },
    HalfOpen { let_in: u32, done: u32, failed: u32 },
}

/// Buckets of a window of time.
const BUCKETS: u64 = 10;

impl CircuitBreaker {
    pub fn new(kind: Breaker) -> CircuitBreaker {
        CircuitBreaker {
            kind,
            state: State::Closed,
            last: VecDeque::new(),
            failures: 0,
            buckets: VecDeque::new(),
            ejections: 0,
            #[cfg(test)]
            opened: 0,
        }
    }

    /// Would a call be let through at `now`?
    pub fn allows(&self, now: SimTime) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } => now >= until,
            State::HalfOpen { let_in, .. } => let_in < self.trial_calls(),
        }
    }

    /// A call that is let through begins.
    pub fn enter(&mut self, now: SimTime) {
        match &mut self.state {
            State::Closed => {}
            State::Open { until } => {
                assert!(now >= *until, "an open breaker lets nobody through");
                self.state = State::HalfOpen {
                    let_in: 1,
                    done: 0,
                    failed: 0,
                };
            }
            State::HalfOpen { let_in, .. } => *let_in += 1,
        }
    }

    /// A call has ended. One that began before the breaker opened has no say while it is open.
    pub fn record(&mut self, now: SimTime, failed: bool) {
        match self.state {
            State::Open { .. } => {}
            State::Closed => self.record_closed(now, failed),
            State::HalfOpen {
                let_in,
                done,
                failed: before,
            } => {
                let (done, failures) = (done + 1, before + u32::from(failed));
                self.state = State::HalfOpen {
                    let_in,
                    done,
                    failed: failures,
                };
                if done >= self.trial_calls() {
                    match self.too_many(failures, done) {
                        true => self.open(now),
                        false => self.close(),
                    }
                }
            }
        }
    }

    /// A call that was let through ends without an outcome: its caller was cut off.
    pub fn forget(&mut self) {
        if let State::HalfOpen { let_in, done, .. } = &mut self.state
            && *let_in > *done
        {
            *let_in -= 1;
        }
    }

    /// Closed, and as it would be after nothing but successes for as long as it looks back: calls
    /// that succeed need not be told.
    pub fn clean(&self, now: SimTime) -> bool {
        let CircuitBreaker { state, last, .. } = self;
        if *state != State::Closed || self.failures > 0 {
            return false;
        }
        match self.kind {
            Breaker::Count { window, .. } => last.len() == window as usize,
            Breaker::Time { window, .. } => {
                let oldest = bucket(now.saturating_sub(window), window);
                self.buckets
                    .iter()
                    .all(|(n, _, failed)| *n < oldest || *failed == 0)
            }
            Breaker::Consecutive { .. } => true,
        }
    }

    /// How long before a failure calls must have been told that succeed.
    pub fn looks_back(&self) -> SimDuration {
        match self.kind {
            Breaker::Time { window, .. } => window + window / BUCKETS,
            Breaker::Count { .. } | Breaker::Consecutive { .. } => SimDuration::ZERO,
        }
    }

    fn trial_calls(&self) -> u32 {
        match self.kind {
            Breaker::Count { half_open, .. } => half_open,
            Breaker::Time { .. } | Breaker::Consecutive { .. } => 1,
        }
    }

    fn too_many(&self, failures: u32, calls: u32) -> bool {
        match self.kind {
            Breaker::Count { share, .. } => f64::from(failures) >= share * f64::from(calls),
            Breaker::Time { .. } | Breaker::Consecutive { .. } => failures > 0,
        }
    }

    fn record_closed(&mut self, now: SimTime, failed: bool) {
        match self.kind {
            Breaker::Count { window, .. } => {
                if self.last.len() == window as usize {
                    let oldest = self.last.pop_front().expect("a window has a size");
                    self.failures -= u32::from(oldest);
                }
                self.last.push_back(failed);
                self.failures += u32::from(failed);
                if self.last.len() == window as usize && self.too_many(self.failures, window) {
                    self.open(now);
                }
            }
            Breaker::Time {
                window,
                calls_min,
                share,
                ..
            } => {
                let (calls, failures) = self.count(now, window, failed);
                let enough = calls >= calls_min;
                if failed && enough && f64::from(failures) >= share * f64::from(calls) {
                    self.open(now);
                }
            }
            Breaker::Consecutive { failures, .. } => {
                self.failures = if failed { self.failures + 1 } else { 0 };
                if !failed {
                    self.ejections = 0;
                }
                if self.failures >= failures {
                    self.open(now);
                }
            }
        }
    }

    /// Counts a call; the calls and failures in the window.
    fn count(&mut self, now: SimTime, window: SimDuration, failed: bool) -> (u32, u32) {
        let number = bucket(now, window);
        while self
            .buckets
            .front()
            .is_some_and(|(n, _, _)| *n + BUCKETS <= number)
        {
            self.buckets.pop_front();
        }
        match self.buckets.back_mut() {
            Some((n, calls, failures)) if *n == number => {
                *calls += 1;
                *failures += u32::from(failed);
            }
            Some(_) | None => self.buckets.push_back((number, 1, u32::from(failed))),
        }
        let sum =
            |(a, b): (u32, u32), (_, calls, failures): &(u64, u32, u32)| (a + calls, b + failures);
        self.buckets.iter().fold((0, 0), sum)
    }

    fn open(&mut self, now: SimTime) {
        self.ejections += 1;
        let open_for = match self.kind {
            Breaker::Count { open_for, .. } | Breaker::Time { open_for, .. } => open_for,
            Breaker::Consecutive { open_for, .. } => open_for * u64::from(self.ejections),
        };
        self.state = State::Open {
            until: now.saturating_add(open_for),
        };
        self.forget_all();
        #[cfg(test)]
        {
            self.opened += 1;
        }
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.ejections = 0;
        self.forget_all();
    }

    fn forget_all(&mut self) {
        self.last.clear();
        self.buckets.clear();
        self.failures = 0;
    }
}

fn bucket(at: SimTime, window: SimDuration) -> u64 {
    at.as_nanos() / (window.as_nanos() / BUCKETS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_millis(ms)
    }

    /// Calls every 10 ms that fail while `fails`; the instants at which one was let through.
    fn calls(
        breaker: &mut CircuitBreaker,
        from: u64,
        to: u64,
        fails: impl Fn(u64) -> bool,
    ) -> Vec<u64> {
        let mut through = Vec::new();
        for ms in (from..to).step_by(10) {
            if breaker.allows(at(ms)) {
                breaker.enter(at(ms));
                breaker.record(at(ms), fails(ms));
                through.push(ms);
            }
        }
        through
    }

    #[test]
    fn by_count_it_opens_at_half_of_the_last_hundred() {
        let mut breaker = CircuitBreaker::new(Breaker::Count {
            window: 100,
            share: 0.5,
            open_for: SimDuration::from_secs(60),
            half_open: 10,
        });
        // Nothing is judged before a hundred calls; then 50 of 100 have to fail.
        assert!(!breaker.clean(at(0)));
        assert_eq!(calls(&mut breaker, 0, 1000, |_| false).len(), 100);
        assert!(breaker.clean(at(1000)));
        let through = calls(&mut breaker, 1000, 2000, |_| true);
        assert_eq!((through.len(), breaker.opened), (50, 1));
        // Opened by the call at 1,490; ten trials from 61,490 on, which fail, and again.
        let trials = calls(&mut breaker, 2000, 70_000, |_| true);
        assert_eq!((trials.len(), trials[0], breaker.opened), (10, 61_490, 2));
        let trials = calls(&mut breaker, 70_000, 130_000, |_| false);
        assert_eq!(trials[0], 61_580 + 60_000);
        assert_eq!(breaker.state, State::Closed);
    }

    #[test]
    fn by_time_it_needs_calls_enough_and_tries_one() {
        let mut breaker = CircuitBreaker::new(Breaker::Time {
            window: SimDuration::from_secs(10),
            calls_min: 20,
            share: 0.5,
            open_for: SimDuration::from_secs(5),
        });
        let through = calls(&mut breaker, 0, 1000, |_| true);
        assert_eq!(
            (through.len(), breaker.opened),
            (20, 1),
            "the twentieth call opens it"
        );
        let trials = calls(&mut breaker, 1000, 12_000, |_| true);
        assert_eq!(trials, [5190, 10_190]);
        let through = calls(&mut breaker, 12_000, 16_000, |_| false);
        assert_eq!(through[0], 15_190);
        assert!(breaker.clean(at(16_000)));
    }

    #[test]
    fn in_a_row_it_stays_open_longer_each_time() {
        let mut breaker = CircuitBreaker::new(Breaker::Consecutive {
            failures: 5,
            open_for: SimDuration::from_secs(30),
        });
        let mixed = calls(&mut breaker, 0, 1010, |ms| ms % 50 != 0);
        assert_eq!(
            (mixed.len(), breaker.opened),
            (101, 0),
            "four in a row are too few"
        );
        let through = calls(&mut breaker, 1010, 200_000, |_| true);
        // Five, then one trial after 30, 60, 90 s.
        assert_eq!(through[..5], [1010, 1020, 1030, 1040, 1050]);
        assert_eq!(through[5..], [31_050, 91_050, 181_050]);
    }
}
