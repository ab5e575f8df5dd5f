//! Consumers of a group in a laboratory: the test plays the brokers and the coordinator, and says what comes back.
//!
//! Connections stand at once; ApiVersions, Metadata and FindCoordinator are answered at once, and so are fetches, which
//! bring the records that the test has put there. What a test answers by hand is what goes to the coordinator.

use crate::client_lab::{Alone, Brokers, START_MS, Topic, api_versions, endpoint, metadata, text};
use kafka_terrarium::base::{ConnId, Endpoint, SimDuration, SimTime, TopicPartition};
use kafka_terrarium::client::{Call, Consumer, ConsumerConfig, Reads};
use kafka_terrarium::machine::{Fact, Input};
use kafka_terrarium::wire::consumer_protocol::{Assignment, Subscription};
use kafka_terrarium::wire::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_terrarium::wire::messages::find_coordinator_response::Coordinator;
use kafka_terrarium::wire::messages::join_group_response::JoinGroupResponseMember;
use kafka_terrarium::wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_terrarium::wire::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_terrarium::wire::messages::offset_commit_request::OffsetCommitRequestTopic;
use kafka_terrarium::wire::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_terrarium::wire::messages::offset_fetch_request::OffsetFetchRequestTopics;
use kafka_terrarium::wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_terrarium::wire::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_terrarium::wire::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_terrarium::wire::messages::{
    FetchResponse, FindCoordinatorResponse, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupResponse,
    ListOffsetsRequest, ListOffsetsResponse, OffsetCommitResponse, OffsetFetchResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_terrarium::wire::records::{self, Record};
use kafka_terrarium::wire::{ApiKey, BrokerId, ErrorCode, Request, RequestKind, ResponseKind, StrBytes};
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use uuid::Uuid;

/// A request to the coordinator that is not answered yet.
pub(crate) struct Asked {
    pub(crate) at: SimTime,
    conn: ConnId,
    pub(crate) request: Arc<Request>,
}

pub(crate) struct Lab {
    alone: Alone<Consumer>,
    /// How many partitions each topic has.
    pub(crate) topics: BTreeMap<String, i32>,
    /// How many records each partition has.
    pub(crate) ends: BTreeMap<i32, i64>,
    /// What goes to the coordinator, in order.
    pub(crate) asked: Vec<Asked>,
    /// Fetches that wait for records.
    fetches: Vec<(ConnId, Arc<Request>, SimTime)>,
    /// What waits behind them.
    behind: Vec<(ConnId, Arc<Request>)>,
    /// Offsets that are committed.
    pub(crate) committed: BTreeMap<i32, i64>,
    /// What brokers say of the coordinator.
    pub(crate) coordinator: Result<i32, ErrorCode>,
    pub(crate) lookups: usize,
}

impl Deref for Lab {
    type Target = Alone<Consumer>;

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
    type Client = Consumer;

    fn alone(&mut self) -> &mut Alone<Consumer> {
        &mut self.alone
    }

    fn accepts(&mut self, _: &Endpoint) -> bool {
        true
    }

    /// A broker answers a connection's requests in their order: what comes behind a fetch that waits, waits too.
    fn received(&mut self, _: i32, conn: ConnId, request: &Arc<Request>) {
        if self.waits(conn) || self.behind.iter().any(|(behind, _)| *behind == conn) {
            return self.behind.push((conn, request.clone()));
        }
        self.serve(conn, request);
    }
}

pub(crate) fn tps(partitions: &[i32]) -> Vec<TopicPartition> {
    partitions.iter().map(|p| TopicPartition::new("t", *p)).collect()
}

pub(crate) const COOPERATIVE: (&str, &str) =
    ("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
pub(crate) const RANGE: (&str, &str) =
    ("partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor");

impl Lab {
    /// A member of group `g` that subscribes to `t`, which has so many partitions.
    pub(crate) fn new(configs: &[(&str, &str)], partitions: i32) -> Self {
        let mut config = ConsumerConfig { group_id: Some("g".into()), ..ConsumerConfig::default() };
        config.set("auto.offset.reset", "earliest").expect("Kafka takes it");
        configs.iter().for_each(|(name, value)| config.set(name, value).expect("Kafka takes it"));
        Self::with_config(config, partitions)
    }

    pub(crate) fn with_config(config: ConsumerConfig, partitions: i32) -> Self {
        Self::reading(Reads::Topics(vec!["t".into()]), config, &[("t", partitions)])
    }

    /// A consumer in a cluster that has these topics, with so many partitions each.
    pub(crate) fn reading(reads: Reads, config: ConsumerConfig, topics: &[(&str, i32)]) -> Self {
        config.validate().expect("Kafka takes them");
        let mut lab = Self {
            alone: Alone::new(Consumer::new("c", reads, config, vec![endpoint(9)])),
            topics: topics.iter().map(|(topic, partitions)| ((*topic).to_owned(), *partitions)).collect(),
            ends: BTreeMap::new(),
            asked: Vec::new(),
            fetches: Vec::new(),
            behind: Vec::new(),
            committed: BTreeMap::new(),
            coordinator: Ok(2),
            lookups: 0,
        };
        lab.input(Input::Started);
        lab
    }

    pub(crate) fn call(&mut self, call: Call) {
        self.try_call(call).expect("the application makes the call");
    }

    /// What the consumer says of a call.
    pub(crate) fn try_call(&mut self, call: Call) -> Result<(), String> {
        let mut said = Ok(());
        self.act(|consumer, ctx| said = consumer.call(call, ctx));
        said.map_err(|error| error.to_string())
    }

    pub(crate) fn close(&mut self) {
        self.act(Consumer::close);
    }

    /// Whether a fetch on a connection waits for records.
    fn waits(&self, conn: ConnId) -> bool {
        self.fetches.iter().any(|(waits, ..)| *waits == conn)
    }

    fn serve(&mut self, conn: ConnId, request: &Arc<Request>) {
        let body = match &request.body {
            RequestKind::ApiVersions(_) => ResponseKind::ApiVersions(api_versions()),
            RequestKind::Metadata(_) => ResponseKind::Metadata(metadata(self.described())),
            RequestKind::FindCoordinator(body) => {
                self.lookups += 1;
                let key = body.coordinator_keys[0].clone();
                ResponseKind::FindCoordinator(self.found(key))
            }
            RequestKind::ListOffsets(body) => ResponseKind::ListOffsets(start_of_all(body)),
            RequestKind::Fetch(body) if body.session_epoch == -1 => ResponseKind::Fetch(FetchResponse::default()),
            RequestKind::Fetch(_) => return self.fetched(conn, request),
            RequestKind::OffsetForLeaderEpoch(body) => ResponseKind::OffsetForLeaderEpoch(epochs_end(body)),
            _ => {
                let at = self.now;
                self.asked.push(Asked { at, conn, request: request.clone() });
                return;
            }
        };
        self.respond(conn, request, body);
    }

    fn found(&self, key: StrBytes) -> FindCoordinatorResponse {
        let answer = Coordinator::default().with_key(key).with_node_id(BrokerId(-1)).with_port(-1);
        let answer = match self.coordinator {
            Ok(id) => {
                let at = endpoint(id);
                answer.with_node_id(BrokerId(id)).with_host(text(&at.host)).with_port(i32::from(at.port))
            }
            Err(error) => answer.with_error_code(error.0),
        };
        FindCoordinatorResponse::default().with_coordinators(vec![answer])
    }

    /// Its topics, all led by broker 1.
    fn described(&self) -> Vec<Topic> {
        let topic = |(id, (name, partitions)): (u128, (&String, &i32))| {
            (name.clone(), Uuid::from_u128(id), vec![(1, 0); *partitions as usize])
        };
        (1..).zip(&self.topics).map(topic).collect()
    }

    /// The topic has another partition from now on; the consumer learns it when it asks next.
    pub(crate) fn add_partition(&mut self) {
        *self.topics.get_mut("t").expect("it is there") += 1;
    }

    /// Answers a fetch at once when there are records, else after half a second.
    fn fetched(&mut self, conn: ConnId, request: &Arc<Request>) {
        let RequestKind::Fetch(body) = &request.body else { panic!("a fetch") };
        let mut partitions = Vec::new();
        for wanted in body.topics.iter().flat_map(|topic| &topic.partitions) {
            let end = self.ends.get(&wanted.partition).copied().unwrap_or(0);
            let count = (end - wanted.fetch_offset).max(0);
            if count > 0 {
                let value = |n: i64| Some(format!("v{}", wanted.fetch_offset + n).into_bytes().into());
                let record = |n: i64| Record { timestamp_ms: START_MS, value: value(n), ..Record::default() };
                let all: Vec<Record> = (0..count).map(record).collect();
                let batch = records::stamp(&records::build(&all), wanted.fetch_offset, 0);
                let data = PartitionData::default().with_partition_index(wanted.partition).with_records(Some(batch));
                partitions.push(data.with_high_watermark(end));
            }
        }
        if partitions.is_empty() {
            return self.fetches.push((conn, request.clone(), self.now + SimDuration::from_millis(500)));
        }
        // Without a session each fetch names all partitions.
        let topic =
            FetchableTopicResponse::default().with_topic_id(body.topics[0].topic_id).with_partitions(partitions);
        self.respond(conn, request, ResponseKind::Fetch(FetchResponse::default().with_responses(vec![topic])));
    }

    /// Serves what waited behind fetches that are answered.
    fn catch_up(&mut self) {
        while let Some(at) = self.behind.iter().position(|(conn, _)| !self.waits(*conn)) {
            let (conn, request) = self.behind.remove(at);
            self.serve(conn, &request);
        }
    }

    /// Records come to a partition's end.
    pub(crate) fn produce(&mut self, partition: i32, records: i64) {
        *self.ends.entry(partition).or_default() += records;
        for (conn, request, _) in std::mem::take(&mut self.fetches) {
            self.fetched(conn, &request);
        }
        self.catch_up();
    }

    /// Lets time go by; what the consumer wants to be woken for happens in it.
    pub(crate) fn run(&mut self, ms: u64) {
        let until = self.now + SimDuration::from_millis(ms);
        for _ in 0..100_000 {
            let fetch = self.fetches.iter().map(|(.., at)| *at).min();
            let wake = self.client.next_deadline();
            let next = [fetch, wake].into_iter().flatten().min().filter(|at| *at <= until);
            let Some(at) = next else {
                self.now = until;
                return;
            };
            self.now = self.now.max(at);
            match fetch.filter(|fetch| *fetch <= self.now) {
                Some(_) => {
                    let due = self.fetches.iter().position(|(.., at)| *at <= self.now).expect("one is due");
                    let (conn, request, _) = self.fetches.remove(due);
                    self.respond(conn, &request, ResponseKind::Fetch(FetchResponse::default()));
                    self.catch_up();
                }
                None => self.input(Input::Woken),
            }
        }
        panic!("it asks to be woken at {} again and again", self.now);
    }

    /// The oldest request to the coordinator, which has to be of this API.
    pub(crate) fn take(&mut self, api: ApiKey) -> Asked {
        assert!(!self.asked.is_empty(), "no {api:?} waits at {}", self.now);
        let asked = self.asked.remove(0);
        assert_eq!(asked.request.api, api, "at {}", self.now);
        asked
    }

    pub(crate) fn take_join(&mut self) -> (Asked, JoinGroupRequest) {
        let asked = self.take(ApiKey::JoinGroup);
        let RequestKind::JoinGroup(body) = &asked.request.body else { panic!("a JoinGroup") };
        let body = body.clone();
        (asked, body)
    }

    pub(crate) fn answer(&mut self, asked: &Asked, body: ResponseKind) {
        self.respond(asked.conn, &asked.request, body);
    }

    /// Answers what is asked with an error that stands for the whole of it.
    pub(crate) fn refuse(&mut self, asked: &Asked, error: ErrorCode) {
        let body = match &asked.request.body {
            RequestKind::JoinGroup(_) => ResponseKind::JoinGroup(JoinGroupResponse::default().with_error_code(error.0)),
            RequestKind::SyncGroup(_) => ResponseKind::SyncGroup(SyncGroupResponse::default().with_error_code(error.0)),
            RequestKind::Heartbeat(_) => ResponseKind::Heartbeat(HeartbeatResponse::default().with_error_code(error.0)),
            RequestKind::LeaveGroup(_) => {
                ResponseKind::LeaveGroup(LeaveGroupResponse::default().with_error_code(error.0))
            }
            RequestKind::OffsetCommit(body) => {
                let refused = |index: i32| {
                    let partition = OffsetCommitResponsePartition::default().with_partition_index(index);
                    partition.with_error_code(error.0)
                };
                let topic = |topic: &OffsetCommitRequestTopic| {
                    let partitions = topic.partitions.iter().map(|p| refused(p.partition_index)).collect();
                    OffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions)
                };
                let topics = body.topics.iter().map(topic).collect();
                ResponseKind::OffsetCommit(OffsetCommitResponse::default().with_topics(topics))
            }
            RequestKind::OffsetFetch(_) => {
                let group = OffsetFetchResponseGroup::default().with_group_id(text("g").into());
                let groups = vec![group.with_error_code(error.0)];
                ResponseKind::OffsetFetch(OffsetFetchResponse::default().with_groups(groups))
            }
            other => panic!("no coordinator is asked that: {other:?}"),
        };
        self.answer(asked, body);
    }

    /// Answers a JoinGroup with a member id to join with.
    pub(crate) fn give_member_id(&mut self, asked: &Asked, id: &str) {
        let response = JoinGroupResponse::default().with_error_code(ErrorCode::MEMBER_ID_REQUIRED.0);
        self.answer(asked, ResponseKind::JoinGroup(response.with_member_id(text(id))));
    }

    /// Answers a JoinGroup: the generation has begun, and `leader` leads it.
    pub(crate) fn begin(&mut self, asked: &Asked, generation: i32, me: &str, leader: &str, others: &[&str]) {
        let RequestKind::JoinGroup(body) = &asked.request.body else { panic!("a JoinGroup") };
        let protocol = body.protocols[0].clone();
        let member =
            |id: &str, metadata| JoinGroupResponseMember::default().with_member_id(text(id)).with_metadata(metadata);
        let mut members = vec![member(me, protocol.metadata)];
        let theirs = Subscription { topics: vec!["t".into()], ..Subscription::default() };
        members.extend(others.iter().map(|id| member(id, theirs.encode(3))));
        let response = JoinGroupResponse::default()
            .with_generation_id(generation)
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(protocol.name))
            .with_leader(text(leader))
            .with_member_id(text(me))
            .with_members(if me == leader { members } else { Vec::new() });
        self.answer(asked, ResponseKind::JoinGroup(response));
    }

    /// Answers the SyncGroup that waits with an assignment; what the leader sent with it comes back.
    pub(crate) fn assign(&mut self, partitions: &[i32]) -> SyncGroupRequest {
        let asked = self.take(ApiKey::SyncGroup);
        let RequestKind::SyncGroup(body) = &asked.request.body else { panic!("a SyncGroup") };
        let body = body.clone();
        let assignment = Assignment { partitions: tps(partitions), user_data: None };
        let response = SyncGroupResponse::default()
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(body.protocol_name.clone())
            .with_assignment(assignment.encode(3));
        self.answer(&asked, ResponseKind::SyncGroup(response));
        body
    }

    /// Joins as member `m` and is assigned these partitions in generation 1.
    pub(crate) fn join(&mut self, partitions: &[i32]) {
        self.run(50);
        let (asked, _) = self.take_join();
        self.give_member_id(&asked, "m");
        let (asked, _) = self.take_join();
        self.begin(&asked, 1, "m", "l", &[]);
        self.assign(partitions);
        if !partitions.is_empty() {
            self.give_committed();
        }
    }

    /// Answers the OffsetFetch that waits.
    pub(crate) fn give_committed(&mut self) {
        let asked = self.take(ApiKey::OffsetFetch);
        let RequestKind::OffsetFetch(body) = &asked.request.body else { panic!("an OffsetFetch") };
        let group = &body.groups[0];
        let partition = |index: &i32| {
            let offset = self.committed.get(index).copied().unwrap_or(-1);
            let partition = OffsetFetchResponsePartitions::default().with_partition_index(*index);
            partition.with_committed_offset(offset).with_committed_leader_epoch(-1)
        };
        let topic = |topic: &OffsetFetchRequestTopics| {
            let partitions = topic.partition_indexes.iter().map(partition).collect();
            OffsetFetchResponseTopics::default().with_name(topic.name.clone()).with_partitions(partitions)
        };
        let topics = group.topics.as_ref().expect("it names topics").iter().map(topic).collect();
        let group = OffsetFetchResponseGroup::default().with_group_id(group.group_id.clone()).with_topics(topics);
        self.answer(&asked, ResponseKind::OffsetFetch(OffsetFetchResponse::default().with_groups(vec![group])));
    }

    /// Answers the OffsetCommit that waits; what it commits.
    pub(crate) fn take_commit(&mut self) -> BTreeMap<i32, i64> {
        let asked = self.take(ApiKey::OffsetCommit);
        let RequestKind::OffsetCommit(body) = &asked.request.body else { panic!("an OffsetCommit") };
        let partitions = &body.topics[0].partitions;
        let offsets: BTreeMap<i32, i64> = partitions.iter().map(|p| (p.partition_index, p.committed_offset)).collect();
        self.committed.extend(&offsets);
        self.refuse(&asked, ErrorCode::NONE);
        offsets
    }

    /// Answers heartbeats that wait.
    pub(crate) fn beat(&mut self, error: ErrorCode) {
        let asked = self.take(ApiKey::Heartbeat);
        self.refuse(&asked, error);
    }

    /// Answers heartbeats as long as nothing else comes first.
    pub(crate) fn beats(&mut self) {
        while self.asked.first().is_some_and(|asked| asked.request.api == ApiKey::Heartbeat) {
            self.beat(ErrorCode::NONE);
        }
    }

    /// What the rebalance listener was told, in order, as `+[0, 1]`, `-[0]` and `lost[1]`.
    pub(crate) fn listener(&self) -> Vec<String> {
        let indexes = |all: &[TopicPartition]| all.iter().map(|tp| tp.partition).collect::<Vec<_>>();
        let told = |fact: &Fact| match fact {
            Fact::PartitionsAssigned { added, .. } => Some(format!("+{:?}", indexes(added))),
            Fact::PartitionsRevoked { partitions, .. } => Some(format!("-{:?}", indexes(partitions))),
            Fact::PartitionsLost { partitions, .. } => Some(format!("lost{:?}", indexes(partitions))),
            _ => None,
        };
        self.facts.iter().filter_map(told).collect()
    }

    /// What the application was told that went wrong.
    pub(crate) fn errors(&self) -> Vec<String> {
        let error = |fact: &Fact| match fact {
            Fact::ClientError { message } | Fact::CommitFailed { message, .. } => Some(message.clone()),
            _ => None,
        };
        self.facts.iter().filter_map(error).collect()
    }

    /// Breaks the connection over which something was asked.
    pub(crate) fn reset(&mut self, asked: &Asked) {
        self.disconnect(asked.conn);
    }
}

fn start_of_all(body: &ListOffsetsRequest) -> ListOffsetsResponse {
    let topic = |topic: &ListOffsetsTopic| {
        let partition = |p: &ListOffsetsPartition| {
            ListOffsetsPartitionResponse::default().with_partition_index(p.partition_index).with_offset(0)
        };
        let partitions = topic.partitions.iter().map(partition).collect();
        ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions)
    };
    ListOffsetsResponse::default().with_topics(body.topics.iter().map(topic).collect())
}

/// Every epoch goes on for ever.
fn epochs_end(body: &OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let topic = |topic: &OffsetForLeaderTopic| {
        let end = |p: &OffsetForLeaderPartition| {
            let end = EpochEndOffset::default().with_partition(p.partition).with_leader_epoch(p.leader_epoch);
            end.with_end_offset(i64::MAX)
        };
        let partitions = topic.partitions.iter().map(end).collect();
        OffsetForLeaderTopicResult::default().with_topic(topic.topic.clone()).with_partitions(partitions)
    };
    OffsetForLeaderEpochResponse::default().with_topics(body.topics.iter().map(topic).collect())
}
