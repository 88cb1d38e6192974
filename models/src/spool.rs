//! Emptying a durable spool: what was put by while Redis did not serve is written to it afterwards.
//!
//! ```text
//!  spool     ┌── open: takes writes ──┐ closed                    ┌─ open again
//!  Redis     down ───────────────┐ takes writes ──┐ down ─┐ writes
//!  backlog      ╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╲╲╲╲╲╲╲╲╲╲╲╲╲╲╲╲────────╲╲╲ 0    by the drain rate
//! ```
//!
//! The replay begins when the spool closes, goes on at the drain rate while all that the service
//! cannot do without answers, and rests while the spool is open again.

use sim::{SimDuration, SimTime};

use demand::Opening;
use demand::answer::AnswerTimeline;

/// How the spool of one service was emptied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    /// When it was empty, and how many writes had been replayed since it last was.
    pub emptied: Vec<(SimTime, u64)>,
    /// The longest time from a closing with something in it until it was empty or the trial ended;
    /// `None` if it never took anything.
    pub longest: Option<SimDuration>,
    /// Writes in it when the trial ended.
    pub left: u64,
}

impl Replay {
    /// Replays what `openings` took at `drain` writes a second (above 0) while `redis` serves, up
    /// to `end`.
    pub fn new(openings: &[Opening], redis: &AnswerTimeline, drain: f64, end: SimTime) -> Replay {
        let mut replay = Replay::default();
        let (mut taken, mut done) = (0, 0.0);
        let mut since = None;
        for (i, opening) in openings.iter().enumerate() {
            taken += opening.writes;
            if taken == 0 {
                continue;
            }
            let closed = *since.get_or_insert(opening.to);
            let until = openings.get(i + 1).map_or(end, |next| next.from);
            for (from, to) in served(redis, opening.to, until) {
                let needs = SimDuration::from_secs_f64((taken as f64 - done) / drain);
                if needs <= to - from {
                    let empty = from + needs;
                    replay.emptied.push((empty, taken));
                    replay.lasted(empty - closed);
                    (taken, done, since) = (0, 0.0, None);
                    break;
                }
                done += drain * (to - from).as_secs_f64();
            }
        }
        if let Some(closed) = since {
            replay.left = (taken as f64 - done).ceil().max(1.0) as u64;
            replay.lasted(end - closed);
        }
        replay
    }

    fn lasted(&mut self, span: SimDuration) {
        self.longest = self.longest.max(Some(span));
    }
}

/// The spans of `[from, to)` in which writes are executed.
fn served(
    redis: &AnswerTimeline,
    from: SimTime,
    to: SimTime,
) -> impl Iterator<Item = (SimTime, SimTime)> {
    let serving = redis
        .spans(SimTime::ZERO, to)
        .filter(|(_, _, answer)| answer.executes());
    let cut = serving.map(move |(begins, ends, _)| (begins.max(from), ends));
    cut.filter(|(begins, ends)| begins < ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use demand::answer::{Answer, Cause};

    fn second(s: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(s)
    }

    fn opening(from: u64, to: u64, writes: u64) -> Opening {
        let (from, to) = (second(from), second(to));
        Opening { from, to, writes }
    }

    /// Redis answers but for these spans.
    fn redis(down: &[(u64, u64)]) -> AnswerTimeline {
        let mut line = AnswerTimeline::new();
        for (from, to) in down {
            line.set(second(*from), Answer::Error(Cause::Oom));
            line.set(second(*to), Answer::Ok);
        }
        line
    }

    #[test]
    fn a_backlog_takes_its_size_over_the_drain_rate() {
        let line = redis(&[(100, 200)]);
        let replay = Replay::new(&[opening(110, 220, 1000)], &line, 50.0, second(900));
        assert_eq!(replay.emptied, [(second(240), 1000)]);
        assert_eq!(replay.longest, Some(SimDuration::from_secs(20)));
        assert_eq!(replay.left, 0);
    }

    #[test]
    fn the_replay_rests_while_redis_does_not_serve_and_while_the_spool_is_open() {
        let line = redis(&[(100, 200), (230, 300), (400, 500)]);
        // 10 s replayed before the second outage, 5 s before the spool opens; then 85 s are left.
        let openings = [opening(110, 220, 1000), opening(305, 310, 3)];
        let replay = Replay::new(&openings, &line, 10.0, second(900));
        // 853 are left at 310: 90 s of them before the third outage.
        assert_eq!(replay.emptied, [(second(395) + millis(300), 1003)]);
        assert_eq!(
            replay.longest,
            Some(SimDuration::from_secs(175) + millis(300))
        );
        assert_eq!(replay.left, 0);
    }

    #[test]
    fn what_the_end_of_the_trial_leaves_is_counted() {
        let line = redis(&[(100, 200)]);
        let openings = [opening(110, 220, 1000)];
        let replay = Replay::new(&openings, &line, 10.0, second(230));
        assert_eq!((replay.emptied.len(), replay.left), (0, 900));
        assert_eq!(replay.longest, Some(SimDuration::from_secs(10)));
        let open_to_the_end = Replay::new(&[opening(110, 230, 7)], &line, 10.0, second(230));
        assert_eq!(open_to_the_end.left, 7);
        let nothing = Replay::new(&[opening(110, 220, 0)], &line, 10.0, second(900));
        assert_eq!(nothing, Replay::default());
    }

    fn millis(n: u64) -> SimDuration {
        SimDuration::from_millis(n)
    }
}
