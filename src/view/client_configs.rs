//! The configs of clients as they are in force, under Kafka's names: for whoever looks at a client.

use crate::base::SimDuration;
use crate::client::assignor::Assignor;
use crate::client::{CommonClientConfigs, ConsumerConfig, OffsetReset, ProducerConfig};

/// Every config that changes something, under Kafka's name, as it is in force.
pub(super) fn producer(config: &ProducerConfig) -> Vec<(&'static str, String)> {
    let acks = if config.acks == -1 { "all".into() } else { config.acks.to_string() };
    let mut all = vec![
        ("acks", acks),
        ("enable.idempotence", config.is_idempotent().to_string()),
        ("linger.ms", ms(config.linger)),
        ("batch.size", config.batch_size.to_string()),
        ("buffer.memory", config.buffer_memory.to_string()),
        ("max.block.ms", ms(config.max_block)),
        ("max.request.size", config.max_request_size.to_string()),
        ("delivery.timeout.ms", ms(config.delivery_timeout())),
        ("retries", config.retries.to_string()),
        ("max.in.flight.requests.per.connection", config.max_in_flight.to_string()),
        ("compression.type", config.compression.name().into()),
        ("compression.gzip.level", config.gzip_level.to_string()),
        ("compression.lz4.level", config.lz4_level.to_string()),
        ("compression.zstd.level", config.zstd_level.to_string()),
        ("partitioner.adaptive.partitioning.enable", config.adaptive_partitioning.to_string()),
        ("partitioner.availability.timeout.ms", ms(config.availability_timeout)),
        ("partitioner.ignore.keys", config.ignore_keys.to_string()),
        ("metadata.max.idle.ms", ms(config.metadata_max_idle)),
    ];
    if config.round_robin_partitioner {
        all.push(("partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner".into()));
    }
    all.extend(common(&config.common));
    all
}

fn ms(span: SimDuration) -> String {
    (span.0 / 1_000).to_string()
}

/// What both have.
fn common(config: &CommonClientConfigs) -> Vec<(&'static str, String)> {
    let recovery = if config.rebootstrap { "rebootstrap" } else { "none" };
    let mut all = vec![
        ("request.timeout.ms", ms(config.request_timeout)),
        ("retry.backoff.ms", ms(config.retry_backoff)),
        ("retry.backoff.max.ms", ms(config.retry_backoff_max)),
        ("reconnect.backoff.ms", ms(config.reconnect_backoff)),
        ("reconnect.backoff.max.ms", ms(config.reconnect_backoff_max())),
        ("metadata.max.age.ms", ms(config.metadata_max_age)),
        ("metadata.recovery.strategy", recovery.into()),
        ("metadata.recovery.rebootstrap.trigger.ms", ms(config.rebootstrap_trigger)),
    ];
    all.extend(config.client_id.clone().map(|id| ("client.id", id)));
    all
}

/// Every config that changes something and has a value, under Kafka's name, as it is in force.
pub(super) fn consumer(config: &ConsumerConfig) -> Vec<(&'static str, String)> {
    let classes: Vec<&str> = config.assignors().into_iter().map(Assignor::class_name).collect();
    let isolation = if config.read_committed { "read_committed" } else { "read_uncommitted" };
    let mut all = vec![
        ("session.timeout.ms", ms(config.session_timeout)),
        ("heartbeat.interval.ms", ms(config.heartbeat_interval)),
        ("max.poll.interval.ms", ms(config.max_poll_interval)),
        ("partition.assignment.strategy", classes.join(",")),
        ("enable.auto.commit", config.commits_by_itself().to_string()),
        ("auto.commit.interval.ms", ms(config.auto_commit_interval)),
        ("auto.offset.reset", reset_text(config.auto_offset_reset)),
        ("isolation.level", isolation.into()),
        ("fetch.min.bytes", config.fetch_min_bytes.to_string()),
        ("fetch.max.bytes", config.fetch_max_bytes.to_string()),
        ("max.partition.fetch.bytes", config.max_partition_fetch_bytes.to_string()),
        ("fetch.max.wait.ms", ms(config.fetch_max_wait)),
        ("max.poll.records", config.max_poll_records.to_string()),
        ("check.crcs", config.check_crcs.to_string()),
        ("exclude.internal.topics", config.exclude_internal_topics.to_string()),
        ("allow.auto.create.topics", config.allow_auto_create_topics.to_string()),
        ("client.rack", config.client_rack.clone()),
        ("default.api.timeout.ms", ms(config.default_api_timeout)),
    ];
    all.extend(common(&config.common));
    let own = [("group.instance.id", &config.group_instance_id), ("group.id", &config.group_id)];
    for (name, value) in own.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))) {
        all.insert(0, (name, value));
    }
    all
}

/// As Kafka writes it; a duration in seconds.
fn reset_text(reset: OffsetReset) -> String {
    match reset {
        OffsetReset::Earliest => "earliest".into(),
        OffsetReset::Latest => "latest".into(),
        OffsetReset::None => "none".into(),
        OffsetReset::ByDuration(span) => {
            let (seconds, micros) = (span.0 / 1_000_000, span.0 % 1_000_000);
            let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
            format!("by_duration:PT{seconds}{fraction}S")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are what setting them again gives.
    #[test]
    fn a_producers_values_can_be_set() {
        let mut config = ProducerConfig::default();
        for (name, value) in [("acks", "1"), ("linger.ms", "7"), ("compression.type", "lz4")] {
            config.set(name, value).expect("Kafka takes it");
        }
        for config in [config, ProducerConfig::default()] {
            let (values, mut again) = (producer(&config), ProducerConfig::default());
            values.iter().for_each(|(name, value)| again.set(name, value).expect("Kafka takes it"));
            assert_eq!(producer(&again), values);
            assert_eq!(again.validate(), Ok(()));
        }
    }

    #[test]
    fn a_consumers_values_can_be_set() {
        let mut config = ConsumerConfig::default();
        let reset = ("auto.offset.reset", "by_duration:PT1.5S");
        for (name, value) in [("group.id", "g"), reset, ("group.instance.id", "i"), ("client.rack", "a")] {
            config.set(name, value).expect("Kafka takes it");
        }
        for config in [config, ConsumerConfig::default()] {
            let (values, mut again) = (consumer(&config), ConsumerConfig::default());
            values.iter().for_each(|(name, value)| again.set(name, value).expect("Kafka takes it"));
            assert_eq!(consumer(&again), values);
            assert_eq!(again.validate(), Ok(()));
        }
    }
}
