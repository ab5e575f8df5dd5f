//! Looking into a partition's log: records as a broker has them on its disk.

use super::dissect::text;
use crate::base::TopicPartition;
use crate::sim::World;
use crate::wire::records;
use serde::{Deserialize, Serialize};

/// How many records one look gives.
const MOST: usize = 100;
/// How many records one look goes through for those that its filter wants.
const SCANNED: usize = 20_000;

/// What somebody wants to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The partition.
    pub tp: TopicPartition,
    /// From where on.
    pub from: From,
    /// Only records whose key, value or a header holds this text.
    pub filter: String,
}

/// From where on records are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum From {
    /// The last ones.
    Latest,
    /// An offset.
    Offset(i64),
    /// The first record with this timestamp or a later one, in milliseconds since 1970.
    Timestamp(i64),
}

/// Records of a partition's leader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// The broker whose log it is; none when nobody leads or the leader is down.
    pub leader: Option<i32>,
    /// Offset of the first record that is kept.
    pub start: i64,
    /// The high watermark.
    pub hw: i64,
    /// The log end offset.
    pub leo: i64,
    /// The records, by offset.
    pub rows: Vec<Stored>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// A record in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The epoch of the leader that wrote it.
    pub epoch: i32,
    /// The idempotent producer that sent it, or -1.
    pub producer_id: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// How bytes are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As text; what is none in hexadecimal digits.
    #[default]
    Text,
    /// As JSON, in lines.
    Json,
    /// In hexadecimal digits.
    Hex,
}

/// The records that a query asks for, as they are on the leader's disk.
pub(super) fn browse(world: &World, query: &Query) -> Records {
    let leader = world.partition(&query.tp).and_then(|info| info.leader);
    let Some((id, log)) = leader.and_then(|id| Some((id, world.replica(id, &query.tp)?))) else {
        return Records::default();
    };
    let (start, hw, leo) = (log.log_start_offset(), log.high_watermark(), log.log_end_offset());
    let from = match query.from {
        From::Latest => leo - MOST as i64,
        From::Offset(offset) => offset,
        From::Timestamp(ms) => log.offset_for_timestamp(ms, leo).map_or(leo, |(offset, ..)| offset),
    };
    let from = from.clamp(start, leo);
    let mut out = Records { leader: Some(id), start, hw, leo, ..Records::default() };
    let mut scanned = 0;
    for batch in log.batches_from(from) {
        for (offset, record) in records::decode(&batch.bytes).unwrap_or_default() {
            if offset < from {
                continue;
            }
            scanned += 1;
            if out.rows.len() == MOST || scanned > SCANNED {
                out.more = true;
                return out;
            }
            let header = records::header(&batch.bytes);
            let stored = Stored {
                offset,
                timestamp_ms: record.timestamp_ms,
                epoch: batch.leader_epoch,
                producer_id: header.map_or(-1, |header| header.producer_id),
                key: record.key.map(|bytes| bytes.to_vec()),
                value: record.value.map(|bytes| bytes.to_vec()),
                headers: record.headers.into_iter().map(|(name, v)| (name, v.map(|v| v.to_vec()))).collect(),
            };
            if stored.holds(&query.filter) {
                out.rows.push(stored);
            }
        }
    }
    out
}

impl Stored {
    /// Whether a text is in its key, its value or a header.
    fn holds(&self, wanted: &str) -> bool {
        let within =
            |bytes: &[u8]| bytes.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted.as_bytes()));
        let any = |bytes: &Option<Vec<u8>>| bytes.as_deref().is_some_and(within);
        let header = |(name, value): &(String, Option<Vec<u8>>)| within(name.as_bytes()) || any(value);
        wanted.is_empty() || any(&self.key) || any(&self.value) || self.headers.iter().any(header)
    }
}

/// Bytes as somebody wants to read them.
pub fn shown(bytes: Option<&[u8]>, format: Format) -> String {
    let Some(bytes) = bytes else { return "null".into() };
    match (format, std::str::from_utf8(bytes)) {
        (Format::Hex, _) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
        (Format::Json, Ok(json)) if json.trim_start().starts_with(['{', '[']) => indented(json),
        (_, Ok(plain)) if !plain.chars().any(char::is_control) => plain.to_owned(),
        _ => text(bytes),
    }
}

