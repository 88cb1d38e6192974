//! The workers of a service and the queue before them.
//!
//! ```text
//!  attempt ──► queue (first come, first served) ──► workers, each busy until a known instant
//!     │          │ the gateway gives up: leaves       │
//!     └─ full ───┴────────────────────────────────────┴─► answered
//! ```
//!
//! When a worker takes an attempt its end is known at once (`attempt.rs`), so a worker is no more
//! than the instant at which it is free again. Only while somebody waits does that instant matter
//! by itself; otherwise workers are freed when the next attempt looks for one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use sim::SimTime;

use crate::visit::{Press, VisitId};

/// Workers and queue.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    workers: usize,
    queue_limit: usize,
    /// Busy workers that took up work in the order in which they will be free: nearly all.
    in_order: VecDeque<Busy>,
    /// The other busy workers.
    out_of_order: BinaryHeap<Reverse<Busy>>,
    queue: VecDeque<Waiting>,
    /// Busy workers of which it is not known when they will be free.
    held: usize,
    /// Attempts that were given up in the queue and are worked on all the same.
    given_up: VecDeque<Waiting>,
}

/// A worker that is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Busy {
    /// When it will be free.
    pub until: SimTime,
    /// When the visit that it works for began.
    pub visit_began: SimTime,
}

/// An attempt in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// When it arrived.
    pub arrived: SimTime,
    /// When the gateway gives up.
    pub deadline: SimTime,
    /// When its visit began.
    pub visit_began: SimTime,
    /// Whose it is, the slot of the visit, and the number of the press.
    pub who: VisitId,
    pub visit: u32,
    pub press: u32,
    /// The process that it went to.
    pub process: u32,
}

impl Waiting {
    /// The press that waits.
    pub fn press(&self) -> Press {
        Press {
            at: self.arrived,
            number: self.press,
            visit: self.visit,
            process: self.process,
        }
    }
}

/// What an attempt finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Worker,
    Queue,
    Full,
}

impl Pool {
    pub fn new(workers: u32, queue_limit: u32) -> Pool {
        Pool {
            workers: workers as usize,
            queue_limit: queue_limit as usize,
            in_order: VecDeque::new(),
            out_of_order: BinaryHeap::new(),
            queue: VecDeque::new(),
            held: 0,
            given_up: VecDeque::new(),
        }
    }

    /// From now on there are `factor` times so many workers and places in the queue, at least 1.
    pub fn resize(&mut self, workers: u32, queue_limit: u32, factor: f64) {
        assert!(factor >= 1.0, "validated: servers are added");
        let scaled = |count: u32| (f64::from(count) * factor).round() as usize;
        self.workers = scaled(workers);
        self.queue_limit = scaled(queue_limit);
    }

    /// What an attempt that arrives at `now` finds. All that [`Pool::next_at`] announced up to
    /// `now` has been dealt with, so all that wait still do.
    pub fn room(&mut self, now: SimTime) -> Admission {
        if self.queue.is_empty() && self.given_up.is_empty() {
            self.release(now);
            if self.busy() < self.workers {
                return Admission::Worker;
            }
        }
        if self.queue.len() + self.given_up.len() < self.queue_limit {
            Admission::Queue
        } else {
            Admission::Full
        }
    }

    /// When there is room, seen from `now`, without another event; never, if only an event can make
    /// room.
    pub fn room_at(&self, now: SimTime) -> SimTime {
        if self.queue.len() + self.given_up.len() < self.queue_limit {
            return now;
        }
        if !self.queue.is_empty() || !self.given_up.is_empty() {
            return SimTime::MAX;
        }
        if self.busy() < self.workers {
            return now;
        }
        now.max(self.next_free())
    }

    /// A free worker takes up work.
    pub fn occupy(&mut self, busy: Busy) {
        match self.in_order.back() {
            Some(last) if last.until > busy.until => self.out_of_order.push(Reverse(busy)),
            Some(_) | None => self.in_order.push_back(busy),
        }
    }

    /// A free worker takes up work, and nobody knows for how long.
    pub fn hold(&mut self) {
        self.held += 1;
    }

