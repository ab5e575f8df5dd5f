//! What a change of a partition comes to (`PartitionChangeBuilder`): from the partition as it is and what somebody wants
//! of it (another ISR, other replicas, an election), the record that makes it so.
//!
//! Everything that must go together is decided here at once: whether a reassignment is complete, which replicas stay
//! eligible to lead, who leads, and whether the leader epoch goes up. It goes up when the leader changes, and also when
//! a replica is removed: the leader must then stop counting the fetches of a replica that may come back with another
//! log. It does not go up because the ISR changes (before 3.6 it did on a shrink).
//!
//! Three kinds of election (KIP-460, KIP-966):
//!
//! - *online*, the ordinary one: the leader stays while it is alive and in the ISR, else the first such replica leads;
//! - *preferred*: the first replica leads if it may, else as before;
//! - *unclean*: if there is nobody else, any living replica; the ISR is then that replica alone, and what it does not
//!   have is lost.
//!
//! With eligible leader replicas, a replica that leaves the ISR while it is below `min.insync.replicas` is not lost:
//! nothing was committed without it since. It stays *eligible*, and if the ISR dies out it may lead without loss. When
//! the eligible replicas are gone as well (they crashed and came back, so their disks cannot be trusted) and the last
//! leader is alive, it leads again: the best that can be had, but counted as unclean.

use super::partition::{DIRECTORY_UNASSIGNED, LEADER_NO_CHANGE};
use super::{LEADER_NONE, LeaderRecoveryState, MetadataVersion, PartitionRegistration};
use crate::base::Sort;
use crate::wire::VersionedRecord;
use crate::wire::metadata_records::PartitionChangeRecord;
use uuid::Uuid;

/// How a leader is elected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Election {
    /// The first replica, if it may.
    Preferred,
    /// The current leader, or else the first replica that may.
    #[default]
    Online,
    /// Like online, and if nobody may, any living replica.
    Unclean,
}

/// Who won an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElectionResult {
    /// The leader, or -1.
    pub node: i32,
    /// Whether records may be lost by it.
    pub unclean: bool,
}

/// A change of a partition in the making. The fields are what is wanted; as made by [`PartitionChangeBuilder::new`],
/// nothing but a leader where there is none.
#[derive(Clone, Debug)]
pub struct PartitionChangeBuilder<'a, L> {
    partition: &'a PartitionRegistration,
    is_acceptable_leader: L,
    version: MetadataVersion,
    min_isr: usize,
    /// Which election to hold.
    pub election: Election,
    /// The in-sync replicas.
    pub target_isr: Vec<i32>,
    /// The replicas, those included that are being removed.
    pub target_replicas: Vec<i32>,
    /// The replicas that are being removed.
    pub target_removing: Vec<i32>,
    /// The replicas that are being added.
    pub target_adding: Vec<i32>,
    /// What the partition is to be after the change.
    pub target_recovery_state: LeaderRecoveryState,
    /// Replicas whose broker came back without having been shut down.
    pub unclean_shutdown_replicas: Vec<i32>,
    /// `eligible.leader.replicas.version` is 1.
    pub elr_enabled: bool,
    /// Whether the last leader of a partition that has lost all others is remembered and elected.
    pub use_last_known_leader: bool,
    target_elr: Vec<i32>,
    target_last_known_elr: Vec<i32>,
}

impl<'a, L: Fn(i32) -> bool> PartitionChangeBuilder<'a, L> {
    /// A change of `partition`, in which only brokers that `is_acceptable_leader` may lead; `min_isr` is the topic's
    /// `min.insync.replicas`.
    pub fn new(
        partition: &'a PartitionRegistration,
        is_acceptable_leader: L,
        version: MetadataVersion,
        min_isr: usize,
    ) -> Self {
        Self {
            partition,
            is_acceptable_leader,
            version,
            min_isr,
            election: Election::Online,
            target_isr: partition.isr.clone(),
            target_replicas: partition.replicas.clone(),
            target_removing: partition.removing_replicas.clone(),
            target_adding: partition.adding_replicas.clone(),
            target_recovery_state: partition.leader_recovery_state,
            unclean_shutdown_replicas: Vec::new(),
            elr_enabled: false,
            use_last_known_leader: true,
            target_elr: partition.elr.clone(),
            target_last_known_elr: partition.last_known_elr.clone(),
        }
    }

