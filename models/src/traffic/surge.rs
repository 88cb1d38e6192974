//! One surge: from a drawn instant on, for a drawn time, so many times more arrivals.
//!
//! Surges that overlap multiply.

use sim::{SimTime, Streams};

use super::Steps;
use crate::spec::traffic::SurgeSpec;
use crate::streams;

/// The factor of the rate over the trial; `number` is the surge's position.
pub(super) fn surge(spec: &SurgeSpec, number: u64, entity: u64, streams: &Streams) -> Steps {
    let mut rng = streams.key(streams::SURGE, entity).child(number).rng();
    let from = SimTime::ZERO.saturating_add(spec.at.sample(&mut rng));
    let to = from.saturating_add(spec.lasts.sample(&mut rng));
    vec![(SimTime::ZERO, 1.0), (from, spec.factor.get()), (to, 1.0)]
}
