//! A partition's column: its head, its replicas' captions, the water line and the spine that run down it.

use super::brush::{Anchor, Brush, ELECTED, HOURGLASS, LOCK, NAME, NUMBER, NUMBER_BOLD, SMALL, SMALL_BOLD, WATER};
use super::groups;
use super::marks::{self, InSync, Ink, chip, cross, pip, small_pip, token};
use super::tape::{Tape, caption, prefix};
use crate::base::{Sort, SortedMap, TopicPartition};
use crate::view::{
    Column, CutView, Level, Rect, Scene, Standing, Token, Tone, partition_words, replica_word, replica_words,
};

/// A column with its tapes, by broker.
pub(crate) struct Drawn<'a> {
    pub(crate) column: &'a Column,
    pub(crate) tapes: Vec<(i32, Tape<'a>)>,
    /// How much room there is between a tape and what lies below it.
    pub(crate) below: f64,
}

/// How long a record that was cut is seen falling, in microseconds of the world.
const CUT_SEEN: f64 = 6e6;

/// Whether a truncation is still seen.
pub(crate) fn is_seen(cut: &CutView, now: f64) -> bool {
    now < cut.at.0 as f64 + CUT_SEEN
}

/// A tone's colour.
pub(crate) fn tone<'b>(b: &Brush<'b>, tone: Tone) -> &'b str {
    let p = b.palette;
    match tone {
        Tone::Quiet => &p.ink3,
        Tone::Plain => &p.ink,
        Tone::Warn => &p.warn,
        Tone::Bad => &p.bad,
    }
}

