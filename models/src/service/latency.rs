//! How long a service's requests take, as alerts on latency see it while the trial runs.
//!
//! ```text
//!  need 1   90 % at once        10 % hang, 2 s, then fail       ┐ outcomes of a request, with
//!  need 2   all 5 ms late                                       ┘ their shares and times
//! ```
//!
//! Each rule asks for one number that is linear in the outcomes, so that it can be averaged over
//! requests and time: the mean over the threshold, or the share of requests that reach the
//! threshold over the share that may. From 1 on the rule holds.
//!
//! This is the steady state of what Redis answers. It knows nothing of the service's own queue, nor
//! of presses that are repeated, of bulkheads, breakers and caches: minutes in which requests take
//! longer than it says are found by the count, and known in a further run of the trial
//! (`overload.rs`).

use demand::answer::{Answer, Cause};
use demand::{Control, MinuteTimes};
use sim::dist::Dist;
use sim::{SimDuration, SimTime};

use super::overload::{self, FAILED_MIN, Overload};
use super::process::Answered;
use super::timeline::{ShareTimeline, highest, mean};
use super::{Instead, Need, Service};
use crate::spec::client::ClientSpec;
use crate::spec::store::Store;
use crate::spec::{MetricSpec, ServiceSpec};

/// What a rule on latency asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyRule {
    /// From how long on it holds.
    pub threshold: SimDuration,
    /// The percentile as a share; absent: the mean.
    pub percentile: Option<f64>,
}

/// How long requests take, for rules on latency.
#[derive(Clone, Debug)]
pub struct Latency {
    /// How long they take when nothing holds them up.
    durations: Durations,
    rules: Vec<Watched>,
}

/// A rule, and what it asks for.
#[derive(Clone, Debug)]
struct Watched {
    rule: LatencyRule,
    /// By what Redis answers, in the mean over the requests of all processes.
    explained: ShareTimeline,
    /// As metrics show it: the last minute that was counted may be slower.
    shown: ShareTimeline,
}

impl Latency {
    /// What these rules see of a service.
    pub fn new(
        spec: &ServiceSpec,
        stores: &[Store],
        rules: impl Iterator<Item = LatencyRule>,
    ) -> Latency {
        Latency {
            durations: Durations::new(spec, stores),
            rules: rules.map(Watched::new).collect(),
        }
    }

    /// How long requests take, if a rule asks.
    pub(super) fn timed(&self) -> Option<&Durations> {
        (!self.rules.is_empty()).then_some(&self.durations)
    }

    /// Somebody changes how the service works.
    pub(super) fn control(&mut self, control: Control) {
        match control {
            Control::StopRetries => self.durations.client.retries = 0,
            Control::Restart | Control::Shed(_) | Control::Scale(_) | Control::ScaleStore(..) => {}
        }
    }

    /// Each process's requests go like this from now on.
    pub(super) fn set(
        &mut self,
        now: SimTime,
        (processes, spool): (&[Answered], bool),
        (overload, gateway_timeout): (&Overload, SimDuration),
    ) {
        let Latency { durations, rules } = self;
        let spooled = Durations::start();
        for (place, watched) in rules.iter_mut().enumerate() {
            let asked = |process: &Answered| {
                let outcomes = if spool { &spooled } else { &process.outcomes };
                process.part * durations.asked(&watched.rule, outcomes)
            };
            let sum: f64 = processes.iter().map(asked).sum();
            let parts: f64 = processes.iter().map(|process| process.part).sum();
            let explained = sum / parts;
            let counted = overload.slow_shown(place, now, gateway_timeout);
            watched.explained.set(now, explained);
            watched.shown.set(now, explained.max(counted));
        }
    }
}

impl Watched {
    fn new(rule: LatencyRule) -> Watched {
        Watched {
            rule,
            explained: ShareTimeline::new(),
            shown: ShareTimeline::new(),
        }
    }
}

impl Service {
    /// From how long on each rule on latency counts a request, in their order.
    pub fn latency_limits(&self) -> Vec<SimDuration> {
        let rules = self.latency.rules.iter();
        rules.map(|watched| watched.rule.threshold).collect()
    }

