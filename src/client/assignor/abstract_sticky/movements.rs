//! Which partitions moved from whom to whom: Kafka's `PartitionMovements`.
//!
//! If partition 1 of a topic went from a to b, then partition 2 of it need not go from b to a: 1 goes back instead, and
//! two members keep what they had.

use crate::base::{SortedMap, SortedSet};

/// A move from one member to another.
type Pair = (usize, usize);

/// The moves of one assignment.
#[derive(Default)]
pub(super) struct Movements {
    /// By topic and pair, the slots that moved so.
    by_topic: SortedMap<(usize, Pair), SortedSet<usize>>,
    by_slot: SortedMap<usize, Pair>,
}

impl Movements {
    /// The slot to move when a slot of a topic is to go from one member to another: that slot, or one that had moved
    /// the other way. Of several Kafka takes whichever its hash set names first; here it is the one of lowest index.
    pub(super) fn actual(&self, slot: usize, topic: usize, from: usize, to: usize) -> usize {
        let source = self.by_slot.get(&slot).map_or(from, |(source, _)| *source);
        let back = self.by_topic.get(&(topic, (to, source)));
        back.and_then(|slots| slots.first()).copied().unwrap_or(slot)
    }

    /// Notes a move. A slot that moved before counts as moved from where it was first, and not at all if it is back.
    pub(super) fn moved(&mut self, slot: usize, topic: usize, from: usize, to: usize) {
        let before = self.by_slot.remove(&slot);
        if let Some(pair) = before {
            let key = (topic, pair);
            let slots = self.by_topic.get_mut(&key).expect("every moved slot is listed with its topic");
            slots.remove(&slot);
            if slots.is_empty() {
                self.by_topic.remove(&key);
            }
        }
        let source = before.map_or(from, |(source, _)| source);
        if before.is_none() || source != to {
            self.by_slot.insert(slot, (source, to));
            self.by_topic.entry((topic, (source, to))).or_default().insert(slot);
        }
    }
}
