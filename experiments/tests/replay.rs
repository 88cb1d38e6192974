//! Replays: which moments are chosen, what holds, and the command.

use std::path::Path;
use std::process::Output;

use crate::support::{golden, outage, stderr, stdout};
use experiments::builtin::SCENARIOS;
use experiments::document::Sources;
use experiments::forms::replay::Selector;
use experiments::replay::judge::{Line, blind, scripted};
use experiments::replay::{Kind, Replay, built_in, trials};
use models::moment::{Moment, MomentKind};
use sim::{SimDuration, SimTime};

const TEMPLATE: &str = include_str!("../scenarios/template/replay.toml");

/// The template with some of its text replaced, as a file in a directory of its own.
fn written(changes: &[(&str, &str)]) -> (tempfile::TempDir, String) {
    let place = tempfile::tempdir().expect("there is room for a directory");
    let mut text = TEMPLATE.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "the template says {from}");
        text = text.replace(from, to);
    }
    std::fs::write(place.path().join("outage.toml"), text).expect("the directory is ours");
    let file = place.path().join("outage.toml").display().to_string();
    (place, file)
}

/// The scorecard of the changed template, scripted, then blind.
fn judged(changes: &[(&str, &str)]) -> Vec<Line> {
    let (_place, file) = written(changes);
    let replay = Replay::load(&mut Sources::default(), &file).expect("it reads");
    let told = |kind| {
        let world = replay.world(kind, None).expect("it is sound");
        trials(&replay.name, (&replay.spec, &world), 1, 11, &()).expect("they end")
    };
    let mut lines = scripted(&replay, 1, &told(Kind::Scripted), &()).expect("it can be judged");
    lines.push(blind(&replay, &told(Kind::Blind)));
    lines
}

fn ran(changes: &[(&str, &str)], arguments: &[&str]) -> Output {
    let (place, _) = written(changes);
    let all = [&["replay", "outage.toml", "--trials", "5"], arguments].concat();
    outage(place.path(), &all)
}

#[test]
fn a_selector_chooses_by_event_subject_place_and_onset() {
    let at = |s: u64| SimTime::ZERO + SimDuration::from_secs(s);
    let moment = |s, kind, subject: &str| Moment {
        at: at(s),
        kind,
        subject: subject.to_owned(),
    };
    let moments = [
        moment(5, MomentKind::ServiceUp, "api"),
        moment(10, MomentKind::ServiceDown, "api"),
        moment(20, MomentKind::ServiceDown, "web"),
        moment(30, MomentKind::ServiceUp, "api"),
        moment(40, MomentKind::ServiceUp, "api of cell 2"),
        moment(50, MomentKind::ServiceUp, "web"),
    ];
    let find = |text: &str| {
        let selector: Selector = toml::from_str(text).expect("a selector");
        selector.find(&moments, Some(at(10)))
    };
    assert_eq!(find("event = 'service-up'"), Some(at(5)));
    assert_eq!(find("event = 'service-up'\nlast = true"), Some(at(50)));
    assert_eq!(find("event = 'service-up'\nnth = 3"), Some(at(40)));
    assert_eq!(find("event = 'service-up'\nnth = 5"), None);
    let after = "event = 'service-up'\nafter_onset = true";
    assert_eq!(find(after), Some(at(30)));
    assert_eq!(find(&format!("{after}\nsubject = 'web'")), Some(at(50)));
    assert_eq!(
        find(&format!("{after}\nsubject = 'api'\nlast = true")),
        Some(at(40))
    );
    assert_eq!(find("event = 'promoted'"), None);
    assert_eq!(find("minute = '1min'"), Some(at(70)));
}

#[test]
fn an_interval_holds_within_a_tenth_or_two_minutes_and_a_blind_total_between_percentiles() {
    let card = judged(&[]);
    let names: Vec<&str> = card.iter().map(|line| line.mode).collect();
    assert_eq!(names, ["scripted", "scripted", "blind"]);
    assert!(card.iter().all(|line| line.pass), "{card:?}");
    // A tenth of 45 min; 2 min where a tenth of a quarter of an hour is less.
    assert_eq!((card[0].low, card[0].high), (Some(2430.0), Some(2970.0)));
    assert_eq!((card[1].low, card[1].high), (Some(780.0), Some(1020.0)));
    let simulated = card[0].simulated.expect("it ends");
    let report = |minutes: f64| {
        let text = format!("total = {{ reported = \"{minutes}min\"");
        judged(&[("total = { reported = \"45min\"", &text)])
    };
    // Just inside, and just outside: 10 % of what is reported.
    let inside = report((simulated / 0.905 / 60.0).round());
    let outside = report((simulated / 0.86 / 60.0).round());
    assert!(inside[0].pass && !outside[0].pass, "{inside:?} {outside:?}");
    let never = report(2000.0);
    assert!(!never[2].pass, "{never:?}");
    let (low, high) = (never[2].low, never[2].high);
    assert!(low < high && high < never[2].reported);
}

