//! What happens to the members: they are born, stop, go on, die, start again, are cut off.
//!
//! Rules P5 to P8. A hung process (SIGSTOP, a frozen machine, a blocked event loop) runs no cron;
//! its kernel accepts connections and queues packets, which it reads first when it goes on, before
//! its overdue cron. A dead one resets its connections. A restarted one remembers what `nodes.conf`
//! does: epochs, roles, slots and failure flags; not its candidacy, nor its
//! last votes. Sources: `aeProcessEvents` in `src/ae.c`, `clusterLoadConfig`, `clusterInit` and
//! `clusterAcceptHandler` in `src/cluster.c`, Redis 7.0.15.
//!
//! Left out: `nodes.conf` is taken to be up to date (Redis writes it after every change).

use sim::{SimDuration, SimTime};

use super::effect::{BusInput, ManualFailover, ManualFailoverError, Process, ReplicaLink};
use super::ids::Member;
use super::network::Event;
use super::node::{BeforeSleep, Election, Manual};
use super::ticks::{Ticks, ms_of};
use super::{BusEffects, ClusterBus};

/// A new process' first cron comes this soon (`aeCreateTimeEvent(…, 1, serverCron, …)`).
pub(super) const FIRST_CRON: SimDuration = SimDuration::from_millis(1);

impl Process {
    /// Its event loop turns freely: crons run.
    pub(super) fn turns(self) -> bool {
        match self {
            Process::Running => true,
            Process::Hung | Process::Dead | Process::Loading | Process::LoadingCopy => false,
        }
    }

    /// It handles packets.
    pub(super) fn reads(self) -> bool {
        match self {
            Process::Running | Process::LoadingCopy => true,
            Process::Hung | Process::Dead | Process::Loading => false,
        }
    }
}

impl ClusterBus {
    /// Tells what a member's process does from now on. From `Dead` it restarts.
    pub fn set_process(
        &mut self,
        now: SimTime,
        member: Member,
        process: Process,
        out: &mut BusEffects,
    ) {
        let old = self.process(member);
        if old == process || self.sleeps_through(now, member, old, process) {
            return;
        }
        self.wake(now, out);
        if process == Process::Dead {
            self.die(member, out);
        } else if old == Process::Dead {
            self.start(member, process, out);
        } else {
            self.change_pace(member, old, process, out);
        }
    }

    /// Kills a member's process, if it lives, and starts a new one in state `process`.
    pub fn restart(
        &mut self,
        now: SimTime,
        member: Member,
        process: Process,
        out: &mut BusEffects,
    ) {
        self.set_process(now, member, Process::Dead, out);
        self.set_process(now, member, process, out);
    }

    /// Cuts or restores the path from one member to another, in this direction only.
    pub fn set_reachable(
        &mut self,
        now: SimTime,
        from: Member,
        to: Member,
        reachable: bool,
        out: &mut BusEffects,
    ) {
        if self.network.is_cut(from, to) != reachable {
            return;
        }
        self.wake(now, out);
        self.network.set_cut(from, to, !reachable);
        self.all_recheck = true;
    }

    /// Keeps a member's replication state true: its offset and, for a replica, its stream. Needed
    /// when a stream stops or comes back, when a member changes role, and before a failover among
    /// replicas that hold different amounts of data; not for every write.
    pub fn set_replication(
        &mut self,
        now: SimTime,
        member: Member,
        offset: u64,
        link: ReplicaLink,
        out: &mut BusEffects,
    ) {
        let link = match link {
            ReplicaLink::Up | ReplicaLink::NeverSynced => link,
            ReplicaLink::Silent { since } => ReplicaLink::Silent {
                since: since + self.clock_offset,
            },
            ReplicaLink::Down { since } => ReplicaLink::Down {
                since: since + self.clock_offset,
            },
        };
        let node = &self.nodes[member.index()];
        let replaces = node
            .my_primary()
            .is_some_and(|primary| node.peers.fail(primary));
        if self.dormant() && !replaces {
            self.dormancy
                .remember(now + self.clock_offset, member, offset, link);
        } else {
            // A replica of a failed primary may stand from now on.
            self.wake(now, out);
            self.recheck_all();
            self.note_replication(member, offset, link, out);
        }
    }

    /// Gives the bus any of its inputs.
    ///
    /// # Errors
    /// As [`ClusterBus::manual_failover`]; other inputs are never refused.
    pub fn tell(
        &mut self,
        now: SimTime,
        input: BusInput,
        out: &mut BusEffects,
    ) -> Result<(), ManualFailoverError> {
        match input {
            BusInput::Process(member, process) => self.set_process(now, member, process, out),
            BusInput::Reachable(from, to, is) => self.set_reachable(now, from, to, is, out),
            BusInput::Replication(member, offset, link) => {
                self.set_replication(now, member, offset, link, out);
            }
            BusInput::ManualFailover(replica, kind) => {
                return self.manual_failover(now, replica, kind, out);
            }
            BusInput::Advance => self.advance(now, out),
        }
        Ok(())
    }

