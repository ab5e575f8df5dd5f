//! The outside: where connections of clients that are not of this world end. It speaks bytes.
//!
//! Everybody outside shares one host, `outside`, so that faults can name it: `cut broker 1 outside`. Whoever carries
//! the bytes (the gateway) gives a connection's next frame only when its broker is [ready for
//! it](World::external_is_ready), as a broker reads a socket only then.

use super::CommandError;
use super::host::{Host, Node};
use super::net::Side;
use super::world::World;
use crate::base::{ConnId, HostId, SortedMap, SortedSet};
use crate::machine::Input;
use crate::wire::{Message, Response};
use bytes::Bytes;
use std::sync::Arc;

/// What came back on each connection from outside, and which of them stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Outside {
    ends: SortedMap<ConnId, End>,
    /// The connections to which something happened that nobody has looked at.
    news: SortedSet<ConnId>,
}

/// The outer end of a connection.
#[derive(Clone, Debug, Default)]
struct End {
    /// Closed from within; what came back before can still be taken.
    closed: bool,
    came_back: Vec<Arc<Response>>,
}

impl Outside {
    pub(super) fn handle(&mut self, input: Input) {
        let conn = match input {
            Input::Connected(conn) => {
                self.ends.insert(conn, End::default());
                conn
            }
            Input::Disconnected(conn) => {
                self.ends.entry(conn).or_default().closed = true;
                conn
            }
            Input::Received(conn, Message::Response(response)) => {
                self.ends.entry(conn).or_default().came_back.push(response);
                conn
            }
            _ => return,
        };
        self.news.insert(conn);
    }

    fn take(&mut self, conn: ConnId) -> Vec<Arc<Response>> {
        let Some(end) = self.ends.get_mut(&conn) else { return Vec::new() };
        let came_back = std::mem::take(&mut end.came_back);
        if end.closed {
            self.ends.remove(&conn);
        }
        came_back
    }
}

impl World {
    /// Gives the world an outside, if it has none yet: from then on faults can name it.
    pub fn external_arrive(&mut self) -> HostId {
        if let Some(host) = self.outside {
            return host;
        }
        let outside = Node::Outside(Outside::default());
        let host = self.add_host(Host::new("outside".into(), outside, self.seed(), self.now()));
        *self.outside.insert(host)
    }

    /// Connects to a broker from outside the world.
    ///
    /// # Errors
    /// When there is no such broker.
    pub fn external_connect(&mut self, broker_id: i32) -> Result<ConnId, CommandError> {
        let server = self.brokers().find(|(_, server)| server.id() == broker_id).map(|(_, server)| server);
        let listener = server.and_then(|server| server.broker_listener().cloned());
        let listener = listener.ok_or_else(|| CommandError(format!("no broker {broker_id}")))?;
        let host = self.external_arrive();
        let mut connected = None;
        self.with_host(host, None, |_, ctx| connected = Some(ctx.connect(listener)));
        self.drop_stale_alarms();
        Ok(connected.expect("the context gave a connection"))
    }

    /// Sends a frame (without its length prefix) from outside.
    pub fn external_send(&mut self, conn: ConnId, frame: Bytes) {
        if let Some(host) = self.outside {
            self.with_host(host, None, |_, ctx| ctx.send(conn, Message::Frame(frame)));
            self.drop_stale_alarms();
        }
    }

    /// Closes a connection from outside.
    pub fn external_close(&mut self, conn: ConnId) {
        if let Some(host) = self.outside {
            self.with_host(host, None, |_, ctx| ctx.close(conn));
            if let Some(outside) = self.outside_mut() {
                outside.ends.remove(&conn);
            }
            self.drop_stale_alarms();
        }
    }

    /// The connections from outside to which something happened since the last call: they stand, are closed, or have
    /// something to [take](World::external_take).
    pub fn external_news(&mut self) -> SortedSet<ConnId> {
        match self.outside_host() {
            Some(outside) if !outside.news.is_empty() => {
                self.outside_mut().map(|outside| std::mem::take(&mut outside.news)).unwrap_or_default()
            }
            _ => SortedSet::new(),
        }
    }

    /// Takes the frames (with their length prefix) that came back on a connection from outside.
    pub fn external_take(&mut self, conn: ConnId) -> Vec<Bytes> {
        let came_back = self.outside_mut().map(|outside| outside.take(conn)).unwrap_or_default();
        came_back.iter().map(|response| response.frame()).collect()
    }

    /// Forgets whatever came back and was not taken: for a run in which nobody outside waits for it.
    pub fn external_forget(&mut self) {
        for conn in self.external_news() {
            self.outside_mut().map(|outside| outside.take(conn));
        }
    }

    /// Whether a connection from outside stands.
    pub fn external_is_open(&self, conn: ConnId) -> bool {
        self.outside_host().and_then(|outside| outside.ends.get(&conn)).is_some_and(|end| !end.closed)
    }

    /// Whether the broker at the other end of a connection from outside has served all that it was sent, so that it
    /// would read on: Kafka mutes a connection from one request to its answer.
    pub fn external_is_ready(&self, conn: ConnId) -> bool {
        let Some(connection) = self.connections.get(conn).filter(|c| c.front(Side::Server).is_none()) else {
            return false;
        };
        let server = connection.server.map(|server| self.host(server));
        match server.map(|host| (&host.node, host.paused)) {
            Some((Node::Server(server), false)) => server.broker().is_some_and(|broker| broker.would_read(conn)),
            _ => false,
        }
    }

    fn outside_host(&self) -> Option<&Outside> {
        match &self.host(self.outside?).node {
            Node::Outside(outside) => Some(outside),
            _ => None,
        }
    }

    fn outside_mut(&mut self) -> Option<&mut Outside> {
        match &mut self.host_mut(self.outside?).node {
            Node::Outside(outside) => Some(outside),
            _ => None,
        }
    }
}
