//! The arrival tree against its own full expansion: every answer, to the arrival and the byte.

mod common;

use common::{draw_tree, expand, nanos, secs};
use proptest::prelude::*;
use rand::RngExt;
use sim::{
    Arrival, ArrivalError, ArrivalTree, Intensity, Marks, Purpose, Rng, SimDuration, SimTime,
    Streams,
};

const SCENARIOS: u64 = 400;
const WINDOWS: usize = 40;

/// An instant that may matter: an arrival's own, the ones beside it, or any.
fn draw_instant(arrivals: &[Arrival], rng: &mut Rng) -> SimTime {
    let last = arrivals.last().map_or(1000, |last| last.at.as_nanos());
    if arrivals.is_empty() || rng.random_bool(0.3) {
        return nanos(rng.random_range(0..last + last / 5 + 2));
    }
    let arrival = arrivals[rng.random_range(0..arrivals.len())];
    nanos((arrival.at.as_nanos() + rng.random_range(0..3)).saturating_sub(1))
}

#[test]
fn every_answer_is_that_of_the_expansion() {
    let mut rng = Streams::for_trial(5, 0).stream(Purpose(0), 0);
    for scenario in 0..SCENARIOS {
        let tree = draw_tree(scenario, &mut rng);
        let arrivals = expand(&tree);
        check_expansion(&tree, &arrivals);
        for _ in 0..WINDOWS {
            let ends = [0; 2].map(|_| draw_instant(&arrivals, &mut rng));
            check_window(&tree, &arrivals, ends[0], ends[1]);
            check_lookups(&tree, &arrivals, &mut rng);
        }
    }
}

fn check_expansion(tree: &ArrivalTree, arrivals: &[Arrival]) {
    assert_eq!(tree.total(), arrivals.len() as u64);
    assert_eq!(
        tree.total_bytes(),
        arrivals.iter().map(|a| a.bytes).sum::<u64>()
    );
    assert!(arrivals.is_sorted_by_key(|arrival| arrival.at));
    for (index, arrival) in (0..).zip(arrivals) {
        assert_eq!(arrival.index, index);
    }
}

fn check_window(tree: &ArrivalTree, arrivals: &[Arrival], from: SimTime, to: SimTime) {
    let inside = |a: &&Arrival| from <= a.at && a.at < to;
    let expected: Vec<Arrival> = arrivals.iter().filter(inside).copied().collect();
    let bytes: u64 = expected.iter().map(|a| a.bytes).sum();
    assert_eq!(tree.count(from, to), expected.len() as u64);
    assert_eq!(tree.bytes(from, to), bytes);
    let before = arrivals.iter().filter(|a| a.at < to);
    assert_eq!(tree.count_before(to), before.clone().count() as u64);
    assert_eq!(tree.bytes_before(to), before.map(|a| a.bytes).sum::<u64>());
    let mut opened = Vec::new();
    tree.for_each(from, to, |arrival| opened.push(arrival));
    assert_eq!(opened, expected);
}

fn check_lookups(tree: &ArrivalTree, arrivals: &[Arrival], rng: &mut Rng) {
    let index = rng.random_range(0..tree.total() + 2);
    assert_eq!(tree.nth(index), arrivals.get(index as usize).copied());
}

#[test]
fn the_order_of_questions_is_irrelevant() {
    let mut rng = Streams::for_trial(6, 0).stream(Purpose(0), 0);
    let season = Intensity::constant(1000.0, SimTime::ZERO, secs(90 * 86_400));
    let marks = Marks {
        shape: 1.5,
        mean_bytes: 400.0,
    };
    let key = Streams::for_trial(6, 1).key(Purpose(3), 0);
    let tree = ArrivalTree::new(key, season, Some(marks));
    let cuts: Vec<SimTime> = (0..500)
        .map(|_| nanos(rng.random_range(0..90 * 86_400_000_000_000)))
        .collect();
    let answer = |t: &SimTime| (tree.count_before(*t), tree.bytes_before(*t));
    let forward: Vec<_> = cuts.iter().map(answer).collect();
    let mut backward: Vec<_> = cuts.iter().rev().map(answer).collect();
    backward.reverse();
    assert_eq!(forward, backward);
    // Sizes that are not asked for leave the counts as they are.
    let unmarked = ArrivalTree::new(key, tree.intensity().clone(), None);
    for (cut, (count, _)) in cuts.iter().zip(&forward) {
        assert_eq!(unmarked.count_before(*cut), *count);
    }
}

