//! The laboratory: what a client and the servers' logs say of a simulated run.

use std::collections::BTreeSet;

use failover::lab::{ClusterSetting, Failures, Fault, LabRun, ProbeSpec, Setting, run};
use sim::{SimDuration, Streams};

const HANG: Fault = Fault::Hang {
    resumed_after: None,
};

fn setting(node_timeout_ms: u64, fault: Fault) -> ClusterSetting {
    ClusterSetting {
        node_timeout: SimDuration::from_millis(node_timeout_ms),
        masters: 3,
        replicas_per_master: 1,
        require_full_coverage: true,
        without_replica: false,
        fault,
        probe: ProbeSpec {
            interval: SimDuration::from_millis(10),
            timeout: SimDuration::from_millis(200),
        },
    }
}

fn runs(setting: &ClusterSetting, count: u64) -> Vec<LabRun> {
    let setting = Setting::Cluster(setting.clone());
    let one =
        |number| run(&setting, None, &Streams::for_trial(1, number)).expect("it becomes healthy");
    (1..=count).map(one).collect()
}

#[test]
fn a_crash_costs_one_reset_and_refusals_and_never_a_clusterdown() {
    // As in all 110 measured runs: the client asks other nodes only after a failure, and they name
    // the dead owner until they know a new one.
    for run in runs(&setting(1000, Fault::Crash), 100) {
        let failures = run.client.failures;
        let expected = Failures {
            reset: 1,
            refused: failures.refused,
            ..Failures::default()
        };
        assert_eq!(failures, expected);
        assert_eq!(run.client.questions, failures.refused + 1);
        let unavailable = run.unavailable().expect("it recovers").as_secs_f64();
        let attempts = f64::from(failures.refused + 1) * 0.01;
        assert!((unavailable - attempts).abs() < 0.001, "{unavailable} s");
    }
}

#[test]
fn the_client_follows_a_promotion_within_its_own_delay() {
    // Measured after a crash: 10 to 62 ms, since most nodes learn of the promotion 43 ms late.
    let delay_ms = |run: &LabRun| {
        let recovered = run.client.recovered.expect("it recovers") - run.fault_at;
        (recovered - run.servers.promote.expect("it fails over")).as_secs_f64() * 1e3
    };
    let delays: Vec<f64> = runs(&setting(1000, Fault::Crash), 200)
        .iter()
        .map(delay_ms)
        .collect();
    assert!(
        delays.iter().all(|ms| (9.0..63.0).contains(ms)),
        "{delays:?}"
    );
    let early = delays.iter().filter(|ms| **ms < 21.0).count();
    assert!(
        (50..110).contains(&early),
        "measured 29 of 80, here {early} of 200"
    );
    // After a hang a question comes every 201 ms.
    for run in runs(&setting(1000, HANG), 50) {
        let delay = delay_ms(&run);
        assert!((0.0..500.0).contains(&delay), "{delay} ms");
        let failures = run.client.failures;
        let timeouts = Failures {
            timeout: failures.timeout,
            ..Failures::default()
        };
        assert_eq!(failures, timeouts);
    }
}

#[test]
fn a_primary_that_is_resumed_serves_again_and_does_what_has_waited() {
    let resumed_after = Some(SimDuration::from_millis(500));
    for run in runs(&setting(2000, Fault::Hang { resumed_after }), 50) {
        let unavailable = run.unavailable().expect("it recovers").as_secs_f64();
        assert!((0.490..0.503).contains(&unavailable), "{unavailable} s");
        assert_eq!((run.client.failures.timeout, run.client.done_late), (2, 2));
        assert_eq!(run.servers.promote, None);
    }
}

#[test]
fn a_resumed_primary_that_is_replaced_serves_until_then_and_redirects_from_then_on() {
    let resumed_after = Some(SimDuration::from_secs(3));
    let runs = runs(&setting(2000, Fault::Hang { resumed_after }), 200);
    let replaced: Vec<&LabRun> = runs
        .iter()
        .filter(|run| run.servers.promote > resumed_after)
        .collect();
    assert!(
        replaced.len() > 50,
        "measured 6 of 12, here {}",
        replaced.len()
    );
    for run in replaced {
        let recovered = run.client.recovered.expect("it recovers") - run.fault_at;
        assert!(recovered < SimDuration::from_millis(3_010), "at the resume");
        assert_eq!(run.client.moved_followed, 1);
        assert_eq!(run.client.failures.cluster_down, 0);
    }
}

#[test]
fn without_a_replica_nothing_comes_back_and_coverage_decides_for_the_others() {
    for require_full_coverage in [true, false] {
        let setting = ClusterSetting {
            require_full_coverage,
            without_replica: true,
            ..setting(2000, Fault::Crash)
        };
        for run in runs(&setting, 50) {
            let detect = run
                .servers
                .detect
                .expect("two of three agree")
                .as_secs_f64();
            assert!(
                (2.1..4.2).contains(&detect),
                "measured 2.221 to 3.329 s, here {detect}"
            );
            assert_eq!((run.servers.promote, run.unavailable()), (None, None));
            assert_eq!(run.servers.other_shards_ok, !require_full_coverage);
            let watched = run.client.last_fail.expect("it fails") - run.fault_at;
            assert!(watched > SimDuration::from_millis(14_980), "{watched}");
        }
    }
}

#[test]
fn settings_that_nobody_has_measured_can_be_run() {
    let base = setting(1000, Fault::Crash);
    let shapes = [(1, 1), (2, 2), (5, 1), (3, 0), (7, 2)];
    for (masters, replicas_per_master) in shapes {
        let setting = ClusterSetting {
            masters,
            replicas_per_master,
            ..base.clone()
        };
        for run in runs(&setting, 5) {
            // One or two primaries cannot form a majority without the dead one.
            let fails_over = masters > 2 && replicas_per_master > 0;
            assert_eq!(run.servers.promote.is_some(), fails_over, "{setting:?}");
            assert_eq!(run.unavailable().is_some(), fails_over, "{setting:?}");
        }
    }
    for node_timeout_ms in [100, 300, 15_000, 60_000] {
        assert_eq!(runs(&setting(node_timeout_ms, HANG), 2).len(), 2);
    }
}

#[test]
fn a_run_is_its_numbers_own() {
    let setting = setting(1000, Fault::Crash);
    assert_eq!(runs(&setting, 20), runs(&setting, 20));
    let detected: BTreeSet<_> = runs(&setting, 20)
        .iter()
        .map(|run| run.servers.detect)
        .collect();
    assert!(detected.len() > 15, "runs differ");
}
