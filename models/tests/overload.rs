//! An overload while Redis is healthy: metrics show it, somebody is paged, and added servers end
//! it.

use crate::support::{self, errors_alert, lines, part, servers, story_world, trial};
use models::moment::MomentKind;
use models::{Mode, TrialResult, WorldSpec};
use sim::SimDuration;

/// Eight workers of 100 ms serve 80 requests a second. A surge brings 120 visits a second for ten
/// minutes. A user without an answer after 5 s presses again, three times in all, so 40 visits a
/// second are up to 120 requests after the surge: the overload outlasts it.
fn world(rest: &str) -> WorldSpec {
    let story = format!(
        r#"
        horizon = "2h"
        health_check = []
        fault = []
        [signers]
        visits = "40/s"
        objective = "1%"
        surge = [{{ at = {{ kind = "constant", value = "1h" }}, factor = "3x",
          lasts = {{ kind = "constant", value = "10min" }} }}]
        [[signers.class]]
        name = "person"
        share = "100%"
        patience = "5s"
        presses_max = 3
        press_again_after = "1s"
        returns = []
        [[service]]
        name = "api"
        workers = 8
        queue_limit = 2000
        gateway_timeout = "5s"
        service_time = "100ms"
        on_gateway_timeout = "continue"
        needs = [{{ workload = "log", access = "write" }}]
        client = {{ retries = 0, backoff = "0s", retries_on = [], topology_refresh = "1s" }}
        {rest}
        "#
    );
    story_world(&story)
}

/// People look at a graph once in 10 hours, but a page calls them.
const PEOPLE_AWAY: &str = r#"
    [people]
    notice = { kind = "constant", value = "10h" }
    notice_unalerted = { kind = "constant", value = "10h" }
    acknowledge = { kind = "constant", value = "3min" }
    diagnose = { kind = "constant", value = "5min" }
    verify = { kind = "constant", value = "4min" }
    "#;

const STEP: &str = r#"
    [[people.runbook]]
    action = { kind = "scale-servers", service = "api", factor = "2x" }
    takes = { kind = "constant", value = "2min" }
    when = ["overloaded"]
    "#;

/// 5 % of the requests of a minute fail, for a minute.
fn alert() -> String {
    errors_alert("30s", "5%", "1min")
}

fn moment(result: &TrialResult, kind: MomentKind) -> Option<u64> {
    support::moment(result, kind, None).map(|at| at as u64)
}

#[test]
fn an_overload_outlasts_its_cause_and_nobody_ends_it_without_an_alert() {
    let result = trial(&world(&format!("{PEOPLE_AWAY}{STEP}")), 1, Mode::Lazy);
    assert_eq!(moment(&result, MomentKind::Paged), None);
    assert_eq!(result.outcome.recover_s, None, "it lasts to the end");
    assert_eq!(result.outcome.detect_s, None);
    assert!(result.outcome.downtime_observed_s > 55.0 * 60.0);
    assert_eq!(result.outcome.downtime_true_s, 3600.0, "most requests fail");
}

#[test]
fn an_alert_on_errors_pages_and_added_servers_end_the_overload() {
    let spec = world(&format!("{}{PEOPLE_AWAY}{STEP}", alert()));
    let result = trial(&spec, 1, Mode::Lazy);
    let told = lines(&result).join("\n");
    let paged = moment(&result, MomentKind::Paged).expect("somebody is paged");
    // The first bad minute is known at 61:05; 30 s to the scrape, and held for a minute.
    assert!(
        (3600 + 65..=3600 + 65 + 95).contains(&paged),
        "{paged}\n{told}"
    );
    // 3 min to come, 5 min to find the cause, 2 min for the servers.
    let done = moment(&result, MomentKind::ActionDone).expect("servers are added");
    assert_eq!(done, paged + 600, "{told}");
    let ended = result.outcome.recover_s.expect("it ends");
    // A queue of 2000 at 160 a second, while 120 a second come until the surge is over.
    assert!((600.0..=900.0).contains(&ended), "{ended}\n{told}");
    assert!(told.contains("api: answers"), "{told}");
    let without = trial(&world(&format!("{PEOPLE_AWAY}{STEP}")), 1, Mode::Lazy)
        .outcome
        .lost;
    assert!(
        result.outcome.lost * 2 < without,
        "{} {without}",
        result.outcome.lost
    );
}

