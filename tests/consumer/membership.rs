//! Heartbeats, coordinators that move, polls that come too late, leaving.

use crate::lab::{Lab, RANGE};
use kafka_terrarium::base::SimDuration;
use kafka_terrarium::client::{Call, ConsumerConfig};
use kafka_terrarium::wire::{ApiKey, ErrorCode, RequestKind};

fn manual(configs: &[(&str, &str)]) -> ConsumerConfig {
    let mut config = ConsumerConfig { group_id: Some("g".into()), ..ConsumerConfig::default() };
    config.set(RANGE.0, RANGE.1).expect("Kafka takes it");
    configs.iter().for_each(|(name, value)| config.set(name, value).expect("Kafka takes it"));
    config
}

fn leave_reason(lab: &mut Lab) -> (String, String) {
    let asked = lab.take(ApiKey::LeaveGroup);
    let RequestKind::LeaveGroup(body) = &asked.request.body else { panic!("a LeaveGroup") };
    let member = &body.members[0];
    let said = (member.member_id.to_string(), member.reason.as_ref().map_or(String::new(), |r| r.to_string()));
    lab.refuse(&asked, ErrorCode::NONE);
    said
}

#[test]
fn heartbeats_come_an_interval_after_the_join_and_go_on_while_it_works() {
    let mut lab = Lab::new(&[("enable.auto.commit", "false")], 1);
    lab.join(&[0]);
    lab.call(Call::Busy(SimDuration::from_secs(60)));
    for beat in 1..=5_u64 {
        lab.run(3_000);
        let asked = lab.take(ApiKey::Heartbeat);
        assert_eq!(asked.at.0 / 1_000, 50 + beat * 3_000);
        lab.refuse(&asked, ErrorCode::NONE);
    }
}

#[test]
fn nobody_hears_of_a_rebalance_while_the_application_works() {
    let mut lab = Lab::new(&[("enable.auto.commit", "false")], 1);
    lab.join(&[0]);
    lab.call(Call::Busy(SimDuration::from_secs(10)));
    lab.run(3_000);
    lab.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    lab.run(6_000);
    assert_eq!(lab.listener(), ["+[0]"]);
    lab.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    lab.asked.clear();
    lab.run(1_100);
    assert_eq!(lab.listener(), ["+[0]", "-[0]"]);
}

/// The story poll-too-slow: the client leaves by itself; a commit then is refused without being sent; the next poll loses
/// what it had and joins as somebody new.
#[test]
fn who_polls_too_late_leaves() {
    let mut config = manual(&[("max.poll.interval.ms", "6000"), ("enable.auto.commit", "false")]);
    config.set("auto.offset.reset", "earliest").expect("Kafka takes it");
    let mut lab = Lab::with_config(config, 2);
    lab.produce(0, 3);
    lab.join(&[0]);
    lab.call(Call::Busy(SimDuration::from_secs(16)));
    lab.run(3_000);
    lab.beat(ErrorCode::NONE);
    lab.run(2_990);
    assert!(lab.asked.is_empty());
    lab.run(20);
    assert_eq!(leave_reason(&mut lab), ("m".into(), "consumer poll timeout has expired.".into()));
    lab.run(9_000);
    assert!(lab.asked.is_empty(), "it is no member: no heartbeat");
    lab.call(Call::Commit { is_async: false });
    lab.run(2_000);
    let refused = "Offset commit cannot be completed since the consumer is not part of an active group for auto \
                   partition assignment; it is likely that the consumer was kicked out of the group.";
    assert_eq!(lab.errors(), [refused]);
    assert_eq!(lab.listener(), ["+[0]", "lost[0]"]);
    let (_, join) = lab.take_join();
    assert_eq!((&*join.member_id, join.reason.as_deref()), ("", Some("consumer pro-actively leaving the group")));
    assert!(lab.asked.is_empty(), "the commit was never sent");
}

#[test]
fn a_coordinator_that_moved_is_looked_for_and_the_generation_stays() {
    let mut lab = Lab::new(&[("enable.auto.commit", "false")], 1);
    lab.join(&[0]);
    let lookups = lab.lookups;
    lab.run(3_000);
    lab.coordinator = Ok(3);
    lab.beat(ErrorCode::NOT_COORDINATOR);
    // The lookup waits behind a fetch that waits for records.
    lab.run(700);
    assert_eq!(lab.lookups, lookups + 1);
    let asked = lab.take(ApiKey::Heartbeat);
    let RequestKind::Heartbeat(body) = &asked.request.body else { panic!("a Heartbeat") };
    assert_eq!((body.generation_id, &*body.member_id), (1, "m"));
    lab.refuse(&asked, ErrorCode::NONE);
    assert_eq!(lab.listener(), ["+[0]"]);
}