#[test]
fn parts_of_a_season_add_up() {
    let season = Intensity::constant(1000.0, SimTime::ZERO, secs(90 * 86_400));
    let marks = Marks {
        shape: 2.0,
        mean_bytes: 500.0,
    };
    let key = Streams::for_trial(7, 0).key(Purpose(3), 0);
    let tree = ArrivalTree::new(key, season, Some(marks));
    let days = (0..90).map(|day| (secs(day * 86_400), secs((day + 1) * 86_400)));
    assert_eq!(
        days.clone().map(|(a, b)| tree.count(a, b)).sum::<u64>(),
        tree.total()
    );
    let bytes = days.map(|(a, b)| tree.bytes(a, b)).sum::<u64>();
    assert_eq!(bytes, tree.total_bytes());

    // The same instant by rank, by counting and by opening.
    let arrival = tree.nth(6_000_000_123).expect("that many arrive");
    assert_eq!(tree.count_before(arrival.at), arrival.index);
    let until = arrival.at + SimDuration::from_nanos(1);
    assert_eq!(tree.bytes(arrival.at, until), arrival.bytes);
    let mut opened = Vec::new();
    tree.for_each(arrival.at, until, |arrival| opened.push(arrival));
    assert_eq!(opened, [arrival]);
}

#[test]
fn nothing_is_found_where_nothing_arrives() {
    let key = Streams::for_trial(8, 0).key(Purpose(3), 0);
    let silent = ArrivalTree::new(key, Intensity::constant(0.0, secs(0), secs(9)), None);
    assert_eq!((silent.total(), silent.total_bytes()), (0, 0));
    assert_eq!(silent.count(secs(0), secs(9)), 0);
    assert_eq!(silent.nth(0), None);
    silent.for_each(secs(0), SimTime::MAX, |_| panic!("a silent process"));

    let tree = ArrivalTree::new(key, Intensity::constant(50.0, secs(2), secs(9)), None);
    assert!(tree.total() > 0);
    assert_eq!(tree.count(secs(0), secs(2)), 0);
    assert_eq!(tree.count(secs(9), secs(90)), 0);
    assert_eq!(tree.count(secs(5), secs(5)), 0);
    assert_eq!(tree.count(secs(7), secs(3)), 0);
    assert_eq!(tree.count(secs(0), SimTime::MAX), tree.total());
}

#[test]
fn a_process_too_large_to_count_is_an_error() {
    let key = Streams::for_trial(8, 1).key(Purpose(3), 0);
    let second = |rate| Intensity::constant(rate, secs(0), secs(1));
    let made =
        |rate, marks| ArrivalTree::try_new(key, second(rate), marks).map(|tree| tree.total());
    let most = ArrivalTree::EXPECTED_MAX;
    assert!(made(most, None).is_ok_and(|total| total > 1 << 51));
    assert!(matches!(
        made(most * 1.01, None),
        Err(ArrivalError::TooMany { .. })
    ));
    let year = Intensity::constant(f64::MAX, secs(0), secs(365 * 86_400));
    let expected = f64::INFINITY;
    let endless = ArrivalTree::try_new(key, year, None).map(|tree| tree.total());
    assert_eq!(endless, Err(ArrivalError::TooMany { expected }));

    let of_size = |mean_bytes| {
        Some(Marks {
            shape: 0.1,
            mean_bytes,
        })
    };
    let too_many = made(9.0, of_size(ArrivalTree::EXPECTED_BYTES_MAX / 8.0));
    assert!(matches!(too_many, Err(ArrivalError::TooManyBytes { .. })));
    // So few and so uneven that a draw is often beyond the most: it is cut.
    let largest = (0..100).map(|trial| {
        let key = Streams::for_trial(8, trial).key(Purpose(3), 1);
        let marks = of_size(ArrivalTree::EXPECTED_BYTES_MAX);
        ArrivalTree::try_new(key, second(1.0), marks).map_or(0, |tree| tree.total_bytes())
    });
    assert_eq!(largest.max(), Some(ArrivalTree::BYTES_MAX));
}

