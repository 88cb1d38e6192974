//! Sizes of memory and data: whole bytes, written with a binary or a decimal unit.
//!
//! A sum or product beyond 16 EiB is [`Bytes::MAX`], more than any machine holds. A difference
//! below zero panics; `checked_` and `saturating_` forms exist where the model means them.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Factor, Grammar, ParseQuantityError, begins_with_number, from_text, split_unit};

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

impl Bytes {
    /// Nothing.
    pub const ZERO: Bytes = Bytes(0);
    /// More than any machine holds: 16 EiB.
    pub const MAX: Bytes = Bytes(u64::MAX);

    /// This many bytes.
    pub const fn new(bytes: u64) -> Bytes {
        Bytes(bytes)
    }

    /// This many times 1,024 bytes.
    pub const fn from_kib(kib: u64) -> Bytes {
        Bytes(kib.saturating_mul(1 << 10))
    }

    /// This many times 1,024² bytes.
    pub const fn from_mib(mib: u64) -> Bytes {
        Bytes(mib.saturating_mul(1 << 20))
    }

    /// This many times 1,024³ bytes.
    pub const fn from_gib(gib: u64) -> Bytes {
        Bytes(gib.saturating_mul(1 << 30))
    }

    /// A float to the nearest byte, at most [`Bytes::MAX`], for samplers and formulas.
    ///
    /// # Panics
    /// If `bytes` is NaN or negative: the sampler or formula behind it is wrong.
    pub fn from_f64(bytes: f64) -> Bytes {
        assert!(bytes >= 0.0, "a size must not be negative or NaN: {bytes}");
        Bytes(bytes.round() as u64)
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of bytes, for samplers, statistics and columns that end in `_bytes`.
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// The sum, or `None` beyond 16 EiB.
    pub const fn checked_add(self, other: Bytes) -> Option<Bytes> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Bytes(sum)),
            None => None,
        }
    }

    /// The difference, or `None` if `other` is larger.
    pub const fn checked_sub(self, other: Bytes) -> Option<Bytes> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Bytes(difference)),
            None => None,
        }
    }

    /// The sum, or [`Bytes::MAX`] if that is out of range.
    pub const fn saturating_add(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_add(other.0))
    }

    /// The difference, or zero if `other` is larger.
    pub const fn saturating_sub(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_sub(other.0))
    }

    /// This size times a factor, to the nearest byte, at most [`Bytes::MAX`].
    pub fn scaled(self, factor: Factor) -> Bytes {
        Bytes::from_f64(self.as_f64() * factor.get())
    }
}

impl Add for Bytes {
    type Output = Bytes;
    fn add(self, other: Bytes) -> Bytes {
        self.saturating_add(other)
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Bytes) {
        *self = *self + other;
    }
}

impl Sub for Bytes {
    type Output = Bytes;
    fn sub(self, other: Bytes) -> Bytes {
        self.checked_sub(other).expect("a size is never negative")
    }
}

impl SubAssign for Bytes {
    fn sub_assign(&mut self, other: Bytes) {
        *self = *self - other;
    }
}

impl Mul<u64> for Bytes {
    type Output = Bytes;
    fn mul(self, times: u64) -> Bytes {
        Bytes(self.0.saturating_mul(times))
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Bytes>>(sizes: I) -> Bytes {
        sizes.fold(Bytes::ZERO, Add::add)
    }
}

/// Units that a file may use, with their length in bytes. Where two texts are equally short, the
/// earlier unit is displayed.
pub(super) const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// The length of a unit in bytes, or why there is none.
pub(super) fn unit_bytes(unit: &str) -> Result<u64, &'static str> {
    if unit.is_empty() {
        return Err("the unit is missing");
    }
    match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, bytes)) => Ok(*bytes),
        // `kb`, `mb`, `G` and the like mean powers of ten to some and powers of two to others.
        None => Err("the unit is not known (MiB counts in 1,024s, MB in 1,000s)"),
    }
}

const GRAMMAR: Grammar = Grammar {
    expected: "a size",
    form: "a number and a unit (B, KiB, MiB, GiB, TiB, kB, MB, GB, TB), such as \"4GiB\"",
};

impl FromStr for Bytes {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Bytes, ParseQuantityError> {
        let (number, unit) = split_unit(text);
        begins_with_number(number)
            .and_then(|()| unit_bytes(unit))
            .and_then(|unit| exact_multiple(number, unit))
            .map(Bytes)
            .map_err(|reason| GRAMMAR.error(text, reason))
    }
}

