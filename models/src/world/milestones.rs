//! When a trial was in trouble: outages of the signers' service, and full memory.

use sim::{Intervals, SimTime};

use super::{World, visitors};
use crate::outcome::{Milestones, SAME_INCIDENT};
use crate::service::Service;

/// The longest incident of the signers in any cell: its start and its end, `None` while it lasts.
pub fn outage(world: &World) -> Option<(SimTime, Option<SimTime>)> {
    let mut outages = Intervals::new();
    for (from, to) in of_signers(world).flat_map(|service| service.outages(world.end)) {
        outages.add(from, to);
    }
    let mut incidents: Vec<(SimTime, SimTime)> = Vec::new();
    for (from, to) in outages.iter() {
        match incidents.last_mut() {
            Some(last) if from - last.1 <= SAME_INCIDENT => last.1 = to,
            Some(_) | None => incidents.push((from, to)),
        }
    }
    // The first of equal ones.
    let incidents = incidents.into_iter().rev();
    let (from, to) = incidents.max_by_key(|(from, to)| *to - *from)?;
    Some((from, (to < world.end).then_some(to)))
}

/// The service of `[signers]`, in each cell.
fn of_signers<'a>(world: &'a World) -> impl Iterator<Item = &'a Service> {
    let place = visitors::position(world.spec, &world.spec.signers.service);
    let services = world.services.iter().map(|(_, service)| service);
    services.skip(place).step_by(world.spec.services.len())
}

/// When memory was full, and each outage.
pub fn milestones(world: &World, degraded: Intervals, stored_evicted: u64) -> Milestones {
    let mut unavailable = Intervals::new();
    for service in of_signers(world) {
        for (from, to) in service.down(world.end).iter() {
            unavailable.add(from, to);
        }
    }
    let clusters = world.clusters.iter();
    Milestones {
        full: clusters.flat_map(|(_, cluster)| cluster.full()).collect(),
        unavailable: unavailable.iter().collect(),
        degraded: degraded.iter().collect(),
        stored_evicted,
    }
}
