//! `group_coordinator_classic`: requests and time, step by step, with every answer and the group's state after each.
//!
//! The ids that Kafka's test drew for new members are drawn here again, so states and answers are compared as they are;
//! only the order of a leader's members, which Kafka leaves to hash order, is not. What a step writes stays
//! unacknowledged until the entry says so, or shows by a state that it was. Meanwhile Kafka's runtime, which its test
//! does not have, holds an answer back that was ready: such an answer must have come at the entry's end.

use super::json::{self, bytes};
use super::lab::{Lab, config, context, empty_group, error};
use crate::{int, same, text};
use kafka_terrarium::base::{SimDuration, SimTime};
use kafka_terrarium::broker::group::{GroupResponse, RequestContext};
use kafka_terrarium::wire::StrBytes;
use kafka_terrarium::wire::messages::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let steps = super::steps(entry);
    let (first, group_id) = (&steps[0]["state_before"], &steps[0]["request"]["groupId"]);
    // A group that is there at the start is one without members.
    let records: Vec<_> = (!first.is_null()).then(|| empty_group(group_id)).into_iter().collect();
    let lab = Lab::new(config(&entry["input"]["configs"]), &records);
    let mut run = Run { lab, held_back: BTreeMap::new(), announced: Vec::new(), is_made_stable: false };
    for (number, step) in steps.iter().enumerate() {
        let group_id = step["request"].get("groupId").unwrap_or(group_id);
        run.step(step, group_id).map_err(|why| format!("step {number}, {}: {why}", step["op"]))?;
    }
    run.lab.commit_all();
    if entry.get("truncated_after_steps").is_none() && !run.announced.is_empty() {
        // Answers that come after the last step come of what is no step: the coordinator is unloaded.
        run.lab.unload();
        run.check_announced()?;
    }
    run.held_back.iter().try_for_each(|(request, expected)| same_answer(&run.lab, *request, expected))
}

struct Run<'a> {
    lab: Lab,
    /// Answers that wait for writes before them.
    held_back: BTreeMap<u64, &'a Value>,
    /// Steps that name a deferred answer. They stand before the step that it comes in, or after it.
    announced: Vec<&'a Value>,
    /// Whether Kafka's test has called the group stable before its members had synced. Here the leader syncs then, and
    /// from there on which members are yet to sync is not compared.
    is_made_stable: bool,
}

impl<'a> Run<'a> {
    fn step(&mut self, step: &'a Value, group_id: &Value) -> Result<(), String> {
        if step["op"] == "expect_deferred_response" {
            self.announced.push(step);
            return Ok(());
        }
        if let Some(t) = step["t"].as_i64() {
            self.lab.now = SimTime(t as u64 * 1_000);
        }
        if let Some(before) = step.get("state_before") {
            if self.state(group_id) != *before {
                self.lab.commit_all();
            }
            if before["state"] == "Stable" && self.state(group_id)["state"] == "CompletingRebalance" {
                self.make_stable(group_id);
            } else {
                self.same_state(group_id, before)?;
            }
        }
        self.act(step, group_id)?;
        self.check_announced()
    }

    fn act(&mut self, step: &'a Value, group_id: &Value) -> Result<(), String> {
        let expected = &step["expected"];
        match text(&step["op"]) {
            "advance_time" => {
                self.lab.now += SimDuration::from_millis(int(&step["ms"]) as u64);
                self.lab.turn(None, |shard, turn| shard.poll(turn));
                let groups = expected["groups_after"].as_object().ok_or("no groups after")?;
                groups.iter().try_for_each(|(id, state)| self.same_state(&json!(id), state))
            }
            "log_append_completes" => {
                // The state that the entry names is that before it.
                self.same_state(group_id, &expected["state_after"])?;
                let failure = step.get("append_error").map(error);
                self.lab.complete(int(&step["for_request"]) as u64, failure)
            }
            op => self.request(op, step, group_id),
        }
    }

    /// The deferred answers that were named since the last step must have come, and at their time.
    fn check_announced(&mut self) -> Result<(), String> {
        for step in std::mem::take(&mut self.announced) {
            let request = int(&step["for_request"]) as u64;
            same_answer(&self.lab, request, &step["expected"]["response"])?;
            same("when it was answered", self.lab.answered_ms[&request], int(&step["t"]))?;
        }
        Ok(())
    }

