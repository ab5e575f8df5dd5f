//! What every client has of the network: connections to brokers, and metadata that is kept fresh
//! (`NetworkClient.DefaultMetadataUpdater`).
//!
//! The first connection goes to a bootstrap server and serves to fetch metadata; requests to a broker go over a
//! connection of their own, opened by the advertised name.

use super::exponential_backoff;
use super::metadata::{Metadata, Wanted};
use crate::base::{Endpoint, SimDuration, SimTime, earlier};
use crate::machine::{Ctx, Input};
use crate::network::{self, NodeId};
use crate::wire::messages::MetadataRequest;
use crate::wire::messages::metadata_request::MetadataRequestTopic;
use crate::wire::{ApiKey, ErrorCode, RequestKind, ResponseKind, StrBytes, TopicName};
use std::sync::Arc;

/// What a network client is set up with.
#[derive(Clone, Debug)]
pub(super) struct NetworkConfig {
    pub(super) client_id: StrBytes,
    /// `bootstrap.servers`.
    pub(super) bootstrap: Vec<Endpoint>,
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
    net: network::NetworkClient<Purpose<T>>,
    metadata: Metadata,
    metadata_failures: u32,
    metadata_not_before: SimTime,
    metadata_in_flight: bool,
}

#[derive(Clone, Debug)]
enum Purpose<T> {
    Metadata,
    Client(T),
}

/// The bootstrap servers are nodes -1, -2 …
fn bootstrap_id(index: usize) -> NodeId {
    -1 - index as NodeId
}

impl<T> NetworkClient<T> {
    pub(super) fn new(config: NetworkConfig, wanted: Wanted) -> Self {
        let net = network::NetworkConfig {
            request_timeout: config.request_timeout,
            max_in_flight: config.max_in_flight,
            ..network::NetworkConfig::new(config.client_id.to_string())
        };
        Self {
            config,
            net: network::NetworkClient::new(net),
            metadata: Metadata::new(wanted),
            metadata_failures: 0,
            metadata_not_before: SimTime::ZERO,
            metadata_in_flight: false,
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
        let endpoint = match self.metadata.brokers().get(&node) {
            Some(endpoint) => endpoint,
            None if node < 0 => &self.config.bootstrap[(-1 - node) as usize],
            None => return false,
        };
        self.net.ready(node, endpoint, ctx)
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
        self.net.send(node, api, tied.map(Purpose::Client), ctx, body);
    }

    /// Takes an input that concerns the network; what the client above must know comes back.
    pub(super) fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) -> Vec<NetEvent<T>> {
        let mut events = Vec::new();
        for event in self.net.handle(input, ctx) {
            match event {
                network::NetEvent::Response(_, Purpose::Metadata, ResponseKind::Metadata(body)) => {
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
                network::NetEvent::Response(_, Purpose::Metadata, body) => {
                    panic!("a response of another kind than its request: {body:?}")
                }
                network::NetEvent::Response(_, Purpose::Client(tied), body) => {
                    events.push(NetEvent::Response(tied, body));
                }
                network::NetEvent::Failed(_, Purpose::Metadata, _) => {
                    self.metadata_in_flight = false;
                    self.metadata_backoff(ctx);
                }
                network::NetEvent::Failed(_, Purpose::Client(tied), why) => events.push(NetEvent::Failed(tied, why)),
                network::NetEvent::Disconnected(_) => self.metadata.request_refresh(),
            }
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
        let nodes = self.known_nodes();
        let start = ctx.rng().below(nodes.len() as u64) as usize;
        if let Some((node, _)) = self.node_for_metadata(&nodes, start)
            && self.ready(node, ctx)
        {
            self.send_metadata_request(node, ctx);
        }
    }

    /// When the network wants to be woken.
    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        let deadline = self.net.next_deadline();
        if self.metadata_in_flight || !self.wants_metadata() {
            return deadline;
        }
        let due = self.metadata.due_at(self.config.metadata_max_age).max(self.metadata_not_before);
        let nodes = self.known_nodes();
        earlier(deadline, self.node_for_metadata(&nodes, 0).map(|(_, at)| due.max(at)))
    }

    /// When a node that is down may be tried again.
    pub(super) fn retry_at(&self, node: NodeId) -> Option<SimTime> {
        self.net.retry_at(node)
    }

    /// Whether a node is being connected to or has as many requests in flight as it may: only an answer helps.
    pub(super) fn is_waiting(&self, node: NodeId) -> bool {
        self.net.is_waiting(node)
    }

    /// Closes every connection.
    pub(super) fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.net.close(ctx);
    }

    fn wants_metadata(&self) -> bool {
        match self.metadata.wanted() {
            Wanted::All => true,
            // A producer without a topic yet, or an admin client after its first answer, has no need to refresh.
            Wanted::Topics(topics) => !topics.is_empty() || !self.metadata.is_known(),
        }
    }

    /// The brokers, or before the first metadata the bootstrap servers.
    fn known_nodes(&self) -> Vec<NodeId> {
        match self.metadata.brokers().is_empty() {
            true => (0..self.config.bootstrap.len()).map(bootstrap_id).collect(),
            false => self.metadata.brokers().keys().copied().collect(),
        }
    }

    /// The node to ask for metadata, and when it can be asked or connected to (`leastLoadedNode`): a ready one with the
    /// fewest requests in flight; none while one is being connected to; else the first from `start` on that may be
    /// connected to.
    fn node_for_metadata(&self, nodes: &[NodeId], start: usize) -> Option<(NodeId, SimTime)> {
        let turned = || nodes.iter().skip(start).chain(nodes.iter().take(start)).copied();
        let ready = turned().filter(|node| !self.net.is_full(*node));
        let ready = ready.filter_map(|node| Some((self.net.in_flight(node)?, node))).min_by_key(|(load, _)| *load);
        if let Some((_, node)) = ready {
            return Some((node, SimTime::ZERO));
        }
        if turned().any(|node| self.net.is_waiting(node)) {
            return None;
        }
        let when = |node: NodeId| (node, self.net.retry_at(node).unwrap_or(SimTime::ZERO));
        turned().map(when).min_by_key(|(_, at)| *at)
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
        let purpose = Some(Purpose::Metadata);
        self.net.send(node, ApiKey::Metadata, purpose, ctx, |_| RequestKind::Metadata(request));
    }

    fn metadata_backoff(&mut self, ctx: &mut Ctx<'_>) {
        self.metadata_failures += 1;
        let (backoff, max) = (self.config.retry_backoff, self.config.retry_backoff_max);
        self.metadata_not_before = ctx.now() + exponential_backoff(self.metadata_failures, backoff, max, ctx.rng());
    }
}
