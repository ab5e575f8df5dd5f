//! Kafka's clients: producer, consumer and admin, as the Java clients behave.
//!
//! They know the cluster only through its protocol: this module imports neither broker nor cluster nor storage. All
//! three stand on the network client, which keeps connections, negotiates versions with each broker, matches responses to
//! requests, times requests out and refreshes metadata.
//!
//! Not built yet: idempotence, transactions, compression, consumer groups (but for their assignors: [`assignor`]).

mod admin;
pub mod assignor;
mod config;
mod consumer;
mod fetch_session;
mod metadata;
mod network;
mod partitioner;
mod producer;

pub use admin::{Admin, AdminRequest, AdminResult};
pub use config::{ConfigError, ConsumerConfig, Keys, OffsetReset, ProducerConfig, Workload};
pub use consumer::Consumer;
pub use producer::{Producer, SendError};

use crate::base::{SimDuration, SimTime};

/// KIP-580: `backoff` doubles with each failed try up to `max`, then 20 % either way at random.
fn exponential_backoff(
    failures: u32,
    backoff: SimDuration,
    max: SimDuration,
    rng: &mut crate::base::Rng,
) -> SimDuration {
    let doubled = backoff.0.saturating_mul(1 << failures.saturating_sub(1).min(20));
    SimDuration(rng.jittered(doubled.min(max.0), 20))
}

/// The earlier of two optional moments.
fn earlier(a: Option<SimTime>, b: Option<SimTime>) -> Option<SimTime> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
