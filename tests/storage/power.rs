//! What a process crash, a power loss and a clean shutdown leave, and that recovery makes of it what was whole.

use crate::{Batch, disk, facts, log, log_mut, second, tp};
use kafka_terrarium::base::SimDuration;
use kafka_terrarium::storage::{Checkpoint, Disk, LogConfig, StoredBatch, Survives};

/// A log in which the first batches are on the disk and the last three are not, the last of a new epoch.
fn half_flushed(flushed: usize, unflushed: usize) -> Disk {
    let mut disk = disk(LogConfig { index_interval_bytes: 100, ..LogConfig::default() });
    for n in 0..flushed + unflushed {
        let epoch = if n + 1 == flushed + unflushed { 7 } else { 3 };
        let batch =
            Batch { timestamps: vec![n as i64; 1 + n % 2], value_size: 40, producer: Some((9, 0, 2 * n as i32)) };
        let log = log_mut(&mut disk);
        batch.append_to(log, epoch);
        if n + 1 == flushed {
            log.flush();
        }
    }
    disk
}

#[test]
fn power_loss_at_every_byte_of_a_write_leaves_the_whole_batches() {
    let (flushed, unflushed) = (2, 3);
    let full = half_flushed(flushed, unflushed);
    let segment = log(&full).segments().next().unwrap();
    let ends: Vec<usize> = segment.batches().iter().map(|batch| batch.end()).collect();
    let at_stake = segment.size() - ends[flushed - 1];
    for bytes in 0..=at_stake {
        for zeros in [false, true] {
            let mut disk = full.clone();
            disk.lose_power(|_, base, stake| {
                assert_eq!((base, stake), (0, at_stake));
                Survives { bytes, zeros }
            });
            let left = ends[flushed - 1] + bytes;
            let by_length = ends.iter().filter(|end| **end <= left).count();
            let torn = !log(&disk).segments().next().unwrap().torn().is_empty();
            assert_eq!(torn, left > ends[by_length - 1] || (zeros && left < segment.size()), "{bytes} {zeros}");
            // A batch that had only zeros to come is whole with them.
            let only_zeros = |cut: &StoredBatch| cut.bytes[left - cut.position as usize..].iter().all(|b| *b == 0);
            let healed = zeros && segment.batches().get(by_length).is_some_and(only_zeros);
            let kept = by_length + usize::from(healed);
            let found = disk.recover().logs[0].1;
            assert_eq!(found.truncated_bytes > 0, torn && !(healed && kept == ends.len()), "{bytes} {zeros}");
            assert_eq!(log(&disk).batches_from(0).count(), kept, "{bytes} {zeros}");
            // It is as if only those batches had ever been written, and read back.
            let mut never = half_flushed(flushed, unflushed);
            let end = log(&disk).log_end_offset();
            log_mut(&mut never).truncate_to(end);
            never.crash();
            never.recover();
            assert_eq!(facts(log(&disk)), facts(log(&never)), "{bytes} {zeros}");
            let last_epoch = if kept == ends.len() { 7 } else { 3 };
            assert_eq!(log(&disk).epochs().latest(), Some(last_epoch));
            // And again.
            let once = facts(log(&disk));
            disk.recover();
            assert_eq!(facts(log(&disk)), once);
        }
    }
}

#[test]
fn the_three_ways_to_stop_differ() {
    let mut disk = half_flushed(4, 3);
    let log_of = log_mut(&mut disk);
    let end = log_of.log_end_offset();
    log_of.advance_high_watermark(3);
    disk.write_checkpoint(Checkpoint::HighWatermark);
    log_mut(&mut disk).advance_high_watermark(end);
    let after = |mut disk: Disk| {
        let found = disk.recover();
        let log = log(&disk);
        (found.clean_shutdown, found.logs[0].1.segments_read, log.log_end_offset(), log.high_watermark())
    };
    let (mut crashed, mut dark, mut clean) = (disk.clone(), disk.clone(), disk.clone());
    crashed.crash();
    assert_eq!(after(crashed), (None, 1, end, 3), "nothing lost, an old high watermark");
    dark.lose_power(|_, _, _| Survives::default());
    assert_eq!(after(dark), (None, 1, 6, 3), "the unflushed batches are gone");
    clean.shut_down(5);
    // After a clean shutdown the power may go as well.
    clean.lose_power(|_, _, _| panic!("nothing is at stake"));
    assert_eq!(after(clean), (Some(5), 0, end, end));
}

