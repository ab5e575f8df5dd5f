//! Rolling, followers, producers, snapshots of the world.

use crate::{Batch, disk, log, log_mut, tp};
use bytes::{Bytes, BytesMut};
use kafka_terrarium::base::{SimTime, TopicPartition};
use kafka_terrarium::storage::{AppendError, Disk, Log, LogConfig, Origin, ReadLimit, Segment, StoredBatch};
use kafka_terrarium::wire::ErrorCode;
use kafka_terrarium::wire::records::{self, BatchError};
use std::sync::Arc;

fn plain(at: i64) -> Batch {
    Batch { timestamps: vec![at], value_size: 20, ..Batch::default() }
}

fn bases(log: &Log) -> Vec<i64> {
    log.segments().map(Segment::base_offset).collect()
}

fn with(config: LogConfig) -> Log {
    Log::with_config(Arc::new(config), SimTime::ZERO)
}

#[test]
fn a_segment_rolls_by_time_of_its_records_and_by_full_index() {
    let mut by_time = with(LogConfig { segment_ms: 1_000, ..LogConfig::default() });
    [0, 900, 1_000, 1_001, 500, 2_002].iter().for_each(|at| {
        plain(*at).append_to(&mut by_time, 0);
    });
    assert_eq!(bases(&by_time), [0, 3, 5], "more than segment.ms, counted from the segment's first batch");
    let one = plain(0).bytes().len();
    let mut by_index =
        with(LogConfig { index_interval_bytes: one - 1, segment_index_bytes: 36, ..LogConfig::default() });
    (0..8).for_each(|at| {
        plain(at).append_to(&mut by_index, 0);
    });
    // Room for 4 entries in the offset index, for 3 in the time index, whose last one is kept free.
    assert_eq!(bases(&by_index), [0, 3, 6]);
    let mut without_time = with(LogConfig { segment_ms: 1_000, ..LogConfig::default() });
    for (second, expected) in [(0, 1), (1, 1), (2, 2)] {
        without_time.set_clock(crate::second(second));
        plain(-1).append_to(&mut without_time, 0);
        assert_eq!(without_time.segments().len(), expected, "by the file's age when records have no time");
    }
}

#[test]
fn a_segment_rolls_when_offsets_are_too_far_apart() {
    let mut log = with(LogConfig::default());
    let batch = plain(0).bytes();
    for base in [0, i64::from(i32::MAX), i64::from(i32::MAX) + 1] {
        let appended = log.append_as_follower(&records::stamp(&batch, base, 1), 1).unwrap().unwrap();
        assert_eq!(appended.last_offset, base);
    }
    assert_eq!(bases(&log), [0, i64::from(i32::MAX) + 1]);
    assert_eq!(log.position_of(i64::from(i32::MAX)).position, batch.len());
    assert_eq!(log.position_of(i64::from(i32::MAX) + 1).segment_base_offset, i64::from(i32::MAX) + 1);
}

#[test]
fn a_follower_takes_its_leaders_bytes() {
    let mut leader = with(LogConfig::default());
    let mut follower = leader.clone();
    [(0, 0), (1, 0), (2, 5)].iter().for_each(|(at, epoch)| {
        plain(*at).append_to(&mut leader, *epoch);
    });
    let all = ReadLimit { upto_offset: 3, max_bytes: 1 << 20, at_least_one: true };
    let bytes = leader.read(0, all).unwrap();
    assert_eq!(follower.append_as_follower(&bytes.slice(..50), 5), Ok(None), "not one whole batch");
    let stale = follower.clone().append_as_follower(&bytes, 4).unwrap().unwrap();
    assert_eq!((stale.last_offset, stale.batches), (1, 2), "a batch of a later epoch is not this leader's");
    let cut = follower.append_as_follower(&bytes.slice(..bytes.len() - 1), 5).unwrap().unwrap();
    assert_eq!((cut.last_offset, cut.left_out), (1, bytes.len() / 3 - 1));
    let again = follower.append_as_follower(&bytes, 5).unwrap_err();
    assert_eq!(again, AppendError::Unexpected { first_offset: 0, last_offset: 2, log_end_offset: 2 });
    follower.append_as_follower(&leader.read(2, all).unwrap(), 5).unwrap();
    assert_eq!(crate::facts(&leader), crate::facts(&follower));
    let swapped: Bytes = [leader.read(1, all).unwrap(), leader.read(0, all).unwrap()].concat().into();
    let refused = with(LogConfig::default()).append_as_follower(&swapped, 5).unwrap_err();
    assert_eq!(refused, AppendError::OutOfOrder { last_offset: 0, after: 2 });
    let mut damaged = BytesMut::from(&bytes[..]);
    damaged[70] ^= 1;
    let refused = with(LogConfig::default()).append_as_follower(&damaged.freeze(), 5).unwrap_err();
    assert!(matches!(refused, AppendError::Corrupt(BatchError::Crc { .. })), "{refused}");
    assert_eq!(follower.update_high_watermark(9), Some(3), "a leader's watermark beyond the follower's end");
    assert_eq!(follower.update_high_watermark(9), None);
}

