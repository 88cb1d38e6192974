//! Broken files: whatever a scenario or study holds, `check` says what is wrong with it or that it
//! is fine, soon and in little memory. It never panics.
//!
//! Each case takes a built-in file and changes bytes, words, values, lines or whole tables of it,
//! drawn from a seed that is the case's number. `MUTATIONS=20000` tries more of them,
//! `MUTATIONS_FROM=1234 MUTATIONS=1` tries case 1234 again and prints what it checked.

#![allow(clippy::print_stdout, reason = "a test says how much it has tried")]

#[path = "support/usage.rs"]
mod usage;

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use experiments::builtin::{SCENARIOS, STUDIES};
use experiments::cli::check::summary;
use rand::RngExt as _;
use sim::Streams;
use sim::streams::{Purpose, Rng};
use usage::{forget_peak_memory, peak_memory, processor_time};

/// Cases where `MUTATIONS` says nothing.
const CASES: u64 = 500;

/// How long the processor may work on a check.
const LONGEST: Duration = Duration::from_secs(10);

/// How much memory all of it may take, in KiB.
const MEMORY_MAX: u64 = 1 << 20;

#[test]
fn check_survives_whatever_a_file_holds() {
    let number = |name: &str, otherwise: u64| {
        let text = std::env::var(name).ok();
        text.map_or(otherwise, |text| text.parse().expect("a whole number"))
    };
    forget_peak_memory();
    let (from, cases) = (number("MUTATIONS_FROM", 0), number("MUTATIONS", CASES));
    // A panic is reported with its case, below.
    panic::set_hook(Box::new(|_| {}));
    let mut wrong = Vec::new();
    let mut accepted = 0_u64;
    for case in from..from + cases {
        let (name, bytes) = mutated(case);
        if cases == 1 {
            print!("{}", String::from_utf8_lossy(&bytes));
        }
        match checked(&bytes) {
            Ok(fine) => accepted += u64::from(fine),
            Err(what) => wrong.push(format!("case {case}, of {name}: {what}")),
        }
    }
    let _ = panic::take_hook();
    if let Some(memory) = peak_memory().filter(|memory| *memory > MEMORY_MAX) {
        wrong.push(format!("{memory} KiB of memory were in use"));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    println!("{accepted} of {cases} were accepted");
    assert!(
        cases < 100 || accepted < cases,
        "some mutation breaks a file"
    );
}

/// Was the file accepted? Or what a user must never see.
fn checked(bytes: &[u8]) -> Result<bool, String> {
    let place = tempfile::tempdir().expect("there is room");
    let path = place.path().join("mutated.toml");
    fs::write(&path, bytes).expect("the directory is ours");
    let begun = processor_time();
    let path = path.to_str().expect("a plain name");
    let result = panic::catch_unwind(AssertUnwindSafe(|| summary(path)));
    let took = processor_time() - begun;
    if took > LONGEST {
        return Err(format!("it took {took:?}"));
    }
    match result {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(error)) if error.exit_code() == 2 => Ok(false),
        Ok(Err(error)) => Err(format!("exit code {}: {error}", error.exit_code())),
        Err(panicked) => Err(format!("a panic: {}", message(panicked.as_ref()))),
    }
}

fn message(panicked: &(dyn std::any::Any + Send)) -> String {
    let text = panicked.downcast_ref::<String>().cloned();
    let constant = || panicked.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(constant).unwrap_or_default()
}

/// A built-in file with one to three changes.
fn mutated(case: u64) -> (&'static str, Vec<u8>) {
    let mut rng = Streams::for_trial(0xF0, case).stream(Purpose(1), 0);
    let files = SCENARIOS.iter().chain(&STUDIES);
    let files: Vec<(&str, &str)> = files.map(|file| (file.name, file.text)).collect();
    let (name, text) = files[below(&mut rng, files.len())];
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=below(&mut rng, 3) {
        bytes = match below(&mut rng, 8) {
            0 => with_byte(&bytes, &mut rng),
            1 => with_character(&bytes, &mut rng),
            2 => with_word(&bytes, &mut rng),
            3 | 4 => with_value(&bytes, &mut rng),
            5 | 6 => with_lines(&bytes, &mut rng),
            _ => with_tables(&bytes, &mut rng),
        };
    }
    (name, bytes)
}

fn below(rng: &mut Rng, end: usize) -> usize {
    rng.random_range(0..end.max(1))
}

/// One byte added, taken out or changed.
fn with_byte(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = below(rng, bytes.len());
    let byte = rng.random::<u8>();
    match below(rng, 3) {
        0 => bytes.insert(at, byte),
        1 if at < bytes.len() => drop(bytes.remove(at)),
        _ if at < bytes.len() => bytes[at] = byte,
        _ => bytes.push(byte),
    }
    bytes
}

