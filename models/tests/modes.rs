//! How clients find a new primary in each mode: cluster, Sentinel, DNS, proxy, fixed address.
//!
//! One service with two requests per second; its primary is killed, hangs, or loses its host at
//! 5 minutes. Sentinels promote a replica about 6 s later, the provider after 12 s.

use crate::support::{service, story_world, trial};
use models::moment::MomentKind;
use models::{Mode, TrialResult, WorldSpec};

const SENTINEL: &str = r#"
    failover = { kind = "sentinel", sentinels = 3, quorum = 2, down_after = "5s",
      failover_timeout = "60s", parallel_syncs = 1, master_reboot_down_after = "0s",
      latency = "250us", config_save = "3ms" }
    "#;

/// A DNS name with a TTL of 15 s.
const MANAGED: &str = r#"
    failover = { kind = "managed", takes = { kind = "constant", value = "12s" }, dns_ttl = "15s" }
    "#;

const KILLED: &str = r#"kind = "crash""#;
const HANGS: &str = r#"kind = "hang", lasts = "30min""#;
const HOST_LOST: &str = r#"kind = "host-loss", host = 0, lasts = "1h""#;

/// As Lettuce: reconnects after 1, 2, 4 ... ms; a command timeout does not close the connection.
const PATIENT: &str = r#"
    command_timeout = "60s"
    follows = { on_error = true, on_timeout = false, on_readonly = false }
    reconnect = { first = "1ms", factor = "2x", max = "30s" }
    "#;

/// Closes its connection when a command has timed out.
const HASTY: &str = r#"
    command_timeout = "2s"
    follows = { on_error = true, on_readonly = false }
    "#;

fn told(failover: &str, fault: &str, client: &str) -> TrialResult {
    trial(&world(failover, fault, client), 3, Mode::Lazy)
}

const WRITES: &str = "{ workload = \"log\", access = \"write\" }";

fn api(client: &str) -> String {
    service(
        "api",
        WRITES,
        &format!("topology_refresh = \"10ms\"\n{client}"),
    )
}

fn world(failover: &str, fault: &str, client: &str) -> WorldSpec {
    let api = api(client);
    let story = format!(
        r#"
        horizon = "2h"
        health_check = []
        fault = [{{ workload = "log", at = {{ kind = "constant", value = "5min" }}, {fault} }}]
        {failover}
        [redis]
        shards = 1
        hosts = 3
        restart_delay = "40min"
        fullest_shard = "100%"
        node_memory = "4GiB"
        [people]
        runbook = []
        {api}
        "#
    );
    story_world(&story)
}

/// From the promotion until clients switch to the new primary, in seconds.
fn follows_after(result: &TrialResult) -> Option<f64> {
    let promoted = promoted_after(result);
    let switch = result
        .trace
        .iter()
        .find(|(_, line)| line.contains("clients switch to"));
    let (at, _) = switch?;
    Some((*at - fault_at()).as_secs_f64() - promoted)
}

/// From the fault to the promotion, in seconds.
fn promoted_after(result: &TrialResult) -> f64 {
    let mut moments = result.moments.iter();
    let promoted = moments.find(|m| m.kind == MomentKind::Promoted);
    (promoted.expect("a replica is promoted").at - fault_at()).as_secs_f64()
}

fn fault_at() -> sim::SimTime {
    sim::SimTime::ZERO + sim::SimDuration::from_mins(5)
}

#[track_caller]
fn assert_follows(result: &TrialResult, (from, to): (f64, f64)) {
    let after = follows_after(result);
    let fits = after.is_some_and(|after| (from..=to).contains(&after));
    assert!(fits, "{after:?} s after the promotion; {:?}", result.trace);
}

#[test]
fn a_client_asks_a_sentinel_when_it_reconnects() {
    let killed = told(SENTINEL, KILLED, PATIENT);
    // It reconnects 4.095 s, 8.191 s, 16.383 s after the kill.
    let promoted = promoted_after(&killed);
    assert!((5.0..8.0).contains(&promoted), "{promoted} s");
    assert_follows(&killed, (8.191 - promoted, 8.3 - promoted));
    // A client that connects at the next use follows at once.
    assert_follows(&told(SENTINEL, KILLED, HASTY), (0.0, 2.0));
}

