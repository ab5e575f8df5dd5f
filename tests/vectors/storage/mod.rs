//! Checks of the storage layer: leader epochs, truncation, producers, and the log's part of a partition.

pub(crate) mod epochs;
pub(crate) mod partition;
pub(crate) mod producers;

use crate::int;
use bytes::Bytes;
use kafka_terrarium::storage::{EpochEntry, LeaderEpochs, Log};
use kafka_terrarium::wire::records::{self, Record};
use serde_json::Value;

/// A log without epochs from offset 0.
fn empty_log() -> Log {
    Log::new(1 << 20)
}

/// A log with these `[epoch, start offset]`, of batches of one record, up to an end.
fn log_with(epochs: &Value, end: i64) -> Log {
    let mut log = empty_log();
    for (epoch, start) in pairs(epochs) {
        fill(&mut log, start);
        log.begin_leader_epoch(epoch as i32);
    }
    fill(&mut log, end);
    log
}

/// Appends records, one a batch, up to an offset.
fn fill(log: &mut Log, end: i64) {
    while log.log_end_offset() < end {
        append(log, 1);
    }
}

/// Appends a batch of so many records as a leader of the log's last epoch.
fn append(log: &mut Log, count: usize) {
    let batch = batch(count);
    let header = records::check_crc(&batch).expect("it was just built");
    let epoch = log.epochs().latest().unwrap_or(-1);
    log.append_as_leader(&header, &batch, epoch);
}

fn batch(count: usize) -> Bytes {
    records::build(&vec![Record { value: Some(Bytes::from_static(b"v")), ..Record::default() }; count])
}

fn pairs(list: &Value) -> Vec<(i64, i64)> {
    let pair = |entry: &Value| (int(&entry[0]), int(&entry[1]));
    list.as_array().expect("a list of pairs").iter().map(pair).collect()
}

fn entries(epochs: &LeaderEpochs) -> Vec<(i64, i64)> {
    let pair = |entry: &EpochEntry| (i64::from(entry.epoch), entry.start_offset);
    epochs.entries().iter().map(pair).collect()
}
