//! Committed offsets: listConsumerGroupOffsets, alterConsumerGroupOffsets, deleteConsumerGroupOffsets.

use super::super::driver::{Answered, Handler, LookedUp, named, only};
use super::super::{Admin, Call, Route, Step, Throwable, body, topic_name};
use super::{GroupError, coordinator_lookup, coordinators, group_error, group_id};
use crate::base::{SimDuration, SortedMap, SortedSet, TopicPartition};
use crate::network::NodeId;
use crate::wire::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::wire::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use crate::wire::messages::offset_fetch_request::OffsetFetchRequestGroup;
use crate::wire::messages::{OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest};
use crate::wire::{ErrorCode, ResponseKind};

/// A committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset that is read next.
    pub offset: i64,
    /// The leader epoch of the record before it, if it was committed.
    pub leader_epoch: Option<i32>,
}

impl Admin<'_, '_> {
    /// The offsets that a group has committed, of all its partitions; none where it has none
    /// (`listConsumerGroupOffsets`).
    ///
    /// # Errors
    /// What was thrown.
    pub fn list_consumer_group_offsets(
        &mut self,
        group: &str,
        timeout: Option<SimDuration>,
    ) -> Step<SortedMap<TopicPartition, Option<CommittedOffset>>> {
        only(self.drive(&mut FetchOffsets, SortedSet::from([group.to_owned()]), &SortedMap::new(), timeout)?)
    }

    /// Sets the offsets of a group without members (`alterConsumerGroupOffsets`).
    ///
    /// # Errors
    /// What was thrown, or the first partition's error.
    pub fn alter_consumer_group_offsets(
        &mut self,
        group: &str,
        offsets: &SortedMap<TopicPartition, i64>,
        timeout: Option<SimDuration>,
    ) -> Step<()> {
        let mut handler = CommitOffsets { offsets };
        let keys = SortedSet::from([group.to_owned()]);
        let committed = only(self.drive(&mut handler, keys, &SortedMap::new(), timeout)?)?;
        let failed: Vec<(&TopicPartition, &ErrorCode)> = committed.iter().filter(|(_, error)| !error.is_ok()).collect();
        let Some((_, error)) = failed.first() else { return Ok(()) };
        let partitions: Vec<String> = failed.iter().map(|(tp, _)| tp.to_string()).collect();
        let what = "Failed altering group offsets for the following partitions";
        Err(Throwable::of(**error, Some(&format!("{what}: [{}]", partitions.join(", ")))).into())
    }

    /// Deletes a group's offsets of these partitions; each one's error (`deleteConsumerGroupOffsets`).
    ///
    /// # Errors
    /// What was thrown for the group.
    pub fn delete_consumer_group_offsets(
        &mut self,
        group: &str,
        partitions: &SortedSet<TopicPartition>,
        timeout: Option<SimDuration>,
    ) -> Step<SortedMap<TopicPartition, ErrorCode>> {
        let mut handler = DeleteOffsets { partitions };
        only(self.drive(&mut handler, SortedSet::from([group.to_owned()]), &SortedMap::new(), timeout)?)
    }
}

/// What a group's error makes of the answer.
fn refuse<H: Handler<Key = String>>(group: String, error: ErrorCode, answered: &mut Answered<H>) {
    match group_error(error) {
        GroupError::Again => {}
        GroupError::Elsewhere => {
            answered.unmapped.insert(group);
        }
        GroupError::Failed(why) => {
            answered.done.insert(group, Err(why));
        }
    }
}

fn nothing<H: Handler>() -> Answered<H> {
    Answered { done: SortedMap::new(), unmapped: SortedSet::new() }
}

struct FetchOffsets;

impl Handler for FetchOffsets {
    type Key = String;
    type Value = SortedMap<TopicPartition, Option<CommittedOffset>>;

    const NAME: &'static str = "offsetFetch";

    fn lookup(&self, keys: &SortedSet<String>) -> Call {
        coordinator_lookup(Self::NAME, keys)
    }

    fn looked_up(&mut self, _: &SortedSet<String>, response: &ResponseKind) -> LookedUp<String> {
        coordinators(response)
    }

    fn request(&self, broker: NodeId, keys: &SortedSet<String>) -> (Call, SortedSet<String>) {
        let group = |group: &String| {
            OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_member_epoch(-1).with_topics(None)
        };
        let request = OffsetFetchRequest::default().with_groups(keys.iter().map(group).collect());
        (named(Self::NAME, Route::Broker(broker), request).since(8), keys.clone())
    }