const CHECK: &str = "expect = { kind = \"interval\", from = { event = \"alert-fires\" }, \
    to = { event = \"service-down\" }, reported = \"15min\" }";

#[test]
fn counts_shares_and_comparisons_hold_within_their_bounds() {
    let with = |is: &str| {
        let card = judged(&[(CHECK, is)]);
        (card[1].pass, card[1].simulated)
    };
    let count = |low: u32, high: u32| {
        with(&format!(
            "expect = {{ kind = \"count\", moment = {{ event = \"service-down\" }}, \
             at_least = {low}, at_most = {high} }}"
        ))
    };
    assert_eq!(count(1, 1).1, Some(1.0));
    assert!(count(1, 2).0 && !count(2, 3).0 && !count(0, 0).0);
    let share = |low: &str, high: &str| {
        with(&format!(
            "expect = {{ kind = \"failing-share\", service = \"api\", \
             from = {{ event = \"paged\" }}, to = {{ event = \"action-done\" }}, \
             at_least = \"{low}\", at_most = \"{high}\" }}"
        ))
    };
    // Nobody is paged without an alert that reaches anybody, so there is no such moment.
    assert_eq!(share("0%", "100%"), (false, None));
    // From minute 0 on writes fail, so the worst minute is one in which all do.
    let share = |rest: &str| {
        let minutes = "from = { minute = \"2min\" }, to = { minute = \"10min\" }";
        with(&format!(
            "expect = {{ kind = \"failing-share\", service = \"api\", {minutes}, {rest} }}"
        ))
    };
    assert_eq!(share("at_least = \"99%\""), (true, Some(1.0)));
    assert!(!share("peak = true, at_most = \"99%\"").0);
    let before = "expect = { kind = \"failing-share\", service = \"api\", \
                  to = { minute = \"0s\" }, peak = true, at_most = \"0%\" }";
    assert_eq!(with(before), (true, Some(0.0)));
    // Long after the outage, where attempts are looked at only because a check asks for them.
    let after = "expect = { kind = \"failing-share\", service = \"api\", \
                 from = { minute = \"5h\" }, to = { minute = \"6h\" }, at_most = \"0%\" }";
    assert_eq!(with(after), (true, Some(0.0)));
    let interval = |bounds: &str| {
        with(&format!(
            "expect = {{ kind = \"interval\", from = {{ event = \"alert-fires\" }}, \
             to = {{ minute = \"0s\" }}, {bounds} }}"
        ))
        .0
    };
    assert!(interval("at_least = \"10min\"") && interval("at_most = \"20min\""));
    assert!(!interval("at_least = \"20min\"") && !interval("at_most = \"10min\""));
    let compare = |bounds: &str, fragment: &str| {
        with(&format!(
            "expect = {{ kind = \"compare\", measure = \"downtime\", {bounds} }}\nwith = {fragment}"
        ))
    };
    let same = compare("at_least = \"1x\", at_most = \"1x\"", "{}");
    assert_eq!(same, (true, Some(1.0)), "the same trials");
    let without = compare("at_most = \"0.01x\"", "{ fault = [] }");
    assert_eq!(without, (true, Some(0.0)));
    assert!(!compare("at_least = \"0.5x\"", "{ fault = [] }").0);
}

#[test]
fn latency_and_connections_hold_within_their_bounds() {
    let with = |is: &str| {
        let card = judged(&[(CHECK, is)]);
        (card[1].pass, card[1].simulated)
    };
    let latency = |rest: &str| {
        with(&format!(
            "expect = {{ kind = \"latency\", service = \"api\", to = {{ minute = \"0s\" }}, \
             {rest} }}"
        ))
    };
    assert_eq!(latency("at_most = \"25ms\""), (true, Some(0.02)));
    let (pass, p99) = latency("percentile = \"99%\", peak = true, at_least = \"21ms\"");
    assert!(
        !pass && p99.is_some_and(|p99| (p99 - 0.02).abs() < 0.001),
        "{p99:?}"
    );
    // 200 clients of `clients`, at the primary.
    let connections = |rest: &str| {
        with(&format!(
            "expect = {{ kind = \"connections\", node = \"node a\", {rest} }}"
        ))
    };
    assert_eq!(
        connections("at_least = 200, at_most = 200"),
        (true, Some(200.0))
    );
    assert_eq!(connections("rises_at_least = \"1.5x\""), (false, Some(1.0)));
}

