//! Commits, and starting from what is committed.

use crate::client_lab::Brokers as _;
use crate::lab::{Lab, RANGE, tps};
use kafka_terrarium::base::SimDuration;
use kafka_terrarium::client::{Call, Commits, ConsumerConfig, Death, SeekTo};
use kafka_terrarium::machine::Fact;
use kafka_terrarium::wire::{ApiKey, ErrorCode};

fn working(commits: Commits, work_ms: u64) -> ConsumerConfig {
    let mut config = ConsumerConfig { group_id: Some("g".into()), ..ConsumerConfig::default() };
    for (name, value) in [RANGE, ("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")] {
        config.set(name, value).expect("Kafka takes it");
    }
    config.application.commits = commits;
    config.application.work = SimDuration::from_millis(work_ms);
    config
}

/// Commits by itself happen inside poll, and cover what earlier polls gave, which is worked on by then.
#[test]
fn auto_commit_covers_earlier_polls() {
    let mut config = working(Commits::Never, 1_000);
    config.enable_auto_commit = None;
    let mut lab = Lab::with_config(config, 1);
    lab.produce(0, 4);
    lab.join(&[0]);
    lab.run(3_000);
    lab.beat(ErrorCode::NONE);
    // Four seconds of work: the fifth second finds it polling.
    lab.produce(0, 20);
    lab.run(1_100);
    assert!(lab.asked.is_empty(), "the interval is not over");
    lab.run(1_900);
    lab.beat(ErrorCode::NONE);
    for second in 0..17 {
        lab.run(1_000);
        lab.beats();
        assert!(lab.asked.is_empty(), "after {second} s it still works on twenty records");
    }
    lab.run(3_000);
    lab.beats();
    assert_eq!(lab.take_commit(), [(0, 24)].into());
}

#[test]
fn each_record_or_each_poll() {
    let mut lab = Lab::with_config(working(Commits::Each, 10), 1);
    lab.produce(0, 3);
    lab.join(&[0]);
    for offset in 1..=3 {
        lab.run(10);
        assert_eq!(lab.take_commit(), [(0, offset)].into());
    }
    let mut lab = Lab::with_config(working(Commits::Sync, 10), 1);
    lab.produce(0, 3);
    lab.join(&[0]);
    lab.run(29);
    assert!(lab.asked.is_empty());
    lab.run(1);
    assert_eq!((lab.take_commit(), lab.client.worked()), ([(0, 3)].into(), 3));
    let mut lab = Lab::with_config(working(Commits::First, 10), 1);
    lab.produce(0, 3);
    lab.join(&[0]);
    assert_eq!((lab.take_commit(), lab.client.worked()), ([(0, 3)].into(), 0));
}

