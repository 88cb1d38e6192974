//! One bus for all designs that meet the same trial.
//!
//! What a bus does follows from its initial state and its inputs. The designs of one trial give it
//! the same inputs for a long time, and some of them throughout. So a bus records its history, and
//! a design with the same inputs reads the recorded effects instead of simulating the packets. The
//! history is a tree: a branch starts where a design's input differs for the first time.
//!
//! ```text
//!   birth ── told A ─ w ─ w ─ w ─ w ── told B ─ w ─ w ─ tip       w: a time at which it was due
//!                           └── told C ─ w ─ tip                  tip: where a bus stands ready
//! ```
//!
//! A branch inside a span starts from the last bus that was saved before it, and repeats what came
//! since. A history that takes too much memory is not written on: every design then has a bus of
//! its own. No answer depends on any of it.

use std::cell::RefCell;
use std::rc::Rc;

use sim::{SimTime, StreamKey};

use super::effect::{BusInput, ManualFailoverError};
use super::ids::Member;
use super::packet::Gossip;
use super::spec::{ClusterBusSpec, MemberInit};
use super::{BusEffect, BusEffects, ClusterBus};

/// A cluster of more members has a bus of its own: its history would be large.
const MEMBERS_SHARED_MAX: usize = 64;

/// After so many wakes a bus is saved.
const WAKES_UNSAVED_MAX: usize = 1024;

/// Most bytes of one history; beyond, nothing is written down.
const BYTES_MAX: usize = 64 << 20;

/// The histories of a trial's buses. Designs that share them meet the trial one after the other.
#[derive(Debug, Default)]
pub struct BusHistories {
    known: RefCell<Vec<Rc<History>>>,
}

/// A bus that reads in its history, or writes it.
#[derive(Clone, Debug)]
pub struct SharedBus {
    place: Place,
    /// Which members serve their slots, a bit each; of a bus of its own it is not kept.
    ok: u64,
}

#[derive(Clone, Debug)]
enum Place {
    Own(Box<ClusterBus>),
    /// After so many wakes of a span.
    In {
        history: Rc<History>,
        span: usize,
        wakes: usize,
    },
}

#[derive(Debug)]
struct History {
    birth: Birth,
    spans: RefCell<Spans>,
}

/// What a bus follows from.
#[derive(Clone, Debug, PartialEq)]
struct Birth {
    spec: ClusterBusSpec,
    layout: Vec<MemberInit>,
    key: StreamKey,
    origin: SimTime,
    eager: bool,
}

#[derive(Debug, Default)]
struct Spans {
    all: Vec<Span>,
    bytes: usize,
}

/// From one thing that the bus was told to the next.
#[derive(Debug)]
struct Span {
    /// The span before it, and how many of that one's wakes had been.
    from: Option<(usize, usize)>,
    at: SimTime,
    input: BusInput,
    answer: Result<(), ManualFailoverError>,
    /// Which members serve their slots after it was told.
    ok: u64,
    effects: BusEffects,
    /// How many of the effects are the answer to what was told.
    at_once: usize,
    wakes: Vec<Wake>,
    /// When it is due after the last wake.
    next: Option<SimTime>,
    /// What else was told here: after how many wakes, and the span that begins with it.
    branches: Vec<(usize, usize)>,
    /// Buses as they were after so many wakes, in ascending order.
    saved: Vec<(usize, ClusterBus)>,
    /// Wakes from the last saved bus to the beginning of this span.
    unsaved: usize,
    tip: Option<Box<ClusterBus>>,
}

#[derive(Clone, Copy, Debug)]
struct Wake {
    at: SimTime,
    /// How many of the span's effects there are after it.
    effects: usize,
}

impl Birth {
    fn bus(&self) -> ClusterBus {
        let mut bus = ClusterBus::new(self.spec.clone(), &self.layout, self.key, self.origin);
        if self.eager {
            bus.set_eager();
        }
        bus
    }
}

