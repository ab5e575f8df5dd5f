//! The consumer: reads every partition of a topic by itself (as with `assign`), from a position that it keeps.
//!
//! One fetch a broker is on its way at a time, in an incremental session. What it brings is buffered; each poll takes
//! up to `max.poll.records` from the buffer, sends the next fetches to the brokers of which nothing is buffered any
//! more (KAFKA-17182), and then works on the records. Closing ends the sessions first.
//! A change of leader makes a position doubtful: it is validated first ([`validation`], KIP-320).
//! Groups and committed offsets are not built yet.

mod validation;

use super::config::{ConsumerConfig, OffsetReset};
use super::metadata::Wanted;
use super::network::{NetEvent, NetworkClient, NetworkConfig};
use super::{earlier, exponential_backoff};
use crate::base::{Endpoint, SimTime, TopicPartition};
use crate::machine::{Ctx, Fact, Input};
use crate::network::FetchSession;
use crate::wire::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use crate::wire::messages::fetch_response::PartitionData;
use crate::wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use crate::wire::messages::{FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse};
use crate::wire::{ApiKey, BrokerId, ErrorCode, RequestKind, ResponseKind, StrBytes, TopicName, Treatment, records};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use validation::Doubtful;

/// Where a fetch of a partition begins, and the leader epoch that it names.
type FetchFrom = (i64, i32);

/// A consumer's process.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Arc<str>,
    topic: Arc<str>,
    config: ConsumerConfig,
    net: NetworkClient<Asked>,
    partitions: BTreeMap<i32, Position>,
    fetching_from: BTreeSet<i32>,
    sessions: BTreeMap<i32, FetchSession<i32, FetchFrom>>,
    /// Answers to closing fetches that are still to come.
    sessions_closing: usize,
    busy_until: SimTime,
    delivered: u64,
    closing: bool,
}

/// What a request was about.
#[derive(Clone, Debug)]
enum Asked {
    Offsets {
        partitions: Vec<i32>,
    },
    /// The ends of the positions' epochs.
    Validation {
        positions: BTreeMap<i32, Doubtful>,
    },
    Fetch {
        node: i32,
        wanted: BTreeMap<i32, FetchFrom>,
    },
    CloseSession,
}

/// Where a consumer is in one partition.
#[derive(Clone, Debug, Default)]
struct Position {
    /// Offset of the next record to hand over; none until it is looked up.
    offset: Option<i64>,
    /// Leader epoch of the last record handed over; none before there is any, or after a lookup.
    offset_epoch: Option<i32>,
    /// The leader and its epoch for which the position holds, or is being validated (`FetchPosition.currentLeader`).
    leader: Option<(i32, i32)>,
    /// Another leader came since the last record: the position has to be validated before anything is fetched.
    in_doubt: bool,
    /// A validation is under way.
    validating: bool,
    /// The replica that the leader told to read from instead, and until when (KIP-392).
    read_replica: Option<(i32, SimTime)>,
    /// Offsets and leader epochs of records that were fetched and not handed over yet.
    buffered: VecDeque<(i64, i32)>,
    /// Where the next fetch begins: after all that is buffered.
    fetched_to: i64,
    /// A lookup is under way.
    looking_up: bool,
    not_before: SimTime,
    failures: u32,
    /// The application was told that it cannot go on here.
    stuck: bool,
}

impl Consumer {
    /// A consumer that has not started yet.
    pub fn new(name: &str, topic: &str, config: ConsumerConfig, bootstrap: Vec<Endpoint>) -> Self {
        let network = NetworkConfig {
            request_timeout: config.request_timeout,
            retry_backoff: config.retry_backoff,
            retry_backoff_max: config.retry_backoff_max,
            metadata_max_age: config.metadata_max_age,
            max_in_flight: 100,
            ..NetworkConfig::new(name, bootstrap)
        };
        let wanted = Wanted::from([topic.into()]);
        Self {
            name: name.into(),
            topic: topic.into(),
            config,
            net: NetworkClient::new(network, wanted),
            partitions: BTreeMap::new(),
            fetching_from: BTreeSet::new(),
            sessions: BTreeMap::new(),
            sessions_closing: 0,
            busy_until: SimTime::ZERO,
            delivered: 0,
            closing: false,
        }
    }

