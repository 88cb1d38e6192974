//! A service's Redis client: timeouts, retries, and how it finds the primary.
//!
//! | mode | source of the primary's address | read |
//! | --- | --- | --- |
//! | `cluster` | the nodes of the cluster | by the rules of `follows` |
//! | `sentinel` | a Sentinel | on every connect, and on `+switch-master` if it subscribes |
//! | `dns` | a DNS name | on every connect |
//! | `address` | a fixed address | updated only by a manual failover |
//! | `proxy` | a proxy in front of Redis | by the proxy, at its health check |

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
    /// How the client finds the primary. Absent: it follows from `failover.kind` (cluster-bus:
    /// `cluster`, sentinel: `sentinel`, managed: `dns`, application and none: `address`).
    pub mode: Option<ModeSpec>,
    /// Back-off between attempts to reconnect after a connection was closed; absent: it reconnects
    /// immediately.
    pub reconnect: Option<ReconnectSpec>,
    /// `TCP_USER_TIMEOUT`: how long data may stay unacknowledged before the kernel closes the
    /// connection to a host that has vanished; absent: 924.6s, the Linux default
    /// (`tcp_retries2` = 15). It has no effect on a hung process, whose host still acknowledges.
    pub tcp_user_timeout: Option<SimDuration>,
}

/// How long Linux retransmits before it closes a connection: 15 retransmissions (`tcp_retries2`),
/// from 200 ms, doubled up to 120 s (`Documentation/networking/ip-sysctl.rst`).
pub const TCP_GIVES_UP: SimDuration = SimDuration::from_millis(924_600);

impl ClientSpec {
    /// How it finds the primary.
    pub fn mode(&self, failover: &FailoverSpec) -> ModeSpec {
        self.mode.unwrap_or(ModeSpec::of(failover))
    }

    /// How often it looks for the primary although nothing has failed, in this mode: because it
    /// refreshes, or because a new connection does.
    pub fn looks_every(&self, mode: ModeSpec) -> Option<SimDuration> {
        let recycle = self.pool.and_then(|pool| pool.recycle);
        let recycle = recycle.filter(|_| matches!(mode, ModeSpec::Sentinel | ModeSpec::Dns));
        let follows = self.follows.and_then(|follows| follows.every);
        follows.into_iter().chain(recycle).min()
    }

    /// How long a command whose every try fails for this cause takes on average, retries and
    /// back-off included; `None`: it waits until Redis answers.
    pub fn gives_up_after(&self, cause: Cause) -> Option<SimDuration> {
        let one = match cause {
            Cause::Timeout => self.command_timeout?,
            Cause::Refused => self.offline_queue.unwrap_or_default(),
            _ => SimDuration::ZERO,
        };
        let retries = match self.retries_on.contains(&cause) {
            true => self.retries,
            false => 0,
        };
        let backoff = |n: u32| match self.backoff_growth {
            Some(growth) => growth.mean(self.backoff, n),
            None => self.backoff,
        };
        let tries = (0..retries).map(|n| backoff(n) + one);
        Some(tries.fold(one, |sum, next| sum + next))
    }
}

/// How a client finds the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModeSpec {
    /// It asks the nodes of a Redis Cluster (`CLUSTER SLOTS`) and follows `-MOVED`.
    Cluster,
    /// It asks a Sentinel on every connect (`SENTINEL get-master-addr-by-name`).
    Sentinel,
    /// It resolves a name on every connect; the provider points the name at the primary.
    Dns,
    /// It has a fixed address. With `failover.kind` application or none, the failover updates the
    /// address; with any other kind, the address never changes.
    Address,
    /// It connects to a proxy (HAProxy, Envoy, Twemproxy). The proxy finds the primary with its own
    /// health check, every `follows.every`.
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

/// Back-off of reconnect attempts, counted from the close of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconnectSpec {
    /// The first pause, above 0.
    pub first: SimDuration,
    /// Growth of the pause from one attempt to the next; at least `"1x"`.
    pub factor: Factor,
    /// A constant added to each pause; absent: none.
    pub step: Option<SimDuration>,
    /// The longest pause, at least `first`.
    pub max: SimDuration,
    /// The share of each pause that is drawn, evenly between none and all of it; absent: none.
    /// Where the connections of a node are counted (`redis.handshake`, `redis.maxclients`) clients
    /// spread over it; elsewhere all pause for the mean.
    pub jitter: Option<Probability>,
}

impl ReconnectSpec {
    /// The first attempt at or after `now`, if the connection was closed at `closed`.
    pub fn next(&self, closed: SimTime, now: SimTime) -> SimTime {
        let step = self.step.unwrap_or_default();
        let grows = self.factor.get() > 1.0 || step > SimDuration::ZERO;
        let max = if grows { self.max } else { self.first };
        let mean = 1.0 - self.jitter().get() / 2.0;
        let (mut at, mut pause) = (closed.saturating_add(self.first.scaled(mean)), self.first);
        while at < now {
            pause = (pause.scaled(self.factor.get()) + step).min(max);
            let tries = match pause == max {
                // Evenly spaced from here on.
                true => (now - at)
                    .as_nanos()
                    .div_ceil(max.scaled(mean).as_nanos().max(1)),
                false => 1,
            };
            at = at.saturating_add(pause.scaled(mean) * tries);
        }
        at
    }

