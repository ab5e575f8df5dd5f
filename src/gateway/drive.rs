//! The gateway's thread: world, sockets and clock, turn by turn.
//!
//! A turn sleeps until the world's next event or a socket's, lets happen what is due, and serves the connections that
//! have something to do, each for a while, so that none keeps the others waiting.

use super::answer::{Answer, Refusal, answer};
use super::clock::Clock;
use super::control::{Asked, Control};
use super::peer::{Incoming, Limits, Peer};
use super::port::Port;
use super::setup::{Composed, NO_PORT, SetUp, cannot_listen, joins, set_up};
use super::{GatewayError, GatewaySpec, Ready, Stopped, Watcher};
use crate::base::{ConnId, SimDuration, SimTime, SortedMap, SortedSet};
use crate::script::{Error, Line, Origin, Output, Position, Reply};
use crate::session::Session;
use crate::sim::{TraceEvent, TraceKind};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// What another thread asks of the gateway.
pub(super) enum Order {
    /// To do a command and to tell what came of it.
    Command(String, Sender<Result<Answer, Refusal>>),
    /// To end.
    Stop,
}

/// Turns of the world between two looks at the sockets.
const TURNS: u64 = 4_096;

/// How late the world may be. What a longer stall costs (the process was stopped, the machine slept, the world is too
/// much for the machine) the world's clock loses, so that no timeout passes in which nobody could act.
const LATEST: SimDuration = SimDuration::from_secs(1);

/// How much one connection may do in a turn.
const FRAMES: usize = 64;
const BYTES: usize = 4 << 20;

/// How many connections that wait for their broker are looked at in a turn.
const LOOKS: usize = 64;

/// Room to read into.
const SCRATCH: usize = 256 << 10;

/// The operating system's poll may wait only for whole milliseconds, and a hop from broker to broker takes less. A
/// shorter wait is a sleep, for which the sockets wait too.
const POLL_TICK: Duration = Duration::from_millis(1);

/// After an accept failed for want of something (file descriptors), the next is tried after so long.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);

/// How long until connections that should have been closed, but for their broker, which stands still, are looked at anew.
const IDLE_AGAIN: SimDuration = SimDuration::from_secs(1);

const WAKER: Token = Token(0);
const CONTROL: Token = Token(1);
const FIRST_PORT: usize = 2;

/// Whoever is told the answer to a command.
enum Asker {
    Control(usize),
    Thread(Sender<Result<Answer, Refusal>>),
}

pub(super) struct Driver {
    session: Session,
    script: Composed,
    clock: Clock,
    poll: Poll,
    orders: Receiver<Order>,
    ports: Vec<Port>,
    broker_ids: Vec<i32>,
    control: Option<TcpListener>,
    peers: SortedMap<usize, Peer>,
    tokens: SortedMap<ConnId, usize>,
    controls: SortedMap<usize, Control>,
    next_token: usize,
    /// The connections that have something to do.
    queue: VecDeque<usize>,
    /// Peers that have sent more while their broker is not ready for it; which is looked at next.
    waiting: SortedSet<usize>,
    looked: usize,
    /// Tools that have no answer yet.
    tools: Vec<(Origin, Asker)>,
    /// How many outputs of the session have been seen.
    heard: usize,
    watcher: Option<Box<dyn Watcher>>,
    scratch: Vec<u8>,
    /// The world has more to do than one turn allows.
    lags: bool,
    /// The script has run, and clients may come.
    listens: bool,
    accept_again: Option<Instant>,
    /// No connection has been idle for too long before this, by the world's clock.
    idle_until: Option<SimTime>,
    stopping: bool,
    /// Why it cannot go on.
    failed: Option<GatewayError>,
}

