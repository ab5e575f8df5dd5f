//! A map.

use super::{Chunk, Chunks, IntoIter, Iter, MOST, into_iter};
use std::borrow::Borrow;
use std::fmt;
use std::ops::{Bound, Index, IndexMut, RangeBounds};
use std::sync::Arc;

/// A map in the order of its keys; see the module.
pub struct OrdMap<K, V> {
    chunks: Chunks<(K, V)>,
    len: usize,
}

/// Where a key is, or would be: its chunk, and its place in it.
type Place = (usize, Result<usize, usize>);

impl<K, V> OrdMap<K, V> {
    /// An empty map.
    pub const fn new() -> Self {
        Self { chunks: Chunks::None, len: 0 }
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn chunks(&self) -> &[Chunk<(K, V)>] {
        self.chunks.as_slice()
    }

    /// Whether it is a copy of another, and neither was changed since.
    pub fn is_same(&self, other: &Self) -> bool {
        self.chunks.is_same(&other.chunks)
    }

    /// Its entries by key.
    pub fn iter(&self) -> MapIter<'_, K, V> {
        MapIter(Iter::over(self.chunks()))
    }

    /// Its keys.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + ExactSizeIterator + Clone {
        Iter::over(self.chunks()).map(|(key, _)| key)
    }

    /// Its values by key.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + ExactSizeIterator + Clone {
        Iter::over(self.chunks()).map(|(_, value)| value)
    }

    /// Its first entry.
    pub fn get_min(&self) -> Option<&(K, V)> {
        self.chunks().first()?.first()
    }

    /// Its last entry.
    pub fn get_max(&self) -> Option<&(K, V)> {
        self.chunks().last()?.last()
    }
}

impl<K: Ord, V> OrdMap<K, V> {
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Place
    where
        K: Borrow<Q>,
    {
        let (at, chunk) = match self.chunks() {
            [] => return (0, Err(0)),
            [one] => (0, one),
            chunks => {
                // What is before all is looked for in the first chunk.
                let at = chunks[1..].partition_point(|chunk| chunk[0].0.borrow().cmp(key).is_le());
                (at, &chunks[at])
            }
        };
        (at, chunk.binary_search_by(|(it, _)| it.borrow().cmp(key)))
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (at, place) = self.find(key);
        place.ok().map(|n| &self.chunks()[at][n].1)
    }

    /// Whether it has a key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).1.is_ok()
    }

    /// The entry of a key, or without one the last before it.
    pub fn get_prev<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        self.range((Bound::Unbounded, Bound::Included(key))).next_back()
    }

    /// The entries whose keys lie within bounds.
    pub fn range<Q: Ord + ?Sized>(&self, bounds: impl RangeBounds<Q>) -> MapIter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        // The first place that is not before, or that is behind, a key.
        let place = |key: &Q, behind: bool| {
            let (at, found) = self.find(key);
            (at, found.map_or_else(|n| n, |n| n + usize::from(behind)))
        };
        let from = match bounds.start_bound() {
            Bound::Included(key) => place(key, false),
            Bound::Excluded(key) => place(key, true),
            Bound::Unbounded => (0, 0),
        };
        let to = match bounds.end_bound() {
            Bound::Included(key) => place(key, true),
            Bound::Excluded(key) => place(key, false),
            Bound::Unbounded => (self.chunks().len(), 0),
        };
        MapIter(Iter::between(self.chunks(), from, to))
    }
}

impl<K: Ord + Clone, V: Clone> OrdMap<K, V> {
    fn slot(&mut self, at: usize, n: usize) -> &mut (K, V) {
        &mut Arc::make_mut(&mut self.chunks.as_mut_slice()[at])[n]
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (at, place) = self.find(key);
        place.ok().map(|n| &mut self.slot(at, n).1)
    }

    /// Lets the last chunk be shared with other maps that have an equal one, once it is full; `share` gets its number and
    /// gives the copy that is shared.
    pub fn share_last_chunk(&mut self, share: impl FnOnce(usize, Arc<Vec<(K, V)>>) -> Arc<Vec<(K, V)>>) {
        let nth = self.chunks().len().saturating_sub(1);
        if self.chunks().last().is_some_and(|chunk| chunk.len() == MOST) {
            let last = &mut self.chunks.as_mut_slice()[nth];
            *last = share(nth, last.clone());
        }
    }

