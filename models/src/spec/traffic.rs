//! How a mean rate of visits or calls varies: by hour and day, in bursts and surges, as recorded.
//!
//! Everything that is given multiplies (see [`crate::traffic`]). `[signers]`, every `[[product]]`
//! and every `[[caller]]` take the same keys.

use std::str::FromStr;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::Deserialize;
use sim::dist::Dist;
use sim::quantity::Factor;
use sim::{PerSec, SimDuration};

use super::clock::{ClockSpec, WallTime, ZoneOffset};

/// A mean rate and what varies it.
#[derive(Clone, Copy, Debug)]
pub struct TrafficSpec<'a> {
    /// Arrivals per second.
    pub rate: PerSec,
    /// A factor for each local hour of the day.
    pub hourly: Option<&'a [Factor]>,
    /// A factor for each day of the week, Monday first.
    pub weekly: Option<&'a [Factor]>,
    /// Random bursts.
    pub bursts: Option<&'a BurstsSpec>,
    /// Surges, each once.
    pub surges: &'a [SurgeSpec],
    /// What was recorded, in place of the mean rate.
    pub recorded: Option<&'a Series>,
}

/// Random bursts of a whole population.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum BurstsSpec {
    /// A two-state Markov-modulated Poisson process: a low and a high rate in turn, for
    /// exponential times.
    Mmpp {
        /// The high rate over the low one.
        high: Factor,
        /// Mean time at the low rate.
        low_mean: SimDuration,
        /// Mean time at the high rate.
        high_mean: SimDuration,
        /// Whether the bursts keep the stated mean rate; absent: they do.
        mean: Option<BurstMean>,
    },
}

/// What bursts do to the mean rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BurstMean {
    /// The stated rate is the mean over both states.
    Kept,
    /// The stated rate is the low one, so bursts come on top.
    Raised,
}

/// One surge: for a while there are so many times more arrivals.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurgeSpec {
    /// When it begins, from the trial's start.
    pub at: Dist,
    /// How long it lasts.
    pub lasts: Dist,
    /// How many times as many come, over what would come without.
    pub factor: Factor,
}

/// A recorded rate: each row's holds until the next, the last one's until the end. In a scenario
/// file it is the name of a CSV file, or the CSV text itself:
///
/// ```text
/// # lines with a hash are left out
/// at_s,per_sec              or   at,per_sec
/// 0,12.5                         2020-06-02 09:00,12.5
/// 60,13                          2020-06-02T09:01:00-04:00,13
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Series {
    rows: Arc<[(Stamp, f64)]>,
}

/// When a row of a series begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stamp {
    /// So long after the trial's start.
    Since(SimDuration),
    /// At this time; without an offset by the local wall clock.
    Wall(DateTime, Option<ZoneOffset>),
}

/// What is wrong with a series, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {wrong}; {help}")]
pub struct SeriesError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub wrong: String,
    /// What to write instead.
    pub help: String,
}

