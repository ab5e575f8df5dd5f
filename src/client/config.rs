//! Client configs under Kafka's names, with Kafka's defaults and limits.

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

/// A producer's configs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerConfig {
    /// `acks`: 0, 1, or -1 for all.
    pub acks: i16,
    /// `linger.ms`: how long a batch waits for company. Kafka 4's default is 5.
    pub linger: SimDuration,
    /// `batch.size` in bytes.
    pub batch_size: usize,
    /// `max.request.size` in bytes.
    pub max_request_size: usize,
    /// `request.timeout.ms`: how long to wait for a response.
    pub request_timeout: SimDuration,
    /// `delivery.timeout.ms`: how long after `send` a record may still be tried.
    pub delivery_timeout: SimDuration,
    /// `retry.backoff.ms`: the first wait before a retry.
    pub retry_backoff: SimDuration,
    /// `retry.backoff.max.ms`: the longest.
    pub retry_backoff_max: SimDuration,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `retries`.
    pub retries: u32,
    /// `metadata.max.age.ms`: how old metadata may grow before it is asked for again.
    pub metadata_max_age: SimDuration,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: -1,
            linger: SimDuration::from_millis(5),
            batch_size: 16_384,
            max_request_size: 1_048_576,
            request_timeout: SimDuration::from_secs(30),
            delivery_timeout: SimDuration::from_secs(120),
            retry_backoff: SimDuration::from_millis(100),
            retry_backoff_max: SimDuration::from_secs(1),
            max_in_flight: 5,
            retries: i32::MAX as u32,
            metadata_max_age: SimDuration::from_secs(300),
        }
    }
}

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
            work: SimDuration::ZERO,
        }
    }
}

/// What a producer sends by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// The time between two records.
    pub interval: SimDuration,
    /// How keys are drawn.
    pub keys: Keys,
    /// Length in bytes of each value.
    pub value_size: usize,
}

/// How a workload draws keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keys {
    /// No keys.
    None,
    /// One of this many keys, each as likely: `key-00`, `key-01` …
    Uniform(u32),
}

impl ProducerConfig {
    /// Sets a config by its Kafka name.
    ///
    /// # Errors
    /// A value that Kafka refuses, or a config that this producer does not have.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        match name {
            "acks" => {
                self.acks = match value {
                    "all" | "-1" => -1,
                    "0" => 0,
                    "1" => 1,
                    _ => return Err(invalid(name, value, "String must be one of: all, -1, 0, 1")),
                }
            }
            "linger.ms" => self.linger = millis(name, value)?,
            "batch.size" => self.batch_size = int(name, value, 0)? as usize,
            "max.request.size" => self.max_request_size = int(name, value, 0)? as usize,
            "request.timeout.ms" => self.request_timeout = millis(name, value)?,
            "delivery.timeout.ms" => self.delivery_timeout = millis(name, value)?,
            "retry.backoff.ms" => self.retry_backoff = millis(name, value)?,
            "retry.backoff.max.ms" => self.retry_backoff_max = millis(name, value)?,
            "max.in.flight.requests.per.connection" => self.max_in_flight = int(name, value, 1)? as usize,
            "retries" => self.retries = int(name, value, 0)? as u32,
            "metadata.max.age.ms" => self.metadata_max_age = millis(name, value)?,
            "enable.idempotence" if value == "false" => {}
            "compression.type" if value == "none" => {}
            _ => return Err(not_built(name, value)),
        }
        Ok(())
    }

    /// Checks the configs against each other, as Kafka's producer does when it is made.
    ///
    /// # Errors
    /// Kafka's message.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.delivery_timeout < self.linger + self.request_timeout {
            let text = "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms";
            return Err(ConfigError(text.into()));
        }
        Ok(())
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
            "fetch.min.bytes" => self.fetch_min_bytes = int(name, value, 0)?,
            "fetch.max.bytes" => self.fetch_max_bytes = int(name, value, 0)?,
            "max.partition.fetch.bytes" => self.max_partition_fetch_bytes = int(name, value, 0)?,
            "fetch.max.wait.ms" => self.fetch_max_wait = millis(name, value)?,
            "max.poll.records" => self.max_poll_records = int(name, value, 1)? as usize,
            "request.timeout.ms" => self.request_timeout = millis(name, value)?,
            "retry.backoff.ms" => self.retry_backoff = millis(name, value)?,
            "retry.backoff.max.ms" => self.retry_backoff_max = millis(name, value)?,
            "metadata.max.age.ms" => self.metadata_max_age = millis(name, value)?,
            _ => return Err(not_built(name, value)),
        }
        Ok(())
    }
}

/// Kafka's message for a value that a config cannot take (`ConfigException`).
fn invalid(name: &str, value: &str, why: &str) -> ConfigError {
    ConfigError(format!("Invalid value {value} for configuration {name}: {why}"))
}

fn not_built(name: &str, value: &str) -> ConfigError {
    ConfigError(format!("{name}={value} is not built yet, or Kafka has no such config"))
}

fn int(name: &str, value: &str, least: i32) -> Result<i32, ConfigError> {
    let number: i32 = value.parse().map_err(|_| invalid(name, value, "Not a number of type INT"))?;
    if number < least {
        return Err(invalid(name, value, &format!("Value must be at least {least}")));
    }
    Ok(number)
}

fn millis(name: &str, value: &str) -> Result<SimDuration, ConfigError> {
    let number: u64 = match value.parse::<i64>() {
        Ok(n) if n >= 0 => n as u64,
        Ok(_) => return Err(invalid(name, value, "Value must be at least 0")),
        Err(_) => return Err(invalid(name, value, "Not a number of type LONG")),
    };
    Ok(SimDuration::from_millis(number.min(u64::from(u32::MAX) * 1_000)))
}
