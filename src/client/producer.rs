//! The producer: collects records into batches, sends them to partition leaders, and tries again until they are
//! acknowledged or their time is up.
//!
//! `send` puts a record into the last batch of its partition. A batch goes out when it is full, when it has lingered
//! for `linger.ms`, or when the producer closes; one request carries at most one batch a partition to one broker. A
//! retriable error puts the batch back at the front of its partition, to be sent again after a backoff; nothing here
//! keeps such a retry from duplicating or reordering records, because idempotence is not built yet.

use super::config::{Keys, ProducerConfig, Workload};
use super::metadata::Wanted;
use super::network::{NetEvent, NetworkClient, NetworkConfig};
use super::partitioner::Partitioner;
use super::{earlier, exponential_backoff};
use crate::base::{Endpoint, SimDuration, SimTime, TopicPartition};
use crate::machine::{Ctx, Fact, Input};
use crate::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use crate::wire::messages::{ProduceRequest, ProduceResponse};
use crate::wire::records::{self, HEADER_LEN, Record};
use crate::wire::{ApiKey, ErrorCode, RequestKind, ResponseKind, StrBytes, TopicName, Treatment};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// `max.block.ms`: how long `send` waits for its topic's metadata.
const MAX_BLOCK: SimDuration = SimDuration::from_secs(60);

/// A producer's process.
#[derive(Clone, Debug)]
pub struct Producer {
    name: Arc<str>,
    topic: Arc<str>,
    config: ProducerConfig,
    workload: Option<Workload>,
    next_record_at: Option<SimTime>,
    produced: u64,
    net: NetworkClient<Vec<Batch>>,
    partitioner: Partitioner,
    /// Records whose topic is not known yet: `send` is blocked on metadata.
    blocked: VecDeque<Blocked>,
    batches: BTreeMap<TopicPartition, VecDeque<Batch>>,
    acked: u64,
    failed: u64,
    in_flight: u64,
    closing: bool,
}

#[derive(Clone, Debug)]
struct Blocked {
    record: Record,
    partition: Option<i32>,
    since: SimTime,
}

/// Records on their way to one partition.
#[derive(Clone, Debug)]
struct Batch {
    partition: TopicPartition,
    topic_id: Uuid,
    records: Vec<Record>,
    size: usize,
    created_at: SimTime,
    not_before: SimTime,
    attempts: u32,
    /// Built when it is first sent; a retry sends the same bytes.
    built: Option<(Bytes, u32)>,
    /// Nothing more is added to it.
    full: bool,
}

/// Why `send` refuses a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError(pub String);

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SendError {}

impl Producer {
    /// A producer that has not started yet.
    pub fn new(
        name: &str,
        topic: &str,
        config: ProducerConfig,
        workload: Option<Workload>,
        bootstrap: Vec<Endpoint>,
    ) -> Self {
        let network = NetworkConfig {
            client_id: StrBytes::from_string(name.to_string()),
            bootstrap,
            request_timeout: config.request_timeout,
            retry_backoff: config.retry_backoff,
            retry_backoff_max: config.retry_backoff_max,
            metadata_max_age: config.metadata_max_age,
            max_in_flight: config.max_in_flight,
            allow_auto_topic_creation: true,
        };
        Self {
            name: name.into(),
            topic: topic.into(),
            config,
            workload,
            next_record_at: None,
            produced: 0,
            net: NetworkClient::new(network, Wanted::default()),
            partitioner: Partitioner::default(),
            blocked: VecDeque::new(),
            batches: BTreeMap::new(),
            acked: 0,
            failed: 0,
            in_flight: 0,
            closing: false,
        }
    }

    /// Its name and `client.id`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The topic that it writes to.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Its configs.
    pub fn config(&self) -> &ProducerConfig {
        &self.config
    }

    /// What it sends by itself.
    pub fn workload(&self) -> Option<&Workload> {
        self.workload.as_ref()
    }

    /// How many records were acknowledged (with acks=0: sent).
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// How many records it gave up.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// How many records it holds: blocked, in batches, or in flight.
    pub fn pending(&self) -> u64 {
        let batched: usize = self.batches.values().flatten().map(|batch| batch.records.len()).sum();
        self.in_flight + (self.blocked.len() + batched) as u64
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        if let (Input::Started, Some(_)) = (&input, &self.workload) {
            self.next_record_at = Some(ctx.now());
        }
        for event in self.net.handle(input, ctx) {
            match event {
                NetEvent::Metadata => self.unblock(ctx),
                NetEvent::Response(batches, ResponseKind::Produce(body)) => self.answered(batches, &body, ctx),
                NetEvent::Response(_, other) => panic!("a response of another kind than its request: {other:?}"),
                NetEvent::Failed(batches, error) => {
                    for batch in batches {
                        self.in_flight -= batch.records.len() as u64;
                        self.retry(batch, error, ctx);
                    }
                }
            }
        }
        self.drive(ctx);
    }

