//! The sample timeline: one invented outage, with a strip of visits under it.

use output::Tone;
use output::chart::{Chart, Mark, Span, Strip, StripSeries, Timeline, Track};

use super::{caption, noise};

fn span(from_min: f64, to_min: f64, state: &str, tone: Tone) -> Span {
    Span {
        from_s: from_min * 60.0,
        to_s: to_min * 60.0,
        state: state.to_string(),
        tone,
    }
}

fn mark(at_min: f64, label: &str, tone: Tone) -> Mark {
    Mark {
        at_s: at_min * 60.0,
        label: label.to_string(),
        tone,
    }
}

fn track(group: &str, label: &str, spans: Vec<Span>, marks: Vec<Mark>) -> Track {
    Track {
        label: label.to_string(),
        group: group.to_string(),
        spans,
        marks,
    }
}

/// One outage, as it was and as it was seen.
pub fn timeline() -> Chart {
    Chart::Timeline(Timeline {
        caption: caption(
            "For 96 minutes no order could be taken while the check said healthy",
            "One outage: what was true, who saw what, who did what, and what customers met",
        ),
        zero_label: "store full".to_string(),
        from_s: -600.0,
        to_s: 6_600.0,
        tracks: [observed(), met()].concat(),
        strip: Some(strip()),
    })
}

/// What was true, and what the checks saw of it.
fn observed() -> Vec<Track> {
    vec![
        track(
            "TRUTH",
            "Store can take orders",
            vec![
                span(-10.0, 0.0, "yes", Tone::Good),
                span(0.0, 88.0, "no: store is full", Tone::Bad),
                span(88.0, 96.0, "refilling", Tone::Degraded),
                span(96.0, 110.0, "yes", Tone::Good),
            ],
            vec![
                mark(
                    4.2,
                    "second store promoted: as full as the first",
                    Tone::Bad,
                ),
                mark(9.5, "third store promoted: full", Tone::Bad),
                mark(12.0, "switching stopped by its guard", Tone::Degraded),
            ],
        ),
        track(
            "OBSERVERS",
            "Shallow check",
            vec![
                span(-10.0, 4.2, "healthy", Tone::Good),
                span(4.2, 5.0, "no answer", Tone::Bad),
                span(5.0, 110.0, "healthy", Tone::Good),
            ],
            vec![],
        ),
        track(
            "OBSERVERS",
            "Trial order (not built then)",
            vec![
                span(-10.0, 0.5, "healthy", Tone::Good),
                span(0.5, 96.5, "failing", Tone::Bad),
                span(96.5, 110.0, "healthy", Tone::Good),
            ],
            vec![mark(0.5, "would have paged here", Tone::Acting)],
        ),
    ]
}

/// What people did, and what customers met.
fn met() -> Vec<Track> {
    vec![
        track(
            "PEOPLE",
            "On call",
            vec![
                span(14.0, 19.0, "on the way", Tone::Waiting),
                span(19.0, 62.0, "looking for the cause", Tone::Acting),
                span(62.0, 88.0, "bringing up larger stores", Tone::Acting),
                span(88.0, 104.0, "watching", Tone::Acting),
            ],
            vec![
                mark(14.0, "customers call", Tone::Bad),
                mark(62.0, "cause found", Tone::Acting),
            ],
        ),
        track(
            "SERVICES",
            "Checkout",
            vec![
                span(-10.0, 0.0, "up", Tone::Good),
                span(0.0, 2.0, "slow", Tone::Degraded),
                span(2.0, 97.0, "down", Tone::Bad),
                span(97.0, 110.0, "up", Tone::Good),
            ],
            vec![],
        ),
        track(
            "SERVICES",
            "Recommendations",
            vec![
                span(-10.0, 2.0, "up", Tone::Good),
                span(2.0, 97.0, "without history", Tone::Degraded),
                span(97.0, 110.0, "up", Tone::Good),
            ],
            vec![],
        ),
    ]
}

fn strip() -> Strip {
    let bins: Vec<f64> = (-10..110).map(f64::from).collect();
    let visits = |minute: f64| 120.0 + 12.0 * noise(minute as i32) + minute * 0.2;
    let failing = |minute: f64| match minute {
        early if early < 0.0 => 0.0,
        onset if onset < 2.0 => 0.5,
        down if down < 96.0 => 1.0,
        _ => 0.0,
    };
    Strip {
        name: "Order attempts per minute".to_string(),
        edges_s: (-10..=110).map(|minute| f64::from(minute) * 60.0).collect(),
        series: vec![
            StripSeries {
                name: "taken".to_string(),
                tone: Tone::Good,
                counts: bins
                    .iter()
                    .map(|m| visits(*m) * (1.0 - failing(*m)))
                    .collect(),
            },
            StripSeries {
                name: "failed".to_string(),
                tone: Tone::Bad,
                counts: bins
                    .iter()
                    .map(|m| visits(*m) * failing(*m) * 1.8)
                    .collect(),
            },
        ],
    }
}
