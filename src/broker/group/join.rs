//! JoinGroup: a member comes, comes back, or is told what it has missed.

use super::classic::{ClassicGroup, ClassicState, Terms};
use super::effect::{Effect, GroupEvent, RequestContext, Turn};
use super::member::{ClassicMember, Parked, Protocol, protocols};
use super::shard::GroupShard;
use super::timeline::Incarnation;
use super::timers::{TimerKey, TimerTask};
use super::writes::{Completion, Write, response_error};
use crate::wire::messages::{JoinGroupRequest, JoinGroupResponse};
use crate::wire::{ErrorCode, StrBytes};
use bytes::Bytes;
use std::sync::Arc;

/// How long a new member's JoinGroup may wait (`CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS`). It has no id to send
/// heartbeats with, and a client that gave up and asked again would be a second member.
const NEW_MEMBER_JOIN_TIMEOUT_MS: i64 = 300_000;

/// The first version whose clients must come back with the id that they are given (KIP-394).
const FIRST_VERSION_REQUIRING_MEMBER_ID: i16 = 4;

/// The first version in which a leader can be told not to assign (KIP-814).
const FIRST_VERSION_SKIPPING_ASSIGNMENT: i16 = 9;

/// A JoinGroup.
struct Joining<'a> {
    parked: Parked,
    context: &'a RequestContext,
    request: &'a JoinGroupRequest,
    protocols: Arc<[Protocol]>,
}

impl Joining<'_> {
    fn instance(&self) -> Option<&StrBytes> {
        self.request.group_instance_id.as_ref()
    }

    /// What it says of its member. Version 0 has one time for both.
    fn terms(&self) -> Terms {
        let session_timeout_ms = self.request.session_timeout_ms;
        let rebalance_timeout_ms =
            if self.parked.api_version == 0 { session_timeout_ms } else { self.request.rebalance_timeout_ms };
        Terms { protocols: self.protocols.clone(), rebalance_timeout_ms, session_timeout_ms }
    }

    /// Why a rebalance begins because of it, with what the client says (KIP-800).
    fn reason(&self, reason: &str) -> String {
        let client = self.request.reason.as_deref().filter(|client| !client.is_empty()).unwrap_or("not provided");
        format!("{reason}; client reason: {client}")
    }

    /// The id of a new member.
    fn new_member_id(&self, turn: &mut Turn<'_>) -> StrBytes {
        let prefix = self.instance().unwrap_or(&self.context.client_id);
        StrBytes::from_string(format!("{prefix}-{}", turn.random.member_uuid()))
    }
}

/// A static member whose new id is being written.
#[derive(Clone, Debug)]
pub(super) struct StaticRejoin {
    group: Incarnation,
    generation: i32,
    instance: StrBytes,
    old_id: StrBytes,
    new_id: StrBytes,
    old_terms: Terms,
    /// Who led the group before.
    leader: Option<StrBytes>,
    parked: Parked,
}

/// The answer to a JoinGroup that is refused.
pub(super) fn refusal(member_id: &str, error: ErrorCode) -> JoinGroupResponse {
    let member_id = StrBytes::from_string(member_id.to_string());
    JoinGroupResponse::default().with_member_id(member_id).with_error_code(error.0)
}

/// The answer that tells a member of its group's generation.
pub(super) fn generation_of(group: &ClassicGroup, member_id: &StrBytes) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_member_id(member_id.clone())
        .with_generation_id(group.generation())
        .with_protocol_name(group.protocol_name().cloned())
        .with_protocol_type(group.protocol_type().cloned())
        .with_leader(group.leader().cloned().unwrap_or_default())
}

impl GroupShard {
    /// Serves a JoinGroup. The answer may come at once or when the group has been rebalanced.
    pub fn join_group(&mut self, turn: &mut Turn<'_>, context: &RequestContext, request: &JoinGroupRequest) {
        let parked = Parked { token: context.token, api_version: context.api_version };
        self.waiting.insert(context.token);
        let timeouts = self.config.min_session_timeout_ms..=self.config.max_session_timeout_ms;
        let error = match request {
            _ if request.group_id.is_empty() => ErrorCode::INVALID_GROUP_ID,
            _ if !timeouts.contains(&request.session_timeout_ms) => ErrorCode::INVALID_SESSION_TIMEOUT,
            _ => {
                let joining = Joining { parked, context, request, protocols: protocols(&request.protocols) };
                return self.join_classic_group(turn, &joining);
            }
        };
        self.answer_join(turn, Some(parked), refusal(&request.member_id, error));
    }