    /// Gives a key a value; the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        // Much is numbered, or comes in order.
        let place = match self.chunks().last() {
            Some(last) if last[last.len() - 1].0 < key => (self.chunks().len() - 1, Err(last.len())),
            _ => self.find(&key),
        };
        match place {
            (at, Ok(n)) => Some(std::mem::replace(&mut self.slot(at, n).1, value)),
            (at, Err(n)) => {
                self.put(at, n, (key, value));
                None
            }
        }
    }

    /// Puts an entry where there is none; gives where it is now.
    fn put(&mut self, at: usize, n: usize, entry: (K, V)) -> (usize, usize) {
        self.len += 1;
        let chunks = self.chunks.as_mut_slice();
        let all = chunks.len();
        let Some(chunk) = chunks.get_mut(at) else {
            self.chunks.insert(0, Arc::new(vec![entry]));
            return (0, 0);
        };
        if chunk.len() < MOST {
            let chunk = Arc::make_mut(chunk);
            // Most maps are small and stay as they are: there are hundreds of thousands of them in a large cluster.
            if chunk.len() == chunk.capacity() {
                chunk.reserve_exact((chunk.len() / 2).max(1));
            }
            chunk.insert(n, entry);
            return (at, n);
        }
        // What grows at its end has full chunks.
        if n == MOST && at + 1 == all {
            let mut chunk = Vec::with_capacity(MOST);
            chunk.push(entry);
            self.chunks.insert(all, Arc::new(chunk));
            return (all, 0);
        }
        let upper = Arc::make_mut(chunk).split_off(MOST / 2);
        self.chunks.insert(at + 1, Arc::new(upper));
        let (at, n) = if n > MOST / 2 { (at + 1, n - MOST / 2) } else { (at, n) };
        Arc::make_mut(&mut self.chunks.as_mut_slice()[at]).insert(n, entry);
        (at, n)
    }

    /// Takes an entry out; the value that it had.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_with_key(key).map(|(_, value)| value)
    }

    /// Takes an entry out; the key and value that it had.
    pub fn remove_with_key<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        let (at, Ok(n)) = self.find(key) else { return None };
        self.len -= 1;
        let chunks = self.chunks.as_mut_slice();
        let taken = Arc::make_mut(&mut chunks[at]).remove(n);
        let left = chunks[at].len();
        if left == 0 {
            self.chunks.remove(at);
        } else if chunks.get(at + 1).is_some_and(|next| left + next.len() <= MOST / 2) {
            let next = self.chunks.remove(at + 1);
            Arc::make_mut(&mut self.chunks.as_mut_slice()[at]).extend(next.iter().cloned());
        }
        Some(taken)
    }

    /// Keeps the entries that `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        let mut at = 0;
        while let Some(chunk) = self.chunks.as_mut_slice().get_mut(at) {
            self.len -= chunk.len();
            let kept = Arc::make_mut(chunk);
            kept.retain_mut(|(key, value)| keep(key, value));
            let left = kept.len();
            self.len += left;
            if left == 0 {
                self.chunks.remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// Its entries by key, the values to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.chunks
            .as_mut_slice()
            .iter_mut()
            .flat_map(|chunk| Arc::make_mut(chunk).iter_mut())
            .map(|(key, value)| (&*key, value))
    }

    /// The place of a key, to be filled or changed.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        let (at, place) = self.find(&key);
        Entry { map: self, key, at, place }
    }
}

/// The place of a key in a map.
pub struct Entry<'a, K, V> {
    map: &'a mut OrdMap<K, V>,
    key: K,
    at: usize,
    place: Result<usize, usize>,
}

impl<'a, K: Ord + Clone, V: Clone> Entry<'a, K, V> {
    /// The key's value; if it has none, the one that `value` makes.
    pub fn or_insert_with(self, value: impl FnOnce() -> V) -> &'a mut V {
        let (at, n) = match self.place {
            Ok(n) => (self.at, n),
            Err(n) => self.map.put(self.at, n, (self.key, value())),
        };
        &mut self.map.slot(at, n).1
    }

    /// The key's value; if it has none, this.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The key's value; if it has none, the default.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }
}

/// Goes over a map's entries, from either end.
#[derive(Debug)]
pub struct MapIter<'a, K, V>(Iter<'a, (K, V)>);

impl<K, V> Clone for MapIter<'_, K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<'a, K, V> Iterator for MapIter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<K, V> ExactSizeIterator for MapIter<'_, K, V> {}

impl<K, V> DoubleEndedIterator for MapIter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, value)| (key, value))
    }
}

impl<K: Ord + Borrow<Q>, V, Q: Ord + ?Sized> Index<&Q> for OrdMap<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("a key that is there")
    }
}

impl<K: Ord + Clone + Borrow<Q>, V: Clone, Q: Ord + ?Sized> IndexMut<&Q> for OrdMap<K, V> {
    fn index_mut(&mut self, key: &Q) -> &mut V {
        self.get_mut(key).expect("a key that is there")
    }
}

impl<K, V> Clone for OrdMap<K, V> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<K, V> Default for OrdMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for OrdMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for OrdMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq> Eq for OrdMap<K, V> {}