    /// Does what can be done by now.
    fn drive(&mut self, ctx: &mut Ctx<'_>) {
        self.work(ctx);
        self.expire(ctx);
        self.drain(ctx);
        self.net.poll(ctx);
        if self.closing && self.pending() == 0 {
            self.net.close(ctx);
            ctx.exit();
        }
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<SimTime> {
        let mut deadline = earlier(self.net.next_deadline(), self.next_record_at);
        deadline = earlier(deadline, self.blocked.front().map(|blocked| blocked.since + MAX_BLOCK));
        for (tp, queue) in &self.batches {
            let Some(batch) = queue.front() else { continue };
            deadline = earlier(deadline, Some(batch.created_at + self.config.delivery_timeout));
            let ready_at = self.ready_at(queue);
            deadline = earlier(deadline, self.may_send_at(tp, ready_at));
        }
        deadline
    }

    /// Hands it a record for its topic.
    ///
    /// # Errors
    /// Kafka's message for a record that is larger than `max.request.size`.
    pub fn send(&mut self, record: Record, partition: Option<i32>, ctx: &mut Ctx<'_>) -> Result<(), SendError> {
        let size = HEADER_LEN + records::size_estimate(&record);
        if size > self.config.max_request_size {
            let limit = self.config.max_request_size;
            self.fail(1, ErrorCode::MESSAGE_TOO_LARGE, ctx);
            return Err(SendError(format!(
                "The message is {size} bytes when serialized which is larger than {limit}, which is the value of the \
                 max.request.size configuration."
            )));
        }
        self.net.metadata_mut().want(&self.topic.clone());
        self.blocked.push_back(Blocked { record, partition, since: ctx.now() });
        self.unblock(ctx);
        self.drive(ctx);
        Ok(())
    }

    /// Sends what it holds and ends.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.closing = true;
        self.workload = None;
        self.next_record_at = None;
        self.drive(ctx);
    }

    /// Makes the workload's records that are due.
    fn work(&mut self, ctx: &mut Ctx<'_>) {
        while let (Some(workload), Some(at)) = (self.workload.clone(), self.next_record_at) {
            if at > ctx.now() {
                break;
            }
            // An application that waits in `send` for metadata makes no further records meanwhile.
            if !self.blocked.is_empty() {
                self.next_record_at = None;
                break;
            }
            self.next_record_at = Some(at + workload.interval);
            let key = match workload.keys {
                Keys::None => None,
                Keys::Uniform(n) => Some(format!("key-{:02}", ctx.rng().below(u64::from(n))).into()),
            };
            let value = self.next_value(workload.value_size);
            let record = Record { timestamp_ms: ctx.wall_clock_ms(), key, value: Some(value), headers: Vec::new() };
            self.net.metadata_mut().want(&self.topic.clone());
            self.blocked.push_back(Blocked { record, partition: None, since: ctx.now() });
            self.unblock(ctx);
        }
    }

    /// The next value: the producer's name and a count, padded or cut to `size`.
    fn next_value(&mut self, size: usize) -> Bytes {
        self.produced += 1;
        let mut text = format!("{} #{}", self.name, self.produced).into_bytes();
        text.resize(size, b'.');
        text.into()
    }

    /// Moves the records whose topic is known by now into batches.
    fn unblock(&mut self, ctx: &mut Ctx<'_>) {
        while let Some(blocked) = self.blocked.front() {
            let Some(topic) = self.net.metadata().topic(&self.topic) else { return };
            let (topic_id, partitions) = (topic.id, topic.partitions.len());
            if blocked.partition.is_some_and(|p| p < 0 || p as usize >= partitions) {
                // Kafka waits for a partition that metadata does not show, until max.block.ms.
                return;
            }
            let Blocked { record, partition, .. } = self.blocked.pop_front().expect("it has a front");
            self.accumulate(record, partition, topic_id, partitions, ctx);
        }
        if let (Some(_), None) = (&self.workload, self.next_record_at) {
            self.next_record_at = Some(ctx.now());
        }
    }

