//! Rates: how often something happens, and how fast bytes grow or move.
//!
//! A file may count per second, minute, hour or day; inside, every rate is per second. A sum or
//! product that is too large for a float is the largest float.

use std::fmt;
use std::ops::Add;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bytes::{self, unit_bytes};
use super::{Factor, Grammar, ParseQuantityError, from_text};
use super::{begins_with_number, parse_number, round_to_12_digits, split_unit};
use crate::time::SimDuration;

/// How often something happens, in events per second: finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct PerSec(f64);

/// How fast bytes grow or move, in bytes per second: finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct BytesPerSec(f64);

impl PerSec {
    /// Never.
    pub const ZERO: PerSec = PerSec(0.0);

    /// This many events per second; `None` if negative, NaN or infinite.
    pub fn new(per_sec: f64) -> Option<PerSec> {
        finite(per_sec).map(PerSec)
    }

    /// Events per second.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The number of events expected in `span`.
    pub fn expected_in(self, span: SimDuration) -> f64 {
        self.0 * span.as_secs_f64()
    }

    /// The mean time between two events; `None` if it is beyond 584 years, as for a rate of zero.
    pub fn interval_mean(self) -> Option<SimDuration> {
        SimDuration::try_from_secs_f64(1.0 / self.0)
    }

    /// This rate times a factor.
    pub fn scaled(self, factor: Factor) -> PerSec {
        PerSec((self.0 * factor.get()).min(f64::MAX))
    }
}

impl BytesPerSec {
    /// Nothing moves.
    pub const ZERO: BytesPerSec = BytesPerSec(0.0);

    /// This many bytes per second; `None` if negative, NaN or infinite.
    pub fn new(bytes_per_sec: f64) -> Option<BytesPerSec> {
        finite(bytes_per_sec).map(BytesPerSec)
    }

    /// Bytes per second.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// This rate times a factor.
    pub fn scaled(self, factor: Factor) -> BytesPerSec {
        BytesPerSec((self.0 * factor.get()).min(f64::MAX))
    }
}

impl Add for PerSec {
    type Output = PerSec;
    fn add(self, other: PerSec) -> PerSec {
        PerSec((self.0 + other.0).min(f64::MAX))
    }
}

impl Add for BytesPerSec {
    type Output = BytesPerSec;
    fn add(self, other: BytesPerSec) -> BytesPerSec {
        BytesPerSec((self.0 + other.0).min(f64::MAX))
    }
}

fn finite(rate: f64) -> Option<f64> {
    // `abs` takes the sign off a negative zero.
    (rate.is_finite() && rate >= 0.0).then(|| rate.abs())
}

/// What a rate may be counted by, in seconds. Where two texts are equally short, the earlier
/// period is displayed.
const PERIODS: [(&str, f64); 4] = [("s", 1.0), ("min", 60.0), ("h", 3600.0), ("d", 86_400.0)];

fn period_secs(name: &str) -> Result<f64, &'static str> {
    let period = PERIODS.iter().find(|(known, _)| *known == name);
    period
        .map(|(_, secs)| *secs)
        .ok_or("what follows the slash is not s, min, h or d")
}

const EVENTS: Grammar = Grammar {
    expected: "a rate",
    form: "a number, a slash and s, min, h or d, such as \"120/s\" or \"2/h\"",
};

const BYTES: Grammar = Grammar {
    expected: "a rate of bytes",
    form: "a size, a slash and s, min, h or d, such as \"100MiB/s\" or \"3GiB/d\"",
};

impl FromStr for PerSec {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<PerSec, ParseQuantityError> {
        let (number, unit) = split_unit(text);
        let read = || {
            begins_with_number(number)?;
            let period = unit
                .strip_prefix('/')
                .ok_or("the slash and the period are missing")?;
            let value = parse_number(number)?;
            Ok(PerSec(value / period_secs(period.trim())?))
        };
        read().map_err(|reason| EVENTS.error(text, reason))
    }
}

impl FromStr for BytesPerSec {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<BytesPerSec, ParseQuantityError> {
        let (number, unit) = split_unit(text);
        let read = || {
            begins_with_number(number)?;
            let (size, period) = unit
                .split_once('/')
                .ok_or("the slash and the period are missing")?;
            let unit = unit_bytes(size.trim())? as f64;
            let bytes = parse_number(number)? * unit;
            Ok(BytesPerSec(
                finite(bytes).ok_or("it is too large")? / period_secs(period.trim())?,
            ))
        };
        read().map_err(|reason| BYTES.error(text, reason))
    }
}

