//! A broker: serves requests from its listener and keeps partition replicas on its disk.
//!
//! As in Kafka, requests of one connection are served strictly one after the other: while one waits (a fetch for data,
//! a produce for its in-sync replicas), the connection is muted and later requests queue behind it. What waits sits in
//! the purgatory until its condition or its timeout comes.
//!
//! One file per API, named as Kafka names it; each handler reads the request, changes state, and returns the response
//! body or parks the request. A frame that is not a request ends its connection and touches nothing else.

mod api_versions;
mod config;
mod create_topics;
mod fetch;
mod fetch_session;
mod list_offsets;
mod metadata;
mod produce;
mod purgatory;

pub use config::BrokerConfig;

use crate::base::{ConnId, Endpoint, SimTime, TopicPartition};
use crate::cluster::{Partition, Topics};
use crate::machine::{Ctx, Fact, Input};
use crate::storage::Disk;
use crate::wire::{ApiKey, FrameError, Message, Request, RequestKind, Response, ResponseKind, StrBytes};
use fetch_session::FetchSessions;
use purgatory::Purgatory;
use std::collections::VecDeque;
use std::sync::Arc;
use uuid::Uuid;

/// A broker's process: everything that a crash loses. Its logs are on its [`Disk`].
#[derive(Clone, Debug)]
pub struct Broker {
    id: i32,
    rack: Option<Arc<str>>,
    listener: Endpoint,
    cluster_id: StrBytes,
    config: BrokerConfig,
    topics: Topics,
    connections: imbl::OrdMap<ConnId, Connection>,
    purgatory: Purgatory,
    sessions: FetchSessions,
}

/// A client's connection, as the broker sees it.
#[derive(Clone, Debug, Default)]
struct Connection {
    /// A request is being served; the rest waits.
    muted: bool,
    backlog: VecDeque<Message>,
}

/// The request that a response will answer.
#[derive(Clone, Debug)]
struct Pending {
    conn: ConnId,
    api: ApiKey,
    version: i16,
    correlation_id: i32,
}

/// What serving a request came to.
#[allow(clippy::large_enum_variant, reason = "one at a time, and sent off at once")]
enum Served {
    /// The response.
    Now(ResponseKind),
    /// Nothing is ever sent back (acks=0).
    Silent,
    /// It waits in the purgatory, which has its [`Pending`].
    Parked,
    /// The connection ends, with the reason.
    Hangup(String),
}

/// What a broker reads and changes while it serves one request.
struct Serving<'a, 'c> {
    ctx: &'a mut Ctx<'c>,
    disk: &'a mut Disk,
}

impl Broker {
    /// A broker that has not started yet.
    pub fn new(id: i32, rack: Option<Arc<str>>, listener: Endpoint, cluster_id: Uuid, config: BrokerConfig) -> Self {
        Self {
            id,
            rack,
            listener,
            cluster_id: StrBytes::from_string(crate::cluster::uuid_text(cluster_id)),
            config,
            topics: Topics::default(),
            connections: imbl::OrdMap::new(),
            purgatory: Purgatory::default(),
            sessions: FetchSessions::default(),
        }
    }

    /// `node.id`.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// `broker.rack`.
    pub fn rack(&self) -> Option<&str> {
        self.rack.as_deref()
    }

    /// The advertised listener.
    pub fn listener(&self) -> &Endpoint {
        &self.listener
    }

    /// Its configs.
    pub fn config(&self) -> &BrokerConfig {
        &self.config
    }

    /// The topics that it knows of.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// How many connections its listener holds.
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// Whether a connection stands and all that came over it is served, so that a broker would read its socket on.
    pub fn would_read(&self, conn: ConnId) -> bool {
        self.connections.get(&conn).is_some_and(|connection| !connection.muted && connection.backlog.is_empty())
    }

    /// How many fetches wait for data.
    pub fn parked_fetches(&self) -> usize {
        self.purgatory.len()
    }

