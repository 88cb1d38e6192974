//! Recorded series from files: found beside the document that names them, and part of the hash.

use std::fs;
use std::path::Path;

use crate::support::directory;
use experiments::builtin::STUDIES;
use experiments::document::Sources;
use experiments::scenario::read;
use experiments::study::Study;

/// A study in a folder of its own, of the small scenario beside it, with series in both folders.
fn layout(place: &Path, in_base: &str, in_study: &str) -> Study {
    let small = fs::read_to_string(place.join("small.toml")).unwrap();
    let recorded = "visits = \"2/s\"\nrecorded = \"gateway.csv\"";
    let small = match small.contains("recorded") {
        true => small,
        false => small.replace("visits = \"2/s\"", recorded),
    };
    fs::write(place.join("small.toml"), small).unwrap();
    fs::write(place.join("gateway.csv"), in_base).unwrap();
    fs::create_dir_all(place.join("studies/data")).unwrap();
    fs::write(place.join("studies/data/peak.csv"), in_study).unwrap();
    let study = r#"
        title = "a busy day"
        scenario = "../small.toml"
        trials = 4
        seed = 1
        baseline = { day = "calm" }
        [[factor]]
        name = "day"
        [[factor.level]]
        name = "calm"
        [[factor.level]]
        name = "busy"
        set = { signers = { recorded = "data/peak.csv" } }
    "#;
    fs::write(place.join("studies/study.toml"), study).unwrap();
    let mut sources = Sources::default();
    let path = place.join("studies/study.toml");
    let found = read(
        &mut sources,
        &path.display().to_string(),
        &STUDIES,
        Path::new(""),
    )
    .unwrap();
    Study::load(&mut sources, &found).unwrap()
}

fn rates(study: &Study, point: usize) -> Vec<f64> {
    let series = study.worlds[point]
        .signers
        .recorded
        .as_ref()
        .expect("it was read");
    series.rates(None).map(|(_, rate)| rate).collect()
}

#[test]
fn a_series_stands_beside_the_document_that_names_it() {
    let place = directory();
    let study = layout(
        place.path(),
        "at_s,per_sec\n0,1\n60,2\n",
        "at_s,per_sec\n0,9\n",
    );
    assert_eq!(rates(&study, 0), [1.0, 2.0]);
    assert_eq!(rates(&study, 1), [9.0]);
}

#[test]
fn what_a_series_holds_is_part_of_the_hash() {
    let place = directory();
    let (base, peak) = ("at_s,per_sec\n0,1\n", "at_s,per_sec\n0,9\n");
    let hash = |base, peak| layout(place.path(), base, peak).plan.hash;
    let first = hash(base, peak);
    assert_eq!(first, hash(base, peak));
    assert_ne!(first, hash("at_s,per_sec\n0,1.5\n", peak));
    assert_ne!(first, hash(base, "at_s,per_sec\n0,8\n"));
}
