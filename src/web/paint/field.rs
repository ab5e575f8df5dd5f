//! The field: partitions as tiles, topics as counted strips. All tiles of a kind are one path, so that thousands cost
//! little.

use super::brush::{Anchor, Brush, SMALL, SMALL_BOLD};
use crate::base::{SortedMap, TopicPartition};
use crate::view::{Field, Health, Item, Layout, Rect, Scene};
use std::sync::Arc;

/// How a tile is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Follower,
    Leader,
    Out,
    Offline,
}

/// What a strip counts.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    leaders: u32,
    followers: u32,
    out: u32,
    offline: u32,
}

/// Draws the field.
pub(crate) fn draw(b: &Brush, scene: &Scene, layout: &Layout, field: &Field) {
    head(b, scene, field);
    if field.is_tiles() {
        tiles(b, scene, layout, field);
    } else {
        strips(b, scene, layout, field);
    }
}

fn kind(scene: &Scene, tp: &TopicPartition, broker: i32) -> Kind {
    let Some(partition) = scene.partitions.get(tp) else { return Kind::Offline };
    match (scene.broker_process(broker).is_up(), partition.isr.contains(&broker)) {
        (false, _) => Kind::Offline,
        _ if partition.leader == Some(broker) => Kind::Leader,
        (true, true) => Kind::Follower,
        (true, false) => Kind::Out,
    }
}

fn tiles(b: &Brush, scene: &Scene, layout: &Layout, field: &Field) {
    let mut by_kind: SortedMap<Kind, Vec<Rect>> = SortedMap::new();
    for (n, item) in field.items.iter().enumerate() {
        let Item::Tile(tp) = item else { continue };
        let Some(partition) = scene.partitions.get(tp) else { continue };
        // In a rack that holds two replicas the leader, or what is worst, is seen.
        let mut rows: SortedMap<usize, Kind> = SortedMap::new();
        for broker in &partition.replicas {
            if let Some(row) = layout.rows.get(broker) {
                let kind = kind(scene, tp, *broker);
                rows.entry(*row).and_modify(|k| *k = kind.max(*k)).or_insert(kind);
            }
        }
        for (row, kind) in rows {
            if let Some(r) = field.place(row, n) {
                by_kind.entry(kind).or_default().push(r);
            }
        }
    }
    for (kind, rects) in by_kind {
        tiles_of(b, kind, &rects);
    }
}

/// All tiles of a kind, as one path.
fn tiles_of(b: &Brush, kind: Kind, rects: &[Rect]) {
    let p = b.palette;
    let (inset, fill, line, width): (f64, &str, Option<&str>, f64) = match kind {
        Kind::Leader => (0.0, &p.ink2, None, 0.0),
        Kind::Follower => (0.5, &p.cell, Some(&p.line2), 1.0),
        Kind::Out => (0.6, &p.warn_soft, Some(&p.warn), 1.2),
        Kind::Offline => (0.5, &p.panel2, Some(&p.dead), 1.0),
    };
    b.ctx.begin_path();
    rects.iter().for_each(|r| b.ctx.rect(r.x + inset, r.y + inset, r.w - 2.0 * inset, r.h - 2.0 * inset));
    b.ink(fill);
    b.ctx.fill();
    let Some(line) = line else { return };
    if kind == Kind::Offline {
        rects.iter().for_each(|r| b.add(&[(r.x, r.bottom()), (r.right(), r.y)]));
    }
    b.pen(line, width);
    if kind == Kind::Out {
        b.dash(&[2.0, 1.4]);
    }
    b.ctx.stroke();
}

