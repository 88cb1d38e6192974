//! The durable spool, in whole trials: what it takes is replayed to Redis at its rate, and nothing
//! of it is lost.

use crate::support::{small_world, trial};
use models::TrialOutcome;
use models::moment::MomentKind;
use models::spec::service::SpoolSpec;
use models::{Mode, TrialResult};
use sim::quantity::PerSec;
use sim::{SimDuration, SimTime};

/// One trial of the small world, whose spool replays `drain` writes a second.
fn drained(drain: f64, number: u64, mode: Mode) -> TrialResult {
    let mut spec = small_world(&[]);
    let drain = PerSec::new(drain).unwrap();
    spec.services[0].spool = Some(SpoolSpec { drain });
    trial(&spec, number, mode)
}

/// What the trace says of the spool in lines that end like this, added up.
fn told(result: &TrialResult, after: &str) -> u64 {
    let lines = result
        .trace
        .iter()
        .filter(|(_, line)| line.ends_with(after));
    let words = lines.flat_map(|(_, line)| line.split(' '));
    words.filter_map(|word| word.parse::<u64>().ok()).sum()
}

fn times(result: &TrialResult, what: MomentKind) -> Vec<SimTime> {
    let moments = result.moments.iter().filter(|moment| moment.kind == what);
    moments.map(|moment| moment.at).collect()
}

#[test]
fn everything_that_the_spool_took_is_replayed() {
    let mut spooled = 0;
    for number in 0..12 {
        let result = drained(1e6, number, Mode::Lazy);
        let outcome = &result.outcome;
        let writes = told(&result, " writes are replayed") + outcome.spool_left;
        // A signer who pressed again while the first press waited may be in it twice.
        let at_most = outcome.spooled + outcome.captured_twice;
        assert!(
            (outcome.spooled..=at_most).contains(&writes),
            "trial {number}"
        );
        assert_eq!(outcome.spool_replay_s.is_some(), outcome.spooled > 0);
        spooled += outcome.spooled;
    }
    assert!(spooled > 100, "{spooled} in the spool");
}

/// From closings to empty spools, all added up; `None` if a spool was opened before it was empty.
fn replaying(result: &TrialResult) -> Option<f64> {
    let (closes, empty) = (
        times(result, MomentKind::SpoolCloses),
        times(result, MomentKind::SpoolEmpty),
    );
    let opens = times(result, MomentKind::SpoolOpens);
    let apart = opens.iter().zip(&empty).all(|(_, empty)| {
        let open = opens.iter().filter(|at| *at <= empty).count();
        let closed = closes.iter().filter(|at| *at <= empty).count();
        open == closed
    });
    if closes.is_empty() || closes.len() != empty.len() || !apart {
        return None;
    }
    let pairs = closes.iter().zip(&empty);
    let sum = pairs.fold(SimDuration::ZERO, |sum, (closes, empty)| {
        sum + (*empty - *closes)
    });
    Some(sum.as_secs_f64())
}

/// Trials of this world whose replays, added up, took as long as `drain` writes a second need for
/// what they replayed. None is shorter; one is longer if Redis did not serve meanwhile.
fn take_their_time(changes: &[(&str, &str)], rate: f64, drain: f64) -> u32 {
    let mut spec = small_world(changes);
    let per_second = PerSec::new(rate).unwrap();
    spec.services[0].spool = Some(SpoolSpec { drain: per_second });
    let mut exact = 0;
    for number in 0..12 {
        let result = trial(&spec, number, Mode::Lazy);
        let Some(took) = replaying(&result) else {
            continue;
        };
        let needs = told(&result, " writes are replayed") as f64 / drain;
        assert!(
            took >= needs - 1e-6,
            "trial {number}: {took} s for {needs} s"
        );
        exact += u32::from((took - needs).abs() < 1e-6);
    }
    exact
}

#[test]
fn it_is_empty_after_its_backlog_over_the_drain_rate() {
    let exact = take_their_time(&[], 20.0, 20.0);
    assert!(exact >= 6, "{exact} of 12 trials");
}

#[test]
fn a_cell_drains_its_part() {
    let cells = "{ kind = \"cells\", count = 4, budget = \"equal-memory\" }";
    let exact = take_their_time(&[("layout", cells)], 20.0, 5.0);
    assert!(exact >= 6, "{exact} of 12 trials");
}

#[test]
fn a_slow_drain_changes_nothing_but_the_replay() {
    let without = |outcome: &TrialOutcome| TrialOutcome {
        spool_replay_s: None,
        spool_left: 0,
        ..outcome.clone()
    };
    let mut left = 0;
    for number in 0..8 {
        let (fast, slow) = (
            drained(1e6, number, Mode::Lazy).outcome,
            drained(1e-3, number, Mode::Lazy).outcome,
        );
        assert_eq!(without(&fast), without(&slow), "trial {number}");
        assert!(slow.spool_left >= fast.spool_left);
        assert!(slow.spool_replay_s >= fast.spool_replay_s);
        left += slow.spool_left;
        assert_eq!(drained(1e-3, number, Mode::Eager).outcome, slow);
    }
    assert!(left > 100, "{left} in the spool at the end");
}
