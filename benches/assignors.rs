//! What a group's leader takes to assign 10,000 partitions to 1,000 members: from the members' subscriptions as bytes to
//! their assignments as bytes.
//!
//! Each case is given beside range on fresh members, measured in turn in one loop so that a busy machine disturbs both
//! sides alike.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark reads the machine's clock")]

use bytes::Bytes;
use divan::black_box;
use kafka_terrarium::base::TopicPartition;
use kafka_terrarium::client::assignor::{
    Assignor, LastAssignment, PartitionsPerTopic, RebalanceProtocol, read_members,
};
use kafka_terrarium::wire::StrBytes;
use kafka_terrarium::wire::consumer_protocol::{Assignment, CONSUMER_PROTOCOL_VERSION, Subscription};
use kafka_terrarium::wire::messages::join_group_response::JoinGroupResponseMember;
use std::sync::Arc;
use std::time::Instant;

const MEMBERS: usize = 1_000;
const TOPICS: usize = 100;
const PARTITIONS: usize = 100;
const RACKS: [&str; 3] = ["a", "b", "c"];
const ROUNDS: usize = 10;

/// How the group is made.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    /// Consumers have racks, and each partition's two replicas are in two of three.
    racks: bool,
    /// Each member subscribes to half of the topics, no two next to each other to the same.
    unequal: bool,
    /// How many of the members had an assignment before, all partitions between them.
    before: usize,
}

const FRESH: Shape = Shape { name: "fresh", racks: false, unequal: false, before: 0 };
const SHAPES: [Shape; 8] = [
    FRESH,
    Shape { name: "fresh, racks", racks: true, ..FRESH },
    Shape { name: "100 join 900", before: 900, ..FRESH },
    Shape { name: "100 join 900, racks", racks: true, before: 900, ..FRESH },
    Shape { name: "900 join 100", before: 100, ..FRESH },
    Shape { name: "unequal, fresh", unequal: true, ..FRESH },
    Shape { name: "unequal, 100 join 900", unequal: true, before: 900, ..FRESH },
    Shape { name: "unequal, 900 join 100", unequal: true, before: 100, ..FRESH },
];

fn main() {
    let base = Case::new(Assignor::Range, FRESH);
    let cases = SHAPES.iter().flat_map(|shape| Assignor::ALL.map(|assignor| Case::new(assignor, *shape)));
    println!("{MEMBERS} members, {} partitions of {TOPICS} topics; best of {ROUNDS}", TOPICS * PARTITIONS);
    for case in cases {
        let (mut best, mut base_best) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            base_best = base_best.min(base.seconds());
            best = best.min(case.seconds());
        }
        let ratio = best / base_best;
        println!("{:<24}{:<20}{:>9.2} ms {ratio:>7.2} x range", case.shape.name, case.assignor.name(), best * 1e3);
    }
}

struct Case {
    assignor: Assignor,
    shape: Shape,
    topics: PartitionsPerTopic,
    joined: Vec<JoinGroupResponseMember>,
}

impl Case {
    fn new(assignor: Assignor, shape: Shape) -> Self {
        let topics = topics(shape.racks);
        let members = |count: usize, had: &[Vec<TopicPartition>]| -> Vec<JoinGroupResponseMember> {
            (0..count).map(|at| joined(assignor, shape, at, had.get(at))).collect()
        };
        let mut case = Self { assignor, shape, topics, joined: members(MEMBERS, &[]) };
        if shape.before > 0 {
            case.joined = members(shape.before, &[]);
            let had: Vec<_> = case.assign().iter().map(partitions).collect();
            case.joined = members(MEMBERS, &had);
        }
        case
    }

    fn assign(&self) -> Vec<Bytes> {
        let members = read_members(&self.joined).expect("the subscriptions parse");
        let assigned =
            self.assignor.perform_assignment(&members, &self.topics).expect("the claims are of these topics");
        assigned.into_iter().map(|member| member.assignment).collect()
    }

    fn seconds(&self) -> f64 {
        let start = Instant::now();
        black_box(self.assign());
        start.elapsed().as_secs_f64()
    }
}

fn partitions(bytes: &Bytes) -> Vec<TopicPartition> {
    Assignment::decode(bytes).expect("it was just written").partitions
}

fn topic(number: usize) -> Arc<str> {
    format!("topic-{number:03}").into()
}

fn topics(racks: bool) -> PartitionsPerTopic {
    let replicas = |topic: usize, p: usize| {
        let rack = |replica: usize| Arc::from(RACKS[(topic + p + replica) % RACKS.len()]);
        if racks { vec![rack(0), rack(1)] } else { Vec::new() }
    };
    (0..TOPICS).map(|t| (topic(t), (0..PARTITIONS).map(|p| replicas(t, p)).collect())).collect()
}

/// A member's JoinGroup as the leader sees it.
fn joined(assignor: Assignor, shape: Shape, at: usize, had: Option<&Vec<TopicPartition>>) -> JoinGroupResponseMember {
    let cooperative = assignor.protocol() == RebalanceProtocol::Cooperative;
    let last = LastAssignment { partitions: had.cloned(), generation: if had.is_some() { 7 } else { -1 } };
    let subscription = Subscription {
        topics: (0..TOPICS).filter(|t| !shape.unequal || (t + at) % TOPICS < TOPICS / 2).map(topic).collect(),
        user_data: assignor.user_data(&last),
        owned_partitions: had.filter(|_| cooperative).cloned().unwrap_or_default(),
        generation_id: had.map(|_| 7),
        rack_id: shape.racks.then(|| RACKS[at % RACKS.len()].into()),
    };
    JoinGroupResponseMember::default()
        .with_member_id(StrBytes::from(format!("consumer-{at:04}")))
        .with_metadata(subscription.encode(CONSUMER_PROTOCOL_VERSION))
}
