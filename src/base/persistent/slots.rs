//! Numbered places.

use super::Chunk;
use std::fmt;
use std::sync::Arc;

/// How many places a chunk has.
const PLACES: usize = 32;

/// Places with numbers from 0, some of which hold an item; see the module. An item is found by its number without a
/// search, and a chunk whose places are all empty takes no room.
pub struct Slots<T> {
    chunks: Arc<Vec<Option<Chunk<Option<T>>>>>,
}

impl<T> Default for Slots<T> {
    /// No item anywhere.
    fn default() -> Self {
        Self { chunks: Arc::default() }
    }
}

impl<T> Slots<T> {
    /// The item of a place.
    pub fn get(&self, n: usize) -> Option<&T> {
        self.chunks.get(n / PLACES)?.as_ref()?[n % PLACES].as_ref()
    }

    /// The items with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let chunks = self.chunks.iter().enumerate().filter_map(|(at, chunk)| Some((at, chunk.as_ref()?)));
        chunks.flat_map(|(at, chunk)| {
            chunk.iter().enumerate().filter_map(move |(n, item)| Some((at * PLACES + n, item.as_ref()?)))
        })
    }
}

impl<T: Clone> Slots<T> {
    /// The item of a place, to be changed.
    pub fn get_mut(&mut self, n: usize) -> Option<&mut T> {
        let chunk = Arc::make_mut(&mut self.chunks).get_mut(n / PLACES)?.as_mut()?;
        Arc::make_mut(chunk)[n % PLACES].as_mut()
    }

    /// Puts an item in a place.
    pub fn insert(&mut self, n: usize, item: T) {
        let chunks = Arc::make_mut(&mut self.chunks);
        if chunks.len() <= n / PLACES {
            chunks.resize_with(n / PLACES + 1, || None);
        }
        let chunk = chunks[n / PLACES].get_or_insert_with(|| Arc::new(vec![None; PLACES]));
        Arc::make_mut(chunk)[n % PLACES] = Some(item);
    }

    /// Takes the item out of a place.
    pub fn remove(&mut self, n: usize) -> Option<T> {
        let place = Arc::make_mut(&mut self.chunks).get_mut(n / PLACES)?;
        let chunk = Arc::make_mut(place.as_mut()?);
        let taken = chunk[n % PLACES].take();
        if chunk.iter().all(Option::is_none) {
            *place = None;
        }
        taken
    }
}

impl<T> Clone for Slots<T> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Slots<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use std::collections::BTreeMap;

    /// The same as a map of the standard library, whatever is done to it, and its copies stay what they were.
    #[test]
    fn places_hold_what_was_put_in_them() {
        let mut rng = Rng::stream(1, "slots");
        let (mut slots, mut like) = (Slots::default(), BTreeMap::new());
        let mut copies = Vec::new();
        for step in 0..5_000_u32 {
            let n = rng.below(300) as usize;
            match rng.below(4) {
                0 => {
                    slots.insert(n, step);
                    like.insert(n, step);
                }
                1 | 2 => assert_eq!(slots.remove(n), like.remove(&n)),
                _ => assert_eq!(slots.get_mut(n).map(std::mem::take), like.get_mut(&n).map(std::mem::take)),
            }
            assert_eq!(slots.get(n), like.get(&n));
            if step % 500 == 0 {
                copies.push((slots.clone(), like.clone()));
            }
        }
        let empty = |slots: &Slots<u32>| slots.chunks.iter().filter(|chunk| chunk.is_none()).count();
        for (slots, like) in copies {
            assert!(slots.iter().eq(like.iter().map(|(n, item)| (*n, item))));
            let numbers: Vec<usize> = like.into_keys().collect();
            let mut slots = slots;
            assert!(numbers.iter().all(|n| slots.remove(*n).is_some()));
            assert_eq!(empty(&slots), slots.chunks.len());
        }
    }
}
