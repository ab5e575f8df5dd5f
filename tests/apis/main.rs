//! Every API at every version that a broker advertises, as bytes from outside; and what a broker refuses.

mod advertised;
mod groups;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_terrarium::base::{ConnId, SimDuration, SimTime, TopicPartition};
use kafka_terrarium::sim::{ClusterSpec, Command, World};
use kafka_terrarium::tools::Invocation;
use kafka_terrarium::wire::inspect;
use kafka_terrarium::wire::messages::create_topics_request::CreatableTopic;
use kafka_terrarium::wire::messages::describe_configs_request::DescribeConfigsResource;
use kafka_terrarium::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_terrarium::wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_terrarium::wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_terrarium::wire::messages::metadata_request::MetadataRequestTopic;
use kafka_terrarium::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_terrarium::wire::messages::produce_response::PartitionProduceResponse;
use kafka_terrarium::wire::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DescribeConfigsRequest, DescribeLogDirsRequest, FetchRequest,
    IncrementalAlterConfigsRequest, InitProducerIdRequest, ListConfigResourcesRequest, ListOffsetsRequest,
    ListPartitionReassignmentsRequest, MetadataRequest, ProduceRequest, ProducerId, TransactionalId,
};
use kafka_terrarium::wire::records::{self, ProducerStamp, Record};
use kafka_terrarium::wire::{
    ApiKey, BROKER_APIS, BrokerId, CODECS, Compression, ErrorCode, Request, RequestKind, Response, ResponseKind,
    StrBytes, TopicName,
};

/// A client outside the world, on one connection.
struct Client {
    world: World,
    conn: ConnId,
    correlation_id: i32,
    /// How long it waits for an answer.
    patience_ms: u64,
}

impl Client {
    /// Connected to a one-broker world that has the topic `orders` with one partition.
    fn connect() -> Self {
        let mut world = World::new(ClusterSpec::single(), 1);
        assert!(world.boot(SimTime::ZERO + SimDuration::from_secs(10)));
        let args = "--create --topic orders --partitions 1 --replication-factor 1 --config max.message.bytes=1000";
        let create = Invocation::new("kafka-topics", args.split(' '));
        world.apply("", &Command::Tool(create)).unwrap();
        let conn = world.external_connect(1).unwrap();
        let mut client = Self { world, conn, correlation_id: 0, patience_ms: 500 };
        client.wait(1_000);
        client
    }

    fn wait(&mut self, ms: u64) {
        let until = self.world.now() + SimDuration::from_millis(ms);
        self.world.run_until(until);
    }

    fn send(&mut self, api: ApiKey, version: i16, body: RequestKind) {
        self.correlation_id += 1;
        let client_id = StrBytes::from_static_str("outside");
        let request = Request { api, version, correlation_id: self.correlation_id, client_id, body };
        let frame = request.frame();
        assert_eq!(frame.len(), request.size());
        assert_eq!(Request::decode(&frame.slice(4..)), Ok(request));
        self.world.external_send(self.conn, frame.slice(4..));
        self.wait(self.patience_ms);
    }

    fn ask(&mut self, api: ApiKey, version: i16, body: RequestKind) -> ResponseKind {
        self.send(api, version, body);
        let frames = self.world.external_take(self.conn);
        assert_eq!(frames.len(), 1, "{api:?} v{version}");
        let response = Response::decode(&frames[0].slice(4..), api, version).unwrap();
        assert_eq!(response.correlation_id, self.correlation_id);
        inspect::response(&frames[0].slice(4..), api, version).expect("Kafka's definitions read it too");
        assert_eq!(response.frame(), frames[0], "{api:?} v{version} reads and writes the same bytes");
        response.body
    }

    fn produce(&mut self, version: i16, acks: i16, batch: Bytes) -> PartitionProduceResponse {
        let body = produce_body(version, acks, self.topic_id(), batch);
        let ResponseKind::Produce(response) = self.ask(ApiKey::Produce, version, body) else { panic!("Produce") };
        response.responses[0].partition_responses[0].clone()
    }

