//! The people who fix: they notice or are paged, come, find the cause, act, and verify.
//!
//! ```text
//! symptom --notice--> come --acknowledge--> diagnose --> step 1: decide, act, verify
//!    page by a check or an alert --^           ^                 | still failing
//!                                              |         step 2: decide, act, verify
//!    false page --> come, look, stand down     +-- at the end of the runbook ...
//! ```
//!
//! What each step takes is drawn for the incident as a whole when it begins (`draws`); which step
//! comes next follows from what people see (`runbook`); what an action does is not known here
//! (`crate::runbook`). People who find, when they look, that all is well again stand down;
//! a person at work is not paged again, but a page that names the cause shortens a diagnosis.
//! Left out: several people at once, hand-overs, and actions undone.

mod draws;
mod runbook;
pub mod spec;
mod symptoms;

use sim::{EventKey, SimDuration, SimTime, Streams};

use crate::event::{Cx, Event, PeopleTimer};
use crate::ids::ClusterId;
use crate::moment::MomentKind;
use crate::outcome::{RowGroup, Tone};
use draws::Draws;
use spec::{PeopleSpec, ReportedTimes};
pub use symptoms::{Symptoms, fails, is_full};

/// A step of the runbook begins or takes effect, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEvent {
    /// They begin a step that takes effect after this time.
    Begins(usize, SimDuration),
    /// It takes effect.
    TakesEffect(usize),
}

/// A page, as it reaches the person on call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Page<'a> {
    /// Who or what pages.
    pub by: &'a str,
    /// Does it name the node or the resource?
    pub named: bool,
    /// The cluster that it is about, if it names one.
    pub about: Option<ClusterId>,
    /// For a page about memory, the share of the limit that triggered it.
    pub memory: Option<f64>,
    /// Is it about latency?
    pub slow: bool,
}

/// Everybody on call, as one.
#[derive(Clone, Debug)]
pub struct People {
    spec: PeopleSpec,
    streams: Streams,
    stage: Stage,
    /// The event that ends the stage.
    due: Option<EventKey>,
    incident: u64,
    draws: Draws,
    named: bool,
    about: Option<ClusterId>,
    /// The lowest share of memory that they were paged for.
    paged_from: Option<f64>,
    /// They were paged for latency.
    paged_slow: bool,
    /// They came for memory, and nothing failed.
    for_memory: bool,
    /// The step to be looked at next.
    next: usize,
    /// The step under way, or done last.
    step: Option<usize>,
    /// When false pages came within the last day.
    false_pages: Vec<SimTime>,
    false_pages_ever: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Unaware,
    Coming,
    /// On the way to a false page, and then looking at it for so long.
    Misled {
        look: SimDuration,
    },
    Diagnosing {
        done: SimTime,
    },
    Deciding,
    Acting,
    Verifying,
}

/// A time by the clock of a report, if one is given.
struct Reported(Option<SimTime>);

impl Reported {
    /// How long it is until then, if that is still to come.
    fn ahead(&self, now: SimTime) -> Option<SimDuration> {
        let ahead = self.0.map(|at| at.saturating_since(now));
        ahead.filter(|ahead| *ahead > SimDuration::ZERO)
    }

    /// How long it is until then, or else this delay.
    fn or(&self, delay: SimDuration, now: SimTime) -> SimDuration {
        self.ahead(now).unwrap_or(delay)
    }
}

/// For how long a false page tires.
const DAY: SimDuration = SimDuration::from_days(1);

impl People {
    /// Nobody has anything to do yet.
    pub fn new(spec: &PeopleSpec, streams: Streams) -> People {
        let draws = Draws::new(spec, &streams, 0);
        People {
            spec: spec.clone(),
            streams,
            stage: Stage::Idle,
            due: None,
            incident: 0,
            draws,
            named: false,
            about: None,
            paged_from: None,
            paged_slow: false,
            for_memory: false,
            next: 0,
            step: None,
            false_pages: Vec::new(),
            false_pages_ever: 0,
        }
    }

    /// The trial begins: the first incident's delays go on record.
    pub fn start(&self, cx: &mut Cx) {
        self.draws.record(&self.spec.runbook, cx.ledger);
        cx.ledger
            .state(cx.now, RowGroup::People, "on call", "unaware", Tone::Idle);
    }