/// Counts of every topic in every row, in one pass over the partitions.
fn counts(scene: &Scene, layout: &Layout, field: &Field) -> SortedMap<(usize, usize), Count> {
    let topics: SortedMap<&Arc<str>, usize> = field
        .items
        .iter()
        .enumerate()
        .filter_map(|(n, item)| match item {
            Item::Strip(topic, _) => Some((topic, n)),
            Item::Tile(_) => None,
        })
        .collect();
    let mut out: SortedMap<(usize, usize), Count> = SortedMap::new();
    let mut last: Option<(&Arc<str>, Option<usize>)> = None;
    for (tp, partition) in &scene.partitions {
        let item = match last {
            Some((topic, item)) if *topic == tp.topic => item,
            _ => topics.get(&tp.topic).copied(),
        };
        last = Some((&tp.topic, item));
        let Some(item) = item else { continue };
        for broker in &partition.replicas {
            let Some(row) = layout.rows.get(broker) else { continue };
            let count = out.entry((item, *row)).or_default();
            match kind(scene, tp, *broker) {
                Kind::Leader => count.leaders += 1,
                Kind::Follower => count.followers += 1,
                Kind::Out => count.out += 1,
                Kind::Offline => count.offline += 1,
            }
        }
    }
    out
}

fn strips(b: &Brush, scene: &Scene, layout: &Layout, field: &Field) {
    for ((item, row), count) in counts(scene, layout, field) {
        let Some(r) = field.place(row, item) else { continue };
        let bar = if field.is_named() {
            if let Item::Strip(topic, _) = &field.items[item] {
                b.left(&b.fitted(topic, SMALL, r.w), r.x, r.y + 10.0, SMALL, &b.palette.ink3);
            }
            Rect::new(r.x, r.y + 13.0, r.w, 7.0)
        } else {
            Rect::new(r.x, r.y + 0.5, r.w, r.h - 1.0)
        };
        strip(b, bar, count);
    }
}

/// A topic in a row: leaders, followers in sync, out of sync, offline, each as wide as its share.
fn strip(b: &Brush, r: Rect, count: Count) {
    let p = b.palette;
    let all = f64::from(count.leaders + count.followers + count.out + count.offline).max(1.0);
    let mut x = r.x;
    let part = |n: u32, x: &mut f64| {
        let w = r.w * f64::from(n) / all;
        let part = Rect::new(*x, r.y, if n > 0 { w.max(2.0) } else { 0.0 }, r.h);
        *x += w;
        part
    };
    b.rect(part(count.leaders, &mut x), &p.ink2);
    b.rect(part(count.followers, &mut x), &p.cell);
    let out = part(count.out, &mut x);
    b.rect(out, &p.warn);
    let offline = part(count.offline, &mut x);
    if offline.w > 0.0 {
        b.rect(offline, &p.bad_soft);
        b.pen(&p.bad, 1.0);
        let mut x = offline.x;
        b.ctx.begin_path();
        while x < offline.right() {
            b.add(&[(x, offline.bottom()), ((x + offline.h).min(offline.right()), offline.y)]);
            x += 3.0;
        }
        b.ctx.stroke();
    }
    b.pen(if count.offline > 0 { &p.bad } else { &p.line2 }, 0.8);
    b.frame(r);
}

/// What the field holds, and how it is: in words above it.
fn head(b: &Brush, scene: &Scene, field: &Field) {
    if field.head.h < 20.0 {
        return;
    }
    let (p, h) = (b.palette, field.head);
    let text = format!("{} more partitions", field.partitions);
    b.left(&b.fitted(&text, SMALL_BOLD, h.w), h.x, h.y + 12.5, SMALL_BOLD, &p.ink);
    let (words, color) = match worst(scene) {
        Some((n, Health::Offline)) => (format!("{n} without leader"), &p.bad),
        Some((n, Health::BelowMinIsr)) => (format!("{n} below min ISR"), &p.warn),
        Some((n, _)) => (format!("{n} under-replicated"), &p.warn),
        None => ("all in sync".into(), &p.ink3),
    };
    b.text(&b.fitted(&words, SMALL, h.w), h.x, h.y + 32.0, SMALL, color, Anchor::Left);
}

/// The worst state that any partition is in, and how many are.
fn worst(scene: &Scene) -> Option<(usize, Health)> {
    let mut counts: SortedMap<Health, usize> = SortedMap::new();
    for (tp, partition) in &scene.partitions {
        *counts.entry(partition.health(scene.min_isr(tp))).or_default() += 1;
    }
    counts.into_iter().next_back().filter(|(health, _)| *health != Health::Whole).map(|(health, n)| (n, health))
}
