//! How a cluster begins: in full health long ago, or with all of its processes just starting.
//!
//! [`ClusterBus::new`] is for an ordinary day: pings and crons have lost all memory of the start.
//! [`ClusterBus::boot`] is for a cluster that was set up moments ago, as in a laboratory: all nodes
//! ping each other at once, again half a node timeout later, and so on, and their crons are nearly
//! in step. Which of the two it is moves the time of detection by up to a few hundred milliseconds.
//!
//! Sources: `clusterInit`, `clusterLoadConfig`, `clusterSetNodeSlotBit` in `src/cluster.c`, Redis
//! 7.0.15. Configuration epochs are those of a fresh cluster: 1, 2, … by shard.

use sim::{Rng, SimDuration, SimTime, StreamKey};

use super::ClusterBus;
use super::dict::NodeTable;
use super::dormancy::Dormancy;
use super::effect::{Process, ReplicaLink};
use super::ids::{Member, Shard, members};
use super::network::{Event, Network};
use super::node::{BeforeSleep, Election, Manual, Node, Outbox, Seen, below};
use super::packet::Stationery;
use super::peers::Peers;
use super::process::FIRST_CRON;
use super::spec::{ClusterBusSpec, MemberInit, Role, layout_problems};
use super::ticks::{Need, Ticks};

/// Uses of a member's random stream.
const DRAW_CLOCK: u64 = 1 << 32;
const DRAW_NAME: u64 = 2 << 32;
const DRAW_PROCESS: u64 = 3 << 32;
const DRAW_LATENESS: u64 = 7 << 32;
/// How far the cluster's clock is from zero at the least.
const CLOCK_BASE: SimDuration = SimDuration::from_hours(24 * 365);

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
            bus.network.set_dead(node.me, false);
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
        let draw = |use_: u64, bound: u64| below(&mut key.at(use_, 0), bound);
        let clock_offset = CLOCK_BASE + SimDuration::from_nanos(draw(DRAW_CLOCK, 1_000_000_000));
        let names = members(layout.len())
            .map(|m| draw(DRAW_NAME + u64::from(m.0), u64::MAX))
            .collect();
        let blank = blank_node(layout, key);
        let nodes = members(layout.len())
            .map(|me| Node {
                me,
                no_failover: layout[me.index()].no_failover,
                ..blank.clone()
            })
            .collect();
        let now = origin + clock_offset;
        ClusterBus {
            dormancy: Dormancy::new(&spec, now, key),
            network: Network::new(layout.len(), now),
            outbox: Outbox::default(),
            all_recheck: false,
            stationery: Stationery::default(),
            node_timeout: spec.node_timeout_ms(),
            spec,
            key,
            clock_offset,
            nodes,
            names,
        }
    }
}

impl Node {
    /// The stream of this process' late wake-ups.
    pub(super) fn tick_rng(&self, key: StreamKey) -> Rng {
        let position = DRAW_LATENESS + u64::from(self.incarnation);
        key.child(u64::from(self.me.0)).at(position, 0)
    }

    /// Takes on what is drawn for each new process: its random stream and its table's hash seed.
    pub(super) fn become_incarnation(&mut self, incarnation: u32, key: StreamKey) {
        self.incarnation = incarnation;
        self.rng = key
            .child(u64::from(self.me.0))
            .at(DRAW_PROCESS + u64::from(incarnation), 0);
        let members = u16::try_from(self.peers.len()).expect("at most 65535 members");
        self.table = NodeTable::draw(members, &mut self.rng);
    }
}

/// A member, no matter which, that knows the layout and has never run.
fn blank_node(layout: &[MemberInit], key: StreamKey) -> Node {
    let mut primaries: Vec<(Shard, Member)> = members(layout.len())
        .filter(|m| layout[m.index()].role == Role::Primary)
        .map(|m| (layout[m.index()].shard, m))
        .collect();
    primaries.sort_unstable();
    let mut node = Node {
        me: Member(0),
        process: Process::Dead,
        incarnation: 0,
        no_failover: false,
        rng: key.rng(),
        ticks: Ticks::starting(1, SimTime::ZERO + FIRST_CRON, key.rng()),
        planned: SimTime::MAX,
        need: Need {
            number: 1,
            at: SimTime::ZERO,
        },
        peers: Peers::new(layout.len()),
        table: NodeTable::default(),
        owner: vec![None; primaries.len()],
        unclaimed: Vec::new(),
        current_epoch: primaries.len() as u64,
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
        before_sleep: BeforeSleep::default(),
        offset: 0,
        replica_link: ReplicaLink::Up,
        link_serial: 0,
        unsent: Vec::new(),
        inbox: Vec::new(),
        recheck: false,
        rests: false,
        header: None,
        watch_due: 0,
        cron_saw: 0,
        orphans: Seen::default(),
        tally: Seen::default(),
    };
    for (member, init) in members(layout.len()).zip(layout) {
        if init.role == Role::Replica {
            node.peers.set_role(member, false);
            node.attach(member, primaries[init.shard.index()].1);
        }
        node.peers.set_no_failover(member, init.no_failover);
        let epoch = u64::from(init.shard.0) + 1;
        node.peers.set_config_epoch(member, epoch);
    }
    for (shard, primary) in primaries {
        node.assign(shard, Some(primary));
    }
    node
}
