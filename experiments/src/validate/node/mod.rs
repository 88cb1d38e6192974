//! What one node does, beside a world of one shard.
//!
//! ```text
//! CSV, one row a run ─ read.rs ─► groups of one deed ─┐
//!                 deed ─ world.rs, in parallel ─► runs ┴ lines
//! ```
//!
//! Which deed a file is about follows from its columns; `models/lab/README.md` says how those that
//! are built in were measured. What the model has no rule for is shown, and compared with nothing.

mod read;
mod world;

pub use read::Group;
pub(super) use read::{is_of_nodes, take_in};
pub use world::{Simulated, simulate};

use sim::SimDuration;

use super::judge::{Figures, Line, Quantity};
use super::simulate::Order;
use crate::error::Error;
use crate::progress::Bar;
use crate::stats::kolmogorov::two_sample;

/// The built-in measurements: the file's name, and what it holds.
pub const MEASURED: [(&str, &str); 6] = [
    (
        "N1_min_replicas.csv",
        include_str!("../../../../models/lab/N1_min_replicas.csv"),
    ),
    (
        "N2_busy_script.csv",
        include_str!("../../../../models/lab/N2_busy_script.csv"),
    ),
    (
        "N3_removal.csv",
        include_str!("../../../../models/lab/N3_removal.csv"),
    ),
    (
        "N4_reborn_primary.csv",
        include_str!("../../../../models/lab/N4_reborn_primary.csv"),
    ),
    (
        "N5_reborn_one_replica.csv",
        include_str!("../../../../models/lab/N5_reborn_one_replica.csv"),
    ),
    (
        "N6_eviction.csv",
        include_str!("../../../../models/lab/N6_eviction.csv"),
    ),
];

/// What is set up, and done to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// The only replica of a primary with `min-replicas-to-write 1` stops.
    Silence {
        /// `min-replicas-max-lag`.
        max_lag: SimDuration,
    },
    /// A script that does not end.
    Script {
        /// `busy-reply-threshold`.
        threshold: SimDuration,
    },
    /// One command takes keys away.
    Removal {
        /// Which command.
        how: Removal,
        /// The type of the keys' values, for people.
        content: String,
        /// How many keys.
        keys: u32,
        /// Members of each.
        members: u32,
    },
    /// A primary without persistence, watched by three Sentinels, is killed and started again.
    Rebirth {
        /// How long it is away.
        restart_after: SimDuration,
        /// Replicas that it has.
        replicas: u16,
        /// Keys that it had.
        keys: u32,
        /// `repl-diskless-sync-delay`.
        sync_delay: SimDuration,
        /// `down-after-milliseconds`.
        down_after: SimDuration,
    },
}

/// A command that takes keys away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// `DEL` of one key.
    Del,
    /// The same with `lazyfree-lazy-user-del yes`.
    LazyDel,
    /// `UNLINK` of one key.
    Unlink,
    /// `FLUSHALL SYNC`.
    Flush,
    /// `FLUSHALL ASYNC`.
    FlushAsync,
    /// `CONFIG SET maxmemory` under `allkeys-lru`.
    EvictOldest,
    /// `CONFIG SET maxmemory` under `allkeys-random`.
    EvictAny,
}

impl Deed {
    /// Has the model a rule for how long it takes? The deletion of one large key is a fault
    /// `slow-command` there, whose length the scenario gives.
    pub fn has_rule(&self) -> bool {
        match self {
            Deed::Removal { how, .. } => matches!(how, Removal::Flush | Removal::FlushAsync),
            Deed::Silence { .. } | Deed::Script { .. } | Deed::Rebirth { .. } => true,
        }
    }

    fn quantity(&self) -> Quantity {
        match self {
            Deed::Silence { .. } => Quantity::NoReplicas,
            Deed::Script { .. } => Quantity::Busy,
            Deed::Removal { .. } => Quantity::Removed,
            Deed::Rebirth { .. } => Quantity::Emptied,
        }
    }

    /// Why the model is known to miss.
    fn known(&self) -> Option<&'static str> {
        match self {
            Deed::Removal {
                how: Removal::Flush,
                members: 2..,
                ..
            } => Some("the members of a value do not count in the model, only keys"),
            _ => None,
        }
    }
}

/// Compares every group with a world.
///
/// # Errors
/// If a world cannot be simulated.
pub fn lines(groups: &[Group], order: Order, bar: &mut Bar) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for group in groups {
        let simulated = match group.deed.has_rule() {
            true => Some(simulate(&group.deed, order)?),
            false => None,
        };
        lines.extend(compare(group, simulated.as_ref()));
        bar.show(&group.words);
    }
    Ok(lines)
}

fn compare(group: &Group, simulated: Option<&Simulated>) -> Vec<Line> {
    let nothing = Figures {
        n: 0,
        runs: 0,
        median: None,
        p95: None,
    };
    let line = |quantity, measured, simulated| Line {
        setting: group.words.clone(),
        quantity,
        measured,
        simulated,
        test: None,
        share_p: None,
        known: None,
    };
    let measured = Figures::of(&group.seconds, group.runs);
    let Some(runs) = simulated else {
        return vec![line(group.deed.quantity(), measured, nothing)];
    };
    let time = Line {
        test: two_sample(&group.seconds, &runs.seconds),
        known: group.deed.known(),
        ..line(
            group.deed.quantity(),
            measured,
            Figures::of(&runs.seconds, runs.runs),
        )
    };
    let shares = [
        (Quantity::KeptShare, &group.kept, &runs.kept),
        (Quantity::FailoverShare, &group.promoted, &runs.promoted),
    ];
    let shares = shares.into_iter().filter(|(_, real, _)| !real.is_empty());
    let shares = shares.map(|(quantity, real, simulated)| {
        line(quantity, Figures::mean(real), Figures::mean(simulated))
    });
    std::iter::once(time).chain(shares).collect()
}
