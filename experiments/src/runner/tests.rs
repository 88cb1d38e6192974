//! The runner over a world that is one line long.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::*;
use crate::document::{Node, Place, Table, Value};
use crate::measures::tests::outcome;
use crate::rows::blast;
use crate::rows::manifest::{Extent, Manifest};
use crate::rows::read::Rows;
use crate::rows::write::{components_header, outcomes_header, products_header};
use crate::study::{Factor, PlannedPoint};
use models::outcome::{ComponentDowntime, ProductOutcome, Reached, Timeline};

pub(crate) fn plan() -> Plan {
    let tree = Node {
        place: Place {
            file: 0,
            from: 0,
            to: 0,
        },
        value: Value::Table(Table::new()),
    };
    let point = |label: &str, level: usize, single: bool| PlannedPoint {
        label: label.to_owned(),
        levels: vec![level],
        single,
        tree: tree.clone(),
    };
    Plan {
        name: "toy".into(),
        title: "A toy".into(),
        scenario: "toy".into(),
        hash: "abc".into(),
        trials: 10,
        seed: 1,
        factors: vec![Factor {
            name: "check".into(),
            levels: vec!["a".into(), "b, or c".into()],
        }],
        objectives: Vec::new(),
        points: vec![
            point("a", 0, false),
            point("b, or c", 1, false),
            point("extra", 1, true),
        ],
    }
}

fn toy(point: usize, trial: u64) -> Result<TrialResult, String> {
    let component = ComponentDowntime {
        component: "API".into(),
        downtime_true_s: trial as f64,
    };
    let product = |(product, lost): (&str, u64)| ProductOutcome {
        product: product.into(),
        visits: 10,
        blocked: lost,
        lost,
        acked_lost: 0,
        downtime_true_s: 1.5,
        downtime_observed_s: 60.0,
    };
    let blast = BlastMinutes {
        cluster: "shared".into(),
        reached: Reached::Component,
        name: "API".into(),
        down_min: trial as f64 / (1 + point) as f64,
    };
    Ok(TrialResult {
        outcome: outcome(trial * (3 - point as u64)),
        components: vec![component],
        products: [("signers", trial), ("editor", 0)].map(product).into(),
        blast: vec![blast],
        timeline: Timeline::default(),
        windows: Vec::new(),
        moments: Vec::new(),
        trace: Vec::new(),
        draws: Vec::new(),
    })
}

fn run_in(
    directory: &Path,
    threads: usize,
    stop: &AtomicBool,
    trial: impl Fn(usize, u64) -> Result<TrialResult, String> + Sync + Send,
) -> Result<Rows, Error> {
    let plan = plan();
    let sink = || Spool::new(directory).unwrap();
    let mut sink = Sink {
        outcomes: sink(),
        components: sink(),
        products: sink(),
        blast: BlastSums::new(),
    };
    let labels = plan.points.iter().map(|point| point.label.clone());
    let labels: Vec<String> = labels.collect();
    let mut progress = Progress::new(labels.clone(), 700);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let order = Order { trials: 700, stop };
    let kept = pool.install(|| run(&plan, &order, trial, &mut sink, &mut progress))?;
    sink.outcomes
        .write(&outcomes_header(&plan), &directory.join("outcomes.csv"))
        .unwrap();
    sink.components
        .write(&components_header(), &directory.join("components.csv"))
        .unwrap();
    sink.products
        .write(&products_header(), &directory.join("products.csv"))
        .unwrap();
    let blast = blast::csv(&sink.blast.rows(&labels));
    fs::write(directory.join("blast_radius.csv"), blast).unwrap();
    let manifest = Manifest::of(
        &plan,
        Vec::new(),
        "toy",
        Extent {
            seed: 1,
            asked: 700,
            kept,
        },
    );
    fs::write(
        directory.join("manifest.json"),
        serde_json::to_vec(&manifest).unwrap(),
    )
    .unwrap();
    Rows::read(directory)
}

