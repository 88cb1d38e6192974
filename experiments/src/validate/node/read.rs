//! Rows about nodes: what was done, and what came of it.

use sim::SimDuration;

use super::{Deed, Removal};
use crate::error::Problem;
use crate::validate::setting::{Columns, counted};
use crate::validate::sheet::Sheet;

/// For each deed the column by which a file shows that it is about it, and the time that is
/// compared.
const DEEDS: [(&str, &str); 4] = [
    ("min_replicas_max_lag_s", "noreplicas_ms"),
    ("busy_reply_threshold_ms", "busy_ms"),
    ("removal", "removed_cpu_ms"),
    ("restart_after_ms", "emptied_ms"),
];

/// Seconds that a setting may have, so that all is over within a simulated run.
const SECONDS_MAX: f64 = 50.0;
const KEYS_MAX: u32 = 100_000_000;

/// Rows of one condition and one deed.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Condition and deed, for people.
    pub words: String,
    /// What was set up and done.
    pub deed: Deed,
    /// Rows.
    pub runs: usize,
    /// The time that is compared, in seconds, of the rows in which it happened.
    pub seconds: Vec<f64>,
    /// The share of the keys that replicas have in the end, where the file says so.
    pub kept: Vec<f64>,
    /// 1 for a row in which a replica was promoted, else 0, where the file says so.
    pub promoted: Vec<f64>,
}

/// Is a file about nodes? Otherwise it is about failovers.
pub fn is_of_nodes(sheet: &Sheet) -> bool {
    deed(sheet).is_some()
}

fn deed(sheet: &Sheet) -> Option<(&'static str, &'static str)> {
    let named = |(column, _): &(&str, &str)| sheet.column(column).is_some();
    DEEDS.into_iter().find(named)
}

/// Adds the rows of a file about nodes to their groups.
pub fn take_in(sheet: &Sheet, stem: &str, groups: &mut Vec<Group>, problems: &mut Vec<Problem>) {
    let (what, time) = deed(sheet).expect("it is about nodes");
    if sheet.column(time).is_none() {
        let wrong = format!("a file with a column `{what}` is compared by `{time}`, which lacks");
        problems.push(sheet.lacks(wrong, &[time]));
        return;
    }
    for record in sheet.records() {
        let mut columns = Columns::of(sheet, record);
        let condition = columns.text("cond").unwrap_or(stem).to_owned();
        let deed = columns.deed(what);
        let seconds = columns.seconds(time);
        let (kept, promoted) = columns.outcome(&deed);
        problems.extend(columns.problems);
        let words = format!("{condition}: {}", deed.words());
        let same = |group: &Group| group.words == words && group.deed == deed;
        let group = match groups.iter().position(same) {
            Some(found) => &mut groups[found],
            None => {
                groups.push(Group {
                    words: words.clone(),
                    deed: deed.clone(),
                    runs: 0,
                    seconds: Vec::new(),
                    kept: Vec::new(),
                    promoted: Vec::new(),
                });
                groups.last_mut().expect("it was just put there")
            }
        };
        group.runs += 1;
        group.seconds.extend(seconds);
        group.kept.extend(kept);
        group.promoted.extend(promoted);
    }
}

impl Columns<'_> {
    fn deed(&mut self, what: &str) -> Deed {
        match what {
            "min_replicas_max_lag_s" => Deed::Silence {
                max_lag: self.span(what, 1.0, 1e0),
            },
            "busy_reply_threshold_ms" => Deed::Script {
                threshold: self.span(what, 1.0, 1e3),
            },
            "removal" => Deed::Removal {
                how: self.removal(),
                content: self.text("content").unwrap_or("strings").to_owned(),
                keys: self.whole("keys", 1, KEYS_MAX, 1),
                members: self.whole("members", 1, KEYS_MAX, 1),
            },
            _ => Deed::Rebirth {
                restart_after: self.span(what, 0.0, 1e3),
                replicas: self.count("replicas", 1, 50, 1),
                keys: self.whole("keys", 1, KEYS_MAX, 1),
                sync_delay: self.span("sync_delay_s", 0.0, 1e0),
                down_after: self.span("down_after_ms", 100.0, 1e3),
            },
        }
    }

    /// A duration in a unit of which so many make a second; a row without one is a mistake.
    fn span(&mut self, column: &str, least: f64, in_a_second: f64) -> SimDuration {
        let most = SECONDS_MAX * in_a_second;
        let unit = if in_a_second > 1.0 {
            "milliseconds"
        } else {
            "seconds"
        };
        let found = self.number(column, least, most, unit);
        if found.is_none() && self.text(column).is_none() {
            self.lacks(column);
        }
        SimDuration::from_secs_f64(found.unwrap_or(least) / in_a_second)
    }

    fn removal(&mut self) -> Removal {
        match self.text("removal") {
            Some("del") => Removal::Del,
            Some("lazy-del") => Removal::LazyDel,
            Some("unlink") => Removal::Unlink,
            Some("flushall") => Removal::Flush,
            Some("flushall-async") => Removal::FlushAsync,
            Some("evict-lru") => Removal::EvictOldest,
            Some("evict-random") => Removal::EvictAny,
            Some(other) => {
                let expected = "`del`, `lazy-del`, `unlink`, `flushall`, `flushall-async`, \
                                `evict-lru` or `evict-random`";
                self.wrong("removal", other, expected);
                Removal::Del
            }
            None => {
                self.lacks("removal");
                Removal::Del
            }
        }
    }

    /// The share of keys that replicas have in the end, and whether one was promoted (1 or 0).
    fn outcome(&mut self, deed: &Deed) -> (Option<f64>, Option<f64>) {
        let Deed::Rebirth { keys, .. } = deed else {
            return (None, None);
        };
        let had = f64::from(*keys);
        let kept = self.number("replica_keys", 0.0, had, "keys");
        let promoted = self.number("promoted", 0.0, 1.0, "promotions");
        (kept.map(|kept| kept / had), promoted)
    }
}

impl Deed {
    /// It as a line, for people.
    fn words(&self) -> String {
        match self {
            Deed::Silence { max_lag } => {
                format!("the only replica stops, min-replicas-max-lag {max_lag}")
            }
            Deed::Script { threshold } => {
                format!("a script spins, busy-reply-threshold {threshold}")
            }
            Deed::Removal {
                how,
                content,
                keys,
                members,
            } => {
                let command = match how {
                    Removal::Del => "DEL",
                    Removal::LazyDel => "DEL with lazyfree-lazy-user-del",
                    Removal::Unlink => "UNLINK",
                    Removal::Flush => "FLUSHALL SYNC",
                    Removal::FlushAsync => "FLUSHALL ASYNC",
                    Removal::EvictOldest => "half evicted, allkeys-lru",
                    Removal::EvictAny => "half evicted, allkeys-random",
                };
                match members {
                    1 => format!("{command}, {keys} {content}"),
                    _ => format!("{command}, a {content} of {members} members"),
                }
            }
            Deed::Rebirth {
                restart_after,
                replicas,
                keys,
                sync_delay,
                down_after,
            } => format!(
                "a primary is back empty after {restart_after}, {}, {keys} keys, sync delay \
                 {sync_delay}, down-after {down_after}",
                counted(*replicas, "replica")
            ),
        }
    }
}
