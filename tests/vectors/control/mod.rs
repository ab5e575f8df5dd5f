//! Checks of the controller: placement, partition changes, replication control; and what they share.

pub(crate) mod metadata_records;
pub(crate) mod partition_change;
pub(crate) mod placement;
mod records;
pub(crate) mod replication_control;
mod requests;
mod state;

use crate::{int, text};
use kafka_terrarium::cluster::uuid_text;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A reason, and the entries that it holds for.
type Rule = (&'static str, fn(&Value) -> bool);

/// Why entries of `kraft_controller_replication_control` are not checked.
pub(crate) const UNCHECKED: [Rule; 5] = [
    ("AlterPartition below version 2, which Kafka 4 does not serve: it named topics by name", |entry| {
        entry["input"]["op"] == "alterPartition" && int(&entry["input"]["api_version"]) < 2
    }),
    ("the test's quota refuses: controller mutation quotas (KIP-599) are not built", |entry| {
        let answer = entry["expected"]["response"].to_string();
        answer.contains("\"errorCode\":89") || answer.contains("THROTTLING_QUOTA_EXCEEDED")
    }),
    ("the test's create.topic.policy.class.name refuses: there are no plug-ins of users here", |entry| {
        entry["expected"]["response"].to_string().contains("\"errorCode\":44")
    }),
    ("the test's controller knew no config definitions and took a config that Kafka refuses", |entry| {
        let topics = entry["input"]["request"]["topics"].as_array().map(Vec::as_slice).unwrap_or_default();
        let configs =
            topics.iter().flat_map(|topic| topic["configs"].as_array().map(Vec::as_slice).unwrap_or_default());
        let unknown =
            |config: &Value| kafka_terrarium::cluster::config_defs::topic_config(text(&config["name"])).is_none();
        configs.into_iter().any(|config| !config["value"].is_null() && unknown(config))
    }),
    (
        "AssignReplicasToDirs and the end of a log directory (KIP-858): the entry does not say which directory",
        |entry| {
            let record = &entry["expected"]["partition_change_record"];
            !record["directories"].is_null() && record["replicas"].is_null()
        },
    ),
];

/// Which of our UUIDs stands for which of Kafka's. An entry's UUIDs are random or symbols (`$U1`); those of the
/// protocol are themselves.
#[derive(Default)]
pub(crate) struct Bindings(BTreeMap<String, String>);

/// The UUIDs that have a meaning: migrating or none, unassigned, lost.
fn is_reserved(text: &str) -> bool {
    (0..3).any(|id| uuid_text(Uuid::from_u128(id)) == text)
}

impl Bindings {
    /// Our UUID for one of Kafka's in an entry's input.
    pub(crate) fn ours(&mut self, kafkas: &str) -> Uuid {
        let id = (0..3).map(Uuid::from_u128).find(|id| uuid_text(*id) == kafkas);
        let ours = id.unwrap_or_else(|| Uuid::from_u128(u128::from(crc32c::crc32c(kafkas.as_bytes())) << 64 | 7));
        self.0.insert(kafkas.to_string(), uuid_text(ours));
        ours
    }

    /// Whether our UUID may be Kafka's: by what was bound before, or bound now.
    fn bind(&mut self, ours: &str, kafkas: &str) -> bool {
        if is_reserved(ours) || is_reserved(kafkas) {
            return ours == kafkas;
        }
        match self.0.get(kafkas) {
            Some(bound) => bound == ours,
            None if self.0.values().any(|bound| bound == ours) => false,
            None => {
                self.0.insert(kafkas.to_string(), ours.to_string());
                true
            }
        }
    }

    /// Whether two values are the same but for UUIDs, which are the texts of 22 characters on our side.
    pub(crate) fn same(&mut self, what: &str, ours: &Value, kafkas: &Value) -> Result<(), String> {
        match (ours, kafkas) {
            (Value::Object(a), Value::Object(b)) => {
                let keys: Vec<&String> = a.keys().chain(b.keys()).collect();
                keys.into_iter()
                    .try_for_each(|key| self.same(&format!("{what}.{key}"), &ours[key.as_str()], &kafkas[key.as_str()]))
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                (0..a.len()).try_for_each(|at| self.same(&format!("{what}[{at}]"), &a[at], &b[at]))
            }
            (Value::String(a), Value::String(b)) if a.len() == 22 && self.bind(a, b) => Ok(()),
            _ if ours == kafkas => Ok(()),
            _ => Err(format!("{what} is {ours}, Kafka's {kafkas}")),
        }
    }
}

/// The whole numbers of a list.
pub(crate) fn ints(list: &Value) -> Vec<i32> {
    list.as_array().map_or(Vec::new(), |list| list.iter().map(|item| int(item) as i32).collect())
}

/// `java.util.Random` over the generator of Kafka's own tests.
pub(crate) struct MockRandom(pub(crate) i64);

impl MockRandom {
    fn next(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
        (self.0 as u64 >> 33) as i32
    }
}

impl kafka_terrarium::cluster::PlacementRandom for MockRandom {
    fn next_below(&mut self, bound: usize) -> usize {
        let bound = bound as i32;
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(self.next())) >> 31) as usize;
        }
        loop {
            let bits = self.next();
            let value = bits % bound;
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value as usize;
            }
        }
    }
}

/// A metadata version by the name in an entry.
pub(crate) fn metadata_version(name: &Value) -> kafka_terrarium::cluster::MetadataVersion {
    kafka_terrarium::cluster::MetadataVersion::from_name(text(name)).expect("a metadata version of Kafka's")
}
