//! A service as the infrastructure sees it: the clusters that it needs, its spool, its answers.

mod asked;
mod failing;
mod latency;
mod outliers;
mod overload;
mod process;
mod rotation;
mod shares;
mod timeline;
mod warming;

pub use failing::{Instead, Load, State};
pub use latency::{Latency, LatencyRule};
pub use overload::Overload;
pub use process::Process;
pub use rotation::Rotation;

use asked::worst;
use process::Answered;
use shares::{Known, Shares};
use sim::{Intervals, SimDuration, SimTime};
use timeline::ShareTimeline;
use warming::Warming;

use crate::cluster::Cluster;
use crate::event::{BalancerTimer, Cx, Event};
use crate::ids::{ClusterId, Fleet, ViewId};
use crate::moment::MomentKind;
use crate::outcome::{RowGroup, Tone};
use crate::spec::service::{Access, Keys, WaitSpec};
use crate::spec::store::MissesSpec;
use demand::Control;
use demand::answer::{Answer, AnswerTimeline, Cause};

/// One API.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    needs: Vec<Need>,
    processes: Vec<Process>,
    rotation: Rotation,
    wait: Option<WaitSpec>,
    load: Load,
    /// How warm the caches of each process are.
    warming: Vec<Warming>,
    spool: bool,
    /// What Redis answers most of its requests.
    redis: Answer,
    /// What the worst of its needs answers most connections, spool or not, in the worst process.
    unspooled: AnswerTimeline,
    /// The same for those connections that are answered worst.
    pauses: AnswerTimeline,
    /// Can any request succeed? Short pauses do not count.
    passable: AnswerTimeline,
    /// The share of requests that fail because of Redis, without short pauses.
    failing: ShareTimeline,
    /// What failed beyond that, as an earlier run of the trial counted it.
    overload: Overload,
    /// The share of requests that fail, as its metrics show it.
    shown: ShareTimeline,
    /// How long a request holds its worker, in seconds, in the mean over the processes.
    held: ShareTimeline,
    /// What fails of each process's needs, the number of controls, and what follows from both at
    /// the traffic of then.
    known: Option<Known>,
    /// When the traffic is looked at again.
    traffic_at: Option<SimTime>,
    /// What rules on latency see of it.
    latency: Latency,
    /// What the trace said of it last.
    said: String,
    /// What people or an autoscaler did to it, in time order.
    controls: Vec<(SimTime, Control)>,
}

/// One thing that requests call.
#[derive(Clone, Debug)]
pub struct Need {
    /// Where it is.
    pub cluster: ClusterId,
    /// What it is there, by position in the scenario.
    pub workload: usize,
    /// How it is used.
    pub access: Access,
    /// Which shards a request touches.
    pub keys: Keys,
    /// Equal parts of the service's connections there, of which some may be refused.
    pub parts: usize,
    /// What the service does without it.
    pub instead: Instead,
    /// What it does not have although it answers.
    pub misses: Option<MissesSpec>,
    /// The slower store behind it, by position among those of the service.
    pub store: Option<usize>,
}

impl Service {
    /// A service whose needs are all met.
    pub fn new(
        name: &str,
        needs: Vec<Need>,
        (processes, rotation): (Vec<Process>, Rotation),
        wait: Option<WaitSpec>,
        (load, latency): (Load, Latency),
        overload: Overload,
    ) -> Service {
        let lines = processes[0].lines.iter().zip(&needs);
        let lines: Vec<usize> = lines
            .map(|(lines, need)| lines.len() / need.parts)
            .collect();
        Service {
            name: name.to_owned(),
            warming: vec![Warming::new(&needs, &lines); processes.len()],
            needs,
            processes,
            rotation,
            wait,
            load,
            spool: false,
            redis: Answer::Ok,
            unspooled: AnswerTimeline::new(),
            pauses: AnswerTimeline::new(),
            passable: AnswerTimeline::new(),
            failing: ShareTimeline::new(),
            overload,
            shown: ShareTimeline::new(),
            held: ShareTimeline::new(),
            known: None,
            traffic_at: None,
            latency,
            // A trial begins with services that answer.
            said: "answers".to_owned(),
            controls: Vec::new(),
        }
    }

    /// Records an action of people on it.
    pub fn control(&mut self, at: SimTime, control: Control) {
        self.load.control(control);
        self.latency.control(control);
        self.controls.push((at, control));
        for process in &mut self.processes {
            process.controls.push((at, control));
        }
    }

    /// One of its processes is restarted.
    pub fn restart(&mut self, at: SimTime, process: usize) {
        self.processes[process]
            .controls
            .push((at, Control::Restart));
    }

