//! Requests and responses of entries, in Kafka's JSON, and the operations on them.

use super::state::Start;
use crate::{int, text};
use kafka_terrarium::base::SimTime;
use kafka_terrarium::cluster::{ApiError, HeartbeatReply, Outcome, uuid_text};
use kafka_terrarium::wire::messages::*;
use kafka_terrarium::wire::{ErrorCode, StrBytes};
use serde_json::{Value, json};

fn str_bytes(value: &Value) -> StrBytes {
    StrBytes::from_string(text(value).to_string())
}

fn topic_name(value: &Value) -> TopicName {
    TopicName(str_bytes(value))
}

fn list<T>(value: &Value, read: impl FnMut(&Value) -> T) -> Vec<T> {
    value.as_array().map_or(Vec::new(), |list| list.iter().map(read).collect())
}

fn broker_ids(value: &Value) -> Vec<BrokerId> {
    list(value, |id| BrokerId(int(id) as i32))
}

fn index(value: &Value) -> i32 {
    int(value) as i32
}

/// A message as Kafka's test saw it: `null` where there was none beyond the code's own.
fn message(text: &Option<StrBytes>) -> Value {
    text.as_deref().into()
}

pub(crate) fn create_topics(entry: &Value) -> CreateTopicsRequest {
    use create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig};
    let request = &entry["input"]["request"];
    let assignment = |a: &Value| {
        CreatableReplicaAssignment::default()
            .with_partition_index(index(&a["partitionIndex"]))
            .with_broker_ids(broker_ids(&a["brokerIds"]))
    };
    let config = |c: &Value| {
        let value = (!c["value"].is_null()).then(|| str_bytes(&c["value"]));
        CreatableTopicConfig::default().with_name(str_bytes(&c["name"])).with_value(value)
    };
    let topic = |t: &Value| {
        CreatableTopic::default()
            .with_name(topic_name(&t["name"]))
            .with_num_partitions(index(&t["numPartitions"]))
            .with_replication_factor(int(&t["replicationFactor"]) as i16)
            .with_assignments(list(&t["assignments"], assignment))
            .with_configs(list(&t["configs"], config))
    };
    CreateTopicsRequest::default()
        .with_topics(list(&request["topics"], topic))
        .with_validate_only(request["validateOnly"] == true)
}

pub(crate) fn create_partitions(entry: &Value) -> CreatePartitionsRequest {
    use create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
    let assignment = |a: &Value| CreatePartitionsAssignment::default().with_broker_ids(broker_ids(&a["brokerIds"]));
    let topic = |t: &Value| {
        CreatePartitionsTopic::default()
            .with_name(topic_name(&t["name"]))
            .with_count(index(&t["count"]))
            .with_assignments((!t["assignments"].is_null()).then(|| list(&t["assignments"], assignment)))
    };
    CreatePartitionsRequest::default().with_topics(list(&entry["input"]["topics"], topic))
}

pub(crate) fn alter_partition(start: &Start, entry: &Value) -> Result<Outcome<Value>, ApiError> {
    use alter_partition_request::{BrokerState, PartitionData, TopicData};
    let request = &entry["input"]["request"];
    let state = |s: &Value| {
        BrokerState::default().with_broker_id(BrokerId(index(&s["brokerId"]))).with_broker_epoch(int(&s["brokerEpoch"]))
    };
    let partition = |p: &Value| {
        PartitionData::default()
            .with_partition_index(index(&p["partitionIndex"]))
            .with_leader_epoch(index(&p["leaderEpoch"]))
            .with_new_isr(broker_ids(&p["newIsr"]))
            .with_new_isr_with_epochs(list(&p["newIsrWithEpochs"], state))
            .with_leader_recovery_state(int(&p["leaderRecoveryState"]) as i8)
            .with_partition_epoch(index(&p["partitionEpoch"]))
    };
    let mut bindings = super::Bindings::default();
    let topic = |t: &Value| {
        TopicData::default()
            .with_topic_id(bindings.ours(text(&t["topicId"])))
            .with_partitions(list(&t["partitions"], partition))
    };
    let request = AlterPartitionRequest::default()
        .with_broker_id(BrokerId(index(&request["brokerId"])))
        .with_broker_epoch(int(&request["brokerEpoch"]))
        .with_topics(list(&request["topics"], topic));
    let outcome = start.controller.alter_partition(&request)?;
    let partition = |p: &alter_partition_response::PartitionData| {
        let isr: Vec<i32> = p.isr.iter().map(|id| id.0).collect();
        json!({
            "partitionIndex": p.partition_index, "errorCode": p.error_code, "leaderId": p.leader_id.0,
            "leaderEpoch": p.leader_epoch, "isr": isr, "leaderRecoveryState": p.leader_recovery_state,
            "partitionEpoch": p.partition_epoch,
        })
    };
    let topic = |t: &alter_partition_response::TopicData| {
        let partitions: Vec<Value> = t.partitions.iter().map(partition).collect();
        json!({"topicId": uuid_text(t.topic_id), "partitions": partitions})
    };
    let topics: Vec<Value> = outcome.response.topics.iter().map(topic).collect();
    let response = json!({"throttleTimeMs": 0, "errorCode": outcome.response.error_code, "topics": topics});
    Ok(Outcome { records: outcome.records, response })
}

