//! The capability table against what a real Redis 7.0.15 did at `maxmemory` (see
//! `models/failover/lab`): the bus and PING here, commands one by one in `memory_lab.rs`.

use std::collections::BTreeMap;

use models::redis::capability::Condition;

/// A measured table, row by row, by column name.
fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader
        .deserialize()
        .collect::<Result<_, _>>()
        .expect("a table")
}

#[test]
fn at_maxmemory_the_bus_goes_on_and_nothing_fails_over() {
    assert!(Condition::AtMaxmemory.capabilities().bus);
    let cluster = rows(include_str!("../failover/lab/C5_cluster_memory_limit.csv"));
    let sentinel = rows(include_str!("../failover/lab/S4_sentinel_memory_limit.csv"));
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
