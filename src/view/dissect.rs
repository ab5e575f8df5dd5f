//! A message taken apart: its fields under Kafka's names, each with its place in the bytes, down to single records.

use crate::base::EventId;
use crate::sim::{TraceEvent, TraceKind};
use crate::wire::inspect::{self, Field, Value};
use crate::wire::{ApiKey, ErrorCode, Message, records};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How many bytes of a message are shown: the rest would help nobody.
const SHOWN: usize = 4_096;
/// How many rows a message has at most.
const ROWS: usize = 600;
/// The length of the prefix that says how long a frame is.
const PREFIX: usize = 4;

/// A message taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dissection {
    /// The event that sent it.
    pub id: u64,
    /// The request that it answers, or the response to it, while that is remembered.
    pub other: Option<EventId>,
    /// Its bytes as they are on the wire, length prefix included; at most the first few thousand.
    pub bytes: Vec<u8>,
    /// How many bytes it has.
    pub size: u32,
    /// Its fields, from the outside in.
    pub rows: Vec<Row>,
    /// Why it could not be taken apart further, if it could not.
    pub trouble: Option<String>,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// How deep it lies.
    pub depth: u8,
    /// Kafka's name for it.
    pub name: String,
    /// What it holds; empty for what holds others.
    pub value: String,
    /// Where it begins in the bytes.
    pub from: u32,
    /// Where it ends.
    pub to: u32,
}

impl Dissection {
    /// The message that an event sent, taken apart; `events` are those among which the other half of the conversation
    /// is looked for.
    pub fn of<'a>(event: &TraceEvent, events: impl IntoIterator<Item = &'a TraceEvent>) -> Option<Self> {
        let TraceKind::Sent { packet, message } = &event.kind else { return None };
        let half = |other: &&TraceEvent| {
            matches!(&other.kind, TraceKind::Sent { packet: p, .. } if p.conn == packet.conn
                && p.correlation_id == packet.correlation_id && p.response != packet.response && p.from == packet.to)
        };
        let other = events.into_iter().find(half).map(|other| other.id);
        Some(Self { id: event.id.0, other, ..Self::of_message(message) })
    }

    fn of_message(message: &Message) -> Self {
        let (frame, parts) = match message {
            Message::Request(request) => {
                let frame = request.frame();
                let parts = inspect::request(&frame[PREFIX..]);
                (frame, parts)
            }
            Message::Response(response) => {
                let frame = response.frame();
                let parts = inspect::response(&frame[PREFIX..], response.api, response.version);
                (frame, parts)
            }
            Message::Frame(bytes) => {
                let whole = [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
                let parts = inspect::request(bytes);
                (whole.into(), parts)
            }
        };
        let mut rows = Rows { rows: Vec::new(), frame: &frame };
        rows.add(0, "Size", (frame.len() - PREFIX).to_string(), 0..PREFIX);
        let mut trouble = None;
        match parts {
            Ok((header, body)) => {
                let end = |fields: &[Field], start: usize| fields.last().map_or(start, |f| f.range.end + PREFIX);
                let middle = end(&header, PREFIX);
                rows.add(0, "Header", String::new(), PREFIX..middle);
                rows.fields(1, &header);
                rows.add(0, "Body", String::new(), middle..frame.len());
                rows.fields(1, &body);
            }
            Err(error) => trouble = Some(error.to_string()),
        }
        let rows = rows.rows;
        Self {
            rows,
            trouble,
            size: frame.len() as u32,
            bytes: frame[..frame.len().min(SHOWN)].to_vec(),
            ..Self::default()
        }
    }

    /// The innermost field that holds a byte.
    pub fn row_at(&self, byte: u32) -> Option<usize> {
        let holds = |row: &&(usize, &Row)| (row.1.from..row.1.to).contains(&byte);
        let rows: Vec<(usize, &Row)> = self.rows.iter().enumerate().collect();
        rows.iter().filter(holds).min_by_key(|(n, row)| (row.to - row.from, std::cmp::Reverse(*n))).map(|(n, _)| *n)
    }
}

struct Rows<'a> {
    rows: Vec<Row>,
    frame: &'a [u8],
}

