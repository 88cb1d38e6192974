//! A service as the infrastructure sees it: the clusters that it needs, its spool, its answers.

use sim::{Intervals, SimDuration, SimTime};

use crate::cluster::Cluster;
use crate::event::Cx;
use crate::ids::{ClusterId, Fleet, ViewId};
use crate::moment::MomentKind;
use crate::outcome::{RowGroup, Tone};
use crate::spec::service::{Access, Keys, WaitSpec};
use demand::Control;
use demand::answer::{Answer, AnswerTimeline};

/// One API.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    needs: Vec<Need>,
    wait: Option<WaitSpec>,
    spool: bool,
    redis: Answer,
    /// What the worst of its needs answers, spool or not.
    unspooled: AnswerTimeline,
    /// What the worst of its needs answers, or the spool.
    timeline: AnswerTimeline,
    /// Can any request be answered at all?
    passable: AnswerTimeline,
    /// The worst of its needs, without pauses that nobody takes for an outage.
    noticed: AnswerTimeline,
    /// What people did to it, in time order.
    controls: Vec<(SimTime, Control)>,
}

/// One thing that requests call.
#[derive(Clone, Debug)]
pub struct Need {
    /// Where it is.
    pub cluster: ClusterId,
    /// Whose view of its owners the service's clients have.
    pub view: ViewId,
    /// How it is used.
    pub access: Access,
    /// Which shards a request touches.
    pub keys: Keys,
    /// Can the service answer without it, in whatever way?
    pub spared: bool,
    /// What each shard answers; one line for all of them together, if a request touches all.
    pub lines: Vec<AnswerTimeline>,
}

impl Service {
    /// A service whose needs are all met.
    pub fn new(name: &str, needs: Vec<Need>, wait: Option<WaitSpec>) -> Service {
        Service {
            name: name.to_owned(),
            needs,
            wait,
            spool: false,
            redis: Answer::Ok,
            unspooled: AnswerTimeline::new(),
            timeline: AnswerTimeline::new(),
            passable: AnswerTimeline::new(),
            noticed: AnswerTimeline::new(),
            controls: Vec::new(),
        }
    }

    /// People do something to it.
    pub fn control(&mut self, at: SimTime, control: Control) {
        self.controls.push((at, control));
    }

    /// A cluster may answer differently now. Does the service still capture?
    pub fn refresh(&mut self, clusters: &Fleet<ClusterId, Cluster>, cx: &mut Cx) -> bool {
        let wait = self.wait;
        let waited = |need: &Need, answer| match (answer, need.access, wait) {
            (Answer::Ok, Access::Write, Some(wait)) => {
                clusters[need.cluster].waited(need.view, wait)
            }
            (answer, _, _) => answer,
        };
        let mut passable = Answer::Ok;
        for need in &mut self.needs {
            let cluster = &clusters[need.cluster];
            let answers: Vec<Answer> = match need.keys {
                Keys::All => vec![cluster.answer_at_once(need.view, need.access)],
                Keys::One => {
                    let shards = cluster.shards();
                    shards
                        .map(|shard| cluster.answer_of(need.view, shard, need.access))
                        .collect()
                }
            };
            let answers = answers.into_iter().map(|answer| waited(need, answer));
            let answers: Vec<Answer> = answers.collect();
            for (line, answer) in need.lines.iter_mut().zip(&answers) {
                line.set(cx.now, *answer);
            }
            if !need.spared && !answers.iter().any(|answer| answer.captures()) {
                passable = worst([passable, answers[0]].into_iter());
            }
        }
        let answers = |of: fn(&Cluster, ViewId, Access) -> Answer| {
            let needs = self.needs.iter().filter(|need| !need.spared);
            let answer = |need: &Need| of(&clusters[need.cluster], need.view, need.access);
            worst(needs.map(|need| waited(need, answer(need))))
        };
        let at_once = answers(Cluster::answer_at_once);
        self.redis = answers(Cluster::answer_to);
        let or_spool = |redis| if self.spool { Answer::Spool } else { redis };
        let answer = or_spool(self.redis);
        self.unspooled.set(cx.now, at_once);
        self.timeline.set(cx.now, or_spool(at_once));
        self.passable.set(cx.now, or_spool(passable));
        let before = self.noticed.at(cx.now);
        self.noticed.set(cx.now, answer);
        if cx.ledger.is_tracing() {
            self.tell(answer, before, cx);
        }
        answer.captures()
    }

    /// What it answers now, and answered before, for the story.
    fn tell(&self, answer: Answer, before: Answer, cx: &mut Cx) {
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
            cx.ledger
                .trace(cx.now, || format!("{}: {state}", self.name));
        }
        if answer.captures() != before.captures() {
            let what = match answer.captures() {
                true => MomentKind::ServiceUp,
                false => MomentKind::ServiceDown,
            };
            cx.ledger.moment(cx.now, what, &self.name);
        }
        cx.ledger
            .state(cx.now, RowGroup::Services, &self.name, &state, tone);
    }

    /// Does this cluster give the service what it cannot do without, for some request at least?
    pub fn is_served_by(&self, id: ClusterId) -> bool {
        let mut here = self
            .needs
            .iter()
            .filter(|need| need.cluster == id && !need.spared);
        here.all(|need| need.lines.iter().any(|line| line.last().captures()))
    }

    /// When no request could have been answered, up to `end`.
    pub fn down(&self, end: SimTime) -> Intervals {
        let mut down = Intervals::new();
        for (from, to, answer) in self.passable.spans(end) {
            if !answer.captures() {
                down.add(from, to);
            }
        }
        down
    }

    /// From now on acceptances go to the spool, or no longer.
    pub fn set_spool(&mut self, open: bool, clusters: &Fleet<ClusterId, Cluster>, cx: &mut Cx) {
        if self.spool == open {
            return;
        }
        let (verb, what) = match open {
            true => ("opens", MomentKind::SpoolOpens),
            false => ("closes", MomentKind::SpoolCloses),
        };
        cx.ledger.moment(cx.now, what, &self.name);
        cx.ledger
            .trace(cx.now, || format!("{}: {verb} the spool", self.name));
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

    /// What its requests would have been told without a spool, over the trial.
    pub fn unspooled(&self) -> &AnswerTimeline {
        &self.unspooled
    }

    /// When no request could have been answered, over the trial.
    pub fn passable(&self) -> &AnswerTimeline {
        &self.passable
    }

    /// What people did to it.
    pub fn controls(&self) -> &[(SimTime, Control)] {
        &self.controls
    }

    /// What it needs.
    pub fn needs(&self) -> &[Need] {
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
