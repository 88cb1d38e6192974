//! What a request would get: the interface between the infrastructure and the users of it.
//!
//! The infrastructure (nodes, failover, checks, people who fix) is simulated event by event and
//! leaves one [`AnswerTimeline`] per service: a step function of time. Demand (signers and machine
//! callers) is then evaluated against it, counted where the answer decides and opened request by
//! request where it does not.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::{SimDuration, SimTime};

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
}

impl Cause {
    /// Every cause, in the order of the result columns.
    pub const ALL: [Cause; 13] = [
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
        }
    }
}

/// What the dependencies of a service do to a request that needs them now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All of them serve.
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

/// A step function of time: the answer in force from each change on. The first change is at zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerTimeline {
    changes: Vec<(SimTime, Answer)>,
}

impl Default for AnswerTimeline {
    fn default() -> Self {
        AnswerTimeline::new()
    }
}

impl AnswerTimeline {
    /// All is well from the start.
    pub fn new() -> AnswerTimeline {
        AnswerTimeline {
            changes: vec![(SimTime::ZERO, Answer::Ok)],
        }
    }

    /// From `at` on the answer is `answer`. Changes come in time order; one that lasts no time is
    /// replaced, one that changes nothing is not recorded.
    ///
    /// # Panics
    /// If `at` lies before the last change.
    pub fn set(&mut self, at: SimTime, answer: Answer) {
        let (last_at, last) = *self
            .changes
            .last()
            .expect("a timeline starts with a change");
        assert!(at >= last_at, "changes come in time order");
        if answer == last {
            return;
        }
        if at == last_at {
            self.changes.pop();
            if self
                .changes
                .last()
                .is_some_and(|(_, before)| *before == answer)
            {
                return;
            }
        }
        self.changes.push((at, answer));
    }

    /// The changes, in time order; the first is at zero.
    pub fn changes(&self) -> &[(SimTime, Answer)] {
        &self.changes
    }

    /// The answer in force since the last change.
    pub fn last(&self) -> Answer {
        self.changes
            .last()
            .expect("a timeline starts with a change")
            .1
    }

    /// The answer in force at `at` (a change at that very instant counts).
    pub fn at(&self, at: SimTime) -> Answer {
        let next = self.changes.partition_point(|(from, _)| *from <= at);
        self.changes[next - 1].1
    }

    /// The spans `[from, to)` of constant answer up to `end`, in time order.
    pub fn spans(&self, end: SimTime) -> impl Iterator<Item = (SimTime, SimTime, Answer)> + '_ {
        self.changes
            .iter()
            .enumerate()
            .map_while(move |(i, (from, answer))| {
                let to = self
                    .changes
                    .get(i + 1)
                    .map_or(end, |(next, _)| (*next).min(end));
                (*from < to).then_some((*from, to, *answer))
            })
    }

    /// How long no request could have been captured, from `start` to `end`.
    pub fn downtime(&self, start: SimTime, end: SimTime) -> SimDuration {
        self.spans(end)
            .filter(|(_, to, answer)| !answer.captures() && *to > start)
            .fold(SimDuration::ZERO, |sum, (from, to, _)| {
                sum + (to - from.max(start))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(s)
    }

    #[test]
    fn a_change_that_lasts_no_time_leaves_no_trace() {
        let mut line = AnswerTimeline::new();
        line.set(second(5), Answer::Hang);
        line.set(second(5), Answer::Ok);
        assert_eq!(line, AnswerTimeline::new());
    }

    #[test]
    fn downtime_counts_hangs_and_errors_but_not_the_spool() {
        let mut line = AnswerTimeline::new();
        line.set(second(10), Answer::Hang);
        line.set(second(15), Answer::Error(Cause::ClusterDown));
        line.set(second(20), Answer::Spool);
        line.set(second(90), Answer::Ok);
        assert_eq!(
            line.downtime(SimTime::ZERO, second(100)),
            SimDuration::from_secs(10)
        );
        assert_eq!(
            line.downtime(second(12), second(17)),
            SimDuration::from_secs(5)
        );
        assert_eq!(line.at(second(15)), Answer::Error(Cause::ClusterDown));
        assert_eq!(line.spans(second(12)).count(), 2);
    }
}
