//! Faults: what can go wrong with hosts and with the links between them.
//!
//! Links are TCP's: what is cut or slow is late, not lost; messages that were under way when a link was cut wait at the
//! cut and arrive after it heals. Only a reset loses what is under way. A paused host (a stopped process, a long
//! garbage collection) does nothing: its kernel still accepts connections and takes in bytes, which the process finds
//! when it goes on. A machine without power answers nothing at all: who is connected to it learns of that by its own
//! timeouts.

use super::host::{Held, Host, Node};
use super::net::{Cargo, Side};
use super::world::{Happening, World};
use super::{Applied, CommandError, TraceKind};
use crate::base::{ConnId, EventId, HostId, SimDuration, SimTime, SortedMap, TopicPartition};
use crate::machine::Input;
use crate::server::End;
use crate::storage::Disk;
use serde::{Deserialize, Serialize};

/// Something that goes wrong, or ends going wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// A process dies: nothing more is sent, its connections close. What it had written is in the page cache.
    Crash(HostId),
    /// A node's machine loses its power: what was not on its disk is gone, and its connections stand half open.
    PowerLoss(HostId),
    /// A node is told to stop: it hands over what it leads, then its process ends.
    Stop(HostId),
    /// A node that is down is started again.
    Start(HostId),
    /// A host's process stands still.
    Pause(HostId),
    /// It goes on.
    Resume(HostId),
    /// Nothing passes from one host to another any more.
    Cut {
        /// The one.
        from: HostId,
        /// The other.
        to: HostId,
        /// Only this way; else both ways.
        one_way: bool,
    },
    /// The links between two hosts, or all links, are as the network's profile has them.
    Heal(Option<(HostId, HostId)>),
    /// Both ways between two hosts the latency is this.
    SlowLink {
        /// The one.
        from: HostId,
        /// The other.
        to: HostId,
        /// One way.
        latency: SimDuration,
    },
    /// Every connection between two hosts breaks; what is under way on it is lost.
    Reset(HostId, HostId),
    /// One message under way, and what follows it on its connection, arrives this much later.
    Delay(EventId, SimDuration),
    /// One message under way is lost, and TCP sends it again when no acknowledgement has come.
    Drop(EventId),
    /// A node's disk is so many times slower than usual; 1 ends it.
    SlowDisk(HostId, u32),
    /// A host's processor is so many times slower than usual; 1 ends it.
    SlowCpu(HostId, u32),
    /// A host's wall clock is off by this many microseconds.
    Skew(HostId, i64),
}

/// How long TCP waits at least before it sends again what was not acknowledged (Linux: `TCP_RTO_MIN`).
const RETRANSMISSION_TIMEOUT: SimDuration = SimDuration::from_millis(200);

/// The state of the link from one host to another, where it is not as the profile has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    pub(super) latency: Option<SimDuration>,
    cut: bool,
    /// Arrivals that wait at the cut, in their order.
    waiting: Vec<(ConnId, Side)>,
}

impl Link {
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }
}

impl World {
    pub(super) fn carry_out_fault(&mut self, line: &str, fault: &Fault) -> Result<Applied, CommandError> {
        self.check_fault(fault)?;
        let cause = self.commanded(line);
        match *fault {
            Fault::Crash(host) => self.end(host, End::Crash, cause),
            Fault::PowerLoss(host) => self.end(host, End::PowerLoss, cause),
            Fault::Stop(host) => self.stop(host, cause),
            Fault::Start(host) => self.start(host, cause),
            Fault::Pause(host) => self.pause(host),
            Fault::Resume(host) => self.resume(host, cause),
            Fault::Cut { from, to, one_way } => {
                self.link_mut(from, to).cut = true;
                if !one_way {
                    self.link_mut(to, from).cut = true;
                }
            }
            Fault::Heal(Some((a, b))) => {
                self.heal(a, b, cause);
                self.heal(b, a, cause);
            }
            Fault::Heal(None) => {
                let links: Vec<(HostId, HostId)> = self.links.keys().copied().collect();
                links.into_iter().for_each(|(from, to)| self.heal(from, to, cause));
            }
            Fault::SlowLink { from, to, latency } => {
                self.link_mut(from, to).latency = Some(latency);
                self.link_mut(to, from).latency = Some(latency);
            }
            Fault::Reset(a, b) => self.reset(a, b, cause),
            Fault::Delay(message, by) => self.delay(message, by, cause),
            Fault::Drop(message) => {
                let round_trip = SimDuration((self.spec().network.latency.0 + self.spec().network.jitter.0) * 2);
                self.delay(message, RETRANSMISSION_TIMEOUT.max(round_trip), cause);
            }
            Fault::SlowDisk(host, factor) => self.host_mut(host).slow_disk = factor,
            Fault::SlowCpu(host, factor) => self.host_mut(host).slow_cpu = factor,
            Fault::Skew(host, micros) => self.host_mut(host).skew_us = micros,
        }
        Ok(Applied::Done)
    }

