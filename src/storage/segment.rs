//! A segment: consecutive batches of a log, the unit in which a log rolls and (later) is deleted.

use crate::wire::records::BatchHeader;
use bytes::Bytes;

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
    /// The whole batch.
    pub bytes: Bytes,
}

/// Consecutive batches, in offset order.
#[derive(Clone, Debug)]
pub struct Segment {
    base_offset: i64,
    size: usize,
    max_timestamp_ms: i64,
    batches: imbl::Vector<StoredBatch>,
}

impl Segment {
    /// An empty segment whose first batch will have this offset.
    pub fn new(base_offset: i64) -> Self {
        Self { base_offset, size: 0, max_timestamp_ms: -1, batches: imbl::Vector::new() }
    }

    /// Offset of the first record that it holds or will hold; Kafka names the segment's file by it.
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// Its length in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The largest timestamp in it, in ms since the Unix epoch; -1 when it is empty.
    pub fn max_timestamp_ms(&self) -> i64 {
        self.max_timestamp_ms
    }

    /// Its batches.
    pub fn batches(&self) -> &imbl::Vector<StoredBatch> {
        &self.batches
    }

    /// Adds a batch, already stamped, at the end.
    pub(super) fn push(&mut self, header: &BatchHeader, bytes: Bytes) {
        self.size += bytes.len();
        self.max_timestamp_ms = self.max_timestamp_ms.max(header.max_timestamp_ms);
        self.batches.push_back(StoredBatch {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            max_timestamp_ms: header.max_timestamp_ms,
            leader_epoch: header.leader_epoch,
            crc: header.crc,
            bytes,
        });
    }

    /// Index of the first batch that ends at or after `offset`.
    pub fn index_of(&self, offset: i64) -> usize {
        match self.batches.binary_search_by_key(&offset, |batch| batch.last_offset) {
            Ok(at) | Err(at) => at,
        }
    }
}
