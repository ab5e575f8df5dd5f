//! `kafka-broker-api-versions.sh` (`BrokerApiVersionsCommand`).

use super::files::{Files, command_config, set_up};
use super::java::{JavaHash, hash_order, string_hash};
use super::options::{BOOTSTRAP_SERVER, COMMAND_CONFIG, HELP, Options, Spec, VERSION};
use super::out::Out;
use super::topics::unreadable;
use super::{Program, Refusal};
use crate::base::{SimDuration, SortedMap};
use crate::client::admin::{Admin, AdminConfig, ClusterNode, Step, Throwable};
use crate::wire::messages::ApiVersionsResponse;
use std::sync::Arc;

const OPTIONS: &[Spec] = &[BOOTSTRAP_SERVER, COMMAND_CONFIG, HELP, VERSION];
const ABOUT: &str = "This tool helps to retrieve broker version information.";

#[derive(Debug)]
struct ApiVersions {
    options: Options,
    files: Files,
}

/// Reads the tool's arguments.
pub(super) fn read(args: &[String], files: &Files) -> Result<Arc<dyn Program>, Refusal> {
    let options = Options::read(OPTIONS, args).map_err(unreadable)?;
    options.help_or_version_asked(ABOUT).map_or(Ok(()), Err)?;
    Ok(Arc::new(ApiVersions { options, files: files.clone() }))
}

/// `Node.hashCode`.
impl JavaHash for ClusterNode {
    fn java_hash(&self) -> i32 {
        let step = |hash: i32, part: i32| hash.wrapping_mul(31).wrapping_add(part);
        let hash = 31i32.wrapping_add(string_hash(&self.host));
        let hash = step(step(hash, self.id), self.port);
        let hash = step(hash, self.rack.as_deref().map_or(0, string_hash));
        // `Boolean.hashCode`.
        step(hash, if self.is_fenced { 1_231 } else { 1_237 })
    }
}

impl Program for ApiVersions {
    fn configure(&self, config: &mut AdminConfig) -> Result<(), Throwable> {
        // The tool has a client of its own, older than the admin client and less patient.
        config.common.client_id = Some("admin-1".into());
        config.common.request_timeout = SimDuration::from_secs(5);
        set_up(config, &command_config(&self.options, "command-config", &self.files)?)
    }

    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
        // Once to wait until there are brokers, and once to list them.
        admin.find_all_brokers()?;
        let brokers = admin.find_all_brokers()?;
        let ids: Vec<i32> = brokers.iter().map(|broker| broker.id).collect();
        let versions = admin.api_versions(&ids)?;
        for (broker, versions) in hash_order(brokers.into_iter().zip(versions).collect()) {
            match versions {
                Ok(versions) => out.line(format_args!("{broker} -> {}", listed(&versions))),
                Err(why) => out.line(format_args!("{broker} -> ERROR: {why}")),
            }
        }
        Ok(0)
    }
}

/// `NodeApiVersions.toString(true)`: every API that the broker serves, and those that clients know and it does not.
fn listed(versions: &ApiVersionsResponse) -> String {
    let unsupported = |(key, name, ..): &ClientApi| (*key, format!("{name}({key}): UNSUPPORTED"));
    let mut lines: SortedMap<i16, String> = CLIENT_APIS.iter().map(unsupported).collect();
    for api in &versions.api_keys {
        let (key, min, max) = (api.api_key, api.min_version, api.max_version);
        let range = if min == max { min.to_string() } else { format!("{min} to {max}") };
        let line = match CLIENT_APIS.iter().find(|(known, ..)| *known == key) {
            None => format!("UNKNOWN({key}): {range}"),
            Some((_, name, oldest, latest)) => match () {
                () if *latest < min => format!("{name}({key}): {range} [unusable: node too new]"),
                () if max < *oldest => format!("{name}({key}): {range} [unusable: node too old]"),
                () => format!("{name}({key}): {range} [usable: {}]", max.min(*latest)),
            },
        };
        lines.insert(key, line);
    }
    format!("(\n\t{}\n)", lines.into_values().collect::<Vec<_>>().join(",\n\t"))
}

