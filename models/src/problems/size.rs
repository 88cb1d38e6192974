//! Scenarios that are too large to simulate: what follows from several keys together. The bounds of
//! single keys are in the schema (`spec/limits.rs`).

use sim::SimDuration;
use sim::quantity::{Bytes, Factor};

use crate::check::spec::JudgeSpec;
use crate::findings::{Findings, counted, grouped};
use crate::spec::growth::GrowthSpec;
use crate::spec::limits::{
    ADDED_MAX, ARRIVALS_MAX, BUS_MEMBERS_MAX, HORIZON_MAX, LOOKS_MAX, NODE_MEMORY_MAX, NODES_MAX,
    SOURCES_MAX,
};
use crate::spec::redis::CommandsFollow;
use crate::spec::traffic::{BurstsSpec, TrafficSpec};
use crate::spec::{FailoverSpec, WorkloadSpec};
use crate::world::WorldSpec;

impl WorldSpec {
    pub(super) fn check_size(&self, found: &mut Findings) {
        found.unless(
            self.horizon <= HORIZON_MAX,
            "horizon",
            "an outage that nobody ends would take too long to simulate",
            &format!("give at most {HORIZON_MAX}"),
        );
        found.unless(
            self.redis.node_memory <= NODE_MEMORY_MAX,
            "redis.node_memory",
            "no machine has so much memory",
            &format!("give at most {NODE_MEMORY_MAX}"),
        );
        self.check_nodes(found);
        self.check_looks(found);
        self.check_arrivals(found);
        self.check_growth(found);
    }

    fn check_nodes(&self, found: &mut Findings) {
        let of_one = u64::from(self.system().most_shards) * (1 + u64::from(self.redis.replicas));
        let clusters = self.layout.layout().place(&self.system()).len() as u64;
        let nodes = of_one * clusters;
        let (most, of_what) = match self.failover {
            FailoverSpec::ClusterBus(_) => (BUS_MEMBERS_MAX, "members of cluster buses"),
            FailoverSpec::Sentinel(_)
            | FailoverSpec::Managed(_)
            | FailoverSpec::Application {}
            | FailoverSpec::None {} => (NODES_MAX, "nodes"),
        };
        found.unless(
            nodes <= most,
            "redis.shards",
            &format!(
                "the trial would have {} in {}",
                counted(nodes, "node"),
                counted(clusters, "cluster")
            ),
            &format!(
                "give fewer shards, replicas or clusters: {} {of_what} can be simulated",
                grouped(most.into())
            ),
        );
        let sources = self
            .faults
            .iter()
            .filter(|fault| fault.kind().adds_data())
            .count();
        found.unless(
            self.workloads.len() + sources <= SOURCES_MAX,
            "fault",
            "too many workloads and faults add data to one cluster",
            &format!("give at most {SOURCES_MAX} workloads and faults that add data"),
        );
    }

    /// Probes and scrapes are events, one by one.
    fn check_looks(&self, found: &mut Findings) {
        let looks = |every: SimDuration, observers: u32| {
            self.horizon.as_secs_f64() / every.as_secs_f64().max(1e-9) * f64::from(observers)
        };
        let checks = self.health_checks.iter().enumerate().map(|(i, check)| {
            let observers = match check.judge {
                JudgeSpec::Consecutive { .. } => 1,
                JudgeSpec::Quorum { observers, .. } => observers,
            };
            let key = format!("health_check[{i}].interval");
            (key, looks(check.interval, observers))
        });
        let alerts = self.alerts.iter().enumerate();
        let alerts = alerts.map(|(i, a)| (format!("alert[{i}].scrape"), looks(a.scrape, 1)));
        let all: Vec<(String, f64)> = checks.chain(alerts).collect();
        let sum: f64 = all.iter().map(|(_, looks)| looks).sum();
        let most = all.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((key, _)) = most.filter(|_| sum > LOOKS_MAX) {
            found.unless(
                false,
                key,
                &format!(
                    "a trial would have {} probes and scrapes",
                    grouped(sum.round() as u128)
                ),
                &format!(
                    "look less often, or shorten `horizon`: {} can be simulated",
                    grouped(LOOKS_MAX as u128)
                ),
            );
        }
    }

