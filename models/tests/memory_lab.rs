//! The memory model against what a real Redis 7.0.15 held, copied and refused (see
//! `models/failover/lab`).

use std::collections::BTreeMap;

use demand::answer::Cause;
use models::redis::allocator::allocated;
use models::redis::capability::{Condition, Reply};
use models::redis::commands::{Request, Script};
use models::redis::fork::{Overwritten, PAGE};
use models::redis::keyspace::KeyShape;
use models::redis::output::{OutputLimits, SlowSubscribers, message_on_wire};
use models::redis::table::{Table, rehash_time};
use sim::{SimDuration, SimTime};

type Row = BTreeMap<String, String>;

/// A measured table, row by row, by column name.
fn rows(text: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.deserialize().collect::<Result<_, _>>();
    rows.expect("a table")
}

fn number(row: &Row, column: &str) -> f64 {
    row[column]
        .parse()
        .unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

#[track_caller]
fn within(found: f64, measured: f64, tolerance: f64, what: &str) {
    let off = found / measured - 1.0;
    assert!(
        off.abs() <= tolerance,
        "{what}: {found} for {measured}, {:.1} %",
        off * 100.0
    );
}

/// The keys of the lab: 16 bytes, no TTL, no cluster.
const LAB_KEY: KeyShape = KeyShape {
    key_length: 16,
    cluster: false,
    expires: false,
};

/// `used_memory_startup`, measured: what a server without data or clients takes.
const STARTUP: f64 = 876_176.0;

#[test]
fn used_memory_follows_keys_and_values_steps_included() {
    let measured = rows(include_str!("../failover/lab/M3_used_memory.csv"));
    assert_eq!(measured.len(), 204);
    // What the lab's own connection takes, from the row without keys.
    let client = number(&measured[0], "used_memory") - STARTUP;
    let mut last: Option<(Row, Table)> = None;
    for row in measured {
        let keys = number(&row, "keys") as u64;
        let table = match &last {
            // One key more than buckets, so the table has just been doubled.
            Some((_, before)) if keys == before.buckets + 1 => before.doubled(),
            Some(_) | None => Table::loaded(keys),
        };
        let of_keys = (keys * LAB_KEY.bytes(number(&row, "value_bytes") as u64)) as f64;
        let used = |table: Table| STARTUP + client + of_keys + table.bytes() as f64;
        let what = format!("{keys} keys of {} B", row["value_bytes"]);
        within(
            used(table),
            number(&row, "used_memory_immediate"),
            0.05,
            &what,
        );
        if let (Some((before, old)), true) = (&last, table.old > 0) {
            // The jump of that very key, to the byte: its own bytes and the new table.
            let jump = number(&row, "used_memory_immediate") - number(before, "used_memory");
            let modelled = (of_keys / keys as f64) + (table.bytes() - old.bytes()) as f64;
            assert_eq!(modelled, jump, "{what}");
        }
        // A quarter of a second later the old table is gone, or it is not yet: two to four calls of
        // the cron, so tables of about 2^14 buckets may stand either way.
        let waited = number(&row, "used_memory_immediate") - number(&row, "used_memory");
        if table.old > 0 && !(1 << 14..1 << 15).contains(&table.old) {
            let gone = rehash_time(table.old, 0.0) <= SimDuration::from_millis(250);
            let freed = if gone {
                table.bytes() - table.settled().bytes()
            } else {
                0
            };
            assert_eq!(freed as f64, waited, "{what}");
        }
        last = (keys > 0).then_some((row, table.settled()));
    }
}

#[test]
fn cluster_mode_needs_more_for_every_key() {
    // C5 and S4 filled 16 MiB with keys of 1000 B, with and without cluster mode.
    let filled = |text: &str| number(&rows(text)[0], "filled_keys");
    let plain = filled(include_str!("../failover/lab/S4_sentinel_memory_limit.csv"));
    let cluster = filled(include_str!("../failover/lab/C5_cluster_memory_limit.csv"));
    let of = |cluster| KeyShape { cluster, ..LAB_KEY }.bytes(1000) as f64;
    assert_eq!(of(true) - of(false), 16.0);
    // The keys alone explain this much; the rest is the bus' own memory.
    assert!(plain / cluster > of(true) / of(false));
}

#[test]
fn pages_are_copied_as_measured() {
    let measured = rows(include_str!("../failover/lab/M2_cow.csv"));
    assert_eq!(measured.len(), 9);
    for row in measured {
        let strings = Overwritten {
            keys: number(&row, "keys"),
            entry: 32.0,
            object: 16.0,
            value: allocated(5 + 1024 + 1) as f64,
        };
        let copied = strings.copied(number(&row, "writes_during_save"), PAGE);
        // Seen: -1 to 5 % at no and at 1,000 overwrites a second, less than 1 % at 10,000.
        let what = format!("{} at {}/s", row["run_id"], row["write_rate_target"]);
        within(copied, number(&row, "rdb_last_cow_size"), 0.08, &what);
    }
}

#[test]
fn a_slow_subscriber_pushes_the_others_into_oom_and_is_cut_off() {
    let series = rows(include_str!("../failover/lab/M5_pubsub_timeseries.csv"));
    let summary = rows(include_str!("../failover/lab/M5_pubsub_summary.csv"));
    assert_eq!(summary.len(), 8);
    for run in summary {
        let of_variant: Vec<&Row> = series
            .iter()
            .filter(|row| row["variant"] == run["variant"])
            .collect();
        compare_slow_subscriber(&run, &of_variant);
    }
}

/// One run of the lab: its summary, and its variant's series.
fn compare_slow_subscriber(run: &Row, series: &[&Row]) {
    // What the kernel's buffers hold is read off the first growth; the rest is the model's.
    let start = number(series[1], "used_memory");
    let flat = series
        .iter()
        .take_while(|row| number(row, "used_memory") < start + 90_000.0)
        .last()
        .expect("it grows after a while");
    let wire = message_on_wire(2, 10_000);
    let slow = SlowSubscribers {
        number: run["slow_subscribers"].parse().expect("a number"),
        since: SimTime::ZERO,
        rate: number(run, "publish_rate_per_s"),
        wire,
        sockets: number(flat, "publish_ok") as u64 * wire,
    };
    let keys = number(run, "dbsize") as u64;
    let clients = number(series[1], "mem_clients_normal");
    let held = keys * LAB_KEY.bytes(1000) + Table::loaded(keys).bytes();
    let base = STARTUP + held as f64 + clients;
    within(base, start, 0.01, "the dataset");
    let maxmemory = 64.0 * 1024.0 * 1024.0;
    let end = SimTime::ZERO + SimDuration::from_secs(run["duration_s"].parse().expect("s"));
    let cut = if run["config"].contains("maxmemory-clients 10%") {
        slow.evicted(0.1 * maxmemory, clients)
    } else {
        slow.cut_off(&limits(&run["config"]))
            .unwrap_or(SimTime::MAX)
    };
    let cut = cut.min(end);
    let millis = |at: SimTime| at.as_secs_f64() * 1e3;
    let oom = (0..cut.as_nanos() / 1_000_000)
        .map(|ms| SimTime::ZERO + SimDuration::from_millis(ms))
        .find(|at| base + slow.used(*at) > maxmemory);
    assert_eq!(oom.is_some(), !run["first_oom_ms"].is_empty(), "{run:?}");
    if let Some(first) = oom {
        let what = &run["run_id"];
        within(millis(first), number(run, "first_oom_ms"), 0.15, what);
        within(millis(cut), number(run, "last_oom_ms"), 0.15, what);
    } else {
        let evicted = series.iter().find(|row| row["connected_clients"] == "3");
        let evicted = number(evicted.expect("it is evicted"), "t_ms");
        within(millis(cut), evicted, 0.15, "client eviction");
    }
}

/// `client-output-buffer-limit pubsub` of a lab configuration.
fn limits(config: &str) -> OutputLimits {
    let mib = |n: u64| n << 20;
    let (hard, soft) = match config.contains("pubsub 0 0 0") {
        true => (0, 0),
        false => (mib(32), mib(8)),
    };
    OutputLimits {
        hard,
        soft,
        soft_for: SimDuration::from_secs(60),
    }
}

#[test]
fn every_command_is_refused_or_served_at_maxmemory_as_measured() {
    let measured = rows(include_str!("../failover/lab/M4_commands.csv"));
    assert_eq!(measured.len(), 224);
    for row in measured {
        let command = row["command"].as_str();
        let expected = match (row["result"].as_str(), row["error_code"].as_str()) {
            ("pass", _) => Reply::Fine,
            ("fail", "OOM") => Reply::Error(Cause::Oom),
            other => panic!("{command}: {other:?} is not in the table"),
        };
        let (name, commands);
        let request = match command.split_once(' ') {
            Some(("EVAL", body)) => eval(body),
            Some(("MULTI", "DISCARD")) => Request::Transaction(&[]),
            Some(("MULTI", body)) => {
                commands = body
                    .trim_end_matches(" EXEC")
                    .split(' ')
                    .collect::<Vec<_>>();
                Request::Transaction(&commands)
            }
            Some(_) | None => {
                name = plain_name(command);
                Request::Command(&name)
            }
        };
        match row["state"].as_str() {
            "below_limit" => assert_eq!(expected, Reply::Fine, "{command}"),
            _ => assert_eq!(request.at_maxmemory(), expected, "{command}"),
        }
    }
}

/// The lab's words for a script, as a request.
fn eval(body: &str) -> Request<'_> {
    match body {
        "read-only" => Request::Script(Script::Plain, &["GET"]),
        "write SET" => Request::Script(Script::Plain, &["SET"]),
        "write DEL" => Request::Script(Script::Plain, &["DEL"]),
        "DEL then SET" => Request::Script(Script::Plain, &["DEL", "SET"]),
        "pcall SET" => Request::Script(Script::Forgiving, &["SET"]),
        "no keys access" => Request::Script(Script::Plain, &[]),
        "shebang default flags, read only body" => Request::Script(Script::Declared, &["GET"]),
        "shebang no-writes" => Request::Script(Script::NoWrites, &["GET"]),
        "shebang allow-oom SET" => Request::Script(Script::AllowOom, &["SET"]),
        other => panic!("EVAL {other} is not in the table"),
    }
}

/// The command's own name in the lab's words: `SET overwrite, smaller` is a SET.
fn plain_name(command: &str) -> String {
    let subcommand = [
        "XGROUP ",
        "FUNCTION ",
        "SCRIPT ",
        "CONFIG ",
        "CLIENT ",
        "MEMORY ",
        "OBJECT ",
    ];
    let words = if subcommand
        .iter()
        .any(|container| command.starts_with(container))
    {
        2
    } else {
        1
    };
    command.split(' ').take(words).collect::<Vec<_>>().join(" ")
}

#[test]
fn conditions_agree_with_the_table_of_commands() {
    let at_limit = Condition::AtMaxmemory.capabilities();
    let failed_save = Condition::SaveFailed.capabilities();
    for (command, limit, failed) in [
        ("PING", at_limit.ping, failed_save.ping),
        ("GET", at_limit.reads, failed_save.reads),
        ("SET", at_limit.writes, failed_save.writes),
    ] {
        assert_eq!(Request::Command(command).at_maxmemory(), limit, "{command}");
        assert_eq!(
            Request::Command(command).after_failed_save(),
            failed,
            "{command}"
        );
    }
}
