//! Quantities that carry their unit: a bare number in a file is an error that says what to write.
//!
//! | type | holds | written |
//! | --- | --- | --- |
//! | [`Bytes`] | whole bytes | `"4GiB"`, `"16kB"` |
//! | [`BytesPerSec`] | bytes per second | `"100MiB/s"`, `"3GiB/d"` |
//! | [`PerSec`] | events per second | `"120/s"`, `"2/h"` |
//! | [`Probability`] | 0 to 1 | `"5%"` |
//! | [`Factor`] | a positive multiplier | `"2x"` |
//! | [`SizeOrShare`] | bytes, or a part of a whole | `"12GiB"`, `"75%"` |
//!
//! Time has a file of its own, [`crate::time`]. None of these converts from a plain number without
//! its unit being named. Each is displayed in its shortest text that reads back as the same value.

mod amount;
mod bytes;
mod rate;
mod ratio;
mod schema;

use crate::text::from_text;
pub use amount::SizeOrShare;
pub use bytes::Bytes;
pub use rate::{BytesPerSec, PerSec};
pub use ratio::{Factor, Probability};

/// Why a text is not the quantity that was expected; the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}: {reason}; write {form}")]
pub struct ParseQuantityError {
    text: String,
    expected: &'static str,
    reason: &'static str,
    form: &'static str,
}

/// What a quantity is called and how it is written, for its error messages.
#[derive(Clone, Copy)]
struct Grammar {
    expected: &'static str,
    form: &'static str,
}

impl Grammar {
    fn error(self, text: &str, reason: &'static str) -> ParseQuantityError {
        let Grammar { expected, form } = self;
        ParseQuantityError {
            text: text.to_owned(),
            expected,
            reason,
            form,
        }
    }
}

/// Splits `" 1.5 GiB"` into `("1.5", "GiB")`; the unit is empty if it is missing.
fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let in_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-');
    let split = text.find(|c| !in_number(c)).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    (number, unit.trim())
}

/// Is there a number? If not, that is what is wrong, whatever the unit.
fn begins_with_number(number: &str) -> Result<(), &'static str> {
    match number.is_empty() {
        true => Err("it does not begin with a number"),
        false => Ok(()),
    }
}

/// Reads a number that is finite and not negative.
fn parse_number(number: &str) -> Result<f64, &'static str> {
    let value: f64 = number.parse().map_err(|_| "the number cannot be read")?;
    if value < 0.0 {
        return Err("it must not be negative");
    }
    if !value.is_finite() {
        return Err("it is too large");
    }
    // A negative zero would be displayed with its sign.
    Ok(value.abs())
}

/// `value` with at most 12 significant digits, which takes the noise of a division off `2/h`.
fn round_to_12_digits(value: f64) -> f64 {
    format!("{value:.11e}")
        .parse()
        .expect("a formatted float is a float")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Host {
        memory: Bytes,
        link: BytesPerSec,
        faults: PerSec,
        loss: Probability,
        surge: Factor,
    }

    #[test]
    fn a_file_writes_each_quantity_with_its_unit() {
        let text =
            "memory = \"8GiB\"\nlink = \"1GB/s\"\nfaults = \"2/d\"\nloss = \"5%\"\nsurge = \"3x\"";
        let host: Host = toml::from_str(text).unwrap();
        assert_eq!(host.memory, Bytes::from_gib(8));
        assert_eq!(host.link.get(), 1e9);
        assert_eq!(host.faults.get(), 2.0 / 86_400.0);
        assert_eq!(host.loss.get(), 0.05);
        assert_eq!(host.surge.get(), 3.0);
    }

    #[test]
    fn a_bare_number_is_answered_with_what_to_write() {
        let error = toml::from_str::<Host>("memory = 8")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("expected a size such as \"4GiB\""),
            "{error}"
        );
        let error = toml::from_str::<Host>("loss = 0.05")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("expected a probability such as \"5%\""),
            "{error}"
        );
    }
}
