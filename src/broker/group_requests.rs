//! The requests of groups (`GroupCoordinatorService`): each goes to the coordinator of its group, and is answered when
//! that answers. What a client asks of several groups at once is taken apart here, and the answers are put together.

use super::coordinators::OFFSETS_TOPIC;
use super::group::{GroupResponse, GroupShard, RequestContext, RequestToken, Turn, coordinator_partition};
use super::{Broker, Served, Serving};
use crate::base::{SortedMap, TopicPartition};
use crate::machine::Fact;
use crate::network::Pending;
use crate::wire::messages::delete_groups_response::DeletableGroupResult;
use crate::wire::messages::describe_groups_response::DescribedGroup;
use crate::wire::messages::offset_commit_request::OffsetCommitRequestTopic;
use crate::wire::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use crate::wire::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use crate::wire::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
    HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, SyncGroupRequest,
    SyncGroupResponse,
};
use crate::wire::{ErrorCode, Request, RequestKind, ResponseKind, StrBytes};
use std::sync::Arc;

/// Where clients are, as Java prints an address: every host of a world is on one machine.
const CLIENT_HOST: StrBytes = StrBytes::from_static_str("/127.0.0.1");

/// The first version of SyncGroup that must name the group's protocols (KIP-559).
const FIRST_SYNC_WITH_PROTOCOLS: i16 = 5;

/// The first version of JoinGroup whose answer may have no protocol.
const FIRST_JOIN_WITHOUT_PROTOCOL: i16 = 7;

/// The operations that everybody may do on a group, as bits: no broker here has an authorizer. READ, DELETE, DESCRIBE,
/// DESCRIBE_CONFIGS, ALTER_CONFIGS.
const EVERY_OPERATION: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

/// A request that waits for coordinators.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) pending: Pending,
    pub(super) request: Arc<Request>,
    pub(super) answer: Answer,
}

/// What is known of an answer already.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A coordinator answers all of it.
    Whole,
    /// Partitions that the cluster does not have are answered; the coordinator answers the others.
    OffsetCommit(OffsetCommitResponse),
    /// The same.
    OffsetDelete(OffsetDeleteResponse),
    /// Groups in the order of the request; those that wait for their coordinators are none.
    OffsetFetch(super::offset_fetch::Groups),
    /// What is there, and how many coordinators have not answered.
    DeleteGroups(Vec<DeletableGroupResult>, usize),
}

/// The number by which a coordinator knows a part of a request.
pub(super) fn token(request: u64, part: usize) -> RequestToken {
    RequestToken(request << 24 | part as u64)
}

/// The request and the part that have this number.
fn request_of(token: u64) -> (u64, usize) {
    (token >> 24, (token & 0xFF_FFFF) as usize)
}

impl Broker {
    /// The partition of `__consumer_offsets` that a group is in.
    pub(super) fn partition_of_group(&self, group: &str) -> i32 {
        let known = self.metadata.topics().by_name(OFFSETS_TOPIC).map(|topic| topic.partitions.len() as i32);
        coordinator_partition(group, known.unwrap_or(self.config.offsets_topic.partitions))
    }

    /// Keeps a request until its coordinators have answered.
    pub(super) fn ask(&mut self, pending: &Pending, request: &Arc<Request>, answer: Answer) -> u64 {
        let number = self.coordinators.next_request;
        self.coordinators.next_request += 1;
        let asked = Asked { pending: pending.clone(), request: request.clone(), answer };
        self.coordinators.asked.insert(number, asked);
        number
    }

    /// Serves a request that is about one group and one coordinator.
    pub(super) fn ask_coordinator(
        &mut self,
        pending: &Pending,
        request: &Arc<Request>,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let (group, answer) = match &request.body {
            RequestKind::JoinGroup(body) => (&body.group_id, Answer::Whole),
            RequestKind::SyncGroup(body) => (&body.group_id, Answer::Whole),
            RequestKind::Heartbeat(body) => (&body.group_id, Answer::Whole),
            RequestKind::LeaveGroup(body) => (&body.group_id, Answer::Whole),
            other => unreachable!("not a request of one group: {other:?}"),
        };
        let partition = self.partition_of_group(group);
        let refused = self.refusal_of(&request.body, pending.version);
        if let Some(error) = refused.or_else(|| self.coordinators.shard(partition).err()) {
            return Served::Now(refused_by(&request.body, pending.version, error));
        }
        let number = self.ask(pending, request, answer);
        self.with_shard(partition, serving, |shard, turn| give(shard, turn, &context(number, request), &request.body));
        Served::Parked
    }

