//! The kernel of a discrete-event simulator: time, events, randomness, quantities. It knows nothing
//! of what is simulated.
//!
//! ```text
//!  Streams ──► what will happen by chance          Agenda ──► the next event, and the clock
//!     │  one generator a (purpose, entity)            │    ▲
//!     ▼                                               ▼    │ after, at, cancel
//!  Dist, arrivals ────────────────────────────────►  Model::handle
//!                                                     │
//!                                                     ▼
//!                                    counts, Intervals ──► a row of results
//! ```
//!
//! # A whole model
//!
//! A machine works, breaks, and is repaired. For how much of a year is it down?
//!
//! ```
//! use sim::{Agenda, Dist, Intervals, Model, Purpose, Rng, SimDuration, SimTime, Streams, run};
//!
//! /// What can happen; each variant names what happened, not what to do about it.
//! enum Event {
//!     Broke,
//!     Repaired,
//! }
//!
//! struct Machine {
//!     lifetime: Dist,
//!     repair: Dist,
//!     lifetimes: Rng,
//!     repairs: Rng,
//!     broke_at: SimTime,
//!     down: Intervals,
//! }
//!
//! impl Model for Machine {
//!     type Event = Event;
//!
//!     fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
//!         match event {
//!             Event::Broke => {
//!                 self.broke_at = agenda.now();
//!                 agenda.after(self.repair.sample(&mut self.repairs), Event::Repaired);
//!             }
//!             Event::Repaired => {
//!                 self.down.add(self.broke_at, agenda.now());
//!                 agenda.after(self.lifetime.sample(&mut self.lifetimes), Event::Broke);
//!             }
//!         }
//!     }
//! }
//!
//! // Trial 17 of seed 1. Lifetimes and repairs have streams of their own, so another repair crew
//! // meets the very same faults.
//! let streams = Streams::for_trial(1, 17);
//! let mut machine = Machine {
//!     lifetime: Dist::Exponential { mean: SimDuration::from_days(30) },
//!     repair: Dist::LogNormal { median: "2h".parse()?, p90: "8h".parse()? },
//!     lifetimes: streams.stream(Purpose(1), 0),
//!     repairs: streams.stream(Purpose(2), 0),
//!     broke_at: SimTime::ZERO,
//!     down: Intervals::new(),
//! };
//! machine.repair.validate()?;
//!
//! let mut agenda = Agenda::new();
//! agenda.after(machine.lifetime.sample(&mut machine.lifetimes), Event::Broke);
//! let year = SimTime::ZERO + SimDuration::from_days(365);
//! let summary = run(&mut machine, &mut agenda, year, 10_000)?;
//!
//! // A repair under way when the year ends is not in `down`; a model in earnest would add it.
//! assert_eq!(summary.pending, 1);
//! let down_share = machine.down.total().as_secs_f64() / year.as_secs_f64();
//! assert!(down_share > 0.0 && down_share < 0.05);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! * **Order.** Events come out by time, and at the same instant in the order they were scheduled.
//!   Nothing else decides.
//! * **Repeatability.** Time is whole nanoseconds and sizes are whole bytes; every draw comes from
//!   a stream named by (seed, trial, purpose, entity). No clock, address, thread or iteration
//!   order of a hash table takes part.
//! * **Coupling.** A draw from a [`Dist`] takes one number and is monotone in it. Two designs that
//!   share a trial share its luck, and are compared trial by trial.
//! * **Limits.** A run has a limit of events, an agenda of pending events, a process of expected
//!   arrivals ([`ArrivalTree::EXPECTED_MAX`], [`ArrivalTree::EXPECTED_BYTES_MAX`]). Time ends after
//!   584 years and sizes at 16 EiB; sums and products stop there and never wrap.
//! * **Mistakes.** What a user may write wrongly is an error that says what to write instead; what
//!   only we can get wrong, such as scheduling into the past, is a panic, in release builds too.
//!
//! # Where to look
//!
//! | to | see |
//! | --- | --- |
//! | schedule, cancel, and run | [`agenda`], [`engine`] |
//! | end a run that takes too much | [`budget`] |
//! | draw | [`streams`], [`dist`] |
//! | write quantities in files | [`time`], [`quantity`] |
//! | count arrivals of a Poisson process | [`arrivals`], [`crossing`] |
//! | add up periods | [`intervals`] |
//! | follow a value over time | [`steps`] |

pub mod agenda;
pub mod arrivals;
pub mod budget;
mod cell;
pub mod crossing;
pub mod dist;
mod draws;
mod edge;
pub mod engine;
pub mod intensity;
pub mod intervals;
pub mod net;
pub mod quantity;
mod search;
pub mod steps;
mod stream_key;
pub mod streams;
mod term;
mod text;
pub mod time;

pub use agenda::{Agenda, EventKey};
pub use arrivals::{Arrival, ArrivalError, ArrivalTree, Marks};
pub use budget::{Budget, BudgetError, Halt};
pub use crossing::{ClosedWindows, Term, first_reach, first_reach_eager};
pub use dist::{Dist, DistError};
pub use engine::{EngineError, Model, RunSummary, run};
pub use intensity::Intensity;
pub use intervals::Intervals;
pub use net::{first_below_net, first_reach_net};
pub use quantity::{Bytes, BytesPerSec, Factor, ParseQuantityError, PerSec, Probability};
pub use steps::Steps;
pub use streams::{Purpose, Rng, StreamKey, Streams};
pub use time::{ParseDurationError, SimDuration, SimTime};
