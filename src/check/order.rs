//! The order of what idempotent producers send: that of their sequence numbers, partition by partition. A key's records go
//! to one partition, so it is the order of each key too.
//!
//! Without idempotence Kafka promises no order while more than one request is in flight; nothing is checked then. A new
//! leader may lack what was acknowledged with acks=1, and gives its offsets again: the comparison begins anew.

use super::verdicts::{Law, Verdicts};
use crate::base::TopicPartition;
use crate::machine::Fact;

/// The last acknowledged batch of each producer in each partition.
#[derive(Clone, Debug, Default)]
pub(super) struct SendOrder {
    last: imbl::OrdMap<TopicPartition, Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    leader_epoch: i32,
    /// By producer id: epoch and sequence number of the last batch in its order, and its offset.
    producers: imbl::OrdMap<i64, ((i16, i32), i64)>,
}

impl SendOrder {
    pub(super) fn observe(&mut self, fact: &Fact, verdicts: &mut Verdicts) {
        match fact {
            Fact::PartitionChanged { partition, leader_epoch, .. } => {
                let known = self.last.entry(partition.clone()).or_default();
                if known.leader_epoch != *leader_epoch {
                    *known = Known { leader_epoch: *leader_epoch, ..Known::default() };
                }
            }
            Fact::TopicDeleted { topic } => {
                let range = TopicPartition::new(topic.clone(), 0)..=TopicPartition::new(topic.clone(), i32::MAX);
                for tp in self.last.range(range).map(|(tp, _)| tp.clone()).collect::<Vec<_>>() {
                    self.last.remove(&tp);
                }
            }
            Fact::Acknowledged { partition, base_offset, sequence: (id, epoch, first), .. }
                if *base_offset >= 0 && *id >= 0 =>
            {
                let known = self.last.entry(partition.clone()).or_default();
                let (place, offset) = ((*epoch, *first), *base_offset);
                match known.producers.get(id).copied() {
                    Some((last, before)) if (place > last) != (offset > before) && place != last => {
                        let (earlier, later) = (last.min(place).1, last.max(place).1);
                        let (first, second) = if last < place { (before, offset) } else { (offset, before) };
                        let what = format!(
                            "producer {id} sent sequence {earlier} before {later} to {partition}, and they are at \
                             {first} and {second}"
                        );
                        verdicts.breach(Law::OrderPerKey, what);
                    }
                    Some((last, _)) if last > place => {}
                    _ => drop(known.producers.insert(*id, (place, offset))),
                }
            }
            _ => {}
        }
    }
}
