//! One line for each quantity under each setting: how far the model is from the measurements.
//!
//! The bounds: medians within 5 %, 95th percentiles within 10 %, and a Kolmogorov-Smirnov test that
//! does not tell the distributions apart at 1 %. Medians within 50 ms of each other stand in for
//! the first and the last: the measuring machine was busy. Shares are within 15 points. A client
//! library follows within 10 % or 250 ms, by the medians alone. How long a node takes to free keys
//! is a rate of the machine: medians are within a factor of 2 or 50 ms. A known miss is printed
//! with its reason.

use failover::lab::{Fault, LabRun, Setting};
use sim::SimDuration;

use super::read::Group;
use super::simulate::{Order, simulate};
use crate::error::Error;
use crate::progress::Bar;
use crate::stats::binomial::binomial_p;
use crate::stats::kolmogorov::{TwoSample, two_sample};
use crate::stats::{LEVEL, quantile};

const MEDIAN_WITHIN: f64 = 0.05;
const P95_WITHIN: f64 = 0.10;
const P_ABOVE: f64 = 0.01;
const NEAR_S: f64 = 0.050;
const SHARE_WITHIN: f64 = 0.15;
const REMOVED_FACTOR: f64 = 2.0;
const FOLLOW_WITHIN: f64 = 0.10;
/// A service with ten requests a second notices up to 100 ms later.
const FOLLOW_NEAR_S: f64 = 0.250;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// From the fault until a majority held the primary for failed.
    Detect,
    /// From the fault until a replica was promoted.
    Promote,
    /// From the client's first failed write to the first good one after the last failure.
    Unavailable,
    /// The share of runs in which a replica was promoted although the primary was resumed.
    FailoverShare,
    /// From a replica's promotion to the first request of a client library that succeeds.
    Follow,
    /// From the stop of the only replica until its primary refuses a write with -NOREPLICAS.
    NoReplicas,
    /// From the start of a script to the first answer of its node, which is -BUSY.
    Busy,
    /// How long a command occupies a node's thread that deletes keys.
    Removed,
    /// From the kill of a primary without persistence until its last replica is empty.
    Emptied,
    /// The share of the keys that replicas have in the end.
    KeptShare,
}

impl Quantity {
    /// A share, and no time.
    pub fn is_share(self) -> bool {
        matches!(self, Quantity::FailoverShare | Quantity::KeptShare)
    }
}

/// One sample's figures: seconds, or shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// How many values there are.
    pub n: usize,
    /// Of how many runs.
    pub runs: usize,
    /// The median; for a share, the share.
    pub median: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
}

impl Figures {
    /// Of times in seconds, of so many runs.
    pub(super) fn of(values: &[f64], runs: usize) -> Figures {
        let at = |share: f64| quantile(values, share, LEVEL).map(|quantile| quantile.value);
        Figures {
            n: values.len(),
            runs,
            median: at(0.5),
            p95: at(0.95),
        }
    }

    /// The mean of shares, one for each run.
    pub(super) fn mean(shares: &[f64]) -> Figures {
        let runs = shares.len();
        let mean = shares.iter().sum::<f64>() / runs as f64;
        Figures {
            n: runs,
            runs,
            median: (runs > 0).then_some(mean),
            p95: None,
        }
    }
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Condition and setting, for people.
    pub setting: String,
    /// What is compared.
    pub quantity: Quantity,
    /// The real Redis.
    pub measured: Figures,
    /// The model.
    pub simulated: Figures,
    /// The test of the two samples.
    pub test: Option<TwoSample>,
    /// For a share: how often chance alone is at least as unlikely as what was measured.
    pub share_p: Option<f64>,
    /// The reason for a known miss.
    pub known: Option<&'static str>,
}

