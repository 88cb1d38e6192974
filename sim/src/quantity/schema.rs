//! What a quantity looks like in a file, for those who write one: JSON Schemas with examples.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Bytes, BytesPerSec, Factor, PerSec, Probability, SizeOrShare};
use crate::SimDuration;

/// A quantity that is written as text.
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
    SimDuration,
    "duration",
    r"^\s*[0-9]+(\.[0-9]+)?\s*(ns|us|ms|s|min|h|d)\s*$",
    "A duration: a number and a unit (ns, us, ms, s, min, h, d); one unit only, so 1.5h or 90min.",
    ["500ms", "90s", "1.5h"]
);
text!(
    Bytes,
    "size",
    r"^\s*[0-9]+(\.[0-9]+)?\s*([KMGT]iB|[kMGT]?B)\s*$",
    "A size: a number and a unit. KiB, MiB, GiB and TiB count in 1,024s; kB, MB, GB and TB in \
     1,000s; B is one byte.",
    ["4GiB", "16kB", "200B"]
);
text!(
    BytesPerSec,
    "byte rate",
    r"^\s*[0-9]+(\.[0-9]+)?\s*([KMGT]iB|[kMGT]?B)\s*/\s*(s|min|h|d)\s*$",
    "Bytes over time: a size, a slash and a unit of time (s, min, h, d).",
    ["100MiB/s", "3GiB/d"]
);
text!(
    PerSec,
    "rate",
    r"^\s*[0-9]+(\.[0-9]+)?\s*/\s*(s|min|h|d)\s*$",
    "How often: a number, a slash and a unit of time (s, min, h, d).",
    ["120/s", "2/h"]
);
text!(
    Probability,
    "share",
    r"^\s*(100(\.0+)?|0*[0-9]{1,2}(\.[0-9]+)?)\s*%\s*$",
    "A share or probability: a percentage from 0% to 100%.",
    ["5%", "99.9%"]
);
text!(
    SizeOrShare,
    "size or share",
    r"^\s*([0-9]+(\.[0-9]+)?\s*([KMGT]iB|[kMGT]?B)|(100(\.0+)?|0*[0-9]{1,2}(\.[0-9]+)?)\s*%)\s*$",
    "A size (a number and a unit, as of every size) or a share (a percentage from 0% to 100%).",
    ["12GiB", "75%"]
);
text!(
    Factor,
    "factor",
    r"^\s*(0*[1-9][0-9]*(\.[0-9]+)?|0+\.0*[1-9][0-9]*)\s*x\s*$",
    "A factor: a number above 0 and an x.",
    ["2x", "0.5x"]
);

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of a schema are read by the type that it is about.
    fn examples_of<T: JsonSchema + std::str::FromStr>() {
        let schema = T::json_schema(&mut SchemaGenerator::default());
        let examples = schema.get("examples").expect("there are some");
        let examples = examples.as_array().expect("a list");
        assert!(!examples.is_empty());
        for example in examples {
            let text = example.as_str().expect("text");
            assert!(text.parse::<T>().is_ok(), "{text}");
        }
    }

    #[test]
    fn every_example_is_read() {
        examples_of::<SimDuration>();
        examples_of::<Bytes>();
        examples_of::<BytesPerSec>();
        examples_of::<PerSec>();
        examples_of::<Probability>();
        examples_of::<Factor>();
        examples_of::<SizeOrShare>();
    }
}
