//! The purgatory: requests that wait for a condition or for their time to run out.

use super::Pending;
use super::fetch::Fetch;
use crate::base::{ConnId, SimTime, TopicPartition};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A fetch that waits until its partitions have `fetch.min.bytes` to return, or for `fetch.max.wait.ms`.
#[derive(Clone, Debug)]
pub(super) struct ParkedFetch {
    pub(super) pending: Pending,
    pub(super) fetch: Arc<Fetch>,
    pub(super) deadline: SimTime,
}

/// The requests that wait, by the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Purgatory {
    next_id: u64,
    parked: imbl::OrdMap<u64, ParkedFetch>,
    deadlines: imbl::OrdSet<(SimTime, u64)>,
    watchers: imbl::OrdSet<(TopicPartition, u64)>,
    touched: BTreeSet<u64>,
}

impl Purgatory {
    pub(super) fn len(&self) -> usize {
        self.parked.len()
    }

    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        self.deadlines.get_min().map(|(at, _)| *at)
    }

    pub(super) fn park(&mut self, fetch: ParkedFetch) {
        let id = self.next_id;
        self.next_id += 1;
        self.deadlines.insert((fetch.deadline, id));
        for wanted in &fetch.fetch.wanted {
            self.watchers.insert((wanted.tp.clone(), id));
        }
        self.parked.insert(id, fetch);
    }

    pub(super) fn get(&self, id: u64) -> Option<&ParkedFetch> {
        self.parked.get(&id)
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<ParkedFetch> {
        let fetch = self.parked.remove(&id)?;
        self.deadlines.remove(&(fetch.deadline, id));
        for wanted in &fetch.fetch.wanted {
            self.watchers.remove(&(wanted.tp.clone(), id));
        }
        Some(fetch)
    }

    /// Notes that a partition's high watermark moved.
    pub(super) fn touch(&mut self, tp: &TopicPartition) {
        let watchers = self.watchers.range((tp.clone(), 0)..=(tp.clone(), u64::MAX));
        self.touched.extend(watchers.map(|(_, id)| *id));
    }

    /// The requests that a touched partition may satisfy, oldest first.
    pub(super) fn take_touched(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.touched)
    }

    /// A request whose time is up, the earliest first.
    pub(super) fn expired(&self, now: SimTime) -> Option<u64> {
        self.deadlines.get_min().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// Drops what waits on a connection that is gone.
    pub(super) fn forget(&mut self, conn: ConnId) {
        let gone: Vec<u64> =
            self.parked.iter().filter(|(_, fetch)| fetch.pending.conn == conn).map(|(id, _)| *id).collect();
        for id in gone {
            self.remove(id);
        }
    }
}
