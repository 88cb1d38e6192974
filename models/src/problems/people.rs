//! What types cannot say about people and their runbook.

use crate::findings::Findings;
use crate::runbook::{StepSpec, WhenSpec};
use crate::spec::{AlertSpec, MetricSpec};
use crate::world::WorldSpec;

/// Conditions of a step that never hold together.
const EXCLUDE_EACH_OTHER: [(WhenSpec, WhenSpec); 3] = [
    (WhenSpec::Named, WhenSpec::Unnamed),
    (WhenSpec::Failing, WhenSpec::NotFailing),
    (WhenSpec::Overloaded, WhenSpec::NotFailing),
];

impl WorldSpec {
    pub(super) fn check_people(&self, found: &mut Findings) {
        let people = &self.people;
        for (name, dist) in [
            ("notice", &people.notice),
            ("notice_unalerted", &people.notice_unalerted),
            ("acknowledge", &people.acknowledge),
            ("diagnose", &people.diagnose),
            ("diagnose_named", &people.diagnose_named),
        ] {
            found.dist(format!("people.{name}"), dist);
        }
        if let Some(look) = &people.look {
            found.dist("people.look", look);
        }
        let drawn = found.dist("people.verify", &people.verify);
        found.unless(
            !drawn || people.verify.median() > sim::SimDuration::ZERO,
            "people.verify",
            "people would take step after step while no time passes",
            "give a positive duration such as { kind = \"constant\", value = \"60s\" }",
        );
        found.unless(
            people.hourly.as_ref().is_none_or(|hours| hours.len() == 24),
            "people.hourly",
            "a day has 24 hours",
            "give 24 factors, the first for the trial's first hour",
        );
        found.unless(
            people.fatigue.is_none_or(|factor| factor.get() >= 1.0),
            "people.fatigue",
            "tired people would respond sooner than rested ones",
            "give a factor of at least 1x, or leave the key out",
        );
        self.check_reported(found);
        for (i, step) in people.runbook.iter().enumerate() {
            self.check_step(found, i, step);
        }
    }

    /// Times by the clock of a report come in their order.
    fn check_reported(&self, found: &mut Findings) {
        let times = self.people.reported.unwrap_or_default();
        let (mut before, mut latest) = ("", None);
        for (name, at) in [
            ("noticed", times.noticed),
            ("acknowledged", times.acknowledged),
            ("cause_known", times.cause_known),
        ] {
            let Some(at) = at else { continue };
            found.unless(
                latest.is_none_or(|latest| latest <= at),
                format!("people.reported.{name}"),
                &format!("it comes before `{before}`"),
                "give each of them a later minute than the one before",
            );
            (before, latest) = (name, Some(at));
        }
    }

    fn check_step(&self, found: &mut Findings, i: usize, step: &StepSpec) {
        let key = |field: &str| format!("people.runbook[{i}].{field}");
        found.dist(key("takes"), &step.takes);
        if let Some(decide) = &step.decide {
            found.dist(key("decide"), decide);
        }
        let both = |(one, other): &&(WhenSpec, WhenSpec)| {
            step.when.contains(one) && step.when.contains(other)
        };
        found.unless(
            EXCLUDE_EACH_OTHER.iter().find(both).is_none(),
            key("when"),
            "two of its conditions never hold together, so the step would never be taken",
            "take one of them out",
        );
        let latency = |alert: &AlertSpec| matches!(alert.metric, MetricSpec::Latency { .. });
        found.unless(
            !step.when.contains(&WhenSpec::Slow) || self.alerts.iter().any(latency),
            key("when"),
            "`slow` needs a rule on latency, and there is none: the step would never be taken",
            "add an [[alert]] with metric = { kind = \"latency\", … }, or take `slow` out",
        );
        let remedy = step.action.remedy();
        remedy.check(&key("action"), &self.system(), found);
    }
}
