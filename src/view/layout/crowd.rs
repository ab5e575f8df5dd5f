//! More brokers than there is room for shelves: racks as bands, and panels for the partitions that matter most.

use super::columns::{self, BAR_RECORDS, BAR_TAB, Column, Level, PROMOTED};
use super::field::Field;
use super::grid::{BELOW, Frame, INFO};
use super::{Band, Layout, Rect, TAB, grid, sides};
use crate::base::{SortedMap, TopicPartition};
use crate::view::scene::Scene;
use std::sync::Arc;

/// Where the panels begin, below the quorum.
const TOP: f64 = 68.0;
/// Between panels, and between bands.
const GAP: f64 = 8.0;
/// From one replica's tape to the next in a panel of records, and in a panel of bars.
const RECORDS_PITCH: f64 = 80.0;
const BARS_PITCH: f64 = 18.0;
/// In a panel of bars: the brokers' numerals, left of the tabs.
pub(super) const NUMERAL: f64 = 26.0;
/// At most so many replicas of a partition have a place in its panel.
const REPLICAS: usize = 5;
/// Ticks of brokers: pitch across and down.
const TICK: (f64, f64) = (13.0, 17.0);
/// At most so many racks have a band.
const BANDS: usize = 12;

pub(super) fn layout(scene: &Scene, frame: &Frame, selected: Option<&TopicPartition>) -> Layout {
    let mut out = Layout { unit: frame.unit, width: frame.width, ..Layout::default() };
    let all = sides::Sides::of(scene);
    let bottom = (grid::TOP + frame.body_height).max(grid::TOP + all.height());
    out.quorum = grid::quorum(scene, Rect::new(frame.card_x, 14.0, frame.card_w, 44.0));
    let shown = columns::shown(scene, selected);
    out.hidden = scene.partitions.len() - shown.len();
    let area = Rect::new(frame.card_x, TOP, frame.card_w, bottom - TOP);
    let below = panels(&mut out, scene, &shown, area, selected);
    let rest = out.without_column(&shown);
    let area = Rect::new(area.x, below, area.w, (bottom - below).max(120.0));
    bands(&mut out, scene, rest, area);
    let body_bottom = out.bands.last().map_or(below, |b| b.card.bottom()).max(bottom);
    out.height = body_bottom + BELOW;
    all.place(&mut out, scene, Rect::new(frame.card_x, grid::TOP, frame.card_w, body_bottom - grid::TOP));
    out
}

/// The panels, line by line; gives the place below them.
fn panels(
    out: &mut Layout,
    scene: &Scene,
    shown: &[TopicPartition],
    area: Rect,
    selected: Option<&TopicPartition>,
) -> f64 {
    let replicas = scene.topics.values().map(|t| t.replication_factor.max(1) as usize).max().unwrap_or(1).min(REPLICAS);
    let records = 40.0 + replicas as f64 * RECORDS_PITCH;
    let (level, per_line, h) = if shown.len() <= 3 && records < area.h * 0.7 {
        (Level::Records, shown.len().max(1), records)
    } else {
        (Level::Bars, ((area.w + GAP) / 158.0).floor().max(1.0) as usize, 28.0 + replicas as f64 * BARS_PITCH)
    };
    let lines = (PROMOTED / per_line).max(1).min(((area.h * 0.5) / (h + GAP)).floor().max(1.0) as usize);
    let width = (area.w + GAP) / per_line as f64;
    let count = shown.len().min((per_line * lines).min(PROMOTED));
    let slots = vec![columns::Slot { level, width }; count];
    for (n, (tp, slot)) in columns::promote(scene, shown, &slots, selected).into_iter().enumerate() {
        let (line, at) = (n / per_line, n % per_line);
        let card = Rect::new(area.x + at as f64 * width, area.y + line as f64 * (h + GAP), width - GAP, h);
        out.columns.push(panel(scene, tp, slot.level, card));
    }
    area.y + count.div_ceil(per_line) as f64 * (h + GAP)
}

