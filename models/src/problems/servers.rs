//! What types cannot say about the servers of a service and their autoscaler.

use sim::SimDuration;

use crate::findings::Findings;
use crate::spec::service::ServersSpec;

pub(super) fn check_servers(found: &mut Findings, i: usize, servers: &ServersSpec) {
    let key = |field: &str| format!("service[{i}].servers.{field}");
    found.unless(
        servers.count >= 1,
        key("count"),
        "a service has a server",
        "give at least 1",
    );
    found.unless(
        servers.most >= servers.count,
        key("most"),
        "it begins with more servers than it may have",
        "give at least servers.count",
    );
    found.unless(
        servers.target.get() > 0.0,
        key("target"),
        "no number of servers keeps all workers free",
        "give a share such as \"60%\"",
    );
    found.unless(
        servers.every >= SimDuration::from_secs(1),
        key("every"),
        "it would look more often than metrics are collected",
        "give at least 1s",
    );
    found.dist(key("takes"), &servers.takes);
}