    /// The share of each pause that is drawn.
    pub fn jitter(&self) -> Probability {
        self.jitter.unwrap_or(Probability::ZERO)
    }

    /// The pause before attempt `n`, counted from 0.
    pub fn pause(&self, n: u32) -> SimDuration {
        let mut pause = self.first;
        for _ in 0..n {
            let longer = pause.scaled(self.factor.get()) + self.step.unwrap_or_default();
            if longer <= pause || pause >= self.max {
                break;
            }
            pause = longer.min(self.max);
        }
        pause
    }
}

impl FollowsSpec {
    /// It never refreshes its topology.
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

impl BackoffGrowthSpec {
    /// The mean pause before retry `n`, counted from 0, if the first is `backoff`.
    fn mean(&self, backoff: SimDuration, n: u32) -> SimDuration {
        let grown = backoff.scaled(self.factor.get().powf(f64::from(n)));
        grown.min(self.max).scaled(1.0 - self.jitter.get() / 2.0)
    }
}

/// A client's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientPoolSpec {
    /// Connections of one process, at least 1.
    pub size: u32,
    /// Processes of the service, each with its own pool. Ignored if `service.processes` is set.
    pub processes: u32,
    /// How long a request waits for a free one; `0s`: it fails at once.
    pub wait: SimDuration,
    /// The longest life of a connection, as go-redis' `ConnMaxLifetime`; absent: it lives until
    /// something breaks it. A new connection asks a Sentinel or resolves the name again, so in the
    /// modes `sentinel` and `dns` a process finds the primary at this interval at the latest.
    pub recycle: Option<SimDuration>,
}

/// What makes a client refresh its topology. In mode `proxy` only `every` has an effect, in mode
/// `address` nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowsSpec {
    /// Refresh after an error: a redirection (-MOVED, -READONLY), a closed connection, a command
    /// timeout? -LOADING, -MISCONF and -OOM never trigger a refresh.
    pub on_error: bool,
    /// Refresh on -MOVED? Only in mode `cluster`; absent: same as `on_error`.
    pub on_moved: Option<bool>,
    /// Does a command timeout count as an error? Set it to false for a client that keeps the
    /// connection open after a timeout; absent: yes.
    pub on_timeout: Option<bool>,
    /// Does -READONLY count as an error? Set it to false for a client that returns the error to the
    /// caller and keeps the connection to the old primary; absent: yes.
    pub on_readonly: Option<bool>,
    /// The client closes a connection on which nothing was received for this long; absent: never.
    /// Needs `on_error = true`.
    pub silent_for: Option<SimDuration>,
    /// Does it subscribe to Sentinel's `+switch-master`? Only in mode `sentinel`; absent: no.
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
    fn a_command_takes_all_its_tries_and_pauses() {
        let seconds = |client: &ClientSpec, cause| {
            let takes = client.gives_up_after(cause);
            takes.map(SimDuration::as_secs_f64)
        };
        let text = "command_timeout = '2s'\nretries = 2\nbackoff = '100ms'
            retries_on = ['timeout', 'oom']\ntopology_refresh = '1s'
            [backoff_growth]\nfactor = '2x'\nmax = '150ms'\njitter = '50%'";
        let mut client: ClientSpec = toml::from_str(text).expect("a client");
        // Pauses of 100 and 150 ms, of which a quarter is drawn away on average.
        assert_eq!(seconds(&client, Cause::Timeout), Some(6.1875));
        assert_eq!(seconds(&client, Cause::Oom), Some(0.1875));
        assert_eq!(seconds(&client, Cause::Refused), Some(0.0));
        client.backoff_growth = None;
        assert_eq!(seconds(&client, Cause::Timeout), Some(6.2));
        client.command_timeout = None;
        assert_eq!(seconds(&client, Cause::Timeout), None);
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
            jitter: None,
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
            jitter: None,
        };
        assert_eq!(ioredis.next(at(0), at(120)), at(150));
        assert_eq!(ioredis.next(at(0), at(151)), at(300));
        let steady = ReconnectSpec {
            step: None,
            ..ioredis
        };
        assert_eq!(steady.next(at(7), at(1_000)), at(1_007));
        let drawn = ReconnectSpec {
            jitter: Some(Probability::new(0.5).expect("a share")),
            ..lettuce
        };
        // 0.75, 1.5, 3 ms and so on: 4.5 s come after 3 x 1.5 s - 0.75 ms.
        assert_eq!(drawn.next(at(0), at(0)).as_nanos(), 750_000);
        assert_eq!(drawn.next(at(0), at(4)).as_nanos(), 5_250_000);
        let pauses = |spec: &ReconnectSpec| [0, 1, 2, 20].map(|n| spec.pause(n));
        assert_eq!(pauses(&lettuce), [1, 2, 4, 30_000].map(ms));
        assert_eq!(pauses(&ioredis), [50, 100, 150, 1_050].map(ms));
        assert_eq!(pauses(&steady), [50; 4].map(ms));
    }
}
