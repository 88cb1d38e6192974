//! Every limit is stated in the reference, checked, and reported with its place and a remedy.

use experiments::document::parse::parse;
use experiments::document::{Node, Sources};
use experiments::error::Problem;
use experiments::schema::check::Form;
use experiments::schema::keys::{self, Key, Shape};
use experiments::schema::{markdown, study, whole};
use models::spec::limits::{LIMITS, Limit, QUANTITIES, STUDY_LIMITS};
use serde_json::Value;

/// The steps of a limit's key: its name, whether it is an array, and the kind of its table.
type Steps = Vec<(String, bool, Option<String>)>;

fn steps(keys: &[Key], path: &str) -> (Steps, Shape) {
    let mut here: Vec<Key> = keys.to_vec();
    let mut steps = Steps::new();
    let mut shape = Shape::Fragment;
    for name in path.split('.') {
        if let Some(kind) = shape.kinds().iter().find(|kind| kind.name == name) {
            steps.last_mut().expect("a kind stands in a table").2 = Some(name.to_owned());
            here = kind.keys.clone();
            continue;
        }
        let key = here.iter().find(|key| key.name == name);
        let key = key
            .unwrap_or_else(|| panic!("{path} has no {name}"))
            .clone();
        here = key.shape.keys().into_iter().cloned().collect();
        steps.push((name.to_owned(), matches!(key.shape, Shape::List(_)), None));
        shape = key.shape;
    }
    (steps, shape)
}

/// A document that holds one key, one above its limit, and what is missing around it.
fn beyond(keys: &[Key], limit: &Limit) -> Node {
    let (mut steps, shape) = steps(keys, limit.key);
    let (name, ..) = steps.pop().expect("a key has a name");
    let value: toml::Value = match shape {
        Shape::List(_) => vec![toml::Value::from(0); limit.most as usize + 1].into(),
        Shape::Plain { .. } => (limit.most as i64 + 1).into(),
        other => panic!("{}: {other:?} has no size", limit.key),
    };
    let mut table = toml::Table::from_iter([(name, value)]);
    for (name, list, kind) in steps.into_iter().rev() {
        table.extend(kind.map(|kind| ("kind".to_owned(), kind.into())));
        let inner: toml::Value = table.into();
        let inner = if list { vec![inner].into() } else { inner };
        table = toml::Table::from_iter([(name, inner)]);
    }
    parse(&mut Sources::default(), "a.toml", &table.to_string()).expect("it is TOML")
}

fn is_reported(problems: &[Problem], limit: &Limit) -> bool {
    problems.iter().any(|problem| {
        let last = limit.key.rsplit('.').next().expect("a key has a name");
        problem.place.is_some()
            && problem.wrong.contains(&format!("{last}`"))
            && problem.help.starts_with("write at most ")
            && problem.help.ends_with(limit.why)
    })
}

#[test]
fn what_is_above_a_limit_is_reported_with_its_place_and_the_limit() {
    let world = keys::keys(&whole());
    let replay = |limit: &&Limit| limit.key.starts_with("replay.");
    for limit in LIMITS.iter().filter(|limit| !replay(limit)) {
        let problems = Form::world().problems(&beyond(&world, limit));
        assert!(
            is_reported(&problems, limit),
            "{} is not reported",
            limit.key
        );
    }
    for limit in LIMITS.iter().filter(replay) {
        let problems = Form::replay().problems(&beyond(&world, limit));
        assert!(
            is_reported(&problems, limit),
            "{} is not reported",
            limit.key
        );
    }
    let keys = keys::keys(&study());
    for limit in &STUDY_LIMITS {
        let problems = Form::study().problems(&beyond(&keys, limit));
        assert!(
            is_reported(&problems, limit),
            "{} is not reported",
            limit.key
        );
    }
}

#[test]
fn every_kind_of_value_has_its_limit() {
    let twice = |most: &str| {
        let digits = most.find(|c: char| !c.is_ascii_digit()).expect("a unit");
        let number: u64 = most[..digits].parse().expect("a number");
        format!("{}{}", number * 2, &most[digits..])
    };
    for limit in QUANTITIES {
        let key = match limit.quantity {
            "duration" => "horizon",
            "size" => "redis.node_memory",
            "byte rate" => "redis.sync.network",
            "rate" => "signers.visits",
            "factor" => "redis.fragmentation",
            "price" => "price.gib_hour",
            other => panic!("no key is known for a {other}"),
        };
        for (value, fine) in [(limit.most.to_owned(), true), (twice(limit.most), false)] {
            let text = format!("{key} = \"{value}\"\n");
            let tree = parse(&mut Sources::default(), "a.toml", &text).expect("it is TOML");
            let problems = Form::world().problems(&tree);
            let found = problems
                .iter()
                .find(|p| p.wrong.contains("above the limit"));
            assert_eq!(found.is_none(), fine, "{text}{problems:?}");
            let help = found.map_or_else(String::new, |problem| problem.help.clone());
            assert!(fine || help.contains(limit.most), "{help}");
        }
    }
}

#[test]
fn the_reference_states_every_limit() {
    let reference = markdown::reference(&keys::keys(&whole()));
    for limit in LIMITS {
        assert!(reference.contains(limit.why), "{}", limit.key);
    }
    for option in ["--trial-events", "--trial-memory", "--trial-time"] {
        assert!(reference.contains(option), "{option}");
    }
    assert!(reference.contains("20 failed trials"));
    for limit in QUANTITIES {
        let stated = format!("At most {}.", limit.most);
        assert!(reference.contains(&stated), "{stated}");
    }
    let schema: Value = study();
    let trials = schema["properties"]["trials"]["description"].as_str();
    assert!(
        trials.is_some_and(|text| text.contains("At most 1,000,000")),
        "{trials:?}"
    );
}
