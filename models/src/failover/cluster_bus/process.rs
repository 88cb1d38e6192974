//! What happens to the members: they are born, stop, go on, die, start again, are cut off.
//!
//! Rules P5 to P8. A hung process (SIGSTOP, a frozen machine, a blocked event loop) runs no cron; its
//! kernel accepts connections and queues packets, which it reads first when it goes on, before its
//! overdue cron. A dead one resets its connections. A restarted one remembers what `nodes.conf` does:
//! epochs, roles, slots and failure flags; not its candidacy, nor when it last voted about whom.
//! Sources: `aeProcessEvents` in `src/ae.c`, `clusterLoadConfig`, `clusterInit` and
//! `clusterAcceptHandler` in `src/cluster.c`, Redis 7.0.15.
//!
//! Left out: `nodes.conf` is taken to be up to date (Redis writes it after every change).

use sim::{SimDuration, SimTime, StreamKey};

use super::dict::NodeTable;
use super::dormancy::Dormancy;
use super::effect::{ManualFailover, ManualFailoverError, Process, ReplicaLink};
use super::ids::{Member, Shard, ShardSet};
use super::network::{Event, Network};
use super::node::{Election, Link, Manual, Node, Outbox, Peer, Todo};
use super::spec::{ClusterBusSpec, MemberInit, Role, layout_problems};
use super::ticks::{Need, Ticks, ms_of};
use super::{BusEffects, ClusterBus};

/// Uses of a member's random stream.
const DRAW_CLOCK: u64 = 1 << 32;
const DRAW_NAME: u64 = 2 << 32;
const DRAW_PROCESS: u64 = 3 << 32;
/// How far the cluster's clock is from zero at the least.
const CLOCK_BASE: SimDuration = SimDuration::from_hours(24 * 365);
/// A new process' first cron comes this soon (`aeCreateTimeEvent(…, 1, serverCron, …)`).
const FIRST_CRON: SimDuration = SimDuration::from_millis(1);

impl Process {
    /// Its event loop turns freely: crons run.
    pub(super) fn turns(self) -> bool {
        match self {
            Process::Running => true,
            Process::Hung | Process::Dead | Process::Loading | Process::LoadingCopy => false,
        }
    }

    /// It handles packets.
    pub(super) fn reads(self) -> bool {
        match self {
            Process::Running | Process::LoadingCopy => true,
            Process::Hung | Process::Dead | Process::Loading => false,
        }
    }
}

impl ClusterBus {
    /// A cluster that has been up and healthy for long before `origin`. It is dormant.
    ///
    /// # Panics
    /// If `layout_problems` finds any: the caller has checked the layout.
    pub fn new(
        spec: ClusterBusSpec,
        layout: &[MemberInit],
        key: StreamKey,
        origin: SimTime,
    ) -> ClusterBus {
        let mut bus = ClusterBus::laid_out(spec, layout, key, origin);
        for node in &mut bus.nodes {
            node.process = Process::Running;
            node.ok = true;
            node.size = node.owner.len();
            node.first_update = 1;
        }
        bus
    }

    /// A cluster whose processes start at these instants, by member, each with a `nodes.conf` that
    /// already holds the whole layout and no memory of any ping.
    pub fn boot(
        spec: ClusterBusSpec,
        layout: &[MemberInit],
        key: StreamKey,
        starts: &[SimTime],
    ) -> ClusterBus {
        assert!(starts.len() == layout.len(), "one start for each member");
        let origin = *starts
            .iter()
            .min()
            .expect("a cluster has at least one member");
        let mut bus = ClusterBus::laid_out(spec, layout, key, origin);
        bus.network.reach(origin + bus.clock_offset);
        for (member, start) in bus.members().zip(starts) {
            let at = *start + bus.clock_offset;
            bus.network.schedule(at, Event::Start { member });
        }
        bus.stay_awake();
        bus
    }

    fn laid_out(
        spec: ClusterBusSpec,
        layout: &[MemberInit],
        key: StreamKey,
        origin: SimTime,
    ) -> ClusterBus {
        let problems = layout_problems(layout);
        assert!(problems.is_empty(), "a checked layout: {problems:?}");
        let members = u16::try_from(layout.len()).expect("at most 65535 members");
        let draw = |use_: u64, bound: u64| {
            let mut node = blank_node(Member(0), layout, key);
            node.rng = key.at(use_, 0);
            node.below(bound)
        };
        let clock_offset = CLOCK_BASE + SimDuration::from_nanos(draw(DRAW_CLOCK, 1_000_000_000));
        let names = (0..u64::from(members))
            .map(|m| draw(DRAW_NAME + m, u64::MAX))
            .collect();
        let nodes = (0..members)
            .map(|m| blank_node(Member(m), layout, key))
            .collect();
        let now = origin + clock_offset;
        ClusterBus {
            dormancy: Dormancy::new(&spec, now, key),
            network: Network::new(layout.len(), now),
            outbox: Outbox::default(),
            spec,
            key,
            clock_offset,
            nodes,
            names,
        }
    }

