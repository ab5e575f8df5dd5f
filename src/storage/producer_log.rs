//! All producers of a log, and the snapshots from which they are known again.
//!
//! A snapshot is a file beside the segments (`00000000000000000032.snapshot`): what was known of each producer at an
//! offset, with its last batch only. One is taken at each roll and at a clean shutdown. After a crash or a truncation
//! the newest usable one is loaded and the log is read from its offset on, so that the last five batches are known
//! again as far as they lie behind it.

use super::producers::{Origin, ProducerAppend, ProducerEntry, RememberedBatch};
use crate::base::OrdMap;
use crate::wire::ErrorCode;
use crate::wire::records::BatchHeader;
use bytes::Bytes;
use std::sync::Arc;

/// A snapshot file: version and checksum, then 46 bytes a producer.
#[derive(Clone, Debug)]
pub struct Snapshot {
    offset: i64,
    producers: Arc<[(i64, ProducerEntry)]>,
    flushed: bool,
}

impl Snapshot {
    /// The offset up to which it knows the log; the file's name.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The producers in it, by id.
    pub fn producers(&self) -> &[(i64, ProducerEntry)] {
        &self.producers
    }

    /// The file's length in bytes.
    pub fn file_len(&self) -> usize {
        10 + 46 * self.producers.len()
    }

    /// Whether it is on the disk, and not only in the page cache.
    pub fn is_flushed(&self) -> bool {
        self.flushed
    }
}

/// The producers that a log knows.
#[derive(Clone, Debug, Default)]
pub struct Producers {
    entries: OrdMap<i64, Arc<ProducerEntry>>,
    snapshots: Vec<Snapshot>,
    /// The offset up to which the entries know the log.
    end_offset: i64,
    /// No snapshot is taken at or below this.
    last_snapshot: i64,
}

impl Producers {
    /// What is known of a producer.
    pub fn get(&self, producer_id: i64) -> Option<&ProducerEntry> {
        self.entries.get(&producer_id).map(|entry| &**entry)
    }

