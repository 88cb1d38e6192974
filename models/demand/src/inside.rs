//! What is inside a service: what its requests share besides workers, and where it stands.
//!
//! ```text
//!             ┌ cache: a hit spares the call
//!  need 1 ────┤ breaker ─► permits ─► shard of the visit's key ─► Ok, error, hang, a miss
//!  need 2 …   └ on failure: further tries, then the slower store, or do without
//! ```
//!
//! Here is the state; `course.rs` has what an attempt goes through. Changes of answers and what
//! people do are told to it in time order; the inputs of a trial are known beforehand, but nothing
//! here looks ahead.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rand::RngExt;
use rand::distr::Open01;
use sim::{SimDuration, SimTime, StreamKey, Streams};

use crate::answer::{Answer, AnswerTimeline, Cause};
use crate::breaker::CircuitBreaker;
use crate::population::{Answers, Control, Need, Population, ServiceModel};
use crate::store::Store;
use crate::streams;
use crate::ticket::Ticket;
use crate::visit::{Press, VisitId};

/// The state of one service in one trial.
#[derive(Clone, Debug)]
pub(super) struct ServiceState<'a> {
    pub spec: &'a ServiceModel,
    pub needs: Vec<NeedState>,
    /// The slower stores that needs share.
    pub stores: Vec<Store>,
    /// Is the spool open?
    pub spool: bool,
    /// Share of requests that are turned away.
    pub shed: f64,
    pub retries_stopped: bool,
    /// Further tries under way.
    pub retrying: u32,
    pub attempts: Attempts,
    /// The last instant at which an attempt was under way whose end was not known, or the
    /// surroundings changed.
    pub disturbed_at: SimTime,
    /// What attempts wait for.
    pub timers: BinaryHeap<Reverse<Timer>>,
    /// Answers that change and what people do; those before `next` are done.
    changes: Vec<(SimTime, Change)>,
    next: usize,
    /// One for each class that comes here.
    keys: Vec<StreamKey>,
}

/// Something that requests call, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct NeedState {
    pub spec: Need,
    /// What each shard answers.
    pub answers: Vec<Answer>,
    /// Has each shard answered since the servers started?
    pub connected: Vec<bool>,
    /// Since when a shard does not answer as it should.
    pub down_since: Option<SimTime>,
    pub breaker: Option<CircuitBreaker>,
    /// Calls under way.
    pub calls: u32,
    /// Attempts that wait to be let in, in order.
    pub queue: VecDeque<Ticket>,
    /// Attempts that hang, by shard, in order.
    pub hanging: Vec<Vec<Ticket>>,
    /// Of each shard the share of its hits that are missing, because it lost data or has no room.
    pub cold: Vec<f64>,
    /// The part of that for which it has no room.
    pub crowded_out: Vec<f64>,
}

/// A change of the surroundings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    Answer {
        need: usize,
        shard: usize,
        answer: Answer,
    },
    Spool(bool),
    Loss {
        need: usize,
        shard: usize,
        share: f64,
    },
    CrowdedOut {
        need: usize,
        shard: usize,
        share: f64,
    },
    Control(Control),
}

/// What an attempt waits for. Ordered by time, then deadlines first, then by the visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timer {
    pub at: SimTime,
    /// The gateway's deadline comes before all else at one instant.
    pub later: bool,
    who: (usize, u64, usize, u32),
    pub ticket: Ticket,
}

/// An attempt on a worker whose end is not known yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub press: Press,
    pub who: VisitId,
    pub deadline: SimTime,
    /// Has nobody given it up?
    pub awaited: bool,
    /// Is the gateway's giving up planned?
    pub given_up_planned: bool,
    pub phase: Phase,
    /// When its phase ends by itself.
    pub until: SimTime,
    /// The need that it is at.
    pub need: usize,
    pub tries: u32,
    pub retrying: bool,
    /// Was the work done?
    pub worked: bool,
    /// What it reads from a store was missing when this share of the cache was; 0: it is not kept.
    pub fills: f64,
    /// Its number, and that of its phase, among all attempts and phases.
    pub number: u64,
    pub stage: u64,
}

/// What an attempt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The service works on it. `last`: nothing is called after that.
    Works { last: bool },
    /// It waits to be let in to a need.
    Queues,
    /// It waits for a reply that does not come, until the client gives it up.
    Hangs { cause: Cause },
    /// It waits for replicas: enough, or too few.
    Late { enough: bool },
    /// It pauses before it tries again.
    Pauses,
    /// The slower store has it.
    Stored,
}

/// The attempts on workers whose end is not known.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    slots: Vec<Option<Attempt>>,
    free: Vec<u32>,
    numbers: u64,
}

