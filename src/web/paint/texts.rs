//! What is written beside the figure: the topic, the record keys, how many there was no room for.

use super::brush::{Anchor, Brush, Face, NUMBER, SMALL, Type};
use super::marks::{Ink, token};
use crate::base::SortedSet;
use crate::view::{Column, Layout, Level, Scene, Token};
use std::sync::Arc;

const TITLE: Type = Type(Face::Text, 170, 600);

/// The topic whose partitions have the columns, at the upper left.
pub(crate) fn title(b: &Brush, scene: &Scene, layout: &Layout) {
    let p = b.palette;
    let room = layout.quorum.as_ref().map_or(320.0, |q| q.card.x - 22.0);
    let own: Vec<&Arc<str>> = scene.topics.keys().filter(|t| !t.starts_with("__")).collect();
    let first = layout.columns.first().map(|c| &c.tp.topic).or(own.first().copied());
    let Some(topic) = first else {
        b.left("No topic yet", 14.0, 31.0, TITLE, &p.ink);
        return;
    };
    let all = if own.len() <= 3 && layout.field.is_none() {
        own.iter().map(|t| &***t).collect::<Vec<_>>().join(", ")
    } else {
        topic.to_string()
    };
    b.left(&b.fitted(&all, TITLE, room), 14.0, 31.0, TITLE, &p.ink);
    let mut lines = Vec::new();
    let s = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    if let Some(view) = scene.topics.get(topic) {
        let replicas = view.replication_factor.max(0) as usize;
        lines.push(format!("{}, {}", s(scene.partitions.len() - layout.hidden, "partition"), s(replicas, "replica")));
        if view.min_isr > 1 {
            lines.push(format!("min.insync.replicas {}", view.min_isr));
        }
    }
    if own.len() > 3 {
        lines.push(format!("and {} more topics", own.len() - 1));
    }
    if layout.hidden > 0 {
        lines.push(format!("and {} of Kafka’s own", layout.hidden));
    }
    for (n, line) in lines.iter().take(4).enumerate() {
        b.left(&b.fitted(line, SMALL, room), 14.0, 49.0 + n as f64 * 14.5, SMALL, &p.ink3);
    }
}

/// Above runs of narrow columns: of which topic they are, where there are several.
pub(crate) fn topics(b: &Brush, scene: &Scene, layout: &Layout) {
    let own = scene.topics.keys().filter(|t| !t.starts_with("__")).count();
    let narrow: Vec<&Column> = layout.columns.iter().filter(|c| c.level == Level::Bars && c.panel.is_none()).collect();
    if own < 2 {
        return;
    }
    for run in narrow.chunk_by(|a, b| a.tp.topic == b.tp.topic) {
        let (first, last) = (run[0].head, run[run.len() - 1].head);
        let text = b.fitted(&run[0].tp.topic, SMALL, last.right() + 10.0 - first.x);
        b.halo(&text, first.x, first.y - 3.5, SMALL, (&b.palette.ink3, &b.palette.stage), Anchor::Left);
    }
}

/// How many clients there was no room for.
pub(crate) fn more(b: &Brush, layout: &Layout) {
    for (place, n) in layout.more_clients.iter().filter(|(_, n)| *n > 0) {
        b.left(&format!("and {n} more"), place.x + 9.0, place.y + 11.0, SMALL, &b.palette.ink3);
    }
}

/// Which key has which token, at the upper right: the keys that are on the tapes.
pub(crate) fn legend(b: &Brush, scene: &Scene, layout: &Layout) {
    let of_records = layout.columns.iter().filter(|c| c.level == Level::Records);
    let shown = of_records.flat_map(|c| c.tapes.iter().map(|(id, _)| (c.tp.clone(), *id)));
    let replicas = shown.filter_map(|key| scene.replicas.get(&key));
    let keys: SortedSet<&Arc<str>> = replicas.flat_map(|r| &r.tail).filter_map(|c| c.key.as_ref()).collect();
    if keys.is_empty() {
        return;
    }
    let (left, column) = (layout.width - 164.0, 86.0);
    b.left("Record keys", left, 28.0, SMALL, &b.palette.ink3);
    let rows = if keys.len() > 8 { 4 } else { keys.len().div_ceil(2) };
    for (n, key) in keys.iter().take(8).enumerate() {
        let (x, y) = (left + (n / rows) as f64 * column, 39.0 + (n % rows) as f64 * 15.0);
        token(b, Token::of(Some(key)), x + 5.0, y, 4.4, Ink::Solid);
        b.left(&b.fitted(key, NUMBER, column - 18.0), x + 15.0, y + 4.0, NUMBER, &b.palette.ink);
    }
}
