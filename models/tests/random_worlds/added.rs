//! What is added to a random world last, each from a stream of its own, so that the rest of the
//! world stays as it is.

use super::pick;
use crate::support::part;
use models::WorldSpec;
use models::spec::client::ReconnectSpec;
use models::spec::persistence::Fsync;
use models::spec::redis::CommandsFollow;
use models::spec::{AlertSpec, FailoverSpec, MetricSpec};
use rand::RngExt as _;
use sim::{Purpose, Rng, SimDuration, Streams};

/// Everything that is added.
pub fn all(spec: &mut WorldSpec, seed: u64) {
    connections(spec, seed);
    latency(spec, seed);
    limits(spec, seed);
    disks(spec, seed);
    targets(spec, seed);
    hazards(spec, seed);
    growth(spec, seed);
    scaling(spec, seed);
}

/// Rules on latency in half of the worlds, and restarts of one process after the other.
fn latency(spec: &mut WorldSpec, seed: u64) {
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(9), 0);
    for (name, percentile) in [("slow mean", ""), ("slow tail", ", percentile = '95%'")] {
        let beyond = [100, 1_000, 6_000][rng.random_range(0..3)];
        let threshold = spec.services[0].service_time + SimDuration::from_millis(beyond);
        let rule = format!(
            "name = '{name}'\nscrape = '15s'\nhold = '30s'\nmissed = '0%'\nnames_cause = false
             metric = {{ kind = 'latency', service = 'api', threshold = '{threshold}', \
             window = '2min'{percentile} }}"
        );
        if rng.random_range(0..3) == 0 {
            spec.alerts.push(part(&rule));
        }
    }
    let several = spec
        .services
        .iter()
        .any(|service| service.process_count() > 1);
    if several && rng.random_range(0..2) == 0 {
        let (at_once, every) = (pick(rng, &["1", "3"]), pick(rng, &["5s", "1min"]));
        let step = format!(
            "action = {{ kind = 'restart-servers', \
             rolling = {{ at_once = {at_once}, every = '{every}' }} }}
             takes = {{ kind = 'exponential', mean = '2min' }}"
        );
        let slow = pick(rng, &["", "when = ['slow']"]);
        let rule = |alert: &AlertSpec| matches!(alert.metric, MetricSpec::Latency { .. });
        let when = Some(slow).filter(|_| spec.alerts.iter().any(rule));
        let when = when.unwrap_or_default();
        spec.people
            .runbook
            .insert(0, part(&format!("{step}\n{when}")));
    }
}

/// Few places for connections, handshakes that take long, or neither.
fn connections(spec: &mut WorldSpec, seed: u64) {
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(8), 0);
    let ms = |ms: &[u64], rng: &mut Rng| {
        let drawn = ms[rng.random_range(0..ms.len())];
        (drawn > 0).then_some(SimDuration::from_millis(drawn))
    };
    let redis = &mut spec.redis;
    redis.maxclients = [None, None, Some(150), Some(230), Some(350)][rng.random_range(0..5)];
    redis.handshake = ms(&[0, 0, 1, 5, 20], rng);
    redis.tcp_backlog = [None, Some(20)][rng.random_range(0..2)];
    redis.reconnect_ramp = ms(&[0, 2_000, 20_000], rng).unwrap_or_default();
    for service in &mut spec.services {
        service.client.connect_timeout = ms(&[0, 500, 3_000], rng);
        let kinds = [None, Some((300, "1x", 300)), Some((10, "2x", 10_000))];
        let kind = kinds[rng.random_range(0..kinds.len())];
        service.client.reconnect = kind.map(|(first, factor, max)| ReconnectSpec {
            first: SimDuration::from_millis(first),
            factor: factor.parse().expect("a factor"),
            step: None,
            max: SimDuration::from_millis(max),
            jitter: (max > 5_000).then(|| "50%".parse().expect("a share")),
        });
    }
}

