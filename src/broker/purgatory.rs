//! The purgatory: requests that wait for a condition or for their time to run out.

use super::fetch::Fetch;
use super::produce::DelayedProduce;
use crate::base::{ConnId, OrdMap, OrdSet, SimTime, SortedSet, TopicPartition};
use crate::network::Pending;
use std::sync::Arc;

/// In place of a high watermark: the partition has more records. Who waits for this waits for whatever happens to it.
pub(super) const RECORDS: i64 = -1;
/// In place of a high watermark: the partition has another leader, or is gone.
pub(super) const LEADER: i64 = i64::MAX;

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
    Produce(Box<DelayedProduce>),
}

impl Waiting {
    /// The partitions that it waits for, each with the high watermark without which nothing changes for it; but for those
    /// that its fetch session watches.
    fn watched(&self) -> Vec<(&TopicPartition, i64)> {
        match self {
            Self::Fetch(fetch) if fetch.by_session => Vec::new(),
            Self::Fetch(fetch) => fetch.wanted.iter().map(|asked| (&asked.wanted.tp, RECORDS)).collect(),
            Self::Produce(produce) => produce.awaited().collect(),
        }
    }
}

/// The requests that wait, by the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Purgatory {
    next_id: u64,
    parked: OrdMap<u64, Parked>,
    deadlines: OrdSet<(SimTime, u64)>,
    /// Partition, the high watermark that is awaited, and who waits.
    watchers: OrdSet<(TopicPartition, i64, u64)>,
    touched: SortedSet<u64>,
}

impl Purgatory {
    pub(super) fn len(&self) -> usize {
        self.parked.len()
    }

    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        self.deadlines.get_min().map(|(at, _)| *at)
    }

    /// Lets a request wait; its place.
    pub(super) fn park(&mut self, parked: Parked) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.deadlines.insert((parked.deadline, id));
        self.watch(id, &parked.request);
        self.parked.insert(id, parked);
        id
    }

    fn watch(&mut self, id: u64, request: &Waiting) {
        for (tp, awaited) in request.watched() {
            self.watchers.insert((tp.clone(), awaited, id));
        }
    }

    /// The session of a fetch may be another one from now on, so the fetch watches its partitions itself.
    pub(super) fn leave_session(&mut self, id: u64) {
        let Some(Waiting::Fetch(fetch)) = self.parked.get_mut(&id).map(|parked| &mut parked.request) else { return };
        Arc::make_mut(fetch).by_session = false;
        let request = Waiting::Fetch(fetch.clone());
        self.watch(id, &request);
    }

    pub(super) fn get(&self, id: u64) -> Option<&Parked> {
        self.parked.get(&id)
    }

    /// A request waits for less than before.
    pub(super) fn replace(&mut self, id: u64, request: Waiting) {
        let Some(parked) = self.parked.get_mut(&id) else { return };
        let before = std::mem::replace(&mut parked.request, request);
        let left = parked.request.watched();
        for (tp, awaited) in before.watched().into_iter().filter(|watched| !left.contains(watched)) {
            self.watchers.remove(&(tp.clone(), awaited, id));
        }
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Parked> {
        let parked = self.parked.remove(&id)?;
        self.deadlines.remove(&(parked.deadline, id));
        for (tp, awaited) in parked.request.watched() {
            self.watchers.remove(&(tp.clone(), awaited, id));
        }
        Some(parked)
    }

    /// Notes where a partition's high watermark is: who waits for a later one is left alone.
    pub(super) fn touch(&mut self, tp: &TopicPartition, high_watermark: i64) {
        if self.parked.is_empty() {
            return;
        }
        let watchers = self.watchers.range((tp.clone(), RECORDS, 0)..=(tp.clone(), high_watermark, u64::MAX));
        self.touched.extend(watchers.map(|(.., id)| *id));
    }

    /// Notes that something has happened for which requests wait.
    pub(super) fn touch_requests(&mut self, ids: Vec<u64>) {
        self.touched.extend(ids);
    }

    /// How many partitions are watched, each once for every request that waits for it.
    #[cfg(test)]
    pub(super) fn watchers(&self) -> usize {
        self.watchers.len()
    }

    /// The requests that a touched partition may satisfy, oldest first.
    pub(super) fn take_touched(&mut self) -> SortedSet<u64> {
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

#[cfg(test)]
mod tests {
    use super::super::fetch::Wanted;
    use super::super::fetch_session::{InTurn, SessionUse};
    use super::*;
    use crate::wire::ApiKey;

    fn orders(partition: i32) -> TopicPartition {
        TopicPartition::new("orders", partition)
    }

    fn parked(request: Waiting) -> Parked {
        let conn = ConnId(1);
        let pending = Pending { conn, api: ApiKey::Produce, version: 13, correlation_id: 1, envelope: None };
        Parked { pending, request, deadline: SimTime(9) }
    }

    fn produce(awaited: &[(i32, i64)]) -> Waiting {
        let awaited = awaited.iter().map(|(partition, hw)| (orders(*partition), *hw));
        Waiting::Produce(Box::new(DelayedProduce::waiting(awaited)))
    }

    #[test]
    fn a_produce_is_touched_by_its_high_watermark_and_by_the_end_of_the_lead() {
        let mut purgatory = Purgatory::default();
        purgatory.park(parked(produce(&[(0, 10)])));
        purgatory.touch(&orders(0), RECORDS);
        purgatory.touch(&orders(0), 9);
        purgatory.touch(&orders(1), LEADER);
        assert!(purgatory.take_touched().is_empty());
        purgatory.touch(&orders(0), 10);
        assert_eq!(purgatory.take_touched(), [0].into());
        purgatory.touch(&orders(0), LEADER);
        assert_eq!(purgatory.take_touched(), [0].into());
    }

    #[test]
    fn nothing_watches_for_what_is_settled() {
        let mut purgatory = Purgatory::default();
        purgatory.park(parked(produce(&[(0, 10), (1, 20)])));
        assert_eq!(purgatory.watchers(), 2);
        purgatory.replace(0, produce(&[(1, 20)]));
        assert_eq!(purgatory.watchers(), 1);
        purgatory.remove(0);
        assert_eq!((purgatory.watchers(), purgatory.len()), (0, 0));
    }

    #[test]
    fn a_fetch_watches_its_partitions_itself_once_it_has_left_its_session() {
        let mut purgatory = Purgatory::default();
        let wanted = vec![InTurn::first(Wanted::named(orders(0)))];
        let fetch = Fetch::of_session(SessionUse::Incremental(1), Arc::new(wanted));
        let place = purgatory.park(parked(Waiting::Fetch(Arc::new(fetch))));
        purgatory.touch(&orders(0), RECORDS);
        assert!(purgatory.take_touched().is_empty() && purgatory.watchers() == 0);
        purgatory.leave_session(place);
        purgatory.touch(&orders(0), RECORDS);
        assert_eq!(purgatory.take_touched(), [place].into());
        purgatory.remove(place);
        assert_eq!((purgatory.watchers(), purgatory.len()), (0, 0));
    }
}
