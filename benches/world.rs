//! A replicating world beside a bare event queue, a large cluster at rest, and what a snapshot costs.
//!
//! Divan prints the times of each; after them come the ratios, measured in turn in one loop so that a busy machine
//! disturbs both sides alike.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark reads the machine's clock")]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use kafka_terrarium::base::{SimDuration, SimTime};
use kafka_terrarium::client::{ConsumerConfig, Keys, OffsetReset, ProducerConfig, Reads, Workload};
use kafka_terrarium::sim::{ClusterSpec, Command, NetworkProfile, Scheduler, World};
use kafka_terrarium::tools::Invocation;
use std::time::Instant;

/// How many snapshots are timed together.
const SNAPSHOTS: u32 = 1_000;

/// One simulated second of the load is one round.
const ROUND: SimDuration = SimDuration::from_secs(1);

fn main() {
    divan::main();
    let messages = messages_in_a_round();
    let world = loaded_world();
    let (mut queue_best, mut world_best, mut snapshot_best) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..20 {
        queue_best = queue_best.min(seconds(|| bare_queue(messages)));
        let mut copy = world.clone();
        world_best = world_best.min(seconds(|| round(&mut copy)));
        // Many at a time: the first after a round pays for what the round freed.
        let snapshots = seconds(|| (0..SNAPSHOTS).for_each(|_| drop(black_box(world.clone()))));
        snapshot_best = snapshot_best.min(snapshots / f64::from(SNAPSHOTS));
    }
    let per_second = messages as f64 / world_best;
    println!("{messages} messages a round: {:.0} a second in the world", per_second);
    println!("ratio world / bare event queue, per message: {:.1}", world_best / queue_best);
    println!("snapshot: {:.1} us, {:.5} of a round", snapshot_best * 1e6, snapshot_best / world_best);
    large_cluster();
}

fn seconds<T>(run: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(run());
    start.elapsed().as_secs_f64()
}

/// A world in one data centre whose cluster is up and has a topic.
fn world_with_topic(brokers: u16, partitions: u32, replication_factor: u16) -> World {
    let mut spec = ClusterSpec::new(brokers);
    spec.network = NetworkProfile::DATACENTER;
    let mut world = World::new(spec, 1);
    assert!(world.boot(SimTime(60_000_000)), "the cluster comes up");
    let args = format!("--create --topic orders --partitions {partitions} --replication-factor {replication_factor}");
    let topic = Command::Tool(Invocation::new("kafka-topics", args.split(' ')));
    world.apply("", &topic).expect("a topic is created");
    world.run_until(world.now() + SimDuration::from_secs(2));
    world.take_trace();
    world
}

/// Three brokers and three controllers, 12 partitions of three replicas, 10 producers of 200 records a second each and
/// 10 consumers, warm.
fn loaded_world() -> World {
    let mut world = world_with_topic(3, 12, 3);
    for n in 0..10 {
        let workload = Workload::steady(SimDuration::from_millis(5), Keys::Uniform(100), 100);
        let producer = Command::Producer {
            name: format!("p{n}"),
            topic: "orders".into(),
            config: ProducerConfig::default(),
            workload: Some(workload),
        };
        let config = ConsumerConfig { auto_offset_reset: OffsetReset::Latest, ..ConsumerConfig::default() };
        let consumer = Command::Consumer { name: format!("c{n}"), reads: Reads::All(vec!["orders".into()]), config };
        for command in [producer, consumer] {
            world.apply("", &command).expect("a client starts");
        }
    }
    world.run_until(world.now() + SimDuration::from_secs(2));
    world.take_trace();
    world
}

/// 100 brokers, 10,000 partitions of three replicas: a minute of heartbeats and idle fetches, and a snapshot of it.
fn large_cluster() {
    let mut world = world_with_topic(100, 10_000, 3);
    let minute = seconds(|| {
        for _ in 0..60 {
            round(&mut world);
        }
    });
    let snapshot = (0..20).map(|_| seconds(|| world.clone())).fold(f64::MAX, f64::min);
    println!(
        "100 brokers, 10,000 partitions, RF 3: a minute at rest in {minute:.1} s; snapshot {:.0} us",
        snapshot * 1e6
    );
}

fn round(world: &mut World) {
    world.run_until(world.now() + ROUND);
    world.take_trace();
}

fn messages_in_a_round() -> u64 {
    let mut world = loaded_world();
    let before = world.message_count();
    round(&mut world);
    world.message_count() - before
}

/// As many events as messages, through the scheduler alone, with as many planned at a time as the world has.
fn bare_queue(events: u64) -> u64 {
    let mut queue = Scheduler::new();
    for n in 0..64 {
        queue.plan(SimTime(n), n);
    }
    let mut sum = 0;
    for _ in 0..events {
        let (at, n) = queue.pop().expect("64 are planned");
        sum += n;
        queue.plan(at + SimDuration(n * 7 % 97 + 1), n + 1);
    }
    sum
}

#[divan::bench]
fn event_queue(bencher: Bencher) {
    let messages = messages_in_a_round();
    bencher.counter(ItemsCount::new(messages)).bench(|| bare_queue(messages));
}

#[divan::bench]
fn three_broker_world(bencher: Bencher) {
    let world = loaded_world();
    bencher
        .counter(ItemsCount::new(messages_in_a_round()))
        .with_inputs(|| world.clone())
        .bench_values(|mut world| round(&mut world));
}

#[divan::bench]
fn snapshot(bencher: Bencher) {
    let world = loaded_world();
    bencher.bench(|| world.clone());
}
