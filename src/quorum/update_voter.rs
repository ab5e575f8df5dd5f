//! How a voter tells its leader of its listeners and of the `kraft.version`s that it can (UpdateRaftVoter, KIP-853).
//!
//! With a static quorum (`kraft.version` 0, the only one built) the set of voters is in no log, so a leader keeps what it
//! is told in memory, for the day when the quorum becomes a dynamic one, and every new leader is told again.

use super::effect::Turn;
use super::messages::LISTENER;
use super::replica::Replica;
use super::responses::Outcome;
use super::state::State;
use crate::base::SimTime;
use crate::wire::messages::update_raft_voter_request::{KRaftVersionFeature, Listener};
use crate::wire::messages::update_raft_voter_response::CurrentLeader;
use crate::wire::messages::{UpdateRaftVoterRequest, UpdateRaftVoterResponse};
use crate::wire::{ApiKey, ErrorCode, RequestKind, StrBytes};

/// The `kraft.version`s that Kafka 4.1 can: static and dynamic quorums.
const KRAFT_VERSIONS: (i16, i16) = (0, 1);

impl Replica {
    /// Tells the leader; while a fetch is on its way there, it waits for that first. When to look again.
    pub(super) fn update_voter(&mut self, leader: i32, turn: &mut Turn<'_>) -> SimTime {
        if let Err(until) = self.connections.ready(leader, turn.now) {
            return until;
        }
        let again = turn.now + self.config.update_voter_period();
        if let State::Follower { update_voter_at, .. } = &mut self.state {
            *update_voter_at = Some(again);
        }
        let body = |replica: &Self| RequestKind::UpdateRaftVoter(replica.update_voter_request());
        self.send(leader, ApiKey::UpdateRaftVoter, body, turn).min(again)
    }

    fn update_voter_request(&self) -> UpdateRaftVoterRequest {
        let endpoint = &self.config.voters[&self.config.node_id].endpoint;
        let listener = Listener::default()
            .with_name(StrBytes::from_static_str(LISTENER))
            .with_host(StrBytes::from_string(endpoint.host.to_string()))
            .with_port(endpoint.port);
        let versions = KRaftVersionFeature::default()
            .with_min_supported_version(KRAFT_VERSIONS.0)
            .with_max_supported_version(KRAFT_VERSIONS.1);
        UpdateRaftVoterRequest::default()
            .with_cluster_id(self.config.cluster())
            .with_current_leader_epoch(self.epoch)
            .with_voter_id(self.config.node_id)
            .with_voter_directory_id(self.config.directory_id)
            .with_listeners(vec![listener])
            .with_k_raft_version_feature(versions)
    }

    /// A leader's answer (`UpdateVoterHandler`).
    pub(super) fn voter_updated(&self, request: &UpdateRaftVoterRequest) -> UpdateRaftVoterResponse {
        let error = self.update_voter_error(request).unwrap_or(ErrorCode::NONE);
        let at = self.situation();
        let mut leader = CurrentLeader::default().with_leader_id(at.leader_id()).with_leader_epoch(at.epoch);
        if let Some((_, host, port)) = at.node(true) {
            leader = leader.with_host(host).with_port(i32::from(port));
        }
        UpdateRaftVoterResponse::default().with_error_code(error.0).with_current_leader(leader)
    }

    fn update_voter_error(&self, request: &UpdateRaftVoterRequest) -> Option<ErrorCode> {
        if !self.is_own_cluster(request.cluster_id.as_ref()) {
            return Some(ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        if let Some(error) = self.leader_error(request.current_leader_epoch) {
            return Some(error);
        }
        let has_listener = request.listeners.iter().any(|listener| *listener.name == *LISTENER);
        let versions = &request.k_raft_version_feature;
        let fits = versions.min_supported_version <= 0 && versions.max_supported_version >= 0;
        if request.voter_id < 0 || request.voter_directory_id.is_nil() || !has_listener {
            Some(ErrorCode::INVALID_REQUEST)
        } else if self.high_watermark.is_none() {
            // Kafka waits until it knows what is committed, and then looks at the request's time: the voter asks again.
            Some(ErrorCode::REQUEST_TIMED_OUT)
        } else if !fits {
            Some(ErrorCode::INVALID_REQUEST)
        } else if !self.config.voters.contains_key(&request.voter_id) {
            Some(ErrorCode::VOTER_NOT_FOUND)
        } else {
            None
        }
    }

    /// What a follower makes of the answer: it has told this leader, unless it is to ask again.
    pub(super) fn update_voter_answered(&mut self, body: &UpdateRaftVoterResponse, turn: &mut Turn<'_>) -> Outcome {
        let (error, leader) = (ErrorCode(body.error_code), &body.current_leader);
        if let Some(outcome) = self.common(error, leader.leader_id.0, leader.leader_epoch, turn) {
            return outcome;
        }
        if error != ErrorCode::NONE && error != ErrorCode::UNSUPPORTED_VERSION {
            return Outcome::Bad;
        }
        if let State::Follower { update_voter_at, .. } = &mut self.state {
            *update_voter_at = None;
        }
        Outcome::Good
    }
}