    /// Its name and `client.id`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The topic that it reads.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Its configs.
    pub fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    /// How many records its polls handed over.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Its position in each partition: offset of the next record to be handed over.
    pub fn positions(&self) -> Vec<(TopicPartition, i64)> {
        let position = |(index, position): (&i32, &Position)| {
            Some((TopicPartition::new(self.topic.clone(), *index), position.offset?))
        };
        self.partitions.iter().filter_map(position).collect()
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        for event in self.net.handle(input, ctx) {
            match event {
                NetEvent::Metadata => {
                    self.learn_partitions();
                    self.follow_leaders();
                }
                NetEvent::Response(Asked::Offsets { partitions }, ResponseKind::ListOffsets(body)) => {
                    self.looked_up(&partitions, &body, ctx);
                }
                NetEvent::Response(Asked::Fetch { node, wanted }, ResponseKind::Fetch(body)) => {
                    self.fetched(node, &wanted, &body, ctx);
                }
                NetEvent::Response(Asked::Validation { positions }, ResponseKind::OffsetForLeaderEpoch(body)) => {
                    self.validated(&positions, &body, ctx);
                }
                NetEvent::Response(Asked::CloseSession, _) => self.sessions_closing -= 1,
                NetEvent::Response(_, other) => panic!("a response of another kind than its request: {other:?}"),
                NetEvent::Failed(asked, error) => self.request_failed(asked, error, ctx),
            }
        }
        self.drive(ctx);
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<SimTime> {
        let mut deadline = self.net.next_deadline();
        if self.closing {
            return deadline;
        }
        if self.partitions.values().any(|p| !p.buffered.is_empty()) {
            return earlier(deadline, Some(self.busy_until));
        }
        for (index, position) in &self.partitions {
            let Some((node, _)) = self.node_for(*index, position, None) else { continue };
            let fetches = position.offset.is_some() && !position.in_doubt;
            let has_work =
                position.stuck || position.looking_up || position.validating || !position.buffered.is_empty();
            let waits = fetches && self.fetching_from.contains(&node) || self.net.is_waiting(node);
            if !has_work && !waits {
                let at = position.not_before.max(self.net.retry_at(node).unwrap_or_default());
                deadline = earlier(deadline, Some(at.max(self.busy_until)));
            }
        }
        deadline
    }

    /// Ends it: closes its fetch sessions, then its connections.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.closing = true;
        for (node, session) in std::mem::take(&mut self.sessions) {
            if session.stands() && self.net.ready(node, ctx) {
                let request = FetchRequest::default()
                    .with_max_wait_ms(self.config.fetch_max_wait.as_millis() as i32)
                    .with_min_bytes(self.config.fetch_min_bytes)
                    .with_max_bytes(self.config.fetch_max_bytes)
                    .with_session_id(session.id())
                    .with_session_epoch(-1);
                self.sessions_closing += 1;
                let tied = Some(Asked::CloseSession);
                self.net.send(node, ApiKey::Fetch, tied, ctx, |_| RequestKind::Fetch(request));
            }
        }
        self.drive(ctx);
    }

    fn drive(&mut self, ctx: &mut Ctx<'_>) {
        if self.closing {
            if self.sessions_closing == 0 {
                self.net.close(ctx);
                ctx.exit();
            }
            return;
        }
        // The application polls again when it has worked on what it got.
        if self.busy_until <= ctx.now() {
            let records = self.poll(ctx);
            self.look_up(ctx);
            self.validate(ctx);
            self.fetch(ctx);
            self.ask_for_leaders();
            self.busy_until = ctx.now() + self.config.work * records;
        }
        self.net.poll(ctx);
    }

    fn learn_partitions(&mut self) {
        let Some(topic) = self.net.metadata().topic(&self.topic) else { return };
        for index in 0..topic.partitions.len() as i32 {
            self.partitions.entry(index).or_default();
        }
    }

    /// A partition without a leader is a reason to ask for metadata again, as often as the backoff allows.
    fn ask_for_leaders(&mut self) {
        let metadata = self.net.metadata();
        let is_lost =
            |(index, position): (&i32, &Position)| !position.stuck && metadata.leader(&self.topic, *index).is_none();
        if self.partitions.iter().any(is_lost) {
            self.net.metadata_mut().request_refresh();
        }
    }

