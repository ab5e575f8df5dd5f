//! A partition as the controller knows it (`PartitionRegistration`), and the records that say so.

use super::{LEADER_NONE, MetadataVersion};
use crate::wire::VersionedRecord;
use crate::wire::metadata_records::{PartitionChangeRecord, PartitionRecord};
use uuid::Uuid;

/// In a PartitionChangeRecord: the leader stays, and so does its epoch.
pub const LEADER_NO_CHANGE: i32 = -2;

/// The directory of a replica whose broker said nothing of directories (`DirectoryId.MIGRATING`).
pub const DIRECTORY_MIGRATING: Uuid = Uuid::nil();
/// The directory of a replica whose broker has several and has not chosen yet (`DirectoryId.UNASSIGNED`).
pub const DIRECTORY_UNASSIGNED: Uuid = Uuid::from_u128(1);
/// The directory of a replica whose directory is gone (`DirectoryId.LOST`).
pub const DIRECTORY_LOST: Uuid = Uuid::from_u128(2);

/// Whether a partition's leader was elected cleanly (KIP-704).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaderRecoveryState {
    /// It was, or it has recovered since.
    #[default]
    Recovered,
    /// The leader comes from an unclean election and has not said yet that it is done with what follows from it.
    Recovering,
}

impl LeaderRecoveryState {
    /// The state with this number in records and requests.
    pub fn from_value(value: i8) -> Option<Self> {
        match value {
            0 => Some(Self::Recovered),
            1 => Some(Self::Recovering),
            _ => None,
        }
    }

    /// Its number in records and requests.
    pub fn value(self) -> i8 {
        self as i8
    }
}

/// A partition's replicas, leader and epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRegistration {
    /// The brokers that hold it, the preferred leader first. During a reassignment: old and new ones.
    pub replicas: Vec<i32>,
    /// The log directory of each replica.
    pub directories: Vec<Uuid>,
    /// The in-sync replicas.
    pub isr: Vec<i32>,
    /// The replicas that a reassignment will remove.
    pub removing_replicas: Vec<i32>,
    /// The replicas that a reassignment adds.
    pub adding_replicas: Vec<i32>,
    /// Eligible leader replicas (KIP-966): not in the ISR, but known to have everything up to the high watermark.
    pub elr: Vec<i32>,
    /// The last leader of a partition that has lost its ISR and all its eligible leader replicas.
    pub last_known_elr: Vec<i32>,
    /// The leader, or -1.
    pub leader: i32,
    /// Whether the leader was elected cleanly.
    pub leader_recovery_state: LeaderRecoveryState,
    /// Goes up with every election, also when nobody or the same leader came out of it.
    pub leader_epoch: i32,
    /// Goes up with every change.
    pub partition_epoch: i32,
}

impl PartitionRegistration {
    /// A new partition, led by the first of its in-sync replicas.
    pub fn new(replicas: Vec<i32>, directories: Vec<Uuid>, isr: Vec<i32>) -> Self {
        let leader = isr[0];
        Self {
            replicas,
            directories,
            isr,
            removing_replicas: Vec::new(),
            adding_replicas: Vec::new(),
            elr: Vec::new(),
            last_known_elr: Vec::new(),
            leader,
            leader_recovery_state: LeaderRecoveryState::Recovered,
            leader_epoch: 0,
            partition_epoch: 0,
        }
    }

    /// The partition that a PartitionRecord tells of.
    pub fn from_record(record: &PartitionRecord) -> Self {
        let directories = if record.directories.is_empty() {
            vec![DIRECTORY_MIGRATING; record.replicas.len()]
        } else {
            record.directories.clone()
        };
        Self {
            replicas: record.replicas.clone(),
            directories,
            isr: record.isr.clone(),
            removing_replicas: record.removing_replicas.clone(),
            adding_replicas: record.adding_replicas.clone(),
            elr: record.eligible_leader_replicas.clone().unwrap_or_default(),
            last_known_elr: record.last_known_elr.clone().unwrap_or_default(),
            leader: record.leader,
            leader_recovery_state: recovery_state(record.leader_recovery_state),
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        }
    }

