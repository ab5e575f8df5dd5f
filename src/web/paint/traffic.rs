//! Messages under way, and the routes that they travel.

use super::brush::{Anchor, Brush, SMALL_BOLD};
use super::marks::{envelope, refusal, seal};
use crate::view::{Cargo, Layout, PacketView, Place, Role, Scene};

/// Above this many messages under way the rest are dots.
const ENVELOPES: usize = 40;

/// Draws the ways between clients and brokers. A way along which something travels is darker.
pub(crate) fn routes(b: &Brush, scene: &Scene, layout: &Layout, flights: &[PacketView]) {
    let p = b.palette;
    for ((client, broker), route) in &layout.routes {
        let busy = flights.iter().any(|f| end(scene, f).is_some_and(|(c, k, _)| (c, k) == (*client, *broker)));
        b.pen(if busy { &p.ink3 } else { &p.line2 }, if busy { 1.4 } else { 1.2 });
        b.way(route.points(), 7.0);
    }
}

/// Draws the ports: where the ways end at the brokers' edges.
pub(crate) fn ports(b: &Brush, layout: &Layout) {
    for (x, y) in layout.routes.values().filter_map(|route| route.points().last()) {
        b.disc(*x, *y, 2.6, &b.palette.shelf);
        b.pen(&b.palette.ink3, 1.4);
        b.ctx.stroke();
    }
}

/// Draws the messages under way at `now`. `still` (reduced motion) draws each half way.
pub(crate) fn flights(b: &Brush, scene: &Scene, layout: &Layout, flights: &[PacketView], now: f64, still: bool) {
    for (n, packet) in flights.iter().enumerate() {
        let part = if still { 0.5 } else { packet.progress(now) };
        if let Some((place, right)) = place(scene, layout, packet, part) {
            message(b, packet, place, right, n < ENVELOPES);
        }
    }
}

/// The client's and the broker's end of a message, and whether it goes to the broker.
fn end(scene: &Scene, packet: &PacketView) -> Option<(u32, i32, bool)> {
    let broker = |host| match scene.hosts.get(&host).map(|h| h.role) {
        Some(Role::Broker(id)) => Some(id),
        _ => None,
    };
    match (broker(packet.from), broker(packet.to)) {
        (None, Some(id)) => Some((packet.from, id, true)),
        (Some(id), None) => Some((packet.to, id, false)),
        _ => None,
    }
}

/// Where a message is and whether it goes right.
pub(crate) fn place(scene: &Scene, layout: &Layout, packet: &PacketView, part: f64) -> Option<(Place, bool)> {
    let (client, broker, outbound) = end(scene, packet)?;
    let route = layout.routes.get(&(client, broker))?;
    let (from, to) = (route.points().first()?, route.points().last()?);
    let place = route.at(if outbound { part } else { 1.0 - part });
    let rightward = if (to.0 - from.0).abs() < 1.0 { true } else { to.0 > from.0 };
    Some((place, rightward == outbound))
}

fn message(b: &Brush, packet: &PacketView, place: Place, right: bool, whole: bool) {
    let Place { x, y, .. } = place;
    if packet.error.is_some() {
        refusal(b, x, y);
        b.text("refused", x, y - 15.0, SMALL_BOLD, &b.palette.bad, Anchor::Middle);
    } else if !whole {
        b.disc(x, y, 3.0, &b.palette.ink2);
    } else if let Cargo::Ack { acks, .. } = packet.cargo {
        seal(b, acks, x, y, 8.0);
    } else {
        envelope(b, packet, x, y, right);
    }
}
