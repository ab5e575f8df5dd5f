//! Groups of consumers: their brackets, what each member holds, and the flags of what they have committed.

use super::brush::{Anchor, Brush, NAME, NUMBER, NUMBER_BOLD, SMALL, SMALL_BOLD, SWAP, TINY, Type};
use super::marks::chip;
use crate::base::{Sort, TopicPartition};
use crate::view::{
    ConsumerView, Density, GroupBox, GroupState, GroupView, Holding, MemberInfo, Rect, Scene, group_word,
};
use std::sync::Arc;

/// How a bracket is dashed while its members are between two assignments.
const DASHES: &[f64] = &[5.0, 3.5];

/// Draws a group's bracket with its name, generation and state.
pub(crate) fn bracket(b: &Brush, scene: &Scene, group: &GroupBox, narrow: bool) {
    let (p, f) = (b.palette, group.frame);
    let Some(view) = scene.groups.get(&group.id) else { return };
    let rebalances = view.state.rebalances();
    let color = match view.state {
        GroupState::Unknown => &p.bad,
        _ if rebalances => &p.group,
        GroupState::Empty => &p.ink3,
        _ => &p.ink2,
    };
    b.pen(color, 2.0);
    if rebalances || view.state == GroupState::Unknown {
        b.dash(DASHES);
    }
    let tick = 7.0;
    b.line(&[(f.x + tick, f.y + 1.0), (f.x + 1.0, f.y + 1.0), (f.x + 1.0, f.bottom()), (f.x + tick, f.bottom())]);
    let right = f.right() - 1.0;
    b.line(&[
        (right - tick + 1.0, f.y + 1.0),
        (right, f.y + 1.0),
        (right, f.bottom()),
        (right - tick + 1.0, f.bottom()),
    ]);
    if narrow { line(b, scene, group, view) } else { head(b, scene, group, view) }
}

/// A group's state, as it stands in its head.
fn state<'b>(b: &Brush<'b>, view: &GroupView) -> (String, &'b str, Type) {
    let p = b.palette;
    match view.state {
        GroupState::Unknown if view.coordinator.is_none() => ("no coordinator".into(), &p.bad, SMALL_BOLD),
        GroupState::Unknown => ("coordinator away".into(), &p.bad, SMALL_BOLD),
        GroupState::PreparingRebalance | GroupState::CompletingRebalance => {
            ("rebalancing".into(), &p.group, SMALL_BOLD)
        }
        GroupState::Empty => (group_word(view.state).into(), &p.ink3, SMALL),
        GroupState::Stable => {
            (format!("stable, {}", view.protocol.as_deref().unwrap_or("no assignor")), &p.ink3, SMALL)
        }
    }
}

fn head(b: &Brush, scene: &Scene, group: &GroupBox, view: &GroupView) {
    let (p, h) = (b.palette, group.head);
    let generation = if view.generation < 0 { String::new() } else { format!("gen {}", view.generation) };
    b.text(&generation, h.right() - 2.0, h.y + 13.0, NUMBER, &p.ink2, Anchor::Right);
    let room = h.w - b.width(&generation, NUMBER) - 14.0;
    b.left(&b.fitted(&group.id, NAME, room), h.x + 6.0, h.y + 13.5, NAME, &p.ink);
    let (words, color, kind) = state(b, view);
    let mut x = h.x + 6.0;
    if view.state.rebalances() {
        b.icon(SWAP, x - 1.0, h.y + 18.5, 12.0, color, 1.3);
        x += 15.0;
    }
    let lag = if view.committed.is_empty() { String::new() } else { format!("lag {}", scene.group_lag(view)) };
    let lag_w = b.width(&lag, NUMBER);
    b.text(&lag, h.right() - 2.0, h.y + 28.5, NUMBER, &p.ink2, Anchor::Right);
    b.left(&b.fitted(&words, kind, h.right() - 8.0 - lag_w - x), x, h.y + 28.5, kind, color);
}

