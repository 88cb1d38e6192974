//! The time of a full resync against what a real Redis 7.0.15 took (see
//! `models/failover/lab`).
//!
//! The constants are properties of the machine, so they are measured here, from five of the sixteen
//! groups of runs, and every group is then compared with the rule:
//!
//! | constants | from |
//! | --- | --- |
//! | save per key and per byte, load per key and per byte | 200 MB, both value sizes, diskless |
//! | memory that is warm, and the rate beyond | 1,000 and 2,000 MB, 1,024-byte values, diskless |
//! | sending a finished file | 200 MB, 1,024-byte values, disk |

use std::collections::BTreeMap;

use models::redis::sync::{Stages, full_sync};
use models::spec::redis::{ColdMemorySpec, SyncSpec};
use sim::SimDuration;
use sim::quantity::{Bytes, BytesPerSec, PerSec};

/// Size, value size and mode of a group of runs.
type Group = (u32, u32, &'static str);

const GROUPS: usize = 16;

/// Looks up a column of one run.
type Column<'a> = &'a dyn Fn(&str) -> f64;

/// The medians of one group of runs; times in seconds.
#[derive(Clone, Copy, Debug)]
struct Measured {
    keys: f64,
    bytes: f64,
    save: f64,
    send: f64,
    load: f64,
    fork: f64,
    total: f64,
}

fn measured() -> BTreeMap<Group, Measured> {
    let text = include_str!("../failover/lab/M1_fullsync.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut runs: BTreeMap<Group, Vec<BTreeMap<String, String>>> = BTreeMap::new();
    for row in reader.deserialize::<BTreeMap<String, String>>() {
        let row = row.expect("a row");
        let whole = |name: &str| row[name].parse().expect("a number");
        let mode = ["disk", "diskless"].into_iter().find(|m| *m == row["mode"]);
        let group = (
            whole("size_target_mb"),
            whole("value_bytes"),
            mode.expect("a mode"),
        );
        runs.entry(group).or_default().push(row);
    }
    let medians = |(group, rows): (Group, Vec<BTreeMap<String, String>>)| {
        let median = |f: &dyn Fn(Column) -> f64| {
            let of = |row: &BTreeMap<String, String>| f(&|name| row[name].parse().expect(name));
            let mut values: Vec<f64> = rows.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
        };
        // Diskless: the child saves while it sends, and the transfer begins with the fork's end.
        let diskless = group.2 == "diskless";
        let shipped = |of: Column| of("load_begin_ms") - of("transfer_begin_ms");
        let answered = |of: Column| of("transfer_begin_ms") - of("full_resync_reply_ms");
        let measured = Measured {
            keys: median(&|of| of("keys")),
            bytes: median(&|of| of("used_memory")),
            save: median(if diskless { &shipped } else { &answered }) / 1e3,
            send: if diskless {
                0.0
            } else {
                median(&shipped) / 1e3
            },
            load: median(&|of| of("load_ms")) / 1e3,
            fork: median(&|of| of("latest_fork_usec")) / 1e6,
            total: median(&|of| of("sync_total_ms")) / 1e3,
        };
        (group, measured)
    };
    runs.into_iter().map(medians).collect()
}

/// Per key and per byte, from two groups: a x keys + b x bytes = time.
fn two(a: Measured, b: Measured, time: impl Fn(Measured) -> f64) -> (f64, f64) {
    let determinant = a.keys * b.bytes - b.keys * a.bytes;
    let per_key = (time(a) * b.bytes - time(b) * a.bytes) / determinant;
    let per_byte = (a.keys * time(b) - b.keys * time(a)) / determinant;
    (per_key, per_byte)
}

/// The constants of the machine, from the groups that the table at the top names.
fn constants(lab: &BTreeMap<Group, Measured>) -> SyncSpec {
    let (small, large) = (lab[&(200, 100, "diskless")], lab[&(200, 1024, "diskless")]);
    let (save_key, save_byte) = two(small, large, |m| m.save);
    let (load_key, load_byte) = two(small, large, |m| m.load);
    let cold = |size| {
        let m = lab[&(size, 1024, "diskless")];
        (m.bytes, m.load - m.keys * load_key - m.bytes * load_byte)
    };
    let ((near, less), (far, more)) = (cold(1000), cold(2000));
    let fill = (far - near) / (more - less);
    let sent = lab[&(200, 1024, "disk")];
    let rate = |seconds: f64| PerSec::new(1.0 / seconds).expect("a rate");
    let bytes_rate = |rate: f64| BytesPerSec::new(rate).expect("a rate");
    SyncSpec {
        diskless: true,
        delay: SimDuration::ZERO,
        fork_per_gib: SimDuration::from_secs_f64(large.fork * (1u64 << 30) as f64 / large.bytes),
        save_keys: rate(save_key),
        save_bytes: bytes_rate(1.0 / save_byte),
        load_keys: rate(load_key),
        load_bytes: bytes_rate(1.0 / load_byte),
        // Every run starts with an empty replica.
        flush_keys: rate(1e-6),
        lazy_flush: false,
        network: bytes_rate(sent.bytes / sent.send),
        load_spread: None,
        cold_memory: Some(ColdMemorySpec {
            beyond: Bytes::from_f64(near - less * fill),
            fill: bytes_rate(fill),
        }),
    }
}

#[test]
fn every_size_and_mode_takes_what_was_measured_within_a_fifth() {
    let lab = measured();
    assert_eq!(lab.len(), GROUPS);
    let spec = constants(&lab);
    let mut off = Vec::new();
    for ((size, value, mode), m) in &lab {
        let spec = SyncSpec {
            diskless: *mode == "diskless",
            ..spec
        };
        let expected = full_sync(&spec, m.bytes, m.keys).as_secs_f64();
        let error = expected / m.total - 1.0;
        if error.abs() > 0.2 {
            off.push((size, value, mode, expected, m.total));
        }
    }
    assert!(off.is_empty(), "{off:?}");
}

#[test]
fn what_was_measured_is_a_machine_and_not_a_fit() {
    // The constants say something by themselves: a walk through a table of a million keys costs
    // some cache misses a key, trying to compress random bytes is what makes the save slow, and
    // memory that is not warm costs a fault in the host for each page of 4 KiB.
    let spec = constants(&measured());
    let us_per_key = |rate: PerSec| 1e6 / rate.get();
    assert!((0.1..1.0).contains(&us_per_key(spec.save_keys)), "{spec:?}");
    assert!((0.1..1.5).contains(&us_per_key(spec.load_keys)), "{spec:?}");
    assert!(
        (5.0..10.0).contains(&(1e9 / spec.save_bytes.get())),
        "{spec:?}"
    );
    let cold = spec.cold_memory.expect("it was measured");
    let us_per_page = 4096e6 / cold.fill.get();
    assert!((10.0..25.0).contains(&us_per_page), "{us_per_page}");
    assert!((0.5e9..2e9).contains(&cold.beyond.as_f64()), "{cold:?}");
}

#[test]
fn copies_share_the_link_and_only_a_file_is_sent_after_the_save() {
    let lab = measured();
    let diskless = constants(&lab);
    let disk = SyncSpec {
        diskless: false,
        ..diskless
    };
    let stages = |spec: &SyncSpec, copies| Stages::new(spec, 1e9, 1e6, copies, 0.0);
    let one = stages(&diskless, 1);
    assert_eq!(
        one.ship,
        stages(&diskless, 2).ship,
        "the save is slower than the link"
    );
    assert!(stages(&diskless, 100).ship > one.ship);
    assert!(stages(&disk, 1).ship > one.ship);
    assert!(stages(&disk, 2).ship > stages(&disk, 1).ship);
    assert_eq!(stages(&disk, 2).load, one.load);
}
