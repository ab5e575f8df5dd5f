//! The order of what idempotent producers send: that of their sequence numbers, partition by partition. A key's records go
//! to one partition, so it is the order of each key too.
//!
//! Without idempotence Kafka promises no order while more than one request is in flight; nothing is checked then. A leader
//! may lack what was acknowledged before it, with acks=1 or after an unclean election, and gives its offsets again: then
//! only what it has itself is compared. An acknowledgement of a batch that is not there any more is late news.

use super::verdicts::{Law, Verdicts};
use crate::base::{OrdMap, TopicPartition, Vector};
use crate::machine::Fact;

/// How many batches of a partition are remembered: acknowledgements follow soon.
const REMEMBERED: usize = 64;

/// The last acknowledged batch of each producer in each partition.
#[derive(Clone, Debug, Default)]
pub(super) struct SendOrder {
    last: OrdMap<TopicPartition, Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    /// The newest epoch in which something was appended.
    leader_epoch: i32,
    /// Base offset and checksum of the last batches.
    appended: Vector<(i64, u32)>,
    /// By producer id: epoch and sequence number of the last batch in its order, and its offset.
    producers: OrdMap<i64, ((i16, i32), i64)>,
}

impl Known {
    /// A leader of this epoch, or a later one, wrote there: what lay from there on is gone.
    fn append(&mut self, base_offset: i64, crc: u32) {
        while self.appended.back().is_some_and(|(offset, _)| *offset >= base_offset) {
            self.appended.pop_back();
        }
        self.appended.push_back((base_offset, crc));
        if self.appended.len() > REMEMBERED {
            self.appended.pop_front();
        }
        let is_gone = |(_, (_, offset)): &(&i64, &((i16, i32), i64))| *offset >= base_offset;
        for id in self.producers.iter().filter(is_gone).map(|(id, _)| *id).collect::<Vec<_>>() {
            self.producers.remove(&id);
        }
    }
}

impl SendOrder {
    pub(super) fn observe(&mut self, fact: &Fact, verdicts: &mut Verdicts) {
        match fact {
            Fact::Appended { partition, base_offset, leader_epoch, crc, .. } => {
                let known = self.last.entry(partition.clone()).or_default();
                if *leader_epoch >= known.leader_epoch {
                    known.leader_epoch = *leader_epoch;
                    known.append(*base_offset, *crc);
                }
            }
            Fact::TopicDeleted { topic } => {
                let range = TopicPartition::new(topic.clone(), 0)..=TopicPartition::new(topic.clone(), i32::MAX);
                for tp in self.last.range(range).map(|(tp, _)| tp.clone()).collect::<Vec<_>>() {
                    self.last.remove(&tp);
                }
            }
            Fact::Acknowledged { partition, base_offset, crc, sequence: (id, epoch, first), .. } if *id >= 0 => {
                let Some(known) = self.last.get_mut(partition) else { return };
                if !known.appended.contains(&(*base_offset, *crc)) {
                    return;
                }
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
