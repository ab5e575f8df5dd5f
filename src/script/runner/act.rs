//! Doing what a line says.

use super::{By, Next, Runner, RunningTool, Scheduled, Strand, Wait};
use crate::base::SimTime;
use crate::script::ast::{Line, Statement};
use crate::script::error::{Error, Position};
use crate::script::output::{Origin, Output, Said};
use crate::script::tools::ToolCall;
use crate::sim::{Applied, Command};
use crate::tools::ToolOutput;
use std::sync::Arc;

/// What comes of a command that somebody types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done,
    /// It is done and said this.
    Said(Said),
    /// It is a tool that waits for its answer; an output of this origin will have it.
    Waits(Origin),
}

impl Runner {
    /// Does the script's next line.
    pub(super) fn run_line(&mut self) {
        let script = self.script.clone();
        let index = self.next_line;
        let line = &script.lines[index];
        self.next_line += 1;
        let by = By { origin: Origin::Script, at: line.at, text: line.text.clone(), line: Some(index) };
        if let Err(error) = self.act(&line.kind, by) {
            self.stop(error);
        }
    }

    /// The script cannot go on: none of its lines runs any more, nor what it has put off.
    fn stop(&mut self, error: Error) {
        let rest = std::mem::take(&mut self.scheduled).into_iter();
        self.scheduled = rest.filter(|(_, scheduled)| scheduled.origin != Origin::At).collect();
        self.wait = Wait::Nothing;
        self.stopped = Some(error);
    }

    /// Does a command that somebody types now, then whatever of the script is due by it.
    ///
    /// # Errors
    /// Why it cannot be done.
    ///
    /// # Panics
    /// On `run`: letting time pass is the caller's own.
    pub fn type_line(&mut self, line: &Line) -> Result<Reply, Error> {
        let origin = Origin::Typed(self.typed);
        self.typed += 1;
        let before = self.outputs.len();
        let by = By { origin, at: line.at, text: line.text.clone(), line: None };
        let tools = self.tools.len();
        assert!(!matches!(line.kind, Statement::Run(_) | Statement::RunUntil { .. }), "time passes by turns");
        let acted = self.act(&line.kind, by);
        self.look_around();
        self.settle();
        acted?;
        let said = self.outputs.iter().skip(before).find(|output| output.origin == origin);
        Ok(match said {
            Some(output) => Reply::Said(output.said.clone()),
            None if self.tools.len() > tools && self.tools.iter().any(|tool| tool.by.origin == origin) => {
                Reply::Waits(origin)
            }
            None => Reply::Done,
        })
    }

    /// Does what a statement says; the script's own `run` and tools make it wait.
    fn act(&mut self, statement: &Statement, by: By) -> Result<(), Error> {
        let now = self.world.now();
        match statement {
            Statement::Note(_) | Statement::SetUp => {}
            Statement::Change(command) => return self.change(command, by).map(drop),
            Statement::Tool(call) => return self.start_tool(call, by),
            Statement::Run(span) => self.wait = Wait::Moment(now + *span),
            Statement::RunUntil { predicate, within } => {
                self.wait = Wait::Predicate {
                    line: by.line.expect("`run` is a line of its own"),
                    expression: Arc::new(predicate.clone()),
                    moments: predicate.moments().into(),
                    deadline: now + *within,
                };
                self.look_at_predicate();
            }
            Statement::At { time, then } => return self.schedule(*time, then, by),
            Statement::Show(expression) => return self.show(expression, by),
            Statement::Status => {
                let text = self.status();
                self.say(&by, Said::Status(text));
            }
            Statement::Expect(predicate) => self.judge(predicate, &by),
            Statement::ExpectOutput(text) => self.judge_output(text, &by),
            Statement::ExpectOutputMatches(pattern) => self.judge_pattern(pattern, &by),
            Statement::ExpectError(text) => self.judge_error(text, &by),
            Statement::Fault(fault) => {
                return match fault.in_world(&self.world) {
                    Ok(fault) => self.change(&Command::Fault(fault), by).map(drop),
                    Err(error) => {
                        let at = Position { line: error.line, column: error.column };
                        self.refused(error.message, &By { at, ..by })
                    }
                };
            }
        }
        Ok(())
    }

    fn change(&mut self, command: &Command, by: By) -> Result<Option<Applied>, Error> {
        match self.world.apply(&by.text, command) {
            Ok(applied) => {
                self.before(by.origin).failure = None;
                Ok(Some(applied))
            }
            Err(refusal) => self.refused(refusal.to_string(), &by).map(|()| None),
        }
    }

    /// A command cannot be done: that is what an `expect error` waits for, or the script's end.
    fn refused(&mut self, message: String, by: &By) -> Result<(), Error> {
        self.before(by.origin).failure = Some(message.clone());
        if self.failure_is_expected(by) {
            self.say(by, Said::Refused(message));
            return Ok(());
        }
        Err(Error::new(by.at, message))
    }