    /// `CLUSTER FAILOVER`, given to `replica`.
    pub fn manual_failover(
        &mut self,
        now: SimTime,
        replica: Member,
        kind: ManualFailover,
        out: &mut BusEffects,
    ) -> Result<(), ManualFailoverError> {
        if !self.process(replica).turns() {
            return Err(ManualFailoverError::NotRunning);
        }
        self.wake(now, out);
        self.recheck_all();
        self.act(replica, out, |node, cx| node.command_failover(kind, cx))
    }

    /// What a member's process does, as the world last told.
    fn process(&self, member: Member) -> Process {
        if self.dormancy.pauses(member) {
            Process::Hung
        } else {
            self.nodes[member.index()].process
        }
    }

    fn die(&mut self, member: Member, out: &mut BusEffects) {
        self.enter(member, Process::Dead);
        let node = &mut self.nodes[member.index()];
        for packet in node.inbox.drain(..).chain(node.unsent.drain(..)) {
            self.stationery.recycle(packet);
        }
        node.before_sleep = BeforeSleep::default();
        node.peers.close_links();
        for owner in self.members().filter(|m| *m != member) {
            let Some(number) = self.nodes[owner.index()].peers.link(member).number() else {
                continue;
            };
            if !self.network.is_cut(member, owner) {
                let at = self.network.now() + self.spec.latency;
                self.network.schedule(
                    at,
                    Event::Reset {
                        owner,
                        number,
                        to: member,
                    },
                );
            }
        }
        // A death changes nobody's mind by itself.
        assert!(
            self.outbox.effects.is_empty(),
            "nothing is left over: {:?}",
            out.last()
        );
    }

    /// A new process with the old one's `nodes.conf`.
    pub(super) fn start(&mut self, member: Member, process: Process, out: &mut BusEffects) {
        let now = self.network.now();
        self.enter(member, process);
        let node = &mut self.nodes[member.index()];
        node.become_incarnation(node.incarnation + 1, self.key);
        node.peers.forget_contacts(ms_of(now));
        node.watch_due = 0;
        node.election = Election::default();
        node.manual = Manual::default();
        node.replica_link = match node.incarnation {
            1 => node.replica_link,
            _restarted => ReplicaLink::NeverSynced,
        };
        node.ok = false;
        node.size = 1;
        node.pfail_counted = 0;
        node.first_update = 0;
        node.minority_at = 0;
        node.in_minority = false;
        node.update_due = None;
        node.ticks = Ticks::starting(1, now + FIRST_CRON, node.tick_rng(self.key));
        node.recheck = true;
        if process.turns() {
            self.act(member, out, |_, _| ());
        }
        self.all_recheck = true;
        self.recheck_all();
    }

    /// A member's process is in another state; the agenda looks at the crons of one that turns.
    fn enter(&mut self, member: Member, process: Process) {
        let node = &mut self.nodes[member.index()];
        node.process = process;
        self.network.set_dead(member, process == Process::Dead);
        if !process.turns() {
            node.planned = SimTime::MAX;
            self.network.cancel_crons(member);
        }
    }

    /// What the crons of others are needed for may have changed: somebody can be connected to, or
    /// no longer can. Once for all changes of one instant.
    pub(super) fn recheck_all(&mut self) {
        if std::mem::take(&mut self.all_recheck) {
            for member in self.members() {
                self.nodes[member.index()].recheck = true;
                self.plan_cron(member);
            }
        }
    }

    /// From one living state to another: crons and packets stop, or go on.
    pub(super) fn change_pace(
        &mut self,
        member: Member,
        old: Process,
        new: Process,
        out: &mut BusEffects,
    ) {
        self.recheck_all();
        let now = self.network.now();
        self.enter(member, new);
        let node = &mut self.nodes[member.index()];
        if old.turns() && !new.turns() {
            node.ticks.skip_until(now, node.need);
        }
        if !old.turns() && new.turns() {
            node.ticks.sleep(now);
            node.recheck = true;
            self.dormancy.note_resumed(now);
        }
        if new.reads() {
            let queued = std::mem::take(&mut node.inbox);
            self.act(member, out, |node, cx| {
                for packet in &queued {
                    let mine = packet.link.owner == member;
                    if !mine || node.peers.link(packet.from).is_open(packet.link.number) {
                        node.receive(packet, cx);
                    }
                }
            });
            for packet in queued {
                self.stationery.recycle(packet);
            }
        }
    }
}
