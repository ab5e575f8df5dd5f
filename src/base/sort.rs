//! Sorting, as small as it can be for each type that is sorted.
//!
//! What the standard library sorts with is made anew for each type and each order: three kilobytes every time, and most of
//! what this project sorts is a handful of names. Here only the comparing and the swapping are made anew; what is sorted
//! is the places of the items, by one piece of code for all.

use std::cmp::Ordering;

/// Puts a slice in order; what compares equal stays as it is.
pub trait Sort<T> {
    /// By an order of one's own.
    fn order_by(&mut self, compare: impl FnMut(&T, &T) -> Ordering);

    /// By something that each item has.
    fn order_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) {
        self.order_by(|a, b| key(a).cmp(&key(b)));
    }

    /// By the items' own order.
    fn order(&mut self)
    where
        T: Ord,
    {
        self.order_by(T::cmp);
    }
}

impl<T> Sort<T> for [T] {
    fn order_by(&mut self, mut compare: impl FnMut(&T, &T) -> Ordering) {
        for (a, b) in swaps(self.len(), &mut |a, b| compare(&self[a], &self[b])) {
            self.swap(a, b);
        }
    }
}

/// What is to be swapped, one after the other, so that as many items are in order; `compare` compares those at two places.
fn swaps(items: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<(usize, usize)> {
    let mut swaps = Vec::new();
    if (1..items).all(|place| compare(place - 1, place).is_le()) {
        return swaps;
    }
    let mut from: Vec<usize> = (0..items).collect();
    from.sort_by(|a, b| compare(*a, *b));
    for first in 0..items {
        let mut place = first;
        while from[place] != first {
            let next = from[place];
            swaps.push((place, next));
            from[place] = place;
            place = next;
        }
        from[place] = place;
    }
    swaps
}

#[cfg(test)]
mod tests {
    use super::super::Rng;
    use super::*;

    #[test]
    fn it_sorts_as_the_standard_library_does_and_leaves_equals_in_their_order() {
        let mut rng = Rng::stream(1, "sort");
        for length in (0..40).chain([1_000]) {
            let mut items: Vec<(u64, usize)> = (0..length).map(|n| (rng.below(20), n)).collect();
            let mut like = items.clone();
            like.sort_by_key(|(key, _)| *key);
            items.order_by_key(|(key, _)| *key);
            assert_eq!(items, like);
            like.sort_by(|a, b| b.cmp(a));
            items.order_by(|a, b| b.cmp(a));
            assert_eq!(items, like);
            items.order();
            assert!(items.is_sorted());
        }
    }
}
