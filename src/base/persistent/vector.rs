//! A sequence.

use super::{Chunk, Chunks, IntoIter, Iter, into_iter};
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// How many items a chunk of a sequence holds, but for the first and the last, which may hold fewer.
const FULL: usize = 64;

/// A sequence that grows and shrinks at its ends; see the module.
pub struct Vector<T> {
    chunks: Chunks<T>,
    len: usize,
}

impl<T> Vector<T> {
    /// An empty sequence.
    pub const fn new() -> Self {
        Self { chunks: Chunks::None, len: 0 }
    }

    /// How many items it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn chunks(&self) -> &[Chunk<T>] {
        self.chunks.as_slice()
    }

    /// Its items.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::over(self.chunks())
    }

    /// In which chunk an item is, and where in it.
    fn place(&self, n: usize) -> Option<(usize, usize)> {
        let first = self.chunks().first().filter(|_| n < self.len)?.len();
        Some(n.checked_sub(first).map_or((0, n), |n| (1 + n / FULL, n % FULL)))
    }

    /// The item with a number.
    pub fn get(&self, n: usize) -> Option<&T> {
        self.place(n).map(|(at, n)| &self.chunks()[at][n])
    }

    /// Its first item.
    pub fn front(&self) -> Option<&T> {
        self.chunks().first()?.first()
    }

    /// Its last item.
    pub fn back(&self) -> Option<&T> {
        self.chunks().last()?.last()
    }

    /// Its last item.
    pub fn last(&self) -> Option<&T> {
        self.back()
    }

    /// How many items at its start are as `is_before` says; it must say so of none behind one of which it does not.
    pub fn partition_point(&self, mut is_before: impl FnMut(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            if is_before(&self[middle]) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

impl<T> Vector<T> {
    /// Where in a sequence that is sorted as `compare` tells an item is.
    ///
    /// # Errors
    /// Where it would be.
    pub fn binary_search_by(&self, mut compare: impl FnMut(&T) -> Ordering) -> Result<usize, usize> {
        let n = self.partition_point(|item| compare(item) == Ordering::Less);
        if self.get(n).is_some_and(|item| compare(item) == Ordering::Equal) { Ok(n) } else { Err(n) }
    }

    /// Where in a sequence that is sorted by what `key` tells an item is.
    ///
    /// # Errors
    /// Where it would be.
    pub fn binary_search_by_key<K: Ord>(&self, wanted: &K, mut key: impl FnMut(&T) -> K) -> Result<usize, usize> {
        self.binary_search_by(|item| key(item).cmp(wanted))
    }

    /// Whether it has an item.
    pub fn contains(&self, item: &T) -> bool
    where
        T: PartialEq,
    {
        self.iter().any(|it| it == item)
    }
}

impl<T: Clone> Vector<T> {
    /// A sequence of one item.
    pub fn unit(item: T) -> Self {
        Self::from_iter([item])
    }

    /// Adds an item at the end.
    pub fn push_back(&mut self, item: T) {
        self.len += 1;
        let chunks = self.chunks.as_mut_slice();
        let all = chunks.len();
        match chunks.last_mut().filter(|last| last.len() < FULL) {
            Some(last) => Arc::make_mut(last).push(item),
            None => self.chunks.insert(all, Arc::new(vec![item])),
        }
    }

    /// Adds an item at the start.
    pub fn push_front(&mut self, item: T) {
        self.len += 1;
        match self.chunks.as_mut_slice().first_mut().filter(|first| first.len() < FULL) {
            Some(first) => Arc::make_mut(first).insert(0, item),
            None => self.chunks.insert(0, Arc::new(vec![item])),
        }
    }

    /// Takes the first item.
    pub fn pop_front(&mut self) -> Option<T> {
        self.take_end(|_| 0, |_| 0)
    }

    /// Takes the last item.
    pub fn pop_back(&mut self) -> Option<T> {
        self.take_end(|chunks| chunks - 1, |items| items - 1)
    }

    fn take_end(&mut self, chunk: impl Fn(usize) -> usize, item: impl Fn(usize) -> usize) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        let chunks = self.chunks.as_mut_slice();
        let at = chunk(chunks.len());
        let place = item(chunks[at].len());
        let taken = Arc::make_mut(&mut chunks[at]).remove(place);
        if chunks[at].is_empty() {
            self.chunks.remove(at);
        }
        Some(taken)
    }

    /// The item with a number, to be changed.
    pub fn get_mut(&mut self, n: usize) -> Option<&mut T> {
        let (at, n) = self.place(n)?;
        Some(&mut Arc::make_mut(&mut self.chunks.as_mut_slice()[at])[n])
    }

    /// Its first item, to be changed.
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.get_mut(0)
    }

    /// Its last item, to be changed.
    pub fn back_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.len.checked_sub(1)?)
    }

    /// Its items, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.as_mut_slice().iter_mut().flat_map(|chunk| Arc::make_mut(chunk).iter_mut())
    }

    /// Keeps the first `len` items.
    pub fn truncate(&mut self, len: usize) {
        let Some((at, n)) = self.place(len) else { return };
        self.len = len;
        self.chunks.truncate(at + usize::from(n > 0));
        if n > 0 {
            Arc::make_mut(&mut self.chunks.as_mut_slice()[at]).truncate(n);
        }
    }

    /// Takes away the items from the one with a number on.
    pub fn split_off(&mut self, n: usize) -> Self {
        let tail = self.iter().skip(n).cloned().collect();
        self.truncate(n);
        tail
    }

    /// Puts an item before the one with a number.
    pub fn insert(&mut self, n: usize, item: T) {
        let tail = self.split_off(n);
        self.push_back(item);
        self.append(tail);
    }

    /// Takes out the item with a number.
    ///
    /// # Panics
    /// When there is none.
    pub fn remove(&mut self, n: usize) -> T {
        let mut tail = self.split_off(n);
        let taken = tail.pop_front().expect("an item that is there");
        self.append(tail);
        taken
    }

    /// Adds the items of another at the end.
    pub fn append(&mut self, other: Self) {
        self.extend(other.iter().cloned());
    }

    /// Keeps the items that `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        *self = self.iter().filter(|item| keep(item)).cloned().collect();
    }

    /// Takes all items away.
    pub fn clear(&mut self) {
        *self = Self::new();
    }
}

