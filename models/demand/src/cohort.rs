//! Counting visits that share their fate: a span of first arrivals of one class, in one round.
//!
//! A blocked span becomes a span of the next round: the same stretch of the arrival tree, shifted.
//!
//! ```text
//!  round 0   ├── counted, blocked ──┤ played ┤            first arrivals
//!  round 1        + offset ──►      ├── counted, captured ──┤
//! ```

use sim::{SimDuration, SimTime};

use crate::attempt::Ending;
use crate::balance::Balance;
use crate::caller::Caller;
use crate::fate::Fate;
use crate::inside::ServiceState;
use crate::outcome::Tally;
use crate::service_sim::{Process, ServiceSim, lost_with};
use crate::spool;
use crate::visit::VisitId;

impl ServiceSim<'_> {
    /// Counts what is determined between now and `end`: visits that begin and end in between.
    pub fn count_until(&mut self, end: SimTime) {
        let looks_back = self.insides().map(ServiceState::looks_back).max();
        let looks_back = looks_back.unwrap_or_default();
        for class in 0..self.callers.len() {
            let fate = self.fates_now()[class].clone();
            let caller = &mut self.callers[class];
            let from = self.now.max(caller.counted_to);
            let to = end.saturating_sub(fate.life().max(looks_back));
            if from >= to {
                continue;
            }
            caller.counted_to = to;
            let misses = missing(&self.processes, self.balance.as_ref());
            let misses = misses.map(|inside| (inside, self.service.service_time));
            caller.time((class, &fate), (from, to), misses);
            let mut visits = 0;
            for round in 0..caller.offsets.len() {
                // Visits blocked in one round may return within the same stretch.
                let spans = match round {
                    0 => vec![(from, to)],
                    _ => caller.returning_within(round, from, to),
                };
                for span in spans {
                    if fate.how == Ending::Captured {
                        let (processes, balance) = (&self.processes, self.balance.as_ref());
                        let lost = caller.lost((class, round), span, &fate, processes, balance);
                        caller.tally.acked_lost += lost;
                    }
                    visits += caller.count(round, span, &fate, self.horizon);
                }
            }
            self.put_by(&fate, visits);
        }
    }

    /// Counts one signer who comes back within a counted stretch.
    pub fn count_return(&mut self, who: VisitId) {
        let fate = self.fates_now()[who.class].clone();
        self.put_by(&fate, 1);
        let caller = &mut self.callers[who.class];
        caller.tally.count(&fate, who.round, 1);
        let wrote_at = who.arrived + caller.offsets[who.round] + fate.ends;
        let home = caller.home;
        let process = match &self.balance {
            None => 0,
            Some(balance) => balance.drawn(who, 1, home).unwrap_or(0),
        };
        if fate.how == Ending::Captured && self.is_lost_ack(who, wrote_at, process) {
            self.callers[who.class].tally.acked_lost += 1;
        }
        if fate.blocked() {
            self.send_away(who);
        }
    }

    /// What counted visits have put into the spool, if that is their fate. They end while the
    /// answer of now is in force.
    fn put_by(&mut self, fate: &Fate, visits: u64) {
        if fate.how == Ending::Spooled && visits > 0 {
            spool::take(&mut self.spool, self.now, visits * u64::from(fate.presses));
        }
    }
}

/// The inside of a process that gets presses, if some of them may miss a cache there; all are warm.
fn missing<'a>(
    processes: &'a [Process],
    balance: Option<&Balance>,
) -> Option<&'a ServiceState<'a>> {
    let process = balance.map_or(Some(0), |balance| balance.rotation().first().copied())?;
    let inside = processes[process].service_state.as_ref()?;
    inside.may_miss().then_some(inside)
}

