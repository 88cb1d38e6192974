//! Attempts per minute around a disturbance, for a chart. Left out of ordinary evaluations, which
//! do not look at minutes that are determined.

use sim::{SimDuration, SimTime};

use crate::minutes::{MINUTE_NS, minute_of};

/// Attempts that arrived in one minute and were answered before the horizon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// Minutes since the start.
    pub minute: u64,
    /// Attempts that succeeded.
    pub ok: u64,
    /// Attempts that failed.
    pub failed: u64,
}

/// What a window of one service shows when all of it is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Attempts of one population, minute by minute.
    pub minutes: Vec<Minute>,
    /// Attempts of all that come to the service.
    pub all: Vec<Minute>,
    /// How long those of them took that succeeded, for each of these minutes.
    pub times: Vec<Times>,
    /// The first attempt that found no free worker.
    pub crowded_from: Option<SimTime>,
    /// The first and the last instant at which an attempt failed.
    pub failed: Option<(SimTime, SimTime)>,
}

/// How long attempts took, from the press to the answer: their sum exactly, and a histogram whose
/// classes are at most a sixteenth wide (a microsecond below 16 µs).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    count: u64,
    sum: SimDuration,
    /// The number of attempts in each class that has some, ascending.
    classes: Vec<(u16, u64)>,
}

impl Times {
    fn add(&mut self, took: SimDuration) {
        self.count += 1;
        self.sum += took;
        self.add_to(class_of(took), 1);
    }

    fn add_to(&mut self, class: u16, count: u64) {
        match self.classes.binary_search_by_key(&class, |(of, _)| *of) {
            Ok(place) => self.classes[place].1 += count,
            Err(place) => self.classes.insert(place, (class, count)),
        }
    }

    /// The attempts of both.
    pub fn merge(&mut self, other: &Times) {
        self.count += other.count;
        self.sum += other.sum;
        for (class, count) in &other.classes {
            self.add_to(*class, *count);
        }
    }

    /// How many they are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; none if there are none.
    pub fn mean(&self) -> Option<SimDuration> {
        let mean = self.sum.as_nanos().checked_div(self.count)?;
        Some(SimDuration::from_nanos(mean))
    }

    /// The time within which this share of them was answered, to about 3 %; none if there are none.
    pub fn quantile(&self, share: f64) -> Option<SimDuration> {
        let wanted = (share * self.count as f64).ceil().max(1.0) as u64;
        let mut so_far = 0;
        let reached = |(_, count): &&(u16, u64)| {
            so_far += count;
            so_far >= wanted
        };
        let (class, _) = self.classes.iter().find(reached)?;
        Some(middle_of(*class))
    }
}

/// Classes of a power of two.
const CLASSES: u64 = 16;

/// The class of a time: powers of two of a microsecond, each in 16 equal parts.
fn class_of(took: SimDuration) -> u16 {
    let micros = took.as_nanos() / 1000;
    if micros < CLASSES {
        return micros as u16;
    }
    let power = u64::from(micros.ilog2() - CLASSES.ilog2());
    let part = (micros >> power) - CLASSES;
    ((power + 1) * CLASSES + part) as u16
}

/// The middle of a class.
fn middle_of(class: u16) -> SimDuration {
    let class = u64::from(class);
    let nanos = match class < CLASSES {
        true => class * 1000,
        false => {
            let (power, part) = (class / CLASSES - 1, class % CLASSES);
            let width = 1000 << power;
            (CLASSES + part) * width + width / 2
        }
    };
    SimDuration::from_nanos(nanos)
}

