//! Raft's requests and answers, built for the one partition that there is.

use super::config::{QuorumConfig, ReplicaKey};
use super::log::OffsetAndEpoch;
use crate::base::Endpoint;
use crate::wire::messages::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, EndQuorumEpochRequest, EndQuorumEpochResponse, FetchRequest,
    FetchResponse, FetchSnapshotRequest, FetchSnapshotResponse, VoteRequest, VoteResponse,
};
use crate::wire::messages::{
    begin_quorum_epoch_request as begin_request, begin_quorum_epoch_response as begin_response,
    end_quorum_epoch_request as end_request, end_quorum_epoch_response as end_response, fetch_request, fetch_response,
    fetch_snapshot_request as snapshot_request, fetch_snapshot_response as snapshot_response, vote_request,
    vote_response,
};
use crate::wire::{ApiKey, BrokerId, CONTROLLER_APIS, ErrorCode, StrBytes, TopicName, range_in};

/// A fetch waits so long at the leader for records (`KafkaRaftClient.MAX_FETCH_WAIT_MS`).
const MAX_FETCH_WAIT_MS: i32 = 500;
/// And asks for so much of the log, or of a snapshot, at once.
pub(super) const MAX_FETCH_BYTES: i32 = 8 * 1024 * 1024;
/// The controller listener's name, under which a leader announces itself.
pub(super) const LISTENER: &str = "CONTROLLER";

/// The version at which a replica sends requests of an API: the highest.
pub(super) fn version_of(api: ApiKey) -> i16 {
    range_in(CONTROLLER_APIS, api).expect("a controller's listener serves Raft").max
}

/// What an answer says about the quorum besides the answer itself.
#[derive(Clone, Debug)]
pub(super) struct Situation {
    pub(super) epoch: i32,
    pub(super) leader: Option<i32>,
    pub(super) endpoint: Option<Endpoint>,
}

impl Situation {
    pub(super) fn leader_id(&self) -> BrokerId {
        BrokerId(self.leader.unwrap_or(-1))
    }

    /// The leader's node with its host and port, if both are known and the version has a place for them.
    pub(super) fn node(&self, has_nodes: bool) -> Option<(BrokerId, StrBytes, u16)> {
        let endpoint = self.endpoint.as_ref().filter(|_| has_nodes)?;
        Some((BrokerId(self.leader?), StrBytes::from_string(endpoint.host.to_string()), endpoint.port))
    }
}

impl QuorumConfig {
    pub(super) fn cluster(&self) -> Option<StrBytes> {
        Some(StrBytes::from_string(self.cluster_id.to_string()))
    }

    fn topic_name(&self) -> TopicName {
        TopicName(StrBytes::from_string(self.topic.to_string()))
    }

    /// Asks `voter` for its vote in `epoch`, or whether it would give it.
    pub(super) fn vote_request(&self, voter: &ReplicaKey, epoch: i32, end: OffsetAndEpoch, pre: bool) -> VoteRequest {
        let partition = vote_request::PartitionData::default()
            .with_replica_epoch(epoch)
            .with_replica_id(BrokerId(self.node_id))
            .with_replica_directory_id(self.directory_id)
            .with_voter_directory_id(voter.directory_id())
            .with_last_offset_epoch(end.epoch)
            .with_last_offset(end.offset)
            .with_pre_vote(pre);
        let topic =
            vote_request::TopicData::default().with_topic_name(self.topic_name()).with_partitions(vec![partition]);
        VoteRequest::default()
            .with_cluster_id(self.cluster())
            .with_voter_id(BrokerId(voter.id))
            .with_topics(vec![topic])
    }

    pub(super) fn vote_response(&self, at: &Situation, version: i16, error: ErrorCode, granted: bool) -> VoteResponse {
        let partition = vote_response::PartitionData::default()
            .with_error_code(error.0)
            .with_leader_id(at.leader_id())
            .with_leader_epoch(at.epoch)
            .with_vote_granted(granted);
        let topic =
            vote_response::TopicData::default().with_topic_name(self.topic_name()).with_partitions(vec![partition]);
        let node =
            |(id, host, port)| vote_response::NodeEndpoint::default().with_node_id(id).with_host(host).with_port(port);
        VoteResponse::default()
            .with_topics(vec![topic])
            .with_node_endpoints(at.node(version >= 1).map(node).into_iter().collect())
    }

    /// Tells `voter` that this replica leads `epoch`.
    pub(super) fn begin_request(&self, voter: &ReplicaKey, epoch: i32) -> BeginQuorumEpochRequest {
        let partition = begin_request::PartitionData::default()
            .with_voter_directory_id(voter.directory_id())
            .with_leader_id(BrokerId(self.node_id))
            .with_leader_epoch(epoch);
        let topic =
            begin_request::TopicData::default().with_topic_name(self.topic_name()).with_partitions(vec![partition]);
        let endpoint = self.voters.get(&self.node_id).map(|own| {
            begin_request::LeaderEndpoint::default()
                .with_name(StrBytes::from_static_str(LISTENER))
                .with_host(StrBytes::from_string(own.endpoint.host.to_string()))
                .with_port(own.endpoint.port)
        });
        BeginQuorumEpochRequest::default()
            .with_cluster_id(self.cluster())
            .with_voter_id(BrokerId(voter.id))
            .with_topics(vec![topic])
            .with_leader_endpoints(endpoint.into_iter().collect())
    }

