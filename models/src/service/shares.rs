//! What share of requests fails, and how long one holds its worker: when it is computed anew.
//!
//! Where requests go to a slower store, or some connections are refused, both hang on the traffic.
//! So they are computed for whole minutes: when something fails otherwise, when somebody has
//! changed how the service works, and when a minute begins that may bring other traffic.

use sim::SimTime;

use super::Service;
use super::failing::{Failing, Load};
use super::process::Answered;
use crate::event::Cx;

/// What follows from what fails, at the traffic of some instant.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    needs: Vec<Vec<Failing>>,
    controls: usize,
    /// The processes that got requests.
    gets: Vec<usize>,
    /// The share of requests that fail.
    failing: f64,
    /// How long a request holds its worker, in seconds.
    held: f64,
    /// Requests a second of the first process to each slower store.
    asked: Vec<f64>,
}

impl Service {
    /// May a share of its requests fail for long that depends on how many come? Of services with
    /// slower stores, and of those whose connections may be refused in part.
    fn hangs_on_traffic(&self) -> bool {
        self.load.has_stores() || self.needs.iter().any(|need| need.parts > 1)
    }

    /// The share of requests that fail, how long one holds its worker, and what stores are
    /// asked. If they hang on the traffic, that is looked at again when something else changes and
    /// when it is time to: never because somebody else looks (`Mode::Eager` looks more often).
    pub(super) fn shares(&mut self, answered: &[Answered], now: SimTime) -> (f64, f64, Vec<f64>) {
        if !self.hangs_on_traffic() {
            let (failing, held) = self.balanced(answered, now);
            return (failing, held, Vec::new());
        }
        let controls = self.controls.len();
        let same = |shares: &&Shares| {
            let needs = shares.needs.iter().zip(answered);
            let mut needs = needs.map(|(needs, answered)| *needs == answered.failing);
            let gets = shares.gets == self.rotation.gets();
            shares.controls == controls && gets && needs.all(|same| same)
        };
        let due = self.traffic_at.is_some_and(|at| at <= now);
        let known = self.shares.as_ref().filter(same);
        if let Some(known) = known.filter(|_| !due) {
            return (known.failing, known.held, known.asked.clone());
        }
        let at = Load::minute_of(now);
        let (failing, held) = self.balanced(answered, at);
        let asked = self.load.asked(&answered[0].failing, 1.0, at);
        self.shares = Some(Shares {
            needs: answered.iter().map(|of| of.failing.clone()).collect(),
            controls,
            gets: self.rotation.gets().to_vec(),
            failing,
            held,
            asked: asked.clone(),
        });
        (failing, held, asked)
    }

    /// The share of requests that fail and how long one holds its worker, in seconds, over the
    /// processes that get requests.
    fn balanced(&self, answered: &[Answered], now: SimTime) -> (f64, f64) {
        let held = answered.iter();
        let held = held.map(|process| self.load.held(&process.failing));
        let held: Vec<f64> = held.collect();
        let parts = self.rotation.parts(&held);
        if self.rotation.gets().is_empty() {
            return (1.0, 0.0);
        }
        let (mut failing, mut all_held) = (0.0, 0.0);
        let parts = parts.iter().zip(&held).zip(answered);
        for ((part, held), process) in parts.filter(|((part, _), _)| **part > 0.0) {
            failing += part * self.load.failing(&process.failing, *part, now);
            all_held += part * held;
        }
        let count = answered.len() as f64;
        (failing / count, all_held / count)
    }

    /// While requests go to stores, the traffic is looked at again when it may have changed.
    pub(super) fn plan_traffic(&mut self, answered: &[Answered], cx: &mut Cx) {
        if self.traffic_at.is_some_and(|at| at > cx.now) {
            return;
        }
        let mut needs = answered.iter();
        let follows =
            self.hangs_on_traffic() && needs.any(|of| self.load.follows_traffic(&of.failing));
        let next = match follows {
            true => self.load.next_traffic(cx.now),
            false => None,
        };
        self.traffic_at = next;
        self.plan_step(next, cx);
    }
}
