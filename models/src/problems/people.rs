//! What types cannot say about people and their runbook.

use sim::quantity::Factor;

use crate::findings::Findings;
use crate::spec::{FailoverSpec, RemedySpec, StepSpec};
use crate::world::WorldSpec;

impl WorldSpec {
    pub(super) fn check_people(&self, found: &mut Findings) {
        let people = &self.people;
        for (name, dist) in [
            ("notice", &people.notice),
            ("notice_unalerted", &people.notice_unalerted),
            ("acknowledge", &people.acknowledge),
            ("diagnose", &people.diagnose),
            ("diagnose_named", &people.diagnose_named),
            ("verify", &people.verify),
        ] {
            found.dist(format!("people.{name}"), dist);
        }
        if let Some(look) = &people.look {
            found.dist("people.look", look);
        }
        found.unless(
            people.verify.validate().is_err() || people.verify.median() > sim::SimDuration::ZERO,
            "people.verify",
            "who watches for no time acts without end in no time",
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
            "nobody comes sooner for being tired",
            "give a factor of at least 1x, or leave the key out",
        );
        for (i, step) in people.runbook.iter().enumerate() {
            self.check_step(found, i, step);
        }
    }

    fn check_step(&self, found: &mut Findings, i: usize, step: &StepSpec) {
        let key = |field: &str| format!("people.runbook[{i}].{field}");
        found.dist(key("takes"), &step.takes);
        if let Some(decide) = &step.decide {
            found.dist(key("decide"), decide);
        }
        if let RemedySpec::RaiseMaxmemory { to } | RemedySpec::RaiseOutputLimit { to } = step.action
        {
            found.unless(
                to.get() > 1.0,
                key("action.to"),
                "the limit would not be higher",
                "give a factor above 1x",
            );
        }
        let (workloads, services) = (self.workload_names(), self.service_names());
        match &step.action {
            RemedySpec::Resize { factor, .. } => found.unless(
                factor.get() > 1.0,
                key("action.factor"),
                "the new nodes would not be larger",
                "give a factor above 1x",
            ),
            RemedySpec::Rebuild { factor } => found.unless(
                factor.get() >= 1.0,
                key("action.factor"),
                "the data might not fit into smaller nodes",
                "give a factor of at least 1x",
            ),
            RemedySpec::RaiseMaxmemory { .. } => {
                found.unless(
                    self.redis.maxmemory.is_some(),
                    key("action"),
                    "no node has a limit that could be raised",
                    "set redis.maxmemory, or take the step out",
                );
            }
            RemedySpec::RaiseOutputLimit { to } => self.check_limit(found, i, *to),
            RemedySpec::DeleteKeys { workload, .. } | RemedySpec::StopGrowth { workload } => {
                found.known(key("action.workload"), "workload", workload, &workloads);
            }
            RemedySpec::ShedLoad { service, .. } | RemedySpec::StopRetries { service } => {
                found.known(key("action.service"), "service", service, &services);
            }
            RemedySpec::ScaleServers { service, factor } => {
                found.known(key("action.service"), "service", service, &services);
                found.unless(
                    factor.get() >= 1.0,
                    key("action.factor"),
                    "there would be fewer servers than before",
                    "give a factor of at least 1x",
                );
            }
            RemedySpec::MendConsumers { workload, factor } => {
                self.check_mending(found, i, workload, *factor);
            }
            RemedySpec::RestartNodes { read_only } => found.unless(
                !read_only
                    || matches!(
                        self.failover,
                        FailoverSpec::Application {} | FailoverSpec::None {}
                    ),
                key("action.read_only"),
                "Redis Cluster refuses such a configuration, and Sentinel would mend it",
                "take it out, or set failover.kind to \"application\" or \"none\"",
            ),
            RemedySpec::RestartServers {} | RemedySpec::FailOver {} | RemedySpec::Wait {} => {}
        }
    }

    fn check_mending(&self, found: &mut Findings, i: usize, workload: &str, to: Option<Factor>) {
        let key = |field: &str| format!("people.runbook[{i}].{field}");
        let known = self.workload_names();
        found.known(key("action.workload"), "workload", workload, &known);
        let queues = |w: &&crate::spec::WorkloadSpec| w.name == workload;
        let queue = self.workloads.iter().find(queues).and_then(|w| w.queue);
        found.unless(
            queue.is_some() || !known.contains(&workload),
            key("action.workload"),
            "this workload holds no queue",
            "give it a `queue`, or name one that has one",
        );
        let factor = to.map_or(1.0, |factor| factor.get());
        let keeps_up =
            |queue: crate::spec::redis::QueueSpec| queue.capacity.get() * factor > queue.jobs.get();
        found.unless(
            queue.is_none_or(keeps_up),
            key("action.factor"),
            "the consumers would not keep up, and the backlog never end",
            "give a factor that takes `queue.capacity` above `queue.jobs`",
        );
    }

    fn check_limit(&self, found: &mut Findings, i: usize, to: Factor) {
        let key = |field: &str| format!("people.runbook[{i}].{field}");
        found.unless(
            to.get() > 1.0,
            key("action.to"),
            "the limit would not be higher",
            "give a factor above 1x",
        );
        found.unless(
            self.redis.replication.output_limit.is_some(),
            key("action"),
            "no primary has a limit that could be raised",
            "set redis.replication.output_limit, or take the step out",
        );
    }
}