    /// Hands buffered records to the application; how many.
    fn poll(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        let mut room = self.config.max_poll_records;
        for (index, position) in &mut self.partitions {
            let taken: Vec<(i64, i32)> = position.buffered.drain(..room.min(position.buffered.len())).collect();
            let (Some(&(first_offset, _)), Some(&(last_offset, epoch))) = (taken.first(), taken.last()) else {
                continue;
            };
            room -= taken.len();
            position.offset = Some(position.buffered.front().map_or(position.fetched_to, |(offset, _)| *offset));
            position.offset_epoch = Some(epoch);
            ctx.fact(Fact::Polled {
                partition: TopicPartition::new(self.topic.clone(), *index),
                first_offset,
                last_offset,
                records: taken.len() as u32,
            });
        }
        let polled = (self.config.max_poll_records - room) as u64;
        self.delivered += polled;
        polled
    }

    /// The partitions that `is_due` and whose leader is known, by leader.
    fn by_leader(&self, is_due: impl Fn(&Position) -> bool) -> BTreeMap<i32, Vec<(i32, i32)>> {
        let leader = |index, _: &Position| self.net.metadata().leader(&self.topic, index);
        self.by_node(is_due, leader)
    }

    /// The partitions that `is_due`, by the node to ask, each with the leader's epoch.
    fn by_node(
        &self,
        is_due: impl Fn(&Position) -> bool,
        node_of: impl Fn(i32, &Position) -> Option<(i32, i32)>,
    ) -> BTreeMap<i32, Vec<(i32, i32)>> {
        let mut by_node: BTreeMap<i32, Vec<(i32, i32)>> = BTreeMap::new();
        for (index, position) in self.partitions.iter().filter(|(_, position)| is_due(position)) {
            if let Some((node, epoch)) = node_of(*index, position) {
                by_node.entry(node).or_default().push((*index, epoch));
            }
        }
        by_node
    }

    /// Where a partition is fetched from, and its leader's epoch: from the leader, or from the replica that it named,
    /// while that advice is fresh at `now` (always, without one) and the replica's address is known.
    fn node_for(&self, index: i32, position: &Position, now: Option<SimTime>) -> Option<(i32, i32)> {
        let (leader, epoch) = self.net.metadata().leader(&self.topic, index)?;
        let is_fresh = |(replica, until): &(i32, SimTime)| {
            now.is_none_or(|now| now < *until) && self.net.metadata().brokers().contains_key(replica)
        };
        let node = position.read_replica.filter(is_fresh).map_or(leader, |(replica, _)| replica);
        Some((node, epoch))
    }

    /// Asks where the partitions without a position start.
    fn look_up(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let timestamp = match self.config.auto_offset_reset {
            OffsetReset::Earliest => -2,
            OffsetReset::Latest => -1,
            OffsetReset::None => return self.refuse_reset(ctx),
        };
        let due = |p: &Position| p.offset.is_none() && !p.looking_up && !p.stuck && p.not_before <= now;
        for (leader, partitions) in self.by_leader(due) {
            if !self.net.ready(leader, ctx) {
                continue;
            }
            let asked = |&(index, epoch): &(i32, i32)| {
                ListOffsetsPartition::default()
                    .with_partition_index(index)
                    .with_current_leader_epoch(epoch)
                    .with_timestamp(timestamp)
            };
            let topic = ListOffsetsTopic::default()
                .with_name(self.topic_name())
                .with_partitions(partitions.iter().map(asked).collect());
            let timeout_ms = self.config.request_timeout.as_millis() as i32;
            let tied = Asked::Offsets { partitions: partitions.iter().map(|(index, _)| *index).collect() };
            self.net.send(leader, ApiKey::ListOffsets, Some(tied), ctx, |version| {
                let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
                RequestKind::ListOffsets(if version >= 10 { request.with_timeout_ms(timeout_ms) } else { request })
            });
            for (index, _) in partitions {
                self.position(index).looking_up = true;
            }
        }
    }

    /// With `auto.offset.reset=none` and no position there is nothing to do but to tell the application.
    fn refuse_reset(&mut self, ctx: &mut Ctx<'_>) {
        for (index, position) in &mut self.partitions {
            if position.offset.is_none() && !position.stuck {
                position.stuck = true;
                let message = format!("Undefined offset with no reset policy for partitions: [{}-{index}]", self.topic);
                ctx.fact(Fact::ClientError { message });
            }
        }
    }