#[test]
fn a_check_without_a_figure_says_why() {
    let why = |is: &str| {
        let line = judged(&[(CHECK, &format!("expect = {{ {is} }}"))]).swap_remove(1);
        assert!(!line.pass && line.simulated.is_none(), "{line:?}");
        line.reason.expect("a reason")
    };
    let api = "service = \"api\"";
    let down = "from = { minute = \"2min\" }, to = { minute = \"10min\" }";
    let latency = |rest: &str| why(&format!("kind = \"latency\", {api}, {down}, {rest}"));
    let none = "no attempt in the window succeeds, so none has a latency (in 11 of 11 trials)";
    assert_eq!(latency("at_most = \"1s\""), none);
    let few = latency("peak = true, at_most = \"1s\"");
    assert!(few.starts_with("no minute of the window has ten"), "{few}");
    let moment = "{ event = \"service-down\" }";
    let share = |from: &str, to: &str| {
        let window = format!("from = {from}, to = {to}");
        why(&format!(
            "kind = \"failing-share\", {api}, {window}, at_most = \"1%\""
        ))
    };
    assert!(share(moment, moment).contains("holds no whole minute"));
    let late = share("{ minute = \"1380min\" }", "{ minute = \"1430min\" }");
    assert!(late.contains("begins after the end of the trial"), "{late}");
    let never = share(moment, "{ event = \"spool-opens\" }");
    assert!(never.contains("a moment that it asks for does not come"));
    // A replica has no clients before it is promoted, and nobody promotes it here.
    let rises = why("kind = \"connections\", node = \"node b\", rises_at_least = \"2x\"");
    assert!(rises.contains("no connection at `from`"), "{rises}");
    let told = stdout(&ran(
        &[(
            CHECK,
            "expect = { kind = \"connections\", node = \"node b\", rises_at_least = \"2x\" }",
        )],
        &["--scripted"],
    ));
    assert!(told.contains("no connection at `from`"), "{told}");
}

#[test]
fn a_total_may_be_bounded_on_one_side_in_both_modes() {
    let total = |bounds: &str| {
        let lines = judged(&[(
            "total = { reported = \"45min\"",
            &format!("total = {{ {bounds}"),
        )]);
        (lines[0].pass, lines[2].pass)
    };
    assert_eq!(total("at_least = \"30min\""), (true, true));
    assert_eq!(total("at_most = \"1h\""), (true, true));
    assert_eq!(total("at_least = \"40h\""), (false, false));
    assert_eq!(total("at_most = \"1s\""), (false, false));
}

#[test]
fn people_take_the_minutes_of_the_report_whatever_came_before() {
    let script = [
        (
            "notice = { kind = \"constant\", value = \"5min\" }",
            "reported = { noticed = \"7min\", acknowledged = \"11min\", cause_known = \"30min\" }",
        ),
        (
            "takes = { kind = \"constant\", value = \"19min\" }",
            "begins_at = \"36min\", takes = { kind = \"constant\", value = \"4min\" }",
        ),
    ];
    let minute = |event: &str, at: &str| {
        let check = format!(
            "expect = {{ kind = \"interval\", from = {{ minute = \"0s\" }}, \
             to = {{ event = \"{event}\" }}, reported = \"{at}\", within = \"0s\" }}"
        );
        let line = judged(&[&script[..], &[(CHECK, check.as_str())]].concat()).swap_remove(1);
        assert!(line.pass, "{line:?}");
    };
    minute("noticed", "7min");
    minute("acknowledged", "11min");
    minute("cause-known", "30min");
    minute("action-begins", "36min");
    minute("copy-begins", "40min");
}

#[test]
fn the_command_prints_a_card_and_its_exit_code_says_whether_all_holds() {
    let fine = ran(&[], &[]);
    assert_eq!(fine.status.code(), Some(0), "{}", stderr(&fine));
    assert!(stdout(&fine).contains("3 of 3 hold"), "{}", stdout(&fine));
    let wrong = ran(&[("reported = \"45min\"", "reported = \"5min\"")], &[]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stdout(&wrong).contains("NO"));
    let json = ran(&[], &["--json"]);
    golden(
        Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/replay.json"
        )),
        &stdout(&json),
    );
    let again = ran(&[], &["--json"]);
    assert_eq!(stdout(&json), stdout(&again));
}

