//! Faults of nodes, whichever they strike.

use super::*;
use crate::ids::NodeId;

/// What strikes nodes one by one.
pub(super) trait NodeFault: FaultKind {
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

impl<F: NodeFault> NodeStrike<F> {
    fn on(&self) -> On {
        self.fault.target().on.unwrap_or_default()
    }
}

impl<F: NodeFault> Strike for NodeStrike<F> {
    fn words(&self) -> String {
        format!("{}{}", self.fault.words(), self.on().words())
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        for node in cluster.struck(self.on(), self.pick, cx.now) {
            self.fault.hit(node, cluster, cx);
        }
    }
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
