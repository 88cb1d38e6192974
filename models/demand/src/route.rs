//! Which process gets a press, given what all of them answer and how busy they are.
//!
//! The rules are those of `balance.rs`.

use crate::balance::{Balance, Balancing};
use crate::service_sim::ServiceSim;
use crate::visit::VisitId;

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
        let now = self.now;
        let home = self.callers[who.class].home;
        let balance = self.balance.as_mut().expect("there is a balancer");
        let alike = balance.alike;
        let drawn = balance.drawn(who, press, home)?;
        let rotation = balance.rotation();
        match balance.balancing {
            Balancing::RoundRobin => {
                let mut full = |process: &usize| {
                    let pool = &mut self.processes[*process].pool;
                    !pool.has_free_worker(now)
                };
                balance.in_turn = (balance.in_turn || full(&drawn)) && rotation.iter().any(full);
                if alike && !balance.in_turn {
                    return Some(drawn);
                }
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
        self.balance.as_ref().is_none_or(|balance| balance.alike)
    }

    /// Looks at the answers of all processes in the rotation.
    pub fn compare(&self, balance: &Balance) -> bool {
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
