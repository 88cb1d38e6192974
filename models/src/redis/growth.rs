//! What a cluster's datasets hold, defined in full and evaluated only where somebody looks.
//!
//! Each workload's new keys, and each burst, are a marked Poisson process (an arrival tree): the
//! dataset at any instant is a prefix sum, and "when does it reach B" is a search by branch and
//! bound, exact to the key. While the cluster refuses or does not answer writes the processes go on
//! but nothing is stored: those windows are closed, and their bytes never count.
//!
//! Keys with a lifetime come and go. Their process is that of the ends of their lives: a key is
//! there for a lifetime before its end, so one tree says who is there at any instant, those of the
//! start among them.
//!
//! ```text
//! ends    ──×──×───×────×──×─────×──►
//!           └there at t─┤  └ not yet
//!           t           t + lifetime
//! ```
//!
//! Left out: expired keys that nobody has looked at yet. Redis finds them at random and leaves up
//! to a tenth of them for later (expire.c: ACTIVE_EXPIRE_CYCLE_ACCEPTABLE_STALE).

use std::cell::Cell;

use sim::crossing::{ClosedWindows, Term, first_reach, first_reach_eager};
use sim::net::{self, first_below_net, first_reach_net};
use sim::{ArrivalTree, SimDuration, SimTime};

use demand::Mode;

/// The growing datasets of one cluster, over all shards.
#[derive(Clone, Debug)]
pub struct Growth {
    /// What is there at the start, and of each workload.
    start: DatasetSize,
    starts: Vec<DatasetSize>,
    /// What stays of it, since it has no lifetime: all of it, and of each workload.
    lasts: DatasetSize,
    lasting: Vec<DatasetSize>,
    sources: Vec<Source>,
    /// Bytes that each key takes on top of what was drawn for it, because of how its node runs.
    on_top: u64,
    open: bool,
    /// From when on the last closed window rejects.
    closed_from: SimTime,
    /// What is stored while nothing is accepted.
    frozen: DatasetSize,
    /// What was deleted in all, from each instant on.
    deleted: Vec<(SimTime, DatasetSize)>,
    /// Counts the times that writes were let in or kept out.
    turns: u32,
    /// How long writes were let in before the last turn, and when that was.
    was_open: SimDuration,
    turned: SimTime,
    mode: Mode,
    /// What was counted last, and for when: one event asks many times about its own instant.
    counted: Cell<Option<(SimTime, DatasetSize)>>,
}

/// Keys and their bytes: entries, names and values, without the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DatasetSize {
    /// Bytes of all keys.
    pub bytes: f64,
    /// How many keys there are.
    pub keys: f64,
    /// Bytes of the keys without a TTL.
    pub lasting: f64,
    /// How many keys carry a TTL.
    pub expiring: f64,
}

/// What of it somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Bytes of all keys.
    Bytes,
    /// Keys.
    Keys,
    /// Bytes of the keys without a TTL.
    Lasting,
    /// Keys with a TTL.
    Expiring,
}

#[derive(Clone, Debug)]
struct Source {
    tree: ArrivalTree,
    /// Do its keys carry a TTL?
    expires: bool,
    /// The workload that it adds to.
    workload: usize,
    /// How long its keys live, if they do not stay.
    lifetime: Option<SimDuration>,
    /// When what comes is rejected, in the time of the tree.
    closed: ClosedWindows,
    /// Nothing more comes of it.
    stopped: bool,
}

/// A process by which a dataset grows.
#[derive(Clone, Debug)]
pub struct GrowthSource {
    /// The keys and their sizes; with a lifetime, the ends of their lives.
    pub tree: ArrivalTree,
    /// How long a key lives; absent: it stays.
    pub lifetime: Option<SimDuration>,
    /// Do its keys carry a TTL?
    pub expires: bool,
    /// The workload that it adds to, by its position in the cluster.
    pub workload: usize,
}

impl DatasetSize {
    /// So many keys, all with a TTL or all without.
    pub fn of(keys: f64, bytes: f64, expires: bool) -> DatasetSize {
        let (lasting, expiring) = if expires { (0.0, keys) } else { (bytes, 0.0) };
        DatasetSize {
            bytes,
            keys,
            lasting,
            expiring,
        }
    }

    /// Both together.
    pub fn with(self, other: DatasetSize) -> DatasetSize {
        DatasetSize {
            bytes: self.bytes + other.bytes,
            keys: self.keys + other.keys,
            lasting: self.lasting + other.lasting,
            expiring: self.expiring + other.expiring,
        }
    }

    /// What is left when this is taken out.
    pub fn without(self, gone: DatasetSize) -> DatasetSize {
        DatasetSize {
            bytes: self.bytes - gone.bytes,
            keys: self.keys - gone.keys,
            lasting: self.lasting - gone.lasting,
            expiring: self.expiring - gone.expiring,
        }
    }