    /// What is wrong with a request whoever coordinates its group.
    fn refusal_of(&self, request: &RequestKind, version: i16) -> Option<ErrorCode> {
        let group = match request {
            RequestKind::SyncGroup(SyncGroupRequest { protocol_type, protocol_name, .. })
                if version >= FIRST_SYNC_WITH_PROTOCOLS && (protocol_type.is_none() || protocol_name.is_none()) =>
            {
                return Some(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
            }
            RequestKind::JoinGroup(body) => &body.group_id,
            RequestKind::SyncGroup(body) => &body.group_id,
            RequestKind::Heartbeat(body) => &body.group_id,
            RequestKind::LeaveGroup(body) => &body.group_id,
            _ => return None,
        };
        let config = &self.config.group;
        let timeouts = config.min_session_timeout_ms..=config.max_session_timeout_ms;
        match request {
            _ if group.is_empty() => Some(ErrorCode::INVALID_GROUP_ID),
            RequestKind::JoinGroup(JoinGroupRequest { session_timeout_ms, .. })
                if !timeouts.contains(session_timeout_ms) =>
            {
                Some(ErrorCode::INVALID_SESSION_TIMEOUT)
            }
            _ => None,
        }
    }

    /// OffsetCommit. Of partitions that the cluster does not have, no coordinator hears.
    pub(super) fn offset_commit(
        &mut self,
        pending: &Pending,
        request: &Arc<Request>,
        body: &OffsetCommitRequest,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for topic in &body.topics {
            let is_known = |index: i32| self.is_known(&TopicPartition::new(&**topic.name, index));
            let (here, gone): (Vec<_>, Vec<_>) =
                topic.partitions.iter().cloned().partition(|partition| is_known(partition.partition_index));
            if !gone.is_empty() {
                let topic = topic.clone().with_partitions(gone);
                unknown.push(committed(&topic, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
            }
            if !here.is_empty() {
                known.push(topic.clone().with_partitions(here));
            }
        }
        let unknown = OffsetCommitResponse::default().with_topics(unknown);
        if known.is_empty() {
            return Served::Now(ResponseKind::OffsetCommit(unknown));
        }
        let partition = self.partition_of_group(&body.group_id);
        if let Err(error) = self.coordinators.shard(partition) {
            let topics = body.topics.iter().map(|topic| committed(topic, error)).collect();
            return Served::Now(ResponseKind::OffsetCommit(OffsetCommitResponse::default().with_topics(topics)));
        }
        let number = self.ask(pending, request, Answer::OffsetCommit(unknown));
        let body = body.clone().with_topics(known);
        self.with_shard(partition, serving, |shard, turn| shard.commit_offsets(turn, &context(number, request), &body));
        Served::Parked
    }

    /// OffsetDelete. Of partitions that the cluster does not have, no coordinator hears.
    pub(super) fn offset_delete(
        &mut self,
        pending: &Pending,
        request: &Arc<Request>,
        body: &OffsetDeleteRequest,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let partition = self.partition_of_group(&body.group_id);
        let invalid = body.group_id.is_empty().then_some(ErrorCode::INVALID_GROUP_ID);
        if let Some(error) = invalid.or_else(|| self.coordinators.shard(partition).err()) {
            let answer = OffsetDeleteResponse::default().with_error_code(error.0);
            return Served::Now(ResponseKind::OffsetDelete(answer));
        }
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for topic in &body.topics {
            let is_known = |index: i32| self.is_known(&TopicPartition::new(&**topic.name, index));
            let (here, gone): (Vec<_>, Vec<_>) =
                topic.partitions.iter().cloned().partition(|partition| is_known(partition.partition_index));
            if !gone.is_empty() {
                let answer =
                    |partition: &crate::wire::messages::offset_delete_request::OffsetDeleteRequestPartition| {
                        OffsetDeleteResponsePartition::default()
                            .with_partition_index(partition.partition_index)
                            .with_error_code(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0)
                    };
                let partitions = gone.iter().map(answer).collect();
                let gone = OffsetDeleteResponseTopic::default().with_name(topic.name.clone());
                unknown.push(gone.with_partitions(partitions));
            }
            if !here.is_empty() {
                known.push(topic.clone().with_partitions(here));
            }
        }
        let unknown = OffsetDeleteResponse::default().with_topics(unknown);
        let number = self.ask(pending, request, Answer::OffsetDelete(unknown));
        let body = body.clone().with_topics(known);
        self.with_shard(partition, serving, |shard, turn| shard.delete_offsets(turn, &context(number, request), &body));
        Served::Parked
    }

    /// DescribeGroups: what is committed, at once.
    pub(super) fn describe_groups(&self, pending: &Pending, body: &DescribeGroupsRequest) -> Served {
        let describe = |group: &GroupId| {
            let described = match self.coordinators.shard(self.partition_of_group(group)) {
                Ok(shard) => shard.describe_groups(pending.version, std::slice::from_ref(group)).swap_remove(0),
                Err(error) => DescribedGroup::default().with_group_id(group.clone()).with_error_code(error.0),
            };
            let shows = body.include_authorized_operations && described.error_code == 0;
            if shows { described.with_authorized_operations(EVERY_OPERATION) } else { described }
        };
        let groups = body.groups.iter().map(describe).collect();
        Served::Now(ResponseKind::DescribeGroups(DescribeGroupsResponse::default().with_groups(groups)))
    }

    /// ListGroups: the groups of all coordinators of this broker. While one loads, there is no answer.
    pub(super) fn list_groups(&self, body: &ListGroupsRequest) -> Served {
        let mut answer = ListGroupsResponse::default();
        for partition in self.coordinators.partitions() {
            match self.coordinators.shard(partition) {
                Ok(shard) => answer.groups.extend(shard.list_groups(body)),
                Err(ErrorCode::NOT_COORDINATOR) => {}
                Err(error) => {
                    answer = ListGroupsResponse::default().with_error_code(error.0);
                    break;
                }
            }
        }
        Served::Now(ResponseKind::ListGroups(answer))
    }

    /// DeleteGroups: each coordinator is asked for its own.
    pub(super) fn delete_groups(
        &mut self,
        pending: &Pending,
        request: &Arc<Request>,
        body: &DeleteGroupsRequest,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let mut by_partition = SortedMap::<i32, Vec<GroupId>>::new();
        for group in &body.groups_names {
            let groups = by_partition.entry(self.partition_of_group(group)).or_default();
            if !groups.contains(group) {
                groups.push(group.clone());
            }
        }
        let mut refused = Vec::new();
        by_partition.retain(|partition, groups| {
            let Err(error) = self.coordinators.shard(*partition) else { return true };
            let result =
                |group: &GroupId| DeletableGroupResult::default().with_group_id(group.clone()).with_error_code(error.0);
            refused.extend(groups.iter().map(result));
            false
        });
        if by_partition.is_empty() {
            let answer = DeleteGroupsResponse::default().with_results(refused);
            return Served::Now(ResponseKind::DeleteGroups(answer));
        }
        let number = self.ask(pending, request, Answer::DeleteGroups(refused, by_partition.len()));
        for (partition, groups) in by_partition {
            let context = context(number, request);
            self.with_shard(partition, serving, |shard, turn| shard.delete_groups(turn, &context, &groups));
        }
        Served::Parked
    }

    /// A coordinator has answered a part of a request: when it was the last, the client is answered.
    pub(super) fn group_answered(&mut self, token: u64, response: GroupResponse, serving: &mut Serving<'_, '_>) {
        let (number, part) = request_of(token);
        let asked = self.coordinators.asked.remove(&number).expect("a coordinator answers what it was asked, once");
        let Asked { pending, request, answer } = asked;
        let body = match (response, answer) {
            (GroupResponse::Join(answer), _) => ResponseKind::JoinGroup(answer),
            (GroupResponse::Sync(answer), _) => ResponseKind::SyncGroup(answer),
            (GroupResponse::Heartbeat(answer), _) => ResponseKind::Heartbeat(answer),
            (GroupResponse::Leave(answer), _) => ResponseKind::LeaveGroup(answer),
            (GroupResponse::OffsetCommit(answer), Answer::OffsetCommit(unknown)) => {
                tell_commit(&request.body, &answer, serving);
                ResponseKind::OffsetCommit(with_unknown(unknown, answer))
            }
            (GroupResponse::OffsetDelete(answer), Answer::OffsetDelete(unknown)) => {
                ResponseKind::OffsetDelete(without_gone(unknown, answer))
            }
            (GroupResponse::DeleteGroups(results), Answer::DeleteGroups(mut all, missing)) => {
                all.extend(results);
                if missing > 1 {
                    let answer = Answer::DeleteGroups(all, missing - 1);
                    self.coordinators.asked.insert(number, Asked { pending, request, answer });
                    return;
                }
                ResponseKind::DeleteGroups(DeleteGroupsResponse::default().with_results(all))
            }
            (GroupResponse::OffsetFetch(group), Answer::OffsetFetch(mut groups)) => {
                groups[part] = Some(group);
                if groups.iter().any(Option::is_none) {
                    let answer = Answer::OffsetFetch(groups);
                    self.coordinators.asked.insert(number, Asked { pending, request, answer });
                    return;
                }
                super::offset_fetch::response(pending.version, groups.into_iter().flatten().collect())
            }
            (response, answer) => panic!("{response:?} is no answer to what waits for {answer:?}"),
        };
        if self.server.owns(pending.conn) {
            self.complete(&pending, body, serving);
        }
    }
}

/// Gives a coordinator a request that is about one group.
fn give(shard: &mut GroupShard, turn: &mut Turn<'_>, context: &RequestContext, request: &RequestKind) {
    match request {
        RequestKind::JoinGroup(body) => shard.join_group(turn, context, body),
        RequestKind::SyncGroup(body) => shard.sync_group(turn, context, body),
        RequestKind::Heartbeat(body) => shard.heartbeat(turn, context, body),
        RequestKind::LeaveGroup(body) => shard.leave_group(turn, context, body),
        other => unreachable!("not a request of one group: {other:?}"),
    }
}

/// Who sent a request.
pub(super) fn context(number: u64, request: &Request) -> RequestContext {
    RequestContext {
        token: token(number, 0),
        api_version: request.version,
        client_id: request.client_id.clone(),
        client_host: CLIENT_HOST,
    }
}

/// The answer to a request that no coordinator takes.
fn refused_by(request: &RequestKind, version: i16, error: ErrorCode) -> ResponseKind {
    let code = error.0;
    match request {
        RequestKind::JoinGroup(body) => {
            let answer = JoinGroupResponse::default().with_member_id(body.member_id.clone()).with_error_code(code);
            let protocol = (version < FIRST_JOIN_WITHOUT_PROTOCOL).then(StrBytes::new);
            ResponseKind::JoinGroup(answer.with_protocol_name(protocol))
        }
        RequestKind::SyncGroup(_) => ResponseKind::SyncGroup(SyncGroupResponse::default().with_error_code(code)),
        // A client that heartbeats while the coordinator loads may go on.
        RequestKind::Heartbeat(_) if error == ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => {
            ResponseKind::Heartbeat(HeartbeatResponse::default())
        }
        RequestKind::Heartbeat(_) => ResponseKind::Heartbeat(HeartbeatResponse::default().with_error_code(code)),
        RequestKind::LeaveGroup(_) => ResponseKind::LeaveGroup(LeaveGroupResponse::default().with_error_code(code)),
        other => unreachable!("not a request of one group: {other:?}"),
    }
}

/// A topic of a commit, with one answer for all its partitions.
fn committed(topic: &OffsetCommitRequestTopic, error: ErrorCode) -> OffsetCommitResponseTopic {
    let partition =
        |index: i32| OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(error.0);
    OffsetCommitResponseTopic::default()
        .with_name(topic.name.clone())
        .with_topic_id(topic.topic_id)
        .with_partitions(topic.partitions.iter().map(|asked| partition(asked.partition_index)).collect())
}

/// What was answered already, and then what the coordinator answers, topic by topic.
fn with_unknown(mut all: OffsetCommitResponse, answer: OffsetCommitResponse) -> OffsetCommitResponse {
    for topic in answer.topics {
        match all.topics.iter_mut().find(|known| known.name == topic.name) {
            Some(known) => known.partitions.extend(topic.partitions),
            None => all.topics.push(topic),
        }
    }
    all
}

/// The same of an OffsetDelete; an error of the whole stands alone.
fn without_gone(mut all: OffsetDeleteResponse, answer: OffsetDeleteResponse) -> OffsetDeleteResponse {
    if answer.error_code != 0 {
        return answer;
    }
    for topic in answer.topics {
        match all.topics.iter_mut().find(|known| known.name == topic.name) {
            Some(known) => known.partitions.extend(topic.partitions),
            None => all.topics.push(topic),
        }
    }
    all
}

/// Tells the trace which offsets are committed.
fn tell_commit(request: &RequestKind, answer: &OffsetCommitResponse, serving: &mut Serving<'_, '_>) {
    let RequestKind::OffsetCommit(body) = request else { unreachable!("a commit is answered as one") };
    let is_good = |topic: &str, index: i32| {
        let answered = answer.topics.iter().filter(|answered| &**answered.name == topic);
        answered.flat_map(|answered| &answered.partitions).any(|p| p.partition_index == index && p.error_code == 0)
    };
    let mut offsets = Vec::new();
    for topic in &body.topics {
        let name: Arc<str> = (&**topic.name).into();
        for partition in topic.partitions.iter().filter(|partition| is_good(&name, partition.partition_index)) {
            let tp = TopicPartition::new(name.clone(), partition.partition_index);
            offsets.push((tp, partition.committed_offset));
        }
    }
    if !offsets.is_empty() {
        serving.ctx.fact(Fact::OffsetsCommitted {
            group: (&**body.group_id).into(),
            member: (&*body.member_id).into(),
            generation: body.generation_id_or_member_epoch,
            offsets,
        });
    }
}
