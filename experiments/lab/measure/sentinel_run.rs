//! One run on a Sentinel group: the primary is struck, some Sentinels being dead already.

use std::time::Duration;

use crate::Order;
use crate::logs::{self, Line};
use crate::machine;
use crate::probe::{Guide, Probe};
use crate::real::process::Server;
use crate::real::sentinel::{Group, Setting, dead_peers};
use crate::real::wait;
use crate::row::Row;
use crate::watch::{Watched, watch};

const FAILOVER_TIMEOUT_MS: u64 = 10_000;
const PHASE_MAX_MS: f64 = 2_000.0;
const PREFIX: &str = "acc:";

pub fn run(order: &Order) -> Row {
    let command = order.command;
    let (load, cpu) = (machine::load(), machine::cpu_time());
    let mut group = Group::boot(&Setting {
        replicas: command.replicas,
        sentinels: command.sentinels,
        quorum: command.quorum,
        down_after_ms: command.down_after_ms,
        failover_timeout_ms: FAILOVER_TIMEOUT_MS,
        directives: String::new(),
    });
    let (living, doomed) = group
        .sentinels
        .split_at_mut(command.sentinels - command.dead_sentinels);
    doomed.iter_mut().for_each(Server::kill);
    if command.dead_known {
        wait::until_true(
            "dead Sentinels known to all",
            Duration::from_secs(30),
            || {
                living
                    .iter()
                    .all(|sentinel| dead_peers(sentinel) == doomed.len())
            },
        );
    }
    let ports = group
        .sentinels
        .iter()
        .map(|sentinel| sentinel.port)
        .collect();
    let old = group.data[0].port;
    let mut probe = Probe::new(Guide::Sentinels { ports }, PREFIX.to_owned(), old);
    let watched = watch(order, PHASE_MAX_MS, &mut probe, &mut group.data[0]);
    let mut row = Row::default();
    put_setting(&mut row, order, &watched);
    put_servers(&mut row, &group, &watched);
    watched.put_recovery(&mut row);
    watched.put_writes(&mut row, &probe, PREFIX, probe.target());
    watched.put_machine(&mut row, cpu, load);
    row
}

fn put_setting(row: &mut Row, order: &Order, watched: &Watched) {
    let command = order.command;
    let (name, down_after) = (&command.name, command.down_after_ms);
    row.put("run_id", format!("{name}-{down_after}-{:02}", order.index));
    row.put("cond", name);
    row.put("down_after_ms", down_after);
    row.put("fault", command.cond.fault());
    row.put("replicas", command.replicas);
    row.put("sentinels", command.sentinels);
    row.put("quorum", command.quorum);
    row.put("dead_sentinels", command.dead_sentinels);
    row.put("failover_timeout_ms", FAILOVER_TIMEOUT_MS);
    row.put("block", order.index / command.parallel);
    row.ms("phase_ms", Some(watched.phase_ms));
    let mono_s = (watched.fault - order.began).as_secs_f64();
    row.put("t_fault_mono_s", format!("{mono_s:.6}"));
    row.ms("first_fail_ms", watched.first_fail_ms());
}

fn put_servers(row: &mut Row, group: &Group, watched: &Watched) {
    let log = |server: &Server| logs::since(server, watched.fault_of_day_ms);
    let sentinels: Vec<Vec<Line>> = group.sentinels.iter().map(log).collect();
    let data: Vec<Vec<Line>> = group.data.iter().map(log).collect();
    let old = format!("master mymaster 127.0.0.1 {}", group.data[0].port);
    let of_old = |event: &str| format!("{event} {old}");
    let down = sentinels
        .iter()
        .filter_map(|log| logs::first([log], &of_old("+sdown")));
    let mut down: Vec<f64> = down.collect();
    down.sort_by(f64::total_cmp);
    row.ms("sdown_first_ms", down.first().copied());
    row.ms("sdown_second_ms", down.get(1).copied());
    row.ms("sdown_last_ms", down.last().copied());
    row.ms("fail_detect_ms", logs::first(&sentinels, &of_old("+odown")));
    row.ms(
        "election_start_ms",
        logs::first(&sentinels, &of_old("+try-failover")),
    );
    row.ms("elected_ms", logs::first(&sentinels, "+elected-leader"));
    row.ms("selected_ms", logs::first(&sentinels, "+selected-slave"));
    let mode = "MASTER MODE enabled";
    let promoted = logs::first(&data, mode);
    row.ms("promote_ms", promoted);
    row.ms(
        "promoted_seen_ms",
        logs::first(&sentinels, "+promoted-slave"),
    );
    let switched = sentinels
        .iter()
        .filter_map(|log| logs::first([log], "+switch-master"));
    let mut switched: Vec<f64> = switched.collect();
    switched.sort_by(f64::total_cmp);
    row.ms("switch_master_first_ms", switched.first().copied());
    row.ms("switch_master_last_ms", switched.last().copied());
    let started = logs::count(&sentinels, &of_old("+try-failover"));
    row.put("elections_started", started);
    row.put(
        "failover_aborts",
        logs::count(&sentinels, "-failover-abort-"),
    );
    row.put("failovers", logs::count(&data, mode));
    let first = data
        .iter()
        .position(|log| promoted.is_some() && logs::first([log], mode) == promoted);
    row.put(
        "promoted_node",
        first.map_or(String::new(), |node| format!("r{}", node - 1)),
    );
    let about_new = |event: &str| {
        let all = logs::count(&sentinels, &format!("{event} master mymaster"));
        all - logs::count(&sentinels, &of_old(event))
    };
    row.put("new_primary_sdown", about_new("+sdown"));
    let new = sentinels
        .iter()
        .flatten()
        .filter(|line| line.text.contains("+try-failover") && !line.text.contains(&old));
    row.ms(
        "second_failover_ms",
        new.map(|line| line.at_ms).min_by(f64::total_cmp),
    );
}