/// What a line comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within all bounds.
    Holds,
    /// Beyond these.
    Misses(Vec<String>),
    /// It misses a bound for a known reason.
    Known(&'static str),
    /// There is nothing to compare.
    Undefined(&'static str),
}

/// Compares every group with as many simulated runs as are asked for.
pub fn judge(groups: &[Group], order: Order, bar: &mut Bar) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for group in groups {
        let (setting, phases) = (&group.setting, &group.phases);
        let runs = simulate(setting, phases, &group.words, order, bar)?;
        lines.extend(compare(group, &runs));
        bar.show(&group.words);
    }
    Ok(lines)
}

fn compare(group: &Group, runs: &[LabRun]) -> Vec<Line> {
    let times: [(Quantity, Time); 3] = [
        (Quantity::Detect, |run| run.servers.detect),
        (Quantity::Promote, |run| run.servers.promote),
        (Quantity::Unavailable, |run| run.unavailable()),
    ];
    let mut lines = Vec::new();
    for ((quantity, time), measured) in times.into_iter().zip(&group.values) {
        let Some(measured) = measured else { continue };
        let simulated = seconds(runs, time);
        lines.push(Line {
            setting: group.words.clone(),
            quantity,
            measured: Figures::of(measured, group.runs),
            simulated: Figures::of(&simulated, runs.len()),
            test: two_sample(measured, &simulated),
            share_p: None,
            known: None,
        });
    }
    if let (Some(promoted), true) = (&group.values[1], is_resumed(&group.setting)) {
        let measured = share(promoted.len(), group.runs);
        let late = runs.iter().filter(|run| run.servers.promote.is_some());
        let simulated = share(late.count(), runs.len());
        lines.push(Line {
            setting: group.words.clone(),
            quantity: Quantity::FailoverShare,
            measured,
            simulated,
            test: None,
            share_p: simulated
                .median
                .map(|share| binomial_p(group.runs, promoted.len(), share)),
            known: None,
        });
    }
    lines
}

type Time = fn(&LabRun) -> Option<SimDuration>;

fn seconds(runs: &[LabRun], time: Time) -> Vec<f64> {
    let times = runs.iter().filter_map(time);
    times.map(SimDuration::as_secs_f64).collect()
}

fn is_resumed(setting: &Setting) -> bool {
    let fault = match setting {
        Setting::Cluster(cluster) => cluster.fault,
        Setting::Sentinel(sentinel) => sentinel.fault,
    };
    match fault {
        Fault::Crash => false,
        Fault::Hang { resumed_after } => resumed_after.is_some(),
    }
}

fn share(hits: usize, runs: usize) -> Figures {
    Figures {
        n: runs,
        runs,
        median: Some(hits as f64 / runs as f64),
        p95: None,
    }
}

impl Line {
    /// How far the simulated median is from the measured one, relative to that.
    pub fn median_rel(&self) -> Option<f64> {
        relative(self.measured.median?, self.simulated.median?)
    }

    /// The same of the 95th percentiles.
    pub fn p95_rel(&self) -> Option<f64> {
        relative(self.measured.p95?, self.simulated.p95?)
    }

    /// How far the medians, or the shares, are apart.
    pub fn apart(&self) -> Option<f64> {
        Some(self.simulated.median? - self.measured.median?)
    }

    /// The verdict by the bounds.
    pub fn verdict(&self) -> Verdict {
        match self.quantity {
            Quantity::Follow => return self.follows(),
            Quantity::Removed => return self.takes_as_long(),
            _ => {}
        }
        let Some(apart) = self.apart() else {
            return match (self.measured.n, self.simulated.n) {
                (0, 0) => Verdict::Undefined("never, in both"),
                (0, _) => Verdict::Undefined("never measured"),
                (_, _) => Verdict::Misses(vec!["never simulated".to_owned()]),
            };
        };
        let mut misses = Vec::new();
        if self.quantity.is_share() {
            if apart.abs() > SHARE_WITHIN {
                misses.push("share".to_owned());
            }
        } else {
            let near = apart.abs() <= NEAR_S;
            let beyond = |rel: Option<f64>, bound: f64| rel.is_none_or(|rel| rel.abs() > bound);
            if beyond(self.median_rel(), MEDIAN_WITHIN) && !near {
                misses.push("median".to_owned());
            }
            if beyond(self.p95_rel(), P95_WITHIN) {
                misses.push("p95".to_owned());
            }
            if self.test.is_none_or(|test| test.p <= P_ABOVE) && !near {
                misses.push("KS".to_owned());
            }
        }
        match misses.is_empty() {
            true => Verdict::Holds,
            false => Verdict::Misses(misses),
        }
    }
}

