//! Offsets of partitions: listOffsets, asked of their leaders.

use super::driver::{Answered, Handler, LookedUp, Results, named};
use super::{Admin, Call, Route, Step, Throwable, body, topic_name};
use crate::base::{SimDuration, SortedMap, SortedSet, TopicPartition};
use crate::network::NodeId;
use crate::wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use crate::wire::messages::metadata_request::MetadataRequestTopic;
use crate::wire::messages::{ListOffsetsRequest, MetadataRequest};
use crate::wire::{BrokerId, ErrorCode, ResponseKind, Treatment};

/// An offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; -1 when there is none for what was asked.
    pub offset: i64,
    /// The record's timestamp, when it was asked for by time; else -1.
    pub timestamp: i64,
    /// The epoch of the leader that wrote the record; none when not known.
    pub leader_epoch: Option<i32>,
}

/// Special timestamps of ListOffsets (`ListOffsetsRequest`).
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL_TIMESTAMP: i64 = -4;
const LATEST_TIERED_TIMESTAMP: i64 = -5;

impl Admin<'_, '_> {
    /// For each partition the offset at a timestamp: -1 the latest, -2 the earliest, -3 that of the largest timestamp,
    /// -4 the earliest that is local, -5 the latest that is in tiered storage, else the first at or after that many
    /// milliseconds since the Unix epoch (`listOffsets`).
    ///
    /// # Errors
    /// Only [`super::Stop::Pending`].
    pub fn list_offsets(
        &mut self,
        partitions: &SortedMap<TopicPartition, i64>,
        timeout: Option<SimDuration>,
    ) -> Step<SortedMap<TopicPartition, Result<ListedOffset, Throwable>>> {
        let timeout_ms = timeout.unwrap_or(self.client.config.default_api_timeout()).as_millis() as i32;
        let mut handler = ListOffsets { timestamps: partitions, timeout_ms, leaders: self.leaders.clone() };
        let known = self.leaders.clone();
        let results = self.drive(&mut handler, partitions.keys().cloned().collect(), &known, timeout)?;
        // Later operations of the same client begin with the leaders that are known by now.
        self.leaders = handler.leaders;
        for (tp, result) in &results {
            if result.is_err() {
                self.leaders.remove(tp);
            }
        }
        Ok(results)
    }
}

struct ListOffsets<'a> {
    timestamps: &'a SortedMap<TopicPartition, i64>,
    timeout_ms: i32,
    leaders: SortedMap<TopicPartition, NodeId>,
}

impl Handler for ListOffsets<'_> {
    type Key = TopicPartition;
    type Value = ListedOffset;

    const NAME: &'static str = "listOffsets";

    fn lookup(&self, keys: &SortedSet<TopicPartition>) -> Call {
        leader_lookup(Self::NAME, keys)
    }

    fn looked_up(&mut self, keys: &SortedSet<TopicPartition>, response: &ResponseKind) -> LookedUp<TopicPartition> {
        let found = leaders(keys, response);
        self.leaders.extend(found.brokers.iter().map(|(tp, leader)| (tp.clone(), *leader)));
        found
    }

    fn request(&self, broker: NodeId, keys: &SortedSet<TopicPartition>) -> (Call, SortedSet<TopicPartition>) {
        let mut topics: Vec<ListOffsetsTopic> = Vec::new();
        for tp in keys {
            let partition = ListOffsetsPartition::default()
                .with_partition_index(tp.partition)
                .with_current_leader_epoch(-1)
                .with_timestamp(self.timestamps[tp]);
            match topics.last_mut().filter(|topic| **topic.name == *tp.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(
                    ListOffsetsTopic::default().with_name(topic_name(&tp.topic)).with_partitions(vec![partition]),
                ),
            }
        }
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(topics)
            .with_timeout_ms(self.timeout_ms);
        // What a timestamp means decides which version is needed (`ListOffsetsRequest.Builder.forConsumer`).
        let since = |timestamp: i64| match timestamp {
            LATEST_TIERED_TIMESTAMP => 9,
            EARLIEST_LOCAL_TIMESTAMP => 8,
            MAX_TIMESTAMP => 7,
            _ => 1,
        };
        let since = keys.iter().map(|tp| since(self.timestamps[tp])).max().unwrap_or(1);
        (named(Self::NAME, Route::Broker(broker), request).since(since), keys.clone())
    }

    fn answered(
        &mut self,
        broker: NodeId,
        keys: &SortedSet<TopicPartition>,
        response: &ResponseKind,
    ) -> Answered<Self> {
        let mut done: Results<Self> = SortedMap::new();
        let (mut unmapped, mut again) = (SortedSet::new(), SortedSet::new());
        for topic in &body!(ListOffsets, response).topics {
            for p in &topic.partitions {
                let tp = TopicPartition::new(&**topic.name, p.partition_index);
                match ErrorCode(p.error_code) {
                    ErrorCode::NONE => {
                        let leader_epoch = Some(p.leader_epoch).filter(|epoch| *epoch >= 0);
                        done.insert(tp, Ok(ListedOffset { offset: p.offset, timestamp: p.timestamp, leader_epoch }));
                    }
                    ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::LEADER_NOT_AVAILABLE => {
                        unmapped.insert(tp);
                    }
                    error if error.treatment() != Treatment::Fatal => {
                        again.insert(tp);
                    }
                    error => {
                        done.insert(tp, Err(Throwable::of(error, None)));
                    }
                }
            }
        }
        for tp in keys {
            if unmapped.is_empty() && !done.contains_key(tp) && !again.contains(tp) {
                let what =
                    format!("The response from broker {broker} did not contain a result for topic partition {tp}");
                done.insert(tp.clone(), Err(Throwable::new("org.apache.kafka.common.errors.ApiException", what)));
            }
        }
        Answered { done, unmapped }
    }

    fn unsupported(&mut self, keys: &SortedSet<TopicPartition>) -> SortedSet<TopicPartition> {
        // Only those that ask for the largest timestamp may be the reason; the others are asked for without them.
        let newer = |tp: &&TopicPartition| self.timestamps[*tp] == MAX_TIMESTAMP;
        let max: SortedSet<TopicPartition> = keys.iter().filter(newer).cloned().collect();
        if max.is_empty() { keys.clone() } else { max }
    }
}

