//! A group and its topics with every name looked up once: the assignors work on numbers.
//!
//! Members are numbered in the order given, topics in the order of their names, and partitions by topic and index, so
//! that a smaller number comes first wherever Kafka sorts by name. A partition's number is its *slot*.

use super::{Member, PartitionsPerTopic};
use crate::base::{Sort, SortedMap, SortedSet, TopicPartition};
use std::sync::Arc;

/// A topic that some member subscribes to and that has partitions.
pub(super) struct Topic<'a> {
    name: &'a Arc<str>,
    /// The slot of its partition 0.
    pub(super) first: usize,
    /// How many partitions it has.
    pub(super) count: usize,
}

impl Topic<'_> {
    /// Its partitions.
    pub(super) fn slots(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.count
    }
}

/// The group and the topics it may get.
pub(super) struct Layout<'a> {
    /// The members, in the order in which Kafka would come upon them.
    pub(super) members: &'a [Member],
    /// Every topic that is to be assigned, by name.
    pub(super) topics: Vec<Topic<'a>>,
    /// Each member's place among all by member id.
    pub(super) rank: Vec<usize>,
    /// For each member the topics it subscribes to and that exist, in its order. Members with equal lists share one.
    lists: Vec<Vec<usize>>,
    list_of: Vec<usize>,
    /// Topic and index of every slot: first the partitions that exist, then those that a member only claims.
    partitions: Vec<(usize, i32)>,
    existing: usize,
    claimed_only: SortedMap<(usize, i32), usize>,
    /// Each member's rack, by number.
    pub(super) member_racks: Vec<Option<usize>>,
    /// The racks of each existing partition's replicas, ascending; empty while no member has a rack.
    pub(super) partition_racks: Vec<Vec<usize>>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(members: &'a [Member], per_topic: &'a PartitionsPerTopic) -> Self {
        let subscribed: SortedSet<&Arc<str>> = members.iter().flat_map(|m| &m.subscription.topics).collect();
        let known = per_topic.iter().filter(|(name, racks)| !racks.is_empty() && subscribed.contains(name));
        let (mut topics, mut partitions) = (Vec::new(), Vec::new());
        for (name, racks) in known {
            partitions.extend((0..racks.len()).map(|p| (topics.len(), p as i32)));
            topics.push(Topic { name, first: partitions.len() - racks.len(), count: racks.len() });
        }
        let mut by_id: Vec<usize> = (0..members.len()).collect();
        by_id.order_by_key(|m| &members[*m].id);
        let mut rank = vec![0; members.len()];
        by_id.iter().enumerate().for_each(|(place, member)| rank[*member] = place);
        let mut layout = Self {
            members,
            rank,
            lists: Vec::new(),
            list_of: Vec::with_capacity(members.len()),
            existing: partitions.len(),
            partitions,
            claimed_only: SortedMap::new(),
            member_racks: Vec::new(),
            partition_racks: Vec::new(),
            topics,
        };
        layout.look_up_subscriptions();
        layout.look_up_racks(per_topic);
        layout
    }

    fn look_up_subscriptions(&mut self) {
        let mut seen: SortedMap<&[Arc<str>], usize> = SortedMap::new();
        for member in self.members {
            let names = &member.subscription.topics[..];
            let list = *seen.entry(names).or_insert(self.lists.len());
            if list == self.lists.len() {
                self.lists.push(names.iter().filter_map(|name| self.topic(name)).collect());
            }
            self.list_of.push(list);
        }
    }

    fn look_up_racks(&mut self, per_topic: &PartitionsPerTopic) {
        let mut numbers: SortedMap<&str, usize> = SortedMap::new();
        let mut number = |rack| {
            let next = numbers.len();
            *numbers.entry(rack).or_insert(next)
        };
        let racks = self.members.iter().map(|m| m.subscription.rack_id.as_deref().filter(|rack| !rack.is_empty()));
        self.member_racks = racks.map(|rack| rack.map(&mut number)).collect();
        if self.member_racks.iter().all(Option::is_none) {
            return;
        }
        for racks in self.topics.iter().flat_map(|topic| &per_topic[topic.name]) {
            let distinct: SortedSet<usize> = racks.iter().map(|rack| number(rack)).collect();
            self.partition_racks.push(distinct.into_iter().collect());
        }
    }

    /// The number of a topic, if it is to be assigned.
    pub(super) fn topic(&self, name: &str) -> Option<usize> {
        self.topics.binary_search_by(|topic| (**topic.name).cmp(name)).ok()
    }

    /// How many partitions are to be assigned.
    pub(super) fn existing(&self) -> usize {
        self.existing
    }

    /// How many slots there are: the existing partitions and those that members only claim.
    pub(super) fn slots(&self) -> usize {
        self.partitions.len()
    }

    /// The slot of a partition that a member claims; `None` if its topic is not to be assigned. A partition that the
    /// topic does not have gets a slot too: Kafka looks at the topic alone.
    pub(super) fn claimed_slot(&mut self, tp: &TopicPartition) -> Option<usize> {
        let number = self.topic(&tp.topic)?;
        let topic = &self.topics[number];
        if let Some(index) = usize::try_from(tp.partition).ok().filter(|index| *index < topic.count) {
            return Some(topic.first + index);
        }
        let key = (number, tp.partition);
        let slot = *self.claimed_only.entry(key).or_insert(self.partitions.len());
        if slot == self.partitions.len() {
            self.partitions.push(key);
        }
        Some(slot)
    }

    /// A slot's topic and index: what Kafka sorts partitions by.
    pub(super) fn at(&self, slot: usize) -> (usize, i32) {
        self.partitions[slot]
    }

    /// The topic of a slot.
    pub(super) fn topic_of(&self, slot: usize) -> usize {
        self.partitions[slot].0
    }

    /// The topics that a member subscribes to and that are to be assigned, in its order.
    pub(super) fn subscribed(&self, member: usize) -> &[usize] {
        &self.lists[self.list_of[member]]
    }

    /// Which list of topics a member has: two with the same number subscribe to the same names.
    pub(super) fn list_of(&self, member: usize) -> usize {
        self.list_of[member]
    }

    /// The members of each topic, in the order given.
    pub(super) fn members_by_topic(&self, order: &[usize]) -> Vec<Vec<usize>> {
        let mut found = vec![Vec::new(); self.topics.len()];
        for member in order {
            self.subscribed(*member).iter().for_each(|topic| found[*topic].push(*member));
        }
        found
    }

    /// The members as Kafka sorts them for range and round robin (`MemberInfo`): static ones first, by instance id, so
    /// that a restart under a new member id changes nothing (KIP-345); then the others by member id.
    pub(super) fn by_identity(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.order_by_key(|at| {
            let member = &self.members[*at];
            (member.group_instance_id.is_none(), member.group_instance_id.as_ref().unwrap_or(&member.id))
        });
        order
    }

    /// What the assignors found, with names again.
    pub(super) fn named(&self, assignment: &[Vec<usize>]) -> Vec<Vec<TopicPartition>> {
        let name = |slot: &usize| {
            let (topic, partition) = self.partitions[*slot];
            TopicPartition { topic: self.topics[topic].name.clone(), partition }
        };
        assignment.iter().map(|slots| slots.iter().map(name).collect()).collect()
    }
}

/// KIP-881: racks are minded if some consumer shares one with some partition, and not every partition is in every rack
/// that any of them is in. `prefer` minds them in that last case too.
pub(super) fn minds_racks(consumers: &SortedSet<usize>, partitions: &[Vec<usize>], prefer: bool) -> bool {
    let all: SortedSet<usize> = partitions.iter().flatten().copied().collect();
    !consumers.is_disjoint(&all) && (prefer || partitions.iter().any(|racks| racks.len() != all.len()))
}
