//! Fetch: read batches, waiting for them if need be.
//!
//! Consumers read below the high watermark, followers to the log's end. A follower's fetch also tells how far it is:
//! the offset that it asks for acknowledges all before it.

use super::fetch_session::{Begun, InTurn, SessionUse};
use super::produce::is_wrong_leader;
use super::purgatory::{Parked, Waiting};
use super::{Broker, Partition, Served, Serving};
use crate::base::{SimDuration, SimTime, TopicPartition};
use crate::machine::{Fact, Mutant};
use crate::network::Pending;
use crate::storage::{Disk, EpochEnd, FetchPosition, Log, LogId, ReadLimit};
use crate::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use crate::wire::messages::fetch_response::{
    EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use crate::wire::messages::{FetchRequest, FetchResponse};
use crate::wire::{BrokerId, ErrorCode, Request, ResponseKind, TopicName};
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// The first version that names topics by id.
const FIRST_WITH_TOPIC_ID: i16 = 13;
/// The first version with a rack, whose consumers may read from followers (KIP-392).
const FIRST_WITH_RACK: i16 = 11;
/// The first version with a broker's epoch (KIP-903).
const FIRST_WITH_REPLICA_STATE: i16 = 15;
/// The first version that says who leads instead (KIP-951).
const FIRST_WITH_CURRENT_LEADER: i16 = 16;

/// A partition that a fetch asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// The partition; its topic's name is empty when the request's topic id is not known.
    pub(super) tp: TopicPartition,
    /// Its log here when it was named, if it had one.
    log: Option<LogId>,
    topic_id: Uuid,
    fetch_offset: i64,
    current_leader_epoch: i32,
    /// Epoch of the record before the offset; none does not check it.
    last_fetched_epoch: Option<i32>,
    log_start_offset: i64,
    max_bytes: i32,
}

/// Who fetches.
#[derive(Clone, Debug, PartialEq)]
enum Fetcher {
    /// A consumer; in a rack, if it says so. Before version 11 it reads from leaders alone.
    Consumer { rack: Arc<str>, from_followers: bool },
    /// A follower, with its broker epoch.
    Follower { id: i32, epoch: i64 },
}

/// A fetch with all partitions that it asks for, by name or by its session.
#[derive(Clone, Debug)]
pub(super) struct Fetch {
    pub(super) session: SessionUse,
    pub(super) wanted: Arc<Vec<InTurn>>,
    /// It asks for what its session has, so that the session watches the partitions while it waits.
    pub(super) by_session: bool,
    version: i16,
    fetcher: Fetcher,
    min_bytes: usize,
    max_bytes: usize,
}

/// What a fetch finds in a partition.
enum Found<'d> {
    /// Something to read.
    Log(&'d Log),
    /// The follower's log parts from the leader's: the leader's ends its epoch there.
    Diverging(EpochEnd),
    /// Another replica is nearer to the consumer.
    Nearer(i32),
}

impl Wanted {
    /// Whether its topic's name is not known.
    fn is_unresolved(&self) -> bool {
        self.tp.topic.is_empty()
    }

    /// The partition as a session names it.
    pub(super) fn key(&self) -> (Option<Arc<str>>, Uuid, i32) {
        // An id says all; a name may become known later.
        (self.topic_id.is_nil().then(|| self.tp.topic.clone()), self.topic_id, self.tp.partition)
    }
}

#[cfg(test)]
impl Wanted {
    /// A partition by name, from its beginning.
    pub(super) fn named(tp: TopicPartition) -> Arc<Self> {
        let (topic_id, fetch_offset, log_start_offset, max_bytes) = (Uuid::nil(), 0, 0, 1);
        let (current_leader_epoch, last_fetched_epoch) = (-1, None);
        Arc::new(Self {
            tp,
            log: None,
            topic_id,
            fetch_offset,
            current_leader_epoch,
            last_fetched_epoch,
            log_start_offset,
            max_bytes,
        })
    }
}

