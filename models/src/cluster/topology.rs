//! Where a cluster's nodes stand, which of them owns which shard, and which nodes can reach each
//! other.

use std::ops::{Index, IndexMut, Range};

use super::node::Node;
use crate::ids::{Fleet, HostId, Id, NodeId, ShardId};
use crate::layout::ClusterPlan;
use crate::spec::RedisSpec;
use crate::spec::redis::host_of;
use failover::sentinel;

/// The nodes of a cluster, its shards, and the network between them.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    /// The cluster's name, with which those of its nodes begin.
    name: String,
    /// How many nodes each shard was made with.
    per_shard: usize,
    hosts: usize,
    /// How many of the shards have joined; the others wait for people or an autoscaler, empty.
    pub joined: usize,
    pub nodes: Fleet<NodeId, Node>,
    /// The nodes of each shard, in order.
    members: Fleet<ShardId, Vec<NodeId>>,
    /// Share of the datasets in each shard.
    pub shares: Fleet<ShardId, f64>,
    /// That share at the start.
    pub asked: Fleet<ShardId, f64>,
    /// The node that owns each shard, as its majority sees it.
    pub owners: Fleet<ShardId, NodeId>,
    /// Hosts that are cut off from the others at present.
    pub cut: Option<NetworkCut>,
}

/// Hosts that are cut off from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkCut {
    /// The hosts of the smaller side.
    pub hosts: Vec<HostId>,
    /// Are clients on that side?
    pub with_clients: bool,
}

impl Topology {
    /// Primaries and replicas shard by shard, dealt round the hosts so that no shard doubles up,
    /// with room for `most` shards in all.
    pub fn new(plan: &ClusterPlan, redis: &RedisSpec, most: u16) -> Topology {
        let per_shard = 1 + usize::from(redis.replicas);
        let hosts = usize::from(redis.hosts);
        let asked = shares(redis);
        let more = usize::from(most).saturating_sub(asked.len());
        let held = asked.values().copied();
        let shares: Fleet<ShardId, f64> = held.chain(vec![0.0; more]).collect();
        let node = |i: usize| {
            let shard = ShardId::from_index(i / per_shard);
            let host = usize::from(host_of(i, redis.hosts));
            let memory = (redis, plan.node_memory);
            let primary = i.is_multiple_of(per_shard);
            Node::new(shard, HostId::from_index(host), memory, primary)
        };
        let made = |shard: ShardId, place| NodeId::from_index(shard.index() * per_shard + place);
        let first = |shard| made(shard, 0);
        let members = |shard| (0..per_shard).map(|place| made(shard, place)).collect();
        Topology {
            name: plan.name.clone(),
            per_shard,
            hosts,
            nodes: (0..shares.len() * per_shard).map(node).collect(),
            members: shares.ids().map(members).collect(),
            owners: shares.ids().map(first).collect(),
            asked,
            joined: shares.len(),
            shares,
            cut: None,
        }
    }

