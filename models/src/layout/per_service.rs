//! A cluster for every service.
//!
//! A workload is one set of data and stands in one place: it is at home with the first service that
//! writes it, else with the first that reads it, and other services reach it there. They still fail
//! with it. A service that shares no workload depends on its own cluster only.

use super::*;
use crate::spec::ServiceSpec;
use crate::spec::service::Access;

/// A cluster for every service and its workloads: those that it is the first to write, or, if
/// nobody writes them, the first to read.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What is kept equal when the layout is compared with the shared one.
    budget: Budget,
}

impl Layout for Params {
    fn place(&self, system: &SystemSpec) -> Vec<ClusterPlan> {
        apart(system, self.budget, homes(system))
    }

    fn check(&self, _key: &str, system: &SystemSpec, found: &mut Findings) {
        check_datasets(system, found);
    }

    fn too_full(&self, plan: &ClusterPlan) -> String {
        too_full_apart(plan)
    }
}

/// The workloads at home with each service, and those that no service needs, each for itself.
fn homes(spec: &SystemSpec) -> Vec<(String, Vec<usize>)> {
    let uses = |workload: usize, access: Access| {
        let name = &spec.workloads[workload].name;
        spec.services.iter().position(|service| {
            let mut needs = service.needs.iter();
            needs.any(|need| need.workload == *name && need.access == access)
        })
    };
    let home = |workload: usize| {
        let writes = uses(workload, Access::Write);
        writes.or_else(|| uses(workload, Access::Read))
    };
    let of_service = |(i, service): (usize, &ServiceSpec)| {
        let workloads = (0..spec.workloads.len()).filter(|w| home(*w) == Some(i));
        (service.name.clone(), workloads.collect::<Vec<usize>>())
    };
    let served = spec.services.iter().enumerate().map(of_service);
    let served = served.filter(|(_, workloads)| !workloads.is_empty());
    let idle = (0..spec.workloads.len()).filter(|w| home(*w).is_none());
    let alone = |w: usize| (spec.workloads[w].name.clone(), vec![w]);
    served.chain(idle.map(alone)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given;

    #[test]
    fn a_workload_is_at_home_with_the_first_service_that_writes_it() {
        let mut tables = given::tables();
        let plans = |tables: &given::Tables| {
            let budget = Budget::EqualMemory;
            let plans = Params { budget }.place(&tables.system()).into_iter();
            plans.map(|p| (p.name, p.workloads)).collect::<Vec<_>>()
        };
        assert_eq!(plans(&tables), [("api".to_owned(), vec![0, 1])]);
        let mut web = tables.services[0].clone();
        web.name = "web".to_owned();
        web.needs.retain(|need| need.workload == "cache");
        web.needs[0].access = Access::Write;
        tables.services.push(web);
        let apart = [("api".to_owned(), vec![0]), ("web".to_owned(), vec![1])];
        assert_eq!(plans(&tables), apart);
        tables.services.truncate(1);
        tables.services[0].needs.truncate(1);
        let idle = [("api".to_owned(), vec![0]), ("cache".to_owned(), vec![1])];
        assert_eq!(plans(&tables), idle, "nobody needs it");
    }
}
