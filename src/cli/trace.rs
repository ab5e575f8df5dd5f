//! `--trace`: the trace as JSON, one event a line.
//!
//! Every line has `id`, `t` (microseconds), `cause` (an id or null), `host` (a number or null), `name` (the host's, or
//! null) and `kind`; what else it has depends on the kind.

use crate::sim::{TraceEvent, World};
use serde_json::{Map, Value};

/// The line of an event.
pub(super) fn line(world: &World, event: &TraceEvent) -> Value {
    let mut line = Map::new();
    line.insert("id".into(), event.id.0.into());
    line.insert("t".into(), event.at.0.into());
    line.insert("cause".into(), event.cause.map(|cause| cause.0).into());
    line.insert("host".into(), event.host.map(|host| host.0).into());
    line.insert("name".into(), event.host.map(|host| world.host_name(host)).into());
    let kind = serde_json::to_value(&event.kind).expect("an event can be written as JSON");
    let (kind, fields) = opened(kind);
    line.insert("kind".into(), snake_case(&kind).into());
    for (key, value) in fields {
        line.entry(key).or_insert(value);
    }
    Value::Object(line)
}

/// An enum's variant and its fields; the fact within a fact, and the packet within a send, are opened too.
fn opened(kind: Value) -> (String, Map<String, Value>) {
    match kind {
        Value::Object(variant) if variant.len() == 1 => {
            let (name, content) = variant.into_iter().next().expect("one entry");
            match (name.as_str(), content) {
                ("Fact", inner) => opened(inner),
                (_, Value::Object(mut fields)) => {
                    if let Some(Value::Object(packet)) = fields.remove("packet") {
                        fields.extend(packet);
                    }
                    (name, fields)
                }
                (_, Value::Null) => (name, Map::new()),
                (_, content) => (name, Map::from_iter([("value".to_owned(), content)])),
            }
        }
        Value::String(name) => (name, Map::new()),
        other => panic!("an event's kind is an enum: {other}"),
    }
}

/// `HighWatermark` as `high_watermark`.
fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}
