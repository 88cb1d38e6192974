//! New processes for the servers of a service that fails.

use super::*;
use crate::ids::ViewId;

/// Restart the servers of every service that fails: requests under way are lost, and their
/// clients reconnect and learn who the primary is.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("restart-servers", "restarts servers", 1)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        let cx = &mut site.cx;
        cx.ledger
            .trace(cx.now, || "servers are restarted, Redis is not".to_owned());
        let mut asked: Vec<(ClusterId, ViewId)> = Vec::new();
        for (_, service) in site.services.iter_mut() {
            if !service.works() {
                service.control(cx.now, Control::Restart);
                asked.extend(service.views());
            }
        }
        asked.sort();
        asked.dedup();
        for (cluster, view) in &asked {
            site.clusters[*cluster].clients_learn_owners(*view, cx);
        }
        let mut changed: Vec<ClusterId> = asked.into_iter().map(|(cluster, _)| cluster).collect();
        changed.dedup();
        Effect::Changed(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_of_a_service_that_fails_are_restarted() {
        let (bench, effect) = took("kind = 'restart-servers'");
        assert_eq!(effect, Effect::Changed(bench.clusters.ids().collect()));
        assert_eq!(bench.orders(), [Control::Restart]);
    }
}
