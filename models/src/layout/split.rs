//! Some workloads on clusters of their own, and all others together on one.
//!
//! Each cluster has as many shards, replicas and hosts as `redis` says. Without sizes the memory of
//! the shared nodes is shared out; with sizes the nodes are as given, and cost what they cost.

use super::*;
use crate::findings::grouped;
use crate::spec::limits::NODE_MEMORY_MAX;
use sim::quantity::Bytes;

/// Some workloads on clusters of their own; the others stay together on one, which is called
/// `shared`. If none is left, there is no such cluster.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The clusters that are split off; at least one.
    own: Vec<OwnSpec>,
    /// What is kept equal when the layout is compared with the shared one: the memory of the shared
    /// nodes is divided in proportion to `dataset`. Needed if `own` gives no sizes, and not allowed
    /// if it does.
    budget: Option<Budget>,
    /// Memory of a node of the cluster that the other workloads share, if `own` gives sizes.
    /// Absent: `redis.node_memory`, as if nothing had been split off.
    shared_node_memory: Option<Bytes>,
}

/// A cluster that is split off; it is named after its workloads.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnSpec {
    /// The workloads on it; at least one, and each on one cluster only.
    workloads: Vec<String>,
    /// Memory of each of its nodes. Either all clusters of `own` give it, or none does.
    node_memory: Option<Bytes>,
}

/// A cluster's name, its workloads, and the memory of its nodes if that is given.
type Group = (String, Vec<usize>, Option<Bytes>);

/// What the cluster of the others is called.
const SHARED: &str = "shared";

impl Layout for Params {
    fn place(&self, system: &SystemSpec) -> Vec<ClusterPlan> {
        let groups = self.groups(system).into_iter();
        if let Some(budget) = self.budget {
            let groups = groups.map(|(name, workloads, _)| (name, workloads));
            return apart(system, budget, groups.collect());
        }
        let plan = |(name, workloads, size): Group| ClusterPlan {
            name,
            workloads,
            cell: 0,
            part: 1.0,
            node_memory: size.unwrap_or(system.redis.node_memory).as_f64(),
        };
        groups.map(plan).collect()
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        self.check_workloads(key, system, found);
        self.check_sizes(key, found);
        if self.budget.is_some() {
            check_datasets(system, found);
        }
        found.unless(
            self.shared_node_memory.is_none() || self.leaves_some(system),
            format!("{key}.shared_node_memory"),
            "every workload is split off, and none is left to share a cluster",
            "take the key out, or leave a workload out of `own`",
        );
    }

    fn too_full(&self, plan: &ClusterPlan) -> String {
        match self.budget {
            Some(_) => too_full_apart(plan),
            None => format!(
                "the {} cluster's fullest shard does not fit into its node of {} at the start",
                plan.name,
                Bytes::from_f64(plan.node_memory)
            ),
        }
    }
}

impl Params {
    /// The clusters with their workloads, those of `own` first. A name that is not known is passed
    /// over, and so is one that was named before: both are reported.
    fn groups(&self, system: &SystemSpec) -> Vec<Group> {
        let mut left: Vec<usize> = (0..system.workloads.len()).collect();
        let mut take = |own: &OwnSpec| {
            let named = |w: &usize| own.workloads.contains(&system.workloads[*w].name);
            let taken = left.iter().copied().filter(named).collect();
            left.retain(|w| !named(w));
            (own.workloads.join("+"), taken, own.node_memory)
        };
        let mut groups: Vec<Group> = self.own.iter().map(&mut take).collect();
        groups.push((SHARED.to_owned(), left, self.shared_node_memory));
        groups.retain(|(_, workloads, _)| !workloads.is_empty());
        groups
    }

    /// Is any workload left for the shared cluster?
    fn leaves_some(&self, system: &SystemSpec) -> bool {
        let on_its_own = |name: &String| self.own.iter().any(|own| own.workloads.contains(name));
        let mut workloads = system.workloads.iter();
        workloads.any(|workload| !on_its_own(&workload.name))
    }

    fn check_workloads(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        found.unless(
            !self.own.is_empty(),
            format!("{key}.own"),
            "no workload is split off",
            "name one, as in `own = [{ workloads = [\"log\"] }]`, or give `kind = \"shared\"`",
        );
        let known: Vec<&str> = system.workloads.iter().map(|w| w.name.as_str()).collect();
        let mut before: Vec<&str> = Vec::new();
        for (i, own) in self.own.iter().enumerate() {
            let at = format!("{key}.own[{i}].workloads");
            found.unless(
                !own.workloads.is_empty(),
                at.clone(),
                "a cluster without a workload holds nothing",
                "name at least one workload, or take the cluster out",
            );
            for name in &own.workloads {
                found.known(at.clone(), "workload", name, &known);
                found.unless(
                    !before.contains(&name.as_str()),
                    at.clone(),
                    &format!("`{name}` is named twice, and stands on one cluster only"),
                    "name each workload once",
                );
                before.push(name);
            }
            found.unless(
                own.workloads != [SHARED] || !self.leaves_some(system),
                at.clone(),
                "the cluster would be called `shared`, as the one of the other workloads",
                "give the workload another name",
            );
        }
    }