    /// A service has begun to fail: from now on somebody may notice.
    pub fn on_symptom(&mut self, cx: &mut Cx) {
        if self.stage == Stage::Idle {
            self.stage = Stage::Unaware;
            let at = self.reported(|times| times.noticed);
            self.wait(at.or(self.draws.notice, cx.now), PeopleTimer::Notice, cx);
        }
    }

    /// A page, with or without the cause in it.
    pub fn on_page(&mut self, page: Page, cx: &mut Cx) {
        cx.ledger.detections.push(cx.now);
        cx.ledger.mark(cx.now, "on call", || "paged".to_owned());
        cx.ledger.moment(cx.now, MomentKind::Paged, page.by);
        // A page for memory lowers the threshold from which they act on it.
        self.paged_from = [self.paged_from, page.memory]
            .into_iter()
            .flatten()
            .reduce(f64::min);
        self.paged_slow |= page.slow;
        match self.stage {
            Stage::Idle | Stage::Unaware | Stage::Misled { .. } => {
                self.come("paged", (page.named, page.about), cx);
            }
            Stage::Coming => {
                self.named |= page.named;
                self.about = self.about.or(page.about);
            }
            Stage::Diagnosing { done } if page.named && !self.named => {
                self.named = true;
                self.about = self.about.or(page.about);
                if cx.now + self.draws.diagnose_named < done {
                    self.diagnose(self.draws.diagnose_named, cx);
                }
            }
            Stage::Diagnosing { .. } | Stage::Deciding | Stage::Acting | Stage::Verifying => {}
        }
    }

    /// A page without a cause: it costs an acknowledgement and a look, and it tires.
    pub fn on_false_page(&mut self, by: &str, cx: &mut Cx) {
        cx.ledger.trace(cx.now, || format!("{by}: a false alarm"));
        cx.ledger.moment(cx.now, MomentKind::Paged, by);
        let (acknowledge, look) =
            draws::false_page(&self.spec, &self.streams, self.false_pages_ever);
        self.false_pages_ever += 1;
        if matches!(self.stage, Stage::Idle | Stage::Unaware) {
            self.stage = Stage::Misled { look };
            let takes = self.acknowledged_in(acknowledge, cx.now);
            self.wait(takes, PeopleTimer::Acknowledged, cx);
            self.trace_state("paged", Tone::Doubtful, cx);
        }
        self.false_pages.push(cx.now);
    }

    /// The step under way has taken effect everywhere: see whether it has helped.
    pub fn on_done(&mut self, cx: &mut Cx) {
        assert!(self.stage == Stage::Acting, "only a step under way ends");
        let step = self.step.expect("they act by a step");
        cx.ledger.moment(
            cx.now,
            MomentKind::ActionDone,
            self.spec.runbook[step].action.remedy().about().name,
        );
        self.verify(self.draws.steps[step].verify, cx);
    }

    /// The share of a node's limit from which they act on memory.
    pub fn acts_from(&self) -> f64 {
        let high = self.spec.memory_high.get();
        self.paged_from.map_or(high, |paged| paged.min(high))
    }

    /// Were they paged for latency?
    pub fn paged_slow(&self) -> bool {
        self.paged_slow
    }

    /// The cluster that a page was about, if one was.
    pub fn about(&self) -> Option<ClusterId> {
        self.about
    }

    /// An event of their own, with what they see when they look.
    pub fn on_timer(
        &mut self,
        timer: PeopleTimer,
        symptoms: Symptoms,
        cx: &mut Cx,
    ) -> Option<StepEvent> {
        self.due = None;
        match timer {
            PeopleTimer::Notice => {
                if symptoms.failing {
                    cx.ledger.detections.push(cx.now);
                    cx.ledger.mark(cx.now, "on call", || "notices".to_owned());
                    cx.ledger.moment(cx.now, MomentKind::Noticed, "on call");
                    self.come("notices that requests fail", (false, None), cx);
                } else {
                    self.stand_down(cx);
                }
                None
            }
            PeopleTimer::Acknowledged => {
                self.acknowledged(cx);
                None
            }
            PeopleTimer::Looked => {
                // They are at work: what has begun to fail meanwhile needs no further page.
                if symptoms.failing {
                    cx.ledger.detections.push(cx.now);
                    cx.ledger.moment(cx.now, MomentKind::Noticed, "on call");
                    self.diagnose(self.draws.diagnose, cx);
                } else {
                    self.go_back(cx);
                }
                None
            }
            PeopleTimer::Diagnosed => self.diagnosed(symptoms, cx),
            PeopleTimer::Decided if symptoms.any() => self.begin(cx),
            PeopleTimer::Decided => {
                self.stand_down(cx);
                None
            }
            PeopleTimer::Effect => self.step.map(StepEvent::TakesEffect),
            PeopleTimer::Verify => self.verified(symptoms, cx),
        }
    }

