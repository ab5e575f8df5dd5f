//! Commands: the only way in which anything outside changes a world.

use super::{Fault, NewBroker};
use crate::client::{Call, ConsumerChanges, ConsumerConfig, ProducerChanges, ProducerConfig, Reads, Workload};
use crate::tools::Invocation;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A change that somebody asks of a world. The `script` module reads it from a line and the session's log keeps the
/// line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Starts a producer.
    Producer {
        /// Its name, unique among clients; also its `client.id`.
        name: String,
        /// The topic that it writes to unless a `send` names another.
        topic: String,
        /// Its configs.
        config: ProducerConfig,
        /// What it sends by itself; none: only what `send` gives it.
        workload: Option<Workload>,
    },
    /// Starts a consumer.
    Consumer {
        /// Its name, unique among clients; also its `client.id`.
        name: String,
        /// What it reads.
        reads: Reads,
        /// Its configs.
        config: ConsumerConfig,
    },
    /// Has a consumer's application make a call.
    Call {
        /// The consumer's name.
        consumer: String,
        /// The call.
        call: Call,
    },
    /// Hands a record to a producer.
    Send {
        /// The producer's name.
        producer: String,
        /// The record's key.
        key: Option<String>,
        /// The record's value; none is a tombstone.
        value: Option<String>,
        /// The partition, when not left to the partitioner.
        partition: Option<i32>,
        /// The topic; none is the producer's own.
        topic: Option<String>,
        /// The timestamp in ms since the Unix epoch; none is the producer's clock.
        timestamp_ms: Option<i64>,
        /// Headers in order.
        headers: Vec<(String, String)>,
    },
    /// Has a producer send all that it holds at once, full batches or not.
    Flush {
        /// The producer's name.
        producer: String,
    },
    /// Closes a client: a producer sends what it holds, then its process ends.
    Close {
        /// The client's name.
        client: String,
    },
    /// Closes a client and starts it again, under its name, with other settings; one that has ended is just started.
    Restart(Restart),
    /// Lets something go wrong, or ends it.
    Fault(Fault),
    /// Runs one of Kafka's tools: a short-lived client that connects, asks, and ends.
    Tool(Invocation),
    /// Starts a broker that joins the cluster.
    Broker(NewBroker),
}

/// A client that is to be started again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restart {
    /// The producer of a name, and what is to be different.
    Producer(String, ProducerChanges),
    /// The consumer of a name, and what is to be different.
    Consumer(String, ConsumerChanges),
}

/// What a command gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Nothing further.
    Done,
    /// A tool runs as this host; [`super::World::tool_output`] has what it printed once it ends.
    Tool(crate::base::HostId),
}

/// Why a command cannot be done. Nothing of it has been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError(pub String);

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CommandError {}
