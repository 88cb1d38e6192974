//! What is done to a cluster from outside: faults, failovers by checks and people, larger nodes.

use sim::SimDuration;
use sim::quantity::Factor;

use super::node::{Change, Link};
use super::tables::Tables;
use super::{Child, Cluster};
use crate::event::{ClusterTimer, Cx};
use crate::redis::capability::{Condition, Reply};
use crate::redis::memory::NodeMemory;
use failover::cluster_bus::{ManualFailover, Member};

/// Larger nodes that are being made ready.
#[derive(Clone, Debug, Default)]
pub(super) struct Plans {
    made: u32,
    pending: Vec<Resize>,
}

impl Plans {
    /// Are the nodes of this plan still to come?
    pub fn awaits(&self, plan: u32) -> bool {
        self.pending.iter().any(|resize| resize.number == plan)
    }
}

/// Larger nodes for some shards.
#[derive(Clone, Debug)]
struct Resize {
    number: u32,
    shards: Vec<usize>,
    factor: Factor,
    interruption: SimDuration,
}

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
    To(usize),
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
            Failover::NoCandidate => "no replica is fit to take over".to_owned(),
            Failover::Refused => "the failover is refused".to_owned(),
        }
    }
}

impl Cluster {
    /// Promotes a replica of `shard` that meets the demand, or has it promoted.
    pub fn fail_over(&mut self, shard: usize, demand: Demand, cx: &mut Cx) -> Failover {
        let meets = |n: &usize| {
            let capabilities = self.seen(*n);
            match demand {
                Demand::Reachable => {
                    capabilities.tcp == Reply::Fine
                        && !matches!(self.nodes[*n].link, Link::Loading(_))
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
        if !self.sentinels.is_empty() {
            let accepted = self.ask_sentinels(shard, cx);
            self.settle(cx);
            return if accepted {
                Failover::BySentinel
            } else {
                Failover::Refused
            };
        }
        if self.bus.is_none() {
            self.on_promoted(shard, candidate, cx);
            self.all_follow(shard, candidate);
            self.settle(cx);
            return Failover::To(candidate);
        }
        // FORCE: the old primary is not asked, since it does not answer; a majority still votes.
        let mut accepted = true;
        self.with_bus(cx, |bus, now, out| {
            let member = Member(candidate as u16);
            accepted = bus
                .manual_failover(now, member, ManualFailover::Force, out)
                .is_ok();
        });
        self.settle(cx);
        if accepted {
            Failover::To(candidate)
        } else {
            Failover::Refused
        }
    }

    /// Larger nodes for `shards` will exist after `provision`, have their data after a full copy
    /// from a replica, and then take over. The number names the plan.
    pub fn plan_resize(
        &mut self,
        shards: Vec<usize>,
        factor: Factor,
        provision: SimDuration,
        interruption: SimDuration,
        cx: &mut Cx,
    ) -> u32 {
        let copy = shards
            .iter()
            .map(|shard| self.full_sync(*shard, cx.now))
            .max();
        let copy = copy.expect("a resize names a shard");
        self.plans.made += 1;
        let number = self.plans.made;
        let second = SimDuration::from_secs(1);
        let (ready, copied) = (provision.rounded_to(second), copy.rounded_to(second));
        cx.ledger.say(cx.now, || {
            format!(
                "{} cluster: larger nodes in {ready}, then a full copy in {copied}",
                self.name
            )
        });
        self.plans.pending.push(Resize {
            number,
            shards,
            factor,
            interruption,
        });
        self.after(provision + copy, ClusterTimer::CutOver { plan: number }, cx);
        number
    }

    /// Gives a plan up.
    pub fn abandon(&mut self, plan: u32) {
        self.plans.pending.retain(|resize| resize.number != plan);
    }

    pub(super) fn on_cut_over(&mut self, plan: u32, cx: &mut Cx) -> bool {
        let Some(found) = self
            .plans
            .pending
            .iter()
            .position(|resize| resize.number == plan)
        else {
            return false;
        };
        let resize = self.plans.pending.remove(found);
        for shard in &resize.shards {
            self.replace_nodes(*shard, resize.factor, cx);
        }
        for shard in self.shards() {
            self.set_up_anew(shard, cx);
        }
        self.bus = self.new_bus(cx.now);
        self.cut_bus(true, cx);
        self.tell_bus_ok(cx);
        self.sentinels = self.new_sentinels(cx.now);
        self.tell_sentinels_ok(cx);
        self.cutting_over = true;
        self.after(resize.interruption, ClusterTimer::CutOverDone, cx);
        cx.ledger.say(cx.now, || {
            format!("{} cluster: larger nodes take over", self.name)
        });
        true
    }

    /// New, larger nodes with all of the shard's data; the first is the primary. The cluster's
    /// state is set up anew, so the bus starts from a healthy one.
    fn replace_nodes(&mut self, shard: usize, factor: Factor, cx: &mut Cx) {
        self.record_evictions(shard, cx.now);
        let gone = self.evictions.bytes(shard);
        let first = self.nodes.iter().position(|node| node.shard == shard);
        let first = first.expect("a shard has nodes");
        for n in 0..self.nodes.len() {
            let node = &mut self.nodes[n];
            if node.shard != shard {
                continue;
            }
            node.bytes *= factor.get();
            node.memory = NodeMemory::new(&self.redis, node.bytes).without(gone);
            node.fault = None;
            node.trouble = None;
            node.child = Child::default();
            node.slow = None;
            node.primary = n == first;
            node.read_only = false;
            node.known = n == first;
            node.loaded = false;
            node.forking = None;
            node.promoted = None;
            self.plan_saves(n, self.save_key, cx);
        }
        let held = self.growth.held_at(cx.now).share(self.shares[shard]);
        self.tables[shard] = Tables::loaded(held, cx.now);
        self.owners[shard] = first;
        self.copy_all(shard, cx);
        self.after(self.redis.reconnect_ramp, ClusterTimer::Ramped(first), cx);
    }

    /// The shards whose owner uses at least this share of its limit; the fullest if none does.
    pub fn shards_from(&self, usage: f64, cx: &Cx) -> Vec<usize> {
        let mut full: Vec<usize> = self.shards().collect();
        full.retain(|shard| self.usage(*shard, cx.now) >= usage);
        if full.is_empty() {
            full.push(self.fullest_shard(cx.now));
        }
        full
    }

    /// The owner of a shard is killed.
    pub fn crash(&mut self, shard: usize, cx: &mut Cx) {
        let owner = self.owners[shard];
        // A fault from outside says nothing about what a promotion was to cure.
        self.nodes[owner].promoted = None;
        self.change(owner, Change::Fault(Some(Condition::Killed)), cx);
        self.settle(cx);
    }

    /// The owner of a shard stops answering for a while.
    pub fn hang(&mut self, shard: usize, lasts: SimDuration, cx: &mut Cx) {
        let owner = self.owners[shard];
        self.change(owner, Change::Fault(Some(Condition::Hung)), cx);
        self.drain(cx);
        self.after(lasts, ClusterTimer::FaultEnds(owner), cx);
        self.settle(cx);
    }

    /// A host is gone for a while, with every node on it.
    pub fn lose_host(&mut self, host: usize, lasts: SimDuration, cx: &mut Cx) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].host == host {
                self.change(node, Change::Fault(Some(Condition::HostLost)), cx);
                self.drain(cx);
                self.after(lasts, ClusterTimer::HostBack(node), cx);
            }
        }
        self.set_sentinel_on(host, false, cx);
        self.after(lasts, ClusterTimer::SentinelBack { host }, cx);
        self.settle(cx);
    }

    pub(super) fn end_fault(&mut self, node: usize, cx: &mut Cx) {
        if self.nodes[node].fault == Some(Condition::Hung) {
            self.change(node, Change::Fault(None), cx);
        }
    }
}
