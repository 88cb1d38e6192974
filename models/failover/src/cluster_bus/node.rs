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
use super::ids::{Member, Shard, ShardSet};
use super::packet::{Gossip, Header, LinkName, Packet, PacketKind};
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
    /// The other nodes and this one, by member.
    pub peers: Vec<Peer>,
    pub table: NodeTable,
    /// Who owns each shard's slots.
    pub owner: Vec<Option<Member>>,
    /// Slots whose owner no longer claims them (`owner_not_claiming_slot`).
    pub unclaimed: ShardSet,
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
    pub todo: Todo,
    /// This node's replication offset and, for a replica, its stream: the world keeps them true.
    pub offset: u64,
    pub replica_link: ReplicaLink,
    pub link_serial: u32,
    /// What to send once a connection stands.
    pub unsent: Vec<Packet>,
    /// Packets that the kernel holds for a hung process.
    pub inbox: Vec<Packet>,
    /// Something changed that may call for an earlier cron.
    pub recheck: bool,
}

/// One node's opinion of another (or of itself, for role and slots).
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub primary: bool,
    pub replica_of: Option<Member>,
    pub pfail: bool,
    pub fail: bool,
    pub no_failover: bool,
    /// An orphan worth a replica (`CLUSTER_NODE_MIGRATE_TO`).
    pub migrate_to: bool,
    pub slots: ShardSet,
    pub config_epoch: u64,
    pub ping_sent: u64,
    pub pong_received: u64,
    pub data_received: u64,
    pub fail_time: u64,
    pub voted_time: u64,
    pub orphaned_time: u64,
    pub offset: u64,
    /// Which primaries report it as failing, and when they last did.
    pub reports: Vec<(Member, u64)>,
    pub link: Link,
}

/// The outbound link to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Closed,
    Connecting {
        number: u32,
        since: u64,
    },
    Open {
        number: u32,
        since: u64,
        incarnation: u32,
    },
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
pub(super) struct Todo {
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
    /// Random node names, by member, for Redis' comparisons by node id.
    pub names: &'a [u64],
    pub out: &'a mut Outbox,
}

/// What a node wants to happen.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    pub packets: Vec<Packet>,
    pub connects: Vec<(Member, LinkName)>,
    pub effects: Vec<BusEffect>,
    /// Emptied gossip lists, to be used again.
    pub spare: Vec<Vec<Gossip>>,
}

impl Cx<'_> {
    pub(super) fn effect(&mut self, effect: BusEffect) {
        self.out.effects.push(effect);
    }
}

impl Peer {
    pub(super) fn new(no_failover: bool) -> Peer {
        Peer {
            primary: true,
            replica_of: None,
            pfail: false,
            fail: false,
            no_failover,
            migrate_to: false,
            slots: ShardSet::EMPTY,
            config_epoch: 0,
            ping_sent: 0,
            pong_received: 0,
            data_received: 0,
            fail_time: 0,
            voted_time: 0,
            orphaned_time: 0,
            offset: 0,
            reports: Vec::new(),
            link: Link::Closed,
        }
    }

    /// A primary that counts for majorities.
    pub(super) fn votes(&self) -> bool {
        self.primary && !self.slots.is_empty()
    }
}

impl Link {
    pub(super) fn number(self) -> Option<u32> {
        match self {
            Link::Closed => None,
            Link::Connecting { number, .. } | Link::Open { number, .. } => Some(number),
        }
    }

    pub(super) fn is_open(self, wanted: u32) -> bool {
        match self {
            Link::Closed | Link::Connecting { .. } => false,
            Link::Open { number, .. } => number == wanted,
        }
    }
}

impl Node {
    pub(super) fn peer(&self, member: Member) -> &Peer {
        &self.peers[member.index()]
    }

    pub(super) fn peer_mut(&mut self, member: Member) -> &mut Peer {
        &mut self.peers[member.index()]
    }

    pub(super) fn myself(&self) -> &Peer {
        self.peer(self.me)
    }

    pub(super) fn is_primary(&self) -> bool {
        self.myself().primary
    }

    pub(super) fn my_primary(&self) -> Option<Member> {
        self.myself().replica_of
    }

