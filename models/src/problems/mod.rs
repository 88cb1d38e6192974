//! What types cannot check in a scenario: every finding at once, each with its key and its help.

mod alerts;
mod clients;
mod connections;
mod disks;
mod doubts;
mod failover;
mod faults;
mod gateway;
mod growth;
mod hazards;
mod layout;
mod maxmemory;
mod people;
mod replication;
mod scaling;
mod servers;
mod signers;
mod size;
mod stores;
mod traffic;

use sim::SimDuration;
use sim::quantity::Bytes;

use crate::check::spec::{ActionSpec, CheckSpec, JudgeSpec};
use crate::findings::{Findings, Problem};
use crate::spec::autoscaler::AddsSpec;
use crate::spec::redis::MaxmemoryPolicy;
use crate::spec::service::Access;
use crate::spec::store::Store;
use crate::spec::{NeedSpec, ServiceSpec};
use crate::world::WorldSpec;

/// A size, in words.
fn mib(bytes: f64) -> String {
    format!("{:.0} MiB", bytes / Bytes::from_mib(1).as_f64())
}

impl WorldSpec {
    /// Everything that is wrong with this scenario; empty if it can be run.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Findings::default();
        found.unless(
            self.horizon > SimDuration::ZERO,
            "horizon",
            "a trial of no length shows nothing",
            "give a positive duration such as \"2d\"",
        );
        self.check_size(&mut found);
        self.check_workloads(&mut found);
        self.check_variation(&mut found);
        self.check_redis(&mut found);
        self.check_layout(&mut found);
        self.check_replication(&mut found);
        self.check_services(&mut found);
        self.check_signers(&mut found);
        self.check_traffic(&mut found);
        for (i, check) in self.health_checks.iter().enumerate() {
            self.check_health(&mut found, i, check);
        }
        self.check_remedies(&mut found);
        self.check_people(&mut found);
        self.check_alerts(&mut found);
        self.check_faults(&mut found);
        self.check_hazards(&mut found);
        found.all()
    }

    fn workload_names(&self) -> Vec<&str> {
        self.workloads.iter().map(|w| w.name.as_str()).collect()
    }

    fn service_names(&self) -> Vec<&str> {
        self.services.iter().map(|s| s.name.as_str()).collect()
    }

    fn check_workloads(&self, found: &mut Findings) {
        found.unless(
            !self.workloads.is_empty(),
            "workload",
            "no workload uses Redis",
            "add a [[workload]] table",
        );
        found.distinct("workload", &self.workload_names());
        for (i, workload) in self.workloads.iter().enumerate() {
            let key = |field: &str| format!("workload[{i}].{field}");
            found.unless(
                workload.value_size.get() > 0,
                key("value_size"),
                "values of 0 bytes cannot vary in length",
                "give the mean length of a value such as \"1KiB\"",
            );
            found.unless(
                workload.value_size_shape.get() > 0.0,
                key("value_size_shape"),
                "no distribution has such a shape",
                "give a factor above 0x: \"1x\" is exponential, larger is more even",
            );
            let Some(queue) = workload.queue else {
                continue;
            };
            found.unless(
                queue.capacity.get() > queue.jobs.get(),
                key("queue.capacity"),
                "the consumers would never keep up",
                "give more jobs per second than come in (`queue.jobs`)",
            );
            found.unless(
                queue.job_size.get() > 0,
                key("queue.job_size"),
                "jobs of 0 bytes cannot vary in length",
                "give the mean length of a job such as \"1KiB\"",
            );
        }
    }

    fn check_redis(&self, found: &mut Findings) {
        let redis = &self.redis;
        found.unless(
            redis.shards >= 1,
            "redis.shards",
            "a cluster needs a primary",
            "give at least 1",
        );
        found.unless(
            redis.hosts > redis.replicas,
            "redis.hosts",
            "a replica would stand on the same host as its primary, and be lost with it",
            "give at least replicas + 1 hosts",
        );
        found.unless(
            redis.system_reserve < redis.node_memory,
            "redis.system_reserve",
            "nothing is left of the node's memory",
            "give less than redis.node_memory",
        );
        let fullest = redis.fullest_shard.get();
        found.unless(
            fullest * f64::from(redis.shards) >= 1.0 - 1e-9 && fullest <= 1.0,
            "redis.fullest_shard",
            "the fullest shard cannot hold less than an equal part",
            "give at least 100 % divided by redis.shards",
        );
        found.unless(
            redis.maxmemory.is_none_or(|limit| !limit.is_zero()),
            "redis.maxmemory",
            "nothing could be stored",
            "give a size or a share above 0, or leave the key out for no limit (`maxmemory 0`)",
        );
        found.unless(
            redis.maxmemory_policy == MaxmemoryPolicy::Noeviction || redis.maxmemory.is_some(),
            "redis.maxmemory_policy",
            "eviction never begins without a limit",
            "set redis.maxmemory too",
        );
        found.unless(
            (redis.fresh_fragmentation).is_none_or(|fresh| fresh.get() >= 1.0),
            "redis.fresh_fragmentation",
            "resident memory cannot be less than used memory",
            "give a factor of at least \"1x\"",
        );
        found.unless(
            redis.fragmentation.get() >= 1.0,
            "redis.fragmentation",
            "resident memory cannot be less than used memory",
            "give a factor of at least \"1x\"",
        );
        self.check_failover(found);
        self.check_connections(found);
        let persistence = redis.persistence.iter().flat_map(|spec| spec.problems());
        for (key, wrong, help) in persistence {
            found.unless(false, format!("redis.persistence.{key}"), wrong, help);
        }
        for (key, wrong, help) in redis.supervisor.iter().flat_map(|spec| spec.problems()) {
            found.unless(false, format!("redis.supervisor.{key}"), wrong, help);
        }
        let limited = redis.maxmemory.is_some();
        for (key, wrong, help) in redis.pubsub.iter().flat_map(|spec| spec.problems(limited)) {
            found.unless(false, format!("redis.pubsub.{key}"), wrong, help);
        }
    }

    fn check_services(&self, found: &mut Findings) {
        found.unless(
            !self.services.is_empty(),
            "service",
            "no service uses Redis",
            "add a [[service]] table",
        );
        found.distinct("service", &self.service_names());
        self.check_stores(found);
        for (i, service) in self.services.iter().enumerate() {
            found.unless(
                service.workers > 0,
                format!("service[{i}].workers"),
                "without workers no request is served",
                "give at least 1",
            );
            found.unless(
                service.gateway_timeout > service.service_time,
                format!("service[{i}].gateway_timeout"),
                "the gateway gives up before a healthy request is done",
                "give more than service_time",
            );
            if let Some(work) = &service.work {
                found.dist(format!("service[{i}].work"), work);
            }
            let stores = match self.check_needs(found, i) {
                true => self.stores_of(service),
                false => Vec::new(),
            };
            check_processes(found, i, (service, &stores), self.layout.layout().cells());
            servers::check_balancer(found, i, service);
            if let Some(servers) = &service.servers {
                servers::check_servers(found, i, (servers, service.workers));
            }
            self.check_spool(found, i);
            self.check_wait(found, i, service);
            self.check_client(found, i, &service.client);
        }
        let services = self.service_names();
        for (i, component) in self.components.iter().enumerate() {
            for (n, name) in component.services.iter().enumerate() {
                found.known(
                    format!("component[{i}].services[{n}]"),
                    "service",
                    name,
                    &services,
                );
            }
        }
        for (i, caller) in self.callers.iter().enumerate() {
            found.known(
                format!("caller[{i}].service"),
                "service",
                &caller.service,
                &services,
            );
        }
    }

    /// Writes wait for replicas that there are, and not for ever.
    fn check_wait(&self, found: &mut Findings, i: usize, service: &ServiceSpec) {
        let Some(wait) = service.wait else {
            return;
        };
        found.unless(
            wait.replicas <= self.redis.replicas,
            format!("service[{i}].wait.replicas"),
            "with fewer replicas than that, every write waits for the whole timeout",
            "give at most redis.replicas",
        );
        found.unless(
            wait.timeout > SimDuration::ZERO,
            format!("service[{i}].wait.timeout"),
            "WAIT with a timeout of 0 waits for ever",
            "give a positive duration such as \"100ms\"",
        );
        let writes = |need: &NeedSpec| need.access == Access::Write;
        found.unless(
            service.needs.iter().any(writes),
            format!("service[{i}].wait"),
            "WAIT is for writes, and no need of this service writes",
            "give a need `access = \"write\"`, or leave `wait` out",
        );
    }

    /// What a check may open must be there.
    fn check_spool(&self, found: &mut Findings, i: usize) {
        let service = &self.services[i];
        let opens = |check: &CheckSpec| check.actions.contains(&ActionSpec::OpenSpool);
        let captures = self.captures().any(|name| name == service.name);
        found.unless(
            service.spool.is_some() || !captures || !self.health_checks.iter().any(opens),
            format!("service[{i}].spool"),
            "a health check opens the spool of this service, and it has none",
            "write `spool = { drain = \"100/s\" }`: so many writes a second are replayed later",
        );
        found.unless(
            service.spool.is_none_or(|spool| spool.drain.get() > 0.0),
            format!("service[{i}].spool.drain"),
            "what is in the spool would stay there for ever",
            "give more than 0/s",
        );
    }

    fn check_health(&self, found: &mut Findings, i: usize, check: &CheckSpec) {
        let key = |field: &str| format!("health_check[{i}].{field}");
        found.unless(
            check.interval > SimDuration::ZERO,
            key("interval"),
            "probes would never stop",
            "give a positive duration such as \"10s\"",
        );
        found.unless(
            check.timeout <= check.interval,
            key("timeout"),
            "a probe would outlive the next one",
            "give at most the interval",
        );
        let fine = match check.judge {
            JudgeSpec::Consecutive { fall, rise } => fall >= 1 && rise >= 1,
            JudgeSpec::Quorum {
                observers,
                agree,
                fall,
                rise,
            } => fall >= 1 && rise >= 1 && agree >= 1 && agree <= observers,
        };
        found.unless(
            fine,
            key("judge"),
            "no run of answers could ever lead to a verdict",
            "give fall and rise of at least 1, and agree between 1 and observers",
        );
        let probe = check.probe.probe();
        probe.check(&key("probe"), &self.system(), found);
        let fails_over = check.actions.contains(&ActionSpec::FailOver)
            || check.actions.contains(&ActionSpec::FailOverToPassing);
        found.unless(
            !fails_over || self.redis.replicas >= 1,
            key("actions"),
            "there is no replica to fail over to",
            "give redis.replicas of at least 1, or take the action out",
        );
    }

    fn check_remedies(&self, found: &mut Findings) {
        if let Some(scaler) = &self.autoscaler {
            found.dist("autoscaler.provision", &scaler.provision);
            found.unless(
                scaler.step.get() > 1.0,
                "autoscaler.step",
                "the new nodes would not be larger",
                "give a factor above 1x",
            );
            found.unless(
                scaler.adds == AddsSpec::Memory || self.failover.has_slots(),
                "autoscaler.adds",
                "only Redis Cluster has slots that move to new shards",
                "write failover.kind = \"cluster-bus\" or \"managed\", or adds = \"memory\"",
            );
        }
    }
}

/// Each process has a part of what its service has.
fn check_processes(
    found: &mut Findings,
    i: usize,
    (service, stores): (&ServiceSpec, &[Store]),
    cells: usize,
) {
    let processes = service.process_count() as u64;
    let in_cell = |all: u32| u64::from(all).div_ceil(cells.max(1) as u64);
    let workers = in_cell(service.workers);
    found.unless(
        processes >= 1 && (service.workers == 0 || workers >= processes),
        format!("service[{i}].processes"),
        "each process needs a worker, in each cell of the layout",
        &format!("give at least 1, and at most {workers} with these workers and cells"),
    );
    let smallest = stores.iter().map(|store| in_cell(store.workers)).min();
    let workers = smallest.unwrap_or(u64::MAX);
    found.unless(
        workers >= processes,
        format!("service[{i}].processes"),
        "each process needs a worker of the slower store (`fallback`), in each cell of the layout",
        &format!(
            "give at most {workers}: so many workers of the store are free for this service in a \
             cell, less those that are `busy` and those of other services"
        ),
    );
}
