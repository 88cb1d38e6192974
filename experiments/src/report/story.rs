//! The timeline of a typical trial: what was true, what observers believed, what people did.

use models::outcome::{RowGroup, Timeline, TimelineRow, Tone};
use output::chart::{Caption, Chart, Mark, Span, Strip, StripSeries, Track};
use sim::SimTime;

use crate::rows::read::Rows;
use crate::stats::{LEVEL, quantile};

/// The story of one trial of the baseline.
#[derive(Clone, Debug)]
pub struct Story {
    /// The trial.
    pub trial: u64,
    /// Its timeline.
    pub timeline: Timeline,
}

/// What is shown before the outage, and after it, in seconds.
const BEFORE_S: f64 = 900.0;
const AFTER_S: f64 = 1200.0;
/// More rows of nodes than this show nothing new.
const TRACKS_MAX: usize = 24;

/// The baseline's trial whose time to recover is closest to the median. `None` if no trial had an
/// outage that ended.
pub fn typical(rows: &Rows) -> Option<u64> {
    let recover = rows.optional("recover_s", 0);
    let median = quantile(&rows.defined("recover_s", 0), 0.5, LEVEL)?.value;
    let apart = |trial: &usize| recover[*trial].map_or(f64::INFINITY, |s| (s - median).abs());
    let place = (0..recover.len()).min_by(|a, b| apart(a).total_cmp(&apart(b)))?;
    Some(rows.trials_of(0)[place])
}

/// When a service first stopped answering.
pub fn onset(timeline: &Timeline) -> Option<SimTime> {
    bad_spans(timeline).map(|(from, _)| from).min()
}

/// When the last service that had stopped answered again.
fn recovery(timeline: &Timeline) -> Option<SimTime> {
    bad_spans(timeline).filter_map(|(_, to)| to).max()
}

fn bad_spans(timeline: &Timeline) -> impl Iterator<Item = (SimTime, Option<SimTime>)> + '_ {
    let services = timeline
        .rows
        .iter()
        .filter(|row| row.group == RowGroup::Services);
    services.flat_map(|row| {
        let next = |place: usize| row.spans.get(place + 1).map(|span| span.from);
        let bad = row
            .spans
            .iter()
            .enumerate()
            .filter(|(_, span)| span.tone == Tone::Bad);
        bad.map(move |(place, span)| (span.from, next(place)))
    })
}

/// One trial's timeline around its outage; minute 0 is `zero`, named so.
pub fn chart(timeline: &Timeline, caption: Caption, (zero, name): (SimTime, &str)) -> Chart {
    let zero = zero.as_secs_f64();
    let end = recovery(timeline).map_or(zero + 3600.0, SimTime::as_secs_f64);
    let window = (-BEFORE_S, end - zero + AFTER_S);
    let mut tracks: Vec<Track> = timeline
        .rows
        .iter()
        .map(|row| track(row, timeline, zero, window))
        .filter(|track| eventful(track, window))
        .collect();
    tracks.truncate(TRACKS_MAX);
    Chart::Timeline(output::chart::Timeline {
        caption,
        zero_label: name.to_owned(),
        from_s: window.0,
        to_s: window.1,
        tracks,
        strip: strip(timeline, zero, window),
    })
}

/// A node that is fine throughout is left out. An observer that sees nothing is worth showing.
fn eventful(track: &Track, window: (f64, f64)) -> bool {
    if track.group != group(RowGroup::Truth) {
        return true;
    }
    let seen = |span: &&Span| span.to_s > window.0 && span.from_s < window.1;
    let spans: Vec<&Span> = track.spans.iter().filter(seen).collect();
    let fine = |span: &&&Span| matches!(span.tone, output::Tone::Good | output::Tone::Waiting);
    spans.len() > 1 || spans.iter().filter(fine).count() < spans.len() || !track.marks.is_empty()
}

fn track(row: &TimelineRow, timeline: &Timeline, zero: f64, window: (f64, f64)) -> Track {
    let ends = row
        .spans
        .iter()
        .skip(1)
        .map(|span| span.from.as_secs_f64() - zero);
    let ends = ends.chain(std::iter::once(window.1.max(0.0)));
    let spans = row.spans.iter().zip(ends).map(|(span, to_s)| {
        let from_s = span.from.as_secs_f64() - zero;
        Span {
            from_s,
            to_s: to_s.max(from_s),
            state: span.state.clone(),
            tone: tone(span.tone),
        }
    });
    let seen =
        |span: &Span| span.to_s > window.0 && span.from_s < window.1 && span.to_s > span.from_s;
    let marks = timeline
        .marks
        .iter()
        .filter(|mark| mark.row == row.label)
        .map(|mark| Mark {
            at_s: mark.at.as_secs_f64() - zero,
            label: mark.label.clone(),
            tone: output::Tone::Acting,
        });
    Track {
        label: row.label.clone(),
        group: group(row.group).to_owned(),
        spans: spans.filter(seen).collect(),
        marks: marks
            .filter(|mark| mark.at_s >= window.0 && mark.at_s <= window.1)
            .collect(),
    }
}

const fn group(group: RowGroup) -> &'static str {
    match group {
        RowGroup::Truth => "truth",
        RowGroup::Observers => "observers",
        RowGroup::People => "people",
        RowGroup::Services => "services",
    }
}

const fn tone(tone: Tone) -> output::Tone {
    match tone {
        Tone::Good => output::Tone::Good,
        Tone::Doubtful => output::Tone::Degraded,
        Tone::Bad => output::Tone::Bad,
        Tone::Busy => output::Tone::Acting,
        Tone::Idle => output::Tone::Waiting,
    }
}

/// Requests per minute inside the window.
fn strip(timeline: &Timeline, zero: f64, window: (f64, f64)) -> Option<Strip> {
    let at = |minute: u64| minute as f64 * 60.0 - zero;
    let inside = |minute: &&(u64, u64, u64)| at(minute.0) >= window.0 && at(minute.0) < window.1;
    let minutes: Vec<&(u64, u64, u64)> = timeline.minutes.iter().filter(inside).collect();
    let last = minutes.last()?.0;
    let edges = minutes
        .iter()
        .map(|minute| at(minute.0))
        .chain(std::iter::once(at(last + 1)));
    let edges_s: Vec<f64> = edges.collect();
    let series = |name: &str, tone, count: fn(&(u64, u64, u64)) -> u64| StripSeries {
        name: name.to_owned(),
        tone,
        counts: minutes.iter().map(|minute| count(minute) as f64).collect(),
    };
    Some(Strip {
        name: "requests per minute".to_owned(),
        edges_s,
        series: vec![
            series("failed", output::Tone::Bad, |minute| minute.2),
            series("captured", output::Tone::Good, |minute| minute.1),
        ],
    })
}