    fn join_classic_group(&mut self, turn: &mut Turn<'_>, joining: &Joining<'_>) {
        let (group_id, member_id) = (&joining.request.group_id.0, &joining.request.member_id);
        let known = self.timeline.now().group(group_id);
        // Only who comes without an id makes a group.
        let group = match known {
            Some(group) => group,
            None if member_id.is_empty() => {
                self.timeline.create(ClassicGroup::new(group_id.clone(), Some(turn.now_ms())))
            }
            None => {
                let refused = refusal(member_id, ErrorCode::UNKNOWN_MEMBER_ID);
                return self.answer_join(turn, Some(joining.parked), refused);
            }
        };
        let write = if !self.accepts(group, member_id) {
            self.timeline.group_mut(group).remove(member_id);
            self.reply(turn, joining, refusal("", ErrorCode::GROUP_MAX_SIZE_REACHED))
        } else if member_id.is_empty() {
            self.join_new_member(turn, group, joining)
        } else {
            self.join_existing_member(turn, group, joining)
        };
        // A new group must be in the log before anything is built on it.
        let new_group = || {
            let records = vec![self.timeline.group(group).to_empty_record()];
            Write { records, completion: Completion::NewGroup(joining.parked) }
        };
        let write = write.or_else(|| known.is_none().then(new_group));
        self.append(turn, write);
    }

    /// Answers a JoinGroup at once. There is nothing to write then.
    fn reply(&mut self, turn: &mut Turn<'_>, joining: &Joining<'_>, response: JoinGroupResponse) -> Option<Write> {
        self.answer_join(turn, Some(joining.parked), response);
        None
    }

    /// Whether there is room for a member. Of a group that rebalances those who come first count, so that in one whose
    /// limit was lowered the last to come must go.
    fn accepts(&self, group: Incarnation, member_id: &StrBytes) -> bool {
        let group = self.timeline.group(group);
        let has_room = |size: usize| (size as i64) < i64::from(self.config.max_size);
        match group.state() {
            ClassicState::Empty => true,
            ClassicState::PreparingRebalance => {
                group.member(member_id).is_some_and(ClassicMember::is_awaiting_join) || has_room(group.awaiting_join())
            }
            ClassicState::CompletingRebalance | ClassicState::Stable => {
                group.member(member_id).is_some() || has_room(group.members().len())
            }
        }
    }

