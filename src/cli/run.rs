//! `terrarium run`.

use super::arguments::RunArguments;
use super::lines::JsonLines;
use super::trace;
use super::wire::WireLog;
use super::{Console, Status};
use crate::base::SimTime;
use crate::check::jepsen::KindOfAnomaly;
use crate::script::{Output, Runner, Said, Script, Statement, Summary, Turn};
use crate::sim::History;
use std::io::Read as _;
use std::path::Path;

/// Turns between two looks at what there is to print and to write.
const SLICE: u32 = 128;

pub(super) fn run(arguments: &RunArguments, console: &mut Console<'_>) -> Status {
    match attempt(arguments, console) {
        Ok(status) => status,
        Err(message) => {
            console.err(&format!("{message}\n"));
            Status::Wrong
        }
    }
}

/// One run as its files and its console see it.
struct Run<'a, 'b> {
    name: String,
    runner: Runner,
    trace: Option<JsonLines>,
    wire: Option<(JsonLines, WireLog)>,
    history: Option<History>,
    printed: usize,
    quiet: bool,
    console: &'a mut Console<'b>,
}

fn attempt(arguments: &RunArguments, console: &mut Console<'_>) -> Result<Status, String> {
    let name = name_of(&arguments.file);
    let script = Script::parse(&read(&arguments.file)?).map_err(|error| error.in_file(&name))?;
    let trace = arguments.trace.as_deref().map(JsonLines::create).transpose()?;
    let wire = arguments.wire.as_deref().map(JsonLines::create).transpose()?.map(|file| (file, WireLog::default()));
    let runner = Runner::new(script, arguments.seed);
    let history = arguments.judged.then(History::default);
    let mut run = Run { name, runner, trace, wire, history, printed: 0, quiet: arguments.json, console };
    run.drive(arguments.until)?;
    run.end()
}

impl Run<'_, '_> {
    /// Runs the script to its end, or to `until` and no further; then the world alone, up to `until`.
    fn drive(&mut self, until: Option<SimTime>) -> Result<(), String> {
        let limit = until.unwrap_or(SimTime(u64::MAX));
        let mut goes_on = true;
        while goes_on {
            for _ in 0..SLICE {
                goes_on = match until {
                    None => !self.runner.is_done(),
                    Some(_) => self.runner.stopped().is_none(),
                };
                if !goes_on {
                    break;
                }
                if self.runner.turn(limit) == Turn::Rests {
                    goes_on = false;
                    break;
                }
            }
            self.show_news()?;
        }
        Ok(())
    }

    /// Prints and writes what is new.
    fn show_news(&mut self) -> Result<(), String> {
        let events = self.runner.world_mut().take_trace();
        let world = self.runner.world();
        if let Some(file) = &mut self.trace {
            file.write(events.iter().map(|event| trace::line(world, event)))?;
        }
        if let Some((file, log)) = &mut self.wire {
            file.write(events.iter().filter_map(|event| log.line(world, event)))?;
        }
        if let Some(history) = &mut self.history {
            events.iter().for_each(|event| history.read(event));
        }
        let news: Vec<Output> = self.runner.outputs().iter().skip(self.printed).cloned().collect();
        self.printed += news.len();
        for output in news {
            self.print(&output);
        }
        Ok(())
    }

    fn print(&mut self, output: &Output) {
        if let Said::Failed(message) = &output.said {
            let (name, line, column) = (&self.name, output.at.line, output.at.column);
            self.console.err(&format!("{name}:{line}:{column}: {message}\n"));
        }
        if !self.quiet
            && let Some(text) = output.printed()
        {
            self.console.out(&text);
        }
    }

    fn end(mut self) -> Result<Status, String> {
        for file in [self.trace.take(), self.wire.take().map(|(file, _)| file)].into_iter().flatten() {
            file.finish()?;
        }
        if let Some(error) = self.runner.stopped() {
            return Err(error.in_file(&self.name));
        }
        if !self.runner.is_done() {
            self.tell_the_rest();
        }
        let summary = self.runner.summary();
        let judgement = self.history.take().map(|history| history.judge(self.runner.world()));
        if self.quiet {
            let mut object = json(&summary);
            if let Some(judgement) = &judgement {
                object["anomalies"] = judgement.kinds.iter().map(anomaly).collect();
            }
            self.console.out(&format!("{object}\n"));
        } else {
            let judged = judgement.as_ref().map(ToString::to_string).unwrap_or_default();
            self.console.out(&format!("{judged}{summary}\n"));
        }
        let is_good = summary.is_good() && judgement.is_none_or(|judgement| judgement.is_good());
        Ok(if is_good { Status::Good } else { Status::Failed })
    }

    /// Names the first line that `--until` left undone.
    fn tell_the_rest(&mut self) {
        let next = self.runner.script().lines[self.runner.next_line()..].iter();
        let undone = next.into_iter().find(|line| !matches!(line.kind, Statement::Note(_) | Statement::SetUp));
        let Some(line) = undone else { return };
        let message = format!("not reached: --until ended the run at {}", self.runner.world().now());
        self.console.err(&format!("{}:{}:{}: {message}\n", self.name, line.at.line, line.at.column));
    }
}

/// Anomalies of a kind as a JSON object.
fn anomaly(kind: &KindOfAnomaly) -> serde_json::Value {
    serde_json::json!({ "name": kind.name, "count": kind.count, "allowed": kind.is_allowed })
}

/// A run's outcome as a JSON object.
pub(super) fn json(summary: &Summary) -> serde_json::Value {
    serde_json::json!({
        "seed": summary.seed,
        "time_us": summary.time.0,
        "messages": summary.messages,
        "expectations": { "met": summary.met, "failed": summary.failed },
        "laws_broken": summary.laws_broken,
        "trace_hash": format!("{:016x}", summary.trace_hash),
    })
}

/// How errors name the script.
pub(super) fn name_of(file: &Path) -> String {
    match file.to_str() {
        Some("-") => "stdin".into(),
        _ => file.display().to_string(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line reads scripts from files")]
pub(super) fn read(file: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let result = match file.to_str() {
        Some("-") => std::io::stdin().read_to_end(&mut bytes).map(drop),
        _ => std::fs::read(file).map(|content| bytes = content),
    };
    let name = name_of(file);
    result.map_err(|error| format!("terrarium: {name} cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| format!("terrarium: {name} is not a script: it is not UTF-8 text"))
}
