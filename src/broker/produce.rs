//! Produce: append a producer's batches and say when they are as safe as it asked.
//!
//! With acks=all the answer waits until the high watermark has passed the records, which is until every replica of the
//! ISR has them. `min.insync.replicas` is not what it waits for, but what it asks before it appends.

use super::metadata::is_internal;
use super::purgatory::{Parked, RECORDS, Waiting};
use super::{Broker, Served, Serving, str_bytes};
use crate::base::{SimDuration, Sort, TopicPartition};
use crate::machine::{Fact, Mutant};
use crate::network::Pending;
use crate::storage::{AppendInfo, LogId, Origin};
use crate::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use crate::wire::messages::produce_response::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use crate::wire::messages::{ProduceRequest, ProduceResponse};
use crate::wire::records::{self, BatchError, BatchHeader};
use crate::wire::{BrokerId, Compression, ErrorCode, ResponseKind, TopicName};
use bytes::Bytes;
use std::sync::Arc;

/// The first version that names topics by id.
const FIRST_WITH_TOPIC_ID: i16 = 13;
/// The first version that may carry batches compressed with zstd (KIP-110).
const FIRST_WITH_ZSTD: i16 = 7;
/// The first version that says who leads instead (KIP-951).
const FIRST_WITH_CURRENT_LEADER: i16 = 10;

/// The client that may write to internal topics (`AdminUtils.ADMIN_CLIENT_ID`).
const ADMIN_CLIENT: &str = "__admin_client";

/// Why a batch is not appended.
struct Refusal {
    error: ErrorCode,
    message: Option<String>,
    /// Known when the log itself refused.
    log_start_offset: i64,
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Self {
        Self { error, message: None, log_start_offset: -1 }
    }
}

/// A produce with acks=all that waits for its followers.
#[derive(Clone, Debug)]
pub(super) struct DelayedProduce {
    response: ProduceResponse,
    waiting: Vec<Wait>,
}

/// A partition of it that waits.
#[derive(Clone, Debug)]
struct Wait {
    tp: TopicPartition,
    /// Where its answer stands in the response: topic and partition.
    place: (usize, usize),
    /// The high watermark that it waits for.
    required_offset: i64,
}

impl DelayedProduce {
    #[cfg(test)]
    pub(super) fn waiting(awaited: impl Iterator<Item = (TopicPartition, i64)>) -> Self {
        let wait = |(tp, required_offset)| Wait { tp, place: (0, 0), required_offset };
        Self { response: ProduceResponse::default(), waiting: awaited.map(wait).collect() }
    }

    /// The partitions that it waits for, each with the high watermark.
    pub(super) fn awaited(&self) -> impl Iterator<Item = (&TopicPartition, i64)> {
        self.waiting.iter().map(|wait| (&wait.tp, wait.required_offset))
    }
}

impl Broker {
    pub(super) fn produce(
        &mut self,
        pending: &Pending,
        client_id: &str,
        request: &ProduceRequest,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let mut first_error = ErrorCode::NONE;
        let mut responses = Vec::with_capacity(request.topic_data.len());
        let mut waiting = Vec::new();
        for (topic_at, asked) in request.topic_data.iter().enumerate() {
            let topic = self.produced_topic(pending, client_id, asked);
            let mut answers = Vec::with_capacity(asked.partition_data.len());
            for (partition_at, data) in asked.partition_data.iter().enumerate() {
                let result = match &topic {
                    Ok(topic) => self.append(topic, data, (pending.version, request.acks), serving),
                    Err(error) => Err(Refusal::from(*error)),
                };
                match (&result, &topic) {
                    (Ok((info, _)), Ok(topic)) => waiting.push(Wait {
                        tp: TopicPartition::new(topic.clone(), data.index),
                        place: (topic_at, partition_at),
                        required_offset: info.last_offset + 1,
                    }),
                    (Err(refusal), _) if first_error == ErrorCode::NONE => first_error = refusal.error,
                    _ => {}
                }
                answers.push(answer(data.index, result));
            }
            responses.push(
                TopicProduceResponse::default()
                    .with_name(asked.name.clone())
                    .with_topic_id(asked.topic_id)
                    .with_partition_responses(answers),
            );
        }
        let response = ProduceResponse::default().with_responses(responses);
        let served = match (request.acks, first_error) {
            (0, ErrorCode::NONE) => Served::Silent,
            // With acks=0 there is no response to put an error in: Kafka closes the connection, which makes the
            // producer refresh its metadata.
            (0, error) => Served::Hangup(format!("a produce with acks=0 failed with {error}")),
            (-1, _) if serving.ctx.is_mutant(Mutant::AcksAllAnsweredAtOnce) => {
                Served::Now(self.produced(pending, response))
            }
            (-1, _) => self.wait_for_followers(pending, DelayedProduce { response, waiting }, request, serving),
            _ => Served::Now(self.produced(pending, response)),
        };
        self.complete_touched(serving);
        served
    }

