//! A broker's log directory: its logs and its checkpoint files, and how it is left and found.
//!
//! | what happens | page cache | checkpoints | next start |
//! |---|---|---|---|
//! | [clean shutdown](Disk::shut_down) | written to the disk | up to date | loads what is there |
//! | [process crash](Disk::crash) | stays | stale | reads from the recovery point, loses nothing |
//! | [power loss](Disk::lose_power) | gone | stale | reads from the recovery point, cuts off what is torn |
//!
//! A checkpoint file is written whole, fsynced and renamed, so it is never torn, only old. The marker file
//! `.kafka_cleanshutdown` is written last of all and removed by the next start; it holds the broker epoch, by which the
//! controller knows a broker that shut down cleanly from one that did not.

use super::config::{DiskSpeed, IoWork, LogConfig};
use super::log::{Checkpointed, Log};
use super::recover::LogRecovery;
use super::segment::Survives;
use crate::base::{OrdMap, Rng, SimDuration, SimTime, Slots, TopicPartition};
use std::sync::Arc;

/// One broker's log directory. Cloning it shares every log until one of the two changes it.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    logs: Slots<Arc<Log>>,
    ids: OrdMap<TopicPartition, LogId>,
    /// Of the log that is made next.
    next: LogId,
    /// The file `.kafka_cleanshutdown`, with the broker epoch in it.
    clean_shutdown: Option<i64>,
    speed: DiskSpeed,
    now: SimTime,
    /// Work that somebody waits for and that nobody has priced yet.
    work: IoWork,
    /// The log that was made last, as it was then: another of the same moment and the same configs begins as its copy.
    newest: Option<Arc<Log>>,
}

/// A log of a disk, as it is found without a search. No other log of the disk ever has the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogId(u32);

impl LogId {
    /// Its number among all that the disk has had.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A checkpoint file of a log directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// `recovery-point-offset-checkpoint`.
    RecoveryPoint,
    /// `replication-offset-checkpoint`: high watermarks.
    HighWatermark,
    /// `log-start-offset-checkpoint`: only of logs whose start is not a segment's.
    LogStart,
}

impl Checkpoint {
    /// Every checkpoint file.
    pub const ALL: [Self; 3] = [Self::RecoveryPoint, Self::HighWatermark, Self::LogStart];

    /// The file's name.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::RecoveryPoint => "recovery-point-offset-checkpoint",
            Self::HighWatermark => "replication-offset-checkpoint",
            Self::LogStart => "log-start-offset-checkpoint",
        }
    }

    fn line(self, lines: &mut Checkpointed) -> &mut Option<i64> {
        match self {
            Self::RecoveryPoint => &mut lines.recovery_point,
            Self::HighWatermark => &mut lines.high_watermark,
            Self::LogStart => &mut lines.log_start_offset,
        }
    }

    /// What belongs in the file now.
    fn value(self, log: &Log) -> Option<i64> {
        match self {
            Self::RecoveryPoint => Some(log.recovery_point()),
            Self::HighWatermark => Some(log.high_watermark()),
            Self::LogStart => {
                let first = log.segments().next().expect("a log has a segment").base_offset();
                (log.log_start_offset() > first).then_some(log.log_start_offset())
            }
        }
    }
}

/// What a start found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The broker epoch in the clean shutdown's marker; none after a crash. A registration names it as
    /// `previousBrokerEpoch` (-1 for none).
    pub clean_shutdown: Option<i64>,
    /// What each log's recovery found.
    pub logs: Vec<(TopicPartition, LogRecovery)>,
    /// How long it all took the disk.
    pub time: SimDuration,
}

impl Disk {
    /// Tells the disk the time. Whoever drives a broker does so before each of its inputs.
    pub fn set_clock(&mut self, now: SimTime) {
        self.now = now;
    }

    /// Makes it another kind of disk.
    pub fn set_speed(&mut self, speed: DiskSpeed) {
        self.speed = speed;
    }

