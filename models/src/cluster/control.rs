//! Who decides on failovers: the bus of the nodes themselves, Sentinels beside them, a provider's
//! control plane, or nobody.

use std::collections::BTreeSet;
use std::rc::Rc;

use sim::{EventKey, SimTime, StreamKey};

use super::managed::Provider;
use super::topology::Topology;
use super::{Cluster, bus, sentinels};
use crate::event::{ClusterTimer, Cx, Event};
use crate::ids::{Fleet, Id, NodeId, ShardId};
use crate::outcome::{RowGroup, Tone};
use crate::spec::FailoverSpec;
use demand::Mode;
use failover::cluster_bus::{BusHistories, Member, SharedBus};
use failover::sentinel::SentinelGroup;

/// The part of a cluster that decides on failovers.
#[derive(Clone, Debug)]
pub(super) struct Control {
    pub spec: FailoverSpec,
    /// Its name among all random streams.
    pub key: StreamKey,
    pub decider: Decider,
    /// What the designs of a trial share of their buses.
    histories: Rc<BusHistories>,
    /// The next thing that it does by itself.
    pub event: Option<(EventKey, SimTime)>,
    /// What the trace said last of the bus' view.
    pub said_ok: bool,
}

/// Who decides.
#[derive(Clone, Debug)]
pub(super) enum Decider {
    /// The nodes themselves.
    Bus(SharedBus),
    /// A group of Sentinels for each shard.
    Sentinels {
        groups: Fleet<ShardId, SentinelGroup>,
        /// When each of them does something by itself next.
        due: Due,
    },
    /// The provider.
    Provider(Provider),
    /// Checks and people.
    Nobody,
}

/// When groups do something by themselves next, also in the order of time.
#[derive(Clone, Debug)]
pub(super) struct Due {
    at: Fleet<ShardId, Option<SimTime>>,
    order: BTreeSet<(SimTime, usize)>,
}

impl Due {
    fn of(groups: &Fleet<ShardId, SentinelGroup>) -> Due {
        let mut due = Due {
            at: Fleet::alike(groups, None),
            order: BTreeSet::new(),
        };
        for (shard, group) in groups.iter() {
            due.set(shard, group.next_at());
        }
        due
    }

    fn set(&mut self, shard: ShardId, next: Option<SimTime>) {
        let number = shard.index();
        if let Some(before) = std::mem::replace(&mut self.at[shard], next) {
            self.order.remove(&(before, number));
        }
        self.order.extend(next.map(|next| (next, number)));
    }

    /// The first shard from this number on whose group has something to do by now.
    fn first_from(&self, number: usize, now: SimTime) -> Option<ShardId> {
        let by_now = self.order.range(..=(now, usize::MAX));
        let numbers = by_now.map(|(_, shard)| *shard);
        numbers
            .filter(|shard| *shard >= number)
            .min()
            .map(ShardId::from_index)
    }

    fn next(&self) -> Option<SimTime> {
        self.order.first().map(|(at, _)| *at)
    }
}

impl Control {
    /// Nobody decides yet.
    pub fn new(spec: &FailoverSpec, key: StreamKey, histories: Rc<BusHistories>) -> Control {
        Control {
            spec: spec.clone(),
            key,
            decider: Decider::Nobody,
            histories,
            event: None,
            said_ok: true,
        }
    }

    /// A healthy bus, or healthy groups, of the nodes as they are now. A provider knows what it
    /// knew.
    pub fn set_up(&mut self, topology: &Topology, origin: SimTime, mode: Mode) {
        let key = self.key.child(origin.as_nanos());
        match (&self.spec, &self.decider) {
            (FailoverSpec::ClusterBus(spec), _) => {
                let bus = bus::healthy(spec, topology, &self.histories, (key, origin), mode);
                self.decider = Decider::Bus(bus);
            }
            (FailoverSpec::Sentinel(spec), _) => {
                let groups = sentinels::healthy(spec, topology, (key, origin), mode);
                let due = Due::of(&groups);
                self.decider = Decider::Sentinels { groups, due };
            }
            (FailoverSpec::Managed(_), Decider::Provider(_)) => {}
            (FailoverSpec::Managed(spec), _) => {
                let provider = Provider::new(spec, &topology.shares);
                self.decider = Decider::Provider(provider);
            }
            (FailoverSpec::Application {} | FailoverSpec::None {}, _) => {}
        }
    }

