//! What a shard knows, and what it knew as of each write that is not committed yet (Kafka's `SnapshotRegistry` with the
//! timeline collections over it).
//!
//! Which groups there are and which offsets are committed goes back to an earlier moment when a write fails, and is read
//! as of the last commit by those who must not see more. What is inside a group does not go back and is always read as it
//! is: members that have been answered cannot be unanswered. So the timeline maps a group's id to the *incarnation* of
//! the group, and the groups themselves are beside it.

use super::classic::ClassicGroup;
use super::effect::WriteId;
use super::offsets::{OffsetAndMetadata, Offsets};
use crate::base::{OrdMap, Vector};
use crate::wire::{GroupRecord, StrBytes};
use std::sync::Arc;

/// One life of a group: a group that is deleted and comes again is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Incarnation(u64);

/// What goes back in time.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    groups: OrdMap<StrBytes, Incarnation>,
    pub(super) offsets: Offsets,
    /// Incarnations from here on began later.
    next_incarnation: u64,
}

impl Known {
    pub(super) fn group(&self, group_id: &StrBytes) -> Option<Incarnation> {
        self.groups.get(group_id).copied()
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = (&StrBytes, Incarnation)> {
        self.groups.iter().map(|(id, incarnation)| (id, *incarnation))
    }
}

/// What a shard knows, now and as of its writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    now: Known,
    committed: Known,
    /// As of each write that is not committed.
    written: OrdMap<WriteId, Known>,
    groups: OrdMap<Incarnation, Arc<ClassicGroup>>,
    /// Groups that a write deleted: they are forgotten when it is committed.
    deleted: Vector<(WriteId, Incarnation)>,
    next_incarnation: u64,
}

impl Timeline {
    /// What is known now, committed or not.
    pub(super) fn now(&self) -> &Known {
        &self.now
    }

    /// What is known as of the last committed write.
    pub(super) fn committed(&self) -> &Known {
        &self.committed
    }

    /// A group as it is.
    ///
    /// # Panics
    /// When it is forgotten.
    pub(super) fn group(&self, incarnation: Incarnation) -> &ClassicGroup {
        &self.groups[&incarnation]
    }

    /// A group, to change it.
    ///
    /// # Panics
    /// When it is forgotten.
    pub(super) fn group_mut(&mut self, incarnation: Incarnation) -> &mut ClassicGroup {
        Arc::make_mut(self.groups.get_mut(&incarnation).expect("a group that is not forgotten"))
    }

    /// A new group.
    pub(super) fn create(&mut self, group: ClassicGroup) -> Incarnation {
        let incarnation = Incarnation(self.next_incarnation);
        self.next_incarnation += 1;
        self.now.next_incarnation = self.next_incarnation;
        self.now.groups.insert(group.group_id.clone(), incarnation);
        self.groups.insert(incarnation, Arc::new(group));
        incarnation
    }

    /// Takes in a record that `write` is to append, or, without one, a record of the log.
    pub(super) fn replay(&mut self, record: &GroupRecord, write: Option<WriteId>) {
        match record {
            GroupRecord::OffsetCommit(key, Some(value)) => {
                if self.now.group(&key.group).is_none() {
                    self.create(ClassicGroup::new(key.group.clone(), None));
                }
                self.now.offsets.put(key, OffsetAndMetadata::from_record(value));
            }
            GroupRecord::OffsetCommit(key, None) => self.now.offsets.remove(key),
            GroupRecord::GroupMetadata(key, value) => {
                if let Some(before) = self.now.groups.remove(&key.group) {
                    match write {
                        Some(write) => self.deleted.push_back((write, before)),
                        None => drop(self.groups.remove(&before)),
                    }
                }
                if let Some(value) = value {
                    self.create(ClassicGroup::from_record(key.group.clone(), value));
                }
            }
        }
    }

    /// `write` was appended: what is known now is so as of it.
    pub(super) fn written(&mut self, write: WriteId) {
        self.written.insert(write, self.now.clone());
    }

    /// What is known now is committed, with nothing written since.
    pub(super) fn all_committed(&mut self) {
        self.committed = self.now.clone();
    }

    /// `write` and all before it are committed.
    pub(super) fn commit(&mut self, write: WriteId) {
        let Some((_, known)) = self.written.get_prev(&write) else { return };
        self.committed = known.clone();
        while let Some((first, _)) = self.written.get_min().filter(|(first, _)| *first <= write) {
            let first = *first;
            self.written.remove(&first);
        }
        while self.deleted.front().is_some_and(|(deleted_by, _)| *deleted_by <= write) {
            let (_, incarnation) = self.deleted.pop_front().expect("there is a first");
            self.groups.remove(&incarnation);
        }
    }

    /// `write` and all after it are not in the log: goes back to what was known as of the write before.
    pub(super) fn revert(&mut self, write: WriteId) {
        while let Some((last, _)) = self.written.get_max().filter(|(last, _)| *last >= write) {
            let last = *last;
            self.written.remove(&last);
        }
        self.now = self.written.get_max().map_or(&self.committed, |(_, known)| known).clone();
        self.deleted.retain(|(deleted_by, _)| *deleted_by < write);
        let later = Incarnation(self.now.next_incarnation);
        self.groups.retain(|incarnation, _| *incarnation < later);
    }
}
