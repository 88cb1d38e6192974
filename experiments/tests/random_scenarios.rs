//! Random scenarios: whatever `check` accepts runs for an hour of simulated time. It does not
//! panic, it ends soon and in little memory, and it gives a row or says which limit it has reached.
//!
//! Each case takes a built-in scenario and sets, replaces or removes keys anywhere in it, by the
//! schema: every kind of table can appear, with plain values and with values at the edge of their
//! range. Some cases get a size: up to 1,000 shards, 100 with a cluster bus. What `check` refuses
//! does not count. Where it notes that something is slow to simulate, five minutes are run.
//!
//! `RANDOM_SCENARIOS=10000` runs more of them, `RANDOM_SCENARIOS_FROM=1234 RANDOM_SCENARIOS=1` runs
//! the first one from seed 1234 on. An offender ends the test and is printed.

#![allow(clippy::print_stdout, reason = "a test says how much it has tried")]

#[path = "support/usage.rs"]
mod usage;

use std::panic;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use experiments::builtin::SCENARIOS;
use experiments::document::Sources;
use experiments::document::parse::parse;
use experiments::measures::{self, Field};
use experiments::scenario::{read, world};
use experiments::schema::keys::{self, Key, NUMBER, Shape, TEXT, TRUTH, WHOLE};
use experiments::schema::whole;
use models::spec::limits::{TRIAL_EVENTS, TRIAL_MEMORY};

use models::{Mode, RunOptions, TrialResult, WorldSpec, run_trial_within};
use rand::RngExt as _;
use sim::streams::{Purpose, Rng};
use sim::{Budget, SimDuration, Streams};
use toml::{Table, Value};
use usage::{forget_peak_memory, peak_memory, processor_time};

/// Accepted scenarios that are run where `RANDOM_SCENARIOS` says nothing.
const ACCEPTED: u64 = 60;

/// At least one in so many drawn scenarios is accepted, or the test shows little.
const DRAWN_FOR_EACH: u64 = 50;

/// How long the processor may work on one trial.
const LONGEST: Duration = Duration::from_secs(10);

/// The same of one that `check` notes to be slow.
const SLOW_LONGEST: Duration = Duration::from_secs(60);

/// How much memory the process may take, in KiB.
const MEMORY_MAX: u64 = 1 << 20;

/// Events of a trial: a tenth of what a study allows, so that many can be run.
const EVENTS_MAX: u64 = TRIAL_EVENTS / 10;

const HORIZON_S: f64 = 3600.0;

/// How much is run of a scenario that `check` notes to be slow to simulate.
const SLOW_HORIZON: SimDuration = SimDuration::from_mins(5);

#[test]
fn what_check_accepts_runs() {
    let number = |name: &str, otherwise: u64| {
        let text = std::env::var(name).ok();
        text.map_or(otherwise, |text| text.parse().expect("a whole number"))
    };
    let from = number("RANDOM_SCENARIOS_FROM", 0);
    let asked = number("RANDOM_SCENARIOS", ACCEPTED);
    // A panic is reported with its seed, below.
    panic::set_hook(Box::new(|_| {}));
    let source = Source::new();
    let mut wrong = None;
    let (mut accepted, mut limited) = (0, 0);
    let mut slowest = (Duration::ZERO, from);
    let mut seed = from;
    while accepted < asked && wrong.is_none() && seed - from < asked * DRAWN_FOR_EACH {
        let text = source.scenario(seed);
        forget_peak_memory();
        let before = processor_time();
        let ran = in_time(text.clone());
        let took = processor_time().saturating_sub(before);
        slowest = slowest.max((took, seed));
        let memory = peak_memory().unwrap_or_default();
        let ran = match ran {
            Ok(_) if memory > MEMORY_MAX => Err(format!("{memory} KiB of memory")),
            ran => ran,
        };
        match ran {
            Ok(ran) => {
                accepted += u64::from(ran.is_some());
                limited += u64::from(ran == Some(false));
            }
            Err(what) => {
                println!("# seed {seed}: {what}\n{text}");
                wrong = Some(format!("seed {seed}: {what}"));
            }
        }
        seed += 1;
    }
    let _ = panic::take_hook();
    let drawn = seed - from;
    println!("{accepted} of {drawn} were accepted; the slowest is {slowest:?}; {limited} limited");
    assert_eq!(wrong, None);
    assert_eq!(accepted, asked, "of {drawn} that were drawn");
    assert!(limited * 5 <= asked, "{limited} reached a limit");
}

