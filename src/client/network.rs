//! What every client has of the network: connections to brokers, and metadata that is kept fresh
//! (`NetworkClient.DefaultMetadataUpdater`).
//!
//! The first connection goes to a bootstrap server and serves to fetch metadata; requests to a broker go over a
//! connection of their own, opened by the advertised name. When no broker that is known can be reached, or none has told
//! metadata for too long, everything begins at the bootstrap servers again (KIP-899, KIP-1102).

use super::exponential_backoff;
use super::metadata::{Asked, LeaderHint, Metadata, Question, Wanted};
use crate::base::{Endpoint, SimDuration, SimTime, SortedMap, earlier};
use crate::machine::{Ctx, Input};
use crate::network::{self, NodeId};
use crate::wire::messages::metadata_request::MetadataRequestTopic;
use crate::wire::messages::{MetadataRequest, MetadataResponse};
use crate::wire::{ApiKey, ErrorCode, RequestKind, Response, ResponseKind, StrBytes, TopicName};
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
    pub(super) reconnect_backoff: SimDuration,
    pub(super) reconnect_backoff_max: SimDuration,
    pub(super) metadata_max_age: SimDuration,
    /// `metadata.max.idle.ms`, a producer's alone.
    pub(super) metadata_max_idle: Option<SimDuration>,
    pub(super) max_in_flight: usize,
    pub(super) allow_auto_topic_creation: bool,
    /// `metadata.recovery.rebootstrap.trigger.ms`; none is `metadata.recovery.strategy=none`.
    pub(super) rebootstrap_trigger: Option<SimDuration>,
}

impl NetworkConfig {
    /// The defaults of Kafka's clients.
    pub(super) fn new(client_id: &str, bootstrap: Vec<Endpoint>) -> Self {
        Self {
            client_id: StrBytes::from_string(client_id.to_string()),
            bootstrap,
            request_timeout: SimDuration::from_secs(30),
            retry_backoff: SimDuration::from_millis(100),
            retry_backoff_max: SimDuration::from_secs(1),
            reconnect_backoff: SimDuration::from_millis(50),
            reconnect_backoff_max: SimDuration::from_secs(1),
            metadata_max_age: SimDuration::from_secs(300),
            metadata_max_idle: None,
            max_in_flight: 5,
            allow_auto_topic_creation: true,
            rebootstrap_trigger: Some(SimDuration::from_secs(300)),
        }
    }
}

/// What the network tells the client above it. `T` is what that client tied to the request.
#[derive(Debug)]
pub(super) enum NetEvent<T> {
    /// A response to one of its requests.
    Response(T, Arc<Response>),
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
    /// Nodes that the client above has added: coordinators.
    added: SortedMap<NodeId, Endpoint>,
    /// Requests for metadata that failed since the last answer.
    metadata_failures: u32,
    /// Answers since the last that held anything new.
    equivalent_answers: u32,
    metadata_not_before: SimTime,
    metadata_in_flight: bool,
    /// Since when metadata is being asked for without an answer.
    metadata_missing_since: Option<SimTime>,
}

#[derive(Clone, Debug)]
enum Purpose<T> {
    Metadata(Asked),
    Client(T),
}

/// The bootstrap servers are nodes -1, -2 …
fn bootstrap_id(index: usize) -> NodeId {
    -1 - index as NodeId
}

