//! The producer's other half: takes batches from the accumulator to the brokers, and deals with what they answer
//! (`Sender`).

use super::batch::{Batch, BatchId};
use super::{Producer, Tied};
use crate::base::{Endpoint, SimDuration, SimTime, SortedMap, TopicPartition, earlier};
use crate::client::metadata::LeaderHint;
use crate::machine::{Ctx, Fact};
use crate::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use crate::wire::messages::produce_response::PartitionProduceResponse;
use crate::wire::messages::{ProduceRequest, ProduceResponse};
use crate::wire::records::ProducerStamp;
use crate::wire::{ApiKey, ErrorCode, RequestKind, StrBytes, TopicName, Treatment};
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// A batch in a request, as it was sent: by the time of the answer it may be renumbered or given up.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    id: BatchId,
    partition: TopicPartition,
    topic_id: Uuid,
    stamp: ProducerStamp,
    records: u32,
    crc: u32,
}

/// The batches of a request by topic: its name, and its id.
type RequestData = SortedMap<(Arc<str>, Uuid), Vec<PartitionProduceData>>;

/// What a broker said of a batch.
struct Answer {
    error: ErrorCode,
    message: Option<String>,
    base_offset: i64,
    log_start_offset: i64,
}

impl Answer {
    fn error(error: ErrorCode) -> Self {
        Self { error, message: None, base_offset: -1, log_start_offset: -1 }
    }
}

impl Producer {
    /// Does what can be done by now (`runOnce`, as often as it comes to anything).
    pub(super) fn run_sender(&mut self, ctx: &mut Ctx<'_>) {
        self.sender_at = None;
        self.accumulator.closed = self.closing && self.sends.is_empty();
        while self.prepare_sequences(ctx) && self.send_producer_data(ctx) {}
    }

    /// Sends what is ready, one request to each broker. Whether anything came of it, so that more may.
    fn send_producer_data(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let exhausted = self.is_exhausted();
        let ready = self.accumulator.ready(self.net.metadata(), exhausted, ctx.now());
        for topic in &ready.unknown_leader_topics {
            // It may be that it was dropped as unused.
            self.net.metadata_mut().use_topic(topic, ctx.now());
            self.net.metadata_mut().request_refresh();
        }
        let mut next = ready.next_check;
        let mut requests = Vec::new();
        for node in ready.nodes {
            let can_drain = self.net.ready(node, ctx);
            self.accumulator.note_latency(node, can_drain, ctx.now());
            if can_drain {
                let manager = self.manager.as_mut();
                requests.push((node, self.accumulator.drain(node, self.net.metadata(), ctx.now(), manager)));
            } else {
                next = earlier(next, self.net.retry_at(node));
            }
        }
        requests.retain(|(_, batches): &(_, Vec<BatchId>)| !batches.is_empty());
        for id in requests.iter().flat_map(|(_, batches)| batches) {
            let partition = self.accumulator.batches.get(*id).partition.clone();
            if self.config.max_in_flight == 1 {
                self.accumulator.mute(&partition);
            }
            self.in_flight.entry(partition).or_default().push_back(*id);
        }
        // What is drained is sent, even if its time has just run out.
        let prepared: Vec<_> = requests.iter().map(|(node, batches)| (*node, self.prepare(batches))).collect();
        let (expired, next_expiry) = self.expire(ctx);
        let sent = !prepared.is_empty();
        prepared.into_iter().for_each(|(node, (sent, data))| self.send_request(node, sent, data, ctx));
        self.sender_at = earlier(next, next_expiry);
        sent || expired
    }

    /// Gives up what has waited for `delivery.timeout.ms`, in queues and in flight. Whether there was any, and when the
    /// next will be.
    fn expire(&mut self, ctx: &mut Ctx<'_>) -> (bool, Option<SimTime>) {
        let timeout = self.config.delivery_timeout();
        let (mut expired, mut next) = self.accumulator.expire(ctx.now());
        for batches in self.in_flight.values() {
            let deadline = |id: &BatchId| self.accumulator.batches.get(*id).created_at + timeout;
            let late = batches.iter().take_while(|id| deadline(id) <= ctx.now()).count();
            expired.extend(batches.iter().take(late));
            next = earlier(next, batches.get(late).map(deadline));
        }
        for id in &expired {
            let batch = self.accumulator.batches.get(*id);
            let message = format!(
                "Expiring {} record(s) for {}:{} ms has passed since batch creation",
                batch.record_count(),
                batch.partition,
                ctx.now().since(batch.created_at).as_millis()
            );
            let batch = self.fail(*id, ErrorCode::REQUEST_TIMED_OUT, message, false, ctx);
            if let (Some(manager), Some(batch)) = (&mut self.manager, batch.filter(|batch| batch.attempts > 0)) {
                // It may have been appended: nothing new is sent until that is known.
                manager.mark_unresolved(&batch);
            }
        }
        (!expired.is_empty(), next)
    }