#[test]
fn the_last_five_batches_are_known_again() {
    let mut log = with(LogConfig::default());
    let batch = |n: i32| Batch { timestamps: vec![0; 2], value_size: 5, producer: Some((4, 1, 2 * n)) };
    let check = |log: &Log, batch: &Batch| {
        let bytes = batch.bytes();
        let header = records::check_crc(&bytes).unwrap();
        log.check_producer(&header, &bytes, Origin::Client).map(|known| known.map(|info| info.base_offset))
    };
    for n in 0..7 {
        assert_eq!(check(&log, &batch(n)), Ok(None));
        batch(n).append_to(&mut log, 0);
    }
    assert_eq!(check(&log, &batch(2)), Ok(Some(4)), "a copy gets the offset of the first");
    assert_eq!(check(&log, &batch(6)), Ok(Some(12)));
    let out_of_order = Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(check(&log, &batch(1)), out_of_order, "the sixth before the last is forgotten");
    assert_eq!(check(&log, &batch(8)), out_of_order, "a gap");
    let part = Batch { timestamps: vec![0], value_size: 5, producer: Some((4, 1, 12)) };
    assert_eq!(check(&log, &part), out_of_order, "a part of a batch is no copy of it");
    let producer = |producer| Batch { timestamps: vec![0], value_size: 5, producer: Some(producer) };
    assert_eq!(check(&log, &producer((4, 0, 14))), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    assert_eq!(check(&log, &producer((4, 2, 1))), out_of_order, "a new epoch begins at 0");
    assert_eq!(check(&log, &producer((4, 2, 0))), Ok(None));
    assert_eq!(check(&log, &producer((5, 3, 77))), Ok(None), "an unknown producer may begin anywhere");
    log.truncate_to(9);
    assert_eq!(check(&log, &batch(4)), Ok(None), "what was cut off is not known");
    log.producers_mut().expire(86_400_000, 86_400_000);
    assert_eq!(log.producers().iter().count(), 0);
}

#[test]
fn sequence_numbers_wrap() {
    let mut log = with(LogConfig::default());
    let batch = |sequence| Batch { timestamps: vec![0; 3], value_size: 5, producer: Some((4, 0, sequence)) };
    batch(i32::MAX - 1).append_to(&mut log, 0);
    let known = log.producers().get(4).unwrap();
    assert_eq!((known.last_sequence(), known.batches[0].first_sequence()), (0, i32::MAX - 1));
    let next = batch(1).bytes();
    let header = records::check_crc(&next).unwrap();
    assert_eq!(log.check_producer(&header, &next, Origin::Client), Ok(None));
}

#[test]
fn truncation_inside_a_batch_takes_the_whole_batch() {
    let mut log = with(LogConfig::default());
    (0..3).for_each(|at| {
        Batch { timestamps: vec![at; 4], value_size: 5, ..Batch::default() }.append_to(&mut log, at as i32);
    });
    log.advance_high_watermark(12);
    assert!(!log.truncate_to(12));
    assert!(log.truncate_to(6));
    assert_eq!((log.log_end_offset(), log.high_watermark(), log.batches_from(0).count()), (6, 6, 1));
    assert_eq!(plain(9).append_to(&mut log, 9).base_offset, 6);
    assert!(log.advance_log_start(3) && !log.advance_log_start(7));
    assert_eq!(
        (log.log_start_offset(), log.read(2, ReadLimit { upto_offset: 7, max_bytes: 1, at_least_one: true })),
        (3, None)
    );
    assert!(log.truncate_to(1));
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.high_watermark()), (1, 1, 1));
    log.truncate_fully_and_start_at(40);
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.high_watermark()), (40, 40, 40));
}

#[test]
fn a_log_start_beyond_what_survived_empties_the_log() {
    let mut disk = disk(LogConfig::default());
    let log_of = log_mut(&mut disk);
    plain(0).append_to(log_of, 0);
    log_of.flush();
    (1..5).for_each(|at| {
        plain(at).append_to(log_of, 0);
    });
    log_of.advance_high_watermark(5);
    log_of.advance_log_start(4);
    disk.write_checkpoint(kafka_terrarium::storage::Checkpoint::LogStart);
    disk.lose_power(|_, _, _| Default::default());
    disk.recover();
    assert_eq!((log(&disk).log_start_offset(), log(&disk).log_end_offset(), log(&disk).size()), (4, 4, 0));
    assert_eq!(bases(log(&disk)), [4]);
}

#[test]
fn a_snapshot_shares_what_did_not_change() {
    let mut disk = Disk::default();
    (0..3).for_each(|n| disk.create(TopicPartition::new("t", n), 1 << 20));
    (0..100).for_each(|at| {
        plain(at).append_to(log_mut(&mut disk), 0);
    });
    let snapshot = disk.clone();
    let address = |disk: &Disk, n| disk.log(&TopicPartition::new("t", n)).map(std::ptr::from_ref).unwrap();
    plain(100).append_to(log_mut(&mut disk), 0);
    assert_ne!(address(&disk, 0), address(&snapshot, 0));
    assert_eq!(address(&disk, 1), address(&snapshot, 1));
    let first = |disk: &Disk| std::ptr::from_ref::<StoredBatch>(log(disk).batch_at(0).unwrap());
    assert_eq!(first(&disk), first(&snapshot), "full blocks of batches are shared even in a log that changed");
    assert_eq!((log(&disk).log_end_offset(), log(&snapshot).log_end_offset()), (101, 100));
    assert!(disk.delete(&tp()) && !disk.delete(&tp()));
}

#[test]
fn an_idle_log_is_small() {
    // Its heap is these two, the tree's share and a few batches; benches/storage.rs counts it.
    let idle = size_of::<Log>() + size_of::<Segment>() + 4 * size_of::<StoredBatch>();
    assert!(idle < 1_500, "{idle} bytes");
}
