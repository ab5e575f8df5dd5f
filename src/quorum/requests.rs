//! What a replica answers when it is asked for its vote or told about a leader.

use super::config::ReplicaKey;
use super::effect::{Effect, RequestToken, Turn};
use super::log::OffsetAndEpoch;
use super::messages::Situation;
use super::replica::Replica;
use super::state::{Role, State};
use crate::base::{SimDuration, SimTime};
use crate::machine::Mutant;
use crate::wire::messages::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, EndQuorumEpochRequest, EndQuorumEpochResponse, VoteRequest,
    VoteResponse,
};
use crate::wire::{ErrorCode, RequestKind, ResponseKind, StrBytes};

impl Replica {
    /// Handles a request at `version` that came to this node's controller listener, under the number by which the
    /// answer will name it ([`Effect::Respond`], at once or, for a fetch, later). False for an API that is not Raft's.
    pub fn handle_request(
        &mut self,
        request: RequestToken,
        version: i16,
        body: &RequestKind,
        turn: &mut Turn<'_>,
    ) -> bool {
        if self.stopped {
            return true;
        }
        self.wake = Some(turn.now);
        let answer = match body {
            RequestKind::Vote(body) => ResponseKind::Vote(self.vote(version, body, turn)),
            RequestKind::BeginQuorumEpoch(body) => {
                ResponseKind::BeginQuorumEpoch(self.begin_epoch(version, body, turn))
            }
            RequestKind::EndQuorumEpoch(body) => ResponseKind::EndQuorumEpoch(self.end_epoch(version, body, turn)),
            RequestKind::Fetch(body) => match self.fetch(request, version, body, turn) {
                Some(answer) => ResponseKind::Fetch(answer),
                None => return true,
            },
            RequestKind::FetchSnapshot(body) => ResponseKind::FetchSnapshot(self.fetch_snapshot(version, body, turn)),
            RequestKind::DescribeQuorum(body) => {
                ResponseKind::DescribeQuorum(self.describe_quorum(version, body, turn))
            }
            RequestKind::UpdateRaftVoter(body) => ResponseKind::UpdateRaftVoter(self.voter_updated(body)),
            _ => return false,
        };
        if !self.stopped {
            turn.push(Effect::Respond { request, body: answer });
        }
        true
    }

    /// What answers say about the quorum. The endpoint of a leader that was only heard of is not passed on.
    pub(super) fn situation(&self) -> Situation {
        let leader = self.leader();
        let known = leader.filter(|_| self.role() != Role::Unattached);
        let endpoint = known.and_then(|id| self.config.voters.get(&id)).map(|voter| voter.endpoint.clone());
        Situation { epoch: self.epoch, leader, endpoint }
    }

    pub(super) fn is_own_cluster(&self, cluster: Option<&StrBytes>) -> bool {
        cluster.is_none_or(|id| **id == *self.config.cluster_id)
    }

