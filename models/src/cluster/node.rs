//! One node of a cluster: what its process, its host and its memory do to it.

use sim::{SimDuration, SimTime};

use super::disk::Found;
use super::replication::Link;
use super::subscribers::Slow;
use super::{Cluster, NOTICEABLE};
use crate::ids::{HostId, NodeId, ShardId};
use crate::redis::capability::{Capabilities, Condition};
use crate::redis::memory::{NodeMemory, Slowness, Trouble};
use crate::spec::RedisSpec;
use crate::spec::replication::OutputLimitSpec;

/// A node, in the truth.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// The shard whose data it holds.
    pub shard: ShardId,
    /// The host on which it stands.
    pub host: HostId,
    /// Its memory.
    pub memory: NodeMemory,
    /// Bytes of memory that are paid for.
    pub bytes: f64,
    /// Connections that it accepts, of clients of all kinds.
    pub maxclients: u32,
    /// What it may hold for a replica before it cuts the replica off, if that is limited.
    pub output_limit: Option<OutputLimitSpec>,
    /// What its process and host do, memory aside.
    pub fault: Option<Condition>,
    /// What memory does to it.
    pub trouble: Option<Trouble>,
    /// It refuses writes for a while, since its keys only expire one by one.
    pub refusing: Option<Refusing>,
    /// How late it answers because it swaps, or waits for its disk.
    pub slow_by: Option<Slowness>,
    /// Which of its processes or copies gets fragmented.
    pub fragments: u32,
    /// Until when each fsync takes so long on its disk, because of a fault.
    pub slow_disk: Option<(SimTime, SimDuration)>,
    /// Its process is in `fork`, for so long.
    pub forking: Option<SimDuration>,
    /// It makes handshakes with new clients, for so long.
    pub accepting: Option<SimDuration>,
    /// It frees data, for so long, and until then.
    pub freeing: Option<(SimDuration, SimTime)>,
    /// When its process will have read its data.
    pub loaded_at: SimTime,
    /// Until when it hangs or runs a script, if it does.
    pub hung_until: SimTime,
    /// The script that it runs.
    pub script: Option<Script>,
    /// Subscribers that do not read.
    pub slow: Option<Slow>,
    /// Does it hold itself for a primary?
    pub primary: bool,
    /// It was started as a replica of itself: it answers reads, and refuses writes.
    pub read_only: bool,
    /// Since when packets of clients reach nobody there.
    pub unreachable_since: Option<SimTime>,
    /// Since when clients who write to it get no reply.
    pub silent_since: Option<SimTime>,
    /// What it found on its disk when it started, if it has copied nothing since: set for replicas.
    pub restored: Option<Found>,
    /// Its data lack what its shard had lost up to then.
    pub lacks_until: SimTime,
    /// Promoted in the present outage, and whether that has already proved useless.
    pub promoted: Option<Promotion>,
}

/// A full node whose keys expire: it lets in what has made room, and is full again. Redis does so
/// key by key; here it refuses for a while, and then lets in for a while, so that the share of
/// refused writes is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusing {
    /// Since when it has been full again and again.
    first: SimTime,
    /// Until when it refuses.
    pub until: SimTime,
}

impl Refusing {
    /// It is full once more: it refuses for a 64th of the time for which that has gone on, for a
    /// second at least and five at most, so that most minutes see their part.
    pub fn again(before: Option<Refusing>, now: SimTime) -> Refusing {
        let (least, most) = (SimDuration::from_secs(1), SimDuration::from_secs(5));
        let pause = |first: SimTime| (now - first).scaled(1.0 / 64.0).clamp(least, most);
        let goes_on = |before: &Refusing| {
            // Fewer than one write in a thousand was refused.
            let open = now.saturating_since(before.until).as_secs_f64();
            open < 1e3 * pause(before.first).as_secs_f64()
        };
        let first = before.filter(goes_on).map_or(now, |before| before.first);
        let until = now.saturating_add(pause(first));
        Refusing { first, until }
    }
}

/// A script that takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// Has it written?
    pub writes: bool,
}

/// A promotion, until it is known whether it helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Promotion {
    /// When.
    pub at: SimTime,
    /// Has the node met the trouble that it was to cure?
    pub useless: bool,
}

