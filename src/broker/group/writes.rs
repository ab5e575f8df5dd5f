//! Writes and what waits for them (what `CoordinatorRuntime` does around Kafka's shard).

use super::effect::{Effect, GroupResponse, RequestToken, Turn, WriteId};
use super::join::StaticRejoin;
use super::member::Parked;
use super::shard::GroupShard;
use super::sync::Assignment;
use crate::base::{SimDuration, SimTime, Vector};
use crate::wire::{ErrorCode, GroupRecord};

/// What an operation on a group wants written, and what is to be done about it then (`CoordinatorResult`).
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) records: Vec<GroupRecord>,
    pub(super) completion: Completion,
}

/// What is to be done when a write is committed or has failed.
#[derive(Clone, Debug)]
pub(super) enum Completion {
    /// Nothing.
    Nothing,
    /// Answer a request.
    Respond(RequestToken, GroupResponse),
    /// The group of a JoinGroup is made: a failure fails the request if it waits.
    NewGroup(Parked),
    /// Give the members of a generation their assignments.
    Assign(Assignment),
    /// A static member has a new id: answer it, or give it the old one back.
    StaticRejoin(Box<StaticRejoin>),
}

/// What waits for a write.
#[derive(Clone, Debug)]
pub(super) struct Deferred {
    write: WriteId,
    /// When it fails if the write is not committed before.
    deadline: SimTime,
    completion: Completion,
}

/// Writes that are not committed, and what waits for them. Both are in the order of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    last_id: u64,
    written: u64,
    committed: u64,
    deferred: Vector<Deferred>,
}

impl Writes {
    /// A number for a write that is appended now.
    fn next(&mut self) -> WriteId {
        self.last_id += 1;
        self.written = self.last_id;
        WriteId(self.last_id)
    }

    /// When the first that waits has waited too long.
    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        self.deferred.front().map(|first| first.deadline)
    }

    /// Takes the first that waits, if it is to be completed.
    fn pop_if(&mut self, is_due: impl FnOnce(&Deferred) -> bool) -> Option<Completion> {
        self.deferred.front().filter(|first| is_due(first))?;
        self.deferred.pop_front().map(|first| first.completion)
    }
}

impl GroupShard {
    /// Appends what an operation on a classic group wants written. The group is already as the record has it.
    pub(super) fn append(&mut self, turn: &mut Turn<'_>, write: Option<Write>) {
        if let Some(Write { records, completion }) = write {
            self.append_records(turn, records, Replay::Not, true, completion);
        }
    }

    /// Appends records that make a change, and answers when they are committed. Without records the answer still waits
    /// for all that was written before, for it may tell of it.
    pub(super) fn append_and_respond(
        &mut self,
        turn: &mut Turn<'_>,
        records: Vec<GroupRecord>,
        request: RequestToken,
        response: GroupResponse,
    ) {
        self.append_records(turn, records, Replay::Now, true, Completion::Respond(request, response));
    }

    pub(super) fn append_records(
        &mut self,
        turn: &mut Turn<'_>,
        records: Vec<GroupRecord>,
        replay: Replay,
        atomic: bool,
        completion: Completion,
    ) {
        if records.is_empty() {
            return self.defer(turn, completion);
        }
        if !records.iter().all(GroupRecord::fits) {
            return self.complete(turn, completion, Err(ErrorCode::UNKNOWN_SERVER_ERROR));
        }
        let write = self.writes.next();
        if replay == Replay::Now {
            records.iter().for_each(|record| self.timeline.replay(record, Some(write)));
        }
        self.timeline.written(write);
        turn.push(Effect::Append { write, records, atomic });
        self.defer(turn, completion);
    }

    /// Completes at once, or when the last write is committed.
    fn defer(&mut self, turn: &mut Turn<'_>, completion: Completion) {
        if self.writes.written <= self.writes.committed {
            return self.complete(turn, completion, Ok(()));
        }
        let timeout_ms = self.config.offsets_commit_timeout_ms.max(0) as u64;
        let deadline = turn.now + SimDuration::from_millis(timeout_ms);
        let write = WriteId(self.writes.written);
        self.writes.deferred.push_back(Deferred { write, deadline, completion });
    }

    /// The high watermark has passed a write, and so all before it.
    pub fn committed(&mut self, turn: &mut Turn<'_>, write: WriteId) {
        self.timeline.commit(write);
        self.writes.committed = self.writes.committed.max(write.0);
        while let Some(completion) = self.writes.pop_if(|first| first.write <= write) {
            self.complete(turn, completion, Ok(()));
        }
    }

