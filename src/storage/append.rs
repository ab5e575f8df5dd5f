//! Writing to a log: as its leader, who gives offsets, and as a follower, who takes the leader's; rolling and flushing.
//!
//! Kafka fsyncs almost never. When a segment rolls, the old one is put on the disk and with it the recovery point moves;
//! the active segment is left to the operating system. What protects a record is not this disk but the other replicas.

use super::config::IoWork;
use super::log::Log;
use super::producers::Origin;
use super::segment::Segment;
use crate::wire::ErrorCode;
use crate::wire::records::{self, BatchError, BatchHeader};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

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
    /// What the disk had to do.
    pub work: IoWork,
}

/// What a follower's append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerAppend {
    /// Offset of the first record.
    pub first_offset: i64,
    /// Offset of the last.
    pub last_offset: i64,
    /// How many batches.
    pub batches: usize,
    /// Bytes that were left out: a batch cut off at the fetch's limit, and batches of an epoch later than the leader's.
    pub left_out: usize,
    /// What the disk had to do.
    pub work: IoWork,
}

/// Why a follower does not append what its leader sent. Nothing of it is appended then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// A batch is not what its checksum says (`CorruptRecordException`).
    Corrupt(BatchError),
    /// The batches' offsets do not increase (`OffsetsOutOfOrderException`).
    OutOfOrder {
        /// Last offset of a batch.
        last_offset: i64,
        /// Last offset of the batch before it.
        after: i64,
    },
    /// The first batch lies before the log's end (`UnexpectedAppendOffsetException`).
    Unexpected {
        /// Offset of the first record.
        first_offset: i64,
        /// Offset of the last record of all batches.
        last_offset: i64,
        /// The log's end.
        log_end_offset: i64,
    },
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt(error) => error.fmt(f),
            Self::OutOfOrder { last_offset, after } => {
                write!(f, "a batch that ends at offset {last_offset} follows one that ends at {after}")
            }
            Self::Unexpected { first_offset, log_end_offset, .. } => {
                write!(f, "the first offset {first_offset} is less than the next offset {log_end_offset}")
            }
        }
    }
}

impl std::error::Error for AppendError {}

impl Log {
    /// A leader of this epoch begins here: its first record, if it writes any, will have this offset.
    pub fn begin_leader_epoch(&mut self, epoch: i32) {
        self.epochs.assign(epoch, self.log_end_offset);
    }

    /// Checks a batch's producer epoch and sequence numbers, before it is appended. A batch that was appended before is
    /// answered with what that append answered, and must not be appended again.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH`, `OUT_OF_ORDER_SEQUENCE_NUMBER`, `INVALID_TXN_STATE` or `TRANSACTION_COORDINATOR_FENCED`.
    pub fn check_producer(
        &self,
        header: &BatchHeader,
        batch: &Bytes,
        origin: Origin,
    ) -> Result<Option<AppendInfo>, ErrorCode> {
        let duplicate = self.producers.check(header, batch, origin)?;
        Ok(duplicate.map(|known| AppendInfo {
            base_offset: known.first_offset(),
            last_offset: known.last_offset,
            crc: header.crc,
            size: header.size,
            work: IoWork::default(),
        }))
    }

    /// Appends a producer's batch as the partition's leader: gives it the next offsets and the leader's epoch.
    ///
    /// `header` is the batch's own, with its checksum already checked.
    pub fn append_as_leader(&mut self, header: &BatchHeader, batch: &Bytes, leader_epoch: i32) -> AppendInfo {
        let base_offset = self.log_end_offset;
        let bytes = records::stamp(batch, base_offset, leader_epoch);
        let header = BatchHeader { base_offset, leader_epoch, ..*header };
        let mut work = self.make_room(bytes.len(), base_offset, header.last_offset(), header.max_timestamp_ms);
        self.push(&header, bytes, &mut work);
        work += self.flush_by_count();
        AppendInfo { base_offset, last_offset: header.last_offset(), crc: header.crc, size: header.size, work }
    }

