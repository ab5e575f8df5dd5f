//! Messages under way, and the ways that they travel.

use super::brush::{Anchor, Brush, NUMBER, SMALL_BOLD};
use super::marks::{self, cross, envelope, refusal, seal};
use super::motion::Motion;
use crate::base::{EventId, SortedMap};
use crate::view::{Cargo, Layout, PacketView, Rect, Route, Scene, Station, Way};

/// Above this many envelopes under way they become streams, and below the second number envelopes again.
const STREAMS: (usize, usize) = (40, 28);
/// Refusals up to this many are drawn one by one.
const REFUSALS: usize = 8;

/// How far the glass's edge reaches over the stage (`.glass::after` in www/page.css).
const GLASS_EDGE: f64 = 8.0;

/// Where a message is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) id: EventId,
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// All messages under way at one moment, each with its way.
pub(crate) struct Traffic<'a> {
    flights: Vec<(&'a PacketView, Way<'a>, f64)>,
    streams: bool,
}

impl<'a> Traffic<'a> {
    /// Finds the way of each message. `still` (reduced motion) draws each half way.
    pub(crate) fn new(
        scene: &'a Scene,
        layout: &'a Layout,
        packets: &'a [PacketView],
        now: f64,
        still: bool,
        motion: &mut Motion,
    ) -> Self {
        let way = |packet: &'a PacketView| {
            let (from, to) = packet.stations(scene)?;
            let way = layout.way(from, to, packet.about())?;
            Some((packet, way, if still { 0.5 } else { packet.progress(now) }))
        };
        let flights: Vec<_> = packets.iter().filter_map(way).collect();
        let envelopes = flights.iter().filter(|(p, ..)| !is_bead(p)).count();
        motion.streams = envelopes > if motion.streams { STREAMS.1 } else { STREAMS.0 };
        Self { flights, streams: motion.streams }
    }

    /// Which ways between clients and rows something travels on: client's host and row.
    pub(crate) fn client_ways(&self, scene: &Scene, layout: &Layout) -> Vec<(u32, usize)> {
        let of = |packet: &&PacketView| match packet.stations(scene)? {
            (Station::Client(host), Station::Broker(id)) | (Station::Broker(id), Station::Client(host)) => {
                Some((host, *layout.rows.get(&id)?))
            }
            _ => None,
        };
        self.flights.iter().map(|(packet, ..)| packet).filter_map(of).collect()
    }

    /// Draws the messages of the gutters, or those above the rows; gives where they are.
    pub(crate) fn draw(&self, b: &Brush, above: bool, now: f64, layout: &Layout, spots: &mut Vec<Spot>) {
        let width = layout.width;
        let mut refusals = 0;
        let mut streams: SortedMap<(u32, u32), (&Way, usize)> = SortedMap::new();
        for (packet, way, part) in self.flights.iter().filter(|(_, way, _)| way.above == above) {
            let (place_x, y, right) = place(way, *part);
            // Between controllers it passes along the stage's upper edge, and must be read even so.
            let y = if is_bead(packet) { y } else { y.max(GLASS_EDGE + marks::ENVELOPE_H / 2.0) };
            let x = match way.above || layout.narrow {
                true => within(b, packet, place_x, (0.0, width)),
                // In a gutter, between boxes and rows: under neither could it be read.
                false => within(b, packet, place_x, ends(&way.route)),
            };
            refusals += usize::from(packet.is_refusal());
            if self.streams && !packet.is_refusal() && !is_bead(packet) {
                streams.entry((packet.from, packet.to)).or_insert((way, 0)).1 += 1;
                continue;
            }
            if !packet.is_refusal() || refusals <= REFUSALS {
                // Along the rows' edge there is no room for an envelope with its name on it.
                match way.margin_x {
                    Some(rail) if (place_x - rail).abs() < 1.0 && !packet.is_refusal() && !is_bead(packet) => {
                        marks::small_envelope(b, packet, place_x, y, width > 600.0);
                    }
                    _ => message(b, packet, (x, y), right),
                }
                spots.push(Spot { id: packet.id, x, y });
            } else if refusals == REFUSALS + 1 {
                let all = self.flights.iter().filter(|(p, w, _)| p.is_refusal() && w.above == above).count();
                refusal(b, x, y);
                b.text(&format!("{all} refused"), x, y - 15.0, SMALL_BOLD, &b.palette.bad, Anchor::Middle);
            }
        }
        for (way, count) in streams.into_values() {
            stream(b, way, count, now);
        }
    }
}

/// Where on its way a message is, and whether its nose points right.
fn place(way: &Way, part: f64) -> (f64, f64, bool) {
    let place = way.route.at(if way.forward { part } else { 1.0 - part });
    let points = way.route.points();
    let across = points.last().map_or(0.0, |p| p.0) - points.first().map_or(0.0, |p| p.0);
    // Up and down the spine an envelope looks left, away from the tapes.
    let right = if across.abs() < 1.0 { !way.above } else { across > 0.0 };
    (place.x, place.y, if across.abs() < 1.0 { right } else { right == way.forward })
}

/// Where a way begins and ends from left to right.
fn ends(route: &Route) -> (f64, f64) {
    let points = route.points();
    let (a, b) = (points.first().map_or(0.0, |p| p.0), points.last().map_or(0.0, |p| p.0));
    (a.min(b), a.max(b))
}

