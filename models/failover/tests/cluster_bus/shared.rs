//! A bus that reads in the history of others says what a bus of its own says.

use failover::cluster_bus::*;
use rand::RngExt;
use sim::{Purpose, SimDuration, SimTime, Streams};

use super::drive::{layout, spec};

const WORLDS: u64 = 60;

/// What one design tells its bus.
type Script = Vec<(SimTime, BusInput)>;

/// What a script is played on.
trait Bus {
    fn next_at(&self) -> Option<SimTime>;
    fn tell(&mut self, now: SimTime, input: BusInput, out: &mut BusEffects) -> bool;
    fn is_ok(&self, member: Member) -> bool;
}

macro_rules! bus {
    ($bus:ty, $ok:expr) => {
        impl Bus for $bus {
            fn next_at(&self) -> Option<SimTime> {
                <$bus>::next_at(self)
            }

            fn tell(&mut self, now: SimTime, input: BusInput, out: &mut BusEffects) -> bool {
                <$bus>::tell(self, now, input, out).is_ok()
            }

            fn is_ok(&self, member: Member) -> bool {
                $ok(self, member)
            }
        }
    };
}

bus!(ClusterBus, |bus: &ClusterBus, member| bus.view(member).ok());
bus!(SharedBus, SharedBus::ok);

/// All that the world of a script hears: effects, answers, and when the bus asks to be called.
fn played(bus: &mut impl Bus, members: u16, script: &Script) -> Vec<String> {
    let mut heard = Vec::new();
    let mut out = BusEffects::new();
    for (at, action) in script {
        while let Some(next) = bus.next_at().filter(|next| next <= at) {
            bus.tell(next, BusInput::Advance, &mut out);
            let ok: Vec<bool> = (0..members).map(|m| bus.is_ok(Member(m))).collect();
            heard.push(format!("{next} {ok:?} {:?}", std::mem::take(&mut out)));
        }
        // Some worlds call when nothing is due.
        if at.as_nanos() % 5 == 0 {
            bus.tell(*at, BusInput::Advance, &mut out);
        }
        let answer = bus.tell(*at, *action, &mut out);
        let ok: Vec<bool> = (0..members).map(|m| bus.is_ok(Member(m))).collect();
        let effects = std::mem::take(&mut out);
        heard.push(format!("{at} {answer} {ok:?} {effects:?}"));
    }
    heard
}

/// The same from a bus that goes on by itself while nothing comes of it, up to the next action.
fn passed(bus: &mut SharedBus, members: u16, script: &Script) -> Vec<String> {
    let mut heard = Vec::new();
    let mut out = BusEffects::new();
    for (at, action) in script {
        while let Some(next) = bus.next_at().filter(|next| next <= at) {
            let now = bus.advance(next, |next| next <= *at, &mut out);
            let ok: Vec<bool> = (0..members).map(|m| bus.ok(Member(m))).collect();
            heard.push(format!("{now} {ok:?} {:?}", std::mem::take(&mut out)));
        }
        if at.as_nanos() % 5 == 0 {
            let _ = bus.tell(*at, BusInput::Advance, &mut out);
        }
        let answer = bus.tell(*at, *action, &mut out).is_ok();
        let ok: Vec<bool> = (0..members).map(|m| bus.ok(Member(m))).collect();
        let effects = std::mem::take(&mut out);
        heard.push(format!("{at} {answer} {ok:?} {effects:?}"));
    }
    heard.retain(|said| !said.ends_with("[]"));
    heard
}

#[test]
fn a_shared_bus_says_what_a_bus_of_its_own_says() {
    let mut same = 0;
    for seed in 0..WORLDS {
        let mut rng = Streams::for_trial(seed, 0).stream(Purpose(5), 0);
        let (shards, replicas) = (rng.random_range(1..5), rng.random_range(1..3));
        let members = shards * (1 + replicas);
        let layout = layout(shards, replicas);
        let spec = spec([500, 2000, 15_000][rng.random_range(0..3)]);
        let key = Streams::for_trial(seed, 0).key(Purpose(7), 0);
        let histories = BusHistories::default();
        let mut scripts: Vec<Script> = vec![Script::new()];
        for design in 0..8 {
            // The beginning of an earlier design's script, then something else.
            let earlier = &scripts[rng.random_range(0..scripts.len())];
            let common = rng.random_range(0..=earlier.len());
            let mut script = earlier[..common].to_vec();
            let mut at = script.last().map_or(SimTime::ZERO, |(at, _)| *at);
            for _ in 0..rng.random_range(0..12) {
                at += SimDuration::from_millis(rng.random_range(0..20_000));
                script.push((at, action(members, at, &mut rng)));
            }
            let mut own = ClusterBus::new(spec.clone(), &layout, key, SimTime::ZERO);
            let birth = (key, SimTime::ZERO);
            let mut shared = SharedBus::new(&histories, &spec, layout.clone(), birth, false);
            let mut again = shared.clone();
            let mut alone = played(&mut own, members, &script);
            if design % 2 == 0 {
                // It goes on by itself before anything is on record.
                passed(&mut shared.clone(), members, &script);
            }
            let together = played(&mut shared, members, &script);
            assert_eq!(alone, together, "seed {seed}, design {design}");
            alone.retain(|said| !said.ends_with("[]"));
            let going_on = passed(&mut again, members, &script);
            assert_eq!(alone, going_on, "seed {seed}, design {design}");
            same += usize::from(common > 0);
            scripts.push(script);
        }
    }
    assert!(same > 100, "too few designs had anything in common: {same}");
}

fn action(members: u16, now: SimTime, rng: &mut sim::Rng) -> BusInput {
    let member = Member(rng.random_range(0..members));
    let other = Member(rng.random_range(0..members));
    match rng.random_range(0..8) {
        0..3 => {
            let states = [Process::Dead, Process::Hung, Process::Loading];
            BusInput::Process(member, states[rng.random_range(0..3)])
        }
        3..5 => BusInput::Process(member, Process::Running),
        5 => BusInput::Reachable(member, other, rng.random_range(0..2) == 0),
        6 => BusInput::Replication(
            member,
            rng.random_range(0..3),
            ReplicaLink::Silent { since: now },
        ),
        _failover => BusInput::ManualFailover(member, ManualFailover::Force),
    }
}