    /// Notes work that somebody waits for.
    pub fn did(&mut self, work: &IoWork) {
        self.work += *work;
    }

    /// Takes how long the work takes that was noted since the last time.
    pub fn take_work(&mut self) -> SimDuration {
        let work = std::mem::take(&mut self.work);
        if work == IoWork::default() { SimDuration::ZERO } else { self.speed.cost(&work) }
    }

    /// How long work takes on this disk.
    pub fn cost(&self, work: &IoWork) -> SimDuration {
        self.speed.cost(work)
    }

    /// A partition's log, if this disk has one.
    pub fn log(&self, partition: &TopicPartition) -> Option<&Log> {
        self.get(*self.ids.get(partition)?)
    }

    /// A partition's log, to be written to.
    pub fn log_mut(&mut self, partition: &TopicPartition) -> Option<&mut Log> {
        self.get_mut(*self.ids.get(partition)?)
    }

    /// A log, unless it was deleted.
    pub fn get(&self, id: LogId) -> Option<&Log> {
        self.logs.get(id.index()).map(|log| &**log)
    }

    /// A log, to be written to, unless it was deleted.
    pub fn get_mut(&mut self, id: LogId) -> Option<&mut Log> {
        let log = self.logs.get_mut(id.index()).map(Arc::make_mut)?;
        log.set_clock(self.now);
        Some(log)
    }

    /// Makes an empty log, unless there is one.
    pub fn create(&mut self, partition: TopicPartition, segment_bytes: usize) {
        self.create_with(partition, &Arc::new(LogConfig { segment_bytes, ..LogConfig::default() }));
    }

    /// Makes an empty log with these configs, unless there is one; the partition's log. Logs of the same configs share
    /// them.
    pub fn create_with(&mut self, partition: TopicPartition, config: &Arc<LogConfig>) -> LogId {
        let (now, next) = (self.now, self.next);
        let id = *self.ids.entry(partition).or_insert(next);
        if id == next {
            self.next = LogId(next.0 + 1);
            let alike = self.newest.take_if(|log| log.is_made_at(now, config));
            let log = alike.unwrap_or_else(|| Arc::new(Log::with_config(config.clone(), now)));
            self.logs.insert(id.index(), self.newest.insert(log).clone());
        }
        id
    }

    /// Deletes a log with all its files; false when there is none. (Kafka renames the folder first and deletes it after
    /// `file.delete.delay.ms`; nothing can tell the difference.)
    pub fn delete(&mut self, partition: &TopicPartition) -> bool {
        let id = self.ids.remove(partition);
        id.and_then(|id| self.logs.remove(id.index())).is_some()
    }

    /// Every log, by partition.
    pub fn logs(&self) -> impl Iterator<Item = (&TopicPartition, &Log)> {
        self.ids.iter().filter_map(|(partition, id)| Some((partition, self.get(*id)?)))
    }

    /// Cuts a log off at an offset, and writes the recovery points to their file; false when nothing was cut off.
    pub fn truncate_to(&mut self, partition: &TopicPartition, offset: i64) -> bool {
        let cut = self.log_mut(partition).is_some_and(|log| log.truncate_to(offset));
        if cut {
            self.write_checkpoint(Checkpoint::RecoveryPoint);
        }
        cut
    }

    /// Writes a checkpoint file: what is true now is what a start after a crash will find. The broker does so every
    /// `replica.high.watermark.checkpoint.interval.ms` (5 s) for high watermarks, and every
    /// `log.flush.offset.checkpoint.interval.ms` and `log.flush.start.offset.checkpoint.interval.ms` (1 min) for the
    /// others, first 30 s after its start.
    pub fn write_checkpoint(&mut self, file: Checkpoint) {
        self.change_logs(
            |log| *file.line(&mut log.checkpointed()) != file.value(log),
            |log| *file.line(&mut log.checkpointed) = file.value(log),
        );
    }

    /// What writing a checkpoint file as it is now takes.
    pub fn checkpoint_work(&self, file: Checkpoint) -> IoWork {
        IoWork { syncs: 1, written: self.checkpoint(file).len(), ..IoWork::default() }
    }