/// People who raise limits, wherever there is one.
fn limits(spec: &mut WorldSpec, seed: u64) {
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(10), 0);
    let redis = &spec.redis;
    let kinds = [
        ("raise-maxclients", true),
        ("raise-maxmemory", redis.maxmemory.is_some()),
        (
            "raise-output-limit",
            redis.replication.output_limit.is_some(),
        ),
    ];
    for (kind, _) in kinds.into_iter().filter(|(_, has)| *has) {
        let to = pick(rng, &["1.1x", "3x"]);
        let step = format!(
            "action = {{ kind = '{kind}', to = '{to}' }}
             takes = {{ kind = 'exponential', mean = '3min' }}"
        );
        if rng.random_range(0..3) == 0 {
            spec.people.runbook.insert(0, part(&step));
        }
    }
}

/// Disks that are in the way of what nodes append, where they append something.
fn disks(spec: &mut WorldSpec, seed: u64) {
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(11), 0);
    let saves = spec.redis.persistence.as_ref();
    let file = saves.and_then(|saves| saves.schedule.append_only());
    let disk = (rng.random_range(0..2) == 0).then(|| {
        let throughput = pick(rng, &["2MB/s", "20MB/s"]);
        let (fsync, unwritten) = (
            pick(rng, &["1ms", "300ms", "3s"]),
            pick(rng, &["4MB", "60MB"]),
        );
        part(&format!(
            "throughput = '{throughput}'\nfsync = '{fsync}'\nunwritten = '{unwritten}'
             no_fsync_on_rewrite = {}",
            rng.random::<bool>()
        ))
    });
    spec.redis.disk = disk.filter(|_| saves.is_some());
    let slow = rng.random_range(0..3) == 0;
    if slow && file.is_some_and(|file| file.fsync != Fsync::No) {
        let (fsync, lasts) = (
            pick(rng, &["50ms", "4s", "15s"]),
            pick(rng, &["30s", "3min"]),
        );
        spec.faults.push(part(&format!(
            "kind = 'slow-disk'\nworkload = 'log'\nfsync = '{fsync}'\nlasts = '{lasts}'
             at = {{ kind = 'exponential', mean = '5min' }}"
        )));
        spec.people.runbook.push(part(
            "action = { kind = 'repair-disk' }
             takes = { kind = 'exponential', mean = '2min' }",
        ));
    }
}

/// Faults of nodes in any role, that come again and again.
fn targets(spec: &mut WorldSpec, seed: u64) {
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(12), 0);
    if rng.random_range(0..3) > 0 {
        return;
    }
    let kind = pick(
        rng,
        &[
            "kind = 'crash'",
            "kind = 'hang'\nlasts = '9s'",
            "kind = 'slow-command'\ntakes = '4s'",
        ],
    );
    let needs = spec.redis.replicas > 0;
    let on = match needs {
        true => pick(
            rng,
            &["any-node", "any-replica", "every-replica", "replica"],
        ),
        false => pick(rng, &["any-primary", "every-primary", "every-node"]),
    };
    let fault = format!(
        "{kind}\nworkload = 'log'\non = '{on}'
         at = {{ kind = 'exponential', mean = '10min' }}
         every = {{ kind = 'exponential', mean = '15min' }}"
    );
    spec.faults.push(part(&fault));
}

/// What happens by itself, in a fifth of the worlds, and far more often than in any year.
fn hazards(spec: &mut WorldSpec, seed: u64) {
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(13), 0);
    if rng.random_range(0..5) > 0 {
        return;
    }
    spec.redis.zones = Some(rng.random_range(1..=spec.redis.hosts));
    let (often, rare) = (pick(rng, &["1h", "3h"]), pick(rng, &["2h", "10h"]));
    let lasts = pick(rng, &["5s", "30s"]);
    let short = format!("{{ kind = 'exponential', mean = '{lasts}' }}");
    spec.hazards = Some(part(&format!(
        "[every]
         process_crash = '{often}'\nfreeze = '{often}'\nslow_command = '{often}'
         slow_disk = '{rare}'\ndisk_full = '{rare}'\nmaintenance = '{often}'
         host_loss = '{rare}'\ncut_off = '{rare}'\nzone_loss = '{rare}'
         [lasts]
         freeze = {short}\nslow_command = {short}\nslow_disk = {short}\ndisk_full = {short}
         host_loss = {short}\ncut_off = {short}\nzone_loss = {short}"
    )));
}

