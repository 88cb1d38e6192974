//! Moments of note, as data: what a replay compares with a public report, and alerts and people's
//! steps are measured by. The trace tells the same in sentences; nobody parses those.

use serde::Serialize;
use sim::SimTime;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A fault of the scenario strikes; whom: its kind.
    Fault,
    /// A node does not serve as it should any more; whom: the node.
    NodeDown,
    /// A node is healthy again; whom: the node.
    NodeUp,
    /// A replica is promoted; whom: the node.
    Promoted,
    /// A promotion has not helped; whom: the node.
    PromotionUseless,
    /// A full synchronisation begins; whom: the replica.
    SyncBegins,
    /// A full synchronisation is done; whom: the replica.
    SyncDone,
    /// A service ceases to capture or answer; whom: the service.
    ServiceDown,
    /// A service captures or answers again; whom: the service.
    ServiceUp,
    /// A health check's verdict is down; whom: the check.
    CheckDown,
    /// An alert rule fires; whom: the rule.
    AlertFires,
    /// Somebody is paged; whom: who or what paged.
    Paged,
    /// Somebody notices without a page; whom: on call.
    Noticed,
    /// Somebody is at work; whom: on call.
    Acknowledged,
    /// The cause is known; whom: on call.
    CauseKnown,
    /// People begin an action; whom: the action.
    ActionBegins,
    /// An action has taken effect; whom: the action.
    ActionDone,
    /// People hold it for over; whom: on call.
    StoodDown,
}

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
            What::CheckDown => "check-down",
            What::AlertFires => "alert-fires",
            What::Paged => "paged",
            What::Noticed => "noticed",
            What::Acknowledged => "acknowledged",
            What::CauseKnown => "cause-known",
            What::ActionBegins => "action-begins",
            What::ActionDone => "action-done",
            What::StoodDown => "stood-down",
        }
    }
}
