//! Producers and consumers.

use crate::base::TopicPartition;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerView {
    /// Its number as a host.
    pub host: u32,
    /// Records handed to the application.
    pub delivered: u64,
    /// The next offset to read, by partition.
    pub positions: Vec<(TopicPartition, i64)>,
    /// The group that it is configured to be in; none of one that reads alone.
    pub group: Option<Arc<str>>,
    /// Its member id and generation, while it has them.
    pub member: Option<Arc<str>>,
    /// The generation of its group, as far as it knows; -1 outside of one.
    pub generation: i32,
    /// Whether its group is in the middle of a rebalance, as far as it knows.
    pub rebalances: bool,
    /// The partitions that it reads, as far as it knows.
    pub assigned: Vec<TopicPartition>,
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
