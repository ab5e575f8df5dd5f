//! What a broker advertises it serves, and what it does not serve is named in docs/GATEWAY.md.

use super::Client;
use kafka_terrarium::wire::messages::ProduceRequest;
use kafka_terrarium::wire::{ApiKey, BROKER_APIS, RequestKind, api_name};
use std::collections::BTreeSet;

/// What a broker of Kafka 4.1.1 advertises with its default configs, as one answered: name, lowest and highest version.
const KAFKAS: [(&str, i16, i16); 73] = [
    ("Produce", 0, 13),
    ("Fetch", 4, 18),
    ("ListOffsets", 1, 10),
    ("Metadata", 0, 13),
    ("OffsetCommit", 2, 9),
    ("OffsetFetch", 1, 9),
    ("FindCoordinator", 0, 6),
    ("JoinGroup", 0, 9),
    ("Heartbeat", 0, 4),
    ("LeaveGroup", 0, 5),
    ("SyncGroup", 0, 5),
    ("DescribeGroups", 0, 6),
    ("ListGroups", 0, 5),
    ("SaslHandshake", 0, 1),
    ("ApiVersions", 0, 4),
    ("CreateTopics", 2, 7),
    ("DeleteTopics", 1, 6),
    ("DeleteRecords", 0, 2),
    ("InitProducerId", 0, 5),
    ("OffsetForLeaderEpoch", 2, 4),
    ("AddPartitionsToTxn", 0, 5),
    ("AddOffsetsToTxn", 0, 4),
    ("EndTxn", 0, 5),
    ("WriteTxnMarkers", 1, 1),
    ("TxnOffsetCommit", 0, 5),
    ("DescribeAcls", 1, 3),
    ("CreateAcls", 1, 3),
    ("DeleteAcls", 1, 3),
    ("DescribeConfigs", 1, 4),
    ("AlterConfigs", 0, 2),
    ("AlterReplicaLogDirs", 1, 2),
    ("DescribeLogDirs", 1, 4),
    ("SaslAuthenticate", 0, 2),
    ("CreatePartitions", 0, 3),
    ("CreateDelegationToken", 1, 3),
    ("RenewDelegationToken", 1, 2),
    ("ExpireDelegationToken", 1, 2),
    ("DescribeDelegationToken", 1, 3),
    ("DeleteGroups", 0, 2),
    ("ElectLeaders", 0, 2),
    ("IncrementalAlterConfigs", 0, 1),
    ("AlterPartitionReassignments", 0, 1),
    ("ListPartitionReassignments", 0, 0),
    ("OffsetDelete", 0, 0),
    ("DescribeClientQuotas", 0, 1),
    ("AlterClientQuotas", 0, 1),
    ("DescribeUserScramCredentials", 0, 0),
    ("AlterUserScramCredentials", 0, 0),
    ("DescribeQuorum", 0, 2),
    ("UpdateFeatures", 0, 2),
    ("DescribeCluster", 0, 2),
    ("DescribeProducers", 0, 0),
    ("UnregisterBroker", 0, 0),
    ("DescribeTransactions", 0, 0),
    ("ListTransactions", 0, 2),
    ("ConsumerGroupHeartbeat", 0, 1),
    ("ConsumerGroupDescribe", 0, 1),
    ("ListConfigResources", 0, 1),
    ("DescribeTopicPartitions", 0, 0),
    ("ShareGroupHeartbeat", 1, 1),
    ("ShareGroupDescribe", 1, 1),
    ("ShareFetch", 1, 1),
    ("ShareAcknowledge", 1, 1),
    ("AddRaftVoter", 0, 0),
    ("RemoveRaftVoter", 0, 0),
    ("InitializeShareGroupState", 0, 0),
    ("ReadShareGroupState", 0, 0),
    ("WriteShareGroupState", 0, 0),
    ("DeleteShareGroupState", 0, 0),
    ("ReadShareGroupStateSummary", 0, 0),
    ("DescribeShareGroupOffsets", 0, 0),
    ("AlterShareGroupOffsets", 0, 0),
    ("DeleteShareGroupOffsets", 0, 0),
];

/// A request that asks for nothing.
fn nothing(api: ApiKey) -> RequestKind {
    macro_rules! empty {
        ($($api:ident),*) => {
            match api {
                // One without acknowledgement is not answered.
                ApiKey::Produce => RequestKind::Produce(ProduceRequest::default().with_acks(1)),
                $(ApiKey::$api => RequestKind::$api(Default::default()),)*
                other => panic!("{other:?} is advertised"),
            }
        };
    }
    empty!(
        Fetch,
        ListOffsets,
        Metadata,
        OffsetCommit,
        OffsetFetch,
        FindCoordinator,
        JoinGroup,
        Heartbeat,
        LeaveGroup,
        SyncGroup,
        DescribeGroups,
        ListGroups,
        ApiVersions,
        CreateTopics,
        DeleteTopics,
        InitProducerId,
        OffsetForLeaderEpoch,
        DescribeConfigs,
        AlterConfigs,
        DescribeLogDirs,
        CreatePartitions,
        DeleteGroups,
        ElectLeaders,
        IncrementalAlterConfigs,
        ListPartitionReassignments,
        OffsetDelete,
        DescribeQuorum,
        UpdateFeatures,
        DescribeCluster,
        UnregisterBroker,
        ListConfigResources,
        DescribeTopicPartitions
    )
}

#[test]
fn the_ranges_are_kafkas_and_the_document_names_the_rest() {
    let served: BTreeSet<String> = BROKER_APIS.iter().map(|range| api_name(range.api)).collect();
    for range in BROKER_APIS {
        let ours = (api_name(range.api), range.min, range.max);
        assert!(KAFKAS.iter().any(|(name, min, max)| (*name, *min, *max) == (&ours.0, ours.1, ours.2)), "{ours:?}");
    }
    let document = include_str!("../../docs/GATEWAY.md");
    let (_, list) = document.split_once("| not served | because |").expect("the table");
    let table = list.split("\n\n").next().expect("its rows");
    let named: BTreeSet<String> = table.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let rest = KAFKAS.iter().map(|(name, ..)| (*name).to_owned()).filter(|name| !served.contains(name));
    assert_eq!(named, rest.collect());
}

#[test]
fn every_version_that_is_advertised_is_answered() {
    for range in BROKER_APIS {
        // Produce is advertised from 0, as Kafka does, and served from 3.
        let first = if range.api == ApiKey::Produce { 3 } else { range.min };
        for version in first..=range.max {
            Client::connect().ask(range.api, version, nothing(range.api));
        }
    }
}