    /// Refuses what makes no sense, before anything is done.
    fn check_fault(&self, fault: &Fault) -> Result<(), CommandError> {
        let refuse = |message: String| Err(CommandError(message));
        let name = |host: HostId| self.host_name(host);
        match *fault {
            Fault::PowerLoss(host) | Fault::Stop(host) | Fault::Start(host) | Fault::SlowDisk(host, _)
                if !matches!(self.host(host).node, Node::Server(_)) =>
            {
                refuse(format!("{} is no node of the cluster: it has no disk and is closed, not stopped", name(host)))
            }
            Fault::Crash(host) | Fault::Pause(host) | Fault::Skew(host, _) | Fault::SlowCpu(host, _)
                if self.outside == Some(host) =>
            {
                let what = "is no process of this world; its connections can be cut, slowed and reset";
                refuse(format!("{} {what}", name(host)))
            }
            Fault::Start(host) if self.is_running(host) => refuse(format!("{} is running already", name(host))),
            Fault::Crash(host) | Fault::PowerLoss(host) | Fault::Pause(host) | Fault::Stop(host)
                if !self.is_running(host) =>
            {
                refuse(format!("{} is down already", name(host)))
            }
            Fault::Stop(host) if self.is_paused(host) => refuse(format!("{} is paused", name(host))),
            Fault::Pause(host) if self.is_paused(host) => refuse(format!("{} is paused already", name(host))),
            Fault::Resume(host) if !self.is_paused(host) => refuse(format!("{} is not paused", name(host))),
            Fault::Cut { from, to, .. } | Fault::SlowLink { from, to, .. } | Fault::Reset(from, to) if from == to => {
                refuse(format!("{} has no link to itself", name(from)))
            }
            Fault::Delay(message, _) | Fault::Drop(message) if self.find_in_flight(message).is_none() => {
                refuse(format!("message {} is not under way", message.0))
            }
            _ => Ok(()),
        }
    }

    /// Whether a host's process stands still.
    pub fn is_paused(&self, host: HostId) -> bool {
        self.host(host).paused
    }

    /// Whether nothing passes from one host to another.
    pub fn is_cut(&self, from: HostId, to: HostId) -> bool {
        self.links.get(&(from, to)).is_some_and(|link| link.cut)
    }

    fn link_mut(&mut self, from: HostId, to: HostId) -> &mut Link {
        self.links.entry((from, to)).or_default()
    }

