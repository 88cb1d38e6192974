//! What a request would get: the interface between the infrastructure and the users of it.
//!
//! The infrastructure (nodes, failover, checks, people who fix) is simulated event by event and
//! leaves one [`AnswerTimeline`] per service: a step function of time. Demand (signers and machine
//! callers) is then evaluated against it, counted where the answer decides and opened request by
//! request where it does not.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::{SimDuration, SimTime, Steps};

/// Why an attempt failed, as the caller's log would name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The Redis client's own timeout ran out.
    Timeout,
    /// The connection was refused or reset: nobody listens.
    Refused,
    /// `-OOM`: the write would exceed `maxmemory` and nothing may be evicted.
    Oom,
    /// `-READONLY`: a write reached a replica.
    Readonly,
    /// `-LOADING`: the node is still reading its data.
    Loading,
    /// `-CLUSTERDOWN`: the asked node does not hold the cluster to be usable.
    ClusterDown,
    /// `-MISCONF`: the last save failed and the node stops writes.
    Misconf,
    /// `-NOREPLICAS`: fewer replicas have answered lately than `min-replicas-to-write` asks for.
    NoReplicas,
    /// Too few replicas acknowledged it in the time that a service gave `WAIT`. The write may
    /// stand all the same; nobody relies on it.
    Unacknowledged,
    /// The service's queue was full.
    PoolFull,
    /// The service's circuit breaker was open.
    BreakerOpen,
    /// The gateway gave up waiting (504).
    GatewayTimeout,
    /// `-ERR max number of clients reached`: the node has as many connections as `maxclients`
    /// allows.
    MaxClients,
    /// `-BUSY`: the node runs a script that takes long.
    Busy,
}

impl Cause {
    /// Every cause, in the order of the result columns.
    pub const ALL: [Cause; 14] = [
        Cause::Timeout,
        Cause::Refused,
        Cause::Oom,
        Cause::Readonly,
        Cause::Loading,
        Cause::ClusterDown,
        Cause::Misconf,
        Cause::NoReplicas,
        Cause::Unacknowledged,
        Cause::PoolFull,
        Cause::BreakerOpen,
        Cause::GatewayTimeout,
        Cause::MaxClients,
        Cause::Busy,
    ];

    /// The name used in columns (`failed_<name>`), traces and charts.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::Timeout => "timeout",
            Cause::Refused => "refused",
            Cause::Oom => "oom",
            Cause::Readonly => "readonly",
            Cause::Loading => "loading",
            Cause::ClusterDown => "clusterdown",
            Cause::Misconf => "misconf",
            Cause::NoReplicas => "noreplicas",
            Cause::Unacknowledged => "unacknowledged",
            Cause::PoolFull => "pool_full",
            Cause::BreakerOpen => "breaker_open",
            Cause::GatewayTimeout => "gateway_504",
            Cause::MaxClients => "max_clients",
            Cause::Busy => "busy",
        }
    }
}

/// What the dependencies of a service do to a request that needs them now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// All of them serve.
    #[default]
    Ok,
    /// All of them serve, this much later: the service waits for replicas.
    Late(SimDuration),
    /// All of them serve, but after this time too few replicas have acknowledged the write, and the
    /// service takes that for a failure.
    Unacknowledged(SimDuration),
    /// The service writes acceptances to its durable spool and answers at once.
    Spool,
    /// One of them answers with an error at once.
    Error(Cause),
    /// One of them does not answer; the request waits for its client's timeout, if it has one.
    Hang,
}

impl Answer {
    /// Is a request that arrives now worked on and its write executed?
    pub const fn executes(self) -> bool {
        self.captures() || matches!(self, Answer::Unacknowledged(_))
    }

    /// Can a request that arrives now be captured?
    pub const fn captures(self) -> bool {
        matches!(self, Answer::Ok | Answer::Late(_) | Answer::Spool)
    }
}

/// The answer in force from each change on; all is well from the start.
pub type AnswerTimeline = Steps<Answer>;

/// How long no request could have been captured, from `start` to `end`.
pub fn downtime(answers: &AnswerTimeline, start: SimTime, end: SimTime) -> SimDuration {
    answers.time(start, end, |answer| !answer.captures())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(s)
    }

    #[test]
    fn downtime_counts_hangs_and_errors_but_not_the_spool() {
        let mut line = AnswerTimeline::new();
        line.set(second(10), Answer::Hang);
        line.set(second(15), Answer::Error(Cause::ClusterDown));
        line.set(second(20), Answer::Spool);
        line.set(second(90), Answer::Ok);
        assert_eq!(
            downtime(&line, SimTime::ZERO, second(100)),
            SimDuration::from_secs(10)
        );
        assert_eq!(
            downtime(&line, second(12), second(17)),
            SimDuration::from_secs(5)
        );
    }
}
