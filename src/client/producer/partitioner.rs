//! Which partition a record goes to (`BuiltInPartitioner`).
//!
//! A record with a key goes where murmur2 of the key says. Others stick to one partition until `batch.size` bytes went
//! there, so that batches fill, and then to another (uniform sticky partitioning, KIP-794). The other is drawn at random;
//! where queues are of different lengths, which is where brokers are of different speeds, short ones are drawn more often.
//!
//! Kafka's one other partitioner, `RoundRobinPartitioner`, takes partition after partition, whatever the key. What it was
//! known for, passing over a partition whenever a batch began, went with `Partitioner.onNewBatch` in Kafka 4.0.

use crate::base::{Rng, Sort, SortedMap};
use crate::client::metadata::Metadata;
use std::sync::Arc;

/// What a topic's records without a key stick to.
#[derive(Clone, Debug)]
pub(super) struct Sticky {
    partition: i32,
    produced_bytes: usize,
}

/// How the next partition is drawn while queues differ (`PartitionLoadStats`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadStats {
    /// Each partition's share, added to those before it: a number below the last falls to the first that is greater.
    pub cumulative: Vec<u32>,
    /// The partitions.
    pub partitions: Vec<i32>,
}

impl LoadStats {
    /// The shares for these queue lengths: the longest queue and one more, less the queue's own. `all` is how many
    /// partitions there are, those with slow brokers, which are left out of the lists, included.
    ///
    /// `None` when there is no reason to prefer any: then all are equal.
    pub fn of_queues(queue_sizes: &[u32], partitions: Vec<i32>, all: usize) -> Option<Self> {
        let longest = queue_sizes.iter().max()?;
        let all_equal = queue_sizes.iter().all(|size| size == longest);
        if all < 2 || (all_equal && queue_sizes.len() == all) {
            return None;
        }
        let share = |sum: &mut u32, size: &u32| {
            *sum += longest + 1 - size;
            Some(*sum)
        };
        Some(Self { cumulative: queue_sizes.iter().scan(0, share).collect(), partitions })
    }

    /// The partition that a random number falls to.
    pub fn pick(&self, random: u32) -> i32 {
        let end = self.cumulative.last().expect("there is a partition");
        let at = self.cumulative.partition_point(|sum| *sum <= random % end);
        self.partitions[at]
    }
}

/// The partitioner of one topic.
#[derive(Clone, Debug, Default)]
pub(super) struct Partitioner {
    sticky: Option<Sticky>,
    load: Option<LoadStats>,
}

impl Partitioner {
    /// The partition that records without a key go to now.
    pub(super) fn current(&mut self, topic: &str, metadata: &Metadata, rng: &mut Rng) -> i32 {
        if self.sticky.is_none() {
            self.switch(topic, metadata, rng);
        }
        self.sticky.as_ref().expect("it sticks to one").partition
    }

    /// Counts what was appended to the current partition, and goes to another when it is enough. While the last batch is
    /// not full (`may_switch` is false), a switch waits, up to twice the size.
    pub(super) fn appended(
        &mut self,
        bytes: usize,
        may_switch: bool,
        batch_size: usize,
        topic: &str,
        metadata: &Metadata,
        rng: &mut Rng,
    ) {
        let Some(sticky) = &mut self.sticky else { return };
        sticky.produced_bytes += bytes;
        let produced = sticky.produced_bytes;
        if (produced >= batch_size && may_switch) || produced >= batch_size * 2 {
            self.switch(topic, metadata, rng);
        }
    }

    pub(super) fn set_load(&mut self, load: Option<LoadStats>) {
        self.load = load;
    }

    fn switch(&mut self, topic: &str, metadata: &Metadata, rng: &mut Rng) {
        let random = rng.below(1 << 31) as u32;
        let count = metadata.topic(topic).map_or(1, |topic| topic.partitions.len()) as i32;
        let partition = match &self.load {
            Some(load) => load.pick(random),
            None => {
                let available: Vec<i32> = (0..count).filter(|p| metadata.leader(topic, *p).is_some()).collect();
                let partitions = if available.is_empty() { (0..count).collect() } else { available };
                partitions[random as usize % partitions.len()]
            }
        };
        self.sticky = Some(Sticky { partition, produced_bytes: 0 });
    }
}

/// `RoundRobinPartitioner`: the partitions of a topic in turn, those without a leader left out while there are others.
#[derive(Clone, Debug, Default)]
pub(super) struct RoundRobin {
    counters: SortedMap<Arc<str>, u32>,
}

