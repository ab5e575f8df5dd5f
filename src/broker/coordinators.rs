//! The group coordinators of a broker: one for each partition of `__consumer_offsets` that it leads
//! (`GroupCoordinatorService`, `CoordinatorRuntime`). What a coordinator decides is in [`group`](super::group); here it
//! gets its partition's log, the clock, and the requests.
//!
//! A broker that becomes the leader of such a partition first reads its log, and says COORDINATOR_LOAD_IN_PROGRESS
//! meanwhile. What a coordinator writes waits for `group.coordinator.append.linger.ms`, so that several writes become one
//! batch; it is appended as with acks=1, and what depends on it is done when the high watermark has passed it. Below
//! `min.insync.replicas` the high watermark stands still, so that writes are not refused, but time out.
//!
//! A coordinator asks for effects, and an effect (an answer) can lead to the next request: so effects queue, and whoever
//! is the first to carry them out carries out all.

use super::group::{Effect, GroupShard, RequestToken, Turn, WriteId};
use super::group_requests::Asked;
use super::{Broker, Serving};
use crate::base::{OrdMap, OrdSet, SimDuration, SimTime, SortedSet, TopicPartition};
use crate::machine::Fact;
use crate::storage::{IoWork, Log};
use crate::wire::records::{self, ProducerStamp, Record};
use crate::wire::{ErrorCode, GroupRecord, RecordError};
use std::collections::VecDeque;
use std::sync::Arc;

/// The topic of groups and their offsets.
pub(super) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// How long a coordinator takes to begin to load, beside reading its log: two threads hand it on. (On a real cluster it
/// was some tens of milliseconds on a busy machine.)
const LOAD_DELAY: SimDuration = SimDuration::from_millis(5);

/// All group coordinators of a broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Coordinators {
    by_partition: OrdMap<i32, Arc<Coordinator>>,
    /// When each wants to be polled.
    deadlines: OrdSet<(SimTime, i32)>,
    /// The requests that have no answer yet, by number.
    pub(super) asked: OrdMap<u64, Asked>,
    pub(super) next_request: u64,
    effects: VecDeque<(i32, Effect)>,
    is_carrying_out: bool,
    /// Partitions whose high watermark has moved.
    moved: SortedSet<i32>,
}

/// The coordinator of one partition.
#[derive(Clone, Debug)]
struct Coordinator {
    leader_epoch: i32,
    deadline: Option<SimTime>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// It reads its log, until then.
    Loading(SimTime),
    Active(Box<Active>),
    /// Its log holds a record that cannot be read.
    Failed,
}

/// A coordinator that serves.
#[derive(Clone, Debug)]
struct Active {
    shard: GroupShard,
    batch: Option<Batch>,
    /// Writes that are in the log, each with the high watermark that commits it.
    appended: VecDeque<(WriteId, i64)>,
}

/// Writes that wait to be appended together.
#[derive(Clone, Debug)]
struct Batch {
    flush_at: SimTime,
    records: Vec<Record>,
    /// An upper bound of its size in bytes.
    size: usize,
    first: WriteId,
    last: WriteId,
}

