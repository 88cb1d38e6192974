//! What a trial yields: one flat row, the downtime of each component, and, when asked for, the
//! story of the trial as spans (for the timeline) and lines (for the trace).

use serde::{Deserialize, Serialize};
use sim::{SimDuration, SimTime};

use crate::moment::Moment;
use demand::Window;
use demand::answer::Cause;

/// Failures at most this far apart belong to one incident, and a promotion counts as useless only
/// if its node hits the same trouble within this time (an assumption).
pub const SAME_INCIDENT: SimDuration = SimDuration::from_hours(1);

/// What a trial yields.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialResult {
    /// The row.
    pub outcome: TrialOutcome,
    /// Downtime by component of the status page.
    pub components: Vec<ComponentDowntime>,
    /// What became of each product's signers, `[signers]` first; empty if there is only one.
    pub products: Vec<ProductOutcome>,
    /// How far the failure of each cluster reached.
    pub blast: Vec<BlastMinutes>,
    /// When memory was full, and each outage.
    pub milestones: Milestones,
    /// Rows and marks; empty unless the story was asked for.
    pub timeline: Timeline,
    /// Moments of note, as data; likewise.
    pub moments: Vec<Moment>,
    /// What each population met around the outage, with the name of its service; likewise.
    pub windows: Vec<(String, Window)>,
    /// What it met in the stretch that was asked for (`RunOptions::watched`), likewise.
    pub watched: Vec<(String, Window)>,
    /// The connections of clients and subscribers at each node, by its name, from each change on;
    /// likewise.
    pub connections: Vec<(String, Vec<(SimTime, u64)>)>,
    /// Every change of state, message of note, verdict and human step; likewise.
    pub trace: Vec<(SimTime, String)>,
    /// Draws of the environment by name; likewise.
    pub draws: Vec<(String, String)>,
}

/// What capacity planning asks of a trial: when memory was full, and how long each outage was. Of
/// several cells, an outage of one is an outage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Milestones {
    /// When a node of a shard first had all the memory that it may have (it refuses writes, evicts
    /// keys, stalls in swap, or is killed), by the shard's name; not the shards that never had.
    pub full: Vec<(String, SimTime)>,
    /// Spans in which no request to the signers' service could succeed, or most failed in an
    /// overload.
    pub unavailable: Vec<(SimTime, SimTime)>,
    /// Spans of minutes in which more of the signers' first requests failed than the objective
    /// allows.
    pub degraded: Vec<(SimTime, SimTime)>,
    /// Keys that were evicted although they have no TTL and belong to no cache and no session.
    pub stored_evicted: u64,
}

/// One trial of one design: the row of `outcomes.csv`. Times in seconds, `None` where undefined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialOutcome {
    /// Signers who arrived to accept within the horizon, each counted once.
    pub visits: u64,
    /// Visits captured by the first press.
    pub captured_first_try: u64,
    /// Visits captured by a later press of the same visit.
    pub captured_after_retry: u64,
    /// Visits blocked at first and captured by a return visit.
    pub captured_on_return: u64,
    /// Visits captured by the service's durable spool.
    pub spooled: u64,
    /// Visits that ended without a capture and without a further return.
    pub abandoned: u64,
    /// Visits still unresolved at the horizon: a return lies ahead.
    pub still_pending: u64,
    /// Visits whose first visit ended without a capture.
    pub blocked: u64,
    /// Blocked and not captured before the horizon: abandoned + still pending. The headline.
    pub lost: u64,
    /// Attempts that failed, over all causes.
    pub failed_attempts: u64,
    /// Attempts that failed, by cause, in the order of [`Cause::ALL`].
    pub failed: [u64; Cause::ALL.len()],
    /// Captures that were acknowledged and then lost by asynchronous replication.
    pub acked_lost: u64,
    /// Captures written more than once: an attempt that seemed to fail was executed all the same.
    pub captured_twice: u64,
    /// Time in which no acceptance of `[signers]` could be captured, without pauses under a second,
    /// and minutes of overload in which most requests failed; over cells the mean, which is what
    /// one tenant sees.
    pub downtime_true_s: f64,
    /// Whole minutes whose error ratio exceeds the objective, as seconds; likewise.
    pub downtime_observed_s: f64,
    /// From the start of the longest incident to the first page or automatic action for it, 0 if
    /// that came before; `None` if there was neither.
    pub detect_s: Option<f64>,
    /// From the start of the longest incident to its end; `None` without one or if it never ended.
    pub recover_s: Option<f64>,
    /// From the closing of a spool with something in it until all of it was replayed, or the trial
    /// ended: the longest over all services; `None` if no spool took anything.
    pub spool_replay_s: Option<f64>,
    /// Writes in spools at the end of the trial, those of callers too: captured, not yet in Redis.
    pub spool_left: u64,
    /// Promotions of a replica, by whatever agent.
    pub failovers: u64,
    /// Promotions after which the promoted node failed from the same cause.
    pub useless_failovers: u64,
    /// Promotions that were not needed: the old primary was able to serve writes, or went on by
    /// itself before any client had left it.
    pub false_failovers: u64,
    /// Keys that were evicted, over all clusters.
    pub evicted_keys: u64,
    /// Sessions that were evicted, or lost by a flush or a restart without data: users who were
    /// signed out, each counted once.
    pub signed_out: u64,
    /// Keys that were stored and are lost: processes did not find them on their disks, or they were
    /// flushed by mistake. New values of keys that are still there, copies in caches, jobs, keys
    /// that were evicted, and keys that people delete on purpose do not count.
    pub stored_lost: u64,
    /// Jobs that waited in a queue and are lost, in the same ways or with keys that people delete.
    pub jobs_lost: u64,
    /// Share of requests to a cache that find their key at the end of the trial, for the cache that
    /// has lost most; `None` without a cache. Where a need can miss (`misses`), its hit rate
    /// counts, as warm as the cache is then; elsewhere only what was evicted is missing.
    pub cache_hit_rate: Option<f64>,
    /// Fleet, checks, spool and scaling, averaged over the horizon, in US dollars per 730-hour
    /// month.
    pub cost_per_month_usd: f64,
}

