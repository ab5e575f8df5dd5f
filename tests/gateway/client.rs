//! A client over a real socket that says exactly what a test wants.

use bytes::Bytes;
use kafka_terrarium::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_terrarium::wire::messages::metadata_request::MetadataRequestTopic;
use kafka_terrarium::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_terrarium::wire::messages::{
    ApiVersionsRequest, FetchRequest, FetchResponse, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse,
};
use kafka_terrarium::wire::records::{self, Record};
use kafka_terrarium::wire::{ApiKey, Request, RequestKind, Response, ResponseKind, StrBytes, TopicName};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than anything takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        Self { stream, correlation_id: 0 }
    }

    /// A request as a frame, with the next correlation id.
    pub(crate) fn frame(&mut self, api: ApiKey, version: i16, body: RequestKind) -> Bytes {
        self.correlation_id += 1;
        let client_id = StrBytes::from_static_str("test");
        Request { api, version, correlation_id: self.correlation_id, client_id, body }.frame()
    }

    pub(crate) fn send(&mut self, api: ApiKey, version: i16, body: RequestKind) {
        let frame = self.frame(api, version, body);
        self.stream.write_all(&frame).expect("the connection stands");
    }

    /// The next frame that comes back, without its length prefix; none when the connection is over.
    pub(crate) fn receive(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        match self.stream.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("nothing came in {PATIENCE:?}"),
            Err(_) => return None,
        }
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame).expect("a whole frame");
        Some(frame.into())
    }

    pub(crate) fn ask(&mut self, api: ApiKey, version: i16, body: RequestKind) -> ResponseKind {
        self.send(api, version, body);
        let frame = self.receive().expect("an answer");
        let response = Response::decode(&frame, api, version).expect("a response");
        assert_eq!(response.correlation_id, self.correlation_id);
        response.body
    }

    pub(crate) fn metadata(&mut self) -> MetadataResponse {
        let ResponseKind::Metadata(answer) = self.ask(ApiKey::Metadata, 9, all_topics()) else { panic!("Metadata") };
        answer
    }

    /// Asks for a topic by its name, as clients do that would have it created: its error code and how many replicas
    /// each of its partitions has.
    pub(crate) fn topic(&mut self, name: &'static str) -> (i16, Vec<usize>) {
        let topic = MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_static_str(name))));
        let body = MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(true);
        let body = RequestKind::Metadata(body);
        let ResponseKind::Metadata(answer) = self.ask(ApiKey::Metadata, 9, body) else { panic!("Metadata") };
        let partitions = answer.topics[0].partitions.iter().map(|partition| partition.replica_nodes.len());
        (answer.topics[0].error_code, partitions.collect())
    }

    /// Writes a record to `orders-0`: its offset.
    pub(crate) fn produce(&mut self, value: &str) -> i64 {
        let ResponseKind::Produce(answer) = self.ask(ApiKey::Produce, 9, produce(value, -1)) else { panic!("Produce") };
        let ProduceResponse { responses, .. } = answer;
        let partition = &responses[0].partition_responses[0];
        assert_eq!(partition.error_code, 0);
        partition.base_offset
    }

    /// The values in `orders-0` from an offset on, waiting for `max_wait_ms` if there are none.
    pub(crate) fn fetch(&mut self, offset: i64, max_wait_ms: i32) -> Vec<String> {
        let body = fetch(offset, max_wait_ms);
        let ResponseKind::Fetch(answer) = self.ask(ApiKey::Fetch, 11, body) else { panic!("Fetch") };
        values(&answer)
    }
}

pub(crate) fn all_topics() -> RequestKind {
    RequestKind::Metadata(MetadataRequest::default().with_topics(None))
}

pub(crate) fn api_versions() -> RequestKind {
    let name = StrBytes::from_static_str("test");
    let request = ApiVersionsRequest::default().with_client_software_name(name.clone());
    RequestKind::ApiVersions(request.with_client_software_version(name))
}

fn orders() -> TopicName {
    TopicName(StrBytes::from_static_str("orders"))
}

pub(crate) fn produce(value: &str, acks: i16) -> RequestKind {
    let record = Record { timestamp_ms: 5, value: Some(Bytes::copy_from_slice(value.as_bytes())), ..Record::default() };
    let data = PartitionProduceData::default().with_records(Some(records::build(&[record])));
    let topic = TopicProduceData::default().with_name(orders()).with_partition_data(vec![data]);
    RequestKind::Produce(ProduceRequest::default().with_acks(acks).with_timeout_ms(30_000).with_topic_data(vec![topic]))
}

pub(crate) fn fetch(offset: i64, max_wait_ms: i32) -> RequestKind {
    let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(orders()).with_partitions(vec![partition]);
    let request = FetchRequest::default().with_max_bytes(1 << 20).with_min_bytes(1).with_max_wait_ms(max_wait_ms);
    RequestKind::Fetch(request.with_topics(vec![topic]))
}

pub(crate) fn values(answer: &FetchResponse) -> Vec<String> {
    let partition = &answer.responses[0].partitions[0];
    assert_eq!(partition.error_code, 0);
    let batches = records::split(partition.records.clone().unwrap_or_default()).expect("batches");
    let records = batches.iter().flat_map(|(_, batch)| records::decode(batch).expect("records"));
    let text = |record: Record| String::from_utf8(record.value.expect("a value").to_vec()).expect("a text");
    records.map(|(_, record)| text(record)).collect()
}
