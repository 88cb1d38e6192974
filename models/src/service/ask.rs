//! What the processes of a service are answered when they ask for what they need.

use sim::{SimDuration, SimTime};

use super::failing::Failing;
use super::latency::{Durations, Outcome};
use super::{Instead, Load, Need, Process, worst};
use crate::cluster::Cluster;
use crate::ids::{ClusterId, Fleet, ViewId};
use crate::spec::service::{Access, Keys, WaitSpec};
use demand::answer::{Answer, AnswerTimeline};

/// What a process answers at an instant.
pub(super) struct Answered {
    /// At this instant, and without short pauses.
    pub at_once: Answer,
    pub noticed: Answer,
    /// Can any request succeed?
    pub passable: Answer,
    /// The share of requests that fail.
    pub failing: f64,
    /// How long a request holds its worker, in seconds.
    pub held: f64,
    /// How requests go, if a rule asks how long they take.
    pub outcomes: Vec<Outcome>,
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
            controls: Vec::new(),
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
        needs: &[Need],
        (wait, load, timed): (Option<WaitSpec>, &Load, Option<&Durations>),
        clusters: &Fleet<ClusterId, Cluster>,
        now: SimTime,
    ) -> Answered {
        let mut answered = Answered {
            at_once: Answer::Ok,
            noticed: Answer::Ok,
            passable: Answer::Ok,
            failing: 0.0,
            held: 0.0,
            outcomes: timed.map(|_| Durations::start()).unwrap_or_default(),
        };
        let mut failing = Vec::with_capacity(needs.len());
        for ((need, view), lines) in needs.iter().zip(&self.views).zip(&mut self.lines) {
            let asked = Asked {
                need,
                view: *view,
                cluster: &clusters[need.cluster],
                wait,
                gives_up: load.command_timeout(),
            };
            for (line, answer) in lines.iter_mut().zip(asked.answers(true)) {
                line.set(now, answer);
            }
            let noticed = asked.answers(false);
            let shares = asked.cluster.shares();
            failing.push(need.failing(&noticed, shares));
            if let Some(timed) = timed {
                let each = noticed.iter().enumerate();
                let each = each.map(|(place, answer)| (*answer, need.share(place, shares)));
                answered.outcomes = timed.after(&answered.outcomes, each, need.instead);
            }
            if need.instead != Instead::Nothing {
                continue;
            }
            if !noticed.iter().any(|answer| answer.captures()) {
                answered.passable = worst([answered.passable, noticed[0]].into_iter());
            }
            answered.at_once = worst([answered.at_once, asked.of_all(true)].into_iter());
            answered.noticed = worst([answered.noticed, asked.of_all(false)].into_iter());
        }
        answered.failing = load.failing(&failing, now);
        answered.held = load.held(&failing);
        answered
    }
}

/// A need, as a process asks for it.
struct Asked<'a> {
    need: &'a Need,
    view: ViewId,
    cluster: &'a Cluster,
    wait: Option<WaitSpec>,
    /// When the client gives a command up.
    gives_up: Option<SimDuration>,
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

    /// An answer, if the service waits for replicas after a write. A command that is answered too
    /// late for its client is one that hangs.
    fn waited(&self, answer: Answer) -> Answer {
        let late = match answer {
            Answer::Ok => SimDuration::ZERO,
            Answer::Late(late) if self.gives_up.is_some_and(|after| after <= late) => {
                return Answer::Hang;
            }
            Answer::Late(late) => late,
            _ => return answer,
        };
        match (self.need.access, self.wait) {
            (Access::Write, Some(wait)) => match self.cluster.waited(self.view, wait) {
                Answer::Late(after) => Answer::Late(after + late),
                Answer::Unacknowledged(after) => Answer::Unacknowledged(after + late),
                other => other,
            },
            (Access::Read, _) | (_, None) => answer,
        }
    }
}

impl Need {
    /// The share of requests that goes by an answer.
    fn share(&self, place: usize, shares: &[f64]) -> f64 {
        match self.keys {
            Keys::All => 1.0,
            Keys::One => shares[place],
        }
    }

    /// The share of requests that fails here, and how.
    fn failing(&self, answers: &[Answer], shares: &[f64]) -> Failing {
        let share = |place: usize| self.share(place, shares);
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
