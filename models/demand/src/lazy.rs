//! Passing over the horizon: determined stretches are counted, the rest is played.
//!
//! ```text
//!  answer   Ok              │ Hang                                   │ Ok
//!  stretch  ◄─ counted ─► p │ ◄──────── counted ────────► ◄─ played ─┼─►◄─ counted ─
//!                         ▲ ▲                             ▲          ▲  ▲
//!           end - life(Ok)┘ │             end - life(Hang)┘          │  └ nobody waits any more,
//!                           └ condition holds at once                │    condition holds
//!                                                                    └ the queue drains
//! ```
//!
//! At any instant in a stretch of constant answer at which the condition of `proof.rs` holds, the
//! rest of the stretch is determined: visits that begin, and end, in it are counted by class. Each
//! class is played again from its own `end - life` on, so that what the stretch leaves behind on
//! the server is there when the next answer comes. A stretch whose condition does not hold is
//! played, and the condition is tried again after each batch of arrivals.

use sim::{Budget, BudgetError, SimDuration, SimTime};

use crate::answer::Answer;
use crate::balance::Balance;
use crate::fate::Fate;
use crate::inside::{Attempt, NeedState, ServiceState};
use crate::proof::{Condition, Spread};
use crate::service_sim::{Fresh, Process, ServiceSim};
use crate::visit::VisitId;

/// Expected arrivals in the first batch of a stretch that might become determined; doubled each
/// time, so that neither a short wait nor a long one costs much.
const BATCH_FIRST: f64 = 64.0;
/// Expected arrivals in a batch at most: enough that finding the place in each tree is cheap.
const BATCH_MAX: f64 = 8192.0;

