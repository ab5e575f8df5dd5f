//! A segment: consecutive batches of a log in one file, with its indexes; the unit in which a log rolls and is deleted.
//!
//! What the process reads is what lies in the page cache. Of each file a front part is on the disk as well; the rest
//! goes with the power. The operating system writes a file back when it has been dirty for some time. Nothing can see
//! that happen but a power loss, so it is worked out when the file is next touched, and needs no alarm.

use super::batches::{Batches, StoredBatch};
use super::config::{IoWork, LogConfig};
use super::index::{OffsetIndex, TimeIndex};
use crate::base::SimTime;
use crate::wire::records::{self, BatchHeader};
use bytes::{Bytes, BytesMut};

/// The smallest unit that a file grows by on the disk: a torn file may end in zeros up to the page's end.
const PAGE: usize = 4096;

/// What a power loss leaves of the part of a file that was not on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survives {
    /// So many bytes of it had been written back by chance.
    pub bytes: usize,
    /// The file's length was on the disk before its content: after those bytes it has zeros, up to a page.
    pub zeros: bool,
}

/// A timestamp and the last offset of the batch that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Youngest {
    pub(super) timestamp_ms: i64,
    pub(super) offset: i64,
}

/// Consecutive batches, in offset order.
#[derive(Clone, Debug)]
pub struct Segment {
    base_offset: i64,
    /// When its file was made: what a segment without timestamps is rolled by.
    created: SimTime,
    batches: Batches,
    size: usize,
    /// What follows the last whole batch; only between a power loss and recovery.
    torn: Bytes,
    flushed: usize,
    dirty_since: Option<SimTime>,
    offset_index: OffsetIndex,
    time_index: TimeIndex,
    youngest: Youngest,
    bytes_since_index_entry: usize,
}

impl Segment {
    /// An empty segment whose first batch will have this offset or a later one.
    pub fn new(base_offset: i64, now: SimTime) -> Self {
        Self {
            base_offset,
            created: now,
            batches: Batches::default(),
            size: 0,
            torn: Bytes::new(),
            flushed: 0,
            dirty_since: None,
            offset_index: OffsetIndex::default(),
            time_index: TimeIndex::default(),
            youngest: Youngest { timestamp_ms: -1, offset: base_offset },
            bytes_since_index_entry: 0,
        }
    }

    /// Offset of the first record that it holds or will hold; Kafka names the segment's files by it.
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// Offset after its last record; the base offset when it is empty.
    pub fn next_offset(&self) -> i64 {
        self.batches.last().map_or(self.base_offset, |batch| batch.last_offset + 1)
    }

    /// Its length in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many of its bytes are on the disk at `now`, and not only in the page cache.
    pub fn flushed(&self, now: SimTime, config: &LogConfig) -> usize {
        if self.is_written_back(now, config) { self.size } else { self.flushed }
    }

    /// The largest timestamp in it, in ms since the Unix epoch; -1 when it is empty.
    pub fn max_timestamp_ms(&self) -> i64 {
        self.youngest.timestamp_ms
    }

    /// Its batches.
    pub fn batches(&self) -> &Batches {
        &self.batches
    }

    /// What follows the last whole batch in the file after a power loss, until recovery cuts it off.
    pub fn torn(&self) -> &Bytes {
        &self.torn
    }

    /// Its offset index (`.index`).
    pub fn offset_index(&self) -> &OffsetIndex {
        &self.offset_index
    }

    /// Its time index (`.timeindex`).
    pub fn time_index(&self) -> &TimeIndex {
        &self.time_index
    }

    /// Index of the first batch that ends at or after `offset`.
    pub fn index_of(&self, offset: i64) -> usize {
        self.batches.partition_point(|batch| batch.last_offset < offset)
    }

    /// Where in the file the batch begins that holds `offset` or follows it; the file's end when there is none.
    pub fn position_of(&self, offset: i64) -> usize {
        self.batches.get(self.index_of(offset)).map_or(self.size, |batch| batch.position as usize)
    }