    /// A process ends without a word of its own.
    fn end(&mut self, id: HostId, how: End, cause: EventId) {
        let host = self.host_mut(id);
        host.crashed = true;
        host.next = None;
        host.powered_off = how == End::PowerLoss;
        host.paused = false;
        host.held.clear();
        host.busy_until = SimTime::ZERO;
        let Host { node, disk, rng, .. } = host;
        let mut cut = None;
        if let Node::Server(server) = node {
            let ends = |disk: &Disk| -> Vec<(TopicPartition, i64)> {
                disk.logs().map(|(tp, log)| (tp.clone(), log.log_end_offset())).collect()
            };
            let before = ends(disk);
            server.end(how, disk, rng);
            let is_cut = |((tp, end), (_, before)): ((TopicPartition, i64), &(TopicPartition, i64))| {
                (end < *before).then_some((tp, end))
            };
            cut = Some((server.id(), ends(disk).into_iter().zip(&before).filter_map(is_cut).collect::<Vec<_>>()));
        }
        if let Some((node, ends)) = cut {
            self.tell_power_lost(cause, node, &ends);
        }
        match how {
            // The kernel lives on and closes the process's connections.
            End::Crash => drop(self.exit(id, Some(cause))),
            End::PowerLoss => self.go_dark(id, cause),
        }
        self.host_mut(id).alarm = None;
    }

    /// Nobody is told: the machine's ends of its connections are just gone, and with them what was under way to it.
    fn go_dark(&mut self, id: HostId, cause: EventId) {
        let now = self.now();
        let host = self.host_mut(id);
        (host.running, host.since) = (false, now);
        let conns: Vec<ConnId> = self.connections.iter().map(|(conn, _)| conn).collect();
        for conn in conns {
            for side in [Side::Client, Side::Server] {
                let connection = self.connections.get(conn).expect("it is there");
                if connection.host(side) == Some(id) && connection.is_open(side) {
                    self.connections.get_mut(conn).expect("it is there").set_open(side, false);
                    self.emit(Some(id), Some(cause), TraceKind::Disconnected { conn });
                }
            }
        }
        self.emit(Some(id), Some(cause), TraceKind::Exited);
    }

    /// A node's process is told to stop.
    fn stop(&mut self, id: HostId, cause: EventId) {
        self.with_host(id, Some(cause), |host, ctx| {
            host.disk.set_clock(ctx.now());
            if let Node::Server(server) = &mut host.node
                && server.stop(ctx, &mut host.disk)
            {
                ctx.exit();
            }
        });
    }

    /// A process is started again: a node's on what its disk holds.
    pub(super) fn start(&mut self, id: HostId, cause: EventId) {
        let now = self.now();
        let host = self.host_mut(id);
        (host.running, host.crashed, host.powered_off, host.paused) = (true, false, false, false);
        host.since = now;
        let name = host.name.clone();
        let started = self.emit(Some(id), Some(cause), TraceKind::Started { name });
        self.with_host(id, Some(started), |host, ctx| host.handle(Input::Started, ctx));
    }

    fn pause(&mut self, id: HostId) {
        let now = self.now();
        let host = self.host_mut(id);
        (host.paused, host.since) = (true, now);
        host.alarm = None;
    }

    /// The process goes on: it finds what its kernel took in meanwhile, in order, and alarms that rang.
    fn resume(&mut self, id: HostId, cause: EventId) {
        let now = self.now();
        let host = self.host_mut(id);
        (host.paused, host.since) = (false, now);
        let mut waiting = Vec::new();
        for held in std::mem::take(&mut host.held) {
            match held {
                Held::Arrival(conn, side) => waiting.push((conn, side)),
                Held::Input(input, because) => self.with_host(id, because, |host, ctx| host.handle(input, ctx)),
            }
        }
        self.release(waiting, self.now(), cause);
        self.set_alarm(id, Some(cause));
    }

    /// What waited at the cut sets out again.
    fn heal(&mut self, from: HostId, to: HostId, cause: EventId) {
        let Some(link) = self.links.remove(&(from, to)) else { return };
        let latency = self.way(from, Some(to)).latency;
        self.release(link.waiting, self.now() + latency, cause);
    }

    /// Lets what waited arrive at `at`, in its order.
    fn release(&mut self, waiting: Vec<(ConnId, Side)>, at: SimTime, cause: EventId) {
        let mut nth: SortedMap<(ConnId, bool), usize> = SortedMap::new();
        for (conn, side) in waiting {
            self.scheduler.plan(at, Happening::Arrival(conn, side));
            let nth = nth.entry((conn, side == Side::Client)).or_default();
            let Some(connection) = self.connections.get(conn) else { continue };
            let (to, message) = (connection.host(side), connection.nth_message(side, *nth));
            if let Some(sent) = message {
                self.emit(to, Some(cause), TraceKind::Delayed { sent, arrives: Some(at) });
            }
            *nth += 1;
        }
    }

