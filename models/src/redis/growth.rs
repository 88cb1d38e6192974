//! What a cluster's datasets hold, defined in full and evaluated only where somebody looks.
//!
//! Each workload's new keys, and each burst, are a marked Poisson process (an arrival tree): the
//! dataset at any instant is a prefix sum, and "when does it reach B" is a search by branch and
//! bound, exact to the key. While the cluster refuses or does not answer writes the processes go on
//! but nothing is stored: those windows are closed, and their bytes never count.
//!
//! Left out: keys that expire or are deleted on their own account. A workload's `dataset` is what
//! stays; only its net growth is drawn.

use sim::crossing::{ClosedWindows, Term, first_reach, first_reach_eager};
use sim::{ArrivalTree, SimDuration, SimTime};

use crate::Mode;

/// The growing datasets of one cluster, in bytes over all shards.
#[derive(Clone, Debug)]
pub struct Growth {
    /// Bytes at the start.
    start: u64,
    /// Mean size of a key, to turn bytes into keys.
    key_size: f64,
    sources: Vec<Source>,
    open: bool,
    /// From when on the last closed window rejects.
    closed_from: SimTime,
    /// What is stored while nothing is accepted.
    frozen: f64,
    /// Counts the times that writes were let in or kept out.
    turns: u32,
    /// How long writes were let in before the last turn, and when that was.
    was_open: SimDuration,
    turned: SimTime,
    mode: Mode,
}

#[derive(Clone, Debug)]
struct Source {
    tree: ArrivalTree,
    closed: ClosedWindows,
}

impl Growth {
    /// Datasets that hold `start` bytes at time zero and grow by `trees`.
    pub fn new(start: u64, key_size: f64, trees: Vec<ArrivalTree>, mode: Mode) -> Growth {
        let source = |tree| Source {
            tree,
            closed: ClosedWindows::new(),
        };
        let sources = trees.into_iter().map(source).collect();
        Growth {
            start,
            key_size,
            sources,
            open: true,
            closed_from: SimTime::ZERO,
            frozen: 0.0,
            turns: 0,
            was_open: SimDuration::ZERO,
            turned: SimTime::ZERO,
            mode,
        }
    }

    /// Bytes stored at `at`.
    pub fn bytes_at(&self, at: SimTime) -> f64 {
        if !self.open && at >= self.closed_from {
            return self.frozen;
        }
        let grown: u64 = self.terms().iter().map(|term| term.level(at)).sum();
        (self.start + grown) as f64
    }

    /// Bytes of new keys that were ever stored by `at`.
    pub fn added_at(&self, at: SimTime) -> f64 {
        self.bytes_at(at) - self.start as f64
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

    /// Keys that this many bytes are.
    pub fn keys(&self, bytes: f64) -> f64 {
        bytes / self.key_size
    }

    /// The first instant of `[from, to)` at which at least `bytes` are stored, if writes stay as
    /// they are: never, while none are accepted.
    pub fn when_reaches(&self, bytes: f64, from: SimTime, to: SimTime) -> Option<SimTime> {
        if !self.open {
            return None;
        }
        let bound = (bytes.ceil() as u64).saturating_sub(self.start);
        let terms = self.terms();
        match self.mode {
            Mode::Lazy => first_reach(&terms, bound, from, to),
            Mode::Eager => first_reach_eager(&terms, bound, from, to),
        }
    }

    /// After `at` writes are stored (`open`) or not. The key that arrives at that very instant, and
    /// may have been the one too many, is stored.
    pub fn set_open(&mut self, at: SimTime, open: bool) {
        if open == self.open {
            return;
        }
        self.turns += 1;
        self.was_open = self.open_for(at);
        self.turned = at;
        if !open {
            self.frozen = self.bytes_at(at);
            self.closed_from = at + SimDuration::from_nanos(1);
        }
        self.open = open;
        for source in &mut self.sources {
            if open {
                source.closed.reopen(&source.tree, at.max(self.closed_from));
            } else {
                source.closed.close(self.closed_from);
            }
        }
    }

    /// A number that changes whenever a forecast made earlier no longer holds.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    fn terms(&self) -> Vec<Term<'_>> {
        self.sources
            .iter()
            .map(|s| Term::sizes(&s.tree).closed(&s.closed))
            .collect()
    }
}
