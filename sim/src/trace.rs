//! What happened, line by line, for a person or a golden file; nothing at all when it is off.
//!
//! The text of a line is made by a closure that is not called when the trace is off, so models can
//! tell their story freely and a study of a million trials does not pay for it.

use std::fmt;

use crate::time::SimTime;

/// A record of (time, line), or the absence of one.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    sink: Option<Sink>,
}

#[derive(Clone, Debug)]
struct Sink {
    lines: Vec<(SimTime, String)>,
    lines_max: usize,
    dropped: u64,
}

impl Trace {
    /// A trace that keeps nothing.
    pub const fn off() -> Trace {
        Trace { sink: None }
    }

    /// A trace that keeps the first `lines_max` lines and counts the others.
    pub const fn on(lines_max: usize) -> Trace {
        Trace {
            sink: Some(Sink {
                lines: Vec::new(),
                lines_max,
                dropped: 0,
            }),
        }
    }

    /// True if lines are kept.
    pub const fn is_on(&self) -> bool {
        self.sink.is_some()
    }

    /// Keeps a line for the instant `now`; `text` is called only if it will be kept.
    #[inline]
    pub fn line(&mut self, now: SimTime, text: impl FnOnce() -> String) {
        if let Some(sink) = &mut self.sink {
            sink.keep(now, text);
        }
    }

    /// The lines kept, in the order they came.
    pub fn lines(&self) -> &[(SimTime, String)] {
        self.sink.as_ref().map_or(&[], |sink| &sink.lines)
    }

    /// How many lines were not kept because the trace was full.
    pub fn dropped(&self) -> u64 {
        self.sink.as_ref().map_or(0, |sink| sink.dropped)
    }
}

impl Sink {
    fn keep(&mut self, now: SimTime, text: impl FnOnce() -> String) {
        if self.lines.len() < self.lines_max {
            self.lines.push((now, text()));
        } else {
            self.dropped += 1;
        }
    }
}

impl fmt::Display for Trace {
    /// One line each: the instant, two spaces, the text; at the end how many were not kept.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (time, text) in self.lines() {
            writeln!(f, "{time}  {text}")?;
        }
        match self.dropped() {
            0 => Ok(()),
            dropped => writeln!(f, "… and {dropped} more lines"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimDuration;

    #[test]
    fn off_costs_not_even_the_text() {
        let mut trace = Trace::off();
        trace.line(SimTime::ZERO, || unreachable!("nobody reads this line"));
        assert!(!trace.is_on());
        assert!(trace.lines().is_empty());
        assert_eq!(trace.to_string(), "");
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let mut trace = Trace::on(2);
        for second in 1..=4 {
            let now = SimTime::ZERO + SimDuration::from_secs(second);
            trace.line(now, || format!("tick {second}"));
        }
        assert_eq!(
            trace.to_string(),
            "00:00:01.000  tick 1\n00:00:02.000  tick 2\n… and 2 more lines\n"
        );
    }
}