impl Rows<'_> {
    fn add(&mut self, depth: u8, name: &str, value: String, range: Range<usize>) {
        if self.rows.len() < ROWS {
            self.rows.push(Row { depth, name: name.into(), value, from: range.start as u32, to: range.end as u32 });
        }
    }

    fn fields(&mut self, depth: u8, fields: &[Field]) {
        for field in fields {
            self.field(depth, field.name, field);
        }
    }

    fn field(&mut self, depth: u8, name: &str, field: &Field) {
        let range = field.range.start + PREFIX..field.range.end + PREFIX;
        match &field.value {
            Value::Array(elements) => {
                self.add(depth, name, count(elements.len()), range);
                for (n, element) in elements.iter().enumerate() {
                    self.field(depth + 1, &format!("{name}[{n}]"), element);
                }
            }
            Value::Struct(fields) => {
                self.add(depth, name, String::new(), range);
                self.fields(depth + 1, fields);
            }
            Value::Records(place) => {
                let bytes = place.start + PREFIX..place.end + PREFIX;
                self.add(depth, name, format!("{} bytes", bytes.len()), range);
                self.batches(depth + 1, bytes);
            }
            value => self.add(depth, name, plain(name, value), range),
        }
    }

    /// Record batches, one after the other.
    fn batches(&mut self, depth: u8, bytes: Range<usize>) {
        let mut at = bytes.start;
        while let Ok(header) = records::header(&self.frame[at..bytes.end]) {
            let end = (at + header.size).min(bytes.end);
            self.add(depth, "RecordBatch", String::new(), at..end);
            self.batch(depth + 1, at..end);
            if end <= at {
                return;
            }
            at = end;
        }
    }

    fn batch(&mut self, depth: u8, batch: Range<usize>) {
        let frame = self.frame;
        let whole = |at: usize, width: usize| {
            let bytes = &frame[batch.start + at..batch.start + at + width];
            let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
            bytes.iter().fold(sign, |value: i64, byte| value << 8 | i64::from(*byte))
        };
        for (name, at, width) in HEADER {
            let value =
                if name == "crc" { format!("0x{:08x}", whole(at, width) as u32) } else { whole(at, width).to_string() };
            self.add(depth, name, value, batch.start + at..batch.start + at + width);
        }
        let first = batch.start + HEADER_LENGTH;
        let compression = whole(21, 2) & 7;
        if compression != 0 {
            let name = ["none", "gzip", "snappy", "lz4", "zstd"].get(compression as usize).unwrap_or(&"unknown");
            return self.add(depth, "records", format!("compressed: {name}"), first..batch.end);
        }
        let mut at = first;
        let mut nth = 0;
        while at < batch.end {
            let Some(end) = self.record(depth, nth, at, batch.end) else { return };
            (at, nth) = (end, nth + 1);
        }
    }

    /// A record of a batch that is not compressed; where it ends.
    fn record(&mut self, depth: u8, nth: usize, start: usize, limit: usize) -> Option<usize> {
        let mut cursor = Cursor { bytes: &self.frame[..limit], at: start };
        let length = cursor.varint()?;
        let end = cursor.at.checked_add(usize::try_from(length).ok()?).filter(|end| *end <= limit)?;
        let mut parts: Vec<(String, String, Range<usize>)> = Vec::new();
        parts.push(("length".into(), length.to_string(), start..cursor.at));
        cursor.at += 1;
        for name in ["timestampDelta", "offsetDelta"] {
            let from = cursor.at;
            parts.push((name.into(), cursor.varint()?.to_string(), from..cursor.at));
        }
        for name in ["key", "value"] {
            let from = cursor.at;
            let bytes = cursor.bytes()?;
            parts.push((name.into(), bytes.map_or("null".into(), text), from..cursor.at));
        }
        let from = cursor.at;
        let headers = cursor.varint()?;
        parts.push(("headers".into(), count(headers.max(0) as usize), from..cursor.at));
        for _ in 0..headers.max(0) {
            let from = cursor.at;
            let name = cursor.bytes()?.map(text).unwrap_or_default();
            let value = cursor.bytes()?.map_or("null".into(), text);
            parts.push((format!("header {name}"), value, from..cursor.at));
        }
        self.add(depth, &format!("record[{nth}]"), String::new(), start..end);
        for (name, value, range) in parts {
            self.add(depth + 1, &name, value, range);
        }
        Some(end)
    }
}

