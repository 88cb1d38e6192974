//! From values to places: domains that end on round numbers, linear and logarithmic, and ticks
//! at numbers that people count in (for durations 15 s, 5 min, 6 h; for bytes powers of two).

use crate::chart::{Axis, Scale};
use crate::format::{Format, power_of_ten};

/// A stretch of values laid over a stretch of pixels.
#[derive(Clone, Debug)]
pub(crate) struct Ruler {
    low: f64,
    high: f64,
    from_px: f64,
    to_px: f64,
    scale: Scale,
    /// Where labels stand, and what they say.
    pub ticks: Vec<(f64, String)>,
}

/// What an axis must show besides its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    /// Zero, on a linear axis.
    Zero,
    /// The values only, widened to round numbers.
    Values,
    /// The values only; the ruler ends where they end.
    Exactly,
}

impl Ruler {
    /// A ruler that shows every value, widened to round ticks, about `count` of them.
    pub(crate) fn new(
        axis: &Axis,
        values: impl IntoIterator<Item = f64>,
        include: Include,
        (from_px, to_px): (f64, f64),
        count: usize,
    ) -> Ruler {
        let mut low = f64::INFINITY;
        let mut high = f64::NEG_INFINITY;
        for value in values {
            low = low.min(value);
            high = high.max(value);
        }
        let empty = low > high;
        let ends = (high > low).then_some((low, high));
        let (low, high, ticks) = match axis.scale {
            Scale::Linear => {
                let (low, high) = if empty { (0.0, 1.0) } else { (low, high) };
                let zero = include == Include::Zero;
                let (low, high) = if zero {
                    (low.min(0.0), high.max(0.0))
                } else {
                    (low, high)
                };
                linear(axis.format, low, high, count)
            }
            Scale::Log => {
                let (low, high) = if empty { (1.0, 10.0) } else { (low, high) };
                logarithmic(axis.format, low, high, count)
            }
        };
        let (low, high) = match ends {
            Some(ends) if include == Include::Exactly => ends,
            _ => (low, high),
        };
        let slack = (high - low) * 1e-9;
        let inside = |value: f64| value >= low - slack && value <= high + slack;
        let ticks = ticks
            .into_iter()
            .filter(|(value, _)| inside(*value))
            .collect();
        Ruler {
            low,
            high,
            from_px,
            to_px,
            scale: axis.scale,
            ticks,
        }
    }

    /// A ruler from exactly here to exactly there, with ticks inside.
    pub(crate) fn exact(
        format: Format,
        (low, high): (f64, f64),
        (from_px, to_px): (f64, f64),
        count: usize,
    ) -> Ruler {
        let (_, _, mut ticks) = linear(format, low, high, count);
        let slack = (high - low) * 1e-9;
        ticks.retain(|(value, _)| *value >= low - slack && *value <= high + slack);
        Ruler {
            low,
            high,
            from_px,
            to_px,
            scale: Scale::Linear,
            ticks,
        }
    }

    /// Where a value stands; values outside stand at the end.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
        };
        self.from_px + share.clamp(0.0, 1.0) * (self.to_px - self.from_px)
    }

    /// The least value on the ruler.
    pub(crate) fn low(&self) -> f64 {
        self.low
    }

    /// The greatest value on the ruler.
    pub(crate) fn high(&self) -> f64 {
        self.high
    }
}

/// What is written at an axis: its name, and that it is logarithmic where it is.
pub(crate) fn name(axis: &Axis) -> String {
    match axis.scale {
        Scale::Linear => axis.name.clone(),
        Scale::Log => format!("{} (log scale)", axis.name),
    }
}

type Ticks = Vec<(f64, String)>;

fn linear(format: Format, low: f64, high: f64, count: usize) -> (f64, f64, Ticks) {
    let high = if high > low {
        high
    } else {
        low + low.abs().max(1.0)
    };
    let step = round_step(format, (high - low) / count.max(1) as f64);
    let first = (low / step + 1e-9).floor();
    let last = (high / step - 1e-9).ceil();
    let ticks = (0..=(last - first) as usize).map(|index| {
        let value = (first + index as f64) * step;
        (value, format.tick(value, step))
    });
    (first * step, last * step, ticks.collect())
}

/// The next step at or above `least` that people count in.
fn round_step(format: Format, least: f64) -> f64 {
    const SECONDS: [f64; 18] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
        10_800.0, 21_600.0, 43_200.0, 86_400.0,
    ];
    match format {
        Format::Duration if (0.5..=86_400.0).contains(&least) => SECONDS
            .into_iter()
            .find(|step| *step >= least)
            .unwrap_or(86_400.0),
        Format::Duration if least > 86_400.0 => 86_400.0 * decimal_step(least / 86_400.0),
        Format::Bytes if least >= 1.0 => power_of_two(least),
        Format::Count => decimal_step(least).max(1.0),
        Format::Duration
        | Format::Bytes
        | Format::Decimals(_)
        | Format::Significant(_)
        | Format::Percent(_)
        | Format::Points(_)
        | Format::Money(_) => decimal_step(least),
    }
}

