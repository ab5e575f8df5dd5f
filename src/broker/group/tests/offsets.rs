//! Committed offsets: who may commit, what is read, what is deleted and when it expires.

use super::*;
use crate::base::TopicPartition;
use crate::wire::messages::offset_commit_request::*;
use crate::wire::messages::offset_delete_request::*;
use crate::wire::messages::offset_fetch_request::*;

impl Lab {
    /// Commits an offset of partition 0 of a topic with a text beside it. Returns the error.
    fn commit_offset_with(&mut self, client: &Client, topic: &str, offset: i64, metadata: &str) -> ErrorCode {
        let request = commit_request(client, topic, offset, metadata);
        let context = self.context(client, client.version);
        self.turn(|shard, turn| shard.commit_offsets(turn, &context, &request));
        let GroupResponse::OffsetCommit(answer) = self.answer(context.token.0) else { panic!("not a commit's answer") };
        ErrorCode(answer.topics[0].partitions[0].error_code)
    }

    pub(super) fn commit_offset(&mut self, client: &Client, topic: &str, offset: i64) -> ErrorCode {
        self.commit_offset_with(client, topic, offset, "")
    }

    /// The committed offset of partition 0 of a topic; -1 for none.
    pub(super) fn fetch_offset(&self, group: &str, topic: &str) -> i64 {
        let answer = self.shard.fetch_offsets(&fetch_request(group, topic));
        answer.topics[0].partitions[0].committed_offset
    }

    /// The same with `requireStable`.
    fn fetch_stable(&mut self, group: &str, topic: &str) -> u64 {
        let context = self.context(&Client::new("c"), 9);
        let request = fetch_request(group, topic);
        self.turn(|shard, turn| shard.fetch_stable_offsets(turn, &context, &request));
        context.token.0
    }

    fn delete_offset(&mut self, group: &str, topic: &str) -> (ErrorCode, ErrorCode) {
        let partition = OffsetDeleteRequestPartition::default().with_partition_index(0);
        let topic =
            OffsetDeleteRequestTopic::default().with_name(TopicName(text(topic))).with_partitions(vec![partition]);
        let request = OffsetDeleteRequest::default().with_group_id(GroupId(text(group))).with_topics(vec![topic]);
        let context = self.context(&Client::new("admin"), 0);
        self.turn(|shard, turn| shard.delete_offsets(turn, &context, &request));
        let GroupResponse::OffsetDelete(answer) = self.answer(context.token.0) else { panic!("not a delete's answer") };
        let of_partition = answer.topics.first().map_or(0, |topic| topic.partitions[0].error_code);
        (ErrorCode(answer.error_code), ErrorCode(of_partition))
    }
}

fn commit_request(client: &Client, topic: &str, offset: i64, metadata: &str) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_leader_epoch(4)
        .with_committed_metadata(Some(text(metadata)));
    let topic = OffsetCommitRequestTopic::default().with_name(TopicName(text(topic))).with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(GroupId(client.group.clone()))
        .with_generation_id_or_member_epoch(client.generation)
        .with_member_id(client.member_id.clone())
        .with_group_instance_id(client.instance.clone())
        .with_topics(vec![topic])
}

fn fetch_request(group: &str, topic: &str) -> OffsetFetchRequestGroup {
    let topic = OffsetFetchRequestTopics::default().with_name(TopicName(text(topic))).with_partition_indexes(vec![0]);
    OffsetFetchRequestGroup::default().with_group_id(GroupId(text(group))).with_topics(Some(vec![topic]))
}

const DAY_MS: u64 = 24 * 3_600_000;

#[test]
fn a_member_commits_in_its_generation_alone() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2")];
    lab.stable(&mut clients);
    assert_eq!(lab.commit_offset(&clients[0], "t", 5), ErrorCode::NONE);
    assert_eq!(lab.fetch_offset("g", "t"), 5);
    let commits = |lab: &mut Lab, client: Client| lab.commit_offset(&client, "t", 6);
    let stale = Client { generation: 0, ..clients[0].clone() };
    assert_eq!(commits(&mut lab, stale), ErrorCode::ILLEGAL_GENERATION);
    let unknown = Client { member_id: text("nobody"), ..clients[0].clone() };
    assert_eq!(commits(&mut lab, unknown), ErrorCode::UNKNOWN_MEMBER_ID);
    let stranger = Client { generation: -1, member_id: text(""), ..clients[0].clone() };
    assert_eq!(commits(&mut lab, stranger), ErrorCode::UNKNOWN_MEMBER_ID);
    let no_instance = clients[0].clone().with_instance("i1");
    assert_eq!(commits(&mut lab, no_instance), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(lab.fetch_offset("g", "t"), 5);
}

