//! Metadata: the brokers, and the leader of each partition of the topics asked for.

use super::{Broker, Pending, Served, Serving, str_bytes};
use crate::cluster::{NewTopic, Partition, Topic};
use crate::wire::messages::metadata_request::MetadataRequestTopic;
use crate::wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::wire::messages::{MetadataRequest, MetadataResponse};
use crate::wire::{BrokerId, ErrorCode, ResponseKind, TopicName};

impl Broker {
    pub(super) fn metadata(
        &mut self,
        pending: &Pending,
        request: &MetadataRequest,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let topics = match &request.topics {
            None => self.topics.iter().map(describe).collect(),
            // Version 0 had no null: an empty list asked for every topic.
            Some(asked) if asked.is_empty() && pending.version == 0 => self.topics.iter().map(describe).collect(),
            Some(asked) => {
                let may_create = request.allow_auto_topic_creation && self.config.auto_create_topics;
                asked.iter().map(|topic| self.describe_asked(topic, may_create, serving)).collect()
            }
        };
        let us = MetadataResponseBroker::default()
            .with_node_id(BrokerId(self.id))
            .with_host(str_bytes(&self.listener.host))
            .with_port(i32::from(self.listener.port))
            .with_rack(self.rack.as_deref().map(str_bytes));
        let response = MetadataResponse::default()
            .with_brokers(vec![us])
            .with_cluster_id(Some(self.cluster_id.clone()))
            .with_controller_id(BrokerId(self.id))
            .with_topics(topics);
        Served::Now(ResponseKind::Metadata(response))
    }

    fn describe_asked(
        &mut self,
        asked: &MetadataRequestTopic,
        may_create: bool,
        serving: &mut Serving<'_, '_>,
    ) -> MetadataResponseTopic {
        let Some(name) = &asked.name else {
            let unknown = || {
                MetadataResponseTopic::default()
                    .with_error_code(ErrorCode::UNKNOWN_TOPIC_ID.0)
                    .with_name(None)
                    .with_topic_id(asked.topic_id)
            };
            return self.topics.by_id(asked.topic_id).map_or_else(unknown, describe);
        };
        if let Some(topic) = self.topics.by_name(name) {
            return describe(topic);
        }
        // A topic made by asking for it is there at the next asking, not in this answer.
        let error = match may_create.then(|| self.auto_create(name, serving)) {
            Some(Err(error)) => error,
            Some(Ok(())) | None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        };
        MetadataResponseTopic::default().with_error_code(error.0).with_name(Some(name.clone()))
    }

    fn auto_create(&mut self, name: &str, serving: &mut Serving<'_, '_>) -> Result<(), ErrorCode> {
        let new = NewTopic { name: name.to_string(), partitions: -1, replication_factor: -1, configs: Vec::new() };
        self.create_topic(&new, false, serving).map(|_| ()).map_err(|refused| refused.error)
    }
}

fn describe(topic: &Topic) -> MetadataResponseTopic {
    let partition = |(index, p): (usize, &Partition)| {
        let leader = p.leader.unwrap_or(-1);
        let error = if p.leader.is_some() { ErrorCode::NONE } else { ErrorCode::LEADER_NOT_AVAILABLE };
        MetadataResponsePartition::default()
            .with_error_code(error.0)
            .with_partition_index(index as i32)
            .with_leader_id(BrokerId(leader))
            .with_leader_epoch(p.leader_epoch)
            .with_replica_nodes(p.replicas.iter().copied().map(BrokerId).collect())
            .with_isr_nodes(p.isr.iter().copied().map(BrokerId).collect())
    };
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(str_bytes(&topic.name))))
        .with_topic_id(topic.id)
        .with_partitions(topic.partitions.iter().enumerate().map(partition).collect())
}
