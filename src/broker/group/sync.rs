//! SyncGroup: the leader brings what it has assigned, the others fetch theirs.

use super::classic::ClassicState;
use super::effect::{Effect, GroupEvent, RequestContext, Turn};
use super::member::Parked;
use super::shard::GroupShard;
use super::timeline::Incarnation;
use super::timers::TimerKey;
use super::writes::{Completion, Write, response_error};
use crate::base::SortedMap;
use crate::wire::messages::{SyncGroupRequest, SyncGroupResponse};
use crate::wire::{ErrorCode, StrBytes};
use bytes::Bytes;
use std::sync::Arc;

/// What a leader has assigned, while it is being written.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    group: Incarnation,
    generation: i32,
    leader: StrBytes,
    parked: Parked,
    by_member: Arc<SortedMap<StrBytes, Bytes>>,
}

/// The answer to a SyncGroup that is refused.
pub(super) fn refusal(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(error.0)
}

impl GroupShard {
    /// Serves a SyncGroup. The answer may come at once or when the leader's assignment is in the log.
    pub fn sync_group(&mut self, turn: &mut Turn<'_>, context: &RequestContext, request: &SyncGroupRequest) {
        let parked = Parked { token: context.token, api_version: context.api_version };
        self.waiting.insert(context.token);
        // Who knows the protocols must name both (KIP-559).
        let names_both = request.protocol_type.is_some() && request.protocol_name.is_some();
        let group = match self.validate_sync(request) {
            _ if context.api_version >= 5 && !names_both => Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL),
            group => group,
        };
        match group {
            Ok(group) => self.sync_classic_group(turn, group, parked, request),
            Err(error) => self.answer_sync(turn, Some(parked), refusal(error)),
        }
    }

    fn sync_classic_group(
        &mut self,
        turn: &mut Turn<'_>,
        group: Incarnation,
        parked: Parked,
        request: &SyncGroupRequest,
    ) {
        let member_id = &request.member_id;
        let is = self.timeline.group_mut(group);
        match is.state() {
            ClassicState::Empty => unreachable!("an empty group has no members"),
            ClassicState::PreparingRebalance => {
                self.answer_sync(turn, Some(parked), refusal(ErrorCode::REBALANCE_IN_PROGRESS));
            }
            ClassicState::CompletingRebalance => {
                is.member_mut(member_id).expect("a valid member").awaiting_sync = Some(parked);
                let is_leader = is.is_leader(member_id);
                self.has_synced(group, member_id);
                let write = is_leader.then(|| self.assign(group, parked, request));
                self.append(turn, write);
            }
            ClassicState::Stable => {
                let response = SyncGroupResponse::default()
                    .with_protocol_type(is.protocol_type().cloned())
                    .with_protocol_name(is.protocol_name().cloned())
                    .with_assignment(is.member(member_id).expect("a valid member").assignment().clone());
                self.has_synced(group, member_id);
                self.answer_sync(turn, Some(parked), response);
            }
        }
    }

    /// The group of a SyncGroup that may be served.
    fn validate_sync(&self, request: &SyncGroupRequest) -> Result<Incarnation, ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let group = self.timeline.now().group(&request.group_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        let is = self.timeline.group(group);
        is.validate_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != is.generation() {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        let differs = |named: &Option<StrBytes>, groups: Option<&StrBytes>| {
            named.as_ref().zip(groups).is_some_and(|(named, groups)| named != groups)
        };
        if differs(&request.protocol_type, is.protocol_type()) || differs(&request.protocol_name, is.protocol_name()) {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        Ok(group)
    }

    /// A member has synced. When all have, nobody waits for them any more.
    fn has_synced(&mut self, group: Incarnation, member_id: &StrBytes) {
        let is = self.timeline.group_mut(group);
        is.pending_sync.remove(member_id);
        if is.pending_sync.is_empty() {
            self.timers.cancel(&TimerKey::Sync(is.group_id().clone()));
        }
    }

    /// The leader's assignment goes to the log. Members that it names none for have an empty one.
    fn assign(&self, group: Incarnation, parked: Parked, request: &SyncGroupRequest) -> Write {
        let assigned = request.assignments.iter().map(|to| (to.member_id.clone(), to.assignment.clone()));
        let by_member: SortedMap<StrBytes, Bytes> = assigned.collect();
        let is = self.timeline.group(group);
        let record = is.to_record(|member| by_member.get(member.member_id()).cloned().unwrap_or_default());
        let completion = Completion::Assign(Assignment {
            group,
            generation: is.generation(),
            leader: request.member_id.clone(),
            parked,
            by_member: Arc::new(by_member),
        });
        Write { records: vec![record], completion }
    }

    /// The leader's assignment is in the log, or is not.
    pub(super) fn complete_assignment(
        &mut self,
        turn: &mut Turn<'_>,
        assignment: Assignment,
        result: Result<(), ErrorCode>,
    ) {
        let Assignment { group, generation, leader, parked, by_member } = assignment;
        let is = self.timeline.group_mut(group);
        let is_current = is.state() == ClassicState::CompletingRebalance && is.generation() == generation;
        match result {
            Ok(()) if is_current => {
                for member_id in is.member_ids() {
                    let assigned = by_member.get(&member_id).cloned().unwrap_or_default();
                    is.member_mut(&member_id).expect("a member of the group").assignment = assigned;
                }
                turn.push(Effect::Event(GroupEvent::Assigned {
                    group: is.group_id().clone(),
                    generation,
                    is_of_consumers: is.uses_consumer_protocol(),
                    assignment: is.members().map(|is| (is.member_id().clone(), is.assignment().clone())).collect(),
                }));
                self.propagate_assignment(turn, group);
                self.timeline.group_mut(group).transition_to(ClassicState::Stable, turn.now_ms());
            }
            Ok(()) => {}
            Err(error) => {
                let error = response_error(error);
                if is_current {
                    self.propagate_error(turn, group, error);
                    let reason =
                        format!("Error {error} when storing group assignmentduring SyncGroup (member: {leader}).");
                    let write = self.prepare_rebalance_or_complete_join(turn, group, reason);
                    assert!(write.is_none(), "a group with members that have not joined has nothing to write");
                }
                self.answer_sync(turn, Some(parked), refusal(error));
            }
        }
    }

    /// Gives every member that waits its assignment. Sessions start anew: they were not watched meanwhile.
    fn propagate_assignment(&mut self, turn: &mut Turn<'_>, group: Incarnation) {
        let is = self.timeline.group(group);
        let protocols = SyncGroupResponse::default()
            .with_protocol_type(is.protocol_type().cloned())
            .with_protocol_name(is.protocol_name().cloned());
        self.propagate(turn, group, &protocols);
    }

    /// Takes every member's assignment away, and tells those that wait why.
    pub(super) fn propagate_error(&mut self, turn: &mut Turn<'_>, group: Incarnation, error: ErrorCode) {
        let is = self.timeline.group_mut(group);
        for member_id in is.member_ids() {
            is.member_mut(&member_id).expect("a member of the group").assignment = Bytes::new();
        }
        self.propagate(turn, group, &refusal(error));
    }

    fn propagate(&mut self, turn: &mut Turn<'_>, group: Incarnation, response: &SyncGroupResponse) {
        for member_id in self.timeline.group(group).member_ids() {
            let is = self.timeline.group_mut(group);
            let Some(parked) = is.take_sync(&member_id) else { continue };
            let assignment = is.member(&member_id).expect("a member of the group").assignment().clone();
            self.answer_sync(turn, Some(parked), response.clone().with_assignment(assignment));
            self.schedule_heartbeat(turn, group, &member_id);
        }
    }
}
