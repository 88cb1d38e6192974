//! Clients that wait for a node to accept them: in the backlog of its kernel, or outside of it.
//!
//! ```text
//!  clients ──► outside ──► backlog (`tcp-backlog`, first in, first out) ──► round
//!                 │           │
//!                 │           └ connect timeout: the handshake is made all the same, in vain
//!                 └ connect timeout: at no cost to the node
//! ```
//!
//! Linux drops the SYN of a client that finds the backlog full. The client sends another after 1, 3
//! and 7 s, or gives up and tries anew. So chance decides which client gets a place that becomes
//! free: the groups outside get places in proportion. Measured with Redis 7.0.15 and clients that
//! try for a second: 8,000 of them at 0.5 ms each are connected after 5 s, at 1 ms each after 20 s,
//! and with a backlog of 4,000, which takes longer than a second, most of them never.
//!
//! Left out: the instants of a client's SYNs. Clients outside enter as soon as there is room, so a
//! storm of clients that try for longer than a second is too short.

use std::collections::{BTreeMap, VecDeque};

use sim::{SimDuration, SimTime};

use crate::ids::ViewId;

/// Clients of a view that came together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub view: ViewId,
    pub count: u32,
    pub since: SimTime,
    pub tries: u32,
    /// They have given up; the kernel holds their connections all the same.
    pub gone: bool,
    /// When they got into the backlog.
    pub entered: SimTime,
    /// Handshakes before theirs in their round.
    pub behind: u32,
}

impl Group {
    /// They come now, at their attempt `tries`.
    pub fn new(view: ViewId, count: u32, tries: u32, now: SimTime) -> Group {
        Group {
            view,
            count,
            since: now,
            tries,
            gone: false,
            entered: now,
            behind: 0,
        }
    }

    /// How many of them have had their handshakes at `now`, in a round that began at `began`.
    fn done(&self, began: SimTime, now: SimTime, handshake: SimDuration) -> u32 {
        let handshakes = (now - began).as_nanos() / handshake.as_nanos().max(1);
        let of_these = handshakes.saturating_sub(u64::from(self.behind));
        of_these.min(u64::from(self.count)) as u32
    }

    /// Some of them give up, the last ones: returns those.
    fn split(&mut self, count: u32) -> Group {
        self.count -= count;
        Group {
            count,
            gone: true,
            behind: self.behind + self.count,
            ..*self
        }
    }
}

/// The clients that wait for a node to accept them.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// Their SYNs are dropped.
    pub outside: Vec<Group>,
    pub backlog: VecDeque<Group>,
    pub round: Vec<Group>,
    /// When the round began.
    pub began: SimTime,
    /// Connections that the round accepts beyond those in it, if they enter in time.
    pub left: u32,
    /// The number of the part of a round; the end of an abandoned one says nothing.
    pub rounds: u32,
    /// When the queue is looked at next.
    pub looks_at: Option<SimTime>,
    /// The next round does not begin before.
    pub rests_until: SimTime,
    /// Has the work at hand taken a second or more?
    pub long: bool,
    /// Connections that it refused, as the trace said last.
    pub said: u32,
    /// Of each view, when the trace said that clients give up, and how many have done so since.
    pub gave_up: BTreeMap<ViewId, (SimTime, u32)>,
    /// Clients that came at this very instant to a node that accepts in no time: asked, and let in.
    pub latest: (SimTime, Vec<(ViewId, u32, u32)>),
}

impl Queue {
    /// Does no client wait, beside those in a round?
    pub fn is_idle(&self) -> bool {
        self.outside.is_empty() && self.backlog.is_empty()
    }

    /// How many wait, beside those in a round.
    pub fn waiting(&self) -> u32 {
        let groups = self.outside.iter().chain(&self.backlog);
        groups.map(|group| group.count).sum()
    }

    /// More clients come; those alike at the same instant are one group. Says whether they are the
    /// first of their view at this instant.
    pub fn come(&mut self, group: Group) -> bool {
        let since = |other: &&mut Group| other.since == group.since;
        let together = self.outside.iter_mut().rev().take_while(since);
        let mut together = together.filter(|other| other.view == group.view).peekable();
        let is_first = together.peek().is_none();
        match together.find(|other| other.tries == group.tries) {
            Some(other) => other.count += group.count,
            None => self.outside.push(group),
        }
        is_first
    }

    /// Clients from outside get the places that are free in a backlog of this size.
    pub fn enter(&mut self, size: u32, now: SimTime, handshake: SimDuration) {
        if self.outside.is_empty() {
            return;
        }
        let undone = |group: &Group| group.count - group.done(self.began, now, handshake);
        let held: u32 = self.backlog.iter().map(|group| group.count).sum();
        let held = held + self.round.iter().map(undone).sum::<u32>();
        let asked: Vec<u32> = self.outside.iter().map(|group| group.count).collect();
        let room = size.saturating_sub(held).min(asked.iter().sum());
        for (group, part) in self.outside.iter_mut().zip(spread(room, &asked)) {
            group.count -= part;
            self.backlog.push_back(Group {
                count: part,
                entered: now,
                ..*group
            });
        }
        self.backlog.retain(|group| group.count > 0);
        self.outside.retain(|group| group.count > 0);
    }

    /// The sizes of the first groups in the backlog, which entered together.
    pub fn first(&self) -> Vec<u32> {
        let entered = self.backlog.front().map(|group| group.entered);
        let together = self.backlog.iter();
        let together = together.take_while(|group| Some(group.entered) == entered);
        together.map(|group| group.count).collect()
    }