    /// The parts of a request.
    fn prepare(&self, batches: &[BatchId]) -> (Vec<Sent>, RequestData) {
        let mut sent = Vec::with_capacity(batches.len());
        let mut data = RequestData::new();
        for id in batches {
            let batch = self.accumulator.batches.get(*id);
            let (bytes, crc) = batch.packed();
            let partition = batch.partition.clone();
            let topic_id = self.net.metadata().topic(&partition.topic).map_or(Uuid::nil(), |topic| topic.id);
            data.entry((partition.topic.clone(), topic_id)).or_default().push(records_of(&partition, bytes));
            sent.push(Sent { id: *id, partition, topic_id, stamp: batch.stamp(), records: batch.record_count(), crc });
        }
        (sent, data)
    }

    fn send_request(&mut self, node: i32, sent: Vec<Sent>, data: RequestData, ctx: &mut Ctx<'_>) {
        let body = request_body(data, self.config.acks, self.config.common.request_timeout);
        if self.config.acks == 0 {
            self.net.send(node, ApiKey::Produce, None, ctx, body);
            sent.iter().for_each(|sent| self.complete(sent, &Answer::error(ErrorCode::NONE), ctx));
        } else {
            self.requests += 1;
            self.net.send(node, ApiKey::Produce, Some(Tied::Produce(sent)), ctx, body);
        }
    }

    /// A request got its response.
    pub(super) fn answered(&mut self, sent: &[Sent], response: &ProduceResponse, ctx: &mut Ctx<'_>) {
        self.requests -= 1;
        let mut hints = Vec::new();
        for topic in &response.responses {
            for partition in &topic.partition_responses {
                let is_it = |sent: &&Sent| {
                    let same_topic = **topic.name == *sent.partition.topic
                        || (!topic.topic_id.is_nil() && topic.topic_id == sent.topic_id);
                    same_topic && sent.partition.partition == partition.index
                };
                let sent = sent.iter().find(is_it).expect("a response answers batches of its request");
                hints.extend(hint(sent, partition));
                let answer = Answer {
                    error: ErrorCode(partition.error_code),
                    message: partition.error_message.as_ref().map(|message| message.to_string()),
                    base_offset: partition.base_offset,
                    log_start_offset: partition.log_start_offset,
                };
                self.complete(sent, &answer, ctx);
            }
        }
        if !hints.is_empty() {
            let node = |node: &crate::wire::messages::produce_response::NodeEndpoint| {
                (node.node_id.0, Endpoint { host: (*node.host).into(), port: node.port as u16 })
            };
            self.net.follow(hints, response.node_endpoints.iter().map(node).collect());
        }
    }

    /// A request will never be answered.
    pub(super) fn unanswered(&mut self, sent: &[Sent], error: ErrorCode, ctx: &mut Ctx<'_>) {
        self.requests -= 1;
        sent.iter().for_each(|sent| self.complete(sent, &Answer::error(error), ctx));
    }

    /// Ends a batch, or has it sent again (`completeBatch`).
    fn complete(&mut self, sent: &Sent, answer: &Answer, ctx: &mut Ctx<'_>) {
        let error = answer.error;
        let records = self.accumulator.batches.find(sent.id).map(Batch::record_count);
        if error == ErrorCode::MESSAGE_TOO_LARGE && records.is_some_and(|records| records > 1) {
            self.split(sent.id);
        } else if error == ErrorCode::NONE {
            self.succeed(sent, answer, ctx);
        } else {
            if self.can_retry(sent.id, answer, ctx.now()) {
                self.accumulator.reenqueue(sent.id, ctx.now(), ctx.rng());
                self.forget_in_flight(&sent.partition, sent.id);
            } else if error == ErrorCode::DUPLICATE_SEQUENCE_NUMBER {
                // It was appended so long ago that the leader no longer knows where.
                self.succeed(sent, answer, ctx);
            } else if let Some(batch) = self.accumulator.batches.find(sent.id) {
                // After the last retry it is not certain that no leader has it.
                let adjust = batch.attempts < self.config.retries;
                let message = answer.message.clone().unwrap_or_else(|| message_of(error));
                self.fail(sent.id, error, message, adjust, ctx);
            }
            if error.treatment() == Treatment::RefreshAndRetry {
                self.net.metadata_mut().request_refresh();
            }
        }
        if self.config.max_in_flight == 1 {
            self.accumulator.unmute(&sent.partition);
        }
    }

