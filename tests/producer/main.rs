//! What a producer does about what brokers say: sequences, retries, timeouts, memory, batching.

mod batching;
mod lab;
mod sequences;
mod waiting;
