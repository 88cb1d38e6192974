//! Sleeping while nothing happens, without changing what happens.
//!
//! Time is cut into stretches of two node timeouts, at boundaries drawn at random. At the end of a
//! stretch in which the cluster has settled, everything that only says *when each last pinged
//! another* is thrown away and made again: each node's generator is re-seeded by the boundary's
//! number, crons get new phases, ages of PONGs are drawn evenly between zero and the longest that
//! occurs, and the bus runs from two node timeouts before the boundary up to it. So what happens
//! after a boundary depends on that boundary alone, and a bus that slept through the ones before is
//! in the very same state as one that did not. A sleeping bus costs nothing; one that is disturbed
//! at t catches up from the last boundary before t.
//!
//! *Settled* means: no view differs from another, nobody is to be pinged that is not there, no
//! delay runs, no election and no manual failover can start. A member that is gone for good may be
//! part of a settled cluster: all hold it for failed, or none can ever gather a majority against
//! it.
//!
//! A settled bus also sleeps through short pauses of its members. Nobody suspects a member before
//! it has waited a node timeout for it (rule C7), so nothing is noticed of a pause of up to half of
//! that. The pause is only written down; if the bus is woken before the next boundary, it is
//! replayed. A pause that becomes longer wakes the bus, and so does one that begins while another
//! lasts or within a node timeout after it: together they may be noticed. Nothing is settled before
//! that time is over.

use rand::Rng as _;
use sim::{SimDuration, SimTime, StreamKey};

use super::effect::{Process, ReplicaLink};
use super::ids::Member;
use super::network::Event;
use super::node::Node;
use super::peers::Link;
use super::spec::ClusterBusSpec;
use super::ticks::{Ticks, ms_of};
use super::{BusEffects, ClusterBus};

/// Uses of the bus' random stream.
const DRAW_BOUNDARY: u64 = 4 << 32;
const DRAW_STRETCH: u64 = 5 << 32;
const DRAW_LATENESS: u64 = 6 << 32;
/// Length of a stretch, and of the run-up to it, in node timeouts.
const STRETCH: u64 = 2;
const RUN_UP: u64 = 2;

/// Whether the bus sleeps, and what it needs to wake up.
#[derive(Clone, Debug)]
pub(super) struct Dormancy {
    awake: bool,
    eager: bool,
    /// Somebody has woken it and is about to change something: it must not fall asleep at a
    /// boundary on the way.
    waking: bool,
    /// Boundary 0.
    first: SimTime,
    stretch: SimDuration,
    run_up: SimDuration,
    /// What the bus was told while it slept, by its own clock.
    told: Vec<(SimTime, Told)>,
    /// Running members that pause, and since when.
    pauses: Vec<(Member, SimTime)>,
    /// Longer pauses may be noticed.
    unnoticed: SimDuration,
    /// A node timeout after the last pause.
    calm_from: SimTime,
}

#[derive(Clone, Copy, Debug)]
enum Told {
    Replication(Member, u64, ReplicaLink),
    /// A running member begins to hang.
    Pauses(Member),
    /// It goes on.
    Resumes(Member),
}

impl Dormancy {
    pub(super) fn new(spec: &ClusterBusSpec, now: SimTime, key: StreamKey) -> Dormancy {
        let stretch = spec.node_timeout * STRETCH;
        let draw = key.at(DRAW_BOUNDARY, 0).next_u64() % stretch.as_nanos();
        Dormancy {
            awake: false,
            eager: false,
            waking: false,
            first: now - SimDuration::from_nanos(draw) - SimDuration::from_nanos(1),
            stretch,
            run_up: spec.node_timeout * RUN_UP,
            told: Vec::new(),
            pauses: Vec::new(),
            unnoticed: spec.node_timeout / 2,
            calm_from: SimTime::ZERO,
        }
    }

    /// The last boundary before `time`.
    fn last_before(&self, time: SimTime) -> u64 {
        (time - self.first).as_nanos().saturating_sub(1) / self.stretch.as_nanos()
    }

