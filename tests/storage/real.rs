//! The files of a real broker (4.1.1, `log.index.interval.bytes=300`), entry by entry, in two stories.
//!
//! First, with `log.roll.ms=6000`: one producer sends 3 records in a batch and 47 in batches of one, 200 ms apart;
//! SIGKILL; a new leader epoch and a second producer with one batch of 3; a clean stop. Then a log that loses the last 50
//! bytes of its file, and is written to and cleanly closed twice after that.

use crate::{Batch, disk, log, log_mut, second};
use kafka_terrarium::storage::{Checkpoint, Disk, LogConfig, Survives};

const START_MS: i64 = 1_795_254_531_947;

fn config() -> LogConfig {
    LogConfig { index_interval_bytes: 300, segment_ms: 6_000, ..LogConfig::default() }
}

/// The first producer's 50 records, checkpoints of high watermarks on the way.
fn produced() -> Disk {
    let mut disk = disk(config());
    log_mut(&mut disk).begin_leader_epoch(0);
    for n in 0..48 {
        let at = START_MS + 200 * n;
        let (timestamps, sequence) = if n == 0 { (vec![at - 24, at, at], 0) } else { (vec![at], n as i32 + 2) };
        let batch = Batch { timestamps, value_size: 100, producer: Some((0, 0, sequence)) };
        let log = log_mut(&mut disk);
        batch.append_to(log, 0);
        log.advance_high_watermark(log.log_end_offset());
        if n == 45 {
            disk.write_checkpoint(Checkpoint::HighWatermark);
        }
    }
    disk
}

fn bases(disk: &Disk) -> Vec<i64> {
    log(disk).segments().map(|segment| segment.base_offset()).collect()
}

/// Offsets and positions of a segment's offset index.
fn offset_entries(disk: &Disk, segment: usize) -> Vec<(i64, u32)> {
    let segment = log(disk).segments().nth(segment).expect("there is one");
    let base = segment.base_offset();
    segment.offset_index().entries().iter().map(|e| (base + i64::from(e.relative_offset), e.position)).collect()
}

/// Offsets and timestamps (ms since the first batch) of a segment's time index.
fn time_entries(disk: &Disk, segment: usize) -> Vec<(i64, i64)> {
    let segment = log(disk).segments().nth(segment).expect("there is one");
    let entry = |e: &kafka_terrarium::storage::TimeEntry| {
        (segment.base_offset() + i64::from(e.relative_offset), e.timestamp_ms - START_MS)
    };
    segment.time_index().entries().iter().map(entry).collect()
}

fn snapshots(disk: &Disk) -> Vec<(i64, usize)> {
    log(disk).producers().snapshots().iter().map(|snapshot| (snapshot.offset(), snapshot.file_len())).collect()
}

#[test]
fn an_index_has_the_entries_of_a_real_one() {
    let disk = produced();
    // Here a batch comes every 200 ms sharp, so that the roll by time (more than 6 s) falls one batch later.
    assert_eq!(bases(&disk), [0, 33]);
    let first = log(&disk).segments().next().unwrap();
    assert_eq!((first.size(), first.batches().get(0).unwrap().bytes.len()), (388 + 30 * 170, 388));
    let expected: Vec<(i64, u32)> = (0..15).map(|n| (3 + 2 * n, 388 + 340 * n as u32)).collect();
    assert_eq!(offset_entries(&disk, 0), expected);
    // The roll adds the youngest batch, unless the last entry names it.
    let expected: Vec<(i64, i64)> = (0..15).map(|n| (3 + 2 * n, 200 + 400 * n)).chain([(32, 6_000)]).collect();
    assert_eq!(time_entries(&disk, 0), expected);
    assert_eq!(offset_entries(&disk, 1)[..3], [(35, 340), (37, 680), (39, 1020)]);
    assert_eq!(snapshots(&disk), [(33, 56)]);
    assert_eq!(log(&disk).recovery_point(), 33);
    let active = log(&disk).segments().last().unwrap();
    assert_eq!(first.offset_index().file_len(10 << 20, false), 120);
    assert_eq!(active.offset_index().file_len(10 << 20, true), 10_485_760);
    assert_eq!(active.time_index().file_len(10 << 20, true), 10_485_756);
}

#[test]
fn a_kill_loses_nothing_but_reads_everything_again() {
    let mut disk = produced();
    let before = disk.clone();
    assert_eq!(disk.checkpoint(Checkpoint::HighWatermark), "0\n1\nt 0 48\n");
    assert_eq!(disk.checkpoint(Checkpoint::RecoveryPoint), "0\n0\n");
    disk.crash();
    let found = disk.recover();
    assert_eq!(found.clean_shutdown, None);
    // The recovery point has not been written to its file yet: both segments are read.
    let (_, found) = &found.logs[0];
    assert_eq!((found.segments_read, found.truncated_bytes), (2, 0));
    assert_eq!((found.log_end_offset, found.high_watermark), (50, 48));
    // The first segment's index is the same as before, and the active one has its closing entry already.
    assert_eq!(
        (offset_entries(&disk, 0), time_entries(&disk, 0)),
        (offset_entries(&before, 0), time_entries(&before, 0))
    );
    assert_eq!(offset_entries(&disk, 1), offset_entries(&before, 1));
    assert_eq!(snapshots(&disk), [(33, 56), (50, 56)]);
    let known = log(&disk).producers().get(0).unwrap();
    assert_eq!(
        (known.epoch, known.last_sequence(), known.batches.len()),
        (0, 49, 1),
        "a snapshot has the last batch only"
    );
}

