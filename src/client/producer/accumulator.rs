//! Where records wait: a queue of batches for each partition, within `buffer.memory` (`RecordAccumulator`,
//! `BufferPool`).
//!
//! A record goes into the last batch of its partition, or begins a new one, which takes `batch.size` of the memory at
//! once, however little it will hold. A broker is ready when one batch for it is: because it is full, has lingered, or
//! somebody waits for memory; then the first batches of all its partitions go, full or not.

use super::batch::{Batch, BatchId, Batches, Codec};
use super::config::ProducerConfig;
use super::partitioner::{LoadStats, Partitioner};
use super::transaction_manager::TransactionManager;
use crate::base::{OrdMap, Rng, SimTime, SortedMap, SortedSet, TopicPartition, Vector, earlier, exponential_backoff};
use crate::client::metadata::Metadata;
use crate::wire::Compression;
use crate::wire::records::{HEADER_LEN, Record, size_upper_bound};
use std::sync::Arc;

/// How the estimate of a codec's ratio follows what is seen (`CompressionRatioEstimator`).
const RATIO_IMPROVES_BY: f32 = 0.005;
const RATIO_DETERIORATES_BY: f32 = 0.05;

/// The batches of one topic that wait.
#[derive(Clone, Debug, Default)]
struct Topic {
    partitioner: Partitioner,
    /// An entry stays when its queue is empty: adaptive partitioning begins when every partition has had a batch.
    queues: OrdMap<i32, Vector<BatchId>>,
    /// How well the topic's records compress; none before the first batch.
    ratio: Option<f32>,
}

/// Since when a broker has been ready for what waits for it (`NodeLatencyStats`).
#[derive(Clone, Copy, Debug)]
struct NodeLatency {
    ready_at: SimTime,
    drained_at: SimTime,
}

#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    config: Arc<ProducerConfig>,
    pub(super) batches: Batches,
    topics: SortedMap<Arc<str>, Topic>,
    available_memory: u64,
    /// Partitions that have a batch in flight and must not have a second (`max.in.flight.requests.per.connection=1`).
    muted: SortedSet<TopicPartition>,
    drain_index: SortedMap<i32, usize>,
    latencies: SortedMap<i32, NodeLatency>,
    /// All that waits is to be sent now.
    pub(super) closed: bool,
    /// Batches that `flush` waits for: all below this name.
    flushing: Option<BatchId>,
}

/// What came of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Appended {
    /// It is in a batch that was there.
    Joined { full: bool },
    /// It began a batch.
    Began { full: bool },
    /// There is no memory for a new batch.
    NoMemory,
}

/// What could be sent (`ReadyCheckResult`).
#[derive(Debug, Default)]
pub(super) struct Ready {
    pub(super) nodes: SortedSet<i32>,
    /// When something more will be ready, if only time is in the way.
    pub(super) next_check: Option<SimTime>,
    /// Topics of which something waits for a partition without a leader.
    pub(super) unknown_leader_topics: SortedSet<Arc<str>>,
}

impl Accumulator {
    pub(super) fn new(config: Arc<ProducerConfig>) -> Self {
        Self {
            available_memory: config.buffer_memory,
            config,
            batches: Batches::default(),
            topics: SortedMap::new(),
            muted: SortedSet::new(),
            drain_index: SortedMap::new(),
            latencies: SortedMap::new(),
            closed: false,
            flushing: None,
        }
    }

    pub(super) fn available_memory(&self) -> u64 {
        self.available_memory
    }

    /// `batch.size`; 0 is the same as 1: every record alone.
    fn batch_size(&self) -> usize {
        self.config.batch_size.max(1)
    }

    /// What a new batch for a record takes of the memory, in bytes.
    pub(super) fn size_for(&self, record: &Record) -> usize {
        (HEADER_LEN + size_upper_bound(record)).max(self.batch_size())
    }