impl TrialOutcome {
    /// Panics unless the classes of visits add up: `design` of the counting, checked in every row.
    pub fn assert_adds_up(&self) {
        let classes = self.captured_first_try
            + self.captured_after_retry
            + self.captured_on_return
            + self.spooled
            + self.abandoned
            + self.still_pending;
        assert_eq!(
            self.visits, classes,
            "every visit ends in exactly one class"
        );
        assert_eq!(
            self.lost,
            self.abandoned + self.still_pending,
            "lost = abandoned + pending"
        );
        assert_eq!(
            self.failed_attempts,
            self.failed.iter().sum::<u64>(),
            "every failure has a cause"
        );
    }
}

/// Downtime of one component of the status page in one trial, in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComponentDowntime {
    /// The component's name on the status page.
    pub component: String,
    /// Time in which no request to it could have succeeded, and minutes of overload in which most
    /// failed; over cells the mean.
    pub downtime_true_s: f64,
}

/// What became of the signers of one product in one trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProductOutcome {
    /// The product's name.
    pub product: String,
    /// Signers who arrived, each counted once.
    pub visits: u64,
    /// Visits whose first visit ended without a capture.
    pub blocked: u64,
    /// Blocked and not captured before the horizon.
    pub lost: u64,
    /// Captures that were acknowledged and then lost.
    pub acked_lost: u64,
    /// Time in which its service could not have captured, and minutes of overload in which most
    /// requests failed; over cells the mean.
    pub downtime_true_s: f64,
    /// Whole minutes whose error ratio exceeds its objective, as seconds; likewise.
    pub downtime_observed_s: f64,
}

/// How long one cluster's failure kept one service or component down in one trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlastMinutes {
    /// The cluster that failed.
    pub cluster: String,
    /// What was down.
    pub reached: Reached,
    /// Its name.
    pub name: String,
    /// Time in which it was down while the cluster failed it, in minutes, times the part of its
    /// tenants that the cluster has. Two clusters that fail at once both count.
    pub down_min: f64,
}

/// What a cluster's failure can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// A service.
    Service,
    /// A component of the status page.
    Component,
}

/// The kinds of rows of a timeline, from the inside out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowGroup {
    /// What each node and cluster can really do.
    Truth,
    /// What each observer believes.
    Observers,
    /// What people do.
    People,
    /// What services answer.
    Services,
}

/// How a span of a timeline should read at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Works, or is believed to work.
    Good,
    /// Works partly, or is suspected.
    Doubtful,
    /// Does not work, or is believed not to.
    Bad,
    /// Somebody or something is at work on it.
    Busy,
    /// Does not exist or takes no part.
    Idle,
}

/// One span of one row: from `from` on, until the row's next span.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// When it began.
    pub from: SimTime,
    /// The state in a few words.
    pub state: String,
    /// How it should read.
    pub tone: Tone,
}

/// One row of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimelineRow {
    /// The group that it belongs to.
    pub group: RowGroup,
    /// Who or what it is about.
    pub label: String,
    /// Its spans, in time order.
    pub spans: Vec<Span>,
}

/// One instant worth a mark: a promotion, a page, a verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mark {
    /// When.
    pub at: SimTime,
    /// The label of the row it belongs to.
    pub row: String,
    /// What happened, in a few words.
    pub label: String,
}

/// The story of one trial as rows of spans and marks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timeline {
    /// Rows in the order in which they should be drawn.
    pub rows: Vec<TimelineRow>,
    /// Marks in time order.
    pub marks: Vec<Mark>,
    /// Per minute since the start: (minute, presses that succeeded, presses that failed).
    pub minutes: Vec<(u64, u64, u64)>,
}
