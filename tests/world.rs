//! The one-broker world end to end, and the promises that every world keeps.

use bytes::Bytes;
use kafka_terrarium::base::{SimDuration, SimTime, TopicPartition};
use kafka_terrarium::client::{ConsumerConfig, Keys, OffsetReset, ProducerConfig, Reads, Workload};
use kafka_terrarium::machine::Fact;
use kafka_terrarium::sim::{Applied, ClusterSpec, Command, TraceEvent, TraceKind, World};
use kafka_terrarium::tools::Invocation;

fn create(topic: &str, partitions: i32) -> Command {
    let args = format!("--create --topic {topic} --partitions {partitions} --replication-factor 1");
    Command::Tool(Invocation::new("kafka-topics", args.split(' ')))
}

fn producer(name: &str, acks: &str, workload: Option<Workload>) -> Command {
    let mut config = ProducerConfig::default();
    config.set("acks", acks).unwrap();
    Command::Producer { name: name.into(), topic: "orders".into(), config, workload }
}

fn every(interval_ms: u64) -> Option<Workload> {
    Some(Workload::steady(SimDuration::from_millis(interval_ms), Keys::Uniform(10), 40))
}

fn consumer(name: &str) -> Command {
    let config = ConsumerConfig { auto_offset_reset: OffsetReset::Earliest, ..ConsumerConfig::default() };
    Command::Consumer { name: name.into(), reads: Reads::All(vec!["orders".into()]), config }
}

/// `n` seconds after the cluster, which takes a while to come up, was left to itself.
fn seconds(n: u64) -> SimTime {
    SimTime((n + 2) * 1_000_000)
}

/// A world with a topic, two producers and a consumer, stopped at 5 s.
fn busy_world(seed: u64) -> World {
    let mut world = World::new(ClusterSpec::single(), seed);
    assert!(world.boot(seconds(0)), "a broker alone is in service at once");
    world.run_until(seconds(0));
    world.apply("", &create("orders", 3)).unwrap();
    world.run_until(seconds(1));
    for command in [producer("p1", "all", every(50)), producer("p2", "1", every(30)), consumer("c1")] {
        world.apply("", &command).unwrap();
    }
    world.run_until(seconds(5));
    world
}

#[test]
fn records_flow_from_producers_to_the_consumer() {
    let mut world = busy_world(7);
    let acked: u64 = world.producers().map(|(_, p)| p.acked()).sum();
    assert!(acked > 180, "80 records of p1 and 133 of p2 are under way: {acked} acknowledged");
    for client in ["p1", "p2"] {
        world.apply("", &Command::Close { client: client.into() }).unwrap();
    }
    world.run_until(seconds(8));
    let (p1, p2) = (world.producer("p1").unwrap(), world.producer("p2").unwrap());
    assert_eq!((p1.pending(), p2.pending(), p1.failed(), p2.failed()), (0, 0, 0, 0));
    let stored: i64 = (0..3)
        .map(|n| {
            let tp = TopicPartition::new("orders", n);
            let log = world.replica(1, &tp).unwrap();
            assert_eq!(log.high_watermark(), log.log_end_offset());
            log.log_end_offset()
        })
        .sum();
    assert_eq!(stored as u64, p1.acked() + p2.acked());
    assert_eq!(world.consumer("c1").unwrap().delivered(), stored as u64);
    assert_eq!(world.lost(), 0);
    assert!(world.laws().iter().all(|law| law.breach.is_none()));
}

#[test]
fn same_seed_same_history() {
    let mut a = busy_world(7);
    assert_eq!(a.trace_hash(), busy_world(7).trace_hash());
    assert_ne!(a.trace_hash(), busy_world(8).trace_hash());
    let mut snapshot = a.clone();
    a.run_until(seconds(6));
    snapshot.run_until(seconds(6));
    assert_eq!((a.trace_hash(), a.steps()), (snapshot.trace_hash(), snapshot.steps()));
}

#[test]
fn every_effect_has_its_cause_and_every_message_its_end() {
    let mut world = busy_world(3);
    let trace = world.take_trace();
    let mut sent = std::collections::BTreeMap::new();
    for (n, event) in trace.iter().enumerate() {
        assert_eq!(event.id.0, n as u64);
        assert!(event.cause.is_none_or(|cause| cause < event.id));
        match &event.kind {
            TraceKind::Sent { packet, .. } => {
                sent.insert(event.id, (packet.arrives, packet.to));
            }
            TraceKind::Received { sent: id } => {
                let (arrives, to) = sent.remove(id).expect("it was sent, once");
                assert_eq!((event.at, event.host), (arrives, Some(to)));
            }
            _ => {}
        }
    }
    assert!(sent.values().all(|(arrives, _)| *arrives > world.now()), "what did not arrive is still under way");
}

fn facts(trace: &[TraceEvent]) -> impl Iterator<Item = &Fact> {
    trace.iter().filter_map(|event| match &event.kind {
        TraceKind::Fact(fact) => Some(fact),
        _ => None,
    })
}

#[test]
fn tools_ask_over_the_network() {
    let mut world = busy_world(1);
    let mut run = |tool: &str, args: &str| {
        let invocation = Invocation::new(tool, args.split(' '));
        let Ok(Applied::Tool(host)) = world.apply("", &Command::Tool(invocation)) else { panic!("a tool runs") };
        while world.tool_output(host).is_none() {
            assert!(world.step());
        }
        world.tool_output(host).unwrap().clone()
    };
    assert_eq!(run("kafka-topics", "--list").stdout, "orders\n");
    let offsets = run("kafka-get-offsets", "--topic orders").stdout;
    assert_eq!(offsets.lines().count(), 3);
    let again = run("kafka-topics", "--create --topic orders");
    assert_eq!(again.stdout, "Error while executing topic command : Topic 'orders' already exists.\n");
    assert_eq!(again.exit, 1);
}

#[test]
fn a_frame_that_does_not_parse_ends_its_connection_alone() {
    let mut world = busy_world(2);
    world.take_trace();
    let good = world.external_connect(1).unwrap();
    let bad = world.external_connect(1).unwrap();
    world.run_until(seconds(6));
    assert!(world.external_is_open(good) && world.external_is_open(bad));
    world.external_send(bad, Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"));
    // ApiVersions v9: answered at version 0 with UNSUPPORTED_VERSION and one range.
    world.external_send(good, Bytes::from_static(&[0, 18, 0, 9, 0, 0, 0, 5, 0xff, 0xff, 0]));
    world.run_until(seconds(7));
    assert!(world.external_is_open(good) && !world.external_is_open(bad));
    let frames = world.external_take(good);
    assert_eq!(&frames[0][..], [0, 0, 0, 16, 0, 0, 0, 5, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    let trace = world.take_trace();
    let refused: Vec<_> = facts(&trace).filter(|f| matches!(f, Fact::FrameRefused { .. })).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    let before = world.consumer("c1").unwrap().delivered();
    world.run_until(seconds(8));
    assert!(world.consumer("c1").unwrap().delivered() > before, "the others live on");
}
