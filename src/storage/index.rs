//! The two indexes of a segment: from offset to position, and from timestamp to offset.
//!
//! Both are sparse: an entry after every `index.interval.bytes` of batches. The offset index names the last offset of
//! the batch that begins at the position; the time index names the largest timestamp so far and the last offset of the
//! batch that brought it, and grows only when that timestamp does. Each has room for `segment.index.bytes` of entries;
//! the time index keeps its last slot for the entry that a segment gets when it closes.

use crate::base::Vector;

/// An entry of the offset index: 8 bytes in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetEntry {
    /// Last offset of a batch, less the segment's base offset.
    pub relative_offset: u32,
    /// Where that batch begins in the segment's file.
    pub position: u32,
}

/// An entry of the time index: 12 bytes in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeEntry {
    /// The largest timestamp up to there, in ms since the Unix epoch.
    pub timestamp_ms: i64,
    /// Last offset of the batch that has it, less the segment's base offset.
    pub relative_offset: u32,
}

/// A kind of entry.
pub trait Entry: Copy {
    /// Its length in the file.
    const LEN: usize;
    /// Adds its bytes as Kafka's file has them.
    fn put(&self, file: &mut Vec<u8>);
}

impl Entry for OffsetEntry {
    const LEN: usize = 8;

    fn put(&self, file: &mut Vec<u8>) {
        file.extend_from_slice(&self.relative_offset.to_be_bytes());
        file.extend_from_slice(&self.position.to_be_bytes());
    }
}

impl Entry for TimeEntry {
    const LEN: usize = 12;

    fn put(&self, file: &mut Vec<u8>) {
        file.extend_from_slice(&self.timestamp_ms.to_be_bytes());
        file.extend_from_slice(&self.relative_offset.to_be_bytes());
    }
}

/// An index file: its entries, and how many of them are on the disk and not only in the page cache.
#[derive(Clone, Debug)]
pub struct Index<E: Entry> {
    entries: Vector<E>,
    flushed: usize,
}

impl<E: Entry> Default for Index<E> {
    fn default() -> Self {
        Self { entries: Vector::new(), flushed: 0 }
    }
}

impl<E: Entry> Index<E> {
    /// Its entries in order.
    pub fn entries(&self) -> &Vector<E> {
        &self.entries
    }

    /// How many of them are on the disk.
    pub fn flushed(&self) -> usize {
        self.flushed
    }

    /// The bytes of its entries, as Kafka's file begins. The file of an active segment is longer: zeros up to
    /// [`Self::file_len`].
    pub fn bytes(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(self.entries.len() * E::LEN);
        self.entries.iter().for_each(|entry| entry.put(&mut file));
        file
    }

    /// How many entries it has room for.
    pub fn room(segment_index_bytes: usize) -> usize {
        segment_index_bytes / E::LEN
    }

    /// The file's length: an active segment's index is made as large as it may grow, any other is cut to its entries.
    pub fn file_len(&self, segment_index_bytes: usize, active: bool) -> usize {
        E::LEN * if active { Self::room(segment_index_bytes) } else { self.entries.len() }
    }

    /// How many bytes of entries are only in the page cache.
    pub fn unflushed_bytes(&self) -> usize {
        (self.entries.len() - self.flushed) * E::LEN
    }

    pub(super) fn flush(&mut self) -> usize {
        let bytes = self.unflushed_bytes();
        self.flushed = self.entries.len();
        bytes
    }

    pub(super) fn lose_unflushed(&mut self) {
        self.entries.truncate(self.flushed);
    }

    pub(super) fn clear(&mut self) {
        self.truncate(0);
    }

    fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
        self.flushed = self.flushed.min(len);
    }

    /// How many entries stand before the first that does not satisfy `before`.
    fn point(&self, before: impl Fn(&E) -> bool) -> usize {
        let order = |entry: &E| if before(entry) { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater };
        self.entries.binary_search_by(order).unwrap_or_else(|at| at)
    }
}