    fn join_new_member(&mut self, turn: &mut Turn<'_>, group: Incarnation, joining: &Joining<'_>) -> Option<Write> {
        if !self.timeline.group(group).supports(&joining.request.protocol_type, &joining.protocols) {
            return self.reply(turn, joining, refusal("", ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
        }
        let member_id = joining.new_member_id(turn);
        if let Some(instance) = joining.instance() {
            return match self.timeline.group(group).static_member_id(instance).cloned() {
                Some(old_id) => self.rejoin_static_member(turn, group, joining, (old_id, member_id)),
                None => self.add_member(turn, group, joining, member_id),
            };
        }
        if joining.parked.api_version < FIRST_VERSION_REQUIRING_MEMBER_ID {
            return self.add_member(turn, group, joining, member_id);
        }
        let group = self.timeline.group_mut(group);
        group.pending_join.insert(member_id.clone());
        let key = TimerKey::Heartbeat(group.group_id().clone(), member_id.clone());
        self.timers.schedule(key, turn.now, joining.request.session_timeout_ms.into(), TimerTask::Plain);
        self.reply(turn, joining, refusal(&member_id, ErrorCode::MEMBER_ID_REQUIRED))
    }

    fn join_existing_member(
        &mut self,
        turn: &mut Turn<'_>,
        group: Incarnation,
        joining: &Joining<'_>,
    ) -> Option<Write> {
        let member_id = &joining.request.member_id;
        let is = self.timeline.group(group);
        if !is.supports(&joining.request.protocol_type, &joining.protocols) {
            return self.reply(turn, joining, refusal(member_id, ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
        }
        if is.pending_join.contains(member_id) {
            // An id that was given out is a dynamic member's.
            return match joining.instance() {
                Some(_) => self.reply(turn, joining, refusal("", ErrorCode::UNKNOWN_SERVER_ERROR)),
                None => self.add_member(turn, group, joining, member_id.clone()),
            };
        }
        if let Err(error) = is.validate_member(member_id, joining.instance()) {
            return self.reply(turn, joining, refusal(member_id, error).with_protocol_name(None));
        }
        self.rejoin_member(turn, group, joining)
    }

    /// A member joins again: where nothing has changed it is told of the generation that is, else it is rebalanced.
    fn rejoin_member(&mut self, turn: &mut Turn<'_>, group: Incarnation, joining: &Joining<'_>) -> Option<Write> {
        let member_id = &joining.request.member_id;
        let is = self.timeline.group(group);
        let is_leader = is.is_leader(member_id);
        let is_unchanged = is.member(member_id).is_some_and(|member| member.protocols == joining.protocols);
        let state = is.state().name();
        let reason = match is.state() {
            ClassicState::PreparingRebalance => format!("Member {member_id} is joining group during {state}"),
            // It may not have got the answer. The leader then needs the list again.
            ClassicState::CompletingRebalance if is_unchanged => {
                let members = if is_leader { is.joined_members() } else { Vec::new() };
                let response = generation_of(is, member_id).with_members(members);
                return self.reply(turn, joining, response);
            }
            // What a leader assigns depends on more than the members, so it may ask for a rebalance.
            ClassicState::Stable if is_leader => format!("Leader {member_id} re-joining group during {state}"),
            ClassicState::Stable if is_unchanged => {
                let response = generation_of(is, member_id);
                return self.reply(turn, joining, response);
            }
            ClassicState::CompletingRebalance | ClassicState::Stable => {
                format!("Updating metadata for member {member_id} during {state}")
            }
            ClassicState::Empty => unreachable!("an empty group has no members"),
        };
        self.timeline.group_mut(group).update_member(member_id, joining.terms(), Some(joining.parked));
        self.prepare_rebalance_or_complete_join(turn, group, joining.reason(&reason))
    }

    fn add_member(
        &mut self,
        turn: &mut Turn<'_>,
        group: Incarnation,
        joining: &Joining<'_>,
        member_id: StrBytes,
    ) -> Option<Write> {
        let terms = joining.terms();
        let member = ClassicMember {
            member_id: member_id.clone(),
            group_instance_id: joining.instance().cloned(),
            client_id: joining.context.client_id.clone(),
            client_host: joining.context.client_host.clone(),
            rebalance_timeout_ms: terms.rebalance_timeout_ms,
            session_timeout_ms: terms.session_timeout_ms,
            protocols: terms.protocols,
            assignment: Bytes::new(),
            awaiting_join: Some(joining.parked),
            awaiting_sync: None,
            is_new: true,
        };
        let joined = self.timeline.group_mut(group);
        if joined.state == ClassicState::PreparingRebalance && joined.previous == Some(ClassicState::Empty) {
            joined.new_member_added = true;
        }
        joined.add(member, &joining.request.protocol_type);
        turn.push(Effect::Event(GroupEvent::Joined {
            group: joined.group_id().clone(),
            member_id: member_id.clone(),
            instance: joining.instance().cloned(),
        }));
        let key = TimerKey::Heartbeat(joined.group_id().clone(), member_id.clone());
        self.timers.schedule(key, turn.now, NEW_MEMBER_JOIN_TIMEOUT_MS, TimerTask::Plain);
        let instance = joining.instance().map_or("null", |instance| instance);
        let reason = format!("Adding new member {member_id} with group instance id {instance}");
        self.prepare_rebalance_or_complete_join(turn, group, joining.reason(&reason))
    }

    /// A static member is back without its id: it gets a new one and, in a stable group whose vote it does not change,
    /// its assignment, without a rebalance. Whoever had its old id is fenced.
    fn rejoin_static_member(
        &mut self,
        turn: &mut Turn<'_>,
        group: Incarnation,
        joining: &Joining<'_>,
        (old_id, new_id): (StrBytes, StrBytes),
    ) -> Option<Write> {
        let instance = joining.instance().expect("a static member").clone();
        let leader = self.timeline.group(group).leader().cloned();
        self.replace_static_member(turn, group, &instance, &old_id, &new_id);
        let rejoined = self.timeline.group_mut(group);
        let old_terms = rejoined.update_member(&new_id, joining.terms(), Some(joining.parked));
        let reason = match rejoined.state() {
            ClassicState::Stable if rejoined.protocol_name == Some(rejoined.select_protocol()) => {
                let records = vec![rejoined.to_record(|member| member.assignment.clone())];
                let (generation, parked) = (rejoined.generation(), joining.parked);
                let rejoin = StaticRejoin { group, generation, instance, old_id, new_id, old_terms, leader, parked };
                return Some(Write { records, completion: Completion::StaticRejoin(Box::new(rejoin)) });
            }
            ClassicState::Stable => format!(
                "Group's selectedProtocol will change because static member {new_id} with instance id {instance} \
                 joined with change of protocol"
            ),
            // The leader may be assigning to the old id.
            ClassicState::CompletingRebalance => {
                format!("Updating metadata for static member {new_id} with instance id {instance}")
            }
            ClassicState::PreparingRebalance => return self.complete_join_if_all_joined(turn, group),
            ClassicState::Empty => unreachable!("an empty group has no static members"),
        };
        self.prepare_rebalance_or_complete_join(turn, group, joining.reason(&reason))
    }

    /// Gives a static member a new id, with a session of its own, and fences who waits under the old one.
    fn replace_static_member(
        &mut self,
        turn: &mut Turn<'_>,
        group: Incarnation,
        instance: &StrBytes,
        old_id: &StrBytes,
        new_id: &StrBytes,
    ) {
        let is = self.timeline.group_mut(group);
        let (join, sync) = is.replace_static_member(instance, old_id, new_id);
        turn.push(Effect::Event(GroupEvent::Replaced {
            group: is.group_id().clone(),
            instance: instance.clone(),
            old_id: old_id.clone(),
            member_id: new_id.clone(),
        }));
        let fenced = ErrorCode::FENCED_INSTANCE_ID;
        self.answer_join(turn, join, refusal(old_id, fenced).with_protocol_name(None));
        self.answer_sync(turn, sync, super::sync::refusal(fenced));
        self.schedule_heartbeat(turn, group, new_id);
    }

    /// The new id of a static member is in the log, or is not.
    pub(super) fn complete_static_rejoin(
        &mut self,
        turn: &mut Turn<'_>,
        rejoin: StaticRejoin,
        result: Result<(), ErrorCode>,
    ) {
        match result {
            Ok(()) => self.confirm_static_rejoin(turn, rejoin),
            Err(error) => self.undo_static_rejoin(turn, rejoin, error),
        }
    }

    fn confirm_static_rejoin(&mut self, turn: &mut Turn<'_>, rejoin: StaticRejoin) {
        let StaticRejoin { group, new_id, leader, parked, .. } = rejoin;
        let is = self.timeline.group_mut(group);
        let is_leader = is.is_leader(&new_id);
        if is_leader && is.state() == ClassicState::PreparingRebalance {
            // There is no generation to tell of; it waits with the others for the next.
            return;
        }
        // It has been replaced again, or has left, or was told by a rebalance.
        let Some(waiting) = is.take_join(&new_id) else { return };
        let response = generation_of(is, &new_id);
        let response = if parked.api_version >= FIRST_VERSION_SKIPPING_ASSIGNMENT {
            // The leader is told that it leads, and that what it assigned before is still so.
            let members = if is_leader { is.joined_members() } else { Vec::new() };
            response.with_members(members).with_skip_assignment(is_leader)
        } else {
            // It must not take itself for the leader, or it would assign anew.
            response.with_leader(leader.unwrap_or_default())
        };
        self.answer_join(turn, Some(waiting), response);
    }

    /// Gives the old id back. Where the group has moved on meanwhile the new one stays, and only the request fails: its
    /// old protocols may be none that the group could do with. (Kafka gives the old id back even then.)
    fn undo_static_rejoin(&mut self, turn: &mut Turn<'_>, rejoin: StaticRejoin, error: ErrorCode) {
        let StaticRejoin { group, generation, instance, old_id, new_id, old_terms, leader, parked } = rejoin;
        let is = self.timeline.group_mut(group);
        let is_current = is.state() == ClassicState::Stable && is.generation() == generation;
        if !is_current || is.member(&new_id).is_none() {
            return self.fail_join(turn, parked, error);
        }
        let response = generation_of(is, &StrBytes::new()).with_leader(leader.unwrap_or_default());
        is.update_member(&new_id, old_terms, None);
        self.replace_static_member(turn, group, &instance, &new_id, &old_id);
        self.answer_join(turn, Some(parked), response.with_error_code(response_error(error).0));
    }

    /// Fails a JoinGroup because of a write, if it still waits. Its member, if it is one already, goes on counting as one
    /// that waits.
    pub(super) fn fail_join(&mut self, turn: &mut Turn<'_>, parked: Parked, error: ErrorCode) {
        self.answer_join(turn, Some(parked), refusal("", response_error(error)));
    }
}