    /// Tells what a member's process does from now on. From `Dead` it starts anew.
    pub fn set_process(
        &mut self,
        now: SimTime,
        member: Member,
        process: Process,
        out: &mut BusEffects,
    ) {
        let old = self.nodes[member.index()].process;
        if old == process {
            return;
        }
        self.wake(now, out);
        if process == Process::Dead {
            self.die(member, out);
        } else if old == Process::Dead {
            self.start(member, process, out);
        } else {
            self.change_pace(member, old, process, out);
        }
    }

    /// Kills a member's process, if it lives, and starts a new one in state `process`.
    pub fn restart(
        &mut self,
        now: SimTime,
        member: Member,
        process: Process,
        out: &mut BusEffects,
    ) {
        self.set_process(now, member, Process::Dead, out);
        self.set_process(now, member, process, out);
    }

    /// Cuts or mends the way from one member to another; the way back is another matter.
    pub fn set_reachable(
        &mut self,
        now: SimTime,
        from: Member,
        to: Member,
        reachable: bool,
        out: &mut BusEffects,
    ) {
        if self.network.is_cut(from, to) != reachable {
            return;
        }
        self.wake(now, out);
        self.network.set_cut(from, to, !reachable);
        self.recheck_all();
    }

    /// Keeps a member's replication state true: its offset and, for a replica, its stream. Needed
    /// when a stream stops or comes back, when a member changes role, and before a failover among
    /// replicas that hold different amounts of data; not for every write.
    pub fn set_replication(
        &mut self,
        now: SimTime,
        member: Member,
        offset: u64,
        link: ReplicaLink,
        out: &mut BusEffects,
    ) {
        let link = match link {
            ReplicaLink::Up | ReplicaLink::NeverSynced => link,
            ReplicaLink::Silent { since } => ReplicaLink::Silent {
                since: since + self.clock_offset,
            },
            ReplicaLink::Down { since } => ReplicaLink::Down {
                since: since + self.clock_offset,
            },
        };
        if self.dormant() {
            self.dormancy
                .remember(now + self.clock_offset, member, offset, link);
        } else {
            self.catch_up(now, out);
            self.note_replication(member, offset, link, out);
        }
    }

    /// `CLUSTER FAILOVER`, given to `replica`.
    pub fn manual_failover(
        &mut self,
        now: SimTime,
        replica: Member,
        kind: ManualFailover,
        out: &mut BusEffects,
    ) -> Result<(), ManualFailoverError> {
        if !self.nodes[replica.index()].process.turns() {
            return Err(ManualFailoverError::NotRunning);
        }
        self.wake(now, out);
        self.act(replica, out, |node, cx| node.command_failover(kind, cx))
    }

    fn die(&mut self, member: Member, out: &mut BusEffects) {
        let node = &mut self.nodes[member.index()];
        node.process = Process::Dead;
        node.planned = SimTime::MAX;
        node.inbox.clear();
        node.unsent.clear();
        node.todo = Todo::default();
        for peer in &mut node.peers {
            peer.link = Link::Closed;
        }
        for owner in self.members().filter(|m| *m != member) {
            let Some(number) = self.nodes[owner.index()].peer(member).link.number() else {
                continue;
            };
            if !self.network.is_cut(member, owner) {
                let at = self.network.now() + self.spec.latency;
                self.network.schedule(
                    at,
                    Event::Reset {
                        owner,
                        number,
                        to: member,
                    },
                );
            }
        }
        // A death changes nobody's mind by itself.
        assert!(
            self.outbox.effects.is_empty(),
            "nothing is left over: {:?}",
            out.last()
        );
    }

    /// A new process with the old one's `nodes.conf`.
    pub(super) fn start(&mut self, member: Member, process: Process, out: &mut BusEffects) {
        let now = self.network.now();
        let ms = ms_of(now);
        let node = &mut self.nodes[member.index()];
        node.process = process;
        node.become_incarnation(node.incarnation + 1, self.key);
        for peer in &mut node.peers {
            *peer = Peer {
                ping_sent: 0,
                pong_received: if peer.pong_received == 0 { 0 } else { ms },
                data_received: 0,
                fail_time: if peer.fail { ms } else { 0 },
                voted_time: 0,
                orphaned_time: 0,
                offset: 0,
                reports: Vec::new(),
                link: Link::Closed,
                ..peer.clone()
            };
        }
        node.election = Election::default();
        node.manual = Manual::default();
        node.replica_link = match node.incarnation {
            1 => node.replica_link,
            _restarted => ReplicaLink::NeverSynced,
        };
        node.ok = false;
        node.size = 1;
        node.pfail_counted = 0;
        node.first_update = 0;
        node.minority_at = 0;
        node.in_minority = false;
        node.update_due = None;
        node.ticks = Ticks::starting(1, now + FIRST_CRON);
        node.recheck = true;
        if process.turns() {
            self.act(member, out, |_, _| ());
        }
        self.recheck_all();
    }