/// A mark stays on the stage, or in its gutter, however near to the edge its way runs; one that is too wide for that stands
/// in the middle.
fn within(b: &Brush, packet: &PacketView, x: f64, (from, to): (f64, f64)) -> f64 {
    let half = match packet.cargo {
        _ if packet.is_refusal() => 28.0,
        _ if is_bead(packet) => 3.0,
        Cargo::Ack { .. } => 9.0,
        _ => marks::envelope_width(b, packet) / 2.0,
    };
    let (least, most) = (from + half + 4.0, to - half - 4.0);
    if least > most { (from + to) / 2.0 } else { x.clamp(least, most) }
}

/// Whether a message is one of those that are drawn as beads: what goes to and fro between servers all the time. A group's
/// heartbeats are few, and say that a member lives.
fn is_bead(packet: &PacketView) -> bool {
    packet.is_idle() && !packet.is_of_group()
}

fn message(b: &Brush, packet: &PacketView, (x, y): (f64, f64), right: bool) {
    if packet.is_refusal() {
        refusal(b, x, y);
        b.halo("refused", x, y - 15.0, SMALL_BOLD, (&b.palette.bad, &b.palette.stage), Anchor::Middle);
    } else if is_bead(packet) {
        bead(b, x, y, packet.response);
    } else if let Cargo::Ack { acks, .. } = packet.cargo {
        seal(b, acks, x, y, 8.0);
    } else {
        envelope(b, packet, x, y, right);
    }
}

/// What goes to and fro all the time: questions are rings, answers are discs.
fn bead(b: &Brush, x: f64, y: f64, response: bool) {
    let p = b.palette;
    b.disc(x, y, 2.6, if response { &p.ink3 } else { &p.panel });
    if !response {
        b.pen(&p.ink3, 1.2);
        b.ctx.stroke();
    }
}

/// So many messages that they are a stream: dashes that run, the wider the more.
fn stream(b: &Brush, way: &Way, count: usize, now: f64) {
    let p = b.palette;
    let width = 1.4 + (count as f64).sqrt() * 0.7;
    b.pen(&p.ink2, width.min(7.0));
    b.dash(&[9.0, 6.0]);
    let run = (now / 1_200.0) % 15.0;
    b.ctx.set_line_dash_offset(if way.forward { -run } else { run });
    b.way(way.route.points(), 7.0);
    b.ctx.set_line_dash_offset(0.0);
    if count > 3 {
        let at = way.route.at(if way.forward { 0.6 } else { 0.4 });
        let text = format!("×{count}");
        let w = b.width(&text, NUMBER) + 8.0;
        b.card(Rect::new(at.x - w / 2.0, at.y - 7.5, w, 15.0), 3.0, &p.panel, &p.ink2, 1.0);
        b.text(&text, at.x, at.y + 4.0, NUMBER, &p.ink, Anchor::Middle);
    }
}

/// Draws the ways between clients and brokers that have been used; those in use are darker. One to a broker that is
/// down is dotted, one that is cut is crossed.
pub(crate) fn ways(b: &Brush, scene: &Scene, layout: &Layout, motion: &Motion) {
    let p = b.palette;
    for ((host, row), idle_ms) in &motion.used {
        let Some(route) = layout.client_ways.get(&(*host, *row)) else { continue };
        let broker = layout.shelves.get(*row).and_then(|s| scene.brokers.get(&s.broker));
        let down = broker.is_some_and(|v| scene.hosts.get(&v.host).is_some_and(|h| !h.process.is_up()));
        let cut = broker.is_some_and(|v| scene.link(*host, v.host).cut);
        let slow = broker.is_some_and(|v| scene.link(*host, v.host).latency.is_some());
        let busy = *idle_ms < 1_200.0;
        match (down || cut, slow) {
            (true, _) => {
                b.pen(&p.dead, 1.2);
                b.dash(&[2.0, 4.0]);
            }
            (false, true) => {
                b.pen(&p.warn, 1.8);
                b.dash(&[1.5, 4.0]);
            }
            _ => b.pen(if busy { &p.ink3 } else { &p.line2 }, if busy { 1.4 } else { 1.2 }),
        }
        b.way(route.points(), 7.0);
        if down || cut {
            let at = before_port(route);
            cross(b, at.0, at.1, 4.0, if cut { &p.bad } else { &p.dead });
        }
    }
}

/// A place on a way shortly before the broker's port.
fn before_port(route: &Route) -> (f64, f64) {
    let place = route.at(1.0);
    (place.x - place.dx * 12.0, place.y - place.dy * 12.0)
}

/// Draws the ports: where used ways end at the brokers' edges.
pub(crate) fn ports(b: &Brush, layout: &Layout, motion: &Motion) {
    let used = motion.used.keys().filter_map(|key| layout.client_ways.get(key));
    for (x, y) in used.filter_map(|route| route.points().last()) {
        b.disc(*x, *y, 2.6, &b.palette.shelf);
        b.pen(&b.palette.ink3, 1.4);
        b.ctx.stroke();
    }
}

/// Draws the ways between brokers and the active controller: quietly, while there is one.
pub(crate) fn rails(b: &Brush, scene: &Scene, layout: &Layout) {
    let Some(active) = scene.quorum.active else { return };
    b.pen(&b.palette.line3, 1.0);
    b.dash(&[1.0, 3.0]);
    for id in scene.brokers.keys() {
        if !layout.bands.is_empty() && !layout.shelves.is_empty() {
            continue;
        }
        if scene.broker_process(*id).is_up()
            && let Some(way) = layout.way(Station::Broker(*id), Station::Controller(active), None)
        {
            b.way(way.route.points(), 4.0);
        }
        if !layout.bands.is_empty() {
            break;
        }
    }
}
