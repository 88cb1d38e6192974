//! After every event: what memory does to each node now, who hears of it, and what comes next.

use sim::{SimDuration, SimTime};

use super::Cluster;
use super::consequence::Consequence;
use super::node::{Change, Promotion, Refusing, is_gone};
use super::pressure::Sign;
use crate::event::{ClusterTimer, Cx, Event};
use crate::ids::{Id, NodeId};
use crate::moment::MomentKind;
use crate::outcome::{RowGroup, SAME_INCIDENT, Tone};
use crate::redis::capability::Condition;
use crate::redis::growth::DatasetSize;
use crate::redis::memory::Trouble;
use crate::spec::service::Access;
use demand::answer::Answer;

impl Cluster {
    /// Brings every node's condition up to date, and plans the next look at memory and bus.
    pub(super) fn settle(&mut self, cx: &mut Cx) {
        self.drain(cx);
        let dataset_size = self.dataset.growth.size_at(cx.now);
        self.settle_tables(dataset_size, cx);
        let settled = self.is_settled(cx.now);
        if !settled {
            self.note_settled();
            self.settle_nodes(dataset_size, cx);
            self.trace_evictions(cx);
        }
        self.trace_truth(cx);
        let open = self.answer(Access::Write).captures();
        let turns = self.dataset.growth.turns();
        self.dataset.growth.set_open(cx.now, open);
        let turned = turns != self.dataset.growth.turns();
        if turned {
            self.plan_streams(cx);
        }
        self.plan_fading(cx);
        self.schedule_saves(dataset_size, cx);
        if turned || !settled {
            self.schedule_memory(dataset_size, cx);
        }
        self.schedule_control(cx);
    }

    /// What memory does to every node now.
    fn settle_nodes(&mut self, dataset_size: DatasetSize, cx: &mut Cx) {
        for node in self.topology.ids() {
            let (mut trouble, mut slow_by) = self.sign(node, dataset_size, cx.now);
            if trouble == Some(Trouble::Killed) && self.child_goes_first(node, cx) {
                (trouble, slow_by) = self.sign(node, dataset_size, cx.now);
            }
            let begins =
                trouble == Some(Trouble::Refuses) && self.topology[node].trouble != trouble;
            if begins && self.dataset.growth.falls() {
                let refusing = Refusing::again(self.topology[node].refusing, cx.now);
                self.topology[node].refusing = Some(refusing);
                self.after(refusing.until - cx.now, ClusterTimer::Expires, cx);
            }
            if trouble >= Some(Trouble::Refuses) {
                let shard = self.topology[node].shard;
                self.dataset.full.entry(shard).or_insert(cx.now);
            }
            self.set_slowness(node, (trouble, slow_by), cx);
            let change = if trouble == Some(Trouble::Killed) {
                cx.ledger.trace(cx.now, || {
                    format!("{}: its memory is used up", self.node_name(node))
                });
                Change::Fault(Some(Condition::Killed))
            } else {
                Change::Trouble(trouble)
            };
            self.change(node, change, cx);
            self.drain(cx);
        }
    }

    /// How late a node that swaps or waits for its disk answers now, unless it answers nothing.
    fn set_slowness(&mut self, node: NodeId, (trouble, slow_by): Sign, cx: &mut Cx) {
        if self.topology[node].slow_by == slow_by {
            return;
        }
        self.topology[node].slow_by = slow_by;
        let name = self.node_name(node);
        match slow_by {
            Some(slow_by) => cx.ledger.trace(cx.now, || {
                let waits = self.waits_for_disk(node, cx.now) == Some(slow_by);
                let why = if waits { "waits for its disk" } else { "swaps" };
                format!("{name}: {why}, answers {} late", slow_by.late())
            }),
            None if trouble >= Some(Trouble::Stalls) || self.topology[node].fault.is_some() => {}
            None => cx
                .ledger
                .trace(cx.now, || format!("{name}: answers without delay")),
        }
    }

