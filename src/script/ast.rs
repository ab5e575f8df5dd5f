//! What a script means: its lines as values.

use super::error::{Error, Position};
use super::expression::Expression;
use super::tools::ToolCall;
use crate::base::{EventId, HostId, SimDuration, SimTime, SortedSet};
use crate::sim::{ClusterSpec, Command, World};
use std::sync::Arc;

/// A script that has been read: the cluster that it sets up, and its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The first heading among its notes (`> # The leader dies`).
    pub title: Option<String>,
    /// The cluster that its set-up lines describe; the default one when there are none.
    pub spec: ClusterSpec,
    /// What of that its set-up lines say themselves.
    pub stated: Stated,
    /// Its lines in order, notes and set-up lines among them.
    pub lines: Vec<Line>,
}

/// What a script's set-up lines say of the cluster, where whoever runs it may fill in what they leave open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// `cluster --network`.
    pub network: bool,
    /// `cluster --date`.
    pub date: bool,
    /// The brokers whose host name `broker N --host` says.
    pub hosts: SortedSet<i32>,
    /// The brokers whose port `broker N --port` says.
    pub ports: SortedSet<i32>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The first thing that is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, Error> {
        super::grammar::script(text)
    }
}

/// One line of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Where it starts.
    pub at: Position,
    /// Its text, lines that go on joined, comments and standard input left out.
    pub text: Arc<str>,
    /// What it says.
    pub kind: Statement,
}

impl Line {
    /// Reads one command, as somebody types it while a world runs.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, Error> {
        super::grammar::typed(text)
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a script has few lines, and most of them are the large one")]
pub enum Statement {
    /// `> …`: a note for the reader.
    Note(String),
    /// `cluster …` or `broker N …`: part of [`Script::spec`] already.
    SetUp,
    /// Something that changes the world at once.
    Change(Command),
    /// One of Kafka's command-line tools.
    Tool(ToolCall),
    /// A fault.
    Fault(Fault),
    /// `run 10s`.
    Run(SimDuration),
    /// `run until PREDICATE [within 30s]`.
    RunUntil {
        /// What to wait for.
        predicate: Expression,
        /// How long at most.
        within: SimDuration,
    },
    /// `at 12s COMMAND`: a command for a moment of its own, while later lines go on.
    At {
        /// The moment.
        time: SimTime,
        /// The command.
        then: Box<Line>,
    },
    /// `show EXPRESSION`.
    Show(Expression),
    /// `status`.
    Status,
    /// `expect PREDICATE`.
    Expect(Expression),
    /// `expect output <<END`: the tool before printed exactly this.
    ExpectOutput(String),
    /// `expect output matches "REGEX"`: what the tool before printed matches.
    ExpectOutputMatches(Pattern),
    /// `expect error "TEXT"`: the command before failed, and its message has this in it.
    ExpectError(String),
}

/// A regular expression of a script.
#[derive(Clone, Debug)]
pub struct Pattern(pub(super) regex_lite::Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// A host, as a command or an expression names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// `broker 2`.
    Broker(i32),
    /// `controller 101`.
    Controller(i32),
    /// `producer p1`.
    Producer(String),
    /// `consumer c1`.
    Consumer(String),
    /// `outside`: all clients that are not of this world, such as those of a gateway.
    Outside,
    /// A function that names one, such as `leader(orders-0)`.
    Found(Expression),
}

/// A host that a command names, and where it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The host.
    pub node: Node,
    /// Where its id or name stands.
    pub at: Position,
}

impl Named {
    fn host(&self, world: &World) -> Result<HostId, Error> {
        self.node.host(world).map_err(|message| Error::new(self.at, message))
    }
}

/// A fault, or its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `crash NODE`: the process dies, its disk's page cache lives on.
    Crash(Named),
    /// `power-loss NODE`: what was not flushed is lost.
    PowerLoss(Named),
    /// `stop NODE`: a graceful shutdown.
    Stop(Named),
    /// `start NODE`.
    Start(Named),
    /// `pause NODE`: the process stands still, as in a long garbage collection.
    Pause(Named),
    /// `resume NODE`.
    Resume(Named),
    /// `cut NODE NODE [--one-way]`: nothing gets through from the first to the second, nor back unless one way.
    Cut {
        /// The one end.
        from: Named,
        /// The other end.
        to: Named,
        /// Whether the way back stays open.
        one_way: bool,
    },
    /// `heal`, of everything or between two hosts.
    Heal(Option<(Named, Named)>),
    /// `slow link NODE NODE --latency 300ms`.
    SlowLink {
        /// The one end.
        from: Named,
        /// The other end.
        to: Named,
        /// One way.
        latency: SimDuration,
    },
    /// `reset NODE NODE`: their connections break.
    Reset(Named, Named),
    /// `drop MESSAGE`.
    Drop(EventId),
    /// `delay MESSAGE 2s`.
    Delay(EventId, SimDuration),
    /// `skew NODE +500ms`: its clock is off by so many microseconds.
    Skew(Named, i64),
    /// `slow disk NODE x10`.
    SlowDisk(Named, u32),
    /// `slow cpu NODE x10`.
    SlowCpu(Named, u32),
}

impl Fault {
    /// The fault with its hosts as they are in this world, now.
    ///
    /// # Errors
    /// When a host is not there.
    pub(super) fn in_world(&self, world: &World) -> Result<crate::sim::Fault, Error> {
        use crate::sim::Fault as InWorld;
        Ok(match self {
            Self::Crash(node) => InWorld::Crash(node.host(world)?),
            Self::Pause(node) => InWorld::Pause(node.host(world)?),
            Self::Resume(node) => InWorld::Resume(node.host(world)?),
            Self::Cut { from, to, one_way } => {
                InWorld::Cut { from: from.host(world)?, to: to.host(world)?, one_way: *one_way }
            }
            Self::Heal(None) => InWorld::Heal(None),
            Self::Heal(Some((a, b))) => InWorld::Heal(Some((a.host(world)?, b.host(world)?))),
            Self::SlowLink { from, to, latency } => {
                InWorld::SlowLink { from: from.host(world)?, to: to.host(world)?, latency: *latency }
            }
            Self::Reset(a, b) => InWorld::Reset(a.host(world)?, b.host(world)?),
            Self::Delay(message, by) => InWorld::Delay(*message, *by),
            Self::Skew(node, micros) => InWorld::Skew(node.host(world)?, *micros),
            Self::PowerLoss(node) => InWorld::PowerLoss(node.host(world)?),
            Self::Stop(node) => InWorld::Stop(node.host(world)?),
            Self::Start(node) => InWorld::Start(node.host(world)?),
            Self::Drop(message) => InWorld::Drop(*message),
            Self::SlowDisk(node, factor) => InWorld::SlowDisk(node.host(world)?, *factor),
            Self::SlowCpu(node, factor) => InWorld::SlowCpu(node.host(world)?, *factor),
        })
    }
}
