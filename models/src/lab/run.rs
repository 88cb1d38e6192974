//! One run: boot, wait, strike, watch, and what the columns of the measurements say about it.

use rand::RngExt as _;
use sim::{SimDuration, SimTime, Streams};

use super::cluster::ClusterLab;
use super::probe::{Address, Deployment, Probe, ProbeLog};
use super::setting::{ClusterSetting, Fault};
use crate::streams::{LAB, LAB_BUS};

/// From the first write to the fault, before the random phase.
const SETTLE: SimDuration = SimDuration::from_millis(500);
/// The phase is even from zero to half a node timeout, but at least to this.
const PHASE_LEAST: SimDuration = SimDuration::from_secs(2);
/// The deployment was found healthy by somebody who looks this often.
const POLL: SimDuration = SimDuration::from_millis(100);
/// Writes without a failure that end a run.
const GOOD: SimDuration = SimDuration::from_secs(3);
/// A victim that was resumed is watched for this long at least.
const AFTER_RESUME: SimDuration = SimDuration::from_secs(4);
/// A shard without a replica is watched for this long, whatever happens.
const WITHOUT_REPLICA: SimDuration = SimDuration::from_secs(15);
/// Any run ends after this and twelve node timeouts: two elections can fail before one succeeds,
/// four node timeouts apart.
const MOST: SimDuration = SimDuration::from_secs(15);

/// Why a run came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabError {
    /// Its processes were started and never all served.
    #[error("the cluster was not healthy within {0}, before any fault")]
    NeverHealthy(SimDuration),
}

/// What the servers' logs said, each as time since the fault; `None` if it did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milestones {
    /// The first node that held the victim for possibly failing.
    pub pfail_first_any: Option<SimDuration>,
    /// The first primary that did.
    pub pfail_first_master: Option<SimDuration>,
    /// The last primary that did.
    pub pfail_last_master: Option<SimDuration>,
    /// A majority agreed (`fail_detect_ms`).
    pub detect: Option<SimDuration>,
    /// The first election began.
    pub election_start: Option<SimDuration>,
    /// Elections that began.
    pub elections: u32,
    /// An election was won (`promote_ms`).
    pub promote: Option<SimDuration>,
    /// The primaries of the other shards served at the end.
    pub other_shards_ok: bool,
}

/// What one run brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabRun {
    /// What the servers said.
    pub servers: Milestones,
    /// What the client saw.
    pub client: ProbeLog,
    /// When the fault came, on the client's clock.
    pub fault_at: SimTime,
}

impl LabRun {
    /// From the start of the first failed write to the end of the first good one after the last
    /// failure (`unavail_ms`); `None` if no write failed, or none was good again.
    pub fn unavailable(&self) -> Option<SimDuration> {
        Some(self.client.recovered? - self.client.first_fail?)
    }
}

/// One run of a setting. The streams are the run's own.
pub fn run(setting: &ClusterSetting, streams: &Streams) -> Result<LabRun, LabError> {
    let mut rng = streams.stream(LAB, 0);
    let mut lab = ClusterLab::boot(setting, &mut rng, streams.key(LAB_BUS, 0))?;
    let found_healthy = lab.now() + POLL.scaled(rng.random_range(0.0..1.0));
    let phase = (setting.node_timeout / 2).max(PHASE_LEAST);
    let fault_at = found_healthy + SETTLE + phase.scaled(rng.random_range(0.0..1.0));
    lab.strike(fault_at, setting.fault);
    let watch = watch(setting);
    let mut probe = Probe::new(setting.probe, Address(0), found_healthy, &mut rng);
    while !is_over(&probe, fault_at, &watch) {
        probe.attempt(&mut lab);
    }
    lab.until(probe.now());
    Ok(LabRun {
        servers: lab.milestones(fault_at),
        client: *probe.log(),
        fault_at,
    })
}

/// How long a run goes on after the fault.
struct Watch {
    least: SimDuration,
    most: SimDuration,
}

fn watch(setting: &ClusterSetting) -> Watch {
    let resumed = match setting.fault {
        Fault::Crash => SimDuration::ZERO,
        Fault::Hang { resumed_after } => {
            resumed_after.map_or(SimDuration::ZERO, |after| after + AFTER_RESUME)
        }
    };
    match setting.without_replica {
        true => Watch {
            least: WITHOUT_REPLICA,
            most: WITHOUT_REPLICA,
        },
        false => Watch {
            least: resumed.max(GOOD),
            most: resumed + setting.node_timeout * 12 + MOST,
        },
    }
}

fn is_over(probe: &Probe, fault_at: SimTime, watch: &Watch) -> bool {
    let now = probe.now();
    let log = probe.log();
    let good = match log.last_fail {
        Some(_) => log.recovered.is_some_and(|at| now >= at + GOOD),
        None => true,
    };
    now >= fault_at + watch.most || (good && now >= fault_at + watch.least)
}
