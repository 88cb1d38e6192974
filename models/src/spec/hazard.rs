//! Hazards: what happens by itself in the course of a year, at random.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;

/// What happens to nodes, hosts and zones by itself. Each node, host and zone of every cluster has
/// its own times, exponentially distributed, so more of them meet more. A design with the same
/// nodes meets the same.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HazardsSpec {
    /// Mean time between two.
    #[serde(default)]
    pub every: EverySpec,
    /// How long each lasts; needed for every hazard that happens and lasts.
    #[serde(default)]
    pub lasts: LastsSpec,
}

/// Mean time from one to the next, such as `"365d"`; what is absent never happens.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EverySpec {
    /// A process dies, of each node: a bug, or somebody kills it.
    pub process_crash: Option<SimDuration>,
    /// A process answers nobody for a while, of each node: its virtual machine is frozen or moved.
    pub freeze: Option<SimDuration>,
    /// A command that takes long, on each node that serves.
    pub slow_command: Option<SimDuration>,
    /// A disk stands still, of each node: an `fsync` takes that long (`redis.disk`).
    pub slow_disk: Option<SimDuration>,
    /// A disk is full, of each node.
    pub disk_full: Option<SimDuration>,
    /// A process is asked to stop and started again, of each node: an update, a new version.
    pub maintenance: Option<SimDuration>,
    /// A host fails with every node on it, of each host.
    pub host_loss: Option<SimDuration>,
    /// A host is cut off from the others and from clients, of each host.
    pub cut_off: Option<SimDuration>,
    /// A zone fails with every host in it, of each zone (`redis.zones`).
    pub zone_loss: Option<SimDuration>,
}

/// How long a hazard lasts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LastsSpec {
    /// How long a process answers nobody.
    pub freeze: Option<Dist>,
    /// How long a command takes.
    pub slow_command: Option<Dist>,
    /// How long a disk stands still.
    pub slow_disk: Option<Dist>,
    /// How long a disk is full, if nobody repairs it.
    pub disk_full: Option<Dist>,
    /// How long a host is gone.
    pub host_loss: Option<Dist>,
    /// How long a host is cut off.
    pub cut_off: Option<Dist>,
    /// How long a zone is gone.
    pub zone_loss: Option<Dist>,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // their keys say what they are
pub enum HazardKind {
    ProcessCrash,
    Freeze,
    SlowCommand,
    SlowDisk,
    DiskFull,
    Maintenance,
    HostLoss,
    CutOff,
    ZoneLoss,
}

/// To what a hazard happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// A node.
    Node,
    /// A host.
    Host,
    /// A zone.
    Zone,
}

/// A hazard that happens.
#[derive(Clone, Copy, Debug)]
pub struct Hazard<'a> {
    /// What.
    pub kind: HazardKind,
    /// Mean time between two.
    pub every: SimDuration,
    /// How long it lasts, if it does.
    pub lasts: Option<&'a Dist>,
}

impl HazardKind {
    /// All of them.
    pub const ALL: [HazardKind; 9] = [
        HazardKind::ProcessCrash,
        HazardKind::Freeze,
        HazardKind::SlowCommand,
        HazardKind::SlowDisk,
        HazardKind::DiskFull,
        HazardKind::Maintenance,
        HazardKind::HostLoss,
        HazardKind::CutOff,
        HazardKind::ZoneLoss,
    ];

    /// Its key.
    pub const fn name(self) -> &'static str {
        match self {
            HazardKind::ProcessCrash => "process_crash",
            HazardKind::Freeze => "freeze",
            HazardKind::SlowCommand => "slow_command",
            HazardKind::SlowDisk => "slow_disk",
            HazardKind::DiskFull => "disk_full",
            HazardKind::Maintenance => "maintenance",
            HazardKind::HostLoss => "host_loss",
            HazardKind::CutOff => "cut_off",
            HazardKind::ZoneLoss => "zone_loss",
        }
    }

    /// To what it happens.
    pub const fn victim(self) -> Victim {
        match self {
            HazardKind::ProcessCrash
            | HazardKind::Freeze
            | HazardKind::SlowCommand
            | HazardKind::SlowDisk
            | HazardKind::DiskFull
            | HazardKind::Maintenance => Victim::Node,
            HazardKind::HostLoss | HazardKind::CutOff => Victim::Host,
            HazardKind::ZoneLoss => Victim::Zone,
        }
    }

    /// Does it end processes?
    pub const fn kills(self) -> bool {
        matches!(
            self,
            HazardKind::ProcessCrash
                | HazardKind::Maintenance
                | HazardKind::HostLoss
                | HazardKind::ZoneLoss
        )
    }

    /// Is it over at once?
    pub const fn is_instant(self) -> bool {
        matches!(self, HazardKind::ProcessCrash | HazardKind::Maintenance)
    }
}

impl HazardsSpec {
    /// All that happen.
    pub fn all(&self) -> impl Iterator<Item = Hazard<'_>> {
        HazardKind::ALL.into_iter().filter_map(|kind| {
            Some(Hazard {
                kind,
                every: self.every(kind)?,
                lasts: self.lasts(kind),
            })
        })
    }

    fn every(&self, kind: HazardKind) -> Option<SimDuration> {
        let every = &self.every;
        match kind {
            HazardKind::ProcessCrash => every.process_crash,
            HazardKind::Freeze => every.freeze,
            HazardKind::SlowCommand => every.slow_command,
            HazardKind::SlowDisk => every.slow_disk,
            HazardKind::DiskFull => every.disk_full,
            HazardKind::Maintenance => every.maintenance,
            HazardKind::HostLoss => every.host_loss,
            HazardKind::CutOff => every.cut_off,
            HazardKind::ZoneLoss => every.zone_loss,
        }
    }

    fn lasts(&self, kind: HazardKind) -> Option<&Dist> {
        let lasts = &self.lasts;
        match kind {
            HazardKind::ProcessCrash | HazardKind::Maintenance => None,
            HazardKind::Freeze => lasts.freeze.as_ref(),
            HazardKind::SlowCommand => lasts.slow_command.as_ref(),
            HazardKind::SlowDisk => lasts.slow_disk.as_ref(),
            HazardKind::DiskFull => lasts.disk_full.as_ref(),
            HazardKind::HostLoss => lasts.host_loss.as_ref(),
            HazardKind::CutOff => lasts.cut_off.as_ref(),
            HazardKind::ZoneLoss => lasts.zone_loss.as_ref(),
        }
    }
}
