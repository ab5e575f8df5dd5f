//! Random lives of a log beside a plain list of batches: appends, truncations, rolls, flushes, checkpoints, time, and
//! every way to stop; after each step the log is what the list says and its parts agree with each other.

use crate::{Batch, disk, facts, log, log_mut};
use kafka_terrarium::base::{Rng, SimTime};
use kafka_terrarium::storage::{Checkpoint, Disk, Log, LogConfig, ReadLimit};
use kafka_terrarium::wire::records;
use std::collections::BTreeMap;

/// What the list knows of a batch.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    base_offset: i64,
    last_offset: i64,
    crc: u32,
    epoch: i32,
}

struct Life {
    rng: Rng,
    now: SimTime,
    disk: Disk,
    batches: Vec<Known>,
    end: i64,
    epoch: i32,
    sequences: BTreeMap<i64, i32>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::stream(seed, "life of a log");
        let config = LogConfig {
            segment_bytes: 300 + rng.below(2_000) as usize,
            segment_ms: 500 + rng.below(20_000) as i64,
            index_interval_bytes: rng.below(600) as usize,
            segment_index_bytes: 48 + 12 * rng.below(20) as usize,
            flush_messages: if rng.below(4) == 0 { 7 } else { i64::MAX },
            ..LogConfig::default()
        };
        let disk = disk(config);
        Self { rng, now: SimTime::ZERO, disk, batches: Vec::new(), end: 0, epoch: 0, sequences: BTreeMap::new() }
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.rng.below(100) < percent
    }

    fn step(&mut self) -> &'static str {
        self.now = SimTime(self.now.0 + self.rng.below(4_000_000));
        self.disk.set_clock(self.now);
        match self.rng.below(100) {
            0..=64 => self.append(),
            65..=69 => self.truncate(),
            70..=74 => {
                self.epoch += 1;
                log_mut(&mut self.disk).begin_leader_epoch(self.epoch);
                "new epoch"
            }
            75..=77 => {
                log_mut(&mut self.disk).roll(0);
                "roll"
            }
            78..=79 => {
                log_mut(&mut self.disk).flush();
                "flush"
            }
            80..=85 => {
                let end = self.end;
                let (high_watermark, upto) = (log(&self.disk).high_watermark(), self.rng.below(end as u64 + 1) as i64);
                log_mut(&mut self.disk).advance_high_watermark(high_watermark.max(upto));
                "high watermark"
            }
            86..=87 => {
                let upto = self.rng.below(log(&self.disk).high_watermark() as u64 + 1) as i64;
                assert!(log_mut(&mut self.disk).advance_log_start(upto));
                "log start"
            }
            88..=92 => {
                let file = Checkpoint::ALL[self.rng.below(3) as usize];
                self.disk.write_checkpoint(file);
                "checkpoint"
            }
            _ => self.stop(),
        }
    }

    fn append(&mut self) -> &'static str {
        let count = 1 + self.rng.below(4) as usize;
        let around = 1_000 + (self.now.0 / 1_000) as i64;
        let timestamps = (0..count).map(|_| around - self.rng.below(300) as i64).collect();
        let producer = if self.chance(60) {
            let id = self.rng.below(3) as i64;
            let sequence = self.sequences.entry(id).or_insert(0);
            let first = *sequence;
            *sequence += count as i32;
            Some((id, 0, first))
        } else {
            None
        };
        let batch = Batch { timestamps, value_size: self.rng.below(60) as usize, producer };
        let epoch = self.epoch;
        let (base, crc) = if self.chance(30) {
            // As a follower, with a gap now and then, as a compacted log has them.
            let base = self.end + if self.chance(20) { self.rng.below(50) as i64 } else { 0 };
            let bytes = records::stamp(&batch.bytes(), base, epoch);
            let done = log_mut(&mut self.disk).append_as_follower(&bytes, epoch).unwrap().unwrap();
            assert_eq!((done.first_offset, done.left_out), (base, 0));
            (base, records::header(&bytes).unwrap().crc)
        } else {
            let info = batch.append_to(log_mut(&mut self.disk), epoch);
            assert_eq!(info.base_offset, self.end);
            (info.base_offset, info.crc)
        };
        let last_offset = base + count as i64 - 1;
        self.batches.push(Known { base_offset: base, last_offset, crc, epoch });
        self.end = last_offset + 1;
        "append"
    }

    fn truncate(&mut self) -> &'static str {
        let back = self.rng.below(12) as i64;
        let to = (self.end - back).max(0);
        let tp = crate::tp();
        assert_eq!(self.disk.truncate_to(&tp, to), to < self.end);
        if to < self.end {
            self.batches.retain(|batch| batch.last_offset < to);
            self.end = to;
            self.forget_sequences();
        }
        "truncate"
    }

    /// Producers go on from what the log still knows of them.
    fn forget_sequences(&mut self) {
        for (id, sequence) in &mut self.sequences {
            let known = log(&self.disk).producers().get(*id);
            *sequence = known.map_or(0, |known| known.last_sequence() + 1);
        }
    }

    fn stop(&mut self) -> &'static str {
        let safe = log(&self.disk).recovery_point();
        let how = self.rng.below(3);
        let epoch = self.rng.below(100) as i64;
        match how {
            0 => self.disk.crash(),
            1 => self.disk.lose_power_by_chance(&mut self.rng),
            _ => {
                self.disk.shut_down(epoch);
            }
        }
        let found = self.disk.recover();
        assert_eq!(found.clean_shutdown, (how == 2).then_some(epoch));
        let found = found.logs[0].1;
        let end = log(&self.disk).log_end_offset();
        if how == 1 {
            let flushed = self.batches.iter().rfind(|batch| batch.last_offset < safe);
            assert!(flushed.is_none_or(|batch| batch.last_offset < end), "what was flushed is there: {end} {safe}");
            self.batches.retain(|batch| batch.last_offset < end);
        } else {
            assert_eq!((end, found.truncated_bytes), (log(&self.disk).segments().last().unwrap().next_offset(), 0));
            let written = self.batches.last().map_or(0, |batch| batch.last_offset + 1);
            assert!(end >= written, "nothing is lost: {end} {written}");
        }
        if self.batches.last().is_some_and(|batch| batch.last_offset < log(&self.disk).log_start_offset()) {
            // The log's start, as its file has it, lies beyond all that is left: the log begins anew there.
            self.batches.retain(|_| log(&self.disk).size() > 0);
        }
        // After a truncation inside a batch, or a roll behind a gap, the end is what the files say.
        self.end = end;
        let mut again = self.disk.clone();
        if how == 2 {
            // A clean start takes the indexes as they are, with an entry for each time that the segment was closed.
            again.recover();
        }
        let once = facts(log(&again));
        again.recover();
        assert_eq!(facts(log(&again)), once, "recovery changes nothing the second time");
        self.forget_sequences();
        ["crash", "power loss", "clean shutdown"][how as usize]
    }

    fn check(&mut self) {
        let log = log(&self.disk);
        let known = |batch: &kafka_terrarium::storage::StoredBatch| Known {
            base_offset: batch.base_offset,
            last_offset: batch.last_offset,
            crc: batch.crc,
            epoch: batch.leader_epoch,
        };
        assert_eq!(log.batches_from(0).map(known).collect::<Vec<_>>(), self.batches);
        assert_eq!(log.log_end_offset(), self.end);
        assert!((0..=self.end).contains(&log.high_watermark()) && (0..=self.end).contains(&log.recovery_point()));
        let start = log.log_start_offset();
        assert!((0..=log.high_watermark()).contains(&start));
        let limit = ReadLimit { upto_offset: self.end, max_bytes: usize::MAX, at_least_one: false };
        assert_eq!(log.read(start, limit).unwrap().len(), log.bytes_between(start, self.end, usize::MAX));
        check_epochs(log, &self.batches);
        check_indexes(log);
        check_producers(log, &self.sequences);
    }
}

