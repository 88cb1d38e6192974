//! The wall clock of a trial: which local hour and day of the week its first instant is.
//!
//! Left out: summer time. The offset is fixed; a horizon that spans a change of the clocks is an
//! hour off behind it.

use std::str::FromStr;

use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;

/// Where a trial stands on the wall clock. A scenario without it starts on a Monday at midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockSpec {
    /// The trial's first instant by local wall clock: `"2020-06-02 00:00"`. All other times of a
    /// scenario are counted from it.
    pub starts: WallTime,
    /// The local time's offset from UTC: `"-04:00"`. It is fixed: a change of the clocks within a
    /// trial is left out.
    pub zone: ZoneOffset,
}

/// A date and a time of day, in no particular zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WallTime(pub DateTime);

/// Hours and minutes ahead of UTC, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ZoneOffset(i32);

/// A day, by which weeks and hours are told.
pub const DAY: SimDuration = SimDuration::from_hours(24);

impl ClockSpec {
    /// From the last Monday's midnight to the trial's start, by local wall clock.
    pub fn since_monday(clock: Option<&ClockSpec>) -> SimDuration {
        let Some(clock) = clock else {
            return SimDuration::ZERO;
        };
        let starts = clock.starts.0;
        let days = starts.weekday().to_monday_zero_offset() as u64;
        let midnight = starts.date().to_datetime(jiff::civil::Time::midnight());
        let passed = starts.duration_since(midnight).as_nanos();
        let passed = u64::try_from(passed).expect("a day begins at its midnight");
        DAY * days + SimDuration::from_nanos(passed)
    }
}

impl ZoneOffset {
    /// New York in summer.
    #[cfg(test)]
    pub(super) const EAST_COAST: ZoneOffset = ZoneOffset(-4 * 3600);

    /// Seconds ahead of UTC; negative in the west.
    pub const fn seconds(self) -> i32 {
        self.0
    }
}

impl FromStr for WallTime {
    type Err = String;

    fn from_str(text: &str) -> Result<WallTime, String> {
        let wrong = |_| {
            format!(
                "`{text}` is not a date and time; write a local one such as \"2020-06-02 00:00\""
            )
        };
        // A date alone would be read as its midnight, and be meant as something else.
        let has_time = text.contains(':') && !text.contains('[');
        let read = text.parse().map_err(wrong)?;
        match has_time {
            true => Ok(WallTime(read)),
            false => Err(format!(
                "`{text}` has no time of day; write one such as \"2020-06-02 00:00\""
            )),
        }
    }
}

impl FromStr for ZoneOffset {
    type Err = String;

    fn from_str(text: &str) -> Result<ZoneOffset, String> {
        let wrong = || format!("`{text}` is not an offset; write one such as \"-04:00\" or \"Z\"");
        if text == "Z" {
            return Ok(ZoneOffset(0));
        }
        let (sign, clock) = match text.split_at_checked(1) {
            Some(("+", clock)) => (1, clock),
            Some(("-", clock)) => (-1, clock),
            Some(_) | None => return Err(wrong()),
        };
        let two = |digits: &str| match digits.len() {
            2 if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<i32>().ok(),
            _ => None,
        };
        let (hours, minutes) = clock.split_once(':').ok_or_else(wrong)?;
        match (two(hours), two(minutes)) {
            (Some(hours @ 0..=14), Some(minutes @ 0..=59)) => {
                Ok(ZoneOffset(sign * (3600 * hours + 60 * minutes)))
            }
            (_, _) => Err(wrong()),
        }
    }
}

impl TryFrom<String> for WallTime {
    type Error = String;

    fn try_from(text: String) -> Result<WallTime, String> {
        text.parse()
    }
}

impl TryFrom<String> for ZoneOffset {
    type Error = String;

    fn try_from(text: String) -> Result<ZoneOffset, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_starts_at_its_place_in_the_week() {
        let starts = |text: &str| ClockSpec {
            starts: text.parse().unwrap(),
            zone: "-04:00".parse().unwrap(),
        };
        let since = |text| ClockSpec::since_monday(Some(&starts(text)));
        assert_eq!(ClockSpec::since_monday(None), SimDuration::ZERO);
        assert_eq!(since("2020-06-01 00:00"), SimDuration::ZERO);
        // The 2nd of June 2020 was a Tuesday.
        assert_eq!(since("2020-06-02 00:00"), DAY);
        assert_eq!(
            since("2020-06-07T23:59:30"),
            DAY * 7 - SimDuration::from_secs(30)
        );
    }

    #[test]
    fn offsets_and_dates_are_read_or_refused() {
        let seconds = |text: &str| text.parse::<ZoneOffset>().map(ZoneOffset::seconds);
        assert_eq!(seconds("-04:00"), Ok(-14_400));
        assert_eq!(seconds("+05:30"), Ok(19_800));
        assert_eq!(seconds("Z"), Ok(0));
        for wrong in [
            "", "4", "04:00", "-4:00", "+15:00", "+01:60", "EDT", "-é:00",
        ] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        for wrong in ["2020-06-02", "2020-13-01 00:00", "today", "10:00"] {
            assert!(wrong.parse::<WallTime>().is_err(), "{wrong}");
        }
    }
}
