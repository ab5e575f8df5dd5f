//! A replicating world beside a bare event queue, a large cluster at rest, and what a snapshot costs.
//!
//! Divan prints the times of each; after them come the ratios, measured in turn in one loop so that a busy machine
//! disturbs both sides alike.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark reads the machine's clock")]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use kafka_terrarium::base::{ConnId, SimDuration, SimTime};
use kafka_terrarium::client::assignor::{Assignor, PartitionsPerTopic, read_members};
use kafka_terrarium::client::{ConsumerConfig, Keys, OffsetReset, ProducerConfig, Reads, Workload};
use kafka_terrarium::sim::{ClusterSpec, Command, NetworkProfile, Scheduler, World};
use kafka_terrarium::tools::Invocation;
use kafka_terrarium::wire::consumer_protocol::Subscription;
use kafka_terrarium::wire::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_terrarium::wire::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_terrarium::wire::messages::{GroupId, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest};
use kafka_terrarium::wire::{ApiKey, Request, RequestKind, Response, ResponseKind, StrBytes};
use std::time::Instant;

// As the command line has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many snapshots are timed together.
const SNAPSHOTS: u32 = 1_000;

/// One simulated second of the load is one round.
const ROUND: SimDuration = SimDuration::from_secs(1);

fn main() {
    // First, for it measures memory.
    large_cluster();
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
    hundred_clients();
    large_group();
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
    // The trace of ten thousand partitions coming up, taken at once, would be half a gigabyte.
    round(&mut world);
    round(&mut world);
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

/// 100 producers of 1,000 records a second each and a group of 100 consumers, on ten brokers and 100 partitions of three
/// replicas: how long a simulated second takes.
fn hundred_clients() {
    const SECONDS: u32 = 5;
    let mut world = world_with_topic(10, 100, 3);
    for n in 0..100 {
        let producer = Command::Producer {
            name: format!("p{n}"),
            topic: "orders".into(),
            config: ProducerConfig::default(),
            workload: Some(Workload::steady(SimDuration::from_millis(1), Keys::None, 100)),
        };
        let config = ConsumerConfig { group_id: Some("g".into()), ..ConsumerConfig::default() };
        let consumer = Command::Consumer { name: format!("c{n}"), reads: Reads::Topics(vec!["orders".into()]), config };
        for command in [producer, consumer] {
            world.apply("", &command).expect("a client starts");
        }
    }
    // The group's first rebalance has the initial delay of three seconds.
    for _ in 0..5 {
        round(&mut world);
    }
    let before = world.message_count();
    let taken = seconds(|| (0..SECONDS).for_each(|_| round(&mut world))) / f64::from(SECONDS);
    let messages = (world.message_count() - before) / u64::from(SECONDS);
    println!("100 producers, 100 consumers, 100,000 records a second: {taken:.2} s a second; {messages} messages");
}

/// 100 brokers, 10,000 partitions of three replicas: the memory that they take, a minute of heartbeats and idle fetches,
/// and a snapshot of it.
fn large_cluster() {
    let start = resident_bytes();
    let mut world = world_with_topic(100, 10_000, 3);
    round(&mut world);
    let megabytes = (resident_bytes() - start) / 1_000_000;
    let minute = seconds(|| {
        for _ in 0..60 {
            round(&mut world);
        }
    });
    let snapshot = (0..20).map(|_| seconds(|| world.clone())).fold(f64::MAX, f64::min);
    println!(
        "100 brokers, 10,000 partitions, RF 3: {megabytes} MB; a minute at rest in {minute:.1} s; snapshot \
         {:.0} us",
        snapshot * 1e6
    );
}

/// The memory that this process has now; 0 where Linux does not say so.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4_096
}

/// A group of 1,000 members over the 10,000 partitions of a topic: one joins, and all are rebalanced. The members are
/// clients from outside, one connection each, and one of them assigns, by range.
fn large_group() {
    const MEMBERS: usize = 1_000;
    let mut spec = ClusterSpec::new(3);
    spec.network = NetworkProfile::DATACENTER;
    spec.configs.push(("offsets.topic.num.partitions".into(), "1".into()));
    let mut world = World::new(spec, 1);
    assert!(world.boot(SimTime(60_000_000)), "the cluster comes up");
    let create = "--create --topic orders --partitions 10000 --replication-factor 1";
    let start = "--group g --topic orders:0 --reset-offsets --to-earliest --execute";
    for (tool, args) in [("kafka-topics", create), ("kafka-consumer-groups", start)] {
        world.apply("", &Command::Tool(Invocation::new(tool, args.split(' ')))).expect("a tool starts");
        world.run_until(world.now() + SimDuration::from_secs(10));
        world.take_trace();
    }
    let mut group = LargeGroup::new(&mut world, MEMBERS);
    // The first rebalance has the initial delay of three seconds, renewed while members come.
    let first = seconds(|| group.rebalance(&mut world));
    let again = (0..3).map(|_| seconds(|| group.rebalance(&mut world))).fold(f64::MAX, f64::min);
    println!("{MEMBERS} members, 10,000 partitions: first rebalance in {first:.2} s, another in {again:.2} s");
}

