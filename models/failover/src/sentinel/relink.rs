//! A settled Sentinel's links, drawn again: when it last asked each node, and over which
//! connection.
//!
//! | the other end | connections | last PING, INFO, HELLO |
//! | --- | --- | --- |
//! | answers | stand, since long ago | evenly aged, up to their periods |
//! | hung | stand, for up to 15 s; the kernel holds what was asked | never answered |
//! | dead | none; refused once a second | never answered |
//! | lost | being made, for up to 15 s | never answered |
//!
//! Which way it biases results: a hung instance that returns answers on a connection of even age;
//! the two connections to it are of one age.

use sim::{Rng, SimDuration};

use super::SentinelGroup;
use super::down::ASK_PERIOD_MS;
use super::effect::{Process, ReplicaLink};
use super::ids::{Party, Sentinel};
use super::link::{Conn, INFO_PERIOD_MS, LINK_AGE_MIN_MS, Link};
use super::link::{PENDING_MAX, PING_PERIOD_MS, PUBLISH_PERIOD_MS};
use super::message::{Command, ConnName, Hello, Inbound};
use super::network::{Event, Network};
use super::ticks::{Ms, below, ms_of};
use super::watcher::{Instance, Kind};

/// What waiting for a timer adds to a period, on average.
const TIMER_WAIT_MS: Ms = 35;
/// An age on which nothing depends any more.
const LONG_MS: Ms = 100 * LINK_AGE_MIN_MS;
/// Commands that a connection to a hung node takes in a second: INFO and HELLO at each timer.
const PENDING_PER_S: Ms = 30;

impl SentinelGroup {
    /// Draws all links again of one Sentinel.
    pub(super) fn relink(&mut self, sentinel: Sentinel) {
        let watcher = &self.watchers[sentinel.index()];
        let parties: Vec<Party> = watcher.instances().map(|instance| instance.id).collect();
        let hello = watcher.hello();
        for party in parties {
            let place = sentinel.index();
            if self.watchers[place].process == Process::Running {
                let mut rng = self.watchers[place].rng.clone();
                self.draw_link(sentinel, party, &mut rng);
                self.watchers[place].rng = rng;
            }
            self.connect_again(sentinel, party, hello);
        }
    }

    fn instance_of(&mut self, sentinel: Sentinel, party: Party) -> &mut Instance {
        self.watchers[sentinel.index()]
            .instance_mut(party)
            .expect("a known party")
    }

    /// The times of a link, without its connections.
    fn draw_link(&mut self, sentinel: Sentinel, party: Party, rng: &mut Rng) {
        let now = self.network.now();
        let ms = ms_of(now);
        let down_after = self.spec.down_after_ms();
        let (process, _) = self.process_of(party);
        let (acceptable, informs) = match party {
            Party::Node(node) => {
                let ping = self.nodes[node.index()].truth.ping;
                (ping.acceptable(), ping.informs())
            }
            Party::Sentinel(_) => (true, true),
        };
        let node = match party {
            Party::Node(node) => Some(self.nodes[node.index()].clone()),
            Party::Sentinel(_) => None,
        };
        let watcher = &self.watchers[sentinel.index()];
        let (sdown, odown) = (watcher.primary.sdown, watcher.odown);
        let instance = self.instance_of(sentinel, party);
        // The flag may be younger than the run-up.
        let silent_since = instance.sdown_since.min(ms) - down_after - 1;
        let ping_period = down_after.min(PING_PERIOD_MS);
        instance.link = match process {
            Process::Running => answering(ms, ping_period, rng),
            Process::Hung | Process::Dead | Process::Lost => silent(ms, silent_since, process, rng),
        };
        if process == Process::Running && !acceptable {
            instance.link.act_ping = silent_since;
            instance.link.last_avail = silent_since;
        }
        if process == Process::Running && informs {
            instance.last_pub_time = ms - age(PUBLISH_PERIOD_MS + TIMER_WAIT_MS, rng);
            instance.link.pc_activity = ms - age(PUBLISH_PERIOD_MS, rng);
        }
        if sdown && instance.kind == Kind::Sentinel && process == Process::Running {
            instance.down_reply_at = ms - age(ASK_PERIOD_MS + TIMER_WAIT_MS, rng);
        }
        let Some(node) = node.filter(|_| process == Process::Running && informs) else {
            return;
        };
        instance.link_down_ms = node.link_down_ms(now);
        let often = instance.kind == Kind::Replica && (odown || instance.link_down_ms != 0);
        let period = if often {
            PING_PERIOD_MS
        } else {
            INFO_PERIOD_MS
        };
        instance.info_refresh = ms - age(period + TIMER_WAIT_MS, rng);
        if instance.kind == Kind::Replica {
            instance.link_up = node.truth.link == ReplicaLink::Up;
            instance.offset = node.truth.offset;
            instance.priority = node.priority;
        }
    }

