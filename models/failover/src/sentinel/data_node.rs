//! A data node, as far as it answers Sentinels.
//!
//! It answers at once, each command by the state that the world gave it: at `maxmemory` all as
//! ever, since only writes are refused; while it loads PING says so and SLAVEOF is refused; with a
//! script or a password in the way not even INFO works. SLAVEOF changes its role on the spot and
//! costs all of its clients their connections, the other Sentinels' too, so these reconnect.
//!
//! Sources: `processCommand` in `src/server.c`, the command flags in `src/commands/*.json`,
//! `replicaofCommand` in `src/replication.c`, `clientCommand` in `src/networking.c`,
//! `genRedisInfoString` in `src/server.c`, Redis 7.0.15. Left out: `maxclients` (a full node
//! refuses new connections), and a primary's list of replicas that are still copying.

use sim::{SimTime, StreamKey};

use rand::Rng as _;

use super::effect::{NodeRole, NodeTruth, Process, ReplicaLink, SentinelEffect};
use super::ids::{Node, Party, Sentinel};
use super::message::{Command, ConnName, Hello, Inbound, Info, Reply};
use super::network::Delivery;
use super::ticks::ms_of;
use super::{SentinelEffects, SentinelGroup};

/// Uses of a node's random stream.
const DRAW_RUN_ID: u64 = 1 << 32;

/// One data node.
#[derive(Clone, Debug)]
pub(super) struct DataNode {
    /// What the world says, on the group's clock.
    pub truth: NodeTruth,
    pub priority: u32,
    /// Which start of the process this is, and its id.
    pub incarnation: u32,
    pub run_id: u64,
    /// What the kernel holds for a hung process.
    pub inbox: Vec<(ConnName, Command)>,
    /// Pub/sub connections that listen to HELLO.
    pub subscribers: Vec<ConnName>,
}

impl DataNode {
    /// Takes on what is drawn for each new process.
    pub(super) fn become_incarnation(&mut self, me: Node, incarnation: u32, key: StreamKey) {
        self.incarnation = incarnation;
        self.run_id = key
            .child(u64::from(me.0))
            .at(DRAW_RUN_ID, u64::from(incarnation))
            .next_u64();
    }

    /// `master_link_down_since_seconds` in milliseconds, in whole seconds of the clock.
    pub(super) fn link_down_ms(&self, now: SimTime) -> i64 {
        match (self.truth.role, self.truth.link) {
            (NodeRole::Primary, _) | (_, ReplicaLink::Up) => 0,
            (_, ReplicaLink::NeverSynced) => -1_000,
            (_, ReplicaLink::Down { since }) => (ms_of(now) / 1_000 - ms_of(since) / 1_000) * 1_000,
        }
    }

    /// Whether it copies `primary` and is connected to it.
    pub(super) fn is_attached_to(&self, primary: Node) -> bool {
        let up = self.truth.process.exists() && self.truth.link == ReplicaLink::Up;
        up && self.truth.role == NodeRole::Replica { of: primary }
    }
}

impl SentinelGroup {
    /// A running node carries out a command.
    pub(super) fn execute(
        &mut self,
        node: Node,
        conn: ConnName,
        command: Command,
        out: &mut SentinelEffects,
    ) {
        let ping = self.nodes[node.index()].truth.ping;
        let reply = match command {
            Command::Ping => Reply::Ping(ping),
            Command::Info => Reply::Info(ping.informs().then(|| Box::new(self.info_of(node)))),
            Command::Publish(hello) => {
                let accepted = ping.informs();
                if accepted {
                    self.publish(node, hello);
                }
                Reply::Published { accepted }
            }
            Command::Subscribe => {
                if ping.informs() {
                    self.nodes[node.index()].subscribers.push(conn);
                }
                Reply::Subscribed
            }
            Command::SlaveOf { new_primary } => {
                if ping.obeys() {
                    self.obey(node, conn, new_primary, out);
                }
                let commands = command.replies();
                Reply::Done { commands }
            }
            Command::ScriptKill => {
                self.emit(SentinelEffect::ScriptKill { node }, out);
                Reply::Done { commands: 1 }
            }
            Command::AskDown { .. } => unreachable!("only Sentinels are asked for opinions"),
        };
        self.answer(Party::Node(node), conn, Inbound::Reply(reply));
    }

    fn info_of(&self, node: Node) -> Info {
        let data = &self.nodes[node.index()];
        let attached = |n: &Node| self.nodes[n.index()].is_attached_to(node);
        Info {
            run_id: data.run_id,
            role: data.truth.role,
            replicas: match data.truth.role {
                NodeRole::Primary => self.nodes().filter(attached).collect(),
                NodeRole::Replica { .. } => Vec::new(),
            },
            link_down_ms: data.link_down_ms(self.network.now()),
            link_up: data.truth.link == ReplicaLink::Up,
            offset: data.truth.offset,
            priority: data.priority,
        }
    }