impl RoundRobin {
    /// The partition of a topic's next record. The topic is known.
    pub(super) fn next(&mut self, topic: &Arc<str>, metadata: &Metadata) -> i32 {
        let counter = self.counters.entry(topic.clone()).or_default();
        let turn = (*counter & i32::MAX as u32) as usize;
        *counter = counter.wrapping_add(1);
        let count = metadata.topic(topic).map_or(1, |topic| topic.partitions.len()) as i32;
        let mut turns: Vec<i32> = (0..count).filter(|p| metadata.leader(topic, *p).is_some()).collect();
        if turns.is_empty() {
            return (turn % count as usize) as i32;
        }
        turns.order_by_key(|partition| java_bucket(topic, *partition, metadata.partition_count()));
        turns[turn % turns.len()]
    }
}

/// Where a partition stands among all that a client knows: Java's `HashMap<TopicPartition, _>` of `entries` entries goes
/// through its buckets in order, and `Cluster.availablePartitionsForTopic` keeps that order.
fn java_bucket(topic: &str, partition: i32, entries: usize) -> u32 {
    let of_topic = topic.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    let hash = (31 + partition as u32).wrapping_mul(31).wrapping_add(of_topic);
    let capacity = entries.next_power_of_two();
    let capacity = if entries * 4 > capacity * 3 { capacity * 2 } else { capacity };
    (hash ^ (hash >> 16)) & (capacity as u32 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SimTime;
    use crate::client::metadata::Asked;
    use crate::wire::messages::MetadataResponse;
    use crate::wire::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    };
    use crate::wire::{BrokerId, StrBytes, TopicName};

    /// The first turns of the last of some topics, which have so many partitions; some partitions have no leader.
    fn turns(topics: &[(&str, i32)], leaderless: &[i32]) -> Vec<i32> {
        let partition = |index: i32| {
            let leader = if leaderless.contains(&index) { -1 } else { 1 };
            MetadataResponsePartition::default().with_partition_index(index).with_leader_id(BrokerId(leader))
        };
        let topic = |(name, count): &(&str, i32)| {
            let name = Some(TopicName(StrBytes::from_string((*name).to_owned())));
            MetadataResponseTopic::default().with_name(name).with_partitions((0..*count).map(partition).collect())
        };
        let broker = MetadataResponseBroker::default().with_node_id(BrokerId(1)).with_port(9092);
        let topics_told = topics.iter().map(topic).collect();
        let response = MetadataResponse::default().with_brokers(vec![broker]).with_topics(topics_told);
        let mut metadata = Metadata::default();
        metadata.update(&response, Asked::default(), SimTime::ZERO);
        let (name, count) = topics[topics.len() - 1];
        let mut partitioner = RoundRobin::default();
        (0..count + 2).map(|_| partitioner.next(&name.into(), &metadata)).collect()
    }

    /// What `RoundRobinPartitioner` of kafka-clients 4.1.1 answers over a `Metadata` that was told the same.
    #[test]
    fn round_robin_takes_turns_in_javas_order() {
        assert_eq!(turns(&[("orders", 3)], &[]), [0, 1, 2, 0, 1]);
        assert_eq!(turns(&[("orders", 6)], &[]), [0, 1, 2, 3, 4, 5, 0, 1]);
        assert_eq!(turns(&[("orders", 6)], &[1, 4]), [0, 2, 3, 5, 0, 2, 3, 5]);
        assert_eq!(turns(&[("orders", 2)], &[0, 1]), [0, 1, 0, 1]);
        assert_eq!(turns(&[("t", 5)], &[]), [4, 3, 2, 1, 0, 4, 3]);
        assert_eq!(turns(&[("t", 12)], &[]), [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 5, 4]);
        assert_eq!(turns(&[("clicks", 7)], &[]), [6, 5, 2, 1, 4, 3, 0, 6, 5]);
        assert_eq!(turns(&[("clicks", 20), ("orders", 3)], &[]), [0, 1, 2, 0, 1]);
        assert_eq!(turns(&[("clicks", 60), ("orders", 3)], &[]), [1, 2, 0, 1, 2]);
        let long = "a-rather-long-topic-name.with_dots";
        assert_eq!(turns(&[(long, 9)], &[]), [3, 2, 1, 0, 7, 6, 5, 4, 8, 3, 2]);
    }

    #[test]
    fn short_queues_are_drawn_more_often() {
        // Kafka's own example: queues of 0, 3 and 1.
        let load = LoadStats::of_queues(&[0, 3, 1], vec![0, 1, 2], 3).expect("queues differ");
        assert_eq!(load.cumulative, [4, 5, 8]);
        let picked: Vec<i32> = (0..8).map(|random| load.pick(random)).collect();
        assert_eq!(picked, [0, 0, 0, 0, 1, 2, 2, 2]);
        assert_eq!(load.pick(8), 0);
    }

    #[test]
    fn partitions_of_a_slow_broker_are_left_out() {
        let load = LoadStats::of_queues(&[2], vec![5], 3).expect("two are left out");
        assert_eq!((load.pick(0), load.pick(77)), (5, 5));
        assert_eq!(LoadStats::of_queues(&[], Vec::new(), 3), None);
    }
}