    fn at(&self, boundary: u64) -> SimTime {
        self.first + self.stretch * boundary
    }

    pub(super) fn remember(&mut self, at: SimTime, member: Member, offset: u64, link: ReplicaLink) {
        self.told
            .push((at, Told::Replication(member, offset, link)));
    }

    pub(super) fn pauses(&self, member: Member) -> bool {
        self.pauses.iter().any(|(paused, _)| *paused == member)
    }

    /// When the first of the pauses becomes so long that it may be noticed.
    pub(super) fn noticed_at(&self) -> Option<SimTime> {
        let began = self.pauses.iter().map(|(_, since)| *since).min();
        began.map(|began| began + self.unnoticed)
    }

    /// A member pauses, or goes on.
    pub(super) fn set_pauses(&mut self, at: SimTime, member: Member, pauses: bool) {
        if pauses {
            self.pauses.push((member, at));
            self.told.push((at, Told::Pauses(member)));
        } else {
            self.pauses.retain(|(paused, _)| *paused != member);
            self.told.push((at, Told::Resumes(member)));
            self.note_resumed(at);
        }
    }

    /// A pause is over.
    pub(super) fn note_resumed(&mut self, at: SimTime) {
        self.calm_from = at + self.calms();
    }

    /// How long a pause may be felt after its end: a node timeout.
    fn calms(&self) -> SimDuration {
        self.unnoticed * 2
    }

    /// Is no pause under way that another could add to?
    fn is_calm(&self, at: SimTime) -> bool {
        self.pauses.is_empty() && at >= self.calm_from
    }

    /// The last boundary before `time` at which no member paused or had lately.
    fn settled_before(&self, time: SimTime) -> u64 {
        let (mut open, mut over, mut number) = (0, self.first, 0);
        let latest = |number, time, over| {
            let last = self.last_before(time);
            if self.at(last) >= over { last } else { number }
        };
        for (at, told) in &self.told {
            match told {
                Told::Pauses(_) => {
                    if open == 0 {
                        number = latest(number, *at, over);
                    }
                    open += 1;
                }
                Told::Resumes(_) => (open, over) = (open - 1, *at + self.calms()),
                Told::Replication(..) => {}
            }
        }
        if open == 0 {
            number = latest(number, time, over);
        }
        number
    }
}

impl ClusterBus {
    /// Nothing can happen until the world disturbs it.
    pub fn dormant(&self) -> bool {
        !self.dormancy.awake
    }

    /// Never sleeps from now on: for tests, and for runs that check that sleeping changes nothing.
    pub fn set_eager(&mut self) {
        self.dormancy.eager = true;
        if self.dormant() {
            self.rebuild(0);
        }
    }

    /// Gets the bus to the state of just before `now`, what the world did at `now` included.
    pub(super) fn wake(&mut self, now: SimTime, out: &mut BusEffects) {
        self.dormancy.waking = true;
        if self.dormant() {
            self.replay(now, out);
        }
        self.catch_up(now, out);
        self.dormancy.waking = false;
    }

    /// Starts from the last boundary, and does what the world did since.
    fn replay(&mut self, now: SimTime, out: &mut BusEffects) {
        let inside = now + self.clock_offset;
        self.rebuild(self.dormancy.settled_before(inside));
        let boundary = self.network.now();
        self.dormancy.pauses.clear();
        self.dormancy.calm_from = SimTime::ZERO;
        for (at, told) in std::mem::take(&mut self.dormancy.told) {
            if at < boundary {
                continue;
            }
            self.catch_up(at - self.clock_offset, out);
            match told {
                Told::Replication(member, offset, link) => {
                    self.note_replication(member, offset, link, out);
                }
                Told::Pauses(member) => {
                    self.change_pace(member, Process::Running, Process::Hung, out);
                }
                Told::Resumes(member) => {
                    self.change_pace(member, Process::Hung, Process::Running, out);
                }
            }
        }
    }

