//! What is refused, in the words of a real cluster of Kafka 4.1.1.

use super::*;
use crate::wire::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use crate::wire::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use crate::wire::messages::delete_topics_request::DeleteTopicState;
use crate::wire::messages::{
    AlterPartitionReassignmentsRequest, CreatePartitionsRequest, DeleteTopicsRequest, ElectLeadersRequest,
};

/// As a real 4.1.1 cluster refused them.
#[test]
fn refusals_are_kafkas() {
    let mut cluster = Cluster::new();
    cluster.create("a.b", &[1, 2, 3], &[]);
    let mut topic = |name: &str, value: &str| cluster.alter_config(ResourceType::Topic, "a.b", name, Some(value)).1;
    assert_eq!(topic("nosuch", "1"), "Unknown topic config name: nosuch");
    assert_eq!(
        topic("retention.ms", "-5"),
        "Invalid value -5 for configuration retention.ms: Value must be at least -1"
    );
    assert_eq!(topic("max.compaction.lag.ms", "100"), "NONE");
    let conflict = "conflict topic config setting min.compaction.lag.ms (200) > max.compaction.lag.ms (100)";
    assert_eq!(topic("min.compaction.lag.ms", "200"), conflict);
    let missing = cluster.alter_config(ResourceType::Topic, "nosuch", "retention.ms", Some("1")).1;
    assert_eq!(missing, "UNKNOWN_TOPIC_OR_PARTITION");
    let group = cluster.alter_config(ResourceType::Group, "g", "consumer.session.timeout.ms", Some("1")).1;
    let bound = "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms";
    assert_eq!(group, bound);
    let (error, message) = cluster.create_with("b", &[], &[("retention.ms", "-5")], 1, 9);
    assert_eq!(error, ErrorCode::INVALID_CONFIG, "configs are looked at before numbers: {message}");
    let (_, message) = cluster.create_with("b", &[], &[], 1, 4);
    let few = "Unable to replicate the partition 4 time(s): The target replication factor of 4 cannot be reached because \
               only 3 broker(s) are registered.";
    assert_eq!(message, few);
    let (error, message) = cluster.create_with("a_b", &[], &[], 1, 1);
    assert_eq!(
        (error, &*message),
        (ErrorCode::INVALID_TOPIC_EXCEPTION, "Topic 'a_b' collides with existing topic: a.b")
    );
    let configs = [("num.partitions", "2")];
    let refused = check_dynamic_broker_configs(true, configs).unwrap_err();
    assert_eq!(refused.message.as_deref(), Some("Cannot update these configs dynamically: Set(num.partitions)"));
    let refused = check_dynamic_broker_configs(false, [("listeners", "PLAINTEXT://:1")]).unwrap_err();
    let at_cluster =
        "Cannot update these configs at default cluster level, broker id must be specified: Set(listeners)";
    assert_eq!(refused.message.as_deref(), Some(at_cluster));
}

#[test]
fn of_two_wrong_values_the_one_is_refused_that_kafka_defines_first() {
    let mut cluster = Cluster::new();
    for (configs, first) in [
        ([("preallocate", "z"), ("unclean.leader.election.enable", "z")], "unclean.leader.election.enable"),
        ([("compression.type", "z"), ("min.insync.replicas", "0")], "min.insync.replicas"),
        ([("max.message.bytes", "z"), ("retention.ms", "y")], "retention.ms"),
        ([("local.retention.bytes", "x"), ("message.timestamp.type", "x")], "message.timestamp.type"),
    ] {
        let (_, message) = cluster.create_with("t", &[], &configs, 1, 1);
        assert!(message.contains(&format!("for configuration {first}:")), "{message}");
    }
}

