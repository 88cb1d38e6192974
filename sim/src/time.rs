//! Simulated time: integer nanoseconds since the start of a trial.
//!
//! Two types, so that an instant is never added to an instant. The range is 584 years. A sum or
//! product beyond it is [`SimTime::MAX`] or [`SimDuration::MAX`], which is never: no run lasts that
//! long. A difference below zero panics, since an earlier instant was taken for a later one. A
//! float becomes a time in one place, [`SimDuration::from_secs_f64`]; input is read with
//! [`SimDuration::try_from_secs_f64`] or from text.

use std::fmt;
use std::ops::{Add, AddAssign, Div, Mul, Rem, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant: nanoseconds since the start of the trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(u64);

/// A span of time in nanoseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimDuration(u64);

impl SimTime {
    /// The start of the trial.
    pub const ZERO: SimTime = SimTime(0);
    /// Later than anything that happens: 584 years after the start.
    pub const MAX: SimTime = SimTime(u64::MAX);

    /// The first instant after this one at which something is so: it is at `end`, and once it is it
    /// stays so. Found by halving; this instant itself if `end` is not later.
    pub fn first_by(self, end: SimTime, mut is_so: impl FnMut(SimTime) -> bool) -> SimTime {
        let (mut before, mut after) = (self.0, end.0.max(self.0));
        while after > before + 1 {
            let middle = before + (after - before) / 2;
            *(if is_so(SimTime(middle)) {
                &mut after
            } else {
                &mut before
            }) = middle;
        }
        SimTime(after)
    }

    /// The instant this many nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> SimTime {
        SimTime(nanos)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start, for samplers, statistics and columns that end in `_s`.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Time passed since `earlier`; zero if `earlier` lies ahead.
    pub const fn saturating_since(self, earlier: SimTime) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }

    /// The instant `span` before this one, or the start if that would lie before it.
    pub const fn saturating_sub(self, span: SimDuration) -> SimTime {
        SimTime(self.0.saturating_sub(span.0))
    }

    /// The instant `span` after this one, or [`SimTime::MAX`] if that is out of range.
    pub const fn saturating_add(self, span: SimDuration) -> SimTime {
        SimTime(self.0.saturating_add(span.0))
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: SimDuration = SimDuration(0);
    /// Longer than anything that happens: 584 years.
    pub const MAX: SimDuration = SimDuration(u64::MAX);
    /// What a number of seconds must stay below to be a span: 2⁶⁴ ns in seconds, 584 years.
    pub const SECS_MAX: f64 = u64::MAX as f64 / 1e9;

    /// A span of nanoseconds.
    pub const fn from_nanos(nanos: u64) -> SimDuration {
        SimDuration(nanos)
    }

    /// A span of microseconds.
    pub const fn from_micros(micros: u64) -> SimDuration {
        SimDuration(micros.saturating_mul(1_000))
    }

    /// A span of milliseconds.
    pub const fn from_millis(millis: u64) -> SimDuration {
        SimDuration(millis.saturating_mul(1_000_000))
    }

    /// A span of seconds.
    pub const fn from_secs(secs: u64) -> SimDuration {
        SimDuration(secs.saturating_mul(1_000_000_000))
    }

    /// A span of minutes.
    pub const fn from_mins(mins: u64) -> SimDuration {
        SimDuration::from_secs(mins.saturating_mul(60))
    }

    /// A span of hours.
    pub const fn from_hours(hours: u64) -> SimDuration {
        SimDuration::from_secs(hours.saturating_mul(3600))
    }

    /// A span of days.
    pub const fn from_days(days: u64) -> SimDuration {
        SimDuration::from_secs(days.saturating_mul(86_400))
    }

    /// Seconds to the nearest nanosecond, at most [`SimDuration::MAX`]: the one place where a float
    /// becomes a time.
    ///
    /// # Panics
    /// If `secs` is NaN or negative: the sampler or formula behind it is wrong.
    #[inline]
    pub fn from_secs_f64(secs: f64) -> SimDuration {
        assert!(
            secs >= 0.0,
            "a duration must not be negative or NaN: {secs}"
        );
        SimDuration(round_to_u64(secs * 1e9))
    }

    /// Seconds to the nearest nanosecond; `None` if `secs` is NaN, negative, or not below
    /// [`SimDuration::SECS_MAX`].
    pub fn try_from_secs_f64(secs: f64) -> Option<SimDuration> {
        (0.0..SimDuration::SECS_MAX)
            .contains(&secs)
            .then(|| SimDuration::from_secs_f64(secs))
    }

    /// Nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds, for samplers, statistics and columns that end in `_s`.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The difference, or zero if `other` is longer.
    pub const fn saturating_sub(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_sub(other.0))
    }

    /// This span to the nearest multiple of `unit`, for people to read.
    pub const fn rounded_to(self, unit: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(unit.0 / 2) / unit.0 * unit.0)
    }

    /// This span times a factor, to the nearest nanosecond; limit and panics are those of
    /// [`SimDuration::from_secs_f64`].
    pub fn scaled(self, factor: f64) -> SimDuration {
        SimDuration::from_secs_f64(self.as_secs_f64() * factor)
    }
}