#[cfg(test)]
impl Fetch {
    /// A follower's fetch, by its session.
    pub(super) fn of_session(session: SessionUse, wanted: Arc<Vec<InTurn>>) -> Self {
        let fetcher = Fetcher::Follower { id: 2, epoch: 1 };
        Self { session, wanted, by_session: true, version: 17, fetcher, min_bytes: 1, max_bytes: 1 }
    }
}

impl Fetch {
    fn is_from_follower(&self) -> bool {
        matches!(self.fetcher, Fetcher::Follower { .. })
    }

    /// How far a log is read.
    fn limit(&self, log: &Log) -> i64 {
        if self.is_from_follower() { log.log_end_offset() } else { log.high_watermark() }
    }
}

impl Broker {
    pub(super) fn fetch(
        &mut self,
        pending: &Pending,
        request: &Request,
        body: &FetchRequest,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let named = body.topics.iter().flat_map(|topic| self.wanted(pending.version, topic)).collect();
        let forgotten: Vec<_> = body
            .forgotten_topics_data
            .iter()
            .flat_map(|topic| {
                topic.partitions.iter().map(|p| (name_unless_id(&topic.topic, topic.topic_id), topic.topic_id, *p))
            })
            .collect();
        if !(body.topics.is_empty() && body.forgotten_topics_data.is_empty()) || body.session_epoch <= 0 {
            self.tell_partitions(body.session_id);
        }
        let begun = self.sessions.begin(pending.version, body, named, &forgotten, serving.ctx.rng());
        let Begun { session, mut wanted, is_quiet, left } = match begun {
            Ok(begun) => begun,
            Err(error) => {
                let refused = FetchResponse::default().with_error_code(error.0);
                return Served::Now(ResponseKind::Fetch(refused));
            }
        };
        left.into_iter().for_each(|id| self.purgatory.leave_session(id));
        let ignores_divergence = serving.ctx.is_mutant(Mutant::LeaderIgnoresDivergence);
        let is_plain = is_quiet || !(ignores_divergence || wanted.iter().any(|asked| asked.wanted.is_unresolved()));
        if !is_plain {
            for InTurn { wanted, .. } in Arc::make_mut(&mut wanted) {
                self.resolve(wanted);
                if ignores_divergence {
                    Arc::make_mut(wanted).last_fetched_epoch = None;
                }
            }
        }
        let fetch = Fetch {
            session,
            wanted,
            by_session: is_plain && matches!(session, SessionUse::Incremental(_)),
            version: pending.version,
            fetcher: fetcher(request.version, body),
            min_bytes: body.min_bytes.max(0) as usize,
            max_bytes: body.max_bytes.clamp(0, self.config.fetch_max_bytes) as usize,
        };
        let is_satisfied = match fetch.fetcher {
            Fetcher::Follower { id, .. } if is_quiet => {
                self.sessions.fetched_again(session, id, serving.ctx.now());
                fetch.min_bytes == 0
            }
            _ => self.take_in_fetch(&fetch, serving),
        };
        if body.max_wait_ms <= 0 || fetch.wanted.is_empty() || is_satisfied {
            let answer = self.read(&fetch, serving);
            self.complete_touched(serving);
            return Served::Now(answer);
        }
        let deadline = serving.ctx.after(SimDuration::from_millis(body.max_wait_ms as u64));
        let session = fetch.by_session.then_some(fetch.session);
        let request = Waiting::Fetch(Arc::new(fetch));
        let place = self.purgatory.park(Parked { pending: pending.clone(), request, deadline });
        session.into_iter().for_each(|session| self.sessions.set_waiting(session, place));
        self.complete_touched(serving);
        Served::Parked
    }

