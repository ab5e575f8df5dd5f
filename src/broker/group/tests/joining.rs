//! JoinGroup and the rebalances that it begins.

use super::*;

#[test]
fn a_new_member_must_come_back_with_the_id_that_it_is_given() {
    let mut lab = Lab::new();
    let mut client = Client::new("c1");
    let request = lab.join(&client);
    assert_eq!(lab.join_error(request), ErrorCode::MEMBER_ID_REQUIRED);
    client.member_id = lab.joined(request).member_id.clone();
    assert!(client.member_id.starts_with("c1-") && client.member_id.len() == 3 + 36);
    assert_eq!(lab.state("g"), ClassicState::Empty);
    assert_eq!(lab.group("g").pending_members().collect::<Vec<_>>(), [&client.member_id]);
    let request = lab.join(&client);
    assert!(lab.is_waiting(request) && lab.state("g") == ClassicState::PreparingRebalance);
}

/// Before version 4 the first JoinGroup is the whole of it (KIP-394).
#[test]
fn an_old_client_is_a_member_at_once() {
    let mut lab = Lab::new();
    let request = lab.join(&Client { version: 3, ..Client::new("c1") });
    assert!(lab.is_waiting(request));
    lab.wait(3_000);
    assert_eq!(lab.joined(request).generation_id, 1);
}

/// A member id that is not used within the session timeout is forgotten.
#[test]
fn a_member_that_does_not_come_back_is_forgotten() {
    let mut lab = Lab::new();
    let mut client = Client::new("c1");
    let request = lab.join(&client);
    client.member_id = lab.joined(request).member_id.clone();
    lab.wait(10_000);
    let request = lab.join(&client);
    assert_eq!(lab.join_error(request), ErrorCode::UNKNOWN_MEMBER_ID);
}

/// KIP-134: 3 s for the first, and 3 s more if another comes meanwhile.
#[test]
fn the_initial_delay_is_renewed_by_whoever_comes_in_it() {
    let mut lab = Lab::new();
    let first = lab.join_with_id(&mut Client::new("c1"));
    lab.wait(1_000);
    let second = lab.join_with_id(&mut Client::new("c2"));
    lab.wait(4_999);
    assert!(lab.is_waiting(first) && lab.is_waiting(second));
    lab.wait(1);
    assert_eq!((lab.joined(first).generation_id, lab.joined(second).generation_id), (1, 1));
}

#[test]
fn the_initial_delay_ends_with_the_rebalance_timeout() {
    let mut lab = Lab::new();
    let mut client = Client { rebalance_timeout_ms: 7_000, ..Client::new("c1") };
    let first = lab.join_with_id(&mut client);
    for name in ["c2", "c3", "c4"] {
        lab.wait(2_000);
        lab.join_with_id(&mut Client { name, member_id: StrBytes::new(), ..client.clone() });
    }
    lab.wait(999);
    assert!(lab.is_waiting(first));
    lab.wait(1);
    assert_eq!(lab.joined(first).members.len(), 4);
}

#[test]
fn only_the_leader_hears_who_the_members_are() {
    let mut lab = Lab::new();
    let [mut first, mut second] = [Client::new("c1"), Client::new("c2")];
    let (a, b) = (lab.join_with_id(&mut first), lab.join_with_id(&mut second));
    lab.wait(6_000);
    let (leader, follower) = (lab.joined(a), lab.joined(b));
    assert_eq!((&leader.leader, &follower.leader), (&first.member_id, &first.member_id));
    assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
    assert_eq!(leader.members[0].metadata, subscription(&["t"]));
    assert_eq!(leader.protocol_name, Some(text("range")));
    assert_eq!(leader.protocol_type, Some(text("consumer")));
}

/// The story of the eager group: the others hear of the third in their heartbeats; when the last of them has joined,
/// all are answered at once.
#[test]
fn members_learn_of_a_rebalance_from_their_heartbeats() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2")];
    lab.stable(&mut clients);
    assert_eq!(lab.heartbeat(&clients[0]), ErrorCode::NONE);
    let joining = lab.join_with_id(&mut Client::new("c3"));
    assert_eq!(lab.heartbeat(&clients[0]), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(lab.heartbeat(&clients[1]), ErrorCode::REBALANCE_IN_PROGRESS);
    let rejoins = clients.each_ref().map(|client| lab.join(client));
    assert!(rejoins.iter().chain([&joining]).all(|request| lab.joined(*request).generation_id == 2));
    assert_eq!(lab.joined(rejoins[0]).members.len(), 3);
}

