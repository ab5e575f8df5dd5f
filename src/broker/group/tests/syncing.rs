//! SyncGroup.

use super::*;

/// Two members that have joined and not synced.
fn joined_pair(lab: &mut Lab) -> [Client; 2] {
    let mut clients = [Client::new("c1"), Client::new("c2")];
    let joins = clients.each_mut().map(|client| lab.join_with_id(client));
    lab.wait(6_000);
    clients.iter_mut().zip(joins).for_each(|(client, join)| lab.take_joined(client, join));
    clients
}

#[test]
fn followers_wait_for_the_leaders_assignment_and_all_for_the_log() {
    let mut lab = Lab::new();
    let [leader, follower] = joined_pair(&mut lab);
    lab.commits = false;
    let waiting = lab.sync(&follower, &[]);
    let leading = lab.sync(&leader, &[(&follower.member_id, &[7])]);
    assert!(lab.is_waiting(waiting) && lab.is_waiting(leading));
    assert_eq!(lab.state("g"), ClassicState::CompletingRebalance);
    lab.commit();
    assert_eq!(lab.synced(waiting).assignment[..], [7]);
    // Whom the leader names nothing for has nothing.
    assert!(lab.synced(leading).assignment.is_empty());
    assert_eq!(lab.synced(leading).protocol_name, Some(text("range")));
    assert_eq!(lab.state("g"), ClassicState::Stable);
}

#[test]
fn who_syncs_late_gets_its_assignment_at_once() {
    let mut lab = Lab::new();
    let [leader, follower] = joined_pair(&mut lab);
    lab.sync(&leader, &[(&follower.member_id, &[7])]);
    lab.commits = false;
    let sync = lab.sync(&follower, &[]);
    assert_eq!(lab.synced(sync).assignment[..], [7]);
}

#[test]
fn what_a_sync_is_refused_for() {
    let mut lab = Lab::new();
    let [leader, follower] = joined_pair(&mut lab);
    let mut refused = |client: Client| {
        let request = lab.sync(&client, &[]);
        lab.sync_error(request)
    };
    assert_eq!(refused(leader.clone().of_group("")), ErrorCode::INVALID_GROUP_ID);
    assert_eq!(refused(leader.clone().of_group("no such group")), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(refused(Client { member_id: text("nobody"), ..leader.clone() }), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(refused(Client { generation: 2, ..leader.clone() }), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(refused(leader.clone().offering(&["sticky"])), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let other_type = Client { protocol_type: text("connect"), ..leader.clone() };
    assert_eq!(refused(other_type), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    lab.join_with_id(&mut Client::new("c3"));
    let request = lab.sync(&follower, &[]);
    assert_eq!(lab.sync_error(request), ErrorCode::REBALANCE_IN_PROGRESS);
}

/// KIP-559: since version 5 a SyncGroup names the protocol type and name.
#[test]
fn a_sync_must_name_its_protocol() {
    let mut lab = Lab::new();
    let [leader, _] = joined_pair(&mut lab);
    let request = SyncGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_generation_id(1)
        .with_member_id(leader.member_id.clone());
    for (version, error) in [(5, ErrorCode::INCONSISTENT_GROUP_PROTOCOL), (4, ErrorCode::NONE)] {
        let context = lab.context(&leader, version);
        lab.turn(|shard, turn| shard.sync_group(turn, &context, &request));
        assert_eq!(lab.sync_error(context.token.0), error);
    }
}

/// A member that comes while others wait for the assignment sends them back to join.
#[test]
fn a_new_member_interrupts_those_who_sync() {
    let mut lab = Lab::new();
    let [_, follower] = joined_pair(&mut lab);
    let waiting = lab.sync(&follower, &[]);
    lab.join_with_id(&mut Client::new("c3"));
    assert_eq!(lab.sync_error(waiting), ErrorCode::REBALANCE_IN_PROGRESS);
}

/// A leader that never assigns is out after the rebalance timeout, and so are all who have not synced.
#[test]
fn who_does_not_sync_in_time_is_out() {
    let mut lab = Lab::new();
    let [leader, follower] = joined_pair(&mut lab);
    let waiting = lab.sync(&follower, &[]);
    for _ in 0..3 {
        lab.wait(9_000);
        assert_eq!(lab.heartbeat(&leader), ErrorCode::NONE);
    }
    lab.wait(2_999);
    assert!(lab.is_waiting(waiting));
    lab.wait(1);
    assert_eq!(lab.sync_error(waiting), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(lab.heartbeat(&leader), ErrorCode::UNKNOWN_MEMBER_ID);
    let request = lab.join(&follower);
    assert_eq!((lab.joined(request).generation_id, &lab.joined(request).leader), (2, &follower.member_id));
}

/// In a stable group too: the leader has brought the assignment, a follower never asks for its own.
#[test]
fn a_follower_that_never_syncs_is_out() {
    let mut lab = Lab::new();
    let [leader, follower] = joined_pair(&mut lab);
    lab.sync(&leader, &[]);
    for _ in 0..4 {
        lab.wait(7_500);
        lab.heartbeat(&leader);
        lab.heartbeat(&follower);
    }
    assert_eq!(lab.heartbeat(&follower), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(lab.heartbeat(&leader), ErrorCode::REBALANCE_IN_PROGRESS);
}

/// A session is not watched while its member waits, and begins anew with the answer.
#[test]
fn who_waits_for_an_assignment_needs_no_heartbeat() {
    let mut lab = Lab::new();
    let [leader, follower] = joined_pair(&mut lab);
    let waiting = lab.sync(&follower, &[]);
    lab.wait(9_000);
    assert_eq!(lab.heartbeat(&leader), ErrorCode::NONE);
    lab.wait(9_000);
    lab.sync(&leader, &[]);
    assert_eq!(lab.sync_error(waiting), ErrorCode::NONE);
    lab.wait(9_999);
    assert_eq!(lab.group("g").members().len(), 2);
}
