//! The small world, with some of its keys changed.

pub mod caches;

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
    merge(&mut world, story.parse().expect("a story is TOML"));
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
