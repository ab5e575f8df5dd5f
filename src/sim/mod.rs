//! The simulator: a [`World`] of hosts, the network between them, and the one clock.
//!
//! A world is a pure function of its cluster spec, its seed, and the commands applied to it, each at its moment. The
//! scheduler holds what is to happen; [`World::step`] takes the next thing, gives it to the machine that it concerns,
//! and carries out every effect before it looks at the clock again. Whatever happens is a [`TraceEvent`] with its
//! cause; the trace hash runs over all of them, so that two worlds with one hash had one history.
//!
//! `World: Clone` is a snapshot. Hosts, logs and connections are shared until one of the two worlds changes them.

mod apply;
mod command;
mod faults;
mod history;
mod host;
mod looking;
mod net;
mod nodes;
mod outside;
mod scheduler;
mod spec;
mod told;
mod trace;
mod world;

pub use command::{Applied, Command, CommandError, Restart};
pub use faults::Fault;
pub use history::History;
pub use looking::{ControllerInfo, GroupInfo, Impairments, LinkInfo, MemberInfo, PartitionInfo, TopicInfo};
pub use nodes::NewBroker;
pub use scheduler::Scheduler;
pub use spec::{BrokerSpec, ClusterSpec, Controllers, FIRST_CONTROLLER_ID, NetworkProfile};
pub use trace::{Packet, TraceEvent, TraceKind};
pub use world::World;