impl Series {
    /// Reads the text of a CSV file.
    ///
    /// # Errors
    /// If it has no such columns, no rows, a field that cannot be read, or rows out of order.
    pub fn parse(text: &str) -> Result<Series, SeriesError> {
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(i, line)| (i + 1, line.trim()));
        let mut lines = lines
            .by_ref()
            .filter(|(_, l)| !l.is_empty() && !l.starts_with('#'));
        let header = lines.next();
        let columns = header.map(|(_, header)| header.split(',').map(str::trim));
        let columns: Vec<&str> = columns.map_or_else(Vec::new, Iterator::collect);
        let stamped = match columns.as_slice() {
            ["at_s", "per_sec"] => false,
            ["at", "per_sec"] => true,
            _ => {
                let wrong = format!("the columns are `{}`", columns.join(","));
                let help = "name them `at_s,per_sec` (seconds from the trial's start) or \
                            `at,per_sec` (dates and times)";
                return Err(error(header.map_or(1, |(line, _)| line), wrong, help));
            }
        };
        let mut rows: Vec<(Stamp, f64)> = Vec::new();
        for (line, text) in lines {
            let row = row(line, text, stamped)?;
            if rows.last().is_some_and(|last| !last.0.is_before(&row.0)) {
                let wrong = "this row does not come later than the one before".to_owned();
                return Err(error(
                    line,
                    wrong,
                    "sort the rows by time, each time once, all with an offset or none",
                ));
            }
            rows.push(row);
        }
        if rows.is_empty() {
            let line = text.lines().count().max(1);
            return Err(error(
                line,
                "there is no row".to_owned(),
                "add rows such as `0,12.5`",
            ));
        }
        Ok(Series { rows: rows.into() })
    }

    /// Does it say when by date, so that the scenario must have a clock?
    pub fn needs_clock(&self) -> bool {
        matches!(self.rows[0].0, Stamp::Wall(_, _))
    }

    /// From when on each rate holds, in nanoseconds from the trial's start.
    ///
    /// # Panics
    /// If rows are dated and there is no clock (see [`Series::needs_clock`]).
    pub fn rates(&self, clock: Option<&ClockSpec>) -> impl Iterator<Item = (i64, f64)> {
        let since = move |stamp: Stamp| match stamp {
            Stamp::Since(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Stamp::Wall(at, zone) => {
                let clock = clock.expect("validated: dated rows come with a clock");
                let ahead = zone.map_or(0, |zone| clock.zone.seconds() - zone.seconds());
                let apart = at.duration_since(clock.starts.0);
                let apart = apart + SignedDuration::from_secs(i64::from(ahead));
                apart.as_nanos().clamp(i64::MIN.into(), i64::MAX.into()) as i64
            }
        };
        self.rows
            .iter()
            .map(move |(stamp, rate)| (since(*stamp), *rate))
    }
}

impl Stamp {
    fn is_before(&self, other: &Stamp) -> bool {
        match (self, other) {
            (Stamp::Since(one), Stamp::Since(other)) => one < other,
            (Stamp::Wall(one, a), Stamp::Wall(other, b)) => {
                let apart = other.duration_since(*one).as_secs_f64();
                let offset = |zone: &Option<ZoneOffset>| zone.map(ZoneOffset::seconds);
                match (offset(a), offset(b)) {
                    (Some(a), Some(b)) => apart + f64::from(a - b) > 0.0,
                    (None, None) => apart > 0.0,
                    // One is told by the local clock and the other is not: they do not compare.
                    (Some(_), None) | (None, Some(_)) => false,
                }
            }
            (Stamp::Since(_), Stamp::Wall(_, _)) | (Stamp::Wall(_, _), Stamp::Since(_)) => false,
        }
    }
}

/// Later than any trial ends: some 30 years.
const SECONDS_MAX: f64 = 1e9;

fn row(line: usize, text: &str, stamped: bool) -> Result<(Stamp, f64), SeriesError> {
    let Some((at, rate)) = text
        .split_once(',')
        .map(|(at, rate)| (at.trim(), rate.trim()))
    else {
        let wrong = format!("`{text}` is one field and not two");
        return Err(error(line, wrong, "write a time, a comma and a rate"));
    };
    let number = |text: &str| {
        text.parse::<f64>()
            .ok()
            .filter(|n| n.is_finite() && *n >= 0.0)
    };
    let rate = number(rate).ok_or_else(|| {
        let wrong = format!("`{rate}` is not a rate");
        error(
            line,
            wrong,
            "write arrivals per second as a number from 0 up, such as 12.5",
        )
    })?;
    if !stamped {
        let seconds = number(at).filter(|seconds| *seconds <= SECONDS_MAX);
        let seconds = seconds.ok_or_else(|| {
            let wrong = format!("`{at}` is not a time in seconds within 30 years");
            let help = "write seconds from the trial's start as a number, such as 60";
            error(line, wrong, help)
        })?;
        return Ok((Stamp::Since(SimDuration::from_secs_f64(seconds)), rate));
    }
    let wrong = |_| {
        let wrong = format!("`{at}` is not a date and time");
        error(
            line,
            wrong,
            "write one such as 2020-06-02 09:00 or 2020-06-02T09:00:00-04:00",
        )
    };
    let (wall, zone) = split_zone(at);
    let wall: WallTime = wall.parse().map_err(wrong)?;
    let zone = zone.map(str::parse).transpose().map_err(wrong)?;
    Ok((Stamp::Wall(wall.0, zone), rate))
}

