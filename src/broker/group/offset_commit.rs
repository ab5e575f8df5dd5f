//! OffsetCommit: a member, or somebody outside of the group while it is empty, says how far it has come.

use super::classic::{ClassicGroup, ClassicState};
use super::effect::{Effect, GroupResponse, RequestContext, Turn};
use super::offsets::OffsetAndMetadata;
use super::shard::GroupShard;
use super::timeline::Incarnation;
use crate::wire::messages::offset_commit_request::OffsetCommitRequestPartition;
use crate::wire::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use crate::wire::messages::{OffsetCommitRequest, OffsetCommitResponse};
use crate::wire::{ErrorCode, StrBytes};

/// The first version that can say that there is no such group.
const FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND: i16 = 9;

impl GroupShard {
    /// Serves an OffsetCommit. Whether its topics and partitions exist the owner has checked before.
    pub fn commit_offsets(&mut self, turn: &mut Turn<'_>, context: &RequestContext, request: &OffsetCommitRequest) {
        let group = match self.validate_offset_commit(turn, context, request) {
            Ok(group) => group,
            Err(error) => {
                let response = GroupResponse::OffsetCommit(answer(request, |_| error));
                return turn.push(Effect::Respond { request: context.token, response });
            }
        };
        // A commit is as good as a heartbeat.
        if matches!(self.timeline.group(group).state(), ClassicState::Stable | ClassicState::PreparingRebalance) {
            self.schedule_heartbeat(turn, group, &request.member_id);
        }
        let now_ms = turn.now_ms();
        let expire_timestamp_ms =
            (request.retention_time_ms != -1).then(|| now_ms.saturating_add(request.retention_time_ms));
        let mut records = Vec::new();
        for topic in &request.topics {
            for partition in topic.partitions.iter().filter(|partition| self.metadata_fits(partition)) {
                let offset = OffsetAndMetadata {
                    offset: partition.committed_offset,
                    leader_epoch: (partition.committed_leader_epoch != -1).then_some(partition.committed_leader_epoch),
                    metadata: partition.committed_metadata.clone().unwrap_or_default(),
                    commit_timestamp_ms: now_ms,
                    expire_timestamp_ms,
                    topic_id: topic.topic_id,
                };
                records.push(offset.to_record(&request.group_id, &topic.name, partition.partition_index));
            }
        }
        let error = |partition: &OffsetCommitRequestPartition| match self.metadata_fits(partition) {
            true => ErrorCode::NONE,
            false => ErrorCode::OFFSET_METADATA_TOO_LARGE,
        };
        let response = GroupResponse::OffsetCommit(answer(request, error));
        self.append_and_respond(turn, records, context.token, response);
    }

    /// Whether the text beside an offset is short enough, counted as Java counts.
    fn metadata_fits(&self, partition: &OffsetCommitRequestPartition) -> bool {
        let length = partition.committed_metadata.as_ref().map_or(0, |metadata| metadata.encode_utf16().count());
        length as i64 <= i64::from(self.config.offset_metadata_max_bytes)
    }

    /// The group of an OffsetCommit that may be served. Who commits without a generation makes a group without members
    /// where there is none (a simple consumer group).
    fn validate_offset_commit(
        &mut self,
        turn: &Turn<'_>,
        context: &RequestContext,
        request: &OffsetCommitRequest,
    ) -> Result<Incarnation, ErrorCode> {
        let group = match self.timeline.now().group(&request.group_id) {
            Some(group) => group,
            None if request.generation_id_or_member_epoch < 0 => {
                let group = ClassicGroup::new(request.group_id.0.clone(), Some(turn.now_ms()));
                self.timeline.create(group)
            }
            None if context.api_version >= FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND => {
                return Err(ErrorCode::GROUP_ID_NOT_FOUND);
            }
            None => return Err(ErrorCode::ILLEGAL_GENERATION),
        };
        let is = self.timeline.group(group);
        is.validate_offset_commit(
            &request.member_id,
            request.group_instance_id.as_ref(),
            request.generation_id_or_member_epoch,
        )?;
        Ok(group)
    }
}

impl ClassicGroup {
    fn validate_offset_commit(
        &self,
        member_id: &StrBytes,
        instance: Option<&StrBytes>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        if generation < 0 && self.state() == ClassicState::Empty {
            return Ok(());
        }
        if generation < 0 && member_id.is_empty() && instance.is_none() {
            // Of a group with members only a member may commit.
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.validate_member(member_id, instance)?;
        if generation != self.generation() {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        // A member that knows the new generation does not know yet what it owns in it.
        match self.state() {
            ClassicState::CompletingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            _ => Ok(()),
        }
    }
}

/// The answer with an error for each partition.
fn answer(
    request: &OffsetCommitRequest,
    error: impl Fn(&OffsetCommitRequestPartition) -> ErrorCode,
) -> OffsetCommitResponse {
    let partition = |partition: &OffsetCommitRequestPartition| {
        OffsetCommitResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_error_code(error(partition).0)
    };
    let topics = request.topics.iter().map(|topic| {
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id)
            .with_partitions(topic.partitions.iter().map(partition).collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
