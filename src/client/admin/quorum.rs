//! The metadata quorum: describeMetadataQuorum.

use super::{Admin, Call, Route, Step, Throwable, body, check, topic_name};
use crate::wire::messages::DescribeQuorumRequest;
use crate::wire::messages::describe_quorum_request::{PartitionData, TopicData};
use crate::wire::messages::describe_quorum_response::ReplicaState;
use crate::wire::{ErrorCode, ResponseKind};
use uuid::Uuid;

/// The quorum as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumInfo {
    /// The leader's id.
    pub leader_id: i32,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// The high watermark of the metadata log.
    pub high_watermark: i64,
    /// The voters.
    pub voters: Vec<QuorumReplica>,
    /// The observers: brokers, and controllers that may not vote.
    pub observers: Vec<QuorumReplica>,
    /// The voters' listeners as `NAME://host:port`, by node.
    pub endpoints: Vec<(i32, Vec<String>)>,
}

/// A replica of the metadata log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumReplica {
    /// Its node's id.
    pub id: i32,
    /// Its directory's id; zero when not known.
    pub directory_id: Uuid,
    /// Its log end offset; -1 when not known.
    pub log_end_offset: i64,
    /// When it fetched last, in ms since the Unix epoch.
    pub last_fetch_ms: Option<i64>,
    /// When it had last caught up with the leader, in ms since the Unix epoch.
    pub last_caught_up_ms: Option<i64>,
}

const TOPIC: &str = "__cluster_metadata";

impl Admin<'_, '_> {
    /// The metadata quorum (`describeMetadataQuorum`).
    ///
    /// # Errors
    /// What the call throws.
    pub fn describe_metadata_quorum(&mut self) -> Step<QuorumInfo> {
        let topic = TopicData::default()
            .with_topic_name(topic_name(TOPIC))
            .with_partitions(vec![PartitionData::default().with_partition_index(0)]);
        let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
        let call = Call::new("describeMetadataQuorum", Route::LeastLoaded, request).checked(answers);
        let response = self.call(call)?;
        let response = body!(DescribeQuorum, &response.body);
        let partition = &response.topics[0].partitions[0];
        let listener = |l: &crate::wire::messages::describe_quorum_response::Listener| {
            let host = if l.host.contains(':') { format!("[{}]", &*l.host) } else { l.host.to_string() };
            format!("{}://{host}:{}", &*l.name, l.port)
        };
        let nodes = response.nodes.iter();
        Ok(QuorumInfo {
            leader_id: partition.leader_id.0,
            leader_epoch: partition.leader_epoch,
            high_watermark: partition.high_watermark,
            voters: partition.current_voters.iter().map(replica).collect(),
            observers: partition.observers.iter().map(replica).collect(),
            endpoints: nodes.map(|n| (n.node_id.0, n.listeners.iter().map(listener).collect())).collect(),
        })
    }
}

/// Whether a response tells of the metadata partition: an error is thrown, and with a retriable one asked again.
fn answers(response: &ResponseKind) -> Result<(), Throwable> {
    let response = body!(DescribeQuorum, response);
    check(response.error_code, response.error_message.as_ref())?;
    let unknown = |message: String| Err(Throwable::of(ErrorCode::UNKNOWN_SERVER_ERROR, Some(&message)));
    let [topic] = &response.topics[..] else {
        let count = response.topics.len();
        return unknown(format!("DescribeMetadataQuorum received {count} topics when 1 was expected"));
    };
    let name = &**topic.topic_name;
    if name != TOPIC {
        return unknown(format!("DescribeMetadataQuorum received a topic with name {name} when {TOPIC} was expected"));
    }
    let [partition] = &topic.partitions[..] else {
        let count = topic.partitions.len();
        let what = format!("DescribeMetadataQuorum received a topic {name} with {count} partitions");
        return unknown(format!("{what} when 1 was expected"));
    };
    check(partition.error_code, partition.error_message.as_ref())
}

fn replica(state: &ReplicaState) -> QuorumReplica {
    let known = |timestamp: i64| Some(timestamp).filter(|timestamp| *timestamp != -1);
    QuorumReplica {
        id: state.replica_id.0,
        directory_id: state.replica_directory_id,
        log_end_offset: state.log_end_offset,
        last_fetch_ms: known(state.last_fetch_timestamp),
        last_caught_up_ms: known(state.last_caught_up_timestamp),
    }
}
