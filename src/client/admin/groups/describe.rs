//! describeConsumerGroups: first as groups of the consumer protocol (KIP-848), then as classic ones.

use super::super::driver::{Answered, Handler, LookedUp, Results, named};
use super::super::{Admin, Call, Route, Step, Throwable, body};
use super::{
    GroupDescription, GroupError, GroupMember, STATES, coordinator_lookup, coordinators, group_error, group_id,
    name_among,
};
use crate::base::{SimDuration, SortedMap, SortedSet, TopicPartition};
use crate::network::NodeId;
use crate::wire::messages::consumer_group_describe_response::{Assignment, DescribedGroup as ConsumerGroup, Member};
use crate::wire::messages::describe_groups_response::{DescribedGroup as ClassicGroup, DescribedGroupMember};
use crate::wire::messages::{ConsumerGroupDescribeRequest, ConsumerProtocolAssignment, DescribeGroupsRequest};
use crate::wire::{ErrorCode, ResponseKind, StrBytes};
use bytes::Buf;
use kafka_protocol::protocol::Decodable;

impl Admin<'_, '_> {
    /// Describes consumer groups of either protocol, each by itself (`describeConsumerGroups`).
    ///
    /// # Errors
    /// Only [`super::super::Stop::Pending`].
    pub fn describe_consumer_groups(
        &mut self,
        groups: &[String],
        timeout: Option<SimDuration>,
    ) -> Step<SortedMap<String, Result<GroupDescription, Throwable>>> {
        let mut handler = DescribeGroups::default();
        self.drive(&mut handler, groups.iter().cloned().collect(), &SortedMap::new(), timeout)
    }
}

#[derive(Default)]
struct DescribeGroups {
    /// Groups that are described as classic ones.
    classic: SortedSet<String>,
    /// What the consumer protocol's API said of groups that it does not know: it says more than the classic one.
    not_found: SortedMap<String, Option<String>>,
}

impl Handler for DescribeGroups {
    type Key = String;
    type Value = GroupDescription;

    const NAME: &'static str = "describeConsumerGroups";

    fn lookup(&self, keys: &SortedSet<String>) -> Call {
        coordinator_lookup(Self::NAME, keys)
    }

    fn looked_up(&mut self, _: &SortedSet<String>, response: &ResponseKind) -> LookedUp<String> {
        coordinators(response)
    }

    fn request(&self, broker: NodeId, keys: &SortedSet<String>) -> (Call, SortedSet<String>) {
        let (old, new): (SortedSet<String>, SortedSet<String>) =
            keys.iter().cloned().partition(|group| self.classic.contains(group));
        // One request at a time; those of the other protocol follow it.
        if new.is_empty() {
            let request = DescribeGroupsRequest::default().with_groups(old.iter().map(|g| group_id(g)).collect());
            return (named(Self::NAME, Route::Broker(broker), request), old);
        }
        let request = ConsumerGroupDescribeRequest::default().with_group_ids(new.iter().map(|g| group_id(g)).collect());
        (named(Self::NAME, Route::Broker(broker), request), new)
    }

    fn answered(&mut self, broker: NodeId, _: &SortedSet<String>, response: &ResponseKind) -> Answered<Self> {
        let mut answered = Answered { done: SortedMap::new(), unmapped: SortedSet::new() };
        match response {
            ResponseKind::ConsumerGroupDescribe(response) => {
                for group in &response.groups {
                    self.consumer_group(broker, group, &mut answered);
                }
            }
            other => {
                for group in &body!(DescribeGroups, other).groups {
                    self.classic_group(broker, group, &mut answered);
                }
            }
        }
        answered
    }

    fn unsupported(&mut self, keys: &SortedSet<String>) -> SortedSet<String> {
        // A broker without the new API is asked by the old one; one without either is the end.
        keys.iter().filter(|group| !self.classic.insert((*group).clone())).cloned().collect()
    }
}

