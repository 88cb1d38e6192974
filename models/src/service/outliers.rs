//! Processes that a load balancer ejects because their requests fail, and when they are back.
//!
//! ```text
//!  requests   ok ok ✗ ok ✗ ✗ ✗ ✗ ✗ ─► ejected ──── 30 s, then 60 s, … ────► next sweep: back
//!                        5 in a row
//! ```
//!
//! The rules are those of Envoy's outlier detection (`outlier_detection_impl.cc`). When so many
//! requests in a row have failed is drawn: requests come to a process at random, and each fails
//! with the share that the service's metrics show for that process. So nobody has to follow
//! requests while the trial runs, and lazy and eager trials eject at the same instants.

use rand::RngExt;
use rand::distr::Open01;
use sim::{EventKey, Rng, SimDuration, SimTime, StreamKey};

use super::failing::Load;
use crate::event::{BalancerTimer, Cx, Event, Grid};
use crate::ids::ServiceId;
use crate::spec::balancer::OutliersSpec;

/// What a load balancer knows of the failures of each process.
#[derive(Clone, Debug)]
pub(super) struct Outliers {
    spec: OutliersSpec,
    service: ServiceId,
    processes: Vec<Watched>,
    /// When ejected processes may come back.
    sweeps: Grid,
    draws: StreamKey,
}

/// One process.
#[derive(Clone, Debug, Default)]
struct Watched {
    run: Option<Run>,
    ejected: bool,
    /// How many times `ejected_for` it was out last, at most one less for each sweep since.
    times: u32,
    returned: SimTime,
    /// The sweep that ends its ejection.
    returns: Option<EventKey>,
    /// Runs of failures until now.
    runs: u64,
}

/// Failures that will be so many in a row.
#[derive(Clone, Debug)]
struct Run {
    failures: Failures,
    /// Requests until then, at `since`.
    left: f64,
    since: SimTime,
    /// When the last of them comes.
    come: Option<SimTime>,
    event: Option<EventKey>,
}

/// How the requests of a process fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Failures {
    /// The share of them that fails.
    pub share: f64,
    /// How long after it came.
    pub after: SimDuration,
    /// How many of the service's visits, over its processes, it gets as requests.
    pub part: f64,
}

impl Outliers {
    /// Nothing has failed. `first` is the time of the first sweep.
    pub fn new(
        spec: OutliersSpec,
        (processes, service): (usize, ServiceId),
        first: SimTime,
        draws: StreamKey,
    ) -> Outliers {
        let every = spec.every;
        Outliers {
            spec,
            service,
            processes: vec![Watched::default(); processes],
            sweeps: Grid { first, every },
            draws,
        }
    }

    /// Is a process ejected?
    pub fn is_ejected(&self, process: usize) -> bool {
        self.processes[process].ejected
    }

    /// The requests of a process fail like this from now on.
    pub fn note(&mut self, process: usize, failures: Failures, load: &Load, cx: &mut Cx) {
        let watched = &mut self.processes[process];
        let same = |run: &Run| run.failures == failures;
        if watched.ejected || watched.run.as_ref().is_some_and(same) {
            return;
        }
        let before = watched.run.take();
        if let Some(event) = before.as_ref().and_then(|run| run.event) {
            cx.agenda.cancel(event);
        }
        if failures.share <= 0.0 || failures.part <= 0.0 {
            return;
        }
        let left = |run: &Run| run.left - run.failures.part * load.come(run.since, cx.now);
        let (left, come) = match before {
            // All have come, and are about to fail.
            Some(run) if left(&run) <= 0.0 => (left(&run), run.come),
            // The same failures, of more or fewer requests.
            Some(run) if run.failures.share == failures.share => (left(&run), None),
            Some(_) | None => {
                let mut rng = self.draws.at(process as u64, watched.runs);
                (
                    requests_until(self.spec.fails, failures.share, &mut rng),
                    None,
                )
            }
        };
        let will = || load.when_come(left / failures.part, cx.now, cx.end);
        let come = come.or_else(will);
        let at = come.map(|at| at.saturating_add(failures.after).max(cx.now));
        let timer = BalancerTimer::Ejects { process };
        let event = Event::Balancer(self.service, timer);
        watched.run = Some(Run {
            failures,
            left,
            since: cx.now,
            come,
            event: at
                .filter(|at| *at < cx.end)
                .map(|at| cx.agenda.at(at, event)),
        });
    }

