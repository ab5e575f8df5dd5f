//! Kafka's clients: producer, consumer and admin, as the Java clients behave.
//!
//! They know the cluster only through its protocol: this module imports neither broker nor cluster nor storage. All
//! three stand on the network client, which keeps connections, negotiates versions with each broker, matches responses to
//! requests, times requests out and refreshes metadata.
//!
//! Not built yet: idempotence, transactions, compression, consumer groups.

mod admin;
mod config;
mod consumer;
mod metadata;
mod network;
mod partitioner;
mod producer;

pub use admin::{Admin, AdminRequest, AdminResult};
pub use config::{ConfigError, ConsumerConfig, Keys, OffsetReset, ProducerConfig, Workload};
pub use consumer::Consumer;
pub use producer::{Producer, SendError};

use crate::base::{earlier, exponential_backoff};
