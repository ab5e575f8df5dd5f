//! Raft among replicas: elections, faults, and what must hold whatever happens.

mod answers;
mod lab;
mod story;

use kafka_terrarium::quorum::Role;
use kafka_terrarium::wire::RequestKind;
use lab::{Lab, ms};

#[test]
fn a_quorum_elects_one_leader() {
    for voters in [1, 3, 5] {
        for seed in 0..10 {
            let mut lab = Lab::new(seed, voters, 0);
            let leader = lab.elect();
            lab.run(ms(5_000));
            assert_eq!(lab.leader(), Some(leader), "it stays");
            let epoch = lab.replica(leader).epoch();
            for id in lab.ids() {
                let replica = lab.replica(id);
                assert_eq!((replica.leader(), replica.epoch()), (Some(leader), epoch), "node {id} of {voters}");
                assert_eq!(replica.high_watermark(), Some(1), "its LeaderChange record is committed");
            }
        }
    }
}

#[test]
fn a_leaders_log_opens_with_a_control_batch_in_its_epoch() {
    let mut lab = Lab::new(1, 3, 0);
    let leader = lab.elect();
    let replica = lab.replica(leader);
    let opening = replica.log().batches_from(0).next().unwrap();
    assert!(opening.header.is_control());
    assert_eq!(opening.header.leader_epoch, replica.epoch());
    let change = kafka_terrarium::wire::control::read_leader_change(&opening.bytes).unwrap().unwrap();
    assert_eq!(change.leader_id.0, leader);
    assert_eq!(change.voters.len(), 3);
    assert!(change.granting_voters.len() >= 2);
}

#[test]
fn a_high_watermark_is_unknown_until_the_epochs_first_record_is_committed() {
    let mut lab = Lab::new(2, 3, 0);
    lab.run_until(ms(60_000), |lab| lab.leader().is_some());
    let leader = lab.leader().unwrap();
    assert_eq!((lab.replica(leader).epoch_start(), lab.replica(leader).high_watermark()), (Some(0), None));
    lab.elect();
    assert_eq!(lab.replica(leader).high_watermark(), Some(1));
}

#[test]
fn appended_records_are_batched_and_committed() {
    let mut lab = Lab::new(3, 3, 0);
    let leader = lab.elect();
    assert_eq!(lab.append(leader, "a"), Some(1));
    lab.run(ms(10));
    assert_eq!(lab.append(leader, "b"), Some(2));
    lab.run(ms(14));
    assert_eq!(lab.replica(leader).log().end_offset(), 1, "they linger");
    lab.run(ms(2));
    assert_eq!(lab.replica(leader).log().batches_from(1).count(), 1, "and become one batch");
    lab.converge();
    assert_eq!(lab.committed_upto(), 3);
}

#[test]
fn committed_records_survive_any_single_crash() {
    for (seed, voters) in [(4, 3), (5, 5)] {
        for crashed in 1..=voters {
            let mut lab = Lab::new(seed, voters, 0);
            let leader = lab.elect();
            for n in 0..10 {
                lab.append(leader, &n.to_string());
                lab.run(ms(40));
            }
            let committed = lab.committed_upto();
            assert!(committed > 5);
            lab.crash(crashed);
            // That the new leader has everything is what the lab asserts of every leader.
            let leader = lab.elect();
            assert_ne!(leader, crashed);
            let offset = lab.append(leader, "after").unwrap();
            lab.run(ms(2_000));
            assert!(lab.committed_upto() > offset);
            lab.start(crashed);
            lab.converge();
        }
    }
}

#[test]
fn a_new_leader_is_found_after_the_fetch_timeout() {
    let mut lab = Lab::new(6, 3, 0);
    let leader = lab.elect();
    lab.run(ms(1_000));
    lab.crash(leader);
    let took = lab.run_until(ms(60_000), |lab| lab.leader().is_some());
    // 2 s without a fetch, then two rounds of votes; a split vote costs up to 2 s more.
    assert!((1_400..6_000).contains(&took.as_millis()), "{took}");
    let others: Vec<_> = lab.ids().into_iter().filter(|id| *id != leader).collect();
    lab.elect();
    lab.run(ms(1_000));
    assert!(others.iter().all(|id| lab.replica(*id).leader() == lab.leader()));
    lab.start(leader);
    assert_eq!(lab.replica(leader).role(), Role::Resigned, "it comes back as resigned");
    lab.run(ms(1_000));
    assert_eq!(lab.replica(leader).role(), Role::Follower);
}

