//! What a leader knows of the other replicas, and the records that wait to be appended.

use super::config::{QuorumConfig, ReplicaKey};
use crate::base::{SimDuration, SimTime, Sort, SortedMap, SortedSet};
use crate::wire::records::{self, Record};
use bytes::Bytes;

/// An observer that has not fetched for so long is forgotten.
const OBSERVER_SESSION: SimDuration = SimDuration::from_secs(300);

/// Batches grow to this size (`KafkaRaftClient.MAX_BATCH_SIZE_BYTES`).
pub(super) const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// How far a replica has come, as its leader knows it from fetches. DescribeQuorum answers with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The replica.
    pub key: ReplicaKey,
    /// Its log end offset: the offset that it asked for last.
    pub end_offset: Option<i64>,
    /// When it fetched last.
    pub last_fetch: Option<SimTime>,
    /// When it last had all that the leader had.
    pub last_caught_up: Option<SimTime>,
    leader_end_at_fetch: i64,
}

impl Progress {
    fn new(key: ReplicaKey) -> Self {
        Self { key, end_offset: None, last_fetch: None, last_caught_up: None, leader_end_at_fetch: -1 }
    }

    fn fetched(&mut self, now: SimTime, offset: i64, leader_end: i64) {
        if offset >= leader_end {
            self.last_caught_up = self.last_caught_up.max(Some(now));
        } else if self.leader_end_at_fetch > 0 && offset >= self.leader_end_at_fetch {
            self.last_caught_up = self.last_caught_up.max(self.last_fetch);
        }
        self.leader_end_at_fetch = leader_end;
        self.last_fetch = self.last_fetch.max(Some(now));
        self.end_offset = Some(offset);
    }
}

/// A leader's own state.
#[derive(Clone, Debug)]
pub(super) struct LeaderState {
    own_id: i32,
    pub(super) epoch_start: i64,
    pub(super) granting: Vec<i32>,
    voters: SortedMap<i32, Progress>,
    observers: SortedMap<ReplicaKey, Progress>,
    fetched_voters: SortedSet<i32>,
    check_quorum_deadline: Option<SimTime>,
    pub(super) next_begin_epoch: SimTime,
    pub(super) resign_requested: bool,
    pub(super) accumulator: Accumulator,
}

impl LeaderState {
    /// A leader elected by `granting` whose log ends at `epoch_start`.
    pub(super) fn new(config: &QuorumConfig, epoch_start: i64, granting: Vec<i32>, now: SimTime) -> Self {
        let alone = config.voters.len() == 1;
        Self {
            own_id: config.node_id,
            epoch_start,
            granting,
            voters: config.voters.iter().map(|(id, voter)| (*id, Progress::new(voter.key))).collect(),
            observers: SortedMap::new(),
            fetched_voters: SortedSet::new(),
            check_quorum_deadline: (!alone).then_some(now + config.check_quorum_timeout()),
            next_begin_epoch: now,
            resign_requested: false,
            accumulator: Accumulator::new(epoch_start),
        }
    }

    /// When the leader resigns unless a majority has fetched by then. A single voter has no such time.
    pub(super) fn check_quorum_deadline(&self) -> Option<SimTime> {
        self.check_quorum_deadline
    }

    /// Notes where the leader's own log ends.
    pub(super) fn set_own_end(&mut self, end: i64) {
        self.voters.get_mut(&self.own_id).expect("a leader is a voter").end_offset = Some(end);
    }

    /// Notes a fetch from `offset`. A replica without an id leaves no trace.
    pub(super) fn fetched(&mut self, key: ReplicaKey, offset: i64, now: SimTime, config: &QuorumConfig) {
        if key.id < 0 {
            return;
        }
        let own_end = self.voters[&self.own_id].end_offset.unwrap_or(self.epoch_start);
        let progress = match self.voters.get_mut(&key.id) {
            Some(voter) if voter.key.fits(&key) => voter,
            _ => self.observers.entry(key).or_insert_with(|| Progress::new(key)),
        };
        progress.fetched(now, offset, own_end);
        self.heard_of(key, now, config);
    }

