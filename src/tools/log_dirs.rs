//! `kafka-log-dirs.sh` (`LogDirsCommand`).

use super::files::{Files, command_config, set_up};
use super::java::{Json, hash_order, parse_int, split};
use super::options::{BOOTSTRAP_SERVER, COMMAND_CONFIG, HELP, Options, Spec, VERSION, switch, valued};
use super::out::Out;
use super::topics::unreadable;
use super::{Program, Refusal, TERSE, future};
use crate::base::SortedSet;
use crate::client::admin::{Admin, AdminConfig, LogDir, Step, Throwable};
use std::sync::Arc;

const OPTIONS: &[Spec] = &[
    BOOTSTRAP_SERVER,
    valued("broker-list", "<String: 0,1,2>", "Only these brokers."),
    COMMAND_CONFIG,
    switch("describe", "Show the log directories and the replicas in them."),
    HELP,
    valued("topic-list", "<String: topic1,topic2>", "Only these topics."),
    VERSION,
];

const ABOUT: &str = "This tool helps to query log directory usage on the specified brokers.";

#[derive(Debug)]
struct LogDirs {
    options: Options,
    files: Files,
}

/// Reads the tool's arguments.
pub(super) fn read(args: &[String], files: &Files) -> Result<Arc<dyn Program>, Refusal> {
    let options = Options::read(OPTIONS, args).map_err(unreadable)?;
    options.help_or_version(ABOUT).map_or(Ok(()), Err)?;
    options.required(&["describe"])?;
    Ok(Arc::new(LogDirs { options, files: files.clone() }))
}

impl Program for LogDirs {
    fn configure(&self, config: &mut AdminConfig) -> Result<(), Throwable> {
        config.common.client_id = Some("log-dirs-tool".into());
        set_up(config, &command_config(&self.options, "command-config", &self.files)?)
    }

    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
        let topics = self.list("topic-list")?;
        let cluster = future(admin.describe_cluster(false))?;
        let cluster: SortedSet<i32> = cluster.nodes.iter().map(|node| node.id).collect();
        let wanted: SortedSet<i32> =
            self.list("broker-list")?.iter().map(|id| parse_int(id)).collect::<Result<_, _>>()?;
        let missing: SortedSet<i32> = wanted.difference(&cluster).copied().collect();
        if !missing.is_empty() {
            let what = "ERROR: The given brokers do not exist from --broker-list";
            let message = format!("{what}: {}. Current existent brokers: {}", joined(&missing), joined(&cluster));
            return Err(Throwable::new(TERSE, message).into());
        }
        let asked = if wanted.is_empty() { cluster } else { wanted };
        out.line("Querying brokers for log directories information");
        let brokers: Vec<i32> = ids(&asked);
        let described = future(admin.describe_log_dirs(&brokers))?;
        out.line(format_args!("Received log directory information from brokers {}", joined(&asked)));
        out.line(as_json(described, &topics));
        Ok(0)
    }

    fn failed(&self, thrown: &Throwable, _: i64, out: &mut Out) -> i32 {
        out.error_line(thrown.message());
        if thrown.class() != TERSE {
            out.error_line(thrown.stack_trace());
        }
        1
    }
}

impl LogDirs {
    fn list(&self, option: &str) -> Result<SortedSet<String>, Throwable> {
        let text = self.options.one(option)?.unwrap_or_default();
        Ok(split(text, ',').into_iter().filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }
}

fn ids(brokers: &SortedSet<i32>) -> Vec<i32> {
    hash_order(brokers.iter().map(|id| (*id, ())).collect()).into_iter().map(|(id, ())| id).collect()
}

fn joined(brokers: &SortedSet<i32>) -> String {
    ids(brokers).iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

/// An object of Jackson's, whose fields stand in the order of a map.
fn object(fields: Vec<(&str, Json)>) -> Json {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Json::Object(hash_order(fields))
}

/// `formatAsJson`.
fn as_json(described: Vec<(i32, Vec<LogDir>)>, topics: &SortedSet<String>) -> Json {
    let broker = |(id, dirs): (i32, Vec<LogDir>)| {
        let dirs = hash_order(dirs.into_iter().map(|dir| (dir.path.clone(), dir)).collect());
        let dirs = dirs.into_iter().map(|(_, dir)| log_dir(dir, topics)).collect();
        object(vec![("broker", Json::Number(i64::from(id))), ("logDirs", Json::Array(dirs))])
    };
    let brokers = described.into_iter().map(broker).collect();
    object(vec![("version", Json::Number(1)), ("brokers", Json::Array(brokers))])
}

fn log_dir(dir: LogDir, topics: &SortedSet<String>) -> Json {
    // All replicas are in one map, and those of the topics asked for in another.
    let all = hash_order(dir.replicas.into_iter().map(|replica| (replica.partition.clone(), replica)).collect());
    let wanted = |topic: &str| topics.is_empty() || topics.contains(topic);
    let shown = hash_order(all.into_iter().filter(|(tp, _)| wanted(&tp.topic)).collect());
    let replica = |(tp, replica): (crate::base::TopicPartition, crate::client::admin::LogDirReplica)| {
        object(vec![
            ("partition", Json::Text(tp.to_string())),
            ("size", Json::Number(replica.size)),
            ("offsetLag", Json::Number(replica.offset_lag)),
            ("isFuture", Json::Bool(replica.is_future)),
        ])
    };
    let error = dir.error.map_or(Json::Null, |error| Json::Text(error.class().to_owned()));
    object(vec![
        ("logDir", Json::Text(dir.path)),
        ("error", error),
        ("partitions", Json::Array(shown.into_iter().map(replica).collect())),
    ])
}
