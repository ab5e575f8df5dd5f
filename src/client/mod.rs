//! Kafka's clients: producer, consumer and admin, as the Java clients behave.
//!
//! They know the cluster only through its protocol: this module imports neither broker nor cluster nor storage. All
//! three stand on the network client, which keeps connections, negotiates versions with each broker, matches responses to
//! requests, times requests out and refreshes metadata.
//!
//! Not built yet: transactions, and the consumer's new group protocol (KIP-848).

pub mod admin;
pub mod assignor;
mod config;
mod consumer;
mod metadata;
mod network;
mod producer;

pub use config::{CommonClientConfigs, ConfigError};
pub use consumer::{
    ApplicationConfig, Call, Commits, Consumer, ConsumerChanges, ConsumerConfig, Death, OffsetReset, Reads, SeekTo,
    compile_pattern,
};
pub use producer::{
    Burst, Keys, LoadStats, PartitionQueue, Producer, ProducerChanges, ProducerConfig, ProducerRecord, ProducerState,
    SendError, TransactionManager, Workload,
};

use crate::base::{earlier, exponential_backoff};
