//! Which nodes a fault of a node strikes.

use schemars::JsonSchema;
use serde::Deserialize;

/// Which nodes of a cluster a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// The primary of the fullest shard.
    #[default]
    Primary,
    /// A replica of the fullest shard.
    Replica,
    /// Any primary, each as likely.
    AnyPrimary,
    /// Any replica, each as likely.
    AnyReplica,
    /// Any node, each as likely.
    AnyNode,
    /// All primaries at once.
    EveryPrimary,
    /// All replicas at once.
    EveryReplica,
    /// All nodes at once.
    EveryNode,
}

impl On {
    /// Does it need replicas?
    pub fn replicas(self) -> bool {
        matches!(self, On::Replica | On::AnyReplica | On::EveryReplica)
    }

    /// It in words, unless it goes without saying.
    pub fn words(self) -> &'static str {
        match self {
            On::Primary => "",
            On::Replica => " of a replica",
            On::AnyPrimary => " of any primary",
            On::AnyReplica => " of any replica",
            On::AnyNode => " of any node",
            On::EveryPrimary => " of every primary",
            On::EveryReplica => " of every replica",
            On::EveryNode => " of every node",
        }
    }
}
