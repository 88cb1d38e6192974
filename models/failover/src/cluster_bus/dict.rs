//! The node table: a hash table whose random picks are not even.
//!
//! Redis picks nodes for gossip and for its ping per second with `dictGetRandomKey`: a random
//! occupied bucket, then a random entry of that bucket's chain. A node that shares a bucket is
//! picked half as often as one that does not. The hash seed differs from process to process, so who
//! shares is drawn again for each. Sources: `dictGetRandomKey`, `_dictExpandIfNeeded` in
//! `src/dict.c` (Redis 7.0.15): the table has the smallest power of two of buckets that is not
//! below the number of nodes, and at least four.

use rand::Rng as _;
use sim::Rng;

use super::ids::Member;

/// One process' table of nodes, itself among them.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeTable {
    /// In table order, which is also the order in which crons walk the nodes.
    members: Vec<Member>,
    /// Each occupied bucket as a range of `members`.
    buckets: Vec<(u32, u32)>,
}

impl NodeTable {
    pub(super) fn draw(members: u16, rng: &mut Rng) -> NodeTable {
        let size = u64::from(members).next_power_of_two().max(4);
        let mut placed: Vec<(u64, Member)> = (0..members)
            .map(|m| (rng.next_u64() % size, Member(m)))
            .collect();
        placed.sort_by_key(|(bucket, _)| *bucket);
        let mut buckets = Vec::new();
        let mut start = 0;
        for chain in placed.chunk_by(|a, b| a.0 == b.0) {
            let length = u32::try_from(chain.len()).expect("at most 65535 members");
            buckets.push((start, length));
            start += length;
        }
        let members = placed.into_iter().map(|(_, member)| member).collect();
        NodeTable { members, buckets }
    }

    /// A random node, as `dictGetRandomKey` picks it.
    pub(super) fn pick(&self, rng: &mut Rng) -> Member {
        let word = rng.next_u64();
        let (high, low) = (word >> 32, word & 0xFFFF_FFFF);
        let (start, length) = self.buckets[((high * self.buckets.len() as u64) >> 32) as usize];
        let entry = ((low * u64::from(length)) >> 32) as u32;
        self.members[(start + entry) as usize]
    }

    /// All nodes, in table order.
    pub(super) fn members(&self) -> impl ExactSizeIterator<Item = Member> + '_ {
        self.members.iter().copied()
    }

    /// Whether it has yet to be drawn.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn get(&self, position: usize) -> Member {
        self.members[position]
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

#[cfg(test)]
mod tests {
    use sim::{Purpose, Streams};

    use super::*;

    #[test]
    fn a_node_that_shares_its_bucket_is_picked_half_as_often() {
        let mut rng = Streams::for_trial(1, 1).stream(Purpose(1), 1);
        let members = (0..3).map(Member).collect();
        let table = NodeTable {
            members,
            buckets: vec![(0, 1), (1, 2)],
        };
        let mut picked = [0_u32; 3];
        for _ in 0..40_000 {
            picked[table.pick(&mut rng).index()] += 1;
        }
        for (count, expected) in picked.into_iter().zip([20_000, 10_000, 10_000]) {
            assert!(count.abs_diff(expected) < 500, "{picked:?}");
        }
    }

    #[test]
    fn every_node_has_its_place() {
        let mut rng = Streams::for_trial(1, 1).stream(Purpose(1), 2);
        for nodes in 1..40 {
            let table = NodeTable::draw(nodes, &mut rng);
            let mut members: Vec<u16> = (0..table.len()).map(|i| table.get(i).0).collect();
            members.sort_unstable();
            assert_eq!(members, (0..nodes).collect::<Vec<_>>());
            assert_eq!(
                table.buckets.iter().map(|b| b.1).sum::<u32>(),
                u32::from(nodes)
            );
        }
    }
}
