//! What one node knows: its own state and its opinion of every other node.
//!
//! A node's methods see nothing but this and the packet or timer at hand, so that a node can decide
//! from its own view only. What it wants to happen leaves through [`Cx`]: packets, connection
//! attempts and effects. Field names follow `struct clusterNode` and `struct clusterState` in
//! `src/cluster.h` (Redis 7.0.15). Times are Redis' milliseconds (`mstime`), 0 meaning never.

use rand::Rng as _;
use sim::{Rng, SimTime};

use super::dict::NodeTable;
use super::effect::{BusEffect, Process, ReplicaLink};
use super::ids::{Member, Shard, members};
use super::packet::{Header, HeaderId, LinkName, Packet, PacketKind, Stationery};
use super::peers::Peers;
use super::spec::ClusterBusSpec;
use super::ticks::{Need, Ticks};

/// One node's whole knowledge.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub me: Member,
    pub process: Process,
    /// Which start of the process this is.
    pub incarnation: u32,
    pub no_failover: bool,
    pub rng: Rng,
    pub ticks: Ticks,
    /// When the agenda next looks at this node's crons, and which it waits for.
    pub planned: SimTime,
    pub need: Need,
    /// What it thinks of every node.
    pub peers: Peers,
    /// Empty until the node first runs.
    pub table: NodeTable,
    /// Who owns each shard's slots.
    pub owner: Vec<Option<Member>>,
    /// Slots whose owner no longer claims them (`owner_not_claiming_slot`), in ascending order.
    pub unclaimed: Vec<Shard>,
    pub current_epoch: u64,
    pub last_vote_epoch: u64,
    /// Primaries with slots, as of the last look at the cluster's state.
    pub size: usize,
    pub ok: bool,
    /// Nodes in PFAIL when the last cron began (`stats_pfail_nodes`): no more than that many are
    /// gossiped.
    pub pfail_counted: usize,
    pub first_update: u64,
    pub minority_at: u64,
    pub in_minority: bool,
    /// When the cluster's state is worth another look, because a delay will have passed.
    pub update_due: Option<u64>,
    pub election: Election,
    pub manual: Manual,
    pub before_sleep: BeforeSleep,
    /// This node's replication offset and, for a replica, its stream: the world keeps them true.
    pub offset: u64,
    pub replica_link: ReplicaLink,
    pub link_serial: u32,
    /// What to send once a connection stands.
    pub unsent: Vec<Box<Packet>>,
    /// Packets that the kernel holds for a hung process.
    pub inbox: Vec<Box<Packet>>,
    /// Something changed that may call for an earlier cron.
    pub recheck: bool,
    /// So may any change since the last cron: crons are left out as long as nothing changes.
    pub rests: bool,
    /// The header that it last sent.
    pub header: Option<HeaderId>,
    /// No peer is due to be watched before this.
    pub watch_due: u64,
    /// What the last cron saw, at which count of changes (`Peers::changes`).
    pub cron_saw: u32,
    pub orphans: Seen<super::cron::Orphans>,
    pub tally: Seen<super::slots::Tally>,
}

/// Something that was worked out, and at which count of changes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen<T> {
    pub at: u32,
    pub value: T,
}

/// A replica's candidacy (`failover_auth_*`). 7.0 never clears it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Election {
    pub time: u64,
    pub sent: bool,
    pub count: usize,
    pub rank: u32,
    pub epoch: u64,
}

/// A manual failover in progress (`mf_*`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manual {
    pub end: u64,
    pub can_start: bool,
    pub replica: Option<Member>,
    pub primary_offset: Option<u64>,
}

/// What is left to do before the event loop sleeps (`CLUSTER_TODO_*`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BeforeSleep {
    pub failover: bool,
    pub manual: bool,
    pub update_state: bool,
    pub save: bool,
}

/// What a node may use while it handles one event.
pub(super) struct Cx<'a> {
    pub now: SimTime,
    /// `now` as Redis' clock shows it.
    pub ms: u64,
    pub spec: &'a ClusterBusSpec,
    /// The node timeout in milliseconds.
    pub node_timeout: u64,
    /// Random node names, by member, for Redis' comparisons by node id.
    pub names: &'a [u64],
    pub out: &'a mut Outbox,
    pub stationery: &'a mut Stationery,
}

/// What a node wants to happen.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    pub packets: Vec<Box<Packet>>,
    pub connects: Vec<(Member, LinkName)>,
    pub effects: Vec<BusEffect>,
    /// Which members a list of gossip already names, while it is filled.
    pub named: Vec<bool>,
}

impl Cx<'_> {
    pub(super) fn effect(&mut self, effect: BusEffect) {
        self.out.effects.push(effect);
    }
}

impl BeforeSleep {
    pub(super) fn is_empty(self) -> bool {
        !(self.failover || self.manual || self.update_state || self.save)
    }
}

impl Node {
    pub(super) fn is_primary(&self) -> bool {
        self.peers.is_primary(self.me)
    }

    pub(super) fn my_primary(&self) -> Option<Member> {
        self.peers.replica_of(self.me)
    }