    /// A running member that begins or ends a pause does not wake a bus that sleeps.
    pub(super) fn sleeps_through(
        &mut self,
        now: SimTime,
        member: Member,
        old: Process,
        new: Process,
    ) -> bool {
        let pauses = match (old, new) {
            (Process::Running, Process::Hung) if self.dormancy.is_calm(now + self.clock_offset) => {
                true
            }
            (Process::Hung, Process::Running) if self.dormancy.pauses(member) => false,
            _ => return false,
        };
        // What was under way when it began is answered late too, and acknowledged after 40 ms.
        let under_way = self.spec.latency * 4 + SimDuration::from_millis(100);
        let sleeps = self.dormant() && under_way < self.dormancy.unnoticed;
        if sleeps {
            self.dormancy
                .set_pauses(now + self.clock_offset, member, pauses);
        }
        sleeps
    }

    /// Handles everything that is due before `now`.
    pub(super) fn catch_up(&mut self, now: SimTime, out: &mut BusEffects) {
        let until = now + self.clock_offset;
        if until > self.network.now() {
            self.recheck_all();
        }
        while self.network.next_due().is_some_and(|due| due < until) {
            let event = self.network.pop_due(until).expect("it is due");
            self.handle(event, out);
        }
        self.network.reach(until);
    }

    /// A new bus whose nodes have yet to start.
    pub(super) fn stay_awake(&mut self) {
        self.dormancy.awake = true;
        let number = self.dormancy.last_before(self.network.now()) + 1;
        self.network
            .schedule(self.dormancy.at(number), Event::Boundary { number });
    }

    pub(super) fn cross_boundary(&mut self, number: u64, out: &mut BusEffects) {
        let settled = self.settled();
        if settled && (self.dormancy.eager || self.dormancy.waking) {
            self.rebuild(number);
        } else if settled {
            self.restart_at(self.network.now());
            self.all_recheck = false;
            self.dormancy.awake = false;
        } else {
            let at = self.dormancy.at(number + 1);
            self.network
                .schedule(at, Event::Boundary { number: number + 1 });
        }
        let _ = out;
    }

    /// Forgets everything that is under way and goes (back) to `time`.
    fn restart_at(&mut self, time: SimTime) {
        let mut lost = self.network.restart_at(time);
        for node in &mut self.nodes {
            // What the kernel holds for a process that does not read is thrown away too.
            lost.append(&mut node.inbox);
            lost.append(&mut node.unsent);
            node.planned = SimTime::MAX;
        }
        for packet in lost {
            self.stationery.recycle(packet);
        }
    }

    /// The one state that follows from boundary `number` and a settled cluster.
    fn rebuild(&mut self, number: u64) {
        let boundary = self.dormancy.at(number);
        let from = boundary - self.dormancy.run_up;
        self.restart_at(from);
        for (at, told) in &self.dormancy.told {
            if let Told::Replication(member, offset, link) = told
                && *at < boundary
            {
                let node = &mut self.nodes[member.index()];
                node.offset = *offset;
                node.replica_link = *link;
                node.peers.note_change();
            }
        }
        let gone: Vec<bool> = self.nodes.iter().map(|n| !n.process.turns()).collect();
        let incarnations: Vec<u32> = self.nodes.iter().map(|n| n.incarnation).collect();
        let key = self.key;
        for node in self.nodes.iter_mut().filter(|n| n.process.turns()) {
            if node.table.is_empty() {
                node.become_incarnation(node.incarnation, key);
            }
            let stream = key.child(u64::from(node.me.0));
            node.rng = stream.at(DRAW_STRETCH, number);
            let late = stream.at(DRAW_LATENESS, number);
            let number = 1 + node.below(10);
            let phase = SimDuration::from_nanos(node.below(100_000_000));
            node.ticks = Ticks::starting(number, from + phase, late);
            node.forget_pings(ms_of(from), self.node_timeout, &gone, &incarnations);
        }
        for node in &mut self.nodes {
            if !node.process.turns() {
                // Packets to it are thrown away, so its connections are too.
                node.peers.open_contacts();
                node.peers.close_links();
            }
        }
        self.dormancy.awake = true;
        self.all_recheck = true;
        self.recheck_all();
        let mut nothing = BusEffects::new();
        while self.network.next_due().is_some_and(|due| due < boundary) {
            let event = self.network.pop_due(boundary).expect("it is due");
            self.handle(event, &mut nothing);
        }
        assert!(
            nothing.is_empty(),
            "a settled cluster stays as it is: {nothing:?}"
        );
        self.network.reach(boundary);
        let at = self.dormancy.at(number + 1);
        self.network
            .schedule(at, Event::Boundary { number: number + 1 });
    }

