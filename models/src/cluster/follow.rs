//! How clients come to know a shard's new owner.
//!
//! A promotion is one thing; that the new owner is *named* (by the nodes of a Redis Cluster, by a
//! Sentinel, by DNS) another; and that a client looks a third. It knows the owner when it looks and
//! the owner is named, `takes` later.
//!
//! ```text
//!  the node they know      cluster                sentinel, dns
//!  sends them on           at once                with its connection closed, or if -READONLY
//!                                                 makes it connect anew
//!  is gone, refuses        at once                at the next try to connect
//!  hangs                   when a command is given up, if that counts as an error: many are under
//!                          way, so the first one after that stands for all
//!  its host is silent      the same               the same, or when the kernel gives up (15 min)
//!  (whatever it does)      at the next tick of their clock, or as told, if they have one or are
//! ```
//!
//! A client without a command timeout that waits for a node which neither answers nor closes the
//! connection learns nothing until its clock ticks, or until its servers are restarted. In mode
//! `address` a client looks nowhere: it is told by the check or the person that promotes a replica.
//! In mode `proxy` the proxy looks, by its own clock, and its clients are where it is.
//!
//! Every service follows for itself, so two of them may hold different nodes for the owner of a
//! shard at one time. Services whose libraries follow in the same way share a view. So do the
//! processes of a service, unless they look by a clock: then each has its own.
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

/// How clients find out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Following {
    /// Whom they ask.
    mode: ModeSpec,
    /// From looking to knowing.
    takes: SimDuration,
    /// What makes them look; absent: every promotion is told to them.
    rule: Option<FollowsSpec>,
    /// When a command without a reply is given up.
    gives_up: Option<SimDuration>,
    /// When the kernel gives up a connection to a host that is silent.
    tcp_gives_up: SimDuration,
    /// When they try to connect again.
    reconnect: Option<ReconnectSpec>,
}

/// What happens to clients, so that they may look for a shard's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A new owner is named by those whom clients may ask.
    Named,
    /// The node that they know does something else.
    Changed,
    /// Their connections to it have been closed.
    Closed,
}

impl Following {
    /// Nobody is there to look.
    pub const NOBODY: Following = Following {
        mode: ModeSpec::Address,
        takes: SimDuration::ZERO,
        rule: None,
        gives_up: None,
        tcp_gives_up: TCP_GIVES_UP,
        reconnect: None,
    };

    pub fn of(client: &ClientSpec, failover: &FailoverSpec) -> Following {
        let mode = client.asks(failover);
        let by_hand = matches!(
            failover,
            FailoverSpec::Application {} | FailoverSpec::None {}
        );
        let rule = match mode {
            ModeSpec::Cluster | ModeSpec::Sentinel | ModeSpec::Dns => client.follows,
            // Whoever promotes a replica by hand tells clients its address.
            ModeSpec::Address if by_hand => None,
            ModeSpec::Address => Some(FollowsSpec::NEVER),
            ModeSpec::Proxy => Some(FollowsSpec {
                every: client.follows.and_then(|follows| follows.every),
                ..FollowsSpec::NEVER
            }),
        };
        Following {
            mode,
            takes: client.topology_refresh,
            rule,
            gives_up: client.command_timeout,
            tcp_gives_up: client.tcp_user_timeout.unwrap_or(TCP_GIVES_UP),
            reconnect: client.reconnect,
        }
    }

    /// Does chance decide when clients look, so that two of them look at different times?
    pub fn is_drawn(&self) -> bool {
        self.rule.is_some_and(|rule| rule.every.is_some())
    }

    /// Do clients ask, when their servers start, or are they told, who owns a shard? Not if they
    /// hold the address of the first primary whatever happens.
    pub fn asks_somebody(&self) -> bool {
        self.mode != ModeSpec::Address || self.rule.is_none()
    }

    /// After how long a command without a reply closes its connection.
    fn gives_up_on_command(&self) -> Option<SimDuration> {
        let rule = self.rule?;
        self.gives_up.filter(|_| rule.on_timeout != Some(false))
    }

    /// After how long clients leave a node that is silent, whatever its host does.
    fn leaves_silence(&self) -> Option<SimDuration> {
        let silent_for = self.rule?.silent_for;
        self.gives_up_on_command()
            .into_iter()
            .chain(silent_for)
            .min()
    }
}

