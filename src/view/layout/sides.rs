//! Producers at the left of the stage, consumers at its right, and the tool that runs.

use super::{Layout, Rect};
use crate::view::scene::{Role, Scene};
use std::sync::Arc;

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

/// One side's clients: host, name, role.
pub(super) type Side = Vec<(u32, Arc<str>, Role)>;

/// Left of the gutter: margin and producers.
pub(super) const LEFT: f64 = MARGIN + PRODUCER_W;
/// Right of the gutter: consumers in their bracket, and margin.
pub(super) const RIGHT: f64 = BRACKET + CONSUMER_W + BRACKET + 10.0;
const MARGIN: f64 = 13.0;
const PRODUCER_W: f64 = 92.0;
const CONSUMER_W: f64 = 147.0;
/// From a bracket to the boxes that it holds.
const BRACKET: f64 = 8.0;
/// At most so many clients a side; the rest is counted.
const MOST: usize = 12;
/// Beyond this many clients on a side their boxes fold.
const FOLD: usize = 4;

/// The gutters' widths at the left and right of the rows.
pub(super) fn gutters(width: f64) -> (f64, f64) {
    let extra = ((width - 1076.0) * 0.08).clamp(-8.0, 40.0);
    (72.0 + extra, 80.0 + extra)
}

/// Both sides' clients.
pub(super) struct Sides {
    pub(super) left: Side,
    pub(super) right: Side,
}

impl Sides {
    pub(super) fn of(scene: &Scene) -> Self {
        let left = scene.producers.iter().map(|(name, p)| (p.host, name.clone(), Role::Producer)).collect();
        let right = scene.consumers.iter().map(|(name, c)| (c.host, name.clone(), Role::Consumer)).collect();
        Self { left, right }
    }

    /// How high the higher side is.
    pub(super) fn height(&self) -> f64 {
        height(&self.left).max(height(&self.right))
    }

    /// Places everything beside the rows' `body`.
    pub(super) fn place(&self, out: &mut Layout, scene: &Scene, body: Rect) {
        let left = Rect::new(MARGIN, body.y, PRODUCER_W, body.h);
        let right = Rect::new(out.width - RIGHT + BRACKET, body.y, CONSUMER_W, body.h);
        for (n, (side, area)) in [(&self.left, left), (&self.right, right)].into_iter().enumerate() {
            let below = column(&mut out.clients, &side[..side.len().min(MOST)], side.len(), area);
            out.more_clients[n] = (below, side.len().saturating_sub(MOST));
        }
        // Tools run one after another: the newest that runs has the place above the producers.
        if let Some((host, view)) = scene.tools().last() {
            let card = Rect::new(left.x, left.y - 34.0, left.w, 28.0);
            out.clients.push(ClientBox { host, name: view.name.clone(), role: Role::Tool, card, folded: true });
        }
    }
}

fn box_height(count: usize) -> f64 {
    if count > FOLD { 38.0 } else { 76.0 }
}

fn height(side: &Side) -> f64 {
    let boxes = side.len().min(MOST) as f64;
    let more = if side.len() > MOST { 20.0 } else { 0.0 };
    (boxes * (box_height(side.len()) + 10.0) - 10.0 + more).max(0.0)
}

/// Spreads a side's boxes over its area and gives the place below them.
fn column(out: &mut Vec<ClientBox>, side: &[(u32, Arc<str>, Role)], all: usize, area: Rect) -> Rect {
    let (h, folded, n) = (box_height(all), all > FOLD, side.len() as f64);
    let spare = if all > side.len() { 20.0 } else { 0.0 };
    let free = area.h - spare - n * h;
    let gap = (free / (n + 0.8)).clamp(10.0, 59.0);
    let total = n * (h + gap) - gap;
    let first = area.y + ((area.h - spare - total) / 2.0).max(0.0);
    for (n, (host, name, role)) in side.iter().enumerate() {
        let card = Rect::new(area.x, first + n as f64 * (h + gap), area.w, h);
        out.push(ClientBox { host: *host, name: name.clone(), role: *role, card, folded });
    }
    Rect::new(area.x, first + total + 4.0, area.w, 14.0)
}
