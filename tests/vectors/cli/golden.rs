//! `cli_golden`: what the print code of Kafka's tools made of structured input. Here the input becomes responses of a
//! cluster, and the whole tool runs against them.

use super::lab::{Cluster, run};
use crate::{int, same, text};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::protocol::Encodable;
use kafka_terrarium::base::uuid_from_text;
use kafka_terrarium::tools::{Invocation, ToolOutput};
use kafka_terrarium::wire::messages::consumer_group_describe_response::DescribedGroup as ConsumerGroup;
use kafka_terrarium::wire::messages::consumer_protocol_assignment::TopicPartition as Assigned;
use kafka_terrarium::wire::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_terrarium::wire::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_terrarium::wire::messages::describe_topic_partitions_response::{
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_terrarium::wire::messages::list_groups_response::ListedGroup;
use kafka_terrarium::wire::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_terrarium::wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_terrarium::wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_terrarium::wire::messages::{
    ConsumerGroupDescribeResponse, ConsumerProtocolAssignment, DescribeConfigsResponse, DescribeGroupsResponse,
    DescribeTopicPartitionsResponse, ListGroupsResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataResponse,
    OffsetFetchResponse,
};
use kafka_terrarium::wire::{ApiKey, BrokerId, ErrorCode, RequestKind, ResponseKind, StrBytes, TopicName};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Entries that are not checked, each with its reason.
pub(crate) const UNCHECKED: [crate::Rule; 4] = [
    ("marked for deletion: with KRaft a topic that is deleted is gone, and the tool never says so", |entry| {
        entry["input"]["marked_for_deletion"] == true
    }),
    ("members with their assignments, and a group's state: 4.1 prints other columns (KIP-1099)", |entry| {
        let input = &entry["input"];
        input["what"] == "state" || (input["what"] == "members" && input["verbose"] == true)
    }),
    ("the console consumer is not built yet", |entry| entry["input"]["tool"] == "kafka-console-consumer"),
    ("partition reassignment is not built yet", |entry| entry["input"]["tool"] == "kafka-reassign-partitions"),
];

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let (input, expected) = (&entry["input"], text(&entry["expected"]["stdout"]));
    match text(&input["what"]) {
        "topic_line" => same("the first line", first_line(&topic_line(input)), expected),
        "partition_line" => {
            let output = partition_line(input);
            same("the second line", output.stdout.split_inclusive('\n').nth(1).unwrap_or_default(), expected)
        }
        "offsets" => {
            let output = describe_group(input, &[]);
            let stderr = entry["expected"]["stderr"].as_str().unwrap_or_default();
            same("stderr", output.stderr.as_str(), stderr)?;
            same("stdout", output.stdout.as_str(), expected)
        }
        "members" => same("stdout", describe_group(input, &["--members"]).stdout.as_str(), expected),
        "list" => {
            // The rows' order is that of the map that the tool gets them from.
            let sorted = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<BTreeSet<_>>();
            let output = list(input);
            same("the titles", first_line(&output), first_line_of(expected))?;
            same("the rows", format!("{:?}", sorted(&output.stdout)), format!("{:?}", sorted(expected)))
        }
        "reset-offsets result" => same("stdout", reset(input).stdout.as_str(), expected),
        other => Err(format!("an entry of an unknown kind: {other}")),
    }
}

fn first_line(output: &ToolOutput) -> &str {
    first_line_of(&output.stdout)
}

fn first_line_of(text: &str) -> &str {
    text.split_inclusive('\n').next().unwrap_or_default()
}

/// Runs a tool, whose words stand between blanks.
fn tool(words: &str, stdin: Option<String>, cluster: &Cluster<'_>) -> ToolOutput {
    let mut words = words.split(' ').map(str::to_owned);
    let invocation = Invocation { tool: words.next().expect("a tool"), args: words.collect(), stdin };
    run(invocation, Some(cluster)).expect("the tool ends").0
}

fn name(text: &str) -> TopicName {
    TopicName(str_bytes(text))
}

