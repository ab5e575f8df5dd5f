//! Raft's messages as the recording writes them.

use crate::{int, text};
use bytes::Bytes;
use kafka_terrarium::quorum::METADATA_TOPIC_ID;
use kafka_terrarium::wire::messages::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, EndQuorumEpochRequest, EndQuorumEpochResponse, FetchRequest,
    FetchResponse, VoteRequest, VoteResponse,
};
use kafka_terrarium::wire::messages::{
    begin_quorum_epoch_request as begin_request, begin_quorum_epoch_response as begin_response,
    end_quorum_epoch_request as end_request, end_quorum_epoch_response as end_response, fetch_request, fetch_response,
    vote_request, vote_response,
};
use kafka_terrarium::wire::{ApiKey, BrokerId, RequestKind, ResponseKind, StrBytes, TopicName};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// An id as Kafka writes it, or the symbol that stands for one.
pub(super) fn uuid(value: &Value) -> Uuid {
    let written = text(value);
    if let Some(symbol) = written.strip_prefix("$U") {
        return Uuid::from_u128(0x1000 + symbol.parse::<u128>().expect("a numbered symbol"));
    }
    let digit = |c: char| match c {
        'A'..='Z' => c as u128 - 'A' as u128,
        'a'..='z' => c as u128 - 'a' as u128 + 26,
        '0'..='9' => c as u128 - '0' as u128 + 52,
        '-' => 62,
        _ => 63,
    };
    // 22 digits of six bits, the last four bits of which are empty.
    let all: Vec<u128> = written.chars().map(digit).collect();
    let (last, first) = all.split_last().expect("an id is not empty");
    Uuid::from_u128((first.iter().fold(0, |bits, digit| (bits << 6) | digit) << 2) | (last >> 4))
}

fn name(value: &Value) -> TopicName {
    TopicName(StrBytes::from_string(text(value).to_owned()))
}

fn id(value: &Value) -> BrokerId {
    BrokerId(value.as_i64().unwrap_or(-1) as i32)
}

