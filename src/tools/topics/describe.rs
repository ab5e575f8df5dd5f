//! `kafka-topics.sh --describe`.

use super::super::java::{JavaHash, hash_order, hash_order_sized};
use super::super::out::Out;
use super::{PARTITION_LIMIT, Topics};
use crate::base::{SortedMap, SortedSet, TopicPartition, uuid_from_text, uuid_text};
use crate::client::admin::{
    Admin, ConfigEntry, ConfigResource, Reassignment, Step, Throwable, TopicDescription, TopicPartitionInfo, caught,
};
use crate::wire::ErrorCode;
use std::fmt::Write;
use uuid::Uuid;

/// Which of the partitions to print; none of these is all of them.
const REPORTS: [&str; 4] =
    ["unavailable-partitions", "under-replicated-partitions", "under-min-isr-partitions", "at-min-isr-partitions"];

pub(super) fn describe(tool: &Topics, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
    let options = &tool.options;
    let both = options.has("if-exists") && options.has("topic") && options.has("topic-id");
    if both {
        let what = "Only topic id will be used when both --topic and --topic-id are specified";
        out.line(format_args!("{what} and topicId is not Uuid.ZERO_UUID"));
    }
    let topics = found(tool, admin)?;
    let resources: Vec<ConfigResource> =
        topics.iter().map(|topic| ConfigResource::new(ConfigResource::TOPIC, &topic.name)).collect();
    let configs = admin.describe_configs(&resources, false, None)?;
    let live: SortedSet<i32> = admin.describe_cluster(false)?.nodes.iter().map(|node| node.id).collect();
    let reassignments = reassignments(&topics, admin)?;
    for (topic, configs) in topics.iter().zip(configs) {
        let configs = in_hash_order(configs?);
        let described = Described { topic, configs, live: &live, reassignments: &reassignments };
        described.print(tool, out)?;
    }
    Ok(())
}

/// The order of `Config.entries()`.
fn in_hash_order(configs: Vec<ConfigEntry>) -> Vec<ConfigEntry> {
    let by_name = configs.into_iter().map(|config| (config.name.clone(), config)).collect();
    hash_order(by_name).into_iter().map(|(_, config)| config).collect()
}

/// The topics to describe, in the order in which Java's maps give them.
fn found(tool: &Topics, admin: &mut Admin<'_, '_>) -> Step<Vec<TopicDescription>> {
    let options = &tool.options;
    let by_id = match options.one("topic-id")? {
        Some(text) => Some(uuid_from_text(text).map_err(|why| Throwable::new(Throwable::ILLEGAL_ARGUMENT, why))?),
        None => None,
    };
    if let Some(id) = by_id.filter(|id| !id.is_nil()) {
        let listed = admin.list_topics(!options.has("exclude-internal"))?;
        if !listed.iter().any(|topic| topic.id == id) {
            if options.has("if-exists") {
                return Ok(Vec::new());
            }
            let message = format!("TopicId '{}' does not exist as expected", uuid_text(id));
            return Err(Throwable::new(Throwable::ILLEGAL_ARGUMENT, message).into());
        }
        return Ok(vec![admin.describe_topic_by_id(id)?]);
    }
    let names = tool.topics(admin)?;
    tool.ensure_exists(&names)?;
    let limit = options.int("partition-size-limit-per-response")?.unwrap_or(PARTITION_LIMIT);
    let described = admin.describe_all_topics(&names.iter().cloned().collect(), limit)?;
    let by_name = described.into_iter().map(|topic| (topic.name.clone(), topic)).collect();
    Ok(in_map_order(by_name).into_iter().map(|(_, topic)| topic).collect())
}

/// The order of `allTopicNames()`: a map made for its size, copied, and filled into another.
fn in_map_order<K: JavaHash, V>(by_name: Vec<(K, V)>) -> Vec<(K, V)> {
    let count = by_name.len();
    let futures = hash_order_sized(by_name, count);
    let copied = hash_order_sized(futures, count * 4 / 3 + 1);
    hash_order_sized(copied, count)
}

/// Reassignments that are under way; none from a cluster that cannot say.
fn reassignments(
    topics: &[TopicDescription],
    admin: &mut Admin<'_, '_>,
) -> Step<SortedMap<TopicPartition, Reassignment>> {
    let tps = |topic: &TopicDescription| {
        let name = topic.name.clone();
        topic.partitions.iter().map(move |p| TopicPartition::new(name.as_str(), p.partition)).collect::<Vec<_>>()
    };
    let partitions: Vec<TopicPartition> = topics.iter().flat_map(tps).collect();
    match caught(admin.list_partition_reassignments(&partitions))? {
        Ok(found) => Ok(found),
        Err(why) if why.is(ErrorCode::UNSUPPORTED_VERSION) || why.is(ErrorCode::CLUSTER_AUTHORIZATION_FAILED) => {
            Ok(SortedMap::new())
        }
        Err(why) => Err(Throwable::around(Throwable::RUNTIME, Throwable::around(Throwable::EXECUTION, why)).into()),
    }
}