    /// Changes a node. If that puts it into another condition, everybody concerned is still to
    /// be told.
    pub(super) fn change(&mut self, node: NodeId, change: Change, cx: &mut Cx) {
        let before = self.condition(node);
        match change {
            Change::Fault(fault) => {
                let here = &mut self.topology[node];
                here.fault = fault;
                let runs = matches!(fault, Some(Condition::Hung | Condition::Busy));
                here.script = here.script.filter(|_| runs);
            }
            Change::Trouble(trouble) => self.topology[node].trouble = trouble,
            Change::Forking(forking) => self.topology[node].forking = forking,
            Change::Accepting(accepting) => self.topology[node].accepting = accepting,
            Change::Freeing(freeing) => self.topology[node].freeing = freeing,
            Change::Link(link) => self.replication[node].link = link,
            Change::SaveFailed(failed) => self.persistence.children[node].failed = failed,
            Change::AppendFails(fails) => self.persistence.children[node].append_fails = fails,
        }
        let after = self.condition(node);
        if before == after {
            return;
        }
        let mut stopping = SimDuration::ZERO;
        if self.topology[node].is_gone() {
            if !is_gone(Some(before)) {
                stopping = self.note_died(node, after, cx.now);
            }
            if matches!(after, Condition::Killed | Condition::HostLost) {
                self.drop_connections(node);
            }
            self.persistence.forget_due(node, cx);
            self.topology[node].freeing = None;
            self.persistence.children[node].died();
            self.topology[node].slow = None;
        } else if is_gone(Some(before)) {
            self.note_lives(node, cx.now);
            self.persistence.forget_due(node, cx);
        }
        cx.ledger.trace(cx.now, || {
            format!("{}: {}", self.node_name(node), after.words())
        });
        let healthy = after == Condition::Healthy;
        let what = if healthy {
            MomentKind::NodeUp
        } else {
            MomentKind::NodeDown
        };
        cx.ledger.moment(cx.now, what, &self.node_name(node));
        if after == Condition::Killed {
            let waits = self.supervisors.back_off(node, cx.now);
            let delay = self.redis.restart_delay + stopping + waits;
            self.after(delay, ClusterTimer::Restart(node), cx);
        }
        self.note_reach(node, cx);
        self.process_changed(node, before, after, cx);
        self.watch_process(node, cx);
        self.watch_readiness(node, cx);
        self.watch_disk(node, cx);
        let condition = after;
        self.then([
            Consequence::Notify { node, condition },
            Consequence::Streams(node),
            Consequence::NoteUseless { node, condition },
            Consequence::LookAgain(node),
        ]);
    }

    /// A process that was not there, for the reason `was`, starts and reads its data.
    pub(super) fn on_start(&mut self, node: NodeId, was: Condition, cx: &mut Cx) {
        if self.topology[node].fault != Some(was) {
            return;
        }
        self.note_start(node, cx.now);
        self.change(node, Change::Fault(Some(Condition::Loading)), cx);
        self.drain(cx);
        self.settle_tables(self.dataset.growth.size_at(cx.now), cx);
        self.topology[node].loaded_at = cx.now;
        self.freshen(node, cx);
        let takes = self.start_from_disk(node, cx);
        let Some(takes) = takes else {
            self.after(SimDuration::ZERO, ClusterTimer::Loaded(node), cx);
            return;
        };
        let stored = self.dataset.growth.bytes_at(cx.now) * self.topology.share_of(node);
        let takes = takes.scaled(
            self.persistence
                .load_factor(node, self.redis.sync.load_spread),
        );
        let load = self.load(node, cx.now);
        let fits = self.topology[node].memory.loadable(stored, load);
        let (takes, ends) = match fits < 1.0 {
            true => (takes.scaled(fits), ClusterTimer::LoadKilled(node)),
            false => (takes, ClusterTimer::Loaded(node)),
        };
        self.topology[node].loaded_at = cx.now.saturating_add(takes);
        self.after(takes, ends, cx);
    }

    /// Is this the end of what a node's process loads? An earlier process may have been killed.
    fn ends_load(&self, node: NodeId, now: SimTime) -> bool {
        let here = &self.topology[node];
        here.fault == Some(Condition::Loading) && here.loaded_at == now
    }

