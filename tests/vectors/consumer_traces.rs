//! Kafka's consumer coordinator, watched in its own tests: the requests that it sent, what came back, and what its
//! rebalance listener was told, in order.
//!
//! What the application called is not in a trace, so it is guessed from what followed: a commit of offsets is asked for
//! when a trace has one, the consumer is closed when it leaves because it is closed, and the cluster's metadata change
//! when a member joins again because they did. Where a trace ends with an answer that never came, so does the replay.
//! Moments are not compared: the tests turn the clock by hand. Nor is what the tests' own assignor made up.

use crate::client_lab::text;
use crate::group::json;
use crate::lab::{Asked, Lab};
use crate::{Rule, int, same};
use kafka_terrarium::base::TopicPartition;
use kafka_terrarium::client::{Call, ConsumerConfig, Reads, SeekTo};
use kafka_terrarium::machine::Fact;
use kafka_terrarium::wire::consumer_protocol::Subscription;
use kafka_terrarium::wire::messages::join_group_response::JoinGroupResponseMember;
use kafka_terrarium::wire::messages::{
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest, SyncGroupRequest, SyncGroupResponse,
};
use kafka_terrarium::wire::{ErrorCode, RequestKind, ResponseKind};
use serde_json::Value;
use std::collections::VecDeque;

/// How long a step may let pass until the consumer acts: more than a heartbeat's interval, less than a session.
const PATIENCE_MS: u64 = 9_000;

/// How long a consumer that is closed waits for answers at most, and a little more.
const CLOSING_MS: u64 = 31_000;

/// The traces that cannot be followed from outside.
pub(crate) const UNCHECKED: [Rule; 7] = [
    ("the test sets the coordinator's inner state by hand: no member joins first", |entry| {
        let first = steps(entry).iter().find(|step| api(step) != "FIND_COORDINATOR");
        first.is_none_or(|step| step["send"] != "JOIN_GROUP" || step["body"]["memberId"] != "")
    }),
    ("the test calls onJoinPrepare itself, in the middle of a generation", |entry| {
        crate::text(&entry["id"]).contains("JoinPrepare")
    }),
    ("the application subscribes to something else: ours subscribes once", |entry| {
        let joins = || steps(entry).iter().filter(|step| step["send"] == "JOIN_GROUP");
        joins().any(|join| join["body"]["reason"] == "subscription has changed")
            || joins().any(|join| {
                let is_first = join["body"]["reason"] == "";
                let by_metadata = join["body"]["reason"] == "cached metadata has changed";
                !is_first && !by_metadata && topics(join) != topics(joins().next().expect("one of them"))
            })
    }),
    ("the trace has no SyncGroup between a JoinGroup that succeeded and what the listener is told", |entry| {
        steps(entry).windows(2).any(|pair| pair[0]["recv"] == "JOIN_GROUP" && !pair[1]["callback"].is_null())
    }),
    ("the test commits what is not assigned", |entry| {
        let mut assigned = &Value::Null;
        steps(entry).iter().any(|step| {
            if step["callback"] == "on_partitions_assigned" {
                assigned = &step["partitions"];
            }
            step["send"] == "OFFSET_COMMIT" && assigned.as_array().is_none_or(Vec::is_empty)
        })
    }),
    ("the listener of the test throws, and is called again", |entry| {
        let calls = steps(entry).windows(2);
        calls.into_iter().any(|pair| pair.iter().all(|step| step["callback"] == "on_partitions_assigned"))
    }),
    ("the test calls a method that leaves the group for a reason of its own", |entry| {
        let reason = |step: &Value| step["body"]["members"][0]["reason"].as_str().map(str::to_owned);
        let leaves = steps(entry).iter().filter(|step| step["send"] == "LEAVE_GROUP");
        leaves.filter_map(reason).any(|reason| reason.starts_with("test "))
    }),
];

fn steps(entry: &Value) -> &[Value] {
    entry["expected"]["trace"].as_array().map_or(&[], Vec::as_slice)
}

