//! A service as the infrastructure sees it: the clusters that it needs, its spool, its answers.

use sim::{Probability, SimDuration, SimTime};

use crate::answer::{Answer, AnswerTimeline};
use crate::cluster::Cluster;
use crate::event::Cx;
use crate::ids::{ClusterId, Fleet};
use crate::moment::What;
use crate::outcome::{RowGroup, Tone};
use crate::spec::service::{Access, WaitSpec};

/// One API.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// When its servers were restarted by people, in time order.
    pub restarts: Vec<SimTime>,
    /// What people ordered about its requests, in time order.
    pub controls: Vec<(SimTime, Control)>,
    needs: Vec<(ClusterId, Access)>,
    wait: Option<WaitSpec>,
    spool: bool,
    redis: Answer,
    timeline: AnswerTimeline,
    /// The same without pauses that nobody takes for an outage.
    noticed: AnswerTimeline,
}

/// An order about a service's requests, in force from its instant on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    /// This share of them is turned away; the latest share counts.
    ShedLoad(Probability),
    /// Nobody retries any more.
    StopRetries,
}

impl Service {
    /// A service whose needs are all met.
    pub fn new(name: &str, needs: Vec<(ClusterId, Access)>, wait: Option<WaitSpec>) -> Service {
        Service {
            name: name.to_owned(),
            restarts: Vec::new(),
            controls: Vec::new(),
            needs,
            wait,
            spool: false,
            redis: Answer::Ok,
            timeline: AnswerTimeline::new(),
            noticed: AnswerTimeline::new(),
        }
    }

    /// A cluster may answer differently now. Does the service still capture?
    pub fn refresh(&mut self, clusters: &Fleet<ClusterId, Cluster>, cx: &mut Cx) -> bool {
        let answers = |of: fn(&Cluster, Access) -> Answer| {
            let (needs, wait) = (self.needs.iter(), self.wait);
            worst(needs.map(move |(id, access)| {
                let cluster = &clusters[*id];
                match (of(cluster, *access), access, wait) {
                    (Answer::Ok, Access::Write, Some(wait)) => cluster.waited(wait),
                    (answer, _, _) => answer,
                }
            }))
        };
        let at_once = answers(Cluster::answer_at_once);
        self.redis = answers(Cluster::answer);
        let or_spool = |redis| if self.spool { Answer::Spool } else { redis };
        let answer = or_spool(self.redis);
        self.timeline.set(cx.now, or_spool(at_once));
        let before = self.noticed.at(cx.now);
        self.noticed.set(cx.now, answer);
        let (state, tone) = match answer {
            Answer::Ok => ("answers".to_owned(), Tone::Good),
            Answer::Late(after) if self.wait.is_some_and(|wait| after == wait.timeout) => {
                let state = format!("answers {after} late, as too few replicas acknowledge");
                (state, Tone::Doubtful)
            }
            Answer::Late(_) => ("answers".to_owned(), Tone::Good),
            Answer::Unacknowledged(_) => ("errors: unacknowledged".to_owned(), Tone::Bad),
            Answer::Spool => ("captures in the spool".to_owned(), Tone::Doubtful),
            Answer::Hang => ("hangs".to_owned(), Tone::Bad),
            Answer::Error(cause) => (format!("errors: {}", cause.name()), Tone::Bad),
        };
        if answer != before {
            cx.ledger.say(cx.now, || format!("{}: {state}", self.name));
        }
        if answer.captures() != before.captures() {
            let what = match answer.captures() {
                true => What::ServiceUp,
                false => What::ServiceDown,
            };
            cx.ledger.moment(cx.now, what, &self.name);
        }
        cx.ledger
            .state(cx.now, RowGroup::Services, &self.name, &state, tone);
        answer.captures()
    }

    /// From now on acceptances go to the spool, or no longer.
    pub fn set_spool(&mut self, open: bool, clusters: &Fleet<ClusterId, Cluster>, cx: &mut Cx) {
        let verb = if open { "opens" } else { "closes" };
        cx.ledger
            .say(cx.now, || format!("{}: {verb} the spool", self.name));
        cx.ledger
            .mark(cx.now, &self.name, || format!("spool {verb}"));
        self.spool = open;
        self.refresh(clusters, cx);
    }

    /// Can an acceptance be captured, or a call be answered, at present?
    pub fn works(&self) -> bool {
        matches!(self.redis, Answer::Ok | Answer::Late(_))
    }

    /// What Redis does to its requests at present, spool or not.
    pub fn redis_answer(&self) -> Answer {
        self.redis
    }

    /// Share of its requests in `[from, to)` that failed, as its own metrics show it: all or
    /// none at any instant, pauses aside that nobody takes for an outage.
    pub fn error_share(&self, from: SimTime, to: SimTime) -> f64 {
        if from >= to {
            return 0.0;
        }
        let failed = self.noticed.downtime(from, to).as_secs_f64();
        failed / (to - from).as_secs_f64()
    }

    /// Do its requests fail at present, as its own metrics show it?
    pub fn errs(&self, now: SimTime) -> bool {
        !self.noticed.at(now).captures()
    }

    /// What its requests were told, over the trial.
    pub fn timeline(&self) -> &AnswerTimeline {
        &self.timeline
    }

    /// The clusters that it needs.
    pub fn needs(&self) -> &[(ClusterId, Access)] {
        &self.needs
    }

    /// How long before its acknowledgement a write was executed, at least.
    pub fn acknowledged_after(&self, latency: SimDuration) -> SimDuration {
        self.wait.map_or(SimDuration::ZERO, |_| latency * 2)
    }

    /// The first instant at which nothing was captured, and the end of the last such span before
    /// `end`; the second is `None` while it lasts.
    pub fn outage(&self, end: SimTime) -> Option<(SimTime, Option<SimTime>)> {
        let mut spans = self
            .noticed
            .spans(end)
            .filter(|(_, _, answer)| !answer.captures());
        let first = spans.next()?;
        let last = spans.last().unwrap_or(first);
        Some((first.0, (last.1 < end).then_some(last.1)))
    }
}

/// What hangs decides before what errs: a request waits for the slowest of its needs.
fn worst(answers: impl Iterator<Item = Answer>) -> Answer {
    answers.fold(Answer::Ok, |worst, next| match (worst, next) {
        (Answer::Hang, _) | (_, Answer::Hang) => Answer::Hang,
        (Answer::Error(cause), _) | (_, Answer::Error(cause)) => Answer::Error(cause),
        (Answer::Unacknowledged(one), Answer::Unacknowledged(other)) => {
            Answer::Unacknowledged(one.max(other))
        }
        (Answer::Unacknowledged(after), _) | (_, Answer::Unacknowledged(after)) => {
            Answer::Unacknowledged(after)
        }
        (Answer::Late(one), Answer::Late(other)) => Answer::Late(one.max(other)),
        (Answer::Late(after), _) | (_, Answer::Late(after)) => Answer::Late(after),
        (Answer::Ok | Answer::Spool, next) => next,
    })
}
