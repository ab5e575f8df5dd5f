//! Shelves and columns: the stage of a cluster whose brokers all have a row.

use super::columns::{self, BAR_TAB, Column, GAP, Level, Slot};
use super::field::Field;
use super::{Layout, QuorumBox, Rect, Room, TAB, sides};
use crate::base::TopicPartition;
use crate::view::scene::Scene;

/// A broker's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Shelf {
    /// The broker.
    pub broker: i32,
    /// The card.
    pub card: Rect,
    /// Whether there is room for a name and a state only.
    pub folded: bool,
}

/// What is around the rows: the same for shelves and bands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) unit: f64,
    pub(super) width: f64,
    pub(super) card_x: f64,
    pub(super) card_w: f64,
    /// How high the rows together may be.
    pub(super) body_height: f64,
}

/// Where the rows begin: below quorum and heads.
pub(super) const TOP: f64 = 110.0;
/// Below the rows.
pub(super) const BELOW: f64 = 14.0;
/// A shelf's left part: name, rack, state.
pub const INFO: f64 = 88.0;
/// Right of the last column within a shelf.
const PAD: f64 = 8.0;
/// Where heads begin above the first shelf, and how high they are.
const HEAD_Y: f64 = 40.0;
pub(super) const HEAD_H: f64 = 34.0;

impl Frame {
    /// The frame of a stage in this much room. A wide window shows the same picture larger before it shows more of it.
    pub(super) fn new(room: Room) -> Self {
        let unit = (room.width / if room.large { 920.0 } else { 1240.0 })
            .min(room.height / 520.0)
            .clamp(1.0, if room.large { 3.0 } else { 2.0 });
        let width = room.width / unit;
        let (left, right) = sides::gutters(width);
        let card_x = sides::LEFT + left;
        let card_w = (width - card_x - right - sides::RIGHT).max(INFO + PAD + 150.0);
        Self { unit, width, card_x, card_w, body_height: room.height / unit - TOP - BELOW }
    }

    /// What columns and field share.
    pub(super) fn columns_width(&self) -> f64 {
        self.card_w - INFO - PAD + GAP
    }
}

/// How high shelves are, and where in them a tape is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    pub(super) height: f64,
    pub(super) gap: f64,
    /// From a shelf's upper edge to a tape's.
    tape_y: f64,
    tape_h: f64,
}

impl Size {
    /// From the roomiest to the tightest.
    const ALL: [Self; 5] = [
        Self { height: 126.0, gap: 9.0, tape_y: 39.0, tape_h: 38.0 },
        Self { height: 88.0, gap: 9.0, tape_y: 25.0, tape_h: 36.0 },
        Self { height: 58.0, gap: 6.0, tape_y: 13.0, tape_h: 18.0 },
        Self { height: 44.0, gap: 5.0, tape_y: 9.0, tape_h: 14.0 },
        Self { height: 34.0, gap: 4.0, tape_y: 5.0, tape_h: 12.0 },
    ];
    /// Up to so many brokers have a shelf even where the stage must be scrolled.
    const ALWAYS: usize = 12;

    /// The roomiest size at which so many shelves fit; none when they are a crowd.
    pub(super) fn fitting(brokers: usize, height: f64) -> Option<Self> {
        let fits = |size: &&Self| brokers.max(1) as f64 * (size.height + size.gap) - size.gap <= height;
        let tightest = Self::ALL.last().filter(|_| brokers <= Self::ALWAYS);
        Self::ALL.iter().find(fits).or(tightest).copied()
    }

    /// Whether a tape has room for records.
    pub(super) fn holds_records(&self) -> bool {
        self.tape_h >= 30.0
    }

    fn tape(&self, level: Level) -> (f64, f64) {
        match level {
            // A bar is slimmer than a tape of records.
            Level::Bars if self.holds_records() => (self.tape_y + 9.0, 20.0),
            _ => (self.tape_y, self.tape_h),
        }
    }
}