    fn looked_up(&mut self, partitions: &[i32], response: &ListOffsetsResponse, ctx: &mut Ctx<'_>) {
        let answers: Vec<_> = response.topics.iter().flat_map(|topic| &topic.partitions).collect();
        for index in partitions {
            self.position(*index).looking_up = false;
            let answer = answers.iter().find(|a| a.partition_index == *index);
            let answer = answer.expect("a response answers every partition of its request");
            match ErrorCode(answer.error_code) {
                ErrorCode::NONE => {
                    let leader = self.net.metadata().leader(&self.topic, *index);
                    let position = self.position(*index);
                    position.offset = Some(answer.offset);
                    // What the leader itself looked up just now is not validated.
                    position.offset_epoch = None;
                    position.leader = leader;
                    position.in_doubt = false;
                    position.fetched_to = answer.offset;
                    position.failures = 0;
                    let partition = TopicPartition::new(self.topic.clone(), *index);
                    ctx.fact(Fact::OffsetReset { partition, offset: answer.offset });
                }
                error => self.partition_failed(*index, error, ctx),
            }
        }
    }

    /// Fetches from each broker that is not being fetched from and of which nothing is buffered.
    fn fetch(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let node_for = |index, position: &Position| self.node_for(index, position, Some(now));
        let buffered = self.by_node(|p| !p.buffered.is_empty(), node_for);
        let due = |p: &Position| {
            p.offset.is_some() && p.buffered.is_empty() && !p.in_doubt && !p.stuck && p.not_before <= now
        };
        for (leader, partitions) in self.by_node(due, node_for) {
            let busy = self.fetching_from.contains(&leader) || buffered.contains_key(&leader);
            if !busy && self.net.ready(leader, ctx) {
                let from = |(index, epoch): (i32, i32)| (index, (self.partitions[&index].fetched_to, epoch));
                let wanted = partitions.into_iter().map(from).collect();
                self.send_fetch(leader, wanted, ctx);
            }
        }
    }

    fn send_fetch(&mut self, leader: i32, wanted: BTreeMap<i32, FetchFrom>, ctx: &mut Ctx<'_>) {
        let next = self.sessions.entry(leader).or_default().next(&wanted);
        let max_bytes = self.config.max_partition_fetch_bytes;
        let asked = |(&index, &(offset, epoch)): (&i32, &FetchFrom)| {
            FetchPartition::default()
                .with_partition(index)
                .with_current_leader_epoch(epoch)
                .with_fetch_offset(offset)
                .with_partition_max_bytes(max_bytes)
        };
        let request = FetchRequest::default()
            .with_max_wait_ms(self.config.fetch_max_wait.as_millis() as i32)
            .with_min_bytes(self.config.fetch_min_bytes)
            .with_max_bytes(self.config.fetch_max_bytes)
            .with_session_id(next.id)
            .with_session_epoch(next.epoch);
        let rack = StrBytes::from_string(self.config.client_rack.clone());
        let (name, id) = (self.topic_name(), self.net.metadata().topic(&self.topic).map(|topic| topic.id));
        let id = id.unwrap_or_default();
        self.net.send(leader, ApiKey::Fetch, Some(Asked::Fetch { node: leader, wanted }), ctx, |version| {
            let by_id = version >= 13;
            // Version 11 tells a broker that its consumer can read from followers (KIP-392).
            let mut request = if version >= 11 { request.with_rack_id(rack) } else { request };
            if !next.named.is_empty() {
                let topic = FetchTopic::default().with_partitions(next.named.iter().map(asked).collect());
                request.topics = vec![if by_id { topic.with_topic_id(id) } else { topic.with_topic(name.clone()) }];
            }
            if !next.forgotten.is_empty() {
                let topic = ForgottenTopic::default().with_partitions(next.forgotten);
                request.forgotten_topics_data =
                    vec![if by_id { topic.with_topic_id(id) } else { topic.with_topic(name) }];
            }
            RequestKind::Fetch(request)
        });
        self.fetching_from.insert(leader);
    }

    fn fetched(&mut self, node: i32, wanted: &BTreeMap<i32, FetchFrom>, response: &FetchResponse, ctx: &mut Ctx<'_>) {
        self.fetching_from.remove(&node);
        let error = ErrorCode(response.error_code);
        self.sessions.entry(node).or_default().answered(response.session_id, error);
        match error {
            ErrorCode::NONE => {}
            // The session is made anew by the next fetch.
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND
            | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR
            | ErrorCode::INVALID_FETCH_SESSION_EPOCH => return,
            error => return wanted.keys().for_each(|index| self.partition_failed(*index, error, ctx)),
        }
        self.follow_hints(response);
        for answer in response.responses.iter().flat_map(|topic| &topic.partitions) {
            let Some((from, _)) = wanted.get(&answer.partition_index) else { continue };
            let position = self.position(answer.partition_index);
            // The position moved, or is in doubt since the fetch was sent: Kafka passes over what it brought, errors too.
            if position.in_doubt || position.offset.is_none() || position.fetched_to != *from {
                continue;
            }
            match ErrorCode(answer.error_code) {
                ErrorCode::NONE => self.buffer(answer, *from, ctx),
                ErrorCode::OFFSET_OUT_OF_RANGE => self.out_of_range(answer.partition_index, *from, ctx),
                error => self.partition_failed(answer.partition_index, error, ctx),
            }
        }
    }

