//! What `--vary` asks: one key of a scenario, and its values.
//!
//! ```text
//! redis.node_memory=16GiB..128GiB:log:4     four values, each so many times the one before
//! redis.replicas=0..3                       0, 1, 2, 3
//! failover.node_timeout=5s..30s             five values, evenly spaced
//! workload[0].new_keys=10/s,50/s,200/s      these
//! ```

use super::condition::Mistake;

/// The number of values in a range by default.
const USUAL: usize = 5;

/// The most values of one key.
const MOST: usize = 100;

/// A key and the values that it takes in turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Vary {
    /// The key, as a dotted path.
    pub key: String,
    /// The values: numbers, truth values, or texts with a unit. Two at least, all different.
    pub values: Vec<toml::Value>,
}

impl Vary {
    /// Reads a key and its values.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Vary, Mistake> {
        let wrong = |at: usize, wrong: &str, help: &str| Mistake::new(text, at, wrong, help);
        let Some((key, values)) = text.split_once('=') else {
            return Err(wrong(
                text.len(),
                "a key must have values",
                "write KEY=FROM..TO or KEY=A,B,C, such as redis.replicas=0..3",
            ));
        };
        let starts = key.len() + 1;
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(wrong(
                0,
                "the name of a key must stand here",
                "write its dotted path, such as redis.node_memory (`outage schema` lists them)",
            ));
        }
        let values = match values.split_once("..") {
            Some((from, rest)) => range(text, starts, from, rest)?,
            None => listed(text, starts, values)?,
        };
        let again = (1..values.len()).find(|place| values[..*place].contains(&values[*place]));
        if values.len() < 2 || again.is_some() {
            return Err(wrong(
                starts,
                "there must be two values at least, all different",
                "write FROM..TO or A,B,C",
            ));
        }
        Ok(Vary {
            key: key.to_owned(),
            values,
        })
    }
}

/// The name of a value, in tables and charts.
pub fn name(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn listed(text: &str, starts: usize, values: &str) -> Result<Vec<toml::Value>, Mistake> {
    let mut at = starts;
    let mut all = Vec::new();
    for value in values.split(',') {
        let bare = value.trim().trim_matches(['"', '\'']);
        if bare.is_empty() {
            let help = "write values between commas, such as 5s,15s,30s";
            return Err(Mistake::new(text, at, "a value is missing", help));
        }
        all.push(scalar(bare));
        at += value.len() + 1;
    }
    Ok(all)
}

fn scalar(text: &str) -> toml::Value {
    if let Ok(number) = text.parse() {
        return toml::Value::Integer(number);
    }
    match text {
        "true" | "false" => toml::Value::Boolean(text == "true"),
        other => toml::Value::String(other.to_owned()),
    }
}

/// `FROM..TO`, optionally with `:log` and the number of values.
fn range(text: &str, starts: usize, from: &str, rest: &str) -> Result<Vec<toml::Value>, Mistake> {
    let after = starts + from.len() + 2;
    let mut parts = rest.split(':');
    let to = parts.next().unwrap_or_default();
    let (low, unit) = number(text, starts, from)?;
    let (high, other) = number(text, after, to)?;
    if unit != other {
        let wrong = format!("both ends of a range must have one unit, here `{unit}`");
        return Err(Mistake::new(
            text,
            after,
            &wrong,
            "write both in the same unit",
        ));
    }
    let (mut log, mut count) = (false, None);
    let mut at = after + to.len() + 1;
    for part in parts {
        match (part.trim(), part.trim().parse::<usize>()) {
            ("log", _) if !log && count.is_none() => log = true,
            (_, Ok(number)) if count.is_none() && (2..=MOST).contains(&number) => {
                count = Some(number);
            }
            _ => {
                let wrong = "`log` or a number of values from 2 to 100 must stand here";
                let help = "write FROM..TO:log:9, FROM..TO:9 or FROM..TO";
                return Err(Mistake::new(text, at, wrong, help));
            }
        }
        at += part.len() + 1;
    }
    if low >= high || (log && low <= 0.0) {
        let wrong = match low >= high {
            true => "a range goes from less to more",
            false => "a logarithmic range begins above zero",
        };
        return Err(Mistake::new(text, starts, wrong, "give other ends"));
    }
    let whole = unit.is_empty() && low.fract() == 0.0 && high.fract() == 0.0;
    let steps = high - low;
    let each = whole && !log && count.is_none() && steps < MOST as f64 && steps <= 20.0;
    let count = match each {
        true => steps as usize + 1,
        false => count.unwrap_or(USUAL),
    };
    let value = |place: usize| {
        let part = place as f64 / (count - 1) as f64;
        let exact = match log {
            true => low * (high / low).powf(part),
            false => low + steps * part,
        };
        let ends = place == 0 || place == count - 1;
        match whole {
            true => toml::Value::Integer(exact.round() as i64),
            false => {
                let rounded = if ends { exact } else { three_digits(exact) };
                match unit {
                    "" => toml::Value::Float(rounded),
                    _ => toml::Value::String(format!("{rounded}{unit}")),
                }
            }
        }
    };
    let mut values: Vec<toml::Value> = (0..count).map(value).collect();
    values.dedup();
    Ok(values)
}

/// A number and its unit, which may be none.
fn number<'a>(text: &str, at: usize, part: &'a str) -> Result<(f64, &'a str), Mistake> {
    let part = part.trim();
    let digits = part.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (digits, unit) = part.split_at(digits.unwrap_or(part.len()));
    let number = digits
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite());
    let number = number.ok_or_else(|| {
        let help = "write numbers with a unit where the key has one, such as 16GiB..128GiB";
        Mistake::new(text, at, "a range goes from one number to another", help)
    })?;
    Ok((number, unit.trim()))
}