impl Cluster {
    /// A shard's new owner will be named in `after`.
    pub(super) fn name_owner(
        &mut self,
        shard: ShardId,
        node: NodeId,
        after: SimDuration,
        cx: &mut Cx,
    ) {
        if after == SimDuration::ZERO {
            self.on_named(shard, node, cx);
        } else {
            self.after(after, ClusterTimer::Named { shard, node }, cx);
        }
    }

    /// A check connects anew each time, so it asks the owner as soon as that one is named, whatever
    /// the clients of the services do. So do people.
    pub(super) fn observe_owner(&mut self, shard: ShardId) {
        let owner = self.topology.owners[shard];
        if self.topology.clients_reach(owner) {
            self.clients.observed[shard] = owner;
        }
    }

    /// A shard's new owner is named: whoever asks is told.
    pub(super) fn on_named(&mut self, shard: ShardId, node: NodeId, cx: &mut Cx) {
        if self.topology.owners[shard] != node {
            return;
        }
        self.observe_owner(shard);
        for view in self.clients.ids() {
            self.may_follow(view, shard, node, Occasion::Named, cx);
        }
    }

    /// Clients who share a view may come to know that `node` owns the shard.
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

    /// Clients have learnt of a shard's new owner.
    pub(super) fn on_follow(&mut self, view: ViewId, shard: ShardId, node: NodeId, cx: &mut Cx) {
        let Connected {
            known, gone, away, ..
        } = self.clients.connected[view][node];
        if known && away {
            self.on_back(view, node, cx.now);
            return;
        }
        // Nobody tells clients of a node that they cannot reach; they ask again when they can.
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
        self.clients.go_to(&self.topology, view, shard, node);
        self.clients.end_losses(view, shard, cx);
        self.take_writes(shard, cx.now);
        self.after(
            self.redis.reconnect_ramp,
            ClusterTimer::Ramped { view, node },
            cx,
        );
    }

    /// Clients try to connect again to the node that they know.
    fn on_back(&mut self, view: ViewId, node: NodeId, now: SimTime) {
        if self.seen(node).tcp == Reply::Fine {
            let connected = &mut self.clients.connected[view][node];
            (connected.away, connected.closed) = (false, None);
            self.take_writes(self.topology[node].shard, now);
        }
    }

    pub(super) fn on_ramped(&mut self, view: ViewId, node: NodeId, cx: &mut Cx) {
        let Connected { known, loaded, .. } = self.clients.connected[view][node];
        if known && !loaded {
            self.clients.set_loaded(view, node, true);
            cx.ledger.trace(cx.now, || {
                let (who, node) = (self.clients.name(view), self.node_name(node));
                format!("{node}: all {who} have reconnected, with their buffers")
            });
        }
    }

    /// The node that clients know does something else now: they may look again.
    pub(super) fn rediscover(&mut self, node: NodeId, cx: &mut Cx) {
        // A process that is gone, or that was started again, has closed its connections.
        let closed = matches!(self.condition(node), Condition::Killed | Condition::Loading)
            && self.topology.clients_reach(node);
        let occasion = match closed {
            true => Occasion::Closed,
            false => Occasion::Changed,
        };
        if closed {
            self.clients.close_all(node, cx.now);
        }
        let accepts = self.seen(node).tcp == Reply::Fine;
        if accepts {
            self.connect_again(node, cx);
        }
        if !closed && accepts {
            self.clients.connect(node);
        }
        self.look_again(node, occasion, cx);
    }

    /// A node accepts connections: clients whose connections were closed are back at their next
    /// try.
    fn connect_again(&mut self, node: NodeId, cx: &mut Cx) {
        let shard = self.topology[node].shard;
        for view in self.clients.ids() {
            let reconnect = self.clients.views[view].following.reconnect;
            let connected = &mut self.clients.connected[view][node];
            if let (Some(closed), Some(reconnect), true) = (
                connected.closed,
                reconnect,
                connected.known && !connected.gone,
            ) {
                connected.away = true;
                let back = reconnect.next(closed, cx.now) - cx.now;
                self.after(back, ClusterTimer::Follow { view, shard, node }, cx);
            }
        }
    }

    /// Nothing comes from a node any more, or something does.
    fn note_silence(&mut self, node: NodeId, now: SimTime) {
        let silent = self.seen(node).writes == Reply::Silence;
        let since = &mut self.topology[node].silent_since;
        *since = match silent {
            true => since.or(Some(now)),
            false => None,
        };
    }