fn str_bytes(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn ids(list: &Value) -> Vec<BrokerId> {
    list.as_array().into_iter().flatten().map(|id| BrokerId(int(id) as i32)).collect()
}

/// Metadata of one topic for whoever lists topics.
fn metadata(brokers: &[i32], topic: MetadataResponseTopic) -> ResponseKind {
    let broker = |id: &i32| {
        MetadataResponseBroker::default().with_node_id((*id).into()).with_host(str_bytes("localhost")).with_port(9092)
    };
    MetadataResponse::default()
        .with_brokers(brokers.iter().map(broker).collect())
        .with_controller_id(brokers[0].into())
        .with_topics(vec![topic])
        .into()
}

fn configs(topic: &str, configs: &Value) -> ResponseKind {
    let config = |(name, value): (&String, &Value)| {
        DescribeConfigsResourceResult::default()
            .with_name(str_bytes(name))
            .with_value(Some(str_bytes(text(value))))
            .with_config_source(1)
    };
    let result = DescribeConfigsResult::default()
        .with_resource_type(2)
        .with_resource_name(str_bytes(topic))
        .with_configs(configs.as_object().into_iter().flatten().map(config).collect());
    DescribeConfigsResponse::default().with_results(vec![result]).into()
}

fn topic_line(input: &Value) -> ToolOutput {
    let topic = text(&input["topic"]);
    let id = uuid_from_text(text(&input["topic_id"])).expect("a UUID");
    let replicas: Vec<BrokerId> = (1..=int(&input["replication_factor"]) as i32).map(BrokerId).collect();
    let partition = |index: i64| {
        DescribeTopicPartitionsResponsePartition::default()
            .with_partition_index(index as i32)
            .with_leader_id(BrokerId(1))
            .with_replica_nodes(replicas.clone())
            .with_isr_nodes(replicas.clone())
    };
    let described = DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(name(topic)))
        .with_topic_id(id)
        .with_partitions((0..int(&input["partition_count"])).map(partition).collect());
    let cluster = Cluster::new(move |request| match request {
        RequestKind::Metadata(request) if request.topics.is_none() => {
            Some(metadata(&[1], MetadataResponseTopic::default().with_name(Some(name(topic))).with_topic_id(id)))
        }
        RequestKind::DescribeTopicPartitions(_) => {
            Some(DescribeTopicPartitionsResponse::default().with_topics(vec![described.clone()]).into())
        }
        RequestKind::DescribeConfigs(_) => Some(configs(topic, &input["non_default_configs_in_order"])),
        _ => None,
    });
    tool(&format!("kafka-topics --describe --topic {topic}"), None, &cluster)
}

/// A broker that does not know DescribeTopicPartitions knows nothing of eligible leader replicas either.
fn partition_line(input: &Value) -> ToolOutput {
    let topic = text(&input["topic"]);
    let (index, leader) = (int(&input["partition"]) as i32, BrokerId(int(&input["leader"]) as i32));
    let (replicas, isr) = (ids(&input["replicas"]), ids(&input["isr"]));
    let known = |list: &Value| (!list.is_null()).then(|| ids(list));
    let (elr, last_known_elr) = (known(&input["elr"]), known(&input["last_known_elr"]));
    let with_elr = elr.is_some();
    let partition = MetadataResponsePartition::default()
        .with_partition_index(index)
        .with_leader_id(leader)
        .with_replica_nodes(replicas.clone())
        .with_isr_nodes(isr.clone());
    let in_metadata = MetadataResponseTopic::default().with_name(Some(name(topic))).with_partitions(vec![partition]);
    let partition = DescribeTopicPartitionsResponsePartition::default()
        .with_partition_index(index)
        .with_leader_id(leader)
        .with_replica_nodes(replicas.clone())
        .with_isr_nodes(isr)
        .with_eligible_leader_replicas(elr)
        .with_last_known_elr(last_known_elr);
    let described =
        DescribeTopicPartitionsResponseTopic::default().with_name(Some(name(topic))).with_partitions(vec![partition]);
    let brokers: Vec<i32> = replicas.iter().map(|id| id.0).collect();
    let of_topic = brokers.clone();
    let mut cluster = Cluster::new(move |request| match request {
        RequestKind::Metadata(request) if request.topics.as_ref().is_none_or(|topics| !topics.is_empty()) => {
            Some(metadata(&of_topic, in_metadata.clone()))
        }
        RequestKind::DescribeTopicPartitions(_) => {
            Some(DescribeTopicPartitionsResponse::default().with_topics(vec![described.clone()]).into())
        }
        RequestKind::DescribeConfigs(_) => Some(configs(topic, &Value::Null)),
        _ => None,
    });
    cluster.brokers = brokers;
    cluster.lacks = if with_elr { Vec::new() } else { vec![ApiKey::DescribeTopicPartitions] };
    tool(&format!("kafka-topics --describe --topic {topic}"), None, &cluster)
}

