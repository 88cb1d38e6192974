//! The autoscaler of a service's servers: it holds the share of busy workers near a target.
//!
//! ```text
//!  every 15 s    busy workers over the last minute ÷ workers of a server ÷ target, rounded up
//!                ├─ more than there are: ordered at once, at most double or four more; they serve
//!                │                       after `takes`
//!                └─ fewer: only once all looks within the cool-down agree
//! ```
//!
//! The rule is that of Kubernetes' horizontal pod autoscaler: `ceil(current × metric ÷ target)`,
//! pods that are not ready count with no load,
//! nothing within 10 %, the highest wish of the last 5 min when it scales in, at most double or
//! four more in 15 s (kubernetes.io, Horizontal Pod Autoscaling, "Algorithm details" and "Default
//! behavior"). The metric is busy workers, since a request that waits for Redis holds its worker;
//! an autoscaler on CPU would not see those.
//!
//! While all looks want what is there and nothing changes, nobody looks; the eager mode always
//! does.

use std::collections::VecDeque;

use sim::dist::Dist;
use sim::{SimDuration, SimTime, Streams};

use crate::event::{Cx, Event, Grid, Looks, ServersTimer};
use crate::ids::{Id, ServiceId};
use crate::outcome::{RowGroup, Tone};
use crate::service::Service;
use crate::spec::service::ServersSpec;
use crate::streams;
use demand::{Control, Mode};

/// A difference from the target that changes nothing, as a share of it.
const TOLERANCE: f64 = 0.1;

/// So many servers may be added at once, whatever there is.
const ADDED_MIN: u32 = 4;

/// The autoscaler of one service.
#[derive(Clone, Debug)]
pub struct ServerScaler {
    spec: ServersSpec,
    service: ServiceId,
    label: String,
    /// The number at the start, which is also the least.
    least: u32,
    most: u32,
    serving: u32,
    /// With those that do not serve yet.
    ordered: u32,
    orders: u64,
    /// How many servers each look within the cool-down wanted.
    wanted: VecDeque<(SimTime, u32)>,
    grid: Grid,
    looks: Looks,
    mode: Mode,
}

impl ServerScaler {
    /// The autoscaler of a service in one of `cells`: its name in the scenario, and there.
    pub fn new(
        spec: &ServersSpec,
        service: ServiceId,
        (name, in_cell): (&str, &str),
        cells: usize,
        streams: &Streams,
        mode: Mode,
    ) -> ServerScaler {
        let part = |servers: u32| servers.div_ceil(cells as u32);
        let least = part(spec.count);
        let phase = Dist::Uniform {
            min: SimDuration::ZERO,
            max: spec.every,
        };
        let entity = streams::entity(name);
        let phase = phase.sample(&mut streams.stream(streams::SERVERS_PHASE, entity));
        // No two autoscalers look at the same instant.
        let turn = SimDuration::from_nanos(1 + service.index() as u64);
        ServerScaler {
            grid: Grid {
                first: SimTime::ZERO + phase + turn,
                every: spec.every,
            },
            looks: Looks::default(),
            service,
            label: format!("autoscaler of {in_cell}"),
            least,
            most: part(spec.most),
            serving: least,
            ordered: least,
            orders: 0,
            wanted: VecDeque::new(),
            spec: spec.clone(),
            mode,
        }
    }

    /// The trial begins.
    pub fn start(&mut self, service: &Service, cx: &mut Cx) {
        self.plan(service, cx);
    }

    /// The service may be more or less busy now.
    pub fn reconsider(&mut self, cx: &mut Cx) {
        self.look_at(self.grid.after(cx.now), cx);
    }

    /// An event of its own: by how much does the service grow or shrink, over its start?
    pub fn on_timer(
        &mut self,
        timer: ServersTimer,
        service: &Service,
        streams: &Streams,
        cx: &mut Cx,
    ) -> Option<Control> {
        match timer {
            ServersTimer::Look => {
                self.looks.looked();
                let change = self.look(service, streams, cx);
                self.plan(service, cx);
                change
            }
            ServersTimer::Serve { servers } if servers > self.serving => {
                Some(self.serve(servers, cx))
            }
            ServersTimer::Serve { .. } => None,
        }
    }