#[test]
fn rows_read_back_as_they_were_written() {
    let place = tempfile::tempdir().unwrap();
    let rows = run_in(place.path(), 2, &AtomicBool::new(false), toy).unwrap();
    assert_eq!((rows.points(), rows.trials()), (3, 700));
    assert_eq!(rows.values("lost", 0)[..3], [3.0, 6.0, 9.0]);
    assert_eq!(rows.values("lost", 2)[699], 700.0);
    assert_eq!(rows.downtime(0, 1)[41], 42.0);
    assert_eq!(rows.blast.len(), 3);
    assert_eq!(
        (&*rows.blast[2].point, rows.blast[2].down_min),
        ("extra", 350.5 / 3.0)
    );
    let products = fs::read_to_string(place.path().join("products.csv")).unwrap();
    assert!(products.contains("\nextra,700,signers,10,700,700,0,1.5,60\nextra,700,editor,10,0,"));
    assert!(
        rows.defined("recover_s", 0).is_empty(),
        "undefined is not 0"
    );
    let text = fs::read_to_string(place.path().join("outcomes.csv")).unwrap();
    let row = text.lines().nth(1).unwrap();
    assert!(
        row.starts_with("a,1,a,1003,1000,0,0,0,3,0,3,3,6,0,0"),
        "{row}"
    );
    assert!(
        row.ends_with(",0,0,0.3,60,30.5,,,0,2,1,0,0,0,,99.5"),
        "{row}"
    );
    assert!(
        text.contains("\n\"b, or c\",1,\"b, or c\","),
        "fields are quoted where needed"
    );
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let files = [1, 2, 3].map(|threads| {
        let place = tempfile::tempdir().unwrap();
        run_in(place.path(), threads, &AtomicBool::new(false), toy).unwrap();
        let names = [
            "outcomes.csv",
            "components.csv",
            "products.csv",
            "blast_radius.csv",
        ];
        names.map(|name| fs::read(place.path().join(name)).unwrap())
    });
    assert_eq!(files[0], files[1]);
    assert_eq!(files[0], files[2]);
}

#[test]
fn an_interruption_keeps_trials_that_every_design_has_met() {
    let place = tempfile::tempdir().unwrap();
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let rows = run_in(place.path(), 2, &stop, |point, trial| {
        if count.fetch_add(1, Ordering::Relaxed) == 1500 {
            stop.store(true, Ordering::Relaxed);
        }
        toy(point, trial)
    });
    let rows = rows.unwrap();
    assert!(rows.manifest.interrupted);
    assert!((341..700).contains(&rows.trials()), "{}", rows.trials());
}

#[test]
fn an_interruption_after_one_trial_keeps_nothing_and_ends_with_130() {
    let place = tempfile::tempdir().unwrap();
    for complete in [1, 2] {
        let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
        let rows = run_in(place.path(), 1, &stop, |point, trial| {
            if count.fetch_add(1, Ordering::Relaxed) + 1 == 3 * complete {
                stop.store(true, Ordering::Relaxed);
            }
            toy(point, trial)
        });
        match complete {
            1 => {
                assert_eq!(rows.unwrap_err().exit_code(), 130);
                let left = fs::read_dir(place.path()).unwrap().count();
                assert_eq!(left, 0, "no rows without a report");
            }
            _ => assert_eq!(rows.unwrap().trials(), 2),
        }
    }
}

#[test]
fn a_failed_trial_fails_the_study_and_is_named() {
    let place = tempfile::tempdir().unwrap();
    let fails = |point: usize, trial: u64| match (point, trial) {
        (1, 17) => Err("too many events".to_owned()),
        (2, 400) => panic!("a broken promise"),
        (_, _) => toy(point, trial),
    };
    let error = run_in(place.path(), 2, &AtomicBool::new(false), fails).unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("trial 17 of `b, or c` failed: too many events"),
        "{told}"
    );
    let breaks = |point: usize, trial: u64| match (point, trial) {
        (2, 400) => panic!("a broken promise"),
        (_, _) => toy(point, trial),
    };
    let error = run_in(place.path(), 2, &AtomicBool::new(false), breaks).unwrap_err();
    assert!(error.to_string().contains("a broken promise"), "{error}");
    assert_eq!(error.exit_code(), 101);
}
