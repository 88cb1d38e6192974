//! Numbers as people read them: thousands separators, durations, percentages, money, intervals.
//!
//! | format | value | reads |
//! | --- | --- | --- |
//! | `Count` | 7800000 | `7,800,000` |
//! | `Decimals(1)` | 12.44 | `12.4` |
//! | `Significant(3)` | 0.012345 | `0.0123` |
//! | `Percent(0)` | 0.613 | `61 %` |
//! | `Points(1)` | 0.013 | `1.3 pp` |
//! | `Duration` | 6012.4 | `1 h 40 min` |
//! | `Money('$')` | 1250.4 | `$1,250` |
//! | `Bytes` | 6442450944 | `6 GiB` |
//!
//! A share that is short of all is not rounded to all: 0.9997 with one digit reads `> 99.9 %`, and
//! a change of that size `< −99.9 %`. "100 %" would deny the rest.

use serde::Serialize;

/// A number with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// A value between the ends of its interval.
    pub fn new(value: f64, low: f64, high: f64) -> Estimate {
        Estimate { value, low, high }
    }

    /// A value that is known exactly: its interval has no width and is not written.
    pub fn exact(value: f64) -> Estimate {
        Estimate {
            value,
            low: value,
            high: value,
        }
    }

    /// Whether the interval has no width.
    pub fn is_exact(&self) -> bool {
        self.low == self.high
    }

    /// The first of the three that is NaN or infinite, if any is.
    pub fn first_not_finite(&self) -> Option<f64> {
        [self.value, self.low, self.high]
            .into_iter()
            .find(|number| !number.is_finite())
    }
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Rounded to a whole number, thousands separated.
    Count,
    /// This many digits after the point, thousands separated.
    Decimals(u8),
    /// This many significant digits, thousands separated.
    Significant(u8),
    /// A ratio as a percentage with this many digits after the point: 0.5 is `50 %`.
    Percent(u8),
    /// A difference of ratios in percentage points: 0.013 is `1.3 pp`.
    Points(u8),
    /// Seconds, as the two largest units that matter: `1 h 40 min`, `12.4 s`, `350 ms`.
    Duration,
    /// An amount behind this sign; whole from 100 up, with two decimals below.
    Money(char),
    /// Bytes in binary units, three significant digits: `1.5 GiB`.
    Bytes,
}

impl Format {
    /// The number with its unit. Panics when it is not finite: charts and tables check first.
    pub fn number(self, value: f64) -> String {
        let (number, unit) = self.parts(value);
        format!("{number}{unit}")
    }

    /// The number with its sign, for differences: `+12.4`, `−61 %`, `0`.
    pub fn signed(self, value: f64) -> String {
        let mut text = self.number(value);
        if let (Format::Percent(digits), true) = (self, value > 0.0) {
            // More than as much again is possible, so this is not short of anything.
            text = format!("{} %", fixed(value * 100.0, digits));
        }
        let nothing = !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
        match value > 0.0 && !nothing {
            true => format!("+{text}"),
            false => text,
        }
    }

    /// From here to there, the unit once where it can be: `54–67 %`, `−12 to 3`, `9 s to 1 min`.
    pub fn range(self, low: f64, high: f64) -> String {
        let (first, unit) = self.parts(low);
        let (second, _) = self.parts(high);
        if first == second {
            return format!("{first}{unit}");
        }
        let words = first.contains(' ') || second.contains(' ') || low < 0.0 || high < 0.0;
        match words {
            true => format!("{first} to {second}{unit}"),
            false => format!("{first}–{second}{unit}"),
        }
    }

    /// The value, then its interval in brackets: `12.4 (10.1–14.9)`. An exact one has no brackets.
    pub fn estimate(self, estimate: &Estimate) -> String {
        let value = self.number(estimate.value);
        match estimate.is_exact() {
            true => value,
            false => format!("{value} ({})", self.range(estimate.low, estimate.high)),
        }
    }

