//! The scene: what the page knows of a world at one moment. Plain values, each read from a machine's state, or, where
//! it says when something happened, from the trace.

mod clients;
mod data;
mod groups;
mod hosts;

pub use crate::sim::MemberInfo;
pub use clients::{ConsumerView, ProducerView, acks_label};
pub use data::{
    Cell, CutView, Election, Health, PartitionView, ReplicaKey, ReplicaView, SetConfig, Standing, TAIL, TopicView,
};
pub use groups::{GroupState, GroupView, Holding};
pub use hosts::{
    BrokerPhase, BrokerView, ControllerView, HostView, LinkView, Process, QuorumRecord, QuorumView, RaftRole, Role,
};

use crate::base::{SortedMap, TopicPartition};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A world at one moment, as far as the page shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// Brokers by id.
    pub brokers: SortedMap<i32, BrokerView>,
    /// Controllers by id; a node that is both has the same id and host here and among the brokers.
    pub controllers: SortedMap<i32, ControllerView>,
    /// What the controllers have agreed on.
    pub quorum: QuorumView,
    /// Topics by name.
    pub topics: SortedMap<Arc<str>, TopicView>,
    /// Partitions.
    pub partitions: SortedMap<TopicPartition, PartitionView>,
    /// Replicas.
    pub replicas: SortedMap<ReplicaKey, ReplicaView>,
    /// The last truncation of each replica that had one.
    pub cuts: SortedMap<ReplicaKey, CutView>,
    /// Producers by name.
    pub producers: SortedMap<Arc<str>, ProducerView>,
    /// Consumers by name.
    pub consumers: SortedMap<Arc<str>, ConsumerView>,
    /// Groups by id: those that brokers coordinate, and those that consumers are configured to be in.
    pub groups: SortedMap<Arc<str>, GroupView>,
    /// Hosts by number: who a message's ends are. Hosts stay listed after their process ends.
    pub hosts: SortedMap<u32, HostView>,
    /// Links that are not as the network's profile has them: from one host to another.
    pub links: SortedMap<(u32, u32), LinkView>,
    /// The laws that checkers watch.
    pub laws: Vec<LawView>,
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
        self.hosts.iter().filter(|(_, h)| h.role == Role::Tool && h.process.is_up()).map(|(id, h)| (*id, h))
    }

    /// How a broker's process is; one that the scene does not know is down.
    pub fn broker_process(&self, broker: i32) -> Process {
        let host = self.brokers.get(&broker).and_then(|b| self.hosts.get(&b.host));
        host.map_or(Process::Stopped, |h| h.process)
    }

    /// How a controller's process is.
    pub fn controller_process(&self, controller: i32) -> Process {
        let host = self.controllers.get(&controller).and_then(|c| self.hosts.get(&c.host));
        host.map_or(Process::Stopped, |h| h.process)
    }

    /// What is unusual between two hosts, both ways together: cut if either way is, slow by the slower.
    pub fn link(&self, a: u32, b: u32) -> LinkView {
        let way = |from, to| self.links.get(&(from, to)).copied().unwrap_or_default();
        let (there, back) = (way(a, b), way(b, a));
        LinkView { cut: there.cut || back.cut, latency: there.latency.max(back.latency) }
    }

    /// The link between two brokers; see [`Scene::link`].
    pub fn broker_link(&self, a: i32, b: i32) -> LinkView {
        match (self.brokers.get(&a), self.brokers.get(&b)) {
            (Some(a), Some(b)) => self.link(a.host, b.host),
            _ => LinkView::default(),
        }
    }

    /// The least number of replicas in sync that lets a partition of this topic take writes with acks=all.
    pub fn min_isr(&self, tp: &TopicPartition) -> i32 {
        let configured = self.topics.get(&tp.topic).map_or(1, |t| t.min_isr);
        let replicas = self.partitions.get(tp).map_or(1, |p| p.replicas.len() as i32);
        // Kafka asks for no more replicas than there are (Partition.effectiveMinIsr).
        configured.min(replicas.max(1))
    }

    /// How a partition is.
    pub fn health(&self, tp: &TopicPartition) -> Health {
        self.partitions.get(tp).map_or(Health::Offline, |p| p.health(self.min_isr(tp)))
    }

    /// Whether a partition's high watermark cannot move: it has a leader and too few replicas in sync (KIP-966).
    pub fn hw_held(&self, tp: &TopicPartition) -> bool {
        self.partitions.get(tp).is_some_and(|p| p.leader.is_some() && (p.isr.len() as i32) < self.min_isr(tp))
    }

    /// What a replica is to its partition, and how far behind its leader.
    pub fn standing(&self, tp: &TopicPartition, broker: i32) -> Standing {
        let Some(partition) = self.partitions.get(tp) else { return Standing::Offline { in_elr: false, behind: 0 } };
        let replica = self.replicas.get(&(tp.clone(), broker));
        let leader = self.leader_replica(tp).map(|(_, r)| r.leo);
        let process = self.broker_process(broker);
        partition.standing(broker, process, replica, leader)
    }
}
