//! The agenda against the simplest thing that could be right: a vector, sorted on demand.
//!
//! Random scripts schedule, cancel, pop and look; after every step both must agree about all that
//! can be seen. Times are drawn from a few values, so that ties are the rule.

use proptest::prelude::*;
use sim::{Agenda, EventKey, SimDuration, SimTime};

#[derive(Clone, Debug)]
enum Step {
    After(u64),
    Cancel(usize),
    Pop,
    PopBefore(u64),
}

/// What the agenda promises, word for word.
#[derive(Default)]
struct Oracle {
    now: u64,
    scheduled: usize,
    /// (time, number of the event), pending.
    pending: Vec<(u64, usize)>,
}

impl Oracle {
    fn schedule(&mut self, time: u64) -> usize {
        self.pending.push((time, self.scheduled));
        self.scheduled += 1;
        self.scheduled - 1
    }

    fn cancel(&mut self, event: usize) -> bool {
        let before = self.pending.len();
        self.pending.retain(|(_, pending)| *pending != event);
        self.pending.len() < before
    }

    fn pop_before(&mut self, end: u64) -> Option<(SimTime, usize)> {
        self.pending.sort_unstable();
        let (time, event) = *self.pending.first().filter(|(time, _)| *time < end)?;
        self.pending.remove(0);
        self.now = time;
        Some((SimTime::from_nanos(time), event))
    }
}

fn step(kinds: [u32; 4], delay_max: u64) -> impl Strategy<Value = Step> {
    prop_oneof![
        kinds[0] => (0..=delay_max).prop_map(Step::After),
        kinds[1] => any::<usize>().prop_map(Step::Cancel),
        kinds[2] => Just(Step::Pop),
        kinds[3] => (0..=delay_max).prop_map(Step::PopBefore),
    ]
}

/// Scripts that mostly grow, hold steady, mostly cancel, or mostly empty the agenda.
fn script() -> impl Strategy<Value = Vec<Step>> {
    let kinds = prop_oneof![
        Just([6, 1, 2, 1]),
        Just([4, 0, 4, 0]),
        Just([5, 5, 1, 0]),
        Just([3, 2, 5, 2]),
        Just([8, 7, 1, 1]),
    ];
    let delay_max = prop_oneof![Just(0), Just(3), Just(100), Just(1_000_000_000)];
    (kinds, delay_max)
        .prop_flat_map(|(kinds, delay_max)| prop::collection::vec(step(kinds, delay_max), 1..400))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None,
                                        ..ProptestConfig::default() })]

    #[test]
    fn agenda_and_sorted_vector_agree(script in script()) {
        let mut agenda = Agenda::new();
        let mut oracle = Oracle::default();
        let mut keys: Vec<EventKey> = Vec::new();
        for step in script {
            match step {
                Step::After(delay) => {
                    let event = oracle.schedule(oracle.now + delay);
                    keys.push(agenda.after(SimDuration::from_nanos(delay), event));
                }
                Step::Cancel(pick) if !keys.is_empty() => {
                    let event = pick % keys.len();
                    prop_assert_eq!(agenda.cancel(keys[event]), oracle.cancel(event));
                }
                Step::Cancel(_) => {}
                Step::Pop => prop_assert_eq!(agenda.pop(), oracle.pop_before(u64::MAX)),
                Step::PopBefore(ahead) => {
                    let end = oracle.now + ahead;
                    let popped = agenda.pop_before(SimTime::from_nanos(end));
                    prop_assert_eq!(popped, oracle.pop_before(end));
                }
            }
            let next = oracle.pending.iter().min().map(|(time, _)| SimTime::from_nanos(*time));
            prop_assert_eq!(agenda.peek_time(), next);
            prop_assert_eq!(agenda.now(), SimTime::from_nanos(oracle.now));
            prop_assert_eq!(agenda.len(), oracle.pending.len());
            prop_assert_eq!(agenda.is_empty(), oracle.pending.is_empty());
        }
        while let Some(expected) = oracle.pop_before(u64::MAX) {
            prop_assert_eq!(agenda.pop(), Some(expected));
        }
        prop_assert_eq!(agenda.pop(), None);
    }
}
