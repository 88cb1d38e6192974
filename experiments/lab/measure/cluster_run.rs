//! One run on a cluster: node 0 owns the shard under test and is struck.

use crate::Order;
use crate::logs::{self, Line};
use crate::machine;
use crate::probe::{Guide, Probe, owner};
use crate::real::cluster::{Cluster, Setting, node_id};
use crate::row::Row;
use crate::watch::{Watched, watch};

pub fn run(order: &Order) -> Row {
    let command = order.command;
    let (load, cpu) = (machine::load(), machine::cpu_time());
    let mut cluster = Cluster::boot(&Setting {
        masters: command.masters,
        replicas_per_master: command.replicas_per_master,
        node_timeout_ms: command.node_timeout_ms,
        full_coverage: true,
        directives: String::new(),
    });
    let tag = cluster.tag(0);
    let slot = cluster.nodes[0]
        .expect(&["CLUSTER", "KEYSLOT", &tag])
        .integer();
    let slot = slot.expect("a slot");
    let prefix = format!("acc:{{{tag}}}:");
    let ports: Vec<u16> = cluster.nodes.iter().map(|node| node.port).collect();
    let mut probe = Probe::new(
        Guide::Nodes { ports, slot },
        prefix.clone(),
        cluster.nodes[0].port,
    );
    let phase_max_ms = (command.node_timeout_ms as f64 / 2.0).max(2_000.0);
    let watched = watch(order, phase_max_ms, &mut probe, &mut cluster.nodes[0]);
    let mut row = Row::default();
    put_setting(&mut row, order, &watched);
    put_servers(&mut row, &cluster, &watched);
    watched.put_recovery(&mut row);
    let slots = cluster.nodes[1].expect(&["CLUSTER", "SLOTS"]);
    let primary = owner(&slots, slot).expect("somebody owns every slot");
    watched.put_writes(&mut row, &probe, &prefix, primary);
    watched.put_machine(&mut row, cpu, load);
    row
}

fn put_setting(row: &mut Row, order: &Order, watched: &Watched) {
    let command = order.command;
    let (name, timeout) = (&command.name, command.node_timeout_ms);
    row.put("run_id", format!("{name}-{timeout}-{:02}", order.index));
    row.put("cond", name);
    row.put("node_timeout_ms", timeout);
    row.put("fault", command.cond.fault());
    row.put("hang_s", "");
    row.put("masters", command.masters);
    row.put("replicas_per_master", command.replicas_per_master);
    row.put("require_full_coverage", "yes");
    row.put("block", order.index / command.parallel);
    row.ms("phase_ms", Some(watched.phase_ms));
    let mono_s = (watched.fault - order.began).as_secs_f64();
    row.put("t_fault_mono_s", format!("{mono_s:.6}"));
    row.ms("first_fail_ms", watched.first_fail_ms());
}

fn put_servers(row: &mut Row, cluster: &Cluster, watched: &Watched) {
    let log = |node| logs::since(node, watched.fault_of_day_ms);
    let all: Vec<Vec<Line>> = cluster.nodes.iter().map(log).collect();
    let replicas: Vec<usize> = cluster.replicas_of(0).collect();
    let at_replicas = || replicas.iter().map(|replica| &all[*replica]);
    let victim = node_id(0);
    let marked = format!("Marking node {victim} as failing");
    let told = format!("about {victim}");
    row.ms("fail_detect_ms", logs::first(&all, &marked));
    let knows = [&marked, &told].map(|words| logs::first(at_replicas(), words));
    row.ms(
        "replica_knows_fail_ms",
        knows.into_iter().flatten().min_by(f64::total_cmp),
    );
    row.ms(
        "state_fail_ms",
        logs::first(&all, "Cluster state changed: fail"),
    );
    let delayed = "Start of election delayed for ";
    row.ms("election_sched_ms", logs::first(&all, delayed));
    let lines = all
        .iter()
        .flatten()
        .filter(|line| line.text.contains(delayed));
    let earliest = lines.min_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
    let delay = earliest.and_then(|line| line.text.split_whitespace().nth(5));
    row.put("election_delay_logged_ms", delay.unwrap_or_default());
    row.ms(
        "election_start_ms",
        logs::first(&all, "Starting a failover election"),
    );
    row.put(
        "elections_started",
        logs::count(&all, "Starting a failover election"),
    );
    let won = "Failover election won";
    let promoted = logs::first(&all, won);
    row.ms("promote_ms", promoted);
    row.put("failovers", logs::count(&all, won));
    let first = (0..)
        .zip(at_replicas())
        .find(|(_, log)| logs::first([*log], won) == promoted);
    let named = first
        .filter(|_| promoted.is_some())
        .map(|(replica, _)| format!("r0_{replica}"));
    row.put("promoted_node", named.unwrap_or_default());
}
