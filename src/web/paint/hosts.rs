//! Brokers' cards, racks' bands, and the controllers' bar.

use super::brush::{
    Anchor, Brush, FENCE, FLAT, LABEL, LEAVING, NAME, NUMBER, NUMBER_BOLD, PAUSE, PULSE, SMALL, SMALL_BOLD,
};
use super::marks::{broker_bar, cross, numeral};
use crate::view::{
    Band, BrokerPhase, BrokerView, ControllerView, Process, QuorumBox, RaftRole, Rect, Scene, Shelf, process_word,
};

/// Draws a broker's card, without what lies on it.
pub(crate) fn shelf(b: &Brush, scene: &Scene, shelf: &Shelf) {
    let (p, r) = (b.palette, shelf.card);
    let fenced = scene.brokers.get(&shelf.broker).is_some_and(|view| view.fenced);
    match scene.broker_process(shelf.broker) {
        Process::Crashed | Process::Stopped => b.dashed_card(r, 6.0, &p.panel2, &p.dead, &[5.0, 3.0]),
        Process::Paused => b.dashed_card(r, 6.0, &p.shelf, &p.warn, &[9.0, 4.0]),
        Process::Running if fenced => b.dashed_card(r, 6.0, &p.shelf, &p.warn, &[5.0, 3.0]),
        Process::Running => b.card(r, 6.0, &p.shelf, &p.line2, 1.0),
    }
    broker_bar(b, shelf.broker, Rect::new(r.x + 1.0, r.y + 6.0, 5.0, r.h - 12.0));
}

/// What lies over a dead broker's tapes: hatching, and cracks where it crashed.
pub(crate) fn shroud(b: &Brush, scene: &Scene, shelf: &Shelf) {
    let process = scene.broker_process(shelf.broker);
    let r = shelf.card;
    match process {
        Process::Crashed | Process::Stopped => {
            b.apart(|| {
                b.ctx.set_global_alpha(0.34);
                b.hatch(r, 9.9, true, &b.palette.dead, 1.2);
            });
            if process == Process::Crashed {
                cracks(b, r, shelf.broker);
            }
        }
        Process::Paused => {
            // Bars, as on the button that did it.
            b.apart(|| {
                b.ctx.set_global_alpha(0.10);
                let mut x = r.x + super::INFO + 40.0;
                while x < r.right() - 20.0 {
                    for dx in [0.0, 14.0] {
                        b.rect(Rect::new(x + dx, r.y + 1.0, 6.0, r.h - 2.0), &b.palette.warn);
                    }
                    x += 120.0;
                }
            });
        }
        Process::Running => {}
    }
}

/// Cracks run out from where something struck, as parts of the card's width and height.
const CRACKS: [&[(f64, f64)]; 10] = [
    &[(0.863, 0.800), (0.735, 0.542), (0.634, 0.227), (0.522, 0.016)],
    &[(0.863, 0.800), (0.816, 0.471), (0.740, 0.298), (0.698, 0.016)],
    &[(0.863, 0.800), (0.842, 0.471), (0.849, 0.298), (0.830, 0.016)],
    &[(0.863, 0.800), (0.913, 0.542), (0.933, 0.227), (0.973, 0.016)],
    &[(0.863, 0.800), (0.901, 0.692), (0.966, 0.696), (0.997, 0.600)],
    &[(0.863, 0.800), (0.916, 0.833), (0.940, 0.948), (0.984, 0.970)],
    &[(0.863, 0.800), (0.808, 0.904), (0.780, 0.876), (0.731, 0.970)],
    &[(0.863, 0.800), (0.697, 0.707), (0.501, 0.723), (0.357, 0.640)],
    &[(0.814, 0.775), (0.825, 0.698), (0.846, 0.651), (0.873, 0.644)],
    &[(0.817, 0.537), (0.859, 0.498), (0.902, 0.525), (0.937, 0.609)],
];