    fn topic_id(&self) -> uuid::Uuid {
        self.world.topics()[0].id
    }

    fn log_end_offset(&self) -> i64 {
        self.world.replica(1, &TopicPartition::new("orders", 0)).unwrap().log_end_offset()
    }
}

fn produce_body(version: i16, acks: i16, id: uuid::Uuid, batch: Bytes) -> RequestKind {
    let data = PartitionProduceData::default().with_index(0).with_records(Some(batch));
    let topic = TopicProduceData::default().with_partition_data(vec![data]);
    let topic = if version >= 13 { topic.with_topic_id(id) } else { topic.with_name(orders()) };
    RequestKind::Produce(ProduceRequest::default().with_acks(acks).with_timeout_ms(1_000).with_topic_data(vec![topic]))
}

fn fetch_body(version: i16, id: uuid::Uuid, offset: i64, epoch: i32) -> RequestKind {
    let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
    let partition = if version >= 9 { partition.with_current_leader_epoch(epoch) } else { partition };
    let topic = FetchTopic::default().with_partitions(vec![partition]);
    let topic = if version >= 13 { topic.with_topic_id(id) } else { topic.with_topic(orders()) };
    RequestKind::Fetch(FetchRequest::default().with_max_bytes(1 << 20).with_min_bytes(1).with_topics(vec![topic]))
}

fn orders() -> TopicName {
    TopicName(StrBytes::from_static_str("orders"))
}

fn batch(value_size: usize) -> Bytes {
    records::build(&[Record { timestamp_ms: 5, value: Some(vec![b'v'; value_size].into()), ..Record::default() }])
}

/// Every version of an API that can be spoken: Produce below 3 is advertised only.
fn versions(api: ApiKey) -> impl Iterator<Item = i16> {
    let range = BROKER_APIS.iter().find(|r| r.api as i16 == api as i16).unwrap();
    range.min.max(api.valid_versions().min)..=range.max
}

#[test]
fn api_versions() {
    let mut client = Client::connect();
    for version in versions(ApiKey::ApiVersions) {
        let request = ApiVersionsRequest::default();
        let named = request
            .clone()
            .with_client_software_name(StrBytes::from_static_str("rdkafka"))
            .with_client_software_version(StrBytes::from_static_str("2.15.0"));
        let body = RequestKind::ApiVersions(if version >= 3 { named } else { request });
        let ResponseKind::ApiVersions(answer) = client.ask(ApiKey::ApiVersions, version, body) else { panic!() };
        assert_eq!((answer.error_code, answer.api_keys.len()), (0, BROKER_APIS.len()));
    }
    let nameless = RequestKind::ApiVersions(ApiVersionsRequest::default());
    let ResponseKind::ApiVersions(answer) = client.ask(ApiKey::ApiVersions, 4, nameless) else { panic!() };
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::INVALID_REQUEST);
}

#[test]
fn metadata() {
    let mut client = Client::connect();
    for version in versions(ApiKey::Metadata) {
        let topic = MetadataRequestTopic::default().with_name(Some(orders()));
        let request = MetadataRequest::default().with_topics(Some(vec![topic]));
        let body = RequestKind::Metadata(request);
        let ResponseKind::Metadata(answer) = client.ask(ApiKey::Metadata, version, body) else { panic!() };
        assert_eq!(answer.brokers[0].port, 9092);
        assert_eq!(answer.topics[0].partitions[0].leader_id, BrokerId(1));
        assert_eq!(answer.topics[0].error_code, 0);
    }
    let unknown = MetadataRequestTopic::default().with_name(None).with_topic_id(uuid::Uuid::from_u128(9));
    let body = RequestKind::Metadata(MetadataRequest::default().with_topics(Some(vec![unknown])));
    let ResponseKind::Metadata(answer) = client.ask(ApiKey::Metadata, 12, body) else { panic!() };
    assert_eq!(ErrorCode(answer.topics[0].error_code), ErrorCode::UNKNOWN_TOPIC_ID);
}