impl<T> Index<usize> for Vector<T> {
    type Output = T;

    fn index(&self, n: usize) -> &T {
        self.get(n).expect("an item that is there")
    }
}

impl<T: Clone> IndexMut<usize> for Vector<T> {
    fn index_mut(&mut self, n: usize) -> &mut T {
        self.get_mut(n).expect("an item that is there")
    }
}

impl<T> Clone for Vector<T> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<T> Default for Vector<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for Vector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: PartialEq> PartialEq for Vector<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for Vector<T> {}

impl<T: Clone> Extend<T> for Vector<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push_back(item));
    }
}

impl<T: Clone> From<Vec<T>> for Vector<T> {
    fn from(items: Vec<T>) -> Self {
        items.into_iter().collect()
    }
}

impl<T: Clone> FromIterator<T> for Vector<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut out = Self::new();
        out.extend(items);
        out
    }
}

impl<'a, T> IntoIterator for &'a Vector<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T: Clone> IntoIterator for Vector<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        into_iter(self.chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use std::collections::VecDeque;

    /// The same as a deque of the standard library, whatever is done to it, and its copies stay what they were.
    #[test]
    fn a_sequence_does_what_sequences_do() {
        for seed in 0..30 {
            let mut rng = Rng::stream(seed, "a sequence");
            let (mut it, mut like) = (Vector::new(), VecDeque::new());
            let mut copies = Vec::new();
            for step in 0..2_000_u32 {
                let n = rng.below(like.len() as u64 + 2) as usize;
                match rng.below(24) {
                    0..12 => {
                        it.push_back(step);
                        like.push_back(step);
                    }
                    12..15 => {
                        it.push_front(step);
                        like.push_front(step);
                    }
                    15..18 => assert_eq!(it.pop_front(), like.pop_front()),
                    18..20 => assert_eq!(it.pop_back(), like.pop_back()),
                    20 => assert_eq!(it.get_mut(n).map(std::mem::take), like.get_mut(n).map(std::mem::take)),
                    21 if step % 2 == 0 && n <= like.len() => {
                        it.insert(n, step);
                        like.insert(n, step);
                    }
                    21 if n < like.len() => assert_eq!(Some(it.remove(n)), like.remove(n)),
                    22 if step % 5 == 0 => {
                        it.truncate(n);
                        like.truncate(n);
                    }
                    _ => assert!(it.iter().skip(n).eq(like.iter().skip(n))),
                }
                assert_eq!(
                    (it.len(), it.get(n), it.front(), it.back()),
                    (like.len(), like.get(n), like.front(), like.back())
                );
                if step % 200 == 0 {
                    copies.push((it.clone(), like.clone()));
                }
            }
            copies.push((it, like));
            for (it, like) in copies {
                assert!(it.iter().eq(&like) && it.iter().rev().eq(like.iter().rev()));
                assert!(it.clone().into_iter().eq(like.clone()));
                assert!(it.iter().rev().skip(70).eq(like.iter().rev().skip(70)));
                assert!(it.chunks().iter().rev().skip(1).rev().skip(1).all(|chunk| chunk.len() == FULL));
            }
        }
    }

    #[test]
    fn where_a_sorted_sequence_turns_is_found() {
        let it: Vector<u32> = (0..500).collect();
        assert!((0..=500).all(|n| it.partition_point(|item| *item < n) == n as usize));
        let even: Vector<u32> = (0..500).map(|n| 2 * n).collect();
        assert_eq!((even.binary_search_by_key(&14, |n| *n), even.binary_search_by_key(&15, |n| *n)), (Ok(7), Err(8)));
    }
}
