//! Builds a world from its specification: the one place that knows how the parts are wired.

use sim::dist::Dist;
use sim::{ArrivalTree, Marks, SimDuration, SimTime, Streams};

use super::probes::subjects;
use super::visitors;
use super::{World, WorldSpec};
use crate::RunOptions;
use crate::blast::BlastRadius;
use crate::check::Check;
use crate::check::spec::CheckSpec;
use crate::cluster::{Cluster, Pace};
use crate::fault::{self, Fault};
use crate::ids::{AlertId, CheckId, ClusterId, Fleet, Id, ServiceId};
use crate::layout::{self, ClusterPlan};
use crate::ledger::Ledger;
use crate::people::People;
use crate::redis::growth::GrowthSource;
use crate::remediation::alert::{self, Alert};
use crate::remediation::autoscaler::Autoscaler;
use crate::remediation::server_scaler::ServerScaler;
use crate::service::{
    Instead, Latency, LatencyRule, Load, Need, Overload, Process, Rotation, Service,
};
use crate::spec::redis::CommandsFollow;
use crate::spec::service::Keys;
use crate::spec::store::stores_of;
use crate::spec::{MetricSpec, NeedSpec, ServiceSpec};
use crate::streams;
use crate::traffic::{self, Steps};
use demand::{Demand, Mode};

/// All parts of one trial, wired and at rest; `overloads` are what an earlier run counted, one for
/// each service of each cell, or none.
pub fn world<'a>(
    spec: &'a WorldSpec,
    streams: &Streams,
    options: &RunOptions,
    overloads: &[Overload],
) -> World<'a> {
    let system = spec.system();
    let layout = spec.layout.layout();
    let cells = layout.cells();
    let plans = layout.place(&system);
    let faults = faults(spec, &plans, cells, streams);
    let cluster = |(i, plan): (usize, &ClusterPlan)| {
        let trees = trees(spec, plan, &faults, streams);
        let key = |purpose| streams.key(purpose, plan.entity());
        let keys = (key(streams::BUS), key(streams::SAVE_PHASE));
        let id = ClusterId::from_index(i);
        let buses = streams.shared();
        let mut cluster = Cluster::new(id, plan, &system, trees, keys, buses, options.mode);
        watch(&mut cluster, spec);
        cluster.vary_commands(paces(spec, plan, streams));
        // In the order of their trees.
        let hits = faults.iter().filter(|fault| fault.hits(plan));
        let surpluses = hits.filter_map(|fault| fault.strike.surplus(fault.workload()?));
        cluster.name_surpluses(surpluses.collect());
        cluster
    };
    let clusters: Fleet<ClusterId, Cluster> = plans.iter().enumerate().map(cluster).collect();
    let demand = visitors::demand(spec, streams);
    let how = (streams, options.mode);
    let services = services((spec, &demand), how, overloads, &clusters);
    let check = |(i, check): (usize, &CheckSpec)| {
        let id = CheckId::from_index(i);
        let subjects = subjects(check.probe.probe(), (spec, cells), &clusters);
        Check::new(
            id,
            check,
            subjects,
            spec.redis.latency,
            streams,
            options.mode,
        )
    };
    let scaler = |scaler| {
        let of = |(id, c): (ClusterId, &Cluster)| Autoscaler::new(scaler, id, &c.plan.name);
        clusters.iter().map(of).collect()
    };
    World {
        spec,
        streams: streams.clone(),
        end: SimTime::ZERO + spec.horizon,
        cells,
        checks: spec.health_checks.iter().enumerate().map(check).collect(),
        alerts: alerts(spec, &clusters, streams, options.mode),
        scalers: spec.autoscaler.as_ref().map(scaler),
        server_scalers: server_scalers(spec, &services, streams, options.mode),
        people: People::new(&spec.people, streams.clone()),
        pending: Vec::new(),
        faults,
        ledger: Ledger::new(options.story),
        captures: captures(spec, cells),
        blast: BlastRadius::new(clusters.len(), services.len()),
        paid: vec![(
            SimTime::ZERO,
            clusters.iter().map(|(_, c)| c.bytes_paid()).sum(),
        )],
        clusters,
        services,
        demand,
    }
}

/// The services of all cells, cell by cell.
fn services(
    (spec, demand): (&WorldSpec, &Demand),
    (streams, mode): (&Streams, Mode),
    overloads: &[Overload],
    clusters: &Fleet<ClusterId, Cluster>,
) -> Fleet<ServiceId, Service> {
    let cells = spec.layout.layout().cells();
    let count = spec.services.len();
    let service = |place: usize| {
        let overload = overloads.get(place).cloned().unwrap_or_default();
        let service = &spec.services[place % count];
        let id = ServiceId::from_index(place);
        let rotation = rotation(service, id, streams, mode);
        let parts = (service, overload, rotation);
        wire_service(parts, (place / count, cells), (spec, demand), clusters)
    };
    (0..cells * count).map(service).collect()
}

