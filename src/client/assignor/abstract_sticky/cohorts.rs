//! Members in the order of how much they have: Kafka's `sortedCurrentSubscriptions`.
//!
//! Kafka looks for the member with the fewest partitions among those who may have one more by going through all of them.
//! Members with the same topics in the same rack are alike for every partition, and of such a *cohort* only the first
//! can be the one looked for. So the search goes over cohorts: one step in the common case, never more than Kafka's.

use super::racks::Racks;
use crate::base::{SortedMap, SortedSet};
use crate::client::assignor::layout::Layout;

/// Members by the number of their partitions, then by member id.
pub(super) struct Cohorts {
    of_member: Vec<usize>,
    /// The cohorts that subscribe to each topic.
    of_topic: Vec<Vec<usize>>,
    rack: Vec<Option<usize>>,
    /// How many partitions a member of each cohort can have at most.
    capacity: Vec<usize>,
    /// For each cohort its members as (number of partitions, rank).
    queues: Vec<SortedSet<(usize, usize)>>,
    rank: Vec<usize>,
    by_rank: Vec<usize>,
}

impl Cohorts {
    /// The cohorts of a group, yet without members in their queues.
    pub(super) fn new(layout: &Layout<'_>, racks: &Racks<'_>) -> Self {
        let mut numbers: SortedMap<(usize, Option<usize>), usize> = SortedMap::new();
        let mut by_rank = vec![0; layout.members.len()];
        let mut cohorts = Self {
            of_member: Vec::new(),
            of_topic: vec![Vec::new(); layout.topics.len()],
            rack: Vec::new(),
            capacity: Vec::new(),
            queues: Vec::new(),
            rank: layout.rank.clone(),
            by_rank: Vec::new(),
        };
        for member in 0..layout.members.len() {
            by_rank[layout.rank[member]] = member;
            let rack = racks.of_member(member);
            let next = numbers.len();
            let cohort = *numbers.entry((layout.list_of(member), rack)).or_insert(next);
            if cohort == next {
                let topics = layout.subscribed(member);
                cohorts.capacity.push(topics.iter().map(|topic| layout.topics[*topic].count).sum());
                topics.iter().for_each(|topic| cohorts.of_topic[*topic].push(cohort));
                cohorts.rack.push(rack);
                cohorts.queues.push(SortedSet::new());
            }
            cohorts.of_member.push(cohort);
        }
        cohorts.by_rank = by_rank;
        cohorts
    }

    /// Puts a member with so many partitions into its queue.
    pub(super) fn insert(&mut self, member: usize, size: usize) {
        self.queues[self.of_member[member]].insert((size, self.rank[member]));
    }

    /// Takes it out.
    pub(super) fn remove(&mut self, member: usize, size: usize) {
        self.queues[self.of_member[member]].remove(&(size, self.rank[member]));
    }

    /// How many partitions a member can have at most.
    pub(super) fn capacity(&self, member: usize) -> usize {
        self.capacity[self.of_member[member]]
    }

    /// The first member that subscribes to a topic and whose rack will do.
    pub(super) fn first(&self, topic: usize, suits: impl Fn(Option<usize>) -> bool) -> Option<usize> {
        let cohorts = self.of_topic[topic].iter().filter(|cohort| suits(self.rack[**cohort]));
        let first = cohorts.filter_map(|cohort| self.queues[*cohort].first()).min();
        first.map(|(_, rank)| self.by_rank[*rank])
    }

    /// The fewest partitions that a subscriber of a topic has, of those that have not as many as they can have.
    pub(super) fn fewest_below_capacity(&self, topic: usize) -> Option<usize> {
        let fewest = |cohort: &usize| {
            let (queue, capacity) = (&self.queues[*cohort], self.capacity[*cohort]);
            let first = queue.first().filter(|(size, _)| *size != capacity);
            first.or_else(|| queue.range((capacity + 1, 0)..).next()).map(|(size, _)| *size)
        };
        self.of_topic[topic].iter().filter_map(fewest).min()
    }

    /// The fewest and the most partitions that a member has.
    pub(super) fn extremes(&self) -> Option<(usize, usize)> {
        let fewest = self.queues.iter().filter_map(SortedSet::first).min()?;
        let most = self.queues.iter().filter_map(SortedSet::last).max()?;
        Some((fewest.0, most.0))
    }
}
