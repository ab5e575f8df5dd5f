//! Clients' boxes, and tools.

use super::brush::{Anchor, Brush, Face, NAME, NUMBER, PAUSE, SMALL, SMALL_BOLD, Type};
use super::groups;
use super::marks::{chip, seal};
use crate::view::{ClientBox, ConsumerView, Density, Process, ProducerView, Rect, Role, Scene};

/// So many records that wait fill a tile's bar.
const FULL: u64 = 20;

/// Draws a client's box with what its machine says of itself.
pub(crate) fn client(b: &Brush, scene: &Scene, c: &ClientBox) {
    let p = b.palette;
    let paused = scene.hosts.get(&c.host).is_some_and(|h| h.process == Process::Paused);
    if c.density == Density::Tile {
        return tile(b, scene, c, paused);
    }
    if paused {
        b.dashed_card(c.card, 5.0, &p.warn_soft, &p.warn, &[6.0, 3.0]);
        b.icon(PAUSE, c.card.right() - 18.0, c.card.y + 4.0, 14.0, &p.warn, 1.8);
    } else if waits(scene, c).is_some() {
        b.dashed_card(c.card, 5.0, &p.shelf, &p.group, &[5.0, 3.0]);
    } else {
        b.card(c.card, 5.0, &p.shelf, if c.role == Role::Tool { &p.line3 } else { &p.line2 }, 1.0);
    }
    let name = b.fitted(&c.name, NAME, c.card.w - 18.0);
    match c.role {
        Role::Producer => {
            if let Some(view) = scene.producers.get(&c.name) {
                producer(b, c, &name, view);
            }
        }
        Role::Consumer => match scene.consumers.get(&c.name) {
            Some(view) if view.group.is_some() => member(b, scene, c, view),
            Some(view) => consumer(b, c, &name, view),
            None => {}
        },
        Role::Tool | Role::Broker(_) | Role::Controller(_) => {
            let text = b.fitted(&c.name, SMALL_BOLD, c.card.w - 16.0);
            b.left(&text, c.card.x + 9.0, c.card.middle() + 4.0, SMALL_BOLD, &p.ink);
        }
    }
}

/// One of many: the end of its name, how much a producer holds, and what is not as usual in its colour and outline.
fn tile(b: &Brush, scene: &Scene, c: &ClientBox, paused: bool) {
    let (p, r) = (b.palette, c.card);
    let producer = scene.producers.get(&c.name).filter(|_| c.role == Role::Producer);
    if paused {
        b.dashed_card(r, 2.0, &p.warn_soft, &p.warn, &[4.0, 2.0]);
    } else if waits(scene, c).is_some() {
        b.dashed_card(r, 2.0, &p.group_soft, &p.group, &[3.0, 2.0]);
    } else if producer.is_some_and(|view| view.failed > 0) {
        b.card(r, 2.0, &p.bad_soft, &p.bad, 1.0);
    } else {
        b.card(r, 2.0, &p.shelf, &p.line2, 1.0);
    }
    if let Some(view) = producer {
        let h = view.pending.min(FULL) as f64 / FULL as f64 * (r.h - 2.0);
        b.rect(Rect::new(r.x + 1.0, r.bottom() - 1.0 - h, 3.0, h), &p.ink2);
    }
    let at = c.name.char_indices().rev().nth(2).map_or(0, |(at, _)| at);
    b.text(&c.name[at..], r.center() + 1.5, r.y + 11.5, SMALL, &p.ink, Anchor::Middle);
}

/// What a consumer in a group waits for.
fn waits(scene: &Scene, c: &ClientBox) -> Option<&'static str> {
    groups::waits(scene, scene.consumers.get(&c.name).filter(|_| c.role == Role::Consumer)?)
}

/// A consumer in a group: its name, what it waits for or how much it has read, and what it holds.
fn member(b: &Brush, scene: &Scene, c: &ClientBox, view: &ConsumerView) {
    let (p, r) = (b.palette, c.card);
    let corner = |y: f64, room: f64| match waits(scene, c) {
        Some(word) => {
            b.text(&b.fitted(word, SMALL_BOLD, room), r.right() - 8.0, y, SMALL_BOLD, &p.group, Anchor::Right)
        }
        None => b.text(&format!("{} read", view.delivered), r.right() - 8.0, y, NUMBER, &p.ink2, Anchor::Right),
    };
    match c.density {
        Density::Full => {
            let name = b.fitted(&c.name, NAME, r.w * 0.5);
            b.left(&name, r.x + 9.0, r.y + 17.0, NAME, &p.ink);
            corner(r.y + 17.0, r.w - b.width(&name, NAME) - 24.0);
            groups::holdings(b, scene, view, Rect::new(r.x + 8.0, r.y + 26.0, r.w - 14.0, 19.0), c.density);
        }
        Density::Folded => {
            let name = b.fitted(&c.name, SMALL_BOLD, r.w * 0.55);
            b.left(&name, r.x + 8.0, r.y + 14.0, SMALL_BOLD, &p.ink);
            corner(r.y + 14.0, r.w - b.width(&name, SMALL_BOLD) - 22.0);
            groups::holdings(b, scene, view, Rect::new(r.x + 7.0, r.y + 18.5, r.w - 12.0, 16.0), c.density);
        }
        Density::Tile | Density::Row => {
            let name = b.fitted(&c.name, SMALL, r.w * 0.42);
            b.left(&name, r.x + 6.0, r.y + 12.5, SMALL, if waits(scene, c).is_some() { &p.group } else { &p.ink });
            let x = r.x + r.w * 0.46;
            groups::holdings(b, scene, view, Rect::new(x, r.y + 1.5, r.right() - x - 3.0, 14.0), c.density);
        }
    }
}

