//! Which records go together, when, and where to.

use crate::lab::Lab;
use kafka_terrarium::base::SimTime;
use std::collections::BTreeSet;

#[test]
fn a_batch_goes_when_it_is_full_or_has_lingered() {
    let mut lab = Lab::new(&[("batch.size", "1000"), ("linger.ms", "50")], &[1]);
    lab.send(0, 100);
    lab.run(49);
    assert!(lab.produced.is_empty());
    lab.run(1);
    assert_eq!((lab.take().records(), lab.now), (1, SimTime(50_000)));
    (0..20).for_each(|_| lab.send(0, 100));
    let sizes: Vec<i32> = lab.produced.iter().map(|produced| produced.records()).collect();
    assert_eq!(sizes, [8, 8], "eight records of 100 bytes to a batch of 1000, the rest lingers");
    assert!(lab.produced.iter().all(|produced| produced.batches[0].1.size <= 1_000));
}

#[test]
fn one_ready_batch_takes_those_of_the_same_broker_along() {
    let mut lab = Lab::new(&[("linger.ms", "50")], &[1, 1, 2]);
    lab.send(0, 10);
    lab.run(20);
    lab.send(1, 10);
    lab.send(2, 10);
    lab.run(30);
    assert_eq!(lab.produced.len(), 1);
    assert_eq!(lab.take().partitions(), [0, 1]);
    lab.run(20);
    assert_eq!(lab.take().partitions(), [2]);
}

#[test]
fn a_request_is_no_larger_than_it_may_be_and_nobody_is_always_first() {
    let configs = [("max.request.size", "1000"), ("batch.size", "600"), ("linger.ms", "20")];
    let mut lab = Lab::new(&configs, &[1, 1, 1]);
    (0..3).for_each(|partition| lab.send(partition, 400));
    lab.run(20);
    let first: Vec<Vec<i32>> = lab.produced.drain(..).map(|produced| produced.partitions()).collect();
    assert_eq!(first, [[0, 1].as_slice(), &[2]], "two batches of 480 bytes fit");
    (0..3).for_each(|partition| lab.send(partition, 400));
    lab.run(20);
    let second: Vec<Vec<i32>> = lab.produced.drain(..).map(|produced| produced.partitions()).collect();
    assert_eq!(second, [[1, 2].as_slice(), &[0]], "the next round begins where the last one ended");
}

#[test]
fn records_without_a_key_stick_until_a_batch_is_full() {
    let mut lab = Lab::new(&[("batch.size", "1000"), ("linger.ms", "10")], &[1; 8]);
    (0..200).for_each(|_| lab.hand(None, 90));
    lab.run(10);
    while !lab.produced.is_empty() {
        lab.settle();
        lab.run(10);
    }
    assert_eq!((lab.client.acked(), lab.client.failed()), (200, 0));
    let used = lab.client.queues().len();
    assert!(used >= 5, "twenty batches over eight partitions: {used} were used");
}

#[test]
fn a_slow_broker_gets_less() {
    // Broker 2 never answers: once its queue is longer than others', adaptive partitioning avoids it.
    let share = |adaptive: &str| {
        let configs = [
            ("batch.size", "500"),
            ("linger.ms", "0"),
            ("partitioner.adaptive.partitioning.enable", adaptive),
            ("max.in.flight.requests.per.connection", "1"),
        ];
        let mut lab = Lab::new(&configs, &[1, 1, 2]);
        // Every partition has had a batch: from then on queues count.
        (0..3).for_each(|partition| lab.send(partition, 10));
        let mut to_slow = 0;
        for _ in 0..3_000 {
            lab.hand(None, 100);
            lab.run(1);
            for at in (0..lab.produced.len()).rev() {
                if lab.produced[at].broker == 1 {
                    let produced = lab.produced.remove(at);
                    lab.answer(&produced, kafka_terrarium::wire::ErrorCode::NONE);
                }
            }
            to_slow = lab.client.queues().iter().find(|(tp, _)| tp.partition == 2).map_or(0, |(_, q)| q.queued);
        }
        to_slow
    };
    let (with, without) = (share("true"), share("false"));
    assert!(with * 4 < without, "{with} batches wait for the slow broker, {without} without adapting");
}

#[test]
fn a_broker_that_takes_nothing_gets_nothing() {
    let configs = [("batch.size", "200"), ("linger.ms", "0"), ("partitioner.availability.timeout.ms", "100")];
    let mut lab = Lab::new(&configs, &[1, 2]);
    (0..2).for_each(|partition| lab.send(partition, 10));
    lab.send(1, 10);
    let mut lengths = BTreeSet::new();
    for n in 0..1_000 {
        lab.hand(None, 100);
        lab.run(1);
        while let Some(at) = lab.produced.iter().position(|produced| produced.broker == 1) {
            let produced = lab.produced.remove(at);
            lab.answer(&produced, kafka_terrarium::wire::ErrorCode::NONE);
        }
        if n >= 300 {
            lengths.extend(lab.client.queues().iter().find(|(tp, _)| tp.partition == 1).map(|(_, q)| q.queued));
        }
    }
    assert_eq!(lengths.len(), 1, "after the timeout its queue grows no more: {lengths:?}");
}