impl<'a> Drawn<'a> {
    fn leader(&self) -> Option<&Tape<'a>> {
        self.tapes.iter().map(|(_, tape)| tape).find(|t| t.standing == Standing::Leads)
    }

    /// Draws the head: label, ISR, state in words, and the high watermark above the place where it is.
    pub(crate) fn head(&self, b: &Brush, scene: &Scene, now: f64) {
        match self.column.level {
            Level::Records => self.full_head(b, scene, now),
            Level::Bars => self.small_head(b, scene, now),
        }
    }

    fn full_head(&self, b: &Brush, scene: &Scene, now: f64) {
        let (h, p, tp) = (self.column.head, b.palette, &self.column.tp);
        let Some(partition) = scene.partitions.get(tp) else { return };
        chip(b, tp.partition, Rect::new(h.x, h.y, 24.0, 16.0));
        let pips_x = h.right() - partition.replicas.len() as f64 * 19.0 + 3.0;
        for (n, broker) in partition.replicas.iter().enumerate() {
            let state = in_sync(scene, tp, *broker);
            pip(b, *broker, pips_x + n as f64 * 19.0, h.y + 0.5, state, partition.leader == Some(*broker));
        }
        let name = tp.to_string();
        let room = pips_x - 5.0 - (h.x + 31.0);
        let isr_w = b.width("ISR", SMALL) + 3.0;
        let named = b.width(&name, NAME) <= room;
        let isr = b.width(&name, NAME) <= room - isr_w;
        if isr {
            b.text("ISR", pips_x - 5.0, h.y + 12.0, SMALL, &p.ink3, Anchor::Right);
        }
        if named {
            b.left(&name, h.x + 31.0, h.y + 12.5, NAME, &p.ink);
        }
        self.water_mark(b, scene, now, !named);
    }

    /// ▽ and number where the leader's high watermark is, and the partition's state in words where there is room.
    /// Words that only say that all is well give way to the topic's name where that has no other place (`nameless`).
    fn water_mark(&self, b: &Brush, scene: &Scene, now: f64, nameless: bool) {
        let (h, p, tp) = (self.column.head, b.palette, &self.column.tp);
        let (y, y_text) = (h.y + 24.0, h.y + 32.0);
        let (mut words, how) = partition_words(scene, tp, now);
        if nameless && how == Tone::Quiet {
            words = tp.topic.to_string();
        }
        let kind = if how == Tone::Quiet { SMALL } else { SMALL_BOLD };
        let words_end = if words.is_empty() { h.x } else { h.x + b.width(&words, kind) };
        let Some(leader) = self.leader() else {
            b.left(&words, h.x, y_text, kind, tone(b, how));
            return;
        };
        let x = leader.x(leader.shown.hw);
        let label = format!("HW {}", leader.replica.hw);
        let held = scene.hw_held(tp);
        let w = b.width(&label, WATER);
        let with_lock = w + if held { 16.0 } else { 0.0 };
        let left = x - 9.0 - with_lock;
        let right = x + 9.0;
        let (start, fits) = if left > words_end + 5.0 {
            (left, true)
        } else if x - 7.0 > words_end && right + with_lock <= h.right() + 12.0 {
            (right, true)
        } else if left > h.x {
            (left, false)
        } else {
            (right, false)
        };
        // The number matters more than the words, unless these say that something is wrong.
        if fits || matches!(how, Tone::Warn | Tone::Bad) {
            b.left(&words, h.x, y_text, kind, tone(b, how));
        }
        if fits || !matches!(how, Tone::Warn | Tone::Bad) {
            b.left(&label, start, y_text, WATER, &p.hw);
            if held {
                b.icon(LOCK, start + w + 2.0, y - 2.0, 12.0, &p.warn, 1.2);
            }
        }
        b.fill(&[(x - 5.0, y), (x + 5.0, y), (x, y + 8.0)], &p.hw);
    }

    /// A bar's head: chip, small pips, and in a panel the partition's name.
    fn small_head(&self, b: &Brush, scene: &Scene, now: f64) {
        let (h, p, tp) = (self.column.head, b.palette, &self.column.tp);
        let Some(partition) = scene.partitions.get(tp) else { return };
        let panel = self.column.panel.is_some();
        let chip_w = if tp.partition > 99 { 28.0 } else { 24.0 };
        chip(b, tp.partition, Rect::new(h.x, h.y, chip_w, 16.0));
        let pips = partition.replicas.len() as f64 * 9.0;
        let pips_x = if panel { h.right() - pips } else { h.x };
        let pips_y = if panel { h.y + 4.0 } else { h.y + 22.0 };
        if pips_x + pips <= h.right() + 12.0 {
            for (n, broker) in partition.replicas.iter().enumerate() {
                let (state, leads) = (in_sync(scene, tp, *broker), partition.leader == Some(*broker));
                small_pip(b, pips_x + n as f64 * 9.0, pips_y, state, leads);
            }
        }
        let after = h.x + chip_w + 5.0;
        if panel {
            let name = b.fitted(&tp.to_string(), SMALL_BOLD, pips_x - after - 5.0);
            b.left(&name, after, h.y + 12.0, SMALL_BOLD, &p.ink);
            return;
        }
        // What is wrong is said where there is room, and shown by the pips in any case.
        let (words, how) = partition_words(scene, tp, now);
        let short = if how == Tone::Bad { "none" } else { "min!" };
        let room = h.right() + 10.0 - after;
        if matches!(how, Tone::Warn | Tone::Bad) {
            let text = if b.width(&words, SMALL_BOLD) <= room { &words } else { short };
            b.left(text, after, h.y + 12.0, SMALL_BOLD, tone(b, how));
        }
    }

    /// The dotted line of the leader's high watermark, from the head down over all replicas.
    pub(crate) fn water_line(&self, b: &Brush) {
        let (Some(leader), Some((_, last))) = (self.leader(), self.tapes.last()) else { return };
        let x = leader.x(leader.shown.hw);
        if self.column.level == Level::Records {
            b.pen(&b.palette.hw, 1.0);
            b.dash(&[2.0, 3.0]);
            b.line(&[(x, self.column.head.y + 32.0), (x, last.rect.bottom() + 6.0)]);
        }
        self.tapes.iter().for_each(|(_, tape)| tape.water(b));
    }

    /// The spine: from the leader to each follower, as the link between them is.
    pub(crate) fn spine(&self, b: &Brush, scene: &Scene, told: &mut Vec<(i32, i32)>) {
        let Some((leader, from)) = self.tapes.iter().find(|(_, t)| t.standing == Standing::Leads) else { return };
        let (p, x, y) = (b.palette, self.column.spine_x(), from.rect.middle());
        let mut followers: Vec<&(i32, Tape)> = self.tapes.iter().filter(|(id, _)| id != leader).collect();
        followers.order_by(|a, b| (b.1.rect.y - from.rect.y).abs().total_cmp(&(a.1.rect.y - from.rect.y).abs()));
        for (id, tape) in followers {
            let (end, link) = (tape.rect.middle(), scene.broker_link(*leader, *id));
            if link.cut || !scene.broker_process(*id).is_up() || !scene.broker_process(*leader).is_up() {
                cross(b, x, end, 3.0, if link.cut { &p.bad } else { &p.dead });
                continue;
            }
            let slow = link.latency.is_some();
            b.pen(if slow { &p.warn } else { &p.ink3 }, if slow { 2.0 } else { 1.4 });
            if slow {
                b.dash(&[1.5, 4.0]);
            }
            b.ctx.set_line_cap(if slow { "round" } else { "butt" });
            b.way(&[(from.rect.x, y), (x, y), (x, end), (tape.rect.x - 1.0, end)], 4.0);
            b.ctx.set_line_cap("butt");
            b.pen(if slow { &p.warn } else { &p.ink3 }, 1.4);
            let tip = tape.rect.x - 1.0;
            b.line(&[(tip - 4.0, end - 3.0), (tip, end), (tip - 4.0, end + 3.0)]);
            let pair = (*leader.min(id), *leader.max(id));
            if let (Some(latency), false, Level::Records) = (link.latency, told.contains(&pair), self.column.level) {
                told.push(pair);
                let text = format!("{} ms", latency.0 / 1_000);
                // Between two rows, where neither has words.
                let near = if end > y { tape.rect.y - 43.5 } else { tape.rect.bottom() + 53.5 };
                tag(b, &text, (x - 9.0).max(3.0), near - 8.5);
            }
        }
    }

    /// Captions and words of one tape, and what stands around it.
    pub(crate) fn captions(&self, b: &Brush, scene: &Scene, broker: i32, now: f64, backing: &str) {
        let Some((_, tape)) = self.tapes.iter().find(|(id, _)| *id == broker) else { return };
        match self.column.level {
            Level::Records => {
                self.above(b, tape, broker, backing);
                self.below(b, scene, broker, tape, now, backing);
            }
            Level::Bars => self.beside(b, scene, broker, tape, backing),
        }
    }

    /// Above a tape: what its replica is, where its log ends, and what all offsets in its cells begin with.
    fn above(&self, b: &Brush, tape: &Tape, broker: i32, backing: &str) {
        let (p, r, y) = (b.palette, tape.rect, tape.rect.y - 9.0);
        let after = r.x + if tape.gold { elected(b, tape, y) } else { self.role(b, tape, broker, y, backing) };
        let leo = tape.replica.leo.to_string();
        let w = b.width(&leo, NUMBER);
        let need = w + b.width("LEO", NUMBER) + 5.0;
        let right = (tape.end() + 3.0).max(after + 8.0 + need).min(r.right() + 12.0);
        let dim = matches!(tape.standing, Standing::Offline { .. });
        b.halo(&leo, right, y, NUMBER, (if dim { &p.ink3 } else { &p.ink }, backing), Anchor::Right);
        if right - need > after + 4.0 {
            b.halo("LEO", right - w - 5.0, y, NUMBER, (&p.ink3, backing), Anchor::Right);
        }
        if let Some(prefix) = prefix(tape.shown.first as i64, self.column.cell) {
            // Above the first cell, or after the role that stands there; without room for that the tab's lower edge is left.
            let x = (r.x + self.column.tab + 3.0).max(after + 6.0);
            if x + b.width(&prefix, NUMBER) < right - need - 6.0 {
                b.halo(&prefix, x, y, NUMBER, (&p.ink3, backing), Anchor::Left);
            } else {
                b.text(&prefix, r.x + self.column.tab - 1.0, r.bottom() + 11.0, NUMBER, &p.ink3, Anchor::Right);
            }
        }
    }

    /// What a replica is, in a word; gives its width.
    fn role(&self, b: &Brush, tape: &Tape, broker: i32, y: f64, backing: &str) -> f64 {
        let leads = tape.standing == Standing::Leads;
        let role = match tape.standing {
            Standing::Leads => "leader",
            Standing::Offline { .. } if tape.replica.leads => "was leader",
            Standing::Deposed => "leader, deposed",
            _ => "follower",
        };
        let role = match self.column.panel {
            Some(_) => format!("broker {broker} {role}"),
            None => role.to_owned(),
        };
        let color = if leads { &b.palette.ink } else { &b.palette.ink3 };
        b.halo(&role, tape.rect.x, y, caption(leads), (color, backing), Anchor::Left);
        b.width(&role, caption(leads))
    }

    /// Below a tape: its state in words, readers' positions, and what was cut.
    fn below(&self, b: &Brush, scene: &Scene, broker: i32, tape: &Tape, now: f64, backing: &str) {
        let r = tape.rect;
        let key = (self.column.tp.clone(), broker);
        if let Some((words, how)) = replica_words(scene, &self.column.tp, broker) {
            let y = r.bottom() + 16.0;
            let pipped = matches!(tape.standing, Standing::InSync { .. } | Standing::OutOfSync { .. })
                && tape.replica.diverges.is_none();
            let mut x = r.x;
            if pipped {
                marks::word_pip(b, x, y - 8.0, matches!(tape.standing, Standing::InSync { .. }));
                x += 13.0;
            }
            let kind = if matches!(how, Tone::Warn | Tone::Bad) { SMALL_BOLD } else { SMALL };
            b.halo(&b.fitted(&words, kind, r.w + 16.0), x, y, kind, (tone(b, how), backing), Anchor::Left);
        } else {
            self.readers(b, scene, tape);
        }
        if let Some(cut) = scene.cuts.get(&key).filter(|cut| is_seen(cut, now)) {
            self.fallen(b, tape, cut);
        }
    }

    /// Under a bar: a word, and where the log ends.
    fn beside(&self, b: &Brush, scene: &Scene, broker: i32, tape: &Tape, backing: &str) {
        let (p, r) = (b.palette, tape.rect);
        let (word, how) = replica_word(scene, &self.column.tp, broker);
        let kind = if matches!(how, Tone::Warn | Tone::Bad) { SMALL_BOLD } else { SMALL };
        let leo = tape.replica.leo.to_string();
        if self.column.panel.is_some() {
            marks::numeral(b, broker, Rect::new(r.x - 27.0, r.y - 0.5, 21.0, r.h + 1.0));
            let short = match tape.standing {
                Standing::InSync { behind: 0 } | Standing::Leads => leo,
                _ => word,
            };
            b.left(&b.fitted(&short, SMALL, 44.0), r.right() + 5.0, r.middle() + 4.0, kind, tone(b, how));
            return;
        }
        if tape.standing == Standing::Leads {
            for flag in groups::flags(scene, &self.column.tp) {
                groups::small_flag(b, tape.x(flag.offset as f64), r.bottom() + 1.0, flag.rank);
            }
        }
        let y = r.bottom() + 12.0;
        let w = b.width(&leo, NUMBER);
        let room = r.w + 4.0;
        let offline = matches!(tape.standing, Standing::Offline { .. });
        let word_w = b.width(&word, kind);
        // That it leads, its tab says.
        let quiet = how == Tone::Quiet || tape.standing == Standing::Leads;
        if quiet || offline || word_w + w + 6.0 > room {
            if quiet {
                b.halo(&leo, tape.end().max(r.x + w), y, NUMBER, (&p.ink2, backing), Anchor::Right);
            } else {
                b.halo(&b.fitted(&word, kind, room), r.x, y, kind, (tone(b, how), backing), Anchor::Left);
            }
            return;
        }
        b.halo(&word, r.x, y, kind, (tone(b, how), backing), Anchor::Left);
        b.halo(&leo, (r.right() + 4.0).max(r.x + word_w + 6.0 + w), y, NUMBER, (&p.ink2, backing), Anchor::Right);
    }

    /// A record that was cut: fallen below the tape, tilted, struck through, with its epoch. Nobody was promised what is
    /// cut, so that is drawn as a ghost; what had been acknowledged is lost, and that is red.
    fn fallen(&self, b: &Brush, tape: &Tape, cut: &CutView) {
        let (p, c, r) = (b.palette, self.column, tape.rect);
        let lost = cut.lost > 0;
        let color = if lost { &p.bad } else { &p.ink2 };
        // Words have the left part of what is below the tape.
        let x = tape.x(cut.from as f64).min(r.right() - c.cell).max(r.x + r.w * 0.42);
        let (w, h) = (c.cell.min(22.0), 32.7);
        let (cx, cy) = (x + c.cell / 2.0, r.bottom() + 6.0 + h / 2.0);
        b.apart(|| {
            // Refused only for what is no number.
            let _ = b.ctx.translate(cx, cy);
            let _ = b.ctx.rotate(-0.122);
            b.memory.wipe();
            let (soft, line) = if lost { (&p.bad_soft, &p.bad) } else { (&p.panel2, &p.ink3) };
            b.dashed_card(Rect::new(-w / 2.0, -h / 2.0, w, h), 1.5, soft, line, &[3.0, 2.0]);
            if let Some(cell) = cut.cells.first() {
                token(b, Token::of(cell.key.as_deref()), 0.0, -h / 2.0 + 9.8, 4.9, Ink::Hollow);
            }
            let number = super::tape::digits(cut.from, w);
            b.text(&number, 0.0, h / 2.0 - 5.0, NUMBER, color, Anchor::Middle);
        });
        b.pen(color, 2.0);
        b.line(&[(cx - 13.0, cy + 7.8), (cx + 13.0, cy - 7.8)]);
        let count = cut.to - cut.from;
        let text = match (count, cut.lost) {
            (1, 0) => "cut".to_owned(),
            (1, _) => "lost".to_owned(),
            (_, 0) => format!("{count} cut"),
            (_, lost) => format!("{count} cut, {lost} lost"),
        };
        let left = cx + w / 2.0 + 7.0;
        let fits = left + b.width(&text, SMALL_BOLD) < r.right() + 14.0;
        let (at, anchor) = if fits { (left, Anchor::Left) } else { (cx - w / 2.0 - 7.0, Anchor::Right) };
        b.halo(&text, at, cy - 5.0, SMALL_BOLD, (color, &p.shelf), anchor);
        if let Some(cell) = cut.cells.first() {
            b.halo(&format!("e{}", cell.epoch), at, cy + 7.5, NUMBER, (&p.ink3, &p.shelf), anchor);
        }
    }

    /// Below the leader's tape: the flags of what groups have committed, and the positions of consumers, the next offset
    /// that each will read. Those in a group have their numbers in their boxes.
    fn readers(&self, b: &Brush, scene: &Scene, tape: &Tape) {
        let (bottom, rows) = (tape.rect.bottom(), self.rows());
        let flags = groups::flags(scene, &self.column.tp);
        let mut used: Vec<f64> = Vec::new();
        let mut placed = Vec::new();
        for flag in &flags {
            let behind = (flag.offset as f64) < tape.shown.first - 0.5;
            let label = format!("{}{}", if behind { "‹ " } else { "" }, flag.offset);
            let (x, w) = (tape.x(flag.offset as f64), groups::flag_width(b, &label));
            let left = x + w > tape.rect.right() + 5.0;
            let (from, to) = if left { (x - w, x + 2.0) } else { (x - 2.0, x + w) };
            // In the first row where it covers none of those before it.
            let Some(row) = (0..rows).find(|row| used.get(*row).is_none_or(|end| *end < from)) else { break };
            used.resize(used.len().max(row + 1), f64::NEG_INFINITY);
            used[row] = to;
            placed.push((flag, label, (x, bottom + 2.0, bottom + 4.0 + row as f64 * (groups::FLAG + 1.5)), left));
        }
        for (tp, at) in scene.consumers.values().filter(|c| c.group.is_some()).flat_map(|c| &c.positions) {
            if *tp == self.column.tp {
                let x = tape.x(*at as f64);
                b.fill(&[(x, bottom + 1.5), (x + 3.5, bottom + 7.0), (x - 3.5, bottom + 7.0)], &b.palette.ink2);
            }
        }
        self.positions(b, scene, tape, used.len(), rows);
        // Over the poles of positions, which would cross their numbers.
        placed.iter().for_each(|(flag, label, place, left)| groups::flag(b, flag, label, *place, *left));
    }

    /// How many rows of marks there is room for below a tape.
    fn rows(&self) -> usize {
        ((self.below / (groups::FLAG + 1.5)).floor() as usize).clamp(1, ROWS)
    }

    /// Positions of consumers that read alone, in the rows that flags have left.
    fn positions(&self, b: &Brush, scene: &Scene, tape: &Tape, first: usize, rows: usize) {
        let (p, bottom) = (b.palette, tape.rect.bottom());
        let all: Vec<_> = positions(scene, &self.column.tp).into_iter().take(rows.saturating_sub(first)).collect();
        let y = |row: usize| bottom + 14.0 + (first + row) as f64 * (groups::FLAG + 1.0);
        for (row, (_, offset)) in all.iter().enumerate() {
            let x = tape.x(*offset as f64);
            b.pen(&p.ink2, 1.6);
            b.line(&[(x, bottom + 3.0), (x, y(row) + 2.0)]);
            b.fill(&[(x, bottom + 2.0), (x + 4.0, bottom + 8.0), (x - 4.0, bottom + 8.0)], &p.ink2);
        }
        for (row, (name, offset)) in all.iter().enumerate() {
            self.position(b, tape, name, *offset, y(row));
        }
    }

    /// A position's name and number, beside its pole, on the side where there is room.
    fn position(&self, b: &Brush, tape: &Tape, name: &str, offset: i64, y: f64) {
        let (p, r) = (b.palette, tape.rect);
        let x = tape.x(offset as f64);
        let behind = (offset as f64) < tape.shown.first - 0.5;
        let label = format!("{}{offset}", if behind { "‹ " } else { "" });
        let number = b.width(&label, NUMBER_BOLD);
        let name = b.fitted(name, SMALL, 64.0);
        let total = number + b.width(&name, SMALL) + 6.0;
        let left = if x > r.x + r.w / 2.0 { x - 6.0 - total } else { x + 6.0 };
        b.rect(Rect::new(left - 2.0, y - 8.0, total + 4.0, 12.0), &p.shelf);
        b.left(&name, left, y + 2.0, SMALL, &p.ink2);
        b.left(&label, left + total - number, y + 2.0, NUMBER_BOLD, &p.ink);
    }
}

