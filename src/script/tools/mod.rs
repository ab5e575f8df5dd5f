//! Kafka's command-line tools: their arguments as Kafka reads them, what they ask of a cluster, and what they print.
//!
//! Arguments that Kafka's tool refuses are refused in its words and end the tool with its exit status: that is the
//! tool's behaviour, not a mistake of the script. Arguments that Kafka has and this build has not are refused when the
//! script is read.

mod offsets;
mod options;
mod topics;

use super::built::not_yet;
use super::cursor::{Cursor, Word};
use super::error::Error;
use crate::client::{AdminRequest, AdminResult};

/// The tools that Kafka has, without `.sh`.
pub(super) const TOOLS: [&str; 16] = [
    "kafka-topics",
    "kafka-get-offsets",
    "kafka-console-producer",
    "kafka-console-consumer",
    "kafka-consumer-groups",
    "kafka-configs",
    "kafka-leader-election",
    "kafka-reassign-partitions",
    "kafka-metadata-quorum",
    "kafka-log-dirs",
    "kafka-delete-records",
    "kafka-features",
    "kafka-cluster",
    "kafka-transactions",
    "kafka-producer-perf-test",
    "kafka-consumer-perf-test",
];

/// What a tool printed, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolOutput {
    /// What it printed to its standard output.
    pub stdout: String,
    /// What it printed to its standard error.
    pub stderr: String,
    /// Its exit status: 0 or 1.
    pub exit: i32,
}

/// A tool and its arguments, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolCall {
    /// Its arguments were refused: it ends at once with this, without a word to the cluster.
    Ends(ToolOutput),
    /// It asks the cluster.
    Asks {
        /// What it asks.
        request: AdminRequest,
        /// How it prints what it gets.
        printer: Printer,
    },
}

/// How a tool prints what it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Printer {
    /// `kafka-topics.sh --create`.
    Create(topics::Create),
    /// `kafka-topics.sh --list`.
    List(topics::List),
    /// `kafka-get-offsets.sh`.
    Offsets(offsets::Offsets),
}

impl ToolOutput {
    fn refused(message: impl std::fmt::Display) -> Self {
        Self { stdout: String::new(), stderr: format!("{message}\n"), exit: 1 }
    }

    /// Everything it said, for `expect error`.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl Printer {
    /// What the tool prints of an answer.
    pub fn print(&self, result: &AdminResult) -> ToolOutput {
        match self {
            Self::Create(create) => create.print(result),
            Self::List(list) => list.print(result),
            Self::Offsets(offsets) => offsets.print(result),
        }
    }
}

/// The tool that a word names, with or without `.sh`.
pub(super) fn name_of(word: &str) -> Option<&'static str> {
    let word = word.strip_suffix(".sh").unwrap_or(word);
    TOOLS.into_iter().find(|tool| *tool == word)
}

/// Reads a tool's arguments.
pub(super) fn read(tool: &'static str, verb: &Word, cursor: &mut Cursor<'_>) -> Result<ToolCall, Error> {
    match tool {
        "kafka-topics" => topics::read(cursor),
        "kafka-get-offsets" => offsets::read(cursor),
        _ => Err(verb.error(not_yet(&format!("`{tool}.sh`")))),
    }
}

/// What Kafka's admin client says when it finds no node to send a call to.
fn timed_out(call: &str) -> String {
    format!("Timed out waiting for a node assignment. Call: {call}")
}
