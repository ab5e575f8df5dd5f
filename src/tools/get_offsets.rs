//! `kafka-get-offsets.sh` (`GetOffsetShell`).

use super::files::{Files, command_config, set_up};
use super::java::{parse_int, parse_long, split};
use super::options::{BOOTSTRAP_SERVER, COMMAND_CONFIG, HELP, Options, Spec, Unreadable, VERSION, switch, valued};
use super::out::{Out, ToolOutput};
use super::topics::{PARTITION_LIMIT, TopicFilter, unreadable};
use super::{Program, Refusal, TERSE, future};
use crate::base::{SortedMap, SortedSet, TopicPartition};
use crate::client::admin::{Admin, AdminConfig, Step, Throwable};
use std::sync::Arc;

const OPTIONS: &[Spec] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    switch("exclude-internal-topics", "Leave out Kafka's own topics."),
    HELP,
    valued("partitions", "<String: partition ids>", "Only these partitions, with commas between them."),
    valued("time", "<String>", "latest (the default), earliest, max-timestamp, earliest-local, latest-tiered, or ms."),
    valued("topic", "<String: topic>", "Only topics that match this regular expression."),
    valued("topic-partitions", "<String: topic:0-3,...>", "Only what matches one of these patterns."),
    VERSION,
];

const ABOUT: &str = "An interactive shell for getting topic-partition offsets.";

#[derive(Debug)]
struct GetOffsets {
    options: Options,
    files: Files,
}

/// Reads the tool's arguments.
pub(super) fn read(args: &[String], files: &Files) -> Result<Arc<dyn Program>, Refusal> {
    let options = Options::read(OPTIONS, args).map_err(|why| match why {
        Unreadable::Refused(thrown) => {
            let stderr = format!("Error occurred: {}\n", thrown.message());
            Refusal::Ends(ToolOutput { stdout: String::new(), stderr, exit: 1 })
        }
        unbuilt => unreadable(unbuilt),
    })?;
    options.help_or_version_asked(ABOUT).map_or(Ok(()), Err)?;
    if let Ok(Some(servers)) = options.one("bootstrap-server") {
        check_servers(servers).map_err(|message| options.usage(message))?;
    }
    Ok(Arc::new(GetOffsets { options, files: files.clone() }))
}

/// `ToolsUtils.validateBootstrapServer`.
fn check_servers(servers: &str) -> Result<(), &'static str> {
    if servers.trim().is_empty() {
        return Err("Error while validating the bootstrap address\n");
    }
    let servers = split(servers, ',');
    let has_port = |server: &&str| server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match !servers.is_empty() && servers.iter().all(has_port) {
        true => Ok(()),
        false => Err("Please provide valid host:port like host1:9091,host2:9092\n"),
    }
}

impl Program for GetOffsets {
    fn configure(&self, config: &mut AdminConfig) -> Result<(), Throwable> {
        set_up(config, &command_config(&self.options, "command-config", &self.files)?)?;
        config.common.client_id = Some("GetOffsetShell".into());
        Ok(())
    }

    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
        let options = &self.options;
        if options.has("topic-partitions") && (options.has("topic") || options.has("partitions")) {
            return Err(terse("--topic-partitions cannot be used with --topic or --partitions").into());
        }
        let timestamp = timestamp(options)?;
        let filters = filters(options)?;
        let partitions = self.partitions(&filters, admin)?;
        if partitions.is_empty() {
            return Err(terse("Could not match any topic-partitions with the specified filters").into());
        }
        let wanted: SortedMap<TopicPartition, i64> = partitions.into_iter().map(|tp| (tp, timestamp)).collect();
        let offsets = admin.list_offsets(&wanted, None)?;
        // Kafka sorts by the text `topic-partition`, which puts partition 10 before partition 2.
        let mut lines: SortedMap<String, String> = SortedMap::new();
        for (tp, listed) in offsets {
            match listed {
                Ok(listed) if listed.offset >= 0 => {
                    lines.insert(tp.to_string(), format!("{}:{}:{}", tp.topic, tp.partition, listed.offset));
                }
                Ok(_) => {}
                Err(why) => {
                    let what = format!("Skip getting offsets for topic-partition {tp} due to error");
                    out.error_line(format_args!("{what}: {why}"));
                }
            }
        }
        lines.values().for_each(|line| out.line(line));
        Ok(0)
    }

    fn failed(&self, thrown: &Throwable, _: i64, out: &mut Out) -> i32 {
        out.error_line(format_args!("Error occurred: {}", thrown.message()));
        if thrown.class() != TERSE {
            out.error_line(thrown.stack_trace());
        }
        1
    }
}