/// A partition as an entry writes it: `orders-0`.
fn partition_of(written: &str) -> (String, i32) {
    let (topic, partition) = written.rsplit_once('-').expect("a topic and a partition");
    (topic.to_owned(), partition.parse().expect("a partition"))
}

/// An assignment as a consumer of the classic protocol writes it.
fn assignment(partitions: &[(String, i32)]) -> Bytes {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    partitions.iter().for_each(|(topic, partition)| topics.entry(topic).or_default().push(*partition));
    let assigned =
        |(topic, partitions): (&str, Vec<i32>)| Assigned::default().with_topic(name(topic)).with_partitions(partitions);
    let message =
        ConsumerProtocolAssignment::default().with_assigned_partitions(topics.into_iter().map(assigned).collect());
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    message.encode(&mut bytes, 0).expect("an assignment");
    bytes.freeze()
}

/// The members of an entry's rows: of each its own fields and its partitions.
fn members(rows: &[Value]) -> Vec<DescribedGroupMember> {
    let mut members: Vec<(&Value, Vec<(String, i32)>)> = Vec::new();
    for row in rows.iter().filter(|row| row["consumer_id"] != "-") {
        let mut partitions: Vec<(String, i32)> =
            row["assignment"].as_array().into_iter().flatten().map(|tp| partition_of(text(tp))).collect();
        if row["topic"].is_string() {
            partitions.push((text(&row["topic"]).to_owned(), int(&row["partition"]) as i32));
        }
        match members.iter_mut().find(|(known, _)| known["consumer_id"] == row["consumer_id"]) {
            Some((_, known)) => known.extend(partitions),
            None => members.push((row, partitions)),
        }
    }
    let member = |(row, partitions): (&Value, Vec<(String, i32)>)| {
        let instance = row["group_instance_id"].as_str().filter(|id| !id.is_empty());
        DescribedGroupMember::default()
            .with_member_id(str_bytes(text(&row["consumer_id"])))
            .with_group_instance_id(instance.map(str_bytes))
            .with_client_id(str_bytes(text(&row["client_id"])))
            .with_client_host(str_bytes(text(&row["host"])))
            .with_member_assignment(assignment(&partitions))
    };
    members.into_iter().map(member).collect()
}

/// `--describe` of an entry's group, with its rows as what the cluster knows of it.
fn describe_group(input: &Value, options: &[&str]) -> ToolOutput {
    let rows = input["rows"].as_array().expect("rows");
    let group = text(&rows[0]["group"]);
    let described = DescribedGroup::default()
        .with_group_id(str_bytes(group).into())
        .with_group_state(str_bytes(text(&input["state"])))
        .with_protocol_type(str_bytes("consumer"))
        .with_members(members(rows));
    let cluster = Cluster::new(move |request| match request {
        RequestKind::ConsumerGroupDescribe(_) => Some(unknown_to_the_new_protocol(group)),
        RequestKind::DescribeGroups(_) => {
            Some(DescribeGroupsResponse::default().with_groups(vec![described.clone()]).into())
        }
        RequestKind::OffsetFetch(_) => Some(committed(group, rows)),
        RequestKind::Metadata(request) if request.topics.as_ref().is_some_and(|topics| !topics.is_empty()) => {
            Some(leaders(rows))
        }
        RequestKind::ListOffsets(request) => Some(listed(request, |topic, partition| {
            let row = rows.iter().find(|row| row["topic"] == topic && row["partition"] == partition);
            int(&row.expect("a row of the partition")["log_end_offset"])
        })),
        _ => None,
    });
    let options: String = options.iter().map(|option| format!(" {option}")).collect();
    tool(&format!("kafka-consumer-groups --describe --group {group}{options}"), None, &cluster)
}

fn unknown_to_the_new_protocol(group: &str) -> ResponseKind {
    let group = ConsumerGroup::default()
        .with_group_id(str_bytes(group).into())
        .with_error_code(ErrorCode::GROUP_ID_NOT_FOUND.0);
    ConsumerGroupDescribeResponse::default().with_groups(vec![group]).into()
}

