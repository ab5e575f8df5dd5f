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
        MetadataRecord::ClearElr(r) => json!({"topicName": &*r.topic_name}),
        MetadataRecord::UnregisterBroker(r) => json!({"brokerId": r.broker_id, "brokerEpoch": r.broker_epoch}),
        MetadataRecord::FeatureLevel(r) => json!({"name": &*r.name, "featureLevel": r.feature_level}),
        MetadataRecord::BeginTransaction(r) => json!({"name": r.name.as_deref()}),
        MetadataRecord::EndTransaction(_) | MetadataRecord::NoOp(_) => json!({}),
        MetadataRecord::RegisterBroker(r) => json!({
            "brokerId": r.broker_id, "isMigratingZkBroker": r.is_migrating_zk_broker,
            "incarnationId": uuid_text(r.incarnation_id), "brokerEpoch": r.broker_epoch,
            "endPoints": r.end_points.iter().map(|e| json!({
                "name": &*e.name, "host": &*e.host, "port": e.port, "securityProtocol": e.security_protocol,
            })).collect::<Vec<_>>(),
            "features": r.features.iter().map(|f| json!({
                "name": &*f.name, "minSupportedVersion": f.min_supported_version,
                "maxSupportedVersion": f.max_supported_version,
            })).collect::<Vec<_>>(),
            "rack": r.rack.as_deref(), "fenced": r.fenced, "inControlledShutdown": r.in_controlled_shutdown,
            "logDirs": uuids(&r.log_dirs),
        }),
        MetadataRecord::RegisterController(r) => json!({
            "controllerId": r.controller_id, "incarnationId": uuid_text(r.incarnation_id),
            "zkMigrationReady": r.zk_migration_ready,
            "endPoints": r.end_points.iter().map(|e| json!({
                "name": &*e.name, "host": &*e.host, "port": e.port, "securityProtocol": e.security_protocol,
            })).collect::<Vec<_>>(),
            "features": r.features.iter().map(|f| json!({
                "name": &*f.name, "minSupportedVersion": f.min_supported_version,
                "maxSupportedVersion": f.max_supported_version,
            })).collect::<Vec<_>>(),
        }),
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