impl Window {
    /// The sum of two strips of the same minutes.
    pub fn with(mut self, other: &Window) -> Window {
        let add = |minutes: &mut Vec<Minute>, others: &[Minute]| {
            for (minute, other) in minutes.iter_mut().zip(others) {
                debug_assert_eq!(minute.minute, other.minute, "the same minutes");
                minute.ok += other.ok;
                minute.failed += other.failed;
            }
        };
        add(&mut self.minutes, &other.minutes);
        add(&mut self.all, &other.all);
        for (times, others) in self.times.iter_mut().zip(&other.times) {
            times.merge(others);
        }
        self.crowded_from = self
            .crowded_from
            .into_iter()
            .chain(other.crowded_from)
            .min();
        self.failed = match (self.failed, other.failed) {
            (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
            (one, other) => one.or(other),
        };
        self
    }
}

/// Counts the attempts of one population, and of all.
pub(super) struct Strip {
    population: usize,
    window: Window,
}

impl Strip {
    /// The minutes that meet `[from, to)`.
    pub fn new(population: usize, from: SimTime, to: SimTime) -> Strip {
        let empty = |minute| Minute {
            minute,
            ok: 0,
            failed: 0,
        };
        let end = to.as_nanos().div_ceil(MINUTE_NS);
        let minutes: Vec<Minute> = (minute_of(from)..end).map(empty).collect();
        Strip {
            population,
            window: Window {
                all: minutes.clone(),
                times: vec![Times::default(); minutes.len()],
                minutes,
                crowded_from: None,
                failed: None,
            },
        }
    }

    /// The start of the minute of `from`.
    pub fn start(from: SimTime) -> SimTime {
        SimTime::from_nanos(minute_of(from) * MINUTE_NS)
    }

    /// The end of the last minute before `to`.
    pub fn end(to: SimTime) -> SimTime {
        SimTime::from_nanos(to.as_nanos().div_ceil(MINUTE_NS) * MINUTE_NS)
    }

    /// An attempt that was made at `at` has ended.
    pub fn add(&mut self, population: usize, at: SimTime, ended: SimTime, ok: bool) {
        let Some(first) = self.window.all.first() else {
            return;
        };
        let Some(place) = minute_of(at).checked_sub(first.minute) else {
            return;
        };
        let count = |minutes: &mut Vec<Minute>| {
            if let Some(minute) = minutes.get_mut(place as usize) {
                minute.ok += u64::from(ok);
                minute.failed += u64::from(!ok);
            }
        };
        count(&mut self.window.all);
        if let (true, Some(times)) = (ok, self.window.times.get_mut(place as usize)) {
            times.add(ended - at);
        }
        if population == self.population {
            count(&mut self.window.minutes);
        }
        if !ok {
            let (from, to) = self.window.failed.unwrap_or((ended, ended));
            self.window.failed = Some((from.min(ended), to.max(ended)));
        }
    }

    /// An attempt finds no free worker.
    pub fn crowded(&mut self, at: SimTime) {
        let inside = self.window.all.first();
        if inside.is_some_and(|first| first.minute <= minute_of(at)) {
            self.window.crowded_from.get_or_insert(at);
        }
    }

    pub fn into_window(self) -> Window {
        self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_known_to_a_sixteenth() {
        let mut times = Times::default();
        assert_eq!((times.mean(), times.quantile(0.5)), (None, None));
        for ms in 1..=1000 {
            times.add(SimDuration::from_millis(ms));
        }
        assert_eq!(times.mean(), Some(SimDuration::from_micros(500_500)));
        for (share, ms) in [(0.01, 10.0), (0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = times.quantile(share).expect("there are some").as_secs_f64();
            let off = (found * 1000.0 / ms - 1.0).abs();
            assert!(off < 0.04, "{share}: {found}");
        }
        let mut twice = times.clone();
        twice.merge(&times);
        assert_eq!((twice.count(), twice.mean()), (2000, times.mean()));
        assert_eq!(twice.quantile(0.5), times.quantile(0.5));
    }

    #[test]
    fn the_middle_of_a_class_is_in_it() {
        for class in 0..600 {
            assert_eq!(class_of(middle_of(class)), class);
        }
        let longest = class_of(SimDuration::from_days(365));
        assert!(longest < 1000, "{longest}");
    }
}
