//! Kafka's clients.
mod admin;
mod config;
pub use admin::{AdminRequest, AdminResult};
pub use config::{ConfigError, ConsumerConfig, Keys, OffsetReset, ProducerConfig, Workload};
