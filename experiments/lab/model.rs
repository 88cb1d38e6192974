//! What the model gives for a setting of the lab, and how a real run is held against it.

use experiments::stats::quantile;
use failover::lab::{ClusterSetting, Fault, LabRun, ProbeSpec, SentinelSetting, Setting, run};
use sim::{SimDuration, Streams};

/// One real run is held to the model's 0.5 % and 99.5 % quantiles, widened by this. We look every
/// 10 ms and read the clock before the signal, which costs little; but a machine that compiles
/// meanwhile delays every process, and our own looking, by tenths of a second at times.
const EARLIER_MS: f64 = 50.0;
pub const LATER_MS: f64 = 600.0;

const PROBE: ProbeSpec = ProbeSpec {
    interval: SimDuration::from_millis(10),
    timeout: SimDuration::from_millis(200),
};

/// Three primaries with a replica each.
pub fn cluster(node_timeout_ms: u64, fault: Fault) -> Setting {
    Setting::Cluster(ClusterSetting {
        node_timeout: SimDuration::from_millis(node_timeout_ms),
        masters: 3,
        replicas_per_master: 1,
        require_full_coverage: true,
        without_replica: false,
        fault,
        probe: PROBE,
    })
}

/// A primary with two replicas, and three Sentinels of which two must agree.
pub fn sentinel(down_after_ms: u64, fault: Fault) -> Setting {
    Setting::Sentinel(SentinelSetting {
        down_after: SimDuration::from_millis(down_after_ms),
        failover_timeout: SimDuration::from_secs(10),
        replicas: 2,
        sentinels: 3,
        quorum: 2,
        dead_sentinels: 0,
        fault,
        probe: PROBE,
    })
}

/// Simulated runs of a setting, each with a phase of its own.
pub fn simulate(setting: &Setting, runs: u64) -> Vec<LabRun> {
    let one = |number| run(setting, None, &Streams::for_trial(1, number));
    let runs = (1..=runs).map(|number| one(number).expect("it becomes healthy"));
    runs.collect()
}

/// Holds one real run to a time that the model's runs give.
#[track_caller]
pub fn within(
    what: &str,
    real_ms: f64,
    runs: &[LabRun],
    of: impl Fn(&LabRun) -> Option<SimDuration>,
) {
    let times = runs
        .iter()
        .map(|run| of(run).expect("it always happens in the model"));
    let times: Vec<f64> = times.map(SimDuration::as_secs_f64).collect();
    times_within(what, real_ms, &times);
}

/// The same for times of the model in seconds.
#[track_caller]
pub fn times_within(what: &str, real_ms: f64, seconds: &[f64]) {
    let at = |share| 1e3 * quantile(seconds, share, 0.95).expect("the model ran").value;
    let (low, middle, high) = (at(0.005), at(0.5), at(0.995));
    let line = format!("{what}: real {real_ms:.0} ms, model {middle:.0} ({low:.0} to {high:.0})");
    crate::show(&line);
    assert!(
        real_ms > low - EARLIER_MS && real_ms < high + LATER_MS,
        "{line}"
    );
}
