//! A network that is cut in two: which nodes and clients still reach each other.
//!
//! Some hosts are cut off from all others for a time, both ways. Clients, with their health checks,
//! are on one side; people reach both, and decide by what the clients' side shows. What follows is
//! not decided here: the bus loses packets, replicas lose their streams, clients wait.
//!
//! Left out: cuts one way only, cuts between single hosts, clients on both sides.

use sim::SimDuration;

use super::Cluster;
use crate::event::{ClusterTimer, Cx};
use crate::redis::capability::{Capabilities, Reply};
use failover::cluster_bus::Member;
use failover::sentinel::Party;

/// Hosts that are cut off from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The hosts of the smaller side, by number.
    pub hosts: Vec<usize>,
    /// Are clients on that side?
    pub with_clients: bool,
}

impl Cluster {
    /// The network is cut in two for a while, unless it already is.
    pub fn partition(&mut self, cut: Cut, lasts: SimDuration, cx: &mut Cx) {
        if self.cut.is_some() {
            cx.ledger.say(cx.now, || {
                format!("{} cluster: the network is cut already", self.name)
            });
            return;
        }
        let side = if cut.with_clients { "with" } else { "without" };
        cx.ledger.say(cx.now, || {
            let hosts: Vec<String> = cut.hosts.iter().map(usize::to_string).collect();
            let hosts = hosts.join(", ");
            format!(
                "{} cluster: hosts {hosts} are cut off, {side} the clients",
                self.name
            )
        });
        self.cut = Some(cut);
        self.cut_bus(true, cx);
        self.cut_sentinels(true, cx);
        for node in 0..self.nodes.len() {
            self.reconsider(node, cx);
            self.drain(cx);
        }
        self.after(lasts, ClusterTimer::Mended, cx);
        self.settle(cx);
    }

    /// The network is whole again: streams and packets come through, clients learn who owns what.
    pub(super) fn mend(&mut self, cx: &mut Cx) {
        cx.ledger.say(cx.now, || {
            format!("{} cluster: the network is whole again", self.name)
        });
        self.cut_bus(false, cx);
        self.cut_sentinels(false, cx);
        self.cut = None;
        for node in 0..self.nodes.len() {
            self.reconsider(node, cx);
            self.drain(cx);
        }
        for shard in self.shards() {
            let node = self.owners[shard];
            // Under Sentinel clients stay with a former primary until it cuts them off.
            let content = !self.sentinels.is_empty() && self.nodes[self.known_owner(shard)].primary;
            if !self.nodes[node].known && !content {
                self.let_follow(shard, node, SimDuration::ZERO, cx);
            }
        }
    }

    /// Tells the bus of a cut, or that it is over.
    pub(super) fn cut_bus(&mut self, cut: bool, cx: &mut Cx) {
        for from in 0..self.nodes.len() {
            for to in 0..self.nodes.len() {
                if self.reaches(from, to) {
                    continue;
                }
                let [from, to] = [from, to].map(|node| Member(node as u16));
                self.with_bus(cx, |bus, now, out| {
                    bus.set_reachable(now, from, to, !cut, out)
                });
                self.drain(cx);
            }
        }
    }

    /// Tells the Sentinels of a cut, or that it is over.
    fn cut_sentinels(&mut self, cut: bool, cx: &mut Cx) {
        for shard in 0..self.sentinels.len() {
            let parties = self.parties(shard);
            let off = |host: usize| self.host_is_cut_off(host);
            let across = |(a, b): &((Party, usize), (Party, usize))| off(a.1) != off(b.1);
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

    /// Can these two nodes talk?
    pub(super) fn reaches(&self, one: usize, other: usize) -> bool {
        self.is_cut_off(one) == self.is_cut_off(other)
    }

    /// Can clients talk to a node?
    pub(super) fn clients_reach(&self, node: usize) -> bool {
        self.clients_reach_host(self.nodes[node].host)
    }

    /// Can clients talk to what stands on a host?
    pub(super) fn clients_reach_host(&self, host: usize) -> bool {
        let with_clients = self.cut.as_ref().is_none_or(|cut| cut.with_clients);
        self.cut.is_none() || self.host_is_cut_off(host) == with_clients
    }

    fn is_cut_off(&self, node: usize) -> bool {
        self.host_is_cut_off(self.nodes[node].host)
    }

    fn host_is_cut_off(&self, host: usize) -> bool {
        self.cut
            .as_ref()
            .is_some_and(|cut| cut.hosts.contains(&host))
    }

    /// What a node does for those who ask from where the clients are.
    pub fn seen(&self, node: usize) -> Capabilities {
        let can = self.nodes[node].capabilities();
        if self.clients_reach(node) {
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
