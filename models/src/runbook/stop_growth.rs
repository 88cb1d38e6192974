//! The cause of a burst of growth, undone.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Remedy, Site};
use crate::findings::Findings;
use crate::spec::SystemSpec;

/// Roll back what made a workload grow: its `growth-burst` faults end.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the workload.
    workload: String,
}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "stop-growth"
    }

    fn doing(&self) -> &'static str {
        "rolls the growth back"
    }

    fn number(&self) -> u64 {
        6
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        let (id, position) = site.home(&self.workload);
        let (cx, workload) = (&mut site.cx, &self.workload);
        cx.ledger
            .say(cx.now, || format!("the {workload} data grows no longer"));
        site.clusters[id].stop_growth(position, cx);
        Effect::Changed(vec![id])
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        let known = system.workload_names();
        found.known(
            format!("{key}.workload"),
            "workload",
            &self.workload,
            &known,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Bench, wrong};
    use super::*;

    #[test]
    fn it_names_a_workload() {
        let stop = |workload: &str| Params {
            workload: workload.to_owned(),
        };
        let mut bench = Bench::new();
        let effect = stop("log").take_effect(&mut bench.site());
        assert_eq!(effect, Effect::Changed(bench.clusters.ids().collect()));
        assert_eq!(wrong(&stop("log"), &bench.tables), [""; 0]);
        assert_eq!(wrong(&stop("lock"), &bench.tables), ["action.workload"]);
    }
}
