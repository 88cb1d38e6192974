//! What types cannot say about how workloads grow, and what is doubtful about it.

use sim::SimDuration;

use super::mib;
use crate::findings::Findings;
use crate::redis::evict::Evictable;
use crate::spec::growth::{GrowthSpec, StepSpec};
use crate::spec::redis::CommandsFollow;
use crate::spec::{NeedSpec, WorkloadSpec};
use crate::world::WorldSpec;

/// The longest lifetime of a key.
const LIFETIME_MAX: SimDuration = SimDuration::from_days(3650);

/// What a member of a set takes at least, about: 48 MB for 1,000,000 were measured with Redis
/// 7.0.15.
const MEMBER_BYTES: f64 = 40.0;

/// The most members of one key.
const MEMBERS_MAX: u32 = 100_000_000;

/// Beyond this factor the stated dataset is not the one at which a workload settles.
const SETTLED: f64 = 1.25;

/// Can a need miss, with all keys asked for equally often?
fn counts_evenly(need: &NeedSpec) -> bool {
    need.misses.is_some_and(|misses| misses.hot.is_none())
}

impl WorldSpec {
    pub(super) fn check_variation(&self, found: &mut Findings) {
        for (i, workload) in self.workloads.iter().enumerate() {
            let key = |key: &str| format!("workload[{i}].{key}");
            found.unless(
                workload
                    .largest_key
                    .is_none_or(|members| (1..=MEMBERS_MAX).contains(&members)),
                key("largest_key"),
                "a key has some members, and not more than fit",
                "give 1 to 100000000 members, or leave the key out",
            );
            let members = f64::from(workload.largest_key.unwrap_or(0));
            found.unless(
                members * MEMBER_BYTES <= workload.dataset.as_f64() || members > MEMBERS_MAX.into(),
                key("largest_key"),
                "the key is larger than the workload's `dataset`: a member takes some 40 bytes",
                "give fewer members",
            );
            let follows = workload.commands_follow == Some(CommandsFollow::Growth);
            found.unless(
                !follows || workload.growth.is_some(),
                key("commands_follow"),
                "there is no growth that commands could follow",
                "add `[workload.growth]`, or leave `commands_follow` out",
            );
            let lifetime = workload.lifetime.unwrap_or(SimDuration::from_secs(1));
            found.unless(
                lifetime > SimDuration::ZERO && lifetime <= LIFETIME_MAX,
                key("lifetime"),
                "no key lives for no time, or for more than ten years",
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

    /// Rates of new keys that are not what they seem.
    pub(super) fn doubts_about_rates(&self, doubts: &mut Vec<String>) {
        let expires = self.workloads.iter().any(|w| w.lifetime.is_some());
        if expires && self.faults.iter().any(|fault| fault.kind().adds_data()) {
            doubts.push(
                "keys that a fault adds stay until somebody deletes them, in a workload with a \
                 lifetime too: memory falls later than it would"
                    .to_owned(),
            );
        }
        for workload in &self.workloads {
            let name = &workload.name;
            let writes = workload.commands.get() * workload.writes.get();
            if workload.new_keys.get() > writes * (1.0 + 1e-9) {
                doubts.push(format!(
                    "workload {name} adds {} keys, and only {writes:.1} of its commands a second \
                     write; raise `commands` or `writes`",
                    workload.new_keys
                ));
            }
            let Some(growth) = &workload.growth else {
                continue;
            };
            let mean = growth.mean();
            if !(1.0 / SETTLED..=SETTLED).contains(&mean) {
                doubts.push(format!(
                    "workload {name}: growth.hourly and growth.weekly have a mean of {mean:.2}, so \
                     that the rate is not the stated {} on average; give factors with a mean of 1",
                    workload.new_keys
                ));
            }
            let late = |step: &&StepSpec| step.at.median() >= self.horizon;
            if let Some(step) = growth.steps.iter().find(late) {
                doubts.push(format!(
                    "workload {name}: a step of growth comes at {}, after the end of most trials; \
                     raise `horizon`",
                    step.at.median()
                ));
            }
        }
    }

    /// Caches that will be evicted, where a service counts on their hits.
    pub(super) fn doubts_about_evictions(&self, doubts: &mut Vec<String>) {
        let policy = self.redis.maxmemory_policy;
        for plan in self.layout.layout().place(&self.system()) {
            let Some(limit) = self.redis.maxmemory_on(plan.node_memory) else {
                return;
            };
            let whole = self.redis.fullest_shard.get() * plan.part;
            let ends = plan
                .workloads
                .iter()
                .map(|w| self.held_at_end(&self.workloads[*w]));
            let held = ends.sum::<f64>() * whole;
            if held <= limit || plan.cell > 0 {
                continue;
            }
            let may_go = |workload: &WorkloadSpec| match policy.evictable() {
                Evictable::Nothing => false,
                Evictable::Volatile => workload.expires,
                Evictable::Everything => true,
            };
            let unless = match self.enlarges_nodes() {
                true => " unless larger nodes come first",
                false => "",
            };
            for service in &self.services {
                for need in service.needs.iter().filter(|need| counts_evenly(need)) {
                    let evicted = plan.workloads.iter().map(|w| &self.workloads[*w]);
                    let mut evicted = evicted.filter(|w| w.name == need.workload && may_go(w));
                    if evicted.next().is_some() {
                        doubts.push(format!(
                            "keys of the {} cluster are evicted once it is full, by the end {:.0} \
                             % of them{}, and requests of {} for {} are taken to ask for all keys \
                             equally often, so they miss as many more. A real cache keeps its hot \
                             keys and misses fewer: give needs.misses.hot",
                            plan.name,
                            100.0 * (1.0 - limit / held),
                            unless,
                            service.name,
                            need.workload,
                        ));
                    }
                }
            }
        }
    }

    /// Policies that evict nothing, and caches that have more room after they lost everything.
    pub(super) fn doubts_about_room(&self, doubts: &mut Vec<String>) {
        let policy = self.redis.maxmemory_policy;
        let volatile = policy.evictable() == Evictable::Volatile;
        if volatile && self.workloads.iter().all(|workload| !workload.expires) {
            doubts.push(
                "redis.maxmemory_policy evicts only keys with a TTL, and no workload has any \
                 (workload.expires): a full node refuses writes, as under noeviction"
                    .to_owned(),
            );
        }
        let mut faults = self.faults.iter();
        let loses = faults.any(|fault| fault.kind().deletes());
        if policy.evictable() == Evictable::Nothing || !(loses || self.redis.persistence.is_none())
        {
            return;
        }
        for workload in self.workloads.iter().filter(|w| w.lifetime.is_none()) {
            let mut needs = self.services.iter().flat_map(|service| &service.needs);
            if needs.any(|need| need.misses.is_some() && need.workload == workload.name) {
                doubts.push(format!(
                    "keys of {} that come back after a flush or a start without data take no \
                     memory in the model, so a cache that was full has room for longer than a real \
                     one, and losing all data may seem to help; give the workload a `lifetime`",
                    workload.name
                ));
            }
        }
    }

    /// Bytes that a workload would hold at the end, were nothing refused or evicted, at the stated
    /// rate.
    pub(super) fn held_at_end(&self, workload: &WorkloadSpec) -> f64 {
        let each = workload.bytes_per_key(workload.value_size, self.failover.cluster_mode()) as f64;
        let lasts = workload
            .lifetime
            .map_or(self.horizon, |life| life.min(self.horizon));
        let gone = workload
            .lifetime
            .map_or(0.0, |life| lasts.as_secs_f64() / life.as_secs_f64());
        workload.dataset.as_f64() * (1.0 - gone)
            + workload.new_keys.get() * lasts.as_secs_f64() * each
    }

    /// Workloads whose keys expire, and that do not begin where they settle.
    pub(super) fn doubts_about_lifetimes(&self, doubts: &mut Vec<String>) {
        let cluster = self.failover.cluster_mode();
        for workload in &self.workloads {
            let Some(lifetime) = workload.lifetime else {
                continue;
            };
            let each = workload.bytes_per_key(workload.value_size, cluster) as f64;
            let usual = workload.growth.as_ref().map_or(1.0, GrowthSpec::mean);
            let settles = usual * workload.new_keys.get() * lifetime.as_secs_f64() * each;
            let held = workload.dataset.as_f64();
            if settles > held * SETTLED || held > settles * SETTLED {
                let WorkloadSpec { name, .. } = workload;
                let varied = if usual == 1.0 {
                    String::new()
                } else {
                    format!(" x {usual:.2}")
                };
                doubts.push(format!(
                    "workload {name} begins with {}, and settles at {} ({} x {lifetime} x \
                     {each:.0} B a key{varied}); give that as `dataset` if it has run for long",
                    mib(held),
                    mib(settles),
                    workload.new_keys
                ));
            }
        }
    }
}
