//! What one real node does beside what the model's node does: when a primary without its replica
//! refuses writes, when a node that runs a script says so, how long keys take to be deleted, and
//! what becomes of replicas whose primary is back without data. `outage validate` judges the same
//! by many runs (`models/lab/README.md`).

use std::time::Duration;

use experiments::validate::Order;
use experiments::validate::node::{Deed, Simulated, simulate};
use sim::SimDuration;

use crate::model;
use crate::real::node::{Content, Rebirth, Removal, rebirth, removal, script, silence};

fn modelled(deed: &Deed) -> Simulated {
    let order = Order { runs: 500, seed: 1 };
    simulate(deed, order).expect("it is simulated")
}

#[track_caller]
fn within(what: &str, real_ms: f64, model: &Simulated) {
    assert_eq!(model.seconds.len(), model.runs, "it always happens");
    model::times_within(what, real_ms, &model.seconds);
}

#[test]
fn a_primary_whose_replica_is_silent_refuses_writes_when_the_model_says() {
    if !crate::redis_is_here() {
        return;
    }
    for max_lag_s in [2, 5] {
        let deed = Deed::Silence {
            max_lag: SimDuration::from_secs(max_lag_s),
        };
        let phase = Duration::from_millis(1_200 + 170 * max_lag_s);
        let what = format!("-NOREPLICAS, max-lag {max_lag_s} s");
        let found = silence(max_lag_s, phase).expect("writes are refused");
        within(&what, found, &modelled(&deed));
    }
}

#[test]
fn a_node_that_runs_a_script_is_silent_and_then_busy_until_the_script_is_killed() {
    if !crate::redis_is_here() {
        return;
    }
    for threshold_ms in [300, 1_500] {
        let found = script(threshold_ms);
        // The first answer to a PING that came while it was silent.
        assert_eq!(found.answer.as_deref(), Some("BUSY"));
        let deed = Deed::Script {
            threshold: SimDuration::from_millis(threshold_ms),
        };
        let what = format!("-BUSY, threshold {threshold_ms} ms");
        within(&what, found.answered_ms, &modelled(&deed));
        let killed = format!("+PONG {:.0} ms after SCRIPT KILL", found.killed_ms);
        crate::show(&killed);
        assert!(found.killed_ms < model::LATER_MS, "{killed}");
    }
}

/// What is held to bounds is CPU time, since a busy machine makes anything last.
///
/// A hash of a million members blocks its node for tenths of a second, unless another thread frees
/// it. The model has no rule for it; what `slow-command` is told is from `models/lab/`.
#[test]
fn one_large_key_takes_long_to_delete_unless_another_thread_frees_it() {
    if !crate::redis_is_here() {
        return;
    }
    let takes = |how| removal(how, Content::Hash, 1_000_000).cpu_ms;
    let del = takes(Removal::Del);
    crate::show(&format!("DEL of a hash of 1,000,000 members: {del:.1} ms"));
    // 0.1 to 3 us a member.
    assert!((100.0..3_000.0).contains(&del), "{del} ms");
    for how in [Removal::Unlink, Removal::LazyDel] {
        let lazy = takes(how);
        crate::show(&format!("{how:?} of the same: {lazy:.1} ms"));
        assert!(lazy < del / 4.0, "{how:?}: {lazy} ms beside {del}");
    }
}

#[test]
fn flushing_takes_about_as_long_as_the_model_says_and_no_time_if_another_thread_does_it() {
    if !crate::redis_is_here() {
        return;
    }
    const KEYS: u32 = 1_000_000;
    let model = |how| {
        let deed = Deed::Removal {
            how,
            content: "strings".to_owned(),
            keys: KEYS,
            members: 1,
        };
        1e3 * modelled(&deed).seconds[0]
    };
    let real = |how| removal(how, Content::Strings, KEYS.into()).cpu_ms;
    let (sync, modelled) = (real(Removal::Flush), model(Removal::Flush));
    crate::show(&format!(
        "FLUSHALL of {KEYS} keys: real {sync:.0} ms, model {modelled:.0}"
    ));
    // A rate of the machine.
    assert!(
        (modelled / 4.0..modelled * 4.0).contains(&sync),
        "{sync} ms beside {modelled}"
    );
    let lazy = real(Removal::FlushAsync);
    crate::show(&format!("FLUSHALL ASYNC: real {lazy:.1} ms"));
    assert!(model(Removal::FlushAsync) < 1.0);
    assert!(lazy < sync / 4.0, "{lazy} ms beside {sync}");
}

#[test]
fn replicas_of_a_primary_that_is_back_without_data_are_empty_when_the_model_says() {
    if !crate::redis_is_here() {
        return;
    }
    const KEYS: u64 = 20_000;
    let setting = Rebirth {
        replicas: 2,
        keys: KEYS,
        restart_after: Duration::ZERO,
        sync_delay_s: 0,
        down_after_ms: 5_000,
    };
    let found = rebirth(&setting, Duration::from_millis(900));
    crate::show(&format!("{found:?}"));
    let model = modelled(&Deed::Rebirth {
        restart_after: SimDuration::ZERO,
        replicas: 2,
        keys: KEYS as u32,
        sync_delay: SimDuration::ZERO,
        down_after: SimDuration::from_secs(5),
    });
    assert_eq!((found.primary_keys, found.replica_keys), (0, 0));
    assert!(model.kept.iter().all(|share| *share == 0.0), "{model:?}");
    assert!(!found.promoted && model.promoted.iter().all(|share| *share == 0.0));
    within("empty replicas", found.emptied_ms, &model);
}