/// The ISR of another leader epoch, another partition epoch, a follower's or a stranger's is refused.
#[test]
fn alter_partition_compares_before_it_sets() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2, 3], &[]);
    let asked = |broker: i32, leader_epoch, partition_epoch, isr: &[i32]| {
        let state = |id: &i32| alter_partition_request::BrokerState::default().with_broker_id(BrokerId(*id));
        let partition = alter_partition_request::PartitionData::default()
            .with_leader_epoch(leader_epoch)
            .with_partition_epoch(partition_epoch)
            .with_new_isr_with_epochs(isr.iter().map(state).collect());
        let topic = alter_partition_request::TopicData::default()
            .with_topic_id(cluster.controller.topics().by_name("t").unwrap().id)
            .with_partitions(vec![partition]);
        let request = AlterPartitionRequest::default()
            .with_broker_id(BrokerId(broker))
            .with_broker_epoch(cluster.epoch(broker))
            .with_topics(vec![topic]);
        let outcome = cluster.controller.alter_partition(&request).unwrap();
        ErrorCode(outcome.response.topics[0].partitions[0].error_code)
    };
    assert_eq!(asked(1, 0, 0, &[1, 2]), ErrorCode::NONE);
    assert_eq!(asked(1, 1, 0, &[1, 2]), ErrorCode::NOT_CONTROLLER);
    assert_eq!(asked(1, 0, 1, &[1, 2]), ErrorCode::NOT_CONTROLLER);
    assert_eq!(asked(1, -1, 0, &[1, 2]), ErrorCode::FENCED_LEADER_EPOCH);
    assert_eq!(asked(1, 0, -1, &[1, 2]), ErrorCode::INVALID_UPDATE_VERSION);
    assert_eq!(asked(2, 0, 0, &[1, 2]), ErrorCode::INVALID_REQUEST);
    assert_eq!(asked(1, 0, 0, &[2, 3]), ErrorCode::INVALID_REQUEST);
    assert_eq!(asked(1, 0, 0, &[1, 1]), ErrorCode::INVALID_REQUEST);
}

fn ids(list: &[i32]) -> Vec<BrokerId> {
    list.iter().copied().map(BrokerId).collect()
}

#[test]
fn create_topics_with_assignments() {
    let cluster = Cluster::new();
    let refuse = |partitions: i32, factor: i16, assignments: &[(i32, &[i32])]| {
        let assigned = |(index, replicas): &(i32, &[i32])| {
            CreatableReplicaAssignment::default().with_partition_index(*index).with_broker_ids(ids(replicas))
        };
        let topic = CreatableTopic::default()
            .with_name(TopicName(text("new")))
            .with_num_partitions(partitions)
            .with_replication_factor(factor)
            .with_assignments(assignments.iter().map(assigned).collect());
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_validate_only(true);
        let outcome = cluster.controller.create_topics(&request, &mut cluster.random.clone());
        assert!(outcome.records.is_empty(), "validate_only");
        outcome.response.topics[0].error_message.as_deref().unwrap_or("created").to_string()
    };
    let assigned = "A manual partition assignment was specified, but";
    assert_eq!(refuse(1, -1, &[(0, &[1])]), format!("{assigned} numPartitions was not set to -1."));
    assert_eq!(refuse(-1, 1, &[(0, &[1])]), format!("{assigned} replication factor was not set to -1."));
    let found = "Found multiple manual partition assignments for partition 0";
    assert_eq!(refuse(-1, -1, &[(0, &[1]), (0, &[2])]), found);
    let gap = "partitions should be a consecutive 0-based integer sequence";
    assert_eq!(refuse(-1, -1, &[(1, &[1])]), gap);
    let includes = "The manual partition assignment includes";
    assert_eq!(refuse(-1, -1, &[(0, &[])]), format!("{includes} an empty replica list."));
    assert_eq!(refuse(-1, -1, &[(0, &[1, 1])]), format!("{includes} the broker 1 more than once."));
    let unequal = "a partition with 2 replica(s), but this is not consistent with previous partitions, which have 1 \
                   replica(s).";
    assert_eq!(refuse(-1, -1, &[(0, &[1]), (1, &[1, 2])]), format!("{includes} {unequal}"));
    assert_eq!(refuse(0, -1, &[]), "Number of partitions was set to an invalid non-positive value.");
    assert_eq!(refuse(10_001, -1, &[]), "Excessively large number of partitions per request.");
    assert_eq!(refuse(-1, -1, &[(0, &[3, 1])]), "created");
}

#[test]
fn a_name_that_is_there_twice_is_answered_once() {
    let cluster = Cluster::new();
    let topic = |name: &str| CreatableTopic::default().with_name(TopicName(text(name))).with_num_partitions(-1);
    let names = ["twice", "__cluster_metadata", "twice", "once"].map(|name| topic(name).with_replication_factor(-1));
    let request = CreateTopicsRequest::default().with_topics(names.to_vec());
    let outcome = cluster.controller.create_topics(&request, &mut cluster.random.clone());
    let answers: Vec<(&str, Option<&str>)> =
        outcome.response.topics.iter().map(|t| (&**t.name, t.error_message.as_deref())).collect();
    let internal = "Creation of internal topic __cluster_metadata is prohibited.";
    let expected = [("once", None), ("twice", Some("Duplicate topic name.")), ("__cluster_metadata", Some(internal))];
    assert_eq!(answers, expected);
}

