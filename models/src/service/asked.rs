//! What the clusters that a service needs answer one of its processes.

use std::ops::Range;

use super::Need;
use super::failing::Failing;
use sim::SimDuration;

use crate::cluster::Cluster;
use crate::ids::ViewId;
use crate::spec::service::{Access, Keys, WaitSpec};
use demand::answer::Answer;

/// What each shard answers, or all of them together, in runs of parts of the connections that are
/// told the same.
pub(super) type Answers = [(Range<usize>, Vec<Answer>)];

/// A need, as a process asks for it.
pub(super) struct Asked<'a> {
    pub need: &'a Need,
    pub view: ViewId,
    pub cluster: &'a Cluster,
    pub wait: Option<WaitSpec>,
    /// When the client gives a command up.
    pub gives_up: Option<SimDuration>,
}

impl Asked<'_> {
    /// What its shards answer, or all of them together if a request touches all, to each part of
    /// the connections, in runs of parts that are told the same; `at_once` counts short pauses.
    pub fn answers(&self, at_once: bool) -> Vec<(Range<usize>, Vec<Answer>)> {
        let Need { access, keys, .. } = *self.need;
        let of_part = |part| match keys {
            Keys::All => vec![self.of_all(part, at_once)],
            Keys::One => {
                // Shards that join later are asked by nobody who asks for one key.
                let shards = self.cluster.shards().take(self.cluster.shares().len());
                let of_one = |shard| {
                    let of_part = (part, at_once);
                    self.waited(self.cluster.answer_of(self.view, shard, access, of_part))
                };
                shards.map(of_one).collect()
            }
        };
        let runs = self.cluster.alike_parts(self.view).into_iter();
        runs.map(|parts| (parts.clone(), of_part(parts.start)))
            .collect()
    }

    /// What all shards together answer a part of the connections, if these are its `answers`.
    pub fn of_part(&self, answers: &Answers, part: usize, at_once: bool) -> Answer {
        let of_part = answers.iter().find(|(parts, _)| parts.contains(&part));
        match (self.need.keys, of_part) {
            (Keys::All, Some((_, answers))) => answers[0],
            (Keys::One, _) | (_, None) => self.of_all(part, at_once),
        }
    }

    /// What all shards answer together.
    fn of_all(&self, part: usize, at_once: bool) -> Answer {
        let access = self.need.access;
        self.waited(match at_once {
            true => self.cluster.answer_at_once(self.view, access, part),
            false => self.cluster.answer_to(self.view, access, part),
        })
    }

    /// A command that is answered too late for its client is one that hangs.
    fn in_time(&self, answer: Answer) -> Answer {
        match answer {
            Answer::Late(after) | Answer::Unacknowledged(after)
                if self.gives_up.is_some_and(|gives_up| gives_up <= after) =>
            {
                Answer::Hang
            }
            answer => answer,
        }
    }

    /// An answer, if the service waits for replicas after a write; on a node that swaps, `WAIT` is
    /// late as well.
    fn waited(&self, answer: Answer) -> Answer {
        let answer = self.in_time(answer);
        let late = match answer {
            Answer::Ok => SimDuration::ZERO,
            Answer::Late(late) => late,
            _ => return answer,
        };
        match (self.need.access, self.wait) {
            (Access::Write, Some(wait)) => match self.cluster.waited(self.view, wait) {
                Answer::Late(after) => self.in_time(Answer::Late(after + late)),
                Answer::Unacknowledged(after) => self.in_time(Answer::Unacknowledged(after + late)),
                other => other,
            },
            (Access::Read, _) | (_, None) => answer,
        }
    }
}

impl Need {
    /// The share of requests that a shard serves for these parts of the connections.
    pub(super) fn share(&self, parts: &Range<usize>, place: usize, shares: &[f64]) -> f64 {
        let parts = parts.len() as f64 / self.parts as f64;
        match self.keys {
            Keys::All => parts,
            Keys::One => shares[place] * parts,
        }
    }

    /// The share of requests that fails here, and how.
    pub(super) fn failing(&self, answers: &Answers, shares: &[f64]) -> Failing {
        let share = |parts: &Range<usize>, place: usize| self.share(parts, place, shares);
        let all = answers.iter().flat_map(|(parts, answers)| {
            let of_shards = answers.iter().enumerate();
            of_shards.map(move |(place, answer)| (share(parts, place), *answer))
        });
        let late = |(share, answer): (f64, Answer)| match answer {
            Answer::Late(late) | Answer::Unacknowledged(late) => share * late.as_secs_f64(),
            Answer::Ok | Answer::Spool | Answer::Hang | Answer::Error(_) => 0.0,
        };
        let late: f64 = all.clone().map(late).sum();
        let fails = all.filter(|(_, answer)| !answer.captures());
        let failing: f64 = fails.clone().map(|(share, _)| share).sum();
        Failing {
            share: failing.min(1.0),
            answer: worst(fails.map(|(_, answer)| answer)),
            late,
            instead: self.instead,
            store: self.store,
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
