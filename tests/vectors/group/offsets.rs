//! `offset_management`: OffsetCommit, OffsetFetch and OffsetDelete on a group and offsets that are given.

use super::json;
use super::lab::{Lab, START_MS, context, empty_group};
use crate::{int, text};
use kafka_terrarium::broker::group::{GroupConfig, GroupResponse};
use kafka_terrarium::wire::group_records::*;
use kafka_terrarium::wire::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_terrarium::wire::messages::offset_commit_request::*;
use kafka_terrarium::wire::messages::offset_delete_request::*;
use kafka_terrarium::wire::messages::offset_fetch_request::*;
use kafka_terrarium::wire::messages::*;
use kafka_terrarium::wire::{GroupRecord, StrBytes};
use serde_json::{Value, json};

/// The request that is checked; others come before it.
const CHECKED: u64 = 1_000;

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let (input, expected) = (&entry["input"], &entry["expected"]);
    let mut lab = start(input);
    let context = context(CHECKED, &input["api_version"], "client");
    match text(&input["op"]) {
        "offset_commit" => {
            let request = commit(&input["request"]).with_retention_time_ms(retention_ms(expected));
            lab.turn(Some(CHECKED), |shard, turn| shard.commit_offsets(turn, &context, &request));
        }
        "offset_delete" => {
            let request = delete(&input["request"]);
            lab.turn(Some(CHECKED), |shard, turn| shard.delete_offsets(turn, &context, &request));
        }
        "offset_fetch" | "offset_fetch_all" => {
            let all = input["op"] == "offset_fetch_all";
            let request = fetch(&input["request"], all);
            if input["require_stable"] == true {
                lab.turn(Some(CHECKED), |shard, turn| shard.fetch_stable_offsets(turn, &context, &request));
            } else {
                let answer = GroupResponse::OffsetFetch(lab.shard.fetch_offsets(&request));
                lab.answers.insert(CHECKED, answer);
            }
        }
        other => return Err(format!("no such operation: {other}")),
    }
    same_records(&lab, &expected["log_records"])?;
    lab.commit_all();
    let answer = json::response(lab.answers.get(&CHECKED).ok_or("not answered")?);
    match &expected["response"] {
        Value::Null => refused(&answer, &expected["error"]),
        response => json::covers("answer", &answer, response),
    }
}

/// The retention time of a request, which the entry shows in the records alone.
fn retention_ms(expected: &Value) -> i64 {
    let value = &expected["log_records"][0]["value"];
    value["expireTimestamp"].as_i64().map_or(-1, |expires_ms| expires_ms - int(&value["commitTimestamp"]))
}

/// What the coordinator throws is the error of the answer, or of every partition in it.
fn refused(answer: &Value, error: &Value) -> Result<(), String> {
    if answer.get("error").is_some() {
        return json::covers("error", &answer["error"], error);
    }
    let topics = answer["topics"].as_array().into_iter().flatten();
    let mut partitions = topics.flat_map(|topic| topic["partitions"].as_array().into_iter().flatten());
    partitions.try_for_each(|partition| json::covers("error", &partition["error"], error))
}

/// The records of the request; when it was sent is the test's own affair.
fn same_records(lab: &Lab, expected: &Value) -> Result<(), String> {
    let ours = lab.appended(CHECKED);
    let kafkas = expected.as_array().map_or(&[][..], Vec::as_slice);
    crate::same("number of records", ours.len(), kafkas.len())?;
    for ((key, value), expected) in ours.iter().zip(kafkas) {
        json::covers("key", key, &expected["key"])?;
        let mut kafkas = expected["value"].clone();
        if let Some(committed_ms) = kafkas["commitTimestamp"].as_i64() {
            if let Some(expires_ms) = kafkas["expireTimestamp"].as_i64() {
                kafkas["expireTimestamp"] = json!(expires_ms - committed_ms + START_MS);
            }
            kafkas["commitTimestamp"] = json!(START_MS);
        }
        json::covers("value", value, &kafkas)?;
    }
    Ok(())
}

/// A shard with the group and the offsets of the entry.
fn start(input: &Value) -> Lab {
    let (group_id, state) = (&input["request"]["groupId"], &input["group_state"]);
    let mut records = Vec::new();
    match text_or(&state["state"], "") {
        "" => {}
        "Empty" => records.push(empty_group(group_id)),
        // One generation before, all members joined: then it is where the entry has it.
        "CompletingRebalance" => records.push(group(group_id, state, int(&state["generation"]) as i32 - 1)),
        _ => records.push(group(group_id, state, int(&state["generation"]) as i32)),
    }
    for (topic, partitions) in input["offsets_before"]["committed"].as_object().into_iter().flatten() {
        for (partition, offset) in partitions.as_object().into_iter().flatten() {
            records.push(committed(group_id, topic, partition.parse().expect("a partition"), offset));
        }
    }
    let mut lab = Lab::new(GroupConfig::default(), &records);
    if state["state"] == "CompletingRebalance" {
        complete_join(&mut lab, group_id, state);
    }
    lab
}

fn text_or<'a>(value: &'a Value, other: &'a str) -> &'a str {
    value.as_str().unwrap_or(other)
}

fn str_bytes(value: &Value) -> StrBytes {
    StrBytes::from_string(text(value).to_string())
}

