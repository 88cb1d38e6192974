//! Readiness probes: who is refused by a Service, from when on, and until when.

use crate::support::{ONE_NODE, both_ways, layered_world, lines, moment, said, service};
use models::moment::MomentKind;
use models::{TrialResult, WorldSpec};

const CRASH: &str = "kind = 'crash'";
const HANG: &str = "kind = 'hang', lasts = '5min'";
const READY: &str = "readiness = {}";

/// A client that gives a command up after a second, and closes its connection then.
const IMPATIENT: &str = "topology_refresh = '1s'\ncommand_timeout = '1s'";
/// One that waits for as long as it takes.
const PATIENT: &str = "topology_refresh = '1s'";

/// One node with 900 MiB, which take some 12 s to load; a fault after 10 minutes, which nobody
/// repairs.
fn world(fault: &str, supervisor: &str, client: &str, more: &str) -> WorldSpec {
    let needs = "{ workload = 'log', access = 'write' }";
    let api = service("api", needs, client);
    let world = format!(
        r#"
        horizon = "1h"
        fault = [{{ {fault}, workload = "log", at = {{ kind = "constant", value = "10min" }} }}]
        signers.visits = "5/s"
        people = {{ runbook = [] }}
        redis.restart_delay = "2s"
        redis.supervisor = {{ {supervisor} }}
        {more}
        {api}
        "#
    );
    layered_world(&[ONE_NODE, &world])
}

fn told(fault: &str, supervisor: &str, client: &str, more: &str) -> TrialResult {
    both_ways(&world(fault, supervisor, client, more), 1)
}

fn up(result: &TrialResult) -> f64 {
    let up = moment(result, MomentKind::ServiceUp, Some("api"));
    up.unwrap_or_else(|| panic!("it is up again: {:?}", lines(result)))
}

/// Both where connections are counted and where they are not.
const COUNTED: [&str; 2] = ["", "redis.handshake = '10us'"];

#[test]
fn after_a_restart_clients_come_when_the_probe_has_passed() {
    for counted in COUNTED {
        let without = told(CRASH, "", IMPATIENT, counted);
        let runs = said(&without, "node a: runs")[0];
        assert!((up(&without) - runs).abs() < 0.5, "{:?}", lines(&without));
        assert!(!said(&without, "api: errors: loading").is_empty());
        let cases = [
            (READY, 0.0, 10.0),
            ("readiness = { every = '5s', passes = 3 }", 10.0, 15.0),
            ("readiness = { initial_delay = '1min' }", 50.0, 70.0),
        ];
        for (supervisor, least, most) in cases {
            let with = told(CRASH, supervisor, IMPATIENT, counted);
            let ready = said(&with, "is ready, gets new connections");
            let late = ready[0] - said(&with, "node a: runs")[0];
            assert!(
                least < late && late <= most,
                "{supervisor}: {late} s: {:?}",
                lines(&with)
            );
            assert!((up(&with) - ready[0]).abs() < 0.5, "{:?}", lines(&with));
            let loading = said(&with, "api: errors: loading");
            assert!(loading.is_empty(), "{supervisor}: nobody gets so far");
        }
        // A probe that takes -LOADING lets them in within a second, and they are told so.
        let lax = "readiness = { every = '1s', passes_loading = true }";
        let lax = told(CRASH, lax, IMPATIENT, counted);
        let (starts, ready) = (said(&lax, "node a: loading")[0], said(&lax, "is ready")[0]);
        assert!(
            (0.0..=1.0).contains(&(ready - starts)),
            "{}",
            ready - starts
        );
        let loading = said(&lax, "api: errors: loading")[0];
        assert!((loading - ready).abs() < 0.5, "{:?}", lines(&lax));
        assert_eq!(up(&lax), up(&without));
    }
}

#[test]
fn a_startup_probe_comes_first() {
    let startup = "startup = { initial_delay = '40s', every = '2s', timeout = '1s', fails = 30 }";
    let both = told(CRASH, &format!("{READY}, {startup}"), IMPATIENT, "");
    let starts = said(&both, "node a: loading")[0];
    let ready = said(&both, "is ready")[0];
    assert!(
        (40.0..52.0).contains(&(ready - starts)),
        "{}",
        ready - starts
    );
}

