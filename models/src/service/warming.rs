//! How warm the caches are that a service has in Redis, as its metrics show it while the trial
//! runs: for each need and shard the share of its hits that are missing, in steps.
//!
//! ```text
//!  cold  1 ┤ all keys are lost
//!          │╲
//!        ½ ┤  ╲▁ `warms`: half of the hits are back, if the store answers all and requests come
//!          │     ╲▁▁▁                              at their mean rate; later otherwise
//!        0 ┼─────────────▔▔▔ below a hundredth it counts as warm
//! ```
//!
//! Each process has caches of its own, which the requests that it gets keep warm.
//!
//! Requests are counted exactly at the end (`demand`), where each that is answered brings back one
//! key. Here the same follows from rates, in steps of a sixteenth of `warms`, and from the number
//! of requests that wait for the store: what it answers too late brings nothing back.

use sim::{SimDuration, SimTime};

use super::process::Answered;
use super::{Load, Need, Process, Service};
use crate::cluster::Cluster;
use crate::event::Cx;
use crate::ids::{ClusterId, Fleet};
use crate::spec::store::MissesSpec;
use demand::colder;

/// Steps in which half of the hits come back.
const STEPS: u64 = 16;

/// A cache whose missing share that can come back is below this counts as warm.
const WARM: f64 = 0.01;

/// The caches of a process's needs.
#[derive(Clone, Debug)]
pub(super) struct Warming {
    needs: Vec<Option<OfNeed>>,
    /// Requests of the process that wait for each slower store; none while all is warm.
    waiting: Vec<f64>,
    /// When the next step begins and is due, if something is cold.
    step: Option<(SimTime, SimTime)>,
}

#[derive(Clone, Debug)]
struct OfNeed {
    spec: MissesSpec,
    /// By shard, or one if requests touch all; the first part of the connections stands for all.
    cold: Vec<f64>,
    /// Of that, what Redis has no room for, which does not come back.
    crowded_out: Vec<f64>,
    /// Since when each shard has not answered.
    down_at: Vec<Option<SimTime>>,
    /// Losses of the cluster, and changes of what it has no room for, that are accounted for.
    seen: (usize, usize),
}

impl Warming {
    /// All warm.
    pub fn new(needs: &[Need], lines: &[usize]) -> Warming {
        let of_need = |(need, lines): (&Need, &usize)| {
            need.misses.map(|spec| OfNeed {
                spec,
                cold: vec![0.0; *lines],
                crowded_out: vec![0.0; *lines],
                down_at: vec![None; *lines],
                seen: (0, 0),
            })
        };
        Warming {
            needs: needs.iter().zip(lines).map(of_need).collect(),
            waiting: Vec::new(),
            step: None,
        }
    }

    /// Takes note of what clusters have lost. Names the next step, if it was not planned before.
    pub fn note_losses(
        &mut self,
        needs: &[Need],
        clusters: &Fleet<ClusterId, Cluster>,
        now: SimTime,
    ) -> Option<SimTime> {
        for (of, need) in self.needs.iter_mut().zip(needs) {
            let Some(of) = of else {
                continue;
            };
            let cluster = &clusters[need.cluster];
            for (_, line, share) in cluster.lost(need.workload, need.keys, of.seen.0) {
                of.lose(line, share);
            }
            for (_, line, share) in
                cluster.crowded_out(need.workload, need.keys, of.spec, of.seen.1)
            {
                of.crowd_out(line, share);
            }
            of.seen = (cluster.losses().len(), cluster.crowding());
        }
        self.plan_first(now)
    }

    /// Takes note of what shards answer: entries that were not renewed while one did not have
    /// expired. Have some? Then names the next step, if it was not planned before.
    pub fn note_answers(&mut self, process: &Process, now: SimTime) -> Option<Option<SimTime>> {
        let mut lost = false;
        for (of, lines) in self.needs.iter_mut().zip(&process.lines) {
            let Some(of) = of else {
                continue;
            };
            let lines = lines.iter().take(of.down_at.len());
            for (number, line) in lines.enumerate() {
                match (line.last().executes(), of.down_at[number]) {
                    (false, None) => of.down_at[number] = Some(now),
                    (true, Some(since)) => {
                        of.down_at[number] = None;
                        let expired = of.spec.expired(now - since);
                        lost |= expired > 0.0;
                        of.lose(number, expired);
                    }
                    (true, None) | (false, Some(_)) => {}
                }
            }
        }
        lost.then(|| self.plan_first(now))
    }

    fn plan_first(&mut self, now: SimTime) -> Option<SimTime> {
        match self.step {
            Some(_) => None,
            None => self.plan(now),
        }
    }

    /// Plans the next step, if something is cold.
    fn plan(&mut self, now: SimTime) -> Option<SimTime> {
        let cold = self.needs.iter().flatten();
        let cold = cold.filter(|of| of.cold != of.crowded_out);
        let step = cold.map(OfNeed::step).min();
        self.step = step.map(|step| (now, now.saturating_add(step)));
        if self.step.is_none() {
            self.waiting.clear();
        }
        self.step.map(|(_, at)| at)
    }

    /// Is the next step due?
    pub fn is_due(&self, now: SimTime) -> bool {
        self.step.is_some_and(|(_, at)| at <= now)
    }

