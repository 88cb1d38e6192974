//! What connections cost a node, and how many it accepts.

use crate::support::{both_ways, lines, moment, part, said, service, story_world, trial};
use demand::answer::Cause;
use models::moment::MomentKind;
use models::{Mode, TrialResult, WorldSpec};
use sim::SimDuration;

/// One shard with two replicas under three Sentinels, whose primary hangs after five minutes. So
/// two replicas and six connections of Sentinels take places too.
fn world(services: &str, connections: u32) -> WorldSpec {
    let story = format!(
        r#"
        horizon = "1h"
        health_check = []
        [redis]
        shards = 1
        hosts = 3
        fullest_shard = "100%"
        node_memory = "4GiB"
        reconnect_ramp = "0s"
        [failover]
        kind = "sentinel"
        sentinels = 3
        quorum = 2
        down_after = "5s"
        failover_timeout = "1min"
        parallel_syncs = 1
        master_reboot_down_after = "0s"
        latency = "250us"
        config_save = "3ms"
        [people]
        notice = {{ kind = "constant", value = "10h" }}
        notice_unalerted = {{ kind = "constant", value = "10h" }}
        [[fault]]
        kind = "hang"
        workload = "log"
        at = {{ kind = "constant", value = "5min" }}
        lasts = "2h"
        {services}
        "#
    );
    let mut spec = story_world(&story);
    spec.redis.connections = connections;
    spec
}

const OTHERS: u32 = 8;
const WRITES: &str = "{ workload = \"log\", access = \"write\" }";

/// 64 workers, and a client that notices a silent node after half a second.
fn client(name: &str, more: &str) -> String {
    let follows = "follows = { on_error = true }";
    let refresh = match more.contains("topology_refresh") {
        true => "",
        false => "topology_refresh = \"100ms\"",
    };
    let timeout = "command_timeout = \"500ms\"";
    let timeout = if more.contains("command_timeout") {
        ""
    } else {
        timeout
    };
    service(
        name,
        WRITES,
        &format!("{refresh}\n{timeout}\n{follows}\n{more}"),
    )
}

fn failed(result: &TrialResult, cause: Cause) -> u64 {
    result.outcome.failed[cause as usize]
}

#[test]
fn a_share_of_the_clients_is_refused_and_a_higher_limit_cures_it() {
    let mut spec = world(&client("api", ""), 2_000);
    spec.faults.clear();
    spec.redis.maxclients = Some(1_500 + OTHERS);
    let result = trial(&spec, 1, Mode::Lazy);
    let outcome = &result.outcome;
    // A quarter of the visits; each of them presses twice, and half of those who come back later
    // find nothing better, since a visit stays with its server.
    let blocked = (outcome.visits - outcome.captured_first_try) as f64 / outcome.visits as f64;
    assert!((blocked - 0.25).abs() < 0.02, "{blocked}");
    let refused = failed(&result, Cause::MaxClients);
    assert_eq!(refused, outcome.failed_attempts, "{:?}", outcome.failed);
    let told = lines(&result).join("\n");
    assert!(told.contains("25 % of requests fail"), "{told}");
    spec.redis.maxclients = Some(2_000 + OTHERS);
    assert_eq!(trial(&spec, 1, Mode::Lazy).outcome.failed_attempts, 0);
    spec.redis.maxclients = None;
    assert_eq!(trial(&spec, 1, Mode::Lazy).outcome.failed_attempts, 0);
}

#[test]
fn refused_connections_get_in_once_the_limit_is_raised_on_a_node_that_answers() {
    let mut spec = world(&client("api", ""), 2_000);
    spec.redis.maxclients = Some(1_500 + OTHERS);
    let soon = "kind = 'constant'\nvalue = '1min'";
    (spec.people.notice, spec.people.notice_unalerted) = (part(soon), part(soon));
    spec.people.runbook = vec![part(
        "action = { kind = 'raise-maxclients', to = '1.5x' }
        takes = { kind = 'constant', value = '2min' }",
    )];
    spec.faults.clear();
    let raised = both_ways(&spec, 1);
    let at = said(&raised, "maxclients is raised");
    assert_eq!(at.len(), 1, "once is enough: {at:?}");
    assert_eq!(last(&raised, "api"), "api: answers");
    let ends = moment(&raised, MomentKind::ErrorsEnd, Some("api")).expect("they end");
    assert!((at[0]..at[0] + 60.0).contains(&ends), "{ends} after {at:?}");
}

