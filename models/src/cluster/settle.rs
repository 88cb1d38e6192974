//! After every event: what memory does to each node now, who hears of it, and what comes next.

use sim::{SimDuration, SimTime};

use super::node::Promotion;
use super::{Cluster, ClusterTimer, Watched};
use crate::answer::Answer;
use crate::event::{Cx, Event};
use crate::failover::cluster_bus::ReplicaLink;
use crate::outcome::{RowGroup, Tone};
use crate::redis::capability::{Condition, Reply};
use crate::redis::memory::Trouble;
use crate::redis::sync;
use crate::spec::service::Access;

impl Cluster {
    /// Brings every node's condition up to date, and plans the next look at memory and bus.
    pub(super) fn settle(&mut self, cx: &mut Cx) {
        let bytes = self.growth.bytes_at(cx.now);
        for node in 0..self.nodes.len() {
            let trouble = self.trouble(node, bytes);
            self.change(node, cx, |node| {
                if trouble == Some(Trouble::Killed) {
                    node.fault = Some(Condition::Killed);
                } else {
                    node.trouble = trouble;
                }
            });
        }
        self.tell_truth(cx);
        self.growth
            .set_open(cx.now, self.answer(Access::Write) == Answer::Ok);
        self.schedule_memory(bytes, cx);
        self.schedule_bus(cx);
    }

    /// Changes a node, and lets everybody concerned know if its condition is another one then.
    pub(super) fn change(&mut self, node: usize, cx: &mut Cx, f: impl FnOnce(&mut super::Node)) {
        let before = self.condition(node);
        f(&mut self.nodes[node]);
        let after = self.condition(node);
        if before == after {
            return;
        }
        cx.ledger.say(cx.now, || {
            format!("{}: {}", self.node_name(node), after.words())
        });
        if after == Condition::Killed {
            let delay = self.redis.restart_delay;
            self.after(delay, ClusterTimer::Restart(node), cx);
        }
        self.tell_bus(node, after, cx);
        let shard = self.nodes[node].shard;
        if self.owners[shard] == node {
            self.owner_changed(shard, after, cx);
        }
        self.note_useless(node, after, cx);
    }

    /// What memory does to a node at this size of the datasets.
    fn trouble(&self, node: usize, bytes: f64) -> Option<Trouble> {
        if self.nodes[node].fault.is_some() {
            return None;
        }
        let (dataset, trouble) = self.nodes[node].memory.trouble(self.load(node))?;
        (bytes >= (dataset / self.shares[self.nodes[node].shard]).ceil()).then_some(trouble)
    }

    /// The owner of a shard stops or goes on: its replicas' streams with it.
    fn owner_changed(&mut self, shard: usize, condition: Condition, cx: &mut Cx) {
        let answers = condition.capabilities().bus;
        if answers {
            self.stopped[shard] = None;
        } else {
            self.stopped[shard].get_or_insert(cx.now);
        }
        for replica in self.replicas_of(shard) {
            if answers {
                self.link_replica(replica, cx);
            } else if self.nodes[replica].in_sync {
                let link = match condition.capabilities().tcp {
                    Reply::Fine | Reply::Silence => ReplicaLink::Silent { since: cx.now },
                    Reply::Error(_) => ReplicaLink::Down { since: cx.now },
                };
                self.set_link(replica, link, cx);
            } else {
                self.sync_attempts[replica] += 1;
            }
        }
    }

    /// A replica and an owner that answers: the stream goes on, or a full copy begins.
    pub(super) fn link_replica(&mut self, replica: usize, cx: &mut Cx) {
        let shard = self.nodes[replica].shard;
        if !self.condition(self.owners[shard]).capabilities().bus {
            return;
        }
        if self.nodes[replica].in_sync {
            self.set_link(replica, ReplicaLink::Up, cx);
            return;
        }
        self.sync_attempts[replica] += 1;
        let attempt = self.sync_attempts[replica];
        let takes = self.full_sync(shard, cx.now);
        let about = takes.rounded_to(SimDuration::from_secs(1));
        cx.ledger.say(cx.now, || {
            format!(
                "{}: full synchronisation begins, {about}",
                self.node_name(replica)
            )
        });
        self.after(
            takes,
            ClusterTimer::Synced {
                node: replica,
                attempt,
            },
            cx,
        );
    }

