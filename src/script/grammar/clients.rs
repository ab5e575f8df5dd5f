//! Producers, `send`, `flush`, and `close` of any client.

use super::flags::{self, Flag};
use super::workload;
use crate::base::SimDuration;
use crate::client::{Burst, Keys, ProducerConfig, Workload};
use crate::script::ast::Statement;
use crate::script::cursor::{Cursor, Word};
use crate::script::date;
use crate::script::error::Error;
use crate::sim::Command;

const PRODUCER_FLAGS: [&str; 7] =
    ["--topic", "--rate", "--burst", "--keys", "--value-size", "--compression-type", "--producer-property"];

/// What `producer` was given.
#[derive(Default)]
struct GivenProducer {
    topic: Option<String>,
    interval: Option<SimDuration>,
    burst: Option<Burst>,
    keys: Option<Keys>,
    value_size: Option<(usize, usize)>,
    compression: Option<()>,
    config: ProducerConfig,
    /// The first flag that says what the records are that `--rate` or `--burst` sends.
    of_workload: Option<Word>,
}

/// `producer NAME --topic T [--rate 5/s] …`.
pub(super) fn producer(verb: &Word, cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let name = flags::name(cursor.expect_word("the producer's name")?, "a producer's name")?;
    let mut given = GivenProducer::default();
    while let Some(flag) = flags::next(cursor, "producer", &PRODUCER_FLAGS)? {
        given.take(flag, cursor)?;
    }
    given.config.validate().map_err(|error| verb.error(error.to_string()))?;
    let topic = given.topic.take().ok_or_else(|| missing_topic(cursor))?;
    let workload = given.workload()?;
    Ok(Statement::Change(Command::Producer { name, topic, config: given.config, workload }))
}

fn missing_topic(cursor: &mut Cursor<'_>) -> Error {
    Error::new(cursor.position(), "the command ends here; `--topic` and a topic's name are missing")
}

impl GivenProducer {
    fn take(&mut self, flag: Flag, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let name = flag.name.clone();
        match name.text.as_str() {
            "--topic" => flags::once(&mut self.topic, flag.value(cursor, "a topic's name")?.text, &name),
            "--rate" => {
                let rate = workload::rate(&flag.value(cursor, "a rate such as 5/s")?)?;
                flags::once(&mut self.interval, rate, &name)
            }
            "--burst" => {
                let burst = workload::burst(&flag.value(cursor, "a burst such as 100/5s")?)?;
                flags::once(&mut self.burst, burst, &name)
            }
            "--keys" => {
                self.of_workload.get_or_insert(name.clone());
                let keys = workload::keys(&flag.value(cursor, "`none` or `uniform:10`")?)?;
                flags::once(&mut self.keys, keys, &name)
            }
            "--value-size" => {
                self.of_workload.get_or_insert(name.clone());
                let size = workload::value_size(&flag.value(cursor, "a number of bytes")?)?;
                flags::once(&mut self.value_size, size, &name)
            }
            "--compression-type" => {
                let value = flag.value(cursor, "a codec such as `lz4`")?;
                flags::once(&mut self.compression, (), &name)?;
                self.config.set("compression.type", &value.text).map_err(|error| value.error(error.to_string()))
            }
            _ => {
                let (key, value) = flags::pair(&flag.value(cursor, "KEY=VALUE")?)?;
                self.config.set(&key, &value.text).map_err(|error| value.error(error.to_string()))
            }
        }
    }

    fn workload(&mut self) -> Result<Option<Workload>, Error> {
        let (interval, burst) = (self.interval, self.burst);
        if interval.is_none() && burst.is_none() {
            return match &self.of_workload {
                None => Ok(None),
                Some(flag) => Err(flag.error(format!(
                    "`{}` without `--rate` or `--burst`; it says what the records are that they send",
                    flag.text
                ))),
            };
        }
        let value_size = self.value_size.unwrap_or((workload::DEFAULT_VALUE_SIZE, workload::DEFAULT_VALUE_SIZE));
        Ok(Some(Workload { interval, burst, keys: self.keys.take().unwrap_or(Keys::None), value_size }))
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