#[test]
fn mistakes_are_told_with_exit_code_2() {
    for (from, to, told) in [
        (
            "event = \"service-down\"",
            "event = \"servic-down\"",
            "service-down",
        ),
        ("[replay]  ", "[replays]  ", "replay"),
        ("kind = \"interval\"", "kind = \"intervall\"", "interval"),
        ("reported = \"15min\"", "reported = \"15\"", "unit"),
        (
            CHECK,
            "expect = { kind = \"compare\", measure = \"lost\" }",
            "at_least",
        ),
    ] {
        let output = ran(&[(from, to)], &[]);
        assert_eq!(output.status.code(), Some(2), "{to}: {}", stdout(&output));
        assert!(stderr(&output).contains(told), "{to}: {}", stderr(&output));
    }
}

#[test]
fn what_if_compares_the_same_trials() {
    let (place, _) = written(&[]);
    std::fs::write(place.path().join("same.toml"), "").expect("ours");
    std::fs::write(place.path().join("fewer.toml"), "fault = []").expect("ours");
    let asked = |fragment: &str| {
        let all = [
            "replay",
            "outage.toml",
            "--trials",
            "5",
            "--what-if",
            fragment,
        ];
        let output = outage(place.path(), &all);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let same = asked("same.toml");
    assert!(same.contains("+0.0 (95 % CI +0.0 to +0.0)"), "{same}");
    assert!(!same.contains("+0.1") && !same.contains("-0.1"), "{same}");
    let fewer = asked("fewer.toml");
    assert!(fewer.contains("0.0 instead of"), "{fewer}");
}

#[test]
fn the_card_and_the_trial_in_the_middle_are_written_where_asked() {
    let (place, _) = written(&[]);
    let asked = ["replay", "outage.toml", "--trials", "3", "--out", "into"];
    let output = outage(place.path(), &[&asked[..], &["--json"]].concat());
    assert!(output.status.code().is_some_and(|code| code < 2));
    let read = |name: &str| {
        let path = place.path().join("into").join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    assert_eq!(read("scorecard.json"), stdout(&output));
    let card: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let checks = card.as_array().expect("an array").len();
    assert_eq!(read("scorecard.csv").lines().count(), 1 + checks);
    assert!(read("outage-timeline.svg").starts_with("<svg"));
    let moments = read("outage-timeline.csv");
    assert!(moments.starts_with("scenario,trial,at_s,minute,subject,event\n"));
    assert!(
        moments.contains(",0.000,"),
        "minute 0 is a moment: {moments}"
    );
    let none = ["replay", "outage.toml", "--out", "into", "--what-if", "x"];
    assert_eq!(outage(place.path(), &none).status.code(), Some(2));
}

#[test]
fn every_scenario_with_a_replay_table_is_among_all() {
    let with = SCENARIOS.iter().filter(|scenario| {
        let table: toml::Table = scenario.text.parse().expect("it is TOML");
        table.contains_key("replay")
    });
    let with: Vec<&str> = with.map(|scenario| scenario.name).collect();
    assert_eq!(built_in(), with);
    assert!(with.len() >= 15);
}

#[test]
fn a_moment_that_never_comes_is_named_with_those_that_do() {
    let (from, to) = (
        "to = { event = \"service-down\" }",
        "\"service-down\", subject = \"shop\"",
    );
    let wrong = ran(
        &[(from, &format!("to = {{ event = {to} }}"))],
        &["--scripted"],
    );
    assert_eq!(wrong.status.code(), Some(1), "{}", stderr(&wrong));
    let told = stdout(&wrong);
    let sentence = "`replay.check[0].expect.to`: no `service-down` is about \"shop\"; \
                    there are some about: api";
    assert!(told.contains(sentence), "{told}");
    assert!(!stdout(&ran(&[], &["--scripted"])).contains("there are some about"));
}

#[test]
fn a_trace_is_blind_or_scripted_and_says_so() {
    let (place, _) = written(&[]);
    let tell = |more: &[&str]| {
        let all = [&["trace", "outage.toml", "--trial", "1"], more].concat();
        let output = outage(place.path(), &all);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let (blind, scripted) = (tell(&[]), tell(&["--scripted"]));
    assert!(
        blind.starts_with("scenario outage, blind (--scripted"),
        "{blind}"
    );
    assert!(
        scripted.starts_with("scenario outage, scripted, trial 1"),
        "{scripted}"
    );
    assert_ne!(blind, scripted);
    let no_report = ["trace", "clients", "--trial", "1", "--scripted"];
    assert_eq!(outage(place.path(), &no_report).status.code(), Some(2));
}

#[test]
fn a_check_notes_what_keeps_a_failover_from_happening_and_where_a_fault_comes_from() {
    let check = |changes: &[(&str, &str)]| {
        let (place, _) = written(changes);
        outage(place.path(), &["check", "outage.toml"])
    };
    let none = "[failover]                   # who promotes a replica: outage schema failover\n\
                kind = \"none\"";
    let bus = format!("[failover]\n{}", BUS);
    let fine = stdout(&check(&[(none, &bus)]));
    assert!(
        fine.contains("note: a Redis Cluster of 1 cannot elect"),
        "{fine}"
    );
    let sentinel = format!("[failover]\n{}", SENTINEL);
    let fine = stdout(&check(&[(none, &sentinel)]));
    assert!(
        fine.contains("note: 2 of 3 Sentinels stand on one host"),
        "{fine}"
    );
    let hosts = ("hosts = 2", "hosts = 3");
    let fine = stdout(&check(&[(none, &sentinel), hosts]));
    assert!(fine.contains("fine") && !fine.contains("note"), "{fine}");
    let inherited =
        "stands in a file that this one builds on: write your own here, or `fault = []`";
    let fault = TEMPLATE.find("[[fault]]").map(|at| &TEMPLATE[at..]);
    let fault = fault
        .and_then(|text| text.split_once("\n\n"))
        .expect("a fault")
        .0;
    let wrong = stderr(&check(&[(fault, "")]));
    assert!(wrong.contains(inherited), "{wrong}");
    assert!(!stderr(&check(&[("replicas = 1", "replicas = 5")])).contains(inherited));
}

/// As Redis ships it.
const BUS: &str = "kind = \"cluster-bus\"\nversion = \"redis-7.0\"\nnode_timeout = \"15s\"\n\
    replica_validity_factor = 10\nrepl_ping_replica_period = \"10s\"\n\
    require_full_coverage = true\nallow_reads_when_down = false\nmigration_barrier = 1\n\
    allow_replica_migration = true\nlatency = \"250us\"\nconfig_save = \"1ms\"";
const SENTINEL: &str = "kind = \"sentinel\"\nsentinels = 3\nquorum = 2\ndown_after = \"30s\"\n\
    failover_timeout = \"3min\"\nparallel_syncs = 1\nmaster_reboot_down_after = \"0s\"\n\
    latency = \"250us\"\nconfig_save = \"3ms\"";

#[test]
fn a_trial_that_fails_costs_its_mode_and_is_told_with_the_command_that_replays_it() {
    let (place, _) = written(&[]);
    let limit = ["--trial-events", "2000"];
    let asked = ["replay", "outage.toml", "--trials", "3", "--out", "into"];
    let output = outage(place.path(), &[&asked[..], &limit].concat());
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    for (mode, option) in [("scripted", " --scripted"), ("blind", "")] {
        let failed = format!("trial 1 of `outage, {mode}` failed: it reached the limit");
        assert!(told.contains(&failed), "{told}");
        let command = format!("--trial 1 --seed 1 --trial-events 2000{option}\n");
        assert!(told.contains(&command), "{told}");
    }
    let trace = ["trace", "outage.toml", "--trial", "1", "--scripted"];
    let again = outage(place.path(), &[&trace[..], &limit].concat());
    assert_eq!(again.status.code(), Some(3), "{}", stderr(&again));
}

#[test]
fn a_directory_holds_one_replay_as_a_whole_and_nothing_of_anybody_else() {
    let (place, _) = written(&[]);
    let into = place.path().join("into");
    let asked = ["replay", "outage.toml", "--trials", "2", "--out", "into"];
    let first = outage(place.path(), &asked);
    assert!(first.status.code().is_some_and(|code| code < 2));
    let before = into.join("another-timeline.svg");
    std::fs::write(&before, "of an earlier replay").expect("the directory is ours");
    let second = outage(place.path(), &asked);
    assert_eq!(second.status.code(), first.status.code());
    assert!(!before.exists() && into.join("outage-timeline.svg").exists());
    std::fs::write(into.join("thesis.txt"), "years of work").expect("the directory is ours");
    let third = outage(place.path(), &asked);
    assert_eq!(third.status.code(), Some(2));
    assert!(stderr(&third).contains("thesis.txt"), "{}", stderr(&third));
    assert!(into.join("thesis.txt").exists());
}
