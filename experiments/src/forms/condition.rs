//! What is asked of a design: `p_unavailable(90d, 15min) <= 1%`.
//!
//! ```text
//! condition   quantity ( <= | < | >= | > ) limit
//! quantity    p_full(WITHIN)                 a node has all the memory that it may have
//!             p_unavailable(WITHIN, LONGER)  an unbroken outage is longer
//!             p_degraded(WITHIN, LONGER)     so is a span in which too many requests fail
//!             p_data_lost(WITHIN)            something stored or acknowledged is lost
//!             lost_per_month, lost_per_year            requests
//!             data_lost_per_month, data_lost_per_year  records
//!             loss_per_month, loss_per_year            dollars, by [plan.value]
//! limit       1%, 0.01, 50, 50 USD
//! ```

use std::fmt;

use sim::SimDuration;

/// A condition that a design keeps or does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// As it was written.
    pub text: String,
    /// What is estimated.
    pub quantity: Quantity,
    /// How it is compared.
    pub order: Order,
    /// With what, in the quantity's unit.
    pub limit: f64,
}

/// Something that is estimated of a design.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    /// A probability.
    Chance(Event),
    /// A mean, per so many days.
    Rate(Loss, f64),
}

/// Something that happens in a trial or does not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A node has all the memory that it may have.
    Full {
        /// Up to then.
        within: SimDuration,
    },
    /// No request could succeed for longer than this without a break.
    Unavailable {
        /// It begins up to then.
        within: SimDuration,
        /// Its length.
        longer: SimDuration,
    },
    /// Too many requests failed for longer than this without a break.
    Degraded {
        /// It begins up to then.
        within: SimDuration,
        /// Its length.
        longer: SimDuration,
    },
    /// Something stored or acknowledged is lost, at any time of the trial.
    DataLost,
}

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Requests: visits that ended without a capture.
    Requests,
    /// Records: acknowledged writes, stored keys and jobs.
    Records,
    /// Dollars.
    Money,
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

/// Days of a month, and of a year.
const MONTH: f64 = 730.0 / 24.0;
const YEAR: f64 = 365.0;

/// What is wrong with a condition, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What was found and what was expected.
    pub wrong: String,
    /// What to write instead.
    pub help: String,
    /// The first byte of what is wrong.
    pub at: usize,
    text: String,
}

impl Mistake {
    /// What is wrong with a text from this byte on.
    pub fn new(text: &str, at: usize, wrong: &str, help: &str) -> Mistake {
        Mistake {
            wrong: wrong.to_owned(),
            help: help.to_owned(),
            at: at.min(text.len()),
            text: text.to_owned(),
        }
    }

    /// The condition with a caret below what is wrong with it.
    pub fn shown(&self) -> String {
        let before = self.text[..self.at].chars().count();
        format!("{}\n  {}\n  {}^", self.wrong, self.text, " ".repeat(before))
    }
}

const NAMES: [&str; 10] = [
    "p_full",
    "p_unavailable",
    "p_degraded",
    "p_data_lost",
    "lost_per_month",
    "lost_per_year",
    "data_lost_per_month",
    "data_lost_per_year",
    "loss_per_month",
    "loss_per_year",
];

