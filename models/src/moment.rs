//! Moments of note, as data: what a replay compares with a public report, and alerts and people's
//! steps are measured by. The trace says the same in sentences, which nothing parses.

use schemars::JsonSchema;
use serde::Serialize;
use sim::{SimDuration, SimTime};

use demand::Window;

/// An event of note at an instant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// When.
    pub at: SimTime,
    /// What.
    pub kind: MomentKind,
    /// Its subject: a node, a cluster, a service, an alert or an action, by its name in the
    /// scenario.
    pub subject: String,
}

/// What happened. The names are those that `[[replay.check]]` uses.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum MomentKind {
    /// A fault of the scenario strikes; subject: its kind, such as `crash`.
    Fault,
    /// A node no longer serves as it should; subject: the node, such as `shared shard 1 node a`
    /// (its cluster, shard and letter; `a` was the primary at the start). It happens again with
    /// each change of condition (killed, then loading) and with each fork that blocks the node.
    NodeDown,
    /// A node is healthy again; subject: the node.
    NodeUp,
    /// A replica is promoted; subject: the node.
    Promoted,
    /// A promotion did not help: the new primary has the same trouble; subject: the node.
    PromotionUseless,
    /// Clients switch to a shard's new owner, one moment for each view; subject: the node.
    ClientsSwitch,
    /// A full resync begins; subject: the replica.
    SyncBegins,
    /// A full resync is done; subject: the replica.
    SyncDone,
    /// At least half of a service's new requests fail; subject: the service. Later errors from full
    /// queues are `errors-begin`.
    ServiceDown,
    /// More requests fail than `signers.objective` allows, but less than half; subject: the
    /// service.
    ServiceDegraded,
    /// The share of failing requests is within `signers.objective` again; subject: the service.
    /// Requests may still fail in full queues: see `errors-end`.
    ServiceUp,
    /// A request finds no free worker of the service for the first time; subject: the service. It
    /// is about workers, not about a client's pool of connections.
    PoolEmpty,
    /// The first minute in which at least 10 % of attempts fail; subject: the service.
    ErrorsBegin,
    /// The first minute in which at least 90 % of attempts fail; subject: the service.
    ErrorsHigh,
    /// The minute after a run of minutes in which at least 90 % of attempts fail; subject: the
    /// service.
    ErrorsEase,
    /// The minute after a run of minutes in which at least 10 % of attempts fail; subject: the
    /// service.
    ErrorsEnd,
    /// A service captures in its spool from now on; subject: the service.
    SpoolOpens,
    /// It writes to Redis again, and the replay of the spool begins; subject: the service.
    SpoolCloses,
    /// The last write of a spool is replayed; subject: the service.
    SpoolEmpty,
    /// The consumers of a queue are back at full speed; subject: the workload.
    BacklogDrains,
    /// The last job of a backlog is worked off; subject: the workload.
    BacklogDone,
    /// A health check's verdict is down; subject: the check, such as `ping check`, `write canary`.
    CheckDown,
    /// An alert rule fires, whether or not its page reaches anybody; subject: the rule's name.
    AlertFires,
    /// Somebody is paged; subject: who or what paged.
    Paged,
    /// Somebody notices without a page; subject: `on call`.
    Noticed,
    /// Somebody has started to work on it; subject: `on call`.
    Acknowledged,
    /// The cause is known and a step is chosen by it; subject: `on call`.
    CauseKnown,
    /// People begin a step of the runbook; subject: its action, such as `fail-over`.
    ActionBegins,
    /// New nodes exist, and the data is copied to them; subject: `on call`.
    CopyBegins,
    /// A step has taken effect; subject: its action.
    ActionDone,
    /// People consider it over; subject: `on call`.
    StoodDown,
}

/// What a service's attempts show around an outage: its pool and its errors, minute by minute. A
/// minute in which nobody came says nothing.
pub fn observed(service: &str, window: &Window) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut add = |at: SimTime, kind: MomentKind| {
        let subject = service.to_owned();
        moments.push(Moment { at, kind, subject });
    };
    if let Some(at) = window.crowded_from {
        add(at, MomentKind::PoolEmpty);
    }
    let start = |minute: u64| SimTime::ZERO + SimDuration::from_mins(minute);
    for (least, begins, ends) in [
        (SOME, MomentKind::ErrorsBegin, MomentKind::ErrorsEnd),
        (MOST, MomentKind::ErrorsHigh, MomentKind::ErrorsEase),
    ] {
        let mut failing = false;
        for minute in window
            .all
            .iter()
            .filter(|minute| minute.ok + minute.failed > 0)
        {
            let share = minute.failed as f64 / (minute.ok + minute.failed) as f64;
            if (share >= least) != failing {
                failing = !failing;
                add(start(minute.minute), if failing { begins } else { ends });
            }
        }
    }
    moments
}

/// Do so many attempts fail in the last minute in which anybody came that it is noticed?
pub fn fails_to_the_end(window: &Window) -> bool {
    let mut minutes = window.all.iter().rev();
    let last = minutes.find(|minute| minute.ok + minute.failed > 0);
    last.is_some_and(|minute| minute.failed as f64 >= SOME * (minute.ok + minute.failed) as f64)
}

/// A share of failing attempts that is noticed.
const SOME: f64 = 0.1;
/// A share of failing attempts that leaves next to nothing.
const MOST: f64 = 0.9;

impl MomentKind {
    /// The name in a scenario file and in results.
    pub const fn name(self) -> &'static str {
        match self {
            MomentKind::Fault => "fault",
            MomentKind::NodeDown => "node-down",
            MomentKind::NodeUp => "node-up",
            MomentKind::Promoted => "promoted",
            MomentKind::PromotionUseless => "promotion-useless",
            MomentKind::ClientsSwitch => "clients-switch",
            MomentKind::SyncBegins => "sync-begins",
            MomentKind::SyncDone => "sync-done",
            MomentKind::ServiceDown => "service-down",
            MomentKind::ServiceDegraded => "service-degraded",
            MomentKind::ServiceUp => "service-up",
            MomentKind::PoolEmpty => "pool-empty",
            MomentKind::ErrorsBegin => "errors-begin",
            MomentKind::ErrorsHigh => "errors-high",
            MomentKind::ErrorsEase => "errors-ease",
            MomentKind::ErrorsEnd => "errors-end",
            MomentKind::SpoolOpens => "spool-opens",
            MomentKind::SpoolCloses => "spool-closes",
            MomentKind::SpoolEmpty => "spool-empty",
            MomentKind::BacklogDrains => "backlog-drains",
            MomentKind::BacklogDone => "backlog-done",
            MomentKind::CheckDown => "check-down",
            MomentKind::AlertFires => "alert-fires",
            MomentKind::Paged => "paged",
            MomentKind::Noticed => "noticed",
            MomentKind::Acknowledged => "acknowledged",
            MomentKind::CauseKnown => "cause-known",
            MomentKind::ActionBegins => "action-begins",
            MomentKind::CopyBegins => "copy-begins",
            MomentKind::ActionDone => "action-done",
            MomentKind::StoodDown => "stood-down",
        }
    }
}
