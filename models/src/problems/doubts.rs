//! What `outage check` notes: settings that are allowed but rarely intended. A scenario with one of
//! them runs, but does less than its author may expect.

use sim::SimDuration;
use sim::dist::Dist;
use sim::quantity::{Bytes, Factor};

use super::mib;
use crate::check::spec::ActionSpec;
use crate::layout::ClusterPlan;
use crate::redis::evict::SECONDS_TO_EVICT;
use crate::redis::sync::{load, replay};
use crate::runbook::WhenSpec;
use crate::spec::client::ModeSpec;
use crate::spec::hazard::HazardsSpec;
use crate::spec::persistence::ScheduleSpec;
use crate::spec::redis::{MaxmemoryPolicy, host_of};
use crate::spec::{FailoverSpec, RedisSpec, WorkloadSpec};
use crate::world::WorldSpec;
use demand::Control;

/// A replica is elected some one or two seconds after a primary was declared failed.
const ELECTION: SimDuration = SimDuration::from_secs(2);

/// A bus of more members may take more than 10 s of processor time for an hour with a fault, and
/// one of 300 took more than a minute for an hour with a partition and full nodes.
const BUS_IS_SLOW: u32 = 250;

impl WorldSpec {
    /// Settings that deserve a second look.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        self.doubts_about_failover(&mut doubts);
        self.doubts_about_memory(&mut doubts);
        self.doubts_about_maxmemory(&mut doubts);
        self.doubts_about_lifetimes(&mut doubts);
        self.doubts_about_rates(&mut doubts);
        self.doubts_about_evictions(&mut doubts);
        self.doubts_about_room(&mut doubts);
        self.doubts_about_bytes(&mut doubts);
        self.doubts_about_losses(&mut doubts);
        self.doubts_about_probes(&mut doubts);
        doubts.extend(self.doubt_readiness());
        self.doubts_about_load(&mut doubts);
        self.doubts_about_workers(&mut doubts);
        self.doubts_about_stores(&mut doubts);
        self.doubts_about_connections(&mut doubts);
        self.doubts_about_steps(&mut doubts);
        self.doubts_about_faults(&mut doubts);
        self.doubts_about_resyncs(&mut doubts);
        self.doubts_about_disks(&mut doubts);
        self.doubts_about_zones(&mut doubts);
        self.doubts_about_clients(&mut doubts);
        self.doubts_about_gateways(&mut doubts);
        self.doubts_about_scaling(&mut doubts);
        doubts
    }

    fn doubts_about_failover(&self, doubts: &mut Vec<String>) {
        let members = u32::from(self.redis.shards) * (1 + u32::from(self.redis.replicas));
        match &self.failover {
            FailoverSpec::Sentinel(group) => {
                // They are placed on the hosts in turn, so host 0 has the most.
                let on_one = group.sentinels.div_ceil(self.redis.hosts.max(1));
                let left = group.sentinels - on_one.min(group.sentinels);
                if left <= group.sentinels / 2 {
                    doubts.push(format!(
                        "{on_one} of {} Sentinels stand on one host: without it none can be \
                         elected to fail over; give more redis.hosts",
                        group.sentinels
                    ));
                }
            }
            FailoverSpec::ClusterBus(_) if self.redis.shards < 3 => {
                doubts.push(format!(
                    "a Redis Cluster of {} cannot elect: a primary that is lost leaves no \
                     majority of primaries; give redis.shards = 3",
                    self.redis.shards
                ));
            }
            FailoverSpec::ClusterBus(_) => {
                self.doubt_hosts(doubts);
                if members > BUS_IS_SLOW {
                    doubts.push(format!(
                        "a cluster bus of {members} members is slow to simulate while it has not \
                         settled after a fault: the work grows with the cube of the members (an \
                         hour of 800 took 76 s, one of 2,000 more than 11 min)"
                    ));
                }
            }
            FailoverSpec::Managed(_) | FailoverSpec::Application {} | FailoverSpec::None {} => {}
        }
    }

    /// Primaries elect: those that are left when a host is lost must be a majority.
    fn doubt_hosts(&self, doubts: &mut Vec<String>) {
        let redis = &self.redis;
        let (host, on_it) = fullest_host(redis, redis.hosts);
        let elects = |on_it: u16| redis.shards - on_it > redis.shards / 2;
        if redis.replicas == 0 || elects(on_it) {
            return;
        }
        let nodes = redis.shards.saturating_mul(1 + redis.replicas);
        let enough = (redis.hosts..=nodes).find(|hosts| elects(fullest_host(redis, *hosts).1));
        let remedy = enough.map_or_else(String::new, |hosts| {
            format!("; with redis.hosts = {hosts} a majority is always left")
        });
        doubts.push(format!(
            "host {host} carries {on_it} of {} primaries: without it there is no majority to elect \
             a replica{remedy}",
            redis.shards
        ));
    }

    /// In the model commands never queue, however many there are.
    fn doubts_about_load(&self, doubts: &mut Vec<String>) {
        let plans = self.layout.layout().place(&self.system());
        for plan in plans.into_iter().filter(|plan| plan.cell == 0) {
            let on_it = self.workloads_on(&plan);
            let varies = self
                .workloads_on(&plan)
                .any(|workload| workload.commands_follow.is_some());
            let commands: f64 = on_it.map(|workload| self.most_commands(workload)).sum();
            let fullest = commands * plan.part * self.redis.fullest_shard.get();
            let evictions = self.evictions_of(&plan) * plan.part * self.redis.fullest_shard.get();
            let takes = self.redis.command_time.as_secs_f64();
            let busy = fullest * takes + evictions * SECONDS_TO_EVICT;
            if busy >= 1.0 {
                doubts.push(format!(
                    "the fullest shard of cluster {} gets {fullest:.0} commands a second{}, and \
                     each takes {}: its thread would be busy {:.0} % of the time; the model serves \
                     them all at once, so a real Redis is worse",
                    plan.name,
                    if varies { " at most" } else { "" },
                    self.redis.command_time,
                    100.0 * busy
                ));
            }
        }
    }

    /// Steps that change nothing.
    fn doubts_about_steps(&self, doubts: &mut Vec<String>) {
        for step in &self.people.runbook {
            let restarts = step.action.remedy().only_failing();
            let fails = |when: &WhenSpec| matches!(when, WhenSpec::Failing | WhenSpec::Overloaded);
            let not = |when: &WhenSpec| matches!(when, WhenSpec::Slow | WhenSpec::NotFailing);
            let in_vain = step.when.iter().any(not) && !step.when.iter().any(fails);
            if restarts && in_vain {
                doubts.push(
                    "`restart-servers` restarts the servers of services that fail: a step that is \
                     taken when they are slow or do not fail may restart nothing"
                        .to_owned(),
                );
            }
        }
        for service in self.services.iter().filter(|s| s.client.retries == 0) {
            let mut controls = self.controls_of(&service.name);
            if controls.any(|control| control == Control::StopRetries) {
                doubts.push(format!(
                    "the step `stop-retries` changes nothing at {}: its client never retries, and \
                     users who press again go on",
                    service.name
                ));
            }
        }
    }

    /// What steps of the runbook may do to this service.
    pub(crate) fn controls_of<'a>(
        &'a self,
        service: &'a str,
    ) -> impl Iterator<Item = Control> + 'a {
        let steps = self.people.runbook.iter();
        let controls = steps.filter_map(|step| step.action.remedy().control());
        let here = controls.filter(move |(of, _)| *of == service);
        here.map(|(_, control)| control)
    }

    /// More work than workers, before anything goes wrong.
    fn doubts_about_workers(&self, doubts: &mut Vec<String>) {
        for service in &self.services {
            let name = &service.name;
            let rate = self.rate(name);
            let takes = service
                .work
                .as_ref()
                .map_or(service.service_time, Dist::mean);
            let busy = rate * takes.as_secs_f64();
            if busy >= f64::from(service.workers) && service.servers.is_none() {
                doubts.push(format!(
                    "{name} gets {rate:.0} requests a second, and each takes {takes}: that keeps \
                     {busy:.0} workers busy, and it has {}; it is overloaded before anything fails",
                    service.workers
                ));
            }
        }
    }

    /// Data that are lost with a process.
    fn doubts_about_losses(&self, doubts: &mut Vec<String>) {
        let redis = &self.redis;
        let killed = self.may_be_killed();
        let schedule = redis.persistence.as_ref().map(|saves| &saves.schedule);
        let writes = schedule.is_some_and(ScheduleSpec::writes);
        let appends = schedule.is_some_and(|schedule| schedule.append_only().is_some());
        if !killed || appends {
            return;
        }
        let found = match writes {
            true => (
                "without what was written after its last save",
                "what it found",
            ),
            false => ("empty", "its empty data"),
        };
        let early = (redis.replicas > 0).then(|| self.doubt_early_restart(found));
        let empty = (!writes).then(|| {
            "nodes keep nothing on disk (redis.persistence), so a process that was killed starts \
             empty"
                .to_owned()
        });
        doubts.extend(early.flatten().or(empty));
    }

    /// A probe that kills processes before they have loaded their data.
    fn doubts_about_probes(&self, doubts: &mut Vec<String>) {
        let redis = &self.redis;
        let writes = redis
            .persistence
            .as_ref()
            .is_some_and(|spec| spec.schedule.writes());
        let probe = redis.supervisor.and_then(|spec| spec.first_probe());
        let Some((name, probe)) = probe.filter(|(_, probe)| writes && !probe.passes_loading) else {
            return;
        };
        for plan in self.layout.layout().place(&self.system()) {
            let (bytes, keys) = self.fullest_at_start(&plan);
            let loads = load(&redis.sync, bytes, keys).rounded_to(SimDuration::from_secs(1));
            let slow = loads.scaled(redis.sync.load_spread.map_or(1.0, |spread| spread.get()));
            if loads <= probe.patience() && slow > probe.patience() {
                doubts.push(format!(
                    "one of ten processes of cluster {} takes {slow} or longer to load its data \
                     (redis.sync.load_spread), and redis.supervisor.{name} kills it after {}",
                    plan.name,
                    probe.patience()
                ));
                return;
            }
            let longest = self.longest_load(&plan);
            if loads <= probe.patience() && longest > probe.patience() {
                doubts.push(format!(
                    "a process of cluster {} loads its data in {loads} at the start, and in up to \
                     {} later, when they have grown and its append-only file is about to be \
                     rewritten; redis.supervisor.{name} kills it after {}",
                    plan.name,
                    longest.rounded_to(SimDuration::from_secs(1)),
                    probe.patience()
                ));
                return;
            }
            if loads > probe.patience() {
                doubts.push(format!(
                    "a process of cluster {} loads its data in {loads} at the start, and \
                     redis.supervisor.{name} kills it after {}: it is killed again and again; \
                     raise `fails`, or let -LOADING pass (`passes_loading`)",
                    plan.name,
                    probe.patience()
                ));
                return;
            }
        }
    }

    /// How long a process of the fullest shard loads at worst: all that its node can hold by the
    /// end, and an append-only file that is about to be rewritten.
    fn longest_load(&self, plan: &ClusterPlan) -> SimDuration {
        let redis = &self.redis;
        let (bytes, keys) = self.fullest_at_start(plan);
        let share = redis.fullest_shard.get() * plan.part;
        let ends = self.workloads_on(plan).map(|of| self.held_at_end(of));
        let limit = redis.maxmemory_on(plan.node_memory);
        let most = limit.unwrap_or(plan.node_memory).max(bytes);
        let held = (ends.sum::<f64>() * share).clamp(bytes, most);
        let loads = load(&redis.sync, held, keys * held / bytes.max(1.0));
        let schedule = redis.persistence.as_ref().map(|spec| &spec.schedule);
        let Some(file) = schedule.and_then(ScheduleSpec::append_only) else {
            return loads;
        };
        let (mut writes, mut sent) = (0.0, 0.0);
        for workload in self.workloads_on(plan) {
            let rate = self.most_commands(workload) * workload.writes.get() * share;
            writes += rate * self.horizon.as_secs_f64();
            sent += rate * self.horizon.as_secs_f64() * workload.write_size.as_f64();
        }
        if sent <= 0.0 {
            return loads;
        }
        let appended = file.growth.map_or(sent, |growth| {
            let rewritten = (held * growth.get()).max(file.min.as_f64() - held);
            rewritten.min(sent)
        });
        loads + replay(&redis.sync, writes * appended / sent, sent / writes)
    }

    /// A readiness probe that decides nothing.
    fn doubt_readiness(&self) -> Option<String> {
        self.redis.supervisor?.readiness?;
        let by_name = |mode: ModeSpec| matches!(mode, ModeSpec::Address | ModeSpec::Dns);
        let mut services = self.services.iter();
        let none = !services.any(|service| by_name(service.client.mode(&self.failover)));
        none.then(|| {
            "redis.supervisor.readiness changes nothing: no service's client dials an address or \
             a name (service.client.mode `address` or `dns`); all learn addresses from Redis or \
             come through a proxy"
                .to_owned()
        })
    }

    /// May a process be killed, by a fault, by people or for its memory?
    fn may_be_killed(&self) -> bool {
        let mut faults = self.faults.iter().map(|fault| fault.kind());
        let grows = |workload: &WorkloadSpec| workload.new_keys.get() > 0.0;
        let grows = self.workloads.iter().any(grows) || faults.clone().any(|of| of.adds_data());
        let fits = self.held_at_maxmemory().is_some_and(Held::fits);
        let mut steps = self.people.runbook.iter();
        let restarts = steps.any(|step| step.action.remedy().restarts_nodes());
        let mut hazards = self.hazards.iter().flat_map(HazardsSpec::all);
        let happens = hazards.any(|of| of.kind.kills());
        grows && !self.redis.swap && !fits || restarts || happens || faults.any(|of| of.kills())
    }

    /// A process that starts without all data, maybe before a replica with them is promoted.
    fn doubt_early_restart(&self, (found, copied): (&str, &str)) -> Option<String> {
        let (first, waits) = match &self.failover {
            FailoverSpec::ClusterBus(bus) => ("failover.node_timeout", bus.node_timeout),
            FailoverSpec::Sentinel(group) => ("failover.down_after", group.down_after),
            FailoverSpec::Managed(provider) => ("failover.takes, its mean", provider.takes.mean()),
            FailoverSpec::Application {} if self.checks_fail_over() => return None,
            FailoverSpec::Application {} | FailoverSpec::None {} => {
                return Some(format!(
                    "a primary that is killed starts {found}, and nobody promotes a replica by \
                     itself (failover.kind): all of them copy {copied}"
                ));
            }
        };
        let restart = self.redis.restart_delay;
        (restart < waits + ELECTION).then(|| {
            let how_soon = if restart * 4 < waits {
                "before"
            } else {
                "about as soon as"
            };
            format!(
                "a primary that is killed is back after {restart} (redis.restart_delay), {found}, \
                 {how_soon} a replica can be promoted ({first} = {waits}): if none is, all of them \
                 copy {copied} (Redis manual, \"Safety of replication when master has persistence \
                 turned off\")"
            )
        })
    }

    /// Does a health check promote replicas?
    fn checks_fail_over(&self) -> bool {
        let fails_over = |action: &ActionSpec| {
            matches!(action, ActionSpec::FailOver | ActionSpec::FailOverToPassing)
        };
        let mut checks = self.health_checks.iter();
        checks.any(|check| check.actions.iter().any(fails_over))
    }

    /// What a process holds at `maxmemory`, if there is a limit.
    fn held_at_maxmemory(&self) -> Option<Held> {
        let redis = &self.redis;
        let node = redis.node_memory.as_f64();
        let limit = redis.maxmemory_on(node)?;
        Some(Held {
            limit,
            resident: limit * redis.lasting_fragmentation().get(),
            node: node - redis.system_reserve.as_f64(),
        })
    }

    /// A `maxmemory` that does not fit, from the start or once it is raised.
    fn doubts_about_maxmemory(&self, doubts: &mut Vec<String>) {
        let Some(held) = self.held_at_maxmemory() else {
            return;
        };
        let steps = self.people.runbook.iter();
        let raises = steps.filter_map(|step| step.action.remedy().maxmemory());
        let raised = raises.map(|to| ("raise-maxmemory takes maxmemory to", held.raised(to)));
        let all = std::iter::once(("maxmemory is", held)).chain(raised);
        for (what, held) in all.filter(|(_, held)| !held.fits()) {
            let gib = |bytes: f64| format!("{:.2} GiB", bytes / Bytes::from_gib(1).as_f64());
            doubts.push(format!(
                "{what} {}: there a process holds {} (fragmentation {}), and its \
                 node has {}; it {} before Redis refuses writes or evicts",
                gib(held.limit),
                gib(held.resident),
                self.redis.lasting_fragmentation(),
                gib(held.node),
                if self.redis.swap {
                    "swaps"
                } else {
                    "is killed"
                }
            ));
        }
    }

    /// Data that do not fit at the start.
    fn doubts_about_memory(&self, doubts: &mut Vec<String>) {
        let evicts = self.redis.maxmemory_policy != MaxmemoryPolicy::Noeviction;
        let plans = self.layout.layout().place(&self.system());
        // Cells are alike: the first speaks for all.
        for plan in plans.into_iter().filter(|plan| plan.cell == 0) {
            let used = self.used_at_start(&plan);
            let Some(limit) = self.redis.maxmemory_on(plan.node_memory) else {
                return;
            };
            if used >= limit {
                let then = match evicts {
                    true => "it evicts keys from the beginning, until the rest fits",
                    false => "with noeviction it refuses writes from the beginning",
                };
                doubts.push(format!(
                    "the fullest shard of cluster {} holds {} at the start, and maxmemory is {}: \
                     {then}",
                    plan.name,
                    mib(used),
                    mib(limit)
                ));
            }
        }
    }
}

/// What a process holds, in bytes.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// By Redis' count, at `maxmemory`.
    limit: f64,
    /// With fragmentation.
    resident: f64,
    /// Its node has so much for it.
    node: f64,
}

impl Held {
    fn fits(self) -> bool {
        self.resident <= self.node
    }

    /// At so many times the limit.
    fn raised(self, to: Factor) -> Held {
        Held {
            limit: self.limit * to.get(),
            resident: self.resident * to.get(),
            ..self
        }
    }
}

/// The host with the most primaries, the first of several, and how many.
fn fullest_host(redis: &RedisSpec, hosts: u16) -> (u16, u16) {
    let mut primaries = vec![0; usize::from(hosts.max(1))];
    for shard in 0..usize::from(redis.shards) {
        let first = shard * (1 + usize::from(redis.replicas));
        primaries[usize::from(host_of(first, hosts))] += 1;
    }
    let on_it = primaries.iter().copied().max().unwrap_or(0);
    let host = primaries.iter().position(|count| *count == on_it);
    (host.unwrap_or(0) as u16, on_it)
}
