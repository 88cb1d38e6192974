//! Randomness by name: a generator for every (seed, trial, purpose, entity), opened anywhere.
//!
//! The design point is not part of a name, so trial 17 meets the same faults, arrivals and human
//! delays under every design (common random numbers), and one draw more in one place never
//! re-deals another. A [`StreamKey`] can also be asked for the generator of a single position, such
//! as one cell of an arrival tree, at the cost of a few multiplications.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::stream_key::mix;
pub use crate::stream_key::{Rng, StreamKey};

/// What a stream is for. The number is part of every draw: never reuse or renumber one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purpose(pub u32);

/// All randomness of one trial. Clones share what follows from it alone, if that is kept at all.
#[derive(Clone, Debug)]
pub struct Streams {
    seed: u64,
    trial: u64,
    kept: Option<Rc<Kept>>,
}

/// What has been worked out for a trial, one entry for each type.
#[derive(Default)]
struct Kept(RefCell<Vec<Rc<dyn Any>>>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kept", self.0.borrow().len())
    }
}

impl Streams {
    /// The streams of trial number `trial` under `seed`.
    pub const fn for_trial(seed: u64, trial: u64) -> Streams {
        Streams {
            seed,
            trial,
            kept: None,
        }
    }

    /// The same streams, which keep what is worked out for all that share them: for the designs
    /// that meet this trial one after the other. No answer depends on it.
    pub fn kept(&self) -> Streams {
        let kept = self.kept.clone();
        Streams {
            kept: Some(kept.unwrap_or_default()),
            ..*self
        }
    }

    /// What has been worked out of this type: such as cells of arrival trees. New if nothing has,
    /// or if these streams keep nothing.
    pub fn shared<T: Any + Default>(&self) -> Rc<T> {
        let Some(Kept(kept)) = self.kept.as_deref() else {
            return Rc::default();
        };
        let mut kept = kept.borrow_mut();
        let found = kept.iter().find_map(|one| Rc::clone(one).downcast().ok());
        found.unwrap_or_else(|| {
            let new = Rc::<T>::default();
            kept.push(Rc::clone(&new) as Rc<dyn Any>);
            new
        })
    }

    /// The key of the stream for `purpose` and `entity` (a host, a workload, a class of signers).
    pub const fn key(&self, purpose: Purpose, entity: u64) -> StreamKey {
        let high = mix(mix(self.seed ^ 0x6F75_7461_6765_2E31) ^ self.trial);
        let low = mix(mix(high ^ purpose.0 as u64) ^ entity);
        StreamKey {
            high: mix(high ^ low.rotate_left(32)),
            low,
        }
    }

    /// The generator for `purpose` and `entity`, at its start.
    pub fn stream(&self, purpose: Purpose, entity: u64) -> Rng {
        self.key(purpose, entity).rng()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{Rng as _, RngExt};

    use super::*;

    #[test]
    fn every_name_has_a_stream_of_its_own() {
        let mut first_draws = BTreeSet::new();
        let mut names = 0;
        for (seed, trial) in (0..8).flat_map(|seed| (0..8).map(move |trial| (seed, trial))) {
            let streams = Streams::for_trial(seed, trial);
            for (purpose, entity) in (0..8).flat_map(|p| (0..8).map(move |entity| (p, entity))) {
                let key = streams.key(Purpose(purpose), entity);
                first_draws.extend([key.rng().next_u64(), key.child(0).rng().next_u64()]);
                first_draws.extend([key.at(0, 1).next_u64(), key.at(1, 0).next_u64()]);
                names += 4;
            }
        }
        assert_eq!(first_draws.len(), names);
    }

    #[test]
    fn a_stream_is_the_same_however_often_it_is_opened() {
        let streams = Streams::for_trial(7, 9);
        let key = streams.key(Purpose(1), 2);
        assert_eq!(streams.stream(Purpose(1), 2), key.rng());
        assert_eq!(key.rng(), key.at(0, 0));
        assert_eq!(key, Streams::for_trial(7, 9).key(Purpose(1), 2));
    }

    #[test]
    fn neighbours_are_not_correlated() {
        // First draws of 100,000 neighbouring positions: mean 1/2 and correlation 0, at four sigma.
        const N: usize = 100_000;
        let key = Streams::for_trial(1, 1).key(Purpose(1), 1);
        let by_position = |i: u64| key.at(12, i).random::<f64>() - 0.5;
        let by_entity = |i: u64| {
            Streams::for_trial(1, 1)
                .stream(Purpose(1), i)
                .random::<f64>()
                - 0.5
        };
        let by_trial = |i: u64| {
            Streams::for_trial(1, i)
                .stream(Purpose(1), 1)
                .random::<f64>()
                - 0.5
        };
        let sources: [&dyn Fn(u64) -> f64; 3] = [&by_position, &by_entity, &by_trial];
        for source in sources {
            let draws: Vec<f64> = (0..N as u64).map(source).collect();
            let mean = draws.iter().sum::<f64>() / N as f64;
            let products = draws.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
            let correlation = products * 12.0 / N as f64;
            assert!(
                mean.abs() < 4.0 * (1.0 / 12.0 / N as f64).sqrt(),
                "mean {mean}"
            );
            assert!(
                correlation.abs() < 4.0 / (N as f64).sqrt(),
                "correlation {correlation}"
            );
        }
    }
}
