//! `kafka-topics.sh --create` and `--alter`.

use super::super::java::{hash_order, parse_int, split};
use super::super::options::Options;
use super::super::out::Out;
use super::{PARTITION_LIMIT, ensure_exists, topics};
use crate::base::Sort;
use crate::client::admin::{Admin, NewTopic, Step, Throwable, caught};
use crate::cluster::config_defs::{topic_config, topic_configs_as_checked};
use crate::wire::ErrorCode;

const COLLISION: &str = "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') \
                         could collide. To avoid issues it is best to use either, but not both.";

/// What the options say of a topic (`CommandTopicPartition`).
struct Wanted {
    topic: String,
    partitions: Option<i32>,
    replication_factor: Option<i32>,
    assignments: Vec<Vec<i32>>,
    configs: Vec<(String, String)>,
}

fn wanted(options: &Options) -> Result<Wanted, Throwable> {
    Ok(Wanted {
        topic: options.one("topic")?.unwrap_or_default().to_owned(),
        partitions: options.int("partitions")?,
        replication_factor: options.int("replication-factor")?,
        assignments: match options.one("replica-assignment")? {
            Some(text) if !text.is_empty() => assignments(text)?,
            _ => Vec::new(),
        },
        configs: configs(options)?,
    })
}

pub(super) fn create(options: &Options, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
    let wanted = wanted(options)?;
    if wanted.topic.contains(['.', '_']) {
        out.line(COLLISION);
    }
    let refused = |message: &str| Err(Throwable::new(Throwable::ILLEGAL_ARGUMENT, message).into());
    let replication_factor = match wanted.replication_factor.map(i16::try_from) {
        None => None,
        Some(Ok(factor @ 1..)) => Some(factor),
        _ => return refused("The replication factor must be between 1 and 32767 inclusive"),
    };
    if wanted.partitions.is_some_and(|count| count < 1) {
        return refused("The partitions must be greater than 0");
    }
    let topic = NewTopic {
        name: wanted.topic,
        partitions: wanted.partitions,
        replication_factor,
        assignments: wanted.assignments,
        configs: wanted.configs,
    };
    match caught(admin.create_topic(&topic))? {
        Ok(()) => out.line(format_args!("Created topic {}.", topic.name)),
        Err(thrown) if thrown.is(ErrorCode::TOPIC_ALREADY_EXISTS) && options.has("if-not-exists") => {}
        Err(thrown) => return Err(thrown.into()),
    }
    Ok(())
}

pub(super) fn alter(options: &Options, admin: &mut Admin<'_, '_>) -> Step<()> {
    let wanted = wanted(options)?;
    let found = topics(options, admin)?;
    ensure_exists(options, &found)?;
    if found.is_empty() {
        return Ok(());
    }
    let described = admin.describe_topics(&found.iter().cloned().collect(), PARTITION_LIMIT)?;
    let count = wanted.partitions.expect("--alter needs --partitions");
    let mut grown = Vec::new();
    for name in found {
        let mut added = None;
        if !wanted.assignments.is_empty() {
            let topic = described.iter().find(|(topic, _)| *topic == name).expect("every topic has an answer");
            let topic = topic.1.clone().map_err(|thrown| {
                Throwable::around(Throwable::RUNTIME, Throwable::around(Throwable::EXECUTION, thrown))
            })?;
            added = Some(wanted.assignments.iter().skip(topic.partitions.len()).cloned().collect());
        }
        grown.push((name, (count, added)));
    }
    let grown: Vec<_> = hash_order(grown).into_iter().map(|(name, (count, added))| (name, count, added)).collect();
    admin.create_partitions(&grown)
}

/// `1:2,2:3`: the brokers of each partition.
fn assignments(text: &str) -> Result<Vec<Vec<i32>>, Throwable> {
    let mut partitions: Vec<Vec<i32>> = Vec::new();
    for (index, replicas) in split(text, ',').into_iter().enumerate() {
        let brokers = split(replicas, ':').into_iter().map(|id| parse_int(id.trim())).collect::<Result<Vec<_>, _>>()?;
        let twice = |id: &&i32| brokers.iter().filter(|other| other == id).count() > 1;
        let mut duplicates: Vec<(i32, ())> = brokers.iter().filter(twice).map(|id| (*id, ())).collect();
        duplicates.order();
        duplicates.dedup();
        if !duplicates.is_empty() {
            let duplicates: Vec<String> = hash_order(duplicates).iter().map(|(id, ())| id.to_string()).collect();
            let message =
                format!("Partition replica lists may not contain duplicate entries: {}", duplicates.join(","));
            return Err(Throwable::new("org.apache.kafka.tools.AdminCommandFailedException", message));
        }
        if partitions.first().is_some_and(|first| first.len() != brokers.len()) {
            let message = format!("Partition {index} has different replication factor: {brokers:?}");
            return Err(Throwable::new("org.apache.kafka.tools.AdminOperationException", message));
        }
        partitions.push(brokers);
    }
    Ok(partitions)
}

/// The `--config` options, checked as the tool checks them (`LogConfig.validate`), in the order in which a Java map
/// gives them to the request.
fn configs(options: &Options) -> Result<Vec<(String, String)>, Throwable> {
    let mut configs: Vec<(String, String)> = Vec::new();
    for text in options.all("config") {
        // `String.split("\\s*=\\s*")`: what is empty at the end does not count.
        let parts: Vec<&str> = split(text, '=').into_iter().map(str::trim).collect();
        let [name, value] = parts[..] else {
            let what = "requirement failed: Invalid topic config: all configs to be added must be in the format";
            return Err(Throwable::new(Throwable::ILLEGAL_ARGUMENT, format!("{what} \"key=val\".")));
        };
        configs.retain(|(known, _)| known != name);
        configs.push((name.to_owned(), value.to_owned()));
    }
    let configs = hash_order(configs);
    if let Some((name, _)) = configs.iter().find(|(name, _)| topic_config(name).is_none()) {
        let message = format!("Unknown topic config name: {name}");
        return Err(Throwable::of(ErrorCode::INVALID_CONFIG, Some(&message)));
    }
    for key in topic_configs_as_checked() {
        let value = configs.iter().find(|(name, _)| name == key.name).map(|(_, value)| value);
        value.map_or(Ok(()), |value| key.check(value)).map_err(|message| Throwable::new(Throwable::CONFIG, message))?;
    }
    Ok(configs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_read() {
        assert_eq!(assignments("1:2,2:3").unwrap(), [[1, 2], [2, 3]]);
        for (text, message) in [
            ("1:1", "Partition replica lists may not contain duplicate entries: 1"),
            ("1:2,3", "Partition 1 has different replication factor: [3]"),
            ("1:b", "For input string: \"b\""),
            (",", ""),
        ] {
            let result = assignments(text);
            assert_eq!(result.err().map_or(String::new(), |thrown| thrown.message().to_owned()), message, "{text}");
        }
    }
}