#[test]
fn a_silent_member_is_out_when_its_session_ends() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2")];
    lab.stable(&mut clients);
    for _ in 0..3 {
        lab.wait(3_000);
        assert_eq!(lab.heartbeat(&clients[0]), ErrorCode::NONE);
    }
    lab.wait(999);
    assert_eq!(lab.state("g"), ClassicState::Stable);
    lab.wait(1);
    let gone =
        GroupEvent::Removed { group: text("g"), member_id: clients[1].member_id.clone(), why: Removal::SessionExpired };
    assert!(lab.events.contains(&gone));
    assert_eq!(lab.heartbeat(&clients[0]), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(lab.heartbeat(&clients[1]), ErrorCode::UNKNOWN_MEMBER_ID);
    let request = lab.join(&clients[0]);
    assert_eq!((lab.joined(request).generation_id, lab.joined(request).members.len()), (2, 1));
}

#[test]
fn a_member_that_leaves_is_out_at_once() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2")];
    lab.stable(&mut clients);
    assert_eq!(lab.leave(&clients[0]), ErrorCode::NONE);
    assert_eq!(lab.group("g").leader(), Some(&clients[1].member_id));
    assert_eq!(lab.heartbeat(&clients[1]), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(lab.leave(&clients[0]), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(lab.leave(&clients[1]), ErrorCode::NONE);
    assert_eq!((lab.state("g"), lab.group("g").generation()), (ClassicState::Empty, 2));
    assert_eq!(lab.group("g").protocol_type(), Some(&text("consumer")));
}

/// A rebalance waits as long as its most patient member asks, and no longer.
#[test]
fn who_does_not_join_again_in_time_is_out() {
    let mut lab = Lab::new();
    let patient = Client { session_timeout_ms: 60_000, rebalance_timeout_ms: 20_000, ..Client::new("c1") };
    let slow = Client { session_timeout_ms: 60_000, rebalance_timeout_ms: 5_000, ..Client::new("c2") };
    let mut clients = [patient, slow];
    lab.stable(&mut clients);
    let request = lab.join(&clients[0]);
    lab.wait(19_999);
    assert!(lab.is_waiting(request));
    lab.wait(1);
    assert_eq!(lab.joined(request).members.len(), 1);
    assert_eq!(lab.heartbeat(&clients[1]), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_follower_that_joins_again_unchanged_does_not_disturb() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2")];
    lab.stable(&mut clients);
    let request = lab.join(&clients[1]);
    assert_eq!(lab.joined(request).generation_id, 1);
    assert_eq!(lab.state("g"), ClassicState::Stable);
    // The leader may: topics change without any member changing.
    let request = lab.join(&clients[0]);
    assert!(lab.is_waiting(request) && lab.state("g") == ClassicState::PreparingRebalance);
}

#[test]
fn a_member_that_subscribes_to_something_else_begins_a_rebalance() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2")];
    lab.stable(&mut clients);
    clients[1].metadata = subscription(&["t", "u"]);
    let request = lab.join(&clients[1]);
    assert!(lab.is_waiting(request) && lab.state("g") == ClassicState::PreparingRebalance);
}

/// Between join and sync a JoinGroup that is repeated is answered again, the leader's with the members.
#[test]
fn a_lost_answer_is_given_again() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2")];
    let joins = [lab.join_with_id(&mut clients[0]), lab.join_with_id(&mut clients[1])];
    lab.wait(6_000);
    for (client, join) in clients.iter_mut().zip(joins) {
        lab.take_joined(client, join);
        let again = lab.join(client);
        assert_eq!(lab.joined(again), lab.joined(join));
    }
}

