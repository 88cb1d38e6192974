//! What types cannot say about the processes of a service, its load balancer, and its servers with
//! their autoscaler.

use sim::SimDuration;

use crate::findings::Findings;
use crate::spec::ServiceSpec;
use crate::spec::balancer::{BalancingSpec, OutliersSpec};
use crate::spec::service::{Keys, ServersSpec};

/// Trials with more processes behind a load balancer take seconds: 100 visits a second for half an
/// hour took 1 s with 10 processes, 8 s with 50 and 35 s with 100.
const MANY: usize = 30;

/// What a load balancer before the processes of service number `i` needs.
pub(super) fn check_balancer(found: &mut Findings, i: usize, service: &ServiceSpec) {
    let Some(balancer) = service.balancer else {
        return;
    };
    let key = |field: &str| format!("service[{i}].balancer{field}");
    found.unless(
        service.process_count() > 1,
        key(""),
        "with one process there is nothing to choose",
        "give `processes`, at least 2, or leave it out",
    );
    found.unless(
        balancer.ignored_below.is_none() || balancer.takes_out(),
        key(".ignored_below"),
        "no process ever leaves the rotation",
        "give `check` or `outliers`, or leave it out",
    );
    if let Some(outliers) = balancer.outliers {
        check_outliers(found, i, &outliers);
    }
    let Some(check) = balancer.check else {
        return;
    };
    found.unless(
        check.every >= SimDuration::from_millis(100),
        key(".check.every"),
        "load balancers ask at most some times a second",
        "give at least \"100ms\"",
    );
    found.unless(
        check.timeout > SimDuration::ZERO && check.timeout < check.every,
        key(".check.timeout"),
        "one check must be over before the next one",
        "give more than 0s, and less than `every`",
    );
    for (name, count) in [("fails", check.fails), ("passes", check.passes)] {
        found.unless(
            count >= 1,
            key(&format!(".check.{name}")),
            "no process changes without a check",
            "give at least 1",
        );
    }
}

/// What the rule that ejects processes of service number `i` needs.
fn check_outliers(found: &mut Findings, i: usize, outliers: &OutliersSpec) {
    let key = |field: &str| format!("service[{i}].balancer.outliers.{field}");
    found.unless(
        (1..=1_000).contains(&outliers.fails),
        key("fails"),
        "a process is ejected after some failures in a row",
        "give at least 1, and at most 1000",
    );
    found.unless(
        outliers.every >= SimDuration::from_millis(100),
        key("every"),
        "load balancers sweep at most some times a second",
        "give at least \"100ms\"",
    );
    found.unless(
        outliers.ejected_for > SimDuration::ZERO && outliers.longest >= outliers.ejected_for,
        key("longest"),
        "the longest ejection is at least as long as the first one (`ejected_for`), and that lasts",
        "give `ejected_for` above 0s, and at least that",
    );
}

/// What a load balancer does to a service that its reader may not expect.
pub(super) fn doubt_balancer(doubts: &mut Vec<String>, service: &ServiceSpec, shards: u16) {
    let (name, processes) = (&service.name, service.process_count());
    let Some(balancer) = service.balancer.filter(|_| processes > 1) else {
        return;
    };
    if service.spreads().is_some() && processes > MANY {
        doubts.push(format!(
            "while a process of {name} fails or is full, every press looks at all {processes}: a \
             trial takes about as many times as long; give fewer, larger `processes` if that is \
             too slow"
        ));
    }
    if let (Some(check), Some(wait)) = (balancer.check, service.wait)
        && check.timeout <= wait.timeout
    {
        doubts.push(format!(
            "the load balancer's check of {name} fails after {} (balancer.check.timeout), and a \
             write may wait for replicas for {} (wait.timeout): one slow replica takes all \
             processes out of the rotation",
            check.timeout, wait.timeout
        ));
    }
    let one = |keys: Option<Keys>| keys == Some(Keys::One);
    let some = service.needs.iter().any(|need| one(need.keys));
    let strict = balancer.check.is_some() && balancer.ignored_below.is_none();
    if strict && some && shards > 1 {
        doubts.push(format!(
            "the load balancer's check of {name} asks every shard: when one of {shards} fails, all \
             processes leave the rotation and every request is refused, not only those for its \
             keys; `ignored_below` prevents that"
        ));
    }
    if balancer.outliers.is_some() && balancer.ignored_below.is_none() && some && shards > 1 {
        doubts.push(format!(
            "when one of {shards} shards fails, some requests fail in every process of {name}, and \
             balancer.outliers ejects one after the other, which fails requests for other shards \
             too; `ignored_below` or a low `at_most` bounds that"
        ));
    }
    if let Some(outliers) = balancer.outliers
        && outliers.at_most.get() * (processes as f64) < 1.0
    {
        doubts.push(format!(
            "no process of {name} is ever ejected: one of {processes} is {:.1} % of them, more \
             than balancer.outliers.at_most ({:.1} %; Envoy and Istio have 10 % by default)",
            100.0 / processes as f64,
            100.0 * outliers.at_most.get()
        ));
    }
    if balancer.kind == BalancingSpec::LeastBusy && !balancer.takes_out() {
        doubts.push(format!(
            "a process of {name} that fails at once is always among the least busy: the busier the \
             others, the more requests it draws away from them; `balancer.check` would take it out \
             of the rotation"
        ));
    }
}

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