    /// Puts a record into a batch. Without a partition it goes where the partitioner says. A record that finds no memory
    /// is not taken, nor one that would need some while others stand before it (`may_begin` is false).
    pub(super) fn append(
        &mut self,
        topic_name: &Arc<str>,
        (partition, record): (Option<i32>, &Record),
        may_begin: bool,
        metadata: &Metadata,
        now: SimTime,
        rng: &mut Rng,
    ) -> Appended {
        let (batch_size, size) = (self.batch_size(), self.size_for(record));
        let topic = self.topics.entry(topic_name.clone()).or_default();
        let mut index = partition.unwrap_or_else(|| topic.partitioner.current(topic_name, metadata, rng));
        if partition.is_none() && all_full(topic.queues.get(&index), &self.batches) {
            // A switch that waited for the batch to fill is made up for.
            topic.partitioner.appended(0, true, batch_size, topic_name, metadata, rng);
            index = topic.partitioner.current(topic_name, metadata, rng);
        }
        let last = topic.queues.entry(index).or_default().last().copied();
        let before = last.map_or(0, |last| self.batches.get(last).estimated_size());
        let joined = last.filter(|last| self.batches.get_mut(*last).try_append(record));
        let (batch, before) = match joined {
            Some(last) => (last, before),
            None if may_begin && self.available_memory >= size as u64 => {
                (self.begin_batch(TopicPartition::new(topic_name.clone(), index), record, size, now), 0)
            }
            None => return Appended::NoMemory,
        };
        let topic = self.topics.get_mut(topic_name).expect("it has a queue");
        let (after, full) = (self.batches.get(batch).estimated_size(), self.batches.get(batch).is_full());
        if partition.is_none() {
            topic.partitioner.appended(after - before, full, batch_size, topic_name, metadata, rng);
        }
        let full = full || topic.queues[&index].len() > 1;
        if joined.is_some() { Appended::Joined { full } } else { Appended::Began { full } }
    }

    /// Begins a batch of `size` bytes with a record.
    fn begin_batch(&mut self, tp: TopicPartition, record: &Record, size: usize, now: SimTime) -> BatchId {
        let ratio = self.topics.get(&tp.topic).and_then(|topic| topic.ratio).unwrap_or(1.0);
        let codec = Codec { compression: self.config.compression, level: self.config.compression_level() };
        let mut batch = Batch::new(tp.clone(), codec, ratio, size, now);
        batch.memory = size as u64;
        self.available_memory -= size as u64;
        assert!(batch.try_append(record), "a new batch takes any record");
        let id = self.batches.add(batch);
        self.queue_mut(&tp).push_back(id);
        id
    }

    /// What could be sent now. `exhausted` says that somebody waits for memory. On the way it learns how long the queues
    /// are, for the partitioner.
    pub(super) fn ready(&mut self, metadata: &Metadata, exhausted: bool, now: SimTime) -> Ready {
        let mut ready = Ready::default();
        for (name, topic) in &self.topics {
            let known = metadata.topic(name);
            for (index, queue) in &topic.queues {
                let Some(first) = queue.front().copied() else { continue };
                let Some((leader, _)) = known.and_then(|known| metadata.leader_in(known, *index)) else {
                    ready.unknown_leader_topics.insert(name.clone());
                    continue;
                };
                self.batches.note_leader_epoch(first, metadata.leader_epoch(name, *index));
                let batch = self.batches.get(first);
                if ready.nodes.contains(&leader) || self.muted.contains(&batch.partition) {
                    continue;
                }
                let at_once = queue.len() > 1 || batch.is_full() || exhausted || self.sends_at_once();
                let at = match batch.backs_off_until().filter(|until| *until > now) {
                    Some(until) => until,
                    None if at_once => now,
                    None => batch.lingers_until(self.config.linger),
                };
                if at <= now {
                    ready.nodes.insert(leader);
                } else {
                    ready.next_check = earlier(ready.next_check, Some(at));
                }
            }
        }
        if self.config.adaptive_partitioning {
            self.measure_queues(metadata);
        }
        ready
    }

    /// Tells the partitioners how long the queues are, once every partition has had one. Those of brokers that take
    /// nothing are left out, as are those without a leader.
    fn measure_queues(&mut self, metadata: &Metadata) {
        for (name, topic) in self.topics.iter_mut() {
            let known = metadata.topic(name);
            if topic.queues.len() < known.map_or(0, |known| known.partitions.len()) {
                topic.partitioner.set_load(None);
                continue;
            }
            let all = topic.queues.len();
            let (mut sizes, mut partitions) = (Vec::with_capacity(all), Vec::with_capacity(all));
            for (index, queue) in &topic.queues {
                let Some((leader, _)) = known.and_then(|known| metadata.leader_in(known, *index)) else { continue };
                if queue.is_empty() || !is_slow(self.latencies.get(&leader), &self.config) {
                    sizes.push(queue.len() as u32);
                    partitions.push(*index);
                }
            }
            topic.partitioner.set_load(LoadStats::of_queues(&sizes, partitions, topic.queues.len()));
        }
    }

