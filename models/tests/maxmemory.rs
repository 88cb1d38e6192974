//! A limit in bytes: the same as a share on nodes as they are, and not on larger ones.

use crate::support::{lines, moment, said, small_world, story_world, trial};
use models::moment::MomentKind;
use models::{Mode, TrialResult, WorldSpec};
use sim::SimDuration;
use sim::quantity::SizeOrShare;

const HALVES: &str = "{ kind = \"cells\", count = 2, budget = \"equal-memory\" }";
const APART: &str = "{ kind = \"per-workload\", budget = \"equal-memory\" }";

/// Nodes of 1 GiB, which nobody replaces unless these changes say so.
fn limited(limit: &str, changes: &[(&str, &str)]) -> WorldSpec {
    let limit = format!("\"{limit}\"");
    let own = [
        ("redis.maxmemory", limit.as_str()),
        ("redis.system_reserve", "\"16MiB\""),
        ("health_check", "[]"),
        ("people.runbook", "[]"),
    ];
    small_world(&[&own[..], changes].concat())
}

/// How many trials of four refuse writes, each one the same with both limits.
fn refuse_alike(share: &str, bytes: &str, changes: &[(&str, &str)]) -> usize {
    let run = |limit, number| trial(&limited(limit, changes), number, Mode::Lazy);
    let mut refuse = 0;
    for number in 0..4 {
        let result = run(bytes, number);
        assert_eq!(result, run(share, number), "trial {number} of {changes:?}");
        refuse += usize::from(!said(&result, "refuses writes (-OOM)").is_empty());
    }
    refuse
}

#[test]
fn bytes_are_the_share_that_they_are_of_a_node() {
    for layout in ["{ kind = \"shared\" }", APART, HALVES] {
        let refuse = refuse_alike("75%", "768MiB", &[("layout", layout)]);
        assert!(refuse > 0, "{layout}");
    }
    let evicts = [("redis.maxmemory_policy", "\"allkeys-lru\"")];
    assert_eq!(refuse_alike("75%", "768MiB", &evicts), 0);
}

/// Writes are refused, and people bring up nodes twice as large and do nothing else.
fn enlarged(limit: &str) -> TrialResult {
    let runbook = r#"[{ action = { kind = "resize", factor = "2x", from = "80%" },
        takes = { kind = "constant", value = "1min" } }]"#;
    let spec = limited(limit, &[("people.runbook", runbook)]);
    let lazy = trial(&spec, 2, Mode::Lazy);
    assert_eq!(lazy, trial(&spec, 2, Mode::Eager));
    lazy
}

#[test]
fn a_share_grows_with_the_node_and_bytes_do_not() {
    let (share, bytes) = (enlarged("75%"), enlarged("768MiB"));
    let down = moment(&share, MomentKind::ServiceDown, Some("api")).expect("it fills up");
    assert_eq!(
        moment(&bytes, MomentKind::ServiceDown, Some("api")),
        Some(down)
    );
    for result in [&share, &bytes] {
        let taken = said(result, "larger nodes take over");
        assert!(taken[0] > down, "{:?}", lines(result));
    }
    assert!(moment(&share, MomentKind::ServiceUp, Some("api")).is_some());
    assert!(share.outcome.recover_s.is_some());
    assert_eq!(bytes.outcome.recover_s, None, "the limit is what it was");
    // Larger and larger nodes change nothing.
    assert!(said(&bytes, "larger nodes take over").len() > said(&share, "larger nodes").len());
}

#[test]
fn what_bytes_do_not_follow_is_noted() {
    let noted = |limit: &str, changes: &[(&str, &str)]| limited(limit, changes).doubts().join("\n");
    let step = |action: &str| {
        let takes = "takes = { kind = \"constant\", value = \"1min\" }";
        format!("{{ action = {{ {action} }}, {takes} }}")
    };
    let resize = step("kind = \"resize\", factor = \"2x\", from = \"80%\"");
    let raise = step("kind = \"raise-maxmemory\", to = \"1.01x\"");
    let steps = |steps: &[&str]| format!("[{}]", steps.join(", "));
    let stays = "maxmemory = 768MiB stays as it is on the larger nodes of the step resize";
    let runbook = |limit: &str, of: &[&str]| noted(limit, &[("people.runbook", &steps(of))]);
    assert!(runbook("768MiB", &[&resize]).contains(stays));
    assert!(runbook("768MiB", &[&raise, &resize]).contains(stays));
    assert!(!runbook("768MiB", &[&resize, &raise]).contains("stays as it is"));
    assert!(!runbook("75%", &[&resize]).contains("stays as it is"));
    let scaler = r#"{ target = "70%", sustained = "5min", cool_down = "1h", step = "2x",
        ceiling = "8x", provision = { kind = "constant", value = "5min" } }"#;
    assert!(noted("768MiB", &[("autoscaler", scaler)]).contains("larger nodes of the autoscaler"));

    let layout = |limit: &str, layout: &str| noted(limit, &[("layout", layout)]);
    let apart = layout("768MiB", APART);
    assert!(
        apart.contains("512 MiB on the 683 MiB of log, 256 MiB on the 341 MiB of cache"),
        "{apart}"
    );
    assert!(layout("768MiB", HALVES).contains("384 MiB on the 512 MiB of cell 1"));
    assert!(!layout("75%", APART).contains("in proportion"));
    assert!(!layout("768MiB", "{ kind = \"shared\" }").contains("in proportion"));
    // More than a node has is allowed, as Redis allows it.
    assert!(noted("2GiB", &[]).contains("maxmemory is 2.00 GiB: there a process holds 2.10 GiB"));
}

