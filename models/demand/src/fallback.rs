//! Requests that go to the slower stores: whether they find room there, and what they do about it.
//!
//! The stores themselves are in `store.rs`, how warm the caches before them are in `warmth.rs`.

use crate::answer::Cause;
use crate::attempt::Ending;
use crate::course::Step;
use crate::inside::{NeedState, Phase, ServiceState};
use crate::proof::{Condition, crowd_max};
use crate::service_sim::ServiceSim;
use sim::SimTime;

impl ServiceState<'_> {
    /// Will nobody wait in a store of this process as long as `condition` holds? `old` requests of
    /// before may go there besides those that are there.
    pub fn stores_have_room(&self, condition: &Condition, old: u64, now: SimTime) -> bool {
        if !self.may_miss() {
            return true;
        }
        self.stores.iter().enumerate().all(|(number, store)| {
            let its = |need: &&NeedState| need.spec.fallback == Some(number);
            let goes = self.needs.iter().filter(its).map(NeedState::misses_at_best);
            let visits = condition.visits * goes.sum::<f64>();
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