#[test]
fn the_operating_system_writes_back_after_its_time() {
    let mut disk = disk(LogConfig::default());
    let batch = Batch { timestamps: vec![0], value_size: 10, ..Batch::default() };
    disk.set_clock(second(10));
    let size = batch.append_to(log_mut(&mut disk), 0).size;
    disk.set_clock(second(39));
    batch.append_to(log_mut(&mut disk), 0);
    let unflushed = |disk: &Disk, at| log(disk).unflushed(second(at));
    assert_eq!((unflushed(&disk, 39), unflushed(&disk, 40)), (2 * size, 0), "30 s after the file became dirty");
    disk.set_clock(second(45));
    batch.append_to(log_mut(&mut disk), 0);
    assert_eq!((unflushed(&disk, 45), unflushed(&disk, 75)), (size, 0));
    // Kafka knows nothing of that, and reads it all again.
    assert_eq!(log(&disk).recovery_point(), 0);
    disk.lose_power(|_, _, _| Survives::default());
    let found = disk.recover().logs[0].1;
    assert_eq!((found.segments_read, found.log_end_offset), (1, 2));
}

#[test]
fn flush_settings_move_the_recovery_point() {
    let batch = Batch { timestamps: vec![0, 0], value_size: 10, ..Batch::default() };
    let mut counting = disk(LogConfig { flush_messages: 5, ..LogConfig::default() });
    let points = [0, 0, 6, 6, 6, 12].map(|expected| {
        let info = batch.append_to(log_mut(&mut counting), 0);
        let log = log(&counting);
        assert_eq!(log.recovery_point() == log.log_end_offset(), info.work.syncs > 1, "expected {expected}");
        log.recovery_point()
    });
    assert_eq!(points, [0, 0, 6, 6, 6, 12]);
    let after = Some(SimDuration::from_secs(2));
    let mut timed = disk(LogConfig { flush_after: after, ..LogConfig::default() });
    batch.append_to(log_mut(&mut timed), 0);
    for (at, point) in [(1, 0), (2, 2)] {
        timed.set_clock(second(at));
        timed.flush_due();
        assert_eq!(log(&timed).recovery_point(), point);
    }
    assert!(timed.cost(&timed.checkpoint_work(Checkpoint::RecoveryPoint)) > SimDuration::ZERO);
}

#[test]
fn a_torn_active_segment_stays_and_is_empty() {
    let mut disk = disk(LogConfig { segment_bytes: 200, ..LogConfig::default() });
    for n in 0..5 {
        Batch { timestamps: vec![n], value_size: 40, ..Batch::default() }.append_to(log_mut(&mut disk), 0);
    }
    assert_eq!((log(&disk).segments().len(), log(&disk).recovery_point()), (5, 4));
    disk.lose_power(|partition, base_offset, _| {
        assert_eq!((partition, base_offset), (&tp(), 4), "what rolled is on the disk");
        Survives { bytes: 30, zeros: true }
    });
    // The recovery point was in no file: everything is read.
    let found = disk.recover().logs[0].1;
    assert_eq!((found.segments_read, found.log_end_offset), (5, 4));
    assert_eq!((log(&disk).segments().len(), log(&disk).segments().last().unwrap().size()), (5, 0));
    let next = Batch { timestamps: vec![9], value_size: 40, ..Batch::default() }.append_to(log_mut(&mut disk), 1);
    assert_eq!(next.base_offset, 4);
}
