//! Writes every kind of chart and a sample report to the folder given on the command line:
//! `cargo run -p output --example gallery -- FOLDER`.

mod samples;

use std::path::Path;
use std::process::ExitCode;

use output::{Error, TextOptions, write_all};

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        return complain("give a folder: cargo run -p output --example gallery -- FOLDER");
    };
    match write_gallery(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => complain(&problem.to_string()),
    }
}

#[allow(
    clippy::print_stderr,
    reason = "an example talks to the person who runs it"
)]
fn complain(problem: &str) -> ExitCode {
    eprintln!("{problem}");
    ExitCode::from(2)
}

fn write_gallery(folder: &Path) -> Result<(), Error> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, chart) in samples::charts() {
        files.push((format!("{name}.svg"), chart.to_svg()?.into_bytes()));
        files.push((format!("{name}.csv"), chart.data_table().to_csv()?));
    }
    let table = samples::table();
    files.push((
        "table.txt".to_string(),
        table.to_text(&TextOptions::plain())?.into_bytes(),
    ));
    files.push(("table.md".to_string(), table.to_markdown()?.into_bytes()));
    files.push(("table.csv".to_string(), table.to_csv()?));
    files.push((
        "report.html".to_string(),
        samples::report().to_html()?.into_bytes(),
    ));
    let borrowed: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    write_all(folder, &borrowed)
}
