//! Broker and topic configs under Kafka's names, as they take effect.
//!
//! A broker config is what was set on the broker while it runs, or else for all brokers, or else in its file, or else
//! Kafka's default (KIP-226). A topic config is the topic's own, or else the broker config behind it.

use super::group::GroupConfig;
use crate::base::SimDuration;
use crate::cluster::config_defs::{self, broker_config};
use crate::cluster::{ConfigMap, Controller, ResourceType};
use crate::storage::LogConfig;
use crate::wire::Compression;
use std::str::FromStr;
use std::sync::Arc;

/// A broker's configs that are built, as they take effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// `auto.create.topics.enable`: whether a metadata request may create the topic that it asks for.
    pub auto_create_topics: bool,
    /// `num.partitions`: of a topic that does not say.
    pub num_partitions: i32,
    /// `default.replication.factor`: of a topic that does not say.
    pub default_replication_factor: i16,
    /// `broker.session.timeout.ms`.
    pub session_timeout: SimDuration,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval: SimDuration,
    /// `request.timeout.ms`: of requests to the controller.
    pub request_timeout: SimDuration,
    /// `replica.lag.time.max.ms`.
    pub replica_lag_time_max: SimDuration,
    /// `replica.fetch.wait.max.ms`.
    pub replica_fetch_wait_max: SimDuration,
    /// `replica.fetch.min.bytes`.
    pub replica_fetch_min_bytes: i32,
    /// `replica.fetch.max.bytes`: of one partition.
    pub replica_fetch_max_bytes: i32,
    /// `replica.fetch.response.max.bytes`.
    pub replica_fetch_response_max_bytes: i32,
    /// `replica.fetch.backoff.ms`.
    pub replica_fetch_backoff: SimDuration,
    /// `replica.socket.timeout.ms`.
    pub replica_socket_timeout: SimDuration,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub high_watermark_checkpoint_interval: SimDuration,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub recovery_point_checkpoint_interval: SimDuration,
    /// `log.flush.start.offset.checkpoint.interval.ms`.
    pub log_start_checkpoint_interval: SimDuration,
    /// `log.flush.scheduler.interval.ms`; none is never.
    pub flush_scheduler_interval: Option<SimDuration>,
    /// `fetch.max.bytes`: the most that a fetch is answered.
    pub fetch_max_bytes: i32,
    /// `socket.request.max.bytes`: the longest request that is read from a client outside.
    pub socket_request_max_bytes: usize,
    /// `connections.max.idle.ms`: how long a client outside may neither send nor take anything.
    pub connections_max_idle: SimDuration,
    /// `max.incremental.fetch.session.cache.slots`.
    pub fetch_session_slots: usize,
    /// `replica.selector.class` is `RackAwareReplicaSelector` (KIP-392).
    pub rack_aware_replica_selector: bool,
    /// `controlled.shutdown.enable` is not Kafka's any more; a stop is always graceful. `initial.broker.registration.
    /// timeout.ms`: a broker that has not registered by then gives up.
    pub initial_registration_timeout: SimDuration,
    /// The group coordinator's.
    pub group: GroupConfig,
    /// `group.coordinator.append.linger.ms`: how long records of groups wait for more, to be written as one batch.
    pub group_append_linger: SimDuration,
    /// The settings of the topic `__consumer_offsets`.
    pub offsets_topic: OffsetsTopicConfig,
}

/// The settings of the topic `__consumer_offsets`. They count when it is created, but for the codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetsTopicConfig {
    /// `offsets.topic.num.partitions`.
    pub partitions: i32,
    /// `offsets.topic.replication.factor`.
    pub replication_factor: i16,
    /// `offsets.topic.segment.bytes`.
    pub segment_bytes: i32,
    /// `offsets.topic.compression.codec`: of the batches that the coordinator writes.
    pub compression: Compression,
}

/// Where broker configs come from, the nearest first.
pub struct ConfigLayers<'a> {
    layers: [Option<&'a ConfigMap>; 3],
}

