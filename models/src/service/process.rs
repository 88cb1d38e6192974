//! One process of a service: what its needs answer it, each seen through its own view of Redis.

use sim::SimTime;

use super::Need;
use super::asked::{Answers, Asked, worst};
use super::failing::{Failing, Instead, Load};
use super::latency::{Durations, Outcome};
use super::warming::Warming;
use crate::cluster::Cluster;
use crate::ids::{ClusterId, Fleet, ViewId};
use crate::spec::service::WaitSpec;
use demand::Control;
use demand::answer::{Answer, AnswerTimeline};

/// One process of a service.
#[derive(Clone, Debug)]
pub struct Process {
    /// For each need, its view of the cluster's owners.
    pub views: Vec<ViewId>,
    /// For each need what each shard answers; one line for all of them together, if a request
    /// touches all.
    pub lines: Vec<Vec<AnswerTimeline>>,
    /// What the worst of its needs answers most connections, or the spool: what a load balancer's
    /// check sees. Requests see it if all connections are told the same.
    pub timeline: AnswerTimeline,
    /// What people or an autoscaler did to it, in time order.
    pub controls: Vec<(SimTime, Control)>,
}

/// What a process answers at an instant.
pub(super) struct Answered {
    /// At this instant, and without short pauses; to most connections.
    pub at_once: Answer,
    pub noticed: Answer,
    /// At this instant to those connections that are answered worst.
    pub worst: Answer,
    /// Can any request succeed?
    pub passable: Answer,
    /// What fails of its needs.
    pub failing: Vec<Failing>,
    /// How requests go, if a rule asks how long they take.
    pub outcomes: Vec<Outcome>,
    /// How many times its equal part of the requests it gets.
    pub part: f64,
}

impl Answered {
    /// The same from every need, of which none fails.
    pub fn all(answer: Answer) -> Answered {
        Answered {
            at_once: answer,
            noticed: answer,
            worst: answer,
            passable: answer,
            failing: Vec::new(),
            outcomes: Vec::new(),
            part: 1.0,
        }
    }

    /// It cannot do without a need that gives its parts these answers, others without short pauses
    /// if there are any. Parts that are served come first: the one in the middle speaks for most
    /// requests.
    fn needs(&mut self, asked: &Asked, parts: usize, at_once: &Answers, noticed: Option<&Answers>) {
        let (middle, last) = (parts / 2, parts - 1);
        let of_most = asked.of_part(at_once, middle, true);
        let of_most_noticed = match noticed {
            Some(noticed) => asked.of_part(noticed, middle, false),
            None => of_most,
        };
        let of_last = match last == middle {
            true => of_most,
            false => asked.of_part(at_once, last, true),
        };
        let answers = [
            (&mut self.at_once, of_most),
            (&mut self.noticed, of_most_noticed),
            (&mut self.worst, of_last),
        ];
        for (before, answer) in answers {
            *before = worst([*before, answer].into_iter());
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
        (needs, warming, wait): (&[Need], &Warming, Option<WaitSpec>),
        (load, timed): (&Load, Option<&Durations>),
        clusters: &Fleet<ClusterId, Cluster>,
        now: SimTime,
    ) -> Answered {
        let mut answered = Answered::all(Answer::Ok);
        answered.outcomes = timed.map(|_| Durations::start()).unwrap_or_default();
        let asks = needs.iter().zip(&self.views).zip(&mut self.lines);
        for (number, ((need, view), lines)) in asks.enumerate() {
            let asked = Asked {
                need,
                view: *view,
                cluster: &clusters[need.cluster],
                wait,
                gives_up: load.command_timeout(),
            };
            let at_once = asked.answers(true);
            for (parts, answers) in &at_once {
                let shards = answers.len();
                let lines = &mut lines[parts.start * shards..parts.end * shards];
                for (line, answer) in lines.iter_mut().zip(answers.iter().cycle()) {
                    line.set(now, *answer);
                }
            }
            // What a short pause hides is the same, if there is none.
            let later;
            let may_pause = asked.cluster.may_pause();
            let noticed = match may_pause {
                true => {
                    later = asked.answers(false);
                    &later
                }
                false => &at_once,
            };
            let shares = asked.cluster.shares();
            answered.failing.push(Failing {
                misses: warming.misses(number, shares),
                ..need.failing(noticed, shares)
            });
            if let Some(timed) = timed {
                let each = noticed.iter().flat_map(|(parts, answers)| {
                    let of_shards = answers.iter().enumerate();
                    of_shards.map(|(place, answer)| (*answer, need.share(parts, place, shares)))
                });
                let instead = (need, warming.misses(number, shares));
                answered.outcomes = timed.after(&answered.outcomes, each, instead);
            }
            if need.instead != Instead::Nothing {
                continue;
            }
            let mut all = noticed.iter().flat_map(|(_, answers)| answers);
            if !all.any(|answer| answer.captures()) {
                answered.passable = worst([answered.passable, noticed[0].1[0]].into_iter());
            }
            let noticed = may_pause.then_some(&noticed[..]);
            answered.needs(&asked, need.parts, &at_once, noticed);
        }
        answered
    }
}
