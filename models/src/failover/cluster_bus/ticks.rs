//! When a node's cron runs: every 100 ms and a little.
//!
//! `serverCron` re-arms its timer 100 ms after its work is done, and the event loop's wait is rounded
//! up to a whole millisecond (`processTimeEvents` in `src/ae.c`, `aeApiPoll` in `src/ae_epoll.c`,
//! Redis 7.0.15). How far the rounding reaches depends on which packet last woke the loop, so a
//! period is 100 ms plus on average 0.5 ms of rounding, some 0.1 ms of kernel timer slack and the
//! cron's own work. On the measured machine the waits for an election to start, which are whole
//! numbers of crons, give 100.5 ms on hung-primary runs and 100.9 ms on crash runs. Here each
//! process draws one period from 100.5 to 100.9 ms and keeps it: the drift of phases between nodes
//! is kept, the jitter of single ticks (below 1 ms) is not.

use sim::{SimDuration, SimTime};

use super::node::Node;

/// One process' sequence of crons.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticks {
    base: SimTime,
    base_number: u64,
    period: SimDuration,
}

/// The least and the most that a period exceeds 100 ms, in microseconds.
const OVERRUN_US: (u64, u64) = (500, 900);

impl Ticks {
    /// Ticks whose first, number 1, is at `first`.
    pub(super) fn starting(first: SimTime, node_draw: u64) -> Ticks {
        let overrun = OVERRUN_US.0 * 1000 + node_draw % ((OVERRUN_US.1 - OVERRUN_US.0) * 1000);
        let period = SimDuration::from_millis(100) + SimDuration::from_nanos(overrun);
        Ticks {
            base: first,
            base_number: 1,
            period,
        }
    }

    /// When tick `number` is due.
    pub(super) fn at(&self, number: u64) -> SimTime {
        assert!(
            number >= self.base_number,
            "ticks before a pause are history"
        );
        self.base + self.period * (number - self.base_number)
    }

    /// The first tick at or after `time`.
    pub(super) fn first_from(&self, time: SimTime) -> u64 {
        let passed = time.saturating_since(self.base).as_nanos();
        self.base_number + passed.div_ceil(self.period.as_nanos())
    }

    /// The last tick before `time`, if any since the last pause.
    pub(super) fn last_before(&self, time: SimTime) -> Option<SimTime> {
        let first = self.first_from(time);
        (first > self.base_number).then(|| self.at(first - 1))
    }

    /// The process was stopped while tick `number` was due and goes on now: it runs at once, and
    /// the next one a period later.
    pub(super) fn resume(&mut self, number: u64, now: SimTime) {
        assert!(
            number >= self.base_number && self.at(number) <= now,
            "the tick is overdue"
        );
        self.base = now;
        self.base_number = number;
    }
}

/// The first instant at which Redis' clock shows `ms` or more.
pub(super) fn instant_of(ms: u64) -> SimTime {
    SimTime::from_nanos(ms.saturating_mul(1_000_000))
}

/// What Redis' clock shows at an instant.
pub(super) fn ms_of(time: SimTime) -> u64 {
    time.as_nanos() / 1_000_000
}

impl Node {
    /// The first tick whose clock shows `ms` or more, later than tick `after`.
    pub(super) fn tick_showing(&self, ms: u64, after: u64) -> u64 {
        self.ticks.first_from(instant_of(ms)).max(after + 1)
    }
}
