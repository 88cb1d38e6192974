//! States over time: one track per observer under the heading of its group, instants with their
//! labels above the bar, counts as areas at the bottom, minutes from a marked zero.

use super::axis::Ruler;
use super::canvas::{Anchor, Canvas, Lettering};
use super::frame::{self, INNER, MARGIN, Swatch, WIDTH};
use super::theme::Paint;
use super::timeline_labels::{self as labels, Label, Placed};
use crate::chart::{Span, Strip, Timeline, Track};
use crate::colour::Tone;
use crate::format::Format;

const LABELS_MOST: f64 = 190.0;
const BAR: f64 = 20.0;
const GROUP_HEADING: f64 = 26.0;
const STRIP_HEIGHT: f64 = 92.0;
const STATE: Lettering = Lettering {
    size: 11.5,
    bold: false,
    paint: Paint::Ink,
};

/// A track with its place.
struct Row<'a> {
    track: &'a Track,
    label: Vec<String>,
    heading: Option<&'a str>,
    placed: Vec<Placed>,
    bar_top: f64,
}

pub(super) fn draw(canvas: &mut Canvas, chart: &Timeline) -> f64 {
    let top = frame::open(canvas, &chart.caption);
    if chart.tracks.is_empty() && chart.strip.is_none() {
        let bottom = frame::nothing(canvas, top, "Nothing to show");
        return frame::close(canvas, &chart.caption, bottom);
    }
    let chart = &clipped(chart);
    let top = legend(canvas, chart, top);
    let names = chart
        .tracks
        .iter()
        .map(|track| Lettering::BODY.width(&track.label));
    let label_width = names.fold(60.0, f64::max).min(LABELS_MOST);
    let (unit_s, unit) = unit(chart.to_s - chart.from_s);
    let stretch = (MARGIN + label_width + 16.0, WIDTH - MARGIN - 6.0);
    let ends = (chart.from_s / unit_s, chart.to_s / unit_s);
    let time = Ruler::exact(Format::Decimals(2), ends, stretch, 9);
    let at = |seconds: f64| time.at(seconds / unit_s);

    let (rows, tracks_bottom) = lay_out(chart, label_width, stretch, &at, top + 22.0);
    let strip_top = tracks_bottom + if chart.strip.is_some() { 36.0 } else { 0.0 };
    let bottom = strip_top
        + if chart.strip.is_some() {
            STRIP_HEIGHT
        } else {
            0.0
        };
    for row in &rows {
        let (from, to) = ((stretch.0, row.bar_top), (stretch.1, row.bar_top + BAR));
        canvas.rect(from, to, Paint::Stripe);
    }
    time_axis(
        canvas,
        &time,
        (top + 18.0, bottom),
        &format!("{unit}; 0: {}", chart.zero_label),
    );
    zero(canvas, chart, at(0.0), (top, bottom), stretch);
    for row in &rows {
        draw_row(canvas, row, stretch, &at);
    }
    if let Some(strip) = &chart.strip {
        draw_strip(canvas, strip, strip_top, stretch, &at);
    }
    frame::close(canvas, &chart.caption, bottom + 46.0)
}

/// The chart without what lies outside its edges.
fn clipped(chart: &Timeline) -> Timeline {
    let mut chart = chart.clone();
    let (from_s, to_s) = (chart.from_s, chart.to_s);
    for track in &mut chart.tracks {
        track
            .spans
            .retain(|span| span.to_s > from_s && span.from_s < to_s);
        track
            .marks
            .retain(|mark| mark.at_s >= from_s && mark.at_s <= to_s);
    }
    chart
}

/// The unit that leaves a handful of ticks, in seconds and in words.
fn unit(length_s: f64) -> (f64, &'static str) {
    match length_s {
        short if short <= 300.0 => (1.0, "seconds"),
        medium if medium <= 12.0 * 3600.0 => (60.0, "minutes"),
        long if long <= 10.0 * 86_400.0 => (3600.0, "hours"),
        _ => (86_400.0, "days"),
    }
}

fn legend(canvas: &mut Canvas, chart: &Timeline, top: f64) -> f64 {
    let spans = chart.tracks.iter().flat_map(|track| &track.spans);
    let used: Vec<Tone> = spans.map(|span| span.tone).collect();
    let tones = Tone::ALL.into_iter().filter(|tone| used.contains(tone));
    let entries: Vec<(Swatch, Paint, String)> = tones
        .map(|tone| {
            let swatch = Swatch::Outlined(Paint::outline(tone));
            (swatch, Paint::State(tone), meaning(tone).to_string())
        })
        .collect();
    let bottom = frame::legend(canvas, (MARGIN, top - 6.0), INNER, &entries);
    if entries.is_empty() {
        top
    } else {
        bottom + 8.0
    }
}

fn meaning(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "fine",
        Tone::Degraded => "impaired or suspected",
        Tone::Bad => "failing",
        Tone::Acting => "acting",
        Tone::Waiting => "standing by, waiting",
        Tone::Unknown => "unknown",
    }
}

