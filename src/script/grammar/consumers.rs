//! Consumers: `consumer`, `poll`, `commit`, `seek`, `busy`, `unsubscribe`, and `pause` and `resume` of a partition.

use super::flags::{self, Flag};
use super::parse_duration;
use crate::base::{SimDuration, TopicPartition};
use crate::client::{
    Call, Commits, ConfigError, ConsumerChanges, ConsumerConfig, Death, Reads, SeekTo, compile_pattern,
};
use crate::script::ast::Statement;
use crate::script::cursor::{Cursor, Word};
use crate::script::error::Error;
use crate::sim::Command;

const FLAGS: [&str; 10] = [
    "--topic",
    "--include",
    "--assign",
    "--group",
    "--work",
    "--commit",
    "--manual",
    "--poison",
    "--dies",
    "--consumer-property",
];

/// How long `poll` polls when nothing comes and no duration follows.
const POLL: SimDuration = SimDuration::from_secs(1);

/// What `consumer` was given.
#[derive(Default)]
struct Given {
    changes: ConsumerChanges,
    topics: Option<Vec<String>>,
    pattern: Option<String>,
    partitions: Option<Vec<TopicPartition>>,
    manual: Option<()>,
    /// What its configs would be if there were no others.
    config: ConsumerConfig,
}

/// `consumer NAME --topic T [--group G] [--work 20ms] …`.
pub(super) fn consumer(verb: &Word, cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let name = flags::name(cursor.expect_word("the consumer's name")?, "a consumer's name")?;
    let changes = changes("consumer", verb, cursor)?;
    if changes.reads.is_none() {
        let message = "the command ends here; `--topic` and a topic's name are missing";
        return Err(Error::new(cursor.position(), message));
    }
    let in_words = |error: ConfigError| verb.error(error.to_string());
    let config = changes.config(&ConsumerConfig::default()).map_err(in_words)?;
    let reads = changes.reads(None, &config).map_err(in_words)?.expect("it was looked at");
    Ok(Statement::Change(Command::Consumer { name, reads, config }))
}

/// Reads what a consumer is to be.
pub(super) fn changes(what: &str, verb: &Word, cursor: &mut Cursor<'_>) -> Result<ConsumerChanges, Error> {
    let mut given = Given::default();
    while let Some(flag) = flags::next(cursor, what, &FLAGS)? {
        given.take(flag, cursor)?;
    }
    let reads = match (given.topics, given.pattern, given.partitions) {
        (None, None, None) => None,
        (Some(topics), None, None) => Some(Reads::All(topics)),
        (None, Some(pattern), None) => Some(Reads::Pattern(pattern)),
        (None, None, Some(partitions)) => Some(Reads::Partitions(partitions)),
        _ => return Err(verb.error("more than one of `--topic`, `--include` and `--assign`; a consumer reads by one")),
    };
    Ok(ConsumerChanges { reads, by_hand: given.manual.is_some(), ..given.changes })
}

impl Given {
    fn take(&mut self, flag: Flag, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let name = flag.name.clone();
        let changes = &mut self.changes;
        match name.text.as_str() {
            "--topic" => {
                let names = flag.value(cursor, "a topic's name")?.text;
                let names = names.split(',').map(|name| name.trim().to_owned()).collect();
                flags::once(&mut self.topics, names, &name)
            }
            "--include" => {
                let pattern = flag.value(cursor, "a pattern of topics' names")?;
                compile_pattern(&pattern.text).map_err(|error| pattern.error(format!("no pattern: {error}")))?;
                flags::once(&mut self.pattern, pattern.text, &name)
            }
            "--assign" => {
                let all = flag.value(cursor, "partitions such as orders-0,orders-1")?;
                let all = all.text.split(',').map(|text| partition(text, &all)).collect::<Result<_, _>>()?;
                flags::once(&mut self.partitions, all, &name)
            }
            "--group" => flags::once(&mut changes.group, flag.value(cursor, "a group's name")?.text, &name),
            "--work" => flags::once(&mut changes.work, parse_duration(&flag.value(cursor, "a duration")?)?, &name),
            "--commit" => flags::once(&mut changes.commits, commits(&flag.value(cursor, COMMITS)?)?, &name),
            "--manual" => flag.no_value().and_then(|()| flags::once(&mut self.manual, (), &name)),
            "--poison" => flags::once(&mut changes.poison, flag.value(cursor, "a record's value")?.text, &name),
            "--dies" => flags::once(&mut changes.dies, death(&flag.value(cursor, DEATH)?)?, &name),
            _ => {
                let (key, value) = flags::pair(&flag.value(cursor, "KEY=VALUE")?)?;
                self.config.set(&key, &value.text).map_err(|error| value.error(error.to_string()))?;
                changes.properties.push((key, value.text));
                Ok(())
            }
        }
    }
}