#[test]
fn metadata_creates_a_topic_that_the_next_asking_finds() {
    let mut client = Client::connect();
    let asking = |allow| {
        let topic = MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_static_str("new"))));
        let request = MetadataRequest::default().with_topics(Some(vec![topic]));
        RequestKind::Metadata(request.with_allow_auto_topic_creation(allow))
    };
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    for (allow, expected) in [(false, unknown), (true, unknown), (false, ErrorCode::NONE)] {
        let ResponseKind::Metadata(answer) = client.ask(ApiKey::Metadata, 13, asking(allow)) else { panic!() };
        assert_eq!(ErrorCode(answer.topics[0].error_code), expected);
    }
}

#[test]
fn create_topics() {
    let mut client = Client::connect();
    for version in versions(ApiKey::CreateTopics) {
        let topic = CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_string(format!("t{version}"))))
            .with_num_partitions(2)
            .with_replication_factor(1);
        let mut request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(1_000);
        for (validate_only, expected) in
            [(true, ErrorCode::NONE), (false, ErrorCode::NONE), (false, ErrorCode::TOPIC_ALREADY_EXISTS)]
        {
            request.validate_only = validate_only;
            let body = RequestKind::CreateTopics(request.clone());
            let ResponseKind::CreateTopics(answer) = client.ask(ApiKey::CreateTopics, version, body) else { panic!() };
            assert_eq!(ErrorCode(answer.topics[0].error_code), expected);
        }
    }
}

#[test]
fn produce_and_fetch() {
    let mut client = Client::connect();
    for version in versions(ApiKey::Produce) {
        let end = client.log_end_offset();
        let answer = client.produce(version, 1, batch(10));
        assert_eq!((answer.error_code, answer.base_offset), (0, end), "v{version}");
    }
    let id = client.topic_id();
    for version in versions(ApiKey::Fetch) {
        let body = fetch_body(version, id, 3, 0);
        let ResponseKind::Fetch(answer) = client.ask(ApiKey::Fetch, version, body) else { panic!() };
        let partition = &answer.responses[0].partitions[0];
        assert_eq!((partition.error_code, partition.high_watermark), (0, client.log_end_offset()));
        let batches = records::split(partition.records.clone().unwrap()).unwrap();
        assert_eq!(batches[0].0.base_offset, 3);
    }
    let end = client.log_end_offset();
    for (offset, epoch, expected) in [
        (0, 1, ErrorCode::UNKNOWN_LEADER_EPOCH),
        (end + 1, 0, ErrorCode::OFFSET_OUT_OF_RANGE),
        (-1, 0, ErrorCode::OFFSET_OUT_OF_RANGE),
    ] {
        let ResponseKind::Fetch(answer) = client.ask(ApiKey::Fetch, 18, fetch_body(18, id, offset, epoch)) else {
            panic!()
        };
        assert_eq!(ErrorCode(answer.responses[0].partitions[0].error_code), expected);
    }
    let elsewhere = fetch_body(18, uuid::Uuid::from_u128(9), 0, 0);
    let ResponseKind::Fetch(answer) = client.ask(ApiKey::Fetch, 18, elsewhere) else { panic!() };
    assert_eq!(ErrorCode(answer.responses[0].partitions[0].error_code), ErrorCode::UNKNOWN_TOPIC_ID);
}