/// [`checked_and_run`] in a thread of its own. One that takes too long is left behind.
fn in_time(text: String) -> Result<Option<bool>, String> {
    let before = processor_time();
    let (tell, told) = mpsc::channel();
    let slow = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&slow);
    let thread = thread::spawn(move || tell.send(checked_and_run(&text, &noted)));
    loop {
        match told.recv_timeout(Duration::from_millis(100)) {
            Ok(ran) => return ran,
            Err(RecvTimeoutError::Timeout) => {
                let longest = match slow.load(Relaxed) {
                    true => SLOW_LONGEST,
                    false => LONGEST,
                };
                if processor_time().saturating_sub(before) > longest {
                    return Err(format!("not done after {longest:?}"));
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                let panicked = thread.join().expect_err("it has told nothing");
                return Err(format!("a panic: {}", message(panicked.as_ref())));
            }
        }
    }
}

fn message(panicked: &(dyn std::any::Any + Send)) -> String {
    let text = panicked.downcast_ref::<String>().cloned();
    let constant = || panicked.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(constant).unwrap_or_default()
}

/// If it was accepted: did its trial end within its limits? Or what is wrong with its trial. `slow`
/// is set where `check` notes that it is slow to simulate.
fn checked_and_run(text: &str, slow: &AtomicBool) -> Result<Option<bool>, String> {
    let tree = parse(&mut Sources::default(), "random.toml", text).expect("it is TOML");
    let Ok(mut spec) = world(&tree) else {
        return Ok(None);
    };
    if spec
        .doubts()
        .iter()
        .any(|doubt| doubt.contains("slow to simulate"))
    {
        slow.store(true, Relaxed);
        spec.horizon = spec.horizon.min(SLOW_HORIZON);
    }
    run(&spec).map(Some)
}

fn run(spec: &WorldSpec) -> Result<bool, String> {
    let options = RunOptions {
        mode: Mode::Lazy,
        story: false,
        watched: None,
    };
    let budget = Budget::new(EVENTS_MAX, TRIAL_MEMORY, &|| None);
    let result = run_trial_within(spec, &Streams::for_trial(1, 1), &options, &budget);
    let Ok(TrialResult { outcome, .. }) = result else {
        return Ok(false);
    };
    if outcome.lost > outcome.blocked || outcome.blocked > outcome.visits {
        return Err("its visits do not add up".to_owned());
    }
    for column in measures::columns() {
        let most = if column.unit() == "s" {
            HORIZON_S
        } else {
            1e15
        };
        let value = match column.value(&outcome) {
            Field::Count(count) => count as f64,
            Field::Number(number) => number.unwrap_or_default(),
        };
        if !(0.0..=most).contains(&value) {
            return Err(format!("its {} is {value}", column.name()));
        }
    }
    Ok(true)
}

/// What random scenarios are made of.
struct Source {
    bases: Vec<Table>,
    keys: Vec<Key>,
}

/// The names in a scenario, by the keys that refer to them.
struct Names {
    workloads: Vec<String>,
    services: Vec<String>,
}

impl Source {
    fn new() -> Source {
        let mut bases: Vec<Table> = SCENARIOS
            .iter()
            .map(|built_in| base(built_in.name))
            .collect();
        let small = include_str!("small.toml").parse();
        bases.push(small.expect("it is TOML"));
        let mut keys = keys::keys(&whole());
        let fixed = ["about", "extends", "horizon", "price", "replay"];
        keys.retain(|key| !fixed.contains(&key.name.as_str()));
        Source { bases, keys }
    }

