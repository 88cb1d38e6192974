//! Memory pressure: what it does to each node now, and at which dataset size it matters next.

use sim::{SimDuration, SimTime};

use super::Cluster;
use super::clients::Connected;
use super::node::Node;
use super::replication::Stream;
use super::save::Child;
use super::tables::Tables;
use crate::event::{ClusterTimer, Cx, Event};
use crate::ids::{Fleet, NodeId, ShardId, ViewId};
use crate::redis::growth::{DatasetSize, Measure};
use crate::redis::memory::{Load, Slowness, Trouble};
use demand::Mode;

/// The next size of each measure at which something happens when it grows, if anything does, and
/// the next below which something happens when it falls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    above: [(Measure, Option<f64>); 4],
    below: [(Measure, Option<f64>); 4],
}

impl Bounds {
    const MEASURES: [Measure; 4] = [
        Measure::Bytes,
        Measure::Lasting,
        Measure::Keys,
        Measure::Expiring,
    ];

    fn none() -> Bounds {
        let bounds = Bounds::MEASURES.map(|measure| (measure, None));
        Bounds {
            above: bounds,
            below: bounds,
        }
    }

    /// Something happens at this size of a measure that is `now` so large.
    fn add(&mut self, (measure, size): (Measure, f64), now: f64, falls: bool) {
        let of = |bounds: &mut [(Measure, Option<f64>); 4], best: fn(f64, f64) -> f64| {
            let found = bounds.iter_mut().find(|(m, _)| *m == measure);
            let (_, bound) = found.expect("every measure has a bound");
            *bound = Some(bound.map_or(size, |known| best(known, size)));
        };
        if size > now {
            of(&mut self.above, f64::min);
        } else if falls {
            of(&mut self.below, f64::max);
        }
    }
}

/// What is known of when a measure reaches a size, in one turn of the growth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Search {
    bound: f64,
    turns: u32,
    found: Option<SimTime>,
    /// It is not reached before, unless it was found.
    until: SimTime,
}

/// What all nodes were settled in last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settled {
    nodes: Fleet<NodeId, Node>,
    streams: Fleet<NodeId, Stream>,
    children: Fleet<NodeId, Child>,
    connected: Fleet<ViewId, Fleet<NodeId, Connected>>,
    observed: Fleet<ShardId, NodeId>,
    tables: Fleet<ShardId, Tables>,
    turns: u32,
}

/// A usage at which an observer wants to be woken.
#[derive(Clone, Copy, Debug)]
pub(super) enum Watched {
    AnyShard(f64),
    Average(f64),
}

/// What can turn while memory grows with time.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// Memory no longer does this to a node.
    Sign(NodeId, Sign),
    /// A shard's usage reaches this share.
    Shard(ShardId, f64),
    /// The shards' average usage reaches it.
    Average(f64),
}

/// A node that refuses for a while, as its keys expire one by one, stops at once below this share
/// of the size at which it was full: more memory has come.
const HELD: f64 = 15.0 / 16.0;

/// Where keys expire, a node that swaps stays as slow as it is, or stalled, until its data are
/// below this part of the size at which it became so: keys that come and go one by one would change
/// it thousands of times.
const STAYS: f64 = 1023.0 / 1024.0;

/// Keys that come and go within so short a time are not looked at one by one.
const INSEPARABLE: SimDuration = SimDuration::from_millis(1);

/// What memory does to a node.
pub(super) type Sign = (Option<Trouble>, Option<Slowness>);

impl Cluster {
    /// Somebody wants to be woken when any shard's usage reaches this share of its limit.
    pub fn watch_usage(&mut self, share: f64) {
        self.dataset.watched.push(Watched::AnyShard(share));
    }

    /// Somebody wants to be woken when the shards' usage is on average this share of their limits.
    pub fn watch_average(&mut self, share: f64) {
        self.dataset.watched.push(Watched::Average(share));
    }

    /// Nothing has changed since all nodes were settled, and no size that matters is reached yet:
    /// memory does the same to all of them. Opening everything settles them after every event.
    pub(super) fn is_settled(&self, now: SimTime) -> bool {
        let Some(settled) = &self.dataset.settled else {
            return false;
        };
        self.mode == Mode::Lazy
            && self.dataset.event.is_none_or(|(_, at)| now < at)
            && settled.turns == self.dataset.growth.turns()
            && settled.nodes == self.topology.nodes
            && settled.streams == self.replication.streams
            && settled.children == self.persistence.children
            && settled.connected == self.clients.connected
            && settled.observed == self.clients.observed
            && settled.tables == self.dataset.tables
    }