    /// All nodes that have joined.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        self.nodes.ids().take(self.joined * self.per_shard)
    }

    /// All shards that have joined.
    pub fn shards(&self) -> impl DoubleEndedIterator<Item = ShardId> + ExactSizeIterator + use<> {
        self.shares.ids().take(self.joined)
    }

    /// The shards that hold any of the keys; nobody asks the others.
    pub fn asked_shards(&self) -> impl Iterator<Item = ShardId> + '_ {
        self.shards().filter(|shard| self.shares[*shard] > 0.0)
    }

    /// The share of requests that a shard answers: that of keys at the start.
    pub fn part_asked(&self, shard: ShardId) -> f64 {
        let asked = self.asked.values().nth(shard.index());
        asked.copied().unwrap_or_default()
    }

    /// The share of the datasets that a node holds.
    pub fn share_of(&self, node: NodeId) -> f64 {
        self.shares[self[node].shard]
    }

    /// The nodes of a shard.
    pub fn nodes_of(&self, shard: ShardId) -> impl Iterator<Item = NodeId> + '_ {
        self.members[shard].iter().copied()
    }

    /// A node belongs to another shard from now on.
    pub fn move_to(&mut self, node: NodeId, shard: ShardId) {
        let before = std::mem::replace(&mut self[node].shard, shard);
        self.members[before].retain(|member| *member != node);
        let place = self.members[shard].partition_point(|member| *member < node);
        self.members[shard].insert(place, node);
    }

    /// The nodes of a shard that do not own it.
    pub fn replicas_of(&self, shard: ShardId) -> Vec<NodeId> {
        let owner = self.owners[shard];
        self.nodes_of(shard).filter(|node| *node != owner).collect()
    }

    /// A name for a node in traces and charts: the shard is the one that it was made for.
    pub fn name_of(&self, node: NodeId) -> String {
        let (shard, place) = (node.index() / self.per_shard, node.index() % self.per_shard);
        node_name(&self.name, shard, place)
    }

    /// The nodes that a shard was made with. Under Sentinel no node ever changes its shard.
    pub fn made_with(&self, shard: ShardId) -> impl Iterator<Item = NodeId> + use<> {
        let first = shard.index() * self.per_shard;
        let range: Range<usize> = first..first + self.per_shard;
        range.map(NodeId::from_index)
    }

    /// What the Sentinels of its shard call a node.
    pub fn in_group(&self, node: NodeId) -> sentinel::Node {
        sentinel::Node((node.index() % self.per_shard) as u16)
    }

    /// The node that the Sentinels of a shard call so.
    pub fn of_group(&self, shard: ShardId, node: sentinel::Node) -> NodeId {
        NodeId::from_index(shard.index() * self.per_shard + usize::from(node.0))
    }

    /// Where a Sentinel stands: they are dealt round the hosts.
    pub fn host_of(&self, sentinel: sentinel::Sentinel) -> HostId {
        HostId::from_index(usize::from(sentinel.0) % self.hosts)
    }

    /// Can these two nodes talk?
    pub fn reaches(&self, one: NodeId, other: NodeId) -> bool {
        let cut_off = |node: NodeId| self.is_cut_off(self[node].host);
        cut_off(one) == cut_off(other)
    }

    /// Can clients talk to a node?
    pub fn clients_reach(&self, node: NodeId) -> bool {
        self.clients_reach_host(self[node].host)
    }

    /// Can clients talk to what stands on a host?
    pub fn clients_reach_host(&self, host: HostId) -> bool {
        let with_clients = self.cut.as_ref().is_none_or(|cut| cut.with_clients);
        self.cut.is_none() || self.is_cut_off(host) == with_clients
    }

    /// Does a host belong to the side that is cut off?
    pub fn is_cut_off(&self, host: HostId) -> bool {
        self.cut
            .as_ref()
            .is_some_and(|cut| cut.hosts.contains(&host))
    }
}

impl Index<NodeId> for Topology {
    type Output = Node;
    fn index(&self, node: NodeId) -> &Node {
        &self.nodes[node]
    }
}

impl IndexMut<NodeId> for Topology {
    fn index_mut(&mut self, node: NodeId) -> &mut Node {
        &mut self.nodes[node]
    }
}

/// What traces and charts call a node of a cluster.
fn node_name(cluster: &str, shard: usize, place: usize) -> String {
    let letter = char::from(b'a' + place as u8);
    format!("{cluster} shard {} node {letter}", shard + 1)
}

/// What traces and charts call the nodes of these clusters.
pub fn node_names<'a>(clusters: &[&'a str], redis: &RedisSpec) -> Vec<String> {
    let places = 0..=usize::from(redis.replicas);
    let of_shard = |cluster: &'a str, shard| {
        let places = places.clone();
        places.map(move |place| node_name(cluster, shard, place))
    };
    let of = |cluster: &&'a str| {
        let cluster = *cluster;
        (0..usize::from(redis.shards)).flat_map(move |shard| of_shard(cluster, shard))
    };
    clusters.iter().flat_map(of).collect()
}

/// The fullest shard's share first, equal parts for the others.
fn shares(redis: &RedisSpec) -> Fleet<ShardId, f64> {
    let shards = usize::from(redis.shards);
    let fullest = redis.fullest_shard.get();
    let other = if shards > 1 {
        (1.0 - fullest) / (shards - 1) as f64
    } else {
        0.0
    };
    (0..shards)
        .map(|shard| if shard == 0 { fullest } else { other })
        .collect()
}
