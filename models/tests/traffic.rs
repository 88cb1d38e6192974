//! Rates that vary: counts against closed forms, laziness, and what designs have in common.

use crate::support::{small_world, trial};
use models::Mode;
use models::WorldSpec;
use models::spec::ClockSpec;
use models::traffic::intensity;
use sim::{ArrivalTree, Intensity, Purpose, SimDuration, SimTime, Streams};

/// Every way in which a rate varies, as keys of `[signers]`.
const WAYS: [(&str, &str); 5] = [
    (
        "signers.hourly",
        r#"["0.5x", "2x", "1x", "0.5x", "1x", "1x", "1x", "1x", "1x", "1x", "1x", "1x",
            "1x", "1x", "1x", "1x", "1x", "1x", "1x", "1x", "1x", "1x", "1x", "1x"]"#,
    ),
    (
        "signers.weekly",
        r#"["1x", "2x", "1x", "1x", "1x", "0.5x", "0.5x"]"#,
    ),
    (
        "signers.bursts",
        r#"{ kind = "mmpp", high = "4x", low_mean = "10min", high_mean = "3min" }"#,
    ),
    (
        "signers.surge",
        r#"[{ at = { kind = "uniform", min = "10min", max = "2h" }, factor = "5x",
             lasts = { kind = "exponential", mean = "20min" } }]"#,
    ),
    (
        "signers.recorded",
        r#""at,per_sec\n2020-06-03T01:50Z,1\n2020-06-02 22:10-04:00,3.5\n2020-06-03 05:00Z,0.25""#,
    ),
];

/// Ten in the evening of a Tuesday, so that hours, days and dates change within the trial.
const CLOCK: (&str, &str) = (
    "clock",
    r#"{ starts = "2020-06-02 22:00", zone = "-04:00" }"#,
);

fn of_signers(spec: &WorldSpec, streams: &Streams) -> Intensity {
    let clock = spec.clock.as_ref();
    intensity(&spec.signers.traffic(), clock, 0, streams, spec.horizon)
}

/// Arrivals a second at `t`, where the rate stays as it is for the next second.
fn rate_at(intensity: &Intensity, t: SimTime) -> f64 {
    let second = SimDuration::from_secs(1);
    intensity.cumulative(t + second) - intensity.cumulative(t)
}

fn minutes(minutes: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_mins(minutes)
}

#[test]
fn opening_everything_changes_nothing_whatever_the_rate() {
    let mut worlds: Vec<Vec<(&str, &str)>> = WAYS.iter().map(|way| vec![CLOCK, *way]).collect();
    worlds.push([&[CLOCK], WAYS.as_slice()].concat());
    for changes in worlds {
        let spec = small_world(&changes);
        for number in 1..4 {
            let lazy = trial(&spec, number, Mode::Lazy);
            assert_eq!(lazy, trial(&spec, number, Mode::Eager), "{changes:?}");
        }
    }
}

#[test]
fn hours_days_and_dates_are_local() {
    let none = Streams::for_trial(1, 1);
    let hourly = small_world(&[CLOCK, WAYS[0]]);
    let expected = of_signers(&hourly, &none);
    // From 22 o'clock on: two hours at 1x, then midnight's 0.5x and one o'clock's 2x, of 2/s.
    let rates = [(119, 2.0), (121, 1.0), (179, 1.0), (181, 4.0)];
    for (at, rate) in rates {
        assert_eq!(rate_at(&expected, minutes(at)), rate, "minute {at}");
    }
    let weekly = small_world(&[CLOCK, WAYS[1]]);
    let expected = of_signers(&weekly, &none);
    assert_eq!(rate_at(&expected, minutes(119)), 4.0, "Tuesday");
    assert_eq!(rate_at(&expected, minutes(120)), 2.0, "Wednesday");
    let recorded = small_world(&[CLOCK, WAYS[4]]);
    let expected = of_signers(&recorded, &none);
    let rates = [
        (0, 1.0),
        (9, 1.0),
        (10, 3.5),
        (179, 3.5),
        (180, 0.25),
        (239, 0.25),
    ];
    for (at, rate) in rates {
        assert_eq!(rate_at(&expected, minutes(at)), rate, "minute {at}");
    }
    // Without a clock it is Monday's midnight.
    let plain = of_signers(&small_world(&[WAYS[0], WAYS[1]]), &none);
    assert_eq!(rate_at(&plain, minutes(0)), 1.0);
    assert_eq!(rate_at(&plain, minutes(61)), 4.0);
}

