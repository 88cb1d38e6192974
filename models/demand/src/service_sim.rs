//! Opened visits at one service, event by event: presses, the queue, answers, patience, returns.
//!
//! ```text
//!  fresh arrivals ─┐
//!  what is due ────┼─► next by (time; pool, due, fresh) ─► press ─► pool ─► answer ─► signer
//!  pool: a worker ─┘                                        ▲                          │
//!  for the queue                                            └── presses again ◄────────┤
//!                                                     over: one class of the tally ◄───┘
//! ```
//!
//! The simulation does not know whether it sees all visits (eager) or only those that a determined
//! stretch cannot count (lazy, see `lazy.rs`): it simulates the visits that it is given. Order at
//! one instant is pool, then what is due, then fresh arrivals by class, and does not depend on what
//! else is opened.

use sim::budget::CHECK_EVERY;
use sim::quantity::Bytes;
use sim::{Budget, BudgetError, SimTime};

use crate::answer::{Answer, Cause};
use crate::attempt::{Ended, Ending, given_up_at, serve, span_at};
use crate::balance::Balance;
use crate::caller::Caller;
use crate::due::{Due, DueList};
use crate::fate::Fate;
use crate::inside::ServiceState;
use crate::pool::{Admission, Busy, Pool, Waiting};
use crate::population::{LostAcks, Service};
use crate::spool::Opening;
use crate::strip::Strip;
use crate::visit::{ActiveVisits, Press, Visit, VisitId};

/// The simulation of one service in one trial, with all its visits.
pub(super) struct ServiceSim<'a> {
    /// The service, as its first process has it.
    pub service: &'a Service,
    /// Its processes: several, if a balancer shares presses out among them.
    pub processes: Vec<Process<'a>>,
    pub balance: Option<Balance<'a>>,
    /// The process that the present event is about.
    pub here: usize,
    /// What the service's spool takes.
    pub spool: Vec<Opening>,
    pub horizon: SimTime,
    /// The classes of all populations that come here.
    pub callers: Vec<Caller<'a>>,
    pub in_play: ActiveVisits,
    pub due: DueList,
    /// The instant up to which everything has been played.
    pub now: SimTime,
    /// The last instant at which an attempt left the queue, for whatever reason.
    pub waited_at: Option<SimTime>,
    /// The last instant at which an attempt found the queue full.
    pub refused_at: Option<SimTime>,
    /// Presses so far, and those that found no room.
    pub pressed: u64,
    pub refused: u64,
    /// For each answer met so far, the fate of each class under it.
    pub fates: Vec<(Answer, Vec<Fate>)>,
    /// First visits that were played.
    pub expanded: u64,
    /// Attempts per minute, if asked for.
    pub strip: Option<Strip>,
}

/// One process of a service.
pub(super) struct Process<'a> {
    pub service: &'a Service,
    pub changes: &'a [(SimTime, Answer)],
    /// The number of the change of answer in force now.
    pub span: usize,
    pub lost_acks: &'a [LostAcks],
    pub pool: Pool,
    /// What is inside it, if requests notice each other there.
    pub service_state: Option<ServiceState<'a>>,
}

/// A first visit that begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fresh {
    pub at: SimTime,
    pub class: usize,
    pub index: u64,
}

impl<'a> ServiceSim<'a> {
    /// Plays everything before `until`: what is in play, and the `fresh` arrivals, which are in
    /// order of time and class.
    pub fn expand(
        &mut self,
        fresh: &[Fresh],
        until: SimTime,
        budget: &Budget,
    ) -> Result<(), BudgetError> {
        let mut fresh = fresh.iter();
        let mut next = fresh.next();
        let mut to_check = CHECK_EVERY;
        loop {
            let fresh_at = next.map_or(until, |fresh| fresh.at);
            let due_at = self.due.next_at();
            let (pool_at, waits) = self.pool_at();
            let (inside_at, acts) = self.inside_at();
            let at = pool_at.min(due_at).min(fresh_at).min(inside_at);
            if at >= until {
                break;
            }
            self.go_to(at);
            if inside_at == at {
                self.here = acts;
                self.meet_inside();
            } else if pool_at == at {
                self.here = waits;
                self.leave_queue();
            } else if due_at == at {
                self.meet_due();
            } else if let Some(arrival) = next {
                self.arrive(arrival);
                next = fresh.next();
            }
            to_check -= 1;
            if to_check == 0 {
                budget.spend(CHECK_EVERY, at, || self.memory())?;
                to_check = CHECK_EVERY;
            }
        }
        self.advance(until);
        // The batch itself counts: one without events is no step for free.
        budget.spend(CHECK_EVERY - to_check + 1, until, || self.memory())
    }

