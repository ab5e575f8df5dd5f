//! Maps and sets in one piece of memory.
//!
//! A cluster has thousands of maps with a handful of entries each. The nodes of a search tree have room for a dozen
//! entries before the first, and the code that keeps it balanced is some kilobytes for each type that is put in one. A
//! vector in the order of its keys has neither: looking up is a binary search, inserting and removing move what comes
//! after. What grows large and is changed in its middle, or is copied with the world, is a matter for
//! [`OrdMap`](super::OrdMap).

mod map;
mod set;

pub use map::SortedMap;
pub use set::SortedSet;

use std::ops::{Bound, Range, RangeBounds};

/// Fewer than these are put in one by one; more are put behind what is there, and all is sorted.
const FEW: usize = 8;

/// The places within bounds, where `find` says at which place a key is or would be.
fn places<Q: ?Sized>(
    bounds: &impl RangeBounds<Q>,
    len: usize,
    find: impl Fn(&Q) -> Result<usize, usize>,
) -> Range<usize> {
    let place = |key: &Q, behind: bool| find(key).map_or_else(|n| n, |n| n + usize::from(behind));
    let from = match bounds.start_bound() {
        Bound::Included(key) => place(key, false),
        Bound::Excluded(key) => place(key, true),
        Bound::Unbounded => 0,
    };
    let to = match bounds.end_bound() {
        Bound::Included(key) => place(key, true),
        Bound::Excluded(key) => place(key, false),
        Bound::Unbounded => len,
    };
    from..to.max(from)
}
