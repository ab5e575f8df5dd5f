//! What a replica costs: its heap, a snapshot of a disk, an append after one.
//!
//! The allocator counts: divan prints the most bytes that were allocated at a time (`max alloc`). An idle replica is to
//! cost at most 2 KiB of heap.

use bytes::Bytes;
use divan::{AllocProfiler, Bencher};
use kafka_terrarium::base::TopicPartition;
use kafka_terrarium::storage::{Disk, LogConfig};
use kafka_terrarium::wire::records::{self, Record};
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const REPLICAS: i32 = 1_000;

fn main() {
    divan::main();
}

fn batch() -> Bytes {
    records::build(&[Record { value: Some(Bytes::from_static(&[7; 30])), ..Record::default() }])
}

/// A disk of a thousand replicas of so many batches.
fn disk(batches: usize, topic: &Arc<str>, config: &Arc<LogConfig>, batch: &Bytes) -> Disk {
    let mut disk = Disk::default();
    let header = records::check_crc(batch).expect("it was just built");
    for partition in 0..REPLICAS {
        let tp = TopicPartition { topic: topic.clone(), partition };
        disk.create_with(tp.clone(), config);
        let log = disk.log_mut(&tp).expect("it was just made");
        (0..batches).for_each(|_| {
            log.append_as_leader(&header, batch, 0);
        });
    }
    disk
}

/// Divide `max alloc` by 1000 for the heap of one replica; the bytes of its batches are in it.
#[divan::bench(args = [0, 1, 4])]
fn thousand_replicas(bencher: Bencher, batches: usize) {
    let (topic, config, batch) = (Arc::from("t"), Arc::default(), batch());
    bencher.bench_local(|| disk(batches, &topic, &config, &batch));
}

#[divan::bench]
fn snapshot_of_a_thousand(bencher: Bencher) {
    let disk = disk(4, &Arc::from("t"), &Arc::default(), &batch());
    bencher.bench_local(|| disk.clone());
}

/// The first append after a snapshot copies one log's spine; its blocks of batches stay shared.
#[divan::bench(args = [4, 10_000])]
fn append_after_a_snapshot(bencher: Bencher, batches: usize) {
    let batch = batch();
    let header = records::check_crc(&batch).expect("it was just built");
    let mut one = Disk::default();
    let tp = TopicPartition::new("t", 0);
    one.create(tp.clone(), 1 << 30);
    let log = one.log_mut(&tp).expect("it was just made");
    (0..batches).for_each(|_| {
        log.append_as_leader(&header, &batch, 0);
    });
    bencher.with_inputs(|| one.clone()).bench_local_values(|mut disk| {
        disk.log_mut(&tp).expect("it is there").append_as_leader(&header, &batch, 0);
        disk
    });
}
