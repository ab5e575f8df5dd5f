//! Running a script: a world, a script, and how far it has come.
//!
//! A runner never blocks. It takes one turn after the other: a line of the script that is due, one pending event of the
//! world, or something whose moment has come (`run 10s` is over, `at 12s …` is due, a tool has waited long enough). Of
//! what belongs to the same moment, the world's own events come first. Which turn is next depends on the world and the
//! script alone, never on how far the caller lets it go at once, so a run in any chunks is the same run.

mod act;
mod status;
mod verdict;

pub use act::Reply;

use super::ast::{Line, Script};
use super::error::{Error, Position};
use super::expression::Expression;
use super::output::{Origin, Output, Summary};
use crate::base::{HostId, OrdMap, SimDuration, SimTime, Vector};
use crate::sim::World;
use crate::tools::ToolOutput;
use std::sync::Arc;

/// A script while it runs, and the world that it runs in. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Runner {
    script: Arc<Script>,
    world: World,
    /// The line that is next.
    next_line: usize,
    wait: Wait,
    /// What `at` has put off, by its moment and the order of putting off.
    scheduled: OrdMap<(SimTime, u32), Scheduled>,
    next_scheduled: u32,
    tools: Vector<RunningTool>,
    outputs: Vector<Output>,
    befores: OrdMap<Strand, Before>,
    met: u32,
    failed: u32,
    typed: u32,
    stopped: Option<Error>,
}

/// What the script waits for.
#[derive(Clone, Debug)]
enum Wait {
    /// The cluster, until every broker is in service, as whoever sets one up waits for it; at most until this moment.
    Cluster(SimTime),
    /// Nothing: its next line is due.
    Nothing,
    /// A moment: `run 10s`.
    Moment(SimTime),
    /// A predicate: `run until …`, the line with this index.
    Predicate { line: usize, expression: Arc<Expression>, moments: Arc<[SimTime]>, deadline: SimTime },
    /// A tool's answer.
    Tool(HostId),
}

/// How long a script waits at most for its cluster to be up.
const BOOT_LIMIT: SimDuration = SimDuration::from_secs(60);

/// A command that waits for its moment.
#[derive(Clone, Debug)]
struct Scheduled {
    line: Arc<Line>,
    origin: Origin,
}

/// A tool that waits for its answer.
#[derive(Clone, Debug)]
struct RunningTool {
    host: HostId,
    by: By,
}

/// Whose command something is.
#[derive(Clone, Debug)]
struct By {
    origin: Origin,
    at: Position,
    text: Arc<str>,
    /// The script's line whose failure `expect error` may follow.
    line: Option<usize>,
}

/// Commands that follow each other, so that `expect output` and `expect error` know which was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strand {
    Script,
    At,
    Typed,
}

/// What the commands before did.
#[derive(Clone, Debug, Default)]
struct Before {
    /// What the last tool printed.
    tool: Option<ToolOutput>,
    /// Why the last command failed, if it did.
    failure: Option<String>,
}

/// What a runner would do next.
enum Next {
    Line,
    World(SimTime),
    Due(SimTime),
    Nothing,
}

/// What a turn was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The script did something; the world's pending events stand as they were, but for what that added.
    Acted,
    /// The world handled one pending event.
    Stepped,
    /// Nothing more is due up to the limit; the world's clock stands there.
    Rests,
}

impl Runner {
    /// A script before its first line, in a world with this seed.
    pub fn new(script: Script, seed: u64) -> Self {
        let world = World::new(script.spec.clone(), seed);
        Self::in_world(script, world)
    }

