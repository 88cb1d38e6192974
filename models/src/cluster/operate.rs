//! What is done to a cluster from outside: faults, failovers by checks and people, larger nodes.

use sim::{SimDuration, SimTime};

use super::Cluster;
use super::control::member;
use super::node::{Change, Node, Script};
use super::replication::Link;
use crate::event::{ClusterTimer, Cx};
use crate::ids::{HostId, NodeId, ShardId};
use crate::redis::capability::{Condition, Reply};
use crate::spec::target::On;
use failover::cluster_bus::{BusInput, ManualFailover};

/// What a check demands of a candidate beyond that it accepts connections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Demand {
    /// Nothing.
    Reachable,
    /// It answers PING.
    Answers,
    /// It answers, and its usage is below this share of its limit.
    UsageBelow(f64),
}

/// What came of the wish to fail over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failover {
    /// This node is promoted, or stands for election.
    To(NodeId),
    /// Sentinel has accepted, and chooses by its own rules.
    BySentinel,
    /// No replica meets the demand.
    NoCandidate,
    /// A candidate there is, but Redis refuses, or no Sentinel takes the order.
    Refused,
}

impl Failover {
    /// It in words.
    pub fn words(self, cluster: &Cluster) -> String {
        match self {
            Failover::To(node) => format!("fails over to {}", cluster.node_name(node)),
            Failover::BySentinel => "has Sentinel fail over".to_owned(),
            Failover::NoCandidate => "no replica can take over".to_owned(),
            Failover::Refused => "the failover is refused".to_owned(),
        }
    }
}

impl Cluster {
    /// Promotes a replica of `shard` that meets the demand, or has it promoted.
    pub fn fail_over(&mut self, shard: ShardId, demand: Demand, cx: &mut Cx) -> Failover {
        let meets = |n: &NodeId| {
            let capabilities = self.seen(*n);
            match demand {
                Demand::Reachable => {
                    capabilities.tcp == Reply::Fine
                        && !matches!(self.replication[*n].link, Link::Loading(_))
                }
                Demand::Answers => capabilities.ping == Reply::Fine,
                Demand::UsageBelow(share) => {
                    capabilities.ping == Reply::Fine && self.node_usage(*n, cx.now) < share
                }
            }
        };
        let Some(candidate) = self.best_replica(shard, cx.now, meets) else {
            return Failover::NoCandidate;
        };
        if self.control.has_sentinels() {
            let accepted = self.ask_sentinels(shard, cx);
            self.settle(cx);
            return if accepted {
                Failover::BySentinel
            } else {
                Failover::Refused
            };
        }
        if self.control.bus().is_none() {
            self.on_promoted(shard, candidate, cx);
            self.all_follow(shard, candidate);
            self.settle(cx);
            return Failover::To(candidate);
        }
        // FORCE: the old primary is not asked, since it does not answer; a majority still votes.
        let force = BusInput::ManualFailover(member(candidate), ManualFailover::Force);
        let accepted = self.tell_bus(force, cx);
        self.settle(cx);
        if accepted {
            Failover::To(candidate)
        } else {
            Failover::Refused
        }
    }

    /// The shards whose owner uses at least this share of its limit; the fullest if none does.
    pub fn shards_from(&self, usage: f64, cx: &Cx) -> Vec<ShardId> {
        let mut full: Vec<ShardId> = self.shards().collect();
        full.retain(|shard| self.usage(*shard, cx.now) >= usage);
        if full.is_empty() {
            full.push(self.fullest_shard(cx.now));
        }
        full
    }

    /// The nodes that a fault strikes; `pick`, from 0 to 1, says which of several.
    pub fn struck(&self, on: On, pick: f64, now: SimTime) -> Vec<NodeId> {
        let fullest = self.fullest_shard(now);
        let owners = || self.shards().map(|shard| self.topology.owners[shard]);
        let is_owner = |node: NodeId| owners().any(|owner| owner == node);
        let replicas = || self.nodes().filter(|node| !is_owner(*node));
        let one = |nodes: Vec<NodeId>| {
            let place = (pick * nodes.len() as f64) as usize;
            nodes.get(place).copied().into_iter().collect()
        };
        match on {
            On::Primary => vec![self.topology.owners[fullest]],
            On::Replica => one(self.topology.replicas_of(fullest)),
            On::AnyPrimary => one(owners().collect()),
            On::AnyReplica => one(replicas().collect()),
            On::AnyNode => one(self.nodes().collect()),
            On::EveryPrimary => owners().collect(),
            On::EveryReplica => replicas().collect(),
            On::EveryNode => self.nodes().collect(),
        }
    }

