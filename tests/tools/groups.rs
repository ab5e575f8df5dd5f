//! The lines of the session that are about groups, at a cluster that a test plays: its coordinators know the groups that
//! the real ones knew.

use super::lab::{Cluster, run};
use super::{SESSION, comparable, is_of_groups, recorded_form, replaced, strings, text};
use kafka_terrarium::tools::Invocation;
use kafka_terrarium::wire::messages::consumer_group_describe_response::DescribedGroup as ConsumerGroup;
use kafka_terrarium::wire::messages::delete_groups_response::DeletableGroupResult;
use kafka_terrarium::wire::messages::describe_groups_response::DescribedGroup;
use kafka_terrarium::wire::messages::describe_topic_partitions_request::TopicRequest;
use kafka_terrarium::wire::messages::describe_topic_partitions_response::{
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_terrarium::wire::messages::find_coordinator_response::Coordinator;
use kafka_terrarium::wire::messages::list_groups_response::ListedGroup;
use kafka_terrarium::wire::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_terrarium::wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_terrarium::wire::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_terrarium::wire::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_terrarium::wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_terrarium::wire::messages::{
    ConsumerGroupDescribeResponse, DeleteGroupsResponse, DescribeGroupsResponse, DescribeTopicPartitionsResponse,
    FindCoordinatorResponse, GroupId, ListGroupsRequest, ListGroupsResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest,
    OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse,
};
use kafka_terrarium::wire::{BrokerId, ErrorCode, RequestKind, ResponseKind, StrBytes, TopicName};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Groups that console consumers left behind, which never committed.
const CONSOLE_CONSUMERS: [&str; 5] = ["46461", "27396", "78167", "41044", "7503"];

#[derive(Default)]
struct Group {
    is_consumer_protocol: bool,
    /// Nobody was ever a member: somebody committed by hand.
    is_simple: bool,
    committed: BTreeMap<(String, i32), i64>,
}

struct Played {
    groups: BTreeMap<String, Group>,
    /// Partitions of the topic `orders`; `keyed` has one.
    orders: i32,
}

impl Played {
    fn new() -> Self {
        let names = CONSOLE_CONSUMERS.map(|number| (format!("console-consumer-{number}"), Group::default()));
        Self { groups: BTreeMap::from(names), orders: 5 }
    }

    /// What happened before a line.
    fn before(&mut self, id: &str) {
        let committed = |first: i64| (0..5).map(move |p| (("orders".to_owned(), p), if p == 0 { first } else { 0 }));
        match id {
            "live-72" => {
                self.groups.insert("g1".into(), Group { committed: committed(4).collect(), ..Group::default() });
                let group = Group { is_consumer_protocol: true, committed: committed(2).collect(), is_simple: false };
                self.groups.insert("g848".into(), group);
            }
            // Empty groups without offsets are gone after a while, and the topic got a partition more.
            "more-63" => {
                self.groups.clear();
                self.orders = 6;
            }
            _ => {}
        }
    }

    fn answer(&mut self, request: &RequestKind) -> Option<ResponseKind> {
        Some(match request {
            RequestKind::Metadata(request) => self.metadata(request).into(),
            RequestKind::DescribeTopicPartitions(request) => {
                let topic = |asked: &TopicRequest| self.described_topic(&asked.name);
                let topics = request.topics.iter().map(topic).collect();
                DescribeTopicPartitionsResponse::default().with_topics(topics).with_next_cursor(None).into()
            }
            RequestKind::FindCoordinator(request) => {
                let coordinator = |key: &StrBytes| {
                    let id = if &**key == "nope" { 2 } else { 1 };
                    let coordinator = Coordinator::default().with_key(key.clone()).with_node_id(BrokerId(id));
                    coordinator.with_host(StrBytes::from_static_str("localhost")).with_port(9091 + id)
                };
                let coordinators = request.coordinator_keys.iter().map(coordinator).collect();
                FindCoordinatorResponse::default().with_coordinators(coordinators).into()
            }
            RequestKind::ListGroups(request) => self.list(request).into(),
            RequestKind::ConsumerGroupDescribe(request) => {
                let groups = request.group_ids.iter().map(|id| self.consumer_group(id)).collect();
                ConsumerGroupDescribeResponse::default().with_groups(groups).into()
            }
            RequestKind::DescribeGroups(request) => {
                let groups = request.groups.iter().map(|id| self.classic_group(id)).collect();
                DescribeGroupsResponse::default().with_groups(groups).into()
            }
            RequestKind::OffsetFetch(request) => self.fetch(request).into(),
            RequestKind::ListOffsets(request) => self.list_offsets(request).into(),
            RequestKind::OffsetCommit(request) => self.commit(request).into(),
            RequestKind::OffsetDelete(request) => self.delete_offsets(request).into(),
            RequestKind::DeleteGroups(request) => {
                let result = |id: &GroupId| {
                    let error = match self.groups.remove(&***id) {
                        Some(_) => ErrorCode::NONE,
                        None => ErrorCode::GROUP_ID_NOT_FOUND,
                    };
                    DeletableGroupResult::default().with_group_id(id.clone()).with_error_code(error.0)
                };
                let results = request.groups_names.iter().map(result).collect();
                DeleteGroupsResponse::default().with_results(results).into()
            }
            _ => return None,
        })
    }

    fn partitions(&self, topic: &str) -> i32 {
        match topic {
            "orders" => self.orders,
            "keyed" => 1,
            _ => 0,
        }
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let broker = |id: i32| {
            let broker = MetadataResponseBroker::default().with_node_id(BrokerId(id)).with_port(9091 + id);
            broker.with_host(StrBytes::from_static_str("localhost"))
        };
        let topic = |name: TopicName| {
            let partition = |index: i32| {
                let partition = MetadataResponsePartition::default().with_partition_index(index);
                partition.with_leader_id(BrokerId(1)).with_replica_nodes(vec![BrokerId(1)])
            };
            let partitions: Vec<_> = (0..self.partitions(&name)).map(partition).collect();
            let error = if partitions.is_empty() { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::NONE };
            let topic = MetadataResponseTopic::default().with_name(Some(name)).with_error_code(error.0);
            topic.with_partitions(partitions)
        };
        let asked = match &request.topics {
            Some(topics) => topics.iter().filter_map(|topic| topic.name.clone()).collect(),
            None => ["keyed", "orders"].map(|name| TopicName(StrBytes::from_static_str(name))).to_vec(),
        };
        MetadataResponse::default()
            .with_brokers((1..=3).map(broker).collect())
            .with_controller_id(BrokerId(1))
            .with_topics(asked.into_iter().map(topic).collect())
    }

    fn described_topic(&self, name: &TopicName) -> DescribeTopicPartitionsResponseTopic {
        let partition = |index: i32| {
            let partition = DescribeTopicPartitionsResponsePartition::default().with_partition_index(index);
            partition.with_leader_id(BrokerId(1)).with_replica_nodes(vec![BrokerId(1)])
        };
        let partitions: Vec<_> = (0..self.partitions(name)).map(partition).collect();
        let error = if partitions.is_empty() { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::NONE };
        let topic = DescribeTopicPartitionsResponseTopic::default().with_name(Some(name.clone()));
        topic.with_error_code(error.0).with_partitions(partitions)
    }

    fn list(&self, request: &ListGroupsRequest) -> ListGroupsResponse {
        let wanted = |filter: &[StrBytes], what: &str| {
            filter.is_empty() || filter.iter().any(|one| one.eq_ignore_ascii_case(what))
        };
        let listed = self.groups.iter().filter_map(|(id, group)| {
            let kind = if group.is_consumer_protocol { "consumer" } else { "classic" };
            let is_wanted = wanted(&request.states_filter, "Empty") && wanted(&request.types_filter, kind);
            let protocol = if group.is_simple { "" } else { "consumer" };
            let listed = ListedGroup::default()
                .with_group_id(bytes(id).into())
                .with_protocol_type(bytes(protocol))
                .with_group_state(bytes("Empty"))
                .with_group_type(bytes(kind));
            is_wanted.then_some(listed)
        });
        ListGroupsResponse::default().with_groups(listed.collect())
    }

    fn consumer_group(&self, id: &GroupId) -> ConsumerGroup {
        let described = ConsumerGroup::default().with_group_id(id.clone());
        let refused = |message: String| {
            let error = ErrorCode::GROUP_ID_NOT_FOUND.0;
            described.clone().with_error_code(error).with_error_message(Some(bytes(&message)))
        };
        match self.groups.get(&***id) {
            None => refused(format!("Group {} not found.", **id)),
            Some(group) if !group.is_consumer_protocol => refused(format!("Group {} is not a consumer group.", **id)),
            Some(_) => described.with_group_state(bytes("Empty")).with_assignor_name(bytes("uniform")),
        }
    }

    fn classic_group(&self, id: &GroupId) -> DescribedGroup {
        let described = DescribedGroup::default().with_group_id(id.clone());
        match self.groups.get(&***id) {
            Some(group) => {
                let protocol = if group.is_simple { "" } else { "consumer" };
                described.with_group_state(bytes("Empty")).with_protocol_type(bytes(protocol))
            }
            None => described
                .with_group_state(bytes("Dead"))
                .with_error_code(ErrorCode::GROUP_ID_NOT_FOUND.0)
                .with_error_message(Some(bytes(&format!("Group {} not found.", **id)))),
        }
    }

    fn fetch(&self, request: &OffsetFetchRequest) -> OffsetFetchResponse {
        let nothing = Group::default();
        let groups = request.groups.iter().map(|asked| {
            let group = self.groups.get(&**asked.group_id).unwrap_or(&nothing);
            let topic = |(topic, index): (&str, i32), offset: i64| {
                let partition = OffsetFetchResponsePartitions::default().with_partition_index(index);
                let partition = partition.with_committed_offset(offset);
                let found = OffsetFetchResponseTopics::default().with_name(TopicName(bytes(topic)));
                found.with_partitions(vec![partition])
            };
            let topics = match &asked.topics {
                None => group.committed.iter().map(|((name, index), at)| topic((name.as_str(), *index), *at)).collect(),
                Some(topics) => topics
                    .iter()
                    .flat_map(|asked| asked.partition_indexes.iter().map(|index| (asked.name.to_string(), *index)))
                    .map(|tp| topic((tp.0.as_str(), tp.1), group.committed.get(&tp).copied().unwrap_or(-1)))
                    .collect(),
            };
            OffsetFetchResponseGroup::default().with_group_id(asked.group_id.clone()).with_topics(topics)
        });
        OffsetFetchResponse::default().with_groups(groups.collect())
    }

    fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let end = match (&**topic.name, asked.partition_index) {
                    ("orders", 0) => 4,
                    ("keyed", 0) => 3,
                    _ => 0,
                };
                // The records were written when the session took place.
                let offset = match asked.timestamp {
                    -1 => end,
                    -2 => 0,
                    time if end > 0 && time < super::lab::START_MS => 0,
                    _ => -1,
                };
                let found = ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
                found.with_offset(offset).with_timestamp(if offset < 0 { -1 } else { asked.timestamp.max(-1) })
            });
            let found = ListOffsetsTopicResponse::default().with_name(topic.name.clone());
            found.with_partitions(partitions.collect())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }

    fn commit(&mut self, request: &OffsetCommitRequest) -> OffsetCommitResponse {
        let simple = || Group { is_simple: true, ..Group::default() };
        let group = self.groups.entry(request.group_id.to_string()).or_insert_with(simple);
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| {
                let tp = (topic.name.to_string(), partition.partition_index);
                group.committed.insert(tp, partition.committed_offset);
                OffsetCommitResponsePartition::default().with_partition_index(partition.partition_index)
            });
            let partitions = partitions.collect();
            OffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions)
        });
        OffsetCommitResponse::default().with_topics(topics.collect())
    }

    fn delete_offsets(&mut self, request: &OffsetDeleteRequest) -> OffsetDeleteResponse {
        let Some(group) = self.groups.get_mut(&**request.group_id) else {
            return OffsetDeleteResponse::default().with_error_code(ErrorCode::GROUP_ID_NOT_FOUND.0);
        };
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| {
                group.committed.remove(&(topic.name.to_string(), partition.partition_index));
                OffsetDeleteResponsePartition::default().with_partition_index(partition.partition_index)
            });
            let partitions = partitions.collect();
            OffsetDeleteResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions)
        });
        OffsetDeleteResponse::default().with_topics(topics.collect())
    }
}