    pub(super) fn quorum(&self) -> usize {
        self.size / 2 + 1
    }

    pub(super) fn members(&self) -> impl Iterator<Item = Member> + use<> {
        (0..u16::try_from(self.peers.len()).expect("at most 65535 members")).map(Member)
    }

    /// All members but this one.
    pub(super) fn others(&self) -> impl Iterator<Item = Member> + use<> {
        let me = self.me;
        self.members().filter(move |member| *member != me)
    }

    /// The members that this node holds for replicas of `primary`.
    pub(super) fn replicas_of(&self, primary: Member) -> impl Iterator<Item = (Member, &Peer)> {
        self.members()
            .zip(&self.peers)
            .filter(move |(_, peer)| peer.replica_of == Some(primary))
    }

    /// A draw from 0 to `bound` - 1, as `random() % bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.rng.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    fn header(&self) -> Header {
        let myself = self.myself();
        let claimed = match myself.replica_of {
            Some(primary) => self.peer(primary),
            None => myself,
        };
        Header {
            current_epoch: self.current_epoch,
            config_epoch: claimed.config_epoch,
            slots: claimed.slots,
            replica_of: myself.replica_of,
            offset: self.offset,
            no_failover: self.no_failover,
            paused: myself.primary && self.manual.end != 0,
        }
    }

    /// Sends on this node's own link to `to`, if there is one.
    pub(super) fn send(&mut self, to: Member, kind: PacketKind, cx: &mut Cx) {
        if let Some(number) = self.peer(to).link.number() {
            let link = LinkName {
                owner: self.me,
                number,
            };
            self.send_on(link, to, kind, cx);
        }
    }

    /// Sends on a given link: its owner's packet, or an answer to its owner.
    pub(super) fn send_on(&mut self, link: LinkName, to: Member, kind: PacketKind, cx: &mut Cx) {
        let mut gossip = cx.out.spare.pop().unwrap_or_default();
        match kind {
            PacketKind::Ping | PacketKind::Pong => self.gossip_into(&mut gossip),
            PacketKind::Fail { .. }
            | PacketKind::AuthRequest { .. }
            | PacketKind::AuthAck
            | PacketKind::ManualStart
            | PacketKind::Update { .. } => {}
        }
        if kind == PacketKind::Ping && link.owner == self.me {
            self.peer_mut(to).ping_sent = cx.ms;
        }
        let header = self.header();
        let incarnation = 0; // known when it leaves
        let packet = Packet {
            from: self.me,
            to,
            link,
            incarnation,
            kind,
            header,
            gossip,
        };
        cx.out.packets.push(packet);
    }

    /// Sends on every link (`clusterBroadcastMessage`).
    pub(super) fn broadcast(&mut self, kind: PacketKind, cx: &mut Cx) {
        for to in self.others() {
            self.send(to, kind, cx);
        }
    }

    /// Moves a shard's slots to `owner` in this node's map.
    pub(super) fn assign(&mut self, shard: Shard, owner: Option<Member>) {
        if let Some(old) = self.owner[shard.index()] {
            self.peer_mut(old).slots.remove(shard);
        }
        self.owner[shard.index()] = owner;
        let Some(new) = owner else { return };
        let first = self.peer(new).slots.is_empty();
        self.peer_mut(new).slots.insert(shard);
        // A primary with its first slots is worth a replica if the others have some (issue 3043).
        let others_have_replicas = self
            .peers
            .iter()
            .any(|p| !p.primary && p.replica_of.is_some());
        if first && others_have_replicas {
            self.peer_mut(new).migrate_to = true;
        }
    }

    /// Makes `replica` a copy of `primary` in this node's view (`clusterNodeAddSlave`).
    pub(super) fn attach(&mut self, replica: Member, primary: Member) {
        self.detach(replica);
        self.peer_mut(replica).replica_of = Some(primary);
        self.peer_mut(primary).migrate_to = true;
    }

    /// The reverse (`clusterNodeRemoveSlave`).
    pub(super) fn detach(&mut self, replica: Member) {
        let Some(primary) = self.peer_mut(replica).replica_of.take() else {
            return;
        };
        if self.replicas_of(primary).next().is_none() {
            self.peer_mut(primary).migrate_to = false;
        }
    }
}
