//! Looking at a world: every number that is shown is read here from a machine's state.

use super::host::Node;
use super::world::World;
use crate::base::{HostId, SimDuration, SimTime, Sort, SortedSet, TopicPartition};
use crate::broker::Broker;
use crate::broker::group::{ClassicMember, GroupShard, coordinator_partition};
use crate::check::{Breach, Evidence, LawReport};
use crate::client::{Consumer, Producer};
use crate::cluster::{Controller, PartitionRegistration};
use crate::server::Server;
use crate::storage::Log;
use crate::tools::ToolOutput;
use crate::wire::StrBytes;
use crate::wire::consumer_protocol::Assignment;
use serde::{Deserialize, Serialize};
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
    /// The eligible leader replicas (KIP-966).
    pub elr: Vec<i32>,
    /// The last member of the ELR that led, when both ISR and ELR have become empty.
    pub last_known_elr: Vec<i32>,
    /// `min.insync.replicas` of its topic.
    pub min_insync_replicas: usize,
    /// The leader was elected uncleanly and may lack committed records.
    pub recovering: bool,
}

/// A group of consumers, or of whoever else uses the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its id.
    pub id: Arc<str>,
    /// Its state: `Empty`, `PreparingRebalance`, `CompletingRebalance` or `Stable`.
    pub state: &'static str,
    /// Its generation.
    pub generation: i32,
    /// What its members have voted for; none of a group without members.
    pub protocol: Option<Arc<str>>,
    /// The member that assigns.
    pub leader: Option<Arc<str>>,
    /// Its members in the order of their ids.
    pub members: Vec<MemberInfo>,
    /// Each partition with the committed offset, as far as it is in the log for good.
    pub committed: Vec<(TopicPartition, i64)>,
}

/// A member of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// Its id.
    pub id: Arc<str>,
    /// Its `group.instance.id`, if it is a static member.
    pub instance: Option<Arc<str>>,
    /// The client's name for itself (`client.id`).
    pub client: Arc<str>,
    /// Where the coordinator sees it (`client_host`).
    pub host: Arc<str>,
    /// The partitions that the group's last assignment gives it, where they can be read.
    pub assigned: Vec<TopicPartition>,
    /// Whether its JoinGroup waits for the other members'.
    pub awaits_join: bool,
    /// Whether its SyncGroup waits for the leader's assignment.
    pub awaits_sync: bool,
}

fn member_info(member: &ClassicMember) -> MemberInfo {
    let assignment = Assignment::decode(member.assignment()).map(|assignment| assignment.partitions);
    MemberInfo {
        id: member.member_id().as_str().into(),
        instance: member.group_instance_id().map(|instance| instance.as_str().into()),
        client: member.client_id().as_str().into(),
        host: member.client_host().as_str().into(),
        assigned: assignment.unwrap_or_default(),
        awaits_join: member.is_awaiting_join(),
        awaits_sync: member.is_awaiting_sync(),
    }
}

/// A controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerInfo {
    /// Its node.
    pub id: i32,
    /// Its host.
    pub host: HostId,
    /// What its replica of the metadata log is: `Leader`, `Follower` …; none while its process does not run.
    pub role: Option<String>,
    /// The quorum's epoch, as far as it knows.
    pub epoch: i32,
    /// Its log's end.
    pub log_end_offset: i64,
    /// What it knows to be committed; none where it does not know.
    pub high_watermark: Option<i64>,
    /// It is the active controller.
    pub is_active: bool,
}

/// What of a host may be not as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impairments {
    /// How far its wall clock is off, in microseconds.
    pub skew_us: i64,
    /// How many times slower than usual its disk is; 1 is as usual.
    pub slow_disk: u32,
    /// How many times slower than usual its processor is; 1 is as usual.
    pub slow_cpu: u32,
}