/// Each batch's epoch is the one that the cache has for its offsets, and the cache goes forward in both.
fn check_epochs(log: &Log, batches: &[Known]) {
    // A log start that was not in its file when the process died goes back; the epochs before it are gone even so.
    let start = log.epochs().entries().first().map_or(0, |first| first.start_offset).max(log.log_start_offset());
    for batch in batches.iter().filter(|batch| batch.last_offset >= start) {
        let first = batch.base_offset.max(start);
        assert_eq!(log.epochs().epoch_at(first), Some(batch.epoch), "{batch:?} {:?}", log.epochs());
        assert_eq!(log.epochs().epoch_at(batch.last_offset), Some(batch.epoch));
    }
    let forward =
        log.epochs().entries().windows(2).all(|w| w[0].epoch < w[1].epoch && w[0].start_offset < w[1].start_offset);
    assert!(forward, "{:?}", log.epochs());
}

/// Every index entry points at a batch that is there, and segments follow on each other.
fn check_indexes(log: &Log) {
    let mut next = 0;
    for segment in log.segments() {
        assert!(segment.base_offset() >= next && segment.torn().is_empty());
        next = segment.next_offset();
        let base = segment.base_offset();
        for entry in segment.offset_index().entries() {
            let batch = segment.batches().get(segment.index_of(base + i64::from(entry.relative_offset))).unwrap();
            assert_eq!((batch.last_offset - base, batch.position), (i64::from(entry.relative_offset), entry.position));
        }
        for entry in segment.time_index().entries() {
            let at = segment.index_of(base + i64::from(entry.relative_offset));
            let before = segment.batches().iter().take(at).map(|batch| batch.max_timestamp_ms).max().unwrap_or(-1);
            assert_eq!(segment.batches().get(at).unwrap().max_timestamp_ms, entry.timestamp_ms);
            assert!(before < entry.timestamp_ms, "the first batch that is as young");
        }
        let youngest = segment.batches().iter().map(|batch| batch.max_timestamp_ms).max().unwrap_or(-1);
        assert_eq!(segment.max_timestamp_ms(), youngest);
        let positions = segment.batches().iter().try_fold(0, |at, b| (b.position as usize == at).then_some(b.end()));
        assert_eq!(positions, Some(segment.size()));
    }
}

