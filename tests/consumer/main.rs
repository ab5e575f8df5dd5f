//! What a consumer in a group does about what the coordinator says: joining, rebalances, heartbeats, commits.
//!
//! The orders of requests and listener calls are those of Kafka's own tests and of the recorded stories.

#[path = "../client_lab/mod.rs"]
mod client_lab;
mod commits;
mod lab;
mod membership;
mod rebalances;
