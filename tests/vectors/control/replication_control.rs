//! `kraft_controller_replication_control`: the operations of Kafka's `ReplicationControlManagerTest`, from the whole
//! cluster's state to response and records.

use super::records::to_json;
use super::requests;
use super::state::{SESSION, Start, records};
use super::{Bindings, MockRandom, partition_change};
use crate::{int, same, text};
use kafka_terrarium::base::SimTime;
use kafka_terrarium::cluster::{ApiError, ControllerRandom, Outcome, uuid_text};
use kafka_terrarium::wire::VersionedRecord;
use kafka_terrarium::wire::messages::{CreatePartitionsResponse, CreateTopicsResponse};
use serde_json::{Value, json};
use uuid::Uuid;

/// The state of the random generator at the start of each of Kafka's tests.
const RANDOM_AT_START: i64 = 17;

/// An entry does not say how far the generator had come: at most so many draws.
const MOST_DRAWS: usize = 100;

impl ControllerRandom for MockRandom {
    fn topic_id(&mut self) -> Uuid {
        Uuid::from_u128(0xABCD << 64 | u128::from(self.0 as u64))
    }
}

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let op = text(&entry["input"]["op"]);
    match op {
        "partition_change" => partition_change::check(entry),
        "createTopics" | "createPartitions" => placing(entry),
        _ => {
            let mut start = Start::new(entry);
            let result = match op {
                "alterPartition" => requests::alter_partition(&start, entry),
                "alterPartitionReassignments" => Ok(requests::reassign(&start, entry)),
                "electLeaders" => requests::elect_leaders(&start, entry),
                "deleteTopics" => Ok(requests::delete_topics(&mut start, entry)),
                "processBrokerHeartbeat" => requests::heartbeat(&mut start, entry),
                "maybeFenceOneStaleBroker" => Ok(fence(&mut start, entry)),
                "maybeElectUncleanLeaders" => Ok(to_value(start.controller.maybe_elect_unclean_leaders())),
                "maybeBalancePartitionLeaders" => Ok(to_value(start.controller.maybe_balance_partition_leaders())),
                _ => return Err(format!("no such operation: {op}")),
            };
            compare(entry, result, &mut start.bindings)
        }
    }
}

fn to_value(outcome: Outcome<bool>) -> Outcome<Value> {
    Outcome { records: outcome.records, response: outcome.response.into() }
}

fn compare(entry: &Value, result: Result<Outcome<Value>, ApiError>, bindings: &mut Bindings) -> Result<(), String> {
    match result {
        Ok(outcome) => {
            bindings.same("response", &outcome.response, &entry["expected"]["response"])?;
            same_records(entry, &outcome.records, bindings)
        }
        Err(refused) => {
            same("error", refused.error.name(), text(&entry["expected"]["error"]))?;
            same("message", refused.message.as_deref(), entry["expected"]["message"].as_str())
        }
    }
}

fn same_records(entry: &Value, ours: &[VersionedRecord], bindings: &mut Bindings) -> Result<(), String> {
    let kafkas = records(entry);
    same("count of records", ours.len(), kafkas.len())?;
    for (ours, kafkas) in ours.iter().zip(kafkas) {
        same("record", ours.record.name(), text(&kafkas["type"]))?;
        bindings.same(ours.record.name(), &to_json(&ours.record), &kafkas["record"])?;
    }
    Ok(())
}

/// Operations that place replicas: right when they are right after some number of draws.
fn placing(entry: &Value) -> Result<(), String> {
    let mut random = MockRandom(RANDOM_AT_START);
    let mut first = None;
    for _ in 0..MOST_DRAWS {
        let mut start = Start::new(entry);
        let mut random_here = MockRandom(random.0);
        let result = if entry["input"]["op"] == "createTopics" {
            let request = requests::create_topics(entry);
            let outcome = start.controller.create_topics(&request, &mut random_here);
            let response = create_topics_response(&outcome.response);
            Outcome { records: outcome.records, response }
        } else {
            let request = requests::create_partitions(entry);
            let outcome = start.controller.create_partitions(&request, &mut random_here);
            let response = create_partitions_response(&outcome.response);
            Outcome { records: outcome.records, response }
        };
        match compare(entry, Ok(result), &mut start.bindings) {
            Ok(()) => return Ok(()),
            Err(why) => first.get_or_insert(why),
        };
        random.next();
    }
    Err(first.expect("one try at least"))
}

/// The response in Kafka's JSON; of the configs, those that the test's controller had definitions of.
fn create_topics_response(response: &CreateTopicsResponse) -> Value {
    let known = ["min.insync.replicas", "unclean.leader.election.enable"];
    let topic = |t: &kafka_terrarium::wire::messages::create_topics_response::CreatableTopicResult| {
        let configs = t.configs.iter().flatten().filter(|config| known.contains(&&*config.name));
        let config = |c: &kafka_terrarium::wire::messages::create_topics_response::CreatableTopicConfigs| {
            json!({
                "name": &*c.name, "value": c.value.as_deref(), "readOnly": c.read_only,
                "configSource": c.config_source, "isSensitive": c.is_sensitive,
            })
        };
        json!({
            "name": &**t.name, "topicId": uuid_text(t.topic_id), "errorCode": t.error_code,
            "errorMessage": t.error_message.as_deref(), "numPartitions": t.num_partitions,
            "replicationFactor": t.replication_factor, "configs": configs.map(config).collect::<Vec<_>>(),
        })
    };
    let topics: Vec<Value> = response.topics.iter().map(topic).collect();
    json!({"throttleTimeMs": response.throttle_time_ms, "topics": topics})
}

fn create_partitions_response(response: &CreatePartitionsResponse) -> Value {
    let result = |r: &kafka_terrarium::wire::messages::create_partitions_response::CreatePartitionsTopicResult| json!({"name": &**r.name, "errorCode": r.error_code, "errorMessage": r.error_message.as_deref()});
    response.results.iter().map(result).collect()
}

/// Who is stale is in the answer only.
fn fence(start: &mut Start, entry: &Value) -> Outcome<Value> {
    let fenced = records(entry).iter().find(|record| record["record"]["fenced"] == 1);
    let now = SimTime::ZERO + SESSION * 2;
    if let Some(stale) = fenced.map(|record| int(&record["record"]["brokerId"]) as i32) {
        let epoch = start.controller.brokers().registration(stale).expect("it is registered").epoch;
        start.heartbeats.touch(stale, epoch, false, 0, SimTime::ZERO);
    }
    let outcome = start.controller.maybe_fence_stale_broker(&mut start.heartbeats, now);
    Outcome { records: outcome.records, response: Value::Null }
}