/// All of a head in one line, for a phone.
fn line(b: &Brush, scene: &Scene, group: &GroupBox, view: &GroupView) {
    let (p, h) = (b.palette, group.head);
    let name = b.fitted(&group.id, NAME, h.w * 0.35);
    b.left(&name, h.x, h.y + 15.0, NAME, &p.ink);
    let (words, color, kind) = state(b, view);
    b.left(&words, h.x + b.width(&name, NAME) + 9.0, h.y + 15.0, kind, color);
    let generation = if view.generation < 0 { String::new() } else { format!("gen {} ", view.generation) };
    let text = format!("{generation}lag {}", scene.group_lag(view));
    b.text(&text, h.right(), h.y + 15.0, NUMBER, &p.ink2, Anchor::Right);
}

/// What a member waits for, in a word for the corner of its box.
pub(crate) fn waits(scene: &Scene, view: &ConsumerView) -> Option<&'static str> {
    let group = scene.groups.get(view.group.as_ref()?)?;
    let waits = |member: &MemberInfo| match (member.awaits_join, member.awaits_sync) {
        (true, _) => Some("joining"),
        (_, true) => Some("syncing"),
        _ => None,
    };
    match scene.member_of(view) {
        Some(member) => waits(member).or(view.rebalances.then_some("rebalances")),
        None if group.state == GroupState::Unknown => view.rebalances.then_some("looks for it"),
        None => Some("no member yet"),
    }
}

/// The partitions that a consumer in a group holds, as chips in an area: owned with its position, to be given up
/// hatched and struck, given and not yet taken dashed with a plus.
pub(crate) fn holdings(b: &Brush, scene: &Scene, view: &ConsumerView, area: Rect, density: Density) {
    let all = scene.holdings(view);
    if all.is_empty() {
        if density != Density::Row {
            b.left("no partitions", area.x, area.y + 13.0, SMALL, &b.palette.ink3);
        }
        return;
    }
    let (mut x, last) = (area.x, all.len() - 1);
    for (n, (tp, holding)) in all.iter().enumerate() {
        let text = label(view, tp, *holding, density);
        let chip_w = if tp.partition > 99 { 27.0 } else { 21.0 };
        let w = if text.is_empty() { chip_w } else { chip_w + b.width(&text, NUMBER) + 7.0 };
        let count = format!("+{}", all.len() - n);
        let needed = w + if n == last { 0.0 } else { b.width(&count, NUMBER) + 6.0 };
        if x + needed > area.right() + 1.0 {
            b.left(&count, x + 1.0, area.y + area.h * 0.5 + 4.0, NUMBER, &b.palette.ink2);
            return;
        }
        held(b, tp, *holding, &text, Rect::new(x, area.y, w, area.h), chip_w);
        x += w + 4.0;
    }
}

fn label(view: &ConsumerView, tp: &TopicPartition, holding: Holding, density: Density) -> String {
    let position = view.positions.iter().find(|(of, _)| of == tp).map(|(_, offset)| offset.to_string());
    match (holding, density) {
        (_, Density::Row | Density::Tile) => String::new(),
        (Holding::Owned, _) => position.unwrap_or_default(),
        (Holding::Revoked, Density::Full) => "revoked".into(),
        (Holding::Assigned, Density::Full) => "+ next".into(),
        (Holding::Revoked, _) => String::new(),
        (Holding::Assigned, _) => "+".into(),
    }
}

fn held(b: &Brush, tp: &TopicPartition, holding: Holding, text: &str, r: Rect, chip_w: f64) {
    let p = b.palette;
    let color = match holding {
        Holding::Owned => {
            b.card(r, 3.0, &p.panel2, &p.line2, 1.0);
            &p.ink
        }
        Holding::Revoked => {
            b.dashed_card(r, 3.0, &p.bad_soft, &p.bad, &[3.0, 2.0]);
            &p.bad
        }
        Holding::Assigned => {
            b.dashed_card(r, 3.0, &p.group_soft, &p.group, &[3.0, 2.0]);
            &p.group
        }
    };
    let at = Rect::new(r.x, r.y, chip_w, r.h);
    chip(b, tp.partition, at);
    if holding == Holding::Revoked {
        b.hatch(at, 4.0, true, &p.panel, 1.2);
        b.pen(&p.bad, 2.0);
        b.line(&[(at.x + 1.0, at.middle()), (at.right() - 1.0, at.middle())]);
    }
    b.text(text, r.right() - 4.0, r.middle() + 4.0, NUMBER, color, Anchor::Right);
}