const COMMITS: &str = "sync, async, each, first or never";
const DEATH: &str = "`before-commit:N` or `after-commit:N`";

fn commits(word: &Word) -> Result<Commits, Error> {
    Ok(match word.text.as_str() {
        "sync" => Commits::Sync,
        "async" => Commits::Async,
        "each" => Commits::Each,
        "first" => Commits::First,
        "never" => Commits::Never,
        other => return Err(word.error(format!("`{other}` where {COMMITS} belongs"))),
    })
}

fn death(word: &Word) -> Result<Death, Error> {
    let parts = word.text.split_once(':').and_then(|(when, record)| Some((when, record.parse::<u64>().ok()?)));
    match parts {
        Some(("before-commit", record)) if record > 0 => Ok(Death { before: true, record }),
        Some(("after-commit", record)) if record > 0 => Ok(Death { before: false, record }),
        _ => Err(word.error(format!("`{}` where {DEATH} belongs, N counted from 1", word.text))),
    }
}

fn partition(text: &str, word: &Word) -> Result<TopicPartition, Error> {
    let split = text.trim().rsplit_once('-').and_then(|(topic, index)| Some((topic, index.parse::<i32>().ok()?)));
    match split {
        Some((topic, index)) if !topic.is_empty() && index >= 0 => Ok(TopicPartition::new(topic, index)),
        _ => {
            Err(word.error(format!("`{text}` where a partition belongs: a topic, a dash and a number, as `orders-0`")))
        }
    }
}

fn named(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    flags::name(cursor.expect_word("a consumer's name")?, "a consumer's name")
}

fn call(consumer: String, call: Call) -> Statement {
    Statement::Change(Command::Call { consumer, call })
}

/// `poll NAME [5s]`: a consumer that polls by hand polls once.
pub(super) fn poll(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let name = named(cursor)?;
    let span = cursor.word().map_or(Ok(POLL), |word| parse_duration(&word))?;
    cursor.end("`poll`, a consumer's name and a duration")?;
    Ok(call(name, Call::Poll(span)))
}

/// `commit NAME [async]`.
pub(super) fn commit(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let name = named(cursor)?;
    let is_async = match cursor.word() {
        None => false,
        Some(word) if word.text == "async" => true,
        Some(word) => return Err(word.error(format!("`{}` after `commit NAME`; it takes `async`", word.text))),
    };
    cursor.end("`commit`, a consumer's name and `async`")?;
    Ok(call(name, Call::Commit { is_async }))
}

/// `seek NAME PARTITION OFFSET|beginning|end`.
pub(super) fn seek(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let name = named(cursor)?;
    let word = cursor.expect_word("a partition such as orders-0")?;
    let tp = partition(&word.text, &word)?;
    let to = cursor.expect_word("an offset, `beginning` or `end`")?;
    let to = match to.text.as_str() {
        "beginning" => SeekTo::Beginning,
        "end" => SeekTo::End,
        _ => SeekTo::Offset(flags::number(&to, 0, i64::MAX)?),
    };
    cursor.end("`seek`, a consumer's name, a partition and where to")?;
    Ok(call(name, Call::Seek(tp, to)))
}

/// `busy NAME 16s`: its application does something else for as long.
pub(super) fn busy(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let name = named(cursor)?;
    let span = parse_duration(&cursor.expect_word("a duration")?)?;
    cursor.end("`busy`, a consumer's name and a duration")?;
    Ok(call(name, Call::Busy(span)))
}

/// `unsubscribe NAME`.
pub(super) fn unsubscribe(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let name = named(cursor)?;
    cursor.end("`unsubscribe` and a consumer's name")?;
    Ok(call(name, Call::Unsubscribe))
}

/// `pause consumer NAME PARTITION`, and `resume`: of one partition, where without it the process is meant.
pub(super) fn partition_flow(verb: &str, cursor: &mut Cursor<'_>) -> Result<Option<Statement>, Error> {
    let mut ahead = *cursor;
    if ahead.word().is_none_or(|word| word.text != "consumer") {
        return Ok(None);
    }
    let (Some(name), Some(word)) = (ahead.word(), ahead.word()) else { return Ok(None) };
    let tp = partition(&word.text, &word)?;
    *cursor = ahead;
    cursor.end("a partition")?;
    Ok(Some(call(name.text, if verb == "pause" { Call::Pause(tp) } else { Call::Resume(tp) })))
}
