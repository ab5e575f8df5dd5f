//! Heartbeat: a member is there, and hears whether the group is rebalancing.

use super::classic::ClassicState;
use super::effect::{Effect, GroupResponse, RequestContext, Turn};
use super::shard::GroupShard;
use crate::wire::ErrorCode;
use crate::wire::messages::{HeartbeatRequest, HeartbeatResponse};

impl GroupShard {
    /// Serves a Heartbeat.
    pub fn heartbeat(&mut self, turn: &mut Turn<'_>, context: &RequestContext, request: &HeartbeatRequest) {
        let response = HeartbeatResponse::default();
        match self.heartbeat_error(turn, request) {
            Ok(error) => {
                let response = GroupResponse::Heartbeat(response.with_error_code(error.0));
                self.append_and_respond(turn, Vec::new(), context.token, response);
            }
            Err(error) => {
                let response = GroupResponse::Heartbeat(response.with_error_code(error.0));
                turn.push(Effect::Respond { request: context.token, response });
            }
        }
    }

    fn heartbeat_error(&mut self, turn: &Turn<'_>, request: &HeartbeatRequest) -> Result<ErrorCode, ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let group = self.timeline.now().group(&request.group_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        let is = self.timeline.group(group);
        is.validate_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != is.generation() {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        let error = match is.state() {
            ClassicState::PreparingRebalance => ErrorCode::REBALANCE_IN_PROGRESS,
            // Members may begin to heartbeat as soon as they have joined.
            ClassicState::Empty | ClassicState::CompletingRebalance | ClassicState::Stable => ErrorCode::NONE,
        };
        self.schedule_heartbeat(turn, group, &request.member_id);
        Ok(error)
    }
}
