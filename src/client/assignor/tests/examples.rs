//! Small groups. Where a comment says so, Kafka 4.1.1's own classes answered the same.

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn names_and_protocols_are_kafkas() {
    for assignor in Assignor::ALL {
        assert_eq!(Assignor::from_name(assignor.name()), Some(assignor));
        assert_eq!(Assignor::from_class_name(assignor.class_name()), Some(assignor));
    }
    assert_eq!(Assignor::from_name("uniform"), None);
    let default = [Assignor::Range, Assignor::CooperativeSticky];
    assert_eq!(RebalanceProtocol::of(&default), Some(RebalanceProtocol::Eager));
    assert_eq!(RebalanceProtocol::of(&default[1..]), Some(RebalanceProtocol::Cooperative));
    assert_eq!(RebalanceProtocol::of(&[]), None);
}

/// The bytes are those of Kafka's own tests.
#[test]
fn user_data_is_written_as_kafka_writes_it() {
    let mut last = LastAssignment::default();
    assert_eq!(Assignor::Range.user_data(&last), None);
    assert_eq!(Assignor::Sticky.user_data(&last), None);
    assert_eq!(Assignor::CooperativeSticky.user_data(&last).as_deref(), Some(&[255; 4][..]));
    last = LastAssignment { partitions: Some(partitions("topic2-1 topic-0 topic-2")), generation: 10 };
    let data = Assignor::Sticky.user_data(&last).expect("there was an assignment");
    let topic = "0005746f706963000000020000000000000002";
    assert_eq!(hex(&data), format!("00000002{topic}0006746f7069633200000001000000010000000a"));
    let empty = LastAssignment { partitions: Some(Vec::new()), generation: 1 };
    assert_eq!(Assignor::Sticky.user_data(&empty).as_deref(), Some(&[0, 0, 0, 0, 0, 0, 0, 1][..]));
}

/// A leader takes user data without a generation (before KIP-341) as of no generation, and forgives what does not parse.
#[test]
fn sticky_reads_old_and_broken_user_data() {
    let topics = topics(&[("t", 4)]);
    let mut old = again(Assignor::Sticky, &member("a", &["t"]), &partitions("t-2 t-3"), 1);
    let data = old.subscription.user_data.clone().expect("it has some");
    old.subscription.user_data = Some(data.slice(..data.len() - 4));
    let mut broken = again(Assignor::Sticky, &member("b", &["t"]), &partitions("t-2"), 1);
    broken.subscription.user_data = broken.subscription.user_data.map(|data| data.slice(..7));
    assert_eq!(assigned(Assignor::Sticky, &[old, broken], &topics), ["t-2 t-3", "t-0 t-1"]);
}

#[test]
fn range_cuts_each_topic_and_round_robin_deals_them_all() {
    let (topics, members) = (topics(&[("a", 3), ("b", 3)]), [member("c1", &["a", "b"]), member("c2", &["b", "a"])]);
    assert_eq!(assigned(Assignor::Range, &members, &topics), ["a-0 a-1 b-0 b-1", "a-2 b-2"]);
    assert_eq!(assigned(Assignor::RoundRobin, &members, &topics), ["a-0 a-2 b-1", "a-1 b-0 b-2"]);
    // A topic that the leader does not know, and one without a subscriber, are left out.
    let members = [member("c1", &["a", "missing"]), member("c2", &["a"])];
    for assignor in Assignor::ALL {
        assert_eq!(assigned(assignor, &members, &topics).join(" ").split(' ').count(), 3, "{assignor:?}");
    }
}

/// KIP-345: a static member's place is that of its instance id, and before those of the others.
#[test]
fn static_members_keep_their_place_under_a_new_member_id() {
    let topics = topics(&[("t", 4)]);
    let fixed = |id: &str, instance: &str| Member { group_instance_id: Some(instance.into()), ..member(id, &["t"]) };
    for assignor in [Assignor::Range, Assignor::RoundRobin] {
        let before = [fixed("m1", "i1"), fixed("m2", "i2"), member("a", &["t"])];
        let after = [member("a", &["t"]), fixed("m8", "i2"), fixed("m9", "i1")];
        let (mut before, after) = (assigned(assignor, &before, &topics), assigned(assignor, &after, &topics));
        before.reverse();
        assert_eq!(before, after, "{assignor:?}");
    }
}

/// KIP-881, as Kafka 4.1.1 answers: each partition to a member in a rack with it, while the shares allow.
#[test]
fn racks_are_matched_within_the_shares() {
    let replicas = |racks: &[&str]| racks.iter().map(|rack| vec![Arc::from(*rack)]).collect::<Vec<_>>();
    let topics: PartitionsPerTopic = [("t".into(), replicas(&["b", "b", "a", "b"]))].into();
    let in_rack = |id: &str, rack: &str| {
        let mut member = member(id, &["t"]);
        member.subscription.rack_id = Some(rack.into());
        member
    };
    let members = [in_rack("c1", "a"), in_rack("c2", "b")];
    assert_eq!(assigned(Assignor::Range, &members, &topics), ["t-2 t-3", "t-0 t-1"]);
    for assignor in [Assignor::Sticky, Assignor::CooperativeSticky] {
        assert_eq!(assigned(assignor, &members, &topics), ["t-2 t-3", "t-0 t-1"], "{assignor:?}");
    }
    assert_eq!(assigned(Assignor::RoundRobin, &members, &topics), ["t-0 t-2", "t-1 t-3"]);
}

