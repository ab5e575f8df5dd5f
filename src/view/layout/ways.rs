//! The ways along which messages travel: between clients and rows in the gutters, between brokers along the columns'
//! spines, between brokers and controllers at the left edge, among controllers above their boxes.

use super::{ClientBox, Layout, Rect};
use crate::base::{Sort, SortedMap, TopicPartition};
use crate::view::route::Route;
use crate::view::scene::Role;
use std::borrow::Cow;

/// Where a message's end is on the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Station {
    /// A client's or a tool's box, by host.
    Client(u32),
    /// A broker's row.
    Broker(i32),
    /// A controller's box.
    Controller(i32),
}

/// A way between two stations.
#[derive(Clone, Debug, PartialEq)]
pub struct Way<'a> {
    /// The line.
    pub route: Cow<'a, Route>,
    /// Whether it runs along the line, or against it.
    pub forward: bool,
    /// Whether it runs over the rows rather than in a gutter, where boxes' edges hide what enters and leaves.
    pub above: bool,
    /// Where it runs along the rows' edge, if it does: there is little room beside it.
    pub margin_x: Option<f64>,
}

impl Layout {
    /// The way of a message. `about` is the partition that it names first: replication runs along its column.
    pub fn way(&self, from: Station, to: Station, about: Option<&TopicPartition>) -> Option<Way<'_>> {
        match (from, to) {
            (Station::Client(host), Station::Broker(id)) => self.client_way(host, id, true),
            (Station::Broker(id), Station::Client(host)) => self.client_way(host, id, false),
            (Station::Broker(a), Station::Broker(b)) => over(self.spine(a, b, about)?, true),
            (Station::Broker(id), Station::Controller(c)) => rail(self.rail(id, c)?, true),
            (Station::Controller(c), Station::Broker(id)) => rail(self.rail(id, c)?, false),
            (Station::Controller(a), Station::Controller(b)) => over(self.arc(a, b)?, true),
            (Station::Client(host), Station::Controller(c)) => over(self.to_controller(host, c)?, true),
            (Station::Controller(c), Station::Client(host)) => over(self.to_controller(host, c)?, false),
            (Station::Client(_), Station::Client(_)) => None,
        }
    }

    fn client_way(&self, host: u32, broker: i32, forward: bool) -> Option<Way<'_>> {
        let route = self.client_ways.get(&(host, *self.rows.get(&broker)?))?;
        Some(Way { route: Cow::Borrowed(route), forward, above: false, margin_x: None })
    }

    /// From one broker's replica to another's, along the column of `about` or, where that has none, of the first
    /// partition that both hold.
    fn spine(&self, a: i32, b: i32, about: Option<&TopicPartition>) -> Option<Route> {
        if a == b {
            return None;
        }
        let both = |c: &&super::Column| c.tape(a).is_some() && c.tape(b).is_some();
        let named = about.and_then(|tp| self.column(tp)).filter(both);
        if let Some(column) = named.or_else(|| self.columns.iter().find(both)) {
            return Some(spine(column.spine_x(), column.tape(a)?, column.tape(b)?));
        }
        let card = |broker| self.row_card(*self.rows.get(&broker)?);
        let (a, b) = (card(a)?, card(b)?);
        let x = a.right() - 14.0;
        (a != b).then(|| Route::new(vec![(x, a.middle()), (x, b.middle())]))
    }

    /// From a broker's row to a controller: along the rows' left edge, and under the controllers' bar.
    fn rail(&self, broker: i32, controller: i32) -> Option<Route> {
        let row = self.row_card(*self.rows.get(&broker)?)?;
        let quorum = self.quorum.as_ref()?;
        let node = quorum.nodes.iter().find(|(id, _)| *id == controller)?.1;
        let under = quorum.card.bottom() + 5.0;
        // On a phone there is no gutter: the rail runs between the bar and the name.
        let x = if self.narrow { row.x + 11.0 } else { row.x - 8.0 };
        let y = row.y + (row.h / 2.0).min(22.0);
        // It ends below the box: a message that arrives must not lie over the controller's name.
        let end = quorum.card.bottom() + 1.0;
        Some(Route::new(vec![(row.x, y), (x, y), (x, under), (node.center(), under), (node.center(), end)]))
    }

    fn arc(&self, a: i32, b: i32) -> Option<Route> {
        let quorum = self.quorum.as_ref()?;
        let node = |id| quorum.nodes.iter().find(|(at, _)| *at == id).map(|(_, r)| *r);
        let (a, b) = (node(a)?, node(b)?);
        // Above the boxes, and off their names.
        let (end, y) = (quorum.card.y, quorum.card.y - 4.0);
        (a != b).then(|| Route::new(vec![(a.center(), end), (a.center(), y), (b.center(), y), (b.center(), end)]))
    }

    /// From a client's box to a controller, for tools that speak to one: over the top.
    fn to_controller(&self, host: u32, controller: i32) -> Option<Route> {
        let client = self.clients.iter().find(|c| c.host == host)?.card;
        let quorum = self.quorum.as_ref()?;
        let node = quorum.nodes.iter().find(|(id, _)| *id == controller)?.1;
        let under = quorum.card.bottom() + 5.0;
        Some(Route::new(vec![
            (client.center(), client.y),
            (client.center(), under),
            (node.center(), under),
            (node.center(), node.bottom()),
        ]))
    }
}