    fn accumulate(
        &mut self,
        record: Record,
        partition: Option<i32>,
        topic_id: Uuid,
        partitions: usize,
        ctx: &mut Ctx<'_>,
    ) {
        let size = records::size_estimate(&record);
        let batch_size = self.config.batch_size;
        let key = record.key.as_ref();
        let index =
            partition.unwrap_or_else(|| self.partitioner.partition(key, size, partitions, batch_size, ctx.rng()));
        let partition = TopicPartition::new(self.topic.clone(), index);
        let queue = self.batches.entry(partition.clone()).or_default();
        match queue.back_mut() {
            Some(batch) if !batch.full && batch.size + size <= batch_size => {
                batch.records.push(record);
                batch.size += size;
            }
            last => {
                if let Some(batch) = last {
                    batch.full = true;
                }
                queue.push_back(Batch {
                    partition,
                    topic_id,
                    records: vec![record],
                    size: HEADER_LEN + size,
                    created_at: ctx.now(),
                    not_before: ctx.now(),
                    attempts: 0,
                    built: None,
                    full: false,
                });
            }
        }
        let batch = queue.back_mut().expect("a record was just added");
        batch.full |= batch.size >= batch_size;
    }

    /// When the first batch of a partition is to go out.
    fn ready_at(&self, queue: &VecDeque<Batch>) -> Option<SimTime> {
        let batch = queue.front()?;
        let waits = batch.attempts == 0 && !batch.full && queue.len() == 1 && !self.closing;
        Some(if waits { batch.created_at + self.config.linger } else { batch.not_before })
    }

    /// When the network lets a batch of this partition go, if only time is in the way.
    fn may_send_at(&self, tp: &TopicPartition, ready_at: Option<SimTime>) -> Option<SimTime> {
        let (leader, _) = self.net.metadata().leader(&tp.topic, tp.partition)?;
        let ready_at = ready_at?;
        match self.net.retry_at(leader) {
            Some(at) => Some(ready_at.max(at)),
            None if self.net.is_waiting(leader) => None,
            None => Some(ready_at),
        }
    }

    /// Sends what is ready, a request for each leader, until nothing more can go.
    fn drain(&mut self, ctx: &mut Ctx<'_>) {
        loop {
            let mut by_leader: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
            for (tp, queue) in &self.batches {
                let ready = self.ready_at(queue).is_some_and(|at| at <= ctx.now());
                if let (true, Some((leader, _))) = (ready, self.net.metadata().leader(&tp.topic, tp.partition)) {
                    by_leader.entry(leader).or_default().push(tp.clone());
                }
            }
            let mut sent = false;
            for (leader, partitions) in by_leader {
                if self.net.ready(leader, ctx) {
                    self.send_request(leader, &partitions, ctx);
                    sent = true;
                }
            }
            if !sent {
                return;
            }
        }
    }

    fn send_request(&mut self, leader: i32, partitions: &[TopicPartition], ctx: &mut Ctx<'_>) {
        let mut batches = Vec::new();
        let mut size = 0;
        for tp in partitions {
            let queue = self.batches.get_mut(tp).expect("it has a batch that is ready");
            let first = queue.front().expect("it has a batch that is ready");
            if !batches.is_empty() && size + first.size > self.config.max_request_size {
                break;
            }
            let mut batch = queue.pop_front().expect("it has a front");
            if queue.is_empty() {
                self.batches.remove(tp);
            }
            size += batch.size;
            batch.attempts += 1;
            batch.full = true;
            if batch.built.is_none() {
                let bytes = records::build(&batch.records);
                let crc = records::header(&bytes).expect("it was just built").crc;
                batch.built = Some((bytes, crc));
            }
            batches.push(batch);
        }
        let (acks, timeout) = (self.config.acks, self.config.request_timeout);
        let body = request_body(&batches, acks, timeout);
        if acks == 0 {
            self.net.send(leader, ApiKey::Produce, None, ctx, body);
            batches.iter().for_each(|batch| self.acknowledge(batch, -1, ctx));
        } else {
            self.in_flight += batches.iter().map(|batch| batch.records.len() as u64).sum::<u64>();
            self.net.send(leader, ApiKey::Produce, Some(batches), ctx, body);
        }
    }

    fn answered(&mut self, batches: Vec<Batch>, response: &ProduceResponse, ctx: &mut Ctx<'_>) {
        for batch in batches {
            self.in_flight -= batch.records.len() as u64;
            let answer = response
                .responses
                .iter()
                .filter(|topic| topic.topic_id == batch.topic_id || **topic.name == *batch.partition.topic)
                .flat_map(|topic| &topic.partition_responses)
                .find(|answer| answer.index == batch.partition.partition)
                .expect("a response answers every partition of its request");
            match ErrorCode(answer.error_code) {
                ErrorCode::NONE => self.acknowledge(&batch, answer.base_offset, ctx),
                ErrorCode::MESSAGE_TOO_LARGE if batch.records.len() > 1 => self.split(batch),
                error => self.retry(batch, error, ctx),
            }
        }
    }

