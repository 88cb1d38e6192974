//! When a node's cron runs: about every 100 ms, when its event loop gets to it.
//!
//! `serverCron`'s timer is re-armed 100 ms after its work is done. The event loop sleeps until the
//! timer is due, rounded up to a whole millisecond *from the moment it went to sleep*, or until a
//! packet arrives; whenever it wakes it runs the timer if that is due. Hence:
//!
//! ```text
//!   went to sleep          timer due   rounded up: cron
//!        │                      │        │
//!   ─────●──────────────────────┼────────●──
//!        └── whole milliseconds ─────────┘
//!   or, with a packet after the timer is due:
//!   ─────●──────────────────────┼──●  cron, right after the packet
//! ```
//!
//! - The kernel wakes a sleeper late: by epoll's slack (a thousandth of the wait, at most 100 us)
//!   and by however long the scheduler takes, here even between 0 and 1 ms. A lone idle Redis on
//!   the measuring kind of machine took 100.3 to 101.1 ms a cron, mean 100.6 ms; clusters between
//!   an election's planning and its start 100.5 to 100.9 ms.
//! - Packets pull crons together: a node whose timer has just come due runs it when a neighbour's
//!   PING arrives, not at its own late time. Nodes of an idle cluster on one machine fall into step
//!   within a minute (measured: six that were 11 ms apart after 1 s were 1 ms apart after 40 s).
//!
//! Sources: `processTimeEvents`, `usUntilEarliestTimer`, `aeProcessEvents` in `src/ae.c`,
//! `aeApiPoll` in `src/ae_epoll.c`, Redis 7.0.15; `select_estimate_accuracy` in Linux'
//! `fs/select.c`. Left out: clients, whose commands wake the loop too. A busy node's period is
//! nearer to 100 ms and it does not fall into step: detection differs by less than a cron.

use rand::Rng as _;
use sim::{Rng, SimDuration, SimTime};

use super::ids::Member;
use super::{BusEffects, ClusterBus};

/// The timer's period, the cron's own work, and what a wait overshoots.
const PERIOD: SimDuration = SimDuration::from_millis(100);
const WORK: SimDuration = SimDuration::from_micros(30);
const SLACK: SimDuration = SimDuration::from_micros(70);
const MILLISECOND: u64 = 1_000_000;
/// The scheduler's share of a late wake-up is below this, in nanoseconds.
const LATE_NS: u64 = 1_000_000;
/// What rounding, slack and scheduler can add to one period at the most.
const LATE_MAX: SimDuration = SimDuration::from_micros(2_070);
/// From one tick to the next, at the least.
const PER_TICK: SimDuration = SimDuration::from_micros(100_030);
/// The same at the most, in milliseconds, rounded up.
pub(super) const PERIOD_MAX_MS: u64 = 103;

/// One process' event loop, as far as its cron is concerned.
#[derive(Clone, Debug)]
pub(super) struct Ticks {
    /// The last tick that is over; the first is number 1.
    number: u64,
    /// When the loop last went to sleep.
    asleep: SimTime,
    /// When the timer of the next tick is due.
    due: SimTime,
    /// How late the kernel will wake the loop for that.
    late: SimDuration,
    rng: Rng,
}

/// What a node's next cron of interest is: tick `number`, or the first tick not before `at`, which
/// is a whole millisecond of Redis' clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub number: u64,
    pub at: SimTime,
}

impl Need {
    /// Whether tick `number` is of interest if it runs at `now`.
    pub(super) fn is_met(self, number: u64, now: SimTime) -> bool {
        number >= self.number || now >= self.at
    }
}

impl Ticks {
    /// A loop whose timer of tick `number` is due at `due`.
    pub(super) fn starting(number: u64, due: SimTime, rng: Rng) -> Ticks {
        Ticks {
            number: number - 1,
            asleep: due - MILLI,
            due,
            late: SLACK,
            rng,
        }
    }

    /// The number of the next tick.
    pub(super) fn next(&self) -> u64 {
        self.number + 1
    }

    /// When the next tick runs, unless a packet comes first.
    pub(super) fn fires_at(&self) -> SimTime {
        let wait = self.due.saturating_since(self.asleep).as_nanos();
        self.asleep + SimDuration::from_nanos(wait.next_multiple_of(MILLISECOND)) + self.late
    }

    /// When the last tick ran.
    pub(super) fn fired_last(&self) -> SimTime {
        self.due.saturating_sub(PERIOD + WORK)
    }

    /// Ticks that run before `now` are over. They had nothing to do.
    pub(super) fn skip_until(&mut self, now: SimTime, need: Need) {
        while self.due < now {
            let at = self.fires_at();
            if at >= now {
                return;
            }
            let missed = need.is_met(self.next(), at);
            assert!(!missed, "no tick of interest is skipped");
            self.tick(at);
        }
    }

    fn tick(&mut self, now: SimTime) {
        self.number += 1;
        self.asleep = now + WORK;
        self.due = self.asleep + PERIOD;
        self.late = SLACK + SimDuration::from_nanos(self.rng.next_u64() % LATE_NS);
    }

    /// The loop was stopped and goes on at `now`.
    pub(super) fn sleep(&mut self, now: SimTime) {
        self.asleep = now;
    }

