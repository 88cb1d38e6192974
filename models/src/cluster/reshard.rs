//! Slots that move among the shards of a cluster, key by key, until each has its equal part; and
//! new shards that join, empty, and get theirs.
//!
//! ```text
//! begin ──► a sixteenth of the keys has moved ──► … ──► done
//!   │           └ an owner is another one, or refuses ──► it ends where it stands
//!   └── DELs flow into the sources' streams, RESTOREs into the targets', threads are busy
//! ```
//!
//! `redis-cli` moves batches of keys with MIGRATE, one after the other. A batch keeps the source's
//! thread busy until the target has stored it, and nobody notices that: 0.2 ms for 10 keys of 1000
//! bytes (measured). A key leaves the source when the target has it, so a full source frees memory
//! as they go, and a target at `maxmemory` refuses them (RESTORE is refused with -OOM, MIGRATE and
//! its DEL are not: their command flags in Redis 7.0). The buffer of a batch is small and is left
//! out.
//!
//! Left out: -ASK and -TRYAGAIN, which cost clients a round trip for keys of the slot that moves;
//! resident memory, which a real source gives back late, if at all (`ASSUMPTIONS.md`). Requests go
//! on asking shards in the proportions of the start.

use rand::RngExt as _;
use sim::{SimDuration, SimTime};

use super::deleting::Ramp;
use super::disk::{Disk, Found};
use super::node::Node;
use super::save::Child;
use super::{Cluster, NOTICEABLE};
use crate::event::{ClusterTimer, Cx};
use crate::ids::{NodeId, ShardId};
use crate::redis::capability::Condition;
use crate::redis::commands::del_bytes;
use crate::spec::service::Access;
use demand::answer::{Answer, Cause};

/// Everything moves in so many equal steps: between them shares stand still.
const STEPS: u32 = 16;

/// Seconds that a key takes in batches of 10, and each of its bytes on top. Measured with
/// `redis-cli --cluster reshard` of Redis 7.0.15, all on one machine of two cores: 1,510 keys a
/// second (values of 100 bytes), 1,463 (of 1000) and 572 (of 10 KiB).
const EACH_KEY: f64 = 0.6e-3;
const EACH_BYTE: f64 = 0.11e-6;

/// Of that, what keeps the source's thread busy, from `commandstats` of the same runs: 14.6 us a
/// key (100 bytes), 23.5 us (1000) and 113 us (10 KiB).
const BUSY_KEY: f64 = 13.6e-6;
const BUSY_BYTE: f64 = 0.0099e-6;

/// Time that MIGRATE of one key keeps its source from everything else, for each member; its target
/// takes half of that. Measured with Redis 7.0.15, both on one machine: 0.85 to 1.4 us for a hash,
/// 0.6 to 1.0 us for a set, 0.6 to 0.8 us for a sorted set of 300,000 to 3,000,000 members.
const EACH_MEMBER: f64 = 1.1e-6;

/// How long `redis-cli` lets MIGRATE take (redis-cli.c: CLUSTER_MANAGER_MIGRATE_TIMEOUT).
const MIGRATE_TIMEOUT: SimDuration = SimDuration::from_secs(60);

/// A sub-stream of a cluster's saves: where large keys are.
const LARGE_KEYS: u64 = u64::MAX;

/// Slots on the move.
#[derive(Clone, Debug)]
pub(super) struct Reshard {
    /// From which shard to which, and how much of all keys.
    moves: Vec<(ShardId, ShardId, f64)>,
    takes: SimDuration,
    steps: u32,
    /// The owners, and how often their processes had gone when it began: it ends with one of them.
    owners: Vec<(NodeId, u64)>,
    stopped: bool,
    /// MIGRATE of a large key has taken too long.
    timed_out: bool,
    /// Large keys that move: at which step, from where to where, and how long MIGRATE takes.
    large: Vec<(u32, [ShardId; 2], SimDuration)>,
    /// Commands per second that would keep a source's thread as busy, by shard.
    busy: Vec<(ShardId, f64)>,
}

/// How long MIGRATE of a key with so many members keeps its source from everything else.
pub fn migrate_time(members: u32) -> SimDuration {
    SimDuration::from_secs_f64(f64::from(members) * EACH_MEMBER)
}

impl Reshard {
    fn lasts(&self) -> bool {
        self.steps < STEPS && !self.stopped
    }
}

