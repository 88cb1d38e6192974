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
//! the strategy, and the stretch can be counted without following any. If the one that is drawn has
//! no free worker, `least-busy` looks further, and `round-robin` takes turns until every process
//! has a free worker again. While they answer differently each strategy is played to the letter.

use std::ops::Range;

use rand::RngExt;
use rand::distr::Open01;
use sim::{SimTime, StreamKey};

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
    /// Which of them get presses; the first entry is at zero.
    pub rotation: Rotation,
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
    /// Presses in turn since answers or rotation changed last.
    pub turn: usize,
    /// Have presses gone in turn since one found no free worker?
    pub in_turn: bool,
    /// Do all processes in the rotation answer alike, as of the last change?
    pub alike: bool,
    /// The number of changes before that.
    changed: usize,
    /// One for each class.
    keys: Vec<StreamKey>,
}

impl<'a> Balance<'a> {
    pub fn new(balancer: &'a Balancer, keys: Vec<StreamKey>) -> Balance<'a> {
        Balance {
            balancing: balancer.balancing,
            rotation: &balancer.rotation,
            place: 0,
            turn: 0,
            in_turn: false,
            alike: false,
            changed: usize::MAX,
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

    /// Time has come to `now`, after so many changes of answers in all: has anything changed?
    pub fn advance(&mut self, now: SimTime, changes: usize) -> bool {
        while self.changes_at() <= now {
            self.place += 1;
        }
        let before = std::mem::replace(&mut self.changed, changes + self.place);
        let changed = before != self.changed;
        if changed {
            (self.turn, self.in_turn) = (0, false);
        }
        changed
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
