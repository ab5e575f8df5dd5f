//! Following a leader: fetching its log into one's own (`ReplicaFetcherThread`, `AbstractFetcherThread`).
//!
//! A broker has one fetcher for each leader that it follows (`num.replica.fetchers` is one). One fetch is on its way at a
//! time, in an incremental session; it names for each partition the offset and the epoch of the last record (KIP-595),
//! so that the leader can tell where the logs part. The follower then cuts its log off there, and asks again. What
//! it fetches it appends as it is. The leader's high watermark comes with each answer: a fetch later than it moved.

use super::{Broker, Serving};
use crate::base::{ConnId, Endpoint, OrdMap, SimTime, SortedMap, TopicPartition, earlier};
use crate::machine::{Ctx, Fact, Input};
use crate::network::{FetchSession, NetEvent, NetworkClient, NetworkConfig};
use crate::storage::{EpochEnd, Log, LogId};
use crate::wire::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic, ReplicaState};
use crate::wire::messages::fetch_response::PartitionData;
use crate::wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use crate::wire::messages::{FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse};
use crate::wire::{ApiKey, BrokerId, ErrorCode, RequestKind, ResponseKind, TopicName};
use std::sync::Arc;
use uuid::Uuid;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// A partition as fetch sessions name it.
type Key = (Uuid, i32);

/// What a fetch says of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FetchFrom {
    offset: i64,
    log_start_offset: i64,
    leader_epoch: i32,
    last_fetched_epoch: i32,
    max_bytes: i32,
}

/// A partition that a fetcher fetches.
#[derive(Clone, Debug)]
struct Fetched {
    tp: TopicPartition,
    /// Its log on the broker's disk.
    log: LogId,
    /// The leader's epoch, as of the metadata log.
    leader_epoch: i32,
    /// It is left alone until then, after an error.
    not_before: SimTime,
    /// Its leader says that it is not the leader of this epoch any more: the metadata log will say who is.
    fenced: bool,
    /// Its log is outside the leader's: where the leader's ends and begins is being asked.
    out_of_range: bool,
}

/// What a request was about.
#[derive(Clone, Debug)]
enum Asked {
    Fetch(OrdMap<Key, FetchFrom>),
    Latest(Key),
    Earliest(Key),
}

/// The fetcher of one leader's partitions.
#[derive(Clone, Debug)]
pub(super) struct ReplicaFetcher {
    source: i32,
    endpoint: Endpoint,
    net: NetworkClient<Asked>,
    session: FetchSession<Key, FetchFrom>,
    partitions: OrdMap<Key, Fetched>,
    in_flight: bool,
    not_before: SimTime,
    /// Its last fetch was of every partition, nothing has come of it, and the partitions are the same: the next fetch asks
    /// for the same. (A follower's log begins elsewhere only after its leader's answer said so, or it was cut; retention,
    /// once it is built, has to end this too.)
    quiet: bool,
}

impl ReplicaFetcher {
    fn new(broker: i32, source: i32, endpoint: Endpoint, timeout: crate::base::SimDuration) -> Self {
        let config = NetworkConfig {
            request_timeout: timeout,
            max_in_flight: 1,
            ..NetworkConfig::new(format!("broker-{broker}-fetcher-0"))
        };
        Self {
            source,
            endpoint,
            net: NetworkClient::new(config),
            session: FetchSession::default(),
            partitions: OrdMap::new(),
            in_flight: false,
            not_before: SimTime::ZERO,
            quiet: false,
        }
    }

    /// Its connection to the leader, if it has one.
    pub(super) fn connection(&self) -> Option<ConnId> {
        self.net.connection(self.source)
    }

