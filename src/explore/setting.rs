//! The cluster, the topics and the clients that a seed chooses.

use super::{chance, one_of};
use crate::base::Rng;
use std::fmt::Write as _;

/// The lines that set everything up.
pub(super) fn setting(rng: &mut Rng) -> String {
    let mut text = String::new();
    let brokers = 1 + rng.below(5);
    text += &cluster(rng, brokers);
    let topics = 1 + rng.below(3);
    for n in 0..topics {
        text += &topic(rng, n, brokers);
    }
    for n in 0..1 + rng.below(3) {
        text += &producer(rng, n, topics);
    }
    for n in 0..rng.below(3) {
        let topic = rng.below(topics);
        let (reset, further) = (one_of(rng, &["earliest", "latest"]), reading(rng));
        let line =
            format_args!("consumer c{n} --topic t{topic} --consumer-property auto.offset.reset={reset}{further}");
        push(&mut text, line);
    }
    for n in 0..rng.below(3) {
        text += &group(rng, n, topics);
    }
    text
}

/// How a consumer fetches.
fn reading(rng: &mut Rng) -> String {
    let mut text = String::new();
    for property in [
        "max.poll.records=3",
        "fetch.min.bytes=1000",
        "max.partition.fetch.bytes=300",
        "metadata.max.age.ms=3000",
        "isolation.level=read_committed",
        "client.rack=a",
    ] {
        if chance(rng, 15) {
            text += &format!(" --consumer-property {property}");
        }
    }
    text
}

/// A group of some consumers, all alike.
fn group(rng: &mut Rng, n: u64, topics: u64) -> String {
    let topic = rng.below(topics);
    let session = one_of(rng, &["6000", "10000", "45000"]);
    let assignor = one_of(rng, &["Range", "RoundRobin", "Sticky", "CooperativeSticky", "CooperativeSticky"]);
    let commit = one_of(rng, &["", "", " --commit sync", " --commit async", " --commit first"]);
    let work = one_of(rng, &["", "", " --work 2ms", " --work 10ms"]);
    let poll = one_of(rng, &["", "", " --consumer-property max.poll.interval.ms=8000"]);
    let is_static = chance(rng, 30);
    let further = reading(rng);
    let mut text = String::new();
    for member in 0..1 + rng.below(3) {
        let instance =
            if is_static { format!(" --consumer-property group.instance.id=i{member}") } else { String::new() };
        push(
            &mut text,
            format_args!(
                "consumer g{n}m{member} --topic t{topic} --group g{n}{commit}{work}{poll}{instance}{further} \
                 --consumer-property auto.offset.reset=earliest --consumer-property session.timeout.ms={session} \
                 --consumer-property partition.assignment.strategy=org.apache.kafka.clients.consumer.{assignor}Assignor"
            ),
        );
    }
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes every text");
}

fn cluster(rng: &mut Rng, brokers: u64) -> String {
    let controllers = one_of(rng, &["1", "3", "3", "3", "5", "combined", "combined"]);
    let network = one_of(rng, &["datacenter", "datacenter", "teaching", "wan", "latency=2ms,jitter=8ms"]);
    let mut line = format!("cluster --brokers {brokers} --controllers {controllers} --network {network}");
    if brokers > 1 && chance(rng, 30) {
        line += one_of(rng, &[" --racks a,b", " --racks a"]);
    }
    let mut set = |line: &mut String, percent: u64, pairs: &[&str]| {
        if chance(rng, percent) {
            *line += &format!(" --set {}", one_of(rng, pairs));
        }
    };
    set(&mut line, 60, &["replica.lag.time.max.ms=2000", "replica.lag.time.max.ms=5000"]);
    set(&mut line, 50, &["broker.session.timeout.ms=3000 --set broker.heartbeat.interval.ms=500"]);
    set(&mut line, 60, &["min.insync.replicas=2", "min.insync.replicas=1", "min.insync.replicas=3"]);
    set(&mut line, 30, &["unclean.leader.election.enable=true"]);
    set(&mut line, 40, &["leader.imbalance.check.interval.seconds=5"]);
    set(&mut line, 30, &["metadata.log.max.record.bytes.between.snapshots=3000"]);
    set(&mut line, 20, &["replica.high.watermark.checkpoint.interval.ms=200"]);
    set(&mut line, 100, &["offsets.topic.num.partitions=1", "offsets.topic.num.partitions=3"]);
    // Small fetches, but not so small that followers fall behind for ever where an answer takes its time.
    match network {
        "wan" | "teaching" => {
            set(&mut line, 20, &["replica.fetch.max.bytes=3000", "replica.fetch.response.max.bytes=5000"])
        }
        _ => set(&mut line, 20, &["replica.fetch.max.bytes=300", "replica.fetch.response.max.bytes=500"]),
    }
    line + "\n"
}

fn topic(rng: &mut Rng, n: u64, brokers: u64) -> String {
    let (partitions, replicas) = (1 + rng.below(3), 1 + rng.below(brokers));
    let mut line =
        format!("kafka-topics.sh --create --topic t{n} --partitions {partitions} --replication-factor {replicas}");
    if chance(rng, 40) {
        line += &format!(" --config min.insync.replicas={}", 1 + rng.below(replicas));
    }
    for (percent, config) in [
        (20, "unclean.leader.election.enable=true"),
        (15, "unclean.leader.election.enable=false"),
        (15, "flush.messages=1"),
        (15, "segment.bytes=1048576"),
    ] {
        if chance(rng, percent) {
            line += &format!(" --config {config}");
        }
    }
    line + "\n"
}

fn producer(rng: &mut Rng, n: u64, topics: u64) -> String {
    let topic = rng.below(topics);
    let work = one_of(rng, &["--rate 2/s", "--rate 5/s", "--rate 20/s", "--rate 50/s", "--burst 30/9s"]);
    let acks = one_of(rng, &["0", "1", "all", "all", "all"]);
    let mut line = format!("producer p{n} --topic t{topic} {work}");
    for property in [
        format!("acks={acks}"),
        "delivery.timeout.ms=20000".into(),
        "request.timeout.ms=4000".into(),
        format!("linger.ms={}", one_of(rng, &["0", "5", "100"])),
        format!("max.in.flight.requests.per.connection={}", one_of(rng, &["1", "5"])),
    ] {
        line += &format!(" --producer-property {property}");
    }
    for (percent, property) in [
        (30, "enable.idempotence=false"),
        (20, "partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner"),
        (20, "partitioner.ignore.keys=true"),
        (30, "metadata.max.idle.ms=5000"),
        (30, "metadata.max.age.ms=3000"),
        (20, "batch.size=200"),
        (20, "retry.backoff.ms=1000"),
    ] {
        if chance(rng, percent) {
            line += &format!(" --producer-property {property}");
        }
    }
    if chance(rng, 50) {
        line += " --keys uniform:20";
    }
    line + "\n"
}
