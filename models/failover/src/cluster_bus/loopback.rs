//! Connections whose packets each fit one TCP segment, as on one machine: some wait 43 ms.
//!
//! A node writes its own packets on connections that it opened, and Redis leaves Nagle's algorithm
//! on there (`connConnect`; only accepted connections get `TCP_NODELAY`). So a packet waits while
//! an earlier one is unacknowledged. The receiver puts the acknowledgement of a PING on its PONG,
//! which is what tells Linux that the connection is interactive; what needs no answer on the same
//! connection is then acknowledged when a timer fires. Once it has, the connection counts as
//! one-way, and is acknowledged at once until the next PONG.
//!
//! ```text
//!   candidate ── AUTH_REQUEST ──► voter        (votes on its own connection, after 1 ms)
//!   candidate    won, "PONG: the slots are mine" waits …
//!             ◄───────────── ack, 43 ms later
//!   candidate ── PONG ──────────► voter        (until now it named the dead primary to clients)
//! ```
//!
//! A PING that is written together with AUTH_REQUEST has both acknowledged at once. Packets of more
//! than one segment are too, since Linux acknowledges every second segment: with Ethernet's 1500
//! bytes nothing of this happens, as every packet has 2256 bytes and more. That is why only a
//! laboratory asks for it.
//!
//! Sources: `clusterAcceptHandler`, `clusterNodeCronHandleReconnect`, `clusterSendMessage` in
//! `src/cluster.c`, Redis 7.0.15; `tcp_nagle_test`, `__tcp_ack_snd_check`, `tcp_event_data_sent`,
//! `tcp_delack_timer_handler` in Linux' `net/ipv4`. Measured with Redis 7.0.15 on Linux 6.18: the
//! survivors of twelve failovers learned of the new owner at once (13 of 48) or after 39.7 to 43.7
//! ms (35 of 48).

use std::collections::BTreeMap;

use sim::{SimDuration, SimTime};

use super::ids::Member;
use super::packet::{Packet, PacketKind};

/// `TCP_DELACK_MIN`, 40 ms, and what the kernel's clock of 250 Hz adds.
const DELAYED_ACK: SimDuration = SimDuration::from_millis(43);

/// The connections, by owner and peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Loopback {
    lines: BTreeMap<(Member, Member), Line>,
}

/// One connection, as its owner's kernel sees it.
#[derive(Clone, Debug)]
struct Line {
    number: u32,
    /// The last packet was answered at once.
    interactive: bool,
    /// Until then a PING is under way, and its PONG will acknowledge whatever went with it.
    pinged_until: SimTime,
    /// Until then nothing more is sent.
    unacknowledged_until: SimTime,
    waiting: Vec<Box<Packet>>,
}

/// Whether a packet may go.
#[derive(Debug)]
pub(super) enum SendDecision {
    /// It may.
    Goes(Box<Packet>),
    /// It is kept, with others if this is not the first, until then.
    Waits { until: SimTime, first: bool },
}

impl Loopback {
    /// A packet that its sender's own connection is to carry at `at`. `answers` says whether the
    /// receiver's process reads, so that it would answer at once.
    pub(super) fn admit(
        &mut self,
        packet: Box<Packet>,
        at: SimTime,
        answers: bool,
        round_trip: SimDuration,
    ) -> SendDecision {
        let new = Line {
            number: packet.link.number,
            interactive: false,
            pinged_until: SimTime::ZERO,
            unacknowledged_until: SimTime::ZERO,
            waiting: Vec::new(),
        };
        let line = self
            .lines
            .entry((packet.from, packet.to))
            .or_insert(new.clone());
        if line.number != packet.link.number {
            *line = new;
        }
        if at < line.unacknowledged_until {
            let (until, first) = (line.unacknowledged_until, line.waiting.is_empty());
            line.waiting.push(packet);
            return SendDecision::Waits { until, first };
        }
        line.write(packet.kind == PacketKind::Ping, at, answers, round_trip);
        SendDecision::Goes(packet)
    }

    /// The acknowledgement has come at `at`: what has waited is written at once.
    pub(super) fn release(
        &mut self,
        (from, to): (Member, Member),
        number: u32,
        at: SimTime,
        answers: bool,
        round_trip: SimDuration,
    ) -> Vec<Box<Packet>> {
        let line = self.lines.get_mut(&(from, to));
        let Some(line) = line.filter(|line| line.number == number) else {
            return Vec::new();
        };
        let waiting = std::mem::take(&mut line.waiting);
        let pings = waiting.iter().any(|packet| packet.kind == PacketKind::Ping);
        line.write(pings, at, answers, round_trip);
        waiting
    }

