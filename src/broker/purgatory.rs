//! The purgatory: requests that wait for a condition or for their time to run out.

use super::fetch::Fetch;
use super::produce::DelayedProduce;
use crate::base::{ConnId, SimTime, TopicPartition};
use crate::network::Pending;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A request that waits.
#[derive(Clone, Debug)]
pub(super) struct Parked {
    pub(super) pending: Pending,
    pub(super) request: Waiting,
    pub(super) deadline: SimTime,
}

/// What waits, and for what.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    /// A fetch, until its partitions have `fetch.min.bytes` to return, or for `fetch.max.wait.ms`.
    Fetch(Arc<Fetch>),
    /// A produce with acks=all, until the high watermark has passed its records, or for its timeout.
    Produce(DelayedProduce),
}

impl Waiting {
    /// The partitions that it waits for.
    fn partitions(&self) -> Vec<&TopicPartition> {
        match self {
            Self::Fetch(fetch) => fetch.wanted.iter().map(|wanted| &wanted.tp).collect(),
            Self::Produce(produce) => produce.partitions().collect(),
        }
    }
}

/// The requests that wait, by the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Purgatory {
    next_id: u64,
    parked: imbl::OrdMap<u64, Parked>,
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

    pub(super) fn park(&mut self, parked: Parked) {
        let id = self.next_id;
        self.next_id += 1;
        self.deadlines.insert((parked.deadline, id));
        for tp in parked.request.partitions() {
            self.watchers.insert((tp.clone(), id));
        }
        self.parked.insert(id, parked);
    }

    pub(super) fn get(&self, id: u64) -> Option<&Parked> {
        self.parked.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Parked> {
        self.parked.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Parked> {
        let parked = self.parked.remove(&id)?;
        self.deadlines.remove(&(parked.deadline, id));
        for tp in parked.request.partitions() {
            self.watchers.remove(&(tp.clone(), id));
        }
        Some(parked)
    }

    /// Notes that something happened to a partition: records, its high watermark, its leader.
    pub(super) fn touch(&mut self, tp: &TopicPartition) {
        if self.parked.is_empty() {
            return;
        }
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
            self.parked.iter().filter(|(_, parked)| parked.pending.conn == conn).map(|(id, _)| *id).collect();
        for id in gone {
            self.remove(id);
        }
    }
}