    /// How many incremental fetch sessions it keeps.
    pub fn fetch_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>, disk: &mut Disk) {
        match input {
            Input::Started | Input::Connected(_) => {}
            Input::Accepted(conn) => {
                self.connections.insert(conn, Connection::default());
            }
            Input::Disconnected(conn) => {
                self.connections.remove(&conn);
                self.purgatory.forget(conn);
            }
            Input::Received(conn, message) => self.receive(conn, message, &mut Serving { ctx, disk }),
            Input::Woken => self.expire(&mut Serving { ctx, disk }),
        }
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<SimTime> {
        self.purgatory.next_deadline()
    }

    fn receive(&mut self, conn: ConnId, message: Message, serving: &mut Serving<'_, '_>) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.backlog.push_back(message);
        self.drain(conn, serving);
    }

    /// Serves what has queued on a connection, until it is muted or empty.
    fn drain(&mut self, conn: ConnId, serving: &mut Serving<'_, '_>) {
        loop {
            let Some(connection) = self.connections.get_mut(&conn) else { return };
            if connection.muted {
                return;
            }
            let Some(message) = connection.backlog.pop_front() else { return };
            let request = match message {
                Message::Request(request) => request,
                Message::Frame(frame) => match Request::decode(&frame) {
                    Ok(request) => Arc::new(request),
                    Err(FrameError::ApiVersionsVersion(correlation_id)) => {
                        let answer = api_versions::unsupported_version(correlation_id);
                        serving.ctx.send(conn, Message::Response(Arc::new(answer)));
                        continue;
                    }
                    Err(error) => return self.hang_up(conn, error.to_string(), serving),
                },
                Message::Response(_) => return self.hang_up(conn, "a response where requests belong".into(), serving),
            };
            self.serve(conn, &request, serving);
        }
    }

    fn serve(&mut self, conn: ConnId, request: &Request, serving: &mut Serving<'_, '_>) {
        let pending =
            Pending { conn, api: request.api, version: request.version, correlation_id: request.correlation_id };
        let served = match &request.body {
            RequestKind::ApiVersions(body) => self.api_versions(&pending, body),
            RequestKind::Metadata(body) => self.metadata(&pending, body, serving),
            RequestKind::CreateTopics(body) => self.create_topics(body, serving),
            RequestKind::Produce(body) => self.produce(&pending, body, serving),
            RequestKind::Fetch(body) => self.fetch(&pending, body, serving),
            RequestKind::ListOffsets(body) => self.list_offsets(&pending, body, serving.disk),
            other => unreachable!("the listener serves no such API: {other:?}"),
        };
        match served {
            Served::Now(body) => respond(&pending, body, serving.ctx),
            Served::Silent => {}
            Served::Parked => self.connections.get_mut(&conn).expect("it is being served").muted = true,
            Served::Hangup(reason) => self.hang_up(conn, reason, serving),
        }
    }

    /// Answers a request that waited, and goes on with what queued behind it.
    fn complete(&mut self, pending: &Pending, body: ResponseKind, serving: &mut Serving<'_, '_>) {
        respond(pending, body, serving.ctx);
        if let Some(connection) = self.connections.get_mut(&pending.conn) {
            connection.muted = false;
            self.drain(pending.conn, serving);
        }
    }

    /// Ends a connection, as Kafka does with one that it cannot serve; others live on.
    fn hang_up(&mut self, conn: ConnId, reason: String, serving: &mut Serving<'_, '_>) {
        serving.ctx.fact(Fact::FrameRefused { conn, reason });
        serving.ctx.close(conn);
        self.connections.remove(&conn);
        self.purgatory.forget(conn);
    }

    fn partition(&self, tp: &TopicPartition) -> Option<&Partition> {
        self.topics.by_name(&tp.topic)?.partitions.get(usize::try_from(tp.partition).ok()?)
    }
}

fn respond(pending: &Pending, body: ResponseKind, ctx: &mut Ctx<'_>) {
    let response =
        Response { api: pending.api, version: pending.version, correlation_id: pending.correlation_id, body };
    ctx.send(pending.conn, Message::Response(Arc::new(response)));
}

/// A string of ours as the protocol's.
fn str_bytes(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}
