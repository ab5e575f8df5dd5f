//! Fetches of the metadata log: how a leader serves them, and learns from them how far the others are.

use super::config::ReplicaKey;
use super::effect::{Effect, RequestToken, Turn};
use super::leader::LeaderState;
use super::log::Validity;
use super::messages::MAX_FETCH_BYTES;
use super::replica::Replica;
use super::state::{Role, State};
use crate::base::{SimDuration, SimTime};
use crate::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use crate::wire::messages::fetch_response::{EpochEndOffset, PartitionData, SnapshotId};
use crate::wire::messages::{FetchRequest, FetchResponse};
use crate::wire::{ErrorCode, ResponseKind};
use bytes::Bytes;

/// The first version of Fetch that names the replica in a field of its own.
const FIRST_WITH_REPLICA_STATE: i16 = 15;

/// What a fetch asks for, and of whom it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    version: i16,
    replica: ReplicaKey,
    epoch: i32,
    offset: i64,
    last_epoch: i32,
}

/// A fetch that waits for records or for news of the high watermark.
#[derive(Clone, Debug)]
pub(super) struct ParkedFetch {
    pub(super) request: RequestToken,
    asked: Asked,
    pub(super) deadline: SimTime,
    /// The answer that it would have got at once, and gets when its time is up.
    answer: FetchResponse,
}

impl Replica {
    /// Handles a fetch: its answer, or none if it waits for something to answer with.
    pub(super) fn fetch(
        &mut self,
        token: RequestToken,
        version: i16,
        request: &FetchRequest,
        turn: &mut Turn<'_>,
    ) -> Option<FetchResponse> {
        if !self.is_own_cluster(request.cluster_id.as_ref()) {
            return Some(FetchResponse::default().with_error_code(ErrorCode::INCONSISTENT_CLUSTER_ID.0));
        }
        let Some(partition) = self.fetched_partition(&request.topics) else {
            return Some(FetchResponse::default().with_error_code(ErrorCode::INVALID_REQUEST.0));
        };
        let (epoch, last_epoch) = (partition.current_leader_epoch, partition.last_fetched_epoch);
        if request.max_wait_ms < 0 || partition.fetch_offset < 0 || last_epoch < 0 || last_epoch > epoch {
            return Some(self.fetch_error(version, ErrorCode::INVALID_REQUEST));
        }
        let replica =
            if version >= FIRST_WITH_REPLICA_STATE { request.replica_state.replica_id } else { request.replica_id };
        let asked = Asked {
            version,
            replica: ReplicaKey::new(replica.0, partition.replica_directory_id),
            epoch,
            offset: partition.fetch_offset,
            last_epoch,
        };
        let answer = self.try_fetch(&asked, turn);
        if request.max_wait_ms == 0 || has_news(&answer, partition.high_watermark) {
            return Some(answer);
        }
        let deadline = turn.now + SimDuration::from_millis(request.max_wait_ms as u64);
        self.parked.push(ParkedFetch { request: token, asked, deadline, answer });
        None
    }