/// A cooperative member that joins gets nothing that another has still to give up, and all of it the second time.
#[test]
fn a_partition_moves_in_two_rebalances() {
    let (topics, assignor) = (topics(&[("t", 3)]), Assignor::CooperativeSticky);
    let (a, b) = (member("a", &["t"]), member("b", &["t"]));
    let first = [again(assignor, &a, &partitions("t-0 t-1 t-2"), 1), b.clone()];
    assert_eq!(assigned(assignor, &first, &topics), ["t-0 t-1", ""]);
    let second = [again(assignor, &a, &partitions("t-0 t-1"), 2), again(assignor, &b, &[], 2)];
    assert_eq!(assigned(assignor, &second, &topics), ["t-0 t-1", "t-2"]);
    // The eager assignor gives it at once.
    let first = [again(Assignor::Sticky, &a, &partitions("t-0 t-1 t-2"), 1), b];
    assert_eq!(assigned(Assignor::Sticky, &first, &topics), ["t-0 t-1", "t-2"]);
}

/// KIP-792: the claim of the later generation stands; of two in one generation neither does.
#[test]
fn claims_are_settled_by_generation() {
    let (topics, assignor) = (topics(&[("t", 4)]), Assignor::CooperativeSticky);
    let claim = |id: &str, had: &str, generation| again(assignor, &member(id, &["t"]), &partitions(had), generation);
    let stale = [claim("a", "t-0 t-1", 1), claim("b", "t-1 t-3", 2)];
    assert_eq!(assigned(assignor, &stale, &topics), ["t-0 t-2", "t-1 t-3"]);
    // Whoever of both has partition 1 must revoke it first, so nobody gets it yet.
    let equal = [claim("a", "t-0 t-1", 2), claim("b", "t-1 t-3", 2)];
    assert_eq!(assigned(assignor, &equal, &topics), ["t-0", "t-3 t-2"]);
}

/// The answers of Kafka 4.1.1: it goes by the topic's name and does not see that partition 5 is gone.
#[test]
fn a_claim_to_a_partition_that_is_gone_troubles_kafka() {
    let (topics, assignor) = (topics(&[("s", 2), ("t", 2)]), Assignor::CooperativeSticky);
    let claim = |id: &str, had: &str| again(assignor, &member(id, &["s", "t"]), &partitions(had), 1);
    let kept = [claim("a", "t-5"), claim("b", "t-0 t-1")];
    assert_eq!(assigned(assignor, &kept, &topics), ["t-5 s-0 s-1", "t-0 t-1"]);
    let failing = [claim("a", "s-5 s-0"), claim("b", "s-1 t-0")];
    let error = assignor.assign(&failing, &topics).expect_err("there are more partitions to give out than it counted");
    assert_eq!(error, AssignError::IllegalState("No more unfilled consumers to be assigned.".into()));
}

/// As Kafka 4.1.1: members whose pattern matches nothing do not make subscriptions unequal while they come first.
#[test]
fn members_without_topics_get_some_if_they_come_first() {
    let topics = topics(&[("t", 4)]);
    let (none, one) = (member("a", &[]), member("b", &["t"]));
    assert_eq!(assigned(Assignor::Sticky, &[none.clone(), one.clone()], &topics), ["t-0 t-2", "t-1 t-3"]);
    assert_eq!(assigned(Assignor::Sticky, &[one, none], &topics), ["t-0 t-1 t-2 t-3", ""]);
}

#[test]
fn the_leader_reads_members_in_order_and_answers_each() {
    let joined = |id: &str, instance: Option<&str>| {
        let subscription = member(id, &["t"]).subscription;
        JoinGroupResponseMember::default()
            .with_member_id(StrBytes::from(id.to_owned()))
            .with_group_instance_id(instance.map(|id| StrBytes::from(id.to_owned())))
            .with_metadata(subscription.encode(0))
    };
    let members = read_members(&[joined("b", Some("i")), joined("a", None)]).expect("both parse");
    assert_eq!(members.iter().map(|member| &*member.id).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(members[1].group_instance_id.as_deref(), Some("i"));
    assert_eq!(subscribed_topics(&members), ["t".into()].into());
    let answers = Assignor::Range.perform_assignment(&members, &topics(&[("t", 3)])).expect("range never fails");
    let read = |answer: &SyncGroupRequestAssignment| {
        let assignment = Assignment::decode(&answer.assignment).expect("it was just written");
        (answer.member_id.to_string(), assignment.partitions)
    };
    // The static member comes first, and so has one more.
    let expected = [("a".to_owned(), partitions("t-2")), ("b".to_owned(), partitions("t-0 t-1"))];
    assert_eq!(answers.iter().map(read).collect::<Vec<_>>(), expected);

    let broken = JoinGroupResponseMember::default().with_metadata(Bytes::from_static(&[0]));
    let error = read_members(&[broken]).expect_err("one byte is no version");
    assert_eq!(error.to_string(), "Buffer underflow while parsing consumer protocol's header");
    assert_eq!(Assignor::Sticky.assign(&[], &topics(&[("t", 3)])), Ok(Vec::new()));
}