impl<'a> ServiceState<'a> {
    /// At time zero. `populations` lists population and number of each class that comes here.
    pub fn new(
        spec: &'a ServiceModel,
        answers: &Answers<'a>,
        classes: &[(&Population, usize)],
        streams: &Streams,
    ) -> ServiceState<'a> {
        let single = [Need::single()];
        let needs = if spec.needs.is_empty() {
            &single
        } else {
            spec.needs.as_slice()
        };
        let key = |(population, number): &(&Population, usize)| {
            streams
                .key(streams::CALLS, population.entity)
                .child(*number as u64)
        };
        ServiceState {
            spec,
            needs: needs.iter().map(NeedState::new).collect(),
            stores: spec.stores.iter().copied().map(Store::new).collect(),
            spool: false,
            shed: 0.0,
            retries_stopped: false,
            retrying: 0,
            attempts: Attempts::default(),
            disturbed_at: SimTime::ZERO,
            timers: BinaryHeap::new(),
            changes: changes(spec, answers),
            next: 0,
            keys: classes.iter().map(key).collect(),
        }
    }

    /// Bytes that attempts take, and what they wait for.
    pub fn memory(&self) -> usize {
        let tickets = self.needs.iter().map(|need| {
            let hanging: usize = need.hanging.iter().map(Vec::len).sum();
            need.queue.len() + hanging
        });
        self.attempts.slots.len() * size_of::<Option<Attempt>>()
            + self.timers.len() * size_of::<Timer>()
            + tickets.sum::<usize>() * size_of::<Ticket>()
            + self.stores.iter().map(Store::memory).sum::<usize>()
    }

    /// When the surroundings change next.
    pub fn change_at(&self) -> SimTime {
        self.changes
            .get(self.next)
            .map_or(SimTime::MAX, |change| change.0)
    }

    /// The number of changes so far.
    pub fn changed(&self) -> usize {
        self.next
    }

    /// The next change, which is due.
    pub fn take_change(&mut self) -> Change {
        self.next += 1;
        let (at, change) = self.changes[self.next - 1];
        self.disturbed_at = at;
        change
    }

    /// Do all needs answer, so that a request that nothing disturbs is captured?
    pub fn answers(&self) -> bool {
        let answers = |need: &NeedState| need.answers.iter().all(|answer| *answer == Answer::Ok);
        !self.spool && self.shed <= 0.0 && self.needs.iter().all(answers)
    }

    /// When something happens next.
    pub fn next_at(&self) -> SimTime {
        let timer = self.timers.peek().map_or(SimTime::MAX, |timer| timer.0.at);
        timer.min(self.change_at())
    }

    /// Is every request that arrives now, or is in progress, captured by its first press without an
    /// effect on others?
    pub fn plain(&self, now: SimTime) -> bool {
        self.answers()
            && self.attempts.all_pass(self.may_miss())
            && self.spec.work.is_none()
            && self.needs.iter().all(|need| need.plain(now))
            && self.stores.iter().all(|store| match self.may_miss() {
                true => store.nobody_waits(now),
                false => store.idle(now),
            })
    }

    /// What a client waits before it tries again.
    pub fn pause(&self, attempt: &Attempt, first: SimDuration) -> SimDuration {
        let growth = &self.spec.growth;
        let grown = first.as_secs_f64() * growth.factor.powi(attempt.tries as i32);
        let pause = grown.min(growth.max.as_secs_f64());
        if growth.jitter <= 0.0 {
            return SimDuration::from_secs_f64(pause);
        }
        let drawn = self.draw(
            attempt.who,
            Draw::Pause(attempt.press.number, attempt.tries),
        );
        SimDuration::from_secs_f64(pause * (1.0 - growth.jitter * drawn))
    }

    /// The servers have been restarted.
    pub fn reset(&mut self) {
        for need in &mut self.needs {
            need.breaker = need.spec.breaker.map(CircuitBreaker::new);
            need.queue.clear();
            for (connected, answer) in need.connected.iter_mut().zip(&need.answers) {
                *connected = *answer != Answer::Hang;
            }
        }
    }

    /// How long before a change visits must be played that succeed.
    pub fn looks_back(&self) -> SimDuration {
        let breakers = self.needs.iter().filter_map(|need| need.breaker.as_ref());
        breakers
            .map(CircuitBreaker::looks_back)
            .max()
            .unwrap_or_default()
    }

    /// A number in (0, 1) that belongs to an attempt or visit and to what it is for.
    pub fn draw(&self, who: VisitId, what: Draw) -> f64 {
        let number = match what {
            Draw::Shard(need) => need as u64,
            Draw::Work(press) => 1 << 60 | (who.round as u64) << 32 | u64::from(press),
            Draw::Shed(press) => 2 << 60 | (who.round as u64) << 32 | u64::from(press),
            Draw::Hit(press, need) => {
                3 << 60 | (need as u64) << 48 | (who.round as u64) << 32 | u64::from(press)
            }
            Draw::Pause(press, tries) => {
                4 << 60 | u64::from(tries) << 48 | (who.round as u64) << 32 | u64::from(press)
            }
            Draw::Key(press, need) => {
                5 << 60 | (need as u64) << 48 | (who.round as u64) << 32 | u64::from(press)
            }
            Draw::Part => 6 << 60,
        };
        self.keys[who.class].at(who.index, number).sample(Open01)
    }

    /// The line of a need that a visit meets: the shard in which its key lies, as the visit's part
    /// of the connections sees it.
    pub fn shard(&self, who: VisitId, need: usize) -> usize {
        let Need { shards, parts, .. } = &self.needs[need].spec;
        let in_part = self.shard_in_part(who, need);
        if *parts <= 1 {
            return in_part;
        }
        let drawn = self.draw(who, Draw::Part) * f64::from(*parts);
        let part = (drawn as usize).min(*parts as usize - 1);
        part * shards.len().max(1) + in_part
    }

    fn shard_in_part(&self, who: VisitId, need: usize) -> usize {
        let shards = &self.needs[need].spec.shards;
        if shards.len() <= 1 {
            return 0;
        }
        let mut left = self.draw(who, Draw::Shard(need));
        let found = shards.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        found.unwrap_or(shards.len() - 1)
    }

    /// The attempt in `slot` does this from now on, until `at`, if that is ever.
    pub fn enter(&mut self, slot: u32, phase: Phase, at: SimTime) -> Ticket {
        let stage = self.attempts.number();
        let attempt = self.attempts.at(slot);
        (attempt.phase, attempt.stage, attempt.until) = (phase, stage, at);
        // One timer at a time: most phases end long before the gateway's deadline.
        if !attempt.awaited || at < attempt.deadline {
            self.plan_end(slot);
        } else if !attempt.given_up_planned {
            attempt.given_up_planned = true;
            let deadline = attempt.deadline;
            let ticket = self.attempts.for_all_stages(slot);
            self.plan(slot, deadline, ticket, false);
        }
        self.attempts.ticket(slot)
    }

    /// Plans the end of the attempt's phase.
    pub fn plan_end(&mut self, slot: u32) {
        let at = self.attempts.at(slot).until;
        let ticket = self.attempts.ticket(slot);
        self.plan(slot, at, ticket, true);
    }

    fn plan(&mut self, slot: u32, at: SimTime, ticket: Ticket, later: bool) {
        if at == SimTime::MAX {
            return;
        }
        let Attempt { who, press, .. } = self.attempts.at(slot);
        let who = (who.class, who.index, who.round, press.number);
        self.timers.push(Reverse(Timer {
            at,
            later,
            who,
            ticket,
        }));
    }
}