    /// Forgets everything; returns the packets that waited.
    pub(super) fn clear(&mut self) -> Vec<Box<Packet>> {
        let lines = std::mem::take(&mut self.lines);
        lines.into_values().flat_map(|line| line.waiting).collect()
    }
}

impl Line {
    fn write(&mut self, pings: bool, at: SimTime, answers: bool, round_trip: SimDuration) {
        if pings {
            self.interactive = answers;
            self.pinged_until = at + round_trip;
        } else if self.interactive && at > self.pinged_until {
            self.interactive = false;
            self.unacknowledged_until = at + round_trip + DELAYED_ACK;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::LinkName;
    use super::*;

    const ROUND_TRIP: SimDuration = SimDuration::from_micros(500);

    fn packet(kind: &PacketKind, number: u32) -> Box<Packet> {
        let owner = Member(0);
        Box::new(Packet {
            from: owner,
            to: Member(1),
            link: LinkName { owner, number },
            incarnation: 1,
            kind: kind.clone(),
            ..Packet::default()
        })
    }

    /// Writes these at these milliseconds, to a receiver that reads or not; until when the last one
    /// waits.
    fn last_waits_until(written: &[(PacketKind, u64)], answers: bool) -> Option<SimTime> {
        let mut loopback = Loopback::default();
        let mut waits = None;
        for (kind, at_ms) in written {
            let at = SimTime::ZERO + SimDuration::from_millis(*at_ms);
            waits = match loopback.admit(packet(kind, 1), at, answers, ROUND_TRIP) {
                SendDecision::Goes(_) => None,
                SendDecision::Waits { until, .. } => Some(until),
            };
        }
        waits
    }

    const ASK: PacketKind = PacketKind::AuthRequest { force: false };
    const FAIL: PacketKind = PacketKind::Fail { about: Member(2) };
    use PacketKind::{Ping, Pong};

    #[test]
    fn what_follows_a_request_for_votes_waits_for_the_timer() {
        let until = SimTime::ZERO + SimDuration::from_millis(1043) + ROUND_TRIP;
        let asked = [(Ping, 500), (ASK, 1000), (Pong, 1002)];
        assert_eq!(last_waits_until(&asked, true), Some(until));
        assert_eq!(
            last_waits_until(&[(Ping, 500), (ASK, 1000), (Pong, 1044)], true),
            None
        );
    }

    #[test]
    fn what_follows_goes_at_once_on_a_connection_that_is_not_interactive() {
        let with_a_ping = [(Ping, 500), (Ping, 1000), (ASK, 1000), (Pong, 1002)];
        assert_eq!(last_waits_until(&with_a_ping, true), None);
        let after_one_way = [(Ping, 100), (FAIL, 200), (ASK, 1000), (Pong, 1002)];
        assert_eq!(last_waits_until(&after_one_way, true), None);
        assert_eq!(
            last_waits_until(&[(ASK, 1000), (Pong, 1002)], true),
            None,
            "new"
        );
        let unanswered = [(Ping, 500), (ASK, 1000), (Pong, 1002)];
        assert_eq!(
            last_waits_until(&unanswered, false),
            None,
            "no PONG came back"
        );
    }

    #[test]
    fn what_waited_goes_together_and_a_new_connection_knows_nothing_of_it() {
        let mut loopback = Loopback::default();
        let at = |ms: u64| SimTime::ZERO + SimDuration::from_millis(ms);
        for (kind, ms) in [(Ping, 500), (ASK, 1000), (Pong, 1002), (FAIL, 1010)] {
            loopback.admit(packet(&kind, 1), at(ms), true, ROUND_TRIP);
        }
        let ends = (Member(0), Member(1));
        assert!(
            loopback
                .release(ends, 2, at(1043), true, ROUND_TRIP)
                .is_empty()
        );
        assert_eq!(
            loopback.release(ends, 1, at(1043), true, ROUND_TRIP).len(),
            2
        );
        loopback.admit(packet(&Ping, 1), at(1500), true, ROUND_TRIP);
        loopback.admit(packet(&ASK, 1), at(2000), true, ROUND_TRIP);
        let on_a_new_one = loopback.admit(packet(&Pong, 2), at(2002), true, ROUND_TRIP);
        assert!(matches!(on_a_new_one, SendDecision::Goes(_)));
    }
}
