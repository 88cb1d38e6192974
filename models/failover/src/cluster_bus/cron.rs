//! A node's cron: reconnect, ping, suspect, and look after elections.
//!
//! Rules C2, C3, C5, C7, C8 and the migration of replicas to orphans. In Redis this runs every 100
//! ms. Most of those runs do nothing, so [`Node::next_need`] names the next one that can, and the
//! ticks between are skipped. It may name a tick too many, never one too few.
//!
//! A connection that is being made already counts as a link: in the very cron that starts one, a
//! PING can be "sent" and start the detector's clock, although it reaches nobody when the
//! connection is refused. So a killed node is suspected just like a hung one.
//!
//! Sources: `clusterCron`, `clusterNodeCronHandleReconnect`, `clusterHandleSlaveMigration` in
//! `src/cluster.c`, Redis 7.0.15; Valkey 8 for the lone primary.

use sim::SimTime;

use super::effect::BusEffect;
use super::ids::Member;
use super::node::{Cx, Node, Seen};
use super::packet::{LinkName, PacketKind};
use super::peers::{Link, Peers};
use super::spec::{ClusterBusSpec, Version};
use super::ticks::{Need, PERIOD_MAX_MS, instant_of};

/// Every how many crons one of five random nodes is pinged.
const RANDOM_PING_TICKS: u64 = 10;
/// How long a primary is an orphan before it gets a replica (`CLUSTER_SLAVE_MIGRATION_DELAY`).
const MIGRATION_DELAY_MS: u64 = 5000;

/// What a node sees of orphans.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Orphans {
    any: bool,
    replicas_max: usize,
    replicas_mine: usize,
}

impl Node {
    /// The loop has handled what woke it; its timer is next.
    pub(super) fn run_due_cron(&mut self, cx: &mut Cx) {
        if let Some(tick) = self.ticks.wake(cx.now)
            && (self.is_stirred() || self.need.is_met(tick, cx.now))
        {
            self.cron(tick, cx);
        }
    }

    /// Whether something has changed that may call for an earlier cron than was planned.
    pub(super) fn is_stirred(&self) -> bool {
        self.recheck || (self.rests && self.peers.changes() != self.cron_saw)
    }

    /// The cron of tick `tick`.
    fn cron(&mut self, tick: u64, cx: &mut Cx) {
        self.recheck = true;
        self.cron_saw = self.peers.changes();
        self.pfail_counted = self.peers.suspects();
        if self.peers.unlinked() > 0 {
            self.connect_all(cx);
        }
        if tick.is_multiple_of(RANDOM_PING_TICKS) {
            self.ping_random(cx);
        }
        let suspected = self.watch_all(cx);
        self.check_manual_timeout(cx);
        if self.my_primary().is_some() {
            self.handle_manual();
            self.handle_failover(cx);
            let orphans = self.orphans();
            if orphans.any && may_migrate(orphans, cx.spec) {
                self.migrate(orphans, cx);
            }
        }
        if suspected || !self.ok {
            self.update_state(cx);
        }
    }

    fn connect_all(&mut self, cx: &mut Cx) {
        for to in self.others() {
            if !self.peers.is_linked(to) {
                self.link_serial += 1;
                let number = self.link_serial;
                let since = cx.ms;
                self.peers.set_link(to, Link::Connecting { number, since });
                let owner = self.me;
                cx.out.connects.push((to, LinkName { owner, number }));
            }
        }
    }

    /// Rule C2: of five random nodes, the one that has been quiet for longest.
    fn ping_random(&mut self, cx: &mut Cx) {
        let mut oldest: Option<(Member, u64)> = None;
        for _ in 0..5 {
            let member = self.table.pick(&mut self.rng);
            let peers = &self.peers;
            if member == self.me || !peers.is_linked(member) || peers.is_pinged(member) {
                continue;
            }
            let pong = peers.pong_received(member);
            if oldest.is_none_or(|(_, oldest)| oldest > pong) {
                oldest = Some((member, pong));
            }
        }
        if let Some((member, _)) = oldest {
            self.send(member, PacketKind::Ping, cx);
        }
    }

    /// Rules C3, C7 and C8 for all peers, in table order. Returns whether any became a suspect.
    fn watch_all(&mut self, cx: &mut Cx) -> bool {
        if cx.ms < self.watch_due && self.manual.replica.is_none() {
            return false;
        }
        let mut suspected = false;
        for position in 0..self.table.len() {
            let member = self.table.get(position);
            if member != self.me {
                suspected |= self.watch(member, cx);
            }
        }
        suspected
    }