struct Described<'a> {
    topic: &'a TopicDescription,
    configs: Vec<ConfigEntry>,
    live: &'a SortedSet<i32>,
    reassignments: &'a SortedMap<TopicPartition, Reassignment>,
}

impl Described<'_> {
    fn print(&self, tool: &Topics, out: &mut Out) -> Result<(), Throwable> {
        let options = &tool.options;
        let everything = !REPORTS.iter().any(|report| options.has(report));
        let overridden = self.configs.iter().any(|config| !config.is_default());
        if everything && (!options.has("topics-with-overrides") || overridden) {
            let first = self.topic.partitions.first();
            let factor = first.map_or(0, |p| replication_factor(p, self.reassignment(p)));
            out.line(topic_line(&self.topic.name, self.topic.id, self.topic.partitions.len(), factor, &self.configs));
        }
        if options.has("topics-with-overrides") {
            return Ok(());
        }
        for p in &self.topic.partitions {
            if everything || self.is_reported(p, tool)? {
                out.line(partition_line(&self.topic.name, p, self.reassignment(p)));
            }
        }
        Ok(())
    }

    fn reassignment(&self, p: &TopicPartitionInfo) -> Option<&Reassignment> {
        self.reassignments.get(&TopicPartition::new(self.topic.name.as_str(), p.partition))
    }

    fn is_reported(&self, p: &TopicPartitionInfo, tool: &Topics) -> Result<bool, Throwable> {
        let has = |report: &str| tool.options.has(report);
        let missing = replication_factor(p, self.reassignment(p)) as i64 - p.isr.len() as i64;
        let reported = has("under-replicated-partitions") && missing > 0;
        let unavailable = p.leader.is_none_or(|leader| !self.live.contains(&leader));
        if reported || (has("unavailable-partitions") && unavailable) {
            return Ok(true);
        }
        let under = has("under-min-isr-partitions");
        if under && p.leader.is_none() {
            return Ok(true);
        }
        if !under && !has("at-min-isr-partitions") {
            return Ok(false);
        }
        let min_isr = self.min_isr()?;
        Ok((under && p.isr.len() < min_isr) || (has("at-min-isr-partitions") && p.isr.len() == min_isr))
    }

    fn min_isr(&self) -> Result<usize, Throwable> {
        let config = self.configs.iter().find(|config| config.name == "min.insync.replicas");
        let value = config.and_then(|config| config.value.as_deref()).unwrap_or("null");
        Ok(super::super::java::parse_int(value)?.max(0) as usize)
    }
}

/// How many replicas a partition has, apart from a reassignment that is under way.
fn replication_factor(p: &TopicPartitionInfo, reassignment: Option<&Reassignment>) -> usize {
    match reassignment {
        Some(r) if p.replicas.iter().any(|id| r.adding.contains(id) || r.removing.contains(id)) => {
            r.replicas.len() - r.adding.len()
        }
        _ => p.replicas.len(),
    }
}

/// `TopicDescription.printDescription`.
fn topic_line(name: &str, id: Uuid, partitions: usize, factor: usize, configs: &[ConfigEntry]) -> String {
    let id = if id.is_nil() { String::new() } else { format!("\tTopicId: {}", uuid_text(id)) };
    // `Config` keeps them all in a `HashMap`.
    let all = hash_order(configs.iter().map(|config| (config.name.clone(), config)).collect());
    let set = all.into_iter().map(|(_, config)| config).filter(|config| !config.is_default());
    let configs: Vec<String> =
        set.map(|config| format!("{}={}", config.name, config.value.as_deref().unwrap_or("null"))).collect();
    let counts = format!("PartitionCount: {partitions}\tReplicationFactor: {factor}");
    format!("Topic: {name}{id}\t{counts}\tConfigs: {}", configs.join(","))
}

/// `PartitionDescription.printDescription`.
fn partition_line(topic: &str, p: &TopicPartitionInfo, reassignment: Option<&Reassignment>) -> String {
    let ids = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    let leader = p.leader.map_or("none".to_owned(), |leader| leader.to_string());
    let mut line = format!("\tTopic: {topic}\tPartition: {}\tLeader: {leader}", p.partition);
    let _ = write!(line, "\tReplicas: {}\tIsr: {}", ids(&p.replicas), ids(&p.isr));
    if let Some(r) = reassignment {
        let _ = write!(line, "\tAdding Replicas: {}\tRemoving Replicas: {}", ids(&r.adding), ids(&r.removing));
    }
    let known = |list: &Option<Vec<i32>>| list.as_deref().map_or("N/A".to_owned(), ids);
    let _ = write!(line, "\tElr: {}\tLastKnownElr: {}", known(&p.elr), known(&p.last_known_elr));
    line
}
