//! The grammar: from a command's text to what it says.

mod clients;
mod consumers;
mod expression;
mod faults;
mod flags;
mod looking;
mod setup;
mod workload;

use super::ast::{Line, Script, Statement};
use super::cursor::{Cursor, Word};
use super::error::{Error, nearest};
use super::source::{self, Item, Source};
use super::tools;
use crate::base::{SimDuration, SimTime};

/// The words a command can begin with, beside the names of Kafka's tools.
const VERBS: [&str; 31] = [
    "cluster",
    "broker",
    "producer",
    "consumer",
    "send",
    "poll",
    "commit",
    "seek",
    "busy",
    "unsubscribe",
    "flush",
    "close",
    "restart",
    "crash",
    "power-loss",
    "stop",
    "start",
    "pause",
    "resume",
    "cut",
    "heal",
    "slow",
    "reset",
    "drop",
    "delay",
    "skew",
    "run",
    "at",
    "show",
    "status",
    "expect",
];

/// How long `run until` waits when no `within` says otherwise: longer than any of Kafka's own timeouts.
const DEFAULT_WITHIN: SimDuration = SimDuration::from_secs(300);

/// Reads a whole script.
pub(super) fn script(text: &str) -> Result<Script, Error> {
    let mut setup = setup::SetUp::default();
    let mut title = None;
    let mut lines = Vec::new();
    for item in source::read(text)? {
        let line = match item {
            Item::Note { at, text } => {
                let heading = text.strip_prefix("# ").map(|heading| heading.trim().to_owned());
                title = title.or(heading);
                Line { at, text: format!("> {text}").trim_end().into(), kind: Statement::Note(text) }
            }
            Item::Command(source) => command(&source, Some(&mut setup))?,
        };
        lines.push(line);
    }
    let (spec, stated) = setup.finish();
    Ok(Script { title, spec, stated, lines })
}

/// Reads one command that is typed while a world runs.
pub(super) fn typed(text: &str) -> Result<Line, Error> {
    let mut items = source::read(text)?.into_iter();
    let at = super::Position { line: 1, column: 1 };
    let line = match items.next() {
        None => return Err(Error::new(at, "nothing to do; a command such as `status` belongs here")),
        Some(Item::Note { at, text }) => Line { at, text: format!("> {text}").into(), kind: Statement::Note(text) },
        Some(Item::Command(source)) => command(&source, None)?,
    };
    match items.next() {
        None => Ok(line),
        Some(Item::Note { at, .. }) => Err(Error::new(at, "a second line; one command at a time")),
        Some(Item::Command(source)) => {
            Err(Error::new(Cursor::new(&source).position(), "a second command; one at a time"))
        }
    }
}

/// Reads a command; `setup` is there while a script is read.
fn command(source: &Source, setup: Option<&mut setup::SetUp>) -> Result<Line, Error> {
    let mut cursor = Cursor::new(source);
    let line = statement(&mut cursor, setup, false)?;
    let takes_stdin = matches!(line.kind, Statement::Tool(_) | Statement::ExpectOutput(_));
    match cursor.stdin() {
        Some((at, _)) if !takes_stdin => Err(Error::new(*at, "`<<` after a command that reads no standard input")),
        _ => Ok(line),
    }
}

/// Reads what a command says. `nested` is a command behind `at 12s`.
fn statement(cursor: &mut Cursor<'_>, setup: Option<&mut setup::SetUp>, nested: bool) -> Result<Line, Error> {
    let text = cursor.rest();
    let verb = cursor.expect_word("a command")?;
    if nested && matches!(verb.text.as_str(), "cluster" | "controller" | "run" | "at") {
        let message = format!("`{}` behind `at`; `at 12s` takes a command that acts or looks", verb.text);
        return Err(verb.error(message));
    }
    let sets_up = |over: bool| match verb.text.as_str() {
        "cluster" | "controller" => true,
        // Once the world runs, a broker joins it.
        "broker" => !over,
        _ => false,
    };
    let kind = match setup {
        Some(setup) if sets_up(setup.over) => setup.line(&verb, cursor)?,
        Some(setup) => {
            setup.over = true;
            ordinary(&verb, cursor)?
        }
        None => ordinary(&verb, cursor)?,
    };
    Ok(Line { at: verb.at, text: text.into(), kind })
}

