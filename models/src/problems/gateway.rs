//! Waits inside a service that are longer than its gateway waits for an answer: nobody is there any
//! more when they end.

use sim::SimDuration;

use crate::spec::ServiceSpec;
use crate::spec::store::{StoreSpec, stores_of};
use crate::world::WorldSpec;

impl WorldSpec {
    pub(super) fn doubts_about_gateways(&self, doubts: &mut Vec<String>) {
        for service in &self.services {
            let (name, gateway) = (&service.name, service.gateway_timeout);
            for (key, wait) in waits(service, &self.stores) {
                if wait > gateway {
                    doubts.push(format!(
                        "a request of {name} may wait {wait} for {key}, and the gateway gives it \
                         up after {gateway} (gateway_timeout): its user has had an error by then"
                    ));
                }
            }
        }
    }
}

/// For what a request may wait, and how long.
fn waits(service: &ServiceSpec, stores: &[StoreSpec]) -> Vec<(&'static str, SimDuration)> {
    let acknowledged = service.wait.iter();
    let acknowledged = acknowledged.map(|wait| ("replicas (wait.timeout)", wait.timeout));
    let pool = service.client.pool.iter();
    let pool = pool.map(|pool| ("a connection (client.pool.wait)", pool.wait));
    let let_in = service.needs.iter().filter_map(|need| need.bulkhead);
    let let_in = let_in.map(|bulkhead| ("a bulkhead (needs.bulkhead.wait)", bulkhead.wait));
    let store = stores_of(&service.needs).0.into_iter();
    let store = store.map(|of| ("the store behind Redis (takes)", of.full(stores).takes));
    let all = acknowledged.chain(pool).chain(let_in).chain(store);
    all.collect()
}
