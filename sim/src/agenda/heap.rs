//! A heap of 128-bit keys, least first, four children to a node.
//!
//! Four siblings fill one 64-byte cache line, so going down a level costs one miss at most, and the
//! least of four is found without a branch that could be mispredicted. Places are numbered so that
//! the root has place 3 and the children of place `p` are the whole of family `p - 2`:
//!
//! ```text
//! family 0: [ –  –  –  root ]    family 1: [ 4 5 6 7 ], the root's    family 2: [ 8 … ], place 4's
//! ```
//!
//! A removed key leaves a gap, which sinks to a leaf at once. The next key to come fills it, and
//! one of the two ways through the heap is saved; most events schedule another.

/// Larger than any key: marks a place without one.
const VACANT: u128 = u128::MAX;
const ROOT: usize = 3;

/// A heap of distinct keys whose lower halves are below `u64::MAX`.
#[derive(Clone, Debug)]
pub(super) struct KeyHeap {
    families: Vec<Family>,
    /// The first place never filled.
    end: usize,
    /// A vacant leaf below `end`, or 0 if there is none.
    gap: usize,
}

#[derive(Clone, Debug)]
#[repr(align(64))]
struct Family([u128; 4]);

impl KeyHeap {
    pub(super) fn new() -> KeyHeap {
        KeyHeap {
            families: vec![Family([VACANT; 4])],
            end: ROOT,
            gap: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.end - ROOT - usize::from(self.gap != 0)
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u128> {
        let root = self.families[0].0[ROOT];
        // Half a key says enough, and it was stored in halves: reading it back whole would wait for
        // both stores to reach the cache.
        (root as u64 != VACANT as u64).then_some(root)
    }

    #[inline]
    pub(super) fn push(&mut self, key: u128) {
        let mut place = self.gap;
        self.gap = 0;
        if place == 0 {
            place = self.end;
            self.end += 1;
            if place.is_multiple_of(4) {
                self.families.push(Family([VACANT; 4]));
            }
        }
        self.rise(place, key);
    }

    /// Removes the least key.
    #[inline]
    pub(super) fn pop(&mut self) {
        if self.gap != 0 {
            self.close_gap();
        }
        let mut place = ROOT;
        while let Some(children) = self.families.get(place - 2) {
            let (lane, key) = children.least();
            let child = (place - 2) * 4 + lane;
            *self.at(place) = key;
            place = child;
        }
        *self.at(place) = VACANT;
        self.gap = place;
    }

    /// Keeps the keys for which `wanted` holds.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(u128) -> bool) {
        let kept: Vec<u128> = self
            .families
            .iter()
            .flat_map(|family| family.0)
            .filter(|key| *key != VACANT && wanted(*key))
            .collect();
        *self = KeyHeap::new();
        for key in kept {
            self.push(key);
        }
    }

    /// Fills the gap with the last key.
    fn close_gap(&mut self) {
        self.end -= 1;
        let last = self.end;
        let key = std::mem::replace(self.at(last), VACANT);
        if last.is_multiple_of(4) {
            self.families.pop();
        }
        let gap = std::mem::replace(&mut self.gap, 0);
        if gap != last {
            self.rise(gap, key);
        }
    }

    /// Puts `key` at `place` or at the first ancestor's place where it is not less than its parent.
    #[inline]
    fn rise(&mut self, mut place: usize, key: u128) {
        while place > ROOT {
            let parent = place / 4 + 2;
            let above = *self.at(parent);
            if above < key {
                break;
            }
            *self.at(place) = above;
            place = parent;
        }
        *self.at(place) = key;
    }

    #[inline]
    fn at(&mut self, place: usize) -> &mut u128 {
        &mut self.families[place / 4].0[place % 4]
    }
}

impl Family {
    /// The least key and its lane.
    #[inline]
    fn least(&self) -> (usize, u128) {
        let [a, b, c, d] = self.0;
        let (left, left_lane) = if b < a { (b, 1) } else { (a, 0) };
        let (right, right_lane) = if d < c { (d, 3) } else { (c, 2) };
        if right < left {
            (right_lane, right)
        } else {
            (left_lane, left)
        }
    }
}
