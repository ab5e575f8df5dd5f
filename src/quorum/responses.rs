//! What a replica makes of the answers to its requests.

use super::effect::{Effect, Turn};
use super::log::OffsetAndEpoch;
use super::replica::Replica;
use super::state::{Download, Role, State};
use crate::wire::messages::fetch_response::PartitionData;
use crate::wire::messages::{
    BeginQuorumEpochResponse, EndQuorumEpochResponse, FetchResponse, FetchSnapshotResponse, VoteResponse,
};
use crate::wire::{ErrorCode, ResponseKind};
use bytes::BytesMut;

/// What an answer means for the node that gave it: whether it is left alone for a while
/// (`controller.quorum.retry.backoff.ms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Good,
    Bad,
}

use Outcome::{Bad, Good};

impl Replica {
    /// Handles the answer of node `from` to the request with this number. An answer that nothing waits for any more is
    /// passed over.
    pub fn handle_response(&mut self, from: i32, correlation_id: i32, body: &ResponseKind, turn: &mut Turn<'_>) {
        if self.stopped || !self.connections.expects(from, correlation_id) {
            return;
        }
        self.wake = Some(turn.now);
        let outcome = match body {
            ResponseKind::Vote(body) => self.vote_answered(from, body, turn),
            ResponseKind::BeginQuorumEpoch(body) => self.begin_answered(body, turn),
            ResponseKind::EndQuorumEpoch(body) => self.end_answered(from, body, turn),
            ResponseKind::Fetch(body) => self.fetch_answered(body, turn),
            ResponseKind::FetchSnapshot(body) => self.snapshot_answered(body, turn),
            ResponseKind::UpdateRaftVoter(body) => self.update_voter_answered(body, turn),
            _ => Bad,
        };
        self.connections.answered(from, correlation_id, outcome == Good, turn.now);
    }

    /// Handles the failure of a request: BROKER_NOT_AVAILABLE when the connection broke or could not be made,
    /// UNSUPPORTED_VERSION when the node does not speak the request's version.
    pub fn handle_failure(&mut self, from: i32, correlation_id: i32, error: ErrorCode, turn: &mut Turn<'_>) {
        if self.stopped || !self.connections.expects(from, correlation_id) {
            return;
        }
        self.wake = Some(turn.now);
        let outcome = self.top_level(error, turn);
        self.connections.answered(from, correlation_id, outcome == Good, turn.now);
    }

    /// What an error outside any partition means.
    fn top_level(&mut self, error: ErrorCode, turn: &mut Turn<'_>) -> Outcome {
        match error {
            // A voter from before KIP-996 cannot be asked first.
            ErrorCode::UNSUPPORTED_VERSION if self.role() == Role::Prospective => {
                self.become_candidate(turn);
                return Good;
            }
            ErrorCode::CLUSTER_AUTHORIZATION_FAILED => self.fail("a node refuses requests of this cluster", turn),
            _ => {}
        }
        Bad
    }

    /// What every answer says about the quorum. None when the answer itself is still to be looked at.
    pub(super) fn common(&mut self, error: ErrorCode, leader: i32, epoch: i32, turn: &mut Turn<'_>) -> Option<Outcome> {
        let leader = (leader >= 0).then_some(leader);
        if epoch < self.epoch || error == ErrorCode::UNKNOWN_LEADER_EPOCH {
            return Some(Good);
        }
        let newer = epoch > self.epoch;
        if newer || error == ErrorCode::FENCED_LEADER_EPOCH || error == ErrorCode::NOT_LEADER_OR_FOLLOWER {
            self.learn(leader, epoch, turn);
            return Some(Good);
        }
        if let (Some(leader), None) = (leader, self.leader()) {
            self.become_follower(epoch, leader, turn);
            return (self.stopped || error != ErrorCode::NONE).then_some(Good);
        }
        match error {
            ErrorCode::BROKER_NOT_AVAILABLE => Some(Bad),
            ErrorCode::INVALID_VOTER_KEY => Some(Good),
            ErrorCode::INVALID_REQUEST => {
                self.fail("Received unexpected invalid request error", turn);
                Some(Bad)
            }
            _ => None,
        }
    }

