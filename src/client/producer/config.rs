//! A producer's configs under Kafka's names, with Kafka's defaults, limits and messages (`ProducerConfig`).

use crate::base::SimDuration;
use crate::client::config::{
    CommonClientConfigs, ConfigError, boolean, int, int_millis, invalid, long, millis, one_of,
};
use crate::wire::{CODECS, Compression};
use serde::{Deserialize, Serialize};

/// The most requests in flight at which brokers can still tell a producer's batches apart: they remember five.
const MAX_IN_FLIGHT_FOR_IDEMPOTENCE: usize = 5;

/// A producer's configs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerConfig {
    /// `acks`: 0, 1, or -1 for all.
    pub acks: i16,
    /// `enable.idempotence`, when it was set; see [`ProducerConfig::is_idempotent`].
    pub enable_idempotence: Option<bool>,
    /// `linger.ms`: how long a batch waits for company. Kafka 4's default is 5.
    pub linger: SimDuration,
    /// `batch.size` in bytes.
    pub batch_size: usize,
    /// `buffer.memory` in bytes: all batches that are not acknowledged yet.
    pub buffer_memory: u64,
    /// `max.block.ms`: how long `send` may wait, for metadata and memory together.
    pub max_block: SimDuration,
    /// `max.request.size` in bytes.
    pub max_request_size: usize,
    /// `delivery.timeout.ms`, when it was set; see [`ProducerConfig::delivery_timeout`].
    pub given_delivery_timeout: Option<SimDuration>,
    /// What all clients have.
    pub common: CommonClientConfigs,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `retries`.
    pub retries: u32,
    /// `compression.type`.
    pub compression: Compression,
    /// `compression.gzip.level`: 1 to 9, or -1 for gzip's own default.
    pub gzip_level: i32,
    /// `compression.lz4.level`: 1 to 17.
    pub lz4_level: i32,
    /// `compression.zstd.level`: -131072 to 22.
    pub zstd_level: i32,
    /// `partitioner.adaptive.partitioning.enable`: records without a key go rather where queues are short (KIP-794).
    pub adaptive_partitioning: bool,
    /// `partitioner.availability.timeout.ms`: a broker that takes nothing for so long gets no records without a key; zero
    /// switches that off.
    pub availability_timeout: SimDuration,
    /// `partitioner.ignore.keys`: keys do not choose the partition.
    pub ignore_keys: bool,
    /// `partitioner.class` is `org.apache.kafka.clients.producer.RoundRobinPartitioner`; without the config the built-in
    /// one works.
    pub round_robin_partitioner: bool,
    /// `metadata.max.idle.ms`: a topic that was not used for so long is dropped from what it knows (KIP-526).
    pub metadata_max_idle: SimDuration,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: -1,
            enable_idempotence: None,
            linger: SimDuration::from_millis(5),
            batch_size: 16_384,
            buffer_memory: 33_554_432,
            max_block: SimDuration::from_secs(60),
            max_request_size: 1_048_576,
            given_delivery_timeout: None,
            common: CommonClientConfigs::default(),
            max_in_flight: 5,
            retries: i32::MAX as u32,
            compression: Compression::None,
            gzip_level: Compression::Gzip.default_level(),
            lz4_level: Compression::Lz4.default_level(),
            zstd_level: Compression::Zstd.default_level(),
            adaptive_partitioning: true,
            availability_timeout: SimDuration::ZERO,
            ignore_keys: false,
            round_robin_partitioner: false,
            metadata_max_idle: SimDuration::from_secs(300),
        }
    }
}