impl<T: Clone> NetworkClient<T> {
    pub(super) fn new(config: NetworkConfig, wanted: Wanted) -> Self {
        let net = network::NetworkConfig {
            request_timeout: config.request_timeout,
            reconnect_backoff: config.reconnect_backoff,
            reconnect_backoff_max: config.reconnect_backoff_max,
            max_in_flight: config.max_in_flight,
            ..network::NetworkConfig::new(config.client_id.to_string())
        };
        Self {
            metadata: Metadata::new(wanted, config.metadata_max_idle),
            config,
            net: network::NetworkClient::new(net),
            added: SortedMap::new(),
            metadata_failures: 0,
            equivalent_answers: 0,
            metadata_not_before: SimTime::ZERO,
            metadata_in_flight: false,
            metadata_missing_since: None,
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
        let endpoint = match self.metadata.brokers().get(&node).or_else(|| self.added.get(&node)) {
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

    /// Sends a request as [`NetworkClient::send`] does, but one that may wait for its response only so long.
    pub(super) fn send_within(
        &mut self,
        timeout: SimDuration,
        node: NodeId,
        api: ApiKey,
        tied: Option<T>,
        ctx: &mut Ctx<'_>,
        body: impl FnOnce(i16) -> RequestKind,
    ) {
        self.net.send_within(timeout, node, api, tied.map(Purpose::Client), ctx, body);
    }

    /// Makes a node known that metadata does not name, or tells where it is now.
    pub(super) fn add_node(&mut self, node: NodeId, endpoint: Endpoint) {
        self.added.insert(node, endpoint);
    }

    /// Whether a connection to a node stands and takes another request.
    pub(super) fn can_send(&self, node: NodeId) -> bool {
        self.net.in_flight(node).is_some() && !self.net.is_full(node)
    }

    /// Closes the connection to a node and tells what will not be answered.
    pub(super) fn give_up(&mut self, node: NodeId, ctx: &mut Ctx<'_>) -> Vec<(T, ErrorCode)> {
        let failed = |event| match event {
            network::NetEvent::Failed(_, Purpose::Client(tied), error) => Some((tied, error)),
            _ => None,
        };
        self.net.give_up(node, ctx).into_iter().filter_map(failed).collect()
    }

    /// Takes an input that concerns the network; what the client above must know comes back.
    pub(super) fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) -> Vec<NetEvent<T>> {
        let told = self.net.handle(input, ctx);
        let mut events = self.sort(told, ctx);
        if self.is_missing_too_long(ctx.now()) {
            let told = self.net.cancel(ctx);
            events.extend(self.sort(told, ctx));
            self.rebootstrap(ctx);
        }
        self.poll(ctx);
        events
    }

    /// Keeps what concerns metadata, and hands on the rest.
    fn sort(&mut self, told: Vec<network::NetEvent<Purpose<T>>>, ctx: &mut Ctx<'_>) -> Vec<NetEvent<T>> {
        let sorted = |event| match event {
            network::NetEvent::Response(_, Purpose::Metadata(asked), response) => {
                let ResponseKind::Metadata(body) = &response.body else {
                    panic!("a response of another kind than its request: {response:?}")
                };
                self.metadata_came(body, asked, ctx);
                Some(NetEvent::Metadata)
            }
            network::NetEvent::Response(_, Purpose::Client(tied), response) => Some(NetEvent::Response(tied, response)),
            network::NetEvent::Failed(_, Purpose::Metadata(_), _) => {
                self.metadata_in_flight = false;
                self.metadata_failed(ctx);
                None
            }
            network::NetEvent::Failed(_, Purpose::Client(tied), why) => Some(NetEvent::Failed(tied, why)),
            network::NetEvent::Disconnected(_) => {
                self.metadata.request_refresh();
                None
            }
        };
        told.into_iter().filter_map(sorted).collect()
    }

    fn metadata_came(&mut self, body: &MetadataResponse, asked: Asked, ctx: &mut Ctx<'_>) {
        self.metadata_in_flight = false;
        if ErrorCode(body.error_code) == ErrorCode::REBOOTSTRAP_REQUIRED && self.config.rebootstrap_trigger.is_some() {
            return self.rebootstrap(ctx);
        }
        if body.brokers.is_empty() {
            // A broker that is only starting knows nobody yet.
            return self.metadata_failed(ctx);
        }
        let progress = self.metadata.update(body, asked, ctx.now());
        self.metadata_failures = 0;
        self.metadata_missing_since = None;
        self.equivalent_answers = if progress { 0 } else { self.equivalent_answers + 1 };
        self.metadata_backoff(self.equivalent_answers.max(1), ctx);
    }

    /// Refreshes metadata if that is due; called by the client above after it may have asked for it.
    pub(super) fn poll(&mut self, ctx: &mut Ctx<'_>) {
        if self.metadata.take_urgent() {
            self.equivalent_answers = 0;
            self.metadata_not_before = SimTime::ZERO;
        }
        if self.metadata_in_flight || self.due_at() > ctx.now() {
            return;
        }
        self.metadata_missing_since.get_or_insert(ctx.now());
        if self.config.rebootstrap_trigger.is_some() && !self.can_reach_a_node(ctx.now()) {
            self.rebootstrap(ctx);
        }
        if let Some(node) = self.least_loaded(ctx) {
            self.send_metadata_request(node, ctx);
        }
    }

    /// A node that a request can go to now, as any will do: the one with the fewest requests in flight. If no connection
    /// stands, one is opened.
    pub(super) fn least_loaded(&mut self, ctx: &mut Ctx<'_>) -> Option<NodeId> {
        let nodes = self.known_nodes();
        let start = ctx.rng().below(nodes.len() as u64) as usize;
        let (node, _) = self.find_least_loaded(&nodes, start)?;
        self.ready(node, ctx).then_some(node)
    }

    /// Takes in what brokers said beside an error of who leads (KIP-951).
    pub(super) fn follow(&mut self, hints: Vec<LeaderHint>, nodes: Vec<(NodeId, Endpoint)>) {
        self.metadata.follow(hints, nodes);
    }

    /// When the network wants to be woken.
    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        let given_up = self.metadata_missing_since.zip(self.config.rebootstrap_trigger);
        let deadline = earlier(self.net.next_deadline(), given_up.map(|(since, trigger)| since + trigger));
        if self.metadata_in_flight {
            return deadline;
        }
        let due = if self.metadata.is_urgent() { SimTime::ZERO } else { self.due_at() };
        if deadline.is_some_and(|deadline| deadline <= due) {
            return deadline;
        }
        earlier(deadline, self.reachable_at().map(|at| due.max(at)))
    }

    /// When metadata is next to be asked for.
    fn due_at(&self) -> SimTime {
        self.metadata.due_at(self.config.metadata_max_age).max(self.metadata_not_before)
    }

    fn is_missing_too_long(&self, now: SimTime) -> bool {
        let given_up = self.metadata_missing_since.zip(self.config.rebootstrap_trigger);
        given_up.is_some_and(|(since, trigger)| since + trigger <= now)
    }

    /// Begins at the bootstrap servers again.
    fn rebootstrap(&mut self, ctx: &mut Ctx<'_>) {
        self.metadata.rebootstrap();
        self.metadata_missing_since = Some(ctx.now());
    }

    /// Whether a connection to a node that is known stands, is under way, or may be tried.
    fn can_reach_a_node(&self, now: SimTime) -> bool {
        let may_try = |node: NodeId| self.net.retry_at(node).is_none_or(|at| at <= now);
        self.known_nodes().into_iter().any(may_try)
    }

    /// When a node that is down may be tried again.
    pub(super) fn retry_at(&self, node: NodeId) -> Option<SimTime> {
        self.net.retry_at(node)
    }

    /// Closes every connection.
    pub(super) fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.net.close(ctx);
    }