fn cracks(b: &Brush, r: Rect, broker: i32) {
    // No two neighbours break alike.
    let (mirrored, turned) = (broker % 2 != 0, broker % 3 == 1);
    let left = super::INFO / r.w;
    let place = |(x, y): &(f64, f64)| {
        let x = if mirrored { 1.0 + left - x } else { *x };
        let y = if turned { 1.0 - y } else { *y };
        (r.x + r.w * x.clamp(left, 0.998), r.y + r.h * y)
    };
    b.apart(|| {
        b.ctx.set_global_alpha(0.8);
        b.pen(&b.palette.dead, 1.1);
        b.ctx.begin_path();
        for crack in CRACKS {
            b.add(&crack.iter().map(place).collect::<Vec<_>>());
        }
        b.ctx.stroke();
    });
}

/// Writes who a broker is and how it is.
pub(crate) fn about(b: &Brush, scene: &Scene, shelf: &Shelf, now: f64, narrow: bool) {
    let (p, r) = (b.palette, shelf.card);
    let Some(view) = scene.brokers.get(&shelf.broker) else { return };
    let name = format!("Broker {}", shelf.broker);
    let x = r.x + 14.0;
    if narrow {
        b.left(&name, x, r.y + 18.0, NAME, &p.ink);
        let after = x + b.width(&name, NAME) + 8.0;
        let place = place(view);
        b.left(&place, after, r.y + 18.0, SMALL, &p.ink3);
        let after = after + b.width(&place, SMALL) + 10.0;
        state(b, scene, shelf.broker, view, (after, r.y + 18.0), now, None);
    } else if shelf.folded {
        let first = r.y + (r.h * 0.5 - 5.0).clamp(12.0, 18.0);
        b.left(&name, x, first, LABEL, &p.ink);
        state(b, scene, shelf.broker, view, (x, first + 14.0), now, None);
    } else {
        let tight = r.h < 100.0;
        b.left(&name, x, r.y + if tight { 19.0 } else { 22.0 }, NAME, &p.ink);
        b.left(&place(view), x, r.y + if tight { 34.0 } else { 37.0 }, SMALL, &p.ink3);
        if scene.broker_process(shelf.broker).is_up() {
            in_full(b, scene, shelf, view, now, tight);
        } else {
            let (top, high) = if tight { (39.0, 30.0) } else { (43.0, 36.0) };
            let more = if !view.fenced {
                0.0
            } else if tight {
                13.0
            } else {
                26.0
            };
            b.apart(|| {
                b.ctx.set_global_alpha(0.93);
                b.rect(Rect::new(r.x + 9.0, r.y + top, 66.0, high + more), &p.panel2);
            });
            state(b, scene, shelf.broker, view, (x, r.y + top + if tight { 12.0 } else { 16.0 }), now, Some(tight));
        }
    }
}

/// A running broker's state: what it leads, how far it has read the metadata log, what is wrong with it.
fn in_full(b: &Brush, scene: &Scene, shelf: &Shelf, view: &BrokerView, now: f64, tight: bool) {
    let (p, r, x) = (b.palette, shelf.card, shelf.card.x + 14.0);
    let y = |full: f64, tight_at: f64| r.y + if tight { tight_at } else { full };
    state(b, scene, shelf.broker, view, (x, y(57.5, 50.0)), now, None);
    b.left("leads", x, y(76.0, 67.0), SMALL, &p.ink3);
    let leads = leads(scene, shelf.broker, view, |text| x + 32.0 + b.width(text, NUMBER_BOLD) < r.x + 84.0);
    b.left(&leads, x + 32.0, y(76.0, 67.0), NUMBER_BOLD, &p.ink);
    if !scene.controllers.is_empty() {
        b.left("meta", x, y(92.0, 82.0), SMALL, &p.ink3);
        b.left(&format!("@{}", view.metadata_offset), x + 32.0, y(92.0, 82.0), NUMBER, &p.ink2);
    }
    if tight {
        return;
    }
    if view.fenced {
        since(b, "fenced at", view.fenced_since.0, x, r.y + 106.0);
        return;
    }
    let impairments = scene.hosts.get(&view.host).map(|h| h.impairments()).unwrap_or_default();
    if impairments.is_empty() {
        super::groups::coordinated(b, scene, shelf.broker, x, r.y + 107.0, 70.0);
    }
    for (n, words) in impairments.iter().take(2).enumerate() {
        b.left(&b.fitted(words, SMALL_BOLD, 70.0), x, r.y + 107.0 + n as f64 * 13.0, SMALL_BOLD, &p.warn);
    }
}

