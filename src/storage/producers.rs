//! What a log knows of each idempotent producer, and which of its batches it takes.
//!
//! The last five batches of a producer are remembered, so that a batch that is sent again, even when five are in
//! flight, is known for what it is and answered with the offsets that it got the first time. Any other batch must
//! follow on the last one's sequence number. A producer that the log knows nothing of (its records may have been
//! deleted) may begin anywhere. Sequence numbers go from 2147483647 to 0.
//!
//! A follower, and a log that is read again after a crash, check nothing: what is in a log was checked by its leader.

use crate::wire::ErrorCode;
use crate::wire::records::{self, BatchHeader};
use bytes::Bytes;

/// How many batches of a producer are remembered (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
const REMEMBERED: usize = 5;
/// The sequence number of a batch that has none.
const NO_SEQUENCE: i32 = -1;
/// The epoch of a producer that the log knows nothing of.
const NO_EPOCH: i16 = -1;

/// Attribute bit of a transactional batch.
const TRANSACTIONAL: i16 = 1 << 4;
/// Attribute bit of a control batch.
const CONTROL: i16 = 1 << 5;

/// The sequence number `step` after another.
pub fn sequence_after(sequence: i32, step: i32) -> i32 {
    if sequence > i32::MAX - step { step - (i32::MAX - sequence) - 1 } else { sequence + step }
}

/// The sequence number `step` before another.
pub fn sequence_before(sequence: i32, step: i32) -> i32 {
    if sequence < step { i32::MAX - (step - sequence) + 1 } else { sequence - step }
}

/// Who appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A producer: its sequence numbers are checked.
    Client,
    /// A coordinator: its epochs are checked, and it has no sequence numbers.
    Coordinator,
    /// The leader's log, or the log's own past: nothing is checked.
    Replication,
}

/// A batch that a producer has had appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberedBatch {
    /// Sequence number of its last record.
    pub last_sequence: i32,
    /// Offset of its last record.
    pub last_offset: i64,
    /// The last offset less the first.
    pub offset_delta: i32,
    /// Its largest timestamp, in ms since the Unix epoch.
    pub timestamp_ms: i64,
}

impl RememberedBatch {
    /// Sequence number of its first record.
    pub fn first_sequence(&self) -> i32 {
        sequence_before(self.last_sequence, self.offset_delta)
    }

    /// Offset of its first record.
    pub fn first_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// What a log knows of a producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    /// The producer's epoch; -1 when nothing is known.
    pub epoch: i16,
    /// Epoch of the transaction coordinator that wrote the last marker; -1 before the first.
    pub coordinator_epoch: i32,
    /// Timestamp of its last batch, in ms since the Unix epoch: what it expires by.
    pub last_timestamp_ms: i64,
    /// Offset at which its open transaction began.
    pub transaction_start: Option<i64>,
    /// Its last batches, at most five, oldest first, all of its epoch.
    pub batches: Vec<RememberedBatch>,
}

impl Default for ProducerEntry {
    fn default() -> Self {
        Self {
            epoch: NO_EPOCH,
            coordinator_epoch: -1,
            last_timestamp_ms: -1,
            transaction_start: None,
            batches: Vec::new(),
        }
    }
}

impl ProducerEntry {
    /// Sequence number of its last record; -1 when no batch is remembered.
    pub fn last_sequence(&self) -> i32 {
        self.batches.last().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    /// The remembered batch that this one is a copy of.
    pub fn duplicate_of(&self, header: &BatchHeader) -> Option<RememberedBatch> {
        let last_sequence = last_sequence_of(header);
        let same =
            |b: &&RememberedBatch| b.first_sequence() == header.base_sequence && b.last_sequence == last_sequence;
        if header.producer_epoch == self.epoch { self.batches.iter().find(same).copied() } else { None }
    }

    /// An epoch that is new begins without batches.
    fn enter(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.batches.clear();
            self.epoch = epoch;
        }
    }

