//! A class of callers in one trial: its arrivals, and what has become of them so far.
//!
//! Each first visit is accounted for once: simulated, counted with its stretch, or left
//! over at the end, which means that it was captured at once in a healthy stretch that nobody had
//! to count:
//!
//! ```text
//!  stretch   healthy      │ hang                                    │ healthy
//!  first     left over  ┌─┤ counted: all blocked ┌───── played ─────┤ left over
//!  visits   ────────────┘p└──────────────────────┘ may see the end  └─────────►
//!  returns                   counted there, or played, as the time of the return has it
//! ```

use sim::{ArrivalTree, SimDuration, SimTime, Streams};

use crate::minutes::{MinuteCounts, PressTimes};
use crate::outcome::Tally;
use crate::population::{Class, Population, Service};

/// One class, in one trial.
pub(super) struct Caller<'a> {
    pub class: &'a Class,
    /// The position of its population, and the process that serves it if all presses of a visit go
    /// to one.
    pub population: usize,
    pub home: usize,
    /// When first visits begin.
    pub arrivals: ArrivalTree,
    /// When each visit begins, counted from the first.
    pub offsets: Vec<SimDuration>,
    pub tally: Tally,
    /// First visits that were played or counted.
    pub accounted: u64,
    /// In a determined stretch, visits that begin before this are counted and not played.
    pub counted_to: SimTime,
    /// For each round, spans of first arrivals all of which come back for it; ascending.
    pub returning: Vec<Vec<(SimTime, SimTime)>>,
    /// The earliest first arrival that has been blocked so far.
    pub blocked_from: SimTime,
    /// Played first presses of first visits that failed.
    pub failed_first: MinuteCounts,
    /// Counted spans in which all first presses failed, except those in `served_first`; ascending.
    pub failing: Vec<(SimTime, SimTime)>,
    /// First presses in these spans that were let in; their outcome is recorded separately.
    pub served_first: MinuteCounts,
    /// First presses of first visits that people had the service turn away; also in
    /// `failed_first`.
    pub shed_first: MinuteCounts,
    /// How long first presses of first visits took, if somebody asks.
    pub times: Option<PressTimes>,
}

impl<'a> Caller<'a> {
    /// Class number `number` of `population`.
    pub fn new(
        population: &'a Population,
        position: usize,
        number: usize,
        service: &Service,
        streams: &Streams,
    ) -> Caller<'a> {
        let class = &population.classes[number];
        assert!(class.presses_max >= 1, "a visit has a press");
        assert!(class.presses_max <= 1 << 20, "presses are few");
        let key = streams.key(crate::streams::ARRIVALS, population.entity);
        let visits = population.visits.scaled(class.share);
        let key = key.child(number as u64);
        let offsets = class.offsets(service);
        Caller {
            class,
            population: position,
            home: population.home,
            arrivals: ArrivalTree::of(streams, key, visits, None),
            tally: Tally::default(),
            accounted: 0,
            counted_to: SimTime::ZERO,
            returning: vec![Vec::new(); offsets.len()],
            offsets,
            blocked_from: SimTime::MAX,
            failed_first: MinuteCounts::default(),
            failing: Vec::new(),
            served_first: MinuteCounts::default(),
            shed_first: MinuteCounts::default(),
            times: None,
        }
    }

    /// Was every first visit played or counted?
    pub fn all_accounted(&self) -> bool {
        self.accounted == self.tally.visits
    }

    /// The tally at the horizon: a visit that was not accounted for was captured at once.
    pub fn close(&mut self, horizon: SimTime) {
        let tally = &mut self.tally;
        tally.visits = self.arrivals.count_before(horizon);
        assert!(self.accounted <= tally.visits, "nobody is counted twice");
        tally.captured_first_try += tally.visits - self.accounted;
        tally.assert_adds_up();
    }
}
