//! `group_records`: records of `__consumer_offsets` as a real broker's log held them and as Kafka's classes write them,
//! byte for byte.

use super::json;
use crate::{hex, int, same};
use kafka_terrarium::wire::GroupRecord;
use serde_json::Value;

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let key = hex(&entry["key_hex"]).into();
    let value = (!entry["value_hex"].is_null()).then(|| hex(&entry["value_hex"]).into());
    let record = GroupRecord::decode(&key, value.as_ref()).map_err(|error| error.to_string())?;
    same("key written again", record.key(), key)?;
    let version = int(&entry["version"]) as i16;
    let again = if value.is_some() { record.value_at(version) } else { record.value() };
    same("value written again", again, value.clone())?;
    if entry["source"].as_str().is_some_and(|source| source.starts_with("a 4.1.1 broker")) {
        same("value at the version that Kafka writes", record.value(), value)?;
    }
    let (our_key, our_value) = json::record(&record);
    same("key", &our_key, &entry["key"])?;
    // A version's JSON has the fields of that version, a tagged one only when it is not at its default.
    json::covers("value", &our_value, &entry["value"])
}
