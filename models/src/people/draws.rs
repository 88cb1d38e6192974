//! What an incident's people take for each of their steps, drawn when it begins.
//!
//! The delays before anybody acts come first and in a fixed order, so that the first incident of
//! trial 17 meets the same people under every design. A step of the runbook draws from a stream of
//! its action: the same resize takes equally long in whatever order a runbook puts it.

use rand::RngExt;
use sim::dist::Dist;
use sim::{SimDuration, Streams};

use super::spec::PeopleSpec;
use crate::ledger::Ledger;
use crate::runbook::StepSpec;
use crate::streams;

/// One incident's delays.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    pub notice: SimDuration,
    pub acknowledge: SimDuration,
    pub diagnose: SimDuration,
    pub diagnose_named: SimDuration,
    /// In the order of the runbook.
    pub steps: Vec<StepDraws>,
}

/// What one step takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepDraws {
    pub tried: bool,
    pub takes: SimDuration,
    pub verify: SimDuration,
    pub diagnose_again: SimDuration,
    pub decide: Option<SimDuration>,
}

impl Draws {
    /// The delays of incident number `incident`.
    pub fn new(spec: &PeopleSpec, streams: &Streams, incident: u64) -> Draws {
        let mut rng = streams.stream(streams::PEOPLE, incident);
        let gap = rng.random::<f64>() < spec.alert_gap.get();
        let (alerted, unalerted) = (
            spec.notice.sample(&mut rng),
            spec.notice_unalerted.sample(&mut rng),
        );
        Draws {
            notice: if gap { unalerted } else { alerted },
            acknowledge: spec.acknowledge.sample(&mut rng),
            diagnose: spec.diagnose.sample(&mut rng),
            diagnose_named: spec.diagnose_named.sample(&mut rng),
            steps: steps(spec, streams, incident),
        }
    }

    /// Puts them on record as those of the first incident, a step by its action and how often that
    /// stands before it in the runbook.
    pub fn record(&self, runbook: &[StepSpec], ledger: &mut Ledger) {
        for (name, took) in [
            ("notice", self.notice),
            ("acknowledge", self.acknowledge),
            ("diagnose", self.diagnose),
            ("diagnose_named", self.diagnose_named),
        ] {
            ledger.draw(format!("people: {name}"), took);
        }
        for (i, (step, draws)) in runbook.iter().zip(&self.steps).enumerate() {
            let name = step.action.remedy().about().name;
            let same = |other: &&StepSpec| other.action.remedy().about().name == name;
            let number = runbook[..=i].iter().filter(same).count();
            let decide = draws.decide.unwrap_or(SimDuration::ZERO);
            let (tried, again) = (draws.tried, draws.diagnose_again);
            let (takes, verify) = (draws.takes, draws.verify);
            let all = format!("{tried}, {decide}, {takes}, {verify}, {again}");
            ledger.draw(format!("people: {name} {number}"), all);
        }
    }
}

/// Each action's first step in the runbook takes the first draws of that action, and so on.
fn steps(spec: &PeopleSpec, streams: &Streams, incident: u64) -> Vec<StepDraws> {
    let key = streams.key(streams::PEOPLE_STEP, incident);
    let one = |(i, step): (usize, &StepSpec)| {
        let number = step.action.remedy().about().number;
        let same = |other: &&StepSpec| other.action.remedy().about().number == number;
        let earlier = spec.runbook[..i].iter().filter(same).count();
        let mut rng = key.at(number, earlier as u64);
        let chance: f64 = rng.random();
        StepDraws {
            tried: step.chance.is_none_or(|likely| chance < likely.get()),
            takes: step.takes.sample(&mut rng),
            verify: spec.verify.sample(&mut rng),
            diagnose_again: spec.diagnose.sample(&mut rng),
            decide: step.decide.as_ref().map(|dist| dist.sample(&mut rng)),
        }
    };
    spec.runbook.iter().enumerate().map(one).collect()
}

/// What a false page costs: until it is acknowledged, and until it is seen to be one.
pub(super) fn false_page(
    spec: &PeopleSpec,
    streams: &Streams,
    page: u64,
) -> (SimDuration, SimDuration) {
    let mut rng = streams.stream(streams::FALSE_PAGE, page);
    let acknowledge = spec.acknowledge.sample(&mut rng);
    let look = |dist: &Dist| dist.sample(&mut rng);
    let look = spec.look.as_ref().map(look);
    (
        acknowledge,
        look.expect("validated: false alarms need a look"),
    )
}
