//! A minimal world around one group: a clock, what was heard, and nodes that do as they are told.

use std::collections::BTreeMap;

use models::failover::sentinel::{
    ManualFailoverError, Node, NodeInit, NodeRole, NodeTruth, Party, Process, ReplicaLink,
    Sentinel, SentinelEffect, SentinelEffects, SentinelGroup, SentinelSpec,
};
use sim::{Purpose, SimDuration, SimTime, Streams};

/// A group and what it has said so far.
pub struct Drive {
    pub group: SentinelGroup,
    pub now: SimTime,
    pub heard: SentinelEffects,
    /// How long a replica takes to copy a primary, in milliseconds.
    pub copy_ms: u64,
    /// How much of `heard` the world has already acted on.
    acted: usize,
    /// When a copy will be complete, by node.
    copies: BTreeMap<Node, SimTime>,
}

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

impl Drive {
    /// A group that has been healthy for long, a minute into the trial.
    pub fn new(spec: SentinelSpec, nodes: &[NodeInit], seed: u64) -> Drive {
        let key = Streams::for_trial(seed, 0).key(Purpose(7), 0);
        Drive::around(SentinelGroup::new(spec, nodes, key, SimTime::ZERO), 60_000)
    }

    pub fn around(group: SentinelGroup, now_ms: u64) -> Drive {
        Drive {
            group,
            now: SimTime::ZERO + SimDuration::from_millis(now_ms),
            heard: SentinelEffects::new(),
            copy_ms: 5,
            acted: 0,
            copies: BTreeMap::new(),
        }
    }

    /// Lets `span` milliseconds pass, event by event, as a world's agenda would.
    pub fn pass(&mut self, span_ms: u64) {
        self.until(self.now + SimDuration::from_millis(span_ms));
    }

    /// Lets time pass, a millisecond at a step and at most so many, until something was heard.
    pub fn pass_until(&mut self, limit_ms: u64, fits: impl Fn(&SentinelEffect) -> bool) {
        for _ in 0..limit_ms {
            if self.count(&fits) > 0 {
                return;
            }
            self.pass(1);
        }
        panic!("not heard within {limit_ms} ms");
    }

    pub fn until(&mut self, until: SimTime) {
        loop {
            let copied = self.copies.iter().map(|(n, at)| (*at, *n)).min();
            let next_deed = self.group.next_at().unwrap_or(SimTime::MAX);
            let next = copied.map_or(next_deed, |(at, _)| at.min(next_deed));
            if next > until {
                break;
            }
            self.now = next;
            if let Some((_, node)) = copied.filter(|(at, _)| *at == next) {
                self.copies.remove(&node);
                self.copied(node);
            }
            self.group.advance(next, &mut self.heard);
            self.react();
        }
        self.now = until;
    }

    /// A replica has its stream if both ends run; else it tries again.
    fn copied(&mut self, node: Node) {
        let truth = self.group.node_truth(node);
        let NodeRole::Replica { of } = truth.role else {
            return;
        };
        let runs = |process| process == Process::Running;
        if runs(truth.process) && runs(self.group.node_truth(of).process) {
            let link = ReplicaLink::Up;
            self.set(node, NodeTruth { link, ..truth });
        } else {
            self.copies
                .insert(node, self.now + SimDuration::from_secs(1));
        }
    }

    /// A replica that was told to copy another does so, if it can.
    fn react(&mut self) {
        while let Some((at, effect)) = self.heard.get(self.acted).copied() {
            self.acted += 1;
            if let SentinelEffect::Reconfigure { node, .. } = effect {
                let span = SimDuration::from_millis(self.copy_ms);
                self.copies.insert(node, at.max(self.now) + span);
            }
        }
    }

    pub fn set(&mut self, node: Node, truth: NodeTruth) {
        self.group.set_node(self.now, node, truth, &mut self.heard);
        self.react();
    }

    /// A node's process changes; replicas of a dead one lose their stream, one that starts anew
    /// copies again.
    pub fn process(&mut self, node: Node, process: Process) {
        let truth = self.group.node_truth(node);
        let gone = |process| matches!(process, Process::Dead | Process::Lost);
        let mut new = NodeTruth { process, ..truth };
        let starts = gone(truth.process) && !gone(process);
        if starts && truth.role != NodeRole::Primary {
            new.link = ReplicaLink::NeverSynced;
            self.copies
                .insert(node, self.now + SimDuration::from_millis(self.copy_ms));
        }
        self.set(node, new);
        if gone(truth.process) == gone(process) {
            return;
        }
        let since = self.now;
        for replica in self.group.nodes() {
            let truth = self.group.node_truth(replica);
            if truth.role != (NodeRole::Replica { of: node }) {
                continue;
            }
            if !starts && truth.link == ReplicaLink::Up {
                let link = ReplicaLink::Down { since };
                self.set(replica, NodeTruth { link, ..truth });
            }
            if starts {
                self.copies
                    .insert(replica, since + SimDuration::from_millis(self.copy_ms));
            }
        }
    }

    /// Changes something about a node.
    pub fn change(&mut self, node: Node, change: impl FnOnce(&mut NodeTruth)) {
        let mut truth = self.group.node_truth(node);
        change(&mut truth);
        self.set(node, truth);
    }

    /// Cuts or mends both ways between two parties.
    pub fn reachable(&mut self, a: impl Into<Party>, b: impl Into<Party>, reachable: bool) {
        let (a, b) = (a.into(), b.into());
        let (group, heard) = (&mut self.group, &mut self.heard);
        group.set_reachable(self.now, a, b, reachable, heard);
        group.set_reachable(self.now, b, a, reachable, heard);
        self.react();
    }

    pub fn manual_failover(&mut self, sentinel: Sentinel) -> Result<(), ManualFailoverError> {
        let (now, heard) = (self.now, &mut self.heard);
        let result = self.group.manual_failover(now, sentinel, heard);
        self.react();
        result
    }

    /// Everybody in the group.
    pub fn parties(&self) -> Vec<Party> {
        let nodes = self.group.nodes().map(Party::Node);
        nodes
            .chain(self.group.sentinels().map(Party::Sentinel))
            .collect()
    }

    pub fn sentinel(&mut self, sentinel: Sentinel, process: Process) {
        self.group
            .set_sentinel(self.now, sentinel, process, &mut self.heard);
        self.react();
    }

    /// When the first effect that fits was heard, in milliseconds since `since`.
    pub fn first_ms(&self, since: SimTime, fits: impl Fn(&SentinelEffect) -> bool) -> Option<f64> {
        self.all_ms(since, fits).first().copied()
    }

    /// When all effects that fit were heard.
    pub fn all_ms(&self, since: SimTime, fits: impl Fn(&SentinelEffect) -> bool) -> Vec<f64> {
        let later = self.heard.iter().filter(|(at, e)| *at >= since && fits(e));
        later
            .map(|(at, _)| (*at - since).as_secs_f64() * 1e3)
            .collect()
    }

    pub fn count(&self, fits: impl Fn(&SentinelEffect) -> bool) -> usize {
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
