//! The two connections to an instance, and what its PINGs say: rules S2, S3, S5, S6, S13 and S14.
//!
//! A connection that is being made already counts as connected: what is sent waits for it. So the
//! PING with which every attempt begins starts the clock of `down-after`, also when the attempt is
//! refused a moment later. No address of another process is ever "half" connected: an instance is
//! `disconnected` when one of its two connections is missing, and then nothing periodic is sent.
//!
//! Sources: `createInstanceLink`, `sentinelReconnectInstance`, `sentinelSendPing`,
//! `sentinelSendPeriodicCommands`, `sentinelPingReplyCallback`, `sentinelCheckSubjectivelyDown`,
//! `instanceLinkCloseConnection` in `src/sentinel.c`, Redis 7.0.15.

use super::effect::{PingReply, SentinelEffect};
use super::ids::Party;
use super::message::{Command, ConnName, Hello};
use super::ticks::Ms;
use super::watcher::{Cx, Instance, Kind};

/// `sentinel_ping_period`, also the least time between attempts to connect.
pub(super) const PING_PERIOD_MS: Ms = 1_000;
/// `sentinel_info_period`.
pub(super) const INFO_PERIOD_MS: Ms = 10_000;
/// The same while the replicas of a failing primary are watched.
const INFO_PERIOD_FAST_MS: Ms = 1_000;
/// `sentinel_publish_period`.
pub(super) const PUBLISH_PERIOD_MS: Ms = 2_000;
/// `sentinel_min_link_reconnect_period`: no connection is given up sooner.
pub(super) const LINK_AGE_MIN_MS: Ms = 15_000;
/// `SENTINEL_MAX_PENDING_COMMANDS`.
pub(super) const PENDING_MAX: u32 = 100;

/// The connections to one instance (`struct instanceLink`).
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub disconnected: bool,
    pub pending: u32,
    /// For commands, and for pub/sub.
    pub cc: Option<Conn>,
    pub pc: Option<Conn>,
    pub cc_since: Ms,
    pub pc_since: Ms,
    pub pc_activity: Ms,
    /// When it last gave an acceptable answer to PING.
    pub last_avail: Ms,
    /// When the oldest PING without an acceptable answer was sent; 0 if there is none.
    pub act_ping: Ms,
    pub last_ping: Ms,
    /// When it last answered PING at all.
    pub last_pong: Ms,
    pub last_reconnect: Ms,
}

/// One connection, from its owner's side.
#[derive(Clone, Debug)]
pub(super) struct Conn {
    pub number: u64,
    /// To which start of the peer's process, once it stands.
    pub open: Option<u32>,
    /// What to send as soon as it does.
    pub unsent: Vec<Command>,
}

impl Link {
    /// Not connected yet; the clock of `down-after` runs.
    pub(super) fn new(ms: Ms) -> Link {
        Link {
            disconnected: true,
            pending: 0,
            cc: None,
            pc: None,
            cc_since: 0,
            pc_since: 0,
            pc_activity: 0,
            last_avail: ms,
            act_ping: ms,
            last_ping: 0,
            last_pong: ms,
            last_reconnect: 0,
        }
    }

    pub(super) fn conn_mut(&mut self, number: u64) -> Option<&mut Conn> {
        [&mut self.cc, &mut self.pc]
            .into_iter()
            .flatten()
            .find(|conn| conn.number == number)
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        [&self.cc, &self.pc].into_iter().flatten().map(|c| c.number)
    }

    /// The peer or the kernel has ended a connection (`instanceLinkConnectionError`).
    pub(super) fn lose(&mut self, number: u64) {
        for conn in [&mut self.cc, &mut self.pc] {
            if conn.as_ref().is_some_and(|c| c.number == number) {
                *conn = None;
                self.disconnected = true;
            }
        }
    }

    pub(super) fn close_commands(&mut self, id: Party, cx: &mut Cx) {
        if let Some(conn) = self.cc.take() {
            self.pending = 0;
            self.closed(id, conn, cx);
        }
    }

