//! The committed offsets of all groups (`OffsetMetadataManager`'s state).

use crate::base::OrdMap;
use crate::wire::GroupRecord;
use crate::wire::StrBytes;
use crate::wire::group_records::{OffsetCommitKey, OffsetCommitValue};
use uuid::Uuid;

/// An offset that a group has committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// The offset of the next record to read.
    pub offset: i64,
    /// The leader epoch of the record before it, where the consumer knew it (KIP-320).
    pub leader_epoch: Option<i32>,
    /// What the consumer wrote beside it.
    pub metadata: StrBytes,
    /// When it was committed (ms since the Unix epoch).
    pub commit_timestamp_ms: i64,
    /// When it expires, where the request said so (OffsetCommit up to version 4).
    pub expire_timestamp_ms: Option<i64>,
    /// The topic's id, where the request had it (OffsetCommit since version 10).
    pub topic_id: Uuid,
}

impl OffsetAndMetadata {
    pub(super) fn from_record(value: &OffsetCommitValue) -> Self {
        Self {
            offset: value.offset,
            leader_epoch: (value.leader_epoch != -1).then_some(value.leader_epoch),
            metadata: value.metadata.clone(),
            commit_timestamp_ms: value.commit_timestamp,
            expire_timestamp_ms: (value.expire_timestamp != -1).then_some(value.expire_timestamp),
            topic_id: value.topic_id,
        }
    }

    pub(super) fn to_record(&self, group: &StrBytes, topic: &StrBytes, partition: i32) -> GroupRecord {
        let value = OffsetCommitValue {
            offset: self.offset,
            leader_epoch: self.leader_epoch.unwrap_or(-1),
            metadata: self.metadata.clone(),
            commit_timestamp: self.commit_timestamp_ms,
            expire_timestamp: self.expire_timestamp_ms.unwrap_or(-1),
            topic_id: self.topic_id,
        };
        GroupRecord::OffsetCommit(key(group, topic, partition), Some(value))
    }
}

/// The record that deletes an offset.
pub(super) fn offset_tombstone(group: &StrBytes, topic: &StrBytes, partition: i32) -> GroupRecord {
    GroupRecord::OffsetCommit(key(group, topic, partition), None)
}

fn key(group: &StrBytes, topic: &StrBytes, partition: i32) -> OffsetCommitKey {
    OffsetCommitKey { group: group.clone(), topic: topic.clone(), partition }
}

/// Offsets by partition.
pub(super) type PartitionOffsets = OrdMap<i32, OffsetAndMetadata>;

/// Offsets by topic.
pub(super) type TopicOffsets = OrdMap<StrBytes, PartitionOffsets>;

/// The offsets of all groups. Empty maps are not kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    by_group: OrdMap<StrBytes, TopicOffsets>,
}

impl Offsets {
    /// The offsets of a group.
    pub(super) fn of_group(&self, group: &StrBytes) -> Option<&TopicOffsets> {
        self.by_group.get(group)
    }

    /// All groups with offsets.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&StrBytes, &TopicOffsets)> {
        self.by_group.iter()
    }

    /// An offset.
    pub(super) fn get(&self, group: &StrBytes, topic: &StrBytes, partition: i32) -> Option<&OffsetAndMetadata> {
        self.by_group.get(group)?.get(topic)?.get(&partition)
    }

    pub(super) fn put(&mut self, key: &OffsetCommitKey, offset: OffsetAndMetadata) {
        let topics = self.by_group.entry(key.group.clone()).or_default();
        topics.entry(key.topic.clone()).or_default().insert(key.partition, offset);
    }

    pub(super) fn remove(&mut self, key: &OffsetCommitKey) {
        let Some(topics) = self.by_group.get_mut(&key.group) else { return };
        let Some(partitions) = topics.get_mut(&key.topic) else { return };
        partitions.remove(&key.partition);
        if partitions.is_empty() {
            topics.remove(&key.topic);
        }
        if topics.is_empty() {
            self.by_group.remove(&key.group);
        }
    }
}
