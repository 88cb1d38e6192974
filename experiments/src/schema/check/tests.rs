//! Mistakes of every sort, in a small world with tagged tables, units and arrays.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use sim::SimDuration;

use super::*;
use crate::document::{Sources, parse::parse};
use crate::error::Report;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only decoded")]
struct World {
    horizon: SimDuration,
    redis: Redis,
    #[serde(rename = "fault", default)]
    faults: Vec<Fault>,
    mode: Mode,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only decoded")]
struct Redis {
    shards: u16,
    timeout: SimDuration,
    maxmemory: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(dead_code, reason = "only decoded")]
enum Fault {
    Burst {
        starts: SimDuration,
        weights: Vec<Weight>,
    },
    Crash {},
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only decoded")]
struct Weight {
    name: String,
    weight: u32,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Lazy,
    Eager,
}

const FINE: &str = "horizon = \"1d\"\nmode = \"lazy\"\n[redis]\nshards = 3\ntimeout = \"1s\"\n";

fn form() -> Form {
    let settings = SchemaSettings::draft2020_12().into_generator();
    let mut schema = settings.into_root_schema_for::<World>().to_value();
    crate::schema::tidy(&mut schema);
    Form::of(schema)
}

fn problems(text: &str) -> String {
    let mut sources = Sources::default();
    let root = parse(&mut sources, "w.toml", text).unwrap();
    let problems = form().decode::<World>(&root).unwrap_err();
    Report::of(&sources, problems).to_string()
}

#[track_caller]
fn says(text: &str, expected: &[&str]) {
    let found = problems(text);
    for part in expected {
        assert!(found.contains(part), "`{part}` is not in:\n{found}");
    }
    assert_eq!(
        found.matches("error:").count(),
        expected.len() / 3,
        "{found}"
    );
}

#[test]
fn what_is_fine_decodes() {
    let mut sources = Sources::default();
    let root = parse(&mut sources, "w.toml", FINE).unwrap();
    assert_eq!(form().decode::<World>(&root).unwrap().redis.shards, 3);
}

#[test]
fn an_unknown_key_is_named_with_its_nearest() {
    let text = FINE.replace("shards", "shard");
    says(
        &text,
        &[
            "w.toml:4:1",
            "`redis` has no key `shard`",
            "did you mean `shards`?",
        ],
    );
}

#[test]
fn a_key_of_the_top_in_a_table_is_sent_there() {
    let text = "mode = \"lazy\"\n[redis]\nshards = 3\ntimeout = \"1s\"\nhorizon = \"1d\"\n";
    says(
        text,
        &[
            "w.toml:5:1",
            "`redis` has no key `horizon`",
            "above the first [table]",
        ],
    );
}

#[test]
fn a_bare_number_lacks_its_unit_even_inside_a_tagged_table() {
    let fault = "[[fault]]\nkind = \"burst\"\nweights = []\nstarts = 5\n";
    says(
        &format!("{FINE}{fault}"),
        &[
            "w.toml:9:10",
            "`fault[0].starts` is the bare number 5",
            "such as \"500ms\"",
        ],
    );
}

#[test]
fn several_mistakes_come_to_light_together() {
    let fault = "[[fault]]\nkind = \"burst\"\nstart = \"1s\"\nweights = [{ name = 1 }]\n";
    let text = format!("{FINE}{fault}").replace("\"1s\"\n[[", "\"1x\"\n[[");
    says(
        &text,
        &[
            "w.toml:5:11",
            "`redis.timeout`: `1x` is not a duration",
            "such as \"500ms\"",
            "w.toml:8:1",
            "`fault[0]` has no key `start`",
            "did you mean `starts`?",
            "w.toml:9:21",
            "`fault[0].weights[0].name` is the bare number 1",
            "text in quotes",
            "w.toml:9:12",
            "`fault[0].weights[0]` lacks `weight`",
            "a whole number",
        ],
    );
}

#[test]
fn words_are_listed() {
    let text = FINE.replace("\"lazy\"", "3");
    says(
        &text,
        &[
            "w.toml:2:8",
            "`mode` is the bare number 3",
            "\"lazy\", \"eager\"",
        ],
    );
    let text = FINE.replace("lazy", "layz");
    says(
        &text,
        &[
            "w.toml:2:8",
            "`mode` cannot be \"layz\"",
            "did you mean `lazy`?",
        ],
    );
    let text = format!("{FINE}[[fault]]\nkind = \"crsh\"\n");
    says(
        &text,
        &[
            "w.toml:7:8",
            "`fault[0].kind` cannot be \"crsh\"",
            "did you mean `crash`?",
        ],
    );
}

#[test]
fn a_missing_table_points_at_the_end_of_the_file() {
    let text = "horizon = \"1d\"\nmode = \"lazy\"\n";
    says(
        text,
        &[
            "w.toml:2:14",
            "the file lacks `redis`",
            "add a table [redis]",
        ],
    );
}
