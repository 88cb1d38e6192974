//! A cluster for every workload.

use super::*;

/// A cluster for every workload; the memory of the shared nodes is divided in proportion to
/// `dataset`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What is kept equal when the layout is compared with the shared one.
    budget: Budget,
}

impl Layout for Params {
    fn place(&self, system: &SystemSpec) -> Vec<ClusterPlan> {
        let workloads = system.workloads.iter().enumerate();
        let alone = workloads.map(|(i, workload)| (workload.name.clone(), vec![i]));
        apart(system, self.budget, alone.collect())
    }

    fn check(&self, _key: &str, system: &SystemSpec, found: &mut Findings) {
        check_datasets(system, found);
    }

    fn too_full(&self, plan: &ClusterPlan) -> String {
        too_full_apart(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given;

    #[test]
    fn memory_is_dealt_out_by_datasets() {
        let mut tables = given::tables();
        let budget = Budget::EqualMemory;
        let plans = Params { budget }.place(&tables.system());
        let memory: Vec<f64> = plans.iter().map(|plan| plan.node_memory).collect();
        let whole = tables.redis.node_memory.as_f64();
        assert_eq!(plans[0].workloads, [0]);
        assert_eq!(plans[1].workloads, [1]);
        assert_eq!(memory, [whole * 2.0 / 3.0, whole / 3.0]);
        tables.workloads[1].dataset = "0B".parse().expect("a size");
        let wrong = tables.wrong(|system, found| Params { budget }.check("layout", system, found));
        assert_eq!(wrong, ["workload[1].dataset"]);
    }
}
