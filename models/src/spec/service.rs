//! APIs, what they need of Redis, and the components of the status page.

use serde::Deserialize;
use sim::SimDuration;

use crate::answer::Cause;

/// One API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// Its name.
    pub name: String,
    /// Requests that it works on at the same time.
    pub workers: u32,
    /// Requests that may wait for a worker.
    pub queue_limit: u32,
    /// The gateway answers 504 when a request has taken this long.
    pub gateway_timeout: SimDuration,
    /// Time that a request takes when Redis answers.
    pub service_time: SimDuration,
    /// The workloads without which it cannot answer.
    pub needs: Vec<NeedSpec>,
    /// Does it wait for replicas after a write? Absent: it does not.
    pub wait: Option<WaitSpec>,
    /// Its Redis client.
    pub client: ClientSpec,
}

/// `WAIT` after every write: the service goes on when so many replicas have acknowledged it, or
/// after the timeout (replication.c: waitCommand).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitSpec {
    /// Replicas that must acknowledge.
    pub replicas: u16,
    /// How long they have.
    pub timeout: SimDuration,
    /// What the service does when fewer have.
    pub short: ShortSpec,
}

/// What a service makes of a write that too few replicas have acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShortSpec {
    /// It is content, late.
    Accept,
    /// It fails the request.
    Fail,
}

/// One workload that a service cannot do without.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeedSpec {
    /// The workload's name.
    pub workload: String,
    /// What the service does with it.
    pub access: Access,
}

/// How a service uses a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Only reads.
    Read,
    /// Writes too.
    Write,
}

/// The service's Redis client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSpec {
    /// Until a command that gets no reply is given up; absent: never, the request hangs.
    pub command_timeout: Option<SimDuration>,
    /// Further tries after an error that is retried.
    pub retries: u32,
    /// Pause before each further try.
    pub backoff: SimDuration,
    /// Errors that are retried.
    pub retries_on: Vec<Cause>,
    /// Until the client has learnt that another node owns the slots.
    pub topology_refresh: SimDuration,
}

/// What the status page lists: available while all its services answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentSpec {
    /// Its name on the status page.
    pub name: String,
    /// The services behind it.
    pub services: Vec<String>,
}
