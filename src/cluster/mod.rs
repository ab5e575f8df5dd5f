//! The cluster's metadata and the controller's state machine over it: which brokers there are, which topics, who
//! replicates and leads each partition, which configs and features are set.
//!
//! The state is event-sourced, as in KRaft (KIP-500, KIP-631). An operation of [`Controller`] reads the state and a
//! request and comes to an [`Outcome`]: the records that would make it so, and the response. It changes nothing. The
//! records go to the metadata log; when they are in it, [`Controller::replay`] takes them in, on the active controller
//! as on every other member that reads the log. So a standby controller and a restarted one are the same as the active
//! one at the same offset, and every change can be told from its record. The one thing outside the log is who was heard
//! of when: [`Heartbeats`], which the active controller has and a new one begins afresh.
//!
//! ```text
//! request ──> Controller::create_topics … (&self) ──> Outcome { records, response }
//!                       ^                                        │ append, commit
//!                       └────── Controller::replay(record) <─────┘ then answer
//! ```
//!
//! The parts are named as Kafka names them: replica placement ([`place_replicas`]), [`PartitionChangeBuilder`],
//! [`ReplicationControl`], [`ClusterControl`], [`ConfigControl`] with its definitions ([`config_defs`]),
//! [`FeatureControl`]. Errors are Kafka's codes with Kafka's messages ([`ApiError`]).

mod alter_configs;
mod alter_partition;
mod alter_topics;
mod brokers;
pub mod config_defs;
mod configs;
mod controller;
mod create_topics;
mod describe_configs;
mod elections;
mod features;
mod fencing;
mod heartbeats;
mod metadata_version;
mod names;
mod partition;
mod partition_change;
mod placement;
mod reassignment;
mod replication;
mod result;
mod snapshot;
#[cfg(test)]
mod tests;

pub use alter_configs::check_dynamic_broker_configs;
pub use brokers::{BrokerRegistration, ClusterControl, supported_features};
pub use configs::{ConfigControl, ConfigMap, ConfigSource, EffectiveConfig, ResourceType};
pub use controller::{Controller, ControllerRandom, ControllerSettings, PRODUCER_ID_BLOCK_SIZE};
pub use features::{ELR_FEATURE, FeatureControl};
pub use fencing::HeartbeatReply;
pub use heartbeats::{BrokerState, HeartbeatWish, Heartbeats};
pub use metadata_version::MetadataVersion;
pub use names::check_topic_name;
pub use partition::{
    DIRECTORY_LOST, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED, LEADER_NO_CHANGE, LeaderRecoveryState,
    PartitionRegistration,
};
pub use partition_change::{Election, ElectionResult, PartitionChangeBuilder, default_directory};
pub use placement::{PlacementRandom, UsableBroker, place_replicas};
pub use replication::{ReplicationControl, TopicInfo};
pub use result::{ApiError, Outcome};

pub use crate::base::uuid_text;

/// No leader, as records and responses say it.
pub const LEADER_NONE: i32 = -1;