/// What a number is drawn for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Draw {
    /// The shard of a need.
    Shard(usize),
    /// What a press takes.
    Work(u32),
    /// Is a press turned away?
    Shed(u32),
    /// Does a press find a need in the cache?
    Hit(u32, usize),
    /// Does Redis have what a press asks of a need?
    Key(u32, usize),
    /// A press's pause before a further try.
    Pause(u32, u32),
    /// The part of the connections that a visit uses.
    Part,
}

impl NeedState {
    fn new(spec: &Need) -> NeedState {
        let shards = spec.shards.len().max(1) * spec.parts.max(1) as usize;
        NeedState {
            spec: spec.clone(),
            answers: vec![Answer::Ok; shards],
            connected: vec![true; shards],
            down_since: None,
            breaker: spec.breaker.map(CircuitBreaker::new),
            calls: 0,
            queue: VecDeque::new(),
            hanging: vec![Vec::new(); shards],
            cold: vec![0.0; spec.shards.len().max(1)],
            crowded_out: vec![0.0; spec.shards.len().max(1)],
        }
    }

    fn plain(&self, now: SimTime) -> bool {
        self.breaker
            .as_ref()
            .is_none_or(|breaker| breaker.clean(now))
            && self.is_as_warm_as_it_gets()
            && self.calls == 0
    }

    /// Shard `shard` answers like this from `now` on.
    pub fn set(&mut self, shard: usize, answer: Answer, now: SimTime) {
        self.answers[shard] = answer;
        if answer != Answer::Hang {
            self.connected[shard] = true;
        }
        let down = self.answers.iter().any(|answer| !answer.captures());
        self.down_since = match (down, self.down_since) {
            (true, None) => Some(now),
            (true, since) => since,
            (false, _) => None,
        };
    }

    /// The chance that a call is spared by the cache: entries are of all ages up to their lifetime,
    /// and none is renewed while Redis does not answer.
    pub fn hits(&self, now: SimTime) -> f64 {
        let Some((share, lifetime)) = self.spec.cache else {
            return 0.0;
        };
        let stale = self
            .down_since
            .map_or(0.0, |since| (now - since).as_secs_f64());
        share * (1.0 - stale / lifetime.as_secs_f64()).max(0.0)
    }
}