/// At most so many rows of marks stand below a tape.
const ROWS: usize = 3;

/// The pill of a leader that was elected a moment ago; gives its width.
fn elected(b: &Brush, tape: &Tape, y: f64) -> f64 {
    let (p, x) = (b.palette, tape.rect.x);
    let text = format!("elected e{}", tape.replica.epoch);
    let w = b.width(&text, SMALL_BOLD) + 24.0;
    b.round(Rect::new(x, y - 10.5, w, 15.0), 3.0);
    b.ink(&p.gold);
    b.ctx.fill();
    b.icon(ELECTED, x + 4.0, y - 9.0, 12.0, &p.gold_ink, 1.2);
    b.left(&text, x + 18.0, y + 0.8, SMALL_BOLD, &p.gold_ink);
    w
}

/// How a replica counts, for its pip.
fn in_sync(scene: &Scene, tp: &TopicPartition, broker: i32) -> InSync {
    let isr = scene.partitions.get(tp).is_some_and(|p| p.isr.contains(&broker));
    match (isr, scene.broker_process(broker).is_up()) {
        (true, _) => InSync::Yes,
        (false, true) => InSync::No,
        (false, false) => InSync::Offline,
    }
}

/// A small tag with an hourglass: how slow something is.
fn tag(b: &Brush, text: &str, x: f64, y: f64) {
    let p = b.palette;
    let w = b.width(text, SMALL_BOLD) + 24.0;
    b.card(Rect::new(x, y, w, 17.0), 3.0, &p.warn_soft, &p.warn, 1.0);
    b.icon(HOURGLASS, x + 4.0, y + 2.5, 12.0, &p.warn, 1.2);
    b.left(text, x + 19.0, y + 12.5, SMALL_BOLD, &p.warn);
}

/// Who reads a partition alone, and from where: those at one offset together, the foremost first.
fn positions(scene: &Scene, tp: &TopicPartition) -> Vec<(String, i64)> {
    let mut at: SortedMap<i64, Vec<&str>> = SortedMap::new();
    for (name, consumer) in scene.consumers.iter().filter(|(_, consumer)| consumer.group.is_none()) {
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

/// A panel's card, under everything of its column.
pub(crate) fn panel(b: &Brush, column: &Column) {
    if let Some(card) = column.panel {
        b.card(card, 5.0, &b.palette.shelf, &b.palette.line2, 1.0);
    }
}
