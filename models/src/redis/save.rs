//! When a background save begins, how it can end, and what a failed one does to clients.
//!
//! ```text
//! changes and seconds ──► fork ──► child writes ──► done             lastbgsave_status ok
//!                          │            ├──► disk full, child killed ──► err ──► -MISCONF
//!                          └──► no memory to promise ───────────────────► err ──► -MISCONF
//! ```
//!
//! A failed save is tried again after five seconds (server.c: serverCron), and the first one that
//! succeeds ends the refusals. Which process the kernel kills when a limit is reached while a child
//! lives is a matter of scores: child and parent map the same pages, so the parent, which has
//! copied some on top, scores higher; with `oom-score-adj` the child's score is raised by 800 and
//! it goes first (config.c). Left out: errors of the append-only file itself, and its fsync policy.

use sim::SimDuration;

use crate::spec::persistence::Overcommit;

/// Until a failed save is tried again: more than five whole seconds (server.h:
/// CONFIG_BGSAVE_RETRY_DELAY).
pub const RETRY: SimDuration = SimDuration::from_secs(6);

/// How long a write to the append-only file waits for an fsync that is at work before it blocks,
/// with `everysec` (aof.c: flushAppendOnlyFile).
pub const POSTPONED: SimDuration = SimDuration::from_secs(2);

/// Share of the memory that `Strict` promises (`vm.overcommit_ratio`, as Linux ships).
const STRICT_SHARE: f64 = 0.5;

/// Does `fork` succeed for a process of this size? Swap is taken to be as large as the memory.
pub fn fork_succeeds(overcommit: Overcommit, resident: f64, memory: f64, swap: bool) -> bool {
    let swap = if swap { memory } else { 0.0 };
    match overcommit {
        Overcommit::Always => true,
        Overcommit::Heuristic => resident <= memory - resident + swap,
        Overcommit::Strict => 2.0 * resident <= STRICT_SHARE * memory + swap,
    }
}

/// Which of the two the kernel kills at a limit while a child lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The child: the save has failed.
    Child,
    /// The server, and the child with it.
    Server,
}

/// The process with the higher score.
pub fn victim(oom_score_adj: bool) -> Victim {
    if oom_score_adj {
        Victim::Child
    } else {
        Victim::Server
    }
}

/// Between the end of a save and the next, by one save point at so many changes per second: both
/// the seconds and the changes must have come together.
pub fn save_point_due(after: SimDuration, changes: u64, rate: f64) -> SimDuration {
    // Whole seconds of the server's clock, exceeded.
    let seconds = after + SimDuration::from_secs(1);
    let dirty = SimDuration::from_secs_f64((changes as f64 / rate).min(FOREVER_S));
    seconds.max(dirty)
}

/// Between the end of a rewrite of the append-only file and the next: it must have grown by
/// `growth` of its base at so many bytes per second.
pub fn rewrite_due(base: f64, growth: f64, bytes_per_sec: f64) -> SimDuration {
    SimDuration::from_secs_f64((base * growth / bytes_per_sec).min(FOREVER_S))
}

/// A century: later than any horizon.
const FOREVER_S: f64 = 3.2e9;

/// The same, of a node that makes no saves.
pub const NEVER: SimDuration = SimDuration::from_secs(3_200_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_waits_for_its_seconds_and_its_changes() {
        let minute = SimDuration::from_secs(60);
        assert_eq!(
            save_point_due(minute, 10_000, 1_000.0),
            SimDuration::from_secs(61)
        );
        assert_eq!(
            save_point_due(minute, 10_000, 10.0),
            SimDuration::from_secs(1000)
        );
        assert!(save_point_due(minute, 1, 0.0) > SimDuration::from_days(1000));
    }

    #[test]
    fn overcommit_decides_whether_a_full_node_can_fork() {
        let fits = |overcommit, resident| fork_succeeds(overcommit, resident, 100.0, false);
        assert!(fits(Overcommit::Always, 99.0));
        assert!(fits(Overcommit::Heuristic, 50.0) && !fits(Overcommit::Heuristic, 51.0));
        assert!(fits(Overcommit::Strict, 25.0) && !fits(Overcommit::Strict, 26.0));
    }
}
