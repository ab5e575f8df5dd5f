//! Kafka Terrarium: a living Apache Kafka cluster under glass.

pub mod base;
pub mod broker;
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod cluster;
pub mod machine;
pub mod script;
pub mod session;
pub mod sim;
pub mod storage;
pub mod wire;