#[test]
fn a_clean_stop_leaves_everything_on_the_disk() {
    let mut disk = produced();
    disk.crash();
    disk.recover();
    disk.set_clock(second(30));
    let at = START_MS + 38_000;
    let batch = Batch { timestamps: vec![at, at, at], value_size: 100, producer: Some((1, 0, 0)) };
    let log_of = log_mut(&mut disk);
    log_of.begin_leader_epoch(2);
    batch.append_to(log_of, 2);
    log_of.advance_high_watermark(53);
    assert_eq!(disk.clean_shutdown(), None);
    disk.shut_down(149);
    assert_eq!(disk.clean_shutdown(), Some(149));
    assert_eq!(bases(&disk), [0, 33, 50], "the records are 6 s younger than the segment's first");
    assert_eq!((offset_entries(&disk, 2), time_entries(&disk, 2)), (vec![], vec![(52, 38_000)]));
    assert_eq!(snapshots(&disk), [(33, 56), (50, 56), (53, 102)]);
    assert_eq!(log(&disk).epochs().checkpoint(), "0\n2\n0 0\n2 50\n");
    assert_eq!(disk.checkpoint(Checkpoint::RecoveryPoint), "0\n1\nt 0 53\n");
    assert_eq!(disk.checkpoint(Checkpoint::HighWatermark), "0\n1\nt 0 53\n");
    assert_eq!(disk.checkpoint(Checkpoint::LogStart), "0\n0\n");
    let found = disk.recover();
    assert_eq!((found.clean_shutdown, found.logs[0].1.segments_read, disk.clean_shutdown()), (Some(149), 0, None));
    assert_eq!((log(&disk).recovery_point(), log(&disk).high_watermark()), (53, 53));
    assert_eq!(log(&disk).producers().iter().count(), 2);
}

/// Appends a producer's batch of 100-byte records, dated in ms since the first, and commits it.
fn append(disk: &mut Disk, epoch: i32, producer: (i64, i32), count: usize, at: i64) {
    let timestamps = vec![START_MS + at; count];
    let batch = Batch { timestamps, value_size: 100, producer: Some((producer.0, 0, producer.1)) };
    let log = log_mut(disk);
    batch.append_to(log, epoch);
    log.advance_high_watermark(log.log_end_offset());
}

#[test]
fn a_torn_log_and_what_is_written_after() {
    let mut disk = disk(LogConfig { index_interval_bytes: 300, ..LogConfig::default() });
    let mut sequence = 0;
    for (count, at) in [8, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1].into_iter().zip((0..).map(|n| 100 * n)) {
        append(&mut disk, 0, (0, sequence), count, at);
        sequence += count as i32;
    }
    let before: Vec<(i64, u32)> = vec![(8, 933), (10, 1273), (13, 1613), (15, 2062), (17, 2402)];
    assert_eq!(offset_entries(&disk, 0), [&before[..], &[(19, 2742)]].concat());
    assert_eq!(log(&disk).size(), 2912);
    disk.lose_power(|_, _, bytes| Survives { bytes: bytes - 50, zeros: false });
    let found = disk.recover().logs[0].1;
    assert_eq!((found.truncated_bytes, found.log_end_offset, log(&disk).size()), (120, 19, 2742));
    assert_eq!(offset_entries(&disk, 0), before);
    let times = [(8, 100), (10, 300), (13, 500), (15, 700), (17, 900)];
    assert_eq!(time_entries(&disk, 0), [&times[..], &[(18, 1_000)]].concat());
    assert_eq!(snapshots(&disk), [(19, 56)]);
    // 340 bytes lie behind the last index entry, but a process counts from when it opened the file: no entry.
    log_mut(&mut disk).begin_leader_epoch(2);
    append(&mut disk, 2, (1, 0), 2, 33_000);
    disk.shut_down(1);
    assert_eq!(snapshots(&disk), [(19, 56), (21, 102)]);
    disk.recover();
    log_mut(&mut disk).begin_leader_epoch(4);
    append(&mut disk, 4, (2, 0), 2, 48_000);
    disk.shut_down(2);
    assert_eq!(offset_entries(&disk, 0), before);
    assert_eq!(time_entries(&disk, 0), [&times[..], &[(18, 1_000), (20, 33_000), (22, 48_000)]].concat());
    assert_eq!(snapshots(&disk), [(21, 102), (23, 148)], "one snapshot behind the last segment's start is kept");
    assert_eq!(log(&disk).epochs().checkpoint(), "0\n3\n0 0\n2 19\n4 21\n");
    assert_eq!(disk.checkpoint(Checkpoint::RecoveryPoint), "0\n1\nt 0 23\n");
    let files: Vec<(String, usize)> = log(&disk).files(second(60)).into_iter().map(|f| (f.name, f.len)).collect();
    let expected = [
        ("00000000000000000000.index", 40),
        ("00000000000000000000.log", 3300),
        ("00000000000000000000.timeindex", 96),
        ("00000000000000000021.snapshot", 102),
        ("00000000000000000023.snapshot", 148),
        ("leader-epoch-checkpoint", 18),
    ];
    assert_eq!(files, expected.map(|(name, len)| (name.to_string(), len)));
    disk.recover();
    let opened: Vec<usize> = log(&disk).files(second(60)).iter().map(|f| f.len).collect();
    assert_eq!(opened, [10_485_760, 3300, 10_485_756, 148, 18], "indexes of an active segment have room to grow");
}
