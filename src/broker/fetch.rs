//! Fetch: read batches below the high watermark, waiting for them if need be.
//!
//! Every answer has session id 0, so that clients send full fetches: incremental sessions (KIP-227) are not built yet.

use super::purgatory::ParkedFetch;
use super::{Broker, Pending, Served, Serving};
use crate::base::{SimDuration, SimTime, TopicPartition};
use crate::cluster::Partition;
use crate::machine::Fact;
use crate::storage::{Disk, Log, ReadLimit};
use crate::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use crate::wire::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use crate::wire::messages::{FetchRequest, FetchResponse};
use crate::wire::{ErrorCode, ResponseKind};
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// The first version that names topics by id.
const FIRST_WITH_TOPIC_ID: i16 = 13;

impl Broker {
    pub(super) fn fetch(&mut self, pending: &Pending, request: &FetchRequest, serving: &mut Serving<'_, '_>) -> Served {
        if request.session_id != 0 {
            let refused = FetchResponse::default().with_error_code(ErrorCode::FETCH_SESSION_ID_NOT_FOUND.0);
            return Served::Now(ResponseKind::Fetch(refused));
        }
        self.report_refused(pending.version, request, serving);
        if request.max_wait_ms <= 0 || self.is_satisfied(pending.version, request, serving.disk) {
            return Served::Now(self.read(pending.version, request, serving.disk));
        }
        let wait = SimDuration::from_millis(request.max_wait_ms as u64);
        let watched = self.fetched(pending.version, request).flatten().map(|(tp, _, _)| tp).collect();
        self.purgatory.park(ParkedFetch {
            pending: pending.clone(),
            request: Arc::new(request.clone()),
            deadline: serving.ctx.after(wait),
            watched,
        });
        Served::Parked
    }

    /// Answers the parked fetches whose partitions have enough by now.
    pub(super) fn complete_fetches(&mut self, serving: &mut Serving<'_, '_>) {
        for id in self.purgatory.take_touched() {
            let Some(parked) = self.purgatory.get(id) else { continue };
            if self.is_satisfied(parked.pending.version, &parked.request, serving.disk) {
                self.complete_fetch(id, serving);
            }
        }
    }

    /// Answers the parked fetches whose time is up, with what there is.
    pub(super) fn expire(&mut self, serving: &mut Serving<'_, '_>) {
        let now: SimTime = serving.ctx.now();
        while let Some(id) = self.purgatory.expired(now) {
            self.complete_fetch(id, serving);
        }
    }

    fn complete_fetch(&mut self, id: u64, serving: &mut Serving<'_, '_>) {
        let parked = self.purgatory.remove(id).expect("it is parked");
        let body = self.read(parked.pending.version, &parked.request, serving.disk);
        self.complete(&parked.pending, body, serving);
    }