    pub fn bus(&self) -> Option<&SharedBus> {
        match &self.decider {
            Decider::Bus(bus) => Some(bus),
            Decider::Sentinels { .. } | Decider::Provider(_) | Decider::Nobody => None,
        }
    }

    pub fn bus_mut(&mut self) -> Option<&mut SharedBus> {
        match &mut self.decider {
            Decider::Bus(bus) => Some(bus),
            Decider::Sentinels { .. } | Decider::Provider(_) | Decider::Nobody => None,
        }
    }

    /// The Sentinels that watch a shard.
    pub fn group(&self, shard: ShardId) -> Option<&SentinelGroup> {
        match &self.decider {
            Decider::Sentinels { groups, .. } => Some(&groups[shard]),
            Decider::Bus(_) | Decider::Provider(_) | Decider::Nobody => None,
        }
    }

    /// Lets the Sentinels that watch a shard do something; false if there are none.
    pub fn with_group(&mut self, shard: ShardId, f: impl FnOnce(&mut SentinelGroup)) -> bool {
        match &mut self.decider {
            Decider::Sentinels { groups, due } => {
                f(&mut groups[shard]);
                due.set(shard, groups[shard].next_at());
                true
            }
            Decider::Bus(_) | Decider::Provider(_) | Decider::Nobody => false,
        }
    }

    pub fn provider_mut(&mut self) -> Option<&mut Provider> {
        match &mut self.decider {
            Decider::Provider(provider) => Some(provider),
            Decider::Bus(_) | Decider::Sentinels { .. } | Decider::Nobody => None,
        }
    }

    /// Do Sentinels decide?
    pub fn has_sentinels(&self) -> bool {
        matches!(self.decider, Decider::Sentinels { .. })
    }

    /// The first shard from this number on whose Sentinels are to do something by now.
    fn first_due(&self, number: usize, now: SimTime) -> Option<ShardId> {
        match &self.decider {
            Decider::Sentinels { due, .. } => due.first_from(number, now),
            Decider::Bus(_) | Decider::Provider(_) | Decider::Nobody => None,
        }
    }

    /// When bus or Sentinels do something by themselves next.
    pub fn next_at(&self) -> Option<SimTime> {
        match &self.decider {
            Decider::Bus(bus) => bus.next_at(),
            Decider::Sentinels { due, .. } => due.next(),
            Decider::Provider(_) | Decider::Nobody => None,
        }
    }
}

impl Cluster {
    /// Lets bus or Sentinels do what is due; says whether anything came of it.
    pub(super) fn advance_control(&mut self, cx: &mut Cx) -> bool {
        let mut changed = self.advance_bus(cx);
        self.drain(cx);
        let mut next = 0;
        while let Some(shard) = self.control.first_due(next, cx.now) {
            let advance = |group: &mut SentinelGroup, now, out: &mut _| group.advance(now, out);
            changed |= self.with_sentinels(shard, cx, advance);
            self.drain(cx);
            next = shard.index() + 1;
        }
        changed
    }

    /// One pending event for what bus or Sentinels do next.
    pub(super) fn schedule_control(&mut self, cx: &mut Cx) {
        let next = self.control.next_at().map(|at| at.max(cx.now));
        if self.control.event.map(|(_, at)| at) == next {
            return;
        }
        if let Some((key, _)) = self.control.event.take() {
            cx.agenda.cancel(key);
        }
        let event = Event::Cluster(self.id, ClusterTimer::Control);
        self.control.event = next.map(|at| (cx.agenda.at(at, event), at));
    }

    /// A bus that starts holds the cluster to be well, and Sentinels every primary.
    pub(super) fn tell_control_ok(&mut self, cx: &mut Cx) {
        self.control.said_ok = true;
        let name = &self.plan.name;
        let (row, state) = match &self.control.decider {
            Decider::Bus(_) => (format!("{name} cluster bus"), "cluster ok"),
            Decider::Sentinels { .. } => (format!("{name} sentinels"), "primary ok"),
            Decider::Provider(_) | Decider::Nobody => return,
        };
        let group = RowGroup::Observers;
        cx.ledger.state(cx.now, group, &row, state, Tone::Good);
    }
}

/// What the bus calls a node.
pub(super) fn member(node: NodeId) -> Member {
    Member(node.index() as u16)
}

/// The node that the bus calls so.
pub(super) fn node_of(member: Member) -> NodeId {
    NodeId::from_index(member.0.into())
}
