//! Groups, records and answers in the JSON of the entries.

use kafka_terrarium::broker::group::{ClassicGroup, GroupResponse};
use kafka_terrarium::cluster::uuid_text;
use kafka_terrarium::wire::messages::offset_fetch_response::OffsetFetchResponseGroup;
use kafka_terrarium::wire::messages::{
    JoinGroupResponse, LeaveGroupResponse, OffsetCommitResponse, OffsetDeleteResponse,
};
use kafka_terrarium::wire::{ErrorCode, GroupRecord, StrBytes};
use serde_json::{Map, Value, json};

/// A text as JSON.
pub(super) fn text(text: Option<&StrBytes>) -> Value {
    text.map(|text| text.as_str()).into()
}

fn error(code: i16) -> Value {
    ErrorCode(code).name().into()
}

/// A record's key and value; every field of the value.
pub(super) fn record(record: &GroupRecord) -> (Value, Value) {
    match record {
        GroupRecord::OffsetCommit(key, value) => {
            let key = json!({"group": &*key.group, "topic": &*key.topic, "partition": key.partition});
            let value = value.as_ref().map(|value| {
                json!({
                    "offset": value.offset, "leaderEpoch": value.leader_epoch, "metadata": &*value.metadata,
                    "commitTimestamp": value.commit_timestamp, "expireTimestamp": value.expire_timestamp,
                    "topicId": uuid_text(value.topic_id),
                })
            });
            (key, value.unwrap_or_default())
        }
        GroupRecord::GroupMetadata(key, value) => {
            let value = value.as_ref().map(|value| {
                let members = value.members.iter().map(|member| {
                    json!({
                        "memberId": &*member.member_id, "groupInstanceId": text(member.group_instance_id.as_ref()),
                        "clientId": &*member.client_id, "clientHost": &*member.client_host,
                        "rebalanceTimeout": member.rebalance_timeout, "sessionTimeout": member.session_timeout,
                        "subscription": base64(&member.subscription), "assignment": base64(&member.assignment),
                    })
                });
                json!({
                    "protocolType": &*value.protocol_type, "generation": value.generation,
                    "protocol": text(value.protocol.as_ref()), "leader": text(value.leader.as_ref()),
                    "currentStateTimestamp": value.current_state_timestamp, "members": members.collect::<Vec<_>>(),
                })
            });
            (json!({"group": &*key.group}), value.unwrap_or_default())
        }
    }
}

/// Whether every field that Kafka's JSON has is ours.
pub(super) fn covers(what: &str, ours: &Value, kafkas: &Value) -> Result<(), String> {
    match (ours, kafkas) {
        (Value::Object(_), Value::Object(fields)) => {
            fields.iter().try_for_each(|(name, value)| covers(&format!("{what}.{name}"), &ours[name], value))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            (0..a.len()).try_for_each(|at| covers(&format!("{what}[{at}]"), &a[at], &b[at]))
        }
        _ if ours == kafkas => Ok(()),
        _ => Err(format!("{what} is {ours}, Kafka's {kafkas}")),
    }
}

/// A group's state; null for none.
pub(super) fn group(group: Option<&ClassicGroup>) -> Value {
    let Some(group) = group else { return Value::Null };
    let members = group.members().map(|member| {
        let protocols = member.protocols().iter().map(|protocol| protocol.name.as_str());
        let assignment: String = member.assignment().iter().map(|byte| format!("{byte:02x}")).collect();
        let member_json = json!({
            "instance_id": text(member.group_instance_id()), "session_timeout_ms": member.session_timeout_ms(),
            "rebalance_timeout_ms": member.rebalance_timeout_ms(), "awaiting_join": member.is_awaiting_join(),
            "awaiting_sync": member.is_awaiting_sync(), "is_new": member.is_new(),
            "protocols": protocols.collect::<Vec<_>>(), "assignment_hex": assignment,
        });
        (member.member_id().to_string(), member_json)
    });
    let static_members =
        group.static_members().map(|(instance, member)| (instance.to_string(), member.as_str().into()));
    json!({
        "type": "classic", "state": group.state().name(), "generation": group.generation(),
        "protocol_name": text(group.protocol_name()), "protocol_type": text(group.protocol_type()),
        "leader": text(group.leader()),
        "pending_join_members": group.pending_members().map(|member| member.as_str()).collect::<Vec<_>>(),
        "pending_sync_members": group.pending_sync_members().map(|member| member.as_str()).collect::<Vec<_>>(),
        "static_members": static_members.collect::<Map<String, Value>>(),
        "members": members.collect::<Map<String, Value>>(),
    })
}