/// Reads a command that is not part of the set-up, from behind its verb on.
fn ordinary(verb: &Word, cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    if let Some(name) = tools::name_of(&verb.text) {
        return tools::read(name, verb, cursor).map(Statement::Tool);
    }
    match verb.text.as_str() {
        "producer" => clients::producer(verb, cursor),
        "consumer" => consumers::consumer(verb, cursor),
        "send" => clients::send(cursor),
        "flush" => clients::flush(cursor),
        "close" => clients::close(cursor),
        "restart" => clients::restart(cursor),
        "poll" => consumers::poll(cursor),
        "commit" => consumers::commit(cursor),
        "seek" => consumers::seek(cursor),
        "busy" => consumers::busy(cursor),
        "unsubscribe" => consumers::unsubscribe(cursor),
        "run" => run(cursor),
        "at" => at(cursor),
        "show" => looking::show(cursor),
        "status" => cursor.end("`status`").map(|()| Statement::Status),
        "expect" => looking::expect(cursor),
        "cluster" => Err(verb.error("`cluster` while the world runs; a cluster is set up by a script's first line")),
        "controller" => Err(verb.error("the controllers are set up before other commands; they do not change later")),
        "broker" => setup::join(cursor),
        other => {
            if matches!(other, "pause" | "resume")
                && let Some(statement) = consumers::partition_flow(other, cursor)?
            {
                return Ok(statement);
            }
            match faults::fault(other, cursor)? {
                Some(fault) => Ok(Statement::Fault(fault)),
                None => Err(unknown(verb)),
            }
        }
    }
}

fn unknown(verb: &Word) -> Error {
    let tools: Vec<String> = crate::tools::names().flat_map(|tool| [format!("{tool}.sh"), tool.to_owned()]).collect();
    let mut all: Vec<&str> = VERBS.to_vec();
    all.extend(tools.iter().map(String::as_str));
    let found = &verb.text;
    match nearest(found, &all) {
        Some(near) => verb.error(format!("unknown command `{found}`; did you mean `{near}`?")),
        None => {
            verb.error(format!("unknown command `{found}`; the commands are {}, and Kafka's tools", VERBS.join(", ")))
        }
    }
}

/// `run 10s`, `run until PREDICATE [within 30s]`.
fn run(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    if cursor.take_word("until").is_none() {
        let span = duration(cursor, "a duration such as `10s`, or `until` and a predicate,")?;
        cursor.end("`run` and its duration")?;
        return Ok(Statement::Run(span));
    }
    let predicate = expression::predicate(cursor)?;
    let within = match cursor.take_word("within") {
        Some(_) => duration(cursor, "a duration such as `30s`")?,
        None => DEFAULT_WITHIN,
    };
    expression_end(cursor)?;
    Ok(Statement::RunUntil { predicate, within })
}

/// `at 12s COMMAND`.
fn at(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let since_start = duration(cursor, "a moment such as `12s` after the world's start")?;
    let then = statement(cursor, None, true)?;
    Ok(Statement::At { time: SimTime::ZERO + since_start, then: Box::new(then) })
}

/// Reads a duration.
fn duration(cursor: &mut Cursor<'_>, what: &str) -> Result<SimDuration, Error> {
    let word = cursor.expect_word(what)?;
    parse_duration(&word)
}

fn parse_duration(word: &Word) -> Result<SimDuration, Error> {
    word.text.parse().map_err(|right| word.error(format!("`{}` is no duration; it is {right}", word.text)))
}

/// Nothing may follow an expression.
fn expression_end(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    match cursor.is_at_end() {
        true => Ok(()),
        false => {
            let (found, at) = cursor.token()?;
            let message = format!("{found} after an expression; `and`, `or` or the command's end belongs there");
            Err(Error::new(at, message))
        }
    }
}
