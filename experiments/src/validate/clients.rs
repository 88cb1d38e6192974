//! Real client libraries against their presets.
//!
//! The comparison is about the client's own part: the time from the promotion of a replica to the
//! first write that the new primary has (measured), or to the switch of the clients (simulated).
//! The failover before it belongs to the other groups. `experiments/lab/clients/README.md` says how
//! it was measured.

use models::moment::MomentKind;
use models::{TrialResult, WorldSpec};
use rayon::prelude::*;
use serde::Deserialize;
use sim::{SimDuration, SimTime};

use super::judge::{Figures, Line, Quantity};
use crate::clients::{SENTINEL, spec, told};
use crate::error::Error;
use crate::progress::Bar;
use crate::runner::Limits;
use crate::stats::{LEVEL, quantile};

/// The measurements: a row for each library in each run.
const MEASURED: &str = include_str!("../../lab/clients/measured.csv");

/// Trials of each cell; only medians are compared.
pub const TRIALS: u64 = 25;

/// The failover of each mode. The provider's name is not cached, as in the lab.
const MODES: [(&str, Option<&str>); 3] = [
    ("cluster", None),
    ("sentinel", Some(SENTINEL)),
    (
        "plain",
        Some(
            "failover = { kind = \"managed\", dns_ttl = \"0s\", \
             takes = { kind = \"constant\", value = \"7s\" } }",
        ),
    ),
];

/// The faults, and how long the lab observed each.
const FAULTS: [(&str, &str, SimDuration); 3] = [
    ("killed", "kind = \"crash\"", SimDuration::from_secs(45)),
    (
        "hung",
        "kind = \"hang\", lasts = \"30s\"",
        SimDuration::from_secs(45),
    ),
    (
        "silent",
        "kind = \"partition\", hosts = [0], clients = \"others\", lasts = \"30s\"",
        SimDuration::from_secs(65),
    ),
];

/// Cells that miss their bound for a known reason.
struct Known {
    clients: &'static [&'static str],
    modes: &'static [&'static str],
    faults: &'static [&'static str],
    why: &'static str,
}

const KNOWN: [Known; 5] = [
    Known {
        clients: &["redis-py-5", "redis-py-6"],
        modes: &["sentinel", "plain"],
        faults: &["hung", "silent"],
        why: "a request that finds all connections busy opens a new one, and that one reaches the \
              new primary; the model opens none",
    },
    Known {
        clients: &["redis-rs-1"],
        modes: &["cluster"],
        faults: &["silent"],
        why: "the old primary redirects many requests at once, and the client's slot refresh \
              deadlocks; the model has no such deadlock",
    },
    Known {
        clients: &["ioredis-5", "ioredis-6", "node-redis-5"],
        modes: &["cluster"],
        faults: &["silent"],
        why: "TCP retransmits 26 s and 53 s after the silence begins; in the model clients go on \
              as soon as it ends",
    },
    Known {
        clients: &["ioredis-6"],
        modes: &["sentinel", "plain"],
        faults: &["killed"],
        why: JITTER,
    },
    Known {
        clients: &["node-redis-5"],
        modes: &["plain"],
        faults: &["killed"],
        why: JITTER,
    },
];

const JITTER: &str =
    "the model leaves out the random 0 to 200 ms that each reconnect back-off adds";

/// One row.
#[derive(Clone, Debug, Deserialize)]
struct Run {
    /// The preset's name; the column is called `library`.
    #[serde(rename = "library")]
    client: String,
    version: String,
    mode: String,
    fault: String,
    promoted_s: f64,
    first_kept_s: Option<f64>,
}

/// All runs of one library, mode and fault.
struct Cell {
    words: String,
    spec: WorldSpec,
    in_cluster: bool,
    watched: SimDuration,
    runs: Vec<Run>,
    known: Option<&'static str>,
}

