//! A minimal world around one group of Sentinels: a clock, what was heard, and nodes that do as
//! they are told.

use std::collections::BTreeMap;

use sim::{SimDuration, SimTime};

use crate::sentinel::{
    Node, NodeRole, NodeTruth, Process, ReplicaLink, Sentinel, SentinelEffect, SentinelEffects,
    SentinelGroup,
};

/// The data sets of a laboratory are tiny.
const COPY: SimDuration = SimDuration::from_millis(5);
/// A replica that finds no primary tries again on the grid of `replicationCron`.
const RETRY: SimDuration = SimDuration::from_secs(1);

/// A group, the time, and what the group has said so far.
#[derive(Clone, Debug)]
pub struct SentinelDrive {
    /// The group.
    pub group: SentinelGroup,
    /// The time.
    pub now: SimTime,
    /// Everything that it said, in order.
    pub heard: SentinelEffects,
    /// How long a replica takes to copy a primary.
    pub copy: SimDuration,
    /// How much of `heard` the world has already acted on.
    acted: usize,
    /// When a copy will be complete, by node.
    copies: BTreeMap<Node, SimTime>,
}

impl SentinelDrive {
    /// A world that begins at `now`.
    pub fn around(group: SentinelGroup, now: SimTime) -> SentinelDrive {
        SentinelDrive {
            group,
            now,
            heard: SentinelEffects::new(),
            copy: COPY,
            acted: 0,
            copies: BTreeMap::new(),
        }
    }

    /// Lets time pass until `until`, event by event, as a world's agenda would.
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

    /// Tells the truth about a node, now.
    pub fn set(&mut self, node: Node, truth: NodeTruth) {
        self.group.set_node(self.now, node, truth, &mut self.heard);
        self.react();
    }

    /// Something happens to a Sentinel's process, now.
    pub fn sentinel(&mut self, sentinel: Sentinel, process: Process) {
        self.group
            .set_sentinel(self.now, sentinel, process, &mut self.heard);
        self.react();
    }

    /// A node's process changes, now; replicas of one that dies lose their stream, and copy again
    /// when it restarts.
    pub fn process(&mut self, node: Node, process: Process) {
        let truth = self.group.node_truth(node);
        let gone = |process| matches!(process, Process::Dead | Process::Lost);
        let (was_gone, is_gone) = (gone(truth.process), gone(process));
        let mut new = NodeTruth { process, ..truth };
        if was_gone && !is_gone && truth.role != NodeRole::Primary {
            new.link = ReplicaLink::NeverSynced;
            self.copies.insert(node, self.now + self.copy);
        }
        self.set(node, new);
        if was_gone == is_gone {
            return;
        }
        let since = self.now;
        for replica in self.group.nodes() {
            let truth = self.group.node_truth(replica);
            if truth.role != (NodeRole::Replica { of: node }) {
                continue;
            }
            if is_gone && truth.link == ReplicaLink::Up {
                let link = ReplicaLink::Down { since };
                self.set(replica, NodeTruth { link, ..truth });
            }
            if was_gone {
                self.copies.insert(replica, since + self.copy);
            }
        }
    }

    /// A replica has its stream if both ends run; else it tries again.
    fn copied(&mut self, node: Node) {
        let truth = self.group.node_truth(node);
        let NodeRole::Replica { of } = truth.role else {
            return;
        };
        let runs = |node| self.group.node_truth(node).process == Process::Running;
        if runs(node) && runs(of) {
            let link = ReplicaLink::Up;
            self.set(node, NodeTruth { link, ..truth });
        } else {
            self.copies.insert(node, self.now + RETRY);
        }
    }

    /// A replica that was told to copy another does so, if it can.
    pub fn react(&mut self) {
        while let Some((at, effect)) = self.heard.get(self.acted).copied() {
            self.acted += 1;
            if let SentinelEffect::Reconfigure { node, .. } = effect {
                self.copies.insert(node, at.max(self.now) + self.copy);
            }
        }
    }
}
