//! The loop: take the next event, let the model handle it, until the end.
//!
//! A run covers the half-open span from the agenda's present to `end`. An event due exactly at the
//! end is left pending, so two runs back to back are the same as one.

use crate::agenda::Agenda;
use crate::time::SimTime;

/// Something that is moved by events, such as a machine, or a world of them.
pub trait Model {
    /// What can happen. A plain enum, matched exhaustively, keeps a run fast and its reader calm.
    type Event;

    /// Does it handle events that follow each other at once, by [`Agenda::pass`]?
    const PASSES: bool = false;

    /// Lets `event` happen now. What follows from it later is scheduled on `agenda`.
    fn handle(&mut self, event: Self::Event, agenda: &mut Agenda<Self::Event>);
}

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// The number of events handled.
    pub events: u64,
    /// The number of events still pending at the end.
    pub pending: usize,
}

/// Why a run was given up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// More events than the model was expected to need: most likely it schedules without end.
    #[error(
        "{limit} events were handled by {now} and more are due before {end}; either the model \
         schedules events without end, or the limit is too low"
    )]
    EventLimit {
        /// The number of events allowed.
        limit: u64,
        /// Where time stood.
        now: SimTime,
        /// Where the run should have ended.
        end: SimTime,
    },
}

/// Runs `model` until just before `end`, and leaves the clock there; with [`SimTime::MAX`], until
/// nothing is pending, and leaves the clock at the last event.
///
/// # Errors
/// If more than `event_limit` events are due, none beyond the limit is handled.
///
/// # Panics
/// If `end` lies in the agenda's past.
pub fn run<M: Model>(
    model: &mut M,
    agenda: &mut Agenda<M::Event>,
    end: SimTime,
    event_limit: u64,
) -> Result<RunSummary, EngineError> {
    let mut events = 0;
    while events < event_limit {
        let Some((_, event)) = agenda.pop_before(end) else {
            break;
        };
        events += 1;
        if M::PASSES {
            agenda.allow(event_limit - events, end);
        }
        model.handle(event, agenda);
        if M::PASSES {
            events = event_limit - agenda.allowed();
        }
    }
    let more_due = agenda
        .peek_time()
        .is_some_and(|due| due < end || end == SimTime::MAX);
    if more_due {
        return Err(EngineError::EventLimit {
            limit: event_limit,
            now: agenda.now(),
            end,
        });
    }
    if end < SimTime::MAX {
        agenda.advance_to(end);
    }
    Ok(RunSummary {
        events,
        pending: agenda.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimDuration;

    /// Ticks every second; remembers when.
    #[derive(Default)]
    struct Clock {
        ticks: Vec<SimTime>,
    }

    impl Model for Clock {
        type Event = ();
        fn handle(&mut self, (): (), agenda: &mut Agenda<()>) {
            self.ticks.push(agenda.now());
            agenda.after(SimDuration::from_secs(1), ());
        }
    }

    /// The same, with events only where something else may come in between.
    #[derive(Default)]
    struct Hasty {
        clock: Clock,
        handled: u64,
    }

    impl Model for Hasty {
        type Event = ();
        const PASSES: bool = true;
        fn handle(&mut self, (): (), agenda: &mut Agenda<()>) {
            self.handled += 1;
            loop {
                self.clock.ticks.push(agenda.now());
                let next = agenda.now() + SimDuration::from_secs(1);
                if !agenda.pass(next) {
                    agenda.at(next, ());
                    return;
                }
            }
        }
    }

    fn second(number: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(number)
    }

    #[test]
    fn an_event_at_the_end_waits_for_the_next_run() {
        let (mut clock, mut agenda) = (Clock::default(), Agenda::new());
        agenda.at(SimTime::ZERO, ());
        let first = run(&mut clock, &mut agenda, second(3), 100).unwrap();
        assert_eq!(
            first,
            RunSummary {
                events: 3,
                pending: 1
            }
        );
        assert_eq!(agenda.now(), second(3));
        run(&mut clock, &mut agenda, second(5), 100).unwrap();
        assert_eq!(clock.ticks, (0..5).map(second).collect::<Vec<_>>());
    }

    #[test]
    fn the_clock_stands_at_the_end_even_if_nothing_happens() {
        let mut agenda = Agenda::new();
        let summary = run(&mut Clock::default(), &mut agenda, second(9), 0).unwrap();
        assert_eq!(
            summary,
            RunSummary {
                events: 0,
                pending: 0
            }
        );
        assert_eq!(agenda.now(), second(9));
    }

    #[test]
    fn a_model_without_end_is_stopped_and_told_where() {
        let mut agenda = Agenda::new();
        agenda.at(second(1), ());
        let error = run(&mut Clock::default(), &mut agenda, second(86_400), 60).unwrap_err();
        assert_eq!(
            error,
            EngineError::EventLimit {
                limit: 60,
                now: second(60),
                end: second(86_400)
            }
        );
        assert_eq!(
            error.to_string(),
            "60 events were handled by 00:01:00.000 and more are due before 1d 00:00:00.000; \
             either the model schedules events without end, or the limit is too low"
        );
    }

    #[test]
    fn exactly_the_limit_is_allowed() {
        let mut agenda = Agenda::new();
        agenda.at(SimTime::ZERO, ());
        let summary = run(&mut Clock::default(), &mut agenda, second(60), 60).unwrap();
        assert_eq!(summary.events, 60);
    }

    #[test]
    fn what_is_passed_counts_as_if_it_were_scheduled() {
        for (end, limit) in [(20, 100), (20, 25), (20, 24), (20, 7), (3, 1)] {
            let (mut clock, mut hasty) = (Clock::default(), Hasty::default());
            let (mut agenda, mut other) = (Agenda::new(), Agenda::new());
            for start in [0, 15] {
                agenda.at(second(start), ());
                other.at(second(start), ());
            }
            let expected = run(&mut clock, &mut agenda, second(end), limit);
            let found = run(&mut hasty, &mut other, second(end), limit);
            assert_eq!(found, expected);
            assert_eq!(hasty.clock.ticks, clock.ticks);
            assert!(limit < 7 || hasty.handled < clock.ticks.len() as u64);
            assert_eq!(other.now(), agenda.now());
        }
    }

    #[test]
    fn without_an_end_a_run_stops_when_nothing_is_due() {
        struct Once;
        impl Model for Once {
            type Event = ();
            fn handle(&mut self, (): (), _: &mut Agenda<()>) {}
        }
        let mut agenda = Agenda::new();
        agenda.at(second(7), ());
        let summary = run(&mut Once, &mut agenda, SimTime::MAX, 10).unwrap();
        assert_eq!(
            summary,
            RunSummary {
                events: 1,
                pending: 0
            }
        );
        assert_eq!(agenda.now(), second(7));
    }
}
