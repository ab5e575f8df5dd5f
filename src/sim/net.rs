//! Connections: ordered, with latency, jitter and bandwidth.
//!
//! A connection has two lanes, one each way. What is put on a lane comes out in order: a message that drew a short
//! latency still waits for the one before it, as TCP makes it wait. Opening and closing travel on the lanes too, so a
//! peer learns of a close after it has got all that was sent before.

use super::spec::NetworkProfile;
use crate::base::{ConnId, Endpoint, EventId, HostId, Rng, SimDuration, SimTime, Slots};
use crate::wire::Message;
use std::collections::VecDeque;
use std::sync::Arc;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The end that connected.
    Client,
    /// The end that listened.
    Server,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What travels on a lane.
#[derive(Clone, Debug)]
pub(super) enum Cargo {
    /// The handshake.
    Open,
    /// A message, known by the event that sent it.
    Message(Message),
    /// The end: no more comes.
    Close,
}

#[derive(Clone, Debug)]
pub(super) struct InFlight {
    pub(super) sent: EventId,
    pub(super) arrives: SimTime,
    pub(super) cargo: Cargo,
}

/// One direction of a connection.
#[derive(Clone, Debug)]
struct Lane {
    in_flight: VecDeque<InFlight>,
    /// When the sender's end has put everything so far on the wire.
    free_at: SimTime,
    last_arrival: SimTime,
    rng: Rng,
}

#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) client: HostId,
    /// None: nobody listens there, and the client is about to learn it.
    pub(super) server: Option<HostId>,
    /// Where it goes.
    pub(super) listener: Endpoint,
    client_open: bool,
    server_open: bool,
    to_client: Lane,
    to_server: Lane,
}

/// The connections of a world.
#[derive(Clone, Debug)]
pub(super) struct Connections(Slots<Arc<Connection>>);

impl Connections {
    pub(super) fn new() -> Self {
        Self(Slots::default())
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&Connection> {
        self.0.get(conn.0 as usize).map(|connection| &**connection)
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        self.0.get_mut(conn.0 as usize).map(Arc::make_mut)
    }

    pub(super) fn insert(&mut self, conn: ConnId, connection: Connection) {
        self.0.insert(conn.0 as usize, Arc::new(connection));
    }

    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Connection> {
        self.0.remove(conn.0 as usize).map(Arc::unwrap_or_clone)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnId, &Connection)> {
        self.0.iter().map(|(n, connection)| (ConnId(n as u32), &**connection))
    }
}

impl Connection {
    pub(super) fn new(client: HostId, server: Option<HostId>, listener: Endpoint, seed: u64, name: u32) -> Self {
        let lane = |direction: &str| Lane {
            // Most carry one message at a time.
            in_flight: VecDeque::with_capacity(1),
            free_at: SimTime::ZERO,
            last_arrival: SimTime::ZERO,
            rng: Rng::stream(seed, &format!("connection {name} to {direction}")),
        };
        Self {
            client,
            server,
            listener,
            client_open: true,
            server_open: false,
            to_client: lane("client"),
            to_server: lane("server"),
        }
    }

    pub(super) fn host(&self, side: Side) -> Option<HostId> {
        match side {
            Side::Client => Some(self.client),
            Side::Server => self.server,
        }
    }

    /// The side of a host that is at one end alone.
    pub(super) fn side_of(&self, host: HostId) -> Side {
        if host == self.client { Side::Client } else { Side::Server }
    }

    pub(super) fn is_open(&self, side: Side) -> bool {
        match side {
            Side::Client => self.client_open,
            Side::Server => self.server_open,
        }
    }

    pub(super) fn set_open(&mut self, side: Side, open: bool) {
        match side {
            Side::Client => self.client_open = open,
            Side::Server => self.server_open = open,
        }
    }

    /// Whether the end is under way to a side.
    pub(super) fn is_closing(&self, side: Side) -> bool {
        self.lane_to(side).in_flight.iter().any(|in_flight| matches!(in_flight.cargo, Cargo::Close))
    }

    /// Whether nothing can come of it any more.
    pub(super) fn is_over(&self) -> bool {
        let quiet = self.to_client.in_flight.is_empty() && self.to_server.in_flight.is_empty();
        quiet && !self.client_open && !self.server_open
    }

    /// Draws when something of `size` bytes put on the lane towards `side` now arrives.
    pub(super) fn arrival(
        &mut self,
        side: Side,
        now: SimTime,
        size: impl FnOnce() -> usize,
        way: &NetworkProfile,
    ) -> SimTime {
        let lane = self.lane(side);
        let on_the_wire = way.bandwidth_bytes_per_s.map_or(0, |bandwidth| size() as u64 * 1_000_000 / bandwidth);
        lane.free_at = lane.free_at.max(now) + SimDuration(on_the_wire);
        let latency = way.latency + SimDuration(lane.rng.below(way.jitter.0 + 1));
        lane.last_arrival = lane.last_arrival.max(lane.free_at + latency);
        lane.last_arrival
    }

    /// What arrives next at a side.
    pub(super) fn front(&self, side: Side) -> Option<&InFlight> {
        self.lane_to(side).in_flight.front()
    }

    /// The event that sent the `n`th thing under way to a side, if that is a message.
    pub(super) fn nth_message(&self, side: Side, n: usize) -> Option<EventId> {
        let nth = self.lane_to(side).in_flight.get(n)?;
        matches!(nth.cargo, Cargo::Message(_)).then_some(nth.sent)
    }

    /// The side that a message is under way to.
    pub(super) fn side_of_message(&self, message: EventId) -> Option<Side> {
        let is_it = |f: &InFlight| f.sent == message && matches!(f.cargo, Cargo::Message(_));
        [Side::Client, Side::Server].into_iter().find(|side| self.lane_to(*side).in_flight.iter().any(is_it))
    }

    /// Lets a message, and what follows it, arrive later: the messages that do, and when.
    pub(super) fn put_off(&mut self, side: Side, message: EventId, by: SimDuration) -> Vec<(EventId, SimTime)> {
        let lane = self.lane(side);
        let first = lane.in_flight.iter().position(|f| f.sent == message).expect("it is under way");
        let until = lane.in_flight[first].arrives + by;
        lane.last_arrival = lane.last_arrival.max(until);
        let mut put_off = Vec::new();
        for in_flight in lane.in_flight.iter_mut().skip(first).take_while(|f| f.arrives < until) {
            in_flight.arrives = until;
            if matches!(in_flight.cargo, Cargo::Message(_)) {
                put_off.push((in_flight.sent, until));
            }
        }
        put_off
    }

    pub(super) fn put(&mut self, side: Side, in_flight: InFlight) {
        self.lane(side).in_flight.push_back(in_flight);
    }

    pub(super) fn take(&mut self, side: Side) -> Option<InFlight> {
        self.lane(side).in_flight.pop_front()
    }

    fn lane_to(&self, side: Side) -> &Lane {
        match side {
            Side::Client => &self.to_client,
            Side::Server => &self.to_server,
        }
    }

    fn lane(&mut self, towards: Side) -> &mut Lane {
        match towards {
            Side::Client => &mut self.to_client,
            Side::Server => &mut self.to_server,
        }
    }
}
