//! One run: boot, wait, strike, watch, and what the columns of the measurements say about it.

use rand::RngExt as _;
use sim::{Rng, SimDuration, SimTime, Streams};

use super::cluster::ClusterLab;
use super::probe::{Address, Deployment, Probe, ProbeLog};
use super::sentinel::SentinelLab;
use super::setting::{ClusterSetting, Fault, ProbeSpec, SentinelSetting, Setting};
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
/// Any run ends after this and twelve node timeouts, or five failover timeouts: two elections can
/// fail before one succeeds.
const MOST: SimDuration = SimDuration::from_secs(15);

/// Why a run came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabError {
    /// Its processes were started and never all served.
    #[error("the deployment was not healthy within {0}, before any fault")]
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
    /// What only Sentinels say.
    pub sentinels: SentinelSteps,
}

/// The steps of a failover by Sentinels, each as time since the fault; `None` if it was not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentinelSteps {
    /// The first Sentinel held the victim for down (`+sdown`).
    pub sdown_first: Option<SimDuration>,
    /// The second did.
    pub sdown_second: Option<SimDuration>,
    /// The last did before any switched to another primary.
    pub sdown_last: Option<SimDuration>,
    /// One was elected (`+elected-leader`).
    pub elected: Option<SimDuration>,
    /// It chose a replica (`+selected-slave`).
    pub selected: Option<SimDuration>,
    /// It saw the replica to be a primary (`+promoted-slave`).
    pub promoted_seen: Option<SimDuration>,
    /// The first Sentinel switched (`+switch-master`).
    pub switch_first: Option<SimDuration>,
    /// The last did.
    pub switch_last: Option<SimDuration>,
    /// A failover of the new primary began, which was well.
    pub second_failover: Option<SimDuration>,
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

/// A deployment to which the laboratory does something.
pub(super) trait Lab: Deployment {
    /// The servers' time.
    fn now(&self) -> SimTime;
    /// Plans the fault.
    fn strike(&mut self, at: SimTime, fault: Fault);
    /// What the servers' logs say of the victim, and how the other shards stand now.
    fn milestones(&self, fault_at: SimTime) -> Milestones;
}

/// One run of a setting. The fault comes at this phase, if the phase is on record, and at a drawn
/// one otherwise: deployments are young, so what the servers do next is not the same at any phase.
/// The streams are the run's own.
pub fn run(
    setting: &Setting,
    phase: Option<SimDuration>,
    streams: &Streams,
) -> Result<LabRun, LabError> {
    let mut rng = streams.stream(LAB, 0);
    let key = streams.key(LAB_BUS, 0);
    match setting {
        Setting::Cluster(cluster) => {
            let lab = ClusterLab::boot(cluster, &mut rng, key)?;
            let phases = (cluster.node_timeout / 2).max(PHASE_LEAST);
            let phase = phase.unwrap_or(phases.scaled(rng.random_range(0.0..1.0)));
            let watch = watch_cluster(cluster);
            Ok(watched(
                lab,
                cluster.fault,
                cluster.probe,
                phase,
                &watch,
                &mut rng,
            ))
        }
        Setting::Sentinel(sentinel) => {
            let lab = SentinelLab::boot(sentinel, &mut rng, key)?;
            let phase = phase.unwrap_or(PHASE_LEAST.scaled(rng.random_range(0.0..1.0)));
            let watch = watch_sentinel(sentinel);
            Ok(watched(
                lab,
                sentinel.fault,
                sentinel.probe,
                phase,
                &watch,
                &mut rng,
            ))
        }
    }
}

fn watched<L: Lab>(
    mut lab: L,
    fault: Fault,
    probe: ProbeSpec,
    phase: SimDuration,
    watch: &Watch,
    rng: &mut Rng,
) -> LabRun {
    let found_healthy = lab.now() + POLL.scaled(rng.random_range(0.0..1.0));
    let fault_at = found_healthy + SETTLE + phase;
    lab.strike(fault_at, fault);
    let mut probe = Probe::new(probe, Address(0), found_healthy, rng);
    while !is_over(&probe, fault_at, watch) {
        probe.attempt(&mut lab);
    }
    lab.until(probe.now());
    LabRun {
        servers: lab.milestones(fault_at),
        client: *probe.log(),
        fault_at,
    }
}

/// How long a run goes on after the fault.
struct Watch {
    least: SimDuration,
    most: SimDuration,
}

fn watch_cluster(setting: &ClusterSetting) -> Watch {
    if setting.without_replica {
        return Watch {
            least: WITHOUT_REPLICA,
            most: WITHOUT_REPLICA,
        };
    }
    watch(setting.fault, setting.node_timeout * 12)
}

/// A failed vote is repeated after two failover timeouts.
fn watch_sentinel(setting: &SentinelSetting) -> Watch {
    watch(
        setting.fault,
        setting.down_after + setting.failover_timeout * 5,
    )
}

fn watch(fault: Fault, long: SimDuration) -> Watch {
    let resumed = match fault {
        Fault::Crash => SimDuration::ZERO,
        Fault::Hang { resumed_after } => {
            resumed_after.map_or(SimDuration::ZERO, |after| after + AFTER_RESUME)
        }
    };
    Watch {
        least: resumed.max(GOOD),
        most: resumed + long + MOST,
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