#[test]
fn init_producer_id() {
    let mut client = Client::connect();
    let asking = |transactional_id: Option<&str>, id: i64, epoch: i16, version: i16| {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(transactional_id.map(|id| TransactionalId(StrBytes::from_string(id.to_string()))))
            .with_transaction_timeout_ms(60_000);
        RequestKind::InitProducerId(match version {
            0..3 => request,
            _ => request.with_producer_id(ProducerId(id)).with_producer_epoch(epoch),
        })
    };
    let mut answers = Vec::new();
    for version in [0].into_iter().chain(versions(ApiKey::InitProducerId)) {
        let ResponseKind::InitProducerId(answer) =
            client.ask(ApiKey::InitProducerId, version, asking(None, -1, -1, version))
        else {
            panic!()
        };
        answers.push((ErrorCode(answer.error_code), answer.producer_id.0, answer.producer_epoch));
    }
    // The first finds a broker without ids, which then gets a block from the controller.
    assert_eq!(answers[0], (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, -1, -1));
    assert_eq!(answers[1..], [0, 1, 2, 3, 4, 5].map(|id| (ErrorCode::NONE, id, 0)));
    for (transactional_id, id, epoch) in [(Some(""), -1, -1), (None, 5, -1), (None, -1, 5)] {
        let body = asking(transactional_id, id, epoch, 5);
        let ResponseKind::InitProducerId(answer) = client.ask(ApiKey::InitProducerId, 5, body) else { panic!() };
        assert_eq!(ErrorCode(answer.error_code), ErrorCode::INVALID_REQUEST);
    }
}

/// A batch of three records of a producer, compressed.
fn stamped(codec: Compression, base_sequence: i32) -> Bytes {
    let records: Vec<Record> = (0..3)
        .map(|n| Record { timestamp_ms: 5 + n, value: Some(vec![b'v'; 50].into()), ..Record::default() })
        .collect();
    let stamp = ProducerStamp { producer_id: 9, epoch: 0, base_sequence };
    records::build_with(records.iter(), codec, codec.default_level(), stamp)
}

