//! The metadata as records: a snapshot of the metadata log (KIP-630, `MetadataImage.write`).
//!
//! A snapshot is what the log would hold if everything that no longer matters had never been written: the features, the
//! registrations, topics and partitions, configs, and the next producer id. It begins and ends with a control batch.

use super::result::{text, v0};
use super::{BrokerRegistration, Controller, ControllerSettings, MetadataVersion};
use crate::wire::metadata_records::{
    ConfigRecord, FeatureLevelRecord, ProducerIdsRecord, RegisterBrokerRecord, TopicRecord,
};
use crate::wire::records::{self, Record};
use crate::wire::{StrBytes, VersionedRecord, control};
use bytes::{Bytes, BytesMut};

/// Records in a batch of a snapshot.
const RECORDS_PER_BATCH: usize = 1_024;

impl Controller {
    /// The records that make up the metadata as it is, in the order in which Kafka writes them.
    pub fn to_records(&self) -> Vec<VersionedRecord> {
        let version = self.features().metadata_version();
        let feature = |(name, level): (&str, i16)| v0(FeatureLevelRecord { name: text(name), feature_level: level });
        let mut all: Vec<VersionedRecord> = self.features().finalized().map(feature).collect();
        all.extend(self.brokers().iter().map(|broker| register_record(broker, version)));
        all.extend(self.brokers().controllers().map(|record| v0(record.clone())));
        for topic in self.topics().iter() {
            all.push(v0(TopicRecord { name: text(&topic.name), topic_id: topic.id }));
            all.extend(topic.partitions.iter().map(|(index, p)| p.to_record(topic.id, *index, version)));
        }
        for ((kind, name), configs) in self.configs().iter() {
            let record = |(key, value): (&std::sync::Arc<str>, &std::sync::Arc<str>)| ConfigRecord {
                resource_type: *kind as i8,
                resource_name: text(name),
                name: text(key),
                value: Some(text(value)),
            };
            all.extend(configs.iter().map(record).map(v0));
        }
        let next_producer_id = self.next_producer_id();
        if next_producer_id > 0 {
            all.push(v0(ProducerIdsRecord { broker_id: -1, broker_epoch: -1, next_producer_id }));
        }
        all
    }

    /// A snapshot of the metadata. `timestamp_ms` is that of the last record in it.
    pub fn to_snapshot(&self, timestamp_ms: i64) -> Bytes {
        let mut out = BytesMut::new();
        let mut offset = 0;
        let mut put = |batch: &Bytes, count: usize| {
            out.extend_from_slice(&records::stamp(batch, offset, 0));
            offset += count as i64;
        };
        put(&control::snapshot_header(timestamp_ms), 1);
        for chunk in self.to_records().chunks(RECORDS_PER_BATCH) {
            let record =
                |record: &VersionedRecord| Record { timestamp_ms, value: Some(record.encode()), ..Record::default() };
            let batch: Vec<Record> = chunk.iter().map(record).collect();
            put(&records::build(&batch), batch.len());
        }
        put(&control::snapshot_footer(timestamp_ms), 1);
        out.freeze()
    }

    /// The metadata of a snapshot.
    ///
    /// # Panics
    /// When it cannot be read: snapshots are made by [`Controller::to_snapshot`] and checked on their way.
    pub fn from_snapshot(settings: ControllerSettings, snapshot: &Bytes) -> Self {
        let mut metadata = Self::new(settings);
        for (header, batch) in records::split(snapshot.clone()).expect("a snapshot holds whole batches") {
            if header.is_control() {
                continue;
            }
            for (_, record) in records::decode(&batch).expect("a snapshot holds sound batches") {
                let value = record.value.expect("a metadata record has a value");
                let record = VersionedRecord::decode(&value).expect("a metadata record can be read");
                metadata.replay(&record.record, header.base_offset);
            }
        }
        metadata
    }
}

fn register_record(broker: &BrokerRegistration, version: MetadataVersion) -> VersionedRecord {
    let record = RegisterBrokerRecord {
        broker_id: broker.id,
        broker_epoch: broker.epoch,
        incarnation_id: broker.incarnation_id,
        end_points: broker.endpoints.clone(),
        features: broker.features.clone(),
        rack: broker.rack.as_deref().map(|rack| StrBytes::from_string(rack.to_owned())),
        fenced: broker.fenced,
        in_controlled_shutdown: broker.in_controlled_shutdown,
        log_dirs: if version.has_directories() { broker.directories.clone() } else { Vec::new() },
        ..Default::default()
    };
    VersionedRecord::new(record, version.register_broker_record_version())
}