    /// Whether there is nothing more to fetch, nor a session to take leave of.
    fn is_done(&self) -> bool {
        let in_session = self.session.stands() && self.net.in_flight(self.source).is_some();
        self.partitions.is_empty() && !self.in_flight && !in_session
    }

    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        let mut deadline = self.net.next_deadline();
        if self.in_flight {
            return deadline;
        }
        let ready = self.partitions.values().filter(|fetched| !fetched.fenced).map(|fetched| fetched.not_before).min();
        if let Some(ready) = ready
            && !self.net.is_waiting(self.source)
        {
            let retry = self.net.retry_at(self.source).unwrap_or(SimTime::ZERO);
            deadline = earlier(deadline, Some(ready.max(self.not_before).max(retry)));
        }
        deadline
    }

    pub(super) fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.net.close(ctx);
        self.in_flight = false;
    }

    /// Asks the leader where its log of a partition ends or begins, because the follower's lies outside it
    /// (`handleOutOfRangeError`).
    fn ask_offset(&mut self, broker: i32, key: Key, timestamp: i64, ctx: &mut Ctx<'_>) {
        if !self.net.ready(self.source, &self.endpoint, ctx) {
            return;
        }
        let fetched = &self.partitions[&key];
        let partition = ListOffsetsPartition::default()
            .with_partition_index(key.1)
            .with_current_leader_epoch(fetched.leader_epoch)
            .with_timestamp(timestamp);
        let topic = ListOffsetsTopic::default()
            .with_name(TopicName(super::str_bytes(&fetched.tp.topic)))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(broker)).with_topics(vec![topic]);
        let asked = if timestamp == LATEST { Asked::Latest(key) } else { Asked::Earliest(key) };
        self.in_flight = true;
        self.net.send(self.source, ApiKey::ListOffsets, Some(asked), ctx, |_| RequestKind::ListOffsets(request));
    }
}

impl Broker {
    /// Fetches a partition from its leader from now on.
    pub(super) fn start_fetching(&mut self, tp: &TopicPartition, topic_id: Uuid, leader: i32, leader_epoch: i32) {
        let Some(endpoint) = self.endpoint_of(leader) else { return };
        let (id, timeout) = (self.id, self.config.replica_socket_timeout);
        let log = self.partitions[tp].log;
        let fetcher =
            self.fetchers.get_or_insert_with(leader, || ReplicaFetcher::new(id, leader, endpoint.clone(), timeout));
        fetcher.endpoint = endpoint;
        let fetched = Fetched {
            tp: tp.clone(),
            log,
            leader_epoch,
            not_before: SimTime::ZERO,
            fenced: false,
            out_of_range: false,
        };
        fetcher.partitions.insert((topic_id, tp.partition), fetched);
        fetcher.quiet = false;
    }

    /// Fetches a partition no more.
    pub(super) fn stop_fetching(&mut self, topic_id: Uuid, index: i32) {
        let key = (topic_id, index);
        let fetches = |source: &i32| self.fetchers.get(*source).is_some_and(|f| f.partitions.contains_key(&key));
        for source in self.fetchers.sources().filter(fetches).collect::<Vec<_>>() {
            let fetcher = self.fetcher_mut(source);
            fetcher.partitions.remove(&key);
            fetcher.quiet = false;
        }
    }

    /// Sends the fetches that are due.
    pub(super) fn poll_fetchers(&mut self, serving: &mut Serving<'_, '_>) {
        for source in self.fetchers.take_touched(serving.ctx.now()) {
            let Some(mut shared) = self.fetchers.take(source) else { continue };
            if !shared.in_flight {
                self.poll_fetcher(Arc::make_mut(&mut shared), serving);
            }
            // Kafka shuts down fetchers that have nothing to fetch.
            if shared.is_done() {
                self.fetchers.remove(source);
                Arc::make_mut(&mut shared).close(serving.ctx);
            } else {
                self.fetchers.put_back(source, shared);
            }
        }
    }

