//! Everything that can happen, one variant per component.

mod looks;
mod timers;

use sim::{Agenda, SimTime};

use crate::ids::{AlertId, CheckId, ClusterId, ServiceId};
use crate::ledger::Ledger;
pub use looks::{Grid, Looks};
pub use timers::{
    AlertTimer, BalancerTimer, Blocked, CheckTimer, ClusterTimer, CopyStep, Fragmenting,
    PeopleTimer, ReadinessTurn, Rolling, ScalerTimer, ServersTimer,
};

/// An event of the world.
#[derive(Clone, Debug)]
pub enum Event {
    /// For a cluster.
    Cluster(ClusterId, ClusterTimer),
    /// For a health check.
    Check(CheckId, CheckTimer),
    /// For an alert rule.
    Alert(AlertId, AlertTimer),
    /// For the autoscaler.
    Scaler(ClusterId, ScalerTimer),
    /// The metrics of some service show something else: an overload, slow requests, other traffic
    /// or a warmer cache.
    Metrics,
    /// For the load balancer of a service.
    Balancer(ServiceId, BalancerTimer),
    /// For the autoscaler of a service's servers.
    Servers(ServiceId, ServersTimer),
    /// For the people.
    People(PeopleTimer),
    /// A rolling restart of servers goes on.
    Rolls(Rolling),
    /// A fault strikes.
    Fault(usize),
}

/// All that a component may do besides changing itself.
pub struct Cx<'a> {
    /// The present.
    pub now: SimTime,
    /// The end of the trial.
    pub end: SimTime,
    /// What will happen.
    pub agenda: &'a mut Agenda<Event>,
    /// What has happened, for the record.
    pub ledger: &'a mut Ledger,
}

impl<'a> Cx<'a> {
    /// What a component may do at the agenda's present.
    pub fn new(end: SimTime, agenda: &'a mut Agenda<Event>, ledger: &'a mut Ledger) -> Cx<'a> {
        Cx {
            now: agenda.now(),
            end,
            agenda,
            ledger,
        }
    }
}