    /// Visits and calls of a trial, at the highest rate that the factors can give.
    fn check_arrivals(&self, found: &mut Findings) {
        let products = self.products.iter().enumerate();
        let callers = self.callers.iter().enumerate();
        let all = std::iter::once(("signers.visits".to_owned(), self.signers.traffic()))
            .chain(products.map(|(i, p)| (format!("product[{i}].visits"), p.traffic())))
            .chain(callers.map(|(i, c)| (format!("caller[{i}].calls"), c.traffic())));
        for (key, traffic) in all {
            let arrivals = self.highest(&traffic) * self.horizon.as_secs_f64();
            found.unless(
                arrivals <= ARRIVALS_MAX,
                key,
                &format!(
                    "up to {} of them could come in a trial",
                    grouped(arrivals.round() as u128)
                ),
                &format!(
                    "give a lower rate, smaller factors or a shorter `horizon`: {} can be \
                     simulated",
                    grouped(ARRIVALS_MAX as u128)
                ),
            );
        }
    }

    fn highest(&self, traffic: &TrafficSpec) -> f64 {
        let largest = |factors: Option<&[Factor]>| {
            let factors = factors.unwrap_or_default().iter().map(|f| f.get());
            factors.reduce(f64::max).unwrap_or(1.0)
        };
        let bursts = traffic.bursts.map_or(1.0, |bursts| match bursts {
            BurstsSpec::Mmpp { high, .. } => high.get().max(1.0),
        });
        let surges = traffic
            .surges
            .iter()
            .map(|surge| surge.factor.get().max(1.0));
        let surges: f64 = surges.product();
        let dated = traffic
            .recorded
            .filter(|s| self.clock.is_some() || !s.needs_clock());
        let recorded = dated.into_iter().flat_map(|s| s.rates(self.clock.as_ref()));
        let rate = recorded
            .map(|(_, rate)| rate)
            .fold(traffic.rate.get(), f64::max);
        rate * largest(traffic.hourly) * largest(traffic.weekly) * bursts * surges
    }

    /// Commands per second of a workload, at the highest rate that the factors can give.
    pub(super) fn most_commands(&self, workload: &WorkloadSpec) -> f64 {
        let follows = |follows| match follows {
            CommandsFollow::Growth => {
                let growth = workload.growth.as_ref();
                growth.map_or(1.0, |growth| growth.highest(self.horizon))
            }
            CommandsFollow::Visits => {
                let stated: f64 = self.traffic().map(|(_, of)| of.rate.get()).sum();
                let most: f64 = self.traffic().map(|(_, of)| self.highest(&of)).sum();
                if stated > 0.0 { most / stated } else { 1.0 }
            }
        };
        workload.commands.get() * workload.commands_follow.map_or(1.0, follows)
    }

    fn check_growth(&self, found: &mut Findings) {
        let seconds = self.horizon.as_secs_f64();
        for (i, workload) in self.workloads.iter().enumerate() {
            let most = |growth: &GrowthSpec| growth.highest(self.horizon);
            let varies = workload.growth.as_ref().map_or(1.0, most);
            let keys = workload.new_keys.get() * seconds * varies;
            let bytes = workload.value_size.as_f64() + workload.key_length.as_f64();
            check_added(found, format!("workload[{i}].new_keys"), keys, bytes);
            if let Some(queue) = workload.queue {
                let (jobs, bytes) = (queue.jobs.get() * seconds, queue.job_size.as_f64());
                check_added(found, format!("workload[{i}].queue.jobs"), jobs, bytes);
            }
            let most = self.most_commands(workload);
            let sent = most * workload.write_size.as_f64() * seconds;
            found.unless(
                sent <= ADDED_MAX.as_f64(),
                format!("workload[{i}].commands"),
                &format!("up to {} would be replicated in a trial", shown(sent)),
                &format!("give a lower rate or smaller writes: {ADDED_MAX} can be simulated"),
            );
        }
        for (i, fault) in self.faults.iter().enumerate() {
            let Some((bytes, each)) = fault.kind().added() else {
                continue;
            };
            check_added(found, format!("fault[{i}].reference"), bytes / each, each);
        }
    }
}

fn check_added(found: &mut Findings, key: String, count: f64, bytes: f64) {
    found.unless(
        count <= ARRIVALS_MAX && count * bytes <= ADDED_MAX.as_f64(),
        key,
        &format!(
            "{} keys with {} in all would be added",
            grouped(count.round() as u128),
            shown(count * bytes)
        ),
        &format!(
            "give less: {} keys and {ADDED_MAX} can be simulated",
            grouped(ARRIVALS_MAX as u128)
        ),
    );
}

/// An amount in TiB, where it is at least one.
fn shown(bytes: f64) -> String {
    let tib = Bytes::from_gib(1 << 10).as_f64();
    match bytes >= tib {
        true => format!("{} TiB", grouped((bytes / tib).round() as u128)),
        false => Bytes::from_f64(bytes).to_string(),
    }
}
