//! Every kind of chart, table and report, byte for byte as it was when somebody last looked at it.
//! `UPDATE_GOLDEN=1 cargo test -p output` rewrites the files under `tests/snapshots/`; look at
//! them before committing.

#[path = "../examples/gallery/samples/mod.rs"]
mod samples;

use std::path::{Path, PathBuf};

use output::TextOptions;

fn golden(name: &str, bytes: &[u8]) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/snapshots")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let dir = path.parent().expect("a snapshot lies in a directory");
        output::write_all(dir, &[(name, bytes)]).unwrap();
    }
    let kept = std::fs::read(&path).unwrap_or_default();
    assert!(
        kept == bytes,
        "{name} is not what it was; see what changed with \
         UPDATE_GOLDEN=1 cargo test -p output --test snapshots && git diff"
    );
}

#[test]
fn charts_are_what_they_were() {
    for (name, chart) in samples::charts() {
        golden(&format!("{name}.svg"), chart.to_svg().unwrap().as_bytes());
    }
}

#[test]
fn tables_are_what_they_were() {
    let table = samples::table();
    let narrow = TextOptions {
        width: 80,
        colour: true,
    };
    golden(
        "table.txt",
        table.to_text(&TextOptions::plain()).unwrap().as_bytes(),
    );
    golden(
        "table-80-colour.txt",
        table.to_text(&narrow).unwrap().as_bytes(),
    );
    golden("table.md", table.to_markdown().unwrap().as_bytes());
    golden("table.csv", &table.to_csv().unwrap());
    golden("table.html", table.to_html().unwrap().as_bytes());
}

#[test]
fn data_behind_charts_are_what_they_were() {
    for (name, chart) in samples::charts()
        .into_iter()
        .filter(|(name, _)| !name.contains("lines"))
    {
        golden(
            &format!("{name}.csv"),
            &chart.data_table().to_csv().unwrap(),
        );
    }
}

#[test]
fn a_report_is_what_it_was() {
    let mut report = samples::report();
    report.sections.truncate(2);
    golden("report.html", report.to_html().unwrap().as_bytes());
}