    /// How long a full copy of a shard takes now.
    pub(super) fn full_sync(&self, shard: usize, now: SimTime) -> SimDuration {
        let bytes = self.growth.bytes_at(now) * self.shares[shard];
        sync::full_sync(&self.redis.sync, bytes, self.growth.keys(bytes))
    }

    pub(super) fn on_synced(&mut self, node: usize, attempt: u32, cx: &mut Cx) {
        if attempt != self.sync_attempts[node] {
            return;
        }
        cx.ledger
            .say(cx.now, || format!("{}: in sync", self.node_name(node)));
        self.nodes[node].in_sync = true;
        self.link_replica(node, cx);
    }

    pub(super) fn on_follow(&mut self, shard: usize, node: usize, cx: &mut Cx) {
        if self.owners[shard] != node || self.nodes[node].known {
            return;
        }
        cx.ledger.say(cx.now, || {
            format!("clients follow to {}", self.node_name(node))
        });
        for other in 0..self.nodes.len() {
            if self.nodes[other].shard == shard {
                self.nodes[other].known = other == node;
                self.nodes[other].loaded = false;
            }
        }
        self.after(self.redis.reconnect_ramp, ClusterTimer::Ramped(node), cx);
    }

    pub(super) fn on_ramped(&mut self, node: usize, cx: &mut Cx) {
        if self.nodes[node].known && !self.nodes[node].loaded {
            self.nodes[node].loaded = true;
            cx.ledger.say(cx.now, || {
                format!(
                    "{}: all clients are back, with their buffers",
                    self.node_name(node)
                )
            });
        }
    }

    pub(super) fn on_restart(&mut self, node: usize, cx: &mut Cx) {
        if self.nodes[node].fault != Some(Condition::Killed) {
            return;
        }
        self.change(node, cx, |node| node.fault = Some(Condition::Loading));
        let bytes = self.growth.bytes_at(cx.now) * self.shares[self.nodes[node].shard];
        let takes = sync::load(&self.redis.sync, bytes, self.growth.keys(bytes));
        self.after(takes, ClusterTimer::Loaded(node), cx);
    }

    pub(super) fn on_loaded(&mut self, node: usize, cx: &mut Cx) {
        if self.nodes[node].fault == Some(Condition::Loading) {
            self.change(node, cx, |node| node.fault = None);
        }
    }

    /// A promotion that was to cure a trouble, and the promoted node has it too.
    fn note_useless(&mut self, node: usize, condition: Condition, cx: &mut Cx) {
        let sick = match condition {
            Condition::AtMaxmemory | Condition::Stalled | Condition::Killed => true,
            Condition::Healthy
            | Condition::SaveFailed
            | Condition::Loading
            | Condition::Hung
            | Condition::HostLost => false,
        };
        let Some(Promotion { useless: false, at }) = self.nodes[node].promoted else {
            return;
        };
        if sick {
            self.nodes[node].promoted = Some(Promotion { at, useless: true });
            cx.ledger.useless_failovers += 1;
            let name = self.node_name(node);
            cx.ledger
                .say(cx.now, || format!("{name}: the promotion has not helped"));
            cx.ledger
                .mark(cx.now, &name, || "promotion did not help".to_owned());
        }
    }