    /// An arrival meets a cut link or a paused host; whether it waits there.
    pub(super) fn waits(&mut self, conn: ConnId, side: Side) -> bool {
        let Some(connection) = self.connections.get(conn) else { return true };
        let Some(to) = connection.host(side) else { return false };
        // A refusal comes from a host on which nobody listens.
        let from = connection.host(side.other());
        let Some(front) = connection.front(side) else { return true };
        let (sent, arrives) = (front.sent, front.arrives);
        let (is_message, opens) = (matches!(front.cargo, Cargo::Message(_)), matches!(front.cargo, Cargo::Open));
        if arrives > self.now() {
            self.scheduler.plan(arrives, Happening::Arrival(conn, side));
            return true;
        }
        let busy_until = self.host(to).busy_until;
        if let Some(from) = from.filter(|from| self.is_cut(*from, to)) {
            self.link_mut(from, to).waiting.push((conn, side));
        } else if self.is_paused(to) && !opens {
            // The kernel shakes hands for a process that stands still; all else it keeps.
            self.host_mut(to).held.push_back(Held::Arrival(conn, side));
        } else if busy_until > self.now() && !opens {
            self.scheduler.plan(busy_until, Happening::Arrival(conn, side));
            return true;
        } else {
            return false;
        }
        if is_message {
            self.emit(Some(to), Some(sent), TraceKind::Delayed { sent, arrives: None });
        }
        true
    }

    fn reset(&mut self, a: HostId, b: HostId, cause: EventId) {
        let between = |client: HostId, server: Option<HostId>| {
            (client, server) == (a, Some(b)) || (client, server) == (b, Some(a))
        };
        let conns: Vec<ConnId> =
            self.connections.iter().filter(|(_, c)| between(c.client, c.server)).map(|(conn, _)| conn).collect();
        for conn in conns {
            let mut connection = self.connections.remove(conn).expect("it was found");
            for side in [Side::Client, Side::Server] {
                while let Some(in_flight) = connection.take(side) {
                    if matches!(in_flight.cargo, Cargo::Message(_)) {
                        let sent = in_flight.sent;
                        self.emit(connection.host(side), Some(cause), TraceKind::Lost { sent });
                    }
                }
            }
            for side in [Side::Client, Side::Server] {
                if let (true, Some(host)) = (connection.is_open(side), connection.host(side)) {
                    let event = self.emit(Some(host), Some(cause), TraceKind::Disconnected { conn });
                    // No host has a link to itself that could break, so both ends have the same number.
                    self.give(host, Input::Disconnected(conn), event);
                }
            }
        }
    }

    /// Gives a host an input, now or when it goes on.
    pub(super) fn give(&mut self, id: HostId, input: Input, cause: EventId) {
        if self.is_paused(id) {
            self.host_mut(id).held.push_back(Held::Input(input, Some(cause)));
        } else {
            self.with_host(id, Some(cause), |host: &mut Host, ctx| host.handle(input, ctx));
        }
    }

    /// Whether a message, named by the event that sent it, is still on its way.
    pub fn is_under_way(&self, message: EventId) -> bool {
        self.find_in_flight(message).is_some()
    }

    fn find_in_flight(&self, message: EventId) -> Option<(ConnId, Side)> {
        self.connections.iter().find_map(|(conn, connection)| Some((conn, connection.side_of_message(message)?)))
    }

    fn delay(&mut self, message: EventId, by: SimDuration, cause: EventId) {
        let (conn, side) = self.find_in_flight(message).expect("it was checked");
        let connection = self.connections.get_mut(conn).expect("it was found");
        let to = connection.host(side);
        for (sent, arrives) in connection.put_off(side, message, by) {
            self.emit(to, Some(cause), TraceKind::Delayed { sent, arrives: Some(arrives) });
        }
    }
}
