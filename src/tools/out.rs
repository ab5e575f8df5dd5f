//! What a tool prints.

use super::java::log_time;
use std::fmt::{Display, Write};

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

impl ToolOutput {
    /// Everything it said, for `expect error`.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The line that says why it failed: the last of its output, or else the first of its errors, behind which there
    /// may be help and stack traces.
    pub fn reason(&self) -> &str {
        let is_text = |line: &&str| !line.trim().is_empty();
        let printed = self.stdout.lines().rfind(is_text);
        printed.or_else(|| self.stderr.lines().find(is_text)).unwrap_or("it said nothing")
    }
}

/// A tool's standard output and standard error while it runs.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Out {
    /// `System.out.print`.
    pub(super) fn print(&mut self, text: impl Display) {
        let _ = write!(self.stdout, "{text}");
    }

    /// `System.out.println`.
    pub(super) fn line(&mut self, text: impl Display) {
        let _ = writeln!(self.stdout, "{text}");
    }

    /// `System.err.print`.
    pub(super) fn error(&mut self, text: impl Display) {
        let _ = write!(self.stderr, "{text}");
    }

    /// `System.err.println`.
    pub(super) fn error_line(&mut self, text: impl Display) {
        let _ = writeln!(self.stderr, "{text}");
    }

    /// What a tool logs goes to its standard error, with the moment and its class.
    pub(super) fn log(&mut self, wall_clock_ms: i64, level: &str, text: impl Display, logger: &str) {
        let _ = writeln!(self.stderr, "[{}] {level} {text} ({logger})", log_time(wall_clock_ms));
    }

    /// The output of a tool that ended with this status.
    pub(super) fn ended(self, exit: i32) -> ToolOutput {
        ToolOutput { stdout: self.stdout, stderr: self.stderr, exit }
    }
}