/// The log knows of each producer what lies in it: its last batch, and up to four before.
fn check_producers(log: &Log, sequences: &BTreeMap<i64, i32>) {
    for id in sequences.keys() {
        let own = |batch: &&kafka_terrarium::storage::StoredBatch| {
            records::header(&batch.bytes).is_ok_and(|header| header.producer_id == *id)
        };
        let last = log.batches_newest_first().find(own).map(|batch| batch.last_offset);
        let known = log.producers().get(*id).and_then(|known| known.batches.last()).map(|batch| batch.last_offset);
        // What lies before the log's start may have been forgotten.
        let forgettable = known.is_none() && last < Some(log.log_start_offset());
        assert!(known == last || forgettable, "producer {id}: {known:?}, in the log {last:?}");
    }
}

#[test]
fn a_log_is_what_a_plain_list_says_whatever_happens() {
    let mut steps = BTreeMap::new();
    for seed in 0..150 {
        let mut life = Life::new(seed);
        let mut history = Vec::new();
        for _ in 0..150 {
            history.push(life.step());
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| life.check()));
            assert!(checked.is_ok(), "seed {seed}: {:?}", &history[history.len().saturating_sub(8)..]);
        }
        history.into_iter().for_each(|step| *steps.entry(step).or_insert(0) += 1);
    }
    assert_eq!(steps.len(), 11, "every kind of step happened: {steps:?}");
    assert!(steps.values().all(|count| *count > 100), "{steps:?}");
}