/// The API of a request or its answer, by the entries' names.
fn api(step: &Value) -> &str {
    step["send"].as_str().or(step["recv"].as_str()).unwrap_or_default()
}

/// The topics that a recorded JoinGroup subscribes to.
fn topics(join: &Value) -> Vec<String> {
    subscription(&json::bytes(&join["body"]["protocols"][0]["metadata"])).topics.iter().map(|t| t.to_string()).collect()
}

fn subscription(metadata: &bytes::Bytes) -> Subscription {
    Subscription::decode(metadata).expect("Kafka wrote it")
}

/// A trace that is being followed.
struct Replay<'a> {
    lab: Lab,
    steps: &'a [Value],
    /// The requests that are not answered yet.
    asked: VecDeque<Asked>,
    /// How much of what the consumer told was compared.
    told: usize,
}

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let steps = steps(entry);
    let mut replay = Replay { lab: lab(entry), steps, asked: VecDeque::new(), told: 0 };
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| api(step) != "FIND_COORDINATOR") {
        let more = replay.step(at, step).map_err(|why| format!("step {at}: {why}"))?;
        if !more {
            break;
        }
    }
    Ok(())
}

/// A consumer as the trace's first JoinGroup shows it.
fn lab(entry: &Value) -> Lab {
    let joins: Vec<&Value> = steps(entry).iter().filter(|step| step["send"] == "JOIN_GROUP").collect();
    let first = &joins[0]["body"];
    let mut config = ConsumerConfig { group_id: Some("test-group".into()), ..ConsumerConfig::default() };
    let strategy = match &entry["input"]["rebalance_protocol"] {
        protocol if protocol == "COOPERATIVE" => "CooperativeStickyAssignor",
        _ => "RangeAssignor",
    };
    // It commits by itself where it does so while it is being closed.
    let group_steps: Vec<&Value> = steps(entry).iter().filter(|step| !step["send"].is_null()).collect();
    let commits = |pair: &[&Value]| pair[0]["send"] == "OFFSET_COMMIT" && pair[1]["send"] == "LEAVE_GROUP";
    let auto_commit = group_steps.windows(2).any(commits);
    for (name, value) in [
        ("auto.offset.reset", "earliest".to_owned()),
        ("metadata.max.age.ms", "1000".to_owned()),
        ("enable.auto.commit", auto_commit.to_string()),
        ("auto.commit.interval.ms", "600000".to_owned()),
        ("partition.assignment.strategy", format!("org.apache.kafka.clients.consumer.{strategy}")),
        ("session.timeout.ms", first["sessionTimeoutMs"].to_string()),
        ("heartbeat.interval.ms", "3000".to_owned()),
        ("max.poll.interval.ms", first["rebalanceTimeoutMs"].to_string()),
    ] {
        config.set(name, &value).expect("Kafka takes it");
    }
    if let Some(instance) = first["groupInstanceId"].as_str() {
        config.set("group.instance.id", instance).expect("Kafka takes it");
    }
    let subscribed = topics(joins[0]);
    let changes = joins.iter().any(|join| topics(join) != subscribed);
    let reads =
        if changes || subscribed.is_empty() { Reads::Pattern(".*".into()) } else { Reads::Topics(subscribed.clone()) };
    let there: Vec<(&str, i32)> = subscribed.iter().map(|topic| (topic.as_str(), 1)).collect();
    Lab::reading(reads, config, &there)
}

