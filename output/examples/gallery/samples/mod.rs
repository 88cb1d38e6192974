//! Invented data that look like real ones: a web shop with two suppliers of storage, so that no
//! picture here can be taken for a result. No randomness: the noise is a fixed sequence.

use output::chart::{
    Axis, BarRow, Bars, Caption, Chart, DotInterval, DotRow, HeatCell, HeatMap, Lines, Order,
    Palette, Point, Reference, Scatter, Segment, Series, Shape,
};
use output::{Cell, Colour, Column, Estimate, Footer, Format, Report, Section, Table};

mod outage;

use outage::timeline;

/// Where the invented numbers come from.
pub fn footer() -> Footer {
    Footer {
        n: "1,000 trials".to_string(),
        seed: "7".to_string(),
        version: "0.1.0".to_string(),
        scenario: "3fa9c1d2".to_string(),
        command: "shop compare checkout.toml --trials 1000 --seed 7".to_string(),
    }
}

pub fn caption(title: &str, subtitle: &str) -> Caption {
    Caption::new(title, subtitle, footer().line())
}

/// Every chart by the name of its file.
pub fn charts() -> Vec<(&'static str, Chart)> {
    vec![
        ("dot-interval", dot_interval()),
        ("dot-interval-45", dot_interval_45()),
        ("stacked-bars", stacked_bars()),
        ("grouped-bars", grouped_bars()),
        ("timeline", timeline()),
        ("heat-map", heat_map()),
        ("lines-exceedance", exceedance()),
        ("lines-fan", fan()),
        ("scatter", scatter()),
    ]
}

const DESIGNS: [(&str, f64, Colour, &str); 9] = [
    (
        "Shallow check, one pool (today)",
        1_204.0,
        Colour::Black,
        "baseline",
    ),
    ("Shallow check, two pools", 1_071.0, Colour::Black, ""),
    ("Shallow check, pool per shop", 902.0, Colour::Black, ""),
    ("Deep check, one pool", 741.0, Colour::Orange, ""),
    ("Deep check, two pools", 640.0, Colour::Orange, ""),
    ("Deep check, pool per shop", 553.0, Colour::Orange, ""),
    ("Trial order, one pool", 612.0, Colour::Blue, ""),
    ("Trial order, pool per shop", 470.0, Colour::Blue, ""),
    (
        "Trial order, pool per shop, larger on alarm",
        318.0,
        Colour::Blue,
        "",
    ),
];

/// Nine designs against today's.
pub fn dot_interval() -> Chart {
    let rows = DESIGNS.iter().map(|(label, value, colour, mark)| {
        let relative = value / 1_204.0 - 1.0;
        let baseline = *mark == "baseline";
        DotRow {
            label: label.to_string(),
            colour: *colour,
            value: Some(Estimate::new(*value, value * 0.91, value * 1.1)),
            difference: (!baseline).then(|| {
                Estimate::new(relative, relative - 0.07, relative + 0.09 + value / 9_000.0)
            }),
            words: String::new(),
            baseline,
            marker: baseline.then_some(1_150.0),
        }
    });
    Chart::DotInterval(DotInterval {
        caption: caption(
            "A trial order finds the fault that a shallow check cannot see",
            "Orders lost in an outage: mean of each design, and paired difference to today's \
             design; 95 % intervals, simultaneous over all designs",
        ),
        value: Axis::linear("Orders lost per outage", Format::Count),
        difference: Some(Axis::linear(
            "Difference to today (less is better)",
            Format::Percent(0),
        )),
        reference: Some(Reference {
            value: 500.0,
            label: "objective".to_string(),
        }),
        groups: [
            ("shallow check", Colour::Black),
            ("deep check", Colour::Orange),
            ("trial order", Colour::Blue),
        ]
        .map(|(name, colour)| Segment {
            name: name.to_string(),
            colour,
        })
        .to_vec(),
        marker_name: "counted in the real outage".to_string(),
        order: Order::ByDifference,
        rows: rows.collect(),
    })
}