/// The request that finds partitions' leaders (`PartitionLeaderStrategy`).
fn leader_lookup(operation: &str, keys: &SortedSet<TopicPartition>) -> Call {
    let topics: SortedSet<&str> = keys.iter().map(|tp| &*tp.topic).collect();
    let topic = |name: &str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    let request = MetadataRequest::default()
        .with_topics(Some(topics.into_iter().map(topic).collect()))
        .with_allow_auto_topic_creation(false);
    named(operation, Route::LeastLoaded, request)
}

fn leaders(keys: &SortedSet<TopicPartition>, response: &ResponseKind) -> LookedUp<TopicPartition> {
    let mut found = LookedUp { brokers: SortedMap::new(), failed: SortedMap::new() };
    for topic in &body!(Metadata, response).topics {
        let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
        let theirs = keys.iter().filter(|tp| *tp.topic == *name);
        let error = ErrorCode(topic.error_code);
        if !error.is_ok() {
            let failed = theirs.filter_map(|tp| Some((tp.clone(), topic_failure(error, tp)?)));
            found.failed.extend(failed);
            continue;
        }
        for tp in theirs {
            let Some(p) = topic.partitions.iter().find(|p| p.partition_index == tp.partition) else { continue };
            match (ErrorCode(p.error_code), p.leader_id.0) {
                (ErrorCode::NONE, leader @ 0..) => {
                    found.brokers.insert(tp.clone(), leader);
                }
                (error, _) if is_passing(error) => {}
                (error, _) => {
                    let message = format!("Unexpected error during metadata lookup for {tp}");
                    found.failed.insert(tp.clone(), Throwable::of(error, Some(&message)));
                }
            }
        }
    }
    found
}

/// Whether a partition's error passes by itself: it is looked up again.
fn is_passing(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::NONE
            | ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::REPLICA_NOT_AVAILABLE
            | ErrorCode::LEADER_NOT_AVAILABLE
            | ErrorCode::BROKER_NOT_AVAILABLE
            | ErrorCode::KAFKA_STORAGE_ERROR
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    )
}

/// What a topic's error means for one of its partitions; none when it passes by itself.
fn topic_failure(error: ErrorCode, tp: &TopicPartition) -> Option<Throwable> {
    let (what, topic) = (format!("Failed to fetch metadata for partition {tp}"), &tp.topic);
    let message = match error {
        ErrorCode::LEADER_NOT_AVAILABLE | ErrorCode::BROKER_NOT_AVAILABLE => return None,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
            format!("{what} because metadata for topic `{topic}` could not be found")
        }
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => format!("{what} due to topic authorization failure"),
        ErrorCode::INVALID_TOPIC_EXCEPTION => format!("{what} due to invalid topic `{topic}`"),
        _ => format!("{what} due to unexpected error for topic `{topic}`"),
    };
    Some(Throwable::of(error, Some(&message)))
}
