//! Runs that are interrupted, killed, or in each other's way, on the real binary.
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

use crate::support::{CROWD, command, directory, outage, stderr};
use rustix::process::{Pid, Signal, kill_process};

/// Starts a study in `out`.
fn start(place: &Path, arguments: &[&str]) -> Child {
    let all = [&["compare", "study.toml", "--out", "out"], arguments].concat();
    let mut command = command(place, &all);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it runs");
}

/// The first line of the log: the first block of trials is done.
fn first_line(child: &mut Child) -> BufReader<impl std::io::Read + use<>> {
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.contains(" trials/s"), "{line}");
    told
}

/// Every file below a directory.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let below = contents(&entry.path()).into_iter();
            files.extend(below.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    files
}

#[test]
fn an_interruption_keeps_whole_trials_beside_the_finished_results() {
    let place = directory();
    let finished = outage(place.path(), &["compare", "study.toml", "--out", "out"]);
    assert_eq!(finished.status.code(), Some(0), "{}", stderr(&finished));
    let before = contents(&place.path().join("out"));
    for (number, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = start(place.path(), &["--trials", "1000000"]);
        let mut told = first_line(&mut child);
        signal(&child, number);
        let mut rest = String::new();
        told.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{rest}");
        assert!(
            rest.contains(" of 1000000 trials") && rest.contains("in out.partial"),
            "{rest}"
        );
        assert!(
            rest.contains("--trials 1000000"),
            "how to get the rest: {rest}"
        );
        assert!(rest.contains("out is as it was"), "{rest}");
        let part = contents(&place.path().join("out.partial"));
        let manifest: serde_json::Value = serde_json::from_slice(&part["manifest.json"]).unwrap();
        assert_eq!(manifest["interrupted"], true);
        let kept = manifest["trials"].as_u64().unwrap() as usize;
        let rows = String::from_utf8_lossy(&part["outcomes.csv"]);
        assert_eq!(rows.lines().count(), 1 + 7 * kept, "whole trials");
        assert!(part.contains_key("report.html"));
    }
    assert!(contents(&place.path().join("out")) == before, "not a byte");
}

#[test]
fn a_second_run_in_one_directory_is_refused_while_the_first_goes_on() {
    let place = directory();
    let mut first = start(place.path(), &["--trials", "1000000"]);
    let mut told = first_line(&mut first);
    let second = outage(place.path(), &["compare", "study.toml", "--out", "out"]);
    assert_eq!(second.status.code(), Some(2));
    let refusal = stderr(&second);
    assert!(
        refusal.contains("another run (process ") && refusal.contains("--out"),
        "{refusal}"
    );
    // A killed run leaves no lock behind that would hold.
    first.kill().unwrap();
    told.read_to_string(&mut String::new()).unwrap();
    first.wait().unwrap();
    let third = outage(place.path(), &["compare", "study.toml", "--out", "out"]);
    assert_eq!(third.status.code(), Some(0), "{}", stderr(&third));
    let names = fs::read_dir(place.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(
        names,
        ["out", "small.toml", "study.toml"],
        "nothing is left over"
    );
}

/// How often a run is killed; `OUTAGE_TEST_KILLS` says otherwise.
const KILLS: usize = 6;

/// What a run has written when it is killed.
const STAGES: [&str; 6] = [
    "",
    "outcomes.csv",
    "manifest.json",
    "summary.csv",
    "charts/lost.svg",
    "report.html",
];

#[test]
fn whenever_a_run_is_killed_its_directory_holds_one_run_and_no_mix() {
    let place = directory();
    let out = place.path().join("out");
    let runs: Vec<BTreeMap<String, Vec<u8>>> = ["1", "2"]
        .map(|seed| {
            let mut child = start(place.path(), &["--trials", "2", "--seed", seed]);
            assert!(child.wait().unwrap().success());
            contents(&out)
        })
        .into();
    let kills = std::env::var("OUTAGE_TEST_KILLS").ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().expect("a number"));
    let mut killed = 0;
    for number in 0..25 * kills {
        if killed == kills {
            break;
        }
        let seed = if number % 2 == 0 { "1" } else { "2" };
        let mut child = start(place.path(), &["--trials", "2", "--seed", seed]);
        let stage = place
            .path()
            .join(".out.new")
            .join(STAGES[number % STAGES.len()]);
        while !stage.exists() && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        // A little later, and never the same.
        (0..number * 7919 % 997).for_each(|_| thread::yield_now());
        let _ = child.kill();
        killed += usize::from(!child.wait().unwrap().success());
        let found = contents(&out);
        assert!(runs.contains(&found), "a mix: {:?}", found.keys());
    }
    assert_eq!(
        killed, kills,
        "the others had ended before they were killed"
    );
}

#[test]
fn a_second_signal_ends_a_run_at_once() {
    let place = directory();
    let ended_at_once = || {
        let mut child = start(place.path(), &["--trials", "1000000"]);
        let _told = first_line(&mut child);
        signal(&child, Signal::INT);
        signal(&child, Signal::TERM);
        // Which of two signals at once is the second is up to the system.
        let code = child.wait().unwrap().code();
        assert!(code == Some(130) || code == Some(143), "{code:?}");
        let partial = place.path().join("out.partial");
        let kept = partial.exists();
        if kept {
            fs::remove_dir_all(partial).unwrap();
        }
        !kept
    };
    // On a busy machine the second signal may come when what there is has already been kept.
    assert!((0..8).any(|_| ended_at_once()), "it always kept something");
}

#[test]
fn an_interruption_ends_a_trial_that_would_take_hours() {
    let place = directory();
    let study = place.path().join("study.toml");
    let text = fs::read_to_string(&study).unwrap();
    fs::write(&study, text.replace("[[objective]]", CROWD)).unwrap();
    for (number, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        // Without an interruption every trial of the crowd would end after ten minutes.
        let mut child = start(place.path(), &["--trial-time", "10min"]);
        while !place.path().join(".out.new").exists() {
            assert!(child.try_wait().unwrap().is_none(), "it goes on");
            thread::yield_now();
        }
        signal(&child, number);
        #[allow(
            clippy::disallowed_methods,
            reason = "how long it takes is what is tested"
        )]
        let signalled = std::time::Instant::now();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let took = signalled.elapsed();
        assert!(took.as_secs() < 60, "it ended after {took:?}");
    }
}