    /// Notes whether a broker for which something waits takes it.
    pub(super) fn note_latency(&mut self, node: i32, can_drain: bool, now: SimTime) {
        let latency = self.latencies.entry(node).or_insert(NodeLatency { ready_at: now, drained_at: now });
        latency.ready_at = now;
        if can_drain {
            latency.drained_at = now;
        }
    }

    /// Takes the first batch of each partition of a node, up to `max.request.size`, beginning where it left off the last
    /// time.
    pub(super) fn drain(
        &mut self,
        node: i32,
        metadata: &Metadata,
        now: SimTime,
        mut manager: Option<&mut TransactionManager>,
    ) -> Vec<BatchId> {
        let partitions = metadata.led_by(node);
        let mut drained = Vec::new();
        let mut size = 0;
        let start = self.drain_index.get(&node).copied().unwrap_or(0);
        for step in 0..partitions.len() {
            let at = (start + step) % partitions.len();
            self.drain_index.insert(node, at);
            let tp = &partitions[at];
            let Some(first) = self.queue(tp).and_then(Vector::front).copied() else { continue };
            if self.muted.contains(tp) {
                continue;
            }
            self.batches.note_leader_epoch(first, metadata.leader_epoch(&tp.topic, tp.partition));
            let batch = self.batches.get(first);
            if batch.backs_off_until().is_some_and(|until| until > now) {
                continue;
            }
            let is_too_much = size + batch.estimated_size() > self.config.max_request_size && !drained.is_empty();
            // Kafka ends the round here, and begins the next one with this partition again.
            if is_too_much || manager.as_ref().is_some_and(|manager| manager.stops(tp, batch)) {
                break;
            }
            if let Some(manager) = manager.as_mut().filter(|_| !batch.has_sequence()) {
                manager.number(tp, first, &mut self.batches);
            }
            self.queue_mut(tp).pop_front();
            self.close_batch(first);
            size += self.batches.get(first).estimated_size();
            drained.push(first);
        }
        drained
    }

    fn close_batch(&mut self, id: BatchId) {
        let batch = self.batches.get_mut(id);
        let topic = batch.partition.topic.clone();
        if let (Some(seen), true) = (batch.close(), self.config.compression != Compression::None) {
            let ratio = self.topics.entry(topic).or_default().ratio.get_or_insert(1.0);
            *ratio = if seen > *ratio {
                seen.max(*ratio + RATIO_DETERIORATES_BY)
            } else {
                seen.max(*ratio - RATIO_IMPROVES_BY)
            };
        }
    }

    pub(super) fn mute(&mut self, partition: &TopicPartition) {
        self.muted.insert(partition.clone());
    }

    pub(super) fn unmute(&mut self, partition: &TopicPartition) {
        self.muted.remove(partition);
    }

    /// Puts a batch back that is to be sent again: before what was never sent, and in the order of the sequence.
    pub(super) fn reenqueue(&mut self, id: BatchId, now: SimTime, rng: &mut Rng) {
        let (backoff, max) = (self.config.common.retry_backoff, self.config.common.retry_backoff_max);
        let batch = self.batches.get_mut(id);
        let wait = exponential_backoff(batch.attempts + 1, backoff, max, rng);
        batch.reenqueued(now, wait);
        self.insert_in_sequence_order(id);
    }

    fn insert_in_sequence_order(&mut self, id: BatchId) {
        let batch = self.batches.get(id);
        let (tp, sequence, numbered) = (batch.partition.clone(), batch.stamp().base_sequence, batch.has_sequence());
        let comes_before = |other: &BatchId| {
            let other = self.batches.get(*other);
            numbered && other.has_sequence() && other.stamp().base_sequence < sequence
        };
        let at = self.queue(&tp).map_or(0, |queue| queue.iter().take_while(|other| comes_before(other)).count());
        self.queue_mut(&tp).insert(at, id);
    }

