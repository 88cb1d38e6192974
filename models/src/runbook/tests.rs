//! A small site for the tests of actions: one cluster, the service `api` and nobody else.

use sim::{Agenda, SimDuration, SimTime};

use super::{PendingOperation, Remedy, RemedySpec, Site};
use crate::cluster::Cluster;
use crate::event::{Cx, Event};
use crate::given::{self, Tables};
use crate::ids::{ClusterId, Fleet, Id, ServiceId, ShardId};
use crate::ledger::Ledger;
use crate::service::{Need, Service};
use crate::spec::service::{Access, Keys};
use demand::Control;
use demand::answer::AnswerTimeline;

/// What an action works on, from the small world's tables.
pub(super) struct Bench {
    pub tables: Tables,
    pub clusters: Fleet<ClusterId, Cluster>,
    pub pending: Vec<PendingOperation>,
    services: Fleet<ServiceId, Service>,
    agenda: Agenda<Event>,
    ledger: Ledger,
}

impl Bench {
    /// All is well.
    pub fn new() -> Bench {
        let tables = given::tables();
        let (id, cluster) = (ClusterId::from_index(0), tables.cluster());
        let need = Need {
            cluster: id,
            access: Access::Write,
            keys: Keys::All,
            spared: false,
            lines: vec![AnswerTimeline::new()],
        };
        let service = Service::new("api", vec![need], None);
        let mut bench = Bench {
            tables,
            clusters: [cluster].into_iter().collect(),
            services: [service].into_iter().collect(),
            pending: Vec::new(),
            agenda: Agenda::new(),
            ledger: Ledger::new(true),
        };
        let mut site = bench.site();
        site.clusters[id].start(&mut site.cx);
        bench
    }

    /// The primary of the first shard hangs, and writes with it.
    pub fn hang(&mut self) {
        let mut site = self.site();
        let (id, shard) = (ClusterId::from_index(0), ShardId::from_index(0));
        site.clusters[id].hang(shard, SimDuration::from_hours(1), &mut site.cx);
        for (_, service) in site.services.iter_mut() {
            service.refresh(site.clusters, &mut site.cx);
        }
    }

    /// The site, in which the cluster is concerned.
    pub fn site(&mut self) -> Site<'_> {
        let end = SimTime::ZERO + SimDuration::from_hours(4);
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
        let controls = self.services.iter().flat_map(|(_, s)| s.controls());
        controls.map(|(_, control)| *control).collect()
    }

    /// What the trace says.
    pub fn lines(self) -> Vec<String> {
        let (lines, _) = self.ledger.into_story();
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

/// The keys that are wrong with an action, which stands at `action`.
pub(super) fn wrong(remedy: &dyn Remedy, tables: &Tables) -> Vec<String> {
    tables.wrong(|system, found| remedy.check("action", system, found))
}

#[test]
fn an_action_is_read_by_its_name() {
    let action = r#"{ kind = "shed-load", service = "api", share = "40%" }"#;
    let table: toml::Table = format!("action = {action}").parse().expect("it is TOML");
    let read: RemedySpec = table["action"].clone().try_into().expect("an action");
    assert_eq!(read.remedy().name(), "shed-load");
}
