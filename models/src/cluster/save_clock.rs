//! When a node's process saves: each save follows from the one before.
//!
//! ```text
//! snapshot   the first save point of which both hold: `after` since the last save ended, and
//!            `changes` since it began (server.c: serverCron)
//! rewrite    the append-only file has grown by its share of what it was when the last rewrite
//!            ended, and is not small (aof_rewrite_perc, aof_rewrite_min_size)
//! ```
//!
//! Nobody has to be woken for a save that cannot matter: what has begun since the last look is
//! found from the dataset sizes of then (`Cluster::note_saves`). How long a save takes goes by the
//! dataset's size rounded up by at most a fiftieth, so that it is looked up only where it changes.
//!
//! Left out: what keeps writes out does not delay a save; the append-only file is taken to be as
//! large as the dataset after a rewrite, and to grow by the mean size of a write.

use sim::{SimDuration, SimTime};

use crate::ids::{Id, NodeId};
use crate::redis::save::{NEVER, rewrite_due, save_point_due};
use crate::spec::persistence::{AppendOnlySpec, SavePointSpec, ScheduleSpec};

/// What a child writes to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Snapshot,
    Rewrite,
}

/// A save that has begun.
#[derive(Clone, Copy, Debug)]
struct Begun {
    kind: Kind,
    at: SimTime,
    ends: SimTime,
}

/// What is written to a node's dataset: changes and bytes per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub changes: f64,
    pub bytes: f64,
}

/// The saves of one node.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    points: Vec<SavePointSpec>,
    append_only: Option<AppendOnlySpec>,
    /// When the next of each kind is due; never, while there is no process.
    snapshot: SimTime,
    rewrite: SimTime,
    /// Its process hangs: nothing begins.
    paused: bool,
    /// The last that has begun.
    last: Option<Begun>,
    /// When the last snapshot and the last rewrite began that were done before that.
    saved: Option<SimTime>,
    rewritten: SimTime,
    /// How long before the trial the last rewrite began.
    before: SimDuration,
    /// Nodes whose processes started at one instant do not save at one: the order of the two would
    /// be left to who was planned first.
    turn: SimDuration,
}

impl Clock {
    /// A clock that stands.
    pub fn stopped(schedule: &ScheduleSpec) -> Clock {
        Clock {
            points: schedule.points().to_vec(),
            append_only: schedule.append_only(),
            snapshot: SimTime::MAX,
            rewrite: SimTime::MAX,
            paused: false,
            last: None,
            saved: None,
            rewritten: SimTime::ZERO,
            before: SimDuration::ZERO,
            turn: SimDuration::ZERO,
        }
    }

    /// The same clock for the node with this number.
    pub fn of(self, node: NodeId) -> Clock {
        let turn = SimDuration::from_nanos(node.index() as u64);
        Clock { turn, ..self }
    }

    /// It goes, and has saved nothing yet: at `now` it stands so far between two saves of so many
    /// bytes that take so long each. Does it save anything in a century?
    pub fn set_going(
        &mut self,
        (pace, bytes, takes): (Pace, f64, SimDuration),
        (snapshot, rewrite): (f64, f64),
        now: SimTime,
    ) -> bool {
        let done = now.saturating_add(takes);
        let never = now.saturating_add(NEVER);
        let snapshots = self.snapshot_due((now, done), pace);
        let rewrites = self.rewrite_due((now, done), pace, bytes);
        let left = |due: SimTime, share: f64| match due < never {
            true => now + (due - now).scaled(1.0 - share),
            false => SimTime::MAX,
        };
        (self.snapshot, self.rewrite) = (left(snapshots, snapshot), left(rewrites, rewrite));
        if rewrites < never {
            self.before = (rewrites - now).scaled(rewrite);
        }
        snapshots.min(rewrites) < never
    }

    /// When the next save begins.
    pub fn next(&self) -> SimTime {
        let due = match self.paused {
            true => SimTime::MAX,
            false => self.snapshot.min(self.rewrite),
        };
        let due = self.last.map_or(due, |last| due.max(last.ends));
        due.saturating_add(self.turn)
    }

