//! What the admin client knows of the cluster (`AdminMetadataManager`): the brokers and the controller, and when to ask
//! anew. Other than a producer's or consumer's metadata it holds no topics.

use crate::base::{Endpoint, SimDuration, SimTime, SortedMap};
use crate::network::NodeId;
use crate::wire::messages::MetadataResponse;

/// The brokers as the last Metadata response had them; before the first, the bootstrap servers as nodes -1, -2 …
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    known: SortedMap<NodeId, Endpoint>,
    controller: Option<NodeId>,
    is_bootstrap: bool,
    state: State,
    updated_at: SimTime,
    asked_at: Option<SimTime>,
    refresh_backoff: SimDuration,
    max_age: SimDuration,
}

fn numbered(bootstrap: &[Endpoint]) -> SortedMap<NodeId, Endpoint> {
    (1..).zip(bootstrap).map(|(number, endpoint)| (-number, endpoint.clone())).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Quiescent,
    UpdateRequested,
    UpdatePending,
}

impl Nodes {
    /// Nothing but bootstrap servers. Refreshes keep `refresh_backoff` (`retry.backoff.ms`) between them and come at
    /// least every `max_age` (`metadata.max.age.ms`).
    pub(super) fn new(bootstrap: &[Endpoint], refresh_backoff: SimDuration, max_age: SimDuration) -> Self {
        Self {
            known: numbered(bootstrap),
            controller: None,
            is_bootstrap: true,
            state: State::UpdateRequested,
            updated_at: SimTime::ZERO,
            asked_at: None,
            refresh_backoff,
            max_age,
        }
    }

    /// Forgets the brokers for the bootstrap servers.
    pub(super) fn rebootstrap(&mut self, bootstrap: &[Endpoint]) {
        (self.known, self.controller, self.is_bootstrap) = (numbered(bootstrap), None, true);
    }

    /// Whether brokers are known, beyond the bootstrap servers.
    pub(super) fn are_known(&self) -> bool {
        !self.is_bootstrap
    }

    /// Every node, by id.
    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.known.keys().copied()
    }

    pub(super) fn endpoint(&self, node: NodeId) -> Option<&Endpoint> {
        self.known.get(&node)
    }

    pub(super) fn controller(&self) -> Option<NodeId> {
        self.controller
    }

    /// The controller has said that it is none.
    pub(super) fn clear_controller(&mut self) {
        self.controller = None;
    }

    pub(super) fn request_update(&mut self) {
        if self.state == State::Quiescent {
            self.state = State::UpdateRequested;
        }
    }

    /// When to ask for metadata; none while an answer is awaited.
    pub(super) fn due_at(&self) -> Option<SimTime> {
        let backed_off = self.asked_at.map_or(SimTime::ZERO, |at| at + self.refresh_backoff);
        match self.state {
            State::Quiescent => Some(backed_off.max(self.updated_at + self.max_age)),
            State::UpdateRequested => Some(backed_off),
            State::UpdatePending => None,
        }
    }

    /// Metadata is asked for now.
    pub(super) fn update_pending(&mut self, now: SimTime) {
        self.state = State::UpdatePending;
        self.asked_at = Some(now);
    }

    /// Metadata could not be had. Whoever needs it will ask for it.
    pub(super) fn update_failed(&mut self) {
        self.state = State::Quiescent;
    }

    pub(super) fn update(&mut self, response: &MetadataResponse, now: SimTime) {
        self.state = State::Quiescent;
        self.updated_at = now;
        if response.brokers.is_empty() {
            return;
        }
        let node = |b: &crate::wire::messages::metadata_response::MetadataResponseBroker| {
            (b.node_id.0, Endpoint { host: (*b.host).into(), port: b.port as u16 })
        };
        self.known = response.brokers.iter().map(node).collect();
        self.is_bootstrap = false;
        let controller = response.controller_id.0;
        self.controller = self.known.contains_key(&controller).then_some(controller);
    }
}
