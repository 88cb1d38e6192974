//! What a health check asks, with one file for each probe.
//!
//! ```text
//! health_check.probe --ProbeSpec::probe--> Probe --ask(Target)--> Reply --> passed, failed, silent
//! ```
//!
//! A probe knows only what comes back when it asks its [`Target`], as a real one does. To add one,
//! write its file, and name it below: its module, its variant and its arm.

mod info_memory;
mod ping;
mod read_canary;
mod role;
mod synthetic;
mod tcp;
#[cfg(test)]
mod tests;
mod write_canary;

use schemars::JsonSchema;
use serde::Deserialize;

use demand::answer::Cause;

use crate::findings::Findings;
use crate::redis::capability::Reply;
use crate::spec::SystemSpec;
#[cfg(test)]
use tests::{Given, REFUSED};

/// What is asked.
#[allow(missing_docs)] // each file says what its probe is
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ProbeSpec {
    Tcp(tcp::Params),
    Ping(ping::Params),
    Role(role::Params),
    InfoMemory(info_memory::Params),
    ReadCanary(read_canary::Params),
    WriteCanary(write_canary::Params),
    Synthetic(synthetic::Params),
}

impl ProbeSpec {
    /// What asks it.
    pub fn probe(&self) -> &dyn Probe {
        match self {
            ProbeSpec::Tcp(params) => params,
            ProbeSpec::Ping(params) => params,
            ProbeSpec::Role(params) => params,
            ProbeSpec::InfoMemory(params) => params,
            ProbeSpec::ReadCanary(params) => params,
            ProbeSpec::WriteCanary(params) => params,
            ProbeSpec::Synthetic(params) => params,
        }
    }
}

/// One kind of probe.
pub trait Probe {
    /// The name of its check in traces and charts.
    fn name(&self) -> &'static str;

    /// Who is asked.
    fn subjects(&self) -> Subjects<'_>;

    /// Asks a subject.
    fn ask(&self, target: &dyn Target) -> ProbeResult;

    /// The share of a node's memory limit at which its answer changes, if there is one.
    fn memory_threshold(&self) -> Option<f64> {
        None
    }

    /// What types cannot say about its keys, which stand at `key`.
    fn check(&self, _key: &str, _system: &SystemSpec, _found: &mut Findings) {}
}

/// Who is asked by a probe, each with a judge of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subjects<'a> {
    /// Every cluster: any of its nodes may answer.
    Clusters,
    /// The owner of every shard, as clients know it.
    Owners,
    /// The service of this name, in every cell.
    Service(&'a str),
}

/// One subject of a probe, as the network shows it.
pub trait Target {
    /// Is a connection accepted?
    fn connect(&self) -> Reply;
    /// What does PING bring?
    fn ping(&self) -> Reply;
    /// Can a known key be read?
    fn read(&self) -> Reply;
    /// Can a key be written?
    fn write(&self) -> Reply;
    /// Does a node that answers call itself a replica?
    fn is_replica(&self) -> bool;
    /// Used memory of a node that answers, over its limit.
    fn memory_share(&self) -> f64;
    /// Does a whole request go through a service?
    fn request(&self) -> Reply;
}

/// The result of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeResult {
    /// The expected answer.
    Passed,
    /// An unexpected answer.
    Failed,
    /// None.
    Silence,
}

impl From<Reply> for ProbeResult {
    fn from(reply: Reply) -> ProbeResult {
        match reply {
            Reply::Fine => ProbeResult::Passed,
            Reply::Error(_) => ProbeResult::Failed,
            Reply::Silence => ProbeResult::Silence,
        }
    }
}

impl ProbeResult {
    /// What a node says of itself passes or fails: also while it loads, when it refuses to serve
    /// keys and answers INFO and ROLE. One that is silent says nothing, and where the connection is
    /// refused nobody answers.
    fn of(answer: Reply, passes: impl Fn() -> bool) -> ProbeResult {
        match answer {
            Reply::Silence => ProbeResult::Silence,
            Reply::Error(Cause::Refused | Cause::MaxClients) => ProbeResult::Failed,
            Reply::Fine | Reply::Error(_) if passes() => ProbeResult::Passed,
            Reply::Fine | Reply::Error(_) => ProbeResult::Failed,
        }
    }
}