/// As many rows as a page holds.
pub fn dot_interval_45() -> Chart {
    let rows = (0..45).map(|index| {
        let value = 400.0 + 37.0 * f64::from(index) + 90.0 * noise(index);
        let spread = 60.0 + 50.0 * noise(index + 50).abs();
        DotRow {
            label: format!(
                "Design {:02}: {} pools, check every {} s",
                index + 1,
                index % 5 + 1,
                index % 7 + 1
            ),
            colour: Colour::nth(index as usize % 3),
            value: (index != 20).then(|| Estimate::new(value, value - spread, value + spread)),
            difference: (index != 20 && index != 22).then(|| {
                let difference = (value - 1_200.0) / 1_200.0;
                Estimate::new(
                    difference,
                    difference - spread / 900.0,
                    difference + spread / 900.0,
                )
            }),
            words: String::new(),
            baseline: index == 22,
            marker: None,
        }
    });
    Chart::DotInterval(DotInterval {
        caption: caption(
            "Which of 45 designs loses the fewest orders?",
            "Mean orders lost and paired difference to the baseline, 95 % intervals",
        ),
        value: Axis::linear("Orders lost", Format::Count),
        difference: Some(Axis::linear(
            "Difference to the baseline",
            Format::Percent(0),
        )),
        reference: None,
        groups: Vec::new(),
        marker_name: String::new(),
        order: Order::ByValue,
        rows: rows.collect(),
    })
}

/// Minutes down by cause.
pub fn stacked_bars() -> Chart {
    let segments = [
        "noticing",
        "switching over",
        "people finding the cause",
        "growing and refilling",
    ];
    let rows = [
        ("Checkout", [2.0, 0.5, 46.0, 38.0]),
        ("Accounts and sign-in", [2.0, 0.5, 46.0, 12.0]),
        ("Search", [0.0, 0.0, 9.0, 4.0]),
        ("Recommendations", [0.0, 0.0, 0.0, 1.5]),
    ];
    Chart::StackedBars(Bars {
        caption: caption(
            "Most of the downtime is people looking for the cause",
            "Minutes down per outage by component and phase, mean; whisker: 95 % interval of sum",
        ),
        axis: Axis::linear("Minutes down per outage", Format::Significant(2)),
        segments: segments
            .iter()
            .zip([Colour::Sky, Colour::Orange, Colour::Blue, Colour::Purple])
            .map(|(name, colour)| Segment {
                name: name.to_string(),
                colour,
            })
            .collect(),
        rows: rows
            .map(|(label, values)| {
                let sum: f64 = values.iter().sum();
                BarRow {
                    label: label.to_string(),
                    values: values.map(|value| Some(Estimate::exact(value))).to_vec(),
                    total: Some(Estimate::new(sum, sum * 0.88, sum * 1.15)),
                }
            })
            .to_vec(),
        reference: Some(Reference {
            value: 43.8,
            label: "99.9 % a month allows".to_string(),
        }),
    })
}

/// Downtime per component and design.
pub fn grouped_bars() -> Chart {
    let designs = [
        ("today", Colour::Black),
        ("deep check", Colour::Orange),
        ("trial order", Colour::Blue),
    ];
    let rows = [
        ("Checkout", [5_190.0, 3_120.0, 1_440.0]),
        ("Accounts and sign-in", [3_630.0, 2_700.0, 900.0]),
        ("Search", [780.0, 760.0, 540.0]),
    ];
    Chart::GroupedBars(Bars {
        caption: caption(
            "Checkout gains most from a trial order, search hardly anything",
            "Downtime per outage, median with 95 % interval",
        ),
        axis: Axis::linear("Downtime per outage", Format::Duration),
        segments: designs
            .map(|(name, colour)| Segment {
                name: name.to_string(),
                colour,
            })
            .to_vec(),
        rows: rows
            .map(|(label, values)| BarRow {
                label: label.to_string(),
                values: values
                    .map(|value| Some(Estimate::new(value, value * 0.9, value * 1.12)))
                    .to_vec(),
                total: None,
            })
            .to_vec(),
        reference: None,
    })
}

/// Loss over two inputs.
pub fn heat_map() -> Chart {
    let sizes = ["8 GiB", "12 GiB", "16 GiB", "24 GiB", "32 GiB", "48 GiB"];
    let growth = [
        "1 % a week",
        "2 % a week",
        "4 % a week",
        "8 % a week",
        "16 % a week",
    ];
    let cells = (0..growth.len()).map(|row| {
        (0..sizes.len())
            .map(|column| {
                let power = |base: f64, times: usize| vec![base; times].iter().product::<f64>();
                let pressure = power(2.0, row) / power(1.9, column);
                let value = 0.62 * pressure / (0.8 + pressure);
                let half = 0.03 + 0.2 * value * (1.0 - value);
                (row != 4 || column != 0).then(|| HeatCell {
                    value: Estimate::new(value, (value - half).max(0.0), (value + half).min(1.0)),
                    text: String::new(),
                    meets: value + half < 0.2,
                })
            })
            .collect()
    });
    Chart::HeatMap(HeatMap {
        caption: caption(
            "Doubling the size buys about as much as halving the growth",
            "Probability that the store fills within 90 days, with 95 % interval",
        ),
        column_name: "Size of the store".to_string(),
        columns: sizes.map(str::to_string).to_vec(),
        row_name: "Growth".to_string(),
        rows: growth.map(str::to_string).to_vec(),
        axis: Axis::linear("Probability of a full store in 90 days", Format::Percent(0)),
        palette: Palette::Cividis,
        cells: cells.collect(),
        objective: Some("objective met: the interval's upper end is below 20 %".to_string()),
    })
}

