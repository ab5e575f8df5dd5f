//! Hosts: brokers, controllers, and the links between them.

use crate::base::{SimDuration, SimTime};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostView {
    /// Its name: `checkout`; a broker's is `broker 1`.
    pub name: Arc<str>,
    /// What it is. A node that is broker and controller counts as a broker.
    pub role: Role,
    /// How its process is.
    pub process: Process,
    /// Since when.
    pub since: SimTime,
    /// How far its wall clock is off, in milliseconds.
    pub skew_ms: i64,
    /// How many times slower than usual its disk is; 1 is as usual.
    pub slow_disk: u32,
    /// How many times slower than usual its processor is; 1 is as usual.
    pub slow_cpu: u32,
}

impl HostView {
    /// What of it is not as usual, in words: `clock +500 ms`, `disk ×10`.
    pub fn impairments(&self) -> Vec<String> {
        let clock = (self.skew_ms != 0).then(|| format!("clock {:+} ms", self.skew_ms));
        let disk = (self.slow_disk > 1).then(|| format!("disk ×{} slower", self.slow_disk));
        let cpu = (self.slow_cpu > 1).then(|| format!("CPU ×{} slower", self.slow_cpu));
        [clock, disk, cpu].into_iter().flatten().collect()
    }
}

/// What a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The broker with this id.
    Broker(i32),
    /// The controller with this id.
    Controller(i32),
    /// A producer.
    Producer,
    /// A consumer.
    Consumer,
    /// A tool that runs once.
    Tool,
}

/// How a host's process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Process {
    /// It runs.
    #[default]
    Running,
    /// It stands still, as in a long garbage collection.
    Paused,
    /// It died, or its machine lost power.
    Crashed,
    /// It ended by itself, or was stopped in an orderly way.
    Stopped,
}

impl Process {
    /// Whether there is a process at all.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// A broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerView {
    /// Its number as a host.
    pub host: u32,
    /// Its rack, if it has one.
    pub rack: Option<Arc<str>>,
    /// Its listener, such as `localhost:9092`.
    pub listener: String,
    /// The epoch of its registration with the controller; none when it is not registered.
    pub epoch: Option<i64>,
    /// Whether the controller has it out of service, and since when if that was seen.
    pub fenced: bool,
    /// When it was fenced or unfenced last.
    pub fenced_since: SimTime,
    /// How far its process has come; what it came to last, when there is none.
    pub phase: BrokerPhase,
    /// Offset of the next metadata record that it has not yet replayed.
    pub metadata_offset: i64,
    /// How many partitions it leads, as the controllers have it.
    pub leads: u32,
    /// How many replicas it has been assigned.
    pub holds: u32,
}

/// How far a broker's process has come, by Kafka's BrokerState.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BrokerPhase {
    /// It registers and reads the metadata log.
    Starting,
    /// It opens its logs and waits to be let into service.
    Recovery,
    /// It is, or believes that it is, in service.
    #[default]
    Running,
    /// It has asked to be shut down and still hands its leaderships over, or it stops.
    Stopping,
}

/// A controller: one replica of the metadata log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControllerView {
    /// Its number as a host.
    pub host: u32,
    /// What it is in the quorum, as it believes itself.
    pub role: RaftRole,
    /// The quorum's epoch, as far as it knows.
    pub epoch: i32,
    /// The log end offset of its copy of `__cluster_metadata`.
    pub leo: i64,
    /// The high watermark as far as it knows; none before it has learnt one.
    pub hw: Option<i64>,
}

/// What a controller is in the quorum's epoch, by Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RaftRole {
    /// It knows no leader to follow.
    Unattached,
    /// It asks whether it would be voted for (KIP-996).
    Prospective,
    /// It asks for votes in a new epoch.
    Candidate,
    /// It leads: the active controller.
    Leader,
    /// It led this epoch and gave up.
    Resigned,
    /// It fetches from the leader.
    Follower,
}

impl fmt::Display for RaftRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unattached => "unattached",
            Self::Prospective => "prospective",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
            Self::Resigned => "resigned",
            Self::Follower => "follower",
        })
    }
}

/// The quorum as its newest epoch has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumView {
    /// The active controller, if there is one that leads the newest epoch.
    pub active: Option<i32>,
    /// The newest epoch that any controller knows.
    pub epoch: i32,
    /// The metadata log's high watermark: records below it are committed.
    pub hw: i64,
    /// The last record worth telling.
    pub record: Option<QuorumRecord>,
}

/// A metadata record in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumRecord {
    /// Its offset in the metadata log.
    pub offset: i64,
    /// What it says, in a few words: `orders-1: leader 3, epoch 5`.
    pub words: String,
}

/// What is unusual about a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// Whether nothing passes.
    pub cut: bool,
    /// Its latency one way, where somebody made it slow.
    pub latency: Option<SimDuration>,
}

impl LinkView {
    /// Whether it is as the network's profile has it.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