impl ServiceSim<'_> {
    /// Passes from the start to the horizon. Whatever begins in `[open.0, open.1)` is played.
    pub fn pass(&mut self, open: (SimTime, SimTime), budget: &Budget) -> Result<(), BudgetError> {
        let mut fresh = Vec::new();
        while self.now < self.horizon {
            self.meet_changes();
            self.advance(self.now);
            let balance = self.balance.as_ref();
            let rotation = balance.map_or(SimTime::MAX, Balance::changes_at);
            let answers = self.processes.iter().map(Process::changes_at);
            let cuts = answers.chain([rotation, open.0, open.1]);
            let ahead = cuts.filter(|cut| *cut > self.now);
            let end = ahead.fold(self.horizon, SimTime::min);
            let countable = !(open.0..open.1).contains(&self.now);
            self.pass_stretch(end, countable, &mut fresh, budget)?;
        }
        self.end();
        for caller in &mut self.callers {
            caller.close(self.horizon);
        }
        Ok(())
    }

    /// Passes to `end`; the answer stays the same until then. What is not `countable` is played,
    /// and shows whether the condition kept its promise.
    fn pass_stretch(
        &mut self,
        end: SimTime,
        countable: bool,
        fresh: &mut Vec<Fresh>,
        budget: &Budget,
    ) -> Result<(), BudgetError> {
        let condition = self.condition(end);
        let mut determined_from = None;
        let mut batch = BATCH_FIRST;
        let mut before = (self.refused, self.pressed);
        while self.now < end {
            let open = determined_from.is_none();
            let lately = (self.refused - before.0, self.pressed - before.1);
            if countable && condition.is_none() && self.is_overrun(end, lately) {
                self.pass_overrun(end, budget)?;
                before = (self.refused, self.pressed);
                continue;
            }
            before = (self.refused, self.pressed);
            if open && condition.is_some_and(|condition| self.meets(&condition)) {
                determined_from = Some(self.now);
                // Every process has a free worker for all who come.
                if let Some(balance) = &mut self.balance {
                    balance.in_turn = false;
                }
                if countable {
                    self.count_until(end);
                }
            }
            let settled = condition.is_none() || determined_from.is_some();
            let to = self.batch_end(end, if settled { BATCH_MAX } else { batch });
            self.gather(to, fresh);
            self.expand(fresh, to, budget)?;
            batch = (batch * 2.0).min(BATCH_MAX);
        }
        if let (Some(condition), Some(from)) = (condition, determined_from) {
            self.assert_calm(&condition, from);
        }
        Ok(())
    }

    /// Panics if the pool took part in anything since `from`, when it was excluded.
    fn assert_calm(&self, condition: &Condition, from: SimTime) {
        let calm = |at: Option<SimTime>| at.is_none_or(|at| at < from);
        assert!(
            calm(self.refused_at),
            "nobody is refused in a determined stretch"
        );
        if condition.free_worker {
            let waited = !calm(self.waited_at) || !self.nobody_waits();
            assert!(!waited, "nobody waits in a determined stretch");
        }
        let insides = self.insides().filter(|inside| inside.may_miss());
        let mut stores = insides.flat_map(|inside| &inside.stores);
        assert!(
            stores.all(|store| calm(store.crowded_at)),
            "nobody waits for a store in a determined stretch"
        );
    }

    fn condition(&mut self, end: SimTime) -> Option<Condition> {
        let answer = self.answer_now()?;
        if !self.fates.iter().any(|(known, _)| *known == answer) {
            let classes = self.callers.iter().map(|caller| caller.class);
            let misses = |need: usize| {
                let insides = self.insides().map(|inside| &inside.needs[need]);
                let all = insides.map(NeedState::misses_at_best);
                all.fold(0.0, f64::max)
            };
            let fates = classes.map(|class| Fate::new(class, self.service, answer, misses));
            let fates = fates.collect();
            self.fates.push((answer, fates));
        }
        let gateway = self.service.gateway_timeout;
        let surely = |fate: &Fate| fate.plain() && fate.ends < gateway;
        let mut processes = self.processes.iter();
        let keep = processes.all(|process| process.lost_acks.is_empty());
        let known = keep && self.fates_now().iter().all(surely);
        if self.insides().any(ServiceState::may_miss) && !known {
            return None;
        }
        let times = (self.now, end, self.horizon);
        let pools = self.processes.iter();
        let pools = pools.map(|process| (process.service.workers, process.service.queue_limit));
        let pools: Vec<(u32, u32)> = match &self.balance {
            None => pools.collect(),
            Some(balance) => {
                let all: Vec<(u32, u32)> = pools.collect();
                balance
                    .rotation()
                    .iter()
                    .map(|process| all[*process])
                    .collect()
            }
        };
        let spread = Spread {
            pools: &pools,
            balancing: self.balance.as_ref().map(|balance| balance.balancing),
        };
        let (callers, fates) = (&self.callers, self.fates_now());
        Condition::new(self.service, answer, (callers, fates), spread, times)
    }

    /// What is inside its processes.
    pub fn insides(&self) -> impl Iterator<Item = &ServiceState<'_>> {
        let processes = self.processes.iter();
        processes.filter_map(|process| process.service_state.as_ref())
    }

    fn nobody_waits(&self) -> bool {
        self.processes
            .iter()
            .all(|process| process.pool.nobody_waits())
    }

    /// The answer that all requests meet now, if it is one and the same; of a service with an
    /// inside only if everything answers.
    fn answer_now(&self) -> Option<Answer> {
        if !self.alike() {
            return None;
        }
        let process = match &self.balance {
            None => 0,
            Some(balance) => *balance.rotation().first()?,
        };
        let process = &self.processes[process];
        match &process.service_state {
            None => Some(process.changes[process.span].1),
            Some(service_state) => {
                (service_state.answers() && service_state.spec.work.is_none()).then_some(Answer::Ok)
            }
        }
    }

    /// The fate of each class under the answer in force.
    pub fn fates_now(&self) -> &[Fate] {
        let answer = self
            .answer_now()
            .expect("a stretch that may be counted has one");
        let known = self.fates.iter().find(|(known, _)| *known == answer);
        &known.expect("a stretch that may be counted has fates").1
    }

    /// Is the rest of the stretch determined?
    fn meets(&self, condition: &Condition) -> bool {
        if condition.free_worker && !self.nobody_waits() {
            return false;
        }
        let takes_part = |process: &Process, number: usize| {
            let balance = self.balance.as_ref();
            let in_rotation = balance.is_none_or(|balance| balance.rotation().contains(&number));
            let inside = process.service_state.as_ref();
            inside.is_some_and(|inside| match in_rotation {
                true => !inside.plain(self.now),
                false => inside.attempts.iter().next().is_some(),
            })
        };
        if (self.processes.iter().zip(0..)).any(|(process, number)| takes_part(process, number)) {
            return false;
        }
        // Visits that began later are ordinary: nothing kept them from their closed form.
        let waited_at = self.waited_at.filter(|_| condition.free_worker);
        let changed = self.processes.iter().map(Process::disturbed_at).max();
        let balance = self.balance.as_ref();
        let rotated = balance.map(|balance| balance.rotation[balance.place].0);
        let disturbed = [changed, rotated, waited_at, self.refused_at];
        let calm_from = disturbed.into_iter().flatten().max();
        let calm_from = calm_from.expect("a span has a start");
        let old_alive = |process: &Process| {
            let inside = process.service_state.as_ref();
            let inside = inside.map(|inside| inside.attempts.iter());
            let inside = inside.into_iter().flatten();
            let began = |attempt: &Attempt| self.in_play.get(attempt.press.visit).began;
            let old = inside.filter(|attempt| began(attempt) <= calm_from);
            process.pool.alive_of_visits_by(calm_from, self.now) + old.count() as u64
        };
        let old_alive = self.processes.iter().map(old_alive).max().unwrap_or(0);
        let Some(left) = condition.room.checked_sub(old_alive) else {
            return false;
        };
        // No more are counted than it takes to know that there is no room.
        let most = left / condition.presses.max(1);
        let old_due = self.due.presses_ahead().filter(|(slot, awaited)| {
            let visit = self.in_play.get(*slot);
            visit.began <= calm_from && awaited.is_none_or(|press| visit.awaited == press)
        });
        let old_due = old_due.take((most as usize).saturating_add(1)).count() as u64;
        let old = old_alive + old_due * condition.presses;
        let have_room = self
            .insides()
            .all(|inside| inside.stores_have_room(condition, old, self.now));
        old <= condition.room && have_room
    }

    /// Where a batch that begins now ends: at `end`, or earlier if more than `size` are expected.
    fn batch_end(&self, end: SimTime, size: f64) -> SimTime {
        let mut to = end;
        while self.expected(to) > size && to - self.now > SimDuration::from_nanos(1) {
            to = self.now + (to - self.now) / 2;
        }
        to
    }

    /// Expected first visits to be played that begin before `to`.
    pub fn expected(&self, to: SimTime) -> f64 {
        let expected = self.callers.iter().map(|caller| {
            let from = self.now.max(caller.counted_to).min(to);
            let intensity = caller.arrivals.intensity();
            intensity.cumulative(to) - intensity.cumulative(from)
        });
        expected.sum()
    }

    /// Gathers the visits to be played that begin before `to`: first visits in `fresh`, and returns
    /// of counted visits among what is due.
    fn gather(&mut self, to: SimTime, fresh: &mut Vec<Fresh>) {
        fresh.clear();
        for (class, caller) in self.callers.iter_mut().enumerate() {
            let from = self.now.max(caller.counted_to);
            if from >= to {
                continue;
            }
            let before = fresh.len();
            caller.arrivals.for_each(from, to, |arrival| {
                fresh.push(Fresh {
                    at: arrival.at,
                    class,
                    index: arrival.index,
                });
            });
            caller.accounted += (fresh.len() - before) as u64;
        }
        self.gather_returns(to);
        self.expanded += fresh.len() as u64;
        // Each class is in order already: a stable sort merges the runs.
        fresh.sort_by_key(|fresh| (fresh.at, fresh.class));
    }

    /// Gathers the returns of counted visits before `to` among what is due.
    pub fn gather_returns(&mut self, to: SimTime) {
        for (class, caller) in self.callers.iter_mut().enumerate() {
            let from = self.now.max(caller.counted_to);
            if from >= to {
                continue;
            }
            for round in 1..caller.offsets.len() {
                let offset = caller.offsets[round];
                for (from, to) in caller.returning_within(round, from, to) {
                    caller.arrivals.for_each(from, to, |arrival| {
                        let who = VisitId {
                            class,
                            index: arrival.index,
                            arrived: arrival.at,
                            round,
                        };
                        self.due.push_return(arrival.at + offset, who);
                    });
                }
            }
        }
    }
}

