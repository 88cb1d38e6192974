//! Presets of hazards: each is sound, names its sources, and gives way to keys beside it.

use std::collections::BTreeSet;

use experiments::builtin::SCENARIOS;
use experiments::document::{Sources, merge::merge, parse::parse};
use experiments::error::Problem;
use experiments::hazards::{HAZARDS, sources};
use experiments::scenario::world;
use sim::SimDuration;

use crate::support::{directory, outage, stdout};

/// The 2020 scenario with these hazards.
fn with(hazards: &str) -> Result<models::WorldSpec, Vec<Problem>> {
    let base = SCENARIOS.iter().find(|known| known.name == "incident-2020");
    let base = base.expect("it is built in");
    let mut sources = Sources::default();
    let mut tree = parse(&mut sources, "base", base.text).expect("it is TOML");
    let change = parse(&mut sources, "change", hazards).expect("it is TOML");
    merge(&mut tree, &change);
    world(&tree)
}

#[test]
fn every_preset_is_sound_and_every_rate_has_one_source() {
    for preset in &HAZARDS {
        let made = with(&format!("hazards.preset = \"{}\"", preset.name));
        let made = made.unwrap_or_else(|problems| panic!("{}: {problems:?}", preset.name));
        let hazards = made.hazards.expect("it has hazards");
        let happen: BTreeSet<&str> = hazards.all().map(|hazard| hazard.kind.name()).collect();
        let named = sources(preset);
        let of: BTreeSet<&str> = named.iter().map(|source| source.hazard.as_str()).collect();
        assert_eq!(happen, of, "{}", preset.name);
        assert_eq!(named.len(), of.len(), "{}: one source each", preset.name);
        for source in &named {
            assert!(
                source.date.starts_with("20") && source.source.len() > 30,
                "{source:?}"
            );
        }
    }
}

#[test]
fn keys_beside_a_preset_count_first() {
    let days = |days| SimDuration::from_days(days);
    let made = with("hazards.preset = \"ordinary-year\"\nhazards.every.host_loss = \"30d\"");
    let every = made.expect("it is sound").hazards.expect("there are").every;
    assert_eq!(
        (every.host_loss, every.process_crash),
        (Some(days(30)), Some(days(730)))
    );
}

#[test]
fn mistakes_are_told() {
    let told = |hazards: &str| format!("{:?}", with(hazards).expect_err("it is wrong"));
    let unknown = told("hazards.preset = \"ordinary-yeer\"");
    assert!(
        unknown.contains("did you mean `ordinary-year`"),
        "{unknown}"
    );
    let endless = told("hazards.every.freeze = \"30d\"");
    assert!(endless.contains("hazards.lasts.freeze"), "{endless}");
    let often = told("hazards.every.process_crash = \"1ms\"");
    assert!(often.contains("more than 10000 times"), "{often}");
}

#[test]
fn a_year_is_told_for_a_deployment_with_the_source_of_each_rate() {
    let place = directory();
    let mine =
        "extends = \"clients\"\nhazards = { preset = \"bad-zone\", every = { freeze = \"73d\" } }";
    std::fs::write(place.path().join("mine.toml"), mine).expect("a writable file");
    let told = outage(place.path(), &["hazards", "mine.toml", "--years", "50"]);
    assert_eq!(told.status.code(), Some(0));
    let text = stdout(&told);
    let row = |hazard: &str| {
        let mut lines = text.lines();
        lines
            .find(|line| line.starts_with(hazard))
            .expect(hazard)
            .to_owned()
    };
    // Six nodes on six hosts.
    assert!(row("freeze").contains("30.0") && row("freeze").contains("your own"));
    assert!(row("host_loss").contains("13.4") && row("host_loss").contains("assumption"));
    assert!(text.contains("host_loss: Four times the rate"), "{text}");
    let unknown = outage(place.path(), &["hazards", "--preset", "ordinary-yeer"]);
    assert_eq!(unknown.status.code(), Some(2));
}