    /// All nodes are about to be settled: what changes while that is done settles them once more.
    /// Where memory grows with time as well as with keys, sizes at which keys are evicted or saves
    /// matter move, and nodes are settled after every event.
    pub(super) fn note_settled(&mut self) {
        let moves = |node: NodeId| {
            let matters = self.topology[node].memory.evicts() || self.persistence.saves();
            matters && self.grows_until(node).is_some()
        };
        if self.topology.ids().any(moves) {
            self.dataset.settled = None;
            return;
        }
        let settled = self.dataset.settled.get_or_insert_default();
        settled.nodes.clone_from(&self.topology.nodes);
        settled.streams.clone_from(&self.replication.streams);
        settled.children.clone_from(&self.persistence.children);
        settled.connected.clone_from(&self.clients.connected);
        settled.observed.clone_from(&self.clients.observed);
        settled.tables.clone_from(&self.dataset.tables);
        settled.turns = self.dataset.growth.turns();
    }

    /// What memory does to a node that belongs to datasets of this size: the worst of it, and how
    /// late it answers because it swaps, if it answers at all.
    pub(super) fn sign(&self, node: NodeId, dataset_size: DatasetSize, now: SimTime) -> Sign {
        if self.topology[node].fault.is_some() {
            return (None, None);
        }
        let share = self.topology.share_of(node);
        let (memory, load) = (&self.topology[node].memory, self.load(node, now));
        let troubles = memory.troubles(load).into_iter().flatten();
        let refuses = self.topology[node].refusing;
        let refuses = refuses.is_some_and(|refusing| now < refusing.until);
        let reached = troubles.filter(|(measure, size, trouble)| {
            let held = refuses && *trouble == Trouble::Refuses;
            let size = match held {
                true => size * HELD,
                false => size * self.part_of_trouble(node, *trouble),
            };
            dataset_size.measure(*measure) >= (size / share).ceil()
        });
        let trouble = reached.map(|(_, _, trouble)| trouble).max();
        if trouble >= Some(Trouble::Stalls) {
            return (trouble, None);
        }
        let slows = memory.slows(load);
        let reached = slows.take_while(|(size, step)| {
            let size = size * self.part_of_step(node, *step);
            dataset_size.bytes >= (size / share).ceil()
        });
        let swaps = reached.map(|(_, step)| step).last();
        (trouble, swaps.max(self.waits_for_disk(node, now)))
    }

    /// The part of the size at which a node came into a trouble below which it is out of it.
    fn part_of_trouble(&self, node: NodeId, trouble: Trouble) -> f64 {
        let stalls = trouble == Trouble::Stalls && self.topology[node].trouble == Some(trouble);
        if stalls && self.dataset.growth.falls() {
            STAYS
        } else {
            1.0
        }
    }

    /// The same of a step of slowness.
    fn part_of_step(&self, node: NodeId, step: Slowness) -> f64 {
        let reached = self.topology[node].slow_by >= Some(step);
        if reached && self.dataset.growth.falls() {
            STAYS
        } else {
            1.0
        }
    }

    /// The next instant at which memory matters to a node or to an observer.
    pub(super) fn schedule_memory(&mut self, dataset_size: DatasetSize, cx: &mut Cx) {
        let bounds = self.bounds(dataset_size, cx.now);
        let turning = self.turning(cx);
        let forecast = (bounds, self.dataset.growth.turns(), turning);
        if self.dataset.forecast == Some(forecast) {
            return;
        }
        self.dataset.forecast = Some(forecast);
        if let Some((key, _)) = self.dataset.event.take() {
            cx.agenda.cancel(key);
        }
        let mut first = turning;
        // All bytes come last: their size moves most often, and is searched no further than needed.
        let below = bounds
            .below
            .into_iter()
            .map(|(measure, bound)| (true, measure, bound));
        let above = bounds
            .above
            .into_iter()
            .map(|(measure, bound)| (false, measure, bound));
        for (place, (falls, measure, bound)) in below.rev().chain(above.rev()).enumerate() {
            if let Some(bound) = bound {
                let until = first.unwrap_or(cx.end);
                let turns = self.first_turn(place, (falls, measure, bound), (cx.now, until));
                first = turns.or(first);
            }
        }
        if let Some(at) = first {
            let event = Event::Cluster(self.id, ClusterTimer::Memory);
            self.dataset.event = Some((cx.agenda.at(at, event), at));
        }
    }

