//! Broker and topic configs under Kafka's names.

use crate::cluster::config_defs::{broker_config, topic_config};
use crate::cluster::{ApiError, Topic};
use crate::wire::ErrorCode;

/// A broker's configs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// `num.partitions`: of a topic that does not say.
    pub num_partitions: i32,
    /// `default.replication.factor`: of a topic that does not say.
    pub default_replication_factor: i16,
    /// `auto.create.topics.enable`: whether a metadata request may create the topic that it asks for.
    pub auto_create_topics: bool,
    /// `message.max.bytes`: the largest batch.
    pub message_max_bytes: usize,
    /// `log.segment.bytes`: when a log rolls.
    pub segment_bytes: usize,
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            num_partitions: 1,
            default_replication_factor: 1,
            auto_create_topics: true,
            message_max_bytes: 1_048_588,
            segment_bytes: 1 << 30,
            min_insync_replicas: 1,
        }
    }
}

impl BrokerConfig {
    /// Sets a config by its Kafka name.
    ///
    /// # Errors
    /// Kafka's message for a value that it refuses, or a plain sentence for a config that is not built yet.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let key = broker_config(name).ok_or_else(|| format!("Kafka has no broker config {name}"))?;
        key.check(value)?;
        match name {
            "num.partitions" => self.num_partitions = checked(value),
            "default.replication.factor" => self.default_replication_factor = checked(value),
            "auto.create.topics.enable" => self.auto_create_topics = value.trim().eq_ignore_ascii_case("true"),
            "message.max.bytes" => self.message_max_bytes = checked(value),
            "log.segment.bytes" => self.segment_bytes = checked(value),
            "min.insync.replicas" => self.min_insync_replicas = checked(value),
            _ => return Err(format!("{name} is not built yet")),
        }
        Ok(())
    }
}

/// The topic configs that are built. The others change nothing here yet, and so are refused.
const TOPIC_CONFIGS: [&str; 3] = ["max.message.bytes", "segment.bytes", "min.insync.replicas"];

/// Checks a topic config as the controller does.
///
/// # Errors
/// Kafka's code and message, or a plain sentence for a config that is not built yet.
pub(super) fn check_topic_config(name: &str, value: &str) -> Result<(), ApiError> {
    let refuse = |message: String| ApiError::new(ErrorCode::INVALID_CONFIG, message);
    let key = topic_config(name).ok_or_else(|| refuse(format!("Unknown topic config name: {name}")))?;
    key.check(value).map_err(refuse)?;
    match TOPIC_CONFIGS.contains(&name) {
        true => Ok(()),
        false => Err(refuse(format!("{name} is not built yet"))),
    }
}

/// A topic's config as a number, or the broker's default.
pub(super) fn topic_int(topic: &Topic, name: &str, default: usize) -> usize {
    let set = topic.configs.iter().find(|(key, _)| &**key == name);
    set.map_or(default, |(_, value)| checked(value))
}

/// A value that its config's definition has found right.
fn checked<T: std::str::FromStr>(value: &str) -> T {
    value.trim().parse().unwrap_or_else(|_| panic!("{value} was checked"))
}