    /// Whether a fetch that came can be answered at once, as [`Broker::is_satisfied`] has it. From a follower it also
    /// tells how far that is; which may let it into the ISR and move the high watermark.
    fn take_in_fetch(&mut self, fetch: &Fetch, serving: &mut Serving<'_, '_>) -> bool {
        let Fetcher::Follower { id, epoch } = fetch.fetcher else { return self.is_satisfied(fetch, serving.disk) };
        let now = serving.ctx.now();
        let (mut missing, mut otherwise) = (fetch.min_bytes, false);
        // A replica selector looks at when followers fetched.
        let mut is_calm = fetch.by_session && !self.config.rack_aware_replica_selector;
        for InTurn { wanted, .. } in fetch.wanted.iter() {
            let Ok(Found::Log(log)) = self.find(fetch, wanted, serving.disk) else {
                otherwise |= missing > 0;
                is_calm = false;
                continue;
            };
            let end = log.log_end_offset();
            is_calm &= wanted.fetch_offset >= end;
            missing = missing.saturating_sub(log.bytes_between(wanted.fetch_offset, end, missing));
            let partition = self.partitions.get_mut(&wanted.tp).expect("it was found");
            let moved = partition.follower_fetched(id, wanted.fetch_offset, wanted.log_start_offset, epoch, end, now);
            if !partition.metadata.isr.contains(&id) {
                is_calm = false;
                let partition = &self.partitions[&wanted.tp];
                let expanded = self.surrounded(now, |around| partition.expanded_isr(id, log, around));
                if let Some(isr) = expanded {
                    self.alter_isr(&wanted.tp, isr, serving);
                }
            }
            if moved {
                self.advance_high_watermark(&wanted.tp, serving);
            }
        }
        if fetch.by_session {
            self.sessions.set_calm(fetch.session, is_calm);
        }
        otherwise || missing == 0
    }

    /// Tells the partitions of a follower's session when it fetched last, which the session alone knows while it is quiet.
    /// It still had all there was then.
    fn tell_partitions(&mut self, session: i32) {
        let Some((follower, at, wanted)) = self.sessions.take_fetched(session) else { return };
        for InTurn { wanted, .. } in wanted.iter() {
            if let Some(partition) = self.partitions.get_mut(&wanted.tp) {
                partition.follower_fetched_again(follower, at);
            }
        }
    }

    /// Something is about to happen, or has happened, to a partition, and fetches have to look at it again. Where those wait
    /// whose sessions have it.
    pub(super) fn stir(&mut self, tp: &TopicPartition) -> Vec<u64> {
        let mut waiting = Vec::new();
        for session in self.sessions.of_partition(tp) {
            self.tell_partitions(session);
            waiting.extend(self.sessions.stir(session));
        }
        waiting
    }

    /// Something is about to happen, or has happened, for which requests wait: see
    /// [`Purgatory::touch`](super::purgatory::Purgatory::touch).
    pub(super) fn touch(&mut self, tp: &TopicPartition, high_watermark: i64) {
        self.purgatory.touch(tp, high_watermark);
        let waiting = self.stir(tp);
        self.purgatory.touch_requests(waiting);
    }

    /// Answers the parked requests whose condition a touched partition has fulfilled.
    pub(super) fn complete_touched(&mut self, serving: &mut Serving<'_, '_>) {
        for id in self.purgatory.take_touched() {
            let Some(parked) = self.purgatory.get(id) else { continue };
            match &parked.request {
                Waiting::Fetch(fetch) => {
                    if self.is_satisfied(fetch, serving.disk) {
                        self.end_wait(id, serving);
                    }
                }
                Waiting::Produce(produce) => {
                    let mut produce = produce.clone();
                    self.settle(&mut produce, serving);
                    let done = Self::is_settled(&produce);
                    if done {
                        self.end_wait(id, serving);
                    } else {
                        self.purgatory.replace(id, Waiting::Produce(produce));
                    }
                }
            }
        }
        self.commit_group_writes(serving);
    }

    /// Answers the parked requests whose time is up, with what there is.
    pub(super) fn expire(&mut self, serving: &mut Serving<'_, '_>) {
        let now: SimTime = serving.ctx.now();
        while let Some(id) = self.purgatory.expired(now) {
            self.end_wait(id, serving);
        }
    }

