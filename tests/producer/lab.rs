//! A producer alone in a laboratory: the test plays the brokers, and says what comes back, and when.
//!
//! Connections stand at once, ApiVersions and Metadata are answered at once. What a test answers by hand are the
//! requests for a producer id and the produce requests.

use kafka_terrarium::base::{ConnId, Endpoint, Rng, SimDuration, SimTime};
use kafka_terrarium::client::{Producer, ProducerConfig, ProducerRecord};
use kafka_terrarium::machine::{Ctx, Effect, Fact, Input};
use kafka_terrarium::wire::messages::api_versions_response::ApiVersion;
use kafka_terrarium::wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_terrarium::wire::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_terrarium::wire::messages::{
    ApiVersionsResponse, InitProducerIdResponse, MetadataResponse, ProduceResponse, ProducerId,
};
use kafka_terrarium::wire::records::{self, BatchHeader, Record};
use kafka_terrarium::wire::{
    BROKER_APIS, BrokerId, ErrorCode, Message, Request, RequestKind, Response, ResponseKind, StrBytes, TopicName,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) const TOPIC_ID: Uuid = Uuid::from_u128(77);
pub(crate) const START_MS: i64 = 1_767_225_600_000;

/// A produce request that is not answered yet.
pub(crate) struct Produced {
    pub(crate) at: SimTime,
    pub(crate) broker: i32,
    pub(crate) conn: ConnId,
    request: Arc<Request>,
    /// Each partition with the header of its batch and the batch.
    pub(crate) batches: Vec<(i32, BatchHeader, bytes::Bytes)>,
}

impl Produced {
    /// Epoch and base sequence of its first batch.
    pub(crate) fn stamp(&self) -> (i16, i32) {
        (self.batches[0].1.producer_epoch, self.batches[0].1.base_sequence)
    }

    pub(crate) fn partitions(&self) -> Vec<i32> {
        self.batches.iter().map(|(index, ..)| *index).collect()
    }

    pub(crate) fn records(&self) -> i32 {
        self.batches.iter().map(|(_, header, _)| header.record_count).sum()
    }
}

pub(crate) struct Lab {
    pub(crate) producer: Producer,
    pub(crate) now: SimTime,
    rng: Rng,
    next_conn: u32,
    conns: BTreeMap<ConnId, Endpoint>,
    pub(crate) connected_to: Vec<u16>,
    /// Ports on which nobody listens.
    pub(crate) refused: BTreeSet<u16>,
    /// Leader and leader epoch of each partition of the topic.
    pub(crate) leaders: Vec<(i32, i32)>,
    pub(crate) metadata_requests: usize,
    /// Requests for metadata get no answer.
    pub(crate) silent: bool,
    /// What brokers say of InitProducerId, in order; then ids from 7 on.
    pub(crate) init_answers: Vec<(ErrorCode, i64, i16)>,
    pub(crate) init_requests: Vec<SimTime>,
    pub(crate) produced: Vec<Produced>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) exited: bool,
}

/// Where a broker listens; 9 is the bootstrap server, which is no broker that metadata names.
pub(crate) fn endpoint(broker: i32) -> Endpoint {
    Endpoint { host: "localhost".into(), port: 9_000 + broker as u16 }
}

impl Lab {
    /// A producer with these configs that writes to `t`, which has one partition for each of the leaders.
    pub(crate) fn new(configs: &[(&str, &str)], leaders: &[i32]) -> Self {
        Self::with_answers(configs, leaders, Vec::new())
    }

    pub(crate) fn with_answers(configs: &[(&str, &str)], leaders: &[i32], init: Vec<(ErrorCode, i64, i16)>) -> Self {
        let mut config = ProducerConfig::default();
        configs.iter().for_each(|(name, value)| config.set(name, value).expect("Kafka takes it"));
        config.validate().expect("Kafka takes them");
        let mut lab = Self {
            producer: Producer::new("p", "t", config, None, vec![endpoint(9)]),
            now: SimTime::ZERO,
            rng: Rng::stream(1, "lab"),
            next_conn: 0,
            conns: BTreeMap::new(),
            connected_to: Vec::new(),
            refused: BTreeSet::new(),
            leaders: leaders.iter().map(|leader| (*leader, 0)).collect(),
            metadata_requests: 0,
            silent: false,
            init_answers: init,
            init_requests: Vec::new(),
            produced: Vec::new(),
            facts: Vec::new(),
            exited: false,
        };
        lab.input(Input::Started);
        lab
    }

