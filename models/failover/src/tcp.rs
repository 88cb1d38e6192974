//! TCP as far as failover notices it: how long Linux waits before it sends something again.
//!
//! `TCP_TIMEOUT_INIT` (1 s) for a connection request and `TCP_RTO_MIN` (0.2 s) for data, each
//! doubling, never above `TCP_RTO_MAX` (120 s).

use sim::{SimDuration, SimTime};

/// The first wait before a connection request is repeated.
pub const SYN_REPEAT: SimDuration = SimDuration::from_secs(1);
/// The first wait before data is repeated.
pub const DATA_REPEAT: SimDuration = SimDuration::from_millis(200);
/// Linux never waits longer than this between repeats.
const REPEAT_MAX: SimDuration = SimDuration::from_secs(120);

/// The wait before the repeat after `attempt` earlier ones.
pub fn backoff(first: SimDuration, attempt: u32) -> SimDuration {
    (first * (1 << attempt.min(16))).min(REPEAT_MAX)
}

/// When something that was first sent at `sent` into a cut gets through a network that is whole
/// again from `healed` on: it is repeated after `first`, and each time after twice as long.
pub fn repeated(sent: SimTime, first: SimDuration, healed: SimTime) -> SimTime {
    let (mut at, mut attempt) = (sent, 0);
    while at < healed {
        at = at.saturating_add(backoff(first, attempt));
        attempt += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_into_a_cut_comes_through_at_a_repeat() {
        let at = |seconds| SimTime::ZERO + SimDuration::from_secs_f64(seconds);
        let repeat = |healed| repeated(SimTime::ZERO, DATA_REPEAT, at(healed));
        assert_eq!(repeat(0.0), at(0.0));
        assert_eq!(repeat(0.1), at(0.2));
        assert_eq!(repeat(3.1), at(6.2));
        assert!((repeat(1000.0) - at(1000.0)) <= REPEAT_MAX);
    }
}
