//! Constraints on how clients find a primary that types cannot express.

use sim::SimDuration;

use super::servers::doubt_balancer;
use crate::findings::Findings;
use crate::spec::client::{ClientSpec, FollowsSpec, ModeSpec};
use crate::spec::{ClassSpec, FailoverSpec, ServiceSpec};
use crate::world::WorldSpec;

/// The shortest time after which a large provider's load balancer closes idle connections: 4 min,
/// Azure Load Balancer's default (AWS Network Load Balancer: 350 s).
const IDLE_CLOSED: SimDuration = SimDuration::from_mins(4);

impl WorldSpec {
    pub(super) fn check_client(&self, found: &mut Findings, i: usize, client: &ClientSpec) {
        let key = |field: &str| format!("service[{i}].client.{field}");
        let offered = ModeSpec::of(&self.failover);
        let mode = client.mode(&self.failover);
        let anywhere = matches!(mode, ModeSpec::Address | ModeSpec::Proxy);
        if !anywhere && mode != offered {
            let wrong = format!(
                "mode `{}` does not exist with `failover.kind = \"{}\"`",
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
            "every connection would be closed at once",
            "give a duration above 0s, or leave the key out for Linux' 924.6s",
        );
        self.check_follows(found, &key, client);
        let recycle = client.pool.and_then(|pool| pool.recycle);
        found.unless(
            recycle.is_none_or(|recycle| recycle >= SimDuration::from_secs(1)),
            key("pool.recycle"),
            "connections would be made anew all the time",
            "give at least \"1s\", or leave it out: they live until something breaks them",
        );
        let Some(reconnect) = client.reconnect else {
            return;
        };
        found.unless(
            reconnect.first > SimDuration::ZERO,
            key("reconnect.first"),
            "it would reconnect in an endless loop",
            "give a duration above 0s",
        );
        found.unless(
            reconnect.factor.get() >= 1.0,
            key("reconnect.factor"),
            "the back-off would shrink",
            "give a factor of at least \"1x\"",
        );
        found.unless(
            reconnect.max >= reconnect.first,
            key("reconnect.max"),
            "it is shorter than the first pause",
            "give at least reconnect.first",
        );
    }

    /// Rules that cannot take effect.
    fn check_follows(
        &self,
        found: &mut Findings,
        key: &dyn Fn(&str) -> String,
        client: &ClientSpec,
    ) {
        let mode = client.mode(&self.failover);
        let follows = client.follows.unwrap_or(FollowsSpec::NEVER);
        found.unless(
            follows.on_moved.is_none() || mode == ModeSpec::Cluster,
            key("follows.on_moved"),
            "only the nodes of a Redis Cluster answer -MOVED",
            "leave it out, or use mode `cluster`",
        );
        found.unless(
            follows.silent_for.is_none() || follows.on_error,
            key("follows.silent_for"),
            "it closes a connection, but `on_error = false` ignores closed connections",
            "leave it out, or give on_error = true",
        );
        let on_a_bus = matches!(self.failover, FailoverSpec::ClusterBus(_));
        found.unless(
            mode != ModeSpec::Address || !on_a_bus || self.redis.shards == 1,
            key("mode"),
            "one address reaches one shard of a Redis Cluster; the others answer -MOVED",
            "write `cluster`, or give redis.shards = 1",
        );
    }

    /// Clients that never find a primary again.
    pub(super) fn doubts_about_clients(&self, doubts: &mut Vec<String>) {
        let by_hand = ModeSpec::of(&self.failover) == ModeSpec::Address;
        for service in &self.services {
            if !by_hand && service.client.mode(&self.failover) == ModeSpec::Address {
                doubts.push(format!(
                    "the clients of {} have a fixed address, and no failover updates it: after a \
                     failover they keep using the old primary, even after a restart",
                    service.name
                ));
            }
            self.doubt_refresh(doubts, service);
            self.doubt_recycling(doubts, service);
            self.doubt_idle(doubts, service);
            doubt_balancer(doubts, service, self.redis.shards);
            let assumed = service.process_count() > 1 && service.balancer.is_none();
            if assumed && self.presses_again(&service.name) {
                doubts.push(format!(
                    "each visit at {} stays with one of its {} processes (sticky sessions), since \
                     no `balancer` is given; with `random` most visits that a stuck process fails \
                     would succeed on their next press",
                    service.name,
                    service.process_count()
                ));
            }
        }
    }

    /// Clients that do not refresh when they should.
    fn doubt_refresh(&self, doubts: &mut Vec<String>, service: &ServiceSpec) {
        let (name, client) = (&service.name, &service.client);
        let every = client.looks_every(client.mode(&self.failover));
        let stays = client.follows.is_some_and(|follows| {
            !follows.on_error && every.is_none() && follows.subscribes != Some(true)
        });
        if stays && ModeSpec::of(&self.failover) == ModeSpec::Address {
            doubts.push(format!(
                "`follows` of the clients of {name} has no effect with `failover.kind = \"{}\"`: \
                 the application or person that promotes a replica also gives clients its address",
                kind(&self.failover)
            ));
        }
        let looks_up = !matches!(
            client.mode(&self.failover),
            ModeSpec::Address | ModeSpec::Proxy
        );
        if let Some(follows) = client.follows.filter(|_| looks_up && stays) {
            doubts.push(match follows.on_moved {
                Some(true) => format!(
                    "the clients of {name} refresh on -MOVED only: while a primary is down or \
                     hangs they wait for it, even after a replica was promoted"
                ),
                _ => format!(
                    "the clients of {name} never refresh (`follows.on_error = false`): after a \
                     failover they keep using the old primary until they are restarted"
                ),
            });
        }
    }

    /// Handshakes of connections that are made anew, which take time that commands do not have.
    fn doubt_recycling(&self, doubts: &mut Vec<String>, service: &ServiceSpec) {
        let Some(pool) = service.client.pool else {
            return;
        };
        let (Some(recycle), Some(handshake)) = (pool.recycle, self.redis.handshake) else {
            return;
        };
        let processes = service.processes.unwrap_or(pool.processes);
        let connections = f64::from(pool.size) * f64::from(processes);
        let a_second = connections / recycle.as_secs_f64();
        let share = a_second * handshake.as_secs_f64();
        if share >= 0.01 {
            doubts.push(format!(
                "{} makes {a_second:.1} connections a second anew (pool.recycle): their handshakes \
                 take {:.0} % of a node's thread, which commands do not have; they are not \
                 slowed down here",
                service.name,
                100.0 * share
            ));
        }
    }

    /// Connections that a load balancer or firewall on the way may close because they are idle. A
    /// process at which requests come at random is idle for so long with the chance of one in a
    /// thousand if seven are expected in that time.
    fn doubt_idle(&self, doubts: &mut Vec<String>, service: &ServiceSpec) {
        let processes = service.process_count() as f64;
        let each = processes / self.rate(&service.name);
        let recycled = service.client.pool.and_then(|pool| pool.recycle);
        let lives = recycled.is_none_or(|recycled| recycled > IDLE_CLOSED);
        if each.is_finite() && each * 7.0 > IDLE_CLOSED.as_secs_f64() && lives {
            doubts.push(format!(
                "a process of {} gets a request every {each:.0} s: its connections may be idle for \
                 as long as a load balancer or firewall on the way allows (Azure 4 min, AWS NLB \
                 350 s); those that are closed for it are not modelled",
                service.name
            ));
        }
    }

    /// Do visits at this service press more than once?
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

/// The kind of failover, as in the file.
fn kind(failover: &FailoverSpec) -> &'static str {
    match failover {
        FailoverSpec::ClusterBus(_) => "cluster-bus",
        FailoverSpec::Sentinel(_) => "sentinel",
        FailoverSpec::Managed(_) => "managed",
        FailoverSpec::Application {} => "application",
        FailoverSpec::None {} => "none",
    }
}
