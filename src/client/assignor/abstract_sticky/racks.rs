//! Racks for the sticky assignors: Kafka's `RackInfo`.

use crate::base::{Sort, SortedSet};
use crate::client::assignor::layout::{Layout, minds_racks};

/// Who is where, if that matters.
pub(super) struct Racks<'a> {
    /// Whether racks are minded at all.
    pub(super) active: bool,
    of_members: &'a [Option<usize>],
    of_partitions: &'a [Vec<usize>],
    /// For each rack, how many members are in it.
    members: Vec<usize>,
}

impl<'a> Racks<'a> {
    pub(super) fn new(layout: &'a Layout<'_>, prefer: bool) -> Self {
        let used: SortedSet<usize> = layout.member_racks.iter().flatten().copied().collect();
        let highest = layout.partition_racks.iter().flatten().chain(&used).max();
        let mut members = vec![0; highest.map_or(0, |rack| rack + 1)];
        layout.member_racks.iter().flatten().for_each(|rack| members[*rack] += 1);
        Self {
            active: minds_racks(&used, &layout.partition_racks, prefer),
            of_members: &layout.member_racks,
            of_partitions: &layout.partition_racks,
            members,
        }
    }

    /// The number of a member's rack, if it has one.
    pub(super) fn of_member(&self, member: usize) -> Option<usize> {
        self.of_members[member]
    }

    /// The racks of a partition: none of one that does not exist.
    fn of_partition(&self, slot: usize) -> &[usize] {
        self.of_partitions.get(slot).map_or(&[], Vec::as_slice)
    }

    /// Whether racks are minded and this rack has no replica of a partition. One who is in no rack minds none.
    pub(super) fn mismatch(&self, rack: Option<usize>, slot: usize) -> bool {
        self.active && rack.is_some_and(|rack| !self.of_partition(slot).contains(&rack))
    }

    /// Sorts slots by how many members are in a rack with them, the fewest first: they are the hardest to place.
    pub(super) fn sort_by_members(&self, slots: &mut [usize]) {
        slots.order_by_key(|slot| self.of_partition(*slot).iter().map(|rack| self.members[*rack]).sum::<usize>());
    }

    /// The place in a list, from one on and around, of the first member in a rack with a partition.
    pub(super) fn next_member(&self, slot: usize, list: &[usize], from: usize) -> Option<usize> {
        let racks = self.of_partition(slot);
        let in_rack = |at: &usize| self.of_members[list[*at]].is_some_and(|rack| racks.contains(&rack));
        (from..list.len()).chain(0..from.min(list.len())).find(in_rack)
    }
}
