//! What one node thinks of every node, itself included: one column per property, a row per member.
//!
//! A node of a cluster of two thousand has two thousand opinions, and so have the others: columns
//! keep four million of them small, and a walk reads only what it needs. Names of properties follow
//! `struct clusterNode` in `src/cluster.h` (Redis 7.0.15). Times are Redis' milliseconds, 0 meaning
//! never.
//!
//! Whatever others can see, or a decision may depend on, is counted when it changes, so that a node
//! that has looked at something once need not look again before it changes (`Node::cron`,
//! `Node::receive`).

use super::ids::Member;

/// One node's opinions.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    flags: Vec<u8>,
    replica_of: Vec<u16>,
    /// How many shards it owns.
    owned: Vec<u16>,
    config_epoch: Vec<u64>,
    /// Empty until the node first runs, as are all columns below.
    ping_sent: Vec<u64>,
    pong_received: Vec<u64>,
    data_received: Vec<u64>,
    offset: Vec<u64>,
    link: Vec<Link>,
    heard: Vec<Heard>,
    /// What few members have, in ascending order.
    rare: Vec<(Member, Rare)>,
    /// Members in PFAIL, without a link, and with a primary.
    suspects: usize,
    unlinked: usize,
    attached: usize,
    changes: u32,
    config_changes: u32,
}

const PRIMARY: u8 = 1;
const PFAIL: u8 = 1 << 1;
const FAIL: u8 = 1 << 2;
const NO_FAILOVER: u8 = 1 << 3;
const MIGRATE_TO: u8 = 1 << 4;
const PINGED: u8 = 1 << 5;
const UNLINKED: u8 = 1 << 6;
const REPORTED: u8 = 1 << 7;

const NOBODY: u16 = u16::MAX;

/// The outbound link to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Closed,
    Connecting {
        number: u32,
        since: u64,
    },
    Open {
        number: u32,
        since: u64,
        incarnation: u32,
    },
}

/// The last header that taught nothing new, and at which count of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Heard {
    stamp: u32,
    config_changes: u32,
}

/// Properties that hardly any member has.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare {
    pub fail_time: u64,
    pub voted_time: u64,
    pub orphaned_time: u64,
    /// Which primaries report it as failing, and when they last did.
    reports: Vec<(Member, u64)>,
}

impl Link {
    pub(super) fn number(self) -> Option<u32> {
        match self {
            Link::Closed => None,
            Link::Connecting { number, .. } | Link::Open { number, .. } => Some(number),
        }
    }

    pub(super) fn is_open(self, wanted: u32) -> bool {
        match self {
            Link::Closed | Link::Connecting { .. } => false,
            Link::Open { number, .. } => number == wanted,
        }
    }
}

/// The layout's side: roles, slots, flags.
impl Peers {
    /// All members are primaries without slots.
    pub(super) fn new(members: usize) -> Peers {
        Peers {
            flags: vec![PRIMARY | UNLINKED; members],
            replica_of: vec![NOBODY; members],
            owned: vec![0; members],
            config_epoch: vec![0; members],
            ping_sent: Vec::new(),
            pong_received: Vec::new(),
            data_received: Vec::new(),
            offset: Vec::new(),
            link: Vec::new(),
            heard: Vec::new(),
            rare: Vec::new(),
            suspects: 0,
            unlinked: members,
            attached: 0,
            changes: 1,
            config_changes: 1,
        }
    }

    /// Whether roles, slots, their epochs and FAIL flags are the same.
    pub(super) fn agree_with(&self, other: &Peers) -> bool {
        let same_fail = |(a, b): (&u8, &u8)| (a ^ b) & FAIL == 0;
        let epochs = self.config_epoch.iter().zip(&other.config_epoch);
        self.replica_of == other.replica_of
            && self.owned == other.owned
            && self.flags.iter().zip(&other.flags).all(same_fail)
            && epochs
                .zip(&self.owned)
                .all(|((a, b), owned)| *owned == 0 || a == b)
    }

    pub(super) fn len(&self) -> usize {
        self.flags.len()
    }

    /// How often anything has changed that a decision may depend on.
    pub(super) fn changes(&self) -> u32 {
        self.changes
    }

    /// Something has changed that a decision may depend on.
    pub(super) fn note_change(&mut self) {
        self.changes += 1;
    }

    /// A role, a claim or an epoch has changed.
    pub(super) fn note_config_change(&mut self) {
        self.changes += 1;
        self.config_changes += 1;
    }

    fn has(&self, member: Member, flag: u8) -> bool {
        self.flags[member.index()] & flag != 0
    }

    /// Returns whether that is new.
    fn set(&mut self, member: Member, flag: u8, on: bool) -> bool {
        let flags = &mut self.flags[member.index()];
        let old = *flags;
        *flags = if on { old | flag } else { old & !flag };
        old != *flags
    }

    pub(super) fn is_primary(&self, member: Member) -> bool {
        self.has(member, PRIMARY)
    }