impl Cluster {
    /// Slots move from the fullest shards to the others until all hold equal parts, so many keys a
    /// second. Its number; `None` if there is nothing to move.
    pub fn rebalance(&mut self, rate: Option<f64>, cx: &mut Cx) -> Option<usize> {
        let moves = self.moves_to_equal_parts();
        let part: f64 = moves.iter().map(|(_, _, part)| part).sum();
        let all = moves
            .iter()
            .map(|(from, _, of)| self.moved(*from, *of, cx.now));
        let stored = all.fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        let (keys, bytes) = stored;
        if keys < 1.0 {
            cx.ledger.trace(cx.now, || {
                format!(
                    "{} cluster: no slots move, they are spread evenly",
                    self.plan.name
                )
            });
            return None;
        }
        if !self.can_reshard(&moves, cx) {
            return None;
        }
        let each = bytes / keys;
        let rate = rate.unwrap_or(1.0 / (EACH_KEY + EACH_BYTE * each));
        let takes = SimDuration::from_secs_f64(keys / rate);
        cx.ledger.trace(cx.now, || {
            let (name, about) = (&self.plan.name, takes.rounded_to(NOTICEABLE));
            format!("{name} cluster: {keys:.0} keys move to other shards, {about}")
        });
        let busy = rate * (BUSY_KEY + BUSY_BYTE * each) / self.redis.command_time.as_secs_f64();
        let busy = moves
            .iter()
            .map(|(from, _, of)| (*from, busy * of / part))
            .collect();
        self.pour_streams(&moves, takes, cx);
        let owners = self.shards().map(|shard| self.topology.owners[shard]);
        let owners = owners.map(|owner| (owner, self.persistence.disks[owner].deaths()));
        let number = self.reshards.len();
        self.reshards.push(Reshard {
            large: self.large_keys(&moves),
            moves,
            takes,
            steps: 0,
            owners: owners.collect(),
            stopped: false,
            timed_out: false,
            busy,
        });
        self.after_step(number, SimDuration::ZERO, cx);
        self.dataset.settled = None;
        self.settle(cx);
        Some(number)
    }

    /// Keys and bytes of a shard that are there and go, if it gives away this part of all keys.
    fn moved(&self, from: ShardId, part: f64, now: SimTime) -> (f64, f64) {
        let held = self.size_held(self.topology.owners[from], now);
        let moved = held.share(part / self.topology.shares[from]);
        (moved.keys, moved.bytes)
    }

    /// New, empty shards join until there are so many, and get their parts of the keys as in
    /// [`Cluster::rebalance`]. Nodes that exist join at once. `None` if the cluster is not well:
    /// `redis-cli` refuses then.
    pub fn add_shards(&mut self, to: usize, rate: Option<f64>, cx: &mut Cx) -> Option<usize> {
        let well = self.nodes().all(|node| self.condition(node).streams()) && self.is_available();
        if !well {
            cx.ledger.trace(cx.now, || {
                let name = &self.plan.name;
                format!("{name} cluster: no shards join, the cluster is not well")
            });
            return None;
        }
        let before = self.topology.joined;
        if before < to {
            let bytes = self.largest_node();
            self.topology.joined = to.min(self.topology.shares.len());
            for shard in self.shards().skip(before) {
                self.join(shard, bytes, cx);
            }
            for shard in self.shards() {
                self.reset_topology(shard, cx);
            }
            self.control.set_up(&self.topology, cx.now, self.mode);
            self.cut_bus(true, cx);
            self.tell_control_ok(cx);
            cx.ledger.trace(cx.now, || {
                let (name, all) = (&self.plan.name, self.topology.joined);
                format!("{name} cluster: new shards join, {all} in all")
            });
            self.dataset.settled = None;
            self.settle(cx);
        }
        self.rebalance(rate, cx)
    }

    /// A new shard joins, empty, with nodes as large as the largest.
    fn join(&mut self, shard: ShardId, bytes: f64, cx: &mut Cx) {
        for n in self.topology.nodes_of(shard).collect::<Vec<_>>() {
            let Node { host, primary, .. } = self.topology[n];
            self.topology[n] = Node::new(shard, host, (&self.redis, bytes), primary);
            self.supervisors.replace(n);
            self.persistence.children[n] = Child::default();
            self.persistence.disks[n] = Disk::new(Found::UpTo(cx.now));
            self.plan_saves(n, cx);
        }
        self.dataset.tables[shard].seen_at(cx.now);
        self.copy_all(shard, cx);
    }

    /// Does it answer, if only that it is full? Who manages it sees no more.
    pub fn is_available(&self) -> bool {
        match self.answer(Access::Write) {
            Answer::Error(Cause::Oom) => true,
            answer => answer.captures(),
        }
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        self.topology.joined
    }

