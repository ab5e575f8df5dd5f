//! Fetching (`Fetcher`, `FetchCollector`): one fetch a broker is on its way at a time, in an incremental session. What it
//! brings is buffered; each poll takes up to `max.poll.records` from the buffer and sends the next fetches to the brokers
//! of which nothing is buffered any more (KAFKA-17182).

use super::application::InHand;
use super::subscription::{Buffered, FetchState};
use super::{Asked, Consumer, FetchFrom, OffsetReset, Position, topic_name};
use crate::base::{Endpoint, OrdMap, SimTime, SortedMap, SortedSet, TopicPartition, earlier, exponential_backoff};
use crate::client::metadata::Metadata;
use crate::machine::{Ctx, Fact};
use crate::wire::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use crate::wire::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use crate::wire::messages::{FetchRequest, FetchResponse};
use crate::wire::records::BatchHeader;
use crate::wire::{ApiKey, ErrorCode, RequestKind, StrBytes, Treatment, records};
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// What the next fetches ask for.
#[derive(Default)]
struct FetchPlan {
    /// By the broker to ask; those that are being fetched from are left out.
    due: SortedMap<i32, Vec<(TopicPartition, FetchFrom)>>,
    /// Brokers of which something is buffered.
    buffered: SortedSet<i32>,
    /// When the first backoff is over.
    retry_at: Option<SimTime>,
    /// A partition has no leader: a reason to ask for metadata again, as often as the backoff allows.
    misses_leader: bool,
}

impl Consumer {
    /// Takes buffered records out for the application, as many as a poll may return.
    pub(super) fn collect(&mut self, ctx: &mut Ctx<'_>) -> Vec<InHand> {
        let mut room = self.config.max_poll_records;
        let mut records = Vec::new();
        for (tp, position) in self.subscription.iter_mut().filter(|(_, position)| position.is_fetchable()) {
            let count = room.min(position.buffered.len());
            if count == 0 {
                continue;
            }
            let taken: Vec<Buffered> = position.buffered.drain(..count).collect();
            let (first, last) = (taken[0], taken[count - 1]);
            room -= count;
            position.offset = Some(position.buffered.front().map_or(position.fetched_to, |next| next.offset));
            position.offset_epoch = Some(last.epoch);
            ctx.fact(Fact::Polled {
                partition: tp.clone(),
                first_offset: first.offset,
                last_offset: last.offset,
                records: count as u32,
            });
            let in_hand =
                |Buffered { offset, epoch, poison }: Buffered| InHand { partition: tp.clone(), offset, epoch, poison };
            records.extend(taken.into_iter().map(in_hand));
        }
        self.delivered += records.len() as u64;
        records
    }

    /// The partitions that `is_due`, by the node to ask, each with the leader's epoch.
    pub(super) fn by_node(
        &self,
        is_due: impl Fn(&Position) -> bool,
        node_of: impl Fn(&TopicPartition, &Position) -> Option<(i32, i32)>,
    ) -> SortedMap<i32, Vec<(TopicPartition, i32)>> {
        let mut by_node: SortedMap<i32, Vec<(TopicPartition, i32)>> = SortedMap::new();
        for (tp, position) in self.subscription.iter().filter(|(_, position)| is_due(position)) {
            if let Some((node, epoch)) = node_of(tp, position) {
                by_node.entry(node).or_default().push((tp.clone(), epoch));
            }
        }
        by_node
    }

    /// Where a partition is fetched from: from its leader, or from the replica that it named, while that advice is fresh
    /// at `now` and the replica's address is known.
    fn node_for(&self, leader: i32, position: &Position, now: SimTime) -> i32 {
        let is_fresh =
            |(replica, until): &(i32, SimTime)| now < *until && self.net.metadata().brokers().contains_key(replica);
        position.read_replica.filter(is_fresh).map_or(leader, |(replica, _)| replica)
    }

    /// Partitions that may be asked about now; those whose backoff is not over wake it later.
    pub(super) fn wake_for_backoffs(&mut self, waits: impl Fn(&Position) -> bool, now: SimTime) {
        let later = self.subscription.iter().filter(|(_, p)| waits(p) && p.not_before > now).map(|(_, p)| p.not_before);
        if let Some(at) = later.min() {
            self.wake(at);
        }
    }