    /// When the handshakes that the round has so far are made.
    pub fn ends(&self, handshake: SimDuration) -> SimTime {
        let all: u32 = self.round.iter().map(|group| group.count).sum();
        self.began + handshake * u64::from(all)
    }

    /// The clients of a view that came then give up, wherever they are: how many, by their
    /// attempts.
    pub fn give_up(
        &mut self,
        (view, since): (ViewId, SimTime),
        now: SimTime,
        handshake: SimDuration,
    ) -> BTreeMap<u32, u32> {
        let gives_up = |group: &Group| group.view == view && group.since == since && !group.gone;
        let mut gave_up = BTreeMap::new();
        for group in self.outside.extract_if(.., |group| gives_up(group)) {
            *gave_up.entry(group.tries).or_default() += group.count;
        }
        for group in self.backlog.iter_mut().filter(|group| gives_up(group)) {
            group.gone = true;
            *gave_up.entry(group.tries).or_default() += group.count;
        }
        for i in 0..self.round.len() {
            let group = &mut self.round[i];
            let count = group.count - group.done(self.began, now, handshake);
            if gives_up(group) && count > 0 {
                *gave_up.entry(group.tries).or_default() += count;
                let gone = group.split(count);
                self.round.push(gone);
            }
        }
        gave_up
    }

    /// More clients of a view give up: how many the trace is to tell of, once a second at most.
    pub fn tells(&mut self, view: ViewId, more: u32, now: SimTime) -> Option<u32> {
        let first = (SimTime::ZERO, 0);
        let (told, untold) = self.gave_up.entry(view).or_insert(first);
        *untold += more;
        let all = *untold;
        let due = *told == SimTime::ZERO || now >= *told + SimDuration::from_secs(1);
        if all == 0 || !due {
            return None;
        }
        (*told, *untold) = (now, 0);
        Some(all)
    }

    /// All clients of a view leave.
    pub fn leave(&mut self, view: ViewId) {
        self.outside.retain(|group| group.view != view);
        let groups = self.backlog.iter_mut().chain(&mut self.round);
        let its = groups.filter(|group| group.view == view);
        its.for_each(|group| group.gone = true);
    }

    /// Some of the clients of a view that wait leave, any alike; at most as many as there are.
    pub fn close(&mut self, view: ViewId, count: u32) {
        let its = |group: &Group| match group.view == view && !group.gone {
            true => group.count,
            false => 0,
        };
        let groups = self.outside.iter().chain(&self.backlog).chain(&self.round);
        let asked: Vec<u32> = groups.map(its).collect();
        let mut parts = spread(count, &asked).into_iter();
        for (group, part) in self.outside.iter_mut().zip(&mut parts) {
            group.count -= part;
        }
        self.outside.retain(|group| group.count > 0);
        let mut splits = |mut group: Group| {
            let gone = group.split(parts.next().expect("each group has a part"));
            [group, gone].into_iter().filter(|group| group.count > 0)
        };
        self.backlog = self.backlog.drain(..).flat_map(&mut splits).collect();
        self.round = self.round.drain(..).flat_map(&mut splits).collect();
    }

    /// The process is gone, and with it all that waited.
    pub fn reset(&mut self) {
        *self = Queue {
            rounds: self.rounds + 1,
            looks_at: self.looks_at,
            ..Queue::default()
        };
    }
}

/// Shares `total` out in proportion to `asked`, of which it is at most the sum; what does not
/// divide is spread evenly.
fn spread(total: u32, asked: &[u32]) -> Vec<u32> {
    let sum: u64 = asked.iter().map(|asked| u64::from(*asked)).sum();
    let share = |asked: u64| (asked * u64::from(total) / sum.max(1)) as u32;
    let mut before = 0;
    let part = |asked: &u32| {
        let from = share(before);
        before += u64::from(*asked);
        share(before) - from
    };
    asked.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id;

    #[test]
    fn clients_that_close_leave_from_everywhere_and_only_those_outside_at_no_cost() {
        let view = ViewId::from_index(0);
        let (now, handshake) = (SimTime::ZERO, SimDuration::from_millis(1));
        let mut queue = Queue::default();
        queue.come(Group::new(view, 80, 0, now));
        queue.enter(60, now, handshake);
        // A round has taken 20 of the 60.
        queue.backlog[0].count = 40;
        queue.round.push(Group {
            count: 20,
            ..queue.backlog[0]
        });
        queue.close(view, 40);
        let counts = |groups: &mut dyn Iterator<Item = &Group>| {
            groups
                .map(|group| (group.count, group.gone))
                .collect::<Vec<_>>()
        };
        assert_eq!(counts(&mut queue.outside.iter()), [(10, false)]);
        assert_eq!(counts(&mut queue.backlog.iter()), [(20, false), (20, true)]);
        assert_eq!(counts(&mut queue.round.iter()), [(10, false), (10, true)]);
        assert_eq!(queue.round[1].behind, 10);
        // Nothing else gives up what has left, and what was in vain holds its place.
        let gave_up = queue.give_up((view, now), now, handshake);
        assert_eq!(gave_up.into_values().sum::<u32>(), 40);
        assert_eq!((queue.outside.len(), queue.waiting()), (0, 40));
    }

    #[test]
    fn places_that_do_not_divide_are_spread() {
        assert_eq!(spread(3, &[1; 6]), [0, 1, 0, 1, 0, 1]);
        assert_eq!(spread(5, &[10, 0, 10]), [2, 0, 3]);
        assert_eq!(spread(0, &[]), [0; 0]);
    }
}
