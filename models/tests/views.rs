//! Every service follows the owners of a cluster independently.

use crate::support::{service, story_world, trial};
use models::moment::MomentKind;
use models::{Mode, TrialResult};

/// The primary hangs for ten minutes; one service refreshes at its first command timeout.
fn hang(second: &str) -> TrialResult {
    hang_with("health_check = []", second)
}

fn hang_with(checks: &str, second: &str) -> TrialResult {
    let api = reader_or_writer("api", "write", ALIKE);
    let story = format!(
        r#"
        horizon = "1h"
        {checks}
        [[fault]]
        kind = "hang"
        workload = "log"
        at = {{ kind = "constant", value = "5min" }}
        lasts = "10min"
        {api}
        {second}
        "#
    );
    trial(&story_world(&story), 3, Mode::Lazy)
}

/// A client with a command timeout of half a second that refreshes then.
const ALIKE: &str = "command_timeout = \"500ms\"\nfollows = { on_error = true }";

fn second(client: &str) -> String {
    reader_or_writer("second", "read", client)
}

fn reader_or_writer(name: &str, access: &str, client: &str) -> String {
    service(
        name,
        &format!("{{ workload = \"log\", access = \"{access}\" }}"),
        &format!("topology_refresh = \"1s\"\n{client}"),
    )
}

/// How long a service was down, in seconds.
fn down(result: &TrialResult, service: &str) -> f64 {
    let mut down = 0.0;
    let mut since = None;
    for moment in result
        .moments
        .iter()
        .filter(|moment| moment.subject == service)
    {
        match (moment.kind, since) {
            (MomentKind::ServiceDown, None) => since = Some(moment.at),
            (MomentKind::ServiceUp, Some(from)) => {
                down += (moment.at - from).as_secs_f64();
                since = None;
            }
            _ => {}
        }
    }
    assert_eq!(since, None, "{service} is up again");
    down
}

#[test]
fn a_service_that_looks_early_does_not_wait_for_one_that_never_looks() {
    let alone = hang("");
    let api = down(&alone, "api");
    assert!(
        (5.0..20.0).contains(&api),
        "a node timeout and a look: {api} s"
    );
    // A client without a command timeout that looks on errors waits for the node to answer.
    let patient = hang(&second("follows = { on_error = true }"));
    assert_eq!(
        down(&patient, "api"),
        api,
        "the other service changes nothing"
    );
    let waits = down(&patient, "second");
    assert!(
        (595.0..605.0).contains(&waits),
        "until the node goes on: {waits} s"
    );
    // One that looks every minute is in between.
    let clock = hang(&second("follows = { on_error = false, every = \"1min\" }"));
    assert_eq!(down(&clock, "api"), api);
    let waits = down(&clock, "second");
    assert!(
        api < waits && waits < 75.0,
        "until its clock ticks: {waits} s"
    );
}

#[test]
fn services_that_follow_alike_follow_together() {
    let both = hang(&second(ALIKE));
    assert_eq!(down(&both, "api"), down(&both, "second"));
    let told = |words: &str| both.trace.iter().any(|(_, line)| line.contains(words));
    assert!(told("clients switch to"), "{:?}", both.trace);
}

#[test]
fn a_check_asks_the_new_owner_whatever_the_clients_of_services_do() {
    let check = r#"
        [[health_check]]
        interval = "1s"
        timeout = "1s"
        actions = ["page"]
        probe = { kind = "write-canary" }
        judge = { kind = "consecutive", fall = 2, rise = 1 }
        guard = { cool_down = "1min", failovers_max = 3, fail_open = false }
        "#;
    let patient = second("follows = { on_error = true }");
    let result = hang_with(check, &patient);
    let promoted = result
        .moments
        .iter()
        .find(|m| m.kind == MomentKind::Promoted);
    let promoted = promoted.expect("the bus replaces it").at;
    let rows = &result.timeline.rows;
    let row = rows.iter().find(|row| row.label.contains("write canary"));
    let spans = &row.expect("a row of the check").spans;
    assert!(spans.len() >= 3, "it fails, and passes again: {spans:?}");
    let passes = spans[2].from;
    let after = (passes - promoted).as_secs_f64();
    assert!(
        passes > promoted && after < 3.0,
        "{after} s after the promotion: {spans:?}"
    );
    let waits = down(&result, "second");
    assert!(
        waits > 100.0,
        "its client waits, until people restart it: {waits} s"
    );
}
