//! Trial 17 meets the same faults, arrivals and human delays under every design.

use std::collections::BTreeMap;
use std::path::Path;

use experiments::builtin::STUDIES;
use experiments::document::Sources;
use experiments::scenario::read;
use experiments::study::Study;
use models::{Mode, RunOptions, run_trial};
use sim::Streams;

#[test]
fn trial_17_draws_the_same_under_every_design() {
    let mut sources = Sources::default();
    let found = read(&mut sources, "incident-2020", &STUDIES, Path::new("")).unwrap();
    let study = Study::load(&mut sources, &found).unwrap();
    assert!(study.worlds.len() >= 40);
    let options = RunOptions {
        mode: Mode::Lazy,
        story: true,
        watched: None,
    };
    let mut met: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (world, point) in study.worlds.iter().zip(&study.plan.points) {
        let told = run_trial(world, &Streams::for_trial(study.plan.seed, 17), &options).unwrap();
        assert!(!told.draws.is_empty(), "{} draws nothing", point.label);
        let visits = told.products.iter().map(|of| of.visits.to_string());
        let arrivals = visits.chain([told.outcome.visits.to_string()]);
        let arrivals = arrivals
            .enumerate()
            .map(|(i, n)| (format!("visits {i}"), n));
        for (name, value) in told.draws.into_iter().chain(arrivals) {
            let first = met
                .entry(name.clone())
                .or_insert((value.clone(), point.label.clone()));
            assert_eq!(
                first.0, value,
                "{name} differs between {} and {}",
                first.1, point.label
            );
        }
    }
    assert!(
        met.keys().any(|name| name.contains("fault")),
        "{:?}",
        met.keys()
    );
}