/// A date and time, and the offset behind it if there is one.
fn split_zone(text: &str) -> (&str, Option<&str>) {
    let from = text.find(':').unwrap_or(text.len());
    match text[from..].find(['Z', '+', '-']) {
        Some(at) => (&text[..from + at], Some(&text[from + at..])),
        None => (text, None),
    }
}

fn error(line: usize, wrong: String, help: &str) -> SeriesError {
    let help = help.to_owned();
    SeriesError { line, wrong, help }
}

impl FromStr for Series {
    type Err = SeriesError;

    fn from_str(text: &str) -> Result<Series, SeriesError> {
        Series::parse(text)
    }
}

impl TryFrom<String> for Series {
    type Error = SeriesError;

    fn try_from(text: String) -> Result<Series, SeriesError> {
        Series::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: ClockSpec = ClockSpec {
        starts: WallTime(jiff::civil::datetime(2020, 6, 2, 0, 0, 0, 0)),
        zone: ZoneOffset::EAST_COAST,
    };

    #[test]
    fn rows_are_read_by_seconds_and_by_date() {
        let rates = |text: &str| -> Vec<(i64, f64)> {
            let series = Series::parse(text).expect("it reads");
            series.rates(Some(&CLOCK)).collect()
        };
        let second = 1_000_000_000;
        let seconds = rates("# from the gateway\nat_s,per_sec\n0,12.5\n\n 60 , 13\n90.5,0\n");
        assert_eq!(
            seconds,
            [
                (0, 12.5),
                (60 * second, 13.0),
                (90 * second + second / 2, 0.0)
            ]
        );
        // 04:30 UTC is half past midnight in New York.
        let stamped = "at,per_sec\n2020-06-02T04:30:00Z,1\n2020-06-02T00:30:01-04:00,2";
        assert_eq!(rates(stamped), [(1800 * second, 1.0), (1801 * second, 2.0)]);
        let local = "at,per_sec\n2020-06-01 23:59,1\n2020-06-02 00:01,2";
        assert_eq!(rates(local), [(-60 * second, 1.0), (60 * second, 2.0)]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        let wrong = |text: &str| Series::parse(text).unwrap_err().line;
        assert_eq!(wrong(""), 1);
        assert_eq!(wrong("time,rate\n0,1"), 1);
        assert_eq!(wrong("at_s,per_sec\n"), 1);
        assert_eq!(wrong("# a\n\nat_s,per_sec\n0,1\n5;2"), 5);
        assert_eq!(wrong("at_s,per_sec\n0,1\n0,2"), 3);
        assert_eq!(wrong("at_s,per_sec\n0,-1"), 2);
        assert_eq!(wrong("at_s,per_sec\n-5,1"), 2);
        assert_eq!(wrong("at_s,per_sec\n0,inf"), 2);
        assert_eq!(wrong("at_s,per_sec\n0,1\n1e300,1"), 3);
        assert_eq!(wrong("at,per_sec\n2020-06-02 00:00,1\n2020-06-02,1"), 3);
        assert_eq!(
            wrong("at,per_sec\n2020-06-02 00:00,1\n2020-06-03 00:00Z,1"),
            3
        );
    }
}