    pub(super) fn close_pubsub(&mut self, id: Party, cx: &mut Cx) {
        if let Some(conn) = self.pc.take() {
            self.closed(id, conn, cx);
        }
    }

    fn closed(&mut self, peer: Party, conn: Conn, cx: &mut Cx) {
        self.disconnected = true;
        let (owner, number) = (cx.me, conn.number);
        cx.out.closes.push(ConnName {
            owner,
            peer,
            number,
        });
    }

    pub(super) fn send(&mut self, id: Party, command: Command, cx: &mut Cx) {
        self.pending += command.replies();
        send_on(&mut self.cc, id, command, cx);
    }

    fn ping(&mut self, id: Party, cx: &mut Cx) {
        self.send(id, Command::Ping, cx);
        self.last_ping = cx.ms;
        if self.act_ping == 0 {
            self.act_ping = cx.ms;
        }
    }
}

/// Sends, or keeps for later, what goes out on a connection; nothing if there is none.
fn send_on(conn: &mut Option<Conn>, peer: Party, command: Command, cx: &mut Cx) {
    let Some(conn) = conn else { return };
    match conn.open {
        Some(incarnation) => {
            let (owner, number) = (cx.me, conn.number);
            let name = ConnName {
                owner,
                peer,
                number,
            };
            cx.out.commands.push((name, incarnation, command));
        }
        None => conn.unsent.push(command),
    }
}

fn connect(peer: Party, cx: &mut Cx) -> Option<Conn> {
    cx.out.conn_serial += 1;
    let (owner, number) = (cx.me, cx.out.conn_serial);
    cx.out.connects.push(ConnName {
        owner,
        peer,
        number,
    });
    Some(Conn {
        number,
        open: None,
        unsent: Vec::new(),
    })
}

impl Instance {
    /// Rule S5: what is missing is reconnected, at most once a second, and a PING goes out.
    pub(super) fn reconnect(&mut self, cx: &mut Cx) {
        let link = &mut self.link;
        if !link.disconnected || cx.ms - link.last_reconnect < PING_PERIOD_MS {
            return;
        }
        link.last_reconnect = cx.ms;
        if link.cc.is_none() {
            link.cc = connect(self.id, cx);
            link.pending = 0;
            link.cc_since = cx.ms;
            link.ping(self.id, cx);
        }
        if self.kind != Kind::Sentinel && link.pc.is_none() {
            link.pc = connect(self.id, cx);
            link.pc_since = cx.ms;
            send_on(&mut link.pc, self.id, Command::Subscribe, cx);
        }
        link.disconnected = false;
    }

    /// Rules S2, S7, S8 and S14. `closely`: replicas are watched because their primary is failing.
    pub(super) fn send_periodic(&mut self, closely: bool, hello: Hello, cx: &mut Cx) {
        if self.link.disconnected || self.link.pending >= PENDING_MAX {
            return;
        }
        let stale_link = self.link_down_ms != 0;
        let info_period = if self.kind == Kind::Replica && (closely || stale_link) {
            INFO_PERIOD_FAST_MS
        } else {
            INFO_PERIOD_MS
        };
        let info_due = self.info_refresh == 0 || cx.ms - self.info_refresh > info_period;
        if self.kind != Kind::Sentinel && info_due {
            self.link.send(self.id, Command::Info, cx);
        }
        let ping_period = cx.spec.down_after_ms().min(PING_PERIOD_MS);
        if cx.ms - self.link.last_pong > ping_period
            && cx.ms - self.link.last_ping > ping_period / 2
        {
            self.link.ping(self.id, cx);
        }
        if cx.ms - self.last_pub_time > PUBLISH_PERIOD_MS {
            self.link.send(self.id, Command::Publish(hello), cx);
        }
    }

