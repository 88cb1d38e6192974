//! The laboratory's minimal world around one group, with what the tests ask of it.

pub use failover::lab::SentinelDrive as Drive;
use failover::sentinel::{
    ManualFailoverError, Node, NodeInit, NodeRole, NodeTruth, Party, Sentinel, SentinelEffect,
    SentinelGroup, SentinelSpec,
};
use sim::{Purpose, SimDuration, SimTime, Streams};

/// Three Sentinels with Redis' defaults but for `down-after` and `failover-timeout`.
pub fn spec(down_after_ms: u64) -> SentinelSpec {
    SentinelSpec {
        sentinels: 3,
        quorum: 2,
        down_after: SimDuration::from_millis(down_after_ms),
        failover_timeout: SimDuration::from_secs(10),
        parallel_syncs: 1,
        master_reboot_down_after: SimDuration::ZERO,
        latency: SimDuration::from_micros(250),
        config_save: SimDuration::from_millis(3),
    }
}

/// Node 0 is the primary, the others copy it.
pub fn nodes(replicas: u16) -> Vec<NodeInit> {
    let replica = NodeRole::Replica { of: Node(0) };
    let roles = std::iter::once(NodeRole::Primary).chain((0..replicas).map(|_| replica));
    roles
        .map(|role| NodeInit {
            role,
            priority: 100,
        })
        .collect()
}

/// What the tests ask of a group in its world, and do to it.
pub trait Questions: Sized {
    /// A group that has been healthy for long, a minute into the trial.
    fn new(spec: SentinelSpec, nodes: &[NodeInit], seed: u64) -> Self;
    /// Lets `span` milliseconds pass, event by event, as a world's agenda would.
    fn pass(&mut self, span_ms: u64);
    /// Lets time pass, a millisecond at a step and at most so many, until something was heard.
    fn pass_until(&mut self, limit_ms: u64, fits: impl Fn(&SentinelEffect) -> bool);
    /// Changes something about a node.
    fn change(&mut self, node: Node, change: impl FnOnce(&mut NodeTruth));
    /// Cuts or restores both directions between two parties.
    fn reachable(&mut self, a: impl Into<Party>, b: impl Into<Party>, reachable: bool);
    fn manual_failover(&mut self, sentinel: Sentinel) -> Result<(), ManualFailoverError>;
    /// Everybody in the group.
    fn parties(&self) -> Vec<Party>;
    /// When the first effect that fits was heard, in milliseconds since `since`.
    fn first_ms(&self, since: SimTime, fits: impl Fn(&SentinelEffect) -> bool) -> Option<f64>;
    /// When all effects that fit were heard.
    fn all_ms(&self, since: SimTime, fits: impl Fn(&SentinelEffect) -> bool) -> Vec<f64>;
    fn count(&self, fits: impl Fn(&SentinelEffect) -> bool) -> usize;
}

impl Questions for Drive {
    fn new(spec: SentinelSpec, nodes: &[NodeInit], seed: u64) -> Drive {
        let key = Streams::for_trial(seed, 0).key(Purpose(7), 0);
        let group = SentinelGroup::new(spec, nodes, key, SimTime::ZERO);
        Drive::around(group, SimTime::ZERO + SimDuration::from_mins(1))
    }

    fn pass(&mut self, span_ms: u64) {
        self.until(self.now + SimDuration::from_millis(span_ms));
    }

    fn pass_until(&mut self, limit_ms: u64, fits: impl Fn(&SentinelEffect) -> bool) {
        for _ in 0..limit_ms {
            if self.count(&fits) > 0 {
                return;
            }
            self.pass(1);
        }
        panic!("not heard within {limit_ms} ms");
    }

    fn change(&mut self, node: Node, change: impl FnOnce(&mut NodeTruth)) {
        let mut truth = self.group.node_truth(node);
        change(&mut truth);
        self.set(node, truth);
    }

    fn reachable(&mut self, a: impl Into<Party>, b: impl Into<Party>, reachable: bool) {
        let (a, b) = (a.into(), b.into());
        let (group, heard) = (&mut self.group, &mut self.heard);
        group.set_reachable(self.now, a, b, reachable, heard);
        group.set_reachable(self.now, b, a, reachable, heard);
        self.react();
    }

    fn manual_failover(&mut self, sentinel: Sentinel) -> Result<(), ManualFailoverError> {
        let (now, heard) = (self.now, &mut self.heard);
        let result = self.group.manual_failover(now, sentinel, heard);
        self.react();
        result
    }

    fn parties(&self) -> Vec<Party> {
        let nodes = self.group.nodes().map(Party::Node);
        nodes
            .chain(self.group.sentinels().map(Party::Sentinel))
            .collect()
    }

    fn first_ms(&self, since: SimTime, fits: impl Fn(&SentinelEffect) -> bool) -> Option<f64> {
        self.all_ms(since, fits).first().copied()
    }

    fn all_ms(&self, since: SimTime, fits: impl Fn(&SentinelEffect) -> bool) -> Vec<f64> {
        let later = self.heard.iter().filter(|(at, e)| *at >= since && fits(e));
        later
            .map(|(at, _)| (*at - since).as_secs_f64() * 1e3)
            .collect()
    }

    fn count(&self, fits: impl Fn(&SentinelEffect) -> bool) -> usize {
        self.heard.iter().filter(|(_, e)| fits(e)).count()
    }
}

/// A failover that has put another node into the primary's place: which, and when.
pub fn promoted(drive: &Drive, since: SimTime) -> Option<(Node, f64)> {
    drive.heard.iter().find_map(|(at, effect)| match *effect {
        SentinelEffect::Promote { node, .. } if *at >= since => {
            Some((node, (*at - since).as_secs_f64() * 1e3))
        }
        _ => None,
    })
}
