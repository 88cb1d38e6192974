//! A full service under more load than it can take: refused presses are counted, not played.
//!
//! While there is no room, a press is refused at once and changes nothing but its own visit, which
//! presses again after its class's constant pause. So the presses of all visits that have not been
//! let in are the arrivals of their class, shifted by a multiple of that pause:
//!
//! ```text
//!  arrivals     | |  |    | | ||  |    |          a column for each class and press
//!  2nd press        | |  |    | | ||  |    |
//!  3rd press            | |  |    | | ||  |    |
//!  room           x           x          x        the first press of any column at or after it
//! ```
//!
//! Room is made by events that are played anyway. The next press in any column takes it, and its
//! visit is played from then on. All other visits are counted: once the last press of a visit has
//! been refused, the visit is blocked. When the stretch ends, visits that may still press are
//! played on, as if all their presses had been played.
//!
//! Nothing is approximated: the order is that of `service_sim.rs` (pool, then what is due, then
//! first presses by class). A column is opened only as far as it is needed. A service whose
//! processes share a balancer is played.

use std::collections::VecDeque;

use sim::budget::CHECK_EVERY;
use sim::{Budget, BudgetError, SimDuration, SimTime};

use crate::answer::Cause;
use crate::caller::Caller;
use crate::pool::Admission;
use crate::service_sim::{Fresh, ServiceSim};
use crate::visit::{Visit, VisitId};

/// It pays off while at most one in this many presses is let in.
const LET_IN_OF: f64 = 3.0;

/// It pays off if at least this many first visits are expected in the rest of the stretch.
const WORTHWHILE: f64 = 200.0;

/// The cost of letting a press in, in events of a trial's limit.
const LET_IN_COSTS: u64 = 4;

/// The most presses of one visit: each has a column.
const COLUMNS_MAX: u32 = 32;

/// Arrivals that a column opens at a time: few where the next room lies far ahead, more and more as
/// long as all are looked at.
const OPENED_MIN: f64 = 6.0;
const OPENED_MAX: f64 = 384.0;

/// First visits of one class that come while the service is full.
struct Refused {
    class: usize,
    /// Visits that came before this are over and counted.
    counted_to: SimTime,
    /// Visits that were let in since.
    played: Played,
    /// One for each press of a visit.
    columns: Vec<Column>,
}

/// Visits that were let in, found by their index.
#[derive(Default)]
struct Played {
    /// One bit for each index from `first` on.
    bits: VecDeque<u64>,
    first: u64,
    /// When they came, and whether they were let in at their first press.
    visits: Vec<(SimTime, u64, bool)>,
}

impl Played {
    fn contains(&self, index: u64) -> bool {
        let place = index.wrapping_sub(self.first);
        let word = self.bits.get((place / 64) as usize);
        word.is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn insert(&mut self, index: u64, arrived: SimTime, first: bool) {
        if self.visits.is_empty() {
            self.bits.clear();
            self.first = index / 64 * 64;
        }
        while index < self.first {
            self.bits.push_front(0);
            self.first -= 64;
        }
        let place = index - self.first;
        let word = (place / 64) as usize;
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (place % 64);
        self.visits.push((arrived, index, first));
    }

    /// Takes out those that came before `to`, in order.
    fn take_before(&mut self, to: SimTime) -> Vec<(SimTime, u64, bool)> {
        let before = |(arrived, _, _): &mut (SimTime, u64, bool)| *arrived < to;
        let mut over: Vec<_> = self.visits.extract_if(.., before).collect();
        over.sort_unstable();
        // Later visits have higher indices.
        let kept = self.visits.iter().map(|(_, index, _)| *index).min();
        let kept = kept.unwrap_or(self.first);
        while self.first + 64 <= kept && self.bits.pop_front().is_some() {
            self.first += 64;
        }
        over
    }
}

/// The first (second, third …) presses of the visits of one class.
struct Column {
    /// The time since the visit's first press.
    lag: SimDuration,
    /// The next arrivals.
    next: VecDeque<(SimTime, u64)>,
    /// All arrivals before this have been in `next`.
    opened_to: SimTime,
    /// How many arrivals to open next time.
    opens: f64,
}

/// A press that would take the room that there is; presses at one instant have this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    at: SimTime,
    /// First presses come after what is due.
    first: bool,
    class: usize,
    index: u64,
    press: u32,
    arrived: SimTime,
}