    fn poll_fetcher(&self, fetcher: &mut ReplicaFetcher, serving: &mut Serving<'_, '_>) {
        let now = serving.ctx.now();
        if fetcher.not_before > now {
            return;
        }
        let wanted = if fetcher.quiet {
            fetcher.session.named().clone()
        } else {
            if let Some(key) = fetcher.partitions.iter().find(|(_, f)| f.out_of_range).map(|(key, _)| *key) {
                return fetcher.ask_offset(self.id, key, LATEST, serving.ctx);
            }
            self.fetch_plan(fetcher, now, serving)
        };
        // With nothing to fetch there may still be something to drop from the session.
        if wanted.is_empty() && !(fetcher.session.stands() && fetcher.session.names_any()) {
            return;
        }
        if !fetcher.net.ready(fetcher.source, &fetcher.endpoint, serving.ctx) {
            return;
        }
        let next = fetcher.session.next(wanted.clone());
        fetcher.in_flight = true;
        fetcher.quiet = wanted.len() == fetcher.partitions.len();
        let body = RequestKind::Fetch(self.fetch_request(&next));
        fetcher.net.send(fetcher.source, ApiKey::Fetch, Some(Asked::Fetch(wanted)), serving.ctx, |_| body);
    }

    /// What the next fetch is to bring.
    fn fetch_plan(&self, fetcher: &ReplicaFetcher, now: SimTime, serving: &Serving<'_, '_>) -> OrdMap<Key, FetchFrom> {
        let max_bytes = self.config.replica_fetch_max_bytes;
        let from = |fetched: &Fetched| {
            let log = serving.disk.get(fetched.log)?;
            Some(FetchFrom {
                offset: log.log_end_offset(),
                log_start_offset: log.log_start_offset(),
                leader_epoch: fetched.leader_epoch,
                last_fetched_epoch: log.epochs().latest().unwrap_or(-1),
                max_bytes,
            })
        };
        let ready = fetcher.partitions.iter().filter(|(_, f)| !f.fenced && f.not_before <= now);
        let plan = ready.filter_map(|(key, fetched)| Some((*key, from(fetched)?)));
        // An idle partition is fetched from where it was.
        let before = fetcher.session.named();
        match plan.clone().eq(before.iter().map(|(key, from)| (*key, *from))) {
            true => before.clone(),
            false => plan.collect(),
        }
    }

    fn fetch_request(&self, next: &crate::network::NextFetch<Key, FetchFrom>) -> FetchRequest {
        let mut topics: SortedMap<Uuid, Vec<FetchPartition>> = SortedMap::new();
        for ((topic_id, index), from) in &next.named {
            let mut partition = FetchPartition::default();
            partition.partition = *index;
            partition.current_leader_epoch = from.leader_epoch;
            partition.fetch_offset = from.offset;
            partition.last_fetched_epoch = from.last_fetched_epoch;
            partition.log_start_offset = from.log_start_offset;
            partition.partition_max_bytes = from.max_bytes;
            topics.entry(*topic_id).or_default().push(partition);
        }
        let mut forgotten: SortedMap<Uuid, Vec<i32>> = SortedMap::new();
        for (topic_id, index) in &next.forgotten {
            forgotten.entry(*topic_id).or_default().push(*index);
        }
        let epoch = self.lifecycle.epoch().unwrap_or(-1);
        let replica = ReplicaState::default().with_replica_id(BrokerId(self.id)).with_replica_epoch(epoch);
        let topic = |(id, partitions)| FetchTopic::default().with_topic_id(id).with_partitions(partitions);
        let gone = |(id, partitions)| ForgottenTopic::default().with_topic_id(id).with_partitions(partitions);
        let mut request = FetchRequest::default();
        request.replica_state = replica;
        request.max_wait_ms = self.config.replica_fetch_wait_max.as_millis() as i32;
        request.min_bytes = self.config.replica_fetch_min_bytes;
        request.max_bytes = self.config.replica_fetch_response_max_bytes;
        request.session_id = next.id;
        request.session_epoch = next.epoch;
        request.topics = topics.into_iter().map(topic).collect();
        request.forgotten_topics_data = forgotten.into_iter().map(gone).collect();
        request
    }

