//! W3, a failover toy: six nodes beat every 100 ms; 1,000 requests a second, served one after the
//! other in Exp(0.3 ms); the primary dies half way, is missed after 2 s and replaced 1 s later. A
//! request that finds no primary is lost after 1 s; those at the primary when it dies are lost.

use rand::RngExt;
use rand_distr::Exp1;
use sim::{Agenda, EventKey, Model, Purpose, Rng, SimDuration, SimTime, Streams};

use crate::bare::{Heap, PackedHeap, nanos};
use crate::{Check, Cost, Outcome, timed};

const NODES: u8 = 6;
const BEAT_NANOS: u64 = 100_000_000;
const DETECTION_NANOS: u64 = 2_000_000_000;
const PROMOTION_NANOS: u64 = 1_000_000_000;
const TIMEOUT_NANOS: u64 = 1_000_000_000;
const GAP_S: f64 = 0.001;
const SERVICE_S: f64 = 0.0003;

#[derive(Clone, Copy)]
enum Event {
    Beat(u8),
    Requested,
    /// In the bare loop, the number of the primary that served: it cannot take an event back.
    Served(u32),
    PrimaryDied,
    Detected,
    Promoted,
    TimedOut,
}

struct Shard {
    gaps: Rng,
    services: Rng,
    primary_up: bool,
    primary: u8,
    last_beat: [SimTime; NODES as usize],
    queue: u64,
    service: Option<EventKey>,
    lost: u64,
}

impl Shard {
    fn serve_next(&mut self, agenda: &mut Agenda<Event>) {
        self.service = (self.queue > 0).then(|| {
            let service: f64 = self.services.sample(Exp1);
            agenda.after(
                SimDuration::from_secs_f64(service * SERVICE_S),
                Event::Served(0),
            )
        });
    }
}

impl Model for Shard {
    type Event = Event;

    fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
        match event {
            Event::Beat(node) => {
                self.last_beat[usize::from(node)] = agenda.now();
                if self.primary_up || node != self.primary {
                    agenda.after(SimDuration::from_nanos(BEAT_NANOS), Event::Beat(node));
                }
            }
            Event::Requested => {
                let gap: f64 = self.gaps.sample(Exp1);
                agenda.after(SimDuration::from_secs_f64(gap * GAP_S), Event::Requested);
                if !self.primary_up {
                    agenda.after(SimDuration::from_nanos(TIMEOUT_NANOS), Event::TimedOut);
                    return;
                }
                self.queue += 1;
                if self.queue == 1 {
                    self.serve_next(agenda);
                }
            }
            Event::Served(_) => {
                self.queue -= 1;
                self.serve_next(agenda);
            }
            Event::PrimaryDied => {
                self.primary_up = false;
                self.lost += self.queue;
                self.queue = 0;
                if let Some(service) = self.service.take() {
                    agenda.cancel(service);
                }
                agenda.after(SimDuration::from_nanos(DETECTION_NANOS), Event::Detected);
            }
            Event::Detected => {
                agenda.after(SimDuration::from_nanos(PROMOTION_NANOS), Event::Promoted);
            }
            Event::Promoted => {
                self.primary += 1;
                self.primary_up = true;
            }
            Event::TimedOut => self.lost += 1,
        }
    }
}

pub fn ours(seconds: u64) -> (Outcome, Cost) {
    let mut shard = Shard {
        gaps: rng(1),
        services: rng(2),
        primary_up: true,
        primary: 0,
        last_beat: [SimTime::ZERO; NODES as usize],
        queue: 0,
        service: None,
        lost: 0,
    };
    let mut agenda = Agenda::new();
    for node in 0..NODES {
        agenda.at(SimTime::from_nanos(phase_nanos(node)), Event::Beat(node));
    }
    agenda.at(SimTime::ZERO, Event::Requested);
    let end = SimTime::ZERO + SimDuration::from_secs(seconds);
    agenda.at(SimTime::from_nanos(end.as_nanos() / 2), Event::PrimaryDied);
    let (result, cost) = timed(|| sim::run(&mut shard, &mut agenda, end, u64::MAX));
    let events = result.expect("there is no limit").events;
    (
        Outcome {
            events,
            check: Check::Lost(shard.lost),
        },
        cost,
    )
}