/// How likely a loss above x is.
pub fn exceedance() -> Chart {
    let curves = [
        ("today", Colour::Black, 5_200.0),
        ("deep check", Colour::Orange, 2_100.0),
        ("trial order", Colour::Blue, 1_900.0),
    ];
    let xs: Vec<f64> = (0..=40)
        .map(|step| 10f64.powf(2.0 + f64::from(step) / 16.0))
        .collect();
    let series = curves.map(|(label, colour, scale)| {
        let survival = |x: f64| 0.34 * (-(x / scale).powf(0.8)).exp();
        let kept = || xs.iter().copied().filter(move |x| survival(*x) > 0.0012);
        Series {
            label: label.to_string(),
            colour,
            shape: Shape::Straight,
            points: kept().map(|x| (x, survival(x))).collect(),
            bands: vec![
                kept()
                    .map(|x| (x, survival(x) * 0.8, survival(x) * 1.22))
                    .collect(),
            ],
        }
    });
    Chart::Lines(Lines {
        caption: caption(
            "A bad year costs a third as much once the check places an order",
            "Probability that a year loses more than x orders, with 95 % band",
        ),
        x: Axis::log("Orders lost in a year", Format::Count),
        y: Axis::log("Probability of losing more", Format::Percent(1)),
        series: series.to_vec(),
        x_references: vec![Reference {
            value: 5_000.0,
            label: "tolerance".to_string(),
        }],
        y_references: vec![Reference {
            value: 0.05,
            label: "one year in twenty".to_string(),
        }],
    })
}

/// When the wall is reached.
pub fn fan() -> Chart {
    let gib = 1024f64.powi(3);
    let level = |day: f64| (6.0 + 0.055 * day) * gib;
    let days: Vec<f64> = (0..=30).map(|step| f64::from(step) * 3.0).collect();
    let band = |width: f64| {
        days.iter()
            .map(|day| {
                let half = width * (0.15 + day * 0.012) * gib;
                (*day, level(*day) - half, level(*day) + half * 1.3)
            })
            .collect()
    };
    let history = days[..=10]
        .iter()
        .map(|day| (*day, level(*day) + 0.08 * gib * noise(*day as i32)));
    Chart::Lines(Lines {
        caption: caption(
            "The store is full between day 63 and day 84",
            "Forecast of the data held: median, 50 % and 90 % bands; measured until day 30",
        ),
        x: Axis::linear("Day", Format::Count),
        y: Axis::linear("Data held", Format::Bytes),
        series: vec![
            Series {
                label: "forecast".to_string(),
                colour: Colour::Blue,
                shape: Shape::Straight,
                points: days.iter().map(|day| (*day, level(*day))).collect(),
                bands: vec![band(1.0), band(0.45)],
            },
            Series {
                label: "measured".to_string(),
                colour: Colour::Black,
                shape: Shape::Step,
                points: history.collect(),
                bands: vec![],
            },
        ],
        x_references: vec![Reference {
            value: 30.0,
            label: "today: day".to_string(),
        }],
        y_references: vec![
            Reference {
                value: 10.0 * gib,
                label: "limit".to_string(),
            },
            Reference {
                value: 8.0 * gib,
                label: "alarm".to_string(),
            },
        ],
    })
}

