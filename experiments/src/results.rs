//! A directory of results that changes as a whole: it holds what an earlier run has left, or what
//! this one has finished, and never a mix of both.
//!
//! ```text
//!  results/x            finished; untouched until the new results are complete
//!  results/.x.new       what this run writes
//!  results/.x.old       the finished ones for a moment, where two directories cannot be exchanged
//!  results/x.partial    what an interrupted run has kept
//!  results/.x.lock      held by the run that writes
//! ```
//!
//! The new directory is complete and on the disk before it takes its place, by one exchange where
//! the system has it. Where it has not, a program that is killed between two renames leaves the
//! finished results as `.x.old`; the next run puts them back before it begins.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Error;

/// What a command leaves in its directory.
#[derive(Clone, Copy, Debug)]
pub struct Contents {
    /// The file by which a directory of results is known.
    pub mark: &'static str,
    /// May a file of this path, relative to the directory, be one of ours?
    pub is_ours: fn(&Path) -> bool,
}

/// A directory of results that is being written. What is neither published nor kept is removed.
#[derive(Debug)]
pub struct Results {
    /// As the user has written it.
    shown: PathBuf,
    target: PathBuf,
    places: Places,
    /// Held for as long as this lives.
    _lock: Lock,
}

/// The places beside the target.
#[derive(Debug)]
struct Places {
    new: PathBuf,
    old: PathBuf,
    partial: PathBuf,
    lock: PathBuf,
}

impl Results {
    /// Claims `target` for this run. It need not exist; if it does, it is ours or empty.
    ///
    /// # Errors
    /// If another run has claimed it, if it holds something that is not ours, or if it cannot be
    /// written to.
    pub fn claim(target: &Path, contents: &Contents) -> Result<Results, Error> {
        let refused = |source| refused(target, source);
        let resolved = resolve(target).map_err(refused)?;
        let places = Places::beside(&resolved).map_err(refused)?;
        let lock = Lock::take(&places.lock, target)?;
        let results = Results {
            shown: target.to_path_buf(),
            target: resolved,
            places,
            _lock: lock,
        };
        results.recover().map_err(refused)?;
        let beside = results.shown_beside(&results.places.partial);
        for (place, shown) in [
            (&results.target, target),
            (&results.places.partial, beside.as_path()),
        ] {
            if let Some(foreign) = foreign(place, contents).map_err(refused)? {
                return Err(not_ours(shown, &foreign));
            }
        }
        fs::create_dir(&results.places.new).map_err(refused)?;
        Ok(results)
    }

    /// Where to write.
    pub fn directory(&self) -> &Path {
        &self.places.new
    }

    /// Puts what was written in the place of what was there.
    ///
    /// # Errors
    /// If the system refuses; what was there is then untouched.
    pub fn publish(self) -> Result<(), Error> {
        let swapped = self.swap(&self.target);
        swapped.map_err(|source| refused(&self.shown, source))
    }

    /// Keeps what was written beside the target, which stays as it is. Says where.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn keep_part(self) -> Result<PathBuf, Error> {
        let shown = self.shown_beside(&self.places.partial);
        let swapped = self.swap(&self.places.partial);
        swapped.map_err(|source| refused(&shown, source))?;
        Ok(shown)
    }

    /// A place beside the target as the user would write it.
    fn shown_beside(&self, place: &Path) -> PathBuf {
        match (self.shown.file_name(), place.file_name()) {
            (Some(_), Some(name)) => self.shown.with_file_name(name),
            (_, _) => place.to_path_buf(),
        }
    }

    /// What a run that was killed may have left behind.
    fn recover(&self) -> io::Result<()> {
        let Places { new, old, .. } = &self.places;
        if old.exists() && !self.target.exists() {
            fs::rename(old, &self.target)?;
        }
        remove(old)?;
        remove(new)
    }

    fn swap(&self, target: &Path) -> io::Result<()> {
        let Places { new, old, .. } = &self.places;
        sync(new)?;
        let parent = target.parent().expect("a resolved path has a parent");
        if !target.exists() {
            fs::rename(new, target)?;
        } else if exchange(new, target).is_err() {
            fs::rename(target, old)?;
            // Between the two nothing stands there; see `recover`.
            if let Err(error) = fs::rename(new, target) {
                fs::rename(old, target)?;
                return Err(error);
            }
        }
        sync_one(parent)?;
        // What is left of the earlier results is only clutter from here on.
        let _ = remove(new).and_then(|()| remove(old));
        Ok(())
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        // Nobody can be told; the next run tries again.
        let _ = remove(&self.places.new);
    }
}

