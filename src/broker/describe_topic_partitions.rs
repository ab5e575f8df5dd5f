//! DescribeTopicPartitions: topics with their eligible leader replicas, page by page (KIP-966).

use super::metadata::is_internal;
use super::{Broker, Served, str_bytes};
use crate::base::SortedSet;
use crate::cluster::{PartitionRegistration, TopicInfo};
use crate::wire::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use crate::wire::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};
use crate::wire::{BrokerId, ErrorCode, ResponseKind, TopicName};
use std::sync::Arc;

/// `max.request.partition.size.limit`.
const MAX_PARTITIONS: i32 = 2_000;

impl Broker {
    pub(super) fn describe_topic_partitions(&self, request: &DescribeTopicPartitionsRequest) -> Served {
        let topics = self.metadata.topics();
        let fetch_all = request.topics.is_empty();
        let mut names: SortedSet<Arc<str>> = match fetch_all {
            true => topics.iter_by_name().map(|topic| topic.name.clone()).collect(),
            false => request.topics.iter().map(|topic| Arc::from(&**topic.name)).collect(),
        };
        let mut first_index = 0;
        if let Some(cursor) = &request.cursor {
            let from: &str = &cursor.topic_name;
            names.retain(|name| &**name >= from);
            if names.first().is_some_and(|name| &**name == from) {
                first_index = cursor.partition_index;
            }
        }
        let mut room = request.response_partition_limit.clamp(1, MAX_PARTITIONS);
        let mut answer = DescribeTopicPartitionsResponse::default().with_next_cursor(None);
        for name in names {
            let first = std::mem::take(&mut first_index);
            let Some(topic) = topics.by_name(&name) else {
                answer.topics.push(unknown(&name));
                continue;
            };
            let cursor = |index: i32| {
                Cursor::default().with_topic_name(TopicName(str_bytes(&topic.name))).with_partition_index(index)
            };
            if room == 0 {
                answer.next_cursor = Some(cursor(first));
                break;
            }
            let listed: Vec<_> = topic.partitions.range(first..).take(room as usize).collect();
            let next = listed.last().map_or(first, |(index, _)| *index + 1);
            room -= listed.len() as i32;
            answer.topics.push(self.described(topic, &listed));
            if topic.partitions.range(next..).next().is_some() {
                answer.next_cursor = Some(cursor(next));
                break;
            }
        }
        Served::Now(ResponseKind::DescribeTopicPartitions(answer))
    }

    fn described(
        &self,
        topic: &TopicInfo,
        listed: &[(&i32, &Arc<PartitionRegistration>)],
    ) -> DescribeTopicPartitionsResponseTopic {
        DescribeTopicPartitionsResponseTopic::default()
            .with_name(Some(TopicName(str_bytes(&topic.name))))
            .with_topic_id(topic.id)
            .with_is_internal(is_internal(&topic.name))
            .with_partitions(
                listed.iter().map(|(index, partition)| self.described_partition(**index, partition)).collect(),
            )
    }

    fn described_partition(
        &self,
        index: i32,
        partition: &PartitionRegistration,
    ) -> DescribeTopicPartitionsResponsePartition {
        let brokers = self.metadata.brokers();
        let is_alive = |id: &i32| brokers.registration(*id).is_some_and(|broker| !broker.fenced);
        let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
        let offline: Vec<i32> = partition.replicas.iter().copied().filter(|id| !is_alive(id)).collect();
        let has_leader = partition.has_leader() && is_alive(&partition.leader);
        let error = if has_leader { ErrorCode::NONE } else { ErrorCode::LEADER_NOT_AVAILABLE };
        DescribeTopicPartitionsResponsePartition::default()
            .with_error_code(error.0)
            .with_partition_index(index)
            .with_leader_id(BrokerId(if has_leader { partition.leader } else { -1 }))
            .with_leader_epoch(partition.leader_epoch)
            .with_replica_nodes(ids(&partition.replicas))
            .with_isr_nodes(ids(&partition.isr))
            .with_eligible_leader_replicas(Some(ids(&partition.elr)))
            .with_last_known_elr(Some(ids(&partition.last_known_elr)))
            .with_offline_replicas(ids(&offline))
    }
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error = match crate::cluster::check_topic_name(name) {
        Ok(()) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        Err(_) => ErrorCode::INVALID_TOPIC_EXCEPTION,
    };
    DescribeTopicPartitionsResponseTopic::default().with_error_code(error.0).with_name(Some(TopicName(str_bytes(name))))
}