    /// The record of the partition as it is.
    pub fn to_record(&self, topic_id: Uuid, partition_id: i32, version: MetadataVersion) -> VersionedRecord {
        let with_elr = version.may_have_elr();
        let list = |list: &Vec<i32>| (with_elr && !list.is_empty()).then(|| list.clone());
        let record = PartitionRecord {
            partition_id,
            topic_id,
            replicas: self.replicas.clone(),
            isr: self.isr.clone(),
            removing_replicas: self.removing_replicas.clone(),
            adding_replicas: self.adding_replicas.clone(),
            leader: self.leader,
            leader_recovery_state: self.leader_recovery_state.value(),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            directories: if version.has_directories() { self.directories.clone() } else { Vec::new() },
            eligible_leader_replicas: list(&self.elr),
            last_known_elr: list(&self.last_known_elr),
        };
        VersionedRecord::new(record, version.partition_record_version())
    }

    /// The partition after a change.
    pub fn merge(&self, change: &PartitionChangeRecord) -> Self {
        let changed = |new: &Option<Vec<i32>>, old: &Vec<i32>| new.as_ref().unwrap_or(old).clone();
        let replicas = changed(&change.replicas, &self.replicas);
        let directories = match &change.directories {
            Some(directories) => directories.clone(),
            None => replicas.iter().map(|replica| self.directory(*replica).unwrap_or(DIRECTORY_MIGRATING)).collect(),
        };
        let elects = change.leader != LEADER_NO_CHANGE;
        Self {
            directories,
            isr: changed(&change.isr, &self.isr),
            removing_replicas: changed(&change.removing_replicas, &self.removing_replicas),
            adding_replicas: changed(&change.adding_replicas, &self.adding_replicas),
            elr: changed(&change.eligible_leader_replicas, &self.elr),
            last_known_elr: changed(&change.last_known_elr, &self.last_known_elr),
            leader: if elects { change.leader } else { self.leader },
            leader_recovery_state: match change.leader_recovery_state {
                -1 => self.leader_recovery_state,
                value => recovery_state(value),
            },
            leader_epoch: self.leader_epoch + i32::from(elects),
            partition_epoch: self.partition_epoch + 1,
            replicas,
        }
    }

    /// The log directory of a replica.
    pub fn directory(&self, replica: i32) -> Option<Uuid> {
        let at = self.replicas.iter().position(|other| *other == replica)?;
        self.directories.get(at).copied()
    }

    /// Whether somebody leads it.
    pub fn has_leader(&self) -> bool {
        self.leader != LEADER_NONE
    }

    /// Whether the first replica leads it.
    pub fn has_preferred_leader(&self) -> bool {
        self.replicas.first() == Some(&self.leader)
    }

    /// Whether replicas are being added or removed.
    pub fn is_reassigning(&self) -> bool {
        !self.removing_replicas.is_empty() || !self.adding_replicas.is_empty()
    }
}

fn recovery_state(value: i8) -> LeaderRecoveryState {
    LeaderRecoveryState::from_value(value).expect("the log holds what a controller wrote")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_back_the_partition() {
        let directories = vec![DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED, DIRECTORY_LOST];
        let mut partition = PartitionRegistration::new(vec![1, 2, 3], directories, vec![2, 3]);
        assert_eq!(partition.leader, 2);
        partition.elr = vec![1];
        let record = partition.to_record(Uuid::from_u128(9), 4, MetadataVersion::LATEST);
        let crate::wire::MetadataRecord::Partition(record) = record.record else { panic!("{record:?}") };
        assert_eq!(PartitionRegistration::from_record(&record), partition);
    }

    #[test]
    fn every_change_raises_the_partition_epoch_and_an_election_the_leader_epoch() {
        let partition = PartitionRegistration::new(vec![1, 2], vec![DIRECTORY_UNASSIGNED; 2], vec![1, 2]);
        let shrunk = partition.merge(&PartitionChangeRecord { isr: Some(vec![1]), ..Default::default() });
        assert_eq!((shrunk.leader_epoch, shrunk.partition_epoch, shrunk.isr), (0, 1, vec![1]));
        let same = partition.merge(&PartitionChangeRecord { leader: 1, ..Default::default() });
        assert_eq!((same.leader, same.leader_epoch, same.partition_epoch), (1, 1, 1));
    }
}
