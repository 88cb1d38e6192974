//! Connections: what cannot be, and what a storm of them does.

use sim::SimDuration;

use crate::findings::Findings;
use crate::spec::redis::ACCEPTS_PER_ROUND;
use crate::spec::{FailoverSpec, ServiceSpec};
use crate::world::WorldSpec;

/// Time for a connection in plain that a scenario without `redis.handshake` leaves out.
const HANDSHAKE: SimDuration = SimDuration::from_micros(50);

impl WorldSpec {
    pub(super) fn check_connections(&self, found: &mut Findings) {
        let redis = &self.redis;
        found.unless(
            redis.maxclients() > redis.other_clients(&self.failover),
            "redis.maxclients",
            "services could not connect: replicas, Sentinels, links of the bus and subscribers \
             take all places",
            "give more, or leave the key out for 10000",
        );
        found.unless(
            redis.tcp_backlog() > 0,
            "redis.tcp_backlog",
            "no connection could wait to be accepted",
            "give at least 1, or leave the key out for 511",
        );
        let second = SimDuration::from_secs(1);
        found.unless(
            redis.handshake() <= second,
            "redis.handshake",
            "no handshake takes so long",
            "give a time of the processor such as \"1ms\", and at most 1s",
        );
    }

    /// More connections than Redis accepts, and more than it can make in time.
    pub(super) fn doubts_about_connections(&self, doubts: &mut Vec<String>) {
        let redis = &self.redis;
        let places = f64::from(redis.client_places(&self.failover));
        let now = f64::from(redis.connections);
        let most = (now * self.connections_growth()).round();
        let limit = format!(
            "it has room for {places:.0} (redis.maxclients = {}, less {} for replicas, Sentinels, \
             the bus and subscribers)",
            redis.maxclients(),
            redis.other_clients(&self.failover)
        );
        if now > places {
            doubts.push(format!(
                "a primary gets {now:.0} client connections, and {limit}: {:.0} of them are \
                 refused from the beginning",
                now - places
            ));
        } else if most > places {
            doubts.push(format!(
                "with all servers that may be added a primary gets {most:.0} client connections, \
                 and {limit}: the last ones are refused"
            ));
        } else if 2.0 * most > places {
            doubts.push(format!(
                "while servers are replaced, old and new ones are connected together: a primary \
                 may get {:.0} client connections, and {limit}; the model has no such restart",
                2.0 * most
            ));
        }
        self.doubts_about_handshakes(most.min(places), doubts);
    }

    /// A node that gets all connections at once answers no client for a while.
    fn doubts_about_handshakes(&self, connections: f64, doubts: &mut Vec<String>) {
        let second = SimDuration::from_secs(1);
        let Some(handshake) = self.redis.handshake else {
            let takes = HANDSHAKE.scaled(connections);
            if takes > second {
                doubts.push(format!(
                    "a promoted node gets {connections:.0} connections at once, which takes its \
                     thread about {takes} at {HANDSHAKE} each, and with TLS more than ten times as \
                     long: the model makes them in no time unless `redis.handshake` is given"
                ));
            }
            return;
        };
        let (all, round) = (
            handshake.scaled(connections),
            handshake.scaled(connections.min(f64::from(ACCEPTS_PER_ROUND))),
        );
        let silent = match &self.failover {
            FailoverSpec::ClusterBus(bus) => Some(("failover.node_timeout", bus.node_timeout)),
            FailoverSpec::Sentinel(group) => Some(("failover.down_after", group.down_after)),
            FailoverSpec::Managed(_) | FailoverSpec::Application {} | FailoverSpec::None {} => None,
        };
        if let Some((key, after)) = silent.filter(|(_, after)| round > *after) {
            doubts.push(format!(
                "a node that gets {connections:.0} connections at once answers no client for up to \
                 {round}, longer than {key} = {after}: it is taken for failed, and the next one \
                 meets the same"
            ));
        }
        for service in &self.services {
            doubt_clients(service, (connections, round), doubts);
            self.doubt_connecting(service, (connections, all), doubts);
        }
    }

    /// Clients that give up connecting before it is their turn.
    fn doubt_connecting(
        &self,
        service: &ServiceSpec,
        (connections, all): (f64, SimDuration),
        doubts: &mut Vec<String>,
    ) {
        let timeout = service.client.connect_timeout;
        let Some(timeout) = timeout.filter(|timeout| all > *timeout) else {
            return;
        };
        let name = &service.name;
        let backlog = self.redis.tcp_backlog();
        let held = self.redis.handshake().scaled(f64::from(backlog)).min(all);
        let then = match held < timeout {
            true => "those without a place in the backlog come again".to_owned(),
            false => format!(
                "what is in the backlog (redis.tcp_backlog = {backlog}) takes {held}, so it is \
                 accepted when its clients have given up, and the storm may not end"
            ),
        };
        doubts.push(format!(
            "a node needs {all} for {connections:.0} connections, and clients of {name} give one \
             up after {timeout} (connect_timeout): {then}"
        ));
    }
}

/// Clients that close what a node is still working on.
fn doubt_clients(
    service: &ServiceSpec,
    (connections, round): (f64, SimDuration),
    doubts: &mut Vec<String>,
) {
    let (name, client) = (&service.name, &service.client);
    let timeout = client.command_timeout;
    let closes = client.follows.is_some_and(|f| f.on_timeout != Some(false));
    if let Some(timeout) = timeout.filter(|timeout| closes && round >= *timeout) {
        doubts.push(format!(
            "a node that accepts {connections:.0} connections is silent for up to {round} at a \
             time, and clients of {name} close a connection after {timeout} (command_timeout): if \
             they come at once, the storm may feed itself"
        ));
    }
}