    /// The brokers, or before the first metadata the bootstrap servers.
    fn known_nodes(&self) -> Vec<NodeId> {
        match self.metadata.brokers().is_empty() {
            true => (0..self.config.bootstrap.len()).map(bootstrap_id).collect(),
            false => self.metadata.brokers().keys().copied().collect(),
        }
    }

    /// When a node can be asked, if only time is in the way.
    pub(super) fn reachable_at(&self) -> Option<SimTime> {
        // Most of the time the first that is looked at.
        if self.metadata.brokers().keys().any(|node| self.can_send(*node)) {
            return Some(SimTime::ZERO);
        }
        let known = self.find_least_loaded(&self.known_nodes(), 0).map(|(_, at)| at);
        if self.config.rebootstrap_trigger.is_none() || self.metadata.brokers().is_empty() {
            return known;
        }
        // While no broker can be reached, the bootstrap servers are tried.
        let bootstrap: Vec<NodeId> = (0..self.config.bootstrap.len()).map(bootstrap_id).collect();
        let again = self.find_least_loaded(&bootstrap, 0).map(|(_, at)| at);
        known.map(|at| again.map_or(at, |again| at.min(again)))
    }

    /// The node with the least to do, and when it can be asked or connected to (`leastLoadedNode`): a ready one with the
    /// fewest requests in flight; none while one is being connected to; else the first from `start` on that may be
    /// connected to.
    fn find_least_loaded(&self, nodes: &[NodeId], start: usize) -> Option<(NodeId, SimTime)> {
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
        let Question { topics, asked } = self.metadata.question(self.config.metadata_max_age, ctx.now());
        let request = MetadataRequest::default()
            .with_topics(topics.map(|topics| topics.iter().map(topic).collect()))
            .with_allow_auto_topic_creation(self.config.allow_auto_topic_creation);
        let purpose = Some(Purpose::Metadata(asked));
        self.net.send(node, ApiKey::Metadata, purpose, ctx, |_| RequestKind::Metadata(request));
    }

    fn metadata_failed(&mut self, ctx: &mut Ctx<'_>) {
        self.metadata_failures += 1;
        self.metadata_backoff(self.metadata_failures, ctx);
    }

    fn metadata_backoff(&mut self, failures: u32, ctx: &mut Ctx<'_>) {
        let (backoff, max) = (self.config.retry_backoff, self.config.retry_backoff_max);
        self.metadata_not_before = ctx.now() + exponential_backoff(failures, backoff, max, ctx.rng());
    }
}