    /// The text of the scenario of this seed.
    fn scenario(&self, seed: u64) -> String {
        let mut rng = Streams::for_trial(seed, 0).stream(Purpose(9), 0);
        let mut table = pick(&mut rng, &self.bases).clone();
        let names = Names {
            workloads: names(&table, "workload"),
            services: names(&table, "service"),
        };
        for _ in 0..rng.random_range(1..6) {
            names.change(&mut table, &self.keys, &mut rng);
        }
        if one_in(&mut rng, 5) {
            with_size(&mut table, &mut rng);
        }
        table.insert("horizon".to_owned(), "1h".into());
        begin_within_the_hour(&mut table, &mut rng);
        table.to_string()
    }
}

/// A built-in scenario with all that it extends.
fn base(name: &str) -> Table {
    let found = read(&mut Sources::default(), name, &SCENARIOS, Path::new(""));
    let Value::Table(mut table) = found.expect("it is built in").root.to_toml() else {
        panic!("{name}: a scenario is a table");
    };
    table.remove("replay");
    table
}

fn names(table: &Table, key: &str) -> Vec<String> {
    let named = table[key].as_array().expect("an array of tables").iter();
    let name = |one: &Value| one["name"].as_str().map(str::to_owned);
    named.filter_map(name).collect()
}

impl Names {
    /// Sets, replaces or removes one key somewhere below `table`.
    fn change(&self, table: &mut Table, keys: &[Key], rng: &mut Rng) {
        if keys.is_empty() {
            return;
        }
        let key = pick(rng, keys);
        let Some(value) = table.get_mut(&key.name) else {
            table.insert(key.name.clone(), self.value(&key.name, &key.shape, rng));
            return;
        };
        if !key.required && one_in(rng, 8) {
            table.remove(&key.name);
        } else {
            self.change_value(value, key, rng);
        }
    }

    fn change_value(&self, value: &mut Value, key: &Key, rng: &mut Rng) {
        match (value, &key.shape) {
            (Value::Table(inner), Shape::Table(keys)) => self.change(inner, keys, rng),
            (Value::Table(inner), Shape::Kinds(kinds)) if !one_in(rng, 4) => {
                let kind = kinds
                    .iter()
                    .find(|kind| inner["kind"] == kind.name.as_str().into());
                self.change(inner, &kind.expect("a kind of the schema").keys, rng);
            }
            (Value::Array(items), Shape::List(of)) => {
                let at = rng.random_range(0..=items.len());
                let inner = Key {
                    shape: of.as_ref().clone(),
                    ..key.clone()
                };
                match items.get_mut(at) {
                    Some(_) if one_in(rng, 6) => drop(items.remove(at)),
                    Some(item) => self.change_value(item, &inner, rng),
                    None => items.push(self.value(&key.name, of, rng)),
                }
            }
            (value, shape) => *value = self.value(&key.name, shape, rng),
        }
    }

    fn table(&self, keys: &[Key], rng: &mut Rng) -> Table {
        let mut table = Table::new();
        for key in keys {
            if key.required || key.name == "preset" || one_in(rng, 4) {
                table.insert(key.name.clone(), self.value(&key.name, &key.shape, rng));
            }
        }
        table
    }

    fn value(&self, name: &str, shape: &Shape, rng: &mut Rng) -> Value {
        match shape {
            Shape::Plain { form, .. } if form == TEXT => match name {
                "workload" | "workloads" => pick(rng, &self.workloads).clone().into(),
                "service" | "services" => pick(rng, &self.services).clone().into(),
                _ => format!("n{}", rng.random_range(0..1000)).into(),
            },
            Shape::Plain { form, .. } => plain(form, rng),
            Shape::Words(words) => pick(rng, words).0.clone().into(),
            Shape::Table(keys) => match keys.iter().find(|key| key.name == "preset") {
                Some(preset) => self.table(std::slice::from_ref(preset), rng).into(),
                None => self.table(keys, rng).into(),
            },
            Shape::Kinds(kinds) => {
                let kind = pick(rng, kinds);
                let mut table = self.table(&kind.keys, rng);
                table.insert("kind".to_owned(), kind.name.clone().into());
                table.into()
            }
            Shape::List(of) => {
                let count = rng.random_range(0..3);
                let items = (0..count).map(|_| self.value(name, of, rng));
                items.collect::<Vec<Value>>().into()
            }
            Shape::Fragment => Table::new().into(),
        }
    }
}