fn producer(b: &Brush, c: &ClientBox, name: &str, view: &ProducerView) {
    let (p, r) = (b.palette, c.card);
    if c.density == Density::Row {
        seal(b, view.acks, r.x + 9.0, r.middle(), 4.5);
        b.left(&b.fitted(&c.name, SMALL, r.w - 22.0), r.x + 18.0, r.y + 12.5, SMALL, &p.ink);
        return;
    }
    b.left(name, r.x + 9.0, r.y + 16.0, NAME, &p.ink);
    seal(b, view.acks, r.x + 15.0, r.y + 27.5, 5.5);
    b.left(&format!("acks={}", view.acks_label()), r.x + 25.0, r.y + 31.5, NUMBER, &p.ink);
    if c.density != Density::Full {
        return;
    }
    if view.failed > 0 {
        b.left(&format!("{} given up", view.failed), r.x + 9.0, r.y + 48.0, SMALL_BOLD, &p.bad);
    } else {
        let word = if view.acks == 0 { "sent" } else { "acked" };
        counted(b, word, view.acked, r.x + 9.0, r.y + 48.0);
    }
    buffer(b, view.pending, r.x + 9.0, r.y + 56.0);
}

/// A word and a number after it.
fn counted(b: &Brush, word: &str, n: u64, x: f64, y: f64) {
    b.left(word, x, y, SMALL, &b.palette.ink3);
    b.left(&n.to_string(), x + b.width(word, SMALL) + 6.0, y, NUMBER, &b.palette.ink);
}

/// Records that are not acknowledged yet: five places and a count of the rest.
fn buffer(b: &Brush, pending: u64, x: f64, y: f64) {
    let p = b.palette;
    let places = if pending > 5 { 3 } else { 5u64 };
    for n in 0..places {
        let r = Rect::new(x + n as f64 * 13.0, y, 13.0, 12.0);
        b.pen(&p.line2, 0.8);
        if n < pending {
            b.rect(r, &p.cell);
            b.frame(r);
            b.rect(Rect::new(r.x + 4.0, r.y + 4.0, 5.0, 4.0), &p.ink2);
        } else {
            b.dash(&[2.0, 2.0]);
            b.frame(r);
        }
    }
    if pending > 5 {
        b.left(&format!("+{}", pending - places), x + 43.0, y + 10.0, Type(Face::Mono, 100, 400), &p.ink2);
    }
}

fn consumer(b: &Brush, c: &ClientBox, name: &str, view: &ConsumerView) {
    let (p, r) = (b.palette, c.card);
    if c.density == Density::Row {
        b.left(&b.fitted(&c.name, SMALL, r.w * 0.5), r.x + 6.0, r.y + 12.5, SMALL, &p.ink);
        b.text(&format!("{} read", view.delivered), r.right() - 6.0, r.y + 12.5, NUMBER, &p.ink2, Anchor::Right);
        return;
    }
    b.left(name, r.x + 9.0, r.y + 16.0, NAME, &p.ink);
    if c.density != Density::Full {
        counted(b, "read", view.delivered, r.x + 9.0, r.y + 31.0);
        return;
    }
    let read = format!("{} read", view.delivered);
    b.text(&read, r.right() - 9.0, r.y + 16.0, NUMBER, &p.ink2, Anchor::Right);
    if view.positions.is_empty() {
        b.left("no positions yet", r.x + 9.0, r.y + 42.0, SMALL, &p.ink3);
        return;
    }
    let widest = view.positions.iter().map(|(_, o)| o.to_string().len()).max().unwrap_or(1);
    let w = 21.0 + widest.max(2) as f64 * 7.0 + 8.0;
    let per_row = (((r.w - 8.0) / (w + 3.0)).floor() as usize).max(1);
    let room = per_row * 2;
    let shown = if view.positions.len() > room { room - 1 } else { view.positions.len() };
    for (n, (tp, offset)) in view.positions.iter().take(shown).enumerate() {
        let at =
            Rect::new(r.x + 6.0 + (n % per_row) as f64 * (w + 3.0), r.y + 25.0 + (n / per_row) as f64 * 23.0, w, 19.0);
        b.card(at, 3.0, &p.panel2, &p.line2, 1.0);
        chip(b, tp.partition, Rect::new(at.x, at.y, 21.0, 19.0));
        b.text(&offset.to_string(), at.right() - 4.0, at.y + 13.3, NUMBER, &p.ink, Anchor::Right);
    }
    if shown < view.positions.len() {
        let (column, row) = (shown % per_row, shown / per_row);
        let text = format!("+{}", view.positions.len() - shown);
        b.left(&text, r.x + 12.0 + column as f64 * (w + 3.0), r.y + 38.0 + row as f64 * 23.0, NUMBER, &p.ink2);
    }
}