impl Line {
    /// The verdict on a client library; whether it follows at all is compared too.
    fn follows(&self) -> Verdict {
        let miss = match (self.measured.median, self.simulated.median) {
            (None, None) => None,
            (None, Some(_)) => Some("never measured"),
            (Some(_), None) => Some("never simulated"),
            (Some(measured), Some(simulated)) => {
                let within = (FOLLOW_WITHIN * measured.abs()).max(FOLLOW_NEAR_S);
                ((simulated - measured).abs() > within).then_some("median")
            }
        };
        match (miss, self.known) {
            (None, _) => Verdict::Holds,
            (Some(_), Some(why)) => Verdict::Known(why),
            (Some(miss), None) => Verdict::Misses(vec![miss.to_owned()]),
        }
    }
}

impl Line {
    /// The verdict on how long keys take to be deleted.
    fn takes_as_long(&self) -> Verdict {
        let (measured, simulated) = match (self.measured.median, self.simulated.median) {
            (None, _) => return Verdict::Undefined("never measured"),
            (Some(_), None) => return Verdict::Undefined("the model has no rule for it"),
            (Some(measured), Some(simulated)) => (measured, simulated),
        };
        let near = (simulated - measured).abs() <= NEAR_S;
        let alike =
            simulated <= REMOVED_FACTOR * measured && measured <= REMOVED_FACTOR * simulated;
        match (near || alike, self.known) {
            (true, _) => Verdict::Holds,
            (false, Some(why)) => Verdict::Known(why),
            (false, None) => Verdict::Misses(vec!["median".to_owned()]),
        }
    }
}

