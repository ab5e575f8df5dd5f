//! Range: topic by topic, the partitions in ranges to the members in order.
//!
//! The first members get one more where the division leaves a rest, in every topic: that is what makes range unequal
//! over many topics, and what makes it *co-partition*: topics of the same length and the same subscribers are cut at the
//! same places, so that one member has partition 3 of each.
//!
//! With racks (KIP-881) each member first gets, within its share, partitions with a replica in its rack; for topics that
//! are co-partitioned only where the partitions of all of them have one. The rest goes in ranges as ever.

use super::layout::{Layout, minds_racks};
use crate::base::{Sort, SortedMap, SortedSet};

/// A topic on its way to its members: `TopicAssignmentState`.
struct TopicState<'a> {
    /// Its members in order, none twice.
    members: Vec<usize>,
    first_slot: usize,
    /// Whether each partition was given away.
    taken: Vec<bool>,
    left: usize,
    /// Every partition before this one is taken.
    front: usize,
    assigned: SortedMap<usize, usize>,
    share: usize,
    /// How many more members get one above their share.
    extras: usize,
    /// The racks of each partition; empty where no member of the topic has a rack.
    racks: &'a [Vec<usize>],
    minds_racks: bool,
}

/// The slots of each member.
pub(super) fn assign(layout: &Layout<'_>, prefer_racks: bool) -> Vec<Vec<usize>> {
    let members = layout.members_by_topic(&layout.by_identity());
    let topics = members.into_iter().enumerate();
    let mut states: Vec<_> =
        topics.map(|(topic, members)| TopicState::new(layout, topic, members, prefer_racks)).collect();
    let mut assignment = vec![Vec::new(); layout.members.len()];
    let minds_racks = states.iter().any(|state| state.minds_racks);
    if minds_racks {
        match_racks(layout, &mut states, &mut assignment);
    }
    states.iter_mut().for_each(|state| state.assign_ranges(|_, _| true, &mut assignment));
    if minds_racks {
        // Slots ascend by topic and index.
        assignment.iter_mut().for_each(|slots| slots.order());
    }
    assignment
}

/// Gives away what can stay within a rack, to topics with the same members and the same length together.
fn match_racks(layout: &Layout<'_>, states: &mut [TopicState<'_>], assignment: &mut [Vec<usize>]) {
    let mut groups: SortedMap<(Vec<usize>, usize), Vec<usize>> = SortedMap::new();
    for (at, state) in states.iter().enumerate() {
        groups.entry((state.members.clone(), state.racks.len())).or_default().push(at);
    }
    for ((members, partitions), group) in groups {
        match group[..] {
            [one] if states[one].minds_racks => {
                let racks = states[one].racks;
                let fits = |member: usize, index: usize| in_rack(layout, member, &racks[index]);
                states[one].assign_ranges(fits, assignment);
            }
            [_] => {}
            _ => match_racks_together(layout, states, &group, members, partitions, assignment),
        }
    }
}

/// Each partition index goes, of all these topics, to the first member for whose rack it fits in every topic.
fn match_racks_together(
    layout: &Layout<'_>,
    states: &mut [TopicState<'_>],
    group: &[usize],
    mut members: Vec<usize>,
    partitions: usize,
    assignment: &mut [Vec<usize>],
) {
    for index in 0..partitions {
        let fits = |state: &TopicState<'_>, member: usize| {
            state.may_get(member) > 0 && in_rack(layout, member, &state.racks[index])
        };
        let place = members.iter().position(|member| group.iter().all(|at| fits(&states[*at], *member)));
        let Some(place) = place else { continue };
        let member = members[place];
        group.iter().for_each(|at| states[*at].give(member, &[index], assignment));
        if group.iter().all(|at| states[*at].may_get(member) == 0) {
            members.remove(place);
        }
    }
}

/// Whether a partition with these racks suits a member: one without a rack is suited by any.
fn in_rack(layout: &Layout<'_>, member: usize, racks: &[usize]) -> bool {
    layout.member_racks[member].is_none_or(|rack| racks.contains(&rack))
}

impl<'a> TopicState<'a> {
    fn new(layout: &'a Layout<'_>, topic: usize, mut members: Vec<usize>, prefer_racks: bool) -> Self {
        let topic = &layout.topics[topic];
        // A subscription may name a topic twice; its places in the list are neighbours.
        members.dedup();
        let consumer_racks: SortedSet<usize> = members.iter().filter_map(|m| layout.member_racks[*m]).collect();
        let racks = if consumer_racks.is_empty() { &[][..] } else { &layout.partition_racks[topic.slots()] };
        Self {
            first_slot: topic.first,
            taken: vec![false; topic.count],
            left: topic.count,
            front: 0,
            assigned: SortedMap::new(),
            share: topic.count / members.len(),
            extras: topic.count % members.len(),
            minds_racks: minds_racks(&consumer_racks, racks, prefer_racks),
            racks,
            members,
        }
    }

    /// How many more partitions a member may get.
    fn may_get(&self, member: usize) -> usize {
        let has = self.assigned.get(&member).copied().unwrap_or(0);
        (self.share + usize::from(self.extras > 0)).saturating_sub(has)
    }

    /// Each member in order gets as many as it may of those that fit.
    fn assign_ranges(&mut self, fits: impl Fn(usize, usize) -> bool, assignment: &mut [Vec<usize>]) {
        for place in 0..self.members.len() {
            if self.left == 0 {
                break;
            }
            let member = self.members[place];
            let free = (self.front..self.taken.len()).filter(|index| !self.taken[*index] && fits(member, *index));
            let given: Vec<usize> = free.take(self.may_get(member)).collect();
            if !given.is_empty() {
                self.give(member, &given, assignment);
            }
        }
    }

    fn give(&mut self, member: usize, indexes: &[usize], assignment: &mut [Vec<usize>]) {
        for index in indexes {
            self.taken[*index] = true;
            assignment[member].push(self.first_slot + index);
        }
        self.left -= indexes.len();
        while self.taken.get(self.front) == Some(&true) {
            self.front += 1;
        }
        let has = self.assigned.entry(member).or_insert(0);
        *has += indexes.len();
        if *has > self.share {
            self.extras = self.extras.saturating_sub(1);
        }
    }
}
