//! No text of a picture overlaps another or is cut off, whatever the labels and however many rows;
//! nothing that is missing is drawn as zero.

#[path = "../examples/gallery/samples/mod.rs"]
mod samples;

use output::chart::{BarRow, Chart, DotRow, HeatCell, Point, Series, Shape, Span, Track};
use output::{Colour, Estimate, Report, Section, Tone};

const LONG: &str =
    "Écran <b>& \"größte\" Bezeichnung die jemand schreiben könnte, with 界面 and more";
const UNBROKEN: &str =
    "a_name_without_any_space_that_is_much_longer_than_its_column_has_room_for_it";

fn check(name: &str, chart: &Chart) {
    let (boxes, page) = output::svg::text_boxes(chart).unwrap();
    for (index, (text, own)) in boxes.iter().enumerate() {
        let inside = own.left >= page.left
            && own.right <= page.right
            && own.top >= page.top
            && own.bottom <= page.bottom;
        assert!(
            inside,
            "{name}: \"{text}\" at {own:?} is cut off by {page:?}"
        );
        for (other, taken) in &boxes[..index] {
            assert!(
                !own.overlaps(taken),
                "{name}: \"{text}\" at {own:?} lies on \"{other}\" at {taken:?}"
            );
        }
    }
    well_formed(name, &chart.to_svg().unwrap());
}

/// Every element that opens closes, in order, and no markup of the data survives.
fn well_formed(name: &str, svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, _) = part
            .split_once('>')
            .unwrap_or_else(|| panic!("{name}: <{part}"));
        let word = tag
            .split([' ', '/'])
            .find(|word| !word.is_empty())
            .unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(word), "{name}");
        } else if !tag.ends_with('/') {
            open.push(word);
        }
        assert_ne!(word, "b", "{name}: markup in data");
    }
    assert!(open.is_empty(), "{name}: {open:?}");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
}

/// The sample of each kind with this many rows, each labelled by `label`.
fn resized(chart: Chart, count: usize, label: &dyn Fn(usize) -> String) -> Chart {
    match chart {
        Chart::DotInterval(mut chart) => {
            chart.rows = (0..count).map(|index| dot(label(index), index)).collect();
            Chart::DotInterval(chart)
        }
        Chart::StackedBars(mut chart) => {
            chart.rows = (0..count)
                .map(|index| bar(label(index), chart.segments.len()))
                .collect();
            Chart::StackedBars(chart)
        }
        Chart::GroupedBars(mut chart) => {
            chart.rows = (0..count)
                .map(|index| bar(label(index), chart.segments.len()))
                .collect();
            Chart::GroupedBars(chart)
        }
        Chart::Timeline(mut chart) => {
            chart.tracks = (0..count).map(|index| track(label(index), index)).collect();
            chart.strip = chart.strip.filter(|_| count > 0);
            Chart::Timeline(chart)
        }
        Chart::HeatMap(mut chart) => {
            chart.rows = (0..count).map(label).collect();
            let cell = |index| HeatCell {
                value: value(index),
                text: String::new(),
                meets: index == 1,
            };
            let row = |index| chart.columns.iter().map(|_| Some(cell(index))).collect();
            chart.cells = (0..count).map(row).collect();
            Chart::HeatMap(chart)
        }
        Chart::Lines(mut chart) => {
            let series = |index: usize| Series {
                label: label(index),
                colour: Colour::nth(index),
                shape: Shape::Step,
                points: vec![
                    (100.0, 0.9),
                    (5_000.0, 0.5),
                    (9_000.0, 0.02 + 0.001 * index as f64),
                ],
                bands: vec![],
            };
            chart.series = (0..count.min(14)).map(series).collect();
            Chart::Lines(chart)
        }
        Chart::Scatter(mut chart) => {
            let point = |index: usize| Point {
                label: label(index),
                colour: Colour::nth(index),
                x: Estimate::exact(100.0 + 37.0 * (index % 7) as f64),
                y: Estimate::exact(100.0 + 61.0 * (index / 7) as f64),
                dominated: index.is_multiple_of(3),
            };
            chart.points = (0..count).map(point).collect();
            Chart::Scatter(chart)
        }
    }
}

fn value(index: usize) -> Estimate {
    let value = 10.0 + 3.0 * index as f64;
    Estimate::new(value, value * 0.8, value * 1.3)
}

fn dot(label: String, index: usize) -> DotRow {
    DotRow {
        label,
        colour: Colour::nth(index),
        value: Some(value(index)),
        difference: (index > 0).then(|| Estimate::new(-0.2, -0.5, 0.1)),
        words: String::new(),
        baseline: index == 0,
        marker: None,
    }
}