    pub(super) fn quorum(&self) -> usize {
        self.size / 2 + 1
    }

    pub(super) fn members(&self) -> impl Iterator<Item = Member> + use<> {
        members(self.peers.len())
    }

    /// All members but this one.
    pub(super) fn others(&self) -> impl Iterator<Item = Member> + use<> {
        let me = self.me;
        self.members().filter(move |member| *member != me)
    }

    /// A draw from 0 to `bound` - 1, as `random() % bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        below(&mut self.rng, bound)
    }

    /// The shards of which it believes `member` to be the owner.
    pub(super) fn shards_of(&self, member: Member) -> Vec<Shard> {
        let mut shards = Vec::with_capacity(self.peers.owned(member));
        if self.peers.has_slots(member) {
            let owned = (0_u16..).zip(&self.owner);
            let owned = owned.filter(|(_, owner)| **owner == Some(member));
            shards.extend(owned.map(|(shard, _)| Shard(shard)));
        }
        shards
    }

    /// Whether these are all the shards of `member`.
    pub(super) fn owns_exactly(&self, member: Member, shards: &[Shard]) -> bool {
        let owner = Some(member);
        self.peers.owned(member) == shards.len()
            && shards.iter().all(|s| self.owner[s.index()] == owner)
    }

    /// The header of what this node sends now: the last one if nothing has changed.
    fn header(&mut self, cx: &mut Cx) -> HeaderId {
        let replica_of = self.my_primary();
        let claimed = replica_of.unwrap_or(self.me);
        let paused = self.is_primary() && self.manual.end != 0;
        let config_epoch = self.peers.config_epoch(claimed);
        if let Some(id) = self.header {
            let last = cx.stationery.header(id);
            if last.current_epoch == self.current_epoch
                && last.config_epoch == config_epoch
                && last.replica_of == replica_of
                && last.offset == self.offset
                && last.paused == paused
                && self.owns_exactly(claimed, &last.shards)
            {
                return cx.stationery.share(id);
            }
            cx.stationery.release(id);
        }
        let id = cx.stationery.publish(Header {
            current_epoch: self.current_epoch,
            config_epoch,
            shards: self.shards_of(claimed),
            replica_of,
            offset: self.offset,
            no_failover: self.no_failover,
            paused,
        });
        self.header = Some(id);
        cx.stationery.share(id)
    }

    /// Sends on this node's own link to `to`, if there is one.
    pub(super) fn send(&mut self, to: Member, kind: PacketKind, cx: &mut Cx) {
        if let Some(number) = self.peers.link(to).number() {
            let link = LinkName {
                owner: self.me,
                number,
            };
            self.send_on(link, to, kind, cx);
        }
    }

    /// Sends on a given link: its owner's packet, or an answer to its owner.
    pub(super) fn send_on(&mut self, link: LinkName, to: Member, kind: PacketKind, cx: &mut Cx) {
        let mut packet = cx.stationery.packet();
        if matches!(kind, PacketKind::Ping | PacketKind::Pong) {
            self.gossip_into(&mut packet.gossip, &mut cx.out.named);
        }
        if kind == PacketKind::Ping && link.owner == self.me {
            self.peers.set_ping_sent(to, cx.ms);
        }
        packet.from = self.me;
        packet.to = to;
        packet.link = link;
        packet.incarnation = 0; // known when it leaves
        packet.kind = kind;
        packet.header = self.header(cx);
        cx.out.packets.push(packet);
    }

    /// Sends on every link (`clusterBroadcastMessage`).
    pub(super) fn broadcast(&mut self, kind: &PacketKind, cx: &mut Cx) {
        for to in self.others() {
            self.send(to, kind.clone(), cx);
        }
    }

    /// Moves a shard's slots to `owner` in this node's map.
    pub(super) fn assign(&mut self, shard: Shard, owner: Option<Member>) {
        if let Some(old) = self.owner[shard.index()] {
            self.peers.lose(old);
        }
        self.owner[shard.index()] = owner;
        let Some(new) = owner else { return };
        let first = !self.peers.has_slots(new);
        self.peers.gain(new);
        // A primary with its first slots is worth a replica if the others have some (issue 3043).
        if first && self.peers.any_replica() {
            self.peers.set_migrate_to(new, true);
        }
    }

    /// Makes `replica` a copy of `primary` in this node's view (`clusterNodeAddSlave`).
    pub(super) fn attach(&mut self, replica: Member, primary: Member) {
        self.detach(replica);
        self.peers.set_replica_of(replica, Some(primary));
        self.peers.set_migrate_to(primary, true);
    }

    /// The reverse (`clusterNodeRemoveSlave`).
    pub(super) fn detach(&mut self, replica: Member) {
        let Some(primary) = self.peers.replica_of(replica) else {
            return;
        };
        self.peers.set_replica_of(replica, None);
        if self.peers.replicas_of(primary).next().is_none() {
            self.peers.set_migrate_to(primary, false);
        }
    }
}

/// A draw from 0 to `bound` - 1.
pub(super) fn below(rng: &mut Rng, bound: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(bound)) >> 64) as u64
}
