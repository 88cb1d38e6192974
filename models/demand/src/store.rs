//! The slower store behind Redis: its workers and its queue, and the requests that wait for it.
//!
//! ```text
//!  the call has failed ─────┐
//!                           ├─► queue ─► one of the workers, `takes` ─► the next need
//!  Redis answers, and misses┘    │ full                          └─► fills the cache, after a miss
//!                                └► the request fails (or does without)
//! ```
//!
//! First come, first served, in constant time: a request starts when the one that came so many
//! places before it as there are workers has ended. The store finishes what it was asked, whether
//! or not anybody still waits, so a request that was given up keeps its place.

use std::collections::VecDeque;

use sim::SimTime;

use crate::population::Fallback;
use crate::ticket::Ticket;

/// A store at work.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub spec: Fallback,
    /// Its workers now.
    pub workers: usize,
    /// What it was asked and has not ended, in the order in which it came; ends ascend.
    pub asked: VecDeque<Asked>,
    /// The last instant at which a request found no free worker.
    pub crowded_at: Option<SimTime>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    start: SimTime,
    pub end: SimTime,
    /// Who waits for it: void if nobody does any more.
    pub ticket: Ticket,
}

impl Store {
    pub fn new(spec: Fallback) -> Store {
        Store {
            spec,
            workers: spec.workers as usize,
            asked: VecDeque::new(),
            crowded_at: None,
        }
    }

    /// When it will have answered a request that comes now; `None` if it turns it away.
    pub fn ask(&mut self, now: SimTime) -> Option<SimTime> {
        self.forget_ended(now);
        let start = match self.asked.len().checked_sub(self.workers) {
            None => now,
            Some(before) => {
                self.crowded_at = Some(now);
                let working = self.asked.partition_point(|asked| asked.start <= now);
                if self.asked.len() - working >= self.spec.queue_limit as usize {
                    return None;
                }
                self.asked[before].end
            }
        };
        let end = start.saturating_add(self.spec.takes);
        let ticket = Ticket::VOID;
        self.asked.push_back(Asked { start, end, ticket });
        Some(end)
    }

    /// The request that it was asked last is waited for by `ticket`.
    pub fn note(&mut self, ticket: Ticket) {
        let last = self.asked.back_mut();
        last.expect("a request has just come").ticket = ticket;
    }

    fn forget_ended(&mut self, now: SimTime) {
        while self.asked.front().is_some_and(|asked| asked.end <= now) {
            self.asked.pop_front();
        }
    }

    /// From `now` on it has this multiple of the workers that it began with, at least one. Names
    /// those that wait in its queue, with their new ends.
    pub fn scale(&mut self, factor: f64, now: SimTime) -> Vec<(Ticket, SimTime)> {
        self.forget_ended(now);
        let workers = (f64::from(self.spec.workers) * factor).round();
        self.workers = (workers as usize).max(1);
        let mut moved = Vec::new();
        for place in 0..self.asked.len() {
            if self.asked[place].start <= now {
                continue;
            }
            let before = place.checked_sub(self.workers);
            let start = before.map_or(now, |before| self.asked[before].end.max(now));
            let asked = &mut self.asked[place];
            (asked.start, asked.end) = (start, start.saturating_add(self.spec.takes));
            moved.push((asked.ticket, asked.end));
        }
        moved
    }

    /// Is everything that it was asked being worked on?
    pub fn nobody_waits(&self, now: SimTime) -> bool {
        self.asked.back().is_none_or(|last| last.start <= now)
    }

    pub fn idle(&self, now: SimTime) -> bool {
        self.asked.back().is_none_or(|last| last.end <= now)
    }

    /// Bytes that it takes.
    pub fn memory(&self) -> usize {
        self.asked.len() * size_of::<Asked>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::SimDuration;

    fn ms(ms: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_millis(ms)
    }

    fn store() -> Store {
        Store::new(Fallback {
            workers: 2,
            takes: SimDuration::from_millis(100),
            queue_limit: 3,
        })
    }

    #[test]
    fn requests_start_in_order_as_workers_become_free() {
        let mut store = store();
        let ends: Vec<Option<SimTime>> = (0..6).map(|i| store.ask(ms(10 * i))).collect();
        let expected = [100, 110, 200, 210, 300].map(|end| Some(ms(end)));
        assert_eq!(ends[..5], expected);
        assert_eq!(ends[5], None, "three wait");
        // At 100 ms the first has ended and the third begins: two wait.
        assert_eq!(store.ask(ms(100)), Some(ms(310)));
        assert!(!store.idle(ms(309)) && store.idle(ms(310)));
    }

    #[test]
    fn more_workers_take_up_what_waits() {
        let mut store = store();
        (0..5).for_each(|_| assert!(store.ask(ms(0)).is_some()));
        let ends = |moved: Vec<(Ticket, SimTime)>| -> Vec<SimTime> {
            moved.into_iter().map(|(_, end)| end).collect()
        };
        // Two are under way until 100 ms. Two more workers take up two of those that wait.
        let moved = ends(store.scale(2.0, ms(30)));
        assert_eq!(moved, [130, 130, 200].map(ms));
        // Taken away again, they finish what they have.
        let moved = ends(store.scale(1.0, ms(50)));
        assert_eq!(moved, [230].map(ms));
        assert_eq!(store.ask(ms(60)), Some(ms(230)));
    }
}
