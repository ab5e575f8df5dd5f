//! The simulated disk and the logs on it.
//!
//! A broker's [`Disk`] survives its process. It holds one [`Log`] per partition replica: segments of record batches,
//! real bytes in format v2 with their CRC-32C, exactly as a producer built them but for the base offset and the leader
//! epoch, which the leader stamped in. Logs, packets and snapshots of the world share the same bytes.
//!
//! First form: what is appended is there. Page cache apart from disk, flushing, indexes, recovery, retention and
//! compaction have their place here and are not built yet.

mod log;
mod segment;

pub use log::{AppendInfo, Log, ReadLimit};
pub use segment::{Segment, StoredBatch};

use crate::base::TopicPartition;
use std::sync::Arc;

/// One broker's log directory. Cloning it shares every log until one of the two changes it.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    logs: imbl::OrdMap<TopicPartition, Arc<Log>>,
}

impl Disk {
    /// A partition's log, if this disk has one.
    pub fn log(&self, partition: &TopicPartition) -> Option<&Log> {
        self.logs.get(partition).map(|log| &**log)
    }

    /// A partition's log, to be written to.
    pub fn log_mut(&mut self, partition: &TopicPartition) -> Option<&mut Log> {
        self.logs.get_mut(partition).map(Arc::make_mut)
    }

    /// Makes an empty log, unless there is one.
    pub fn create(&mut self, partition: TopicPartition, segment_bytes: usize) {
        self.logs.entry(partition).or_insert_with(|| Arc::new(Log::new(segment_bytes)));
    }

    /// Every log, by partition.
    pub fn logs(&self) -> impl Iterator<Item = (&TopicPartition, &Log)> {
        self.logs.iter().map(|(partition, log)| (partition, &**log))
    }
}