#[test]
fn a_batch_that_comes_again_is_answered_and_not_written() {
    let mut client = Client::connect();
    let first = client.produce(13, 1, stamped(Compression::None, 0));
    assert_eq!((first.error_code, first.base_offset), (0, 0));
    let second = client.produce(13, -1, stamped(Compression::Lz4, 3));
    assert_eq!((second.error_code, second.base_offset), (0, 3));
    for acks in [1, -1] {
        let again = client.produce(13, acks, stamped(Compression::None, 0));
        assert_eq!((again.error_code, again.base_offset, client.log_end_offset()), (0, 0, 6));
    }
    let ahead = client.produce(13, 1, stamped(Compression::None, 9));
    assert_eq!(ErrorCode(ahead.error_code), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(client.log_end_offset(), 6);
}

#[test]
fn compressed_batches() {
    let mut client = Client::connect();
    for (n, codec) in CODECS.into_iter().enumerate() {
        let answer = client.produce(13, 1, stamped(codec, 3 * n as i32));
        assert_eq!((answer.error_code, answer.base_offset), (0, 3 * n as i64), "{codec}");
    }
    let too_early = client.produce(6, 1, stamped(Compression::Zstd, 15));
    assert_eq!(ErrorCode(too_early.error_code), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    // The checksum is right, and what it covers does not decompress.
    let mut damaged = stamped(Compression::Gzip, 15).to_vec();
    let middle = damaged.len() - 15;
    damaged[middle..].fill(0xff);
    let stamp = ProducerStamp { producer_id: 9, epoch: 0, base_sequence: 15 };
    let answer = client.produce(13, 1, records::restamp(&damaged.into(), stamp));
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::UNKNOWN_SERVER_ERROR);
    assert_eq!(client.log_end_offset(), 15);
}

#[test]
fn a_fetch_waits_for_data() {
    let mut client = Client::connect();
    let RequestKind::Fetch(request) = fetch_body(18, client.topic_id(), 0, 0) else { panic!() };
    client.send(ApiKey::Fetch, 18, RequestKind::Fetch(request.clone().with_max_wait_ms(10_000)));
    assert_eq!(client.world.external_take(client.conn).len(), 0, "nothing to return yet");
    let other = client.world.external_connect(1).unwrap();
    client.wait(200);
    let frame = |body| {
        let client_id = StrBytes::from_static_str("other");
        Request { api: ApiKey::Produce, version: 13, correlation_id: 1, client_id, body }.frame().slice(4..)
    };
    let body = produce_body(13, 1, client.topic_id(), batch(10));
    client.world.external_send(other, frame(body));
    client.wait(200);
    assert_eq!(client.world.external_take(client.conn).len(), 1, "the record answers the fetch");
    let at_the_end = fetch_body(18, client.topic_id(), 1, 0);
    let RequestKind::Fetch(request) = at_the_end else { panic!() };
    client.send(ApiKey::Fetch, 18, RequestKind::Fetch(request.with_max_wait_ms(1_000)));
    assert_eq!(client.world.external_take(client.conn).len(), 0);
    client.wait(1_000);
    assert_eq!(client.world.external_take(client.conn).len(), 1, "and so does its time");
}

#[test]
fn list_offsets() {
    let mut client = Client::connect();
    client.produce(13, 1, batch(10));
    for version in versions(ApiKey::ListOffsets) {
        // Latest, earliest, of the largest timestamp, at a timestamp, after the last one.
        for (timestamp, expected) in [(-1, 1), (-2, 0), (-3, 0), (5, 0), (6, -1)] {
            let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
            let partition = if version >= 4 { partition.with_current_leader_epoch(0) } else { partition };
            let topic = ListOffsetsTopic::default().with_name(orders()).with_partitions(vec![partition]);
            let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
            let body = RequestKind::ListOffsets(request);
            let ResponseKind::ListOffsets(answer) = client.ask(ApiKey::ListOffsets, version, body) else { panic!() };
            let partition = &answer.topics[0].partitions[0];
            assert_eq!((partition.error_code, partition.offset), (0, expected), "v{version} {timestamp}");
        }
    }
}

/// The batch with another record count in its header, and a checksum that fits.
fn with_count(batch: &Bytes, count: i32) -> Bytes {
    let mut bytes = BytesMut::from(&batch[..]);
    bytes[57..61].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.freeze()
}

#[test]
fn produce_refuses_what_kafka_refuses() {
    let mut client = Client::connect();
    let good = batch(10);
    let mut corrupt = BytesMut::from(&good[..]);
    let last = corrupt.len() - 1;
    corrupt[last] ^= 1;
    let mut two = BytesMut::from(&good[..]);
    two.put(&good[..]);
    let mut old = BytesMut::from(&good[..]);
    old[16] = 1;
    for (acks, batch, expected) in [
        (1, corrupt.freeze(), ErrorCode::CORRUPT_MESSAGE),
        (1, good.slice(..good.len() - 1), ErrorCode::INVALID_RECORD),
        (1, Bytes::from_static(&[0; 20]), ErrorCode::CORRUPT_MESSAGE),
        (1, with_count(&good, 2), ErrorCode::INVALID_RECORD),
        (1, two.freeze(), ErrorCode::INVALID_RECORD),
        (1, old.freeze(), ErrorCode::INVALID_RECORD),
        (1, Bytes::new(), ErrorCode::INVALID_RECORD),
        (1, batch(1_000), ErrorCode::MESSAGE_TOO_LARGE),
        (2, good.clone(), ErrorCode::INVALID_REQUIRED_ACKS),
    ] {
        assert_eq!(ErrorCode(client.produce(13, acks, batch).error_code), expected);
    }
    assert_eq!(client.log_end_offset(), 0, "nothing of it was appended");
    let elsewhere = produce_body(13, 1, uuid::Uuid::from_u128(9), good.clone());
    let ResponseKind::Produce(answer) = client.ask(ApiKey::Produce, 13, elsewhere) else { panic!() };
    let error = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(ErrorCode(error), ErrorCode::UNKNOWN_TOPIC_ID);
    client.send(ApiKey::Produce, 13, produce_body(13, 0, client.topic_id(), good));
    assert_eq!((client.world.external_take(client.conn).len(), client.log_end_offset()), (0, 1), "acks=0 is silent");
    client.send(ApiKey::Produce, 13, produce_body(13, 0, client.topic_id(), batch(1_000)));
    assert!(!client.world.external_is_open(client.conn), "and its error ends the connection");
}

#[test]
fn bytes_after_a_request_are_ignored() {
    let mut client = Client::connect();
    let all_topics = [0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 7];
    client.world.external_send(client.conn, Bytes::copy_from_slice(&all_topics));
    client.wait(500);
    assert_eq!(client.world.external_take(client.conn).len(), 1);
}

#[test]
fn too_many_partitions_and_names_that_repeat_are_refused() {
    let mut client = Client::connect();
    let topic = |name: &'static str, partitions| {
        CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_static_str(name)))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
    };
    let request = CreateTopicsRequest::default().with_topics(vec![topic("a", 9_000), topic("b", 1_001)]);
    let body = RequestKind::CreateTopics(request);
    let ResponseKind::CreateTopics(answer) = client.ask(ApiKey::CreateTopics, 7, body) else { panic!() };
    assert!(answer.topics.iter().all(|topic| ErrorCode(topic.error_code) == ErrorCode::POLICY_VIOLATION));
    assert_eq!(client.world.topics().len(), 1);
    let twice = CreateTopicsRequest::default().with_topics(vec![topic("a", 1), topic("b", 1), topic("a", 2)]);
    let body = RequestKind::CreateTopics(twice);
    let ResponseKind::CreateTopics(answer) = client.ask(ApiKey::CreateTopics, 7, body) else { panic!() };
    let answers: Vec<_> = answer.topics.iter().map(|topic| (topic.name.to_string(), topic.error_code)).collect();
    assert_eq!(answers, [("b".into(), 0), ("a".into(), ErrorCode::INVALID_REQUEST.0)], "once, after the others");
}

