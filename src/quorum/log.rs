//! The metadata log of one replica: its batches, where each leader epoch begins, and its snapshots.

use crate::base::{SortedMap, Vector};
use crate::machine::Fact;
use crate::wire::VersionedRecord;
use crate::wire::records::{self, BatchHeader};
use bytes::{Bytes, BytesMut};

/// An offset with the epoch of the record before it: the end of a log, or of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OffsetAndEpoch {
    /// The offset.
    pub offset: i64,
    /// The epoch.
    pub epoch: i32,
}

/// By epoch first: the log that ends in the later epoch is the more complete one, then the longer.
impl Ord for OffsetAndEpoch {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.epoch, self.offset).cmp(&(other.epoch, other.offset))
    }
}

impl PartialOrd for OffsetAndEpoch {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// How a follower's end of log compares to the leader's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It is a prefix: the fetch can be served.
    Valid,
    /// The logs part: the leader's end of the last epoch that both may have. The follower cuts its log back to it.
    Diverging(OffsetAndEpoch),
    /// It lies before the leader's log: the follower must take this snapshot first.
    Snapshot(OffsetAndEpoch),
}

/// A batch of the log.
#[derive(Clone, Debug)]
pub struct LogBatch {
    /// Its header.
    pub header: BatchHeader,
    /// The whole batch.
    pub bytes: Bytes,
}

impl LogBatch {
    /// That a node knows the batch to be committed, as the trace tells it.
    pub fn committed_fact(&self) -> Fact {
        Fact::MetadataCommitted {
            base_offset: self.header.base_offset,
            last_offset: self.header.last_offset(),
            epoch: self.header.leader_epoch,
            crc: self.header.crc,
        }
    }

    /// Its metadata records with their offsets; none of a control batch.
    ///
    /// # Panics
    /// When it cannot be read: a metadata log holds what a controller wrote, checked on its way.
    pub fn metadata_records(&self) -> Vec<(i64, VersionedRecord)> {
        if self.header.is_control() {
            return Vec::new();
        }
        let records = records::decode(&self.bytes).expect("the metadata log holds sound batches");
        let decode = |(offset, record): (i64, records::Record)| {
            let value = record.value.expect("a metadata record has a value");
            (offset, VersionedRecord::decode(&value).expect("a metadata record can be read"))
        };
        records.into_iter().map(decode).collect()
    }
}

/// The metadata log of one replica. It survives the replica's process, up to what was flushed; cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct MetadataLog {
    start_offset: i64,
    end_offset: i64,
    flushed: i64,
    high_watermark: i64,
    batches: Vector<LogBatch>,
    /// Each epoch with the offset at which it begins.
    epochs: Vector<(i32, i64)>,
    snapshots: SortedMap<OffsetAndEpoch, Bytes>,
}