    /// Whether nothing can change by itself.
    fn settled(&mut self) -> bool {
        if !self.nodes.iter().any(|n| n.process.turns()) {
            return self.network.is_whole();
        }
        let copying = self.nodes.iter().any(|n| n.process == Process::LoadingCopy);
        if copying || !self.network.is_whole() {
            return false;
        }
        if self.network.now() < self.dormancy.calm_from {
            return false;
        }
        let ms = ms_of(self.network.now());
        let spec = &self.spec;
        let mut running = self.nodes.iter_mut().filter(|n| n.process.turns());
        if !running.all(|n| n.is_idle(spec, ms)) {
            return false;
        }
        let mut running = self.nodes.iter().filter(|n| n.process.turns());
        let first = running.clone().next();
        running.all(|n| first.is_some_and(|f| n.agrees_with(f)) && self.flags_are_final(n))
    }

    /// Whether this node's flags are the ones that it will keep.
    fn flags_are_final(&self, node: &Node) -> bool {
        let running = |member: Member| self.nodes[member.index()].process.turns();
        let voters = node
            .members()
            .filter(|m| running(*m) && node.peers.votes(*m))
            .count();
        let no_majority = voters < node.quorum();
        node.members().all(|member| {
            if running(member) {
                !node.peers.failing(member)
            } else {
                node.peers.fail(member) || (node.peers.pfail(member) && no_majority)
            }
        })
    }
}

impl Node {
    /// Redraws the times of the last PINGs, which decide nothing else.
    fn forget_pings(&mut self, ms: u64, node_timeout: u64, gone: &[bool], incarnations: &[u32]) {
        let longest = (node_timeout / 2)
            .min(1000 * (self.peers.len() as u64 - 1))
            .max(1);
        let long_ago = ms - 10 * node_timeout;
        self.peers.open_contacts();
        self.watch_due = 0;
        for member in self.others() {
            let age = self.below(longest);
            self.link_serial += 1;
            let (mut link, mut ping_sent, mut heard) = (Link::Closed, long_ago, long_ago);
            if !gone[member.index()] {
                link = Link::Open {
                    number: self.link_serial,
                    since: long_ago,
                    incarnation: incarnations[member.index()],
                };
                (ping_sent, heard) = (0, ms - age);
            }
            self.peers.forget_reports(member);
            self.peers.set_link(member, link);
            self.peers.set_ping_sent(member, ping_sent);
            self.peers.set_pong_received(member, heard);
            self.peers.set_data_received(member, heard);
        }
    }

    fn agrees_with(&self, other: &Node) -> bool {
        self.owner == other.owner
            && self.unclaimed == other.unclaimed
            && self.current_epoch == other.current_epoch
            && self.peers.agree_with(&other.peers)
    }

    /// No delay runs and no candidacy is possible.
    fn is_idle(&mut self, spec: &ClusterBusSpec, ms: u64) -> bool {
        let stands = self.my_primary().is_some_and(|primary| {
            let replaces = self.peers.fail(primary) && self.peers.has_slots(primary);
            replaces && !self.no_failover && !self.too_old(spec, ms)
        });
        let counted = self.peers.suspects() == self.pfail_counted;
        let born = self.first_update != 0;
        let waits = self.manual.end != 0 || self.update_due.is_some() || !counted || !born;
        !stands && !waits && !self.may_soon_migrate(spec)
    }
}