    /// What a rule on latency asks for, over the requests in `[from, to)`, and the most at any
    /// instant of it, as its metrics show it at `to`. The rule holds from 1 on.
    pub fn latency(&self, rule: &LatencyRule, from: SimTime, to: SimTime) -> (f64, f64) {
        let mut rules = self.latency.rules.iter();
        let place = rules.position(|watched| watched.rule == *rule);
        let place = place.expect("it was named when the service was built");
        let Watched {
            explained, shown, ..
        } = &self.latency.rules[place];
        let (window, visits) = ((from, to), self.load.visits());
        let known = || {
            self.overload
                .slow(place, window, self.load.gateway_timeout())
        };
        // A long window knows by now which minutes were slow; a short one has only what shows.
        let counted = mean(explained, window, visits, known());
        let mean = counted.max(mean(shown, window, visits, std::iter::empty()));
        let most = known().map(|(.., asked)| asked).fold(0.0, f64::max);
        (mean, most.max(highest(shown, from, to)).max(shown.last()))
    }

    /// Does some rule on latency hold, as its metrics show it now?
    pub fn is_slow(&self) -> bool {
        let mut rules = self.latency.rules.iter();
        rules.any(|watched| watched.shown.last() >= 1.0)
    }

    /// The minutes of this run that were slow beyond what the infrastructure explains, for each
    /// rule on latency. Each entry of `counts` is a minute with what its requests took.
    pub fn slow_minutes(
        &self,
        overload: Overload,
        counts: &[(u64, MinuteTimes)],
        end: SimTime,
    ) -> Overload {
        let rules = self.latency.rules.iter().enumerate();
        let times = (self.load.gateway_timeout(), end);
        let slow = rules.map(|(n, of)| found((n, &of.rule), counts, &of.explained, times));
        overload.with_slow(slow.collect())
    }
}

/// One way in which a request goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    pub share: f64,
    /// How long it waits, in seconds.
    waits: f64,
    /// Has it failed?
    failed: bool,
}

/// How long requests take when nothing holds them up, and at most.
#[derive(Clone, Debug)]
pub(super) struct Durations {
    work: Dist,
    gateway_timeout: SimDuration,
    client: ClientSpec,
    /// What a request takes in each slower store.
    stores: Vec<SimDuration>,
}

impl Durations {
    /// Those of a service.
    fn new(spec: &ServiceSpec, stores: &[Store]) -> Durations {
        let constant = Dist::Constant {
            value: spec.service_time,
        };
        Durations {
            work: spec.work.clone().unwrap_or(constant),
            gateway_timeout: spec.gateway_timeout,
            client: spec.client.clone(),
            stores: stores.iter().map(|store| store.takes).collect(),
        }
    }

    /// A request that has called nothing yet.
    pub(super) fn start() -> Vec<Outcome> {
        vec![Outcome {
            share: 1.0,
            waits: 0.0,
            failed: false,
        }]
    }

    /// After a further need, of which each answer comes with its share of the keys, and which
    /// `misses` a share of what Redis answers.
    pub(super) fn after(
        &self,
        before: &[Outcome],
        answers: impl Iterator<Item = (Answer, f64)> + Clone,
        (need, misses): (&Need, f64),
    ) -> Vec<Outcome> {
        let mut after: Vec<Outcome> = Vec::new();
        let mut add = |outcome: Outcome| {
            let same = |o: &&mut Outcome| o.waits == outcome.waits && o.failed == outcome.failed;
            match after.iter_mut().find(same) {
                Some(same) => same.share += outcome.share,
                None => after.push(outcome),
            }
        };
        for outcome in before {
            if outcome.failed {
                add(*outcome);
                continue;
            }
            let missed = answers
                .clone()
                .map(|(answer, share)| match answer.captures() {
                    true => (answer, share * misses, self.stored(need)),
                    false => (answer, 0.0, 0.0),
                });
            let hit = answers
                .clone()
                .map(|(answer, share)| match answer.captures() {
                    true => (answer, share * (1.0 - misses), 0.0),
                    false => (answer, share, 0.0),
                });
            for (answer, share, stored) in hit.chain(missed).filter(|(_, share, _)| *share > 0.0) {
                let (waits, failed) = self.meets(answer, need);
                let waits = outcome.waits + waits + stored;
                let late = waits >= self.gateway_timeout.as_secs_f64();
                add(Outcome {
                    share: outcome.share * share,
                    waits,
                    failed: failed || late,
                });
            }
        }
        after
    }