pub(super) fn layout(scene: &Scene, frame: &Frame, size: Size, selected: Option<&TopicPartition>) -> Layout {
    let mut out = Layout { unit: frame.unit, width: frame.width, ..Layout::default() };
    let rows = scene.brokers.len().max(1) as f64;
    let shelves_h = rows * (size.height + size.gap) - size.gap;
    let all = sides::Sides::of(scene);
    let body = shelves_h.max(all.height());
    let least = frame.body_height.min(200.0);
    let lead = ((least - body) * 0.3).max(0.0);
    out.height = TOP + body.max(least) + BELOW;
    let body = Rect::new(frame.card_x, TOP + lead, frame.card_w, body);
    for (row, broker) in scene.brokers.keys().enumerate() {
        let y = body.y + row as f64 * (size.height + size.gap);
        let card = Rect::new(body.x, y, body.w, size.height);
        out.shelves.push(Shelf { broker: *broker, card, folded: size.height < 80.0 });
        out.rows.insert(*broker, row);
    }
    out.quorum = quorum(scene, Rect::new(body.x, 14.0, body.w, 44.0));
    columns_and_field(&mut out, scene, frame, size, selected);
    all.place(&mut out, scene, body);
    out
}

/// The controllers' bar: name at the left, the controllers, the metadata log in words.
pub(super) fn quorum(scene: &Scene, card: Rect) -> Option<QuorumBox> {
    let count = scene.controllers.len();
    if count == 0 {
        return None;
    }
    let words = (card.w > 560.0).then(|| {
        let w = (card.w - 442.0).clamp(204.0, 320.0);
        Rect::new(card.right() - w, card.y, w - 8.0, card.h)
    });
    let (left, right) = (card.x + 140.0, words.map_or(card.right(), |w| w.x) - 14.0);
    let gap = 8.0;
    let w = ((right - left + gap) / count as f64 - gap).min(104.0);
    let node = |(n, id): (usize, &i32)| (*id, Rect::new(left + n as f64 * (w + gap), card.y + 8.0, w, 28.0));
    Some(QuorumBox { card, nodes: scene.controllers.keys().enumerate().map(node).collect(), words })
}

fn columns_and_field(out: &mut Layout, scene: &Scene, frame: &Frame, size: Size, selected: Option<&TopicPartition>) {
    let shown = columns::shown(scene, selected);
    out.hidden = scene.partitions.len() - shown.len();
    let topic = selected.or(shown.first()).map(|tp| tp.topic.clone());
    let of_topic = shown.iter().filter(|tp| Some(&tp.topic) == topic.as_ref()).count();
    let (slots, field_w) = columns::share(shown.len(), of_topic, frame.columns_width(), size.holds_records());
    let mut x = frame.card_x + INFO;
    for (tp, slot) in columns::promote(scene, &shown, &slots, selected) {
        out.columns.push(column(out, scene, tp, slot, x, size));
        x += slot.width;
    }
    let rest = out.without_column(&shown);
    if !rest.is_empty() {
        let areas = out.shelves.iter().map(|s| Rect::new(x, s.card.y + 6.0, field_w - GAP, s.card.h - 12.0)).collect();
        let head = Rect::new(x, out.shelves.first().map_or(TOP, |s| s.card.y) - HEAD_Y, field_w - GAP, HEAD_H);
        out.field = Some(Field::new(rest, areas, head));
    }
}

fn column(out: &Layout, scene: &Scene, tp: TopicPartition, slot: Slot, x: f64, size: Size) -> Column {
    let (cells, cell) = columns::track(slot.level, slot.width);
    let tab = if slot.level == Level::Records { TAB } else { BAR_TAB };
    let w = tab + cells as f64 * cell;
    let (dy, h) = size.tape(slot.level);
    let first = out.shelves.first().map_or(TOP, |s| s.card.y);
    let held = scene.partitions.get(&tp).map(|p| p.replicas.as_slice()).unwrap_or_default();
    let on = |shelf: &&Shelf| held.contains(&shelf.broker);
    let tapes = out.shelves.iter().filter(on).map(|s| (s.broker, Rect::new(x, s.card.y + dy, w, h))).collect();
    let head = Rect::new(x, first - HEAD_Y, w, HEAD_H);
    Column { tp, level: slot.level, head, tapes, tab, cells, cell, panel: None }
}