/// The old generation may commit until it has joined again, so that the next owner goes on where it stopped.
#[test]
fn a_commit_during_a_rebalance() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2")];
    lab.stable(&mut clients);
    lab.join_with_id(&mut Client::new("c3"));
    assert_eq!(lab.commit_offset(&clients[0], "t", 5), ErrorCode::NONE);
    let joins = clients.each_ref().map(|client| lab.join(client));
    clients.iter_mut().zip(joins).for_each(|(client, join)| lab.take_joined(client, join));
    // Of the new one nobody knows yet what it owns.
    assert_eq!(lab.commit_offset(&clients[0], "t", 6), ErrorCode::REBALANCE_IN_PROGRESS);
    let old = Client { generation: 1, ..clients[0].clone() };
    assert_eq!(lab.commit_offset(&old, "t", 6), ErrorCode::ILLEGAL_GENERATION);
}

#[test]
fn a_commit_is_as_good_as_a_heartbeat() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1")];
    lab.stable(&mut clients);
    for _ in 0..3 {
        lab.wait(9_000);
        assert_eq!(lab.commit_offset(&clients[0], "t", 5), ErrorCode::NONE);
    }
}

/// A consumer that assigns itself, or a tool: it makes the group by committing.
#[test]
fn who_does_not_join_may_commit_to_an_empty_group() {
    let mut lab = Lab::new();
    let simple = Client::new("tool");
    assert_eq!(lab.commit_offset(&simple, "t", 5), ErrorCode::NONE);
    assert_eq!((lab.state("g"), lab.group("g").protocol_type()), (ClassicState::Empty, None));
    let member = Client { generation: 3, ..Client::new("c1").of_group("other") };
    assert_eq!(lab.commit_offset(&member, "t", 5), ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(lab.commit_offset(&Client { version: 8, ..member }, "t", 5), ErrorCode::ILLEGAL_GENERATION);
}

/// The limit counts UTF-16 units, as Java's strings do: of a clef two, of an a one.
#[test]
fn the_text_beside_an_offset_has_a_limit() {
    let mut lab = Lab::with(|config| config.offset_metadata_max_bytes = 4);
    let simple = Client::new("tool");
    assert_eq!(lab.commit_offset_with(&simple, "t", 1, "\u{1d11e}\u{1d11e}"), ErrorCode::NONE);
    let too_large = lab.commit_offset_with(&simple, "t", 2, "\u{1d11e}\u{1d11e}a");
    assert_eq!(too_large, ErrorCode::OFFSET_METADATA_TOO_LARGE);
    assert_eq!(lab.fetch_offset("g", "t"), 1);
}

/// Without `requireStable` one reads what is committed in the log; with it, what is written, when it is committed.
#[test]
fn what_is_not_committed_in_the_log_is_not_read() {
    let mut lab = Lab::new();
    let simple = Client::new("tool");
    lab.commit_offset(&simple, "t", 1);
    lab.commits = false;
    let context = lab.context(&simple, 9);
    let request = commit_request(&simple, "t", 2, "");
    lab.turn(|shard, turn| shard.commit_offsets(turn, &context, &request));
    let stable = lab.fetch_stable("g", "t");
    assert_eq!(lab.fetch_offset("g", "t"), 1);
    assert!(lab.is_waiting(stable) && lab.is_waiting(context.token.0));
    lab.commit();
    assert_eq!(lab.fetch_offset("g", "t"), 2);
    let GroupResponse::OffsetFetch(answer) = lab.answer(stable) else { panic!("not a fetch's answer") };
    let partition = &answer.topics[0].partitions[0];
    assert_eq!((partition.committed_offset, partition.committed_leader_epoch), (2, 4));
}

#[test]
fn all_offsets_of_a_group_can_be_read() {
    let mut lab = Lab::new();
    let simple = Client::new("tool");
    lab.commit_offset(&simple, "t", 1);
    lab.commit_offset(&simple, "u", 2);
    let request = fetch_request("g", "t").with_topics(None);
    let names = |answer: offset_fetch_response::OffsetFetchResponseGroup| {
        answer.topics.iter().map(|topic| topic.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(lab.shard.fetch_offsets(&request)), ["t", "u"]);
    assert_eq!(lab.fetch_offset("g", "v"), -1);
    assert_eq!(lab.fetch_offset("no such group", "t"), -1);
    let request = request.with_group_id(GroupId(text("no such group")));
    assert_eq!(names(lab.shard.fetch_offsets(&request)), [""; 0]);
}

/// An offset that was committed for a topic which was deleted and made anew is not its successor's.
#[test]
fn an_offset_belongs_to_one_topic_id() {
    let mut lab = Lab::new();
    let simple = Client::new("tool");
    let mut request = commit_request(&simple, "t", 5, "");
    request.topics[0].topic_id = uuid::Uuid::from_u128(1);
    let context = lab.context(&simple, 10);
    lab.turn(|shard, turn| shard.commit_offsets(turn, &context, &request));
    let fetched = |topic_id| {
        let mut request = fetch_request("g", "t");
        request.topics.as_mut().unwrap()[0].topic_id = uuid::Uuid::from_u128(topic_id);
        lab.shard.fetch_offsets(&request).topics[0].partitions[0].committed_offset
    };
    assert_eq!([fetched(0), fetched(1), fetched(2)], [5, 5, -1]);
}

#[test]
fn offsets_of_topics_in_use_are_not_deleted() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1")];
    lab.stable(&mut clients);
    lab.commit_offset(&clients[0], "t", 5);
    lab.commit_offset(&clients[0], "u", 5);
    assert_eq!(lab.delete_offset("g", "t"), (ErrorCode::NONE, ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC));
    assert_eq!(lab.delete_offset("g", "u"), (ErrorCode::NONE, ErrorCode::NONE));
    assert_eq!((lab.fetch_offset("g", "t"), lab.fetch_offset("g", "u")), (5, -1));
    lab.leave(&clients[0]);
    assert_eq!(lab.delete_offset("g", "t"), (ErrorCode::NONE, ErrorCode::NONE));
    assert_eq!(lab.delete_offset("", "t").0, ErrorCode::INVALID_GROUP_ID);
    assert_eq!(lab.delete_offset("no such group", "t").0, ErrorCode::GROUP_ID_NOT_FOUND);
}

/// Of a group that is not of consumers the coordinator cannot tell what is in use.
#[test]
fn offsets_of_other_groups_are_deleted_only_when_they_are_empty() {
    let mut lab = Lab::new();
    let mut clients = [Client { protocol_type: text("connect"), ..Client::new("w1") }];
    lab.stable(&mut clients);
    assert_eq!(lab.delete_offset("g", "t").0, ErrorCode::NON_EMPTY_GROUP);
}

/// KIP-211: the offsets of a group without members expire together, seven days after the last one left, and the group
/// with them.
#[test]
fn offsets_expire_when_their_group_has_long_been_empty() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1")];
    lab.stable(&mut clients);
    lab.commit_offset(&clients[0], "t", 5);
    for _ in 0..10 * DAY_MS / 8_000 {
        lab.wait(8_000);
        lab.heartbeat(&clients[0]);
    }
    assert_eq!(lab.fetch_offset("g", "t"), 5);
    lab.leave(&clients[0]);
    lab.wait(7 * DAY_MS - 600_000);
    assert_eq!(lab.fetch_offset("g", "t"), 5);
    lab.wait(1_200_000);
    assert_eq!(lab.fetch_offset("g", "t"), -1);
    assert!(lab.shard.group(&text("g")).is_none());
    assert!(matches!(lab.log.last(), Some(GroupRecord::GroupMetadata(_, None))));
}