/// An answer.
pub(super) fn response(response: &GroupResponse) -> Value {
    match response {
        GroupResponse::Join(r) => join(r),
        GroupResponse::Sync(r) => json!({
            "error": error(r.error_code), "protocolType": text(r.protocol_type.as_ref()),
            "protocolName": text(r.protocol_name.as_ref()), "assignment": base64(&r.assignment),
        }),
        GroupResponse::Heartbeat(r) => json!({"error": error(r.error_code)}),
        GroupResponse::Leave(r) => leave(r),
        GroupResponse::OffsetCommit(r) => offset_commit(r),
        GroupResponse::OffsetFetch(r) => offset_fetch(r),
        GroupResponse::OffsetDelete(r) => offset_delete(r),
        GroupResponse::DeleteGroups(_) => panic!("no entry deletes groups"),
    }
}

/// Where Kafka's test saw an answer before it was fitted to its version, an empty protocol name is none.
fn join(r: &JoinGroupResponse) -> Value {
    let mut members: Vec<Value> = Vec::new();
    for member in &r.members {
        members.push(json!({
            "memberId": &*member.member_id, "groupInstanceId": text(member.group_instance_id.as_ref()),
            "metadata": base64(&member.metadata),
        }));
    }
    json!({
        "error": error(r.error_code), "generationId": r.generation_id, "protocolType": text(r.protocol_type.as_ref()),
        "protocolName": text(r.protocol_name.as_ref().filter(|name| !name.is_empty())), "leader": &*r.leader,
        "skipAssignment": r.skip_assignment, "memberId": &*r.member_id, "members": members,
    })
}

fn leave(r: &LeaveGroupResponse) -> Value {
    let members = r.members.iter().map(|member| {
        json!({
            "memberId": &*member.member_id, "groupInstanceId": text(member.group_instance_id.as_ref()),
            "error": error(member.error_code),
        })
    });
    json!({"error": error(r.error_code), "members": members.collect::<Vec<_>>()})
}

fn offset_commit(r: &OffsetCommitResponse) -> Value {
    let topics = r.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(
            |partition| json!({"partitionIndex": partition.partition_index, "error": error(partition.error_code)}),
        );
        json!({"name": &**topic.name, "partitions": partitions.collect::<Vec<_>>()})
    });
    json!({"topics": topics.collect::<Vec<_>>()})
}

fn offset_delete(r: &OffsetDeleteResponse) -> Value {
    let topics = r.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(
            |partition| json!({"partitionIndex": partition.partition_index, "error": error(partition.error_code)}),
        );
        json!({"name": &**topic.name, "partitions": partitions.collect::<Vec<_>>()})
    });
    json!({"error": error(r.error_code), "topics": topics.collect::<Vec<_>>()})
}

fn offset_fetch(r: &OffsetFetchResponseGroup) -> Value {
    let topics = r.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            json!({
                "partitionIndex": partition.partition_index, "committedOffset": partition.committed_offset,
                "committedLeaderEpoch": partition.committed_leader_epoch, "metadata": text(partition.metadata.as_ref()),
                "error": error(partition.error_code),
            })
        });
        json!({"name": &**topic.name, "partitions": partitions.collect::<Vec<_>>()})
    });
    json!({"groupId": &**r.group_id, "topics": topics.collect::<Vec<_>>(), "error": error(r.error_code)})
}

/// Bytes in the entries' base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    crate::wire::base64(bytes)
}

/// The bytes of a base64 text.
pub(crate) fn bytes(value: &Value) -> bytes::Bytes {
    let mut bits = 0u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for digit in crate::text(value).bytes().filter(|digit| *digit != b'=') {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes.into()
}
