//! How clients find a shard's new owner.
//!
//! Three steps lie between a promotion and the first write to the new owner: the owner is
//! *published* (by the nodes of a Redis Cluster, by a Sentinel, by DNS), the client *refreshes* its
//! topology, and the refresh takes `takes`. What triggers a refresh depends on the mode and on the
//! old node:
//!
//! ```text
//!  the old node            cluster                      sentinel, dns
//!  redirects (-MOVED)      at once, if `on_moved`       -
//!  demoted (-READONLY)     -                            at once, if `on_readonly`
//!  killed, restarted       at once                      at the next reconnect attempt
//!  hung                    at the first command timeout the same
//!  host unreachable        the same                     the same, or when the kernel gives up
//!  (in any state)          at the next periodic refresh, or on +switch-master if subscribed
//! ```
//!
//! Commands are in flight all the time, so the first timeout comes one command timeout after the
//! node went silent. A client without a timeout that waits for a hung node stays there until its
//! next periodic refresh or until its servers restart. In mode `address` nothing triggers a
//! refresh; a manual failover updates the address. In mode `proxy` the proxy refreshes
//! periodically.
//!
//! Each service has its own view of the owners, so two services can disagree. Services with
//! identical client settings share a view. So do the processes of a service, unless they refresh
//! periodically: then each process has its own view, because each has its own phase. So it has if
//! people restart processes one after the other.
//!
//! Sources: Lettuce `RedisClient.getSocketAddressSupplier`, `ConnectionWatchdog`; Redis
//! `sentinel.c`: `sentinelSendSlaveOf` (CLIENT KILL); Linux `ip-sysctl.rst`: `tcp_retries2`.

use rand::RngExt;
use sim::{SimDuration, SimTime};

use super::Cluster;
use super::clients::Connected;
use crate::event::{ClusterTimer, Cx};
use crate::ids::{Id, NodeId, ShardId, ViewId};
use crate::moment::MomentKind;
use crate::redis::capability::{Condition, Reply};
use crate::spec::FailoverSpec;
use crate::spec::client::{ClientSpec, FollowsSpec, ModeSpec, ReconnectSpec, TCP_GIVES_UP};
use demand::answer::Cause;

/// How clients find a new owner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Following {
    mode: ModeSpec,
    /// How long a refresh takes.
    takes: SimDuration,
    /// What triggers a refresh; absent: clients are notified of every promotion.
    rule: Option<FollowsSpec>,
    /// Command timeout.
    gives_up: Option<SimDuration>,
    /// When the kernel closes a connection to an unreachable host.
    tcp_gives_up: SimDuration,
    /// Back-off of reconnect attempts.
    pub reconnect: Option<ReconnectSpec>,
    /// Where a readiness probe decides who gets new connections: for clients that dial a name.
    pub by_service: Option<ByService>,
}

/// Clients that come through a Service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ByService {
    /// The command timeout, if it closes the connection.
    pub closes_after: Option<SimDuration>,
}

/// What may trigger a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A new owner was published.
    Published,
    /// The node they use changed its state.
    Changed,
    /// Their connections to it were closed.
    Closed,
}

impl Following {
    /// A cluster without clients.
    pub const NOBODY: Following = Following {
        mode: ModeSpec::Address,
        takes: SimDuration::ZERO,
        rule: None,
        gives_up: None,
        tcp_gives_up: TCP_GIVES_UP,
        reconnect: None,
        by_service: None,
    };

    pub fn of(client: &ClientSpec, failover: &FailoverSpec, readiness: bool) -> Following {
        let mode = client.mode(failover);
        let by_hand = matches!(
            failover,
            FailoverSpec::Application {} | FailoverSpec::None {}
        );
        let rule = match mode {
            ModeSpec::Cluster | ModeSpec::Sentinel | ModeSpec::Dns => {
                let every = client.looks_every(mode);
                client.follows.map(|rule| FollowsSpec { every, ..rule })
            }
            // A manual failover updates the address.
            ModeSpec::Address if by_hand => None,
            ModeSpec::Address => Some(FollowsSpec::NEVER),
            ModeSpec::Proxy => Some(FollowsSpec {
                every: client.follows.and_then(|follows| follows.every),
                ..FollowsSpec::NEVER
            }),
        };
        let dials_a_name = matches!(mode, ModeSpec::Address | ModeSpec::Dns);
        let keeps = client.follows.and_then(|follows| follows.on_timeout) == Some(false);
        Following {
            by_service: (readiness && dials_a_name).then_some(ByService {
                closes_after: client.command_timeout.filter(|_| !keeps),
            }),
            mode,
            takes: client.topology_refresh,
            rule,
            gives_up: client.command_timeout,
            tcp_gives_up: client.tcp_user_timeout.unwrap_or(TCP_GIVES_UP),
            reconnect: client.reconnect,
        }
    }

