//! Measures a real Redis on this machine, run by run, into a table: failovers with the columns of
//! `models/failover/lab/`, single nodes (`node_run.rs`) with those of `models/lab/`.
//!
//! ```text
//! cargo run --release -p experiments --example measure -- --name X1 --cond cluster-crash \
//!     --masters 5 --node-timeout-ms 2000 --runs 16 --out X1_cluster_crash.csv
//! cargo run --release -p experiments --example measure -- --name N1 --cond no-replicas \
//!     --max-lag-s 1,2,3,5,10 --runs 100 --out N1_min_replicas.csv
//! ```
//!
//! A run of a failover starts fresh processes, waits until all is well, starts a client that
//! writes every 10 ms, strikes the primary after half a second and a random phase, and goes on
//! until writes have worked for 3 s. Left out: hangs that end, nodes at their memory limit, more
//! than one fault.

mod cluster_run;
mod logs;
mod machine;
mod node_run;
mod probe;
#[allow(dead_code)] // the other root, the tests, uses the rest of these parts
#[path = "../real/mod.rs"]
mod real;
mod row;
mod sentinel_run;
mod watch;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::{Parser, ValueEnum};

use node_run::NodeArguments;
use row::Row;

/// What is struck, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Cond {
    ClusterCrash,
    ClusterHang,
    SentinelCrash,
    SentinelHang,
    /// The only replica of a primary with min-replicas-to-write 1 gets SIGSTOP
    NoReplicas,
    /// A script spins, and is killed
    Busy,
    /// One command takes a large key or all keys away
    Removal,
    /// A primary without persistence under Sentinel is killed and started again
    Reborn,
}

/// Measures a real Redis on loopback.
#[derive(Debug, Parser)]
struct Command {
    /// What is struck, and how: a crash is SIGKILL, a hang SIGSTOP for good
    #[arg(long)]
    cond: Cond,
    /// The condition's name in the table, such as X1
    #[arg(long)]
    name: String,
    /// Runs to make
    #[arg(long)]
    runs: usize,
    /// Runs at the same time
    #[arg(long, default_value_t = 2)]
    parallel: usize,
    /// Primaries of the cluster
    #[arg(long, default_value_t = 3)]
    masters: usize,
    /// Replicas of each primary of the cluster
    #[arg(long, default_value_t = 1)]
    replicas_per_master: usize,
    #[arg(long, default_value_t = 2000)]
    node_timeout_ms: u64,
    /// Replicas that the Sentinels watch
    #[arg(long, default_value_t = 2)]
    replicas: usize,
    #[arg(long, default_value_t = 3)]
    sentinels: usize,
    #[arg(long, default_value_t = 2)]
    quorum: usize,
    /// Sentinels that are killed before the client starts
    #[arg(long, default_value_t = 0)]
    dead_sentinels: usize,
    /// Start the client only when the others hold those Sentinels for down
    #[arg(long)]
    dead_known: bool,
    #[arg(long, default_value_t = 2000)]
    down_after_ms: u64,
    /// Draws the phases; the real system has its own chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The table to write; it grows run by run
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    node: NodeArguments,
}

/// What every run is told.
struct Order<'a> {
    command: &'a Command,
    index: usize,
    began: Instant,
}

#[allow(clippy::print_stderr)] // it takes minutes; each run says that it is done
fn main() {
    let command = Command::parse();
    let version = real::version().expect("redis-server is on the path");
    eprintln!("redis-server {version}, {} runs", command.runs);
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let began = real::wait::now();
    std::thread::scope(|scope| {
        for _ in 0..command.parallel {
            scope.spawn(|| {
                while let Some(index) = take(&next, command.runs) {
                    let row = run(&Order {
                        command: &command,
                        index,
                        began,
                    });
                    let mut rows = rows.lock().expect("no run failed");
                    rows.push((index, row));
                    rows.sort_by_key(|(index, _)| *index);
                    row::write(&command.out, &rows).expect("the table can be written");
                    eprintln!(
                        "{} of {}: {}",
                        rows.len(),
                        command.runs,
                        rows_last(&rows, index)
                    );
                }
            });
        }
    });
}

fn take(next: &AtomicUsize, runs: usize) -> Option<usize> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    (index < runs).then_some(index)
}

fn rows_last(rows: &[(usize, Row)], index: usize) -> String {
    let row = rows.iter().find(|(i, _)| *i == index);
    row.map(|(_, row)| row.summary())
        .expect("it was just put there")
}

fn run(order: &Order) -> Row {
    match order.command.cond {
        Cond::ClusterCrash | Cond::ClusterHang => cluster_run::run(order),
        Cond::SentinelCrash | Cond::SentinelHang => sentinel_run::run(order),
        Cond::NoReplicas => node_run::no_replicas(order),
        Cond::Busy => node_run::busy(order),
        Cond::Removal => node_run::removal(order),
        Cond::Reborn => node_run::reborn(order),
    }
}

impl Cond {
    /// SIGSTOP rather than SIGKILL.
    fn hangs(self) -> bool {
        match self {
            Cond::ClusterHang | Cond::SentinelHang => true,
            Cond::ClusterCrash | Cond::SentinelCrash => false,
            Cond::NoReplicas | Cond::Busy | Cond::Removal | Cond::Reborn => false,
        }
    }

    fn fault(self) -> &'static str {
        if self.hangs() { "hang" } else { "crash" }
    }
}
