//! Producers, `send`, `flush`, and `close` and `restart` of any client.

use super::flags::{self, Flag};
use super::{consumers, workload};
use crate::client::{ProducerChanges, ProducerConfig};
use crate::script::ast::Statement;
use crate::script::cursor::{Cursor, Word};
use crate::script::date;
use crate::script::error::Error;
use crate::sim::{Command, Restart};

const PRODUCER_FLAGS: [&str; 7] =
    ["--topic", "--rate", "--burst", "--keys", "--value-size", "--compression-type", "--producer-property"];

/// What `producer` was given.
#[derive(Default)]
struct GivenProducer {
    changes: ProducerChanges,
    compression: Option<()>,
    /// What its configs would be if there were no others.
    config: ProducerConfig,
    /// The first flag that says what the records are that `--rate` or `--burst` sends.
    of_workload: Option<Word>,
}

/// `producer NAME --topic T [--rate 5/s] …`.
pub(super) fn producer(verb: &Word, cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let name = flags::name(cursor.expect_word("the producer's name")?, "a producer's name")?;
    let given = GivenProducer::read("producer", cursor)?;
    let mut changes = given.changes;
    let config = changes.config(&ProducerConfig::default()).map_err(|error| verb.error(error.to_string()))?;
    let topic = changes.topic.take().ok_or_else(|| missing_topic(cursor))?;
    let flag = given.of_workload.as_ref().unwrap_or(verb);
    let workload = changes.workload(None).map_err(|error| flag.error(error.to_string()))?;
    Ok(Statement::Change(Command::Producer { name, topic, config, workload }))
}

fn missing_topic(cursor: &mut Cursor<'_>) -> Error {
    Error::new(cursor.position(), "the command ends here; `--topic` and a topic's name are missing")
}

/// `restart producer NAME …` or `restart consumer NAME …`, with what is to be different.
pub(super) fn restart(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let kind = cursor.expect_word("`producer` or `consumer`")?;
    let restart = match kind.text.as_str() {
        "producer" => {
            let name = flags::name(cursor.expect_word("the producer's name")?, "a producer's name")?;
            Restart::Producer(name, GivenProducer::read("restart producer", cursor)?.changes)
        }
        "consumer" => {
            let name = flags::name(cursor.expect_word("the consumer's name")?, "a consumer's name")?;
            Restart::Consumer(name, consumers::changes("restart consumer", &kind, cursor)?)
        }
        other => {
            let text = format!("`restart {other}`; it is `restart producer NAME` or `restart consumer NAME`; ");
            return Err(kind.error(text + "a node is stopped and started"));
        }
    };
    Ok(Statement::Change(Command::Restart(restart)))
}

impl GivenProducer {
    fn read(verb: &str, cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let mut given = Self::default();
        while let Some(flag) = flags::next(cursor, verb, &PRODUCER_FLAGS)? {
            given.take(flag, cursor)?;
        }
        Ok(given)
    }

    fn take(&mut self, flag: Flag, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let name = flag.name.clone();
        let changes = &mut self.changes;
        match name.text.as_str() {
            "--topic" => flags::once(&mut changes.topic, flag.value(cursor, "a topic's name")?.text, &name),
            "--rate" => {
                let rate = workload::rate(&flag.value(cursor, "a rate such as 5/s")?)?;
                flags::once(&mut changes.interval, rate, &name)
            }
            "--burst" => {
                let burst = workload::burst(&flag.value(cursor, "a burst such as 100/5s")?)?;
                flags::once(&mut changes.burst, burst, &name)
            }
            "--keys" => {
                self.of_workload.get_or_insert(name.clone());
                let keys = workload::keys(&flag.value(cursor, "`none` or `uniform:10`")?)?;
                flags::once(&mut changes.keys, keys, &name)
            }
            "--value-size" => {
                self.of_workload.get_or_insert(name.clone());
                let size = workload::value_size(&flag.value(cursor, "a number of bytes")?)?;
                flags::once(&mut changes.value_size, size, &name)
            }
            "--compression-type" => {
                let value = flag.value(cursor, "a codec such as `lz4`")?;
                flags::once(&mut self.compression, (), &name)?;
                self.set("compression.type".to_owned(), &value)
            }
            _ => {
                let (key, value) = flags::pair(&flag.value(cursor, "KEY=VALUE")?)?;
                self.set(key, &value)
            }
        }
    }

    fn set(&mut self, key: String, value: &Word) -> Result<(), Error> {
        self.config.set(&key, &value.text).map_err(|error| value.error(error.to_string()))?;
        self.changes.properties.push((key, value.text.clone()));
        Ok(())
    }
}

/// What `send` takes, as its errors say it.
const SEND_WORDS: &str = "key=K, value=V, partition=N, topic=T, timestamp=T, header NAME=VALUE";

/// `send NAME [key=K] [value=V] [partition=N] [topic=T] [timestamp=T] [header NAME=VALUE]…`.
pub(super) fn send(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let producer = flags::name(cursor.expect_word("a producer's name")?, "a producer's name")?;
    let (mut key, mut value, mut partition, mut topic, mut timestamp_ms) = (None, None, None, None, None);
    let mut headers = Vec::new();
    while let Some(word) = cursor.word() {
        if word.text == "header" {
            let (name, value) = flags::pair(&cursor.expect_word("NAME=VALUE after `header`")?)?;
            headers.push((name, value.text));
            continue;
        }
        let (name, given) = flags::pair(&word)
            .map_err(|_| word.error(format!("`{}` after `send`; it takes {SEND_WORDS}", word.text)))?;
        let name = Word { text: name, at: word.at };
        match name.text.as_str() {
            "key" => flags::once(&mut key, given.text, &name)?,
            "value" => flags::once(&mut value, given.text, &name)?,
            "partition" => flags::once(&mut partition, flags::number(&given, 0, i64::from(i32::MAX))? as i32, &name)?,
            "topic" => flags::once(&mut topic, given.text, &name)?,
            "timestamp" => flags::once(&mut timestamp_ms, timestamp(&given)?, &name)?,
            other => return Err(name.error(format!("`{other}=` after `send`; it takes {SEND_WORDS}"))),
        }
    }
    Ok(Statement::Change(Command::Send { producer, key, value, partition, topic, timestamp_ms, headers }))
}

/// A date, or milliseconds since the Unix epoch; negative ones are Kafka's to refuse.
fn timestamp(word: &Word) -> Result<i64, Error> {
    let message = || {
        let text = &word.text;
        format!("`{text}` is no timestamp; it is a date such as 2026-01-01T00:00:00Z, or milliseconds since 1970")
    };
    let parsed = date::parse_utc(&word.text).or_else(|| word.text.parse().ok());
    parsed.ok_or_else(|| word.error(message()))
}

/// `flush NAME`.
pub(super) fn flush(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let producer = flags::name(cursor.expect_word("a producer's name")?, "a producer's name")?;
    cursor.end("`flush` and a producer's name")?;
    Ok(Statement::Change(Command::Flush { producer }))
}

/// `close NAME`.
pub(super) fn close(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let client = flags::name(cursor.expect_word("a client's name")?, "a client's name")?;
    cursor.end("`close` and a client's name")?;
    Ok(Statement::Change(Command::Close { client }))
}
