//! What waits for the log, and what becomes of it when the log is slow or refuses.

use super::*;
use crate::wire::messages::offset_commit_request::*;

fn commit_context(lab: &mut Lab, offset: i64) -> u64 {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
    let topic = OffsetCommitRequestTopic::default().with_name(TopicName(text("t"))).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    let context = lab.context(&Client::new("tool"), 9);
    lab.turn(|shard, turn| shard.commit_offsets(turn, &context, &request));
    context.token.0
}

fn commit_error(lab: &Lab, request: u64) -> ErrorCode {
    let GroupResponse::OffsetCommit(answer) = lab.answer(request) else { panic!("not a commit's answer") };
    ErrorCode(answer.topics[0].partitions[0].error_code)
}

/// The group came to be with the write that failed, so it has not come to be.
#[test]
fn a_commit_that_the_log_refuses_has_not_happened() {
    let mut lab = Lab::new();
    lab.commits = false;
    let request = commit_context(&mut lab, 5);
    assert!(lab.is_waiting(request) && lab.shard.group(&text("g")).is_some());
    lab.refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(commit_error(&lab, request), ErrorCode::NOT_COORDINATOR);
    assert!(lab.shard.group(&text("g")).is_none() && lab.shard.offsets(&text("g")).next().is_none());
}

/// Only what is written in order can be taken back in order: the first write stays, the later ones go.
#[test]
fn writes_before_the_one_that_fails_stay() {
    let mut lab = Lab::new();
    lab.commits = false;
    let kept = commit_context(&mut lab, 1);
    let lost = commit_context(&mut lab, 2);
    let (second, _) = lab.uncommitted.pop().unwrap();
    lab.turn(|shard, turn| shard.failed(turn, second, ErrorCode::MESSAGE_TOO_LARGE));
    assert_eq!(commit_error(&lab, lost), ErrorCode::UNKNOWN_SERVER_ERROR);
    let now = |lab: &Lab| lab.shard.offsets(&text("g")).next().map(|(_, _, offset)| offset.offset);
    assert!(lab.is_waiting(kept) && now(&lab) == Some(1));
    let third = commit_context(&mut lab, 3);
    lab.commit();
    assert_eq!((commit_error(&lab, kept), commit_error(&lab, third)), (ErrorCode::NONE, ErrorCode::NONE));
    assert_eq!(lab.fetch_offset("g", "t"), 3);
}

/// Too few replicas are in sync: the high watermark stands still. After `offsets.commit.timeout.ms` the request fails,
/// but what it wrote is in the log and may still be committed.
#[test]
fn a_write_that_takes_too_long_fails_its_request_and_stays() {
    let mut lab = Lab::new();
    lab.commits = false;
    let request = commit_context(&mut lab, 5);
    lab.wait(4_999);
    assert!(lab.is_waiting(request));
    lab.wait(1);
    assert_eq!(commit_error(&lab, request), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(lab.fetch_offset("g", "t"), -1);
    lab.commit();
    assert_eq!(lab.fetch_offset("g", "t"), 5);
}

/// A heartbeat writes nothing, but its answer may tell of what is written: it waits too.
#[test]
fn an_answer_waits_for_the_writes_before_it() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1")];
    lab.stable(&mut clients);
    lab.commits = false;
    commit_member_offset(&mut lab, &clients[0]);
    let request = HeartbeatRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_generation_id(1)
        .with_member_id(clients[0].member_id.clone());
    let context = lab.context(&clients[0], 4);
    lab.turn(|shard, turn| shard.heartbeat(turn, &context, &request));
    assert!(lab.is_waiting(context.token.0));
    // A refusal tells of nothing.
    let refused = request.clone().with_generation_id(9);
    let other = lab.context(&clients[0], 4);
    lab.turn(|shard, turn| shard.heartbeat(turn, &other, &refused));
    assert!(!lab.is_waiting(other.token.0));
    lab.commit();
    assert!(!lab.is_waiting(context.token.0));
}

fn commit_member_offset(lab: &mut Lab, client: &Client) {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(1);
    let topic = OffsetCommitRequestTopic::default().with_name(TopicName(text("t"))).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(client.group.clone()))
        .with_generation_id_or_member_epoch(client.generation)
        .with_member_id(client.member_id.clone())
        .with_topics(vec![topic]);
    let context = lab.context(client, 9);
    lab.turn(|shard, turn| shard.commit_offsets(turn, &context, &request));
}