/// The rack, or without one the port.
fn place(view: &BrokerView) -> String {
    match &view.rack {
        Some(rack) => format!("rack {rack}"),
        None => format!("port {}", view.listener.rsplit(':').next().unwrap_or_default()),
    }
}

/// What a broker leads: by name while that fits, else counted.
fn leads(scene: &Scene, broker: i32, view: &BrokerView, fits: impl Fn(&str) -> bool) -> String {
    let one_topic = scene.topics.keys().filter(|t| !t.starts_with("__")).count() == 1 && scene.partitions.len() <= 60;
    if one_topic && view.leads > 0 {
        let led = scene.partitions.iter().filter(|(tp, p)| p.leader == Some(broker) && !tp.topic.starts_with("__"));
        let names: Vec<String> = led.map(|(tp, _)| format!("P{}", tp.partition)).collect();
        let text = names.join(" ");
        if !names.is_empty() && fits(&text) {
            return text;
        }
    }
    view.leads.to_string()
}

/// A broker's state: an icon and a word; `long` adds since when, and says whether that must be brief.
fn state(b: &Brush, scene: &Scene, id: i32, view: &BrokerView, (x, y): (f64, f64), now: f64, long: Option<bool>) {
    let p = b.palette;
    let process = scene.broker_process(id);
    let since_us = scene.hosts.get(&view.host).map_or(0, |h| h.since.0);
    let (icon, word, color) = match process {
        Process::Crashed => (FLAT, "down", &p.bad),
        Process::Stopped => (FLAT, "stopped", &p.ink2),
        Process::Paused => (PAUSE, "paused", &p.warn),
        Process::Running if view.phase == BrokerPhase::Stopping => (LEAVING, "stopping", &p.warn),
        Process::Running if view.phase == BrokerPhase::Starting => (PULSE, "starting", &p.warn),
        Process::Running if view.phase == BrokerPhase::Recovery => (PULSE, "recovers", &p.warn),
        Process::Running if view.fenced => (FENCE, "fenced", &p.warn),
        Process::Running => (PULSE, "alive", &p.ok),
    };
    b.icon(icon, x - 1.0, y - 11.5, 14.0, color, 1.2);
    let usual = icon == PULSE && word == "alive";
    let kind = if usual { SMALL } else { SMALL_BOLD };
    b.left(word, x + 17.0, y, kind, if usual { &p.ink3 } else { color });
    if let Some(tight) = long {
        let age = ((now - since_us as f64) / 1e6).max(0.0);
        b.left(&format!("{age:.1} s"), x, y + if tight { 14.0 } else { 16.0 }, NUMBER, &p.ink);
        match (view.fenced, tight) {
            (true, false) => since(b, "fenced at", view.fenced_since.0, x, y + 30.0),
            (true, true) => b.left("fenced", x, y + 28.0, SMALL, &p.ink3),
            (false, _) => {}
        }
    }
}

fn since(b: &Brush, what: &str, at: u64, x: f64, y: f64) {
    b.left(what, x, y, SMALL, &b.palette.ink3);
    b.left(&format!("{:.3}", at as f64 / 1e6), x, y + 13.0, NUMBER, &b.palette.ink);
}