    /// The log has refused a write, and so all after it: what they changed is as it was before them.
    ///
    /// `error` is what the log said: NOT_LEADER_OR_FOLLOWER, MESSAGE_TOO_LARGE …
    pub fn failed(&mut self, turn: &mut Turn<'_>, write: WriteId, error: ErrorCode) {
        let first = self.writes.deferred.iter().position(|deferred| deferred.write >= write);
        let failed = first.map(|first| self.writes.deferred.split_off(first)).unwrap_or_default();
        self.writes.written = self.writes.written.min(write.0 - 1);
        for deferred in failed {
            self.complete(turn, deferred.completion, Err(error));
        }
        self.timeline.revert(write);
    }

    /// Fails what has waited for its write too long. The write itself may still be committed, and what it changed stays.
    pub(super) fn expire_writes(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        while let Some(completion) = self.writes.pop_if(|first| first.deadline <= now) {
            self.complete(turn, completion, Err(ErrorCode::REQUEST_TIMED_OUT));
        }
    }

    /// Fails all that waits: the partition is led by another broker.
    pub(super) fn fail_all_writes(&mut self, turn: &mut Turn<'_>) {
        while let Some(completion) = self.writes.pop_if(|_| true) {
            self.complete(turn, completion, Err(ErrorCode::NOT_COORDINATOR));
        }
    }

    /// The write that stands for all records that were replayed while loading.
    pub(super) fn begin_with_loaded(&mut self) -> WriteId {
        let write = self.writes.next();
        self.timeline.written(write);
        write
    }

    fn complete(&mut self, turn: &mut Turn<'_>, completion: Completion, result: Result<(), ErrorCode>) {
        match (completion, result) {
            (Completion::Nothing | Completion::NewGroup(..), Ok(())) | (Completion::Nothing, Err(_)) => {}
            (Completion::Respond(request, response), Ok(())) => turn.push(Effect::Respond { request, response }),
            (Completion::Respond(request, response), Err(error)) => {
                turn.push(Effect::Respond { request, response: failure(response, error) });
            }
            (Completion::NewGroup(request), Err(error)) => self.fail_join(turn, request, error),
            (Completion::Assign(assignment), result) => self.complete_assignment(turn, assignment, result),
            (Completion::StaticRejoin(rejoin), result) => self.complete_static_rejoin(turn, *rejoin, result),
        }
    }
}

/// Whether records change what the shard knows when they are appended. Those of a group's rebalances do not: the group
/// has changed already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replay {
    Now,
    Not,
}

/// What a client is told when a write fails (`handleOperationException`): the log's own errors say nothing to it.
pub(super) fn response_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::NETWORK_EXCEPTION => ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::NOT_ENOUGH_REPLICAS | ErrorCode::REQUEST_TIMED_OUT => {
            ErrorCode::COORDINATOR_NOT_AVAILABLE
        }
        ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::KAFKA_STORAGE_ERROR => ErrorCode::NOT_COORDINATOR,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE | ErrorCode::INVALID_FETCH_SIZE => {
            ErrorCode::UNKNOWN_SERVER_ERROR
        }
        other => other,
    }
}

/// The response, turned into that of a request whose write has failed.
fn failure(response: GroupResponse, error: ErrorCode) -> GroupResponse {
    let code = response_error(error).0;
    match response {
        GroupResponse::Join(_) => GroupResponse::Join(super::join::refusal("", response_error(error))),
        GroupResponse::Sync(_) => GroupResponse::Sync(super::sync::refusal(response_error(error))),
        // A client that heartbeats while the coordinator loads may go on.
        GroupResponse::Heartbeat(response) if response_error(error) == ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => {
            GroupResponse::Heartbeat(response.with_error_code(0))
        }
        GroupResponse::Heartbeat(response) => GroupResponse::Heartbeat(response.with_error_code(code)),
        GroupResponse::Leave(response) => GroupResponse::Leave(response.with_error_code(code).with_members(Vec::new())),
        GroupResponse::OffsetCommit(mut response) => {
            let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| partition.error_code = code);
            GroupResponse::OffsetCommit(response)
        }
        GroupResponse::OffsetFetch(response) => {
            GroupResponse::OffsetFetch(super::offset_fetch::failure(response, error))
        }
        GroupResponse::OffsetDelete(response) => {
            GroupResponse::OffsetDelete(response.with_error_code(code).with_topics(Vec::new()))
        }
        GroupResponse::DeleteGroups(mut results) => {
            results.iter_mut().for_each(|result| result.error_code = code);
            GroupResponse::DeleteGroups(results)
        }
    }
}