    /// Do clients refresh periodically, each at its own random phase?
    pub fn is_periodic(&self) -> bool {
        self.rule.is_some_and(|rule| rule.every.is_some())
    }

    /// Do clients find the current owner when their servers start? Not with a fixed address that
    /// nothing updates.
    pub fn refreshes_on_start(&self) -> bool {
        self.mode != ModeSpec::Address || self.rule.is_none()
    }

    /// The command timeout, if it closes the connection.
    pub fn closes_on_timeout(&self) -> Option<SimDuration> {
        let rule = self.rule?;
        self.gives_up.filter(|_| rule.on_timeout != Some(false))
    }

    /// How long clients keep a connection on which nothing is received; absent: forever.
    pub fn silent_for(&self) -> Option<SimDuration> {
        self.rule?.silent_for
    }

    /// How long clients themselves keep a connection to a silent node, if they send a command;
    /// absent: forever.
    fn leaves_silence(&self) -> Option<SimDuration> {
        let timeout = self.closes_on_timeout();
        timeout.into_iter().chain(self.silent_for()).min()
    }

    /// The same for an unreachable host, where the kernel gives up too.
    fn leaves_unreachable(&self) -> SimDuration {
        let kernel = self.tcp_gives_up;
        self.leaves_silence()
            .map_or(kernel, |client| client.min(kernel))
    }
}

impl Cluster {
    /// A shard's new owner is published `after` from now.
    pub(super) fn publish_owner(
        &mut self,
        shard: ShardId,
        node: NodeId,
        after: SimDuration,
        cx: &mut Cx,
    ) {
        if after == SimDuration::ZERO {
            self.on_published(shard, node, cx);
        } else {
            self.after(after, ClusterTimer::Published { shard, node }, cx);
        }
    }

    /// Checks open a new connection for each probe, so they reach the new owner as soon as it is
    /// published, independently of the services' clients. So do people.
    pub(super) fn observe_owner(&mut self, shard: ShardId) {
        let owner = self.topology.owners[shard];
        if self.topology.clients_reach(owner) {
            self.clients.observed[shard] = owner;
        }
    }

    /// A shard's new owner is published.
    pub(super) fn on_published(&mut self, shard: ShardId, node: NodeId, cx: &mut Cx) {
        if self.topology.owners[shard] != node {
            return;
        }
        self.observe_owner(shard);
        for view in self.clients.ids() {
            self.may_follow(view, shard, node, Occasion::Published, cx);
        }
    }

    /// Clients of a view may switch to `node`, the published owner of the shard.
    pub(super) fn may_follow(
        &mut self,
        view: ViewId,
        shard: ShardId,
        node: NodeId,
        occasion: Occasion,
        cx: &mut Cx,
    ) {
        if let Some(delay) = self.discovery_delay(view, shard, occasion, cx) {
            let timer = ClusterTimer::Follow { view, shard, node };
            self.after(delay, timer, cx);
        }
    }

    /// Clients of a view switch to a node, or reconnect to the one they use.
    pub(super) fn on_follow(&mut self, view: ViewId, shard: ShardId, node: NodeId, cx: &mut Cx) {
        let Connected {
            known, gone, away, ..
        } = self.clients.connected[view][node];
        if known && away {
            self.on_back(view, node, cx);
            return;
        }
        // An unreachable owner is retried once it can be reached.
        if self.topology.owners[shard] != node
            || (known && !gone)
            || !self.topology.clients_reach(node)
        {
            return;
        }
        cx.ledger.trace(cx.now, || {
            let (who, node) = (self.clients.name(view), self.node_name(node));
            format!("{who} switch to {node}")
        });
        cx.ledger
            .moment(cx.now, MomentKind::ClientsSwitch, &self.node_name(node));
        for other in self.topology.nodes_of(shard).collect::<Vec<_>>() {
            self.leave(view, other, cx);
        }
        self.clients.go_to(&self.topology, view, shard, node);
        self.clients.end_losses(view, shard, cx);
        if self.is_barred(view, node) {
            self.shut_out(view, node, cx);
            return;
        }
        self.come(view, node, cx);
        self.take_writes(shard, cx.now);
        self.after(
            self.redis.reconnect_ramp,
            ClusterTimer::Ramped { view, node },
            cx,
        );
    }

