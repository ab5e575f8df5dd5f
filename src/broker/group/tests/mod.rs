//! Behaviours of the coordinator, and what the tests of them share: a shard with a log, clients and a clock.

mod admin;
mod fuzz;
mod joining;
mod life;
mod offsets;
mod static_members;
mod syncing;
mod writes;

use super::*;
use crate::base::{Rng, SimDuration, SimTime, SortedMap};
use crate::wire::messages::join_group_request::JoinGroupRequestProtocol;
use crate::wire::messages::sync_group_request::SyncGroupRequestAssignment;
use crate::wire::messages::*;
use crate::wire::{ErrorCode, GroupRecord, StrBytes};
use bytes::Bytes;

/// When the tests' world starts (ms since the Unix epoch).
const START_MS: i64 = 1_767_225_600_000;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

/// A consumer's subscription (version 0).
fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = vec![0, 0];
    bytes.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        bytes.extend((topic.len() as i16).to_be_bytes());
        bytes.extend(topic.bytes());
    }
    bytes.extend((-1i32).to_be_bytes());
    bytes.into()
}

/// A client as a test has it: what it would say of itself.
#[derive(Clone, Debug)]
struct Client {
    group: StrBytes,
    name: &'static str,
    instance: Option<StrBytes>,
    member_id: StrBytes,
    generation: i32,
    protocol_type: StrBytes,
    protocols: Vec<&'static str>,
    metadata: Bytes,
    session_timeout_ms: i32,
    rebalance_timeout_ms: i32,
    version: i16,
}

impl Client {
    /// A consumer of the topic `t` in the group `g`.
    fn new(name: &'static str) -> Self {
        Self {
            group: text("g"),
            name,
            instance: None,
            member_id: StrBytes::new(),
            generation: -1,
            protocol_type: text("consumer"),
            protocols: vec!["range"],
            metadata: subscription(&["t"]),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 30_000,
            version: 9,
        }
    }

    fn of_group(self, group: &str) -> Self {
        Self { group: text(group), ..self }
    }

    fn with_instance(self, instance: &str) -> Self {
        Self { instance: Some(text(instance)), ..self }
    }

    fn offering(self, protocols: &[&'static str]) -> Self {
        Self { protocols: protocols.to_vec(), ..self }
    }
}

/// A shard, its log, and what it has answered.
struct Lab {
    shard: GroupShard,
    now: SimTime,
    rng: Rng,
    answers: SortedMap<u64, GroupResponse>,
    next_request: u64,
    /// What is appended and not acknowledged.
    uncommitted: Vec<(WriteId, Vec<GroupRecord>)>,
    /// What is acknowledged.
    log: Vec<GroupRecord>,
    /// Whether the log acknowledges at once.
    commits: bool,
    events: Vec<GroupEvent>,
}

impl Lab {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(set: impl FnOnce(&mut GroupConfig)) -> Self {
        let mut config = GroupConfig::default();
        set(&mut config);
        Self::loaded(config, &[], SimTime::ZERO)
    }

    /// A shard that has loaded a log that is committed.
    fn loaded(config: GroupConfig, log: &[GroupRecord], now: SimTime) -> Self {
        let mut lab = Self {
            shard: GroupShard::new(config),
            now,
            rng: Rng::stream(7, "coordinator"),
            answers: SortedMap::new(),
            next_request: 0,
            uncommitted: Vec::new(),
            log: log.to_vec(),
            commits: true,
            events: Vec::new(),
        };
        log.iter().for_each(|record| lab.shard.replay(record));
        lab.shard.replayed_to_high_watermark();
        let loaded = lab.turn(|shard, turn| shard.loaded(turn));
        lab.turn(|shard, turn| shard.committed(turn, loaded));
        lab
    }