    /// How long a request waits for a need that answers like this, in seconds, and whether it fails
    /// of it.
    fn meets(&self, answer: Answer, need: &Need) -> (f64, bool) {
        let waits = match answer {
            Answer::Ok | Answer::Spool => return (0.0, false),
            Answer::Late(after) => return (after.as_secs_f64(), false),
            Answer::Unacknowledged(after) => {
                let retries = self.client.gives_up_after(Cause::Unacknowledged);
                retries.map(|retries| retries + after)
            }
            Answer::Error(cause) => self.client.gives_up_after(cause),
            Answer::Hang => self.client.gives_up_after(Cause::Timeout),
        };
        let waits = waits.map_or(f64::INFINITY, SimDuration::as_secs_f64);
        match need.instead {
            Instead::Nothing => (waits, true),
            Instead::Spared | Instead::Store(_) => (waits + self.stored(need), false),
        }
    }

    /// What a request takes in the store behind a need, in seconds.
    fn stored(&self, need: &Need) -> f64 {
        let store = need.store.map(|store| self.stores[store]);
        store.map_or(0.0, SimDuration::as_secs_f64)
    }

    /// What a rule asks for, given how requests go.
    pub(super) fn asked(&self, rule: &LatencyRule, outcomes: &[Outcome]) -> f64 {
        let most = self.gateway_timeout.as_secs_f64();
        match rule.percentile {
            None => {
                let work = self.work.mean().as_secs_f64();
                let took = |o: &Outcome| (o.waits + if o.failed { 0.0 } else { work }).min(most);
                let mean: f64 = outcomes.iter().map(|o| o.share * took(o)).sum();
                mean / rule.threshold.as_secs_f64()
            }
            Some(percentile) => {
                let slow = |o: &Outcome| match o.failed {
                    true => f64::from(o.waits.min(most) >= rule.threshold.as_secs_f64()),
                    false => self.works_for(rule.threshold.as_secs_f64() - o.waits),
                };
                let share: f64 = outcomes.iter().map(|o| o.share * slow(o)).sum();
                share / (1.0 - percentile)
            }
        }
    }

    /// The share of requests whose work takes at least so many seconds: found by halving.
    fn works_for(&self, seconds: f64) -> f64 {
        let reaches = |at: f64| self.work.quantile(at).as_secs_f64() >= seconds;
        let (mut below, mut above) = (1e-9, 1.0 - 1e-9);
        if reaches(below) {
            return 1.0;
        }
        if !reaches(above) {
            return 0.0;
        }
        while above - below > 1e-6 {
            let middle = (below + above) / 2.0;
            match reaches(middle) {
                true => above = middle,
                false => below = middle,
            }
        }
        1.0 - above
    }
}

impl LatencyRule {
    /// The rule of a metric, with the service that it is about and its window; none if the metric
    /// is another.
    pub fn of(metric: &MetricSpec) -> Option<(LatencyRule, &str, SimDuration)> {
        let MetricSpec::Latency {
            service,
            threshold,
            window,
            percentile,
        } = metric
        else {
            return None;
        };
        let rule = LatencyRule {
            threshold: *threshold,
            percentile: percentile.map(|share| share.get()),
        };
        Some((rule, service, *window))
    }

    /// What it asks for in a minute that was counted; `slow` of the presses reached the threshold.
    fn counted(&self, times: &MinuteTimes, slow: u64) -> f64 {
        let count = times.count.max(1) as f64;
        match self.percentile {
            None => times.sum.as_secs_f64() / count / self.threshold.as_secs_f64(),
            Some(percentile) => slow as f64 / count / (1.0 - percentile),
        }
    }
}

