//! The world itself: clock, scheduler, hosts, connections.

use super::faults::Link;
use super::host::{Alarm, Host, Node};
use super::net::{Cargo, Connection, Connections, InFlight, Side};
use super::nodes::node_setups;
use super::scheduler::Scheduler;
use super::spec::{ClusterSpec, NetworkProfile};
use super::told::Told;
use super::trace::{Packet, TraceEvent, TraceKind};
use crate::base::{
    ConnId, Endpoint, EventId, HostId, SimDuration, SimTime, SortedMap, TopicPartition, TraceHasher, Vector,
};
use crate::broker::BrokerProcess;
use crate::check::Laws;
use crate::machine::{Ctx, Effect, Fact, Input, Mutant};
use crate::server::Server;
use crate::wire::{Message, request_head};
use std::sync::Arc;

/// A machine may ask to be woken at the very moment at which it was woken, but not forever.
const MAX_SPINS: u32 = 10_000;

/// A world. Cloning it takes a snapshot.
#[derive(Clone, Debug)]
pub struct World {
    spec: Arc<ClusterSpec>,
    seed: u64,
    now: SimTime,
    steps: u64,
    pub(super) scheduler: Scheduler<Happening>,
    hosts: Vector<Arc<Host>>,
    pub(super) connections: Connections,
    pub(super) links: SortedMap<(HostId, HostId), Link>,
    /// Who listens where.
    pub(super) listeners: SortedMap<Endpoint, HostId>,
    /// The server's ends of connections of a host to itself: each has a number of its own there, and stands for this.
    own_ends: SortedMap<ConnId, ConnId>,
    next_conn: u32,
    /// The host from which clients connect that are not of this world, once there was one.
    pub(super) outside: Option<HostId>,
    events: u64,
    messages: u64,
    hasher: TraceHasher,
    trace: Vec<TraceEvent>,
    laws: Laws,
    told: Told,
    mutant: Option<Mutant>,
    /// The hosts of the cluster's nodes.
    pub(super) nodes: Arc<SortedMap<i32, HostId>>,
    effects: Vec<Effect>,
}

/// What the scheduler holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// The front of a connection's lane towards this side arrives.
    Arrival(ConnId, Side),
    /// A host's alarm rings, unless it was set anew.
    Wake(HostId),
}

impl World {
    /// The world of a spec, at its start: every broker's process has just started.
    pub fn new(spec: ClusterSpec, seed: u64) -> Self {
        let mut world = Self {
            spec: Arc::new(spec),
            seed,
            now: SimTime::ZERO,
            steps: 0,
            scheduler: Scheduler::new(),
            hosts: Vector::new(),
            connections: Connections::new(),
            links: SortedMap::new(),
            listeners: SortedMap::new(),
            own_ends: SortedMap::new(),
            next_conn: 0,
            outside: None,
            events: 0,
            messages: 0,
            hasher: TraceHasher::new(),
            trace: Vec::new(),
            laws: Laws::default(),
            told: Told::default(),
            mutant: None,
            nodes: Arc::default(),
            effects: Vec::new(),
        };
        let setups = node_setups(&world.spec.clone(), seed);
        world.nodes = Arc::new(setups.iter().zip(0..).map(|(setup, host)| (setup.id, HostId(host))).collect());
        for setup in setups {
            let name = match setup.broker {
                Some(_) => format!("broker {}", setup.id),
                None => format!("controller {}", setup.id),
            };
            let listeners = [setup.broker.clone(), setup.controller.clone()];
            let host = HostId(world.hosts.len() as u32);
            world.listeners.extend(listeners.into_iter().flatten().map(|endpoint| (endpoint, host)));
            world.add_host(Host::new(name, Node::Server(Box::new(Server::new(setup))), seed, SimTime::ZERO));
        }
        world
    }

    /// The same world with machines that make a mistake from now on, to show that a law notices.
    pub fn with_mutant(self, mutant: Mutant) -> Self {
        Self { mutant: Some(mutant), ..self }
    }

    /// Runs until every broker is in service, as whoever sets up a cluster waits for it; at most until `limit`. Whether
    /// they all are.
    pub fn boot(&mut self, limit: SimTime) -> bool {
        while !self.is_up() {
            match self.next_at() {
                Some(at) if at <= limit => drop(self.step()),
                _ => return false,
            }
        }
        true
    }

