//! The memory alert: used memory above a share of the limit for some time, seen at scrapes.
//!
//! It may never reach anybody (`missed`): that is drawn once a trial, so that an alert which is
//! misrouted stays so whatever the design.

use rand::RngExt;
use sim::{SimDuration, SimTime, Streams};

use crate::cluster::Cluster;
use crate::event::{Cx, Event};
use crate::ids::ClusterId;
use crate::moment::What;
use crate::outcome::{RowGroup, Tone};
use crate::spec::MemoryAlertSpec;
use crate::streams;

/// The alert rule on one cluster.
#[derive(Clone, Debug)]
pub struct MemoryAlert {
    spec: MemoryAlertSpec,
    cluster: ClusterId,
    phase: SimDuration,
    reaches: bool,
    /// The condition holds, and an evaluation is scheduled or has fired.
    pending: bool,
    label: String,
}

impl MemoryAlert {
    /// The rule on one cluster, quiet.
    pub fn new(
        spec: &MemoryAlertSpec,
        id: ClusterId,
        name: &str,
        streams: &Streams,
    ) -> MemoryAlert {
        let scrape = sim::Dist::Uniform {
            min: SimDuration::ZERO,
            max: spec.scrape,
        };
        let phase = scrape.sample(&mut streams.stream(streams::SCRAPE_PHASE, 0));
        let chance: f64 = streams.stream(streams::ALERT_REACHES, 0).random();
        MemoryAlert {
            spec: spec.clone(),
            cluster: id,
            phase,
            reaches: chance >= spec.missed.get(),
            pending: false,
            label: format!("memory alert, {name}"),
        }
    }

    /// The usage may have changed.
    pub fn reconsider(&mut self, cluster: &Cluster, cx: &mut Cx) {
        let full = usage_max(cluster, cx.now) >= self.spec.threshold.get();
        if full && !self.pending {
            self.pending = true;
            let seen = self.scrape_from(cx.now);
            let fires = self.scrape_from(seen + self.spec.hold);
            cx.agenda.at(fires, Event::Alert(self.cluster));
            cx.ledger.state(
                cx.now,
                RowGroup::Observers,
                &self.label,
                "pending",
                Tone::Doubtful,
            );
        } else if !full && self.pending {
            self.pending = false;
            cx.ledger.state(
                cx.now,
                RowGroup::Observers,
                &self.label,
                "quiet",
                Tone::Good,
            );
        }
    }

    /// The condition has held long enough, if it still holds. Does the page reach anybody?
    pub fn on_due(&mut self, cx: &mut Cx) -> bool {
        if !self.pending {
            return false;
        }
        let (state, tone) = if self.reaches {
            ("fires", Tone::Bad)
        } else {
            ("fires, unheard", Tone::Doubtful)
        };
        cx.ledger.say(cx.now, || format!("{}: {state}", self.label));
        cx.ledger.moment(cx.now, What::AlertFires, &self.label);
        cx.ledger
            .state(cx.now, RowGroup::Observers, &self.label, state, tone);
        self.reaches
    }

    /// The first scrape at or after `at`.
    fn scrape_from(&self, at: SimTime) -> SimTime {
        let first = SimTime::ZERO + self.phase;
        if at <= first {
            return first;
        }
        let steps = (at - first)
            .as_nanos()
            .div_ceil(self.spec.scrape.as_nanos());
        first + self.spec.scrape * steps
    }
}

fn usage_max(cluster: &Cluster, now: SimTime) -> f64 {
    cluster
        .shards()
        .map(|shard| cluster.usage(shard, now))
        .fold(0.0, f64::max)
}
