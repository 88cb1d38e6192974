//! Alert rules: a metric, seen at scrapes, that counts for long enough pages somebody.
//!
//! ```text
//!  metric ──scrape──► counts? ──for `hold`──► fires ──unless missed──► page
//!     ▲ blind: no sample                  false alarm ──unless missed──► page without a cause
//! ```
//!
//! A rule stands on a grid of scrapes at a random phase and looks only at its places. While what it
//! would see changes nothing, it is not scraped: a metric that is true or false (`memory`,
//! `node-down`, `no-primary`) is scraped when it has changed; errors while there are some in the
//! window; the forecast (`forecast`) when it could reach the limit. The eager mode scrapes always.
//!
//! A rule that keeps firing pages again after `repeat`, as Alertmanager does.
//!
//! Left out: samples that go stale after minutes, the
//! delay between a scrape and the evaluation of rules, and Alertmanager's grouping.

mod forecast;

use rand::RngExt;
use sim::{Dist, SimDuration, SimTime, Streams};

use crate::cluster::Cluster;
use crate::event::{AlertTimer, Cx, Event, Grid, Looks};
use crate::ids::{AlertId, ClusterId, Fleet, Id, ServiceId};
use crate::moment::MomentKind;
use crate::outcome::{RowGroup, Tone};
use crate::people::Page;
use crate::service::{LatencyRule, Service};
use crate::spec::{AlertSpec, MetricSpec};
use crate::streams;
use demand::Mode;
use forecast::Forecast;

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A cluster.
    Cluster(ClusterId),
    /// A service.
    Service(ServiceId),
}

/// The sources of the metrics.
pub struct MetricSources<'a> {
    /// The clusters.
    pub clusters: &'a Fleet<ClusterId, Cluster>,
    /// The services.
    pub services: &'a Fleet<ServiceId, Service>,
}

