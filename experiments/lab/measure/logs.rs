//! What the servers say in their logs after a fault: `pid:role day month year time level text`.

use crate::real::process::Server;

/// A line and when it was written, in milliseconds after the fault.
#[derive(Clone, Debug)]
pub struct Line {
    pub at_ms: f64,
    pub text: String,
}

/// The lines of one server since the fault. Stamps are cut to the millisecond.
pub fn since(server: &Server, fault_of_day_ms: f64) -> Vec<Line> {
    let log = server.log();
    let lines = log.lines().filter_map(|line| parse(line, fault_of_day_ms));
    lines.filter(|line| line.at_ms > -1.0).collect()
}

/// The first line of any of these servers that contains `words`.
pub fn first<'a>(logs: impl IntoIterator<Item = &'a Vec<Line>>, words: &str) -> Option<f64> {
    let lines = logs.into_iter().flatten();
    let fitting = lines.filter(|line| line.text.contains(words));
    fitting.map(|line| line.at_ms).min_by(f64::total_cmp)
}

/// How many lines contain `words`.
pub fn count(logs: &[Vec<Line>], words: &str) -> usize {
    logs.iter()
        .flatten()
        .filter(|line| line.text.contains(words))
        .count()
}

fn parse(line: &str, fault_of_day_ms: f64) -> Option<Line> {
    const DAY_MS: f64 = 86_400e3;
    let mut fields = line.splitn(7, ' ');
    let (time, text) = (fields.nth(4)?, fields.nth(1)?);
    let mut parts = time.split(':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let of_day_ms = ((hours * 60.0 + minutes) * 60.0 + seconds) * 1e3;
    // The nearest such time to the fault: midnight may lie between.
    let at_ms = (of_day_ms - fault_of_day_ms + DAY_MS / 2.0).rem_euclid(DAY_MS) - DAY_MS / 2.0;
    Some(Line {
        at_ms,
        text: text.to_owned(),
    })
}
