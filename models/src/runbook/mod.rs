//! The runbook: the steps that people take in an outage, with one file for each action.
//!
//! | action | begins | takes effect after `takes` | and is done |
//! | --- | --- | --- | --- |
//! | resize, rebuild | new nodes are ordered | they exist, empty | when they have taken over |
//! | restart-nodes | | processes are killed | when they have read their data, or died of it |
//! | all others | | at once | at once |
//!
//! An action does its work on the [`Site`]; nothing knows whether it is wise. To add one, write its
//! file, and name it below: its module, its variant and its arm.

mod add_shards;
mod delete_keys;
mod fail_over;
mod raise_maxclients;
mod raise_maxmemory;
mod raise_output_limit;
mod rebalance;
mod rebuild;
mod repair_disk;
mod resize;
mod restart_nodes;
mod restart_servers;
mod restore_consumers;
mod scale_servers;
mod scale_store;
mod shed_load;
mod site;
mod stop_growth;
mod stop_retries;
#[cfg(test)]
mod tests;
mod wait;

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;
use sim::dist::Dist;
use sim::quantity::{Factor, PerSec, Probability};

use crate::cluster::Cluster;
use crate::event::Cx;
use crate::findings::Findings;
use crate::ids::ClusterId;
use crate::spec::SystemSpec;
use demand::Control;
pub use site::{PendingOperation, Site};
#[cfg(test)]
use tests::{Bench, took, took_well, wrong};

/// One step of the runbook: `[[people.runbook]]`. After it people look whether it has helped, and
/// go on to the next step if it has not.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// What is done.
    pub action: RemedySpec,
    /// From the start of the action until it takes effect. For `resize` and `rebuild`: until the
    /// new nodes exist, empty; the copy of the data comes on top, and follows from sizes and
    /// throughput.
    pub takes: Dist,
    /// Time to decide on it before it begins; absent: none.
    pub decide: Option<Dist>,
    /// When it begins at the earliest, counted from minute 0 of a report such as `"43min"`, for
    /// `[replay.scripted.people]` (`people.reported` says more); absent: when its turn has come.
    pub begins_at: Option<SimDuration>,
    /// Probability, drawn once an incident, that it is tried at all; absent: always.
    pub chance: Option<Probability>,
    /// Conditions that must all hold when its turn comes, otherwise it is skipped; absent: none.
    #[serde(default)]
    pub when: Vec<WhenSpec>,
    /// If it has not helped, people look for the cause again (`people.diagnose`) before they go on;
    /// absent: no, they go on at once.
    #[serde(default)]
    pub diagnose_after: bool,
    /// It belongs to the step before it: it is taken even if that one has helped, after the look
    /// whether it has. Its conditions must hold then. Absent: no, it is taken only if services
    /// still fail.
    #[serde(default)]
    pub follows_up: bool,
}

/// A condition of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenSpec {
    /// No page has named the node or the resource.
    Unnamed,
    /// A page has named the node or the resource.
    Named,
    /// A service fails, because of Redis or because it is overloaded.
    Failing,
    /// A service is overloaded: requests fail and Redis is not the cause. It shows about a minute
    /// after it has begun.
    Overloaded,
    /// A rule on latency has paged, and a service still takes as long as one counts.
    Slow,
    /// No service fails (yet, or any more).
    NotFailing,
    /// Some shard's memory is at or above `people.memory_high`. With eviction a full shard stays
    /// so.
    MemoryHigh,
    /// The owner of some shard does not run, and its memory is below `people.memory_high`.
    NodeGone,
}

/// What can be done. Each does its work on the model; nothing knows whether it is wise.
#[allow(missing_docs)] // each file says what its action is
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RemedySpec {
    RestartServers(restart_servers::Params),
    RestartNodes(restart_nodes::Params),
    FailOver(fail_over::Params),
    RaiseMaxclients(raise_maxclients::Params),
    RaiseMaxmemory(raise_maxmemory::Params),
    RaiseOutputLimit(raise_output_limit::Params),
    DeleteKeys(delete_keys::Params),
    StopGrowth(stop_growth::Params),
    Resize(resize::Params),
    Rebuild(rebuild::Params),
    Rebalance(rebalance::Params),
    AddShards(add_shards::Params),
    RepairDisk(repair_disk::Params),
    ShedLoad(shed_load::Params),
    ScaleServers(scale_servers::Params),
    ScaleStore(scale_store::Params),
    RestoreConsumers(restore_consumers::Params),
    StopRetries(stop_retries::Params),
    Wait(wait::Params),
}

