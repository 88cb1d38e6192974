//! Writing rows as trials end, in memory that does not grow with their number.
//!
//! Trials end block by block, each block under every design; the files list all trials of the first
//! design, then of the second, and so on. Blocks go to an unnamed temporary file with their
//! position, and are put in order at the end. The file that the user sees appears whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use models::outcome::{ComponentDowntime, ProductOutcome, TrialOutcome};

use crate::error::Error;
use crate::measures::{Column, FIXED_COLUMNS, Field, columns};
use crate::study::Plan;

/// Rows of one kind, in the order in which blocks end.
pub struct Spool {
    directory: PathBuf,
    file: File,
    length: u64,
    /// For each block, for each point: where its rows begin, and how many bytes they take.
    blocks: Vec<Vec<(u64, u64)>>,
}

impl Spool {
    /// An empty spool below `directory`.
    pub fn new(directory: &Path) -> Result<Spool, Error> {
        let made = fs::create_dir_all(directory);
        let file = made.and_then(|()| tempfile::tempfile_in(directory));
        Ok(Spool {
            file: file.map_err(|source| refused(directory, source))?,
            directory: directory.to_path_buf(),
            length: 0,
            blocks: Vec::new(),
        })
    }

    /// Appends a block: for each point the text of its rows.
    pub fn push(&mut self, rows: &[Vec<u8>]) -> Result<(), Error> {
        let pushed = self.append(rows);
        pushed.map_err(|source| refused(&self.directory, source))
    }

    fn append(&mut self, rows: &[Vec<u8>]) -> io::Result<()> {
        let mut places = Vec::with_capacity(rows.len());
        for text in rows {
            self.file.write_all(text)?;
            places.push((self.length, text.len() as u64));
            self.length += text.len() as u64;
        }
        self.blocks.push(places);
        Ok(())
    }

    /// Writes header and rows, point by point, as a file that appears whole.
    pub fn write(&mut self, header: &[u8], path: &Path) -> Result<(), Error> {
        let written = self.write_whole(header, path);
        written.map_err(|source| refused(&self.directory, source))
    }

    fn write_whole(&mut self, header: &[u8], path: &Path) -> io::Result<()> {
        let directory = path.parent().expect("a file stands in a directory");
        let mut part = BufWriter::new(tempfile::NamedTempFile::new_in(directory)?);
        part.write_all(header)?;
        let points = self.blocks.first().map_or(0, Vec::len);
        for point in 0..points {
            for block in &self.blocks {
                let (from, length) = block[point];
                self.file.seek(SeekFrom::Start(from))?;
                io::copy(&mut (&mut self.file).take(length), &mut part)?;
            }
        }
        let part = part.into_inner().map_err(io::IntoInnerError::into_error)?;
        let file = part.persist(path).map_err(|error| error.error)?;
        readable(&file)
    }
}

fn refused(directory: &Path, source: io::Error) -> Error {
    Error::Rows {
        directory: directory.to_path_buf(),
        source,
    }
}

/// A temporary file is for its owner only; a result is for everybody, as other files are.
#[cfg(unix)]
fn readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// The header of `outcomes.csv`.
pub fn outcomes_header(plan: &Plan) -> Vec<u8> {
    let fixed = FIXED_COLUMNS.map(str::to_owned);
    let factors = plan.factors.iter().map(|factor| factor.name.clone());
    line(
        fixed
            .into_iter()
            .chain(factors)
            .chain(columns().map(Column::name)),
    )
}

/// The header of `components.csv`.
pub fn components_header() -> Vec<u8> {
    line(["point", "trial", "component", "downtime_true_s"].map(str::to_owned))
}

/// A row of `outcomes.csv`.
pub fn outcome_row(plan: &Plan, point: usize, trial: u64, outcome: &TrialOutcome) -> Vec<u8> {
    let planned = &plan.points[point];
    let fixed = [planned.label.clone(), trial.to_string()];
    let levels = plan
        .factors
        .iter()
        .zip(&planned.levels)
        .map(|(f, level)| f.levels[*level].clone());
    line(
        fixed
            .into_iter()
            .chain(levels)
            .chain(columns().map(|column| text(column.value(outcome)))),
    )
}

/// The rows of `components.csv` of one trial.
pub fn component_rows(
    plan: &Plan,
    point: usize,
    trial: u64,
    components: &[ComponentDowntime],
) -> Vec<u8> {
    let label = &plan.points[point].label;
    let row = |c: &ComponentDowntime| {
        let downtime = text(Field::Number(Some(c.downtime_true_s)));
        line([
            label.clone(),
            trial.to_string(),
            c.component.clone(),
            downtime,
        ])
    };
    components.iter().flat_map(row).collect()
}

/// The header of `products.csv`.
pub fn products_header() -> Vec<u8> {
    let fixed = FIXED_COLUMNS.into_iter().chain(["product"]);
    let counts = ["visits", "blocked", "lost", "acked_lost"];
    let times = ["downtime_true_s", "downtime_observed_s"];
    line(fixed.chain(counts).chain(times).map(str::to_owned))
}

/// The rows of `products.csv` of one trial; none if there is only one product.
pub fn product_rows(plan: &Plan, point: usize, trial: u64, products: &[ProductOutcome]) -> Vec<u8> {
    let label = &plan.points[point].label;
    let row = |p: &ProductOutcome| {
        let counts = [p.visits, p.blocked, p.lost, p.acked_lost].map(Field::Count);
        let times = [p.downtime_true_s, p.downtime_observed_s].map(|s| Field::Number(Some(s)));
        let fixed = [label.clone(), trial.to_string(), p.product.clone()];
        line(
            fixed
                .into_iter()
                .chain(counts.into_iter().chain(times).map(text)),
        )
    };
    products.iter().flat_map(row).collect()
}

/// Beyond this a number means nothing, and sums over trials would soon be infinite.
const NUMBER_MAX: f64 = 1e15;

fn text(field: Field) -> String {
    match field {
        Field::Count(count) => count.to_string(),
        Field::Number(Some(number)) => {
            assert!(
                number.abs() <= NUMBER_MAX,
                "a row holds numbers up to {NUMBER_MAX:e}, not {number:e}"
            );
            number.to_string()
        }
        Field::Number(None) => String::new(),
    }
}

/// A line of a CSV file.
pub(super) fn line(fields: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(fields)
        .expect("memory takes any record");
    writer.into_inner().expect("memory can always be flushed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_out_point_by_point() {
        let place = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(place.path()).unwrap();
        spool
            .push(&[b"a1\na2\n".to_vec(), b"b1\nb2\n".to_vec()])
            .unwrap();
        spool.push(&[b"a3\n".to_vec(), b"b3\n".to_vec()]).unwrap();
        let path = place.path().join("rows.csv");
        spool.write(b"head\n", &path).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "head\na1\na2\na3\nb1\nb2\nb3\n"
        );
        assert_eq!(
            fs::read_dir(place.path()).unwrap().count(),
            1,
            "nothing else is left"
        );
    }
}