    fn answered(&mut self, _: NodeId, _: &SortedSet<String>, response: &ResponseKind) -> Answered<Self> {
        let mut answered = nothing::<Self>();
        for group in &body!(OffsetFetch, response).groups {
            let name = group.group_id.to_string();
            let error = ErrorCode(group.error_code);
            if !error.is_ok() {
                refuse(name, error, &mut answered);
                continue;
            }
            let mut offsets = SortedMap::new();
            for topic in &group.topics {
                // A partition whose offset is not stable yet is passed over.
                for p in topic.partitions.iter().filter(|p| p.error_code == 0) {
                    let leader_epoch = Some(p.committed_leader_epoch).filter(|epoch| *epoch >= 0);
                    let committed = CommittedOffset { offset: p.committed_offset, leader_epoch };
                    let tp = TopicPartition::new(&**topic.name, p.partition_index);
                    offsets.insert(tp, Some(committed).filter(|committed| committed.offset >= 0));
                }
            }
            answered.done.insert(name, Ok(offsets));
        }
        answered
    }
}

struct CommitOffsets<'a> {
    offsets: &'a SortedMap<TopicPartition, i64>,
}

impl Handler for CommitOffsets<'_> {
    type Key = String;
    type Value = SortedMap<TopicPartition, ErrorCode>;

    const NAME: &'static str = "offsetCommit";

    fn lookup(&self, keys: &SortedSet<String>) -> Call {
        coordinator_lookup(Self::NAME, keys)
    }

    fn looked_up(&mut self, _: &SortedSet<String>, response: &ResponseKind) -> LookedUp<String> {
        coordinators(response)
    }

    fn request(&self, broker: NodeId, keys: &SortedSet<String>) -> (Call, SortedSet<String>) {
        let group = keys.first().expect("a request is for a group");
        let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
        for (tp, offset) in self.offsets {
            let partition = OffsetCommitRequestPartition::default()
                .with_partition_index(tp.partition)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some("".into()));
            match topics.last_mut().filter(|topic| **topic.name == *tp.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(
                    OffsetCommitRequestTopic::default()
                        .with_name(topic_name(&tp.topic))
                        .with_partitions(vec![partition]),
                ),
            }
        }
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id(group))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(topics);
        (named(Self::NAME, Route::Broker(broker), request), keys.clone())
    }

    fn answered(&mut self, _: NodeId, keys: &SortedSet<String>, response: &ResponseKind) -> Answered<Self> {
        let group = keys.first().expect("a request is for a group").clone();
        let mut answered = nothing::<Self>();
        let mut errors = SortedMap::new();
        let mut again = false;
        for topic in &body!(OffsetCommit, response).topics {
            for p in &topic.partitions {
                let error = ErrorCode(p.error_code);
                match group_error(error) {
                    _ if error == ErrorCode::REBALANCE_IN_PROGRESS => again = true,
                    GroupError::Again => again = true,
                    GroupError::Elsewhere => {
                        answered.unmapped.insert(group.clone());
                    }
                    GroupError::Failed(_) => {
                        errors.insert(TopicPartition::new(&**topic.name, p.partition_index), error);
                    }
                }
            }
        }
        if !again && answered.unmapped.is_empty() {
            answered.done.insert(group, Ok(errors));
        }
        answered
    }
}

struct DeleteOffsets<'a> {
    partitions: &'a SortedSet<TopicPartition>,
}

impl Handler for DeleteOffsets<'_> {
    type Key = String;
    type Value = SortedMap<TopicPartition, ErrorCode>;

    const NAME: &'static str = "offsetDelete";

    fn lookup(&self, keys: &SortedSet<String>) -> Call {
        coordinator_lookup(Self::NAME, keys)
    }

    fn looked_up(&mut self, _: &SortedSet<String>, response: &ResponseKind) -> LookedUp<String> {
        coordinators(response)
    }

    fn request(&self, broker: NodeId, keys: &SortedSet<String>) -> (Call, SortedSet<String>) {
        let group = keys.first().expect("a request is for a group");
        let mut topics: Vec<OffsetDeleteRequestTopic> = Vec::new();
        for tp in self.partitions {
            let partition = OffsetDeleteRequestPartition::default().with_partition_index(tp.partition);
            match topics.last_mut().filter(|topic| **topic.name == *tp.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(
                    OffsetDeleteRequestTopic::default()
                        .with_name(topic_name(&tp.topic))
                        .with_partitions(vec![partition]),
                ),
            }
        }
        let request = OffsetDeleteRequest::default().with_group_id(group_id(group)).with_topics(topics);
        (named(Self::NAME, Route::Broker(broker), request), keys.clone())
    }

    fn answered(&mut self, _: NodeId, keys: &SortedSet<String>, response: &ResponseKind) -> Answered<Self> {
        let group = keys.first().expect("a request is for a group").clone();
        let mut answered = nothing::<Self>();
        let response = body!(OffsetDelete, response);
        let error = ErrorCode(response.error_code);
        if !error.is_ok() {
            refuse(group, error, &mut answered);
            return answered;
        }
        let mut errors = SortedMap::new();
        for topic in &response.topics {
            for p in &topic.partitions {
                errors.insert(TopicPartition::new(&**topic.name, p.partition_index), ErrorCode(p.error_code));
            }
        }
        answered.done.insert(group, Ok(errors));
        answered
    }
}