impl<K: Ord + Clone, V: Clone> Extend<(K, V)> for OrdMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, items: I) {
        for (key, value) in items {
            self.insert(key, value);
        }
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for OrdMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let mut items = items.into_iter();
        let Some(first) = items.next() else { return Self::new() };
        let mut chunk = Vec::with_capacity((items.size_hint().0 + 1).min(MOST));
        chunk.push(first);
        let mut out = Self { chunks: Chunks::One(Arc::new(chunk)), len: 1 };
        out.extend(items);
        out
    }
}

impl<'a, K, V> IntoIterator for &'a OrdMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = MapIter<'a, K, V>;

    fn into_iter(self) -> MapIter<'a, K, V> {
        self.iter()
    }
}

impl<K: Clone, V: Clone> IntoIterator for OrdMap<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<(K, V)>;

    fn into_iter(self) -> IntoIter<(K, V)> {
        into_iter(self.chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use std::collections::BTreeMap;

    /// The same as a map of the standard library, whatever is done to it, and its copies stay what they were.
    #[test]
    fn a_map_does_what_maps_do() {
        for seed in 0..30 {
            let mut rng = Rng::stream(seed, "a map");
            let span = [8, 60, 900][seed as usize % 3];
            let (mut map, mut like) = (OrdMap::new(), BTreeMap::new());
            let mut copies = Vec::new();
            for step in 0..3_000_u32 {
                let key = rng.below(span) as i64;
                match rng.below(9) {
                    0..4 => assert_eq!(map.insert(key, step), like.insert(key, step)),
                    4..7 => assert_eq!(map.remove(&key), like.remove(&key)),
                    7 => {
                        *map.entry(key).or_insert(7) += 1;
                        *like.entry(key).or_insert(7) += 1;
                    }
                    _ => assert_eq!(map.get_mut(&key).map(std::mem::take), like.get_mut(&key).map(std::mem::take)),
                }
                assert_eq!((map.len(), map.get(&key)), (like.len(), like.get(&key)));
                if step % 300 == 0 {
                    copies.push((map.clone(), like.clone()));
                }
            }
            copies.push((map, like));
            copies.iter().for_each(|(map, like)| looked_at(map, like, span as i64));
        }
    }

    fn looked_at(map: &OrdMap<i64, u32>, like: &BTreeMap<i64, u32>, span: i64) {
        assert!(map.iter().eq(like) && map.iter().rev().eq(like.iter().rev()));
        assert!(map.keys().eq(like.keys()) && map.values().eq(like.values()));
        let ends = (map.iter().next(), map.iter().next_back());
        assert_eq!(ends, (like.first_key_value(), like.last_key_value()));
        assert_eq!((map.get_min().map(|(k, v)| (k, v)), map.get_max().map(|(k, v)| (k, v))), ends);
        for from in (-1..span).step_by(7) {
            let to = from + span / 3;
            assert!(map.range(from..to).eq(like.range(from..to)));
            assert_eq!(map.get_prev(&to), like.range(..=to).next_back());
            assert!(map.range(..=to).rev().eq(like.range(..=to).rev()));
            let after = (Bound::Excluded(from), Bound::Unbounded);
            assert!(map.range::<i64>(after).eq(like.range::<i64, _>(after)));
        }
        let (mut map, mut like) = (map.clone(), like.clone());
        map.retain(|key, value| {
            *value += 1;
            key % 3 == 0
        });
        like.retain(|key, value| {
            *value += 1;
            key % 3 == 0
        });
        assert!(map.iter().eq(&like) && map.len() == like.len());
        assert!(map.clone().into_iter().eq(like.clone()));
        assert_eq!(map, like.into_iter().collect());
    }

    #[test]
    fn equal_chunks_are_shared_until_one_map_changes() {
        let mut kept = crate::base::KeptOnce::new(10);
        let [mut a, mut b] = [(); 2].map(|()| {
            let mut map = OrdMap::new();
            for n in 0..MOST + 1 {
                map.insert(n, n);
                map.share_last_chunk(|nth, chunk| kept.keep(nth as u64, chunk));
            }
            map
        });
        let shared = |a: &OrdMap<usize, usize>, b: &OrdMap<usize, usize>| {
            [0, 1].map(|at| Arc::ptr_eq(&a.chunks()[at], &b.chunks()[at]))
        };
        assert_eq!((shared(&a, &b), &a), ([true, false], &b));
        a.insert(3, 30);
        assert_eq!((shared(&a, &b), a.get(&3), b.get(&3)), ([false, false], Some(&30), Some(&3)));
        b.insert(3, 30);
        assert_eq!(a, b);
    }

    #[test]
    fn a_map_that_grows_at_its_end_has_full_chunks() {
        let map: OrdMap<usize, ()> = (0..10 * MOST).map(|n| (n, ())).collect();
        assert_eq!(map.chunks().len(), 10);
    }
}
