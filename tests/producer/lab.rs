//! A producer alone in a laboratory: the test plays the brokers, and says what comes back, and when.
//!
//! Connections stand at once, ApiVersions and Metadata are answered at once. What a test answers by hand are the
//! requests for a producer id and the produce requests.

use crate::client_lab::{Alone, Brokers, api_versions, endpoint, metadata};
use kafka_terrarium::base::{ConnId, Endpoint, SimDuration, SimTime};
use kafka_terrarium::client::{Producer, ProducerConfig, ProducerRecord};
use kafka_terrarium::machine::Input;
use kafka_terrarium::wire::messages::produce_request::PartitionProduceData;
use kafka_terrarium::wire::messages::produce_response::{NodeEndpoint, PartitionProduceResponse, TopicProduceResponse};
use kafka_terrarium::wire::messages::{
    InitProducerIdResponse, MetadataRequest, MetadataResponse, ProduceResponse, ProducerId,
};
use kafka_terrarium::wire::records::{self, BatchHeader, Record};
use kafka_terrarium::wire::{ErrorCode, Request, RequestKind, ResponseKind};
use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use uuid::Uuid;

/// A produce request that is not answered yet.
pub(crate) struct Produced {
    pub(crate) at: SimTime,
    pub(crate) broker: i32,
    pub(crate) conn: ConnId,
    request: Arc<Request>,
    topic_id: Uuid,
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
    alone: Alone<Producer>,
    pub(crate) connected_to: Vec<u16>,
    /// Ports on which nobody listens.
    pub(crate) refused: BTreeSet<u16>,
    /// Leader and leader epoch of each partition of every topic.
    pub(crate) leaders: Vec<(i32, i32)>,
    /// The topics of each request for metadata.
    pub(crate) metadata_requests: Vec<Vec<String>>,
    /// Requests for metadata get no answer.
    pub(crate) silent: bool,
    /// Those that got none.
    unanswered: Vec<(ConnId, Arc<Request>)>,
    /// What brokers say of InitProducerId, in order; then ids from 7 on.
    pub(crate) init_answers: Vec<(ErrorCode, i64, i16)>,
    pub(crate) init_requests: Vec<SimTime>,
    pub(crate) produced: Vec<Produced>,
}

impl Deref for Lab {
    type Target = Alone<Producer>;

    fn deref(&self) -> &Self::Target {
        &self.alone
    }
}

impl DerefMut for Lab {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.alone
    }
}

impl Brokers for Lab {
    type Client = Producer;

    fn alone(&mut self) -> &mut Alone<Producer> {
        &mut self.alone
    }

    fn accepts(&mut self, to: &Endpoint) -> bool {
        self.connected_to.push(to.port);
        !self.refused.contains(&to.port)
    }

    fn received(&mut self, broker: i32, conn: ConnId, request: &Arc<Request>) {
        let body = match &request.body {
            RequestKind::ApiVersions(_) => ResponseKind::ApiVersions(api_versions()),
            RequestKind::Metadata(body) => {
                self.metadata_requests.push(topics(body));
                if self.silent {
                    return self.unanswered.push((conn, request.clone()));
                }
                ResponseKind::Metadata(self.metadata(body))
            }
            RequestKind::InitProducerId(_) => ResponseKind::InitProducerId(self.producer_id()),
            RequestKind::Produce(body) => {
                let data = body.topic_data.iter().flat_map(|topic| &topic.partition_data);
                let batch = |data: &PartitionProduceData| {
                    let bytes = data.records.clone().expect("a batch");
                    (data.index, records::check_crc(&bytes).expect("it is whole"), bytes)
                };
                let (at, request, topic_id) = (self.now, request.clone(), body.topic_data[0].topic_id);
                self.produced.push(Produced {
                    at,
                    broker,
                    conn,
                    request,
                    topic_id,
                    batches: data.map(batch).collect(),
                });
                return;
            }
            other => panic!("no producer asks that: {other:?}"),
        };
        self.respond(conn, request, body);
    }
}