    /// The nodes that a step brings exist, and their data are still to be copied.
    pub fn on_copying(&self, cx: &mut Cx) {
        cx.ledger.moment(cx.now, MomentKind::CopyBegins, "on call");
        self.trace_state("waits for the copy of the data", Tone::Busy, cx);
    }

    /// A time by the clock of the report.
    fn reported(&self, of: impl Fn(&ReportedTimes) -> Option<SimDuration>) -> Reported {
        let times = self.spec.reported.unwrap_or_default();
        Reported(of(&times).map(|minute| times.at(minute)))
    }

    fn acknowledged(&mut self, cx: &mut Cx) {
        cx.ledger
            .moment(cx.now, MomentKind::Acknowledged, "on call");
        if let Stage::Misled { look } = self.stage {
            self.wait(look, PeopleTimer::Looked, cx);
            self.trace_state("looks at a false alarm", Tone::Busy, cx);
            return;
        }
        let takes = if self.named {
            self.draws.diagnose_named
        } else {
            self.draws.diagnose
        };
        let at = self.reported(|times| times.cause_known);
        self.diagnose(at.or(takes, cx.now), cx);
    }

    fn diagnosed(&mut self, symptoms: Symptoms, cx: &mut Cx) -> Option<StepEvent> {
        if !symptoms.any() {
            self.stand_down(cx);
            return None;
        }
        self.for_memory = !symptoms.failing;
        let next = runbook::next(
            &self.spec.runbook,
            &self.draws,
            self.next,
            self.named,
            symptoms,
        );
        if self.for_memory && next.is_none() {
            // No step helps against it.
            self.stand_down(cx);
            return None;
        }
        let knows = next.is_some_and(|step| runbook::informed(&self.spec.runbook[step]));
        if knows {
            cx.ledger.moment(cx.now, MomentKind::CauseKnown, "on call");
        }
        self.go_on(symptoms, knows, cx)
    }

    /// The next step that fits; without one, the round is over.
    fn go_on(&mut self, symptoms: Symptoms, knows: bool, cx: &mut Cx) -> Option<StepEvent> {
        let runbook = &self.spec.runbook;
        let Some(step) = runbook::next(runbook, &self.draws, self.next, self.named, symptoms)
        else {
            self.start_over(cx);
            return None;
        };
        self.next = step + 1;
        self.step = Some(step);
        let at = self.reported(|_| self.spec.runbook[step].begins_at);
        let wait = at.ahead(cx.now).max(self.draws.steps[step].decide);
        match wait {
            None => self.begin(cx),
            Some(decide) => {
                self.stage = Stage::Deciding;
                self.wait(decide, PeopleTimer::Decided, cx);
                let state = if knows {
                    "knows the cause, decides what to do"
                } else {
                    "decides"
                };
                self.trace_state(state, Tone::Busy, cx);
                None
            }
        }
    }

    fn begin(&mut self, cx: &mut Cx) -> Option<StepEvent> {
        let step = self.step.expect("a step was chosen");
        let takes = self.draws.steps[step].takes;
        let action = self.spec.runbook[step].action.remedy().about();
        self.stage = Stage::Acting;
        cx.ledger
            .moment(cx.now, MomentKind::ActionBegins, action.name);
        self.trace_state(action.doing, Tone::Busy, cx);
        self.wait(takes, PeopleTimer::Effect, cx);
        Some(StepEvent::Begins(step, takes))
    }

    fn verified(&mut self, symptoms: Symptoms, cx: &mut Cx) -> Option<StepEvent> {
        let memory = self.for_memory && symptoms.memory_high;
        let still = symptoms.failing || memory || symptoms.slow;
        if !still {
            if self.follows_up(symptoms) {
                return self.go_on(symptoms, false, cx);
            }
            self.stand_down(cx);
            return None;
        }
        match self.step {
            Some(step) if self.spec.runbook[step].diagnose_after => {
                self.diagnose(self.draws.steps[step].diagnose_again, cx);
                None
            }
            Some(_) => self.go_on(symptoms, false, cx),
            None => {
                self.diagnose(self.draws.diagnose_named, cx);
                None
            }
        }
    }

