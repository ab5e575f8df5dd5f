//! Where things stand on the stage: a broker is a row, a partition is a column, time in the log runs left to right.
//!
//! All lengths are in units of the stage, one of which is [`Layout::unit`] CSS pixels. Nothing here depends on how far
//! a log has grown: the layout never moves because of data.

use super::route::Route;
use super::scene::{Role, Scene};
use crate::base::TopicPartition;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Rect {
    /// A rectangle at a place with a size.
    pub const fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    /// Right edge.
    pub fn right(&self) -> f64 {
        self.x + self.w
    }

    /// Lower edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.h
    }

    /// Half way down.
    pub fn middle(&self) -> f64 {
        self.y + self.h / 2.0
    }

    /// Whether a point lies inside.
    pub fn holds(&self, x: f64, y: f64) -> bool {
        (self.x..self.right()).contains(&x) && (self.y..self.bottom()).contains(&y)
    }
}

/// A partition's column within a broker's shelf.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The partition.
    pub tp: TopicPartition,
    /// The head: label, ISR, high watermark.
    pub head: Rect,
    /// The tab and the track of the tape.
    pub tape: Rect,
    /// How many record cells the track holds.
    pub cells: usize,
    /// Width of a cell.
    pub cell: f64,
}

impl Column {
    /// Where the first cell begins.
    pub fn track_x(&self) -> f64 {
        self.tape.x + TAB
    }
}

/// A broker's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Shelf {
    /// The broker.
    pub broker: i32,
    /// The card.
    pub card: Rect,
}

/// A client's box.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientBox {
    /// Its host.
    pub host: u32,
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub role: Role,
    /// The box.
    pub card: Rect,
    /// Whether there is room for its name and one number only.
    pub folded: bool,
}

/// The stage of one scene at one size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// CSS pixels to a unit.
    pub unit: f64,
    /// Width in units.
    pub width: f64,
    /// Height in units.
    pub height: f64,
    /// Brokers.
    pub shelves: Vec<Shelf>,
    /// Partitions.
    pub columns: Vec<Column>,
    /// Clients and tools.
    pub clients: Vec<ClientBox>,
    /// The way between a client and the brokers: client's host, broker.
    pub routes: BTreeMap<(u32, i32), Route>,
    /// How many partitions there was no room for.
    pub more_partitions: usize,
    /// Below the clients of each side, left and right: how many more there are.
    pub more_clients: [(Rect, usize); 2],
    /// Whether this is the stage of a phone.
    pub narrow: bool,
}

/// Width of a tape's tab.
pub const TAB: f64 = 26.0;
/// Height of a tape.
pub const TAPE: f64 = 38.0;
const MARGIN: f64 = 13.0;
const HEAD: f64 = 34.0;
const SHELF_HEAD: f64 = 84.0;
const LANE: f64 = 126.0;
const PRODUCER_W: f64 = 92.0;
const CONSUMER_W: f64 = 147.0;
const MIN_COLUMN: f64 = 150.0;
/// Between a tape's end and the next column.
const COLUMN_GAP: f64 = 12.0;
/// A cell has room for three digits.
const MIN_CELL: f64 = 22.0;

/// The stage for `scene`, `width` CSS pixels wide and at least `least_height` high. `selected` is always among the
/// partitions that are drawn, and on a phone the only one.
pub fn layout(scene: &Scene, width: f64, least_height: f64, selected: Option<&TopicPartition>) -> Layout {
    if width < 600.0 { phone(scene, width, selected) } else { sandbox(scene, width, least_height, selected) }
}

/// The partitions that are drawn as tapes: the first ones, and the selected.
fn drawn(scene: &Scene, selected: Option<&TopicPartition>) -> Vec<TopicPartition> {
    let mut drawn: Vec<TopicPartition> = scene.partitions.keys().take(MOST_TAPES).cloned().collect();
    if let Some(tp) = selected.filter(|tp| scene.partitions.contains_key(tp) && !drawn.contains(tp)) {
        drawn.pop();
        drawn.push(tp.clone());
    }
    drawn
}