fn topics(request: &MetadataRequest) -> Vec<String> {
    let names = request.topics.iter().flatten().filter_map(|topic| topic.name.as_ref());
    names.map(|name| name.to_string()).collect()
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
            alone: Alone::new(Producer::new("p", "t", config, None, vec![endpoint(9)])),
            connected_to: Vec::new(),
            refused: BTreeSet::new(),
            leaders: leaders.iter().map(|leader| (*leader, 0)).collect(),
            metadata_requests: Vec::new(),
            silent: false,
            unanswered: Vec::new(),
            init_answers: init,
            init_requests: Vec::new(),
            produced: Vec::new(),
        };
        lab.input(Input::Started);
        lab
    }

    fn producer_id(&mut self) -> InitProducerIdResponse {
        let now = self.now;
        self.init_requests.push(now);
        let known = (!self.init_answers.is_empty()).then(|| self.init_answers.remove(0));
        let next = 6 + self.init_requests.len() as i64;
        let (error, id, epoch) = known.unwrap_or((ErrorCode::NONE, next, 0));
        let response = InitProducerIdResponse::default().with_error_code(error.0);
        response.with_producer_id(ProducerId(id)).with_producer_epoch(epoch)
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        metadata(
            topics(request).into_iter().map(|name| (name.clone(), topic_id(&name), self.leaders.clone())).collect(),
        )
    }

    /// The topics of the requests for metadata since this was called last.
    pub(crate) fn take_metadata(&mut self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.metadata_requests)
    }

    /// Answers the requests for metadata that got no answer, and from now on all.
    pub(crate) fn speak(&mut self) {
        self.silent = false;
        for (conn, request) in std::mem::take(&mut self.unanswered) {
            let RequestKind::Metadata(body) = &request.body else { panic!("a Metadata") };
            let body = self.metadata(body);
            self.respond(conn, &request, ResponseKind::Metadata(body));
        }
    }

    /// Lets time go by; what the producer wants to be woken for happens in it.
    pub(crate) fn run(&mut self, ms: u64) {
        let until = self.now + SimDuration::from_millis(ms);
        for _ in 0..100_000 {
            match self.client.next_deadline().filter(|at| *at <= until) {
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

    /// Lets time go by, and answers every produce request meanwhile.
    pub(crate) fn settle_for(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.run(10);
            self.settle();
        }
    }

    /// Hands it a record for a topic.
    pub(crate) fn send_to(&mut self, topic: &str, size: usize) {
        let record = Record { value: Some(vec![b'v'; size].into()), ..Record::default() };
        let record = ProducerRecord { topic: Some(topic.into()), record, ..ProducerRecord::default() };
        self.act(|producer, ctx| producer.send(record, ctx).expect("it takes the record"));
    }

    /// Hands it a record without a key for a partition.
    pub(crate) fn send(&mut self, partition: i32, size: usize) {
        self.hand(Some(partition), size);
    }

    /// Hands it a record without a key.
    pub(crate) fn hand(&mut self, partition: Option<i32>, size: usize) {
        assert_eq!(self.try_hand(partition, size), None, "it takes the record");
    }

    /// Hands it a record without a key; why it fails at once, if it does.
    pub(crate) fn try_hand(&mut self, partition: Option<i32>, size: usize) -> Option<String> {
        let record = Record { value: Some(vec![b'v'; size].into()), ..Record::default() };
        let record = ProducerRecord { partition, record, ..ProducerRecord::default() };
        let mut failure = None;
        self.act(|producer, ctx| failure = producer.send(record, ctx).err());
        failure.map(|error| error.0)
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

    /// The same, where the partitioner wants it.
    pub(crate) fn send_alone_anywhere(&mut self, size: usize) {
        self.hand(None, size);
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
        nodes: Vec<NodeEndpoint>,
    ) {
        let answer = |index: i32| {
            let answer = PartitionProduceResponse::default().with_index(index).with_base_offset(100);
            fill(answer.with_log_start_offset(0))
        };
        let topic = TopicProduceResponse::default()
            .with_topic_id(produced.topic_id)
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
}

fn topic_id(name: &str) -> Uuid {
    Uuid::from_u128(name.bytes().map(u128::from).sum())
}