/// The members of a group, outside of the world.
struct LargeGroup {
    conns: Vec<ConnId>,
    ids: Vec<StrBytes>,
    topics: PartitionsPerTopic,
    /// Who assigns: it asks first, for only its JoinGroup makes a stable group rebalance.
    leader: usize,
    correlation_id: i32,
}

impl LargeGroup {
    /// So many members, connected to the group's coordinator, with their ids.
    fn new(world: &mut World, members: usize) -> Self {
        let coordinator = world.coordinator("g").expect("the group has a coordinator");
        let conns = (0..members).map(|_| world.external_connect(coordinator).expect("it is there")).collect();
        world.run_until(world.now() + SimDuration::from_secs(1));
        let topics = PartitionsPerTopic::from([("orders".into(), vec![Vec::new(); 10_000])]);
        let mut group = Self { conns, ids: vec![StrBytes::new(); members], topics, leader: 0, correlation_id: 0 };
        let answers = group.all_ask(world, |group, member| group.join(member));
        group.ids = answers.into_iter().map(|answer| joined(answer).member_id).collect();
        group
    }

    fn join(&self, member: usize) -> RequestKind {
        let subscription = Subscription { topics: vec!["orders".into()], ..Subscription::default() };
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str("range"))
            .with_metadata(subscription.encode(1));
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(StrBytes::from_static_str("g")))
            .with_member_id(self.ids[member].clone())
            .with_session_timeout_ms(600_000)
            .with_rebalance_timeout_ms(600_000)
            .with_protocol_type(StrBytes::from_static_str("consumer"))
            .with_protocols(vec![protocol]);
        RequestKind::JoinGroup(request)
    }

    fn sync(&self, member: usize, generation: i32, assignments: Vec<SyncGroupRequestAssignment>) -> RequestKind {
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(StrBytes::from_static_str("g")))
            .with_generation_id(generation)
            .with_member_id(self.ids[member].clone())
            .with_assignments(assignments);
        RequestKind::SyncGroup(request)
    }

    /// Every member sends a request, and the world goes on until every one has its answer.
    fn all_ask(&mut self, world: &mut World, ask: impl Fn(&Self, usize) -> RequestKind) -> Vec<ResponseKind> {
        self.correlation_id += 1;
        let api = |body: &RequestKind| match body {
            RequestKind::JoinGroup(_) => (ApiKey::JoinGroup, 5),
            _ => (ApiKey::SyncGroup, 3),
        };
        let mut asked = (ApiKey::JoinGroup, 5);
        let others = (0..self.conns.len()).filter(|member| *member != self.leader);
        for member in std::iter::once(self.leader).chain(others) {
            let body = ask(self, member);
            asked = api(&body);
            let (correlation_id, client_id) = (self.correlation_id, StrBytes::from_static_str("outside"));
            let request = Request { api: asked.0, version: asked.1, correlation_id, client_id, body };
            world.external_send(self.conns[member], request.frame().slice(4..));
            if member == self.leader {
                world.run_until(world.now() + SimDuration::from_millis(1));
            }
        }
        let mut answers = vec![None; self.conns.len()];
        while answers.iter().any(Option::is_none) {
            world.run_until(world.now() + SimDuration::from_millis(100));
            world.take_trace();
            for (answer, conn) in answers.iter_mut().zip(&self.conns).filter(|(answer, _)| answer.is_none()) {
                let frame = world.external_take(*conn).pop();
                let read =
                    |frame: bytes::Bytes| Response::decode(&frame.slice(4..), asked.0, asked.1).expect("it reads");
                *answer = frame.map(|frame| read(frame).body);
            }
        }
        answers.into_iter().flatten().collect()
    }

    fn rebalance(&mut self, world: &mut World) {
        let joined: Vec<JoinGroupResponse> =
            self.all_ask(world, |group, member| group.join(member)).into_iter().map(joined).collect();
        let leader = joined.iter().position(|answer| answer.leader == answer.member_id).expect("one leads");
        self.leader = leader;
        let members = read_members(&joined[leader].members).expect("their subscriptions read");
        let assigned = Assignor::Range.perform_assignment(&members, &self.topics).expect("range assigns always");
        let generation = joined[leader].generation_id;
        let answers = self.all_ask(world, |group, member| {
            group.sync(member, generation, if member == leader { assigned.clone() } else { Vec::new() })
        });
        let empty = |answer: &ResponseKind| match answer {
            ResponseKind::SyncGroup(answer) => answer.error_code != 0 || answer.assignment.is_empty(),
            other => panic!("{other:?}"),
        };
        assert!(!answers.iter().any(empty), "every member has its ten partitions");
    }
}

fn joined(answer: ResponseKind) -> JoinGroupResponse {
    match answer {
        ResponseKind::JoinGroup(answer) => answer,
        other => panic!("{other:?}"),
    }
}

/// As the page and the command line do it, the trace is taken every few milliseconds.
fn round(world: &mut World) {
    let end = world.now() + ROUND;
    while world.now() < end {
        world.run_until(end.min(world.now() + SimDuration::from_millis(10)));
        world.take_trace();
    }
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