/// The fields of a record batch's header (message format v2): name, place, width.
const HEADER: [(&str, usize, usize); 13] = [
    ("baseOffset", 0, 8),
    ("batchLength", 8, 4),
    ("partitionLeaderEpoch", 12, 4),
    ("magic", 16, 1),
    ("crc", 17, 4),
    ("attributes", 21, 2),
    ("lastOffsetDelta", 23, 4),
    ("baseTimestamp", 27, 8),
    ("maxTimestamp", 35, 8),
    ("producerId", 43, 8),
    ("producerEpoch", 51, 2),
    ("baseSequence", 53, 4),
    ("recordsCount", 57, 4),
];
const HEADER_LENGTH: usize = 61;

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A signed number of variable length, in zigzag.
    fn varint(&mut self) -> Option<i64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f).wrapping_shl(shift);
            if byte & 0x80 == 0 {
                return Some((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        None
    }

    /// Bytes behind their length; none for null.
    fn bytes(&mut self) -> Option<Option<&'a [u8]>> {
        let Ok(length) = usize::try_from(self.varint()?) else { return Some(None) };
        let bytes = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(Some(bytes))
    }
}

fn count(n: usize) -> String {
    if n == 1 { "1 element".into() } else { format!("{n} elements") }
}

/// Bytes as text in quotes, or where they are none, in hexadecimal digits.
pub(super) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => format!("{text:?}"),
        _ => {
            let shown: String = bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
            if bytes.len() > 32 { format!("0x{shown}… ({} bytes)", bytes.len()) } else { format!("0x{shown}") }
        }
    }
}

fn plain(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) if name == "ErrorCode" => format!("{number} {}", ErrorCode(*number as i16).name()),
        Value::Int(number) if name == "RequestApiKey" => {
            let api = ApiKey::try_from(*number as i16).ok();
            format!("{number} {}", api.map_or("unknown".into(), crate::wire::api_name))
        }
        Value::Int(-1) if name == "Acks" => "-1 all".into(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Uuid(id) => id.to_string(),
        Value::Bytes(place) => format!("{} bytes", place.len()),
        Value::Records(_) | Value::Array(_) | Value::Struct(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::ProduceRequest;
    use crate::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use crate::wire::records::{Record, build};
    use crate::wire::{Request, RequestKind, StrBytes, TopicName};
    use std::sync::Arc;

    fn produce() -> Dissection {
        let record = |key: &'static str| Record {
            timestamp_ms: 1_000,
            key: Some(key.as_bytes().into()),
            value: Some(b"{\"total\":42}".as_slice().into()),
            headers: vec![("trace".into(), Some(b"\x00\x01".as_slice().into()))],
        };
        let batch = build(&[record("cart-04"), record("cart-05")]);
        let data = PartitionProduceData::default().with_index(3).with_records(Some(batch));
        let topic = TopicProduceData::default()
            .with_name(TopicName(StrBytes::from_static_str("orders")))
            .with_partition_data(vec![data]);
        let body = ProduceRequest::default().with_acks(-1).with_topic_data(vec![topic]);
        let request = Request {
            api: ApiKey::Produce,
            version: 12,
            correlation_id: 211,
            client_id: StrBytes::from_static_str("checkout"),
            body: RequestKind::Produce(body),
        };
        Dissection::of_message(&Message::Request(Arc::new(request)))
    }

    #[test]
    fn a_produce_request_is_taken_apart_down_to_its_records() {
        let it = produce();
        assert_eq!(it.trouble, None);
        let value = |name: &str| it.rows.iter().find(|row| row.name == name).map(|row| row.value.as_str());
        assert_eq!(value("RequestApiKey"), Some("0 Produce"));
        assert_eq!((value("Acks"), value("CorrelationId")), (Some("-1 all"), Some("211")));
        assert_eq!((value("recordsCount"), value("magic")), (Some("2"), Some("2")));
        let keys: Vec<&str> = it.rows.iter().filter(|row| row.name == "key").map(|row| row.value.as_str()).collect();
        assert_eq!(keys, ["\"cart-04\"", "\"cart-05\""]);
        assert_eq!(value("header \"trace\""), Some("0x0001"));
    }

    #[test]
    fn every_field_lies_in_the_one_that_holds_it_and_bytes_find_their_field() {
        let it = produce();
        for (n, row) in it.rows.iter().enumerate() {
            let holder = it.rows[..n].iter().rev().find(|other| other.depth < row.depth);
            if let Some(holder) = holder {
                assert!(holder.from <= row.from && row.to <= holder.to, "{row:?} in {holder:?}");
            }
            assert!(row.to <= it.size);
        }
        let key = it.rows.iter().position(|row| row.name == "key").expect("a key");
        assert_eq!(it.row_at(it.rows[key].from + 2), Some(key));
        let bytes = &it.bytes[it.rows[key].from as usize + 1..it.rows[key].to as usize];
        assert_eq!(bytes, b"cart-04");
    }
}