fn bytes(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A lookup that is repeated until time is over: in a real network its last request is under way then, but here requests
/// take no time.
const ENDLESS_LOOKUP: &str = "more-92";

/// Output without what is by chance: lists of groups stand in the order of a map with its ties, and a column is as wide
/// as the coordinator's host and port.
fn in_order(args: &[String], output: &str) -> String {
    let text = replaced(output, r"(\{broker \d\}  \(\d\)) +", "$1 ");
    if !args.iter().any(|arg| arg == "--list" || arg == "--all-groups") {
        return text;
    }
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}

#[test]
fn groups_are_told_of_as_kafka_tells_of_them() {
    let session: Value = serde_json::from_str(SESSION).expect("the session");
    let played = RefCell::new(Played::new());
    let cluster = Cluster::new(|request| played.borrow_mut().answer(request));
    let (mut wrong, mut count) = (Vec::new(), 0);
    for entry in session.as_array().expect("steps").iter().filter(|entry| is_of_groups(entry)) {
        let id = text(&entry["id"]);
        played.borrow_mut().before(id);
        let args: Vec<String> = strings(&entry["args"]).map(str::to_owned).collect();
        let stdin = entry["stdin"].as_str().map(str::to_owned);
        let invocation = Invocation { tool: text(&entry["tool"]).to_owned(), args: args.clone(), stdin };
        let (output, _) = run(invocation, Some(&cluster)).expect("the tool ends");
        for (what, ours, kafkas) in [
            ("stdout", in_order(&args, &recorded_form(&output.stdout)), in_order(&args, text(&entry["stdout"]))),
            ("stderr", in_order(&args, &recorded_form(&output.stderr)), in_order(&args, text(&entry["stderr"]))),
            ("exit", output.exit.to_string(), entry["exit"].to_string()),
        ] {
            count += 1;
            if id != ENDLESS_LOOKUP && comparable("", &ours) != comparable("", &kafkas) {
                let line = args.join(" ");
                wrong.push(format!("{} {line}\n--- {what}, ours:\n{ours}--- Kafka's:\n{kafkas}", entry["id"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 100, "{count}");
}