/// Minutes in which requests took longer than the infrastructure explains, ascending, with what a
/// rule asks for.
pub(super) type SlowMinutes = Vec<(u64, f64)>;

/// So much of its threshold more than is explained makes a minute count for a rule (an assumption).
const BEYOND: f64 = 0.1;

/// The slow minutes of rule number `rule`.
pub(super) fn found(
    (number, rule): (usize, &LatencyRule),
    counts: &[(u64, MinuteTimes)],
    explained: &ShareTimeline,
    (gateway_timeout, end): (SimDuration, SimTime),
) -> SlowMinutes {
    let beyond = |(minute, times): &(u64, MinuteTimes)| {
        let slow = times.slow.get(number).copied().unwrap_or_default();
        let asked = rule.counted(times, slow);
        let (from, to) = overload::around(*minute, gateway_timeout);
        let counts = times.count >= FAILED_MIN && to <= end;
        (counts && asked > highest(explained, from, to) + BEYOND).then_some((*minute, asked))
    };
    counts.iter().filter_map(beyond).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClusterId, Id};
    use crate::spec::service::{Access, Keys};

    const SERVICE: &str = "name = 'api'\nworkers = 10\nqueue_limit = 0\ngateway_timeout = '30s'
        service_time = '20ms'\nneeds = []
        client = { command_timeout = '1s', retries = 3, backoff = '0s', retries_on = ['timeout'],
            topology_refresh = '1s' }";

    /// The mean over a second.
    const MEAN: LatencyRule = LatencyRule {
        threshold: SimDuration::from_secs(1),
        percentile: None,
    };

    fn latency() -> Latency {
        let spec = toml::from_str(SERVICE).expect("a service");
        let store = Store {
            workers: 1,
            takes: SimDuration::from_secs(5),
            queue_limit: 0,
        };
        Latency::new(&spec, &[store], std::iter::once(MEAN))
    }

    fn need(instead: Instead, store: Option<usize>) -> Need {
        Need {
            cluster: ClusterId::from_index(0),
            workload: 0,
            access: Access::Read,
            keys: Keys::All,
            parts: 1,
            instead,
            misses: None,
            store,
        }
    }

    /// What the rule asks for while this need answers like that.
    fn mean(latency: &Latency, answer: Answer, need: &Need) -> f64 {
        let (durations, answers) = (&latency.durations, std::iter::once((answer, 1.0)));
        let outcomes = durations.after(&Durations::start(), answers, (need, 0.0));
        durations.asked(&MEAN, &outcomes)
    }

    #[test]
    fn a_client_that_no_longer_retries_gives_up_sooner() {
        let (mut latency, need) = (latency(), need(Instead::Nothing, None));
        assert_eq!(mean(&latency, Answer::Hang, &need), 4.0);
        latency.control(Control::StopRetries);
        assert_eq!(mean(&latency, Answer::Hang, &need), 1.0);
    }

    #[test]
    fn what_is_optional_is_asked_of_its_store_too() {
        let hang = |need: Need| mean(&latency(), Answer::Hang, &need);
        assert!((hang(need(Instead::Spared, None)) - 4.02).abs() < 1e-9);
        assert!((hang(need(Instead::Spared, Some(0))) - 9.02).abs() < 1e-9);
        assert!((hang(need(Instead::Store(0), Some(0))) - 9.02).abs() < 1e-9);
    }

    #[test]
    fn processes_weigh_as_much_as_they_get_requests() {
        let mut latency = latency();
        let process = |waits, part| Answered {
            outcomes: vec![Outcome {
                share: 1.0,
                waits,
                failed: true,
            }],
            part,
            ..Answered::all(Answer::Hang)
        };
        // A process that hangs for 4 s gets a third of what the other one gets.
        let both = [process(4.0, 0.5), process(0.0, 1.5)];
        let counted = (&Overload::default(), SimDuration::from_secs(30));
        latency.set(SimTime::ZERO, (&both, false), counted);
        assert_eq!(latency.rules[0].explained.last(), 1.0);
    }
}