    /// Who would lead.
    pub fn elect_leader(&self) -> ElectionResult {
        let clean = |node| ElectionResult { node, unclean: false };
        let preferred = self.target_replicas.first().filter(|_| self.election == Election::Preferred);
        let may_lead = |replica: &i32| self.is_valid_leader(*replica);
        if let Some(&replica) = preferred.filter(|replica| may_lead(replica)) {
            return clean(replica);
        }
        if self.is_valid_leader(self.partition.leader) {
            return clean(self.partition.leader);
        }
        if let Some(&replica) = self.target_replicas.iter().find(|replica| may_lead(replica)) {
            return clean(replica);
        }
        if let Some(node) = self.last_known_leader() {
            return ElectionResult { node, unclean: true };
        }
        let mut living = self.target_replicas.iter().filter(|replica| (self.is_acceptable_leader)(**replica));
        match living.next() {
            Some(&node) if self.election == Election::Unclean => ElectionResult { node, unclean: true },
            _ => clean(LEADER_NONE),
        }
    }

    /// The record of the change, or nothing when there is nothing to change. `default_directory` is the log directory
    /// that a broker's new replicas go to.
    pub fn build(
        mut self,
        topic_id: Uuid,
        partition_id: i32,
        default_directory: impl Fn(i32) -> Uuid,
    ) -> Option<VersionedRecord> {
        let mut record = PartitionChangeRecord { topic_id, partition_id, ..Default::default() };
        let unchanged = record.clone();
        self.complete_reassignment();
        self.find_eligible_replicas();
        self.elect(&mut record);
        self.record_eligible_replicas(&mut record);
        // Without eligible leader replicas the last member never leaves the ISR: it says who may lead again.
        let isr_may_be_set = !self.target_isr.is_empty() || self.elr_enabled;
        if record.isr.is_none() && isr_may_be_set && self.target_isr != self.partition.isr {
            record.isr = Some(self.target_isr.clone());
        }
        self.bump_leader_epoch(&mut record);
        self.record_last_known_leader(&mut record);
        self.record_assignment(&mut record, default_directory);
        if self.target_recovery_state != self.partition.leader_recovery_state {
            record.leader_recovery_state = self.target_recovery_state.value();
        }
        (record != unchanged).then(|| VersionedRecord::new(record, self.version.partition_record_version()))
    }

    /// A leader has everything that is committed, and is alive. Eligible replicas come in when the ISR is empty.
    fn is_valid_leader(&self, replica: i32) -> bool {
        let eligible = self.elr_enabled && self.target_isr.is_empty() && self.target_elr.contains(&replica);
        (self.target_isr.contains(&replica) || eligible) && (self.is_acceptable_leader)(replica)
    }

    /// The last leader, when it is the best that is left.
    fn last_known_leader(&self) -> Option<i32> {
        let nobody_else = self.target_isr.is_empty() && self.target_elr.is_empty();
        match self.partition.last_known_elr[..] {
            [last] if self.elr_enabled && self.use_last_known_leader && nobody_else => {
                (self.is_acceptable_leader)(last).then_some(last)
            }
            _ => None,
        }
    }

    /// Drops the replicas to remove, once all that shall stay are in the ISR.
    fn complete_reassignment(&mut self) {
        if self.target_removing.is_empty() && self.target_adding.is_empty() {
            return;
        }
        let stays = |replica: &i32| !self.target_removing.contains(replica);
        let isr: Vec<i32> = self.target_isr.iter().copied().filter(stays).collect();
        let replicas: Vec<i32> = self.target_replicas.iter().copied().filter(stays).collect();
        if isr.is_empty() || !replicas.iter().all(|replica| isr.contains(replica)) {
            return;
        }
        self.target_isr = isr;
        self.target_replicas = replicas;
        self.target_removing = Vec::new();
        self.target_adding = Vec::new();
    }

    fn find_eligible_replicas(&mut self) {
        if !self.elr_enabled {
            return;
        }
        if self.target_isr.len() >= self.min_isr.min(self.target_replicas.len()) {
            self.target_elr = Vec::new();
            self.target_last_known_elr = Vec::new();
            return;
        }
        // Since the ISR fell below the minimum nothing was committed without these.
        let mut candidates: Vec<i32> = self.target_elr.iter().chain(&self.partition.isr).copied().collect();
        candidates.order();
        candidates.dedup();
        let trusted = |replica: &i32| !self.unclean_shutdown_replicas.contains(replica);
        let outside = |replica: &i32| !self.target_isr.contains(replica);
        self.target_elr = candidates.iter().copied().filter(|replica| outside(replica) && trusted(replica)).collect();
        candidates.extend(&self.partition.last_known_elr);
        candidates.order();
        candidates.dedup();
        candidates.retain(|replica| outside(replica) && !self.target_elr.contains(replica));
        self.target_last_known_elr = candidates;
    }