/// Both have half of 1,200 connections, and there is room for 1,000.
fn early_and_late() -> WorldSpec {
    let services = [
        client("api", ""),
        client("late", "topology_refresh = \"20s\""),
    ];
    let mut spec = world(&services.join("\n"), 1_200);
    spec.redis.maxclients = Some(1_000 + OTHERS);
    spec
}

/// What the trace says last of a service.
fn last<'a>(result: &'a TrialResult, service: &str) -> &'a str {
    let said = lines(result).into_iter();
    let mut of = said.filter(|line| line.starts_with(&format!("{service}: ")));
    of.next_back().expect("something is said of it")
}

#[test]
fn at_the_start_all_are_refused_alike_and_after_a_failover_those_that_come_last() {
    let mut spec = early_and_late();
    let after = trial(&spec, 1, Mode::Lazy);
    let told = lines(&after).join("\n");
    assert!(told.contains("clients of late switch to"), "{told}");
    assert_eq!(last(&after, "api"), "api: answers", "{told}");
    assert!(
        last(&after, "late").starts_with("late: 33 % of requests fail"),
        "{told}"
    );
    spec.faults.clear();
    let before = trial(&spec, 1, Mode::Lazy);
    for service in ["api", "late"] {
        let said = last(&before, service);
        assert!(said.contains("17 % of requests fail"), "{said}");
    }
}

/// From the fault until half of the requests succeed again, in seconds.
fn down_for(result: &TrialResult) -> f64 {
    let at = |kind| {
        let mut moments = result.moments.iter();
        let found = moments.rfind(|moment| moment.kind == kind && moment.subject == "api");
        found.map(|moment| moment.at.as_secs_f64())
    };
    at(MomentKind::ServiceUp).expect("it is up again") - 300.0
}

#[test]
fn a_storm_takes_as_long_as_its_handshakes() {
    let storm = |connections, handshake: Option<u64>| {
        let mut spec = world(&client("api", "command_timeout = \"30s\""), connections);
        // It notices the new primary as soon as it is there.
        spec.services[0].client.follows = None;
        spec.redis.handshake = handshake.map(SimDuration::from_micros);
        let result = trial(&spec, 1, Mode::Lazy);
        (down_for(&result), result)
    };
    let (without, quiet) = storm(4_000, None);
    assert_eq!(said(&quiet, "accepts"), [0.0; 0]);
    // 4,000 of 2 ms: four rounds of 2 s, between which 6,000 commands a second are executed, 0.12 s
    // each time.
    let (with, result) = storm(4_000, Some(2_000));
    assert_eq!(
        said(&result, "accepts 1000 connections, which takes 2s").len(),
        4
    );
    assert!((with - without - 8.36).abs() < 0.2, "{with} {without}");
    let (half, _) = storm(2_000, Some(2_000));
    assert!((half - without - 4.12).abs() < 0.2, "{half} {without}");
    // 4,000 of 33 µs take an eighth of a second, in rounds of 33 ms that go unnoticed.
    let (plain, _) = storm(4_000, Some(33));
    assert!((plain - without).abs() < 0.2, "{plain} {without}");
}

/// 3,000 connections with TLS, of clients that give up connecting after half a second.
fn hasty(reconnect: &str, timeout: &str) -> TrialResult {
    let more = format!(
        "command_timeout = \"30s\"\nconnect_timeout = \"{timeout}\"\nreconnect = {reconnect}"
    );
    let mut spec = world(&client("api", &more), 3_000);
    spec.services[0].client.follows = None;
    spec.horizon = SimDuration::from_mins(30);
    spec.redis.handshake = Some(SimDuration::from_millis(2));
    trial(&spec, 1, Mode::Lazy)
}

const STEADY: &str = "{ first = \"100ms\", factor = \"1x\", max = \"100ms\" }";
const BACKS_OFF: &str = "{ first = \"100ms\", factor = \"2x\", max = \"30s\" }";

#[test]
fn a_storm_of_clients_that_give_up_feeds_itself_and_back_off_ends_it() {
    let end = |r: &TrialResult| *said(r, ": accepts").last().expect("a storm");
    // What the backlog holds takes 511 × 2 ms, longer than the next attempt lasts.
    let steady = hasty(STEADY, "500ms");
    let told = lines(&steady).join("\n");
    assert!(end(&steady) > 29.0 * 60.0, "it lasts to the end: {told}");
    assert!(!last(&steady, "api").contains("answers"), "{told}");
    let backs_off = hasty(BACKS_OFF, "500ms");
    let told = lines(&backs_off).join("\n");
    assert!(end(&backs_off) < 15.0 * 60.0, "{told}");
    assert_eq!(last(&backs_off, "api"), "api: answers", "{told}");
    // Clients that wait for longer than all takes never give up.
    let patient = hasty(STEADY, "10s");
    assert_eq!(said(&patient, "give up"), [0.0; 0]);
    assert!(end(&patient) < 320.0);
}