fn bar(label: String, segments: usize) -> BarRow {
    let value = |index: usize| (index != 1).then(|| Estimate::new(40.0, 30.0, 55.0));
    BarRow {
        label,
        values: (0..segments).map(value).collect(),
        total: None,
    }
}

fn track(label: String, index: usize) -> Track {
    let at = 60.0 * index as f64;
    let mark = |place: f64| output::chart::Mark {
        at_s: at + place,
        label: format!("mark {place}"),
        tone: Tone::Bad,
    };
    Track {
        label: label.clone(),
        group: format!("group {}", index / 3),
        spans: vec![
            Span {
                from_s: -9_000.0,
                to_s: at,
                state: label,
                tone: Tone::Good,
            },
            Span {
                from_s: at,
                to_s: at + 20.0,
                state: "short".to_string(),
                tone: Tone::Unknown,
            },
        ],
        marks: [0.0, 10.0, 15.0, 400.0, 6_000.0, 60_000.0]
            .map(mark)
            .to_vec(),
    }
}

#[test]
fn no_text_overlaps_or_is_cut() {
    for (name, chart) in samples::charts() {
        check(name, &chart);
    }
}

#[test]
fn no_rows_one_row_and_45_rows() {
    for (name, chart) in samples::charts() {
        for count in [0, 1, 2, 45] {
            let chart = resized(chart.clone(), count, &|index| format!("item {index}"));
            check(&format!("{name} with {count} rows"), &chart);
        }
    }
}

#[test]
fn long_labels_wrap() {
    for (name, chart) in samples::charts() {
        for label in [LONG, UNBROKEN] {
            let chart = resized(chart.clone(), 5, &|index| format!("{index} {label}"));
            check(&format!("{name} with \"{label}\""), &chart);
        }
    }
}

#[test]
fn what_is_not_finite_is_refused_with_its_place() {
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (name, chart) in samples::charts() {
            let message = with(chart, wrong).to_svg().unwrap_err().to_string();
            assert!(message.contains(&wrong.to_string()), "{name}: {message}");
        }
    }
}

fn with(mut chart: Chart, wrong: f64) -> Chart {
    match &mut chart {
        Chart::DotInterval(chart) => chart.rows[0].value = Some(Estimate::exact(wrong)),
        Chart::StackedBars(chart) | Chart::GroupedBars(chart) => {
            chart.rows[0].values[0] = Some(Estimate::exact(wrong));
        }
        Chart::Timeline(chart) => chart.tracks[0].spans[0].to_s = wrong,
        Chart::HeatMap(chart) => {
            let value = Estimate::exact(wrong);
            chart.cells[0][0] = Some(HeatCell {
                value,
                text: String::new(),
                meets: false,
            });
        }
        Chart::Lines(chart) => chart.series[0].points[0].1 = wrong,
        Chart::Scatter(chart) => chart.points[0].y = Estimate::exact(wrong),
    }
    chart
}

#[test]
fn zero_has_no_place_on_a_logarithmic_axis() {
    let message = with(samples::exceedance(), 0.0)
        .to_svg()
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("logarithmic") && message.contains("today"),
        "{message}"
    );
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let Chart::HeatMap(mut chart) = samples::heat_map() else {
        panic!("a heat map")
    };
    chart.cells[2].pop();
    let message = Chart::HeatMap(chart).to_svg().unwrap_err().to_string();
    assert!(message.contains("5 cells for 6 columns"), "{message}");
}

#[test]
fn missing_values_are_said_to_be_missing() {
    let Chart::DotInterval(mut chart) = samples::dot_interval() else {
        panic!("dots")
    };
    chart.rows[3].value = None;
    chart.rows[3].difference = None;
    let svg = Chart::DotInterval(chart).to_svg().unwrap();
    assert!(svg.contains(">no data</text>"));
}

#[test]
fn a_report_escapes_its_data_and_needs_nothing_else() {
    let mut report: Report = samples::report();
    report.title = LONG.to_string();
    report.verdict = vec!["<script>alert(1)</script>".to_string()];
    report
        .facts
        .push(("a<b".to_string(), "\"c\" & 'd'".to_string()));
    report
        .sections
        .push(Section::new("<img src=x>", "one\n\ntwo & three"));
    let html = report.to_html().unwrap();
    for markup in [
        "<script", "<img", "<b>", "<link", "@import", "url(", "src=", "http://", "https://",
    ] {
        let allowed = html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count();
        let found = html
            .replace("&lt;img src=x&gt;", "")
            .matches(markup)
            .count();
        assert_eq!(
            found,
            if markup == "http://" { allowed } else { 0 },
            "{markup}"
        );
    }
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(html.contains("<p>one</p>\n<p>two &amp; three</p>"));
}
