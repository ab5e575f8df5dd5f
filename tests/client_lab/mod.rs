//! A client alone in a laboratory: a test gives it inputs and time, and plays the brokers.
//!
//! Connections stand at once unless they are refused. What a client asks is handed to the laboratory, which answers it at
//! once or keeps it. What it wants of the world is carried out in its order, and what comes of that after it.

use kafka_terrarium::base::{ConnId, Endpoint, Rng, SimTime};
use kafka_terrarium::client::{Consumer, Producer};
use kafka_terrarium::machine::{Ctx, Effect, Fact, Input};
use kafka_terrarium::wire::messages::api_versions_response::ApiVersion;
use kafka_terrarium::wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_terrarium::wire::messages::{ApiVersionsResponse, MetadataResponse};
use kafka_terrarium::wire::{
    ApiRange, BROKER_APIS, BrokerId, Message, Request, Response, ResponseKind, StrBytes, TopicName,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) const START_MS: i64 = 1_767_225_600_000;

/// Where a broker listens; 9 is the bootstrap server, which is no broker that metadata names.
pub(crate) fn endpoint(broker: i32) -> Endpoint {
    Endpoint { host: "localhost".into(), port: 9_000 + broker as u16 }
}

/// A client's process.
pub(crate) trait Client {
    fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>);
}

impl Client for Producer {
    fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        Producer::handle(self, input, ctx);
    }
}

impl Client for Consumer {
    fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        Consumer::handle(self, input, ctx);
    }
}

/// A client, and what the laboratory keeps for it.
pub(crate) struct Alone<C> {
    pub(crate) client: C,
    pub(crate) now: SimTime,
    rng: Rng,
    next_conn: u32,
    conns: BTreeMap<ConnId, Endpoint>,
    /// What it wants of the world and was not carried out yet; the first is being carried out.
    effects: VecDeque<Effect>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) exited: bool,
}

impl<C> Alone<C> {
    pub(crate) fn new(client: C) -> Self {
        Self {
            client,
            now: SimTime::ZERO,
            rng: Rng::stream(1, "lab"),
            next_conn: 0,
            conns: BTreeMap::new(),
            effects: VecDeque::new(),
            facts: Vec::new(),
            exited: false,
        }
    }
}

/// Who plays the brokers.
pub(crate) trait Brokers {
    type Client: Client;

    fn alone(&mut self) -> &mut Alone<Self::Client>;

    /// Whether the broker at an address takes connections.
    fn accepts(&mut self, to: &Endpoint) -> bool;

    /// A broker got a request.
    fn received(&mut self, broker: i32, conn: ConnId, request: &Arc<Request>);

    /// Lets the client do something, and carries out what it wants.
    fn act(&mut self, act: impl FnOnce(&mut Self::Client, &mut Ctx<'_>)) {
        let alone = self.alone();
        let mut effects = Vec::new();
        let mut ctx = Ctx::new(alone.now, START_MS, &mut alone.rng, &mut alone.next_conn, &mut effects);
        act(&mut alone.client, &mut ctx);
        let is_first = alone.effects.is_empty();
        alone.effects.extend(effects);
        if !is_first {
            // What led here is being carried out, and goes on with these.
            return;
        }
        while let Some(effect) = self.alone().effects.front().cloned() {
            match effect {
                Effect::Connect(conn, to) => self.connect(conn, to),
                Effect::Send(conn, Message::Request(request)) => {
                    if let Some(to) = self.alone().conns.get(&conn) {
                        let broker = i32::from(to.port) - 9_000;
                        self.received(broker, conn, &request);
                    }
                }
                Effect::Send(_, other) => panic!("a client sends requests: {other:?}"),
                Effect::Close(conn) => drop(self.alone().conns.remove(&conn)),
                Effect::Fact(fact) => self.alone().facts.push(fact),
                Effect::Exit => self.alone().exited = true,
            }
            self.alone().effects.pop_front();
        }
    }

    fn connect(&mut self, conn: ConnId, to: Endpoint) {
        if !self.accepts(&to) {
            return self.input(Input::Disconnected(conn));
        }
        self.alone().conns.insert(conn, to);
        self.input(Input::Connected(conn));
    }

    fn input(&mut self, input: Input) {
        self.act(|client, ctx| client.handle(input, ctx));
    }

    /// Answers a request, if its connection still stands.
    fn respond(&mut self, conn: ConnId, request: &Request, body: ResponseKind) {
        let (api, version, correlation_id) = (request.api, request.version, request.correlation_id);
        let response = Response { api, version, correlation_id, body };
        if self.alone().conns.contains_key(&conn) {
            self.input(Input::Received(conn, Message::Response(Arc::new(response))));
        }
    }

    /// Breaks a connection.
    fn disconnect(&mut self, conn: ConnId) {
        self.alone().conns.remove(&conn);
        self.input(Input::Disconnected(conn));
    }
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A topic's name, its id, and leader and leader epoch of every partition.
pub(crate) type Topic = (String, Uuid, Vec<(i32, i32)>);

/// Brokers 1, 2 and 3, and topics.
pub(crate) fn metadata(topics: Vec<Topic>) -> MetadataResponse {
    let broker = |id: i32| {
        let at = endpoint(id);
        let broker = MetadataResponseBroker::default().with_node_id(BrokerId(id));
        broker.with_host(text(&at.host)).with_port(i32::from(at.port))
    };
    let partition = |(index, (leader, epoch)): (i32, (i32, i32))| {
        let partition = MetadataResponsePartition::default().with_partition_index(index);
        partition.with_leader_id(BrokerId(leader)).with_leader_epoch(epoch)
    };
    let topic = |(name, id, leaders): Topic| {
        let topic = MetadataResponseTopic::default().with_name(Some(TopicName(text(&name)))).with_topic_id(id);
        topic.with_partitions((0..).zip(leaders).map(partition).collect())
    };
    let brokers = (1..=3).map(broker).collect();
    MetadataResponse::default().with_brokers(brokers).with_topics(topics.into_iter().map(topic).collect())
}

pub(crate) fn api_versions() -> ApiVersionsResponse {
    let entry = |range: &ApiRange| {
        ApiVersion::default().with_api_key(range.api as i16).with_min_version(range.min).with_max_version(range.max)
    };
    ApiVersionsResponse::default().with_api_keys(BROKER_APIS.iter().map(entry).collect())
}
