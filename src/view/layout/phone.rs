//! The stage of a phone: one partition, its replicas one below the other, clients as chips above and below.

use super::columns::{Column, Level, shown};
use super::grid::{HEAD_H, Shelf};
use super::sides::{Clients, Density, GroupBox, Side, Sides};
use super::{Band, ClientBox, Layout, QuorumBox, Rect, Room, TAB};
use crate::base::TopicPartition;
use crate::view::scene::{Role, Scene};

/// CSS pixels to a unit.
const UNIT: f64 = 1.05;
/// From one shelf to the next.
const PITCH: f64 = 99.0;
const SHELF: f64 = 95.0;
/// Above a group's chips: its name and its state in one line.
const HEAD: f64 = 24.0;
/// Ticks of brokers that hold no replica of the partition.
const TICK: f64 = 22.0;

pub(super) fn layout(scene: &Scene, room: Room, chosen: Option<&TopicPartition>) -> Layout {
    let w = room.width / UNIT;
    let mut out = Layout { unit: UNIT, width: w, narrow: true, ..Layout::default() };
    let sides = Sides::of(scene);
    let producers: Side = sides.left.iter().cloned().collect();
    let mut y = chip_row(&mut out.clients, &producers, sides.left.density, w, 9.0) + 4.0;
    y = quorum(&mut out, scene, Rect::new(5.0, y, w - 10.0, 26.0));
    let tp = chosen.cloned().or_else(|| shown(scene, None).into_iter().next());
    let held = tp.as_ref().and_then(|tp| scene.partitions.get(tp)).map(|p| p.replicas.clone()).unwrap_or_default();
    let head_y = y + 2.0;
    y = head_y + HEAD_H + 6.0;
    // A cluster small enough shows all of its brokers; of a larger one those that hold the partition.
    let every = scene.brokers.len() <= 5;
    let (on_shelves, others): (Vec<i32>, Vec<i32>) = scene.brokers.keys().partition(|id| every || held.contains(id));
    for (row, broker) in on_shelves.iter().enumerate() {
        out.shelves.push(Shelf { broker: *broker, card: Rect::new(5.0, y, w - 10.0, SHELF), folded: false });
        out.rows.insert(*broker, row);
        y += PITCH;
    }
    if let (Some(tp), Some(first)) = (tp, out.shelves.first()) {
        out.columns.push(column(tp, &held, &out.shelves, first.card, head_y));
    }
    y = fold(&mut out, &others, Rect::new(5.0, y, w - 10.0, 0.0));
    out.height = consumers(&mut out, &sides.right, w, y + 6.0) + 4.0;
    if let Some((host, view)) = scene.tools().last() {
        let card = Rect::new(w - 110.0, head_y - 62.0, 104.0, 26.0);
        out.clients.push(ClientBox { host, name: view.name.clone(), role: Role::Tool, card, density: Density::Folded });
    }
    out
}

/// Groups one below the other, each with its consumers as chips; those that read alone share rows. Gives the lower edge.
fn consumers(out: &mut Layout, side: &Clients, width: f64, mut y: f64) -> f64 {
    for cluster in side.clusters.iter().filter(|cluster| cluster.group.is_some()) {
        let Some(id) = cluster.group.clone() else { continue };
        let bottom = chip_row(&mut out.clients, &cluster.clients, side.density, width, y + HEAD);
        let frame = Rect::new(2.0, y, width - 4.0, bottom - y + 1.0);
        out.groups.push(GroupBox { id, frame, head: Rect::new(10.0, y, width - 20.0, HEAD - 2.0) });
        y = bottom + 8.0;
    }
    let alone = side.clusters.iter().filter(|cluster| cluster.group.is_none());
    let alone: Side = alone.flat_map(|cluster| &cluster.clients).cloned().collect();
    chip_row(&mut out.clients, &alone, side.density, width, y)
}

/// The controllers in one line; gives the place below.
fn quorum(out: &mut Layout, scene: &Scene, card: Rect) -> f64 {
    let count = scene.controllers.len();
    if count == 0 {
        return card.y;
    }
    let left = card.x + 62.0;
    let w = ((card.right() - left) / count as f64 - 4.0).min(120.0);
    let node = |(n, id): (usize, &i32)| (*id, Rect::new(left + n as f64 * (w + 4.0), card.y + 3.0, w, card.h - 6.0));
    let nodes = scene.controllers.keys().enumerate().map(node).collect();
    out.quorum = Some(QuorumBox { card, nodes, words: None });
    card.bottom() + 6.0
}

fn column(tp: TopicPartition, held: &[i32], shelves: &[Shelf], first: Rect, head_y: f64) -> Column {
    let x = first.x + 22.0;
    let cells = 8;
    let cell = ((first.right() - 10.0 - x - TAB) / f64::from(cells)).floor();
    let w = TAB + f64::from(cells) * cell;
    let on = |shelf: &&Shelf| held.contains(&shelf.broker);
    let tapes = shelves.iter().filter(on).map(|s| (s.broker, Rect::new(x, s.card.y + 38.0, w, 38.0))).collect();
    let head = Rect::new(x, head_y, w, HEAD_H);
    Column { tp, level: Level::Records, head, tapes, tab: TAB, cells: cells as usize, cell, panel: None }
}

/// Brokers without a replica of the partition, as ticks; gives the place below.
fn fold(out: &mut Layout, others: &[i32], area: Rect) -> f64 {
    if others.is_empty() {
        return area.y;
    }
    let per_line = ((area.w - 16.0) / TICK).floor().max(1.0) as usize;
    let shown = others.len().min(per_line * 5);
    let place = |n: usize| {
        let (x, y) = ((n % per_line) as f64, (n / per_line) as f64);
        Rect::new(area.x + 8.0 + x * TICK, area.y + 20.0 + y * TICK, TICK - 4.0, TICK - 4.0)
    };
    let ticks = others.iter().take(shown).enumerate().map(|(n, id)| (*id, place(n))).collect();
    let card = Rect::new(area.x, area.y, area.w, 24.0 + shown.div_ceil(per_line) as f64 * TICK);
    out.bands.push(Band { rack: None, card, ticks, more: others.len() - shown });
    card.bottom() + 6.0
}

/// A row of client chips, or of tiles when there are many, as many rows as needed; gives the lower edge.
fn chip_row(out: &mut Vec<ClientBox>, side: &Side, density: Density, width: f64, y: f64) -> f64 {
    let room = width - 12.0;
    let (gap, per_row, h, pitch, density) = match density {
        Density::Tile => (3.0, (room / 25.0).floor().max(1.0) as usize, 15.0, 18.0, Density::Tile),
        _ => (8.0, side.len().clamp(1, 3), 38.0, 44.0, Density::Folded),
    };
    let w = ((room - gap * (per_row as f64 - 1.0)) / per_row as f64).min(150.0);
    for (n, (host, name, role)) in side.iter().enumerate() {
        let (row, at) = (n / per_row, n % per_row);
        let in_row = per_row.min(side.len() - row * per_row) as f64;
        let left = (width - in_row * (w + gap) + gap) / 2.0;
        let card = Rect::new(left + at as f64 * (w + gap), y + row as f64 * pitch, w, h);
        out.push(ClientBox { host: *host, name: name.clone(), role: *role, card, density });
    }
    y + side.len().div_ceil(per_row) as f64 * pitch
}