fn committed(group: &str, rows: &[Value]) -> ResponseKind {
    let partition = |row: &Value| {
        let offset = row["current_offset"].as_i64().unwrap_or(-1);
        let partition = OffsetFetchResponsePartitions::default()
            .with_partition_index(int(&row["partition"]) as i32)
            .with_committed_offset(offset);
        OffsetFetchResponseTopics::default().with_name(name(text(&row["topic"]))).with_partitions(vec![partition])
    };
    let group = OffsetFetchResponseGroup::default()
        .with_group_id(str_bytes(group).into())
        .with_topics(rows.iter().map(partition).collect());
    OffsetFetchResponse::default().with_groups(vec![group]).into()
}

fn leaders(rows: &[Value]) -> ResponseKind {
    let partition = |row: &Value| {
        MetadataResponsePartition::default()
            .with_partition_index(int(&row["partition"]) as i32)
            .with_leader_id(BrokerId(1))
    };
    let topic = MetadataResponseTopic::default()
        .with_name(Some(name(text(&rows[0]["topic"]))))
        .with_partitions(rows.iter().map(partition).collect());
    metadata(&[1], topic)
}

/// An answer to ListOffsets, by topic and partition.
fn listed(request: &ListOffsetsRequest, offset: impl Fn(&str, i32) -> i64) -> ResponseKind {
    let topics = request.topics.iter().map(|topic| {
        let partition = |p: &kafka_terrarium::wire::messages::list_offsets_request::ListOffsetsPartition| {
            ListOffsetsPartitionResponse::default()
                .with_partition_index(p.partition_index)
                .with_offset(if p.timestamp == -2 { 0 } else { offset(&topic.name, p.partition_index) })
        };
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(topic.partitions.iter().map(partition).collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect()).into()
}

fn list(input: &Value) -> ToolOutput {
    let group = |group: &Value| {
        ListedGroup::default()
            .with_group_id(str_bytes(text(&group["group"])).into())
            .with_protocol_type(str_bytes("consumer"))
            .with_group_type(str_bytes(text(&group["type"])))
            .with_group_state(str_bytes(text(&group["state"])))
    };
    let groups: Vec<ListedGroup> = input["groups"].as_array().expect("groups").iter().map(group).collect();
    let cluster = Cluster::new(move |request| match request {
        RequestKind::ListGroups(_) => Some(ListGroupsResponse::default().with_groups(groups.clone()).into()),
        _ => None,
    });
    let option = |wanted: &Value, option: &str| if *wanted == true { format!(" {option}") } else { String::new() };
    let options = option(&input["include_type"], "--type") + &option(&input["include_state"], "--state");
    tool(&format!("kafka-consumer-groups --list{options}"), None, &cluster)
}

/// `--reset-offsets` to what a file says.
fn reset(input: &Value) -> ToolOutput {
    let (group, offsets) =
        input.as_object().expect("fields").iter().find(|(_, value)| value.is_object()).expect("a group with offsets");
    let offsets = offsets.as_object().expect("offsets");
    let mut plan = String::new();
    for (written, offset) in offsets {
        let (topic, partition) = partition_of(written);
        plan += &format!("{topic},{partition},{offset}\n");
    }
    let rows: Vec<Value> = offsets
        .keys()
        .map(|written| partition_of(written))
        .map(|(topic, partition)| serde_json::json!({"topic": topic, "partition": partition}))
        .collect();
    let cluster = Cluster::new(move |request| match request {
        RequestKind::ConsumerGroupDescribe(_) => Some(unknown_to_the_new_protocol(group)),
        RequestKind::DescribeGroups(_) => {
            let described = DescribedGroup::default()
                .with_group_id(str_bytes(group).into())
                .with_error_code(ErrorCode::GROUP_ID_NOT_FOUND.0);
            Some(DescribeGroupsResponse::default().with_groups(vec![described]).into())
        }
        RequestKind::Metadata(request) if request.topics.as_ref().is_some_and(|topics| !topics.is_empty()) => {
            Some(leaders(&rows))
        }
        RequestKind::ListOffsets(request) => Some(listed(request, |_, _| 1_000)),
        _ => None,
    });
    let words = format!("kafka-consumer-groups --reset-offsets --group {group} --from-file /dev/stdin --dry-run");
    tool(&words, Some(plan), &cluster)
}
