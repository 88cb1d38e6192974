//! Crossings against a scan over every arrival, for random sums of random levels.

mod common;

use common::{draw_tree, expand, nanos, secs};
use rand::RngExt;
use sim::{
    ArrivalTree, ClosedWindows, Intensity, Marks, Purpose, Rng, SimDuration, SimTime, Streams,
    Term, first_below, first_below_eager, first_reach, first_reach_eager,
};

const SCENARIOS: u64 = 400;
const BOUNDS: usize = 12;

/// A term, and the same as a list of what changes it.
struct Case {
    tree: ArrivalTree,
    bytes_each: Option<u64>,
    ttl: Option<SimDuration>,
    windows: Vec<(SimTime, SimTime)>,
    closed: ClosedWindows,
    offset: u64,
}

impl Case {
    fn draw(number: u64, rng: &mut Rng) -> Case {
        let tree = draw_tree(number, rng);
        let end = last_instant(&tree);
        let mut cuts: Vec<SimTime> = (0..2 * rng.random_range(0..4))
            .map(|_| nanos(rng.random_range(0..end + 2)))
            .collect();
        cuts.sort();
        let windows: Vec<_> = cuts.chunks(2).map(|pair| (pair[0], pair[1])).collect();
        let ttl = rng.random_range(0..end / 2 + 2);
        Case {
            bytes_each: rng.random_bool(0.4).then(|| rng.random_range(0..1000)),
            ttl: rng.random_bool(0.6).then(|| SimDuration::from_nanos(ttl)),
            closed: ClosedWindows::of(&tree, &windows),
            offset: rng.random_range(0..3) * 1000,
            windows,
            tree,
        }
    }

    fn term(&self) -> Term<'_> {
        let mut term = match self.bytes_each {
            Some(bytes_each) => Term::counted(&self.tree, bytes_each),
            None => Term::sizes(&self.tree),
        };
        if let Some(ttl) = self.ttl {
            term = term.expiring(ttl);
        }
        term.closed(&self.closed).offset(self.offset)
    }

    fn changes(&self, into: &mut Vec<(SimTime, i64)>) {
        into.push((SimTime::ZERO, self.offset as i64));
        for arrival in expand(&self.tree) {
            let rejected =
                |(from, to): &(SimTime, SimTime)| *from <= arrival.at && arrival.at < *to;
            if self.windows.iter().any(rejected) {
                continue;
            }
            let bytes = self.bytes_each.unwrap_or(arrival.bytes) as i64;
            into.push((arrival.at, bytes));
            if let Some(ttl) = self.ttl {
                into.push((arrival.at + ttl, -bytes));
            }
        }
    }
}

fn last_instant(tree: &ArrivalTree) -> u64 {
    let last = tree.total().checked_sub(1).and_then(|last| tree.nth(last));
    last.map_or(1000, |last| last.at.as_nanos())
}

/// The level from each instant on, in time order, beginning at zero.
fn scan(cases: &[Case]) -> Vec<(SimTime, i64)> {
    let mut changes = vec![(SimTime::ZERO, 0)];
    cases.iter().for_each(|case| case.changes(&mut changes));
    changes.sort();
    let mut level = 0;
    let mut levels: Vec<(SimTime, i64)> = Vec::new();
    for (at, by) in changes {
        level += by;
        match levels.last_mut() {
            Some(last) if last.0 == at => last.1 = level,
            _ => levels.push((at, level)),
        }
    }
    levels
}

/// The first instant in `[from, to)` whose level passes the test.
fn find(
    levels: &[(SimTime, i64)],
    (from, to): (SimTime, SimTime),
    passes: impl Fn(i64) -> bool,
) -> Option<SimTime> {
    let now = levels.partition_point(|(at, _)| *at <= from) - 1;
    let found = levels[now..].iter().find(|(_, level)| passes(*level));
    let at = found.map(|(at, _)| (*at).max(from));
    at.filter(|at| *at < to)
}