impl RemedySpec {
    /// What does it.
    pub fn remedy(&self) -> &dyn Remedy {
        match self {
            RemedySpec::RestartServers(params) => params,
            RemedySpec::RestartNodes(params) => params,
            RemedySpec::FailOver(params) => params,
            RemedySpec::RaiseMaxclients(params) => params,
            RemedySpec::RaiseMaxmemory(params) => params,
            RemedySpec::RaiseOutputLimit(params) => params,
            RemedySpec::DeleteKeys(params) => params,
            RemedySpec::StopGrowth(params) => params,
            RemedySpec::Resize(params) => params,
            RemedySpec::Rebuild(params) => params,
            RemedySpec::Rebalance(params) => params,
            RemedySpec::AddShards(params) => params,
            RemedySpec::RepairDisk(params) => params,
            RemedySpec::ShedLoad(params) => params,
            RemedySpec::ScaleServers(params) => params,
            RemedySpec::ScaleStore(params) => params,
            RemedySpec::RestoreConsumers(params) => params,
            RemedySpec::StopRetries(params) => params,
            RemedySpec::Wait(params) => params,
        }
    }
}

/// One kind of action.
pub trait Remedy {
    /// How it is known.
    fn about(&self) -> About;

    /// People begin it; it takes effect after `takes`.
    fn begin(&self, _site: &mut Site, _takes: SimDuration) -> Begun {
        Begun::Nothing
    }

    /// The service whose handling of requests it changes, and the change; `None` if it changes no
    /// service in this way.
    fn control(&self) -> Option<(&str, Control)> {
        None
    }

    /// It takes effect: if it does not say otherwise, its [`Remedy::control`] is applied. It is
    /// done as soon as nothing that it has left with the site is pending.
    fn take_effect(&self, site: &mut Site) -> Effect {
        match self.control() {
            Some((service, control)) => site.control(service, control),
            None => Effect::Changed(Vec::new()),
        }
    }

    /// Does it restart processes one after the other, so that each has its own connections?
    fn rolls(&self) -> bool {
        false
    }

    /// How many times `maxmemory` it raises it to, if it does.
    fn maxmemory(&self) -> Option<Factor> {
        None
    }

    /// Does it bring up larger nodes?
    fn enlarges_nodes(&self) -> bool {
        false
    }

    /// Does it move slots from shard to shard?
    fn moves_slots(&self) -> bool {
        false
    }

    /// How many shards a cluster has after it, if it adds any.
    fn shards_to(&self) -> Option<u16> {
        None
    }

    /// Does it restart nodes, whose data may be gone then?
    fn restarts_nodes(&self) -> bool {
        false
    }

    /// Does it concern services that fail, and no others?
    fn only_failing(&self) -> bool {
        false
    }

    /// What types cannot say about its keys, which stand at `key`.
    fn check(&self, _key: &str, _system: &SystemSpec, _found: &mut Findings) {}
}

/// A step that raises a limit to so many times the present one, its factor at `key`.
fn check_raise(found: &mut Findings, key: &str, to: Factor) {
    found.unless(
        to.get() > 1.0,
        format!("{key}.to"),
        "the limit would not be higher",
        "give a factor above 1x",
    );
}

/// Slots move only where there are some, and at a rate above 0.
fn check_slots(found: &mut Findings, key: &str, rate: Option<PerSec>, system: &SystemSpec) {
    found.unless(
        rate.is_none_or(|rate| rate.get() > 0.0),
        format!("{key}.rate"),
        "nothing would ever be moved",
        "give a rate above 0/s, or none",
    );
    found.unless(
        system.failover.has_slots(),
        key.to_owned(),
        "only Redis Cluster has slots that move from shard to shard",
        "write failover.kind = \"cluster-bus\" or \"managed\", or leave this step out",
    );
}

/// How an action is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name in a scenario.
    pub name: &'static str,
    /// What people at it are seen doing.
    pub doing: &'static str,
    /// A number for its draws, the same in every design. Never reuse one.
    pub number: u64,
}

impl About {
    const fn new(name: &'static str, doing: &'static str, number: u64) -> About {
        About {
            name,
            doing,
            number,
        }
    }
}

/// What the beginning of an action has set off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nothing before it takes effect.
    Nothing,
    /// New nodes, for every cluster that needs some; if none does, the action is done.
    Nodes,
}

/// What an action does when it takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// These clusters may answer differently now.
    Changed(Vec<ClusterId>),
    /// The nodes that were ordered exist, and their data is being copied.
    Copying,
}
