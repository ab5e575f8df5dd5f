//! `kafka-get-offsets.sh`.

use super::options::{Options, Spec, switch, unbuilt, valued};
use super::{Printer, ToolCall, ToolOutput};
use crate::client::{AdminRequest, AdminResult};
use crate::script::cursor::Cursor;
use crate::script::error::Error;
use crate::wire::ErrorCode;

const OPTIONS: [Spec; 9] = [
    valued("bootstrap-server"),
    valued("topic"),
    valued("time"),
    switch("exclude-internal-topics"),
    unbuilt("command-config"),
    unbuilt("help"),
    unbuilt("partitions"),
    unbuilt("topic-partitions"),
    unbuilt("version"),
];

const NO_MATCH: &str = "Could not match any topic-partitions with the specified filters";

/// The largest timestamp, and what concerns tiered storage.
const UNBUILT_TIMES: std::ops::RangeInclusive<i64> = -5..=-3;

/// How the tool prints its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The topics that `--topic` admits, as a regular expression over the whole name; none where the request names one.
    filter: Option<String>,
}

/// Reads the tool's arguments.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<ToolCall, Error> {
    let options = match Options::read(cursor, &OPTIONS) {
        Ok(options) => options,
        Err(refusal) => return refusal.end(|message| failed(&message)),
    };
    let time = match time(&options) {
        Ok(time) => time,
        Err(message) => return Ok(ToolCall::Ends(failed(&message))),
    };
    if UNBUILT_TIMES.contains(&time)
        && let Some(error) = options.value_not_yet("time")
    {
        return Err(error);
    }
    match pattern(&options) {
        Ok((topic, filter)) => {
            let printer = Printer::Offsets(Offsets { filter });
            Ok(ToolCall::Asks { request: AdminRequest::GetOffsets { topic, time }, printer })
        }
        Err(message) => Ok(ToolCall::Ends(failed(&message))),
    }
}

fn failed(message: &str) -> ToolOutput {
    ToolOutput::refused(format_args!("Error occurred: {message}"))
}

/// `--time` as the protocol has it.
fn time(options: &Options) -> Result<i64, String> {
    let text = options.one("time")?.unwrap_or("latest");
    match text {
        "latest" => Ok(-1),
        "earliest" => Ok(-2),
        "max-timestamp" => Ok(-3),
        "earliest-local" => Ok(-4),
        "latest-tiered" => Ok(-5),
        number => number.parse().map_err(|_| {
            let right = "-1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or \
                         latest-tiered, or a specified long format timestamp";
            format!("Malformed time argument {number}. Please use {right}")
        }),
    }
}

/// The topic to ask for when `--topic` is a plain name, otherwise the expression that names have to match.
fn pattern(options: &Options) -> Result<(Option<String>, Option<String>), String> {
    let Some(pattern) = options.one("topic")? else { return Ok((None, None)) };
    let is_plain = pattern.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_plain && !pattern.is_empty() {
        return Ok((Some(pattern.to_owned()), None));
    }
    let filter = format!("^(?:{})$", pattern.replace(',', "|"));
    match regex::Regex::new(&filter) {
        Ok(_) => Ok((None, Some(filter))),
        Err(error) => Err(error.to_string()),
    }
}

impl Offsets {
    pub(super) fn print(&self, result: &AdminResult) -> ToolOutput {
        let offsets = match result {
            AdminResult::Offsets(offsets) => offsets,
            AdminResult::Failed { error: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, .. } => return failed(NO_MATCH),
            AdminResult::Failed { message, .. } => return failed(message),
            _ => {
                let class = "org.apache.kafka.common.errors.TimeoutException";
                return failed(&format!("{class}: {}", super::timed_out("listTopics")));
            }
        };
        let filter = self.filter.as_deref().and_then(|pattern| regex::Regex::new(pattern).ok());
        let mut rows: Vec<_> =
            offsets.iter().filter(|(topic, ..)| filter.as_ref().is_none_or(|f| f.is_match(topic))).collect();
        if rows.is_empty() {
            return failed(NO_MATCH);
        }
        // Kafka sorts by the text `topic-partition`, which puts partition 10 before partition 2.
        rows.sort_by_key(|(topic, partition, _)| format!("{topic}-{partition}"));
        let lines = rows.iter().filter(|(_, _, offset)| *offset >= 0);
        let stdout = lines.map(|(topic, partition, offset)| format!("{topic}:{partition}:{offset}\n")).collect();
        ToolOutput { stdout, ..ToolOutput::default() }
    }
}
