//! A deed in a world of one shard, run by run.

use std::sync::atomic::AtomicBool;

use models::moment::MomentKind;
use models::spec::replication::MinReplicasSpec;
use models::{Mode, RunOptions, TrialResult, WorldSpec};
use rayon::prelude::*;
use sim::quantity::Bytes;
use sim::{SimDuration, SimTime, Streams};

use super::{Deed, Removal};
use crate::error::Error;
use crate::runner::{Limits, simulate as trial};
use crate::validate::simulate::Order;

/// The laboratory, but for failover and fault.
const WORLD: &str = include_str!("../../../lab/node.toml");

/// Runs at most: worlds cost more than the failovers' laboratory.
const RUNS_MAX: u64 = 500;

/// What came of a deed.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// Runs.
    pub runs: usize,
    /// The time that is compared, in seconds, of the runs in which it happened.
    pub seconds: Vec<f64>,
    /// The share of the keys that are not lost, of each run of a rebirth.
    pub kept: Vec<f64>,
    /// 1 for a run of a rebirth in which a replica was promoted, else 0.
    pub promoted: Vec<f64>,
}

/// As many runs as are asked for, 500 at most. The result does not depend on the number of threads.
///
/// # Errors
/// If a run reaches a limit.
pub fn simulate(deed: &Deed, order: Order) -> Result<Simulated, Error> {
    let spec = world(deed);
    let options = RunOptions {
        mode: Mode::Lazy,
        story: true,
        watched: None,
    };
    // Never set: a signal ends the program.
    let stop = AtomicBool::new(false);
    let one = |number: u64| {
        let streams = Streams::for_trial(order.seed, number);
        let told = trial(&spec, &streams, &options, &Limits::default(), &stop);
        told.map_err(|failure| failure.of_trial("a node", number, None))
    };
    let numbers = 1..=order.runs.min(RUNS_MAX);
    let runs: Result<Vec<TrialResult>, Error> = numbers.into_par_iter().map(one).collect();
    let runs = runs?;
    let mut simulated = Simulated {
        runs: runs.len(),
        seconds: runs.iter().filter_map(|run| seconds(deed, run)).collect(),
        kept: Vec::new(),
        promoted: Vec::new(),
    };
    if let Deed::Rebirth { keys, .. } = deed {
        for run in &runs {
            let lost = run.outcome.stored_lost as f64 / f64::from(*keys);
            simulated.kept.push((1.0 - lost).max(0.0));
            simulated
                .promoted
                .push(f64::from(u8::from(run.outcome.failovers > 0)));
        }
    }
    Ok(simulated)
}

/// What is laid out and done.
fn world(deed: &Deed) -> WorldSpec {
    let (replicas, failover) = match deed {
        Deed::Silence { .. } => (1, "kind = \"none\"".to_owned()),
        Deed::Script { .. } | Deed::Removal { .. } => (0, "kind = \"none\"".to_owned()),
        Deed::Rebirth {
            replicas,
            down_after,
            ..
        } => (*replicas, sentinels(*down_after)),
    };
    // At any phase of the nodes' crons.
    let text = format!(
        "{WORLD}\n[failover]\n{failover}\n[[fault]]\nworkload = \"data\"\n\
         at = {{ kind = \"uniform\", min = \"60s\", max = \"70s\" }}\n{}",
        fault(deed)
    );
    let mut spec: WorldSpec = toml::from_str(&text).expect("a test reads it");
    spec.redis.replicas = replicas;
    spec.redis.hosts = 1 + replicas;
    match deed {
        Deed::Silence { max_lag } => {
            spec.redis.replication.min_replicas = Some(MinReplicasSpec {
                to_write: 1,
                max_lag: *max_lag,
            });
        }
        Deed::Script { threshold } => spec.redis.busy_reply_threshold = Some(*threshold),
        Deed::Removal { keys, .. } => hold(&mut spec, *keys),
        Deed::Rebirth {
            restart_after,
            keys,
            sync_delay,
            ..
        } => {
            hold(&mut spec, *keys);
            spec.redis.restart_delay = *restart_after;
            spec.redis.sync.delay = *sync_delay;
        }
    }
    assert_eq!(spec.problems(), [], "its columns are within bounds");
    spec
}

/// So many keys at the start.
fn hold(spec: &mut WorldSpec, keys: u32) {
    let workload = &mut spec.workloads[0];
    let each = workload.bytes_per_key(workload.value_size, false);
    workload.dataset = Bytes::new(each * u64::from(keys));
}

fn sentinels(down_after: SimDuration) -> String {
    format!(
        "kind = \"sentinel\"\nsentinels = 3\nquorum = 2\ndown_after = \"{down_after}\"\n\
         failover_timeout = \"10s\"\nparallel_syncs = 1\nmaster_reboot_down_after = \"0s\"\n\
         latency = \"50us\"\nconfig_save = \"3ms\""
    )
}

fn fault(deed: &Deed) -> String {
    match deed {
        Deed::Silence { .. } => "kind = \"hang\"\non = \"replica\"\nlasts = \"2min\"".to_owned(),
        Deed::Script { threshold } => {
            let lasts = *threshold + SimDuration::from_secs(10);
            format!("kind = \"busy-script\"\nlasts = \"{lasts}\"")
        }
        Deed::Removal { how, .. } => {
            let lazy = *how == Removal::FlushAsync;
            format!("kind = \"flush\"\nshare = \"100%\"\nlazy = {lazy}")
        }
        Deed::Rebirth { .. } => "kind = \"crash\"".to_owned(),
    }
}

/// The time that is compared, of one run.
fn seconds(deed: &Deed, run: &TrialResult) -> Option<f64> {
    let at = |kind: MomentKind, from: SimTime| {
        let later = run.moments.iter().filter(move |moment| moment.at >= from);
        later
            .filter(move |moment| moment.kind == kind)
            .map(|moment| moment.at)
    };
    let struck = at(MomentKind::Fault, SimTime::ZERO).next()?;
    let since = |at: SimTime| (at - struck).as_secs_f64();
    match deed {
        Deed::Silence { .. } => at(MomentKind::ServiceDown, struck).next().map(since),
        // It is down twice: it answers nobody, and then says why.
        Deed::Script { .. } => at(MomentKind::NodeDown, struck).nth(1).map(since),
        // A node that takes no time is never down.
        Deed::Removal { .. } => Some(match at(MomentKind::NodeDown, struck).next() {
            Some(_) => since(at(MomentKind::NodeUp, struck).next()?),
            None => 0.0,
        }),
        Deed::Rebirth { replicas, .. } => {
            let emptied: Vec<SimTime> = at(MomentKind::SyncDone, struck).collect();
            let all = emptied.len() >= usize::from(*replicas);
            emptied.last().copied().filter(|_| all).map(since)
        }
    }
}
