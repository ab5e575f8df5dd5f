//! The small marks of the visual grammar: key tokens, partition chips, pips, seals, envelopes.

use super::brush::{Anchor, Brush, Face, NUMBER, SMALL_BOLD, Type};
use crate::view::{PacketView, RIDERS, Rect, Shape, Token};

/// How a token is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Committed.
    Solid,
    /// Not committed.
    Hollow,
}

/// A key token around a point.
pub(crate) fn token(b: &Brush, token: Token, x: f64, y: f64, r: f64, ink: Ink) {
    let p = |points: &[(f64, f64)]| {
        let moved: Vec<(f64, f64)> = points.iter().map(|(dx, dy)| (x + dx * r, y + dy * r)).collect();
        b.trace(&moved);
        b.ctx.close_path();
    };
    match token.shape() {
        Shape::Circle => b.circle(x, y, r),
        Shape::Square => p(&[(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)]),
        Shape::Triangle => p(&[(0.0, -1.08), (1.08, 0.86), (-1.08, 0.86)]),
        Shape::Diamond => p(&[(0.0, -1.18), (1.18, 0.0), (0.0, 1.18), (-1.18, 0.0)]),
        Shape::BowTie => p(&[(-1.14, -0.98), (0.0, -0.28), (1.14, -0.98), (1.14, 0.98), (0.0, 0.28), (-1.14, 0.98)]),
        Shape::Plus => p(&PLUS),
        Shape::Bar => b.round(Rect::new(x - 1.1 * r, y - 0.55 * r, 2.2 * r, 1.1 * r), 0.55 * r),
    }
    let color = &b.palette.keys[usize::from(token.0)];
    if ink == Ink::Solid {
        b.ink(color);
        b.ctx.fill();
    } else {
        b.pen(color, 1.5);
        b.ctx.stroke();
    }
}

const PLUS: [(f64, f64); 12] = {
    let (a, o) = (0.42, 1.1);
    [(-a, -o), (a, -o), (a, -a), (o, -a), (o, a), (a, a), (a, o), (-a, o), (-a, a), (-o, a), (-o, -a), (-a, -a)]
};

/// A partition's chip: label, pattern and hue.
pub(crate) fn chip(b: &Brush, partition: i32, r: Rect) {
    let n = partition.rem_euclid(8) as usize;
    b.ctx.save();
    b.round(r, 3.0);
    b.ink(&b.palette.parts[n]);
    b.ctx.fill();
    b.ctx.clip();
    pattern(b, n, r, 8.0);
    b.ctx.restore();
    let kind = if partition > 99 { super::brush::TINY } else { SMALL_BOLD };
    b.text(&format!("P{partition}"), r.x + r.w / 2.0, r.middle() + 4.0, kind, &b.palette.part_ink, Anchor::Middle);
}

/// A broker's bar: pattern and quiet hue.
pub(crate) fn broker_bar(b: &Brush, broker: i32, r: Rect) {
    let n = (broker - 1).rem_euclid(5) as usize;
    b.ctx.save();
    b.round(r, 1.5);
    b.ink(&b.palette.brokers[n]);
    b.ctx.fill();
    b.ctx.clip();
    pattern(b, [0, 1, 2, 5, 3][n], r, 6.0);
    b.ctx.restore();
}

fn pattern(b: &Brush, n: usize, r: Rect, step: f64) {
    if matches!(n, 2 | 6) {
        return dots(b, r, step);
    }
    b.pen(&b.palette.pattern, 1.0);
    b.ctx.begin_path();
    let across = |slope: f64| {
        let mut x = r.x - r.h * slope.abs();
        while x < r.right() + r.h * slope.abs() {
            b.add(&[(x, r.bottom()), (x + r.h * slope, r.y)]);
            x += step * 0.75;
        }
    };
    let down = |step: f64| {
        let mut y = r.y + step / 2.0;
        while y < r.bottom() {
            b.add(&[(r.x, y), (r.right(), y)]);
            y += step;
        }
    };
    match n {
        1 => across(1.0),
        3 => across(0.0),
        4 => {
            across(1.0);
            across(-1.0);
        }
        5 => down(step / 2.0),
        7 => {
            across(0.0);
            down(step);
        }
        _ => {}
    }
    b.ctx.stroke();
}

fn dots(b: &Brush, r: Rect, step: f64) {
    b.ctx.begin_path();
    let mut row = 0;
    let mut y = r.y + step / 4.0;
    while y < r.bottom() {
        let mut x = r.x + step / 4.0 + f64::from(row % 2) * step / 2.0;
        while x < r.right() {
            b.ctx.rect(x - 0.9, y - 0.9, 1.8, 1.8);
            x += step;
        }
        (y, row) = (y + step / 2.0, row + 1);
    }
    b.ink(&b.palette.pattern);
    b.ctx.fill();
}