    pub(super) fn set_role(&mut self, member: Member, primary: bool) {
        if self.set(member, PRIMARY, primary) {
            self.note_config_change();
        }
    }

    pub(super) fn replica_of(&self, member: Member) -> Option<Member> {
        let primary = self.replica_of[member.index()];
        (primary != NOBODY).then_some(Member(primary))
    }

    pub(super) fn set_replica_of(&mut self, member: Member, primary: Option<Member>) {
        let cell = &mut self.replica_of[member.index()];
        let new = primary.map_or(NOBODY, |primary| primary.0);
        if *cell != new {
            self.attached += usize::from(*cell == NOBODY);
            self.attached -= usize::from(new == NOBODY);
            *cell = new;
            self.note_config_change();
        }
    }

    /// Whether any member copies another.
    pub(super) fn any_replica(&self) -> bool {
        self.attached > 0
    }

    /// The members that copy `primary`.
    pub(super) fn replicas_of(&self, primary: Member) -> impl Iterator<Item = Member> {
        let copies = (0_u16..).zip(&self.replica_of);
        copies
            .filter(move |(_, of)| **of == primary.0)
            .map(|(member, _)| Member(member))
    }

    /// How many shards it owns.
    pub(super) fn owned(&self, member: Member) -> usize {
        self.owned[member.index()].into()
    }

    pub(super) fn has_slots(&self, member: Member) -> bool {
        self.owned[member.index()] != 0
    }

    /// It owns a shard more.
    pub(super) fn gain(&mut self, member: Member) {
        self.owned[member.index()] += 1;
        self.note_config_change();
    }

    /// It owns a shard less.
    pub(super) fn lose(&mut self, member: Member) {
        self.owned[member.index()] -= 1;
        self.note_config_change();
    }

    /// A primary that counts for majorities.
    pub(super) fn votes(&self, member: Member) -> bool {
        self.is_primary(member) && self.has_slots(member)
    }

    pub(super) fn config_epoch(&self, member: Member) -> u64 {
        self.config_epoch[member.index()]
    }

    pub(super) fn set_config_epoch(&mut self, member: Member, epoch: u64) {
        self.config_epoch[member.index()] = epoch;
        self.note_config_change();
    }

    pub(super) fn config_epoch_max(&self) -> u64 {
        self.config_epoch.iter().copied().max().unwrap_or(0)
    }

    pub(super) fn pfail(&self, member: Member) -> bool {
        self.has(member, PFAIL)
    }

    pub(super) fn set_pfail(&mut self, member: Member, on: bool) {
        if self.set(member, PFAIL, on) {
            self.suspects = if on {
                self.suspects + 1
            } else {
                self.suspects - 1
            };
            self.note_change();
        }
    }

    /// Members in PFAIL.
    pub(super) fn suspects(&self) -> usize {
        self.suspects
    }

    pub(super) fn fail(&self, member: Member) -> bool {
        self.has(member, FAIL)
    }

    pub(super) fn set_fail(&mut self, member: Member, on: bool) {
        if self.set(member, FAIL, on) {
            self.note_change();
        }
    }

    /// In PFAIL or FAIL.
    pub(super) fn failing(&self, member: Member) -> bool {
        self.has(member, PFAIL | FAIL)
    }

    pub(super) fn no_failover(&self, member: Member) -> bool {
        self.has(member, NO_FAILOVER)
    }

    pub(super) fn set_no_failover(&mut self, member: Member, on: bool) {
        if self.set(member, NO_FAILOVER, on) {
            self.note_config_change();
        }
    }

    /// An orphan is worth a replica (`CLUSTER_NODE_MIGRATE_TO`).
    pub(super) fn migrate_to(&self, member: Member) -> bool {
        self.has(member, MIGRATE_TO)
    }

    pub(super) fn set_migrate_to(&mut self, member: Member, on: bool) {
        if self.set(member, MIGRATE_TO, on) {
            self.note_config_change();
        }
    }
}

/// Contact: pings, links, headers.
impl Peers {
    /// Makes room for what only a node that runs has.
    pub(super) fn open_contacts(&mut self) {
        let members = self.len();
        if self.link.len() < members {
            self.ping_sent = vec![0; members];
            self.pong_received = vec![0; members];
            self.data_received = vec![0; members];
            self.offset = vec![0; members];
            self.link = vec![Link::Closed; members];
            self.heard = vec![Heard::default(); members];
        }
    }

    /// Forgets all contact, as a process does that starts.
    pub(super) fn forget_contacts(&mut self, ms: u64) {
        self.open_contacts();
        for time in &mut self.pong_received {
            *time = if *time == 0 { 0 } else { ms };
        }
        self.ping_sent.fill(0);
        self.data_received.fill(0);
        self.offset.fill(0);
        self.heard.fill(Heard::default());
        for flags in &mut self.flags {
            *flags &= !(PINGED | REPORTED);
        }
        self.rare.clear();
        for position in 0..self.len() {
            let member = Member(u16::try_from(position).expect("at most 65535 members"));
            if self.fail(member) {
                self.rare_mut(member).fail_time = ms;
            }
        }
        self.close_links();
        self.note_config_change();
    }

