//! W1, the hold model: N events pending; each that fires is scheduled again after Exp(1) seconds.

use rand::RngExt;
use rand_distr::Exp1;
use sim::{Agenda, EngineError, Model, Purpose, Rng, SimDuration, SimTime, Streams};

use crate::bare::{Heap, nanos};
use crate::{Check, Cost, Outcome, timed};

#[derive(Clone, Copy)]
enum Event {
    Due(u32),
}

struct Hold {
    rng: Rng,
    order_hash: u64,
}

impl Model for Hold {
    type Event = Event;

    fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
        let Event::Due(id) = event;
        self.order_hash = hashed(self.order_hash, id);
        let delay: f64 = self.rng.sample(Exp1);
        agenda.after(SimDuration::from_secs_f64(delay), Event::Due(id));
    }
}

pub fn ours(pending: u32, events: u64) -> (Outcome, Cost) {
    let mut hold = Hold {
        rng: rng(),
        order_hash: 0,
    };
    let mut agenda = Agenda::new();
    for id in 0..pending {
        let delay: f64 = hold.rng.sample(Exp1);
        agenda.after(SimDuration::from_secs_f64(delay), Event::Due(id));
    }
    let (result, cost) = timed(|| sim::run(&mut hold, &mut agenda, SimTime::MAX, events));
    // The hold model never runs dry: the limit is how it ends.
    assert!(matches!(result, Err(EngineError::EventLimit { .. })));
    (
        Outcome {
            events,
            check: Check::Order(hold.order_hash),
        },
        cost,
    )
}

pub fn bare(pending: u32, events: u64) -> (Outcome, Cost) {
    let mut rng = rng();
    let mut heap = Heap::new();
    for id in 0..pending {
        heap.push(nanos(rng.sample(Exp1)), Event::Due(id));
    }
    let (order_hash, cost) = timed(|| {
        let mut order_hash = 0;
        for _ in 0..events {
            let entry = heap.pop().expect("the hold model never runs dry");
            let Event::Due(id) = entry.event;
            order_hash = hashed(order_hash, id);
            heap.push(entry.time + nanos(rng.sample(Exp1)), Event::Due(id));
        }
        order_hash
    });
    (
        Outcome {
            events,
            check: Check::Order(order_hash),
        },
        cost,
    )
}

fn rng() -> Rng {
    Streams::for_trial(1, 0).stream(Purpose(1), 0)
}

fn hashed(hash: u64, id: u32) -> u64 {
    (hash.rotate_left(5) ^ u64::from(id)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