impl MetadataLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Offset of its first record.
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// Offset that the next record will get.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// Epoch of the last record, or of the leadership that began at the log's end (`lastFetchedEpoch`).
    pub fn last_epoch(&self) -> i32 {
        let latest = self.epochs.back().map(|(epoch, _)| *epoch);
        latest.or(self.latest_snapshot().map(|id| id.epoch)).unwrap_or(0)
    }

    /// The end with the last epoch.
    pub fn end(&self) -> OffsetAndEpoch {
        OffsetAndEpoch { offset: self.end_offset, epoch: self.last_epoch() }
    }

    /// The highest offset below which this replica knows everything to be committed. It never falls while the process
    /// runs, unlike the high watermark that a new leader does not know yet.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Its batches, oldest first, from the one that holds `offset`.
    pub fn batches_from(&self, offset: i64) -> impl Iterator<Item = &LogBatch> {
        let first = match self.batches.binary_search_by_key(&offset, |batch| batch.header.last_offset()) {
            Ok(at) | Err(at) => at,
        };
        (first..self.batches.len()).map(|at| &self.batches[at])
    }

    /// Reads whole batches from `offset`, at most `max_bytes` but at least one.
    pub fn read(&self, offset: i64, max_bytes: usize) -> Bytes {
        let mut batches = self.batches_from(offset).peekable();
        let Some(first) = batches.next() else { return Bytes::new() };
        // One batch is what a replica mostly lacks: all replicas then share its bytes.
        if batches.peek().is_none_or(|second| first.bytes.len() + second.bytes.len() > max_bytes) {
            return first.bytes.clone();
        }
        let mut out = BytesMut::from(&first.bytes[..]);
        for batch in batches {
            if out.len() + batch.bytes.len() > max_bytes {
                break;
            }
            out.extend_from_slice(&batch.bytes);
        }
        out.freeze()
    }

    /// Appends a batch as the leader of `epoch`: gives it the next offsets and the epoch.
    pub(super) fn append_as_leader(&mut self, batch: &Bytes, epoch: i32) {
        let bytes = records::stamp(batch, self.end_offset, epoch);
        let header = records::header(&bytes).expect("a leader builds whole batches");
        self.push(LogBatch { header, bytes });
        self.flush();
    }

    /// Appends what a leader of `epoch` sent. What is corrupt, or of a later epoch than the leader's, is left out with
    /// all that follows. False when the offsets do not go on from the log's end.
    pub(super) fn append_as_follower(&mut self, sent: Bytes, epoch: i32) -> bool {
        for (_, bytes) in records::split(sent).unwrap_or_default() {
            let Ok(header) = records::check_crc(&bytes) else { return true };
            if header.leader_epoch > epoch {
                return true;
            }
            if header.base_offset != self.end_offset {
                return false;
            }
            self.push(LogBatch { header, bytes });
        }
        true
    }

    fn push(&mut self, batch: LogBatch) {
        self.begin_epoch(batch.header.leader_epoch);
        self.end_offset = batch.header.next_offset();
        self.batches.push_back(batch);
    }

    /// Notes that a new leadership begins at the log's end.
    pub(super) fn begin_epoch(&mut self, epoch: i32) {
        if self.epochs.back().is_none_or(|(last, _)| *last < epoch) {
            while self.epochs.back().is_some_and(|(_, start)| *start >= self.end_offset) {
                self.epochs.pop_back();
            }
            self.epochs.push_back((epoch, self.end_offset));
        }
    }

    /// Makes everything in the log durable.
    pub(super) fn flush(&mut self) {
        self.flushed = self.end_offset;
    }

    /// The log as a process finds it that starts after another's end: all that was written. What of it is committed it
    /// must learn anew.
    pub fn reopened(&self) -> Self {
        let mut log = self.clone();
        log.truncate(log.end_offset);
        log.high_watermark = log.start_offset;
        log
    }

    /// The log as a process finds it that starts after the host lost its power: what was flushed. Voters flush with every
    /// append, observers do not.
    pub fn after_power_loss(&self) -> Self {
        let mut log = self.reopened();
        log.truncate(log.flushed.max(log.start_offset));
        log
    }

    /// Raises the committed offset.
    pub(super) fn commit(&mut self, offset: i64) {
        self.high_watermark = self.high_watermark.max(offset);
    }

    /// Where `epoch` ends here: its last offset plus one, or the end of the last epoch before it.
    pub fn end_of_epoch(&self, epoch: i32) -> OffsetAndEpoch {
        if epoch >= self.last_epoch() {
            return self.end();
        }
        let later = self.epochs.iter().position(|(e, _)| *e > epoch);
        let end = later.map_or(self.end_offset, |at| self.epochs[at].1);
        match later.and_then(|at| at.checked_sub(1)) {
            Some(at) => OffsetAndEpoch { offset: end, epoch: self.epochs[at].0 },
            None => match self.earliest_snapshot() {
                Some(oldest) if oldest.offset == end => oldest,
                _ => OffsetAndEpoch { offset: end, epoch },
            },
        }
    }

    /// Compares a follower's end of log to this one.
    pub fn validate(&self, offset: i64, epoch: i32) -> Validity {
        if self.start_offset == 0 && offset == 0 {
            return Validity::Valid;
        }
        if let Some(oldest) = self.earliest_snapshot() {
            let before = offset < self.start_offset || epoch < oldest.epoch;
            if before || (offset == self.start_offset && epoch != oldest.epoch) {
                return Validity::Snapshot(self.latest_snapshot().expect("there is an earliest"));
            }
        }
        let end = self.end_of_epoch(epoch);
        if end.epoch == epoch && end.offset >= offset { Validity::Valid } else { Validity::Diverging(end) }
    }

    /// Where to cut this log when the leader's log ends an epoch at `leaders`.
    pub(super) fn divergence(&self, leaders: OffsetAndEpoch) -> i64 {
        if leaders.epoch == 0 {
            return leaders.offset.min(self.end_offset);
        }
        let own = self.end_of_epoch(leaders.epoch);
        if own.epoch == leaders.epoch { own.offset.min(leaders.offset) } else { own.offset }
    }

    /// Drops everything from `offset` on.
    pub(super) fn truncate(&mut self, offset: i64) {
        while self.batches.back().is_some_and(|batch| batch.header.last_offset() >= offset) {
            self.batches.pop_back();
        }
        while self.epochs.back().is_some_and(|(_, start)| *start >= offset) {
            self.epochs.pop_back();
        }
        let last = self.batches.back().map_or(self.start_offset, |batch| batch.header.next_offset());
        self.end_offset = last;
        self.flushed = self.flushed.min(last);
    }
}