    /// The one partition of a fetch, if it is the metadata log. Its topic has to be named by id, so a version below 13
    /// cannot fetch it.
    fn fetched_partition<'a>(&self, topics: &'a [FetchTopic]) -> Option<&'a FetchPartition> {
        let [topic] = topics else { return None };
        let [partition] = &topic.partitions[..] else { return None };
        (topic.topic_id == self.config.topic_id && partition.partition == 0).then_some(partition)
    }

    /// What is wrong with a request that only the leader of `epoch` answers.
    pub(super) fn leader_error(&self, epoch: i32) -> Option<ErrorCode> {
        if epoch < self.epoch {
            Some(ErrorCode::FENCED_LEADER_EPOCH)
        } else if epoch > self.epoch {
            Some(ErrorCode::UNKNOWN_LEADER_EPOCH)
        } else if self.role() != Role::Leader {
            Some(ErrorCode::NOT_LEADER_OR_FOLLOWER)
        } else if self.stopping.is_some() {
            Some(ErrorCode::BROKER_NOT_AVAILABLE)
        } else {
            None
        }
    }

    /// Answers a fetch with what there is. Its offset tells how far the replica is.
    fn try_fetch(&mut self, asked: &Asked, turn: &mut Turn<'_>) -> FetchResponse {
        if let Some(error) = self.leader_error(asked.epoch) {
            return self.fetch_error(asked.version, error);
        }
        if asked.replica.id == self.config.node_id && asked.replica.id >= 0 {
            return self.fetch_error(asked.version, ErrorCode::UNKNOWN_SERVER_ERROR);
        }
        // A replica that has nothing starts with the snapshot.
        let validity = match self.log.latest_snapshot() {
            Some(snapshot) if asked.offset == 0 && snapshot.offset > 0 => Validity::Snapshot(snapshot),
            _ => self.log.validate(asked.offset, asked.last_epoch),
        };
        let mut records = Bytes::new();
        if validity == Validity::Valid {
            records = self.log.read(asked.offset, MAX_FETCH_BYTES as usize);
            let State::Leader(leader) = &mut self.state else { unreachable!("checked above") };
            leader.fetched(asked.replica, asked.offset, turn.now, &self.config);
            self.advance_high_watermark(turn);
        }
        let mut partition = PartitionData::default().with_records(Some(records));
        partition.high_watermark = self.high_watermark.unwrap_or(-1);
        partition.log_start_offset = self.log.start_offset();
        match validity {
            Validity::Valid => {}
            Validity::Diverging(end) => {
                partition.diverging_epoch = EpochEndOffset::default().with_epoch(end.epoch).with_end_offset(end.offset);
            }
            Validity::Snapshot(id) => {
                partition.snapshot_id = SnapshotId::default().with_epoch(id.epoch).with_end_offset(id.offset);
            }
        }
        self.config.fetch_response(&self.situation(), asked.version, partition)
    }

    fn fetch_error(&self, version: i16, error: ErrorCode) -> FetchResponse {
        let partition = PartitionData::default()
            .with_error_code(error.0)
            .with_high_watermark(-1)
            .with_log_start_offset(self.log.start_offset());
        self.config.fetch_response(&self.situation(), version, partition)
    }

    /// Raises the leader's high watermark to what a majority has, and answers every parked fetch with the news.
    pub(super) fn advance_high_watermark(&mut self, turn: &mut Turn<'_>) {
        let committed = self.leader_state().and_then(LeaderState::committed);
        let Some(offset) = committed.filter(|offset| self.high_watermark.is_none_or(|known| known < *offset)) else {
            return;
        };
        self.commit(offset, turn);
        self.answer_parked(|_| true, turn);
    }

    /// Answers the parked fetches that `is_ready` picks, with what there is now.
    pub(super) fn answer_parked(&mut self, is_ready: impl Fn(i64) -> bool, turn: &mut Turn<'_>) {
        let ready: Vec<ParkedFetch> = self.parked.extract_if(.., |parked| is_ready(parked.asked.offset)).collect();
        for parked in ready {
            let answer = self.try_fetch(&parked.asked, turn);
            turn.push(Effect::Respond { request: parked.request, body: ResponseKind::Fetch(answer) });
        }
    }

    /// Answers the parked fetches whose time is up.
    pub(super) fn expire_parked(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        for parked in self.parked.extract_if(.., |parked| parked.deadline <= now) {
            turn.push(Effect::Respond { request: parked.request, body: ResponseKind::Fetch(parked.answer) });
        }
    }

    /// Tells all who wait that this replica no longer leads.
    pub(super) fn refuse_parked(&mut self, turn: &mut Turn<'_>) {
        for parked in std::mem::take(&mut self.parked) {
            let answer = self.fetch_error(parked.asked.version, ErrorCode::NOT_LEADER_OR_FOLLOWER);
            turn.push(Effect::Respond { request: parked.request, body: ResponseKind::Fetch(answer) });
        }
    }
}

/// Whether an answer is worth sending at once to a replica that knows `high_watermark`. Replicas tell theirs since
/// version 18 (KIP-1166); to the others the field says that no high watermark is news.
fn has_news(answer: &FetchResponse, high_watermark: i64) -> bool {
    let partition = &answer.responses[0].partitions[0];
    partition.error_code != 0
        || partition.records.as_ref().is_some_and(|records| !records.is_empty())
        || partition.diverging_epoch != EpochEndOffset::default()
        || partition.snapshot_id != SnapshotId::default()
        || high_watermark < partition.high_watermark
}
