//! Static members (KIP-345).

use super::*;

/// Two static members, c1 (the leader) and c2.
fn stable_pair(lab: &mut Lab) -> [Client; 2] {
    let mut clients = [Client::new("c1").with_instance("i1"), Client::new("c2").with_instance("i2")];
    lab.stable(&mut clients);
    clients
}

/// A client that was started again: it has lost its id.
fn restarted(client: &Client) -> Client {
    Client { member_id: StrBytes::new(), generation: -1, ..client.clone() }
}

#[test]
fn a_static_member_needs_no_second_request() {
    let mut lab = Lab::new();
    let request = lab.join(&Client::new("c1").with_instance("i1"));
    lab.wait(3_000);
    assert!(lab.joined(request).member_id.starts_with("i1-"));
}

/// The story: same generation, new id, the stored assignment; nobody else hears of it.
#[test]
fn a_restart_within_the_session_is_no_rebalance() {
    let mut lab = Lab::new();
    let clients = stable_pair(&mut lab);
    let mut back = restarted(&clients[1]);
    let request = lab.join(&back);
    lab.take_joined(&mut back, request);
    assert_ne!(back.member_id, clients[1].member_id);
    assert_eq!((back.generation, lab.state("g")), (1, ClassicState::Stable));
    assert!(!lab.joined(request).skip_assignment && lab.joined(request).members.is_empty());
    let sync = lab.sync(&back, &[]);
    assert_eq!(lab.synced(sync).assignment[..], [1]);
    assert_eq!(lab.heartbeat(&clients[0]), ErrorCode::NONE);
}

/// KIP-814: the leader gets the members, so that it can watch their topics, and is told to assign nothing.
#[test]
fn a_leader_that_comes_back_is_told_to_skip_the_assignment() {
    let mut lab = Lab::new();
    let clients = stable_pair(&mut lab);
    let mut back = restarted(&clients[0]);
    let request = lab.join(&back);
    lab.take_joined(&mut back, request);
    let answer = lab.joined(request);
    assert!(answer.skip_assignment && answer.leader == back.member_id);
    assert_eq!(answer.members.len(), 2);
    let sync = lab.sync(&back, &[]);
    assert_eq!(lab.synced(sync).assignment[..], [0]);
    // An older client would assign anew, so it is told that its old id leads.
    let request = lab.join(&Client { version: 8, ..restarted(&back) });
    assert_eq!(lab.joined(request).leader, back.member_id);
    assert_ne!(lab.joined(request).member_id, back.member_id);
}

/// Of two with one instance id the last wins, and the first hears of it in whatever it sends next.
#[test]
fn the_old_owner_of_an_instance_is_fenced() {
    let mut lab = Lab::new();
    let clients = stable_pair(&mut lab);
    let request = lab.join(&restarted(&clients[1]));
    assert_eq!(lab.join_error(request), ErrorCode::NONE);
    let fenced = &clients[1];
    assert_eq!(lab.heartbeat(fenced), ErrorCode::FENCED_INSTANCE_ID);
    let (join, sync) = (lab.join(fenced), lab.sync(fenced, &[]));
    assert_eq!(lab.join_error(join), ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(lab.sync_error(sync), ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(lab.leave(fenced), ErrorCode::FENCED_INSTANCE_ID);
}

#[test]
fn a_request_that_waits_is_fenced_too() {
    let mut lab = Lab::new();
    let clients = stable_pair(&mut lab);
    let waiting = lab.join(&clients[0]);
    assert!(lab.is_waiting(waiting));
    let request = lab.join(&restarted(&clients[0]));
    assert_eq!(lab.join_error(waiting), ErrorCode::FENCED_INSTANCE_ID);
    let other = lab.join(&clients[1]);
    assert_eq!((lab.joined(request).generation_id, lab.joined(other).generation_id), (2, 2));
}

#[test]
fn a_restart_that_changes_the_vote_is_a_rebalance() {
    let mut lab = Lab::new();
    let mut clients = [
        Client::new("c1").with_instance("i1").offering(&["range", "sticky"]),
        Client::new("c2").with_instance("i2").offering(&["range", "sticky"]),
    ];
    lab.stable(&mut clients);
    let request = lab.join(&restarted(&clients[1]).offering(&["sticky"]));
    assert!(lab.is_waiting(request) && lab.state("g") == ClassicState::PreparingRebalance);
}

/// While the leader assigns, its assignment would go to an id that is gone.
#[test]
fn a_restart_while_the_leader_assigns_is_a_rebalance() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1").with_instance("i1"), Client::new("c2").with_instance("i2")];
    let joins = clients.each_mut().map(|client| lab.join_with_id(client));
    lab.wait(6_000);
    clients.iter_mut().zip(joins).for_each(|(client, join)| lab.take_joined(client, join));
    let sync = lab.sync(&clients[1], &[]);
    let request = lab.join(&restarted(&clients[1]));
    assert_eq!(lab.sync_error(sync), ErrorCode::FENCED_INSTANCE_ID);
    assert!(lab.is_waiting(request) && lab.state("g") == ClassicState::PreparingRebalance);
    assert_eq!(lab.heartbeat(&clients[0]), ErrorCode::REBALANCE_IN_PROGRESS);
}

/// A static member that does not join in time keeps its place until its session ends.
#[test]
fn a_rebalance_does_not_throw_a_static_member_out() {
    let mut lab = Lab::new();
    let mut clients = [
        Client { session_timeout_ms: 45_000, ..Client::new("c1").with_instance("i1") },
        Client { session_timeout_ms: 45_000, ..Client::new("c2").with_instance("i2") },
    ];
    lab.stable(&mut clients);
    let request = lab.join(&clients[0]);
    lab.wait(30_000);
    assert_eq!((lab.joined(request).generation_id, lab.joined(request).members.len()), (2, 2));
}

/// Where nobody joins and only static members are left, the wait begins again.
#[test]
fn a_rebalance_that_nobody_joins_goes_on() {
    let mut lab = Lab::new();
    let long = |name, instance| Client {
        session_timeout_ms: 100_000,
        rebalance_timeout_ms: 10_000,
        ..Client::new(name).with_instance(instance)
    };
    let mut clients = [long("c1", "i1"), long("c2", "i2"), Client { instance: None, ..long("c3", "") }];
    lab.stable(&mut clients);
    assert_eq!(lab.leave(&clients[2]), ErrorCode::NONE);
    lab.wait(35_000);
    assert_eq!((lab.state("g"), lab.group("g").generation()), (ClassicState::PreparingRebalance, 1));
    let joins = [lab.join(&clients[0]), lab.join(&clients[1])];
    assert!(joins.iter().all(|join| lab.joined(*join).generation_id == 2));
}

/// An operator removes a member by its instance id alone.
#[test]
fn a_member_can_be_removed_by_its_instance() {
    let mut lab = Lab::new();
    let clients = stable_pair(&mut lab);
    let by_instance = |instance| Client { member_id: StrBytes::new(), ..Client::new("admin").with_instance(instance) };
    assert_eq!(lab.leave(&by_instance("nobody")), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(lab.leave(&by_instance("i2")), ErrorCode::NONE);
    assert_eq!(lab.heartbeat(&clients[1]), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(lab.heartbeat(&clients[0]), ErrorCode::REBALANCE_IN_PROGRESS);
}