pub fn bare(seconds: u64) -> (Outcome, Cost) {
    let (mut gaps, mut services) = (rng(1), rng(2));
    let (mut primary_up, mut primary, mut served_by) = (true, 0, 0);
    let mut last_beat = [0; NODES as usize];
    let (mut queue, mut lost, mut events) = (0, 0, 0);
    let end = seconds * 1_000_000_000;
    let mut heap = Heap::new();
    for node in 0..NODES {
        heap.push(phase_nanos(node), Event::Beat(node));
    }
    heap.push(0, Event::Requested);
    heap.push(end / 2, Event::PrimaryDied);
    let ((), cost) = timed(|| {
        while let Some(entry) = heap.pop().filter(|entry| entry.time < end) {
            events += 1;
            let now = entry.time;
            let mut service = || nanos(services.sample::<f64, _>(Exp1) * SERVICE_S);
            match entry.event {
                Event::Beat(node) => {
                    last_beat[usize::from(node)] = now;
                    if primary_up || node != primary {
                        heap.push(now + BEAT_NANOS, Event::Beat(node));
                    }
                }
                Event::Requested => {
                    let gap: f64 = gaps.sample(Exp1);
                    heap.push(now + nanos(gap * GAP_S), Event::Requested);
                    if !primary_up {
                        heap.push(now + TIMEOUT_NANOS, Event::TimedOut);
                        continue;
                    }
                    queue += 1;
                    if queue == 1 {
                        heap.push(now + service(), Event::Served(served_by));
                    }
                }
                Event::Served(by) if by == served_by => {
                    queue -= 1;
                    if queue > 0 {
                        heap.push(now + service(), Event::Served(served_by));
                    }
                }
                // Of the dead primary: this side has to let it fire, and does not count it.
                Event::Served(_) => events -= 1,
                Event::PrimaryDied => {
                    primary_up = false;
                    lost += queue;
                    queue = 0;
                    served_by += 1;
                    heap.push(now + DETECTION_NANOS, Event::Detected);
                }
                Event::Detected => heap.push(now + PROMOTION_NANOS, Event::Promoted),
                Event::Promoted => {
                    primary += 1;
                    primary_up = true;
                }
                Event::TimedOut => lost += 1,
            }
        }
    });
    std::hint::black_box(last_beat);
    (
        Outcome {
            events,
            check: Check::Lost(lost),
        },
        cost,
    )
}

// Events of the packed loop. The lower byte says what happened, the upper byte where: the node that
// beats, or the number of the primary that served.
const BEAT: u8 = 0;
const REQUESTED: u16 = 1;
const SERVED: u8 = 2;
const PRIMARY_DIED: u16 = 3;
const DETECTED: u16 = 4;
const PROMOTED: u16 = 5;
const TIMED_OUT: u16 = 6;

/// The bare loop written to be fast.
pub fn packed(seconds: u64) -> (Outcome, Cost) {
    let coded = |kind: u8, number: u8| u16::from_le_bytes([kind, number]);

    let (mut gaps, mut services) = (rng(1), rng(2));
    let (mut primary_up, mut primary, mut served_by) = (true, 0, 0);
    let mut last_beat = [0; NODES as usize];
    let (mut queue, mut lost, mut events) = (0, 0, 0);
    let end = seconds * 1_000_000_000;
    let mut heap = PackedHeap::new();
    for node in 0..NODES {
        heap.push(phase_nanos(node), coded(BEAT, node));
    }
    heap.push(0, REQUESTED);
    heap.push(end / 2, PRIMARY_DIED);
    let ((), cost) = timed(|| {
        while let Some((now, event)) = heap.pop().filter(|(time, _)| *time < end) {
            events += 1;
            let mut service = || nanos(services.sample::<f64, _>(Exp1) * SERVICE_S);
            let [kind, number] = event.to_le_bytes();
            if kind == SERVED && number == served_by {
                queue -= 1;
                if queue > 0 {
                    heap.push(now + service(), event);
                }
            } else if event == REQUESTED {
                let gap: f64 = gaps.sample(Exp1);
                heap.push(now + nanos(gap * GAP_S), REQUESTED);
                if !primary_up {
                    heap.push(now + TIMEOUT_NANOS, TIMED_OUT);
                    continue;
                }
                queue += 1;
                if queue == 1 {
                    heap.push(now + service(), coded(SERVED, served_by));
                }
            } else if kind == BEAT {
                last_beat[usize::from(number)] = now;
                if primary_up || number != primary {
                    heap.push(now + BEAT_NANOS, event);
                }
            } else if kind == SERVED {
                // Of the dead primary: this side has to let it fire, and does not count it.
                events -= 1;
            } else if event == PRIMARY_DIED {
                primary_up = false;
                lost += queue;
                queue = 0;
                served_by += 1;
                heap.push(now + DETECTION_NANOS, DETECTED);
            } else if event == DETECTED {
                heap.push(now + PROMOTION_NANOS, PROMOTED);
            } else if event == PROMOTED {
                primary += 1;
                primary_up = true;
            } else {
                lost += 1;
            }
        }
    });
    std::hint::black_box(last_beat);
    (
        Outcome {
            events,
            check: Check::Lost(lost),
        },
        cost,
    )
}

fn phase_nanos(node: u8) -> u64 {
    BEAT_NANOS * u64::from(node) / u64::from(NODES)
}

fn rng(entity: u64) -> Rng {
    Streams::for_trial(1, 0).stream(Purpose(3), entity)
}