fn over<'a>(route: Route, forward: bool) -> Option<Way<'a>> {
    Some(Way { route: Cow::Owned(route), forward, above: true, margin_x: None })
}

fn rail<'a>(route: Route, forward: bool) -> Option<Way<'a>> {
    let margin_x = route.points().get(1).map(|(x, _)| *x);
    Some(Way { route: Cow::Owned(route), forward, above: true, margin_x })
}

/// From one tape by the spine to another.
fn spine(x: f64, a: Rect, b: Rect) -> Route {
    Route::new(vec![(a.x, a.middle()), (x, a.middle()), (x, b.middle()), (b.x, b.middle())])
}

/// Each client's way to each row: straight where the port lies beside the box, else by an elbow in the gutter.
pub(super) fn client_ways(layout: &Layout) -> SortedMap<(u32, usize), Route> {
    let mut out = SortedMap::new();
    let rows = if layout.shelves.is_empty() { layout.bands.len() } else { layout.shelves.len() };
    for row in 0..rows {
        let Some(card) = layout.row_card(row) else { continue };
        for right in [false, true] {
            let side: Vec<&ClientBox> = layout.clients.iter().filter(|c| (c.role == Role::Consumer) == right).collect();
            // Of tiles the gutter begins beside the outermost.
            let edges = side.iter().map(|c| if right { c.card.x } else { c.card.right() });
            let edge = edges.reduce(if right { f64::min } else { f64::max }).unwrap_or_default();
            let ports = ports(&side, card);
            for (n, client) in side.iter().enumerate() {
                let lane = (n as f64 + 1.0) / (side.len() as f64 + 1.0);
                let route = if layout.narrow {
                    phone(client, card, lane)
                } else {
                    gutter((client.card, edge), card, ports[n], lane, right)
                };
                out.insert((client.host, row), route);
            }
        }
    }
    out
}

/// Where on a row's edge the ways of one side's clients end: beside the box where that is possible, at least 14 apart.
fn ports(side: &[&ClientBox], row: Rect) -> Vec<f64> {
    let margin = (row.h * 0.25).min(30.0);
    let (top, bottom) = (row.y + margin, row.bottom() - (row.h * 0.2).min(14.0));
    let mut order: Vec<usize> = (0..side.len()).collect();
    order.order_by(|a, b| side[*a].card.y.total_cmp(&side[*b].card.y));
    let gap = 14.0f64.min((bottom - top) / side.len().max(1) as f64);
    let mut ports = vec![0.0; side.len()];
    let mut least = top;
    for (rank, n) in order.iter().enumerate() {
        let most = bottom - gap * (order.len() - 1 - rank) as f64;
        ports[*n] = side[*n].card.middle().max(least).min(most);
        least = ports[*n] + gap;
    }
    ports
}

fn gutter((client, from): (Rect, f64), row: Rect, port: f64, lane: f64, right: bool) -> Route {
    let to = if right { row.right() } else { row.x };
    let y = client.middle();
    if (y - port).abs() < 1.0 {
        return Route::new(vec![(from, y), (to, y)]);
    }
    let x = from + (to - from) * (0.22 + lane * 0.5);
    Route::new(vec![(from, y), (x, y), (x, port), (to, port)])
}

/// From a chip by an elbow down to the first row, or up to the last; rows between are passed at the edge.
fn phone(client: &ClientBox, row: Rect, part: f64) -> Route {
    let from = client.card.center();
    if client.role == Role::Consumer {
        let x = row.right() - 3.0 + part * 4.0;
        let turn = client.card.y - 6.0;
        return Route::new(vec![(from, client.card.y), (from, turn), (x, turn), (x, row.bottom() - 12.0)]);
    }
    let x = row.x - 3.0 - part * 1.5;
    let turn = client.card.bottom() + 6.0;
    Route::new(vec![(from, client.card.bottom()), (from, turn), (x, turn), (x, row.y + 12.0)])
}
