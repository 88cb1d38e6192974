//! Amounts that are written either in bytes or as a share of something larger.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Bytes, Grammar, ParseQuantityError, Probability, from_text, split_unit};

/// A number of bytes, or a share of a whole that the key names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SizeOrShare {
    /// So many bytes, however large the whole is.
    Size(Bytes),
    /// So much of the whole.
    Share(Probability),
}

impl SizeOrShare {
    /// In bytes, of a whole of so many bytes.
    pub fn of(self, whole: f64) -> f64 {
        match self {
            SizeOrShare::Size(bytes) => bytes.as_f64(),
            SizeOrShare::Share(share) => share.get() * whole,
        }
    }

    /// Is it nothing, of whatever whole?
    pub fn is_zero(self) -> bool {
        self.of(1.0) == 0.0
    }
}

const GRAMMAR: Grammar = Grammar {
    expected: "a size or a share",
    form: "a number and a unit (B, KiB, MiB, GiB, TiB, kB, MB, GB, TB), such as \"12GiB\", or a \
           percentage up to 100%, such as \"75%\"",
};

impl FromStr for SizeOrShare {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<SizeOrShare, ParseQuantityError> {
        let read = match split_unit(text).1 {
            "%" => text.parse().map(SizeOrShare::Share),
            _ => text.parse().map(SizeOrShare::Size),
        };
        read.map_err(|error| GRAMMAR.error(text, error.reason))
    }
}

impl fmt::Display for SizeOrShare {
    /// As it stands in a file: `12GiB` or `75%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SizeOrShare::Size(bytes) => bytes.fmt(f),
            SizeOrShare::Share(share) => share.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for SizeOrShare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SizeOrShare, D::Error> {
        from_text(
            deserializer,
            "a size such as \"12GiB\" or a share such as \"75%\"",
        )
    }
}

impl Serialize for SizeOrShare {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> SizeOrShare {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn bytes_stay_and_a_share_follows_the_whole() {
        assert_eq!(read("12GiB").of(1e9), f64::from(12 << 10) * 1_048_576.0);
        assert_eq!(read(" 75 % ").of(1e9), 0.75e9);
        assert!(read("0B").is_zero() && read("0%").is_zero());
        assert!(!read("1B").is_zero() && !read("0.1%").is_zero());
    }

    #[test]
    fn it_reads_back_as_it_is_shown() {
        for text in ["12GiB", "1536B", "75%", "0.1%"] {
            assert_eq!(read(text).to_string(), text);
        }
    }

    #[test]
    fn a_mistake_is_named_with_both_remedies() {
        let message = |text: &str| text.parse::<SizeOrShare>().unwrap_err().to_string();
        assert_eq!(
            message("12gb"),
            "`12gb` is not a size or a share: the unit is not known (MiB counts in 1,024s, MB in \
             1,000s); write a number and a unit (B, KiB, MiB, GiB, TiB, kB, MB, GB, TB), such as \
             \"12GiB\", or a percentage up to 100%, such as \"75%\""
        );
        assert!(message("75").contains("the unit is missing"));
        assert!(message("101%").contains("it lies above 100%"));
        assert!(message("-1GiB").contains("must not be negative"));
        assert!(message("2x").contains("the unit is not known"));
    }
}