/// JSON in lines. Only its brackets, commas and colons are looked at: what is no JSON stays readable.
fn indented(json: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    for c in json.chars() {
        if quoted {
            out.push(c);
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '{' | '[' => {
                depth += 1;
                out.push(c);
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => {
                quoted = c == '"';
                out.push(c);
            }
        }
    }
    out
}

/// The line that hands a record to a producer.
pub fn send_line(producer: &str, tp: &TopicPartition, key: &str, value: &str) -> String {
    let key = if key.is_empty() { String::new() } else { format!(" key={}", in_quotes(key)) };
    format!("send {producer} topic={} partition={}{key} value={}", tp.topic, tp.partition, in_quotes(value))
}

/// A word of a line, in quotes.
fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A word of a line, in quotes if it needs them.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:,/=+%[]".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { in_quotes(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SimTime;
    use crate::script::{Line, Statement};
    use crate::session::Session;
    use crate::sim::Command;

    fn tp() -> TopicPartition {
        TopicPartition::new("orders", 0)
    }

    fn session() -> Session {
        let script = "kafka-topics.sh --create --topic orders\nproducer p1 --topic orders\n";
        let mut session = Session::start(script, 1).expect("a script");
        session.advance_to(SimTime(10_000_000));
        for n in 0..150 {
            session.command(&send_line("p1", &tp(), &format!("k{n}"), &format!("{{\"n\":{n}}}"))).expect("it is sent");
        }
        session.advance_to(SimTime(20_000_000));
        session
    }

    #[test]
    fn records_are_found_by_offset_time_and_text() {
        let session = session();
        let look = |from, filter: &str| browse(session.world(), &Query { tp: tp(), from, filter: filter.into() });
        let latest = look(From::Latest, "");
        assert_eq!((latest.leo, latest.hw, latest.rows.len(), latest.rows[0].offset), (150, 150, 100, 50));
        let first = look(From::Offset(-5), "");
        assert_eq!((first.rows[0].offset, first.rows.len(), first.more), (0, 100, true));
        let found = look(From::Offset(0), "K14");
        let offsets: Vec<i64> = found.rows.iter().map(|row| row.offset).collect();
        assert_eq!(offsets, [14, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149]);
        let at = look(From::Timestamp(first.rows[7].timestamp_ms), "");
        assert!(at.rows[0].offset <= 7 && at.rows[0].timestamp_ms == first.rows[7].timestamp_ms);
        assert!(look(From::Timestamp(i64::MAX), "").rows.is_empty());
        let nobody = Query { tp: TopicPartition::new("nothing", 0), from: From::Latest, filter: String::new() };
        assert_eq!(browse(session.world(), &nobody), Records::default());
    }

    #[test]
    fn bytes_are_shown_as_asked_for() {
        let json = br#"{"a":[1,"x, \"y\""],"b":{}}"#;
        assert_eq!(
            shown(Some(json), Format::Json),
            "{\n  \"a\": [\n    1,\n    \"x, \\\"y\\\"\"\n  ],\n  \"b\": {\n    \n  }\n}"
        );
        assert_eq!(shown(Some(b"caf\xc3\xa9"), Format::Text), "café");
        assert_eq!(shown(Some(&[0, 255]), Format::Json), "0x00ff");
        assert_eq!(shown(Some(b"ab"), Format::Hex), "61 62");
        assert_eq!(shown(None, Format::Text), "null");
    }

    #[test]
    fn whatever_is_typed_is_sent_as_it_is() {
        let line = send_line("p1", &tp(), r#"a "b" \ c"#, "it's # <<END");
        let parsed = Line::parse(&line).expect("a line of the language").kind;
        let Statement::Change(Command::Send { key, value, partition, .. }) = parsed else { panic!("{line}") };
        assert_eq!(
            (key.as_deref(), value.as_deref(), partition),
            (Some(r#"a "b" \ c"#), Some("it's # <<END"), Some(0))
        );
    }
}