/// The seal of an acknowledgement, by the `acks` that asked for it.
pub(crate) fn seal(b: &Brush, acks: i16, x: f64, y: f64, r: f64) {
    let p = b.palette;
    b.disc(x, y, r, &p.panel);
    match acks {
        0 => {
            b.pen(&p.ink3, 1.5);
            b.dash(&[2.0, 2.0]);
            b.circle(x, y, r);
            b.ctx.stroke();
            b.pen(&p.ink3, 1.5);
            b.line(&[(x - r * 0.4, y), (x + r * 0.4, y)]);
        }
        1 => {
            b.ctx.begin_path();
            let quarter = std::f64::consts::FRAC_PI_2;
            // Refused only for a negative radius.
            let _ = b.ctx.arc(x, y, r, quarter, 3.0 * quarter);
            b.ink(&p.ok);
            b.ctx.fill();
            b.pen(&p.ok, 1.5);
            b.circle(x, y, r);
            b.ctx.stroke();
            b.text("1", x + r * 0.44, y + r * 0.37, Type(Face::Ui, (r * 10.6) as u16, 700), &p.ok, Anchor::Middle);
        }
        _ => {
            b.pen(&p.ok, 1.5);
            b.circle(x, y, r);
            b.ctx.stroke();
            b.disc(x, y, r * 0.73, &p.ok);
            b.pen(&p.panel, 1.6);
            b.line(&[(x - r * 0.36, y), (x - r * 0.09, y + r * 0.29), (x + r * 0.38, y - r * 0.27)]);
        }
    }
}

/// The mark of a refusal.
pub(crate) fn refusal(b: &Brush, x: f64, y: f64) {
    let p = b.palette;
    let diamond = [(x + 10.0, y), (x, y + 10.0), (x - 10.0, y), (x, y - 10.0)];
    b.fill(&diamond, &p.bad_soft);
    b.pen(&p.bad, 1.5);
    b.ctx.stroke();
    b.pen(&p.bad, 1.7);
    b.line(&[(x - 2.9, y - 2.9), (x + 2.9, y + 2.9)]);
    b.line(&[(x + 2.9, y - 2.9), (x - 2.9, y + 2.9)]);
}

/// How high an envelope is.
pub(crate) const ENVELOPE_H: f64 = 18.0;

/// How wide an envelope is.
pub(crate) fn envelope_width(b: &Brush, packet: &PacketView) -> f64 {
    b.width(&packet.label(), SMALL_BOLD) + 30.0
}

/// An envelope around a point, its nose to the right or left, with what rides on it.
pub(crate) fn envelope(b: &Brush, packet: &PacketView, x: f64, y: f64, right: bool) {
    let p = b.palette;
    let half = envelope_width(b, packet) / 2.0 - 3.0;
    let s = if right { 1.0 } else { -1.0 };
    let h = ENVELOPE_H / 2.0;
    let body = [(-half, -h), (half - 3.0, -h), (half + 3.0, 0.0), (half - 3.0, h), (-half, h)]
        .map(|(dx, dy)| (x + s * dx, y + dy));
    if let crate::view::Cargo::Data { riders, records, .. } = &packet.cargo {
        ride(b, riders, *records, x - half + 6.0, y - 14.0);
    }
    let line = line_of(b, packet);
    b.fill(&body, if packet.is_of_group() { &p.group_soft } else { &p.panel });
    b.pen(line, 1.4);
    b.ctx.stroke();
    let left = x - half + if right { 4.0 } else { 6.0 };
    flaps(b, packet, Rect::new(left, y - 4.5, 12.0, 9.0));
    b.left(&packet.label(), left + 16.0, y + 3.8, SMALL_BOLD, &p.ink);
}

/// The colour of an envelope's lines: that of groups for what members and coordinators say to each other.
fn line_of<'b>(b: &Brush<'b>, packet: &PacketView) -> &'b str {
    if packet.is_of_group() { &b.palette.group } else { &b.palette.ink2 }
}

/// What is seen of an envelope's back: one flap for data, two for groups, a dot for metadata.
fn flaps(b: &Brush, packet: &PacketView, r: Rect) {
    let line = line_of(b, packet);
    b.pen(line, 1.1);
    b.frame(r);
    b.line(&[(r.x, r.y), (r.center(), r.y + 5.0), (r.right(), r.y)]);
    if packet.is_of_group() {
        b.line(&[(r.x, r.bottom()), (r.center(), r.y + 4.0), (r.right(), r.bottom())]);
    } else if packet.cargo == crate::view::Cargo::Metadata {
        b.disc(r.center(), r.y + 6.1, 1.8, line);
    }
}

