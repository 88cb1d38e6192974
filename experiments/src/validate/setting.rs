//! A row's setting: read from its columns, and as words.
//!
//! A column that is missing, or empty, has the value that the laboratory used throughout. One
//! condition has no column of its own: C6, whose victim's replica was dead already.

use failover::lab::{ClusterSetting, Fault, ProbeSpec, SentinelSetting, Setting};
use sim::SimDuration;

use super::sheet::{Record, Sheet};
use crate::error::Problem;

/// The condition whose victim has lost its replica before the fault.
const WITHOUT_REPLICA: &str = "C6";
/// Durations and counts that a file may ask for.
const MILLIS_MAX: f64 = 600_000.0;
const MASTERS_MAX: u16 = 128;
const FEW: u16 = 50;
/// Nodes of a Cluster: every node keeps an opinion of every other.
const NODES_MAX: u32 = 400;

/// The columns of one row, and what is wrong with them.
pub struct Columns<'a> {
    sheet: &'a Sheet,
    record: &'a Record,
    /// Mistakes so far.
    pub problems: Vec<Problem>,
}

impl<'a> Columns<'a> {
    /// One row of a sheet.
    pub fn of(sheet: &'a Sheet, record: &'a Record) -> Columns<'a> {
        Columns {
            sheet,
            record,
            problems: Vec::new(),
        }
    }

    /// What stands in a column; `None` if it is empty or the file has no such column.
    pub fn text(&self, column: &str) -> Option<&'a str> {
        let field = self.record.field(self.sheet.column(column)?);
        Some(field.text.as_str()).filter(|text| !text.is_empty())
    }

    /// A measured time in seconds, of a column in milliseconds.
    pub fn seconds(&mut self, column: &str) -> Option<f64> {
        let text = self.text(column)?;
        let found = text.parse::<f64>().ok().filter(|ms| ms.is_finite());
        if found.is_none() {
            self.wrong(
                column,
                text,
                "milliseconds, or nothing if it did not happen",
            );
        }
        Some(found? / 1e3)
    }

    /// When the fault came, since the first write and half a second.
    pub fn phase(&mut self) -> Option<SimDuration> {
        let ms = self.number("phase_ms", 0.0, MILLIS_MAX, "milliseconds")?;
        Some(SimDuration::from_secs_f64(ms / 1e3))
    }

    /// A column holds what it should not.
    pub(super) fn wrong(&mut self, column: &str, text: &str, expected: &str) {
        let number = self.sheet.column(column).expect("it was read from there");
        self.problems.push(Problem {
            place: Some(self.record.field(number).place),
            wrong: format!("column `{column}` holds `{text}`"),
            help: format!("expected {expected}"),
        });
    }

    /// A row has no value in a column that it needs.
    pub(super) fn lacks(&mut self, column: &str) {
        self.problems.push(Problem {
            place: Some(self.record.place()),
            wrong: format!("column `{column}` has no value"),
            help: "give one in every row, as models/lab/*.csv do".to_owned(),
        });
    }

    /// A number of a unit, within bounds; `None` if there is none.
    pub(super) fn number(
        &mut self,
        column: &str,
        least: f64,
        most: f64,
        unit: &str,
    ) -> Option<f64> {
        let text = self.text(column)?;
        let number = text.parse::<f64>().ok();
        let found = number.filter(|number| (least..=most).contains(number));
        if found.is_none() {
            let expected = format!("a number of {unit} from {least} to {most}");
            self.wrong(column, text, &expected);
        }
        found
    }

    fn millis(&mut self, column: &str, least: f64, standard: u64) -> SimDuration {
        let found = self.number(column, least, MILLIS_MAX, "milliseconds");
        found.map_or(SimDuration::from_millis(standard), |ms| {
            SimDuration::from_secs_f64(ms / 1e3)
        })
    }

    /// A whole number within bounds, or the standard.
    pub(super) fn count(&mut self, column: &str, least: u16, most: u16, standard: u16) -> u16 {
        let found = self.whole(column, least.into(), most.into(), standard.into());
        u16::try_from(found).expect("within bounds of its kind")
    }

    /// The same of larger ones.
    pub(super) fn whole(&mut self, column: &str, least: u32, most: u32, standard: u32) -> u32 {
        let Some(text) = self.text(column) else {
            return standard;
        };
        let found = text.parse::<u32>().ok();
        let found = found.filter(|count| (least..=most).contains(count));
        if found.is_none() {
            let expected = format!("a whole number from {least} to {most}");
            self.wrong(column, text, &expected);
        }
        found.unwrap_or(standard)
    }

    fn fault(&mut self) -> Fault {
        let hang_s = self.number("hang_s", 0.001, 3600.0, "seconds");
        let resumed_after = hang_s.map(SimDuration::from_secs_f64);
        match (self.text("fault"), self.text("hang_s")) {
            (Some("hang"), _) => Fault::Hang { resumed_after },
            (Some("crash") | None, None) => Fault::Crash,
            (Some("crash") | None, Some(text)) => {
                self.wrong(
                    "hang_s",
                    text,
                    "nothing: only a `hang` in column `fault` ends",
                );
                Fault::Crash
            }
            (Some(other), _) => {
                self.wrong("fault", other, "`crash` or `hang`");
                Fault::Crash
            }
        }
    }

    fn yes(&mut self, column: &str) -> bool {
        match self.text(column) {
            Some("no") => false,
            Some("yes") | None => true,
            Some(other) => {
                self.wrong(column, other, "`yes` or `no`");
                true
            }
        }
    }

    /// What the row was measured under.
    pub fn setting(&mut self, condition: &str) -> Setting {
        let probe = ProbeSpec {
            interval: self.millis("probe_interval_ms", 1.0, 10),
            timeout: self.millis("sock_timeout_ms", 1.0, 200),
        };
        match (self.text("node_timeout_ms"), self.text("down_after_ms")) {
            (Some(_), Some(text)) => {
                let expected = "nothing: the row has a `node_timeout_ms`, so it is of a Cluster";
                self.wrong("down_after_ms", text, expected);
            }
            (None, None) => self.problems.push(Problem {
                place: Some(self.record.place()),
                wrong: "neither `node_timeout_ms` nor `down_after_ms` has a value".to_owned(),
                help: "a Cluster's row has the first, a Sentinel's the second".to_owned(),
            }),
            (Some(_), None) | (None, Some(_)) => {}
        }
        match self.text("down_after_ms") {
            Some(_) => Setting::Sentinel(self.sentinel(probe)),
            None => Setting::Cluster(self.cluster(condition, probe)),
        }
    }

    fn cluster(&mut self, condition: &str, probe: ProbeSpec) -> ClusterSetting {
        let masters = self.count("masters", 1, MASTERS_MAX, 3);
        let replicas_per_master = self.count("replicas_per_master", 0, FEW, 1);
        let nodes = u32::from(masters) * (1 + u32::from(replicas_per_master));
        if nodes > NODES_MAX {
            self.problems.push(Problem {
                place: Some(self.record.place()),
                wrong: format!("{nodes} nodes are more than are simulated"),
                help: format!("leave out rows of more than {NODES_MAX} nodes"),
            });
        }
        ClusterSetting {
            node_timeout: self.millis("node_timeout_ms", 100.0, 1000),
            masters,
            replicas_per_master,
            require_full_coverage: self.yes("require_full_coverage"),
            without_replica: condition == WITHOUT_REPLICA,
            fault: self.fault(),
            probe,
        }
    }

    fn sentinel(&mut self, probe: ProbeSpec) -> SentinelSetting {
        let sentinels = self.count("sentinels", 1, FEW, 3);
        SentinelSetting {
            down_after: self.millis("down_after_ms", 1.0, 1000),
            failover_timeout: self.millis("failover_timeout_ms", 1.0, 10_000),
            replicas: self.count("replicas", 0, FEW, 2),
            sentinels,
            quorum: self.count("quorum", 1, sentinels, 2.min(sentinels)),
            dead_sentinels: self.count("dead_sentinels", 0, sentinels - 1, 0),
            fault: self.fault(),
            probe,
        }
    }
}