    pub(super) fn close_links(&mut self) {
        self.link.fill(Link::Closed);
        for flags in &mut self.flags {
            *flags |= UNLINKED;
        }
        self.unlinked = self.len();
    }

    pub(super) fn link(&self, member: Member) -> Link {
        self.link[member.index()]
    }

    pub(super) fn set_link(&mut self, member: Member, link: Link) {
        self.link[member.index()] = link;
        let closed = link == Link::Closed;
        if self.set(member, UNLINKED, closed) {
            self.unlinked = if closed {
                self.unlinked + 1
            } else {
                self.unlinked - 1
            };
        }
    }

    pub(super) fn is_linked(&self, member: Member) -> bool {
        !self.has(member, UNLINKED)
    }

    /// How many others have no link.
    pub(super) fn unlinked(&self) -> usize {
        self.unlinked - 1 // a node has no link to itself
    }

    /// 0 if no PING is unanswered.
    pub(super) fn ping_sent(&self, member: Member) -> u64 {
        self.ping_sent[member.index()]
    }

    pub(super) fn set_ping_sent(&mut self, member: Member, ms: u64) {
        self.ping_sent[member.index()] = ms;
        self.set(member, PINGED, ms != 0);
    }

    /// Whether a PING is unanswered.
    pub(super) fn is_pinged(&self, member: Member) -> bool {
        self.has(member, PINGED)
    }

    pub(super) fn pong_received(&self, member: Member) -> u64 {
        self.pong_received[member.index()]
    }

    pub(super) fn set_pong_received(&mut self, member: Member, ms: u64) {
        self.pong_received[member.index()] = ms;
    }

    pub(super) fn data_received(&self, member: Member) -> u64 {
        self.data_received[member.index()]
    }

    pub(super) fn set_data_received(&mut self, member: Member, ms: u64) {
        self.data_received[member.index()] = ms;
    }

    pub(super) fn offset(&self, member: Member) -> u64 {
        self.offset[member.index()]
    }

    pub(super) fn set_offset(&mut self, member: Member, offset: u64) {
        let cell = &mut self.offset[member.index()];
        if *cell != offset {
            *cell = offset;
            self.note_change();
        }
    }

    /// Whether the header with this stamp has nothing new to say.
    pub(super) fn has_heard(&self, member: Member, stamp: u32) -> bool {
        let now = Heard {
            stamp,
            config_changes: self.config_changes,
        };
        self.heard[member.index()] == now
    }

    /// How often a role, a claim or an epoch has changed.
    pub(super) fn config_changes(&self) -> u32 {
        self.config_changes
    }

    /// The header with this stamp has changed nothing.
    pub(super) fn note_heard(&mut self, member: Member, stamp: u32) {
        self.heard[member.index()] = Heard {
            stamp,
            config_changes: self.config_changes,
        };
    }
}

/// What few members have.
impl Peers {
    pub(super) fn rare(&self, member: Member) -> Option<&Rare> {
        let position = self.rare.binary_search_by_key(&member, |(m, _)| *m);
        position.ok().map(|position| &self.rare[position].1)
    }

    pub(super) fn rare_mut(&mut self, member: Member) -> &mut Rare {
        let position = match self.rare.binary_search_by_key(&member, |(m, _)| *m) {
            Ok(position) => position,
            Err(position) => {
                self.rare.insert(position, (member, Rare::default()));
                position
            }
        };
        &mut self.rare[position].1
    }

    /// Whether anybody's report about it is kept.
    pub(super) fn is_reported(&self, member: Member) -> bool {
        self.has(member, REPORTED)
    }

    pub(super) fn add_report(&mut self, about: Member, by: Member, ms: u64) {
        self.set(about, REPORTED, true);
        let reports = &mut self.rare_mut(about).reports;
        match reports.iter_mut().find(|(reporter, _)| *reporter == by) {
            Some((_, time)) => *time = ms,
            None => reports.push((by, ms)),
        }
    }

    /// Drops the reports that do not fit; returns how many did not.
    pub(super) fn drop_reports(
        &mut self,
        about: Member,
        keep: impl Fn(Member, u64) -> bool,
    ) -> usize {
        if !self.is_reported(about) {
            return 0;
        }
        let reports = &mut self.rare_mut(about).reports;
        let before = reports.len();
        reports.retain(|(reporter, time)| keep(*reporter, *time));
        let (dropped, none) = (before - reports.len(), reports.is_empty());
        if none {
            self.set(about, REPORTED, false);
        }
        dropped
    }

    pub(super) fn reports(&self, about: Member) -> usize {
        if self.is_reported(about) {
            self.rare(about).map_or(0, |rare| rare.reports.len())
        } else {
            0
        }
    }

    pub(super) fn forget_reports(&mut self, about: Member) {
        self.drop_reports(about, |_, _| false);
    }
}