/// Snapshots (KIP-630): the state up to an offset, in place of the log before it.
impl MetadataLog {
    /// The newest snapshot.
    pub fn latest_snapshot(&self) -> Option<OffsetAndEpoch> {
        self.snapshots.last_key_value().map(|(id, _)| *id)
    }

    /// The oldest snapshot.
    pub fn earliest_snapshot(&self) -> Option<OffsetAndEpoch> {
        self.snapshots.first_key_value().map(|(id, _)| *id)
    }

    /// A snapshot's content.
    pub fn snapshot(&self, id: OffsetAndEpoch) -> Option<&Bytes> {
        self.snapshots.get(&id)
    }

    /// Keeps a snapshot of the committed state up to `offset`, and drops the log and the snapshots before it.
    ///
    /// # Panics
    /// When the offset is not committed here.
    pub fn keep_snapshot(&mut self, offset: i64, content: Bytes) {
        assert!(
            (self.start_offset..=self.high_watermark).contains(&offset),
            "a snapshot up to {offset} of a log that is committed up to {}",
            self.high_watermark
        );
        let epoch = self.epochs.iter().rev().find(|(_, start)| *start < offset).map_or(0, |(epoch, _)| *epoch);
        self.snapshots = SortedMap::from([(OffsetAndEpoch { offset, epoch }, content)]);
        while self.batches.front().is_some_and(|batch| batch.header.last_offset() < offset) {
            self.batches.pop_front();
        }
        while self.epochs.len() > 1 && self.epochs[1].1 <= offset {
            self.epochs.pop_front();
        }
        if let Some((_, start)) = self.epochs.front_mut() {
            *start = (*start).max(offset);
        }
        self.start_offset = offset;
    }