    /// A difference with its interval, signs written: `−61 % (−67 to −54 %)`.
    pub fn difference(self, estimate: &Estimate) -> String {
        let value = self.signed(estimate.value);
        if estimate.is_exact() {
            return value;
        }
        let low = self.signed(estimate.low);
        // A bound is an interval already.
        if value.starts_with('<') && low == value && self.signed(estimate.high) == value {
            return value;
        }
        let (_, unit) = self.parts(estimate.low);
        let low = low.strip_suffix(unit).unwrap_or(&low);
        format!("{value} ({low} to {})", self.signed(estimate.high))
    }

    /// The value and half the width of a symmetric interval: `12.4 ± 1.2 s`.
    pub fn plus_minus(self, value: f64, half: f64) -> String {
        let (first, _) = self.parts(value);
        let (second, unit) = self.parts(half);
        format!("{first} ± {second}{unit}")
    }

    /// A tick label: no more digits than steps of this size need.
    pub fn tick(self, value: f64, step: f64) -> String {
        let digits = |step: f64| decimals_of_step(step);
        match self {
            Format::Count | Format::Decimals(_) | Format::Significant(_) => {
                fixed(value, digits(step))
            }
            Format::Percent(_) => format!("{} %", fixed(value * 100.0, digits(step * 100.0))),
            Format::Points(_) => format!("{} pp", fixed(value * 100.0, digits(step * 100.0))),
            Format::Money(sign) => in_front(sign, &fixed(value, digits(step))),
            Format::Duration | Format::Bytes => self.number(value),
        }
    }

    /// Number and unit apart; the unit is empty where the number carries it.
    fn parts(self, value: f64) -> (String, &'static str) {
        assert!(value.is_finite(), "{value} cannot be written as a number");
        match self {
            Format::Count => (fixed(value, 0), ""),
            Format::Decimals(digits) => (fixed(value, digits), ""),
            Format::Significant(digits) => (significant(value, digits), ""),
            Format::Percent(digits) => (percent(value, digits), " %"),
            Format::Points(digits) => (fixed(value * 100.0, digits), " pp"),
            Format::Duration => (duration(value), ""),
            Format::Money(sign) => (money(sign, value), ""),
            Format::Bytes => (bytes(value), ""),
        }
    }
}

/// Digits after the point, thousands separated, a real minus sign and no negative zero.
fn fixed(value: f64, digits: u8) -> String {
    let plain = format!("{:.*}", usize::from(digits), value.abs());
    let (whole, fraction) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let zero = !plain.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    let sign = if value < 0.0 && !zero { "−" } else { "" };
    format!("{sign}{}{fraction}", thousands(whole))
}

/// Rounded, but for what would be rounded to all and is not: the bound that it lies beyond.
fn percent(ratio: f64, digits: u8) -> String {
    const ROUNDING_ERROR: f64 = 1e-9;
    let rounded = fixed(ratio * 100.0, digits);
    let short_of_all = ratio.abs() < 1.0 - ROUNDING_ERROR;
    if !short_of_all || rounded.trim_start_matches('−') != fixed(100.0, digits) {
        return rounded;
    }
    let bound = 100.0 - power_of_ten(-i32::from(digits));
    match ratio > 0.0 {
        true => format!("> {}", fixed(bound, digits)),
        false => format!("< {}", fixed(-bound, digits)),
    }
}

