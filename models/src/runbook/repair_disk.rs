//! Disks that are as they should be again.

use super::*;

/// The disks of all nodes of the clusters concerned are as they should be: files that nobody needs
/// are deleted, the volume is enlarged or replaced. Faults `disk-full` and `slow-disk` end; a write
/// that blocks goes on when its `fsync` is done.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("repair-disk", "repairs the disks", 26)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        site.change(|cluster, cx| cluster.repair_disks(cx))
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        let saves = system.redis.persistence.as_ref();
        found.unless(
            saves.is_some_and(|saves| saves.schedule.writes()),
            format!("{key}.kind"),
            "no node writes anything to its disk",
            "add a [redis.persistence] table that saves something, or take out this step",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_room_again() {
        let repair = "kind = 'repair-disk'";
        assert_eq!(wrong(repair), [""; 0]);
        assert_eq!(took_well(repair).0.refusals(), 0);
    }
}