#[test]
fn split_votes_are_resolved() {
    // Two survivors of three time out together: some seeds split the vote and need another epoch.
    let mut split = 0;
    for seed in 0..40 {
        let mut lab = Lab::new(seed, 3, 0);
        let leader = lab.elect();
        lab.run(ms(700));
        let epoch = lab.replica(leader).epoch();
        lab.crash(leader);
        let next = lab.elect();
        split += usize::from(lab.replica(next).epoch() > epoch + 1);
    }
    assert!((1..30).contains(&split), "{split} of 40 votes were split");
}

#[test]
fn an_isolated_leader_resigns_and_commits_nothing() {
    let mut lab = Lab::new(7, 3, 0);
    let old = lab.elect();
    let epoch = lab.replica(old).epoch();
    lab.isolate(old);
    let offset = lab.append(old, "never").unwrap();
    lab.run(ms(2_500));
    assert_eq!(lab.replica(old).role(), Role::Leader, "it has no way to know");
    lab.run(ms(1_000));
    assert_ne!(lab.replica(old).role(), Role::Leader, "one and a half fetch timeouts without fetches");
    assert!(lab.append(old, "refused").is_none());
    let new = lab.elect();
    assert_ne!(new, old);
    assert!(lab.replica(new).epoch() > epoch);
    lab.append(new, "instead");
    lab.run(ms(1_000));
    lab.heal();
    lab.converge();
    let batch = lab.replica(old).log().batches_from(offset).next().unwrap();
    assert!(batch.header.leader_epoch > epoch, "its record was cut off and another lies there");
}

#[test]
fn a_rejoining_voter_does_not_disturb_the_leader() {
    let mut lab = Lab::new(8, 3, 0);
    let leader = lab.elect();
    let epoch = lab.replica(leader).epoch();
    let away = lab.ids().into_iter().find(|id| *id != leader).unwrap();
    lab.isolate(away);
    lab.run(ms(30_000));
    assert_eq!(lab.replica(away).epoch(), epoch, "without a majority of pre-votes it opens no epoch");
    lab.heal();
    lab.run(ms(5_000));
    assert_eq!(lab.replica(away).role(), Role::Follower);
    assert_eq!((lab.leader(), lab.replica(leader).epoch()), (Some(leader), epoch));
    let asks_first = |r: &RequestKind| matches!(r, RequestKind::Vote(v) if v.topics[0].partitions[0].pre_vote);
    assert!(lab.wire.iter().any(|(_, from, _, request)| *from == away && asks_first(request)));
}

#[test]
fn a_voter_that_hears_nobody_does_not_take_the_leader_down() {
    // It can send but gets no answers and no BeginQuorumEpoch.
    let mut lab = Lab::new(9, 3, 0);
    let leader = lab.elect();
    let epoch = lab.replica(leader).epoch();
    let deaf = lab.ids().into_iter().find(|id| *id != leader).unwrap();
    for other in lab.ids().into_iter().filter(|id| *id != deaf) {
        lab.cut_one_way(other, deaf);
    }
    lab.run(ms(30_000));
    assert_eq!((lab.leader(), lab.replica(leader).epoch()), (Some(leader), epoch));
}

#[test]
fn observers_follow_and_do_not_count() {
    let mut lab = Lab::new(10, 3, 2);
    let leader = lab.elect();
    lab.append(leader, "a");
    lab.converge();
    for observer in [101, 102] {
        assert_eq!(lab.replica(observer).role(), Role::Follower);
        assert_eq!(lab.replica(observer).high_watermark(), lab.replica(leader).high_watermark());
    }
    let before = lab.committed_upto();
    lab.ids().into_iter().filter(|id| *id != leader && *id < 100).for_each(|voter| lab.crash(voter));
    lab.append(leader, "b");
    lab.run(ms(2_000));
    assert_eq!(lab.committed_upto(), before, "two observers are no majority");
    assert!(lab.replica(101).log().end_offset() > before, "though they have it");
}