    /// The connections that go with a link's times.
    fn connect_again(&mut self, sentinel: Sentinel, party: Party, hello: Hello) {
        let (process, incarnation) = self.process_of(party);
        let exists = process.exists();
        let is_node = matches!(party, Party::Node(_));
        let mut conn = |wanted: bool| {
            wanted.then(|| {
                self.outbox.conn_serial += 1;
                Conn {
                    number: self.outbox.conn_serial,
                    open: exists.then_some(incarnation),
                    unsent: Vec::new(),
                }
            })
        };
        let (cc, pc) = (
            conn(process != Process::Dead),
            conn(is_node && process != Process::Dead),
        );
        let frozen = self.watchers[sentinel.index()].process == Process::Hung;
        let link = &mut self.instance_of(sentinel, party).link;
        link.disconnected = process == Process::Dead;
        if frozen {
            link.pending = match process {
                Process::Hung | Process::Lost => 2,
                Process::Running | Process::Dead => 0,
            };
        }
        let made_at = link.cc_since;
        (link.cc, link.pc) = (cc.clone(), pc.clone());
        let second = match party {
            Party::Node(_) => Command::Info,
            Party::Sentinel(_) => Command::Publish(hello),
        };
        self.ask_again(sentinel, party, cc, vec![Command::Ping, second], made_at);
        self.ask_again(sentinel, party, pc, vec![Command::Subscribe], made_at);
    }

    /// Puts what was asked on a connection where it waits: nowhere, at the peer's kernel, or at
    /// ours.
    fn ask_again(
        &mut self,
        owner: Sentinel,
        peer: Party,
        conn: Option<Conn>,
        asked: Vec<Command>,
        made_at: Ms,
    ) {
        let Some(conn) = conn else { return };
        let number = conn.number;
        let name = ConnName {
            owner,
            peer,
            number,
        };
        match (self.process_of(peer).0, peer) {
            (Process::Running, Party::Node(node)) => {
                let node = &mut self.nodes[node.index()];
                if asked.contains(&Command::Subscribe) && node.truth.ping.informs() {
                    node.subscribers.push(name);
                }
            }
            (Process::Hung, Party::Node(node)) => {
                let inbox = &mut self.nodes[node.index()].inbox;
                inbox.extend(asked.into_iter().map(|command| (name, command)));
            }
            (Process::Hung, Party::Sentinel(sentinel)) => {
                let inbox = &mut self.watchers[sentinel.index()].inbox;
                let asked = asked.into_iter().map(Inbound::Command);
                inbox.extend(asked.map(|what| (name, what)));
            }
            (Process::Lost, _) => {
                let link = &mut self.instance_of(owner, peer).link;
                let mine = link.conn_mut(number).expect("it was made just now");
                mine.unsent = asked;
                let now = self.network.now();
                // A frozen Sentinel's connection may be younger than the run-up.
                let for_ms = u64::try_from(ms_of(now) - made_at).unwrap_or(0);
                let for_ms = SimDuration::from_millis(for_ms);
                let (after, attempt) = Network::next_syn(for_ms);
                let at = now + after.saturating_sub(for_ms);
                self.network.schedule(
                    at,
                    Event::Syn {
                        conn: name,
                        attempt,
                    },
                );
            }
            (Process::Running, Party::Sentinel(_)) | (Process::Dead, _) => {}
        }
    }
}

/// A link to somebody who answers PING, in one way or another.
fn answering(ms: Ms, ping_period: Ms, rng: &mut Rng) -> Link {
    let pinged = ms - age(ping_period + TIMER_WAIT_MS, rng);
    Link {
        disconnected: false,
        cc_since: ms - LONG_MS,
        pc_since: ms - age(LINK_AGE_MIN_MS, rng),
        pc_activity: 0,
        last_avail: pinged,
        act_ping: 0,
        last_ping: pinged,
        last_pong: pinged,
        last_reconnect: ms - LONG_MS,
        ..Link::new(ms)
    }
}

/// A link to somebody who does not.
fn silent(ms: Ms, since: Ms, process: Process, rng: &mut Rng) -> Link {
    let limit = if process == Process::Dead {
        PING_PERIOD_MS
    } else {
        LINK_AGE_MIN_MS
    };
    let made = age(limit + TIMER_WAIT_MS, rng);
    let pending = u32::try_from(made * PENDING_PER_S / 1_000).expect("a small number");
    Link {
        pending: pending.clamp(2, PENDING_MAX),
        cc_since: ms - made,
        pc_since: ms - made,
        pc_activity: 0,
        last_avail: since,
        act_ping: since,
        last_ping: ms - made.min(age(PING_PERIOD_MS / 2, rng)),
        last_pong: since,
        last_reconnect: ms - made,
        ..Link::new(ms)
    }
}

/// An age evenly between 0 and `limit`.
fn age(limit: Ms, rng: &mut Rng) -> Ms {
    let limit = u64::try_from(limit).expect("a positive age");
    Ms::try_from(below(rng, limit)).expect("a small age")
}