    /// Whether batches of so many bytes, up to `last_offset` and as young as `max_timestamp_ms`, belong in a new
    /// segment: this one would grow too large, its first batch is too old for them, an index is full, or the offset is
    /// too far from the base offset for four bytes.
    pub(super) fn should_roll(
        &self,
        config: &LogConfig,
        bytes: usize,
        last_offset: i64,
        max_timestamp_ms: i64,
        now: SimTime,
    ) -> bool {
        let waited_ms = match self.batches.get(0).map(|first| first.max_timestamp_ms) {
            Some(first) if first >= 0 => max_timestamp_ms - first,
            _ => now.since(self.created).as_millis() as i64,
        };
        // An empty segment does not roll: its successor would have its name.
        self.size > 0
            && (self.size + bytes > config.segment_bytes
                || waited_ms > config.segment_ms
                || self.offset_index.is_full(config.segment_index_bytes)
                || self.time_index.is_full(config.segment_index_bytes)
                || !self.has_room_for(last_offset))
    }

    fn has_room_for(&self, offset: i64) -> bool {
        (0..=i64::from(i32::MAX)).contains(&(offset - self.base_offset))
    }

    fn relative(&self, offset: i64) -> u32 {
        assert!(self.has_room_for(offset), "offset {offset} in the segment from {}", self.base_offset);
        (offset - self.base_offset) as u32
    }

    /// Adds a batch, already stamped, at the end.
    pub(super) fn push(&mut self, header: &BatchHeader, bytes: Bytes, config: &LogConfig, now: SimTime) {
        assert!(self.torn.is_empty(), "a torn segment is recovered before it is written to");
        self.settle(now, config);
        self.dirty_since.get_or_insert(now);
        self.admit(header, bytes, config);
    }

    /// Indexes and adds a batch, as an append does and recovery again.
    fn admit(&mut self, header: &BatchHeader, bytes: Bytes, config: &LogConfig) {
        let last = self.relative(header.last_offset());
        if header.max_timestamp_ms > self.youngest.timestamp_ms {
            self.youngest = Youngest { timestamp_ms: header.max_timestamp_ms, offset: header.last_offset() };
        }
        if self.bytes_since_index_entry > config.index_interval_bytes {
            self.offset_index.append(last, self.size as u32);
            self.index_youngest();
            self.bytes_since_index_entry = 0;
        }
        self.bytes_since_index_entry += bytes.len();
        self.batches.push(StoredBatch {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            max_timestamp_ms: header.max_timestamp_ms,
            leader_epoch: header.leader_epoch,
            crc: header.crc,
            position: self.size as u32,
            bytes: bytes.clone(),
        });
        self.size += bytes.len();
    }

    /// Gives the time index its entry for the youngest batch; every segment gets one when it closes.
    pub(super) fn index_youngest(&mut self) {
        if self.youngest.timestamp_ms >= 0 {
            self.time_index.append_if_later(self.youngest.timestamp_ms, self.relative(self.youngest.offset));
        }
    }

    /// Cuts off every batch that reaches `offset` or goes beyond; whole batches only. How many bytes went.
    pub(super) fn truncate_to(&mut self, offset: i64, config: &LogConfig, now: SimTime) -> usize {
        self.settle(now, config);
        let keep = self.index_of(offset);
        let (before, position) = (self.size, self.position_of(offset));
        self.batches.truncate(keep);
        self.size = position;
        // The file system's journal has the new length at once: what is cut off does not come back.
        self.flushed = self.flushed.min(position);
        let relative = self.relative(offset.clamp(self.base_offset, self.base_offset + i64::from(i32::MAX)));
        self.offset_index.truncate_to(relative);
        self.time_index.truncate_to(relative);
        if self.size == 0 {
            self.created = now;
        }
        self.bytes_since_index_entry = 0;
        self.find_youngest();
        before - self.size
    }

    /// Reads the youngest batch from the time index and what lies behind its last entry.
    fn find_youngest(&mut self) {
        let indexed = self.time_index.entries().last();
        let mut youngest = indexed.map_or(Youngest { timestamp_ms: -1, offset: self.base_offset }, |entry| Youngest {
            timestamp_ms: entry.timestamp_ms,
            offset: self.base_offset + i64::from(entry.relative_offset),
        });
        for batch in self.batches.from(self.index_of(youngest.offset)) {
            if batch.max_timestamp_ms > youngest.timestamp_ms {
                youngest = Youngest { timestamp_ms: batch.max_timestamp_ms, offset: batch.last_offset };
            }
        }
        self.youngest = youngest;
    }