impl Condition {
    /// Reads a condition about trials of this length.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str, horizon: SimDuration) -> Result<Condition, Mistake> {
        let mut reader = Reader {
            text,
            at: 0,
            horizon,
        };
        let quantity = reader.quantity()?;
        let order = reader.order()?;
        let limit = reader.limit(quantity)?;
        Ok(Condition {
            text: text.trim().to_owned(),
            quantity,
            order,
            limit,
        })
    }

    /// Does a value fulfil it?
    pub fn holds(&self, value: f64) -> bool {
        match self.order {
            Order::AtMost => value <= self.limit,
            Order::Below => value < self.limit,
            Order::AtLeast => value >= self.limit,
            Order::Above => value > self.limit,
        }
    }

    /// Does it hold of everything between two bounds? `None` if of some and not of others.
    pub fn holds_between(&self, (low, high): (f64, f64)) -> Option<bool> {
        match (self.holds(low), self.holds(high)) {
            (true, true) => Some(true),
            (false, false) => Some(false),
            (true, false) | (false, true) => None,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quantity::Chance(Event::Full { within }) => write!(f, "p_full({within})"),
            Quantity::Chance(Event::Unavailable { within, longer }) => {
                write!(f, "p_unavailable({within}, {longer})")
            }
            Quantity::Chance(Event::Degraded { within, longer }) => {
                write!(f, "p_degraded({within}, {longer})")
            }
            Quantity::Chance(Event::DataLost) => write!(f, "p_data_lost"),
            Quantity::Rate(loss, days) => {
                let name = match loss {
                    Loss::Requests => "lost",
                    Loss::Records => "data_lost",
                    Loss::Money => "loss",
                };
                let per = if *days == MONTH { "month" } else { "year" };
                write!(f, "{name}_per_{per}")
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Bytes that have been read.
    at: usize,
    horizon: SimDuration,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn mistake(&self, wrong: impl Into<String>, help: impl Into<String>) -> Mistake {
        self.mistake_at(self.at, wrong, help)
    }

    fn mistake_at(&self, at: usize, wrong: impl Into<String>, help: impl Into<String>) -> Mistake {
        Mistake {
            wrong: wrong.into(),
            help: help.into(),
            at,
            text: self.text.to_owned(),
        }
    }

    /// Reads on while characters are of a kind.
    fn word(&mut self, of: impl Fn(char) -> bool) -> String {
        let word: String = self.rest().chars().take_while(|c| of(*c)).collect();
        self.at += word.len();
        word
    }

    fn quantity(&mut self) -> Result<Quantity, Mistake> {
        self.skip_spaces();
        let from = self.at;
        let name = self.word(|c| c.is_alphanumeric() || c == '_');
        let month = |loss| Quantity::Rate(loss, MONTH);
        let year = |loss| Quantity::Rate(loss, YEAR);
        Ok(match name.as_str() {
            "p_full" => {
                let [within] = self.times(["the time within which"])?;
                Quantity::Chance(Event::Full { within })
            }
            "p_unavailable" => {
                let [within, longer] = self.times(["the time within which", "a length"])?;
                Quantity::Chance(Event::Unavailable { within, longer })
            }
            "p_degraded" => {
                let [within, longer] = self.times(["the time within which", "a length"])?;
                Quantity::Chance(Event::Degraded { within, longer })
            }
            "p_data_lost" => {
                let at = self.at;
                let [within] = self.times(["the time within which"])?;
                if within != self.horizon {
                    let whole = format!("write p_data_lost({})", self.horizon);
                    let wrong = "the loss of data is known of whole trials only";
                    return Err(self.mistake_at(at, wrong, whole));
                }
                Quantity::Chance(Event::DataLost)
            }
            "lost_per_month" => month(Loss::Requests),
            "lost_per_year" => year(Loss::Requests),
            "data_lost_per_month" => month(Loss::Records),
            "data_lost_per_year" => year(Loss::Records),
            "loss_per_month" => month(Loss::Money),
            "loss_per_year" => year(Loss::Money),
            _ => {
                let help = format!("write one of {}", NAMES.join(", "));
                let wrong = match name.is_empty() {
                    true => "a quantity is missing".to_owned(),
                    false => format!("there is no quantity `{name}`"),
                };
                return Err(self.mistake_at(from, wrong, help));
            }
        })
    }

    /// Times in parentheses; the first is no longer than a trial.
    fn times<const N: usize>(&mut self, what: [&str; N]) -> Result<[SimDuration; N], Mistake> {
        let mut times = [SimDuration::ZERO; N];
        for (n, what) in what.iter().enumerate() {
            self.expect(if n == 0 { '(' } else { ',' })?;
            self.skip_spaces();
            let at = self.at;
            let word = self.word(|c| c.is_alphanumeric() || c == '.');
            times[n] = word.parse().map_err(|_| {
                let wrong = format!("{what} is missing or no duration");
                self.mistake_at(at, wrong, "write a duration such as 90d or 15min")
            })?;
            if n == 0 && (times[0] > self.horizon || times[0] == SimDuration::ZERO) {
                let wrong = format!("a trial lasts {}", self.horizon);
                let help = "ask for at most that, or give the scenario a longer `horizon`";
                return Err(self.mistake_at(at, wrong, help));
            }
        }
        self.expect(')')?;
        Ok(times)
    }

    fn expect(&mut self, sign: char) -> Result<(), Mistake> {
        self.skip_spaces();
        if self.rest().starts_with(sign) {
            self.at += sign.len_utf8();
            return Ok(());
        }
        let help = "write it like p_unavailable(90d, 15min) <= 1%";
        Err(self.mistake(format!("`{sign}` is missing here"), help))
    }

    fn order(&mut self) -> Result<Order, Mistake> {
        self.skip_spaces();
        let signs = [
            ("<=", Order::AtMost),
            (">=", Order::AtLeast),
            ("<", Order::Below),
            (">", Order::Above),
        ];
        let found = signs.iter().find(|(sign, _)| self.rest().starts_with(sign));
        if self.rest().starts_with('(') {
            let help = "leave the parentheses out: it is a mean over whole trials";
            return Err(self.mistake("this quantity takes no times", help));
        }
        let Some((sign, order)) = found else {
            return Err(self.mistake("a comparison is missing", "write <=, <, >= or >"));
        };
        self.at += sign.len();
        Ok(*order)
    }

    fn limit(&mut self, quantity: Quantity) -> Result<f64, Mistake> {
        self.skip_spaces();
        let at = self.at;
        let number = self.word(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | '-' | '_'));
        let chance = matches!(quantity, Quantity::Chance(_));
        let help = match chance {
            true => "write a probability such as 1% or 0.01",
            false => "write a number such as 50",
        };
        let parsed: Option<f64> = number.replace('_', "").parse().ok();
        let Some(value) = parsed.filter(|value| *value >= 0.0 && value.is_finite()) else {
            return Err(self.mistake_at(at, "a limit is missing", help));
        };
        self.skip_spaces();
        let unit_at = self.at;
        let unit = self.rest().trim_end().to_owned();
        self.at = self.text.len();
        let value = match (chance, unit.as_str()) {
            (true, "%") => value / 100.0,
            (true, "") | (false, "") => value,
            (false, "USD") if matches!(quantity, Quantity::Rate(Loss::Money, _)) => value,
            _ => {
                let wrong = format!("`{unit}` does not belong behind this limit");
                return Err(self.mistake_at(unit_at, wrong, help));
            }
        };
        if chance && value > 1.0 {
            let wrong = "a probability is at most 100 %";
            return Err(self.mistake_at(at, wrong, help));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAYS: SimDuration = SimDuration::from_days(90);

    #[test]
    fn conditions_are_read_with_their_units() {
        let read = |text| Condition::parse(text, DAYS).expect("it is one");
        let condition = read(" p_unavailable(30d, 15min)<=1% ");
        let longer = SimDuration::from_mins(15);
        let within = SimDuration::from_days(30);
        let event = Event::Unavailable { within, longer };
        assert_eq!(condition.quantity, Quantity::Chance(event));
        assert_eq!(condition.quantity.to_string(), "p_unavailable(30d, 15min)");
        assert_eq!((condition.order, condition.limit), (Order::AtMost, 0.01));
        assert_eq!(read("loss_per_year < 1e4 USD").limit, 10_000.0);
        assert_eq!(read("lost_per_month >= 50").order, Order::AtLeast);
        let at_most = read("p_full(90d) <= 0.5");
        assert_eq!(at_most.holds_between((0.1, 0.4)), Some(true));
        assert_eq!(at_most.holds_between((0.6, 0.7)), Some(false));
        assert_eq!(at_most.holds_between((0.4, 0.6)), None);
    }

    #[test]
    fn a_mistake_is_shown_where_it_is() {
        let shown = |text: &str| {
            Condition::parse(text, DAYS)
                .expect_err("it is wrong")
                .shown()
        };
        let caret = |text: &str| {
            let shown = shown(text);
            shown.lines().last().expect("a caret").len() - 3
        };
        assert_eq!(caret("p_down(90d) <= 1%"), 0);
        assert_eq!(caret("p_full(91d) <= 1%"), 7);
        assert_eq!(caret("p_full 90d <= 1%"), 7);
        assert_eq!(caret("p_full(90d) 1%"), 12);
        assert_eq!(caret("p_full(90d) <= "), 15);
        assert_eq!(caret("p_full(90d) <= 200%"), 15);
        assert_eq!(caret("lost_per_month <= 5%"), 19);
        assert_eq!(caret("p_data_lost(30d) <= 1%"), 11);
        assert_eq!(caret("p_unavailable(90d, soon) <= 1%"), 19);
    }
}
