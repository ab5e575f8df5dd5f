//! A batch: records on their way to one partition (`ProducerBatch`, `MemoryRecordsBuilder`).

use crate::base::{OrdMap, SimDuration, SimTime, TopicPartition, Vector};
use crate::wire::Compression;
use crate::wire::records::{self, HEADER_LEN, ProducerStamp, Record};
use bytes::Bytes;
use std::sync::Arc;

/// A batch's name within its producer, in the order in which they came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BatchId(pub(super) u64);

/// How a producer compresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codec {
    pub(super) compression: Compression,
    pub(super) level: i32,
}

/// The estimate of a compressed size is taken a little larger than the last batches were
/// (`COMPRESSION_RATE_ESTIMATION_FACTOR`).
const ESTIMATION_FACTOR: f32 = 1.05;

/// Records on their way to one partition.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) partition: TopicPartition,
    records: Vector<Record>,
    /// What the records take in a batch before they are compressed.
    records_size: usize,
    /// No record is added beyond this size, but the first.
    write_limit: usize,
    /// What it holds of `buffer.memory`.
    pub(super) memory: u64,
    pub(super) created_at: SimTime,
    last_attempt_at: SimTime,
    /// How long it waits after the last attempt.
    backoff: SimDuration,
    /// How often it came back to be sent again.
    pub(super) attempts: u32,
    /// Nothing more is added to it.
    closed: bool,
    codec: Codec,
    /// What one byte of records is expected to take compressed.
    estimated_ratio: f32,
    /// As it is sent.
    packed: Option<Bytes>,
    stamp: ProducerStamp,
    /// Its sequence number was changed since it was last sent.
    reopened: bool,
    leader_epoch: Option<i32>,
    attempts_at_leader_change: u32,
}

impl Batch {
    /// An empty batch. `size` is what its first record may take at least.
    pub(super) fn new(
        partition: TopicPartition,
        codec: Codec,
        estimated_ratio: f32,
        size: usize,
        now: SimTime,
    ) -> Self {
        Self {
            partition,
            records: Vector::new(),
            records_size: 0,
            write_limit: size,
            memory: 0,
            created_at: now,
            last_attempt_at: now,
            backoff: SimDuration::ZERO,
            attempts: 0,
            closed: false,
            codec,
            estimated_ratio,
            packed: None,
            stamp: ProducerStamp::NONE,
            reopened: false,
            leader_epoch: None,
            attempts_at_leader_change: 0,
        }
    }

    /// Adds a record; false when there is no room, and then there never will be.
    pub(super) fn try_append(&mut self, record: &Record) -> bool {
        let first = self.records.front().unwrap_or(record).timestamp_ms;
        let size = records::record_size(record, record.timestamp_ms.wrapping_sub(first), self.records.len() as i64);
        let room = self.records.is_empty() || self.estimated_size() + size <= self.write_limit;
        if self.is_full() || !room {
            self.closed = true;
            return false;
        }
        self.records_size += size;
        self.records.push_back(record.clone());
        true
    }