#[test]
fn what_a_group_refuses() {
    let mut lab = Lab::new();
    lab.stable(&mut [Client::new("c1")]);
    let mut refused = |client: Client| {
        let request = lab.join(&client);
        lab.join_error(request)
    };
    let client = Client::new("c2");
    assert_eq!(refused(client.clone().of_group("")), ErrorCode::INVALID_GROUP_ID);
    let session = |session_timeout_ms| Client { session_timeout_ms, ..client.clone() };
    assert_eq!(refused(session(5_999)), ErrorCode::INVALID_SESSION_TIMEOUT);
    assert_eq!(refused(session(1_800_001)), ErrorCode::INVALID_SESSION_TIMEOUT);
    assert_eq!(refused(client.clone().offering(&["sticky"])), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(refused(client.clone().offering(&[])), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let other_type = Client { protocol_type: text("connect"), ..client.clone() };
    assert_eq!(refused(other_type), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let no_type = Client { protocol_type: text(""), ..client.clone().of_group("new") };
    assert_eq!(refused(no_type), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let unknown = Client { member_id: text("nobody"), ..client.clone() };
    assert_eq!(refused(unknown.clone()), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(refused(unknown.of_group("no such group")), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_group_has_a_largest_size() {
    let mut lab = Lab::with(|config| config.max_size = 2);
    let mut clients = [Client::new("c1"), Client::new("c2")];
    lab.stable(&mut clients);
    let request = lab.join(&Client::new("c3"));
    assert_eq!(lab.join_error(request), ErrorCode::GROUP_MAX_SIZE_REACHED);
    // Its own members may come back, in any order.
    let rejoins = clients.each_ref().map(|client| lab.join(client));
    assert_eq!(lab.joined(rejoins[1]).generation_id, 2);
}

#[test]
fn the_members_vote_for_a_protocol_that_all_offer() {
    let elected = |offers: &[&[&'static str]]| {
        let mut lab = Lab::new();
        let names = ["c1", "c2", "c3"];
        let joins: Vec<u64> = names
            .iter()
            .zip(offers)
            .map(|(name, offer)| lab.join_with_id(&mut Client::new(name).offering(offer)))
            .collect();
        lab.wait(30_000);
        lab.joined(joins[0]).protocol_name.clone().unwrap().to_string()
    };
    assert_eq!(elected(&[&["range", "sticky"], &["sticky", "range"], &["sticky", "range"]]), "sticky");
    // What not all offer cannot win.
    assert_eq!(elected(&[&["sticky", "range"], &["sticky", "range"], &["range"]]), "range");
    // Of equals that wins which Java's hash map comes to first: range is in its bucket 7, roundrobin in 12.
    assert_eq!(elected(&[&["range", "roundrobin"], &["roundrobin", "range"]]), "range");
    assert_eq!(elected(&[&["roundrobin", "range"], &["range", "roundrobin"]]), "range");
}

/// A new member's request may be lost; it has no heartbeat to tell by, so there is a limit to how long it waits.
#[test]
fn a_new_member_waits_for_five_minutes_at_most() {
    let mut lab = Lab::new();
    let patient = Client { session_timeout_ms: 1_800_000, rebalance_timeout_ms: 1_000_000, ..Client::new("c1") };
    lab.stable(&mut [patient]);
    let request = lab.join_with_id(&mut Client { session_timeout_ms: 1_800_000, ..Client::new("c2") });
    lab.wait(299_999);
    assert!(lab.is_waiting(request));
    lab.wait(1);
    assert_eq!(lab.join_error(request), ErrorCode::UNKNOWN_MEMBER_ID);
}

/// Up to version 6 a protocol name is never null.
#[test]
fn an_answer_is_as_its_version_has_it() {
    let mut lab = Lab::new();
    let refused = |lab: &mut Lab, version| {
        let request = lab.join(&Client { version, session_timeout_ms: 1, ..Client::new("c1") });
        lab.joined(request).protocol_name.clone()
    };
    assert_eq!(refused(&mut lab, 6), Some(text("")));
    assert_eq!(refused(&mut lab, 7), None);
    // Version 0 has one timeout for both.
    lab.join(&Client { version: 0, rebalance_timeout_ms: -1, ..Client::new("c1") });
    assert_eq!(lab.group("g").members().next().unwrap().rebalance_timeout_ms(), 10_000);
}

/// One request, one member: an id that was given out is a dynamic member's (`IllegalStateException` in Kafka).
#[test]
fn a_given_id_is_not_a_static_members() {
    let mut lab = Lab::new();
    let mut client = Client::new("c1");
    let request = lab.join(&client);
    client.member_id = lab.joined(request).member_id.clone();
    let request = lab.join(&client.with_instance("i1"));
    assert_eq!(lab.join_error(request), ErrorCode::UNKNOWN_SERVER_ERROR);
}