impl Attempts {
    pub fn insert(&mut self, attempt: Attempt) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(attempt);
            return slot;
        }
        self.slots.push(Some(attempt));
        u32::try_from(self.slots.len() - 1).expect("fewer than 2³² attempts are under way")
    }

    pub fn remove(&mut self, slot: u32) -> Attempt {
        self.free.push(slot);
        let attempt = self.slots[slot as usize].take();
        attempt.expect("an attempt is removed once")
    }

    pub fn at(&mut self, slot: u32) -> &mut Attempt {
        let attempt = self.slots[slot as usize].as_mut();
        attempt.expect("the attempt is under way")
    }

    /// A number that nothing else has.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Names the attempt in `slot`, whatever its stage.
    pub fn for_all_stages(&self, slot: u32) -> Ticket {
        let attempt = self.slots[slot as usize].as_ref();
        let stage = attempt.expect("the attempt is under way").number;
        Ticket { slot, stage }
    }

    /// Names the attempt in `slot` at its present stage.
    pub fn ticket(&self, slot: u32) -> Ticket {
        let attempt = self.slots[slot as usize].as_ref();
        let stage = attempt.expect("the attempt is under way").stage;
        Ticket { slot, stage }
    }

    /// The slot of the attempt, if it is still at that stage.
    pub fn valid(&self, ticket: Ticket) -> Option<u32> {
        let attempt = self.slots.get(ticket.slot as usize)?.as_ref()?;
        let is = attempt.stage == ticket.stage || attempt.number == ticket.stage;
        is.then_some(ticket.slot)
    }

    /// All of them, in the order of their workers' taking up.
    pub fn slots(&self) -> Vec<u32> {
        let under_way =
            (0..self.slots.len() as u32).filter(|slot| self.slots[*slot as usize].is_some());
        let mut slots: Vec<u32> = under_way.collect();
        slots.sort_by_key(|slot| {
            let attempt = self.slots[*slot as usize].as_ref().expect("under way");
            let VisitId {
                class,
                index,
                round,
                ..
            } = attempt.who;
            (attempt.press.at, class, index, round, attempt.press.number)
        });
        slots
    }

    /// Do all of them get through the service as in normal operation? That includes stores, if
    /// requests go there then.
    fn all_pass(&self, stores: bool) -> bool {
        let passes = |attempt: &Attempt| match attempt.phase {
            Phase::Works { .. } => true,
            Phase::Stored => stores,
            Phase::Queues | Phase::Hangs { .. } | Phase::Late { .. } | Phase::Pauses => false,
        };
        self.iter().all(passes)
    }

    /// All of them, in any order.
    pub fn iter(&self) -> impl Iterator<Item = &Attempt> {
        self.slots.iter().flatten()
    }
}

/// Everything that changes, in time order: what people do before answers at one instant, and lost
/// data after both.
fn changes(spec: &ServiceModel, answers: &Answers) -> Vec<(SimTime, Change)> {
    let mut changes: Vec<(SimTime, Change)> = Vec::new();
    for (at, control) in answers.controls {
        changes.push((*at, Change::Control(*control)));
    }
    for (at, answer) in answers.timeline.changes() {
        changes.push((*at, Change::Spool(*answer == Answer::Spool)));
        if spec.needs.is_empty() && *answer != Answer::Spool {
            let answer = *answer;
            changes.push((
                *at,
                Change::Answer {
                    need: 0,
                    shard: 0,
                    answer,
                },
            ));
        }
    }
    let shards = |(need, shards): (usize, &Vec<AnswerTimeline>)| {
        let of = |(shard, line): (usize, &AnswerTimeline)| {
            let changes = line.changes().iter();
            let change = move |(at, answer): &(SimTime, Answer)| {
                let answer = *answer;
                (
                    *at,
                    Change::Answer {
                        need,
                        shard,
                        answer,
                    },
                )
            };
            changes.map(change).collect::<Vec<_>>()
        };
        shards.iter().enumerate().flat_map(of).collect::<Vec<_>>()
    };
    if !spec.needs.is_empty() {
        assert_eq!(answers.needs.len(), spec.needs.len(), "one per need");
        changes.extend(answers.needs.iter().enumerate().flat_map(shards));
    }
    changes.extend(spec.losses.iter().map(|loss| {
        let (need, shard, share) = (loss.need, loss.shard, loss.share);
        (loss.at, Change::Loss { need, shard, share })
    }));
    changes.extend(spec.crowded_out.iter().map(|out| {
        let (need, shard, share) = (out.need, out.shard, out.share);
        (out.at, Change::CrowdedOut { need, shard, share })
    }));
    changes.sort_by_key(|(at, _)| *at);
    changes
}
