//! What makes a producer idempotent (`TransactionManager`, `TxnPartitionEntry`): its id and epoch, and the sequence
//! numbers of its batches by partition.
//!
//! A batch gets its sequence number when it is first sent and keeps it over every retry, so that the leader knows a copy
//! for what it is and takes batches only in their order. When the order cannot be kept, because a batch was given up
//! whose fate is unknown, or a leader has lost what it knew, the producer raises its own epoch, without asking anyone,
//! and numbers what is in flight from 0 again (KIP-360).
//!
//! Transactions are not built yet: the states and the rules here are those of the producer without them.

use super::batch::{Batch, BatchId, Batches};
use crate::base::{OrdMap, SortedMap, SortedSet, TopicPartition};
use crate::wire::records::ProducerStamp;
use crate::wire::{ErrorCode, Treatment};

/// Where a producer is with its id (`TransactionManager.State`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProducerState {
    /// It has no id and has not asked for one.
    #[default]
    Uninitialized,
    /// It asks for one.
    Initializing,
    /// It has one.
    Ready,
    /// What was to be sent failed, and the producer begins again.
    AbortableError(ErrorCode),
    /// Nothing can be sent any more.
    FatalError(ErrorCode),
}

/// No acknowledged sequence number.
const NONE: i32 = -1;

/// What is known of one partition (`TxnPartitionEntry`).
#[derive(Clone, Debug)]
struct Entry {
    producer_id: i64,
    epoch: i16,
    next_sequence: i32,
    last_acked_sequence: i32,
    /// Batches that were sent and are neither acknowledged nor given up, in the order of (id, epoch, sequence).
    in_flight: SortedMap<(i64, i16, i32), BatchId>,
}

impl Default for Entry {
    fn default() -> Self {
        Self { producer_id: -1, epoch: -1, next_sequence: 0, last_acked_sequence: NONE, in_flight: SortedMap::new() }
    }
}

fn key(stamp: ProducerStamp) -> (i64, i16, i32) {
    (stamp.producer_id, stamp.epoch, stamp.base_sequence)
}

impl Entry {
    fn is_next(&self, sequence: i32) -> bool {
        sequence.wrapping_sub(self.last_acked_sequence) == 1
    }

    /// Numbers what is in flight from 0, under another epoch.
    fn start_at_beginning(&mut self, producer_id: i64, epoch: i16, batches: &mut Batches) {
        let mut sequence = 0;
        for id in std::mem::take(&mut self.in_flight).into_values() {
            let batch = batches.get_mut(id);
            let stamp = ProducerStamp { producer_id, epoch, base_sequence: sequence };
            batch.reset_stamp(stamp);
            self.in_flight.insert(key(stamp), id);
            sequence += batch.record_count() as i32;
        }
        (self.producer_id, self.epoch) = (producer_id, epoch);
        self.next_sequence = sequence;
        self.last_acked_sequence = NONE;
    }
}

/// An idempotent producer's id, epoch and sequence numbers.
#[derive(Clone, Debug)]
pub struct TransactionManager {
    state: ProducerState,
    producer_id: i64,
    epoch: i16,
    partitions: OrdMap<TopicPartition, Entry>,
    /// Partitions of which a batch was given up that may have been appended: nothing new is sent to them until it is
    /// known; with the sequence number after that batch.
    unresolved: SortedMap<TopicPartition, i32>,
    bump_required: bool,
    to_rewrite: SortedSet<TopicPartition>,
}

impl Default for TransactionManager {
    fn default() -> Self {
        Self {
            state: ProducerState::Uninitialized,
            producer_id: -1,
            epoch: -1,
            partitions: OrdMap::new(),
            unresolved: SortedMap::new(),
            bump_required: false,
            to_rewrite: SortedSet::new(),
        }
    }
}

impl TransactionManager {
    /// Where it is.
    pub fn state(&self) -> ProducerState {
        self.state
    }

    /// The producer's id; -1 while it has none.
    pub fn producer_id(&self) -> i64 {
        self.producer_id
    }

    /// The producer's epoch; -1 while it has no id.
    pub fn epoch(&self) -> i16 {
        self.epoch
    }

