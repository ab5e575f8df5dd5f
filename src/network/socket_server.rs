//! The server's end of connections (`SocketServer`).
//!
//! Requests of one connection are served strictly one after the other: while one is served, the connection is muted and
//! later requests queue behind it.

use crate::base::{ConnId, Endpoint, OrdMap};
use crate::machine::{Ctx, Fact};
use crate::wire::{
    ApiKey, ApiRange, FrameError, Message, Request, RequestKind, Response, ResponseKind, api_versions_refusal,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// The request that a response will answer.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The connection.
    pub conn: ConnId,
    /// The API.
    pub api: ApiKey,
    /// The version of request and response.
    pub version: i16,
    /// The correlation id.
    pub correlation_id: i32,
    /// The request came inside an Envelope from this broker's forwarding; the answer goes back in one.
    pub envelope: Option<Enveloped>,
}

/// The header of the Envelope that a request came in (KIP-590).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enveloped {
    /// The Envelope's version.
    pub version: i16,
    /// The Envelope's correlation id.
    pub correlation_id: i32,
}

impl Pending {
    /// What is to be answered when `request` came over `conn`.
    pub fn new(conn: ConnId, request: &Request) -> Self {
        let (api, version, correlation_id) = (request.api, request.version, request.correlation_id);
        Self { conn, api, version, correlation_id, envelope: None }
    }

    /// The response with this body.
    pub fn response(&self, body: ResponseKind) -> Response {
        Response { api: self.api, version: self.version, correlation_id: self.correlation_id, body }
    }
}

/// One listener with its connections.
#[derive(Clone, Debug)]
pub struct SocketServer {
    listener: Endpoint,
    apis: &'static [ApiRange],
    connections: OrdMap<ConnId, Connection>,
}

#[derive(Clone, Debug)]
struct Connection {
    /// A request is being served; the rest waits.
    muted: bool,
    backlog: VecDeque<Message>,
}

/// The connection was ended, for what came over it was no request.
#[derive(Clone, Copy, Debug)]
pub struct HungUp;

impl SocketServer {
    /// A listener that serves these APIs.
    pub fn new(listener: Endpoint, apis: &'static [ApiRange]) -> Self {
        Self { listener, apis, connections: OrdMap::new() }
    }

    /// Where it listens.
    pub fn listener(&self) -> &Endpoint {
        &self.listener
    }

    /// The APIs that it serves.
    pub fn apis(&self) -> &'static [ApiRange] {
        self.apis
    }

    /// How many connections stand.
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// Whether a connection is one of its own.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.connections.contains_key(&conn)
    }

    /// Whether a connection stands and all that came over it is served, so that its socket would be read on.
    pub fn would_read(&self, conn: ConnId) -> bool {
        self.connections.get(&conn).is_some_and(|connection| !connection.muted && connection.backlog.is_empty())
    }

    /// Somebody connected.
    pub fn accept(&mut self, conn: ConnId) {
        self.connections.insert(conn, Connection { muted: false, backlog: VecDeque::with_capacity(1) });
    }

    /// A connection is gone.
    pub fn disconnected(&mut self, conn: ConnId) {
        self.connections.remove(&conn);
    }

    /// Queues a message that arrived.
    pub fn receive(&mut self, conn: ConnId, message: Message) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.backlog.push_back(message);
        }
    }

    /// Takes the next request of a connection and mutes it, unless one is being served. What is no request ends the
    /// connection, as in Kafka; the connection is returned then as an error.
    ///
    /// # Errors
    /// The connection was ended.
    pub fn next(&mut self, conn: ConnId, ctx: &mut Ctx<'_>) -> Result<Option<Arc<Request>>, HungUp> {
        loop {
            let Some(connection) = self.connections.get(&conn) else { return Ok(None) };
            if connection.muted || connection.backlog.is_empty() {
                return Ok(None);
            }
            let connection = self.connections.get_mut(&conn).expect("it was just there");
            let message = connection.backlog.pop_front().expect("it is not empty");
            connection.muted = true;
            let decoded = match message {
                Message::Request(request) => Ok(request),
                Message::Frame(frame) => Request::decode_for(&frame, self.apis).map(Arc::new),
                Message::Response(_) => {
                    self.hang_up(conn, "a response where requests belong".into(), ctx);
                    return Err(HungUp);
                }
            };
            match decoded.and_then(|request| self.check(request)) {
                Ok(request) => return Ok(Some(request)),
                Err(FrameError::ApiVersionsVersion(correlation_id)) => {
                    let answer = api_versions_refusal(correlation_id, self.apis);
                    ctx.send(conn, Message::Response(Arc::new(answer)));
                    self.unmute(conn);
                }
                Err(error) => {
                    self.hang_up(conn, error.to_string(), ctx);
                    return Err(HungUp);
                }
            }
        }
    }

    /// Whether a request is served here at its version; a frame's was checked when it was decoded.
    fn check(&self, request: Arc<Request>) -> Result<Arc<Request>, FrameError> {
        let range = crate::wire::range_in(self.apis, request.api).ok_or(FrameError::UnknownApi(request.api as i16))?;
        match (range.min..=range.max).contains(&request.version) {
            true => Ok(request),
            false if request.api == ApiKey::ApiVersions => Err(FrameError::ApiVersionsVersion(request.correlation_id)),
            false => Err(FrameError::UnsupportedVersion(request.api as i16, request.version)),
        }
    }

    /// Answers a request; the connection is unmuted.
    pub fn respond(&mut self, pending: &Pending, body: ResponseKind, ctx: &mut Ctx<'_>) {
        let response = pending.response(body);
        let response = match pending.envelope {
            None => response,
            Some(envelope) => super::envelope::wrap(envelope, response),
        };
        ctx.send(pending.conn, Message::Response(Arc::new(response)));
        self.unmute(pending.conn);
    }

    /// Lets the next request of a connection be served, where one gets no answer.
    pub fn unmute(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.muted = false;
        }
    }

    /// Ends a connection, as Kafka does with one that it cannot serve; others live on.
    pub fn hang_up(&mut self, conn: ConnId, reason: String, ctx: &mut Ctx<'_>) {
        ctx.fact(Fact::FrameRefused { conn, reason });
        ctx.close(conn);
        self.connections.remove(&conn);
    }
}

/// Whether a request is one that a broker hands to the active controller as it is (`Forwardable`).
pub fn is_forwarded(body: &RequestKind) -> bool {
    matches!(
        body,
        RequestKind::CreateTopics(_)
            | RequestKind::DeleteTopics(_)
            | RequestKind::CreatePartitions(_)
            | RequestKind::ElectLeaders(_)
            | RequestKind::AlterConfigs(_)
            | RequestKind::IncrementalAlterConfigs(_)
            | RequestKind::ListPartitionReassignments(_)
            | RequestKind::DescribeQuorum(_)
            | RequestKind::UnregisterBroker(_)
            | RequestKind::UpdateFeatures(_)
    )
}
