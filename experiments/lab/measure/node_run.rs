//! One run on a single node, or a primary and its replicas: a row of the tables in `models/lab/`.

use std::fmt::Display;
use std::time::Duration;

use clap::Args;
use rand::RngExt as _;
use sim::{Purpose, Streams};

use crate::Order;
use crate::machine;
use crate::real::node::{self, Content, Rebirth, Removal};
use crate::row::Row;

/// Settings of single nodes. Of several values the runs take one after the other, round and round.
#[derive(Debug, Args)]
pub struct NodeArguments {
    /// `min-replicas-max-lag`, in seconds
    #[arg(long, value_delimiter = ',', default_value = "2")]
    max_lag_s: Vec<u64>,
    /// `busy-reply-threshold`
    #[arg(long, value_delimiter = ',', default_value = "1000")]
    busy_reply_threshold_ms: Vec<u64>,
    /// What is taken away, and how: command:content:count
    #[arg(long, value_delimiter = ',', default_value = "del:hash:1000000", value_parser = taken)]
    removal: Vec<Taken>,
    /// How long a killed primary is away
    #[arg(long, value_delimiter = ',', default_value = "0")]
    restart_after_ms: Vec<u64>,
    /// Keys of the primary that is killed
    #[arg(long, default_value_t = 20_000)]
    keys: u64,
    /// `repl-diskless-sync-delay`, in seconds; each with each `restart-after-ms`
    #[arg(long, value_delimiter = ',', default_value = "0")]
    sync_delay_s: Vec<u64>,
}

/// What is taken away, and how.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    how: Removal,
    content: Content,
    count: u64,
}

const REMOVALS: [(&str, Removal); 7] = [
    ("del", Removal::Del),
    ("lazy-del", Removal::LazyDel),
    ("unlink", Removal::Unlink),
    ("flushall", Removal::Flush),
    ("flushall-async", Removal::FlushAsync),
    ("evict-lru", Removal::EvictOldest),
    ("evict-random", Removal::EvictAny),
];

const CONTENTS: [(&str, Content); 5] = [
    ("strings", Content::Strings),
    ("list", Content::List),
    ("set", Content::Set),
    ("hash", Content::Hash),
    ("sorted-set", Content::SortedSet),
];

fn taken(text: &str) -> Result<Taken, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let [how, content, count] = parts[..] else {
        return Err("write command:content:count, such as del:hash:1000000".to_owned());
    };
    let taken = Taken {
        how: named(&REMOVALS, how)?,
        content: named(&CONTENTS, content)?,
        count: count
            .parse()
            .map_err(|_| format!("`{count}` is no number"))?,
    };
    match (taken.how, taken.content) {
        (Removal::Del | Removal::LazyDel | Removal::Unlink, Content::Strings) => {
            Err(format!("`{how}` takes one key away: name a collection"))
        }
        (Removal::EvictOldest | Removal::EvictAny, content) if content != Content::Strings => {
            Err(format!("`{how}` evicts keys: name strings"))
        }
        _ => Ok(taken),
    }
}

fn named<T: Copy>(known: &[(&str, T)], name: &str) -> Result<T, String> {
    let found = known.iter().find(|(known, _)| *known == name);
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let expected = || format!("`{name}` is none of {}", names.join(", "));
    found.map(|(_, value)| *value).ok_or_else(expected)
}

