//! The APIs of groups, each at every version.

use super::{Client, orders, versions};
use kafka_terrarium::base::{SimDuration, SimTime, TopicPartition};
use kafka_terrarium::machine::Fact;
use kafka_terrarium::sim::{ClusterSpec, Command, Fault, TraceEvent, TraceKind, World};
use kafka_terrarium::tools::Invocation;
use kafka_terrarium::wire::consumer_protocol::{Assignment, Subscription};
use kafka_terrarium::wire::messages::delete_groups_response::DeletableGroupResult;
use kafka_terrarium::wire::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_terrarium::wire::messages::leave_group_request::MemberIdentity;
use kafka_terrarium::wire::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_terrarium::wire::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_terrarium::wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_terrarium::wire::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_terrarium::wire::messages::*;
use kafka_terrarium::wire::records::{self, Record};
use kafka_terrarium::wire::{ApiKey, ErrorCode, Request, RequestKind, ResponseKind, StrBytes, TopicName};

fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

/// Connected to a one-broker world with the topic `orders`, whose groups do not wait for more members.
fn connect() -> Client {
    connect_with(&[("group.initial.rebalance.delay.ms", "0"), ("offsets.topic.num.partitions", "3")])
}

fn connect_with(configs: &[(&str, &str)]) -> Client {
    in_world(ClusterSpec::single(), configs)
}

