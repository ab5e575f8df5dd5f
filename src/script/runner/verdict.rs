//! Judging: what was expected, what was found.

use super::{By, Runner};
use crate::script::ast::{Pattern, Statement};
use crate::script::error::Error;
use crate::script::expression::{Expression, Value};
use crate::script::output::{Origin, Said};
use crate::tools::ToolOutput;

impl Runner {
    /// Takes down what a tool printed. A failure that no `expect error` follows is a failed expectation.
    pub(super) fn end_tool(&mut self, output: ToolOutput, by: &By) {
        let failure = (output.exit != 0).then(|| output.said());
        let before = self.before(by.origin);
        before.failure = failure;
        before.tool = Some(output.clone());
        let reason = (output.exit != 0).then(|| output.reason().to_owned());
        self.say(by, Said::Tool(output));
        let Some(reason) = reason else { return };
        let is_typed = matches!(by.origin, Origin::Typed(_));
        if !is_typed && !self.failure_is_expected(by) {
            self.fail(by, format!("the tool failed, and no `expect error` follows: {reason}"));
        }
    }

    /// Whether an `expect error` stands among the expectations that follow a line directly.
    pub(super) fn failure_is_expected(&self, by: &By) -> bool {
        let Some(index) = by.line else { return false };
        let following = self.script.lines[index + 1..].iter().map(|line| &line.kind);
        following.take_while(|kind| kind.looks()).any(|kind| matches!(kind, Statement::ExpectError(_)))
    }

    fn fail(&mut self, by: &By, message: String) {
        self.failed += 1;
        self.say(by, Said::Failed(message));
    }

    fn verdict(&mut self, by: &By, verdict: Result<(), String>) {
        match verdict {
            Ok(()) => {
                self.met += 1;
                self.say(by, Said::Met);
            }
            Err(message) => self.fail(by, message),
        }
    }

    /// `expect PREDICATE`.
    pub(super) fn judge(&mut self, predicate: &Expression, by: &By) {
        let found = predicate.evaluate(&self.world);
        // A claim about something that does not exist is no true claim, whatever `none` compares equal to.
        let verdict = match found.value == Value::Truth(true) && found.missing.is_empty() {
            true => Ok(()),
            false => Err(format!("expected {}, but {}", predicate.text, predicate.findings(&self.world))),
        };
        self.verdict(by, verdict);
    }

    /// `run until PREDICATE`, once it holds or has waited long enough.
    pub(super) fn judge_wait(&mut self, predicate: &Expression, by: &By) {
        let verdict = match predicate.holds(&self.world) {
            true => Ok(()),
            false => Err(predicate.why_not(&self.world)),
        };
        self.verdict(by, verdict);
    }

    /// `show EXPRESSION`.
    pub(super) fn show(&mut self, expression: &Expression, by: By) -> Result<(), Error> {
        let found = expression.evaluate(&self.world);
        if let Some((at, message)) = found.missing.into_iter().next() {
            return Err(Error::new(at, message));
        }
        self.say(&by, Said::Value(found.value));
        Ok(())
    }

    /// `expect output <<END`.
    pub(super) fn judge_output(&mut self, expected: &str, by: &By) {
        let verdict = self.printed(by).and_then(|printed| match first_difference(expected, &printed) {
            None => Ok(()),
            Some(difference) => Err(difference),
        });
        self.verdict(by, verdict);
    }

    /// `expect output matches "REGEX"`.
    pub(super) fn judge_pattern(&mut self, pattern: &Pattern, by: &By) {
        let verdict = self.printed(by).and_then(|printed| match pattern.0.is_match(&printed) {
            true => Ok(()),
            false => Err(format!("expected output that matches \"{}\", but it is {}", pattern.0, quoted(&printed))),
        });
        self.verdict(by, verdict);
    }

    fn printed(&mut self, by: &By) -> Result<String, String> {
        let tool = self.before(by.origin).tool.as_ref();
        tool.map(|tool| tool.stdout.clone()).ok_or_else(|| "expected a tool's output, but no tool ran before".into())
    }

    /// `expect error "TEXT"`.
    pub(super) fn judge_error(&mut self, expected: &str, by: &By) {
        let verdict = match &self.before(by.origin).failure {
            Some(message) if message.contains(expected) => Ok(()),
            Some(message) => {
                Err(format!("expected the error \"{expected}\", but it is {}", quoted(message.trim_end())))
            }
            None => Err(format!("expected the error \"{expected}\", but the command before did not fail")),
        };
        self.verdict(by, verdict);
    }
}

impl Statement {
    /// Whether it only looks, so that the command before it is still the one before the next.
    fn looks(&self) -> bool {
        matches!(
            self,
            Self::Note(_)
                | Self::Show(_)
                | Self::Status
                | Self::Expect(_)
                | Self::ExpectOutput(_)
                | Self::ExpectOutputMatches(_)
                | Self::ExpectError(_)
        )
    }
}

/// The first line in which two texts differ, as a sentence.
fn first_difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let (mut wanted, mut got) = (expected.lines(), found.lines());
    for number in 1.. {
        match (wanted.next(), got.next()) {
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => {
                return Some(format!("expected line {number} of the output {}, but it is {}", quoted(a), quoted(b)));
            }
            (Some(a), None) => {
                return Some(format!("expected {}, but the output ends after {} lines", quoted(a), number - 1));
            }
            (None, Some(b)) => {
                return Some(format!("expected {} lines of output, but there is also {}", number - 1, quoted(b)));
            }
            (None, None) => return Some("the output differs from what was expected in its line ends".into()),
        }
    }
    None
}

/// A text in quotes with what cannot be seen made visible, cut where it grows long.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 300;
    let cut: String = text.chars().take(LONGEST).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("\"{}\"{more}", cut.escape_debug())
}
