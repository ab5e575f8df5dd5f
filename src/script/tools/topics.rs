//! `kafka-topics.sh`.

use super::options::{Options, Refusal, Spec, switch, unbuilt, valued};
use super::{Printer, ToolCall, ToolOutput};
use crate::client::{AdminRequest, AdminResult};
use crate::script::cursor::Cursor;
use crate::script::error::Error;
use crate::wire::ErrorCode;

const OPTIONS: [Spec; 24] = [
    valued("bootstrap-server"),
    switch("create"),
    switch("list"),
    valued("topic"),
    valued("partitions"),
    valued("replication-factor"),
    valued("config"),
    switch("if-not-exists"),
    switch("exclude-internal"),
    unbuilt("alter"),
    unbuilt("at-min-isr-partitions"),
    unbuilt("command-config"),
    unbuilt("delete"),
    unbuilt("delete-config"),
    unbuilt("describe"),
    unbuilt("help"),
    unbuilt("if-exists"),
    unbuilt("partition-size-limit-per-response"),
    unbuilt("replica-assignment"),
    unbuilt("topic-id"),
    unbuilt("topics-with-overrides"),
    unbuilt("unavailable-partitions"),
    unbuilt("under-min-isr-partitions"),
    unbuilt("version"),
];

const COLLISION: &str = "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') \
                         could collide. To avoid issues it is best to use either, but not both.\n";
const ONE_ACTION: &str = "Command must include exactly one action: --list, --describe, --create, --alter or --delete";
const BAD_CONFIG: &str =
    "requirement failed: Invalid topic config: all configs to be added must be in the format \"key=val\".";

/// How `--create` prints its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    topic: String,
    if_not_exists: bool,
}

/// How `--list` prints its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The topics that `--topic` admits, as a regular expression over the whole name.
    filter: Option<String>,
    exclude_internal: bool,
}

/// Topics of Kafka's own.
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Reads the tool's arguments.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<ToolCall, Error> {
    let options = match Options::read(cursor, &OPTIONS) {
        Ok(options) => options,
        Err(refusal) => return refusal.end(ToolOutput::refused),
    };
    if let Err(usage) = check(&options) {
        return Ok(ToolCall::Ends(ToolOutput::refused(usage)));
    }
    let call = if options.has("create") { create(&options) } else { list(&options) };
    call.or_else(|message| Refusal::Tool(message).end(|message| failed("", &message)))
}

/// The rules on which options go together (`TopicCommandOptions.checkArgs`).
fn check(options: &Options) -> Result<(), String> {
    if options.has("create") == options.has("list") {
        return Err(ONE_ACTION.into());
    }
    if options.has("create") && !options.has("topic") {
        return Err("Missing required argument \"[topic]\"".into());
    }
    let (action, others): (_, &[&str]) = match options.has("create") {
        true => ("create", &["exclude-internal"]),
        false => ("list", &["partitions", "replication-factor", "config", "if-not-exists"]),
    };
    match others.iter().find(|other| options.has(other)) {
        Some(other) => Err(format!("Option \"[{other}]\" can't be used with option \"[{action}]\"")),
        None => Ok(()),
    }
}

fn failed(before: &str, message: &str) -> ToolOutput {
    let stdout = format!("{before}Error while executing topic command : {message}\n");
    ToolOutput { stdout, stderr: String::new(), exit: 1 }
}

fn create(options: &Options) -> Result<ToolCall, String> {
    let topic = options.one("topic")?.unwrap_or_default().to_owned();
    let partitions = options.int("partitions")?;
    let replication_factor = options.int("replication-factor")?;
    let configs = options.all("config").map(config).collect::<Result<Vec<_>, _>>()?;
    let warning = collision_warning(&topic);
    let replication_factor = match replication_factor.map(i16::try_from) {
        None => None,
        Some(Ok(factor @ 1..)) => Some(factor),
        _ => {
            let message = "The replication factor must be between 1 and 32767 inclusive";
            return Ok(ToolCall::Ends(failed(warning, message)));
        }
    };
    if partitions.is_some_and(|count| count < 1) {
        return Ok(ToolCall::Ends(failed(warning, "The partitions must be greater than 0")));
    }
    if topic.is_empty() {
        return Err("The given topic name '' cannot be represented in a request.".into());
    }
    let printer = Printer::Create(Create { topic: topic.clone(), if_not_exists: options.has("if-not-exists") });
    Ok(ToolCall::Asks {
        request: AdminRequest::CreateTopic { topic, partitions, replication_factor, configs },
        printer,
    })
}

fn config(text: &str) -> Result<(String, String), String> {
    let mut parts = text.split('=').map(str::trim);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(key), Some(value), None) if !value.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(BAD_CONFIG.into()),
    }
}

fn collision_warning(topic: &str) -> &'static str {
    if topic.contains(['.', '_']) { COLLISION } else { "" }
}

fn list(options: &Options) -> Result<ToolCall, String> {
    let filter = options.one("topic")?.map(|pattern| format!("^(?:{})$", pattern.replace(',', "|")));
    if let Some(Err(error)) = filter.as_deref().map(regex::Regex::new) {
        return Err(error.to_string());
    }
    let printer = Printer::List(List { filter, exclude_internal: options.has("exclude-internal") });
    Ok(ToolCall::Asks { request: AdminRequest::ListTopics, printer })
}

impl Create {
    pub(super) fn print(&self, result: &AdminResult) -> ToolOutput {
        let warning = collision_warning(&self.topic);
        let topic = &self.topic;
        match result {
            AdminResult::Created => {
                ToolOutput { stdout: format!("{warning}Created topic {topic}.\n"), ..ToolOutput::default() }
            }
            AdminResult::Failed { error, .. } if *error == ErrorCode::TOPIC_ALREADY_EXISTS && self.if_not_exists => {
                ToolOutput { stdout: warning.to_owned(), ..ToolOutput::default() }
            }
            other => failed(warning, &why(other, "createTopics")),
        }
    }
}

impl List {
    pub(super) fn print(&self, result: &AdminResult) -> ToolOutput {
        let AdminResult::Topics(topics) = result else { return failed("", &why(result, "listTopics")) };
        let filter = self.filter.as_deref().and_then(|pattern| regex::Regex::new(pattern).ok());
        let wanted = |topic: &str| {
            let internal = self.exclude_internal && INTERNAL.contains(&topic);
            !internal && filter.as_ref().is_none_or(|filter| filter.is_match(topic))
        };
        let lines = topics.iter().filter(|topic| wanted(topic)).map(|topic| format!("{topic}\n"));
        ToolOutput { stdout: lines.collect(), ..ToolOutput::default() }
    }
}

/// The message of an answer that is not the one asked for; the rest is Kafka's admin client giving up.
fn why(result: &AdminResult, call: &str) -> String {
    match result {
        AdminResult::Failed { message, .. } => message.clone(),
        _ => super::timed_out(call),
    }
}
