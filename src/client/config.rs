//! What the configs of all clients have in common, and the consumer's, under Kafka's names, with Kafka's defaults and
//! limits.

use crate::base::SimDuration;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is wrong with a config: Kafka's own message where Kafka has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// A consumer's configs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerConfig {
    /// `auto.offset.reset`.
    pub auto_offset_reset: OffsetReset,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: i32,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: i32,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: i32,
    /// `fetch.max.wait.ms`: how long a broker may hold a fetch that has too little to return.
    pub fetch_max_wait: SimDuration,
    /// `max.poll.records`.
    pub max_poll_records: usize,
    /// `request.timeout.ms`.
    pub request_timeout: SimDuration,
    /// `retry.backoff.ms`.
    pub retry_backoff: SimDuration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: SimDuration,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: SimDuration,
    /// `client.rack`: where it is; a replica there may be read from (KIP-392). Empty for nowhere.
    pub client_rack: String,
    /// How long the application works on each record (a setting of the simulated application, not of Kafka).
    pub work: SimDuration,
}

/// Where a consumer without a position starts: `auto.offset.reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OffsetReset {
    /// At the log's start.
    Earliest,
    /// At the high watermark.
    Latest,
    /// Nowhere: tell the application.
    None,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            auto_offset_reset: OffsetReset::Latest,
            fetch_min_bytes: 1,
            fetch_max_bytes: 52_428_800,
            max_partition_fetch_bytes: 1_048_576,
            fetch_max_wait: SimDuration::from_millis(500),
            max_poll_records: 500,
            request_timeout: SimDuration::from_secs(30),
            retry_backoff: SimDuration::from_millis(100),
            retry_backoff_max: SimDuration::from_secs(1),
            metadata_max_age: SimDuration::from_secs(300),
            client_rack: String::new(),
            work: SimDuration::ZERO,
        }
    }
}

impl ConsumerConfig {
    /// Sets a config by its Kafka name.
    ///
    /// # Errors
    /// A value that Kafka refuses, or a config that this consumer does not have.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        match name {
            "auto.offset.reset" => {
                self.auto_offset_reset = match value {
                    "earliest" => OffsetReset::Earliest,
                    "latest" => OffsetReset::Latest,
                    "none" => OffsetReset::None,
                    _ => return Err(not_built(name, value)),
                }
            }
            "fetch.min.bytes" => self.fetch_min_bytes = int(name, value, 0, i32::MAX)?,
            "fetch.max.bytes" => self.fetch_max_bytes = int(name, value, 0, i32::MAX)?,
            "max.partition.fetch.bytes" => self.max_partition_fetch_bytes = int(name, value, 0, i32::MAX)?,
            "fetch.max.wait.ms" => self.fetch_max_wait = millis(name, value)?,
            "max.poll.records" => self.max_poll_records = int(name, value, 1, i32::MAX)? as usize,
            "request.timeout.ms" => self.request_timeout = millis(name, value)?,
            "retry.backoff.ms" => self.retry_backoff = millis(name, value)?,
            "retry.backoff.max.ms" => self.retry_backoff_max = millis(name, value)?,
            "metadata.max.age.ms" => self.metadata_max_age = millis(name, value)?,
            "client.rack" => self.client_rack = value.into(),
            _ => return Err(not_built(name, value)),
        }
        Ok(())
    }
}

/// Kafka's message for a value that a config cannot take (`ConfigException`).
pub(super) fn invalid(name: &str, value: &str, why: &str) -> ConfigError {
    ConfigError(format!("Invalid value {value} for configuration {name}: {why}"))
}

pub(super) fn not_built(name: &str, value: &str) -> ConfigError {
    ConfigError(format!("{name}={value} is not built yet, or Kafka has no such config"))
}

/// A config of type INT within bounds (`ConfigDef.Range`).
pub(super) fn int(name: &str, value: &str, least: i32, most: i32) -> Result<i32, ConfigError> {
    match value.parse::<i32>() {
        Err(_) => Err(invalid(name, value, "Not a number of type INT")),
        Ok(number) if number < least => Err(invalid(name, value, &format!("Value must be at least {least}"))),
        Ok(number) if number > most => Err(invalid(name, value, &format!("Value must be no more than {most}"))),
        Ok(number) => Ok(number),
    }
}

/// A config of type LONG.
pub(super) fn long(name: &str, value: &str, least: i64) -> Result<i64, ConfigError> {
    match value.parse::<i64>() {
        Err(_) => Err(invalid(name, value, "Not a number of type LONG")),
        Ok(number) if number < least => Err(invalid(name, value, &format!("Value must be at least {least}"))),
        Ok(number) => Ok(number),
    }
}

/// A config of type BOOLEAN.
pub(super) fn boolean(name: &str, value: &str) -> Result<bool, ConfigError> {
    match value {
        _ if value.eq_ignore_ascii_case("true") => Ok(true),
        _ if value.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(invalid(name, value, "Expected value to be either true or false")),
    }
}

/// A config whose value is one of a few words (`ConfigDef.ValidString`).
pub(super) fn one_of(name: &str, value: &str, words: &[&str]) -> Result<(), ConfigError> {
    match words.contains(&value) {
        true => Ok(()),
        false => Err(invalid(name, value, &format!("String must be one of: {}", words.join(", ")))),
    }
}

/// A span of time of type LONG, at most some thousand years.
pub(super) fn millis(name: &str, value: &str) -> Result<SimDuration, ConfigError> {
    let number = long(name, value, 0)? as u64;
    Ok(SimDuration::from_millis(number.min(u64::from(u32::MAX) * 1_000)))
}
