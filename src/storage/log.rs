//! A partition replica's log: what it holds, and reading it.
//!
//! Three offsets move along a log. Its **end** is where the next record goes. Below the **high watermark** records are
//! committed: on every in-sync replica, and for consumers to read. Below its **start** records are gone. Beside them
//! stands the **recovery point**: below it everything has been fsynced, so that after a crash it need not be read again.
//!
//! All four are what the process knows. What the disk knows of them are the lines of this partition in three checkpoint
//! files, which are written now and then and so are always a little old: [`Checkpointed`].

use super::batches::StoredBatch;
use super::config::LogConfig;
use super::epochs::{EpochEnd, LeaderEpochs};
use super::producer_log::Producers;
use super::segment::Segment;
use crate::base::{SimTime, Vector};
use crate::wire::records;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use uuid::Uuid;

/// A partition replica's log: segments of batches between the log start offset and the log end offset, and the high
/// watermark, below which records are committed.
#[derive(Clone, Debug)]
pub struct Log {
    pub(super) config: Arc<LogConfig>,
    /// The operating system's clock at the last access for writing.
    pub(super) clock: SimTime,
    pub(super) segments: Vector<Arc<Segment>>,
    pub(super) epochs: LeaderEpochs,
    pub(super) producers: Producers,
    pub(super) log_start_offset: i64,
    pub(super) high_watermark: i64,
    pub(super) log_end_offset: i64,
    pub(super) recovery_point: i64,
    pub(super) last_flushed: SimTime,
    pub(super) checkpointed: Checkpointed,
    /// Closed by a clean shutdown, and not opened since.
    pub(super) closed: bool,
    topic_id: Option<Uuid>,
}

/// A partition's lines in the checkpoint files of its log directory: what a restart knows of these offsets. 0 where the
/// file has no line for the partition yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checkpointed {
    /// In `recovery-point-offset-checkpoint`, every `log.flush.offset.checkpoint.interval.ms` (1 min).
    pub recovery_point: Option<i64>,
    /// In `replication-offset-checkpoint`, every `replica.high.watermark.checkpoint.interval.ms` (5 s).
    pub high_watermark: Option<i64>,
    /// In `log-start-offset-checkpoint`, every `log.flush.start.offset.checkpoint.interval.ms` (1 min).
    pub log_start_offset: Option<i64>,
}

/// An offset, and where it lies (`LogOffsetMetadata`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetPosition {
    /// The offset.
    pub offset: i64,
    /// Base offset of the segment that it lies in.
    pub segment_base_offset: i64,
    /// Position of its batch in that segment's file.
    pub position: usize,
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

/// What a leader's log says of the place from which a replica or consumer wants to go on (KIP-320, KIP-595).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchPosition {
    /// Read on.
    Sound,
    /// The fetcher's log is another one from here on: it has records of this epoch, or of later ones, that this log
    /// does not have. It must go back to this end and ask again.
    Diverging(EpochEnd),
    /// OFFSET_OUT_OF_RANGE.
    OutOfRange,
}

impl Log {
    /// An empty log from offset 0 that rolls to a new segment at `segment_bytes` (`segment.bytes`).
    pub fn new(segment_bytes: usize) -> Self {
        Self::with_config(Arc::new(LogConfig { segment_bytes, ..LogConfig::default() }), SimTime::ZERO)
    }

    /// An empty log from offset 0, made at `now`.
    pub fn with_config(config: Arc<LogConfig>, now: SimTime) -> Self {
        Self {
            config,
            clock: now,
            segments: Vector::unit(Arc::new(Segment::new(0, now))),
            epochs: LeaderEpochs::default(),
            producers: Producers::default(),
            log_start_offset: 0,
            high_watermark: 0,
            log_end_offset: 0,
            recovery_point: 0,
            last_flushed: now,
            checkpointed: Checkpointed::default(),
            closed: false,
            topic_id: None,
        }
    }

    /// Whether it was last written to at a moment, and goes by these very configs.
    pub(super) fn is_made_at(&self, now: SimTime, config: &Arc<LogConfig>) -> bool {
        self.clock == now && Arc::ptr_eq(&self.config, config)
    }

    /// Its configs.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Changes its configs; the next append goes by the new ones.
    pub fn set_config(&mut self, config: Arc<LogConfig>) {
        self.config = config;
    }

    /// Tells the log the time. [`Disk::log_mut`](super::Disk::log_mut) does.
    pub fn set_clock(&mut self, now: SimTime) {
        self.clock = now;
    }

    /// Offset of the first record that can be read.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    /// Offset below which records are committed: on every in-sync replica, and readable.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Offset below which records are committed and no transaction is open: how far `read_committed` reads.
    ///
    /// Transactions are not built yet, so this is the high watermark. With them it is that or the first open
    /// transaction's start, whichever is less (see [`Producers::first_open_transaction`]).
    pub fn last_stable_offset(&self) -> i64 {
        self.high_watermark
    }

    /// Offset that the next record will get.
    pub fn log_end_offset(&self) -> i64 {
        self.log_end_offset
    }

    /// Offset below which everything has been fsynced.
    pub fn recovery_point(&self) -> i64 {
        self.recovery_point
    }

    /// What the checkpoint files say of it.
    pub fn checkpointed(&self) -> Checkpointed {
        self.checkpointed
    }

    /// From which offset on each leader wrote.
    pub fn epochs(&self) -> &LeaderEpochs {
        &self.epochs
    }

