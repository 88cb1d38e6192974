//! When a component looks: on a grid of instants, and only when a look may matter.
//!
//! ```text
//!  grid    first    first + every    first + 2 every   …
//!  looks     ×            ·                 ×                 × a look, · one that is left out
//! ```

use sim::{EventKey, SimDuration, SimTime};

use super::{Cx, Event};

/// The instants at which something looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The first of them.
    pub first: SimTime,
    /// From one to the next; never zero.
    pub every: SimDuration,
}

impl Grid {
    /// The first instant of the grid at `at` or later.
    pub fn at_or_after(self, at: SimTime) -> SimTime {
        let since = at.saturating_since(self.first).as_nanos();
        let steps = since.div_ceil(self.every.as_nanos());
        let nanos = self.every.as_nanos().saturating_mul(steps);
        self.first.saturating_add(SimDuration::from_nanos(nanos))
    }

    /// The first instant of the grid later than `at`.
    pub fn after(self, at: SimTime) -> SimTime {
        self.at_or_after(at.saturating_add(SimDuration::from_nanos(1)))
    }
}

/// The one look that is planned, if any: the earliest that may matter.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    due: Option<(SimTime, EventKey)>,
}

impl Looks {
    /// Plans a look at `at`. If an earlier one is planned, that one plans the next; a later one is
    /// cancelled, so no look is ever out of date.
    pub fn plan(&mut self, at: SimTime, look: Event, cx: &mut Cx) {
        match self.due {
            Some((due, _)) if due <= at => return,
            Some((_, later)) => {
                cx.agenda.cancel(later);
            }
            None => {}
        }
        self.due = Some((at, cx.agenda.at(at, look)));
    }

    /// The planned look takes place.
    pub fn looked(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AlertTimer;
    use crate::ids::{AlertId, Id};
    use crate::ledger::Ledger;
    use sim::Agenda;

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    #[test]
    fn the_next_instant_of_a_grid() {
        let grid = Grid {
            first: at(7),
            every: SimDuration::from_secs(10),
        };
        let next = |now: u64| (grid.at_or_after(at(now)), grid.after(at(now)));
        assert_eq!(next(0), (at(7), at(7)));
        assert_eq!(next(7), (at(7), at(17)));
        assert_eq!(next(8), (at(17), at(17)));
        assert_eq!(next(17), (at(17), at(27)));
        let never = SimTime::ZERO.saturating_add(SimDuration::from_nanos(u64::MAX));
        assert_eq!(grid.after(never), never);
    }

    #[test]
    fn only_the_earliest_look_takes_place() {
        let mut agenda = Agenda::new();
        let mut ledger = Ledger::new(false);
        let cx = &mut Cx::new(at(100), &mut agenda, &mut ledger);
        let mut looks = Looks::default();
        let look = || Event::Alert(AlertId::from_index(0), AlertTimer::Scrape);
        for seconds in [20, 10, 30] {
            looks.plan(at(seconds), look(), cx);
        }
        assert_eq!(cx.agenda.len(), 1);
        let (when, _) = cx.agenda.pop().expect("one look is planned");
        assert_eq!(when, at(10));
        looks.looked();
        looks.plan(at(30), look(), cx);
        assert_eq!(cx.agenda.len(), 1);
    }
}
