//! The world.
mod command;
mod spec;
mod trace;
pub use command::{Applied, Command, CommandError};
pub use spec::{BrokerSpec, ClusterSpec, NetworkProfile};
pub use trace::{Packet, TraceEvent, TraceKind};
/// The world (being built).
#[derive(Clone, Debug)]
pub struct World {}
