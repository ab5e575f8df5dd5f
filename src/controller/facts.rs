//! What the records of the metadata log mean, as facts for the trace.

use crate::base::TopicPartition;
use crate::cluster::config_defs::{is_built_for_brokers, is_built_for_topics};
use crate::cluster::{Controller, LeaderRecoveryState, ResourceType};
use crate::machine::Fact;
use crate::wire::MetadataRecord;
use uuid::Uuid;

/// Takes in the record at `offset`; what it changed.
pub(super) fn metadata_facts(record: &MetadataRecord, metadata: &mut Controller, offset: i64) -> Option<Fact> {
    let removed = match record {
        MetadataRecord::RemoveTopic(r) => metadata.topics().by_id(r.topic_id).map(|topic| topic.name.clone()),
        _ => None,
    };
    metadata.replay(record, offset);
    match record {
        MetadataRecord::RegisterBroker(r) => {
            Some(Fact::BrokerRegistered { broker: r.broker_id, epoch: r.broker_epoch })
        }
        MetadataRecord::UnregisterBroker(r) => Some(Fact::BrokerUnregistered { broker: r.broker_id }),
        MetadataRecord::FenceBroker(r) => Some(Fact::BrokerFenced { broker: r.id }),
        MetadataRecord::UnfenceBroker(r) => Some(Fact::BrokerUnfenced { broker: r.id }),
        MetadataRecord::BrokerRegistrationChange(r) => match (r.fenced, r.in_controlled_shutdown) {
            (1, _) => Some(Fact::BrokerFenced { broker: r.broker_id }),
            (-1, _) => Some(Fact::BrokerUnfenced { broker: r.broker_id }),
            (_, 1) => Some(Fact::ControlledShutdown { broker: r.broker_id }),
            _ => None,
        },
        MetadataRecord::Topic(r) => Some(Fact::TopicCreated { topic: r.name.as_str().into(), id: r.topic_id }),
        MetadataRecord::Config(r) if r.value.is_some() => {
            let is_built = match ResourceType::from_value(r.resource_type) {
                Some(ResourceType::Topic) => is_built_for_topics(&r.name),
                Some(ResourceType::Broker) => is_built_for_brokers(&r.name),
                _ => false,
            };
            (!is_built).then(|| Fact::ConfigNotBuilt { name: r.name.as_str().into() })
        }
        MetadataRecord::RemoveTopic(_) => removed.map(|topic| Fact::TopicDeleted { topic }),
        MetadataRecord::Partition(r) => partition(r.topic_id, r.partition_id, metadata),
        MetadataRecord::PartitionChange(r) => partition(r.topic_id, r.partition_id, metadata),
        _ => None,
    }
}

fn partition(topic_id: Uuid, index: i32, metadata: &Controller) -> Option<Fact> {
    let topic = metadata.topics().by_id(topic_id)?;
    let partition = topic.partitions.get(&index)?;
    Some(Fact::PartitionChanged {
        partition: TopicPartition::new(topic.name.clone(), index),
        replicas: partition.replicas.clone(),
        leader: partition.has_leader().then_some(partition.leader),
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        isr: partition.isr.clone(),
        elr: partition.elr.clone(),
        recovering: partition.leader_recovery_state == LeaderRecoveryState::Recovering,
    })
}