    /// The rows of the timeline that tell the truth.
    fn tell_truth(&self, cx: &mut Cx) {
        let (state, tone) = match self.answer(Access::Write) {
            Answer::Ok | Answer::Spool => ("writes succeed".to_owned(), Tone::Good),
            Answer::Hang => ("writes hang".to_owned(), Tone::Bad),
            Answer::Error(cause) => (format!("writes fail: {}", cause.name()), Tone::Bad),
        };
        let label = format!("{} cluster", self.name);
        cx.ledger
            .state(cx.now, RowGroup::Truth, &label, &state, tone);
        for node in 0..self.nodes.len() {
            if self.nodes[node].shard != 0 {
                continue;
            }
            let condition = self.condition(node);
            let role = if self.nodes[node].primary {
                "primary"
            } else {
                "replica"
            };
            let tone = match condition {
                Condition::Healthy if self.nodes[node].primary => Tone::Good,
                Condition::Healthy => Tone::Idle,
                Condition::Loading => Tone::Busy,
                Condition::AtMaxmemory
                | Condition::SaveFailed
                | Condition::Stalled
                | Condition::Hung
                | Condition::Killed
                | Condition::HostLost => Tone::Bad,
            };
            let state = format!("{role}, {}", condition.words());
            cx.ledger
                .state(cx.now, RowGroup::Truth, &self.node_name(node), &state, tone);
        }
    }

    /// The next instant at which memory matters to a node or to an observer.
    fn schedule_memory(&mut self, bytes: f64, cx: &mut Cx) {
        let next = self
            .thresholds()
            .filter(|bound| *bound > bytes)
            .min_by(f64::total_cmp);
        let forecast = (next, self.growth.turns());
        if self.forecast == Some(forecast) {
            return;
        }
        self.forecast = Some(forecast);
        if let Some(key) = self.memory_event.take() {
            cx.agenda.cancel(key);
        }
        let Some(next) = next else { return };
        if let Some(at) = self.growth.when_reaches(next, cx.now, cx.end) {
            let event = Event::Cluster(self.id, ClusterTimer::Memory);
            self.memory_event = Some(cx.agenda.at(at, event));
        }
    }

    /// Dataset sizes over all shards at which something happens: trouble, or a watched usage.
    fn thresholds(&self) -> impl Iterator<Item = f64> + '_ {
        let over_all =
            |node: usize, dataset: f64| (dataset / self.shares[self.nodes[node].shard]).ceil();
        let troubles = (0..self.nodes.len()).filter_map(move |node| {
            let (dataset, _) = self.nodes[node].memory.trouble(self.load(node))?;
            Some(over_all(node, dataset))
        });
        let watched = self.watched.iter().flat_map(move |watched| match *watched {
            Watched::AnyShard(share) => self
                .shards()
                .map(|shard| self.at_usage(shard, share))
                .collect(),
            Watched::Average(share) => vec![self.at_average(share)],
        });
        troubles.chain(watched)
    }

    /// The dataset size over all shards at which a shard's owner uses this share of its limit.
    fn at_usage(&self, shard: usize, share: f64) -> f64 {
        let node = self.known_owner(shard);
        let dataset = self.nodes[node]
            .memory
            .dataset_at_usage(share, self.load(node));
        (dataset / self.shares[shard]).ceil() + 1.0
    }

    /// The dataset size over all shards at which the owners' usage averages this share: usage is
    /// linear in it, so two points tell.
    fn at_average(&self, share: f64) -> f64 {
        let usage = |bytes: f64| -> f64 {
            let of = |shard: usize| {
                let node = self.known_owner(shard);
                let memory = &self.nodes[node].memory;
                memory.used(bytes * self.shares[shard], self.load(node)) / memory.limit()
            };
            self.shards().map(of).sum::<f64>() / self.shares.len() as f64
        };
        let (empty, slope) = (usage(0.0), usage(1e12) - usage(0.0));
        ((share - empty) / slope * 1e12).ceil() + 1.0
    }

    pub(super) fn after(&self, delay: SimDuration, timer: ClusterTimer, cx: &mut Cx) {
        cx.agenda.after(delay, Event::Cluster(self.id, timer));
    }
}
