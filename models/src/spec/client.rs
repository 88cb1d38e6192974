//! A service's Redis client: how it waits and tries again, and how it finds out who the primary is.
//!
//! | mode | whom it asks for the primary | when |
//! | --- | --- | --- |
//! | `cluster` | any node of the cluster | by the rules of `follows` |
//! | `sentinel` | a Sentinel | whenever it connects, and as told if it subscribes |
//! | `dns` | the resolver | whenever it connects |
//! | `address` | nobody | it is told by whoever promotes a replica by hand, or never |
//! | `proxy` | nobody: the proxy looks | at the proxy's own health check |

use schemars::JsonSchema;
use serde::Deserialize;
use sim::quantity::{Factor, Probability};
use sim::{SimDuration, SimTime};

use super::FailoverSpec;
use demand::answer::Cause;

/// The service's Redis client.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientSpec {
    /// Timeout for making a connection; absent: none. It counts for nodes that have not answered
    /// since the servers were restarted.
    pub connect_timeout: Option<SimDuration>,
    /// How long a command waits while a broken connection is restored (an offline queue); absent:
    /// it fails at once.
    pub offline_queue: Option<SimDuration>,
    /// Timeout for the reply to a command; absent: none, and the request hangs until Redis or the
    /// gateway ends it.
    pub command_timeout: Option<SimDuration>,
    /// Retries after an error in `retries_on`; 0: none.
    pub retries: u32,
    /// Pause before each retry; `"0s"`: none.
    pub backoff: SimDuration,
    /// How that pause grows from retry to retry; absent: it stays the same.
    pub backoff_growth: Option<BackoffGrowthSpec>,
    /// Errors that are retried; `[]`: none. All others fail the call at once.
    pub retries_on: Vec<Cause>,
    /// Concurrent retries of all requests at most (a retry budget); absent: no limit.
    pub retries_at_once: Option<u32>,
    /// A pool of connections to each cluster, and how long a request waits for one; absent: one
    /// connection carries all requests at once (pipelining), so there is nothing to wait for.
    pub pool: Option<ClientPoolSpec>,
    /// How long the client takes to find the new primary once it looks, such as `"100ms"`.
    pub topology_refresh: SimDuration,
    /// What makes the client look for a new primary; absent: it is notified of every promotion at
    /// once.
    pub follows: Option<FollowsSpec>,
    /// Whom it asks for the primary; absent: what `failover.kind` offers, that is `cluster` for
    /// cluster-bus, `sentinel` for sentinel, `dns` for managed, `address` for application and none.
    pub mode: Option<ModeSpec>,
    /// When it tries to connect again after its connection was closed; absent: at once, and
    /// whenever there is something new.
    pub reconnect: Option<ReconnectSpec>,
    /// After how long without an acknowledgement the kernel closes a connection to a host that is
    /// gone without a word (`TCP_USER_TIMEOUT`); absent: 924.6s, which is Linux with
    /// `tcp_retries2` = 15. It does not count for a process that hangs: its host acknowledges.
    pub tcp_user_timeout: Option<SimDuration>,
}

/// After how long Linux gives up a connection whose packets nobody acknowledges: 15 retransmissions
/// (`tcp_retries2`), from 200 ms, doubled up to 120 s (`Documentation/networking/ip-sysctl.rst`).
pub const TCP_GIVES_UP: SimDuration = SimDuration::from_millis(924_600);

impl ClientSpec {
    /// Whom it asks for the primary.
    pub fn asks(&self, failover: &FailoverSpec) -> ModeSpec {
        self.mode.unwrap_or(ModeSpec::of(failover))
    }
}

/// Whom a client asks for the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModeSpec {
    /// The nodes of a Redis Cluster (`CLUSTER SLOTS`, `-MOVED`).
    Cluster,
    /// A Sentinel (`SENTINEL get-master-addr-by-name`), each time that it connects.
    Sentinel,
    /// The resolver, each time that it connects: a provider moves the primary's name.
    Dns,
    /// Nobody: its configuration holds the address of the first primary. Under `failover.kind`
    /// application or none whoever promotes a replica tells it; otherwise nobody ever does.
    Address,
    /// Nobody: it is connected to a proxy (HAProxy, Envoy, Twemproxy), which looks for the primary
    /// by a health check of its own each `follows.every`.
    Proxy,
}

impl ModeSpec {
    /// What this kind of failover offers.
    pub fn of(failover: &FailoverSpec) -> ModeSpec {
        match failover {
            FailoverSpec::ClusterBus(_) => ModeSpec::Cluster,
            FailoverSpec::Sentinel(_) => ModeSpec::Sentinel,
            FailoverSpec::Managed(_) => ModeSpec::Dns,
            FailoverSpec::Application {} | FailoverSpec::None {} => ModeSpec::Address,
        }
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            ModeSpec::Cluster => "cluster",
            ModeSpec::Sentinel => "sentinel",
            ModeSpec::Dns => "dns",
            ModeSpec::Address => "address",
            ModeSpec::Proxy => "proxy",
        }
    }
}