    /// A cluster may answer differently now, or its metrics show another overload.
    pub fn refresh(&mut self, clusters: &Fleet<ClusterId, Cluster>, cx: &mut Cx) {
        let (now, spool) = (cx.now, self.spool);
        let or_spool = |redis| if spool { Answer::Spool } else { redis };
        let before = self.state();
        let mut answered = self.ask_warmed(clusters, cx);
        for (process, answered) in self.processes.iter_mut().zip(&answered) {
            process.timeline.set(now, or_spool(answered.at_once));
        }
        let shares = self.shares(&answered, now);
        self.note_failures(&answered, &shares, cx);
        let Shares {
            failing,
            held,
            parts,
            ..
        } = shares;
        self.plan_traffic(&answered, cx);
        for (answered, part) in answered.iter_mut().zip(parts) {
            answered.part = part;
        }
        let answered = self.in_rotation(answered);
        let counted = (&self.overload, self.load.gateway_timeout());
        self.latency.set(now, (&answered, spool), counted);
        self.held.set(now, held);
        let all = |of: fn(&Answered) -> Answer| worst(answered.iter().map(of));
        // Most of its requests see what most of its processes answer.
        let works = answered.iter().find(|process| process.noticed.captures());
        self.redis = match works {
            Some(works) if State::of(failing, 0.0) != State::Down => works.noticed,
            Some(_) | None => all(|process| process.noticed),
        };
        let passes = answered.iter().any(|process| process.passable.captures());
        let passable = match passes {
            true => Answer::Ok,
            false => all(|process| process.passable),
        };
        self.unspooled.set(now, all(|process| process.at_once));
        self.pauses.set(now, all(|process| process.worst));
        self.passable.set(now, or_spool(passable));
        let failing = if spool { 0.0 } else { failing };
        self.failing.set(now, failing);
        let wait = self.load.gateway_timeout();
        let beyond = self.overload.shown(now, wait, failing);
        self.shown.set(now, failing.max(beyond));
        if cx.ledger.is_tracing() {
            self.tell(or_spool(self.redis), before, cx);
        }
        let answers: Vec<Answer> = self.processes.iter().map(|p| p.timeline.last()).collect();
        self.rotation.reconsider(&answers, cx);
    }

    /// The answers of those processes that get requests.
    fn in_rotation(&self, answered: Vec<Answered>) -> Vec<Answered> {
        let rotation = self.rotation.in_rotation();
        let places = answered.into_iter().enumerate();
        let mut answered: Vec<Answered> = places
            .filter(|(place, _)| rotation.contains(place))
            .map(|(_, answered)| answered)
            .collect();
        if answered.is_empty() {
            answered.push(Answered::all(Answer::Error(Cause::Refused)));
        }
        answered
    }

    /// Its load balancer asks its processes: does it send requests to others now?
    pub fn on_balancer(&mut self, timer: BalancerTimer, cx: &mut Cx) -> bool {
        let answers: Vec<&AnswerTimeline> = self.processes.iter().map(|p| &p.timeline).collect();
        let changed = self.rotation.on_timer(timer, &answers, &self.name, cx);
        let answers: Vec<Answer> = answers.iter().map(|line| line.last()).collect();
        self.rotation.reconsider(&answers, cx);
        changed
    }

    /// Which of its processes get requests, over the trial.
    pub fn rotation(&self) -> &demand::Rotation {
        self.rotation.history()
    }

    /// What each process answers now.
    fn ask(&mut self, clusters: &Fleet<ClusterId, Cluster>, now: SimTime) -> Vec<Answered> {
        let timed = (&self.load, self.latency.timed());
        let processes = self.processes.iter_mut().zip(&self.warming);
        let answered = processes.map(|(process, warming)| {
            let asked = (&*self.needs, warming, self.wait);
            process.ask(asked, timed, clusters, now)
        });
        answered.collect()
    }

    /// Caches will be warmer at `step`, if they are not warm.
    fn plan_step(&self, step: Option<SimTime>, cx: &mut Cx) {
        if let Some(at) = step.filter(|at| *at < cx.end) {
            cx.agenda.at(at, Event::Metrics);
        }
    }

    /// Do few enough of its requests fail, as its metrics show it?
    pub fn meets_objective(&self) -> bool {
        self.state() == State::Up
    }