    /// Whether batches can be stamped.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id >= 0 && self.epoch >= 0
    }

    /// It asks for an id.
    pub fn initialize(&mut self) {
        self.state = ProducerState::Initializing;
    }

    /// Takes an answer to InitProducerId; whether it is to be asked again.
    pub fn init_producer_id_answered(&mut self, error: ErrorCode, producer_id: i64, epoch: i16) -> bool {
        match error {
            ErrorCode::NONE => {
                (self.producer_id, self.epoch) = (producer_id, epoch);
                self.state = ProducerState::Ready;
            }
            _ if error.treatment() != Treatment::Fatal => return true,
            ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::TRANSACTION_ABORTABLE => self.state = ProducerState::AbortableError(error),
            // An old coordinator's word for the same.
            ErrorCode::INVALID_PRODUCER_EPOCH => self.state = ProducerState::FatalError(ErrorCode::PRODUCER_FENCED),
            _ => self.state = ProducerState::FatalError(error),
        }
        false
    }

    /// Takes the error with which a batch failed: some end the producer (`maybeTransitionToErrorState`).
    pub fn batch_error(&mut self, error: ErrorCode) {
        if matches!(
            error,
            ErrorCode::CLUSTER_AUTHORIZATION_FAILED
                | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                | ErrorCode::PRODUCER_FENCED
                | ErrorCode::UNSUPPORTED_VERSION
                | ErrorCode::INVALID_PRODUCER_ID_MAPPING
        ) {
            self.state = ProducerState::FatalError(error);
        }
    }

    /// What was to be sent has failed; it begins again.
    pub(super) fn reset_state(&mut self) {
        self.state = ProducerState::Uninitialized;
    }

    fn is_fatal(&self) -> bool {
        matches!(self.state, ProducerState::FatalError(_))
    }

    fn entry(&mut self, partition: &TopicPartition) -> &mut Entry {
        self.partitions.entry(partition.clone()).or_default()
    }

    /// Whether nothing of the partition may be sent now; `first` is the first in its queue
    /// (`shouldStopDrainBatchesForPartition`).
    pub(super) fn stops(&self, partition: &TopicPartition, first: &Batch) -> bool {
        if self.is_fatal() || !self.has_producer_id() {
            return true;
        }
        let entry = self.partitions.get(partition);
        let first_in_flight = entry.and_then(|entry| entry.in_flight.keys().next()).map(|(_, _, sequence)| *sequence);
        if first.has_sequence() {
            // It was sent before: it waits until it is the next in the sequence. So retries go one by one.
            return first_in_flight.is_some_and(|sequence| sequence != first.stamp().base_sequence);
        }
        let stale = entry.is_none_or(|entry| (entry.producer_id, entry.epoch) != (self.producer_id, self.epoch));
        // A batch of a new epoch must not overtake those of the old one.
        (first_in_flight.is_some() && stale) || self.unresolved.contains_key(partition)
    }

    /// Gives a batch that is sent for the first time its place in the sequence.
    pub(super) fn number(&mut self, partition: &TopicPartition, id: BatchId, batches: &mut Batches) {
        let (producer_id, epoch) = (self.producer_id, self.epoch);
        let entry = self.entry(partition);
        if (entry.producer_id, entry.epoch) != (producer_id, epoch) && entry.in_flight.is_empty() {
            entry.start_at_beginning(producer_id, epoch, batches);
        }
        let batch = batches.get_mut(id);
        let stamp = ProducerStamp { producer_id, epoch, base_sequence: entry.next_sequence };
        batch.set_stamp(stamp);
        entry.next_sequence = sequence_after(entry.next_sequence, batch.record_count() as i32);
        entry.in_flight.insert(key(stamp), id);
    }

    /// Follows a batch that has its sequence number: a part of one that was split.
    pub(super) fn track(&mut self, partition: &TopicPartition, stamp: ProducerStamp, id: BatchId) {
        self.entry(partition).in_flight.insert(key(stamp), id);
    }

    pub(super) fn forget(&mut self, partition: &TopicPartition, stamp: ProducerStamp) {
        self.entry(partition).in_flight.remove(&key(stamp));
    }

    /// A batch was acknowledged, or found to have been before.
    pub(super) fn completed(&mut self, partition: &TopicPartition, stamp: ProducerStamp, records: u32) {
        let entry = self.entry(partition);
        let last_sequence = stamp.base_sequence.wrapping_add(records as i32 - 1);
        entry.last_acked_sequence = entry.last_acked_sequence.max(last_sequence);
        entry.in_flight.remove(&key(stamp));
    }

    /// A batch was given up. `adjust` when it is certain that no leader has it.
    pub(super) fn failed(&mut self, partition: &TopicPartition, stamp: ProducerStamp, error: ErrorCode, adjust: bool) {
        self.batch_error(error);
        self.forget(partition, stamp);
        if self.is_fatal() {
            return;
        }
        if error == ErrorCode::UNKNOWN_PRODUCER_ID {
            self.partitions.remove(partition);
            self.unresolved.remove(partition);
        } else if error == ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER || adjust {
            self.request_bump(partition);
        }
    }

    /// Asks for an epoch bump, after which what is in flight to the partition begins at 0.
    fn request_bump(&mut self, partition: &TopicPartition) {
        self.bump_required = true;
        self.to_rewrite.insert(partition.clone());
    }

    /// Whether a batch that got an error is to be sent again. Requests an epoch bump where nothing else helps.
    pub(super) fn can_retry(&mut self, batch: &Batch, error: ErrorCode, log_start_offset: i64) -> bool {
        match error {
            ErrorCode::UNKNOWN_PRODUCER_ID => {
                // Without the log's start nothing can be told. And when the first in flight has been renumbered, the
                // others come back with this error too.
                if log_start_offset != -1 && !batch.sequence_has_been_reset() {
                    self.request_bump(&batch.partition);
                }
                true
            }
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => {
                let sequence = batch.stamp().base_sequence;
                let unresolved = self.unresolved.get(&batch.partition).copied();
                let is_next = self.entry(&batch.partition).is_next(sequence);
                let out_of_turn = unresolved.is_none() && (batch.sequence_has_been_reset() || !is_next);
                // A batch that overtook another only waits for it. One whose turn it is shows a gap in the log.
                if !out_of_turn && unresolved.is_none_or(|next| next == sequence) {
                    self.request_bump(&batch.partition);
                }
                true
            }
            _ => error.treatment() != Treatment::Fatal,
        }
    }

    /// A batch was given up that a leader may have appended.
    pub(super) fn mark_unresolved(&mut self, batch: &Batch) {
        let next = batch.last_sequence().wrapping_add(1);
        let known = self.unresolved.entry(batch.partition.clone()).or_insert(next);
        *known = (*known).max(next);
    }

    /// Looks whether the fate of what was given up is known by now: when nothing is in flight any more. If the last
    /// that was acknowledged is the last that was sent, nothing is missing; else the epoch is bumped.
    pub(super) fn resolve_sequences(&mut self) {
        for partition in self.unresolved.keys().cloned().collect::<Vec<_>>() {
            let entry = self.entry(&partition);
            if !entry.in_flight.is_empty() {
                continue;
            }
            let nothing_missing = entry.is_next(entry.next_sequence);
            self.unresolved.remove(&partition);
            if !nothing_missing {
                self.request_bump(&partition);
            }
        }
    }

    /// Carries out a bump that was asked for; whether there was one. At the last epoch there is, the producer gives its
    /// id up and will ask for another.
    pub(super) fn bump_if_required(&mut self, batches: &mut Batches) -> bool {
        if !std::mem::take(&mut self.bump_required) {
            return false;
        }
        if self.epoch == i16::MAX {
            (self.producer_id, self.epoch) = (-1, -1);
            self.state = ProducerState::Uninitialized;
        } else {
            self.epoch += 1;
        }
        let (producer_id, epoch) = (self.producer_id, self.epoch);
        for partition in std::mem::take(&mut self.to_rewrite) {
            self.entry(&partition).start_at_beginning(producer_id, epoch, batches);
            self.unresolved.remove(&partition);
        }
        true
    }
}

