//! Where a node stands in the history of writes, and what a primary can give a replica that asks.
//!
//! A history is what Redis names by a replication ID: one primary's writes in order, counted in
//! bytes (the offset). A promotion begins a new history that shares the old one's beginning.
//!
//! ```text
//! history 0  ──────────────┬──────────►  the old primary, if it still takes writes: diverged
//! history 1                └──────────►  the promoted replica; remembers "0, up to here"
//! ```
//!
//! | rule | here | Redis 7.0.15, `replication.c` unless named otherwise |
//! | --- | --- | --- |
//! | R1, R4 one look a second | `Cron` | `replicationCron` |
//! | R2 partial in the backlog | `Lineage::answer` | `masterTryPartialResynchronization` |
//! | R3 promotion | `Lineage::promote` | `shiftReplicationId` |
//! | R3 who follows it | `Lineage::go_on` | `slaveTryPartialResynchronization` |
//! | R3 a start without position | `Lineage::restart` | `changeReplicationId` |
//! | R5 backlog without replicas | `Lineage::forget_backlog` | `replicationCron` |
//! | R8 output buffers | [`overflow`] | `networking.c: checkClientOutputBufferLimits` |
//! | R10 lag in whole seconds | [`lagging_at`] | `refreshGoodSlavesCount` |
//!
//! Left out: the backlog's granularity of 16 KiB blocks; PINGs of the primary in the stream (14
//! bytes each ten seconds, so that an idle primary that was cut off diverges here only with its
//! first write); the position that a clean shutdown saves in an RDB file.

use sim::quantity::Bytes;
use sim::{SimDuration, SimTime};

use crate::spec::replication::OutputLimitSpec;

/// The name of one history of writes: Redis' replication ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History(pub u32);

/// Where a replica asks to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The history that it followed.
    pub history: History,
    /// Bytes of it that it has.
    pub offset: u64,
}

/// What a node's data are: which history they follow and how far, and what it can pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lineage {
    at: Position,
    /// The history before the present one, and how far both are the same.
    former: Option<Position>,
    /// The offset after which its backlog begins, size aside; none before its first replica.
    kept_from: u64,
}

/// What a source answers a replica that asks to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Psync {
    /// `+CONTINUE`, with this many bytes.
    Partial(u64),
    /// `+FULLRESYNC`.
    Full(FullResyncReason),
}

/// Why a full resync is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullResyncReason {
    /// The replica has no position, or one in a history that the source does not know.
    OtherHistory,
    /// It has writes that the source's history does not contain.
    Diverged,
    /// What it misses is no longer in the backlog.
    BeyondBacklog,
}

impl FullResyncReason {
    /// In a trace.
    pub const fn words(self) -> &'static str {
        match self {
            FullResyncReason::OtherHistory => "its replication history is unknown",
            FullResyncReason::Diverged => "its own writes diverged",
            FullResyncReason::BeyondBacklog => "the backlog is too short",
        }
    }
}

impl Lineage {
    /// The beginning of a history.
    pub fn new(history: History) -> Lineage {
        Lineage {
            at: Position { history, offset: 0 },
            former: None,
            kept_from: 0,
        }
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        self.at
    }

    /// Bytes of its history that it has.
    pub fn offset(&self) -> u64 {
        self.at.offset
    }

    /// It has more of its history now. Only a full copy ever takes it back.
    pub fn advance_to(&mut self, offset: u64) {
        assert!(offset >= self.at.offset, "offsets never run back");
        self.at.offset = offset;
    }

    /// A replica becomes a primary (`replicationUnsetMaster`).
    pub fn promote(&mut self, history: History) {
        self.former = Some(self.at);
        self.at.history = history;
    }

    /// `PSYNC` of a replica that stands at `asked`, with a backlog of `size`.
    pub fn answer(&self, asked: Position, size: Bytes) -> Psync {
        let Position { history, offset } = asked;
        if history != self.at.history {
            match self.former {
                Some(former) if former.history == history => {
                    if offset > former.offset {
                        return Psync::Full(FullResyncReason::Diverged);
                    }
                }
                Some(_) | None => return Psync::Full(FullResyncReason::OtherHistory),
            }
        }
        if offset > self.at.offset {
            return Psync::Full(FullResyncReason::Diverged);
        }
        let first = self
            .kept_from
            .max(self.at.offset.saturating_sub(size.get()));
        if offset < first {
            return Psync::Full(FullResyncReason::BeyondBacklog);
        }
        Psync::Partial(self.at.offset - offset)
    }