impl Process<'_> {
    /// When its answer or something inside it changes next.
    fn changes_at(&self) -> SimTime {
        let next = self.changes.get(self.span + 1);
        let next = next.map_or(SimTime::MAX, |next| next.0);
        let inside = self.service_state.as_ref();
        next.min(inside.map_or(SimTime::MAX, ServiceState::change_at))
    }

    /// The last instant at which something kept a request from its ordinary course.
    fn disturbed_at(&self) -> SimTime {
        let changed = self.changes[self.span].0;
        let inside = self.service_state.as_ref();
        changed.max(inside.map_or(SimTime::ZERO, |inside| inside.disturbed_at))
    }
}

#[cfg(test)]
mod tests {
    use sim::{Intensity, Streams};

    use super::*;
    use crate::answer::AnswerTimeline;
    use crate::population::{
        Answers, BackoffGrowth, Class, Client, Demand, Fallback, Loss, Misses, Need, Population,
        Service, ServiceModel,
    };
    use crate::service_sim;

    /// 20 visits a second for a day at a service with so many workers and places in the queue.
    fn demand(workers: u32, queue_limit: u32, command_timeout: Option<SimDuration>) -> Demand {
        let day = SimTime::ZERO + SimDuration::from_days(1);
        Demand {
            services: vec![Service {
                name: "api".to_owned(),
                workers,
                queue_limit,
                gateway_timeout: SimDuration::from_secs(30),
                service_time: SimDuration::from_millis(50),
                client: Client {
                    command_timeout,
                    retries: 0,
                    backoff: SimDuration::ZERO,
                    retries_on: Vec::new(),
                },
                inside: None,
            }],
            populations: vec![Population {
                name: "signers".to_owned(),
                entity: 0,
                service: 0,
                whole: 0,
                visits: Intensity::constant(20.0, SimTime::ZERO, day),
                objective: 0.01,
                signers: true,
                classes: vec![Class {
                    name: "signers".to_owned(),
                    share: 1.0,
                    patience: SimDuration::from_secs(10),
                    presses_max: 2,
                    press_again_after: SimDuration::from_secs(3),
                    returns: vec![SimDuration::from_hours(2)],
                }],
                home: 0,
            }],
            balancers: Vec::new(),
        }
    }

