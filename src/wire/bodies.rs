//! Bodies of requests and responses: one case for each API that a machine of the world speaks. The `kafka-protocol`
//! crate has an enum of its own with all APIs that Kafka knows; what nobody speaks would only make the page's worker larger.

use super::codec::{Reader, Structure, Writer};
use super::message::FrameError;
use super::schema::Direction;
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{self, ApiKey};
use kafka_protocol::protocol::{Decodable, Encodable};
use std::fmt;

macro_rules! bodies {
    ($(#[$doc:meta])* $kind:ident $direction:ident { $($api:ident($body:ident),)* }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq)]
        pub enum $kind {
            $(#[doc = concat!("Of ", stringify!($api), ".")] $api(messages::$body),)*
        }

        impl $kind {
            /// Writes it at a version.
            pub(super) fn encode(&self, out: &mut BytesMut, version: i16) {
                let start = out.len();
                Writer::message(self.message(), version, self.fields(), Some(out));
                debug_assert_eq!(out[start..], self.written_by_the_crate(version), "{self:?} at version {version}");
            }

            /// How many bytes it is at a version.
            pub(super) fn size(&self, version: i16) -> usize {
                let size = Writer::message(self.message(), version, self.fields(), None);
                debug_assert_eq!(size, self.written_by_the_crate(version).len(), "{self:?} at version {version}");
                size
            }

            /// Reads it at a version.
            ///
            /// # Errors
            /// Why the bytes are none, or that no machine speaks the API.
            pub(super) fn decode(api: ApiKey, input: &mut Reader, version: i16) -> Result<Self, FrameError> {
                let rest = input.rest();
                let mut body = Self::empty(api)?;
                input.message(body.message(), version, body.fields_mut())?;
                let alike = |by_the_crate| by_the_crate == body;
                debug_assert!(Self::read_by_the_crate(api, rest, version).is_none_or(alike), "{body:?} at {version}");
                Ok(body)
            }

            fn empty(api: ApiKey) -> Result<Self, FrameError> {
                match api {
                    $(ApiKey::$api => Ok(Self::$api(messages::$body::default())),)*
                    _ => Err(FrameError::Malformed(format!("no machine speaks {api:?}"))),
                }
            }

            fn message(&self) -> (i16, Direction) {
                let api = match self {
                    $(Self::$api(_) => ApiKey::$api,)*
                };
                (api as i16, Direction::$direction)
            }

            fn fields(&self) -> &dyn Structure {
                match self {
                    $(Self::$api(body) => body,)*
                }
            }

            fn fields_mut(&mut self) -> &mut dyn Structure {
                match self {
                    $(Self::$api(body) => body,)*
                }
            }

            /// A second opinion, in a build for development.
            fn written_by_the_crate(&self, version: i16) -> BytesMut {
                let mut out = BytesMut::new();
                match self {
                    $(Self::$api(body) => body.encode(&mut out, version),)*
                }
                .expect("machines fill messages as their version allows");
                out
            }

            /// None for what it refuses. It refuses more than Kafka, which takes every negative length for null.
            fn read_by_the_crate(api: ApiKey, mut bytes: Bytes, version: i16) -> Option<Self> {
                match api {
                    $(ApiKey::$api => Decodable::decode(&mut bytes, version).map(Self::$api).ok(),)*
                    _ => None,
                }
            }
        }

        /// In a build for development with all its fields, else by name: what fields are called would be a good part of
        /// the worker.
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$api(body) if cfg!(debug_assertions) => body.fmt(f),)*
                    $(Self::$api(_) => f.write_str(stringify!($body)),)*
                }
            }
        }

        $(impl From<messages::$body> for $kind {
            fn from(body: messages::$body) -> Self {
                Self::$api(body)
            }
        })*
    };
}