    fn elect(&mut self, record: &mut PartitionChangeRecord) {
        let ElectionResult { node, unclean } = self.elect_leader();
        if node == self.partition.leader {
            return;
        }
        record.leader = node;
        if unclean {
            // Only the new leader's log counts from here on.
            record.isr = Some(vec![node]);
            let recovering = self.partition.leader_recovery_state == LeaderRecoveryState::Recovering;
            if !recovering && self.version.has_leader_recovery() {
                record.leader_recovery_state = LeaderRecoveryState::Recovering.value();
            }
        } else if self.target_elr.contains(&node) {
            self.target_isr = vec![node];
            self.target_elr.retain(|replica| *replica != node);
        }
    }

    fn record_eligible_replicas(&mut self, record: &mut PartitionChangeRecord) {
        let was_unclean = record.isr.is_some();
        if was_unclean || !self.elr_enabled {
            self.target_elr = Vec::new();
            self.target_last_known_elr = Vec::new();
        }
        if self.target_elr != self.partition.elr {
            record.eligible_leader_replicas = Some(self.target_elr.clone());
        }
        // With `use_last_known_leader` the field holds that one instead: see `record_last_known_leader`.
        if !self.use_last_known_leader && self.target_last_known_elr != self.partition.last_known_elr {
            record.last_known_elr = Some(self.target_last_known_elr.clone());
        }
    }

    fn record_last_known_leader(&self, record: &mut PartitionChangeRecord) {
        if !self.use_last_known_leader || !self.elr_enabled {
            return;
        }
        let partition = self.partition;
        let becomes_leaderless = record.isr.as_ref().is_some_and(Vec::is_empty);
        let has_leader = record.leader >= 0 || (partition.has_leader() && record.leader != LEADER_NONE);
        if becomes_leaderless && partition.last_known_elr != [partition.leader] {
            record.last_known_elr = Some(vec![partition.leader]);
        } else if has_leader && !partition.last_known_elr.is_empty() {
            record.last_known_elr = Some(Vec::new());
        }
    }

    /// Names the same leader again, where its epoch must go up although it stays.
    fn bump_leader_epoch(&self, record: &mut PartitionChangeRecord) {
        if record.leader != LEADER_NO_CHANGE {
            return;
        }
        let lost = |new: &[i32], old: &[i32]| old.iter().any(|replica| !new.contains(replica));
        let replica_removed = lost(&self.target_replicas, &self.partition.replicas);
        let isr_shrinks = record.isr.as_ref().is_some_and(|isr| lost(isr, &self.partition.isr));
        if replica_removed || (isr_shrinks && !self.version.keeps_leader_epoch_on_isr_shrink()) {
            record.leader = self.partition.leader;
        }
    }

    fn record_assignment(&self, record: &mut PartitionChangeRecord, default_directory: impl Fn(i32) -> Uuid) {
        let partition = self.partition;
        if !self.target_replicas.is_empty() && self.target_replicas != partition.replicas {
            record.replicas = Some(self.target_replicas.clone());
            if self.version.has_directories() {
                let directory =
                    |replica: &i32| partition.directory(*replica).unwrap_or_else(|| default_directory(*replica));
                record.directories = Some(self.target_replicas.iter().map(directory).collect());
            }
        }
        if self.target_removing != partition.removing_replicas {
            record.removing_replicas = Some(self.target_removing.clone());
        }
        if self.target_adding != partition.adding_replicas {
            record.adding_replicas = Some(self.target_adding.clone());
        }
    }
}

