//! Faults of nodes, whichever they strike.

use super::*;
use crate::ids::NodeId;

/// What strikes nodes one by one.
pub(super) trait NodeFault {
    /// Which nodes.
    fn on(&self) -> On;

    /// It in words, for the record.
    fn words(&self) -> String;

    /// It strikes this node.
    fn hit(&self, node: NodeId, cluster: &mut Cluster, cx: &mut Cx);
}

/// The fault of a node, and which of several it is.
pub(super) struct NodeStrike<F> {
    pub fault: F,
    pub pick: f64,
}

impl<F: NodeFault> Strike for NodeStrike<F> {
    fn words(&self) -> String {
        format!("{}{}", self.fault.words(), self.fault.on().words())
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        for node in cluster.struck(self.fault.on(), self.pick, cx.now) {
            self.fault.hit(node, cluster, cx);
        }
    }
}

/// A fault of replicas needs some.
pub(super) fn check_on(key: &str, on: Option<On>, system: &SystemSpec, found: &mut Findings) {
    found.unless(
        system.redis.replicas > 0 || !on.is_some_and(On::replicas),
        format!("{key}.on"),
        "there is no replica",
        "give redis.replicas, or name another node",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_chosen_by_their_role() {
        let down = |on: &str, words: &str| {
            let cluster = strike(&format!("kind = 'crash'\non = '{on}'"), words);
            cluster
                .nodes()
                .filter(|node| cluster.is_down(*node))
                .count()
        };
        assert_eq!(down("replica", "crash of a replica"), 1);
        assert_eq!(down("any-node", "crash of any node"), 1);
        assert_eq!(down("any-replica", "crash of any replica"), 1);
        assert_eq!(down("every-primary", "crash of every primary"), 3);
        assert_eq!(down("every-replica", "crash of every replica"), 6);
        assert_eq!(down("every-node", "crash of every node"), 9);
    }
}