#[test]
fn frames_that_are_no_requests_end_their_connection() {
    let request = |api: i16, version: i16| {
        let mut frame = BytesMut::new();
        frame.put_i16(api);
        frame.put_i16(version);
        frame.put_i32(1);
        frame.put_i16(-1);
        frame.freeze()
    };
    for frame in [
        Bytes::new(),
        Bytes::from_static(&[0, 18]),
        request(999, 0),
        request(11, 0),
        request(0, 2),
        request(0, 14),
        request(1, 3),
        // A Metadata request without its body, and an ApiVersions request whose version's header has more to it.
        request(3, 1),
        request(18, 9),
        // A Metadata request of two thousand million topics.
        Bytes::from_static(b"\0\x03\0\x01\0\0\0\x01\xff\xff\x7f\xff\xff\xff"),
    ] {
        let mut client = Client::connect();
        client.world.external_send(client.conn, frame.clone());
        client.wait(500);
        assert!(!client.world.external_is_open(client.conn), "{frame:?}");
        assert!(client.world.external_take(client.conn).is_empty());
    }
}

#[test]
fn a_fetch_session_tells_only_news() {
    let mut client = Client::connect();
    let topic_id = client.topic_id();
    let fetch = |client: &mut Client, id: i32, epoch: i32, named: bool| {
        let RequestKind::Fetch(full) = fetch_body(18, topic_id, 0, 0) else { panic!() };
        let topics = if named { full.topics.clone() } else { Vec::new() };
        let request = full.with_topics(topics).with_session_id(id).with_session_epoch(epoch);
        let ResponseKind::Fetch(answer) = client.ask(ApiKey::Fetch, 18, RequestKind::Fetch(request)) else { panic!() };
        (answer.session_id, ErrorCode(answer.error_code), answer.responses.len())
    };
    let (id, error, mentioned) = fetch(&mut client, 0, 0, true);
    assert!(id != 0 && error.is_ok() && mentioned == 1);
    assert_eq!(fetch(&mut client, id, 1, false), (id, ErrorCode::NONE, 0));
    client.produce(13, 1, batch(10));
    assert_eq!(fetch(&mut client, id, 2, false), (id, ErrorCode::NONE, 1));
    assert_eq!(fetch(&mut client, id, 2, false), (0, ErrorCode::INVALID_FETCH_SESSION_EPOCH, 0));
    assert_eq!(fetch(&mut client, id ^ 1, 3, false), (0, ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0));
    assert_eq!(fetch(&mut client, id, -1, false), (0, ErrorCode::NONE, 0));
    assert_eq!(fetch(&mut client, id, 3, false), (0, ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0));
    assert_eq!(client.world.broker(1).unwrap().fetch_sessions(), 0);
}

