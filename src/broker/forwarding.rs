//! Handing requests that change the cluster to the active controller (`ForwardingManager`, KIP-590).

use super::alter_configs::{Refused, put_among};
use super::{Broker, Served, Serving};
use crate::base::{ConnId, SimDuration, SimTime};
use crate::machine::{Ctx, Input};
use crate::network::controller_channel::{ActiveController, ChannelEvent};
use crate::network::{ControllerChannel, Pending, envelope};
use crate::wire::{ApiKey, ErrorCode, Request, ResponseKind, error_response};
use std::sync::Arc;

/// A client's request that is with the controller.
#[derive(Clone, Debug)]
struct Forwarded {
    pending: Pending,
    request: Arc<Request>,
    /// What the broker has refused of it already.
    refused: Refused,
}

/// The requests that are with the controller.
#[derive(Clone, Debug)]
pub(super) struct Forwarding {
    channel: ControllerChannel<Forwarded>,
}

impl Forwarding {
    pub(super) fn new(broker: i32, request_timeout: SimDuration) -> Self {
        Self { channel: ControllerChannel::new(broker, request_timeout, Some(request_timeout)) }
    }

    pub(super) fn is_settled(&self, leader: &ActiveController) -> bool {
        self.channel.is_settled(leader)
    }

    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.channel.owns(conn)
    }

    pub(super) fn next_deadline(&self, leader: &ActiveController) -> Option<SimTime> {
        self.channel.next_deadline(leader)
    }

    pub(super) fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.channel.close(ctx);
    }
}

impl Broker {
    /// Forwards a request in an Envelope; the client's connection waits for the answer.
    pub(super) fn forward(
        &mut self,
        pending: Pending,
        request: &Arc<Request>,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        self.forward_rest(pending, request, Refused::new(), serving)
    }

    /// Forwards what is left of a request after a part of it was refused.
    pub(super) fn forward_rest(
        &mut self,
        pending: Pending,
        request: &Arc<Request>,
        refused: Refused,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let body = envelope::seal(request);
        let forwarded = Forwarded { pending, request: request.clone(), refused };
        self.forwarding.channel.enqueue(forwarded, ApiKey::Envelope, body, serving.ctx.now());
        Served::Parked
    }

    pub(super) fn forwarding_input(&mut self, input: Input, serving: &mut Serving<'_, '_>) {
        let events = self.forwarding.channel.handle(input, serving.ctx);
        self.forwarding_events(events, serving);
    }

    pub(super) fn send_forwarded(&mut self, serving: &mut Serving<'_, '_>) {
        let events = self.forwarding.channel.poll(serving.leader, serving.ctx);
        self.forwarding_events(events, serving);
    }

    fn forwarding_events(&mut self, events: Vec<ChannelEvent<Forwarded>>, serving: &mut Serving<'_, '_>) {
        for event in events {
            let (forwarded, answer) = match event {
                ChannelEvent::Answered(forwarded, response) => {
                    let ResponseKind::Envelope(body) = &response.body else {
                        panic!("a response of another kind than its request: {response:?}")
                    };
                    let (api, version) = (forwarded.request.api, forwarded.request.version);
                    (forwarded, envelope::unwrap(body, api, version))
                }
                ChannelEvent::TimedOut(forwarded) => (forwarded, Err(ErrorCode::REQUEST_TIMED_OUT)),
            };
            let Forwarded { pending, request, refused } = forwarded;
            let mut body = answer.unwrap_or_else(|error| error_response(&request.body, request.version, error, None));
            put_among(&mut body, refused);
            if self.server.owns(pending.conn) {
                self.complete(&pending, body, serving);
            }
        }
    }
}
