//! A session: one run as a person uses it. The page's worker owns one.
//!
//! Its truth is the script, the seed, the log of what was typed, and what clients outside the world sent, each with its
//! place in the world's history.
//! A save holds these and, every so many steps, the trace hash; loading runs the same history again and compares.

mod checkpoints;
mod given;
mod load;
mod outside;
mod past;
mod save;

pub use load::{LoadError, Loading, SessionLoader};
pub use outside::{External, FromOutside};
pub use past::Ladder;
pub use save::{Described, ENGINE_VERSION, FORMAT_VERSION, describe, retitled};

use crate::base::{SimDuration, SimTime, Vector};
use crate::script::{self, Expression, Line, Output, Reply, Runner, Said, Script, Statement, Summary, Turn};
use crate::sim::{TraceEvent, World};
use checkpoints::Checkpoints;
use given::Given;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One run: the script, what was typed since, and the world. Cloning it takes a snapshot.
#[derive(Clone, Debug)]
pub struct Session {
    title: Option<String>,
    source: Arc<str>,
    runner: Runner,
    log: Vector<Typed>,
    /// What came from outside, unless it is not kept.
    outside: Option<Vector<FromOutside>>,
    checkpoints: Checkpoints,
    /// What is still to be done to it, because it was done to the run that it follows.
    ahead: Vector<Given>,
}

/// A command that somebody typed, and its place in history: at this time, after so many steps of the world. Both are
/// needed, because several steps may belong to one moment and somebody may type between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typed {
    /// The world's time.
    pub at: SimTime,
    /// How many steps the world had taken.
    pub steps: u64,
    /// The command.
    pub line: String,
}

impl Session {
    /// A session at its start: nothing has happened yet, no line of the script has run.
    ///
    /// # Errors
    /// What is wrong with the script, and where.
    pub fn start(script: &str, seed: u64) -> Result<Self, script::Error> {
        let parsed = Script::parse(script)?;
        Ok(Self {
            title: parsed.title.clone(),
            source: script.into(),
            runner: Runner::new(parsed, seed),
            log: Vector::new(),
            outside: Some(Vector::new()),
            checkpoints: Checkpoints::default(),
            ahead: Vector::new(),
        })
    }

    /// Its title: the script's first heading unless [`Session::rename`] gave another.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// Gives it a title.
    pub fn rename(&mut self, title: Option<String>) {
        self.title = title;
    }

    /// The script's text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The script, read.
    pub fn script(&self) -> &Script {
        self.runner.script()
    }

    /// The index of the script's line that is next, or that waits.
    pub fn next_line(&self) -> usize {
        self.runner.next_line()
    }

    /// Why the script cannot go on, if it cannot. The world can.
    pub fn stopped(&self) -> Option<&script::Error> {
        self.runner.stopped()
    }

    /// Whether every line of the script is done, or none can be any more. What `at` put off may still be to come.
    pub fn lines_are_over(&self) -> bool {
        self.runner.lines_are_over()
    }

    /// When the next thing happens, in the world or in the script; nothing when nothing is to.
    pub fn next_at(&self) -> Option<SimTime> {
        self.runner.next_at()
    }

    /// Whether the script is over. The world goes on as long as anybody looks.
    pub fn is_done(&self) -> bool {
        self.runner.is_done()
    }

    /// The world's seed.
    pub fn seed(&self) -> u64 {
        self.world().seed()
    }

    /// The world.
    pub fn world(&self) -> &World {
        self.runner.world()
    }

    /// What all commands said so far, in order.
    pub fn outputs(&self) -> &Vector<Output> {
        self.runner.outputs()
    }

    /// What was typed so far.
    pub fn log(&self) -> &Vector<Typed> {
        &self.log
    }

    /// How it stands.
    pub fn summary(&self) -> Summary {
        self.runner.summary()
    }

    /// Takes the trace events since the last call.
    pub fn take_trace(&mut self) -> Vec<TraceEvent> {
        self.runner.world_mut().take_trace()
    }

    /// Does everything that is due at or before `t`; then it is `t`. Earlier than now it does nothing.
    pub fn advance_to(&mut self, t: SimTime) {
        while !self.advance_within(t, u64::MAX) {}
    }

    /// Goes on towards `t` for at most `turns` turns, so that a worker stays responsive; whether it has arrived. Only
    /// then is the session at rest, as commands want it.
    pub fn advance_within(&mut self, t: SimTime, turns: u64) -> bool {
        for _ in 0..turns {
            if self.turn(t) == Turn::Rests {
                return true;
            }
        }
        self.runner.settle();
        false
    }

    /// Lets the script's lines run, in virtual time and for at most `turns` turns; whether they are over.
    pub fn run_lines(&mut self, turns: u64) -> bool {
        for _ in 0..turns {
            if self.lines_are_over() {
                return true;
            }
            self.turn(SimTime(u64::MAX));
        }
        self.lines_are_over()
    }

    /// Goes one event of the world forward, script lines that are due by it included; false when nothing is to happen.
    pub fn step(&mut self) -> bool {
        while !self.runner.is_idle() || self.is_following() {
            if self.turn(SimTime(u64::MAX)) == Turn::Stepped {
                self.runner.settle();
                return true;
            }
        }
        false
    }

    /// Does a command that somebody types now.
    ///
    /// `run 10s` and `run until …` let the time pass at once. Anything else is put down in the log. A tool of Kafka's
    /// has its answer later: then an output of its origin appears among [`Session::outputs`].
    ///
    /// A session that follows another ([`Session::follow`]) goes its own way from here.
    ///
    /// # Errors
    /// Why it cannot be done; the world is as it was.
    pub fn command(&mut self, text: &str) -> Result<Reply, script::Error> {
        let line = Line::parse(text)?;
        match &line.kind {
            Statement::Run(span) => {
                self.advance_to(self.world().now() + *span);
                return Ok(Reply::Done);
            }
            Statement::RunUntil { predicate, within } => return Ok(self.run_until(predicate, *within)),
            _ => {}
        }
        self.leave();
        self.runner.settle();
        self.log.push_back(Typed { at: self.world().now(), steps: self.world().steps(), line: text.to_owned() });
        self.runner.type_line(&line)
    }

    fn run_until(&mut self, predicate: &Expression, within: SimDuration) -> Reply {
        let start = self.world().now();
        let limit = start + within;
        while !predicate.holds(self.world()) {
            // A comparison with `time()` comes true between two events as well.
            let now = self.world().now();
            let stop = predicate.moments().into_iter().filter(|at| *at > now).chain([limit]).min().unwrap_or(limit);
            if self.turn(stop.min(limit)) == Turn::Rests && stop >= limit {
                break;
            }
        }
        self.runner.settle();
        match predicate.holds(self.world()) {
            true => Reply::Said(Said::Met),
            false => Reply::Said(Said::Failed(predicate.why_not(self.world()))),
        }
    }

    fn turn(&mut self, limit: SimTime) -> Turn {
        let Some((steps, at)) = self.ahead.front().map(Given::place) else { return self.own_turn(limit) };
        if self.world().steps() < steps || at > limit {
            let turn = self.own_turn(limit.min(at));
            assert!(turn != Turn::Rests || at > limit, "what was done after {steps} steps at {at} has its place");
            return turn;
        }
        let given = self.ahead.pop_front().expect("there is a front");
        given.give(self).expect("what was done once can be done again");
        Turn::Acted
    }

    fn own_turn(&mut self, limit: SimTime) -> Turn {
        let turn = self.runner.turn(limit);
        if turn == Turn::Stepped {
            self.checkpoints.note(self.runner.world());
        }
        turn
    }
}
