//! The simulated disk: files as a real broker's, what each way of stopping leaves, and long random lives of a log
//! beside a plain list.

mod basics;
mod life;
mod power;
mod real;

use bytes::{Bytes, BytesMut};
use kafka_terrarium::base::{SimTime, TopicPartition};
use kafka_terrarium::storage::{AppendInfo, Disk, Log, LogConfig, ProducerEntry};
use kafka_terrarium::wire::records::{self, Record};
use std::sync::Arc;

fn tp() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// A disk with one log.
fn disk(config: LogConfig) -> Disk {
    let mut disk = Disk::default();
    disk.create_with(tp(), &Arc::new(config));
    disk
}

fn log(disk: &Disk) -> &Log {
    disk.log(&tp()).expect("the disk has the log")
}

fn log_mut(disk: &mut Disk) -> &mut Log {
    disk.log_mut(&tp()).expect("the disk has the log")
}

/// A second of virtual time.
fn second(n: u64) -> SimTime {
    SimTime(n * 1_000_000)
}

/// A batch to be: its records' timestamps, the size of their values, and the idempotent producer.
#[derive(Clone, Debug, Default)]
struct Batch {
    timestamps: Vec<i64>,
    value_size: usize,
    /// Producer id, epoch and first sequence number.
    producer: Option<(i64, i16, i32)>,
}

impl Batch {
    fn bytes(&self) -> Bytes {
        let value = Bytes::from(vec![b'v'; self.value_size]);
        let record = |at: &i64| Record { timestamp_ms: *at, value: Some(value.clone()), ..Record::default() };
        let built = records::build(&self.timestamps.iter().map(record).collect::<Vec<_>>());
        let Some((id, epoch, sequence)) = self.producer else { return built };
        let mut bytes = BytesMut::from(&built[..]);
        bytes[43..51].copy_from_slice(&id.to_be_bytes());
        bytes[51..53].copy_from_slice(&epoch.to_be_bytes());
        bytes[53..57].copy_from_slice(&sequence.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        bytes.freeze()
    }

    fn append_to(&self, log: &mut Log, epoch: i32) -> AppendInfo {
        let bytes = self.bytes();
        let header = records::check_crc(&bytes).expect("it was just built");
        log.append_as_leader(&header, &bytes, epoch)
    }
}

/// All that a log's files and its process know, in one line to compare. Of each producer only the last batch: a snapshot
/// has no more.
fn facts(log: &Log) -> String {
    let segments = log.segments().map(|segment| {
        let batches: Vec<_> = segment.batches().iter().map(|b| (b.base_offset, b.position, b.crc)).collect();
        let (offsets, times) = (segment.offset_index().bytes(), segment.time_index().bytes());
        format!("{} {} {batches:?} {offsets:?} {times:?}", segment.base_offset(), segment.size())
    });
    let last_batch = |(id, known): (i64, &ProducerEntry)| (id, known.epoch, known.batches.last().copied());
    let producers: Vec<_> = log.producers().iter().map(last_batch).collect();
    format!(
        "{:?} {}..{} hw {} {:?} {producers:?}",
        segments.collect::<Vec<_>>(),
        log.log_start_offset(),
        log.log_end_offset(),
        log.high_watermark(),
        log.epochs().entries(),
    )
}
