//! Blast radius: when a cluster fails a service that needs it.
//!
//! Truth, kept beside the services: for every cluster and every service that needs it, the spans in
//! which it would not have served the service's requests, whatever else did or did not. Met with
//! the service's own downtime at the end it says how far the failure of a cluster reached; a
//! service that had a spool open meanwhile was not down.

use sim::{Intervals, SimTime};

use crate::ids::{ClusterId, Fleet, Id, ServiceId};
use crate::service::Service;

/// For every pair of a cluster and a service, when the one failed the other.
#[derive(Clone, Debug)]
pub struct BlastRadius {
    pairs: Vec<Vec<Pair>>,
}

#[derive(Clone, Debug, Default)]
struct Pair {
    since: Option<SimTime>,
    spans: Intervals,
}

impl BlastRadius {
    /// Nothing has failed yet.
    pub fn new(clusters: usize, services: usize) -> BlastRadius {
        BlastRadius {
            pairs: vec![vec![Pair::default(); services]; clusters],
        }
    }

    /// A cluster may answer differently now.
    pub fn refresh(&mut self, id: ClusterId, services: &Fleet<ServiceId, Service>, now: SimTime) {
        for ((_, service), pair) in services.iter().zip(&mut self.pairs[id.index()]) {
            match (service.is_served_by(id), pair.since) {
                (false, None) => pair.since = Some(now),
                (true, Some(since)) => {
                    pair.spans.add(since, now);
                    pair.since = None;
                }
                (true, None) | (false, Some(_)) => {}
            }
        }
    }

    /// When the cluster failed the service, up to `end`.
    pub fn spans(&self, cluster: ClusterId, service: ServiceId, end: SimTime) -> Intervals {
        let pair = &self.pairs[cluster.index()][service.index()];
        let mut spans = pair.spans.clone();
        if let Some(since) = pair.since {
            spans.add(since, end);
        }
        spans
    }
}
