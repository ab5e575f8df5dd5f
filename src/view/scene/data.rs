//! Topics, partitions, and the replicas that hold their records.

use super::Process;
use crate::base::{SimTime, SortedMap, TopicPartition};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many records at the end of a replica's log a scene holds: no tape on any screen has room for more.
pub const TAIL: usize = 32;

/// A broker and one of its partitions: which replica.
pub type ReplicaKey = (TopicPartition, i32);

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicView {
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas each.
    pub replication_factor: i16,
    /// Its `min.insync.replicas`.
    pub min_isr: i32,
    /// The configs that are set on it.
    pub configs: SortedMap<Arc<str>, SetConfig>,
}

/// A config that is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetConfig {
    /// Its value.
    pub value: Arc<str>,
    /// Whether it changes anything here.
    pub built: bool,
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
    /// Eligible leader replicas (KIP-966): out of the ISR, yet complete below the high watermark.
    pub elr: Vec<i32>,
    /// Who led last before there was no eligible leader left.
    pub last_known_elr: Vec<i32>,
    /// Whether the leader was elected without being in sync, and has yet to recover.
    pub recovering: bool,
    /// The last election that was seen.
    pub election: Option<Election>,
}

/// A change of leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Election {
    /// When.
    pub at: SimTime,
    /// The leader before, if there was one.
    pub from: Option<i32>,
    /// The epoch before.
    pub from_epoch: i32,
}

/// How a partition is, the better first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Health {
    /// Every replica is in sync.
    #[default]
    Whole,
    /// Some replica is out of sync; writes go on.
    UnderReplicated,
    /// Fewer replicas in sync than `min.insync.replicas` asks for: writes with acks=all are refused, readers stop.
    BelowMinIsr,
    /// Nobody leads.
    Offline,
}

/// A replica: a log on a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaView {
    /// Whether its broker believes that it leads.
    pub leads: bool,
    /// The leader epoch that its broker goes by.
    pub epoch: i32,
    /// Offset of the first record that is kept.
    pub start: i64,
    /// The high watermark: records below it are committed, as far as this replica knows.
    pub hw: i64,
    /// The log end offset: where the next record goes.
    pub leo: i64,
    /// From which offset on the log says something else than the leader's, if it does: that suffix will be cut.
    pub diverges: Option<i64>,
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
    /// Its key, if it has one; see [`super::super::key_label`].
    pub key: Option<Arc<str>>,
}

/// Records that a replica dropped from the end of its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutView {
    /// When.
    pub at: SimTime,
    /// The first offset that was dropped.
    pub from: i64,
    /// The offset behind the last one.
    pub to: i64,
    /// The first dropped records, as far as they were seen.
    pub cells: Vec<Cell>,
    /// How many of the dropped records that were seen had been acknowledged: those are not cut but lost.
    pub lost: u32,
}

/// What a replica is to its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It leads.
    Leads,
    /// It believes that it leads, and somebody else was elected.
    Deposed,
    /// It follows, in sync, so many records behind.
    InSync {
        /// Records that the leader has and it has not.
        behind: i64,
    },
    /// It follows, out of sync, so many records behind.
    OutOfSync {
        /// Records that the leader has and it has not.
        behind: i64,
    },
    /// Its broker stands still.
    Paused {
        /// Whether it counts as in sync all the same.
        in_isr: bool,
    },
    /// Its broker is down.
    Offline {
        /// Whether it may be elected when it returns (KIP-966).
        in_elr: bool,
        /// Records that the leader has and it has not.
        behind: i64,
    },
}

impl PartitionView {
    /// How the partition is, when so many replicas in sync are asked for.
    pub fn health(&self, min_isr: i32) -> Health {
        match self.isr.len() {
            _ if self.leader.is_none() => Health::Offline,
            n if (n as i32) < min_isr => Health::BelowMinIsr,
            n if n < self.replicas.len() => Health::UnderReplicated,
            _ => Health::Whole,
        }
    }

    /// What a replica is to the partition; `leader_leo` is where the leader's log ends, if anybody leads.
    pub fn standing(
        &self,
        broker: i32,
        process: Process,
        replica: Option<&ReplicaView>,
        leader_leo: Option<i64>,
    ) -> Standing {
        let in_isr = self.isr.contains(&broker);
        let behind = (leader_leo.unwrap_or(0) - replica.map_or(0, |r| r.leo)).max(0);
        if !process.is_up() {
            return Standing::Offline { in_elr: self.elr.contains(&broker), behind };
        }
        if self.leader == Some(broker) {
            return Standing::Leads;
        }
        if replica.is_some_and(|r| r.leads) {
            return Standing::Deposed;
        }
        if process == Process::Paused {
            return Standing::Paused { in_isr };
        }
        if in_isr { Standing::InSync { behind } } else { Standing::OutOfSync { behind } }
    }

    /// Whether a leader was elected less than three seconds before `now`, in microseconds.
    pub fn just_elected(&self, now: f64) -> bool {
        let fresh = |e: &Election| (e.at.0 as f64) <= now && now < e.at.0 as f64 + 3e6;
        self.leader.is_some() && self.election.as_ref().is_some_and(fresh)
    }
}

impl ReplicaView {
    /// Whether the record at `offset` is committed.
    pub fn committed(&self, offset: i64) -> bool {
        offset < self.hw
    }
}