/// What the load balancer of a service begins with.
fn rotation(service: &ServiceSpec, id: ServiceId, streams: &Streams, mode: Mode) -> Rotation {
    let check = service.balancer.and_then(|balancer| balancer.check);
    let outliers = service.balancer.and_then(|balancer| balancer.outliers);
    let entity = streams::entity(&service.name);
    let mut phases = streams.stream(streams::BALANCER_PHASE, entity);
    let mut phase = |every: Option<SimDuration>| {
        let max = every.unwrap_or(SimDuration::ZERO);
        let min = SimDuration::ZERO;
        Dist::Uniform { min, max }.sample(&mut phases)
    };
    let asks = phase(check.map(|check| check.every));
    let rotation = Rotation::new(service.balancer, service.process_count(), id, asks, mode);
    let Some(outliers) = outliers else {
        return rotation;
    };
    let draws = streams
        .key(streams::OUTLIERS, entity)
        .child(id.index() as u64);
    rotation.with_outliers(outliers, phase(Some(outliers.every)), draws)
}

/// The autoscalers of servers, in the order of the services of all cells.
fn server_scalers(
    spec: &WorldSpec,
    services: &Fleet<ServiceId, Service>,
    streams: &Streams,
    mode: Mode,
) -> Fleet<ServiceId, Option<ServerScaler>> {
    let cells = spec.layout.layout().cells();
    let scaler = |(id, built): (ServiceId, &Service)| {
        let service = &spec.services[id.index() % spec.services.len()];
        let servers = service.servers.as_ref()?;
        let names = (&*service.name, &*built.name);
        Some(ServerScaler::new(servers, id, names, cells, streams, mode))
    };
    services.iter().map(scaler).collect()
}

/// The services at which acceptances are captured, in every cell.
fn captures(spec: &WorldSpec, cells: usize) -> Vec<ServiceId> {
    let captures = |s: &ServiceSpec| spec.captures().any(|name| name == s.name);
    let places = (0..cells * spec.services.len()).map(ServiceId::from_index);
    let service = |id: &ServiceId| &spec.services[id.index() % spec.services.len()];
    places.filter(|id| captures(service(id))).collect()
}

/// What goes wrong in one trial.
fn faults(spec: &WorldSpec, plans: &[ClusterPlan], cells: usize, streams: &Streams) -> Vec<Fault> {
    let system = spec.system();
    let mut faults = fault::draw(&spec.faults, cells, &system, streams);
    let hazards = spec.hazards.iter();
    faults.extend(hazards.flat_map(|of| fault::hazard::draw(of, plans, &system, streams)));
    faults
}

/// The processes by which a cluster's datasets grow.
fn trees(
    spec: &WorldSpec,
    plan: &ClusterPlan,
    faults: &[Fault],
    streams: &Streams,
) -> Vec<GrowthSource> {
    let adding = |(tree, lifetime), w: &usize| GrowthSource {
        tree,
        lifetime,
        expires: spec.workloads[*w].expires,
        workload: (plan.workloads.iter().position(|on_it| on_it == w))
            .expect("the workload is on the cluster"),
    };
    let cluster = spec.failover.cluster_mode();
    let steady = plan.workloads.iter().map(|w| {
        let workload = &spec.workloads[*w];
        let each = workload.bytes_per_key(workload.value_size, cluster) as f64;
        let held = workload.dataset.as_f64() / each * plan.part;
        let (clock, entity) = (spec.clock.as_ref(), (*w as u64, streams));
        let intensity = traffic::keys(workload, (held, plan.part), clock, entity, spec.horizon);
        let marks = Marks {
            shape: workload.value_size_shape.get(),
            mean_bytes: workload.bytes_per_key(workload.value_size, false) as f64,
        };
        let key = streams.key(streams::GROWTH, layout::of_cell(*w as u64, plan.cell));
        let tree = ArrivalTree::of(streams, key, intensity, Some(marks));
        adding((tree, workload.lifetime), w)
    });
    let bursts = faults.iter().filter(|fault| fault.hits(plan));
    let bursts = bursts.filter_map(|fault| {
        let tree = fault.strike.growth()?.clone();
        Some(adding((tree, None), &fault.workload()?))
    });
    steady.chain(bursts).collect()
}

/// How the commands of a cluster's workloads vary.
fn paces(spec: &WorldSpec, plan: &ClusterPlan, streams: &Streams) -> Vec<Pace> {
    let end = SimTime::ZERO + spec.horizon;
    let clock = spec.clock.as_ref();
    let mut here = plan.workloads.iter().map(|w| &spec.workloads[*w]);
    if here.all(|workload| workload.commands_follow.is_none()) {
        return Vec::new();
    }
    let follows = |w: &usize| {
        let workload = &spec.workloads[*w];
        match workload.commands_follow {
            None => vec![(SimTime::ZERO, 1.0)],
            Some(CommandsFollow::Growth) => {
                traffic::growth(workload, clock, (*w as u64, streams), spec.horizon)
            }
            Some(CommandsFollow::Visits) => visitors::pace(spec, streams),
        }
    };
    let steps: Vec<Steps> = plan.workloads.iter().map(follows).collect();
    traffic::joined(&steps, end, |factors| factors.collect())
}