impl SharedBus {
    /// A healthy cluster, as [`ClusterBus::new`]; `eager` as [`ClusterBus::set_eager`].
    ///
    /// # Panics
    /// As [`ClusterBus::new`].
    pub fn new(
        histories: &BusHistories,
        spec: &ClusterBusSpec,
        layout: Vec<MemberInit>,
        (key, origin): (StreamKey, SimTime),
        eager: bool,
    ) -> SharedBus {
        let shared = layout.len() <= MEMBERS_SHARED_MAX;
        let spec = spec.clone();
        let birth = Birth {
            spec,
            layout,
            key,
            origin,
            eager,
        };
        if !shared {
            let place = Place::Own(Box::new(birth.bus()));
            return SharedBus { place, ok: 0 };
        }
        let mut known = histories.known.borrow_mut();
        let found = known.iter().find(|history| history.birth == birth);
        let history = found.cloned().unwrap_or_else(|| {
            let history = Rc::new(History::new(birth));
            known.push(Rc::clone(&history));
            history
        });
        let ok = history.spans.borrow().all[0].ok;
        let (span, wakes) = (0, 0);
        let place = Place::In {
            history,
            span,
            wakes,
        };
        SharedBus { place, ok }
    }

    /// As [`ClusterBus::next_at`].
    pub fn next_at(&self) -> Option<SimTime> {
        match &self.place {
            Place::Own(bus) => bus.next_at(),
            Place::In {
                history,
                span,
                wakes,
            } => history.spans.borrow().all[*span].next_at(*wakes),
        }
    }

    /// As [`ClusterBus::spec`].
    pub fn spec(&self) -> &ClusterBusSpec {
        match &self.place {
            Place::Own(bus) => bus.spec(),
            Place::In { history, .. } => &history.birth.spec,
        }
    }

    /// Does a member serve its slots, as [`super::View::ok`] says?
    pub fn ok(&self, member: Member) -> bool {
        match &self.place {
            Place::Own(bus) => bus.view(member).ok(),
            Place::In { .. } => self.ok >> member.index() & 1 == 1,
        }
    }

    /// As [`ClusterBus::tell`].
    ///
    /// # Errors
    /// As [`ClusterBus::tell`].
    pub fn tell(
        &mut self,
        now: SimTime,
        input: BusInput,
        out: &mut BusEffects,
    ) -> Result<(), ManualFailoverError> {
        let (history, span, wakes) = match &mut self.place {
            Place::Own(bus) => return bus.tell(now, input, out),
            Place::In {
                history,
                span,
                wakes,
            } => (history, span, wakes),
        };
        let mut spans = history.spans.borrow_mut();
        let recorded = spans.step(*span, *wakes, now, input);
        if recorded.is_none() && spans.bytes > BYTES_MAX {
            let bus = spans.bus(&history.birth, *span, *wakes);
            drop(spans);
            self.place = Place::Own(bus);
            return self.tell(now, input, out);
        }
        let step =
            recorded.unwrap_or_else(|| spans.record(&history.birth, (*span, *wakes), now, input));
        (*span, *wakes) = step;
        let reached = &spans.all[*span];
        let heard = reached.heard_at(*wakes);
        out.extend_from_slice(heard);
        if *wakes == 0 {
            self.ok = reached.ok;
            return reached.answer;
        }
        note(&mut self.ok, heard);
        Ok(())
    }
}

impl SharedBus {
    /// Lets it do what is due `now`, and what is due after that for as long as nothing comes of it
    /// and `pass` moves time on to then. Returns where time stands.
    pub fn advance(
        &mut self,
        mut now: SimTime,
        mut pass: impl FnMut(SimTime) -> bool,
        out: &mut BusEffects,
    ) -> SimTime {
        loop {
            now = self.read_on(now, &mut pass);
            // Only a manual failover can be refused.
            let _ = self.tell(now, BusInput::Advance, out);
            let next = self.next_at().map(|at| at.max(now));
            match next.filter(|next| out.is_empty() && pass(*next)) {
                Some(next) => now = next,
                None => return now,
            }
        }
    }

