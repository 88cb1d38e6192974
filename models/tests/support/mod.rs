//! The small world, with some of its keys changed.

pub mod caches;

use models::moment::{Moment, MomentKind};
use models::{Mode, RunOptions, TrialResult, WorldSpec, run_trial};
use sim::Streams;
use toml::{Table, Value};

/// The small world with these keys replaced: `("redis.swap", "false")`, values as TOML.
/// `"-"` takes a key out.
#[allow(dead_code)]
pub fn small_world(changes: &[(&str, &str)]) -> WorldSpec {
    let mut world: Table = include_str!("../worlds/small.toml")
        .parse()
        .expect("it is TOML");
    for (path, text) in changes {
        let (parents, key) = path.rsplit_once('.').map_or(("", *path), |split| split);
        let mut table = &mut world;
        for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
            table = table
                .get_mut(parent)
                .and_then(Value::as_table_mut)
                .expect("a table");
        }
        if *text == "-" {
            table.remove(key);
        } else {
            let value: Table = format!("value = {text}").parse().expect("a TOML value");
            table.insert((*key).to_owned(), value["value"].clone());
        }
    }
    let spec: WorldSpec = world.try_into().expect("a world");
    assert_eq!(spec.problems(), [], "the small world is sound");
    spec
}

/// The small world with a story's keys in place of its own; arrays are replaced whole.
#[allow(dead_code)]
pub fn story_world(story: &str) -> WorldSpec {
    layered_world(&[story])
}

/// One node of 4 GiB that nobody replaces.
pub const ONE_NODE: &str = r#"
    health_check = []
    failover = { kind = "none" }
    redis = { shards = 1, replicas = 0, hosts = 1, fullest_shard = "100%", node_memory = "4GiB" }
    "#;

/// The same with several stories, each over the one before.
#[allow(dead_code)]
pub fn layered_world(stories: &[&str]) -> WorldSpec {
    fn other_kind(below: &Table, above: &Table) -> bool {
        (above.get("kind")).is_some_and(|kind| Some(kind) != below.get("kind"))
    }
    fn merge(base: &mut Table, over: Table) {
        for (key, value) in over {
            match (base.get_mut(&key), value) {
                (Some(Value::Table(below)), Value::Table(above)) if !other_kind(below, &above) => {
                    merge(below, above);
                }
                (_, value) => {
                    base.insert(key, value);
                }
            }
        }
    }
    let mut world: Table = include_str!("../worlds/small.toml")
        .parse()
        .expect("it is TOML");
    for story in stories {
        merge(&mut world, story.parse().expect("a story is TOML"));
    }
    let spec: WorldSpec = world.try_into().expect("a world");
    assert_eq!(spec.problems(), [], "the story's world is sound");
    spec
}

/// A service for a story: 64 workers, the needs as TOML, and a client that never retries.
#[allow(dead_code)]
pub fn service(name: &str, needs: &str, client: &str) -> String {
    format!(
        r#"
        [[service]]
        name = "{name}"
        workers = 64
        queue_limit = 64
        gateway_timeout = "30s"
        service_time = "20ms"
        needs = [{needs}]
        [service.client]
        retries = 0
        backoff = "100ms"
        retries_on = []
        {client}
        "#
    )
}

/// Visitors who press once and are gone, to stand in `[signers]`.
#[allow(dead_code)]
pub const ONE_PRESS: &str = r#"
    [[signers.class]]
    name = "once"
    share = "100%"
    patience = "30s"
    presses_max = 1
    press_again_after = "1s"
    returns = []
    "#;

/// The workload `log` of 10 KiB values, next to equally long, with `more` of its keys as TOML.
#[allow(dead_code)]
pub fn log(dataset: &str, new_keys: &str, commands: &str, more: &str) -> String {
    format!(
        r#"
        [[workload]]
        name = "log"
        dataset = "{dataset}"
        new_keys = "{new_keys}"
        key_length = "24B"
        value_size = "10KiB"
        value_size_shape = "100x"
        expires = false
        commands = "{commands}"
        writes = "30%"
        write_size = "1KiB"
        {more}
        "#
    )
}

