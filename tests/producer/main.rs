//! What a producer does about what brokers say: sequences, retries, timeouts, memory, batching.

mod batching;
#[path = "../client_lab/mod.rs"]
mod client_lab;
mod lab;
mod metadata;
mod sequences;
mod waiting;
