//! The autoscaler: memory above a target for some time, and the provider brings larger nodes.
//!
//! As managed services do it: the metric is the average over the shards (so one hot shard hides
//! behind the others), nothing is done within the cool-down, and a cluster that is not available is
//! not modified: if the outage comes before the copy is done, the scaling is given up and people
//! have to act. So it is if the copy fails again and again: it is taken from the primary, which
//! forks for it and holds what is written meanwhile (`cluster/enlarge.rs`). Sources: the provider's
//! pages on target tracking (cool-down, average metric) and on vertical scaling (new nodes, a copy
//! of all data, the switch). One that adds shards has them join, empty, and slots move to them
//! (`cluster/reshard.rs`); what ends that move ends the scaling.

use sim::{SimDuration, SimTime, Streams};

use crate::cluster::Cluster;
use crate::cluster::enlarge::{CopyFrom, Order};
use crate::event::{Cx, Event, ScalerTimer};
use crate::ids::{ClusterId, Id};
use crate::outcome::{RowGroup, Tone};
use crate::spec::AutoscalerSpec;
use crate::spec::autoscaler::AddsSpec;
use crate::streams;

/// What it has ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// Larger nodes.
    Nodes(u32),
    /// So many shards in all.
    Shards(usize),
    /// They are there, and slots move to them.
    Moves(usize),
}

/// The autoscaler of one cluster.
#[derive(Clone, Debug)]
pub struct Autoscaler {
    spec: AutoscalerSpec,
    cluster: ClusterId,
    above_since: Option<SimTime>,
    plan: Option<Plan>,
    last_action: Option<SimTime>,
    actions: u64,
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
            label: format!("autoscaler, {name}"),
        }
    }

    /// Usage or availability may have changed.
    pub fn reconsider(&mut self, cluster: &mut Cluster, cx: &mut Cx) {
        // A fork for the copy is no reason to give it up.
        let available = cluster.is_available() || cluster.is_forking();
        match self.plan {
            Some(plan @ (Plan::Nodes(_) | Plan::Shards(_))) if !available => {
                if let Plan::Nodes(plan) = plan {
                    cluster.abandon(plan, cx);
                }
                self.give_up("the cluster is not available", "cluster not available", cx);
            }
            Some(Plan::Nodes(plan)) if !cluster.awaits(plan) => {
                self.give_up("its data cannot be copied", "copy failed", cx);
            }
            Some(Plan::Moves(number)) if cluster.is_resharding(number) => {}
            Some(Plan::Moves(number)) if !cluster.has_resharded(number) => {
                self.give_up("slots move no more", "slots move no more", cx);
            }
            Some(Plan::Moves(_)) => self.on_resized(cx),
            Some(_) | None => {}
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

    fn give_up(&mut self, why: &str, short: &str, cx: &mut Cx) {
        self.plan = None;
        self.above_since = None;
        let label = &self.label;
        cx.ledger
            .trace(cx.now, || format!("{label}: given up, {why}"));
        let state = format!("gave up: {short}");
        cx.ledger
            .state(cx.now, RowGroup::Observers, label, &state, Tone::Bad);
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
            ScalerTimer::Provisioned => {
                if let Some(Plan::Shards(to)) = self.plan {
                    match cluster.add_shards(to, None, cx) {
                        Some(number) => self.plan = Some(Plan::Moves(number)),
                        None => self.give_up("slots cannot move", "slots cannot move", cx),
                    }
                }
            }
            ScalerTimer::Sustained { .. } | ScalerTimer::Again => {
                self.act(cluster, interruption, streams, cx);
            }
        }
    }

    /// Larger nodes have taken over, no matter who ordered them, or slots have moved.
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
        let available = cluster.is_available();
        let largest = self.spec.ceiling.get() * cluster.plan.node_memory;
        let most = self.spec.most_shards(cluster.shares().len() as u16);
        let shards = self.spec.wants_shards(cluster.shard_count(), most);
        let allowed = match self.spec.adds {
            AddsSpec::Memory => {
                cluster.largest_node() * self.spec.step.get() <= largest * (1.0 + 1e-9)
            }
            AddsSpec::Shards => shards > cluster.shard_count(),
        };
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
        self.last_action = Some(cx.now);
        let entity = self.actions * 1024 + cluster.plan.entity();
        self.actions += 1;
        let mut rng = streams.stream(streams::PROVIDER, entity);
        let provision = self.spec.provision.sample(&mut rng);
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
        if self.spec.adds == AddsSpec::Shards {
            self.plan = Some(Plan::Shards(shards));
            let provisioned = Event::Scaler(self.cluster, ScalerTimer::Provisioned);
            cx.agenda.after(provision, provisioned);
            return;
        }
        let order = Order {
            shards: cluster.shards().collect(),
            factor: self.spec.step,
            largest: Some(largest),
            from: CopyFrom::Primary,
            provision,
            interruption,
        };
        self.plan = Some(Plan::Nodes(cluster.plan_resize(order, cx)));
    }
}
