//! Names inside one group: its data nodes, its Sentinels, and either of them.

/// A data node (a primary or a replica), by its index in the layout. It keeps its number across
/// restarts, as a real one keeps its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub u16);

/// A Sentinel process, by its index. It keeps its number across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sentinel(pub u16);

/// What a Sentinel watches: a data node or another Sentinel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// A data node.
    Node(Node),
    /// A Sentinel.
    Sentinel(Sentinel),
}

impl Node {
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Sentinel {
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl From<Node> for Party {
    fn from(node: Node) -> Party {
        Party::Node(node)
    }
}

impl From<Sentinel> for Party {
    fn from(sentinel: Sentinel) -> Party {
        Party::Sentinel(sentinel)
    }
}
