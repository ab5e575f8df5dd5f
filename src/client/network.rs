//! The network client under every client (`NetworkClient`): connections, versions, requests in flight, metadata.
//!
//! The first connection goes to a bootstrap server and serves to fetch metadata; requests to a broker go over a
//! connection of their own, opened by the advertised name. Every new connection first asks for ApiVersions. Correlation
//! ids count up per client, over all its connections. Responses come in the order of the requests of a connection.

use super::metadata::{Metadata, Wanted};
use super::{earlier, exponential_backoff};
use crate::base::{ConnId, Endpoint, SimDuration, SimTime};
use crate::machine::{Ctx, Input};
use crate::wire::messages::metadata_request::MetadataRequestTopic;
use crate::wire::messages::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest};
use crate::wire::{
    ApiKey, ApiRange, ErrorCode, Message, Request, RequestKind, Response, ResponseKind, StrBytes, TopicName, negotiate,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A node that a client can talk to: a broker by id, or a bootstrap server (counted down from -1).
pub(super) type NodeId = i32;

const BOOTSTRAP: NodeId = -1;
/// `reconnect.backoff.ms`.
const RECONNECT_BACKOFF: SimDuration = SimDuration::from_millis(50);
/// `reconnect.backoff.max.ms`.
const RECONNECT_BACKOFF_MAX: SimDuration = SimDuration::from_secs(1);

/// What a network client is set up with.
#[derive(Clone, Debug)]
pub(super) struct NetworkConfig {
    pub(super) client_id: StrBytes,
    pub(super) bootstrap: Endpoint,
    pub(super) request_timeout: SimDuration,
    pub(super) retry_backoff: SimDuration,
    pub(super) retry_backoff_max: SimDuration,
    pub(super) metadata_max_age: SimDuration,
    pub(super) max_in_flight: usize,
    pub(super) allow_auto_topic_creation: bool,
}

/// What the network tells the client above it. `T` is what that client tied to the request.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a few at a time, and handled at once")]
pub(super) enum NetEvent<T> {
    /// A response to one of its requests.
    Response(T, ResponseKind),
    /// A request that will never be answered: the connection went, or the request timed out.
    Failed(T, ErrorCode),
    /// New metadata.
    Metadata,
}

#[derive(Clone, Debug)]
pub(super) struct NetworkClient<T> {
    config: NetworkConfig,
    metadata: Metadata,
    metadata_failures: u32,
    metadata_not_before: SimTime,
    metadata_in_flight: bool,
    nodes: BTreeMap<NodeId, Node<T>>,
    conns: BTreeMap<ConnId, NodeId>,
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
    Connecting { conn: ConnId },
    Negotiating { conn: ConnId },
    Ready { conn: ConnId, apis: Arc<BTreeMap<i16, ApiRange>> },
}

#[derive(Clone, Debug)]
struct InFlight<T> {
    correlation_id: i32,
    deadline: SimTime,
    purpose: Purpose<T>,
}

#[derive(Clone, Debug)]
enum Purpose<T> {
    ApiVersions,
    Metadata,
    Client(T),
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { link: Link::Down { not_before: SimTime::ZERO }, failures: 0, in_flight: VecDeque::new() }
    }
}

impl Link {
    fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Down { .. } => None,
            Self::Connecting { conn } | Self::Negotiating { conn } | Self::Ready { conn, .. } => Some(*conn),
        }
    }
}

impl<T> NetworkClient<T> {
    pub(super) fn new(config: NetworkConfig, wanted: Wanted) -> Self {
        Self {
            config,
            metadata: Metadata::new(wanted),
            metadata_failures: 0,
            metadata_not_before: SimTime::ZERO,
            metadata_in_flight: false,
            nodes: BTreeMap::new(),
            conns: BTreeMap::new(),
            next_correlation_id: 0,
        }
    }

    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(super) fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// Whether a request can go to `node` now; if not for want of a connection, one is opened.
    pub(super) fn ready(&mut self, node: NodeId, ctx: &mut Ctx<'_>) -> bool {
        let max_in_flight = self.config.max_in_flight;
        let known = self.nodes.entry(node).or_default();
        match known.link {
            Link::Ready { .. } => known.in_flight.len() < max_in_flight,
            Link::Down { not_before } if not_before <= ctx.now() => {
                self.connect(node, ctx);
                false
            }
            _ => false,
        }
    }