/// `value.round() as u64`, without the library call that `round` becomes on processors it must also
/// run on: one of these is made for nearly every event.
#[inline]
fn round_to_u64(value: f64) -> u64 {
    // From 2^52 on a float has no fraction. The conversion stops at the largest integer.
    const SHIFT: f64 = (1_u64 << 52) as f64;
    if value >= SHIFT {
        return value as u64;
    }
    // So the sum is rounded to a whole number, which stands in its lowest bits. A half went to the
    // even neighbour, where `round` goes up.
    let shifted = value + SHIFT;
    let lost = value - (shifted - SHIFT);
    shifted.to_bits() - SHIFT.to_bits() + u64::from(lost >= 0.5)
}

impl Add<SimDuration> for SimTime {
    type Output = SimTime;
    fn add(self, span: SimDuration) -> SimTime {
        self.saturating_add(span)
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

impl Sub<SimTime> for SimTime {
    type Output = SimDuration;
    fn sub(self, earlier: SimTime) -> SimDuration {
        SimDuration(
            self.0
                .checked_sub(earlier.0)
                .expect("the later instant comes first"),
        )
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = SimTime;
    fn sub(self, span: SimDuration) -> SimTime {
        SimTime(
            self.0
                .checked_sub(span.0)
                .expect("an instant never lies before the start"),
        )
    }
}

impl Add for SimDuration {
    type Output = SimDuration;
    fn add(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(other.0))
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, other: SimDuration) {
        *self = *self + other;
    }
}

impl Sub for SimDuration {
    type Output = SimDuration;
    fn sub(self, other: SimDuration) -> SimDuration {
        SimDuration(
            self.0
                .checked_sub(other.0)
                .expect("a span is never negative"),
        )
    }
}

impl Mul<u64> for SimDuration {
    type Output = SimDuration;
    fn mul(self, times: u64) -> SimDuration {
        SimDuration(self.0.saturating_mul(times))
    }
}

impl Div<u64> for SimDuration {
    type Output = SimDuration;
    fn div(self, parts: u64) -> SimDuration {
        SimDuration(self.0 / parts)
    }
}

impl Rem<SimDuration> for SimDuration {
    type Output = SimDuration;
    fn rem(self, period: SimDuration) -> SimDuration {
        SimDuration(self.0 % period.0)
    }
}

/// Units that a file may use, with their length in nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Why a text is not a duration; the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration: {reason}; {}", instead(.text))]
pub struct ParseDurationError {
    text: String,
    reason: &'static str,
}

/// What to write instead: the sum, if there are several numbers that each have a unit, and minutes
/// if the unit is `m`.
fn instead(text: &str) -> String {
    let minutes = text
        .trim()
        .strip_suffix('m')
        .and_then(|number| number.parse::<f64>().ok());
    match (sum(text), minutes) {
        (Some(sum), _) => format!("write the sum, \"{sum}\""),
        (None, Some(minutes)) => format!("write \"{minutes}min\" for minutes"),
        (None, None) => {
            "write a number and a unit (ns, us, ms, s, min, h, d), such as \"500ms\" or \
                 \"1.5h\""
                .to_owned()
        }
    }
}

/// What `31min20s` adds up to; `None` if it is no such text, or adds up to too much.
fn sum(text: &str) -> Option<SimDuration> {
    let mut sum = 0_u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let is_unit = |c: char| c.is_ascii_alphabetic();
        let end = rest[unit_at..].find(|c| !is_unit(c));
        let end = end.map_or(rest.len(), |length| unit_at + length);
        sum = sum.checked_add(parse_one(&rest[..end]).ok()?.0)?;
        rest = &rest[end..];
    }
    Some(SimDuration(sum))
}

impl FromStr for SimDuration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<SimDuration, ParseDurationError> {
        parse_one(text).map_err(|reason| ParseDurationError {
            text: text.to_owned(),
            reason: match sum(text) {
                Some(_) => "one number with one unit is expected",
                None => reason,
            },
        })
    }
}

