//! Numbers without a dimension: probabilities, written in percent, and multipliers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Grammar, ParseQuantityError, begins_with_number, from_text, parse_number, split_unit};

/// A probability or share: at least 0 and at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Probability(f64);

/// A multiplier: finite and above 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Factor(f64);

impl Probability {
    /// Impossible.
    pub const ZERO: Probability = Probability(0.0);
    /// Certain.
    pub const ONE: Probability = Probability(1.0);

    /// From a number between 0 and 1; `None` outside.
    pub fn new(probability: f64) -> Option<Probability> {
        // `abs` takes the sign off a negative zero.
        (0.0..=1.0)
            .contains(&probability)
            .then(|| Probability(probability.abs()))
    }

    /// A number between 0 and 1.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Factor {
    /// No change.
    pub const ONE: Factor = Factor(1.0);

    /// From a number above 0; `None` if it is not, or not finite.
    pub fn new(factor: f64) -> Option<Factor> {
        (factor.is_finite() && factor > 0.0).then_some(Factor(factor))
    }

    /// A finite number above 0.
    pub const fn get(self) -> f64 {
        self.0
    }
}

const PERCENT: Grammar = Grammar {
    expected: "a probability",
    form: "a number between 0 and 100 and a percent sign, such as \"5%\"",
};

const MULTIPLIER: Grammar = Grammar {
    expected: "a factor",
    form: "a number above 0 and an x, such as \"2x\" or \"0.5x\"",
};

impl FromStr for Probability {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Probability, ParseQuantityError> {
        let (number, unit) = split_unit(text);
        let read = || {
            begins_with_number(number)?;
            if unit != "%" {
                return Err("the percent sign is missing");
            }
            parse_number(number)?;
            // The point is moved in the text: dividing by 100 would round a second time, and some
            // probabilities could then not be written at all.
            let shifted = format!("{number}e-2")
                .parse()
                .map_err(|_| "the number cannot be read")?;
            Probability::new(shifted).ok_or("it lies above 100%")
        };
        read().map_err(|reason| PERCENT.error(text, reason))
    }
}

impl FromStr for Factor {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Factor, ParseQuantityError> {
        let (number, unit) = split_unit(text);
        let read = || {
            begins_with_number(number)?;
            if unit != "x" {
                return Err("the x is missing");
            }
            Factor::new(parse_number(number)?).ok_or("it must be above 0")
        };
        read().map_err(|reason| MULTIPLIER.error(text, reason))
    }
}

impl fmt::Display for Probability {
    /// In percent, exactly: `5%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}%", hundredfold(self.0)))
    }
}

/// A number's shortest exact decimal text with the point moved two places to the right.
fn hundredfold(value: f64) -> String {
    let text = format!("{value}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let moved = format!("{whole}{fraction:0<2}");
    let (whole, fraction) = moved.split_at(whole.len() + 2);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}

impl fmt::Display for Factor {
    /// Exactly: `2x`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}x", self.0))
    }
}

impl<'de> Deserialize<'de> for Probability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Probability, D::Error> {
        from_text(deserializer, "a probability such as \"5%\"")
    }
}

impl Serialize for Probability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Factor, D::Error> {
        from_text(deserializer, "a factor such as \"2x\"")
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percent_and_multiples_are_read() {
        let read = |text: &str| text.parse::<Probability>().unwrap().get();
        assert_eq!(read("5%"), 0.05);
        assert_eq!(read("0.001%"), 0.00001);
        assert_eq!(read("100 %"), 1.0);
        assert_eq!("2x".parse::<Factor>().unwrap().get(), 2.0);
    }

    #[test]
    fn a_mistake_is_named_with_its_remedy() {
        let message = |text: &str| text.parse::<Probability>().unwrap_err().to_string();
        assert_eq!(
            message("0.05"),
            "`0.05` is not a probability: the percent sign is missing; write a number between 0 \
             and 100 and a percent sign, such as \"5%\""
        );
        assert!(message("101%").contains("it lies above 100%"));
        assert!(message("-1%").contains("it must not be negative"));
        assert!(message("%").contains("it does not begin with a number"));
        let message = |text: &str| text.parse::<Factor>().unwrap_err().to_string();
        assert!(message("2").contains("the x is missing"));
        assert!(message("nanx").contains("it does not begin with a number"));
        assert!(message("0x").contains("it must be above 0"));
        assert!(message("-2x").contains("it must not be negative"));
    }

    #[test]
    fn percent_is_shown_without_noise() {
        for text in ["5%", "0%", "100%", "99.95%", "0.001%", "7%", "12.5%", "30%"] {
            assert_eq!(text.parse::<Probability>().unwrap().to_string(), text);
        }
        assert_eq!(Factor::new(0.5).unwrap().to_string(), "0.5x");
    }

    #[test]
    fn nothing_outside_the_range_is_made() {
        assert_eq!(Probability::new(1.0 + f64::EPSILON), None);
        assert_eq!(Probability::new(f64::NAN), None);
        assert_eq!(Probability::new(-0.0).unwrap().to_string(), "0%");
        assert_eq!(Factor::new(0.0), None);
        assert_eq!(Factor::new(f64::INFINITY), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(value in 0.0..=1.0_f64, exponent in 0..300_i32) {
            let probability = Probability::new(value * 10_f64.powi(-exponent)).unwrap();
            let shown = probability.to_string();
            prop_assert_eq!(shown.parse::<Probability>().unwrap(), probability);
        }

        #[test]
        fn a_factor_reads_back(value in prop::num::f64::POSITIVE) {
            let factor = Factor::new(value).unwrap();
            prop_assert_eq!(factor.to_string().parse::<Factor>().unwrap(), factor);
        }
    }
}
