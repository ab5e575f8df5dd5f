//! The admin client: what Kafka's command-line tools ask of a cluster, one request a run.

use crate::wire::ErrorCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a tool asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminRequest {
    /// `kafka-topics.sh --create`.
    CreateTopic {
        /// The topic's name.
        topic: String,
        /// How many partitions; none takes the broker's `num.partitions`.
        partitions: Option<i32>,
        /// How many replicas each; none takes the broker's `default.replication.factor`.
        replication_factor: Option<i16>,
        /// Topic configs.
        configs: Vec<(String, String)>,
    },
    /// `kafka-topics.sh --list`.
    ListTopics,
    /// `kafka-get-offsets.sh`.
    GetOffsets {
        /// The topic; none is every topic.
        topic: Option<String>,
        /// `--time`: -1 latest, -2 earliest, or ms since the Unix epoch.
        time: i64,
    },
}

/// What a tool got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminResult {
    /// The topic exists now.
    Created,
    /// Topic names, sorted.
    Topics(Vec<Arc<str>>),
    /// Topic, partition, offset (-1: none), sorted.
    Offsets(Vec<(Arc<str>, i32, i64)>),
    /// The cluster refused; Kafka's code and message.
    Failed {
        /// The code.
        error: ErrorCode,
        /// The message that the broker gave, or the code's own.
        message: String,
    },
}
