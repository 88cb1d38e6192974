//! W2, M/M/1 at 90% load: one server, service Exp(1), arrivals 0.9 a second, first come first
//! served. The mean wait in the queue is 9 seconds in theory, and the same number on both sides.

use std::collections::VecDeque;

use rand::RngExt;
use rand_distr::Exp1;
use sim::{Agenda, Model, Purpose, Rng, SimDuration, SimTime, Streams};

use crate::bare::{Heap, PackedHeap, nanos};
use crate::{Check, Cost, Outcome, timed};

const LOAD: f64 = 0.9;

#[derive(Clone, Copy)]
enum Event {
    Arrived,
    Served,
}

struct Station {
    arrivals: Rng,
    services: Rng,
    /// When those who wait arrived; the one in service is no longer here.
    queue: VecDeque<SimTime>,
    busy: bool,
    customers_left: u64,
    wait_sum_s: f64,
}

impl Station {
    fn serve(&mut self, arrived: SimTime, agenda: &mut Agenda<Event>) {
        self.busy = true;
        self.wait_sum_s += (agenda.now() - arrived).as_secs_f64();
        let service: f64 = self.services.sample(Exp1);
        agenda.after(SimDuration::from_secs_f64(service), Event::Served);
    }
}

impl Model for Station {
    type Event = Event;

    fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
        match event {
            Event::Arrived => {
                self.customers_left -= 1;
                if self.customers_left > 0 {
                    let gap: f64 = self.arrivals.sample(Exp1);
                    agenda.after(SimDuration::from_secs_f64(gap / LOAD), Event::Arrived);
                }
                if self.busy {
                    self.queue.push_back(agenda.now());
                } else {
                    self.serve(agenda.now(), agenda);
                }
            }
            Event::Served => match self.queue.pop_front() {
                Some(arrived) => self.serve(arrived, agenda),
                None => self.busy = false,
            },
        }
    }
}

pub fn ours(customers: u64) -> (Outcome, Cost) {
    let mut station = Station {
        arrivals: rng(1),
        services: rng(2),
        queue: VecDeque::new(),
        busy: false,
        customers_left: customers,
        wait_sum_s: 0.0,
    };
    let mut agenda = Agenda::new();
    agenda.after(SimDuration::ZERO, Event::Arrived);
    let (result, cost) = timed(|| sim::run(&mut station, &mut agenda, SimTime::MAX, u64::MAX));
    let events = result.expect("there is no limit").events;
    (
        Outcome {
            events,
            check: Check::WaitMean(station.wait_sum_s / customers as f64),
        },
        cost,
    )
}

pub fn bare(customers: u64) -> (Outcome, Cost) {
    let (mut arrivals, mut services) = (rng(1), rng(2));
    let mut queue = VecDeque::new();
    let mut heap = Heap::new();
    let (mut busy, mut customers_left) = (false, customers);
    let (mut wait_sum_s, mut events) = (0.0, 0);
    heap.push(0, Event::Arrived);
    let ((), cost) = timed(|| {
        while let Some(entry) = heap.pop() {
            events += 1;
            let now = entry.time;
            match entry.event {
                Event::Arrived => {
                    customers_left -= 1;
                    if customers_left > 0 {
                        let gap: f64 = arrivals.sample(Exp1);
                        heap.push(now + nanos(gap / LOAD), Event::Arrived);
                    }
                    if busy {
                        queue.push_back(now);
                    } else {
                        busy = true;
                        heap.push(now + nanos(services.sample(Exp1)), Event::Served);
                    }
                }
                Event::Served => match queue.pop_front() {
                    Some(arrived) => {
                        wait_sum_s += (now - arrived) as f64 / 1e9;
                        heap.push(now + nanos(services.sample(Exp1)), Event::Served);
                    }
                    None => busy = false,
                },
            }
        }
    });
    (
        Outcome {
            events,
            check: Check::WaitMean(wait_sum_s / customers as f64),
        },
        cost,
    )
}

/// The bare loop written to be fast.
pub fn packed(customers: u64) -> (Outcome, Cost) {
    const ARRIVED: u16 = 0;
    const SERVED: u16 = 1;
    let (mut arrivals, mut services) = (rng(1), rng(2));
    let mut queue = VecDeque::new();
    let mut heap = PackedHeap::new();
    let (mut busy, mut customers_left) = (false, customers);
    let (mut wait_sum_s, mut events) = (0.0, 0);
    heap.push(0, ARRIVED);
    let ((), cost) = timed(|| {
        while let Some((now, event)) = heap.pop() {
            events += 1;
            if event == ARRIVED {
                customers_left -= 1;
                if customers_left > 0 {
                    let gap: f64 = arrivals.sample(Exp1);
                    heap.push(now + nanos(gap / LOAD), ARRIVED);
                }
                if busy {
                    queue.push_back(now);
                } else {
                    busy = true;
                    heap.push(now + nanos(services.sample(Exp1)), SERVED);
                }
            } else if let Some(arrived) = queue.pop_front() {
                wait_sum_s += (now - arrived) as f64 / 1e9;
                heap.push(now + nanos(services.sample(Exp1)), SERVED);
            } else {
                busy = false;
            }
        }
    });
    (
        Outcome {
            events,
            check: Check::WaitMean(wait_sum_s / customers as f64),
        },
        cost,
    )
}

fn rng(entity: u64) -> Rng {
    Streams::for_trial(1, 0).stream(Purpose(2), entity)
}