#[test]
fn every_crossing_is_that_of_the_scan() {
    let mut rng = Streams::for_trial(9, 0).stream(Purpose(0), 0);
    let (mut reached, mut fell) = (0, 0);
    for scenario in 0..SCENARIOS {
        let count = rng.random_range(1..5);
        let cases: Vec<Case> = (0..count)
            .map(|i| Case::draw(scenario * 10 + i, &mut rng))
            .collect();
        let terms: Vec<Term> = cases.iter().map(Case::term).collect();
        let levels = scan(&cases);
        for _ in 0..BOUNDS {
            let (window, bound) = draw_question(&levels, &mut rng);
            let (from, to) = window;
            let expected = find(&levels, window, |level| level >= bound as i64);
            assert_eq!(first_reach(&terms, bound, from, to), expected);
            assert_eq!(first_reach_eager(&terms, bound, from, to), expected);
            reached += u32::from(expected.is_some_and(|at| at > from));
            let expected = find(&levels, window, |level| level < bound as i64);
            assert_eq!(first_below(&terms, bound, from, to), expected);
            assert_eq!(first_below_eager(&terms, bound, from, to), expected);
            fell += u32::from(expected.is_some_and(|at| at > from));
            let level = levels[levels.partition_point(|(at, _)| *at <= from) - 1].1;
            let sum: u64 = terms.iter().map(|term| term.level(from)).sum();
            assert_eq!(sum, level as u64);
        }
    }
    assert!(reached > 400, "only {reached} questions crossed upwards");
    assert!(fell > 400, "only {fell} questions crossed downwards");
}

/// Bounds at or beside levels that occur, windows that begin and end at changes or anywhere.
fn draw_question(levels: &[(SimTime, i64)], rng: &mut Rng) -> ((SimTime, SimTime), u64) {
    let last = levels[levels.len() - 1].0.as_nanos();
    let [from, to] = [0; 2].map(|_| match rng.random_range(0..4) {
        0 => SimTime::ZERO,
        1 => nanos(rng.random_range(0..last + last / 5 + 2)),
        _ => levels[rng.random_range(0..levels.len())].0,
    });
    let to = if rng.random_bool(0.5) {
        SimTime::MAX
    } else {
        to
    };
    let level = levels[rng.random_range(0..levels.len())].1 + rng.random_range(-1..2);
    ((from, to), level.max(0) as u64)
}

#[test]
fn a_season_fills_a_node_at_the_arrival_that_says_so() {
    let season = Intensity::constant(1000.0, SimTime::ZERO, secs(90 * 86_400));
    let marks = Marks {
        shape: 2.0,
        mean_bytes: 600.0,
    };
    for trial in 0..50 {
        let key = Streams::for_trial(10, trial).key(Purpose(3), 0);
        let tree = ArrivalTree::new(key, season.clone(), Some(marks));
        let bound = 4_000_000_000_000;
        let by_bytes = tree.first_reaching_bytes(bound).map(|arrival| arrival.at);
        let terms = [Term::sizes(&tree)];
        assert_eq!(
            first_reach(&terms, bound, SimTime::ZERO, SimTime::MAX),
            by_bytes
        );
        assert_eq!(
            first_reach(&terms, u64::MAX, SimTime::ZERO, SimTime::MAX),
            None
        );
    }
}

#[test]
fn a_level_with_expiry_is_watched_to_its_fall() {
    // An hour of arrivals that live ten minutes: full after ten, empty ten after the end.
    let hour = Intensity::constant(200.0, SimTime::ZERO, secs(3600));
    let key = Streams::for_trial(10, 0).key(Purpose(3), 1);
    let tree = ArrivalTree::new(key, hour, None);
    let terms = [Term::counted(&tree, 1).expiring(SimDuration::from_mins(10))];
    let bound = 110_000;
    let reached = first_reach(&terms, bound, SimTime::ZERO, SimTime::MAX).expect("120,000 live");
    assert!((reached.as_secs_f64() - 550.0).abs() < 10.0, "{reached}");
    assert_eq!(terms[0].level(reached), bound);
    let fallen = first_below(
        &terms,
        bound,
        reached + SimDuration::from_mins(1),
        SimTime::MAX,
    );
    let fallen = fallen.expect("everything expires");
    assert!((fallen.as_secs_f64() - 3650.0).abs() < 10.0, "{fallen}");
    assert_eq!(terms[0].level(fallen), bound - 1);
    let last = tree.nth(tree.total() - 1).expect("something arrives");
    let empty = first_below(&terms, 1, reached, SimTime::MAX);
    assert_eq!(empty, Some(last.at + SimDuration::from_mins(10)));
}

