//! When a pool provably takes no part in what becomes of a visit, so that a stretch may be counted.
//!
//! Let one answer be in force from `now` to the end of the stretch. Call a visit *ordinary* if it
//! began under this answer, and none of its attempts was kept from what the closed form
//! (`fate.rs`) gives it. Two regimes:
//!
//! | answer | the pool takes no part as long as | limit on attempts alive |
//! | --- | --- | --- |
//! | `Hang`, no command timeout | no attempt finds the queue full | workers + queue limit |
//! | every other | every attempt finds a free worker | workers |
//!
//! *Hang without a command timeout.* An attempt that arrives at t ends at t + G by the gateway's
//! hand, on a worker or in the queue, whenever it was taken up: nothing else can end it while the
//! answer stays. So the pool is without influence unless it refuses. When the hang ends at b, the
//! attempts alive are those of (b - G, b]; workers go first come, first served, so they are held by
//! the oldest of these, and how long each has held its worker has no bearing on what follows. Hence
//! playing only visits that begin after b - life, with life ≥ G, finds the pool at b as it is.
//! An attempt that goes on waiting for Redis when a spool opens at b is among them, and counts as
//! an old one of the next stretch.
//!
//! *Every other answer.* An attempt that finds a free worker is in its closed form by definition.
//! At the end b of the stretch the workers are held by attempts that arrived within the last `ends`
//! (`Fate`), which belong to visits that began after b - life, and nobody waits.
//!
//! *The bound.* At any instant of the stretch the attempts alive are
//!
//! ```text
//!   old attempts (those alive now)                          counted: `alive_of_visits_by`
//! + future presses of old visits, each at most `presses`    counted: what is due, times presses
//! + attempts of ordinary visits:  N = Σ over classes, rounds, visits of w(instant - begin)
//! ```
//!
//! where w(a) is the number of attempts that an ordinary visit of age a has on the server. Visits
//! begin as a Poisson process of rate at most λ, a round is the same process shifted by a constant
//! (or a thinning of it), and rounds of one class lie further apart than a life, so the stretches
//! of first arrivals that feed N at one instant are disjoint and the terms independent. Then
//! ln E exp(θN) ≤ ψ(θ) = Σ λ ∫ (exp(θ w(a)) - 1) da, and Chernoff gives P(N ≥ q) ≤ exp(ψ(θ) - θq)
//! for every θ > 0. N grows only at presses of ordinary visits, and by Mecke's formula the expected
//! number of presses in the horizon that find N ≥ q, not counting their own visit's attempts, is
//! at most (expected presses) · P(N ≥ q). The smallest q that brings this below 10⁻¹² is
//! [`crowd_max`]; N stays below q + presses, and the stretch is determined when that and the old
//! together stay within the limit. If not, it is played: nothing is ever approximated.
//!
//! *Several processes.* A press goes to each of R processes with probability 1/R, whatever the
//! others do: for one of them exp(θ w) becomes (1 + (exp(θ) - 1)/R)^w, and ψ the same integral; if
//! all presses of a visit go to one process, the visits are thinned. The bound must hold for all of
//! them: each may take an R-th of the risk. `least-busy` and `round-robin` choose otherwise if the
//! process that is drawn has no free worker, so there must always be one.
//!
//! *Caches that miss.* A visit, which has one press, goes to the store of one process with a chance
//! of its own, so the visits there are a thinning of all, and the same bound with the store's
//! workers shows that nobody waits there (`store.rs`). Then a visit has left the server after its
//! work and one stay in each store at the latest; how many there are at an instant follows from the
//! average.

use sim::SimTime;

use crate::answer::Answer;
use crate::balance::Balancing;
use crate::caller::Caller;
use crate::fate::Fate;
use crate::population::Service;

/// The chance per evaluation, service and stretch that a counted stretch should have been played.
const RISK: f64 = 1e-12;

/// The pools among which presses are spread while they all answer alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread<'a> {
    /// Workers and places in the queue of each process that gets presses.
    pub pools: &'a [(u32, u32)],
    /// How they are chosen; absent: there is one.
    pub balancing: Option<Balancing>,
}

/// What must hold for a stretch to be determined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Condition {
    /// Must nobody wait?
    pub free_worker: bool,
    /// Old attempts, and future presses of old visits, that the pool has room for.
    pub room: u64,
    /// The most presses of one visit.
    pub presses: u64,
    /// Ordinary visits a second of which the first press goes to one process, at most.
    pub visits: f64,
    /// The logarithm of the risk, with its sign turned.
    pub log_risk: f64,
}

