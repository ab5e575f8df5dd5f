//! Looking at a world: every number that is shown is read here from a machine's state.

use super::host::Node;
use super::world::World;
use crate::base::{HostId, TopicPartition};
use crate::broker::Broker;
use crate::check::LawReport;
use crate::client::{AdminResult, Consumer, Producer};
use crate::cluster::Partition;
use crate::storage::Log;
use std::sync::Arc;
use uuid::Uuid;

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many replicas each has.
    pub replication_factor: i16,
}

/// A partition, as the controller knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionInfo {
    /// The leader's broker id, or none.
    pub leader: Option<i32>,
    /// The leader epoch.
    pub leader_epoch: i32,
    /// The partition epoch.
    pub partition_epoch: i32,
    /// The replicas' broker ids, the preferred leader first.
    pub replicas: Vec<i32>,
    /// The in-sync replicas.
    pub isr: Vec<i32>,
    /// The eligible leader replicas.
    pub elr: Vec<i32>,
}

impl World {
    /// A host's name, such as `broker 1`.
    pub fn host_name(&self, host: HostId) -> &str {
        &self.host(host).name
    }

    /// The host with this name.
    pub fn host_named(&self, name: &str) -> Option<HostId> {
        self.hosts().find(|(_, host)| host.name == name).map(|(id, _)| id)
    }

    /// How a host's process is: `running`, `paused`, `crashed`, or `closed` when it ended by itself.
    pub fn host_state(&self, host: HostId) -> &'static str {
        match self.host(host) {
            host if host.crashed => "crashed",
            host if !host.running => "closed",
            host if host.paused => "paused",
            _ => "running",
        }
    }

    /// Whether a host's process runs.
    pub fn is_running(&self, host: HostId) -> bool {
        self.host(host).running
    }

    /// Every broker.
    pub fn brokers(&self) -> impl Iterator<Item = (HostId, &Broker)> {
        self.hosts().filter_map(|(id, host)| match &host.node {
            Node::Broker(broker) => Some((id, broker)),
            _ => None,
        })
    }

    /// Whether the process of the broker with this id runs.
    pub fn broker_runs(&self, id: i32) -> bool {
        self.brokers().any(|(host, broker)| broker.id() == id && self.is_running(host))
    }

    /// Every producer that runs.
    pub fn producers(&self) -> impl Iterator<Item = (HostId, &Producer)> {
        self.hosts().filter(|(_, host)| host.running).filter_map(|(id, host)| match &host.node {
            Node::Producer(producer) => Some((id, producer)),
            _ => None,
        })
    }

    /// Every consumer that runs.
    pub fn consumers(&self) -> impl Iterator<Item = (HostId, &Consumer)> {
        self.hosts().filter(|(_, host)| host.running).filter_map(|(id, host)| match &host.node {
            Node::Consumer(consumer) => Some((id, consumer)),
            _ => None,
        })
    }

    /// The broker with this id.
    pub fn broker(&self, id: i32) -> Option<&Broker> {
        self.brokers().map(|(_, broker)| broker).find(|broker| broker.id() == id)
    }

    /// The producer with this name, running or closed.
    pub fn producer(&self, name: &str) -> Option<&Producer> {
        self.hosts().find_map(|(_, host)| match &host.node {
            Node::Producer(producer) if producer.name() == name => Some(producer),
            _ => None,
        })
    }

    /// The consumer with this name, running or closed.
    pub fn consumer(&self, name: &str) -> Option<&Consumer> {
        self.hosts().find_map(|(_, host)| match &host.node {
            Node::Consumer(consumer) if consumer.name() == name => Some(consumer),
            _ => None,
        })
    }

    /// Every topic, by name.
    pub fn topics(&self) -> Vec<TopicInfo> {
        let Some((_, broker)) = self.brokers().next() else { return Vec::new() };
        let info = |topic: &crate::cluster::Topic| TopicInfo {
            name: topic.name.clone(),
            id: topic.id,
            partitions: topic.partitions.len() as i32,
            replication_factor: topic.partitions[0].replicas.len() as i16,
        };
        broker.topics().iter().map(info).collect()
    }

    /// A partition, if there is such a one.
    pub fn partition(&self, tp: &TopicPartition) -> Option<PartitionInfo> {
        let partition = self.known_partition(tp)?;
        Some(PartitionInfo {
            leader: partition.leader,
            leader_epoch: partition.leader_epoch,
            partition_epoch: partition.partition_epoch,
            replicas: partition.replicas.clone(),
            isr: partition.isr.clone(),
            elr: Vec::new(),
        })
    }

    /// A partition as the metadata has it.
    pub(super) fn known_partition(&self, tp: &TopicPartition) -> Option<&Partition> {
        let (_, broker) = self.brokers().next()?;
        broker.topics().by_name(&tp.topic)?.partitions.get(usize::try_from(tp.partition).ok()?)
    }

    /// A broker's log of a partition, if it holds one.
    pub fn replica(&self, broker_id: i32, tp: &TopicPartition) -> Option<&Log> {
        let is_it = |node: &Node| matches!(node, Node::Broker(broker) if broker.id() == broker_id);
        self.hosts().find(|(_, host)| is_it(&host.node))?.1.disk.log(tp)
    }

    /// What a tool got, once it has it.
    pub fn tool_result(&self, host: HostId) -> Option<&AdminResult> {
        match &self.host(host).node {
            Node::Admin(admin) => admin.result(),
            _ => None,
        }
    }

    /// How many acknowledged records are in no committed log.
    pub fn lost(&self) -> u64 {
        self.law_state().lost()
    }

    /// Each law and whether it holds.
    pub fn laws(&self) -> Vec<LawReport> {
        self.law_state().report()
    }
}