    /// First visits played when the service hangs from 10:00 to 12:00.
    fn expanded(demand: &Demand) -> u64 {
        expanded_with(demand, &[])
    }

    fn expanded_with(demand: &Demand, needs: &[Vec<AnswerTimeline>]) -> u64 {
        let mut timeline = AnswerTimeline::new();
        let hour = |h| SimTime::ZERO + SimDuration::from_hours(h);
        timeline.set(hour(10), Answer::Hang);
        timeline.set(hour(12), Answer::Ok);
        let answers = Answers {
            timeline: &timeline,
            lost_acks: &[],
            needs,
            controls: &[],
        };
        let mut service_sim =
            service_sim(demand, 0, &[answers], &Streams::for_trial(1, 1), hour(24));
        let open = (hour(24), hour(24));
        service_sim.pass(open, &Budget::unlimited()).unwrap();
        service_sim.expanded
    }

    #[test]
    fn only_those_who_may_see_the_end_of_the_hang_are_played() {
        let (hang, day) = (2 * 3600 * 20, 24 * 3600 * 20);
        // Lives of 40 seconds before the end, and the backlog.
        assert!(expanded(&demand(512, 8192, None)) < 60 * 20);
        assert!(expanded(&demand(100_000, 0, None)) < 60 * 20);
        // A crowd that may not fit is played as long as it may not: the hang, and little more.
        let overflowing = expanded(&demand(512, 600, None));
        assert!(overflowing.abs_diff(hang) < hang / 50, "{overflowing}");
        // Attempts that time out after two seconds find a free worker among 512, not among 40.
        let timeout = Some(SimDuration::from_secs(2));
        assert!(expanded(&demand(512, 8192, timeout)) < 60 * 20);
        assert!(expanded(&demand(40, 8192, timeout)) > hang - hang / 50);
        // One worker is close to its limit at any time.
        assert!(expanded(&demand(1, 8192, None)) >= day / 2);
    }

    #[test]
    fn a_warm_cache_that_misses_is_counted_and_a_cold_one_is_played() {
        let misses = Misses {
            hits: 0.9,
            keys: 2000.0,
        };
        let need = Need {
            misses: Some(misses),
            fallback: Some(0),
            ..Need::single()
        };
        let model = |workers, losses, crowded_out| ServiceModel {
            work: None,
            runs_on: false,
            connect_timeout: None,
            offline_queue: None,
            growth: BackoffGrowth {
                factor: 1.0,
                max: SimDuration::from_secs(1),
                jitter: 0.0,
            },
            retries_at_once: None,
            needs: vec![need.clone()],
            stores: vec![Fallback {
                workers,
                takes: SimDuration::from_millis(500),
                queue_limit: 100,
            }],
            losses,
            crowded_out,
        };
        let played_with = |workers, losses, crowded_out| {
            let mut demand = demand(512, 8192, None);
            demand.services[0].inside = Some(model(workers, losses, crowded_out));
            expanded_with(&demand, &[vec![AnswerTimeline::new()]])
        };
        let played = |workers, losses| played_with(workers, losses, vec![]);
        // Two misses a second keep one worker of the store busy: 40 are enough for sure.
        assert!(played(40, vec![]) < 1000);
        assert!(played(2, vec![]) > 24 * 3600 * 20 * 9 / 10);
        // 18 requests a second bring 2,000 keys back: half of them in 77 s, all in about 15 min.
        let at = SimTime::ZERO + SimDuration::from_hours(6);
        let loss = Loss {
            at,
            need: 0,
            shard: 0,
            share: 1.0,
        };
        let cold = played(40, vec![loss]);
        assert!((10 * 60 * 20..25 * 60 * 20).contains(&cold), "{cold}");
        // Nothing comes back while half of the keys have no room, so all is counted: 11 of the 20
        // requests a second go to the store. When there is room again they come back.
        let half = Loss { share: 0.5, ..loss };
        let full = played_with(120, vec![], vec![half]);
        assert!(full < 2000, "{full}");
        let room = Loss {
            at: at + SimDuration::from_hours(6),
            share: 0.0,
            ..loss
        };
        let back = played_with(120, vec![], vec![half, room]);
        assert!((8 * 60 * 20..25 * 60 * 20).contains(&back), "{back}");
    }
}