    /// Packets of clients may reach a node again, or no more. Connections that were silent for too
    /// long are closed by then.
    pub(super) fn note_reach(&mut self, node: NodeId, cx: &mut Cx) {
        self.note_silence(node, cx.now);
        let lost = self.topology[node].fault == Some(Condition::HostLost);
        let reached = !lost && self.topology.clients_reach(node);
        let since = &mut self.topology[node].unreachable_since;
        match (reached, *since) {
            (false, None) => *since = Some(cx.now),
            (true, Some(from)) => {
                *since = None;
                self.close_silent(node, cx.now - from, cx.now);
                self.look_again(node, Occasion::Changed, cx);
            }
            (true, None) | (false, Some(_)) => {}
        }
    }

    /// Clients have closed their connections to a node that was silent for so long.
    fn close_silent(&mut self, node: NodeId, silent: SimDuration, now: SimTime) {
        for view in self.clients.that_know(node) {
            let following = &self.clients.views[view].following;
            let closes = following.leaves_silence();
            let closes = closes.map_or(following.tcp_gives_up, |by_client| {
                by_client.min(following.tcp_gives_up)
            });
            if following.mode != ModeSpec::Cluster && silent >= closes {
                self.clients.close(view, node, now);
            }
        }
    }

    /// Something has happened to clients of a node, or to its connections.
    pub(super) fn look_again(&mut self, node: NodeId, occasion: Occasion, cx: &mut Cx) {
        let shard = self.topology[node].shard;
        for view in self.clients.that_look_for(node) {
            if occasion == Occasion::Closed {
                self.clients.close(view, node, cx.now);
            }
            let named = self.clients.observed[shard];
            if self.topology.owners[shard] == named
                && named != node
                && self.clients.views[view].following.rule.is_some()
            {
                self.may_follow(view, shard, named, occasion, cx);
            }
        }
    }

    /// How soon clients of a shard know the owner that is named; `None` if nothing makes them look.
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
        if rule.subscribes == Some(true) && occasion == Occasion::Named {
            return Some(following.takes);
        }
        let by_error = self.error_delay(view, shard, occasion, cx.now);
        let by_clock = rule
            .every
            .map(|every| self.next_tick(view, every, cx.now) - cx.now);
        let looks = match self.is_sent_on(view, shard) {
            true => rule.on_moved.unwrap_or(rule.on_error),
            false => rule.on_error,
        };
        let by_error = by_error.filter(|_| looks);
        let first = by_error.into_iter().chain(by_clock).min();
        first.map(|first| first + following.takes)
    }

    /// When the clock of clients ticks next: at a phase of its own, whatever happens to servers.
    fn next_tick(&self, view: ViewId, every: SimDuration, now: SimTime) -> SimTime {
        let mut rng = self.control.key.child(2).at(view.index() as u64, 0);
        let first = SimTime::ZERO + every.scaled(rng.random());
        if now <= first || every == SimDuration::ZERO {
            return first.max(now);
        }
        let ticks = (now - first).as_nanos().div_ceil(every.as_nanos());
        first + every * ticks
    }

    /// Does the node that clients take for the owner send them on (-MOVED)?
    fn is_sent_on(&self, view: ViewId, shard: ShardId) -> bool {
        let node = self.known_to(view, shard);
        let cluster = self.clients.views[view].following.mode == ModeSpec::Cluster;
        cluster
            && self.is_replica(node)
            && self.seen(node).tcp == Reply::Fine
            && !self.clients.is_stranded(view, node)
            && !matches!(self.seen(node).writes, Reply::Silence)
    }

    /// How soon clients of a shard meet an error that makes them look, as its owner is now.
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
                // Commands that were sent since then are given up one after the other.
                let since = self.topology[node].silent_since.unwrap_or(now);
                let left = |after| since.saturating_add(after).saturating_since(now);
                let by_client = following.leaves_silence().map(left);
                let by_kernel = self.tcp_gives_up_in(node, following.tcp_gives_up, now);
                by_client.into_iter().chain(by_kernel).min()
            }
            _ if cluster => at_once,
            // To them a former primary is as good as any while it takes writes.
            Reply::Fine if self.is_replica(node) => {
                at_once.filter(|_| rule.on_readonly != Some(false))
            }
            Reply::Error(Cause::Refused) => at_once,
            Reply::Fine | Reply::Error(_) => None,
        }
    }

    /// In how long the kernels of clients give up their connections to a node, if its host is
    /// silent.
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