    /// Whether a message is about the metadata log and nothing else.
    pub(super) fn is_own_topic<'a>(&self, name: &str, mut partitions: impl Iterator<Item = &'a i32>) -> bool {
        name == &*self.config.topic && partitions.next() == Some(&0) && partitions.next().is_none()
    }

    /// What is wrong with a request of another voter about `epoch`.
    fn voter_error(&self, sender: i32, epoch: i32) -> Option<ErrorCode> {
        if epoch < self.epoch {
            Some(ErrorCode::FENCED_LEADER_EPOCH)
        } else if sender < 0 {
            Some(ErrorCode::INVALID_REQUEST)
        } else {
            None
        }
    }

    /// Whether the voter that a request names is this replica (KIP-853); requests need not name one.
    fn is_addressed(&self, voter: ReplicaKey) -> bool {
        voter.id < 0 || voter.fits(&self.config.own_key())
    }

    fn vote(&mut self, version: i16, request: &VoteRequest, turn: &mut Turn<'_>) -> VoteResponse {
        if !self.is_own_cluster(request.cluster_id.as_ref()) {
            return VoteResponse::default().with_error_code(ErrorCode::INCONSISTENT_CLUSTER_ID.0);
        }
        let [topic] = &request.topics[..] else { return invalid_vote() };
        if !self.is_own_topic(&topic.topic_name, topic.partitions.iter().map(|p| &p.partition_index)) {
            return invalid_vote();
        }
        let asked = &topic.partitions[0];
        let candidate = ReplicaKey::new(asked.replica_id.0, asked.replica_directory_id);
        let voter = ReplicaKey::new(request.voter_id.0, asked.voter_directory_id);
        let end = OffsetAndEpoch { offset: asked.last_offset, epoch: asked.last_offset_epoch };
        let decided = self.decide_vote(candidate, voter, asked.replica_epoch, end, asked.pre_vote, turn);
        let (error, granted) = match decided {
            Ok(granted) => (ErrorCode::NONE, granted),
            Err(error) => (error, false),
        };
        self.config.vote_response(&self.situation(), version, error, granted)
    }

    /// Whether `candidate` gets the vote of this replica, which the request names as `voter`.
    fn decide_vote(
        &mut self,
        candidate: ReplicaKey,
        voter: ReplicaKey,
        epoch: i32,
        end: OffsetAndEpoch,
        pre_vote: bool,
        turn: &mut Turn<'_>,
    ) -> Result<bool, ErrorCode> {
        // A candidate's epoch is new; a prospective one still asks in that of its log.
        let illegal_epoch = if pre_vote { end.epoch > epoch } else { end.epoch >= epoch };
        if end.offset < 0 || end.epoch < 0 || illegal_epoch {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        if let Some(error) = self.voter_error(candidate.id, epoch) {
            return Err(error);
        }
        if epoch > self.epoch {
            self.become_unattached(epoch, None, turn);
        }
        if !self.is_addressed(voter) {
            return Err(ErrorCode::INVALID_VOTER_KEY);
        }
        let granted =
            self.state.grants(&candidate, end >= self.end(), pre_vote) || turn.is_mutant(Mutant::VoteGrantedTwice);
        if granted && !pre_vote {
            self.add_vote(candidate, turn);
        }
        Ok(granted)
    }

    fn begin_epoch(
        &mut self,
        version: i16,
        request: &BeginQuorumEpochRequest,
        turn: &mut Turn<'_>,
    ) -> BeginQuorumEpochResponse {
        let refused = |error: ErrorCode| BeginQuorumEpochResponse::default().with_error_code(error.0);
        if !self.is_own_cluster(request.cluster_id.as_ref()) {
            return refused(ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        let [topic] = &request.topics[..] else { return refused(ErrorCode::INVALID_REQUEST) };
        if !self.is_own_topic(&topic.topic_name, topic.partitions.iter().map(|p| &p.partition_index)) {
            return refused(ErrorCode::INVALID_REQUEST);
        }
        let told = &topic.partitions[0];
        let error = match self.voter_error(told.leader_id.0, told.leader_epoch) {
            Some(error) => error,
            None => {
                self.learn(Some(told.leader_id.0), told.leader_epoch, turn);
                let voter = ReplicaKey::new(request.voter_id.0, told.voter_directory_id);
                if self.is_addressed(voter) { ErrorCode::NONE } else { ErrorCode::INVALID_VOTER_KEY }
            }
        };
        self.config.begin_response(&self.situation(), version, error)
    }

    fn end_epoch(
        &mut self,
        version: i16,
        request: &EndQuorumEpochRequest,
        turn: &mut Turn<'_>,
    ) -> EndQuorumEpochResponse {
        let refused = |error: ErrorCode| EndQuorumEpochResponse::default().with_error_code(error.0);
        if !self.is_own_cluster(request.cluster_id.as_ref()) {
            return refused(ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        let [topic] = &request.topics[..] else { return refused(ErrorCode::INVALID_REQUEST) };
        if !self.is_own_topic(&topic.topic_name, topic.partitions.iter().map(|p| &p.partition_index)) {
            return refused(ErrorCode::INVALID_REQUEST);
        }
        let told = &topic.partitions[0];
        let error = self.voter_error(told.leader_id.0, told.leader_epoch);
        if error.is_none() {
            self.learn(Some(told.leader_id.0), told.leader_epoch, turn);
            // Version 0 names the successors by id alone.
            let candidates = told
                .preferred_candidates
                .iter()
                .map(|candidate| ReplicaKey::new(candidate.candidate_id.0, candidate.candidate_directory_id));
            let ids = told.preferred_successors.iter().map(|id| ReplicaKey { id: *id, directory: None });
            let successors: Vec<ReplicaKey> =
                if told.preferred_candidates.is_empty() { ids.collect() } else { candidates.collect() };
            self.await_election(told.leader_id.0, &successors, turn.now);
        }
        self.config.end_response(&self.situation(), version, error.unwrap_or(ErrorCode::NONE))
    }

    /// The leader has resigned: the first of its successors holds an election at once, the others a little later.
    fn await_election(&mut self, resigned: i32, successors: &[ReplicaKey], now: SimTime) {
        let own = self.config.own_key();
        let place = successors.iter().position(|key| key.fits(&own)).unwrap_or(successors.len());
        let wait = succession_wait(self.config.election_backoff_max, place, successors.len());
        if let State::Follower { leader, fetch_deadline, .. } = &mut self.state
            && *leader == resigned
        {
            *fetch_deadline = now + wait;
        }
    }

    /// Takes note of an epoch and its leader that a peer told of.
    pub(super) fn learn(&mut self, leader: Option<i32>, epoch: i32, turn: &mut Turn<'_>) {
        if !self.agrees(leader, epoch) {
            let (own, known) = (self.epoch, self.leader());
            let why = format!("told of leader {leader:?} of epoch {epoch}, but knows {known:?} as leader of {own}");
            return self.fail(why, turn);
        }
        match leader {
            Some(leader) if epoch > self.epoch => self.become_follower(epoch, leader, turn),
            None if epoch > self.epoch => self.become_unattached(epoch, None, turn),
            Some(leader) if self.leader().is_none() => self.become_follower(epoch, leader, turn),
            // An unattached replica that had only heard of the leader can fetch from it now.
            Some(leader) if self.role() == Role::Unattached => self.become_follower(epoch, leader, turn),
            _ => {}
        }
    }

    /// Whether a peer's view of the leader can be: an epoch has one leader, and this replica knows when it leads.
    fn agrees(&self, leader: Option<i32>, epoch: i32) -> bool {
        if leader == Some(self.config.node_id) {
            return self.role() == Role::Leader;
        }
        epoch != self.epoch || leader.is_none() || self.leader().is_none() || leader == self.leader()
    }
}

fn invalid_vote() -> VoteResponse {
    VoteResponse::default().with_error_code(ErrorCode::INVALID_REQUEST.0)
}

/// How long a voter waits that is at `place` among `count` successors: none for the first, then twice as long with each
/// place, up to `controller.quorum.election.backoff.max.ms`; that for one that is not among them.
fn succession_wait(max: SimDuration, place: usize, count: usize) -> SimDuration {
    if place == 0 {
        return SimDuration::ZERO;
    }
    if place >= count {
        return max;
    }
    let base = max.as_millis() >> (count - 1).min(63);
    SimDuration::from_millis((base << (place - 1).min(63)).min(max.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successors_wait_by_their_place() {
        let ms = |place, count| succession_wait(SimDuration::from_millis(1_000), place, count).as_millis();
        assert_eq!([ms(0, 2), ms(1, 2), ms(2, 2)], [0, 500, 1_000]);
        assert_eq!([ms(0, 4), ms(1, 4), ms(2, 4), ms(3, 4), ms(4, 4)], [0, 125, 250, 500, 1_000]);
        assert_eq!([ms(0, 0), ms(0, 1), ms(1, 1)], [0, 0, 1_000]);
    }
}
