//! Reading rows back: columns of numbers, point by point and trial by trial.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::blast::{self, BlastRow};
use super::manifest::Manifest;
use crate::error::Error;
use crate::measures::MEASURES;

/// What a study yielded, as columns. Undefined values are NaN here, and only here.
#[derive(Clone, Debug)]
pub struct Rows {
    /// What the files say about themselves.
    pub manifest: Manifest,
    /// The components of the status page, in their order.
    pub components: Vec<String>,
    /// How far the failure of each cluster reached, in every design.
    pub blast: Vec<BlastRow>,
    /// By measure: the values of all trials of the first point, then of the second, …
    measures: BTreeMap<&'static str, Vec<f64>>,
    /// By component, likewise.
    downtimes: Vec<Vec<f64>>,
}

impl Rows {
    /// Reads `manifest.json` and the rows of a results directory.
    pub fn read(directory: &Path) -> Result<Rows, Error> {
        let path = directory.join("manifest.json");
        let text = fs::read_to_string(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
            mend: "name a directory that `outage compare` has written".to_owned(),
        })?;
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|error| corrupt(&path, error.line() as u64, error.to_string()))?;
        let measures = outcomes(&directory.join("outcomes.csv"), &manifest)?;
        let (components, downtimes) = components(&directory.join("components.csv"), &manifest)?;
        Ok(Rows {
            manifest,
            components,
            blast: blast::read(&directory.join("blast_radius.csv"))?,
            measures,
            downtimes,
        })
    }

    /// How many points there are.
    pub fn points(&self) -> usize {
        self.manifest.points.len()
    }

    /// How many trials each point has.
    pub fn trials(&self) -> usize {
        self.manifest.trials as usize
    }

    /// The values of a measure that is always defined.
    pub fn values(&self, measure: &str, point: usize) -> &[f64] {
        let values = self.raw(measure, point);
        assert!(
            values.iter().all(|value| !value.is_nan()),
            "{measure} is always defined"
        );
        values
    }

    /// The values of a measure where it is defined.
    pub fn defined(&self, measure: &str, point: usize) -> Vec<f64> {
        self.raw(measure, point)
            .iter()
            .copied()
            .filter(|value| !value.is_nan())
            .collect()
    }

    /// The values of a measure, trial by trial.
    pub fn optional(&self, measure: &str, point: usize) -> Vec<Option<f64>> {
        let some = |value: &f64| (!value.is_nan()).then_some(*value);
        self.raw(measure, point).iter().map(some).collect()
    }

    /// The downtimes of a component, in seconds.
    pub fn downtime(&self, component: usize, point: usize) -> &[f64] {
        &self.downtimes[component][self.range(point)]
    }

    fn raw(&self, measure: &str, point: usize) -> &[f64] {
        let values = self.measures.get(measure).expect("a measure of the list");
        &values[self.range(point)]
    }

    fn range(&self, point: usize) -> std::ops::Range<usize> {
        point * self.trials()..(point + 1) * self.trials()
    }
}

fn outcomes(path: &Path, manifest: &Manifest) -> Result<BTreeMap<&'static str, Vec<f64>>, Error> {
    let mut reader = open(path)?;
    let header = reader
        .headers()
        .map_err(|error| corrupt(path, 1, error.to_string()))?
        .clone();
    let mut places = Vec::new();
    for measure in &MEASURES {
        let place = header.iter().position(|name| name == measure.name);
        let missing = || corrupt(path, 1, format!("there is no column `{}`", measure.name));
        places.push((measure.name, place.ok_or_else(missing)?));
    }
    let mut measures: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    let mut expected = expected_rows(manifest);
    each_row(path, &mut reader, |record, line| {
        let ours = expected
            .next()
            .map(|(label, trial)| (label, trial.to_string()));
        let found = (record[0].to_owned(), record[1].to_owned());
        if ours.as_ref() != Some(&found) {
            let wrong = format!("expected point and trial {ours:?}, found {found:?}");
            return Err(corrupt(path, line, wrong));
        }
        for (name, place) in &places {
            let number = number(path, line, &record[*place])?;
            measures.entry(name).or_default().push(number);
        }
        Ok(())
    })?;
    match expected.next() {
        None => Ok(measures),
        Some((label, trial)) => Err(corrupt(
            path,
            0,
            format!("trial {trial} of `{label}` is missing"),
        )),
    }
}

fn expected_rows(manifest: &Manifest) -> impl Iterator<Item = (String, u64)> + '_ {
    let trials = manifest.trials;
    manifest
        .points
        .iter()
        .flat_map(move |p| (1..=trials).map(|trial| (p.label.clone(), trial)))
}

type Downtimes = (Vec<String>, Vec<Vec<f64>>);

fn components(path: &Path, manifest: &Manifest) -> Result<Downtimes, Error> {
    let mut names: Vec<String> = Vec::new();
    let mut downtimes: Vec<Vec<f64>> = Vec::new();
    let mut reader = open(path)?;
    each_row(path, &mut reader, |record, line| {
        let place = names
            .iter()
            .position(|name| name == &record[2])
            .unwrap_or_else(|| {
                names.push(record[2].to_owned());
                downtimes.push(Vec::new());
                names.len() - 1
            });
        downtimes[place].push(number(path, line, &record[3])?);
        Ok(())
    })?;
    let expected = manifest.points.len() * manifest.trials as usize;
    match downtimes
        .iter()
        .zip(&names)
        .find(|(values, _)| values.len() != expected)
    {
        None => Ok((names, downtimes)),
        Some((values, name)) => {
            let wrong = format!("`{name}` has {} rows and not {expected}", values.len());
            Err(corrupt(path, 0, wrong))
        }
    }
}

fn open(path: &Path) -> Result<csv::Reader<fs::File>, Error> {
    csv::Reader::from_path(path).map_err(|error| corrupt(path, 0, error.to_string()))
}

fn each_row(
    path: &Path,
    reader: &mut csv::Reader<fs::File>,
    mut row: impl FnMut(&csv::StringRecord, u64) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(true) => row(&record, line)?,
            Ok(false) => return Ok(()),
            Err(error) => return Err(corrupt(path, line, error.to_string())),
        }
    }
}

/// An empty field is undefined, and NaN from here on.
fn number(path: &Path, line: u64, field: &str) -> Result<f64, Error> {
    if field.is_empty() {
        return Ok(f64::NAN);
    }
    let number = field
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite());
    number.ok_or_else(|| corrupt(path, line, format!("`{field}` is not a number")))
}

fn corrupt(path: &Path, line: u64, wrong: String) -> Error {
    Error::Corrupt {
        file: path.display().to_string(),
        line,
        wrong,
    }
}
