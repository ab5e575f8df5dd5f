//! The simulated disk and the logs on it.
//!
//! A broker's [`Disk`] survives its process. It holds one [`Log`] per partition replica: segments of record batches,
//! real bytes in format v2 with their CRC-32C, exactly as a producer built them but for the base offset and the leader
//! epoch, which the leader stamped in. Logs, packets and snapshots of the world share the same bytes.
//!
//! Three kinds of knowledge are kept apart, because a crash tells them apart:
//!
//! - **On the disk**: the flushed part of every file, and the checkpoint files, which are written rarely and with an
//!   fsync. This is what a power loss leaves.
//! - **In the page cache**: everything that was written. The process reads it, and it outlives the process.
//! - **In the process**: the log's end, high watermark, log start and recovery point, the producers. Gone with it;
//!   [`Disk::recover`] works them out anew, as Kafka's `LogLoader` does.
//!
//! Kafka leaves flushing to the operating system: a record is safe because it is on several brokers, not because it is
//! on a disk. So here: a log flushes when a segment rolls and at a clean shutdown, and unless `flush.messages` or
//! `flush.ms` say otherwise, the rest is written back after 30 s by the operating system. Work is counted as it is done
//! ([`IoWork`]) and priced by the disk ([`DiskSpeed`]); nothing here waits.
//!
//! Reading goes to a batch directly, by binary search. The indexes are kept all the same, entry for entry as Kafka's
//! files have them: they fill up, roll segments, are lost and rebuilt, and are there to be looked at.
//!
//! | what | where |
//! |---|---|
//! | a log's offsets and reading | `log` |
//! | appending, rolling, flushing | `append` |
//! | truncation and divergence | `truncate` |
//! | recovery, losing power | `recover` |
//! | segments; their batches and indexes | `segment`, `batches`, `index` |
//! | leader epochs | `epochs` |
//! | idempotent producers; their snapshots | `producers`, `producer_log` |
//! | checkpoint files, clean shutdown | `disk` |
//! | a log's folder to look at | `files` |
//!
//! Not built yet, with their places marked: transactions' last stable offset ([`Log::last_stable_offset`]) and aborted
//! index ([`Segment`]'s flush), retention ([`Log::advance_log_start`]), compaction (it will swap segments in a log),
//! slow and failing disks ([`DiskSpeed::cost`], [`Disk::recover`]).

mod append;
mod batches;
mod config;
mod disk;
mod epochs;
mod files;
mod index;
mod log;
mod producer_log;
mod producers;
mod recover;
mod segment;
mod truncate;

pub use append::{AppendError, AppendInfo, FollowerAppend};
pub use batches::{Batches, StoredBatch};
pub use config::{DiskSpeed, IoWork, LogConfig};
pub use disk::{Checkpoint, Disk, LogId, Recovery};
pub use epochs::{EpochEnd, EpochEntry, LeaderEpochs};
pub use files::FileInfo;
pub use index::{Entry, Index, OffsetEntry, OffsetIndex, TimeEntry, TimeIndex};
pub use log::{Checkpointed, FetchPosition, Log, OffsetPosition, ReadLimit};
pub use producer_log::{Producers, Snapshot};
pub use producers::{
    CompletedTransaction, EndMarker, Origin, ProducerAppend, ProducerEntry, RememberedBatch, SequencedBatch,
    Verification, sequence_after, sequence_before,
};
pub use recover::LogRecovery;
pub use segment::{Segment, Survives};
pub use truncate::Truncation;