#[test]
fn diverging_logs_are_cut_back() {
    let mut lab = Lab::new(11, 3, 1);
    let old = lab.elect();
    lab.append(old, "kept");
    lab.converge();
    let kept = lab.replica(old).log().end_offset();
    // The observer alone hears the old leader, so that it too has what will be cut off.
    let voters: Vec<i32> = lab.ids().into_iter().filter(|id| *id != old && *id < 100).collect();
    voters.iter().for_each(|voter| lab.cut(old, *voter));
    for n in 0..5 {
        lab.append(old, &format!("lost {n}"));
        lab.run(ms(50));
    }
    assert_eq!(lab.replica(101).log().end_offset(), kept + 5);
    lab.run_until(ms(60_000), |lab| lab.leader().is_some_and(|id| id != old));
    let new = lab.elect();
    lab.append(new, "new");
    lab.run(ms(500));
    lab.heal();
    lab.converge();
    let end = lab.replica(new).log().end_offset();
    assert!(lab.ids().iter().all(|id| lab.replica(*id).log().end_offset() == end));
}

#[test]
fn a_shutdown_hands_over_at_once() {
    let mut lab = Lab::new(12, 3, 0);
    let leader = lab.elect();
    lab.append(leader, "a");
    lab.converge();
    lab.input(leader, |replica, turn| replica.shutdown(ms(5_000), turn));
    let took = lab.run_until(ms(5_000), |lab| lab.leader().is_some_and(|id| id != leader));
    assert!(took.as_millis() < 700, "the first successor does not wait: {took}");
    lab.run_until(ms(5_000), |lab| lab.replica(leader).is_stopped());
}

#[test]
fn a_replica_behind_the_log_takes_a_snapshot() {
    let mut lab = Lab::new(13, 3, 1);
    let leader = lab.elect();
    lab.crash(101);
    for n in 0..20 {
        lab.append(leader, &n.to_string());
        lab.run(ms(30));
    }
    lab.converge();
    let end = lab.replica(leader).high_watermark().unwrap();
    lab.input(leader, |replica, _| replica.log_mut().keep_snapshot(end, "the state".into()));
    lab.start(101);
    lab.append(leader, "after");
    lab.converge();
    let log = lab.replica(101).log();
    assert_eq!(log.start_offset(), end);
    assert_eq!(log.latest_snapshot().and_then(|id| log.snapshot(id)).unwrap(), "the state");
}

/// Crashes, starts, cuts and heals at random while records are appended. The lab panics when a law is broken.
fn chaos(seed: u64, voters: i32) -> Lab {
    let mut lab = Lab::new(seed, voters, 1);
    let ids = lab.ids();
    for _ in 0..150 {
        let pick = |lab: &mut Lab| ids[lab.rng.below(ids.len() as u64) as usize];
        let (a, b) = (pick(&mut lab), pick(&mut lab));
        match lab.rng.below(10) {
            0 if lab.is_up(a) => lab.crash(a),
            0..=2 if !lab.is_up(a) => lab.start(a),
            3 if a != b => lab.cut(a, b),
            4 if a != b => lab.cut_one_way(a, b),
            5 => lab.heal(),
            6 => lab.isolate(a),
            _ => {}
        }
        for id in &ids {
            if lab.is_up(*id) && lab.replica(*id).role() == Role::Leader {
                lab.append(*id, "x");
            }
        }
        let span = lab.rng.below(900);
        lab.run(ms(span));
    }
    lab.heal();
    ids.iter().filter(|id| !lab.is_up(**id)).copied().collect::<Vec<_>>().into_iter().for_each(|id| lab.start(id));
    let leader = lab.elect();
    lab.append(leader, "last");
    lab.converge();
    lab
}

#[test]
fn laws_hold_under_faults() {
    let (mut elections, mut truncations) = (0, 0);
    for seed in 0..60 {
        let lab = chaos(seed, if seed % 3 == 0 { 5 } else { 3 });
        elections += lab.leaders.len();
        truncations += lab.truncations;
    }
    assert!(elections > 300 && truncations > 60, "{elections} elections and {truncations} truncations try little");
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    let history = |seed| {
        let mut lab = Lab::new(seed, 3, 1);
        let leader = lab.elect();
        lab.crash(leader);
        lab.elect();
        lab.run(ms(2_000));
        format!("{:?} {:?}", lab.leaders, lab.wire)
    };
    assert_eq!(history(1), history(1));
    assert_ne!(history(1), history(2));
}