/// What being better costs.
pub fn scatter() -> Chart {
    let points = [
        ("Today", 410.0, 1_204.0, Colour::Black),
        ("Two pools", 690.0, 1_071.0, Colour::Black),
        ("Pool per shop", 980.0, 902.0, Colour::Black),
        ("Deep check", 425.0, 741.0, Colour::Orange),
        ("Deep check, two pools", 705.0, 640.0, Colour::Orange),
        ("Trial order", 440.0, 612.0, Colour::Blue),
        ("Trial order, two pools", 720.0, 560.0, Colour::Blue),
        ("Trial order, pool per shop", 1_010.0, 470.0, Colour::Blue),
        ("Trial order, larger on alarm", 610.0, 318.0, Colour::Blue),
        ("Bought service", 1_350.0, 290.0, Colour::Purple),
    ];
    let better = |a: &(&str, f64, f64, Colour), b: &(&str, f64, f64, Colour)| {
        a.1 <= b.1 && a.2 <= b.2 && (a.1 < b.1 || a.2 < b.2)
    };
    Chart::Scatter(Scatter {
        caption: caption(
            "Five designs are worth their money; the rest are dominated",
            "Monthly cost against orders lost per outage, 95 % intervals; grey: another design is \
             cheaper and loses less",
        ),
        x: Axis::linear("Cost a month", Format::Money('$')),
        y: Axis::linear("Orders lost per outage", Format::Count),
        points: points
            .iter()
            .map(|point| Point {
                label: point.0.to_string(),
                colour: point.3,
                x: Estimate::exact(point.1),
                y: Estimate::new(point.2, point.2 * 0.92, point.2 * 1.09),
                dominated: points.iter().any(|other| better(other, point)),
            })
            .collect(),
        frontier: true,
        y_references: vec![Reference {
            value: 500.0,
            label: "objective".to_string(),
        }],
    })
}

/// The headline table.
pub fn table() -> Table {
    let columns = vec![
        Column::text("design"),
        Column::number("orders lost", "per outage"),
        Column::number("difference", ""),
        Column::number("downtime", "median"),
        Column::number("cost", "a month"),
        Column {
            align: output::Align::Centre,
            ..Column::text("objective met")
        },
    ];
    let mut table = Table::new("All designs, 95 % intervals", columns);
    for (index, (label, value, _, mark)) in DESIGNS.iter().enumerate() {
        let relative = value / 1_204.0 - 1.0;
        let difference = Estimate::new(relative, relative - 0.07, relative + 0.09);
        table.push(vec![
            Cell::text(*label),
            Cell::estimate(
                Estimate::new(*value, value * 0.91, value * 1.1),
                Format::Count,
            ),
            match *mark == "baseline" {
                true => Cell::text("baseline"),
                false => Cell::difference(difference, Format::Percent(0)),
            },
            Cell::number(value * 4.3, Format::Duration),
            Cell::number(410.0 + 75.0 * index as f64, Format::Money('$')),
            match value * 1.1 < 550.0 {
                true => Cell::text("yes"),
                false => Cell::Empty,
            },
        ]);
    }
    table
}

/// A whole report.
pub fn report() -> Report {
    Report {
        title: "Checkout outages: which change buys how much?".to_string(),
        verdict: vec![
            "A check that places a trial order loses 74 % fewer orders than today's design \
             (95 % interval 67 to 80 %) once stores grow on alarm, for $200 more a month."
                .to_string(),
            "More pools alone do little: what fills one store fills its copy too.".to_string(),
            "No design meets the objective by health checks alone.".to_string(),
        ],
        facts: vec![
            (
                "Scenario".to_string(),
                "checkout outage of last spring".to_string(),
            ),
            (
                "Designs".to_string(),
                "9, paired over the same trials".to_string(),
            ),
            ("Trials".to_string(), "1,000 each".to_string()),
            ("Horizon".to_string(), "90 days".to_string()),
            (
                "Objective".to_string(),
                "at most 500 orders lost per outage".to_string(),
            ),
            (
                "Precision".to_string(),
                "± 5 % of the headline difference, reached".to_string(),
            ),
        ],
        sections: sections(),
        footer: footer(),
        raw_json: Some("{\"sample\": true, \"note\": \"</script> is escaped\"}".to_string()),
    }
}

fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "Which design loses the fewest orders?",
            "Every design met the same 1,000 outages, so differences are taken trial by trial.\n\n\
             The trial order is the only check that sees a store which answers and refuses.",
        )
        .with_chart(dot_interval())
        .with_table(table()),
        Section::new("What does it cost?", "Less is better on both axes.").with_chart(scatter()),
        Section::new("What happened?", "The outage as it was and as it was seen.")
            .with_chart(timeline()),
        Section::new("Where do the minutes go?", "").with_chart(stacked_bars()),
        Section::new("Who gains?", "").with_chart(grouped_bars()),
        Section::new("How bad can a year be?", "").with_chart(exceedance()),
        Section::new("When is the store full?", "").with_chart(fan()),
        Section::new("Where is the cliff?", "").with_chart(heat_map()),
    ]
}

/// Between −1 and 1, the same for the same index everywhere.
pub fn noise(index: i32) -> f64 {
    let mixed = (index as u32).wrapping_mul(2_654_435_761) ^ 0x9e37_79b9;
    f64::from(mixed.wrapping_mul(2_246_822_519) >> 8) / f64::from(1 << 23) - 1.0
}