impl GetOffsets {
    fn partitions(&self, filters: &[Filter], admin: &mut Admin<'_, '_>) -> Step<SortedSet<TopicPartition>> {
        let listed = future(admin.list_topics(!self.options.has("exclude-internal-topics")))?;
        let allowed = |name: &String| filters.iter().any(|filter| filter.topics.allows(name));
        let names: SortedSet<String> = listed.into_iter().map(|topic| topic.name).filter(allowed).collect();
        let topics = future(admin.describe_all_topics(&names, PARTITION_LIMIT))?;
        let mut partitions = SortedSet::new();
        for topic in topics {
            let allowed = |p: &i32| filters.iter().any(|filter| filter.allows(&topic.name, *p));
            let indexes = topic.partitions.iter().map(|p| p.partition).filter(allowed);
            partitions.extend(indexes.map(|p| TopicPartition::new(topic.name.as_str(), p)));
        }
        Ok(partitions)
    }
}

fn terse(message: &str) -> Throwable {
    Throwable::new(TERSE, message)
}

/// `--time` as the protocol has it.
fn timestamp(options: &Options) -> Result<i64, Throwable> {
    let text = options.one("time")?.unwrap_or("latest");
    match text {
        "latest" => Ok(-1),
        "earliest" => Ok(-2),
        "max-timestamp" => Ok(-3),
        "earliest-local" => Ok(-4),
        "latest-tiered" => Ok(-5),
        number => parse_long(number).map_err(|_| {
            let right = "-1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or \
                         latest-tiered, or a specified long format timestamp";
            terse(&format!("Malformed time argument {number}. Please use {right}"))
        }),
    }
}

/// Partitions by their topics and indexes.
#[derive(Debug)]
struct Filter {
    topics: TopicFilter,
    partitions: Partitions,
}

#[derive(Debug)]
enum Partitions {
    /// These; none is all.
    Set(SortedSet<i32>),
    /// From the one to before the other.
    Range(i32, i32),
}

impl Filter {
    fn allows(&self, topic: &str, partition: i32) -> bool {
        let index = match &self.partitions {
            Partitions::Set(set) => set.is_empty() || set.contains(&partition),
            Partitions::Range(from, to) => (*from..*to).contains(&partition),
        };
        index && self.topics.allows(topic)
    }
}

fn filters(options: &Options) -> Result<Vec<Filter>, Throwable> {
    if let Some(patterns) = options.one("topic-partitions")? {
        // Java's lambda cannot throw this exception but inside another.
        return split(patterns, ',').into_iter().map(rule).collect();
    }
    let topics = TopicFilter::new(options.one("topic")?.unwrap_or(".*"))?;
    let text = options.one("partitions")?.unwrap_or_default();
    let wrong = |_| {
        let what = "--partitions expects a comma separated list of numeric partition ids, but received";
        terse(&format!("{what}: {text}"))
    };
    let set = match text {
        "" => SortedSet::new(),
        list => split(list, ',').into_iter().map(parse_int).collect::<Result<_, _>>().map_err(wrong)?,
    };
    Ok(vec![Filter { topics, partitions: Partitions::Set(set) }])
}

/// `topic`, `topic:3`, `topic:0-3`, `topic:5-`, `topic:-3`; the topic may be left out.
fn rule(pattern: &str) -> Result<Filter, Throwable> {
    let invalid = || Throwable::around(Throwable::RUNTIME, terse(&format!("Invalid rule specification: {pattern}")));
    let (topic, partitions) = pattern.split_once(':').map_or((pattern, ""), |(topic, partitions)| (topic, partitions));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let number = |text: &str, otherwise: i32| if text.is_empty() { Ok(otherwise) } else { parse_int(text) };
    let partitions = match partitions.split_once('-') {
        _ if partitions.is_empty() => Partitions::Range(0, i32::MAX),
        None if is_number(partitions) => Partitions::Set(SortedSet::from([parse_int(partitions)?])),
        Some((from, to)) if is_number(from) && is_number(to) => {
            Partitions::Range(number(from, 0)?, number(to, i32::MAX)?)
        }
        _ => return Err(invalid()),
    };
    let topics = TopicFilter::new(if topic.is_empty() { ".*" } else { topic })?;
    Ok(Filter { topics, partitions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_kafkas() {
        let allowed = |pattern: &str| {
            let filter = rule(pattern).unwrap();
            (0..6).filter(|p| filter.allows("orders", *p)).collect::<Vec<i32>>()
        };
        assert_eq!(allowed("orders"), [0, 1, 2, 3, 4, 5]);
        assert_eq!(allowed("ord.*:1-3"), [1, 2]);
        assert_eq!(allowed(":4"), [4]);
        assert_eq!(allowed("orders:4-"), [4, 5]);
        assert_eq!(allowed("orders:-2"), [0, 1]);
        assert_eq!(allowed("orders:-"), [0, 1, 2, 3, 4, 5]);
        assert_eq!(allowed("nulls:1"), [0; 0]);
        let thrown = rule("a:b:c").unwrap_err();
        assert_eq!(thrown.message(), "org.apache.kafka.tools.TerseException: Invalid rule specification: a:b:c");
    }
}