/// An envelope without a nose's worth of room for its name, which stands beside it: `left` of it, or right.
pub(crate) fn small_envelope(b: &Brush, packet: &PacketView, x: f64, y: f64, left: bool) {
    let p = b.palette;
    b.card(Rect::new(x - 9.0, y - 7.0, 18.0, 14.0), 2.0, &p.panel, line_of(b, packet), 1.4);
    flaps(b, packet, Rect::new(x - 6.0, y - 4.5, 12.0, 9.0));
    let (at, anchor) = if left { (x - 13.0, Anchor::Right) } else { (x + 13.0, Anchor::Left) };
    b.halo(&packet.label(), at, y + 4.0, SMALL_BOLD, (&p.ink, &p.stage), anchor);
}

fn ride(b: &Brush, riders: &[Option<std::sync::Arc<str>>], records: u32, x: f64, y: f64) {
    for (n, key) in riders.iter().enumerate() {
        let at = x + n as f64 * 13.0;
        b.disc(at, y, 6.0, &b.palette.panel);
        b.pen(&b.palette.line2, 1.0);
        b.ctx.stroke();
        token(b, Token::of(key.as_deref()), at, y, 3.6, Ink::Solid);
    }
    if records as usize > RIDERS {
        let more = format!("+{}", records as usize - RIDERS);
        b.left(&more, x + RIDERS as f64 * 13.0 - 4.0, y + 4.0, NUMBER, &b.palette.ink2);
    }
}

/// How a replica counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InSync {
    /// In the ISR.
    Yes,
    /// Alive, and out of it.
    No,
    /// Out of it, and its broker down.
    Offline,
}

/// A number in a small square: a replica in the ISR, or out of it, or offline. The leader is underlined.
pub(crate) fn pip(b: &Brush, broker: i32, x: f64, y: f64, state: InSync, leader: bool) {
    let p = b.palette;
    let r = Rect::new(x, y, 16.0, 15.0);
    let color = match state {
        InSync::Yes => {
            b.card(r, 3.0, &p.ink, &p.ink, 1.4);
            &p.shelf
        }
        InSync::No => {
            b.dashed_card(r, 3.0, &p.shelf, &p.warn, &[2.4, 1.6]);
            &p.warn
        }
        InSync::Offline => {
            b.card(r, 3.0, &p.panel2, &p.dead, 1.4);
            &p.ink3
        }
    };
    let kind = if broker > 99 { super::brush::TINY } else { NUMBER_PIP };
    b.text(&broker.to_string(), x + 8.0, y + 11.3, kind, color, Anchor::Middle);
    if state == InSync::Offline {
        b.pen(&p.ink3, 1.4);
        b.line(&[(x + 2.0, y + 13.0), (x + 14.0, y + 2.0)]);
    }
    if leader {
        b.pen(&p.ink, 2.4);
        b.line(&[(x, y + 18.0), (x + 16.0, y + 18.0)]);
    }
}

/// A pip without room for a number.
pub(crate) fn small_pip(b: &Brush, x: f64, y: f64, state: InSync, leader: bool) {
    let p = b.palette;
    let r = Rect::new(x, y, 6.5, 7.5);
    match state {
        InSync::Yes => b.rect(r, &p.ink),
        InSync::No => {
            b.pen(&p.warn, 1.2);
            b.dash(&[2.0, 1.4]);
            b.frame(r);
        }
        InSync::Offline => {
            b.pen(&p.dead, 1.2);
            b.frame(r);
            b.line(&[(x, y + 7.5), (x + 6.5, y)]);
        }
    }
    if leader {
        b.pen(&p.ink, 1.6);
        b.line(&[(x, y + 10.0), (x + 6.5, y + 10.0)]);
    }
}

/// The pip before words: in the ISR, or out of it.
pub(crate) fn word_pip(b: &Brush, x: f64, y: f64, in_isr: bool) {
    let r = Rect::new(x, y, 9.0, 9.0);
    if in_isr {
        b.card(r, 2.0, &b.palette.ink, &b.palette.ink, 1.4);
    } else {
        b.dashed_card(r, 2.0, &b.palette.shelf, &b.palette.warn, &[2.4, 1.6]);
    }
}

/// A broker's number on its hue.
pub(crate) fn numeral(b: &Brush, broker: i32, r: Rect) {
    let n = (broker - 1).rem_euclid(5) as usize;
    b.round(r, 2.0);
    b.ink(&b.palette.brokers[n]);
    b.ctx.fill();
    let kind = if r.h < 12.0 || broker > 99 { super::brush::TINY } else { SMALL_BOLD };
    b.text(&broker.to_string(), r.center(), r.middle() + 3.8, kind, &b.palette.broker_ink, Anchor::Middle);
}

/// A small cross: nothing gets through here.
pub(crate) fn cross(b: &Brush, x: f64, y: f64, r: f64, color: &str) {
    b.pen(color, 1.6);
    b.line(&[(x - r, y - r), (x + r, y + r)]);
    b.line(&[(x + r, y - r), (x - r, y + r)]);
}

const NUMBER_PIP: Type = Type(Face::Mono, 110, 600);