    /// The next save begins: it takes so long, and the node holds so many bytes.
    pub fn begin(&mut self, at: SimTime, (takes, bytes): (SimDuration, f64), pace: Pace) {
        self.settle(at);
        let ends = at.saturating_add(takes);
        let kind = self.due();
        match kind {
            Kind::Snapshot => self.snapshot = self.snapshot_due((at, ends), pace),
            Kind::Rewrite => self.rewrite = self.rewrite_due((at, ends), pace, bytes),
        }
        self.last = Some(Begun { kind, at, ends });
    }

    /// The save that is due cannot begin: it is tried again then.
    pub fn fail_due(&mut self, again: SimTime) {
        self.try_again(self.due(), again);
    }

    /// The last save has failed: it is tried again then.
    pub fn fail_last(&mut self, again: SimTime) {
        if let Some(last) = self.last.take() {
            self.try_again(last.kind, again);
        }
    }

    fn try_again(&mut self, kind: Kind, again: SimTime) {
        match kind {
            Kind::Snapshot => self.snapshot = again,
            Kind::Rewrite => self.rewrite = again,
        }
    }

    /// The kind that is due first.
    fn due(&self) -> Kind {
        match self.snapshot <= self.rewrite {
            true => Kind::Snapshot,
            false => Kind::Rewrite,
        }
    }

    /// A snapshot that another child began then is done.
    pub fn saved_elsewhere(&mut self, began: SimTime, now: SimTime, pace: Pace) {
        self.snapshot = self.snapshot_due((began, now), pace);
    }

    /// None begins before then.
    pub fn hold_until(&mut self, at: SimTime) {
        self.snapshot = self.snapshot.max(at);
        self.rewrite = self.rewrite.max(at);
    }

    /// Its process hangs and begins nothing, or no longer: what was due then begins.
    pub fn set_paused(&mut self, paused: bool, now: SimTime) {
        self.paused = paused;
        self.hold_until(now);
    }

    /// The process is gone, and its child with it.
    pub fn stop(&mut self, now: SimTime) {
        self.settle(now);
        self.last = None;
        (self.snapshot, self.rewrite) = (SimTime::MAX, SimTime::MAX);
    }

    /// A process that started at `started` has read so many bytes by now.
    pub fn start(&mut self, (started, now): (SimTime, SimTime), pace: Pace, bytes: f64) {
        let first = |point: &SavePointSpec| {
            let changed = save_point_due(SimDuration::ZERO, point.changes, pace.changes);
            let waited = started.saturating_add(save_point_due(point.after, 0, pace.changes));
            waited.max(now.saturating_add(changed))
        };
        let points = self.points.iter().map(first);
        (self.saved, self.paused) = (None, false);
        self.snapshot = points.min().unwrap_or(SimTime::MAX);
        self.rewrite = self.rewrite_due((now, now), pace, bytes);
    }

    /// The save that runs then: when it began, and when it ends.
    pub fn running(&self, at: SimTime) -> Option<(SimTime, SimTime)> {
        let last = self.last.filter(|last| at < last.ends)?;
        Some((last.at, last.ends))
    }

    /// When the last snapshot began that is done by then.
    pub fn saved(&self, at: SimTime) -> Option<SimTime> {
        let done = |last: &Begun| last.kind == Kind::Snapshot && last.ends <= at;
        self.last.filter(done).map(|last| last.at).or(self.saved)
    }

    /// How long ago, at `at`, the last rewrite began of those that are done.
    pub fn since_rewrite(&self, at: SimTime) -> SimDuration {
        let rewritten = self.rewritten(at);
        let before = match rewritten {
            SimTime::ZERO => self.before,
            _ => SimDuration::ZERO,
        };
        before + at.saturating_since(rewritten)
    }

    fn rewritten(&self, at: SimTime) -> SimTime {
        let done = |last: &Begun| last.kind == Kind::Rewrite && last.ends <= at;
        let last = self.last.filter(done).map(|last| last.at);
        last.unwrap_or(self.rewritten)
    }

    /// Puts the last save on record if it is done.
    fn settle(&mut self, now: SimTime) {
        (self.saved, self.rewritten) = (self.saved(now), self.rewritten(now));
        self.last = self.last.filter(|last| now < last.ends);
    }

