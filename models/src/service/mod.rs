//! A service as the infrastructure sees it: the clusters that it needs, its spool, its answers.

mod failing;

pub use failing::{Instead, Load, State};

use failing::{Failing, ShareTimeline};
use sim::{Intervals, SimDuration, SimTime};

use crate::cluster::Cluster;
use crate::event::Cx;
use crate::ids::{ClusterId, Fleet, ShardId, ViewId};
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
    load: Load,
    spool: bool,
    redis: Answer,
    /// What the worst of its needs answers, spool or not.
    unspooled: AnswerTimeline,
    /// What the worst of its needs answers, or the spool.
    timeline: AnswerTimeline,
    /// Can any request be answered at all, pauses aside that nobody takes for an outage?
    passable: AnswerTimeline,
    /// The share of requests that fail, such pauses aside.
    failing: ShareTimeline,
    /// What the story said of it last.
    said: Answer,
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
    /// What the service does without it.
    pub instead: Instead,
    /// What each shard answers; one line for all of them together, if a request touches all.
    pub lines: Vec<AnswerTimeline>,
}

impl Service {
    /// A service whose needs are all met.
    pub fn new(name: &str, needs: Vec<Need>, wait: Option<WaitSpec>, load: Load) -> Service {
        Service {
            name: name.to_owned(),
            needs,
            wait,
            load,
            spool: false,
            redis: Answer::Ok,
            unspooled: AnswerTimeline::new(),
            timeline: AnswerTimeline::new(),
            passable: AnswerTimeline::new(),
            failing: ShareTimeline::new(),
            said: Answer::Ok,
            controls: Vec::new(),
        }
    }

    /// People do something to it.
    pub fn control(&mut self, at: SimTime, control: Control) {
        self.controls.push((at, control));
    }

    /// A cluster may answer differently now. Does the service keep its objective?
    pub fn refresh(&mut self, clusters: &Fleet<ClusterId, Cluster>, cx: &mut Cx) -> bool {
        let (wait, now) = (self.wait, cx.now);
        let mut passable = Answer::Ok;
        let mut failing = Vec::with_capacity(self.needs.len());
        for need in &mut self.needs {
            let cluster = &clusters[need.cluster];
            let at_once = need.answers(
                cluster,
                wait,
                Cluster::answer_at_once,
                |c, view, s, access| c.answer_of(view, s, access),
            );
            for (line, answer) in need.lines.iter_mut().zip(at_once) {
                line.set(now, answer);
            }
            let noticed = need.answers(cluster, wait, Cluster::answer_to, |c, view, s, access| {
                c.noticed_answer_of(view, s, access)
            });
            failing.push(need.failing(&noticed, cluster.shares()));
            let spared = need.instead != Instead::Nothing;
            if !spared && !noticed.iter().any(|answer| answer.captures()) {
                passable = worst([passable, noticed[0]].into_iter());
            }
        }
        let answers = |of: fn(&Cluster, ViewId, Access) -> Answer| {
            let needs = self.needs.iter();
            let needs = needs.filter(|need| need.instead == Instead::Nothing);
            let answer = |need: &Need| of(&clusters[need.cluster], need.view, need.access);
            worst(needs.map(|need| need.waited(&clusters[need.cluster], wait, answer(need))))
        };
        let at_once = answers(Cluster::answer_at_once);
        self.redis = answers(Cluster::answer_to);
        let or_spool = |redis| if self.spool { Answer::Spool } else { redis };
        let answer = or_spool(self.redis);
        self.unspooled.set(now, at_once);
        self.timeline.set(now, or_spool(at_once));
        self.passable.set(now, or_spool(passable));
        let before = self.state();
        let share = match self.spool {
            true => 0.0,
            false => self.load.failing(&failing, now),
        };
        self.failing.set(now, share);
        if cx.ledger.is_tracing() {
            self.tell(answer, before, cx);
        }
        self.state() == State::Up
    }