fn number(value: &Value) -> i32 {
    int(value) as i32
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn cluster(request: &Value) -> Option<StrBytes> {
    request["clusterId"].as_str().map(|id| StrBytes::from_string(id.to_owned()))
}

/// The entry's request at the version that its fields and its answer show.
pub(super) fn request(entry: &Value) -> (i16, RequestKind) {
    let json = &entry["input"]["request"];
    let has_nodes = entry["expected"]["response"].get("nodeEndpoints").is_some();
    let version = i16::from(has_nodes);
    match text(&entry["input"]["op"]) {
        "vote_request" => (version, RequestKind::Vote(vote(json))),
        "begin_quorum_epoch_request" => (version, RequestKind::BeginQuorumEpoch(begin(json))),
        "end_quorum_epoch_request" => (version, RequestKind::EndQuorumEpoch(end(json))),
        "fetch_request" => {
            let version = if has_nodes {
                17
            } else if json.get("replicaId").is_some() {
                14
            } else {
                16
            };
            (version, RequestKind::Fetch(fetch(json)))
        }
        other => panic!("{other} is no request of Raft"),
    }
}

fn vote(json: &Value) -> VoteRequest {
    let partition = |p: &Value| {
        vote_request::PartitionData::default()
            .with_partition_index(number(&p["partitionIndex"]))
            .with_replica_epoch(number(p.get("replicaEpoch").unwrap_or(&p["candidateEpoch"])))
            .with_replica_id(id(p.get("replicaId").unwrap_or(&p["candidateId"])))
            .with_replica_directory_id(uuid(p.get("replicaDirectoryId").unwrap_or(&p["candidateDirectoryId"])))
            .with_voter_directory_id(uuid(&p["voterDirectoryId"]))
            .with_last_offset_epoch(number(&p["lastOffsetEpoch"]))
            .with_last_offset(int(&p["lastOffset"]))
            .with_pre_vote(p["preVote"] == true)
    };
    let topic = |t: &Value| {
        vote_request::TopicData::default()
            .with_topic_name(name(&t["topicName"]))
            .with_partitions(list(t, "partitions").map(partition).collect())
    };
    VoteRequest::default()
        .with_cluster_id(cluster(json))
        .with_voter_id(id(&json["voterId"]))
        .with_topics(list(json, "topics").map(topic).collect())
}

fn begin(json: &Value) -> BeginQuorumEpochRequest {
    let partition = |p: &Value| {
        begin_request::PartitionData::default()
            .with_partition_index(number(&p["partitionIndex"]))
            .with_voter_directory_id(uuid(&p["voterDirectoryId"]))
            .with_leader_id(id(&p["leaderId"]))
            .with_leader_epoch(number(&p["leaderEpoch"]))
    };
    let topic = |t: &Value| {
        begin_request::TopicData::default()
            .with_topic_name(name(&t["topicName"]))
            .with_partitions(list(t, "partitions").map(partition).collect())
    };
    BeginQuorumEpochRequest::default()
        .with_cluster_id(cluster(json))
        .with_voter_id(id(&json["voterId"]))
        .with_topics(list(json, "topics").map(topic).collect())
}

fn end(json: &Value) -> EndQuorumEpochRequest {
    let candidate = |c: &Value| {
        end_request::ReplicaInfo::default()
            .with_candidate_id(id(&c["candidateId"]))
            .with_candidate_directory_id(uuid(&c["candidateDirectoryId"]))
    };
    let partition = |p: &Value| {
        end_request::PartitionData::default()
            .with_partition_index(number(&p["partitionIndex"]))
            .with_leader_id(id(&p["leaderId"]))
            .with_leader_epoch(number(&p["leaderEpoch"]))
            .with_preferred_successors(list(p, "preferredSuccessors").map(number).collect())
            .with_preferred_candidates(list(p, "preferredCandidates").map(candidate).collect())
    };
    let topic = |t: &Value| {
        end_request::TopicData::default()
            .with_topic_name(name(&t["topicName"]))
            .with_partitions(list(t, "partitions").map(partition).collect())
    };
    EndQuorumEpochRequest::default()
        .with_cluster_id(cluster(json))
        .with_topics(list(json, "topics").map(topic).collect())
}

fn fetch(json: &Value) -> FetchRequest {
    let partition = |p: &Value| {
        let asked = fetch_request::FetchPartition::default()
            .with_partition(number(&p["partition"]))
            .with_current_leader_epoch(number(&p["currentLeaderEpoch"]))
            .with_fetch_offset(int(&p["fetchOffset"]))
            .with_last_fetched_epoch(number(&p["lastFetchedEpoch"]));
        match p.get("replicaDirectoryId") {
            Some(directory) => asked.with_replica_directory_id(uuid(directory)),
            None => asked,
        }
    };
    let topic = |t: &Value| {
        fetch_request::FetchTopic::default()
            .with_topic_id(uuid(&t["topicId"]))
            .with_partitions(list(t, "partitions").map(partition).collect())
    };
    let replica = fetch_request::ReplicaState::default().with_replica_id(id(&json["replicaState"]["replicaId"]));
    FetchRequest::default()
        .with_cluster_id(cluster(json))
        .with_replica_id(id(&json["replicaId"]))
        .with_replica_state(replica)
        .with_max_wait_ms(number(&json["maxWaitMs"]))
        .with_topics(list(json, "topics").map(topic).collect())
}

/// The fetch of a voter, to show the leader how far it is.
pub(super) fn fetch_by(replica: i32, epoch: i32, offset: i64, last_epoch: i32) -> RequestKind {
    let partition = fetch_request::FetchPartition::default()
        .with_current_leader_epoch(epoch)
        .with_fetch_offset(offset)
        .with_last_fetched_epoch(last_epoch);
    let topic = fetch_request::FetchTopic::default().with_topic_id(METADATA_TOPIC_ID).with_partitions(vec![partition]);
    let replica = fetch_request::ReplicaState::default().with_replica_id(BrokerId(replica));
    RequestKind::Fetch(FetchRequest::default().with_replica_state(replica).with_topics(vec![topic]))
}

/// A leader's answer to a fetch, without records.
pub(super) fn fetch_answer(leader: i64, epoch: i64, high_watermark: i64) -> ResponseKind {
    let current = fetch_response::LeaderIdAndEpoch::default()
        .with_leader_id(BrokerId(leader as i32))
        .with_leader_epoch(epoch as i32);
    let partition =
        fetch_response::PartitionData::default().with_high_watermark(high_watermark).with_current_leader(current);
    let topic = fetch_response::FetchableTopicResponse::default()
        .with_topic_id(METADATA_TOPIC_ID)
        .with_partitions(vec![partition]);
    ResponseKind::Fetch(FetchResponse::default().with_responses(vec![topic]))
}

/// A vote for whoever asks in `epoch`.
pub(super) fn granted_vote(topic: &TopicName, epoch: i32) -> ResponseKind {
    let partition = vote_response::PartitionData::default()
        .with_leader_id(BrokerId(-1))
        .with_leader_epoch(epoch)
        .with_vote_granted(true);
    let topic = vote_response::TopicData::default().with_topic_name(topic.clone()).with_partitions(vec![partition]);
    ResponseKind::Vote(VoteResponse::default().with_topics(vec![topic]))
}

pub(super) fn api_of(request: &RequestKind) -> ApiKey {
    match request {
        RequestKind::Vote(_) => ApiKey::Vote,
        RequestKind::BeginQuorumEpoch(_) => ApiKey::BeginQuorumEpoch,
        RequestKind::EndQuorumEpoch(_) => ApiKey::EndQuorumEpoch,
        RequestKind::Fetch(_) => ApiKey::Fetch,
        other => panic!("{other:?} is not expected here"),
    }
}

/// The entry's answer, with the API that it belongs to.
pub(super) fn answer(entry: &Value) -> (ApiKey, ResponseKind) {
    let json = &entry["input"]["response"];
    let error = int(&json["errorCode"]) as i16;
    macro_rules! election_answer {
        ($module:ident, $response:ident, $partition:expr) => {{
            let partition: fn(&Value) -> $module::PartitionData = $partition;
            let topic = |t: &Value| {
                $module::TopicData::default()
                    .with_topic_name(name(&t["topicName"]))
                    .with_partitions(list(t, "partitions").map(partition).collect())
            };
            let topics = list(json, "topics").map(topic).collect();
            (ApiKey::$response, $response::default().with_error_code(error).with_topics(topics))
        }};
    }
    type Vote = VoteResponse;
    type BeginQuorumEpoch = BeginQuorumEpochResponse;
    type EndQuorumEpoch = EndQuorumEpochResponse;
    match text(&entry["input"]["op"]) {
        "vote_response" => {
            let (api, body) = election_answer!(vote_response, Vote, |p| {
                vote_response::PartitionData::default()
                    .with_error_code(int(&p["errorCode"]) as i16)
                    .with_leader_id(id(&p["leaderId"]))
                    .with_leader_epoch(number(&p["leaderEpoch"]))
                    .with_vote_granted(p["voteGranted"] == true)
            });
            (api, ResponseKind::Vote(body))
        }
        "begin_quorum_epoch_response" => {
            let (api, body) = election_answer!(begin_response, BeginQuorumEpoch, |p| {
                begin_response::PartitionData::default()
                    .with_error_code(int(&p["errorCode"]) as i16)
                    .with_leader_id(id(&p["leaderId"]))
                    .with_leader_epoch(number(&p["leaderEpoch"]))
            });
            (api, ResponseKind::BeginQuorumEpoch(body))
        }
        "end_quorum_epoch_response" => {
            let (api, body) = election_answer!(end_response, EndQuorumEpoch, |p| {
                end_response::PartitionData::default()
                    .with_error_code(int(&p["errorCode"]) as i16)
                    .with_leader_id(id(&p["leaderId"]))
                    .with_leader_epoch(number(&p["leaderEpoch"]))
            });
            (api, ResponseKind::EndQuorumEpoch(body))
        }
        "fetch_response" => (ApiKey::Fetch, ResponseKind::Fetch(fetched(entry))),
        other => panic!("{other} is no answer of Raft"),
    }
}

/// A fetch's answer. Its records were not recorded: as many stand in for them as the log grew by.
fn fetched(entry: &Value) -> FetchResponse {
    let json = &entry["input"]["response"];
    let (before, after) = (&entry["input"]["state_before"], &entry["expected"]["state_after"]);
    let partition = |p: &Value| {
        let leader = fetch_response::LeaderIdAndEpoch::default()
            .with_leader_id(id(&p["currentLeader"]["leaderId"]))
            .with_leader_epoch(p["currentLeader"]["leaderEpoch"].as_i64().unwrap_or(-1) as i32);
        let diverging = &p["divergingEpoch"];
        let diverging = fetch_response::EpochEndOffset::default()
            .with_epoch(diverging["epoch"].as_i64().unwrap_or(-1) as i32)
            .with_end_offset(diverging["endOffset"].as_i64().unwrap_or(-1));
        let snapshot = &p["snapshotId"];
        let snapshot = fetch_response::SnapshotId::default()
            .with_epoch(snapshot["epoch"].as_i64().unwrap_or(-1) as i32)
            .with_end_offset(snapshot["endOffset"].as_i64().unwrap_or(-1));
        let (from, end) = (int(&before["log_end_offset"]), int(&after["log_end_offset"]));
        let records: Bytes = super::stand_in(from, end, number(&after["last_fetched_epoch"]));
        fetch_response::PartitionData::default()
            .with_partition_index(number(&p["partitionIndex"]))
            .with_error_code(int(&p["errorCode"]) as i16)
            .with_high_watermark(int(&p["highWatermark"]))
            .with_diverging_epoch(diverging)
            .with_snapshot_id(snapshot)
            .with_current_leader(leader)
            .with_records(Some(records))
    };
    let topic = |t: &Value| {
        fetch_response::FetchableTopicResponse::default()
            .with_topic_id(uuid(&t["topicId"]))
            .with_partitions(list(t, "partitions").map(partition).collect())
    };
    FetchResponse::default()
        .with_error_code(int(&json["errorCode"]) as i16)
        .with_responses(list(json, "responses").map(topic).collect())
}

/// One of our answers as the recording writes it, in the parts that it tells.
pub(super) fn response(body: &ResponseKind) -> Value {
    macro_rules! election_answer {
        ($module:ident, $body:expr, $partition:expr) => {{
            let partition: fn(&$module::PartitionData) -> Value = $partition;
            let topic = |t: &$module::TopicData| {
                let partitions: Vec<Value> = t.partitions.iter().map(partition).collect();
                json!({"topicName": t.topic_name.as_str(), "partitions": partitions})
            };
            let nodes = $body.node_endpoints.iter().map(|n| node(n.node_id, &n.host, i32::from(n.port)));
            answer_of($body.error_code, "topics", $body.topics.iter().map(topic).collect(), nodes.collect())
        }};
    }
    match body {
        ResponseKind::Vote(body) => election_answer!(vote_response, body, |p| json!({
            "partitionIndex": p.partition_index, "errorCode": p.error_code, "leaderId": p.leader_id.0,
            "leaderEpoch": p.leader_epoch, "voteGranted": p.vote_granted,
        })),
        ResponseKind::BeginQuorumEpoch(body) => election_answer!(begin_response, body, |p| json!({
            "partitionIndex": p.partition_index, "errorCode": p.error_code, "leaderId": p.leader_id.0,
            "leaderEpoch": p.leader_epoch,
        })),
        ResponseKind::EndQuorumEpoch(body) => election_answer!(end_response, body, |p| json!({
            "partitionIndex": p.partition_index, "errorCode": p.error_code, "leaderId": p.leader_id.0,
            "leaderEpoch": p.leader_epoch,
        })),
        ResponseKind::Fetch(body) => {
            let topics = body.responses.iter().map(|t| {
                let partitions: Vec<Value> = t.partitions.iter().map(fetched_partition).collect();
                json!({"partitions": partitions})
            });
            let nodes = body.node_endpoints.iter().map(|n| node(n.node_id, &n.host, n.port));
            answer_of(body.error_code, "responses", topics.collect(), nodes.collect())
        }
        other => panic!("{other:?} is not expected here"),
    }
}

fn fetched_partition(p: &fetch_response::PartitionData) -> Value {
    let mut json = json!({
        "partitionIndex": p.partition_index, "errorCode": p.error_code, "highWatermark": p.high_watermark,
        "lastStableOffset": p.last_stable_offset, "logStartOffset": p.log_start_offset,
        "currentLeader": {"leaderId": p.current_leader.leader_id.0, "leaderEpoch": p.current_leader.leader_epoch},
        "preferredReadReplica": p.preferred_read_replica.0,
    });
    if p.diverging_epoch.epoch >= 0 {
        json["divergingEpoch"] = json!({"epoch": p.diverging_epoch.epoch, "endOffset": p.diverging_epoch.end_offset});
    }
    if p.snapshot_id.epoch >= 0 {
        json["snapshotId"] = json!({"epoch": p.snapshot_id.epoch, "endOffset": p.snapshot_id.end_offset});
    }
    json
}

fn node(id: BrokerId, host: &str, port: i32) -> Value {
    json!({"nodeId": id.0, "host": host, "port": port})
}

fn answer_of(error: i16, topics_key: &str, topics: Vec<Value>, nodes: Vec<Value>) -> Value {
    let mut json = json!({"errorCode": error, "nodeEndpoints": nodes});
    json[topics_key] = json!(topics);
    json
}

/// A recorded answer without what [`response`] leaves out: records, sessions and what no version of ours fills.
pub(super) fn comparable(recorded: &Value) -> Value {
    let Value::Object(all) = recorded else { return recorded.clone() };
    let mut kept = Map::new();
    for (key, value) in all {
        let value = match key.as_str() {
            "throttleTimeMs" | "sessionId" | "topicId" | "abortedTransactions" | "records" | "rack" => continue,
            _ => match value {
                Value::Array(items) => Value::Array(items.iter().map(comparable).collect()),
                other => comparable(other),
            },
        };
        kept.insert(key.clone(), value);
    }
    if all.contains_key("topics") || all.contains_key("responses") {
        kept.entry("nodeEndpoints").or_insert(json!([]));
    }
    Value::Object(kept)
}
