//! The settings, simulated: as many runs of each as are asked for, in parallel.

use failover::lab::{LabRun, Setting, run};
use rayon::prelude::*;
use sim::{SimDuration, Streams};

use crate::error::Error;
use crate::progress::Bar;

/// How much is to be simulated.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Runs of each setting.
    pub runs: u64,
    /// The seed of all of them.
    pub seed: u64,
}

/// Runs of one setting, by number, with the fault at the measured runs' phases in turn. The result
/// does not depend on the number of threads.
pub fn simulate(
    setting: &Setting,
    phases: &[SimDuration],
    words: &str,
    order: Order,
    bar: &Bar,
) -> Result<Vec<LabRun>, Error> {
    let one = |number: u64| {
        let turn = (number - 1) as usize % phases.len().max(1);
        let phase = phases.get(turn).copied();
        let ended = run(setting, phase, &Streams::for_trial(order.seed, number));
        bar.run_ended();
        ended
    };
    let runs: Result<Vec<LabRun>, _> = (1..=order.runs).into_par_iter().map(one).collect();
    runs.map_err(|error| Error::Usage {
        wrong: format!("`{words}` cannot be simulated: {error}"),
        help: "leave its rows out".to_owned(),
    })
}