    fn end_wait(&mut self, id: u64, serving: &mut Serving<'_, '_>) {
        let parked = self.purgatory.remove(id).expect("it is parked");
        let body = match parked.request {
            Waiting::Fetch(fetch) => self.read(&fetch, serving),
            Waiting::Produce(mut produce) => {
                self.settle(&mut produce, serving);
                self.give_up(&parked.pending, *produce)
            }
        };
        self.complete(&parked.pending, body, serving);
    }

    fn wanted(&self, version: i16, topic: &FetchTopic) -> Vec<Arc<Wanted>> {
        let topics = self.metadata.topics();
        let (name, topic_id): (Arc<str>, Uuid) = if version >= FIRST_WITH_TOPIC_ID {
            let known = topics.by_id(topic.topic_id);
            (known.map_or_else(|| "".into(), |known| known.name.clone()), topic.topic_id)
        } else {
            let known = topics.by_name(&topic.topic);
            (known.map_or_else(|| (**topic.topic).into(), |known| known.name.clone()), Uuid::nil())
        };
        let wanted = |asked: &FetchPartition| {
            let tp = TopicPartition::new(name.clone(), asked.partition);
            Wanted {
                log: self.partitions.log(&tp),
                tp,
                topic_id,
                fetch_offset: asked.fetch_offset,
                current_leader_epoch: asked.current_leader_epoch,
                last_fetched_epoch: (asked.last_fetched_epoch >= 0).then_some(asked.last_fetched_epoch),
                log_start_offset: asked.log_start_offset,
                max_bytes: asked.partition_max_bytes,
            }
        };
        topic.partitions.iter().map(wanted).map(Arc::new).collect()
    }

    /// Finds the name of a topic whose id was not known when the session began.
    fn resolve(&self, wanted: &mut Arc<Wanted>) {
        if wanted.is_unresolved()
            && let Some(topic) = self.metadata.topics().by_id(wanted.topic_id)
        {
            Arc::make_mut(wanted).tp.topic = topic.name.clone();
        }
    }

