//! Messages as Kafka's own classes write them: read by the inspector and by the codec, and written again.

use super::{hex, int, same, text};
use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};
use kafka_terrarium::base::TopicPartition;
use kafka_terrarium::cluster::uuid_text;
use kafka_terrarium::wire::consumer_protocol::{Assignment, Subscription};
use kafka_terrarium::wire::inspect::{self, Field, Value as Inspected};
use kafka_terrarium::wire::{ApiRange, FrameError, Request, Response};
use serde_json::Value;

pub(crate) fn message(entry: &Value) -> Result<(), String> {
    let input = &entry["input"];
    if is_of_the_consumer_protocol(entry) {
        return consumer_protocol(input, &hex(&entry["expected"]["hex"]));
    }
    let (key, version) = (int(&input["api_key"]) as i16, int(&input["version"]) as i16);
    let bytes = hex(&entry["expected"]["hex"]);
    let request = input["type"] == "request";
    let inspect = if request { inspect::request_body } else { inspect::response_body };
    let fields = inspect(&bytes, key, version).map_err(|error| error.to_string())?;
    let end = fields.iter().map(|field| field.range.end).max().unwrap_or(0);
    // The empty list of tagged fields is no field.
    same("bytes after the last field", bytes[end..].iter().any(|byte| *byte != 0), false)?;
    same_struct(&fields, &input["json"], &bytes)?;
    same("bytes written again", written_again(&bytes, key, version, request)?, bytes.clone())?;
    as_machines_do(&bytes, key, version, request)
}

/// Whether it is one of the messages that the members of a group pass through the coordinator: no request, but in use.
pub(crate) fn is_of_the_consumer_protocol(entry: &Value) -> bool {
    entry["input"]["name"].as_str().is_some_and(|name| name.starts_with("ConsumerProtocol"))
}

/// A subscription or an assignment, its version before it as the members send it, read and written again.
fn consumer_protocol(input: &Value, body: &[u8]) -> Result<(), String> {
    let (version, json) = (int(&input["version"]) as i16, &input["json"]);
    let bytes = Bytes::from([&version.to_be_bytes(), body].concat());
    let partitions = |field: &str| {
        let topics = json[field].as_array().map_or(&[][..], Vec::as_slice);
        let named = topics.iter().flat_map(|topic| {
            let indexes = topic["partitions"].as_array().expect("a list of indexes").iter();
            indexes.map(|index| TopicPartition::new(text(&topic["topic"]), int(index) as i32))
        });
        named.collect::<Vec<_>>()
    };
    let data = |data: &Option<Bytes>| data.as_ref().map(|data| Value::from(base64(data))).unwrap_or_default();
    if input["name"] == "ConsumerProtocolAssignment" {
        let read = Assignment::decode(&bytes).map_err(|error| error.to_string())?;
        same("partitions", &read.partitions, &partitions("assignedPartitions"))?;
        same("user data", &data(&read.user_data), &json["userData"])?;
        return same("read again", Assignment::decode(&read.encode(version)), Ok(read));
    }
    let read = Subscription::decode(&bytes).map_err(|error| error.to_string())?;
    let topics: Vec<&str> = read.topics.iter().map(|topic| &**topic).collect();
    same("topics", &Value::from(topics), &json["topics"])?;
    same("user data", &data(&read.user_data), &json["userData"])?;
    same("owned", &read.owned_partitions, &partitions("ownedPartitions"))?;
    same("generation", read.generation_id.map(i64::from), json["generationId"].as_i64())?;
    same("rack", read.rack_id.as_deref(), json["rackId"].as_str())?;
    same("read again", Subscription::decode(&read.encode(version)), Ok(read))
}

