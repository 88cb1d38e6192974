//! One process of a service: what its needs answer it, each seen through its own view of Redis.

use sim::SimTime;

use super::Need;
use super::failing::{Failing, Instead};
use super::warming::Warming;
use crate::cluster::Cluster;
use crate::ids::{ClusterId, Fleet, ViewId};
use crate::spec::service::{Access, Keys, WaitSpec};
use demand::answer::{Answer, AnswerTimeline};

/// One process of a service.
#[derive(Clone, Debug)]
pub struct Process {
    /// For each need, its view of the cluster's owners.
    pub views: Vec<ViewId>,
    /// For each need what each shard answers; one line for all of them together, if a request
    /// touches all.
    pub lines: Vec<Vec<AnswerTimeline>>,
    /// What the worst of its needs answers, or the spool.
    pub timeline: AnswerTimeline,
}

/// What a process answers at an instant.
pub(super) struct Answered {
    /// At this instant, and without short pauses.
    pub at_once: Answer,
    pub noticed: Answer,
    /// Can any request succeed?
    pub passable: Answer,
    /// What fails of its needs.
    pub failing: Vec<Failing>,
}

impl Answered {
    /// The same from every need, of which none fails.
    pub fn all(answer: Answer) -> Answered {
        Answered {
            at_once: answer,
            noticed: answer,
            passable: answer,
            failing: Vec::new(),
        }
    }
}

impl Process {
    /// Everything works from the start; `shards` is the number of lines of each need.
    pub fn new(views: Vec<ViewId>, shards: &[usize]) -> Process {
        let lines = shards
            .iter()
            .map(|shards| vec![AnswerTimeline::new(); *shards]);
        Process {
            views,
            lines: lines.collect(),
            timeline: AnswerTimeline::new(),
        }
    }

    /// Its views, with their clusters.
    pub fn views(&self, needs: &[Need]) -> impl Iterator<Item = (ClusterId, ViewId)> {
        needs
            .iter()
            .map(|need| need.cluster)
            .zip(self.views.iter().copied())
    }

    /// Asks its needs what they answer now.
    pub(super) fn ask(
        &mut self,
        (needs, warming, wait): (&[Need], &Warming, Option<WaitSpec>),
        clusters: &Fleet<ClusterId, Cluster>,
        now: SimTime,
    ) -> Answered {
        let mut answered = Answered::all(Answer::Ok);
        let asks = needs.iter().zip(&self.views).zip(&mut self.lines);
        for (number, ((need, view), lines)) in asks.enumerate() {
            let asked = Asked {
                need,
                view: *view,
                cluster: &clusters[need.cluster],
                wait,
            };
            for (line, answer) in lines.iter_mut().zip(asked.answers(true)) {
                line.set(now, answer);
            }
            let noticed = asked.answers(false);
            let shares = asked.cluster.shares();
            answered.failing.push(Failing {
                misses: warming.misses(number, shares),
                ..need.failing(&noticed, shares)
            });
            if need.instead != Instead::Nothing {
                continue;
            }
            if !noticed.iter().any(|answer| answer.captures()) {
                answered.passable = worst([answered.passable, noticed[0]].into_iter());
            }
            answered.at_once = worst([answered.at_once, asked.of_all(true)].into_iter());
            answered.noticed = worst([answered.noticed, asked.of_all(false)].into_iter());
        }
        answered
    }
}

/// A need, as a process asks for it.
struct Asked<'a> {
    need: &'a Need,
    view: ViewId,
    cluster: &'a Cluster,
    wait: Option<WaitSpec>,
}

impl Asked<'_> {
    /// What its shards answer, or all of them together if a request touches all; `at_once` counts
    /// short forks.
    fn answers(&self, at_once: bool) -> Vec<Answer> {
        let Need { access, keys, .. } = *self.need;
        match keys {
            Keys::All => vec![self.of_all(at_once)],
            Keys::One => {
                let of_one = |shard| match at_once {
                    true => self.cluster.answer_of(self.view, shard, access),
                    false => self.cluster.noticed_answer_of(self.view, shard, access),
                };
                let shards = self.cluster.shards();
                shards.map(|shard| self.waited(of_one(shard))).collect()
            }
        }
    }

    /// What all shards answer together.
    fn of_all(&self, at_once: bool) -> Answer {
        let access = self.need.access;
        self.waited(match at_once {
            true => self.cluster.answer_at_once(self.view, access),
            false => self.cluster.answer_to(self.view, access),
        })
    }

    /// An answer, if the service waits for replicas after a write.
    fn waited(&self, answer: Answer) -> Answer {
        match (answer, self.need.access, self.wait) {
            (Answer::Ok, Access::Write, Some(wait)) => self.cluster.waited(self.view, wait),
            (answer, _, _) => answer,
        }
    }
}

impl Need {
    /// The share of requests that fails here, and how.
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
            misses: 0.0,
        }
    }
}

/// A hang wins over an error: a request waits for the slowest of its needs.
pub(super) fn worst(answers: impl Iterator<Item = Answer>) -> Answer {
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