#[test]
fn who_keeps_a_silent_connection_waits_for_the_kernel() {
    for failover in [SENTINEL, MANAGED] {
        let lost = told(failover, HOST_LOST, PATIENT);
        let after = follows_after(&lost).expect("the kernel gives up") + promoted_after(&lost);
        assert!((924.6..926.0).contains(&after), "{after} s");
        let tuned = format!("tcp_user_timeout = \"30s\"\n{PATIENT}");
        let tuned = told(failover, HOST_LOST, &tuned);
        let after = follows_after(&tuned).expect("the kernel gives up") + promoted_after(&tuned);
        assert!((30.0..32.0).contains(&after), "{after} s");
        // A client that closes the connection at a command timeout does not wait for the kernel.
        assert_follows(&told(failover, HOST_LOST, HASTY), (0.0, 17.1));
    }
}

#[test]
fn a_host_that_is_back_has_forgotten_its_connections() {
    // Before the kernel gives up: the restarted host answers the first packet with RST.
    let back = r#"kind = "host-loss", host = 0, lasts = "5min""#;
    for failover in [SENTINEL, MANAGED] {
        let result = told(failover, back, PATIENT);
        let after = follows_after(&result).expect("it asks anew") + promoted_after(&result);
        assert!((300.0..300.5).contains(&after), "{after} s");
    }
}

#[test]
fn a_process_that_hangs_keeps_its_connections() {
    // Its host still acknowledges, so the kernel does not give up. Sentinel closes the connections
    // when the process resumes and is demoted.
    let hangs = told(SENTINEL, HANGS, PATIENT);
    let after = follows_after(&hangs).expect("it goes on") + promoted_after(&hangs);
    assert!((1800.0..1830.0).contains(&after), "{after} s");
    let told_so = "command_timeout = \"60s\"\nfollows = { on_error = false, subscribes = true }";
    assert_follows(&told(SENTINEL, HANGS, told_so), (0.0, 2.0));
    let cut = "follows = { on_error = true, on_timeout = false, silent_for = \"20s\" }";
    assert_follows(&told(SENTINEL, HANGS, cut), (0.0, 22.0));
}

#[test]
fn a_name_is_resolved_when_a_client_connects() {
    // At the first attempt after the TTL: 16.383 s or 32.767 s after the kill.
    let killed = told(MANAGED, KILLED, PATIENT);
    assert_eq!(promoted_after(&killed), 12.0);
    let after = follows_after(&killed).expect("it follows") + 12.0;
    let at_a_try = [16.383, 32.767].iter().any(|at| (after - at).abs() < 0.1);
    assert!(at_a_try, "{after} s");
    assert_follows(&told(MANAGED, KILLED, HASTY), (0.0, 15.1));
    // The old primary hangs, comes back as a replica, and has closed no connection: -READONLY.
    let hangs = told(MANAGED, HANGS, PATIENT);
    assert_eq!(follows_after(&hangs), None);
    let down = hangs.outcome.downtime_observed_s;
    assert!(down > 6000.0, "until the end: {down} s");
    let leaves = PATIENT.replace("on_readonly = false", "on_readonly = true");
    let leaves = told(MANAGED, HANGS, &leaves);
    let after = follows_after(&leaves).expect("-READONLY") + 12.0;
    assert!((1800.0..1830.0).contains(&after), "{after} s");
}

#[test]
fn who_holds_an_address_stays_there() {
    for failover in [SENTINEL, MANAGED] {
        let client = format!("mode = \"address\"\n{HASTY}");
        let result = told(failover, KILLED, &client);
        assert_eq!(follows_after(&result), None);
    }
    // A manual failover updates the clients' address.
    let by_hand = r#"
        failover = { kind = "none" }
        fault = [{ workload = "log", kind = "crash", at = { kind = "constant", value = "5min" } }]
        [redis]
        restart_delay = "40min"
        [[people.runbook]]
        action = { kind = "fail-over" }
        takes = { kind = "constant", value = "1min" }
        "#;
    let result = trial(&story_world(by_hand), 3, Mode::Lazy);
    assert!(result.outcome.failovers >= 1);
    let told = result
        .trace
        .iter()
        .any(|(_, line)| line.contains("clients switch to"));
    assert!(told, "{:?}", result.trace);
}