    /// The first instant of `[now, end)` at which a measure reaches a size, or falls below it, if
    /// writes stay as they are. What was searched before is not searched again.
    fn first_turn(
        &mut self,
        place: usize,
        (falls, measure, bound): (bool, Measure, f64),
        (now, end): (SimTime, SimTime),
    ) -> Option<SimTime> {
        let growth = &self.dataset.growth;
        let turns = growth.turns();
        let known = self.dataset.searches[place]
            .filter(|known| known.bound == bound && known.turns == turns)
            .filter(|known| known.found.is_none_or(|at| at >= now));
        let from = match known {
            _ if self.mode == Mode::Eager => now,
            Some(Search {
                found: Some(at), ..
            }) => return (at < end).then_some(at),
            Some(Search { until, .. }) => now.max(until),
            None => now,
        };
        if from >= end {
            return None;
        }
        let found = match falls {
            true => growth.when_below(measure, bound, from, end),
            false => growth.when_reaches(measure, bound, from, end),
        };
        self.dataset.searches[place] = Some(Search {
            bound,
            turns,
            found,
            until: end,
        });
        found
    }

    /// When something happens to a node whose memory grows with time and not with keys alone, if it
    /// does before that growth ends.
    fn turning(&self, cx: &Cx) -> Option<SimTime> {
        let until = self
            .topology
            .ids()
            .filter_map(|node| self.grows_until(node))
            .min()?;
        let until = until.min(cx.end);
        let turns = self.what_may_turn(cx.now);
        if !self.dataset.growth.falls() {
            return self.turning_within(&turns, cx.now, until);
        }
        // The earliest stretch is the last of the list.
        let mut stretches = vec![(cx.now, until)];
        while let Some((from, to)) = stretches.pop() {
            if from >= to || !self.may_turn(&turns, from, to) {
                continue;
            }
            if to - from > INSEPARABLE {
                let middle = from + (to - from) / 2;
                stretches.extend([(middle, to), (from, middle)]);
            } else if let Some(at) = self.turning_within(&turns, from, to) {
                return Some(at);
            }
        }
        None
    }

    /// The same between two instants, found by halving, since everything only grows.
    fn turning_within(&self, turns: &[Turn], from: SimTime, until: SimTime) -> Option<SimTime> {
        let turned = |turn: &&Turn, at: SimTime| {
            let dataset_size = self.dataset.growth.size_at(at);
            self.has_turned(**turn, dataset_size, at)
        };
        let turning: Vec<&Turn> = turns.iter().filter(|turn| turned(turn, until)).collect();
        if turning.is_empty() {
            return None;
        }
        Some(from.first_by(until, |at| turning.iter().any(|turn| turned(turn, at))))
    }

    /// May something happen between two instants, whatever the order in which keys come and go?
    fn may_turn(&self, turns: &[Turn], from: SimTime, to: SimTime) -> bool {
        let (now, moves) = (
            self.dataset.growth.size_at(from),
            self.dataset.growth.moves(from, to),
        );
        let (most, least) = (now.with(moves.0), now.without(moves.1));
        let turned =
            |turn: &Turn| self.has_turned(*turn, most, to) || self.has_turned(*turn, least, from);
        turns.iter().any(turned)
    }

    /// What can turn, seen from now.
    fn what_may_turn(&self, now: SimTime) -> Vec<Turn> {
        let dataset_size = self.dataset.growth.size_at(now);
        let grows = |node: &NodeId| self.grows_until(*node).is_some();
        let nodes = self.topology.ids().filter(grows);
        let nodes = nodes.map(|node| Turn::Sign(node, self.sign(node, dataset_size, now)));
        let watched = self.dataset.watched.iter().flat_map(|watched| {
            let (shards, average) = match *watched {
                Watched::AnyShard(share) => (Some((self.shards(), share)), None),
                Watched::Average(share) => (None, Some(Turn::Average(share))),
            };
            let of_each = shards.map(|(shards, share)| shards.map(move |s| Turn::Shard(s, share)));
            of_each.into_iter().flatten().chain(average)
        });
        let watched = watched.filter(|turn| !self.has_turned(*turn, dataset_size, now));
        nodes.chain(watched).collect()
    }

    /// Has this happened at `at`, with datasets of this size?
    fn has_turned(&self, turn: Turn, dataset_size: DatasetSize, at: SimTime) -> bool {
        let usage = |shard: ShardId| {
            let owner = self.known_owner(shard);
            let memory = &self.topology[owner].memory;
            let dataset = dataset_size.bytes * self.topology.shares[shard];
            memory.used(dataset, self.load(owner, at)) / memory.limit()
        };
        match turn {
            Turn::Sign(node, sign) => self.sign(node, dataset_size, at) != sign,
            Turn::Shard(shard, share) => usage(shard) >= share,
            Turn::Average(share) => {
                let usages = self.shards().map(usage);
                usages.sum::<f64>() / self.shards().len() as f64 >= share
            }
        }
    }