impl<'a> ConfigLayers<'a> {
    /// The file of a broker alone, as at its start.
    pub fn file(file: &'a ConfigMap) -> Self {
        Self { layers: [None, None, Some(file)] }
    }

    /// With what was set while the broker runs.
    pub fn with_dynamic(metadata: &'a Controller, file: &'a ConfigMap) -> Self {
        let own = metadata.configs().of(ResourceType::Broker, &metadata.settings.node_id.to_string());
        Self { layers: [own, metadata.configs().of(ResourceType::Broker, ""), Some(file)] }
    }

    /// The value of a config that Kafka has; none when it has no default either.
    fn text(&self, name: &str) -> Option<&str> {
        let set = self.layers.iter().find_map(|layer| layer.and_then(|configs| configs.get(name)));
        let key = || broker_config(name).unwrap_or_else(|| panic!("Kafka has no broker config {name}"));
        set.map(|value| value.trim()).or_else(|| key().default)
    }

    /// A config that is a number and has a default.
    pub fn number<T: FromStr>(&self, name: &str) -> T {
        self.maybe_number(name).unwrap_or_else(|| panic!("{name} has a value, and it was checked"))
    }

    fn maybe_number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// A config in milliseconds.
    pub fn millis(&self, name: &str) -> SimDuration {
        SimDuration::from_millis(self.number(name))
    }

    /// A config in seconds.
    pub fn seconds(&self, name: &str) -> SimDuration {
        SimDuration::from_secs(self.number(name))
    }

