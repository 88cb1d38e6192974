//! Compares the client libraries when a primary hangs, is killed, or loses its host: in a Redis
//! Cluster, under Sentinel, behind a DNS name. When does the service run out of workers, and when
//! does it serve again?
//!
//! ```text
//!  a request holds a worker for H          workers W, requests a second r
//!  r x H < W   the pool never runs empty    else it is empty W / r after the fault
//! ```
//!
//! `H` is how long the library waits: the sum of its timeouts, retries and back-off. The rows have
//! the simulated times and that arithmetic; `experiments/scenarios/clients.toml` is the service.

use std::sync::atomic::AtomicBool;

use demand::answer::Cause;
use models::moment::MomentKind;
use models::spec::client::ClientSpec;
use models::{Mode, RunOptions, TrialResult, WorldSpec};
use output::{Cell, Column, Format, Table};
use serde::Serialize;
use sim::{SimDuration, SimTime, Streams};

use crate::builtin::BuiltIn;
use crate::document::{Entry, Node, Sources, Value, parse::parse};
use crate::error::Error;
use crate::preset::CLIENTS;
use crate::runner::{Failure, Limits, simulate};
use crate::scenario::world;

/// The service that every library is put into.
const SCENARIO: BuiltIn = BuiltIn {
    name: "clients",
    file: "experiments/scenarios/clients.toml",
    text: include_str!("../scenarios/clients.toml"),
};

/// Three Sentinels, in TOML.
pub(crate) const SENTINEL: &str = "failover = { kind = \"sentinel\", sentinels = 3, quorum = 2, \
     down_after = \"5s\", failover_timeout = \"60s\", parallel_syncs = 1, \
     master_reboot_down_after = \"0s\", latency = \"250us\", config_save = \"3ms\" }";

/// The mode, and the kind of failover that it needs. The scenario itself has a Redis Cluster.
const MODES: [(&str, Option<&str>); 3] = [
    ("cluster", None),
    ("sentinel", Some(SENTINEL)),
    (
        "dns",
        Some(
            "failover = { kind = \"managed\", dns_ttl = \"5s\", \
             takes = { kind = \"constant\", value = \"7s\" } }",
        ),
    ),
];

/// The faults of the primary, and their TOML.
const FAULTS: [(&str, &str); 3] = [
    ("hung", "kind = \"hang\", lasts = \"10min\""),
    ("killed", "kind = \"crash\""),
    (
        "host lost",
        "kind = \"host-loss\", host = 0, lasts = \"10min\"",
    ),
];

/// The result for one library and one fault: medians over the trials, times from the fault on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The preset.
    pub client: &'static str,
    /// How it finds the primary: `cluster`, `sentinel` or `dns`.
    pub mode: &'static str,
    /// `hung`, `killed` or `host lost`.
    pub fault: &'static str,
    /// Until a request finds no free worker; absent: never.
    pub pool_empty_s: Option<f64>,
    /// The same by arithmetic.
    pub pool_empty_expected_s: Option<f64>,
    /// For how long a request holds its worker; absent: until Redis answers.
    pub held_s: Option<f64>,
    /// Until a replica is promoted.
    pub promoted_s: Option<f64>,
    /// Until the last request has failed; absent: none did, or they fail until the end.
    pub serves_again_s: Option<f64>,
    /// Do requests fail until the end, 20 minutes after the fault?
    pub fails_on: bool,
    /// The arithmetic in words.
    pub arithmetic: String,
}

/// One row for each library, mode and fault, and the trials that failed, whose rows are left out. A
/// library has no row for a mode without a client.
pub fn rows(trials: u64, seed: u64, limits: &Limits) -> (Vec<Row>, Vec<Error>) {
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (mode, failover) in MODES {
        for preset in &CLIENTS {
            for (fault, written) in FAULTS {
                let Some(spec) = spec(preset.name, failover, written) else {
                    continue;
                };
                match told(&spec, trials, seed, limits) {
                    Ok(told) => rows.push(row((preset.name, mode, fault), &spec, &told)),
                    Err((trial, failure)) => {
                        let point = format!("{} / {mode} / {fault}", preset.name);
                        failed.push(failure.of_trial(&point, trial, None));
                    }
                }
            }
        }
    }
    (rows, failed)
}

/// All trials of one world, or the first that failed.
pub(crate) fn told(
    spec: &WorldSpec,
    trials: u64,
    seed: u64,
    limits: &Limits,
) -> Result<Vec<TrialResult>, (u64, Failure)> {
    let options = RunOptions {
        mode: Mode::Lazy,
        story: true,
        watched: None,
    };
    // Never set: a signal ends the program.
    let stop = AtomicBool::new(false);
    let one = |trial| {
        let streams = Streams::for_trial(seed, trial);
        let told = simulate(spec, &streams, &options, limits, &stop);
        told.map_err(|failure| (trial, failure))
    };
    (1..=trials).map(one).collect()
}