/// A way from one host to another that is not as the network's profile has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// The sender.
    pub from: HostId,
    /// The receiver.
    pub to: HostId,
    /// Nothing passes.
    pub cut: bool,
    /// Its latency, where somebody set it.
    pub latency: Option<SimDuration>,
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

    /// How a host's process is: `running`, `paused`, `crashed`, `dark` after a power loss, or `closed` when it ended by
    /// itself.
    pub fn host_state(&self, host: HostId) -> &'static str {
        match self.host(host) {
            host if host.powered_off => "dark",
            host if host.crashed => "crashed",
            host if !host.running => "closed",
            host if host.paused => "paused",
            _ => "running",
        }
    }

    /// Since when a host's process is as it is.
    pub fn host_since(&self, host: HostId) -> SimTime {
        self.host(host).since
    }

    /// What of a host is not as usual.
    pub fn host_impairments(&self, host: HostId) -> Impairments {
        let host = self.host(host);
        Impairments { skew_us: host.skew_us, slow_disk: host.slow_disk, slow_cpu: host.slow_cpu }
    }

    /// Every way from one host to another that is not as the network's profile has it.
    pub fn unusual_links(&self) -> impl Iterator<Item = LinkInfo> {
        self.links.iter().map(|((from, to), link)| LinkInfo {
            from: *from,
            to: *to,
            cut: link.is_cut(),
            latency: link.latency,
        })
    }

    /// Whether a host's process runs.
    pub fn is_running(&self, host: HostId) -> bool {
        self.host(host).running
    }

    /// Every node of the cluster: brokers and controllers, running or not.
    pub fn servers(&self) -> impl Iterator<Item = (HostId, &Server)> {
        self.hosts().filter_map(|(id, host)| match &host.node {
            Node::Server(server) => Some((id, &**server)),
            _ => None,
        })
    }

    /// Whether the broker with this id takes connections. One whose machine has no power refuses none: it is silent.
    pub fn takes_connections(&self, broker_id: i32) -> bool {
        let takes = |(host, server): (HostId, &Server)| {
            let listens = server.broker_listener().is_some_and(|listener| server.listens(listener));
            server.id() == broker_id && (listens && self.is_running(host) || self.host(host).powered_off)
        };
        self.brokers().any(takes)
    }

    /// Whether the broker's process runs and does not stand still.
    pub fn broker_acts(&self, broker_id: i32) -> bool {
        self.brokers().any(|(host, server)| server.id() == broker_id && self.is_running(host) && !self.is_paused(host))
    }

    /// Every node that is a broker, running or not.
    pub fn brokers(&self) -> impl Iterator<Item = (HostId, &Server)> {
        self.servers().filter(|(_, server)| server.broker_listener().is_some())
    }

    /// Every controller, by id.
    pub fn controllers(&self) -> Vec<ControllerInfo> {
        let info = |(host, server): (HostId, &Server)| {
            server.controller_listener()?;
            let replica = server.raft().map(crate::quorum::RaftManager::replica);
            Some(ControllerInfo {
                id: server.id(),
                host,
                role: replica.map(|replica| replica.role().to_string()),
                epoch: replica.map_or_else(|| server.durable().election.epoch, crate::quorum::Replica::epoch),
                log_end_offset: replica.map_or_else(|| server.durable().log.end_offset(), |r| r.log().end_offset()),
                high_watermark: replica.and_then(crate::quorum::Replica::high_watermark),
                is_active: server.controller().is_some_and(crate::controller::QuorumController::is_active),
            })
        };
        let mut all: Vec<ControllerInfo> = self.servers().filter_map(info).collect();
        all.order_by_key(|controller| controller.id);
        all
    }

    /// The active controller: of several that hold themselves for it, the one of the latest epoch.
    pub fn active_controller(&self) -> Option<i32> {
        let active = self.controllers().into_iter().filter(|controller| controller.is_active);
        active.max_by_key(|controller| controller.epoch).map(|controller| controller.id)
    }

    /// The cluster's metadata as far as it is committed: what the controller says that has applied most of it, or when
    /// none runs, the broker.
    pub fn cluster_metadata(&self) -> Option<&Controller> {
        let controllers = self.servers().filter_map(|(_, server)| server.controller());
        let controller = controllers.max_by_key(|controller| controller.metadata_end());
        let brokers = || self.servers().filter_map(|(_, server)| server.broker());
        let broker = || brokers().max_by_key(|broker| broker.metadata_offset()).map(Broker::metadata_image);
        controller.map(crate::controller::QuorumController::metadata).or_else(broker)
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

    /// The broker with this id, while its process runs.
    pub fn broker(&self, id: i32) -> Option<&Broker> {
        self.brokers().find(|(_, server)| server.id() == id)?.1.broker()
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

    /// The producer with this name, as it will be when it has been started again, if it is to be.
    pub fn producer_to_be(&self, name: &str) -> Option<&Producer> {
        self.hosts().find_map(|(_, host)| match host.to_be() {
            Node::Producer(producer) if producer.name() == name => Some(producer),
            _ => None,
        })
    }

    /// The consumer with this name, as it will be when it has been started again, if it is to be.
    pub fn consumer_to_be(&self, name: &str) -> Option<&Consumer> {
        self.hosts().find_map(|(_, host)| match host.to_be() {
            Node::Consumer(consumer) if consumer.name() == name => Some(consumer),
            _ => None,
        })
    }

    /// Every topic, by name.
    pub fn topics(&self) -> Vec<TopicInfo> {
        let Some(metadata) = self.cluster_metadata() else { return Vec::new() };
        let info = |topic: &crate::cluster::TopicInfo| TopicInfo {
            name: topic.name.clone(),
            id: topic.id,
            partitions: topic.partitions.len() as i32,
            replication_factor: topic.partitions.get(&0).map_or(0, |p| p.replicas.len() as i16),
        };
        metadata.topics().iter_by_name().map(info).collect()
    }

    /// A partition, if there is such a one.
    pub fn partition(&self, tp: &TopicPartition) -> Option<PartitionInfo> {
        let partition = self.known_partition(tp)?;
        Some(PartitionInfo {
            leader: partition.has_leader().then_some(partition.leader),
            leader_epoch: partition.leader_epoch,
            partition_epoch: partition.partition_epoch,
            replicas: partition.replicas.clone(),
            isr: partition.isr.clone(),
            elr: partition.elr.clone(),
            last_known_elr: partition.last_known_elr.clone(),
            min_insync_replicas: self.cluster_metadata()?.min_isr(&tp.topic),
            recovering: partition.leader_recovery_state == crate::cluster::LeaderRecoveryState::Recovering,
        })
    }

    /// A partition as the metadata has it.
    pub(super) fn known_partition(&self, tp: &TopicPartition) -> Option<&PartitionRegistration> {
        let topic = self.cluster_metadata()?.topics().by_name(&tp.topic)?;
        topic.partitions.get(&tp.partition).map(|partition| &**partition)
    }

    /// A broker's log of a partition, if it holds one; also while its process does not run.
    pub fn replica(&self, broker_id: i32, tp: &TopicPartition) -> Option<&Log> {
        self.host(self.host_of_node(broker_id)?).disk.log(tp)
    }

    /// What a tool printed and how it ended, once it has.
    pub fn tool_output(&self, host: HostId) -> Option<&ToolOutput> {
        match &self.host(host).node {
            Node::Tool(tool) => tool.output(),
            _ => None,
        }
    }

    /// The broker that coordinates a group, or would: the leader of the group's partition of `__consumer_offsets`, as
    /// the controller knows it. None while there is no such topic or no leader.
    pub fn coordinator(&self, group: &str) -> Option<i32> {
        let topic = self.cluster_metadata()?.topics().by_name("__consumer_offsets")?;
        let partition = topic.partitions.get(&coordinator_partition(group, topic.partitions.len() as i32))?;
        partition.has_leader().then_some(partition.leader)
    }

    /// A group, as its coordinator has it.
    pub fn group(&self, group: &str) -> Option<GroupInfo> {
        let shard = self.group_shard(group)?;
        let id = StrBytes::from_string(group.to_owned());
        let known = shard.group(&id)?;
        let offset = |(topic, partition, offset): (&StrBytes, i32, i64)| {
            (TopicPartition::new(topic.as_str(), partition), offset)
        };
        Some(GroupInfo {
            id: group.into(),
            state: known.state().name(),
            generation: known.generation(),
            protocol: known.protocol_name().map(|name| name.as_str().into()),
            leader: known.leader().map(|leader| leader.as_str().into()),
            members: known.members().map(member_info).collect(),
            committed: shard.committed_offsets(&id).map(offset).collect(),
        })
    }

    /// Every group that a running broker coordinates, by id.
    pub fn groups(&self) -> Vec<GroupInfo> {
        let shards = self.servers().filter_map(|(_, server)| server.broker()).flat_map(Broker::group_shards);
        let ids: SortedSet<String> =
            shards.flat_map(GroupShard::groups).map(|group| group.group_id().to_string()).collect();
        ids.iter().filter_map(|id| self.group(id)).collect()
    }

    /// The shard of a group at the broker that the controller knows as its coordinator, once that has loaded it.
    fn group_shard(&self, group: &str) -> Option<&GroupShard> {
        self.broker(self.coordinator(group)?)?.group_shard(group)
    }

    /// How many acknowledged records are in no committed log.
    pub fn lost(&self) -> u64 {
        self.law_state().lost()
    }

    /// How often a group's applications worked on a record that one of them had worked on before.
    pub fn duplicates(&self, group: &str) -> u64 {
        self.law_state().duplicates(group)
    }

    /// How many records before its committed offsets none of a group's applications worked on.
    pub fn unprocessed(&self, group: &str) -> u64 {
        self.law_state().unprocessed(group)
    }

    /// Why a group's applications worked on records again, or never.
    pub fn duplicate_causes(&self, group: &str) -> Vec<String> {
        self.law_state().causes(group)
    }

    /// The first loss of acknowledged records that no setting allowed, if there was one.
    pub fn unexplained_loss(&self) -> Option<&Breach> {
        self.law_state().unexplained_loss()
    }

    /// Whether every law holds.
    pub fn laws_hold(&self) -> bool {
        self.law_state().hold()
    }

    /// Each law and whether it holds.
    pub fn laws(&self) -> Vec<LawReport> {
        self.law_state().report()
    }
}

impl Evidence for World {
    fn now(&self) -> SimTime {
        self.now()
    }

    fn node(&self, host: HostId) -> Option<i32> {
        match &self.host(host).node {
            Node::Server(server) => Some(server.id()),
            _ => None,
        }
    }

    fn log(&self, broker: i32, partition: &TopicPartition) -> Option<&Log> {
        self.replica(broker, partition)
    }

    fn logs(&self, partition: &TopicPartition) -> Vec<&Log> {
        self.brokers().filter_map(|(host, _)| self.host(host).disk.log(partition)).collect()
    }

    fn allows_unclean_election(&self, topic: &str) -> bool {
        self.cluster_metadata().is_some_and(|metadata| metadata.unclean_election_enabled(topic))
    }
}