    fn remember(&mut self, batch: RememberedBatch) {
        if self.batches.len() == REMEMBERED {
            self.batches.remove(0);
        }
        self.batches.push(batch);
    }

    /// Takes in what an append has come to.
    pub(super) fn update(&mut self, appended: ProducerEntry) {
        self.enter(appended.epoch);
        appended.batches.into_iter().for_each(|batch| self.remember(batch));
        self.coordinator_epoch = appended.coordinator_epoch;
        self.transaction_start = appended.transaction_start;
        self.last_timestamp_ms = appended.last_timestamp_ms;
    }
}

/// A transaction that a marker has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletedTransaction {
    /// Offset of its first record.
    pub first_offset: i64,
    /// Offset of the marker.
    pub last_offset: i64,
    /// Whether it was aborted.
    pub aborted: bool,
}

/// The end of a transaction, as a coordinator has it written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndMarker {
    /// Commit, or abort.
    pub commit: bool,
    /// The coordinator's epoch.
    pub coordinator_epoch: i32,
}

/// What of a batch of records concerns its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequencedBatch {
    /// The producer's epoch.
    pub epoch: i16,
    /// Sequence number of the first record.
    pub first_sequence: i32,
    /// Sequence number of the last record.
    pub last_sequence: i32,
    /// Offset of the first record.
    pub first_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// The largest timestamp, in ms since the Unix epoch.
    pub timestamp_ms: i64,
    /// Whether it belongs to a transaction.
    pub transactional: bool,
}

/// What a leader remembers while a transaction is being verified with its coordinator (KIP-890).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The smallest sequence number that was seen meanwhile: nothing larger may come first.
    pub lowest_sequence: i32,
    /// Whether the producer's epoch goes up with each transaction, so that one that the log does not know begins at 0.
    pub epoch_bump: bool,
}

/// An append to be: checks batch after batch against what is known of their producer, and gathers what is new.
#[derive(Clone, Debug)]
pub struct ProducerAppend {
    /// What the log knew before.
    pub known: ProducerEntry,
    /// What is new: the epochs and the open transaction, and the batches of this append only.
    pub new: ProducerEntry,
    /// Who appends.
    pub origin: Origin,
    /// A verification that goes on.
    pub verification: Option<Verification>,
}

impl ProducerAppend {
    /// Begins an append of a producer of which the log knows this.
    pub fn new(known: &ProducerEntry, origin: Origin) -> Self {
        let new = ProducerEntry { batches: Vec::new(), ..known.clone() };
        Self { known: known.clone(), new, origin, verification: None }
    }

    /// Takes a batch in.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH` of a producer that a newer one has replaced, `OUT_OF_ORDER_SEQUENCE_NUMBER`, or
    /// `INVALID_TXN_STATE` for a plain batch in an open transaction.
    pub fn batch(&mut self, batch: &SequencedBatch) -> Result<(), ErrorCode> {
        self.check_epoch(batch.epoch)?;
        if self.origin == Origin::Client {
            self.check_sequence(batch.epoch, batch.first_sequence)?;
        }
        self.new.enter(batch.epoch);
        self.new.remember(RememberedBatch {
            last_sequence: batch.last_sequence,
            last_offset: batch.last_offset,
            offset_delta: (batch.last_offset - batch.first_offset) as i32,
            timestamp_ms: batch.timestamp_ms,
        });
        self.new.last_timestamp_ms = batch.timestamp_ms;
        match (self.new.transaction_start, batch.transactional) {
            (Some(_), false) => return Err(ErrorCode::INVALID_TXN_STATE),
            (None, true) => self.new.transaction_start = Some(batch.first_offset),
            _ => {}
        }
        Ok(())
    }

