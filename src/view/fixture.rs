//! Hand-made scenes for tests.

use super::scene::{
    BrokerView, Cell, ConsumerView, HostView, LawView, PartitionView, ProducerView, ReplicaView, Role, Scene, TopicView,
};
use crate::base::{Rng, TopicPartition};

/// One broker, `topics` with their partitions, `producers` and `consumers`.
pub(crate) fn scene(topics: &[(&str, i32)], producers: &[&str], consumers: &[&str]) -> Scene {
    let mut scene = Scene::default();
    scene.brokers.insert(1, BrokerView { rack: None, listener: "localhost:9092".into() });
    host(&mut scene, "broker 1", Role::Broker(1));
    for (topic, partitions) in topics {
        scene.topics.insert((*topic).into(), TopicView { partitions: *partitions, replication_factor: 1 });
        for p in 0..*partitions {
            let tp = TopicPartition::new(*topic, p);
            let view = PartitionView { leader: Some(1), replicas: vec![1], isr: vec![1], ..Default::default() };
            scene.partitions.insert(tp.clone(), view);
            scene.replicas.insert((tp, 1), replica(12, 10));
        }
    }
    for name in producers {
        let host = host(&mut scene, name, Role::Producer);
        let view = ProducerView { host, acks: -1, pending: 2, acked: 40, failed: 0 };
        scene.producers.insert((*name).into(), view);
    }
    for name in consumers {
        let host = host(&mut scene, name, Role::Consumer);
        let positions = scene.partitions.keys().map(|tp| (tp.clone(), 9)).collect();
        scene.consumers.insert((*name).into(), ConsumerView { host, delivered: 27, positions });
    }
    scene
}

/// A replica with records up to `leo`, committed up to `hw`.
pub(crate) fn replica(leo: i64, hw: i64) -> ReplicaView {
    let cell = |offset| Cell { offset, epoch: 0, key: Some(format!("key-{:02}", offset % 7).into()) };
    ReplicaView { start: 0, hw, leo, tail: ((leo - 8).max(0)..leo).map(cell).collect() }
}

fn host(scene: &mut Scene, name: &str, role: Role) -> u32 {
    let id = scene.hosts.len() as u32;
    scene.hosts.insert(id, HostView { name: name.into(), role, running: true });
    id
}

/// Any scene.
pub(crate) fn random_scene(rng: &mut Rng) -> Scene {
    let topics: Vec<(String, i32)> =
        (0..rng.below(4)).map(|_| (format!("t{}", rng.below(4)), 1 + rng.below(4) as i32)).collect();
    let topics: Vec<(&str, i32)> = topics.iter().map(|(t, n)| (t.as_str(), *n)).collect();
    let names = ["a", "b", "c", "d"];
    let (p, c) = (rng.below(5) as usize, rng.below(5) as usize);
    let mut scene = scene(&topics, &names[..p], &names[..c]);
    for replica in scene.replicas.values_mut() {
        let leo = rng.below(20) as i64;
        *replica = self::replica(leo, rng.below(leo as u64 + 1) as i64);
    }
    for producer in scene.producers.values_mut() {
        (producer.pending, producer.acked) = (rng.below(4), rng.below(4));
    }
    if rng.below(2) == 0 {
        let law = LawView { name: "hw".into(), title: "HW".into(), holds: rng.below(2) == 0, detail: None };
        scene.laws.push(law);
    }
    scene
}