#[test]
fn clients_whose_pauses_are_drawn_come_spread_out() {
    let end = |r: &TrialResult| *said(r, ": accepts").last().expect("a storm");
    let drawn = |share: &str| BACKS_OFF.replace('}', &format!(", jitter = \"{share}\" }}"));
    let (whole, none) = (hasty(BACKS_OFF, "500ms"), hasty(&drawn("0%"), "500ms"));
    assert_eq!(lines(&whole), lines(&none));
    let spread = hasty(&drawn("100%"), "500ms");
    assert_eq!(last(&spread, "api"), "api: answers", "{:?}", lines(&spread));
    assert!(
        end(&spread) < end(&whole),
        "{} {}",
        end(&spread),
        end(&whole)
    );
}

/// From the switch to a new primary until all clients are back on it, in seconds.
fn back_after(result: &TrialResult) -> Option<f64> {
    let back = said(result, "have reconnected");
    Some(back.first()? - said(result, "switch to")[0])
}

#[test]
fn a_backlog_younger_than_the_timeout_ends_a_storm_as_measured() {
    // Measured with Linux and Redis 7.0.15, clients that try for a second: 5 s, 20 s, never.
    let measured = [
        (500, 511, Some(5.0)),
        (1_000, 511, Some(20.0)),
        (1_000, 4_000, None),
    ];
    for (handshake, backlog, lasts) in measured {
        let more =
            format!("command_timeout = \"30s\"\nconnect_timeout = \"1s\"\nreconnect = {STEADY}");
        let mut spec = world(&client("api", &more), 8_000);
        spec.services[0].client.follows = None;
        spec.horizon = SimDuration::from_mins(20);
        spec.redis.handshake = Some(SimDuration::from_micros(handshake));
        spec.redis.tcp_backlog = Some(backlog);
        let result = trial(&spec, 1, Mode::Lazy);
        let (back, told) = (back_after(&result), lines(&result).join("\n"));
        match (back, lasts) {
            // Jitter and retries of the kernel are left out.
            (Some(back), Some(lasts)) => assert!((0.6..1.4).contains(&(back / lasts)), "{back}"),
            (back, lasts) => assert_eq!(back, lasts, "{told}"),
        }
        let doubts = spec.doubts().join("\n");
        let noted = doubts.contains("the storm may not end");
        assert_eq!(noted, lasts.is_none(), "{doubts}");
        // The storm is over, or lasts to the end of the trial.
        let accepts = said(&result, ": accepts");
        assert_eq!(
            lasts.is_none(),
            *accepts.last().expect("a storm") > 1190.0,
            "{told}"
        );
    }
}

#[test]
fn all_are_back_when_the_last_handshake_is_made() {
    let mut spec = world(&client("api", "command_timeout = \"30s\""), 4_000);
    spec.services[0].client.follows = None;
    spec.redis.handshake = Some(SimDuration::from_millis(2));
    let result = trial(&spec, 1, Mode::Lazy);
    let back = back_after(&result).expect("all are back");
    // Four rounds of 2 s, and three gaps of up to 0.12 s.
    assert!((8.0..8.36).contains(&back), "{back}");
}