    fn state(&self, group_id: &Value) -> Value {
        json::group(self.lab.shard.group(&str_bytes(group_id)))
    }

    fn same_state(&self, group_id: &Value, kafkas: &Value) -> Result<(), String> {
        let mut kafkas = kafkas.clone();
        if let Some(state) = kafkas.as_object_mut().filter(|_| self.is_made_stable) {
            state.remove("pending_sync_members");
        }
        json::covers("state", &self.state(group_id), &kafkas)
    }

    /// The leader brings an assignment for nobody.
    fn make_stable(&mut self, group_id: &Value) {
        let state = self.state(group_id);
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(str_bytes(group_id)))
            .with_generation_id(int(&state["generation"]) as i32)
            .with_member_id(str_bytes(&state["leader"]));
        let context = context(u64::MAX, &json!(3), "client");
        self.lab.turn(Some(u64::MAX), |shard, turn| shard.sync_group(turn, &context, &request));
        self.lab.commit_all();
        self.is_made_stable = true;
    }

    fn request(&mut self, op: &str, step: &'a Value, group_id: &Value) -> Result<(), String> {
        let (expected, request) = (&step["expected"], int(&step["request_id"]) as u64);
        let client_id = self.draw_member_id(step);
        let context = context(request, &step["api_version"], &client_id);
        serve(&mut self.lab, op, &context, &step["request"]);
        self.same_state(group_id, &expected["state_after"])?;
        if expected["response"] == "deferred" {
            return same("answered", self.lab.answers.contains_key(&request), false);
        }
        if let Some(records) = expected["log_records"].as_array() {
            let ours = self.lab.appended(request).into_iter().map(|(_, value)| value.is_null());
            let kafkas = records.iter().map(|record| record["tombstone"] == true);
            same("records (tombstones)", ours.collect::<Vec<_>>(), kafkas.collect())?;
        }
        // What the coordinator throws the service turns into an answer.
        let expected = if expected["response"].is_null() { expected } else { &expected["response"] };
        if !self.lab.answers.contains_key(&request) && matches!(op, "heartbeat" | "leave_group") {
            self.held_back.insert(request, expected);
            return Ok(());
        }
        same_answer(&self.lab, request, expected)
    }

    /// Finds the id that Kafka drew in a step, if it drew one, and has it drawn here. Returns the client's id in it.
    fn draw_member_id(&mut self, step: &Value) -> String {
        let known = |state: &Value| -> BTreeSet<String> {
            let members = state["members"].as_object().into_iter().flat_map(|members| members.keys().cloned());
            let pending = state["pending_join_members"].as_array().into_iter().flatten();
            members.chain(pending.map(|id| text(id).to_string())).collect()
        };
        let before = known(&step["state_before"]);
        let Some(drawn) = known(&step["expected"]["state_after"]).into_iter().find(|id| !before.contains(id)) else {
            return "client".into();
        };
        let (client_id, uuid) = drawn.split_at(drawn.len() - 36);
        // A pending member that joins has its id from before.
        if let Ok(uuid) = uuid.parse::<Uuid>() {
            self.lab.drawn.0 = uuid;
        }
        client_id.trim_end_matches('-').to_string()
    }
}

fn same_answer(lab: &Lab, request: u64, expected: &Value) -> Result<(), String> {
    let answer = lab.answers.get(&request).ok_or_else(|| format!("request {request} is not answered"))?;
    let mut expected = expected.clone();
    let mut ours = json::response(answer);
    if expected.get("throws").is_some() {
        // What the coordinator throws is the error of the answer, or of each member that was to leave.
        let leaves = matches!(answer, GroupResponse::Leave(_));
        let errors = if leaves { ours["members"].as_array().into_iter().flatten().collect() } else { vec![&ours] };
        return errors.iter().try_for_each(|ours| json::covers("error", &ours["error"], &expected["error"]));
    }
    if matches!(answer, GroupResponse::Join(_)) {
        if expected["protocolName"] == "" {
            expected["protocolName"] = Value::Null;
        }
        for side in [&mut ours, &mut expected] {
            let members = side["members"].as_array_mut();
            members.into_iter().for_each(|members| members.sort_by_key(|member| member["memberId"].to_string()));
        }
    }
    json::covers(&format!("answer to request {request}"), &ours, &expected)
}

