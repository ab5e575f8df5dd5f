//! The cluster that an entry begins with, as a controller that has replayed the records of it.
//!
//! An entry's state leaves out what Kafka's test had set up before: configs, whether eligible leader replicas are on,
//! log directories, and who was heard of when. Where that follows from the test's name or shows in the answer, it is
//! taken from there; what the entry then proves is the rest.

use super::{Bindings, ints, metadata_version};
use crate::{int, text};
use kafka_terrarium::base::{SimDuration, SimTime};
use kafka_terrarium::cluster::{
    Controller, ControllerSettings, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED, Heartbeats, ResourceType,
};
use kafka_terrarium::wire::StrBytes;
use kafka_terrarium::wire::metadata_records::{
    ConfigRecord, FeatureLevelRecord, MetadataRecord, PartitionRecord, RegisterBrokerRecord, TopicRecord,
};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// `broker.session.timeout.ms` in the checks.
pub(crate) const SESSION: SimDuration = SimDuration::from_secs(9);

pub(crate) struct Start {
    pub(crate) controller: Controller,
    pub(crate) heartbeats: Heartbeats,
    pub(crate) bindings: Bindings,
}

fn str_bytes(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

impl Start {
    pub(crate) fn new(entry: &Value) -> Self {
        let state = &entry["input"]["state_before"];
        let mut settings = ControllerSettings::new(3000, "cluster");
        settings.default_replication_factor = 3;
        let answer = entry["expected"].to_string();
        let static_unclean = r#""configSource":4,"isSensitive":false,"name":"unclean.leader.election.enable""#;
        if answer.contains(static_unclean) || elects_uncleanly(entry) {
            settings.static_configs.insert("unclean.leader.election.enable".into(), "true".into());
        }
        let mut start = Self {
            controller: Controller::new(settings),
            heartbeats: Heartbeats::new(SESSION),
            bindings: Bindings::default(),
        };
        start.replay(FeatureLevelRecord {
            name: str_bytes("metadata.version"),
            feature_level: metadata_version(&state["metadata_version"]).0,
        });
        let directories = start.directories(entry);
        for (id, broker) in state["brokers"].as_object().expect("brokers") {
            start.register(id.parse().expect("an id"), broker, &directories);
        }
        for (name, topic) in state["topics"].as_object().expect("topics") {
            start.create(name, topic, entry, &directories);
        }
        start
    }

    fn replay(&mut self, record: impl Into<MetadataRecord>) {
        self.controller.replay(&record.into(), 0);
    }

    fn register(&mut self, id: i32, broker: &Value, directories: &BTreeMap<i32, Uuid>) {
        let directory = directories.get(&id).copied().unwrap_or(Uuid::from_u128(1 << 80 | id as u128));
        let log_dirs = match directory {
            DIRECTORY_MIGRATING => Vec::new(),
            DIRECTORY_UNASSIGNED => vec![Uuid::from_u128(77), Uuid::from_u128(78)],
            only => vec![only],
        };
        let (epoch, fenced) = (int(&broker["epoch"]), broker["fenced"] == true);
        self.replay(RegisterBrokerRecord {
            broker_id: id,
            broker_epoch: epoch,
            rack: broker["rack"].as_str().map(str_bytes),
            fenced,
            in_controlled_shutdown: broker["in_controlled_shutdown"] == true,
            log_dirs,
            ..Default::default()
        });
        self.heartbeats.register(id, epoch, fenced, SimTime::ZERO + SESSION);
    }

    fn create(&mut self, name: &str, topic: &Value, entry: &Value, directories: &BTreeMap<i32, Uuid>) {
        let topic_id = self.bindings.ours(text(&topic["id"]));
        self.replay(TopicRecord { name: str_bytes(name), topic_id });
        if text(&entry["source"]).contains("testEligibleLeaderReplicas") {
            self.replay(FeatureLevelRecord { name: str_bytes("eligible.leader.replicas.version"), feature_level: 1 });
            self.replay(ConfigRecord {
                resource_type: ResourceType::Topic as i8,
                resource_name: str_bytes(name),
                name: str_bytes("min.insync.replicas"),
                value: Some(str_bytes("3")),
            });
        }
        for (index, partition) in topic["partitions"].as_object().expect("partitions") {
            let replicas = ints(&partition["replicas"]);
            let directory = |id: &i32| directories.get(id).copied().unwrap_or(DIRECTORY_UNASSIGNED);
            let elr = ints(&partition["elr"]);
            self.replay(PartitionRecord {
                partition_id: index.parse().expect("an index"),
                topic_id,
                directories: replicas.iter().map(directory).collect(),
                replicas,
                isr: ints(&partition["isr"]),
                removing_replicas: ints(&partition["removing"]),
                adding_replicas: ints(&partition["adding"]),
                leader: int(&partition["leader"]) as i32,
                leader_epoch: int(&partition["leader_epoch"]) as i32,
                partition_epoch: int(&partition["partition_epoch"]) as i32,
                eligible_leader_replicas: (!elr.is_empty()).then_some(elr),
                ..Default::default()
            });
        }
    }

    /// The log directory of each broker's replicas, from the records of the answer.
    fn directories(&mut self, entry: &Value) -> BTreeMap<i32, Uuid> {
        let mut found = BTreeMap::new();
        for record in records(entry) {
            let record = &record["record"];
            let ids = record["directories"].as_array().map(Vec::as_slice).unwrap_or_default();
            for (replica, id) in ints(&record["replicas"]).into_iter().zip(ids) {
                found.insert(replica, self.bindings.ours(text(id)));
            }
        }
        found
    }
}

/// The records that an entry expects.
pub(crate) fn records(entry: &Value) -> &[Value] {
    entry["expected"]["records"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether the answer holds an unclean election that nobody asked for: then the test's topics allow it.
fn elects_uncleanly(entry: &Value) -> bool {
    let unclean = |record: &Value| record["record"]["leaderRecoveryState"] == 1;
    entry["input"]["op"] != "electLeaders" && records(entry).iter().any(unclean)
}