    /// What there is in a partition that is asked for, or the error that the fetch gets.
    fn find<'d>(&self, fetch: &Fetch, wanted: &Wanted, disk: &'d Disk) -> Result<Found<'d>, ErrorCode> {
        if wanted.is_unresolved() && !wanted.topic_id.is_nil() {
            return Err(ErrorCode::UNKNOWN_TOPIC_ID);
        }
        let only_leader = !matches!(fetch.fetcher, Fetcher::Consumer { from_followers: true, .. });
        let partition = wanted.log.and_then(|log| self.partitions.by_log(log));
        let partition = partition.or_else(|| self.partitions.get(&wanted.tp));
        let partition = self.checked(partition, &wanted.tp, wanted.current_leader_epoch, only_leader)?;
        if !wanted.topic_id.is_nil() && partition.topic_id != wanted.topic_id {
            return Err(ErrorCode::INCONSISTENT_TOPIC_ID);
        }
        if let Fetcher::Follower { id, .. } = fetch.fetcher
            && !partition.metadata.replicas.contains(&id)
        {
            let named_epoch = wanted.current_leader_epoch >= 0;
            let unknown = if named_epoch { ErrorCode::UNKNOWN_LEADER_EPOCH } else { ErrorCode::NOT_LEADER_OR_FOLLOWER };
            return Err(unknown);
        }
        let log = disk.get(partition.log).expect("a replica has a log");
        match log.check_fetch(wanted.fetch_offset, wanted.last_fetched_epoch) {
            FetchPosition::Sound => {}
            FetchPosition::Diverging(end) => return Ok(Found::Diverging(end)),
            FetchPosition::OutOfRange => return Err(ErrorCode::OFFSET_OUT_OF_RANGE),
        }
        match self.nearer_replica(fetch, wanted, partition) {
            Some(replica) => Ok(Found::Nearer(replica)),
            None => Ok(Found::Log(log)),
        }
    }

    /// A partition of which this broker has a replica, checked against the leader epoch that a client names: -1 does
    /// not (KIP-320). `only_leader` asks for the leader's replica.
    pub(super) fn replica(&self, tp: &TopicPartition, epoch: i32, only_leader: bool) -> Result<&Partition, ErrorCode> {
        self.checked(self.partitions.get(tp), tp, epoch, only_leader)
    }

    fn checked<'p>(
        &self,
        partition: Option<&'p Partition>,
        tp: &TopicPartition,
        epoch: i32,
        only_leader: bool,
    ) -> Result<&'p Partition, ErrorCode> {
        let Some(partition) = partition else {
            let known = self.is_known(tp);
            return Err(if known { ErrorCode::NOT_LEADER_OR_FOLLOWER } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION });
        };
        match epoch.cmp(&partition.metadata.leader_epoch) {
            std::cmp::Ordering::Less if epoch != -1 => Err(ErrorCode::FENCED_LEADER_EPOCH),
            std::cmp::Ordering::Greater => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ if only_leader && partition.leader().is_none() => Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            _ => Ok(partition),
        }
    }

    /// The replica in the consumer's rack that it should read from instead (`RackAwareReplicaSelector`, KIP-392).
    fn nearer_replica(&self, fetch: &Fetch, wanted: &Wanted, partition: &Partition) -> Option<i32> {
        let Fetcher::Consumer { rack, .. } = &fetch.fetcher else { return None };
        let leader = partition.leader().filter(|_| self.config.rack_aware_replica_selector && !rack.is_empty())?;
        if self.rack.as_deref() == Some(rack) {
            return None;
        }
        let brokers = self.metadata.brokers();
        let is_near = |id: i32| {
            let broker = brokers.registration(id).filter(|broker| !broker.fenced);
            broker.is_some_and(|broker| broker.rack.as_deref() == Some(rack))
        };
        let has_offset = |state: &super::FollowerState| {
            state.log_end_offset >= wanted.fetch_offset && state.log_start_offset <= wanted.fetch_offset
        };
        let near = leader
            .followers
            .iter()
            .filter(|(id, state)| partition.metadata.isr.contains(id) && has_offset(state) && is_near(**id));
        near.max_by_key(|(id, state)| (state.log_end_offset, state.last_caught_up, **id)).map(|(id, _)| *id)
    }

    /// Whether a fetch can be answered at once: an error to report, a log that parts, or `fetch.min.bytes` to return.
    fn is_satisfied(&self, fetch: &Fetch, disk: &Disk) -> bool {
        let mut missing = fetch.min_bytes;
        for InTurn { wanted, .. } in fetch.wanted.iter() {
            if missing == 0 {
                break;
            }
            let Ok(Found::Log(log)) = self.find(fetch, wanted, disk) else { return true };
            missing = missing.saturating_sub(log.bytes_between(wanted.fetch_offset, fetch.limit(log), missing));
        }
        missing == 0
    }

    fn read(&mut self, fetch: &Fetch, serving: &mut Serving<'_, '_>) -> ResponseKind {
        if fetch.by_session && self.sessions.begin_answer(fetch.session) {
            return ResponseKind::Fetch(FetchResponse::default().with_session_id(fetch.session.id()));
        }
        let mut room = fetch.max_bytes;
        let mut anything = false;
        let mut leaders = Vec::new();
        let mut topics: Vec<FetchableTopicResponse> = Vec::new();
        for asked in fetch.wanted.iter() {
            let wanted = &*asked.wanted;
            let found = self.find(fetch, wanted, serving.disk);
            // Most have nothing to read, and nothing that is not known.
            if let Ok(Found::Log(log)) = &found
                && wanted.fetch_offset >= fetch.limit(log)
                && self.sessions.is_known(fetch.session, asked, log)
            {
                continue;
            }
            let mut answer = match found {
                Err(error) => {
                    serving.ctx.fact(Fact::Refused { partition: wanted.tp.clone(), error });
                    refused(wanted.tp.partition, error)
                }
                Ok(Found::Log(log)) => {
                    let limit = ReadLimit {
                        upto_offset: fetch.limit(log),
                        max_bytes: room.min(wanted.max_bytes.max(0) as usize),
                        at_least_one: !anything,
                    };
                    let records = log.read(wanted.fetch_offset, limit).expect("the offset was checked");
                    let mut answer = answer_from(wanted, log);
                    answer.records = Some(records);
                    answer
                }
                Ok(Found::Diverging(end)) => {
                    let log = serving.disk.log(&wanted.tp).expect("it was found");
                    let diverging = EpochEndOffset::default().with_epoch(end.epoch).with_end_offset(end.end_offset);
                    answer_from(wanted, log).with_diverging_epoch(diverging).with_records(Some(Bytes::new()))
                }
                Ok(Found::Nearer(replica)) => {
                    let log = serving.disk.log(&wanted.tp).expect("it was found");
                    answer_from(wanted, log)
                        .with_preferred_read_replica(BrokerId(replica))
                        .with_records(Some(Bytes::new()))
                }
            };
            if fetch.version >= FIRST_WITH_CURRENT_LEADER && is_wrong_leader(answer.error_code) {
                leaders.extend(self.name_leader(wanted, &mut answer));
            }
            let read = answer.records.as_ref().map_or(0, Bytes::len);
            anything |= read > 0;
            room = room.saturating_sub(read);
            if self.sessions.answer(fetch.session, asked, &answer) {
                push(&mut topics, wanted, answer);
            }
        }
        if fetch.by_session {
            self.sessions.told_all(fetch.session);
        }
        let endpoints = self.node_endpoints(leaders, |id, host, port, rack| {
            NodeEndpoint::default().with_node_id(id).with_host(host).with_port(port).with_rack(rack)
        });
        let mut response = FetchResponse::default();
        response.session_id = fetch.session.id();
        response.responses = topics;
        response.node_endpoints = endpoints;
        ResponseKind::Fetch(response)
    }

    /// Says in an answer who leads the partition, as far as this broker knows.
    fn name_leader(&self, wanted: &Wanted, answer: &mut PartitionData) -> Option<i32> {
        let topic = self.metadata.topics().by_name(&wanted.tp.topic)?;
        let partition = topic.partitions.get(&wanted.tp.partition)?;
        answer.current_leader = LeaderIdAndEpoch::default()
            .with_leader_id(BrokerId(partition.leader))
            .with_leader_epoch(partition.leader_epoch);
        Some(partition.leader)
    }
}

