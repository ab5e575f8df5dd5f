//! Cutting a log off, and to where.
//!
//! A follower never cuts to its high watermark: that comes a fetch late and may lie below records that are committed.
//! It compares epochs (KIP-101). Its leader names the largest epoch that is not after the follower's last, and where that
//! ends in the leader's log; the follower cuts to the end of that epoch in its own log if it ends earlier. When it does
//! not know the epoch, it cuts to the end of the largest one before it, and asks again from there (KIP-279).

use super::config::IoWork;
use super::epochs::EpochEnd;
use super::log::Log;
use super::segment::Segment;
use crate::base::Vector;
use std::sync::Arc;

/// Where a follower is to cut its log off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// The log's new end.
    pub offset: i64,
    /// Whether the logs agree up to there. If not, the leader must be asked again from there.
    pub completed: bool,
}

impl Log {
    /// Where to cut this follower's log off, when its leader's answer to the follower's last epoch is `leader`.
    pub fn truncation_for(&self, leader: EpochEnd) -> Truncation {
        let end = self.log_end_offset;
        if leader.end_offset < 0 {
            // The leader knows of no epochs at all: all there is to go by is what is surely committed.
            return Truncation { offset: self.high_watermark, completed: true };
        }
        let own = if leader.epoch < 0 { EpochEnd::UNDEFINED } else { self.end_offset_for_epoch(leader.epoch) };
        match own {
            EpochEnd { end_offset: -1, .. } => Truncation { offset: leader.end_offset.min(end), completed: true },
            EpochEnd { epoch, end_offset } if epoch != leader.epoch => {
                Truncation { offset: end_offset.min(end), completed: false }
            }
            EpochEnd { end_offset, .. } => {
                Truncation { offset: end_offset.min(leader.end_offset).min(end), completed: true }
            }
        }
    }

    /// Cuts off every record at and after `offset`; false when there is none, and only epochs may go.
    ///
    /// Whole batches go: when `offset` lies inside one, the log ends at `offset` with nothing just before it.
    pub fn truncate_to(&mut self, offset: i64) -> bool {
        assert!(offset >= 0, "a log is not cut off at {offset}");
        if offset >= self.log_end_offset {
            // An epoch that began here and wrote nothing may be one that the leader never had.
            self.epochs.truncate_from_end(self.log_end_offset);
            return false;
        }
        if offset < self.segments[0].base_offset() {
            self.truncate_fully_and_start_at(offset);
            return true;
        }
        let gone: Vec<i64> = self.segments().map(Segment::base_offset).filter(|base| *base > offset).collect();
        self.segments.truncate(self.segments.len() - gone.len());
        self.producers.remove_snapshots(|snapshot| gone.contains(&snapshot));
        let (config, now) = (self.config.clone(), self.clock);
        self.active_mut().truncate_to(offset, &config, now);
        self.log_end_offset = offset;
        self.recovery_point = self.recovery_point.min(offset);
        self.epochs.truncate_from_end(offset);
        self.log_start_offset = self.log_start_offset.min(offset);
        self.rebuild_producers(offset, false);
        self.high_watermark = self.high_watermark.clamp(self.log_start_offset, offset);
        self.checkpoint_recovery_point();
        true
    }

    /// Throws everything away; the log is empty and begins at `offset`. A follower does that when its leader's log
    /// begins after the follower's ends.
    pub fn truncate_fully_and_start_at(&mut self, offset: i64) -> IoWork {
        self.segments = Vector::unit(Arc::new(Segment::new(offset, self.clock)));
        self.epochs.clear();
        self.producers.clear(offset);
        self.log_start_offset = offset;
        self.log_end_offset = offset;
        self.high_watermark = offset;
        self.recovery_point = self.recovery_point.min(offset);
        self.checkpoint_recovery_point()
    }

    /// Writes the recovery point to its checkpoint file, with an fsync. Kafka does so after every truncation, so that
    /// the file never claims what is gone.
    pub(super) fn checkpoint_recovery_point(&mut self) -> IoWork {
        self.checkpointed.recovery_point = Some(self.recovery_point);
        IoWork { syncs: 1, ..IoWork::default() }
    }
}
