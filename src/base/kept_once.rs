//! Values that many hold alike, kept once.
//!
//! A hundred brokers know the same of ten thousand partitions, each from its own reading of the metadata log. A table of
//! what was read lately lets all of them point to one copy. It changes nothing that anybody can see: which copy a
//! pointer points to is not a fact.

use std::sync::{Arc, Weak};

/// What was kept lately. It keeps nothing alive.
#[derive(Debug)]
pub struct KeptOnce<T> {
    slots: Vec<Weak<T>>,
    most: usize,
}

impl<T: Eq> KeptOnce<T> {
    /// Nothing kept yet; so many values will be remembered.
    pub const fn new(most: usize) -> Self {
        Self { slots: Vec::new(), most }
    }

    /// The value, in the copy that others have of it if they have. `place` says where to look and to remember it: the
    /// latest value of a place is the one that is found.
    pub fn keep(&mut self, place: u64, value: impl Into<Arc<T>>) -> Arc<T> {
        if self.slots.is_empty() {
            self.slots.resize_with(self.most, Weak::new);
        }
        let value = value.into();
        let slot = &mut self.slots[(place % self.most as u64) as usize];
        match slot.upgrade().filter(|known| *known == value) {
            Some(known) => known,
            None => {
                *slot = Arc::downgrade(&value);
                value
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_while_somebody_has_them() {
        let mut kept = KeptOnce::new(10);
        let mut keep = |place, value: char| kept.keep(place, value);
        let (a, b, c) = (keep(0, 'a'), keep(1, 'a'), keep(0, 'a'));
        assert!(Arc::ptr_eq(&a, &c) && !Arc::ptr_eq(&a, &b));
        let d = keep(10, 'd');
        assert_eq!((*a, *b, *d, Arc::strong_count(&a)), ('a', 'a', 'd', 2));
        drop((a, c));
        assert_eq!((*keep(0, 'a'), *keep(0, 'd')), ('a', 'd'));
    }
}