    /// Every producer, by id.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &ProducerEntry)> {
        self.entries.iter().map(|(id, entry)| (*id, &**entry))
    }

    /// The snapshot files, oldest first.
    pub fn snapshots(&self) -> &[Snapshot] {
        &self.snapshots
    }

    /// Where the first transaction begins that no marker has ended.
    pub fn first_open_transaction(&self) -> Option<i64> {
        self.iter().filter_map(|(_, entry)| entry.transaction_start).min()
    }

    /// Checks a batch before a leader appends it. A copy of a remembered batch is answered with that.
    ///
    /// # Errors
    /// As [`ProducerAppend::stored`].
    pub fn check(
        &self,
        header: &BatchHeader,
        bytes: &Bytes,
        origin: Origin,
    ) -> Result<Option<RememberedBatch>, ErrorCode> {
        if header.producer_id < 0 {
            return Ok(None);
        }
        let none = ProducerEntry::default();
        let known = self.get(header.producer_id).unwrap_or(&none);
        if origin == Origin::Client
            && let Some(duplicate) = known.duplicate_of(header)
        {
            return Ok(Some(duplicate));
        }
        ProducerAppend::new(known, origin).stored(header, bytes).map(|_| None)
    }

    /// Takes in a batch as it lies in the log.
    pub(super) fn admit(&mut self, header: &BatchHeader, bytes: &Bytes) {
        if header.producer_id < 0 {
            return;
        }
        let entry = self.entries.entry(header.producer_id).or_default();
        let mut append = ProducerAppend::new(entry, Origin::Replication);
        // A leader checked it. What is refused even so (a plain batch in a transaction) changes nothing.
        if append.stored(header, bytes).is_ok() {
            Arc::make_mut(entry).update(append.new);
        }
    }

    /// The entries know the log up to here.
    pub(super) fn set_end(&mut self, offset: i64) {
        self.end_offset = offset;
    }

    /// Whether nothing is known, although the log is known to here.
    pub(super) fn is_empty_at(&self, offset: i64) -> bool {
        self.entries.is_empty() && self.end_offset >= offset
    }

    pub(super) fn end(&self) -> i64 {
        self.end_offset
    }

    /// Takes a snapshot, unless there is one already that knows as much. How many bytes it has.
    pub(super) fn take_snapshot(&mut self) -> Option<usize> {
        if self.end_offset <= self.last_snapshot {
            return None;
        }
        let last_batch_only = |(id, entry): (i64, &ProducerEntry)| {
            let batches = entry.batches.last().copied().into_iter().collect();
            (id, ProducerEntry { batches, ..entry.clone() })
        };
        let producers = self.iter().map(last_batch_only).collect();
        let snapshot = Snapshot { offset: self.end_offset, producers, flushed: false };
        let len = snapshot.file_len();
        self.snapshots.retain(|other| other.offset != snapshot.offset);
        let at = self.snapshots.partition_point(|other| other.offset < snapshot.offset);
        self.snapshots.insert(at, snapshot);
        self.last_snapshot = self.end_offset;
        Some(len)
    }

    /// Goes back to what is known at `end`: by the newest snapshot there is. From its offset on the log must be read.
    pub(super) fn reload(&mut self, log_start: i64, end: i64) {
        self.snapshots.retain(|snapshot| snapshot.offset <= end && snapshot.offset > log_start);
        if end == self.end_offset {
            self.start_at(log_start);
            return;
        }
        let newest = self.snapshots.last();
        self.end_offset = newest.map_or(log_start, |snapshot| snapshot.offset);
        self.last_snapshot = self.end_offset;
        let producers = newest.map(|snapshot| snapshot.producers.clone());
        let entries = producers.iter().flat_map(|p| p.iter());
        self.entries = entries.map(|(id, entry)| (*id, Arc::new(entry.clone()))).collect();
    }

    /// The log begins here now.
    pub(super) fn start_at(&mut self, log_start: i64) {
        self.end_offset = self.end_offset.max(log_start);
        self.last_snapshot = self.snapshots.last().map_or(log_start, |snapshot| snapshot.offset);
    }

    /// Forgets everything; the log begins anew at `offset`.
    pub(super) fn clear(&mut self, offset: i64) {
        *self = Self { end_offset: offset, ..Self::default() };
    }

    /// The producers of a process that has just started: it has the files and knows nothing else.
    pub(super) fn restarted(&mut self) {
        *self = Self { snapshots: std::mem::take(&mut self.snapshots), ..Self::default() };
    }

    /// Drops the snapshots that belong to no segment, but for one behind the last segment's start.
    pub(super) fn remove_stray(&mut self, segment_bases: &[i64]) {
        let newest = self.snapshots.last().map(|snapshot| snapshot.offset);
        let last_base = segment_bases.last().copied();
        self.snapshots.retain(|snapshot| {
            let behind = Some(snapshot.offset) == newest && Some(snapshot.offset) > last_base;
            behind || segment_bases.contains(&snapshot.offset)
        });
    }

    /// Drops the snapshots of segments that are gone.
    pub(super) fn remove_snapshots(&mut self, offsets: impl Fn(i64) -> bool) {
        self.snapshots.retain(|snapshot| !offsets(snapshot.offset));
    }

    /// Puts the snapshots on the disk. How many there were to put, and their bytes.
    pub(super) fn flush(&mut self) -> (u32, usize) {
        let dirty = self.snapshots.iter_mut().filter(|snapshot| !snapshot.flushed);
        dirty.fold((0, 0), |(files, bytes), snapshot| {
            snapshot.flushed = true;
            (files + 1, bytes + snapshot.file_len())
        })
    }

    pub(super) fn lose_power(&mut self) {
        self.snapshots.retain(|snapshot| snapshot.flushed);
    }

    /// Forgets the producers that have no open transaction and have appended nothing for so long
    /// (`producer.id.expiration.ms`, 1 day; looked at every `producer.id.expiration.check.interval.ms`, 10 min, and
    /// after a start).
    pub fn expire(&mut self, now_ms: i64, after_ms: i64) {
        let lives =
            |entry: &ProducerEntry| entry.transaction_start.is_some() || now_ms - entry.last_timestamp_ms < after_ms;
        let dead: Vec<i64> = self.iter().filter(|(_, entry)| !lives(entry)).map(|(id, _)| id).collect();
        dead.iter().for_each(|id| {
            self.entries.remove(id);
        });
    }
}