/// A group's committed offset at one place of a tape.
pub(crate) struct Flag {
    pub(crate) group: Arc<str>,
    pub(crate) offset: i64,
    /// Which of the groups it is, in order: every other has a swallowtail.
    pub(crate) rank: usize,
}

/// What groups have committed of a partition, the least offset first.
pub(crate) fn flags(scene: &Scene, tp: &TopicPartition) -> Vec<Flag> {
    let of = |(rank, (id, view)): (usize, (&Arc<str>, &GroupView))| {
        Some(Flag { group: id.clone(), offset: view.committed(tp)?, rank })
    };
    let mut all: Vec<Flag> = scene.groups.iter().enumerate().filter_map(of).collect();
    all.order_by_key(|flag| flag.offset);
    all
}

/// How high a flag is.
pub(crate) const FLAG: f64 = 14.0;

/// How wide a flag and its number are.
pub(crate) fn flag_width(b: &Brush, label: &str) -> f64 {
    18.0 + b.width(label, NUMBER_BOLD)
}

/// Draws a flag whose pole stands at `x` from `top` down to `y`: the pennant with the group's initial and, beside it, the
/// offset. `left` turns it to the other side of its pole.
pub(crate) fn flag(b: &Brush, flag: &Flag, label: &str, (x, top, y): (f64, f64, f64), left: bool) {
    let p = b.palette;
    let s = if left { -1.0 } else { 1.0 };
    b.pen(&p.group, 1.6);
    b.line(&[(x, top), (x, y + FLAG)]);
    let w = 14.0;
    let shape: &[(f64, f64)] = if flag.rank.is_multiple_of(2) {
        &[(0.0, 0.0), (w, 0.0), (w, FLAG), (0.0, FLAG)]
    } else {
        &[(0.0, 0.0), (w, 0.0), (w - 4.0, FLAG / 2.0), (w, FLAG), (0.0, FLAG)]
    };
    let moved: Vec<(f64, f64)> = shape.iter().map(|(dx, dy)| (x + s * dx, y + dy)).collect();
    let solid = flag.rank.is_multiple_of(2);
    b.fill(&moved, if solid { &p.group } else { &p.shelf });
    b.pen(&p.group, 1.3);
    b.ctx.stroke();
    let initial: String = flag.group.chars().take(1).collect();
    let ink = if solid { &p.shelf } else { &p.group };
    b.text(&initial, x + s * (w / 2.0 - 0.5), y + FLAG - 3.6, SMALL_BOLD, ink, Anchor::Middle);
    let (at, anchor) = if left { (x - w - 3.0, Anchor::Right) } else { (x + w + 3.0, Anchor::Left) };
    b.halo(label, at, y + FLAG - 3.0, NUMBER_BOLD, (&p.group, &p.shelf), anchor);
}

/// A flag without room for anything: its pennant alone, under a bar.
pub(crate) fn small_flag(b: &Brush, x: f64, y: f64, rank: usize) {
    let p = b.palette;
    let shape = [(x, y), (x + 5.0, y + 2.0), (x, y + 4.0)];
    b.pen(&p.group, 1.2);
    b.line(&[(x, y - 1.0), (x, y + 6.0)]);
    b.fill(&shape, if rank.is_multiple_of(2) { &p.group } else { &p.shelf });
}

/// Which groups a broker coordinates, under its name: as many as there is room for.
pub(crate) fn coordinated(b: &Brush, scene: &Scene, broker: i32, x: f64, y: f64, room: f64) {
    let of = |(id, view): (&Arc<str>, &GroupView)| (view.coordinator == Some(broker)).then(|| id.to_string());
    let all: Vec<String> = scene.groups.iter().filter_map(of).collect();
    if all.is_empty() {
        return;
    }
    let p = b.palette;
    b.pen(&p.group, 1.5);
    b.line(&[(x + 3.0, y - 8.5), (x, y - 8.5), (x, y + 0.5), (x + 3.0, y + 0.5)]);
    b.line(&[(x + 6.0, y - 8.5), (x + 9.0, y - 8.5), (x + 9.0, y + 0.5), (x + 6.0, y + 0.5)]);
    b.left(&b.fitted(&all.join(", "), SMALL_BOLD, room - 14.0), x + 14.0, y, SMALL_BOLD, &p.group);
    b.left("coordinator", x, y + 12.0, TINY, &p.ink3);
}
