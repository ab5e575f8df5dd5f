//! The stage on its canvas. What is drawn is a function of the player's scene, its time and the layout; only
//! [`motion`] remembers anything, and only how far a tape has slid.

mod brush;
mod clients;
mod marks;
mod motion;
mod palette;
mod tape;
mod traffic;

use crate::base::TopicPartition;
use crate::view::{Layout, PartitionView, Player, Rect, Scene, TAPE, Token, layout};
use brush::{Anchor, Brush, Face, NUMBER, SMALL, Type};
use marks::{Ink, token};
use motion::Motion;
pub(crate) use palette::Palette;
use tape::Tape;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// What the stage shows besides the world.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Look {
    /// The stage's width in CSS pixels.
    pub(crate) width: f64,
    /// Its least height.
    pub(crate) least_height: f64,
    /// The partition that is selected, and on a phone the only one shown.
    pub(crate) selected: Option<TopicPartition>,
    /// Whether motion is to be avoided.
    pub(crate) still: bool,
}

/// Draws the stage.
pub(crate) struct Painter {
    canvas: HtmlCanvasElement,
    ctx: CanvasRenderingContext2d,
    palette: Palette,
    motion: Motion,
    layout: Layout,
}

impl Painter {
    /// A painter on a canvas; none when the browser has no 2d context.
    pub(crate) fn new(canvas: HtmlCanvasElement) -> Option<Self> {
        use wasm_bindgen::JsCast;
        let ctx = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        let (palette, motion, layout) = (Palette::read(), Motion::default(), Layout::default());
        Some(Self { canvas, ctx, palette, motion, layout })
    }

    /// Reads the colours again, after the theme changed.
    pub(crate) fn repaint(&mut self) {
        self.palette = Palette::read();
    }

    /// The partition whose column is at a place of the canvas, in CSS pixels.
    pub(crate) fn hit(&self, x: f64, y: f64) -> Option<TopicPartition> {
        let (x, y) = (x / self.layout.unit.max(0.01), y / self.layout.unit.max(0.01));
        let holds = |r: Rect| r.holds(x, y);
        let area = |c: &crate::view::Column| {
            let top = c.head.y - 2.0;
            Rect::new(c.tape.x - 4.0, top, c.tape.w + 8.0, c.tape.bottom() + 46.0 - top)
        };
        self.layout.columns.iter().find(|c| holds(area(c))).map(|c| c.tp.clone())
    }

    /// Draws the stage as it is now, `ms` after it was last drawn.
    pub(crate) fn paint(&mut self, player: &Player, look: &Look, ms: f64) {
        let scene = player.scene();
        self.layout = layout(scene, look.width.max(300.0), look.least_height, look.selected.as_ref());
        let ratio = gloo::utils::window().device_pixel_ratio().max(1.0);
        self.fit(ratio);
        let unit = self.layout.unit * ratio;
        // Refused only for what is no number.
        let _ = self.ctx.set_transform(unit, 0.0, 0.0, unit, 0.0, 0.0);
        self.ctx.clear_rect(0.0, 0.0, self.layout.width, self.layout.height);
        let b = Brush { ctx: &self.ctx, palette: &self.palette };
        if !self.layout.narrow {
            title(&b, scene, self.layout.more_partitions);
            more(&b, &self.layout);
            legend(&b, scene, self.layout.width);
        }
        // Messages come out from under a client's box and go in under the broker's card.
        traffic::routes(&b, scene, &self.layout, player.flights());
        traffic::flights(&b, scene, &self.layout, player.flights(), player.now(), look.still);
        for shelf in &self.layout.shelves {
            clients::shelf(&b, scene, shelf, self.layout.narrow);
        }
        traffic::ports(&b, &self.layout);
        tapes(&b, scene, &self.layout, &mut self.motion, look, ms);
        for client in &self.layout.clients {
            clients::client(&b, scene, client);
        }
    }

    /// Gives the canvas as many pixels as the screen has for it.
    fn fit(&self, ratio: f64) {
        let css_h = self.layout.height * self.layout.unit;
        let (w, h) = ((self.layout.width * self.layout.unit * ratio).round() as u32, (css_h * ratio).round() as u32);
        if self.canvas.width() != w || self.canvas.height() != h {
            self.canvas.set_width(w);
            self.canvas.set_height(h);
            // Refused only for a style sheet that is read-only.
            let _ = self.canvas.style().set_property("height", &format!("{css_h:.2}px"));
        }
    }
}

fn tapes(b: &Brush, scene: &Scene, layout: &Layout, motion: &mut Motion, look: &Look, ms: f64) {
    let nothing = PartitionView::default();
    for column in &layout.columns {
        let Some((leader, replica)) = scene.leader_replica(&column.tp) else { continue };
        let partition = scene.partitions.get(&column.tp).unwrap_or(&nothing);
        let shown = motion.follow(column, replica, ms, look.still);
        let leads = partition.leader == Some(leader);
        Tape { column, partition, replica, leads, shown }.draw(b, scene);
        if !layout.narrow && look.selected.as_ref() == Some(&column.tp) {
            let r = Rect::new(column.tape.x - 4.0, column.tape.y - 6.0, column.tape.w + 9.0, TAPE + 12.0);
            b.round(r, 5.0);
            b.pen(&b.palette.select, 2.0);
            b.ctx.stroke();
        }
    }
}

/// The topics, at the upper left.
fn title(b: &Brush, scene: &Scene, more: usize) {
    let p = b.palette;
    let names: Vec<&str> = scene.topics.keys().map(|name| &**name).collect();
    let text = if names.is_empty() { "No topic yet".into() } else { names.join(", ") };
    b.left(&b.fitted(&text, TITLE, 320.0), 14.0, 31.0, TITLE, &p.ink);
    let partitions: i32 = scene.topics.values().map(|t| t.partitions).sum();
    if partitions > 0 {
        let brokers = scene.brokers.len();
        let s = |n: i64, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
        let mut text = format!("{}, {}", s(i64::from(partitions), "partition"), s(brokers as i64, "broker"));
        if more > 0 {
            text += &format!("; {more} are not drawn: see Tables");
        }
        b.left(&text, 14.0, 49.0, SMALL, &p.ink3);
    }
}

/// How many clients there was no room for.
fn more(b: &Brush, layout: &Layout) {
    for (place, n) in layout.more_clients.iter().filter(|(_, n)| *n > 0) {
        b.left(&format!("and {n} more"), place.x + 9.0, place.y + 11.0, SMALL, &b.palette.ink3);
    }
}

const TITLE: Type = Type(Face::Text, 17.0, 600);

/// Which key has which token, at the upper right: the keys that are on the tapes.
fn legend(b: &Brush, scene: &Scene, width: f64) {
    let mut keys: Vec<_> = scene.replicas.values().flat_map(|r| &r.tail).filter_map(|c| c.key.clone()).collect();
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        return;
    }
    let column = 76.0;
    let columns = keys.len().min(8).div_ceil(2);
    let left = width - 14.0 - columns as f64 * column;
    b.text("Record keys", left - 10.0, 28.0, SMALL, &b.palette.ink3, Anchor::Right);
    for (n, key) in keys.iter().take(8).enumerate() {
        let (x, y) = (left + (n / 2) as f64 * column, 24.0 + (n % 2) as f64 * 16.0);
        token(b, Token::of(Some(key)), x + 6.0, y, 4.4, Ink::Solid);
        b.left(&b.fitted(key, NUMBER, column - 18.0), x + 15.0, y + 4.0, NUMBER, &b.palette.ink);
    }
}
