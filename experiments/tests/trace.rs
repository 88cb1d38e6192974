//! `outage trace` of a study that has been run: which trial it takes, and which lines it shows.

use std::fs;
use std::path::Path;

use crate::support::{directory, outage, stderr, stdout};

fn told(place: &Path, arguments: &[&str]) -> String {
    let output = outage(place, &[&["trace", "study.toml"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}

fn refused(place: &Path, arguments: &[&str]) -> String {
    let output = outage(place, &[&["trace"], arguments].concat());
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    stderr(&output)
}

/// What each trial of the baseline lost, and what the rest of it was, by trial.
fn lost(place: &Path) -> Vec<(u64, u64)> {
    let text = fs::read_to_string(place.join("out/outcomes.csv")).expect("it is written");
    let mut rows = text.lines();
    let header: Vec<&str> = rows.next().expect("a header").split(',').collect();
    let column = |name: &str| header.iter().position(|of| *of == name).expect(name);
    let (trial, lost) = (column("trial"), column("lost"));
    let baseline = rows.take_while(|row| row.contains("ping") && row.contains("shared"));
    let numbers = |row: &str| {
        let fields: Vec<&str> = row.split(',').collect();
        let number = |place: usize| fields[place].parse().expect("a number");
        (number(trial), number(lost))
    };
    baseline.map(numbers).collect()
}

#[test]
fn the_worst_and_the_median_trial_are_those_of_the_saved_rows() {
    let place = directory();
    let place = place.path();
    let arguments = ["compare", "study.toml", "--trials", "5", "--out", "out"];
    assert_eq!(outage(place, &arguments).status.code(), Some(0));
    let mut rows = lost(place);
    assert_eq!(rows.len(), 5, "{rows:?}");
    rows.sort_by_key(|(_, lost)| *lost);
    for (which, place_of) in [("--worst", 4), ("--median", 2)] {
        let (trial, lost) = rows[place_of];
        let text = told(place, &[which, "--results", "out"]);
        let head: Vec<&str> = text.lines().take(2).collect();
        assert!(
            head[0].contains(&format!("trial {trial}, seed 7")),
            "{head:?}"
        );
        // What came of it stands first.
        let words = models::findings::grouped(u128::from(lost));
        assert!(head[1].contains(&format!("{words} lost")), "{head:?}");
        let again = told(place, &["--trial", &trial.to_string()]);
        assert_eq!(text, again, "a replay of the same trial");
    }
    let longest = told(place, &["--worst", "--of", "recover_s", "--results", "out"]);
    assert!(longest.contains("seed 7"), "{longest}");
    let of_design = ["--worst", "--results", "out", "--point", "larger nodes"];
    assert!(told(place, &of_design).contains("design larger nodes"));
}

#[test]
fn lines_are_picked_by_text_and_time() {
    let place = directory();
    let all = told(place.path(), &["--trial", "1"]);
    let some = told(place.path(), &["--trial", "1", "--only", "on call"]);
    let lines = |text: &str| text.lines().skip(4).map(str::to_owned).collect::<Vec<_>>();
    let picked: Vec<String> = lines(&all)
        .into_iter()
        .filter(|l| l.contains("on call"))
        .collect();
    let (count, of) = (picked.len(), lines(&all).len());
    assert!(count > 0 && count < of, "{count} of {of}");
    assert_eq!(lines(&some)[..count], picked[..]);
    assert_eq!(lines(&some)[count], format!("({count} of {of} lines)"));
    // From the hour and minute of a line in the middle on, for an hour.
    let minute = |line: &str| {
        let number = |from: usize| line[from..from + 2].parse::<u32>().expect("a clock");
        60 * number(0) + number(3)
    };
    let first = minute(&lines(&all)[of / 2]);
    let (from, to) = (format!("{first}min"), format!("{}min", first + 60));
    let within = told(
        place.path(),
        &["--trial", "1", "--from", &from, "--to", &to],
    );
    let expected = |line: &&String| (first..first + 60).contains(&minute(line));
    let expected = lines(&all).iter().filter(expected).count();
    assert!(expected < of, "{of} lines");
    let clocks = lines(&within)
        .into_iter()
        .filter(|line| !line.starts_with('('));
    assert_eq!(clocks.count(), expected, "{within}");
}

#[test]
fn what_cannot_be_found_is_said() {
    let place = directory();
    let place = place.path();
    let none = refused(place, &["study.toml"]);
    assert!(
        none.contains("--trial") && none.contains("--worst"),
        "{none}"
    );
    let both = refused(place, &["study.toml", "--worst", "--median"]);
    assert!(both.contains("cannot be used with"), "{both}");
    let no_rows = refused(place, &["study.toml", "--worst"]);
    assert!(no_rows.contains("outage compare"), "{no_rows}");
    let scenario = refused(place, &["small.toml", "--worst"]);
    assert!(scenario.contains("give --trial N"), "{scenario}");
    let measure = refused(place, &["study.toml", "--worst", "--of", "losst"]);
    assert!(measure.contains("lost"), "{measure}");
    let seed = refused(place, &["study.toml", "--worst", "--seed", "3"]);
    assert!(seed.contains("--seed is that of the saved rows"), "{seed}");
}