/// Undefined next to nothing.
fn relative(measured: f64, simulated: f64) -> Option<f64> {
    (measured != 0.0).then(|| simulated / measured - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(measured: (usize, f64, f64), simulated: (usize, f64, f64), p: f64) -> Line {
        let figures = |(n, median, p95)| Figures {
            n,
            runs: 40,
            median: (n > 0).then_some(median),
            p95: (n > 0).then_some(p95),
        };
        Line {
            setting: "A".to_owned(),
            quantity: Quantity::Promote,
            measured: figures(measured),
            simulated: figures(simulated),
            test: Some(TwoSample { statistic: 0.2, p }),
            share_p: None,
            known: None,
        }
    }

    fn misses(line: &Line) -> Vec<String> {
        match line.verdict() {
            Verdict::Misses(bounds) => bounds,
            Verdict::Holds => Vec::new(),
            Verdict::Undefined(why) | Verdict::Known(why) => panic!("{why}"),
        }
    }

    #[test]
    fn each_bound_is_missed_by_itself() {
        let real = (40, 2.0, 3.0);
        assert_eq!(misses(&line(real, (40, 2.09, 3.2), 0.02)), [""; 0]);
        assert_eq!(misses(&line(real, (40, 2.11, 3.2), 0.02)), ["median"]);
        assert_eq!(misses(&line(real, (40, 1.89, 3.2), 0.02)), ["median"]);
        assert_eq!(misses(&line(real, (40, 2.0, 3.31), 0.02)), ["p95"]);
        assert_eq!(misses(&line(real, (40, 2.06, 3.2), 0.01)), ["KS"]);
    }

    #[test]
    fn medians_within_50_ms_stand_in_for_median_and_distribution_but_not_for_the_tail() {
        let real = (40, 0.5, 0.9);
        assert_eq!(misses(&line(real, (40, 0.549, 0.95), 0.0)), [""; 0]);
        assert_eq!(
            misses(&line(real, (40, 0.551, 0.95), 0.0)),
            ["median", "KS"]
        );
        assert_eq!(misses(&line(real, (40, 0.549, 1.0), 0.0)), ["p95"]);
    }

    #[test]
    fn what_did_not_happen_is_not_compared() {
        let nothing = (0, 0.0, 0.0);
        let undefined = |line: &Line| line.verdict();
        let both = line(nothing, nothing, 1.0);
        assert_eq!(undefined(&both), Verdict::Undefined("never, in both"));
        let unmeasured = line(nothing, (3, 1.0, 1.0), 1.0);
        assert_eq!(undefined(&unmeasured), Verdict::Undefined("never measured"));
        assert_eq!(unmeasured.median_rel(), None);
        let unsimulated = line((3, 1.0, 1.0), nothing, 1.0);
        assert_eq!(misses(&unsimulated), ["never simulated"]);
    }

    #[test]
    fn shares_may_be_15_points_apart() {
        let of = |measured: usize, simulated: usize| Line {
            quantity: Quantity::FailoverShare,
            measured: share(measured, 100),
            simulated: share(simulated, 100),
            test: None,
            ..line((0, 0.0, 0.0), (0, 0.0, 0.0), 1.0)
        };
        assert_eq!(misses(&of(50, 64)), [""; 0]);
        assert_eq!(misses(&of(50, 34)), ["share"]);
        assert_eq!(of(0, 10).median_rel(), None, "relative to nothing");
        assert_eq!(misses(&of(0, 10)), [""; 0]);
    }

    #[test]
    fn keys_go_within_a_factor_of_2_or_50_ms() {
        let of = |measured: f64, simulated: Option<f64>, known| {
            let figures = |median| Figures {
                n: 10,
                runs: 10,
                median,
                p95: None,
            };
            let line = Line {
                quantity: Quantity::Removed,
                measured: figures(Some(measured)),
                simulated: figures(simulated),
                known,
                ..line((0, 0.0, 0.0), (0, 0.0, 0.0), 1.0)
            };
            line.verdict()
        };
        let missed = Verdict::Misses(vec!["median".to_owned()]);
        assert_eq!(of(0.5, Some(0.99), None), Verdict::Holds);
        assert_eq!(of(0.5, Some(1.01), None), missed);
        assert_eq!(of(0.5, Some(0.26), None), Verdict::Holds);
        assert_eq!(of(0.5, Some(0.24), None), missed);
        assert_eq!(of(0.04, Some(0.0), None), Verdict::Holds);
        assert_eq!(of(0.5, Some(0.0), Some("so")), Verdict::Known("so"));
        let nothing = Verdict::Undefined("the model has no rule for it");
        assert_eq!(of(0.5, None, None), nothing);
    }

    #[test]
    fn a_library_follows_within_a_tenth_or_250_ms_or_in_neither() {
        let of = |measured: Option<f64>, simulated: Option<f64>, known| {
            let figures = |median| Figures {
                n: 10,
                runs: 10,
                median,
                p95: None,
            };
            let line = Line {
                quantity: Quantity::Follow,
                measured: figures(measured),
                simulated: figures(simulated),
                known,
                ..line((0, 0.0, 0.0), (0, 0.0, 0.0), 1.0)
            };
            line.verdict()
        };
        let misses = |what: &str| Verdict::Misses(vec![what.to_owned()]);
        assert_eq!(of(Some(0.05), Some(0.29), None), Verdict::Holds);
        assert_eq!(of(Some(0.05), Some(0.31), None), misses("median"));
        assert_eq!(of(Some(10.0), Some(10.9), None), Verdict::Holds);
        assert_eq!(of(Some(10.0), Some(11.1), None), misses("median"));
        assert_eq!(of(None, None, None), Verdict::Holds);
        assert_eq!(of(None, Some(1.0), None), misses("never measured"));
        assert_eq!(of(Some(1.0), None, None), misses("never simulated"));
        assert_eq!(of(Some(1.0), None, Some("so")), Verdict::Known("so"));
        assert_eq!(of(Some(1.0), Some(1.0), Some("so")), Verdict::Holds);
    }
}