/// The table for people.
pub fn table(rows: &[Row]) -> Table {
    let columns = vec![
        Column::text("client"),
        Column::text("mode"),
        Column::text("primary"),
        Column::number("pool empty after", ""),
        Column::number("promoted after", ""),
        Column::number("serves again after", ""),
    ];
    let title = "64 workers, 10 requests per second, node timeout 5 s (medians)";
    let mut table = Table::new(title, columns);
    let time = |seconds: Option<f64>, never: &str| match seconds {
        Some(seconds) => Cell::number(seconds, Format::Duration),
        None => Cell::text(never),
    };
    for row in rows {
        table.push(vec![
            Cell::text(row.client),
            Cell::text(row.mode),
            Cell::text(row.fault),
            time(row.pool_empty_s, "never"),
            time(row.promoted_s, "never"),
            time(
                row.serves_again_s,
                if row.fails_on { "never" } else { "not noticed" },
            ),
        ]);
    }
    table
}

/// The scenario with this client, failover and fault; none if the library has no such client.
pub(crate) fn spec(preset: &str, failover: Option<&str>, fault: &str) -> Option<WorldSpec> {
    let mut sources = Sources::default();
    let mut tree = parse(&mut sources, SCENARIO.file, SCENARIO.text).expect("a test reads it");
    let at = "at = { kind = \"constant\", value = \"10min\" }";
    let text = format!(
        "fault = [{{ {fault}, workload = \"data\", {at} }}]\n\
         client = {{ preset = \"{preset}\" }}\n{}",
        failover.unwrap_or_default()
    );
    let fragment = parse(&mut sources, "fragment", &text).expect("it is TOML");
    let entry = |key: &str| -> Option<Entry> { fragment.entry(key).cloned() };
    let Value::Table(root) = &mut tree.value else {
        unreachable!("a document is a table");
    };
    for key in ["fault", "failover"] {
        if let Some(entry) = entry(key) {
            root.insert(key.to_owned(), entry);
        }
    }
    if let Some(Entry {
        node: Node {
            value: Value::Array(services),
            ..
        },
        ..
    }) = root.get_mut("service")
        && let Value::Table(service) = &mut services[0].value
    {
        let client = entry("client").expect("it was written");
        service.insert("client".to_owned(), client);
    }
    // A test shows that the only possible mistake is a library without such a client.
    world(&tree).ok()
}

fn row(
    (client, mode, fault): (&'static str, &'static str, &'static str),
    spec: &WorldSpec,
    told: &[TrialResult],
) -> Row {
    let since = |of: &dyn Fn(&TrialResult) -> Option<SimTime>| {
        let times = told.iter().filter_map(|result| {
            let struck = result
                .moments
                .iter()
                .find(|m| m.kind == MomentKind::Fault)?;
            Some((of(result)?.saturating_since(struck.at)).as_secs_f64())
        });
        median(times.collect(), told.len())
    };
    let service = &spec.services[0];
    let held = held(&service.client, fault);
    let rate = spec.signers.visits.get();
    let fills = f64::from(service.workers) / rate;
    let fills = held
        .is_none_or(|held| held.as_secs_f64() > fills)
        .then_some(fills);
    let arithmetic = arithmetic(spec, held, fills);
    let promoted = |result: &TrialResult| {
        let found = result
            .moments
            .iter()
            .find(|m| m.kind == MomentKind::Promoted);
        found.map(|moment| moment.at)
    };
    let window = |result: &TrialResult| result.windows.first().map(|(_, window)| window.clone());
    let last_failed = |result: &TrialResult| Some(window(result)?.failed?.1);
    let end = SimTime::ZERO + spec.horizon;
    let fails_to_the_end =
        |result: &&TrialResult| last_failed(result).is_some_and(|at| end - at < JUST_NOW);
    let fails_on = told.iter().filter(fails_to_the_end).count() * 2 > told.len();
    Row {
        client,
        mode,
        fault,
        pool_empty_s: since(&|result| window(result)?.crowded_from),
        pool_empty_expected_s: fills,
        held_s: held.map(SimDuration::as_secs_f64),
        promoted_s: since(&promoted),
        serves_again_s: since(&last_failed).filter(|_| !fails_on),
        fails_on,
        arithmetic,
    }
}

/// How long a request holds its worker on average while the fault lasts; `None`: until Redis
/// answers.
fn held(client: &ClientSpec, fault: &str) -> Option<SimDuration> {
    client.gives_up_after(match fault {
        "hung" | "host lost" => Cause::Timeout,
        _ => Cause::Refused,
    })
}

fn arithmetic(spec: &WorldSpec, held: Option<SimDuration>, fills: Option<f64>) -> String {
    let (workers, rate) = (spec.services[0].workers, spec.signers.visits.get());
    let Some(held) = held else {
        return format!("held until Redis answers: {workers} / {rate} a second");
    };
    let seconds = held.as_secs_f64();
    match fills {
        Some(_) => format!("held {seconds:.1} s x {rate} a second > {workers}"),
        None => format!("held {seconds:.1} s x {rate} a second < {workers}"),
    }
}

/// If a request fails this shortly before the end, requests are still failing then.
const JUST_NOW: SimDuration = SimDuration::from_secs(10);

/// The median, if it happened in more than half of `of`.
fn median(mut times: Vec<f64>, of: usize) -> Option<f64> {
    if times.len() * 2 <= of {
        return None;
    }
    times.sort_by(f64::total_cmp);
    Some(times[times.len() / 2])
}
