//! View models: what the page shows, as plain values without a document.
//!
//! The worker looks at a world with an [`Observer`] and makes [`Frame`]s; the page's [`Player`] shows them at their
//! moments; [`layout()`] says where things stand. Every number in a [`Scene`] is read from a machine's state and every
//! [`PacketView`] is one message of the trace: the picture cannot lie.

mod cargo;
mod delta;
#[cfg(test)]
pub(crate) mod fixture;
mod layout;
mod narrate;
mod observe;
mod packet;
mod player;
mod route;
mod scene;
mod suggest;
mod token;

pub use delta::{Delta, MapDelta};
pub use layout::{ClientBox, Column, Layout, Rect, Shelf, TAB, TAPE, layout};
pub use narrate::{Line, Weight, narrate};
pub use observe::{Observer, Starts, position};
pub use packet::{Cargo, PacketView, RIDERS, records_text};
pub use player::{Frame, HOP_MS, Player, Position, Speed};
pub use route::{Place, Route};
pub use scene::{
    BrokerView, Cell, ConsumerView, HostView, LawView, PartitionView, ProducerView, ReplicaKey, ReplicaView, Role,
    Scene, TAIL, TopicView, acks_label,
};
pub use suggest::{Addition, line as addition_line};
pub use token::{Shape, Token, key_label};