    /// An answer to PING (rules S3 and S13).
    pub(super) fn hear_pong(&mut self, reply: PingReply, cx: &mut Cx) {
        if reply.acceptable() {
            self.link.last_avail = cx.ms;
            self.link.act_ping = 0;
            if reply == PingReply::Pong {
                self.reboot = false;
            }
        } else if reply == PingReply::Busy && self.sdown && !self.script_kill_sent {
            self.link.send(self.id, Command::ScriptKill, cx);
            self.script_kill_sent = true;
        }
        self.link.last_pong = cx.ms;
    }

    /// Rules S4, S6 and S12.
    pub(super) fn check_down(&mut self, cx: &mut Cx) {
        let link = &self.link;
        let elapsed = match link.act_ping {
            0 if link.disconnected => cx.ms - link.last_avail,
            0 => 0,
            since => cx.ms - since,
        };
        self.drop_stale(cx);
        let down_after = cx.spec.down_after_ms();
        let demoted = self.kind == Kind::Primary
            && !self.says_primary
            && cx.ms - self.role_since > down_after + 2 * INFO_PERIOD_MS;
        let rebooted =
            self.reboot && cx.ms - self.reboot_since > cx.spec.master_reboot_down_after_ms();
        let down = elapsed > down_after || demoted || rebooted;
        if down == self.sdown {
            return;
        }
        self.sdown = down;
        let (by, of) = (cx.me, self.id);
        if down {
            self.sdown_since = cx.ms;
            cx.effect(SentinelEffect::Sdown { by, of });
        } else {
            self.script_kill_sent = false;
            cx.effect(SentinelEffect::SdownCleared { by, of });
        }
    }

    /// Rule S6: connections that have been silent for too long are given up.
    fn drop_stale(&mut self, cx: &mut Cx) {
        let link = &mut self.link;
        let half = cx.spec.down_after_ms() / 2;
        let unanswered = link.act_ping != 0 && cx.ms - link.act_ping > half;
        let silent = cx.ms - link.last_pong > half;
        if cx.ms - link.cc_since > LINK_AGE_MIN_MS && unanswered && silent {
            link.close_commands(self.id, cx);
        }
        let quiet = cx.ms - link.pc_activity > 3 * PUBLISH_PERIOD_MS;
        if cx.ms - link.pc_since > LINK_AGE_MIN_MS && quiet {
            link.close_pubsub(self.id, cx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentinel::ids::{Node, Sentinel};
    use crate::sentinel::spec::SentinelSpec;
    use crate::sentinel::watcher::Outbox;

    #[test]
    fn s14_no_more_than_a_hundred_commands_wait_on_a_link() {
        let spec: SentinelSpec = toml::from_str(
            r#"
            sentinels = 3
            quorum = 2
            down_after = "5s"
            failover_timeout = "3min"
            parallel_syncs = 1
            master_reboot_down_after = "0s"
            latency = "250us"
            config_save = "3ms"
            "#,
        )
        .expect("a valid text");
        let mut out = Outbox::default();
        let (me, node) = (Sentinel(0), Node(0));
        let hello = Hello {
            from: me,
            current_epoch: 0,
            primary: node,
            config_epoch: 0,
        };
        let mut instance = Instance::new(Party::Node(node), Kind::Primary, 1_000_000);
        let mut sent_ms = 0;
        for ms in (1_000_000..1_014_000).step_by(70) {
            let mut cx = Cx {
                me,
                ms,
                spec: &spec,
                out: &mut out,
            };
            instance.reconnect(&mut cx);
            let before = instance.link.pending;
            instance.send_periodic(false, hello, &mut cx);
            if instance.link.pending > before {
                sent_ms = ms - 1_000_000;
            }
        }
        // INFO at every timer, and HELLO after two seconds: full within five.
        assert!((PENDING_MAX..PENDING_MAX + 3).contains(&instance.link.pending));
        assert!((2_000..6_000).contains(&sent_ms), "{sent_ms} ms");
    }
}
