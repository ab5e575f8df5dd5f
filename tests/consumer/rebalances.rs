//! Eager and cooperative rebalances.

use crate::lab::{COOPERATIVE, Lab, RANGE, tps};
use kafka_terrarium::wire::consumer_protocol::{Assignment, Subscription};
use kafka_terrarium::wire::messages::JoinGroupRequest;
use kafka_terrarium::wire::{ApiKey, ErrorCode};

fn subscription(join: &JoinGroupRequest) -> Subscription {
    Subscription::decode(&join.protocols[0].metadata).expect("a subscription")
}

fn reason(join: &JoinGroupRequest) -> &str {
    join.reason.as_deref().unwrap_or_default()
}

#[test]
fn the_first_join_is_refused_until_the_member_has_its_id() {
    let mut lab = Lab::new(&[], 3);
    lab.run(50);
    let (asked, join) = lab.take_join();
    assert_eq!((&*join.member_id, reason(&join), asked.request.version), ("", "", 9));
    assert_eq!((join.session_timeout_ms, join.rebalance_timeout_ms), (45_000, 300_000));
    let names: Vec<&str> = join.protocols.iter().map(|protocol| &*protocol.name).collect();
    assert_eq!(names, ["range", "cooperative-sticky"]);
    lab.give_member_id(&asked, "m");
    let (asked, join) = lab.take_join();
    assert_eq!((&*join.member_id, reason(&join)), ("m", "need to re-join with the given member-id: m"));
    lab.begin(&asked, 1, "m", "l", &[]);
    assert!(lab.assign(&[2]).assignments.is_empty(), "only the leader assigns");
    assert_eq!((lab.listener(), lab.client.assigned()), (vec!["+[2]".to_owned()], tps(&[2])));
    assert_eq!(lab.client.membership(), Some(("m", 1)));
}

#[test]
fn the_leader_assigns_for_all() {
    let mut lab = Lab::new(&[RANGE], 4);
    lab.run(50);
    let (asked, _) = lab.take_join();
    lab.begin(&asked, 1, "a", "a", &["b"]);
    let sent = lab.assign(&[0, 1]);
    let of = |at: usize| {
        let assignment = Assignment::decode(&sent.assignments[at].assignment).expect("an assignment");
        (sent.assignments[at].member_id.to_string(), assignment.partitions)
    };
    assert_eq!((of(0), of(1)), (("a".into(), tps(&[0, 1])), ("b".into(), tps(&[2, 3]))));
}

/// The order of the story group-classic-eager: commit, revoke all, join.
#[test]
fn an_eager_member_commits_and_gives_up_everything() {
    let mut lab = Lab::new(&[RANGE], 2);
    lab.produce(0, 10);
    lab.join(&[0, 1]);
    assert_eq!(lab.client.positions(), [(tps(&[0])[0].clone(), 10), (tps(&[1])[0].clone(), 0)]);
    lab.run(3_000);
    lab.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(lab.listener(), ["+[0, 1]"], "the commit comes first");
    assert_eq!(lab.take_commit(), [(0, 10), (1, 0)].into());
    assert_eq!(lab.listener(), ["+[0, 1]", "-[0, 1]"]);
    let (asked, join) = lab.take_join();
    let said = subscription(&join);
    assert_eq!(
        (reason(&join), said.owned_partitions, said.generation_id),
        ("group is already rebalancing", vec![], Some(1))
    );
    lab.begin(&asked, 2, "m", "l", &[]);
    lab.assign(&[1]);
    lab.give_committed();
    assert_eq!(lab.listener(), ["+[0, 1]", "-[0, 1]", "+[1]"]);
}