    /// Takes the end of a transaction in.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH`, or `TRANSACTION_COORDINATOR_FENCED` from a coordinator that a newer one has replaced.
    pub fn marker(
        &mut self,
        marker: EndMarker,
        epoch: i16,
        offset: i64,
        timestamp_ms: i64,
    ) -> Result<Option<CompletedTransaction>, ErrorCode> {
        self.check_epoch(epoch)?;
        if self.new.coordinator_epoch > marker.coordinator_epoch && self.origin != Origin::Replication {
            return Err(ErrorCode::TRANSACTION_COORDINATOR_FENCED);
        }
        let ended = |first_offset| CompletedTransaction { first_offset, last_offset: offset, aborted: !marker.commit };
        let completed = self.new.transaction_start.take().map(ended);
        self.new.enter(epoch);
        self.new.coordinator_epoch = marker.coordinator_epoch;
        self.new.last_timestamp_ms = timestamp_ms;
        Ok(completed)
    }

    /// Takes in a batch or marker as it lies in a log.
    ///
    /// # Errors
    /// As [`Self::batch`] and [`Self::marker`].
    pub fn stored(&mut self, header: &BatchHeader, bytes: &Bytes) -> Result<Option<CompletedTransaction>, ErrorCode> {
        if header.attributes & CONTROL == 0 {
            return self.batch(&sequenced(header)).map(|()| None);
        }
        match end_marker(bytes) {
            Some((marker, timestamp_ms)) => {
                self.marker(marker, header.producer_epoch, header.base_offset, timestamp_ms)
            }
            None => Ok(None),
        }
    }

    fn check_epoch(&self, epoch: i16) -> Result<(), ErrorCode> {
        let old = epoch < self.new.epoch && self.origin != Origin::Replication;
        if old { Err(ErrorCode::INVALID_PRODUCER_EPOCH) } else { Ok(()) }
    }

    fn check_sequence(&self, epoch: i16, first: i32) -> Result<(), ErrorCode> {
        let unknown = self.known.batches.is_empty();
        let in_order = match self.verification {
            Some(verification) if verification.epoch_bump && first != 0 && unknown => false,
            Some(verification) if first > verification.lowest_sequence => false,
            _ if epoch != self.new.epoch => first == 0 || self.new.epoch == NO_EPOCH,
            _ => {
                let last = match self.new.batches.last() {
                    Some(batch) => batch.last_sequence,
                    None if epoch == self.known.epoch => self.known.last_sequence(),
                    None => NO_SEQUENCE,
                };
                let follows = i64::from(first) == i64::from(last) + 1 || (first == 0 && last == i32::MAX);
                self.known.epoch == NO_EPOCH || follows
            }
        };
        if in_order { Ok(()) } else { Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER) }
    }
}

fn last_sequence_of(header: &BatchHeader) -> i32 {
    match header.base_sequence {
        NO_SEQUENCE => NO_SEQUENCE,
        first => sequence_after(first, header.last_offset_delta),
    }
}

fn sequenced(header: &BatchHeader) -> SequencedBatch {
    SequencedBatch {
        epoch: header.producer_epoch,
        first_sequence: header.base_sequence,
        last_sequence: last_sequence_of(header),
        first_offset: header.base_offset,
        last_offset: header.last_offset(),
        timestamp_ms: header.max_timestamp_ms,
        transactional: header.attributes & TRANSACTIONAL != 0,
    }
}

/// Reads the end of a transaction from a control batch: key (version, type: 0 abort, 1 commit), value (version,
/// coordinator epoch). Other control batches are none.
fn end_marker(batch: &Bytes) -> Option<(EndMarker, i64)> {
    let records = records::decode(batch).ok()?;
    let (_, record) = records.into_iter().next()?;
    let (key, value) = (record.key?, record.value?);
    let kind = i16::from_be_bytes(key.get(2..4)?.try_into().ok()?);
    let coordinator_epoch = i32::from_be_bytes(value.get(2..6)?.try_into().ok()?);
    (0..=1).contains(&kind).then_some((EndMarker { commit: kind == 1, coordinator_epoch }, record.timestamp_ms))
}
