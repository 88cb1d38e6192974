//! The course of an attempt through a service that has an inside, event by event.
//!
//! ```text
//!  taken ──► answers? ──► works ──► calls need 1, 2, … ──► captured
//!    ▲          │ no                 ▲ │ hangs, late, queues ── a change, a timer ──┐
//!    │          └────────────────────┘ ▼                                            │
//!    │                              failed ──► pauses ──────────────────────────────┤
//!    │                                 │ └──► the slower store ──► next need        │
//!    └─────────────────────────────────│────────────────────────────────────────────┘
//!                                      └──► failed for good
//! ```
//!
//! It is the same course as `attempt.rs` gives a service without an inside; a test holds the two
//! against each other. Here nothing is known beforehand, since what one attempt meets may hang on
//! others: so a worker is held until something ends the attempt.
//!
//! At one instant: the gateway's deadline, then what changes, then what attempts wait for.

use sim::{SimDuration, SimTime};

use crate::answer::{Answer, Cause};
use crate::attempt::{Ended, Ending, given_up_at};
use crate::inside::{Attempt, Change, Draw, Phase, ServiceState};
use crate::pool::Busy;
use crate::population::Control;
use crate::service_sim::{Process, ServiceSim};
use crate::visit::{Press, VisitId};

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// On to the next need.
    Through,
    /// The attempt waits, or is over.
    Stays,
}