    fn start_tool(&mut self, call: &ToolCall, by: By) -> Result<(), Error> {
        match call {
            ToolCall::Ends(output) => {
                self.end_tool(output.clone(), &by);
                Ok(())
            }
            ToolCall::Runs(invocation) => {
                let command = Command::Tool(invocation.clone());
                let Some(applied) = self.change(&command, by.clone())? else { return Ok(()) };
                let Applied::Tool(host) = applied else { panic!("a tool runs as a host: {applied:?}") };
                if by.origin == Origin::Script {
                    self.wait = Wait::Tool(host);
                }
                self.tools.push_back(RunningTool { host, by });
                Ok(())
            }
        }
    }

    fn schedule(&mut self, time: SimTime, then: &Line, by: By) -> Result<(), Error> {
        if time < self.world.now() {
            let message = format!("`at` a moment that is over: it is {} already", self.world.now());
            return Err(Error::new(by.at, message));
        }
        let origin = if by.origin == Origin::Script { Origin::At } else { by.origin };
        let scheduled = Scheduled { line: Arc::new(then.clone()), origin };
        self.scheduled.insert((time, self.next_scheduled), scheduled);
        self.next_scheduled += 1;
        Ok(())
    }

    /// Does what is due at `now`: one command that `at` put off, or the end of the line's wait.
    pub(super) fn run_due(&mut self, now: SimTime) {
        let first = self.scheduled.get_min().map(|(key, _)| *key).filter(|(moment, _)| *moment <= now);
        if let Some(Scheduled { line, origin }) = first.and_then(|key| self.scheduled.remove(&key)) {
            let by = By { origin, at: line.at, text: line.text.clone(), line: None };
            if let Err(error) = self.act(&line.kind, by.clone()) {
                match origin {
                    Origin::Typed(_) => self.say(&by, Said::Refused(error.message)),
                    _ => self.stop(error),
                }
            }
            return self.look_around();
        }
        match &self.wait {
            Wait::Moment(moment) | Wait::Cluster(moment) if *moment <= now => self.wait = Wait::Nothing,
            Wait::Predicate { .. } => self.look_at_predicate(),
            _ => {}
        }
    }

    /// After something happened in the world: tools that have their answer end, and `run until` looks again.
    pub(super) fn look_around(&mut self) {
        if matches!(self.wait, Wait::Cluster(_)) && self.world.is_up() {
            // Whole seconds are easier to tell of.
            let up = self.world.now().0;
            self.wait = Wait::Moment(SimTime(up.next_multiple_of(1_000_000)));
        }
        let answered = |runner: &Self| {
            let result_of =
                |(index, tool): (usize, &RunningTool)| Some((index, runner.world.tool_output(tool.host)?.clone()));
            runner.tools.iter().enumerate().find_map(result_of)
        };
        while let Some((index, result)) = answered(self) {
            let tool = self.tools.remove(index);
            self.tool_ended(tool, result);
        }
        self.look_at_predicate();
    }

    fn tool_ended(&mut self, tool: RunningTool, output: ToolOutput) {
        if matches!(self.wait, Wait::Tool(host) if host == tool.host) {
            self.wait = Wait::Nothing;
        }
        self.end_tool(output, &tool.by);
    }

    fn has_event_until(&mut self, moment: SimTime) -> bool {
        matches!(self.next(), Next::World(at) if at <= moment)
    }

    fn look_at_predicate(&mut self) {
        let Wait::Predicate { line, expression, deadline, .. } = &self.wait else { return };
        let (line, expression, deadline) = (*line, expression.clone(), *deadline);
        let holds = expression.holds(&self.world);
        if !holds && self.world.now() < deadline {
            return;
        }
        // An event at the very deadline is handled before the deadline is over.
        if !holds && self.has_event_until(deadline) {
            return;
        }
        self.wait = Wait::Nothing;
        let line = &self.script.clone().lines[line];
        let by = By { origin: Origin::Script, at: line.at, text: line.text.clone(), line: None };
        self.judge_wait(&expression, &by);
    }

    pub(super) fn say(&mut self, by: &By, said: Said) {
        let time = self.world.now();
        self.outputs.push_back(Output { time, origin: by.origin, at: by.at, text: by.text.clone(), said });
    }

    /// What the commands before this one did.
    pub(super) fn before(&mut self, origin: Origin) -> &mut super::Before {
        let strand = match origin {
            Origin::Script => Strand::Script,
            Origin::At => Strand::At,
            Origin::Typed(_) => Strand::Typed,
        };
        self.befores.entry(strand).or_default()
    }
}
