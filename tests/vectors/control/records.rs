//! Metadata records as Kafka's JSON converter writes them: tagged fields only when they are not at their default.

use kafka_terrarium::cluster::uuid_text;
use kafka_terrarium::wire::MetadataRecord;
use kafka_terrarium::wire::metadata_records::{PartitionChangeRecord, PartitionRecord};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A record in Kafka's JSON.
pub(crate) fn to_json(record: &MetadataRecord) -> Value {
    match record {
        MetadataRecord::Topic(r) => json!({"name": &*r.name, "topicId": uuid_text(r.topic_id)}),
        MetadataRecord::RemoveTopic(r) => json!({"topicId": uuid_text(r.topic_id)}),
        MetadataRecord::Partition(r) => partition(r),
        MetadataRecord::PartitionChange(r) => partition_change(r),
        MetadataRecord::Config(r) => json!({
            "resourceType": r.resource_type, "resourceName": &*r.resource_name, "name": &*r.name,
            "value": r.value.as_deref(),
        }),
        MetadataRecord::BrokerRegistrationChange(r) => {
            let mut out = Map::new();
            out.insert("brokerId".into(), r.broker_id.into());
            out.insert("brokerEpoch".into(), r.broker_epoch.into());
            let tagged = [("fenced", r.fenced), ("inControlledShutdown", r.in_controlled_shutdown)];
            tagged.into_iter().filter(|(_, value)| *value != 0).for_each(|(name, value)| {
                out.insert(name.into(), value.into());
            });
            Value::Object(out)
        }
        other => panic!("no entry has a {}", other.name()),
    }
}

fn uuids(ids: &[Uuid]) -> Value {
    ids.iter().map(|id| uuid_text(*id)).collect()
}

fn partition(r: &PartitionRecord) -> Value {
    let mut out = json!({
        "partitionId": r.partition_id, "topicId": uuid_text(r.topic_id), "replicas": r.replicas, "isr": r.isr,
        "removingReplicas": r.removing_replicas, "addingReplicas": r.adding_replicas, "leader": r.leader,
        "leaderEpoch": r.leader_epoch, "partitionEpoch": r.partition_epoch, "directories": uuids(&r.directories),
    });
    if r.leader_recovery_state != 0 {
        out["leaderRecoveryState"] = r.leader_recovery_state.into();
    }
    for (name, list) in [("eligibleLeaderReplicas", &r.eligible_leader_replicas), ("lastKnownElr", &r.last_known_elr)] {
        if let Some(list) = list {
            out[name] = json!(list);
        }
    }
    out
}

fn partition_change(r: &PartitionChangeRecord) -> Value {
    let mut out = json!({"partitionId": r.partition_id, "topicId": uuid_text(r.topic_id)});
    let lists = [
        ("isr", &r.isr),
        ("replicas", &r.replicas),
        ("removingReplicas", &r.removing_replicas),
        ("addingReplicas", &r.adding_replicas),
        ("eligibleLeaderReplicas", &r.eligible_leader_replicas),
        ("lastKnownElr", &r.last_known_elr),
    ];
    for (name, list) in lists {
        if let Some(list) = list {
            out[name] = json!(list);
        }
    }
    if r.leader != -2 {
        out["leader"] = r.leader.into();
    }
    if r.leader_recovery_state != -1 {
        out["leaderRecoveryState"] = r.leader_recovery_state.into();
    }
    if let Some(directories) = &r.directories {
        out["directories"] = uuids(directories);
    }
    out
}
