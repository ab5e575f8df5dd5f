//! Ordered maps, sets and sequences that are cheap to copy: a copy shares everything with its original, and what is
//! written to one of them afterwards is copied first, piece by piece. A snapshot of a world is made of them.
//!
//! Both are sequences of chunks behind `Arc`s: a write copies a chunk and the list of chunks, a small part of the whole.
//! Trees of the well-known crates copy a little less of a very large map, and cost ten times the code for each type that
//! is put in them.

mod map;
mod set;
mod slots;
mod vector;

pub use map::OrdMap;
pub use set::OrdSet;
pub use slots::Slots;
pub use vector::Vector;

use std::slice;
use std::sync::Arc;

/// The most that a chunk holds.
const MOST: usize = 32;

/// A part of a sequence.
type Chunk<T> = Arc<Vec<T>>;

/// A whole sequence. No chunk is empty. Most sequences have one chunk at most and need no list of them: a cluster has
/// hundreds of thousands, and looking into one costs a trip to memory for each pointer on the way.
enum Chunks<T> {
    None,
    One(Chunk<T>),
    Many(Arc<Vec<Chunk<T>>>),
}

impl<T> Chunks<T> {
    fn as_slice(&self) -> &[Chunk<T>] {
        match self {
            Self::None => &[],
            Self::One(chunk) => slice::from_ref(chunk),
            Self::Many(chunks) => chunks,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::One(one), Self::One(other)) => Arc::ptr_eq(one, other),
            (Self::Many(many), Self::Many(other)) => Arc::ptr_eq(many, other),
            _ => false,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Chunk<T>] {
        match self {
            Self::None => &mut [],
            Self::One(chunk) => slice::from_mut(chunk),
            Self::Many(chunks) => Arc::make_mut(chunks).as_mut_slice(),
        }
    }

    fn insert(&mut self, at: usize, chunk: Chunk<T>) {
        match std::mem::replace(self, Self::None) {
            Self::None => *self = Self::One(chunk),
            Self::One(one) => *self = Self::Many(Arc::new(if at == 0 { vec![chunk, one] } else { vec![one, chunk] })),
            Self::Many(mut chunks) => {
                Arc::make_mut(&mut chunks).insert(at, chunk);
                *self = Self::Many(chunks);
            }
        }
    }

    /// Takes out a chunk that is there.
    fn remove(&mut self, at: usize) -> Chunk<T> {
        let Self::Many(chunks) = self else {
            let Self::One(chunk) = std::mem::replace(self, Self::None) else { panic!("a chunk that is not there") };
            return chunk;
        };
        let chunks = Arc::make_mut(chunks);
        let taken = chunks.remove(at);
        if let [_] = &**chunks {
            *self = Self::One(chunks.remove(0));
        }
        taken
    }

    /// Keeps the first so many chunks.
    fn truncate(&mut self, len: usize) {
        while self.as_slice().len() > len {
            self.remove(self.as_slice().len() - 1);
        }
    }
}

impl<T> Clone for Chunks<T> {
    fn clone(&self) -> Self {
        match self {
            Self::None => Self::None,
            Self::One(chunk) => Self::One(chunk.clone()),
            Self::Many(chunks) => Self::Many(chunks.clone()),
        }
    }
}

/// The items of chunks; copied where somebody else has them, too.
type IntoIter<T> = std::iter::FlatMap<std::vec::IntoIter<Chunk<T>>, Vec<T>, fn(Chunk<T>) -> Vec<T>>;

fn into_iter<T: Clone>(chunks: Chunks<T>) -> IntoIter<T> {
    let chunks = match chunks {
        Chunks::None => Vec::new(),
        Chunks::One(chunk) => vec![chunk],
        Chunks::Many(chunks) => Arc::unwrap_or_clone(chunks),
    };
    chunks.into_iter().flat_map(Arc::unwrap_or_clone)
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