impl Column {
    /// The first arrival at `from` or later that is not among the `played`; `None` if there is none
    /// before `to`.
    fn seek(
        &mut self,
        caller: &Caller,
        (from, to): (SimTime, SimTime),
        played: &Played,
    ) -> Option<(SimTime, u64)> {
        loop {
            while let Some((at, index)) = self.next.front() {
                if *at >= from && !played.contains(*index) {
                    return Some((*at, *index));
                }
                self.next.pop_front();
            }
            let start = self.opened_to.max(from);
            if start >= to {
                return None;
            }
            self.opens = match start == self.opened_to {
                true => (self.opens * 2.0).min(OPENED_MAX),
                false => OPENED_MIN,
            };
            let rate = caller.arrivals.intensity().rate_max().max(1e-9);
            let width = SimDuration::from_secs_f64((self.opens / rate).min(3600.0));
            let end = start.saturating_add(width);
            let next = &mut self.next;
            caller.arrivals.for_each(start, end, |arrival| {
                next.push_back((arrival.at, arrival.index));
            });
            self.opened_to = end;
        }
    }
}

impl ServiceSim<'_> {
    /// Is the service full, and will nearly all presses before `end` be refused? `refused` of the
    /// last `pressed` presses were.
    pub fn is_overrun(&mut self, end: SimTime, (refused, pressed): (u64, u64)) -> bool {
        let few = (pressed - refused) as f64 * LET_IN_OF <= pressed as f64;
        let pressed_by = |caller: &Caller| caller.class.presses_max;
        refused > 0
            && few
            && self.balance.is_none()
            && self
                .callers
                .iter()
                .map(pressed_by)
                .all(|presses| presses <= COLUMNS_MAX)
            && self.strip.is_none()
            && self.expected(end) >= WORTHWHILE
            && self.processes[self.here].pool.room(self.now) == Admission::Full
    }

    /// Advances to `end`, or to where it no longer pays off.
    pub fn pass_overrun(&mut self, end: SimTime, budget: &Budget) -> Result<(), BudgetError> {
        let mut all: Vec<Refused> = (0..self.callers.len())
            .map(|class| Refused::new(class, &self.callers[class], self.now))
            .collect();
        // A blocked visit returns no sooner than the gateway timeout after its last press, so all
        // returns within a step have been counted before it.
        let step = self.service.gateway_timeout;
        while self.now < end {
            let to = self.now.saturating_add(step).min(end);
            self.gather_returns(to);
            let presses = all
                .iter()
                .map(|refused| refused.expected(self, to))
                .sum::<f64>();
            let let_in = self.play_refused(&mut all, to, budget)?;
            for refused in &mut all {
                self.count_refused(refused);
            }
            if let_in as f64 * LET_IN_OF > presses {
                break;
            }
        }
        // Refused at some instant before this one; which one does not matter.
        self.refused_at = Some(self.now.saturating_sub(SimDuration::from_nanos(1)));
        for refused in all {
            self.play_on(&refused);
        }
        Ok(())
    }

    /// Plays what is in play until `until` and lets presses in where there is room; returns their
    /// number.
    fn play_refused(
        &mut self,
        all: &mut [Refused],
        until: SimTime,
        budget: &Budget,
    ) -> Result<u64, BudgetError> {
        let (mut let_in, mut to_check) = (0, CHECK_EVERY);
        loop {
            let due_at = self.due.next_at();
            let (pool_at, _) = self.pool_at();
            let (inside_at, _) = self.inside_at();
            let event_at = pool_at.min(due_at).min(inside_at);
            let room_at = self.processes[self.here].pool.room_at(self.now);
            let limit = event_at
                .saturating_add(SimDuration::from_nanos(1))
                .min(until);
            let press = self.candidate(all, (room_at, limit));
            // At one instant the pool and the inside come first, then what is due.
            let first = press.filter(|press| {
                let before_due = due_at > press.at || !press.first && self.due_after(press);
                pool_at.min(inside_at) > press.at && before_due
            });
            let at = first.map_or(event_at, |press| press.at);
            if at >= until {
                break;
            }
            self.go_to(at);
            if let Some(press) = first {
                self.let_in_press(&mut all[press.class], &press);
                let_in += 1;
            } else if inside_at == at {
                self.meet_inside();
            } else if pool_at == at {
                self.leave_queue();
            } else {
                self.meet_due();
            }
            // Finding a press to let in searches every column.
            to_check -= to_check.min(if first.is_some() { LET_IN_COSTS } else { 1 });
            if to_check == 0 {
                budget.spend(CHECK_EVERY, at, || self.memory())?;
                to_check = CHECK_EVERY;
            }
        }
        self.advance(until);
        budget.spend(CHECK_EVERY - to_check + 1, until, || self.memory())?;
        Ok(let_in)
    }

    /// The first press at `from` or later, before `to`, that has been refused so far.
    fn candidate(&self, all: &mut [Refused], (from, to): (SimTime, SimTime)) -> Option<Candidate> {
        if from >= to {
            return None;
        }
        let mut best: Option<Candidate> = None;
        for refused in all {
            let caller = &self.callers[refused.class];
            // Without a pause all presses of a visit come at one instant, and the first takes
            // the room.
            let pauses = caller.class.press_again_after > SimDuration::ZERO;
            let columns = refused.columns.iter_mut().zip(1..);
            for (column, press) in columns.filter(|(_, press)| *press == 1 || pauses) {
                // Not after the best so far.
                let to = best.map_or(to, |best| {
                    best.at.saturating_add(SimDuration::from_nanos(1)).min(to)
                });
                let window = (
                    from.saturating_sub(column.lag),
                    to.saturating_sub(column.lag),
                );
                let Some((arrived, index)) = column.seek(caller, window, &refused.played) else {
                    continue;
                };
                let candidate = Candidate {
                    at: arrived + column.lag,
                    first: press == 1,
                    class: refused.class,
                    index,
                    press,
                    arrived,
                };
                if candidate.at < to && best.is_none_or(|best| candidate < best) {
                    best = Some(candidate);
                }
            }
        }
        best
    }

    /// Does this press come before what is due at the same instant?
    fn due_after(&self, press: &Candidate) -> bool {
        self.due
            .is_after(press.at, (press.class, press.index), press.press - 1)
    }

    /// A visit is played from this press on.
    fn let_in_press(&mut self, refused: &mut Refused, press: &Candidate) {
        refused
            .played
            .insert(press.index, press.arrived, press.first);
        if press.first {
            self.arrive(&Fresh {
                at: press.at,
                class: press.class,
                index: press.index,
            });
            return;
        }
        let before = press.press - 1;
        self.callers[press.class].tally.failed[Cause::PoolFull as usize] += u64::from(before);
        let who = VisitId::first(press.class, press.index, press.arrived);
        let mut visit = Visit::new(who, press.arrived);
        visit.presses = before;
        let slot = self.in_play.insert(visit);
        self.press(slot);
    }

    /// Counts the visits whose last press is over and was refused, like all before it.
    fn count_refused(&mut self, refused: &mut Refused) {
        let to = self.now.saturating_sub(refused.life());
        let from = refused.counted_to;
        if to <= from {
            return;
        }
        refused.counted_to = to;
        let horizon = self.horizon;
        let caller = &mut self.callers[refused.class];
        let presses = u64::from(caller.class.presses_max);
        let all = caller.arrivals.count(from, to);
        caller.accounted += all;
        match caller.failing.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            _ => caller.failing.push((from, to)),
        }
        let played = refused.played.take_before(to);
        for (arrived, _, _) in played.iter().filter(|(_, _, first)| *first) {
            caller.served_first.add(*arrived);
        }
        let blocked = all - played.len() as u64;
        caller.tally.failed[Cause::PoolFull as usize] += blocked * presses;
        if caller.offsets.len() == 1 {
            caller.send_all_away(0, (from, to), blocked, horizon);
            return;
        }
        let mut start = from;
        for (at, _, _) in &played {
            if *at >= start {
                let n = caller.arrivals.count(start, *at);
                caller.send_all_away(0, (start, *at), n, horizon);
                start = at.saturating_add(SimDuration::from_nanos(1));
            }
        }
        let n = caller.arrivals.count(start, to);
        caller.send_all_away(0, (start, to), n, horizon);
        self.send_twins_away(refused.class, &played);
    }

    /// Blocked visits that began at the same instant as one that was let in.
    fn send_twins_away(&mut self, class: usize, played: &[(SimTime, u64, bool)]) {
        let mut twins = Vec::new();
        for group in played.chunk_by(|a, b| a.0 == b.0) {
            let at = group[0].0;
            let end = at.saturating_add(SimDuration::from_nanos(1));
            self.callers[class].arrivals.for_each(at, end, |arrival| {
                if !group.iter().any(|(_, index, _)| *index == arrival.index) {
                    twins.push((arrival.at, arrival.index));
                }
            });
        }
        for (arrived, index) in twins {
            self.send_away(VisitId::first(class, index, arrived));
        }
    }

    /// Plays visits that may still press from now on.
    fn play_on(&mut self, refused: &Refused) {
        let class = refused.class;
        let (from, to) = (refused.counted_to, self.now);
        let mut left = Vec::new();
        let caller = &mut self.callers[class];
        let mut all = 0;
        caller.arrivals.for_each(from, to, |arrival| {
            all += 1;
            if !refused.played.contains(arrival.index) {
                left.push((arrival.at, arrival.index));
            }
        });
        caller.accounted += all;
        self.expanded += all;
        for (arrived, index) in left {
            let pressed = refused.columns.iter();
            let pressed = pressed.take_while(|column| arrived + column.lag < to);
            let pressed = pressed.count() as u32;
            let caller = &mut self.callers[class];
            caller.tally.failed[Cause::PoolFull as usize] += u64::from(pressed);
            caller.failed_first.add(arrived);
            let who = VisitId::first(class, index, arrived);
            let mut visit = Visit::new(who, arrived);
            visit.presses = pressed;
            let slot = self.in_play.insert(visit);
            let pause = self.callers[class].class.press_again_after;
            let last = arrived + pause * u64::from(pressed - 1);
            self.press_again(slot, last.saturating_add(pause), true);
            self.conclude_if_over(slot);
        }
    }
}

impl Refused {
    fn new(class: usize, caller: &Caller, from: SimTime) -> Refused {
        let pause = caller.class.press_again_after;
        let column = |press| Column {
            lag: pause * u64::from(press),
            next: VecDeque::new(),
            opened_to: from,
            opens: OPENED_MIN,
        };
        Refused {
            class,
            counted_to: from,
            played: Played::default(),
            columns: (0..caller.class.presses_max).map(column).collect(),
        }
    }

    /// From a visit's first press to its last.
    fn life(&self) -> SimDuration {
        self.columns
            .last()
            .map_or(SimDuration::ZERO, |column| column.lag)
    }

    /// Presses that are expected from now to `to`.
    fn expected(&self, service_sim: &ServiceSim, to: SimTime) -> f64 {
        let intensity = service_sim.callers[self.class].arrivals.intensity();
        let coming = intensity.cumulative(to) - intensity.cumulative(service_sim.now);
        coming * self.columns.len() as f64
    }
}
