//! A small site for the tests of actions: one cluster, the service `api` and nobody else.

use sim::{Agenda, SimTime};

use super::*;
use crate::event::Event;
use crate::given::{self, Tables};
use crate::ids::{Fleet, Id, NodeId, ServiceId, ShardId, ViewId};
use crate::ledger::Ledger;
use crate::service::{Instead, Latency, Load, Need, Overload, Process, Rotation, Service};
use crate::spec::service::{Access, Keys};
use demand::Mode;

/// What an action works on, from the small world's tables.
pub(super) struct Bench {
    pub clusters: Fleet<ClusterId, Cluster>,
    pub pending: Vec<PendingOperation>,
    tables: Tables,
    services: Fleet<ServiceId, Service>,
    agenda: Agenda<Event>,
    ledger: Ledger,
}

impl Bench {
    /// The primary of the first shard hangs, and writes with it.
    pub fn new() -> Bench {
        let mut bench = Bench::well();
        let (site, hour) = (bench.site(), SimDuration::from_hours(1));
        let Site {
            clusters,
            services,
            mut cx,
            ..
        } = site;
        clusters[ClusterId::from_index(0)].hang(NodeId::from_index(0), hour, &mut cx);
        for (_, service) in services.iter_mut() {
            service.refresh(clusters, &mut cx);
        }
        bench
    }

    /// All nodes serve.
    pub fn well() -> Bench {
        let tables = given::tables();
        let id = ClusterId::from_index(0);
        let need = Need {
            cluster: id,
            workload: 0,
            access: Access::Write,
            keys: Keys::All,
            parts: 1,
            instead: Instead::Nothing,
            misses: None,
            store: None,
        };
        let api = &tables.system().services[0];
        let latency = Latency::new(api, &[], std::iter::empty());
        let load = (Load::new(api, &[], 1, Vec::new(), 0.01), latency);
        let process = Process::new(vec![ViewId::from_index(0)], &[1]);
        let service = ServiceId::from_index(0);
        let rotation = Rotation::new(None, 1, service, SimDuration::ZERO, Mode::Lazy);
        let mut bench = Bench {
            clusters: [tables.cluster()].into_iter().collect(),
            services: [Service::new(
                "api",
                vec![need],
                (vec![process], rotation),
                None,
                load,
                Overload::default(),
            )]
            .into_iter()
            .collect(),
            pending: Vec::new(),
            agenda: Agenda::new(),
            ledger: Ledger::new(true),
            tables,
        };
        let mut site = bench.site();
        site.clusters[id].start(&mut site.cx);
        for (_, service) in site.services.iter_mut() {
            service.refresh(site.clusters, &mut site.cx);
        }
        bench
    }

    /// The site, in which the cluster is concerned.
    fn site(&mut self) -> Site<'_> {
        let end = SimTime::ZERO + self.tables.horizon;
        Site {
            concerned: self.clusters.ids().collect(),
            clusters: &mut self.clusters,
            services: &mut self.services,
            system: self.tables.system(),
            pending: &mut self.pending,
            cx: Cx::new(end, &mut self.agenda, &mut self.ledger),
        }
    }

    /// What was ordered at the service.
    pub fn orders(&self) -> Vec<Control> {
        let controls = self.services.iter();
        let controls = controls.flat_map(|(_, s)| &s.processes()[0].controls);
        controls.map(|(_, control)| *control).collect()
    }

    /// How full the first shard is.
    pub fn usage(&self) -> f64 {
        self.clusters[ClusterId::from_index(0)].usage(ShardId::from_index(0), SimTime::ZERO)
    }

    /// Nodes that did not execute CONFIG SET.
    pub fn refusals(self) -> usize {
        let lines = self.lines().into_iter();
        lines.filter(|line| line.ends_with("CONFIG SET")).count()
    }

    /// What the trace says.
    pub fn lines(self) -> Vec<String> {
        let (lines, _) = self.ledger.into_story();
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

fn read(action: &str) -> RemedySpec {
    toml::from_str(action).expect("an action")
}

/// The site after an action has begun and taken effect, while a primary hangs.
pub(super) fn took(action: &str) -> (Bench, Effect) {
    took_at(Bench::new(), action)
}

/// The same while all nodes serve.
pub(super) fn took_well(action: &str) -> (Bench, Effect) {
    took_at(Bench::well(), action)
}

fn took_at(mut bench: Bench, action: &str) -> (Bench, Effect) {
    let action = read(action);
    let minute = SimDuration::from_mins(1);
    action.remedy().begin(&mut bench.site(), minute);
    let effect = action.remedy().take_effect(&mut bench.site());
    (bench, effect)
}

/// The keys that are wrong with an action, which stands at `action`.
pub(super) fn wrong(action: &str) -> Vec<String> {
    let check = |system: &SystemSpec, found: &mut Findings| {
        read(action).remedy().check("action", system, found);
    };
    given::tables().wrong(check)
}
