//! Which of Kafka's configs change something here. The others are known, checked and kept, and change nothing; whoever
//! sets one or looks at one is told so.

/// The broker configs that change something here.
const BUILT_BROKER_CONFIGS: &[&str] = &[
    "auto.create.topics.enable",
    "auto.leader.rebalance.enable",
    "broker.heartbeat.interval.ms",
    "broker.rack",
    "broker.session.timeout.ms",
    "connections.max.idle.ms",
    "controller.quorum.append.linger.ms",
    "controller.quorum.election.backoff.max.ms",
    "controller.quorum.election.timeout.ms",
    "controller.quorum.fetch.timeout.ms",
    "controller.quorum.request.timeout.ms",
    "controller.quorum.retry.backoff.ms",
    "default.replication.factor",
    "delete.topic.enable",
    "fetch.max.bytes",
    "group.coordinator.append.linger.ms",
    "group.initial.rebalance.delay.ms",
    "group.max.session.timeout.ms",
    "group.max.size",
    "group.min.session.timeout.ms",
    "initial.broker.registration.timeout.ms",
    "leader.imbalance.check.interval.seconds",
    "log.flush.interval.messages",
    "log.flush.interval.ms",
    "log.flush.offset.checkpoint.interval.ms",
    "log.flush.scheduler.interval.ms",
    "log.flush.start.offset.checkpoint.interval.ms",
    "log.index.interval.bytes",
    "log.index.size.max.bytes",
    "log.roll.hours",
    "log.roll.ms",
    "log.segment.bytes",
    "max.incremental.fetch.session.cache.slots",
    "message.max.bytes",
    "metadata.log.max.record.bytes.between.snapshots",
    "metadata.log.max.snapshot.interval.ms",
    "metadata.max.idle.interval.ms",
    "min.insync.replicas",
    "num.partitions",
    "offset.metadata.max.bytes",
    "offsets.commit.timeout.ms",
    "offsets.retention.check.interval.ms",
    "offsets.retention.minutes",
    "offsets.topic.compression.codec",
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "offsets.topic.segment.bytes",
    "replica.fetch.backoff.ms",
    "replica.fetch.max.bytes",
    "replica.fetch.min.bytes",
    "replica.fetch.response.max.bytes",
    "replica.fetch.wait.max.ms",
    "replica.high.watermark.checkpoint.interval.ms",
    "replica.lag.time.max.ms",
    "replica.selector.class",
    "replica.socket.timeout.ms",
    "request.timeout.ms",
    "socket.request.max.bytes",
    "unclean.leader.election.enable",
    "unclean.leader.election.interval.ms",
];

/// The topic configs that change something here.
const BUILT_TOPIC_CONFIGS: &[&str] = &[
    "flush.messages",
    "flush.ms",
    "index.interval.bytes",
    "max.message.bytes",
    "min.insync.replicas",
    "segment.bytes",
    "segment.index.bytes",
    "segment.ms",
    "unclean.leader.election.enable",
];

/// Whether a broker config changes something here.
pub fn is_built_for_brokers(name: &str) -> bool {
    BUILT_BROKER_CONFIGS.binary_search(&name).is_ok()
}

/// Whether a topic config changes something here.
pub fn is_built_for_topics(name: &str) -> bool {
    BUILT_TOPIC_CONFIGS.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::{broker_config, topic_config};
    use super::*;

    #[test]
    fn what_is_built_is_kafkas() {
        assert!(BUILT_BROKER_CONFIGS.is_sorted() && BUILT_TOPIC_CONFIGS.is_sorted());
        assert!(BUILT_BROKER_CONFIGS.iter().all(|name| broker_config(name).is_some()));
        assert!(BUILT_TOPIC_CONFIGS.iter().all(|name| topic_config(name).is_some()));
        assert!(is_built_for_topics("segment.bytes") && !is_built_for_topics("retention.ms"));
    }
}
