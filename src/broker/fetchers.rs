//! The fetchers of a broker, one for each leader that it follows (`ReplicaFetcherManager`), and which of them have
//! something to do.
//!
//! With a hundred brokers a broker has 99 fetchers, of which an input concerns one. So it is kept which were touched
//! since they were last polled, when each wants to be woken, and which connection is whose.

use super::fetcher::ReplicaFetcher;
use crate::base::{ConnId, SimTime};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub(super) struct Fetchers {
    by_source: BTreeMap<i32, Arc<ReplicaFetcher>>,
    touched: BTreeSet<i32>,
    conns: BTreeMap<ConnId, i32>,
    deadlines: BTreeSet<(SimTime, i32)>,
    /// The connection and the deadline under which each is found above.
    settled: BTreeMap<i32, (Option<ConnId>, Option<SimTime>)>,
}

impl Fetchers {
    pub(super) fn get(&self, source: i32) -> Option<&ReplicaFetcher> {
        self.by_source.get(&source).map(|fetcher| &**fetcher)
    }

    /// A fetcher that is about to change.
    pub(super) fn get_mut(&mut self, source: i32) -> Option<&mut ReplicaFetcher> {
        let fetcher = self.by_source.get_mut(&source)?;
        self.touched.insert(source);
        Some(Arc::make_mut(fetcher))
    }

    pub(super) fn get_or_insert_with(
        &mut self,
        source: i32,
        new: impl FnOnce() -> ReplicaFetcher,
    ) -> &mut ReplicaFetcher {
        self.touched.insert(source);
        Arc::make_mut(self.by_source.entry(source).or_insert_with(|| Arc::new(new())))
    }

    pub(super) fn remove(&mut self, source: i32) -> Option<ReplicaFetcher> {
        let removed = self.by_source.remove(&source).map(Arc::unwrap_or_clone);
        self.settle(source);
        removed
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = i32> {
        self.by_source.keys().copied()
    }

    /// Whose connection it is.
    pub(super) fn owner(&self, conn: ConnId) -> Option<i32> {
        self.conns.get(&conn).copied()
    }

    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The fetchers whose deadline has come.
    pub(super) fn due(&self, now: SimTime) -> Vec<i32> {
        self.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, source)| *source).collect()
    }

    /// The fetchers that were touched since this was last called.
    pub(super) fn take_touched(&mut self) -> BTreeSet<i32> {
        std::mem::take(&mut self.touched)
    }

    /// Notes where a fetcher is found now; it counts as touched no more.
    pub(super) fn settle(&mut self, source: i32) {
        self.touched.remove(&source);
        let now = self.get(source).map_or((None, None), |fetcher| (fetcher.connection(), fetcher.next_deadline()));
        let before = self.settled.insert(source, now).unwrap_or_default();
        if before.0 != now.0 {
            before.0.map(|conn| self.conns.remove(&conn));
            now.0.map(|conn| self.conns.insert(conn, source));
        }
        if before.1 != now.1 {
            before.1.map(|at| self.deadlines.remove(&(at, source)));
            now.1.map(|at| self.deadlines.insert((at, source)));
        }
        if !self.by_source.contains_key(&source) {
            self.settled.remove(&source);
        }
    }
}