    /// Takes a leader's snapshot in place of the whole log.
    pub(super) fn restart_at(&mut self, id: OffsetAndEpoch, content: Bytes) {
        *self = Self {
            start_offset: id.offset,
            end_offset: id.offset,
            flushed: id.offset,
            high_watermark: id.offset.max(self.high_watermark),
            snapshots: SortedMap::from([(id, content)]),
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::Record;

    /// A log whose epochs end at the given offsets, each batch one record.
    fn log(epochs: &[(i32, i64)]) -> MetadataLog {
        let mut log = MetadataLog::new();
        for (epoch, end) in epochs {
            while log.end_offset() < *end {
                log.append_as_leader(&records::build(&[Record::default()]), *epoch);
            }
        }
        log
    }

    fn at(offset: i64, epoch: i32) -> OffsetAndEpoch {
        OffsetAndEpoch { offset, epoch }
    }

    #[test]
    fn epochs_end_where_the_next_begins() {
        let log = log(&[(1, 3), (4, 5), (6, 9)]);
        let ends: Vec<_> = (0..=7).map(|epoch| log.end_of_epoch(epoch)).collect();
        let (one, four, six) = (at(3, 1), at(5, 4), at(9, 6));
        assert_eq!(ends, [at(0, 0), one, one, one, four, four, six, six]);
    }

    #[test]
    fn a_fetch_is_valid_on_a_common_prefix_alone() {
        let log = log(&[(1, 3), (4, 5), (6, 9)]);
        for (offset, epoch) in [(0, 0), (0, 9), (2, 1), (3, 1), (5, 4), (9, 6)] {
            assert_eq!(log.validate(offset, epoch), Validity::Valid, "{offset} in epoch {epoch}");
        }
        assert_eq!(log.validate(4, 1), Validity::Diverging(at(3, 1)), "longer in the epoch");
        assert_eq!(log.validate(4, 3), Validity::Diverging(at(3, 1)), "an epoch that is not here");
        assert_eq!(log.validate(10, 6), Validity::Diverging(at(9, 6)));
        assert_eq!(log.validate(1, 0), Validity::Diverging(at(0, 0)));
    }

    #[test]
    fn a_follower_cuts_to_the_shorter_end_of_the_epoch() {
        let mut own = log(&[(1, 3), (2, 6)]);
        assert_eq!(own.divergence(at(5, 2)), 5);
        assert_eq!(own.divergence(at(9, 2)), 6);
        assert_eq!(own.divergence(at(2, 1)), 2);
        assert_eq!(own.divergence(at(4, 3)), 6, "the leader's epoch is not here: the next round looks at what is");
        own.truncate(2);
        assert_eq!((own.end(), own.batches_from(0).count()), (at(2, 1), 2));
        own.truncate(0);
        assert_eq!(own.end(), at(0, 0));
    }

    #[test]
    fn a_snapshot_stands_for_what_is_before_it() {
        let mut log = log(&[(1, 3), (2, 6)]);
        log.commit(6);
        log.keep_snapshot(3, "state".into());
        assert_eq!((log.start_offset(), log.end_offset(), log.latest_snapshot()), (3, 6, Some(at(3, 1))));
        assert_eq!(log.validate(3, 1), Validity::Valid, "it goes on from the snapshot");
        assert_eq!(log.validate(4, 2), Validity::Valid);
        for (offset, epoch) in [(2, 1), (3, 2), (5, 0)] {
            assert_eq!(log.validate(offset, epoch), Validity::Snapshot(at(3, 1)), "{offset} in epoch {epoch}");
        }
        let mut other = MetadataLog::new();
        other.restart_at(at(3, 1), "state".into());
        assert_eq!((other.end(), other.high_watermark()), (at(3, 1), 3));
    }

    #[test]
    fn what_was_not_flushed_is_lost_with_the_power_alone() {
        let leaders = log(&[(1, 3)]);
        let mut own = log(&[(1, 2)]);
        assert!(own.append_as_follower(leaders.read(2, 1), 1));
        own.begin_epoch(5);
        assert_eq!(own.last_epoch(), 5);
        assert_eq!(own.reopened().end(), at(3, 1), "an epoch without records is forgotten");
        assert_eq!(own.after_power_loss().end(), at(2, 1));
        own.flush();
        assert_eq!(own.after_power_loss().end(), at(3, 1));
    }

    #[test]
    fn a_follower_takes_no_corrupt_or_later_batches_and_no_gaps() {
        let leaders = log(&[(1, 2), (3, 4)]);
        let mut own = MetadataLog::new();
        assert!(own.append_as_follower(leaders.read(0, usize::MAX), 2), "the leader of epoch 2 has none of epoch 3");
        assert_eq!(own.end(), at(2, 1));
        let mut corrupt = leaders.read(2, usize::MAX).to_vec();
        *corrupt.last_mut().unwrap() ^= 1;
        assert!(own.append_as_follower(corrupt.into(), 3));
        assert_eq!(own.end(), at(3, 3), "up to the corrupt one");
        assert!(!own.append_as_follower(leaders.read(1, 1), 3), "offsets go on from the end");
    }
}
