//! A node's channel to the active controller (`NodeToControllerChannelManager`).
//!
//! Requests queue and go out one at a time, over a connection that each task of a broker has for itself. Who the active
//! controller is comes from Raft: the leader of the metadata log. An answer of NOT_CONTROLLER or a broken connection
//! puts the request back in front and lets the channel look for the active controller again.

use super::envelope::error_of;
use super::{NetEvent, NetworkClient, NetworkConfig};
use crate::base::{ConnId, Endpoint, SimDuration, SimTime, earlier};
use crate::machine::{Ctx, Input};
use crate::wire::{ApiKey, ErrorCode, RequestKind, Response};
use std::collections::VecDeque;
use std::sync::Arc;

/// How long the channel waits before it looks again for an active controller (`doWork`).
const NO_CONTROLLER_BACKOFF: SimDuration = SimDuration::from_millis(100);

/// The active controller as far as Raft knows: its id and its controller listener.
pub type ActiveController = Option<(i32, Endpoint)>;

/// What the channel tells its owner. `T` is what the owner tied to the request.
#[derive(Debug)]
pub enum ChannelEvent<T> {
    /// The controller's answer.
    Answered(T, Arc<Response>),
    /// The request has waited too long.
    TimedOut(T),
}

/// A channel to the active controller.
#[derive(Clone, Debug)]
pub struct ControllerChannel<T> {
    net: NetworkClient<Queued<T>>,
    queue: VecDeque<Queued<T>>,
    /// Whom it talks to now.
    controller: ActiveController,
    /// Whether what Raft says is to be asked again.
    look_again_at: SimTime,
    retry_timeout: Option<SimDuration>,
}

#[derive(Clone, Debug)]
struct Queued<T> {
    tied: T,
    api: ApiKey,
    body: RequestKind,
    created: SimTime,
}

impl<T: Clone> ControllerChannel<T> {
    /// A channel of node `node_id`. A request is given up when it is as old as `retry_timeout`; none is never.
    pub fn new(node_id: i32, request_timeout: SimDuration, retry_timeout: Option<SimDuration>) -> Self {
        let config = NetworkConfig {
            request_timeout,
            reconnect_backoff_max: SimDuration::from_millis(50),
            max_in_flight: 1,
            ..NetworkConfig::new(node_id.to_string())
        };
        Self {
            net: NetworkClient::new(config),
            queue: VecDeque::new(),
            controller: None,
            look_again_at: SimTime::ZERO,
            retry_timeout,
        }
    }

    /// Whether a connection is its own.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.net.owns(conn)
    }

    /// Queues a request; [`ControllerChannel::poll`] sends it.
    pub fn enqueue(&mut self, tied: T, api: ApiKey, body: RequestKind, now: SimTime) {
        self.queue.push_back(Queued { tied, api, body, created: now });
    }

    /// Takes an input that concerns its connections.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) -> Vec<ChannelEvent<T>> {
        let mut events = Vec::new();
        for event in self.net.handle(input, ctx) {
            match event {
                NetEvent::Response(node, queued, answer) if error_of(&answer.body) == ErrorCode::NOT_CONTROLLER => {
                    self.lost(node, ctx);
                    self.queue.push_front(queued);
                }
                NetEvent::Response(_, queued, answer) => events.push(ChannelEvent::Answered(queued.tied, answer)),
                NetEvent::Failed(node, queued, _) => {
                    self.lost(node, ctx);
                    self.queue.push_front(queued);
                }
                NetEvent::Disconnected(node) => self.lost(node, ctx),
            }
        }
        events
    }

    /// Forgets a controller that is not the active one any more, or cannot be reached.
    fn lost(&mut self, node: i32, ctx: &mut Ctx<'_>) {
        if self.controller.take_if(|(id, _)| *id == node).is_some() {
            self.look_again_at = ctx.after(NO_CONTROLLER_BACKOFF);
        }
    }

    /// Sends what can go, to the active controller that Raft knows; what is too old comes back.
    pub fn poll(&mut self, active: &ActiveController, ctx: &mut Ctx<'_>) -> Vec<ChannelEvent<T>> {
        let mut events = Vec::new();
        if self.queue.is_empty() && self.controller.is_some() {
            return events;
        }
        let now = ctx.now();
        if let Some(timeout) = self.retry_timeout {
            while self.queue.front().is_some_and(|queued| queued.created + timeout <= now) {
                let queued = self.queue.pop_front().expect("it has a front");
                events.push(ChannelEvent::TimedOut(queued.tied));
            }
        }
        if self.controller.is_none() && self.look_again_at <= now {
            self.controller.clone_from(active);
        }
        let Some((node, endpoint)) = &self.controller else { return events };
        if !self.queue.is_empty() && self.net.ready(*node, endpoint, ctx) {
            let queued = self.queue.pop_front().expect("it is not empty");
            let body = queued.body.clone();
            self.net.send(*node, queued.api, Some(queued), ctx, |_| body);
        }
        events
    }

    /// Whether a poll does nothing before its deadline, a request or an input comes: it is not looking for this active
    /// controller.
    pub fn is_settled(&self, active: &ActiveController) -> bool {
        self.controller.is_some() || active.is_none()
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self, active: &ActiveController) -> Option<SimTime> {
        let mut deadline = self.net.next_deadline();
        let Some(first) = self.queue.front() else { return deadline };
        deadline = earlier(deadline, self.retry_timeout.map(|timeout| first.created + timeout));
        match &self.controller {
            Some((node, _)) => earlier(deadline, self.net.retry_at(*node)),
            None if active.is_some() => earlier(deadline, Some(self.look_again_at)),
            None => deadline,
        }
    }

    /// Closes its connection.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.net.close(ctx);
        self.queue.clear();
    }
}