    /// Is there a step that belongs to the one just done?
    fn follows_up(&self, symptoms: Symptoms) -> bool {
        let runbook = &self.spec.runbook;
        let next = runbook::next(runbook, &self.draws, self.next, self.named, symptoms);
        self.step.is_some() && next == Some(self.next) && runbook[self.next].follows_up
    }

    /// Nothing in the runbook has helped: look again, by now with the system in mind. If nothing
    /// in it fitted, they watch first.
    fn start_over(&mut self, cx: &mut Cx) {
        let acted = self.step.is_some();
        self.next_incident();
        self.named = true;
        if acted {
            self.diagnose(self.draws.diagnose_named, cx);
        } else {
            let mut rng = self
                .streams
                .stream(crate::streams::PEOPLE_STEP, self.incident);
            let watch = self.spec.verify.sample(&mut rng);
            self.verify(watch, cx);
        }
    }

    fn come(&mut self, state: &str, (named, about): (bool, Option<ClusterId>), cx: &mut Cx) {
        self.named = named;
        self.about = about;
        self.stage = Stage::Coming;
        let takes = self.acknowledged_in(self.draws.acknowledge, cx.now);
        let at = self.reported(|times| times.acknowledged);
        self.wait(at.or(takes, cx.now), PeopleTimer::Acknowledged, cx);
        self.trace_state(state, Tone::Doubtful, cx);
    }

    /// Until somebody is at work, by the hour and by the false pages of the last day.
    fn acknowledged_in(&mut self, drawn: SimDuration, now: SimTime) -> SimDuration {
        self.false_pages.retain(|at| now < *at + DAY);
        let hour = (now - SimTime::ZERO).as_nanos() / SimDuration::from_hours(1).as_nanos();
        let hourly = self.spec.hourly.as_ref();
        let hourly = hourly.map_or(1.0, |factors| factors[hour as usize % factors.len()].get());
        let each = self.spec.fatigue.map_or(1.0, |factor| factor.get());
        let tired = each.powi(self.false_pages.len() as i32);
        drawn.scaled(hourly * tired)
    }

    fn diagnose(&mut self, takes: SimDuration, cx: &mut Cx) {
        self.stage = Stage::Diagnosing {
            done: cx.now + takes,
        };
        self.wait(takes, PeopleTimer::Diagnosed, cx);
        self.trace_state("diagnoses", Tone::Busy, cx);
    }

    fn verify(&mut self, takes: SimDuration, cx: &mut Cx) {
        self.stage = Stage::Verifying;
        self.wait(takes, PeopleTimer::Verify, cx);
        self.trace_state("verifies", Tone::Busy, cx);
    }

    fn stand_down(&mut self, cx: &mut Cx) {
        self.next_incident();
        self.go_back(cx);
    }

    /// Back to other work; a false page leaves the next incident's draws as they are.
    fn go_back(&mut self, cx: &mut Cx) {
        cx.ledger.moment(cx.now, MomentKind::StoodDown, "on call");
        self.stage = Stage::Idle;
        self.named = false;
        self.about = None;
        self.paged_from = None;
        self.paged_slow = false;
        self.trace_state("stands down", Tone::Idle, cx);
    }

    fn next_incident(&mut self) {
        self.incident += 1;
        self.draws = Draws::new(&self.spec, &self.streams, self.incident);
        self.next = 0;
        self.step = None;
    }

    /// Ends the wait for whatever was due, and waits for this.
    fn wait(&mut self, delay: SimDuration, timer: PeopleTimer, cx: &mut Cx) {
        if let Some(key) = self.due.take() {
            cx.agenda.cancel(key);
        }
        self.due = Some(cx.agenda.after(delay, Event::People(timer)));
    }

    fn trace_state(&self, state: &str, tone: Tone, cx: &mut Cx) {
        cx.ledger.trace(cx.now, || format!("on call: {state}"));
        cx.ledger
            .state(cx.now, RowGroup::People, "on call", state, tone);
    }
}