impl Condition {
    /// The condition under `answer` up to `end`, or `None` if it cannot hold. `fates` belong to
    /// the `callers`.
    pub fn new(
        service: &Service,
        answer: Answer,
        (callers, fates): (&[Caller], &[Fate]),
        spread: Spread,
        (now, end, horizon): (SimTime, SimTime, SimTime),
    ) -> Option<Condition> {
        let presses = fates.iter().map(|fate| fate.presses).max().unwrap_or(1);
        let mut alive = vec![0.0; presses as usize + 1];
        let (mut presses_expected, mut visits) = (0.0, 0.0);
        for (caller, fate) in callers.iter().zip(fates) {
            let life_max = caller.class.life_max(service);
            // A round matters if someone blocked so far, or still in play, can come back in time.
            let blocked_from = caller.blocked_from.min(now.saturating_sub(life_max));
            let rounds = caller.offsets.iter().enumerate().filter(|(round, offset)| {
                *round == 0 || blocked_from.saturating_add(**offset) < end
            });
            let rate = caller.arrivals.intensity().rate_max() * rounds.count() as f64;
            visits += rate;
            presses_expected += rate * horizon.as_secs_f64() * f64::from(fate.presses);
            for (sum, seconds) in alive.iter_mut().zip(fate.alive_s()).skip(1) {
                *sum += rate * seconds;
            }
        }
        let processes = spread.pools.len() as f64;
        // All presses of a visit go to one process, or each for itself.
        let (thinned, each) = match spread.balancing {
            None | Some(Balancing::Sticky) => (1.0 / processes, 1.0),
            Some(_) => (1.0, 1.0 / processes),
        };
        alive.iter_mut().for_each(|expected| *expected *= thinned);
        let log_risk = (presses_expected.max(1.0) * processes / RISK).ln();
        let crowd = crowd_max(&alive, each, log_risk);
        let looks = match spread.balancing {
            Some(Balancing::LeastBusy | Balancing::RoundRobin) => true,
            Some(Balancing::Sticky | Balancing::Random) | None => false,
        };
        let hangs = answer == Answer::Hang && service.client.command_timeout.is_none();
        let free_worker = looks || !hangs;
        let limit = |(workers, queue_limit): &(u32, u32)| {
            u64::from(*workers) + u64::from(if free_worker { 0 } else { *queue_limit })
        };
        let limit = spread.pools.iter().map(limit).min()?;
        let room = limit.checked_sub(u64::from(presses))?;
        Some(Condition {
            free_worker,
            room: room.checked_sub(crowd)?,
            presses: u64::from(presses),
            visits: visits / processes,
            log_risk,
        })
    }
}

/// The smallest bound found such that P(N ≥ bound) ≤ exp(-`log_risk`), where `alive[w]` is the
/// expected number of visits that have exactly `w` attempts on the server, and each of these
/// attempts is at the process in question with probability `each`.
pub(super) fn crowd_max(alive: &[f64], each: f64, log_risk: f64) -> u64 {
    if alive.iter().skip(1).all(|expected| *expected <= 0.0) {
        return 0;
    }
    // Any θ gives a valid bound; a grid in half octaves is within a few percent of the best.
    let bounds = (-24..8).map(|half_octaves| {
        let theta = (f64::from(half_octaves) * 0.5).exp2();
        let mut growth = 1.0;
        let mut psi = 0.0;
        for expected in alive.iter().skip(1) {
            growth *= 1.0 + each * (theta.exp() - 1.0);
            psi += expected * (growth - 1.0);
        }
        (psi + log_risk) / theta
    });
    // Infinite where exp overflows; then another θ is better.
    let bound = bounds
        .filter(|bound| bound.is_finite())
        .fold(f64::MAX, f64::min);
    bound.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first n with P(Poisson(mean) ≥ n) ≤ risk: terms summed from the far end.
    fn poisson_quantile(mean: f64, risk: f64) -> u64 {
        let far = (mean + 60.0 + 20.0 * mean.sqrt()) as u64;
        let mut log_term = -mean;
        let mut terms = vec![log_term.exp()];
        for k in 1..=far {
            log_term += (mean / k as f64).ln();
            terms.push(log_term.exp());
        }
        let mut tail = 0.0;
        let ascending = (0..=far).rev().zip(terms.iter().rev());
        let beyond = ascending.take_while(|(_, term)| {
            tail += **term;
            tail <= risk
        });
        beyond.last().expect("the far end is beyond").0
    }

    #[test]
    fn the_bound_holds_and_is_not_far_from_the_truth() {
        for mean in [0.01, 0.4, 6.0, 50.0, 900.0] {
            let bound = crowd_max(&[0.0, mean], 1.0, (1.0 / RISK).ln());
            let truth = poisson_quantile(mean, RISK);
            assert!(bound >= truth, "mean {mean}: {bound} for {truth}");
            let slack = 3.0 + 0.15 * truth as f64;
            assert!(
                (bound - truth) as f64 <= slack,
                "mean {mean}: {bound} for {truth}"
            );
        }
    }

    #[test]
    fn two_attempts_at_once_weigh_more_than_two_visits() {
        let log_risk = (1.0 / RISK).ln();
        let crowd = |alive: &[f64], each| crowd_max(alive, each, log_risk);
        assert!(crowd(&[0.0, 0.0, 100.0], 1.0) > crowd(&[0.0, 200.0], 1.0));
        assert_eq!(crowd(&[3.0, 0.0], 1.0), 0);
        // Spread over five processes: about as many as a fifth of the visits make.
        let fifth = crowd(&[0.0, 0.0, 100.0], 0.2);
        assert!(fifth < crowd(&[0.0, 0.0, 40.0], 1.0) && fifth >= crowd(&[0.0, 40.0], 1.0));
    }
}