    /// A config that is `true` or `false`.
    pub fn truth(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

impl BrokerConfig {
    /// The configs as these layers have them.
    pub fn new(layers: &ConfigLayers<'_>) -> Self {
        let flush: i64 = layers.number("log.flush.scheduler.interval.ms");
        // A negative time is endless (`Selector.NO_IDLE_TIMEOUT_MS`).
        let idle: i64 = layers.number("connections.max.idle.ms");
        let selector = layers.text("replica.selector.class").unwrap_or_default();
        Self {
            auto_create_topics: layers.truth("auto.create.topics.enable"),
            num_partitions: layers.number("num.partitions"),
            default_replication_factor: layers.number("default.replication.factor"),
            session_timeout: layers.millis("broker.session.timeout.ms"),
            heartbeat_interval: layers.millis("broker.heartbeat.interval.ms"),
            request_timeout: layers.millis("request.timeout.ms"),
            replica_lag_time_max: layers.millis("replica.lag.time.max.ms"),
            replica_fetch_wait_max: layers.millis("replica.fetch.wait.max.ms"),
            replica_fetch_min_bytes: layers.number("replica.fetch.min.bytes"),
            replica_fetch_max_bytes: layers.number("replica.fetch.max.bytes"),
            replica_fetch_response_max_bytes: layers.number("replica.fetch.response.max.bytes"),
            replica_fetch_backoff: layers.millis("replica.fetch.backoff.ms"),
            replica_socket_timeout: layers.millis("replica.socket.timeout.ms"),
            high_watermark_checkpoint_interval: layers.millis("replica.high.watermark.checkpoint.interval.ms"),
            recovery_point_checkpoint_interval: layers.millis("log.flush.offset.checkpoint.interval.ms"),
            log_start_checkpoint_interval: layers.millis("log.flush.start.offset.checkpoint.interval.ms"),
            flush_scheduler_interval: u64::try_from(flush)
                .ok()
                .filter(|_| flush < i64::MAX)
                .map(SimDuration::from_millis),
            fetch_max_bytes: layers.number("fetch.max.bytes"),
            socket_request_max_bytes: layers.number("socket.request.max.bytes"),
            connections_max_idle: SimDuration(u64::try_from(idle).map_or(u64::MAX, |ms| ms.saturating_mul(1_000))),
            fetch_session_slots: layers.number("max.incremental.fetch.session.cache.slots"),
            rack_aware_replica_selector: selector.ends_with("RackAwareReplicaSelector"),
            initial_registration_timeout: layers.millis("initial.broker.registration.timeout.ms"),
            group: GroupConfig::new(|name| layers.text(name)),
            group_append_linger: layers.millis("group.coordinator.append.linger.ms"),
            offsets_topic: OffsetsTopicConfig {
                partitions: layers.number("offsets.topic.num.partitions"),
                replication_factor: layers.number("offsets.topic.replication.factor"),
                segment_bytes: layers.number("offsets.topic.segment.bytes"),
                compression: codec(layers.number(OFFSETS_CODEC)).expect("the codec was checked"),
            },
        }
    }
}

/// A topic's configs that are built, as they take effect on this broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
    /// `max.message.bytes`: the largest batch.
    pub max_message_bytes: usize,
    /// The log's.
    pub log: Arc<LogConfig>,
}

impl TopicConfig {
    /// The configs of a topic as the metadata has them.
    pub fn new(metadata: &Controller, topic: &str) -> Self {
        let nothing = ConfigMap::new();
        let set = metadata.configs().of(ResourceType::Topic, topic).unwrap_or(&nothing);
        let text = |name: &str| {
            let key = config_defs::topic_config(name).expect("a topic config of Kafka's");
            metadata.effective_topic_config(key, set).value
        };
        fn number<T: FromStr>(value: Option<Arc<str>>) -> T {
            let parsed = value.as_ref().and_then(|value| value.trim().parse().ok());
            parsed.unwrap_or_else(|| panic!("{value:?} was checked"))
        }
        let flush_ms: i64 = number(text("flush.ms"));
        let log = LogConfig {
            segment_bytes: number(text("segment.bytes")),
            segment_ms: number(text("segment.ms")),
            index_interval_bytes: number(text("index.interval.bytes")),
            segment_index_bytes: number(text("segment.index.bytes")),
            flush_messages: number(text("flush.messages")),
            flush_after: (flush_ms < i64::MAX).then(|| SimDuration::from_millis(flush_ms as u64)),
            ..LogConfig::default()
        };
        Self {
            min_insync_replicas: number(text("min.insync.replicas")),
            max_message_bytes: number(text("max.message.bytes")),
            log: Arc::new(log),
        }
    }
}

/// Checks a config of a broker's file.
///
/// # Errors
/// Kafka's message for a value that it refuses, or that Kafka has no such config.
pub fn check_broker_config(name: &str, value: &str) -> Result<(), String> {
    let key = broker_config(name).ok_or_else(|| format!("Kafka has no broker config {name}"))?;
    key.check(value)?;
    match value.trim().parse().ok().filter(|id| name == OFFSETS_CODEC && codec(*id).is_none()) {
        Some(id) => Err(format!("Unknown compression type id: {id}")),
        None => Ok(()),
    }
}

/// The config that names its codec by number.
const OFFSETS_CODEC: &str = "offsets.topic.compression.codec";

/// The codec with this number (`CompressionType.forId`).
fn codec(id: i32) -> Option<Compression> {
    i16::try_from(id).ok().filter(|id| (0..=4).contains(id)).and_then(Compression::of_attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_layer_counts() {
        let file = ConfigMap::from([("replica.lag.time.max.ms".into(), " 5000 ".into())]);
        let config = BrokerConfig::new(&ConfigLayers::file(&file));
        assert_eq!(config.replica_lag_time_max, SimDuration::from_secs(5));
        assert_eq!(config.heartbeat_interval, SimDuration::from_secs(2));
        assert_eq!(config.flush_scheduler_interval, None);
        assert_eq!((config.group.initial_rebalance_delay_ms, config.offsets_topic.partitions), (3_000, 50));
    }

    #[test]
    fn a_codec_that_no_kafka_has_is_refused() {
        assert_eq!(check_broker_config(OFFSETS_CODEC, "4"), Ok(()));
        assert_eq!(check_broker_config(OFFSETS_CODEC, "5"), Err("Unknown compression type id: 5".into()));
        assert_eq!(check_broker_config("num.partitions", "9"), Ok(()));
    }
}