fn decimal_step(least: f64) -> f64 {
    let power = power_of_ten(exponent(least));
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// The power of ten of the first digit, read from the decimal text, which is exact.
fn exponent(value: f64) -> i32 {
    crate::format::round_significant(value, 17).1
}

fn power_of_two(least: f64) -> f64 {
    let mut step = 1.0;
    while step < least {
        step *= 2.0;
    }
    step
}

/// Decades; with 2 and 5 between them where there are few; the domain ends on such a number.
fn logarithmic(format: Format, low: f64, high: f64, count: usize) -> (f64, f64, Ticks) {
    let fine = (high / low).log10() <= count as f64 / 3.0;
    let marks = marks(format, low, high, fine);
    let start = marks
        .iter()
        .rposition(|mark| *mark <= low * (1.0 + 1e-9))
        .unwrap_or(0);
    let end = marks
        .iter()
        .position(|mark| *mark >= high * (1.0 - 1e-9))
        .unwrap_or(marks.len() - 1);
    let end = end.max(start + 1).min(marks.len() - 1);
    let every = (end - start).div_ceil(count.max(2) + 2).max(1);
    let shown = marks[start..=end].iter().step_by(every);
    let ticks = shown
        .map(|mark| (*mark, format.tick(*mark, *mark)))
        .collect();
    (marks[start], marks[end], ticks)
}

/// Where a logarithmic axis may have ticks: from below `low` to above `high`.
fn marks(format: Format, low: f64, high: f64, fine: bool) -> Vec<f64> {
    /// Powers of ten stop being round numbers at a minute.
    const LONG: [f64; 14] = [
        60.0,
        120.0,
        300.0,
        600.0,
        1800.0,
        3600.0,
        7200.0,
        18_000.0,
        36_000.0,
        86_400.0,
        172_800.0,
        432_000.0,
        864_000.0,
        8_640_000.0,
    ];
    const LONG_COARSE: [f64; 6] = [60.0, 600.0, 3600.0, 36_000.0, 86_400.0, 864_000.0];
    let factors: &[f64] = if fine { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let powers = exponent(low)..=exponent(high) + 2;
    let decimal = powers.flat_map(|power| {
        factors
            .iter()
            .map(move |factor| factor * power_of_ten(power))
    });
    match format {
        Format::Duration => {
            let long: &[f64] = if fine { &LONG } else { &LONG_COARSE };
            let beyond = decimal.clone().filter(|mark| *mark > 8_640_000.0);
            let short = decimal.filter(|mark| *mark < 60.0);
            let least = if low < 60.0 {
                0
            } else {
                long.iter().rposition(|m| *m <= low).unwrap_or(0)
            };
            short
                .chain(long[least..].iter().copied())
                .chain(beyond)
                .collect()
        }
        Format::Bytes if low >= 1.0 => {
            let step = if fine { 2.0 } else { 1024.0 };
            let ends = std::iter::successors(Some(1.0f64), |mark| Some(mark * step));
            ends.take_while(|mark| *mark < high * step * 2.0).collect()
        }
        Format::Count
        | Format::Decimals(_)
        | Format::Significant(_)
        | Format::Percent(_)
        | Format::Points(_)
        | Format::Money(_)
        | Format::Bytes => decimal.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, values: &[f64], count: usize) -> Vec<String> {
        let ruler = Ruler::new(
            axis,
            values.iter().copied(),
            Include::Zero,
            (0.0, 100.0),
            count,
        );
        ruler.ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_stand_at_numbers_that_people_count_in() {
        let count = Axis::linear("n", Format::Count);
        assert_eq!(
            labels(&count, &[870.0], 4),
            ["0", "250", "500", "750", "1,000"]
        );
        assert_eq!(labels(&count, &[2.0], 5), ["0", "1", "2"]);
        let time = Axis::linear("t", Format::Duration);
        assert_eq!(
            labels(&time, &[5400.0], 4),
            ["0 s", "30 min", "1 h", "1 h 30 min"]
        );
        let share = Axis::log("p", Format::Percent(1));
        assert_eq!(labels(&share, &[0.001, 0.1], 4), ["0.1 %", "1 %", "10 %"]);
    }

    #[test]
    fn a_ruler_without_values_or_width_still_has_two_ends() {
        for values in [&[][..], &[0.0][..], &[7.0][..]] {
            for axis in [
                Axis::linear("n", Format::Count),
                Axis::log("n", Format::Count),
            ] {
                if axis.scale == Scale::Log && values.contains(&0.0) {
                    continue;
                }
                let ruler = Ruler::new(
                    &axis,
                    values.iter().copied(),
                    Include::Values,
                    (0.0, 100.0),
                    5,
                );
                assert!(ruler.high() > ruler.low(), "{values:?} {axis:?}");
                assert!(ruler.at(ruler.low()) == 0.0 && ruler.at(ruler.high()) == 100.0);
            }
        }
    }
}