/// A character that has surprised programs before.
fn with_character(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    const CHARACTERS: [&str; 16] = [
        "\u{FEFF}",
        "\u{0}",
        "\u{1B}[2J",
        "\u{9B}",
        "\u{202E}",
        "\u{2066}",
        "\u{200D}",
        "e\u{301}",
        "名",
        "🦀",
        "\r",
        "\t",
        "\"\"\"",
        "'",
        "[[",
        "{",
    ];
    let character = CHARACTERS[below(rng, CHARACTERS.len())];
    let at = if below(rng, 4) == 0 {
        0
    } else {
        below(rng, bytes.len())
    };
    [&bytes[..at], character.as_bytes(), &bytes[at..]].concat()
}

/// The words of a text with the spaces and signs between them.
fn words(text: &str) -> Vec<&str> {
    text.split_inclusive([' ', '"', '=', '.', ',', '\n', '[', ']'])
        .collect()
}

/// A word taken out, doubled, or put in the place of another.
fn with_word(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut words = words(&text);
    let (one, other) = (below(rng, words.len()), below(rng, words.len()));
    if words.is_empty() {
        return text.into_bytes();
    }
    match below(rng, 3) {
        0 => drop(words.remove(one)),
        1 => words.insert(one, words[one]),
        _ => words.swap(one, other),
    }
    words.concat().into_bytes()
}

/// What stands behind an equals sign replaced by something extreme, or by another line's value.
fn with_value(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let with: Vec<usize> = (0..lines.len())
        .filter(|line| lines[*line].contains(" = "))
        .collect();
    if with.is_empty() {
        return text.into_bytes();
    }
    let at = with[below(rng, with.len())];
    let (key, value) = lines[at].split_once(" = ").expect("it has a value");
    let other = &lines[with[below(rng, with.len())]];
    let value = match below(rng, 4) {
        0 => other
            .split_once(" = ")
            .expect("it has a value")
            .1
            .to_owned(),
        1 => format!("{}\n", within(value, extreme(rng), rng)),
        _ => format!("{}\n", extreme(rng)),
    };
    lines[at] = format!("{key} = {value}");
    lines.concat().into_bytes()
}

/// A value in which one piece, such as one of several in an inline table, is replaced.
fn within(value: &str, piece: &str, rng: &mut Rng) -> String {
    let pieces: Vec<&str> = value.trim_end().split(' ').collect();
    let at = below(rng, pieces.len());
    let replaced = pieces.iter().enumerate().map(|(place, old)| match place {
        _ if place == at => piece,
        _ => old,
    });
    replaced.collect::<Vec<_>>().join(" ")
}

fn extreme(rng: &mut Rng) -> &'static str {
    const VALUES: [&str; 60] = [
        "0",
        "-1",
        "1",
        "129",
        "1000",
        "65535",
        "65536",
        "1000000",
        "4294967296",
        "16777216",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "0.0",
        "3.0",
        "0.1",
        "1e308",
        "1e-308",
        "nan",
        "-nan",
        "inf",
        "-inf",
        "true",
        "\"\"",
        "\"x\"",
        "[]",
        "{}",
        "[[]]",
        "{ kind = \"constant\", value = \"0s\" }",
        "{ kind = \"none\" }",
        "{ kind = \"constant\", value = \"3650d\" }",
        "2020-06-02",
        "\"0s\"",
        "\"1ns\"",
        "\"1us\"",
        "\"366d\"",
        "\"3650d\"",
        "\"213503d\"",
        "\"999999999999d\"",
        "\"-5s\"",
        "\"0B\"",
        "\"1B\"",
        "\"1024TiB\"",
        "\"16777215TiB\"",
        "\"99999999999999TiB\"",
        "\"0/s\"",
        "\"0.000000000000000000001/s\"",
        "\"1000000000/s\"",
        "\"1000000000000000000000/s\"",
        "\"1TiB/s\"",
        "\"1B/d\"",
        "\"0%\"",
        "\"100%\"",
        "\"100.1%\"",
        "\"0x\"",
        "\"0.0000000001x\"",
        "\"1000000x\"",
        "\"99999999999999999999999999x\"",
        "\"0 USD\"",
        "\"1000000001 USD\"",
    ];
    VALUES[below(rng, VALUES.len())]
}

/// A line taken out, doubled, or swapped with another.
fn with_lines(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if lines.is_empty() {
        return text.into_bytes();
    }
    let (one, other) = (below(rng, lines.len()), below(rng, lines.len()));
    match below(rng, 4) {
        0 => lines.swap(one, other),
        1 => lines.insert(other, lines[one]),
        2 => {
            // Many times: what is listed without an end.
            let many = vec![lines[one]; 2_000];
            lines.splice(one..one, many);
        }
        _ => drop(lines.remove(one)),
    }
    lines.concat().into_bytes()
}

/// A whole table taken out, doubled, or swapped with another.
fn with_tables(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut tables: Vec<String> = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') {
            tables.push(String::new());
        }
        tables.last_mut().expect("there is one").push_str(line);
    }
    let (one, other) = (below(rng, tables.len()), below(rng, tables.len()));
    match below(rng, 4) {
        0 => tables.swap(one, other),
        1 => tables.insert(other, tables[one].clone()),
        2 => {
            let many = vec![tables[one].clone(); 300];
            tables.splice(one..one, many);
        }
        _ => drop(tables.remove(one)),
    }
    tables.concat().into_bytes()
}
