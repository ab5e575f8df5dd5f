//! OffsetDelete (KIP-496), and what else deletes offsets: time (KIP-211) and the end of a topic.

use super::classic::{ClassicGroup, ClassicState};
use super::effect::{Effect, GroupResponse, RequestContext, Turn};
use super::offsets::{OffsetAndMetadata, offset_tombstone};
use super::shard::GroupShard;
use super::timeline::Incarnation;
use super::writes::{Completion, Replay};
use crate::base::TopicPartition;
use crate::wire::messages::offset_delete_request::OffsetDeleteRequestTopic;
use crate::wire::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use crate::wire::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use crate::wire::{ErrorCode, GroupRecord, StrBytes};

impl GroupShard {
    /// Serves an OffsetDelete.
    pub fn delete_offsets(&mut self, turn: &mut Turn<'_>, context: &RequestContext, request: &OffsetDeleteRequest) {
        let response = OffsetDeleteResponse::default();
        let group = match self.validate_offset_delete(&request.group_id) {
            Ok(group) => group,
            Err(error) => {
                let response = GroupResponse::OffsetDelete(response.with_error_code(error.0));
                return turn.push(Effect::Respond { request: context.token, response });
            }
        };
        let mut records = Vec::new();
        let topics = request.topics.iter().map(|topic| self.delete_of_topic(group, topic, &mut records)).collect();
        let response = GroupResponse::OffsetDelete(response.with_topics(topics));
        self.append_and_respond(turn, records, context.token, response);
    }

    fn delete_of_topic(
        &self,
        group: Incarnation,
        topic: &OffsetDeleteRequestTopic,
        records: &mut Vec<GroupRecord>,
    ) -> OffsetDeleteResponseTopic {
        let is = self.timeline.group(group);
        let in_use = is.is_subscribed_to(&topic.name);
        let error = if in_use { ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC } else { ErrorCode::NONE };
        let offsets = &self.timeline.now().offsets;
        let mut partitions = Vec::new();
        for index in topic.partitions.iter().map(|partition| partition.partition_index) {
            if !in_use && offsets.get(is.group_id(), &topic.name, index).is_some() {
                records.push(offset_tombstone(is.group_id(), &topic.name, index));
            }
            let answer = OffsetDeleteResponsePartition::default().with_partition_index(index);
            partitions.push(answer.with_error_code(error.0));
        }
        OffsetDeleteResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions)
    }

    /// A group whose offsets may be deleted: one of consumers, where topics in use are left out, or one without members.
    fn validate_offset_delete(&self, group_id: &StrBytes) -> Result<Incarnation, ErrorCode> {
        if group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let group = self.timeline.now().group(group_id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        let is = self.timeline.group(group);
        match is.state() {
            ClassicState::Empty => Ok(group),
            _ if is.uses_consumer_protocol() => Ok(group),
            _ => Err(ErrorCode::NON_EMPTY_GROUP),
        }
    }

    /// Deletes the offsets of partitions that are deleted. The owner tells every shard.
    pub fn partitions_deleted(&mut self, turn: &mut Turn<'_>, partitions: &[TopicPartition]) {
        let name = |partition: &TopicPartition| StrBytes::from_string(partition.topic.to_string());
        let partitions: Vec<(StrBytes, i32)> = partitions.iter().map(|is| (name(is), is.partition)).collect();
        let mut records = Vec::new();
        for (group_id, topics) in self.timeline.now().offsets.groups() {
            let has = |(topic, index): &&(StrBytes, i32)| topics.get(topic).is_some_and(|of| of.contains_key(index));
            records
                .extend(partitions.iter().filter(has).map(|(topic, index)| offset_tombstone(group_id, topic, *index)));
        }
        self.append_records(turn, records, Replay::Now, false, Completion::Nothing);
    }

    /// Adds the tombstones of a group's expired offsets. Returns whether the group has no others.
    pub(super) fn expired_offsets(&self, now_ms: i64, group: Incarnation, records: &mut Vec<GroupRecord>) -> bool {
        let is = self.timeline.group(group);
        let Some(topics) = self.timeline.now().offsets.of_group(is.group_id()) else { return true };
        let retention_ms = self.config.offsets_retention_ms();
        let mut all_expired = true;
        for (topic, partitions) in topics {
            for (index, offset) in partitions {
                if !is.is_subscribed_to(topic) && is.has_expired(offset, now_ms, retention_ms) {
                    records.push(offset_tombstone(is.group_id(), topic, *index));
                } else {
                    all_expired = false;
                }
            }
        }
        all_expired
    }
}

impl ClassicGroup {
    /// Whether an offset of a topic that no member is subscribed to has expired (KIP-211). Of a group without members all
    /// expire together, counted from when the last one left; else each is counted from its commit. While a group
    /// rebalances, and where the coordinator cannot tell what its members read, none expires.
    fn has_expired(&self, offset: &OffsetAndMetadata, now_ms: i64, retention_ms: i64) -> bool {
        let since_ms = match self.state() {
            _ if self.protocol_type().is_none() => offset.commit_timestamp_ms,
            ClassicState::Empty => self.state_timestamp_ms.unwrap_or(offset.commit_timestamp_ms),
            ClassicState::Stable if self.uses_consumer_protocol() && self.knows_subscribed_topics() => {
                offset.commit_timestamp_ms
            }
            _ => return false,
        };
        offset.expire_timestamp_ms.map_or(now_ms - since_ms >= retention_ms, |expires_ms| now_ms >= expires_ms)
    }
}
