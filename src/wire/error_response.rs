//! The response that says of everything in a request the same error (`AbstractRequest.getErrorResponse`).

use super::bodies::{RequestKind, ResponseKind};
use super::error::ErrorCode;
use kafka_protocol::messages::{
    AllocateProducerIdsResponse, AlterConfigsResponse, AlterPartitionResponse, BrokerHeartbeatResponse,
    BrokerRegistrationResponse, ControllerRegistrationResponse, CreatePartitionsResponse, CreateTopicsResponse,
    DeleteTopicsResponse, DescribeQuorumResponse, ElectLeadersResponse, IncrementalAlterConfigsResponse,
    UnregisterBrokerResponse, UpdateFeaturesResponse, alter_configs_response, create_partitions_response,
    create_topics_response, delete_topics_response, elect_leaders_response, incremental_alter_configs_response,
};
use kafka_protocol::protocol::StrBytes;

/// The response at `version` to a request of the controller's APIs in which everything failed with `error`.
///
/// # Panics
/// For a request that no controller answers.
pub fn error_response(request: &RequestKind, version: i16, error: ErrorCode, message: Option<&str>) -> ResponseKind {
    let code = error.0;
    let text = || Some(StrBytes::from_string(message.map_or_else(|| error.message().to_owned(), str::to_owned)));
    match request {
        RequestKind::BrokerRegistration(_) => {
            ResponseKind::BrokerRegistration(BrokerRegistrationResponse::default().with_error_code(code))
        }
        RequestKind::BrokerHeartbeat(_) => {
            ResponseKind::BrokerHeartbeat(BrokerHeartbeatResponse::default().with_error_code(code))
        }
        RequestKind::AlterPartition(_) => {
            ResponseKind::AlterPartition(AlterPartitionResponse::default().with_error_code(code))
        }
        RequestKind::AllocateProducerIds(_) => {
            ResponseKind::AllocateProducerIds(AllocateProducerIdsResponse::default().with_error_code(code))
        }
        RequestKind::ControllerRegistration(_) => {
            let answer = ControllerRegistrationResponse::default().with_error_code(code).with_error_message(text());
            ResponseKind::ControllerRegistration(answer)
        }
        RequestKind::UnregisterBroker(_) => {
            let answer = UnregisterBrokerResponse::default().with_error_code(code).with_error_message(text());
            ResponseKind::UnregisterBroker(answer)
        }
        RequestKind::UpdateFeatures(_) => {
            let answer = UpdateFeaturesResponse::default().with_error_code(code).with_error_message(text());
            ResponseKind::UpdateFeatures(answer)
        }
        RequestKind::DescribeQuorum(_) => {
            ResponseKind::DescribeQuorum(DescribeQuorumResponse::default().with_error_code(code))
        }
        other => for_each_item(other, version, code, &text),
    }
}

fn for_each_item(request: &RequestKind, version: i16, code: i16, text: &dyn Fn() -> Option<StrBytes>) -> ResponseKind {
    match request {
        RequestKind::CreateTopics(body) => {
            let topic = |topic: &kafka_protocol::messages::create_topics_request::CreatableTopic| {
                create_topics_response::CreatableTopicResult::default()
                    .with_name(topic.name.clone())
                    .with_error_code(code)
                    .with_error_message(text())
                    .with_configs(Some(Vec::new()))
            };
            ResponseKind::CreateTopics(
                CreateTopicsResponse::default().with_topics(body.topics.iter().map(topic).collect()),
            )
        }
        RequestKind::DeleteTopics(body) => {
            let result = || delete_topics_response::DeletableTopicResult::default().with_error_code(code);
            let named = body.topic_names.iter().map(|name| result().with_name(Some(name.clone())));
            let by_state = body.topics.iter().map(|t| result().with_name(t.name.clone()).with_topic_id(t.topic_id));
            let responses = if version >= 6 { by_state.collect() } else { named.collect() };
            ResponseKind::DeleteTopics(DeleteTopicsResponse::default().with_responses(responses))
        }
        RequestKind::CreatePartitions(body) => {
            let result = |topic: &kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic| {
                create_partitions_response::CreatePartitionsTopicResult::default()
                    .with_name(topic.name.clone())
                    .with_error_code(code)
                    .with_error_message(text())
            };
            ResponseKind::CreatePartitions(
                CreatePartitionsResponse::default().with_results(body.topics.iter().map(result).collect()),
            )
        }
        RequestKind::ElectLeaders(body) => elect_leaders(body, version, code, text),
        RequestKind::AlterConfigs(body) => {
            let resource = |r: &kafka_protocol::messages::alter_configs_request::AlterConfigsResource| {
                alter_configs_response::AlterConfigsResourceResponse::default()
                    .with_resource_type(r.resource_type)
                    .with_resource_name(r.resource_name.clone())
                    .with_error_code(code)
                    .with_error_message(text())
            };
            ResponseKind::AlterConfigs(
                AlterConfigsResponse::default().with_responses(body.resources.iter().map(resource).collect()),
            )
        }
        RequestKind::IncrementalAlterConfigs(body) => {
            let resource = |r: &kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource| {
                incremental_alter_configs_response::AlterConfigsResourceResponse::default()
                    .with_resource_type(r.resource_type)
                    .with_resource_name(r.resource_name.clone())
                    .with_error_code(code)
                    .with_error_message(text())
            };
            ResponseKind::IncrementalAlterConfigs(
                IncrementalAlterConfigsResponse::default()
                    .with_responses(body.resources.iter().map(resource).collect()),
            )
        }
        other => panic!("no controller answers {other:?}"),
    }
}

fn elect_leaders(
    body: &kafka_protocol::messages::ElectLeadersRequest,
    version: i16,
    code: i16,
    text: &dyn Fn() -> Option<StrBytes>,
) -> ResponseKind {
    let topic = |topic: &kafka_protocol::messages::elect_leaders_request::TopicPartitions| {
        let result = |partition: &i32| {
            elect_leaders_response::PartitionResult::default()
                .with_partition_id(*partition)
                .with_error_code(code)
                .with_error_message(text())
        };
        elect_leaders_response::ReplicaElectionResult::default()
            .with_topic(topic.topic.clone())
            .with_partition_result(topic.partitions.iter().map(result).collect())
    };
    let results = body.topic_partitions.iter().flatten().map(topic).collect();
    let answer = ElectLeadersResponse::default().with_replica_election_results(results);
    // The error of the whole came with version 1.
    ResponseKind::ElectLeaders(if version >= 1 { answer.with_error_code(code) } else { answer })
}