/// When a client tries to connect again, counted from the end of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconnectSpec {
    /// The first pause, above 0.
    pub first: SimDuration,
    /// Each pause over the one before it; at least `"1x"`.
    pub factor: Factor,
    /// What is added to each pause besides; absent: nothing.
    pub step: Option<SimDuration>,
    /// The longest pause, at least `first`.
    pub max: SimDuration,
}

impl ReconnectSpec {
    /// The first try at `now` or later by a client whose connection was closed at `closed`.
    pub fn next(&self, closed: SimTime, now: SimTime) -> SimTime {
        let step = self.step.unwrap_or_default();
        let grows = self.factor.get() > 1.0 || step > SimDuration::ZERO;
        let max = if grows { self.max } else { self.first };
        let (mut at, mut pause) = (closed.saturating_add(self.first), self.first);
        while at < now {
            pause = (pause.scaled(self.factor.get()) + step).min(max);
            let tries = match pause == max {
                // Evenly spaced from here on.
                true => (now - at).as_nanos().div_ceil(max.as_nanos()),
                false => 1,
            };
            at = at.saturating_add(pause * tries);
        }
        at
    }
}

impl FollowsSpec {
    /// Nothing makes it look.
    pub const NEVER: FollowsSpec = FollowsSpec {
        on_error: false,
        on_moved: None,
        on_timeout: None,
        on_readonly: None,
        silent_for: None,
        subscribes: None,
        every: None,
    };
}

/// How the pause before a further try grows.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackoffGrowthSpec {
    /// The pause over the one before it; `"2x"` doubles it.
    pub factor: Factor,
    /// The longest pause.
    pub max: SimDuration,
    /// The share of the pause that is drawn, evenly between none and all of it; `"0%"`: always the
    /// whole pause.
    pub jitter: Probability,
}

/// A client's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientPoolSpec {
    /// Connections of one process, at least 1.
    pub size: u32,
    /// Processes of the service, each with a pool of its own. Where the service has `processes`
    /// itself, these count.
    pub processes: u32,
    /// How long a request waits for a free one; `0s`: it fails at once.
    pub wait: SimDuration,
}

/// What makes a client look for a new primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowsSpec {
    /// Does it look after an error: a redirection (-MOVED, -READONLY), a broken connection, a
    /// command that timed out? -LOADING, -MISCONF and -OOM are handed on.
    pub on_error: bool,
    /// Does it look when a node sends it on (-MOVED), whatever it does about other errors? Only in
    /// mode `cluster`; absent: as `on_error`.
    pub on_moved: Option<bool>,
    /// Is a command that timed out such an error? It is if the client then closes its connection;
    /// absent: yes.
    pub on_timeout: Option<bool>,
    /// Is -READONLY such an error? Not for a client that keeps its connection to the old primary
    /// and hands the error on; absent: yes.
    pub on_readonly: Option<bool>,
    /// It closes a connection from which nothing has come for so long, whatever becomes of single
    /// commands; absent: it does not. Counts only with `on_error`.
    pub silent_for: Option<SimDuration>,
    /// Is it told by Sentinel (`+switch-master`), whatever its connection does? Only in mode
    /// `sentinel`; absent: no.
    pub subscribes: Option<bool>,
    /// It also looks periodically, at this interval; absent: never.
    pub every: Option<SimDuration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_millis(ms)
    }

    #[test]
    fn tries_follow_each_other_at_growing_pauses() {
        let ms = SimDuration::from_millis;
        let factor = |factor| Factor::new(factor).expect("a factor");
        // Lettuce: 1, 2, 4 ... ms, so that the tries stand at 2^n - 1 ms.
        let lettuce = ReconnectSpec {
            first: ms(1),
            factor: factor(2.0),
            step: None,
            max: ms(30_000),
        };
        assert_eq!(lettuce.next(at(0), at(0)), at(1));
        assert_eq!(lettuce.next(at(0), at(5_000)), at(8_191));
        assert_eq!(lettuce.next(at(0), at(32_767)), at(32_767));
        // 30 s apart once a pause would be longer than that.
        assert_eq!(lettuce.next(at(0), at(32_768)), at(62_767));
        assert_eq!(lettuce.next(at(0), at(600_000)), at(602_767));
        // ioredis 5: 50, 100, 150 ... ms.
        let ioredis = ReconnectSpec {
            first: ms(50),
            factor: factor(1.0),
            step: Some(ms(50)),
            max: ms(2_000),
        };
        assert_eq!(ioredis.next(at(0), at(120)), at(150));
        assert_eq!(ioredis.next(at(0), at(151)), at(300));
        let steady = ReconnectSpec {
            step: None,
            ..ioredis
        };
        assert_eq!(steady.next(at(7), at(1_000)), at(1_007));
    }
}
