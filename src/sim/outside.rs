//! The outside: where connections of clients that are not of this world end. It speaks bytes.

use super::CommandError;
use super::host::{Host, Node};
use super::world::World;
use crate::base::{ConnId, HostId};
use crate::machine::Input;
use crate::wire::Message;
use bytes::Bytes;
use std::collections::BTreeMap;

/// What came back on each connection from outside, and which of them stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Outside {
    open: BTreeMap<ConnId, Vec<Bytes>>,
}

impl Outside {
    pub(super) fn handle(&mut self, input: Input) {
        match input {
            Input::Connected(conn) => {
                self.open.insert(conn, Vec::new());
            }
            Input::Disconnected(conn) => {
                self.open.remove(&conn);
            }
            Input::Received(conn, Message::Response(response)) => {
                self.open.entry(conn).or_default().push(response.frame());
            }
            _ => {}
        }
    }
}

impl World {
    /// Connects to a broker from outside the world.
    ///
    /// # Errors
    /// When there is no such broker.
    pub fn external_connect(&mut self, broker_id: i32) -> Result<ConnId, CommandError> {
        let server = self.brokers().find(|(_, server)| server.id() == broker_id).map(|(_, server)| server);
        let listener = server.and_then(|server| server.broker_listener().cloned());
        let listener = listener.ok_or_else(|| CommandError(format!("no broker {broker_id}")))?;
        let host = match self.outside_host() {
            Some(host) => host,
            None => {
                let outside = Node::Outside(Outside::default());
                self.add_host(Host::new("outside".into(), outside, self.seed(), self.now()))
            }
        };
        let mut connected = None;
        self.with_host(host, None, |_, ctx| connected = Some(ctx.connect(listener)));
        Ok(connected.expect("the context gave a connection"))
    }

    /// Sends a frame (without its length prefix) from outside.
    pub fn external_send(&mut self, conn: ConnId, frame: Bytes) {
        if let Some(host) = self.outside_host() {
            self.with_host(host, None, |_, ctx| ctx.send(conn, Message::Frame(frame)));
        }
    }

    /// Takes the frames (with their length prefix) that came back on a connection from outside.
    pub fn external_take(&mut self, conn: ConnId) -> Vec<Bytes> {
        let Some(host) = self.outside_host() else { return Vec::new() };
        match &mut self.host_mut(host).node {
            Node::Outside(outside) => outside.open.get_mut(&conn).map(std::mem::take).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Whether a connection from outside stands.
    pub fn external_is_open(&self, conn: ConnId) -> bool {
        self.hosts().any(|(_, host)| matches!(&host.node, Node::Outside(outside) if outside.open.contains_key(&conn)))
    }

    fn outside_host(&self) -> Option<HostId> {
        self.hosts().find(|(_, host)| matches!(host.node, Node::Outside(_))).map(|(id, _)| id)
    }
}