    fn look(&mut self, service: &Service, streams: &Streams, cx: &mut Cx) -> Option<Control> {
        let wanted = self.wants(service.busy(cx.now));
        let every = self.spec.every;
        // Looks that were left out wanted what was there.
        let before = cx.now.saturating_sub(every);
        if self.wanted.back().is_none_or(|(at, _)| *at < before) {
            self.wanted.push_back((before, self.serving));
        }
        self.wanted.push_back((cx.now, wanted));
        let kept = cx.now.saturating_sub(self.spec.cool_down);
        while self.wanted.front().is_some_and(|(at, _)| *at < kept) {
            self.wanted.pop_front();
        }
        if wanted > self.ordered {
            self.order(wanted, streams, cx);
            return None;
        }
        let highest = self.wanted.iter().map(|(_, wanted)| *wanted).max();
        let highest = highest.unwrap_or(wanted);
        let settled = self.ordered == self.serving;
        (settled && highest < self.serving).then(|| {
            self.ordered = highest;
            self.serve(highest, cx)
        })
    }

    /// How many servers it takes for so many busy workers, given over those of the start. Servers
    /// that do not serve yet count, with no busy workers.
    fn wants(&self, busy: f64) -> u32 {
        let needed = busy * f64::from(self.least) / self.spec.target.get();
        let ratio = needed / f64::from(self.ordered);
        if (ratio - 1.0).abs() <= TOLERANCE + 1e-9 {
            return self.ordered;
        }
        let at_once = (self.ordered * 2).max(self.ordered + ADDED_MIN);
        let wanted = (needed - 1e-9).ceil() as u32;
        wanted.min(at_once).clamp(self.least, self.most)
    }

    fn order(&mut self, servers: u32, streams: &Streams, cx: &mut Cx) {
        let entity = self.orders * 1024 + self.service.index() as u64;
        self.orders += 1;
        let takes = &self.spec.takes;
        let takes = takes.sample(&mut streams.stream(streams::SERVERS, entity));
        let (label, from) = (&self.label, self.ordered);
        cx.ledger.trace(cx.now, || {
            format!("{label}: orders servers, {from} to {servers}")
        });
        cx.ledger
            .mark(cx.now, label, || format!("{from} to {servers} servers"));
        self.tell("adds servers", Tone::Busy, cx);
        self.ordered = servers;
        let timer = ServersTimer::Serve { servers };
        cx.agenda.after(takes, Event::Servers(self.service, timer));
    }

    fn serve(&mut self, servers: u32, cx: &mut Cx) -> Control {
        let (label, from) = (&self.label, self.serving);
        cx.ledger.trace(cx.now, || {
            format!("{label}: {from} to {servers} servers serve")
        });
        self.serving = servers;
        self.tell(&format!("{servers} servers"), Tone::Good, cx);
        self.reconsider(cx);
        Control::Scale(f64::from(servers) / f64::from(self.least))
    }

    /// Plans the next look that may matter.
    fn plan(&mut self, service: &Service, cx: &mut Cx) {
        let next = cx.now.saturating_add(SimDuration::from_nanos(1));
        let at = match self.mode {
            Mode::Eager => Some(next),
            Mode::Lazy => {
                let quiet = self.wants(service.busy(cx.now)) == self.ordered;
                match quiet && self.serving == self.ordered {
                    true => service.busy_changes_after(cx.now).map(|at| at.max(next)),
                    false => Some(next),
                }
            }
        };
        if let Some(at) = at {
            self.look_at(self.grid.at_or_after(at), cx);
        }
    }

    /// A look at this place of the grid, unless one comes before it.
    fn look_at(&mut self, at: SimTime, cx: &mut Cx) {
        let event = Event::Servers(self.service, ServersTimer::Look);
        self.looks.plan(at, event, cx);
    }

    fn tell(&self, state: &str, tone: Tone, cx: &mut Cx) {
        cx.ledger
            .state(cx.now, RowGroup::Observers, &self.label, state, tone);
    }
}