/// The order of the story group-cooperative: what stays is never given up; what goes takes a second rebalance.
#[test]
fn a_cooperative_member_gives_up_only_what_it_loses() {
    let mut lab = Lab::new(&[COOPERATIVE], 3);
    lab.produce(2, 5);
    lab.join(&[0, 2]);
    lab.run(3_000);
    lab.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    lab.take_commit();
    let (asked, join) = lab.take_join();
    assert_eq!((subscription(&join).owned_partitions, lab.listener()), (tps(&[0, 2]), vec!["+[0, 2]".to_owned()]));
    // It goes on reading meanwhile.
    let before = lab.client.delivered();
    lab.produce(0, 4);
    assert_eq!(lab.client.delivered(), before + 4);
    lab.begin(&asked, 2, "m", "l", &[]);
    lab.assign(&[0]);
    assert_eq!(lab.listener(), ["+[0, 2]", "-[2]", "+[]"]);
    assert_eq!(lab.take_commit(), [(0, 4)].into());
    let (asked, join) = lab.take_join();
    assert_eq!(reason(&join), "need to revoke partitions and re-join");
    assert_eq!((subscription(&join).owned_partitions, subscription(&join).generation_id), (tps(&[0]), Some(2)));
    lab.begin(&asked, 3, "m", "l", &[]);
    lab.assign(&[0]);
    assert_eq!(lab.listener(), ["+[0, 2]", "-[2]", "+[]", "+[]"]);
    assert!(lab.asked.is_empty(), "what it kept needs no offset");
}

#[test]
fn a_stale_assignment_is_not_taken() {
    let mut lab = Lab::new(&[RANGE], 2);
    lab.run(50);
    let (asked, _) = lab.take_join();
    lab.begin(&asked, 1, "m", "l", &[]);
    let sync = lab.take(ApiKey::SyncGroup);
    lab.refuse(&sync, ErrorCode::REBALANCE_IN_PROGRESS);
    let (asked, join) = lab.take_join();
    assert_eq!((&*join.member_id, reason(&join)), ("m", "rebalance failed due to RebalanceInProgressException"));
    lab.begin(&asked, 2, "m", "l", &[]);
    let sync = lab.take(ApiKey::SyncGroup);
    lab.refuse(&sync, ErrorCode::UNKNOWN_MEMBER_ID);
    let (_, join) = lab.take_join();
    assert_eq!((&*join.member_id, reason(&join)), ("", "rebalance failed due to UnknownMemberIdException"));
}

#[test]
fn the_leader_rebalances_when_partitions_are_added() {
    let mut lab = Lab::new(&[RANGE, ("metadata.max.age.ms", "5000"), ("enable.auto.commit", "false")], 2);
    lab.run(50);
    let (asked, _) = lab.take_join();
    lab.begin(&asked, 1, "m", "m", &[]);
    lab.assign(&[0, 1]);
    lab.give_committed();
    lab.add_partition();
    lab.run(2_900);
    assert!(lab.asked.is_empty());
    lab.run(200);
    lab.beat(ErrorCode::NONE);
    lab.run(2_700);
    let (asked, join) = lab.take_join();
    assert_eq!(reason(&join), "cached metadata has changed");
    lab.begin(&asked, 2, "m", "m", &[]);
    let sent = lab.assign(&[0, 1, 2]);
    let all = Assignment::decode(&sent.assignments[0].assignment).expect("an assignment");
    assert_eq!(all.partitions, tps(&[0, 1, 2]));
}

#[test]
fn a_join_that_cannot_be_ends_the_consumer() {
    let mut lab = Lab::new(&[("session.timeout.ms", "4000")], 1);
    lab.run(50);
    let (asked, _) = lab.take_join();
    lab.refuse(&asked, ErrorCode::INVALID_SESSION_TIMEOUT);
    lab.run(100);
    let said = "The session timeout is not within the range allowed by the broker (as configured by \
                group.min.session.timeout.ms and group.max.session.timeout.ms).";
    assert_eq!((lab.errors(), lab.exited), (vec![said.to_owned()], true));
    let mut lab = Lab::new(&[RANGE], 1);
    lab.run(50);
    let (asked, _) = lab.take_join();
    lab.refuse(&asked, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    lab.run(100);
    let said = "The group member's supported protocols are incompatible with those of existing members or first \
                group member tried to join with empty protocol type or empty protocol list.";
    assert_eq!((lab.errors(), lab.exited), (vec![said.to_owned()], true));
}
