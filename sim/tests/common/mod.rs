//! Random processes for the tests of the arrival tree and of crossings.

use rand::RngExt;
use sim::{Arrival, ArrivalTree, Intensity, Marks, Purpose, Rng, SimDuration, SimTime, Streams};

pub fn nanos(value: u64) -> SimTime {
    SimTime::from_nanos(value)
}

pub fn secs(value: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(value)
}

/// Pieces of random length, a third of them pauses, from crowded nanoseconds to sparse hours.
fn draw_intensity(rng: &mut Rng) -> Intensity {
    let unit = 10u64.pow(rng.random_range(1..11));
    let mut start = rng.random_range(0..unit);
    let mut pieces = Vec::new();
    for _ in 0..rng.random_range(1..8) {
        let per_unit: f64 = match rng.random_range(0..3) {
            0 => 0.0,
            1 => rng.random_range(0.0..30.0),
            _ => rng.random_range(0.0..2000.0),
        };
        pieces.push((nanos(start), per_unit * 1e9 / unit as f64));
        start += rng.random_range(1..2 * unit);
    }
    Intensity::piecewise(&pieces, nanos(start)).scaled(rng.random_range(0.1..2.0))
}

pub fn draw_tree(scenario: u64, rng: &mut Rng) -> ArrivalTree {
    let marks = rng.random_bool(0.7).then(|| Marks {
        shape: [0.3, 1.0, 2.5, 400.0][rng.random_range(0..4)],
        mean_bytes: [0.4, 90.0, 5e6][rng.random_range(0..3)],
    });
    let key = Streams::for_trial(11, scenario).key(Purpose(3), 0);
    ArrivalTree::new(key, draw_intensity(rng), marks)
}

pub fn expand(tree: &ArrivalTree) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    tree.for_each(SimTime::ZERO, SimTime::MAX, |arrival| {
        arrivals.push(arrival)
    });
    arrivals
}