    /// Time has come to `now`, within a stretch in which no answer and no rotation changes.
    pub fn go_to(&mut self, now: SimTime) {
        debug_assert!(
            self.processes
                .iter()
                .all(|of| span_at(of.changes, of.span, now) == of.span),
            "a stretch ends with the first change"
        );
        self.now = now;
    }

    /// Time has come to `now`, at which answers or the rotation may change.
    pub fn advance(&mut self, now: SimTime) {
        self.now = now;
        for process in &mut self.processes {
            process.span = span_at(process.changes, process.span, now);
        }
        let spans = self.processes.iter().map(Process::changed).sum();
        if let Some(mut balance) = self.balance.take() {
            if balance.advance(now, spans) {
                balance.alike = self.compare(&balance);
            }
            self.balance = Some(balance);
        }
    }

    /// When somebody leaves a queue next, and in which process.
    pub fn pool_at(&self) -> (SimTime, usize) {
        let at = |(number, process): (usize, &Process)| (process.pool.next_at(self.now), number);
        let first = self.processes.iter().enumerate().map(at).min();
        first.expect("a service has a process")
    }

    /// What everybody in play takes: visits, what is due to them, and attempts under way.
    pub fn memory(&self) -> Bytes {
        let of = |process: &Process| {
            let inside = process.service_state.as_ref();
            process.pool.memory() + inside.map_or(0, ServiceState::memory)
        };
        let processes: usize = self.processes.iter().map(of).sum();
        let bytes = self.in_play.memory() + self.due.memory() + processes;
        Bytes::new(bytes as u64)
    }

    /// Ends the play at the horizon: what is still in the queue is not resolved.
    pub fn end(&mut self) {
        for here in 0..self.processes.len() {
            self.here = here;
            let waiting: Vec<Waiting> = self.processes[here].pool.drain().collect();
            for left in waiting {
                let visit = self.in_play.at(left.visit);
                visit.unfinished = true;
                visit.open -= 1;
                self.conclude_if_over(left.visit);
            }
            if self.processes[here].service_state.is_some() {
                self.end_inside();
            }
        }
        assert!(self.due.is_empty(), "nothing is due after the horizon");
        assert!(self.in_play.is_empty(), "every visit has been concluded");
    }

    /// A first visit begins. Nearly all are served at once; those need no memory.
    pub fn arrive(&mut self, fresh: &Fresh) {
        self.pressed += 1;
        let who = VisitId::first(fresh.class, fresh.index, fresh.at);
        let Some(here) = self.route(who, 1) else {
            let press = self.first_press(who);
            self.refuse(press, Cause::Refused);
            return;
        };
        self.here = here;
        let room = self.processes[here].pool.room(fresh.at);
        if room == Admission::Worker
            && let Some(ended) = self.try_take_up(who)
        {
            let patience = self.callers[fresh.class].class.patience;
            let shown = ended.at <= fresh.at.saturating_add(patience);
            if ended.how == Ending::Captured && shown && ended.at < self.horizon {
                self.record_strip(fresh.class, fresh.at, ended.at, true);
                if let Some(times) = &mut self.callers[fresh.class].times {
                    times.add(fresh.at, ended.at - fresh.at);
                }
                let lost = self.is_lost_ack(who, ended.at, here);
                let tally = &mut self.callers[fresh.class].tally;
                tally.captured_first_try += 1;
                tally.acked_lost += u64::from(lost);
                return;
            }
            let press = self.first_press(who);
            self.answered(press, ended);
            self.react(press, ended);
            self.conclude_if_over(press.visit);
            return;
        }
        let press = self.first_press(who);
        self.find_room(press, room);
    }