    /// The topic's name. To those that brokers keep for themselves only a client of that name may write.
    fn produced_topic(
        &self,
        pending: &Pending,
        client_id: &str,
        asked: &TopicProduceData,
    ) -> Result<Arc<str>, ErrorCode> {
        let topic = if pending.version >= FIRST_WITH_TOPIC_ID {
            self.metadata.topics().by_id(asked.topic_id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?
        } else {
            let TopicName(name) = &asked.name;
            self.metadata.topics().by_name(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?
        };
        match is_internal(&topic.name) && client_id != ADMIN_CLIENT {
            true => Err(ErrorCode::INVALID_TOPIC_EXCEPTION),
            false => Ok(topic.name.clone()),
        }
    }

    fn append(
        &mut self,
        topic: &Arc<str>,
        data: &PartitionProduceData,
        (version, acks): (i16, i16),
        serving: &mut Serving<'_, '_>,
    ) -> Result<(AppendInfo, i64), Refusal> {
        let tp = TopicPartition::new(topic.clone(), data.index);
        let batch = one_batch(data.records.as_ref(), version);
        let result = batch.and_then(|batch| self.try_append(&tp, batch, acks, serving));
        if let Err(refusal) = &result {
            serving.ctx.fact(Fact::Refused { partition: tp, error: refusal.error });
        }
        result
    }

    fn try_append(
        &mut self,
        tp: &TopicPartition,
        (header, batch): (BatchHeader, Bytes),
        acks: i16,
        serving: &mut Serving<'_, '_>,
    ) -> Result<(AppendInfo, i64), Refusal> {
        if !(-1..=1).contains(&acks) {
            return Err(ErrorCode::INVALID_REQUIRED_ACKS.into());
        }
        let partition = self.led_partition(tp)?;
        if acks == -1 && partition.is_under_min_isr() {
            return Err(ErrorCode::NOT_ENOUGH_REPLICAS.into());
        }
        let (leader_epoch, max_bytes) = (partition.metadata.leader_epoch, partition.config.max_message_bytes);
        let id = partition.log;
        let log = serving.disk.get(id).expect("a leader has the log");
        validate(&header, &batch, max_bytes, log.log_start_offset())?;
        if !serving.ctx.is_mutant(Mutant::LeaderIgnoresSequences)
            && let Some(known) = log.check_producer(&header, &batch, Origin::Client)?
        {
            // It was appended before, and its acknowledgement was lost: the answer is what it was then.
            return Ok((known, log.log_start_offset()));
        }
        Ok(self.append_as_leader((tp, id), &header, &batch, leader_epoch, serving))
    }

    /// Appends a batch of a coordinator of this broker to a partition that it leads, as with acks=1. Returns the offset
    /// after it.
    ///
    /// # Errors
    /// Why the log does not take it.
    pub(super) fn append_of_coordinator(
        &mut self,
        tp: &TopicPartition,
        batch: &Bytes,
        serving: &mut Serving<'_, '_>,
    ) -> Result<i64, ErrorCode> {
        let partition = self.led_partition(tp)?;
        let header = records::header(batch).expect("it was just built");
        if header.size > partition.config.max_message_bytes {
            return Err(ErrorCode::MESSAGE_TOO_LARGE);
        }
        let (leader_epoch, id) = (partition.metadata.leader_epoch, partition.log);
        let (info, _) = self.append_as_leader((tp, id), &header, batch, leader_epoch, serving);
        Ok(info.last_offset + 1)
    }

    /// Appends a batch that has passed all checks. Returns what came of it and where the log starts.
    fn append_as_leader(
        &mut self,
        (tp, id): (&TopicPartition, LogId),
        header: &BatchHeader,
        batch: &Bytes,
        leader_epoch: i32,
        serving: &mut Serving<'_, '_>,
    ) -> (AppendInfo, i64) {
        let log = serving.disk.get_mut(id).expect("a leader has the log");
        if serving.ctx.is_mutant(Mutant::AppendReusesOffset) && log.log_end_offset() % 10 == 9 {
            log.truncate_to(log.log_end_offset() - 1);
        }
        let info = log.append_as_leader(header, batch, leader_epoch);
        let log_start_offset = log.log_start_offset();
        serving.disk.did(&info.work);
        serving.ctx.fact(Fact::Appended {
            partition: tp.clone(),
            base_offset: info.base_offset,
            last_offset: info.last_offset,
            leader_epoch,
            crc: info.crc,
            size: info.size as u32,
        });
        // Followers wait for records, whatever becomes of the high watermark.
        self.touch(tp, RECORDS);
        self.advance_high_watermark(tp, serving);
        (info, log_start_offset)
    }

    /// A partition that this broker leads, or the error that a client gets.
    pub(super) fn led_partition(&self, tp: &TopicPartition) -> Result<&super::Partition, ErrorCode> {
        match self.partitions.get(tp) {
            Some(partition) if partition.leader().is_some() => Ok(partition),
            Some(_) => Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            None if self.is_known(tp) => Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        }
    }

    /// Whether the cluster has a partition.
    pub(super) fn is_known(&self, tp: &TopicPartition) -> bool {
        let topic = self.metadata.topics().by_name(&tp.topic);
        topic.is_some_and(|topic| topic.partitions.contains_key(&tp.partition))
    }

    /// Waits for the high watermark to pass what was appended, unless it has.
    fn wait_for_followers(
        &mut self,
        pending: &Pending,
        mut produce: DelayedProduce,
        request: &ProduceRequest,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        self.settle(&mut produce, serving);
        if produce.waiting.is_empty() {
            return Served::Now(self.produced(pending, produce.response));
        }
        let deadline = serving.ctx.after(SimDuration::from_millis(request.timeout_ms.max(0) as u64));
        let request = Waiting::Produce(Box::new(produce));
        self.purgatory.park(Parked { pending: pending.clone(), request, deadline });
        Served::Parked
    }

    /// Takes out the partitions whose waiting is over, and notes how it ended (`checkEnoughReplicasReachOffset`).
    pub(super) fn settle(&self, produce: &mut DelayedProduce, serving: &Serving<'_, '_>) {
        let mut ended = Vec::new();
        produce.waiting.retain(|wait| {
            let error = match self.led_partition(&wait.tp) {
                Err(error) => error,
                Ok(partition) => {
                    let log = serving.disk.get(partition.log).expect("a leader has the log");
                    if log.high_watermark() < wait.required_offset {
                        return true;
                    }
                    match partition.is_under_min_isr() {
                        true => ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                        false => ErrorCode::NONE,
                    }
                }
            };
            ended.push((wait.place, error));
            false
        });
        for (place, error) in ended.into_iter().filter(|(_, error)| *error != ErrorCode::NONE) {
            fail(&mut produce.response, place, error);
        }
    }

    /// Whether a produce that waits is done with all its partitions.
    pub(super) fn is_settled(produce: &DelayedProduce) -> bool {
        produce.waiting.is_empty()
    }

    /// The answer of a produce whose time is up: what still waits has failed.
    pub(super) fn give_up(&self, pending: &Pending, mut produce: DelayedProduce) -> ResponseKind {
        for wait in &produce.waiting {
            fail(&mut produce.response, wait.place, ErrorCode::REQUEST_TIMED_OUT);
        }
        self.produced(pending, produce.response)
    }

    /// Adds who leads now to the answers that say that this broker does not (KIP-951).
    fn produced(&self, pending: &Pending, mut response: ProduceResponse) -> ResponseKind {
        if pending.version >= FIRST_WITH_CURRENT_LEADER {
            let mut leaders = Vec::new();
            for topic in &mut response.responses {
                let known = match pending.version >= FIRST_WITH_TOPIC_ID {
                    true => self.metadata.topics().by_id(topic.topic_id),
                    false => self.metadata.topics().by_name(&topic.name),
                };
                let Some(known) = known else { continue };
                for answer in topic.partition_responses.iter_mut().filter(|answer| is_wrong_leader(answer.error_code)) {
                    let Some(partition) = known.partitions.get(&answer.index) else { continue };
                    answer.current_leader = LeaderIdAndEpoch::default()
                        .with_leader_id(BrokerId(partition.leader))
                        .with_leader_epoch(partition.leader_epoch);
                    leaders.push(partition.leader);
                }
            }
            response.node_endpoints = self.node_endpoints(leaders, |id, host, port, rack| {
                NodeEndpoint::default().with_node_id(id).with_host(host).with_port(port).with_rack(rack)
            });
        }
        ResponseKind::Produce(response)
    }

    /// Where the leaders listen that answers name, each once.
    pub(super) fn node_endpoints<T>(
        &self,
        mut leaders: Vec<i32>,
        entry: impl Fn(BrokerId, crate::wire::StrBytes, i32, Option<crate::wire::StrBytes>) -> T,
    ) -> Vec<T> {
        leaders.order();
        leaders.dedup();
        let brokers = self.metadata.brokers();
        let endpoint = |leader: i32| {
            let broker = brokers.registration(leader).filter(|broker| !broker.fenced)?;
            let listener = broker.endpoints.first()?;
            let rack = broker.rack.as_deref().map(str_bytes);
            Some(entry(BrokerId(leader), listener.host.clone(), i32::from(listener.port), rack))
        };
        leaders.into_iter().filter_map(endpoint).collect()
    }
}

/// Whether an error means that the client should go to another broker.
pub(super) fn is_wrong_leader(error: i16) -> bool {
    [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::FENCED_LEADER_EPOCH].contains(&ErrorCode(error))
}

/// Makes an answer an error after all.
fn fail(response: &mut ProduceResponse, (topic, partition): (usize, usize), error: ErrorCode) {
    let answer = &mut response.responses[topic].partition_responses[partition];
    answer.error_code = error.0;
    if error != ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND {
        answer.base_offset = -1;
    }
}

/// Takes the one batch that a partition's part of a request must hold (`ProduceRequest.validateRecords`).
fn one_batch(records: Option<&Bytes>, version: i16) -> Result<(BatchHeader, Bytes), Refusal> {
    let records = records.filter(|bytes| !bytes.is_empty()).ok_or(ErrorCode::INVALID_RECORD)?;
    match records::header(records) {
        Ok(header) if version < FIRST_WITH_ZSTD && header.compression() == Ok(Compression::Zstd) => {
            Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE.into())
        }
        Ok(header) if header.size == records.len() => Ok((header, records.clone())),
        // A second batch, a format before v2, or a batch that ends too early, which Kafka does not see at all.
        Ok(_) | Err(BatchError::Truncated | BatchError::Magic(0 | 1)) => Err(ErrorCode::INVALID_RECORD.into()),
        Err(error) => Err(Refusal { message: Some(error.to_string()), ..ErrorCode::CORRUPT_MESSAGE.into() }),
    }
}

/// Checks a batch as a log does before it appends it (`UnifiedLog`, `LogValidator`).
fn validate(header: &BatchHeader, batch: &Bytes, max_bytes: usize, log_start_offset: i64) -> Result<(), Refusal> {
    if header.size > max_bytes {
        return Err(ErrorCode::MESSAGE_TOO_LARGE.into());
    }
    records::check_crc(batch).map_err(|_| ErrorCode::CORRUPT_MESSAGE)?;
    let invalid = || Refusal { log_start_offset, ..ErrorCode::INVALID_RECORD.into() };
    if header.record_count < 1 || header.last_offset_delta != header.record_count - 1 {
        return Err(invalid());
    }
    match records::check_records(batch) {
        Ok(()) => Ok(()),
        // What does not decompress is no fault that Kafka has a code for.
        Err(BatchError::Decompress(..) | BatchError::Codec(_)) => {
            Err(Refusal { log_start_offset, ..ErrorCode::UNKNOWN_SERVER_ERROR.into() })
        }
        Err(_) => Err(invalid()),
    }
}

fn answer(index: i32, result: Result<(AppendInfo, i64), Refusal>) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default().with_index(index).with_log_append_time_ms(-1);
    match result {
        Ok((info, log_start_offset)) => {
            answer.with_base_offset(info.base_offset).with_log_start_offset(log_start_offset)
        }
        Err(refusal) => answer
            .with_error_code(refusal.error.0)
            .with_error_message(refusal.message.as_deref().map(str_bytes))
            .with_base_offset(-1)
            .with_log_start_offset(refusal.log_start_offset),
    }
}
