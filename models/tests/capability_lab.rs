//! The capability table against what a real Redis 7.0.15 did at `maxmemory` (see `models/lab`).

use std::collections::BTreeMap;

use models::answer::Cause;
use models::redis::capability::{Condition, Reply};

/// A measured table, row by row, by column name.
fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader
        .deserialize()
        .collect::<Result<_, _>>()
        .expect("a table")
}

#[test]
fn at_maxmemory_reads_and_ping_work_and_writes_get_oom() {
    let can = Condition::AtMaxmemory.capabilities();
    let measured = rows(include_str!("../lab/M4_commands.csv"));
    for (command, reply) in [
        ("PING", can.ping),
        ("GET existing", can.reads),
        ("MGET", can.reads),
        ("SET new key", can.writes),
        ("SET overwrite, same size", can.writes),
        ("INCR", can.writes),
        ("LPUSH", can.writes),
        ("HSET", can.writes),
    ] {
        let row = measured
            .iter()
            .find(|row| row["state"] == "at_limit" && row["command"] == command)
            .unwrap_or_else(|| panic!("{command} was measured"));
        let expected = match (row["result"].as_str(), row["error_code"].as_str()) {
            ("pass", _) => Reply::Fine,
            (_, "OOM") => Reply::Error(Cause::Oom),
            other => panic!("{command}: {other:?} is not in the table"),
        };
        assert_eq!(reply, expected, "{command}");
    }
}

#[test]
fn at_maxmemory_the_bus_goes_on_and_nothing_fails_over() {
    assert!(Condition::AtMaxmemory.capabilities().bus);
    let cluster = rows(include_str!("../lab/C5_cluster_memory_limit.csv"));
    let sentinel = rows(include_str!("../lab/S4_sentinel_memory_limit.csv"));
    assert_eq!((cluster.len(), sentinel.len()), (5, 5));
    for row in cluster.iter().chain(&sentinel) {
        assert_eq!(row["failover_log_events_in_watch"], "0");
        assert_eq!(
            row["pings"], row["pings_ok"],
            "PING is answered all the time"
        );
        assert_eq!(
            row["after_ok_in_last_5s"], "0",
            "the promoted node refuses the same way"
        );
    }
}