/// An alert on the errors of `api` that must count for a minute: this share in this window.
#[allow(dead_code)]
pub fn errors_alert(scrape: &str, threshold: &str, window: &str) -> String {
    format!(
        r#"
        [[alert]]
        name = "errors"
        scrape = "{scrape}"
        hold = "1min"
        missed = "0%"
        names_cause = false
        [alert.metric]
        kind = "errors"
        service = "api"
        threshold = "{threshold}"
        window = "{window}"
        "#
    )
}

/// The keys of a service's `servers`, held 60 % busy; `takes` as TOML.
#[allow(dead_code)]
pub fn servers(count: u32, most: u32, takes: &str) -> String {
    format!(
        r#"
        count = {count}
        most = {most}
        target = "60%"
        every = "15s"
        takes = {takes}
        cool_down = "5min"
        "#
    )
}

/// One trial with its story.
pub fn trial(spec: &WorldSpec, number: u64, mode: Mode) -> TrialResult {
    let options = RunOptions {
        mode,
        story: true,
        watched: None,
    };
    run_trial(spec, &Streams::for_trial(7, number), &options).expect("the trial ends")
}

/// The trace as text, without times.
#[allow(dead_code)]
pub fn lines(result: &TrialResult) -> Vec<&str> {
    result.trace.iter().map(|(_, line)| line.as_str()).collect()
}

/// Twenty visits a second at a service of so many processes, whose clients look for the primary
/// every 10 minutes, each process at its own time. The primary is killed after 5 minutes, and a
/// provider replaces it 12 s later; nobody helps.
#[allow(dead_code)]
pub fn processes(count: u32, client: &str, rest: &str) -> WorldSpec {
    let api = service(
        "api",
        "{ workload = \"log\", access = \"write\" }",
        &format!(
            "{client}\ntopology_refresh = \"10ms\"
             follows = {{ on_error = false, every = \"10min\" }}"
        ),
    );
    let mut spec = story_world(&format!(
        r#"
        horizon = "1h"
        fault = [{{ kind = "crash", workload = "log",
          at = {{ kind = "constant", value = "5min" }} }}]
        failover = {{ kind = "managed", takes = {{ kind = "constant", value = "12s" }},
          dns_ttl = "0s" }}
        {rest}
        [redis]
        shards = 1
        hosts = 3
        fullest_shard = "100%"
        node_memory = "4GiB"
        restart_delay = "2h"
        [signers]
        visits = "20/s"
        [people]
        runbook = []
        notice = {{ kind = "constant", value = "2h" }}
        notice_unalerted = {{ kind = "constant", value = "2h" }}
        {api}
        "#
    ));
    let api = &mut spec.services[0];
    api.processes = Some(count);
    (api.workers, api.queue_limit) = (200, 200);
    spec
}

/// A part of a specification from TOML.
#[allow(dead_code)]
pub fn part<T: serde::de::DeserializeOwned>(text: &str) -> T {
    toml::from_str(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"))
}

/// When the trace says this, in seconds.
#[allow(dead_code)]
pub fn said(result: &TrialResult, words: &str) -> Vec<f64> {
    let said = result.trace.iter().filter(|(_, line)| line.contains(words));
    said.map(|(at, _)| at.as_secs_f64()).collect()
}

/// The first moment of this kind, about this subject if one is named, in seconds.
#[allow(dead_code)]
pub fn moment(result: &TrialResult, kind: MomentKind, subject: Option<&str>) -> Option<f64> {
    let is_it = |m: &&Moment| m.kind == kind && subject.is_none_or(|subject| m.subject == subject);
    let found = result.moments.iter().find(is_it);
    found.map(|moment| moment.at.as_secs_f64())
}

/// One trial, lazily and eagerly, which must agree.
#[allow(dead_code)]
pub fn both_ways(spec: &WorldSpec, number: u64) -> TrialResult {
    let [lazy, eager] = [Mode::Lazy, Mode::Eager].map(|mode| trial(spec, number, mode));
    assert_eq!(lazy.outcome, eager.outcome);
    assert_eq!(lazy.trace, eager.trace);
    lazy
}