    /// The same for one peer.
    fn watch(&mut self, member: Member, cx: &mut Cx) -> bool {
        let (ms, node_timeout) = (cx.ms, cx.node_timeout);
        let peers = &mut self.peers;
        let pinged = peers.is_pinged(member);
        let quiet_since = peers.ping_sent(member).max(peers.data_received(member));
        let silence = ms.saturating_sub(quiet_since);
        if let Link::Connecting { since, .. } | Link::Open { since, .. } = peers.link(member)
            && ms - since > node_timeout
            && pinged
            && silence > node_timeout / 2
        {
            peers.set_link(member, Link::Closed);
        }
        let linked = peers.is_linked(member);
        let pong_age = ms.saturating_sub(peers.pong_received(member));
        if linked && !pinged && pong_age > node_timeout / 2 {
            self.send(member, PacketKind::Ping, cx);
            return false;
        }
        if linked && self.is_primary() && self.manual.replica == Some(member) {
            self.send(member, PacketKind::Ping, cx);
            return false;
        }
        if !pinged || silence <= node_timeout || self.peers.failing(member) {
            return false;
        }
        self.peers.set_pfail(member, true);
        cx.effect(BusEffect::Pfail {
            by: self.me,
            of: member,
        });
        let lone_primary = self.peers.votes(self.me) && self.size == 1;
        if lone_primary && cx.spec.version == Version::Valkey8 {
            self.declare_failed(member, cx);
        }
        true
    }

    /// What this node sees of orphans now.
    fn orphans(&mut self) -> Orphans {
        if self.orphans.at != self.peers.changes() {
            let at = self.peers.changes();
            let value = self.count_orphans();
            self.orphans = Seen { at, value };
        }
        self.orphans.value
    }

    fn count_orphans(&self) -> Orphans {
        let working = self.working_replicas();
        let mut orphans = Orphans::default();
        for member in self.others() {
            if !self.peers.is_primary(member) || self.peers.fail(member) {
                continue;
            }
            let working = working[member.index()];
            let orphaned = self.peers.has_slots(member) && self.peers.migrate_to(member);
            orphans.any |= working == 0 && orphaned;
            orphans.replicas_max = orphans.replicas_max.max(working);
            if self.my_primary() == Some(member) {
                orphans.replicas_mine = working;
            }
        }
        orphans
    }

    /// How many replicas of each member have not failed.
    fn working_replicas(&self) -> Vec<usize> {
        let mut working = vec![0; self.peers.len()];
        for member in self.members().filter(|m| !self.peers.fail(*m)) {
            if let Some(primary) = self.peers.replica_of(member) {
                working[primary.index()] += 1;
            }
        }
        working
    }

    /// `clusterHandleSlaveMigration`: of the best-served primaries' replicas, the one with the
    /// smallest name moves to an orphan.
    fn migrate(&mut self, orphans: Orphans, cx: &mut Cx) {
        if !self.may_leave(cx.spec) {
            return;
        }
        let working = self.working_replicas();
        for member in self.members() {
            let orphaned = self.is_orphan(member, &working);
            if orphaned || self.peers.rare(member).is_some() {
                let since = &mut self.peers.rare_mut(member).orphaned_time;
                *since = match (orphaned, *since) {
                    (false, _) => 0,
                    (true, 0) => cx.ms,
                    (true, since) => since,
                };
            }
        }
        if let Some((target, due)) = self.migration(orphans, &working, cx.names)
            && cx.ms >= due
        {
            self.set_my_primary(target, cx);
        }
    }

    /// Where this replica moves, and when, if it is the one to move.
    fn migration(
        &self,
        orphans: Orphans,
        working: &[usize],
        names: &[u64],
    ) -> Option<(Member, u64)> {
        let wanted = |m: &Member| self.peers.has_slots(*m) && self.is_orphan(*m, working);
        let target = self.table.members().find(wanted)?;
        let since = self.peers.rare(target).map_or(0, |rare| rare.orphaned_time);
        let chosen = self.is_chosen(orphans, working, names);
        chosen.then_some((target, since + MIGRATION_DELAY_MS + 1))
    }

    /// Whether this replica's primary can spare it.
    fn may_leave(&self, spec: &ClusterBusSpec) -> bool {
        let Some(mine) = self.my_primary() else {
            return false;
        };
        let siblings = self.peers.replicas_of(mine);
        let working = siblings.filter(|m| !self.peers.failing(*m)).count();
        self.ok && working > spec.migration_barrier as usize
    }