    fn turn<T>(&mut self, input: impl FnOnce(&mut GroupShard, &mut Turn<'_>) -> T) -> T {
        let mut effects = Vec::new();
        let mut turn = Turn::new(self.now, START_MS, &mut self.rng, &mut effects);
        let result = input(&mut self.shard, &mut turn);
        for effect in effects {
            match effect {
                Effect::Append { write, records, .. } => self.uncommitted.push((write, records)),
                Effect::Respond { request, response } => {
                    let before = self.answers.insert(request.0, response);
                    assert!(before.is_none(), "request {} is answered twice", request.0);
                }
                Effect::Event(event) => self.events.push(event),
            }
        }
        if self.commits {
            self.commit();
        }
        result
    }

    /// The log acknowledges all that is appended.
    fn commit(&mut self) {
        let Some((last, _)) = self.uncommitted.last() else { return };
        let last = *last;
        self.log.extend(std::mem::take(&mut self.uncommitted).into_iter().flat_map(|(_, records)| records));
        self.turn(|shard, turn| shard.committed(turn, last));
    }

    /// The log refuses all that is appended.
    fn refuse(&mut self, error: ErrorCode) {
        let first = self.uncommitted.first().expect("something is appended").0;
        self.uncommitted.clear();
        self.turn(|shard, turn| shard.failed(turn, first, error));
    }

    /// Lets time pass, and everything happen that is due.
    fn wait(&mut self, ms: u64) {
        let end = self.now + SimDuration::from_millis(ms);
        while let Some(due) = self.shard.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.turn(|shard, turn| shard.poll(turn));
        }
        self.now = end;
    }

    fn context(&mut self, client: &Client, version: i16) -> RequestContext {
        self.next_request += 1;
        RequestContext {
            token: RequestToken(self.next_request),
            api_version: version,
            client_id: text(client.name),
            client_host: text("/127.0.0.1"),
        }
    }

    /// Sends a JoinGroup. Returns the request's number.
    fn join(&mut self, client: &Client) -> u64 {
        let protocol = |name: &&str| {
            JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(client.metadata.clone())
        };
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(client.group.clone()))
            .with_session_timeout_ms(client.session_timeout_ms)
            .with_rebalance_timeout_ms(client.rebalance_timeout_ms)
            .with_member_id(client.member_id.clone())
            .with_group_instance_id(client.instance.clone())
            .with_protocol_type(client.protocol_type.clone())
            .with_protocols(client.protocols.iter().map(protocol).collect());
        let context = self.context(client, client.version);
        self.turn(|shard, turn| shard.join_group(turn, &context, &request));
        context.token.0
    }

    /// Joins as a Java client does: once more with the id that it is given.
    fn join_with_id(&mut self, client: &mut Client) -> u64 {
        let request = self.join(client);
        match self.answers.get(&request) {
            Some(GroupResponse::Join(answer)) if answer.error_code == ErrorCode::MEMBER_ID_REQUIRED.0 => {
                client.member_id = answer.member_id.clone();
                self.join(client)
            }
            _ => request,
        }
    }

    /// Sends a SyncGroup with an assignment for each of `assigned`. Returns the request's number.
    fn sync(&mut self, client: &Client, assigned: &[(&StrBytes, &'static [u8])]) -> u64 {
        let assignment = |(member_id, bytes): &(&StrBytes, &'static [u8])| {
            SyncGroupRequestAssignment::default()
                .with_member_id((*member_id).clone())
                .with_assignment(Bytes::from_static(bytes))
        };
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(client.group.clone()))
            .with_generation_id(client.generation)
            .with_member_id(client.member_id.clone())
            .with_group_instance_id(client.instance.clone())
            .with_protocol_type(Some(client.protocol_type.clone()))
            .with_protocol_name(Some(text(client.protocols[0])))
            .with_assignments(assigned.iter().map(assignment).collect());
        let context = self.context(client, 5);
        self.turn(|shard, turn| shard.sync_group(turn, &context, &request));
        context.token.0
    }

    /// Sends a Heartbeat and returns the answer's error.
    fn heartbeat(&mut self, client: &Client) -> ErrorCode {
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(client.group.clone()))
            .with_generation_id(client.generation)
            .with_member_id(client.member_id.clone())
            .with_group_instance_id(client.instance.clone());
        let context = self.context(client, 4);
        self.turn(|shard, turn| shard.heartbeat(turn, &context, &request));
        let GroupResponse::Heartbeat(answer) = self.answer(context.token.0) else { panic!("not a heartbeat's answer") };
        ErrorCode(answer.error_code)
    }

