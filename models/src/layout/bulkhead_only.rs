//! Isolation in the services and not in Redis: each need has so many calls at once.

use super::*;

/// One cluster for all, but every need of every service that has no `bulkhead` gets one. Redis
/// is as with `shared`, in memory and in price.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Concurrent calls of one need in one process of a service (as many as
    /// `client.pool.processes`, else 1), above 0. Absent: 25, as resilience4j ships.
    calls: Option<u32>,
    /// How long a call waits for a free place. Absent: 0s, as resilience4j ships: it fails at once.
    wait: Option<SimDuration>,
}

/// `maxConcurrentCalls` of a bulkhead, as resilience4j ships (BulkheadConfig.java).
const CALLS: u32 = 25;

impl Layout for Params {
    fn place(&self, system: &SystemSpec) -> Vec<ClusterPlan> {
        one_cluster(system)
    }

    fn bulkhead(&self) -> Option<(u32, SimDuration)> {
        let wait = self.wait.unwrap_or_default();
        Some((self.calls.unwrap_or(CALLS), wait))
    }

    fn check(&self, key: &str, _system: &SystemSpec, found: &mut Findings) {
        found.unless(
            self.calls.is_none_or(|calls| calls > 0),
            format!("{key}.calls"),
            "no call would ever be let in",
            "give 1 or more, such as 25",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_has_a_bulkhead_of_some_calls() {
        let of = |calls: Option<u32>| Params { calls, wait: None };
        assert_eq!(of(None).bulkhead(), Some((25, SimDuration::ZERO)));
        assert_eq!(of(Some(3)).bulkhead(), Some((3, SimDuration::ZERO)));
        let check = |s: &SystemSpec, found: &mut Findings| of(Some(0)).check("layout", s, found);
        assert_eq!(crate::given::tables().wrong(check), ["layout.calls"]);
    }
}
