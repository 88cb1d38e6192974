//! What a study says when there is little to say: no outage, nobody there, a handful of trials.

use std::fs;

use crate::support::{directory, outage, stderr};
use serde_json::Value;

/// Runs the small study on the small scenario with some texts replaced; its `summary.json` and the
/// chart of losses.
fn study(edits: &[(&str, &str)], trials: &str) -> (Value, String) {
    study_with("", edits, trials)
}

/// The same with more in the study.
fn study_with(more: &str, edits: &[(&str, &str)], trials: &str) -> (Value, String) {
    let place = directory();
    let study = place.path().join("study.toml");
    let text = fs::read_to_string(&study).unwrap();
    fs::write(&study, format!("{text}\n{more}")).unwrap();
    let path = place.path().join("small.toml");
    let mut small = fs::read_to_string(&path).unwrap();
    for (old, new) in edits {
        assert!(small.contains(old), "{old}");
        small = small.replace(old, new);
    }
    fs::write(&path, small).unwrap();
    let arguments = ["compare", "study.toml", "--trials", trials, "--out", "out"];
    let output = outage(place.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let read = |name: &str| fs::read_to_string(place.path().join("out").join(name)).unwrap();
    let json = serde_json::from_str(&read("summary.json")).unwrap();
    (json, read("charts/lost.svg"))
}

fn sentences(json: &Value) -> Vec<&str> {
    let verdict = json["verdict"].as_array().expect("sentences");
    verdict.iter().map(|s| s.as_str().expect("text")).collect()
}

#[test]
fn a_world_without_an_outage_is_said_to_have_none() {
    // Nothing grows within the horizon, and somebody is always in the middle of a visit.
    let calm = [
        ("reference = \"1700MiB\"", "reference = \"1MiB\""),
        ("visits = \"2/s\"", "visits = \"150/s\""),
    ];
    let (json, chart) = study(&calm, "7");
    let told = sentences(&json);
    assert_eq!(json["summary"]["standing"], "no-outage", "{told:?}");
    assert!(
        told[0].contains("none of 7 trials had an outage"),
        "{told:?}"
    );
    assert!(told[0].contains("less than 34.8 %"), "{told:?}");
    assert!(told[0].contains("visits still in progress"), "{told:?}");
    assert!(!told.iter().any(|s| s.contains("No design loses fewer")));
    let lost = json["summary"]["designs"][0]["lost"]["mean"]["value"]
        .as_f64()
        .unwrap();
    assert!(lost > 0.0 && lost < 10.0, "visits in progress: {lost}");
    assert_ne!(lost.fract(), 0.0, "a number that rounding would hide");
    let words = output::Format::Significant(2).number(lost);
    assert!(
        chart.contains(&format!(">{words} (")),
        "as in the table: {words}"
    );
    assert!(chart.contains("No trial of the baseline had an outage"));
}

#[test]
fn without_signers_the_downtime_is_what_is_compared() {
    let (json, chart) = study(&[("visits = \"2/s\"", "visits = \"0/s\"")], "4");
    let told = sentences(&json);
    assert_eq!(json["summary"]["standing"], "nobody-came");
    assert!(
        told[0].contains("no request could have succeeded for"),
        "{told:?}"
    );
    assert!(
        !told.iter().any(|s| s.contains("nothing to improve")),
        "{told:?}"
    );
    assert!(chart.contains("No visits arrived"), "{chart}");
}

#[test]
fn two_trials_do_not_deny_and_claim_the_same() {
    let (json, chart) = study(&[], "2");
    let told = sentences(&json).join(" ");
    let designs = json["summary"]["designs"].as_array().unwrap();
    let mut unsure = 0;
    for against in designs.iter().map(|design| &design["against_baseline"]) {
        let side = |name: &str| {
            let end = |end: &str| against[name][end].as_f64();
            Some((end("high")? < 0.0, end("low")? > 0.0))
        };
        let (Some(difference), change) = (side("difference"), side("change")) else {
            continue;
        };
        unsure += u32::from(difference == (false, false));
        assert!(
            change.is_none_or(|change| change == difference),
            "{against}"
        );
    }
    assert!(unsure > 3, "two trials show little");
    let shown = json["summary"]["standing"] == "fewer";
    assert_eq!(
        told.contains("2 trials do not show that any design"),
        !shown
    );
    assert_eq!(
        told.contains("heaper"),
        shown,
        "what is not shown has no price: {told}"
    );
    assert_eq!(chart.contains("No design is shown to lose fewer"), !shown);
}

#[test]
fn a_design_that_loses_few_requests_and_much_data_is_said_to() {
    let place = directory();
    let path = place.path().join("small.toml");
    let small = fs::read_to_string(&path).unwrap();
    let (before, after) = small.split_once("[[fault]]").expect("the growth");
    let (_, prices) = after.split_once("[price]").expect("prices");
    let cut = "[[fault]]\nkind = \"partition\"\nworkload = \"log\"\n\
               at = { kind = \"constant\", value = \"30min\" }\nlasts = \"2min\"\n\
               hosts = [0]\nclients = \"hosts\"\n\n[price]";
    let (services, others) = before.split_once("[[health_check]]").expect("a check");
    let (_, people) = others.split_once("[people]").expect("people");
    let before = format!("{services}[people]{people}");
    let before = before
        .replace("visits = \"2/s\"", "visits = \"30/s\"")
        .replace("fullest_shard = \"40%\"", "fullest_shard = \"100%\"");
    fs::write(&path, format!("{before}{cut}{prices}")).unwrap();
    let study = "title = \"Guard\"\nscenario = \"small.toml\"\ntrials = 6\nseed = 7\n\
                 [baseline]\nguard = \"on\"\n[[factor]]\nname = \"guard\"\n\
                 [[factor.level]]\nname = \"on\"\nset = { redis = { replication = { min_replicas \
                 = { to_write = 2, max_lag = \"1s\" } } } }\n[[factor.level]]\nname = \"off\"\n";
    fs::write(place.path().join("study.toml"), study).unwrap();
    let output = outage(place.path(), &["compare", "study.toml", "--out", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("acked, lost"), "{table}");
    let json = fs::read_to_string(place.path().join("out/summary.json")).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    let mean = |design: usize, measure: &str| {
        let value = &json["summary"]["designs"][design][measure]["mean"]["value"];
        value.as_f64().unwrap()
    };
    assert!(
        mean(1, "acked_lost") > mean(0, "acked_lost") + 50.0,
        "{json}"
    );
    let told = sentences(&json);
    assert!(
        told[1].contains("acknowledged requests per trial are lost afterwards"),
        "{told:?}"
    );
    assert!(told[1].starts_with("But under off, "), "{told:?}");
    let report = fs::read_to_string(place.path().join("out/report.html")).unwrap();
    assert!(report.contains("acknowledged requests per trial are lost afterwards"));
}

/// A trial that never recovers breaks a recovery-time objective, however fast the others recover.
#[test]
fn an_outage_that_never_ends_is_longer_than_any_bound() {
    let objective = |statistic: &str| {
        format!(
            "[[objective]]\nmeasure = \"recover_s\"\nstatistic = \"{statistic}\"\n\
             at_most = \"5h\"\n"
        )
    };
    let both = objective("p95") + &objective("mean");
    // Nobody brings larger nodes, and the growth comes late in some trials.
    let nobody = [
        ("from = \"80%\"", "from = \"80%\", ceiling = \"1x\""),
        ("max = \"20min\"", "max = \"55min\""),
    ];
    let (json, _) = study_with(&both, &nobody, "8");
    let baseline = &json["summary"]["designs"][0];
    let judged = baseline["objectives"].as_array().expect("three objectives");
    let recovered = &baseline["recover_s"]["mean"]["n"];
    assert_ne!(recovered, 8, "{baseline}");
    assert_eq!(judged[2]["kept"], false, "{judged:?}");
    assert_ne!(judged[1]["kept"], true, "{judged:?}");
    let told = sentences(&json).join(" ");
    assert!(!told.contains("designs meet the objective (p95"), "{told}");
}
