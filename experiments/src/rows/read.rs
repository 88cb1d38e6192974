//! Reading rows back: columns of numbers, point by point and trial by trial.
//!
//! A trial that failed has no row. Two points are compared over the trials that both have.

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
    /// Where the rows of each point begin, and behind the last of them all.
    starts: Vec<usize>,
    /// The trial of each row.
    trials: Vec<u64>,
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
            help: "name a directory that `outage compare` has written".to_owned(),
        })?;
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|error| corrupt(&path, error.line() as u64, error.to_string()))?;
        let (trials, measures) = outcomes(&directory.join("outcomes.csv"), &manifest)?;
        let (components, downtimes) = components(&directory.join("components.csv"), &manifest)?;
        Ok(Rows {
            starts: starts(&manifest),
            manifest,
            components,
            blast: blast::read(&directory.join("blast_radius.csv"))?,
            trials,
            measures,
            downtimes,
        })
    }

    /// How many points there are.
    pub fn points(&self) -> usize {
        self.manifest.points.len()
    }

    /// How many trials were run under every point.
    pub fn trials(&self) -> usize {
        self.manifest.trials as usize
    }

    /// The points that have a row of every trial.
    pub fn complete(&self) -> Vec<usize> {
        let points = 0..self.points();
        points.filter(|p| self.manifest.is_complete(*p)).collect()
    }

    /// The trials of a point that have a row, rising.
    pub fn trials_of(&self, point: usize) -> &[u64] {
        &self.trials[self.range(point)]
    }

    /// The trials that all of some points have.
    pub fn common(&self, points: &[usize]) -> Vec<u64> {
        if points.iter().all(|point| self.manifest.is_complete(*point)) {
            return (1..=self.manifest.trials).collect();
        }
        let has = |trial: &u64| {
            let mut points = points.iter();
            points.all(|point| self.trials_of(*point).binary_search(trial).is_ok())
        };
        (1..=self.manifest.trials).filter(has).collect()
    }

    /// The values of a measure that is always defined, in these trials.
    pub fn values_in(&self, measure: &str, point: usize, trials: &[u64]) -> Vec<f64> {
        self.in_trials(self.values(measure, point), point, trials)
    }

    /// The downtimes of a component in these trials, in seconds.
    pub fn downtime_in(&self, component: usize, point: usize, trials: &[u64]) -> Vec<f64> {
        self.in_trials(self.downtime(component, point), point, trials)
    }

    fn in_trials(&self, values: &[f64], point: usize, trials: &[u64]) -> Vec<f64> {
        let rows = self.trials_of(point);
        let place = |trial: &u64| rows.binary_search(trial).expect("the point has the trial");
        trials.iter().map(|trial| values[place(trial)]).collect()
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

    /// The values of a measure, in the order of [`Rows::trials_of`].
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
        self.starts[point]..self.starts[point + 1]
    }
}

fn starts(manifest: &Manifest) -> Vec<usize> {
    let mut starts = vec![0];
    let mut rows = 0;
    for point in &manifest.points {
        rows += point.trials as usize;
        starts.push(rows);
    }
    starts
}

type Outcomes = (Vec<u64>, BTreeMap<&'static str, Vec<f64>>);

fn outcomes(path: &Path, manifest: &Manifest) -> Result<Outcomes, Error> {
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
    let mut trials: Vec<u64> = Vec::new();
    let mut labels = manifest
        .points
        .iter()
        .flat_map(|point| (0..point.trials).map(move |row| (point.label.as_str(), row)));
    each_row(path, &mut reader, |record, line| {
        let Some((label, row)) = labels.next() else {
            return Err(corrupt(path, line, "a row too many".to_owned()));
        };
        let trial = number(path, line, &record[1])? as u64;
        let after = if row > 0 {
            trials.last().copied()
        } else {
            None
        };
        let rises = trial > after.unwrap_or(0) && trial <= manifest.trials;
        if *label != record[0] || !rises {
            let wrong = format!("trial {} of `{}` is out of place", &record[1], &record[0]);
            return Err(corrupt(path, line, wrong));
        }
        trials.push(trial);
        for (name, place) in &places {
            let number = number(path, line, &record[*place])?;
            measures.entry(name).or_default().push(number);
        }
        Ok(())
    })?;
    match labels.next() {
        None => Ok((trials, measures)),
        Some((label, row)) => {
            let wrong = format!("row {} of `{label}` is missing", row + 1);
            Err(corrupt(path, 0, wrong))
        }
    }
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
    let rows = manifest.points.iter().map(|point| point.trials as usize);
    let expected: usize = rows.sum();
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
