//! OffsetFetch: the committed offsets of one group, or since version 8 of several (KIP-709).

use super::group_requests::{Answer, context, token};
use super::{Broker, Served, Serving};
use crate::network::Pending;
use crate::wire::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use crate::wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use crate::wire::messages::{OffsetFetchRequest, OffsetFetchResponse};
use crate::wire::{ErrorCode, Request, ResponseKind, StrBytes};
use std::sync::Arc;

/// The first version that asks for several groups.
const FIRST_WITH_GROUPS: i16 = 8;

/// The first version whose answer can say of a group, and not of each partition, that it failed.
const FIRST_WITH_ERROR: i16 = 2;

/// The groups of an answer, in the order of the request; none where its coordinator has not answered.
pub(super) type Groups = Vec<Option<OffsetFetchResponseGroup>>;

impl Broker {
    pub(super) fn offset_fetch(
        &mut self,
        pending: &Pending,
        request: &Arc<Request>,
        body: &OffsetFetchRequest,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let groups = groups(pending.version, body);
        let answer =
            |asked: &OffsetFetchRequestGroup| match self.coordinators.shard(self.partition_of_group(&asked.group_id)) {
                Err(error) => Some(failed(pending.version, asked, error)),
                Ok(shard) => (!body.require_stable).then(|| shard.fetch_offsets(asked)),
            };
        let answered: Groups = groups.iter().map(answer).collect();
        let waiting: Vec<usize> = (0..groups.len()).filter(|part| answered[*part].is_none()).collect();
        if waiting.is_empty() {
            return Served::Now(response(pending.version, answered.into_iter().flatten().collect()));
        }
        let number = self.ask(pending, request, Answer::OffsetFetch(answered));
        for part in waiting {
            let mut context = context(number, request);
            context.token = token(number, part);
            let partition = self.partition_of_group(&groups[part].group_id);
            self.with_shard(partition, serving, |shard, turn| {
                shard.fetch_stable_offsets(turn, &context, &groups[part]);
            });
        }
        Served::Parked
    }
}

/// The groups that a request asks for.
fn groups(version: i16, body: &OffsetFetchRequest) -> Vec<OffsetFetchRequestGroup> {
    if version >= FIRST_WITH_GROUPS {
        return body.groups.clone();
    }
    let topic = |topic: &crate::wire::messages::offset_fetch_request::OffsetFetchRequestTopic| {
        OffsetFetchRequestTopics::default()
            .with_name(topic.name.clone())
            .with_partition_indexes(topic.partition_indexes.clone())
    };
    let topics = body.topics.as_ref().map(|topics| topics.iter().map(topic).collect());
    vec![OffsetFetchRequestGroup::default().with_group_id(body.group_id.clone()).with_topics(topics)]
}

/// The answer for a group that no coordinator answers for.
fn failed(version: i16, asked: &OffsetFetchRequestGroup, error: ErrorCode) -> OffsetFetchResponseGroup {
    let group = OffsetFetchResponseGroup::default().with_group_id(asked.group_id.clone());
    if version >= FIRST_WITH_ERROR {
        return group.with_error_code(error.0);
    }
    let partition = |index: &i32| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(*index)
            .with_committed_offset(-1)
            .with_committed_leader_epoch(-1)
            .with_metadata(Some(StrBytes::new()))
            .with_error_code(error.0)
    };
    let topic = |topic: &OffsetFetchRequestTopics| {
        OffsetFetchResponseTopics::default()
            .with_name(topic.name.clone())
            .with_partitions(topic.partition_indexes.iter().map(partition).collect())
    };
    group.with_topics(asked.topics.iter().flatten().map(topic).collect())
}

/// The response at a version.
pub(super) fn response(version: i16, mut groups: Vec<OffsetFetchResponseGroup>) -> ResponseKind {
    if version >= FIRST_WITH_GROUPS {
        return ResponseKind::OffsetFetch(OffsetFetchResponse::default().with_groups(groups));
    }
    let group = groups.swap_remove(0);
    let partition = |partition: OffsetFetchResponsePartitions| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_committed_offset(partition.committed_offset)
            .with_committed_leader_epoch(partition.committed_leader_epoch)
            .with_metadata(partition.metadata)
            .with_error_code(partition.error_code)
    };
    let topic = |topic: OffsetFetchResponseTopics| {
        OffsetFetchResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(topic.partitions.into_iter().map(partition).collect())
    };
    let answer = OffsetFetchResponse::default().with_topics(group.topics.into_iter().map(topic).collect());
    let error = if version >= FIRST_WITH_ERROR { group.error_code } else { 0 };
    ResponseKind::OffsetFetch(answer.with_error_code(error))
}