fn sandbox(scene: &Scene, width: f64, least_height: f64, selected: Option<&TopicPartition>) -> Layout {
    let unit = (width / 1180.0).clamp(1.0, 2.0);
    let width_u = width / unit;
    let gutter = (width_u * 0.085).clamp(72.0, 150.0);
    let card_x = MARGIN + PRODUCER_W + gutter;
    let card_w = (width_u - card_x - gutter - CONSUMER_W - MARGIN).max(SHELF_HEAD + MIN_COLUMN);
    let mut out = Layout { unit, width: width_u, ..Layout::default() };
    let drawn = drawn(scene, selected);
    out.more_partitions = scene.partitions.len() - drawn.len();
    let lanes = lanes(&drawn, card_w);
    let lanes_h = lanes.len().max(1) as f64 * (LANE + HEAD) - HEAD;
    let sides = clients(scene);
    let clients_h = side_height(&sides.0).max(side_height(&sides.1));
    let top = 70.0 + HEAD + 6.0;
    let shelves_h = scene.brokers.len().max(1) as f64 * (lanes_h + 9.0) - 9.0;
    let body = shelves_h.max(clients_h);
    out.height = (top + body + 16.0).max(least_height / unit);
    let lead = ((out.height - 16.0 - top - body) * 0.3).max(0.0);
    for (row, broker) in scene.brokers.keys().enumerate() {
        let y = top + lead + row as f64 * (lanes_h + 9.0);
        let card = Rect::new(card_x, y, card_w, lanes_h);
        out.shelves.push(Shelf { broker: *broker, card });
        if row == 0 {
            out.columns = columns(&lanes, card);
        }
    }
    let left = Rect::new(MARGIN, top + lead, PRODUCER_W, body);
    let right = Rect::new(width_u - MARGIN - CONSUMER_W, top + lead, CONSUMER_W, body);
    out.more_clients = [left, right].map(|area| (area, 0));
    for (n, side) in [&sides.0, &sides.1].into_iter().enumerate() {
        let below = place_side(&mut out.clients, &side[..side.len().min(MOST_CLIENTS)], out.more_clients[n].0);
        out.more_clients[n] = (below, side.len().saturating_sub(MOST_CLIENTS));
    }
    place_tools(&mut out.clients, scene, left);
    out.routes = routes(&out);
    out
}

/// Partitions by rows of columns within a shelf: as few rows as the width allows, evenly filled; a topic does not share
/// a row unless both fit.
fn lanes(drawn: &[TopicPartition], card_w: f64) -> Vec<Vec<TopicPartition>> {
    let most = (((card_w - SHELF_HEAD - 6.0) / MIN_COLUMN).floor() as usize).max(1);
    let mut lanes: Vec<Vec<TopicPartition>> = Vec::new();
    for all in drawn.chunk_by(|a, b| a.topic == b.topic) {
        match lanes.last_mut() {
            Some(last) if last.len() + all.len() <= most => last.extend_from_slice(all),
            _ => {
                let rows = all.len().div_ceil(most).max(1);
                lanes.extend(all.chunks(all.len().div_ceil(rows).max(1)).map(<[_]>::to_vec));
            }
        }
    }
    lanes
}

fn columns(lanes: &[Vec<TopicPartition>], card: Rect) -> Vec<Column> {
    let widest = lanes.iter().map(Vec::len).max().unwrap_or(1).max(1) as f64;
    let pitch = (card.w - SHELF_HEAD - 6.0) / widest;
    let room = pitch - TAB - COLUMN_GAP;
    let cells = ((room / MIN_CELL).floor() as usize).clamp(3, super::scene::TAIL);
    let cell = (room / cells as f64).clamp(MIN_CELL, 28.0);
    let mut out = Vec::new();
    for (row, lane) in lanes.iter().enumerate() {
        let y = card.y + row as f64 * (LANE + HEAD);
        for (n, tp) in lane.iter().enumerate() {
            let x = card.x + SHELF_HEAD + n as f64 * pitch;
            let w = TAB + cells as f64 * cell;
            let head = Rect::new(x, y - HEAD - 6.0, w, HEAD);
            out.push(Column { tp: tp.clone(), head, tape: Rect::new(x, y + 39.0, w, TAPE), cells, cell });
        }
    }
    out
}

type Side = Vec<(u32, Arc<str>, Role)>;

fn clients(scene: &Scene) -> (Side, Side) {
    let producers = scene.producers.iter().map(|(name, p)| (p.host, name.clone(), Role::Producer)).collect();
    let consumers = scene.consumers.iter().map(|(name, c)| (c.host, name.clone(), Role::Consumer)).collect();
    (producers, consumers)
}

/// At most so many partitions are drawn as tapes, and so many clients a side; a canvas has an end. The rest is counted.
const MOST_TAPES: usize = 24;
const MOST_CLIENTS: usize = 12;
/// Beyond this many clients on a side their boxes fold.
const FOLD: usize = 3;

fn box_height(count: usize) -> f64 {
    if count > FOLD { 38.0 } else { 76.0 }
}

fn side_height(side: &Side) -> f64 {
    let boxes = side.len().min(MOST_CLIENTS) as f64;
    let more = if side.len() > MOST_CLIENTS { 20.0 } else { 0.0 };
    boxes * (box_height(side.len()) + 10.0) - 10.0 + more
}