    /// Clients of a view try to reconnect to the node they use.
    fn on_back(&mut self, view: ViewId, node: NodeId, cx: &mut Cx) {
        if self.is_barred(view, node) {
            self.shut_out(view, node, cx);
        } else if self.seen(node).tcp == Reply::Fine {
            let connected = &mut self.clients.connected[view][node];
            (connected.away, connected.closed) = (false, None);
            self.come(view, node, cx);
            self.take_writes(self.topology[node].shard, cx.now);
            self.look_again(node, Occasion::Changed, cx);
        }
    }

    pub(super) fn on_ramped(&mut self, view: ViewId, node: NodeId, cx: &mut Cx) {
        let Connected { known, loaded, .. } = self.clients.connected[view][node];
        if known && !loaded {
            self.clients.set_loaded(view, node, true);
            self.connections(view, node).unsaid = true;
            self.trace_back(node, cx);
        }
    }

    /// A node changed its state, which may trigger a refresh.
    pub(super) fn rediscover(&mut self, node: NodeId, cx: &mut Cx) {
        // The connections of a dead or restarted process are closed.
        let closed = matches!(self.condition(node), Condition::Killed | Condition::Loading)
            && self.topology.clients_reach(node);
        let occasion = match closed {
            true => Occasion::Closed,
            false => Occasion::Changed,
        };
        self.look_again(node, occasion, cx);
        self.shut_out_closed(node, cx);
        if self.seen(node).tcp == Reply::Fine {
            self.reconnect(node, cx);
            for view in self.clients.that_know(node) {
                self.come(view, node, cx);
            }
            self.look_at(node, cx.now, cx);
            if !closed {
                self.clients.connect(node);
            }
        }
    }

    /// A node accepts connections: clients reconnect at their next attempt.
    fn reconnect(&mut self, node: NodeId, cx: &mut Cx) {
        let shard = self.topology[node].shard;
        for view in self.clients.ids() {
            let reconnect = self.clients.views[view].following.reconnect;
            let connected = &mut self.clients.connected[view][node];
            if let (Some(closed), Some(reconnect), true) = (
                connected.closed,
                reconnect,
                connected.known && !connected.gone && !connected.shut_out,
            ) {
                connected.away = true;
                let back = reconnect.next(closed, cx.now) - cx.now;
                self.after(back, ClusterTimer::Follow { view, shard, node }, cx);
            }
        }
    }

    /// Keeps `silent_since` up to date.
    fn note_silence(&mut self, node: NodeId, cx: &mut Cx) {
        let silent = self.seen(node).writes == Reply::Silence;
        let since = &mut self.topology[node].silent_since;
        let before = *since;
        *since = match silent {
            true => since.or(Some(cx.now)),
            false => None,
        };
        if let (Some(since), false) = (before, silent) {
            self.close_impatient(node, cx.now - since, cx);
        }
    }

    /// A node may have become reachable or unreachable. Connections that were silent for too long
    /// have been closed meanwhile.
    pub(super) fn note_reach(&mut self, node: NodeId, cx: &mut Cx) {
        self.note_silence(node, cx);
        let lost = self.topology[node].fault == Some(Condition::HostLost);
        let reached = !lost && self.topology.clients_reach(node);
        let since = &mut self.topology[node].unreachable_since;
        match (reached, *since) {
            (false, None) => *since = Some(cx.now),
            (true, Some(from)) => {
                *since = None;
                self.close_silent(node, cx.now - from, cx.now);
                self.look_again(node, Occasion::Changed, cx);
                self.look_at(node, cx.now, cx);
            }
            (true, None) | (false, Some(_)) => {}
        }
    }

    /// Closes the connections of clients that do not wait that long for an unreachable node.
    fn close_silent(&mut self, node: NodeId, silent: SimDuration, now: SimTime) {
        for view in self.clients.that_know(node) {
            let following = &self.clients.views[view].following;
            if following.mode != ModeSpec::Cluster && silent >= following.leaves_unreachable() {
                self.clients.close(view, node, now);
            }
        }
    }