fn lay_out<'a>(
    chart: &'a Timeline,
    label_width: f64,
    stretch: (f64, f64),
    at: &impl Fn(f64) -> f64,
    top: f64,
) -> (Vec<Row<'a>>, f64) {
    let mut rows: Vec<Row<'a>> = Vec::new();
    let mut y = top;
    for track in &chart.tracks {
        let same = rows
            .last()
            .is_some_and(|row| row.track.group == track.group);
        let heading = Some(track.group.as_str()).filter(|group| !same && !group.is_empty());
        y += if heading.is_some() {
            GROUP_HEADING
        } else {
            0.0
        };
        let label = Lettering::BODY.wrap(&track.label, label_width + 0.5);
        let placed = labels::place(wanted(track, at), stretch);
        let lanes = labels::height(&placed);
        let overhang = (label.len() as f64 * Lettering::BODY.leading() - BAR).max(0.0) / 2.0;
        y += lanes.max(overhang);
        rows.push(Row {
            track,
            label,
            heading,
            placed,
            bar_top: y,
        });
        y += BAR + overhang + 9.0;
    }
    (rows, y)
}

/// What is written above a track's bar: its marks, and the first span of each state whose name
/// has no room inside any of its spans.
fn wanted(track: &Track, at: &impl Fn(f64) -> f64) -> Vec<Label> {
    let marks = track.marks.iter();
    let mut wanted: Vec<Label> = marks
        .map(|mark| Label {
            x: at(mark.at_s),
            text: mark.label.clone(),
        })
        .collect();
    let mut told: Vec<&str> = Vec::new();
    told.extend(
        track
            .spans
            .iter()
            .filter(|s| room(s, track, at).is_some())
            .map(|s| s.state.as_str()),
    );
    for span in &track.spans {
        let (from, to) = (at(span.from_s), at(span.to_s));
        if to - from >= 2.0 && !told.contains(&span.state.as_str()) && told.len() < 12 {
            told.push(&span.state);
            wanted.push(Label {
                x: from + 1.0,
                text: span.state.clone(),
            });
        }
    }
    wanted
}

/// Where a span's name can start inside it without running into a mark.
fn room(span: &Span, track: &Track, at: &impl Fn(f64) -> f64) -> Option<f64> {
    let width = STATE.width(&span.state);
    let (from, to) = (at(span.from_s), at(span.to_s));
    let marks = track.marks.iter().map(|mark| at(mark.at_s));
    let mut inside: Vec<f64> = marks.filter(|x| *x > from - 8.0 && *x < to + 8.0).collect();
    inside.sort_by(f64::total_cmp);
    let mut start = from + 6.0;
    for mark in inside {
        if start + width <= mark - 10.0 {
            return Some(start);
        }
        start = start.max(mark + 11.0);
    }
    (start + width <= to - 4.0).then_some(start)
}

fn time_axis(canvas: &mut Canvas, time: &Ruler, (top, bottom): (f64, f64), name: &str) {
    for (value, label) in &time.ticks {
        let x = time.at(*value);
        canvas.line((x, top), (x, bottom + 5.0), Paint::Grid, 1.0);
        canvas.text((x, bottom + 15.0), label, Anchor::Middle, Lettering::SMALL);
    }
    let (from, to) = (time.at(time.low()), time.at(time.high()));
    canvas.line((from, bottom), (to, bottom), Paint::Muted, 1.5);
    let lines = Lettering::HEADING.wrap(name, to - from);
    let middle = bottom + 35.0 + Lettering::HEADING.leading() * (lines.len() as f64 - 1.0) / 2.0;
    canvas.block(
        ((from + to) / 2.0, middle),
        &lines,
        Anchor::Middle,
        Lettering::HEADING,
    );
}

fn zero(
    canvas: &mut Canvas,
    chart: &Timeline,
    x: f64,
    (top, bottom): (f64, f64),
    stretch: (f64, f64),
) {
    if chart.from_s > 0.0 || chart.to_s < 0.0 {
        return;
    }
    canvas.line((x, top), (x, bottom), Paint::Ink, 2.0);
    let width = Lettering::HEADING.width(&chart.zero_label);
    let (x, anchor) = match x + 7.0 + width <= stretch.1 {
        true => (x + 7.0, Anchor::Start),
        false => (x - 7.0, Anchor::End),
    };
    canvas.text(
        (x, top + 8.0),
        &chart.zero_label,
        anchor,
        Lettering::HEADING,
    );
}

