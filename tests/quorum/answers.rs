//! What a controller answers to requests that are odd or come to the wrong node. Each answer is what a live 4.1.1
//! controller gave.

use crate::lab::{Lab, ms};
use kafka_terrarium::base::Rng;
use kafka_terrarium::quorum::{Effect, METADATA_TOPIC, METADATA_TOPIC_ID, Replica, RequestToken, Role, Turn};
use kafka_terrarium::wire::messages::{
    DescribeQuorumRequest, FetchRequest, FetchSnapshotRequest, VoteRequest, describe_quorum_request, fetch_request,
    fetch_snapshot_request, vote_request,
};
use kafka_terrarium::wire::{BrokerId, ErrorCode, RequestKind, ResponseKind, StrBytes, TopicName};

fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// A settled quorum of three with its leader and a follower.
fn quorum() -> (Lab, i32, i32) {
    let mut lab = Lab::new(20, 3, 1);
    let leader = lab.elect();
    lab.append(leader, "a");
    lab.converge();
    lab.run(ms(600));
    let follower = (1..=3).find(|id| *id != leader).unwrap();
    (lab, leader, follower)
}

/// The answer of node `id`, which does not remember the question.
fn ask(lab: &Lab, id: i32, version: i16, request: RequestKind) -> ResponseKind {
    let mut replica = lab.replica(id).clone();
    let (mut rng, mut effects) = (Rng::stream(0, "ask"), Vec::new());
    let mut turn = Turn::new(lab.now, 0, &mut rng, &mut effects);
    assert!(replica.handle_request(RequestToken(u64::MAX), version, &request, &mut turn));
    let mut answers = effects.into_iter().filter_map(|effect| match effect {
        Effect::Respond { request: RequestToken(u64::MAX), body } => Some(body),
        _ => None,
    });
    answers.next().expect("it answers at once")
}

/// (top-level error, partition's error, leader, granted)
fn vote(
    lab: &Lab,
    id: i32,
    topic: &str,
    candidate: i32,
    epoch: i32,
    end: (i32, i64),
    pre: bool,
) -> (i16, i16, i32, bool) {
    let partition = vote_request::PartitionData::default()
        .with_replica_epoch(epoch)
        .with_replica_id(BrokerId(candidate))
        .with_last_offset_epoch(end.0)
        .with_last_offset(end.1)
        .with_pre_vote(pre);
    let topic = vote_request::TopicData::default().with_topic_name(name(topic)).with_partitions(vec![partition]);
    let ResponseKind::Vote(answer) =
        ask(lab, id, 2, RequestKind::Vote(VoteRequest::default().with_topics(vec![topic])))
    else {
        panic!("a vote is answered with a vote")
    };
    let Some(topic) = answer.topics.first() else { return (answer.error_code, 0, -1, false) };
    let p = &topic.partitions[0];
    assert_eq!(answer.node_endpoints.len(), 1, "the leader's address is told");
    (answer.error_code, p.error_code, p.leader_id.0, p.vote_granted)
}

#[test]
fn votes() {
    let (lab, leader, follower) = quorum();
    let epoch = lab.replica(leader).epoch();
    for id in [leader, follower] {
        let ask = |topic, candidate, epoch, end, pre| vote(&lab, id, topic, candidate, epoch, end, pre);
        let fenced = ErrorCode::FENCED_LEADER_EPOCH.0;
        let invalid = ErrorCode::INVALID_REQUEST.0;
        assert_eq!(ask(METADATA_TOPIC, 999, epoch - 1, (0, 0), true), (0, fenced, leader, false));
        assert_eq!(ask(METADATA_TOPIC, 999, epoch, (epoch, 9_999), true), (0, 0, leader, false), "a leader is there");
        assert_eq!(ask(METADATA_TOPIC, -1, epoch, (0, 9_999), true), (0, invalid, leader, false));
        assert_eq!(ask(METADATA_TOPIC, 999, epoch, (epoch + 1, 9), true), (0, invalid, leader, false));
        assert_eq!(ask(METADATA_TOPIC, 999, epoch, (epoch, 9), false), (0, invalid, leader, false));
        assert_eq!(ask("x", 1, epoch, (epoch, 1), true), (invalid, 0, -1, false));
    }
}

