//! A set.

use super::map::OrdMap;
use std::borrow::Borrow;
use std::fmt;
use std::ops::RangeBounds;

/// A set in the order of its items; see the module.
pub struct OrdSet<A>(OrdMap<A, ()>);

impl<A> OrdSet<A> {
    /// An empty set.
    pub const fn new() -> Self {
        Self(OrdMap::new())
    }

    /// How many items it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes all items away.
    pub fn clear(&mut self) {
        self.0 = OrdMap::new();
    }

    /// Its items in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &A> + ExactSizeIterator + Clone {
        self.0.keys()
    }

    /// Its first item.
    pub fn get_min(&self) -> Option<&A> {
        self.iter().next()
    }
}

impl<A: Ord> OrdSet<A> {
    /// Whether it has an item.
    pub fn contains<Q: Ord + ?Sized>(&self, item: &Q) -> bool
    where
        A: Borrow<Q>,
    {
        self.0.contains_key(item)
    }

    /// The items within bounds.
    pub fn range<Q: Ord + ?Sized>(&self, bounds: impl RangeBounds<Q>) -> impl DoubleEndedIterator<Item = &A> + Clone
    where
        A: Borrow<Q>,
    {
        self.0.range(bounds).map(|(item, ())| item)
    }
}

impl<A: Ord + Clone> OrdSet<A> {
    /// Adds an item; whether it was not there.
    pub fn insert(&mut self, item: A) -> bool {
        self.0.insert(item, ()).is_none()
    }

    /// Takes an item out; it, if it was there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, item: &Q) -> Option<A>
    where
        A: Borrow<Q>,
    {
        self.0.remove_with_key(item).map(|(item, ())| item)
    }
}

impl<A> Clone for OrdSet<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A> Default for OrdSet<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: fmt::Debug> fmt::Debug for OrdSet<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<A: PartialEq> PartialEq for OrdSet<A> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<A: Eq> Eq for OrdSet<A> {}

impl<A: Ord + Clone> Extend<A> for OrdSet<A> {
    fn extend<I: IntoIterator<Item = A>>(&mut self, items: I) {
        for item in items {
            self.insert(item);
        }
    }
}

impl<A: Ord + Clone> FromIterator<A> for OrdSet<A> {
    fn from_iter<I: IntoIterator<Item = A>>(items: I) -> Self {
        Self(items.into_iter().map(|item| (item, ())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_each_item_once_and_in_order() {
        let mut set: OrdSet<i32> = [5, 1, 3, 1].into_iter().collect();
        assert!(!set.insert(3) && set.insert(4));
        assert!(set.iter().copied().eq([1, 3, 4, 5]) && set.range(2..5).copied().eq([3, 4]));
        assert_eq!((set.remove(&1), set.remove(&1), set.get_min(), set.len()), (Some(1), None, Some(&3), 3));
    }
}