#[test]
fn connections_take_memory_once_and_where_they_are_open() {
    let mut spec = world(&client("api", ""), 2_000);
    spec.faults.clear();
    spec.horizon = SimDuration::from_mins(10);
    spec.redis.connection_memory = "1MiB".parse().expect("a size");
    spec.redis.maxmemory = Some("57%".parse().expect("a share"));
    let mut refused = |connections, places: Option<u32>| {
        spec.redis.connections = connections;
        spec.redis.maxclients = places.map(|places| places + OTHERS);
        failed(&trial(&spec, 1, Mode::Lazy), Cause::Oom) > 0
    };
    // 1,500 fill it, and 1,125 do not.
    assert!(refused(1_500, None) && !refused(1_125, None));
    assert!(refused(2_000, Some(1_500)) && !refused(2_000, Some(1_125)));

    // A third of the workers is a third of the connections, whatever commands they send.
    let mut spec = early_and_late();
    spec.redis.maxclients = None;
    spec.services[1].workers = 128;
    let result = trial(&spec, 1, Mode::Lazy);
    let [early, late] = ["clients of api switch", "clients of late switch"];
    let [early, late] = [early, late].map(|words| said(&result, words)[0]);
    let at = |at: f64| {
        let counts = result.connections.iter().map(|(_, changes)| {
            let later = changes.partition_point(|(changed, _)| changed.as_secs_f64() <= at);
            later.checked_sub(1).map_or(0, |place| changes[place].1)
        });
        let mut counts: Vec<u64> = counts.collect();
        counts.sort_unstable();
        counts
    };
    assert_eq!(at(early - 1.0), [0, 0, 1_200]);
    assert_eq!(at((early + late) / 2.0), [0, 400, 800]);
    assert_eq!(at(late + 1.0), [0, 0, 1_200]);
}

#[test]
fn a_pause_for_handshakes_opens_no_node_that_refuses_writes() {
    let mut spec = world(&client("api", "command_timeout = \"30s\""), 8_000);
    spec.services[0].client.follows = None;
    spec.horizon = SimDuration::from_mins(10);
    spec.redis.maxmemory = Some("5%".parse().expect("a share"));
    // From the fifth round of 0.9 s on most clients are connected.
    spec.redis.handshake = Some(SimDuration::from_micros(900));
    let result = trial(&spec, 1, Mode::Lazy);
    let told = lines(&result).join("\n");
    assert_eq!(said(&result, ": accepts").len(), 8, "{told}");
    assert!(failed(&result, Cause::Oom) > 0, "{told}");
    let up = |moment: &&models::moment::Moment| moment.kind == MomentKind::ServiceUp;
    assert_eq!(result.moments.iter().find(up), None, "{told}");
}

#[test]
fn clients_that_close_silent_connections_feed_it_too() {
    let storm = |timeout: &str| {
        let more = format!("command_timeout = \"{timeout}\"\nreconnect = {STEADY}");
        let mut spec = world(&client("api", &more), 3_000);
        spec.horizon = SimDuration::from_mins(20);
        spec.redis.handshake = Some(SimDuration::from_millis(2));
        let result = trial(&spec, 1, Mode::Lazy);
        let told = lines(&result).join("\n");
        *said(&result, ": accepts")
            .last()
            .unwrap_or_else(|| panic!("{told}"))
    };
    // Rounds of up to 2 s: each closes the connections that the last one made.
    assert!(storm("500ms") > 1190.0);
    assert!(storm("3s") < 330.0);
}

#[test]
fn a_silence_closes_the_connections_on_which_a_command_timed_out() {
    // 2,000 connections, and a hang of 2 s. A command must be sent in the first 1.5 s, or be under
    // way for half a millisecond before, to time out after 500 ms.
    let closed = |commands: f64, more: &str| {
        let mut spec = world(&client("api", more), 2_000);
        let each = format!("{}/s", commands / spec.workloads.len() as f64);
        for workload in &mut spec.workloads {
            workload.commands = each.parse().expect("a rate");
        }
        spec.redis.handshake = Some(SimDuration::from_micros(10));
        spec.faults = vec![part(
            "kind = 'hang'\nworkload = 'log'\nlasts = '2s'
            at = { kind = 'constant', value = '5min' }",
        )];
        let result = trial(&spec, 1, Mode::Lazy);
        let changes = result.connections.iter().flat_map(|(_, changes)| changes);
        let after = changes.filter(|(at, count)| at.as_secs_f64() >= 300.0 && *count > 0);
        2_000 - after.map(|(_, count)| *count).min().unwrap_or(2_000)
    };
    assert_eq!(closed(600.0, ""), 725, "2,000 × (1 - exp(-0.3 × 1.5005))");
    assert_eq!(closed(20.0, ""), 30, "2,000 × (1 - exp(-0.01 × 1.5005))");
    assert_eq!(closed(600.0, "command_timeout = \"3s\""), 0);
}

