//! A Sentinel's timer, and what it does with all that arrives between two of them.
//!
//! Every instance in turn, the primary first: connect, ask, then judge. So a decision taken here is
//! acted on in the same round, what others answer in the next one, 52 to 100 ms later: from the
//! quorum to the promotion it takes three rounds. Rules S1 and S11.
//!
//! Sources: `sentinelTimer`, `sentinelHandleDictOfRedisInstances`, `sentinelHandleRedisInstance`,
//! `sentinelCheckTiltCondition` in `src/sentinel.c`, Redis 7.0.15. Left out: notification scripts.

use super::effect::{NodeRole, SentinelEffect};
use super::ids::{Node, Party};
use super::message::{Command, ConnName, Inbound, Reply};
use super::ticks::Ms;
use super::watcher::{Cx, State, Watcher};

/// `sentinel_tilt_trigger`: a longer gap between two timers means that time was lost.
const TILT_TRIGGER_MS: Ms = 2_000;
/// `sentinel_tilt_period`: no deed for this long after the last such gap.
const TILT_PERIOD_MS: Ms = 30_000;

/// The instance that a round of the timer has reached.
#[derive(Clone, Copy, Debug)]
enum Place {
    Primary,
    Replica(usize),
    Peer(usize),
}

impl Watcher {
    pub(super) fn timer(&mut self, cx: &mut Cx) {
        self.check_tilt(cx);
        self.visit(Place::Primary, cx);
        for replica in 0..self.replicas.len() {
            self.visit(Place::Replica(replica), cx);
        }
        for peer in 0..self.peers.len() {
            self.visit(Place::Peer(peer), cx);
        }
        if self.failover.state == State::UpdateConfig {
            self.switch_to_promoted(cx);
        }
    }

    fn check_tilt(&mut self, cx: &mut Cx) {
        if cx.ms - self.previous_time > TILT_TRIGGER_MS {
            self.tilt = true;
            self.tilt_start = cx.ms;
            let (by, on) = (self.me, true);
            cx.effect(SentinelEffect::Tilt { by, on });
        }
        self.previous_time = cx.ms;
    }

    fn visit(&mut self, place: Place, cx: &mut Cx) {
        let closely = self.odown || self.failover.in_progress;
        let hello = self.hello();
        let instance = match place {
            Place::Primary => &mut self.primary,
            Place::Replica(replica) => &mut self.replicas[replica],
            Place::Peer(peer) => &mut self.peers[peer],
        };
        instance.reconnect(cx);
        instance.send_periodic(closely, hello, cx);
        if self.tilt {
            if cx.ms - self.tilt_start < TILT_PERIOD_MS {
                return;
            }
            self.tilt = false;
            let (by, on) = (self.me, false);
            cx.effect(SentinelEffect::Tilt { by, on });
        }
        instance.check_down(cx);
        match place {
            Place::Primary => {
                self.check_odown(cx);
                if self.may_start_failover(cx) {
                    self.start_failover(cx);
                    self.ask_others(true, cx);
                }
                self.drive_failover(cx);
                self.ask_others(false, cx);
            }
            Place::Replica(_) | Place::Peer(_) => {}
        }
    }

    /// Something has arrived.
    pub(super) fn receive(&mut self, conn: ConnName, what: Inbound, cx: &mut Cx) {
        match what {
            Inbound::Command(command) => self.serve(conn, command, cx),
            Inbound::Established { incarnation } => {
                let Some(instance) = self.instance_mut(conn.peer) else {
                    return;
                };
                if let Some(mine) = instance.link.conn_mut(conn.number) {
                    mine.open = Some(incarnation);
                    let ready = mine.unsent.drain(..);
                    let ready = ready.map(|command| (conn, incarnation, command));
                    cx.out.commands.extend(ready);
                }
            }
            Inbound::Closed => {
                if let Some(instance) = self.instance_mut(conn.peer) {
                    instance.link.lose(conn.number);
                }
            }
            Inbound::Reply(reply) => {
                let current = self
                    .instance_mut(conn.peer)
                    .is_some_and(|instance| instance.link.conn_mut(conn.number).is_some());
                if current {
                    self.hear(conn.peer, reply, cx);
                }
            }
        }
    }

    /// A reply on one of this Sentinel's own connections.
    fn hear(&mut self, from: Party, reply: Reply, cx: &mut Cx) {
        let instance = self.instance_mut(from).expect("it has a connection");
        let replies = match &reply {
            Reply::Subscribed | Reply::Message(_) => 0,
            Reply::Done { commands } => *commands,
            Reply::Ping(_) | Reply::Info(_) | Reply::Published { .. } | Reply::Down { .. } => 1,
        };
        instance.link.pending -= replies;
        match reply {
            Reply::Ping(reply) => instance.hear_pong(reply, cx),
            Reply::Info(Some(info)) => self.hear_info(from, &info, cx),
            Reply::Info(None) | Reply::Done { .. } => {}
            Reply::Published { accepted } => {
                if accepted {
                    instance.last_pub_time = cx.ms;
                }
            }
            Reply::Subscribed => instance.link.pc_activity = cx.ms,
            Reply::Message(hello) => {
                instance.link.pc_activity = cx.ms;
                if hello.from != self.me {
                    self.hear_hello(hello, cx);
                }
            }
            Reply::Down {
                down,
                leader,
                leader_epoch,
            } => {
                instance.down_reply_at = cx.ms;
                instance.says_down = down;
                if leader.is_some() {
                    instance.leader = leader;
                    instance.leader_epoch = leader_epoch;
                }
            }
        }
    }

    /// A command from another Sentinel.
    fn serve(&mut self, conn: ConnName, command: Command, cx: &mut Cx) {
        let reply = match command {
            Command::Ping => Reply::Ping(super::effect::PingReply::Pong),
            Command::Publish(hello) => {
                self.hear_hello(hello, cx);
                Reply::Published { accepted: true }
            }
            Command::AskDown {
                about,
                epoch,
                candidate,
            } => self.answer_down(about, epoch, candidate, cx),
            Command::Info | Command::Subscribe | Command::SlaveOf { .. } | Command::ScriptKill => {
                unreachable!("only data nodes are asked for this")
            }
        };
        cx.out.replies.push((conn, reply));
    }
}

impl NodeRole {
    /// The primary that it copies.
    pub(super) fn of(self) -> Option<Node> {
        match self {
            NodeRole::Primary => None,
            NodeRole::Replica { of } => Some(of),
        }
    }
}
