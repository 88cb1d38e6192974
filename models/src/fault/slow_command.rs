//! A command that takes long: nothing else is executed meanwhile.

use super::*;

/// The primary of the fullest shard executes one command that takes long (KEYS, a large range, the
/// deletion of a large key), once or again and again. Its thread answers nobody meanwhile: no
/// client, no Sentinel, no bus.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name of a workload: its cluster is hit.
    workload: String,
    /// When it comes, the first time, from the trial's start.
    at: Dist,
    /// How long it takes.
    takes: SimDuration,
    /// From one to the next, longer than `takes`; absent: it comes once.
    every: Option<SimDuration>,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "slow-command"
    }

    fn target(&self) -> Target<'_> {
        Target {
            workload: Some(&self.workload),
            at: &self.at,
            lasts: None,
        }
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        draw.hits(&self.workload, &self.at, self.clone())
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_target(key, &self.target(), system, found);
        found.unless(
            self.takes > SimDuration::ZERO,
            format!("{key}.takes"),
            "a command that takes no time changes nothing",
            "give a positive duration such as \"9s\"",
        );
        found.unless(
            self.every.is_none_or(|every| every > self.takes),
            format!("{key}.every"),
            "it would come again before the last one ends",
            "give a time that is longer than `takes`",
        );
    }
}

impl Strike for Params {
    fn words(&self) -> String {
        let again = self.every.map(|every| format!(", every {every}"));
        format!("a command of {}{}", self.takes, again.unwrap_or_default())
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        cluster.slow_command(self.takes, self.every, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Id, NodeId};
    use crate::redis::capability::Reply;

    #[test]
    fn nothing_else_is_executed_meanwhile() {
        let slow = "kind = 'slow-command'\ntakes = '9s'\nevery = '2h'";
        let seen = strike(slow, "a command of 9s, every 2h").seen(NodeId::from_index(0));
        assert_eq!((seen.tcp, seen.ping), (Reply::Fine, Reply::Silence));
        assert_eq!(wrong(&slow.replace("2h", "9s")), ["fault.every"]);
    }
}
