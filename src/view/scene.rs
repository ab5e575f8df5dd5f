//! The scene: what the page knows of a world at one moment. Plain values, each read from a machine's state.

use crate::base::TopicPartition;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many records at the end of a replica's log a scene holds: no tape on any screen has room for more.
pub const TAIL: usize = 32;

/// A broker and one of its partitions: which replica.
pub type ReplicaKey = (TopicPartition, i32);

/// A world at one moment, as far as the page shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// Brokers by id.
    pub brokers: BTreeMap<i32, BrokerView>,
    /// Topics by name.
    pub topics: BTreeMap<Arc<str>, TopicView>,
    /// Partitions.
    pub partitions: BTreeMap<TopicPartition, PartitionView>,
    /// Replicas.
    pub replicas: BTreeMap<ReplicaKey, ReplicaView>,
    /// Producers by name.
    pub producers: BTreeMap<Arc<str>, ProducerView>,
    /// Consumers by name.
    pub consumers: BTreeMap<Arc<str>, ConsumerView>,
    /// Hosts by number: who a message's ends are. Hosts stay listed after their process ends.
    pub hosts: BTreeMap<u32, HostView>,
    /// The laws that checkers watch.
    pub laws: Vec<LawView>,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerView {
    /// Its rack, if it has one.
    pub rack: Option<Arc<str>>,
    /// Its listener, such as `localhost:9092`.
    pub listener: String,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicView {
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas each.
    pub replication_factor: i16,
}

/// What the cluster knows of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionView {
    /// The leader's id, if there is one.
    pub leader: Option<i32>,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// The partition's epoch: how often its state changed.
    pub partition_epoch: i32,
    /// All replicas, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Replicas in sync.
    pub isr: Vec<i32>,
}

/// A replica: a log on a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaView {
    /// Offset of the first record that is kept.
    pub start: i64,
    /// The high watermark: records below it are committed.
    pub hw: i64,
    /// The log end offset: where the next record goes.
    pub leo: i64,
    /// The last records, at most [`TAIL`].
    pub tail: Vec<Cell>,
}

/// A record on a tape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Its offset.
    pub offset: i64,
    /// The epoch of the leader that wrote it.
    pub epoch: i32,
    /// Its key, if it has one; see [`super::key_label`].
    pub key: Option<Arc<str>>,
}

/// A producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerView {
    /// Its number as a host.
    pub host: u32,
    /// `acks`: 0, 1, or -1 for all.
    pub acks: i16,
    /// Records handed over and not yet acknowledged.
    pub pending: u64,
    /// Records acknowledged.
    pub acked: u64,
    /// Records given up.
    pub failed: u64,
}

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerView {
    /// Its number as a host.
    pub host: u32,
    /// Records handed to the application.
    pub delivered: u64,
    /// The next offset to read, by partition.
    pub positions: Vec<(TopicPartition, i64)>,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostView {
    /// Its name: `checkout`; a broker's is `broker 1`.
    pub name: Arc<str>,
    /// What it is.
    pub role: Role,
    /// Whether its process runs.
    pub running: bool,
}

/// What a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The broker with this id.
    Broker(i32),
    /// A producer.
    Producer,
    /// A consumer.
    Consumer,
    /// A tool that runs once.
    Tool,
}

/// A law and whether it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LawView {
    /// Its short name, such as `acked-lost`.
    pub name: String,
    /// What it promises.
    pub title: String,
    /// Whether it has held so far.
    pub holds: bool,
    /// How it was broken.
    pub detail: Option<String>,
}

impl Scene {
    /// The host's name, or a stand-in for one that the scene does not know.
    pub fn host_name(&self, host: u32) -> Arc<str> {
        self.hosts.get(&host).map_or_else(|| "someone".into(), |h| h.name.clone())
    }

    /// The replica that leads a partition.
    pub fn leader_replica(&self, tp: &TopicPartition) -> Option<(i32, &ReplicaView)> {
        let leader = self.partitions.get(tp)?.leader?;
        Some((leader, self.replicas.get(&(tp.clone(), leader))?))
    }

    /// Tools whose process runs, oldest first.
    pub fn tools(&self) -> impl Iterator<Item = (u32, &HostView)> {
        self.hosts.iter().filter(|(_, h)| h.role == Role::Tool && h.running).map(|(id, h)| (*id, h))
    }
}

impl ReplicaView {
    /// Whether the record at `offset` is committed.
    pub fn committed(&self, offset: i64) -> bool {
        offset < self.hw
    }
}

impl ProducerView {
    /// `acks` as Kafka writes it.
    pub fn acks_label(&self) -> &'static str {
        acks_label(self.acks)
    }
}

/// `acks` as Kafka writes it: `all`, `1` or `0`.
pub fn acks_label(acks: i16) -> &'static str {
    match acks {
        0 => "0",
        1 => "1",
        _ => "all",
    }
}
