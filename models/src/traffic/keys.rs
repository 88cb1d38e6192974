//! From a workload's rate of new keys to the intensity that they follow in one trial.

use sim::dist::standard_normal;
use sim::{Intensity, SimDuration, SimTime, Streams};

use super::{Steps, product, profile};
use crate::spec::WorkloadSpec;
use crate::spec::clock::{ClockSpec, DAY};
use crate::spec::growth::{GrowthSpec, MONTH, StepSpec};
use crate::streams;

/// The 95th percentile of the standard normal distribution.
const Z_95: f64 = 1.644_853_626_951_472_2;

/// The intensity of the keys that a workload adds up to the horizon, `entity` being its name among
/// the streams; of those with a lifetime, the intensity of their ends, which begins with the
/// `held` keys of the start.
pub fn keys(
    workload: &WorkloadSpec,
    (held, part): (f64, f64),
    clock: Option<&ClockSpec>,
    (entity, streams): (u64, &Streams),
    horizon: SimDuration,
) -> Intensity {
    let end = SimTime::ZERO + horizon;
    let stated = workload.new_keys.get() * part;
    let mut factors = vec![vec![(SimTime::ZERO, stated)]];
    if let Some(growth) = &workload.growth {
        factors.extend(varied(growth, clock, (entity, streams), end));
    }
    let rates = product(&factors, end);
    let Some(lifetime) = workload.lifetime else {
        return Intensity::piecewise(&rates, end);
    };
    let ends = rates
        .into_iter()
        .map(|(from, rate)| (from.saturating_add(lifetime), rate));
    let first = held / lifetime.as_secs_f64();
    let ends: Steps = std::iter::once((SimTime::ZERO, first))
        .chain(ends)
        .collect();
    Intensity::piecewise(&ends, end.saturating_add(lifetime))
}

/// The factor of a workload's rate of new keys up to the horizon.
pub fn growth(
    workload: &WorkloadSpec,
    clock: Option<&ClockSpec>,
    drawn: (u64, &Streams),
    horizon: SimDuration,
) -> Steps {
    let end = SimTime::ZERO + horizon;
    let mut factors = vec![vec![(SimTime::ZERO, 1.0)]];
    if let Some(growth) = &workload.growth {
        factors.extend(varied(growth, clock, drawn, end));
    }
    product(&factors, end)
}

/// Everything that varies the rate.
fn varied(
    growth: &GrowthSpec,
    clock: Option<&ClockSpec>,
    (entity, streams): (u64, &Streams),
    end: SimTime,
) -> Vec<Steps> {
    let monday = ClockSpec::since_monday(clock);
    let hourly = growth.hourly.as_ref();
    let weekly = growth.weekly.as_ref();
    let drift = growth.monthly.map(|factor| {
        let days = MONTH.as_secs_f64() / DAY.as_secs_f64();
        let daily = factor.get().powf(1.0 / days);
        let days = (0..).map(|day: u32| (SimTime::ZERO + DAY * u64::from(day), day));
        let days = days.take_while(|(from, _)| *from < end);
        days.map(|(from, day)| (from, daily.powi(day as i32)))
            .collect()
    });
    let band = growth.band.map(|band| {
        let mut rng = streams.key(streams::GROWTH_BAND, entity).rng();
        let sigma = band.get().ln() / Z_95;
        let normal = standard_normal(&mut rng);
        vec![(SimTime::ZERO, (sigma * normal).exp())]
    });
    let step = |(i, step): (usize, &StepSpec)| {
        let mut rng = streams
            .key(streams::GROWTH_STEP, entity)
            .child(i as u64)
            .rng();
        let at = SimTime::ZERO.saturating_add(step.at.sample(&mut rng));
        vec![(SimTime::ZERO, 1.0), (at, step.factor.get())]
    };
    let cycles = hourly.map(|hours| profile::hourly(hours, monday, end));
    let cycles = cycles
        .into_iter()
        .chain(weekly.map(|days| profile::weekly(days, monday, end)));
    let steps = growth.steps.iter().enumerate().map(step);
    cycles.chain(drift).chain(band).chain(steps).collect()
}
