//! The only I/O of this crate: bytes into files. Every file appears whole or not at all: it is
//! written beside its place under another name, then renamed.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::error::Error;

/// Writes every file below `dir`, whose missing directories are created. A path is relative and
/// may name subdirectories. Stops at the first file that cannot be written; those before it stay.
pub fn write_all(dir: &Path, files: &[(&str, &[u8])]) -> Result<(), Error> {
    make_dir(dir)?;
    for (path, bytes) in files {
        assert!(
            Path::new(path).is_relative() && !path.split('/').any(|part| part == ".."),
            "{path} would leave the output directory"
        );
        write_one(&dir.join(path), bytes)?;
    }
    Ok(())
}

fn write_one(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let parent = path
        .parent()
        .expect("a path below a directory has a parent");
    make_dir(parent)?;
    let mut name = path.file_name().expect("a file has a name").to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = parent.join(name);
    let written = write_part(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|source| {
        // The part may not exist; the first error is the one worth telling.
        let _ = fs::remove_file(&part);
        Error::Write {
            path: path.to_path_buf(),
            source,
        }
    })
}

fn write_part(part: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::File::create(part)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn make_dir(dir: &Path) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(|source| Error::Write {
        path: dir.to_path_buf(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_whole_in_directories_made_for_them() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("a/b");
        write_all(&dir, &[("report.html", b"old")]).unwrap();
        write_all(
            &dir,
            &[("report.html", b"new"), ("charts/one.svg", b"<svg/>")],
        )
        .unwrap();
        assert_eq!(fs::read(dir.join("report.html")).unwrap(), b"new");
        assert_eq!(fs::read(dir.join("charts/one.svg")).unwrap(), b"<svg/>");
        assert_eq!(
            fs::read_dir(&dir).unwrap().count(),
            2,
            "no part is left behind"
        );
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("taken"), b"a file").unwrap();
        let problem = write_all(&place.path().join("taken"), &[("x", b"")]).unwrap_err();
        assert!(problem.to_string().contains("taken"), "{problem}");
    }

    #[test]
    #[should_panic(expected = "would leave the output directory")]
    fn a_path_may_not_climb_out() {
        let place = tempfile::tempdir().unwrap();
        let _ = write_all(place.path(), &[("../x", b"")]);
    }
}