    /// Is this one still under way?
    pub fn is_resharding(&self, number: usize) -> bool {
        self.reshards[number].lasts()
    }

    /// Has this one come to its end?
    pub fn has_resharded(&self, number: usize) -> bool {
        self.reshards[number].steps == STEPS
    }

    fn moves_to_equal_parts(&self) -> Vec<(ShardId, ShardId, f64)> {
        let equal = 1.0 / self.shards().len() as f64;
        let over = |shard: ShardId| (shard, self.topology.shares[shard] - equal);
        let all: Vec<(ShardId, f64)> = self.shards().map(over).collect();
        let missing: f64 = all.iter().map(|(_, over)| (-over).max(0.0)).sum();
        let mut moves = Vec::new();
        for (from, over) in all.iter().filter(|(_, over)| *over > 1e-9) {
            let short = all.iter().filter(|(_, over)| *over < -1e-9);
            moves.extend(short.map(|(to, short)| (*from, *to, over * -short / missing)));
        }
        moves
    }

    /// Do sources and targets take part? One that does not is told of.
    fn can_reshard(&self, moves: &[(ShardId, ShardId, f64)], cx: &mut Cx) -> bool {
        let full = |shard: ShardId| {
            let owner = self.topology.owners[shard];
            self.beneath(owner) == Condition::AtMaxmemory
        };
        let mut moves = moves.iter();
        let refuses = moves.find_map(|(from, to, _)| match () {
            () if !self.deletes(*from) => Some((*from, "does not execute MIGRATE")),
            () if !self.deletes(*to) => Some((*to, "does not execute RESTORE")),
            () if full(*to) => Some((*to, "refuses keys (-OOM)")),
            () => None,
        });
        if let Some((shard, why)) = refuses {
            cx.ledger.trace(cx.now, || {
                let (name, node) = (&self.plan.name, self.node_name(self.known_owner(shard)));
                format!("{name} cluster: no slots move, {node} {why}")
            });
        }
        refuses.is_none()
    }

    fn after_step(&self, number: usize, late: SimDuration, cx: &mut Cx) {
        let each = self.reshards[number].takes.scaled(1.0 / f64::from(STEPS));
        self.after(each + late, ClusterTimer::Reshards { number }, cx);
    }

    /// The large keys that are in slots on the move. Each is anywhere in the key space.
    fn large_keys(
        &self,
        moves: &[(ShardId, ShardId, f64)],
    ) -> Vec<(u32, [ShardId; 2], SimDuration)> {
        let number = self.reshards.len() as u64;
        let draws = self.persistence.key.child(LARGE_KEYS);
        let members = self.dataset.largest_keys.iter().enumerate();
        let found = members.filter_map(|(place, members)| {
            let takes = migrate_time((*members)?);
            let mut rng = draws.at(number, place as u64);
            let (mut left, step) = (rng.random::<f64>(), rng.random_range(1..STEPS));
            let its = moves.iter().find(|(_, _, of)| {
                left -= of;
                left < 0.0
            });
            let (from, to, _) = its?;
            Some((step, [*from, *to], takes))
        });
        found.collect()
    }

    /// MIGRATE of the large keys that move in this step: how long that takes.
    fn migrate_large_keys(&mut self, number: usize, cx: &mut Cx) -> SimDuration {
        let Reshard { steps, large, .. } = &self.reshards[number];
        let now = large.iter().filter(|(step, ..)| step == steps);
        let all: Vec<([ShardId; 2], SimDuration)> = now.map(|of| (of.1, of.2)).collect();
        let mut late = SimDuration::ZERO;
        for ([from, to], takes) in all {
            let [source, target] = [from, to].map(|shard| self.topology.owners[shard]);
            let lasts = takes.min(MIGRATE_TIMEOUT);
            cx.ledger.trace(cx.now, || {
                let [source, target] = [source, target].map(|node| self.node_name(node));
                format!("{source}: MIGRATE of a large key to {target}, {lasts}")
            });
            self.stop_answering(source, lasts, cx);
            self.stop_answering(target, lasts.scaled(0.5), cx);
            late = late.max(lasts);
            self.reshards[number].timed_out |= takes > MIGRATE_TIMEOUT;
        }
        late
    }

