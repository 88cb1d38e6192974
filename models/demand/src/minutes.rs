//! Counts by the minute, from time zero on.

use sim::{SimDuration, SimTime};

/// Nanoseconds in a minute.
pub(super) const MINUTE_NS: u64 = 60_000_000_000;

/// The minute that `at` lies in.
pub(super) fn minute_of(at: SimTime) -> u64 {
    at.as_nanos() / MINUTE_NS
}

/// When a minute begins.
pub(super) fn start_of(minute: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_mins(minute)
}

/// A count for each minute that has one, in time order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MinuteCounts {
    counts: Vec<(u64, u64)>,
}

impl MinuteCounts {
    /// One more at `at`. Quick if times nearly ascend.
    pub fn add(&mut self, at: SimTime) {
        let minute = minute_of(at);
        match self.counts.last_mut() {
            Some(last) if last.0 == minute => last.1 += 1,
            Some(last) if last.0 < minute => self.counts.push((minute, 1)),
            None => self.counts.push((minute, 1)),
            Some(_) => match self.counts.binary_search_by_key(&minute, |count| count.0) {
                Ok(place) => self.counts[place].1 += 1,
                Err(place) => self.counts.insert(place, (minute, 1)),
            },
        }
    }

    /// The minutes that have a count, in time order.
    pub fn minutes(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().map(|count| count.0)
    }

    pub fn at(&self, minute: u64) -> u64 {
        let place = self.counts.binary_search_by_key(&minute, |count| count.0);
        place.map_or(0, |place| self.counts[place].1)
    }
}

/// How long first presses took, minute by minute: those that were played, and spans of those that
/// were counted because all took equally long.
#[derive(Clone, Debug, Default)]
pub(super) struct PressTimes {
    /// Presses are also counted that took at least so long.
    limits: Vec<SimDuration>,
    /// Minutes with their sum and, for each limit, a count; ascending.
    played: Vec<(u64, SimDuration, Vec<u64>)>,
    /// Spans of arrivals, and how long each press took; ascending.
    pub counted: Vec<(SimTime, SimTime, SimDuration)>,
}

impl PressTimes {
    pub fn new(limits: &[SimDuration]) -> PressTimes {
        PressTimes {
            limits: limits.to_vec(),
            ..PressTimes::default()
        }
    }

    /// A press at `at` took so long. Quick if times nearly ascend.
    pub fn add(&mut self, at: SimTime, took: SimDuration) {
        let minute = minute_of(at);
        let last = self.played.last().map(|(last, ..)| *last);
        let place = match last {
            Some(last) if last == minute => Ok(self.played.len() - 1),
            Some(last) if last > minute => {
                self.played.binary_search_by_key(&minute, |(of, ..)| *of)
            }
            Some(_) | None => Err(self.played.len()),
        };
        let place = place.unwrap_or_else(|place| {
            let none = vec![0; self.limits.len()];
            self.played.insert(place, (minute, SimDuration::ZERO, none));
            place
        });
        let (_, sum, slow) = &mut self.played[place];
        *sum += took;
        for (slow, limit) in slow.iter_mut().zip(&self.limits) {
            *slow += u64::from(took >= *limit);
        }
    }

    /// Minutes in which some press was played, or took another time than `usual`.
    pub fn minutes(&self, usual: SimDuration) -> impl Iterator<Item = u64> + '_ {
        let counted = self.counted.iter().filter(move |(.., took)| *took != usual);
        let counted = counted.flat_map(|(from, to, _)| {
            minute_of(*from)..=minute_of(*to - SimDuration::from_nanos(1))
        });
        self.played
            .iter()
            .map(|(minute, ..)| *minute)
            .chain(counted)
    }

    /// The sum of a minute, and the counts for each limit; `arrivals` counts those of a span.
    pub fn at(
        &self,
        minute: u64,
        mut arrivals: impl FnMut(SimTime, SimTime) -> u64,
    ) -> (SimDuration, Vec<u64>) {
        let played = self.played.binary_search_by_key(&minute, |(of, ..)| *of);
        let (mut sum, mut slow) = match played {
            Ok(place) => (self.played[place].1, self.played[place].2.clone()),
            Err(_) => (SimDuration::ZERO, vec![0; self.limits.len()]),
        };
        let (start, end) = (start_of(minute), start_of(minute + 1));
        let first = self.counted.partition_point(|(_, to, _)| *to <= start);
        for (from, to, took) in self.counted[first..].iter().take_while(|s| s.0 < end) {
            let count = arrivals((*from).max(start), (*to).min(end));
            sum += *took * count;
            for (slow, limit) in slow.iter_mut().zip(&self.limits) {
                *slow += if took >= limit { count } else { 0 };
            }
        }
        (sum, slow)
    }
}
