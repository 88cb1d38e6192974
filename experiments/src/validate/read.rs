//! Measurements as groups: the rows of one condition and one setting. A file is about failovers, or
//! about what one node does (`node`).

use std::fs;
use std::path::Path;

use failover::lab::{MEASURED, Setting};
use sim::SimDuration;

use super::node;
use super::setting::{Columns, words};
use super::sheet::Sheet;
use crate::document::Sources;
use crate::error::{Error, Problem};

/// The columns that are compared, in the order of [`Group::values`].
const MEASURES: [&str; 3] = ["fail_detect_ms", "promote_ms", "unavail_ms"];

/// Rows that were measured under one condition and one setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Condition and setting, for people.
    pub words: String,
    /// What was set up and done.
    pub setting: Setting,
    /// Rows.
    pub runs: usize,
    /// When the measured runs' faults came, where the file says so.
    pub phases: Vec<SimDuration>,
    /// Detection, promotion, unavailability in seconds, of the rows in which they happened; `None`
    /// if no row's file has the column.
    pub values: [Option<Vec<f64>>; 3],
}

/// All groups, in the order of their first rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurements {
    /// Failovers.
    pub failovers: Vec<Group>,
    /// What one node does.
    pub nodes: Vec<node::Group>,
}

/// The built-in measurements, or those of these files.
///
/// # Errors
/// If a file cannot be read, or with every mistake in them.
pub fn measurements(files: &[String]) -> Result<Measurements, Error> {
    let mut sources = Sources::default();
    if files.is_empty() {
        for measured in &MEASURED {
            sources.add(measured.file, measured.text);
        }
        for (file, text) in node::MEASURED {
            sources.add(file, text);
        }
    }
    for file in files {
        let text = fs::read_to_string(file).map_err(|source| Error::Read {
            path: file.into(),
            source,
            help: "name a CSV file of measurements; without one the built-in ones are judged"
                .to_owned(),
        })?;
        sources.add(file, text);
    }
    let count = match files.len() {
        0 => MEASURED.len() + node::MEASURED.len(),
        some => some,
    };
    let mut found = Measurements::default();
    let mut problems = Vec::new();
    for file in 0..count {
        let stem = Path::new(&sources.file(file).name).file_stem();
        let stem = stem.map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        match Sheet::read(&sources, file) {
            Ok(sheet) if node::is_of_nodes(&sheet) => {
                node::take_in(&sheet, &stem, &mut found.nodes, &mut problems);
            }
            Ok(sheet) => take_in(&sheet, &stem, &mut found.failovers, &mut problems),
            Err(wrong) => problems.extend(wrong),
        }
    }
    match problems.is_empty() {
        true => Ok(found),
        false => Err(Error::input(&sources, problems)),
    }
}

/// Those of failovers alone.
///
/// # Errors
/// As above.
pub fn groups(files: &[String]) -> Result<Vec<Group>, Error> {
    Ok(measurements(files)?.failovers)
}

fn take_in(sheet: &Sheet, stem: &str, groups: &mut Vec<Group>, problems: &mut Vec<Problem>) {
    if MEASURES.iter().all(|column| sheet.column(column).is_none()) {
        let wrong = "none of the columns that are compared is there".to_owned();
        problems.push(sheet.lacks(wrong, &MEASURES));
    }
    let timeouts = ["node_timeout_ms", "down_after_ms"];
    if timeouts.iter().all(|column| sheet.column(column).is_none()) {
        let wrong = "no column says which timeout was set".to_owned();
        problems.push(sheet.lacks(wrong, &timeouts));
    }
    if !problems.is_empty() {
        return;
    }
    for record in sheet.records() {
        let mut columns = Columns::of(sheet, record);
        let condition = columns.text("cond").unwrap_or(stem).to_owned();
        let setting = columns.setting(&condition);
        let phase = columns.phase();
        let values = MEASURES.map(|column| (sheet.column(column), columns.seconds(column)));
        problems.extend(columns.problems);
        let words = words(&condition, &setting);
        let same = |group: &&mut Group| group.words == words && group.setting == setting;
        if groups.iter_mut().find(same).is_none() {
            groups.push(Group {
                words: words.clone(),
                setting: setting.clone(),
                runs: 0,
                phases: Vec::new(),
                values: [const { None }; 3],
            });
        }
        let group = groups.iter_mut().find(same).expect("it is there by now");
        group.runs += 1;
        group.phases.extend(phase);
        for (kept, (column, value)) in group.values.iter_mut().zip(values) {
            if column.is_some() {
                kept.get_or_insert_default().extend(value);
            }
        }
    }
}