    /// Puts a batch that the broker found too large back as several (`splitAndReenqueue`). They count as never tried, and
    /// hold no memory. Returns their names, first to last.
    pub(super) fn split(&mut self, id: BatchId) -> Vec<BatchId> {
        let whole = self.batches.remove(id).expect("it is there");
        self.available_memory += whole.memory;
        let ratio = whole.compression_ratio().max(1.0);
        self.topics.entry(whole.partition.topic.clone()).or_default().ratio = Some(ratio);
        let parts = whole.split(self.batch_size(), ratio);
        let ids: Vec<BatchId> = parts.into_iter().map(|part| self.batches.add(part)).collect();
        if self.flushing.is_some() {
            self.flushing = Some(self.batches.next());
        }
        ids.iter().rev().for_each(|id| self.insert_in_sequence_order(*id));
        ids
    }

    /// Whether nothing waits for company now.
    pub(super) fn sends_at_once(&self) -> bool {
        self.closed || self.flushing.is_some()
    }

    /// All that waits now is to be sent at once, however little it is.
    pub(super) fn flush(&mut self) {
        self.flushing = Some(self.batches.next()).filter(|_| !self.batches.is_empty());
    }

    /// Takes a batch out for good and gives its memory back.
    pub(super) fn remove(&mut self, id: BatchId) -> Option<Arc<Batch>> {
        let batch = self.batches.remove(id)?;
        self.available_memory += batch.memory;
        if self.flushing.is_some_and(|end| self.batches.ids().next().is_none_or(|first| first >= end)) {
            self.flushing = None;
        }
        Some(batch)
    }

    /// Takes those out of the queues whose time is up, and says when the next one's is.
    pub(super) fn expire(&mut self, now: SimTime) -> (Vec<BatchId>, Option<SimTime>) {
        let timeout = self.config.delivery_timeout();
        let (mut expired, mut next, mut touched) = (Vec::new(), None, Vec::new());
        for (name, topic) in &self.topics {
            for (index, queue) in &topic.queues {
                let deadline = |id: &BatchId| self.batches.get(*id).created_at + timeout;
                let late = queue.iter().take_while(|id| deadline(id) <= now).count();
                next = earlier(next, queue.get(late).map(deadline));
                if late > 0 {
                    touched.push((TopicPartition::new(name.clone(), *index), late));
                }
            }
        }
        for (tp, late) in touched {
            let queue = self.queue_mut(&tp);
            expired.extend((0..late).map(|_| queue.pop_front().expect("it was counted")));
        }
        (expired, next)
    }

    /// Empties every queue, as when nothing can be sent any more.
    pub(super) fn abort(&mut self) -> Vec<BatchId> {
        for topic in self.topics.values_mut() {
            topic.queues = topic.queues.keys().map(|index| (*index, Vector::new())).collect();
        }
        self.batches.ids().collect()
    }

    /// Whether some batch waits to be sent.
    pub(super) fn has_undrained(&self) -> bool {
        self.topics.values().any(|topic| topic.queues.values().any(|queue| !queue.is_empty()))
    }

    /// Each partition with a queue, and how many batches wait in it.
    pub(super) fn queues(&self) -> impl Iterator<Item = (TopicPartition, usize)> {
        self.topics.iter().flat_map(|(name, topic)| {
            topic.queues.iter().map(|(index, queue)| (TopicPartition::new(name.clone(), *index), queue.len()))
        })
    }

    fn queue(&self, tp: &TopicPartition) -> Option<&Vector<BatchId>> {
        self.topics.get(&tp.topic)?.queues.get(&tp.partition)
    }

    fn queue_mut(&mut self, tp: &TopicPartition) -> &mut Vector<BatchId> {
        self.topics.entry(tp.topic.clone()).or_default().queues.entry(tp.partition).or_default()
    }
}

/// Whether the last batch of a queue takes no more.
fn all_full(queue: Option<&Vector<BatchId>>, batches: &Batches) -> bool {
    queue.and_then(|queue| queue.last()).is_none_or(|last| batches.get(*last).is_full())
}

/// Whether a broker has taken nothing for `partitioner.availability.timeout.ms` although something waited for it.
fn is_slow(latency: Option<&NodeLatency>, config: &ProducerConfig) -> bool {
    let timeout = config.availability_timeout;
    timeout.0 > 0 && latency.is_some_and(|latency| latency.ready_at.since(latency.drained_at) > timeout)
}