#[test]
fn values_are_stable() {
    let pieces = [(secs(0), 400.0), (secs(60), 0.0), (secs(90), 1000.0)];
    let intensity = Intensity::piecewise(&pieces, secs(86_400));
    let marks = Marks {
        shape: 2.0,
        mean_bytes: 500.0,
    };
    let key = Streams::for_trial(2020, 17).key(Purpose(9), 4);
    let tree = ArrivalTree::new(key, intensity, Some(marks));
    let half = secs(43_200);
    assert_eq!(
        (tree.total(), tree.total_bytes()),
        (86_322_303, 43_164_687_013)
    );
    let before = (tree.count_before(half), tree.bytes_before(half));
    assert_eq!(before, (43_125_129, 21_562_028_154));
    let arrival = Arrival {
        at: nanos(40_073_975_232_811),
        bytes: 238,
        index: 40_000_000,
    };
    assert_eq!(tree.nth(40_000_000), Some(arrival));
}

/// What a script asks of a tree.
#[derive(Clone, Copy, Debug)]
enum Query {
    CountBefore,
    BytesBefore,
    Window,
    Opened,
    Nth,
}

/// Queries here and there: most on from the last, as events come, some anywhere.
fn queries() -> impl Strategy<Value = Vec<(Query, f64, bool)>> {
    let query = prop_oneof![
        Just(Query::CountBefore),
        Just(Query::BytesBefore),
        Just(Query::Window),
        Just(Query::Opened),
        Just(Query::Nth),
    ];
    prop::collection::vec((query, 0.0..1.0, prop::bool::weighted(0.8)), 1..60)
}

/// One answer as numbers: of the window that `share` of `span` after `from` ends.
fn answer(tree: &ArrivalTree, query: Query, from: SimTime, to: SimTime) -> Vec<u64> {
    match query {
        Query::CountBefore => vec![tree.count_before(to)],
        Query::BytesBefore => vec![tree.bytes_before(to)],
        Query::Window => vec![tree.count(from, to), tree.bytes(from, to)],
        Query::Opened => {
            let mut seen = Vec::new();
            tree.for_each(from, to, |a| {
                seen.extend([a.at.as_nanos(), a.bytes, a.index])
            });
            seen
        }
        Query::Nth => tree
            .nth(to.as_nanos() % (tree.total() + 1))
            .map_or(Vec::new(), |a| vec![a.at.as_nanos(), a.bytes, a.index]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// A tree that remembers where it looked, and shares what was drawn with others, answers as one
    /// that walks down from its root for the first time.
    #[test]
    fn what_is_remembered_changes_no_answer(
        seed in 0u64..1000,
        rate in prop_oneof![0.0..5.0, 0.0..50_000.0],
        marked: bool,
        script in queries(),
    ) {
        let streams = Streams::for_trial(21, seed).kept();
        let key = streams.key(Purpose(3), 0);
        let span = 1_000_000_000_000;
        let pieces = [(secs(0), rate), (secs(400), 0.0), (secs(700), rate * 3.0)];
        let intensity = Intensity::piecewise(&pieces, nanos(span));
        let marks = marked.then_some(Marks { shape: 2.0, mean_bytes: 800.0 });
        let fresh = || ArrivalTree::new(key, intensity.clone(), marks);
        let trees = [0; 2].map(|_| ArrivalTree::of(&streams, key, intensity.clone(), marks));
        // The same key with other sizes, at work in between.
        let other = Marks { shape: 7.0, mean_bytes: 90.0 };
        let other = ArrivalTree::of(&streams, key, intensity.clone(), Some(other));
        let mut from = nanos(0);
        for (number, (query, share, on)) in script.into_iter().enumerate() {
            let width = if on { span / 50 } else { span };
            let next = if on { from.as_nanos() } else { 0 } + (share * width as f64) as u64;
            let to = nanos(next.min(span + 5));
            let (early, late) = (from.min(to), from.max(to));
            // What opens everything would take too long.
            let short = SimDuration::from_secs(2);
            let early = if rate > 5.0 { late.saturating_sub(short) } else { early };
            other.bytes_before(to);
            let expected = answer(&fresh(), query, early, late);
            prop_assert_eq!(answer(&trees[number % 2], query, early, late), expected);
            from = to;
        }
    }
}
