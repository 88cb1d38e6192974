//! A network that is cut in two: which nodes and clients still reach each other.
//!
//! Some hosts are cut off from all others for a time, both ways. Clients, with their health checks,
//! are on one side; people reach both, and decide by what the clients' side shows. What follows is
//! not decided here: the bus loses packets, replicas lose their streams, clients wait.
//!
//! Left out: cuts one way only, cuts between single hosts, clients on both sides.

use sim::SimDuration;

use super::Cluster;
use super::control::member;
use super::follow::Occasion;
use super::topology::NetworkCut;
use crate::event::{ClusterTimer, Cx};
use crate::ids::{HostId, Id, NodeId};
use crate::redis::capability::{Capabilities, Reply};
use failover::cluster_bus::BusInput;
use failover::sentinel::Party;

impl Cluster {
    /// Partitions the network for a while, unless it already is.
    pub fn partition(&mut self, cut: NetworkCut, lasts: SimDuration, cx: &mut Cx) {
        if self.topology.cut.is_some() {
            cx.ledger.trace(cx.now, || {
                format!("{} cluster: already partitioned", self.plan.name)
            });
            return;
        }
        let side = if cut.with_clients { "with" } else { "without" };
        cx.ledger.trace(cx.now, || {
            let hosts = cut.hosts.iter().map(|host| host.index().to_string());
            let hosts: Vec<String> = hosts.collect();
            let hosts = hosts.join(", ");
            format!(
                "{} cluster: partition, hosts {hosts} are cut off {side} the clients",
                self.plan.name
            )
        });
        self.topology.cut = Some(cut);
        self.cut_bus(true, cx);
        self.cut_sentinels(true, cx);
        for node in self.topology.ids() {
            self.reconsider(node, cx);
            self.drain(cx);
            self.note_reach(node, cx);
        }
        self.notify_provider_of_reach(cx);
        self.after(lasts, ClusterTimer::PartitionHealed, cx);
        self.settle(cx);
    }

    /// The partition heals: streams and packets come through, clients learn the owners.
    pub(super) fn heal_partition(&mut self, cx: &mut Cx) {
        cx.ledger.trace(cx.now, || {
            format!("{} cluster: the partition has healed", self.plan.name)
        });
        self.cut_bus(false, cx);
        self.cut_sentinels(false, cx);
        self.topology.cut = None;
        for node in self.topology.ids() {
            self.replication[node].left_by.clear();
            self.reconsider(node, cx);
            self.drain(cx);
        }
        for shard in self.shards() {
            let node = self.topology.owners[shard];
            self.observe_owner(shard);
            for view in self.clients.ids() {
                let known = self.known_to(view, shard);
                // Under Sentinel clients keep using a former primary until it closes their
                // connections.
                let content = self.control.has_sentinels() && self.topology[known].primary;
                if known != node && !content {
                    self.may_follow(view, shard, node, Occasion::Published, cx);
                }
            }
        }
        for node in self.topology.ids() {
            self.note_reach(node, cx);
        }
        self.notify_provider_of_reach(cx);
    }

    /// Tells the bus of a cut, or that it is over.
    pub(super) fn cut_bus(&mut self, cut: bool, cx: &mut Cx) {
        for from in self.topology.ids() {
            for to in self.topology.ids() {
                if self.topology.reaches(from, to) {
                    continue;
                }
                let [from, to] = [from, to].map(member);
                self.tell_bus(BusInput::Reachable(from, to, !cut), cx);
                self.drain(cx);
            }
        }
    }

    /// Tells the Sentinels of a cut, or that it is over.
    fn cut_sentinels(&mut self, cut: bool, cx: &mut Cx) {
        for shard in self.shards() {
            let parties = self.parties(shard);
            let off = |host: HostId| self.topology.is_cut_off(host);
            let across = |(a, b): &((Party, HostId), (Party, HostId))| off(a.1) != off(b.1);
            let pairs = parties
                .iter()
                .flat_map(|a| parties.iter().map(|b| (*a, *b)));
            let pairs: Vec<_> = pairs.filter(across).collect();
            self.with_sentinels(shard, cx, |group, now, out| {
                for ((from, _), (to, _)) in pairs {
                    // No group tells data nodes of each other.
                    if let (Party::Node(_), Party::Node(_)) = (from, to) {
                        continue;
                    }
                    group.set_reachable(now, from, to, !cut, out);
                }
            });
            self.drain(cx);
        }
    }

    /// What a node does for those who ask from where the clients are.
    pub fn seen(&self, node: NodeId) -> Capabilities {
        let can = self.capabilities(node);
        if self.topology.clients_reach(node) {
            return can;
        }
        let silence = Reply::Silence;
        Capabilities {
            tcp: silence,
            ping: silence,
            reads: silence,
            writes: silence,
            ..can
        }
    }
}
