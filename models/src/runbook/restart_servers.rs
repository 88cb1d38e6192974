//! New processes for the servers of a service that fails: all at once, or one after the other.

use super::*;
use crate::event::Rolling;
use crate::ids::{ServiceId, ViewId};

/// Restart the servers of every service that fails: requests under way are lost, and their
/// clients reconnect and learn who the primary is.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// One process after the other, for services with `processes`; absent: all at once, when the
    /// step takes effect.
    rolling: Option<RollingSpec>,
}

/// A restart in groups. The first is restarted when the step takes effect; the step is done with
/// the last one.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollingSpec {
    /// How many processes of a service are restarted together, from 1 on.
    at_once: u32,
    /// From the restart of one group to that of the next, such as `"30s"`; above 0s.
    every: SimDuration,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("restart-servers", "restarts servers", 1)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        let cx = &mut site.cx;
        cx.ledger
            .trace(cx.now, || "servers are restarted, Redis is not".to_owned());
        let services = site.services.iter();
        let failing = services.filter(|(_, service)| !service.works());
        let failing: Vec<(ServiceId, usize)> = failing
            .map(|(id, service)| (id, service.processes().len()))
            .collect();
        let mut changed: Vec<ClusterId> = Vec::new();
        for (service, processes) in failing {
            match self.rolling {
                Some(rolling) if processes > 1 => {
                    let rolling = Rolling {
                        service,
                        next: 0,
                        at_once: rolling.at_once as usize,
                        every: rolling.every,
                    };
                    changed.extend(restart_next(rolling, site));
                }
                Some(_) | None => changed.extend(restart(service, 0..processes, site)),
            }
        }
        changed.sort();
        changed.dedup();
        Effect::Changed(changed)
    }

    fn only_failing(&self) -> bool {
        true
    }

    fn rolls(&self) -> bool {
        self.rolling.is_some()
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        let Some(rolling) = self.rolling else { return };
        found.unless(
            rolling.at_once >= 1,
            format!("{key}.rolling.at_once"),
            "nothing would ever be restarted",
            "give at least 1",
        );
        found.unless(
            rolling.every > SimDuration::ZERO,
            format!("{key}.rolling.every"),
            "all would be restarted at once",
            "give a positive duration such as \"30s\", or leave `rolling` out",
        );
        let mut services = system.services.iter();
        found.unless(
            services.any(|service| service.process_count() > 1),
            format!("{key}.rolling"),
            "no service has more than one process",
            "give a service its `processes`, or leave `rolling` out",
        );
    }
}

/// Restarts the next group, and plans the one after it. The clusters that its clients use.
pub(super) fn restart_next(mut rolling: Rolling, site: &mut Site) -> Vec<ClusterId> {
    let count = site.services[rolling.service].processes().len();
    let group = rolling.next..(rolling.next + rolling.at_once).min(count);
    rolling.next = group.end;
    if rolling.next < count {
        site.roll_on(rolling);
    }
    restart(rolling.service, group, site)
}

/// Restarts some processes of a service. The clusters that their clients use.
fn restart(
    service: ServiceId,
    processes: std::ops::Range<usize>,
    site: &mut Site,
) -> Vec<ClusterId> {
    let cx = &mut site.cx;
    let of = &mut site.services[service];
    let mut asked: Vec<(ClusterId, ViewId)> = Vec::new();
    let all = processes.len() == of.processes().len();
    for process in processes {
        if !all {
            let name = &of.name;
            cx.ledger.trace(cx.now, || {
                format!("{name}: process {} is restarted", process + 1)
            });
        }
        of.restart(cx.now, process);
        asked.extend(of.views_of_process(process));
    }
    asked.sort();
    asked.dedup();
    for (cluster, view) in &asked {
        site.clusters[*cluster].clients_learn_owners(*view, cx);
    }
    let mut changed: Vec<ClusterId> = asked.into_iter().map(|(cluster, _)| cluster).collect();
    changed.dedup();
    changed
}

impl Site<'_> {
    /// A rolling restart goes on now.
    pub fn roll(&mut self, rolling: Rolling) -> Effect {
        let service = rolling.service;
        let waits = PendingOperation::Restarts { service };
        self.pending.retain(|pending| *pending != waits);
        Effect::Changed(restart_next(rolling, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_of_a_service_that_fails_are_restarted() {
        let (bench, effect) = took("kind = 'restart-servers'");
        assert_eq!(effect, Effect::Changed(bench.clusters.ids().collect()));
        assert_eq!(bench.orders(), [Control::Restart]);
    }

    #[test]
    fn a_rolling_restart_needs_processes_a_group_and_a_time() {
        let rolling = "kind = 'restart-servers'\nrolling = { at_once = 0, every = '0s' }";
        let keys = ["at_once", "every"].map(|key| format!("action.rolling.{key}"));
        let keys = [keys.to_vec(), vec!["action.rolling".to_owned()]].concat();
        assert_eq!(wrong(rolling), keys);
    }
}