    /// Until when a node's memory grows with time: a child copies pages, or buffers fill, of
    /// subscribers or of replicas.
    fn grows_until(&self, node: NodeId) -> Option<SimTime> {
        let child = &self.persistence.children[node];
        let slow = self.topology[node].slow.map(|slow| slow.turns());
        let dataset_size = self.replication.holds_until(node);
        child
            .ends()
            .into_iter()
            .chain(slow)
            .chain(dataset_size)
            .chain(self.resizes.holds_until(node))
            .min()
    }

    /// The next sizes of the datasets, over all shards, at which something happens.
    fn bounds(&self, dataset_size: DatasetSize, now: SimTime) -> Bounds {
        let mut bounds = Bounds::none();
        let falls = self.dataset.growth.falls();
        // Sizes that only make the search finer need no event when the data fall below them.
        let mut add = |measure: Measure, size: f64, heeds_falls: bool| {
            let below = falls && heeds_falls;
            bounds.add((measure, size), dataset_size.measure(measure), below);
        };
        // An observer who is woken above a size is sure to be above it; so it is below.
        let surely = |size: f64| falls.then_some(size - 2.0);
        let mut all_awake = false;
        let mut matter: Vec<(Measure, f64, bool)> = Vec::new();
        for watched in &self.dataset.watched {
            if let Watched::Average(share) = watched {
                let [size, close] = self.at_average(*share, now);
                all_awake |= close <= dataset_size.bytes && size > dataset_size.bytes;
                add(Measure::Bytes, size, true);
                add(Measure::Bytes, close, false);
                surely(size)
                    .into_iter()
                    .for_each(|size| add(Measure::Bytes, size, true));
            }
        }
        for shard in self.shards() {
            // From so much below a size on, doublings of the shard's tables may take it there.
            let ahead =
                (self.dataset.tables[shard].bytes_ahead() / self.topology.shares[shard]).ceil();
            let mut awake = all_awake;
            for node in self.topology.nodes_of(shard) {
                awake |= self.grows_until(node).is_some();
                // Tables are enlarged later where keys are evicted.
                let load = self.load(node, now);
                let of_node = self.thresholds(node, load, dataset_size);
                // Memory does nothing to a node that is down, hangs or loads.
                let feels = self.topology[node].fault.is_none();
                let size = |(measure, size): (Measure, f64)| {
                    (measure, (size / self.topology.shares[shard]).ceil(), feels)
                };
                matter.extend(of_node.map(size));
                if let Some(size) = self.topology[node].memory.evicts_from(load) {
                    let size = (size / self.topology.shares[shard]).ceil();
                    let close = size - ahead;
                    awake |= close <= dataset_size.bytes;
                    add(Measure::Bytes, close, false);
                    add(Measure::Bytes, size + 1.0, false);
                }
                if let Some(size) = self.saves_matter_from(node, load) {
                    add(Measure::Bytes, size, false);
                }
            }
            for (measure, size) in self.watched_sizes(shard, now) {
                matter.push((measure, size, true));
                matter.extend(surely(size).map(|size| (measure, size, true)));
            }
            for (measure, size, heeds_falls) in matter.drain(..) {
                add(measure, size, heeds_falls);
                let close = size - ahead;
                awake |=
                    close <= dataset_size.measure(measure) && size > dataset_size.measure(measure);
                add(measure, close, false);
            }
            for (measure, size) in self.doublings(shard, awake) {
                add(measure, size, false);
            }
        }
        bounds
    }