    fn is_orphan(&self, member: Member, working: &[usize]) -> bool {
        self.peers.is_primary(member)
            && !self.peers.fail(member)
            && self.peers.migrate_to(member)
            && working[member.index()] == 0
    }

    /// Whether no replica of a best-served primary has a smaller name.
    fn is_chosen(&self, orphans: Orphans, working: &[usize], names: &[u64]) -> bool {
        let mine = names[self.me.index()];
        let best_served = |primary: Member| {
            let replicas = if self.peers.is_primary(primary) {
                working[primary.index()]
            } else {
                0
            };
            replicas == orphans.replicas_max
        };
        let mut rivals = self.members().filter(|m| names[m.index()] < mine);
        !rivals.any(|m| self.peers.replica_of(m).is_some_and(best_served))
    }

    /// Which tick may next have something to do. `refuses` says of a member that connecting to it
    /// would fail at once and leave no trace.
    pub(super) fn next_need(
        &mut self,
        refuses: impl Fn(Member) -> bool,
        ms: u64,
        spec: &ClusterBusSpec,
        names: &[u64],
    ) -> Need {
        self.recheck = false;
        self.rests = false;
        let number = self.ticks.next();
        let at_once = Need {
            number,
            at: SimTime::MAX,
        };
        if self.peers.suspects() != self.pfail_counted || self.manual.end != 0 {
            return at_once;
        }
        let Some(role_due) = self.role_due(ms, spec, names) else {
            return at_once;
        };
        if self.peers.unlinked() > 0 {
            let mut others = self.others();
            if others.any(|m| !self.peers.is_linked(m) && !refuses(m)) {
                return at_once;
            }
        }
        let watch_due = |member| watch_due(&self.peers, member, spec.node_timeout_ms());
        self.watch_due = self.others().map(watch_due).min().unwrap_or(u64::MAX);
        let state_due = self.update_due.unwrap_or(u64::MAX);
        Need {
            number: number.next_multiple_of(RANDOM_PING_TICKS),
            at: instant_of(self.watch_due.min(state_due).min(role_due)),
        }
    }

    /// When a cron next counts because this replica has, or may soon have, a role to change, if
    /// nothing changes until then; `None` if at once.
    fn role_due(&mut self, ms: u64, spec: &ClusterBusSpec, names: &[u64]) -> Option<u64> {
        let Some(primary) = self.my_primary() else {
            return Some(u64::MAX);
        };
        let stands = self.peers.fail(primary) && self.peers.has_slots(primary) && !self.no_failover;
        let migrates = self.may_soon_migrate(spec);
        if !stands && !migrates {
            return Some(u64::MAX);
        }
        // An attempt to connect shows in the gossip of the moment, and with a short node timeout
        // a PING may come due before the next PING to a random node.
        let changed = self.peers.changes() != self.cron_saw;
        let hasty = spec.node_timeout_ms() / 2 <= (RANDOM_PING_TICKS + 1) * PERIOD_MAX_MS;
        if changed || hasty || self.peers.unlinked() > 0 {
            return None;
        }
        let mut due = u64::MAX;
        if stands {
            due = self.election_due(spec, ms)?;
        }
        if migrates && self.may_leave(spec) {
            let (orphans, working) = (self.orphans(), self.working_replicas());
            if let Some((_, moves)) = self.migration(orphans, &working, names) {
                due = due.min(moves);
            }
        }
        self.rests = true;
        Some(due)
    }

    /// Whether this replica may be the one that moves to an orphan.
    pub(super) fn may_soon_migrate(&mut self, spec: &ClusterBusSpec) -> bool {
        if self.my_primary().is_none() {
            return false;
        }
        let orphans = self.orphans();
        orphans.any && may_migrate(orphans, spec)
    }
}

/// When [`Node::watch`] will next act on a peer, if it stays as quiet as it is now.
fn watch_due(peers: &Peers, member: Member, node_timeout: u64) -> u64 {
    if !peers.is_pinged(member) {
        return peers.pong_received(member) + node_timeout / 2 + 1;
    }
    let quiet_since = peers.ping_sent(member).max(peers.data_received(member));
    let mut due = u64::MAX;
    if let Link::Connecting { since, .. } | Link::Open { since, .. } = peers.link(member) {
        due = (since + node_timeout).max(quiet_since + node_timeout / 2) + 1;
    }
    if !peers.failing(member) {
        due = due.min(quiet_since + node_timeout + 1);
    }
    due
}

fn may_migrate(orphans: Orphans, spec: &ClusterBusSpec) -> bool {
    spec.allow_replica_migration
        && orphans.replicas_max >= 2
        && orphans.replicas_mine == orphans.replicas_max
}
