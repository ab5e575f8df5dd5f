//! What a leader tells of its quorum (DescribeQuorum), and its snapshots piece by piece (FetchSnapshot).

use super::config::ReplicaKey;
use super::effect::Turn;
use super::leader::Progress;
use super::log::OffsetAndEpoch;
use super::replica::Replica;
use super::state::State;
use crate::base::SimTime;
use crate::wire::messages::describe_quorum_response::{Listener, Node, PartitionData, ReplicaState, TopicData};
use crate::wire::messages::fetch_snapshot_request;
use crate::wire::messages::fetch_snapshot_response::{LeaderIdAndEpoch, PartitionSnapshot, SnapshotId};
use crate::wire::messages::{
    DescribeQuorumRequest, DescribeQuorumResponse, FetchSnapshotRequest, FetchSnapshotResponse,
};
use crate::wire::{BrokerId, ErrorCode, StrBytes};
use bytes::Bytes;

/// The first version of DescribeQuorum with directories and endpoints, and with messages for errors (KIP-853).
const FIRST_WITH_NODES: i16 = 2;

impl Replica {
    pub(super) fn describe_quorum(
        &mut self,
        version: i16,
        request: &DescribeQuorumRequest,
        turn: &Turn<'_>,
    ) -> DescribeQuorumResponse {
        let own = match &request.topics[..] {
            [topic] => self.is_own_topic(&topic.topic_name, topic.partitions.iter().map(|p| &p.partition_index)),
            _ => false,
        };
        if !own {
            return unknown_topics(version, request);
        }
        let State::Leader(leader) = &mut self.state else {
            return self.describe_error(version, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        };
        leader.forget_observers(turn.now);
        let describe = |progress: &Progress| describe_replica(progress, self.config.node_id, version, turn);
        let partition = PartitionData::default()
            .with_leader_id(BrokerId(self.config.node_id))
            .with_leader_epoch(self.epoch)
            .with_high_watermark(self.high_watermark.unwrap_or(-1))
            .with_current_voters(leader.voters().map(describe).collect())
            .with_observers(leader.observers(turn.now).map(describe).collect());
        let mut response = DescribeQuorumResponse::default().with_topics(vec![self.described(partition)]);
        if version >= FIRST_WITH_NODES {
            response.nodes = self.describe_nodes();
        }
        response
    }

    fn described(&self, partition: PartitionData) -> TopicData {
        let mut topic = TopicData::default().with_partitions(vec![partition]);
        topic.topic_name.0 = StrBytes::from_string(self.config.topic.to_string());
        topic
    }

    fn describe_error(&self, version: i16, error: ErrorCode) -> DescribeQuorumResponse {
        let partition = partition_error(version, 0, error);
        DescribeQuorumResponse::default().with_topics(vec![self.described(partition)])
    }

    fn describe_nodes(&self) -> Vec<Node> {
        let node = |voter: &super::config::Voter| {
            let listener = Listener::default()
                .with_name(StrBytes::from_static_str("CONTROLLER"))
                .with_host(StrBytes::from_string(voter.endpoint.host.to_string()))
                .with_port(voter.endpoint.port);
            Node::default().with_node_id(BrokerId(voter.key.id)).with_listeners(vec![listener])
        };
        self.config.voters.values().map(node).collect()
    }

    pub(super) fn fetch_snapshot(
        &mut self,
        version: i16,
        request: &FetchSnapshotRequest,
        turn: &Turn<'_>,
    ) -> FetchSnapshotResponse {
        let refused = |error: ErrorCode| FetchSnapshotResponse::default().with_error_code(error.0);
        if !self.is_own_cluster(request.cluster_id.as_ref()) {
            return refused(ErrorCode::INCONSISTENT_CLUSTER_ID);
        }
        let [topic] = &request.topics[..] else { return refused(ErrorCode::INVALID_REQUEST) };
        let [asked] = &topic.partitions[..] else { return refused(ErrorCode::INVALID_REQUEST) };
        let id = OffsetAndEpoch { offset: asked.snapshot_id.end_offset, epoch: asked.snapshot_id.epoch };
        let own = self.is_own_topic(&topic.name, std::iter::once(&asked.partition));
        let Some((size, records)) = self.snapshot_piece(asked, id, request.max_bytes).filter(|_| own) else {
            // Kafka 4.1 means to say in the partition what is wrong, but cannot encode a partition without records.
            return refused(ErrorCode::UNKNOWN_SERVER_ERROR);
        };
        let replica = ReplicaKey::new(request.replica_id.0, asked.replica_directory_id);
        if let State::Leader(leader) = &mut self.state {
            leader.heard_of(replica, turn.now, &self.config);
        }
        let leader =
            LeaderIdAndEpoch::default().with_leader_id(BrokerId(self.config.node_id)).with_leader_epoch(self.epoch);
        let partition = PartitionSnapshot::default()
            .with_snapshot_id(SnapshotId::default().with_end_offset(id.offset).with_epoch(id.epoch))
            .with_current_leader(leader)
            .with_size(size)
            .with_position(asked.position)
            .with_unaligned_records(records);
        self.config.snapshot_response(&self.situation(), version, partition)
    }

    /// A snapshot's size, and of its content what begins at the position asked for. None from a replica that does not lead
    /// the epoch, of a snapshot that there is not, or at a position outside it.
    fn snapshot_piece(
        &self,
        asked: &fetch_snapshot_request::PartitionSnapshot,
        id: OffsetAndEpoch,
        max_bytes: i32,
    ) -> Option<(i64, Bytes)> {
        if self.leader_error(asked.current_leader_epoch).is_some() {
            return None;
        }
        let content = self.log.snapshot(id)?;
        let position = usize::try_from(asked.position).ok().filter(|at| *at < content.len())?;
        let end = content.len().min(position + max_bytes.max(0) as usize);
        Some((content.len() as i64, content.slice(position..end)))
    }
}

/// A replica as DescribeQuorum shows it. The leader has itself always just fetched and caught up.
fn describe_replica(progress: &Progress, leader: i32, version: i16, turn: &Turn<'_>) -> ReplicaState {
    let own = (progress.key.id == leader).then_some(turn.now);
    let at = |moment: Option<SimTime>| own.or(moment).map_or(-1, |at| turn.wall_clock_ms(at));
    let mut state = ReplicaState::default()
        .with_replica_id(BrokerId(progress.key.id))
        .with_log_end_offset(progress.end_offset.unwrap_or(-1));
    if version >= 1 {
        state.last_fetch_timestamp = at(progress.last_fetch);
        state.last_caught_up_timestamp = at(progress.last_caught_up);
    }
    if version >= FIRST_WITH_NODES {
        state.replica_directory_id = progress.key.directory_id();
    }
    state
}

fn partition_error(version: i16, index: i32, error: ErrorCode) -> PartitionData {
    let mut partition = PartitionData::default().with_partition_index(index).with_error_code(error.0);
    if version >= FIRST_WITH_NODES {
        partition.error_message = Some(StrBytes::from_static_str(error.message()));
    }
    partition
}

/// Answers a request about anything but the metadata log, partition by partition.
fn unknown_topics(version: i16, request: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let error = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|p| partition_error(version, p.partition_index, error));
        TopicData::default().with_topic_name(topic.topic_name.clone()).with_partitions(partitions.collect())
    });
    DescribeQuorumResponse::default().with_topics(topics.collect())
}
