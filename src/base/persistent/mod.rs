//! Ordered maps, sets and sequences that are cheap to copy: a copy shares everything with its original, and what is
//! written to one of them afterwards is copied first, piece by piece. A snapshot of a world is made of them.
//!
//! Both are sequences of chunks behind `Arc`s: a write copies a chunk and the list of chunks, a small part of the whole.
//! Trees of the well-known crates copy a little less of a very large map, and cost ten times the code for each type that
//! is put in them.

mod map;
mod set;
mod vector;

pub use map::OrdMap;
pub use set::OrdSet;
pub use vector::Vector;

use std::slice;
use std::sync::Arc;

/// The most that a chunk holds.
const MOST: usize = 32;

/// A part of a sequence.
type Chunk<T> = Arc<Vec<T>>;

/// A whole sequence; none when nothing was ever in it. No chunk is empty.
type Chunks<T> = Option<Arc<Vec<Chunk<T>>>>;

/// The items of chunks; copied where somebody else has them, too.
type IntoIter<T> = std::iter::FlatMap<std::vec::IntoIter<Chunk<T>>, Vec<T>, fn(Chunk<T>) -> Vec<T>>;

fn into_iter<T: Clone>(chunks: Chunks<T>) -> IntoIter<T> {
    chunks.map(Arc::unwrap_or_clone).unwrap_or_default().into_iter().flat_map(Arc::unwrap_or_clone)
}

/// Goes over the items of chunks, from either end.
#[derive(Debug)]
pub struct Iter<'a, T> {
    front: slice::Iter<'a, T>,
    chunks: slice::Iter<'a, Chunk<T>>,
    back: slice::Iter<'a, T>,
}

impl<'a, T> Iter<'a, T> {
    fn over(chunks: &'a [Chunk<T>]) -> Self {
        Self { front: [].iter(), chunks: chunks.iter(), back: [].iter() }
    }

    /// From one place to before another; a place is a chunk and an item of it.
    fn between(chunks: &'a [Chunk<T>], from: (usize, usize), to: (usize, usize)) -> Self {
        if from >= to || from.0 >= chunks.len() {
            return Self::over(&[]);
        }
        if from.0 == to.0 {
            return Self { front: chunks[from.0][from.1..to.1].iter(), ..Self::over(&[]) };
        }
        Self {
            front: chunks[from.0][from.1..].iter(),
            chunks: chunks[from.0 + 1..to.0].iter(),
            back: chunks.get(to.0).map_or([].iter(), |last| last[..to.1].iter()),
        }
    }
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self { front: self.front.clone(), chunks: self.chunks.clone(), back: self.back.clone() }
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(item) = self.front.next() {
                return Some(item);
            }
            match self.chunks.next() {
                Some(chunk) => self.front = chunk.iter(),
                None => return self.back.next(),
            }
        }
    }

    fn nth(&mut self, mut n: usize) -> Option<&'a T> {
        loop {
            if n < self.front.len() {
                return self.front.nth(n);
            }
            n -= self.front.len();
            match self.chunks.next() {
                Some(chunk) => self.front = chunk.iter(),
                None => {
                    self.front = [].iter();
                    return self.back.nth(n);
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let chunks: usize = self.chunks.as_slice().iter().map(|chunk| chunk.len()).sum();
        let left = self.front.len() + chunks + self.back.len();
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}

impl<'a, T> DoubleEndedIterator for Iter<'a, T> {
    fn next_back(&mut self) -> Option<&'a T> {
        loop {
            if let Some(item) = self.back.next_back() {
                return Some(item);
            }
            match self.chunks.next_back() {
                Some(chunk) => self.back = chunk.iter(),
                None => return self.front.next_back(),
            }
        }
    }
}