/// One number with one unit, or why it is not.
fn parse_one(text: &str) -> Result<SimDuration, &'static str> {
    let trimmed = text.trim();
    let split = trimmed
        .find(|c: char| c.is_ascii_alphabetic())
        .ok_or("the unit is missing")?;
    let (number, unit) = trimmed.split_at(split);
    let number = number.trim();
    if number.is_empty() {
        return Err("it does not begin with a number");
    }
    let number: f64 = number.parse().map_err(|_| "the number cannot be read")?;
    let nanos = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, nanos)| *nanos)
        .ok_or("the unit is not known")?;
    let exact = number * nanos as f64;
    if number.is_sign_negative() && number != 0.0 {
        return Err("it must not be negative");
    }
    if !exact.is_finite() || exact >= u64::MAX as f64 {
        return Err("it is longer than 584 years");
    }
    Ok(SimDuration(exact.round() as u64))
}

impl fmt::Display for SimDuration {
    /// The shortest exact form in the largest unit that leaves at most three decimals and reads
    /// back as it was: near 2^52 ns a float of microseconds may not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.pad("0s");
        }
        for (name, nanos) in UNITS.iter().rev() {
            let number = self.0 as f64 / *nanos as f64;
            let short = (u128::from(self.0) * 1000).is_multiple_of(u128::from(*nanos));
            if self.0 >= *nanos && short && round_to_u64(number * *nanos as f64) == self.0 {
                return f.pad(&format!("{number}{name}"));
            }
        }
        f.pad(&format!("{}ns", self.0))
    }
}

impl fmt::Display for SimTime {
    /// Days (if any), hours, minutes, seconds and milliseconds: `1d 09:42:00.000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0 / 1_000_000;
        let (seconds, millis) = (millis / 1000, millis % 1000);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        let (days, hours) = (hours / 24, hours % 24);
        let day = if days > 0 {
            format!("{days}d ")
        } else {
            String::new()
        };
        f.pad(&format!(
            "{day}{hours:02}:{minutes:02}:{seconds:02}.{millis:03}"
        ))
    }
}

impl<'de> Deserialize<'de> for SimDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SimDuration, D::Error> {
        crate::text::from_text(deserializer, "a duration such as \"500ms\" or \"1.5h\"")
    }
}

impl Serialize for SimTime {
    /// Seconds since the start.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_secs_f64())
    }
}

impl Serialize for SimDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> SimDuration {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn every_unit_is_read() {
        assert_eq!(read("7ns"), SimDuration::from_nanos(7));
        assert_eq!(read("7us"), SimDuration::from_micros(7));
        assert_eq!(read("500ms"), SimDuration::from_millis(500));
        assert_eq!(read("1.5s"), SimDuration::from_millis(1_500));
        assert_eq!(read("2min"), SimDuration::from_mins(2));
        assert_eq!(read(" 1.5 h"), SimDuration::from_mins(90));
        assert_eq!(read("90d"), SimDuration::from_days(90));
        assert_eq!(read("0s"), SimDuration::ZERO);
    }

    #[test]
    fn a_mistake_is_named_with_its_remedy() {
        let message = |text: &str| text.parse::<SimDuration>().unwrap_err().to_string();
        assert_eq!(
            message("500"),
            "`500` is not a duration: the unit is missing; write a number and a unit (ns, us, ms, \
             s, min, h, d), such as \"500ms\" or \"1.5h\""
        );
        assert!(message("5 weeks").contains("the unit is not known"));
        assert_eq!(
            message("31min20s"),
            "`31min20s` is not a duration: one number with one unit is expected; write the sum, \
             \"1880s\""
        );
        assert!(message("1h 30min").contains("write the sum, \"1.5h\""));
        assert!(message("1h30").contains("the unit is not known"));
        assert!(message("1 5s").contains("the number cannot be read"));
        assert!(message("").contains("the unit is missing"));
        assert!(message("s").contains("it does not begin with a number"));
        assert!(message(".s").contains("the number cannot be read"));
        assert!(message("-1s").contains("it must not be negative"));
        assert!(message("300000d").contains("it is longer than 584 years"));
    }

    #[test]
    fn a_duration_is_shown_in_its_largest_exact_unit() {
        for text in [
            "500ms", "1.5s", "2min", "1.5h", "90d", "0s", "1.234us", "100ns",
        ] {
            assert_eq!(read(text).to_string(), text);
        }
        assert_eq!(SimDuration::from_secs(3600).to_string(), "1h");
        assert_eq!(SimDuration::from_nanos(1_000_001).to_string(), "1000.001us");
        assert_eq!(format!("{:>6}", read("2s")), "    2s");
    }

