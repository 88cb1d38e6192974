//! The cause of a burst of growth, undone.

use super::*;

/// Roll back what made a workload grow: its `growth-burst` faults end.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of the workload.
    workload: String,
}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("stop-growth", "rolls back the growth", 6)
    }

    fn take_effect(&self, site: &mut Site) -> Effect {
        let (id, position) = site.home(&self.workload);
        let (cx, workload) = (&mut site.cx, &self.workload);
        cx.ledger
            .trace(cx.now, || format!("growth of the {workload} data stops"));
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
    use super::*;

    #[test]
    fn it_names_a_workload() {
        let stop = "kind = 'stop-growth'\nworkload = 'log'";
        assert_eq!(wrong(stop), [""; 0]);
        assert_eq!(wrong(&stop.replace("log", "lock")), ["action.workload"]);
    }
}
