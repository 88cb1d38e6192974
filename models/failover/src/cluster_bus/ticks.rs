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

use super::effect::Process;
use super::ids::Member;
use super::network::Event;
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

/// What a node's next cron of interest is: tick `number`, or the first tick whose clock shows `ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub number: u64,
    pub ms: u64,
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
        loop {
            let at = self.fires_at();
            if at >= now {
                return;
            }
            assert!(!self.meets(need, at), "no tick of interest is skipped");
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

    /// Whether the next tick, if it runs at `at`, is one of interest.
    pub(super) fn meets(&self, need: Need, at: SimTime) -> bool {
        self.next() >= need.number || ms_of(at) >= need.ms
    }

    /// When to look again: when the next tick runs if that is of interest, else not later than the
    /// first one that may be.
    pub(super) fn look_at(&self, need: Need) -> SimTime {
        let next = self.fires_at();
        if self.meets(need, next) {
            return next;
        }
        let by_number = need.number - self.next();
        let per_tick = PERIOD + WORK;
        let latest = |ticks: u64| self.due + per_tick * ticks + LATE_MAX * (ticks + 1);
        let gap = instant_of(need.ms).saturating_since(self.due).as_nanos();
        let mut by_time = (gap / (per_tick + LATE_MAX).as_nanos()).max(1);
        while by_time < by_number && latest(by_time) < instant_of(need.ms) {
            by_time += 1;
        }
        self.due + per_tick * by_number.min(by_time)
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
        if node.planned != now || !node.process.turns() {
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
        if !self.nodes[member.index()].process.turns() {
            return;
        }
        let (now, node) = (self.network.now(), &mut self.nodes[member.index()]);
        node.ticks.skip_until(now, node.need);
        if node.recheck {
            let need = self.nodes[member.index()].next_need(
                |to: Member| {
                    self.nodes[to.index()].process == Process::Dead
                        && !self.network.is_cut(member, to)
                        && !self.network.is_cut(to, member)
                },
                &self.spec,
            );
            let node = &mut self.nodes[member.index()];
            node.recheck = false;
            node.need = need;
        }
        let node = &mut self.nodes[member.index()];
        let at = node.ticks.look_at(node.need);
        if at < node.planned {
            node.planned = at;
            self.network.schedule(at, Event::Crons { member });
        }
    }

    /// What the crons of others are needed for may have changed: somebody can be connected to, or
    /// no longer can.
    pub(super) fn recheck_all(&mut self) {
        for member in self.members() {
            self.nodes[member.index()].recheck = true;
            self.plan_cron(member);
        }
    }
}

#[cfg(test)]
mod tests {
    use sim::{Purpose, Streams};

    use super::*;

    const START: SimTime = SimTime::from_nanos(5_000_000_000);
    const NEVER: Need = Need {
        number: u64::MAX,
        ms: u64::MAX,
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
                ms: wanted_ms,
            };
            while !eager.meets(need, eager.fires_at()) {
                eager.tick(eager.fires_at());
            }
            let mut looks = 0;
            loop {
                let at = lazy.look_at(need);
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