#[test]
fn fetches() {
    let (lab, leader, follower) = quorum();
    let replica = lab.replica(leader);
    let (epoch, end) = (replica.epoch(), replica.log().end_offset());
    let hw = replica.high_watermark().unwrap();
    let fetch = |id: i32, version: i16, epoch: i32, offset: i64, last_epoch: i32| {
        let partition = fetch_request::FetchPartition::default()
            .with_current_leader_epoch(epoch)
            .with_fetch_offset(offset)
            .with_last_fetched_epoch(last_epoch);
        let mut topic = fetch_request::FetchTopic::default().with_partitions(vec![partition]);
        if version >= 13 {
            topic.topic_id = METADATA_TOPIC_ID;
        } else {
            topic.topic = name(METADATA_TOPIC);
        }
        let request = FetchRequest::default().with_topics(vec![topic]);
        let ResponseKind::Fetch(answer) = ask(&lab, id, version, RequestKind::Fetch(request)) else {
            panic!("a fetch is answered with a fetch")
        };
        let p = answer.responses.first().map(|topic| topic.partitions[0].clone()).unwrap_or_default();
        let diverging = (p.diverging_epoch.epoch, p.diverging_epoch.end_offset);
        (answer.error_code, p.error_code, p.high_watermark, diverging, p.current_leader.leader_id.0)
    };
    assert_eq!(fetch(leader, 18, epoch, 0, 0), (0, 0, hw, (-1, -1), leader));
    assert_eq!(fetch(leader, 18, epoch, 1, 0), (0, 0, hw, (0, 0), leader), "nothing was of an epoch before");
    assert_eq!(fetch(leader, 18, epoch, 100_000, epoch), (0, 0, hw, (epoch, end), leader));
    for id in [leader, follower] {
        let fenced = ErrorCode::FENCED_LEADER_EPOCH.0;
        assert_eq!(fetch(id, 18, epoch - 1, 0, 0), (0, fenced, -1, (-1, -1), leader));
        let unknown = ErrorCode::UNKNOWN_LEADER_EPOCH.0;
        assert_eq!(fetch(id, 18, epoch + 4, 0, 0), (0, unknown, -1, (-1, -1), leader));
        assert_eq!(fetch(id, 12, epoch, 1, epoch).0, ErrorCode::INVALID_REQUEST.0, "the topic has to be named by id");
    }
    let elsewhere = ErrorCode::NOT_LEADER_OR_FOLLOWER.0;
    assert_eq!(fetch(follower, 18, epoch, 0, 0), (0, elsewhere, -1, (-1, -1), leader));
}

#[test]
fn descriptions() {
    let (lab, leader, follower) = quorum();
    let describe = |id: i32, version: i16, topic: &str, partition: i32| {
        let partition = describe_quorum_request::PartitionData::default().with_partition_index(partition);
        let topic =
            describe_quorum_request::TopicData::default().with_topic_name(name(topic)).with_partitions(vec![partition]);
        let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
        let ResponseKind::DescribeQuorum(answer) = ask(&lab, id, version, RequestKind::DescribeQuorum(request)) else {
            panic!("a description is asked for")
        };
        assert_eq!((answer.error_code, answer.error_message.as_deref()), (0, Some("")));
        (answer.topics[0].partitions[0].clone(), answer.nodes)
    };
    let (partition, nodes) = describe(leader, 2, METADATA_TOPIC, 0);
    let end = lab.replica(leader).log().end_offset();
    assert_eq!((partition.leader_id.0, partition.high_watermark), (leader, end));
    assert_eq!(partition.current_voters.iter().map(|v| v.log_end_offset).collect::<Vec<_>>(), [end; 3]);
    assert!(partition.current_voters.iter().all(|v| v.replica_directory_id.is_nil()), "of a static quorum's voters");
    assert!(partition.observers.iter().all(|o| o.replica_id.0 == 101 && !o.replica_directory_id.is_nil()));
    assert_eq!((partition.observers.len(), nodes.len()), (1, 3));
    let fetched = &partition.current_voters[0];
    assert!(fetched.last_caught_up_timestamp > 0 && fetched.last_fetch_timestamp > 0);
    assert!(describe(leader, 0, METADATA_TOPIC, 0).1.is_empty());
    for (topic, index) in [("x", 0), (METADATA_TOPIC, 1)] {
        let (partition, _) = describe(follower, 2, topic, index);
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        assert_eq!((partition.partition_index, partition.error_code), (index, unknown.0));
        assert_eq!(partition.error_message.as_deref(), Some(unknown.message()));
    }
    let (partition, nodes) = describe(follower, 2, METADATA_TOPIC, 0);
    assert_eq!((partition.error_code, nodes.len()), (ErrorCode::NOT_LEADER_OR_FOLLOWER.0, 0));
}