/// Rounded to three significant digits: `5.66GiB` is as good as any value nearby.
fn three_digits(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let scale = 10_f64.powf(2.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        let vary = Vary::parse(text).expect(text);
        vary.values.iter().map(name).collect()
    }

    #[test]
    fn ranges_and_lists_have_the_values_that_one_expects() {
        assert_eq!(values("redis.replicas=0..3"), ["0", "1", "2", "3"]);
        let log = values("redis.node_memory=16GiB..128GiB:log:4");
        assert_eq!(log, ["16GiB", "32GiB", "64GiB", "128GiB"]);
        assert_eq!(
            values("a=5s..30s:6"),
            ["5s", "10s", "15s", "20s", "25s", "30s"]
        );
        assert_eq!(values("a=1GiB..8GiB:log:5")[1], "1.68GiB");
        assert_eq!(values("a=10/s, 50/s"), ["10/s", "50/s"]);
        assert_eq!(values("a=true,false"), ["true", "false"]);
        assert_eq!(values("a=1..1000:log:4"), ["1", "10", "100", "1000"]);
        assert_eq!(values("a=50%..90%").len(), 5);
        assert!(matches!(
            Vary::parse("a=1..3").expect("a range").values[1],
            toml::Value::Integer(2)
        ));
    }

    #[test]
    fn a_mistake_is_shown_with_a_caret() {
        let at = |text: &str| Vary::parse(text).expect_err(text).at;
        assert_eq!(at("redis.replicas"), 14);
        assert_eq!(at("=0..3"), 0);
        assert_eq!(at("a=16GiB..128MiB"), 9);
        assert_eq!(at("a=x..3"), 2);
        assert_eq!(at("a=1..3:log:many"), 11);
        assert_eq!(at("a=3..1"), 2);
        assert_eq!(at("a=0..10:log"), 2);
        assert_eq!(at("a=1,,2"), 4);
        assert_eq!(at("a=1,1"), 2);
        let shown = Vary::parse("a=16GiB..128MiB").expect_err("units").shown();
        assert!(shown.ends_with("a=16GiB..128MiB\n           ^"), "{shown}");
    }
}