    /// Sizes of a node's own dataset at which it has trouble, the next at which it answers later,
    /// and the last, below which it answers sooner.
    fn thresholds(
        &self,
        node: NodeId,
        load: Load,
        dataset_size: DatasetSize,
    ) -> impl Iterator<Item = (Measure, f64)> + '_ {
        let share = self.topology.share_of(node);
        let memory = &self.topology[node].memory;
        let troubles = memory.troubles(load).into_iter().flatten();
        let refusing = self.topology[node].refusing.is_some();
        let troubles = troubles.flat_map(move |(measure, size, trouble)| {
            let held = refusing && trouble == Trouble::Refuses;
            let held = held.then_some((measure, size * HELD));
            let size = size * self.part_of_trouble(node, trouble);
            std::iter::once((measure, size)).chain(held)
        });
        let (mut reached, mut slower) = (None, None);
        for (size, step) in memory.slows(load) {
            let size = size * self.part_of_step(node, step);
            if (size / share).ceil() > dataset_size.bytes {
                slower = Some(size);
                break;
            }
            reached = Some(size);
        }
        // A node that stalls is not slow as well.
        let stalls = self.topology[node].trouble >= Some(Trouble::Stalls);
        let reached = reached.filter(|_| self.dataset.growth.falls() && !stalls);
        let slows = reached.into_iter().chain(slower);
        troubles.chain(slows.map(|size| (Measure::Bytes, size)))
    }

    /// Sizes over all shards at which a shard's owner uses a watched share of its limit.
    fn watched_sizes(
        &self,
        shard: ShardId,
        now: SimTime,
    ) -> impl Iterator<Item = (Measure, f64)> + '_ {
        let any = |watched: &Watched| matches!(watched, Watched::AnyShard(_));
        let is_watched = self.dataset.watched.iter().any(any);
        let node = self.known_owner(shard);
        let memory = &self.topology[node].memory;
        let load = is_watched.then(|| self.load(node, now));
        let watched = self.dataset.watched.iter();
        watched.filter_map(move |watched| match *watched {
            Watched::AnyShard(share) => {
                let dataset = memory.dataset_at_usage(share, load?);
                let size = (dataset / self.topology.shares[shard]).ceil() + 1.0;
                Some((Measure::Bytes, size))
            }
            Watched::Average(_) => None,
        })
    }

    /// The dataset sizes over all shards at which the owners' usage averages this share, without
    /// and with the tables' next doublings.
    fn at_average(&self, share: f64, now: SimTime) -> [f64; 2] {
        let line = |shard: ShardId| {
            let node = self.known_owner(shard);
            let (memory, load) = (&self.topology[node].memory, self.load(node, now));
            let limit = memory.limit();
            let start = -memory.dataset_at_usage(0.0, load);
            let most = memory.evicts_from(load).map(|dataset| dataset + start);
            Line {
                start: start / limit,
                slope: self.topology.shares[shard] / limit,
                most: most.map_or(f64::INFINITY, |most| most / limit),
            }
        };
        let ahead = |(shard, line): (ShardId, &Line)| {
            let limit = self.topology[self.known_owner(shard)].memory.limit();
            let ahead = self.dataset.tables[shard].bytes_ahead() / limit;
            Line {
                start: line.start + ahead,
                ..*line
            }
        };
        let lines: Vec<Line> = self.shards().map(line).collect();
        let close = self.shards().zip(&lines).map(ahead).collect();
        let sum = share * lines.len() as f64;
        [lines, close].map(|lines| reaches(lines, sum).ceil() + 1.0)
    }
}

/// A shard's usage by the size of all datasets: it rises up to where keys are evicted.
#[derive(Clone, Copy, Debug)]
struct Line {
    start: f64,
    slope: f64,
    most: f64,
}

/// From where on the sum of these is at least `sum`; infinite if nowhere.
fn reaches(mut rising: Vec<Line>, sum: f64) -> f64 {
    let mut level = 0.0;
    loop {
        let start: f64 = rising.iter().map(|line| line.start).sum();
        let slope: f64 = rising.iter().map(|line| line.slope).sum();
        if slope <= 0.0 {
            return f64::INFINITY;
        }
        let found = (sum - level - start) / slope;
        let ends = |line: &Line| match line.slope > 0.0 {
            true => (line.most - line.start) / line.slope,
            false => f64::INFINITY,
        };
        let order = |a: &usize, b: &usize| ends(&rising[*a]).total_cmp(&ends(&rising[*b]));
        let first = (0..rising.len()).min_by(order).expect("one has a slope");
        if ends(&rising[first]) >= found {
            return found;
        }
        level += rising.swap_remove(first).most;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_evicts_adds_no_more_to_the_average() {
        let line = |slope, most| Line {
            start: 0.1,
            slope,
            most,
        };
        let free = f64::INFINITY;
        assert_eq!(reaches(vec![line(1.0, free), line(3.0, free)], 1.0), 0.2);
        // The second stands still at 0.4 from 0.1 on.
        let one = reaches(vec![line(1.0, free), line(3.0, 0.4)], 1.0);
        assert!((one - 0.5).abs() < 1e-9, "{one}");
        assert_eq!(reaches(vec![line(1.0, 0.3), line(3.0, 0.4)], 1.0), free);
    }
}