    /// The idempotent producers that it knows.
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// The idempotent producers that it knows, to have some forgotten.
    pub fn producers_mut(&mut self) -> &mut Producers {
        &mut self.producers
    }

    /// The log's length in bytes.
    pub fn size(&self) -> usize {
        self.segments.iter().map(|segment| segment.size()).sum()
    }

    /// How many of its bytes would go if the power went at `now`.
    pub fn unflushed(&self, now: SimTime) -> usize {
        self.segments().map(|segment| segment.unflushed(now, &self.config)).sum()
    }

    /// Offset of the first record that would go if the power went at `now`; the log's end when none would.
    pub fn durable_offset(&self, now: SimTime) -> i64 {
        let mut dirty = self.segments().filter(|segment| segment.is_dirty(now, &self.config));
        dirty.next().map_or(self.log_end_offset, |segment| segment.durable_offset(now, &self.config))
    }

    /// Id of its topic, which the file `partition.metadata` beside its segments holds; none before it was assigned.
    pub fn topic_id(&self) -> Option<Uuid> {
        self.topic_id
    }

    /// Notes its topic's id in `partition.metadata` (KIP-516).
    pub fn assign_topic_id(&mut self, id: Uuid) {
        self.topic_id = Some(id);
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
        let first = self.segment_index(offset);
        self.segments.iter().skip(first).enumerate().flat_map(move |(n, segment)| {
            let skip = if n == 0 { segment.index_of(offset) } else { 0 };
            segment.batches().from(skip)
        })
    }

    /// Index of the segment that an offset lies in; of the first for one before it.
    pub(super) fn segment_index(&self, offset: i64) -> usize {
        let order = |segment: &Arc<Segment>| segment.base_offset().cmp(&offset);
        match self.segments.binary_search_by(order) {
            Ok(at) => at,
            Err(after) => after.saturating_sub(1),
        }
    }

    /// Where an offset lies.
    pub fn position_of(&self, offset: i64) -> OffsetPosition {
        let segment = &self.segments[self.segment_index(offset)];
        OffsetPosition { offset, segment_base_offset: segment.base_offset(), position: segment.position_of(offset) }
    }

    /// The high watermark and where it lies.
    pub fn high_watermark_position(&self) -> OffsetPosition {
        self.position_of(self.high_watermark)
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

    /// Moves the high watermark to `offset` or as near as the log allows, as a follower does with its leader's. The new
    /// one, if it moved.
    pub fn update_high_watermark(&mut self, offset: i64) -> Option<i64> {
        let before = self.high_watermark;
        self.high_watermark = offset.clamp(self.log_start_offset, self.log_end_offset);
        (self.high_watermark != before).then_some(self.high_watermark)
    }

    /// Moves the high watermark forward, as a leader does; the old one, if it moved.
    ///
    /// # Panics
    /// Beyond the log's end.
    pub fn advance_high_watermark(&mut self, offset: i64) -> Option<i64> {
        let before = self.high_watermark;
        if offset <= before {
            return None;
        }
        self.set_high_watermark(offset);
        Some(before)
    }

    /// Moves the log's start forward (DeleteRecords, and a follower after its leader); false beyond the high watermark.
    /// The files stay: segments that lie before it are retention's to delete, which has its place here.
    pub fn advance_log_start(&mut self, offset: i64) -> bool {
        if offset > self.high_watermark {
            return false;
        }
        if offset > self.log_start_offset {
            self.log_start_offset = offset;
            // What lies before it need not be read after a crash.
            self.recovery_point = self.recovery_point.max(offset);
            self.epochs.truncate_from_start(offset);
            self.producers.start_at(offset);
        }
        true
    }

    /// Where the largest epoch that is not after `epoch` ends (OffsetForLeaderEpoch).
    pub fn end_offset_for_epoch(&self, epoch: i32) -> EpochEnd {
        self.epochs.end_offset_for(epoch, self.log_end_offset)
    }

    /// What a leader's log says to a fetch from `offset` after a record of `last_epoch`; `None` does not check epochs.
    pub fn check_fetch(&self, offset: i64, last_epoch: Option<i32>) -> FetchPosition {
        if let Some(last_epoch) = last_epoch {
            let end = self.end_offset_for_epoch(last_epoch);
            if end.epoch < 0 || end.end_offset < 0 || offset < self.log_start_offset {
                return FetchPosition::OutOfRange;
            }
            if end.epoch < last_epoch || end.end_offset < offset {
                return FetchPosition::Diverging(end);
            }
        }
        match (self.log_start_offset..=self.log_end_offset).contains(&offset) {
            true => FetchPosition::Sound,
            false => FetchPosition::OutOfRange,
        }
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
        let first = segment.base_offset().max(self.log_start_offset);
        let batches = self.batches_from(first).take_while(|batch| batch.last_offset < upto_offset);
        for batch in batches.filter(|batch| batch.max_timestamp_ms >= timestamp_ms) {
            let records = records::decode(&batch.bytes).expect("the log holds batches that were checked on append");
            let found = |(offset, record): &(i64, records::Record)| {
                record.timestamp_ms >= timestamp_ms && *offset >= self.log_start_offset
            };
            if let Some((offset, record)) = records.into_iter().find(found) {
                return Some((offset, record.timestamp_ms, batch.leader_epoch));
            }
        }
        None
    }

    pub(super) fn active(&self) -> &Segment {
        self.segments.back().expect("a log has an active segment")
    }

    pub(super) fn active_mut(&mut self) -> &mut Segment {
        Arc::make_mut(self.segments.back_mut().expect("a log has an active segment"))
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::AppendInfo;
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