impl Replay<'_> {
    /// Follows a step; false when the trace cannot be followed further.
    fn step(&mut self, at: usize, step: &Value) -> Result<bool, String> {
        if let Some(listener) = step["callback"].as_str() {
            self.told(at, listener, &step["partitions"]).map(|()| true)
        } else if step["send"].is_null() {
            self.answer(at, step)
        } else {
            self.sent(at, step).map(|()| true)
        }
    }

    /// What the application or the cluster does so that a request is sent.
    fn provoke(&mut self, at: usize, step: &Value) -> Result<(), String> {
        let body = &step["body"];
        match api(step) {
            "JOIN_GROUP" if body["reason"] == "cached metadata has changed" => {
                let topics = topics(step);
                if self.lab.topics.keys().eq(&topics) {
                    *self.lab.topics.values_mut().next().expect("a topic") += 1;
                } else {
                    self.lab.topics = topics.into_iter().map(|topic| (topic, 1)).collect();
                }
            }
            "OFFSET_COMMIT" => {
                for topic in body["topics"].as_array().into_iter().flatten() {
                    for partition in topic["partitions"].as_array().into_iter().flatten() {
                        let index = int(&partition["partitionIndex"]) as i32;
                        let tp = TopicPartition::new(crate::text(&topic["name"]), index);
                        self.lab.try_call(Call::Seek(tp, SeekTo::Offset(int(&partition["committedOffset"]))))?;
                    }
                }
                let next = self.steps[at + 1..].iter().find(|step| !step["send"].is_null());
                match next {
                    Some(next) if next["send"] == "LEAVE_GROUP" => self.lab.close(),
                    _ => self.lab.try_call(Call::Commit { is_async: true })?,
                }
            }
            "LEAVE_GROUP" => self.lab.close(),
            _ => {}
        }
        Ok(())
    }

    /// Waits until something is asked of the coordinator; heartbeats are answered unless one is waited for.
    fn wait_for(&mut self, api: &str) -> Option<Asked> {
        for _ in 0..PATIENCE_MS {
            while !self.lab.asked.is_empty() {
                let asked = self.lab.asked.remove(0);
                match &asked.request.body {
                    RequestKind::Heartbeat(_) if api != "HEARTBEAT" => self.lab.refuse(&asked, ErrorCode::NONE),
                    RequestKind::OffsetFetch(_) => {
                        self.lab.asked.insert(0, asked);
                        self.lab.give_committed();
                    }
                    _ => return Some(asked),
                }
            }
            self.lab.run(1);
        }
        None
    }

    fn sent(&mut self, at: usize, step: &Value) -> Result<(), String> {
        let is_due = self.lab.asked.iter().any(|asked| name(&asked.request.body) == api(step));
        if !is_due {
            self.provoke(at, step)?;
        }
        let asked = self.wait_for(api(step)).ok_or_else(|| format!("nothing is sent, Kafka's sends {}", api(step)))?;
        same("the request", name(&asked.request.body), api(step))?;
        let body = &step["body"];
        match &asked.request.body {
            RequestKind::JoinGroup(request) => joins(request, body)?,
            RequestKind::SyncGroup(request) => syncs(request, body)?,
            RequestKind::Heartbeat(request) => {
                same("generation", i64::from(request.generation_id), int(&body["generationId"]))?;
                same("member", &*request.member_id, crate::text(&body["memberId"]))?;
            }
            RequestKind::OffsetCommit(request) => commits(request, body)?,
            RequestKind::LeaveGroup(request) => leaves(request, body)?,
            _ => {}
        }
        self.asked.push_back(asked);
        Ok(())
    }

    /// Gives the recorded answer; false when it never came, or in another order than a connection's.
    fn answer(&mut self, at: usize, step: &Value) -> Result<bool, String> {
        let body = &step["body"];
        let is_next = |asked: &mut Asked| name(&asked.request.body) == api(step) && !body.is_null();
        let Some(asked) = self.asked.pop_front_if(is_next) else { return Ok(false) };
        // What is recorded as an answer came with a broken connection, as the next reason to join tells.
        let next = self.steps[at + 1..].iter().find(|step| step["send"] == "JOIN_GROUP");
        if next.is_some_and(|next| next["body"]["reason"] == "rebalance failed due to DisconnectException") {
            self.lab.reset(&asked);
            return Ok(true);
        }
        let error = body["error"].as_str().map(error);
        let answer = match &asked.request.body {
            RequestKind::JoinGroup(request) => ResponseKind::JoinGroup(joined(request, body, error)),
            RequestKind::SyncGroup(request) => ResponseKind::SyncGroup(
                SyncGroupResponse::default()
                    .with_error_code(error.unwrap_or(ErrorCode::NONE).0)
                    .with_protocol_type(request.protocol_type.clone())
                    .with_protocol_name(request.protocol_name.clone())
                    .with_assignment(json::bytes(&body["assignment"])),
            ),
            RequestKind::OffsetCommit(_) => {
                let partition = &body["topics"][0]["partitions"][0]["error"];
                self.lab.refuse(&asked, partition.as_str().map_or(ErrorCode::NONE, self::error));
                return Ok(true);
            }
            _ => {
                self.lab.refuse(&asked, error.unwrap_or(ErrorCode::NONE));
                return Ok(true);
            }
        };
        self.lab.answer(&asked, answer);
        Ok(true)
    }

    /// The rebalance listener is told something, at once or when the consumer is closed.
    fn told(&mut self, at: usize, listener: &str, partitions: &Value) -> Result<(), String> {
        let named = |all: &[TopicPartition]| all.iter().map(TopicPartition::to_string).collect::<Vec<_>>();
        let kafkas: Vec<String> =
            partitions.as_array().into_iter().flatten().map(|tp| crate::text(tp).to_owned()).collect();
        let told = |fact: &Fact| match fact {
            Fact::PartitionsAssigned { added, .. } => Some(("on_partitions_assigned", named(added))),
            Fact::PartitionsRevoked { partitions, .. } => Some(("on_partitions_revoked", named(partitions))),
            Fact::PartitionsLost { partitions, .. } => Some(("on_partitions_lost", named(partitions))),
            _ => None,
        };
        let mut ours = self.lab.facts.iter().filter_map(told).nth(self.told);
        if ours.is_none() {
            if let Some(next) = self.steps[at..].iter().find(|step| !step["send"].is_null()) {
                self.provoke(at, next)?;
            }
            for _ in 0..CLOSING_MS / 10 {
                self.lab.run(10);
                ours = self.lab.facts.iter().filter_map(told).nth(self.told);
                if ours.is_some() {
                    break;
                }
            }
        }
        self.told += 1;
        let (ours, mut partitions) = ours.ok_or_else(|| format!("the listener is not told: {listener} {kafkas:?}"))?;
        partitions.sort_unstable();
        same("the listener's call", (ours, partitions), (listener, kafkas))
    }
}

