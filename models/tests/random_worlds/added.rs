//! What is added to a random world last, each from a stream of its own, so that the rest of the
//! world stays as it is.

use super::pick;
use crate::support::part;
use models::WorldSpec;
use models::spec::client::ReconnectSpec;
use models::spec::{AlertSpec, MetricSpec};
use rand::RngExt as _;
use sim::{Purpose, Rng, SimDuration, Streams};

/// Rules on latency in half of the worlds, and restarts of one process after the other.
pub fn latency(spec: &mut WorldSpec, seed: u64) {
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
pub fn connections(spec: &mut WorldSpec, seed: u64) {
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
pub fn limits(spec: &mut WorldSpec, seed: u64) {
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