    /// Something happened to a node or to its connections that may make clients leave it.
    pub(super) fn look_again(&mut self, node: NodeId, occasion: Occasion, cx: &mut Cx) {
        let shard = self.topology[node].shard;
        for view in self.clients.that_use(node) {
            if occasion == Occasion::Closed {
                self.clients.close(view, node, cx.now);
            }
            let owner = self.clients.observed[shard];
            if self.topology.owners[shard] == owner
                && owner != node
                && self.clients.views[view].following.rule.is_some()
            {
                self.may_follow(view, shard, owner, occasion, cx);
            }
        }
    }

    /// How soon clients of a view know the published owner; `None` if nothing triggers a refresh.
    fn discovery_delay(
        &self,
        view: ViewId,
        shard: ShardId,
        occasion: Occasion,
        cx: &Cx,
    ) -> Option<SimDuration> {
        let following = self.clients.views[view].following;
        let Some(rule) = following.rule else {
            return Some(following.takes);
        };
        if rule.subscribes == Some(true) && occasion == Occasion::Published {
            return Some(following.takes);
        }
        let by_error = self.error_delay(view, shard, occasion, cx.now);
        let by_clock = rule
            .every
            .map(|every| self.next_tick(view, every, cx.now) - cx.now);
        let refreshes = match self.is_redirected(view, shard) {
            true => rule.on_moved.unwrap_or(rule.on_error),
            false => rule.on_error,
        };
        let by_error = by_error.filter(|_| refreshes);
        let first = by_error.into_iter().chain(by_clock).min();
        first.map(|first| first + following.takes)
    }

    /// The next periodic refresh. Each view has its own random phase, drawn once per trial.
    fn next_tick(&self, view: ViewId, every: SimDuration, now: SimTime) -> SimTime {
        let mut rng = self.control.key.child(2).at(view.index() as u64, 0);
        let first = SimTime::ZERO + every.scaled(rng.random());
        if now <= first || every == SimDuration::ZERO {
            return first.max(now);
        }
        let ticks = (now - first).as_nanos().div_ceil(every.as_nanos());
        first + every * ticks
    }

    /// Does the node that clients use redirect them (-MOVED)?
    fn is_redirected(&self, view: ViewId, shard: ShardId) -> bool {
        let node = self.known_to(view, shard);
        let cluster = self.clients.views[view].following.mode == ModeSpec::Cluster;
        cluster && self.redirects(node) && !self.clients.is_stranded(view, node)
    }

    /// How soon clients of a view get an error that triggers a refresh, given the state of the node
    /// they use.
    fn error_delay(
        &self,
        view: ViewId,
        shard: ShardId,
        occasion: Occasion,
        now: SimTime,
    ) -> Option<SimDuration> {
        let following = &self.clients.views[view].following;
        let rule = following.rule?;
        let node = self.known_to(view, shard);
        let connected = self.clients.connected[view][node];
        let cluster = following.mode == ModeSpec::Cluster;
        if let (Some(closed), Some(reconnect), false) =
            (connected.closed, following.reconnect, cluster)
        {
            return Some(reconnect.next(closed, now) - now);
        }
        let at_once = Some(SimDuration::ZERO);
        if connected.closed.is_some() || occasion == Occasion::Closed {
            return at_once;
        }
        match self.seen(node).writes {
            Reply::Silence => {
                let since = self.topology[node].silent_since.unwrap_or(now);
                let left = |after| since.saturating_add(after).saturating_since(now);
                let by_client = following.leaves_silence().map(left);
                let by_kernel = self.tcp_gives_up_in(node, following.tcp_gives_up, now);
                by_client.into_iter().chain(by_kernel).min()
            }
            _ if cluster => at_once,
            // A former primary that still accepts writes triggers nothing.
            Reply::Fine if self.is_replica(node) => {
                at_once.filter(|_| rule.on_readonly != Some(false))
            }
            Reply::Error(Cause::Refused) => at_once,
            Reply::Fine | Reply::Error(_) => None,
        }
    }

    /// When the kernel closes connections to a node, if its host is unreachable.
    fn tcp_gives_up_in(
        &self,
        node: NodeId,
        gives_up: SimDuration,
        now: SimTime,
    ) -> Option<SimDuration> {
        let since = self.topology[node].unreachable_since?;
        let at = since.saturating_add(gives_up);
        Some(at.saturating_since(now))
    }
}