#[test]
fn before_its_first_row_a_series_leaves_the_stated_rate() {
    let spec = small_world(&[("signers.recorded", r#""at_s,per_sec\n3600,7\n""#)]);
    let rates = of_signers(&spec, &Streams::for_trial(1, 1));
    assert_eq!(rate_at(&rates, minutes(59)), 2.0);
    assert_eq!(rate_at(&rates, minutes(60)), 7.0);
    assert_eq!(rates.total(), 2.0 * 3600.0 + 7.0 * 3.0 * 3600.0);
}

#[test]
fn visits_number_what_the_closed_form_says() {
    // Hours: two at 2/s, one at 1/s, one at 4/s. Days: two at 4/s, two at 2/s. Series: ten minutes
    // at 1/s, until 1 o'clock at 3.5/s, an hour at 0.25/s.
    let surge = r#"[{ at = { kind = "constant", value = "1h" }, factor = "5x",
                     lasts = { kind = "constant", value = "30min" } }]"#;
    let hour = 3600.0;
    let cases = [
        (WAYS[0], (2.0 + 2.0 + 1.0 + 4.0) * hour),
        (WAYS[1], (4.0 + 4.0 + 2.0 + 2.0) * hour),
        (WAYS[4], 600.0 + 3.5 * 170.0 * 60.0 + 0.25 * hour),
        (("signers.surge", surge), 2.0 * hour * (4.0 + 4.0 * 0.5)),
    ];
    for (way, mean) in cases {
        let spec = small_world(&[CLOCK, way]);
        let trials = 40;
        let visits = |number| trial(&spec, number, Mode::Lazy).outcome.visits as f64;
        let sum: f64 = (0..trials).map(visits).sum();
        let expected = mean * trials as f64;
        let sigma = expected.sqrt();
        assert!(
            (sum - expected).abs() < 4.0 * sigma,
            "{way:?}: {sum} for {expected}"
        );
    }
}

/// Mean count in `window`, and variance over mean, of bursts under `mean`; with their deviations.
fn dispersion(mean: &str, window: &str) -> [(f64, f64); 2] {
    let bursts = format!(
        r#"{{ kind = "mmpp", high = "4x", low_mean = "50s", high_mean = "20s", mean = "{mean}" }}"#
    );
    let horizon = format!("\"{window}\"");
    let spec = small_world(&[("horizon", &horizon), ("signers.bursts", &bursts)]);
    let count = |trial: u64| {
        let streams = Streams::for_trial(3, trial);
        let key = streams.key(Purpose(1), 0);
        ArrivalTree::new(key, of_signers(&spec, &streams), None).total() as f64
    };
    let batch = |batch: u64| {
        let counts: Vec<f64> = (batch * 500..(batch + 1) * 500).map(count).collect();
        let mean = counts.iter().sum::<f64>() / 500.0;
        let squares: f64 = counts.iter().map(|count| (count - mean).powi(2)).sum();
        [mean, squares / 499.0 / mean]
    };
    let batches: Vec<[f64; 2]> = (0..60).map(batch).collect();
    [0, 1].map(|which| {
        let values = batches.iter().map(|batch| batch[which]);
        let mean = values.clone().sum::<f64>() / 60.0;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        (mean, (squares / 59.0 / 60.0).sqrt())
    })
}

#[test]
fn bursts_have_the_mean_and_the_dispersion_of_their_process() {
    // Rates a and b, left at r and s per second: with q = r + s and the stationary shares
    // s / q and r / q the count of a window t has the mean m t and the variance
    // m t + 2 (a - b)^2 (r s / q^2) (t / q - (1 - e^-qt) / q^2).
    let (r, s) = (1.0 / 50.0, 1.0 / 20.0);
    let q: f64 = r + s;
    for (kept, low) in [("kept", 2.0 / (1.0 + 3.0 * r / q)), ("raised", 2.0)] {
        let high = 4.0 * low;
        let mean = (low * s + high * r) / q;
        for (window, t) in [("10s", 10.0), ("2min", 120.0)] {
            let spread = (t / q) - (1.0 - (-q * t).exp()) / (q * q);
            let variance = mean * t + 2.0 * (high - low).powi(2) * r * s / (q * q) * spread;
            let expected = [mean * t, variance / (mean * t)];
            for ((found, sigma), expected) in dispersion(kept, window).into_iter().zip(expected) {
                let apart = (found - expected).abs();
                assert!(
                    apart < 4.0 * sigma,
                    "{kept}, {window}: {found} for {expected}"
                );
            }
        }
    }
}

#[test]
fn every_design_meets_the_same_arrivals() {
    let designs = [
        ("layout", "{ kind = \"shared\" }"),
        (
            "layout",
            "{ kind = \"per-workload\", budget = \"equal-memory\" }",
        ),
        ("health_check", "[]"),
        ("redis.node_memory", "\"2GiB\""),
    ];
    for number in 1..5 {
        let visits = designs.map(|design| {
            let spec = small_world(&[&[CLOCK, design], WAYS.as_slice()].concat());
            trial(&spec, number, Mode::Lazy).outcome.visits
        });
        assert_eq!(visits, [visits[0]; 4], "trial {number}");
    }
}

#[test]
fn callers_vary_on_their_own() {
    let caller = r#"[{ service = "api", calls = "2/s", bursts = { kind = "mmpp", high = "9x",
        low_mean = "10min", high_mean = "3min" } }]"#;
    let spec = small_world(&[("caller", caller), WAYS[2]]);
    let streams = Streams::for_trial(1, 1);
    let of_callers = |entity| {
        let traffic = spec.callers[0].traffic();
        intensity(&traffic, None::<&ClockSpec>, entity, &streams, spec.horizon)
    };
    let signers = of_signers(&spec, &streams);
    let rates = |intensity: &Intensity| -> Vec<bool> {
        let rate = |minute| rate_at(intensity, minutes(minute)) > 2.0;
        (0..240).map(rate).collect()
    };
    assert_ne!(
        rates(&of_callers(1)),
        rates(&signers),
        "bursts of their own"
    );
    assert_eq!(
        rates(&of_callers(0)),
        rates(&signers),
        "by name, not by size"
    );
}
