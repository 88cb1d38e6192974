//! What people and autoscalers do to the world, and what the steps of people still wait for.
//!
//! Actions concern the clusters that do not take writes, and the one that a page was about. What
//! each of them does is in [`crate::runbook`].

use sim::{Agenda, SimTime};

use super::World;
use crate::event::{Cx, Event, Rolling, ScalerTimer};
use crate::ids::ClusterId;
use crate::people::{StepEvent, fails, is_full};
use crate::runbook::{Begun, Effect, Site};

impl World<'_> {
    /// What people do now.
    pub(super) fn act(&mut self, event: StepEvent, agenda: &mut Agenda<Event>) {
        let runbook = &self.spec.people.runbook;
        match event {
            StepEvent::Begins(step, takes) => {
                let remedy = runbook[step].action.remedy();
                match remedy.begin(&mut self.site(agenda), takes) {
                    Begun::Nothing => {}
                    Begun::Nodes => self.end_step(agenda),
                }
            }
            StepEvent::TakesEffect(step) => {
                let remedy = runbook[step].action.remedy();
                let effect = remedy.take_effect(&mut self.site(agenda));
                self.take_effect(effect, agenda);
            }
        }
    }

    /// A rolling restart of servers goes on.
    pub(super) fn roll(&mut self, rolling: Rolling, agenda: &mut Agenda<Event>) {
        let effect = self.site(agenda).roll(rolling);
        self.take_effect(effect, agenda);
    }

    fn take_effect(&mut self, effect: Effect, agenda: &mut Agenda<Event>) {
        match effect {
            Effect::Copying => {
                let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
                self.people.on_copying(cx);
            }
            Effect::Changed(clusters) => {
                self.note_paid(agenda.now());
                self.on_services(agenda);
                let waits = !self.pending.is_empty();
                for id in clusters {
                    self.on_change(id, agenda);
                }
                if !waits {
                    self.end_step(agenda);
                }
            }
        }
    }

    /// An event of the autoscaler of a cluster.
    pub(super) fn on_scaler(
        &mut self,
        id: ClusterId,
        timer: ScalerTimer,
        agenda: &mut Agenda<Event>,
    ) {
        let scalers = self.scalers.as_mut();
        let scalers = scalers.expect("only autoscalers schedule this");
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        let interruption = self.spec.redis.cut_over;
        let cluster = &mut self.clusters[id];
        scalers[id].on_timer(timer, cluster, interruption, &self.streams, cx);
        if timer == ScalerTimer::Provisioned {
            self.note_paid(agenda.now());
            self.on_change(id, agenda);
        }
    }

    /// What is paid for may have changed.
    pub(super) fn note_paid(&mut self, now: SimTime) {
        let bytes: f64 = self
            .clusters
            .iter()
            .map(|(_, cluster)| cluster.bytes_paid())
            .sum();
        if self.paid.last().is_none_or(|(_, before)| *before != bytes) {
            self.paid.push((now, bytes));
        }
    }

    /// Something about a cluster has changed: is what people wait for done?
    pub(super) fn review(&mut self, agenda: &mut Agenda<Event>) {
        if !self.pending.is_empty() {
            let clusters = &self.clusters;
            self.pending.retain_mut(|pending| pending.lasts(clusters));
            self.end_step(agenda);
        }
    }

    /// The step is done, if nothing of it is pending.
    fn end_step(&mut self, agenda: &mut Agenda<Event>) {
        if self.pending.is_empty() {
            let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
            self.people.on_done(cx);
        }
    }

    /// What an action works on.
    fn site<'a>(&'a mut self, agenda: &'a mut Agenda<Event>) -> Site<'a> {
        Site {
            concerned: self.concerned(agenda.now()),
            clusters: &mut self.clusters,
            services: &mut self.services,
            system: self.spec.system(),
            pending: &mut self.pending,
            cx: Cx::new(self.end, agenda, &mut self.ledger),
        }
    }

    /// The clusters that do not take writes, and the one that a page was about; if there are none,
    /// those that a service has failed for lately, or else those whose memory is high.
    fn concerned(&self, now: SimTime) -> Vec<ClusterId> {
        let about = self.people.about();
        let clusters = self.clusters.iter();
        let concerned = clusters.filter(|(id, c)| c.fails_somebody() || about == Some(*id));
        let concerned: Vec<ClusterId> = concerned.map(|(id, _)| id).collect();
        if !concerned.is_empty() {
            return concerned;
        }
        let services = self.services.iter();
        let failing = services.filter(|(_, s)| fails(s, now) && !s.is_overloaded());
        let mut needed: Vec<ClusterId> = failing
            .flat_map(|(_, service)| service.needs().iter().map(|need| need.cluster))
            .collect();
        if needed.is_empty() {
            let clusters = self.clusters.iter();
            let full = clusters.filter(|(_, c)| is_full(c, self.people.acts_from(), now));
            return full.map(|(id, _)| id).collect();
        }
        needed.sort();
        needed.dedup();
        needed
    }
}