    /// Puts it all on the disk.
    pub(super) fn flush(&mut self) -> IoWork {
        let synced = self.size - self.flushed + self.offset_index.flush() + self.time_index.flush();
        self.flushed = self.size;
        self.dirty_since = None;
        // The log, its offset index and its time index; the index of aborted transactions will be the fourth.
        IoWork { syncs: 3, synced, ..IoWork::default() }
    }

    /// Whether any of its bytes would go with the power.
    pub fn is_dirty(&self, now: SimTime, config: &LogConfig) -> bool {
        self.dirty_since.is_some() && !self.is_written_back(now, config)
    }

    fn is_written_back(&self, now: SimTime, config: &LogConfig) -> bool {
        let Some((since, after)) = self.dirty_since.zip(config.writeback_after) else { return false };
        since + after <= now
    }

    /// Catches up with what the operating system has written back by now.
    fn settle(&mut self, now: SimTime, config: &LogConfig) {
        if self.is_written_back(now, config) {
            self.flush();
        }
    }

    /// How many bytes of its file would go if the power went at `now`.
    pub fn unflushed(&self, now: SimTime, config: &LogConfig) -> usize {
        self.size - self.flushed(now, config)
    }

    /// Offset of the first record that would go if the power went at `now`; the next offset when none would.
    pub(super) fn durable_offset(&self, now: SimTime, config: &LogConfig) -> i64 {
        let flushed = self.flushed(now, config);
        let whole = self.batches.partition_point(|batch| batch.end() <= flushed);
        self.batches.get(whole).map_or(self.next_offset(), |batch| batch.base_offset)
    }

    /// The power goes: what was not on the disk is lost, but for what survives by chance.
    pub(super) fn lose_power(&mut self, survives: Survives, config: &LogConfig, now: SimTime) {
        self.settle(now, config);
        let kept = self.size.min(self.flushed + survives.bytes);
        let whole = self.batches.partition_point(|batch| batch.end() <= kept);
        self.torn = match self.batches.get(whole) {
            Some(cut) => {
                let mut torn = BytesMut::from(&cut.bytes[..kept - cut.position as usize]);
                let zeros = if survives.zeros { (self.size - kept).min(PAGE - kept % PAGE) } else { 0 };
                torn.resize(torn.len() + zeros, 0);
                torn.freeze()
            }
            None => Bytes::new(),
        };
        self.batches.truncate(whole);
        self.size = self.batches.last().map_or(0, StoredBatch::end) + self.torn.len();
        self.flushed = self.size;
        self.dirty_since = None;
        self.offset_index.lose_unflushed();
        self.time_index.lose_unflushed();
        self.find_youngest();
    }

    /// A process that has just opened the file counts anew how far the last index entry lies back.
    pub(super) fn opened(&mut self) {
        self.bytes_since_index_entry = 0;
    }

    /// Reads the file from its start, batch by batch: checks each, indexes it anew and shows it to `seen`. Cuts the
    /// file off where the first one is not whole or not what its checksum says. How many bytes went.
    pub(super) fn recover(
        &mut self,
        config: &LogConfig,
        now: SimTime,
        mut seen: impl FnMut(&BatchHeader, &Bytes),
    ) -> usize {
        let (before, old) = (self.size, std::mem::take(&mut self.batches));
        let mut torn = std::mem::take(&mut self.torn);
        self.offset_index.clear();
        self.time_index.clear();
        (self.size, self.bytes_since_index_entry) = (0, 0);
        self.youngest = Youngest { timestamp_ms: -1, offset: self.base_offset };
        let mut admit = |bytes: Bytes| match records::check_crc(&bytes) {
            Ok(header) if self.has_room_for(header.base_offset) && self.has_room_for(header.last_offset()) => {
                seen(&header, &bytes);
                self.admit(&header, bytes.slice(..header.size), config);
                Some(header.size)
            }
            _ => None,
        };
        let mut sound = old.iter().all(|batch| admit(batch.bytes.clone()).is_some());
        while sound && !torn.is_empty() {
            match admit(torn.clone()) {
                Some(size) => torn = torn.slice(size..),
                None => sound = false,
            }
        }
        self.index_youngest();
        self.flushed = self.flushed.min(self.size);
        // The indexes were written anew.
        self.dirty_since = Some(now);
        before - self.size
    }
}
