//! What a log does when its broker starts (Kafka's `LogLoader`).
//!
//! After a clean shutdown everything is as it was. Otherwise the segments from the recovery point on are read batch by
//! batch: their indexes are built anew, and where a batch is not whole or not what its checksum says, the log ends.
//! Then the epochs and the producers are brought in line with that end. The high watermark is what the checkpoint says,
//! if the log reaches that far; the leader will tell the rest.
//!
//! Recovery reads the disk and the checkpoints, and nothing that the old process knew. Doing it twice changes nothing.

use super::config::IoWork;
use super::log::Log;
use super::segment::{Segment, Survives};
use crate::base::Vector;
use std::sync::Arc;

/// What recovery found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogRecovery {
    /// How many segments were read.
    pub segments_read: usize,
    /// How many bytes were cut off as torn or damaged, with the segments behind them.
    pub truncated_bytes: usize,
    /// The log's end.
    pub log_end_offset: i64,
    /// The high watermark.
    pub high_watermark: i64,
    /// What the disk had to do.
    pub work: IoWork,
}

impl Log {
    /// Loads the log as a starting broker does. `clean`: the last shutdown was clean.
    pub fn recover(&mut self, clean: bool) -> LogRecovery {
        let lines = self.checkpointed;
        let log_start = lines.log_start_offset.unwrap_or(0);
        let recovery_point = lines.recovery_point.unwrap_or(0);
        let mut found = LogRecovery::default();
        self.producers.restarted();
        if !clean {
            self.read_unflushed(recovery_point, log_start, &mut found);
        }
        let (_, end) = self.ends();
        let kept = end >= log_start;
        if !kept {
            // DeleteRecords went further than what the disk has kept.
            self.segments = Vector::unit(Arc::new(Segment::new(log_start, self.clock)));
            self.epochs.clear();
            self.producers.clear(log_start);
        }
        self.active_mut().opened();
        self.closed = false;
        let (start, end) = self.ends();
        self.log_end_offset = end;
        self.recovery_point = if clean && kept { end } else { recovery_point.min(end) };
        self.log_start_offset = log_start.max(start);
        self.epochs.truncate_from_end(end);
        self.epochs.truncate_from_start(log_start);
        let bases: Vec<i64> = self.segments().map(Segment::base_offset).collect();
        self.producers.remove_stray(&bases);
        self.rebuild_producers(end, clean);
        self.high_watermark = lines.high_watermark.unwrap_or(0).clamp(self.log_start_offset, end);
        self.last_flushed = self.clock;
        LogRecovery { log_end_offset: end, high_watermark: self.high_watermark, ..found }
    }

    /// Offsets at which the segments begin and end.
    fn ends(&self) -> (i64, i64) {
        (self.segments[0].base_offset(), self.active().next_offset())
    }

    fn read_unflushed(&mut self, recovery_point: i64, log_start: i64, found: &mut LogRecovery) {
        let (config, now) = (self.config.clone(), self.clock);
        for at in self.segment_index(recovery_point)..self.segments.len() {
            let base = self.segments[at].base_offset();
            self.rebuild_producers_from(log_start, base, false);
            found.segments_read += 1;
            found.work.read += self.segments[at].size();
            let (segment, epochs) = (Arc::make_mut(&mut self.segments[at]), &mut self.epochs);
            let producers = &mut self.producers;
            let cut = segment.recover(&config, now, |header, bytes| {
                if header.leader_epoch > epochs.latest().unwrap_or(-1) {
                    epochs.assign(header.leader_epoch, header.base_offset);
                }
                producers.admit(header, bytes);
                producers.set_end(header.next_offset());
            });
            // So that the next segment need not read this one again.
            self.producers.take_snapshot();
            self.producers.restarted();
            if cut > 0 {
                let rest = self.segments.split_off(at + 1);
                found.truncated_bytes = cut + rest.iter().map(|segment| segment.size()).sum::<usize>();
                let gone: Vec<i64> = rest.iter().map(|segment| segment.base_offset()).collect();
                self.producers.remove_snapshots(|offset| gone.contains(&offset));
                return;
            }
        }
    }

    /// Brings the producers in line with a log that ends at `end`: from the newest snapshot below it, and what has been
    /// written since.
    pub(super) fn rebuild_producers(&mut self, end: i64, clean: bool) {
        self.rebuild_producers_from(self.log_start_offset, end, clean);
    }

    fn rebuild_producers_from(&mut self, log_start: i64, end: i64, clean: bool) {
        let bases: Vec<i64> = self.segments().map(Segment::base_offset).collect();
        let last_two = &bases[bases.len().saturating_sub(2)..];
        if self.producers.snapshots().is_empty() && clean {
            // No producer ever was: snapshots of nothing save the next start from reading everything to learn that.
            for offset in last_two.iter().copied().chain([end]) {
                self.producers.set_end(offset);
                self.producers.take_snapshot();
            }
            return;
        }
        let was_empty = self.producers.is_empty_at(end);
        self.producers.reload(log_start, end);
        if end > self.producers.end() && !was_empty {
            let segments = self.segments.clone();
            for segment in segments.iter().skip(self.segment_index(self.producers.end())) {
                if segment.base_offset() >= end {
                    break;
                }
                let start = segment.base_offset().max(self.producers.end()).max(log_start);
                self.producers.set_end(start);
                if last_two.contains(&segment.base_offset()) {
                    self.producers.take_snapshot();
                }
                let batches = segment.batches().from(segment.index_of(start));
                for batch in batches.take_while(|batch| batch.base_offset < end) {
                    let header = crate::wire::records::header(&batch.bytes).expect("it was checked on append");
                    self.producers.admit(&header, &batch.bytes);
                }
            }
        }
        self.producers.set_end(end);
        self.producers.take_snapshot();
    }

    /// The process is gone, and with it all that was not in a file. What lay in the page cache is still there.
    pub(super) fn forget(&mut self) {
        self.recovery_point = self.checkpointed.recovery_point.unwrap_or(0).min(self.log_end_offset);
        let start = self.checkpointed.log_start_offset.unwrap_or(0).max(self.segments[0].base_offset());
        self.log_start_offset = start.min(self.log_end_offset);
        let high_watermark = self.checkpointed.high_watermark.unwrap_or(0);
        self.high_watermark = high_watermark.clamp(self.log_start_offset, self.log_end_offset);
    }

    /// The power goes: of each segment's unflushed bytes remains what `survives` says. It is told the segment's base
    /// offset and how many bytes are at stake.
    pub fn lose_power(&mut self, survives: &mut dyn FnMut(i64, usize) -> Survives) {
        let (config, now) = (self.config.clone(), self.clock);
        self.producers.lose_power();
        for at in 0..self.segments.len() {
            let segment = &self.segments[at];
            if segment.is_dirty(now, &config) {
                let left = survives(segment.base_offset(), segment.unflushed(now, &config));
                Arc::make_mut(&mut self.segments[at]).lose_power(left, &config, now);
            }
        }
        self.log_end_offset = self.active().next_offset().max(self.segments[0].base_offset());
        self.forget();
    }

    /// Closes the log as a clean shutdown does: everything on the disk, with a snapshot of the producers at its end.
    pub(super) fn close(&mut self) -> IoWork {
        self.closed = true;
        let mut work = self.flush();
        work.written += self.producers.take_snapshot().unwrap_or(0);
        let (syncs, synced) = self.producers.flush();
        self.active_mut().index_youngest();
        work += self.active_mut().flush();
        work += IoWork { syncs, synced, ..IoWork::default() };
        work
    }
}
