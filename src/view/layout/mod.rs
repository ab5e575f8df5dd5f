//! Where things stand on the stage: a broker is a row, a partition is a column, time in the log runs left to right.
//!
//! Three pictures share these types. The *grid* has a shelf for each broker and, as long as there is room, a column for
//! each partition; what does not fit stands as tiles, or topic by topic, in a *field* at the end of each shelf. In a
//! *crowd* of brokers the shelves give way to bands of racks, and the partitions that matter most bring their replicas
//! with them, each in a panel of its own. A *phone* shows one partition.
//!
//! All lengths are in units of the stage, one of which is [`Layout::unit`] CSS pixels. Nothing here depends on how far
//! a log has grown: the layout never moves because of data. Which partitions are drawn richest does follow their state,
//! but only among places that stay.

mod columns;
mod crowd;
mod field;
mod grid;
mod hits;
mod phone;
mod rect;
mod sides;
mod ways;

pub use columns::{Column, Level};
pub use field::{Field, Item};
pub use grid::{INFO, Shelf};
pub use rect::Rect;
pub use sides::{ClientBox, Density, GroupBox};
pub use ways::{Station, Way};

use super::route::Route;
use super::scene::Scene;
use crate::base::{SortedMap, TopicPartition};
use std::sync::Arc;

/// How much room there is for the stage, in CSS pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Room {
    /// Its width.
    pub width: f64,
    /// Up to this height nothing else suffers.
    pub height: f64,
    /// Whether everything is drawn as large as can be, for a hall.
    pub large: bool,
}

/// The controllers' bar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuorumBox {
    /// The card.
    pub card: Rect,
    /// The controllers by id.
    pub nodes: Vec<(i32, Rect)>,
    /// Where the metadata log is told in words; none where there is no room.
    pub words: Option<Rect>,
}

/// A rack's row in a crowd.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// The rack; none for brokers without one.
    pub rack: Option<Arc<str>>,
    /// The card.
    pub card: Rect,
    /// Its brokers, one tick each, as far as there is room.
    pub ticks: Vec<(i32, Rect)>,
    /// How many brokers there was no room for.
    pub more: usize,
}

/// The stage of one scene at one size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// CSS pixels to a unit.
    pub unit: f64,
    /// Width in units.
    pub width: f64,
    /// Height in units.
    pub height: f64,
    /// Controllers; none in a cluster without any to show.
    pub quorum: Option<QuorumBox>,
    /// Brokers, one row each.
    pub shelves: Vec<Shelf>,
    /// In a crowd: racks.
    pub bands: Vec<Band>,
    /// The partitions that are drawn replica by replica.
    pub columns: Vec<Column>,
    /// All other partitions.
    pub field: Option<Field>,
    /// Partitions of Kafka's own topics, which are not drawn until one is selected.
    pub hidden: usize,
    /// Clients and tools.
    pub clients: Vec<ClientBox>,
    /// Groups of consumers.
    pub groups: Vec<GroupBox>,
    /// The ways between clients and rows: client's host, and the row's place among shelves or bands.
    pub client_ways: SortedMap<(u32, usize), Route>,
    /// Below the clients of each side, left and right: how many more there are.
    pub more_clients: [(Rect, usize); 2],
    /// The row of each broker: its place among shelves, or among bands.
    pub rows: SortedMap<i32, usize>,
    /// Whether this is the stage of a phone.
    pub narrow: bool,
}

/// Width of a tape's tab.
pub const TAB: f64 = 26.0;

/// The stage for `scene` in this much room. `selected` is always among the partitions that are drawn richest, and on a
/// phone the only one.
pub fn layout(scene: &Scene, room: Room, selected: Option<&TopicPartition>) -> Layout {
    let mut out = if room.width < 600.0 {
        phone::layout(scene, room, selected)
    } else {
        let frame = grid::Frame::new(room);
        match grid::Size::fitting(scene.brokers.len(), frame.body_height) {
            Some(size) => grid::layout(scene, &frame, size, selected),
            None => crowd::layout(scene, &frame, selected),
        }
    };
    out.client_ways = ways::client_ways(&out);
    out
}

impl Layout {
    /// The card of a row: a shelf's or a band's.
    pub fn row_card(&self, row: usize) -> Option<Rect> {
        self.shelves.get(row).map(|s| s.card).or_else(|| self.bands.get(row).map(|b| b.card))
    }

    /// The column of a partition, if it has one.
    pub fn column(&self, tp: &TopicPartition) -> Option<&Column> {
        self.columns.iter().find(|c| c.tp == *tp)
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.shelves.len().max(self.bands.len())
    }
}

/// Whether a topic is Kafka's own.
pub(in crate::view) fn is_internal(topic: &str) -> bool {
    matches!(topic, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

#[cfg(test)]
mod tests;
