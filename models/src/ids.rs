//! Typed numbers for the parts of a world, and the collection that is indexed by them.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A number that names one part among its kind.
pub trait Id: Copy {
    /// The id of the part at this position.
    fn from_index(index: usize) -> Self;
    /// The part's position.
    fn index(self) -> usize;
}

/// A cluster, in the order of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterId(u16);

/// A service, in the order of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceId(u16);

/// A health check, in the order of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckId(u16);

/// An alert rule on one cluster or service, in the order of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertId(u16);

/// A node of a cluster, shard by shard as it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(u16);

/// A shard of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShardId(u16);

/// A group of clients that follow a cluster's owners in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViewId(u16);

/// A host on which a cluster's nodes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostId(u16);

fn narrow(index: usize) -> u16 {
    u16::try_from(index).expect("a world has fewer than 65,536 parts of a kind")
}

impl Id for ClusterId {
    fn from_index(index: usize) -> Self {
        ClusterId(narrow(index))
    }
    fn index(self) -> usize {
        self.0.into()
    }
}

impl Id for ServiceId {
    fn from_index(index: usize) -> Self {
        ServiceId(narrow(index))
    }
    fn index(self) -> usize {
        self.0.into()
    }
}

impl Id for CheckId {
    fn from_index(index: usize) -> Self {
        CheckId(narrow(index))
    }
    fn index(self) -> usize {
        self.0.into()
    }
}

impl Id for AlertId {
    fn from_index(index: usize) -> Self {
        AlertId(narrow(index))
    }
    fn index(self) -> usize {
        self.0.into()
    }
}

impl Id for NodeId {
    fn from_index(index: usize) -> Self {
        NodeId(narrow(index))
    }
    fn index(self) -> usize {
        self.0.into()
    }
}

impl Id for ShardId {
    fn from_index(index: usize) -> Self {
        ShardId(narrow(index))
    }
    fn index(self) -> usize {
        self.0.into()
    }
}

impl Id for ViewId {
    fn from_index(index: usize) -> Self {
        ViewId(narrow(index))
    }
    fn index(self) -> usize {
        self.0.into()
    }
}

impl Id for HostId {
    fn from_index(index: usize) -> Self {
        HostId(narrow(index))
    }
    fn index(self) -> usize {
        self.0.into()
    }
}

/// Parts of one kind, indexed only by their own id.
#[derive(Debug, PartialEq)]
pub struct Fleet<I, T> {
    parts: Vec<T>,
    kind: PhantomData<I>,
}

impl<I: Id, T> Fleet<I, T> {
    /// The ids, in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + use<I, T> {
        (0..self.parts.len()).map(I::from_index)
    }

    /// As many parts as there are ids, all alike.
    pub fn alike<J>(ids: &Fleet<I, J>, part: T) -> Fleet<I, T>
    where
        T: Clone,
    {
        ids.ids().map(|_| part.clone()).collect()
    }

    /// The parts, in order.
    pub fn values(&self) -> std::slice::Iter<'_, T> {
        self.parts.iter()
    }

    /// The parts with their ids, in order.
    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.parts
            .iter()
            .enumerate()
            .map(|(i, part)| (I::from_index(i), part))
    }

    /// The parts with their ids, in order, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (I, &mut T)> {
        self.parts
            .iter_mut()
            .enumerate()
            .map(|(i, part)| (I::from_index(i), part))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

impl<I, T> Default for Fleet<I, T> {
    fn default() -> Self {
        Fleet {
            parts: Vec::new(),
            kind: PhantomData,
        }
    }
}

impl<I, T: Clone> Clone for Fleet<I, T> {
    fn clone(&self) -> Self {
        Fleet {
            parts: self.parts.clone(),
            kind: PhantomData,
        }
    }

    /// Keeps the memory that it has.
    fn clone_from(&mut self, other: &Self) {
        self.parts.clone_from(&other.parts);
    }
}

impl<I: Id, T> FromIterator<T> for Fleet<I, T> {
    fn from_iter<P: IntoIterator<Item = T>>(parts: P) -> Self {
        Fleet {
            parts: parts.into_iter().collect(),
            kind: PhantomData,
        }
    }
}

impl<I: Id, T> Index<I> for Fleet<I, T> {
    type Output = T;
    fn index(&self, id: I) -> &T {
        &self.parts[id.index()]
    }
}

impl<I: Id, T> IndexMut<I> for Fleet<I, T> {
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.parts[id.index()]
    }
}