    /// Whether every broker is in service.
    pub fn is_up(&self) -> bool {
        self.brokers()
            .all(|(_, server)| server.broker().is_some_and(|broker| broker.process() == BrokerProcess::Running))
    }

    /// What it was made of.
    pub fn spec(&self) -> &ClusterSpec {
        &self.spec
    }

    /// Its seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The clock.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// How many arrivals and alarms it has handled.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// How many events its trace has had.
    pub fn event_count(&self) -> u64 {
        self.events
    }

    /// How many messages have arrived.
    pub fn message_count(&self) -> u64 {
        self.messages
    }

    /// The hash of its history so far.
    pub fn trace_hash(&self) -> u64 {
        self.hasher.value()
    }

    /// Takes the events since the last call.
    pub fn take_trace(&mut self) -> Vec<TraceEvent> {
        // The next will be about as many, perhaps a few more.
        let next = Vec::with_capacity(self.trace.len() * 5 / 4);
        std::mem::replace(&mut self.trace, next)
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<SimTime> {
        self.scheduler.peek().map(|(at, _)| at)
    }

    /// Handles the next arrival or alarm; false when there is none.
    pub fn step(&mut self) -> bool {
        let Some((at, happening)) = self.scheduler.pop() else { return false };
        assert!(at >= self.now, "time goes forward");
        self.now = at;
        self.steps += 1;
        match happening {
            Happening::Wake(host) => self.wake(host),
            Happening::Arrival(conn, side) => self.arrive(conn, side),
        }
        self.drop_stale_alarms();
        true
    }

    /// Handles everything up to and including `t`; then it is `t`.
    pub fn run_until(&mut self, t: SimTime) {
        while self.next_at().is_some_and(|at| at <= t) {
            self.step();
        }
        self.advance_clock(t);
    }

    /// Moves the clock forward to `t`, before which nothing is to happen.
    pub fn advance_clock(&mut self, t: SimTime) {
        let next = self.next_at();
        assert!(next.is_none_or(|at| at >= t), "the clock is not moved past something that is to happen");
        self.now = self.now.max(t);
    }

    /// Drops alarms that were set anew from the front, so that the front is something that will happen.
    pub(super) fn drop_stale_alarms(&mut self) {
        while let Some((at, Happening::Wake(id))) = self.scheduler.peek().map(|(at, what)| (at, *what)) {
            let (alarm, looked_at) = (self.host(id).alarm, self.host(id).looked_at);
            if alarm.is_some_and(|alarm| alarm.at == at) {
                return;
            }
            self.scheduler.pop();
            if looked_at == Some(at) {
                self.host_mut(id).looked_at = alarm.map(|alarm| alarm.at);
                if let Some(Alarm { at, turn, .. }) = alarm {
                    self.scheduler.plan_in_turn(at, turn, Happening::Wake(id));
                }
            }
        }
    }

    pub(super) fn add_host(&mut self, host: Host) -> HostId {
        let id = self.add_host_because(host, None);
        self.with_host(id, None, |host, ctx| host.handle(Input::Started, ctx));
        id
    }

    pub(super) fn add_host_because(&mut self, host: Host, cause: Option<EventId>) -> HostId {
        let id = HostId(self.hosts.len() as u32);
        let name = host.name.clone();
        self.hosts.push_back(Arc::new(host));
        self.emit(Some(id), cause, TraceKind::Started { name });
        id
    }

    pub(super) fn hosts(&self) -> impl Iterator<Item = (HostId, &Host)> {
        self.hosts.iter().enumerate().map(|(n, host)| (HostId(n as u32), &**host))
    }

    pub(super) fn host(&self, id: HostId) -> &Host {
        &self.hosts[id.0 as usize]
    }

    pub(super) fn host_mut(&mut self, id: HostId) -> &mut Host {
        Arc::make_mut(&mut self.hosts[id.0 as usize])
    }

    pub(super) fn law_state(&self) -> &Laws {
        &self.laws
    }

    /// Lets a host's machine act, then carries out its effects and sets its alarm.
    pub(super) fn with_host(&mut self, id: HostId, cause: Option<EventId>, act: impl FnOnce(&mut Host, &mut Ctx<'_>)) {
        let mut effects = std::mem::take(&mut self.effects);
        let host = Arc::make_mut(&mut self.hosts[id.0 as usize]);
        // The stream leaves the host while the machine has both.
        let mut rng = host.rng.clone();
        let start_ms = self.spec.start_ms + host.skew_us / 1_000;
        let ctx = Ctx::new(self.now, start_ms, &mut rng, &mut self.next_conn, &mut effects);
        let mut ctx = ctx.with_mutant(self.mutant);
        act(host, &mut ctx);
        host.rng = rng;
        let cost = host.cost();
        if cost > SimDuration::ZERO {
            host.busy_until = host.busy_until.max(self.now) + cost;
        }
        for effect in effects.drain(..) {
            self.perform(id, effect, cause);
        }
        self.effects = effects;
        self.set_alarm(id, cause);
    }

    fn perform(&mut self, host: HostId, effect: Effect, cause: Option<EventId>) {
        match effect {
            Effect::Connect(conn, to) => self.connect(host, conn, &to, cause),
            Effect::Send(conn, message) => self.send(host, conn, message, cause),
            Effect::Close(conn) => self.close(host, conn, cause),
            Effect::Fact(fact) => self.tell(host, fact, cause),
            Effect::Exit => {
                let exited = self.exit(host, cause);
                self.start_next(host, exited);
            }
        }
    }

    pub(super) fn set_alarm(&mut self, id: HostId, cause: Option<EventId>) {
        let host = self.host(id);
        let deadline = if host.running && !host.paused {
            host.next_deadline().map(|at| at.max(self.now).max(host.busy_until))
        } else {
            None
        };
        if deadline == host.alarm.map(|alarm| alarm.at) {
            return;
        }
        let Some(at) = deadline else {
            self.host_mut(id).alarm = None;
            return;
        };
        let turn = self.scheduler.take_turn();
        let host = self.host_mut(id);
        host.alarm = Some(Alarm { at, turn, cause });
        if host.looked_at.is_none_or(|looked_at| at < looked_at) {
            host.looked_at = Some(at);
            self.scheduler.plan_in_turn(at, turn, Happening::Wake(id));
        }
    }

    fn wake(&mut self, id: HostId) {
        let now = self.now;
        let host = self.host_mut(id);
        let Alarm { at, cause, .. } = host.alarm.take().expect("its alarm rings");
        host.looked_at = None;
        self.with_host(id, cause, |host, ctx| host.handle(Input::Woken, ctx));
        let host = self.host_mut(id);
        host.spins = if host.alarm.is_some_and(|next| next.at == at) { host.spins + 1 } else { 0 };
        assert!(host.spins < MAX_SPINS, "{} asks to be woken at {now} again and again", host.name);
    }

    fn tell(&mut self, host: HostId, fact: Fact, cause: Option<EventId>) {
        if self.told.is_repeated(host, &fact) {
            return;
        }
        let event = self.emit(Some(host), cause, TraceKind::Fact(fact));
        let mut laws = std::mem::take(&mut self.laws);
        if let Some(TraceEvent { kind: TraceKind::Fact(fact), .. }) = self.trace.last() {
            laws.observe(event, host, fact, self);
        }
        self.laws = laws;
    }

    /// Tells the laws what a power loss has left of a node's logs.
    pub(super) fn tell_power_lost(&mut self, event: EventId, node: i32, ends: &[(TopicPartition, i64)]) {
        let mut laws = std::mem::take(&mut self.laws);
        laws.power_lost(event, node, ends, self);
        self.laws = laws;
    }

    /// The host of a node of the cluster.
    pub(super) fn host_of_node(&self, node: i32) -> Option<HostId> {
        self.nodes.get(&node).copied()
    }

    pub(super) fn exit(&mut self, id: HostId, cause: Option<EventId>) -> EventId {
        let now = self.now();
        let host = self.host_mut(id);
        (host.running, host.since) = (false, now);
        let its_own = |connection: &Connection| connection.client == id || connection.server == Some(id);
        let open: Vec<ConnId> = self.connections.iter().filter(|(_, c)| its_own(c)).map(|(conn, _)| conn).collect();
        for conn in open {
            let server_end = self.name_of_end(conn, Side::Server);
            self.close(id, conn, cause);
            if server_end != conn {
                self.close(id, server_end, cause);
            }
        }
        self.emit(Some(id), cause, TraceKind::Exited)
    }

    fn connect(&mut self, client: HostId, conn: ConnId, to: &Endpoint, cause: Option<EventId>) {
        let host = self.listeners.get(to).copied();
        let listens = |id: &HostId| {
            let host = self.host(*id);
            host.running && matches!(&host.node, Node::Server(server) if server.listens(to))
        };
        let is_dark = host.is_some_and(|id| self.host(id).powered_off);
        let server = host.filter(listens);
        let mut connection = Connection::new(client, server, to.clone(), self.seed, conn.0);
        let sent = self.emit(Some(client), cause, TraceKind::Connecting { conn, to: server });
        let way = self.way(client, server);
        let there = connection.arrival(Side::Server, self.now, || 0, &way);
        let planned = match server {
            Some(_) => Some((Side::Server, Cargo::Open, there)),
            // Nothing comes back from a machine without power.
            None if is_dark => None,
            // The refusal comes back from a host on which nobody listens.
            None => Some((Side::Client, Cargo::Close, connection.arrival(Side::Client, there, || 0, &way))),
        };
        if let Some((side, cargo, at)) = planned {
            connection.put(side, InFlight { sent, arrives: at, cargo });
            self.scheduler.plan(at, Happening::Arrival(conn, side));
        }
        self.connections.insert(conn, connection);
    }

    /// The connection and the side that a host means by a connection's number.
    fn end_of(&self, host: HostId, conn: ConnId) -> (ConnId, Side) {
        match self.own_ends.get(&conn) {
            Some(conn) => (*conn, Side::Server),
            None => (conn, self.connections.get(conn).map_or(Side::Client, |connection| connection.side_of(host))),
        }
    }

    /// The number by which a host knows its end of a connection.
    pub(super) fn name_of_end(&self, conn: ConnId, side: Side) -> ConnId {
        let is_own = |connection: &Connection| connection.server == Some(connection.client);
        match side == Side::Server && self.connections.get(conn).is_some_and(is_own) {
            true => self.own_ends.iter().find(|(_, of)| **of == conn).map_or(conn, |(name, _)| *name),
            false => conn,
        }
    }

    fn send(&mut self, from: HostId, conn: ConnId, message: Message, cause: Option<EventId>) {
        let (conn, side) = self.end_of(from, conn);
        let Some(connection) = self.connections.get(conn) else { return };
        let (true, Some(to)) = (connection.is_open(side), connection.host(side.other())) else { return };
        let (now, towards, way) = (self.now, side.other(), self.way(from, Some(to)));
        let connection = self.connections.get_mut(conn).expect("it was found");
        let arrives = connection.arrival(towards, now, || message.size(), &way);
        let packet = describe(&message, conn, from, to, arrives);
        // The event's id is known before the event is: the connection needs it now.
        connection
            .put(towards, InFlight { sent: EventId(self.events), arrives, cargo: Cargo::Message(message.clone()) });
        self.emit(Some(from), cause, TraceKind::Sent { packet, message });
        self.scheduler.plan(arrives, Happening::Arrival(conn, towards));
    }

    fn close(&mut self, host: HostId, conn: ConnId, cause: Option<EventId>) {
        let (conn, side) = self.end_of(host, conn);
        let Some(connection) = self.connections.get(conn) else { return };
        if !connection.is_open(side) {
            return;
        }
        let (now, towards) = (self.now, side.other());
        let way = self.way(host, connection.host(towards));
        let connection = self.connections.get_mut(conn).expect("it was found");
        connection.set_open(side, false);
        let at = connection.arrival(towards, now, || 0, &way);
        connection.put(towards, InFlight { sent: EventId(self.events), arrives: at, cargo: Cargo::Close });
        self.emit(Some(host), cause, TraceKind::Disconnected { conn });
        self.scheduler.plan(at, Happening::Arrival(conn, towards));
    }

    fn arrive(&mut self, conn: ConnId, side: Side) {
        if self.waits(conn, side) {
            return;
        }
        let name = self.name_of_end(conn, side);
        let connection = self.connections.get_mut(conn).expect("what arrives has a connection");
        let InFlight { sent, cargo, .. } = connection.take(side).expect("something was to arrive");
        let open = connection.is_open(side);
        let host = connection.host(side);
        match cargo {
            Cargo::Open => self.opened(conn, side, sent),
            Cargo::Close if open => {
                connection.set_open(side, false);
                let host = host.expect("an open end has a host");
                let event = self.emit(Some(host), Some(sent), TraceKind::Disconnected { conn });
                // Both ends have closed now, and each knows.
                self.give(host, Input::Disconnected(name), event);
            }
            Cargo::Close => {}
            Cargo::Message(message) if open => {
                self.messages += 1;
                let host = host.expect("an open end has a host");
                let event = self.emit(Some(host), Some(sent), TraceKind::Received { sent });
                self.give(host, Input::Received(name, message), event);
            }
            Cargo::Message(_) => {
                let event = self.emit(host, Some(sent), TraceKind::Lost { sent });
                self.refuse_stray(conn, side, event);
            }
        }
        if self.connections.get(conn).is_some_and(|connection| connection.is_over()) {
            self.connections.remove(conn);
            self.own_ends.remove(&name);
        }
    }

    /// A machine that knows nothing of a connection, having lost its power meanwhile, says so to who still sends on it.
    fn refuse_stray(&mut self, conn: ConnId, side: Side, event: EventId) {
        let now = self.now;
        let Some(connection) = self.connections.get(conn) else { return };
        let towards = side.other();
        let (Some(host), Some(to)) = (connection.host(side), connection.host(towards)) else { return };
        if self.host(host).powered_off || !connection.is_open(towards) || connection.is_closing(towards) {
            return;
        }
        let way = self.way(host, Some(to));
        let connection = self.connections.get_mut(conn).expect("it was just there");
        let at = connection.arrival(towards, now, || 0, &way);
        connection.put(towards, InFlight { sent: event, arrives: at, cargo: Cargo::Close });
        self.scheduler.plan(at, Happening::Arrival(conn, towards));
    }

    /// The handshake arrives: at the server, which answers it, or back at the client.
    fn opened(&mut self, conn: ConnId, side: Side, sent: EventId) {
        let now = self.now;
        let connection = self.connections.get(conn).expect("it is being opened");
        let Some(host) = connection.host(side) else { return };
        let way = self.way(host, connection.host(side.other()));
        let connection = self.connections.get_mut(conn).expect("it was found");
        if side == Side::Client {
            if connection.is_open(Side::Client) {
                let event = self.emit(Some(host), Some(sent), TraceKind::Connected { conn });
                self.give(host, Input::Connected(conn), event);
            }
            return;
        }
        let listener = connection.listener.clone();
        let running = {
            let host = &self.hosts[host.0 as usize];
            host.running && matches!(&host.node, Node::Server(server) if server.listens(&listener))
        };
        connection.set_open(Side::Server, running);
        let is_own = connection.client == host;
        let at = connection.arrival(Side::Client, now, || 0, &way);
        let cargo = if running { Cargo::Open } else { Cargo::Close };
        connection.put(Side::Client, InFlight { sent: EventId(self.events), arrives: at, cargo });
        let event = self.emit(Some(host), Some(sent), TraceKind::Connected { conn });
        self.scheduler.plan(at, Happening::Arrival(conn, Side::Client));
        if running {
            let mut name = conn;
            if is_own {
                name = ConnId(self.next_conn);
                self.next_conn += 1;
                self.own_ends.insert(name, conn);
            }
            self.give(host, Input::Accepted(name, listener), event);
        }
    }

    /// How something travels from host to host now. Clients outside have a network of their own on their way here, so
    /// the world adds nothing to it but what a fault asks for.
    pub(super) fn way(&self, from: HostId, to: Option<HostId>) -> NetworkProfile {
        let is_outside = self.outside.is_some() && (self.outside == Some(from) || self.outside == to);
        let network = if is_outside { NetworkProfile::NONE } else { self.spec.network };
        let link = to.and_then(|to| self.links.get(&(from, to)));
        NetworkProfile { latency: link.and_then(|link| link.latency).unwrap_or(network.latency), ..network }
    }

    pub(super) fn emit(&mut self, host: Option<HostId>, cause: Option<EventId>, kind: TraceKind) -> EventId {
        let id = EventId(self.events);
        self.events += 1;
        let event = TraceEvent { id, at: self.now, cause, host, kind };
        self.hasher.update(&event);
        self.trace.push(event);
        id
    }
}

fn describe(message: &Message, conn: ConnId, from: HostId, to: HostId, arrives: SimTime) -> Packet {
    let (api, version, correlation_id, response) = match message {
        Message::Request(r) => (r.api as i16, r.version, r.correlation_id, false),
        Message::Response(r) => (r.api as i16, r.version, r.correlation_id, true),
        // What a request says of itself first; bytes that are no request have no API that anybody knows.
        Message::Frame(frame) => match request_head(frame) {
            Some((api, version, correlation_id)) => (api, version, correlation_id, false),
            None => (-1, -1, -1, false),
        },
    };
    Packet { conn, from, to, api, version, correlation_id, response, arrives }
}