fn name(request: &RequestKind) -> &'static str {
    match request {
        RequestKind::JoinGroup(_) => "JOIN_GROUP",
        RequestKind::SyncGroup(_) => "SYNC_GROUP",
        RequestKind::Heartbeat(_) => "HEARTBEAT",
        RequestKind::OffsetCommit(_) => "OFFSET_COMMIT",
        RequestKind::LeaveGroup(_) => "LEAVE_GROUP",
        _ => "another",
    }
}

fn error(name: &str) -> ErrorCode {
    let all = (-1..=200).map(ErrorCode);
    all.into_iter().find(|code| code.name() == name).unwrap_or_else(|| panic!("no error {name}"))
}

fn joins(request: &JoinGroupRequest, kafkas: &Value) -> Result<(), String> {
    same("member", &*request.member_id, crate::text(&kafkas["memberId"]))?;
    same("instance", request.group_instance_id.as_deref(), kafkas["groupInstanceId"].as_str())?;
    same("session timeout", i64::from(request.session_timeout_ms), int(&kafkas["sessionTimeoutMs"]))?;
    same("rebalance timeout", i64::from(request.rebalance_timeout_ms), int(&kafkas["rebalanceTimeoutMs"]))?;
    same("protocol type", &*request.protocol_type, crate::text(&kafkas["protocolType"]))?;
    same("reason", request.reason.as_deref(), kafkas["reason"].as_str())?;
    let ours = subscription(&request.protocols[0].metadata);
    let kafkas = subscription(&json::bytes(&kafkas["protocols"][0]["metadata"]));
    let sorted = |all: &Subscription| {
        let mut topics: Vec<String> = all.topics.iter().map(|topic| topic.to_string()).collect();
        topics.sort_unstable();
        topics
    };
    same("topics", sorted(&ours), sorted(&kafkas))?;
    same("owned partitions", &ours.owned_partitions, &kafkas.owned_partitions)?;
    same("generation of the owned", ours.generation_id, kafkas.generation_id)
}