    /// What it answers now, and how it was before, for the story.
    fn tell(&mut self, answer: Answer, before: State, cx: &mut Cx) {
        let state = self.state();
        let failing = format!("{:.0} % of requests fail", 100.0 * self.failing.last());
        let (words, tone) = match (answer, state) {
            (Answer::Late(after), State::Up)
                if self.wait.is_some_and(|wait| after == wait.timeout) =>
            {
                let words = format!("answers {after} late, as too few replicas acknowledge");
                (words, Tone::Doubtful)
            }
            (Answer::Ok | Answer::Late(_), State::Up) => ("answers".to_owned(), Tone::Good),
            (Answer::Ok | Answer::Late(_), State::Degraded) => (failing, Tone::Doubtful),
            (Answer::Ok | Answer::Late(_), State::Down) => (failing, Tone::Bad),
            (Answer::Spool, _) => ("captures in the spool".to_owned(), Tone::Doubtful),
            (Answer::Unacknowledged(_), _) => ("errors: unacknowledged".to_owned(), Tone::Bad),
            (Answer::Hang, State::Down) => ("hangs".to_owned(), Tone::Bad),
            (Answer::Error(cause), State::Down) => (format!("errors: {}", cause.name()), Tone::Bad),
            (Answer::Hang, _) => (format!("{failing}: they hang"), Tone::Doubtful),
            (Answer::Error(cause), _) => (format!("{failing}: {}", cause.name()), Tone::Doubtful),
        };
        if (answer, state) != (self.said, before) {
            cx.ledger
                .trace(cx.now, || format!("{}: {words}", self.name));
        }
        self.said = answer;
        if state != before {
            let what = match state {
                State::Up => MomentKind::ServiceUp,
                State::Degraded => MomentKind::ServiceDegraded,
                State::Down => MomentKind::ServiceDown,
            };
            cx.ledger.moment(cx.now, what, &self.name);
        }
        cx.ledger
            .state(cx.now, RowGroup::Services, &self.name, &words, tone);
    }

    /// How it is, by the share of requests that fail.
    fn state(&self) -> State {
        State::of(self.failing.last(), self.load.objective)
    }

    /// Does this cluster give the service what it cannot do without, for some request at least?
    pub fn is_served_by(&self, id: ClusterId) -> bool {
        let mut here = self
            .needs
            .iter()
            .filter(|need| need.cluster == id && need.instead == Instead::Nothing);
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

    /// Does it keep its objective at present, with Redis and not with a spool?
    pub fn works(&self) -> bool {
        let redis = match self.spool {
            true => matches!(self.redis, Answer::Ok | Answer::Late(_)),
            false => true,
        };
        redis && self.state() == State::Up
    }

    /// What Redis does to its requests at present, spool or not.
    pub fn redis_answer(&self) -> Answer {
        self.redis
    }

    /// Share of its requests in `[from, to)` that failed, as its own metrics show it, pauses aside
    /// that nobody takes for an outage.
    pub fn error_share(&self, from: SimTime, to: SimTime) -> f64 {
        self.failing.mean(from, to)
    }

    /// Do requests fail at present, as its own metrics show it?
    pub fn errs(&self) -> bool {
        self.failing.last() > 0.0
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

    /// The first instant at which it did not keep its objective, and the end of the last such span
    /// before `end`; the second is `None` while it lasts.
    pub fn outage(&self, end: SimTime) -> Option<(SimTime, Option<SimTime>)> {
        let spans = self.failing.above(self.load.objective, end);
        let (first, last) = (spans.first()?, spans.last()?);
        Some((first.0, (last.1 < end).then_some(last.1)))
    }
}

impl Need {
    /// What its shards answer, or all of them together if a request touches all.
    fn answers(
        &self,
        cluster: &Cluster,
        wait: Option<WaitSpec>,
        of_all: fn(&Cluster, ViewId, Access) -> Answer,
        of_one: fn(&Cluster, ViewId, ShardId, Access) -> Answer,
    ) -> Vec<Answer> {
        let (view, access) = (self.view, self.access);
        let answers: Vec<Answer> = match self.keys {
            Keys::All => vec![of_all(cluster, view, access)],
            Keys::One => {
                let shards = cluster.shards();
                shards
                    .map(|shard| of_one(cluster, view, shard, access))
                    .collect()
            }
        };
        let waited = |answer| self.waited(cluster, wait, answer);
        answers.into_iter().map(waited).collect()
    }

    /// What becomes of an answer if the service waits for replicas after a write.
    fn waited(&self, cluster: &Cluster, wait: Option<WaitSpec>, answer: Answer) -> Answer {
        match (answer, self.access, wait) {
            (Answer::Ok, Access::Write, Some(wait)) => cluster.waited(self.view, wait),
            (answer, _, _) => answer,
        }
    }

    /// Which share of requests fails here, and how.
    fn failing(&self, answers: &[Answer], shares: &[f64]) -> Failing {
        let share = |place: usize| match self.keys {
            Keys::All => 1.0,
            Keys::One => shares[place],
        };
        let fails = answers.iter().enumerate();
        let fails = fails.filter(|(_, answer)| !answer.captures());
        let failing: f64 = fails.clone().map(|(place, _)| share(place)).sum();
        Failing {
            share: failing.min(1.0),
            answer: worst(fails.map(|(_, answer)| *answer)),
            instead: self.instead,
        }
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