    /// The part of it in a shard that holds this share.
    pub fn share(self, share: f64) -> DatasetSize {
        DatasetSize {
            bytes: self.bytes * share,
            keys: self.keys * share,
            lasting: self.lasting * share,
            expiring: self.expiring * share,
        }
    }

    /// In whole keys and bytes.
    pub fn whole(self) -> DatasetSize {
        DatasetSize {
            bytes: self.bytes.floor(),
            keys: self.keys.floor(),
            lasting: self.lasting.floor(),
            expiring: self.expiring.floor(),
        }
    }

    /// One measure of it.
    pub fn measure(self, measure: Measure) -> f64 {
        match measure {
            Measure::Bytes => self.bytes,
            Measure::Keys => self.keys,
            Measure::Lasting => self.lasting,
            Measure::Expiring => self.expiring,
        }
    }
}

impl Growth {
    /// Datasets that hold `starts`, in whole keys and bytes, at time zero and grow by `adding`.
    /// Every new key takes `on_top` bytes more than its draw, which is the same whatever the
    /// design.
    pub fn new(
        starts: Vec<DatasetSize>,
        adding: Vec<GrowthSource>,
        on_top: u64,
        mode: Mode,
    ) -> Growth {
        let source = |adding: GrowthSource| Source {
            tree: adding.tree,
            expires: adding.expires,
            workload: adding.workload,
            lifetime: adding.lifetime,
            closed: ClosedWindows::new(),
            stopped: false,
        };
        let sum = |of: &[DatasetSize]| {
            let of = of.iter().copied();
            of.fold(DatasetSize::default(), DatasetSize::with)
        };
        let mut lasting = starts.clone();
        for source in adding.iter().filter(|source| source.lifetime.is_some()) {
            lasting[source.workload] = DatasetSize::default();
        }
        Growth {
            lasts: sum(&lasting),
            start: sum(&starts),
            starts,
            lasting,
            sources: adding.into_iter().map(source).collect(),
            on_top,
            open: true,
            closed_from: SimTime::ZERO,
            frozen: DatasetSize::default(),
            deleted: Vec::new(),
            turns: 0,
            was_open: SimDuration::ZERO,
            turned: SimTime::ZERO,
            mode,
            counted: Cell::new(None),
        }
    }

    /// What is stored at `at`.
    pub fn size_at(&self, at: SimTime) -> DatasetSize {
        let deletions = self.deleted.partition_point(|(from, _)| *from <= at);
        let stored = self.stored_at(at);
        match deletions.checked_sub(1) {
            None => stored,
            Some(last) => stored.without(self.deleted[last].1),
        }
    }

    /// At `at`, which is now, this much of what is stored is deleted.
    pub fn delete(&mut self, at: SimTime, gone: DatasetSize) {
        let before = self
            .deleted
            .last()
            .map_or(DatasetSize::default(), |(_, all)| *all);
        self.deleted.push((at, before.with(gone)));
        self.turns += 1;
    }

    /// Part of what was deleted would be gone by now anyway.
    pub fn forget_deleted(&mut self, at: SimTime, gone: DatasetSize) {
        self.delete(at, DatasetSize::default().without(gone));
    }

    /// What one source has brought by `at` and is still alive, by its position among the trees.
    pub fn brought_by(&self, source: usize, at: SimTime) -> DatasetSize {
        let source = &self.sources[source];
        source.size(source.alive(at), self.on_top)
    }

    /// How long the keys of each workload live, if they do not stay.
    pub fn lifetime(&self, workload: usize) -> Option<SimDuration> {
        let mut sources = self.sources.iter();
        let of_it = sources.find(|source| source.workload == workload);
        of_it.and_then(|source| source.lifetime)
    }

    /// Can it become smaller by itself?
    pub fn falls(&self) -> bool {
        self.sources.iter().any(|source| source.lifetime.is_some())
    }

    /// What comes after the first instant and by the second, and what goes by itself.
    pub fn moves(&self, from: SimTime, to: SimTime) -> (DatasetSize, DatasetSize) {
        let nothing = (DatasetSize::default(), DatasetSize::default());
        self.sources.iter().fold(nothing, |(come, gone), source| {
            let ahead = source.ahead();
            let came = source.between(from.saturating_add(ahead), to.saturating_add(ahead));
            let went = source.lifetime.map_or((0, 0), |_| source.between(from, to));
            let [came, went] = [came, went].map(|keys| source.size(keys, self.on_top));
            (come.with(came), gone.with(went))
        })
    }

    /// Bytes of each workload that came after `since` and are alive at `at`.
    pub fn newer(&self, since: SimTime, at: SimTime) -> Vec<f64> {
        let mut newer = vec![0.0; self.starts.len()];
        for source in &self.sources {
            newer[source.workload] += source.size(source.newer(since, at), self.on_top).bytes;
        }
        newer
    }