/// A robot that sends a whole request every 10 s.
const SYNTHETIC: &str = r#"
    interval = "10s"
    timeout = "1s"
    actions = ["page"]
    probe = { kind = "synthetic", service = "api" }
    judge = { kind = "consecutive", fall = 3, rise = 2 }
    guard = { cool_down = "10min", failovers_max = 3, fail_open = true }
    "#;

#[test]
fn a_synthetic_request_fails_in_an_overload() {
    let mut spec = world(&format!("{PEOPLE_AWAY}{STEP}"));
    spec.health_checks
        .push(toml::from_str(SYNTHETIC).expect("a check"));
    let result = trial(&spec, 1, Mode::Lazy);
    let paged = moment(&result, MomentKind::Paged).expect("the check pages");
    // The first minute in which most requests fail is known at 61:05 or 62:05.
    assert!((3665..3665 + 100).contains(&paged), "{paged}");
}

#[test]
fn opening_everything_changes_no_overload() {
    // A short cool-down takes servers away while presses wait.
    let hasty = four_servers().replace("5min", "15s");
    let rests = [
        format!("{PEOPLE_AWAY}{STEP}"),
        format!("{}{PEOPLE_AWAY}{STEP}", alert()),
        format!("{hasty}{}{PEOPLE_AWAY}", alert()),
    ];
    for rest in rests {
        let mut spec = world(&rest);
        spec.health_checks
            .push(toml::from_str(SYNTHETIC).expect("a check"));
        let (lazy, eager) = (trial(&spec, 2, Mode::Lazy), trial(&spec, 2, Mode::Eager));
        assert_eq!(lazy.outcome, eager.outcome);
        assert_eq!(lines(&lazy), lines(&eager));
    }
}

/// Four servers of two workers, held 60 % busy.
fn four_servers() -> String {
    let takes = "{ kind = \"constant\", value = \"2min\" }";
    format!("[service.servers]{}", servers(4, 32, takes))
}

#[test]
fn an_autoscaler_of_servers_ends_the_overload_without_people() {
    let spec = world(&format!("{}{PEOPLE_AWAY}", four_servers()));
    let result = trial(&spec, 1, Mode::Lazy);
    let told = lines(&result).join("\n");
    let orders: Vec<&str> = lines(&result)
        .into_iter()
        .filter(|line| line.starts_with("autoscaler of api"))
        .collect();
    // At 61:00 all workers were busy for a minute; the metric rises on the way there.
    assert_eq!(
        orders[0], "autoscaler of api: orders servers, 4 to 5",
        "{told}"
    );
    let serve = |line: &str| {
        result
            .trace
            .iter()
            .find(|(_, said)| said == line)
            .map(|(at, _)| *at)
    };
    let five = serve("autoscaler of api: 4 to 5 servers serve").expect("they serve");
    let ordered = serve("autoscaler of api: orders servers, 4 to 5").expect("they are ordered");
    assert_eq!(five - ordered, SimDuration::from_mins(2));
    // 120 a second would need 10 servers at 60 %, but users whose request failed press again.
    let serve = orders.iter().filter(|line| line.ends_with("servers serve"));
    assert!(serve.count() > 5, "{told}");
    assert!(
        orders
            .last()
            .is_some_and(|line| line.ends_with("to 4 servers serve")),
        "{told}"
    );
    // Without an autoscaler it lasts for the hour to the end.
    let ended = result.outcome.recover_s.expect("it ends with the surge");
    assert!((600.0..=720.0).contains(&ended), "{ended}\n{told}");
    let eager = trial(&spec, 1, Mode::Eager);
    assert_eq!(result.outcome, eager.outcome);
    assert_eq!(lines(&result), lines(&eager));
}

