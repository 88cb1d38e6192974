//! What a level is the sum of: processes, what each arrival adds, and when it was rejected.

use crate::arrivals::ArrivalTree;
use crate::time::{SimDuration, SimTime};

/// One summand of a level: what a tree has brought in, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Term<'a> {
    pub(crate) tree: &'a ArrivalTree,
    pub(crate) amount: Amount,
    pub(crate) closed: Option<&'a ClosedWindows>,
    /// How much later than now the tree is looked at.
    pub(crate) ahead: SimDuration,
}

/// What one arrival adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// Its own size.
    pub sizes: bool,
    /// Always these bytes.
    pub each: u64,
}

/// When a process' arrivals were rejected and added nothing: windows in time order.
#[derive(Clone, Debug, Default)]
pub struct ClosedWindows {
    windows: Vec<Closed>,
    /// Arrivals and bytes rejected in all windows that have ended.
    rejected: (u64, u64),
}

#[derive(Clone, Copy, Debug)]
struct Closed {
    from: SimTime,
    to: SimTime,
    rejected_before: (u64, u64),
}

/// The most terms whose levels can be added up. Each is at most 2⁵⁴ bytes, so sums fit in 63 bits.
pub const TERMS_MAX: usize = 511;

impl<'a> Term<'a> {
    /// Every arrival adds its own size.
    pub fn sizes(tree: &'a ArrivalTree) -> Term<'a> {
        Term {
            tree,
            amount: Amount {
                sizes: true,
                each: 0,
            },
            closed: None,
            ahead: SimDuration::ZERO,
        }
    }

    /// Every arrival adds `bytes_each`, whatever its size, and all of them together at most
    /// [`ArrivalTree::BYTES_MAX`]: beyond, each adds its share of that.
    pub fn counted(tree: &'a ArrivalTree, bytes_each: u64) -> Term<'a> {
        let amount = Amount {
            sizes: false,
            each: 0,
        };
        Term {
            amount,
            ..Term::sizes(tree)
        }
        .on_top(bytes_each)
    }

    /// Every arrival adds `bytes_each` as well, with the same limit as [`Term::counted`].
    pub fn on_top(self, bytes_each: u64) -> Term<'a> {
        let share = ArrivalTree::BYTES_MAX / self.tree.total().max(1);
        let amount = Amount {
            each: bytes_each.min(share),
            ..self.amount
        };
        Term { amount, ..self }
    }

    /// Every arrival counts so much before the tree has it, and those before that from the start.
    pub fn ahead(self, by: SimDuration) -> Term<'a> {
        Term { ahead: by, ..self }
    }

    /// What arrived in these windows was rejected and adds nothing. They must be this tree's.
    pub fn closed(self, windows: &'a ClosedWindows) -> Term<'a> {
        Term {
            closed: Some(windows),
            ..self
        }
    }
}

impl Amount {
    /// Bytes of so many arrivals with so many bytes of their own; at most 2⁵⁴.
    pub fn of(self, count: u64, bytes: u64) -> i64 {
        (if self.sizes { bytes } else { 0 } + count * self.each) as i64
    }
}

impl ClosedWindows {
    /// No windows: everything is accepted.
    pub fn new() -> ClosedWindows {
        ClosedWindows::default()
    }

    /// Rejects everything from `at` on, until [`ClosedWindows::reopen`].
    ///
    /// # Panics
    /// If it is closed already, or was still closed at `at`.
    pub fn close(&mut self, at: SimTime) {
        if let Some(last) = self.windows.last() {
            assert!(last.to < SimTime::MAX, "closed twice");
            assert!(last.to <= at, "windows must not overlap");
        }
        self.windows.push(Closed {
            from: at,
            to: SimTime::MAX,
            rejected_before: self.rejected,
        });
    }

    /// Accepts again from `at` on; `tree` is the process whose arrivals were rejected.
    ///
    /// # Panics
    /// If it is not closed, or was closed after `at`.
    pub fn reopen(&mut self, tree: &ArrivalTree, at: SimTime) {
        let last = self.windows.last_mut().expect("it was closed before");
        assert!(last.to == SimTime::MAX, "reopened twice");
        assert!(last.from <= at, "a window must not end before it starts");
        last.to = at;
        let (count, bytes) = tree.totals(last.from, at);
        self.rejected = (self.rejected.0 + count, self.rejected.1 + bytes);
    }

    /// Closed in each `[from, to)`, ascending and apart.
    pub fn of(tree: &ArrivalTree, windows: &[(SimTime, SimTime)]) -> ClosedWindows {
        let mut closed = ClosedWindows::new();
        for (from, to) in windows {
            closed.close(*from);
            closed.reopen(tree, *to);
        }
        closed
    }

    /// Whether what arrives at `t` is rejected.
    pub fn contains(&self, t: SimTime) -> bool {
        let started = self.windows.partition_point(|window| window.from <= t);
        started
            .checked_sub(1)
            .is_some_and(|last| self.windows[last].holds(t))
    }

    /// Arrivals of `tree`, whose windows these are, that came by `t` and were not rejected, and
    /// their bytes.
    pub fn accepted(&self, tree: &ArrivalTree, t: SimTime) -> (u64, u64) {
        let after = t.saturating_add(SimDuration::from_nanos(1));
        let (before, rejected) = self.effective(after);
        let arrived = tree.totals_before(before);
        (arrived.0 - rejected.0, arrived.1 - rejected.1)
    }

    /// What was accepted before `t` is what arrived before the returned instant, less the returned
    /// arrivals and bytes: inside a window, the count stands still.
    pub(crate) fn effective(&self, t: SimTime) -> (SimTime, (u64, u64)) {
        let started = self.windows.partition_point(|window| window.from <= t);
        let Some(last) = started.checked_sub(1).map(|last| self.windows[last]) else {
            return (t, (0, 0));
        };
        if last.holds(t) {
            return (last.from, last.rejected_before);
        }
        let next = self.windows.get(started);
        (t, next.map_or(self.rejected, |next| next.rejected_before))
    }
}

impl Closed {
    /// Whether `t` lies inside; a window that has not ended has no end.
    fn holds(&self, t: SimTime) -> bool {
        self.from <= t && (t < self.to || self.to == SimTime::MAX)
    }
}