/// Draws a rack's band with a tick for each broker.
pub(crate) fn band(b: &Brush, scene: &Scene, band: &Band) {
    let (p, r) = (b.palette, band.card);
    b.card(r, 6.0, &p.shelf, &p.line2, 1.0);
    let ids = band.ticks.iter().map(|(id, _)| *id);
    let (mut down, mut paused, mut fenced) = (0, 0, 0);
    for id in ids {
        match scene.broker_process(id) {
            Process::Crashed | Process::Stopped => down += 1,
            Process::Paused => paused += 1,
            Process::Running => fenced += u32::from(scene.brokers.get(&id).is_some_and(|v| v.fenced)),
        }
    }
    let narrow = r.x < 20.0;
    let name = match &band.rack {
        Some(rack) => format!("Rack {rack}"),
        None if narrow => "Other brokers".into(),
        None => "Brokers".into(),
    };
    let (x, mut y) = (r.x + if narrow { 10.0 } else { 14.0 }, r.y + if narrow { 14.0 } else { 18.0 });
    b.left(&name, x, y, LABEL, &p.ink);
    if !narrow {
        let count = format!("{} brokers", band.ticks.len() + band.more);
        y += 14.0;
        b.left(&count, x, y, SMALL, &p.ink3);
        for (n, word, color) in [(down, "down", &p.bad), (paused, "paused", &p.warn), (fenced, "fenced", &p.warn)] {
            if n > 0 && y + 16.0 < r.bottom() {
                y += 14.0;
                b.left(&format!("{n} {word}"), x, y, SMALL_BOLD, color);
            }
        }
    }
    for (id, tick) in &band.ticks {
        self::tick(b, scene, *id, *tick);
    }
    if let (true, Some((_, last))) = (band.more > 0, band.ticks.last()) {
        b.text(&format!("+{}", band.more), last.right() + 4.0, last.bottom() - 3.0, SMALL, &p.ink3, Anchor::Left);
    }
}

fn tick(b: &Brush, scene: &Scene, id: i32, r: Rect) {
    let p = b.palette;
    let fenced = scene.brokers.get(&id).is_some_and(|v| v.fenced);
    match scene.broker_process(id) {
        Process::Crashed | Process::Stopped => {
            b.dashed_card(r, 2.0, &p.panel2, &p.dead, &[2.0, 2.0]);
            cross(b, r.center(), r.middle(), 3.0, &p.bad);
        }
        Process::Paused => {
            b.card(r, 2.0, &p.warn_soft, &p.warn, 1.2);
            b.pen(&p.warn, 1.6);
            for dx in [-1.7, 1.7] {
                b.line(&[(r.center() + dx, r.y + 3.5), (r.center() + dx, r.bottom() - 3.5)]);
            }
        }
        Process::Running if fenced => b.dashed_card(r, 2.0, &p.shelf, &p.warn, &[2.0, 1.5]),
        Process::Running if r.w >= 16.0 => numeral(b, id, r),
        Process::Running => {
            let n = (id - 1).rem_euclid(5) as usize;
            b.round(r, 2.0);
            b.ink(&p.brokers[n]);
            b.ctx.fill();
        }
    }
}

/// Draws the controllers' bar.
pub(crate) fn quorum(b: &Brush, scene: &Scene, quorum: &QuorumBox, narrow: bool) {
    let (p, r) = (b.palette, quorum.card);
    b.card(r, 6.0, &p.shelf, &p.line2, 1.0);
    if narrow {
        b.left("Quorum", r.x + 8.0, r.middle() + 4.0, SMALL_BOLD, &p.ink);
    } else {
        b.left("Controller quorum", r.x + 12.0, r.y + 18.0, LABEL, &p.ink);
        let text = match scene.quorum.active {
            Some(_) => format!("KRaft, epoch {}", scene.quorum.epoch),
            None => format!("epoch {}: nobody leads", scene.quorum.epoch),
        };
        let (kind, color) = if scene.quorum.active.is_some() { (SMALL, &p.ink3) } else { (SMALL_BOLD, &p.bad) };
        b.left(&text, r.x + 12.0, r.y + 33.0, kind, color);
    }
    for (id, node) in &quorum.nodes {
        if let Some(view) = scene.controllers.get(id) {
            controller(b, scene, *id, view, *node);
        }
    }
    if let Some(words) = quorum.words {
        metadata(b, scene, words);
    }
}