#[test]
fn a_hung_node_refuses_those_whose_connections_have_timed_out() {
    for counted in COUNTED {
        let hung = told(HANG, READY, IMPATIENT, counted);
        let since = said(&hung, "node a: hung")[0];
        let fails = said(&hung, "fails its readiness probe, gets no new connections")[0];
        assert!((21.0..31.5).contains(&(fails - since)), "{}", fails - since);
        let refused = said(&hung, "api: errors: refused")[0];
        assert!(
            (0.0..=1.0).contains(&(refused - fails)),
            "{}",
            refused - fails
        );
        // The silence is over, and they wait for the next probe.
        let ready = said(&hung, "is ready, gets new connections")[0];
        let after = ready - (since + 300.0);
        assert!(0.0 < after && after <= 10.0, "{after} s");
        assert!((up(&hung) - ready).abs() < 0.5, "{:?}", lines(&hung));
        for stays in [
            PATIENT,
            "topology_refresh = '1s'\ncommand_timeout = '1s'
             follows = { on_error = true, on_timeout = false }",
        ] {
            let stays = told(HANG, READY, stays, counted);
            assert!(said(&stays, "api: errors: refused").is_empty());
            assert!(
                (up(&stays) - since - 300.0).abs() < 0.5,
                "connected all the time"
            );
        }
    }
}

#[test]
fn open_connections_outlive_a_failed_probe() {
    let script = "kind = 'busy-script', lasts = '2min', writes = true";
    let busy = told(script, READY, IMPATIENT, "");
    let fails = said(&busy, "fails its readiness probe")[0];
    let ready = said(&busy, "is ready, gets new connections")[0];
    assert!(fails < 720.0 && ready > 720.0);
    assert!((up(&busy) - 720.0).abs() < 0.5, "{:?}", lines(&busy));
}

#[test]
fn clients_come_at_their_next_attempt() {
    let slow = format!("{IMPATIENT}\nreconnect = {{ first = '45s', factor = '1x', max = '45s' }}");
    let result = told(CRASH, READY, &slow, "");
    let ready = said(&result, "is ready, gets new connections")[0];
    assert!(ready < 630.0);
    assert!((up(&result) - 645.0).abs() < 0.5, "{:?}", lines(&result));
}

#[test]
fn who_learns_addresses_from_redis_is_not_concerned() {
    let replicas = r#"redis.replicas = 2
        redis.hosts = 3
        failover = { kind = "sentinel", sentinels = 3, quorum = 2, down_after = "5s",
          failover_timeout = "60s", parallel_syncs = 1, master_reboot_down_after = "0s",
          latency = "250us", config_save = "3ms" }"#;
    let spec = |supervisor: &str, mode: &str| {
        let client = format!("{IMPATIENT}\nmode = '{mode}'");
        world(CRASH, supervisor, &client, replicas)
    };
    let run = |supervisor: &str, mode: &str| both_ways(&spec(supervisor, mode), 1);
    assert_eq!(run(READY, "sentinel").outcome, run("", "sentinel").outcome);
    assert_ne!(run(READY, "address").outcome, run("", "address").outcome);
    let noted = |mode: &str| {
        let doubts = spec(READY, mode).doubts().join("\n");
        doubts.contains("redis.supervisor.readiness changes nothing")
    };
    assert!(noted("sentinel") && !noted("address"));
}

#[test]
fn a_probe_that_cannot_be_is_an_error() {
    for (key, value) in [
        ("every", "'0s'"),
        ("timeout", "'0s'"),
        ("fails", "0"),
        ("passes", "0"),
    ] {
        let mut spec = world(CRASH, READY, IMPATIENT, "");
        let wrong = format!("readiness = {{ {key} = {value} }}");
        spec.redis.supervisor = Some(crate::support::part(&wrong));
        let problems = spec.problems();
        let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, [format!("redis.supervisor.readiness.{key}")]);
    }
}