/// `number` times `unit` to the nearest byte, in integers: a float would lose the last digits of
/// large sizes.
fn exact_multiple(number: &str, unit: u64) -> Result<u64, &'static str> {
    const UNREADABLE: &str = "the number cannot be read";
    if number.starts_with('-') {
        return Err("it must not be negative");
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.is_empty() || !digits_only(whole) || !digits_only(fraction) {
        return Err(UNREADABLE);
    }
    if fraction.len() > 12 {
        return Err("it has more than 12 decimals");
    }
    let whole: u64 = whole.parse().map_err(|_| "it is larger than 16 EiB")?;
    let scale = 10_u128.pow(fraction.len() as u32);
    let fraction: u128 = fraction.parse().map_err(|_| UNREADABLE)?;
    let rounded = (fraction * u128::from(unit) + scale / 2) / scale;
    let bytes = u128::from(whole) * u128::from(unit) + rounded;
    u64::try_from(bytes).map_err(|_| "it is larger than 16 EiB")
}

impl fmt::Display for Bytes {
    /// The shortest exact form with at most three decimals: `4GiB`, `1.5KiB`, `16kB`, `1023B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.pad("0B");
        }
        let texts = UNITS.iter().filter_map(|(name, unit)| {
            let thousandths = u128::from(self.0) * 1000;
            let exact = self.0 >= *unit && thousandths.is_multiple_of(u128::from(*unit));
            exact.then(|| format!("{}{name}", decimal(thousandths / u128::from(*unit))))
        });
        f.pad(
            &texts
                .min_by_key(String::len)
                .expect("whole bytes always fit"),
        )
    }
}

/// Thousandths as a decimal number without trailing zeros.
fn decimal(thousandths: u128) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        from_text(deserializer, "a size such as \"4GiB\" or \"16kB\"")
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> u64 {
        text.parse::<Bytes>()
            .unwrap_or_else(|error| panic!("{error}"))
            .get()
    }

    #[test]
    fn both_families_of_units_are_read() {
        assert_eq!(read("4GiB"), 4 << 30);
        assert_eq!(read("512MiB"), 512 << 20);
        assert_eq!(read("1MB"), 1_000_000);
        assert_eq!(read(" 1.5 KiB "), 1536);
        assert_eq!(read("0B"), 0);
        assert_eq!(read("18446744073709551615B"), u64::MAX);
    }

    #[test]
    fn a_mistake_is_named_with_its_remedy() {
        let message = |text: &str| text.parse::<Bytes>().unwrap_err().to_string();
        assert_eq!(
            message("64"),
            "`64` is not a size: the unit is missing; write a number and a unit (B, KiB, MiB, \
             GiB, TiB, kB, MB, GB, TB), such as \"4GiB\""
        );
        assert!(message("64mb").contains("the unit is not known (MiB counts in 1,024s"));
        assert!(message("-1MiB").contains("must not be negative"));
        assert!(message("1e3MiB").contains("the unit is not known"));
        assert!(message("GiB").contains("it does not begin with a number"));
        assert!(message("1.2.3GiB").contains("the number cannot be read"));
        assert!(message("17000000TiB").contains("larger than 16 EiB"));
    }

    #[test]
    fn the_shortest_exact_text_is_shown() {
        assert_eq!(Bytes::from_gib(4).to_string(), "4GiB");
        assert_eq!(Bytes::from_mib(1536).to_string(), "1.5GiB");
        assert_eq!(Bytes::new(16_000).to_string(), "16kB");
        assert_eq!(Bytes::new(1023).to_string(), "1023B");
        assert_eq!(Bytes::ZERO.to_string(), "0B");
        assert_eq!(format!("{:>6}", Bytes::from_kib(1)), "  1KiB");
    }

    #[test]
    fn a_size_is_scaled_to_the_nearest_byte() {
        assert_eq!(
            Bytes::new(5).scaled(Factor::new(1.5).unwrap()),
            Bytes::new(8)
        );
    }

    #[test]
    fn beyond_16_eib_is_the_largest_size() {
        assert_eq!(Bytes::MAX + Bytes::new(1), Bytes::MAX);
        assert_eq!(Bytes::from_gib(u64::MAX), Bytes::MAX);
        assert_eq!(Bytes::from_gib(4) * (1 << 33), Bytes::MAX);
        assert_eq!(Bytes::from_f64(1e30), Bytes::MAX);
        assert_eq!(Bytes::MAX.scaled(Factor::new(2.0).unwrap()), Bytes::MAX);
    }

    #[test]
    #[should_panic(expected = "never negative")]
    fn a_size_below_zero_is_our_mistake() {
        let _ = Bytes::new(1) - Bytes::new(2);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes: u64, shift in 0_u32..64) {
            let size = Bytes::new(bytes >> shift);
            prop_assert_eq!(size.to_string().parse::<Bytes>().unwrap(), size);
        }
    }
}