#[test]
fn check_notes_waits_that_outlive_the_gateway() {
    let noted = |wait: &str| {
        let mut spec = world(PEOPLE_AWAY);
        spec.services[0].wait = Some(part(&format!(
            "replicas = 1\non_timeout = 'fail'\ntimeout = '{wait}'"
        )));
        spec.services[0].gateway_timeout = SimDuration::from_secs(30);
        let doubts = spec.doubts().join("\n");
        doubts.contains(&format!("may wait {wait} for replicas (wait.timeout)"))
    };
    assert!(noted("31s") && !noted("30s"));
    let mut spec = world(PEOPLE_AWAY);
    let needs = &mut spec.services[0].needs;
    let store = "workers = 9\ntakes = '1min'\nqueue_limit = 0";
    needs[0].fallback = Some(part(store));
    needs[0].bulkhead = Some(part("calls = 9\nwait = '2min'"));
    let doubts = spec.doubts().join("\n");
    for words in ["1min for the store", "2min for a bulkhead"] {
        assert!(doubts.contains(words), "{doubts}");
    }
}

#[test]
fn check_notes_workers_that_never_suffice_and_connections_that_redis_refuses() {
    let noted = |spec: &WorldSpec, words: &str| {
        let doubts = spec.doubts();
        doubts.iter().any(|doubt| doubt.contains(words))
    };
    let workers = "it is overloaded before anything fails";
    let mut spec = world(PEOPLE_AWAY);
    assert!(
        !noted(&spec, workers),
        "40 requests a second keep 4 of 8 busy"
    );
    spec.services[0].workers = 4;
    assert!(noted(&spec, workers));
    let mut spec = world(&format!("{}{PEOPLE_AWAY}", four_servers()));
    let connections = "the last ones are refused";
    // Links of the bus to eight other nodes, and two replicas.
    spec.redis.maxclients = Some(10_000 + 2 * 8 + 2);
    spec.redis.connections = 1_250;
    assert!(
        !noted(&spec, connections),
        "32 servers instead of 4 have 10,000"
    );
    spec.redis.connections = 1_251;
    assert!(noted(&spec, connections));
    let mut spec = world(&format!("{PEOPLE_AWAY}{STEP}"));
    spec.redis.maxclients = Some(10_000 + 2 * 8 + 2);
    spec.redis.connections = 5_000;
    assert!(!noted(&spec, connections), "the step doubles them: 10,000");
    spec.redis.connections = 5_001;
    assert!(noted(&spec, connections));
}

#[test]
fn connections_grow_with_servers_and_fill_redis() {
    let crowded = |connections: &str| {
        let mut spec = world(&format!("{}{PEOPLE_AWAY}", four_servers()));
        spec.redis.connections = 1_000;
        spec.redis.connection_memory = connections.parse().expect("a size");
        let result = trial(&spec, 1, Mode::Lazy);
        let told = lines(&result).join("\n");
        assert!(told.contains("servers serve"), "{told}");
        told.contains("refuses writes (-OOM)")
            || told.contains("stalled")
            || told.contains("killed")
    };
    assert!(!crowded("40KiB"));
    // 250 MiB at the start, and eight times that does not fit into a node of 1 GiB.
    assert!(crowded("256KiB"));
}

/// 250 requests a second of 200 ms keep 50 workers busy, 25 servers of four workers at 50 %.
#[test]
fn an_autoscaler_orders_what_the_busy_workers_need_and_no_more() {
    let mut spec = world(&format!("{}{PEOPLE_AWAY}", four_servers()));
    spec.signers.visits = "250/s".parse().expect("a rate");
    spec.signers.surges.clear();
    spec.signers.classes[0].presses_max = 1;
    spec.horizon = SimDuration::from_mins(30);
    let service = &mut spec.services[0];
    service.workers = 40;
    service.queue_limit = 0;
    service.service_time = SimDuration::from_millis(200);
    let servers = service.servers.as_mut().expect("it has servers");
    (servers.count, servers.most) = (10, 1_000);
    servers.target = "50%".parse().expect("a share");
    assert_eq!(spec.problems(), []);
    let result = trial(&spec, 1, Mode::Lazy);
    let said = lines(&result);
    let orders = said
        .iter()
        .filter_map(|line| line.split_once("orders servers, "));
    let orders: Vec<&str> = orders.map(|(_, order)| order).collect();
    // Ten servers show 100 %, so 20; these show 62.5 %, so 25; and that is 50 %.
    assert_eq!(orders, ["10 to 20", "20 to 25"]);
}