    /// A script before its first line, in a world that is made as it says.
    pub fn in_world(script: Script, world: World) -> Self {
        Self {
            script: Arc::new(script),
            world,
            next_line: 0,
            wait: Wait::Cluster(SimTime::ZERO + BOOT_LIMIT),
            scheduled: OrdMap::new(),
            next_scheduled: 0,
            tools: Vector::new(),
            outputs: Vector::new(),
            befores: OrdMap::new(),
            met: 0,
            failed: 0,
            typed: 0,
            stopped: None,
        }
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world, to take its trace or to speak with it from outside.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// The script.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// The index of the script's line that is next, or that waits.
    pub fn next_line(&self) -> usize {
        self.next_line
    }

    /// What all commands said so far, in order.
    pub fn outputs(&self) -> &Vector<Output> {
        &self.outputs
    }

    /// Why the script cannot go on, if it cannot.
    pub fn stopped(&self) -> Option<&Error> {
        self.stopped.as_ref()
    }

    /// Whether the script is over: its last line done, all that it put off done, all its tools ended.
    pub fn is_done(&self) -> bool {
        self.stopped.is_some() || (self.all_lines_ran() && self.scheduled.is_empty() && self.tools.is_empty())
    }

    /// Whether every line of the script is done, or none can be any more. What `at` put off may still be to come.
    pub fn lines_are_over(&self) -> bool {
        self.stopped.is_some() || self.all_lines_ran()
    }

    fn all_lines_ran(&self) -> bool {
        matches!(self.wait, Wait::Nothing) && self.next_line == self.script.lines.len()
    }

    /// How it stands.
    pub fn summary(&self) -> Summary {
        Summary {
            seed: self.world.seed(),
            time: self.world.now(),
            messages: self.world.message_count(),
            met: self.met,
            failed: self.failed,
            laws_broken: self.world.laws().into_iter().filter(|law| law.breach.is_some()).map(|law| law.name).collect(),
            trace_hash: self.world.trace_hash(),
        }
    }

    /// Takes turns until everything that is due at or before `limit` is done, then sets the world's clock there.
    pub fn advance_to(&mut self, limit: SimTime) {
        while self.turn(limit) != Turn::Rests {}
    }

    /// Takes turns until the script is over.
    pub fn finish(&mut self) {
        while !self.is_done() {
            self.turn(SimTime(u64::MAX));
        }
    }

    /// Takes one turn, if one is due at or before `limit`.
    pub fn turn(&mut self, limit: SimTime) -> Turn {
        match self.next() {
            Next::Line => {
                self.run_line();
                Turn::Acted
            }
            Next::World(at) if at <= limit => {
                let stepped = self.world.step();
                assert!(stepped, "an event was pending at {at}");
                self.look_around();
                Turn::Stepped
            }
            Next::Due(at) if at <= limit => {
                self.move_clock(at);
                self.run_due(at);
                Turn::Acted
            }
            _ => {
                self.move_clock(limit);
                Turn::Rests
            }
        }
    }

    /// Does what is due now and needs no event of the world.
    pub fn settle(&mut self) {
        self.settle_until(self.world.now());
    }

    /// Does what is due at or before `limit` and comes before the world's next event.
    pub fn settle_until(&mut self, limit: SimTime) {
        loop {
            match self.next() {
                Next::Line => {}
                Next::Due(at) if at <= limit => {}
                _ => return,
            }
            self.turn(limit);
        }
    }

    /// Whether nothing is to happen any more, in the world or in the script.
    pub fn is_idle(&self) -> bool {
        matches!(self.next(), Next::Nothing)
    }

    /// When the next thing happens, in the world or in the script; nothing when nothing is to.
    pub fn next_at(&self) -> Option<SimTime> {
        match self.next() {
            Next::Line => Some(self.world.now()),
            Next::World(at) | Next::Due(at) => Some(at),
            Next::Nothing => None,
        }
    }

    /// Sets the world's clock forward to `moment` if nothing of the world is due before.
    ///
    /// # Errors
    /// When something is, or the moment is over: then the clock stays.
    pub fn rest_at(&mut self, moment: SimTime) -> Result<(), SimTime> {
        let now = self.world.now();
        match self.next() {
            Next::World(at) if at < moment => Err(at),
            _ if now > moment => Err(now),
            _ => {
                self.move_clock(moment);
                Ok(())
            }
        }
    }

    fn move_clock(&mut self, to: SimTime) {
        if to > self.world.now() {
            self.world.advance_clock(to);
        }
    }

    fn next(&self) -> Next {
        if self.stopped.is_none() && matches!(self.wait, Wait::Nothing) && self.next_line < self.script.lines.len() {
            return Next::Line;
        }
        match (self.world.next_at(), self.next_due()) {
            (Some(event), Some(due)) if due < event => Next::Due(due),
            (Some(event), _) => Next::World(event),
            (None, Some(due)) => Next::Due(due),
            (None, None) => Next::Nothing,
        }
    }

    /// The next moment at which the script, or a tool, does something by itself.
    fn next_due(&self) -> Option<SimTime> {
        let now = self.world.now();
        let waiting = match &self.wait {
            Wait::Moment(moment) | Wait::Cluster(moment) => Some(*moment),
            Wait::Predicate { moments, deadline, .. } => {
                moments.iter().copied().filter(|moment| *moment > now).chain([*deadline]).min()
            }
            Wait::Nothing | Wait::Tool(_) => None,
        };
        let scheduled = self.scheduled.get_min().map(|((moment, _), _)| *moment);
        let due = [waiting, scheduled].into_iter().flatten().min();
        // What came due while the clock stood still is due now.
        due.map(|moment| moment.max(now))
    }
}
