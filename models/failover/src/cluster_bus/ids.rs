//! Names inside one cluster: its members and its shards.
//!
//! Redis hands out 16,384 hash slots; here a shard's slots only ever move together (nobody
//! re-shards during an outage), so a shard's number stands for all of its slots.

/// A node of the cluster, by its index in the layout. It keeps its number across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(pub u16);

/// A shard: the slots that one primary owned when the cluster was laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u16);

impl Member {
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Shard {
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The first `count` members.
pub(super) fn members(count: usize) -> impl Iterator<Item = Member> + use<> {
    (0..u16::try_from(count).expect("at most 65535 members")).map(Member)
}
