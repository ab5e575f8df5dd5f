//! A replica's tape: record by record, or as a bar to scale.

use super::brush::{Anchor, Brush, NAME, NUMBER, SMALL_BOLD, Type};
use super::marks::{Ink, token};
use super::motion::Shown;
use crate::view::{Cell, Column, Level, Rect, ReplicaView, Standing, Token};

/// A replica and what there is to say about it.
pub(crate) struct Tape<'a> {
    pub(crate) column: &'a Column,
    pub(crate) rect: Rect,
    pub(crate) replica: &'a ReplicaView,
    pub(crate) standing: Standing,
    /// Whether it was elected a moment ago.
    pub(crate) gold: bool,
    pub(crate) shown: Shown,
}

/// How a tape's outline is drawn.
struct Line<'a> {
    color: &'a str,
    width: f64,
    dashes: &'static [f64],
}

const DASHED: &[f64] = &[4.0, 2.6];

impl Tape<'_> {
    /// Where an offset is, on the track.
    pub(crate) fn x(&self, offset: f64) -> f64 {
        let c = self.column;
        let left = self.rect.x + c.tab;
        (left + (offset - self.shown.first) * c.cell).clamp(left, self.rect.right())
    }

    /// Where the log ends on the track.
    pub(crate) fn end(&self) -> f64 {
        self.x(self.replica.leo as f64)
    }

    fn leads(&self) -> bool {
        self.standing == Standing::Leads
    }

    fn line<'b>(&self, b: &Brush<'b>) -> Line<'b> {
        let p = b.palette;
        match self.standing {
            Standing::Leads => Line { color: &p.ink, width: 2.2, dashes: &[] },
            Standing::Deposed => Line { color: &p.warn, width: 1.8, dashes: DASHED },
            Standing::OutOfSync { .. } => Line { color: &p.warn, width: 1.2, dashes: DASHED },
            Standing::Paused { in_isr } if !in_isr => Line { color: &p.warn, width: 1.2, dashes: DASHED },
            _ => Line { color: &p.line3, width: 1.2, dashes: &[] },
        }
    }

    /// Draws the tape.
    pub(crate) fn draw(&self, b: &Brush) {
        self.track(b);
        self.tab(b);
        match self.column.level {
            Level::Records => self.cells(b),
            Level::Bars => self.bar(b),
        }
        self.epochs(b);
        self.outline(b);
    }

    fn track(&self, b: &Brush) {
        b.pen(&b.palette.line, 1.0);
        b.dash(&[2.0, 3.0]);
        b.frame(Rect::new(self.rect.x + self.column.tab, self.rect.y, self.rect.w - self.column.tab, self.rect.h));
    }

    fn tab(&self, b: &Brush) {
        let (p, r) = (b.palette, Rect::new(self.rect.x, self.rect.y, self.column.tab, self.rect.h));
        b.ctx.begin_path();
        b.ctx.move_to(r.right(), r.y);
        for (x, y, to_x, to_y) in [(r.x, r.y, r.x, r.bottom()), (r.x, r.bottom(), r.right(), r.bottom())] {
            // Refused only for a negative radius.
            let _ = b.ctx.arc_to(x, y, to_x, to_y, 4.0);
        }
        b.ctx.line_to(r.right(), r.bottom());
        b.ctx.close_path();
        let (fill, ink) = match self.standing {
            Standing::Leads if self.gold => (&p.gold, &p.gold_ink),
            Standing::Leads => (&p.ink, &p.shelf),
            _ => (&p.shelf, &p.ink),
        };
        b.ink(fill);
        b.ctx.fill();
        let line = self.line(b);
        b.pen(line.color, line.width);
        if !line.dashes.is_empty() {
            b.dash(line.dashes);
        }
        b.ctx.stroke();
        let letter = if self.replica.leads { "L" } else { "F" };
        let epoch = format!("e{}", self.replica.epoch);
        let middle = r.center();
        if r.h >= 30.0 {
            b.text(letter, middle, r.y + 16.0, NAME, ink, Anchor::Middle);
            b.text(&epoch, middle, r.y + 30.0, NUMBER, ink, Anchor::Middle);
        } else {
            let kind = if r.h < 14.0 { super::brush::TINY } else { SMALL_BOLD };
            b.text(letter, middle, r.middle() + 4.0, kind, ink, Anchor::Middle);
        }
    }

    fn cells(&self, b: &Brush) {
        let (c, r) = (self.column, self.rect);
        let left = r.x + c.tab;
        let place = |cell: &Cell| left + (cell.offset as f64 - self.shown.first) * c.cell;
        let seen = |cell: &&Cell| place(cell) + c.cell > left && place(cell) < r.right();
        let cells: Vec<&Cell> = self.replica.tail.iter().filter(seen).collect();
        if cells.is_empty() {
            return;
        }
        b.apart(|| {
            b.ctx.begin_path();
            b.ctx.rect(left, r.y - 14.0, r.w - c.tab, r.h + 14.0);
            b.ctx.clip();
            self.ground(b, &cells);
            for cell in cells {
                self.record(b, cell, place(cell));
            }
        });
    }

    /// What lies under the records: tinted where they are committed, white where not, hatched where they will be cut;
    /// and the lines between them.
    fn ground(&self, b: &Brush, cells: &[&Cell]) {
        let (c, p, r) = (self.column, b.palette, self.rect);
        let left = r.x + c.tab;
        let x = |offset: i64| left + (offset as f64 - self.shown.first) * c.cell;
        let (first, end) = (cells[0].offset, cells[cells.len() - 1].offset + 1);
        let water = self.replica.hw.clamp(first, end);
        let doomed = self.replica.diverges.map_or(end, |at| at.clamp(first, end));
        let span = |from: i64, to: i64| Rect::new(x(from), r.y, (x(to) - x(from)).max(0.0), r.h);
        b.rect(span(first, water.min(doomed)), &p.cell);
        b.rect(span(water.min(doomed), doomed), &p.cell_open);
        if doomed < end {
            self.doomed(b, span(doomed, end));
        }
        b.pen(&p.line2, 0.8);
        b.ctx.begin_path();
        (first..water).for_each(|n| b.add(&[(x(n), r.y), (x(n), r.bottom())]));
        b.ctx.stroke();
        if water < end {
            b.dash(&[2.0, 2.0]);
            b.ctx.begin_path();
            (water..end).for_each(|n| b.add(&[(x(n), r.y), (x(n), r.bottom())]));
            b.add(&[(x(water), r.y), (x(end), r.y)]);
            b.add(&[(x(water), r.bottom()), (x(end), r.bottom())]);
            b.ctx.stroke();
        }
    }

    fn record(&self, b: &Brush, cell: &Cell, x: f64) {
        let (c, p, r) = (self.column, b.palette, self.rect);
        let committed = self.replica.committed(cell.offset);
        let middle = x + c.cell / 2.0;
        let settled = (self.shown.settled - cell.offset as f64).clamp(0.0, 1.0);
        let ink = if committed { Ink::Solid } else { Ink::Hollow };
        token(b, Token::of(cell.key.as_deref()), middle, r.y + 12.2 - 12.0 * (1.0 - settled), 4.9, ink);
        let color = if committed { &p.ink } else { &p.ink2 };
        b.text(&digits(cell.offset, c.cell), middle, r.bottom() - 6.1, NUMBER, color, Anchor::Middle);
    }

    fn bar(&self, b: &Brush) {
        let (p, r) = (b.palette, self.rect);
        let (first, water, end) = (self.x(self.replica.start as f64), self.x(self.shown.hw), self.end());
        b.rect(Rect::new(first, r.y, (water - first).max(0.0), r.h), &p.cell);
        b.rect(Rect::new(water, r.y, (end - water).max(0.0), r.h), &p.cell_open);
        if let Some(from) = self.replica.diverges {
            let x = self.x(from as f64);
            self.doomed(b, Rect::new(x, r.y, (end - x).max(0.0), r.h));
        }
        if end > water {
            b.pen(&p.line2, 0.8);
            b.dash(&[2.0, 2.0]);
            b.line(&[(water, r.y), (water, r.bottom())]);
        }
    }

    fn doomed(&self, b: &Brush, r: Rect) {
        b.rect(r, &b.palette.bad_soft);
        b.apart(|| {
            b.ctx.set_global_alpha(0.5);
            b.hatch(r, 6.0, false, &b.palette.bad, 1.1);
        });
    }

    /// Where an epoch begins within what is seen.
    fn epochs(&self, b: &Brush) {
        if self.column.level == Level::Bars {
            return;
        }
        for pair in self.replica.tail.windows(2) {
            let at = pair[1].offset as f64;
            if pair[0].epoch != pair[1].epoch && at > self.shown.first {
                let x = self.x(at);
                if x < self.rect.right() {
                    b.pen(&b.palette.epoch, 2.4);
                    b.line(&[(x, self.rect.y - 4.0), (x, self.rect.bottom() + 4.0)]);
                }
            }
        }
    }

    fn outline(&self, b: &Brush) {
        let (p, r) = (b.palette, self.rect);
        let (left, top, bottom, end) = (r.x + self.column.tab, r.y, r.bottom(), self.end());
        let line = self.line(b);
        b.pen(line.color, line.width);
        if !line.dashes.is_empty() {
            b.dash(line.dashes);
        }
        b.line(&[(left, top), (end, top), (end, bottom), (left, bottom)]);
        let bracket = match self.standing {
            Standing::Leads => &p.ink,
            Standing::OutOfSync { .. } | Standing::Deposed => &p.warn,
            _ => &p.ink3,
        };
        b.pen(bracket, if self.leads() { 2.2 } else { 1.6 });
        let over = if r.h >= 30.0 { 4.0 } else { 2.5 };
        b.line(&[(end - 3.5, top - over), (end, top - over), (end, bottom + over), (end - 3.5, bottom + over)]);
        if self.shown.first > self.replica.start as f64 + 0.01 && end > left && r.h >= 30.0 {
            b.pen(&p.shelf, 2.2);
            for y in [top, bottom] {
                for dx in [-2.5, 1.0] {
                    b.line(&[(left + dx, y + 4.0), (left + dx + 3.0, y - 4.0)]);
                }
            }
        }
    }

    /// The water level of this copy.
    pub(crate) fn water(&self, b: &Brush) {
        if matches!(self.standing, Standing::Offline { .. }) || self.replica.hw < self.shown.first as i64 {
            return;
        }
        let (x, r) = (self.x(self.shown.hw), self.rect);
        let over = if r.h >= 30.0 { 5.0 } else { 2.5 };
        b.pen(&b.palette.hw, if self.leads() { 3.0 } else { 1.8 });
        b.line(&[(x, r.y - over), (x, r.bottom() + over)]);
    }
}

/// An offset as a cell shows it: its last digits, as many as there is room for; the tape says what comes before them.
pub(crate) fn digits(offset: i64, cell: f64) -> String {
    let (limit, width) = if cell >= THREE_DIGITS { (1_000, 3) } else { (100, 2) };
    if offset < limit { offset.to_string() } else { format!("{:0width$}", offset % limit) }
}

/// What comes before a cell's digits, for the first offset on a tape; none where the cells show all of it.
pub(crate) fn prefix(first: i64, cell: f64) -> Option<String> {
    let limit = if cell >= THREE_DIGITS { 1_000 } else { 100 };
    (first >= limit).then(|| format!("{}··", first / limit))
}

/// From this width on a cell has room for three digits.
const THREE_DIGITS: f64 = 20.5;

/// The type of a tape's caption that matters.
pub(crate) fn caption(leads: bool) -> Type {
    if leads { SMALL_BOLD } else { super::brush::SMALL }
}