fn optional(value: &Value) -> Option<StrBytes> {
    (!value.is_null()).then(|| str_bytes(value))
}

fn group(group_id: &Value, state: &Value, generation: i32) -> GroupRecord {
    let members = state["members"].as_object().into_iter().flatten().map(|(id, member)| MemberMetadata {
        member_id: StrBytes::from_string(id.clone()),
        group_instance_id: optional(&member["instance_id"]),
        rebalance_timeout: int(&member["rebalance_timeout_ms"]) as i32,
        session_timeout: int(&member["session_timeout_ms"]) as i32,
        subscription: subscription(&[]),
        ..Default::default()
    });
    let value = GroupMetadataValue {
        protocol_type: optional(&state["protocol_type"]).unwrap_or_default(),
        generation,
        protocol: optional(&state["protocol_name"]),
        leader: optional(&state["leader"]),
        current_state_timestamp: START_MS,
        members: members.collect(),
    };
    GroupRecord::GroupMetadata(GroupMetadataKey { group: str_bytes(group_id) }, Some(value))
}

fn committed(group_id: &Value, topic: &str, partition: i32, offset: &Value) -> GroupRecord {
    let topic = StrBytes::from_string(topic.to_string());
    let value = OffsetCommitValue {
        offset: int(&offset["offset"]),
        leader_epoch: int(&offset["leader_epoch"]) as i32,
        metadata: str_bytes(&offset["metadata"]),
        commit_timestamp: START_MS,
        expire_timestamp: int(&offset["expire_timestamp_ms"]),
        ..Default::default()
    };
    GroupRecord::OffsetCommit(OffsetCommitKey { group: str_bytes(group_id), topic, partition }, Some(value))
}

/// A consumer's subscription.
fn subscription(topics: &[&str]) -> bytes::Bytes {
    let mut bytes = vec![0, 0];
    bytes.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        bytes.extend((topic.len() as i16).to_be_bytes());
        bytes.extend(topic.bytes());
    }
    bytes.extend((-1i32).to_be_bytes());
    bytes.into()
}

/// The leader of a group with one member joins again, which opens the next generation.
fn complete_join(lab: &mut Lab, group_id: &Value, state: &Value) {
    let (id, member) = state["members"].as_object().and_then(|members| members.iter().next()).expect("one member");
    let protocol = JoinGroupRequestProtocol::default().with_name(str_bytes(&state["protocol_name"]));
    let request = JoinGroupRequest::default()
        .with_group_id(GroupId(str_bytes(group_id)))
        .with_member_id(StrBytes::from_string(id.clone()))
        .with_group_instance_id(optional(&member["instance_id"]))
        .with_session_timeout_ms(int(&member["session_timeout_ms"]).max(6_000) as i32)
        .with_rebalance_timeout_ms(int(&member["rebalance_timeout_ms"]) as i32)
        .with_protocol_type(str_bytes(&state["protocol_type"]))
        .with_protocols(vec![protocol.with_metadata(subscription(&[]))]);
    let context = context(1, &json!(9), "client");
    lab.turn(Some(1), |shard, turn| shard.join_group(turn, &context, &request));
}

fn commit(request: &Value) -> OffsetCommitRequest {
    let partition = |partition: &Value| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(int(&partition["partitionIndex"]) as i32)
            .with_committed_offset(int(&partition["committedOffset"]))
            .with_committed_leader_epoch(int(&partition["committedLeaderEpoch"]) as i32)
            .with_committed_metadata(optional(&partition["committedMetadata"]))
    };
    let topic = |topic: &Value| {
        OffsetCommitRequestTopic::default()
            .with_name(TopicName(str_bytes(&topic["name"])))
            .with_partitions(list(&topic["partitions"], partition))
    };
    OffsetCommitRequest::default()
        .with_group_id(GroupId(str_bytes(&request["groupId"])))
        .with_generation_id_or_member_epoch(int(&request["generationIdOrMemberEpoch"]) as i32)
        .with_member_id(str_bytes(&request["memberId"]))
        .with_group_instance_id(optional(&request["groupInstanceId"]))
        .with_topics(list(&request["topics"], topic))
}

fn delete(request: &Value) -> OffsetDeleteRequest {
    let partition = |partition: &Value| {
        OffsetDeleteRequestPartition::default().with_partition_index(int(&partition["partitionIndex"]) as i32)
    };
    let topic = |topic: &Value| {
        OffsetDeleteRequestTopic::default()
            .with_name(TopicName(str_bytes(&topic["name"])))
            .with_partitions(list(&topic["partitions"], partition))
    };
    OffsetDeleteRequest::default()
        .with_group_id(GroupId(str_bytes(&request["groupId"])))
        .with_topics(list(&request["topics"], topic))
}

fn fetch(request: &Value, all: bool) -> OffsetFetchRequestGroup {
    let topic = |topic: &Value| {
        OffsetFetchRequestTopics::default()
            .with_name(TopicName(str_bytes(&topic["name"])))
            .with_partition_indexes(list(&topic["partitionIndexes"], |index| int(index) as i32))
    };
    OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(str_bytes(&request["groupId"])))
        .with_topics((!all).then(|| list(&request["topics"], topic)))
}

fn list<T>(value: &Value, read: impl FnMut(&Value) -> T) -> Vec<T> {
    value.as_array().map_or(Vec::new(), |list| list.iter().map(read).collect())
}
