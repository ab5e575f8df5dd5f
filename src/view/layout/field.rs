//! The field: all partitions that have no column, as tiles, or counted topic by topic.

use super::Rect;
use crate::base::TopicPartition;
use std::sync::Arc;

/// What stands at one place of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A partition's replica.
    Tile(TopicPartition),
    /// A topic's replicas, counted: its name and how many partitions of it are in the field.
    Strip(Arc<str>, usize),
}

/// All partitions that have no column, in every row at the same places.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// What stands in it, in order.
    pub items: Vec<Item>,
    /// The field of each row.
    pub areas: Vec<Rect>,
    /// Above the first row: where it is said what the field holds.
    pub head: Rect,
    /// From one item to the next, across and down.
    pub pitch: (f64, f64),
    /// How many items stand side by side.
    pub per_line: usize,
    /// How many partitions it stands for.
    pub partitions: usize,
    /// How many topics there was no room for.
    pub more: usize,
}

/// From a tile to the next, the roomiest first.
const TILES: [f64; 6] = [14.0, 11.0, 8.0, 6.0, 5.0, 4.0];
/// From a strip to the next: named, and bare.
const STRIPS: [(f64, f64); 3] = [(96.0, 24.0), (64.0, 22.0), (26.0, 9.0)];

impl Field {
    /// A field of these partitions in areas of one size.
    pub(super) fn new(rest: Vec<TopicPartition>, areas: Vec<Rect>, head: Rect) -> Self {
        let area = areas.first().copied().unwrap_or_default();
        let partitions = rest.len();
        let count = |pitch: (f64, f64)| {
            let across = (area.w / pitch.0).floor().max(1.0) as usize;
            (across, across * (area.h / pitch.1).floor().max(1.0) as usize)
        };
        for pitch in TILES {
            let (per_line, room) = count((pitch, pitch));
            if partitions <= room {
                let items = rest.into_iter().map(Item::Tile).collect();
                return Self { items, areas, head, pitch: (pitch, pitch), per_line, partitions, more: 0 };
            }
        }
        let mut items: Vec<Item> =
            rest.chunk_by(|a, b| a.topic == b.topic).map(|of| Item::Strip(of[0].topic.clone(), of.len())).collect();
        let fits = |pitch: &&(f64, f64)| items.len() <= count(**pitch).1;
        let pitch = *STRIPS.iter().find(fits).unwrap_or(&STRIPS[2]);
        let (per_line, room) = count(pitch);
        let more = items.len().saturating_sub(room);
        items.truncate(room);
        Self { items, areas, head, pitch, per_line, partitions, more }
    }

    /// The place of an item in a row.
    pub fn place(&self, row: usize, item: usize) -> Option<Rect> {
        let area = self.areas.get(row).filter(|_| item < self.items.len())?;
        let (x, y) = ((item % self.per_line) as f64, (item / self.per_line) as f64);
        let gap = (self.pitch.0 * 0.12).min(8.0);
        Some(Rect::new(
            area.x + x * self.pitch.0,
            area.y + y * self.pitch.1,
            self.pitch.0 - gap,
            self.pitch.1 - gap.min(2.0),
        ))
    }

    /// The item at a place and its row.
    pub fn at(&self, x: f64, y: f64) -> Option<(usize, &Item)> {
        let row = self.areas.iter().position(|a| a.holds(x, y))?;
        let area = self.areas[row];
        let across = ((x - area.x) / self.pitch.0).floor() as usize;
        let item = ((y - area.y) / self.pitch.1).floor() as usize * self.per_line + across;
        self.items.get(item).filter(|_| across < self.per_line).map(|found| (row, found))
    }

    /// Whether it shows single partitions.
    pub fn is_tiles(&self) -> bool {
        matches!(self.items.first(), Some(Item::Tile(_)))
    }

    /// Whether strips have room for their topics' names.
    pub fn is_named(&self) -> bool {
        !self.is_tiles() && self.pitch.0 > 40.0
    }
}
