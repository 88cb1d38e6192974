//! Anything serializable as JSON: indented, fields in the order of their declaration, one newline
//! at the end.

use serde::Serialize;

use crate::error::Error;

/// The value as bytes of JSON. `None` becomes `null`, and so does a float that is not finite:
/// JSON has no other word for it.
pub fn value<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|problem| Error::Encode {
        format: "JSON",
        problem: problem.to_string(),
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_is_null_and_the_file_ends_with_a_newline() {
        let bytes = value(&(1.5, None::<f64>, "a\"b")).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "[\n  1.5,\n  null,\n  \"a\\\"b\"\n]\n"
        );
    }
}
