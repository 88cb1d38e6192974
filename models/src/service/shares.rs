//! What share of requests fails, and how long one holds its worker: when it is computed anew.
//!
//! Both depend on the traffic: a store, or the workers that a hang leaves, carry so many requests.
//! So they are computed for whole minutes: when something fails otherwise, when somebody has
//! changed how the service works, and when a minute begins that may bring other traffic.

use sim::{SimDuration, SimTime};

use super::Service;
use super::failing::{Failing, Load};
use super::outliers::Failures;
use super::process::Answered;
use crate::event::Cx;

/// What follows from what fails, at the traffic of some minute.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    /// The share of requests that fail.
    pub failing: f64,
    /// How long a request holds its worker, in seconds.
    pub held: f64,
    /// How many times its equal part of the requests each process gets.
    pub parts: Vec<f64>,
    /// The share of its requests that fail at each process.
    pub fails: Vec<f64>,
    /// Requests a second of each process to each slower store.
    pub asked: Vec<Vec<f64>>,
}

/// The same, with what it followed from.
#[derive(Clone, Debug)]
pub(super) struct Known {
    needs: Vec<Vec<Failing>>,
    controls: usize,
    /// The processes that got requests.
    in_rotation: Vec<usize>,
    shares: Shares,
}

impl Service {
    /// What follows from what fails. The traffic is looked at again when something else changes and
    /// when it is time to: never because somebody else looks (`Mode::Eager` looks more often).
    pub(super) fn shares(&mut self, answered: &[Answered], now: SimTime) -> Shares {
        let mut failing = answered.iter().flat_map(|process| &process.failing);
        if failing.all(|need| need.replaced() <= 0.0 && need.late <= 0.0) {
            // The traffic changes nothing.
            self.known = None;
            return self.balanced(answered, SimTime::ZERO);
        }
        let controls = self.controls.len();
        let same = |known: &&Known| {
            let needs = known.needs.iter().zip(answered);
            let mut needs = needs.map(|(needs, answered)| *needs == answered.failing);
            let rotation = known.in_rotation == self.rotation.in_rotation();
            known.controls == controls && rotation && needs.all(|same| same)
        };
        let due = self.traffic_at.is_some_and(|at| at <= now);
        let known = self.known.as_ref().filter(same);
        if let Some(known) = known.filter(|_| !due) {
            return known.shares.clone();
        }
        let shares = self.balanced(answered, Load::minute_of(now));
        self.known = Some(Known {
            needs: answered.iter().map(|of| of.failing.clone()).collect(),
            controls,
            in_rotation: self.rotation.in_rotation().to_vec(),
            shares: shares.clone(),
        });
        shares
    }

    /// What follows over the processes that get requests, at the traffic of the minute from `at`.
    fn balanced(&self, answered: &[Answered], at: SimTime) -> Shares {
        let held = answered.iter();
        let held: Vec<f64> = held
            .map(|process| self.load.held(&process.failing))
            .collect();
        let parts = self.rotation.parts(&held, self.load.rate(at));
        let count = answered.len() as f64;
        let mut shares = Shares {
            failing: f64::from(u8::from(self.rotation.in_rotation().is_empty())),
            held: 0.0,
            asked: Vec::with_capacity(answered.len()),
            fails: Vec::with_capacity(answered.len()),
            parts,
        };
        for (place, process) in answered.iter().enumerate() {
            let part = shares.parts[place];
            shares
                .asked
                .push(self.load.asked(&process.failing, part, at));
            let fails = match part > 0.0 {
                true => self.load.failing(&process.failing, part, at),
                false => 0.0,
            };
            shares.fails.push(fails);
            if part > 0.0 {
                shares.failing += part * fails / count;
                shares.held += part * held[place] / count;
            }
        }
        shares
    }

    /// What its load balancer sees of the requests of each process.
    pub(super) fn note_failures(&mut self, answered: &[Answered], shares: &Shares, cx: &mut Cx) {
        if !self.rotation.ejects() {
            return;
        }
        let failures = answered.iter().enumerate().map(|(place, process)| {
            let fails_after = self.load.fails_after(&process.failing);
            Failures {
                share: if self.spool { 0.0 } else { shares.fails[place] },
                after: fails_after.unwrap_or(SimDuration::MAX),
                part: shares.parts[place] * self.load.let_in(),
            }
        });
        let failures: Vec<Failures> = failures.collect();
        self.rotation.note(&failures, &self.load, cx);
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
