//! What a run says: each command's output, with the command.

use super::error::Position;
use super::expression::Value;
use crate::base::SimTime;
use crate::tools::ToolOutput;
use std::sync::Arc;

/// What one command said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// When.
    pub time: SimTime,
    /// Whose command it was.
    pub origin: Origin,
    /// Where the command stands in its script (or in what was typed).
    pub at: Position,
    /// The command's text.
    pub text: Arc<str>,
    /// What it said.
    pub said: Said,
}

/// Whose command an output belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A line of the script.
    Script,
    /// A line that `at` brought to its moment.
    At,
    /// The so-manieth command that somebody typed, from 0.
    Typed(u32),
}

/// What a command said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A tool of Kafka's ended.
    Tool(ToolOutput),
    /// `show`: the value.
    Value(Value),
    /// `status`: lines.
    Status(String),
    /// `expect`, or `run until`, and what was found: as expected.
    Met,
    /// `expect`, or `run until`, and what was found: otherwise. So is a tool that failed although nobody expected it.
    Failed(String),
    /// The command could not be done; nothing of it has been.
    Refused(String),
}

impl Output {
    /// The output as a run prints it: the command, and under it what it said. Nothing of an expectation: the summary
    /// counts those that were met, and the others are errors.
    pub fn printed(&self) -> Option<String> {
        let said = match &self.said {
            Said::Tool(tool) => tool.said(),
            Said::Value(value) => format!("{value}\n"),
            Said::Status(text) => text.clone(),
            Said::Refused(message) => format!("{message}\n"),
            Said::Met | Said::Failed(_) => return None,
        };
        let moment = match self.origin {
            Origin::Script | Origin::Typed(_) => String::new(),
            Origin::At => format!("at {} ", self.time.since(SimTime::ZERO)),
        };
        Some(format!("{moment}{}\n{said}", self.text))
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The world's seed.
    pub seed: u64,
    /// The world's time.
    pub time: SimTime,
    /// How many messages were delivered.
    pub messages: u64,
    /// How many expectations were met.
    pub met: u32,
    /// How many were not.
    pub failed: u32,
    /// The laws that do not hold.
    pub laws_broken: Vec<String>,
    /// The trace hash.
    pub trace_hash: u64,
}

impl Summary {
    /// Whether every expectation was met and every law holds.
    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.laws_broken.is_empty()
    }
}

/// The last two lines of a run:
/// ```text
/// seed 7 · 41.200 s · 18204 messages · 5 of 5 expectations · laws hold
/// trace 9f2c51d07ab3e644
/// ```
impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, time, messages, met, failed, laws_broken, trace_hash } = self;
        let laws = match laws_broken.is_empty() {
            true => "laws hold".to_owned(),
            false => format!("laws broken: {}", laws_broken.join(", ")),
        };
        let all = met + failed;
        writeln!(f, "seed {seed} · {time} · {messages} messages · {met} of {all} expectations · {laws}")?;
        write!(f, "trace {trace_hash:016x}")
    }
}
