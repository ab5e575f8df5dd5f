//! Clients: `producer`, `consumer`, `send`, `poll`, `commit`, `close`.

use super::flags::{self, Flag};
use super::parse_duration;
use crate::base::SimDuration;
use crate::client::{ConsumerConfig, Keys, ProducerConfig, Workload};
use crate::script::ast::Statement;
use crate::script::built::not_yet;
use crate::script::cursor::{Cursor, Word};
use crate::script::error::Error;
use crate::sim::Command;

const PRODUCER_FLAGS: [&str; 5] = ["--topic", "--rate", "--keys", "--value-size", "--producer-property"];
const CONSUMER_FLAGS: [&str; 4] = ["--topic", "--group", "--work", "--consumer-property"];

/// Bytes of a value when `--value-size` does not say.
const DEFAULT_VALUE_SIZE: usize = 100;
/// The largest `--value-size`: far beyond Kafka's default limit on messages, near nobody's memory.
const MAX_VALUE_SIZE: i64 = 16 << 20;
/// The most keys that a workload draws from.
const MAX_KEYS: i64 = 1_000_000;
const MICROS_PER_SECOND: u64 = 1_000_000;

/// What `producer` was given.
#[derive(Default)]
struct GivenProducer {
    topic: Option<String>,
    interval: Option<SimDuration>,
    keys: Option<Keys>,
    value_size: Option<usize>,
    config: ProducerConfig,
    /// The first flag that says what the records are that `--rate` sends.
    of_rate: Option<Word>,
}

/// `producer NAME --topic T [--rate 5/s] …`.
pub(super) fn producer(verb: &Word, cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let name = flags::name(cursor.expect_word("the producer's name")?, "a producer's name")?;
    let mut given = GivenProducer::default();
    while let Some(flag) = flags::next(cursor, "producer", &PRODUCER_FLAGS)? {
        given.take(flag, cursor)?;
    }
    given.config.validate().map_err(|error| verb.error(error.to_string()))?;
    let topic = given.topic.ok_or_else(|| missing_topic(cursor))?;
    let workload = match (given.interval, given.of_rate) {
        (None, Some(flag)) => {
            let message = format!("`{}` without `--rate`; it says what the records are that `--rate` sends", flag.text);
            return Err(flag.error(message));
        }
        (None, None) => None,
        (Some(interval), _) => Some(Workload {
            interval,
            keys: given.keys.unwrap_or(Keys::None),
            value_size: given.value_size.unwrap_or(DEFAULT_VALUE_SIZE),
        }),
    };
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
            "--rate" => flags::once(&mut self.interval, rate(&flag.value(cursor, "a rate such as 5/s")?)?, &name),
            "--keys" => {
                self.of_rate.get_or_insert(name.clone());
                flags::once(&mut self.keys, keys(&flag.value(cursor, "`none` or `uniform:10`")?)?, &name)
            }
            "--value-size" => {
                self.of_rate.get_or_insert(name.clone());
                let size = flags::number(&flag.value(cursor, "a number of bytes")?, 0, MAX_VALUE_SIZE)?;
                flags::once(&mut self.value_size, size as usize, &name)
            }
            _ => {
                let (key, value) = flags::pair(&flag.value(cursor, "KEY=VALUE")?)?;
                self.config.set(&key, &value.text).map_err(|error| value.error(error.to_string()))
            }
        }
    }
}