    fn snapshot_due(&self, (began, ended): (SimTime, SimTime), pace: Pace) -> SimTime {
        let due = |point: &SavePointSpec| {
            let changed = save_point_due(SimDuration::ZERO, point.changes, pace.changes);
            let waited = ended.saturating_add(save_point_due(point.after, 0, pace.changes));
            waited.max(began.saturating_add(changed))
        };
        self.points.iter().map(due).min().unwrap_or(SimTime::MAX)
    }

    fn rewrite_due(&self, (began, ended): (SimTime, SimTime), pace: Pace, bytes: f64) -> SimTime {
        let file = self.append_only.as_ref();
        let Some((growth, min)) = file.and_then(|file| Some((file.growth?, file.min))) else {
            return SimTime::MAX;
        };
        // What was appended meanwhile belongs to the base of the growth.
        let base = bytes + pace.bytes * (ended - began).as_secs_f64();
        let grown = rewrite_due(base, growth.get(), pace.bytes);
        let missing = (min.as_f64() - base).max(0.0);
        let large = rewrite_due(missing, 1.0, pace.bytes);
        ended.saturating_add(grown.max(large))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::quantity::Factor;

    const PACE: Pace = Pace {
        changes: 100.0,
        bytes: 1e6,
    };

    fn secs(secs: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(secs)
    }

    fn point(after: u64, changes: u64) -> SavePointSpec {
        SavePointSpec {
            after: SimDuration::from_secs(after),
            changes,
        }
    }

    fn clock(points: Vec<SavePointSpec>) -> Clock {
        Clock::stopped(&ScheduleSpec::SavePoints { points })
    }

    fn rewriting() -> Clock {
        let mut clock = Clock::stopped(&ScheduleSpec::AppendOnly {
            rewrite_growth: Factor::new(1.0).unwrap(),
            rewrite_min: None,
            fsync: Default::default(),
        });
        clock.rewrite = secs(0);
        clock
    }

    #[test]
    fn seconds_count_from_the_end_of_a_save_and_changes_from_its_beginning() {
        let mut clock = clock(vec![point(60, 10_000), point(900, 1)]);
        clock.snapshot = secs(100);
        clock.begin(secs(100), (SimDuration::from_secs(30), 1e9), PACE);
        assert_eq!(clock.running(secs(129)), Some((secs(100), secs(130))));
        // 10,000 changes at 200 s; more than 60 s since 130 s at 191 s.
        assert_eq!(clock.next(), secs(200));
        assert_eq!(clock.saved(secs(129)), None);
        assert_eq!(clock.saved(secs(130)), Some(secs(100)));
        clock.begin(secs(200), (SimDuration::from_secs(70), 1e9), PACE);
        assert_eq!(clock.next(), secs(331));
        assert_eq!(clock.saved(secs(250)), Some(secs(100)));
        clock.set_paused(true, secs(300));
        assert_eq!(clock.next(), SimTime::MAX);
        clock.set_paused(false, secs(400));
        assert_eq!(clock.next(), secs(400));
    }

    #[test]
    fn a_file_is_rewritten_when_it_has_doubled_and_is_not_small() {
        let mut large = rewriting();
        large.begin(secs(0), (SimDuration::from_secs(100), 1e9), PACE);
        // It is 1.1 GB large when the rewrite ends.
        assert_eq!(large.next(), secs(1_200));
        let mut small = rewriting();
        small.begin(secs(0), (SimDuration::ZERO, 1e6), PACE);
        assert_eq!(
            small.next(),
            SimTime::ZERO + SimDuration::from_secs_f64(66.108864)
        );
    }

    #[test]
    fn a_failed_save_is_tried_again_and_a_process_that_starts_counts_from_there() {
        let mut clock = clock(vec![point(60, 1)]);
        clock.snapshot = secs(100);
        clock.begin(secs(100), (SimDuration::from_secs(30), 1e9), PACE);
        clock.fail_last(secs(126));
        assert_eq!((clock.next(), clock.saved(secs(200))), (secs(126), None));
        clock.begin(secs(126), (SimDuration::from_secs(30), 1e9), PACE);
        clock.stop(secs(160));
        assert_eq!(clock.next(), SimTime::MAX);
        assert_eq!(clock.saved(secs(160)), Some(secs(126)));
        clock.start((secs(170), secs(200)), PACE, 1e9);
        assert_eq!((clock.next(), clock.saved(secs(300))), (secs(231), None));
    }
}