    /// Takes an input that concerns a fetcher's connection.
    pub(super) fn fetcher_input(&mut self, source: i32, input: Input, serving: &mut Serving<'_, '_>) {
        for event in self.fetcher_mut(source).net.handle(input, serving.ctx) {
            match event {
                NetEvent::Response(_, asked, response) => match (asked, &response.body) {
                    (Asked::Fetch(wanted), ResponseKind::Fetch(body)) => self.fetched(source, &wanted, body, serving),
                    (asked, ResponseKind::ListOffsets(body)) => self.offset_known(source, asked, body, serving),
                    (asked, other) => panic!("a response to {asked:?} of another kind: {other:?}"),
                },
                NetEvent::Failed(_, asked, _) => self.fetch_failed(source, &asked, serving),
                NetEvent::Disconnected(_) => {}
            }
        }
    }

    fn fetcher_mut(&mut self, source: i32) -> &mut ReplicaFetcher {
        self.fetchers.get_mut(source).expect("it is there")
    }

    /// A request came to nothing: all that it was about is left alone for `replica.fetch.backoff.ms`.
    fn fetch_failed(&mut self, source: i32, asked: &Asked, serving: &mut Serving<'_, '_>) {
        let until = serving.ctx.after(self.config.replica_fetch_backoff);
        let fetcher = self.fetcher_mut(source);
        fetcher.in_flight = false;
        fetcher.not_before = until;
        if let Asked::Fetch(_) = asked {
            fetcher.session.failed();
        }
    }

    fn fetched(
        &mut self,
        source: i32,
        wanted: &OrdMap<Key, FetchFrom>,
        body: &FetchResponse,
        serving: &mut Serving<'_, '_>,
    ) {
        let error = ErrorCode(body.error_code);
        let until = serving.ctx.after(self.config.replica_fetch_backoff);
        let fetcher = self.fetcher_mut(source);
        fetcher.in_flight = false;
        fetcher.session.answered(body.session_id, error);
        fetcher.quiet &= error == ErrorCode::NONE && body.responses.is_empty();
        if error != ErrorCode::NONE {
            fetcher.not_before = until;
            return;
        }
        for topic in &body.responses {
            for answer in &topic.partitions {
                let key = (topic.topic_id, answer.partition_index);
                if let Some(from) = wanted.get(&key) {
                    self.partition_fetched(source, key, from, answer, serving);
                }
            }
        }
    }

    /// Takes in what a fetch brought for a partition, unless it is not what is wanted any more.
    fn partition_fetched(
        &mut self,
        source: i32,
        key: Key,
        from: &FetchFrom,
        answer: &PartitionData,
        serving: &mut Serving<'_, '_>,
    ) {
        let until = serving.ctx.after(self.config.replica_fetch_backoff);
        let Some(fetched) = self.fetcher_mut(source).partitions.get_mut(&key) else { return };
        let (tp, id) = (fetched.tp.clone(), fetched.log);
        let is_current = fetched.leader_epoch == from.leader_epoch
            && serving.disk.get(id).is_some_and(|log| log.log_end_offset() == from.offset);
        if !is_current {
            return;
        }
        match ErrorCode(answer.error_code) {
            ErrorCode::NONE if answer.diverging_epoch.epoch >= 0 => self.truncate(&tp, answer, serving),
            ErrorCode::NONE => {
                if !self.append_fetched((&tp, id), from, answer, serving)
                    && let Some(fetched) = self.fetcher_mut(source).partitions.get_mut(&key)
                {
                    fetched.not_before = until;
                }
            }
            ErrorCode::OFFSET_OUT_OF_RANGE => fetched.out_of_range = true,
            // This epoch is over; the metadata log will say who leads now.
            ErrorCode::FENCED_LEADER_EPOCH => fetched.fenced = true,
            _ => fetched.not_before = until,
        }
    }

