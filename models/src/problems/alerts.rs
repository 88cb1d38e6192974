//! What types cannot say about alert rules.

use sim::SimDuration;

use crate::findings::Findings;
use crate::spec::{AlertSpec, MetricSpec};
use crate::world::WorldSpec;

/// More samples in a window than any rule needs: they are all looked at, at every scrape.
const SAMPLES_MAX: u64 = 10_000;

/// More false alarms than anybody would bear.
const FALSE_PER_DAY_MAX: f64 = 1_000.0;

impl WorldSpec {
    pub(super) fn check_alerts(&self, found: &mut Findings) {
        let names: Vec<&str> = self.alerts.iter().map(|a| a.name.as_str()).collect();
        found.distinct("alert", &names);
        for (i, alert) in self.alerts.iter().enumerate() {
            self.check_alert(found, i, alert);
        }
        let cries = |alert: &AlertSpec| alert.false_alarms.is_some();
        found.unless(
            self.people.look.is_some() || !self.alerts.iter().any(cries),
            "people.look",
            "somebody has to look at every false alarm, and nothing says how long that takes",
            "give a distribution such as { kind = \"constant\", value = \"5min\" }",
        );
    }

    fn check_alert(&self, found: &mut Findings, i: usize, alert: &AlertSpec) {
        let key = |field: &str| format!("alert[{i}].{field}");
        found.unless(
            alert.scrape > SimDuration::ZERO,
            key("scrape"),
            "scrapes would never stop",
            "give a positive duration such as \"60s\"",
        );
        found.unless(
            alert.repeat.is_none_or(|repeat| repeat >= alert.scrape),
            key("repeat"),
            "a rule pages at a scrape, so it cannot repeat sooner than at the next one",
            "give at least `scrape`, or leave the key out for 4h",
        );
        found.unless(
            alert.blind_from.is_some() == alert.blind_for.is_some(),
            key("blind_from"),
            "a gap in the metric has a beginning and a length",
            "give both blind_from and blind_for, or neither",
        );
        let day = SimDuration::from_days(1);
        let rate = alert.false_alarms.map_or(0.0, |rate| rate.expected_in(day));
        found.unless(
            rate <= FALSE_PER_DAY_MAX,
            key("false_alarms"),
            "there would be more than 1000 false alarms a day",
            "give a rate such as \"0.3/d\"",
        );
        self.check_metric(found, i, alert);
    }

    fn check_metric(&self, found: &mut Findings, i: usize, alert: &AlertSpec) {
        let key = |field: &str| format!("alert[{i}].metric.{field}");
        let services = self.service_names();
        match &alert.metric {
            MetricSpec::Memory { .. } | MetricSpec::NodeDown {} | MetricSpec::NoPrimary {} => {}
            MetricSpec::MemoryForecast { window, .. } => {
                let samples = window.as_nanos() / alert.scrape.as_nanos().max(1);
                found.unless(
                    (2..=SAMPLES_MAX).contains(&samples),
                    key("window"),
                    "no line can be drawn through fewer than 2 samples, and nobody needs 10,000",
                    "give a window of 2 to 10,000 scrapes",
                );
            }
            MetricSpec::Errors {
                service, window, ..
            } => {
                found.known(key("service"), "service", service, &services);
                found.unless(
                    *window > SimDuration::ZERO,
                    key("window"),
                    "no request falls into it",
                    "give a positive duration such as \"5min\"",
                );
            }
            MetricSpec::Latency {
                service,
                threshold,
                window,
                percentile,
            } => {
                found.known(key("service"), "service", service, &services);
                found.unless(
                    *window > SimDuration::ZERO,
                    key("window"),
                    "no request falls into it",
                    "give a positive duration such as \"5min\"",
                );
                found.unless(
                    percentile.is_none_or(|p| 0.0 < p.get() && p.get() < 1.0),
                    key("percentile"),
                    "the fastest and the slowest request say nothing about the others",
                    "give a share between 0% and 100% such as \"99%\", or leave it out: the mean",
                );
                self.check_threshold(found, &key("threshold"), service, *threshold);
            }
            MetricSpec::BurnRate {
                service,
                objective,
                long,
                short,
                ..
            } => {
                found.known(key("service"), "service", service, &services);
                found.unless(
                    SimDuration::ZERO < *short && short < long,
                    key("short"),
                    "the short window shows whether errors go on, so it must be shorter",
                    "give a positive duration below metric.long, such as a twelfth of it",
                );
                found.unless(
                    objective.get() < 1.0,
                    key("objective"),
                    "there is no budget to burn",
                    "give a share below 100%",
                );
            }
        }
    }

    /// A rule on latency can be quiet, and can hold.
    fn check_threshold(
        &self,
        found: &mut Findings,
        key: &str,
        service: &str,
        threshold: SimDuration,
    ) {
        let Some(service) = self.services.iter().find(|spec| spec.name == service) else {
            return;
        };
        let usual = service
            .work
            .as_ref()
            .map_or(service.service_time, sim::Dist::mean);
        found.unless(
            threshold > usual,
            key,
            &format!("requests take {usual} even if nothing holds them up: it would always hold"),
            "give more than that",
        );
        let most = service.gateway_timeout;
        found.unless(
            threshold <= most,
            key,
            &format!("no request takes longer than the gateway waits, {most}: it would never hold"),
            "give at most service.gateway_timeout",
        );
    }
}