    #[test]
    fn an_instant_is_shown_as_a_clock_would() {
        assert_eq!(SimTime::ZERO.to_string(), "00:00:00.000");
        let late = SimTime::ZERO + read("1d") + read("9h") + read("42min") + read("7ms");
        assert_eq!(late.to_string(), "1d 09:42:00.007");
    }

    #[test]
    fn a_float_becomes_the_nearest_nanosecond() {
        assert_eq!(
            SimDuration::from_secs_f64(1.5e-9),
            SimDuration::from_nanos(2)
        );
        assert_eq!(SimDuration::from_secs_f64(0.4e-9), SimDuration::ZERO);
        assert_eq!(
            SimDuration::from_secs_f64(86_400.0),
            SimDuration::from_days(1)
        );
        assert_eq!(
            SimDuration::from_millis(10).scaled(0.5),
            SimDuration::from_millis(5)
        );
    }

    #[test]
    #[should_panic(expected = "must not be negative or NaN")]
    fn a_float_that_is_no_number_is_our_mistake() {
        SimDuration::from_secs_f64(f64::NAN);
    }

    #[test]
    fn beyond_584_years_is_never() {
        let nano = SimDuration::from_nanos(1);
        assert_eq!(SimTime::MAX + nano, SimTime::MAX);
        assert_eq!(SimDuration::MAX + nano, SimDuration::MAX);
        assert_eq!(SimDuration::from_days(300) * 1_000, SimDuration::MAX);
        assert_eq!(SimDuration::from_days(u64::MAX), SimDuration::MAX);
        assert_eq!(SimDuration::from_secs_f64(2e10), SimDuration::MAX);
        assert_eq!(SimDuration::MAX.scaled(2.0), SimDuration::MAX);
    }

    #[test]
    fn a_number_of_seconds_is_checked() {
        for secs in [f64::NAN, -1.0, SimDuration::SECS_MAX, f64::INFINITY] {
            assert_eq!(SimDuration::try_from_secs_f64(secs), None);
        }
        let most = SimDuration::SECS_MAX.next_down();
        assert!(SimDuration::try_from_secs_f64(most).is_some_and(|span| span < SimDuration::MAX));
        let short = SimDuration::from_millis(1_500);
        assert_eq!(SimDuration::try_from_secs_f64(1.5), Some(short));
    }

    #[test]
    #[should_panic(expected = "the later instant comes first")]
    fn a_span_is_never_negative() {
        let _ = SimTime::ZERO - SimTime::from_nanos(1);
    }

    #[test]
    fn saturating_forms_stop_at_the_ends() {
        let (early, late) = (SimTime::from_nanos(1), SimTime::from_nanos(3));
        assert_eq!(early.saturating_since(late), SimDuration::ZERO);
        assert_eq!(
            early.saturating_sub(SimDuration::from_secs(1)),
            SimTime::ZERO
        );
        assert_eq!(late.saturating_add(SimDuration::MAX), SimTime::MAX);
        assert_eq!(
            SimDuration::ZERO.saturating_sub(SimDuration::MAX),
            SimDuration::ZERO
        );
    }

    #[test]
    fn a_span_that_microseconds_cannot_tell_is_told_in_nanoseconds() {
        let span = SimDuration::from_nanos(4_419_289_511_338_313);
        assert_eq!(read(&span.to_string()), span);
    }

    #[test]
    fn halving_finds_the_first_instant() {
        let start = SimTime(100);
        for first in [101, 102, 150, 199, 200] {
            let found = start.first_by(SimTime(200), |at| at.0 >= first);
            assert_eq!(found, SimTime(first));
        }
        assert_eq!(start.first_by(start, |_| true), start);
        assert_eq!(start.first_by(SimTime::ZERO, |_| true), start);
    }

    proptest! {
        #[test]
        fn rounding_is_that_of_the_library(value in 0.0..1.8e19_f64, scale in 0..64_i32) {
            for value in [value * 0.5_f64.powi(scale), value.floor() * 0.5_f64.powi(scale)] {
                prop_assert_eq!(round_to_u64(value), value.round() as u64);
            }
        }

        #[test]
        fn halves_are_rounded_up(whole in 0..1_u64 << 52, shift in 0..52_u32) {
            let half = (whole >> shift) as f64 + 0.5;
            for value in [half.next_down(), half, half.next_up()] {
                prop_assert_eq!(round_to_u64(value), value.round() as u64);
            }
        }

        #[test]
        fn what_is_shown_reads_back(nanos: u64, shift in 12_u32..64) {
            // Beyond 2^52 ns, 52 days, a text of nanoseconds is read through a float.
            let span = SimDuration::from_nanos(nanos >> shift);
            prop_assert_eq!(read(&span.to_string()), span);
        }
    }
}