    /// A replica was told to go on with `source`'s history; its bytes are still to come.
    pub fn go_on(&mut self, source: &Lineage) {
        if source.at.history != self.at.history {
            self.former = Some(self.at);
            self.at.history = source.at.history;
        }
    }

    /// A replica has loaded a full copy that `source` began at `offset`.
    pub fn copy(&mut self, source: History, offset: u64) {
        *self = Lineage {
            at: Position {
                history: source,
                offset,
            },
            former: None,
            kept_from: offset,
        };
    }

    /// A process that was killed starts again: its data may be back, its position is not.
    pub fn restart(&mut self, history: History) {
        *self = Lineage::new(history);
    }

    /// A primary without replicas has waited `repl-backlog-ttl`. It would not count writes without
    /// a backlog, so it begins a history of its own.
    pub fn forget_backlog(&mut self, history: History) {
        self.former = None;
        self.kept_from = self.at.offset;
        self.at.history = history;
    }
}

/// `replicationCron`: one look each second, at a phase of its process' own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cron {
    /// The phase within the second.
    pub phase: SimDuration,
}

/// `replicationCron` runs at this period.
pub const SECOND: SimDuration = SimDuration::from_secs(1);

impl Cron {
    /// The first look at `at` or after.
    pub fn from(self, at: SimTime) -> SimTime {
        let since = (at.as_nanos() + SECOND.as_nanos() - self.phase.as_nanos()) % SECOND.as_nanos();
        let wait = (SECOND.as_nanos() - since) % SECOND.as_nanos();
        at.saturating_add(SimDuration::from_nanos(wait))
    }
}

/// What comes of what a source holds for a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The soft limit is reached.
    SoftBegins,
    /// The replica is cut off.
    CutOff,
}

/// What happens next to a replica for which its source holds `held`, which never falls while the
/// replica takes nothing, and when, if in `[from, to)`. The soft limit was reached at `soft_since`,
/// if it was before `from`.
///
/// The hard limit is never below the backlog's size. The soft one must be exceeded for more than
/// `soft_for` on a clock of whole seconds, so up to a second longer; taken as that second. Buffers
/// are looked at in whole milliseconds from `from` on.
pub fn overflow(
    limit: OutputLimitSpec,
    backlog: Bytes,
    held: impl Fn(SimTime) -> u64,
    soft_since: Option<SimTime>,
    (from, to): (SimTime, SimTime),
) -> Option<(SimTime, Overflow)> {
    let hard = match limit.hard.get() {
        0 => u64::MAX,
        hard => hard.max(backlog.get()),
    };
    let soft = match limit.soft.get() {
        0 => u64::MAX,
        soft => soft,
    };
    if soft_since.is_none() && soft < hard {
        return first(held, soft, from, to).map(|at| (at, Overflow::SoftBegins));
    }
    let lasted = soft_since.map(|since| since.saturating_add(limit.soft_for + SECOND).max(from));
    let lasted = lasted.filter(|at| *at < to);
    let fills = first(held, hard, from, lasted.unwrap_or(to));
    fills.or(lasted).map(|at| (at, Overflow::CutOff))
}

/// The first whole millisecond after `from`, before `to`, at which `held`, which never falls, is at
/// least `bound`. It grows at nearly one rate, so most looks are where that rate would have it;
/// each third one halves what is left.
fn first(held: impl Fn(SimTime) -> u64, bound: u64, from: SimTime, to: SimTime) -> Option<SimTime> {
    const MILLISECOND: u64 = 1_000_000;
    let at = |ms: u64| from.saturating_add(SimDuration::from_nanos(ms * MILLISECOND));
    let before = held(from);
    if before >= bound {
        return (from < to).then_some(from);
    }
    let last = (to.saturating_since(from)).as_nanos().saturating_sub(1) / MILLISECOND;
    let after = held(at(last));
    if last == 0 || after < bound {
        return None;
    }
    let (mut low, mut high) = ((0, before), (last, after));
    let mut looks = 0;
    while high.0 - low.0 > 1 {
        looks += 1;
        let width = high.0 - low.0;
        let share = (bound - low.1) as f64 / (high.1 - low.1).max(1) as f64;
        let step = match looks % 3 {
            0 => width / 2,
            _ => (width as f64 * share) as u64,
        };
        let middle = low.0 + step.clamp(1, width - 1);
        let found = held(at(middle));
        if found >= bound {
            high = (middle, found);
        } else {
            low = (middle, found);
        }
    }
    Some(at(high.0))
}

