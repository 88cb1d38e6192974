//! What becomes of a visit that meets one and the same answer all its life, and a free worker with
//! every press: the closed form by which a determined stretch is counted.
//!
//! ```text
//!  press 1   ├────────────────────────────┤ ends          every attempt ends alike
//!  press 2        ├────────────────────────────┤ ends
//!  press 3             ├────────────────────────────┤
//!            ├─gap─┤                                ▲ life: nothing of the visit is left
//!  alive     1    2    3                  2    1    attempts on the server at once
//! ```
//!
//! It is computed by the same [`serve`] that opened attempts go through, on a timeline without
//! changes, so the two cannot come to differ.

use sim::{SimDuration, SimTime};

use crate::answer::Answer;
use crate::attempt::{Ending, serve};
use crate::population::{Class, Service};

/// The course of a visit under a constant answer. Times are counted from its first press.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fate {
    /// How each of its attempts ends.
    pub how: Ending,
    /// When an attempt ends, counted from its press; at the latest, if it may miss a cache.
    pub ends: SimDuration,
    /// How long an attempt is on the server, in seconds, on average.
    pub lasts: f64,
    /// How often the signer presses.
    pub presses: u32,
    /// From one press to the next.
    pub gap: SimDuration,
}

impl Fate {
    /// The fate of a visit of `class` at `service` while `answer` is in force and each need, by its
    /// position, `misses` this share of what it asks for.
    pub fn new(
        class: &Class,
        service: &Service,
        answer: Answer,
        misses: impl Fn(usize) -> f64,
    ) -> Fate {
        let deadline = SimTime::ZERO.saturating_add(service.gateway_timeout);
        let ended = serve(
            service,
            &[(SimTime::ZERO, answer)],
            0,
            SimTime::ZERO,
            deadline,
        );
        let (most, mean) = match answer {
            Answer::Ok => in_stores(service, misses),
            _ => (SimDuration::ZERO, 0.0),
        };
        let ends = ended.at.saturating_add(most) - SimTime::ZERO;
        let lasts = (ended.at - SimTime::ZERO).as_secs_f64() + mean;
        let shown = ends <= class.patience;
        let (presses, gap) = match ended.how {
            Ending::Captured | Ending::Spooled if shown => (1, SimDuration::ZERO),
            Ending::Failed(_) if shown => (class.presses_max, ends + class.press_again_after),
            Ending::Captured | Ending::Spooled | Ending::Failed(_) => {
                (class.presses_max, class.patience)
            }
        };
        Fate {
            how: ended.how,
            ends,
            lasts,
            presses,
            gap,
        }
    }

    /// From the first press to the moment when nothing of the visit is left on the server.
    pub fn life(&self) -> SimDuration {
        self.gap * u64::from(self.presses - 1) + self.ends
    }

    /// Did nothing of it get written?
    pub fn blocked(&self) -> bool {
        matches!(self.how, Ending::Failed(_))
    }

    /// Captured by Redis with a single press: the fate of nearly all.
    pub fn plain(&self) -> bool {
        self.how == Ending::Captured && self.presses == 1
    }

    /// For how long (seconds) a visit has exactly `w` attempts on the server at once: element `w`.
    pub fn alive_s(&self) -> Vec<f64> {
        if self.presses == 1 {
            return vec![0.0, self.lasts];
        }
        let presses = u64::from(self.presses);
        // Press i begins the stretch in which it is the newest; those before it that have not
        // ended yet are alive too. Ends of earlier attempts cut the stretch.
        let mut cuts: Vec<SimDuration> = (0..presses)
            .flat_map(|i| [self.gap * i, self.gap * i + self.ends])
            .collect();
        cuts.sort_unstable();
        let mut alive_s = vec![0.0; self.presses as usize + 1];
        for pair in cuts.windows(2) {
            let alive = (0..presses)
                .filter(|i| self.gap * *i <= pair[0] && pair[0] < self.gap * *i + self.ends)
                .count();
            alive_s[alive] += (pair[1] - pair[0]).as_secs_f64();
        }
        alive_s
    }
}

/// How long a request that finds free workers in the stores is there because Redis misses: at most,
/// and on average in seconds. All caches are as warm as they get.
fn in_stores(service: &Service, misses: impl Fn(usize) -> f64) -> (SimDuration, f64) {
    let Some(inside) = &service.inside else {
        return (SimDuration::ZERO, 0.0);
    };
    let may_miss = inside.needs.iter().enumerate();
    let may_miss = may_miss.filter(|(need, _)| misses(*need) > 0.0);
    let may_miss = may_miss
        .filter_map(|(number, need)| Some((misses(number), inside.stores[need.fallback?].takes)));
    let (most, mean) = may_miss.fold((SimTime::ZERO, 0.0), |(most, mean), (share, takes)| {
        let mean = mean + share * takes.as_secs_f64();
        (most.saturating_add(takes), mean)
    });
    (most - SimTime::ZERO, mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Cause;
    use crate::population::Client;

    fn seconds(s: u64) -> SimDuration {
        SimDuration::from_secs(s)
    }

    fn fate(patience: u64, presses_max: u32, answer: Answer) -> Fate {
        let class = Class {
            name: "signers".to_owned(),
            share: 1.0,
            patience: seconds(patience),
            presses_max,
            press_again_after: seconds(3),
            returns: Vec::new(),
        };
        let service = Service {
            name: "api".to_owned(),
            workers: 4,
            queue_limit: 4,
            gateway_timeout: seconds(30),
            service_time: seconds(2),
            client: Client {
                command_timeout: None,
                retries: 0,
                backoff: SimDuration::ZERO,
                retries_on: Vec::new(),
            },
            inside: None,
        };
        Fate::new(&class, &service, answer, |_| 0.0)
    }

    #[test]
    fn presses_follow_patience_and_errors() {
        let healthy = fate(5, 3, Answer::Ok);
        assert!(healthy.plain() && healthy.life() == seconds(2));
        let hang = fate(10, 3, Answer::Hang);
        assert_eq!(
            (hang.presses, hang.gap, hang.life()),
            (3, seconds(10), seconds(50))
        );
        let patient = fate(40, 2, Answer::Hang);
        assert_eq!((patient.gap, patient.life()), (seconds(33), seconds(63)));
        let refused = fate(5, 3, Answer::Error(Cause::Refused));
        assert_eq!((refused.gap, refused.life()), (seconds(3), seconds(6)));
        let hasty = fate(1, 3, Answer::Ok);
        assert!(!hasty.plain() && !hasty.blocked() && hasty.presses == 3);
    }

    #[test]
    fn attempts_alive_add_up_to_the_work_they_make() {
        let hang = fate(10, 3, Answer::Hang).alive_s();
        assert_eq!(hang, [0.0, 20.0, 20.0, 10.0]);
        let refused = fate(10, 3, Answer::Error(Cause::Refused)).alive_s();
        assert_eq!(refused[1..], [0.0, 0.0, 0.0]);
        let spread = fate(40, 2, Answer::Hang).alive_s();
        assert_eq!(spread, [3.0, 60.0, 0.0]);
    }
}