fn draw_row(canvas: &mut Canvas, row: &Row<'_>, stretch: (f64, f64), at: &impl Fn(f64) -> f64) {
    let middle = row.bar_top + BAR / 2.0;
    if let Some(heading) = row.heading {
        let y = row.bar_top - labels::height(&row.placed) - GROUP_HEADING / 2.0 - 1.0;
        let look = Lettering {
            size: 11.5,
            bold: true,
            paint: Paint::Muted,
        };
        canvas.text((MARGIN, y), heading, Anchor::Start, look);
        let from = MARGIN + look.width(heading) + 10.0;
        canvas.line(
            (from.max(MARGIN), y),
            (stretch.0 - 10.0, y),
            Paint::Grid,
            1.0,
        );
    }
    canvas.block((MARGIN, middle), &row.label, Anchor::Start, Lettering::BODY);
    for span in &row.track.spans {
        draw_span(canvas, span, row.track, row.bar_top, at);
    }
    labels::draw(canvas, &row.placed, row.bar_top);
    for mark in &row.track.marks {
        diamond(canvas, (at(mark.at_s), middle), Paint::State(mark.tone));
    }
}

fn draw_span(canvas: &mut Canvas, span: &Span, track: &Track, top: f64, at: &impl Fn(f64) -> f64) {
    let (from, to) = (at(span.from_s), at(span.to_s));
    // An instant is a hair wide, so that a short state is not lost.
    let to = to.max(from + 1.5);
    canvas.rect((from, top), (to, top + BAR), Paint::State(span.tone));
    // Two states of one tone are two states.
    let joins = |other: &Span| other.to_s == span.from_s && other.tone == span.tone;
    if to - from > 3.0 && track.spans.iter().any(joins) {
        canvas.line((from, top), (from, top + BAR), Paint::Surface, 2.0);
    }
    if span.tone == Tone::Unknown {
        let outline = Paint::outline(span.tone);
        canvas.outline(
            (from + 0.5, top + 0.5),
            (to - 0.5, top + BAR - 0.5),
            outline,
        );
    }
    if let Some(x) = room(span, track, at) {
        let look = STATE.in_paint(Paint::OnState(span.tone));
        canvas.text((x, top + BAR / 2.0), &span.state, Anchor::Start, look);
    }
}

fn diamond(canvas: &mut Canvas, (x, y): (f64, f64), fill: Paint) {
    for (size, paint) in [(8.5, Paint::Surface), (7.0, Paint::Ink), (4.0, fill)] {
        let points = vec![(x, y - size), (x + size, y), (x, y + size), (x - size, y)];
        canvas.polygon(points, paint, 1.0);
    }
}

fn draw_strip(
    canvas: &mut Canvas,
    strip: &Strip,
    top: f64,
    stretch: (f64, f64),
    at: &impl Fn(f64) -> f64,
) {
    let series = strip.series.iter();
    let entries: Vec<(Swatch, Paint, String)> = series
        .map(|s| {
            (
                Swatch::Outlined(Paint::outline(s.tone)),
                Paint::State(s.tone),
                s.name.clone(),
            )
        })
        .collect();
    frame::legend(
        canvas,
        (stretch.0, top - 27.0),
        stretch.1 - stretch.0,
        &entries,
    );
    let bins = strip.edges_s.len().saturating_sub(1);
    let mut floor = vec![0.0; bins];
    let sums = (0..bins).map(|bin| strip.series.iter().map(|s| s.counts[bin]).sum::<f64>());
    let axis = crate::chart::Axis::linear(strip.name.clone(), Format::Count);
    let bottom = top + STRIP_HEIGHT;
    let ruler = Ruler::new(&axis, sums, super::Include::Zero, (bottom, top), 2);
    for series in &strip.series {
        let above: Vec<f64> = floor
            .iter()
            .zip(&series.counts)
            .map(|(a, b)| a + b)
            .collect();
        let step = |bin: usize, levels: &[f64]| {
            let y = ruler.at(levels[bin]);
            [(at(strip.edges_s[bin]), y), (at(strip.edges_s[bin + 1]), y)]
        };
        let mut outline: Vec<(f64, f64)> = (0..bins).flat_map(|bin| step(bin, &above)).collect();
        let mut below: Vec<(f64, f64)> = (0..bins).flat_map(|bin| step(bin, &floor)).collect();
        below.reverse();
        outline.extend(below);
        canvas.polygon(outline, Paint::State(series.tone), 1.0);
        floor = above;
    }
    for (value, label) in &ruler.ticks {
        let y = ruler.at(*value);
        canvas.line((stretch.0 - 4.0, y), (stretch.0, y), Paint::Muted, 1.0);
        canvas.text((stretch.0 - 8.0, y), label, Anchor::End, Lettering::SMALL);
    }
    let widest = ruler
        .ticks
        .iter()
        .map(|(_, label)| Lettering::SMALL.width(label));
    let room = stretch.0 - 16.0 - widest.fold(0.0, f64::max) - MARGIN;
    let name = Lettering::BODY.wrap(&strip.name, room);
    canvas.block(
        (MARGIN, top + STRIP_HEIGHT / 2.0),
        &name,
        Anchor::Start,
        Lettering::BODY,
    );
}