/// The offset index (`.index`).
pub type OffsetIndex = Index<OffsetEntry>;
/// The time index (`.timeindex`).
pub type TimeIndex = Index<TimeEntry>;

impl Index<OffsetEntry> {
    /// The last entry at or before an offset (less the base offset): where to begin the search for its batch.
    pub fn lookup(&self, relative_offset: u32) -> Option<OffsetEntry> {
        let found = self.point(|entry| entry.relative_offset <= relative_offset).checked_sub(1)?;
        self.entries.get(found).copied()
    }

    pub(super) fn is_full(&self, segment_index_bytes: usize) -> bool {
        self.entries.len() >= Self::room(segment_index_bytes)
    }

    pub(super) fn append(&mut self, relative_offset: u32, position: u32) {
        let grows = self.entries.last().is_none_or(|last| last.relative_offset < relative_offset);
        assert!(grows, "an offset index goes forward: {relative_offset} after {:?}", self.entries.last());
        self.entries.push_back(OffsetEntry { relative_offset, position });
    }

    /// Drops the entries at and after an offset.
    pub(super) fn truncate_to(&mut self, relative_offset: u32) {
        self.truncate(self.point(|entry| entry.relative_offset < relative_offset));
    }
}

impl Index<TimeEntry> {
    /// The last entry at or before a timestamp: every record that is younger lies after its offset.
    pub fn lookup(&self, timestamp_ms: i64) -> Option<TimeEntry> {
        let found = self.point(|entry| entry.timestamp_ms <= timestamp_ms).checked_sub(1)?;
        self.entries.get(found).copied()
    }

    pub(super) fn is_full(&self, segment_index_bytes: usize) -> bool {
        self.entries.len() + 1 >= Self::room(segment_index_bytes)
    }

    /// Adds an entry if its timestamp is larger than the last one's.
    pub(super) fn append_if_later(&mut self, timestamp_ms: i64, relative_offset: u32) {
        if timestamp_ms > self.entries.last().map_or(-1, |last| last.timestamp_ms) {
            self.entries.push_back(TimeEntry { timestamp_ms, relative_offset });
        }
    }

    /// Drops the entries at and after an offset.
    pub(super) fn truncate_to(&mut self, relative_offset: u32) {
        self.truncate(self.point(|entry| entry.relative_offset < relative_offset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_find_the_entry_before() {
        let mut index = OffsetIndex::default();
        assert_eq!(index.lookup(9), None);
        [(3, 388), (5, 728), (7, 1068)].iter().for_each(|(offset, position)| index.append(*offset, *position));
        let found = |offset| index.lookup(offset).map(|entry| entry.position);
        assert_eq!(
            [2, 3, 4, 5, 6, 7, 99].map(found),
            [None, Some(388), Some(388), Some(728), Some(728)].into_iter().chain([Some(1068); 2]).collect::<Vec<_>>()[..]
        );
        assert_eq!(index.bytes()[..12], [0, 0, 0, 3, 0, 0, 1, 0x84, 0, 0, 0, 5]);
        index.flush();
        index.truncate_to(5);
        assert_eq!((index.entries().len(), index.flushed()), (1, 1));
        assert_eq!(index.file_len(10 << 20, true), 10_485_760);
        assert_eq!(TimeIndex::default().file_len(10 << 20, true), 10_485_756);
    }

    #[test]
    fn the_time_index_grows_with_time_only() {
        let mut index = TimeIndex::default();
        for (timestamp, offset) in [(10, 1), (10, 2), (9, 3), (20, 4)] {
            index.append_if_later(timestamp, offset);
        }
        assert_eq!(index.entries().iter().map(|e| e.relative_offset).collect::<Vec<_>>(), [1, 4]);
        assert_eq!(index.lookup(19).unwrap().relative_offset, 1);
        assert_eq!(index.lookup(9), None);
        assert!(index.is_full(36) && !index.is_full(48));
    }
}