#[test]
fn a_commit_is_tried_again_until_it_passes() {
    let mut lab = Lab::with_config(working(Commits::Sync, 0), 1);
    lab.produce(0, 3);
    lab.join(&[0]);
    let asked = lab.take(ApiKey::OffsetCommit);
    lab.refuse(&asked, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    lab.produce(0, 3);
    assert_eq!(lab.client.delivered(), 3, "it waits for its commit");
    lab.run(130);
    assert_eq!(lab.take_commit(), [(0, 3)].into());
    assert_eq!((lab.client.delivered(), lab.errors()), (6, vec![]));
}

#[test]
fn a_stale_generation_cannot_commit() {
    let mut lab = Lab::with_config(working(Commits::Sync, 0), 1);
    lab.produce(0, 3);
    lab.join(&[0]);
    let asked = lab.take(ApiKey::OffsetCommit);
    lab.refuse(&asked, ErrorCode::ILLEGAL_GENERATION);
    assert!(lab.errors()[0].starts_with("Commit cannot be completed since the group has already rebalanced"));
    assert_eq!(lab.listener(), ["+[0]", "lost[0]"]);
    let (_, join) = lab.take_join();
    assert_eq!(join.reason.as_deref(), Some("encountered ILLEGAL_GENERATION from OFFSET_COMMIT response"));
}

#[test]
fn it_goes_on_from_what_is_committed() {
    let mut lab = Lab::new(&[RANGE, ("enable.auto.commit", "false")], 2);
    lab.produce(0, 10);
    lab.produce(1, 10);
    lab.committed.insert(0, 6);
    lab.join(&[0, 1]);
    assert_eq!(lab.client.delivered(), 14);
    let resets = lab.facts.iter().filter(|fact| matches!(fact, Fact::OffsetReset { .. })).count();
    assert_eq!(resets, 2);
    let mut lab = Lab::new(&[RANGE, ("auto.offset.reset", "none"), ("enable.auto.commit", "false")], 1);
    lab.join(&[0]);
    lab.run(100);
    assert_eq!(lab.errors(), ["Undefined offset with no reset policy for partitions: [t-0]"]);
}

#[test]
fn a_commit_is_waited_for_before_it_dies() {
    for (before, committed) in [(true, None), (false, Some(2))] {
        let mut config = working(Commits::Each, 10);
        config.application.dies = Some(Death { before, record: 2 });
        let mut lab = Lab::with_config(config, 1);
        lab.produce(0, 5);
        lab.join(&[0]);
        lab.run(10);
        assert_eq!(lab.take_commit(), [(0, 1)].into());
        lab.run(10);
        if let Some(offset) = committed {
            assert_eq!(lab.take_commit(), [(0, offset)].into());
        }
        assert!(lab.exited && lab.asked.is_empty(), "nobody leaves the group");
    }
}

#[test]
fn a_poison_pill_ends_it_each_time() {
    let mut config = working(Commits::Sync, 10);
    config.application.poison = Some("v2".into());
    let mut lab = Lab::with_config(config, 1);
    lab.produce(0, 5);
    lab.join(&[0]);
    lab.run(100);
    assert_eq!((lab.client.worked(), lab.exited), (2, true));
    assert_eq!(lab.errors(), ["the application fails on t-0 @2"]);
}

#[test]
fn seek_pause_and_resume() {
    let mut lab = Lab::with_config(working(Commits::Never, 0), 2);
    lab.join(&[0, 1]);
    let (zero, one) = (tps(&[0])[0].clone(), tps(&[1])[0].clone());
    lab.call(Call::Pause(one.clone()));
    lab.run(600);
    lab.produce(0, 3);
    lab.produce(1, 3);
    lab.run(600);
    assert_eq!(lab.client.delivered(), 3);
    lab.call(Call::Resume(one));
    lab.run(600);
    assert_eq!(lab.client.delivered(), 6);
    lab.call(Call::Seek(zero.clone(), SeekTo::Offset(1)));
    lab.run(600);
    assert_eq!(lab.client.delivered(), 8);
    lab.call(Call::Seek(zero, SeekTo::Beginning));
    lab.run(1_200);
    assert_eq!(lab.client.delivered(), 11);
    let elsewhere = Call::Pause(tps(&[7])[0].clone());
    let mut said = Ok(());
    lab.act(|consumer, ctx| said = consumer.call(elsewhere, ctx));
    assert_eq!(said, Err("No current assignment for partition t-7".into()));
}

#[test]
fn polling_by_hand() {
    let mut config = working(Commits::Never, 0);
    config.application.by_hand = true;
    let mut lab = Lab::with_config(config, 1);
    lab.run(1_000);
    assert!(lab.asked.is_empty(), "it does not even join");
    lab.produce(0, 3);
    lab.call(Call::Poll(SimDuration::from_secs(1)));
    lab.join(&[0]);
    assert_eq!(lab.client.delivered(), 3);
    lab.produce(0, 3);
    lab.run(2_000);
    assert_eq!(lab.client.delivered(), 3);
    lab.call(Call::Poll(SimDuration::from_secs(1)));
    lab.call(Call::Commit { is_async: false });
    lab.asked.retain(|asked| asked.request.api != ApiKey::Heartbeat);
    assert_eq!(lab.take_commit(), [(0, 6)].into());
}