    /// Fetches from each broker that is not being fetched from and of which nothing is buffered.
    pub(super) fn fetch(&mut self, ctx: &mut Ctx<'_>) {
        let plan = self.plan_fetches(ctx.now());
        plan.retry_at.into_iter().for_each(|at| self.wake(at));
        for (node, wanted) in plan.due {
            if !plan.buffered.contains(&node) && self.reach(node, ctx) {
                self.send_fetch(node, wanted.into_iter().collect(), ctx);
            }
        }
        if plan.misses_leader {
            self.net.metadata_mut().request_refresh();
        }
    }

    fn plan_fetches(&self, now: SimTime) -> FetchPlan {
        let (metadata, mut plan) = (self.net.metadata(), FetchPlan::default());
        let mut topics = metadata.finder();
        for (tp, position) in self.subscription.iter().filter(|(_, position)| !position.stuck) {
            let topic = topics.find(&tp.topic);
            let leader = topic.and_then(|topic| metadata.leader_in(topic, tp.partition));
            plan.misses_leader |= leader.is_none();
            if !position.is_fetchable() {
                continue;
            }
            let is_empty = position.buffered.is_empty();
            if is_empty && position.not_before > now {
                plan.retry_at = earlier(plan.retry_at, Some(position.not_before));
                continue;
            }
            let (Some(topic), Some((leader, epoch))) = (topic, leader) else { continue };
            let node = self.node_for(leader, position, now);
            if !is_empty {
                plan.buffered.insert(node);
            } else if !self.fetching_from.contains(&node) {
                plan.due.entry(node).or_default().push((tp.clone(), (position.fetched_to, epoch, topic.id)));
            }
        }
        plan
    }

    fn send_fetch(&mut self, leader: i32, wanted: OrdMap<TopicPartition, FetchFrom>, ctx: &mut Ctx<'_>) {
        let session = self.sessions.entry(leader).or_default();
        let before = session.named().clone();
        let next = session.next(wanted.clone());
        let max_bytes = self.config.max_partition_fetch_bytes;
        let asked = |(tp, (offset, epoch, id)): (TopicPartition, FetchFrom)| {
            let mut partition = FetchPartition::default();
            partition.partition = tp.partition;
            partition.current_leader_epoch = epoch;
            partition.fetch_offset = offset;
            partition.partition_max_bytes = max_bytes;
            ((tp.topic, id), partition)
        };
        // A topic that was made again takes the place of the one before (`FetchSessionHandler`: replaced partitions).
        let is_replaced =
            |(tp, from): &&(TopicPartition, FetchFrom)| before.get(tp).is_some_and(|known| known.2 != from.2);
        let replaced = next.named.iter().filter(|_| next.epoch != 0).filter(is_replaced).map(|(tp, _)| tp);
        let dropped = |tp: &TopicPartition| ((tp.topic.clone(), before[tp].2), tp.partition);
        let forgotten = by_topic(next.forgotten.iter().chain(replaced).map(dropped));
        let named = by_topic(next.named.into_iter().map(asked));
        let mut request = FetchRequest::default();
        request.max_wait_ms = self.config.fetch_max_wait.as_millis() as i32;
        request.min_bytes = self.config.fetch_min_bytes;
        request.max_bytes = self.config.fetch_max_bytes;
        request.isolation_level = i8::from(self.config.read_committed);
        request.session_id = next.id;
        request.session_epoch = next.epoch;
        let rack = StrBytes::from_string(self.config.client_rack.clone());
        self.net.send(leader, ApiKey::Fetch, Some(Asked::Fetch { node: leader, wanted }), ctx, |version| {
            let by_id = version >= 13;
            // It tells a broker that its consumer can read from followers (KIP-392).
            if version >= 11 {
                request.rack_id = rack;
            }
            let topic = |((name, id), partitions): ((Arc<str>, Uuid), Vec<FetchPartition>)| {
                let topic = FetchTopic::default().with_partitions(partitions);
                if by_id { topic.with_topic_id(id) } else { topic.with_topic(topic_name(&name)) }
            };
            let dropped = |((name, id), partitions): ((Arc<str>, Uuid), Vec<i32>)| {
                let topic = ForgottenTopic::default().with_partitions(partitions);
                if by_id { topic.with_topic_id(id) } else { topic.with_topic(topic_name(&name)) }
            };
            request.topics = named.into_iter().map(topic).collect();
            request.forgotten_topics_data = forgotten.into_iter().map(dropped).collect();
            RequestKind::Fetch(request)
        });
        self.fetching_from.insert(leader);
    }