/// Of a stable group only those of topics that it no longer reads, counted from their commit.
#[test]
fn offsets_of_topics_that_nobody_reads_any_more_expire() {
    let mut lab = Lab::with(|config| config.offsets_retention_minutes = 60);
    let mut clients = [Client::new("c1")];
    lab.stable(&mut clients);
    lab.commit_offset(&clients[0], "t", 5);
    lab.commit_offset(&clients[0], "u", 5);
    for _ in 0..3_600 {
        lab.wait(2_000);
        lab.heartbeat(&clients[0]);
    }
    assert_eq!((lab.fetch_offset("g", "t"), lab.fetch_offset("g", "u")), (5, -1));
}

/// Those of a group that nobody ever joined count from their commit, or from what the commit says (up to version 4).
#[test]
fn offsets_of_simple_consumers_expire_by_their_commit() {
    let mut lab = Lab::with(|config| config.offsets_retention_minutes = 60);
    let simple = Client::new("tool");
    lab.commit_offset(&simple, "t", 5);
    let request = commit_request(&simple, "u", 5, "").with_retention_time_ms(600_000);
    let context = lab.context(&simple, 4);
    lab.turn(|shard, turn| shard.commit_offsets(turn, &context, &request));
    lab.wait(1_200_000);
    assert_eq!((lab.fetch_offset("g", "t"), lab.fetch_offset("g", "u")), (5, -1));
    lab.wait(1_800_000);
    lab.commit_offset(&simple, "t", 6);
    lab.wait(3_000_000);
    assert_eq!(lab.fetch_offset("g", "t"), 6);
    lab.wait(1_200_000);
    assert_eq!(lab.fetch_offset("g", "t"), -1);
}

#[test]
fn the_offsets_of_a_deleted_partition_go_with_it() {
    let mut lab = Lab::new();
    lab.commit_offset(&Client::new("tool"), "t", 5);
    lab.commit_offset(&Client::new("tool").of_group("h"), "t", 6);
    lab.commit_offset(&Client::new("tool"), "u", 7);
    let deleted = [TopicPartition::new("t", 0), TopicPartition::new("t", 1)];
    lab.turn(|shard, turn| shard.partitions_deleted(turn, &deleted));
    assert_eq!((lab.fetch_offset("g", "t"), lab.fetch_offset("h", "t"), lab.fetch_offset("g", "u")), (-1, -1, 7));
}