    /// So many requests of a process in a row have failed: it is ejected, if not too many are.
    pub fn eject(&mut self, process: usize, name: &str, cx: &mut Cx) {
        let ejected = self.processes.iter().filter(|process| process.ejected);
        let share = (ejected.count() + 1) as f64 / self.processes.len() as f64;
        let watched = &mut self.processes[process];
        watched.run = None;
        watched.runs += 1;
        if share > self.spec.at_most.get() {
            return;
        }
        let sweeps =
            cx.now.saturating_since(watched.returned).as_nanos() / self.spec.every.as_nanos();
        let left = u64::from(watched.times).saturating_sub(sweeps);
        watched.times = (left as u32).saturating_add(1);
        watched.ejected = true;
        let lasts = self.spec.ejected_for * u64::from(watched.times);
        let over = cx.now.saturating_add(lasts.min(self.spec.longest));
        let at = self.sweeps.at_or_after(over);
        if at < cx.end {
            let timer = BalancerTimer::Returns { process };
            let event = Event::Balancer(self.service, timer);
            watched.returns = Some(cx.agenda.at(at, event));
        }
        let number = process + 1;
        cx.ledger.trace(cx.now, || {
            format!("{name}: requests to process {number} fail, it is ejected")
        });
    }

    /// An ejected process may get requests again.
    pub fn uneject(&mut self, process: usize, name: &str, cx: &mut Cx) {
        let watched = &mut self.processes[process];
        (watched.ejected, watched.returned) = (false, cx.now);
        if let Some(sweep) = watched.returns.take() {
            cx.agenda.cancel(sweep);
        }
        let number = process + 1;
        cx.ledger.trace(cx.now, || {
            format!("{name}: process {number} is no longer ejected")
        });
    }
}

/// Requests, in the mean time between two of them, until so many in a row have failed.
fn requests_until(fails: u32, share: f64, rng: &mut Rng) -> f64 {
    let wait = |rng: &mut Rng| -rng.sample::<f64, _>(Open01).ln();
    let run = share.powi(fails as i32);
    let mean = match share < 1.0 {
        true => (1.0 - run) / ((1.0 - share) * run),
        false => f64::from(fails),
    };
    if mean > FOLLOWED_MAX {
        // So rare that what happened before does not matter: exponential.
        return mean * wait(rng);
    }
    let (mut requests, mut in_a_row) = (0.0, 0);
    while in_a_row < fails {
        requests += wait(rng);
        let failed = rng.sample::<f64, _>(Open01) <= share;
        in_a_row = if failed { in_a_row + 1 } else { 0 };
    }
    requests
}

/// So many requests are followed one by one until enough in a row have failed.
const FOLLOWED_MAX: f64 = 1_000.0;

#[cfg(test)]
mod tests {
    use super::*;
    use sim::{Purpose, Streams};

    #[test]
    fn failures_in_a_row_take_as_long_as_their_law_says() {
        let streams = Streams::for_trial(1, 1);
        // (1 - s^n) / ((1 - s) s^n) requests: Feller, volume 1, XIII.7.
        for (fails, share, mean) in [
            (5, 1.0, 5.0),
            (5, 0.5, 62.0),
            (3, 0.2, 155.0),
            (5, 0.2, 3_905.0),
        ] {
            let key = streams.key(Purpose(1), fails.into());
            let draw = |number| requests_until(fails, share, &mut key.at(number, 0));
            let count = 4_000;
            let found = (0..count).map(draw).sum::<f64>() / count as f64;
            let error = (found / mean - 1.0).abs();
            assert!(error < 0.06, "{fails} at {share}: {found} for {mean}");
        }
    }
}