/// Places a side's boxes and gives the place below them.
fn place_side(out: &mut Vec<ClientBox>, side: &[(u32, Arc<str>, Role)], area: Rect) -> Rect {
    let (h, folded) = (box_height(side.len()), side.len() > FOLD);
    let gap = if side.len() > FOLD { 10.0 } else { 16.0f64.min((area.h - side.len() as f64 * h) / 2.0).max(10.0) };
    let total = side.len() as f64 * (h + gap) - gap;
    let first = area.y + ((area.h - total) / 2.0).clamp(0.0, 48.0);
    for (n, (host, name, role)) in side.iter().enumerate() {
        let card = Rect::new(area.x, first + n as f64 * (h + gap), area.w, h);
        out.push(ClientBox { host: *host, name: name.clone(), role: *role, card, folded });
    }
    Rect::new(area.x, first + total + 4.0, area.w, 14.0)
}

/// Tools run one after another: the newest that runs has the place above the producers.
fn place_tools(out: &mut Vec<ClientBox>, scene: &Scene, left: Rect) {
    if let Some((host, view)) = scene.tools().last() {
        let card = Rect::new(left.x, left.y - 40.0, left.w, 30.0);
        out.push(ClientBox { host, name: view.name.clone(), role: Role::Tool, card, folded: true });
    }
}

/// Each client's way to each broker: straight where the port lies beside the box, else by an elbow in the gutter.
fn routes(layout: &Layout) -> BTreeMap<(u32, i32), Route> {
    let mut out = BTreeMap::new();
    for shelf in &layout.shelves {
        for right in [false, true] {
            let side: Vec<&ClientBox> = layout.clients.iter().filter(|c| (c.role == Role::Consumer) == right).collect();
            let ports = ports(&side, shelf);
            for (n, client) in side.iter().enumerate() {
                let lane = (n as f64 + 1.0) / (side.len() as f64 + 1.0);
                out.insert((client.host, shelf.broker), gutter_route(client.card, shelf.card, ports[n], lane, right));
            }
        }
    }
    out
}