fn controller(b: &Brush, scene: &Scene, id: i32, view: &ControllerView, r: Rect) {
    let p = b.palette;
    let process = scene.controller_process(id);
    let active = scene.quorum.active == Some(id) && process.is_up();
    match process {
        Process::Crashed | Process::Stopped => {
            b.dashed_card(r, 4.0, &p.panel2, &p.dead, &[3.0, 2.0]);
            b.hatch(r, 7.0, false, &p.line2, 0.8);
        }
        Process::Paused => b.dashed_card(r, 4.0, &p.warn_soft, &p.warn, &[5.0, 2.5]),
        Process::Running if active => b.card(r, 4.0, &p.shelf, &p.ink, 1.5),
        Process::Running if view.role != RaftRole::Follower => {
            b.dashed_card(r, 4.0, &p.gold_soft, &p.gold_ink, &[4.0, 2.5]);
        }
        Process::Running => b.card(r, 4.0, &p.panel2, &p.line2, 1.0),
    }
    if active {
        b.rect(Rect::new(r.x, r.y, 6.0, r.h), &p.ink);
    }
    let word = match process_word(process) {
        Some(word) => word.to_owned(),
        None if active => "active".into(),
        None if view.role == RaftRole::Leader => "deposed".into(),
        None if view.role == RaftRole::Follower => String::new(),
        None => view.role.to_string(),
    };
    let color = match process {
        Process::Running => &p.ink,
        Process::Paused => &p.warn,
        _ => &p.bad,
    };
    controller_words(b, id, view, r, &word, color);
}

/// A controller's number, what it is, and where its log ends, as far as there is room.
fn controller_words(b: &Brush, id: i32, view: &ControllerView, r: Rect, word: &str, color: &str) {
    let p = b.palette;
    let x = r.x + if r.w < 60.0 { 8.0 } else { 12.0 };
    let (number, single) = (id.to_string(), r.h < 24.0);
    let first = if single { r.middle() + 4.0 } else { r.y + 12.0 };
    b.left(&number, x, first, SMALL_BOLD, &p.ink);
    let after = x + b.width(&number, SMALL_BOLD) + 6.0;
    let fits = after + b.width(word, SMALL_BOLD) < r.right() - 3.0;
    if fits {
        b.left(word, after, first, SMALL_BOLD, color);
    }
    if single {
        return;
    }
    if fits {
        let leo = if r.w < 72.0 { view.leo.to_string() } else { format!("LEO {}", view.leo) };
        b.left(&leo, x, r.y + 24.5, NUMBER, &p.ink3);
    } else {
        b.left(&b.fitted(word, SMALL_BOLD, r.right() - x - 3.0), x, r.y + 24.0, SMALL_BOLD, color);
    }
}

/// The metadata log in words: its high watermark and the last record worth telling.
fn metadata(b: &Brush, scene: &Scene, r: Rect) {
    let p = b.palette;
    b.pen(&p.line2, 1.0);
    b.line(&[(r.x, r.y + 10.0), (r.x, r.bottom() - 10.0)]);
    let x = r.x + 11.0;
    b.left("__cluster_metadata", x, r.y + 18.0, SMALL, &p.ink3);
    let after = x + b.width("__cluster_metadata", SMALL) + 5.0;
    b.left(&b.fitted(&format!("HW {}", scene.quorum.hw), NUMBER, r.right() - after), after, r.y + 18.0, NUMBER, &p.ink);
    if let Some(record) = &scene.quorum.record {
        let at = format!("@{}", record.offset);
        b.left(&at, x, r.y + 33.0, NUMBER, &p.ink);
        let after = x + b.width(&at, NUMBER) + 5.0;
        b.left(&b.fitted(&record.words, SMALL_BOLD, r.right() - after), after, r.y + 33.0, SMALL_BOLD, &p.ink);
    }
}