/// A setting as one line; the laboratory's standard is not spelt out where it is the same for all.
pub fn words(condition: &str, setting: &Setting) -> String {
    let (shape, fault, probe) = match setting {
        Setting::Cluster(cluster) => (cluster_words(cluster), cluster.fault, cluster.probe),
        Setting::Sentinel(sentinel) => (sentinel_words(sentinel), sentinel.fault, sentinel.probe),
    };
    let fault = match fault {
        Fault::Crash => "crash".to_owned(),
        Fault::Hang {
            resumed_after: None,
        } => "hang".to_owned(),
        Fault::Hang {
            resumed_after: Some(after),
        } => format!("hang of {after}"),
    };
    let mut words = format!("{condition}: {fault}, {shape}");
    if probe.interval != SimDuration::from_millis(10) {
        words.push_str(&format!(", a write every {}", probe.interval));
    }
    if probe.timeout != SimDuration::from_millis(200) {
        words.push_str(&format!(", socket timeout {}", probe.timeout));
    }
    words
}

fn cluster_words(cluster: &ClusterSetting) -> String {
    let mut words = format!(
        "node timeout {}, {} with {} each",
        cluster.node_timeout,
        counted(cluster.masters, "master"),
        counted(cluster.replicas_per_master, "replica")
    );
    if cluster.without_replica {
        words.push_str(" (the victim's is dead)");
    }
    if !cluster.require_full_coverage {
        words.push_str(", full coverage no");
    }
    words
}

fn sentinel_words(sentinel: &SentinelSetting) -> String {
    let mut words = format!(
        "down-after {}, {}, {}, quorum {}",
        sentinel.down_after,
        counted(sentinel.replicas, "replica"),
        counted(sentinel.sentinels, "sentinel"),
        sentinel.quorum
    );
    if sentinel.dead_sentinels > 0 {
        words.push_str(&format!(", {} of them dead", sentinel.dead_sentinels));
    }
    if sentinel.failover_timeout != SimDuration::from_secs(10) {
        words.push_str(&format!(", failover timeout {}", sentinel.failover_timeout));
    }
    words
}

/// So many things.
pub(super) fn counted(count: u16, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