    /// Appends what a follower fetched from a leader of this epoch: with the offsets and epochs that it has.
    ///
    /// `None` when there is not one whole batch in it.
    ///
    /// # Errors
    /// When it is damaged or does not follow on the log's end.
    pub fn append_as_follower(
        &mut self,
        records: &Bytes,
        leader_epoch: i32,
    ) -> Result<Option<FollowerAppend>, AppendError> {
        let batches = followers_batches(records, leader_epoch)?;
        let (Some((first, _)), Some((last, _))) = (batches.first(), batches.last()) else { return Ok(None) };
        let (first_offset, last_offset) = (first.base_offset, last.last_offset());
        let mut work = IoWork::default();
        if first_offset < self.log_end_offset {
            // The leader's log may begin inside a batch, and an empty log there: it takes the whole batch.
            let empty = self.log_end_offset == self.log_start_offset;
            if !empty || last_offset < self.log_end_offset {
                let log_end_offset = self.log_end_offset;
                return Err(AppendError::Unexpected { first_offset, last_offset, log_end_offset });
            }
            work += self.truncate_fully_and_start_at(first_offset);
        }
        let bytes: usize = batches.iter().map(|(header, _)| header.size).sum();
        let youngest = batches.iter().map(|(header, _)| header.max_timestamp_ms).max().unwrap_or(-1);
        work += self.make_room(bytes, first_offset, last_offset, youngest);
        let count = batches.len();
        for (header, batch) in batches {
            self.push(&header, batch, &mut work);
        }
        work += self.flush_by_count();
        Ok(Some(FollowerAppend { first_offset, last_offset, batches: count, left_out: records.len() - bytes, work }))
    }

    /// Adds a batch that has its place and passes all checks.
    fn push(&mut self, header: &BatchHeader, bytes: Bytes, work: &mut IoWork) {
        if header.leader_epoch >= 0 && self.epochs.assign(header.leader_epoch, header.base_offset) {
            work.syncs += 1;
        }
        work.written += bytes.len();
        self.producers.admit(header, &bytes);
        let (config, now) = (self.config.clone(), self.clock);
        self.active_mut().push(header, bytes, &config, now);
        self.log_end_offset = header.next_offset();
        self.producers.set_end(self.log_end_offset);
    }

    /// Rolls if what comes belongs in a new segment.
    fn make_room(&mut self, bytes: usize, first_offset: i64, last_offset: i64, youngest_ms: i64) -> IoWork {
        if self.active().should_roll(&self.config, bytes, last_offset, youngest_ms, self.clock) {
            self.roll(first_offset)
        } else {
            IoWork::default()
        }
    }

    /// Ends the active segment and begins a new one at `offset`, or at the log's end if that is further. The old one
    /// goes to the disk. (Kafka does that in the background, at once.)
    pub fn roll(&mut self, offset: i64) -> IoWork {
        let base_offset = offset.max(self.log_end_offset);
        if self.active().size() == 0 && self.active().base_offset() == base_offset {
            return IoWork::default();
        }
        self.active_mut().index_youngest();
        self.segments.push_back(Arc::new(Segment::new(base_offset, self.clock)));
        self.producers.set_end(base_offset);
        let mut work = IoWork { written: self.producers.take_snapshot().unwrap_or(0), ..IoWork::default() };
        work += self.flush_upto(base_offset);
        work
    }

    /// Puts the whole log on the disk, and moves the recovery point to its end.
    pub fn flush(&mut self) -> IoWork {
        self.flush_upto(self.log_end_offset)
    }

    /// Puts the segments below `offset` on the disk, and moves the recovery point there.
    pub(super) fn flush_upto(&mut self, offset: i64) -> IoWork {
        let mut work = IoWork::default();
        if offset <= self.recovery_point {
            return work;
        }
        for at in self.segment_index(self.recovery_point)..self.segments.len() {
            if self.segments[at].base_offset() < offset {
                work += Arc::make_mut(&mut self.segments[at]).flush();
            }
        }
        let (files, bytes) = self.producers.flush();
        work += IoWork { syncs: files, synced: bytes, ..IoWork::default() };
        self.recovery_point = offset;
        self.last_flushed = self.clock;
        work
    }

    fn flush_by_count(&mut self) -> IoWork {
        if self.log_end_offset - self.recovery_point >= self.config.flush_messages {
            self.flush()
        } else {
            IoWork::default()
        }
    }

    /// Whether `flush.ms` has passed since the last flush and something waits for one.
    pub(super) fn is_flush_due(&self, now: crate::base::SimTime) -> bool {
        let waits = self.log_end_offset > self.recovery_point;
        waits && self.config.flush_after.is_some_and(|after| self.last_flushed + after <= now)
    }
}

/// The whole batches of a fetch, checked. One of a later epoch than the leader's is not its own: it and what follows is
/// left out.
fn followers_batches(records: &Bytes, leader_epoch: i32) -> Result<Vec<(BatchHeader, Bytes)>, AppendError> {
    let mut batches = records::split(records.clone()).map_err(AppendError::Corrupt)?;
    let later = batches.iter().position(|(header, _)| header.leader_epoch > leader_epoch);
    batches.truncate(later.unwrap_or(batches.len()));
    let mut after = -1;
    for (header, bytes) in &batches {
        records::check_crc(bytes).map_err(AppendError::Corrupt)?;
        if header.last_offset() <= after {
            return Err(AppendError::OutOfOrder { last_offset: header.last_offset(), after });
        }
        after = header.last_offset();
    }
    Ok(batches)
}