    /// Notes that a replica follows this leader, by a fetch of records or of a snapshot.
    pub(super) fn heard_of(&mut self, key: ReplicaKey, now: SimTime, config: &QuorumConfig) {
        if self.voters.get(&key.id).is_some_and(|voter| voter.key.fits(&key)) {
            self.fetched_voters.insert(key.id);
        }
        if self.fetched_voters.len() + 1 >= config.majority() {
            self.fetched_voters.clear();
            self.check_quorum_deadline = self.check_quorum_deadline.map(|_| now + config.check_quorum_timeout());
        }
    }

    /// The offset that a majority of the voters has reached. None while it is not beyond the start of the leader's own
    /// epoch: records of earlier epochs are committed by a record of this one (Raft, 5.4.2).
    pub(super) fn committed(&self) -> Option<i64> {
        let mut ends: Vec<Option<i64>> = self.voters.values().map(|voter| voter.end_offset).collect();
        ends.order_by(|a, b| b.cmp(a));
        ends[ends.len() / 2].filter(|offset| *offset > self.epoch_start)
    }

    /// The other voters, the one with the longest log first.
    pub(super) fn successors(&self) -> Vec<ReplicaKey> {
        let mut others: Vec<&Progress> = self.voters.values().filter(|voter| voter.key.id != self.own_id).collect();
        others.order_by_key(|voter| (std::cmp::Reverse(voter.end_offset), voter.key));
        others.into_iter().map(|voter| voter.key).collect()
    }

    /// The voters with their progress.
    pub(super) fn voters(&self) -> impl Iterator<Item = &Progress> {
        self.voters.values()
    }

    /// The observers that fetched lately, with their progress.
    pub(super) fn observers(&self, now: SimTime) -> impl Iterator<Item = &Progress> {
        self.observers.values().filter(move |progress| progress.last_fetch.is_some_and(|at| still_there(at, now)))
    }

    /// Drops observers that are gone.
    pub(super) fn forget_observers(&mut self, now: SimTime) {
        self.observers.retain(|_, progress| progress.last_fetch.is_some_and(|at| still_there(at, now)));
    }
}

fn still_there(last_fetch: SimTime, now: SimTime) -> bool {
    now.since(last_fetch) < OBSERVER_SESSION
}

/// Gathers the records that the state machine appends until a batch is full or has lingered
/// (`controller.quorum.append.linger.ms`), so that one write and one round of fetches serve many.
#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    complete: Vec<Bytes>,
    open: Vec<Record>,
    open_bytes: usize,
    next_offset: i64,
    drain_at: Option<SimTime>,
}

impl Accumulator {
    fn new(next_offset: i64) -> Self {
        Self { complete: Vec::new(), open: Vec::new(), open_bytes: 0, next_offset, drain_at: None }
    }

    /// Adds records, which all end up in one batch. The offset of the last.
    pub(super) fn append(&mut self, records: Vec<Record>, now: SimTime, linger: SimDuration) -> i64 {
        let bytes: usize = records.iter().map(records::size_upper_bound).sum();
        if !self.open.is_empty() && self.open_bytes + bytes > MAX_BATCH_BYTES {
            self.close_batch(now);
        }
        self.next_offset += records.len() as i64;
        self.open_bytes += bytes;
        self.open.extend(records);
        self.drain_at.get_or_insert(now + linger);
        self.next_offset - 1
    }

    /// Adds a control batch of one record, which does not linger.
    pub(super) fn append_control(&mut self, batch: Bytes, now: SimTime) {
        self.close_batch(now);
        self.next_offset += 1;
        self.complete.push(batch);
        self.drain_at = Some(now);
    }

    fn close_batch(&mut self, now: SimTime) {
        if !self.open.is_empty() {
            self.complete.push(records::build(&std::mem::take(&mut self.open)));
            self.open_bytes = 0;
            self.drain_at = Some(now);
        }
    }

    /// When its batches are to be written, if it has any.
    pub(super) fn drain_at(&self) -> Option<SimTime> {
        self.drain_at
    }

    /// Everything that waits, in order.
    pub(super) fn drain(&mut self, now: SimTime) -> Vec<Bytes> {
        self.close_batch(now);
        self.drain_at = None;
        std::mem::take(&mut self.complete)
    }
}