    /// The loop is awake at `now`. If its timer is due, the number of the tick that runs.
    pub(super) fn wake(&mut self, now: SimTime) -> Option<u64> {
        if self.due > now {
            self.asleep = now;
            return None;
        }
        self.tick(now);
        Some(self.number)
    }

    /// When to look again, if that is before `planned`: when the next tick runs if that is of
    /// interest, else not later than the first one that may be.
    pub(super) fn look_before(&self, planned: SimTime, need: Need) -> Option<SimTime> {
        if planned <= self.due {
            return None;
        }
        let next = self.fires_at();
        let at = if need.is_met(self.next(), next) {
            next
        } else {
            self.due + PER_TICK * self.skippable(need)
        };
        (at < planned).then_some(at)
    }

    /// How many ticks from the next one on are of no interest for certain, 1 at least.
    fn skippable(&self, need: Need) -> u64 {
        let by_number = need.number - self.next();
        let latest = |ticks: u64| self.due + PER_TICK * ticks + LATE_MAX * (ticks + 1);
        let gap = need.at.saturating_since(self.due).as_nanos();
        let mut by_time = (gap / (PER_TICK + LATE_MAX).as_nanos()).max(1);
        while by_time < by_number && latest(by_time) < need.at {
            by_time += 1;
        }
        by_number.min(by_time)
    }
}

const MILLI: SimDuration = SimDuration::from_millis(1);

/// The first instant at which Redis' clock shows `ms` or more.
pub(super) fn instant_of(ms: u64) -> SimTime {
    SimTime::from_nanos(ms.saturating_mul(MILLISECOND))
}

/// What Redis' clock shows at an instant.
pub(super) fn ms_of(time: SimTime) -> u64 {
    time.as_nanos() / MILLISECOND
}

impl ClusterBus {
    /// The agenda looks at a member's crons: one runs now, or it is too early.
    pub(super) fn look_at_crons(&mut self, member: Member, out: &mut BusEffects) {
        let now = self.network.now();
        let node = &mut self.nodes[member.index()];
        if !node.process.turns() {
            return;
        }
        node.planned = SimTime::MAX;
        node.ticks.skip_until(now, node.need);
        if node.ticks.fires_at() == now {
            self.act(member, out, |_, _| ());
        } else {
            self.plan_cron(member);
        }
    }

    /// Has the agenda look at a member's crons in time, also if something changed that may call for
    /// an earlier one than was planned.
    pub(super) fn plan_cron(&mut self, member: Member) {
        let now = self.network.now();
        let node = &mut self.nodes[member.index()];
        if !node.process.turns() {
            return;
        }
        node.ticks.skip_until(now, node.need);
        if node.is_stirred() {
            self.set_need(member);
        }
        let node = &mut self.nodes[member.index()];
        if let Some(at) = node.ticks.look_before(node.planned, node.need) {
            node.planned = at;
            self.network.plan_crons(member, at);
        }
    }

    fn set_need(&mut self, member: Member) {
        let (now, network) = (self.network.now(), &self.network);
        let refuses = |to: Member| network.refuses(member, to);
        let node = &mut self.nodes[member.index()];
        node.need = node.next_need(refuses, ms_of(now), &self.spec, &self.names);
    }
}

#[cfg(test)]
mod tests {
    use sim::{Purpose, Streams};

    use super::*;

    const START: SimTime = SimTime::from_nanos(5_000_000_000);
    const NEVER: Need = Need {
        number: u64::MAX,
        at: SimTime::MAX,
    };

    fn ticks() -> Ticks {
        Ticks::starting(1, START, Streams::for_trial(1, 1).stream(Purpose(1), 1))
    }

    #[test]
    fn an_undisturbed_cron_takes_100_6_ms() {
        let mut ticks = ticks();
        let span = SimDuration::from_secs(1000);
        ticks.skip_until(START + span, NEVER);
        let period_ms = span.as_secs_f64() * 1e3 / ticks.number as f64;
        assert!((100.55..100.65).contains(&period_ms), "{period_ms} ms");
    }

    #[test]
    fn a_packet_after_the_timer_is_due_brings_the_cron_forward() {
        let mut ticks = ticks();
        assert_eq!(ticks.wake(START - MILLI / 2), None);
        assert!(
            ticks.fires_at() > START + MILLI / 4,
            "rounded up from the last sleep"
        );
        assert_eq!(ticks.wake(START + MILLI / 4), Some(1));
    }

    #[test]
    fn the_first_tick_of_interest_is_looked_at_in_time() {
        for wanted_ms in (5_000..9_000).step_by(37) {
            let (mut lazy, mut eager) = (ticks(), ticks());
            let need = Need {
                number: 40,
                at: instant_of(wanted_ms),
            };
            while !need.is_met(eager.next(), eager.fires_at()) {
                eager.tick(eager.fires_at());
            }
            let mut looks = 0;
            loop {
                let at = lazy.look_before(SimTime::MAX, need).expect("a time");
                lazy.skip_until(at, need);
                looks += 1;
                if lazy.fires_at() == at {
                    break;
                }
            }
            assert_eq!(lazy.fires_at(), eager.fires_at());
            assert_eq!(lazy.next(), eager.next());
            assert!(looks <= 4, "{looks} looks for {wanted_ms}");
        }
    }
}