    /// What the crons of others are needed for may have changed: somebody can be connected to, or
    /// no longer can.
    fn recheck_all(&mut self) {
        for member in self.members() {
            self.nodes[member.index()].recheck = true;
            self.plan_cron(member);
        }
    }

    /// From one living state to another: crons and packets stop, or go on.
    fn change_pace(&mut self, member: Member, old: Process, new: Process, out: &mut BusEffects) {
        let now = self.network.now();
        let node = &mut self.nodes[member.index()];
        node.process = new;
        if old.turns() && !new.turns() {
            node.ticks.skip_until(now, node.need);
            node.planned = SimTime::MAX;
        }
        if !old.turns() && new.turns() {
            node.ticks.sleep(now);
            node.recheck = true;
        }
        if new.reads() {
            let queued = std::mem::take(&mut node.inbox);
            self.act(member, out, |node, cx| {
                for packet in &queued {
                    let mine = packet.link.owner == member;
                    if !mine || node.peer(packet.from).link.is_open(packet.link.number) {
                        node.receive(packet, cx);
                    }
                }
            });
        }
    }

    /// The agenda looks at a member's crons: one runs now, or it is too early.
    pub(super) fn look_at_crons(&mut self, member: Member, out: &mut BusEffects) {
        let now = self.network.now();
        let node = &mut self.nodes[member.index()];
        if node.planned != now || !node.process.turns() {
            return;
        }
        node.planned = SimTime::MAX;
        node.ticks.skip_until(now, node.need);
        if node.ticks.fires_at() == now {
            self.act(member, out, |_, _| ());
        } else {
            self.plan_cron(member);
        }
    }

    /// Has the agenda look at a member's crons in time, also if something changed that may call for
    /// an earlier one than was planned.
    pub(super) fn plan_cron(&mut self, member: Member) {
        if !self.nodes[member.index()].process.turns() {
            return;
        }
        let (now, node) = (self.network.now(), &mut self.nodes[member.index()]);
        node.ticks.skip_until(now, node.need);
        if node.recheck {
            let need = self.nodes[member.index()].next_need(
                |to: Member| {
                    self.nodes[to.index()].process == Process::Dead
                        && !self.network.is_cut(member, to)
                        && !self.network.is_cut(to, member)
                },
                &self.spec,
            );
            let node = &mut self.nodes[member.index()];
            node.recheck = false;
            node.need = need;
        }
        let node = &mut self.nodes[member.index()];
        let at = node.ticks.look_at(node.need);
        if at < node.planned {
            node.planned = at;
            self.network.schedule(at, Event::Crons { member });
        }
    }
}

impl Node {
    /// Takes on what is drawn for each new process: its random stream and its table's hash seed.
    fn become_incarnation(&mut self, incarnation: u32, key: StreamKey) {
        self.incarnation = incarnation;
        self.rng = key
            .child(u64::from(self.me.0))
            .at(DRAW_PROCESS + u64::from(incarnation), 0);
        let members = u16::try_from(self.peers.len()).expect("at most 65535 members");
        self.table = NodeTable::draw(members, &mut self.rng);
    }
}

/// A member that knows the layout and has never run.
fn blank_node(me: Member, layout: &[MemberInit], key: StreamKey) -> Node {
    let shards = layout.iter().filter(|m| m.role == Role::Primary).count();
    let mut node = Node {
        me,
        process: Process::Dead,
        incarnation: 0,
        no_failover: layout[me.index()].no_failover,
        rng: key.rng(),
        ticks: Ticks::starting(1, SimTime::ZERO + FIRST_CRON),
        planned: SimTime::MAX,
        need: Need { number: 1, ms: 0 },
        peers: layout.iter().map(|m| Peer::new(m.no_failover)).collect(),
        table: NodeTable::draw(0, &mut key.rng()),
        owner: vec![None; shards],
        unclaimed: ShardSet::EMPTY,
        current_epoch: shards as u64,
        last_vote_epoch: 0,
        size: 1,
        ok: false,
        pfail_counted: 0,
        first_update: 0,
        minority_at: 0,
        in_minority: false,
        update_due: None,
        election: Election::default(),
        manual: Manual::default(),
        todo: Todo::default(),
        offset: 0,
        replica_link: ReplicaLink::Up,
        link_serial: 0,
        unsent: Vec::new(),
        inbox: Vec::new(),
        recheck: false,
    };
    node.become_incarnation(0, key);
    let primary_of = |shard: Shard| {
        let position = layout
            .iter()
            .position(|m| m.shard == shard && m.role == Role::Primary);
        Member(u16::try_from(position.expect("each shard has one")).expect("at most 65535"))
    };
    for (member, init) in node.members().zip(layout) {
        let epoch = u64::from(init.shard.0) + 1;
        if init.role == Role::Replica {
            node.peer_mut(member).primary = false;
            node.attach(member, primary_of(init.shard));
        }
        node.peer_mut(member).config_epoch = epoch;
    }
    for shard in (0..shards).map(|s| Shard(u16::try_from(s).expect("at most 128"))) {
        node.assign(shard, Some(primary_of(shard)));
    }
    node
}