    /// A process is killed, if there is one.
    pub fn crash(&mut self, node: NodeId, cx: &mut Cx) {
        if self.topology[node].fault == Some(Condition::HostLost) {
            return;
        }
        // A fault from outside says nothing about what a promotion was to cure.
        self.topology[node].promoted = None;
        self.change(node, Change::Fault(Some(Condition::Killed)), cx);
        self.settle(cx);
    }

    /// A process is asked to stop, if there is one, and started again.
    pub fn restart(&mut self, node: NodeId, cx: &mut Cx) {
        if !self.has_no_process(node) {
            self.shut_down(node);
            self.crash(node, cx);
        }
    }

    /// Does a node serve a shard?
    pub fn serves(&self, node: NodeId) -> bool {
        self.topology.owners[self.topology[node].shard] == node
    }

    /// A node stops answering for a while.
    pub fn hang(&mut self, node: NodeId, lasts: SimDuration, cx: &mut Cx) {
        self.stop_answering(node, lasts, cx);
        self.settle(cx);
    }

    /// A process that is there and answers stops answering for a while.
    pub(super) fn stop_answering(&mut self, node: NodeId, lasts: SimDuration, cx: &mut Cx) {
        let here = &mut self.topology[node];
        if here.fault.is_some() || lasts == SimDuration::ZERO {
            return;
        }
        here.hung_until = cx.now.saturating_add(lasts);
        self.change(node, Change::Fault(Some(Condition::Hung)), cx);
        self.drain(cx);
        self.after(lasts, ClusterTimer::FaultEnds(node), cx);
    }

    /// A node runs a script for so long: it answers nobody at first, and -BUSY from
    /// `busy-reply-threshold` on. One that has written cannot be killed.
    pub fn run_script(&mut self, node: NodeId, (lasts, writes): (SimDuration, bool), cx: &mut Cx) {
        let stood = self.topology[node].fault.is_some();
        self.stop_answering(node, lasts, cx);
        let threshold = self.redis.busy_reply_threshold();
        if !stood && threshold < lasts {
            self.topology[node].script = Some(Script { writes });
            self.after(threshold, ClusterTimer::SaysBusy(node), cx);
        }
        self.settle(cx);
    }

    /// A node that runs a script says so from now on.
    pub(super) fn says_busy(&mut self, node: NodeId, cx: &mut Cx) {
        let Node { fault, script, .. } = self.topology[node];
        if fault == Some(Condition::Hung) && script.is_some() {
            self.change(node, Change::Fault(Some(Condition::Busy)), cx);
        }
    }

    /// SCRIPT KILL: a script that has written goes on (-UNKILLABLE).
    pub(super) fn kill_script(&mut self, node: NodeId, cx: &mut Cx) {
        let Node { fault, script, .. } = self.topology[node];
        if fault == Some(Condition::Busy) {
            let killable = script.is_some_and(|script| !script.writes);
            cx.ledger.trace(cx.now, || {
                let what = if killable {
                    "is"
                } else {
                    "has written and is not"
                };
                format!(
                    "{}: its script {what} killed by a Sentinel",
                    self.node_name(node)
                )
            });
            if killable {
                self.change(node, Change::Fault(None), cx);
            }
        }
    }

    /// A host is gone for a while, with every node on it.
    pub fn lose_host(&mut self, host: HostId, lasts: SimDuration, cx: &mut Cx) {
        for node in self.topology.ids() {
            if self.topology[node].host == host {
                self.change(node, Change::Fault(Some(Condition::HostLost)), cx);
                self.drain(cx);
                self.after(lasts, ClusterTimer::HostBack(node), cx);
            }
        }
        self.set_sentinel_on(host, false, cx);
        self.after(lasts, ClusterTimer::SentinelBack { host }, cx);
        self.settle(cx);
    }

    pub(super) fn end_fault(&mut self, node: NodeId, cx: &mut Cx) {
        let Node {
            fault, hung_until, ..
        } = self.topology[node];
        let ends = matches!(fault, Some(Condition::Hung | Condition::Busy));
        if ends && hung_until <= cx.now {
            self.change(node, Change::Fault(None), cx);
        }
    }
}
