//! Producers and consumers.

use crate::base::TopicPartition;
use serde::{Deserialize, Serialize};

/// A producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerView {
    /// Its number as a host.
    pub host: u32,
    /// `acks`: 0, 1, or -1 for all.
    pub acks: i16,
    /// Records handed over and not yet acknowledged.
    pub pending: u64,
    /// Records acknowledged.
    pub acked: u64,
    /// Records given up.
    pub failed: u64,
}

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerView {
    /// Its number as a host.
    pub host: u32,
    /// Records handed to the application.
    pub delivered: u64,
    /// The next offset to read, by partition.
    pub positions: Vec<(TopicPartition, i64)>,
}

impl ProducerView {
    /// `acks` as Kafka writes it.
    pub fn acks_label(&self) -> &'static str {
        acks_label(self.acks)
    }
}

/// `acks` as Kafka writes it: `all`, `1` or `0`.
pub fn acks_label(acks: i16) -> &'static str {
    match acks {
        0 => "0",
        1 => "1",
        _ => "all",
    }
}