/// The sequence number `step` after another; after the last comes 0.
fn sequence_after(sequence: i32, step: i32) -> i32 {
    if sequence > i32::MAX - step { step - (i32::MAX - sequence) - 1 } else { sequence + step }
}

#[cfg(test)]
mod tests {
    use super::super::batch::Codec;
    use super::*;
    use crate::base::SimTime;
    use crate::wire::Compression;
    use crate::wire::records::Record;

    fn tp() -> TopicPartition {
        TopicPartition::new("t", 0)
    }

    struct Lab {
        manager: TransactionManager,
        batches: Batches,
    }

    impl Lab {
        fn new() -> Self {
            let mut manager = TransactionManager::default();
            manager.initialize();
            assert!(!manager.init_producer_id_answered(ErrorCode::NONE, 7, 0));
            Self { manager, batches: Batches::default() }
        }

        /// Sends a batch of some records for the first time.
        fn send(&mut self, records: usize) -> BatchId {
            let codec = Codec { compression: Compression::None, level: 0 };
            let mut batch = Batch::new(tp(), codec, 1.0, 10_000, SimTime::ZERO);
            (0..records).for_each(|_| assert!(batch.try_append(&Record::default())));
            let id = self.batches.add(batch);
            assert!(!self.manager.stops(&tp(), self.batches.get(id)));
            self.manager.number(&tp(), id, &mut self.batches);
            self.batches.get_mut(id).close();
            id
        }

        fn stamp(&self, id: BatchId) -> (i16, i32) {
            let stamp = self.batches.get(id).stamp();
            (stamp.epoch, stamp.base_sequence)
        }

        fn complete(&mut self, id: BatchId) {
            let batch = self.batches.remove(id).expect("it is there");
            self.manager.completed(&tp(), batch.stamp(), batch.record_count());
        }