/// A call for somebody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AlertCall<'a> {
    /// The rule fires.
    Page(Page<'a>),
    /// It pages without a cause.
    FalseAlarm(&'a str),
}

/// Alertmanager's default `repeat_interval`.
const REPEAT: SimDuration = SimDuration::from_hours(4);

/// A rule on one cluster or service.
#[derive(Clone, Debug)]
pub struct Alert {
    id: AlertId,
    spec: AlertSpec,
    subject: Subject,
    label: String,
    scrapes: Grid,
    reaches: bool,
    /// Is the metric collected at all?
    collected: bool,
    /// When it is not.
    gap: Option<(SimTime, SimTime)>,
    false_alarms: Vec<SimTime>,
    forecast: Forecast,
    /// The first of the scrapes at which it counted, up to now.
    since: Option<SimTime>,
    /// The last page of the alert that is firing.
    fired: Option<SimTime>,
    planned: Looks,
    mode: Mode,
}

impl Alert {
    /// A rule that has seen nothing yet.
    pub fn new(
        id: AlertId,
        spec: &AlertSpec,
        subject: Subject,
        label: String,
        streams: &Streams,
        mode: Mode,
    ) -> Alert {
        let entity = streams::entity(&spec.name);
        let phase = Dist::Uniform {
            min: SimDuration::ZERO,
            max: spec.scrape,
        };
        let phase = phase.sample(&mut streams.stream(streams::SCRAPE_PHASE, entity));
        // What one rule watches is evaluated in turn, never at the same instant: the order is not
        // left to who was scheduled first, which differs between lazy and eager.
        let turn = SimDuration::from_nanos(id.index() as u64);
        let chance = |purpose| -> f64 { streams.stream(purpose, entity).random() };
        let gap = spec.blind_from.zip(spec.blind_for);
        let blind = spec.blind.map_or(0.0, |blind| blind.get());
        Alert {
            id,
            spec: spec.clone(),
            subject,
            label,
            scrapes: Grid {
                first: SimTime::ZERO + phase + turn,
                every: spec.scrape,
            },
            reaches: chance(streams::ALERT_REACHES) >= spec.missed.get(),
            collected: chance(streams::ALERT_BLIND) >= blind,
            gap: gap.map(|(from, lasts)| (SimTime::ZERO + from, SimTime::ZERO + from + lasts)),
            false_alarms: Vec::new(),
            forecast: Forecast::default(),
            since: None,
            fired: None,
            planned: Looks::default(),
            mode,
        }
    }

    /// When it will page without a cause: a Poisson process, drawn before the trial begins.
    pub fn draw_false_alarms(&mut self, streams: &Streams, end: SimTime) {
        let Some(mean) = self.spec.false_alarms.and_then(|rate| rate.interval_mean()) else {
            return;
        };
        let gap = Dist::Exponential { mean };
        let mut rng = streams.stream(streams::FALSE_ALARMS, streams::entity(&self.spec.name));
        let mut at = SimTime::ZERO.saturating_add(gap.sample(&mut rng));
        while at < end {
            self.false_alarms.push(at);
            at = at.saturating_add(gap.sample(&mut rng));
        }
    }

    /// The trial begins.
    pub fn start(&mut self, cx: &mut Cx) {
        for at in &self.false_alarms {
            cx.agenda
                .at(*at, Event::Alert(self.id, AlertTimer::FalseAlarm));
        }
        for at in self.gap.iter().flat_map(|(from, to)| [*from, *to]) {
            cx.agenda
                .at(at, Event::Alert(self.id, AlertTimer::Symptoms));
        }
    }

    /// Something has changed that the metric may show.
    pub fn reconsider(&mut self, sources: &MetricSources, cx: &mut Cx) {
        if !self.collected {
            return;
        }
        if let Some(at) = self.next_crossing(sources, cx.now, cx) {
            self.plan(at, cx);
        }
    }

    /// An event of this rule's own. Does it call somebody?
    pub fn on_timer(
        &mut self,
        timer: AlertTimer,
        sources: &MetricSources,
        cx: &mut Cx,
    ) -> Option<AlertCall<'_>> {
        match timer {
            AlertTimer::Scrape => self.on_scrape(sources, cx),
            AlertTimer::Symptoms => {
                self.reconsider(sources, cx);
                None
            }
            AlertTimer::FalseAlarm => {
                cx.ledger
                    .moment(cx.now, MomentKind::AlertFires, &self.spec.name);
                self.reaches
                    .then_some(AlertCall::FalseAlarm(&self.spec.name))
            }
        }
    }

    fn on_scrape(&mut self, sources: &MetricSources, cx: &mut Cx) -> Option<AlertCall<'_>> {
        self.planned.looked();
        let counts = !self.blind(cx.now) && self.counts(sources, cx.now);
        if !counts && self.since.is_some() {
            self.since = None;
            self.fired = None;
            self.tell("quiet", Tone::Good, cx);
        } else if counts && self.since.is_none() {
            self.since = Some(cx.now);
            self.tell("pending", Tone::Doubtful, cx);
        }
        let fires = self.since.map(|since| match self.fired {
            None => since + self.spec.hold,
            Some(last) => last.saturating_add(self.spec.repeat.unwrap_or(REPEAT)),
        });
        let next = cx.now + SimDuration::from_nanos(1);
        if let Some(at) = self.next_crossing(sources, next, cx) {
            self.plan(at, cx);
        }
        match fires {
            Some(at) if at <= cx.now => {
                let repeats = cx.now.saturating_add(self.spec.repeat.unwrap_or(REPEAT));
                self.plan(self.scrapes.at_or_after(repeats), cx);
                self.fire(sources, cx)
            }
            Some(at) => {
                self.plan(self.scrapes.at_or_after(at), cx);
                None
            }
            None => None,
        }
    }

    fn fire(&mut self, sources: &MetricSources, cx: &mut Cx) -> Option<AlertCall<'_>> {
        let again = self.fired.replace(cx.now).is_some();
        let (state, tone) = match (self.reaches, again) {
            (true, false) => ("fires", Tone::Bad),
            (true, true) => ("still fires", Tone::Bad),
            (false, false) => ("fires, its page is missed", Tone::Doubtful),
            (false, true) => ("still fires, its page is missed", Tone::Doubtful),
        };
        cx.ledger
            .trace(cx.now, || format!("{}: {state}", self.label));
        if !again {
            cx.ledger
                .moment(cx.now, MomentKind::AlertFires, &self.spec.name);
        }
        self.tell(state, tone, cx);
        let memory = self.memory_paged_for(sources, cx.now);
        let about = match self.subject {
            Subject::Cluster(id) => Some(id),
            Subject::Service(_) => None,
        };
        self.reaches.then(|| {
            AlertCall::Page(Page {
                by: &self.spec.name,
                named: self.spec.names_cause,
                about: about.filter(|_| self.spec.names_cause),
                memory,
                slow: matches!(self.spec.metric, MetricSpec::Latency { .. }),
            })
        })
    }

    /// The share of memory that this rule pages for: its threshold, or for a forecast the current
    /// usage.
    fn memory_paged_for(&self, sources: &MetricSources, now: SimTime) -> Option<f64> {
        match &self.spec.metric {
            MetricSpec::Memory { threshold } => Some(threshold.get()),
            MetricSpec::MemoryForecast { .. } => {
                let cluster = self.cluster(sources);
                Some(cluster.usage(cluster.fullest_shard(now), now))
            }
            MetricSpec::Errors { .. }
            | MetricSpec::BurnRate { .. }
            | MetricSpec::Latency { .. }
            | MetricSpec::NodeDown {}
            | MetricSpec::NoPrimary {} => None,
        }
    }

    /// Does the metric count at this scrape?
    fn counts(&mut self, sources: &MetricSources, now: SimTime) -> bool {
        match &self.spec.metric {
            MetricSpec::MemoryForecast { window, within } => {
                let cluster = self.cluster(sources);
                let samples = self.samples(*window);
                self.forecast.reaches(&samples, *within, cluster, now)
            }
            MetricSpec::Memory { .. }
            | MetricSpec::Errors { .. }
            | MetricSpec::BurnRate { .. }
            | MetricSpec::Latency { .. }
            | MetricSpec::NodeDown {}
            | MetricSpec::NoPrimary {} => self.shows(sources, now),
        }
    }

    /// What metrics show that need no samples of before.
    fn shows(&self, sources: &MetricSources, now: SimTime) -> bool {
        match &self.spec.metric {
            MetricSpec::Memory { threshold } => {
                let cluster = self.cluster(sources);
                let usage = cluster.shards().map(|shard| cluster.usage(shard, now));
                usage.fold(0.0, f64::max) >= threshold.get()
            }
            MetricSpec::NodeDown {} => self.cluster(sources).some_node_down(),
            MetricSpec::NoPrimary {} => self.cluster(sources).some_shard_without_primary(),
            MetricSpec::Errors {
                threshold, window, ..
            } => self.errors_reach(threshold.get(), &[*window], sources, now),
            MetricSpec::BurnRate {
                objective,
                factor,
                long,
                short,
                ..
            } => {
                let burnt = factor.get() * (1.0 - objective.get());
                self.errors_reach(burnt, &[*long, *short], sources, now)
            }
            MetricSpec::Latency { .. } => self.latency(sources, now).0 >= 1.0,
            MetricSpec::MemoryForecast { .. } => false,
        }
    }

    /// What a rule on latency asks for in its window that ends now, and the most in it.
    fn latency(&self, sources: &MetricSources, now: SimTime) -> (f64, f64) {
        let (rule, _, window) = LatencyRule::of(&self.spec.metric)
            .expect("a rule on something else is not asked for latency");
        let service = self.service(sources);
        service.latency(&rule, now.saturating_sub(window), now)
    }

    /// Are there errors, and at least this share in each of the windows that end now? Before the
    /// trial all was well.
    fn errors_reach(
        &self,
        share: f64,
        windows: &[SimDuration],
        sources: &MetricSources,
        now: SimTime,
    ) -> bool {
        windows.iter().all(|window| {
            let errors = self.errors(*window, sources, now);
            errors > 0.0 && errors >= share
        })
    }

    fn errors(&self, window: SimDuration, sources: &MetricSources, now: SimTime) -> f64 {
        let from = now.saturating_sub(window);
        let service = self.service(sources);
        service.error_share(from, now) * (now - from).as_secs_f64() / window.as_secs_f64()
    }

    /// The next scrape at `from` or later that may matter, as far as anybody can tell now.
    fn next_crossing(
        &mut self,
        sources: &MetricSources,
        from: SimTime,
        cx: &Cx,
    ) -> Option<SimTime> {
        let next = self.scrapes.at_or_after(from);
        if self.mode == Mode::Eager && self.collected {
            return Some(next);
        }
        match &self.spec.metric {
            MetricSpec::Memory { .. } | MetricSpec::NodeDown {} | MetricSpec::NoPrimary {} => {
                let counts = !self.blind(cx.now) && self.shows(sources, cx.now);
                (counts != self.since.is_some()).then_some(next)
            }
            MetricSpec::Errors { window, .. } | MetricSpec::BurnRate { long: window, .. } => {
                let recent = self.errors(*window, sources, cx.now) > 0.0;
                let errs = self.service(sources).errs();
                (errs || recent || self.since.is_some()).then_some(next)
            }
            MetricSpec::Latency { .. } => {
                // The mean over the window is at most the most in it.
                let slow = self.latency(sources, cx.now).1 >= 1.0;
                (slow || self.since.is_some()).then_some(next)
            }
            MetricSpec::MemoryForecast { window, within } => {
                let samples = self.samples(*window);
                let cluster = self.cluster(sources);
                if self.since.is_some() {
                    return Some(next);
                }
                let at = self.forecast.awake_from(&samples, *within, cluster, cx)?;
                Some(self.scrapes.at_or_after(at.max(from)))
            }
        }
    }

    /// The samples of a forecast over this window.
    fn samples(&self, window: SimDuration) -> forecast::Samples {
        forecast::Samples {
            scrape: self.scrapes.every,
            window,
            first: self.scrapes.first,
            gap: self.gap,
        }
    }

    fn cluster<'a>(&self, sources: &MetricSources<'a>) -> &'a Cluster {
        match self.subject {
            Subject::Cluster(id) => &sources.clusters[id],
            Subject::Service(_) => unreachable!("a rule on memory or nodes is about a cluster"),
        }
    }

    fn service<'a>(&self, sources: &MetricSources<'a>) -> &'a Service {
        match self.subject {
            Subject::Service(id) => &sources.services[id],
            Subject::Cluster(_) => unreachable!("a rule on errors is about a service"),
        }
    }

    fn blind(&self, at: SimTime) -> bool {
        self.gap.is_some_and(|(from, to)| from <= at && at < to)
    }

    /// A scrape at this place of the grid, unless one comes before it.
    fn plan(&mut self, at: SimTime, cx: &mut Cx) {
        let event = Event::Alert(self.id, AlertTimer::Scrape);
        self.planned.plan(at, event, cx);
    }

    fn tell(&self, state: &str, tone: Tone, cx: &mut Cx) {
        cx.ledger
            .state(cx.now, RowGroup::Observers, &self.label, state, tone);
    }
}