/// Every rule, on each cluster or on its service.
fn alerts(
    spec: &WorldSpec,
    clusters: &Fleet<ClusterId, Cluster>,
    streams: &Streams,
    mode: Mode,
) -> Fleet<AlertId, Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    for rule in &spec.alerts {
        let subjects: Vec<alert::Subject> = match &rule.metric {
            MetricSpec::Memory { .. }
            | MetricSpec::MemoryForecast { .. }
            | MetricSpec::NodeDown {}
            | MetricSpec::NoPrimary {} => clusters.ids().map(alert::Subject::Cluster).collect(),
            MetricSpec::Errors { service, .. }
            | MetricSpec::BurnRate { service, .. }
            | MetricSpec::Latency { service, .. } => {
                let found = spec.services.iter().position(|s| s.name == *service);
                let found = found.expect("validated: a rule on errors names a service");
                vec![alert::Subject::Service(ServiceId::from_index(found))]
            }
        };
        for (i, subject) in subjects.into_iter().enumerate() {
            let id = AlertId::from_index(alerts.len());
            let label = match subject {
                alert::Subject::Cluster(of) => format!("{}, {}", rule.name, clusters[of].plan.name),
                alert::Subject::Service(_) => rule.name.clone(),
            };
            let mut made = Alert::new(id, rule, subject, label, streams, mode);
            if i == 0 {
                made.draw_false_alarms(streams, SimTime::ZERO + spec.horizon);
            }
            alerts.push(made);
        }
    }
    alerts.into_iter().collect()
}

/// Sizes of the datasets at which an observer would see something.
fn watch(cluster: &mut Cluster, spec: &WorldSpec) {
    for alert in &spec.alerts {
        if let MetricSpec::Memory { threshold } = alert.metric {
            cluster.watch_usage(threshold.get());
        }
    }
    if let Some(scaler) = &spec.autoscaler {
        cluster.watch_average(scaler.target.get());
    }
    for check in &spec.health_checks {
        if let Some(threshold) = check.probe.probe().memory_threshold() {
            cluster.watch_usage(threshold);
        }
    }
}

fn wire_service(
    (service, overload, rotation): (&ServiceSpec, Overload, Rotation),
    (cell, cells): (usize, usize),
    (spec, demand): (&WorldSpec, &Demand),
    clusters: &Fleet<ClusterId, Cluster>,
) -> Service {
    let workload_of = |name: &str| {
        let workload = spec.workloads.iter().position(|w| w.name == name);
        workload.expect("validated: services name workloads")
    };
    let cluster_of = |workload: usize| {
        let is_it = |c: &Cluster| c.plan.cell == cell && c.plan.workloads.contains(&workload);
        let found = clusters.iter().find(|(_, cluster)| is_it(cluster));
        found.expect("every workload lives on a cluster").0
    };
    let processes = service.process_count();
    let alike = cells * processes;
    let (_, stores) = stores_of(&service.needs);
    let need = |(need, store): (&NeedSpec, Option<usize>)| {
        let workload = workload_of(&need.workload);
        Need {
            cluster: cluster_of(workload),
            workload,
            access: need.access,
            keys: need.keys.unwrap_or(Keys::All),
            instead: match (need.optional, store) {
                (true, _) => Instead::Spared,
                (false, Some(store)) => Instead::Store(store),
                (false, None) => Instead::Nothing,
            },
            parts: clusters[cluster_of(workload)].connection_parts(),
            misses: need.misses,
            store,
        }
    };
    let needs: Vec<Need> = service.needs.iter().zip(stores).map(need).collect();
    let lines = |need: &Need| match need.keys {
        Keys::All => need.parts,
        Keys::One => need.parts * clusters[need.cluster].shards().len(),
    };
    let lines: Vec<usize> = needs.iter().map(lines).collect();
    let process = |process| {
        let view = |need: &Need| clusters[need.cluster].view_of(&service.name, process);
        Process::new(needs.iter().map(view).collect(), &lines)
    };
    let of_processes = (0..processes).map(process).collect();
    let name = match cells {
        1 => service.name.clone(),
        _ => format!("{} of cell {}", service.name, cell + 1),
    };
    let position = visitors::position(spec, &service.name);
    let here = demand.populations.iter().filter(|p| p.service == position);
    let visits = here.map(|p| p.visits.scaled(1.0 / alike as f64)).collect();
    let (stores, objective) = (spec.stores_of(service), spec.signers.objective.get());
    let load = Load::new(service, &stores, cells, visits, objective);
    let processes = (of_processes, rotation);
    let rules = spec.alerts.iter();
    let rules = rules.filter_map(|alert| LatencyRule::of(&alert.metric));
    let rules = rules.filter(|(_, name, _)| *name == service.name);
    let latency = Latency::new(service, &stores, rules.map(|(rule, ..)| rule));
    let load = (load, latency);
    Service::new(&name, needs, processes, service.wait, load, overload)
}