    fn vote_answered(&mut self, from: i32, body: &VoteResponse, turn: &mut Turn<'_>) -> Outcome {
        if body.error_code != 0 {
            return self.top_level(ErrorCode(body.error_code), turn);
        }
        let [topic] = &body.topics[..] else { return Bad };
        if !self.is_own_topic(&topic.topic_name, topic.partitions.iter().map(|p| &p.partition_index)) {
            return Bad;
        }
        let answer = &topic.partitions[0];
        let error = ErrorCode(answer.error_code);
        if let Some(outcome) = self.common(error, answer.leader_id.0, answer.leader_epoch, turn) {
            return outcome;
        }
        if error != ErrorCode::NONE {
            return Bad;
        }
        match &mut self.state {
            State::Prospective { tally, .. } => {
                tally.record(from, answer.vote_granted);
                if tally.is_won() {
                    self.become_candidate(turn);
                } else if tally.is_lost() {
                    self.give_up_prospect(turn);
                }
            }
            // A candidate that has lost waits for its time to run out, and perhaps for a leader.
            State::Candidate { tally, .. } => {
                tally.record(from, answer.vote_granted);
                if tally.is_won() {
                    self.become_leader(turn);
                }
            }
            _ => {}
        }
        Good
    }

    /// A Prospective that will not be elected goes back to the leader that it knew, or waits for one.
    pub(super) fn give_up_prospect(&mut self, turn: &mut Turn<'_>) {
        match self.leader() {
            Some(leader) if self.config.voters.contains_key(&leader) => self.become_follower(self.epoch, leader, turn),
            leader => self.become_unattached(self.epoch, leader, turn),
        }
    }

    fn begin_answered(&mut self, body: &BeginQuorumEpochResponse, turn: &mut Turn<'_>) -> Outcome {
        if body.error_code != 0 {
            return self.top_level(ErrorCode(body.error_code), turn);
        }
        let [topic] = &body.topics[..] else { return Bad };
        if !self.is_own_topic(&topic.topic_name, topic.partitions.iter().map(|p| &p.partition_index)) {
            return Bad;
        }
        let answer = &topic.partitions[0];
        let error = ErrorCode(answer.error_code);
        let common = self.common(error, answer.leader_id.0, answer.leader_epoch, turn);
        common.unwrap_or(if error == ErrorCode::NONE { Good } else { Bad })
    }

    fn end_answered(&mut self, from: i32, body: &EndQuorumEpochResponse, turn: &mut Turn<'_>) -> Outcome {
        if body.error_code != 0 {
            return self.top_level(ErrorCode(body.error_code), turn);
        }
        let [topic] = &body.topics[..] else { return Bad };
        if !self.is_own_topic(&topic.topic_name, topic.partitions.iter().map(|p| &p.partition_index)) {
            return Bad;
        }
        let answer = &topic.partitions[0];
        let error = ErrorCode(answer.error_code);
        if let Some(outcome) = self.common(error, answer.leader_id.0, answer.leader_epoch, turn) {
            return outcome;
        }
        match &mut self.state {
            State::Resigned { unacknowledged, .. } if error == ErrorCode::NONE => {
                unacknowledged.remove(&from);
                Good
            }
            _ => Bad,
        }
    }

    fn fetch_answered(&mut self, body: &FetchResponse, turn: &mut Turn<'_>) -> Outcome {
        if body.error_code != 0 {
            return self.top_level(ErrorCode(body.error_code), turn);
        }
        let [topic] = &body.responses[..] else { return Bad };
        let [answer] = &topic.partitions[..] else { return Bad };
        if topic.topic_id != self.config.topic_id || answer.partition_index != 0 {
            return Bad;
        }
        let (error, leader) = (ErrorCode(answer.error_code), &answer.current_leader);
        if let Some(outcome) = self.common(error, leader.leader_id.0, leader.leader_epoch, turn) {
            return outcome;
        }
        if self.role() != Role::Follower {
            self.fail(format!("the answer to a fetch came to a {}", self.role()), turn);
            return Bad;
        }
        if error != ErrorCode::NONE {
            return Bad;
        }
        let taken = self.take_fetched(answer, turn);
        if taken == Good {
            self.heard_from_leader(turn);
        }
        taken
    }