    pub(super) fn on_loaded(&mut self, node: NodeId, cx: &mut Cx) {
        if !self.ends_load(node, cx.now) {
            return;
        }
        self.change(node, Change::Fault(None), cx);
        self.drain(cx);
        self.meet_full_disk(node, cx);
        self.drain(cx);
        for view in self.clients.that_know(node) {
            // Its clients come back with their buffers.
            self.clients.set_loaded(view, node, false);
            self.after(
                self.redis.reconnect_ramp,
                ClusterTimer::Ramped { view, node },
                cx,
            );
        }
    }

    /// What a process loads does not fit: the kernel kills it again.
    pub(super) fn on_load_killed(&mut self, node: NodeId, cx: &mut Cx) {
        if self.ends_load(node, cx.now) {
            cx.ledger.trace(cx.now, || {
                format!(
                    "{}: its data does not fit into memory",
                    self.node_name(node)
                )
            });
            self.change(node, Change::Fault(Some(Condition::Killed)), cx);
        }
    }

    /// A promotion that was to cure a trouble, and the promoted node has it too.
    pub(super) fn note_useless(&mut self, node: NodeId, condition: Condition, cx: &mut Cx) {
        let sick = match condition {
            Condition::AtMaxmemory
            | Condition::SaveFailed
            | Condition::Stalled
            | Condition::Killed => true,
            Condition::Healthy
            | Condition::Loading
            | Condition::LoadingCopy
            | Condition::Forking
            | Condition::Accepting
            | Condition::Freeing
            | Condition::Busy
            | Condition::Hung
            | Condition::HostLost => false,
        };
        let Some(Promotion { useless: false, at }) = self.topology[node].promoted else {
            return;
        };
        if sick && cx.now - at <= SAME_INCIDENT {
            self.topology[node].promoted = Some(Promotion { at, useless: true });
            cx.ledger.useless_failovers += 1;
            let name = self.node_name(node);
            cx.ledger
                .trace(cx.now, || format!("{name}: the promotion did not help"));
            cx.ledger
                .mark(cx.now, &name, || "promotion did not help".to_owned());
            cx.ledger
                .moment(cx.now, MomentKind::PromotionUseless, &name);
        }
    }

    /// The rows of the timeline that tell the truth.
    fn trace_truth(&self, cx: &mut Cx) {
        if !cx.ledger.is_tracing() {
            return;
        }
        let (state, tone) = match self.answer(Access::Write) {
            Answer::Ok | Answer::Late(_) | Answer::Unacknowledged(_) | Answer::Spool => {
                ("writes succeed".to_owned(), Tone::Good)
            }
            Answer::Hang => ("writes hang".to_owned(), Tone::Bad),
            Answer::Error(cause) => (format!("writes fail: {}", cause.name()), Tone::Bad),
        };
        let label = format!("{} cluster", self.plan.name);
        cx.ledger
            .state(cx.now, RowGroup::Truth, &label, &state, tone);
        for node in self.topology.ids() {
            let (name, count) = (self.node_name(node), self.clients_at(node));
            cx.ledger.connections(cx.now, &name, count);
            if self.topology[node].shard.index() != 0 {
                continue;
            }
            let condition = self.condition(node);
            let role = if self.topology[node].primary {
                "primary"
            } else {
                "replica"
            };
            let tone = match condition {
                Condition::Healthy if self.topology[node].primary => Tone::Good,
                Condition::Healthy => Tone::Idle,
                Condition::Loading
                | Condition::LoadingCopy
                | Condition::Forking
                | Condition::Accepting
                | Condition::Freeing => Tone::Busy,
                Condition::AtMaxmemory
                | Condition::SaveFailed
                | Condition::Busy
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

    pub(super) fn after(&self, delay: SimDuration, timer: ClusterTimer, cx: &mut Cx) {
        cx.agenda.after(delay, Event::Cluster(self.id, timer));
    }
}
