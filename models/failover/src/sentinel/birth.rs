//! How a group begins: in full health long ago, or with all of its Sentinels just starting.
//!
//! [`SentinelGroup::new`] is for an ordinary day: everybody knows everybody, and timers, PINGs,
//! INFOs and HELLOs have lost all memory of the start. [`SentinelGroup::boot`] is for Sentinels
//! that were started moments ago, as in a laboratory: each knows the primary's address only, finds
//! the replicas by INFO at once and the other Sentinels by HELLO after 2 s, and asks its instances
//! at nearly the same moments as the others do. Which of the two it is moves the times of
//! detection.
//!
//! Source: `createSentinelRedisInstance` in `src/sentinel.c`, Redis 7.0.15.

use sim::{Rng, SimDuration, SimTime, StreamKey};

use super::SentinelGroup;
use super::data_node::DataNode;
use super::dormancy::Dormancy;
use super::effect::{NodeRole, NodeTruth, Process};
use super::ids::{Node, Party, Sentinel};
use super::network::{Event, Network};
use super::spec::{NodeInit, SentinelSpec, node_problems};
use super::ticks::{Ticks, below, ms_of};
use super::watcher::{Failover, Instance, Kind, Outbox, Watcher};

/// Uses of the group's random stream.
const DRAW_CLOCK: u64 = 2 << 32;
const DRAW_PROCESS: u64 = 3 << 32;
const DRAW_LATENESS: u64 = 4 << 32;
/// Where the Sentinels' own streams begin among those of the parties.
const SENTINEL_STREAMS: u64 = 1 << 20;
/// How far the group's clock is from zero at the least.
const CLOCK_BASE: SimDuration = SimDuration::from_hours(24 * 365);

impl SentinelGroup {
    /// A group that has been up and healthy for long before `origin`. It is dormant.
    ///
    /// # Panics
    /// If `node_problems` finds any: the caller has checked the nodes.
    pub fn new(
        spec: SentinelSpec,
        nodes: &[NodeInit],
        key: StreamKey,
        origin: SimTime,
    ) -> SentinelGroup {
        let mut group = SentinelGroup::laid_out(spec, nodes, key, origin);
        let ms = ms_of(group.network.now());
        let run_ids: Vec<u64> = group.nodes.iter().map(|node| node.run_id).collect();
        let (data, sentinels): (Vec<Node>, Vec<Sentinel>) =
            (group.nodes().collect(), group.sentinels().collect());
        for watcher in &mut group.watchers {
            watcher.process = Process::Running;
            let (me, primary) = (watcher.me, watcher.primary.node());
            for node in data.iter().filter(|node| **node != primary) {
                watcher.add_replica(*node, ms);
            }
            for sentinel in sentinels.iter().filter(|other| **other != me) {
                watcher.add_peer(*sentinel, ms);
            }
            for instance in watcher.instances_mut() {
                instance.info_refresh = ms;
                if let Party::Node(node) = instance.id {
                    instance.run_id = Some(run_ids[node.index()]);
                }
                if instance.kind == Kind::Replica {
                    instance.copies = Some(primary);
                }
            }
        }
        group
    }

    /// A group whose Sentinels start at these instants, by Sentinel, each knowing the primary's
    /// address and nothing else. The data nodes are up and connected already.
    pub fn boot(
        spec: SentinelSpec,
        nodes: &[NodeInit],
        key: StreamKey,
        starts: &[SimTime],
    ) -> SentinelGroup {
        let origin = *starts.iter().min().expect("a group has a Sentinel");
        let mut group = SentinelGroup::laid_out(spec, nodes, key, origin);
        assert!(
            starts.len() == group.watchers.len(),
            "one start for each Sentinel"
        );
        for (sentinel, start) in group.sentinels().zip(starts) {
            let at = *start + group.clock_offset;
            group.network.schedule(at, Event::Start { sentinel });
        }
        group.stay_awake();
        group
    }

    fn laid_out(
        spec: SentinelSpec,
        nodes: &[NodeInit],
        key: StreamKey,
        origin: SimTime,
    ) -> SentinelGroup {
        let problems = node_problems(nodes);
        assert!(problems.is_empty(), "checked nodes: {problems:?}");
        let second = below(&mut key.at(DRAW_CLOCK, 0), 1_000_000_000);
        let clock_offset = CLOCK_BASE + SimDuration::from_nanos(second);
        let now = origin + clock_offset;
        let primary = nodes
            .iter()
            .position(|node| node.role == NodeRole::Primary)
            .expect("a group watches a primary");
        let primary = Node(u16::try_from(primary).expect("at most 65535 nodes"));
        let watchers = (0..spec.sentinels)
            .map(|me| Watcher::blank(Sentinel(me), primary, key, now))
            .collect();
        SentinelGroup {
            watchers,
            network: Network::new(nodes.len(), usize::from(spec.sentinels), now),
            departed: vec![SimTime::ZERO; usize::from(spec.sentinels)],
            dormancy: Dormancy::new(now, key),
            nodes: data_nodes(nodes, key),
            outbox: Outbox::default(),
            spec,
            key,
            clock_offset,
        }
    }
}

fn data_nodes(nodes: &[NodeInit], key: StreamKey) -> Vec<DataNode> {
    let node = |(index, init): (usize, &NodeInit)| {
        let truth = NodeTruth {
            role: init.role,
            ..NodeTruth::PRIMARY
        };
        let mut node = DataNode {
            truth,
            priority: init.priority,
            incarnation: 0,
            run_id: 0,
            inbox: Vec::new(),
            subscribers: Vec::new(),
        };
        let me = Node(u16::try_from(index).expect("at most 65535 nodes"));
        node.become_incarnation(me, 1, key);
        node
    };
    nodes.iter().enumerate().map(node).collect()
}

impl Watcher {
    /// A Sentinel that has never run.
    fn blank(me: Sentinel, primary: Node, key: StreamKey, now: SimTime) -> Watcher {
        let ms = ms_of(now);
        let mut watcher = Watcher {
            me,
            process: Process::Dead,
            incarnation: 0,
            rng: key.rng(),
            ticks: Ticks::starting(now, key.rng()),
            planned: SimTime::MAX,
            inbox: Vec::new(),
            current_epoch: 0,
            previous_time: ms,
            tilt: false,
            tilt_start: 0,
            primary: Instance::new(Party::Node(primary), Kind::Primary, ms),
            replicas: Vec::new(),
            peers: Vec::new(),
            odown: false,
            config_epoch: 0,
            leader: None,
            leader_epoch: 0,
            failover: Failover::NEVER,
        };
        watcher.become_incarnation(0, key);
        watcher
    }

    /// Takes on what is drawn for each new process.
    pub(super) fn become_incarnation(&mut self, incarnation: u32, key: StreamKey) {
        self.incarnation = incarnation;
        let position = DRAW_PROCESS + u64::from(incarnation);
        self.rng = self.stream(key).at(position, 0);
    }

    /// The stream of this process' late wake-ups and timer rates.
    pub(super) fn lateness_rng(&self, key: StreamKey) -> Rng {
        let position = DRAW_LATENESS + u64::from(self.incarnation);
        self.stream(key).at(position, 0)
    }

    pub(super) fn stream(&self, key: StreamKey) -> StreamKey {
        key.child(SENTINEL_STREAMS + u64::from(self.me.0))
    }
}
