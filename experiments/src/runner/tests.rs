//! The runner over a world that is one line long.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::*;
use crate::document::{Node, Place, Table, Value};
use crate::measures::tests::outcome;
use crate::rows::blast;
use crate::rows::manifest::{Asked, Manifest};
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
        keep: Vec::new(),
        value: None,
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

fn toy(point: usize, trial: u64) -> Result<TrialResult, Failure> {
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
        milestones: Default::default(),
        outcome: outcome(trial * (3 - point as u64)),
        components: vec![component],
        products: [("signers", trial), ("editor", 0)].map(product).into(),
        blast: vec![blast],
        timeline: Timeline::default(),
        windows: Vec::new(),
        watched: Vec::new(),
        connections: Vec::new(),
        moments: Vec::new(),
        trace: Vec::new(),
        draws: Vec::new(),
    })
}

/// The toy study with everything that it writes, in `directory`.
fn run_in(
    directory: &Path,
    threads: usize,
    stop: &AtomicBool,
    trial: impl Fn(usize, u64) -> Result<TrialResult, Failure> + Sync + Send,
) -> Result<(Ran, Rows), Error> {
    let (ran, mut sink) = ran_in(directory, threads, stop, trial)?;
    let plan = plan();
    let labels = plan.points.iter().map(|point| point.label.clone());
    let labels: Vec<String> = labels.collect();
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
        &Asked {
            name: "toy",
            seed: 1,
            trials: 700,
            limits: &[],
        },
        &ran,
    );
    fs::write(
        directory.join("manifest.json"),
        serde_json::to_vec(&manifest).unwrap(),
    )
    .unwrap();
    Ok((ran, Rows::read(directory)?))
}

/// The toy study, with spools in `directory`.
fn ran_in(
    directory: &Path,
    threads: usize,
    stop: &AtomicBool,
    trial: impl Fn(usize, u64) -> Result<TrialResult, Failure> + Sync + Send,
) -> Result<(Ran, Sink), Error> {
    let plan = plan();
    let spool = || Spool::new(directory).unwrap();
    let mut sink = Sink {
        outcomes: spool(),
        components: spool(),
        products: spool(),
        blast: BlastSums::new(),
    };
    let labels = plan.points.iter().map(|point| point.label.clone());
    let mut progress = Progress::new(labels.collect(), 700);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let trial = |point, number, _: &Streams| trial(point, number);
    let order = Order {
        trials: 700,
        seed: 1,
        stop,
    };
    let ran = pool.install(|| run(&plan, &order, trial, &mut sink, &mut progress))?;
    Ok((ran, sink))
}

#[test]
fn rows_read_back_as_they_were_written() {
    let place = tempfile::tempdir().unwrap();
    let (_, rows) = run_in(place.path(), 2, &AtomicBool::new(false), toy).unwrap();
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
        row.ends_with(",0,0,0.3,60,30.5,,,0,2,1,0,0,0,0,0,,99.5"),
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
    let (_, rows) = rows.unwrap();
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
            _ => assert_eq!(rows.unwrap().1.trials(), 2),
        }
    }
}

/// Fails as an error, as a panic, and as a row that cannot be written.
fn failing(point: usize, trial: u64) -> Result<TrialResult, Failure> {
    match (point, trial) {
        (1, 17) => Err(Failure::Failed("too many events".to_owned())),
        (2, 400) => panic!("a broken promise"),
        (2, 401) => {
            let mut result = toy(point, trial)?;
            result.outcome.cost_per_month_usd = f64::INFINITY;
            Ok(result)
        }
        (_, _) => toy(point, trial),
    }
}

#[test]
fn failed_trials_are_named_and_all_other_rows_are_kept() {
    install_hook();
    let place = tempfile::tempdir().unwrap();
    let (ran, mut sink) = ran_in(place.path(), 2, &AtomicBool::new(false), failing).unwrap();
    assert_eq!(ran.trials, 700);
    let failed: Vec<(usize, u64)> = ran.failed.iter().map(|f| (f.point, f.trial)).collect();
    assert_eq!(failed, [(1, 17), (2, 400), (2, 401)]);
    assert_eq!(ran.failed[0].wrong, "too many events");
    assert!(ran.failed[1].wrong.ends_with(": a broken promise"));
    assert!(ran.failed[2].wrong.contains("not inf"), "{:?}", ran.failed);
    let path = place.path().join("outcomes.csv");
    sink.outcomes.write(b"", &path).unwrap();
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(text.lines().count(), 3 * 700 - 3);
    assert!(text.contains("\nextra,399,") && text.contains("\nextra,402,"));
    assert!(!text.contains("\nextra,400,") && !text.contains("\n\"b, or c\",17,"));
}

#[test]
fn a_design_that_fails_always_is_given_up_at_the_same_trial_on_any_number_of_threads() {
    let fails = |point: usize, trial: u64| match point == 1 && trial > 10 {
        true => Err(Failure::Failed("again".to_owned())),
        false => toy(point, trial),
    };
    let found = [1, 2, 3].map(|threads| {
        let place = tempfile::tempdir().unwrap();
        let (ran, mut sink) =
            ran_in(place.path(), threads, &AtomicBool::new(false), fails).unwrap();
        let path = place.path().join("outcomes.csv");
        sink.outcomes.write(b"", &path).unwrap();
        (ran, fs::read(path).unwrap())
    });
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
    let (ran, rows) = &found[0];
    let expected: Vec<u64> = (11..=30).collect();
    let failed = ran.failed.iter().map(|failed| failed.trial);
    assert_eq!(failed.collect::<Vec<u64>>(), expected);
    assert_eq!(String::from_utf8_lossy(rows).lines().count(), 2 * 700 + 10);
}
