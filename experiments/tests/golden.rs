//! A four-trial study end to end: what it writes is kept, and reviewed when it changes.
//!
//! `UPDATE_GOLDEN=1 cargo test -p experiments --test all golden` rewrites the kept files.

use std::fs;
use std::path::Path;

use crate::support::{directory, golden, outage, stderr, stdout};

#[test]
fn the_small_study_writes_what_it_wrote_before() {
    let place = directory();
    let output = outage(place.path(), &["compare", "study.toml", "--out", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for name in [
        "outcomes.csv",
        "components.csv",
        "blast_radius.csv",
        "summary.csv",
        "manifest.json",
    ] {
        let found = fs::read_to_string(place.path().join("out").join(name)).unwrap();
        golden(&kept.join(name), &found);
    }
    for entry in fs::read_dir(place.path().join("out/charts"))
        .unwrap()
        .map(Result::unwrap)
    {
        let found = fs::read_to_string(entry.path()).unwrap();
        golden(&kept.join(entry.file_name()), &found);
    }
    golden(&kept.join("table.txt"), &stdout(&output));
}
