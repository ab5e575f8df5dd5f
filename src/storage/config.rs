//! What a log and a disk are told: Kafka's configs by name, the operating system's habits, and what disk work costs.

use crate::base::SimDuration;

/// A log's configs. Kafka takes each from the topic, or from the broker's config of the name given in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes` (`log.segment.bytes`): a segment rolls before it would grow larger than this.
    pub segment_bytes: usize,
    /// `segment.ms` (`log.roll.ms`): a segment rolls on the first batch that is this much younger than its own first,
    /// by the records' timestamps.
    pub segment_ms: i64,
    /// `index.interval.bytes` (`log.index.interval.bytes`): more than this between two entries of the offset index.
    pub index_interval_bytes: usize,
    /// `segment.index.bytes` (`log.index.size.max.bytes`): a segment whose index is full rolls.
    pub segment_index_bytes: usize,
    /// `flush.messages` (`log.flush.interval.messages`): fsync after this many records; `i64::MAX` leaves it to the
    /// operating system, as Kafka does unless told otherwise.
    pub flush_messages: i64,
    /// `flush.ms` (`log.flush.interval.ms`): the most that data stays unflushed; looked at by
    /// [`flush_due`](super::Disk::flush_due).
    pub flush_after: Option<SimDuration>,
    /// Not Kafka's but the operating system's (Linux: `vm.dirty_expire_centisecs`): a file that has been dirty for this
    /// long is written back. It never moves Kafka's recovery point, which counts only Kafka's own fsyncs.
    pub writeback_after: Option<SimDuration>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            index_interval_bytes: 4096,
            segment_index_bytes: 10 << 20,
            flush_messages: i64::MAX,
            flush_after: None,
            writeback_after: Some(SimDuration::from_secs(30)),
        }
    }
}

/// Work done on a disk. It is counted, not waited for: [`DiskSpeed::cost`] says how long it takes, and the broker
/// decides what waits for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoWork {
    /// Bytes written to the page cache.
    pub written: usize,
    /// Bytes read.
    pub read: usize,
    /// How many files were fsynced.
    pub syncs: u32,
    /// Bytes that those fsyncs put on the disk.
    pub synced: usize,
}

impl std::ops::AddAssign for IoWork {
    fn add_assign(&mut self, more: Self) {
        self.written += more.written;
        self.read += more.read;
        self.syncs += more.syncs;
        self.synced += more.synced;
    }
}

/// How fast a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpeed {
    /// Copying a MiB to or from the page cache.
    pub cache_per_mib: SimDuration,
    /// An fsync, whatever its size.
    pub sync: SimDuration,
    /// Putting a MiB on the disk.
    pub sync_per_mib: SimDuration,
}

impl DiskSpeed {
    /// A solid-state disk of a server: 0.5 ms a sync, 500 MiB a second.
    pub const SSD: Self = Self {
        cache_per_mib: SimDuration::from_micros(200),
        sync: SimDuration::from_micros(500),
        sync_per_mib: SimDuration::from_millis(2),
    };
    /// A spinning disk: 10 ms a sync, 125 MiB a second.
    pub const HDD: Self = Self {
        cache_per_mib: SimDuration::from_micros(200),
        sync: SimDuration::from_millis(10),
        sync_per_mib: SimDuration::from_millis(8),
    };

    /// How long the work takes. A slow or failing disk has its place here.
    pub fn cost(&self, work: &IoWork) -> SimDuration {
        let share = |per_mib: SimDuration, bytes: usize| {
            SimDuration::from_micros(((u128::from(per_mib.as_micros()) * bytes as u128) >> 20) as u64)
        };
        share(self.cache_per_mib, work.written + work.read)
            + self.sync * u64::from(work.syncs)
            + share(self.sync_per_mib, work.synced)
    }
}

impl Default for DiskSpeed {
    fn default() -> Self {
        Self::SSD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_has_its_price() {
        let work = IoWork { written: 1 << 20, read: 0, syncs: 2, synced: 1 << 19 };
        assert_eq!(DiskSpeed::SSD.cost(&work), SimDuration::from_micros(200 + 1_000 + 1_000));
        assert_eq!(DiskSpeed::HDD.cost(&IoWork::default()), SimDuration::ZERO);
    }
}