/// Keys of the cache that expire, at a rate that varies, in half of the worlds.
fn growth(spec: &mut WorldSpec, seed: u64) {
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(14), 0);
    if rng.random_range(0..2) == 0 {
        return;
    }
    let cache = &mut spec.workloads[1];
    let lifetime = [300, 1_200, 7_200][rng.random_range(0..3)];
    // Opening everything opens each of them many times.
    cache.value_size = "256KiB".parse().expect("a size");
    let held = cache.dataset.as_f64() / cache.value_size.as_f64();
    let rate = held / lifetime as f64 * [0.7, 1.0, 1.3][rng.random_range(0..3)];
    cache.lifetime = Some(SimDuration::from_secs(lifetime));
    cache.expires = true;
    cache.new_keys = format!("{rate:.3}/s").parse().expect("a rate");
    for workload in &mut spec.workloads {
        let (step, band) = (pick(rng, &["0.5x", "3x"]), pick(rng, &["1x", "1.5x"]));
        let varies = format!(
            "band = '{band}'
             step = [{{ factor = '{step}', at = {{ kind = 'exponential', mean = '20min' }} }}]"
        );
        workload.growth = (rng.random_range(0..2) == 0).then(|| part(&varies));
        let follows = [
            Some(CommandsFollow::Growth),
            Some(CommandsFollow::Visits),
            None,
        ];
        let follows = follows[rng.random_range(0..3)];
        let growth = workload.growth.is_some();
        workload.commands_follow = follows.filter(|of| growth || *of == CommandsFollow::Visits);
    }
}

/// Slots that people move, in half of the worlds that have some, and an autoscaler in a third.
fn scaling(spec: &mut WorldSpec, seed: u64) {
    let rng = &mut Streams::for_trial(seed, 0).stream(Purpose(24), 0);
    let large = &mut Streams::for_trial(seed, 0).stream(Purpose(25), 0);
    for workload in &mut spec.workloads {
        workload.largest_key = [None, Some(1_000_000), Some(6_000_000)][large.random_range(0..3)];
    }
    let has_slots = matches!(
        spec.failover,
        FailoverSpec::ClusterBus(_) | FailoverSpec::Managed(_)
    );
    let rate = pick(rng, &["", ", rate = '15/s'", ", rate = '300/s'"]);
    if rng.random_range(0..2) == 0 && has_slots && spec.redis.shards > 1 {
        let step = format!(
            "action = {{ kind = 'rebalance'{rate} }}
             takes = {{ kind = 'exponential', mean = '1min' }}"
        );
        spec.people.runbook.insert(0, part(&step));
    }
    if rng.random_range(0..3) == 0 && has_slots {
        let to = spec.redis.shards + rng.random_range(1..3);
        let step = format!(
            "action = {{ kind = 'add-shards', to = {to}{rate} }}
             takes = {{ kind = 'exponential', mean = '3min' }}"
        );
        spec.people.runbook.insert(0, part(&step));
    }
    let adds = if has_slots {
        pick(rng, &["memory", "shards"])
    } else {
        "memory".to_owned()
    };
    let (target, provision) = (pick(rng, &["50%", "75%"]), pick(rng, &["30s", "5min"]));
    if rng.random_range(0..3) == 0 {
        spec.autoscaler = Some(part(&format!(
            "target = '{target}'\nsustained = '1min'\ncool_down = '5min'
             step = '1.5x'\nceiling = '4x'\nadds = '{adds}'
             provision = {{ kind = 'exponential', mean = '{provision}' }}"
        )));
    }
}
