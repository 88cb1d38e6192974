//! Crossings against a scan over every arrival, for random sums of random levels.

mod common;

use common::{draw_tree, expand, nanos, secs};
use rand::RngExt;
use sim::crossing::TERMS_MAX;
use sim::{
    ArrivalTree, ClosedWindows, Intensity, Marks, Purpose, Rng, SimTime, Streams, Term,
    first_reach, first_reach_eager,
};

const SCENARIOS: u64 = 400;
const BOUNDS: usize = 12;

/// A term, and the same as a list of what changes it.
struct Case {
    tree: ArrivalTree,
    bytes_each: Option<u64>,
    windows: Vec<(SimTime, SimTime)>,
    closed: ClosedWindows,
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
        Case {
            bytes_each: rng.random_bool(0.4).then(|| rng.random_range(0..1000)),
            closed: ClosedWindows::of(&tree, &windows),
            windows,
            tree,
        }
    }

    fn term(&self) -> Term<'_> {
        let term = match self.bytes_each {
            Some(bytes_each) => Term::counted(&self.tree, bytes_each),
            None => Term::sizes(&self.tree),
        };
        term.closed(&self.closed)
    }

    fn changes(&self, into: &mut Vec<(SimTime, u64)>) {
        for arrival in expand(&self.tree) {
            let rejected =
                |(from, to): &(SimTime, SimTime)| *from <= arrival.at && arrival.at < *to;
            if self.windows.iter().any(rejected) {
                continue;
            }
            into.push((arrival.at, self.bytes_each.unwrap_or(arrival.bytes)));
        }
    }
}

fn last_instant(tree: &ArrivalTree) -> u64 {
    let last = tree.total().checked_sub(1).and_then(|last| tree.nth(last));
    last.map_or(1000, |last| last.at.as_nanos())
}

/// The level from each instant on, in time order, beginning at zero.
fn scan(cases: &[Case]) -> Vec<(SimTime, u64)> {
    let mut changes = vec![(SimTime::ZERO, 0)];
    cases.iter().for_each(|case| case.changes(&mut changes));
    changes.sort();
    let mut level = 0;
    let mut levels: Vec<(SimTime, u64)> = Vec::new();
    for (at, by) in changes {
        level += by;
        match levels.last_mut() {
            Some(last) if last.0 == at => last.1 = level,
            _ => levels.push((at, level)),
        }
    }
    levels
}

/// The first instant in `[from, to)` whose level is `bound` or more.
fn find(levels: &[(SimTime, u64)], (from, to): (SimTime, SimTime), bound: u64) -> Option<SimTime> {
    let now = levels.partition_point(|(at, _)| *at <= from) - 1;
    let found = levels[now..].iter().find(|(_, level)| *level >= bound);
    let at = found.map(|(at, _)| (*at).max(from));
    at.filter(|at| *at < to)
}

#[test]
fn every_crossing_is_that_of_the_scan() {
    let mut rng = Streams::for_trial(9, 0).stream(Purpose(0), 0);
    let mut reached = 0;
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
            let expected = find(&levels, window, bound);
            assert_eq!(first_reach(&terms, bound, from, to), expected);
            assert_eq!(first_reach_eager(&terms, bound, from, to), expected);
            reached += u32::from(expected.is_some_and(|at| at > from));
        }
    }
    assert!(reached > 400, "only {reached} questions had a crossing");
}

/// Bounds at or beside levels that occur, windows that begin and end at changes or anywhere.
fn draw_question(levels: &[(SimTime, u64)], rng: &mut Rng) -> ((SimTime, SimTime), u64) {
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
    let level = levels[rng.random_range(0..levels.len())].1 + rng.random_range(0..3);
    ((from, to), level.saturating_sub(1))
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
        let terms = [Term::sizes(&tree)];
        let reached = first_reach(&terms, bound, SimTime::ZERO, SimTime::MAX).expect("it fills");
        // With the arrivals of this very instant the bound is reached, before it is not.
        assert!(tree.bytes_before(reached) < bound);
        assert!(tree.bytes_before(nanos(reached.as_nanos() + 1)) >= bound);
        assert_eq!(
            first_reach(&terms, u64::MAX, SimTime::ZERO, SimTime::MAX),
            None
        );
    }
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
        Term::sizes(&trees[0]).closed(&closed),
        Term::sizes(&trees[1]),
        Term::counted(&trees[2], 900),
    ];
    let end = SimTime::MAX;
    let mut crossed = 0;
    for step in 0..40 {
        let (bound, from) = (step * 5_000_000, secs(step * 7919 % 60_000));
        let reached = first_reach(&terms, bound, from, end);
        assert_eq!(reached, first_reach_eager(&terms, bound, from, end));
        crossed += u32::from(reached.is_some_and(|at| at > from));
    }
    assert!(crossed > 5, "only {crossed} questions had a crossing");
}

#[test]
fn what_is_rejected_is_never_there() {
    let hour = Intensity::constant(100.0, SimTime::ZERO, secs(3600));
    let key = Streams::for_trial(10, 0).key(Purpose(3), 2);
    let tree = ArrivalTree::new(key, hour, None);
    let mut closed = ClosedWindows::new();
    closed.close(secs(600));
    let first = tree.count_before(secs(600));
    assert_eq!(closed.accepted(&tree, secs(3600)).0, first);
    assert!(closed.contains(secs(3599)));
    closed.reopen(&tree, secs(1200));
    assert!(closed.contains(secs(600)) && !closed.contains(secs(1200)));
    let accepted = tree.total() - tree.count(secs(600), secs(1200));
    assert_eq!(closed.accepted(&tree, secs(3600)).0, accepted);
    let term = Term::counted(&tree, 1).closed(&closed);
    let reached = first_reach(&[term], first + 1, SimTime::ZERO, SimTime::MAX);
    let next = tree.nth(tree.count_before(secs(1200)));
    assert_eq!(reached, next.map(|arrival| arrival.at));
}

#[test]
fn the_most_terms_of_the_most_bytes_add_up() {
    let key = Streams::for_trial(10, 0).key(Purpose(3), 3);
    let tree = ArrivalTree::new(key, Intensity::constant(1.0, secs(0), secs(9)), None);
    let marks = Marks {
        shape: 2.0,
        mean_bytes: ArrivalTree::EXPECTED_BYTES_MAX / 9.0,
    };
    let marked = ArrivalTree::new(key, Intensity::constant(1.0, secs(0), secs(9)), Some(marks));
    let most = [Term::sizes(&marked).on_top(u64::MAX); TERMS_MAX];
    assert_eq!(
        first_reach(&most, u64::MAX, SimTime::ZERO, SimTime::MAX),
        None
    );
    let terms = [Term::counted(&tree, u64::MAX); TERMS_MAX];
    let last = tree.nth(tree.total() - 1).expect("something arrives");
    let share = ArrivalTree::BYTES_MAX / tree.total() * TERMS_MAX as u64;
    let find = |bound| first_reach(&terms, bound, SimTime::ZERO, SimTime::MAX);
    assert_eq!(find(share * tree.total()), Some(last.at));
    assert_eq!(find(share * tree.total() + 1), None);
    assert_eq!(find(u64::MAX), None);
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
    let terms = [Term::sizes(&sessions), Term::counted(&log, 300)];
    let reached = first_reach(&terms, 13_000_000_000, SimTime::ZERO, SimTime::MAX);
    assert_eq!(reached, Some(nanos(7_986_889_768_560)));
    let (from, end) = (SimTime::ZERO, SimTime::MAX);
    assert_eq!(
        first_reach_eager(&terms, 13_000_000_000, from, end),
        reached
    );
}
