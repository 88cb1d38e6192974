//! What types cannot say about how workloads grow, and what is doubtful about it.

use sim::SimDuration;
use sim::quantity::Bytes;

use crate::findings::Findings;
use crate::spec::WorkloadSpec;
use crate::world::WorldSpec;

/// The longest lifetime of a key.
const LIFETIME_MAX: SimDuration = SimDuration::from_days(3650);

/// Beyond this factor the stated dataset is not the one at which a workload settles.
const SETTLED: f64 = 1.25;

impl WorldSpec {
    pub(super) fn check_variation(&self, found: &mut Findings) {
        for (i, workload) in self.workloads.iter().enumerate() {
            let key = |key: &str| format!("workload[{i}].{key}");
            let lifetime = workload.lifetime.unwrap_or(SimDuration::from_secs(1));
            found.unless(
                lifetime > SimDuration::ZERO && lifetime <= LIFETIME_MAX,
                key("lifetime"),
                "keys cannot live so long",
                "give more than 0s and at most 3650d, or leave the key out for keys that stay",
            );
            found.unless(
                workload.lifetime.is_none() || workload.expires,
                key("expires"),
                "keys with a lifetime carry a TTL",
                "set `expires = true`, or take `lifetime` out",
            );
            let Some(growth) = &workload.growth else {
                continue;
            };
            found.unless(
                growth.hourly.as_ref().is_none_or(|hours| hours.len() == 24),
                key("growth.hourly"),
                "a day has 24 hours",
                "give 24 factors, the first for the hour after midnight",
            );
            found.unless(
                growth.weekly.as_ref().is_none_or(|days| days.len() == 7),
                key("growth.weekly"),
                "a week has 7 days",
                "give 7 factors, the first for Monday",
            );
            found.unless(
                growth.band.is_none_or(|band| band.get() >= 1.0),
                key("growth.band"),
                "a band around a rate is as wide above it as below",
                "give a factor of at least \"1x\", such as \"1.5x\"",
            );
            for (n, step) in growth.steps.iter().enumerate() {
                found.dist(key(&format!("growth.step[{n}].at")), &step.at);
            }
        }
    }

    /// Workloads whose keys expire, and that do not begin where they settle.
    pub(super) fn doubts_about_lifetimes(&self, doubts: &mut Vec<String>) {
        let cluster = self.failover.cluster_mode();
        for workload in &self.workloads {
            let Some(lifetime) = workload.lifetime else {
                continue;
            };
            let each = workload.bytes_per_key(workload.value_size, cluster) as f64;
            let settles = workload.new_keys.get() * lifetime.as_secs_f64() * each;
            let held = workload.dataset.as_f64();
            if settles > held * SETTLED || held > settles * SETTLED {
                let WorkloadSpec { name, .. } = workload;
                let (held, settles) = (workload.dataset, Bytes::from_f64(settles));
                doubts.push(format!(
                    "workload {name} begins with {held}, and settles at {settles} ({} x {lifetime} \
                     x {each:.0} B a key); give that as `dataset` if it has run for long",
                    workload.new_keys
                ));
            }
        }
    }
}
