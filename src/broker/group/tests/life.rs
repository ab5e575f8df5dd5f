//! A coordinator's life: loading after a failover, and the end when another broker takes over.

use super::*;

/// The story: nobody is rebalanced. The same generation, ids and assignments; sessions start afresh.
#[test]
fn a_group_goes_on_at_the_next_coordinator() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2").with_instance("i2")];
    lab.stable(&mut clients);
    lab.commit_offset(&clients[0], "t", 5);
    lab.wait(9_999);
    let later = lab.now + SimDuration::from_millis(600_000);
    let mut next = Lab::loaded(GroupConfig::default(), &lab.log, later);
    assert_eq!((next.state("g"), next.group("g").generation()), (ClassicState::Stable, 1));
    assert_eq!(next.group("g").leader(), Some(&clients[0].member_id));
    assert_eq!(next.fetch_offset("g", "t"), 5);
    next.wait(9_999);
    for client in &clients {
        assert_eq!(next.heartbeat(client), ErrorCode::NONE);
        assert_eq!(next.commit_offset(client, "t", 6), ErrorCode::NONE);
    }
    let sync = next.sync(&clients[1], &[]);
    assert_eq!(next.synced(sync).assignment[..], [1]);
    next.wait(10_000);
    assert_eq!(next.group("g").members().len(), 0);
}

/// A rebalance that was under way is not in the log: the members find the old generation, and begin another.
#[test]
fn a_failover_in_a_rebalance_goes_back_to_the_generation_before() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2")];
    lab.stable(&mut clients);
    lab.join_with_id(&mut Client::new("c3"));
    lab.join(&clients[0]);
    let mut next = Lab::loaded(GroupConfig::default(), &lab.log, lab.now);
    assert_eq!((next.state("g"), next.group("g").members().len()), (ClassicState::Stable, 2));
    // The leader's JoinGroup begins it, the follower's changes nothing.
    let follower = next.join(&clients[1]);
    assert_eq!(next.joined(follower).generation_id, 1);
    let leader = next.join(&clients[0]);
    assert!(next.is_waiting(leader));
}

#[test]
fn the_tail_beyond_the_high_watermark_is_served_when_it_is_committed() {
    let mut lab = Lab::new();
    lab.commit_offset(&Client::new("tool"), "t", 1);
    lab.commit_offset(&Client::new("tool"), "t", 2);
    let log = lab.log.clone();
    let mut next = Lab::new();
    next.commits = false;
    next.shard = GroupShard::new(GroupConfig::default());
    next.shard.replay(&log[0]);
    next.shard.replayed_to_high_watermark();
    next.shard.replay(&log[1]);
    let loaded = next.turn(|shard, turn| shard.loaded(turn));
    assert_eq!(next.fetch_offset("g", "t"), 1);
    next.turn(|shard, turn| shard.committed(turn, loaded));
    assert_eq!(next.fetch_offset("g", "t"), 2);
}

#[test]
fn a_group_that_is_too_large_now_is_rebalanced() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2"), Client::new("c3")];
    lab.stable(&mut clients);
    let smaller = GroupConfig { max_size: 2, ..GroupConfig::default() };
    let mut next = Lab::loaded(smaller, &lab.log, lab.now);
    assert_eq!(next.state("g"), ClassicState::PreparingRebalance);
    let joins = clients.each_ref().map(|client| next.join(client));
    // The last to come must go.
    assert_eq!(next.join_error(joins[2]), ErrorCode::GROUP_MAX_SIZE_REACHED);
}

#[test]
fn all_who_wait_are_told_when_another_broker_takes_over() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1").of_group("a"), Client::new("c2").of_group("a")];
    let joins = clients.each_mut().map(|client| lab.join_with_id(client));
    lab.wait(6_000);
    clients.iter_mut().zip(joins).for_each(|(client, join)| lab.take_joined(client, join));
    lab.commits = false;
    let follower = lab.sync(&clients[1], &[]);
    let mut joining = Client::new("c3").of_group("b");
    let joining = lab.join_with_id(&mut joining);
    let leader = lab.sync(&clients[0], &[]);
    assert!([follower, leader, joining].iter().all(|request| lab.is_waiting(*request)));
    let shard = std::mem::replace(&mut lab.shard, GroupShard::new(GroupConfig::default()));
    lab.turn(|_, turn| shard.unload(turn));
    assert_eq!(lab.join_error(joining), ErrorCode::NOT_COORDINATOR);
    assert_eq!((lab.sync_error(follower), lab.sync_error(leader)), {
        let error = ErrorCode::NOT_COORDINATOR;
        (error, error)
    });
}

/// What a real broker had in its log after two members, one of them static, had come, the static one was started again,
/// the other left, the static one died, its offsets were deleted with the group: the group's generation and how many
/// members the record has; `None` for a tombstone.
#[test]
fn the_log_of_a_groups_life() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c2"), Client::new("c1").with_instance("i1")];
    lab.stable(&mut clients);
    lab.commit_offset(&clients[1], "t", 27);
    let mut back = Client { member_id: StrBytes::new(), ..clients[1].clone() };
    let request = lab.join(&back);
    lab.take_joined(&mut back, request);
    lab.leave(&clients[0]);
    let request = lab.join(&back);
    lab.take_joined(&mut back, request);
    lab.sync(&back, &[]);
    lab.wait(10_000);
    let context = lab.context(&back, 2);
    lab.turn(|shard, turn| shard.delete_groups(turn, &context, &[GroupId(text("g"))]));
    let told = |record: &GroupRecord| match record {
        GroupRecord::OffsetCommit(_, value) => ("offset", value.as_ref().map(|value| (value.offset as i32, 0))),
        GroupRecord::GroupMetadata(_, value) => {
            ("group", value.as_ref().map(|value| (value.generation, value.members.len())))
        }
    };
    let real = [
        ("group", Some((0, 0))),
        ("group", Some((1, 2))),
        ("offset", Some((27, 0))),
        ("group", Some((1, 2))),
        ("group", Some((2, 1))),
        ("group", Some((3, 0))),
        ("offset", None),
        ("group", None),
    ];
    assert_eq!(lab.log.iter().map(told).collect::<Vec<_>>(), real);
}

/// A thousand members come, are given what is theirs, and one more comes: every step is a few lookups a member.
#[test]
fn a_group_of_a_thousand_members() {
    let mut lab = Lab::new();
    let mut clients: Vec<Client> = (0..1_000).map(|_| Client::new("c")).collect();
    let joins: Vec<u64> = clients.iter_mut().map(|client| lab.join_with_id(client)).collect();
    lab.wait(6_000);
    clients.iter_mut().zip(&joins).for_each(|(client, join)| lab.take_joined(client, *join));
    let leader = lab.group("g").leader().unwrap().clone();
    assert_eq!(lab.joined(joins[0]).members.len(), 1_000);
    let syncs: Vec<u64> = clients.iter().rev().map(|client| lab.sync(client, &[])).collect();
    assert!(syncs.iter().all(|sync| lab.sync_error(*sync) == ErrorCode::NONE));
    let joining = lab.join_with_id(&mut Client::new("c"));
    let rejoins: Vec<u64> = clients.iter().map(|client| lab.join(client)).collect();
    assert!(rejoins.iter().all(|join| lab.joined(*join).generation_id == 2));
    assert_eq!((&lab.joined(joining).leader, lab.group("g").members().len()), (&leader, 1_001));
    // The next coordinator has them all.
    let next = Lab::loaded(GroupConfig::default(), &lab.log, lab.now);
    assert_eq!(next.group("g").members().len(), 1_000);
}