    /// Requests have brought back what they do in a step: `rate` times as many came as on average,
    /// and each store was `asked` so many a second. Names the next step.
    pub fn step(
        &mut self,
        (needs, load): (&[Need], &Load),
        process: &Process,
        (rate, asked): (f64, &[f64]),
        now: SimTime,
    ) -> Option<SimTime> {
        let since = self.step.map_or(now, |(since, _)| since);
        self.waiting.resize(asked.len(), 0.0);
        let taken = load.queue(&mut self.waiting, asked, now - since);
        let lasted = (now - since).as_secs_f64();
        for ((of, need), lines) in self.needs.iter_mut().zip(needs).zip(&process.lines) {
            let Some(of) = of else {
                continue;
            };
            let answered = need.store.map_or(0.0, |store| taken[store]);
            let halves = rate * answered * lasted / of.spec.warms.as_secs_f64();
            let least = of.crowded_out.iter();
            for ((cold, line), least) in of.cold.iter_mut().zip(lines).zip(least) {
                if line.last().executes() {
                    *cold *= (-halves).exp2();
                }
                if *cold < least + WARM {
                    *cold = *least;
                }
            }
        }
        self.plan(now)
    }

    /// The share of the requests that Redis answers and a need misses; `shares` are those of the
    /// shards.
    pub fn misses(&self, need: usize, shares: &[f64]) -> f64 {
        let Some(of) = &self.needs[need] else {
            return 0.0;
        };
        let cold = match &of.cold[..] {
            [cold] => *cold,
            all => all
                .iter()
                .zip(shares)
                .map(|(cold, share)| cold * share)
                .sum(),
        };
        1.0 - of.spec.hits.get() * (1.0 - cold)
    }
}

impl Service {
    /// The least share of requests that find their key in a cache, of the needs of a workload that
    /// can miss: on average over the processes. None if no need of it can.
    pub fn hit_rate(&self, (cluster, workload): (ClusterId, usize), shares: &[f64]) -> Option<f64> {
        let needs = self.needs.iter().enumerate();
        let misses = needs.filter(|(_, need)| {
            need.misses.is_some() && (need.cluster, need.workload) == (cluster, workload)
        });
        let hits = misses.map(|(number, _)| {
            let processes = self.warming.iter();
            let hits: f64 = processes.map(|of| 1.0 - of.misses(number, shares)).sum();
            hits / self.warming.len() as f64
        });
        hits.reduce(f64::min)
    }

    /// What each process answers now, with its caches as warm as they have become.
    pub(super) fn ask_warmed(
        &mut self,
        clusters: &Fleet<ClusterId, Cluster>,
        cx: &mut Cx,
    ) -> Vec<Answered> {
        let now = cx.now;
        if self.needs.iter().all(|need| need.misses.is_none()) {
            return self.ask(clusters, now);
        }
        let caches = self.warming.iter_mut();
        let steps = caches.map(|caches| caches.note_losses(&self.needs, clusters, now));
        let steps: Vec<Option<SimTime>> = steps.collect();
        self.plan_steps(&steps, cx);
        let mut answered = self.ask(clusters, now);
        let caches = self.warming.iter_mut().zip(&self.processes);
        let steps = caches.filter_map(|(caches, process)| caches.note_answers(process, now));
        let steps: Vec<Option<SimTime>> = steps.collect();
        if !steps.is_empty() {
            self.plan_steps(&steps, cx);
            answered = self.ask(clusters, now);
        }
        if self.warming.iter().any(|caches| caches.is_due(now)) {
            let steps = self.warm(&answered, cx);
            self.plan_steps(&steps, cx);
            answered = self.ask(clusters, now);
        }
        answered
    }

    /// Requests have brought back what they do in a step, in every process where one is due.
    fn warm(&mut self, answered: &[Answered], cx: &Cx) -> Vec<Option<SimTime>> {
        let pace = self.load.pace(cx.now, cx.end);
        let shares = self.shares(answered, cx.now);
        let stores = shares.asked.iter().zip(shares.parts);
        let caches = self.warming.iter_mut().zip(&self.processes).zip(stores);
        let due = caches.filter(|((caches, _), _)| caches.is_due(cx.now));
        let asks = (&*self.needs, &self.load);
        due.map(|((caches, process), (asked, part))| {
            caches.step(asks, process, (pace * part, asked), cx.now)
        })
        .collect()
    }

    fn plan_steps(&self, steps: &[Option<SimTime>], cx: &mut Cx) {
        let mut steps: Vec<SimTime> = steps.iter().copied().flatten().collect();
        steps.sort_unstable();
        steps.dedup();
        for step in steps {
            self.plan_step(Some(step), cx);
        }
    }
}

impl OfNeed {
    fn lose(&mut self, line: usize, share: f64) {
        let cold = &mut self.cold[line];
        *cold = colder(*cold, share);
    }

    fn crowd_out(&mut self, line: usize, share: f64) {
        self.crowded_out[line] = share;
        self.cold[line] = self.cold[line].max(share);
    }

    fn step(&self) -> SimDuration {
        (self.spec.warms / STEPS).max(SimDuration::from_secs(1))
    }
}