#[test]
fn a_proxy_looks_by_its_own_clock() {
    let proxy = "mode = \"proxy\"\nfollows = { on_error = false, every = \"2s\" }";
    for failover in [SENTINEL, MANAGED] {
        for fault in [KILLED, HANGS, HOST_LOST] {
            assert_follows(&told(failover, fault, proxy), (0.0, 17.1));
        }
    }
}

#[test]
fn larger_nodes_have_addresses_of_their_own() {
    // A rebuild replaces the killed node; a client that never refreshes does not find the new one.
    let rebuild = |client: &str| {
        let api = api(client);
        let story = format!(
            r#"
            horizon = "2h"
            health_check = []
            fault = [{{ workload = "log", kind = "crash",
              at = {{ kind = "constant", value = "5min" }} }}]
            [redis]
            replicas = 0
            restart_delay = "3h"
            [people]
            runbook = [{{ action = {{ kind = "rebuild", factor = "1x" }},
              takes = {{ kind = "constant", value = "5min" }} }}]
            {api}
            "#
        );
        trial(&story_world(&story), 3, Mode::Lazy)
    };
    let follows = rebuild("follows = { on_error = true }");
    let stays = rebuild("follows = { on_error = false }");
    let new_nodes = |result: &TrialResult| {
        let mut moments = result.trace.iter();
        moments.any(|(_, line)| line.contains("larger nodes take over"))
    };
    assert!(
        new_nodes(&follows) && new_nodes(&stays),
        "{:?}",
        stays.trace
    );
    let (one, other) = (&follows.outcome, &stays.outcome);
    assert!(
        one.downtime_true_s < other.downtime_true_s,
        "{} s against {} s",
        one.downtime_true_s,
        other.downtime_true_s
    );
}

#[test]
fn a_provider_acts_on_a_partition() {
    let cut = r#"kind = "partition", hosts = [0], clients = "others", lasts = "20min""#;
    let result = told(MANAGED, cut, HASTY);
    assert_eq!(promoted_after(&result), 12.0);
    assert_follows(&result, (0.0, 15.1));
}

#[test]
fn a_client_reconnects_to_the_same_node_at_its_next_attempt() {
    // The process is back after 10 s, and has nothing to load; the client reconnects 8.191 s and
    // 16.383 s after the kill.
    let mut spec = world("failover = { kind = \"none\" }", KILLED, PATIENT);
    spec.redis.restart_delay = sim::SimDuration::from_secs(10);
    spec.redis.persistence = None;
    let result = trial(&spec, 3, Mode::Lazy);
    let mut moments = result.moments.iter();
    let up = moments.find(|m| m.kind == MomentKind::ServiceUp && m.at > fault_at());
    let after = (up.expect("it is back").at - fault_at()).as_secs_f64();
    assert!((16.383..40.0).contains(&after), "{after} s");
    assert!(
        [16.383, 32.767].iter().any(|at| (after - at).abs() < 0.1),
        "{after} s"
    );
}

#[test]
fn a_dead_primary_acknowledges_nothing_that_could_be_lost() {
    let keys = "keys = \"one\"";
    for need in [
        keys,
        "optional = true",
        "fallback = { workers = 64, takes = \"50ms\", queue_limit = 64 }",
    ] {
        let mut spec = world(SENTINEL, HOST_LOST, PATIENT);
        let story = format!("needs = [{{ workload = \"log\", access = \"write\", {need} }}]");
        let needs: toml::Table = story.parse().expect("it is TOML");
        spec.services[0].needs = needs["needs"].clone().try_into().expect("needs");
        let lost = trial(&spec, 3, Mode::Lazy).outcome.acked_lost;
        assert!(lost <= 2, "{need}: {lost}");
    }
}
