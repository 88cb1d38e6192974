//! The measurements that the model is held against, as the laboratory wrote them.
//!
//! Where they come from, and what their columns mean: `models/failover/lab/README.md`. C, P
//! and S were there when the model was built; X were measured afterwards, and nothing was fitted to
//! them.

/// One file of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The file's name.
    pub file: &'static str,
    /// What it holds: CSV, one row for each run.
    pub text: &'static str,
}

const fn file(file: &'static str, text: &'static str) -> Measured {
    Measured { file, text }
}

/// All failover conditions.
pub const MEASURED: [Measured; 16] = [
    file(
        "C1_cluster_crash.csv",
        include_str!("../../lab/C1_cluster_crash.csv"),
    ),
    file(
        "C2_cluster_hang.csv",
        include_str!("../../lab/C2_cluster_hang.csv"),
    ),
    file(
        "C3_cluster_crash_2_replicas.csv",
        include_str!("../../lab/C3_cluster_crash_2_replicas.csv"),
    ),
    file(
        "C6_cluster_crash_no_replica.csv",
        include_str!("../../lab/C6_cluster_crash_no_replica.csv"),
    ),
    file(
        "C7_cluster_short_hang.csv",
        include_str!("../../lab/C7_cluster_short_hang.csv"),
    ),
    file(
        "P1_cluster_crash_debuglog_pfail.csv",
        include_str!("../../lab/P1_cluster_crash_debuglog_pfail.csv"),
    ),
    file(
        "P2_cluster_hang_debuglog_pfail.csv",
        include_str!("../../lab/P2_cluster_hang_debuglog_pfail.csv"),
    ),
    file(
        "S1_sentinel_crash.csv",
        include_str!("../../lab/S1_sentinel_crash.csv"),
    ),
    file(
        "S2_sentinel_hang.csv",
        include_str!("../../lab/S2_sentinel_hang.csv"),
    ),
    file(
        "S6_sentinel_crash_second_failover.csv",
        include_str!("../../lab/S6_sentinel_crash_second_failover.csv"),
    ),
    file(
        "X1_cluster_crash_5_masters.csv",
        include_str!("../../lab/X1_cluster_crash_5_masters.csv"),
    ),
    file(
        "X2_cluster_hang.csv",
        include_str!("../../lab/X2_cluster_hang.csv"),
    ),
    file(
        "X3_sentinel_crash_5_sentinels.csv",
        include_str!("../../lab/X3_sentinel_crash_5_sentinels.csv"),
    ),
    file(
        "X4_sentinel_hang_1_dead.csv",
        include_str!("../../lab/X4_sentinel_hang_1_dead.csv"),
    ),
    file(
        "X5_cluster_crash_again.csv",
        include_str!("../../lab/X5_cluster_crash_again.csv"),
    ),
    file(
        "X6_sentinel_crash_again.csv",
        include_str!("../../lab/X6_sentinel_crash_again.csv"),
    ),
];