fn syncs(request: &SyncGroupRequest, kafkas: &Value) -> Result<(), String> {
    same("generation", i64::from(request.generation_id), int(&kafkas["generationId"]))?;
    same("member", &*request.member_id, crate::text(&kafkas["memberId"]))?;
    same("instance", request.group_instance_id.as_deref(), kafkas["groupInstanceId"].as_str())?;
    let theirs = kafkas["assignments"].as_array().map_or(&[][..], Vec::as_slice);
    // The test's assignor may assign nothing, to nobody.
    if theirs.is_empty() {
        return Ok(());
    }
    let members: Vec<&str> = request.assignments.iter().map(|assignment| &*assignment.member_id).collect();
    same("members assigned to", members, theirs.iter().map(|a| crate::text(&a["memberId"])).collect())
}

fn commits(request: &OffsetCommitRequest, kafkas: &Value) -> Result<(), String> {
    same("generation", i64::from(request.generation_id_or_member_epoch), int(&kafkas["generationIdOrMemberEpoch"]))?;
    same("member", &*request.member_id, crate::text(&kafkas["memberId"]))?;
    same("instance", request.group_instance_id.as_deref(), kafkas["groupInstanceId"].as_str())?;
    let mut ours = Vec::new();
    for topic in &request.topics {
        ours.extend(
            topic.partitions.iter().map(|p| (topic.name.to_string(), p.partition_index.into(), p.committed_offset)),
        );
    }
    let mut theirs = Vec::new();
    for topic in kafkas["topics"].as_array().into_iter().flatten() {
        for p in topic["partitions"].as_array().into_iter().flatten() {
            let name = crate::text(&topic["name"]).to_owned();
            theirs.push((name, int(&p["partitionIndex"]), int(&p["committedOffset"])));
        }
    }
    same("offsets", ours, theirs)
}

fn leaves(request: &LeaveGroupRequest, kafkas: &Value) -> Result<(), String> {
    let (ours, theirs) = (&request.members[0], &kafkas["members"][0]);
    same("member", &*ours.member_id, crate::text(&theirs["memberId"]))?;
    same("instance", ours.group_instance_id.as_deref(), theirs["groupInstanceId"].as_str())?;
    same("reason", ours.reason.as_deref(), theirs["reason"].as_str())
}

/// The recorded answer to a JoinGroup, with the protocol that our consumer offers.
fn joined(request: &JoinGroupRequest, body: &Value, error: Option<ErrorCode>) -> JoinGroupResponse {
    let member = |member: &Value| {
        JoinGroupResponseMember::default()
            .with_member_id(text(crate::text(&member["memberId"])))
            .with_group_instance_id(member["groupInstanceId"].as_str().map(text))
            .with_metadata(json::bytes(&member["metadata"]))
    };
    JoinGroupResponse::default()
        .with_error_code(error.unwrap_or(ErrorCode::NONE).0)
        .with_generation_id(int(&body["generationId"]) as i32)
        .with_protocol_type(Some(request.protocol_type.clone()))
        .with_protocol_name(Some(request.protocols[0].name.clone()))
        .with_leader(text(crate::text(&body["leader"])))
        .with_skip_assignment(body["skipAssignment"] == true)
        .with_member_id(text(crate::text(&body["memberId"])))
        .with_members(body["members"].as_array().into_iter().flatten().map(member).collect())
}
