//! Kafka Terrarium: a living Apache Kafka cluster under glass.

pub mod base;
pub mod client;
pub mod machine;
pub mod sim;
pub mod wire;
