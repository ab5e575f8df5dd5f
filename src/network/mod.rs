//! The network client under everything that sends requests (`NetworkClient`): connections to nodes, versions, requests
//! in flight.
//!
//! Clients have one for all brokers. A broker has one for each of its tasks, as Kafka has: for its replica fetchers, for
//! Raft, for its heartbeats, for what it forwards to the controller. A connection is opened when a request wants to go
//! to a node. Every new connection first asks for ApiVersions; requests then go at the highest version that both ends
//! speak. Correlation ids count up per client, over all its connections. Responses come in the order of the requests of
//! a connection. A connection that cannot be opened, or breaks, is tried again after a backoff that doubles.

pub mod controller_channel;
pub mod envelope;
mod fetch_session;
mod socket_server;

pub use controller_channel::ControllerChannel;
pub use fetch_session::{FetchSession, NextFetch};
pub use socket_server::{Enveloped, HungUp, Pending, SocketServer, is_forwarded};

use crate::base::{ConnId, Endpoint, KeptOnce, SimDuration, SimTime, SortedMap, earlier, exponential_backoff};
use crate::machine::{Ctx, Input};
use crate::wire::messages::{ApiVersionsRequest, ApiVersionsResponse};
use crate::wire::{
    ApiKey, ApiRange, ErrorCode, Message, Request, RequestKind, Response, ResponseKind, StrBytes, negotiate, range_in,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

/// A node that can be talked to: a broker or controller by id, or a bootstrap server (counted down from -1).
pub type NodeId = i32;

/// `socket.connection.setup.timeout.ms`: how long a handshake may take at first, and how long at most after failures.
const SETUP_TIMEOUT: SimDuration = SimDuration::from_secs(10);
const SETUP_TIMEOUT_MAX: SimDuration = SimDuration::from_secs(30);

/// A request is given up when it has waited longer than its timeout, in whole milliseconds, and not as long
/// (`InFlightRequests`): so the answer of a broker that waited itself just as long, REQUEST_TIMED_OUT, still counts.
const PATIENCE: SimDuration = SimDuration::from_millis(1);

/// What a network client is set up with.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// `client.id`, which requests carry.
    pub client_id: StrBytes,
    /// `request.timeout.ms`: when the oldest request on a connection has waited this long, the connection is closed.
    pub request_timeout: SimDuration,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: SimDuration,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: SimDuration,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
}

impl NetworkConfig {
    /// Kafka's defaults for clients, under a name.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: StrBytes::from_string(client_id.into()),
            request_timeout: SimDuration::from_secs(30),
            reconnect_backoff: SimDuration::from_millis(50),
            reconnect_backoff_max: SimDuration::from_secs(1),
            max_in_flight: 5,
        }
    }
}

/// What the network tells its owner. `T` is what the owner tied to the request.
#[derive(Debug)]
pub enum NetEvent<T> {
    /// A response to a request.
    Response(NodeId, T, Arc<Response>),
    /// A request that will never be answered: the connection went, or the request timed out.
    Failed(NodeId, T, ErrorCode),
    /// A connection could not be opened, or is gone.
    Disconnected(NodeId),
}

/// Connections to nodes, with the requests in flight on them.
#[derive(Clone, Debug)]
pub struct NetworkClient<T> {
    config: NetworkConfig,
    nodes: SortedMap<NodeId, Node<T>>,
    conns: SortedMap<ConnId, NodeId>,
    next_correlation_id: i32,
}

#[derive(Clone, Debug)]
struct Node<T> {
    link: Link,
    failures: u32,
    in_flight: VecDeque<InFlight<T>>,
}

#[derive(Clone, Debug)]
enum Link {
    Down { not_before: SimTime },
    Connecting { conn: ConnId, deadline: SimTime },
    Negotiating { conn: ConnId },
    Ready { conn: ConnId, apis: Arc<Vec<ApiRange>> },
}

