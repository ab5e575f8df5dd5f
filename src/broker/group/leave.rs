//! LeaveGroup: members go, or an operator sends them away by their instance ids.

use super::classic::ClassicState;
use super::effect::{Effect, GroupEvent, GroupResponse, Removal, RequestContext, Turn};
use super::join;
use super::rebalance::listed;
use super::shard::GroupShard;
use super::timeline::Incarnation;
use super::timers::TimerKey;
use super::writes::{Completion, Replay, Write};
use crate::wire::messages::leave_group_request::MemberIdentity;
use crate::wire::messages::leave_group_response::MemberResponse;
use crate::wire::messages::{LeaveGroupRequest, LeaveGroupResponse};
use crate::wire::{ErrorCode, StrBytes};

impl GroupShard {
    /// Serves a LeaveGroup.
    pub fn leave_group(&mut self, turn: &mut Turn<'_>, context: &RequestContext, request: &LeaveGroupRequest) {
        // Up to version 2 one member leaves, and its error is the response's.
        let one = context.api_version <= 2;
        let members = match one {
            true => &[MemberIdentity::default().with_member_id(request.member_id.clone())],
            false => &request.members[..],
        };
        let respond = |members: Vec<MemberResponse>| {
            let response = LeaveGroupResponse::default();
            GroupResponse::Leave(match members.first() {
                Some(member) if one => response.with_error_code(member.error_code),
                _ => response.with_members(members),
            })
        };
        let Some(group) = self.timeline.now().group(&request.group_id) else {
            let unknown = |member| left(member, Err(ErrorCode::UNKNOWN_MEMBER_ID));
            let response = match request.group_id.is_empty() {
                true => {
                    GroupResponse::Leave(LeaveGroupResponse::default().with_error_code(ErrorCode::INVALID_GROUP_ID.0))
                }
                false => respond(members.iter().map(unknown).collect()),
            };
            return turn.push(Effect::Respond { request: context.token, response });
        };
        let results: Vec<MemberResponse> =
            members.iter().map(|member| left(member, self.remove_member(turn, group, member))).collect();
        let write = self.rebalance_without(turn, group, &results);
        let records = write.map(|Write { records, .. }| records).unwrap_or_default();
        let completion = Completion::Respond(context.token, respond(results));
        self.append_records(turn, records, Replay::Not, true, completion);
    }

    fn remove_member(
        &mut self,
        turn: &mut Turn<'_>,
        group: Incarnation,
        leaving: &MemberIdentity,
    ) -> Result<(), ErrorCode> {
        let is = self.timeline.group(group);
        let instance = leaving.group_instance_id.as_ref();
        let member_id = match instance {
            // An operator names the instance alone.
            _ if leaving.member_id.is_empty() => {
                instance.and_then(|instance| is.static_member_id(instance)).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?
            }
            _ if is.pending_join.contains(&leaving.member_id) => &leaving.member_id,
            _ => is.validate_member(&leaving.member_id, instance).map(|()| &leaving.member_id)?,
        };
        let member_id = member_id.clone();
        let is = self.timeline.group_mut(group);
        self.timers.cancel(&TimerKey::Heartbeat(is.group_id().clone(), member_id.clone()));
        // A client that is still there asks again.
        let parked = is.take_join(&member_id);
        if is.member(&member_id).is_some() {
            let (group, member_id, why) = (is.group_id().clone(), member_id.clone(), Removal::Left);
            turn.push(Effect::Event(GroupEvent::Removed { group, member_id, why }));
        }
        is.remove(&member_id);
        self.answer_join(turn, parked, join::refusal("", ErrorCode::UNKNOWN_MEMBER_ID));
        Ok(())
    }

    fn rebalance_without(
        &mut self,
        turn: &mut Turn<'_>,
        group: Incarnation,
        results: &[MemberResponse],
    ) -> Option<Write> {
        let gone = results.iter().filter(|member| member.error_code == 0).map(|member| member.member_id.clone());
        let gone: Vec<StrBytes> = gone.collect();
        match self.timeline.group(group).state() {
            _ if gone.is_empty() => None,
            ClassicState::Stable | ClassicState::CompletingRebalance => {
                let reason = format!("explicit `LeaveGroup` request for ({}) members.", listed(&gone));
                self.prepare_rebalance_or_complete_join(turn, group, reason)
            }
            ClassicState::PreparingRebalance => self.complete_join_if_all_joined(turn, group),
            ClassicState::Empty => None,
        }
    }
}

fn left(member: &MemberIdentity, result: Result<(), ErrorCode>) -> MemberResponse {
    MemberResponse::default()
        .with_member_id(member.member_id.clone())
        .with_group_instance_id(member.group_instance_id.clone())
        .with_error_code(result.err().unwrap_or(ErrorCode::NONE).0)
}