impl Places {
    fn beside(target: &Path) -> io::Result<Places> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let name = short(name);
        let place = |before: &str, after: &str| {
            let mut full = OsString::from(before);
            full.push(&name);
            full.push(after);
            target.with_file_name(full)
        };
        Ok(Places {
            new: place(".", ".new"),
            old: place(".", ".old"),
            partial: place("", ".partial"),
            lock: place(".", ".lock"),
        })
    }
}

/// Names may have 255 bytes, and ours are a little longer than the target's.
fn short(name: &OsStr) -> OsString {
    const LONGEST: usize = 200;
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let digest = Sha256::digest(name.as_encoded_bytes());
    let digest: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    let begins: String = name.to_string_lossy().chars().take(LONGEST / 4).collect();
    format!("{begins}-{digest}").into()
}

/// The target without links and dots, in a directory that exists.
fn resolve(target: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(target) {
        Ok(found) if found.is_dir() => Ok(found),
        Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            let parent = match target.parent() {
                Some(parent) if parent != Path::new("") => parent,
                Some(_) | None => Path::new("."),
            };
            fs::create_dir_all(parent)?;
            Ok(fs::canonicalize(parent)?.join(name))
        }
        Err(error) => Err(error),
    }
}

/// Something in a directory that we have not written; a directory without our mark is not ours at
/// all, unless it is empty.
fn foreign(directory: &Path, contents: &Contents) -> io::Result<Option<PathBuf>> {
    if !directory.exists() {
        return Ok(None);
    }
    if directory.join(contents.mark).is_file() {
        return foreign_below(directory, Path::new(""), contents.is_ours);
    }
    let first = fs::read_dir(directory)?.next().transpose()?;
    Ok(first.map(|entry| entry.file_name().into()))
}

fn foreign_below(
    directory: &Path,
    below: &Path,
    is_ours: fn(&Path) -> bool,
) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let found = match entry.file_type()?.is_dir() {
            true => foreign_below(&entry.path(), &path, is_ours)?,
            false => (!is_ours(&path)).then_some(path),
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Two directories in each other's place, at once.
#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?)
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Brings a directory with all that is below it to the disk.
fn sync(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => sync(&entry.path())?,
            false => File::open(entry.path())?.sync_all()?,
        }
    }
    sync_one(directory)
}