    /// When something was deleted last.
    pub fn deleted_at(&self) -> Option<SimTime> {
        self.deleted.last().map(|(at, _)| *at)
    }

    /// What was stored by `at` and would be there had nothing been deleted.
    fn stored_at(&self, at: SimTime) -> DatasetSize {
        if !self.open && at >= self.closed_from && !self.falls() {
            return self.frozen;
        }
        if let Some((counted, held)) = self.counted.get()
            && counted == at
        {
            return held;
        }
        let sources = 0..self.sources.len();
        let held = sources.fold(self.lasts, |held, source| {
            held.with(self.brought_by(source, at))
        });
        self.counted.set(Some((at, held)));
        held
    }

    /// Bytes of each workload that were ever stored by `at`, and are alive.
    pub fn parts_at(&self, at: SimTime) -> Vec<f64> {
        let mut parts: Vec<f64> = self.lasting.iter().map(|start| start.bytes).collect();
        for source in &self.sources {
            parts[source.workload] += source.size(source.alive(at), self.on_top).bytes;
        }
        parts
    }

    /// What each workload holds at the start and keeps.
    pub fn lasting(&self) -> &[DatasetSize] {
        &self.lasting
    }

    /// The same for each of them.
    pub fn each(&self) -> Vec<f64> {
        (0..self.starts.len()).map(|n| self.bytes_each(n)).collect()
    }

    /// Bytes of one of a workload's keys, going by those at the start.
    pub fn bytes_each(&self, workload: usize) -> f64 {
        let DatasetSize { bytes, keys, .. } = self.starts[workload];
        if keys > 0.0 { bytes / keys } else { 1.0 }
    }

    /// Bytes stored at `at`.
    pub fn bytes_at(&self, at: SimTime) -> f64 {
        self.size_at(at).bytes
    }

    /// Bytes of new keys that were ever stored by `at`.
    pub fn added_at(&self, at: SimTime) -> f64 {
        if !self.falls() {
            return self.stored_at(at).bytes - self.lasts.bytes;
        }
        let added = |source: &Source| {
            let came = source.newer(SimTime::ZERO, at);
            let gone = source.died(SimTime::ZERO, at);
            source
                .size((came.0 + gone.0, came.1 + gone.1), self.on_top)
                .bytes
        };
        self.sources.iter().map(added).sum()
    }

    /// How long writes have been let in by `at`, which lies at most one turn back.
    pub fn open_for(&self, at: SimTime) -> SimDuration {
        if self.open {
            self.was_open + at.saturating_since(self.turned)
        } else {
            self.was_open
                .saturating_sub(self.turned.saturating_since(at))
        }
    }

    /// Keys that this many bytes are, going by those at the start.
    pub fn keys(&self, bytes: f64) -> f64 {
        let known = self.start.bytes > 0.0;
        let each = self.start.bytes / self.start.keys;
        if known { bytes / each } else { 0.0 }
    }

    /// The first instant of `[from, to)` at which `measure` is at least `bound`, if writes stay as
    /// they are: never, while none are accepted.
    pub fn when_reaches(
        &self,
        measure: Measure,
        bound: f64,
        from: SimTime,
        to: SimTime,
    ) -> Option<SimTime> {
        if !self.open {
            return None;
        }
        self.reached(measure, bound, from, to)
    }

    /// The first instant of `[from, to)`, in the past, at which `measure` was at least `bound`.
    pub fn reached(
        &self,
        measure: Measure,
        bound: f64,
        from: SimTime,
        to: SimTime,
    ) -> Option<SimTime> {
        let bound = self.of_sources(measure, bound);
        let (come, gone) = self.terms(measure);
        match self.mode {
            Mode::Lazy if gone.is_empty() => first_reach(&come, bound, from, to),
            Mode::Eager if gone.is_empty() => first_reach_eager(&come, bound, from, to),
            Mode::Lazy => first_reach_net((&come, &gone), bound, from, to),
            Mode::Eager => net::first_reach_net_eager((&come, &gone), bound, from, to),
        }
    }

    /// The first instant of `[from, to)` at which `measure` is less than `bound`, if writes stay as
    /// they are: never, if all keys stay.
    pub fn when_below(
        &self,
        measure: Measure,
        bound: f64,
        from: SimTime,
        to: SimTime,
    ) -> Option<SimTime> {
        let bound = self.of_sources(measure, bound);
        let (come, gone) = self.terms(measure);
        if gone.is_empty() {
            return None;
        }
        match self.mode {
            Mode::Lazy => first_below_net((&come, &gone), bound, from, to),
            Mode::Eager => net::first_below_net_eager((&come, &gone), bound, from, to),
        }
    }

