//! How far a study is, for people: on stderr, and never in a result.
//!
//! A terminal gets a bar with trials a second, the current half-width of the headline difference
//! and the time left; a log gets a line every now and then; clocks reach nothing else. [`Bar`] is
//! the bar alone, for whatever else takes its time.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use output::Format;

use crate::stats::estimate::t_quantile;
use crate::stats::{Estimate, LEVEL};
use crate::terminal;

/// Time between two lines of a log.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The progress of some number of like things.
pub struct Bar {
    bar: ProgressBar,
    watched: bool,
    things: &'static str,
    told: Option<Duration>,
}

/// The progress of one study.
pub struct Progress {
    bar: Bar,
    labels: Vec<String>,
    losses: Vec<Moments>,
    /// Trials that have ended under every design.
    trials: f64,
}

/// Count, sums of losses and differences to the baseline: enough for a mean and its error.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    n: f64,
    lost: f64,
    difference: f64,
    square: f64,
}

impl Bar {
    /// None of `length` things done yet.
    pub fn new(things: &'static str, length: u64) -> Bar {
        let watched = terminal::watched();
        let target = match watched {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template("{bar:24} {percent:>3} % · {msg} · {eta} left")
            .expect("the template is well formed");
        let bar = ProgressBar::with_draw_target(Some(length), target).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar {
            bar,
            watched,
            things,
            told: None,
        }
    }

    /// One more has ended. May be called from any thread.
    pub fn run_ended(&self) {
        self.bar.inc(1);
    }

    /// Time to say how far this is, and what it is at.
    pub fn show(&mut self, what: &str) {
        let elapsed = self.bar.elapsed();
        let rate = self.bar.position() as f64 / elapsed.as_secs_f64().max(1e-3);
        let rate = speed(rate);
        let text = match what {
            "" => format!("{rate} {}/s", self.things),
            _ => format!("{rate} {}/s · {what}", self.things),
        };
        self.bar.set_message(text.clone());
        let more = self.bar.position() < self.bar.length().unwrap_or(0);
        let due = self.told.is_none_or(|told| elapsed >= told + LINE_EVERY);
        if !self.watched && more && due {
            self.told = Some(elapsed);
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            terminal::message(&format!("{done} of {all} {} · {text}", self.things));
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Slow is not nothing.
fn speed(rate: f64) -> String {
    match rate < 9.95 {
        true => Format::Significant(1).number(rate),
        false => Format::Count.number(rate),
    }
}

impl Progress {
    /// Nothing done yet of `trials` under each of the labelled designs.
    pub fn new(labels: Vec<String>, trials: u64) -> Progress {
        let runs = trials * labels.len() as u64;
        let losses = vec![Moments::default(); labels.len()];
        Progress {
            bar: Bar::new("trials", runs),
            labels,
            losses,
            trials: 0.0,
        }
    }

    /// One more trial under some design has ended. May be called from any thread.
    pub fn run_ended(&self) {
        self.bar.run_ended();
    }

    /// A trial has ended under every design, with these losses; `None` where it failed.
    pub fn trial_ended(&mut self, lost: &[Option<f64>]) {
        self.trials += 1.0;
        for (moments, value) in self.losses.iter_mut().zip(lost) {
            let (Some(value), Some(base)) = (value, lost[0]) else {
                continue;
            };
            let difference = value - base;
            moments.n += 1.0;
            moments.lost += value;
            moments.difference += difference;
            moments.square += difference * difference;
        }
    }

    /// Some trials were added: time to say so.
    pub fn show(&mut self) {
        self.bar.show(&self.headline().unwrap_or_default());
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish();
    }

    /// The best design so far against the baseline, with the half-width of its interval.
    fn headline(&self) -> Option<String> {
        let complete = |moments: &&Moments| moments.n == self.trials;
        let base = self.losses.first().filter(complete)?;
        if base.n < 2.0 || base.lost == 0.0 {
            return None;
        }
        let places = self.losses.iter().enumerate();
        let places = places.filter(|(_, moments)| complete(moments));
        let (place, best) = places.min_by(|a, b| a.1.lost.total_cmp(&b.1.lost))?;
        let estimate = best.difference()?;
        let percent = |value: f64| 100.0 * value * base.n / base.lost;
        let half = percent((estimate.high - estimate.low) / 2.0);
        Some(format!(
            "{}: {:+.0} % ± {half:.0} %",
            self.labels[place],
            percent(estimate.value)
        ))
    }
}

impl Moments {
    fn difference(&self) -> Option<Estimate> {
        if self.n < 2.0 {
            return None;
        }
        let mean = self.difference / self.n;
        let variance = (self.square - self.n * mean * mean).max(0.0) / (self.n - 1.0);
        let n = self.n as usize;
        let half = t_quantile(0.5 + LEVEL / 2.0, n - 1) * (variance / self.n).sqrt();
        Some(Estimate {
            value: mean,
            low: mean - half,
            high: mean + half,
            level: LEVEL,
            n,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::paired::tests::{X, Y};

    #[test]
    fn a_slow_study_is_not_said_to_stand_still() {
        let found = [0.04, 0.31, 3.26, 278.4, 1240.0].map(speed);
        assert_eq!(found, ["0.04", "0.3", "3", "278", "1,240"]);
    }

    #[test]
    fn the_headline_is_the_best_designs_difference_to_the_baseline() {
        let mut progress =
            Progress::new(["base", "better", "failing"].map(str::to_owned).into(), 10);
        for (x, y) in X.iter().zip(&Y) {
            progress.trial_ended(&[Some(*x), Some(*y), None]);
        }
        // −4.2 ± 5.79 of a mean of 14.1: see the paired comparison in `stats`.
        assert_eq!(progress.headline().unwrap(), "better: -30 % ± 41 %");
    }
}
