//! The autoscaler: memory above a target for some time, and the provider brings larger nodes.
//!
//! As managed services do it: the metric is the average over the shards (so one hot shard hides
//! behind the others), nothing is done within the cool-down, and a cluster that is not available is
//! not modified: if the outage comes before the copy is done, the scaling is given up and people
//! have to act. Sources: the provider's pages on target tracking (cool-down, average metric).

use sim::{SimDuration, SimTime, Streams};

use crate::cluster::Cluster;
use crate::event::{Cx, Event, ScalerTimer};
use crate::ids::{ClusterId, Id};
use crate::outcome::{RowGroup, Tone};
use crate::spec::AutoscalerSpec;
use crate::spec::service::Access;
use crate::streams;

/// The autoscaler of one cluster.
#[derive(Clone, Debug)]
pub struct Autoscaler {
    spec: AutoscalerSpec,
    cluster: ClusterId,
    above_since: Option<SimTime>,
    plan: Option<u32>,
    last_action: Option<SimTime>,
    actions: u64,
    scale: f64,
    label: String,
}

impl Autoscaler {
    /// An autoscaler that has nothing to do yet.
    pub fn new(spec: &AutoscalerSpec, cluster: ClusterId, name: &str) -> Autoscaler {
        Autoscaler {
            spec: spec.clone(),
            cluster,
            above_since: None,
            plan: None,
            last_action: None,
            actions: 0,
            scale: 1.0,
            label: format!("autoscaler, {name}"),
        }
    }

    /// Usage or availability may have changed.
    pub fn reconsider(&mut self, cluster: &mut Cluster, cx: &mut Cx) {
        if let Some(plan) = self.plan
            && !cluster.answer(Access::Write).captures()
        {
            cluster.abandon(plan);
            self.plan = None;
            self.above_since = None;
            cx.ledger.trace(cx.now, || {
                format!("{}: given up, the cluster is not available", self.label)
            });
            let state = "gave up: cluster not available";
            cx.ledger
                .state(cx.now, RowGroup::Observers, &self.label, state, Tone::Bad);
        }
        let above = cluster.usage_average(cx.now) >= self.spec.target.get();
        if !above {
            self.above_since = None;
        } else if self.above_since.is_none() && self.plan.is_none() {
            self.above_since = Some(cx.now);
            let timer = ScalerTimer::Sustained { since: cx.now };
            cx.agenda
                .after(self.spec.sustained, Event::Scaler(self.cluster, timer));
        }
    }

    /// An event of its own.
    pub fn on_timer(
        &mut self,
        timer: ScalerTimer,
        cluster: &mut Cluster,
        interruption: SimDuration,
        streams: &Streams,
        cx: &mut Cx,
    ) {
        match timer {
            ScalerTimer::Sustained { since } if self.above_since != Some(since) => {}
            ScalerTimer::Sustained { .. } | ScalerTimer::Again => {
                self.act(cluster, interruption, streams, cx);
            }
        }
    }

    /// Larger nodes have taken over, no matter who ordered them.
    pub fn on_resized(&mut self, cx: &mut Cx) {
        self.plan = None;
        self.above_since = None;
        cx.ledger.state(
            cx.now,
            RowGroup::Observers,
            &self.label,
            "quiet",
            Tone::Good,
        );
    }

    fn act(
        &mut self,
        cluster: &mut Cluster,
        interruption: SimDuration,
        streams: &Streams,
        cx: &mut Cx,
    ) {
        let available = cluster.answer(Access::Write).captures();
        let scale = self.scale * self.spec.step.get();
        let allowed = scale <= self.spec.ceiling.get() + 1e-9;
        if self.above_since.is_none() || self.plan.is_some() || !available || !allowed {
            return;
        }
        if let Some(last) = self.last_action
            && cx.now < last + self.spec.cool_down
        {
            cx.agenda.at(
                last + self.spec.cool_down,
                Event::Scaler(self.cluster, ScalerTimer::Again),
            );
            return;
        }
        self.scale = scale;
        self.last_action = Some(cx.now);
        let entity = self.actions * 1024 + cluster.plan.entity();
        self.actions += 1;
        let mut rng = streams.stream(streams::PROVIDER, entity);
        let provision = self.spec.provision.sample(&mut rng);
        let shards = cluster.shards().collect();
        cx.ledger
            .trace(cx.now, || format!("{}: scales out", self.label));
        cx.ledger.state(
            cx.now,
            RowGroup::Observers,
            &self.label,
            "scaling",
            Tone::Busy,
        );
        let number = self.cluster.index();
        cx.ledger.mark(cx.now, &self.label, || {
            format!("scales cluster {}", number + 1)
        });
        let plan = cluster.plan_resize(shards, self.spec.step, provision, interruption, cx);
        self.plan = Some(plan);
    }
}
