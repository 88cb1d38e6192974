//! What is done to a cluster from outside: faults, failovers by checks and people, larger nodes.

use sim::SimDuration;
use sim::quantity::Factor;

use super::tables::Tables;
use super::{Child, Cluster, ClusterTimer};
use crate::event::Cx;
use crate::failover::cluster_bus::{ManualFailover, Member};
use crate::redis::capability::{Condition, Reply};
use crate::redis::memory::NodeMemory;

/// Larger nodes that are being made ready.
#[derive(Clone, Debug, Default)]
pub(super) struct Plans {
    made: u32,
    pending: Vec<Resize>,
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

impl Cluster {
    /// Promotes a replica of `shard` that meets the demand; `None` if there is none, or none could
    /// be promoted. Which node it was is told.
    pub fn fail_over(&mut self, shard: usize, demand: Demand, cx: &mut Cx) -> Option<usize> {
        let meets = |n: &usize| {
            let capabilities = self.nodes[*n].capabilities();
            match demand {
                Demand::Reachable => capabilities.tcp == Reply::Fine,
                Demand::Answers => capabilities.ping == Reply::Fine,
                Demand::UsageBelow(share) => {
                    capabilities.ping == Reply::Fine && self.node_usage(*n, cx.now) < share
                }
            }
        };
        let candidate = self.replicas_of(shard).into_iter().find(meets)?;
        if self.bus.is_none() {
            let old = self.owners[shard];
            self.nodes[old].primary = false;
            self.nodes[old].in_sync = false;
            self.on_promoted(shard, candidate, cx);
            self.settle(cx);
            return Some(candidate);
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
        accepted.then_some(candidate)
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
            self.stopped[shard] = None;
        }
        self.bus = self.new_bus(cx.now);
        self.tell_bus_ok(cx);
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
        let first = self.nodes.iter().position(|node| node.shard == shard);
        let first = first.expect("a shard has nodes");
        for n in 0..self.nodes.len() {
            let node = &mut self.nodes[n];
            if node.shard != shard {
                continue;
            }
            node.bytes *= factor.get();
            node.memory = NodeMemory::new(&self.redis, node.bytes);
            node.fault = None;
            node.trouble = None;
            node.child = Child::default();
            node.slow = None;
            node.primary = n == first;
            node.known = n == first;
            node.loaded = false;
            node.in_sync = true;
            node.promoted = None;
            self.sync_attempts[n] += 1;
            self.plan_saves(n, self.save_key, cx);
        }
        let held = self.growth.held_at(cx.now).share(self.shares[shard]);
        self.tables[shard] = Tables::loaded(held, cx.now);
        self.owners[shard] = first;
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

    /// Shards whose owner, as clients know it, does not serve, although its memory is not to blame.
    pub fn shards_without_owner(&self, resize_from: f64, cx: &Cx) -> Vec<usize> {
        let faulty = |shard: &usize| {
            let owner = self.known_owner(*shard);
            self.nodes[owner].fault.is_some() && self.usage(*shard, cx.now) < resize_from
        };
        self.shards().filter(faulty).collect()
    }

    /// People mend a shard whose owner is gone: they promote a replica that answers, or, if there
    /// is none, start the owner again.
    pub fn repair(&mut self, shard: usize, cx: &mut Cx) {
        if self.fail_over(shard, Demand::Answers, cx).is_none() {
            let owner = self.owners[shard];
            self.change(owner, cx, |node| node.fault = None);
            self.settle(cx);
        }
    }

    /// The owner of a shard is killed.
    pub fn crash(&mut self, shard: usize, cx: &mut Cx) {
        let owner = self.owners[shard];
        self.change(owner, cx, |node| node.fault = Some(Condition::Killed));
        self.settle(cx);
    }

    /// The owner of a shard stops answering for a while.
    pub fn hang(&mut self, shard: usize, lasts: SimDuration, cx: &mut Cx) {
        let owner = self.owners[shard];
        self.change(owner, cx, |node| node.fault = Some(Condition::Hung));
        self.after(lasts, ClusterTimer::FaultEnds(owner), cx);
        self.settle(cx);
    }

    pub(super) fn end_fault(&mut self, node: usize, cx: &mut Cx) {
        if self.nodes[node].fault == Some(Condition::Hung) {
            self.change(node, cx, |node| node.fault = None);
        }
    }
}
