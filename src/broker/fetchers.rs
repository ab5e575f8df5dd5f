//! The fetchers of a broker, one for each leader that it follows (`ReplicaFetcherManager`), and which of them have
//! something to do.
//!
//! With a hundred brokers a broker has 99 fetchers, of which an input concerns one. So it is kept which were touched
//! since they were last polled, when each wants to be woken, and which connection is whose.

use super::fetcher::ReplicaFetcher;
use crate::base::{ConnId, SimTime, SortedMap, SortedSet};
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub(super) struct Fetchers {
    by_source: SortedMap<i32, Known>,
    touched: SortedSet<i32>,
    conns: SortedMap<ConnId, i32>,
    deadlines: SortedSet<(SimTime, i32)>,
}

/// A fetcher, and the connection and the deadline under which it is found.
#[derive(Clone, Debug)]
struct Known {
    /// None while it is taken.
    fetcher: Option<Arc<ReplicaFetcher>>,
    conn: Option<ConnId>,
    deadline: Option<SimTime>,
}

impl Fetchers {
    pub(super) fn get(&self, source: i32) -> Option<&ReplicaFetcher> {
        self.by_source.get(&source)?.fetcher.as_deref()
    }

    /// A fetcher that is about to change.
    pub(super) fn get_mut(&mut self, source: i32) -> Option<&mut ReplicaFetcher> {
        let known = self.by_source.get_mut(&source)?;
        self.touched.insert(source);
        known.fetcher.as_mut().map(Arc::make_mut)
    }

    pub(super) fn get_or_insert_with(
        &mut self,
        source: i32,
        new: impl FnOnce() -> ReplicaFetcher,
    ) -> &mut ReplicaFetcher {
        self.touched.insert(source);
        let known = self.by_source.entry(source);
        let known = known.or_insert_with(|| Known { fetcher: None, conn: None, deadline: None });
        Arc::make_mut(known.fetcher.get_or_insert_with(|| Arc::new(new())))
    }

    pub(super) fn remove(&mut self, source: i32) -> Option<ReplicaFetcher> {
        self.touched.remove(&source);
        let known = self.by_source.remove(&source)?;
        known.conn.map(|conn| self.conns.remove(&conn));
        known.deadline.map(|at| self.deadlines.remove(&(at, source)));
        known.fetcher.map(Arc::unwrap_or_clone)
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

    /// The fetchers that were touched since this was last called, and those whose deadline has come; by id.
    pub(super) fn take_touched(&mut self, now: SimTime) -> SortedSet<i32> {
        let mut taken = std::mem::take(&mut self.touched);
        taken.extend(self.due(now));
        taken
    }

    /// Takes a fetcher, which is removed or put back at once.
    pub(super) fn take(&mut self, source: i32) -> Option<Arc<ReplicaFetcher>> {
        self.by_source.get_mut(&source)?.fetcher.take()
    }

    /// Puts back a fetcher that was taken, and notes where it is found now.
    pub(super) fn put_back(&mut self, source: i32, fetcher: Arc<ReplicaFetcher>) {
        let Some(known) = self.by_source.get_mut(&source) else { return };
        let (conn, deadline) = (fetcher.connection(), fetcher.next_deadline());
        known.fetcher = Some(fetcher);
        let conn_before = std::mem::replace(&mut known.conn, conn);
        let deadline_before = std::mem::replace(&mut known.deadline, deadline);
        if conn_before != conn {
            conn_before.map(|conn| self.conns.remove(&conn));
            conn.map(|conn| self.conns.insert(conn, source));
        }
        if deadline_before != deadline {
            deadline_before.map(|at| self.deadlines.remove(&(at, source)));
            deadline.map(|at| self.deadlines.insert((at, source)));
        }
    }
}
