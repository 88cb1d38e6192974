//! Sleeping while nothing happens, without changing what happens.
//!
//! Time is cut into stretches of 4 s, at boundaries drawn at random. At the end of a stretch in
//! which the group has settled, everything that only says *when each last asked another* is thrown
//! away and made again: each Sentinel's generator is re-seeded by the boundary's number, timers get
//! new phases, ages of PINGs, INFOs and HELLOs are drawn evenly between zero and the longest that
//! occurs, and the group runs from 3 s before the boundary up to it. So what happens after a
//! boundary depends on that boundary alone, and a group that slept through the ones before is in
//! the very same state as one that did not. A sleeping group costs nothing; one that is disturbed
//! at t catches up from the last boundary before t.
//!
//! A group whose primary is down and cannot be replaced (no fit replica, or no majority) sleeps
//! from one attempt to the next: it wakes by itself at the last boundary before the next start gate
//! opens. When a group is settled is told in `settled`, how links are drawn again in `relink`.
//!
//! Sentinels that were started together PING nearly together: each PING comes 1 s and the wait for
//! a timer after the last one, 36 ms on average with a deviation of 21 ms, so it takes about ten
//! minutes until they have lost step. A group that was booted does not settle before. After a
//! failover the same is true of those who switched together, and is left out: the next silent fault
//! within minutes is found up to some 0.2 s sooner or later than in reality.

use sim::{SimDuration, SimTime, StreamKey};

use super::effect::Process;
use super::network::Event;
use super::ticks::{Ticks, below, ms_of};
use super::{SentinelEffects, SentinelGroup};

/// Uses of random streams.
const DRAW_BOUNDARY: u64 = 5 << 32;
const DRAW_STRETCH: u64 = 6 << 32;
const DRAW_LATENESS: u64 = 7 << 32;
/// Length of a stretch, and of the run-up to it.
const STRETCH: SimDuration = SimDuration::from_secs(4);
const RUN_UP: SimDuration = SimDuration::from_secs(3);
/// How long Sentinels that were started together stay in step.
const YOUTH: SimDuration = SimDuration::from_mins(10);

/// Whether the group sleeps, and what it needs to wake up.
#[derive(Clone, Debug)]
pub(super) struct Dormancy {
    awake: bool,
    eager: bool,
    /// Boundary 0.
    first: SimTime,
    /// Not settled before this.
    pub(super) grown_at: SimTime,
}

impl Dormancy {
    pub(super) fn new(now: SimTime, key: StreamKey) -> Dormancy {
        let draw = below(&mut key.at(DRAW_BOUNDARY, 0), STRETCH.as_nanos());
        Dormancy {
            awake: false,
            eager: false,
            first: now - SimDuration::from_nanos(draw) - SimDuration::from_nanos(1),
            grown_at: SimTime::ZERO,
        }
    }

    /// The last boundary before `time`.
    fn last_before(&self, time: SimTime) -> u64 {
        (time - self.first).as_nanos().saturating_sub(1) / STRETCH.as_nanos()
    }

    fn at(&self, boundary: u64) -> SimTime {
        self.first + STRETCH * boundary
    }
}

impl SentinelGroup {
    /// Nothing can happen until the world disturbs it, or until [`SentinelGroup::next_at`] if that
    /// names the next attempt at a failover.
    pub fn dormant(&self) -> bool {
        !self.dormancy.awake
    }

    /// Never sleeps from now on: for tests, and for runs that check that sleeping changes nothing.
    pub fn set_eager(&mut self) {
        self.dormancy.eager = true;
        if self.dormant() {
            self.rebuild(0);
        }
    }

    /// Gets the group to the state of just before `now`, what the world did at `now` included.
    pub(super) fn wake(&mut self, now: SimTime, out: &mut SentinelEffects) {
        let until = now + self.clock_offset;
        if self.dormant() {
            self.rebuild(self.dormancy.last_before(until));
        }
        while self.network.next_due().is_some_and(|due| due < until) {
            let event = self.network.pop_due(until).expect("it is due");
            self.handle(event, out);
        }
        self.network.reach(until);
    }

    /// A new group whose Sentinels have yet to start.
    pub(super) fn stay_awake(&mut self) {
        self.dormancy.awake = true;
        self.dormancy.grown_at = self.network.now() + YOUTH;
        self.await_boundary(self.dormancy.last_before(self.network.now()) + 1);
    }

    fn await_boundary(&mut self, number: u64) {
        let at = self.dormancy.at(number);
        self.network.schedule(at, Event::Boundary { number });
    }

    pub(super) fn cross_boundary(&mut self, number: u64) {
        let next_try = self
            .next_try()
            .map(|at| self.dormancy.last_before(at.max(self.dormancy.first)));
        let settled = self.settled() && next_try.is_none_or(|try_in| try_in >= number);
        if !settled {
            self.await_boundary(number + 1);
        } else if self.dormancy.eager || next_try == Some(number) {
            self.rebuild(number);
        } else {
            self.network.restart_at(self.network.now());
            self.dormancy.awake = false;
            if let Some(number) = next_try {
                self.network
                    .schedule(self.dormancy.at(number), Event::Wake { number });
            }
        }
    }

    /// The one state that follows from boundary `number` and a settled group.
    pub(super) fn rebuild(&mut self, number: u64) {
        let boundary = self.dormancy.at(number);
        let from = boundary - RUN_UP;
        self.network.restart_at(from);
        self.departed.fill(SimTime::ZERO);
        self.dormancy.awake = true;
        for node in &mut self.nodes {
            node.inbox.retain(|(_, command)| command.has_effect());
            node.subscribers.clear();
        }
        for sentinel in self.sentinels() {
            self.watchers[sentinel.index()].inbox.clear();
        }
        for sentinel in self.sentinels() {
            let key = self.key;
            let watcher = &mut self.watchers[sentinel.index()];
            watcher.planned = SimTime::MAX;
            if watcher.process == Process::Running {
                let stream = watcher.stream(key);
                watcher.rng = stream.at(DRAW_STRETCH, number);
                let phase = SimDuration::from_nanos(below(&mut watcher.rng, 100_000_000));
                let lateness = stream.at(DRAW_LATENESS, number);
                watcher.ticks = Ticks::starting(from + phase, lateness);
                watcher.previous_time = ms_of(from);
                self.plan_timer(sentinel);
            }
            if self.watchers[sentinel.index()].process.exists() {
                self.relink(sentinel);
            }
        }
        let mut nothing = SentinelEffects::new();
        while self.network.next_due().is_some_and(|due| due < boundary) {
            let event = self.network.pop_due(boundary).expect("it is due");
            self.handle(event, &mut nothing);
        }
        assert!(
            nothing.is_empty(),
            "a settled group stays as it is: {nothing:?}"
        );
        self.network.reach(boundary);
        self.await_boundary(number + 1);
    }
}