#[derive(Clone, Debug)]
struct InFlight<T> {
    correlation_id: i32,
    deadline: SimTime,
    /// What the owner tied to it; none for the ApiVersions request of a new connection.
    tied: Option<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        let link = Link::Down { not_before: SimTime::ZERO };
        Self { link, failures: 0, in_flight: VecDeque::with_capacity(1) }
    }
}

impl Link {
    fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Down { .. } => None,
            Self::Connecting { conn, .. } | Self::Negotiating { conn } | Self::Ready { conn, .. } => Some(*conn),
        }
    }
}

impl<T: Clone> NetworkClient<T> {
    /// A client without any connection.
    pub fn new(config: NetworkConfig) -> Self {
        Self { config, nodes: SortedMap::new(), conns: SortedMap::new(), next_correlation_id: 0 }
    }

    /// Whether a connection is one of its own.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.conns.contains_key(&conn)
    }

    /// The connection to a node, if there is one.
    pub fn connection(&self, node: NodeId) -> Option<ConnId> {
        self.nodes.get(&node)?.link.conn()
    }

    /// Whether a request can go to `node` now; if not for want of a connection, one is opened to `endpoint`.
    pub fn ready(&mut self, node: NodeId, endpoint: &Endpoint, ctx: &mut Ctx<'_>) -> bool {
        let max_in_flight = self.config.max_in_flight;
        let known = self.nodes.entry(node).or_default();
        match known.link {
            Link::Ready { .. } => known.in_flight.len() < max_in_flight,
            Link::Down { not_before } if not_before <= ctx.now() => {
                let timeout = exponential_backoff(known.failures + 1, SETUP_TIMEOUT, SETUP_TIMEOUT_MAX, ctx.rng());
                let conn = ctx.connect(endpoint.clone());
                known.link = Link::Connecting { conn, deadline: ctx.after(timeout) };
                self.conns.insert(conn, node);
                false
            }
            _ => false,
        }
    }

    /// Sends a request at the highest version that both ends speak; `body` makes it for that version. A request without
    /// anything tied to it gets no response (acks=0) and is not waited for. Gives its correlation id.
    ///
    /// # Panics
    /// When the node is not [`NetworkClient::ready`].
    pub fn send(
        &mut self,
        node: NodeId,
        api: ApiKey,
        tied: Option<T>,
        ctx: &mut Ctx<'_>,
        body: impl FnOnce(i16) -> RequestKind,
    ) -> i32 {
        self.send_within(self.config.request_timeout, node, api, tied, ctx, body)
    }

    /// Sends a request as [`NetworkClient::send`] does, but one that may wait for its response only so long.
    pub fn send_within(
        &mut self,
        timeout: SimDuration,
        node: NodeId,
        api: ApiKey,
        tied: Option<T>,
        ctx: &mut Ctx<'_>,
        body: impl FnOnce(i16) -> RequestKind,
    ) -> i32 {
        let ours = api.valid_versions();
        let ours = ApiRange { api, min: ours.min, max: ours.max };
        let known = self.nodes.get_mut(&node).expect("a request goes to a node that is ready");
        let Link::Ready { conn, apis } = &known.link else { panic!("a request to a node that is {:?}", known.link) };
        let version = range_in(apis, api).and_then(|theirs| negotiate(ours, theirs)).unwrap_or(ours.max);
        let conn = *conn;
        let waits = tied.map(|tied| (Some(tied), ctx.after(timeout + PATIENCE)));
        self.put(node, conn, api, version, waits, body(version), ctx)
    }

    /// Puts a request on a connection and gives its correlation id. `waits` is none when no response is to come, else
    /// what is tied to the request and until when it waits.
    #[allow(clippy::too_many_arguments, reason = "the parts of one request")]
    fn put(
        &mut self,
        node: NodeId,
        conn: ConnId,
        api: ApiKey,
        version: i16,
        waits: Option<(Option<T>, SimTime)>,
        body: RequestKind,
        ctx: &mut Ctx<'_>,
    ) -> i32 {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1) & i32::MAX;
        if let Some((tied, deadline)) = waits {
            let known = self.nodes.get_mut(&node).expect("it has a connection");
            known.in_flight.push_back(InFlight { correlation_id, deadline, tied });
        }
        let client_id = self.config.client_id.clone();
        ctx.send(conn, Message::Request(Arc::new(Request { api, version, correlation_id, client_id, body })));
        correlation_id
    }

    /// Takes an input that concerns one of its connections; what the owner must know comes back.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) -> Vec<NetEvent<T>> {
        let mut events = Vec::new();
        match input {
            Input::Started | Input::Accepted(..) => {}
            Input::Woken => self.time_out(ctx, &mut events),
            Input::Connected(conn) => self.connected(conn, ctx),
            Input::Disconnected(conn) => self.disconnected(conn, ErrorCode::NETWORK_EXCEPTION, ctx, &mut events),
            Input::Received(conn, message) => self.received(conn, message, &mut events),
        }
        events
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<SimTime> {
        let deadlines = self.nodes.values().map(|node| match node.link {
            Link::Connecting { deadline, .. } => Some(deadline),
            _ => node.in_flight.front().map(|request| request.deadline),
        });
        deadlines.fold(None, earlier)
    }

    /// When a node that is down may be tried again.
    pub fn retry_at(&self, node: NodeId) -> Option<SimTime> {
        match self.nodes.get(&node)?.link {
            Link::Down { not_before } => Some(not_before),
            _ => None,
        }
    }

    /// How many requests to a node are in flight, if a connection to it stands.
    pub fn in_flight(&self, node: NodeId) -> Option<usize> {
        match self.nodes.get(&node)? {
            Node { link: Link::Ready { .. }, in_flight, .. } => Some(in_flight.len()),
            _ => None,
        }
    }

    /// The versions of an API that a node advertises; none if it has not said so, or does not serve the API.
    pub fn advertised(&self, node: NodeId, api: ApiKey) -> Option<ApiRange> {
        match &self.nodes.get(&node)?.link {
            Link::Ready { apis, .. } => range_in(apis, api),
            _ => None,
        }
    }

    /// Whether a node has as many requests in flight as it may.
    pub fn is_full(&self, node: NodeId) -> bool {
        self.in_flight(node).is_some_and(|in_flight| in_flight >= self.config.max_in_flight)
    }

    /// Whether a node is being connected to or has as many requests in flight as it may: only an answer helps.
    pub fn is_waiting(&self, node: NodeId) -> bool {
        match self.nodes.get(&node).map(|node| &node.link) {
            None | Some(Link::Down { .. }) => false,
            Some(Link::Ready { .. }) => self.is_full(node),
            Some(_) => true,
        }
    }

    /// Closes the connection to a node, if there is one; what is in flight on it is forgotten.
    pub fn disconnect(&mut self, node: NodeId, ctx: &mut Ctx<'_>) {
        if let Some(conn) = self.nodes.remove(&node).and_then(|node| node.link.conn()) {
            self.conns.remove(&conn);
            ctx.close(conn);
        }
    }

    /// Closes the connection to a node, if there is one, and tells what will not be answered. The node may be tried again
    /// after a backoff.
    pub fn give_up(&mut self, node: NodeId, ctx: &mut Ctx<'_>) -> Vec<NetEvent<T>> {
        let mut events = Vec::new();
        if let Some(conn) = self.nodes.get(&node).and_then(|node| node.link.conn()) {
            ctx.close(conn);
            self.disconnected(conn, ErrorCode::NETWORK_EXCEPTION, ctx, &mut events);
        }
        events
    }

    /// Closes every connection, and tells what will not be answered.
    pub fn cancel(&mut self, ctx: &mut Ctx<'_>) -> Vec<NetEvent<T>> {
        let mut events = Vec::new();
        for conn in self.conns.keys().copied().collect::<Vec<_>>() {
            ctx.close(conn);
            self.disconnected(conn, ErrorCode::NETWORK_EXCEPTION, ctx, &mut events);
        }
        events
    }

    /// Closes every connection.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        for (conn, _) in std::mem::take(&mut self.conns) {
            ctx.close(conn);
        }
        self.nodes = SortedMap::new();
    }

    fn connected(&mut self, conn: ConnId, ctx: &mut Ctx<'_>) {
        let Some(&id) = self.conns.get(&conn) else { return };
        self.nodes.get_mut(&id).expect("it was being connected to").link = Link::Negotiating { conn };
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("apache-kafka-java"))
            .with_client_software_version(StrBytes::from_static_str("4.1.1"));
        let (api, body) = (ApiKey::ApiVersions, RequestKind::ApiVersions(request));
        let waits = Some((None, ctx.after(self.config.request_timeout)));
        self.put(id, conn, api, api.valid_versions().max, waits, body, ctx);
    }

    /// A connection is gone: what was in flight on it failed, and the node is tried again after a backoff.
    fn disconnected(&mut self, conn: ConnId, why: ErrorCode, ctx: &mut Ctx<'_>, events: &mut Vec<NetEvent<T>>) {
        let Some(id) = self.conns.remove(&conn) else { return };
        let node = self.nodes.get_mut(&id).expect("it had a connection");
        node.failures += 1;
        let (backoff, max) = (self.config.reconnect_backoff, self.config.reconnect_backoff_max);
        let wait = exponential_backoff(node.failures, backoff, max, ctx.rng());
        node.link = Link::Down { not_before: ctx.after(wait) };
        let failed = std::mem::take(&mut node.in_flight).into_iter().filter_map(|request| request.tied);
        events.extend(failed.map(|tied| NetEvent::Failed(id, tied, why)));
        events.push(NetEvent::Disconnected(id));
    }

    fn received(&mut self, conn: ConnId, message: Message, events: &mut Vec<NetEvent<T>>) {
        let (Some(&id), Message::Response(response)) = (self.conns.get(&conn), message) else { return };
        let node = self.nodes.get_mut(&id).expect("it has a connection");
        let request = node.in_flight.pop_front().expect("a response answers a request in flight");
        assert_eq!(request.correlation_id, response.correlation_id, "responses come in the order of requests");
        match (request.tied, &response.body) {
            (Some(tied), _) => events.push(NetEvent::Response(id, tied, response)),
            (None, ResponseKind::ApiVersions(body)) => {
                node.failures = 0;
                node.link = Link::Ready { conn, apis: ranges(body) };
            }
            (None, body) => panic!("a response of another kind than its request: {body:?}"),
        }
    }

    /// Closes connections whose handshake or oldest request has waited too long.
    fn time_out(&mut self, ctx: &mut Ctx<'_>, events: &mut Vec<NetEvent<T>>) {
        let now = ctx.now();
        let late = |node: &Node<T>| match node.link {
            Link::Connecting { deadline, .. } => deadline <= now,
            _ => node.in_flight.front().is_some_and(|request| request.deadline <= now),
        };
        if !self.nodes.values().any(late) {
            return;
        }
        let conns: Vec<ConnId> = self.nodes.values().filter(|n| late(n)).filter_map(|n| n.link.conn()).collect();
        for conn in conns {
            ctx.close(conn);
            self.disconnected(conn, ErrorCode::REQUEST_TIMED_OUT, ctx, events);
        }
    }
}

thread_local! {
    /// What the nodes of this thread's worlds advertise: most of them the same.
    static ADVERTISED: RefCell<KeptOnce<Vec<ApiRange>>> = const { RefCell::new(KeptOnce::new(16)) };
}

fn ranges(response: &ApiVersionsResponse) -> Arc<Vec<ApiRange>> {
    let range = |entry: &crate::wire::messages::api_versions_response::ApiVersion| {
        let api = ApiKey::try_from(entry.api_key).ok()?;
        Some(ApiRange { api, min: entry.min_version, max: entry.max_version })
    };
    let ranges: Vec<ApiRange> = response.api_keys.iter().filter_map(range).collect();
    ADVERTISED.with_borrow_mut(|advertised| advertised.keep(ranges.len() as u64, ranges))
}
