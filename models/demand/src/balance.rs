//! The load balancer before the processes of a service: which of them gets a press.
//!
//! ```text
//!            ┌ process 1   answers
//!  press ──► ├ process 2   hangs        in the rotation, until its check has failed
//!            └ process 3   out of the rotation: gets nothing
//! ```
//!
//! While all processes in the rotation answer alike, which of them gets a press changes nothing as
//! long as it finds a free worker there. So the press goes to one that is drawn for it, whatever
//! the strategy, and the stretch can be counted without following any. `least-busy` looks further
//! if the one that is drawn has no free worker. While they answer differently each strategy is
//! played to the letter.

use std::ops::Range;

use rand::RngExt;
use rand::distr::Open01;
use sim::{SimTime, StreamKey};

use crate::service_sim::ServiceSim;
use crate::visit::VisitId;

/// How a load balancer chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balancing {
    /// All presses of a visit go to one process; to another one while that is out of the rotation.
    Sticky,
    /// Each press goes to any.
    Random,
    /// One after the other in turn.
    RoundRobin,
    /// The one with the fewest requests in progress.
    LeastBusy,
}

/// A service whose processes share their requests out press by press.
#[derive(Clone, Debug)]
pub struct Balancer {
    /// Its processes among [`crate::Demand::services`]. Populations come to the first of them.
    pub processes: Range<usize>,
    /// How it chooses.
    pub balancing: Balancing,
}

/// Which processes get presses, from each instant on, by position among those of the service. None:
/// every press is refused.
pub type Rotation = Vec<(SimTime, Vec<usize>)>;

/// A balancer in one trial.
#[derive(Clone, Debug)]
pub(super) struct Balance<'a> {
    pub balancing: Balancing,
    pub rotation: &'a [(SimTime, Vec<usize>)],
    /// The number of the change of rotation in force now.
    pub place: usize,
    /// Presses since answers or rotation changed last.
    turn: usize,
    /// The number of changes before that.
    changed: usize,
    /// One for each class.
    keys: Vec<StreamKey>,
}

impl<'a> Balance<'a> {
    pub fn new(
        balancing: Balancing,
        rotation: &'a [(SimTime, Vec<usize>)],
        keys: Vec<StreamKey>,
    ) -> Balance<'a> {
        Balance {
            balancing,
            rotation,
            place: 0,
            turn: 0,
            changed: 0,
            keys,
        }
    }

    /// The processes in the rotation.
    pub fn rotation(&self) -> &'a [usize] {
        &self.rotation[self.place].1
    }

    /// When the rotation changes next.
    pub fn changes_at(&self) -> SimTime {
        let next = self.rotation.get(self.place + 1);
        next.map_or(SimTime::MAX, |(at, _)| *at)
    }

    /// Time has come to `now`, after so many changes in all.
    pub fn advance(&mut self, now: SimTime, changes: usize) {
        while self.changes_at() <= now {
            self.place += 1;
        }
        let changed = changes + self.place;
        if changed != self.changed {
            (self.changed, self.turn) = (changed, 0);
        }
    }

    /// The process that a press gets while all answer alike and have a free worker; `home` is that
    /// of its population.
    pub fn drawn(&self, who: VisitId, press: u32, home: usize) -> Option<usize> {
        let rotation = self.rotation();
        let number = match self.balancing {
            Balancing::Sticky if rotation.contains(&home) => return Some(home),
            Balancing::Sticky => 0,
            Balancing::Random | Balancing::RoundRobin | Balancing::LeastBusy => {
                (who.round as u64) << 32 | u64::from(press)
            }
        };
        let drawn: f64 = self.keys[who.class].at(who.index, number).sample(Open01);
        let place = (drawn * rotation.len() as f64) as usize;
        rotation.get(place).copied()
    }
}

impl ServiceSim<'_> {
    /// The process that gets a press now; `None` if there is none in the rotation.
    #[inline]
    pub fn route(&mut self, who: VisitId, press: u32) -> Option<usize> {
        match self.balance {
            None => Some(0),
            Some(_) => self.route_among(who, press),
        }
    }

    fn route_among(&mut self, who: VisitId, press: u32) -> Option<usize> {
        let (now, alike) = (self.now, self.alike());
        let home = self.callers[who.class].home;
        let balance = self.balance.as_mut().expect("there is a balancer");
        let drawn = balance.drawn(who, press, home)?;
        let rotation = balance.rotation();
        match balance.balancing {
            Balancing::RoundRobin if !alike => {
                balance.turn += 1;
                Some(rotation[(balance.turn - 1) % rotation.len()])
            }
            Balancing::LeastBusy if !alike || !self.processes[drawn].pool.has_free_worker(now) => {
                // Among equals the one that is drawn, or the next after it.
                let count = self.processes.len();
                let after = |process: usize| (process + count - drawn) % count;
                let busy = |process: &usize| {
                    let load = self.processes[*process].pool.load(now);
                    (load, after(*process))
                };
                rotation.iter().copied().min_by_key(busy)
            }
            _ => Some(drawn),
        }
    }

    /// Do all processes in the rotation answer alike, so that a stretch of time may be counted?
    pub fn alike(&self) -> bool {
        let Some(balance) = &self.balance else {
            return true;
        };
        let mut answers = balance.rotation().iter().map(|process| {
            let process = &self.processes[*process];
            let inside = process.service_state.as_ref();
            match inside {
                Some(inside) if !inside.answers() => None,
                Some(_) | None => Some(process.changes[process.span].1),
            }
        });
        let first = answers.next().flatten();
        first.is_some() && answers.all(|answer| answer == first)
    }
}