impl ProducerConfig {
    /// Sets a config by its Kafka name.
    ///
    /// # Errors
    /// A value that Kafka refuses, or a config that this producer does not have.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let value = value.trim();
        match name {
            "acks" => self.acks = acks(name, value)?,
            "enable.idempotence" => self.enable_idempotence = Some(boolean(name, value)?),
            "linger.ms" => self.linger = millis(name, value)?,
            "batch.size" => self.batch_size = int(name, value, 0, i32::MAX)? as usize,
            "buffer.memory" => self.buffer_memory = long(name, value, 0)? as u64,
            "max.block.ms" => self.max_block = millis(name, value)?,
            "max.request.size" => self.max_request_size = int(name, value, 0, i32::MAX)? as usize,
            "delivery.timeout.ms" => self.given_delivery_timeout = Some(int_millis(name, value)?),
            "max.in.flight.requests.per.connection" => self.max_in_flight = int(name, value, 1, i32::MAX)? as usize,
            "retries" => self.retries = int(name, value, 0, i32::MAX)? as u32,
            _ => return self.set_further(name, value),
        }
        Ok(())
    }

    /// Sets one of the configs of compression, partitioning and recovery.
    fn set_further(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        match name {
            "compression.type" => self.compression = compression(name, value)?,
            "compression.gzip.level" => self.gzip_level = gzip_level(name, value)?,
            "compression.lz4.level" => self.lz4_level = int(name, value, 1, 17)?,
            "compression.zstd.level" => self.zstd_level = int(name, value, -131_072, 22)?,
            "partitioner.adaptive.partitioning.enable" => self.adaptive_partitioning = boolean(name, value)?,
            "partitioner.availability.timeout.ms" => self.availability_timeout = millis(name, value)?,
            "partitioner.ignore.keys" => self.ignore_keys = boolean(name, value)?,
            "partitioner.class" => self.round_robin_partitioner = is_round_robin(name, value)?,
            "metadata.max.idle.ms" => self.metadata_max_idle = metadata_max_idle(name, value)?,
            _ => self.common.set(name, value, &DEFAULTS)?,
        }
        Ok(())
    }

    /// Whether batches carry sequence numbers: unless switched off, and unless `acks` or `retries` rule it out.
    pub fn is_idempotent(&self) -> bool {
        self.enable_idempotence.unwrap_or(true) && self.acks == -1 && self.retries > 0
    }

    /// `delivery.timeout.ms`: how long after `send` a record may still be tried. Unless it is set, it grows with
    /// `linger.ms` and `request.timeout.ms`.
    pub fn delivery_timeout(&self) -> SimDuration {
        let least = self.linger + self.common.request_timeout;
        self.given_delivery_timeout.unwrap_or(SimDuration::from_secs(120).max(least))
    }

    /// The level at which the codec compresses.
    pub fn compression_level(&self) -> i32 {
        match self.compression {
            Compression::Gzip => self.gzip_level,
            Compression::Lz4 => self.lz4_level,
            Compression::Zstd => self.zstd_level,
            Compression::None | Compression::Snappy => 0,
        }
    }

    /// Checks the configs against each other, as Kafka's producer does when it is made.
    ///
    /// # Errors
    /// Kafka's message.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |text: String| Err(ConfigError(text));
        let (asked_for, enabled) = (self.enable_idempotence == Some(true), self.enable_idempotence.unwrap_or(true));
        if asked_for && self.retries == 0 {
            return refuse("Must set retries to non-zero when using the idempotent producer.".into());
        }
        if asked_for && self.acks != -1 {
            let text = "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee \
                        idempotence.";
            return refuse(text.into());
        }
        if enabled && self.max_in_flight > MAX_IN_FLIGHT_FOR_IDEMPOTENCE {
            return refuse(format!(
                "To use the idempotent producer, max.in.flight.requests.per.connection must be set to at most 5. \
                 Current value is {}.",
                self.max_in_flight
            ));
        }
        if self.delivery_timeout() < self.linger + self.common.request_timeout {
            let text = "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms";
            return refuse(text.into());
        }
        Ok(())
    }
}

/// Configs that change nothing here, with the one value that says so: Kafka's default.
const DEFAULTS: [(&str, &str); 1] = [("receive.buffer.bytes", "32768")];

/// `partitioner.class`: Kafka's jar has one class for it.
fn is_round_robin(name: &str, value: &str) -> Result<bool, ConfigError> {
    match value {
        "org.apache.kafka.clients.producer.RoundRobinPartitioner" => Ok(true),
        _ => Err(invalid(name, value, &format!("Class {value} could not be found."))),
    }
}

fn metadata_max_idle(name: &str, value: &str) -> Result<SimDuration, ConfigError> {
    long(name, value, 5_000)?;
    millis(name, value)
}

fn acks(name: &str, value: &str) -> Result<i16, ConfigError> {
    one_of(name, value, &["all", "-1", "0", "1"])?;
    Ok(match value {
        "0" => 0,
        "1" => 1,
        _ => -1,
    })
}