impl Driver {
    /// Sets everything up and runs the script; when this returns, clients can connect.
    pub(super) fn boot(
        mut spec: GatewaySpec,
        orders: Receiver<Order>,
    ) -> Result<(Self, Ready, Arc<Waker>), GatewayError> {
        let SetUp { script, ports, brokers } = set_up(&spec)?;
        let mut session =
            Session::start(&script.text, spec.seed).map_err(|e| GatewayError::Script(given(&script, e)))?;
        if !spec.record {
            session.forget_outside();
        }
        let poll = Poll::new().map_err(refused)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(refused)?);
        let mut driver = Self {
            clock: Clock::start(SimTime::ZERO),
            session,
            script,
            poll,
            orders,
            ports,
            broker_ids: brokers.iter().map(|broker| broker.id).collect(),
            control: None,
            peers: SortedMap::new(),
            tokens: SortedMap::new(),
            controls: SortedMap::new(),
            next_token: FIRST_PORT + brokers.len(),
            queue: VecDeque::new(),
            waiting: SortedSet::new(),
            looked: 0,
            tools: Vec::new(),
            heard: 0,
            watcher: spec.watcher.take(),
            scratch: vec![0; SCRATCH],
            lags: false,
            listens: false,
            accept_again: None,
            idle_until: None,
            stopping: false,
            failed: None,
        };
        driver.run_script()?;
        let control = spec.control.map(|address| driver.listen_for_control(address)).transpose()?;
        driver.open_ports()?;
        driver.clock = Clock::start(driver.session.world().now());
        let bootstrap: Vec<String> = brokers.iter().map(|broker| authority(&broker.host, broker.port)).collect();
        Ok((driver, Ready { bootstrap: bootstrap.join(","), control, brokers }, waker))
    }

    /// Runs the script's lines, in virtual time.
    fn run_script(&mut self) -> Result<(), GatewayError> {
        loop {
            let over = self.session.run_lines(TURNS);
            self.tell();
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if over {
                break;
            }
        }
        match self.session.stopped() {
            Some(error) => Err(GatewayError::Script(given(&self.script, error.clone()))),
            None => Ok(()),
        }
    }

    fn listen_for_control(&mut self, address: SocketAddr) -> Result<SocketAddr, GatewayError> {
        let listen = || -> io::Result<(TcpListener, SocketAddr)> {
            let mut listener = TcpListener::bind(address)?;
            self.poll.registry().register(&mut listener, CONTROL, Interest::READABLE)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = listen().map_err(|error| cannot_listen(address, &error))?;
        self.control = Some(listener);
        Ok(address)
    }

    /// From here on a broker that runs can be reached. (The script may have left one down.)
    fn open_ports(&mut self) -> Result<(), GatewayError> {
        self.session.external_arrive();
        self.listens = true;
        for index in 0..self.ports.len() {
            self.follow_broker(index).map_err(|error| cannot_listen(self.ports[index].address(), &error))?;
        }
        Ok(())
    }

    /// Runs until somebody stops it.
    pub(super) fn run(mut self) -> Result<Stopped, GatewayError> {
        let mut events = Events::with_capacity(1_024);
        while !self.stopping {
            match self.wait(&mut events) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(refused(error)),
                _ => {}
            }
            self.advance();
            for event in &events {
                self.ready(event.token(), event.is_readable() || event.is_read_closed() || event.is_error());
            }
            // Only after a look at the sockets, as in Kafka: what came while nobody looked counts.
            self.close_idle();
            self.take_orders();
            self.collect();
            self.accept_again();
            self.look_at_waiting();
            self.serve_queue();
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
        }
        let save = self.session.outside_is_kept().then(|| self.session.to_save());
        Ok(Stopped { summary: self.session.summary(), save })
    }

    /// Sleeps until there is something to do.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let timeout = self.timeout();
        let nap = timeout.filter(|timeout| (Duration::from_nanos(1)..POLL_TICK).contains(timeout));
        self.poll.poll(events, if nap.is_some() { Some(Duration::ZERO) } else { timeout })?;
        if let Some(nap) = nap
            && events.is_empty()
        {
            std::thread::sleep(nap);
        }
        Ok(())
    }

    /// How long nothing is to do; none: until a socket wakes it.
    fn timeout(&self) -> Option<Duration> {
        if self.lags || !self.queue.is_empty() {
            return Some(Duration::ZERO);
        }
        let world = self.session.next_at().map(|at| self.clock.until(at));
        let accept = self.accept_again.map(|at| at.saturating_duration_since(Instant::now()));
        let idle = self.idle_until.map(|at| self.clock.until(at));
        [world, accept, idle].into_iter().flatten().min()
    }

    /// Lets happen what is due by the machine's clock.
    fn advance(&mut self) {
        let mut target = self.clock.now();
        if let Some(due) = self.session.next_at()
            && target > due + LATEST
        {
            target = due + LATEST;
            self.clock = Clock::start(target);
        }
        self.lags = !self.session.advance_within(target.max(self.session.world().now()), TURNS);
        self.tell();
    }

    /// Lets happen what is due now and needs no time to pass: what was just sent arrives.
    fn settle(&mut self) {
        let now = self.session.world().now();
        self.lags |= !self.session.advance_within(now, TURNS);
        self.tell();
        self.collect();
    }

    /// Tells the watcher what happened, and follows the brokers' processes.
    fn tell(&mut self) {
        let events = self.session.take_trace();
        let ends = |event: &TraceEvent| matches!(event.kind, TraceKind::Started { .. } | TraceKind::Exited);
        // A broker that starts takes connections only later, when it is in service.
        let moved = self.listens && (events.iter().any(ends) || self.ports.iter().any(|port| !port.is_open()));
        if let Some(watcher) = &mut self.watcher
            && !events.is_empty()
            && let Err(message) = watcher.events(&self.session, &events)
        {
            self.failed.get_or_insert(GatewayError::Failed(message));
        }
        self.hear();
        if moved {
            self.follow_brokers();
        }
    }

    /// Passes on what commands said since the last call.
    fn hear(&mut self) {
        while let Some(output) = self.session.outputs().get(self.heard).cloned() {
            self.heard += 1;
            let at = self.tools.iter().position(|(origin, _)| *origin == output.origin);
            if let Some((_, asker)) = at.map(|at| self.tools.remove(at)) {
                self.reply(asker, answer(output.time, Some(&output.said)));
            }
            if let Some(watcher) = &mut self.watcher {
                let at = match output.origin {
                    Origin::Typed(_) => output.at,
                    Origin::Script | Origin::At => self.script.given(output.at),
                };
                watcher.output(&Output { at, ..output });
            }
        }
    }

    fn notice(&mut self, sentence: &str) {
        if let Some(watcher) = &mut self.watcher {
            watcher.notice(sentence);
        }
    }

    /// Opens the ports of brokers that take connections and closes the others.
    fn follow_brokers(&mut self) {
        for index in 0..self.ports.len() {
            if let Err(error) = self.follow_broker(index) {
                let (id, address) = (self.broker_ids[index], self.ports[index].address());
                self.notice(&format!("The port of broker {id}, {address}, is lost: {error}."));
            }
        }
    }

    fn follow_broker(&mut self, index: usize) -> io::Result<()> {
        let takes = self.session.world().takes_connections(self.broker_ids[index]);
        let (port, registry) = (&mut self.ports[index], self.poll.registry());
        match (takes, port.is_open()) {
            (true, false) => port.open(registry, Token(FIRST_PORT + index)),
            (false, true) => port.close(registry),
            _ => Ok(()),
        }
    }

    /// A socket has something.
    fn ready(&mut self, token: Token, readable: bool) {
        match token {
            WAKER => {}
            CONTROL => self.accept_control(),
            Token(n) if n < FIRST_PORT + self.ports.len() => self.accept(n - FIRST_PORT),
            Token(n) => {
                if let Some(peer) = self.peers.get_mut(&n) {
                    peer.active_at = self.session.world().now();
                    peer.readable |= readable;
                } else if let Some(control) = self.controls.get_mut(&n) {
                    control.readable |= readable;
                }
                self.enqueue(n);
            }
        }
    }

    fn enqueue(&mut self, token: usize) {
        let queued = match (self.peers.get_mut(&token), self.controls.get_mut(&token)) {
            (Some(peer), _) => &mut peer.queued,
            (_, Some(control)) => &mut control.queued,
            _ => return,
        };
        if !std::mem::replace(queued, true) {
            self.queue.push_back(token);
        }
    }

    fn accept(&mut self, index: usize) {
        loop {
            match self.ports[index].accept() {
                Ok(Some((stream, _))) => self.welcome(stream, index),
                Ok(None) => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return self.accept_failed(&error),
            }
        }
    }

    fn accept_failed(&mut self, error: &io::Error) {
        if self.accept_again.is_none() {
            self.notice(&format!("Connections wait, because none can be accepted: {error}."));
        }
        self.accept_again = Some(Instant::now() + ACCEPT_AGAIN);
    }

    fn accept_again(&mut self) {
        if self.accept_again.is_some_and(|at| at <= Instant::now()) {
            self.accept_again = None;
            (0..self.ports.len()).for_each(|index| self.accept(index));
            self.accept_control();
        }
    }

    /// A client has connected.
    fn welcome(&mut self, mut stream: TcpStream, index: usize) {
        let token = self.register(&mut stream);
        let Ok(conn) = self.session.external_connect(self.broker_ids[index]) else { return };
        let peer = Peer::new(stream, conn, index, self.limits(index), self.session.world().now());
        self.idle_until = self.idle_until.into_iter().chain([peer.expires_at()]).min();
        self.peers.insert(token, peer);
        self.tokens.insert(conn, token);
        self.settle();
        self.enqueue(token);
    }

    fn register(&mut self, stream: &mut TcpStream) -> usize {
        let token = self.next_token;
        self.next_token += 1;
        // An answer is to leave at once. Where that cannot be had, it leaves a little later.
        let _ = stream.set_nodelay(true);
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(stream, Token(token), both).expect("a new socket is registered once");
        token
    }

    fn accept_control(&mut self) {
        loop {
            let Some(listener) = &self.control else { return };
            match listener.accept() {
                Ok((mut stream, _)) => {
                    let token = self.register(&mut stream);
                    self.controls.insert(token, Control::new(stream));
                    self.enqueue(token);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return self.accept_failed(&error),
            }
        }
    }

    /// Passes on what came back from the world.
    fn collect(&mut self) {
        for conn in self.session.external_news() {
            let frames = self.session.external_take(conn);
            let Some(token) = self.tokens.get(&conn).copied() else { continue };
            let peer = self.peers.get_mut(&token).expect("a token of a peer");
            peer.send(frames);
            peer.active_at = self.session.world().now();
            peer.closing |= !self.session.world().external_is_open(conn);
            self.enqueue(token);
        }
    }

    /// Brokers that were not ready may be by now: some of those who wait are looked at, in turn.
    fn look_at_waiting(&mut self) {
        let some: Vec<usize> = self.waiting.range(self.looked..).copied().take(LOOKS).collect();
        self.looked = if some.len() < LOOKS { 0 } else { some[LOOKS - 1] + 1 };
        for token in some {
            let conn = self.peers.get(&token).map(|peer| peer.conn);
            if conn.is_none_or(|conn| self.session.world().external_is_ready(conn)) {
                self.waiting.remove(&token);
                self.enqueue(token);
            }
        }
    }

    /// Serves each connection in the queue once.
    fn serve_queue(&mut self) {
        for _ in 0..self.queue.len() {
            let Some(token) = self.queue.pop_front() else { return };
            if let Some(peer) = self.peers.get_mut(&token) {
                peer.queued = false;
                self.serve(token);
            } else if let Some(control) = self.controls.get_mut(&token) {
                control.queued = false;
                self.serve_control(token);
            }
        }
    }

    fn serve(&mut self, token: usize) {
        self.waiting.remove(&token);
        let mut bytes = 0;
        for _ in 0..FRAMES {
            let Some(peer) = self.peers.get_mut(&token) else { return };
            if peer.flush().is_err() || (peer.closing && peer.is_flushed()) {
                return self.part(token);
            }
            if !peer.is_flushed() || peer.closing || !peer.may_have_more() {
                return;
            }
            if !self.session.world().external_is_ready(peer.conn) {
                self.waiting.insert(token);
                return;
            }
            match peer.next_frame(&mut self.scratch) {
                Incoming::Frame(frame) => {
                    bytes += frame.len();
                    let conn = peer.conn;
                    self.session.external_send(conn, frame);
                    self.settle();
                }
                Incoming::Nothing => return,
                Incoming::End => return self.part(token),
                Incoming::BadLength(length) => {
                    let broker = self.broker_ids[peer.port];
                    self.notice(&format!("Broker {broker} closes a connection: invalid receive (size = {length})."));
                    return self.part(token);
                }
            }
            if bytes >= BYTES {
                break;
            }
        }
        self.enqueue(token);
    }

    /// What a broker's configs allow its connections. They are read at its start and do not change.
    fn limits(&self, index: usize) -> Limits {
        // On a machine without power nobody reads.
        let nobody = Limits { request_max_bytes: 0, max_idle: SimDuration(u64::MAX) };
        self.session.world().broker(self.broker_ids[index]).map_or(nobody, |broker| {
            let config = broker.config();
            Limits { request_max_bytes: config.socket_request_max_bytes, max_idle: config.connections_max_idle }
        })
    }

    /// Closes the connections that have been idle for too long. A broker that stands still closes none.
    fn close_idle(&mut self) {
        let now = self.session.world().now();
        if self.idle_until.is_none_or(|until| until > now) {
            return;
        }
        let world = self.session.world();
        let acts: Vec<bool> = self.broker_ids.iter().map(|id| world.broker_acts(*id)).collect();
        let is_over = |peer: &Peer| peer.expires_at() <= now && acts[peer.port];
        let over: Vec<usize> = self.peers.iter().filter(|(_, peer)| is_over(peer)).map(|(token, _)| *token).collect();
        over.into_iter().for_each(|token| self.part(token));
        let next = self.peers.values().map(Peer::expires_at).min();
        self.idle_until = next.map(|next| next.max(now + IDLE_AGAIN));
    }

    /// A connection is over.
    fn part(&mut self, token: usize) {
        let Some(mut peer) = self.peers.remove(&token) else { return };
        self.tokens.remove(&peer.conn);
        self.waiting.remove(&token);
        let _ = self.poll.registry().deregister(&mut peer.stream);
        drop(peer.stream);
        if !peer.closing {
            self.session.external_close(peer.conn);
            self.settle();
        }
        if self.accept_again.is_some() {
            self.accept_again = Some(Instant::now());
        }
    }

    fn serve_control(&mut self, token: usize) {
        loop {
            let Some(control) = self.controls.get_mut(&token) else { return };
            if control.flush().is_err() {
                return self.part_control(token);
            }
            if control.waits || !control.is_flushed() || self.stopping {
                return;
            }
            match control.next_command(&mut self.scratch) {
                Asked::Command(text) => {
                    control.waits = true;
                    self.command(&text, Asker::Control(token));
                }
                Asked::Nothing => return,
                Asked::End => return self.part_control(token),
                Asked::TooLong => {
                    let message = "a command longer than any script".to_owned();
                    control.answer(&Err(Refusal { message, column: 1 }));
                    let _ = control.flush();
                    return self.part_control(token);
                }
            }
        }
    }

    fn part_control(&mut self, token: usize) {
        if let Some(mut control) = self.controls.remove(&token) {
            let _ = self.poll.registry().deregister(&mut control.stream);
        }
    }

    fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Command(text, answer) => self.command(&text, Asker::Thread(answer)),
                Order::Stop => self.stopping = true,
            }
        }
    }

    /// Does a command that somebody gave.
    fn command(&mut self, text: &str, asker: Asker) {
        if text.trim() == "quit" {
            self.stopping = true;
            return self.reply(asker, answer(self.session.world().now(), None));
        }
        if let Some(line) = Line::parse(text).ok().filter(|line| joins(&line.kind)) {
            return self.reply(asker, Err(Error::new(line.at, NO_PORT).into()));
        }
        let reply = self.session.command(text);
        let now = self.session.world().now();
        if now > self.clock.now() {
            // Time has jumped.
            self.clock = Clock::start(now);
        }
        match reply {
            Ok(Reply::Waits(origin)) => self.tools.push((origin, asker)),
            Ok(Reply::Done) => self.reply(asker, answer(now, None)),
            Ok(Reply::Said(said)) => self.reply(asker, answer(now, Some(&said))),
            Err(error) => self.reply(asker, Err(error.into())),
        }
        self.settle();
        // Whatever the command did, it may have made a broker ready to read.
        std::mem::take(&mut self.waiting).into_iter().for_each(|token| self.enqueue(token));
    }

    fn reply(&mut self, asker: Asker, answer: Result<Answer, Refusal>) {
        match asker {
            Asker::Control(token) => {
                if let Some(control) = self.controls.get_mut(&token) {
                    control.answer(&answer);
                    // One that is about to end has no later.
                    let _ = control.flush();
                    self.enqueue(token);
                }
            }
            // Whoever asked may have gone away.
            Asker::Thread(sender) => drop(sender.send(answer)),
        }
    }
}

/// An error of the completed script, by the lines of the one that was given.
fn given(script: &Composed, error: Error) -> Error {
    let at = script.given(Position { line: error.line, column: error.column });
    Error::new(at, error.message)
}

fn refused(error: io::Error) -> GatewayError {
    GatewayError::Failed(format!("the operating system refuses: {error}"))
}

/// A host and a port as clients write them.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
