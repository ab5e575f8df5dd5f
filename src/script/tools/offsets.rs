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
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// How the tool prints its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The topics that `--topic` admits, as a regular expression over the whole name; none where the request names one.
    filter: Option<String>,
}

/// Reads the tool's arguments.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<ToolCall, Error> {
    let at = cursor.position();
    let options = match Options::read(cursor, &OPTIONS) {
        Ok(options) => options,
        Err(refusal) => return refusal.end(|message| failed(&message)),
    };
    let time = match time(&options) {
        Ok(Some(time)) => time,
        Ok(None) => {
            return Err(Error::new(at, "`--time` by timestamp of the largest or of tiers is not built yet"));
        }
        Err(message) => return Ok(ToolCall::Ends(failed(&message))),
    };
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

/// `--time` as the protocol has it; nothing for one that this build has not.
fn time(options: &Options) -> Result<Option<i64>, String> {
    let text = options.one("time")?.unwrap_or("latest");
    Ok(match text {
        "latest" => Some(LATEST),
        "earliest" => Some(EARLIEST),
        "max-timestamp" | "earliest-local" | "latest-tiered" => None,
        number => match number.parse() {
            Ok(-5..=-3) => None,
            Ok(time) => Some(time),
            Err(_) => {
                let right = "-1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or \
                             latest-tiered, or a specified long format timestamp";
                return Err(format!("Malformed time argument {number}. Please use {right}"));
            }
        },
    })
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
    pub(super) fn print(&self, result: Option<&AdminResult>) -> ToolOutput {
        let offsets = match result {
            Some(AdminResult::Offsets(offsets)) => offsets,
            Some(AdminResult::Failed { error: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, .. }) => return failed(NO_MATCH),
            Some(AdminResult::Failed { message, .. }) => return failed(message),
            _ => return failed(&super::timed_out("listOffsets")),
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