    fn can_retry(&mut self, id: BatchId, answer: &Answer, now: SimTime) -> bool {
        let Some(batch) = self.accumulator.batches.find(id) else { return false };
        let in_time = batch.created_at + self.config.delivery_timeout() > now;
        in_time
            && batch.attempts < self.config.retries
            && match &mut self.manager {
                Some(manager) => manager.can_retry(batch, answer.error, answer.log_start_offset),
                None => answer.error.treatment() != Treatment::Fatal,
            }
    }

    fn split(&mut self, id: BatchId) {
        let batch = self.accumulator.batches.get(id);
        let (partition, stamp) = (batch.partition.clone(), batch.stamp());
        self.forget_in_flight(&partition, id);
        let parts = self.accumulator.split(id);
        if let Some(manager) = &mut self.manager {
            manager.forget(&partition, stamp);
            let stamp = |id: &BatchId| self.accumulator.batches.get(*id).stamp();
            parts.iter().for_each(|id| manager.track(&partition, stamp(id), *id));
        }
    }

    /// A batch was acknowledged. If it had been given up before, its application has been told so and stays told.
    fn succeed(&mut self, sent: &Sent, answer: &Answer, ctx: &mut Ctx<'_>) {
        let batch = self.accumulator.remove(sent.id);
        let stamp = batch.as_ref().map_or(sent.stamp, |batch| batch.stamp());
        if let Some(manager) = &mut self.manager {
            manager.completed(&sent.partition, stamp, sent.records);
        }
        if batch.is_none() {
            return;
        }
        self.forget_in_flight(&sent.partition, sent.id);
        self.acked += u64::from(sent.records);
        ctx.fact(Fact::Acknowledged {
            partition: sent.partition.clone(),
            topic_id: sent.topic_id,
            base_offset: answer.base_offset,
            records: sent.records,
            acks: self.config.acks,
            crc: sent.crc,
            sequence: (stamp.producer_id, stamp.epoch, stamp.base_sequence),
        });
    }

    /// Gives a batch up, unless that was done before.
    fn fail(
        &mut self,
        id: BatchId,
        error: ErrorCode,
        message: String,
        adjust: bool,
        ctx: &mut Ctx<'_>,
    ) -> Option<Arc<Batch>> {
        let batch = self.accumulator.remove(id)?;
        if let Some(manager) = &mut self.manager {
            manager.failed(&batch.partition, batch.stamp(), error, adjust);
        }
        self.forget_in_flight(&batch.partition, id);
        self.give_up(&batch.partition.topic, batch.record_count(), error, message, ctx);
        Some(batch)
    }

    /// Gives up everything that it holds (`maybeAbortBatches`).
    pub(super) fn abort_batches(&mut self, error: ErrorCode, ctx: &mut Ctx<'_>) {
        for id in self.accumulator.abort() {
            let batch = self.accumulator.remove(id).expect("it was listed");
            self.give_up(&batch.partition.topic, batch.record_count(), error, message_of(error), ctx);
        }
        self.in_flight.clear();
    }

    fn forget_in_flight(&mut self, partition: &TopicPartition, id: BatchId) {
        if let Some(batches) = self.in_flight.get_mut(partition) {
            batches.retain(|other| *other != id);
            if batches.is_empty() {
                self.in_flight.remove(partition);
            }
        }
    }
}

/// What an application is told of an error, where Kafka has words of its own.
fn message_of(error: ErrorCode) -> String {
    match error {
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED => "The producer is not authorized to do idempotent sends".into(),
        _ => error.message().into(),
    }
}

/// Who leads, as a broker that does not said (KIP-951).
fn hint(sent: &Sent, answer: &PartitionProduceResponse) -> Option<LeaderHint> {
    let told =
        matches!(ErrorCode(answer.error_code), ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH);
    let (leader, epoch) = (answer.current_leader.leader_id.0, answer.current_leader.leader_epoch);
    (told && leader != -1 && epoch != -1).then(|| LeaderHint {
        topic: sent.partition.topic.clone(),
        partition: sent.partition.partition,
        leader,
        epoch,
    })
}

fn records_of(partition: &TopicPartition, bytes: Bytes) -> PartitionProduceData {
    PartitionProduceData::default().with_index(partition.partition).with_records(Some(bytes))
}

fn request_body(data: RequestData, acks: i16, timeout: SimDuration) -> impl FnOnce(i16) -> RequestKind {
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
            .with_topic_data(data.into_iter().map(topic).collect());
        RequestKind::Produce(request)
    }
}
