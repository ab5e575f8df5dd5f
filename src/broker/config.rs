//! Broker and topic configs under Kafka's names.

use crate::cluster::Topic;
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
        match name {
            "num.partitions" => self.num_partitions = int(name, value, 1)?,
            "default.replication.factor" => {
                self.default_replication_factor = int(name, value, 1)?.try_into().map_err(|_| {
                    format!("Invalid value {value} for configuration {name}: Value must be at most 32767")
                })?;
            }
            "auto.create.topics.enable" => {
                self.auto_create_topics = match value {
                    "true" => true,
                    "false" => false,
                    _ => {
                        let what = "Expected value to be either true or false";
                        return Err(format!("Invalid value {value} for configuration {name}: {what}"));
                    }
                }
            }
            "message.max.bytes" => self.message_max_bytes = int(name, value, 0)? as usize,
            "log.segment.bytes" => self.segment_bytes = int(name, value, 1 << 20)? as usize,
            "min.insync.replicas" => self.min_insync_replicas = int(name, value, 1)? as usize,
            _ => return Err(format!("{name} is not built yet, or Kafka has no such config")),
        }
        Ok(())
    }
}

/// The topic configs that are built.
const TOPIC_CONFIGS: [&str; 3] = ["max.message.bytes", "segment.bytes", "min.insync.replicas"];

/// Topic configs of Kafka 4.1 that change nothing here yet, and so are refused.
const UNBUILT_TOPIC_CONFIGS: [&str; 29] = [
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "preallocate",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
];

/// Checks a topic config as the controller does.
///
/// # Errors
/// Kafka's code and message, or a plain sentence for a config that is not built yet.
pub(super) fn check_topic_config(name: &str, value: &str) -> Result<(), (ErrorCode, String)> {
    let refuse = |message: String| Err((ErrorCode::INVALID_CONFIG, message));
    if UNBUILT_TOPIC_CONFIGS.contains(&name) || name == "unclean.leader.election.enable" {
        return refuse(format!("{name} is not built yet"));
    }
    if !TOPIC_CONFIGS.contains(&name) {
        return refuse(format!("Unknown topic config name: {name}"));
    }
    let least = match name {
        "segment.bytes" => 1 << 20,
        "min.insync.replicas" => 1,
        _ => 0,
    };
    int(name, value, least).map(|_| ()).or_else(refuse)
}

/// A topic's config as a number, or the broker's default.
pub(super) fn topic_int(topic: &Topic, name: &str, default: usize) -> usize {
    let set = topic.configs.iter().find(|(key, _)| &**key == name);
    set.map_or(default, |(_, value)| value.parse().expect("checked when the topic was created"))
}

fn int(name: &str, value: &str, least: i32) -> Result<i32, String> {
    let invalid = |why: &str| format!("Invalid value {value} for configuration {name}: {why}");
    let number: i32 = value.parse().map_err(|_| invalid("Not a number of type INT"))?;
    if number < least { Err(invalid(&format!("Value must be at least {least}"))) } else { Ok(number) }
}