    /// A worker that was held is free.
    pub fn let_go(&mut self) {
        self.held -= 1;
    }

    /// An attempt that was given up in the queue keeps its place.
    pub fn keep_place(&mut self, waiting: Waiting) {
        self.given_up.push_back(waiting);
    }

    /// Is a worker free at `now`, or has the gateway given up the first in the queue? After servers
    /// have been taken away, a worker that is done may leave none free.
    pub fn can_leave_queue(&mut self, now: SimTime) -> bool {
        self.release(now);
        let given_up = self
            .queue
            .front()
            .is_some_and(|first| first.deadline <= now);
        given_up || self.busy() < self.workers
    }

    /// The first that was given up, if a worker is free for it at `now`.
    pub fn take_given_up(&mut self, now: SimTime) -> Option<Waiting> {
        self.release(now);
        if self.busy() < self.workers {
            self.given_up.pop_front()
        } else {
            None
        }
    }

    pub fn enqueue(&mut self, waiting: Waiting) {
        assert!(self.queue.len() < self.queue_limit, "there was room");
        self.queue.push_back(waiting);
    }

    /// When the first in the queue gets a worker or is given up, seen from `now`; never, if nobody
    /// waits.
    #[inline]
    pub fn next_at(&self, now: SimTime) -> SimTime {
        let first = self.queue.front();
        if first.is_none() && self.given_up.is_empty() {
            return SimTime::MAX;
        }
        let free_at = if self.busy() < self.workers {
            now
        } else {
            self.next_free()
        };
        first.map_or(free_at, |first| free_at.min(first.deadline))
    }

    /// Takes the first out of the queue at `now`, the instant that [`Pool::next_at`] announced. At
    /// the deadline the gateway's giving up comes first.
    pub fn dequeue(&mut self, now: SimTime) -> Waiting {
        self.release(now);
        self.queue.pop_front().expect("somebody waits")
    }

    /// Could a worker take up work at `now`?
    pub fn has_free_worker(&mut self, now: SimTime) -> bool {
        self.room(now) == Admission::Worker
    }

    /// Attempts on workers and in the queue at `now`.
    pub fn load(&mut self, now: SimTime) -> usize {
        self.release(now);
        self.busy() + self.queue.len() + self.given_up.len()
    }

    /// Frees the workers that are done by `now`.
    fn release(&mut self, now: SimTime) {
        while self.in_order.front().is_some_and(|busy| busy.until <= now) {
            self.in_order.pop_front();
        }
        while self
            .out_of_order
            .peek()
            .is_some_and(|busy| busy.0.until <= now)
        {
            self.out_of_order.pop();
        }
    }

    fn next_free(&self) -> SimTime {
        let in_order = self
            .in_order
            .front()
            .map_or(SimTime::MAX, |busy| busy.until);
        let other = self.out_of_order.peek();
        in_order.min(other.map_or(SimTime::MAX, |busy| busy.0.until))
    }

    fn busy(&self) -> usize {
        self.in_order.len() + self.out_of_order.len() + self.held
    }

    /// Bytes that workers and queue take.
    pub fn memory(&self) -> usize {
        let busy = self.in_order.len() + self.out_of_order.len();
        let waiting = self.queue.len() + self.given_up.len();
        busy * size_of::<Busy>() + waiting * size_of::<Waiting>()
    }

    pub fn nobody_waits(&self) -> bool {
        self.queue.is_empty() && self.given_up.is_empty()
    }

    /// Attempts on the server at `now` whose visit began at `by` or before.
    pub fn alive_of_visits_by(&self, by: SimTime, now: SimTime) -> u64 {
        let others = self.out_of_order.iter().map(|busy| &busy.0);
        let busy = self.in_order.iter().chain(others);
        let on_workers = busy.filter(|busy| busy.visit_began <= by && busy.until > now);
        let waiting = self.queue.iter().filter(|w| w.visit_began <= by);
        (on_workers.count() + waiting.count()) as u64
    }

    /// Everybody who still waits.
    pub fn drain(&mut self) -> impl Iterator<Item = Waiting> + '_ {
        self.given_up.clear();
        self.queue.drain(..)
    }
}