fn in_world(mut spec: ClusterSpec, configs: &[(&str, &str)]) -> Client {
    spec.configs.extend(configs.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let mut world = World::new(spec, 1);
    assert!(world.boot(SimTime::ZERO + SimDuration::from_secs(10)));
    let args = "--create --topic orders --partitions 2 --replication-factor 1";
    world.apply("", &Command::Tool(Invocation::new("kafka-topics", args.split(' ')))).unwrap();
    let conn = world.external_connect(1).unwrap();
    let mut client = Client { world, conn, correlation_id: 0, patience_ms: 500 };
    client.wait(1_000);
    client
}

/// What a test asks of groups, at the versions it names.
impl Client {
    fn find(&mut self, version: i16, kind: i8, key: &str) -> (ErrorCode, i32, Option<String>) {
        let body = FindCoordinatorRequest::default();
        let body = if version >= 4 { body.with_coordinator_keys(vec![text(key)]) } else { body.with_key(text(key)) };
        let body = RequestKind::FindCoordinator(if version >= 1 { body.with_key_type(kind) } else { body });
        let ResponseKind::FindCoordinator(answer) = self.ask(ApiKey::FindCoordinator, version, body) else { panic!() };
        match answer.coordinators.first() {
            Some(of) => (ErrorCode(of.error_code), of.node_id.0, of.error_message.as_ref().map(|m| m.to_string())),
            None => {
                let message = answer.error_message.as_ref().map(|message| message.to_string());
                (ErrorCode(answer.error_code), answer.node_id.0, message)
            }
        }
    }

    /// Asks until there is a coordinator.
    fn with_coordinator(mut self) -> Self {
        for _ in 0..5 {
            if self.find(6, 0, "g").0 == ErrorCode::NONE {
                return self;
            }
        }
        panic!("no coordinator");
    }

    fn join(&mut self, version: i16, name: &str, member: &str) -> JoinGroupResponse {
        let subscription = Subscription { topics: vec!["orders".into()], ..Subscription::default() };
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str("range"))
            .with_metadata(subscription.encode(1));
        let body = JoinGroupRequest::default()
            .with_group_id(group(name))
            .with_member_id(text(member))
            .with_session_timeout_ms(60_000)
            .with_protocol_type(StrBytes::from_static_str("consumer"))
            .with_protocols(vec![protocol]);
        let body = if version >= 1 { body.with_rebalance_timeout_ms(20_000) } else { body };
        let body = if version >= 8 { body.with_reason(Some(text("a test"))) } else { body };
        let ResponseKind::JoinGroup(answer) = self.ask(ApiKey::JoinGroup, version, RequestKind::JoinGroup(body)) else {
            panic!()
        };
        answer
    }

    /// Joins as a member, with an id if the version wants one.
    fn joined(&mut self, version: i16, name: &str) -> JoinGroupResponse {
        let first = self.join(version, name, "");
        if ErrorCode(first.error_code) == ErrorCode::MEMBER_ID_REQUIRED {
            assert!(version >= 4);
            return self.join(version, name, &first.member_id);
        }
        first
    }

    fn sync(&mut self, version: i16, name: &str, generation: i32, member: &str) -> SyncGroupResponse {
        let assignment = Assignment { partitions: vec![TopicPartition::new("orders", 0)], user_data: None }.encode(1);
        let to = SyncGroupRequestAssignment::default().with_member_id(text(member)).with_assignment(assignment);
        let body = SyncGroupRequest::default()
            .with_group_id(group(name))
            .with_generation_id(generation)
            .with_member_id(text(member))
            .with_assignments(vec![to]);
        let body = if version >= 5 {
            body.with_protocol_type(Some(text("consumer"))).with_protocol_name(Some(text("range")))
        } else {
            body
        };
        let ResponseKind::SyncGroup(answer) = self.ask(ApiKey::SyncGroup, version, RequestKind::SyncGroup(body)) else {
            panic!()
        };
        answer
    }

    fn heartbeat(&mut self, version: i16, name: &str, generation: i32, member: &str) -> ErrorCode {
        let body = HeartbeatRequest::default()
            .with_group_id(group(name))
            .with_generation_id(generation)
            .with_member_id(text(member));
        let ResponseKind::Heartbeat(answer) = self.ask(ApiKey::Heartbeat, version, RequestKind::Heartbeat(body)) else {
            panic!()
        };
        ErrorCode(answer.error_code)
    }

    fn leave(&mut self, version: i16, name: &str, member: &str) -> Vec<ErrorCode> {
        let body = LeaveGroupRequest::default().with_group_id(group(name));
        let body = match version {
            0..=2 => body.with_member_id(text(member)),
            _ => body.with_members(vec![MemberIdentity::default().with_member_id(text(member))]),
        };
        let ResponseKind::LeaveGroup(answer) = self.ask(ApiKey::LeaveGroup, version, RequestKind::LeaveGroup(body))
        else {
            panic!()
        };
        let members = answer.members.iter().map(|member| ErrorCode(member.error_code));
        std::iter::once(ErrorCode(answer.error_code)).chain(members).collect()
    }

    fn commit(&mut self, version: i16, name: &str, topic: &str, partition: i32, offset: i64) -> ErrorCode {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(text("m")));
        let partition = if version >= 6 { partition.with_committed_leader_epoch(0) } else { partition };
        let topic =
            OffsetCommitRequestTopic::default().with_name(TopicName(text(topic))).with_partitions(vec![partition]);
        let body = OffsetCommitRequest::default().with_group_id(group(name)).with_topics(vec![topic]);
        let body = RequestKind::OffsetCommit(body.with_generation_id_or_member_epoch(-1));
        let ResponseKind::OffsetCommit(answer) = self.ask(ApiKey::OffsetCommit, version, body) else { panic!() };
        ErrorCode(answer.topics[0].partitions[0].error_code)
    }

    /// The offsets of `orders-0` and `orders-1`, asked for by name or as all that there are.
    fn fetch_offsets(&mut self, version: i16, name: &str, all: bool, stable: bool) -> (ErrorCode, Vec<(i32, i64)>) {
        let body = OffsetFetchRequest::default();
        let body = match version {
            0..=7 => {
                let topic = OffsetFetchRequestTopic::default().with_name(orders()).with_partition_indexes(vec![0, 1]);
                body.with_group_id(group(name)).with_topics((!all).then(|| vec![topic]))
            }
            _ => {
                let topic = OffsetFetchRequestTopics::default().with_name(orders()).with_partition_indexes(vec![0, 1]);
                let asked = OffsetFetchRequestGroup::default().with_group_id(group(name));
                body.with_groups(vec![asked.with_topics((!all).then(|| vec![topic]))])
            }
        };
        let body = RequestKind::OffsetFetch(if version >= 7 { body.with_require_stable(stable) } else { body });
        let ResponseKind::OffsetFetch(answer) = self.ask(ApiKey::OffsetFetch, version, body) else { panic!() };
        match answer.groups.first() {
            Some(group) => {
                let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
                let offsets = partitions.map(|is| (is.partition_index, is.committed_offset)).collect();
                (ErrorCode(group.error_code), offsets)
            }
            None => {
                let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                let offsets = partitions.map(|is| (is.partition_index, is.committed_offset)).collect();
                (ErrorCode(answer.error_code), offsets)
            }
        }
    }
}