#[test]
fn lazy_and_eager_agree_on_a_busy_day() {
    // Two processes follow the hours of the day, one does not; one stands still twice.
    let hours: Vec<(SimTime, f64)> = (0..24)
        .map(|hour| (secs(hour * 3600), 1.0 + (hour as f64 / 4.0).sin()))
        .collect();
    let daily = Intensity::piecewise(&hours, secs(86_400));
    let steady = Intensity::constant(1.5, SimTime::ZERO, secs(86_400));
    let marks = Marks {
        shape: 0.5,
        mean_bytes: 4000.0,
    };
    let key = |entity| Streams::for_trial(12, 0).key(Purpose(3), entity);
    let trees = [
        ArrivalTree::new(key(0), daily.clone(), Some(marks)),
        ArrivalTree::new(key(1), daily.scaled(0.2), Some(marks)),
        ArrivalTree::new(key(2), steady, None),
    ];
    let windows = [(secs(30_000), secs(33_000)), (secs(50_000), secs(50_060))];
    let closed = ClosedWindows::of(&trees[0], &windows);
    let terms = [
        Term::sizes(&trees[0])
            .expiring(SimDuration::from_mins(90))
            .closed(&closed),
        Term::sizes(&trees[1]),
        Term::counted(&trees[2], 900).expiring(SimDuration::from_hours(30)),
    ];
    let end = SimTime::MAX;
    let (mut up, mut down) = (0, 0);
    for step in 0..40 {
        let (bound, from) = (step * 5_000_000, secs(step * 7919 % 60_000));
        let reached = first_reach(&terms, bound, from, end);
        assert_eq!(reached, first_reach_eager(&terms, bound, from, end));
        let fallen = first_below(&terms, bound, from, end);
        assert_eq!(fallen, first_below_eager(&terms, bound, from, end));
        up += u32::from(reached.is_some_and(|at| at > from));
        down += u32::from(fallen.is_some_and(|at| at > from));
    }
    assert!(up > 5 && down > 5, "{up} up, {down} down");
}

#[test]
fn what_is_rejected_is_never_there() {
    let hour = Intensity::constant(100.0, SimTime::ZERO, secs(3600));
    let key = Streams::for_trial(10, 0).key(Purpose(3), 2);
    let tree = ArrivalTree::new(key, hour, None);
    let mut closed = ClosedWindows::new();
    closed.close(secs(600));
    let frozen = Term::counted(&tree, 1).closed(&closed);
    assert_eq!(frozen.level(secs(3600)), tree.count_before(secs(600)));
    assert!(closed.contains(secs(3599)));
    closed.reopen(&tree, secs(1200));
    assert!(closed.contains(secs(600)) && !closed.contains(secs(1200)));
    let term = Term::counted(&tree, 1).closed(&closed);
    let accepted = tree.total() - tree.count(secs(600), secs(1200));
    assert_eq!(term.level(secs(3600)), accepted);
    let expiring = term.expiring(SimDuration::from_secs(60));
    assert_eq!(expiring.level(secs(700)), 0);
    let reached = first_reach(&[expiring], 1, secs(700), SimTime::MAX);
    assert_eq!(
        reached,
        tree.nth(tree.count_before(secs(1200)))
            .map(|arrival| arrival.at)
    );
}

#[test]
fn instants_are_stable() {
    let key = |entity| Streams::for_trial(2020, 17).key(Purpose(9), entity);
    let marks = Marks {
        shape: 0.7,
        mean_bytes: 2000.0,
    };
    let day = |rate| Intensity::constant(rate, SimTime::ZERO, secs(86_400));
    let sessions = ArrivalTree::new(key(0), day(800.0), Some(marks));
    let log = ArrivalTree::new(key(1), day(90.0), None);
    let terms = [
        Term::sizes(&sessions).expiring(SimDuration::from_hours(2)),
        Term::counted(&log, 300).offset(1_000_000),
    ];
    let reached = first_reach(&terms, 13_000_000_000, SimTime::ZERO, SimTime::MAX);
    assert_eq!(reached, Some(nanos(54_334_491_741_599)));
}
