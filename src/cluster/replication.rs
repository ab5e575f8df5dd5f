//! The topics and their partitions, as the records tell of them (`ReplicationControlManager`).

use super::PartitionRegistration;
use crate::base::{KeptOnce, OrdMap};
use crate::wire::metadata_records::{
    ClearElrRecord, PartitionChangeRecord, PartitionRecord, RemoveTopicRecord, TopicRecord,
};
use std::cell::RefCell;
use std::sync::Arc;
use uuid::Uuid;

/// A part of a topic's partitions.
type Partitions = Vec<(i32, Arc<PartitionRegistration>)>;

thread_local! {
    /// What the nodes of this thread's worlds know of partitions.
    static REGISTRATIONS: RefCell<KeptOnce<PartitionRegistration>> = const { RefCell::new(KeptOnce::new(1 << 14)) };
    /// What they know of many that follow one another.
    static PARTITIONS: RefCell<KeptOnce<Partitions>> = const { RefCell::new(KeptOnce::new(1 << 10)) };
}

/// What is known of a partition of a topic, in one copy for all that know the same.
fn kept_once(topic_id: Uuid, index: i32, registration: PartitionRegistration) -> Arc<PartitionRegistration> {
    let place = topic_id.as_u64_pair().1.wrapping_add(index as u64);
    REGISTRATIONS.with_borrow_mut(|registrations| registrations.keep(place, registration))
}

/// A topic.
#[derive(Clone, Debug)]
pub struct TopicInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Its id, never used again after it is deleted (KIP-516).
    pub id: Uuid,
    /// Its partitions, by index.
    pub partitions: OrdMap<i32, Arc<PartitionRegistration>>,
}

/// All topics, by id and by name.
#[derive(Clone, Debug, Default)]
pub struct ReplicationControl {
    topics: OrdMap<Uuid, TopicInfo>,
    ids: OrdMap<Arc<str>, Uuid>,
}

impl ReplicationControl {
    /// Every topic, by id.
    pub fn iter(&self) -> impl Iterator<Item = &TopicInfo> {
        self.topics.values()
    }

    /// Every topic, by name.
    pub fn iter_by_name(&self) -> impl Iterator<Item = &TopicInfo> {
        self.ids.values().map(|id| &self.topics[id])
    }

    /// The topic with this id.
    pub fn by_id(&self, id: Uuid) -> Option<&TopicInfo> {
        self.topics.get(&id)
    }

    /// The topic with this name.
    pub fn by_name(&self, name: &str) -> Option<&TopicInfo> {
        self.topics.get(self.ids.get(name)?)
    }

    /// Whether a broker leads a partition.
    pub fn leads_any(&self, broker: i32) -> bool {
        self.iter().any(|topic| topic.partitions.values().any(|partition| partition.leader == broker))
    }

    /// Takes a new topic in.
    pub fn replay_topic(&mut self, record: &TopicRecord) {
        let name: Arc<str> = record.name.as_str().into();
        self.ids.insert(name.clone(), record.topic_id);
        let topic = TopicInfo { name, id: record.topic_id, partitions: OrdMap::new() };
        self.topics.insert(record.topic_id, topic);
    }

    /// Takes a new partition in.
    ///
    /// # Panics
    /// When its topic is not there: the log holds what a controller wrote. So do the others.
    pub fn replay_partition(&mut self, record: &PartitionRecord) {
        let partition = kept_once(record.topic_id, record.partition_id, PartitionRegistration::from_record(record));
        let partitions = &mut self.topic_mut(record.topic_id).partitions;
        partitions.insert(record.partition_id, partition);
        partitions.share_last_chunk(|nth, chunk| {
            let place = record.topic_id.as_u64_pair().1.wrapping_add(nth as u64);
            PARTITIONS.with_borrow_mut(|kept| kept.keep(place, chunk))
        });
    }

    /// Takes a change of a partition in.
    ///
    /// # Panics
    /// When the partition is not there.
    pub fn replay_partition_change(&mut self, record: &PartitionChangeRecord) {
        let topic = self.topic_mut(record.topic_id);
        let partition = topic.partitions.get_mut(&record.partition_id).expect("the partition is there");
        *partition = kept_once(record.topic_id, record.partition_id, partition.merge(record));
    }

    /// Takes a topic's end in; gives its name.
    ///
    /// # Panics
    /// When the topic is not there.
    pub fn replay_remove_topic(&mut self, record: &RemoveTopicRecord) -> Arc<str> {
        let topic = self.topics.remove(&record.topic_id).expect("the topic is there");
        self.ids.remove(&topic.name);
        topic.name
    }

    /// Partitions of a topic, or of all when `topic` is empty, that have eligible leader replicas: those that a
    /// ClearElrRecord changes.
    pub fn with_elr(&self, topic: &str) -> Vec<(Uuid, i32)> {
        let of_topic = self.iter().filter(|info| topic.is_empty() || *info.name == *topic);
        let has_elr = |p: &PartitionRegistration| !p.elr.is_empty() || !p.last_known_elr.is_empty();
        let partitions = |info: &TopicInfo| {
            let (id, partitions) = (info.id, info.partitions.clone());
            partitions.into_iter().filter(|(_, p)| has_elr(p)).map(move |(index, _)| (id, index)).collect::<Vec<_>>()
        };
        of_topic.flat_map(partitions).collect()
    }

    /// Forgets the eligible leader replicas of a topic, or of all when the record names none.
    pub fn replay_clear_elr(&mut self, record: &ClearElrRecord) {
        let nothing = PartitionChangeRecord {
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            ..Default::default()
        };
        for (id, index) in self.with_elr(&record.topic_name) {
            let partition = &mut self.topic_mut(id).partitions[&index];
            *partition = kept_once(id, index, partition.merge(&nothing));
        }
    }

    fn topic_mut(&mut self, id: Uuid) -> &mut TopicInfo {
        self.topics.get_mut(&id).expect("the topic is there")
    }
}