    /// A checkpoint file's content, as it was last written.
    pub fn checkpoint(&self, file: Checkpoint) -> String {
        let line = |(tp, log): (&TopicPartition, &Log)| {
            let value = (*file.line(&mut log.checkpointed()))?;
            Some(format!("{} {} {value}\n", tp.topic, tp.partition))
        };
        let lines: Vec<String> = self.logs().filter_map(line).collect();
        format!("0\n{}\n{}", lines.len(), lines.concat())
    }

    /// Flushes the logs that `flush.ms` says are due, as Kafka does every `log.flush.scheduler.interval.ms` (never,
    /// unless it is set).
    pub fn flush_due(&mut self) -> IoWork {
        let now = self.now;
        let mut work = IoWork::default();
        self.change_logs(|log| log.is_flush_due(now), |log| work += log.flush());
        work
    }

    /// Shuts down cleanly: flushes and closes every log, writes the checkpoints, and last of all the marker.
    pub fn shut_down(&mut self, broker_epoch: i64) -> IoWork {
        let mut work = IoWork::default();
        self.write_checkpoint(Checkpoint::HighWatermark);
        self.change_logs(|_| true, |log| work += log.close());
        self.write_checkpoint(Checkpoint::RecoveryPoint);
        self.write_checkpoint(Checkpoint::LogStart);
        Checkpoint::ALL.into_iter().for_each(|file| work += self.checkpoint_work(file));
        self.clean_shutdown = Some(broker_epoch);
        work.syncs += 1;
        work
    }

    /// The broker's process dies, and the machine lives on: what was written is in the page cache, and nothing is lost
    /// but what the process only knew.
    pub fn crash(&mut self) {
        self.change_logs(|_| true, Log::forget);
    }

    /// The power goes: of what was not on the disk, `survives` says how much is there even so, for each segment file
    /// (partition, base offset, bytes at stake).
    pub fn lose_power(&mut self, mut survives: impl FnMut(&TopicPartition, i64, usize) -> Survives) {
        let partitions: Vec<TopicPartition> = self.ids.keys().cloned().collect();
        for tp in partitions {
            let log = self.log_mut(&tp).expect("it is one of them");
            log.lose_power(&mut |base_offset, bytes| survives(&tp, base_offset, bytes));
        }
    }

    /// The power goes, and chance decides what the disk had got to: any part of what was unflushed, in its order.
    pub fn lose_power_by_chance(&mut self, rng: &mut Rng) {
        self.lose_power(|_, _, bytes| Survives {
            bytes: rng.below(bytes as u64 + 1) as usize,
            zeros: rng.below(2) == 1,
        });
    }

    /// The broker epoch in the marker of a clean shutdown, while there is one.
    pub fn clean_shutdown(&self) -> Option<i64> {
        self.clean_shutdown
    }

    /// A broker starts: takes the marker away and loads every log. (A disk that cannot be read has its place here.)
    pub fn recover(&mut self) -> Recovery {
        let clean_shutdown = self.clean_shutdown.take();
        let mut work = IoWork::default();
        let mut logs = Vec::with_capacity(self.ids.len());
        let partitions: Vec<TopicPartition> = self.ids.keys().cloned().collect();
        for tp in partitions {
            let log = self.log_mut(&tp).expect("it is one of them");
            let found = log.recover(clean_shutdown.is_some());
            work += found.work;
            logs.push((tp, found));
        }
        Recovery { clean_shutdown, logs, time: self.cost(&work) }
    }

    /// Changes the logs that need it; the others stay shared with whoever shares them.
    fn change_logs(&mut self, needs: impl Fn(&Log) -> bool, mut change: impl FnMut(&mut Log)) {
        let partitions = self.logs().filter(|(_, log)| needs(log)).map(|(tp, _)| tp.clone());
        for tp in partitions.collect::<Vec<_>>() {
            change(self.log_mut(&tp).expect("it is one of them"));
        }
    }
}
