//! One attempt on a worker: from the moment the worker takes it to the moment it is answered.
//!
//! ```text
//!            ┌──────────────────── Redis answers again ◄────────────────────┐
//!            ▼                                                              │
//!  taken ──► look ── Ok, Spool ──► work for the service time ──► look ── Hang ──► hang
//!            ▲ │ └── Hang ───────────────────────────────────────│───────────────▲│
//!            │ └──── Error ────────────┐             Error ◄─────┤                │ command
//!            │                         ▼               │         ▼                │ timeout
//!            └───── back-off ◄──── retried? ◄──────────┘   captured or spooled    │
//!                                      ▲ └─► failed                               │
//!                                      └──────────────────────────────────────────┘
//! ```
//!
//! One that waits for replicas (`WAIT`) is answered later (`Late`), or finds after its timeout
//! that too few have acknowledged the write, and fails the request (`Unacknowledged`). Such a write
//! may stand all the same; nobody relies on it, and it is not counted.
//!
//! Redis is met at the *end* of the work: an answer that changed meanwhile counts. The gateway's
//! deadline cuts everything; what has not been written by then is never written. Everything here is
//! known when the worker takes the attempt, since the timeline is: no event is needed in between.
//!
//! A spool that opens takes what comes from then on; a command that already waits for Redis goes on
//! waiting. (A service that cut its connections to Redis when it opens the spool would save some.)
//!
//! Left out: service times that vary (constant: the tail of a healthy service is understated), and
//! writes that are executed although the client's own timeout ran out (captured twice:
//! understated).
//!
//! At one instant: the deadline comes first, then a change of answer, then the command timeout.

use sim::SimTime;

use crate::answer::{Answer, Cause};
use crate::population::Service;

/// How an attempt ended for the server, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub at: SimTime,
    pub how: Ending,
}

/// How an attempt ended for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Redis executed the write.
    Captured,
    /// The durable spool took it.
    Spooled,
    /// Nothing was written.
    Failed(Cause),
}

/// What becomes of an attempt that a worker takes at `from`, while change number `span` is the last
/// one so far; the gateway gives up at `deadline`.
pub(super) fn serve(
    service: &Service,
    changes: &[(SimTime, Answer)],
    span: usize,
    from: SimTime,
    deadline: SimTime,
) -> Ended {
    let client = &service.client;
    let (mut now, mut span) = (from, span);
    let mut retries_left = client.retries;
    loop {
        if changes[span].1.executes() {
            now = now.saturating_add(service.service_time);
            if now >= deadline {
                return given_up_at(deadline);
            }
            span = span_at(changes, span, now);
        }
        let cause = match changes[span].1 {
            Answer::Late(after) if now.saturating_add(after) >= deadline => {
                return given_up_at(deadline);
            }
            Answer::Late(after) => return ended(now + after, Ending::Captured),
            Answer::Unacknowledged(after) => {
                now = now.saturating_add(after);
                if now >= deadline {
                    return given_up_at(deadline);
                }
                Cause::Unacknowledged
            }
            Answer::Ok => return ended(now, Ending::Captured),
            Answer::Spool => return ended(now, Ending::Spooled),
            Answer::Error(cause) => cause,
            Answer::Hang => {
                let helped = helped_at(changes, span);
                let changes_at = helped.map_or(SimTime::MAX, |next| changes[next].0);
                let times_out = client
                    .command_timeout
                    .map_or(SimTime::MAX, |timeout| now.saturating_add(timeout));
                if deadline <= changes_at.min(times_out) {
                    return given_up_at(deadline);
                }
                if changes_at <= times_out {
                    now = changes_at;
                    span = helped.expect("it changes");
                    continue;
                }
                now = times_out;
                Cause::Timeout
            }
        };
        if retries_left == 0 || !client.retries_on.contains(&cause) {
            return ended(now, Ending::Failed(cause));
        }
        retries_left -= 1;
        now = now.saturating_add(client.backoff);
        if now >= deadline {
            return given_up_at(deadline);
        }
        span = span_at(changes, span, now);
    }
}

/// The number of the change that ends the wait of a command which hangs in `span`: the next answer
/// by Redis. A spool that opens takes what comes; it does not reach what already waits for Redis.
fn helped_at(changes: &[(SimTime, Answer)], span: usize) -> Option<usize> {
    let by_redis = |answer| match answer {
        Answer::Ok | Answer::Late(_) | Answer::Unacknowledged(_) | Answer::Error(_) => true,
        Answer::Hang | Answer::Spool => false,
    };
    (span + 1..changes.len()).find(|next| by_redis(changes[*next].1))
}

/// The number of the change in force at `at`, known to be `span` or later.
#[inline]
pub(super) fn span_at(changes: &[(SimTime, Answer)], mut span: usize, at: SimTime) -> usize {
    while changes.get(span + 1).is_some_and(|next| next.0 <= at) {
        span += 1;
    }
    span
}

