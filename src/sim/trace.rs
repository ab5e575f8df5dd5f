//! The trace: everything that happens in a world, in order, each event with the event that caused it.

use crate::base::{ConnId, EventId, HostId, SimTime};
use crate::machine::Fact;
use crate::wire::Message;
use serde::{Deserialize, Serialize};

/// One entry of the trace.
#[derive(Clone, Debug, Serialize)]
pub struct TraceEvent {
    /// Its place in history.
    pub id: EventId,
    /// When.
    pub at: SimTime,
    /// The event without which it would not have happened; none for what a command or the start did.
    pub cause: Option<EventId>,
    /// Where; none for a command.
    pub host: Option<HostId>,
    /// What.
    pub kind: TraceKind,
}

/// What an event is. New kinds go to the end: the hash counts them.
#[derive(Clone, Debug, Serialize)]
pub enum TraceKind {
    /// A host joined the world and its process started.
    Started {
        /// The host's name, such as `broker 1`.
        name: String,
    },
    /// A host's process ended.
    Exited,
    /// Somebody's command took effect; the text is the command in the script language.
    Commanded {
        /// The line.
        line: String,
    },
    /// A host began to connect.
    Connecting {
        /// The connection.
        conn: ConnId,
        /// To whom; none when nobody listens there.
        to: Option<HostId>,
    },
    /// A connection stands, as seen from this host.
    Connected {
        /// The connection.
        conn: ConnId,
    },
    /// A connection is gone, as seen from this host.
    Disconnected {
        /// The connection.
        conn: ConnId,
    },
    /// A message left. Its id is this event's id.
    Sent {
        /// What it is.
        packet: Packet,
        /// The message itself; not part of the hash, which has its length and the effects of its content.
        #[serde(skip)]
        message: Message,
    },
    /// A message arrived at this host.
    Received {
        /// The event that sent it.
        sent: EventId,
    },
    /// A message was lost: the connection went away while it travelled.
    Lost {
        /// The event that sent it.
        sent: EventId,
    },
    /// Something happened inside this host's machine.
    Fact(Fact),
    /// A message arrives later than it was to: at this moment, or when the link heals or the process goes on.
    Delayed {
        /// The event that sent it.
        sent: EventId,
        /// When; none while it waits at a cut link or before a process that stands still.
        arrives: Option<SimTime>,
    },
}

/// What is known of a message without opening it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// The connection.
    pub conn: ConnId,
    /// The sender.
    pub from: HostId,
    /// The receiver.
    pub to: HostId,
    /// API key; -1 for bytes from outside.
    pub api: i16,
    /// API version.
    pub version: i16,
    /// Correlation id.
    pub correlation_id: i32,
    /// Whether it answers a request.
    pub response: bool,
    /// When it arrives if nothing befalls it.
    pub arrives: SimTime,
}