#[test]
fn no_limit_is_no_key_and_not_zero() {
    for zero in ["0B", "0%"] {
        let mut spec = limited("75%", &[]);
        spec.redis.maxmemory = Some(zero.parse().expect("a size or share"));
        let problems = spec.problems();
        let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["redis.maxmemory"], "{zero}");
        assert!(problems[0].help.contains("leave the key out for no limit"));
    }
}

/// A subscriber that does not read, until the clients' limit cuts it off; `limits` of redis.conf.
fn subscriber(limits: &str, maxmemory: &str) -> TrialResult {
    let spec = story_world(&format!(
        r#"
        horizon = "30min"
        health_check = []
        fault = [{{ kind = "slow-subscriber", workload = "cache", lasts = "10min",
          at = {{ kind = "constant", value = "10min" }}, subscribers = 1, messages = "100/s",
          message_size = "10kB" }}]
        redis.pubsub = {{ subscribers = 20, hard_limit = "0B", soft_limit = "0B",
          soft_time = "60s", socket_buffers = "300kB", {limits} }}
        {maxmemory}
        "#
    ));
    trial(&spec, 2, Mode::Lazy)
}

#[test]
fn the_limit_of_all_clients_is_in_bytes_or_a_share() {
    let cut_off = |result: &TrialResult| said(result, "slow subscribers are disconnected");
    let limited = "redis.maxmemory = \"512MiB\"";
    let share = subscriber("maxmemory_clients = \"12.5%\"", limited);
    let bytes = subscriber("maxmemory_clients = \"64MiB\"", limited);
    assert_eq!(share, bytes);
    // 55 MiB beyond the 220 others at 1 MB a second.
    let after = cut_off(&bytes)[0] - 600.0;
    assert!((50.0..65.0).contains(&after), "{after} s");
    let without = subscriber("maxmemory_clients = \"64MiB\"", "");
    assert_eq!(cut_off(&without), cut_off(&bytes), "it needs no maxmemory");
    for off in ["\"0B\"", "\"0%\""] {
        let off = subscriber(&format!("maxmemory_clients = {off}"), limited);
        assert!(cut_off(&off).iter().all(|at| *at >= 1200.0));
    }
    let mut spec = small_world(&[]);
    spec.redis.pubsub = Some(crate::support::part(
        "subscribers = 1\nhard_limit = \"0B\"\nsoft_limit = \"0B\"\nsoft_time = \"1s\"
         socket_buffers = \"1kB\"\nmaxmemory_clients = \"5%\"",
    ));
    let of = |spec: &WorldSpec| spec.problems().len();
    assert_eq!(of(&spec), 1, "a share of nothing");
    let pubsub = spec.redis.pubsub.as_mut().expect("it is there");
    pubsub.maxmemory_clients = Some("1MiB".parse::<SizeOrShare>().expect("a size"));
    assert_eq!(of(&spec), 0);
}

#[test]
fn evictions_count_for_a_thread_that_is_busy() {
    let doubts = |policy: &str| {
        let mut spec = story_world(&format!(
            "redis = {{ maxmemory = '50%', maxmemory_policy = '{policy}' }}"
        ));
        // Two thirds of the thread, and 1.5 us for each key that has to go.
        spec.workloads[0].commands = "160000/s".parse().expect("a rate");
        spec.workloads[0].new_keys = "600000/s".parse().expect("a rate");
        spec.redis.command_time = SimDuration::from_micros(10);
        spec.doubts().join("\n")
    };
    let expected = "its thread would be busy 101 % of the time";
    let evicts = doubts("allkeys-lru");
    assert!(evicts.contains(expected), "{evicts}");
    assert!(!doubts("noeviction").contains("its thread would be busy"));
}
