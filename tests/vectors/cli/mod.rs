//! Checks of Kafka's command-line tools, each run alone.

pub(crate) mod arguments;
pub(crate) mod golden;
mod lab;
