//! HELLO: how Sentinels find each other, and how they all come to name the same primary.
//!
//! Each Sentinel announces itself and its view of the primary every 2 s: through the pub/sub
//! channel of every data node, and to every other Sentinel directly. The highest configuration
//! epoch wins. A Sentinel that switches forgets the old primary's connections and starts with new
//! replica entries; what the others last said about "the primary is down" it keeps, although they
//! spoke of the old one. Rule S8.
//!
//! Sources: `sentinelProcessHelloMessage`, `sentinelForceHelloUpdateForMaster`,
//! `sentinelResetMaster`, `sentinelResetMasterAndChangeAddress` in `src/sentinel.c`, Redis 7.0.15.

use super::effect::SentinelEffect;
use super::ids::{Node, Party};
use super::link::PUBLISH_PERIOD_MS;
use super::message::Hello;
use super::watcher::{Cx, Failover, Watcher};

impl Watcher {
    pub(super) fn hear_hello(&mut self, hello: Hello, cx: &mut Cx) {
        if self.instance(Party::Sentinel(hello.from)).is_none() {
            self.add_peer(hello.from, cx.ms);
            cx.out.saves += 1;
        }
        if hello.current_epoch > self.current_epoch {
            self.current_epoch = hello.current_epoch;
            cx.out.saves += 1;
        }
        if hello.config_epoch > self.config_epoch {
            self.config_epoch = hello.config_epoch;
            if hello.primary != self.primary.node() {
                self.switch_primary(hello.primary, cx);
            }
        }
    }

    /// The next timer tells everybody, whenever they last heard of us.
    pub(super) fn force_hello(&mut self) {
        for instance in self.instances_mut() {
            instance.last_pub_time -= PUBLISH_PERIOD_MS + 1;
        }
    }

    /// From now on `to` is the primary, and the old one a replica among others.
    pub(super) fn switch_primary(&mut self, to: Node, cx: &mut Cx) {
        let (by, from) = (self.me, self.primary.node());
        cx.effect(SentinelEffect::SwitchMaster { by, from, to });
        let mut replicas: Vec<Node> = Vec::new();
        for mut replica in std::mem::take(&mut self.replicas) {
            let id = replica.id;
            replica.link.close_commands(id, cx);
            replica.link.close_pubsub(id, cx);
            if replica.node() != to {
                replicas.push(replica.node());
            }
        }
        if from != to {
            replicas.push(from);
        }
        self.reset_primary(to, cx);
        for node in replicas {
            self.add_replica(node, cx.ms);
        }
        cx.out.saves += 1;
    }

    /// `sentinelResetMaster`. What is not named here stays as it was, among it the times of the
    /// last INFO and of the last attempt to connect.
    fn reset_primary(&mut self, to: Node, cx: &mut Cx) {
        let primary = &mut self.primary;
        let old = primary.id;
        primary.link.close_commands(old, cx);
        primary.link.close_pubsub(old, cx);
        primary.id = Party::Node(to);
        primary.sdown = false;
        primary.sdown_since = 0;
        primary.script_kill_sent = false;
        primary.reboot = false;
        primary.run_id = None;
        primary.copies = None;
        primary.link.act_ping = cx.ms;
        primary.link.last_ping = 0;
        primary.link.last_avail = cx.ms;
        primary.link.last_pong = cx.ms;
        primary.says_primary = true;
        primary.role_since = cx.ms;
        self.odown = false;
        self.leader = None;
        self.failover = Failover {
            epoch: self.failover.epoch,
            ..Failover::NEVER
        };
    }
}
