//! When a Sentinel's timer runs: every 52 to 100 ms, drawn again each time (rule S1).
//!
//! `sentinelTimer` runs in `serverCron`, and at its end sets the rate for the next time to 10 to 19
//! a second at random, so that Sentinels which were started together do not ask for votes together.
//! The event loop's timer is re-armed after its work; the loop sleeps until then, rounded up to a
//! whole millisecond from the moment it went to sleep, or until something arrives; whenever it
//! wakes it runs the timer if that is due. The kernel wakes a sleeper late, by up to 1 ms.
//!
//! Sources: `sentinelTimer` in `src/sentinel.c`, `serverCron` in `src/server.c`,
//! `processTimeEvents`, `aeProcessEvents` in `src/ae.c`, Redis 7.0.15. The lateness is that of the
//! Redis Cluster bus (`cluster_bus/ticks.rs`), measured there.

use rand::Rng as _;
use sim::{Rng, SimDuration, SimTime};

/// Milliseconds since the epoch of a Sentinel's clock (`mstime`).
pub(super) type Ms = i64;

/// The timer's rate: this many a second, plus 0 to 9 at random (`CONFIG_DEFAULT_HZ`).
const HZ: u64 = 10;
/// The timer's own work, and what a wait overshoots.
const WORK: SimDuration = SimDuration::from_micros(30);
const SLACK: SimDuration = SimDuration::from_micros(70);
const MILLI: SimDuration = SimDuration::from_millis(1);
/// A new process' first timer comes this soon (`aeCreateTimeEvent(…, 1, serverCron, …)`).
pub(super) const FIRST_TIMER: SimDuration = MILLI;

/// One Sentinel's event loop, as far as its timer is concerned.
#[derive(Clone, Debug)]
pub(super) struct Ticks {
    /// When the loop last went to sleep.
    asleep: SimTime,
    /// When the timer is due.
    due: SimTime,
    /// How late the kernel will wake the loop for that.
    late: SimDuration,
    rng: Rng,
}

impl Ticks {
    /// A loop whose timer is due at `due`.
    pub(super) fn starting(due: SimTime, rng: Rng) -> Ticks {
        Ticks {
            asleep: due - MILLI,
            due,
            late: SLACK,
            rng,
        }
    }

    /// When the timer runs, unless something arrives first.
    pub(super) fn fires_at(&self) -> SimTime {
        let wait = self.due.saturating_since(self.asleep).as_nanos();
        let whole = wait.next_multiple_of(MILLI.as_nanos());
        self.asleep + SimDuration::from_nanos(whole) + self.late
    }

    /// The loop is awake at `now`; says whether its timer runs.
    pub(super) fn wake(&mut self, now: SimTime) -> bool {
        self.asleep = now;
        if self.due > now {
            return false;
        }
        self.asleep = now + WORK;
        let hz = HZ + below(&mut self.rng, HZ);
        self.due = self.asleep + SimDuration::from_millis(1000 / hz);
        self.late = SLACK + SimDuration::from_nanos(below(&mut self.rng, MILLI.as_nanos()));
        true
    }

    /// The loop was busy for so much longer than it usually is; in its timer, if `in_timer`.
    pub(super) fn delay(&mut self, span: SimDuration, in_timer: bool) {
        self.asleep += span;
        if in_timer {
            self.due += span;
        }
    }
}

/// A draw from 0 to `bound` - 1.
pub(super) fn below(rng: &mut Rng, bound: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(bound)) >> 64) as u64
}

/// What a Sentinel's clock shows at an instant.
pub(super) fn ms_of(time: SimTime) -> Ms {
    Ms::try_from(time.as_nanos() / MILLI.as_nanos()).expect("less than an age")
}

/// The first instant at which a Sentinel's clock shows `ms` or more.
pub(super) fn instant_of(ms: Ms) -> SimTime {
    SimTime::ZERO + MILLI * u64::try_from(ms).expect("after the clock's zero")
}

#[cfg(test)]
mod tests {
    use sim::{Purpose, Streams};

    use super::*;

    const START: SimTime = SimTime::from_nanos(5_000_000_000);

    fn ticks() -> Ticks {
        Ticks::starting(START, Streams::for_trial(1, 1).stream(Purpose(1), 1))
    }

    #[test]
    fn s1_the_period_is_drawn_between_52_and_100_ms() {
        let mut ticks = ticks();
        let mut last = ticks.fires_at();
        assert!(ticks.wake(last));
        let mut periods_ms = Vec::new();
        for _ in 0..2_000 {
            let next = ticks.fires_at();
            assert!(ticks.wake(next));
            periods_ms.push((next - last).as_secs_f64() * 1e3);
            last = next;
        }
        assert!(periods_ms.iter().all(|p| (52.0..102.2).contains(p)));
        let mean = periods_ms.iter().sum::<f64>() / periods_ms.len() as f64;
        // 1000/10 to 1000/19, whole milliseconds, are 71.3 on average.
        assert!((71.0..74.0).contains(&mean), "{mean} ms");
    }

    #[test]
    fn work_in_the_timer_delays_the_next_one() {
        let (mut idle, mut busy) = (ticks(), ticks());
        let span = SimDuration::from_millis(7);
        for ticks in [&mut idle, &mut busy] {
            assert!(ticks.wake(START));
        }
        busy.delay(span, true);
        assert_eq!(busy.fires_at(), idle.fires_at() + span);
    }

    #[test]
    fn an_arrival_after_the_timer_is_due_brings_it_forward() {
        let mut ticks = ticks();
        assert!(!ticks.wake(START - MILLI / 2));
        assert!(ticks.fires_at() > START + MILLI / 4);
        assert!(ticks.wake(START + MILLI / 4));
    }
}