    /// Adds what it answers now to the trace, and its state to the moments if it has changed.
    fn tell(&mut self, answer: Answer, before: State, cx: &mut Cx) {
        let state = self.state();
        let failing = format!("{:.0} % of requests fail", 100.0 * self.shown.last());
        let (words, tone) = match (answer, state) {
            (Answer::Late(after), State::Up)
                if self.wait.is_some_and(|wait| after >= wait.timeout) =>
            {
                let words = format!("answers {after} late, as too few replicas acknowledge");
                (words, Tone::Doubtful)
            }
            (Answer::Late(after), State::Up) if self.wait.is_none() => {
                (format!("answers {after} late"), Tone::Doubtful)
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
        if words != self.said {
            cx.ledger
                .trace(cx.now, || format!("{}: {words}", self.name));
            self.said.clone_from(&words);
        }
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

    /// Its state, by the share of requests that fail.
    fn state(&self) -> State {
        State::of(self.shown.last(), self.load.objective)
    }

    /// Do more requests fail than Redis explains, as its metrics show it?
    pub fn is_overloaded(&self) -> bool {
        self.shown.last() > self.failing.last().max(self.load.objective)
    }

    /// Do most requests fail in an overload?
    pub fn is_down_by_overload(&self) -> bool {
        self.is_overloaded() && self.state() == State::Down
    }

    /// The workers that were busy over the last minute, over those of the start, as its metrics
    /// show it. In an overload that fails most requests all were that were there throughout.
    pub fn busy(&self, now: SimTime) -> f64 {
        let minute = SimDuration::from_mins(1);
        let scale = self.scale_average(now.saturating_sub(minute), now);
        let busy = self.load.busy(&self.held, scale, now);
        match self.overload.shown_minute(now, self.load.gateway_timeout()) {
            Some(end) if self.is_down_by_overload() => {
                busy.max(self.scale_lowest(end.saturating_sub(minute), end))
            }
            Some(_) | None => busy,
        }
    }

    /// The next instant after `now` at which its metrics show more or fewer busy workers, if
    /// nothing but its traffic changes; `now` while they do.
    pub fn busy_changes_after(&self, now: SimTime) -> Option<SimTime> {
        let minute = SimDuration::from_mins(1);
        let scaled = self.controls.last().map_or(SimTime::ZERO, |(at, _)| *at);
        let lately = scaled.max(self.held.changed()).saturating_add(minute);
        match lately > now {
            true => Some(now),
            false => self.load.traffic_changes_after(now),
        }
    }

    /// Its workers now, those of all processes.
    pub fn workers(&self) -> f64 {
        self.load.scale() * self.workers_at_start()
    }

    /// Its workers at the start, those of all processes.
    pub fn workers_at_start(&self) -> f64 {
        self.load.workers_at_start() * self.processes.len() as f64
    }

    /// How many times the workers of the start it had, at the least from `from` to `to`.
    fn scale_lowest(&self, from: SimTime, to: SimTime) -> f64 {
        let scales = self.scales(from, to).map(|(_, scale)| scale);
        scales.fold(f64::INFINITY, f64::min)
    }

    /// How many times the workers of the start it had, on average from `from` to `to`.
    pub fn scale_average(&self, from: SimTime, to: SimTime) -> f64 {
        let (mut since, mut scale, mut sum) = (from, 1.0, 0.0);
        for (at, factor) in self.scales(from, to) {
            sum += scale * (at - since).as_secs_f64();
            (since, scale) = (at, factor);
        }
        sum += scale * to.saturating_since(since).as_secs_f64();
        match to.saturating_since(from) {
            SimDuration::ZERO => scale,
            lasts => sum / lasts.as_secs_f64(),
        }
    }

    /// How many times the workers of the start it had at `from`, and from each change before `to`
    /// on.
    fn scales(&self, from: SimTime, to: SimTime) -> impl Iterator<Item = (SimTime, f64)> + '_ {
        let scale = |(at, control): &(SimTime, Control)| match control {
            Control::Scale(factor) => Some((*at, *factor)),
            Control::Restart
            | Control::Shed(_)
            | Control::StopRetries
            | Control::ScaleStore(..) => None,
        };
        let later = self.controls.partition_point(|(at, _)| *at <= from);
        let before = self.controls[..later].iter().rev().find_map(scale);
        let at_first = before.map_or(1.0, |(_, factor)| factor);
        let changes = self.controls[later..].iter().filter_map(scale);
        let changes = changes.take_while(move |(at, _)| *at < to);
        std::iter::once((from, at_first)).chain(changes)
    }

    /// Does it call this cluster?
    pub fn uses(&self, id: ClusterId) -> bool {
        self.needs.iter().any(|need| need.cluster == id)
    }

    /// When its metrics show another overload.
    pub fn overload_changes(&self) -> impl Iterator<Item = SimTime> + '_ {
        let wait = self.load.gateway_timeout();
        let slow = self.overload.slow_changes(wait);
        self.overload.changes(wait).chain(slow)
    }

    /// Does Redis explain all failures of a minute?
    pub fn explains_all(&self, minute: u64) -> bool {
        overload::explains_all(&self.failing, minute, self.load.gateway_timeout())
    }

    /// The overload of this run. Each entry of `counts` is a minute with its failed requests and
    /// all its requests.
    pub fn overload(&self, counts: impl Iterator<Item = (u64, (u64, u64))>) -> Overload {
        let Load { objective, .. } = self.load;
        Overload::found(
            counts,
            (&self.failing, &self.pauses),
            objective,
            self.load.gateway_timeout(),
        )
    }

    /// Does this cluster serve at least some of the requests that cannot do without it?
    pub fn is_served_by(&self, id: ClusterId) -> bool {
        let serves = |process: &Process| {
            let needs = self.needs.iter().zip(&process.lines);
            let mut here =
                needs.filter(|(need, _)| need.cluster == id && need.instead == Instead::Nothing);
            here.all(|(_, lines)| lines.iter().any(|line| line.last().captures()))
        };
        self.processes.iter().any(serves)
    }

    /// When no request could succeed, or most failed in an overload, up to `end`.
    pub fn down(&self, end: SimTime) -> Intervals {
        let mut down = Intervals::new();
        for (from, to, answer) in self.passable.spans(SimTime::ZERO, end) {
            if !answer.captures() {
                down.add(from, to);
            }
        }
        for (from, to) in self.overload.above(failing::HALF) {
            down.add(from, to.min(end));
        }
        down
    }

    /// Opens or closes the spool.
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

    /// Does it meet its objective now, with Redis and not with a spool?
    pub fn works(&self) -> bool {
        let redis = match self.spool {
            true => matches!(self.redis, Answer::Ok | Answer::Late(_)),
            false => true,
        };
        redis && self.meets_objective()
    }

    /// What Redis answers most of its requests now, spool or not.
    pub fn redis_answer(&self) -> Answer {
        self.redis
    }

    /// The share of its requests in `[from, to)` that failed, as its own metrics show it, without
    /// short pauses.
    pub fn error_share(&self, from: SimTime, to: SimTime) -> f64 {
        let (window, visits) = ((from, to), self.load.visits());
        let known = self.overload.known(window, self.load.gateway_timeout());
        // A long window knows by now when the overload began; a short one has only what shows.
        let counted = timeline::mean(&self.failing, window, visits, known);
        counted.max(timeline::mean(
            &self.shown,
            window,
            visits,
            std::iter::empty(),
        ))
    }

    /// Do requests fail now, as its own metrics show it?
    pub fn errs(&self) -> bool {
        self.shown.last() > 0.0
    }

    /// Its processes.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// The views of a process, with their clusters.
    pub fn views_of_process(&self, process: usize) -> impl Iterator<Item = (ClusterId, ViewId)> {
        self.processes[process].views(&self.needs)
    }

    /// The view of a cluster that each of its processes has.
    pub fn views_of(&self, id: ClusterId) -> impl Iterator<Item = ViewId> {
        let views = self.processes.iter();
        views.filter_map(move |process| {
            let mut views = process.views(&self.needs);
            views
                .find(|(cluster, _)| *cluster == id)
                .map(|(_, view)| view)
        })
    }

    /// What most of its requests would have been answered without a spool, over the trial.
    pub fn unspooled(&self) -> &AnswerTimeline {
        &self.unspooled
    }

    /// When some request could succeed, over the trial.
    pub fn passable(&self) -> &AnswerTimeline {
        &self.passable
    }

    /// What it needs.
    pub fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// How long before its acknowledgement a write was executed, at least.
    pub fn acknowledged_after(&self, latency: SimDuration) -> SimDuration {
        self.wait.map_or(SimDuration::ZERO, |_| latency * 2)
    }

    /// When it did not meet its objective, up to `end`.
    pub fn outages(&self, end: SimTime) -> Vec<(SimTime, SimTime)> {
        let objective = self.load.objective;
        let mut outages = Intervals::new();
        let overloads = self.overload.above(objective);
        let fails = |share| share > objective;
        let failing = self.failing.periods(SimTime::ZERO, end, fails);
        for (from, to) in failing.into_iter().chain(overloads) {
            outages.add(from, to.min(end));
        }
        outages.iter().collect()
    }
}
