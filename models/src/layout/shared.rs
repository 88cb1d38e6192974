//! One cluster that carries everything: what fails, fails for all.

use super::*;

/// One cluster for all workloads.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Layout for Params {
    fn place(&self, system: &SystemSpec) -> Vec<ClusterPlan> {
        one_cluster(system)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given;

    #[test]
    fn all_workloads_are_on_nodes_as_given() {
        let tables = given::tables();
        let plans = Params {}.place(&tables.system());
        assert_eq!(plans.len(), 1);
        assert_eq!(plans[0].workloads, [0, 1]);
        assert_eq!(plans[0].node_memory, tables.redis.node_memory.as_f64());
    }
}
