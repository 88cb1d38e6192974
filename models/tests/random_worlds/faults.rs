//! The faults of a random world.

use super::pick;
use rand::RngExt as _;
use sim::Rng;

/// The kinds of fault that a world of so many hosts can have.
pub fn kinds(hosts: u16, saves: bool, subscribers: bool) -> Vec<&'static str> {
    let kinds = [
        ("growth-burst", true),
        ("crash", true),
        ("hang", true),
        ("host-loss", true),
        ("partition", hosts > 1),
        ("disk-full", saves),
        ("slow-subscriber", subscribers),
        ("slow-consumers", true),
    ];
    let can = kinds.into_iter().filter(|(_, can)| *can);
    can.map(|(kind, _)| kind).collect()
}

/// Up to four faults, of kinds that this world has.
pub fn faults(rng: &mut Rng, kinds: &[&str], hosts: u16) -> String {
    let kinds: Vec<&str> = kinds
        .iter()
        .copied()
        .filter(|_| rng.random_range(0..2) == 0)
        .collect();
    let mut faults = Vec::new();
    for _ in 0..rng.random_range(0..5) {
        if !kinds.is_empty() {
            let kind = pick(rng, &kinds);
            let fault = fault(rng, &kind, hosts);
            // Partitions that overlap are refused.
            let cut = |fault: &String| fault.contains("\"partition\"");
            if !cut(&fault) || !faults.iter().any(cut) {
                faults.push(fault);
            }
        }
    }
    format!("[{}]", faults.join(", "))
}

fn fault(rng: &mut Rng, kind: &str, hosts: u16) -> String {
    let workload = pick(rng, &["log", "cache"]);
    let at = format!(
        "{{ kind = \"constant\", value = \"{}s\" }}",
        rng.random_range(1..2900)
    );
    let lasts = pick(rng, &["1s", "4s", "20s", "300s", "3000s"]);
    let rest = match kind {
        "growth-burst" => {
            return format!(
                "{{ kind = \"growth-burst\", starts = {at}, reference = \"1700MiB\", fills_in = \
                 {{ kind = \"uniform\", min = \"5min\", max = \"35min\" }}, ends_at = \"1.4x\", \
                 value_size = \"10KiB\", workloads = [{{ workload = \"{workload}\", \
                 weight = \"1x\" }}] }}"
            );
        }
        "slow-consumers" => {
            let lasts = pick(rng, &["", ", lasts = \"300s\"", ", lasts = \"20s\""]);
            let slowdown = pick(rng, &["1.7x", "3x", "40x"]);
            return format!(
                "{{ kind = \"slow-consumers\", workload = \"cache\", at = {at}, \
                 slowdown = \"{slowdown}\"{lasts} }}"
            );
        }
        "crash" => String::new(),
        "hang" | "disk-full" => format!(", lasts = \"{lasts}\""),
        "host-loss" => format!(
            ", lasts = \"{lasts}\", host = {}",
            rng.random_range(0..hosts)
        ),
        "partition" => format!(
            ", lasts = \"{lasts}\", hosts = [{}], clients = \"{}\"",
            rng.random_range(0..hosts),
            pick(rng, &["hosts", "others"]),
        ),
        "slow-subscriber" => format!(
            ", lasts = \"{lasts}\", subscribers = {}, messages = \"{}/s\", \
             message_size = \"10kB\", reconnects_after = \"3s\"",
            rng.random_range(1..4),
            rng.random_range(10..300),
        ),
        other => panic!("no kind of fault: {other}"),
    };
    format!("{{ kind = \"{kind}\", workload = \"{workload}\", at = {at}{rest} }}")
}
