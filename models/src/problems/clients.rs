//! What types cannot say about how clients find a primary.

use sim::SimDuration;

use crate::findings::Findings;
use crate::spec::client::{ClientSpec, ModeSpec};
use crate::spec::{ClassSpec, FailoverSpec};
use crate::world::WorldSpec;

impl WorldSpec {
    pub(super) fn check_client(&self, found: &mut Findings, i: usize, client: &ClientSpec) {
        let key = |field: &str| format!("service[{i}].client.{field}");
        let offered = ModeSpec::of(&self.failover);
        let mode = client.mode(&self.failover);
        let anywhere = matches!(mode, ModeSpec::Address | ModeSpec::Proxy);
        if !anywhere && mode != offered {
            let wrong = format!(
                "nobody answers a client in mode `{}` where `failover.kind` is `{}`",
                mode.name(),
                kind(&self.failover)
            );
            let help = format!("write `{}`, `address` or `proxy`", offered.name());
            found.unless(false, key("mode"), &wrong, &help);
        }
        let every = client.follows.and_then(|follows| follows.every);
        found.unless(
            mode != ModeSpec::Proxy || every.is_some(),
            key("mode"),
            "a proxy finds the primary by its own health check, and no interval is given",
            "give it beside `mode`: follows = { on_error = false, every = \"2s\" }",
        );
        let subscribes = client.follows.and_then(|follows| follows.subscribes);
        found.unless(
            subscribes != Some(true) || mode == ModeSpec::Sentinel,
            key("follows.subscribes"),
            "there is no Sentinel to subscribe to",
            "leave it out, or use Sentinels (`failover.kind`)",
        );
        found.unless(
            client.tcp_user_timeout != Some(SimDuration::ZERO),
            key("tcp_user_timeout"),
            "no connection would last",
            "give a time above 0s, or leave the key out for Linux' 924.6s",
        );
        let Some(reconnect) = client.reconnect else {
            return;
        };
        found.unless(
            reconnect.first > SimDuration::ZERO,
            key("reconnect.first"),
            "it would try any number of times at once",
            "give a pause above 0s",
        );
        found.unless(
            reconnect.factor.get() >= 1.0,
            key("reconnect.factor"),
            "pauses would become ever shorter",
            "give a factor of at least \"1x\"",
        );
        found.unless(
            reconnect.max >= reconnect.first,
            key("reconnect.max"),
            "it is shorter than the first pause",
            "give at least reconnect.first",
        );
    }

    /// Clients that never find a primary again.
    pub(super) fn doubts_about_clients(&self, doubts: &mut Vec<String>) {
        let by_hand = ModeSpec::of(&self.failover) == ModeSpec::Address;
        for service in &self.services {
            if !by_hand && service.client.mode(&self.failover) == ModeSpec::Address {
                doubts.push(format!(
                    "the clients of {} hold an address, and nobody tells them of another primary: \
                     after a failover they stay where they are, also when they are restarted",
                    service.name
                ));
            }
            if service.process_count() > 1 && self.presses_again(&service.name) {
                doubts.push(format!(
                    "each visit at {} stays with one of its {} processes, as with a sticky \
                     session; a load balancer that deals presses at random would let most through \
                     on the next press whom one stuck process fails",
                    service.name,
                    service.process_count()
                ));
            }
        }
    }
}

impl WorldSpec {
    /// Do people come to this service who press more than once?
    fn presses_again(&self, service: &str) -> bool {
        let again = |classes: &[ClassSpec]| classes.iter().any(|class| class.presses_max > 1);
        let products = self
            .products
            .iter()
            .filter(|product| product.service == service);
        self.signers.service == service && again(&self.signers.classes)
            || products.into_iter().any(|product| again(&product.classes))
    }
}

/// A kind of failover as it is written.
fn kind(failover: &FailoverSpec) -> &'static str {
    match failover {
        FailoverSpec::ClusterBus(_) => "cluster-bus",
        FailoverSpec::Sentinel(_) => "sentinel",
        FailoverSpec::Managed(_) => "managed",
        FailoverSpec::Application {} => "application",
        FailoverSpec::None {} => "none",
    }
}
