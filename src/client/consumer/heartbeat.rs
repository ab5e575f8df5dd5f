//! The heartbeat thread: it keeps a member in its group while the application works, and takes it out when the
//! application does not poll any more (KIP-62, `Heartbeat` and `HeartbeatThread`).

use super::membership::{Generation, MemberState};
use super::{Asked, Consumer};
use crate::base::{SimTime, exponential_backoff};
use crate::machine::Ctx;
use crate::wire::messages::{HeartbeatRequest, HeartbeatResponse};
use crate::wire::{ApiKey, ErrorCode, RequestKind};

/// When which of a member's timers runs out.
#[derive(Clone, Debug, Default)]
pub(super) struct Heartbeat {
    /// The next heartbeat.
    due: SimTime,
    in_flight: bool,
    failures: u32,
    /// Until when the coordinator is believed to be well.
    pub(super) session_until: SimTime,
    /// When the application was last seen polling.
    pub(super) polled_at: SimTime,
}

impl Consumer {
    /// Starts all timers anew: the member has joined (`HeartbeatThread.enable`).
    pub(super) fn enable_heartbeat(&mut self, ctx: &Ctx<'_>) {
        let now = ctx.now();
        let (interval, session) = (self.config.heartbeat_interval, self.config.session_timeout);
        let heartbeat = &mut self.member().heartbeat;
        heartbeat.due = now + interval;
        heartbeat.session_until = now + session;
        heartbeat.polled_at = now;
    }

    /// Whether the heartbeat thread runs: then responses are read also while the application works.
    pub(super) fn heartbeats(&self) -> bool {
        let joined = |state| matches!(state, MemberState::CompletingRebalance | MemberState::Stable);
        self.membership.as_ref().is_some_and(|member| joined(member.state))
    }

    /// One turn of the heartbeat thread.
    pub(super) fn heartbeat(&mut self, ctx: &mut Ctx<'_>) {
        if !self.heartbeats() {
            return;
        }
        let now = ctx.now();
        let Some(node) = self.coordinator_is_ready(ctx) else { return };
        let polling = self.application.is_polling();
        let max_poll_interval = self.config.max_poll_interval;
        let heartbeat = &mut self.member().heartbeat;
        let poll_until = heartbeat.polled_at + max_poll_interval;
        if heartbeat.session_until <= now {
            self.mark_coordinator_unknown(ctx);
            self.again = true;
        } else if !polling && poll_until <= now {
            self.leave("consumer poll timeout has expired.", ctx);
        } else if !heartbeat.in_flight && heartbeat.due <= now {
            self.send_heartbeat(node, ctx);
        } else {
            let due = if heartbeat.in_flight { heartbeat.session_until } else { heartbeat.due };
            let due = due.min(heartbeat.session_until);
            self.wake(if polling { due } else { due.min(poll_until) });
        }
    }

    fn send_heartbeat(&mut self, node: i32, ctx: &mut Ctx<'_>) {
        let interval = self.config.heartbeat_interval;
        let member = self.member();
        member.heartbeat.due = ctx.now() + interval;
        member.heartbeat.in_flight = true;
        let generation = member.generation.clone();
        let request = HeartbeatRequest::default()
            .with_group_id(member.group_id())
            .with_generation_id(generation.id)
            .with_member_id(member.member_id());
        let instance = member.instance_id();
        self.net.send(node, ApiKey::Heartbeat, Some(Asked::Heartbeat { generation }), ctx, |version| {
            RequestKind::Heartbeat(if version >= 3 { request.with_group_instance_id(instance) } else { request })
        });
        self.again = true;
    }

    pub(super) fn heartbeat_answered(&mut self, sent: &Generation, response: &HeartbeatResponse, ctx: &mut Ctx<'_>) {
        let member = self.member();
        let is_current = member.generation == *sent;
        match ErrorCode(response.error_code) {
            ErrorCode::NONE => self.heartbeat_received(ctx),
            error @ (ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR) => {
                self.heartbeat_failed(ctx);
                self.mark_coordinator_unknown(ctx);
                let _ = error;
            }
            ErrorCode::REBALANCE_IN_PROGRESS => {
                if member.state == MemberState::Stable {
                    member.request_rejoin("group is already rebalancing");
                }
                self.heartbeat_received(ctx);
            }
            error @ (ErrorCode::ILLEGAL_GENERATION | ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_INSTANCE_ID) => {
                if !is_current {
                    return self.heartbeat_received(ctx);
                }
                member.reset_on_error("HEARTBEAT", error);
                self.heartbeat_failed(ctx);
                if error == ErrorCode::FENCED_INSTANCE_ID {
                    let message = self.fatal_message(error, "");
                    self.throw(message, ctx);
                }
            }
            error => {
                self.heartbeat_failed(ctx);
                if error == ErrorCode::GROUP_AUTHORIZATION_FAILED {
                    let message = self.fatal_message(error, "");
                    self.throw(message, ctx);
                }
            }
        }
    }

    fn heartbeat_received(&mut self, ctx: &Ctx<'_>) {
        let session = self.config.session_timeout;
        let heartbeat = &mut self.member().heartbeat;
        heartbeat.in_flight = false;
        heartbeat.failures = 0;
        heartbeat.session_until = ctx.now() + session;
    }

    pub(super) fn heartbeat_failed(&mut self, ctx: &mut Ctx<'_>) {
        let (backoff, max) = (self.config.common.retry_backoff, self.config.common.retry_backoff_max);
        let heartbeat = &mut self.member().heartbeat;
        heartbeat.in_flight = false;
        heartbeat.failures += 1;
        heartbeat.due = ctx.now() + exponential_backoff(heartbeat.failures, backoff, max, ctx.rng());
    }
}