#[test]
fn create_partitions() {
    let mut cluster = Cluster::new();
    cluster.create_with("a", &[], &[], 2, 2);
    let refuse = |name: &str, count, assignments: Option<&[&[i32]]>| {
        let assigned = |replicas: &&[i32]| CreatePartitionsAssignment::default().with_broker_ids(ids(replicas));
        let topic = CreatePartitionsTopic::default()
            .with_name(TopicName(text(name)))
            .with_count(count)
            .with_assignments(assignments.map(|list| list.iter().map(assigned).collect()));
        let request = CreatePartitionsRequest::default().with_topics(vec![topic]);
        let outcome = cluster.controller.create_partitions(&request, &mut cluster.random.clone());
        let result = &outcome.response.results[0];
        (ErrorCode(result.error_code), result.error_message.as_deref().unwrap_or_default().to_string())
    };
    let decrease = "The topic a currently has 2 partition(s); -1 would not be an increase.";
    assert_eq!(refuse("a", -1, None), (ErrorCode::INVALID_PARTITIONS, decrease.into()));
    let few = "Attempted to add 1 additional partition(s), but only 2 assignment(s) were specified.";
    assert_eq!(refuse("a", 3, Some(&[&[1, 2], &[1, 2]])), (ErrorCode::INVALID_REPLICA_ASSIGNMENT, few.into()));
    assert_eq!(refuse("zz", 3, None), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, String::new()));
    assert_eq!(refuse("a", 20_000, None), (ErrorCode::UNKNOWN_SERVER_ERROR, String::new()));
    assert_eq!(refuse("a", 3, None), (ErrorCode::NONE, String::new()));
}

#[test]
fn delete_topics() {
    let mut cluster = Cluster::new();
    cluster.create("a", &[1, 2], &[]);
    let known = cluster.controller.topics().by_name("a").unwrap().id;
    let unknown = Uuid::from_u128(0x1111);
    let refuse = |topics: &[(Option<&str>, Uuid)]| {
        let state = |(name, id): &(Option<&str>, Uuid)| {
            DeleteTopicState::default().with_name(name.map(|name| TopicName(text(name)))).with_topic_id(*id)
        };
        let request = DeleteTopicsRequest::default().with_topics(topics.iter().map(state).collect());
        let outcome = cluster.controller.delete_topics(&request, 6).unwrap();
        let messages = outcome.response.responses.iter();
        (messages.map(|r| r.error_message.as_deref().unwrap_or("deleted").to_string()).collect(), outcome.records.len())
    };
    let one = |message: &str, deleted| (vec![message.to_string()], deleted);
    let nil = Uuid::nil();
    assert_eq!(refuse(&[(Some("a"), unknown)]), one("You may not specify both topic name and topic id.", 0));
    assert_eq!(refuse(&[(None, nil)]), one("Neither topic name nor id were specified.", 0));
    assert_eq!(refuse(&[(Some("q"), nil), (Some("q"), nil)]), one("Duplicate topic name.", 0));
    assert_eq!(refuse(&[(None, unknown), (None, unknown)]), one("Duplicate topic id.", 0));
    assert_eq!(refuse(&[(None, unknown)]), one("This server does not host this topic ID.", 0));
    assert_eq!(refuse(&[(Some("q"), nil)]), one("This server does not host this topic-partition.", 0));
    assert_eq!(refuse(&[(None, known)]), one("deleted", 1));
    assert_eq!(refuse(&[(Some("a"), nil)]), one("deleted", 1));
}

#[test]
fn reassignments_and_elections() {
    let mut cluster = Cluster::new();
    cluster.create("a", &[1, 2], &[]);
    let refuse = |topic: &str, index, replicas: Option<&[i32]>, any_factor| {
        let partition = ReassignablePartition::default().with_partition_index(index).with_replicas(replicas.map(ids));
        let topic = ReassignableTopic::default().with_name(TopicName(text(topic))).with_partitions(vec![partition]);
        let request = AlterPartitionReassignmentsRequest::default()
            .with_allow_replication_factor_change(any_factor)
            .with_topics(vec![topic]);
        let outcome = cluster.controller.alter_partition_reassignments(&request);
        let result = &outcome.response.responses[0].partitions[0];
        let message = result.error_message.as_deref().map(str::to_string);
        message.unwrap_or_else(|| ErrorCode(result.error_code).name().to_string())
    };
    let includes = "The manual partition assignment includes";
    assert_eq!(refuse("a", 0, Some(&[]), true), format!("{includes} an empty replica list."));
    assert_eq!(refuse("a", 0, Some(&[1, 1]), true), format!("{includes} the broker 1 more than once."));
    let stranger = format!("{includes} broker 9, but no such broker is registered.");
    assert_eq!(refuse("a", 0, Some(&[1, 9]), true), stranger);
    assert_eq!(refuse("a", 0, None, true), "NO_REASSIGNMENT_IN_PROGRESS");
    assert_eq!(refuse("a", 9, Some(&[1]), true), "Unable to find partition a:9.");
    assert_eq!(refuse("zz", 0, Some(&[1]), true), "Unable to find a topic named zz.");
    assert_eq!(refuse("a", 0, Some(&[1, 2, 3]), false), "The replication factor is changed from 2 to 3");
    assert_eq!(refuse("a", 0, Some(&[1, 3]), false), "NONE");
    let refused = cluster.controller.elect_leaders(&ElectLeadersRequest::default().with_election_type(5)).unwrap_err();
    assert_eq!(refused, ApiError::new(ErrorCode::INVALID_REQUEST, "Unknown election type 5"));
}