/// Only Unix opens directories as files.
fn sync_one(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// A lock of the system on a file: it ends with its holder, however that ends.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// `target` is what the lock stands for, in messages.
    fn take(path: &Path, target: &Path) -> Result<Lock, Error> {
        loop {
            let mut file = File::options()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(path)
                .map_err(|source| refused(target, source))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(in_use(file, target)),
                Err(TryLockError::Error(source)) => return Err(refused(target, source)),
            }
            // The other run may have removed the file after we had opened it.
            if is_at(&file, path) {
                let _ = file.set_len(0);
                let _ = write!(file, "{}", std::process::id());
                let path = path.to_path_buf();
                return Ok(Lock { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still held: see `Lock::take`.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

fn in_use(mut file: File, target: &Path) -> Error {
    let mut process = String::new();
    let known = file.read_to_string(&mut process).is_ok() && !process.is_empty();
    let by = if known {
        format!(" (process {process})")
    } else {
        String::new()
    };
    Error::Usage {
        wrong: format!("another run{by} writes to {}", target.display()),
        help: "wait for it, or name another directory with --out".to_owned(),
    }
}

fn not_ours(directory: &Path, foreign: &Path) -> Error {
    Error::Usage {
        wrong: format!(
            "{} holds {}, which is not a result of this command, and would be replaced",
            directory.display(),
            foreign.display()
        ),
        help: "move it away, or name another directory with --out".to_owned(),
    }
}

fn refused(directory: &Path, source: io::Error) -> Error {
    Error::Rows {
        directory: directory.to_path_buf(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const CONTENTS: Contents = Contents {
        mark: "mark",
        is_ours: |path| {
            ["mark", "rows", "charts/a.svg"]
                .iter()
                .any(|our| path == Path::new(our))
        },
    };

    fn read(path: PathBuf) -> String {
        fs::read_to_string(path).unwrap()
    }

    fn names(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// A place with finished results in `x`.
    fn finished() -> TempDir {
        let place = tempfile::tempdir().unwrap();
        write(&place.path().join("x"), "old");
        fs::create_dir(place.path().join("x/charts")).unwrap();
        fs::write(place.path().join("x/charts/a.svg"), "old").unwrap();
        place
    }

    fn write(directory: &Path, text: &str) {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("mark"), text).unwrap();
        fs::write(directory.join("rows"), text).unwrap();
    }

    #[test]
    fn new_results_replace_all_of_the_old_ones() {
        let place = finished();
        let target = place.path().join("x");
        let results = Results::claim(&target, &CONTENTS).unwrap();
        write(results.directory(), "new");
        assert_eq!(read(target.join("rows")), "old", "until they are published");
        results.publish().unwrap();
        assert_eq!(names(&target), ["mark", "rows"], "no chart of before");
        assert_eq!(read(target.join("rows")), "new");
        assert_eq!(names(place.path()), ["x"], "nothing lies beside them");
    }

    #[test]
    fn a_part_leaves_the_finished_results_alone_and_replaces_an_earlier_part() {
        let place = finished();
        let target = place.path().join("x");
        for text in ["part 1", "part 2"] {
            let results = Results::claim(&target, &CONTENTS).unwrap();
            write(results.directory(), text);
            let part = results.keep_part().unwrap();
            assert_eq!(part.file_name().unwrap(), "x.partial");
            assert_eq!(read(part.join("rows")), text);
        }
        assert_eq!(read(target.join("rows")), "old");
        assert_eq!(names(place.path()), ["x", "x.partial"]);
    }

    #[test]
    fn what_is_given_up_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let results = Results::claim(&place.path().join("x"), &CONTENTS).unwrap();
        write(results.directory(), "new");
        drop(results);
        assert!(names(place.path()).is_empty());
    }

    #[test]
    fn a_directory_that_is_not_ours_is_refused() {
        let place = finished();
        let target = place.path().join("x");
        fs::write(target.join("charts/mine.txt"), "mine").unwrap();
        let told = Results::claim(&target, &CONTENTS).unwrap_err().to_string();
        assert!(told.contains("charts/mine.txt"), "{told}");
        let unmarked = place.path().join("y");
        fs::create_dir(&unmarked).unwrap();
        assert!(Results::claim(&unmarked, &CONTENTS).is_ok(), "it is empty");
        fs::create_dir_all(&unmarked).unwrap();
        fs::write(unmarked.join("rows"), "whose?").unwrap();
        let told = Results::claim(&unmarked, &CONTENTS)
            .unwrap_err()
            .to_string();
        assert!(told.contains("holds rows"), "{told}");
        assert_eq!(read(unmarked.join("rows")), "whose?");
    }

    #[test]
    fn two_runs_do_not_write_to_one_place() {
        let place = finished();
        let target = place.path().join("x");
        let first = Results::claim(&target, &CONTENTS).unwrap();
        // The same place by another name.
        let other = place.path().join("x/../x/");
        let error = Results::claim(&other, &CONTENTS).unwrap_err();
        let own = format!("process {}", std::process::id());
        assert!(error.to_string().contains(&own), "{error}");
        assert_eq!(error.exit_code(), 2);
        assert!(first.directory().is_dir(), "the first goes on");
        drop(first);
        Results::claim(&target, &CONTENTS).unwrap();
    }

    #[test]
    fn a_run_that_was_killed_is_cleaned_up_after() {
        let place = finished();
        let target = place.path().join("x");
        let beside = |name: &str| place.path().join(name);
        fs::write(beside(".x.lock"), "1").unwrap();
        write(&beside(".x.new"), "half");
        // Killed between the two renames of a system that cannot exchange.
        fs::rename(&target, beside(".x.old")).unwrap();
        let results = Results::claim(&target, &CONTENTS).unwrap();
        assert_eq!(read(target.join("rows")), "old", "it is back");
        assert!(names(results.directory()).is_empty());
        drop(results);
        // Killed before the earlier results were removed.
        write(&beside(".x.old"), "older");
        drop(Results::claim(&target, &CONTENTS).unwrap());
        assert_eq!(read(target.join("rows")), "old");
        assert_eq!(names(place.path()), ["x"]);
    }

    #[test]
    fn the_longest_names_have_room_beside_them() {
        let place = tempfile::tempdir().unwrap();
        let name = "n".repeat(255);
        let results = Results::claim(&place.path().join(&name), &CONTENTS).unwrap();
        write(results.directory(), "new");
        results.publish().unwrap();
        assert_eq!(names(place.path()), [name]);
    }
}
