//! Disks that are in the way of what nodes append.

use sim::SimDuration;

use crate::redis::save::POSTPONED;
use crate::spec::FailoverSpec;
use crate::spec::hazard::{HazardKind, HazardsSpec};
use crate::spec::persistence::Fsync;
use crate::world::WorldSpec;

impl WorldSpec {
    /// A save that makes an fsync slow, and disks of which nothing is said.
    pub(super) fn doubts_about_disks(&self, doubts: &mut Vec<String>) {
        let redis = &self.redis;
        self.doubts_about_slow_disks(doubts);
        let schedule = redis.persistence.as_ref().map(|saves| &saves.schedule);
        let file = schedule.and_then(|schedule| Some((schedule, schedule.append_only()?)));
        let Some((schedule, file)) = file.filter(|(_, file)| file.fsync != Fsync::No) else {
            return;
        };
        if file.growth.is_none() && schedule.points().is_empty() && redis.sync.diskless {
            return; // no child ever writes to a disk
        }
        let Some(disk) = redis.disk else {
            doubts.push(
                "nodes keep an append-only file and nothing is said of their disks (redis.disk): \
                 no fsync ever waits for a save or a rewrite"
                    .to_owned(),
            );
            return;
        };
        let waits = match file.fsync {
            Fsync::Always => SimDuration::ZERO,
            Fsync::Everysec | Fsync::No => POSTPONED,
        };
        let blocks = (disk.fsync + disk.backlog()).saturating_sub(waits);
        let (key, patience) = match &self.failover {
            FailoverSpec::ClusterBus(bus) => ("failover.node_timeout", bus.node_timeout),
            FailoverSpec::Sentinel(group) => ("failover.down_after", group.down_after),
            FailoverSpec::Managed(_) | FailoverSpec::Application {} | FailoverSpec::None {} => {
                return;
            }
        };
        if !disk.no_fsync_on_rewrite && blocks > patience {
            doubts.push(format!(
                "while a node saves or rewrites its file a write blocks it for about {blocks}, \
                 again and again (redis.disk.unwritten / throughput), and {key} is {patience}: \
                 replicas are promoted for it; let it sync piece by piece, or set \
                 no_fsync_on_rewrite"
            ));
        }
    }

    /// Slow disks for which nobody waits.
    fn doubts_about_slow_disks(&self, doubts: &mut Vec<String>) {
        let saves = self.redis.persistence.as_ref();
        let file = saves.and_then(|saves| saves.schedule.append_only());
        if file.is_some_and(|file| file.fsync != Fsync::No) {
            return;
        }
        let faults = self.faults.iter().enumerate();
        let slow = faults.filter(|(_, fault)| fault.kind().slows_disks());
        let named = slow.map(|(i, _)| format!("fault[{i}] (slow-disk)"));
        let hazards = self.hazards.iter().flat_map(HazardsSpec::all);
        let happens = hazards.filter(|of| of.kind == HazardKind::SlowDisk);
        let happens = happens.map(|_| "hazards.every.slow_disk".to_owned());
        doubts.extend(named.chain(happens).map(|what| {
            format!(
                "{what} changes nothing: no node waits for its disk without an append-only file \
                 that is synced (`everysec` or `always`)"
            )
        }));
    }
}