impl Coordinators {
    /// When one of them wants to be polled.
    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        self.deadlines.get_min().map(|(at, _)| *at)
    }

    /// The high watermark of one of their partitions has moved.
    pub(super) fn high_watermark_moved(&mut self, partition: &TopicPartition) {
        if &*partition.topic == OFFSETS_TOPIC && self.by_partition.contains_key(&partition.partition) {
            self.moved.insert(partition.partition);
        }
    }

    /// The shard of a partition.
    ///
    /// # Errors
    /// NOT_COORDINATOR where another broker leads the partition, COORDINATOR_LOAD_IN_PROGRESS.
    pub(super) fn shard(&self, partition: i32) -> Result<&GroupShard, ErrorCode> {
        match self.by_partition.get(&partition).map(|coordinator| &coordinator.state) {
            None | Some(State::Failed) => Err(ErrorCode::NOT_COORDINATOR),
            Some(State::Loading(_)) => Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            Some(State::Active(active)) => Ok(&active.shard),
        }
    }

    /// The partitions that it coordinates, loaded or not.
    pub(super) fn partitions(&self) -> Vec<i32> {
        self.by_partition.keys().copied().collect()
    }

    fn active_mut(&mut self, partition: i32) -> Option<&mut Active> {
        match &mut self.by_partition.get_mut(&partition).map(Arc::make_mut)?.state {
            State::Loading(_) | State::Failed => None,
            State::Active(active) => Some(active),
        }
    }

    /// Notes when a coordinator wants to be polled.
    fn set_deadline(&mut self, partition: i32) {
        let Some(coordinator) = self.by_partition.get(&partition) else { return };
        let deadline = match &coordinator.state {
            State::Loading(until) => Some(*until),
            State::Failed => None,
            State::Active(active) => {
                let flush_at = active.batch.as_ref().map(|batch| batch.flush_at);
                [flush_at, active.shard.next_deadline()].into_iter().flatten().min()
            }
        };
        if deadline == coordinator.deadline {
            return;
        }
        let before = coordinator.deadline;
        before.map(|at| self.deadlines.remove(&(at, partition)));
        deadline.map(|at| self.deadlines.insert((at, partition)));
        self.by_partition.get_mut(&partition).map(Arc::make_mut).expect("it is there").deadline = deadline;
    }

    fn remove(&mut self, partition: i32) -> Option<Arc<Coordinator>> {
        let coordinator = self.by_partition.remove(&partition)?;
        coordinator.deadline.map(|at| self.deadlines.remove(&(at, partition)));
        self.moved.remove(&partition);
        Some(coordinator)
    }
}

/// A partition of `__consumer_offsets`.
pub(super) fn offsets_partition(partition: i32) -> TopicPartition {
    TopicPartition::new(OFFSETS_TOPIC, partition)
}

impl Broker {
    /// The broker leads a partition: if it is one of groups, its coordinator loads, unless it is there already.
    pub(super) fn group_partition_led(
        &mut self,
        tp: &TopicPartition,
        leader_epoch: i32,
        serving: &mut Serving<'_, '_>,
    ) {
        if &*tp.topic != OFFSETS_TOPIC {
            return;
        }
        if let Some(coordinator) = self.coordinators.by_partition.get_mut(&tp.partition) {
            Arc::make_mut(coordinator).leader_epoch = leader_epoch;
            return;
        }
        let log = serving.disk.log(tp).expect("a leader has the log");
        let work = IoWork { read: log.size(), ..IoWork::default() };
        let until = serving.ctx.now() + LOAD_DELAY + serving.disk.cost(&work);
        let coordinator = Coordinator { leader_epoch, deadline: None, state: State::Loading(until) };
        self.coordinators.by_partition.insert(tp.partition, Arc::new(coordinator));
        self.coordinators.set_deadline(tp.partition);
    }

    /// The broker does not lead a partition any more, or has no replica of it.
    pub(super) fn group_partition_lost(&mut self, tp: &TopicPartition, serving: &mut Serving<'_, '_>) {
        if &*tp.topic != OFFSETS_TOPIC {
            return;
        }
        let Some(coordinator) = self.coordinators.remove(tp.partition) else { return };
        if let State::Active(active) = Arc::unwrap_or_clone(coordinator).state {
            self.take_turn(tp.partition, serving, |turn| active.shard.unload(turn));
        }
        serving.ctx.fact(Fact::CoordinatorUnloaded { partition: tp.clone() });
        self.carry_out(serving);
    }

