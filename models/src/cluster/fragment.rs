//! Fragmentation: a process that starts, or loads a copy, is not fragmented, and gets so again as
//! its data are overwritten.
//!
//! ```text
//! start or copy ──► fresh ── written once ── twice ──►…──► `redis.fragmentation`, for good, or
//!                                                          what `redis.active_defrag` leaves
//! ```
//!
//! It grows in steps, so that between them memory depends on the dataset alone. What is written is
//! taken to hit all data alike, and to do so even while writes are refused.

use sim::SimDuration;

use super::Cluster;
use crate::event::{ClusterTimer, Cx, Fragmenting};
use crate::ids::NodeId;
use crate::redis::save::NEVER;

/// Steps from a fresh process to one that has run for long.
const STEPS: u32 = 16;

impl Cluster {
    /// A node's process has new memory.
    pub(super) fn freshen(&mut self, node: NodeId, cx: &mut Cx) {
        let (fresh, full) = (
            self.redis.fresh_fragmentation(),
            self.redis.lasting_fragmentation(),
        );
        if fresh >= full {
            return;
        }
        self.note_saves(node, cx.now);
        let here = &mut self.topology[node];
        here.fragments += 1;
        here.memory.set_fragmentation(fresh.get());
        let bytes = self.dataset.growth.bytes_at(cx.now) * self.topology.share_of(node);
        let seconds = bytes * self.redis.fragments_after() / self.pace_of_writes(node).bytes;
        let each = (seconds / f64::from(STEPS)).min(NEVER.as_secs_f64());
        let each = SimDuration::from_secs_f64(each);
        let first = Fragmenting {
            process: self.topology[node].fragments,
            step: 1,
            each,
        };
        self.after(each, ClusterTimer::Fragments(node, first), cx);
    }

    /// A further step.
    pub(super) fn on_fragments(&mut self, node: NodeId, at: Fragmenting, cx: &mut Cx) {
        let Fragmenting {
            process,
            step,
            each,
        } = at;
        if self.topology[node].fragments != process {
            return;
        }
        self.note_saves(node, cx.now);
        let fresh = self.redis.fresh_fragmentation().get();
        let more = self.redis.lasting_fragmentation().get() - fresh;
        let now = fresh + more * f64::from(step) / f64::from(STEPS);
        self.topology[node].memory.set_fragmentation(now);
        if step < STEPS {
            let next = Fragmenting {
                step: step + 1,
                ..at
            };
            self.after(each, ClusterTimer::Fragments(node, next), cx);
        }
    }
}
