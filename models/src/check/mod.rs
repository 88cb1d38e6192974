//! Health checks: probes at regular intervals, a judge, and what a verdict sets off.
//!
//! ```text
//! probe --reply or timeout--> run of answers --judge--> verdict --guard--> page, fail over, spool
//! ```
//!
//! A check sees only replies. Who is asked, and what passes, is up to its [`probe`]; each subject
//! has a judge of its own.
//!
//! Probes stand on a grid of time with a random phase for each observer. While nothing changes and
//! every observer has made up its mind, further probes change nothing and are not simulated; a
//! change of the world wakes them at their next place on the grid. The eager mode probes always.

mod judge;
pub mod probe;
pub mod spec;

use sim::{SimDuration, SimTime, Streams};

use crate::event::{CheckTimer, Cx, Event, Grid};
use crate::ids::{CheckId, ClusterId, Id, ServiceId, ShardId};
use crate::moment::MomentKind;
use crate::outcome::{RowGroup, Tone};
use crate::streams;
use demand::Mode;
use judge::Judge;
use probe::{Probe, ProbeResult};
use spec::{ActionSpec, CheckSpec};

/// What is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Any node of a cluster.
    Cluster(ClusterId),
    /// The owner of a shard.
    Shard(ClusterId, ShardId),
    /// A service.
    Service(ServiceId),
}

/// What a check wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Page a human.
    Page {
        /// The cluster that the probe is about: a page that names one names the cause.
        cluster: Option<ClusterId>,
    },
    /// Promote a replica of a shard.
    FailOver {
        /// The cluster.
        cluster: ClusterId,
        /// The shard.
        shard: ShardId,
        /// Must the candidate pass the check too?
        passing: bool,
    },
    /// Capture in the spool from now on, or no longer.
    Spool(bool),
}

/// One health check.
#[derive(Clone, Debug)]
pub struct Check {
    id: CheckId,
    /// What the scenario says of it.
    pub spec: CheckSpec,
    subjects: Vec<Watched>,
    phases: Vec<SimDuration>,
    latency: SimDuration,
    last_change: SimTime,
    mode: Mode,
}

/// Between an observer's probes of one subject and of the next (an assumption).
const STAGGER: SimDuration = SimDuration::from_millis(5);

#[derive(Clone, Debug)]
struct Watched {
    subject: Subject,
    judge: Judge,
    /// Per observer: is a probe scheduled or under way?
    awake: Vec<bool>,
    /// Per observer: did its last probe pass?
    passed: Vec<bool>,
    down: bool,
    failovers: u32,
    last_failover: Option<SimTime>,
    /// Why a failover is held back, as last written to the trace.
    held: Option<&'static str>,
}

impl Check {
    /// A check of these subjects that has seen nothing but successes.
    pub fn new(
        id: CheckId,
        spec: &CheckSpec,
        subjects: Vec<Subject>,
        latency: SimDuration,
        streams: &Streams,
        mode: Mode,
    ) -> Check {
        let judge = Judge::new(spec.judge);
        let observers = judge.observers();
        let watched = |subject| Watched {
            subject,
            judge: judge.clone(),
            awake: vec![false; observers],
            passed: vec![true; observers],
            down: false,
            failovers: 0,
            last_failover: None,
            held: None,
        };
        let phase = |observer: usize| {
            let entity = (id.index() * 1024 + observer) as u64;
            let mut rng = streams.stream(streams::PROBE_PHASE, entity);
            sim::Dist::Uniform {
                min: SimDuration::ZERO,
                max: spec.interval,
            }
            .sample(&mut rng)
        };
        Check {
            id,
            spec: spec.clone(),
            subjects: subjects.into_iter().map(watched).collect(),
            phases: (0..observers).map(phase).collect(),
            latency,
            last_change: SimTime::ZERO,
            mode,
        }
    }

