//! What one Sentinel knows: the primary, its replicas, the other Sentinels, and the failover.
//!
//! A Sentinel's methods see nothing but this and the message or timer at hand, so that it can
//! decide from its own view only. What it wants to happen leaves through [`Cx`]. Fields follow
//! `struct sentinelState`, `struct sentinelRedisInstance` and `struct instanceLink` in
//! `src/sentinel.c` (Redis 7.0.15). Times are Redis' milliseconds (`mstime`).

use sim::{Rng, SimTime};

use super::effect::{Process, SentinelEffect};
use super::ids::{Node, Party, Sentinel};
use super::link::Link;
use super::message::{Command, ConnName, Hello, Inbound, Reply};
use super::spec::SentinelSpec;
use super::ticks::{Ms, Ticks, below};

/// One Sentinel's whole knowledge.
#[derive(Clone, Debug)]
pub(super) struct Watcher {
    pub me: Sentinel,
    pub process: Process,
    /// Which start of the process this is.
    pub incarnation: u32,
    pub rng: Rng,
    pub ticks: Ticks,
    /// When the agenda next looks at this Sentinel's timer.
    pub planned: SimTime,
    /// What the kernel holds for a hung process.
    pub inbox: Vec<(ConnName, Inbound)>,
    pub current_epoch: u64,
    /// When the timer last ran (`previous_time`).
    pub previous_time: Ms,
    pub tilt: bool,
    pub tilt_start: Ms,
    pub primary: Instance,
    /// In the order in which timers walk them: that of a hash table with a seed of its own.
    pub replicas: Vec<Instance>,
    pub peers: Vec<Instance>,
    pub odown: bool,
    pub config_epoch: u64,
    /// This Sentinel's last vote, and its epoch.
    pub leader: Option<Sentinel>,
    pub leader_epoch: u64,
    pub failover: Failover,
}

/// A failover in progress, or the last attempt at one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failover {
    pub in_progress: bool,
    /// By `SENTINEL FAILOVER`: needs no votes.
    pub forced: bool,
    pub state: State,
    pub epoch: u64,
    /// Start of the last attempt, mine or one that I voted for. 0: may start at once.
    pub start_time: Ms,
    pub state_since: Ms,
    pub promoted: Option<Node>,
}

/// `SENTINEL_FAILOVER_STATE_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    None,
    WaitStart,
    SelectReplica,
    SendPromotion,
    WaitPromotion,
    Reconfigure,
    UpdateConfig,
}

/// Somebody who is watched.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub id: Party,
    pub kind: Kind,
    pub link: Link,
    pub last_pub_time: Ms,
    pub sdown: bool,
    pub sdown_since: Ms,
    pub script_kill_sent: bool,
    /// When INFO was last read; 0 for never.
    pub info_refresh: Ms,
    pub run_id: Option<u64>,
    /// The role that it last reported, and since when it does (`role_reported`).
    pub says_primary: bool,
    pub role_since: Ms,
    /// The primary that a replica said it copies, and since when it says so.
    pub copies: Option<Node>,
    pub copies_since: Ms,
    pub link_down_ms: i64,
    pub link_up: bool,
    pub offset: u64,
    pub priority: u32,
    /// Restarted, and no +PONG since (rule S12).
    pub reboot: bool,
    pub reboot_since: Ms,
    pub reconf: Reconf,
    pub reconf_sent_at: Ms,
    /// A Sentinel's last answer about the primary, and its vote.
    pub down_reply_at: Ms,
    pub says_down: bool,
    pub leader: Option<Sentinel>,
    pub leader_epoch: u64,
}

/// What an instance is to the one who watches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Primary,
    Replica,
    Sentinel,
}

/// How far a replica is with copying the new primary (`SRI_RECONF_*`, `SRI_PROMOTED`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reconf {
    No,
    Promoted,
    Sent,
    InProgress,
    Done,
}

/// What a Sentinel may use while it handles one event.
pub(super) struct Cx<'a> {
    pub me: Sentinel,
    /// The instant, as Redis' clock shows it.
    pub ms: Ms,
    pub spec: &'a SentinelSpec,
    pub out: &'a mut Outbox,
}

