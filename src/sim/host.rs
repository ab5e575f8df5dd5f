//! A host: a machine with its name, its randomness, its disk and its alarm clock.

use super::net::Side;
use super::outside::Outside;
use crate::base::{ConnId, EventId, Rng, SimTime};
use crate::broker::Broker;
use crate::client::{Consumer, Producer};
use crate::machine::{Ctx, Input};
use crate::storage::Disk;
use crate::tools::Tool;
use std::collections::VecDeque;

#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) node: Node,
    pub(super) disk: Disk,
    pub(super) rng: Rng,
    /// Its process runs.
    pub(super) running: bool,
    /// When it will be woken, and the event that set the alarm.
    pub(super) wake: Option<(SimTime, Option<EventId>)>,
    /// Its process was killed.
    pub(super) crashed: bool,
    /// Its process stands still.
    pub(super) paused: bool,
    /// What its kernel took in meanwhile.
    pub(super) held: VecDeque<Held>,
    /// How far its wall clock is off, in microseconds.
    pub(super) skew_us: i64,
    /// How often it was woken at one moment without getting further: a machine that asks for that forever is broken.
    pub(super) spins: u32,
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
pub(super) enum Node {
    Broker(Broker),
    Producer(Producer),
    Consumer(Consumer),
    Tool(Box<Tool>),
    Outside(Outside),
}

impl Host {
    pub(super) fn new(name: String, node: Node, seed: u64) -> Self {
        let rng = Rng::stream(seed, &name);
        Self {
            name,
            node,
            disk: Disk::default(),
            rng,
            running: true,
            wake: None,
            crashed: false,
            paused: false,
            held: VecDeque::new(),
            skew_us: 0,
            spins: 0,
        }
    }

    pub(super) fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        match &mut self.node {
            Node::Broker(broker) => {
                self.disk.set_clock(ctx.now());
                broker.handle(input, ctx, &mut self.disk);
            }
            Node::Producer(producer) => producer.handle(input, ctx),
            Node::Consumer(consumer) => consumer.handle(input, ctx),
            Node::Tool(tool) => tool.handle(input, ctx),
            Node::Outside(outside) => outside.handle(input),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<SimTime> {
        match &self.node {
            Node::Broker(broker) => broker.next_deadline(),
            Node::Producer(producer) => producer.next_deadline(),
            Node::Consumer(consumer) => consumer.next_deadline(),
            Node::Tool(tool) => tool.next_deadline(),
            Node::Outside(_) => None,
        }
    }
}
