//! Metadata: the brokers in service, and the leader of each partition of the topics asked for. It is as old as what
//! this broker has read of the metadata log.

use super::{Broker, Served, Serving, str_bytes};
use crate::cluster::{PartitionRegistration, TopicInfo, check_topic_name};
use crate::network::Pending;
use crate::wire::messages::metadata_request::MetadataRequestTopic;
use crate::wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::wire::messages::{MetadataRequest, MetadataResponse};
use crate::wire::{BrokerId, ErrorCode, Request, ResponseKind, TopicName};
use std::sync::Arc;

/// Topics that brokers keep for themselves.
const INTERNAL_TOPICS: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

/// Whether a topic is one that brokers keep for themselves.
pub(super) fn is_internal(topic: &str) -> bool {
    INTERNAL_TOPICS.contains(&topic)
}

impl Broker {
    pub(super) fn metadata(
        &mut self,
        pending: &Pending,
        request: &Request,
        body: &MetadataRequest,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let version = pending.version;
        let topics = match &body.topics {
            None => self.every_topic(version),
            // Version 0 had no null: an empty list asked for every topic.
            Some(asked) if asked.is_empty() && version == 0 => self.every_topic(version),
            Some(asked) => {
                // Before version 4 a request could not say.
                let may_create = self.config.auto_create_topics && (version < 4 || body.allow_auto_topic_creation);
                self.asked_topics(version, asked, may_create, request, serving)
            }
        };
        let response = MetadataResponse::default()
            .with_brokers(self.brokers_in_service())
            .with_cluster_id(Some(self.cluster_id.clone()))
            .with_controller_id(BrokerId(self.some_broker(serving)))
            .with_topics(topics);
        Served::Now(ResponseKind::Metadata(response))
    }

    fn brokers_in_service(&self) -> Vec<MetadataResponseBroker> {
        let alive = self.metadata.brokers().iter().filter(|broker| !broker.fenced);
        let entry = |broker: &crate::cluster::BrokerRegistration| {
            let listener = broker.endpoints.first()?;
            let entry = MetadataResponseBroker::default()
                .with_node_id(BrokerId(broker.id))
                .with_host(listener.host.clone())
                .with_port(i32::from(listener.port))
                .with_rack(broker.rack.as_deref().map(str_bytes));
            Some(entry)
        };
        alive.filter_map(entry).collect()
    }

    /// What Metadata calls the controller: any broker in service, since each forwards to the real one (KIP-590).
    pub(super) fn some_broker(&self, serving: &mut Serving<'_, '_>) -> i32 {
        let alive: Vec<i32> = self.metadata.brokers().iter().filter(|b| !b.fenced).map(|b| b.id).collect();
        let at = serving.ctx.rng().below(alive.len() as u64) as usize;
        alive.get(at).copied().unwrap_or(-1)
    }

    fn every_topic(&self, version: i16) -> Vec<MetadataResponseTopic> {
        self.metadata.topics().iter_by_name().map(|topic| self.describe(version, topic)).collect()
    }

    fn asked_topics(
        &mut self,
        version: i16,
        asked: &[MetadataRequestTopic],
        may_create: bool,
        request: &Request,
        serving: &mut Serving<'_, '_>,
    ) -> Vec<MetadataResponseTopic> {
        let mut topics = Vec::with_capacity(asked.len());
        let mut create: Vec<Arc<str>> = Vec::new();
        for topic in asked {
            let known = match &topic.name {
                Some(name) => self.metadata.topics().by_name(name),
                None => self.metadata.topics().by_id(topic.topic_id),
            };
            topics.push(match (known, &topic.name) {
                (Some(known), _) => self.describe(version, known),
                (None, None) => MetadataResponseTopic::default()
                    .with_error_code(ErrorCode::UNKNOWN_TOPIC_ID.0)
                    .with_name(None)
                    .with_topic_id(topic.topic_id),
                (None, Some(name)) => {
                    // A topic made by asking for it is there at the next asking, not in this answer.
                    let error = match check_topic_name(name) {
                        Err(_) => ErrorCode::INVALID_TOPIC_EXCEPTION,
                        Ok(()) => {
                            create.extend(may_create.then(|| Arc::from(&***name)));
                            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                        }
                    };
                    MetadataResponseTopic::default().with_error_code(error.0).with_name(Some(name.clone()))
                }
            });
        }
        if !create.is_empty() {
            self.auto_create(create, request, serving);
        }
        topics
    }

    fn describe(&self, version: i16, topic: &TopicInfo) -> MetadataResponseTopic {
        let partitions = topic.partitions.iter().map(|(index, p)| self.describe_partition(version, *index, p));
        MetadataResponseTopic::default()
            .with_name(Some(TopicName(str_bytes(&topic.name))))
            .with_topic_id(topic.id)
            .with_is_internal(is_internal(&topic.name))
            .with_partitions(partitions.collect())
    }

    fn describe_partition(
        &self,
        version: i16,
        index: i32,
        partition: &PartitionRegistration,
    ) -> MetadataResponsePartition {
        let brokers = self.metadata.brokers();
        let is_alive = |id: &i32| brokers.registration(*id).is_some_and(|broker| !broker.fenced);
        let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
        let offline: Vec<i32> = partition.replicas.iter().copied().filter(|id| !is_alive(id)).collect();
        let (leader, error) = match partition.leader {
            leader if leader >= 0 && is_alive(&leader) => (leader, ErrorCode::NONE),
            // Clients from before LISTENER_NOT_FOUND get the other error; a dead leader is named by neither.
            _ => (-1, ErrorCode::LEADER_NOT_AVAILABLE),
        };
        // Clients from before version 1 took a replica that is not there for an error.
        let error = if error == ErrorCode::NONE && version == 0 && !offline.is_empty() {
            ErrorCode::REPLICA_NOT_AVAILABLE
        } else {
            error
        };
        MetadataResponsePartition::default()
            .with_error_code(error.0)
            .with_partition_index(index)
            .with_leader_id(BrokerId(leader))
            .with_leader_epoch(partition.leader_epoch)
            .with_replica_nodes(ids(&partition.replicas))
            .with_isr_nodes(ids(&partition.isr))
            .with_offline_replicas(ids(&offline))
    }
}
