//! Kafka Terrarium: a living Apache Kafka cluster under glass.

pub mod base;
pub mod broker;
pub mod client;
pub mod cluster;
pub mod link;
pub mod machine;
pub mod save;
pub mod sim;
pub mod storage;
pub mod view;
#[cfg(feature = "web")]
pub mod web;
pub mod wire;