#[test]
fn find_coordinator_creates_the_topic_of_groups() {
    for version in versions(ApiKey::FindCoordinator) {
        let mut client =
            connect_with(&[("offsets.topic.num.partitions", "7"), ("offsets.topic.segment.bytes", "2097152")]);
        let (error, node, _) = client.find(version, 0, "g");
        assert_eq!((error, node), (ErrorCode::COORDINATOR_NOT_AVAILABLE, -1), "v{version}");
        client.wait(1_000);
        assert_eq!(client.find(version, 0, "g").1, 1, "v{version}");
        let topic = client.world.topics().into_iter().find(|topic| &*topic.name == "__consumer_offsets").unwrap();
        assert_eq!((topic.partitions, topic.replication_factor), (7, 1));
        let log = client.world.replica(1, &TopicPartition::new("__consumer_offsets", 6)).unwrap();
        assert_eq!(log.config().segment_bytes, 2_097_152);
    }
}

#[test]
fn there_is_no_coordinator_of_transactions_or_of_anything_else() {
    let mut client = connect().with_coordinator();
    let (error, _, message) = client.find(6, 1, "t");
    assert_eq!(error, ErrorCode::UNSUPPORTED_VERSION);
    assert!(message.unwrap().contains("not built yet"));
    // The words of each are a 4.1.1 broker's.
    let malformed = Some(ErrorCode::INVALID_REQUEST.message().to_owned());
    assert_eq!(client.find(6, 9, "t"), (ErrorCode::INVALID_REQUEST, -1, malformed.clone()));
    assert_eq!(client.find(1, 9, "t"), (ErrorCode::INVALID_REQUEST, -1, malformed));
    assert_eq!(client.find(6, 2, "t"), (ErrorCode::INVALID_REQUEST, -1, Some(String::new())));
    let share_key = "g:AAAAAAAAAAAAAAAAAAAAAQ:0";
    assert_eq!(client.find(5, 2, share_key).0, ErrorCode::INVALID_REQUEST);
    assert_eq!(client.find(6, 2, share_key).0, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(client.find(3, 0, "g"), (ErrorCode::NONE, 1, Some("NONE".to_owned())));
    assert_eq!(client.find(4, 0, "g"), (ErrorCode::NONE, 1, Some(String::new())));
}

#[test]
fn too_few_brokers_for_the_replicas_of_the_topic_of_groups() {
    let mut client = connect_with(&[("offsets.topic.replication.factor", "3")]);
    client.world.take_trace();
    for _ in 0..5 {
        assert_eq!(client.find(6, 0, "g").0, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    }
    assert_eq!(client.world.topics().len(), 1);
    let is_told = |event: &TraceEvent| match &event.kind {
        TraceKind::Fact(Fact::TopicNotCreated { topic, error, .. }) => {
            &**topic == "__consumer_offsets" && *error == ErrorCode::INVALID_REPLICATION_FACTOR
        }
        _ => false,
    };
    assert!(client.world.take_trace().iter().any(is_told));
    let answer = client.join(9, "g", "");
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::NOT_COORDINATOR);
}

#[test]
fn join_group() {
    let mut client = connect().with_coordinator();
    for version in versions(ApiKey::JoinGroup) {
        let name = format!("g{version}");
        let answer = client.joined(version, &name);
        assert_eq!((ErrorCode(answer.error_code), answer.generation_id), (ErrorCode::NONE, 1), "v{version}");
        assert_eq!((&answer.leader, answer.members.len()), (&answer.member_id, 1));
        assert_eq!(answer.protocol_name.as_deref(), Some("range"));
        assert!(answer.member_id.starts_with("outside-"));
        let unknown = client.join(version, &name, "nobody");
        assert_eq!(ErrorCode(unknown.error_code), ErrorCode::UNKNOWN_MEMBER_ID);
        let nameless = client.join(version, "", "");
        assert_eq!(ErrorCode(nameless.error_code), ErrorCode::INVALID_GROUP_ID);
        assert_eq!(nameless.protocol_name.is_none(), version >= 7);
    }
}

#[test]
fn sync_group() {
    let mut client = connect().with_coordinator();
    for version in versions(ApiKey::SyncGroup) {
        let name = format!("g{version}");
        let joined = client.joined(5, &name);
        let early = client.sync(version, &name, 7, &joined.member_id);
        assert_eq!(ErrorCode(early.error_code), ErrorCode::ILLEGAL_GENERATION);
        let answer = client.sync(version, &name, 1, &joined.member_id);
        assert_eq!(ErrorCode(answer.error_code), ErrorCode::NONE, "v{version}");
        let assigned = Assignment::decode(&answer.assignment).unwrap();
        assert_eq!(assigned.partitions, [TopicPartition::new("orders", 0)]);
    }
    let body = SyncGroupRequest::default().with_group_id(group("g1")).with_assignments(Vec::new());
    let ResponseKind::SyncGroup(answer) = client.ask(ApiKey::SyncGroup, 5, RequestKind::SyncGroup(body)) else {
        panic!()
    };
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
}

#[test]
fn heartbeat_and_leave_group() {
    let mut client = connect().with_coordinator();
    let joined = client.joined(5, "g");
    client.sync(5, "g", 1, &joined.member_id);
    for version in versions(ApiKey::Heartbeat) {
        assert_eq!(client.heartbeat(version, "g", 1, &joined.member_id), ErrorCode::NONE);
        assert_eq!(client.heartbeat(version, "g", 2, &joined.member_id), ErrorCode::ILLEGAL_GENERATION);
        assert_eq!(client.heartbeat(version, "g", 1, "nobody"), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(client.heartbeat(version, "", 1, "nobody"), ErrorCode::INVALID_GROUP_ID);
    }
    for version in versions(ApiKey::LeaveGroup) {
        let name = format!("g{version}");
        let member = client.joined(5, &name).member_id;
        let one = version <= 2;
        let all_well = if one { vec![ErrorCode::NONE] } else { vec![ErrorCode::NONE; 2] };
        assert_eq!(client.leave(version, &name, &member), all_well);
        let (none, unknown) = (ErrorCode::NONE, ErrorCode::UNKNOWN_MEMBER_ID);
        let again = if one { vec![unknown] } else { vec![none, unknown] };
        assert_eq!(client.leave(version, &name, &member), again, "v{version}");
    }
}

#[test]
fn offsets_are_committed_and_fetched() {
    let mut client = connect().with_coordinator();
    for version in versions(ApiKey::OffsetCommit) {
        let name = format!("g{version}");
        assert_eq!(client.commit(version, &name, "orders", 1, 40 + i64::from(version)), ErrorCode::NONE);
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        assert_eq!(client.commit(version, &name, "orders", 2, 1), unknown);
        assert_eq!(client.commit(version, &name, "nowhere", 0, 1), unknown);
    }
    for version in versions(ApiKey::OffsetFetch) {
        for stable in [false, true] {
            let asked = client.fetch_offsets(version, "g9", false, stable);
            assert_eq!(asked, (ErrorCode::NONE, vec![(0, -1), (1, 49)]), "v{version}");
        }
        if version >= 2 {
            let all = client.fetch_offsets(version, "g9", true, true);
            assert_eq!(all, (ErrorCode::NONE, vec![(1, 49)]), "v{version}");
        }
        let nobody = client.fetch_offsets(version, "nobody", false, false);
        assert_eq!(nobody, (ErrorCode::NONE, vec![(0, -1), (1, -1)]));
    }
}

#[test]
fn one_fetch_of_offsets_may_be_for_several_groups() {
    let mut client = connect().with_coordinator();
    let names = ["a", "b", "c", "d"];
    for (at, name) in names.iter().enumerate() {
        assert_eq!(client.commit(9, name, "orders", 0, at as i64), ErrorCode::NONE);
    }
    for stable in [false, true] {
        let asked = |name: &&str| OffsetFetchRequestGroup::default().with_group_id(group(name)).with_topics(None);
        let body = OffsetFetchRequest::default().with_groups(names.iter().map(asked).collect());
        let body = RequestKind::OffsetFetch(body.with_require_stable(stable));
        let ResponseKind::OffsetFetch(answer) = client.ask(ApiKey::OffsetFetch, 9, body) else { panic!() };
        let offsets: Vec<_> = answer.groups.iter().map(|g| g.topics[0].partitions[0].committed_offset).collect();
        assert_eq!(offsets, [0, 1, 2, 3]);
    }
}

#[test]
fn groups_are_listed_described_and_deleted() {
    let mut client = connect().with_coordinator();
    let joined = client.joined(5, "busy");
    client.sync(5, "busy", 1, &joined.member_id);
    for version in versions(ApiKey::DescribeGroups) {
        let body = DescribeGroupsRequest::default().with_groups(vec![group("busy"), group("nobody")]);
        let body = if version >= 3 { body.with_include_authorized_operations(true) } else { body };
        let body = RequestKind::DescribeGroups(body);
        let ResponseKind::DescribeGroups(answer) = client.ask(ApiKey::DescribeGroups, version, body) else { panic!() };
        let (busy, nobody) = (&answer.groups[0], &answer.groups[1]);
        assert_eq!((&*busy.group_state, &*busy.protocol_data, busy.members.len()), ("Stable", "range", 1));
        assert_eq!((&*busy.members[0].client_id, &*busy.members[0].client_host), ("outside", "/127.0.0.1"));
        assert_eq!(&*nobody.group_state, "Dead");
        let error = if version >= 6 { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::NONE };
        assert_eq!(ErrorCode(nobody.error_code), error);
    }
    for version in versions(ApiKey::DeleteGroups) {
        let name = format!("g{version}");
        assert_eq!(client.commit(9, &name, "orders", 0, 1), ErrorCode::NONE);
        let listed = list(&mut client, 5, &[]);
        assert_eq!(listed, ["busy", name.as_str()]);
        let names = vec![group(&name), group("busy"), group("nobody")];
        let body = RequestKind::DeleteGroups(DeleteGroupsRequest::default().with_groups_names(names));
        let ResponseKind::DeleteGroups(answer) = client.ask(ApiKey::DeleteGroups, version, body) else { panic!() };
        let error = |name: &str| {
            let of = |result: &&DeletableGroupResult| &**result.group_id == name;
            ErrorCode(answer.results.iter().find(of).unwrap().error_code)
        };
        let errors = (error(&name), error("busy"), error("nobody"));
        assert_eq!(errors, (ErrorCode::NONE, ErrorCode::NON_EMPTY_GROUP, ErrorCode::GROUP_ID_NOT_FOUND));
    }
    for version in versions(ApiKey::ListGroups) {
        assert_eq!(list(&mut client, version, &[]), ["busy"]);
    }
    assert_eq!(list(&mut client, 5, &["Empty"]), [""; 0]);
}

fn list(client: &mut Client, version: i16, states: &[&str]) -> Vec<String> {
    let body = ListGroupsRequest::default();
    let body =
        if version >= 4 { body.with_states_filter(states.iter().map(|state| text(*state)).collect()) } else { body };
    let ResponseKind::ListGroups(answer) = client.ask(ApiKey::ListGroups, version, RequestKind::ListGroups(body))
    else {
        panic!()
    };
    assert_eq!(answer.error_code, 0);
    let mut names: Vec<String> = answer.groups.iter().map(|group| group.group_id.to_string()).collect();
    names.sort();
    names
}

#[test]
fn offsets_are_deleted() {
    let mut client = connect().with_coordinator();
    assert_eq!(client.commit(9, "g", "orders", 0, 5), ErrorCode::NONE);
    let partition = |index| OffsetDeleteRequestPartition::default().with_partition_index(index);
    let topic = |name: TopicName, partitions: &[i32]| {
        let partitions = partitions.iter().copied().map(partition).collect();
        OffsetDeleteRequestTopic::default().with_name(name).with_partitions(partitions)
    };
    let topics = vec![topic(orders(), &[0, 1, 2]), topic(TopicName(text("nowhere")), &[0])];
    for (name, expected) in [("g", ErrorCode::NONE), ("nobody", ErrorCode::GROUP_ID_NOT_FOUND)] {
        let body = OffsetDeleteRequest::default().with_group_id(group(name)).with_topics(topics.clone());
        let ResponseKind::OffsetDelete(answer) = client.ask(ApiKey::OffsetDelete, 0, RequestKind::OffsetDelete(body))
        else {
            panic!()
        };
        assert_eq!(ErrorCode(answer.error_code), expected);
        let errors = answer.topics.iter().flat_map(|topic| topic.partitions.iter().map(|p| p.error_code));
        let (gone, deleted) = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0, 0);
        let expected = if name == "g" { vec![gone, deleted, deleted, gone] } else { Vec::new() };
        assert_eq!(errors.collect::<Vec<_>>(), expected);
    }
    assert_eq!(client.fetch_offsets(9, "g", true, true), (ErrorCode::NONE, Vec::new()));
}

/// A broker that has only just come to lead the group's partition reads it first, and says so; a Heartbeat it answers all
/// the same, so that no member is thrown out meanwhile.
#[test]
fn a_coordinator_that_loads_says_so() {
    let mut client = in_world(ClusterSpec::new(3), &[("offsets.topic.num.partitions", "1")]).with_coordinator();
    let first = client.world.coordinator("g").unwrap();
    client.conn = client.world.external_connect(first).unwrap();
    client.wait(500);
    assert_eq!(client.commit(9, "g", "orders", 0, 5), ErrorCode::NONE);
    let others: Vec<i32> = (1..=3).filter(|id| *id != first).collect();
    let conns: Vec<_> = others.iter().map(|id| client.world.external_connect(*id).unwrap()).collect();
    client.wait(500);
    let broker = client.world.host_named(&format!("broker {first}")).unwrap();
    client.world.apply("", &Command::Fault(Fault::Crash(broker))).unwrap();
    client.patience_ms = 1;
    let mut seen = [Vec::new(), Vec::new()];
    while !seen.iter().any(|of| of.last() == Some(&ErrorCode::NONE)) {
        assert!(client.world.now() < SimTime(60_000_000), "another coordinates: {seen:?}");
        for (conn, of) in conns.iter().zip(&mut seen) {
            client.conn = *conn;
            let error = client.fetch_offsets(8, "g", false, true).0;
            if of.last() != Some(&error) {
                of.push(error);
                let beaten = client.heartbeat(4, "g", 1, "nobody");
                assert!(error != ErrorCode::COORDINATOR_LOAD_IN_PROGRESS || beaten == ErrorCode::NONE, "{beaten}");
            }
        }
    }
    seen.sort_by_key(Vec::len);
    let (elsewhere, loading) = (ErrorCode::NOT_COORDINATOR, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    assert_eq!(seen, [vec![elsewhere], vec![elsewhere, loading, ErrorCode::NONE]]);
}

#[test]
fn groups_outlive_their_coordinator_and_go_with_their_topic() {
    let mut client = connect().with_coordinator();
    let joined = client.joined(5, "g");
    client.sync(5, "g", 1, &joined.member_id);
    assert_eq!(client.commit(9, "other", "orders", 0, 5), ErrorCode::NONE);
    let broker = client.world.host_named("broker 1").unwrap();
    client.world.apply("", &Command::Fault(Fault::Crash(broker))).unwrap();
    client.wait(100);
    client.world.apply("", &Command::Fault(Fault::Start(broker))).unwrap();
    client.wait(20_000);
    client.conn = client.world.external_connect(1).unwrap();
    client.wait(500);
    let group = client.world.group("g").unwrap();
    assert_eq!((group.generation, group.members.len()), (1, 1));
    assert_eq!(group.members[0].assigned, [TopicPartition::new("orders", 0)]);
    assert_eq!(client.fetch_offsets(9, "other", false, true).1, [(0, 5), (1, -1)]);
    let delete = Invocation::new("kafka-topics", "--delete --topic orders".split(' '));
    client.world.apply("", &Command::Tool(delete)).unwrap();
    client.wait(2_000);
    assert_eq!(client.fetch_offsets(9, "other", true, true).1, []);
}

#[test]
fn only_coordinators_write_to_the_topic_of_groups() {
    let mut client = connect().with_coordinator();
    let body = super::produce_body(9, 1, uuid::Uuid::nil(), super::batch(10));
    let RequestKind::Produce(mut body) = body else { panic!() };
    body.topic_data[0].name = TopicName(text("__consumer_offsets"));
    let ResponseKind::Produce(answer) = client.ask(ApiKey::Produce, 9, RequestKind::Produce(body)) else { panic!() };
    let error = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(ErrorCode(error), ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[test]
fn offsets_that_nobody_uses_expire_and_their_group_with_them() {
    let mut client = connect_with(&[
        ("offsets.topic.num.partitions", "1"),
        ("offsets.retention.minutes", "1"),
        ("offsets.retention.check.interval.ms", "1000"),
    ])
    .with_coordinator();
    assert_eq!(client.commit(9, "g", "orders", 0, 5), ErrorCode::NONE);
    client.wait(58_000);
    assert_eq!(client.fetch_offsets(9, "g", true, true).1, [(0, 5)]);
    client.wait(3_000);
    assert_eq!(client.fetch_offsets(9, "g", true, true).1, []);
    assert_eq!(list(&mut client, 5, &[]), [""; 0]);
}

#[test]
fn a_log_that_cannot_be_read_has_no_coordinator() {
    let mut client = connect_with(&[("offsets.topic.num.partitions", "1")]).with_coordinator();
    let RequestKind::Produce(mut body) = super::produce_body(9, 1, uuid::Uuid::nil(), unreadable()) else { panic!() };
    body.topic_data[0].name = TopicName(text("__consumer_offsets"));
    client.correlation_id += 1;
    let request = Request {
        api: ApiKey::Produce,
        version: 9,
        correlation_id: client.correlation_id,
        client_id: text("__admin_client"),
        body: RequestKind::Produce(body),
    };
    client.world.external_send(client.conn, request.frame().slice(4..));
    client.wait(500);
    client.world.external_take(client.conn);
    let broker = client.world.host_named("broker 1").unwrap();
    client.world.apply("", &Command::Fault(Fault::Crash(broker))).unwrap();
    client.wait(100);
    client.world.apply("", &Command::Fault(Fault::Start(broker))).unwrap();
    client.world.take_trace();
    client.wait(20_000);
    let failed = |event: &TraceEvent| matches!(&event.kind, TraceKind::Fact(Fact::CoordinatorFailed { .. }));
    assert!(client.world.take_trace().iter().any(failed));
    client.conn = client.world.external_connect(1).unwrap();
    client.wait(500);
    assert_eq!(ErrorCode(client.join(9, "g", "").error_code), ErrorCode::NOT_COORDINATOR);
}

/// A batch with a key that says that it is of an offset, and is not.
fn unreadable() -> bytes::Bytes {
    let key = Some(bytes::Bytes::from_static(&[0, 1, 0]));
    records::build(&[Record { key, ..Record::default() }])
}