fn panel(scene: &Scene, tp: TopicPartition, level: Level, card: Rect) -> Column {
    let held = scene.partitions.get(&tp).map(|p| p.replicas.as_slice()).unwrap_or_default();
    let (x, y, tab, cells, cell, pitch, h) = match level {
        Level::Records => {
            let (cells, cell) = columns::track(level, card.w - 8.0);
            (card.x + 16.0, card.y + 62.0, TAB, cells, cell, RECORDS_PITCH, 38.0)
        }
        Level::Bars => {
            let x = card.x + 12.0 + NUMERAL;
            let room = card.right() - 40.0 - x - BAR_TAB;
            (x, card.y + 27.0, BAR_TAB, BAR_RECORDS, room / BAR_RECORDS as f64, BARS_PITCH, 12.0)
        }
    };
    let w = tab + cells as f64 * cell;
    let tape = |(n, broker): (usize, &i32)| (*broker, Rect::new(x, y + n as f64 * pitch, w, h));
    let tapes = held.iter().take(REPLICAS).enumerate().map(tape).collect();
    let head = Rect::new(card.x + 8.0, card.y + 6.0, card.w - 16.0, grid::HEAD_H.min(y - card.y - 8.0));
    Column { tp, level, head, tapes, tab, cells, cell, panel: Some(card) }
}

/// The racks' bands share what height there is.
fn bands(out: &mut Layout, scene: &Scene, rest: Vec<TopicPartition>, area: Rect) {
    let mut racks: SortedMap<Option<Arc<str>>, Vec<i32>> = SortedMap::new();
    for (id, broker) in &scene.brokers {
        racks.entry(broker.rack.clone()).or_default().push(*id);
    }
    let count = racks.len().min(BANDS);
    // Without partitions to show a band is as high as its ticks and words.
    let most = if rest.is_empty() { 68.0 } else { 150.0 };
    let pitch = (area.h / count.max(1) as f64).clamp(44.0, most);
    let per_line = ((area.w - INFO - 12.0) / TICK.0).floor().max(1.0) as usize;
    let mut areas = Vec::new();
    for (n, (rack, brokers)) in racks.into_iter().take(count).enumerate() {
        let card = Rect::new(area.x, area.y + n as f64 * pitch, area.w, pitch - GAP);
        // Ticks have at most half of a band when partitions need the rest.
        let high = if rest.is_empty() { card.h - 12.0 } else { card.h / 2.0 - 6.0 };
        let room = per_line * (high / TICK.1).floor().max(1.0) as usize;
        let place = |n: usize| {
            let (x, y) = ((n % per_line) as f64, (n / per_line) as f64);
            Rect::new(card.x + INFO + x * TICK.0, card.y + 7.0 + y * TICK.1, TICK.0 - 3.0, TICK.1 - 3.0)
        };
        let ticks: Vec<(i32, Rect)> = brokers.iter().take(room).enumerate().map(|(n, id)| (*id, place(n))).collect();
        let lines = ticks.len().div_ceil(per_line) as f64;
        let y = card.y + 7.0 + lines * TICK.1 + 3.0;
        areas.push(Rect::new(card.x + INFO, y, card.w - INFO - 12.0, (card.bottom() - 6.0 - y).max(6.0)));
        for broker in &brokers {
            out.rows.insert(*broker, n);
        }
        let more = brokers.len() - ticks.len();
        out.bands.push(Band { rack, card, ticks, more });
    }
    if !rest.is_empty() && !areas.is_empty() {
        // The areas are of one size, so that every row has the same places.
        let least = areas.iter().map(|a| a.h).fold(f64::MAX, f64::min);
        areas.iter_mut().for_each(|a| a.h = least);
        let head = Rect::new(areas[0].x, area.y - GAP, areas[0].w, 0.0);
        out.field = Some(Field::new(rest, areas, head));
    }
}
