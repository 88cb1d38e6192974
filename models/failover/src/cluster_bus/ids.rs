//! Names inside one cluster: its members, its shards, and sets of shards.
//!
//! Redis hands out 16,384 hash slots; here a shard's slots only ever move together (nobody
//! re-shards during an outage), so one bit stands for all slots of a shard.

/// A node of the cluster, by its index in the layout. It keeps its number across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(pub u16);

/// A shard: the slots that one primary owned when the cluster was laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u16);

/// The most shards that a cluster may have here.
pub(super) const SHARDS_MAX: usize = 128;

/// A set of shards: what Redis calls a slot bitmap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ShardSet(u128);

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

impl ShardSet {
    pub(super) const EMPTY: ShardSet = ShardSet(0);

    pub(super) fn contains(self, shard: Shard) -> bool {
        self.0 & (1 << shard.0) != 0
    }

    pub(super) fn insert(&mut self, shard: Shard) {
        self.0 |= 1 << shard.0;
    }

    pub(super) fn remove(&mut self, shard: Shard) {
        self.0 &= !(1 << shard.0);
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn without(self, other: ShardSet) -> ShardSet {
        ShardSet(self.0 & !other.0)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Shard> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let shard = Shard(u16::try_from(rest.trailing_zeros()).expect("at most 128"));
            (rest != 0).then(|| {
                rest &= rest - 1;
                shard
            })
        })
    }
}