    fn publish(&mut self, node: Node, hello: Hello) {
        for subscriber in self.nodes[node.index()].subscribers.clone() {
            let message = Inbound::Reply(Reply::Message(hello));
            self.answer(Party::Node(node), subscriber, message);
        }
    }

    /// SLAVEOF and CLIENT KILL.
    fn obey(
        &mut self,
        node: Node,
        conn: ConnName,
        new_primary: Option<Node>,
        out: &mut SentinelEffects,
    ) {
        let by: Sentinel = conn.owner;
        let since = self.network.now();
        let truth = &mut self.nodes[node.index()].truth;
        match new_primary {
            None if truth.role != NodeRole::Primary => {
                truth.role = NodeRole::Primary;
                truth.link = ReplicaLink::Up;
                self.emit(SentinelEffect::Promote { by, node }, out);
            }
            Some(of) if truth.role != (NodeRole::Replica { of }) => {
                truth.role = NodeRole::Replica { of };
                truth.link = ReplicaLink::Down { since };
                let new_primary = of;
                let effect = SentinelEffect::Reconfigure {
                    by,
                    node,
                    new_primary,
                };
                self.emit(effect, out);
            }
            None | Some(_) => {}
        }
        self.emit(SentinelEffect::ClientsKilled { node }, out);
        for name in self.connections_to(Party::Node(node)) {
            if name != conn {
                self.answer(Party::Node(node), name, Inbound::Closed);
            }
        }
        self.nodes[node.index()].subscribers.clear();
    }

    /// Whatever a peer sends to a connection's owner.
    pub(super) fn answer(&mut self, from: Party, conn: ConnName, what: Inbound) {
        let to = Party::Sentinel(conn.owner);
        let delivery = Delivery {
            from,
            to,
            conn,
            incarnation: 0,
            what,
        };
        self.network.send(delivery, self.spec.latency);
    }

    /// A hung process goes on: it reads what has queued up.
    pub(super) fn read_inbox(&mut self, node: Node, out: &mut SentinelEffects) {
        assert!(
            self.nodes[node.index()].truth.process == Process::Running,
            "only a running process reads"
        );
        for (conn, command) in std::mem::take(&mut self.nodes[node.index()].inbox) {
            self.execute(node, conn, command, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use sim::{Purpose, SimDuration, Streams};

    use super::*;
    use crate::sentinel::spec::{NodeInit, SentinelSpec};

    /// A group with one replica, woken a minute after its origin.
    fn woken() -> SentinelGroup {
        let spec = SentinelSpec {
            sentinels: 3,
            quorum: 2,
            down_after: SimDuration::from_secs(5),
            failover_timeout: SimDuration::from_mins(3),
            parallel_syncs: 1,
            master_reboot_down_after: SimDuration::ZERO,
            latency: SimDuration::from_micros(250),
            config_save: SimDuration::from_millis(3),
        };
        let node = |role| NodeInit {
            role,
            priority: 100,
        };
        let replica = NodeRole::Replica { of: Node(0) };
        let nodes = [node(NodeRole::Primary), node(replica)];
        let key = Streams::for_trial(1, 1).key(Purpose(1), 0);
        let mut group = SentinelGroup::new(spec, &nodes, key, SimTime::ZERO);
        let minute = SimTime::ZERO + SimDuration::from_mins(1);
        group.wake(minute, &mut SentinelEffects::new());
        group
    }

    #[test]
    fn client_kill_costs_the_other_sentinels_their_connections_too() {
        let mut group = woken();
        let peer = Party::Node(Node(1));
        let link = |group: &SentinelGroup, sentinel: usize| {
            let instance = group.watchers[sentinel].instance(peer);
            instance.expect("a known replica").link.clone()
        };
        let mine = link(&group, 0).cc.expect("it is connected");
        let conn = ConnName {
            owner: Sentinel(0),
            peer,
            number: mine.number,
        };
        let mut out = SentinelEffects::new();
        let order = Command::SlaveOf { new_primary: None };
        let replica = group.watchers[0].instance_mut(peer).expect("known");
        replica.link.pending += order.replies();
        group.execute(Node(1), conn, order, &mut out);
        let promote = SentinelEffect::Promote {
            by: Sentinel(0),
            node: Node(1),
        };
        assert!(out.iter().any(|(_, effect)| *effect == promote));
        let soon = SimTime::ZERO + SimDuration::from_mins(1) + SimDuration::from_micros(300);
        group.advance(soon, &mut out);
        assert!(link(&group, 0).cc.is_some(), "all but the one that orders");
        assert!(link(&group, 0).pc.is_none());
        for other in [1, 2] {
            let link = link(&group, other);
            assert!(link.cc.is_none() && link.pc.is_none() && link.disconnected);
        }
    }
}