    /// Each partition of the request with its state, or the error that it gets.
    fn fetched<'a>(
        &'a self,
        version: i16,
        request: &'a FetchRequest,
    ) -> impl Iterator<Item = Result<(TopicPartition, &'a Partition, &'a FetchPartition), (TopicPartition, ErrorCode)>>
    {
        request.topics.iter().flat_map(move |topic| {
            let name = self.fetched_topic(version, topic);
            topic.partitions.iter().map(move |asked| match &name {
                Err(error) => Err((TopicPartition::new(&**topic.topic, asked.partition), *error)),
                Ok(name) => self.check_fetch(TopicPartition::new(name.clone(), asked.partition), asked),
            })
        })
    }

    fn fetched_topic(&self, version: i16, topic: &FetchTopic) -> Result<Arc<str>, ErrorCode> {
        if version >= FIRST_WITH_TOPIC_ID {
            self.topics.by_id(topic.topic_id).map(|t| t.name.clone()).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
        } else {
            Ok(self.topics.by_name(&topic.topic).map_or_else(|| (**topic.topic).into(), |t| t.name.clone()))
        }
    }

    fn check_fetch<'a>(
        &'a self,
        tp: TopicPartition,
        asked: &'a FetchPartition,
    ) -> Result<(TopicPartition, &'a Partition, &'a FetchPartition), (TopicPartition, ErrorCode)> {
        match self.partition(&tp) {
            None => Err((tp, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)),
            Some(partition) => match self.check_leader(partition, asked.current_leader_epoch) {
                ErrorCode::NONE => Ok((tp, partition, asked)),
                error => Err((tp, error)),
            },
        }
    }

    /// KIP-320: a client that names a leader epoch must name the current one; -1 does not.
    pub(super) fn check_leader(&self, partition: &Partition, epoch: i32) -> ErrorCode {
        match epoch.cmp(&partition.leader_epoch) {
            std::cmp::Ordering::Less if epoch != -1 => ErrorCode::FENCED_LEADER_EPOCH,
            std::cmp::Ordering::Greater => ErrorCode::UNKNOWN_LEADER_EPOCH,
            _ if partition.leader != Some(self.id) => ErrorCode::NOT_LEADER_OR_FOLLOWER,
            _ => ErrorCode::NONE,
        }
    }

    /// Whether a fetch can be answered at once: an error to report, or `fetch.min.bytes` to return.
    fn is_satisfied(&self, version: i16, request: &FetchRequest, disk: &Disk) -> bool {
        let mut missing = request.min_bytes.max(0) as usize;
        for partition in self.fetched(version, request) {
            let Ok((tp, _, asked)) = partition else { return true };
            let log = disk.log(&tp).expect("a leader has the log");
            if !in_range(log, asked.fetch_offset) {
                return true;
            }
            let ready = log.bytes_between(asked.fetch_offset, log.high_watermark(), missing.max(1));
            missing = missing.saturating_sub(ready);
        }
        missing == 0
    }

    fn report_refused(&self, version: i16, request: &FetchRequest, serving: &mut Serving<'_, '_>) {
        for partition in self.fetched(version, request) {
            let refused = match partition {
                Err(refused) => refused,
                Ok((tp, _, asked)) => {
                    let log = serving.disk.log(&tp).expect("a leader has the log");
                    if in_range(log, asked.fetch_offset) {
                        continue;
                    }
                    (tp, ErrorCode::OFFSET_OUT_OF_RANGE)
                }
            };
            serving.ctx.fact(Fact::Refused { partition: refused.0, error: refused.1 });
        }
    }

    fn read(&self, version: i16, request: &FetchRequest, disk: &Disk) -> ResponseKind {
        let mut room = request.max_bytes.max(0) as usize;
        let mut anything = false;
        let mut partitions = self.fetched(version, request);
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let mut answers = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                let checked = partitions.next().expect("one for each partition asked");
                let answer = match checked {
                    Err((_, error)) => refused(asked.partition, error),
                    Ok((tp, _, _)) => {
                        let log = disk.log(&tp).expect("a leader has the log");
                        let limit = ReadLimit {
                            upto_offset: log.high_watermark(),
                            max_bytes: room.min(asked.partition_max_bytes.max(0) as usize),
                            at_least_one: !anything,
                        };
                        read_partition(asked, log, limit)
                    }
                };
                let read = answer.records.as_ref().map_or(0, Bytes::len);
                anything |= read > 0;
                room = room.saturating_sub(read);
                answers.push(answer);
            }
            let id = if version >= FIRST_WITH_TOPIC_ID { topic.topic_id } else { Uuid::nil() };
            topics.push(
                FetchableTopicResponse::default()
                    .with_topic(topic.topic.clone())
                    .with_topic_id(id)
                    .with_partitions(answers),
            );
        }
        ResponseKind::Fetch(FetchResponse::default().with_responses(topics))
    }
}

fn in_range(log: &Log, offset: i64) -> bool {
    (log.log_start_offset()..=log.log_end_offset()).contains(&offset)
}

fn read_partition(asked: &FetchPartition, log: &Log, limit: ReadLimit) -> PartitionData {
    let Some(records) = log.read(asked.fetch_offset, limit) else {
        return refused(asked.partition, ErrorCode::OFFSET_OUT_OF_RANGE);
    };
    PartitionData::default()
        .with_partition_index(asked.partition)
        .with_high_watermark(log.high_watermark())
        .with_last_stable_offset(log.high_watermark())
        .with_log_start_offset(log.log_start_offset())
        .with_aborted_transactions(None)
        .with_records(Some(records))
}

fn refused(index: i32, error: ErrorCode) -> PartitionData {
    PartitionData::default()
        .with_partition_index(index)
        .with_error_code(error.0)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_aborted_transactions(None)
        .with_records(Some(Bytes::new()))
}