        fn retries(&mut self, id: BatchId, error: ErrorCode) -> bool {
            let Self { manager, batches } = self;
            manager.can_retry(batches.get(id), error, 0)
        }
    }

    #[test]
    fn a_batch_that_overtook_another_waits_for_it() {
        let mut lab = Lab::new();
        let ids = [lab.send(2), lab.send(3), lab.send(1)];
        assert_eq!(ids.map(|id| lab.stamp(id)), [(0, 0), (0, 2), (0, 5)]);
        assert!(lab.retries(ids[1], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert!(!lab.manager.bump_if_required(&mut lab.batches), "no gap: the first was only slow");
        assert!(lab.manager.stops(&tp(), lab.batches.get(ids[1])), "retries go one by one");
        assert!(!lab.manager.stops(&tp(), lab.batches.get(ids[0])));
        lab.complete(ids[0]);
        assert!(!lab.manager.stops(&tp(), lab.batches.get(ids[1])));
    }

    #[test]
    fn a_gap_in_the_log_raises_the_epoch() {
        let mut lab = Lab::new();
        let first = lab.send(2);
        lab.complete(first);
        let ids = [lab.send(3), lab.send(1)];
        assert!(lab.retries(ids[0], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert!(lab.manager.bump_if_required(&mut lab.batches));
        assert_eq!(ids.map(|id| lab.stamp(id)), [(1, 0), (1, 3)]);
        assert_eq!(lab.manager.epoch(), 1);
        let (bytes, crc) = lab.batches.get(ids[1]).packed();
        let header = crate::wire::records::check_crc(&bytes).expect("it is whole");
        assert_eq!((header.producer_epoch, header.base_sequence, header.crc), (1, 3, crc));
        // The second comes back too, from before the bump: no reason for another.
        assert!(lab.retries(ids[1], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert!(!lab.manager.bump_if_required(&mut lab.batches));
    }

    #[test]
    fn what_was_given_up_in_a_retry_holds_the_partition_until_all_is_known() {
        let mut lab = Lab::new();
        let ids = [lab.send(1), lab.send(1)];
        let batch = lab.batches.remove(ids[0]).expect("it is there");
        lab.manager.failed(&tp(), batch.stamp(), ErrorCode::REQUEST_TIMED_OUT, false);
        lab.manager.mark_unresolved(&batch);
        lab.manager.resolve_sequences();
        let fresh = Batch::new(tp(), Codec { compression: Compression::None, level: 0 }, 1.0, 100, SimTime::ZERO);
        assert!(lab.manager.stops(&tp(), &fresh), "the second is still in flight");
        lab.complete(ids[1]);
        lab.manager.resolve_sequences();
        assert!(!lab.manager.bump_if_required(&mut lab.batches), "the second was taken, so the first was");
        assert!(!lab.manager.stops(&tp(), &fresh));
    }

    #[test]
    fn when_nothing_tells_the_fate_of_what_was_given_up_the_epoch_goes_up() {
        let mut lab = Lab::new();
        let id = lab.send(4);
        let batch = lab.batches.remove(id).expect("it is there");
        lab.manager.failed(&tp(), batch.stamp(), ErrorCode::REQUEST_TIMED_OUT, false);
        lab.manager.mark_unresolved(&batch);
        lab.manager.resolve_sequences();
        assert!(lab.manager.bump_if_required(&mut lab.batches));
        let next = lab.send(1);
        assert_eq!(lab.stamp(next), (1, 0));
    }

    #[test]
    fn a_new_epoch_does_not_overtake_the_old_one() {
        let mut lab = Lab::new();
        let other = TopicPartition::new("t", 1);
        let id = lab.send(1);
        lab.manager.request_bump(&other);
        assert!(lab.manager.bump_if_required(&mut lab.batches));
        assert_eq!(lab.stamp(id), (0, 0), "only the partition that asked is renumbered");
        let fresh = Batch::new(tp(), Codec { compression: Compression::None, level: 0 }, 1.0, 100, SimTime::ZERO);
        assert!(lab.manager.stops(&tp(), &fresh));
        lab.complete(id);
        let next = lab.send(1);
        assert_eq!(lab.stamp(next), (1, 0));
    }

    #[test]
    fn the_last_epoch_ends_the_id_and_sequences_go_round() {
        let mut lab = Lab::new();
        lab.manager.epoch = i16::MAX;
        lab.manager.request_bump(&tp());
        assert!(lab.manager.bump_if_required(&mut lab.batches));
        assert!(!lab.manager.has_producer_id());
        assert_eq!(lab.manager.state(), ProducerState::Uninitialized);
        assert_eq!(sequence_after(i32::MAX, 1), 0);
        assert_eq!(sequence_after(i32::MAX - 1, 4), 2);
    }
}
