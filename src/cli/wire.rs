//! `--wire`: every message that was sent, as JSON, one a line.
//!
//! A line has `t` (seconds since the start), `conn`, `from` and `to` (a node's id, or `client`), `kind` (`request`,
//! `response` or `close`), and of a message `size` (bytes, length prefix included), `api`, `v`, `corr`, `client` (the
//! client's id) and `body` with the fields under Kafka's names. Record batches are shown by their headers, and what members
//! of groups say to each other as it reads.

use crate::base::{ConnId, HostId, TopicPartition};
use crate::sim::{TraceEvent, TraceKind, World};
use crate::wire::consumer_protocol::{Assignment, Subscription};
use crate::wire::inspect::{self, Field, Value as Inspected};
use crate::wire::{Message, Request, api_name, records};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What must be remembered from line to line.
#[derive(Default)]
pub(super) struct WireLog {
    /// Who is at the two ends of each connection: the one that connected, and the other.
    ends: BTreeMap<ConnId, (HostId, HostId)>,
    /// The client id that the requests on a connection carry.
    clients: BTreeMap<ConnId, String>,
}

impl WireLog {
    /// The line of an event, if it is one of the wire.
    pub(super) fn line(&mut self, world: &World, event: &TraceEvent) -> Option<Value> {
        let t = event.at.as_secs_f64();
        match &event.kind {
            TraceKind::Connecting { conn, to: Some(to) } => {
                self.ends.insert(*conn, (event.host?, *to));
                None
            }
            TraceKind::Disconnected { conn } => {
                let from = event.host?;
                let (client, server) = *self.ends.get(conn)?;
                let to = if from == client { server } else { client };
                let (from, to) = (node(world, from), node(world, to));
                Some(json!({ "t": t, "conn": conn.0, "from": from, "to": to, "kind": "close" }))
            }
            TraceKind::Sent { packet, message } => {
                let mut line = Map::new();
                line.insert("t".into(), t.into());
                line.insert("conn".into(), packet.conn.0.into());
                line.insert("from".into(), node(world, packet.from).into());
                line.insert("to".into(), node(world, packet.to).into());
                self.describe(packet.conn, message, &mut line);
                Some(Value::Object(line))
            }
            _ => None,
        }
    }

    fn describe(&mut self, conn: ConnId, message: &Message, line: &mut Map<String, Value>) {
        let request = |frame: &Bytes| Some((Request::decode(frame).ok()?, inspect::request(frame)));
        let (kind, frame, api, version, correlation_id, fields) = match message {
            Message::Request(request) => {
                self.clients.insert(conn, request.client_id.to_string());
                let frame = request.frame().slice(4..);
                let fields = inspect::request(&frame);
                ("request", frame, request.api, request.version, request.correlation_id, fields)
            }
            Message::Response(response) => {
                let frame = response.frame().slice(4..);
                let fields = inspect::response(&frame, response.api, response.version);
                ("response", frame, response.api, response.version, response.correlation_id, fields)
            }
            Message::Frame(frame) => {
                // From outside: a request if it is one.
                let Some((request, fields)) = request(frame) else {
                    line.insert("kind".into(), "frame".into());
                    line.insert("size".into(), (frame.len() + 4).into());
                    return;
                };
                self.clients.insert(conn, request.client_id.to_string());
                ("request", frame.clone(), request.api, request.version, request.correlation_id, fields)
            }
        };
        let (_, body) = fields.expect("frames that are read parse by Kafka's definitions");
        line.insert("kind".into(), kind.into());
        line.insert("size".into(), (frame.len() + 4).into());
        line.insert("api".into(), api_name(api).into());
        line.insert("v".into(), version.into());
        line.insert("corr".into(), correlation_id.into());
        line.insert("client".into(), self.clients.get(&conn).cloned().unwrap_or_default().into());
        line.insert("body".into(), object(&body, &frame));
    }
}

/// A broker or controller by its id, everybody else as `client`.
fn node(world: &World, host: HostId) -> String {
    world.servers().find(|(id, _)| *id == host).map_or("client".into(), |(_, server)| server.id().to_string())
}

fn object(fields: &[Field], frame: &Bytes) -> Value {
    let shown = |field: &Field| {
        let of_group = match &field.value {
            Inspected::Bytes(range) => member_data(field.name, frame.slice(range.clone())),
            _ => None,
        };
        (field.name.to_string(), of_group.unwrap_or_else(|| value(&field.value, frame)))
    };
    fields.iter().map(shown).collect()
}

/// What members of a group of consumers say to each other; none where it does not parse.
fn member_data(field: &str, bytes: Bytes) -> Option<Value> {
    let all = |partitions: &[TopicPartition]| partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>();
    match field {
        "Metadata" if bytes.len() > 2 => {
            let subscription = Subscription::decode(&bytes).ok()?;
            let topics: Vec<&str> = subscription.topics.iter().map(|topic| &**topic).collect();
            let (owned, generation) = (all(&subscription.owned_partitions), subscription.generation_id);
            Some(json!({"topics": topics, "owned": owned, "generation": generation}))
        }
        "Assignment" if bytes.len() > 2 => Some(json!(all(&Assignment::decode(&bytes).ok()?.partitions))),
        _ => None,
    }
}

fn value(inspected: &Inspected, frame: &Bytes) -> Value {
    match inspected {
        Inspected::Null => Value::Null,
        Inspected::Bool(value) => (*value).into(),
        Inspected::Int(value) => (*value).into(),
        Inspected::Float(value) => (*value).into(),
        Inspected::Text(text) => text.as_str().into(),
        Inspected::Uuid(id) => id.to_string().into(),
        Inspected::Bytes(range) => format!("<{} bytes>", range.len()).into(),
        Inspected::Records(range) => batches(frame.slice(range.clone())),
        Inspected::Array(elements) => elements.iter().map(|element| value(&element.value, frame)).collect(),
        Inspected::Struct(fields) => object(fields, frame),
    }
}

fn batches(bytes: Bytes) -> Value {
    let batch = |(header, _): &(records::BatchHeader, Bytes)| {
        json!({
            "base": header.base_offset,
            "count": header.record_count,
            "epoch": header.leader_epoch,
            "attrs": header.attributes,
            "pid": header.producer_id,
            "pepoch": header.producer_epoch,
            "seq": header.base_sequence,
            "bytes": header.size,
        })
    };
    records::split(bytes).unwrap_or_default().iter().map(batch).collect()
}
