//! Records of the metadata log in a few words.

use crate::cluster::Controller;
use crate::wire::MetadataRecord;
use uuid::Uuid;

/// What a record says, when it is worth telling; `metadata` knows the topics' names.
pub(super) fn record_words(record: &MetadataRecord, metadata: &Controller) -> Option<String> {
    let name = |id: Uuid| metadata.topics().by_id(id).map_or_else(|| id.to_string(), |topic| topic.name.to_string());
    Some(match record {
        MetadataRecord::RegisterBroker(r) => format!("broker {} registers", r.broker_id),
        MetadataRecord::UnregisterBroker(r) => format!("broker {} unregistered", r.broker_id),
        MetadataRecord::FenceBroker(r) => format!("broker {} fenced", r.id),
        MetadataRecord::UnfenceBroker(r) => format!("broker {} unfenced", r.id),
        MetadataRecord::BrokerRegistrationChange(r) => match (r.fenced, r.in_controlled_shutdown) {
            (1, _) => format!("broker {} fenced", r.broker_id),
            (-1, _) => format!("broker {} unfenced", r.broker_id),
            (_, 1) => format!("broker {} shuts down", r.broker_id),
            _ => format!("broker {} changes", r.broker_id),
        },
        MetadataRecord::Topic(r) => format!("topic {}", r.name.as_str()),
        MetadataRecord::RemoveTopic(r) => format!("topic {} removed", name(r.topic_id)),
        MetadataRecord::Partition(r) => {
            format!("{}-{}: leader {}, epoch {}", name(r.topic_id), r.partition_id, r.leader, r.leader_epoch)
        }
        MetadataRecord::PartitionChange(r) => {
            let partition = format!("{}-{}", name(r.topic_id), r.partition_id);
            let topic = metadata.topics().by_id(r.topic_id);
            let epoch = topic.and_then(|t| t.partitions.get(&r.partition_id)).map_or(0, |p| p.leader_epoch);
            match (r.leader, &r.isr) {
                (-2, Some(isr)) => format!("{partition}: ISR {isr:?}"),
                (-2, None) => format!("{partition} changes"),
                (-1, _) => format!("{partition}: no leader"),
                (leader, _) => format!("{partition}: leader {leader}, epoch {epoch}"),
            }
        }
        MetadataRecord::Config(r) => {
            format!("{} {} = {}", r.resource_name.as_str(), r.name.as_str(), r.value.as_deref().unwrap_or("default"))
        }
        _ => return None,
    })
}