/// A change of a node that may put it into another condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// Of what its process and host do.
    Fault(Option<Condition>),
    /// Of what memory does to it.
    Trouble(Option<Trouble>),
    /// It forks, and does nothing else for so long.
    Forking(Option<SimDuration>),
    /// It makes handshakes with new clients, and does nothing else for so long.
    Accepting(Option<SimDuration>),
    /// It frees data, and does nothing else for so long, and until then.
    Freeing(Option<(SimDuration, SimTime)>),
    /// Of its stream.
    Link(Link),
    /// Its last save failed, and that stops writes; or no longer.
    SaveFailed(bool),
    /// It cannot write its append-only file; or no longer.
    AppendFails(bool),
}

impl Node {
    /// A healthy node with so much memory.
    pub fn new(
        shard: ShardId,
        host: HostId,
        (redis, bytes): (&RedisSpec, f64),
        primary: bool,
    ) -> Node {
        Node {
            shard,
            host,
            memory: NodeMemory::new(redis, bytes),
            bytes,
            maxclients: redis.maxclients(),
            output_limit: redis.replication.output_limit,
            fault: None,
            trouble: None,
            refusing: None,
            slow_by: None,
            fragments: 0,
            slow_disk: None,
            forking: None,
            accepting: None,
            freeing: None,
            loaded_at: SimTime::ZERO,
            hung_until: SimTime::ZERO,
            script: None,
            slow: None,
            primary,
            read_only: false,
            unreachable_since: None,
            silent_since: None,
            restored: None,
            lacks_until: SimTime::ZERO,
            promoted: None,
        }
    }

    /// Does its thread do one thing instead of everything else, for a moment?
    pub fn pauses_briefly(&self) -> bool {
        let long = |(condition, lasts)| condition == Condition::Freeing && lasts >= NOTICEABLE;
        self.pause().is_some_and(|pause| !long(pause))
    }

    /// What its thread does instead of everything else, and for how long.
    fn pause(&self) -> Option<(Condition, SimDuration)> {
        let forking = self.forking.map(|lasts| (Condition::Forking, lasts));
        let accepting = self.accepting.map(|lasts| (Condition::Accepting, lasts));
        let freeing = self.freeing.map(|(lasts, _)| (Condition::Freeing, lasts));
        forking.or(accepting).or(freeing)
    }

    /// Is there no process that could save?
    pub fn is_gone(&self) -> bool {
        is_gone(self.fault)
    }
}

impl Cluster {
    /// A node's condition: while its thread pauses, that hides what its memory refuses.
    pub(super) fn condition(&self, node: NodeId) -> Condition {
        let pause = self.topology[node].pause().map(|(condition, _)| condition);
        match self.beneath(node) {
            runs @ (Condition::Healthy
            | Condition::AtMaxmemory
            | Condition::SaveFailed
            | Condition::LoadingCopy) => pause.unwrap_or(runs),
            stands => stands,
        }
    }

    /// Its condition when no pause hides it: a fault of the process or host first, then what memory
    /// does, then its stream.
    pub(super) fn beneath(&self, node: NodeId) -> Condition {
        let at = &self.topology[node];
        match (at.fault, at.trouble) {
            (Some(fault), _) => fault,
            (None, Some(Trouble::Stalls)) => Condition::Stalled,
            (None, Some(Trouble::Killed)) => Condition::Killed,
            (None, _) if matches!(self.replication[node].link, Link::Loading(_)) => {
                Condition::LoadingCopy
            }
            (None, _) if self.persistence.children[node].stops_writes() => Condition::SaveFailed,
            (None, Some(Trouble::Refuses)) => Condition::AtMaxmemory,
            (None, None) => Condition::Healthy,
        }
    }

    /// What a node can do for a client that waits a moment: a short pause is not noticed, only what
    /// lies beneath.
    pub(super) fn capabilities(&self, node: NodeId) -> Capabilities {
        let condition = self.condition(node);
        match self.topology[node].pause() {
            Some((pause, lasts)) if pause == condition && lasts < NOTICEABLE => {
                self.beneath(node).capabilities()
            }
            _ => condition.capabilities(),
        }
    }
}

/// Is there no process that could save?
pub(super) fn is_gone(fault: Option<Condition>) -> bool {
    use Condition::{HostLost, Killed, Loading};
    matches!(fault, Some(Killed | Loading | HostLost))
}