fn name_of<T: PartialEq>(known: &[(&'static str, T)], value: T) -> &'static str {
    let found = known.iter().find(|(_, known)| *known == value);
    found.expect("each has a name").0
}

/// The run's turn among the values of a setting.
fn turn<T: Copy>(values: &[T], order: &Order) -> T {
    values[order.index % values.len()]
}

/// Half a second and more, up to `more_ms`, so that the deed falls anywhere between two crons.
fn phase(order: &Order, more_ms: f64) -> Duration {
    let streams = Streams::for_trial(order.command.seed, order.index as u64);
    let phase_ms = streams.stream(Purpose(1), 0).random_range(0.0..more_ms);
    Duration::from_secs_f64((500.0 + phase_ms) / 1e3)
}

pub fn no_replicas(order: &Order) -> Row {
    let max_lag_s = turn(&order.command.node.max_lag_s, order);
    measured(order, max_lag_s, |row| {
        row.put("min_replicas_max_lag_s", max_lag_s);
        let found = node::silence(max_lag_s, phase(order, 2_000.0));
        row.ms("noreplicas_ms", found);
    })
}

pub fn busy(order: &Order) -> Row {
    let threshold_ms = turn(&order.command.node.busy_reply_threshold_ms, order);
    measured(order, threshold_ms, |row| {
        row.put("busy_reply_threshold_ms", threshold_ms);
        let found = node::script(threshold_ms);
        row.put("answer", found.answer.unwrap_or_default());
        row.ms("busy_ms", Some(found.answered_ms));
        row.ms("killed_ms", Some(found.killed_ms));
    })
}

pub fn removal(order: &Order) -> Row {
    let taken = turn(&order.command.node.removal, order);
    let how = name_of(&REMOVALS, taken.how);
    let content = name_of(&CONTENTS, taken.content);
    measured(order, format!("{how}-{content}-{}", taken.count), |row| {
        let (keys, members) = match taken.content {
            Content::Strings => (taken.count, 1),
            Content::List | Content::Set | Content::Hash | Content::SortedSet => (1, taken.count),
        };
        row.put("removal", how);
        row.put("content", content);
        let policy = match taken.how {
            Removal::EvictOldest => Some("allkeys-lru"),
            Removal::EvictAny => Some("allkeys-random"),
            _ => None,
        };
        row.put("keys", keys);
        row.put("members", members);
        let took = match policy {
            Some(policy) => {
                let (evicted, took) = node::eviction(policy, taken.count);
                row.put("evicted", evicted);
                took
            }
            None => node::removal(taken.how, taken.content, taken.count),
        };
        row.put("removed_ms", format!("{:.2}", took.ms));
        row.put("removed_cpu_ms", format!("{:.2}", took.cpu_ms));
    })
}

pub fn reborn(order: &Order) -> Row {
    let command = order.command;
    let (away, delays) = (&command.node.restart_after_ms, &command.node.sync_delay_s);
    let restart_after_ms = turn(away, order);
    let sync_delay_s = delays[order.index / away.len() % delays.len()];
    let setting = Rebirth {
        replicas: command.replicas,
        keys: command.node.keys,
        restart_after: Duration::from_millis(restart_after_ms),
        sync_delay_s,
        down_after_ms: command.down_after_ms,
    };
    measured(order, format!("{restart_after_ms}-{sync_delay_s}"), |row| {
        row.put("restart_after_ms", restart_after_ms);
        row.put("replicas", setting.replicas);
        row.put("keys", setting.keys);
        row.put("sync_delay_s", setting.sync_delay_s);
        row.put("down_after_ms", setting.down_after_ms);
        let found = node::rebirth(&setting, phase(order, 2_000.0));
        row.ms("up_ms", Some(found.up_ms));
        row.ms("emptied_ms", Some(found.emptied_ms));
        row.put("primary_keys", found.primary_keys);
        row.put("replica_keys", found.replica_keys);
        row.put("promoted", u8::from(found.promoted));
    })
}

/// A row with what every table has: its name first, how busy the machine was last.
fn measured(order: &Order, setting: impl Display, run: impl FnOnce(&mut Row)) -> Row {
    let (load, cpu) = (machine::load(), machine::cpu_time());
    let name = &order.command.name;
    let mut row = Row::default();
    row.put("run_id", format!("{name}-{setting}-{:02}", order.index));
    row.put("cond", name);
    run(&mut row);
    row.put("load1_start", load);
    row.put("load1_end", machine::load());
    let busy = machine::busy_share(cpu, machine::cpu_time());
    row.put("cpu_busy_frac", format!("{busy:.3}"));
    row
}