    /// Its size in bytes, as far as it is known.
    pub(super) fn estimated_size(&self) -> usize {
        match (&self.packed, self.codec.compression) {
            (Some(bytes), _) => bytes.len(),
            (None, Compression::None) => HEADER_LEN + self.records_size,
            (None, _) => HEADER_LEN + (self.records_size as f32 * self.estimated_ratio * ESTIMATION_FACTOR) as usize,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.closed || (!self.records.is_empty() && self.write_limit <= self.estimated_size())
    }

    pub(super) fn record_count(&self) -> u32 {
        self.records.len() as u32
    }

    /// Closes it and makes it what is sent; returns how well it compressed the first time.
    pub(super) fn close(&mut self) -> Option<f32> {
        self.closed = true;
        self.reopened = false;
        if self.packed.is_some() {
            return None;
        }
        let Codec { compression, level } = self.codec;
        let bytes = records::build_with(self.records.iter(), compression, level, self.stamp);
        let ratio = (bytes.len() - HEADER_LEN) as f32 / self.records_size as f32;
        self.packed = Some(bytes);
        Some(ratio)
    }

    /// What is sent, and its checksum.
    ///
    /// # Panics
    /// When the batch is not closed.
    pub(super) fn packed(&self) -> (Bytes, u32) {
        let bytes = self.packed.clone().expect("a batch is closed before it is sent");
        let crc = records::header(&bytes).expect("it was just built").crc;
        (bytes, crc)
    }

    /// How much smaller its records became; 1 before it was closed.
    pub(super) fn compression_ratio(&self) -> f32 {
        self.packed.as_ref().map_or(1.0, |bytes| (bytes.len() - HEADER_LEN) as f32 / self.records_size as f32)
    }

    pub(super) fn stamp(&self) -> ProducerStamp {
        self.stamp
    }

    pub(super) fn has_sequence(&self) -> bool {
        self.stamp.base_sequence >= 0
    }

    /// Sequence number of its last record. Java lets it overflow, and so do we.
    pub(super) fn last_sequence(&self) -> i32 {
        self.stamp.base_sequence.wrapping_add(self.records.len() as i32 - 1)
    }

    /// Gives it its place in its producer's sequence.
    pub(super) fn set_stamp(&mut self, stamp: ProducerStamp) {
        self.stamp = stamp;
        self.packed = self.packed.as_ref().map(|bytes| records::restamp(bytes, stamp));
    }

    /// Gives it another place in another sequence, after it was sent.
    pub(super) fn reset_stamp(&mut self, stamp: ProducerStamp) {
        self.reopened = true;
        self.set_stamp(stamp);
    }

    /// Whether its sequence number was changed since it was sent.
    pub(super) fn sequence_has_been_reset(&self) -> bool {
        self.reopened
    }

    /// It came back and waits to be sent again.
    pub(super) fn reenqueued(&mut self, now: SimTime, backoff: SimDuration) {
        self.attempts += 1;
        self.last_attempt_at = now;
        self.backoff = backoff;
    }

    /// Notes the epoch of the leader that it would go to (KIP-951).
    pub(super) fn note_leader_epoch(&mut self, latest: Option<i32>) {
        if latest.is_some() && self.leader_epoch < latest {
            self.attempts_at_leader_change = self.attempts;
            self.leader_epoch = latest;
        }
    }

    /// Until when it must not be sent: a retry waits, but not when a new leader is known since the last attempt.
    pub(super) fn backs_off_until(&self) -> Option<SimTime> {
        let to_a_new_leader = self.attempts == self.attempts_at_leader_change;
        (self.attempts > 0 && !to_a_new_leader).then(|| self.last_attempt_at + self.backoff)
    }

    /// When it has lingered long enough.
    pub(super) fn lingers_until(&self, linger: SimDuration) -> SimTime {
        self.last_attempt_at + linger
    }

    /// Divides its records into batches of `size`, in order (`ProducerBatch.split`).
    pub(super) fn split(&self, size: usize, estimated_ratio: f32) -> Vec<Self> {
        let room = |record: &Record| size.max(HEADER_LEN + records::size_upper_bound(record));
        let begin =
            |record| Self::new(self.partition.clone(), self.codec, estimated_ratio, room(record), self.created_at);
        let mut parts: Vec<Self> = Vec::new();
        for record in &self.records {
            if !parts.last_mut().is_some_and(|part| part.try_append(record)) {
                let mut part = begin(record);
                assert!(part.try_append(record), "a new batch takes any record");
                parts.push(part);
            }
        }
        let mut sequence = self.stamp.base_sequence;
        for part in &mut parts {
            part.closed = true;
            if self.has_sequence() {
                part.stamp = ProducerStamp { base_sequence: sequence, ..self.stamp };
                sequence += part.records.len() as i32;
            }
        }
        parts
    }
}

/// Every batch that is neither acknowledged nor given up, by name. Queues, requests in flight and sequences name them.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches {
    batches: OrdMap<BatchId, Arc<Batch>>,
    next: u64,
}

impl Batches {
    pub(super) fn add(&mut self, batch: Batch) -> BatchId {
        let id = BatchId(self.next);
        self.next += 1;
        self.batches.insert(id, Arc::new(batch));
        id
    }

    pub(super) fn find(&self, id: BatchId) -> Option<&Batch> {
        self.batches.get(&id).map(|batch| &**batch)
    }

    /// A batch that is there.
    pub(super) fn get(&self, id: BatchId) -> &Batch {
        self.find(id).expect("a batch that is queued or tracked is there")
    }

