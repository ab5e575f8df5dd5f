//! OffsetFetch: how far a group has come.

use super::effect::{GroupResponse, RequestContext, Turn};
use super::offsets::{OffsetAndMetadata, PartitionOffsets};
use super::shard::GroupShard;
use super::timeline::Known;
use super::writes::response_error;
use crate::wire::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use crate::wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use crate::wire::{ErrorCode, StrBytes, TopicName};
use uuid::Uuid;

impl GroupShard {
    /// Serves one group of an OffsetFetch without `requireStable`: what is committed in the log.
    pub fn fetch_offsets(&self, request: &OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
        answer(self.timeline.committed(), request)
    }

    /// Serves one group of an OffsetFetch with `requireStable` (KIP-447): what is written so far, told when all of it is
    /// committed. Offsets in transactions are not built, so none is unstable for longer than that.
    pub fn fetch_stable_offsets(
        &mut self,
        turn: &mut Turn<'_>,
        context: &RequestContext,
        request: &OffsetFetchRequestGroup,
    ) {
        let response = GroupResponse::OffsetFetch(answer(self.timeline.now(), request));
        self.append_and_respond(turn, Vec::new(), context.token, response);
    }
}

/// What is known of a group's offsets; a group that is not known has none. Without topics in the request, of all.
fn answer(known: &Known, request: &OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    let group_exists = known.group(&request.group_id).is_some();
    let offsets = known.offsets.of_group(&request.group_id).filter(|_| group_exists);
    let topics = match &request.topics {
        Some(topics) => topics.iter().map(|topic| asked(topic, offsets.and_then(|of| of.get(&topic.name.0)))).collect(),
        None => offsets.into_iter().flatten().map(|(name, offsets)| all(name, offsets)).collect(),
    };
    OffsetFetchResponseGroup::default().with_group_id(request.group_id.clone()).with_topics(topics)
}

fn asked(topic: &OffsetFetchRequestTopics, offsets: Option<&PartitionOffsets>) -> OffsetFetchResponseTopics {
    // An offset that was committed under another topic id is that of a topic which is gone.
    let of_other = |is: Uuid| !is.is_nil() && !topic.topic_id.is_nil() && is != topic.topic_id;
    let offset = |index: &i32| offsets?.get(index).filter(|offset| !of_other(offset.topic_id));
    OffsetFetchResponseTopics::default()
        .with_name(topic.name.clone())
        .with_topic_id(topic.topic_id)
        .with_partitions(topic.partition_indexes.iter().map(|index| partition(*index, offset(index))).collect())
}

fn all(name: &StrBytes, offsets: &PartitionOffsets) -> OffsetFetchResponseTopics {
    OffsetFetchResponseTopics::default()
        .with_name(TopicName(name.clone()))
        .with_partitions(offsets.iter().map(|(index, offset)| partition(*index, Some(offset))).collect())
}

/// A partition's offset; -1 for none.
fn partition(index: i32, offset: Option<&OffsetAndMetadata>) -> OffsetFetchResponsePartitions {
    let answer = OffsetFetchResponsePartitions::default().with_partition_index(index);
    match offset {
        Some(offset) => answer
            .with_committed_offset(offset.offset)
            .with_committed_leader_epoch(offset.leader_epoch.unwrap_or(-1))
            .with_metadata(Some(offset.metadata.clone())),
        None => answer.with_committed_offset(-1).with_committed_leader_epoch(-1).with_metadata(Some(StrBytes::new())),
    }
}

/// The answer when the writes before it have failed. Where other APIs say that the coordinator is not available, this
/// one says that it is not the coordinator, which older clients retry too.
pub(super) fn failure(response: OffsetFetchResponseGroup, error: ErrorCode) -> OffsetFetchResponseGroup {
    let error = match error {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::NOT_ENOUGH_REPLICAS | ErrorCode::REQUEST_TIMED_OUT => {
            ErrorCode::NOT_COORDINATOR
        }
        other => response_error(other),
    };
    response.with_error_code(error.0).with_topics(Vec::new())
}
