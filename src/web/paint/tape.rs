//! A partition's column: its head, and the tape of its replica on a shelf.

use super::brush::{Anchor, Brush, Face, NAME, NUMBER, NUMBER_BOLD, SMALL, SMALL_BOLD, Type};
use super::marks::{Ink, chip, pip, token};
use super::motion::Shown;
use crate::base::TopicPartition;
use crate::view::{Cell, Column, PartitionView, Rect, ReplicaView, Scene, TAB, Token};
use std::collections::BTreeMap;

/// A column and what there is to say about it.
pub(crate) struct Tape<'a> {
    pub(crate) column: &'a Column,
    pub(crate) partition: &'a PartitionView,
    pub(crate) replica: &'a ReplicaView,
    pub(crate) leads: bool,
    pub(crate) shown: Shown,
}

impl Tape<'_> {
    fn x(&self, offset: f64) -> f64 {
        let c = self.column;
        (c.track_x() + (offset - self.shown.first) * c.cell).clamp(c.track_x(), c.tape.right())
    }

    /// Draws head, tape and marks.
    pub(crate) fn draw(&self, b: &Brush, scene: &Scene) {
        self.head(b);
        self.track(b);
        self.cells(b);
        self.outline(b);
        self.captions(b);
        self.water(b);
        self.positions(b, scene);
    }

    fn head(&self, b: &Brush) {
        let (h, p, tp) = (self.column.head, b.palette, &self.column.tp);
        chip(b, tp.partition, Rect::new(h.x, h.y, 24.0, 16.0));
        let pips = self.partition.replicas.len() as f64 * 19.0;
        let pips_x = h.right() - pips + 3.0;
        let room = pips_x - 30.0 - (h.x + 31.0);
        b.left(&b.fitted(&tp.to_string(), NAME, room), h.x + 31.0, h.y + 12.5, NAME, &p.ink);
        b.text("ISR", pips_x - 5.0, h.y + 12.0, SMALL, &p.ink3, Anchor::Right);
        for (n, broker) in self.partition.replicas.iter().enumerate() {
            let (isr, lead) = (self.partition.isr.contains(broker), self.partition.leader == Some(*broker));
            pip(b, *broker, pips_x + n as f64 * 19.0, h.y + 0.5, isr, lead);
        }
    }

    fn track(&self, b: &Brush) {
        let (c, p) = (self.column, b.palette);
        b.pen(&p.line, 1.0);
        b.dash(&[2.0, 3.0]);
        b.frame(Rect::new(c.track_x(), c.tape.y, c.tape.w - TAB, c.tape.h));
        let tab = Rect::new(c.tape.x, c.tape.y, TAB, c.tape.h);
        b.ctx.begin_path();
        b.ctx.move_to(tab.right(), tab.y);
        for (x, y, to_x, to_y) in
            [(tab.x, tab.y, tab.x, tab.bottom()), (tab.x, tab.bottom(), tab.right(), tab.bottom())]
        {
            // Refused only for a negative radius.
            let _ = b.ctx.arc_to(x, y, to_x, to_y, 4.0);
        }
        b.ctx.line_to(tab.right(), tab.bottom());
        b.ctx.close_path();
        let (fill, line, ink) = if self.leads { (&p.ink, &p.ink, &p.shelf) } else { (&p.shelf, &p.line3, &p.ink) };
        b.ctx.set_fill_style_str(fill);
        b.ctx.fill();
        b.pen(line, if self.leads { 2.2 } else { 1.2 });
        b.ctx.stroke();
        let letter = if self.leads { "L" } else { "F" };
        let middle = tab.x + TAB / 2.0;
        b.text(letter, middle, tab.y + 16.0, NAME, ink, Anchor::Middle);
        b.text(&format!("e{}", self.partition.leader_epoch), middle, tab.y + 30.0, NUMBER, ink, Anchor::Middle);
    }

    fn cells(&self, b: &Brush) {
        let c = self.column;
        b.ctx.save();
        b.ctx.begin_path();
        b.ctx.rect(c.track_x(), c.tape.y - 14.0, c.tape.w - TAB, c.tape.h + 14.0);
        b.ctx.clip();
        for cell in &self.replica.tail {
            let x = c.track_x() + (cell.offset as f64 - self.shown.first) * c.cell;
            if x + c.cell > c.track_x() && x < c.tape.right() {
                self.cell(b, cell, x);
            }
        }
        b.ctx.restore();
    }

    fn cell(&self, b: &Brush, cell: &Cell, x: f64) {
        let (c, p) = (self.column, b.palette);
        let committed = self.replica.committed(cell.offset);
        let r = Rect::new(x, c.tape.y, c.cell, c.tape.h);
        b.rect(r, if committed { &p.cell } else { &p.cell_open });
        b.pen(&p.line2, 0.8);
        if !committed {
            b.dash(&[2.0, 2.0]);
        }
        b.frame(r);
        let middle = x + c.cell / 2.0;
        let settled = (self.shown.settled - cell.offset as f64).clamp(0.0, 1.0);
        let ink = if committed { Ink::Solid } else { Ink::Hollow };
        token(b, Token::of(cell.key.as_deref()), middle, r.y + 12.2 - 12.0 * (1.0 - settled), 4.9, ink);
        let color = if committed { &p.ink } else { &p.ink2 };
        b.text(&last_digits(cell.offset), middle, r.y + 31.9, NUMBER, color, Anchor::Middle);
    }

    fn outline(&self, b: &Brush) {
        let (c, p) = (self.column, b.palette);
        let (top, bottom, end) = (c.tape.y, c.tape.bottom(), self.x(self.replica.leo as f64));
        let width = if self.leads { 2.2 } else { 1.2 };
        b.pen(if self.leads { &p.ink } else { &p.line3 }, width);
        b.line(&[(c.track_x(), top), (end, top), (end, bottom), (c.track_x(), bottom)]);
        b.pen(if self.leads { &p.ink } else { &p.ink3 }, width);
        b.line(&[(end - 3.5, top - 4.0), (end, top - 4.0), (end, bottom + 4.0), (end - 3.5, bottom + 4.0)]);
        if self.shown.first > self.replica.start as f64 + 0.01 {
            b.pen(&p.shelf, 2.2);
            for y in [top, bottom] {
                for dx in [-2.5, 1.0] {
                    let x = c.track_x() + dx;
                    b.line(&[(x, y + 4.0), (x + 3.0, y - 4.0)]);
                }
            }
        }
    }

    fn captions(&self, b: &Brush) {
        let (c, p) = (self.column, b.palette);
        let y = c.tape.y - 9.0;
        let (role, kind, color) =
            if self.leads { ("leader", SMALL_BOLD, &p.ink) } else { ("follower", SMALL, &p.ink3) };
        b.left(role, c.tape.x, y, kind, color);
        let leo = self.replica.leo.to_string();
        let w = b.width(&leo, NUMBER);
        let (end, need) = (self.x(self.replica.leo as f64), w + 31.0);
        let beside = (end + need + 2.0).max(c.tape.x + 44.0 + need);
        let right = if end - c.tape.x > 52.0 + need { end - 5.0 } else { beside };
        b.text(&leo, right, y, NUMBER, &p.ink, Anchor::Right);
        b.text("LEO", right - w - 5.0, y, NUMBER, &p.ink3, Anchor::Right);
        if self.replica.leo > 1_000 {
            let prefix = format!("{}···", self.replica.leo / 1000);
            b.left(&prefix, c.track_x() + 18.0, y, NUMBER, &p.ink3);
        }
    }

    /// The high watermark: ▽ and number in the head, a line down the tape.
    fn water(&self, b: &Brush) {
        let (c, p) = (self.column, b.palette);
        let x = self.x(self.shown.hw);
        let y = c.head.y + 24.0;
        b.pen(&p.hw, 1.0);
        b.dash(&[2.0, 3.0]);
        b.line(&[(x, y + 8.0), (x, c.tape.y)]);
        b.pen(&p.hw, if self.leads { 3.0 } else { 1.8 });
        b.line(&[(x, c.tape.y - 5.0), (x, c.tape.bottom() + 5.0)]);
        b.fill(&[(x - 5.0, y), (x + 5.0, y), (x, y + 8.0)], &p.hw);
        let label = format!("HW {}", self.replica.hw);
        let w = b.width(&label, HW);
        let left = if x - c.head.x > w + 10.0 { x - 11.0 - w } else { x + 7.0 };
        b.rect(Rect::new(left, y - 2.0, w + 4.0, 12.0), &p.stage);
        if x - c.head.x > w + 10.0 {
            b.text(&label, x - 9.0, y + 8.0, HW, &p.hw, Anchor::Right);
        } else {
            b.left(&label, x + 9.0, y + 8.0, HW, &p.hw);
        }
    }

    /// Consumers' positions, below the tape: the next offset that each will read.
    fn positions(&self, b: &Brush, scene: &Scene) {
        let (c, p) = (self.column, b.palette);
        let all: Vec<_> = positions(scene, &c.tp).into_iter().take(ROWS).collect();
        let bottom = c.tape.bottom();
        let y = |row: usize| bottom + 14.0 + row as f64 * 13.0;
        for (row, (_, offset)) in all.iter().enumerate() {
            let x = self.x(*offset as f64);
            b.pen(&p.ink2, 1.6);
            b.line(&[(x, bottom + 2.0), (x, y(row) + 2.0)]);
            b.fill(&[(x, bottom + 1.0), (x + 4.0, bottom + 7.0), (x - 4.0, bottom + 7.0)], &p.ink2);
        }
        for (row, (name, offset)) in all.iter().enumerate() {
            self.position(b, name, *offset, y(row));
        }
    }

    /// A position's name and number, beside its pole, on the side where there is room.
    fn position(&self, b: &Brush, name: &str, offset: i64, y: f64) {
        let (c, p) = (self.column, b.palette);
        let x = self.x(offset as f64);
        let behind = (offset as f64) < self.shown.first - 0.5;
        let label = format!("{}{offset}", if behind { "‹ " } else { "" });
        let number = b.width(&label, NUMBER_BOLD);
        let name = b.fitted(name, SMALL, 64.0);
        let total = number + b.width(&name, SMALL) + 6.0;
        let left = if x > c.tape.x + c.tape.w / 2.0 { x - 6.0 - total } else { x + 6.0 };
        b.rect(Rect::new(left - 2.0, y - 8.0, total + 4.0, 12.0), &p.shelf);
        b.left(&name, left, y + 2.0, SMALL, &p.ink2);
        b.left(&label, left + total - number, y + 2.0, NUMBER_BOLD, &p.ink);
    }
}

/// How many rows of positions there is room for below a tape.
const ROWS: usize = 2;

const HW: Type = Type(Face::Mono, 12.0, 600);

/// Who reads a partition, and from where: those at one offset together, the foremost first.
fn positions(scene: &Scene, tp: &TopicPartition) -> Vec<(String, i64)> {
    let mut at: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for (name, consumer) in &scene.consumers {
        if let Some((_, offset)) = consumer.positions.iter().find(|(of, _)| of == tp) {
            at.entry(*offset).or_default().push(name);
        }
    }
    let label = |names: Vec<&str>| match names[..] {
        [one] => one.to_owned(),
        _ => format!("{} +{}", names[0], names.len() - 1),
    };
    at.into_iter().rev().map(|(offset, names)| (label(names), offset)).collect()
}

/// An offset as a cell shows it: its last three digits; the tape says what comes before them.
fn last_digits(offset: i64) -> String {
    if offset < 1000 { offset.to_string() } else { format!("{:03}", offset % 1000) }
}