#[test]
fn no_bytes_make_the_listener_panic() {
    let all_topics = MetadataRequest::default().with_topics(None);
    let bodies = [
        (ApiKey::Metadata, 12, RequestKind::Metadata(all_topics.clone())),
        (ApiKey::Metadata, 1, RequestKind::Metadata(all_topics)),
        (ApiKey::Produce, 13, produce_body(13, 1, uuid::Uuid::from_u128(5), batch(10))),
        (ApiKey::Produce, 3, produce_body(3, 1, uuid::Uuid::nil(), batch(10))),
        (ApiKey::Fetch, 18, fetch_body(18, uuid::Uuid::from_u128(5), 3, 0)),
        (ApiKey::Fetch, 4, fetch_body(4, uuid::Uuid::nil(), 3, 0)),
    ];
    let mut rng = kafka_terrarium::base::Rng::stream(1, "bytes");
    let (mut read, mut refused) = (0, 0);
    for (api, version, body) in bodies {
        let client_id = StrBytes::from_static_str("outside");
        let frame = Request { api, version, correlation_id: 1, client_id, body }.frame().slice(4..);
        for _ in 0..5_000 {
            let mut bytes = BytesMut::from(&frame[..]);
            for _ in 0..=rng.below(3) {
                let at = rng.below(bytes.len() as u64) as usize;
                bytes[at] = rng.below(256) as u8;
            }
            bytes.truncate(bytes.len() - rng.below(3) as usize);
            match Request::decode(&bytes.freeze()) {
                Ok(_) => read += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(read > 1_000 && refused > 1_000, "{read} read, {refused} refused");
}

#[test]
fn describe_configs() {
    let mut client = Client::connect();
    for version in versions(ApiKey::DescribeConfigs) {
        for (kind, name, config, expected) in [
            (2, "orders", "max.message.bytes", Some("1000")),
            (2, "orders", "cleanup.policy", Some("delete")),
            (4, "1", "process.roles", Some("broker,controller")),
            (4, "1", "ssl.key.password", None),
            (32, "g", "consumer.session.timeout.ms", Some("45000")),
            (16, "m", "interval.ms", Some("300000")),
        ] {
            let resource = DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(StrBytes::from_static_str(name))
                .with_configuration_keys(Some(vec![StrBytes::from_static_str(config)]));
            let request = DescribeConfigsRequest::default().with_resources(vec![resource]).with_include_synonyms(true);
            let body = RequestKind::DescribeConfigs(request.with_include_documentation(version >= 3));
            let ResponseKind::DescribeConfigs(answer) = client.ask(ApiKey::DescribeConfigs, version, body) else {
                panic!()
            };
            let configs = &answer.results[0].configs;
            assert_eq!((configs.len(), configs[0].value.as_deref()), (1, expected), "v{version} {config}");
        }
    }
    for (kind, name, error, message) in [
        (2, "nowhere", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ""),
        (2, "a b", ErrorCode::INVALID_TOPIC_EXCEPTION, "contains one or more characters"),
        (4, "2", ErrorCode::INVALID_REQUEST, "Unexpected broker id, expected 1 or empty string, but received 2"),
        (4, "x", ErrorCode::INVALID_REQUEST, "Broker id must be an integer, but it is: x"),
        (32, "", ErrorCode::INVALID_REQUEST, "Group name must not be empty"),
        (99, "x", ErrorCode::INVALID_REQUEST, "Unexpected resource type UNKNOWN for resource x"),
    ] {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(StrBytes::from_static_str(name))
            .with_configuration_keys(None);
        let body = RequestKind::DescribeConfigs(DescribeConfigsRequest::default().with_resources(vec![resource]));
        let ResponseKind::DescribeConfigs(answer) = client.ask(ApiKey::DescribeConfigs, 4, body) else { panic!() };
        let result = &answer.results[0];
        assert_eq!(ErrorCode(result.error_code), error, "{name}");
        let found = result.error_message.as_deref().expect("a message, empty or not");
        assert!(found.contains(message) && found.is_empty() == message.is_empty(), "{found}");
    }
}

#[test]
fn list_config_resources_and_log_directories_and_reassignments() {
    let mut client = Client::connect();
    for version in versions(ApiKey::ListConfigResources) {
        let body = RequestKind::ListConfigResources(ListConfigResourcesRequest::default());
        let ResponseKind::ListConfigResources(answer) = client.ask(ApiKey::ListConfigResources, version, body) else {
            panic!()
        };
        let listed: Vec<_> = answer.config_resources.iter().map(|resource| &*resource.resource_name).collect();
        assert_eq!(listed, if version == 0 { &[][..] } else { &["1", "1", "orders"] });
    }
    let unknown = RequestKind::ListConfigResources(ListConfigResourcesRequest::default().with_resource_types(vec![7]));
    let ResponseKind::ListConfigResources(answer) = client.ask(ApiKey::ListConfigResources, 1, unknown) else {
        panic!()
    };
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::UNSUPPORTED_VERSION);
    client.produce(13, 1, batch(10));
    for version in versions(ApiKey::DescribeLogDirs) {
        let body = RequestKind::DescribeLogDirs(DescribeLogDirsRequest::default().with_topics(None));
        let ResponseKind::DescribeLogDirs(answer) = client.ask(ApiKey::DescribeLogDirs, version, body) else {
            panic!()
        };
        let partition = &answer.results[0].topics[0].partitions[0];
        assert_eq!((partition.partition_size, partition.offset_lag), (batch(10).len() as i64, 0));
    }
    let body = RequestKind::ListPartitionReassignments(ListPartitionReassignmentsRequest::default().with_topics(None));
    let api = ApiKey::ListPartitionReassignments;
    let ResponseKind::ListPartitionReassignments(answer) = client.ask(api, 0, body) else { panic!() };
    assert_eq!((answer.error_code, answer.topics.len()), (0, 0));
}

#[test]
fn configs_of_brokers_are_checked_by_the_broker() {
    let mut client = Client::connect();
    let resource = |kind: i8, name: &'static str, config: &'static str, value: &'static str| {
        let config = AlterableConfig::default()
            .with_name(StrBytes::from_static_str(config))
            .with_value(Some(StrBytes::from_static_str(value)));
        AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(StrBytes::from_static_str(name))
            .with_configs(vec![config])
    };
    for version in versions(ApiKey::IncrementalAlterConfigs) {
        let resources = vec![
            resource(4, "2", "log.cleaner.threads", "2"),
            resource(2, "orders", "retention.ms", "1000"),
            resource(4, "1", "process.roles", "x"),
            resource(4, "", "min.insync.replicas", "x"),
        ];
        let body = RequestKind::IncrementalAlterConfigs(
            IncrementalAlterConfigsRequest::default().with_resources(resources.clone()),
        );
        let api = ApiKey::IncrementalAlterConfigs;
        let ResponseKind::IncrementalAlterConfigs(answer) = client.ask(api, version, body) else { panic!() };
        let messages: Vec<_> = answer.responses.iter().map(|r| r.error_message.as_deref().unwrap_or("")).collect();
        let expected = [
            "Unexpected broker id, expected 1, but received 2",
            "",
            "Cannot update these configs dynamically: Set(process.roles)",
            "Invalid value x for configuration min.insync.replicas: Not a number of type INT",
        ];
        assert_eq!(messages, expected, "v{version}");
        let only_refused = IncrementalAlterConfigsRequest::default().with_resources(vec![resources[2].clone()]);
        let body = RequestKind::IncrementalAlterConfigs(only_refused);
        let ResponseKind::IncrementalAlterConfigs(answer) = client.ask(api, version, body) else { panic!() };
        assert_eq!(ErrorCode(answer.responses[0].error_code), ErrorCode::INVALID_REQUEST);
    }
}
