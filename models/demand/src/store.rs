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

use crate::answer::Cause;
use crate::attempt::Ending;
use crate::course::Step;
use crate::inside::{NeedState, Phase, ServiceState, Ticket};
use crate::population::Fallback;
use crate::proof::{Condition, crowd_max};
use crate::service_sim::ServiceSim;

/// A store at work.
#[derive(Clone, Debug)]
pub(super) struct Store {
    spec: Fallback,
    /// Its workers now.
    workers: usize,
    /// What it was asked and has not ended, in the order in which it came; ends ascend.
    asked: VecDeque<Asked>,
    /// The last instant at which a request found no free worker.
    pub crowded_at: Option<SimTime>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    start: SimTime,
    end: SimTime,
    /// Who waits for it: void if nobody does any more.
    ticket: Ticket,
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
    fn ask(&mut self, now: SimTime) -> Option<SimTime> {
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
    fn note(&mut self, ticket: Ticket) {
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
    fn scale(&mut self, factor: f64, now: SimTime) -> Vec<(Ticket, SimTime)> {
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

impl ServiceState<'_> {
    /// Will nobody wait in a store as long as `condition` holds? `old` requests of before may go
    /// there besides those that are there.
    pub fn stores_have_room(&self, condition: &Condition, old: u64, now: SimTime) -> bool {
        if !self.may_miss() {
            return true;
        }
        self.stores.iter().enumerate().all(|(number, store)| {
            let goes = |need: &NeedState| match need.spec.misses {
                Some(misses) if need.spec.fallback == Some(number) => 1.0 - misses.hits,
                Some(_) | None => 0.0,
            };
            let visits = condition.visits * self.needs.iter().map(goes).sum::<f64>();
            let there = visits * store.spec.takes.as_secs_f64();
            let crowd = crowd_max(&[0.0, there], 1.0, condition.log_risk);
            let left = store.asked.iter().filter(|asked| asked.end > now).count() as u64;
            crowd + left + old < store.workers as u64
        })
    }
}

impl ServiceSim<'_> {
    /// Redis has answered a call. A need that is a cache may have missed: then the request goes to
    /// the store.
    pub(super) fn answered_by_redis(&mut self, slot: u32, need: usize) -> Step {
        let service_state = self.inner();
        let attempt = *service_state.attempts.at(slot);
        if service_state.hits(attempt.who, attempt.press.number, need) {
            return Step::Through;
        }
        self.ask_store(slot, need, Cause::PoolFull)
    }

    /// The request goes to the need's store, if there is one and it has room. If not, it does
    /// without or fails, for `cause`.
    pub(super) fn ask_store(&mut self, slot: u32, need: usize, cause: Cause) -> Step {
        let now = self.now;
        let service_state = self.inner();
        let attempt = *service_state.attempts.at(slot);
        let fills = service_state.fills(attempt.who, attempt.press.number, need);
        let store = service_state.needs[need].spec.fallback;
        if let Some(store) = store
            && let Some(end) = service_state.stores[store].ask(now)
        {
            service_state.attempts.at(slot).fills = fills;
            let ticket = service_state.enter(slot, Phase::Stored, end);
            service_state.stores[store].note(ticket);
            return Step::Stays;
        }
        if service_state.needs[need].spec.optional {
            return Step::Through;
        }
        self.finish(slot, Ending::Failed(cause));
        Step::Stays
    }

    /// The store has answered a request that still runs. What it read is put into the cache, if
    /// Redis answers.
    pub(super) fn answered_by_store(&mut self, slot: u32, need: usize) -> Step {
        let service_state = self.inner();
        let attempt = service_state.attempts.at(slot);
        let (who, fills) = (attempt.who, std::mem::take(&mut attempt.fills));
        let shard = service_state.shard(who, need);
        service_state.needs[need].fill(shard, fills);
        Step::Through
    }

    /// A store has this multiple of the workers that it began with: what waits in its queue is
    /// served sooner or later.
    pub(super) fn scale_store(&mut self, store: usize, factor: f64) {
        let now = self.now;
        let service_state = self.inner();
        let moved = service_state.stores[store].scale(factor, now);
        for (place, (ticket, end)) in moved.iter().enumerate() {
            if let Some(slot) = service_state.attempts.valid(*ticket) {
                let ticket = service_state.enter(slot, Phase::Stored, *end);
                let waiting = service_state.stores[store].asked.len() - moved.len();
                service_state.stores[store].asked[waiting + place].ticket = ticket;
            }
        }
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
