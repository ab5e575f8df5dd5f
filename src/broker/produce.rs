//! Produce: append a producer's batches and say when they are as safe as it asked.

use super::config::topic_int;
use super::{Broker, Pending, Served, Serving, str_bytes};
use crate::base::TopicPartition;
use crate::cluster::Topic;
use crate::machine::Fact;
use crate::storage::{AppendInfo, Origin};
use crate::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use crate::wire::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use crate::wire::messages::{ProduceRequest, ProduceResponse};
use crate::wire::records::{self, BatchError, BatchHeader};
use crate::wire::{Compression, ErrorCode, ResponseKind, TopicName};
use bytes::Bytes;

/// The first version that names topics by id.
const FIRST_WITH_TOPIC_ID: i16 = 13;
/// The first version that may carry batches compressed with zstd (KIP-110).
const FIRST_WITH_ZSTD: i16 = 7;

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

impl Broker {
    pub(super) fn produce(
        &mut self,
        pending: &Pending,
        request: &ProduceRequest,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let mut first_error = ErrorCode::NONE;
        let mut responses = Vec::with_capacity(request.topic_data.len());
        for asked in &request.topic_data {
            let topic = self.produced_topic(pending, asked);
            let mut answers = Vec::with_capacity(asked.partition_data.len());
            for data in &asked.partition_data {
                let result = match &topic {
                    Ok(topic) => self.append(topic, data, (pending.version, request.acks), serving),
                    Err(error) => Err(Refusal::from(*error)),
                };
                if let (Err(refusal), ErrorCode::NONE) = (&result, first_error) {
                    first_error = refusal.error;
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
        self.complete_fetches(serving);
        match (request.acks, first_error) {
            (0, ErrorCode::NONE) => Served::Silent,
            // With acks=0 there is no response to put an error in: Kafka closes the connection, which makes the
            // producer refresh its metadata.
            (0, error) => Served::Hangup(format!("a produce with acks=0 failed with {error}")),
            _ => Served::Now(ResponseKind::Produce(ProduceResponse::default().with_responses(responses))),
        }
    }

    fn produced_topic(&self, pending: &Pending, asked: &TopicProduceData) -> Result<Topic, ErrorCode> {
        if pending.version >= FIRST_WITH_TOPIC_ID {
            self.topics.by_id(asked.topic_id).cloned().ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
        } else {
            let TopicName(name) = &asked.name;
            self.topics.by_name(name).cloned().ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        }
    }

    fn append(
        &mut self,
        topic: &Topic,
        data: &PartitionProduceData,
        (version, acks): (i16, i16),
        serving: &mut Serving<'_, '_>,
    ) -> Result<(AppendInfo, i64), Refusal> {
        let tp = TopicPartition::new(topic.name.clone(), data.index);
        let batch = one_batch(data.records.as_ref(), version);
        let result = batch.and_then(|batch| self.try_append(topic, &tp, batch, acks, serving));
        if let Err(refusal) = &result {
            serving.ctx.fact(Fact::Refused { partition: tp, error: refusal.error });
        }
        result
    }

    fn try_append(
        &mut self,
        topic: &Topic,
        tp: &TopicPartition,
        (header, batch): (BatchHeader, Bytes),
        acks: i16,
        serving: &mut Serving<'_, '_>,
    ) -> Result<(AppendInfo, i64), Refusal> {
        if !(-1..=1).contains(&acks) {
            return Err(ErrorCode::INVALID_REQUIRED_ACKS.into());
        }
        let partition = self.partition(tp).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if partition.leader != Some(self.id) {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER.into());
        }
        let (leader_epoch, in_sync) = (partition.leader_epoch, partition.isr.len());
        let min_in_sync = topic_int(topic, "min.insync.replicas", self.config.min_insync_replicas);
        if acks == -1 && in_sync < min_in_sync {
            return Err(ErrorCode::NOT_ENOUGH_REPLICAS.into());
        }
        let max_bytes = topic_int(topic, "max.message.bytes", self.config.message_max_bytes);
        let log = serving.disk.log(tp).expect("a leader has the log");
        validate(&header, &batch, max_bytes, log.log_start_offset())?;
        if let Some(known) = log.check_producer(&header, &batch, Origin::Client)? {
            // It was appended before, and its acknowledgement was lost: the answer is what it was then.
            return Ok((known, log.log_start_offset()));
        }
        let log = serving.disk.log_mut(tp).expect("a leader has the log");
        let info = log.append_as_leader(&header, &batch, leader_epoch);
        let log_start_offset = log.log_start_offset();
        serving.ctx.fact(Fact::Appended {
            partition: tp.clone(),
            base_offset: info.base_offset,
            last_offset: info.last_offset,
            leader_epoch,
            crc: info.crc,
            size: info.size as u32,
        });
        // KIP-966: below min.insync.replicas the high watermark stands still, whatever the acks.
        if in_sync >= min_in_sync {
            self.advance_high_watermark(tp, serving);
        }
        Ok((info, log_start_offset))
    }

    /// Moves the high watermark to the smallest log end offset in the ISR, which here is the leader's own.
    fn advance_high_watermark(&mut self, tp: &TopicPartition, serving: &mut Serving<'_, '_>) {
        let log = serving.disk.log_mut(tp).expect("a leader has the log");
        let (from, to) = (log.high_watermark(), log.log_end_offset());
        if to > from {
            log.set_high_watermark(to);
            serving.ctx.fact(Fact::HighWatermark { partition: tp.clone(), from, to });
            self.purgatory.touch(tp);
        }
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
    match records::decode(batch) {
        Ok(_) => Ok(()),
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
