//! The world itself: clock, scheduler, hosts, connections.

use super::faults::Link;
use super::host::{Host, Node};
use super::net::{Cargo, Connection, InFlight, Side};
use super::scheduler::Scheduler;
use super::spec::{BrokerSpec, ClusterSpec, NetworkProfile};
use super::trace::{Packet, TraceEvent, TraceKind};
use crate::base::{ConnId, Endpoint, EventId, HostId, Rng, SimTime, TraceHasher};
use crate::broker::{Broker, BrokerConfig};
use crate::check::Laws;
use crate::machine::{Ctx, Effect, Fact, Input};
use crate::wire::{Message, request_head};
use std::collections::BTreeMap;
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
    hosts: imbl::Vector<Arc<Host>>,
    pub(super) connections: imbl::OrdMap<ConnId, Arc<Connection>>,
    pub(super) links: BTreeMap<(HostId, HostId), Link>,
    next_conn: u32,
    /// The host from which clients connect that are not of this world, once there was one.
    pub(super) outside: Option<HostId>,
    events: u64,
    messages: u64,
    hasher: TraceHasher,
    trace: Vec<TraceEvent>,
    laws: Laws,
    effects: Vec<Effect>,
    hash_buffer: Vec<u8>,
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
            hosts: imbl::Vector::new(),
            connections: imbl::OrdMap::new(),
            links: BTreeMap::new(),
            next_conn: 0,
            outside: None,
            events: 0,
            messages: 0,
            hasher: TraceHasher::new(),
            trace: Vec::new(),
            laws: Laws::default(),
            effects: Vec::new(),
            hash_buffer: Vec::new(),
        };
        let cluster_id = uuid::Builder::from_random_bytes(Rng::stream(seed, "cluster id").bytes16()).into_uuid();
        let spec = world.spec.clone();
        for broker in &spec.brokers {
            let node = Node::Broker(new_broker(broker, cluster_id));
            world.add_host(Host::new(format!("broker {}", broker.id), node, seed));
        }
        world
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
        std::mem::take(&mut self.trace)
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
        while let Some((at, Happening::Wake(host))) = self.scheduler.peek()
            && self.hosts[host.0 as usize].wake.is_none_or(|(wake_at, _)| wake_at != at)
        {
            self.scheduler.pop();
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
        let mut ctx = Ctx::new(self.now, start_ms, &mut rng, &mut self.next_conn, &mut effects);
        act(host, &mut ctx);
        host.rng = rng;
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
            Effect::Exit => self.exit(host, cause),
        }
    }

    pub(super) fn set_alarm(&mut self, id: HostId, cause: Option<EventId>) {
        let host = self.host(id);
        let deadline =
            if host.running && !host.paused { host.next_deadline().map(|at| at.max(self.now)) } else { None };
        if deadline == host.wake.map(|(at, _)| at) {
            return;
        }
        self.host_mut(id).wake = deadline.map(|at| (at, cause));
        if let Some(at) = deadline {
            self.scheduler.plan(at, Happening::Wake(id));
        }
    }

    fn wake(&mut self, id: HostId) {
        let now = self.now;
        let host = self.host_mut(id);
        let (at, cause) = host.wake.take().expect("its alarm rings");
        self.with_host(id, cause, |host, ctx| host.handle(Input::Woken, ctx));
        let host = self.host_mut(id);
        host.spins = if host.wake.is_some_and(|(next, _)| next == at) { host.spins + 1 } else { 0 };
        assert!(host.spins < MAX_SPINS, "{} asks to be woken at {now} again and again", host.name);
    }

    fn tell(&mut self, host: HostId, fact: Fact, cause: Option<EventId>) {
        let event = self.emit(Some(host), cause, TraceKind::Fact(fact));
        let mut laws = std::mem::take(&mut self.laws);
        if let Some(TraceEvent { kind: TraceKind::Fact(fact), .. }) = self.trace.last() {
            laws.observe(event, host, fact, |tp| self.replica(self.known_partition(tp)?.leader?, tp));
        }
        self.laws = laws;
    }

    pub(super) fn exit(&mut self, id: HostId, cause: Option<EventId>) {
        let host = self.host_mut(id);
        host.running = false;
        let its_own = |connection: &Connection| connection.client == id || connection.server == Some(id);
        let open: Vec<ConnId> = self.connections.iter().filter(|(_, c)| its_own(c)).map(|(conn, _)| *conn).collect();
        for conn in open {
            self.close(id, conn, cause);
        }
        self.emit(Some(id), cause, TraceKind::Exited);
    }

    fn connect(&mut self, client: HostId, conn: ConnId, to: &Endpoint, cause: Option<EventId>) {
        let listens = |host: &Host| matches!(&host.node, Node::Broker(broker) if broker.listener() == to);
        let server = self.hosts().find(|(_, host)| host.running && listens(host)).map(|(id, _)| id);
        let mut connection = Connection::new(client, server, self.seed, conn.0);
        let sent = self.emit(Some(client), cause, TraceKind::Connecting { conn, to: server });
        let way = self.way(client, server);
        let there = connection.arrival(Side::Server, self.now, || 0, &way);
        let (side, cargo, at) = match server {
            Some(_) => (Side::Server, Cargo::Open, there),
            // The refusal comes back from a host on which nobody listens.
            None => (Side::Client, Cargo::Close, connection.arrival(Side::Client, there, || 0, &way)),
        };
        connection.put(side, InFlight { sent, arrives: at, cargo });
        self.connections.insert(conn, Arc::new(connection));
        self.scheduler.plan(at, Happening::Arrival(conn, side));
    }

    fn send(&mut self, from: HostId, conn: ConnId, message: Message, cause: Option<EventId>) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let side = connection.side_of(from);
        let (true, Some(to)) = (connection.is_open(side), connection.host(side.other())) else { return };
        let (now, towards, way) = (self.now, side.other(), self.way(from, Some(to)));
        let connection = Arc::make_mut(self.connections.get_mut(&conn).expect("it was found"));
        let arrives = connection.arrival(towards, now, || message.size(), &way);
        let packet = describe(&message, conn, from, to, arrives);
        // The event's id is known before the event is: the connection needs it now.
        connection
            .put(towards, InFlight { sent: EventId(self.events), arrives, cargo: Cargo::Message(message.clone()) });
        self.emit(Some(from), cause, TraceKind::Sent { packet, message });
        self.scheduler.plan(arrives, Happening::Arrival(conn, towards));
    }

    fn close(&mut self, host: HostId, conn: ConnId, cause: Option<EventId>) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let side = connection.side_of(host);
        if !connection.is_open(side) {
            return;
        }
        let (now, towards) = (self.now, side.other());
        let way = self.way(host, connection.host(towards));
        let connection = Arc::make_mut(self.connections.get_mut(&conn).expect("it was found"));
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
        let entry = self.connections.get_mut(&conn).expect("what arrives has a connection");
        let connection = Arc::make_mut(entry);
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
                self.give(host, Input::Disconnected(conn), event);
            }
            Cargo::Close => {}
            Cargo::Message(message) if open => {
                self.messages += 1;
                let host = host.expect("an open end has a host");
                let event = self.emit(Some(host), Some(sent), TraceKind::Received { sent });
                self.give(host, Input::Received(conn, message), event);
            }
            Cargo::Message(_) => {
                self.emit(host, Some(sent), TraceKind::Lost { sent });
            }
        }
        if self.connections.get(&conn).is_some_and(|connection| connection.is_over()) {
            self.connections.remove(&conn);
        }
    }

    /// The handshake arrives: at the server, which answers it, or back at the client.
    fn opened(&mut self, conn: ConnId, side: Side, sent: EventId) {
        let now = self.now;
        let connection = self.connections.get(&conn).expect("it is being opened");
        let Some(host) = connection.host(side) else { return };
        let way = self.way(host, connection.host(side.other()));
        let connection = Arc::make_mut(self.connections.get_mut(&conn).expect("it was found"));
        if side == Side::Client {
            if connection.is_open(Side::Client) {
                let event = self.emit(Some(host), Some(sent), TraceKind::Connected { conn });
                self.give(host, Input::Connected(conn), event);
            }
            return;
        }
        let running = self.hosts[host.0 as usize].running;
        connection.set_open(Side::Server, running);
        let at = connection.arrival(Side::Client, now, || 0, &way);
        let cargo = if running { Cargo::Open } else { Cargo::Close };
        connection.put(Side::Client, InFlight { sent: EventId(self.events), arrives: at, cargo });
        let event = self.emit(Some(host), Some(sent), TraceKind::Connected { conn });
        self.scheduler.plan(at, Happening::Arrival(conn, Side::Client));
        if running {
            self.give(host, Input::Accepted(conn), event);
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
        let mut buffer = std::mem::take(&mut self.hash_buffer);
        buffer.clear();
        buffer = postcard::to_extend(&event, buffer).expect("an event can be written to memory");
        self.hasher.update(&buffer);
        self.hash_buffer = buffer;
        self.trace.push(event);
        id
    }
}

fn new_broker(spec: &BrokerSpec, cluster_id: uuid::Uuid) -> Broker {
    let mut config = BrokerConfig::default();
    for (name, value) in &spec.configs {
        config.set(name, value).expect("configs are checked when the spec is read");
    }
    Broker::new(spec.id, spec.rack.clone(), spec.listener.clone(), cluster_id, config)
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
