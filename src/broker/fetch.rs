//! Fetch: read batches below the high watermark, waiting for them if need be.

use super::fetch_session::SessionUse;
use super::purgatory::ParkedFetch;
use super::{Broker, Pending, Served, Serving};
use crate::base::{SimDuration, SimTime, TopicPartition};
use crate::cluster::Partition;
use crate::machine::Fact;
use crate::storage::{Disk, Log, ReadLimit};
use crate::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use crate::wire::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use crate::wire::messages::{FetchRequest, FetchResponse};
use crate::wire::{ErrorCode, ResponseKind, TopicName};
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// The first version that names topics by id.
const FIRST_WITH_TOPIC_ID: i16 = 13;

/// A partition that a fetch asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// The partition; its topic's name is empty when the request's topic id is not known.
    pub(super) tp: TopicPartition,
    topic_id: Uuid,
    fetch_offset: i64,
    current_leader_epoch: i32,
    max_bytes: i32,
}

/// A fetch with all partitions that it asks for, by name or by its session.
#[derive(Clone, Debug)]
pub(super) struct Fetch {
    pub(super) session: SessionUse,
    pub(super) wanted: Vec<Wanted>,
    min_bytes: usize,
    max_bytes: usize,
}

impl Wanted {
    /// The partition as a session names it.
    pub(super) fn key(&self) -> (Arc<str>, Uuid, i32) {
        // An id says all; a name may become known later.
        let name = if self.topic_id.is_nil() { self.tp.topic.clone() } else { "".into() };
        (name, self.topic_id, self.tp.partition)
    }
}