/// The directory that a broker's new replicas go to, by the directories that it has registered.
pub fn default_directory(registered: &[Uuid]) -> Uuid {
    match registered {
        [] => super::partition::DIRECTORY_MIGRATING,
        [only] => *only,
        _ => DIRECTORY_UNASSIGNED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MetadataRecord;

    const MIN_ISR: usize = 2;

    fn partition(replicas: &[i32], isr: &[i32]) -> PartitionRegistration {
        PartitionRegistration::new(replicas.to_vec(), vec![DIRECTORY_UNASSIGNED; replicas.len()], isr.to_vec())
    }

    /// What is left of `before` when the ISR becomes `isr` and only `alive` brokers may lead.
    fn change(
        before: &PartitionRegistration,
        isr: &[i32],
        alive: &[i32],
        unclean_shutdown: &[i32],
    ) -> PartitionRegistration {
        let acceptable = |replica| alive.contains(&replica);
        let mut builder = PartitionChangeBuilder::new(before, acceptable, MetadataVersion::LATEST, MIN_ISR);
        builder.elr_enabled = true;
        builder.target_isr = isr.to_vec();
        builder.unclean_shutdown_replicas = unclean_shutdown.to_vec();
        match builder.build(Uuid::nil(), 0, |_| DIRECTORY_UNASSIGNED) {
            Some(VersionedRecord { record: MetadataRecord::PartitionChange(change), version: 2 }) => {
                before.merge(&change)
            }
            None => before.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The story of a partition with `min.insync.replicas=2` that loses 2, then 3, then 1, all by a crash, and gets
    /// them back, as it happened on a real cluster.
    #[test]
    fn eligible_replicas_come_and_go() {
        let whole = partition(&[1, 2, 3], &[1, 2, 3]);
        let without_2 = change(&whole, &[1, 3], &[1, 3], &[]);
        assert_eq!((without_2.leader, &without_2.elr[..]), (1, &[][..]), "the ISR is large enough");
        let only_1 = change(&without_2, &[1], &[1], &[]);
        assert_eq!((only_1.leader, &only_1.elr[..]), (1, &[3][..]), "3 has all that was committed");
        let dead = change(&only_1, &[], &[], &[]);
        assert_eq!((dead.leader, dead.leader_epoch), (LEADER_NONE, 1));
        assert_eq!((&dead.isr[..], &dead.elr[..], &dead.last_known_elr[..]), (&[][..], &[1, 3][..], &[1][..]));
        let back_1 = change(&dead, &[], &[1], &[1]);
        assert_eq!((back_1.leader, &back_1.elr[..]), (LEADER_NONE, &[3][..]), "it crashed: its disk is not trusted");
        let back_3 = change(&back_1, &[], &[1], &[3]);
        assert_eq!((back_3.leader, back_3.leader_epoch, &back_3.isr[..]), (1, 2, &[1][..]), "the last leader leads");
        assert_eq!(back_3.leader_recovery_state, LeaderRecoveryState::Recovering);
        assert_eq!((&back_3.elr[..], &back_3.last_known_elr[..]), (&[][..], &[][..]));
    }

    #[test]
    fn an_eligible_replica_leads_cleanly() {
        let mut only_1 = partition(&[1, 2, 3], &[1]);
        only_1.elr = vec![3];
        let led_by_3 = change(&only_1, &[], &[3], &[]);
        assert_eq!((led_by_3.leader, &led_by_3.isr[..], &led_by_3.elr[..]), (3, &[3][..], &[1][..]));
        assert_eq!(led_by_3.leader_recovery_state, LeaderRecoveryState::Recovered);
    }

    #[test]
    fn a_reassignment_completes_when_all_targets_are_in_the_isr() {
        let mut moving = partition(&[4, 5, 1, 2], &[1, 2]);
        moving.leader = 1;
        (moving.removing_replicas, moving.adding_replicas) = (vec![1, 2], vec![4, 5]);
        let half = change(&moving, &[1, 2, 4], &[1, 2, 4, 5], &[]);
        assert_eq!((half.is_reassigning(), half.leader_epoch), (true, 0));
        let done = change(&half, &[1, 2, 4, 5], &[1, 2, 4, 5], &[]);
        assert_eq!((done.is_reassigning(), &done.replicas[..], &done.isr[..]), (false, &[4, 5][..], &[4, 5][..]));
        assert_eq!((done.leader, done.leader_epoch, done.directories.len()), (4, 1, 2));
    }

    #[test]
    fn nothing_to_do_is_no_record() {
        let whole = partition(&[1, 2, 3], &[1, 2, 3]);
        let builder = PartitionChangeBuilder::new(&whole, |_| true, MetadataVersion::LATEST, MIN_ISR);
        assert_eq!(builder.build(Uuid::nil(), 0, |_| DIRECTORY_UNASSIGNED), None);
    }
}
