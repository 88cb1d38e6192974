//! `blast_radius.csv`: how long each cluster's failure kept each service and component down.
//!
//! A row for each design, cluster and service or component, the trials' mean with its interval:
//! trial by trial the matrix would be the largest of all files. It is summed in the order of the
//! trials, so neither threads nor blocks change a digit.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use models::outcome::{BlastMinutes, Reached};
use serde::{Deserialize, Serialize};

use super::write::line;
use crate::error::Error;
use crate::stats::LEVEL;
use crate::stats::estimate::t_quantile;

/// The sums of all trials.
#[derive(Clone, Debug, Default)]
pub struct BlastSums {
    /// By design: pairs in the order in which a trial lists them.
    points: BTreeMap<usize, Vec<Pair>>,
}

#[derive(Clone, Debug)]
struct Pair {
    of: BlastMinutes,
    trials: u64,
    sum: f64,
    squares: f64,
}

/// One cell of the matrix of one design: means over trials, in minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlastRow {
    /// The design.
    pub point: String,
    /// The cluster that failed.
    pub cluster: String,
    /// `service` or `component`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Minutes a trial in which it was down while the cluster failed it.
    pub down_min: f64,
    /// Lower end of the 95 % interval.
    pub low_min: f64,
    /// Upper end.
    pub high_min: f64,
}

impl BlastSums {
    /// Nothing yet.
    pub fn new() -> BlastSums {
        BlastSums::default()
    }

    /// Takes in the next trial of a design.
    pub fn push(&mut self, point: usize, trial: &[BlastMinutes]) {
        let new = |of: &BlastMinutes| Pair {
            of: of.clone(),
            trials: 0,
            sum: 0.0,
            squares: 0.0,
        };
        let pairs = self.points.entry(point);
        let pairs = pairs.or_insert_with(|| trial.iter().map(new).collect());
        assert_eq!(
            pairs.len(),
            trial.len(),
            "a design has the same clusters in every trial"
        );
        for (pair, minutes) in pairs.iter_mut().zip(trial) {
            pair.trials += 1;
            pair.sum += minutes.down_min;
            pair.squares += minutes.down_min * minutes.down_min;
        }
    }

    /// The rows of all designs, whose labels are given in their order. One trial has no interval,
    /// so a design with fewer than two has no rows.
    pub fn rows(&self, labels: &[String]) -> Vec<BlastRow> {
        let of_point = |(point, pairs): (&usize, &Vec<Pair>)| {
            let two = pairs.iter().filter(|pair| pair.trials > 1);
            let row = |pair: &Pair| pair.row(&labels[*point]);
            two.map(row).collect::<Vec<BlastRow>>()
        };
        self.points.iter().flat_map(of_point).collect()
    }
}

impl Pair {
    fn row(&self, point: &str) -> BlastRow {
        let n = self.trials as f64;
        let mean = self.sum / n;
        let variance = ((self.squares - n * mean * mean) / (n - 1.0)).max(0.0);
        let freedom = self.trials as usize - 1;
        let half = t_quantile(0.5 + LEVEL / 2.0, freedom) * (variance / n).sqrt();
        let kind = match self.of.reached {
            Reached::Service => "service",
            Reached::Component => "component",
        };
        BlastRow {
            point: point.to_owned(),
            cluster: self.of.cluster.clone(),
            kind: kind.to_owned(),
            name: self.of.name.clone(),
            down_min: mean,
            low_min: (mean - half).max(0.0),
            high_min: mean + half,
        }
    }
}

/// The file.
pub fn csv(rows: &[BlastRow]) -> Vec<u8> {
    let header = [
        "point", "cluster", "kind", "name", "down_min", "low_min", "high_min",
    ];
    let mut text = line(header.map(str::to_owned));
    for row in rows {
        let names = [&row.point, &row.cluster, &row.kind, &row.name].map(String::clone);
        let numbers = [row.down_min, row.low_min, row.high_min].map(|n| n.to_string());
        text.extend(line(names.into_iter().chain(numbers)));
    }
    text
}

/// Reads the file back.
pub fn read(path: &Path) -> Result<Vec<BlastRow>, Error> {
    let text = fs::read(path).map_err(|source| Error::Read {
        path: path.to_path_buf(),
        source,
        help: "name a directory that `outage compare` has written".to_owned(),
    })?;
    let rows = csv::Reader::from_reader(text.as_slice()).into_deserialize();
    rows.map(|row| {
        row.map_err(|error| Error::Corrupt {
            file: path.display().to_string(),
            line: error.position().map_or(0, csv::Position::line),
            wrong: error.to_string(),
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(name: &str, down_min: f64) -> BlastMinutes {
        BlastMinutes {
            cluster: "cell 1".to_owned(),
            reached: Reached::Service,
            name: name.to_owned(),
            down_min,
        }
    }

    #[test]
    fn rows_are_means_with_intervals_and_read_back() {
        let mut sums = BlastSums::new();
        for down in [0.0, 6.0, 3.0] {
            sums.push(1, &[minutes("a, quoted", down), minutes("b", 0.0)]);
        }
        let rows = sums.rows(&["base".to_owned(), "cells".to_owned()]);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].point.as_str(), rows[0].down_min), ("cells", 3.0));
        // Deviation 3, three trials: 3 + 4.303 × 3 / √3.
        assert!((rows[0].high_min - 10.452).abs() < 1e-3, "{rows:?}");
        assert_eq!(rows[0].low_min, 0.0);
        assert_eq!((rows[1].low_min, rows[1].high_min), (0.0, 0.0));
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("blast_radius.csv");
        fs::write(&path, csv(&rows)).unwrap();
        assert_eq!(read(&path).unwrap(), rows);
    }
}