    /// A free worker takes up the first press of a visit, if it can be seen at once how it ends.
    fn try_take_up(&mut self, who: VisitId) -> Option<Ended> {
        if self.processes[self.here].service_state.is_none() {
            return Some(self.take_up(self.now, self.now, self.now));
        }
        let press = Press {
            at: self.now,
            number: 1,
            visit: u32::MAX,
            process: self.here as u32,
        };
        if self.is_shed(who, 1) {
            return None;
        }
        let ended = self.foreseen(self.now, &press, who)?;
        self.occupy_until(&ended, self.now);
        Some(ended)
    }

    fn first_press(&mut self, who: VisitId) -> Press {
        let mut visit = Visit::new(who, self.now);
        visit.presses = 1;
        Press {
            at: self.now,
            number: 1,
            visit: self.in_play.insert(visit),
            process: self.here as u32,
        }
    }

    pub fn meet_due(&mut self) {
        let callers = &self.callers;
        let (at, due) = self.due.pop(|class, round| callers[class].offsets[round]);
        match due {
            Due::Return(who) => self.come_back(who, at),
            Due::Press(slot) => {
                self.in_play.at(slot).open -= 1;
                self.press(slot);
            }
            Due::LosesPatience(slot, press) => self.lose_patience(slot, press),
        }
    }

    /// A blocked signer comes back; in a determined stretch only to be counted.
    fn come_back(&mut self, who: VisitId, at: SimTime) {
        if at < self.callers[who.class].counted_to {
            self.count_return(who);
            return;
        }
        let slot = self.in_play.insert(Visit::new(who, at));
        self.press(slot);
    }

    /// The signer of this visit presses now.
    pub fn press(&mut self, slot: u32) {
        self.pressed += 1;
        let visit = self.in_play.at(slot);
        visit.presses += 1;
        let (number, began, who) = (visit.presses, visit.began, visit.who);
        let routed = self.route(who, number);
        self.here = routed.unwrap_or(self.here);
        let press = Press {
            at: self.now,
            number,
            visit: slot,
            process: self.here as u32,
        };
        if routed.is_none() {
            self.refuse(press, Cause::Refused);
            return;
        }
        let process = &mut self.processes[self.here];
        let room = process.pool.room(self.now);
        if room == Admission::Worker && process.service_state.is_none() {
            let ended = self.take_up(self.now, self.now, began);
            self.answered(press, ended);
            self.react(press, ended);
            self.conclude_if_over(slot);
        } else {
            self.find_room(press, room);
        }
    }

    /// A worker takes up at `now` an attempt that arrived at `arrived`.
    #[inline]
    fn take_up(&mut self, now: SimTime, arrived: SimTime, visit_began: SimTime) -> Ended {
        let deadline = arrived.saturating_add(self.service.gateway_timeout);
        let process = &mut self.processes[self.here];
        let ended = serve(
            process.service,
            process.changes,
            process.span,
            now,
            deadline,
        );
        process.pool.occupy(Busy {
            until: ended.at,
            visit_began,
        });
        ended
    }

    /// A press that is not answered on the spot: it is refused, waits, or a worker is held for it.
    fn find_room(&mut self, press: Press, room: Admission) {
        let who = self.in_play.get(press.visit).who;
        if room != Admission::Worker
            && let Some(strip) = &mut self.strip
        {
            strip.crowded(self.now);
        }
        let shed = room != Admission::Full && self.is_shed(who, press.number);
        if room == Admission::Full || shed {
            if shed && press.number == 1 && who.round == 0 {
                self.callers[who.class].shed_first.add(press.at);
            }
            self.refuse(press, Cause::PoolFull);
            return;
        }
        let gateway_timeout = self.service.gateway_timeout;
        let began = self.in_play.get(press.visit).began;
        if room == Admission::Worker
            && let Some(ended) = self.foreseen(self.now, &press, who)
        {
            self.occupy_until(&ended, began);
            self.answered(press, ended);
            self.react(press, ended);
            self.conclude_if_over(press.visit);
            return;
        }
        let visit = self.in_play.at(press.visit);
        visit.open += 1;
        visit.awaited = press.number;
        if room == Admission::Queue {
            self.processes[self.here].pool.enqueue(Waiting {
                arrived: press.at,
                deadline: press.at.saturating_add(gateway_timeout),
                visit_began: began,
                who,
                visit: press.visit,
                press: press.number,
                process: press.process,
            });
        }
        let patience = self.callers[visit.who.class].class.patience;
        let until = press.at.saturating_add(patience.min(gateway_timeout));
        if until < self.horizon {
            visit.open += 1;
            self.due.push_loses_patience(until, visit, press.visit);
        }
        if room == Admission::Worker {
            self.begin(press, who, true);
        }
    }

