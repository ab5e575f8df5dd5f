//! The controller's state machine as a whole (`QuorumController` without its quorum).

use super::features::FeatureControl;
use super::result::{ApiError, v0};
use super::{ClusterControl, ConfigControl, Outcome, PlacementRandom, ReplicationControl, ResourceType};
use crate::base::SortedMap;
use crate::wire::metadata_records::{MetadataRecord, ProducerIdsRecord};
use std::sync::Arc;
use uuid::Uuid;

/// How many producer ids a broker is given at once (`ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`).
pub const PRODUCER_ID_BLOCK_SIZE: i32 = 1_000;

/// What the controller's own configs say; they are not in the metadata log.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// `node.id`.
    pub node_id: i32,
    /// The cluster's id, as Kafka writes it.
    pub cluster_id: Arc<str>,
    /// `num.partitions`: of a topic that does not say.
    pub num_partitions: i32,
    /// `default.replication.factor`: of a topic that does not say.
    pub default_replication_factor: i16,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// The broker configs that were set in its file, by Kafka's names: defaults of topic configs.
    pub static_configs: SortedMap<Arc<str>, Arc<str>>,
}

impl ControllerSettings {
    /// Kafka's defaults.
    pub fn new(node_id: i32, cluster_id: impl Into<Arc<str>>) -> Self {
        Self {
            node_id,
            cluster_id: cluster_id.into(),
            num_partitions: 1,
            default_replication_factor: 1,
            delete_topic_enable: true,
            static_configs: SortedMap::new(),
        }
    }
}

/// Where a controller's choices come from.
pub trait ControllerRandom: PlacementRandom {
    /// A new topic's id.
    fn topic_id(&mut self) -> Uuid;
}

impl ControllerRandom for crate::base::Rng {
    fn topic_id(&mut self) -> Uuid {
        loop {
            let id = uuid::Builder::from_random_bytes(self.bytes16()).into_uuid();
            // An id that begins with a dash would be taken for an option on a command line.
            if !super::uuid_text(id).starts_with('-') {
                return id;
            }
        }
    }
}

/// The cluster's metadata, and what may be done to it. Its operations read it and say which records to append; only
/// [`Controller::replay`] changes it.
#[derive(Clone, Debug)]
pub struct Controller {
    /// The controller's own configs.
    pub settings: ControllerSettings,
    pub(super) features: FeatureControl,
    pub(super) brokers: ClusterControl,
    pub(super) configs: ConfigControl,
    pub(super) topics: ReplicationControl,
    next_producer_id: i64,
}

impl Controller {
    /// A controller that has read nothing yet.
    pub fn new(settings: ControllerSettings) -> Self {
        Self {
            settings,
            features: FeatureControl::default(),
            brokers: ClusterControl::default(),
            configs: ConfigControl::default(),
            topics: ReplicationControl::default(),
            next_producer_id: 0,
        }
    }

    /// The features' levels.
    pub fn features(&self) -> &FeatureControl {
        &self.features
    }

    /// The registered brokers.
    pub fn brokers(&self) -> &ClusterControl {
        &self.brokers
    }

    /// The configs that are set.
    pub fn configs(&self) -> &ConfigControl {
        &self.configs
    }

    /// The topics.
    pub fn topics(&self) -> &ReplicationControl {
        &self.topics
    }

    /// Takes in the record at `offset` of the metadata log.
    ///
    /// # Panics
    /// When the record contradicts those before it.
    pub fn replay(&mut self, record: &MetadataRecord, offset: i64) {
        match record {
            MetadataRecord::RegisterBroker(record) => self.brokers.replay_register(record, offset),
            MetadataRecord::UnregisterBroker(record) => self.brokers.replay_unregister(record),
            MetadataRecord::BrokerRegistrationChange(record) => self.brokers.replay_change(record),
            MetadataRecord::FenceBroker(record) => self.brokers.replay_fence(record.id, record.epoch, true),
            MetadataRecord::UnfenceBroker(record) => self.brokers.replay_fence(record.id, record.epoch, false),
            MetadataRecord::Topic(record) => self.topics.replay_topic(record),
            MetadataRecord::Partition(record) => self.topics.replay_partition(record),
            MetadataRecord::PartitionChange(record) => self.topics.replay_partition_change(record),
            MetadataRecord::RemoveTopic(record) => {
                let name = self.topics.replay_remove_topic(record);
                self.configs.remove(ResourceType::Topic, &name);
            }
            MetadataRecord::ClearElr(record) => self.topics.replay_clear_elr(record),
            MetadataRecord::Config(record) => self.configs.replay(record),
            MetadataRecord::FeatureLevel(record) => self.features.replay(record),
            MetadataRecord::ProducerIds(record) => self.next_producer_id = record.next_producer_id,
            MetadataRecord::RegisterController(record) => self.brokers.replay_register_controller(record),
            // Quotas change nothing here; the rest marks time and transactions.
            MetadataRecord::ClientQuota(_)
            | MetadataRecord::NoOp(_)
            | MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_) => {}
        }
    }

    /// The next producer id to be given out.
    pub(super) fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// AllocateProducerIds: the first id of a block of [`PRODUCER_ID_BLOCK_SIZE`].
    ///
    /// # Errors
    /// STALE_BROKER_EPOCH.
    pub fn allocate_producer_ids(&self, broker_id: i32, broker_epoch: i64) -> Result<Outcome<i64>, ApiError> {
        self.brokers.check_epoch(broker_id, broker_epoch)?;
        let first = self.next_producer_id;
        let next_producer_id = first + i64::from(PRODUCER_ID_BLOCK_SIZE);
        let record = v0(ProducerIdsRecord { broker_id, broker_epoch, next_producer_id });
        Ok(Outcome { records: vec![record], response: first })
    }
}
