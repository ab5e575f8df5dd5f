//! The leader-epoch cache: from which offset on each leader wrote (KIP-101, KIP-279).
//!
//! It answers the one question that replication hangs on: where does a leader's part of the log end? A follower whose
//! log goes on longer in that epoch has records that its leader never had, and cuts them off. Kafka writes the file
//! `leader-epoch-checkpoint` with an fsync at each change, before the records themselves are on the disk; so after a
//! power loss it may know of epochs that the log has lost, and recovery drops them. (After a truncation Kafka writes it a
//! moment later, from another thread; here that happens at once.)

/// An epoch and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// The leader's epoch.
    pub epoch: i32,
    /// Offset of the first record that a leader of this epoch wrote or may write.
    pub start_offset: i64,
}

/// An epoch and the offset after its last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The leader's epoch; -1 when there is no answer.
    pub epoch: i32,
    /// Where it ends; -1 when there is no answer.
    pub end_offset: i64,
}

impl EpochEnd {
    /// No answer: the epoch is unknown and nothing after it is known.
    pub const UNDEFINED: Self = Self { epoch: -1, end_offset: -1 };
}

/// Epochs with their start offsets, both strictly increasing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<EpochEntry>,
}

impl LeaderEpochs {
    /// The entries, oldest first.
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// The youngest epoch.
    pub fn latest(&self) -> Option<i32> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// The youngest epoch but one.
    pub fn previous(&self) -> Option<i32> {
        self.previous_of(self.latest()?)
    }

    /// The youngest epoch before this one.
    pub fn previous_of(&self, epoch: i32) -> Option<i32> {
        self.entries.iter().rev().map(|entry| entry.epoch).find(|known| *known < epoch)
    }

    /// The oldest epoch after this one.
    pub fn next_of(&self, epoch: i32) -> Option<i32> {
        self.entries.iter().map(|entry| entry.epoch).find(|known| *known > epoch)
    }

    /// The epoch of the record at an offset.
    pub fn epoch_at(&self, offset: i64) -> Option<i32> {
        self.entries.iter().rev().find(|entry| entry.start_offset <= offset).map(|entry| entry.epoch)
    }

    /// Notes that an epoch begins at an offset; entries that this contradicts go. Whether anything changed.
    ///
    /// # Panics
    /// On a negative epoch or offset.
    pub fn assign(&mut self, epoch: i32, start_offset: i64) -> bool {
        assert!(epoch >= 0 && start_offset >= 0, "epoch {epoch} from offset {start_offset}");
        if self.entries.last().is_some_and(|last| last.epoch == epoch && last.start_offset <= start_offset) {
            return false;
        }
        self.entries.retain(|entry| entry.epoch < epoch && entry.start_offset < start_offset);
        // Most logs see one leader.
        self.entries.reserve_exact(usize::from(self.entries.is_empty()));
        self.entries.push(EpochEntry { epoch, start_offset });
        true
    }

    /// Where the largest epoch that is not after `epoch` ends: at the next one's start, or at the log's end.
    pub fn end_offset_for(&self, epoch: i32, log_end_offset: i64) -> EpochEnd {
        if epoch == -1 {
            return EpochEnd::UNDEFINED;
        }
        if self.latest() == Some(epoch) {
            return EpochEnd { epoch, end_offset: log_end_offset };
        }
        let after = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let Some(next) = self.entries.get(after) else { return EpochEnd::UNDEFINED };
        let floor = after.checked_sub(1).map_or(epoch, |at| self.entries[at].epoch);
        EpochEnd { epoch: floor, end_offset: next.start_offset }
    }

    /// Forgets what begins at or after an offset. Whether anything changed.
    pub fn truncate_from_end(&mut self, end_offset: i64) -> bool {
        let keep = self.entries.partition_point(|entry| entry.start_offset < end_offset);
        let changes = end_offset >= 0 && keep < self.entries.len();
        if changes {
            self.entries.truncate(keep);
        }
        changes
    }

    /// Forgets what ends before an offset; the epoch that the offset lies in begins there now. Whether anything
    /// changed.
    pub fn truncate_from_start(&mut self, start_offset: i64) -> bool {
        let gone = self.entries.partition_point(|entry| entry.start_offset <= start_offset);
        if gone == 0 || (gone == 1 && self.entries[0].start_offset == start_offset) {
            return false;
        }
        self.entries.drain(..gone - 1);
        self.entries[0].start_offset = start_offset;
        true
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The file `leader-epoch-checkpoint`.
    pub fn checkpoint(&self) -> String {
        let lines = self.entries.iter().map(|entry| format!("{} {}\n", entry.epoch, entry.start_offset));
        format!("0\n{}\n{}", self.entries.len(), lines.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_kafkas_checkpoint() {
        let mut epochs = LeaderEpochs::default();
        assert!(epochs.assign(0, 0) && epochs.assign(2, 50) && !epochs.assign(2, 51));
        assert_eq!(epochs.checkpoint(), "0\n2\n0 0\n2 50\n");
        assert_eq!([0, 49, 50].map(|offset| epochs.epoch_at(offset)), [Some(0), Some(0), Some(2)]);
    }
}