    fn check_sizes(&self, key: &str, found: &mut Findings) {
        let sized = self.own.iter().filter(|own| own.node_memory.is_some());
        let sized = sized.count();
        found.unless(
            sized == 0 || sized == self.own.len(),
            format!("{key}.own"),
            &format!(
                "{} of {} clusters have a node_memory",
                grouped(sized as u128),
                grouped(self.own.len() as u128)
            ),
            "give it to all of them, or to none and say what is kept equal (`budget`)",
        );
        found.unless(
            (sized > 0) != self.budget.is_some(),
            format!("{key}.budget"),
            match sized {
                0 => "nothing says how much memory each cluster gets",
                _ => "the nodes' sizes are given, and no memory is shared out",
            },
            match sized {
                0 => {
                    "give `budget = \"equal-memory\"` or `\"equal-cost\"`, or each cluster of \
                     `own` its `node_memory`"
                }
                _ => "take the key out, or the sizes",
            },
        );
        found.unless(
            self.shared_node_memory.is_none() || sized > 0,
            format!("{key}.shared_node_memory"),
            "the clusters that are split off have no sizes",
            "give each of them its `node_memory` as well, or take this key out",
        );
        let shared = (format!("{key}.shared_node_memory"), self.shared_node_memory);
        let own = self.own.iter().enumerate();
        let own = own.map(|(i, own)| (format!("{key}.own[{i}].node_memory"), own.node_memory));
        for (at, size) in own.chain([shared]) {
            found.unless(
                size.is_none_or(|size| size <= NODE_MEMORY_MAX),
                at,
                "no machine has so much memory",
                &format!("give at most {NODE_MEMORY_MAX}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given;

    fn params(text: &str) -> Params {
        toml::from_str(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"))
    }

    /// What `given` has: a log of 2 parts of the data, and a cache of 1 part.
    fn places(text: &str) -> Vec<(String, Vec<usize>, f64)> {
        let tables = given::tables();
        let plans = params(text).place(&tables.system()).into_iter();
        let gib = |bytes: f64| bytes / (1u64 << 30) as f64;
        let plan = |plan: ClusterPlan| (plan.name, plan.workloads, gib(plan.node_memory));
        plans.map(plan).collect()
    }

    #[test]
    fn memory_is_dealt_out_by_datasets_or_as_given() {
        let whole = given::tables().redis.node_memory.as_f64() / (1u64 << 30) as f64;
        let of = |name: &str, workload, gib| (name.to_owned(), vec![workload], gib);
        let cache = "{ workloads = [\"cache\"]";
        let even = places(&format!("own = [{cache} }}]\nbudget = \"equal-memory\""));
        let (third, thirds) = (whole / 3.0, whole * 2.0 / 3.0);
        assert_eq!(even, [of("cache", 1, third), of("shared", 0, thirds)]);
        let own = format!("own = [{cache}, node_memory = \"3GiB\" }}]");
        let unchanged = [of("cache", 1, 3.0), of("shared", 0, whole)];
        assert_eq!(places(&own), unchanged);
        let sized = places(&format!("{own}\nshared_node_memory = \"5GiB\""));
        assert_eq!(sized, [of("cache", 1, 3.0), of("shared", 0, 5.0)]);
        let both = "own = [{ workloads = [\"cache\", \"log\"], node_memory = \"3GiB\" }]";
        assert_eq!(places(both), [("cache+log".to_owned(), vec![0, 1], 3.0)]);
    }

    fn wrong(text: &str) -> Vec<String> {
        let mut tables = given::tables();
        tables.workloads[1].name = "shared".to_owned();
        tables.wrong(|system, found| params(text).check("layout", system, found))
    }

    #[test]
    fn what_cannot_be_is_said() {
        let budget = "budget = \"equal-memory\"\n";
        let own = |text: &str| wrong(&format!("{budget}own = [{text}]"));
        let log = "{ workloads = [\"log\"] }";
        let sized = "{ workloads = [\"log\"], node_memory = \"1GiB\" }";
        assert_eq!(own(log), [""; 0]);
        assert_eq!(own(""), ["layout.own"]);
        let first = ["layout.own[0].workloads"];
        assert_eq!(own("{ workloads = [] }"), first);
        assert_eq!(own("{ workloads = [\"lug\"] }"), first);
        assert_eq!(own("{ workloads = [\"log\", \"log\"] }"), first);
        assert_eq!(own(&format!("{log}, {log}")), ["layout.own[1].workloads"]);
        assert_eq!(own("{ workloads = [\"shared\"] }"), first, "two of a name");
        let all = "{ workloads = [\"shared\"] }, { workloads = [\"log\"] }";
        assert_eq!(own(all), [""; 0], "nothing is left, and nothing has to be");
        assert_eq!(own(sized), ["layout.budget"]);
        assert_eq!(wrong(&format!("own = [{log}]")), ["layout.budget"]);
        assert_eq!(wrong(&format!("own = [{sized}]")), [""; 0]);
        let other = "{ workloads = [\"shared\"] }";
        assert_eq!(wrong(&format!("own = [{sized}, {other}]"))[0], "layout.own");
        let shared = "shared_node_memory = \"1GiB\"\n";
        let none_left = "own = [{ workloads = [\"log\", \"shared\"], node_memory = \"1GiB\" }]";
        let at = ["layout.shared_node_memory"];
        assert_eq!(wrong(&format!("{shared}{none_left}")), at);
        assert_eq!(wrong(&format!("{shared}{budget}own = [{log}]")), at);
        let large = "own = [{ workloads = [\"log\"], node_memory = \"33TiB\" }]";
        assert_eq!(wrong(large), ["layout.own[0].node_memory"]);
    }
}