#[test]
fn an_assignment_that_is_not_written_sends_all_back_to_join() {
    for (refused, told) in [
        (ErrorCode::KAFKA_STORAGE_ERROR, ErrorCode::NOT_COORDINATOR),
        (ErrorCode::RECORD_LIST_TOO_LARGE, ErrorCode::UNKNOWN_SERVER_ERROR),
        (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::COORDINATOR_NOT_AVAILABLE),
    ] {
        let mut lab = Lab::new();
        let mut clients = [Client::new("c1"), Client::new("c2")];
        let joins = clients.each_mut().map(|client| lab.join_with_id(client));
        lab.wait(6_000);
        clients.iter_mut().zip(joins).for_each(|(client, join)| lab.take_joined(client, join));
        lab.commits = false;
        let syncs = [lab.sync(&clients[1], &[]), lab.sync(&clients[0], &[])];
        lab.refuse(refused);
        assert!(syncs.iter().all(|sync| lab.sync_error(*sync) == told));
        assert_eq!(lab.state("g"), ClassicState::PreparingRebalance);
        let joins = clients.each_ref().map(|client| lab.join(client));
        assert!(joins.iter().all(|join| lab.joined(*join).generation_id == 2));
    }
}

/// The group has gone on meanwhile: the assignment is for nobody.
#[test]
fn an_assignment_of_an_old_generation_is_given_to_nobody() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1")];
    let join = lab.join_with_id(&mut clients[0]);
    lab.wait(3_000);
    lab.take_joined(&mut clients[0], join);
    lab.commits = false;
    let sync = lab.sync(&clients[0], &[]);
    clients[0].metadata = subscription(&["u"]);
    let join = lab.join(&clients[0]);
    assert_eq!(lab.sync_error(sync), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(lab.joined(join).generation_id, 2);
    lab.commit();
    assert_eq!(lab.state("g"), ClassicState::CompletingRebalance);
}

#[test]
fn a_new_id_that_is_not_written_is_taken_back() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1").with_instance("i1")];
    lab.stable(&mut clients);
    lab.commits = false;
    let request = lab.join(&Client { member_id: StrBytes::new(), ..clients[0].clone() });
    assert!(lab.is_waiting(request));
    assert_ne!(lab.group("g").leader(), Some(&clients[0].member_id));
    lab.refuse(ErrorCode::NOT_ENOUGH_REPLICAS);
    assert_eq!(lab.join_error(request), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(lab.group("g").leader(), Some(&clients[0].member_id));
    lab.commits = true;
    assert_eq!(lab.heartbeat(&clients[0]), ErrorCode::NONE);
}

#[test]
fn a_group_that_is_not_written_is_not_there() {
    let mut lab = Lab::new();
    lab.commits = false;
    let old = Client { version: 3, ..Client::new("c1") };
    let request = lab.join(&old);
    assert!(lab.is_waiting(request));
    lab.refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(lab.join_error(request), ErrorCode::NOT_COORDINATOR);
    assert!(lab.shard.group(&text("g")).is_none() && lab.shard.waiting_requests() == 0);
    // What was set for it rings for nobody.
    lab.wait(400_000);
}

/// A group that was deleted is back when the deletion fails, with its members' and its own past.
#[test]
fn a_deletion_that_fails_is_undone() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1")];
    lab.stable(&mut clients);
    lab.commit_offset(&clients[0], "t", 5);
    lab.leave(&clients[0]);
    lab.commits = false;
    let context = lab.context(&clients[0], 2);
    lab.turn(|shard, turn| shard.delete_groups(turn, &context, &[GroupId(text("g"))]));
    assert!(lab.shard.group(&text("g")).is_none());
    // Who does not look beyond the committed log still sees it.
    assert_eq!(&*lab.shard.describe_groups(6, &[GroupId(text("g"))])[0].group_state, "Empty");
    assert_eq!(lab.fetch_offset("g", "t"), 5);
    lab.refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!((lab.group("g").generation(), lab.fetch_offset("g", "t")), (2, 5));
    let GroupResponse::DeleteGroups(results) = lab.answer(context.token.0) else { panic!("not a delete's answer") };
    assert_eq!(ErrorCode(results[0].error_code), ErrorCode::NOT_COORDINATOR);
}

/// The log counts a text's bytes in 16 bits.
#[test]
fn what_the_log_cannot_hold_is_refused() {
    let mut lab = Lab::new();
    let long = Client::new("tool").of_group(&"g".repeat(40_000));
    assert_eq!(lab.commit_offset(&long, "t", 1), ErrorCode::UNKNOWN_SERVER_ERROR);
    let longer = long.of_group(&"g".repeat(50_000));
    let request = lab.join(&Client { version: 3, ..longer });
    assert_eq!(lab.join_error(request), ErrorCode::UNKNOWN_SERVER_ERROR);
    assert!(lab.log.is_empty());
}