/// A line for each library, mode and fault whose preset has such a client.
pub fn lines(seed: u64, bar: &mut Bar) -> Result<Vec<Line>, Error> {
    let cells = cells();
    let lines: Result<Vec<Line>, Error> = cells
        .into_par_iter()
        .map(|cell| {
            let simulated = told(&cell.spec, TRIALS, seed, &Limits::default());
            let simulated =
                simulated.map_err(|(trial, failure)| failure.of_trial(&cell.words, trial, None))?;
            Ok(line(&cell, &simulated))
        })
        .collect();
    bar.show("client libraries");
    lines
}

/// The libraries, modes and faults in the order of the constants above.
fn cells() -> Vec<Cell> {
    let mut reader = csv::Reader::from_reader(MEASURED.as_bytes());
    let rows: Vec<Run> = reader
        .deserialize()
        .map(|row| row.expect("a test reads it"))
        .collect();
    let mut clients: Vec<&str> = rows.iter().map(|row| row.client.as_str()).collect();
    clients.sort_unstable();
    clients.dedup();
    let mut cells = Vec::new();
    for client in clients {
        for (mode, failover) in MODES {
            for (fault, written, watched) in FAULTS {
                let is =
                    |row: &&Run| row.client == client && row.mode == mode && row.fault == fault;
                let runs: Vec<Run> = rows.iter().filter(is).cloned().collect();
                let Some(spec) = spec(client, failover, written) else {
                    continue;
                };
                let Some(first) = runs.first() else { continue };
                cells.push(Cell {
                    words: format!("{client} ({}), {mode}: {fault}", first.version),
                    known: known(client, mode, fault),
                    spec,
                    in_cluster: mode == "cluster",
                    watched,
                    runs,
                });
            }
        }
    }
    cells
}

fn known(client: &str, mode: &str, fault: &str) -> Option<&'static str> {
    let found = KNOWN.iter().find(|known| {
        let (modes, faults) = (known.modes, known.faults);
        known.clients.contains(&client) && modes.contains(&mode) && faults.contains(&fault)
    });
    found.map(|known| known.why)
}

fn line(cell: &Cell, simulated: &[TrialResult]) -> Line {
    let measured = cell.runs.iter();
    let measured = measured.map(|run| Some(run.first_kept_s? - run.promoted_s));
    let simulated = simulated.iter().map(|trial| switched(trial, cell));
    Line {
        setting: cell.words.clone(),
        quantity: Quantity::Follow,
        measured: figures(measured.collect()),
        simulated: figures(simulated.collect()),
        test: None,
        share_p: None,
        known: cell.known,
    }
}

/// From the promotion to the clients' switch, if they switch while they are observed. Clients of a
/// cluster that keep to the node they know write once it redirects them.
fn switched(trial: &TrialResult, cell: &Cell) -> Option<f64> {
    let first = |kind: MomentKind, from: SimTime, subject: Option<&str>| {
        trial.moments.iter().find(|moment| {
            let about = subject.is_none_or(|subject| moment.subject == subject);
            moment.kind == kind && moment.at >= from && about
        })
    };
    let struck = first(MomentKind::Fault, SimTime::ZERO, None)?.at;
    let promoted = first(MomentKind::Promoted, struck, None)?.at;
    let switched = first(MomentKind::ClientsSwitch, promoted, None);
    let down = first(MomentKind::NodeDown, struck, None).filter(|_| cell.in_cluster);
    let back = down.and_then(|old| first(MomentKind::NodeUp, promoted, Some(&old.subject)));
    let writes = switched
        .into_iter()
        .chain(back)
        .map(|moment| moment.at)
        .min()?;
    (writes - struck <= cell.watched).then(|| (writes - promoted).as_secs_f64())
}

/// There is a median only if the clients followed in more than half of the runs.
fn figures(values: Vec<Option<f64>>) -> Figures {
    let there: Vec<f64> = values.iter().flatten().copied().collect();
    let at = |share: f64| quantile(&there, share, LEVEL).map(|quantile| quantile.value);
    let most = there.len() * 2 > values.len();
    Figures {
        n: there.len(),
        runs: values.len(),
        median: at(0.5).filter(|_| most),
        p95: None,
    }
}
