//! Which partition a record goes to (`BuiltInPartitioner`).
//!
//! A record with a key goes where murmur2 of the key says. Others stick to one partition until `batch.size` bytes went
//! there, so that batches fill, and then to another (uniform sticky partitioning, KIP-794). The other is drawn at random;
//! where queues are of different lengths, which is where brokers are of different speeds, short ones are drawn more often.

use crate::base::Rng;
use crate::client::metadata::Metadata;

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

#[cfg(test)]
mod tests {
    use super::*;

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