/// A value of a form: mostly a plain one, at times one at the edge of its range.
fn plain(form: &str, rng: &mut Rng) -> Value {
    const WHOLE_NUMBERS: [i64; 12] = [0, 1, 1, 2, 2, 3, 3, 5, 10, 100, 1000, 1_000_000];
    let texts: &[&str] = match form {
        WHOLE => return (*pick(rng, &WHOLE_NUMBERS)).into(),
        NUMBER => return (*pick(rng, &[0.0, 0.5, 1.0, 1e9])).into(),
        TRUTH => return one_in(rng, 2).into(),
        "duration" => &[
            "0s", "1us", "1ms", "20ms", "200ms", "1s", "1s", "5s", "5s", "30s", "30s", "1min",
            "2min", "10min", "1h", "1d", "3650d",
        ],
        "bound" => &["0s", "5min", "1d"],
        "size" => &[
            "0B", "1B", "24B", "1KiB", "40KiB", "1MiB", "64MiB", "256MiB", "1GiB", "8GiB", "1TiB",
        ],
        "byte rate" => &["1B/s", "1MB/s", "100MB/s", "1GB/s", "1024GiB/s"],
        "rate" => &[
            "0/s",
            "0.001/s",
            "0.1/d",
            "1/s",
            "5/s",
            "10/s",
            "100/s",
            "1000/s",
            "100000/s",
            "1000000000/s",
        ],
        "share" => &["0%", "0.01%", "1%", "10%", "50%", "80%", "99.9%", "100%"],
        "size or share" => &[
            "0B", "1MiB", "64MiB", "256MiB", "1GiB", "8GiB", "0%", "10%", "50%", "80%", "100%",
        ],
        "factor" => &[
            "0x", "0.1x", "1x", "1x", "1.5x", "2x", "2x", "10x", "1000000x",
        ],
        "price" => &["0 USD", "25 USD", "1000000000 USD"],
        "date and time" => &["2020-06-02 00:00", "2000-02-29 23:59"],
        "offset" => &["-04:00", "+05:30"],
        "series" => &["at_s,per_sec\n0,1\n600,20\n", "at_s,per_sec\n60,3\n"],
        form => panic!("a form without values: {form}"),
    };
    (*pick(rng, texts)).into()
}

/// Shards, replicas and hosts that fit together.
fn with_size(table: &mut Table, rng: &mut Rng) {
    let has_bus = table["failover"]["kind"] == "cluster-bus".into();
    // A larger bus takes minutes while a node is down, of which `check` warns.
    let sizes: &[i64] = if has_bus {
        &[1, 3, 16, 100]
    } else {
        &[1, 3, 129, 1000]
    };
    let shards = *pick(rng, sizes);
    let replicas = rng.random_range(0..4);
    let redis = table["redis"].as_table_mut().expect("a table");
    redis.insert("shards".to_owned(), shards.into());
    redis.insert("replicas".to_owned(), replicas.into());
    redis.insert("hosts".to_owned(), (shards * (1 + replicas)).into());
    let fullest = (150.0 / shards as f64).min(100.0);
    redis.insert("fullest_shard".to_owned(), format!("{fullest:.2}%").into());
}

/// Nothing is tried out by a fault on the second day.
fn begin_within_the_hour(table: &mut Table, rng: &mut Rng) {
    let Some(Value::Array(faults)) = table.get_mut("fault") else {
        return;
    };
    for fault in faults.iter_mut().filter_map(Value::as_table_mut) {
        for key in ["at", "starts"] {
            if let Some(at) = fault.get_mut(key) {
                let minutes = rng.random_range(0..40);
                let value = ("value".to_owned(), format!("{minutes}min").into());
                *at = Table::from_iter([("kind".to_owned(), "constant".into()), value]).into();
            }
        }
    }
}

fn one_in(rng: &mut Rng, n: u32) -> bool {
    rng.random_range(0..n) == 0
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.random_range(0..from.len())]
}