bodies! {
    /// The body of a request.
    RequestKind Request {
        Produce(ProduceRequest),
        Fetch(FetchRequest),
        ListOffsets(ListOffsetsRequest),
        Metadata(MetadataRequest),
        ApiVersions(ApiVersionsRequest),
        CreateTopics(CreateTopicsRequest),
        Vote(VoteRequest),
        BeginQuorumEpoch(BeginQuorumEpochRequest),
        EndQuorumEpoch(EndQuorumEpochRequest),
        DescribeQuorum(DescribeQuorumRequest),
        FetchSnapshot(FetchSnapshotRequest),
        UpdateRaftVoter(UpdateRaftVoterRequest),
        DeleteTopics(DeleteTopicsRequest),
        OffsetForLeaderEpoch(OffsetForLeaderEpochRequest),
        DescribeConfigs(DescribeConfigsRequest),
        AlterConfigs(AlterConfigsRequest),
        CreatePartitions(CreatePartitionsRequest),
        ElectLeaders(ElectLeadersRequest),
        IncrementalAlterConfigs(IncrementalAlterConfigsRequest),
        UpdateFeatures(UpdateFeaturesRequest),
        DescribeCluster(DescribeClusterRequest),
        UnregisterBroker(UnregisterBrokerRequest),
        DescribeTopicPartitions(DescribeTopicPartitionsRequest),
        DescribeLogDirs(DescribeLogDirsRequest),
        AlterPartition(AlterPartitionRequest),
        Envelope(EnvelopeRequest),
        BrokerRegistration(BrokerRegistrationRequest),
        BrokerHeartbeat(BrokerHeartbeatRequest),
        AllocateProducerIds(AllocateProducerIdsRequest),
        ControllerRegistration(ControllerRegistrationRequest),
        InitProducerId(InitProducerIdRequest),
        FindCoordinator(FindCoordinatorRequest),
        JoinGroup(JoinGroupRequest),
        SyncGroup(SyncGroupRequest),
        Heartbeat(HeartbeatRequest),
        LeaveGroup(LeaveGroupRequest),
        OffsetCommit(OffsetCommitRequest),
        OffsetFetch(OffsetFetchRequest),
        OffsetDelete(OffsetDeleteRequest),
        DescribeGroups(DescribeGroupsRequest),
        ListGroups(ListGroupsRequest),
        DeleteGroups(DeleteGroupsRequest),
        ListConfigResources(ListConfigResourcesRequest),
        ListPartitionReassignments(ListPartitionReassignmentsRequest),
        ConsumerGroupDescribe(ConsumerGroupDescribeRequest),
    }
}

bodies! {
    /// The body of a response.
    ResponseKind Response {
        Produce(ProduceResponse),
        Fetch(FetchResponse),
        ListOffsets(ListOffsetsResponse),
        Metadata(MetadataResponse),
        ApiVersions(ApiVersionsResponse),
        CreateTopics(CreateTopicsResponse),
        Vote(VoteResponse),
        BeginQuorumEpoch(BeginQuorumEpochResponse),
        EndQuorumEpoch(EndQuorumEpochResponse),
        DescribeQuorum(DescribeQuorumResponse),
        FetchSnapshot(FetchSnapshotResponse),
        UpdateRaftVoter(UpdateRaftVoterResponse),
        DeleteTopics(DeleteTopicsResponse),
        OffsetForLeaderEpoch(OffsetForLeaderEpochResponse),
        DescribeConfigs(DescribeConfigsResponse),
        AlterConfigs(AlterConfigsResponse),
        CreatePartitions(CreatePartitionsResponse),
        ElectLeaders(ElectLeadersResponse),
        IncrementalAlterConfigs(IncrementalAlterConfigsResponse),
        UpdateFeatures(UpdateFeaturesResponse),
        DescribeCluster(DescribeClusterResponse),
        UnregisterBroker(UnregisterBrokerResponse),
        DescribeTopicPartitions(DescribeTopicPartitionsResponse),
        DescribeLogDirs(DescribeLogDirsResponse),
        AlterPartition(AlterPartitionResponse),
        Envelope(EnvelopeResponse),
        BrokerRegistration(BrokerRegistrationResponse),
        BrokerHeartbeat(BrokerHeartbeatResponse),
        AllocateProducerIds(AllocateProducerIdsResponse),
        ControllerRegistration(ControllerRegistrationResponse),
        InitProducerId(InitProducerIdResponse),
        FindCoordinator(FindCoordinatorResponse),
        JoinGroup(JoinGroupResponse),
        SyncGroup(SyncGroupResponse),
        Heartbeat(HeartbeatResponse),
        LeaveGroup(LeaveGroupResponse),
        OffsetCommit(OffsetCommitResponse),
        OffsetFetch(OffsetFetchResponse),
        OffsetDelete(OffsetDeleteResponse),
        DescribeGroups(DescribeGroupsResponse),
        ListGroups(ListGroupsResponse),
        DeleteGroups(DeleteGroupsResponse),
        ListConfigResources(ListConfigResourcesResponse),
        ListPartitionReassignments(ListPartitionReassignmentsResponse),
        ConsumerGroupDescribe(ConsumerGroupDescribeResponse),
    }
}
