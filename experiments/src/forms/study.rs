//! What stands in a study file, before its fragments are merged into the scenario.
//!
//! ```toml
//! title = "Which check?"
//! scenario = "incident-2020"        # built in, or a path relative to this file
//! trials = 500
//! seed = 2020
//!
//! [baseline]                        # a level of every factor: the point that comes first
//! check = "ping"
//!
//! [[factor]]
//! name = "check"
//! [[factor.level]]
//! name = "ping"                     # no fragment: the scenario as it is
//! [[factor.level]]
//! name = "none"
//! unset = ["health_check"]          # keys to take away, before
//! set = { people = { alert_gap = "0%" } }   # a fragment is merged: see document/merge.rs
//!
//! [[point]]                         # a design beside the full factorial
//! name = "no check, faster people"
//! levels = { check = "none" }
//! set = { people = { resize = "4x" } }
//!
//! [[objective]]                     # what a design should keep
//! measure = "downtime_true_s"
//! statistic = "p95"
//! at_most = "10min"
//!
//! [plan]                            # what `outage plan` asks
//! keep = ["p_unavailable(30d, 15min) <= 1%"]     # see condition.rs
//! value = { request = "2 USD", record = "5 USD", degraded_hour = "500 USD" }
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use models::spec::price::Usd;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use sim::SimDuration;

/// A study file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StudyFile {
    /// One line.
    pub title: String,
    /// The base case: built in, or a path relative to the study file.
    pub scenario: String,
    /// Trials of each design point, unless the command line says otherwise; at least 2, since one
    /// has no interval, and some hundreds for narrow ones.
    #[schemars(range(min = 2))]
    pub trials: u64,
    /// The seed, unless the command line says otherwise.
    pub seed: u64,
    /// A level of every factor.
    #[serde(default)]
    pub baseline: BTreeMap<String, String>,
    /// What is varied.
    #[serde(rename = "factor", default)]
    pub factors: Vec<FactorFile>,
    /// Designs beside the full factorial.
    #[serde(rename = "point", default)]
    pub points: Vec<PointFile>,
    /// What a design should keep.
    #[serde(rename = "objective", default)]
    pub objectives: Vec<Objective>,
    /// What `outage plan` asks.
    #[serde(default)]
    pub plan: PlanFile,
}

/// What `outage plan` asks.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// What a design must keep, such as `"p_unavailable(90d, 15min) <= 1%"`. Absent: no outage
    /// above 15 minutes, in 99 of 100 trials.
    #[serde(default)]
    pub keep: Vec<String>,
    /// What it costs to lose something; absent: nothing is said in dollars.
    pub value: Option<ValueFile>,
}

/// What it costs to lose something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueFile {
    /// A request that is lost: its visit ends without a capture. Absent: nothing.
    pub request: Option<Usd>,
    /// A record that is lost: an acknowledged write, a stored key, a job. Absent: nothing.
    pub record: Option<Usd>,
    /// An hour in which more requests fail than `signers.objective` allows. Absent: nothing.
    pub degraded_hour: Option<Usd>,
}

/// One thing that is varied.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactorFile {
    /// Its name: a column of the rows.
    pub name: String,
    /// Its values.
    #[serde(rename = "level")]
    pub levels: Vec<LevelFile>,
}

/// One value of a factor.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelFile {
    /// Its name, in tables and charts.
    pub name: String,
    /// The fragment; read from the tree, where it keeps its places.
    #[serde(default, rename = "set")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub _set: toml::Table,
    /// Keys to take away first, as dotted paths.
    #[serde(default)]
    pub unset: Vec<String>,
}

/// One design beside the full factorial.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointFile {
    /// Its name, in tables and charts.
    pub name: String,
    /// A level of every factor.
    #[serde(default)]
    pub levels: BTreeMap<String, String>,
    /// The fragment, merged after those of the levels.
    #[serde(default, rename = "set")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub _set: toml::Table,
    /// Keys to take away first, as dotted paths.
    #[serde(default)]
    pub unset: Vec<String>,
}

/// What a design should keep.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// The column of the rows.
    pub measure: String,
    /// What is taken of its trials.
    pub statistic: Statistic,
    /// The bound.
    pub at_most: Amount,
}

/// What is taken of the trials of a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// The mean.
    Mean,
    /// Half of the trials stay below.
    Median,
    /// 95 % of the trials stay below.
    P95,
}

/// A bound: a duration for a measure in seconds, a number for any other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Amount {
    /// In seconds.
    Time(SimDuration),
    /// In the measure's own unit.
    Number(f64),
}

impl Amount {
    /// The bound in the unit of its column.
    pub fn value(self) -> f64 {
        match self {
            Amount::Time(duration) => duration.as_secs_f64(),
            Amount::Number(number) => number,
        }
    }
}

impl Statistic {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Statistic::Mean => "mean",
            Statistic::Median => "median",
            Statistic::P95 => "p95",
        }
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "bound".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number"],
            "pattern": "",
            "description": "A duration for a measure in seconds, a number for any other.",
            "examples": ["10min", 100],
        })
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Amount;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number such as 100, or a duration such as \"10min\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Amount, E> {
                text.parse().map(Amount::Time).map_err(E::custom)
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Amount, E> {
                Ok(Amount::Number(number as f64))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Amount, E> {
                Ok(Amount::Number(number))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
