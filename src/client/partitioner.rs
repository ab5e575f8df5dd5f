//! Which partition a record goes to.

use crate::base::{Rng, partition_for_key};
use bytes::Bytes;

/// The built-in partitioner: keyed records by murmur2, others to one partition until `batch.size` bytes went there
/// (uniform sticky partitioning, KIP-794). Adapting to slow brokers is not built yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Partitioner {
    sticky: Option<(i32, usize)>,
}

impl Partitioner {
    /// The partition of a record of about `size` bytes among `partitions`.
    pub(super) fn partition(
        &mut self,
        key: Option<&Bytes>,
        size: usize,
        partitions: usize,
        batch_size: usize,
        rng: &mut Rng,
    ) -> i32 {
        if let Some(key) = key {
            return partition_for_key(key, partitions as u32);
        }
        let (partition, sent) = match self.sticky {
            Some((partition, sent)) if sent < batch_size && (partition as usize) < partitions => (partition, sent),
            _ => (rng.below(partitions as u64) as i32, 0),
        };
        self.sticky = Some((partition, sent + size));
        partition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_partition_and_null_keys_stick() {
        let mut rng = Rng::stream(1, "p");
        let mut partitioner = Partitioner::default();
        let key = Bytes::from_static(b"a");
        // Kafka's own answers for the key "a": partition 1 of 3, 0 of 4, 4 of 5.
        for (partitions, expected) in [(3, 1), (4, 0), (5, 4)] {
            assert_eq!(partitioner.partition(Some(&key), 10, partitions, 100, &mut rng), expected);
        }
        let drawn: Vec<i32> = (0..40).map(|_| partitioner.partition(None, 10, 8, 100, &mut rng)).collect();
        for ten in drawn.chunks(10) {
            assert!(ten.iter().all(|p| p == &ten[0]), "ten records of ten bytes fill one batch of 100: {ten:?}");
        }
    }
}
