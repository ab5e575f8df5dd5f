//! The configs of topics, groups and client-metrics subscriptions of Kafka 4.1. A topic config that is not set comes from
//! a broker config: the synonyms, looked at in this order, each with the factor that makes milliseconds of it.

use super::ConfigType::{Boolean, Double, Int, List, Long, String};
use super::Valid::{Any, AtLeast, Between, EachOf, Fraction, GzipLevel, OffsetReset, OneOf, ThrottledReplicas};
use super::{ConfigKey, ConfigType, Valid};

const fn key(name: &'static str, kind: ConfigType, default: Option<&'static str>, valid: Valid, synonyms: &'static [(&'static str, i64)]) -> ConfigKey {
    ConfigKey { name, kind, default, valid, synonyms }
}

/// The configs of a topic, by name. Those that begin with `internal.` are hidden.
pub(super) const TOPIC_CONFIGS: &[ConfigKey] = &[
    key("cleanup.policy", List, Some("delete"), EachOf(&["compact", "delete"]), &[("log.cleanup.policy", 1)]),
    key("compression.gzip.level", Int, Some("-1"), GzipLevel, &[("compression.gzip.level", 1)]),
    key("compression.lz4.level", Int, Some("9"), Between(1, 17), &[("compression.lz4.level", 1)]),
    key("compression.type", String, Some("producer"), OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), &[("compression.type", 1)]),
    key("compression.zstd.level", Int, Some("3"), Between(-131072, 22), &[("compression.zstd.level", 1)]),
    key("delete.retention.ms", Long, Some("86400000"), AtLeast(0), &[("log.cleaner.delete.retention.ms", 1)]),
    key("file.delete.delay.ms", Long, Some("60000"), AtLeast(0), &[("log.segment.delete.delay.ms", 1)]),
    key("flush.messages", Long, Some("9223372036854775807"), AtLeast(1), &[("log.flush.interval.messages", 1)]),
    key("flush.ms", Long, Some("9223372036854775807"), AtLeast(0), &[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)]),
    key("follower.replication.throttled.replicas", List, Some(""), ThrottledReplicas, &[]),
    key("index.interval.bytes", Int, Some("4096"), AtLeast(0), &[("log.index.interval.bytes", 1)]),
    key("internal.segment.bytes", Int, None, Any, &[]),
    key("leader.replication.throttled.replicas", List, Some(""), ThrottledReplicas, &[]),
    key("local.retention.bytes", Long, Some("-2"), AtLeast(-2), &[("log.local.retention.bytes", 1)]),
    key("local.retention.ms", Long, Some("-2"), AtLeast(-2), &[("log.local.retention.ms", 1)]),
    key("max.compaction.lag.ms", Long, Some("9223372036854775807"), AtLeast(1), &[("log.cleaner.max.compaction.lag.ms", 1)]),
    key("max.message.bytes", Int, Some("1048588"), AtLeast(0), &[("message.max.bytes", 1)]),
    key("message.timestamp.after.max.ms", Long, Some("3600000"), AtLeast(0), &[("log.message.timestamp.after.max.ms", 1)]),
    key("message.timestamp.before.max.ms", Long, Some("9223372036854775807"), AtLeast(0), &[("log.message.timestamp.before.max.ms", 1)]),
    key("message.timestamp.type", String, Some("CreateTime"), OneOf(&["CreateTime", "LogAppendTime"]), &[("log.message.timestamp.type", 1)]),
    key("min.cleanable.dirty.ratio", Double, Some("0.5"), Fraction(0.0, 1.0), &[("log.cleaner.min.cleanable.ratio", 1)]),
    key("min.compaction.lag.ms", Long, Some("0"), AtLeast(0), &[("log.cleaner.min.compaction.lag.ms", 1)]),
    key("min.insync.replicas", Int, Some("1"), AtLeast(1), &[("min.insync.replicas", 1)]),
    key("preallocate", Boolean, Some("false"), Any, &[("log.preallocate", 1)]),
    key("remote.log.copy.disable", Boolean, Some("false"), Any, &[]),
    key("remote.log.delete.on.disable", Boolean, Some("false"), Any, &[]),
    key("remote.storage.enable", Boolean, Some("false"), Any, &[]),
    key("retention.bytes", Long, Some("-1"), Any, &[("log.retention.bytes", 1)]),
    key("retention.ms", Long, Some("604800000"), AtLeast(-1), &[("log.retention.ms", 1), ("log.retention.minutes", 60000), ("log.retention.hours", 3600000)]),
    key("segment.bytes", Int, Some("1073741824"), AtLeast(1048576), &[("log.segment.bytes", 1)]),
    key("segment.index.bytes", Int, Some("10485760"), AtLeast(4), &[("log.index.size.max.bytes", 1)]),
    key("segment.jitter.ms", Long, Some("0"), AtLeast(0), &[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", 3600000)]),
    key("segment.ms", Long, Some("604800000"), AtLeast(1), &[("log.roll.ms", 1), ("log.roll.hours", 3600000)]),
    key("unclean.leader.election.enable", Boolean, Some("false"), Any, &[("unclean.leader.election.enable", 1)]),
];

/// The configs of a group (KIP-848), by name.
pub(super) const GROUP_CONFIGS: &[ConfigKey] = &[
    key("consumer.heartbeat.interval.ms", Int, Some("5000"), AtLeast(1), &[]),
    key("consumer.session.timeout.ms", Int, Some("45000"), AtLeast(1), &[]),
    key("share.auto.offset.reset", String, Some("latest"), OffsetReset, &[]),
    key("share.heartbeat.interval.ms", Int, Some("5000"), AtLeast(1), &[]),
    key("share.isolation.level", String, Some("read_uncommitted"), OneOf(&["read_committed", "read_uncommitted"]), &[]),
    key("share.record.lock.duration.ms", Int, Some("30000"), AtLeast(1000), &[]),
    key("share.session.timeout.ms", Int, Some("45000"), AtLeast(1), &[]),
    key("streams.heartbeat.interval.ms", Int, Some("5000"), AtLeast(1), &[]),
    key("streams.num.standby.replicas", Int, Some("0"), AtLeast(0), &[]),
    key("streams.session.timeout.ms", Int, Some("45000"), AtLeast(1), &[]),
];

/// The configs of a client-metrics subscription (KIP-714), by name.
pub(super) const CLIENT_METRICS_CONFIGS: &[ConfigKey] = &[
    key("interval.ms", Int, Some("300000"), Any, &[]),
    key("match", List, Some(""), Any, &[]),
    key("metrics", List, Some(""), Any, &[]),
];

/// The configs of a topic in the order in which Kafka checks them: of two wrong values the first is refused.
pub(super) const TOPIC_CHECK_ORDER: [&str; 34] = [
    "segment.bytes", "segment.ms", "segment.jitter.ms", "segment.index.bytes", "flush.messages", "flush.ms",
    "retention.bytes", "retention.ms", "max.message.bytes", "index.interval.bytes", "delete.retention.ms",
    "min.compaction.lag.ms", "max.compaction.lag.ms", "file.delete.delay.ms", "min.cleanable.dirty.ratio",
    "cleanup.policy", "unclean.leader.election.enable", "min.insync.replicas", "compression.type",
    "compression.gzip.level", "compression.lz4.level", "compression.zstd.level", "preallocate",
    "message.timestamp.type", "message.timestamp.before.max.ms", "message.timestamp.after.max.ms",
    "leader.replication.throttled.replicas", "follower.replication.throttled.replicas", "remote.storage.enable",
    "local.retention.ms", "local.retention.bytes", "remote.log.copy.disable", "remote.log.delete.on.disable",
    "internal.segment.bytes",
];