    /// Does what the leader's answer says: cut the log, get a snapshot, or append.
    fn take_fetched(&mut self, answer: &PartitionData, turn: &mut Turn<'_>) -> Outcome {
        let (diverging, snapshot) = (&answer.diverging_epoch, &answer.snapshot_id);
        if diverging.epoch >= 0 {
            let end = OffsetAndEpoch { offset: diverging.end_offset, epoch: diverging.epoch };
            return self.truncate(end, turn);
        }
        if snapshot.epoch >= 0 || snapshot.end_offset >= 0 {
            if snapshot.epoch < 0 || snapshot.end_offset < 0 {
                return Bad;
            }
            let id = OffsetAndEpoch { offset: snapshot.end_offset, epoch: snapshot.epoch };
            if let State::Follower { download, .. } = &mut self.state
                && self.log.snapshot(id).is_none()
            {
                *download = Some(Download { id, received: BytesMut::new() });
            }
            return Good;
        }
        if !self.log.append_as_follower(answer.records.clone().unwrap_or_default(), self.epoch) {
            self.fail("the leader's records do not go on where this log ends", turn);
            return Bad;
        }
        if self.config.is_voter() {
            self.log.flush();
        }
        self.follow_high_watermark(answer.high_watermark, turn)
    }

    /// Cuts the log back to where it parts from the leader's, which ends an epoch at `end`.
    fn truncate(&mut self, end: OffsetAndEpoch, turn: &mut Turn<'_>) -> Outcome {
        let (offset, committed) = (self.log.divergence(end), self.log.high_watermark());
        if offset < committed {
            self.fail(format!("the leader's log parts at {offset}, but {committed} is committed"), turn);
            return Bad;
        }
        self.log.truncate(offset);
        turn.push(Effect::Truncated(offset));
        Good
    }

    /// Takes over the leader's high watermark, as far as the log goes. A new leader does not know it: -1.
    fn follow_high_watermark(&mut self, leaders: i64, turn: &mut Turn<'_>) -> Outcome {
        let offset = leaders.min(self.log.end_offset());
        match self.high_watermark {
            _ if leaders < 0 => Good,
            Some(known) if known == offset => Good,
            Some(known) if known > offset => {
                self.fail(format!("the high watermark falls from {known} to {offset}"), turn);
                Bad
            }
            _ => {
                self.commit(offset, turn);
                Good
            }
        }
    }

    fn heard_from_leader(&mut self, turn: &Turn<'_>) {
        let timeout = self.config.fetch_timeout;
        if let State::Follower { fetch_deadline, has_fetched, .. } = &mut self.state {
            *fetch_deadline = turn.now + timeout;
            *has_fetched = true;
        }
    }

    fn snapshot_answered(&mut self, body: &FetchSnapshotResponse, turn: &mut Turn<'_>) -> Outcome {
        if body.error_code != 0 {
            return self.top_level(ErrorCode(body.error_code), turn);
        }
        let [topic] = &body.topics[..] else { return Bad };
        if !self.is_own_topic(&topic.name, topic.partitions.iter().map(|p| &p.index)) {
            return Bad;
        }
        let answer = &topic.partitions[0];
        let (error, leader) = (ErrorCode(answer.error_code), &answer.current_leader);
        if let Some(outcome) = self.common(error, leader.leader_id.0, leader.leader_epoch, turn) {
            return outcome;
        }
        let State::Follower { download, .. } = &mut self.state else {
            self.fail(format!("a piece of a snapshot came to a {}", self.role()), turn);
            return Bad;
        };
        let id = OffsetAndEpoch { offset: answer.snapshot_id.end_offset, epoch: answer.snapshot_id.epoch };
        if error == ErrorCode::SNAPSHOT_NOT_FOUND || id.offset < 0 || id.epoch < 0 {
            *download = None;
            self.heard_from_leader(turn);
            return Good;
        }
        if error != ErrorCode::NONE {
            return Bad;
        }
        let expected = download.as_ref().map(|d| (d.id, d.received.len() as i64));
        if expected != Some((id, answer.position)) {
            self.fail(format!("a piece at {} of snapshot {id:?} came unasked", answer.position), turn);
            return Bad;
        }
        let piece = download.as_mut().expect("just looked at");
        piece.received.extend_from_slice(&answer.unaligned_records);
        if piece.received.len() as i64 == answer.size {
            let content = download.take().expect("just looked at").received.freeze();
            self.log.restart_at(id, content);
            turn.push(Effect::SnapshotTaken(id.offset));
            self.commit(self.log.high_watermark(), turn);
        }
        self.heard_from_leader(turn);
        Good
    }
}