impl DescribeGroups {
    fn consumer_group(&mut self, coordinator: NodeId, group: &ConsumerGroup, answered: &mut Answered<Self>) {
        let name = group.group_id.to_string();
        match ErrorCode(group.error_code) {
            ErrorCode::NONE => {
                let description = GroupDescription {
                    group_id: name.clone(),
                    state: name_among(&STATES, &group.group_state),
                    assignor: group.assignor_name.to_string(),
                    members: group.members.iter().map(consumer_member).collect(),
                    coordinator,
                    group_epoch: Some(group.group_epoch),
                    assignment_epoch: Some(group.assignment_epoch),
                };
                answered.done.insert(name, Ok(description));
            }
            ErrorCode::UNSUPPORTED_VERSION => {
                self.classic.insert(name);
            }
            ErrorCode::GROUP_ID_NOT_FOUND => {
                let message = group.error_message.as_ref().map(|message| message.to_string());
                self.not_found.insert(name.clone(), message);
                self.classic.insert(name);
            }
            error => refuse(name, error, group.error_message.as_ref(), answered),
        }
    }

    fn classic_group(&mut self, coordinator: NodeId, group: &ClassicGroup, answered: &mut Answered<Self>) {
        let name = group.group_id.to_string();
        let error = ErrorCode(group.error_code);
        if error == ErrorCode::GROUP_ID_NOT_FOUND {
            let theirs = group.error_message.as_ref().map(|message| message.to_string());
            let message = self.not_found.get(&name).cloned().unwrap_or(theirs);
            let why = Throwable::of(error, message.as_deref());
            answered.done.insert(name, Err(why));
            return;
        }
        if !error.is_ok() {
            return refuse(name, error, group.error_message.as_ref(), answered);
        }
        let protocol = &*group.protocol_type;
        if !matches!(protocol, "consumer" | "") {
            let message = format!("GroupId {name} is not a consumer group ({protocol}).");
            answered.done.insert(name, Err(Throwable::new(Throwable::ILLEGAL_ARGUMENT, message)));
            return;
        }
        let description = GroupDescription {
            group_id: name.clone(),
            state: name_among(&STATES, &group.group_state),
            assignor: group.protocol_data.to_string(),
            members: group.members.iter().map(classic_member).collect(),
            coordinator,
            group_epoch: None,
            assignment_epoch: None,
        };
        answered.done.insert(name, Ok(description));
    }
}

fn refuse(name: String, error: ErrorCode, message: Option<&StrBytes>, answered: &mut Answered<DescribeGroups>) {
    match group_error(error) {
        GroupError::Again => {}
        GroupError::Elsewhere => {
            answered.unmapped.insert(name);
        }
        GroupError::Failed(_) => {
            let results: &mut Results<DescribeGroups> = &mut answered.done;
            results.insert(name, Err(Throwable::of(error, message.map(|message| &**message))));
        }
    }
}

fn consumer_member(member: &Member) -> GroupMember {
    GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.as_ref().map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: partitions(&member.assignment),
        target_assignment: Some(partitions(&member.target_assignment)),
        epoch: Some(member.member_epoch),
        is_upgraded: (member.member_type != -1).then_some(member.member_type == 1),
    }
}

fn partitions(assignment: &Assignment) -> SortedSet<TopicPartition> {
    let topics = assignment.topic_partitions.iter();
    topics.flat_map(|topic| topic.partitions.iter().map(|p| TopicPartition::new(&**topic.topic_name, *p))).collect()
}

fn classic_member(member: &DescribedGroupMember) -> GroupMember {
    GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_ref().map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: assigned(&member.member_assignment),
        target_assignment: None,
        epoch: None,
        is_upgraded: None,
    }
}

/// The partitions of a member's assignment, which the group's leader has written (`ConsumerProtocol`): a version, then
/// the assignment. What does not parse is no assignment.
fn assigned(assignment: &bytes::Bytes) -> SortedSet<TopicPartition> {
    let mut bytes = assignment.clone();
    if bytes.len() < 2 {
        return SortedSet::new();
    }
    let version = bytes.get_i16().min(3);
    let Ok(assignment) = ConsumerProtocolAssignment::decode(&mut bytes, version) else { return SortedSet::new() };
    let topics = assignment.assigned_partitions.iter();
    topics.flat_map(|topic| topic.partitions.iter().map(|p| TopicPartition::new(&**topic.topic, *p))).collect()
}