    /// Sends a LeaveGroup and returns the member's error.
    fn leave(&mut self, client: &Client) -> ErrorCode {
        let member = leave_group_request::MemberIdentity::default()
            .with_member_id(client.member_id.clone())
            .with_group_instance_id(client.instance.clone());
        let request =
            LeaveGroupRequest::default().with_group_id(GroupId(client.group.clone())).with_members(vec![member]);
        let context = self.context(client, 5);
        self.turn(|shard, turn| shard.leave_group(turn, &context, &request));
        let GroupResponse::Leave(answer) = self.answer(context.token.0) else { panic!("not a leave's answer") };
        ErrorCode(answer.members[0].error_code)
    }

    fn answer(&self, request: u64) -> &GroupResponse {
        self.answers.get(&request).unwrap_or_else(|| panic!("request {request} is not answered"))
    }

    fn is_waiting(&self, request: u64) -> bool {
        !self.answers.contains_key(&request)
    }

    fn joined(&self, request: u64) -> &JoinGroupResponse {
        let GroupResponse::Join(answer) = self.answer(request) else { panic!("not a join's answer") };
        answer
    }

    fn join_error(&self, request: u64) -> ErrorCode {
        ErrorCode(self.joined(request).error_code)
    }

    fn synced(&self, request: u64) -> &SyncGroupResponse {
        let GroupResponse::Sync(answer) = self.answer(request) else { panic!("not a sync's answer") };
        answer
    }

    fn sync_error(&self, request: u64) -> ErrorCode {
        ErrorCode(self.synced(request).error_code)
    }

    /// Takes the answer to a JoinGroup over into its client.
    fn take_joined(&self, client: &mut Client, request: u64) {
        let answer = self.joined(request);
        assert_eq!(answer.error_code, 0, "{}", ErrorCode(answer.error_code));
        client.member_id = answer.member_id.clone();
        client.generation = answer.generation_id;
    }

    fn group(&self, group: &str) -> &ClassicGroup {
        self.shard.group(&text(group)).unwrap_or_else(|| panic!("no group {group}"))
    }

    fn state(&self, group: &str) -> ClassicState {
        self.group(group).state()
    }

    /// A stable group of these clients; the first leads, and each is assigned its place in the list.
    fn stable(&mut self, clients: &mut [Client]) {
        let joins: Vec<u64> = clients.iter_mut().map(|client| self.join_with_id(client)).collect();
        while self.is_waiting(joins[0]) {
            self.wait(1_000);
        }
        clients.iter_mut().zip(&joins).for_each(|(client, join)| self.take_joined(client, *join));
        assert_eq!(self.joined(joins[0]).leader, clients[0].member_id);
        self.sync_all(clients);
    }

    /// Every client syncs, the first of them as the leader.
    fn sync_all(&mut self, clients: &[Client]) {
        const PLACES: [&[u8]; 4] = [&[0], &[1], &[2], &[3]];
        let assigned: Vec<_> = clients.iter().zip(PLACES).map(|(client, place)| (&client.member_id, place)).collect();
        let mut syncs: Vec<u64> = clients[1..].iter().map(|client| self.sync(client, &[])).collect();
        syncs.push(self.sync(&clients[0], &assigned));
        syncs.iter().for_each(|sync| assert_eq!(self.sync_error(*sync), ErrorCode::NONE));
        assert_eq!(self.state(&clients[0].group), ClassicState::Stable);
    }
}
