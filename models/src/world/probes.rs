//! Health checks and the world: who is probed, what comes back, and what a verdict sets off.

use sim::{Agenda, SimDuration, SimTime};

use super::{World, WorldSpec};
use crate::check::probe::{Probe, ProbeResult, Subjects, Target};
use crate::check::{Order, Subject};
use crate::cluster::Cluster;
use crate::cluster::operate::Demand;
use crate::event::{Cx, Event};
use crate::ids::{CheckId, ClusterId, Fleet, Id, NodeId, ServiceId, ShardId};
use crate::people::Page;
use crate::redis::capability::Reply;
use crate::service::Service;
use crate::spec::service::Access;
use demand::answer::{Answer, Cause};

/// The subjects of a probe in this world.
pub(super) fn subjects(
    probe: &dyn Probe,
    (spec, cells): (&WorldSpec, usize),
    clusters: &Fleet<ClusterId, Cluster>,
) -> Vec<Subject> {
    match probe.subjects() {
        Subjects::Clusters => clusters.ids().map(Subject::Cluster).collect(),
        Subjects::Owners => {
            let clusters = clusters.iter();
            let shards = |(id, c): (ClusterId, &Cluster)| c.shards().map(move |s| (id, s));
            let shards = clusters.flat_map(shards);
            shards
                .map(|(id, shard)| Subject::Shard(id, shard))
                .collect()
        }
        Subjects::Service(name) => {
            let found = spec.services.iter().position(|s| s.name == name);
            let found = found.expect("validated: the service exists");
            let in_cell = |cell| ServiceId::from_index(cell * spec.services.len() + found);
            (0..cells).map(in_cell).map(Subject::Service).collect()
        }
    }
}

/// A subject as a prober reaches it, by the truth at an instant.
pub(super) struct Reached<'a> {
    pub clusters: &'a Fleet<ClusterId, Cluster>,
    pub services: &'a Fleet<ServiceId, Service>,
    pub subject: Subject,
    pub now: SimTime,
    /// How long the prober waits for a reply.
    pub timeout: SimDuration,
}

impl Reached<'_> {
    /// What the owner of a shard replies, or the best of what any node of a cluster does.
    fn node(&self, reply: impl Fn(&Cluster, NodeId) -> Reply) -> Reply {
        match self.subject {
            Subject::Cluster(id) => {
                let cluster = &self.clusters[id];
                let replies = cluster.nodes().map(|node| reply(cluster, node));
                let best = replies.min_by_key(|reply| ProbeResult::from(*reply));
                best.expect("a cluster has nodes")
            }
            Subject::Shard(id, shard) => {
                let cluster = &self.clusters[id];
                reply(cluster, cluster.known_owner(shard))
            }
            Subject::Service(_) => unreachable!("a service is asked with a request"),
        }
    }

    /// The same of a command, which a node that swaps may answer too late.
    fn command(&self, reply: impl Fn(&Cluster, NodeId) -> Reply) -> Reply {
        self.node(|cluster, node| match reply(cluster, node) {
            Reply::Fine | Reply::Error(_) if cluster.late_by(node) >= self.timeout => {
                Reply::Silence
            }
            other => other,
        })
    }

    /// The cluster and the shard whose owner is asked.
    fn shard(&self) -> (&Cluster, ShardId) {
        match self.subject {
            Subject::Shard(id, shard) => (&self.clusters[id], shard),
            Subject::Cluster(_) | Subject::Service(_) => {
                unreachable!("only the owner of a shard says what it is")
            }
        }
    }
}

/// A probe opens a connection, which a node that is full refuses.
fn let_in(cluster: &Cluster, node: NodeId, reply: Reply) -> Reply {
    match reply {
        Reply::Silence | Reply::Error(Cause::Refused) => reply,
        Reply::Fine | Reply::Error(_) if cluster.is_full(node) => Reply::Error(Cause::MaxClients),
        Reply::Fine | Reply::Error(_) => reply,
    }
}

impl Target for Reached<'_> {
    fn connect(&self) -> Reply {
        self.node(|cluster, node| cluster.seen(node).tcp)
    }

    fn ping(&self) -> Reply {
        self.command(|cluster, node| let_in(cluster, node, cluster.seen(node).ping))
    }

    fn read(&self) -> Reply {
        self.command(|cluster, node| let_in(cluster, node, cluster.reply(node, Access::Read)))
    }

    fn write(&self) -> Reply {
        self.command(|cluster, node| let_in(cluster, node, cluster.reply(node, Access::Write)))
    }

    fn is_replica(&self) -> bool {
        let (cluster, shard) = self.shard();
        cluster.is_replica(cluster.known_owner(shard))
    }

    fn memory_share(&self) -> f64 {
        let (cluster, shard) = self.shard();
        cluster.usage(shard, self.now)
    }

    fn request(&self) -> Reply {
        let Subject::Service(id) = self.subject else {
            unreachable!("only a service takes requests");
        };
        let service = &self.services[id];
        match service.redis_answer() {
            _ if service.is_down_by_overload() => Reply::Silence,
            Answer::Late(after) if after >= self.timeout => Reply::Silence,
            Answer::Ok | Answer::Late(_) | Answer::Spool => Reply::Fine,
            Answer::Error(cause) => Reply::Error(cause),
            Answer::Unacknowledged(_) => Reply::Error(Cause::Unacknowledged),
            Answer::Hang => Reply::Silence,
        }
    }
}

impl World<'_> {
    /// What a check wants done.
    pub(super) fn carry_out(&mut self, id: CheckId, order: Order, agenda: &mut Agenda<Event>) {
        let cx = &mut Cx::new(self.end, agenda, &mut self.ledger);
        let check = &self.checks[id];
        match order {
            Order::Page { cluster } => {
                let page = Page {
                    by: check.name(),
                    named: cluster.is_some(),
                    about: cluster,
                    memory: check.spec.probe.probe().memory_threshold(),
                    slow: false,
                };
                self.people.on_page(page, cx);
            }
            Order::Spool(open) => {
                cx.ledger.detections.push(cx.now);
                for capture in &self.captures {
                    self.services[*capture].set_spool(open, &self.clusters, cx);
                }
                self.on_metrics(agenda);
            }
            Order::FailOver {
                cluster,
                shard,
                passing,
            } => {
                cx.ledger.detections.push(cx.now);
                let demand = match (passing, check.spec.probe.probe().memory_threshold()) {
                    (false, _) => Demand::Reachable,
                    (true, Some(share)) => Demand::UsageBelow(share),
                    (true, None) => Demand::Answers,
                };
                let chosen = self.clusters[cluster].fail_over(shard, demand, cx);
                let name = check.name();
                cx.ledger.trace(cx.now, || {
                    format!("{name}: {}", chosen.words(&self.clusters[cluster]))
                });
                self.on_change(cluster, agenda);
            }
        }
    }
}