impl Broker {
    pub(super) fn fetch(&mut self, pending: &Pending, request: &FetchRequest, serving: &mut Serving<'_, '_>) -> Served {
        let named = request.topics.iter().flat_map(|topic| self.wanted(pending.version, topic)).collect();
        let forgotten: Vec<_> = request
            .forgotten_topics_data
            .iter()
            .flat_map(|topic| {
                topic.partitions.iter().map(|p| (name_unless_id(&topic.topic, topic.topic_id), topic.topic_id, *p))
            })
            .collect();
        let begun = self.sessions.begin(pending.version, request, named, &forgotten, serving.ctx.rng());
        let (session, wanted) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                let refused = FetchResponse::default().with_error_code(error.0);
                return Served::Now(ResponseKind::Fetch(refused));
            }
        };
        let fetch = Fetch {
            session,
            wanted,
            min_bytes: request.min_bytes.max(0) as usize,
            max_bytes: request.max_bytes.max(0) as usize,
        };
        if request.max_wait_ms <= 0 || fetch.wanted.is_empty() || self.is_satisfied(&fetch, serving.disk) {
            return Served::Now(self.read(&fetch, serving));
        }
        let deadline = serving.ctx.after(SimDuration::from_millis(request.max_wait_ms as u64));
        self.purgatory.park(ParkedFetch { pending: pending.clone(), fetch: Arc::new(fetch), deadline });
        Served::Parked
    }

    /// Answers the parked fetches whose partitions have enough by now.
    pub(super) fn complete_fetches(&mut self, serving: &mut Serving<'_, '_>) {
        for id in self.purgatory.take_touched() {
            let Some(parked) = self.purgatory.get(id) else { continue };
            if self.is_satisfied(&parked.fetch, serving.disk) {
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
        let body = self.read(&parked.fetch, serving);
        self.complete(&parked.pending, body, serving);
    }

    fn wanted(&self, version: i16, topic: &FetchTopic) -> Vec<Wanted> {
        let (name, topic_id): (Arc<str>, Uuid) = if version >= FIRST_WITH_TOPIC_ID {
            let known = self.topics.by_id(topic.topic_id);
            (known.map_or_else(|| "".into(), |known| known.name.clone()), topic.topic_id)
        } else {
            let known = self.topics.by_name(&topic.topic);
            (known.map_or_else(|| (**topic.topic).into(), |known| known.name.clone()), Uuid::nil())
        };
        let wanted = |asked: &FetchPartition| Wanted {
            tp: TopicPartition::new(name.clone(), asked.partition),
            topic_id,
            fetch_offset: asked.fetch_offset,
            current_leader_epoch: asked.current_leader_epoch,
            max_bytes: asked.partition_max_bytes,
        };
        topic.partitions.iter().map(wanted).collect()
    }

    /// The log to read for a partition that is asked for, or the error that it gets.
    fn readable<'d>(&self, wanted: &Wanted, disk: &'d Disk) -> Result<&'d Log, ErrorCode> {
        if wanted.tp.topic.is_empty() && !wanted.topic_id.is_nil() {
            return Err(ErrorCode::UNKNOWN_TOPIC_ID);
        }
        let partition = self.partition(&wanted.tp).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        match self.check_leader(partition, wanted.current_leader_epoch) {
            ErrorCode::NONE => {}
            error => return Err(error),
        }
        let log = disk.log(&wanted.tp).expect("a leader has the log");
        if !(log.log_start_offset()..=log.log_end_offset()).contains(&wanted.fetch_offset) {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        Ok(log)
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
    fn is_satisfied(&self, fetch: &Fetch, disk: &Disk) -> bool {
        let mut missing = fetch.min_bytes;
        for wanted in &fetch.wanted {
            if missing == 0 {
                break;
            }
            let Ok(log) = self.readable(wanted, disk) else { return true };
            missing = missing.saturating_sub(log.bytes_between(wanted.fetch_offset, log.high_watermark(), missing));
        }
        missing == 0
    }

    fn read(&mut self, fetch: &Fetch, serving: &mut Serving<'_, '_>) -> ResponseKind {
        let mut room = fetch.max_bytes;
        let mut anything = false;
        let mut topics: Vec<FetchableTopicResponse> = Vec::new();
        for wanted in &fetch.wanted {
            let answer = match self.readable(wanted, serving.disk) {
                Err(error) => {
                    serving.ctx.fact(Fact::Refused { partition: wanted.tp.clone(), error });
                    refused(wanted.tp.partition, error)
                }
                Ok(log) => {
                    let limit = ReadLimit {
                        upto_offset: log.high_watermark(),
                        max_bytes: room.min(wanted.max_bytes.max(0) as usize),
                        at_least_one: !anything,
                    };
                    read_partition(wanted, log, limit)
                }
            };
            let read = answer.records.as_ref().map_or(0, Bytes::len);
            anything |= read > 0;
            room = room.saturating_sub(read);
            if self.sessions.answer(fetch.session, wanted, &answer) {
                push(&mut topics, wanted, answer);
            }
        }
        let response = FetchResponse::default().with_session_id(fetch.session.id()).with_responses(topics);
        ResponseKind::Fetch(response)
    }
}

/// A topic's name where it is what tells the topic.
fn name_unless_id(name: &TopicName, id: Uuid) -> Arc<str> {
    if id.is_nil() { (***name).into() } else { "".into() }
}

/// Adds an answer under its topic, which stands last or not at all.
fn push(topics: &mut Vec<FetchableTopicResponse>, wanted: &Wanted, answer: PartitionData) {
    let same = |topic: &FetchableTopicResponse| match wanted.topic_id.is_nil() {
        true => **topic.topic == *wanted.tp.topic,
        false => topic.topic_id == wanted.topic_id,
    };
    match topics.last_mut().filter(|topic| same(topic)) {
        Some(topic) => topic.partitions.push(answer),
        None => {
            let topic = FetchableTopicResponse::default().with_partitions(vec![answer]);
            topics.push(match wanted.topic_id.is_nil() {
                true => topic.with_topic(TopicName(super::str_bytes(&wanted.tp.topic))),
                false => topic.with_topic_id(wanted.topic_id),
            });
        }
    }
}

fn read_partition(wanted: &Wanted, log: &Log, limit: ReadLimit) -> PartitionData {
    let records = log.read(wanted.fetch_offset, limit).expect("the offset was checked");
    PartitionData::default()
        .with_partition_index(wanted.tp.partition)
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
