//! What values look like in a scenario file that are written as text but are no quantities.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::clock::{WallTime, ZoneOffset};
use super::price::Usd;
use super::traffic::Series;

/// A value that is written as text.
macro_rules! text {
    ($type:ty, $name:literal, $pattern:literal, $description:literal, $examples:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "description": $description,
                    "examples": $examples,
                })
            }
        }
    };
}

text!(
    Usd,
    "price",
    r"^[0-9]+(\.[0-9]+)?\s*USD$",
    "A price in US dollars: a number from 0 up, and USD.",
    ["0.021 USD", "25 USD"]
);
text!(
    WallTime,
    "date and time",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?$",
    "A date and a time of day by the local wall clock.",
    ["2020-06-02 00:00"]
);
text!(
    ZoneOffset,
    "offset",
    r"^(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$",
    "Hours and minutes ahead of UTC, negative in the west.",
    ["-04:00", "+00:00"]
);
text!(
    Series,
    "series",
    r"\S",
    "The name of a CSV file, beside the file that names it, with the columns at_s (seconds from \
     the trial's start) or at (date and time, which needs a [clock]), and per_sec; each row's rate \
     holds until the next. Or the CSV text itself.",
    ["visits.csv"]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_read() {
        let read = |schema: Schema, reads: &dyn Fn(&str) -> bool| {
            let examples = schema.get("examples").and_then(|e| e.as_array().cloned());
            for example in examples.expect("there are some") {
                let text = example.as_str().expect("text");
                assert!(reads(text), "{text}");
            }
        };
        let generator = &mut SchemaGenerator::default();
        read(Usd::json_schema(generator), &|text| {
            text.parse::<Usd>().is_ok()
        });
        read(WallTime::json_schema(generator), &|text| {
            WallTime::try_from(text.to_owned()).is_ok()
        });
        read(ZoneOffset::json_schema(generator), &|text| {
            ZoneOffset::try_from(text.to_owned()).is_ok()
        });
    }
}