#[test]
fn a_storm_longer_than_down_after_is_taken_for_another_failure() {
    let failovers = |handshake: u64| {
        let mut spec = world(&client("api", "command_timeout = \"30s\""), 3_000);
        let models::spec::FailoverSpec::Sentinel(group) = &mut spec.failover else {
            panic!("Sentinels watch");
        };
        group.down_after = SimDuration::from_secs(1);
        group.failover_timeout = SimDuration::from_millis(1_500);
        spec.services[0].client.follows = None;
        spec.redis.handshake = Some(SimDuration::from_micros(handshake));
        let result = trial(&spec, 1, Mode::Lazy);
        let doubts = spec.doubts().join("\n");
        let noted = doubts.contains("failover.down_after = 1s: it is taken for failed");
        (result.outcome.failovers, noted, lines(&result).join("\n"))
    };
    let (failovers_in_plain, noted, told) = failovers(33);
    assert!((failovers_in_plain, noted) == (1, false), "{told}");
    // Rounds of 6 s.
    let (with_tls, noted, told) = failovers(6_000);
    assert!(with_tls > 1 && noted, "{told}");
}

/// A surge brings so many visits that the autoscaler goes from 4 servers to 32.
#[test]
fn servers_that_an_autoscaler_adds_run_into_the_limit() {
    let servers = r#"
        [service.servers]
        count = 4
        most = 32
        target = "60%"
        every = "15s"
        takes = { kind = "constant", value = "2min" }
        cool_down = "5min"
        "#;
    let mut spec = world(&format!("{}{servers}", client("api", "")), 400);
    spec.faults.clear();
    spec.services[0].workers = 8;
    spec.services[0].service_time = SimDuration::from_millis(100);
    spec.signers.visits = "240/s".parse().expect("a rate");
    let result = trial(&spec, 1, Mode::Lazy);
    assert_eq!(failed(&result, Cause::MaxClients), 0);
    spec.redis.maxclients = Some(1_000 + OTHERS);
    let result = trial(&spec, 1, Mode::Lazy);
    let told = lines(&result).join("\n");
    assert!(failed(&result, Cause::MaxClients) > 0, "{told}");
    assert!(
        told.contains("connections are refused (maxclients)"),
        "{told}"
    );
    // Ten servers have 1,000 connections, and each further one 100 that are refused.
    let refused = said(&result, "are refused")[0];
    let serve = result
        .trace
        .iter()
        .rfind(|(at, line)| at.as_secs_f64() <= refused && line.contains(" servers serve"));
    let (_, line) = serve.expect("servers are added");
    let servers = line.split(" servers").next().expect("a number");
    let servers: u32 = servers
        .rsplit(' ')
        .next()
        .expect("one")
        .parse()
        .expect("it");
    let more = format!(": {} connections are refused", 100 * (servers - 10));
    assert!(servers > 10 && told.contains(&more), "{servers}: {told}");
    let doubts = spec.doubts().join("\n");
    assert!(doubts.contains("the last ones are refused"), "{doubts}");
}

#[test]
fn a_probe_opens_a_connection_and_is_refused() {
    let mut spec = world(&client("api", ""), 2_000);
    spec.faults.clear();
    let check = r#"
        interval = "10s"
        timeout = "1s"
        actions = ["page"]
        probe = { kind = "ping" }
        judge = { kind = "consecutive", fall = 3, rise = 2 }
        guard = { cool_down = "10min", failovers_max = 3, fail_open = true }
        "#;
    spec.health_checks
        .push(toml::from_str(check).expect("a check"));
    let paged = |spec: &WorldSpec| {
        let result = trial(spec, 1, Mode::Lazy);
        let mut kinds = result.moments.iter().map(|moment| moment.kind);
        kinds.any(|kind| kind == MomentKind::Paged)
    };
    assert!(!paged(&spec));
    // Replicas are not full, and answer a check that asks any node.
    spec.health_checks[0].probe = toml::from_str("kind = 'write-canary'").expect("a probe");
    assert!(!paged(&spec));
    spec.redis.maxclients = Some(1_500 + OTHERS);
    assert!(paged(&spec));
}

#[test]
fn opening_everything_changes_no_storm() {
    let mut worlds = vec![early_and_late()];
    let more = format!("connect_timeout = \"500ms\"\nreconnect = {BACKS_OFF}");
    let mut storm = world(&client("api", &more), 3_000);
    storm.redis.handshake = Some(SimDuration::from_millis(2));
    storm.redis.maxclients = Some(2_500);
    storm.horizon = SimDuration::from_mins(20);
    worlds.push(storm);
    for spec in worlds {
        let [lazy, eager] = [Mode::Lazy, Mode::Eager].map(|mode| trial(&spec, 2, mode));
        assert_eq!(lazy.outcome, eager.outcome);
        assert_eq!(lines(&lazy), lines(&eager));
    }
}