fn fetcher(version: i16, body: &FetchRequest) -> Fetcher {
    let (id, epoch) = match version >= FIRST_WITH_REPLICA_STATE {
        true => (body.replica_state.replica_id.0, body.replica_state.replica_epoch),
        false => (body.replica_id.0, -1),
    };
    match id {
        0.. => Fetcher::Follower { id, epoch },
        _ => Fetcher::Consumer { rack: (*body.rack_id).into(), from_followers: version >= FIRST_WITH_RACK },
    }
}

/// A topic's name where it is what tells the topic.
fn name_unless_id(name: &TopicName, id: Uuid) -> Option<Arc<str>> {
    id.is_nil().then(|| (***name).into())
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
            let mut topic = FetchableTopicResponse::default();
            topic.partitions = vec![answer];
            match wanted.topic_id.is_nil() {
                true => topic.topic = TopicName(super::str_bytes(&wanted.tp.topic)),
                false => topic.topic_id = wanted.topic_id,
            }
            topics.push(topic);
        }
    }
}

/// An answer with the log's offsets, and nothing read yet.
fn answer_from(wanted: &Wanted, log: &Log) -> PartitionData {
    let mut answer = PartitionData::default();
    answer.partition_index = wanted.tp.partition;
    answer.high_watermark = log.high_watermark();
    answer.last_stable_offset = log.last_stable_offset();
    answer.log_start_offset = log.log_start_offset();
    answer.aborted_transactions = None;
    answer
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
