//! The kernel: time, events, randomness, accumulation. It knows nothing of what is simulated.

pub mod agenda;
pub mod quantity;
pub mod streams;
pub mod time;

pub use agenda::{Agenda, EventKey};
pub use quantity::{Bytes, BytesPerSec, Factor, PerSec, Probability};
pub use streams::{Purpose, Rng, StreamKey, Streams};
pub use time::{SimDuration, SimTime};
