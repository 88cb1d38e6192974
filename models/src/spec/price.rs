//! What it costs, in US dollars.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

/// An amount of US dollars, written `"0.021 USD"`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct Usd(f64);

impl Usd {
    /// Dollars.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Usd {
    type Err = String;

    fn from_str(text: &str) -> Result<Usd, String> {
        let amount = text
            .strip_suffix("USD")
            .map(str::trim)
            .and_then(|n| n.parse::<f64>().ok());
        match amount {
            Some(dollars) if dollars >= 0.0 && dollars.is_finite() => Ok(Usd(dollars)),
            Some(_) => Err(format!(
                "`{text}` is not a price: it must be finite and not negative"
            )),
            None => Err(format!(
                "`{text}` is not a price; write an amount such as \"0.021 USD\""
            )),
        }
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} USD", self.0)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Usd;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price such as \"0.021 USD\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Usd, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Prices, dated in the scenario.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSpec {
    /// One GiB of node memory for an hour.
    pub gib_hour: Usd,
    /// What every node costs a month whatever its size: its base, its monitoring, its upkeep.
    pub node_month: Usd,
    /// One health check a month, with its robots and its upkeep.
    pub check_month: Usd,
    /// A durable spool a month.
    pub spool_month: Usd,
    /// Alert rules a month, however many, with their upkeep.
    pub alert_month: Usd,
    /// Automatic scaling a month, with its upkeep.
    pub autoscaler_month: Usd,
    /// One server of a service that has `servers`, a month; absent: nothing. The average number
    /// over the trial is paid for. Services without `servers` cost nothing, however many workers
    /// they have.
    pub server_month: Option<Usd>,
}