    /// A short name for traces and charts.
    pub fn name(&self) -> &'static str {
        self.spec.probe.probe().name()
    }

    /// The trial begins.
    pub fn start(&mut self, cx: &mut Cx) {
        cx.ledger.state(
            cx.now,
            RowGroup::Observers,
            self.name(),
            "healthy",
            Tone::Good,
        );
        if self.mode == Mode::Eager {
            for subject in 0..self.subjects.len() {
                self.wake_observers(subject, cx);
            }
        }
    }

    /// Something about a cluster has changed, or only about services, and this check might see it.
    pub fn wake(&mut self, cluster: Option<ClusterId>, cx: &mut Cx) {
        self.last_change = cx.now;
        for subject in 0..self.subjects.len() {
            let concerned = match self.subjects[subject].subject {
                Subject::Cluster(id) | Subject::Shard(id, _) => Some(id) == cluster,
                Subject::Service(_) => true,
            };
            if concerned {
                self.wake_observers(subject, cx);
            }
        }
    }

    fn wake_observers(&mut self, subject: usize, cx: &mut Cx) {
        for observer in 0..self.phases.len() {
            if !self.subjects[subject].awake[observer] {
                let at = self.grid(subject, observer).after(cx.now);
                self.schedule(subject, observer, at, cx);
            }
        }
    }

    /// An event of this check's own. `ask` puts the probe to the world.
    pub fn on_timer(
        &mut self,
        timer: CheckTimer,
        ask: impl Fn(&dyn Probe, Subject) -> ProbeResult,
        cx: &mut Cx,
    ) -> Vec<Order> {
        match timer {
            CheckTimer::Probe { subject, observer } => {
                let result = ask(self.spec.probe.probe(), self.subjects[subject].subject);
                let delay = match result {
                    ProbeResult::Passed | ProbeResult::Failed => self.latency * 2,
                    ProbeResult::Silence => self.spec.timeout,
                };
                let passed = result == ProbeResult::Passed;
                let answered = CheckTimer::Answered {
                    subject,
                    observer,
                    sent: cx.now,
                    passed,
                };
                cx.agenda.after(delay, Event::Check(self.id, answered));
                Vec::new()
            }
            CheckTimer::Answered {
                subject,
                observer,
                sent,
                passed,
            } => self.on_answer(subject, observer, sent, passed, cx),
            CheckTimer::Retry { subject } => {
                let mut orders = Vec::new();
                if self.subjects[subject].down {
                    orders.extend(self.failover(subject, cx));
                }
                orders
            }
        }
    }

    fn on_answer(
        &mut self,
        subject: usize,
        observer: usize,
        sent: SimTime,
        passed: bool,
        cx: &mut Cx,
    ) -> Vec<Order> {
        let watched = &mut self.subjects[subject];
        watched.judge.observe(observer, passed);
        let down = watched.judge.down();
        let asleep =
            self.mode == Mode::Lazy && watched.judge.settled(observer) && self.last_change <= sent;
        if asleep {
            watched.awake[observer] = false;
        } else {
            let next = sent + self.spec.interval;
            self.schedule(subject, observer, next, cx);
        }
        let before = std::mem::replace(&mut self.subjects[subject].passed[observer], passed);
        if before != passed {
            let about = self.about(subject);
            cx.ledger.trace(cx.now, || {
                let result = if passed { "passes" } else { "fails" };
                format!("{} {about}: probe {result}", self.name())
            });
        }
        if down == self.subjects[subject].down {
            return Vec::new();
        }
        self.subjects[subject].down = down;
        self.subjects[subject].held = None;
        self.record_verdict(subject, down, cx);
        if down {
            self.on_down(subject, cx)
        } else {
            self.on_up()
        }
    }

    fn on_down(&mut self, subject: usize, cx: &mut Cx) -> Vec<Order> {
        let mut orders = Vec::new();
        for action in self.spec.actions.clone() {
            match action {
                ActionSpec::Page => {
                    let cluster = match self.subjects[subject].subject {
                        Subject::Cluster(cluster) | Subject::Shard(cluster, _) => Some(cluster),
                        Subject::Service(_) => None,
                    };
                    orders.push(Order::Page { cluster });
                }
                ActionSpec::OpenSpool => orders.push(Order::Spool(true)),
                ActionSpec::FailOver | ActionSpec::FailOverToPassing => {
                    orders.extend(self.failover(subject, cx));
                }
            }
        }
        orders
    }

    fn on_up(&self) -> Vec<Order> {
        let spools = self.spec.actions.contains(&ActionSpec::OpenSpool);
        let all_up = self.subjects.iter().all(|watched| !watched.down);
        if spools && all_up {
            vec![Order::Spool(false)]
        } else {
            Vec::new()
        }
    }

    /// A failover, unless a guard holds it back.
    fn failover(&mut self, subject: usize, cx: &mut Cx) -> Option<Order> {
        let Subject::Shard(cluster, shard) = self.subjects[subject].subject else {
            return None;
        };
        let passing = self.spec.actions.contains(&ActionSpec::FailOverToPassing);
        if !passing && !self.spec.actions.contains(&ActionSpec::FailOver) {
            return None;
        }
        let guard = self.spec.guard;
        let all_bad = self.subjects.len() > 1 && self.subjects.iter().all(|watched| watched.down);
        let watched = &mut self.subjects[subject];
        if watched.failovers >= guard.failovers_max {
            return None;
        }
        let cooling = watched
            .last_failover
            .is_some_and(|at| cx.now < at + guard.cool_down);
        if cooling || (guard.fail_open && all_bad) {
            let why = if cooling {
                "cooling down"
            } else {
                "every node looks bad"
            };
            let retry = CheckTimer::Retry { subject };
            let wait = watched.last_failover.map_or(guard.cool_down, |at| {
                (at + guard.cool_down)
                    .saturating_since(cx.now)
                    .max(self.spec.interval)
            });
            cx.agenda.after(wait, Event::Check(self.id, retry));
            // The guard may hold it back many times in a row; the trace says each reason once.
            if watched.held.replace(why) != Some(why) {
                let about = self.about(subject);
                cx.ledger.trace(cx.now, || {
                    format!("{} {about}: no failover, {why}", self.name())
                });
            }
            return None;
        }
        watched.held = None;
        watched.failovers += 1;
        watched.last_failover = Some(cx.now);
        if watched.failovers < guard.failovers_max {
            cx.agenda.after(
                guard.cool_down,
                Event::Check(self.id, CheckTimer::Retry { subject }),
            );
        }
        Some(Order::FailOver {
            cluster,
            shard,
            passing,
        })
    }

    fn schedule(&mut self, subject: usize, observer: usize, at: SimTime, cx: &mut Cx) {
        self.subjects[subject].awake[observer] = true;
        let timer = CheckTimer::Probe { subject, observer };
        cx.agenda.at(at, Event::Check(self.id, timer));
    }

    /// When an observer probes this subject. It takes its subjects one after the other, so no two
    /// probes fall on the same instant.
    fn grid(&self, subject: usize, observer: usize) -> Grid {
        Grid {
            first: SimTime::ZERO + self.phases[observer] + STAGGER * subject as u64,
            every: self.spec.interval,
        }
    }

    fn about(&self, subject: usize) -> String {
        match self.subjects[subject].subject {
            Subject::Cluster(cluster) => format!("of cluster {}", cluster.index() + 1),
            Subject::Shard(cluster, shard) => {
                format!(
                    "of cluster {} shard {}",
                    cluster.index() + 1,
                    shard.index() + 1
                )
            }
            Subject::Service(_) => "of the service".to_owned(),
        }
    }

    fn record_verdict(&self, subject: usize, down: bool, cx: &mut Cx) {
        let about = self.about(subject);
        let verdict = if down { "DOWN" } else { "up" };
        cx.ledger.trace(cx.now, || {
            format!("{} {about}: verdict {verdict}", self.name())
        });
        if down {
            cx.ledger.moment(cx.now, MomentKind::CheckDown, self.name());
        }
        let any_down = self.subjects.iter().any(|watched| watched.down);
        let (state, tone) = if any_down {
            ("says down", Tone::Bad)
        } else {
            ("healthy", Tone::Good)
        };
        cx.ledger
            .state(cx.now, RowGroup::Observers, self.name(), state, tone);
    }
}