#[test]
fn snapshots() {
    let (mut lab, leader, follower) = quorum();
    let epoch = lab.replica(leader).epoch();
    let end = lab.replica(leader).high_watermark().unwrap();
    lab.input(leader, |replica, _| replica.log_mut().keep_snapshot(end, "the state".into()));
    let fetch = |id: i32, epoch: i32, end: i64, position: i64, topic: &str| {
        let snapshot =
            fetch_snapshot_request::SnapshotId::default().with_end_offset(end).with_epoch(lab.replica(leader).epoch());
        let partition = fetch_snapshot_request::PartitionSnapshot::default()
            .with_current_leader_epoch(epoch)
            .with_snapshot_id(snapshot)
            .with_position(position);
        let topic =
            fetch_snapshot_request::TopicSnapshot::default().with_name(name(topic)).with_partitions(vec![partition]);
        let request = FetchSnapshotRequest::default().with_max_bytes(5).with_topics(vec![topic]);
        let ResponseKind::FetchSnapshot(answer) = ask(&lab, id, 1, RequestKind::FetchSnapshot(request)) else {
            panic!("a snapshot is asked for")
        };
        let piece = answer.topics.first().map(|topic| topic.partitions[0].unaligned_records.clone());
        (answer.error_code, piece.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()))
    };
    assert_eq!(fetch(leader, epoch, end, 0, METADATA_TOPIC), (0, Some("the s".into())));
    assert_eq!(fetch(leader, epoch, end, 5, METADATA_TOPIC), (0, Some("tate".into())));
    let unknown = (ErrorCode::UNKNOWN_SERVER_ERROR.0, None);
    assert_eq!(fetch(leader, epoch, end, 9, METADATA_TOPIC), unknown, "beyond its end");
    assert_eq!(fetch(leader, epoch, end + 1, 0, METADATA_TOPIC), unknown, "there is no such snapshot");
    assert_eq!(fetch(leader, epoch + 1, end, 0, METADATA_TOPIC), unknown);
    assert_eq!(fetch(follower, epoch, end, 0, METADATA_TOPIC), unknown);
    assert_eq!(fetch(leader, epoch, end, 0, "x"), unknown);
}

/// A voter that voted for itself in an epoch that another one won comes back as a candidate of that epoch. Its requests
/// are invalid then, for its log has records of the epoch: who knows the leader tells it, but the answer of one who
/// does not ends the process.
#[test]
fn a_candidate_of_an_epoch_that_was_won() {
    for knows in [true, false] {
        let (lab, leader, follower) = quorum();
        let mut disk = lab.replica(follower).durable();
        let epoch = disk.election.epoch;
        assert_eq!((disk.election.leader, disk.log.last_epoch()), (Some(leader), epoch));
        let config = lab.config(follower);
        disk.election.voted = Some(config.own_key());
        let (mut rng, mut effects) = (Rng::stream(0, "again"), Vec::new());
        let mut replica = Replica::start(config, disk, &mut Turn::new(lab.now, 0, &mut rng, &mut effects));
        replica.poll(&mut Turn::new(lab.now, 0, &mut rng, &mut effects));
        assert_eq!((replica.role(), replica.epoch()), (Role::Candidate, epoch));
        let asked = effects.drain(..).find_map(|effect| match effect {
            Effect::Send { to, correlation_id, body: RequestKind::Vote(request), .. } => {
                Some((to, correlation_id, request))
            }
            _ => None,
        });
        let (to, correlation_id, request) = asked.expect("it asks for votes");
        let ResponseKind::Vote(mut answer) = ask(&lab, to, 2, RequestKind::Vote(request)) else { panic!("a vote") };
        let partition = &mut answer.topics[0].partitions[0];
        assert_eq!((partition.error_code, partition.leader_id.0), (ErrorCode::INVALID_REQUEST.0, leader));
        if !knows {
            partition.leader_id = BrokerId(-1);
        }
        let turn = &mut Turn::new(lab.now, 0, &mut rng, &mut effects);
        replica.handle_response(to, correlation_id, &ResponseKind::Vote(answer), turn);
        let failed = effects.iter().find_map(|effect| match effect {
            Effect::Failed(why) => Some(why.as_str()),
            _ => None,
        });
        if knows {
            assert_eq!((failed, replica.role(), replica.leader()), (None, Role::Follower, Some(leader)));
        } else {
            assert_eq!(failed, Some("Received unexpected invalid request error"));
        }
    }
}