    /// Passes over wakes on record of which nothing came; the last is left.
    fn read_on(&mut self, mut now: SimTime, mut pass: impl FnMut(SimTime) -> bool) -> SimTime {
        let Place::In {
            history,
            span,
            wakes,
        } = &mut self.place
        else {
            return now;
        };
        let spans = history.spans.borrow();
        let here = &spans.all[*span];
        while here.wakes.get(*wakes).is_some_and(|wake| wake.at == now)
            && here.heard_at(*wakes + 1).is_empty()
            && let Some(next) = here.next_at(*wakes + 1)
            && pass(next.max(now))
        {
            *wakes += 1;
            now = next.max(now);
        }
        now
    }
}

/// Which members serve their slots after these effects.
fn note(ok: &mut u64, effects: &[(SimTime, BusEffect)]) {
    for (_, effect) in effects {
        if let BusEffect::ClusterState { of, ok: serves } = *effect {
            let bit = 1 << of.index();
            *ok = if serves { *ok | bit } else { *ok & !bit };
        }
    }
}

/// Which members of a bus serve their slots.
fn serving(bus: &ClusterBus) -> u64 {
    let bits = bus.members().filter(|member| bus.view(*member).ok());
    bits.fold(0, |bits, member| bits | 1 << member.index())
}

impl History {
    fn new(birth: Birth) -> History {
        let bus = Box::new(birth.bus());
        let span = Span {
            from: None,
            at: birth.origin,
            input: BusInput::Advance,
            answer: Ok(()),
            ok: serving(&bus),
            effects: Vec::new(),
            at_once: 0,
            wakes: Vec::new(),
            next: bus.next_at(),
            branches: Vec::new(),
            saved: Vec::new(),
            unsaved: 0,
            tip: Some(bus),
        };
        let all = vec![span];
        History {
            birth,
            spans: RefCell::new(Spans { all, bytes: 0 }),
        }
    }
}

impl Span {
    fn next_at(&self, wakes: usize) -> Option<SimTime> {
        self.wakes
            .get(wakes)
            .map_or(self.next, |wake| Some(wake.at))
    }

    /// Is this what the bus has asked for: to go on when something is due?
    fn is_wake(&self, wakes: usize, now: SimTime, input: BusInput) -> bool {
        input == BusInput::Advance && self.next_at(wakes) == Some(now)
    }

    /// What was heard at wake number `wake`, counted from 1; 0 is what was told.
    fn heard_at(&self, wake: usize) -> &[(SimTime, BusEffect)] {
        match wake.checked_sub(1) {
            None => &self.effects[..self.at_once],
            Some(last) => {
                let before = last.checked_sub(1);
                let from = before.map_or(self.at_once, |before| self.wakes[before].effects);
                &self.effects[from..self.wakes[last].effects]
            }
        }
    }

    /// The last bus saved by then, and how many wakes have passed since.
    fn saved_by(&self, wakes: usize) -> Option<&(usize, ClusterBus)> {
        self.saved.iter().rev().find(|(at, _)| *at <= wakes)
    }

    /// Wakes from the last saved bus until then.
    fn unsaved_at(&self, wakes: usize) -> usize {
        let saved = self.saved_by(wakes).map(|(at, _)| wakes - at);
        saved.unwrap_or(self.unsaved + wakes)
    }
}

impl Spans {
    /// Where this input leads from a place, if some design has given it there.
    fn step(
        &self,
        span: usize,
        wakes: usize,
        now: SimTime,
        input: BusInput,
    ) -> Option<(usize, usize)> {
        let here = &self.all[span];
        if here.is_wake(wakes, now, input) {
            return (wakes < here.wakes.len()).then_some((span, wakes + 1));
        }
        let same = |(at, branch): &&(usize, usize)| {
            let begun = &self.all[*branch];
            *at == wakes && begun.at == now && begun.input == input
        };
        let branch = here.branches.iter().find(same);
        branch.map(|(_, branch)| (*branch, 0))
    }