/// When a primary that looks at `primary`'s pace no longer counts a replica that has sent its
/// acknowledgements at `replica`'s pace until just before `silent`. Both the acknowledgement and
/// the look are stamped with a clock of whole seconds (`server.unixtime`), so the lag is above
/// `max_lag` from the second on that is `max_lag` and one more after that of the acknowledgement.
pub fn lagging_at(replica: Cron, primary: Cron, silent: SimTime, max_lag: SimDuration) -> SimTime {
    let last = replica.from(silent.saturating_sub(SECOND));
    let into_its_second = SimDuration::from_nanos(last.as_nanos() % SECOND.as_nanos());
    let stamped = last.saturating_sub(into_its_second);
    primary.from(stamped.saturating_add(max_lag + SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Bytes = Bytes::new(100);

    fn at(seconds: f64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs_f64(seconds)
    }

    fn lineage(history: u32, offset: u64) -> Lineage {
        let mut lineage = Lineage::new(History(history));
        lineage.advance_to(offset);
        lineage
    }

    fn asked(history: u32, offset: u64) -> Position {
        Position {
            history: History(history),
            offset,
        }
    }

    #[test]
    fn a_replica_goes_on_as_long_as_the_backlog_reaches_back() {
        let primary = lineage(0, 1000);
        assert_eq!(primary.answer(asked(0, 1000), SIZE), Psync::Partial(0));
        assert_eq!(primary.answer(asked(0, 900), SIZE), Psync::Partial(100));
        let full = |why| Psync::Full(why);
        assert_eq!(
            primary.answer(asked(0, 899), SIZE),
            full(FullResyncReason::BeyondBacklog)
        );
        assert_eq!(
            primary.answer(asked(0, 1001), SIZE),
            full(FullResyncReason::Diverged)
        );
        assert_eq!(
            primary.answer(asked(1, 950), SIZE),
            full(FullResyncReason::OtherHistory)
        );
    }

    #[test]
    fn after_a_promotion_siblings_go_on_and_the_diverged_primary_does_not() {
        let old = lineage(0, 1000);
        let mut promoted = lineage(0, 990);
        promoted.promote(History(1));
        promoted.advance_to(1010);
        // A sibling that had less, and one that had exactly as much.
        assert_eq!(promoted.answer(asked(0, 960), SIZE), Psync::Partial(50));
        assert_eq!(promoted.answer(asked(0, 990), SIZE), Psync::Partial(20));
        // The old primary has ten bytes that the promoted one never got.
        assert_eq!(
            promoted.answer(old.position(), SIZE),
            Psync::Full(FullResyncReason::Diverged)
        );
        // One that stopped together with its stream may go on.
        assert_eq!(
            promoted.answer(lineage(0, 990).position(), SIZE),
            Psync::Partial(20)
        );
        // The second promotion forgets the first history, not what a sibling took from it.
        promoted.promote(History(2));
        let full = Psync::Full(FullResyncReason::OtherHistory);
        assert_eq!(promoted.answer(asked(0, 990), SIZE), full);
        assert_eq!(promoted.answer(asked(1, 1010), SIZE), Psync::Partial(0));
    }

    #[test]
    fn who_goes_on_can_be_followed_by_those_who_followed_with_it() {
        let mut promoted = lineage(0, 990);
        promoted.promote(History(1));
        let mut sibling = lineage(0, 950);
        sibling.go_on(&promoted);
        sibling.advance_to(1000);
        assert_eq!(sibling.position(), asked(1, 1000));
        assert_eq!(sibling.answer(asked(0, 940), SIZE), Psync::Partial(60));
        assert_eq!(
            sibling.answer(asked(0, 960), SIZE),
            Psync::Full(FullResyncReason::Diverged)
        );
    }

    #[test]
    fn a_copy_keeps_nothing_from_before_and_a_restart_nothing_at_all() {
        let mut replica = lineage(3, 500);
        replica.copy(History(0), 990);
        replica.advance_to(1000);
        let full = Psync::Full(FullResyncReason::BeyondBacklog);
        assert_eq!(replica.answer(asked(0, 985), SIZE), full);
        assert_eq!(replica.answer(asked(0, 995), SIZE), Psync::Partial(5));
        replica.restart(History(7));
        assert_eq!(
            replica.answer(asked(0, 995), SIZE),
            Psync::Full(FullResyncReason::OtherHistory)
        );
        let mut alone = lineage(0, 1000);
        alone.forget_backlog(History(8));
        assert_eq!(
            alone.answer(asked(0, 1000), SIZE),
            Psync::Full(FullResyncReason::OtherHistory)
        );
        assert_eq!(alone.offset(), 1000);
    }

    #[test]
    #[should_panic(expected = "offsets never run back")]
    fn an_offset_never_runs_back() {
        lineage(0, 10).advance_to(9);
    }

    /// Holds a megabyte a second from one second on.
    fn held(at: SimTime) -> u64 {
        (at.saturating_sub(SECOND).as_secs_f64() * 1e6) as u64
    }

    #[test]
    fn a_replica_is_cut_off_at_the_hard_limit_or_when_the_soft_one_lasts() {
        let limit = |hard, soft, seconds| OutputLimitSpec {
            hard: Bytes::new(hard),
            soft: Bytes::new(soft),
            soft_for: SimDuration::from_secs(seconds),
        };
        let next = |limit, backlog, soft_since, to| {
            overflow(
                limit,
                Bytes::new(backlog),
                held,
                soft_since,
                (at(1.0), at(to)),
            )
        };
        let cut_off = |seconds| Some((at(seconds), Overflow::CutOff));
        assert_eq!(next(limit(10_000_000, 0, 0), 0, None, 60.0), cut_off(11.0));
        assert_eq!(next(limit(10_000_000, 0, 0), 0, None, 11.0), None);
        // The backlog's size counts if it is larger; zero is no limit.
        let small = limit(10_000_000, 0, 0);
        assert_eq!(next(small, 20_000_000, None, 60.0), cut_off(21.0));
        assert_eq!(next(limit(0, 0, 0), 0, None, 60.0), None);
        // Soft: 4 MB from second 5 on, for more than 10 s.
        let soft = limit(30_000_000, 4_000_000, 10);
        let begins = Some((at(5.0), Overflow::SoftBegins));
        assert_eq!(next(soft, 0, None, 60.0), begins);
        assert_eq!(next(soft, 0, Some(at(5.0)), 60.0), cut_off(16.0));
        let both = limit(10_000_000, 4_000_000, 10);
        assert_eq!(next(both, 0, Some(at(5.0)), 60.0), cut_off(11.0));
    }

    #[test]
    fn crons_look_each_second_at_their_phase() {
        let cron = Cron {
            phase: SimDuration::from_millis(300),
        };
        assert_eq!(cron.from(at(0.0)), at(0.3));
        assert_eq!(cron.from(at(5.3)), at(5.3));
        assert_eq!(cron.from(at(5.31)), at(6.3));
    }

    #[test]
    fn lag_is_the_difference_of_whole_seconds() {
        let [replica, primary] = [200, 700].map(|ms| Cron {
            phase: SimDuration::from_millis(ms),
        });
        // Silent at 10.5 s: acknowledged last in second 10; eleven later is 21, seen at 21.7.
        let found = lagging_at(replica, primary, at(10.5), SimDuration::from_secs(10));
        assert_eq!(found, at(21.7));
        // The other way round: acknowledged last at 9.7, in second 9; second 20 is seen at 20.2,
        // although that is only 10.5 s later.
        let found = lagging_at(primary, replica, at(10.5), SimDuration::from_secs(10));
        assert_eq!(found, at(20.2));
        // Silent at the very tick of an acknowledgement, which is not sent any more.
        assert_eq!(lagging_at(replica, primary, at(10.2), SECOND), at(11.7));
    }
}
