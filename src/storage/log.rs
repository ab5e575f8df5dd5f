//! A partition replica's log.

use super::segment::{Segment, StoredBatch};
use crate::wire::records::{self, BatchHeader};
use bytes::{Bytes, BytesMut};
use std::sync::Arc;

/// A partition replica's log: segments of batches between the log start offset and the log end offset, and the high
/// watermark, below which records are committed.
#[derive(Clone, Debug)]
pub struct Log {
    segment_bytes: usize,
    segments: imbl::Vector<Arc<Segment>>,
    log_start_offset: i64,
    high_watermark: i64,
    log_end_offset: i64,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last.
    pub last_offset: i64,
    /// The batch's checksum.
    pub crc: u32,
    /// The batch's length in bytes.
    pub size: usize,
}

/// How far and how much to read.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimit {
    /// Read below this offset: the high watermark for consumers, the log end offset for replicas.
    pub upto_offset: i64,
    /// At most this many bytes; the last batch is cut off there, as a read from a file would be.
    pub max_bytes: usize,
    /// Give the first batch whole even when it is larger (KIP-74: a fetch always makes progress).
    pub at_least_one: bool,
}

impl Log {
    /// An empty log from offset 0 that rolls to a new segment at `segment_bytes` (`segment.bytes`).
    pub fn new(segment_bytes: usize) -> Self {
        Self {
            segment_bytes,
            segments: imbl::vector![Arc::new(Segment::new(0))],
            log_start_offset: 0,
            high_watermark: 0,
            log_end_offset: 0,
        }
    }

    /// Offset of the first record that can be read.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    /// Offset below which records are committed: on every in-sync replica, and readable.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Offset that the next record will get.
    pub fn log_end_offset(&self) -> i64 {
        self.log_end_offset
    }

    /// The log's length in bytes.
    pub fn size(&self) -> usize {
        self.segments.iter().map(|segment| segment.size()).sum()
    }