fn thousands(whole: &str) -> String {
    let mut text = String::with_capacity(whole.len() * 4 / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn significant(value: f64, digits: u8) -> String {
    let (rounded, exponent) = round_significant(value, digits);
    let decimals = (i32::from(digits.max(1)) - 1 - exponent).clamp(0, 12);
    fixed(rounded, decimals as u8)
}

/// The value rounded to this many significant digits, and the power of ten of its first digit.
/// Goes through the decimal text, which is exact and the same on every machine.
pub(crate) fn round_significant(value: f64, digits: u8) -> (f64, i32) {
    let text = format!("{:.*e}", usize::from(digits.max(1)) - 1, value);
    let exponent = text
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok());
    (text.parse().unwrap_or(value), exponent.unwrap_or(0))
}

/// Exactly the number that is written like this; `powi` may differ from machine to machine.
pub(crate) fn power_of_ten(exponent: i32) -> f64 {
    format!("1e{exponent}")
        .parse()
        .expect("a power of ten can be read")
}

/// How many digits after the point tell steps of this size apart.
fn decimals_of_step(step: f64) -> u8 {
    (0..=9)
        .find(|&digits| is_whole(step * power_of_ten(i32::from(digits))))
        .unwrap_or(9)
}

fn is_whole(value: f64) -> bool {
    (value - value.round()).abs() < 1e-6 * value.abs().max(1e-3)
}

/// Three significant digits, without zeros at the end of the fraction.
fn short(value: f64) -> String {
    let text = significant(value, 3);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

fn duration(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "−" } else { "" };
    let size = seconds.abs();
    let (rounded, _) = round_significant(size, 3);
    let text = match rounded {
        0.0 => return "0 s".to_string(),
        few if few < 1e-6 => format!("{} ns", short(size * 1e9)),
        few if few < 1e-3 => format!("{} µs", short(size * 1e6)),
        few if few < 1.0 => format!("{} ms", short(size * 1e3)),
        few if few < 60.0 => format!("{} s", short(size)),
        _ => long_duration(size),
    };
    format!("{sign}{text}")
}

/// From a minute up: the two largest units, the second left out when it is zero. From half an hour
/// up seconds no longer matter.
fn long_duration(seconds: f64) -> String {
    let whole_seconds = seconds.round();
    if whole_seconds < 1800.0 {
        return two_units(whole_seconds, 60.0, "min", "s");
    }
    let whole_minutes = (seconds / 60.0).round();
    if whole_minutes < 60.0 {
        return format!("{whole_minutes} min");
    }
    if whole_minutes < 24.0 * 60.0 {
        return two_units(whole_minutes, 60.0, "h", "min");
    }
    let whole_hours = (seconds / 3600.0).round();
    if whole_hours < 100.0 * 24.0 {
        return two_units(whole_hours, 24.0, "d", "h");
    }
    format!("{} d", fixed(whole_hours / 24.0, 0))
}

fn two_units(count: f64, size: f64, large: &str, small: &str) -> String {
    let (many, rest) = ((count / size).floor(), count % size);
    match rest == 0.0 {
        true => format!("{many} {large}"),
        false => format!("{many} {large} {rest} {small}"),
    }
}

fn money(sign: char, value: f64) -> String {
    let digits = if value.abs() < 99.995 && !is_whole(value) {
        2
    } else {
        0
    };
    in_front(sign, &fixed(value, digits))
}

fn in_front(sign: char, number: &str) -> String {
    match number.strip_prefix('−') {
        Some(positive) => format!("−{sign}{positive}"),
        None => format!("{sign}{number}"),
    }
}

fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = value.abs();
    let mut unit = 0;
    while size >= 1023.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{} {}", short(size), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_the_table_at_the_top_says() {
        assert_eq!(Format::Count.number(7_800_000.0), "7,800,000");
        assert_eq!(Format::Decimals(1).number(12.44), "12.4");
        assert_eq!(Format::Significant(3).number(0.012345), "0.0123");
        assert_eq!(Format::Significant(3).number(12_345.0), "12,300");
        assert_eq!(Format::Percent(0).number(0.613), "61 %");
        assert_eq!(Format::Points(1).number(0.013), "1.3 pp");
        assert_eq!(Format::Duration.number(6012.4), "1 h 40 min");
        assert_eq!(Format::Money('$').number(1250.4), "$1,250");
        assert_eq!(Format::Bytes.number(6_442_450_944.0), "6 GiB");
    }

    #[test]
    fn durations_carry_into_the_next_unit() {
        let read = |seconds: f64| Format::Duration.number(seconds);
        assert_eq!(read(0.0), "0 s");
        assert_eq!(read(0.00035), "350 µs");
        assert_eq!(read(0.9996), "1 s");
        assert_eq!(read(12.4), "12.4 s");
        assert_eq!(read(59.96), "1 min");
        assert_eq!(read(252.0), "4 min 12 s");
        assert_eq!(read(2808.0), "47 min");
        assert_eq!(read(3599.7), "1 h");
        assert_eq!(read(86_399.0), "1 d");
        assert_eq!(read(100.0 * 86_400.0), "100 d");
        assert_eq!(read(-90.0), "−1 min 30 s");
    }

    #[test]
    fn signs_are_written_and_nothing_has_no_sign() {
        assert_eq!(Format::Decimals(1).signed(12.4), "+12.4");
        assert_eq!(Format::Decimals(1).signed(0.01), "0.0");
        assert_eq!(Format::Decimals(1).number(-0.01), "0.0");
        assert_eq!(Format::Percent(0).signed(-0.61), "−61 %");
        assert_eq!(Format::Money('€').number(-12.5), "−€12.50");
        assert_eq!(Format::Bytes.number(-1536.0), "−1.5 KiB");
    }

    #[test]
    fn intervals_say_their_unit_once_where_they_can() {
        assert_eq!(Format::Percent(0).range(0.54, 0.67), "54–67 %");
        assert_eq!(Format::Decimals(0).range(-12.0, 3.0), "−12 to 3");
        assert_eq!(Format::Duration.range(9.0, 60.0), "9 s to 1 min");
        assert_eq!(Format::Count.range(2.1, 2.2), "2");
        assert_eq!(
            Format::Decimals(1).estimate(&Estimate::new(12.4, 10.1, 14.9)),
            "12.4 (10.1–14.9)"
        );
        assert_eq!(Format::Decimals(1).estimate(&Estimate::exact(12.4)), "12.4");
        let difference = Estimate::new(-0.61, -0.67, -0.54);
        assert_eq!(
            Format::Percent(0).difference(&difference),
            "−61 % (−67 to −54 %)"
        );
        assert_eq!(Format::Decimals(1).plus_minus(12.4, 1.2), "12.4 ± 1.2");
    }

    #[test]
    fn what_is_short_of_all_is_never_rounded_to_all() {
        let change =
            |value, low, high| Format::Percent(1).difference(&Estimate::new(value, low, high));
        assert_eq!(change(-0.9997, -0.9998, -0.9996), "< −99.9 %");
        assert_eq!(
            change(-0.998, -0.9997, -0.994),
            "−99.8 % (< −99.9 to −99.4 %)"
        );
        assert_eq!(change(-1.0, -1.0, -1.0), "−100.0 %");
        assert_eq!(
            change(-0.9997, -1.0, -0.999),
            "< −99.9 % (−100.0 to −99.9 %)"
        );
        assert_eq!(Format::Percent(0).number(0.997), "> 99 %");
        assert_eq!(Format::Percent(0).range(0.98, 0.997), "98 to > 99 %");
        assert_eq!(Format::Percent(0).number(1.0 - 1e-12), "100 %");
        assert_eq!(
            Format::Percent(0).signed(0.997),
            "+100 %",
            "twice as much is no limit"
        );
        assert_eq!(Format::Percent(1).number(0.9994), "99.9 %");
    }

    #[test]
    fn ticks_have_as_many_digits_as_their_steps_need() {
        assert_eq!(Format::Decimals(3).tick(20.0, 10.0), "20");
        assert_eq!(Format::Count.tick(0.5, 0.5), "0.5");
        assert_eq!(Format::Percent(1).tick(0.025, 0.025), "2.5 %");
        assert_eq!(Format::Money('$').tick(1500.0, 500.0), "$1,500");
    }

    #[test]
    #[should_panic(expected = "NaN cannot be written")]
    fn what_is_not_finite_is_our_mistake_here() {
        Format::Count.number(f64::NAN);
    }
}