    pub(super) fn get_mut(&mut self, id: BatchId) -> &mut Batch {
        Arc::make_mut(self.batches.get_mut(&id).expect("a batch that is queued or tracked is there"))
    }

    /// Notes the epoch of the leader that a batch would go to.
    pub(super) fn note_leader_epoch(&mut self, id: BatchId, latest: Option<i32>) {
        if self.get(id).leader_epoch < latest {
            self.get_mut(id).note_leader_epoch(latest);
        }
    }

    /// The name of the next batch to be.
    pub(super) fn next(&self) -> BatchId {
        BatchId(self.next)
    }

    pub(super) fn remove(&mut self, id: BatchId) -> Option<Arc<Batch>> {
        self.batches.remove(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Their names, oldest first.
    pub(super) fn ids(&self) -> impl Iterator<Item = BatchId> {
        self.batches.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Codec = Codec { compression: Compression::None, level: 0 };

    fn record(size: usize) -> Record {
        Record { timestamp_ms: 7, value: Some(vec![b'v'; size].into()), ..Record::default() }
    }

    fn batch(codec: Codec, size: usize) -> Batch {
        Batch::new(TopicPartition::new("t", 0), codec, 1.0, size, SimTime::ZERO)
    }

    #[test]
    fn the_size_is_known_before_it_is_built() {
        let mut batch = batch(PLAIN, 10_000);
        for n in 0..100 {
            assert!(batch.try_append(&record(n)), "{n}");
        }
        let expected = batch.estimated_size();
        batch.close();
        assert_eq!(batch.packed().0.len(), expected);
        assert!(!batch.try_append(&record(1)), "nothing is added to what is closed");
    }

    #[test]
    fn one_record_always_fits_and_a_full_batch_takes_no_more() {
        let mut batch = batch(PLAIN, 100);
        assert!(batch.try_append(&record(1_000)) && batch.is_full() && !batch.try_append(&record(0)));
        // 61 bytes of header, and nine for an empty record and its length.
        let mut small = super::tests::batch(PLAIN, 61 + 9 * 3);
        let taken = (0..10).filter(|_| small.try_append(&record(2))).count();
        assert_eq!(taken, 3);
    }

    #[test]
    fn an_estimate_lets_more_records_in() {
        let gzip = Codec { compression: Compression::Gzip, level: -1 };
        let mut batch = Batch { estimated_ratio: 0.1, ..batch(gzip, 1_000) };
        let taken = (0..1_000).take_while(|_| batch.try_append(&record(50))).count();
        assert!(taken > 100, "{taken} records of 50 bytes in a batch of 1000");
        let ratio = batch.close().expect("it was not closed before");
        assert!(ratio < 0.1 && batch.close().is_none() && batch.compression_ratio() == ratio);
    }

    #[test]
    fn a_split_keeps_the_order_and_the_sequence() {
        let mut whole = batch(PLAIN, 10_000);
        (0..20).for_each(|n| assert!(whole.try_append(&record(n))));
        whole.set_stamp(ProducerStamp { producer_id: 4, epoch: 1, base_sequence: 100 });
        let parts = whole.split(160, 1.0);
        assert!(parts.len() > 2 && parts.iter().all(Batch::is_full));
        let mut sequence = 100;
        let mut lengths = Vec::new();
        for part in &parts {
            assert_eq!((part.stamp.base_sequence, part.created_at), (sequence, whole.created_at));
            sequence = part.last_sequence() + 1;
            lengths.extend(part.records.iter().map(|record| record.value.as_ref().map_or(0, Bytes::len)));
        }
        assert_eq!(lengths, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_retry_waits_but_not_for_a_new_leader() {
        let mut batch = batch(PLAIN, 100);
        batch.note_leader_epoch(Some(3));
        assert_eq!(batch.backs_off_until(), None);
        batch.reenqueued(SimTime(1_000), SimDuration(50));
        batch.note_leader_epoch(Some(3));
        assert_eq!(batch.backs_off_until(), Some(SimTime(1_050)));
        batch.note_leader_epoch(Some(4));
        assert_eq!(batch.backs_off_until(), None);
        batch.reenqueued(SimTime(2_000), SimDuration(50));
        batch.note_leader_epoch(Some(4));
        assert_eq!(batch.backs_off_until(), Some(SimTime(2_050)));
    }
}
