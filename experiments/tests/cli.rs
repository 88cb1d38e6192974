//! The real binary: what it prints, where it writes, how it ends.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::support::{command, directory, outage, stderr, stdout};

/// Runs the small study and returns the bytes of every file, by name.
fn files(place: &Path, extra: &[&str]) -> Vec<(String, Vec<u8>)> {
    let output = outage(
        place,
        &[&["compare", "study.toml", "--out", "out"], extra].concat(),
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut files = Vec::new();
    for directory in ["out", "out/charts"] {
        for entry in fs::read_dir(place.join(directory))
            .unwrap()
            .map(Result::unwrap)
        {
            if entry.file_type().unwrap().is_file() {
                let name = format!("{directory}/{}", entry.file_name().to_string_lossy());
                files.push((name, fs::read(entry.path()).unwrap()));
            }
        }
    }
    files.sort();
    files
}

fn named<'a>(files: &'a [(String, Vec<u8>)], name: &str) -> &'a str {
    let found = files
        .iter()
        .find(|(found, _)| found == name)
        .expect("the file was written");
    std::str::from_utf8(&found.1).expect("it is text")
}

#[test]
fn a_study_ends_with_rows_charts_a_report_a_table_and_a_verdict() {
    let place = directory();
    let output = outage(place.path(), &["compare", "study.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let designs = [
        "ping / shared",
        "ping / per-workload",
        "write-canary / shared",
        "larger nodes",
    ];
    let places = designs.map(|design| text.find(&format!("\n{design} ")).expect(design));
    assert!(places.is_sorted(), "the baseline comes first: {text}");
    assert!(text.contains("\n- "), "sentences: {text}");
    assert!(stderr(&output).contains("results/study/report.html"));
    let written = place.path().join("results/study");
    for name in [
        "outcomes.csv",
        "components.csv",
        "summary.csv",
        "summary.json",
        "manifest.json",
        "report.html",
        "charts/lost.svg",
        "charts/components.svg",
        "charts/timeline.svg",
        "charts/blast-radius.svg",
        "blast_radius.csv",
        "charts/heat-check-layout.svg",
    ] {
        assert!(
            fs::metadata(written.join(name)).is_ok_and(|file| file.len() > 0),
            "{name}"
        );
    }
}

#[test]
fn a_chart_of_many_designs_shows_those_that_lead_in_the_same_colours() {
    let place = directory();
    let arguments = ["compare", "incident-2020", "--trials", "2", "--out", "out"];
    let output = outage(place.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let chart = |name: &str| {
        let path = place.path().join("out/charts").join(name);
        fs::read_to_string(path).unwrap()
    };
    let lost = chart("lost.svg");
    assert!(lost.contains(", 7 rows. "), "few enough for a glance");
    assert!(lost.contains("The table has all designs"));
    assert_eq!(
        stdout(&output).matches("\nsynthetic / ").count(),
        8,
        "the table has all"
    );
    // The swatch of a curve stands before its name, the dot of a design behind it.
    let curves = chart("exceedance.svg");
    let colour = |text: &str, from: usize| {
        let rest = &text[from..];
        let at = rest.find("fill=\"#").expect("it is filled");
        rest[at..at + 14].to_owned()
    };
    let name = ">+ per-workload<";
    let swatch = curves[..curves.find(name).unwrap()].rfind("<rect").unwrap();
    let row = lost.find(name).unwrap();
    let dot = row + lost[row..].find("<circle").unwrap();
    assert_eq!(colour(&curves, swatch), colour(&lost, dot));
}

#[test]
fn rows_are_as_pinned_and_classes_add_up() {
    let place = directory();
    let files = files(place.path(), &[]);
    let mut reader = csv::Reader::from_reader(named(&files, "out/outcomes.csv").as_bytes());
    let header = reader.headers().unwrap().clone();
    assert_eq!(
        &header.iter().take(5).collect::<Vec<_>>().join(","),
        "point,trial,check,layout,visits"
    );
    let column = |name: &str| header.iter().position(|found| found == name).expect(name);
    let mut rows = 0;
    for record in reader.records().map(Result::unwrap) {
        let count = |name: &str| record[column(name)].parse::<u64>().expect("a count");
        let classes = [
            "captured_first_try",
            "captured_after_retry",
            "captured_on_return",
            "spooled",
            "abandoned",
            "still_pending",
        ];
        assert_eq!(
            count("visits"),
            classes.iter().map(|class| count(class)).sum::<u64>()
        );
        assert_eq!(count("lost"), count("abandoned") + count("still_pending"));
        let causes = header
            .iter()
            .filter(|name| name.starts_with("failed_") && *name != "failed_attempts");
        assert_eq!(count("failed_attempts"), causes.map(count).sum::<u64>());
        assert_eq!(
            record[1].parse::<u64>().unwrap(),
            rows % 4 + 1,
            "point by point"
        );
        rows += 1;
    }
    assert_eq!(rows, 7 * 4);
}

#[test]
fn the_bytes_depend_on_the_seed_and_on_nothing_else() {
    let place = directory();
    let one = files(place.path(), &["--threads", "1"]);
    assert_eq!(one, files(place.path(), &["--threads", "2"]));
    assert_eq!(one, files(place.path(), &[]), "a second run");
    let other = files(place.path(), &["--seed", "8"]);
    assert_ne!(
        named(&one, "out/outcomes.csv"),
        named(&other, "out/outcomes.csv")
    );
}

#[test]
fn opening_everything_changes_no_byte() {
    let place = directory();
    // Long enough for the outage, short enough to be opened request by request.
    let small = fs::read_to_string(place.path().join("small.toml")).unwrap();
    let short = small.replace("horizon = \"4h\"", "horizon = \"90min\"");
    assert_ne!(small, short);
    fs::write(place.path().join("small.toml"), short).unwrap();
    let lazy = files(place.path(), &["--trials", "2"]);
    assert_eq!(lazy, files(place.path(), &["--trials", "2", "--eager"]));
}

#[test]
fn a_directory_with_other_files_is_refused_before_anything_is_run() {
    let place = directory();
    fs::create_dir(place.path().join("out")).unwrap();
    fs::write(place.path().join("out/notes.txt"), "mine").unwrap();
    let arguments = ["compare", "study.toml", "--trials", "2", "--out", "out"];
    let output = outage(place.path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(told.contains("out holds notes.txt"), "{told}");
    let kept = fs::read_to_string(place.path().join("out/notes.txt")).unwrap();
    assert_eq!(kept, "mine");
    assert_eq!(fs::read_dir(place.path().join("out")).unwrap().count(), 1);
}

#[test]
fn nothing_of_an_earlier_study_is_left_beside_a_new_one() {
    let place = directory();
    let chart = place.path().join("out/charts/heat-check-layout.svg");
    files(place.path(), &["--trials", "2"]);
    assert!(chart.is_file());
    let study = fs::read_to_string(place.path().join("study.toml")).unwrap();
    let text = study.replace("\"layout\"", "\"place\"");
    let text = text.replace("layout = \"shared\"", "place = \"shared\"");
    assert_ne!(study, text);
    fs::write(place.path().join("study.toml"), text).unwrap();
    files(place.path(), &["--trials", "2"]);
    assert!(!chart.exists(), "it is of another factor");
    assert!(
        place
            .path()
            .join("out/charts/heat-check-place.svg")
            .is_file()
    );
}

#[test]
fn json_is_one_document_on_stdout() {
    let place = directory();
    let output = outage(
        place.path(),
        &["compare", "study.toml", "--json", "--trials", "3"],
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(json["manifest"]["trials"], 3);
    assert_eq!(json["summary"]["designs"][0]["label"], "ping / shared");
    assert!(json["verdict"][0].is_string());
}

#[test]
fn a_study_comes_from_standard_input_too() {
    let place = directory();
    let study = fs::File::open(place.path().join("study.toml")).unwrap();
    let output = command(place.path(), &["check", "-"])
        .stdin(study)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("fine: 7 design points"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn check_and_list_say_what_there_is() {
    let place = directory();
    let small = outage(place.path(), &["check", "small.toml"]);
    assert!(
        stdout(&small).starts_with("fine: scenario `small`"),
        "{}",
        stdout(&small)
    );
    let listed = stdout(&outage(place.path(), &["list"]));
    assert_eq!(listed.matches("incident-2020").count(), 2, "{listed}");
}

/// What a check says of the small scenario with these changes, and this added.
fn noted(place: &Path, changes: &[(&str, &str)], added: &str) -> String {
    let mut text = fs::read_to_string(place.join("small.toml")).unwrap();
    for (old, new) in changes {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    fs::write(place.join("mine.toml"), text + added).unwrap();
    let checked = outage(place, &["check", "mine.toml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    stdout(&checked)
}

/// Exactly one note is among what a check says.
fn is_only_note((checked, note): (String, &str)) {
    assert!(checked.contains(note), "{note}: {checked}");
    assert_eq!(checked.matches("note: ").count(), 1, "{checked}");
}

#[test]
fn a_check_notes_what_a_node_cannot_hold_or_keep() {
    let place = directory();
    let noted = |changes: &[(&str, &str)], added: &str| noted(place.path(), changes, added);
    let limited = |share: &str| format!("swap = true\nmaxmemory = \"{share}\"");
    let crash = "[[fault]]\nkind = \"crash\"\nworkload = \"log\"
        at = { kind = \"constant\", value = \"1h\" }\n";
    let kept = "kind = \"append-only\", rewrite_growth = \"1000000x\"";
    let nothing = (kept, "kind = \"nothing\"");
    let snapshots = "kind = \"save-points\", points = [{ after = \"1h\", changes = 1 }]";
    let cases = [
        (
            noted(&[("swap = true", &limited("30%"))], ""),
            "with noeviction it refuses writes",
        ),
        (
            noted(&[("swap = true", &limited("100%"))], ""),
            "it swaps before Redis refuses writes or evicts",
        ),
        (
            noted(
                &[("swap = true", &limited("60%"))],
                "[[people.runbook]]\naction = { kind = \"raise-maxmemory\", to = \"1.6x\" }
                takes = { kind = \"constant\", value = \"1min\" }\n",
            ),
            "raise-maxmemory takes maxmemory to ",
        ),
        (
            noted(&[("swap = true", "swap = false"), nothing], ""),
            "back after 5s (redis.restart_delay), empty, about as soon",
        ),
        (
            noted(&[nothing], crash),
            "back after 5s (redis.restart_delay), empty, about as soon",
        ),
        (
            noted(&[(kept, snapshots)], crash),
            "(redis.restart_delay), without what was written after its last save, about as soon",
        ),
    ];
    cases.into_iter().for_each(is_only_note);
}

#[test]
fn a_check_notes_what_may_not_be_meant() {
    let place = directory();
    let noted = |changes: &[(&str, &str)], added: &str| noted(place.path(), changes, added);
    assert!(!noted(&[], "").contains("note: "));
    let hang = |at: &str, lasts: &str| {
        let at = format!("at = {{ kind = \"constant\", value = \"{at}\" }}");
        format!("[[fault]]\nkind = \"hang\"\nworkload = \"log\"\n{at}\nlasts = \"{lasts}\"\n")
    };
    let cut = |at: &str| {
        let rest = "lasts = \"1min\"\nhosts = [0]\nclients = \"others\"";
        format!("[[fault]]\nkind = \"partition\"\nworkload = \"log\"\nat = {at}\n{rest}\n")
    };
    let any = "{ kind = \"uniform\", min = \"1h\", max = \"2h\" }";
    let cases = [
        (
            noted(&[], &hang("9h", "1min")),
            "fault[1] (hang) begins at 9h",
        ),
        (noted(&[], &hang("1h", "9h")), "fault[1] (hang) ends at 10h"),
        (
            noted(&[], &[cut(any), cut(any)].concat()),
            "fault[1] and fault[2] may partition",
        ),
        (
            noted(&[("hosts = 9", "hosts = 3")], ""),
            "host 0 carries 3 of 3 primaries",
        ),
        (
            noted(&[("command_time = \"10us\"", "command_time = \"1ms\"")], ""),
            "gets 2400 commands a second",
        ),
    ];
    cases.into_iter().for_each(is_only_note);
    // The last one stays in the file that the study extends: it is said once, with a design.
    fs::rename(
        place.path().join("mine.toml"),
        place.path().join("small.toml"),
    )
    .unwrap();
    let checked = stdout(&outage(place.path(), &["check", "study.toml"]));
    assert!(
        checked.contains("note: under ping / shared, the fullest shard"),
        "{checked}"
    );
    assert_eq!(
        checked.matches("cluster shared gets").count(),
        1,
        "{checked}"
    );
}

#[test]
fn a_trace_tells_the_same_trial_every_time() {
    let place = directory();
    let tell = |arguments: &[&str]| {
        let output = outage(
            place.path(),
            &[&["trace", "study.toml"], arguments].concat(),
        );
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let told = tell(&["--trial", "1"]);
    assert_eq!(
        told,
        tell(&["--trial", "1", "--seed", "7", "--point", "ping / shared"])
    );
    assert_ne!(told, tell(&["--trial", "2"]));
    assert!(told.lines().count() > 10, "{told}");
}

#[test]
fn what_is_not_known_is_answered_with_the_nearest_and_exit_code_2() {
    let place = directory();
    let cases: [(&[&str], &str); 5] = [
        (
            &["compare", "incident-2021"],
            "did you mean `incident-2020`?",
        ),
        (&["compare", "small.toml"], "a comparison needs a study"),
        (
            &[
                "trace",
                "study.toml",
                "--trial",
                "1",
                "--point",
                "ping / shred",
            ],
            "`ping / shared`",
        ),
        (&["compare", "study.toml", "--trials", "0"], "--trials"),
        (&["compar"], "compare"),
    ];
    for (arguments, help) in cases {
        let output = outage(place.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(help), "{}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn one_trial_is_refused_before_anything_is_written() {
    let place = directory();
    let output = outage(place.path(), &["compare", "study.toml", "--trials", "1"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("--trials"), "{}", stderr(&output));
    assert!(!place.path().join("results").exists());
}

#[test]
fn a_folder_that_cannot_take_results_is_named_with_a_remedy() {
    let place = directory();
    for out in ["study.toml", "study.toml/below"] {
        let output = outage(place.path(), &["compare", "study.toml", "--out", out]);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        let path = format!("error: cannot write results to {out}: ");
        assert!(told.starts_with(&path) && told.contains("--out"), "{told}");
    }
}

#[test]
fn a_scenario_is_not_answered_with_a_file_among_the_scenarios() {
    let place = directory();
    fs::create_dir(place.path().join("scenarios")).unwrap();
    let from = place.path().join("small.toml");
    fs::copy(from, place.path().join("scenarios/mine.toml")).unwrap();
    let told = stderr(&outage(place.path(), &["compare", "scenarios/mine.toml"]));
    assert!(told.contains("write a study.toml here"), "{told}");
    assert!(
        told.contains("scenario = \"scenarios/mine.toml\""),
        "{told}"
    );
}

#[test]
fn a_name_that_two_lists_hold_is_told_once() {
    let place = directory();
    let told = stderr(&outage(place.path(), &["check", "nope"]));
    assert_eq!(told.matches("`incident-2020`").count(), 1, "{told}");
    let arguments = ["trace", "incident-2020", "--trial", "1", "--point"];
    let told = stderr(&outage(place.path(), &[&arguments[..], &["nope"]].concat()));
    assert!(told.matches('/').count() < 40, "not all 42: {told}");
    let told = stderr(&outage(place.path(), &[&arguments[..], &["role"]].concat()));
    assert!(
        told.contains("did you mean `role / shared / none`?"),
        "{told}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let place = directory();
    let mut child = command(place.path(), &["trace", "study.toml", "--trial", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), stderr(&output).as_str()),
        (Some(0), "")
    );
}