impl<'a> ServiceSim<'a> {
    /// The inside of the process that the present event is about; only called where there is one.
    pub(super) fn inner(&mut self) -> &mut ServiceState<'a> {
        let inside = self.processes[self.here].service_state.as_mut();
        inside.expect("the service has an inside")
    }

    /// Is this press turned away at the door?
    pub fn is_shed(&self, who: VisitId, press: u32) -> bool {
        let Some(service_state) = &self.processes[self.here].service_state else {
            return false;
        };
        service_state.shed > 0.0 && service_state.draw(who, Draw::Shed(press)) < service_state.shed
    }

    /// How an attempt ends that a worker takes up at `now`, if that is plain to see: everything
    /// answers, and nothing changes while it is worked on.
    pub fn foreseen(&mut self, now: SimTime, press: &Press, who: VisitId) -> Option<Ended> {
        let deadline = press.at.saturating_add(self.service.gateway_timeout);
        let work = self.work(who, press.number);
        let ends = now.saturating_add(work);
        let service_state = self.inner();
        if ends >= deadline || service_state.change_at() <= ends {
            return None;
        }
        let how = match service_state.spool {
            true => Ending::Spooled,
            false if !service_state.answers() => return None,
            false => Ending::Captured,
        };
        if how == Ending::Captured {
            let quiet = |need: &crate::inside::NeedState| {
                need.calls == 0
                    && need
                        .breaker
                        .as_ref()
                        .is_none_or(|breaker| breaker.clean(now))
            };
            if !service_state.needs.iter().all(quiet) || !service_state.hits_all(who, press.number)
            {
                return None;
            }
            for breaker in service_state
                .needs
                .iter_mut()
                .filter_map(|need| need.breaker.as_mut())
            {
                breaker.record(now, false);
            }
        }
        Some(Ended { at: ends, how })
    }

    /// What a press takes when everything answers.
    fn work(&self, who: VisitId, press: u32) -> SimDuration {
        let inside = self.processes[self.here].service_state.as_ref();
        let service_state = inside.expect("the service has an inside");
        match &service_state.spec.work {
            None => self.service.service_time,
            Some(dist) => dist.quantile(service_state.draw(who, Draw::Work(press))),
        }
    }

    /// A worker takes up an attempt whose end is not known. Somebody waits for it, unless it was
    /// given up in the queue.
    pub fn begin(&mut self, press: Press, who: VisitId, awaited: bool) {
        self.processes[self.here].pool.hold();
        let deadline = press.at.saturating_add(self.service.gateway_timeout);
        let service_state = self.inner();
        let number = service_state.attempts.number();
        let slot = service_state.attempts.insert(Attempt {
            press,
            who,
            deadline,
            awaited,
            given_up_planned: false,
            phase: Phase::Pauses,
            until: SimTime::MAX,
            need: 0,
            tries: 0,
            retrying: false,
            worked: false,
            fills: 0.0,
            number,
            stage: number,
        });
        self.go(slot);
        self.let_in_all();
    }

    /// When something happens inside next, and in which process.
    pub fn inside_at(&self) -> (SimTime, usize) {
        let at = |(number, process): (usize, &Process)| {
            let inside = process.service_state.as_ref();
            (inside.map_or(SimTime::MAX, ServiceState::next_at), number)
        };
        let first = self.processes.iter().enumerate().map(at).min();
        first.expect("a service has a process")
    }

    /// What happens inside now.
    pub fn meet_inside(&mut self) {
        let now = self.now;
        let service_state = self.inner();
        let timer = service_state.timers.peek().map(|timer| timer.0);
        match timer.filter(|timer| timer.at <= now) {
            Some(timer) if !timer.later || service_state.change_at() > now => {
                service_state.timers.pop();
                if let Some(slot) = service_state.attempts.valid(timer.ticket) {
                    match timer.later {
                        true => self.on_timer(slot),
                        false => self.on_deadline(slot),
                    }
                }
            }
            Some(_) | None => {
                let change = service_state.take_change();
                self.on_change(change);
            }
        }
        self.let_in_all();
    }

    /// Deadlines and changes that are due now: the first of all that happens at an instant.
    pub fn meet_changes(&mut self) {
        for here in 0..self.processes.len() {
            self.here = here;
            while let Some(service_state) = &self.processes[here].service_state
                && service_state.change_at() <= self.now
            {
                self.meet_inside();
            }
        }
    }

    /// From the top: the service works on it if everything seems to answer, and calls otherwise.
    fn go(&mut self, slot: u32) {
        let now = self.now;
        let attempt = *self.inner().attempts.at(slot);
        if self.seems_fine(&attempt) {
            let ends = now.saturating_add(self.work(attempt.who, attempt.press.number));
            self.inner().enter(slot, Phase::Works { last: false }, ends);
        } else {
            self.inner().attempts.at(slot).need = 0;
            self.call_all(slot);
        }
    }

    /// Would all calls of an attempt be executed, as far as the service can tell?
    fn seems_fine(&mut self, attempt: &Attempt) -> bool {
        let now = self.now;
        let service_state = self.inner();
        if service_state.spool
            || service_state.answers() && service_state.needs.iter().all(|n| n.breaker.is_none())
        {
            return true;
        }
        (0..service_state.needs.len()).all(|need| {
            let shard = service_state.shard(attempt.who, need);
            let need = &service_state.needs[need];
            need.answers[shard].executes()
                && need
                    .breaker
                    .as_ref()
                    .is_none_or(|breaker| breaker.allows(now))
        })
    }

    /// Calls all needs from the one on that the attempt is at.
    fn call_all(&mut self, slot: u32) {
        if self.inner().spool {
            self.finish(slot, Ending::Spooled);
            return;
        }
        loop {
            let needs = self.inner().needs.len();
            let need = self.inner().attempts.at(slot).need;
            if need == needs {
                break;
            }
            if self.call(slot, need) == Step::Stays {
                return;
            }
            self.inner().attempts.at(slot).need += 1;
        }
        let now = self.now;
        let attempt = *self.inner().attempts.at(slot);
        if attempt.worked {
            self.finish(slot, Ending::Captured);
        } else {
            let ends = now.saturating_add(self.work(attempt.who, attempt.press.number));
            self.inner().enter(slot, Phase::Works { last: true }, ends);
        }
    }

    /// One call, as far as the door of the need.
    fn call(&mut self, slot: u32, need: usize) -> Step {
        let now = self.now;
        let service_state = self.inner();
        let Attempt { who, press, .. } = *service_state.attempts.at(slot);
        let hits = service_state.needs[need].hits(now);
        if service_state.needs[need].down_since.is_some()
            && hits > 0.0
            && service_state.draw(who, Draw::Hit(press.number, need)) < hits
        {
            return Step::Through;
        }
        let state = &service_state.needs[need];
        if state
            .breaker
            .as_ref()
            .is_some_and(|breaker| !breaker.allows(now))
        {
            return self.failed(slot, need, Cause::BreakerOpen);
        }
        if let Some((limit, wait)) = state.spec.permits
            && (state.calls >= limit || !state.queue.is_empty())
        {
            if wait == SimDuration::ZERO {
                return self.failed(slot, need, Cause::PoolFull);
            }
            let ticket = service_state.enter(slot, Phase::Queues, now.saturating_add(wait));
            service_state.needs[need].queue.push_back(ticket);
            return Step::Stays;
        }
        self.let_in(slot, need)
    }

    /// There is room for a call; the breaker may have opened while it waited for that.
    fn let_in(&mut self, slot: u32, need: usize) -> Step {
        let now = self.now;
        let breaker = self.inner().needs[need].breaker.as_ref();
        if breaker.is_some_and(|breaker| !breaker.allows(now)) {
            return self.failed(slot, need, Cause::BreakerOpen);
        }
        let (command, connect) = (
            self.service.client.command_timeout,
            self.inner().spec.connect_timeout,
        );
        let service_state = self.inner();
        let who = service_state.attempts.at(slot).who;
        let shard = service_state.shard(who, need);
        let state = &mut service_state.needs[need];
        state.calls += 1;
        if let Some(breaker) = &mut state.breaker {
            breaker.enter(now);
        }
        let late = |after: SimDuration| now.saturating_add(after);
        match state.answers[shard] {
            Answer::Ok | Answer::Spool => {
                self.call_ends(need, Some(false));
                self.answered_by_redis(slot, need)
            }
            Answer::Late(after) => {
                service_state.enter(slot, Phase::Late { enough: true }, late(after));
                Step::Stays
            }
            Answer::Unacknowledged(after) => {
                service_state.enter(slot, Phase::Late { enough: false }, late(after));
                Step::Stays
            }
            Answer::Error(Cause::Refused) if service_state.spec.offline_queue.is_some() => {
                let until = service_state.spec.offline_queue.map_or(now, late);
                self.wait_for(slot, (need, shard), until, Cause::Refused)
            }
            Answer::Error(cause) => {
                self.call_ends(need, Some(true));
                self.failed(slot, need, cause)
            }
            Answer::Hang => {
                let connects = connect.filter(|_| !state.connected[shard]);
                let timeout = [command, connects].into_iter().flatten().min();
                let until = timeout.map_or(SimTime::MAX, late);
                self.wait_for(slot, (need, shard), until, Cause::Timeout)
            }
        }
    }

    /// A call waits for its shard to answer otherwise, until the client gives it up for `cause`.
    fn wait_for(
        &mut self,
        slot: u32,
        (need, shard): (usize, usize),
        until: SimTime,
        cause: Cause,
    ) -> Step {
        let service_state = self.inner();
        let ticket = service_state.enter(slot, Phase::Hangs { cause }, until);
        service_state.needs[need].hanging[shard].push(ticket);
        Step::Stays
    }

    /// A call is over: its outcome is told to the breaker, if it had one.
    fn call_ends(&mut self, need: usize, failed: Option<bool>) {
        let now = self.now;
        let state = &mut self.inner().needs[need];
        state.calls -= 1;
        match (&mut state.breaker, failed) {
            (Some(breaker), Some(failed)) => breaker.record(now, failed),
            (Some(breaker), None) => breaker.forget(),
            (None, _) => {}
        }
    }

    /// Admits queued calls while permits are free.
    fn let_in_all(&mut self) {
        let needs = self.inner().needs.len();
        for need in 0..needs {
            loop {
                let state = &mut self.inner().needs[need];
                let limit = state.spec.permits.map_or(u32::MAX, |(limit, _)| limit);
                if state.calls >= limit {
                    break;
                }
                let Some(ticket) = state.queue.pop_front() else {
                    break;
                };
                let Some(slot) = self.inner().attempts.valid(ticket) else {
                    continue;
                };
                if self.let_in(slot, need) == Step::Through {
                    self.inner().attempts.at(slot).need += 1;
                    self.call_all(slot);
                }
            }
        }
    }

    /// A call has failed: the client tries again, or the service does without, or it is over.
    fn failed(&mut self, slot: u32, need: usize, cause: Cause) -> Step {
        let now = self.now;
        let retried = self.service.client.retries_on.contains(&cause);
        let retries = self.service.client.retries;
        let backoff = self.service.client.backoff;
        let service_state = self.inner();
        let attempt = *service_state.attempts.at(slot);
        let room = attempt.retrying
            || (service_state.spec.retries_at_once)
                .is_none_or(|limit| service_state.retrying < limit);
        if retried && attempt.tries < retries && room && !service_state.retries_stopped {
            let pause = service_state.pause(&attempt, backoff);
            service_state.retrying += u32::from(!attempt.retrying);
            let trying = service_state.attempts.at(slot);
            (trying.tries, trying.retrying) = (attempt.tries + 1, true);
            service_state.enter(slot, Phase::Pauses, now.saturating_add(pause));
            return Step::Stays;
        }
        self.ask_store(slot, need, cause)
    }

    /// What an attempt has waited for has come.
    fn on_timer(&mut self, slot: u32) {
        let Attempt { phase, need, .. } = *self.inner().attempts.at(slot);
        let step = match phase {
            Phase::Works { last: true } => {
                self.finish(slot, Ending::Captured);
                return;
            }
            Phase::Works { last: false } => {
                let attempt = self.inner().attempts.at(slot);
                (attempt.worked, attempt.need) = (true, 0);
                self.call_all(slot);
                return;
            }
            Phase::Pauses => {
                self.go(slot);
                return;
            }
            Phase::Queues => self.failed(slot, need, Cause::PoolFull),
            Phase::Hangs { cause } => {
                self.call_ends(need, Some(true));
                self.failed(slot, need, cause)
            }
            Phase::Late { enough } => {
                self.call_ends(need, Some(!enough));
                match enough {
                    true => self.answered_by_redis(slot, need),
                    false => self.failed(slot, need, Cause::Unacknowledged),
                }
            }
            Phase::Stored => self.answered_by_store(slot, need),
        };
        if step == Step::Through {
            self.inner().attempts.at(slot).need += 1;
            self.call_all(slot);
        }
    }

    /// The gateway gives an attempt up.
    fn on_deadline(&mut self, slot: u32) {
        let now = self.now;
        let Attempt { press, awaited, .. } = *self.inner().attempts.at(slot);
        assert!(awaited, "a gateway gives up once");
        if self.inner().spec.runs_on {
            self.inner().attempts.at(slot).awaited = false;
            self.inner().plan_end(slot);
        } else {
            self.remove(slot);
        }
        self.in_play.at(press.visit).open -= 1;
        self.answered(press, given_up_at(now));
        self.conclude_if_over(press.visit);
    }

    /// An attempt is over, and its worker free.
    pub(super) fn finish(&mut self, slot: u32, how: Ending) {
        self.inner().attempts.at(slot).phase = Phase::Pauses;
        self.lose(slot, how);
    }

    /// The same for one whose call may be under way: it is over too.
    fn lose(&mut self, slot: u32, how: Ending) {
        let Attempt { press, awaited, .. } = *self.inner().attempts.at(slot);
        self.remove(slot);
        if !awaited {
            return;
        }
        let ended = Ended { at: self.now, how };
        self.waited_for(press, ended);
    }

    /// Takes an attempt off its worker, and off whatever it was calling.
    fn remove(&mut self, slot: u32) {
        let now = self.now;
        let service_state = self.inner();
        service_state.disturbed_at = now;
        let attempt = service_state.attempts.remove(slot);
        service_state.retrying -= u32::from(attempt.retrying);
        match attempt.phase {
            Phase::Hangs { .. } | Phase::Late { .. } => self.call_ends(attempt.need, None),
            Phase::Works { .. } | Phase::Queues | Phase::Pauses | Phase::Stored => {}
        }
        self.processes[self.here].pool.let_go();
    }

    fn on_change(&mut self, change: Change) {
        let now = self.now;
        match change {
            Change::Answer {
                need,
                shard,
                answer,
            } => {
                let state = &mut self.inner().needs[need];
                state.set(shard, answer, now);
                if answer == Answer::Hang {
                    return;
                }
                let waited = std::mem::take(&mut state.hanging[shard]);
                for ticket in waited {
                    if let Some(slot) = self.inner().attempts.valid(ticket) {
                        let failed = matches!(answer, Answer::Error(_));
                        self.call_ends(need, Some(failed));
                        self.inner().attempts.at(slot).phase = Phase::Pauses;
                        self.go(slot);
                    }
                }
            }
            Change::Spool(open) => self.inner().spool = open,
            Change::Loss { need, shard, share } => self.inner().needs[need].lose(shard, share),
            Change::CrowdedOut { need, shard, share } => {
                self.inner().needs[need].crowd_out(shard, share);
                self.fates.clear();
            }
            Change::Control(Control::Restart) => self.restart(),
            Change::Control(Control::Shed(share)) => self.inner().shed = share,
            Change::Control(Control::StopRetries) => self.inner().retries_stopped = true,
            Change::Control(Control::Scale(factor)) => {
                let Process { service, pool, .. } = &mut self.processes[self.here];
                pool.resize(service.workers, service.queue_limit, factor);
            }
            Change::Control(Control::ScaleStore(store, factor)) => self.scale_store(store, factor),
        }
    }

    /// The servers are restarted: whatever is under way or waits is lost, and so is what they knew.
    fn restart(&mut self) {
        let now = self.now;
        let lost = Ended {
            at: now,
            how: Ending::Failed(Cause::Refused),
        };
        for slot in self.inner().attempts.slots() {
            self.lose(slot, lost.how);
        }
        let waiting: Vec<_> = self.processes[self.here].pool.drain().collect();
        for left in waiting {
            self.waited_for(left.press(), lost);
        }
        self.inner().reset();
    }

    /// The horizon: what is under way is not resolved.
    pub fn end_inside(&mut self) {
        for slot in self.inner().attempts.slots() {
            let Attempt { press, awaited, .. } = *self.inner().attempts.at(slot);
            self.inner().attempts.remove(slot);
            if awaited {
                let visit = self.in_play.at(press.visit);
                visit.unfinished = true;
                visit.open -= 1;
                self.conclude_if_over(press.visit);
            }
        }
    }

    /// An attempt that is known to end so takes a free worker.
    pub fn occupy_until(&mut self, ended: &Ended, visit_began: SimTime) {
        self.processes[self.here].pool.occupy(Busy {
            until: ended.at,
            visit_began,
        });
    }
}