impl Caller<'_> {
    /// Notes how long the first arrivals of `span` take, if that is asked: all the same, or one by
    /// one if some of them miss a cache.
    fn time(
        &mut self,
        (class, fate): (usize, &Fate),
        (from, to): (SimTime, SimTime),
        misses: Option<(&ServiceState, SimDuration)>,
    ) {
        let Some(times) = &mut self.times else {
            return;
        };
        let Some((inside, work)) = misses else {
            times.counted.push((from, to, fate.ends));
            return;
        };
        self.arrivals.for_each(from, to, |arrival| {
            let who = VisitId::first(class, arrival.index, arrival.at);
            times.add(arrival.at, work + inside.in_stores(who, 1));
        });
    }

    /// Spans of first arrivals that come back in `round` between `from` and `to`.
    pub fn returning_within(
        &self,
        round: usize,
        from: SimTime,
        to: SimTime,
    ) -> Vec<(SimTime, SimTime)> {
        let offset = self.offsets[round];
        // A return before `offset` would belong to an arrival before the start.
        let (from, to) = (from.saturating_sub(offset), to.saturating_sub(offset));
        let spans = &self.returning[round];
        let first = spans.partition_point(|span| span.1 <= from);
        let spans = spans[first..].iter().take_while(|span| span.0 < to);
        let cut = spans.map(|span| (span.0.max(from), span.1.min(to)));
        cut.filter(|span| span.0 < span.1).collect()
    }

    /// Counts the first arrivals of `span`, in their visit number `round`. How many are they? Those
    /// of the plainest fate are not looked at, and 0.
    fn count(
        &mut self,
        round: usize,
        span: (SimTime, SimTime),
        fate: &Fate,
        horizon: SimTime,
    ) -> u64 {
        if round == 0 && fate.plain() {
            return 0;
        }
        let n = self.arrivals.count(span.0, span.1);
        self.tally.count(fate, round, n);
        if round == 0 {
            self.accounted += n;
            if fate.blocked() {
                self.failing.push(span);
            }
        }
        if fate.blocked() {
            self.send_all_away(round, span, n, horizon);
        }
        n
    }

    /// The number of captured first arrivals of `span`, of class number `class`, that are lost
    /// afterwards. Where it depends on each one's shard or process, they are checked one by one.
    fn lost(
        &self,
        (class, round): (usize, usize),
        span: (SimTime, SimTime),
        fate: &Fate,
        processes: &[Process],
        balance: Option<&Balance>,
    ) -> u64 {
        let wrote_after = self.offsets[round] + fate.ends;
        let mut lost = 0;
        for (place, process) in processes.iter().enumerate() {
            let (lost_acks, inside) = (process.lost_acks, process.service_state.as_ref());
            for (number, acks) in lost_acks.iter().enumerate() {
                let from = acks.from.saturating_sub(wrote_after).max(span.0);
                let to = acks.to.saturating_sub(wrote_after).min(span.1);
                if from >= to {
                    continue;
                }
                if acks.shard.is_none() && balance.is_none() {
                    lost += self.arrivals.count(from, to);
                    continue;
                }
                self.arrivals.for_each(from, to, |arrival| {
                    let who = VisitId {
                        class,
                        index: arrival.index,
                        arrived: arrival.at,
                        round,
                    };
                    let drawn = balance.map(|balance| balance.drawn(who, 1, self.home));
                    let here = drawn.is_none_or(|drawn| drawn == Some(place));
                    let with = lost_with(lost_acks, inside, who, arrival.at + wrote_after);
                    lost += u64::from(here && with == Some(number));
                });
            }
        }
        lost
    }

    /// All of `span` were blocked in `round`: they come back, or do not.
    pub fn send_all_away(
        &mut self,
        round: usize,
        span: (SimTime, SimTime),
        n: u64,
        horizon: SimTime,
    ) {
        self.blocked_from = self.blocked_from.min(span.0);
        let Some(offset) = self.offsets.get(round + 1) else {
            self.tally.abandoned += n;
            return;
        };
        let in_time = horizon.saturating_sub(*offset).min(span.1);
        if in_time <= span.0 {
            self.tally.still_pending += n;
            return;
        }
        self.returning[round + 1].push((span.0, in_time));
        self.tally.still_pending += self.arrivals.count(in_time, span.1);
    }
}

impl Tally {
    /// Adds `n` visits of `fate` in their visit number `round`. Where the blocked go is not known
    /// here.
    fn count(&mut self, fate: &Fate, round: usize, n: u64) {
        let extra_writes = n * u64::from(fate.presses - 1);
        match (fate.how, round) {
            (Ending::Captured, 0) => self.captured_first_try += n,
            (Ending::Captured, _) => self.captured_on_return += n,
            (Ending::Spooled, _) => {
                self.spooled += n;
                self.spooled_on_return += if round > 0 { n } else { 0 };
            }
            (Ending::Failed(cause), _) => {
                self.failed[cause as usize] += n * u64::from(fate.presses);
                return;
            }
        }
        self.captured_twice += extra_writes;
    }
}