impl fmt::Display for PerSec {
    /// The shortest exact form: `120/s`, `2/h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = PERIODS.iter().map(|(name, secs)| {
            let counted = [round_to_12_digits(self.0 * secs), self.0];
            counted.map(|number| format!("{number}/{name}"))
        });
        let exact = texts.flatten().filter(|text| text.parse() == Ok(*self));
        f.pad(
            &exact
                .min_by_key(String::len)
                .expect("a rate per second is always exact"),
        )
    }
}

impl fmt::Display for BytesPerSec {
    /// The shortest exact form: `100MiB/s`, `3GiB/d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = PERIODS.iter().flat_map(|(period, secs)| {
            bytes::UNITS.iter().flat_map(move |(unit, bytes)| {
                let counted = [round_to_12_digits(self.0 * secs / *bytes as f64), self.0];
                counted.map(|number| format!("{number}{unit}/{period}"))
            })
        });
        let exact = texts.filter(|text| text.parse() == Ok(*self));
        f.pad(
            &exact
                .min_by_key(String::len)
                .expect("bytes per second are always exact"),
        )
    }
}

impl<'de> Deserialize<'de> for PerSec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PerSec, D::Error> {
        from_text(deserializer, "a rate such as \"120/s\" or \"2/h\"")
    }
}

impl Serialize for PerSec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BytesPerSec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BytesPerSec, D::Error> {
        from_text(
            deserializer,
            "a rate of bytes such as \"100MiB/s\" or \"3GiB/d\"",
        )
    }
}

impl Serialize for BytesPerSec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_period_is_read() {
        let read = |text: &str| text.parse::<PerSec>().unwrap().get();
        assert_eq!(read("120/s"), 120.0);
        assert_eq!(read("3/min"), 0.05);
        assert_eq!(read("2 / h"), 2.0 / 3600.0);
        assert_eq!(read("1/d"), 1.0 / 86_400.0);
        let read = |text: &str| text.parse::<BytesPerSec>().unwrap().get();
        assert_eq!(read("100MiB/s"), 104_857_600.0);
        assert_eq!(read("864kB/d"), 10.0);
    }

    #[test]
    fn a_mistake_is_named_with_its_remedy() {
        let message = |text: &str| text.parse::<PerSec>().unwrap_err().to_string();
        assert_eq!(
            message("120"),
            "`120` is not a rate: the slash and the period are missing; write a number, a slash \
             and s, min, h or d, such as \"120/s\" or \"2/h\""
        );
        assert!(message("120/w").contains("is not s, min, h or d"));
        assert!(message("-1/s").contains("must not be negative"));
        assert!(message("NaN/s").contains("it does not begin with a number"));
        let message = |text: &str| text.parse::<BytesPerSec>().unwrap_err().to_string();
        assert!(message("5MiB").contains("the slash and the period are missing"));
        assert!(message("5/s").contains("the unit is missing"));
        assert!(message("5mb/s").contains("the unit is not known"));
    }

    #[test]
    fn the_shortest_exact_text_is_shown() {
        let shown = |text: &str| text.parse::<PerSec>().unwrap().to_string();
        for text in ["120/s", "2/h", "1/d", "0/s", "0.5/s", "7/min"] {
            assert_eq!(shown(text), text);
        }
        let shown = |text: &str| text.parse::<BytesPerSec>().unwrap().to_string();
        for text in ["100MiB/s", "3GiB/d", "0B/s", "1.2GB/s"] {
            assert_eq!(shown(text).parse::<BytesPerSec>(), text.parse());
            assert!(shown(text).len() <= text.len(), "{}", shown(text));
        }
    }

    #[test]
    fn a_rate_and_a_span_make_a_count() {
        let rate: PerSec = "30/min".parse().unwrap();
        assert_eq!(rate.interval_mean(), Some(SimDuration::from_secs(2)));
        assert_eq!(rate.expected_in(SimDuration::from_hours(1)), 1800.0);
        assert_eq!(PerSec::ZERO.interval_mean(), None);
        let most = PerSec::new(f64::MAX).unwrap();
        assert_eq!(most + most, most);
        assert_eq!(most.scaled(Factor::new(2.0).unwrap()), most);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(value in prop::num::f64::POSITIVE | prop::num::f64::ZERO) {
            let rate = PerSec::new(value).unwrap();
            prop_assert_eq!(rate.to_string().parse::<PerSec>().unwrap(), rate);
            let rate = BytesPerSec::new(value).unwrap();
            prop_assert_eq!(rate.to_string().parse::<BytesPerSec>().unwrap(), rate);
        }
    }
}
