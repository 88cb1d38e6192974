//! What happens with each client library when a primary hangs or is killed: when the service's pool
//! of workers is empty, and when it serves again.
//!
//! ```text
//!  a request holds a worker for H          workers W, requests a second r
//!  r x H < W   the pool never runs empty    else it is empty W / r after the fault
//! ```
//!
//! `H` is what the library waits: timeouts, further tries and pauses added up. The table has the
//! simulated times beside that arithmetic; `experiments/scenarios/clients.toml` is the service.

use std::sync::atomic::AtomicBool;

use demand::answer::Cause;
use models::moment::MomentKind;
use models::spec::service::ClientSpec;
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

/// The result for one library and one fault: medians over the trials, times from the fault on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The preset.
    pub client: &'static str,
    /// `hung` or `killed`.
    pub fault: &'static str,
    /// Until a request finds no free worker; absent: never.
    pub pool_empty_s: Option<f64>,
    /// The same by arithmetic.
    pub pool_empty_expected_s: Option<f64>,
    /// For how long a request holds its worker; absent: until Redis answers.
    pub held_s: Option<f64>,
    /// Until a replica is promoted.
    pub promoted_s: Option<f64>,
    /// Until the last request has failed.
    pub serves_again_s: Option<f64>,
    /// The arithmetic in words.
    pub arithmetic: String,
}

/// One row for each library and fault, and the trials that failed: they cost their row.
pub fn rows(trials: u64, seed: u64, limits: &Limits) -> (Vec<Row>, Vec<Error>) {
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for preset in &CLIENTS {
        for fault in ["hung", "killed"] {
            let spec = spec(preset.name, fault);
            match told(&spec, trials, seed, limits) {
                Ok(told) => rows.push(row(preset.name, fault, &spec, &told)),
                Err((trial, failure)) => {
                    let point = format!("{} / {fault}", preset.name);
                    failed.push(failure.of_trial(&point, trial, None));
                }
            }
        }
    }
    (rows, failed)
}

/// All trials of one world, or the first that failed.
fn told(
    spec: &WorldSpec,
    trials: u64,
    seed: u64,
    limits: &Limits,
) -> Result<Vec<TrialResult>, (u64, Failure)> {
    let options = RunOptions {
        mode: Mode::Lazy,
        story: true,
    };
    // Nobody stops it: a signal ends the program.
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
        Column::text("primary"),
        Column::number("pool empty after", ""),
        Column::number("calculated", ""),
        Column::number("promoted after", ""),
        Column::number("serves again after", ""),
        Column::text("how"),
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
            Cell::text(row.fault),
            time(row.pool_empty_s, "never"),
            time(row.pool_empty_expected_s, "never"),
            time(row.promoted_s, "never"),
            time(row.serves_again_s, "not noticed"),
            Cell::text(&row.arithmetic),
        ]);
    }
    table
}

/// The scenario with this client and fault.
fn spec(preset: &str, fault: &str) -> WorldSpec {
    let mut sources = Sources::default();
    let mut tree = parse(&mut sources, SCENARIO.file, SCENARIO.text).expect("a test reads it");
    let kind = match fault {
        "hung" => "{ kind = \"hang\", lasts = \"10min\", workload = \"data\", at = AT }",
        _ => "{ kind = \"crash\", workload = \"data\", at = AT }",
    };
    let kind = kind.replace("AT", "{ kind = \"constant\", value = \"10min\" }");
    let text = format!("fault = [{kind}]\nclient = {{ preset = \"{preset}\" }}");
    let fragment = parse(&mut sources, "fragment", &text).expect("it is TOML");
    let take = |key: &str| -> Entry { fragment.entry(key).expect("it was written").clone() };
    let Value::Table(root) = &mut tree.value else {
        unreachable!("a document is a table");
    };
    root.insert("fault".to_owned(), take("fault"));
    if let Some(Entry {
        node: Node {
            value: Value::Array(services),
            ..
        },
        ..
    }) = root.get_mut("service")
        && let Value::Table(service) = &mut services[0].value
    {
        service.insert("client".to_owned(), take("client"));
    }
    world(&tree).expect("a test makes every one of them")
}

fn row(client: &'static str, fault: &'static str, spec: &WorldSpec, told: &[TrialResult]) -> Row {
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
    Row {
        client,
        fault,
        pool_empty_s: since(&|result| window(result)?.crowded_from),
        pool_empty_expected_s: fills,
        held_s: held.map(SimDuration::as_secs_f64),
        promoted_s: since(&promoted),
        serves_again_s: since(&|result| Some(window(result)?.failed?.1)),
        arithmetic,
    }
}

/// How long a request holds its worker on average, if nothing changes meanwhile; `None`: for good.
fn held(client: &ClientSpec, fault: &str) -> Option<SimDuration> {
    let (waits, cause) = match fault {
        "hung" => (client.command_timeout?, Cause::Timeout),
        _ => (client.offline_queue.unwrap_or_default(), Cause::Refused),
    };
    let tries = match client.retries_on.contains(&cause) {
        true => client.retries,
        false => 0,
    };
    let pause = |n: u32| {
        let growth = client.backoff_growth;
        let grown = growth.map_or(client.backoff, |growth| {
            let grown = client.backoff.scaled(growth.factor.get().powi(n as i32));
            let mean = 1.0 - growth.jitter.get() / 2.0;
            grown.min(growth.max).scaled(mean)
        });
        grown + waits
    };
    Some((0..tries).map(pause).fold(waits, |sum, next| sum + next))
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

/// The median, if it happened in more than half of `of`.
fn median(mut times: Vec<f64>, of: usize) -> Option<f64> {
    if times.len() * 2 <= of {
        return None;
    }
    times.sort_by(f64::total_cmp);
    Some(times[times.len() / 2])
}
