//! The kernel: time, events, randomness, accumulation. It knows nothing of what is simulated.

pub mod accum;
pub mod agenda;
pub mod dist;
pub mod engine;
pub mod quantity;
pub mod streams;
pub mod time;
pub mod trace;

pub use accum::{Intervals, Tally, TimeWeighted};
pub use agenda::{Agenda, EventKey};
pub use dist::{Dist, DistError};
pub use engine::{EngineError, Model, RunSummary, run};
pub use quantity::{Bytes, BytesPerSec, Factor, PerSec, Probability};
pub use streams::{Purpose, Rng, StreamKey, Streams};
pub use time::{SimDuration, SimTime};
pub use trace::Trace;
