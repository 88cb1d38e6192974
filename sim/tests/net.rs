//! What has come less what has gone, against a scan over every arrival and departure.

mod common;

use common::{draw_tree, expand, nanos, secs};
use rand::RngExt;
use sim::net::{first_below_net_eager, first_reach_net_eager};
use sim::{
    ArrivalTree, ClosedWindows, Intensity, Purpose, Rng, SimDuration, SimTime, Streams, Term,
    first_below_net, first_reach_net,
};

/// Things that live for so long after they have come: a tree of the ends of their lives.
struct Lives {
    ends: ArrivalTree,
    lifetime: SimDuration,
    windows: Vec<(SimTime, SimTime)>,
    closed: ClosedWindows,
}

impl Lives {
    fn draw(number: u64, rng: &mut Rng) -> Lives {
        let ends = draw_tree(number, rng);
        let last = ends.total().checked_sub(1).and_then(|last| ends.nth(last));
        let last = last.map_or(1000, |last| last.at.as_nanos());
        let lifetime = SimDuration::from_nanos(rng.random_range(0..last + 2));
        let mut cuts: Vec<SimTime> = (0..2 * rng.random_range(0..3))
            .map(|_| nanos(rng.random_range(0..last + 2)))
            .collect();
        cuts.sort();
        let windows: Vec<_> = cuts.chunks(2).map(|pair| (pair[0], pair[1])).collect();
        Lives {
            closed: ClosedWindows::of(&ends, &windows),
            ends,
            lifetime,
            windows,
        }
    }

    fn come(&self) -> Term<'_> {
        Term::sizes(&self.ends)
            .closed(&self.closed)
            .ahead(self.lifetime)
    }

    fn gone(&self) -> Term<'_> {
        Term::sizes(&self.ends).closed(&self.closed)
    }

    fn changes(&self, into: &mut Vec<(SimTime, i64)>) {
        for end in expand(&self.ends) {
            if self
                .windows
                .iter()
                .any(|(from, to)| *from <= end.at && end.at < *to)
            {
                continue;
            }
            let bytes = end.bytes as i64;
            into.push((end.at.saturating_sub(self.lifetime), bytes));
            into.push((end.at, -bytes));
        }
    }
}

/// The level from each instant on, in time order.
fn scan(all: &[Lives]) -> Vec<(SimTime, i64)> {
    let mut changes = vec![(SimTime::ZERO, 0)];
    all.iter().for_each(|lives| lives.changes(&mut changes));
    changes.sort();
    let mut level = 0;
    let of_instant = |together: &[(SimTime, i64)]| {
        level += together.iter().map(|(_, by)| by).sum::<i64>();
        (together[0].0, level)
    };
    changes
        .chunk_by(|a, b| a.0 == b.0)
        .map(of_instant)
        .collect()
}

/// The first instant in `[from, to)` whose level is such.
fn find(
    levels: &[(SimTime, i64)],
    (from, to): (SimTime, SimTime),
    is_so: impl Fn(i64) -> bool,
) -> Option<SimTime> {
    let now = levels.partition_point(|(at, _)| *at <= from) - 1;
    let found = levels[now..].iter().find(|(_, level)| is_so(*level));
    let at = found.map(|(at, _)| (*at).max(from));
    at.filter(|at| *at < to)
}

#[test]
fn every_instant_is_that_of_the_scan() {
    let mut rng = Streams::for_trial(19, 0).stream(Purpose(0), 0);
    let (mut reached, mut fallen) = (0, 0);
    for scenario in 0..200 {
        let count = rng.random_range(1..4);
        let all: Vec<Lives> = (0..count)
            .map(|i| Lives::draw(scenario * 10 + i, &mut rng))
            .collect();
        let come: Vec<Term> = all.iter().map(Lives::come).collect();
        let gone: Vec<Term> = all.iter().map(Lives::gone).collect();
        let (terms, levels) = ((&come[..], &gone[..]), scan(&all));
        for _ in 0..8 {
            let place = rng.random_range(0..levels.len());
            let bound = levels[place].1.max(0) as u64 + rng.random_range(0..2);
            let from = levels[rng.random_range(0..levels.len())].0;
            let to = [SimTime::MAX, levels[place].0][rng.random_range(0..2)];
            let expected = find(&levels, (from, to), |level| level >= bound as i64);
            assert_eq!(first_reach_net(terms, bound, from, to), expected);
            assert_eq!(first_reach_net_eager(terms, bound, from, to), expected);
            reached += u32::from(expected.is_some_and(|at| at > from));
            let expected = find(&levels, (from, to), |level| level < bound as i64);
            assert_eq!(first_below_net(terms, bound, from, to), expected);
            assert_eq!(first_below_net_eager(terms, bound, from, to), expected);
            fallen += u32::from(expected.is_some_and(|at| at > from));
        }
    }
    assert!(
        reached > 150 && fallen > 150,
        "only {reached} and {fallen} were met later"
    );
}

#[test]
fn a_steady_crowd_is_poisson_and_a_daily_one_follows_its_integral() {
    // M/D/infinity: the number of those who are there is Poisson with the mean of what has come
    // within a lifetime (Eick, Massey and Whitt 1993), whatever the hour.
    let (lifetime, day) = (SimDuration::from_hours(6), 86_400);
    let hours: Vec<(SimTime, f64)> = (0..24 * 4)
        .map(|hour| {
            (
                secs(hour * 3600),
                0.02 * f64::from(1 + (hour % 24 > 11) as u32),
            )
        })
        .collect();
    let ends = Intensity::piecewise(&hours, secs(4 * day));
    let at = secs(2 * day + 13 * 3600);
    let expected = ends.cumulative(at + lifetime) - ends.cumulative(at);
    let counts: Vec<f64> = (0..400)
        .map(|trial| {
            let key = Streams::for_trial(20, trial).key(Purpose(3), 0);
            let tree = ArrivalTree::new(key, ends.clone(), None);
            tree.count(at, at + lifetime) as f64
        })
        .collect();
    let mean = counts.iter().sum::<f64>() / 400.0;
    let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / 399.0;
    assert!(
        (mean - expected).abs() < 4.0 * (expected / 400.0).sqrt(),
        "{mean} of {expected}"
    );
    assert!(
        (variance / expected - 1.0).abs() < 0.3,
        "{variance} of {expected}"
    );
}