pub(crate) fn reassign(start: &Start, entry: &Value) -> Outcome<Value> {
    use alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
    let partition = |p: &Value| {
        let replicas = (!p["replicas"].is_null()).then(|| broker_ids(&p["replicas"]));
        ReassignablePartition::default().with_partition_index(index(&p["partitionIndex"])).with_replicas(replicas)
    };
    let topic = |t: &Value| {
        ReassignableTopic::default()
            .with_name(topic_name(&t["name"]))
            .with_partitions(list(&t["partitions"], partition))
    };
    let topics = list(&entry["input"]["request"]["topics"], topic);
    let request = AlterPartitionReassignmentsRequest::default().with_topics(topics);
    let outcome = start.controller.alter_partition_reassignments(&request);
    let partition = |p: &alter_partition_reassignments_response::ReassignablePartitionResponse| {
        json!({
            "partitionIndex": p.partition_index, "errorCode": p.error_code, "errorMessage": message(&p.error_message),
        })
    };
    let topic = |t: &alter_partition_reassignments_response::ReassignableTopicResponse| json!({"name": &**t.name, "partitions": t.partitions.iter().map(partition).collect::<Vec<_>>()});
    let responses: Vec<Value> = outcome.response.responses.iter().map(topic).collect();
    let response = json!({
        "throttleTimeMs": 0, "errorCode": outcome.response.error_code,
        "errorMessage": message(&outcome.response.error_message), "responses": responses,
    });
    Outcome { records: outcome.records, response }
}

pub(crate) fn elect_leaders(start: &Start, entry: &Value) -> Result<Outcome<Value>, ApiError> {
    use elect_leaders_request::TopicPartitions;
    let request = &entry["input"]["request"];
    let topic = |t: &Value| {
        TopicPartitions::default().with_topic(topic_name(&t["topic"])).with_partitions(list(&t["partitions"], index))
    };
    let topics = &request["topicPartitions"];
    let request = ElectLeadersRequest::default()
        .with_election_type(int(&request["electionType"]) as i8)
        .with_topic_partitions((!topics.is_null()).then(|| list(topics, topic)));
    let outcome = start.controller.elect_leaders(&request)?;
    let partition = |p: &elect_leaders_response::PartitionResult| {
        json!({
            "partitionId": p.partition_id, "errorCode": p.error_code, "errorMessage": message(&p.error_message),
        })
    };
    let topic = |t: &elect_leaders_response::ReplicaElectionResult| json!({"topic": &**t.topic, "partitionResult": t.partition_result.iter().map(partition).collect::<Vec<_>>()});
    let results: Vec<Value> = outcome.response.replica_election_results.iter().map(topic).collect();
    let response =
        json!({"throttleTimeMs": 0, "errorCode": outcome.response.error_code, "replicaElectionResults": results});
    Ok(Outcome { records: outcome.records, response })
}

pub(crate) fn delete_topics(start: &mut Start, entry: &Value) -> Outcome<Value> {
    let asked = entry["input"]["ids"].as_array().expect("ids");
    let ids: Vec<_> = asked.iter().map(|id| start.bindings.ours(text(id))).collect();
    let outcome = start.controller.delete_topics_by_id(&ids);
    let errors = asked.iter().zip(&outcome.response);
    let response = errors.map(|(id, (_, error))| (text(id).to_string(), name_of(*error))).collect();
    Outcome { records: outcome.records, response: Value::Object(response) }
}

fn name_of(error: ErrorCode) -> Value {
    error.name().into()
}

pub(crate) fn heartbeat(start: &mut Start, entry: &Value) -> Result<Outcome<Value>, ApiError> {
    let request = &entry["input"]["request"];
    let request = BrokerHeartbeatRequest::default()
        .with_broker_id(BrokerId(index(&request["brokerId"])))
        .with_broker_epoch(int(&request["brokerEpoch"]))
        .with_current_metadata_offset(int(&request["currentMetadataOffset"]))
        .with_want_fence(request["wantFence"] == true)
        .with_want_shut_down(request["wantShutDown"] == true);
    let outcome = start.controller.process_heartbeat(&request, &mut start.heartbeats, SimTime::ZERO)?;
    let HeartbeatReply { is_caught_up, is_fenced, in_controlled_shutdown, should_shut_down } = outcome.response;
    let reply = format!(
        "BrokerHeartbeatReply(isCaughtUp={is_caught_up}, isFenced={is_fenced}, \
         inControlledShutdown={in_controlled_shutdown}, shouldShutDown = {should_shut_down})"
    );
    Ok(Outcome { records: outcome.records, response: reply.into() })
}
