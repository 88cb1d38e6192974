//! Builds a world from its specification: the one place that knows how the parts are wired.

use sim::{ArrivalTree, Intensity, Marks, SimTime, Streams};

use crate::check::{Check, Subject};
use crate::cluster::Cluster;
use crate::fault::{self, Fault};
use crate::ids::{AlertId, CheckId, ClusterId, Fleet, Id, ServiceId};
use crate::layout::{self, ClusterPlan};
use crate::ledger::Ledger;
use crate::people::People;
use crate::remediation::alert::{self, Alert};
use crate::remediation::autoscaler::Autoscaler;
use crate::service::Service;
use crate::spec::{CheckSpec, MetricSpec, ProbeSpec, ServiceSpec, WorldSpec};
use crate::streams;
use crate::world::World;
use crate::{Mode, RunOptions};

/// All parts of one trial, wired and at rest.
pub fn world<'a>(spec: &'a WorldSpec, streams: &Streams, options: &RunOptions) -> World<'a> {
    let faults = fault::draw(spec, streams);
    let plans = layout::plan(spec);
    let cluster = |(i, plan): (usize, &ClusterPlan)| {
        let trees = trees(spec, plan, &faults, streams);
        let key = |purpose| streams.key(purpose, plan.workloads[0] as u64);
        let keys = (key(streams::BUS), key(streams::SAVE_PHASE));
        let id = ClusterId::from_index(i);
        let mut cluster = Cluster::new(id, plan, spec, trees, keys, options.mode);
        watch(&mut cluster, spec);
        cluster.name_bursts(bursts(plan, &faults));
        cluster
    };
    let clusters: Fleet<ClusterId, Cluster> = plans.iter().enumerate().map(cluster).collect();
    let services: Fleet<ServiceId, Service> = spec
        .services
        .iter()
        .map(|service| wire_service(service, spec, &clusters))
        .collect();
    let check = |(i, check): (usize, &CheckSpec)| {
        let id = CheckId::from_index(i);
        let subjects = subjects(check, spec, &clusters);
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
        let of = |(id, c): (ClusterId, &Cluster)| Autoscaler::new(scaler, id, &c.name);
        clusters.iter().map(of).collect()
    };
    let capture = spec
        .services
        .iter()
        .position(|s| s.name == spec.signers.service);
    World {
        spec,
        streams: *streams,
        end: SimTime::ZERO + spec.horizon,
        checks: spec.health_checks.iter().enumerate().map(check).collect(),
        alerts: alerts(spec, &clusters, streams, options.mode),
        scalers: spec.autoscaler.as_ref().map(scaler),
        people: People::new(&spec.people, *streams),
        works: Vec::new(),
        faults,
        ledger: Ledger::new(options.story),
        capture: ServiceId::from_index(capture.expect("validated: signers name a service")),
        paid: vec![(
            SimTime::ZERO,
            clusters.iter().map(|(_, c)| c.bytes_paid()).sum(),
        )],
        clusters,
        services,
    }
}

/// The processes by which a cluster's datasets grow.
fn trees(
    spec: &WorldSpec,
    plan: &ClusterPlan,
    faults: &[Fault],
    streams: &Streams,
) -> Vec<(ArrivalTree, bool)> {
    let end = SimTime::ZERO + spec.horizon;
    let steady = plan.workloads.iter().map(|w| {
        let workload = &spec.workloads[*w];
        let intensity = Intensity::constant(workload.new_keys.get(), SimTime::ZERO, end);
        let marks = Marks {
            shape: workload.value_size_shape.get(),
            mean_bytes: workload.bytes_per_key(workload.value_size, false) as f64,
        };
        let key = streams.key(streams::GROWTH, *w as u64);
        (
            ArrivalTree::new(key, intensity, Some(marks)),
            workload.expires,
        )
    });
    let bursts = faults.iter().filter_map(|fault| match fault {
        Fault::Burst { workload, tree, .. } if plan.workloads.contains(workload) => {
            Some((tree.clone(), spec.workloads[*workload].expires))
        }
        Fault::Burst { .. } | Fault::Crash { .. } | Fault::Hang { .. } => None,
        Fault::HostLoss { .. } | Fault::Partition { .. } => None,
        Fault::SaveFails { .. } | Fault::SlowSubscriber { .. } => None,
    });
    steady.chain(bursts).collect()
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
            MetricSpec::Errors { service, .. } | MetricSpec::BurnRate { service, .. } => {
                let found = spec.services.iter().position(|s| s.name == *service);
                let found = found.expect("validated: a rule on errors names a service");
                vec![alert::Subject::Service(ServiceId::from_index(found))]
            }
        };
        for (i, subject) in subjects.into_iter().enumerate() {
            let id = AlertId::from_index(alerts.len());
            let label = match subject {
                alert::Subject::Cluster(of) => format!("{}, {}", rule.name, clusters[of].name),
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

/// The workloads of a cluster's growth bursts, in the order of their trees.
fn bursts(plan: &ClusterPlan, faults: &[Fault]) -> Vec<usize> {
    let burst = |fault: &Fault| {
        let bursts = matches!(fault, Fault::Burst { .. });
        let here = plan.workloads.contains(&fault.workload());
        (bursts && here).then(|| fault.workload())
    };
    faults.iter().filter_map(burst).collect()
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
        if let ProbeSpec::InfoMemory { threshold } = check.probe {
            cluster.watch_usage(threshold.get());
        }
    }
}

fn wire_service(
    service: &ServiceSpec,
    spec: &WorldSpec,
    clusters: &Fleet<ClusterId, Cluster>,
) -> Service {
    let cluster_of = |name: &str| {
        let workload = spec.workloads.iter().position(|w| w.name == name);
        let workload = workload.expect("validated: services name workloads");
        let found = clusters
            .iter()
            .find(|(_, cluster)| cluster.workloads.contains(&workload));
        found.expect("every workload lives on a cluster").0
    };
    let needs = service
        .needs
        .iter()
        .map(|need| (cluster_of(&need.workload), need.access));
    Service::new(&service.name, needs.collect(), service.wait)
}

/// What a check probes: any node of every cluster, the owners of all shards, or a service.
fn subjects(
    check: &CheckSpec,
    spec: &WorldSpec,
    clusters: &Fleet<ClusterId, Cluster>,
) -> Vec<Subject> {
    match &check.probe {
        ProbeSpec::Tcp {} | ProbeSpec::Ping {} => clusters.ids().map(Subject::Cluster).collect(),
        ProbeSpec::Role {}
        | ProbeSpec::InfoMemory { .. }
        | ProbeSpec::ReadCanary {}
        | ProbeSpec::WriteCanary {} => {
            let shards = |(id, cluster): (ClusterId, &Cluster)| {
                cluster
                    .shards()
                    .map(move |shard| Subject::Shard(id, shard))
                    .collect::<Vec<_>>()
            };
            clusters.iter().flat_map(shards).collect()
        }
        ProbeSpec::Synthetic { service } => {
            let found = spec.services.iter().position(|s| s.name == *service);
            let found = found.expect("validated: a synthetic check names a service");
            vec![Subject::Service(ServiceId::from_index(found))]
        }
    }
}