    /// Takes the records of a response that lie at or after the offset asked for.
    fn buffer(&mut self, answer: &PartitionData, from: i64, ctx: &mut Ctx<'_>) {
        let batches = match answer.records.clone().map_or(Ok(Vec::new()), records::split) {
            Ok(batches) => batches,
            Err(error) => return self.corrupt(answer.partition_index, &error, ctx),
        };
        let position = self.partitions.get_mut(&answer.partition_index).expect("it was fetched");
        position.failures = 0;
        if answer.preferred_read_replica.0 >= 0 {
            position.read_replica = Some((answer.preferred_read_replica.0, ctx.now() + self.config.metadata_max_age));
        }
        for (header, bytes) in batches {
            if let Err(error) = records::check_crc(&bytes) {
                return self.corrupt(answer.partition_index, &error, ctx);
            }
            // Offsets of a batch that this build cannot open are taken from its header.
            let offsets: Vec<i64> = match records::decode(&bytes) {
                Ok(records) => records.into_iter().map(|(offset, _)| offset).collect(),
                Err(_) => (header.base_offset..=header.last_offset()).collect(),
            };
            let records = offsets.into_iter().filter(|offset| *offset >= from);
            position.buffered.extend(records.map(|offset| (offset, header.leader_epoch)));
            position.fetched_to = header.next_offset();
        }
    }

    fn corrupt(&mut self, index: i32, error: &records::BatchError, ctx: &mut Ctx<'_>) {
        self.position(index).stuck = true;
        let message = format!("{}-{index}: {error}", self.topic);
        ctx.fact(Fact::ClientError { message });
    }

    fn out_of_range(&mut self, index: i32, offset: i64, ctx: &mut Ctx<'_>) {
        // A follower may be behind: the leader is asked before anything is believed.
        if self.position(index).read_replica.take().is_some() {
            return;
        }
        if self.config.auto_offset_reset == OffsetReset::None {
            self.position(index).stuck = true;
            let message = format!(
                "Fetch position {offset} is out of range for partition {}-{index}, and no reset policy is set",
                self.topic
            );
            return ctx.fact(Fact::ClientError { message });
        }
        self.position(index).offset = None;
        self.position(index).offset_epoch = None;
    }

    fn partition_failed(&mut self, index: i32, error: ErrorCode, ctx: &mut Ctx<'_>) {
        if error.treatment() == Treatment::Fatal {
            self.position(index).stuck = true;
            let message = format!("{}-{index}: {error}: {}", self.topic, error.message());
            return ctx.fact(Fact::ClientError { message });
        }
        self.net.metadata_mut().request_refresh();
        let (backoff, max) = (self.config.retry_backoff, self.config.retry_backoff_max);
        let position = self.partitions.get_mut(&index).expect("it was asked for");
        position.read_replica = None;
        position.failures += 1;
        position.not_before = ctx.now() + exponential_backoff(position.failures, backoff, max, ctx.rng());
    }

    fn request_failed(&mut self, asked: Asked, error: ErrorCode, ctx: &mut Ctx<'_>) {
        let partitions = match asked {
            Asked::Offsets { partitions } => {
                partitions.iter().for_each(|index| self.position(*index).looking_up = false);
                partitions
            }
            Asked::Validation { positions } => {
                positions.keys().for_each(|index| self.position(*index).validating = false);
                positions.into_keys().collect()
            }
            Asked::Fetch { node, wanted } => {
                self.fetching_from.remove(&node);
                self.sessions.entry(node).or_default().failed();
                wanted.into_keys().collect()
            }
            Asked::CloseSession => {
                self.sessions_closing -= 1;
                return;
            }
        };
        for index in partitions {
            self.partition_failed(index, error, ctx);
        }
    }

    fn position(&mut self, index: i32) -> &mut Position {
        self.partitions.get_mut(&index).expect("it was asked for")
    }

    fn topic_name(&self) -> TopicName {
        TopicName(StrBytes::from_string(self.topic.to_string()))
    }
}
