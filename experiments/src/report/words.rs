//! How counts, changes and their intervals are written in sentences and tables.

use output::Format;

use crate::stats::Estimate;

/// The first three, and how many more there are.
pub fn some<T: AsRef<str>>(words: &[T]) -> String {
    let first: Vec<&str> = words.iter().take(3).map(AsRef::as_ref).collect();
    let first = first.join(", ");
    match words.len().saturating_sub(3) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// `61 % (95 % CI 54–67 %)`, of a change that is negative throughout.
pub fn less(change: &Estimate) -> String {
    if change.high < -0.9995 {
        return "more than 99.9 % (95 % CI)".to_owned();
    }
    let format = percent(change);
    let range = format.range(-change.high, -change.low.max(-1.0));
    format!("{} (95 % CI {range})", format.number(-change.value))
}

/// In per cent where that has a meaning, else in requests.
pub fn change_words(change: Option<&Estimate>, difference: &Estimate) -> String {
    match change {
        Some(change) => percent(change).difference(&drawn(change)),
        None => {
            let size = count(difference.value);
            format!("{} per trial", size.difference(&drawn(difference)))
        }
    }
}

/// Whole per cents, except for changes so close to 0 or 100 % that rounding would say so.
pub fn percent(change: &Estimate) -> Format {
    let narrow = change.high - change.low < 0.02;
    let whole = change.value == -1.0 || change.value == 0.0;
    let left = change.value + 1.0;
    match (whole, narrow) {
        (false, _) if left < 0.0015 => Format::Percent(2),
        (false, _) if left < 0.015 => Format::Percent(1),
        (false, true) if change.value.abs() < 0.015 => Format::Percent(1),
        (_, _) => Format::Percent(0),
    }
}

/// How a mean of counts is written: as a whole number, unless it is small.
pub fn count(mean: f64) -> Format {
    match mean.abs() < 10.0 && mean.fract() != 0.0 {
        true => Format::Significant(2),
        false => Format::Count,
    }
}

/// An estimate as the charts draw it.
pub fn drawn(estimate: &Estimate) -> output::Estimate {
    output::Estimate::new(estimate.value, estimate.low, estimate.high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, low: f64, high: f64) -> Estimate {
        Estimate {
            value,
            low,
            high,
            level: 0.95,
            n: 500,
        }
    }

    #[test]
    fn a_change_that_leaves_something_is_never_all() {
        let nothing = estimate(0.0, 0.0, 0.0);
        let words = |value, low, high| change_words(Some(&estimate(value, low, high)), &nothing);
        assert_eq!(
            words(-0.99968, -0.99972, -0.99964),
            "−99.97 % (−99.97 to −99.96 %)"
        );
        assert_eq!(
            words(-0.999_997, -0.999_999, -0.999_994),
            "< −99.99 %",
            "0.35 of 112,159"
        );
        assert_eq!(words(-0.998, -1.0, -0.97), "−99.8 % (−100.0 to −97.0 %)");
        assert_eq!(words(-1.0, -1.0, -1.0), "−100 %");
        assert_eq!(
            less(&estimate(-0.99968, -0.99972, -0.99964)),
            "more than 99.9 % (95 % CI)"
        );
        assert_eq!(
            less(&estimate(-0.9996, -0.9998, -0.9993)),
            "99.96 % (95 % CI 99.93–99.98 %)"
        );
    }
}