    /// Gives a bus an input for the first time, and records what it does.
    fn record(
        &mut self,
        birth: &Birth,
        (span, wakes): (usize, usize),
        now: SimTime,
        input: BusInput,
    ) -> (usize, usize) {
        if self.all[span].is_wake(wakes, now, input) {
            self.record_wake(birth, span, now);
            return (span, wakes + 1);
        }
        (self.record_branch(birth, (span, wakes), now, input), 0)
    }

    fn record_branch(
        &mut self,
        birth: &Birth,
        from: (usize, usize),
        at: SimTime,
        input: BusInput,
    ) -> usize {
        let (parent, wakes) = from;
        let mut bus = self.bus(birth, parent, wakes);
        let mut effects = BusEffects::new();
        let answer = bus.tell(at, input, &mut effects);
        let number = self.all.len();
        self.bytes += size_of::<Span>() + effects.len() * size_of::<(SimTime, BusEffect)>();
        let parent = &mut self.all[parent];
        parent.branches.push((wakes, number));
        let unsaved = parent.unsaved_at(wakes);
        self.all.push(Span {
            from: Some(from),
            at,
            input,
            answer,
            ok: serving(&bus),
            at_once: effects.len(),
            effects,
            wakes: Vec::new(),
            next: bus.next_at(),
            branches: Vec::new(),
            saved: Vec::new(),
            unsaved,
            tip: Some(bus),
        });
        number
    }

    /// Lets the bus at the end of a span do what is due now.
    fn record_wake(&mut self, birth: &Birth, number: usize, now: SimTime) {
        let mut bus = self.bus(birth, number, self.all[number].wakes.len());
        let span = &mut self.all[number];
        let heard = span.effects.len();
        bus.advance(now, &mut span.effects);
        let effects = span.effects.len();
        span.wakes.push(Wake { at: now, effects });
        span.next = bus.next_at();
        span.tip = Some(bus);
        let written = size_of::<Wake>() + (effects - heard) * size_of::<(SimTime, BusEffect)>();
        self.bytes += written;
    }

    /// A bus as it was after so many wakes of a span: the one that stands there, or a copy of one
    /// saved earlier that has done again what came since.
    fn bus(&mut self, birth: &Birth, number: usize, wakes: usize) -> Box<ClusterBus> {
        let span = &mut self.all[number];
        let bus = match span.tip.take_if(|_| wakes == span.wakes.len()) {
            Some(bus) => bus,
            None => Box::new(self.repeated(birth, number, wakes)),
        };
        let span = &mut self.all[number];
        if span.unsaved_at(wakes) >= WAKES_UNSAVED_MAX {
            let place = span.saved.partition_point(|(at, _)| *at < wakes);
            span.saved.insert(place, (wakes, (*bus).clone()));
            self.bytes += birth.bytes() + bus.packets() * birth.packet_bytes();
        }
        bus
    }

    fn repeated(&self, birth: &Birth, number: usize, wakes: usize) -> ClusterBus {
        // The way back to a saved bus.
        let mut way = vec![(number, wakes)];
        let (mut bus, mut done) = loop {
            let (number, wakes) = way[way.len() - 1];
            let span = &self.all[number];
            match (span.saved_by(wakes), span.from) {
                (Some((at, bus)), _) => break (bus.clone(), *at),
                (None, Some(from)) => way.push(from),
                (None, None) => break (birth.bus(), 0),
            }
        };
        let mut heard = BusEffects::new();
        while let Some((number, wakes)) = way.pop() {
            for wake in &self.all[number].wakes[done..wakes] {
                bus.advance(wake.at, &mut heard);
            }
            done = 0;
            if let Some((next, _)) = way.last() {
                let next = &self.all[*next];
                let _ = bus.tell(next.at, next.input, &mut heard);
            }
        }
        bus
    }
}

impl Birth {
    /// About how many bytes a saved bus takes: each member keeps columns of all members.
    fn bytes(&self) -> usize {
        4096 + self.layout.len() * (1024 + 96 * self.layout.len())
    }

    /// The same of a packet that is under way or unread, with as much gossip as it may have.
    fn packet_bytes(&self) -> usize {
        128 + size_of::<Gossip>() * self.layout.len()
    }
}