    /// A press that no process takes is refused at once.
    fn refuse(&mut self, press: Press, cause: Cause) {
        self.refused_at = Some(self.now);
        self.refused += 1;
        let refused = Ended {
            at: self.now,
            how: Ending::Failed(cause),
        };
        self.answered(press, refused);
        self.react(press, refused);
        self.conclude_if_over(press.visit);
    }

    /// The first in the queue gets a worker, or the gateway has given it up.
    pub fn leave_queue(&mut self) {
        let pool = &mut self.processes[self.here].pool;
        if !pool.can_leave_queue(self.now) {
            return;
        }
        self.waited_at = Some(self.now);
        if let Some(left) = pool.take_given_up(self.now) {
            self.begin(left.press(), left.who, false);
            return;
        }
        let waiting = pool.dequeue(self.now);
        let (press, began) = (waiting.press(), waiting.visit_began);
        if waiting.deadline <= self.now {
            self.in_play.at(press.visit).open -= 1;
            self.answered(press, given_up_at(waiting.deadline));
            let process = &mut self.processes[self.here];
            let inside = process.service_state.as_ref();
            if inside.is_some_and(|inside| inside.spec.runs_on) {
                process.pool.keep_place(waiting);
            }
            self.conclude_if_over(press.visit);
            return;
        }
        if self.processes[self.here].service_state.is_none() {
            let ended = self.take_up(self.now, press.at, began);
            self.waited_for(press, ended);
        } else if let Some(ended) = self.foreseen(self.now, &press, waiting.who) {
            self.occupy_until(&ended, began);
            self.waited_for(press, ended);
        } else {
            self.begin(press, waiting.who, true);
        }
    }

    /// What the signer does who waited for this press, or has left meanwhile.
    pub fn waited_for(&mut self, press: Press, ended: Ended) {
        self.in_play.at(press.visit).open -= 1;
        self.answered(press, ended);
        let visit = self.in_play.at(press.visit);
        let patience = self.callers[visit.who.class].class.patience;
        let in_time = ended.at <= press.at.saturating_add(patience);
        // An answer that comes too late leaves the signer to lose patience.
        if visit.awaited == press.number && in_time {
            visit.awaited = 0;
            self.react(press, ended);
        }
        self.conclude_if_over(press.visit);
    }

    /// Was this visit's write, which a process acknowledged at `at`, lost afterwards?
    pub fn is_lost_ack(&self, who: VisitId, at: SimTime, process: usize) -> bool {
        let process = &self.processes[process];
        let inside = process.service_state.as_ref();
        lost_with(process.lost_acks, inside, who, at).is_some()
    }

    #[inline]
    pub fn record_strip(&mut self, class: usize, at: SimTime, ended: SimTime, ok: bool) {
        if let Some(strip) = &mut self.strip {
            strip.add(self.callers[class].population, at, ended, ok);
        }
    }
}

impl Process<'_> {
    /// The number of changes of its answers so far.
    fn changed(&self) -> usize {
        let inside = self.service_state.as_ref();
        self.span + inside.map_or(0, ServiceState::changed)
    }
}

/// The span with which a visit's write acknowledged at `at` was lost, if it was.
pub(super) fn lost_with(
    lost_acks: &[LostAcks],
    service_state: Option<&ServiceState>,
    who: VisitId,
    at: SimTime,
) -> Option<usize> {
    let touches = |(need, shard): (usize, usize)| {
        service_state.is_none_or(|service_state| service_state.shard(who, need) == shard)
    };
    let lost = |span: &LostAcks| span.from <= at && at < span.to && span.shard.is_none_or(touches);
    lost_acks.iter().position(lost)
}