fn written_again(bytes: &[u8], key: i16, version: i16, request: bool) -> Result<Vec<u8>, String> {
    let api = ApiKey::try_from(key).map_err(|()| format!("API key {key} is not known"))?;
    let (mut rest, mut again) = (bytes.to_vec().into(), bytes::BytesMut::new());
    let result = if request {
        RequestKind::decode(api, &mut rest, version).and_then(|body| body.encode(&mut again, version))
    } else {
        ResponseKind::decode(api, &mut rest, version).and_then(|body| body.encode(&mut again, version))
    };
    result.map(|()| again.to_vec()).map_err(|error| error.to_string())
}

/// What the machines of a world speak is read and written again by their own codec, too.
fn as_machines_do(body: &[u8], key: i16, version: i16, request: bool) -> Result<(), String> {
    let api = ApiKey::try_from(key).map_err(|()| format!("API key {key} is not known"))?;
    let (correlation_id, client_id) = (&7i32.to_be_bytes()[..], &b"\0\x02me"[..]);
    let no_tags = |flexible: bool| if flexible { &b"\0"[..] } else { b"" };
    let (frame, read): (Bytes, Result<(Bytes, usize), FrameError>) = if request {
        let head = [key.to_be_bytes(), version.to_be_bytes()].concat();
        let tags = no_tags(api.request_header_version(version) >= 2);
        let frame = Bytes::from([&head[..], correlation_id, client_id, tags, body].concat());
        let served = [ApiRange { api, min: 0, max: i16::MAX }];
        let read = Request::decode_for(&frame, &served).map(|request| (request.frame(), request.size()));
        (frame, read)
    } else {
        let tags = no_tags(api.response_header_version(version) >= 1);
        let frame = Bytes::from([correlation_id, tags, body].concat());
        let read = Response::decode(&frame, api, version).map(|response| (response.frame(), response.size()));
        (frame, read)
    };
    match read {
        Ok((again, size)) => {
            same("frame written again", &again[4..], &frame[..])?;
            same("size", size, again.len())
        }
        Err(FrameError::Malformed(why)) if why.starts_with("no machine speaks") => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn same_struct(fields: &[Field], json: &Value, bytes: &[u8]) -> Result<(), String> {
    for field in fields {
        let name = camel_case(field.name);
        // What has its default value may be left out of the JSON.
        if let Some(expected) = json.get(&name) {
            same_value(&field.value, expected, bytes).map_err(|why| format!("{name}: {why}"))?;
        }
    }
    Ok(())
}

fn same_value(value: &Inspected, json: &Value, bytes: &[u8]) -> Result<(), String> {
    match value {
        Inspected::Null => same("value", &Value::Null, json),
        Inspected::Bool(value) => same("value", &Value::from(*value), json),
        Inspected::Int(value) => same("value", *value, int(json)),
        Inspected::Float(value) => same("value", Some(*value), json.as_f64()),
        Inspected::Text(value) => same("value", value.as_str(), text(json)),
        Inspected::Uuid(value) => same("value", uuid_text(*value).as_str(), text(json)),
        // The JSON of records is their size alone.
        Inspected::Records(range) => match json.as_i64() {
            Some(size) => same("size", range.len() as i64, size),
            None => same("value", base64(&bytes[range.clone()]).as_str(), text(json)),
        },
        Inspected::Bytes(range) => same("value", base64(&bytes[range.clone()]).as_str(), text(json)),
        Inspected::Struct(fields) => same_struct(fields, json, bytes),
        Inspected::Array(elements) => {
            let expected = json.as_array().ok_or("not an array")?;
            same("length", elements.len(), expected.len())?;
            elements.iter().zip(expected).try_for_each(|(ours, kafkas)| same_value(&ours.value, kafkas, bytes))
        }
    }
}

/// `TopicName` as Kafka's JSON has it: `topicName`.
fn camel_case(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |group: u32, n: u32| ALPHABET[(group >> (18 - 6 * n) & 63) as usize] as char;
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let group = (0..3).fold(0, |group, n| group << 8 | u32::from(three.get(n).copied().unwrap_or(0)));
        (0..=three.len() as u32).for_each(|n| text.push(digit(group, n)));
        (three.len()..3).for_each(|_| text.push('='));
    }
    text
}