/// The gateway's own answer.
pub(super) fn given_up_at(deadline: SimTime) -> Ended {
    ended(deadline, Ending::Failed(Cause::GatewayTimeout))
}

fn ended(at: SimTime, how: Ending) -> Ended {
    Ended { at, how }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::Client;
    use sim::SimDuration;

    fn ms(ms: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_millis(ms)
    }

    fn service(command_timeout: Option<u64>, retries: u32) -> Service {
        Service {
            name: "api".to_owned(),
            workers: 1,
            queue_limit: 0,
            gateway_timeout: SimDuration::from_millis(1000),
            service_time: SimDuration::from_millis(10),
            client: Client {
                command_timeout: command_timeout.map(SimDuration::from_millis),
                retries,
                backoff: SimDuration::from_millis(50),
                retries_on: vec![Cause::Timeout, Cause::ClusterDown],
            },
            inside: None,
        }
    }

    fn served(service: &Service, changes: &[(SimTime, Answer)]) -> (u64, Ending) {
        let ended = serve(service, changes, 0, ms(0), ms(1000));
        (ended.at.as_nanos() / 1_000_000, ended.how)
    }

    #[test]
    fn redis_is_met_at_the_end_of_the_work() {
        let plain = service(None, 0);
        let down = Answer::Error(Cause::Oom);
        let ok = (ms(0), Answer::Ok);
        assert_eq!(served(&plain, &[ok]), (10, Ending::Captured));
        let late = [ok, (ms(11), down)];
        assert_eq!(served(&plain, &late), (10, Ending::Captured));
        let just = [ok, (ms(10), down)];
        assert_eq!(served(&plain, &just), (10, Ending::Failed(Cause::Oom)));
        let spool = [ok, (ms(5), Answer::Spool)];
        assert_eq!(served(&plain, &spool), (10, Ending::Spooled));
    }

    #[test]
    fn a_hang_lasts_until_the_answer_changes_or_the_gateway_gives_up() {
        let plain = service(None, 0);
        let hang = (ms(0), Answer::Hang);
        let gateway = (1000, Ending::Failed(Cause::GatewayTimeout));
        assert_eq!(served(&plain, &[hang]), gateway);
        assert_eq!(served(&plain, &[hang, (ms(1000), Answer::Ok)]), gateway);
        let over = [hang, (ms(300), Answer::Ok)];
        assert_eq!(served(&plain, &over), (310, Ending::Captured));
        let spool = [hang, (ms(300), Answer::Spool)];
        assert_eq!(served(&plain, &spool), gateway);
        let later = [hang, (ms(300), Answer::Spool), (ms(500), Answer::Ok)];
        assert_eq!(served(&plain, &later), (510, Ending::Captured));
        let error = [hang, (ms(300), Answer::Error(Cause::Refused))];
        let refused = (300, Ending::Failed(Cause::Refused));
        assert_eq!(served(&plain, &error), refused);
        let again = [hang, (ms(300), Answer::Ok), (ms(305), Answer::Hang)];
        assert_eq!(served(&plain, &again), gateway);
    }

    #[test]
    fn each_try_ends_after_the_command_timeout() {
        let hang = [(ms(0), Answer::Hang)];
        let timeout = Ending::Failed(Cause::Timeout);
        assert_eq!(served(&service(Some(100), 0), &hang), (100, timeout));
        assert_eq!(served(&service(Some(100), 2), &hang), (400, timeout));
        let gateway = Ending::Failed(Cause::GatewayTimeout);
        assert_eq!(served(&service(Some(400), 2), &hang), (1000, gateway));
    }

    #[test]
    fn whoever_waits_for_replicas_is_answered_later() {
        let wait = SimDuration::from_millis(100);
        let plain = service(None, 0);
        let late = [(ms(0), Answer::Late(wait))];
        assert_eq!(served(&plain, &late), (110, Ending::Captured));
        let short = [(ms(0), Answer::Unacknowledged(wait))];
        let failed = Ending::Failed(Cause::Unacknowledged);
        assert_eq!(served(&plain, &short), (110, failed));
        let gateway = (1000, Ending::Failed(Cause::GatewayTimeout));
        for long in [Answer::Late, Answer::Unacknowledged] {
            let answer = long(SimDuration::from_millis(990));
            assert_eq!(served(&plain, &[(ms(0), answer)]), gateway);
        }
    }

    #[test]
    fn errors_are_retried_if_listed() {
        let down = [(ms(0), Answer::Error(Cause::ClusterDown))];
        let failed = Ending::Failed(Cause::ClusterDown);
        assert_eq!(served(&service(None, 3), &down), (150, failed));
        let oom = [(ms(0), Answer::Error(Cause::Oom))];
        let failed = Ending::Failed(Cause::Oom);
        assert_eq!(served(&service(None, 3), &oom), (0, failed));
        let over = [down[0], (ms(120), Answer::Ok)];
        assert_eq!(served(&service(None, 3), &over), (160, Ending::Captured));
    }
}