    pub(super) fn begin_response(&self, at: &Situation, version: i16, error: ErrorCode) -> BeginQuorumEpochResponse {
        let partition = begin_response::PartitionData::default()
            .with_error_code(error.0)
            .with_leader_id(at.leader_id())
            .with_leader_epoch(at.epoch);
        let topic =
            begin_response::TopicData::default().with_topic_name(self.topic_name()).with_partitions(vec![partition]);
        let node =
            |(id, host, port)| begin_response::NodeEndpoint::default().with_node_id(id).with_host(host).with_port(port);
        BeginQuorumEpochResponse::default()
            .with_topics(vec![topic])
            .with_node_endpoints(at.node(version >= 1).map(node).into_iter().collect())
    }

    /// Tells a voter that this replica no longer leads `epoch`, and who should follow it.
    pub(super) fn end_request(&self, epoch: i32, successors: &[ReplicaKey]) -> EndQuorumEpochRequest {
        let candidate = |key: &ReplicaKey| {
            end_request::ReplicaInfo::default()
                .with_candidate_id(BrokerId(key.id))
                .with_candidate_directory_id(key.directory_id())
        };
        let partition = end_request::PartitionData::default()
            .with_leader_id(BrokerId(self.node_id))
            .with_leader_epoch(epoch)
            .with_preferred_candidates(successors.iter().map(candidate).collect());
        let topic =
            end_request::TopicData::default().with_topic_name(self.topic_name()).with_partitions(vec![partition]);
        EndQuorumEpochRequest::default().with_cluster_id(self.cluster()).with_topics(vec![topic])
    }

    pub(super) fn end_response(&self, at: &Situation, version: i16, error: ErrorCode) -> EndQuorumEpochResponse {
        let partition = end_response::PartitionData::default()
            .with_error_code(error.0)
            .with_leader_id(at.leader_id())
            .with_leader_epoch(at.epoch);
        let topic =
            end_response::TopicData::default().with_topic_name(self.topic_name()).with_partitions(vec![partition]);
        let node =
            |(id, host, port)| end_response::NodeEndpoint::default().with_node_id(id).with_host(host).with_port(port);
        EndQuorumEpochResponse::default()
            .with_topics(vec![topic])
            .with_node_endpoints(at.node(version >= 1).map(node).into_iter().collect())
    }

    /// Asks for what follows `end`.
    pub(super) fn fetch_request(&self, epoch: i32, end: OffsetAndEpoch, high_watermark: Option<i64>) -> FetchRequest {
        let partition = fetch_request::FetchPartition::default()
            .with_current_leader_epoch(epoch)
            .with_fetch_offset(end.offset)
            .with_last_fetched_epoch(end.epoch)
            .with_replica_directory_id(self.directory_id)
            .with_high_watermark(high_watermark.unwrap_or(-1));
        let topic = fetch_request::FetchTopic::default().with_topic_id(self.topic_id).with_partitions(vec![partition]);
        FetchRequest::default()
            .with_cluster_id(self.cluster())
            .with_replica_state(fetch_request::ReplicaState::default().with_replica_id(BrokerId(self.node_id)))
            .with_max_wait_ms(MAX_FETCH_WAIT_MS)
            .with_max_bytes(MAX_FETCH_BYTES)
            .with_topics(vec![topic])
    }

    /// An answer to a fetch; the partition's error, offsets and records are the caller's.
    pub(super) fn fetch_response(
        &self,
        at: &Situation,
        version: i16,
        partition: fetch_response::PartitionData,
    ) -> FetchResponse {
        let leader =
            fetch_response::LeaderIdAndEpoch::default().with_leader_id(at.leader_id()).with_leader_epoch(at.epoch);
        let topic = fetch_response::FetchableTopicResponse::default()
            .with_topic_id(self.topic_id)
            .with_partitions(vec![partition.with_current_leader(leader)]);
        let node = |(id, host, port)| {
            fetch_response::NodeEndpoint::default().with_node_id(id).with_host(host).with_port(i32::from(port))
        };
        FetchResponse::default()
            .with_responses(vec![topic])
            .with_node_endpoints(at.node(version >= 17).map(node).into_iter().collect())
    }

    /// Asks for the piece of a snapshot that begins at `position`.
    pub(super) fn snapshot_request(&self, epoch: i32, id: OffsetAndEpoch, position: i64) -> FetchSnapshotRequest {
        let id = snapshot_request::SnapshotId::default().with_end_offset(id.offset).with_epoch(id.epoch);
        let partition = snapshot_request::PartitionSnapshot::default()
            .with_current_leader_epoch(epoch)
            .with_snapshot_id(id)
            .with_position(position)
            .with_replica_directory_id(self.directory_id);
        let topic =
            snapshot_request::TopicSnapshot::default().with_name(self.topic_name()).with_partitions(vec![partition]);
        FetchSnapshotRequest::default()
            .with_cluster_id(self.cluster())
            .with_replica_id(BrokerId(self.node_id))
            .with_max_bytes(MAX_FETCH_BYTES)
            .with_topics(vec![topic])
    }

    /// An answer about a snapshot; all but the leader is the caller's.
    pub(super) fn snapshot_response(
        &self,
        at: &Situation,
        version: i16,
        partition: snapshot_response::PartitionSnapshot,
    ) -> FetchSnapshotResponse {
        let topic =
            snapshot_response::TopicSnapshot::default().with_name(self.topic_name()).with_partitions(vec![partition]);
        let node = |(id, host, port)| {
            snapshot_response::NodeEndpoint::default().with_node_id(id).with_host(host).with_port(port)
        };
        FetchSnapshotResponse::default()
            .with_topics(vec![topic])
            .with_node_endpoints(at.node(version >= 1).map(node).into_iter().collect())
    }
}