/// An API's key and name, and the versions that a client knows.
type ClientApi = (i16, &'static str, i16, i16);

/// The APIs that a client of Kafka 4.1 knows (`ApiKeys.clientApis`).
#[rustfmt::skip]
const CLIENT_APIS: [ClientApi; 77] = [
    (0, "Produce", 0, 13), (1, "Fetch", 4, 18), (2, "ListOffsets", 1, 10), (3, "Metadata", 0, 13),
    (8, "OffsetCommit", 2, 9), (9, "OffsetFetch", 1, 9), (10, "FindCoordinator", 0, 6), (11, "JoinGroup", 0, 9),
    (12, "Heartbeat", 0, 4), (13, "LeaveGroup", 0, 5), (14, "SyncGroup", 0, 5), (15, "DescribeGroups", 0, 6),
    (16, "ListGroups", 0, 5), (17, "SaslHandshake", 0, 1), (18, "ApiVersions", 0, 4), (19, "CreateTopics", 2, 7),
    (20, "DeleteTopics", 1, 6), (21, "DeleteRecords", 0, 2), (22, "InitProducerId", 0, 5),
    (23, "OffsetForLeaderEpoch", 2, 4), (24, "AddPartitionsToTxn", 0, 5), (25, "AddOffsetsToTxn", 0, 4),
    (26, "EndTxn", 0, 5), (27, "WriteTxnMarkers", 1, 1), (28, "TxnOffsetCommit", 0, 5), (29, "DescribeAcls", 1, 3),
    (30, "CreateAcls", 1, 3), (31, "DeleteAcls", 1, 3), (32, "DescribeConfigs", 1, 4), (33, "AlterConfigs", 0, 2),
    (34, "AlterReplicaLogDirs", 1, 2), (35, "DescribeLogDirs", 1, 4), (36, "SaslAuthenticate", 0, 2),
    (37, "CreatePartitions", 0, 3), (38, "CreateDelegationToken", 1, 3), (39, "RenewDelegationToken", 1, 2),
    (40, "ExpireDelegationToken", 1, 2), (41, "DescribeDelegationToken", 1, 3), (42, "DeleteGroups", 0, 2),
    (43, "ElectLeaders", 0, 2), (44, "IncrementalAlterConfigs", 0, 1), (45, "AlterPartitionReassignments", 0, 1),
    (46, "ListPartitionReassignments", 0, 0), (47, "OffsetDelete", 0, 0), (48, "DescribeClientQuotas", 0, 1),
    (49, "AlterClientQuotas", 0, 1), (50, "DescribeUserScramCredentials", 0, 0),
    (51, "AlterUserScramCredentials", 0, 0), (55, "DescribeQuorum", 0, 2), (57, "UpdateFeatures", 0, 2),
    (60, "DescribeCluster", 0, 2), (61, "DescribeProducers", 0, 0), (64, "UnregisterBroker", 0, 0),
    (65, "DescribeTransactions", 0, 0), (66, "ListTransactions", 0, 2), (68, "ConsumerGroupHeartbeat", 0, 1),
    (69, "ConsumerGroupDescribe", 0, 1), (71, "GetTelemetrySubscriptions", 0, 0), (72, "PushTelemetry", 0, 0),
    (74, "ListConfigResources", 0, 1), (75, "DescribeTopicPartitions", 0, 0), (76, "ShareGroupHeartbeat", 1, 1),
    (77, "ShareGroupDescribe", 1, 1), (78, "ShareFetch", 1, 1), (79, "ShareAcknowledge", 1, 1),
    (80, "AddRaftVoter", 0, 0), (81, "RemoveRaftVoter", 0, 0), (83, "InitializeShareGroupState", 0, 0),
    (84, "ReadShareGroupState", 0, 0), (85, "WriteShareGroupState", 0, 0), (86, "DeleteShareGroupState", 0, 0),
    (87, "ReadShareGroupStateSummary", 0, 0), (88, "StreamsGroupHeartbeat", 0, 0), (89, "StreamsGroupDescribe", 0, 0),
    (90, "DescribeShareGroupOffsets", 0, 0), (91, "AlterShareGroupOffsets", 0, 0),
    (92, "DeleteShareGroupOffsets", 0, 0),
];
