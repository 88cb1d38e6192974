//! What share of requests fails, and how long one holds its worker: when it is computed anew.
//!
//! Both depend on the traffic: a store, or the workers that a hang leaves, carry so many requests.
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
    in_rotation: Vec<usize>,
    /// The share of requests that fail.
    failing: f64,
    /// How long a request holds its worker, in seconds.
    held: f64,
    /// Requests a second of each process to each slower store.
    asked: Vec<Vec<f64>>,
}

impl Service {
    /// The share of requests that fail, how long one holds its worker, and what stores are asked.
    /// The traffic is looked at again when something else changes and when it is time to: never
    /// because somebody else looks (`Mode::Eager` looks more often).
    pub(super) fn shares(
        &mut self,
        answered: &[Answered],
        now: SimTime,
    ) -> (f64, f64, Vec<Vec<f64>>) {
        let mut failing = answered.iter().flat_map(|process| &process.failing);
        if failing.all(|need| need.replaced() <= 0.0) {
            // The traffic changes nothing.
            self.shares = None;
            let (failing, held) = self.balanced(answered, now);
            return (
                failing,
                held,
                vec![self.load.asked(&[], 0.0, now); answered.len()],
            );
        }
        let controls = self.controls.len();
        let same = |shares: &&Shares| {
            let needs = shares.needs.iter().zip(answered);
            let mut needs = needs.map(|(needs, answered)| *needs == answered.failing);
            let rotation = shares.in_rotation == self.rotation.in_rotation();
            shares.controls == controls && rotation && needs.all(|same| same)
        };
        let due = self.traffic_at.is_some_and(|at| at <= now);
        let known = self.shares.as_ref().filter(same);
        if let Some(known) = known.filter(|_| !due) {
            return (known.failing, known.held, known.asked.clone());
        }
        let at = Load::minute_of(now);
        let (failing, held) = self.balanced(answered, at);
        let (_, parts) = self.parts(answered);
        let asked = answered.iter().zip(parts);
        let asked = asked.map(|(of, part)| self.load.asked(&of.failing, part, at));
        let asked: Vec<Vec<f64>> = asked.collect();
        self.shares = Some(Shares {
            needs: answered.iter().map(|of| of.failing.clone()).collect(),
            controls,
            in_rotation: self.rotation.in_rotation().to_vec(),
            failing,
            held,
            asked: asked.clone(),
        });
        (failing, held, asked)
    }

    /// The share of requests that fail and how long one holds its worker, in seconds, over the
    /// processes that get requests.
    fn balanced(&self, answered: &[Answered], now: SimTime) -> (f64, f64) {
        let (held, parts) = self.parts(answered);
        if self.rotation.in_rotation().is_empty() {
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

    /// How long a request of each process holds its worker, in seconds, and how many times its
    /// equal part of the requests the process gets.
    pub(super) fn parts(&self, answered: &[Answered]) -> (Vec<f64>, Vec<f64>) {
        let held = answered.iter();
        let held = held.map(|process| self.load.held(&process.failing));
        let held: Vec<f64> = held.collect();
        let parts = self.rotation.parts(&held);
        (held, parts)
    }

    /// While something fails, or requests go to stores, the traffic is looked at again when it may
    /// have changed.
    pub(super) fn plan_traffic(&mut self, answered: &[Answered], cx: &mut Cx) {
        if self.traffic_at.is_some_and(|at| at > cx.now) {
            return;
        }
        let mut needs = answered.iter();
        let follows = needs.any(|of| self.load.follows_traffic(&of.failing));
        let next = match follows {
            true => self.load.next_traffic(cx.now),
            false => None,
        };
        self.traffic_at = next;
        self.plan_step(next, cx);
    }
}