/// The time between two records at a rate such as `5/s`, `0.5/s`, `30/m`.
fn rate(word: &Word) -> Result<SimDuration, Error> {
    let wrong = || word.error(format!("`{}` is no rate; it is a number and a unit, such as 5/s or 30/m", word.text));
    let (number, unit) = word.text.split_once('/').ok_or_else(wrong)?;
    let unit_us = match unit {
        "s" => MICROS_PER_SECOND,
        "m" => 60 * MICROS_PER_SECOND,
        "h" => 3_600 * MICROS_PER_SECOND,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || number.ends_with('.') || fraction.len() > 6 || !all_digits(whole) || !all_digits(fraction) {
        return Err(wrong());
    }
    let count: u64 = format!("{whole}{fraction}").parse().map_err(|_| wrong())?;
    let scale = 10u64.pow(fraction.len() as u32);
    match unit_us.checked_mul(scale).and_then(|unit| unit.checked_div(count)) {
        Some(interval @ 1..) => Ok(SimDuration(interval)),
        Some(0) => Err(word.error(format!("`{}` is too fast; at most 1000000/s", word.text))),
        _ => Err(word.error(format!("`{}` sends nothing; leave `--rate` out to send by hand", word.text))),
    }
}

/// `none` or `uniform:10`.
fn keys(word: &Word) -> Result<Keys, Error> {
    if word.text == "none" {
        return Ok(Keys::None);
    }
    match word.text.strip_prefix("uniform:").map(str::parse) {
        Some(Ok(count)) if (1..=MAX_KEYS as u32).contains(&count) => Ok(Keys::Uniform(count)),
        _ => {
            Err(word.error(format!("`{}` says no keys; they are `none` or `uniform:10` (1 to {MAX_KEYS})", word.text)))
        }
    }
}

/// `consumer NAME --topic T [--work 20ms] …`.
pub(super) fn consumer(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let name = flags::name(cursor.expect_word("the consumer's name")?, "a consumer's name")?;
    let mut topic = None;
    let mut work = None;
    let mut config = ConsumerConfig::default();
    while let Some(flag) = flags::next(cursor, "consumer", &CONSUMER_FLAGS)? {
        let flag_name = flag.name.clone();
        match flag_name.text.as_str() {
            "--topic" => flags::once(&mut topic, flag.value(cursor, "a topic's name")?.text, &flag_name)?,
            "--work" => flags::once(&mut work, parse_duration(&flag.value(cursor, "a duration")?)?, &flag_name)?,
            "--group" => {
                flag.value(cursor, "a group's name")?;
                return Err(flag_name.error(not_yet("`--group`, a consumer in a group,")));
            }
            _ => {
                let (key, value) = flags::pair(&flag.value(cursor, "KEY=VALUE")?)?;
                config.set(&key, &value.text).map_err(|error| value.error(error.to_string()))?;
            }
        }
    }
    config.work = work.unwrap_or(SimDuration::ZERO);
    let topic = topic.ok_or_else(|| missing_topic(cursor))?;
    Ok(Statement::Change(Command::Consumer { name, topic, config }))
}

/// `send NAME [key=K] [value=V] [partition=N]`.
pub(super) fn send(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let producer = flags::name(cursor.expect_word("a producer's name")?, "a producer's name")?;
    let (mut key, mut value, mut partition) = (None, None, None);
    while let Some(word) = cursor.word() {
        let (name, given) = flags::pair(&word)
            .map_err(|_| word.error(format!("`{}` after `send`; it takes key=K, value=V, partition=N", word.text)))?;
        let name = Word { text: name, at: word.at };
        match name.text.as_str() {
            "key" => flags::once(&mut key, given.text, &name)?,
            "value" => flags::once(&mut value, given.text, &name)?,
            "partition" => flags::once(&mut partition, flags::number(&given, 0, i64::from(i32::MAX))? as i32, &name)?,
            other => return Err(name.error(format!("`{other}=` after `send`; it takes key=K, value=V, partition=N"))),
        }
    }
    Ok(Statement::Change(Command::Send { producer, key, value, partition }))
}

/// `close NAME`.
pub(super) fn close(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let client = flags::name(cursor.expect_word("a client's name")?, "a client's name")?;
    cursor.end("`close` and a client's name")?;
    Ok(Statement::Change(Command::Close { client }))
}

/// The consumer's name of `poll` and `commit`.
pub(super) fn named_consumer(verb: &str, cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let name = flags::name(cursor.expect_word("a consumer's name")?, "a consumer's name")?;
    cursor.end(&format!("`{verb}` and a consumer's name"))?;
    Ok(name)
}