#[test]
fn configs() {
    let mut cluster = Cluster::new();
    cluster.create("a", &[1, 2], &[]);
    let alter = |kind: i8, resource: &str, configs: &[(&str, i8, Option<&str>)]| {
        let config = |(name, op, value): &(&str, i8, Option<&str>)| {
            AlterableConfig::default().with_name(text(name)).with_config_operation(*op).with_value(value.map(text))
        };
        let resource = AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(resource))
            .with_configs(configs.iter().map(config).collect());
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let outcome = cluster.controller.incremental_alter_configs(&request);
        let result = &outcome.response.responses[0];
        let message = result.error_message.as_deref().map(str::to_string);
        message.unwrap_or_else(|| ErrorCode(result.error_code).name().to_string())
    };
    let retention = |op, value| [("retention.ms", op, value)];
    assert_eq!(alter(2, "a", &retention(0, None)), "Null value not supported for : retention.ms");
    let twice = [("retention.ms", 0, Some("1")), ("retention.ms", 0, Some("2"))];
    assert_eq!(alter(2, "a", &twice), "Error due to duplicate config keys");
    assert_eq!(alter(3, "a", &retention(0, Some("1"))), "Unknown resource type 3");
    assert_eq!(alter(2, "a", &retention(9, Some("1"))), "UNKNOWN_SERVER_ERROR");
    let append = "Can't APPEND to key retention.ms because its type is not LIST.";
    assert_eq!(alter(2, "a", &retention(2, Some("1"))), append);
    assert_eq!(alter(2, "a", &[("cleanup.policy", 2, Some("compact"))]), "NONE");
    assert_eq!(alter(2, "", &retention(0, Some("1"))), "Default topic resources are not allowed.");
    assert_eq!(
        alter(32, "", &[("consumer.session.timeout.ms", 0, Some("50000"))]),
        "Default group resources are not allowed."
    );
    assert_eq!(alter(16, "", &[("interval.ms", 0, Some("50000"))]), "Subscription name can't be empty");
    let interval = "Invalid value 1 for interval.ms, interval must be between 100 and 3600000 (1 hour)";
    assert_eq!(alter(16, "s", &[("interval.ms", 0, Some("1"))]), interval);
}

#[test]
fn registrations() {
    let mut cluster = Cluster::new();
    let plain = || {
        BrokerRegistrationRequest::default()
            .with_broker_id(BrokerId(7))
            .with_cluster_id(text("cluster"))
            .with_log_dirs(vec![Uuid::from_u128(7)])
    };
    let refuse = |request: BrokerRegistrationRequest| {
        cluster.controller.register_broker(&request, &cluster.heartbeats, 99, cluster.now).unwrap_err().error
    };
    assert_eq!(refuse(plain().with_cluster_id(text("nope"))), ErrorCode::INCONSISTENT_CLUSTER_ID);
    assert_eq!(refuse(plain().with_log_dirs(Vec::new())), ErrorCode::INVALID_REGISTRATION);
    assert_eq!(refuse(plain()), ErrorCode::INVALID_REGISTRATION, "it names no metadata.version");
    let feature = crate::wire::messages::broker_registration_request::Feature::default()
        .with_name(text("metadata.version"))
        .with_min_supported_version(7)
        .with_max_supported_version(27);
    assert_eq!(refuse(plain().with_features(vec![feature])), ErrorCode::UNSUPPORTED_VERSION, "no group.version");
    let mut alter = |id| cluster.alter_config(ResourceType::Broker, id, "log.cleaner.threads", Some("2")).1;
    assert_eq!(alter("x"), "Unable to parse broker name as a base 10 number.");
    assert_eq!(alter("-2"), "Invalid negative broker ID.");
    assert_eq!(alter("77"), "No node with id 77 found.");
    assert_eq!(alter("1"), "NONE");
}