/// What a Sentinel wants to happen.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    /// Commands on connections that stand, to this start of the peer.
    pub commands: Vec<(ConnName, u32, Command)>,
    pub replies: Vec<(ConnName, Reply)>,
    pub connects: Vec<ConnName>,
    pub closes: Vec<ConnName>,
    pub effects: Vec<SentinelEffect>,
    /// How many times the configuration was written to disk.
    pub saves: u64,
    /// The number of the last connection of all.
    pub conn_serial: u64,
}

impl Cx<'_> {
    pub(super) fn effect(&mut self, effect: SentinelEffect) {
        self.out.effects.push(effect);
    }
}

impl Failover {
    pub(super) const NEVER: Failover = Failover {
        in_progress: false,
        forced: false,
        state: State::None,
        epoch: 0,
        start_time: 0,
        state_since: 0,
        promoted: None,
    };
}

impl Instance {
    /// `createSentinelRedisInstance`.
    pub(super) fn new(id: Party, kind: Kind, ms: Ms) -> Instance {
        Instance {
            id,
            kind,
            link: Link::new(ms),
            last_pub_time: ms,
            sdown: false,
            sdown_since: 0,
            script_kill_sent: false,
            info_refresh: 0,
            run_id: None,
            says_primary: kind == Kind::Primary,
            role_since: ms,
            copies: None,
            copies_since: ms,
            link_down_ms: 0,
            link_up: false,
            offset: 0,
            priority: 100,
            reboot: false,
            reboot_since: 0,
            reconf: Reconf::No,
            reconf_sent_at: 0,
            down_reply_at: ms,
            says_down: false,
            leader: None,
            leader_epoch: 0,
        }
    }

    /// The data node that this is.
    pub(super) fn node(&self) -> Node {
        match self.id {
            Party::Node(node) => node,
            Party::Sentinel(_) => unreachable!("primaries and replicas are data nodes"),
        }
    }

    /// The Sentinel that this is.
    pub(super) fn sentinel(&self) -> Sentinel {
        match self.id {
            Party::Sentinel(sentinel) => sentinel,
            Party::Node(_) => unreachable!("peers are Sentinels"),
        }
    }

    pub(super) fn send(&mut self, command: Command, cx: &mut Cx) {
        self.link.send(self.id, command, cx);
    }
}

impl Watcher {
    pub(super) fn instance_mut(&mut self, id: Party) -> Option<&mut Instance> {
        if self.primary.id == id {
            return Some(&mut self.primary);
        }
        self.replicas
            .iter_mut()
            .chain(&mut self.peers)
            .find(|instance| instance.id == id)
    }

    pub(super) fn instance(&self, id: Party) -> Option<&Instance> {
        self.instances().find(|instance| instance.id == id)
    }

    pub(super) fn instances(&self) -> impl Iterator<Item = &Instance> {
        std::iter::once(&self.primary)
            .chain(&self.replicas)
            .chain(&self.peers)
    }

    pub(super) fn instances_mut(&mut self) -> impl Iterator<Item = &mut Instance> {
        std::iter::once(&mut self.primary)
            .chain(&mut self.replicas)
            .chain(&mut self.peers)
    }

    /// Takes note of a new replica, at a place in the table that its hash decides.
    pub(super) fn add_replica(&mut self, node: Node, ms: Ms) {
        let place = below(&mut self.rng, self.replicas.len() as u64 + 1) as usize;
        let replica = Instance::new(Party::Node(node), Kind::Replica, ms);
        self.replicas.insert(place, replica);
    }

    pub(super) fn add_peer(&mut self, sentinel: Sentinel, ms: Ms) {
        let place = below(&mut self.rng, self.peers.len() as u64 + 1) as usize;
        let peer = Instance::new(Party::Sentinel(sentinel), Kind::Sentinel, ms);
        self.peers.insert(place, peer);
    }

    /// The address given to clients (`sentinelGetCurrentMasterAddress`): the promoted replica as
    /// soon as it has been seen as a primary.
    pub(super) fn current_primary(&self) -> Node {
        match self.failover.promoted {
            Some(promoted) if self.failover.state >= State::Reconfigure => promoted,
            _ => self.primary.node(),
        }
    }

    pub(super) fn hello(&self) -> Hello {
        Hello {
            from: self.me,
            current_epoch: self.current_epoch,
            primary: self.current_primary(),
            config_epoch: self.config_epoch,
        }
    }
}
