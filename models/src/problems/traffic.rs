//! What types cannot say about rates that vary.

use sim::SimDuration;

use crate::findings::Findings;
use crate::spec::traffic::{BurstsSpec, TrafficSpec};
use crate::world::WorldSpec;

/// Changes between the two rates of bursts in a trial, about; more would be no bursts.
const SWITCHES_MAX: f64 = 1e6;

impl WorldSpec {
    pub(super) fn check_traffic(&self, found: &mut Findings) {
        self.check_rate(found, "signers", &self.signers.traffic());
        for (i, product) in self.products.iter().enumerate() {
            self.check_rate(found, &format!("product[{i}]"), &product.traffic());
        }
        for (i, caller) in self.callers.iter().enumerate() {
            self.check_rate(found, &format!("caller[{i}]"), &caller.traffic());
        }
    }

    fn check_rate(&self, found: &mut Findings, owner: &str, traffic: &TrafficSpec) {
        found.unless(
            traffic.hourly.is_none_or(|hours| hours.len() == 24),
            format!("{owner}.hourly"),
            "a day has 24 hours",
            "give 24 factors, the first for the hour after midnight",
        );
        found.unless(
            traffic.weekly.is_none_or(|days| days.len() == 7),
            format!("{owner}.weekly"),
            "a week has 7 days",
            "give 7 factors, the first for Monday",
        );
        if let Some(bursts) = traffic.bursts {
            self.check_bursts(found, owner, bursts);
        }
        for (i, surge) in traffic.surges.iter().enumerate() {
            found.dist(format!("{owner}.surge[{i}].at"), &surge.at);
            found.dist(format!("{owner}.surge[{i}].lasts"), &surge.lasts);
        }
        found.unless(
            self.clock.is_some() || !traffic.recorded.is_some_and(|series| series.needs_clock()),
            format!("{owner}.recorded"),
            "the series says when by date, and the trial starts on no date",
            "add a [clock] table with `starts` and `zone`, or give seconds as `at_s`",
        );
    }

    fn check_bursts(&self, found: &mut Findings, owner: &str, bursts: &BurstsSpec) {
        let BurstsSpec::Mmpp {
            low_mean,
            high_mean,
            ..
        } = bursts;
        for (name, mean) in [("low_mean", low_mean), ("high_mean", high_mean)] {
            found.unless(
                *mean > SimDuration::ZERO,
                format!("{owner}.bursts.{name}"),
                "each state has to last for some time",
                "give a positive duration such as \"5min\"",
            );
        }
        let cycle = low_mean.as_secs_f64() + high_mean.as_secs_f64();
        found.unless(
            cycle <= 0.0 || 2.0 * self.horizon.as_secs_f64() / cycle <= SWITCHES_MAX,
            format!("{owner}.bursts"),
            "the rate would change more than a million times in a trial",
            "give longer `low_mean` and `high_mean`, or a shorter horizon",
        );
    }
}