    /// Its segments, oldest first; the last is the active one.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &Segment> + ExactSizeIterator {
        self.segments.iter().map(|segment| &**segment)
    }

    /// Its batches, newest first.
    pub fn batches_newest_first(&self) -> impl Iterator<Item = &StoredBatch> {
        self.segments.iter().rev().flat_map(|segment| segment.batches().iter().rev())
    }

    /// The batch that holds `offset`, or the next one after it.
    pub fn batch_at(&self, offset: i64) -> Option<&StoredBatch> {
        self.batches_from(offset).next()
    }

    /// Its batches from the one that holds `offset`, oldest first.
    pub fn batches_from(&self, offset: i64) -> impl Iterator<Item = &StoredBatch> {
        let first = self.segments.iter().rposition(|s| s.base_offset() <= offset).unwrap_or(0);
        self.segments.iter().skip(first).enumerate().flat_map(move |(n, segment)| {
            let skip = if n == 0 { segment.index_of(offset) } else { 0 };
            // By index: skipping along the iterator would walk the whole segment for every read at its end.
            let batches = segment.batches();
            (skip..batches.len()).map(move |at| &batches[at])
        })
    }

    /// Appends a producer's batch as the partition's leader: gives it the next offsets and the leader's epoch.
    ///
    /// `header` is the batch's own, with its checksum already checked.
    pub fn append_as_leader(&mut self, header: &BatchHeader, batch: &Bytes, leader_epoch: i32) -> AppendInfo {
        let base_offset = self.log_end_offset;
        let bytes = records::stamp(batch, base_offset, leader_epoch);
        let header = BatchHeader { base_offset, leader_epoch, ..*header };
        if self.active().size() > 0 && self.active().size() + bytes.len() > self.segment_bytes {
            self.segments.push_back(Arc::new(Segment::new(base_offset)));
        }
        let size = bytes.len();
        let active = self.segments.back_mut().expect("a log has an active segment");
        Arc::make_mut(active).push(&header, bytes);
        self.log_end_offset = header.next_offset();
        AppendInfo { base_offset, last_offset: header.last_offset(), crc: header.crc, size }
    }

    /// Moves the high watermark.
    ///
    /// # Panics
    /// Outside the log: the watermark lies between the log's start and its end, always.
    pub fn set_high_watermark(&mut self, offset: i64) {
        assert!(
            (self.log_start_offset..=self.log_end_offset).contains(&offset),
            "high watermark {offset} outside the log, {} to {}",
            self.log_start_offset,
            self.log_end_offset
        );
        self.high_watermark = offset;
    }

    /// Reads from `offset` as a fetch does. Empty at the limit; `None` when the offset is outside the log.
    pub fn read(&self, offset: i64, limit: ReadLimit) -> Option<Bytes> {
        if offset < self.log_start_offset || offset > self.log_end_offset {
            return None;
        }
        // Most fetches wait at the end.
        if offset >= limit.upto_offset {
            return Some(Bytes::new());
        }
        let mut parts: Vec<Bytes> = Vec::new();
        let mut room = limit.max_bytes;
        for batch in self.batches_from(offset).take_while(|batch| batch.last_offset < limit.upto_offset) {
            if parts.is_empty() && limit.at_least_one {
                room = room.max(batch.bytes.len());
            }
            parts.push(batch.bytes.slice(..room.min(batch.bytes.len())));
            room = room.saturating_sub(batch.bytes.len());
            if room == 0 {
                break;
            }
        }
        Some(match parts.len() {
            1 => parts.swap_remove(0),
            _ => {
                let mut all = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
                parts.iter().for_each(|part| all.extend_from_slice(part));
                all.freeze()
            }
        })
    }

    /// How many bytes lie between `offset` and `upto_offset`, stopping at `enough`.
    pub fn bytes_between(&self, offset: i64, upto_offset: i64, enough: usize) -> usize {
        let mut bytes = 0;
        if offset >= upto_offset {
            return bytes;
        }
        for batch in self.batches_from(offset).take_while(|batch| batch.last_offset < upto_offset) {
            bytes += batch.bytes.len();
            if bytes >= enough {
                break;
            }
        }
        bytes
    }

    /// The first record at or after a timestamp (ms since the Unix epoch): its offset, timestamp and leader epoch.
    pub fn offset_for_timestamp(&self, timestamp_ms: i64, upto_offset: i64) -> Option<(i64, i64, i32)> {
        let segment = self.segments.iter().find(|s| s.max_timestamp_ms() >= timestamp_ms)?;
        let batch = self
            .batches_from(segment.base_offset().max(self.log_start_offset))
            .take_while(|batch| batch.last_offset < upto_offset)
            .find(|batch| batch.max_timestamp_ms >= timestamp_ms)?;
        let records = records::decode(&batch.bytes).expect("the log holds batches that were checked on append");
        let (offset, record) = records.into_iter().find(|(_, record)| record.timestamp_ms >= timestamp_ms)?;
        Some((offset, record.timestamp_ms, batch.leader_epoch))
    }

    fn active(&self) -> &Segment {
        self.segments.back().expect("a log has an active segment")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::Record;

    fn append(log: &mut Log, values: &[&str]) -> AppendInfo {
        let records: Vec<Record> = values
            .iter()
            .map(|v| Record {
                timestamp_ms: 10 * log.log_end_offset(),
                value: Some(v.to_string().into()),
                ..Record::default()
            })
            .collect();
        let batch = records::build(&records);
        let header = records::check_crc(&batch).unwrap();
        log.append_as_leader(&header, &batch, 3)
    }

    fn limit(upto_offset: i64, max_bytes: usize) -> ReadLimit {
        ReadLimit { upto_offset, max_bytes, at_least_one: true }
    }

    #[test]
    fn appends_stamp_offsets_and_keep_the_checksum() {
        let mut log = Log::new(1 << 20);
        append(&mut log, &["a", "b"]);
        let second = append(&mut log, &["c"]);
        assert_eq!((second.base_offset, second.last_offset, log.log_end_offset()), (2, 2, 3));
        let all = log.read(0, limit(3, 1 << 20)).unwrap();
        let batches = records::split(all).unwrap();
        assert_eq!(batches.len(), 2);
        for (header, bytes) in &batches {
            assert_eq!(records::check_crc(bytes).unwrap().leader_epoch, 3);
            assert_eq!(header.crc, records::check_crc(bytes).unwrap().crc);
        }
        assert_eq!(batches[1].0.base_offset, 2);
    }

    #[test]
    fn reads_stop_at_the_limit_and_start_inside_a_batch() {
        let mut log = Log::new(1 << 20);
        append(&mut log, &["a", "b", "c"]);
        append(&mut log, &["d"]);
        assert!(log.read(0, limit(0, 100)).unwrap().is_empty());
        assert_eq!(records::split(log.read(1, limit(3, 9_999)).unwrap()).unwrap()[0].0.base_offset, 0);
        assert!(log.read(5, limit(4, 100)).is_none());
        assert!(log.read(4, limit(4, 100)).unwrap().is_empty());
        let first = log.batch_at(0).unwrap().bytes.len();
        assert_eq!(log.read(0, limit(4, 1)).unwrap().len(), first, "the first batch comes whole");
        assert_eq!(log.read(0, limit(4, first + 5)).unwrap().len(), first + 5, "the next is cut off");
        assert!(log.read(0, ReadLimit { upto_offset: 4, max_bytes: 0, at_least_one: false }).unwrap().is_empty());
    }

    #[test]
    fn rolls_by_bytes_and_finds_offsets_across_segments() {
        let mut log = Log::new(150);
        for n in 0..10 {
            append(&mut log, &[&n.to_string()]);
        }
        assert!(log.segments().len() > 3);
        for offset in 0..10 {
            assert_eq!(log.batch_at(offset).unwrap().base_offset, offset);
        }
        assert_eq!(log.offset_for_timestamp(35, 10), Some((4, 40, 3)));
        assert_eq!(log.offset_for_timestamp(91, 10), None);
        assert_eq!(log.bytes_between(0, 10, usize::MAX), log.size());
    }

    #[test]
    #[should_panic(expected = "outside the log")]
    fn high_watermark_stays_inside() {
        Log::new(100).set_high_watermark(1);
    }
}