    /// Sends a request at the highest version that both ends speak; `body` makes it for that version. A request that
    /// gets no response (acks=0) is not waited for.
    ///
    /// # Panics
    /// When the node is not [`NetworkClient::ready`].
    pub(super) fn send(
        &mut self,
        node: NodeId,
        api: ApiKey,
        tied: Option<T>,
        ctx: &mut Ctx<'_>,
        body: impl FnOnce(i16) -> RequestKind,
    ) {
        let purpose = tied.map(Purpose::Client);
        self.send_as(node, api, purpose, ctx, body);
    }

    fn send_as(
        &mut self,
        node: NodeId,
        api: ApiKey,
        purpose: Option<Purpose<T>>,
        ctx: &mut Ctx<'_>,
        body: impl FnOnce(i16) -> RequestKind,
    ) {
        let ours = api.valid_versions();
        let ours = ApiRange { api, min: ours.min, max: ours.max };
        let known = self.nodes.get_mut(&node).expect("a request goes to a node that is ready");
        let (conn, version) = match &known.link {
            Link::Ready { conn, apis } => {
                (*conn, apis.get(&(api as i16)).and_then(|theirs| negotiate(ours, *theirs)).unwrap_or(ours.max))
            }
            Link::Negotiating { conn } => (*conn, ours.max),
            link => panic!("a request to a node that is {link:?}"),
        };
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1) & i32::MAX;
        if let Some(purpose) = purpose {
            let deadline = ctx.after(self.config.request_timeout);
            known.in_flight.push_back(InFlight { correlation_id, deadline, purpose });
        }
        let client_id = self.config.client_id.clone();
        let request = Request { api, version, correlation_id, client_id, body: body(version) };
        ctx.send(conn, Message::Request(Arc::new(request)));
    }

    /// Takes an input that concerns the network; what the client above must know comes back.
    pub(super) fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) -> Vec<NetEvent<T>> {
        let mut events = Vec::new();
        match input {
            Input::Started | Input::Accepted(_) => {}
            Input::Woken => self.time_out(ctx, &mut events),
            Input::Connected(conn) => self.connected(conn, ctx),
            Input::Disconnected(conn) => self.disconnected(conn, ErrorCode::NETWORK_EXCEPTION, ctx, &mut events),
            Input::Received(conn, message) => self.received(conn, message, ctx, &mut events),
        }
        self.poll(ctx);
        events
    }

    /// Refreshes metadata if that is due; called by the client above after it may have asked for it.
    pub(super) fn poll(&mut self, ctx: &mut Ctx<'_>) {
        let due = self.metadata.due_at(self.config.metadata_max_age).max(self.metadata_not_before);
        if self.metadata_in_flight || !self.wants_metadata() || due > ctx.now() {
            return;
        }
        if let Some((node, _)) = self.node_for_metadata()
            && self.ready(node, ctx)
        {
            self.send_metadata_request(node, ctx);
        }
    }

    /// When the network wants to be woken.
    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        let mut deadline = None;
        for node in self.nodes.values() {
            deadline = earlier(deadline, node.in_flight.front().map(|request| request.deadline));
        }
        if !self.metadata_in_flight && self.wants_metadata() {
            let due = self.metadata.due_at(self.config.metadata_max_age).max(self.metadata_not_before);
            deadline = earlier(deadline, self.node_for_metadata().map(|(_, at)| due.max(at)));
        }
        deadline
    }

    /// When a node that is down may be tried again.
    pub(super) fn retry_at(&self, node: NodeId) -> Option<SimTime> {
        match self.nodes.get(&node)?.link {
            Link::Down { not_before } => Some(not_before),
            _ => None,
        }
    }

    /// Whether a node is being connected to or has as many requests in flight as it may: only an answer helps.
    pub(super) fn is_waiting(&self, node: NodeId) -> bool {
        match self.nodes.get(&node) {
            None => false,
            Some(Node { link: Link::Ready { .. }, in_flight, .. }) => in_flight.len() >= self.config.max_in_flight,
            Some(Node { link: Link::Down { .. }, .. }) => false,
            Some(_) => true,
        }
    }

    /// Closes every connection.
    pub(super) fn close(&mut self, ctx: &mut Ctx<'_>) {
        for (conn, _) in std::mem::take(&mut self.conns) {
            ctx.close(conn);
        }
        self.nodes.clear();
    }

    fn wants_metadata(&self) -> bool {
        match self.metadata.wanted() {
            Wanted::All => true,
            // A producer without a topic yet, or an admin client after its first answer, has no need to refresh.
            Wanted::Topics(topics) => !topics.is_empty() || !self.metadata.is_known(),
        }
    }

    /// The node to ask for metadata, and when it can be asked or connected to: a ready one with the fewest requests in
    /// flight, else the first that may be connected to; none while all that can be done is wait for an answer. Before
    /// the first answer it is the bootstrap server.
    fn node_for_metadata(&self) -> Option<(NodeId, SimTime)> {
        let bootstrap = [BOOTSTRAP];
        let known: Vec<NodeId> = self.metadata.brokers().keys().copied().collect();
        let candidates = if known.is_empty() { &bootstrap[..] } else { &known[..] };
        let busy = SimTime(u64::MAX);
        let rank = |id: &NodeId| match self.nodes.get(id) {
            Some(Node { link: Link::Ready { .. }, in_flight, .. }) if in_flight.len() < self.config.max_in_flight => {
                (SimTime::ZERO, 0, in_flight.len())
            }
            Some(Node { link: Link::Down { not_before }, .. }) => (*not_before, 2, 0),
            Some(_) => (busy, 1, 0),
            None => (SimTime::ZERO, 3, 0),
        };
        let best = candidates.iter().min_by_key(|id| rank(id))?;
        Some((*best, rank(best).0)).filter(|(_, at)| *at < busy)
    }

    fn send_metadata_request(&mut self, node: NodeId, ctx: &mut Ctx<'_>) {
        self.metadata_in_flight = true;
        let topic = |name: &Arc<str>| {
            MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(name.to_string()))))
        };
        let topics = match self.metadata.wanted() {
            Wanted::All => None,
            Wanted::Topics(names) => Some(names.iter().map(topic).collect()),
        };
        let request = MetadataRequest::default()
            .with_topics(topics)
            .with_allow_auto_topic_creation(self.config.allow_auto_topic_creation);
        self.send_as(node, ApiKey::Metadata, Some(Purpose::Metadata), ctx, |_| RequestKind::Metadata(request));
    }

    fn connect(&mut self, node: NodeId, ctx: &mut Ctx<'_>) {
        let endpoint = match self.metadata.brokers().get(&node) {
            Some(endpoint) => endpoint.clone(),
            None if node == BOOTSTRAP => self.config.bootstrap.clone(),
            None => return,
        };
        let conn = ctx.connect(endpoint);
        self.conns.insert(conn, node);
        self.nodes.entry(node).or_default().link = Link::Connecting { conn };
    }

    fn connected(&mut self, conn: ConnId, ctx: &mut Ctx<'_>) {
        let Some(&id) = self.conns.get(&conn) else { return };
        self.nodes.get_mut(&id).expect("it was being connected to").link = Link::Negotiating { conn };
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("apache-kafka-java"))
            .with_client_software_version(StrBytes::from_static_str("4.1.1"));
        self.send_as(id, ApiKey::ApiVersions, Some(Purpose::ApiVersions), ctx, |_| RequestKind::ApiVersions(request));
    }

    /// A connection is gone: what was in flight on it failed, and the node is tried again after a backoff.
    fn disconnected(&mut self, conn: ConnId, why: ErrorCode, ctx: &mut Ctx<'_>, events: &mut Vec<NetEvent<T>>) {
        let Some(id) = self.conns.remove(&conn) else { return };
        let node = self.nodes.get_mut(&id).expect("it had a connection");
        node.failures += 1;
        let wait = exponential_backoff(node.failures, RECONNECT_BACKOFF, RECONNECT_BACKOFF_MAX, ctx.rng());
        node.link = Link::Down { not_before: ctx.after(wait) };
        for request in std::mem::take(&mut node.in_flight) {
            match request.purpose {
                Purpose::ApiVersions => {}
                Purpose::Metadata => self.metadata_failed(ctx),
                Purpose::Client(tied) => events.push(NetEvent::Failed(tied, why)),
            }
        }
        self.metadata.request_refresh();
    }

    fn received(&mut self, conn: ConnId, message: Message, ctx: &mut Ctx<'_>, events: &mut Vec<NetEvent<T>>) {
        let (Some(&id), Message::Response(response)) = (self.conns.get(&conn), message) else { return };
        let node = self.nodes.get_mut(&id).expect("it has a connection");
        let request = node.in_flight.pop_front().expect("a response answers a request in flight");
        assert_eq!(request.correlation_id, response.correlation_id, "responses come in the order of requests");
        let response = Arc::try_unwrap(response).unwrap_or_else(|shared| Response::clone(&shared));
        match (request.purpose, response.body) {
            (Purpose::ApiVersions, ResponseKind::ApiVersions(body)) => {
                node.failures = 0;
                node.link = Link::Ready { conn, apis: Arc::new(ranges(&body)) };
            }
            (Purpose::Metadata, ResponseKind::Metadata(body)) => {
                self.metadata_in_flight = false;
                self.metadata.update(&body, ctx.now());
                if self.metadata.has_errors() {
                    self.metadata.request_refresh();
                    self.metadata_backoff(ctx);
                } else {
                    self.metadata_failures = 0;
                }
                events.push(NetEvent::Metadata);
            }
            (Purpose::Client(tied), body) => events.push(NetEvent::Response(tied, body)),
            (_, body) => panic!("a response of another kind than its request: {body:?}"),
        }
    }

    fn metadata_failed(&mut self, ctx: &mut Ctx<'_>) {
        self.metadata_in_flight = false;
        self.metadata_backoff(ctx);
    }

    fn metadata_backoff(&mut self, ctx: &mut Ctx<'_>) {
        self.metadata_failures += 1;
        let (backoff, max) = (self.config.retry_backoff, self.config.retry_backoff_max);
        self.metadata_not_before = ctx.now() + exponential_backoff(self.metadata_failures, backoff, max, ctx.rng());
    }

    /// Closes connections whose oldest request has waited for `request.timeout.ms`.
    fn time_out(&mut self, ctx: &mut Ctx<'_>, events: &mut Vec<NetEvent<T>>) {
        let late = |node: &Node<T>| node.in_flight.front().is_some_and(|request| request.deadline <= ctx.now());
        let conns: Vec<ConnId> = self.nodes.values().filter(|n| late(n)).filter_map(|n| n.link.conn()).collect();
        for conn in conns {
            ctx.close(conn);
            self.disconnected(conn, ErrorCode::REQUEST_TIMED_OUT, ctx, events);
        }
    }
}

fn ranges(response: &ApiVersionsResponse) -> BTreeMap<i16, ApiRange> {
    let range = |entry: &crate::wire::messages::api_versions_response::ApiVersion| {
        let api = ApiKey::try_from(entry.api_key).ok()?;
        Some((entry.api_key, ApiRange { api, min: entry.min_version, max: entry.max_version }))
    };
    response.api_keys.iter().filter_map(range).collect()
}
