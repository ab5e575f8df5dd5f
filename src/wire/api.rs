//! Which APIs a broker serves, and at which versions.

use super::bodies::ResponseKind;
use super::error::ErrorCode;
use super::message::Response;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse};

/// An API with the versions that a broker advertises for it, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiRange {
    /// The API.
    pub api: ApiKey,
    /// The lowest version.
    pub min: i16,
    /// The highest version.
    pub max: i16,
}

const fn range(api: ApiKey, min: i16, max: i16) -> ApiRange {
    ApiRange { api, min, max }
}

/// What a broker's listener advertises, by API key: the ranges of Kafka 4.1, for the APIs that are built.
///
/// Produce is advertised from 0 although versions below 3 are refused, as Kafka does since 4.0 (KAFKA-18659): some
/// clients switch compression off otherwise.
pub const BROKER_APIS: &[ApiRange] = &[
    range(ApiKey::Produce, 0, 13),
    range(ApiKey::Fetch, 4, 18),
    range(ApiKey::ListOffsets, 1, 10),
    range(ApiKey::Metadata, 0, 13),
    range(ApiKey::OffsetCommit, 2, 9),
    range(ApiKey::OffsetFetch, 1, 9),
    range(ApiKey::FindCoordinator, 0, 6),
    range(ApiKey::JoinGroup, 0, 9),
    range(ApiKey::Heartbeat, 0, 4),
    range(ApiKey::LeaveGroup, 0, 5),
    range(ApiKey::SyncGroup, 0, 5),
    range(ApiKey::DescribeGroups, 0, 6),
    range(ApiKey::ListGroups, 0, 5),
    range(ApiKey::ApiVersions, 0, 4),
    range(ApiKey::CreateTopics, 2, 7),
    range(ApiKey::DeleteTopics, 1, 6),
    range(ApiKey::InitProducerId, 0, 5),
    range(ApiKey::OffsetForLeaderEpoch, 2, 4),
    range(ApiKey::DescribeConfigs, 1, 4),
    range(ApiKey::AlterConfigs, 0, 2),
    range(ApiKey::DescribeLogDirs, 1, 4),
    range(ApiKey::CreatePartitions, 0, 3),
    range(ApiKey::DeleteGroups, 0, 2),
    range(ApiKey::ElectLeaders, 0, 2),
    range(ApiKey::IncrementalAlterConfigs, 0, 1),
    range(ApiKey::ListPartitionReassignments, 0, 0),
    range(ApiKey::OffsetDelete, 0, 0),
    range(ApiKey::DescribeQuorum, 0, 2),
    range(ApiKey::UpdateFeatures, 0, 2),
    range(ApiKey::DescribeCluster, 0, 2),
    range(ApiKey::UnregisterBroker, 0, 0),
    range(ApiKey::ListConfigResources, 0, 1),
    range(ApiKey::DescribeTopicPartitions, 0, 0),
];

/// What a controller's listener advertises, by API key: the ranges of Kafka 4.1, for the APIs that are built. Raft's own
/// (KIP-595, KIP-630, KIP-836) and those between brokers and controllers are served nowhere else; the others are what
/// brokers forward.
pub const CONTROLLER_APIS: &[ApiRange] = &[
    range(ApiKey::Fetch, 4, 18),
    range(ApiKey::ApiVersions, 0, 4),
    range(ApiKey::CreateTopics, 2, 7),
    range(ApiKey::DeleteTopics, 1, 6),
    range(ApiKey::AlterConfigs, 0, 2),
    range(ApiKey::CreatePartitions, 0, 3),
    range(ApiKey::ElectLeaders, 0, 2),
    range(ApiKey::IncrementalAlterConfigs, 0, 1),
    range(ApiKey::ListPartitionReassignments, 0, 0),
    range(ApiKey::Vote, 0, 2),
    range(ApiKey::BeginQuorumEpoch, 0, 1),
    range(ApiKey::EndQuorumEpoch, 0, 1),
    range(ApiKey::DescribeQuorum, 0, 2),
    range(ApiKey::AlterPartition, 2, 3),
    range(ApiKey::UpdateFeatures, 0, 2),
    range(ApiKey::Envelope, 0, 0),
    range(ApiKey::FetchSnapshot, 0, 1),
    range(ApiKey::BrokerRegistration, 0, 4),
    range(ApiKey::BrokerHeartbeat, 0, 1),
    range(ApiKey::UnregisterBroker, 0, 0),
    range(ApiKey::AllocateProducerIds, 0, 0),
    range(ApiKey::ControllerRegistration, 0, 0),
    range(ApiKey::UpdateRaftVoter, 0, 0),
];

/// The advertised range of an API, if a broker serves it.
pub fn api_range(api: ApiKey) -> Option<ApiRange> {
    range_in(BROKER_APIS, api)
}

/// The range of an API in a listener's table, if the listener serves it.
pub fn range_in(apis: &[ApiRange], api: ApiKey) -> Option<ApiRange> {
    apis.iter().find(|r| r.api as i16 == api as i16).copied()
}

/// The highest version that both ends speak, or `None` when the ranges do not meet.
pub fn negotiate(ours: ApiRange, theirs: ApiRange) -> Option<i16> {
    let version = ours.max.min(theirs.max);
    (version >= ours.min && version >= theirs.min).then_some(version)
}

/// A listener's table as ApiVersions tells it.
pub fn api_versions(apis: &[ApiRange]) -> Vec<ApiVersion> {
    let entry = |range: &ApiRange| {
        ApiVersion::default().with_api_key(range.api as i16).with_min_version(range.min).with_max_version(range.max)
    };
    apis.iter().map(entry).collect()
}

/// The answer to an ApiVersions request at a version that is not served: version 0, UNSUPPORTED_VERSION, and the range
/// of ApiVersions itself, so that the client can ask again (KIP-511).
pub fn api_versions_refusal(correlation_id: i32, apis: &[ApiRange]) -> Response {
    let own = range_in(apis, ApiKey::ApiVersions).expect("every listener serves ApiVersions");
    let body = ApiVersionsResponse::default()
        .with_error_code(ErrorCode::UNSUPPORTED_VERSION.0)
        .with_api_keys(api_versions(&[own]));
    Response { api: ApiKey::ApiVersions, version: 0, correlation_id, body: ResponseKind::ApiVersions(body) }
}

/// The API's name as Kafka writes it: `ListOffsets`.
pub fn api_name(api: ApiKey) -> String {
    format!("{api:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negotiation_takes_the_highest_common_version() {
        let fetch = |min, max| range(ApiKey::Fetch, min, max);
        assert_eq!(negotiate(fetch(4, 18), fetch(4, 11)), Some(11));
        assert_eq!(negotiate(fetch(4, 11), fetch(4, 18)), Some(11));
        assert_eq!(negotiate(fetch(4, 18), fetch(0, 3)), None);
    }
}