    fn acknowledge(&mut self, batch: &Batch, base_offset: i64, ctx: &mut Ctx<'_>) {
        self.acked += batch.records.len() as u64;
        let (_, crc) = batch.built.as_ref().expect("it was sent");
        ctx.fact(Fact::Acknowledged {
            partition: batch.partition.clone(),
            base_offset,
            records: batch.records.len() as u32,
            acks: self.config.acks,
            crc: *crc,
        });
    }

    /// Puts a batch that failed back to the front of its partition, or gives it up.
    fn retry(&mut self, mut batch: Batch, error: ErrorCode, ctx: &mut Ctx<'_>) {
        if error.treatment() == Treatment::RefreshAndRetry {
            self.net.metadata_mut().request_refresh();
        }
        let in_time = ctx.now() < batch.created_at + self.config.delivery_timeout;
        if error.treatment() == Treatment::Fatal || !in_time || batch.attempts > self.config.retries {
            return self.fail(batch.records.len(), error, ctx);
        }
        let (backoff, max) = (self.config.retry_backoff, self.config.retry_backoff_max);
        batch.not_before = ctx.now() + exponential_backoff(batch.attempts, backoff, max, ctx.rng());
        self.batches.entry(batch.partition.clone()).or_default().push_front(batch);
    }

    /// Splits a batch that the broker found too large into batches of one record.
    fn split(&mut self, batch: Batch) {
        let queue = self.batches.entry(batch.partition.clone()).or_default();
        for record in batch.records.iter().rev() {
            let size = HEADER_LEN + records::size_estimate(record);
            queue.push_front(Batch { records: vec![record.clone()], size, built: None, attempts: 1, ..batch.clone() });
        }
    }

    fn fail(&mut self, records: usize, error: ErrorCode, ctx: &mut Ctx<'_>) {
        self.failed += records as u64;
        ctx.fact(Fact::SendFailed { topic: self.topic.clone(), records: records as u32, error });
    }

    /// Gives up what has waited for `max.block.ms` or `delivery.timeout.ms`.
    fn expire(&mut self, ctx: &mut Ctx<'_>) {
        while self.blocked.front().is_some_and(|blocked| blocked.since + MAX_BLOCK <= ctx.now()) {
            self.blocked.pop_front();
            let error = self.net.metadata().error(&self.topic).unwrap_or(ErrorCode::REQUEST_TIMED_OUT);
            self.fail(1, error, ctx);
            if self.workload.is_some() {
                self.next_record_at = Some(ctx.now());
            }
        }
        let latest = ctx.now() - self.config.delivery_timeout;
        if ctx.now() < SimTime::ZERO + self.config.delivery_timeout {
            return;
        }
        let mut expired = 0;
        for queue in self.batches.values_mut() {
            while queue.front().is_some_and(|batch| batch.created_at <= latest) {
                expired += queue.pop_front().expect("it has a front").records.len();
            }
        }
        self.batches.retain(|_, queue| !queue.is_empty());
        if expired > 0 {
            self.fail(expired, ErrorCode::REQUEST_TIMED_OUT, ctx);
        }
    }
}

fn request_body(batches: &[Batch], acks: i16, timeout: SimDuration) -> impl FnOnce(i16) -> RequestKind + use<> {
    let mut topics: BTreeMap<(Arc<str>, Uuid), Vec<PartitionProduceData>> = BTreeMap::new();
    for batch in batches {
        let (bytes, _) = batch.built.as_ref().expect("it is built before it is sent");
        let data =
            PartitionProduceData::default().with_index(batch.partition.partition).with_records(Some(bytes.clone()));
        topics.entry((batch.partition.topic.clone(), batch.topic_id)).or_default().push(data);
    }
    move |version| {
        let topic = |((name, id), data): ((Arc<str>, Uuid), Vec<PartitionProduceData>)| {
            let topic = TopicProduceData::default().with_partition_data(data);
            if version >= 13 {
                topic.with_topic_id(id)
            } else {
                topic.with_name(TopicName(StrBytes::from_string(name.to_string())))
            }
        };
        let request = ProduceRequest::default()
            .with_acks(acks)
            .with_timeout_ms(timeout.as_millis() as i32)
            .with_topic_data(topics.into_iter().map(topic).collect());
        RequestKind::Produce(request)
    }
}
