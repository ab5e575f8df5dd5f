//! Which nodes have a request of ours in flight, and which are left alone for a while after an error
//! (`RequestManager`). A replica has at most one request in flight to each node, and expects no answer to another.

use crate::base::{Rng, SimDuration, SimTime, SortedMap};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The request with this number was sent, and is given up at this time.
    InFlight(i32, SimTime),
    /// An error came back; nothing is sent until this time.
    BackingOff(SimTime),
}

/// The nodes that a replica speaks to.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    nodes: SortedMap<i32, State>,
    next_correlation_id: i32,
    request_timeout: SimDuration,
    retry_backoff: SimDuration,
}

impl Connections {
    pub(super) fn new(request_timeout: SimDuration, retry_backoff: SimDuration) -> Self {
        Self { nodes: SortedMap::new(), next_correlation_id: 0, request_timeout, retry_backoff }
    }

    /// Forgets every request: a new state of the replica expects none of the old one's answers.
    pub(super) fn reset(&mut self) {
        self.nodes.clear();
    }

    /// Forgets what is in flight to one node.
    pub(super) fn forget(&mut self, node: i32) {
        self.nodes.remove(&node);
    }

    /// Whether a request may be sent to `node`; otherwise when to look again.
    pub(super) fn ready(&self, node: i32, now: SimTime) -> Result<(), SimTime> {
        match self.nodes.get(&node) {
            Some(State::InFlight(_, until) | State::BackingOff(until)) if *until > now => Err(*until),
            _ => Ok(()),
        }
    }

    /// Whether a request to `node` was never answered.
    pub(super) fn has_timed_out(&self, node: i32, now: SimTime) -> bool {
        matches!(self.nodes.get(&node), Some(State::InFlight(_, until)) if *until <= now)
    }

    /// Whether `node` is left alone for now.
    pub(super) fn is_backing_off(&self, node: i32, now: SimTime) -> bool {
        matches!(self.nodes.get(&node), Some(State::BackingOff(until)) if *until > now)
    }

    /// When the request that is in flight to any node is given up; none while there is none.
    pub(super) fn in_flight(&self, now: SimTime) -> Option<SimTime> {
        self.nodes.values().find_map(|state| match state {
            State::InFlight(_, until) if *until > now => Some(*until),
            _ => None,
        })
    }

    /// Notes a request and gives it its number; and when to look after it.
    pub(super) fn sent(&mut self, node: i32, now: SimTime) -> (i32, SimTime) {
        let id = self.next_correlation_id;
        self.next_correlation_id = id.wrapping_add(1);
        let until = now + self.request_timeout;
        self.nodes.insert(node, State::InFlight(id, until));
        (id, until)
    }

    /// Whether the answer to a request is still of interest.
    pub(super) fn expects(&self, node: i32, correlation_id: i32) -> bool {
        matches!(self.nodes.get(&node), Some(State::InFlight(id, _)) if *id == correlation_id)
    }

    /// Notes how a request ended, unless the connections were reset meanwhile.
    pub(super) fn answered(&mut self, node: i32, correlation_id: i32, well: bool, now: SimTime) {
        if !self.expects(node, correlation_id) {
            return;
        }
        if well {
            self.nodes.remove(&node);
        } else {
            self.nodes.insert(node, State::BackingOff(now + self.retry_backoff));
        }
    }

    /// A node of `bootstrap` to ask, chosen by lot among those that are ready; or when to try again.
    pub(super) fn any_of(&self, bootstrap: &[i32], now: SimTime, rng: &mut Rng) -> Result<i32, SimTime> {
        if let Some(until) = self.in_flight(now) {
            return Err(until);
        }
        let first = rng.below(bootstrap.len() as u64) as usize;
        let turned = bootstrap.iter().skip(first).chain(bootstrap.iter().take(first));
        turned.copied().find(|node| self.ready(*node, now).is_ok()).ok_or_else(|| self.next_ready(bootstrap, now))
    }

    fn next_ready(&self, bootstrap: &[i32], now: SimTime) -> SimTime {
        let soonest = bootstrap.iter().filter_map(|node| self.ready(*node, now).err()).min();
        soonest.unwrap_or(now + self.retry_backoff)
    }
}
