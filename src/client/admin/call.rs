//! A call of the admin client (`KafkaAdminClient.Call`): one request, where it goes, and when to give up.

use super::throwable::Throwable;
use crate::base::{SimDuration, SimTime};
use crate::network::NodeId;
use crate::wire::RequestKind;
use crate::wire::{ApiKey, Response, ResponseKind};
use kafka_protocol::protocol::Request;
use std::sync::Arc;

/// Which node a call goes to (`NodeProvider`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The controller that Metadata names: in KRaft a broker by lot, which forwards what it gets.
    Controller,
    /// The broker with the fewest requests in flight.
    LeastLoaded,
    /// This broker.
    Broker(NodeId),
}

/// A request to be made, as many times as it takes.
#[derive(Clone, Debug)]
pub struct Call {
    pub(super) name: String,
    pub(super) route: Route,
    pub(super) api: ApiKey,
    pub(super) request: RequestKind,
    pub(super) timed: Option<fn(RequestKind, i32) -> RequestKind>,
    pub(super) check: fn(&ResponseKind) -> Result<(), Throwable>,
    pub(super) min_version: i16,
    pub(super) timeout: Option<SimDuration>,
    pub(super) deadline: Option<SimTime>,
    pub(super) patience: Option<SimDuration>,
    pub(super) tries: u32,
    pub(super) pause: Pause,
    pub(super) returns_disconnects: bool,
}

/// What a call waits for before its first try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// Nothing.
    None,
    /// The least that Kafka's clock can tell: a lookup is repeated at once.
    Tick,
    /// The backoff after the tries before.
    Backoff,
}

impl Call {
    /// A call by the name that its errors have (`listTopics`). Whatever response comes is its answer.
    pub fn new<R: Request + Into<RequestKind>>(name: impl Into<String>, route: Route, request: R) -> Self {
        Self {
            name: name.into(),
            route,
            api: ApiKey::try_from(R::KEY).expect("every request has its key"),
            request: request.into(),
            timed: None,
            check: |_| Ok(()),
            min_version: 0,
            timeout: None,
            deadline: None,
            patience: None,
            tries: 0,
            pause: Pause::None,
            returns_disconnects: false,
        }
    }

    /// The same with a request that says how many milliseconds the broker may take: `timed` puts them in.
    pub fn timed(self, timed: fn(RequestKind, i32) -> RequestKind) -> Self {
        Self { timed: Some(timed), ..self }
    }

    /// The same with a look at the response: an error is thrown, and if that is retriable the call is tried again.
    pub fn checked(self, check: fn(&ResponseKind) -> Result<(), Throwable>) -> Self {
        Self { check, ..self }
    }

    /// The same for what only exists from this version of the API on.
    pub fn since(self, min_version: i16) -> Self {
        Self { min_version, ..self }
    }

    /// The same with a time of its own instead of `default.api.timeout.ms`.
    pub fn within(self, timeout: Option<SimDuration>) -> Self {
        Self { timeout: timeout.or(self.timeout), ..self }
    }

    /// The same with a moment at which it has to be over.
    pub(super) fn until(self, deadline: SimTime) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The same for a caller that waits so long for its future (`future.get(30, SECONDS)`) and no longer.
    pub fn awaited(self, patience: SimDuration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// The same as one of several requests of one operation (`AdminApiDriver`): they share a deadline, and when the
    /// connection goes the operation wants to look its node up anew.
    pub(super) fn driven(self, deadline: SimTime, tries: u32, pause: Pause) -> Self {
        Self { deadline: Some(deadline), tries, pause, returns_disconnects: true, ..self }
    }
}

/// How far a call has come.
#[derive(Clone, Debug)]
pub(super) struct CallState {
    pub(super) call: Call,
    pub(super) started_at: SimTime,
    pub(super) deadline: SimTime,
    pub(super) tries: u32,
    pub(super) not_before: SimTime,
    pub(super) place: Place,
}

/// Where a call is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// It has no node yet, or waits for its next try.
    Pending,
    /// It waits until its node can take it.
    ToSend(NodeId),
    /// It was sent with this correlation id.
    InFlight(i32),
    /// It is over.
    Done(Result<Arc<Response>, Throwable>),
}

impl CallState {
    pub(super) fn new(call: Call, now: SimTime, default_timeout: SimDuration, not_before: SimTime) -> Self {
        let deadline = call.deadline.unwrap_or(now + call.timeout.unwrap_or(default_timeout));
        let tries = call.tries;
        Self { call, started_at: now, deadline, tries, not_before, place: Place::Pending }
    }

    /// Ends the call. A caller that has lost its patience meanwhile gets Java's TimeoutException whatever came: closing
    /// the client waits for what is under way, so the tool says so when the call is over, not when its patience is.
    pub(super) fn end(&mut self, result: Result<Arc<Response>, Throwable>, now: SimTime) {
        let lost = self.call.patience.is_some_and(|patience| self.started_at + patience < now);
        self.place = match lost {
            true => Place::Done(Err(Throwable::bare("java.util.concurrent.TimeoutException"))),
            false => Place::Done(result),
        };
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.place, Place::Done(_))
    }
}
