//! Ground truth as it happens: counts for the row and, if tracing is on, the story of the trial.
//!
//! Components write here and nobody reads during a trial: what a component may know comes to it
//! through probes, pages and events.

use sim::SimTime;

use crate::ids::{ClusterId, ShardId, ViewId};
use crate::moment::{Moment, MomentKind};
use crate::outcome::{Mark, RowGroup, Span, Timeline, TimelineRow, Tone};

/// Where components write what really happens.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Promotions, by whatever agent.
    pub failovers: u64,
    /// Promotions after which the promoted node met the same trouble.
    pub useless_failovers: u64,
    /// Promotions while the old primary could serve writes.
    pub false_failovers: u64,
    /// Pages, verdicts that acted, and people who noticed by themselves, in time order.
    pub detections: Vec<SimTime>,
    /// Windows of acknowledged writes that a failover lost, with the cluster and the clients.
    pub lost_acks: Vec<LostAcks>,
    /// Moments of note, in time order; only if tracing is on.
    pub moments: Vec<Moment>,
    /// Named draws of the environment, for the test that every design meets the same.
    pub draws: Vec<(String, String)>,
    /// Connections of each node by name, from each change on; only if tracing is on.
    pub connections: Vec<(String, Vec<(SimTime, u64)>)>,
    story: Option<Story>,
}

/// Writes of some clients to a cluster that were acknowledged and then lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LostAcks {
    /// Executed from then on,
    pub from: SimTime,
    /// and before this.
    pub to: SimTime,
    /// On this cluster,
    pub cluster: ClusterId,
    /// and its shard.
    pub shard: ShardId,
    /// By these clients.
    pub view: ViewId,
}

#[derive(Clone, Debug, Default)]
struct Story {
    lines: Vec<(SimTime, String)>,
    timeline: Timeline,
}

impl Ledger {
    /// An empty ledger that keeps the story if asked to.
    pub fn new(story: bool) -> Ledger {
        Ledger {
            story: story.then(Story::default),
            ..Ledger::default()
        }
    }

    /// Bytes that it takes, without the texts.
    pub fn memory(&self) -> usize {
        let lines = self.story.as_ref().map_or(0, |story| story.lines.len());
        self.detections.len() * size_of::<SimTime>()
            + self.lost_acks.len() * size_of::<LostAcks>()
            + self.moments.len() * size_of::<Moment>()
            + lines * size_of::<(SimTime, String)>()
    }

    /// Is tracing on?
    pub fn is_tracing(&self) -> bool {
        self.story.is_some()
    }

    /// A moment of note: its kind and its subject.
    pub fn moment(&mut self, at: SimTime, kind: MomentKind, subject: &str) {
        if self.is_tracing() {
            let subject = subject.to_owned();
            self.moments.push(Moment { at, kind, subject });
        }
    }

    /// A line of the trace; the text is only made if somebody will read it.
    pub fn trace(&mut self, at: SimTime, text: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.lines.push((at, text()));
        }
    }

    /// From `at` on, the row `label` is in this state.
    pub fn state(&mut self, at: SimTime, group: RowGroup, label: &str, state: &str, tone: Tone) {
        let Some(story) = &mut self.story else { return };
        let rows = &mut story.timeline.rows;
        let found = rows
            .iter()
            .position(|row| row.group == group && row.label == label);
        let found = found.unwrap_or_else(|| {
            rows.push(TimelineRow {
                group,
                label: label.to_owned(),
                spans: Vec::new(),
            });
            rows.len() - 1
        });
        let spans = &mut rows[found].spans;
        if spans
            .last()
            .is_some_and(|last| last.state == state && last.tone == tone)
        {
            return;
        }
        if spans.last().is_some_and(|last| last.from == at) {
            spans.pop();
        }
        spans.push(Span {
            from: at,
            state: state.to_owned(),
            tone,
        });
    }

    /// From `at` on, a node has so many connections.
    pub fn connections(&mut self, at: SimTime, node: &str, count: u64) {
        if !self.is_tracing() {
            return;
        }
        let found = self.connections.iter().position(|(name, _)| name == node);
        let found = found.unwrap_or_else(|| {
            self.connections.push((node.to_owned(), Vec::new()));
            self.connections.len() - 1
        });
        let changes = &mut self.connections[found].1;
        if changes.last().is_some_and(|(_, last)| *last == count) {
            return;
        }
        if changes.last().is_some_and(|(last, _)| *last == at) {
            changes.pop();
        }
        changes.push((at, count));
    }

    /// Something worth a mark on the row `label`.
    pub fn mark(&mut self, at: SimTime, row: &str, label: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            let mark = Mark {
                at,
                row: row.to_owned(),
                label: label(),
            };
            story.timeline.marks.push(mark);
        }
    }

    /// A draw of the environment, by name.
    pub fn draw(&mut self, name: impl Into<String>, value: impl ToString) {
        if self.story.is_some() {
            self.draws.push((name.into(), value.to_string()));
        }
    }

    /// The story: its lines and its timeline, rows by group.
    pub fn into_story(self) -> (Vec<(SimTime, String)>, Timeline) {
        let mut story = self.story.unwrap_or_default();
        story.timeline.rows.sort_by_key(|row| row.group);
        story.lines.sort_by_key(|(at, _)| *at);
        (story.lines, story.timeline)
    }
}
