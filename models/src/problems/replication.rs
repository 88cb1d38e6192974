//! What can be wrong with replication, full resyncs and partitions.

use sim::SimDuration;

use super::mib;

use crate::findings::{Findings, counted};
use crate::redis::sync::Stages;
use crate::spec::WorkloadSpec;
use crate::spec::limits::SYNC_MAX;
use crate::spec::replication::OutputLimitSpec;
use crate::world::WorldSpec;

/// `repl-timeout`, `min-replicas-max-lag` and their like are whole seconds in Redis.
const SECOND: SimDuration = SimDuration::from_secs(1);

impl WorldSpec {
    pub(super) fn check_replication(&self, found: &mut Findings) {
        for (i, workload) in self.workloads.iter().enumerate() {
            found.unless(
                workload.write_size.get() > 0,
                format!("workload[{i}].write_size"),
                "a write takes at least one byte of the replication stream",
                "give the mean size of a write such as \"300B\"",
            );
        }
        let rules = &self.redis.replication;
        found.unless(
            rules.timeout >= SECOND,
            "redis.replication.timeout",
            "replicas would give their primary up all the time",
            "give at least \"1s\"; Redis ships \"60s\"",
        );
        if let Some(rule) = rules.min_replicas {
            let key = "redis.replication.min_replicas.to_write";
            found.unless(
                rule.to_write >= 1,
                key,
                "with 0 the rule asks for nothing",
                "give at least 1, or leave min_replicas out",
            );
            found.unless(
                rule.to_write <= self.redis.replicas,
                key,
                &format!(
                    "it is {}, but each primary has {} (`redis.replicas`): no write would ever \
                     be accepted",
                    rule.to_write,
                    counted(self.redis.replicas.into(), "replica"),
                ),
                "give at most redis.replicas, or leave min_replicas out",
            );
            found.unless(
                rule.max_lag >= SECOND,
                "redis.replication.min_replicas.max_lag",
                "replicas answer once a second, so they would always be too late",
                "give at least \"1s\"; Redis ships \"10s\"",
            );
        }
        self.check_sync(found);
    }

    fn check_sync(&self, found: &mut Findings) {
        let dataset: f64 = self.workloads.iter().map(|w| w.dataset.as_f64()).sum();
        let sync = &self.redis.sync;
        let cold = sync.cold_memory.map(|cold| cold.fill.get());
        found.unless(
            sync.load_spread.is_none_or(|spread| spread.get() >= 1.0),
            "redis.sync.load_spread",
            "a 90th percentile lies above the median",
            "give a factor of at least 1x, or leave the key out",
        );
        for (key, rate) in [
            ("save_keys", sync.save_keys.get()),
            ("save_bytes", sync.save_bytes.get()),
            ("load_keys", sync.load_keys.get()),
            ("load_bytes", sync.load_bytes.get()),
            ("flush_keys", sync.flush_keys.get()),
            ("network", sync.network.get()),
            ("cold_memory.fill", cold.unwrap_or(f64::INFINITY)),
        ] {
            let key = format!("redis.sync.{key}");
            let wrong = "a full resync would never end";
            found.unless(rate > 0.0, &key, wrong, "give a positive rate");
            // A key takes a byte at least, so there are no more keys than bytes.
            found.unless(
                rate <= 0.0 || dataset / rate <= SYNC_MAX.as_secs_f64(),
                &key,
                &format!("a full resync could take longer than {SYNC_MAX}"),
                "give a higher rate, or smaller datasets",
            );
        }
    }

    /// A full resync during which the primary holds more than it may for the replica.
    pub(super) fn doubts_about_resyncs(&self, doubts: &mut Vec<String>) {
        let redis = &self.redis;
        let limit = redis
            .replication
            .output_limit
            .filter(|_| redis.replicas > 0);
        let Some(OutputLimitSpec {
            hard,
            soft,
            soft_for,
        }) = limit
        else {
            return;
        };
        let [hard, soft] = [hard, soft].map(|bytes| match bytes.get() {
            0 => f64::INFINITY,
            bytes => bytes.max(redis.backlog.get()) as f64,
        });
        for plan in self.layout.layout().place(&self.system()) {
            let (bytes, keys) = self.fullest_at_start(&plan);
            let writes = |workload: &WorkloadSpec| {
                let writes = workload.commands.get() * workload.writes.get();
                writes * workload.write_size.as_f64()
            };
            let rate: f64 = self.workloads_on(&plan).map(writes).sum();
            let rate = rate * plan.part * redis.fullest_shard.get();
            let stages = Stages::new(&redis.sync, bytes, keys, 1, keys);
            let takes = stages.total();
            let held = rate * takes.as_secs_f64();
            let too_long = (held - soft) / rate > soft_for.as_secs_f64();
            if held > hard || too_long {
                doubts.push(format!(
                    "a full resync of cluster {} takes {} at the start, and its fullest primary \
                     holds {} of writes for the replica meanwhile: more than \
                     redis.replication.output_limit allows, so the replica is cut off and asks \
                     again, for ever",
                    plan.name,
                    takes.rounded_to(SimDuration::from_secs(1)),
                    mib(held),
                ));
                return;
            }
        }
    }
}