    pub(super) fn fetched(
        &mut self,
        node: i32,
        wanted: &OrdMap<TopicPartition, FetchFrom>,
        response: &FetchResponse,
        ctx: &mut Ctx<'_>,
    ) {
        self.fetching_from.remove(&node);
        let error = ErrorCode(response.error_code);
        self.sessions.entry(node).or_default().answered(response.session_id, error);
        match error {
            ErrorCode::NONE => {}
            // The session is made anew by the next fetch.
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND
            | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR
            | ErrorCode::INVALID_FETCH_SESSION_EPOCH => return,
            error => return wanted.keys().for_each(|tp| self.partition_failed(tp, error, ctx)),
        }
        self.follow_hints(response, wanted);
        for topic in &response.responses {
            let Some(name) = name_of(topic, wanted) else { continue };
            for answer in &topic.partitions {
                let tp = TopicPartition::new(name.clone(), answer.partition_index);
                if let Some((from, ..)) = wanted.get(&tp) {
                    self.take_fetched(&tp, *from, answer, ctx);
                }
            }
        }
    }

    fn take_fetched(&mut self, tp: &TopicPartition, from: i64, answer: &PartitionData, ctx: &mut Ctx<'_>) {
        let Some(position) = self.subscription.get(tp) else { return };
        // The position moved, or is in doubt since the fetch was sent: Kafka passes over what it brought, errors too.
        if position.state != FetchState::Fetching || position.fetched_to != from {
            return;
        }
        match ErrorCode(answer.error_code) {
            ErrorCode::NONE => self.buffer(tp, answer, from, ctx),
            ErrorCode::OFFSET_OUT_OF_RANGE => self.out_of_range(tp, from, ctx),
            error => self.partition_failed(tp, error, ctx),
        }
    }

    /// Takes the records of a response that lie at or after the offset asked for.
    fn buffer(&mut self, tp: &TopicPartition, answer: &PartitionData, from: i64, ctx: &mut Ctx<'_>) {
        let batches = match answer.records.clone().map_or(Ok(Vec::new()), records::split) {
            Ok(batches) => batches,
            Err(error) => return self.corrupt(tp, &error, ctx),
        };
        let (check_crcs, poison) = (self.config.check_crcs, self.config.application.poison.clone());
        let fresh_until = ctx.now() + self.config.common.metadata_max_age;
        let position = self.subscription.get_mut(tp).expect("it was looked at");
        position.failures = 0;
        if answer.preferred_read_replica.0 >= 0 {
            position.read_replica = Some((answer.preferred_read_replica.0, fresh_until));
        }
        for (header, bytes) in batches {
            if check_crcs && let Err(error) = records::check_crc(&bytes) {
                return self.corrupt(tp, &error, ctx);
            }
            // What the cluster writes for itself is no application's.
            if !header.is_control() {
                position.buffered.extend(opened(&header, &bytes, poison.as_deref(), from));
            }
            position.fetched_to = header.next_offset();
        }
        // Only control records came: there is nothing to hand over, and the position goes on.
        if position.buffered.is_empty() && position.fetched_to > from {
            position.offset = Some(position.fetched_to);
        }
    }

    fn corrupt(&mut self, tp: &TopicPartition, error: &records::BatchError, ctx: &mut Ctx<'_>) {
        self.subscription.get_mut(tp).into_iter().for_each(|position| position.stuck = true);
        ctx.fact(Fact::ClientError { message: format!("{tp}: {error}") });
    }

