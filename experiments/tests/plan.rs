//! `outage plan`, on the real binary: what it writes, what it promises, and how it ends.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{directory, outage, stderr, stdout};

/// The small study asks for something.
const ASKS: &str = "
[plan]
keep = [\"p_unavailable(4h, 10min) <= 60%\", \"lost_per_month <= 1e7\"]
value = { request = \"2 USD\", degraded_hour = \"100 USD\" }
";

fn asking(place: &Path, asks: &str) {
    let study = place.join("study.toml");
    let text = fs::read_to_string(&study).expect("the small study");
    fs::write(&study, text + asks).expect("the directory is ours");
}

/// The JSON of a plan of the small study.
fn planned(place: &Path, more: &[&str]) -> (Value, String) {
    let arguments = [&["plan", "study.toml", "--json", "--out", "out"], more].concat();
    let output = outage(place, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    (serde_json::from_str(&text).expect("it is JSON"), text)
}

#[test]
fn a_plan_has_the_pinned_names_and_is_the_same_on_any_number_of_threads() {
    let place = directory();
    asking(place.path(), ASKS);
    let (plan, one) = planned(place.path(), &["--trials", "64", "--threads", "1"]);
    let (_, two) = planned(place.path(), &["--trials", "64", "--threads", "2"]);
    assert_eq!(one, two);
    let kept = fs::read_to_string(place.path().join("out/plan.json")).expect("it is written");
    assert_eq!(kept, two);
    let names = [
        "days_to_full",
        "p_full",
        "p_unavailable",
        "p_data_lost",
        "expected_loss_per_year",
        "designs",
        "cheapest",
        "next_best",
        "flips",
    ];
    for name in names {
        assert!(plan.get(name).is_some(), "{name}");
    }
    let designs = plan["designs"].as_array().expect("designs");
    for design in designs {
        assert!(design["cost"].as_f64() > Some(0.0), "{design}");
        assert_eq!(design["estimates"].as_array().map(Vec::len), Some(2));
        assert!(design.get("meets").is_some() && design["name"].is_string());
    }
    assert!(plan["expected_loss_per_year"]["usd"]["value"].is_f64());
}

#[test]
fn what_is_said_of_the_answer_is_said_in_the_file_too() {
    let place = directory();
    // Of the small study's designs all keep this, and the cheapest is known by its price.
    asking(
        place.path(),
        "\n[plan]\nkeep = [\"p_unavailable(4h, 3h) <= 60%\"]\n",
    );
    let output = outage(place.path(), &["plan", "study.toml", "--trials", "256"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let (plan, _) = planned(place.path(), &["--trials", "256"]);
    let cheapest = plan["cheapest"].as_str().expect("one is known");
    let said = format!("The cheapest design that keeps all conditions is `{cheapest}`");
    assert!(text.contains(&said), "{text}");
    let costs = plan["designs"].as_array().expect("designs").iter();
    let least = costs.map(|design| design["cost"].as_f64().expect("a cost"));
    let least = least.fold(f64::INFINITY, f64::min);
    let of = |design: &&Value| design["name"].as_str() == Some(cheapest);
    let design = plan["designs"].as_array().expect("designs").iter().find(of);
    assert_eq!(design.expect("it is there")["cost"].as_f64(), Some(least));
    let markdown = fs::read_to_string(place.path().join("out/plan.md")).expect("it is written");
    assert!(markdown.contains("| design"), "{markdown}");
}

#[test]
fn a_gate_ends_with_one_if_it_holds_and_as_asked_if_nobody_can_tell() {
    let place = directory();
    let code = |gate: &str, more: &[&str]| {
        let arguments = ["plan", "small.toml", "--trials", "64", "--fail-if", gate];
        let output = outage(place.path(), &[&arguments, more].concat());
        output.status.code()
    };
    assert_eq!(code("p_unavailable(4h, 1s) > 1%", &[]), Some(1));
    assert_eq!(code("p_unavailable(4h, 239min) > 90%", &[]), Some(0));
    let never = "p_unavailable(4h, 239min) > 0.1%";
    assert_eq!(code(never, &[]), Some(1));
    assert_eq!(code(never, &["--undecided", "pass"]), Some(0));
}

#[test]
fn a_mistake_in_a_condition_is_shown_with_a_caret() {
    let place = directory();
    let output = outage(
        place.path(),
        &["plan", "small.toml", "--fail-if", "p_down(4h) > 1%"],
    );
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(
        told.contains("there is no quantity `p_down`\n  p_down(4h) > 1%\n  ^"),
        "{told}"
    );
}