    /// A further part of the keys has moved.
    pub(super) fn on_reshards(&mut self, number: usize, cx: &mut Cx) {
        let reshard = self.reshards[number].clone();
        let same = |(owner, deaths): &(NodeId, u64)| {
            self.serves(*owner) && self.persistence.disks[*owner].deaths() == *deaths
        };
        let given_up = reshard.timed_out || !reshard.owners.iter().all(same);
        if given_up || !self.can_reshard(&reshard.moves, cx) {
            self.stop_reshard(number, cx);
            return;
        }
        self.reshards[number].steps += 1;
        let each = 1.0 / f64::from(STEPS);
        self.move_shares(&reshard.moves, each, cx);
        let late = self.migrate_large_keys(number, cx);
        if self.reshards[number].lasts() {
            self.after_step(number, late, cx);
        } else {
            cx.ledger.trace(cx.now, || {
                format!("{} cluster: all shards hold equal parts", self.plan.name)
            });
        }
    }

    fn stop_reshard(&mut self, number: usize, cx: &mut Cx) {
        self.reshards[number].stopped = true;
        self.dataset.settled = None;
        for (_, ramp) in &mut self.replication.moving {
            ramp.end(cx.now);
        }
        cx.ledger.trace(cx.now, || {
            format!("{} cluster: the move of slots has ended", self.plan.name)
        });
        self.plan_streams(cx);
    }

    /// This part of the moves is done. What depends on shares is brought up to now before.
    fn move_shares(&mut self, moves: &[(ShardId, ShardId, f64)], part: f64, cx: &mut Cx) {
        self.bring_up_streams(cx);
        for shard in self.shards() {
            self.record_evictions(shard, cx.now);
            self.dataset.emptied[shard].clear();
        }
        for (from, to, of) in moves {
            self.move_share((*from, *to), of * part);
        }
        for shard in self.shards() {
            self.dataset.tables[shard].seen_at(cx.now);
        }
        self.shrink_tables(cx.now);
        self.mark_streams(cx);
    }

    /// One shard has so much less of all keys and another more, with what was lost of them.
    fn move_share(&mut self, (from, to): (ShardId, ShardId), part: f64) {
        let [here, there] = [from, to].map(|shard| self.topology.shares[shard]);
        let of_source = part / here;
        let owner = self.topology.owners[from];
        let gone = self.topology[owner].memory.gone();
        for node in self.topology.nodes_of(from).collect::<Vec<_>>() {
            let memory = &mut self.topology[node].memory;
            *memory = memory.without(memory.gone() * (1.0 - of_source));
        }
        for node in self.topology.nodes_of(to).collect::<Vec<_>>() {
            let memory = &mut self.topology[node].memory;
            *memory = memory.without(memory.gone() + gone * of_source);
        }
        let weights = (there, part);
        self.dataset
            .evictions
            .reshard((from, to), of_source, weights);
        let source = self.dataset.tables[from];
        self.dataset.tables[to].receive(&source, weights);
        self.topology.shares[from] = here - part;
        self.topology.shares[to] = there + part;
    }

    /// What moves is in the streams of both sides.
    fn pour_streams(&mut self, moves: &[(ShardId, ShardId, f64)], takes: SimDuration, cx: &mut Cx) {
        let lengths = &self.dataset.key_lengths;
        let length = lengths.iter().sum::<u64>() / lengths.len() as u64;
        let (from, to) = (cx.now, cx.now.saturating_add(takes));
        for (source, target, part) in moves {
            let (keys, bytes) = self.moved(*source, *part, cx.now);
            let bytes = [(*source, keys * del_bytes(length)), (*target, bytes)];
            for (shard, bytes) in bytes {
                let ramp = Ramp::new((from, to), bytes);
                self.replication.moving.push((shard, ramp));
            }
        }
        self.plan_streams(cx);
    }

    /// Bytes that moves of slots have put into a shard's stream by then.
    pub(super) fn moved_by(&self, shard: ShardId, at: SimTime) -> f64 {
        let moving = self.replication.moving.iter();
        let of_shard = moving.filter(|(of, _)| *of == shard);
        of_shard.map(|(_, ramp)| ramp.by(at)).sum()
    }

    /// Commands per second that a node executes if so much of its clients is there. MIGRATE counts
    /// by the time that it takes.
    pub(super) fn commands_of(&self, node: NodeId, loaded: f64) -> f64 {
        let shard = self.topology[node].shard;
        let (commands, writes) = self.clients.commands;
        let clients = self.topology.shares[shard] * (commands * loaded + writes * (1.0 - loaded));
        let lasting = self.reshards.iter().filter(|reshard| reshard.lasts());
        let busy = lasting.flat_map(|reshard| &reshard.busy);
        let moves: f64 = busy
            .filter(|(of, _)| *of == shard)
            .map(|(_, commands)| commands)
            .sum();
        match self.serves(node) {
            true => clients + moves,
            false => clients,
        }
    }
}
