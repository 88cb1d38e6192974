//! Moments of note, as data: what a replay compares with a public report, and alerts and people's
//! steps are measured by. The trace tells the same in sentences; nobody parses those.

use schemars::JsonSchema;
use serde::Serialize;
use sim::{SimDuration, SimTime};

use demand::Window;

/// Something happened to somebody at an instant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// When.
    pub at: SimTime,
    /// What.
    pub what: What,
    /// To whom: a node, a cluster, a service, an alert, an action, by its name in the scenario.
    pub whom: String,
}

/// What happened. The names are those that `[[replay.check]]` uses.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A fault of the scenario strikes; whom: its kind, such as `crash`.
    Fault,
    /// A node does not serve as it should any more; whom: the node, such as `shared shard 1 node a`
    /// (its cluster, shard and letter; `a` was the primary at the start). Again with each change of
    /// its trouble: killed, then loading; and at each fork that blocks it.
    NodeDown,
    /// A node is healthy again; whom: the node.
    NodeUp,
    /// A replica is promoted; whom: the node.
    Promoted,
    /// A promotion has not helped: the new primary has the same trouble; whom: the node.
    PromotionUseless,
    /// A full synchronisation begins; whom: the replica.
    SyncBegins,
    /// A full synchronisation is done; whom: the replica.
    SyncDone,
    /// A service ceases to capture or answer: no request that comes now can succeed; whom: the
    /// service. Errors that only some requests meet, or that come later from full queues, are
    /// `errors-begin`.
    ServiceDown,
    /// A service captures or answers again; whom: the service. Requests may still fail in queues
    /// that are full: see `errors-end`.
    ServiceUp,
    /// A request finds no free worker of the service for the first time; whom: the service. It is
    /// about workers, not about a client's pool of connections.
    PoolEmpty,
    /// The first minute in which at least one attempt in ten fails; whom: the service.
    ErrorsBegin,
    /// The first minute in which at least nine attempts in ten fail; whom: the service.
    ErrorsHigh,
    /// The minute after a run of minutes in which at least nine attempts in ten fail; whom: the
    /// service.
    ErrorsEase,
    /// The minute after a run of minutes in which at least one attempt in ten fails; whom: the
    /// service.
    ErrorsEnd,
    /// A service captures in its spool from now on; whom: the service.
    SpoolOpens,
    /// It writes to Redis again, and the replay of the spool begins; whom: the service.
    SpoolCloses,
    /// The last write of a spool is replayed; whom: the service.
    SpoolEmpty,
    /// The consumers of a queue are back at their pace; whom: the workload.
    BacklogDrains,
    /// The last job of a backlog is done; whom: the workload.
    BacklogDone,
    /// A health check's verdict is down; whom: the check, such as `ping check`, `write canary`.
    CheckDown,
    /// An alert rule fires, whether or not its page is heard; whom: the rule's name.
    AlertFires,
    /// Somebody is paged; whom: who or what paged.
    Paged,
    /// Somebody notices without a page; whom: `on call`.
    Noticed,
    /// Somebody is at work; whom: `on call`.
    Acknowledged,
    /// The cause is known and a step is chosen by it; whom: `on call`.
    CauseKnown,
    /// People begin a step of the runbook; whom: its action, such as `fail-over`.
    ActionBegins,
    /// New nodes exist, and the data is copied to them; whom: `on call`.
    CopyBegins,
    /// A step has taken effect; whom: its action.
    ActionDone,
    /// People hold it for over; whom: `on call`.
    StoodDown,
}

/// What a service's attempts show around an outage: its pool and its errors, minute by minute. A
/// minute in which nobody came says nothing.
pub fn observed(service: &str, window: &Window) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut add = |at: SimTime, what: What| {
        let whom = service.to_owned();
        moments.push(Moment { at, what, whom });
    };
    if let Some(at) = window.crowded_from {
        add(at, What::PoolEmpty);
    }
    let start = |minute: u64| SimTime::ZERO + SimDuration::from_mins(minute);
    for (least, begins, ends) in [
        (SOME, What::ErrorsBegin, What::ErrorsEnd),
        (MOST, What::ErrorsHigh, What::ErrorsEase),
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

impl What {
    /// The name in a scenario file and in results.
    pub const fn name(self) -> &'static str {
        match self {
            What::Fault => "fault",
            What::NodeDown => "node-down",
            What::NodeUp => "node-up",
            What::Promoted => "promoted",
            What::PromotionUseless => "promotion-useless",
            What::SyncBegins => "sync-begins",
            What::SyncDone => "sync-done",
            What::ServiceDown => "service-down",
            What::ServiceUp => "service-up",
            What::PoolEmpty => "pool-empty",
            What::ErrorsBegin => "errors-begin",
            What::ErrorsHigh => "errors-high",
            What::ErrorsEase => "errors-ease",
            What::ErrorsEnd => "errors-end",
            What::SpoolOpens => "spool-opens",
            What::SpoolCloses => "spool-closes",
            What::SpoolEmpty => "spool-empty",
            What::BacklogDrains => "backlog-drains",
            What::BacklogDone => "backlog-done",
            What::CheckDown => "check-down",
            What::AlertFires => "alert-fires",
            What::Paged => "paged",
            What::Noticed => "noticed",
            What::Acknowledged => "acknowledged",
            What::CauseKnown => "cause-known",
            What::ActionBegins => "action-begins",
            What::CopyBegins => "copy-begins",
            What::ActionDone => "action-done",
            What::StoodDown => "stood-down",
        }
    }
}