fn str_bytes(value: &Value) -> StrBytes {
    StrBytes::from_string(text(value).to_string())
}

fn optional(value: &Value) -> Option<StrBytes> {
    (!value.is_null()).then(|| str_bytes(value))
}

fn list<T>(value: &Value, read: impl FnMut(&Value) -> T) -> Vec<T> {
    value.as_array().map_or(Vec::new(), |list| list.iter().map(read).collect())
}

fn serve(lab: &mut Lab, op: &str, context: &RequestContext, request: &Value) {
    let id = Some(context.token.0);
    match op {
        "join_group" => {
            let request = join(request);
            lab.turn(id, |shard, turn| shard.join_group(turn, context, &request));
        }
        "sync_group" => {
            let request = sync(request);
            // A request that does not name the protocols is one of an older version: KafkaApis sees to that.
            let names_none = request.protocol_type.is_none() || request.protocol_name.is_none();
            let context = RequestContext { api_version: if names_none { 4 } else { 5 }, ..context.clone() };
            lab.turn(id, |shard, turn| shard.sync_group(turn, &context, &request));
        }
        "heartbeat" => {
            let request = HeartbeatRequest::default()
                .with_group_id(GroupId(str_bytes(&request["groupId"])))
                .with_generation_id(int(&request["generationId"]) as i32)
                .with_member_id(str_bytes(&request["memberId"]))
                .with_group_instance_id(optional(&request["groupInstanceId"]));
            lab.turn(id, |shard, turn| shard.heartbeat(turn, context, &request));
        }
        "leave_group" => {
            let member = |member: &Value| {
                leave_group_request::MemberIdentity::default()
                    .with_member_id(str_bytes(&member["memberId"]))
                    .with_group_instance_id(optional(&member["groupInstanceId"]))
                    .with_reason(optional(&member["reason"]))
            };
            let request = LeaveGroupRequest::default()
                .with_group_id(GroupId(str_bytes(&request["groupId"])))
                .with_members(list(&request["members"], member));
            lab.turn(id, |shard, turn| shard.leave_group(turn, context, &request));
        }
        other => panic!("no such operation: {other}"),
    }
}

fn join(request: &Value) -> JoinGroupRequest {
    let protocol = |protocol: &Value| {
        join_group_request::JoinGroupRequestProtocol::default()
            .with_name(str_bytes(&protocol["name"]))
            .with_metadata(bytes(&protocol["metadata"]))
    };
    JoinGroupRequest::default()
        .with_group_id(GroupId(str_bytes(&request["groupId"])))
        .with_session_timeout_ms(int(&request["sessionTimeoutMs"]) as i32)
        .with_rebalance_timeout_ms(int(&request["rebalanceTimeoutMs"]) as i32)
        .with_member_id(str_bytes(&request["memberId"]))
        .with_group_instance_id(optional(&request["groupInstanceId"]))
        .with_protocol_type(str_bytes(&request["protocolType"]))
        .with_protocols(list(&request["protocols"], protocol))
        .with_reason(optional(&request["reason"]))
}

fn sync(request: &Value) -> SyncGroupRequest {
    let assignment = |assignment: &Value| {
        sync_group_request::SyncGroupRequestAssignment::default()
            .with_member_id(str_bytes(&assignment["memberId"]))
            .with_assignment(bytes(&assignment["assignment"]))
    };
    SyncGroupRequest::default()
        .with_group_id(GroupId(str_bytes(&request["groupId"])))
        .with_generation_id(int(&request["generationId"]) as i32)
        .with_member_id(str_bytes(&request["memberId"]))
        .with_group_instance_id(optional(&request["groupInstanceId"]))
        .with_protocol_type(optional(&request["protocolType"]))
        .with_protocol_name(optional(&request["protocolName"]))
        .with_assignments(list(&request["assignments"], assignment))
}