#[test]
fn a_coordinator_that_is_not_known_yet_is_asked_for_again_and_again() {
    let mut lab = Lab::new(&[], 1);
    lab.coordinator = Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    // The very first lookup was answered before.
    let (asked, _) = {
        lab.run(1);
        lab.take_join()
    };
    lab.reset(&asked);
    lab.run(3_000);
    assert!((5..=20).contains(&lab.lookups), "{} lookups", lab.lookups);
    assert!(lab.asked.is_empty());
    lab.coordinator = Ok(2);
    lab.run(1_500);
    let (_, join) = lab.take_join();
    assert_eq!(join.reason.as_deref(), Some("rebalance failed due to DisconnectException"));
}

#[test]
fn a_member_that_was_taken_out_loses_what_it_has() {
    let mut lab = Lab::new(&[("enable.auto.commit", "false")], 1);
    lab.join(&[0]);
    lab.run(3_000);
    lab.beat(ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(lab.listener(), ["+[0]", "lost[0]"]);
    let (_, join) = lab.take_join();
    let reason = "encountered UNKNOWN_MEMBER_ID from HEARTBEAT response";
    assert_eq!((&*join.member_id, join.reason.as_deref()), ("", Some(reason)));
    // A stale generation keeps the member's id.
    let mut lab = Lab::new(&[("enable.auto.commit", "false")], 1);
    lab.join(&[0]);
    lab.run(3_000);
    lab.beat(ErrorCode::ILLEGAL_GENERATION);
    let (_, join) = lab.take_join();
    assert_eq!((&*join.member_id, lab.listener().last().map(String::as_str)), ("m", Some("lost[0]")));
}

#[test]
fn closing_commits_gives_up_and_leaves() {
    let mut lab = Lab::new(&[], 1);
    lab.produce(0, 7);
    lab.join(&[0]);
    lab.close();
    assert_eq!(lab.listener(), ["+[0]"], "the commit comes first");
    assert_eq!(lab.take_commit(), [(0, 7)].into());
    assert_eq!(lab.listener(), ["+[0]", "-[0]"]);
    assert_eq!(leave_reason(&mut lab), ("m".into(), "the consumer is being closed".into()));
    lab.run(100);
    assert!(lab.exited);
}

/// The story static-member: it does not leave at its close; who is replaced by another of its name ends.
#[test]
fn a_static_member_does_not_leave() {
    let mut lab = Lab::new(&[("group.instance.id", "i1")], 1);
    lab.produce(0, 7);
    lab.run(50);
    let (asked, join) = lab.take_join();
    assert_eq!(join.group_instance_id.as_deref(), Some("i1"));
    lab.begin(&asked, 1, "i1-uuid", "l", &[]);
    lab.assign(&[0]);
    lab.give_committed();
    lab.close();
    lab.take_commit();
    lab.run(100);
    assert!(lab.exited && lab.asked.is_empty());

    let mut lab = Lab::new(&[("group.instance.id", "i1"), ("enable.auto.commit", "false")], 1);
    lab.run(50);
    let (asked, _) = lab.take_join();
    lab.begin(&asked, 1, "i1-uuid", "l", &[]);
    lab.assign(&[0]);
    lab.give_committed();
    lab.run(3_000);
    lab.beat(ErrorCode::FENCED_INSTANCE_ID);
    lab.run(100);
    assert_eq!(lab.listener(), ["+[0]", "lost[0]"]);
    let said = "The broker rejected this static consumer since another consumer with the same group.instance.id has \
                registered with a different member.id.";
    assert_eq!((lab.errors(), lab.exited), (vec![said.to_owned()], true));
}

/// `max.poll.interval.ms` is between two polls, also where the second returns at once with what was fetched before.
#[test]
fn a_poll_that_returns_at_once_is_a_poll() {
    let mut config = ConsumerConfig { group_id: Some("g".into()), ..ConsumerConfig::default() };
    for (name, value) in [RANGE, ("auto.offset.reset", "earliest"), ("max.poll.interval.ms", "8000")] {
        config.set(name, value).expect("Kafka takes it");
    }
    config.application.work = SimDuration::from_millis(10);
    let mut lab = Lab::with_config(config, 1);
    lab.produce(0, 1_500);
    lab.join(&[0]);
    for second in 1..=14 {
        lab.run(1_000);
        while let Some(api) = lab.asked.first().map(|asked| asked.request.api) {
            assert_ne!(api, ApiKey::LeaveGroup, "after {second} s");
            match api {
                ApiKey::OffsetCommit => drop(lab.take_commit()),
                _ => lab.beat(ErrorCode::NONE),
            }
        }
    }
    assert!(lab.client.worked() > 1_300, "{} records in 14 s", lab.client.worked());
}