    fn out_of_range(&mut self, tp: &TopicPartition, offset: i64, ctx: &mut Ctx<'_>) {
        let reset = self.config.auto_offset_reset;
        let told = self.subscription.get(tp).map(|position| fetch_position(offset, position, self.net.metadata()));
        let Some(position) = self.subscription.get_mut(tp) else { return };
        // A follower may be behind: the leader is asked before anything is believed.
        if position.read_replica.take().is_some() {
            return;
        }
        if reset == OffsetReset::None {
            position.stuck = true;
            let message = format!("Fetch position {} is out of range for partition {tp}", told.unwrap_or_default());
            return self.partition_exception(message, ctx);
        }
        position.reset(reset);
    }

    /// An exception about one partition: a member of a group ends with it; who reads alone goes on with the others.
    pub(super) fn partition_exception(&mut self, message: String, ctx: &mut Ctx<'_>) {
        match self.membership.is_some() {
            true => self.throw(message, ctx),
            false => {
                self.last_error = Some(message.clone());
                ctx.fact(Fact::ClientError { message });
            }
        }
    }

    pub(super) fn partition_failed(&mut self, tp: &TopicPartition, error: ErrorCode, ctx: &mut Ctx<'_>) {
        let (backoff, max) = (self.config.common.retry_backoff, self.config.common.retry_backoff_max);
        let Some(position) = self.subscription.get_mut(tp) else { return };
        if error.treatment() == Treatment::Fatal {
            position.stuck = true;
            return self.partition_exception(format!("{tp}: {error}: {}", error.message()), ctx);
        }
        position.read_replica = None;
        position.failures += 1;
        position.not_before = ctx.now() + exponential_backoff(position.failures, backoff, max, ctx.rng());
        self.net.metadata_mut().request_refresh();
    }
}

/// A position as Java prints it (`FetchPosition.toString`).
fn fetch_position(offset: i64, position: &Position, metadata: &Metadata) -> String {
    let optional = |value: Option<String>| value.map_or("Optional.empty".into(), |value| format!("Optional[{value}]"));
    let node = |(leader, _): (i32, i32)| {
        let Endpoint { host, port } = metadata.brokers().get(&leader)?;
        let rack = metadata.rack(leader).unwrap_or("null");
        Some(format!("{host}:{port} (id: {leader} rack: {rack} isFenced: false)"))
    };
    let epoch = position.leader.map_or("absent".into(), |(_, epoch)| epoch.to_string());
    let (leader, of_offset) =
        (optional(position.leader.and_then(node)), optional(position.offset_epoch.map(|e| e.to_string())));
    let leader = format!("LeaderAndEpoch{{leader={leader}, epoch={epoch}}}");
    format!("FetchPosition{{offset={offset}, offsetEpoch={of_offset}, currentLeader={leader}}}")
}

/// The records of a batch from an offset on. A batch that this build cannot open has its offsets from its header.
fn opened(header: &BatchHeader, bytes: &Bytes, poison: Option<&str>, from: i64) -> Vec<Buffered> {
    let epoch = header.leader_epoch;
    let is_poison = |value: Option<&[u8]>| poison.is_some_and(|poison| value == Some(poison.as_bytes()));
    let mut found = Vec::new();
    let opened = records::look_at_records(bytes, |offset, value| {
        if offset >= from {
            found.push(Buffered { offset, epoch, poison: is_poison(value) });
        }
    });
    if opened.is_err() {
        let offsets = header.base_offset.max(from)..=header.last_offset();
        found = offsets.map(|offset| Buffered { offset, epoch, poison: false }).collect();
    }
    found
}

/// The topic that a part of a response is about, by its id or its name.
pub(super) fn name_of(topic: &FetchableTopicResponse, wanted: &OrdMap<TopicPartition, FetchFrom>) -> Option<Arc<str>> {
    match topic.topic_id.is_nil() {
        true => Some((**topic.topic).into()),
        false => wanted.iter().find(|(_, (.., id))| *id == topic.topic_id).map(|(tp, _)| tp.topic.clone()),
    }
}

pub(super) fn by_topic<K: Ord, T>(items: impl Iterator<Item = (K, T)>) -> SortedMap<K, Vec<T>> {
    let mut topics: SortedMap<K, Vec<T>> = SortedMap::new();
    items.for_each(|(topic, item)| topics.entry(topic).or_default().push(item));
    topics
}
