//! `metadata_records`: records as a real cluster's metadata log held them, byte for byte.

use super::records::to_json;
use crate::{hex, int, same, text};
use kafka_terrarium::wire::VersionedRecord;
use serde_json::Value;

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let bytes = hex(&entry["input"]["hex"]);
    let expected = &entry["expected"];
    let record = VersionedRecord::decode(&bytes.clone().into()).map_err(|error| error.to_string())?;
    same("bytes", &record.encode()[..], &bytes[..])?;
    same("version", i64::from(record.version), int(&expected["version"]))?;
    let name = text(&expected["type"]).replace('_', "").to_lowercase();
    same("type", record.record.name().to_lowercase(), name)?;
    same("record", &to_json(&record.record), &expected["data"])
}
