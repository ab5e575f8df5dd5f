//! The batches of a segment file in their order.
//!
//! Cut into blocks: a copy of the list shares all full blocks and copies only the last, and a list of a few batches
//! takes a few batches' memory (a log that nobody writes to should cost next to nothing).

use crate::base::Vector;
use bytes::Bytes;
use std::sync::Arc;

/// Batches in a full block.
const BLOCK: usize = 32;

/// A batch as it lies in a segment.
#[derive(Clone, Debug)]
pub struct StoredBatch {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset of its last record.
    pub last_offset: i64,
    /// The largest timestamp in it, in ms since the Unix epoch.
    pub max_timestamp_ms: i64,
    /// Epoch of the leader that appended it.
    pub leader_epoch: i32,
    /// Its checksum.
    pub crc: u32,
    /// Where it begins in the segment's file.
    pub position: u32,
    /// The whole batch.
    pub bytes: Bytes,
}

impl StoredBatch {
    /// Where it ends in the segment's file.
    pub fn end(&self) -> usize {
        self.position as usize + self.bytes.len()
    }
}

/// Consecutive batches.
#[derive(Clone, Debug, Default)]
pub struct Batches {
    full: Vector<Arc<[StoredBatch]>>,
    rest: Vec<StoredBatch>,
}

impl Batches {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.full.len() * BLOCK + self.rest.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batch at an index.
    pub fn get(&self, index: usize) -> Option<&StoredBatch> {
        match self.full.get(index / BLOCK) {
            Some(block) => block.get(index % BLOCK),
            None => self.rest.get(index - self.full.len() * BLOCK),
        }
    }

    /// The last one.
    pub fn last(&self) -> Option<&StoredBatch> {
        self.get(self.len().checked_sub(1)?)
    }

    /// All from an index on, in order.
    pub fn from(&self, first: usize) -> impl DoubleEndedIterator<Item = &StoredBatch> + ExactSizeIterator {
        // By index: skipping along an iterator would walk the whole segment for every read at its end.
        (first.min(self.len())..self.len()).map(|at| self.get(at).expect("below the length"))
    }

    /// All of them in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &StoredBatch> + ExactSizeIterator {
        self.from(0)
    }

    /// How many stand before the first that does not satisfy `before`, which those in front do.
    pub fn partition_point(&self, before: impl Fn(&StoredBatch) -> bool) -> usize {
        // Most searches are for the end: the last block is asked first.
        let blocks = self.full.len();
        if blocks == 0 || self.rest.first().is_some_and(&before) {
            return blocks * BLOCK + self.rest.partition_point(before);
        }
        let (mut low, mut high) = (0, blocks);
        while low < high {
            let middle = (low + high) / 2;
            if self.full[middle].last().is_some_and(&before) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low * BLOCK + self.full.get(low).map_or(0, |block| block.partition_point(before))
    }

    pub(super) fn push(&mut self, batch: StoredBatch) {
        self.rest.push(batch);
        if self.rest.len() == BLOCK {
            self.full.push_back(std::mem::take(&mut self.rest).into());
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        if len >= self.len() {
            return;
        }
        let blocks = len / BLOCK;
        if blocks < self.full.len() {
            self.rest = self.full[blocks].to_vec();
            self.full.truncate(blocks);
        }
        self.rest.truncate(len - blocks * BLOCK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(n: i64) -> StoredBatch {
        StoredBatch {
            base_offset: n,
            last_offset: n,
            max_timestamp_ms: n,
            leader_epoch: 0,
            crc: 0,
            position: n as u32,
            bytes: Bytes::new(),
        }
    }

    #[test]
    fn is_a_list_at_every_length() {
        let mut all = Batches::default();
        for n in 0..100 {
            assert_eq!(all.len(), n as usize);
            all.push(batch(n));
            assert_eq!(all.last().unwrap().base_offset, n);
        }
        for len in (0..=100).rev() {
            let mut cut = all.clone();
            cut.truncate(len);
            assert_eq!(cut.iter().map(|b| b.base_offset).collect::<Vec<_>>(), (0..len as i64).collect::<Vec<_>>());
            assert_eq!(all.partition_point(|b| b.base_offset < len as i64), len);
            cut.push(batch(len as i64));
            assert_eq!(cut.len(), len + 1);
        }
        assert_eq!(all.from(98).count(), 2);
        assert!(all.get(100).is_none());
    }
}
