//! The configs of clients under Kafka's names, and what their applications are told to do under the script's: what each
//! means, and what is in force.

use super::catalogue::KnownConfig;
use crate::base::SimDuration;
use crate::client::assignor::Assignor;
use crate::client::{
    Commits, CommonClientConfigs, Consumer, ConsumerConfig, Keys, OffsetReset, Producer, ProducerConfig, Reads,
    Workload,
};

/// A setting: its name, its type, and what it means.
type Known = (&'static str, &'static str, &'static str);

/// What can be said of a producer's application.
const PRODUCER_APPLICATION: &[Known] = &[
    ("--topic", "of its application", "Where its records go."),
    ("--rate", "of its application", "How many it sends by itself, evenly: 5/s."),
    ("--burst", "of its application", "How many at once, and how often: 100/5s."),
    ("--keys", "of its application", "The keys of those: none, uniform:10, zipf:10,1 or hot:10,0.8."),
    ("--value-size", "of its application", "Bytes of their values: 100, or 10-90."),
];

/// What can be said of a consumer's application.
const CONSUMER_APPLICATION: &[Known] = &[
    ("--topic", "of its application", "The topics that it reads."),
    ("--include", "of its application", "A pattern of topics to subscribe to."),
    ("--assign", "of its application", "The partitions that it reads."),
    ("--work", "of its application", "How long its application works on each record."),
    ("--commit", "of its application", "When its application commits: never, sync, async, each or first."),
    ("--poison", "of its application", "The value of a record on which its application fails each time."),
    ("--dies", "of its application", "When its process dies: before-commit:N or after-commit:N."),
];

/// The configs that both have.
const COMMON: &[Known] = &[
    ("bootstrap.servers", "List", "Where it asks first who is in the cluster. Without it: every broker."),
    ("client.id", "String", "What it calls itself to brokers. Without it: its name."),
    ("metadata.max.age.ms", "Long", "Metadata older than this are asked for again."),
    (
        "metadata.recovery.rebootstrap.trigger.ms",
        "Long",
        "After so long without metadata it begins at its bootstrap servers again.",
    ),
    (
        "metadata.recovery.strategy",
        "String",
        "What it does when no broker that it knows can be reached: rebootstrap or none.",
    ),
    ("reconnect.backoff.max.ms", "Long", "The longest wait before a connection is tried again."),
    ("reconnect.backoff.ms", "Long", "The first wait before a connection is tried again; it doubles."),
    ("request.timeout.ms", "Int", "How long it waits for the answer to a request."),
    ("retry.backoff.max.ms", "Long", "The longest wait before a request is tried again."),
    ("retry.backoff.ms", "Long", "The first wait before a request is tried again; it doubles."),
];

/// A producer's own.
const PRODUCER: &[Known] = &[
    (
        "acks",
        "String",
        "Whose acknowledgement a write needs: of all in-sync replicas, of the leader (1), or of nobody (0).",
    ),
    (
        "batch.size",
        "Int",
        "Bytes at which a batch is full. Records without a key stick to a partition until so much went there.",
    ),
    ("buffer.memory", "Long", "Bytes of records that it may hold. When they are used up, send waits."),
    ("compression.gzip.level", "Int", "How hard gzip tries."),
    ("compression.lz4.level", "Int", "How hard lz4 tries."),
    ("compression.type", "String", "How batches are compressed."),
    ("compression.zstd.level", "Int", "How hard zstd tries."),
    ("delivery.timeout.ms", "Int", "How long after send a record may still be tried."),
    ("enable.idempotence", "Boolean", "Batches carry sequence numbers, so that retries neither duplicate nor reorder."),
    ("linger.ms", "Long", "How long a batch waits for more records."),
    ("max.block.ms", "Long", "How long send may wait for metadata and memory."),
    ("max.in.flight.requests.per.connection", "Int", "Requests without an answer, at most, per broker."),
    ("max.request.size", "Int", "Bytes of a request, and of a record, at most."),
    ("metadata.max.idle.ms", "Long", "A topic that was not used for so long is forgotten."),
    ("partitioner.adaptive.partitioning.enable", "Boolean", "Records without a key go rather where queues are short."),
    (
        "partitioner.availability.timeout.ms",
        "Long",
        "A broker that takes nothing for so long gets no records without a key; 0: it does.",
    ),
    ("partitioner.class", "Class", "Who chooses partitions in place of the built-in partitioner."),
    ("partitioner.ignore.keys", "Boolean", "Keys do not choose the partition."),
    ("retries", "Int", "How often a batch is tried again."),
];

/// A consumer's own.
const CONSUMER: &[Known] = &[
    ("allow.auto.create.topics", "Boolean", "Asking for a topic may create it, if brokers allow that."),
    ("auto.commit.interval.ms", "Int", "How often it commits by itself."),
    ("auto.offset.reset", "String", "Where it begins without a committed offset."),
    ("check.crcs", "Boolean", "Each batch's checksum is looked at."),
    ("client.rack", "String", "Where it stands: it reads from the nearest replica, if brokers are set up for that."),
    ("default.api.timeout.ms", "Int", "How long a call that waits may take."),
    ("enable.auto.commit", "Boolean", "It commits its positions by itself."),
    ("exclude.internal.topics", "Boolean", "A pattern leaves out the cluster’s own topics."),
    ("fetch.max.bytes", "Int", "Bytes of a fetch’s answer, at most, but for a first batch that is larger."),
    ("fetch.max.wait.ms", "Int", "How long a broker may hold a fetch that has too little to return."),
    ("fetch.min.bytes", "Int", "A broker answers a fetch as soon as it has so much."),
    ("group.id", "String", "The group that it joins. Without one it reads alone, and commits nothing."),
    ("group.instance.id", "String", "A name of its own in the group: a static member, whose restart nobody notices."),
    ("heartbeat.interval.ms", "Int", "How often it tells its coordinator that it lives."),
    ("isolation.level", "String", "Whether it reads records of transactions that are not committed."),
    ("max.partition.fetch.bytes", "Int", "Bytes of one partition in a fetch’s answer, at most."),
    ("max.poll.interval.ms", "Int", "A member that does not poll for so long leaves its group."),
    ("max.poll.records", "Int", "Records that a poll gives, at most."),
    ("partition.assignment.strategy", "List", "The assignors that it offers, the preferred one first."),
    ("session.timeout.ms", "Int", "A member that its coordinator has not heard of for so long is out of the group."),
];

/// All that can be set on a producer, or on a consumer.
pub(super) fn known(of_producer: bool) -> Vec<KnownConfig> {
    let (tables, mut defaults) = if of_producer {
        ([PRODUCER_APPLICATION, COMMON, PRODUCER], producer_configs(&ProducerConfig::default()))
    } else {
        // Of a consumer in a group, which most are.
        let config = ConsumerConfig { group_id: Some(String::new()), ..ConsumerConfig::default() };
        let mut defaults = consumer_configs(&config);
        defaults.retain(|(name, _)| *name != "group.id");
        ([CONSUMER_APPLICATION, COMMON, CONSUMER], defaults)
    };
    defaults.extend([("--keys", "none".into()), ("--value-size", size_text(Workload::VALUE_SIZE))]);
    defaults.extend([("--work", SimDuration::ZERO.to_string()), ("--commit", commits_text(Commits::Never).into())]);
    let default = |of: &str| defaults.iter().find(|(name, _)| *name == of).map(|(_, value)| value.clone());
    let known = |(name, kind, meaning): &Known| KnownConfig {
        name: (*name).into(),
        kind: (*kind).into(),
        default: default(name),
        meaning: Some((*meaning).into()),
        fixed: None,
    };
    tables.into_iter().flatten().map(known).collect()
}

/// All that is in force of a producer.
pub(super) fn producer(of: &Producer) -> Vec<(&'static str, String)> {
    let mut all = producer_configs(of.config());
    all.push(("--topic", of.topic().into()));
    if let Some(Workload { interval, burst, keys, value_size }) = of.workload() {
        all.extend(interval.map(|interval| ("--rate", rate_text(interval))));
        all.extend(burst.map(|burst| ("--burst", format!("{}/{}", burst.records, burst.interval))));
        all.extend([("--keys", keys_text(keys)), ("--value-size", size_text(*value_size))]);
    }
    all
}

/// As many a second, minute or hour as come out even.
fn rate_text(interval: SimDuration) -> String {
    let units = [("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000_u64)];
    let even = units.into_iter().find_map(|(unit, us)| {
        let count = (us + interval.0 / 2) / interval.0;
        (count > 0 && us / count == interval.0).then(|| format!("{count}/{unit}"))
    });
    even.unwrap_or_else(|| format!("{}/h", decimal(3_600_000_000_000 / interval.0)))
}

/// A number of thousandths.
fn decimal(thousandths: u64) -> String {
    let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn keys_text(keys: &Keys) -> String {
    match *keys {
        Keys::None => "none".into(),
        Keys::Uniform(keys) => format!("uniform:{keys}"),
        Keys::Zipf { keys, exponent_thousandths } => format!("zipf:{keys},{}", decimal(exponent_thousandths.into())),
        Keys::Hot { keys, share_thousandths } => format!("hot:{keys},{}", decimal(share_thousandths.into())),
    }
}

fn size_text((least, most): (usize, usize)) -> String {
    if least == most { least.to_string() } else { format!("{least}-{most}") }
}

/// All that is in force of a consumer.
pub(super) fn consumer(of: &Consumer) -> Vec<(&'static str, String)> {
    let mut all = consumer_configs(of.config());
    let application = &of.config().application;
    all.push(match of.reads() {
        Reads::All(topics) | Reads::Topics(topics) => ("--topic", topics.join(",")),
        Reads::Pattern(pattern) => ("--include", pattern.clone()),
        Reads::Partitions(all) => ("--assign", all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
    });
    all.extend([("--work", application.work.to_string()), ("--commit", commits_text(application.commits).into())]);
    all.extend(application.poison.clone().map(|value| ("--poison", value)));
    all.extend(
        application.dies.map(|death| {
            ("--dies", format!("{}-commit:{}", if death.before { "before" } else { "after" }, death.record))
        }),
    );
    all
}

fn commits_text(commits: Commits) -> &'static str {
    match commits {
        Commits::Never => "never",
        Commits::Sync => "sync",
        Commits::Async => "async",
        Commits::Each => "each",
        Commits::First => "first",
    }
}

/// Every config that changes something, under Kafka's name, as it is in force.
fn producer_configs(config: &ProducerConfig) -> Vec<(&'static str, String)> {
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
    if !config.bootstrap.is_empty() {
        let servers: Vec<String> = config.bootstrap.iter().map(ToString::to_string).collect();
        all.push(("bootstrap.servers", servers.join(",")));
    }
    all
}

/// Every config that changes something and has a value, under Kafka's name, as it is in force.
fn consumer_configs(config: &ConsumerConfig) -> Vec<(&'static str, String)> {
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
            let (values, mut again) = (producer_configs(&config), ProducerConfig::default());
            values.iter().for_each(|(name, value)| again.set(name, value).expect("Kafka takes it"));
            assert_eq!(producer_configs(&again), values);
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
            let (values, mut again) = (consumer_configs(&config), ConsumerConfig::default());
            values.iter().for_each(|(name, value)| again.set(name, value).expect("Kafka takes it"));
            assert_eq!(consumer_configs(&again), values);
            assert_eq!(again.validate(), Ok(()));
        }
    }

    /// What is in force has a name that can be set, and a meaning.
    #[test]
    fn all_that_is_in_force_is_known() {
        let names = |of_producer| known(of_producer).into_iter().map(|config| config.name).collect::<Vec<_>>();
        let (producers, consumers) = (names(true), names(false));
        let mut config = ProducerConfig { round_robin_partitioner: true, ..ProducerConfig::default() };
        config.set("bootstrap.servers", "localhost:9092").expect("Kafka takes it");
        let all = producer_configs(&config);
        assert!(all.iter().all(|(name, _)| producers.iter().any(|known| known == name)), "{all:?}");
        let mut config = ConsumerConfig::default();
        for (name, value) in [("group.id", "g"), ("group.instance.id", "i"), ("client.id", "c")] {
            config.set(name, value).expect("Kafka takes it");
        }
        let all = consumer_configs(&config);
        assert!(all.iter().all(|(name, _)| consumers.iter().any(|known| known == name)), "{all:?}");
    }

    #[test]
    fn rates_as_they_are_typed() {
        let text = |us| rate_text(SimDuration(us));
        assert_eq!([text(200_000), text(333_333), text(2_000_000), text(1)], ["5/s", "3/s", "30/m", "1000000/s"]);
        assert_eq!((decimal(900), decimal(1_000), decimal(1_050)), ("0.9".into(), "1".into(), "1.05".into()));
    }
}
