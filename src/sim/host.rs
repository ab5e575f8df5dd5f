//! A host: a machine with its name, its randomness, its disk and its alarm clock.

use super::net::Side;
use super::outside::Outside;
use crate::base::{ConnId, EventId, Rng, SimDuration, SimTime};
use crate::client::{Consumer, Producer};
use crate::machine::{Ctx, Input};
use crate::server::Server;
use crate::storage::Disk;
use crate::tools::Tool;
use std::collections::VecDeque;

/// What one input costs a processor that is not slow; counted only on one that is.
const CPU_COST: SimDuration = SimDuration::from_micros(100);

#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) node: Node,
    /// What its process is as soon as that which runs has ended.
    pub(super) next: Option<Box<Node>>,
    pub(super) disk: Disk,
    pub(super) rng: Rng,
    /// Its process runs.
    pub(super) running: bool,
    /// Since when its process is as it is.
    pub(super) since: SimTime,
    pub(super) alarm: Option<Alarm>,
    /// When the scheduler looks at its alarm next. An alarm that was put off is not planned anew before that: most are put
    /// off again and again.
    pub(super) looked_at: Option<SimTime>,
    /// Its process was killed.
    pub(super) crashed: bool,
    /// The machine has no power: not even its kernel answers.
    pub(super) powered_off: bool,
    /// Its process stands still.
    pub(super) paused: bool,
    /// How many times slower than usual its disk is; 1 is a disk that nothing waits for.
    pub(super) slow_disk: u32,
    /// How many times slower than usual its processor is; 1 is one that nothing waits for.
    pub(super) slow_cpu: u32,
    /// Its process works on what it took in until then.
    pub(super) busy_until: SimTime,
    /// What its kernel took in meanwhile.
    pub(super) held: VecDeque<Held>,
    /// How far its wall clock is off, in microseconds.
    pub(super) skew_us: i64,
    /// How often it was woken at one moment without getting further: a machine that asks for that forever is broken.
    pub(super) spins: u32,
}

/// When a host will be woken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm {
    pub(super) at: SimTime,
    /// Its turn among what happens then.
    pub(super) turn: u64,
    /// The event that set it.
    pub(super) cause: Option<EventId>,
}

/// What waits for a process that stands still.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// The front of a connection's lane.
    Arrival(ConnId, Side),
    /// An input, and the event behind it.
    Input(Input, Option<EventId>),
}

/// The machine on a host.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a host has one, and most hosts are clients")]
pub(super) enum Node {
    Server(Box<Server>),
    Producer(Producer),
    Consumer(Consumer),
    Tool(Box<Tool>),
    Outside(Outside),
}

impl Host {
    pub(super) fn new(name: String, node: Node, seed: u64, now: SimTime) -> Self {
        let rng = Rng::stream(seed, &name);
        Self {
            name,
            node,
            next: None,
            disk: Disk::default(),
            rng,
            running: true,
            since: now,
            alarm: None,
            looked_at: None,
            crashed: false,
            powered_off: false,
            paused: false,
            slow_disk: 1,
            slow_cpu: 1,
            busy_until: SimTime::ZERO,
            held: VecDeque::new(),
            skew_us: 0,
            spins: 0,
        }
    }

    pub(super) fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        match &mut self.node {
            Node::Server(server) => {
                self.disk.set_clock(ctx.now());
                if server.handle(input, ctx, &mut self.disk) {
                    self.crashed = server.has_halted();
                    ctx.exit();
                }
            }
            Node::Producer(producer) => producer.handle(input, ctx),
            Node::Consumer(consumer) => consumer.handle(input, ctx),
            Node::Tool(tool) => tool.handle(input, ctx),
            Node::Outside(outside) => outside.handle(input),
        }
    }

    /// How long what it just took in keeps it busy, when its processor or disk is slow.
    pub(super) fn cost(&mut self) -> SimDuration {
        let disk = self.disk.take_work();
        let cpu = if self.slow_cpu > 1 { CPU_COST * u64::from(self.slow_cpu) } else { SimDuration::ZERO };
        let disk = if self.slow_disk > 1 { disk * u64::from(self.slow_disk) } else { SimDuration::ZERO };
        cpu + disk
    }

    /// What its process is, or is to be once that which runs has ended.
    pub(super) fn to_be(&self) -> &Node {
        self.next.as_deref().unwrap_or(&self.node)
    }

    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        match &self.node {
            Node::Server(server) => server.next_deadline(),
            Node::Producer(producer) => producer.next_deadline(),
            Node::Consumer(consumer) => consumer.next_deadline(),
            Node::Tool(tool) => tool.next_deadline(),
            Node::Outside(_) => None,
        }
    }
}