    fn act(&mut self, act: impl FnOnce(&mut Producer, &mut Ctx<'_>)) {
        let mut effects = Vec::new();
        let mut ctx = Ctx::new(self.now, START_MS, &mut self.rng, &mut self.next_conn, &mut effects);
        act(&mut self.producer, &mut ctx);
        for effect in effects {
            match effect {
                Effect::Connect(conn, to) => self.connect(conn, to),
                Effect::Send(conn, Message::Request(request)) => self.received(conn, request),
                Effect::Send(_, other) => panic!("a client sends requests: {other:?}"),
                Effect::Close(conn) => drop(self.conns.remove(&conn)),
                Effect::Fact(fact) => self.facts.push(fact),
                Effect::Exit => self.exited = true,
            }
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.act(|producer, ctx| producer.handle(input, ctx));
    }

    fn connect(&mut self, conn: ConnId, to: Endpoint) {
        self.connected_to.push(to.port);
        if self.refused.contains(&to.port) {
            return self.input(Input::Disconnected(conn));
        }
        self.conns.insert(conn, to);
        self.input(Input::Connected(conn));
    }

    fn received(&mut self, conn: ConnId, request: Arc<Request>) {
        let Some(to) = self.conns.get(&conn) else { return };
        let broker = i32::from(to.port) - 9_000;
        let body = match &request.body {
            RequestKind::ApiVersions(_) => ResponseKind::ApiVersions(api_versions()),
            RequestKind::Metadata(body) => {
                self.metadata_requests += 1;
                if self.silent {
                    return;
                }
                let topics = body.topics.as_ref().map_or(0, Vec::len);
                ResponseKind::Metadata(self.metadata(topics > 0))
            }
            RequestKind::InitProducerId(_) => {
                self.init_requests.push(self.now);
                let known = (!self.init_answers.is_empty()).then(|| self.init_answers.remove(0));
                let next = 6 + self.init_requests.len() as i64;
                let (error, id, epoch) = known.unwrap_or((ErrorCode::NONE, next, 0));
                let response = InitProducerIdResponse::default().with_error_code(error.0);
                let response = response.with_producer_id(ProducerId(id)).with_producer_epoch(epoch);
                ResponseKind::InitProducerId(response)
            }
            RequestKind::Produce(body) => {
                let data = body.topic_data.iter().flat_map(|topic| &topic.partition_data);
                let batch = |data: &kafka_terrarium::wire::messages::produce_request::PartitionProduceData| {
                    let bytes = data.records.clone().expect("a batch");
                    (data.index, records::check_crc(&bytes).expect("it is whole"), bytes)
                };
                let batches = data.map(batch).collect();
                self.produced.push(Produced { at: self.now, broker, conn, request, batches });
                return;
            }
            other => panic!("no producer asks that: {other:?}"),
        };
        self.respond(conn, &request, body);
    }

    fn respond(&mut self, conn: ConnId, request: &Request, body: ResponseKind) {
        let (api, version, correlation_id) = (request.api, request.version, request.correlation_id);
        let response = Response { api, version, correlation_id, body };
        if self.conns.contains_key(&conn) {
            self.input(Input::Received(conn, Message::Response(Arc::new(response))));
        }
    }

    fn metadata(&self, of_topic: bool) -> MetadataResponse {
        let broker = |id: i32| {
            let at = endpoint(id);
            let host = StrBytes::from_string(at.host.to_string());
            MetadataResponseBroker::default().with_node_id(BrokerId(id)).with_host(host).with_port(i32::from(at.port))
        };
        let partition = |(index, (leader, epoch)): (usize, &(i32, i32))| {
            MetadataResponsePartition::default()
                .with_partition_index(index as i32)
                .with_leader_id(BrokerId(*leader))
                .with_leader_epoch(*epoch)
        };
        let topic = MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str("t"))))
            .with_topic_id(TOPIC_ID)
            .with_partitions(self.leaders.iter().enumerate().map(partition).collect());
        MetadataResponse::default().with_brokers((1..=3).map(broker).collect()).with_topics(if of_topic {
            vec![topic]
        } else {
            Vec::new()
        })
    }

    /// Lets time go by; what the producer wants to be woken for happens in it.
    pub(crate) fn run(&mut self, ms: u64) {
        let until = self.now + SimDuration::from_millis(ms);
        for _ in 0..100_000 {
            match self.producer.next_deadline().filter(|at| *at <= until) {
                Some(at) => {
                    self.now = self.now.max(at);
                    self.input(Input::Woken);
                }
                None => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("it asks to be woken at {} again and again", self.now);
    }

    /// Hands it a record without a key for a partition.
    pub(crate) fn send(&mut self, partition: i32, size: usize) {
        self.hand(Some(partition), size);
    }

    /// Hands it a record without a key.
    pub(crate) fn hand(&mut self, partition: Option<i32>, size: usize) {
        let record = Record { value: Some(vec![b'v'; size].into()), ..Record::default() };
        let record = ProducerRecord { partition, record, ..ProducerRecord::default() };
        self.act(|producer, ctx| producer.send(record, ctx).expect("it takes the record"));
    }

    pub(crate) fn close(&mut self) {
        self.act(Producer::close);
    }

    pub(crate) fn flush(&mut self) {
        self.act(Producer::flush);
    }

    /// Sends a record alone, by waiting until it has lingered.
    pub(crate) fn send_alone(&mut self, partition: i32) {
        self.send(partition, 10);
        self.run(5);
    }

    /// The oldest produce request.
    pub(crate) fn take(&mut self) -> Produced {
        assert!(!self.produced.is_empty(), "no produce request waits at {}", self.now);
        self.produced.remove(0)
    }

    /// Answers a request, all its partitions alike.
    pub(crate) fn answer(&mut self, produced: &Produced, error: ErrorCode) {
        self.answer_with(produced, |answer| answer.with_error_code(error.0), Vec::new());
    }

    pub(crate) fn answer_with(
        &mut self,
        produced: &Produced,
        fill: impl Fn(PartitionProduceResponse) -> PartitionProduceResponse,
        nodes: Vec<kafka_terrarium::wire::messages::produce_response::NodeEndpoint>,
    ) {
        let answer = |index: i32| {
            let answer = PartitionProduceResponse::default().with_index(index).with_base_offset(100);
            fill(answer.with_log_start_offset(0))
        };
        let topic = TopicProduceResponse::default()
            .with_topic_id(TOPIC_ID)
            .with_partition_responses(produced.partitions().into_iter().map(answer).collect());
        let response = ProduceResponse::default().with_responses(vec![topic]).with_node_endpoints(nodes);
        self.respond(produced.conn, &produced.request, ResponseKind::Produce(response));
    }

    /// Answers everything that waits, until nothing does.
    pub(crate) fn settle(&mut self) {
        while !self.produced.is_empty() {
            let produced = self.take();
            self.answer(&produced, ErrorCode::NONE);
        }
    }

    /// Breaks a connection.
    pub(crate) fn reset(&mut self, conn: ConnId) {
        self.conns.remove(&conn);
        self.input(Input::Disconnected(conn));
    }
}

fn api_versions() -> ApiVersionsResponse {
    let entry = |range: &kafka_terrarium::wire::ApiRange| {
        ApiVersion::default().with_api_key(range.api as i16).with_min_version(range.min).with_max_version(range.max)
    };
    ApiVersionsResponse::default().with_api_keys(BROKER_APIS.iter().map(entry).collect())
}