    /// What all sources together must have brought for `measure` to be at a bound.
    fn of_sources(&self, measure: Measure, bound: f64) -> u64 {
        let deleted = self
            .deleted
            .last()
            .map_or(0.0, |(_, all)| all.measure(measure));
        let bound = bound - self.lasts.measure(measure) + deleted;
        bound.ceil().max(0.0) as u64
    }

    /// After `at` writes are stored (`open`) or not. The key that arrives at that very instant, and
    /// may have been the one too many, is stored.
    pub fn set_open(&mut self, at: SimTime, open: bool) {
        if open == self.open {
            return;
        }
        self.turns += 1;
        self.counted.set(None);
        self.was_open = self.open_for(at);
        self.turned = at;
        if !open {
            self.frozen = self.stored_at(at);
            self.closed_from = at + SimDuration::from_nanos(1);
        }
        self.open = open;
        for source in self.sources.iter_mut().filter(|source| !source.stopped) {
            let ahead = source.ahead();
            if open {
                let from = at.max(self.closed_from).saturating_add(ahead);
                source.closed.reopen(&source.tree, from);
            } else {
                source.closed.close(self.closed_from.saturating_add(ahead));
            }
        }
        self.counted.set(None);
    }

    /// After `at` nothing more comes of this source, by its position among the trees.
    pub fn stop(&mut self, source: usize, at: SimTime) {
        let closes = at + SimDuration::from_nanos(1);
        let stopped = &mut self.sources[source];
        if stopped.stopped {
            return;
        }
        stopped.stopped = true;
        self.counted.set(None);
        if self.open {
            let from = closes.max(self.closed_from);
            stopped.closed.close(from.saturating_add(stopped.ahead()));
        }
        self.turns += 1;
    }

    /// Were writes stored at `at`?
    pub fn open_at(&self, at: SimTime) -> bool {
        let rejects = |source: &Source| {
            !source.stopped && source.closed.contains(at.saturating_add(source.ahead()))
        };
        !self.sources.iter().any(rejects)
    }

    /// A number that changes whenever a forecast made earlier no longer holds.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// What brings it and what takes it away.
    fn terms(&self, measure: Measure) -> (Vec<Term<'_>>, Vec<Term<'_>>) {
        let counts = |source: &&Source| match measure {
            Measure::Bytes | Measure::Keys => true,
            Measure::Lasting => !source.expires,
            Measure::Expiring => source.expires,
        };
        let counted: Vec<&Source> = self.sources.iter().filter(counts).collect();
        let come = counted
            .iter()
            .map(|source| source.term(measure, self.on_top).ahead(source.ahead()));
        let gone = counted.iter().filter(|source| source.lifetime.is_some());
        let gone = gone.map(|source| source.term(measure, self.on_top));
        (come.collect(), gone.collect())
    }
}

impl Source {
    /// How much later than now its tree has what comes now.
    fn ahead(&self) -> SimDuration {
        self.lifetime.unwrap_or_default()
    }

    /// So many keys with so many bytes of their own.
    fn size(&self, (keys, bytes): (u64, u64), on_top: u64) -> DatasetSize {
        let bytes = bytes + keys * on_top;
        DatasetSize::of(keys as f64, bytes as f64, self.expires)
    }

    /// Keys and bytes that are there at `at`.
    fn alive(&self, at: SimTime) -> (u64, u64) {
        match self.lifetime {
            None => self.closed.accepted(&self.tree, at),
            Some(lifetime) => self.between(at, at.saturating_add(lifetime)),
        }
    }

    /// Of those, what came after `since`.
    fn newer(&self, since: SimTime, at: SimTime) -> (u64, u64) {
        let ahead = self.ahead();
        let first = match self.lifetime {
            None => since,
            Some(_) => since.saturating_add(ahead).max(at),
        };
        self.between(first, at.saturating_add(ahead))
    }

    /// What came after `since` and had its end by `at`.
    fn died(&self, since: SimTime, at: SimTime) -> (u64, u64) {
        match self.lifetime {
            None => (0, 0),
            Some(lifetime) => self.between(since.saturating_add(lifetime), at),
        }
    }

    /// What its tree has after the first instant and by the second, less what was rejected.
    fn between(&self, first: SimTime, last: SimTime) -> (u64, u64) {
        if last <= first {
            return (0, 0);
        }
        let [before, by] = [first, last].map(|at| self.closed.accepted(&self.tree, at));
        (by.0 - before.0, by.1 - before.1)
    }

    fn term(&self, measure: Measure, on_top: u64) -> Term<'_> {
        let (sizes, each) = match measure {
            Measure::Bytes | Measure::Lasting => (true, on_top),
            Measure::Keys | Measure::Expiring => (false, 1),
        };
        let term = if sizes {
            Term::sizes(&self.tree).on_top(each)
        } else {
            Term::counted(&self.tree, each)
        };
        term.closed(&self.closed)
    }
}
