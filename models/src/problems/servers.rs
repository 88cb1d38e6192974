//! What types cannot say about the servers of a service and their autoscaler.

use sim::SimDuration;

use crate::findings::Findings;
use crate::spec::service::ServersSpec;

pub(super) fn check_servers(
    found: &mut Findings,
    i: usize,
    (servers, workers): (&ServersSpec, u32),
) {
    let key = |field: &str| format!("service[{i}].servers.{field}");
    found.unless(
        (1..=workers.max(1)).contains(&servers.count),
        key("count"),
        "each server has a worker",
        "give at least 1, and at most service.workers",
    );
    found.unless(
        servers.most >= servers.count,
        key("most"),
        "it begins with more servers than it may have",
        "give at least servers.count",
    );
    found.unless(
        servers.target.get() > 0.0 && servers.target.get() <= 0.9,
        key("target"),
        "busy workers are 0% to 100%, and a difference of a tenth of the target changes nothing",
        "give a share such as \"60%\", and at most \"90%\"",
    );
    found.unless(
        servers.every >= SimDuration::from_secs(1),
        key("every"),
        "it would look more often than metrics are collected",
        "give at least 1s",
    );
    found.dist(key("takes"), &servers.takes);
}
