//! Values that many hold alike, kept once.
//!
//! A hundred brokers know the same of ten thousand partitions, each from its own reading of the metadata log. A table of
//! what was read lately lets all of them point to one copy. It changes nothing that anybody can see: which copy a
//! pointer points to is not a fact.

use std::sync::{Arc, Weak};

/// How many values are remembered.
const SLOTS: usize = 1 << 14;

/// What was kept lately. It keeps nothing alive.
#[derive(Debug)]
pub struct KeptOnce<T> {
    slots: Vec<Weak<T>>,
}

impl<T: Eq> KeptOnce<T> {
    /// Nothing kept yet.
    pub const fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// The value, in the copy that others have of it if they have. `place` says where to look and to remember it: the
    /// latest value of a place is the one that is found.
    pub fn keep(&mut self, place: u64, value: T) -> Arc<T> {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, Weak::new);
        }
        let slot = &mut self.slots[(place % SLOTS as u64) as usize];
        if let Some(known) = slot.upgrade().filter(|known| **known == value) {
            return known;
        }
        let new = Arc::new(value);
        *slot = Arc::downgrade(&new);
        new
    }
}

impl<T: Eq> Default for KeptOnce<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_while_somebody_has_them() {
        let mut kept = KeptOnce::new();
        let mut keep = |place, value| kept.keep(place, value);
        let (a, b, c) = (keep(0, 'a'), keep(1, 'a'), keep(0, 'a'));
        assert!(Arc::ptr_eq(&a, &c) && !Arc::ptr_eq(&a, &b));
        let d = keep(SLOTS as u64, 'd');
        assert_eq!((*a, *b, *d, Arc::strong_count(&a)), ('a', 'a', 'd', 2));
        drop((a, c));
        assert_eq!((*keep(0, 'a'), *keep(0, 'd')), ('a', 'd'));
    }
}
