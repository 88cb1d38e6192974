//! A network that is cut in two: which nodes and clients still reach each other.
//!
//! Some hosts are cut off from all others for a time, both ways. Clients, with their health checks,
//! are on one side; people reach both, and decide by what the clients' side shows. What follows is
//! not decided here: the bus loses packets, replicas lose their streams, clients wait.
//!
//! Left out: cuts one way only, cuts between single hosts, clients on both sides.

use sim::SimDuration;

use super::{Cluster, ClusterTimer};
use crate::event::Cx;
use crate::failover::cluster_bus::Member;
use crate::redis::capability::{Capabilities, Reply};

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
        for node in 0..self.nodes.len() {
            self.reconsider(node, cx);
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
        self.cut = None;
        for node in 0..self.nodes.len() {
            self.reconsider(node, cx);
        }
        for shard in self.shards() {
            let node = self.owners[shard];
            if !self.nodes[node].known {
                self.after(self.follow, ClusterTimer::Follow { shard, node }, cx);
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
            }
        }
    }

    /// Can these two nodes talk?
    pub(super) fn reaches(&self, one: usize, other: usize) -> bool {
        self.is_cut_off(one) == self.is_cut_off(other)
    }

    /// Can clients talk to a node?
    pub(super) fn clients_reach(&self, node: usize) -> bool {
        let with_clients = self.cut.as_ref().is_none_or(|cut| cut.with_clients);
        self.cut.is_none() || self.is_cut_off(node) == with_clients
    }

    fn is_cut_off(&self, node: usize) -> bool {
        let host = self.nodes[node].host;
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