/// Where on a shelf's edge the ways of one side's clients end: beside the box where that is possible, at least 14 apart.
fn ports(side: &[&ClientBox], shelf: &Shelf) -> Vec<f64> {
    let (top, bottom) = (shelf.card.y + 20.0, shelf.card.bottom() - 14.0);
    let mut order: Vec<usize> = (0..side.len()).collect();
    order.sort_by(|a, b| side[*a].card.y.total_cmp(&side[*b].card.y));
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

fn gutter_route(client: Rect, shelf: Rect, port: f64, lane: f64, right: bool) -> Route {
    let (from, to) = if right { (client.x, shelf.right()) } else { (client.right(), shelf.x) };
    let y = client.middle();
    if (y - port).abs() < 1.0 {
        return Route::new(vec![(from, y), (to, y)]);
    }
    let x = from + (to - from) * (0.25 + lane * 0.5);
    Route::new(vec![(from, y), (x, y), (x, port), (to, port)])
}

fn phone(scene: &Scene, width: f64, chosen: Option<&TopicPartition>) -> Layout {
    let unit = 1.15;
    let w = width / unit;
    let mut out = Layout { unit, width: w, narrow: true, ..Layout::default() };
    let sides = clients(scene);
    let shelf_y = chip_row(&mut out.clients, &sides.0, w, 14.0) + 34.0 + HEAD + 8.0;
    let tp = chosen.or_else(|| scene.partitions.keys().next());
    let mut y = shelf_y;
    for broker in scene.brokers.keys() {
        let card = Rect::new(6.0, y, w - 12.0, LANE);
        out.shelves.push(Shelf { broker: *broker, card });
        y += LANE + 9.0;
    }
    if let (Some(tp), Some(shelf)) = (tp, out.shelves.first()) {
        let x = shelf.card.x + 18.0;
        let cells = 8;
        let cell = ((shelf.card.right() - 14.0 - x - TAB) / cells as f64).floor();
        let tape_w = TAB + cells as f64 * cell;
        let head = Rect::new(x, shelf_y - HEAD - 6.0, tape_w, HEAD);
        let tape = Rect::new(x, shelf_y + 46.0, tape_w, TAPE);
        out.columns.push(Column { tp: tp.clone(), head, tape, cells, cell });
    }
    out.height = chip_row(&mut out.clients, &sides.1, w, y + 40.0) + 14.0;
    if let Some((host, view)) = scene.tools().last() {
        let card = Rect::new(w - 110.0, shelf_y - HEAD - 44.0, 104.0, 26.0);
        out.clients.push(ClientBox { host, name: view.name.clone(), role: Role::Tool, card, folded: true });
    }
    for shelf in &out.shelves {
        for client in &out.clients {
            let side = if client.role == Role::Consumer { &sides.1 } else { &sides.0 };
            let rank = side.iter().position(|(host, ..)| *host == client.host).unwrap_or(side.len());
            let part = (rank as f64 + 1.0) / (side.len() as f64 + 1.0);
            out.routes.insert((client.host, shelf.broker), phone_route(client, shelf.card, part));
        }
    }
    out
}

/// A row of client chips, as many rows as needed; gives the lower edge.
fn chip_row(out: &mut Vec<ClientBox>, side: &Side, width: f64, y: f64) -> f64 {
    let per_row = side.len().clamp(1, 3);
    let w = ((width - 12.0 - 8.0 * (per_row as f64 - 1.0)) / per_row as f64).min(150.0);
    for (n, (host, name, role)) in side.iter().enumerate() {
        let (row, at) = (n / per_row, n % per_row);
        let in_row = per_row.min(side.len() - row * per_row) as f64;
        let left = (width - in_row * (w + 8.0) + 8.0) / 2.0;
        let card = Rect::new(left + at as f64 * (w + 8.0), y + row as f64 * 44.0, w, 38.0);
        out.push(ClientBox { host: *host, name: name.clone(), role: *role, card, folded: true });
    }
    y + side.len().div_ceil(per_row) as f64 * 44.0
}

/// From a chip by an elbow to a port in the middle part of the shelf's edge, where the column's head leaves room.
fn phone_route(client: &ClientBox, shelf: Rect, part: f64) -> Route {
    let from = client.card.x + client.card.w / 2.0;
    let clear = (shelf.x + shelf.w * 0.38)..(shelf.x + shelf.w * 0.64);
    let x = if clear.contains(&from) { from } else { shelf.x + shelf.w * (0.3 + 0.5 * part) };
    let (start, turn, end) = if client.role == Role::Consumer {
        (client.card.y, client.card.y - 10.0, shelf.bottom())
    } else {
        (client.card.bottom(), client.card.bottom() + 10.0, shelf.y)
    };
    Route::new(vec![(from, start), (from, turn), (x, turn), (x, end)])
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn inside(layout: &Layout) {
        for c in &layout.columns {
            let shelf = layout.shelves[0].card;
            assert!(c.tape.x >= shelf.x && c.tape.right() <= shelf.right() + 0.01, "{:?} in {shelf:?}", c.tape);
            assert!(c.tape.bottom() <= shelf.bottom() && c.cells >= 3 && c.cell >= MIN_CELL);
        }
        for c in &layout.clients {
            assert!(c.card.x >= 0.0 && c.card.right() <= layout.width + 0.01, "{c:?}");
            assert!(c.card.y >= 0.0 && c.card.bottom() <= layout.height, "{c:?} in {}", layout.height);
        }
        for (i, a) in layout.clients.iter().enumerate() {
            for b in &layout.clients[i + 1..] {
                let apart = a.card.right() <= b.card.x
                    || b.card.right() <= a.card.x
                    || a.card.bottom() <= b.card.y
                    || b.card.bottom() <= a.card.y;
                assert!(apart, "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn everything_has_its_place_at_every_size() {
        for width in [360.0, 390.0, 768.0, 1076.0, 1516.0, 2400.0] {
            for (topics, producers, consumers) in [
                (vec![], vec![], vec![]),
                (vec![("orders", 3)], vec!["a", "b"], vec!["c"]),
                (vec![("orders", 7), ("pay", 1)], vec!["a", "b", "c", "d", "e", "f"], vec!["g", "h", "i", "j"]),
            ] {
                let scene = fixture::scene(&topics, &producers, &consumers);
                let layout = layout(&scene, width, 300.0, None);
                inside(&layout);
                assert_eq!((layout.more_partitions, layout.more_clients.map(|(_, n)| n)), (0, [0, 0]));
                assert_eq!(layout.routes.len(), producers.len() + consumers.len());
            }
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_and_the_selected_is_drawn() {
        let names: Vec<String> = (0..30).map(|n| format!("p{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let scene = fixture::scene(&[("orders", 1_000)], &names, &["c"]);
        let selected = TopicPartition::new("orders", 777);
        let layout = layout(&scene, 1076.0, 400.0, Some(&selected));
        inside(&layout);
        assert_eq!((layout.columns.len(), layout.more_partitions), (24, 976));
        assert!(layout.columns.iter().any(|c| c.tp == selected));
        assert_eq!(layout.more_clients[0].1, 18);
        assert!(layout.more_clients[0].0.bottom() <= layout.height && layout.height < 2_000.0);
    }

    #[test]
    fn data_does_not_move_the_layout() {
        let mut scene = fixture::scene(&[("orders", 3)], &["a"], &["c"]);
        let before = layout(&scene, 1076.0, 400.0, None);
        for replica in scene.replicas.values_mut() {
            *replica = fixture::replica(123_456, 123_000);
        }
        assert_eq!(layout(&scene, 1076.0, 400.0, None), before);
    }
}
