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

use super::effect::BusEffect;
use super::ids::Member;
use super::node::{Cx, Link, Node, Peer};
use super::packet::{LinkName, PacketKind};
use super::spec::{ClusterBusSpec, Version};
use super::ticks::Need;

/// Every how many crons one of five random nodes is pinged.
const RANDOM_PING_TICKS: u64 = 10;
/// How long a primary is an orphan before it gets a replica (`CLUSTER_SLAVE_MIGRATION_DELAY`).
const MIGRATION_DELAY_MS: u64 = 5000;

/// What a replica sees of orphans in one cron.
#[derive(Clone, Copy, Debug, Default)]
struct Orphans {
    any: bool,
    replicas_max: usize,
    replicas_mine: usize,
}

impl Node {
    /// The loop has handled what woke it; its timer is next.
    pub(super) fn run_due_cron(&mut self, cx: &mut Cx) {
        let wanted = self.recheck || self.ticks.meets(self.need, cx.now);
        if let Some(tick) = self.ticks.wake(cx.now)
            && wanted
        {
            self.cron(tick, cx);
        }
    }

    /// The cron of tick `tick`.
    pub(super) fn cron(&mut self, tick: u64, cx: &mut Cx) {
        self.recheck = true;
        self.pfail_counted = self.peers.iter().filter(|p| p.pfail).count();
        for to in self.others() {
            if self.peer(to).link == Link::Closed {
                self.connect(to, cx);
            }
        }
        if tick.is_multiple_of(RANDOM_PING_TICKS) {
            self.ping_random(cx);
        }
        let mut suspected = false;
        for position in 0..self.table.len() {
            let member = self.table.get(position);
            if member != self.me {
                suspected |= self.watch(member, cx);
            }
        }
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

    fn connect(&mut self, to: Member, cx: &mut Cx) {
        self.link_serial += 1;
        let number = self.link_serial;
        self.peer_mut(to).link = Link::Connecting {
            number,
            since: cx.ms,
        };
        cx.out.connects.push((
            to,
            LinkName {
                owner: self.me,
                number,
            },
        ));
    }

    /// Rule C2: of five random nodes, the one that has been quiet for longest.
    fn ping_random(&mut self, cx: &mut Cx) {
        let mut oldest: Option<Member> = None;
        for _ in 0..5 {
            let member = self.table.pick(&mut self.rng);
            let peer = self.peer(member);
            if member == self.me || peer.link == Link::Closed || peer.ping_sent != 0 {
                continue;
            }
            if oldest.is_none_or(|old| self.peer(old).pong_received > peer.pong_received) {
                oldest = Some(member);
            }
        }
        if let Some(member) = oldest {
            self.send(member, PacketKind::Ping, cx);
        }
    }

    /// Rules C3, C7 and C8 for one peer. Returns whether it became a suspect.
    fn watch(&mut self, member: Member, cx: &mut Cx) -> bool {
        let node_timeout = cx.spec.node_timeout_ms();
        let peer = self.peer(member);
        let silence = cx.ms - peer.ping_sent.max(peer.data_received).min(cx.ms);
        if let Link::Connecting { since, .. } | Link::Open { since, .. } = peer.link
            && cx.ms - since > node_timeout
            && peer.ping_sent != 0
            && silence > node_timeout / 2
        {
            self.peer_mut(member).link = Link::Closed;
        }
        let peer = self.peer(member);
        let linked = peer.link != Link::Closed;
        let pong_age = cx.ms.saturating_sub(peer.pong_received);
        if linked && peer.ping_sent == 0 && pong_age > node_timeout / 2 {
            self.send(member, PacketKind::Ping, cx);
            return false;
        }
        if linked && self.is_primary() && self.manual.replica == Some(member) {
            self.send(member, PacketKind::Ping, cx);
            return false;
        }
        let peer = self.peer_mut(member);
        if peer.ping_sent == 0 || silence <= node_timeout || peer.pfail || peer.fail {
            return false;
        }
        peer.pfail = true;
        cx.effect(BusEffect::Pfail {
            by: self.me,
            of: member,
        });
        let lone_primary = self.myself().votes() && self.size == 1;
        if lone_primary && cx.spec.version == Version::Valkey8 {
            self.declare_failed(member, cx);
        }
        true
    }

    fn orphans(&self) -> Orphans {
        let mut working = vec![0; self.peers.len()];
        for peer in self.peers.iter().filter(|p| !p.fail) {
            if let Some(primary) = peer.replica_of {
                working[primary.index()] += 1;
            }
        }
        let mut orphans = Orphans::default();
        for (member, peer) in self.members().zip(&self.peers) {
            if member == self.me || !peer.primary || peer.fail {
                continue;
            }
            let working = working[member.index()];
            orphans.any |= working == 0 && !peer.slots.is_empty() && peer.migrate_to;
            orphans.replicas_max = orphans.replicas_max.max(working);
            if self.my_primary() == Some(member) {
                orphans.replicas_mine = working;
            }
        }
        orphans
    }

    fn working_replicas(&self, primary: Member) -> usize {
        self.replicas_of(primary)
            .filter(|(_, peer)| !peer.fail)
            .count()
    }

    /// `clusterHandleSlaveMigration`: of the best-served primaries' replicas, the one with the
    /// smallest name moves to an orphan.
    fn migrate(&mut self, orphans: Orphans, cx: &mut Cx) {
        let Some(mine) = self.my_primary() else {
            return;
        };
        let working = self
            .replicas_of(mine)
            .filter(|(_, p)| !p.fail && !p.pfail)
            .count();
        if !self.ok || working <= cx.spec.migration_barrier as usize {
            return;
        }
        let mut target = None;
        let mut candidate = self.me;
        for position in 0..self.table.len() {
            let member = self.table.get(position);
            let peer = self.peer(member);
            let replicas = if peer.primary {
                self.working_replicas(member)
            } else {
                0
            };
            let orphaned = peer.primary && !peer.fail && peer.migrate_to && replicas == 0;
            if orphaned && target.is_none() && !peer.slots.is_empty() {
                target = Some(member);
            }
            self.peer_mut(member).orphaned_time = match (orphaned, peer.orphaned_time) {
                (false, _) => 0,
                (true, 0) => cx.ms,
                (true, since) => since,
            };
            if replicas == orphans.replicas_max {
                let smaller = self.replicas_of(member).map(|(m, _)| m);
                candidate = smaller.fold(candidate, |best, m| {
                    if cx.names[m.index()] < cx.names[best.index()] {
                        m
                    } else {
                        best
                    }
                });
            }
        }
        let waited = |target: Member| cx.ms - self.peer(target).orphaned_time;
        if let Some(target) = target.filter(|t| waited(*t) > MIGRATION_DELAY_MS)
            && candidate == self.me
        {
            self.set_my_primary(target, cx);
        }
    }

    /// Which tick may next have something to do. `refuses` says of a member that connecting to it
    /// would fail at once and leave no trace.
    pub(super) fn next_need(
        &self,
        refuses: impl Fn(Member) -> bool,
        spec: &ClusterBusSpec,
    ) -> Need {
        let next = self.ticks.next();
        let at_once = Need {
            number: next,
            ms: 0,
        };
        let counted = self.peers.iter().filter(|p| p.pfail).count() == self.pfail_counted;
        if !counted || self.manual.end != 0 || self.election_pending(spec) {
            return at_once;
        }
        let mut ms = self.update_due.unwrap_or(u64::MAX);
        for (member, peer) in self.members().zip(&self.peers) {
            if member == self.me {
                continue;
            }
            if peer.link == Link::Closed && !refuses(member) {
                return at_once;
            }
            ms = ms.min(watch_due(peer, spec));
        }
        Need {
            number: next.next_multiple_of(RANDOM_PING_TICKS),
            ms,
        }
    }

    /// Whether every cron counts because this replica has, or may soon have, a role to change.
    fn election_pending(&self, spec: &ClusterBusSpec) -> bool {
        let Some(primary) = self.my_primary() else {
            return false;
        };
        let master = self.peer(primary);
        if master.fail && !master.slots.is_empty() && !self.no_failover {
            return true;
        }
        self.may_soon_migrate(spec)
    }

    /// Whether this replica may be the one that moves to an orphan.
    pub(super) fn may_soon_migrate(&self, spec: &ClusterBusSpec) -> bool {
        let orphans = self.orphans();
        self.my_primary().is_some() && orphans.any && may_migrate(orphans, spec)
    }
}

/// When [`Node::watch`] will next act on a peer, if it stays as quiet as it is now.
fn watch_due(peer: &Peer, spec: &ClusterBusSpec) -> u64 {
    let node_timeout = spec.node_timeout_ms();
    if peer.ping_sent == 0 {
        return peer.pong_received + node_timeout / 2 + 1;
    }
    let quiet_since = peer.ping_sent.max(peer.data_received);
    let mut due = u64::MAX;
    if let Link::Connecting { since, .. } | Link::Open { since, .. } = peer.link {
        due = (since + node_timeout).max(quiet_since + node_timeout / 2) + 1;
    }
    if !peer.pfail && !peer.fail {
        due = due.min(quiet_since + node_timeout + 1);
    }
    due
}

fn may_migrate(orphans: Orphans, spec: &ClusterBusSpec) -> bool {
    spec.allow_replica_migration
        && orphans.replicas_max >= 2
        && orphans.replicas_mine == orphans.replicas_max
}