fn compression(name: &str, value: &str) -> Result<Compression, ConfigError> {
    one_of(name, value, &CODECS.map(Compression::name))?;
    Ok(CODECS.into_iter().find(|codec| codec.name() == value).expect("it is one of them"))
}

fn gzip_level(name: &str, value: &str) -> Result<i32, ConfigError> {
    match int(name, value, i32::MIN, i32::MAX)? {
        level @ (-1 | 1..=9) => Ok(level),
        _ => Err(invalid(name, value, "Value must be between 1 and 9 or equal to -1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Result<ProducerConfig, String> {
        let mut config = ProducerConfig::default();
        pairs.iter().try_for_each(|(name, value)| config.set(name, value)).map_err(|e| e.to_string())?;
        config.validate().map(|()| config).map_err(|e| e.to_string())
    }

    #[test]
    fn kafkas_words_for_what_it_refuses() {
        for (pairs, message) in [
            (&[("acks", "2")][..], "Invalid value 2 for configuration acks: String must be one of: all, -1, 0, 1"),
            (&[("batch.size", "-1")], "Invalid value -1 for configuration batch.size: Value must be at least 0"),
            (&[("batch.size", "x")], "Invalid value x for configuration batch.size: Not a number of type INT"),
            (&[("linger.ms", "x")], "Invalid value x for configuration linger.ms: Not a number of type LONG"),
            (
                &[("enable.idempotence", "yes")],
                "Invalid value yes for configuration enable.idempotence: Expected value to be either true or false",
            ),
            (
                &[("compression.type", "brotli")],
                "Invalid value brotli for configuration compression.type: String must be one of: none, gzip, snappy, \
                 lz4, zstd",
            ),
            (
                &[("compression.gzip.level", "0")],
                "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
            ),
            (
                &[("compression.lz4.level", "18")],
                "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17",
            ),
            (
                &[("max.in.flight.requests.per.connection", "0")],
                "Invalid value 0 for configuration max.in.flight.requests.per.connection: Value must be at least 1",
            ),
            (
                &[("partitioner.class", "org.apache.kafka.clients.producer.UniformStickyPartitioner")],
                "Invalid value org.apache.kafka.clients.producer.UniformStickyPartitioner for configuration \
                 partitioner.class: Class org.apache.kafka.clients.producer.UniformStickyPartitioner could not be found.",
            ),
            (
                &[("metadata.max.idle.ms", "4999")],
                "Invalid value 4999 for configuration metadata.max.idle.ms: Value must be at least 5000",
            ),
            (&[("bootstrap.servers", "localhost")], "Invalid url in bootstrap.servers: localhost"),
            (
                &[("enable.idempotence", "true"), ("acks", "1")],
                "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee \
                 idempotence.",
            ),
            (
                &[("enable.idempotence", "true"), ("retries", "0")],
                "Must set retries to non-zero when using the idempotent producer.",
            ),
            (
                &[("max.in.flight.requests.per.connection", "6")],
                "To use the idempotent producer, max.in.flight.requests.per.connection must be set to at most 5. \
                 Current value is 6.",
            ),
            (
                &[("delivery.timeout.ms", "1000")],
                "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms",
            ),
        ] {
            assert_eq!(set(pairs), Err(message.into()));
        }
    }

    #[test]
    fn idempotence_gives_way_unless_it_was_asked_for() {
        let idempotent = |pairs| set(pairs).expect("Kafka takes it").is_idempotent();
        assert!(idempotent(&[]));
        assert!(!idempotent(&[("acks", "1")]));
        assert!(!idempotent(&[("retries", "0")]));
        assert!(!idempotent(&[("enable.idempotence", "false"), ("max.in.flight.requests.per.connection", "9")]));
        assert!(idempotent(&[("enable.idempotence", "true"), ("acks", "-1")]));
    }

    #[test]
    fn timeouts_that_are_not_set_follow_others() {
        let config = set(&[("request.timeout.ms", "200000"), ("reconnect.backoff.ms", "10")]).expect("Kafka takes it");
        assert_eq!(config.delivery_timeout(), SimDuration::from_millis(200_005));
        assert_eq!(config.common.reconnect_backoff_max(), SimDuration::from_millis(10));
        assert_eq!(ProducerConfig::default().delivery_timeout(), SimDuration::from_secs(120));
    }
}