    /// Lets the coordinator of a partition act, if it serves, and carries out what it asks for.
    pub(super) fn with_shard(
        &mut self,
        partition: i32,
        serving: &mut Serving<'_, '_>,
        act: impl FnOnce(&mut GroupShard, &mut Turn<'_>),
    ) {
        self.act(partition, serving, act);
        self.carry_out(serving);
    }

    fn act(&mut self, partition: i32, serving: &mut Serving<'_, '_>, act: impl FnOnce(&mut GroupShard, &mut Turn<'_>)) {
        let mut effects = Vec::new();
        let Some(active) = self.coordinators.active_mut(partition) else { return };
        let (now, start_ms) = (serving.ctx.now(), serving.ctx.start_ms());
        act(&mut active.shard, &mut Turn::new(now, start_ms, serving.ctx.rng(), &mut effects));
        self.coordinators.effects.extend(effects.into_iter().map(|effect| (partition, effect)));
        self.coordinators.set_deadline(partition);
    }

    /// Queues the effects of a turn.
    fn take_turn(&mut self, partition: i32, serving: &mut Serving<'_, '_>, act: impl FnOnce(&mut Turn<'_>)) {
        let mut effects = Vec::new();
        let (now, start_ms) = (serving.ctx.now(), serving.ctx.start_ms());
        act(&mut Turn::new(now, start_ms, serving.ctx.rng(), &mut effects));
        self.coordinators.effects.extend(effects.into_iter().map(|effect| (partition, effect)));
    }

    /// Carries out the effects that queue, unless somebody does already.
    fn carry_out(&mut self, serving: &mut Serving<'_, '_>) {
        if self.coordinators.is_carrying_out {
            return;
        }
        self.coordinators.is_carrying_out = true;
        while let Some((partition, effect)) = self.coordinators.effects.pop_front() {
            match effect {
                Effect::Append { write, records, atomic } => {
                    self.write_group_records(partition, write, &records, atomic, serving);
                }
                Effect::Respond { request: RequestToken(token), response } => {
                    self.group_answered(token, response, serving);
                }
                Effect::Event(event) => serving.ctx.fact(event.into_fact()),
            }
        }
        self.coordinators.is_carrying_out = false;
    }

    /// Does what is due: loading, batches that have lingered, timers of groups.
    pub(super) fn poll_coordinators(&mut self, serving: &mut Serving<'_, '_>) {
        let now = serving.ctx.now();
        while let Some((_, partition)) = self.coordinators.deadlines.get_min().filter(|(at, _)| *at <= now).copied() {
            let due = match &self.coordinators.by_partition[&partition].state {
                State::Loading(_) | State::Failed => None,
                State::Active(active) => Some(active.batch.as_ref().is_some_and(|batch| batch.flush_at <= now)),
            };
            match due {
                None => self.load_coordinator(partition, serving),
                Some(true) => self.flush_group_batch(partition, serving),
                Some(false) => self.act(partition, serving, GroupShard::poll),
            }
            self.carry_out(serving);
        }
    }

    /// Reads a partition's log into its coordinator, which serves from now on.
    fn load_coordinator(&mut self, partition: i32, serving: &mut Serving<'_, '_>) {
        let tp = offsets_partition(partition);
        let log = serving.disk.log(&tp).expect("a leader has the log");
        let mut shard = GroupShard::new(self.config.group.clone());
        if let Err(error) = replay(log, &mut shard) {
            let coordinator = self.coordinators.by_partition.get_mut(&partition).map(Arc::make_mut);
            coordinator.expect("it loads").state = State::Failed;
            self.coordinators.set_deadline(partition);
            return serving.ctx.fact(Fact::CoordinatorFailed { partition: tp, reason: error.to_string() });
        }
        let end = log.log_end_offset();
        let mut loaded = None;
        self.take_turn(partition, serving, |turn| loaded = Some(shard.loaded(turn)));
        let loaded = loaded.expect("it was just loaded");
        let groups: Vec<_> = shard.groups().map(|group| group.group_id().clone()).collect();
        let offsets = groups.iter().map(|group| shard.offsets(group).count() as u32).sum();
        serving.ctx.fact(Fact::CoordinatorLoaded { partition: tp.clone(), groups: groups.len() as u32, offsets });
        let active = Active { shard, batch: None, appended: VecDeque::from([(loaded, end)]) };
        let coordinator = self.coordinators.by_partition.get_mut(&partition).map(Arc::make_mut);
        coordinator.expect("it loads").state = State::Active(Box::new(active));
        self.coordinators.set_deadline(partition);
        self.coordinators.moved.insert(partition);
        self.commit_group_writes(serving);
    }

    /// Puts records of groups with those that wait to be appended. Those of an atomic write go into one batch.
    fn write_group_records(
        &mut self,
        partition: i32,
        write: WriteId,
        records: &[GroupRecord],
        atomic: bool,
        serving: &mut Serving<'_, '_>,
    ) {
        let timestamp_ms = serving.ctx.wall_clock_ms();
        let record = |record: &GroupRecord| Record {
            timestamp_ms,
            key: Some(record.key()),
            value: record.value(),
            headers: Vec::new(),
        };
        let mut records: VecDeque<Record> = records.iter().map(record).collect();
        let Some(known) = self.partitions.get(&offsets_partition(partition)) else { return };
        let max_bytes = known.config.max_message_bytes;
        let linger = self.config.group_append_linger;
        while !records.is_empty() {
            let part: Vec<Record> = records.drain(..if atomic { records.len() } else { 1 }).collect();
            let size: usize = part.iter().map(records::size_upper_bound).sum();
            let Some(active) = self.coordinators.active_mut(partition) else { return };
            let is_full = |batch: &Batch| batch.size + size > max_bytes;
            if active.batch.as_ref().is_some_and(is_full) {
                self.flush_group_batch(partition, serving);
            }
            let flush_at = serving.ctx.now() + linger;
            let Some(active) = self.coordinators.active_mut(partition) else { return };
            let size_before = records::HEADER_LEN;
            let empty = || Batch { flush_at, records: Vec::new(), size: size_before, first: write, last: write };
            let batch = active.batch.get_or_insert_with(empty);
            batch.records.extend(part);
            batch.size += size;
            batch.last = write;
        }
        match linger == SimDuration::ZERO {
            true => self.flush_group_batch(partition, serving),
            false => self.coordinators.set_deadline(partition),
        }
    }

    /// Appends the records that wait. If the log refuses them, all their writes have failed.
    fn flush_group_batch(&mut self, partition: i32, serving: &mut Serving<'_, '_>) {
        let Some(active) = self.coordinators.active_mut(partition) else { return };
        let Some(Batch { records, first, last, .. }) = active.batch.take() else { return };
        let compression = self.config.offsets_topic.compression;
        let level = compression.default_level();
        let bytes = records::build_with(records.iter(), compression, level, ProducerStamp::NONE);
        match self.append_of_coordinator(&offsets_partition(partition), &bytes, serving) {
            Ok(end) => {
                let active = self.coordinators.active_mut(partition).expect("it was just there");
                active.appended.push_back((last, end));
                self.coordinators.moved.insert(partition);
                self.coordinators.set_deadline(partition);
                self.complete_touched(serving);
            }
            Err(error) => self.act(partition, serving, |shard, turn| shard.failed(turn, first, error)),
        }
    }

    /// Tells coordinators which of their writes are committed.
    pub(super) fn commit_group_writes(&mut self, serving: &mut Serving<'_, '_>) {
        while let Some(partition) = self.coordinators.moved.pop_first() {
            let Some(log) = serving.disk.log(&offsets_partition(partition)) else { continue };
            let high_watermark = log.high_watermark();
            let Some(active) = self.coordinators.active_mut(partition) else { continue };
            let mut committed = None;
            while let Some((write, _)) = active.appended.front().filter(|(_, end)| *end <= high_watermark) {
                committed = Some(*write);
                active.appended.pop_front();
            }
            if let Some(write) = committed {
                self.act(partition, serving, |shard, turn| shard.committed(turn, write));
            }
        }
        self.carry_out(serving);
    }

    /// Topics are deleted: their offsets go too, in every group.
    pub(super) fn delete_group_offsets(&mut self, deleted: &[TopicPartition], serving: &mut Serving<'_, '_>) {
        for partition in self.coordinators.partitions() {
            self.act(partition, serving, |shard, turn| shard.partitions_deleted(turn, deleted));
        }
        self.carry_out(serving);
    }
}

/// Gives a shard the records of its log. Keys of kinds that are not built are passed over.
///
/// # Errors
/// A record that no coordinator writes. (Only an admin client may write to the topic beside it.)
fn replay(log: &Log, shard: &mut GroupShard) -> Result<(), RecordError> {
    let mut is_committed = true;
    for batch in log.batches_from(log.log_start_offset()) {
        if is_committed && batch.last_offset >= log.high_watermark() {
            shard.replayed_to_high_watermark();
            is_committed = false;
        }
        for (_, record) in records::decode(&batch.bytes).expect("what is in a log was read before") {
            let Some(key) = &record.key else { continue };
            match GroupRecord::decode(key, record.value.as_ref()) {
                Ok(record) => shard.replay(&record),
                Err(RecordError::ApiKey(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    if is_committed {
        shard.replayed_to_high_watermark();
    }
    Ok(())
}
