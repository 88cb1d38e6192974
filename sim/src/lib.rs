//! The kernel: time, events, randomness, accumulation. It knows nothing of what is simulated.

pub mod arrivals;
mod cell;
pub mod crossing;
mod edge;
pub mod intensity;
pub mod quantity;
pub mod reader;
pub mod streams;
pub mod time;

pub use arrivals::{Arrival, ArrivalTree, Marks};
pub use crossing::{
    ClosedWindows, Term, first_below, first_below_eager, first_reach, first_reach_eager,
};
pub use intensity::Intensity;
pub use reader::ArrivalReader;
pub use streams::{Purpose, Rng, StreamKey, Streams};
pub use time::{SimDuration, SimTime};
