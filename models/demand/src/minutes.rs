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