    /// Cuts the log off where it parts from the leader's (`truncateOnFetchResponse`).
    fn truncate(&mut self, tp: &TopicPartition, answer: &PartitionData, serving: &mut Serving<'_, '_>) {
        let Some(log) = serving.disk.log(tp) else { return };
        let leader = EpochEnd { epoch: answer.diverging_epoch.epoch, end_offset: answer.diverging_epoch.end_offset };
        let (from, to) = (log.log_end_offset(), log.truncation_for(leader).offset);
        self.cut(tp, from, to, serving);
    }

    /// Cuts a log off, and says so.
    pub(super) fn cut(&mut self, tp: &TopicPartition, from: i64, to: i64, serving: &mut Serving<'_, '_>) {
        let before = serving.disk.log(tp).map_or(0, Log::high_watermark);
        serving.disk.truncate_to(tp, to);
        if to < from {
            serving.ctx.fact(Fact::Truncated { partition: tp.clone(), from, to });
        }
        let after = serving.disk.log(tp).map_or(0, Log::high_watermark);
        if before != after {
            serving.ctx.fact(Fact::HighWatermark { partition: tp.clone(), from: before, to: after });
        }
    }

    /// Appends what was fetched, and follows the leader's high watermark; false when the records are not sound.
    fn append_fetched(
        &mut self,
        (tp, id): (&TopicPartition, LogId),
        from: &FetchFrom,
        answer: &PartitionData,
        serving: &mut Serving<'_, '_>,
    ) -> bool {
        if let Some(records) = answer.records.as_ref().filter(|records| !records.is_empty()) {
            let Some(log) = serving.disk.get_mut(id) else { return true };
            match log.append_as_follower(records, from.leader_epoch) {
                Ok(Some(appended)) => {
                    serving.disk.did(&appended.work);
                    serving.ctx.fact(Fact::Replicated {
                        partition: tp.clone(),
                        base_offset: appended.first_offset,
                        last_offset: appended.last_offset,
                        size: (records.len() - appended.left_out) as u32,
                    });
                }
                Ok(None) => {}
                Err(_) => return false,
            }
        }
        let Some(log) = serving.disk.get_mut(id) else { return true };
        let before = log.high_watermark();
        if let Some(to) = log.update_high_watermark(answer.high_watermark) {
            serving.ctx.fact(Fact::HighWatermark { partition: tp.clone(), from: before, to });
        }
        log.advance_log_start(answer.log_start_offset);
        true
    }

    fn offset_known(&mut self, source: i32, asked: Asked, body: &ListOffsetsResponse, serving: &mut Serving<'_, '_>) {
        let until = serving.ctx.after(self.config.replica_fetch_backoff);
        let fetcher = self.fetcher_mut(source);
        fetcher.in_flight = false;
        let (Asked::Latest(key) | Asked::Earliest(key)) = asked else { return };
        let Some(fetched) = fetcher.partitions.get_mut(&key) else { return };
        let answer = body.topics.first().and_then(|topic| topic.partitions.first());
        let Some(answer) = answer.filter(|answer| answer.error_code == 0) else {
            fetched.out_of_range = false;
            fetched.not_before = until;
            return;
        };
        let tp = fetched.tp.clone();
        let end = serving.disk.log(&tp).map_or(0, Log::log_end_offset);
        match asked {
            Asked::Latest(_) if answer.offset >= end => {
                let id = self.id;
                self.fetcher_mut(source).ask_offset(id, key, EARLIEST, serving.ctx);
            }
            Asked::Latest(_) => {
                fetched.out_of_range = false;
                self.cut(&tp, end, answer.offset, serving);
            }
            _ => {
                fetched.out_of_range = false;
                if answer.offset > end
                    && let Some(log) = serving.disk.log_mut(&tp)
                {
                    log.truncate_fully_and_start_at(answer.offset);
                    serving.ctx.fact(Fact::Truncated { partition: tp, from: end, to: answer.offset });
                }
            }
        }
    }
}
