//! What every other module stands on: virtual time, identifiers, named random streams, the trace hash's hasher and
//! Kafka's partition hash.
//!
//! Nothing here knows the outside. Time is a count of microseconds since the world's start, a moment that the cluster
//! spec dates; randomness is a set of streams, each named and each seeded from the world's seed and its name alone, so
//! that a draw added in one place moves no other; ordered containers are used throughout, because an answer that
//! depends on hash order is a different answer in another process.

mod backoff;
mod hash;
mod id;
mod kept_once;
mod murmur2;
mod persistent;
mod rng;
mod sort;
mod sorted;
mod time;
mod uuid;

pub use backoff::exponential_backoff;
pub use hash::TraceHasher;
pub use id::{ConnId, Endpoint, EventId, HostId, TopicPartition};
pub use kept_once::KeptOnce;
pub use murmur2::{murmur2, partition_for_key};
pub use persistent::{OrdMap, OrdSet, Slots, Vector};
pub use rng::Rng;
pub use sort::Sort;
pub use sorted::{SortedMap, SortedSet};
pub use time::{ParseDurationError, SimDuration, SimTime, earlier};
pub use uuid::{uuid_from_text, uuid_text};
